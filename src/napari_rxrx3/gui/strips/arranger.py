"""Arranges strips in the background, for whoever asks the session for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.gui.strips.choices import CHOICES, why_not
from napari_rxrx3.gui.work.debounce import LeadingDebounce
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session
from napari_rxrx3.strips.strip import CONTROL, Strip

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["Arranger"]

_TASK = "strip"
_SLOW = ("neighbors", "guides", "doses")
"""Kinds that may have to make a map first."""


class Arranger(QObject):
    """Answers `Session.want_strip`; one a workspace.

    What the user does in the meantime wins: a strip that comes late is not shown.
    """

    keeping_changed = Signal(bool)

    def __init__(self, session: Session, tasks: TaskGroup, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._turned: tuple[str, int] = ("", 0)
        self._kind, self._well, self._said = "", "", ""
        self.is_keeping = False
        """Every well that is gone to is shown as the last one was, until one is shown alone."""
        self._again = tasks.add(LeadingDebounce(self._arrange_again, self))
        # the session is not done yet
        self._soon = tasks.timer(self, 0, self._again.throttle)
        session.strip_wanted.connect(self.arrange)
        session.tiles_changed.connect(self._on_tiles)
        session.view_changed.connect(self._on_view)
        session.dataset_changed.connect(self._on_dataset)
        session.phenomap_changed.connect(self._on_phenomap)

    def keep(self, keeping: bool) -> None:
        """Show the wells that are gone to beside the same kind of others, or alone again."""
        if keeping != self.is_keeping:
            self.is_keeping = keeping
            strip, well = self._session.strip, self._session.well
            self._kind = strip.kind if strip is not None else ""
            self._well = well or ""
            self.keeping_changed.emit(keeping)

    def arrange(self, kind: str, options: Mapping[str, Any]) -> None:
        """Show a strip of this kind for the current well, or say why there is none; without a
        kind, none that is under way.
        """
        if not kind:
            self._tasks.cancel(_TASK)
            return
        session = self._session
        options = dict(options)
        why = why_not(session, kind, options.get("wells"))
        dataset, well = session.dataset, session.well
        if why or dataset is None or well is None:
            session.say(why)
            return
        if kind == "wells":
            options.setdefault("wells", self._selected(dataset))
        if kind == "control":
            session.set_beside_control(True)
            options.setdefault("turn", self._turn(well))
        self._kind, self._well = kind, well
        self._run(dataset, kind, well, options)

    def _run(self, dataset: Dataset, kind: str, well: str, options: Mapping[str, Any]) -> None:
        query = self._session.query

        def work(progress: Progress) -> Strip:
            from napari_rxrx3.strips import arrange

            return arrange(kind, dataset, well, query=query, progress=progress, **options)

        words = CHOICES[kind].word.lower()
        text = f"arranging {words}" if kind in _SLOW else ""
        self._tasks.run(_TASK, work, self._show, self._session.say, text)

    def _show(self, strip: Strip) -> None:
        self._session.show_strip(strip)
        self._said = strip.note
        if strip.note:
            self._session.say(strip.note)

    def _turn(self, well: str) -> int:
        """How often another control was asked for: once more each time that one is there."""
        session = self._session
        shown = session.strip is not None and session.strip.kind == "control"
        again = self._turned[0] == well and (shown or self._tasks.is_running(_TASK))
        self._turned = well, self._turned[1] + 1 if again else 0
        return self._turned[1]

    def _selected(self, dataset: Dataset) -> list[str]:
        """The selected wells, in reading order."""
        positions = dataset.listed.positions_of(list(self._session.selection))
        return [str(well) for well in dataset.known_wells.index[sorted(positions)]]

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self.keep(False)

    def _on_phenomap(self, phenomap: PhenoMap | None) -> None:
        """Say of doses that are on screen what is known of them since."""
        strip = self._session.strip
        if strip is None or strip.curve is None or strip.curve.verdict or phenomap is None:
            return
        if self._well == self._session.well and phenomap.doses.is_ready:
            self.arrange(strip.kind, {})

    def _on_tiles(self, tiles: tuple[Tile, ...]) -> None:
        self._tasks.cancel(_TASK)  # something newer is on screen
        if self._said and self._said == self._session.message:
            self._session.say("")  # it is not about that
        self._said = ""
        if self.is_keeping and self._kind and self._is_landed:
            if self._session.well == self._well:
                self.keep(False)
            else:
                self._soon.start()

    def _on_view(self, view: str) -> None:
        if view == "plate":
            self._tasks.cancel(_TASK)  # a strip that comes late would take the plate away

    @property
    def _is_landed(self) -> bool:
        """The current well is shown as it is when it was just gone to."""
        session = self._session
        shown = [tile.well_id for tile in session.tiles if tile.role != CONTROL]
        kind = session.strip.kind if session.strip is not None else ""
        usual = "control" if session.beside_control else ""
        return shown == [session.well] and kind in ("", usual) and session.view == "well"

    def _arrange_again(self) -> None:
        if self.is_keeping and self._is_landed and not why_not(self._session, self._kind):
            self.arrange(self._kind, {})

"""One box that finds genes, guides, compounds and wells, and where else they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QModelIndex, QStringListModel, Qt, Signal
from qtpy.QtWidgets import QCompleter, QLineEdit, QWidget

from napari_rxrx3.core.plate import PlateId, parse_address
from napari_rxrx3.core.spelling import normal_address
from napari_rxrx3.core.words import count
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress, Tasks

if TYPE_CHECKING:
    from napari_rxrx3.data.wells.search import Found, Match, SearchIndex

__all__ = ["FindBox"]

_PAUSE_MS = 80


class FindBox(QLineEdit):
    """A line with completion over all names of a data set, which a thread of its own looks up."""

    found = Signal(object)
    """The user chose something: where it is, a `Found`."""
    not_found = Signal(str)
    """The user asked for a name that does not exist."""
    cleared = Signal()

    def __init__(self, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._index: SearchIndex | None = None
        self._hits: list[Match] = []
        self._plate: PlateId | None = None
        self._enter_waits = False
        self._tasks = tasks.add(Tasks(self, n_threads=1))  # never behind work that takes longer
        self._model = QStringListModel(self)
        completer = QCompleter(self._model, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.activated[QModelIndex].connect(self._choose)
        completer.setWidget(self)  # not setCompleter: it would put the whole row into the line
        self._completer = completer
        self._pause = tasks.timer(self, _PAUSE_MS, self._complete)
        self.setToolTip(
            "Type any part of a name. Enter takes the first one; its wells light up on the map."
        )
        self.setClearButtonEnabled(True)
        self.setAccessibleName("Find")
        self.textEdited.connect(self._on_edited)
        self.textChanged.connect(self._on_changed)
        self.returnPressed.connect(self._take_first)

    def set_index(self, index: SearchIndex | None) -> None:
        """Search these names from now on."""
        self._index = index
        self._tasks.cancel("find")
        if index is None:
            self.clear()
        elif self._enter_waits:  # pressed while the names were read
            self._take_first()
        elif self.text():
            self._pause.start()

    @property
    def index(self) -> SearchIndex | None:
        return self._index

    @property
    def hits(self) -> list[Match]:
        """What the completion lists, best first."""
        return list(self._hits)

    def set_plate(self, plate: PlateId | None) -> None:
        """An address such as AE23 means the well on this plate."""
        self._plate = plate

    def _on_edited(self) -> None:
        self._enter_waits = False
        self._tasks.cancel("find")  # its answer would be one to another text
        self._pause.start()

    def _on_changed(self, text: str) -> None:
        if not text:
            self._enter_waits = False
            self._tasks.cancel("find")
            self._completer.popup().hide()
            self.cleared.emit()

    def _complete(self) -> None:
        index, text, plate = self._index, self.text(), self._plate
        if index is None or not text.strip():
            return

        def work(progress: Progress) -> list[Match]:
            return _search(index, text, plate, progress)

        self._tasks.run("find", work, self._list, self.not_found.emit)

    def _list(self, hits: list[Match]) -> None:
        self._hits = hits
        self._model.setStringList([_row(hit) for hit in hits])
        if hits and self.hasFocus():
            self._completer.complete()
        else:
            self._completer.popup().hide()

    def _choose(self, row: QModelIndex) -> None:
        index = self._index
        if index is None or row.row() >= len(self._hits):
            return
        hit = self._hits[row.row()]
        self._tasks.run("find", lambda _: index.where(hit), self._take, self.not_found.emit)

    def _take_first(self) -> None:
        self._pause.stop()
        index, text, plate = self._index, self.text().strip(), self._plate
        self._enter_waits = index is None and bool(text)
        if not text or index is None:
            return

        def work(progress: Progress) -> _First:
            return _first(index, text, plate, progress)

        self._tasks.run("find", work, self._on_first, self.not_found.emit)

    def _on_first(self, first: _First) -> None:
        self._hits = first.hits
        if first.found is None:
            self.not_found.emit(self.text().strip())
        else:
            self._take(first.found)

    def _take(self, found: Found) -> None:
        self._completer.popup().hide()
        self.setText(found.match.words)
        self.found.emit(found)


class _First(NamedTuple):
    found: Found | None
    hits: list[Match]


def _search(
    index: SearchIndex, text: str, plate: PlateId | None, progress: Progress
) -> list[Match]:
    here = _well_here(index, text, plate)
    hits = index.search(text, go_on=lambda: progress(0, 0, ""))
    return [*([here] if here is not None else []), *(hit for hit in hits if hit != here)]


def _first(index: SearchIndex, text: str, plate: PlateId | None, progress: Progress) -> _First:
    """What has exactly this name, else the first of what a search finds."""
    hits = _search(index, text, plate, progress)
    hit = index.find(text) or next(iter(hits), None)
    return _First(index.where(hit) if hit is not None else None, hits)


def _well_here(index: SearchIndex, text: str, plate: PlateId | None) -> Match | None:
    if plate is None:
        return None
    try:
        row, column = parse_address(normal_address(text))
    except ValueError:
        return None
    return index.at(plate, row, column)


def _row(match: Match) -> str:
    wells = "" if match.kind == "well" else f", {count(match.n_wells, 'well')}"
    return f"{match.name}   ({match.kind}{wells})"

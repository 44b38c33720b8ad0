"""The page of the whole map: every entry as a point, linked to the plate and to the images."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QLabel, QVBoxLayout, QWidget

from napari_rxrx3.core.display import display
from napari_rxrx3.gui.map.beside import BesideOrAbove
from napari_rxrx3.gui.map.points.coloring import (
    SIMILARITY,
    TAGS,
    Coloring,
    color_points,
    needs_scores,
)
from napari_rxrx3.gui.map.points.controls import MapControls
from napari_rxrx3.gui.map.points.hovering import HoverPictures
from napari_rxrx3.gui.map.points.making import (
    FILE,
    PCA,
    UMAP,
    MapRequest,
    MapScene,
    make_scene,
    strongest,
)
from napari_rxrx3.gui.map.points.saving import MapSaving, picture_of
from napari_rxrx3.gui.map.points.view import MapView
from napari_rxrx3.gui.plate.legend import Legend
from napari_rxrx3.gui.question_panel import QuestionPanel
from napari_rxrx3.gui.widgets import is_key_override
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.figures.map_picture import MapPicture
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["MapPage"]

_MAKE, _COLOR, _LABEL = "map", "map-colors", "map-labels"
_CHOOSE, _LIGHT = "map-set", "map-marks"
_TASKS = (_MAKE, _COLOR, _LABEL, _CHOOSE, _LIGHT)
_LABELED = 60
_LABELED_OF_SET = 30
_TABLES = "Tables of coordinates (*.parquet *.csv *.tsv *.txt *.gz);;All files (*)"


class MapPage(QuestionPanel):
    """Shows the map that the session's query goes to."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(session, tasks, _MAKE, parent)
        self.scene: MapScene | None = None
        self._wanted: MapRequest | None = None
        self._method, self._path = PCA, ""
        self._coloring: Coloring | None = None
        self._strongest: list[int] = []
        self._labels: list[tuple[int, str]] = []
        self.controls, self.view, self.legend = MapControls(), MapView(), Legend("entry")
        self.note = QLabel()
        self.pictures = HoverPictures(session, self.view)
        self.saving = MapSaving(session, tasks, self)
        for worker in (self.view.rendering, self.pictures.thumbnails):
            tasks.add(worker)
        tasks.settled_if(self._is_drawn)
        self._lay_out()
        self._connect()
        self._follow_session()

    def _is_drawn(self) -> bool:
        """The right picture is on screen, if there is room for one."""
        is_seen = self.view.isVisible() and not self.view.visibleRegion().isEmpty()
        return self.view.is_sharp or not is_seen

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the map have its keys before the window, where 0 is the plate."""
        if is_key_override(event):
            is_dragging = QApplication.mouseButtons() != Qt.MouseButton.NoButton
            if event.key() == Qt.Key.Key_0 or (event.key() == Qt.Key.Key_Escape and is_dragging):
                event.accept()
                return True
        return False

    def _lay_out(self) -> None:
        self.view.installEventFilter(self)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        parts = BesideOrAbove(self.view)
        for widget in (self.controls, self.note, self.legend):
            parts.column.addWidget(widget)
        parts.turned.connect(self.controls.set_narrow)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(parts)

    def _connect(self) -> None:
        follow, session = self._connections.connect, self._session
        follow(session.chosen_changed, self._on_chosen)
        follow(session.phenomap_changed, self._on_scores)
        follow(session.limits_changed, self.pictures.show_again)
        for signal in (session.review_changed, session.tags_changed, display.tags_changed):
            follow(signal, self._on_tags)
        self._tasks.stopped.connect(self._on_coloring_stopped)
        controls, view = self.controls, self.view
        controls.method_chosen.connect(self._choose_method)
        controls.umap_asked.connect(partial(self._choose_method, UMAP))
        controls.color_chosen.connect(self._recolor)
        controls.mode_chosen.connect(view.set_mode)
        controls.fit.clicked.connect(view.fit)
        controls.save.clicked.connect(lambda: self.saving.ask(self.picture()))
        view.clicked.connect(self._select)
        view.activated.connect(self._open)
        view.marked.connect(self._choose_rows)

    # -- the map and its projection ---------------------------------------------------------------

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._tasks.cancel(*_TASKS)
        self._wanted, self._method, self._path = None, PCA, ""
        self._show_nothing("" if dataset is None else "The map is made when it is looked at.")
        self.controls.set_method(PCA)
        self._refresh()

    def _on_query(self, query: Query) -> None:
        self._refresh()
        if self.scene is not None and self._is_current(self.scene):
            self._show_current()
            if self.controls.color_by.currentText() == SIMILARITY:
                self._recolor()

    def _refresh(self, again: bool = False) -> None:
        """Make the map that the query goes to, if it is another one and somebody sees it."""
        dataset, spec = self._seen_dataset, self._session.map_spec
        if dataset is None or spec is None or not self._session.query.key:
            return
        if self._wanted is not None and not again:
            if spec == self._wanted.spec:
                return
            if self._method == FILE and spec.level != self._wanted.spec.level:
                self._method = PCA  # its names are others
        wanted = MapRequest(spec, self._method, self.controls.settings.value, self._path, again)
        self._wanted = wanted
        self._make(dataset, wanted)

    def _make(self, dataset: Dataset, wanted: MapRequest) -> None:
        self._tasks.cancel(*_TASKS)
        self.controls.set_method(wanted.method)
        if self.scene is None:
            self._say("The map is being made.")

        def work(progress: Progress) -> MapScene:
            return make_scene(dataset, wanted, progress)

        text = "making the map" if wanted.method == PCA else f"making the map by {wanted.method}"
        self._ask(work, self._show_scene, self._on_failed, text)

    def _show_scene(self, scene: MapScene) -> None:
        before, self.scene = self.scene, scene
        self._method = scene.method
        if before is None or before.phenomap is not scene.phenomap:
            self._coloring, self._strongest = None, []
        self.pictures.set_scene(scene)
        self.controls.set_method(scene.method)
        self.view.set_points(scene.projection.positions)
        self.view.set_names(self._words)
        self.view.set_caption(scene.caption)
        self._say(scene.note)
        self.controls.set_colorings(scene.colorings)
        self._recolor()
        self._show_current()
        self._find_labels()
        self._on_chosen(self._session.chosen)

    def _show_nothing(self, sentence: str) -> None:
        self.scene, self._coloring, self._strongest = None, None, []
        self.pictures.set_scene(None)
        self.view.set_points(None)
        self.view.set_caption("")
        self.legend.setLegend(None)
        self._say(sentence)

    def _is_current(self, scene: MapScene) -> bool:
        return self._wanted is not None and scene.wanted.spec == self._wanted.spec

    def _choose_method(self, method: str) -> None:
        """Lay the entries out in another way; where that cannot be, all stays as it is."""
        if method == FILE:
            path = QFileDialog.getOpenFileName(self, "Coordinates of the entries", "", _TABLES)[0]
            if path:
                self.use_file(path)
            else:
                self._show_method()
            return
        if method == UMAP and not self._can_umap():
            self._show_method()
            return
        self._method = method
        self._refresh(again=True)

    def use_file(self, path: str) -> None:
        """Lay the entries out by the coordinates in a file."""
        self._method, self._path = FILE, path
        self._refresh(again=True)

    def _can_umap(self) -> bool:
        """Whether UMAP is there; says how to get it if not."""
        from napari_rxrx3.maps.projection.umap import HOW_TO_GET_UMAP, has_umap

        if not has_umap():
            self._say(HOW_TO_GET_UMAP)
            return False
        return True

    def _show_method(self) -> None:
        """Say in the controls how the picture on screen was made, and go on from there."""
        self._method = self.scene.method if self.scene is not None else PCA
        self.controls.set_method(self._method)
        if self.scene is not None and self._wanted is not None:
            self._wanted = replace(self.scene.wanted, spec=self._wanted.spec)

    def _on_failed(self, sentence: str) -> None:
        if self.scene is not None and not self._is_current(self.scene):
            self._show_nothing("")  # it is of another map than the one that is asked
        self._show_method()
        self._say(sentence)

    def _on_stopped(self) -> None:
        self._on_failed("Stopped. Choose how to make the map to start it again.")

    def _on_coloring_stopped(self, task: str) -> None:
        if task == _COLOR:
            self._say("Stopped: the colors are those of before.")

    def _say(self, sentence: str) -> None:
        self.note.setText(sentence)
        self.note.setVisible(bool(sentence))

    # -- colors and names -------------------------------------------------------------------------

    def _recolor(self, by: str = "") -> None:
        scene = self.scene
        if scene is None:
            return
        by = by or self.controls.color_by.currentText()
        row, tags = scene.row_of(self._session.query), self._tags() if by == TAGS else {}
        looks = tuple((tag.name, _rgb(tag.color)) for tag in display.tags)

        def work(progress: Progress) -> Coloring:
            wells = scene.dataset.known_wells
            return color_points(scene.phenomap, wells, by, row, tags, looks, progress)

        text = "scoring the whole map" if needs_scores(by) else ""
        self._tasks.run(_COLOR, work, self._show_colors, self._say, text)

    def _show_colors(self, coloring: Coloring) -> None:
        self._coloring = coloring
        self.view.set_colors(coloring.classes, coloring.palette)
        self.legend.setLegend(coloring.legend)
        if self.scene is not None and not self._strongest:
            self._find_labels()

    def _tags(self) -> dict[str, int]:
        review = self._session.review
        return {w: hit.tag for w, hit in review.hits.items()} if review is not None else {}

    def _on_tags(self, what: object = None) -> None:
        if self.controls.color_by.currentText() == TAGS:
            self._recolor()

    def _on_scores(self, phenomap: PhenoMap | None) -> None:
        """The scores of a map have been computed: the strongest are known better now."""
        if self.scene is not None and phenomap is self.scene.phenomap:
            self._find_labels()

    def _find_labels(self) -> None:
        scene = self.scene
        if scene is not None:
            self._tasks.run(
                _LABEL,
                lambda progress: strongest(scene.phenomap, _LABELED),
                self._name_strongest,
                self._session.say,
            )

    def _name_strongest(self, rows: list[int]) -> None:
        self._strongest = rows
        self._show_labels()

    def _show_labels(self) -> None:
        """Name the query, some of the chosen set, and the strongest, in this order."""
        scene = self.scene
        if scene is None:
            return
        query = scene.row_of(self._session.query)
        marks = self.view.marks()
        of_set = marks.tolist() if len(marks) <= _LABELED_OF_SET else []
        rows = [*([query] if query is not None else []), *of_set, *self._strongest]
        self._labels = [(row, scene.name(row)) for row in dict.fromkeys(rows)]
        self.view.set_labels(self._labels)

    def picture(self) -> MapPicture | None:
        """What the view shows, to be drawn elsewhere; None as long as that is nothing."""
        scene, query = self.scene, self._session.query
        current = scene.row_of(query) if scene is not None else None
        return picture_of(scene, self._coloring, self.view, self._labels, current)

    def _words(self, row: int) -> str:
        scene = self.scene
        return scene.words(row, scene.row_of(self._session.query)) if scene is not None else ""

    def _show_current(self) -> None:
        if self.scene is not None:
            self.view.set_current(self.scene.row_of(self._session.query))
            self._show_labels()

    # -- what the user points at ------------------------------------------------------------------

    def _select(self, row: int) -> None:
        """Ask about an entry, and show its well."""
        scene = self.scene
        if scene is None:
            return
        positions = scene.phenomap.positions_of(row)
        well = self._session.picture_of(positions)
        if well is None:
            well = str(scene.phenomap.well_ids[positions[0]])
        self._session.select_well(well, key=scene.key(row))

    def _open(self, row: int) -> None:
        self._select(row)
        self._session.set_view("well")

    # -- the chosen set ---------------------------------------------------------------------------

    def _choose_rows(self, rows: np.ndarray[Any, Any]) -> None:
        """Make the marked points the chosen set of the session."""
        scene = self.scene
        if scene is None:
            return
        title = f"{len(rows):,} chosen on the map"

        def work(progress: Progress) -> tuple[str, ...]:
            return tuple(scene.phenomap.labels.index[rows].tolist())

        def done(keys: tuple[str, ...]) -> None:
            self._session.choose_entries(keys, title if keys else "")

        self._tasks.run(_CHOOSE, work, done, self._session.say)

    def _on_chosen(self, keys: tuple[str, ...]) -> None:
        """Light up the chosen set, whoever chose it."""
        scene = self.scene
        if scene is None:
            return
        if not keys or self._session.chosen_spec.level != scene.phenomap.level:
            self._tasks.cancel(_LIGHT)
            self._light(np.zeros(0, np.intp))
            return

        def work(progress: Progress) -> Any:
            rows = scene.phenomap.rows_of(keys)
            return rows[rows >= 0]

        self._tasks.run(_LIGHT, work, self._light, self._session.say)

    def _light(self, rows: Any) -> None:
        self.view.set_marked(rows)
        self._show_labels()


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)

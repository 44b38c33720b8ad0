"""One box that finds genes, guides, compounds and wells, and says on which plates they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fonticon_mdi7 import MDI7
from qtpy.QtCore import QModelIndex, QRect, QStringListModel, Qt, Signal
from qtpy.QtGui import QIcon, QKeyEvent, QPaintEvent, QPalette
from qtpy.QtWidgets import QCompleter, QLineEdit, QListView, QWidget
from superqt.fonticon import icon

from napari_rxrx3.core.plate import PlateId, parse_address
from napari_rxrx3.core.spelling import normal_address
from napari_rxrx3.core.words import count
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress, Tasks

if TYPE_CHECKING:
    from napari_rxrx3.data.search import Found, FoundPlate, Match, SearchIndex

__all__ = ["FindBox"]

_PAUSE_MS = 80
_MEASURED = 100
"""Rows of the popup that it is made wide enough for."""
_BESIDE_ROWS = 30
"""Pixels for margins and a scroll bar."""


class FindBox(QLineEdit):
    """A line with completion over all names of a data set, which a thread of its own looks up.

    When something was found, its popup lists the plates that hold it: by the button in the line,
    or the key Down.
    """

    found = Signal(object)
    """The user chose something: where it is, a `Found`."""
    well_chosen = Signal(str)
    """The user chose a plate of what was found: a found well on it."""
    not_found = Signal(str)
    """The user asked for a name that does not exist."""
    cleared = Signal()

    def __init__(self, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._index: SearchIndex | None = None
        self._hits: list[Match] = []
        self._found: Found | None = None
        self._lists_plates = False
        self._plate: PlateId | None = None
        self._enter_waits = False
        self._tasks = tasks.add(Tasks(self, n_threads=1))  # never behind work that takes longer
        self._model = QStringListModel(self)
        completer = QCompleter(self._model, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.activated[QModelIndex].connect(self._choose)
        completer.setWidget(self)  # not setCompleter: it would put the whole row into the line
        view = completer.popup()
        if isinstance(view, QListView):
            view.setUniformItemSizes(True)  # otherwise each of thousands of plates is measured
            view.setParent(self, view.windowFlags())  # or it would not follow napari's theme
        self._completer = completer
        self.where = self.addAction(QIcon(), QLineEdit.ActionPosition.TrailingPosition)
        self.where.triggered.connect(self.show_plates)
        self.where.setVisible(False)
        self._color = ""
        self._pause = tasks.timer(self, _PAUSE_MS, self._complete)
        self.setToolTip(
            "Type any part of a name. Enter takes the first one; its wells light up on the map, "
            "Down lists the plates that hold it."
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

    def rows(self) -> list[str]:
        """What the popup lists: names, or plates."""
        return self._model.stringList()

    def set_plate(self, plate: PlateId | None) -> None:
        """An address such as AE23 means the well on this plate."""
        self._plate = plate

    def _on_edited(self) -> None:
        self._enter_waits = False
        self._tasks.cancel("find")  # its answer would be one to another text
        self._pause.start()

    def _on_changed(self, text: str) -> None:
        self.where.setVisible(self._found is not None and text == self._found.match.words)
        if not text:
            self._enter_waits = False
            self._tasks.cancel("find")
            self._completer.popup().hide()
            self._set_found(None)
            self.cleared.emit()

    def _complete(self) -> None:
        index, text, plate = self._index, self.text(), self._plate
        if index is None or not text.strip():
            return

        def work(progress: Progress) -> list[Match]:
            return _search(index, text, plate, progress)

        self._tasks.run("find", work, self._list, self.not_found.emit)

    def _list(self, hits: list[Match]) -> None:
        self._hits, self._lists_plates = hits, False
        self._model.setStringList([_row(hit) for hit in hits])
        if hits and self.hasFocus():
            self._open_popup()
        else:
            self._completer.popup().hide()

    def show_plates(self) -> None:
        """List the plates that hold what was found."""
        if self._found is not None and self.where.isVisible():
            self._lists_plates = True
            self._model.setStringList([_row_of_plate(plate) for plate in self._found.plates])
            self.setFocus(Qt.FocusReason.PopupFocusReason)
            self._open_popup()

    def _open_popup(self) -> None:
        """Open it below the line, as wide as its rows."""
        metrics = self._completer.popup().fontMetrics()
        widest = max(map(metrics.horizontalAdvance, self.rows()[:_MEASURED]))
        width = max(self.width(), widest + _BESIDE_ROWS)
        self._completer.complete(QRect(0, 0, width, self.height()))

    def _choose(self, row: QModelIndex) -> None:
        index = self._index
        if self._lists_plates and self._found is not None:
            self.well_chosen.emit(self._found.plates[row.row()].first)
            return
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
        self._set_found(found)
        self.found.emit(found)

    def _set_found(self, found: Found | None) -> None:
        self._found = found
        self.where.setVisible(found is not None)
        if found is not None:
            self.where.setToolTip(wrapped_tooltip(f"{found.words}. List the plates (Down)"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and not self._completer.popup().isVisible():
            self.show_plates()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        # napari's style sheet sets the palette late and changes it with the theme
        color = self.palette().color(QPalette.ColorRole.Text).name()
        if color != self._color:
            self._color = color
            self.where.setIcon(icon(MDI7.map_marker_multiple_outline, color=color))
        super().paintEvent(event)


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
    return f"{match.words}   ({match.kind}{wells})"


def _row_of_plate(found: FoundPlate) -> str:
    images = f"{found.n_images} with images" if found.n_images else "no images here"
    return f"{found.plate}: {count(found.n_wells, 'well')}, {images}"

"""One box that finds genes, guides, compounds and wells, and where else they are."""

from __future__ import annotations

from qtpy.QtCore import QModelIndex, QStringListModel, Qt, QTimer, Signal
from qtpy.QtWidgets import QCompleter, QLineEdit, QWidget

from napari_rxrx3.core.plate import PlateId, parse_address
from napari_rxrx3.data.search import Hit, SearchIndex

__all__ = ["FindBox"]

_PAUSE_MS = 80


class FindBox(QLineEdit):
    """A line with completion over all names of a data set."""

    found = Signal(object)
    """The user chose a `Hit`."""
    not_found = Signal(str)
    """The user asked for a name that does not exist."""
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._index: SearchIndex | None = None
        self._hits: list[Hit] = []
        self._plate: PlateId | None = None
        self._model = QStringListModel(self)
        completer = QCompleter(self._model, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.activated[QModelIndex].connect(self._choose)
        completer.setWidget(self)  # not setCompleter: it would put the whole row into the line
        self._completer = completer
        self._pause = QTimer(self, interval=_PAUSE_MS, singleShot=True)
        self._pause.timeout.connect(self._complete)
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
        if index is None:
            self.clear()
        elif self.text():  # typed while the names were read
            self._pause.start()

    @property
    def index(self) -> SearchIndex | None:
        return self._index

    @property
    def hits(self) -> list[Hit]:
        """What the text finds, best first."""
        return list(self._hits)

    def _on_edited(self) -> None:
        self._pause.start()

    def _on_changed(self, text: str) -> None:
        if not text:
            self._completer.popup().hide()
            self.cleared.emit()

    def set_plate(self, plate: PlateId | None) -> None:
        """An address such as AE23 means the well on this plate."""
        self._plate = plate

    def _search(self) -> None:
        self._hits = []
        if self._index is not None:
            here = self._well_here()
            self._hits = [here] if here is not None else []
            self._hits += [hit for hit in self._index.search(self.text()) if hit != here]

    def _well_here(self) -> Hit | None:
        if self._plate is None or self._index is None:
            return None
        try:
            row, column = parse_address(self.text().strip().upper())
        except ValueError:
            return None
        return self._index.at(self._plate, row, column)

    def _complete(self) -> None:
        self._search()
        self._model.setStringList([_row(hit) for hit in self._hits])
        if self._hits and self.hasFocus():
            self._completer.complete()
        else:
            self._completer.popup().hide()

    def _choose(self, index: QModelIndex) -> None:
        if index.row() < len(self._hits):
            self._take(self._hits[index.row()])

    def _take_first(self) -> None:
        self._pause.stop()
        if not self.text().strip() or self._index is None:
            return
        exact = self._index.find(self.text().strip()) if self._index is not None else None
        self._search()
        hit = exact or (self._hits[0] if self._hits else None)
        if hit is None:
            self.not_found.emit(self.text().strip())
        else:
            self._take(hit)

    def _take(self, hit: Hit) -> None:
        self._completer.popup().hide()
        self.setText(hit.name)
        self.found.emit(hit)


def _row(hit: Hit) -> str:
    wells = "" if hit.kind == "well" else f", {hit.n_wells:,} well{'s' * (hit.n_wells != 1)}"
    return f"{hit.name}   ({hit.kind}{wells})"

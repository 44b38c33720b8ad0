"""Where a found perturbation is: the plates that hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QStringListModel, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QLabel, QListView, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_rxrx3.data.wells.search import Found, FoundPlate

from napari_rxrx3.core.words import count

__all__ = ["FoundPanel"]

_HINT = "Find a gene, guide or compound above: the plates that hold it are listed here."


class FoundPanel(QWidget):
    """Lists plates; a click goes to the first found well on one."""

    well_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.head = QLabel(_HINT)
        self.head.setWordWrap(True)
        self.head.setTextFormat(Qt.TextFormat.PlainText)
        self._plates: tuple[FoundPlate, ...] = ()
        self._rows = QStringListModel(self)
        self.list = QListView()
        self.list.setModel(self._rows)
        self.list.setUniformItemSizes(True)  # otherwise each of thousands of rows is measured
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setAccessibleName("Plates with the found wells")
        self.list.setToolTip("Click on a plate to see the first of the wells on it")
        self.list.clicked.connect(self._choose)
        self.list.activated.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.head)
        layout.addWidget(self.list, 1)

    def rows(self) -> list[str]:
        """The plates as they are listed."""
        return self._rows.stringList()

    def set_found(self, found: Found | None) -> None:
        """List the plates of what was found; None: nothing was."""
        self._plates = found.plates if found is not None else ()
        self._rows.setStringList([_row(plate) for plate in self._plates])
        if found is None:
            self.head.setText(_HINT)
            return
        wells, plates = count(len(found.positions), "well"), count(len(self._plates), "plate")
        self.head.setText(f"{found.match.words}: {wells} on {plates}")

    def _choose(self, row: QModelIndex) -> None:
        self.well_chosen.emit(self._plates[row.row()].first)


def _row(found: FoundPlate) -> str:
    images = f"{found.n_images} with images" if found.n_images else "no images here"
    return f"{found.plate}: {count(found.n_wells, 'well')}, {images}"

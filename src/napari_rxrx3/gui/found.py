"""Where a found perturbation is: the plates that hold it."""

from __future__ import annotations

import pandas as pd
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_rxrx3.core.plate import PlateId

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
        self.list = QListWidget()
        self.list.setAccessibleName("Plates with the found wells")
        self.list.itemClicked.connect(self._choose)
        self.list.itemActivated.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.head)
        layout.addWidget(self.list, 1)

    def set_found(self, name: str, wells: pd.DataFrame | None) -> None:
        """List the plates of these rows of ``Dataset.wells``; None: nothing was found."""
        self.list.clear()
        if wells is None:
            self.head.setText(_HINT)
            return
        names = ["experiment_name", "plate"]
        plates = wells.groupby(names, sort=False).agg(
            n=("address", "size"), images=("has_image", "sum")
        )
        shown_first = wells.sort_values("has_image", ascending=False, kind="stable")
        shown_first = shown_first[~shown_first.duplicated(names)].reset_index().set_index(names)
        plates["first"] = shown_first["well_id"]
        self.head.setText(f"{name}: {_count(len(wells), 'well')} on {_count(len(plates), 'plate')}")
        for row in plates.itertuples():
            images = f"{row.images} with images" if row.images else "no images here"
            item = QListWidgetItem(f"{PlateId(*row.Index)}: {_count(row.n, 'well')}, {images}")
            item.setData(Qt.ItemDataRole.UserRole, row.first)
            self.list.addItem(item)

    def _choose(self, item: QListWidgetItem) -> None:
        self.well_chosen.emit(item.data(Qt.ItemDataRole.UserRole))


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}{'s' * (n != 1)}"

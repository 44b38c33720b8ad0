"""The list of neighbors as a table with a picture in each row."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QKeyEvent, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.gui.thumbnails import Thumbnails
from napari_rxrx3.maps.neighbors import Neighbor

__all__ = ["NeighborModel", "NeighborTable"]

_ROW_HEIGHT = 42
_KIND_WORDS = {"CRISPR": "gene", "COMPOUND": "cpd"}
_PICTURE = 1
_WIDTHS = {0: 26, _PICTURE: 48, 3: 42, 4: 56, 5: 46, 6: 40}
_ROOT = QModelIndex()


class NeighborModel(QAbstractTableModel):
    """Neighbors as rows; pictures come later, one by one."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.neighbors: list[Neighbor] = []
        self._value_name = "cos"
        self._limits: Limits | None = None
        self._thumbnails = thumbnails
        self._icons: dict[str, QIcon] = {}
        thumbnails.arrived.connect(self._on_arrived)

    def set_neighbors(self, neighbors: list[Neighbor], metric: str) -> None:
        self.beginResetModel()
        self.neighbors = neighbors
        self._value_name = "cos" if metric == "cosine" else "dist"
        self.endResetModel()

    def set_limits(self, limits: Limits | None) -> None:
        """Draw all pictures in this contrast."""
        self._limits = limits
        self._icons.clear()
        if self.neighbors:
            last = self.index(len(self.neighbors) - 1, _PICTURE)
            self.dataChanged.emit(self.index(0, _PICTURE), last)

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.neighbors)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else 7

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return ("#", "", "name", "kind", "µM", self._value_name, "wells")[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _COLUMN_TIPS[section]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        neighbor = self.neighbors[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _texts(neighbor)[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == _PICTURE:
            return self._icon(neighbor.well)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in (0, 4, 5, 6):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            shown = f"shown: well {neighbor.well}" if neighbor.well else "no image of it is here"
            return Qt.convertFromPlainText(f"{neighbor.key}\n{shown}")
        return None

    def _icon(self, well: str | None) -> QIcon | None:
        if well is None or self._limits is None:
            return None
        if well not in self._icons:
            image = self._thumbnails.image(well, self._limits)
            if image is None:
                return None
            self._icons[well] = _scaled(image)
        return self._icons[well]

    def _on_arrived(self, well: str) -> None:
        for row, neighbor in enumerate(self.neighbors):
            if neighbor.well == well:
                place = self.index(row, _PICTURE)
                self.dataChanged.emit(place, place)


class NeighborTable(QTableView):
    """Neighbors; one row can be current."""

    chosen = Signal(object)
    """The `Neighbor` that became current by the user's doing."""
    activated_neighbor = Signal(object)
    """The `Neighbor` that was double-clicked, or on which Enter was pressed."""

    def __init__(self, model: NeighborModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self._neighbors = model
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setIconSize(QSize(_ROW_HEIGHT - 4, _ROW_HEIGHT - 4))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Neighbors")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(lambda index: self._activate(index.row()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._activate(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def _on_current(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self._neighbors.neighbors[current.row()])

    def _activate(self, row: int) -> None:
        self.activated_neighbor.emit(self._neighbors.neighbors[row])


_COLUMN_TIPS = (
    "Rank",
    "One of its wells, in the contrast of the canvas",
    "Gene or compound",
    "gene: CRISPR knockout; cpd: compound",
    "Dose in micromolar",
    "Similarity: cosine of the two mean vectors, 1 is the same direction; or their distance",
    "Number of wells that the mean vector is made of",
)


def _texts(neighbor: Neighbor) -> tuple[str, ...]:
    dose = "" if neighbor.dose != neighbor.dose else f"{neighbor.dose:g}"
    picture = "" if neighbor.well else "none"
    kind = _KIND_WORDS.get(neighbor.kind, neighbor.kind)
    value = f"{neighbor.value:.2f}"
    return str(neighbor.rank), picture, neighbor.name, kind, dose, value, str(neighbor.n_wells)


def _scaled(image: QImage) -> QIcon:
    size = _ROW_HEIGHT - 4
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    pixmap = QPixmap.fromImage(image.scaled(size, size, keep, smooth))
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it in a selected row
    return icon

"""The list of neighbors as a table with a picture in each row."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fonticon_mdi7 import MDI7
from qtpy.QtCore import QAbstractTableModel, QEvent, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QFontMetrics, QIcon, QImage, QKeyEvent, QPalette, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget
from superqt.fonticon import icon

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.plate_quality import nuclei_in_words
from napari_rxrx3.core.words import (
    count,
    decimals,
    dose_in_words,
    guide_in_words,
    key_in_words,
    kind_in_words,
)
from napari_rxrx3.gui.neighbors.thumbnails import Thumbnails
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.maps.neighbors import Neighbor

__all__ = [
    "NeighborModel",
    "NeighborTable",
    "about",
    "numbers_in_words",
    "small",
    "small_percent",
]

_ROW_HEIGHT = 38
_RANK, _PICTURE, _NAME, _VALUE, _Q, _BACK, _DOUBTS = range(7)
_LONGEST = {_RANK: "100", _VALUE: "across", _Q: "<.001", _BACK: "0.35 %"}
"""What a column of numbers has room for, in the font at hand."""
_MARK = 18
_WIDTHS = {_PICTURE: 46, _DOUBTS: 46}
_AROUND = 14
_ROOT = QModelIndex()


class NeighborModel(QAbstractTableModel):
    """Neighbors as rows; pictures and verdicts come later."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.neighbors: list[Neighbor] = []
        self._value_name = "cos"
        self._limits: Limits | None = None
        self._is_scored = False
        self._thumbnails = thumbnails
        self._icons: dict[str, QIcon] = {}
        self._marks: dict[str, QPixmap] = {}
        thumbnails.arrived.connect(self._on_arrived)

    def set_neighbors(self, neighbors: list[Neighbor], value_name: str) -> None:
        """Show another list; `value_name` is the header of its values."""
        self.beginResetModel()
        self.neighbors = neighbors
        self._value_name = value_name
        self._is_scored = False
        self.endResetModel()

    def update(self, neighbors: list[Neighbor], is_scored: bool) -> None:
        """Show what is new about the neighbors that are listed, in whatever order they are.

        `is_scored` says that nothing more is to come.
        """
        self._is_scored = is_scored
        new = {neighbor.key: neighbor for neighbor in neighbors}
        self.neighbors = [new.get(neighbor.key, neighbor) for neighbor in self.neighbors]
        if self.neighbors:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.neighbors) - 1, _DOUBTS))

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        key = _SORT_KEYS.get(column)
        if key is None:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        keys = [self.neighbors[index.row()].key for index in before]
        self.neighbors = sorted(
            self.neighbors, key=key, reverse=order == Qt.SortOrder.DescendingOrder
        )
        row_of = {neighbor.key: row for row, neighbor in enumerate(self.neighbors)}
        after = [self.index(row_of[k], i.column()) for k, i in zip(keys, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

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
            return ("#", "", "name", self._value_name, "q", "back", "!")[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return wrapped_tooltip(_COLUMN_TIPS[section])
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        neighbor, column = self.neighbors[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            text = _texts(neighbor)[column]
            is_judged = column == _Q and neighbor.compared_with
            is_to_come = not (self._is_scored or text or is_judged) and column in (_Q, _DOUBTS)
            return "…" if is_to_come and not neighbor.flags else text
        if role == Qt.ItemDataRole.DecorationRole and column == _PICTURE:
            return self._icon(neighbor.well)
        if role == Qt.ItemDataRole.DecorationRole and column == _DOUBTS and neighbor.flags:
            return self._mark()
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (_RANK, _VALUE, _Q, _BACK):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return wrapped_tooltip(_tip(neighbor, column, self._thumbnails.note(neighbor.well)))
        if role == Qt.ItemDataRole.AccessibleTextRole and column == _PICTURE and neighbor.well:
            return _shown(neighbor.well, self._thumbnails.note(neighbor.well))
        if role == Qt.ItemDataRole.AccessibleTextRole and column == _DOUBTS:
            return ", ".join(neighbor.flags)
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

    def _mark(self) -> QPixmap:
        """A pixmap, since an icon would be as large as the pictures, for which there is no room."""
        color = self._palette().color(QPalette.ColorRole.WindowText).name()
        if color not in self._marks:
            self._marks[color] = icon(MDI7.alert_outline, color=color).pixmap(_MARK, _MARK)
        return self._marks[color]

    def _palette(self) -> QPalette:
        parent = self.parent()
        return parent.palette() if isinstance(parent, QWidget) else QPalette()

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
        self.setMinimumHeight(_ROW_HEIGHT + 22)  # less than Qt asks for: small screens
        self.verticalHeader().hide()
        self.setToolTip("A row: side by side. Enter, double-click: ask for it. A title: sort.")
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSortIndicator(_RANK, Qt.SortOrder.AscendingOrder)
        self._fit_columns()
        self.setSortingEnabled(True)
        header.setSortIndicatorShown(False)  # it would leave no room for the words
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(lambda index: self._activate(index.row()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit_columns()

    def _fit_columns(self) -> None:
        """As wide as numbers are in this font."""
        metrics = QFontMetrics(self.font())
        widths = {c: metrics.horizontalAdvance(text) + _AROUND for c, text in _LONGEST.items()}
        for column, width in (widths | _WIDTHS).items():
            self.setColumnWidth(column, width)

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
    "Gene or compound, with its dose and the number of wells that its vector is made of",
    "Similarity: cosine of the two vectors, 1 is the same direction; or their distance; or the "
    "score that the list is ordered by",
    "q-value: how likely more than one in ten are false finds if all rows down to this one are "
    "believed; among the first nine, any. It "
    "counts the whole list that was searched, not only the rows shown. Empty: no null fits, or "
    "there are too few pairs to compare with; the tooltip of the row says which",
    "Comes back: how near the top it is when the two are compared across experiments, where they "
    "share no controls. About 5 % of unrelated ones are among the top 5 %. – : there are no two "
    "experiments to compare across",
    "Reasons to doubt",
)

_OTHER_DOSES = "How many more doses of the compound there are, all of them less alike than this one"


def numbers_in_words(value_name: str) -> str:
    """What the numbers of a neighbor are, where there is no head above them."""
    tips = _COLUMN_TIPS[_VALUE], _COLUMN_TIPS[_Q], _COLUMN_TIPS[_BACK], _OTHER_DOSES
    return "\n".join(map(": ".join, zip((value_name, "q", "back", "+7"), tips, strict=True)))


_SORT_KEYS: dict[int, Callable[[Neighbor], Any]] = {
    _RANK: lambda n: n.rank,
    _NAME: lambda n: n.name.casefold(),
    _VALUE: lambda n: n.value,
    _Q: lambda n: (math.isnan(n.q_value), n.q_value, n.rank),
    _BACK: lambda n: (math.isnan(n.across_rank), n.across_rank, n.rank),
    _DOUBTS: lambda n: (len(n.flags), n.rank),
}


def _texts(neighbor: Neighbor) -> tuple[str, ...]:
    kind = kind_in_words(neighbor.kind)
    if not math.isnan(neighbor.dose):
        kind = dose_in_words(neighbor.dose)
    wells = count(neighbor.n_wells, "well")
    more = count(neighbor.other_doses, "more dose") if neighbor.other_doses else ""
    about = " · ".join(filter(None, [kind, more, wells]))
    q = "" if math.isnan(neighbor.q_value) else small(neighbor.q_value)
    back = ""
    if neighbor.compared_with:
        back = "–" if math.isnan(neighbor.across_rank) else small_percent(neighbor.across_rank)
    doubts = str(len(neighbor.flags)) if len(neighbor.flags) > 1 else ""
    picture = "" if neighbor.well else "none"
    name = f"{guide_in_words(neighbor.name)}\n{about}"
    return str(neighbor.rank), picture, name, decimals(neighbor.value), q, back, doubts


def small(value: float) -> str:
    """A probability in as few signs as possible."""
    if value >= 0.0995:
        return f"{value:.1f}".lstrip("0")
    return f"{value:.2g}".lstrip("0") if value >= 0.001 else "<.001"


def _shown(well: str | None, note: str) -> str:
    if well is None:
        return "no image of it is here"
    return f"shown: well {well}" + (f", {note}" if note else "")


def _tip(neighbor: Neighbor, column: int, note: str = "") -> str:
    if column == _DOUBTS:
        from napari_rxrx3.maps.evidence.doubts import (
            DOUBTS,  # loaded by then: the list came from there
        )

        return "\n".join(f"{name}: {DOUBTS[name]}" for name in neighbor.flags)
    return "\n".join(about(neighbor, note))


def about(neighbor: Neighbor, note: str = "") -> list[str]:
    """All that is known of a neighbor, in lines."""
    lines = [key_in_words(neighbor.key), _shown(neighbor.well, note)]
    if neighbor.compared_with:
        lines += _chances(neighbor)
    if neighbor.other_doses:
        less = count(neighbor.other_doses, "more dose")
        lines.append(f"+{neighbor.other_doses}: {less} of it, less alike")
    lines += [neighbor.dose_response] if neighbor.dose_response else []
    lines += _of_cell_count(neighbor)
    for name, value in (("strength", neighbor.strength), ("consistency", neighbor.consistency)):
        lines += [] if math.isnan(value) else [f"{name} {decimals(value)}"]
    return lines


def _of_cell_count(neighbor: Neighbor) -> list[str]:
    """How much of the likeness is cell count, and the nuclei of the well that is shown."""
    lines = []
    if not math.isnan(neighbor.of_count):
        lines.append(
            f"{decimals(neighbor.of_count)} of the cosine goes with cell count; without that "
            f"direction it is {decimals(neighbor.without_count)}"
        )
    elif neighbor.count_note:
        lines.append(f"how much of it is cell count is not known: {neighbor.count_note}")
    if not math.isnan(neighbor.n_nuclei):
        lines.append(f"{nuclei_in_words(neighbor.n_nuclei)} in the well shown")
    return lines


def _chances(neighbor: Neighbor) -> list[str]:
    """What a neighbor was compared with, and what came of it."""
    lines = [_of_all_pairs(neighbor), _of_unrelated(neighbor)]
    if not math.isnan(neighbor.q_value):
        lines.append(
            f"q {neighbor.q_value:.2g}: of the list of {neighbor.n_searched:,}, believed down to "
            f"here, more than one in ten are chance with a probability of at most "
            f"{small_percent(neighbor.q_value)}"
        )
    if not math.isnan(neighbor.p_same_plate):
        lines.append(
            f"of pairs that share plates {small_percent(neighbor.p_same_plate)} are as close "
            f"(n = {neighbor.n_same_plate:,})"
        )
    return [line for line in (*lines, comes_back(neighbor)) if line]


def _of_all_pairs(neighbor: Neighbor) -> str:
    if math.isnan(neighbor.percentile):
        return ""
    share = small_percent(neighbor.percentile)
    n = f"(n = {neighbor.n_percentile:,})"
    return f"of all pairs of different perturbations {share} are as close {n}"


def _of_unrelated(neighbor: Neighbor) -> str:
    n, pairs = neighbor.n_compared, neighbor.compared_with
    if not math.isnan(neighbor.p_value):
        share = small_percent(neighbor.p_value)
        return f"p {neighbor.p_value:.2g}: of unrelated {pairs}, {share} are as alike (n = {n:,})"
    if n >= 100:
        return f"no p: the {n:,} pairs of {pairs} follow no null; the percentile alone is left"
    return f"no p: there are too few unrelated {pairs} to compare with (n = {n})"


def comes_back(neighbor: Neighbor) -> str:
    """Whether a neighbor is one across experiments as well, in a sentence."""
    if math.isnan(neighbor.across_rank):
        return "cannot come back: the two have no two experiments to compare across"
    top = small_percent(neighbor.across_rank)
    cosine = f"cosine {decimals(neighbor.across)} across experiments"
    return f"comes back: top {top} of {neighbor.n_across:,}, {cosine}"


def small_percent(share: float) -> str:
    """A share in as few signs as possible."""
    value = 100 * share
    return "<.01 %" if value < 0.01 else f"{value:.2g} %" if value < 99.5 else "100 %"


def _scaled(image: QImage) -> QIcon:
    size = _ROW_HEIGHT - 4
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    pixmap = QPixmap.fromImage(image.scaled(size, size, keep, smooth))
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it in a selected row
    return icon

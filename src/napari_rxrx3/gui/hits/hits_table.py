"""The table of hits: tagged wells, filtered and sorted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QDateTime, QEvent, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QFontMetrics, QIcon, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QStyledItemDelegate, QTableView, QWidget

from napari_rxrx3.core.words import key_in_words
from napari_rxrx3.gui.hits.tag_buttons import ICON_SIZE, tag_icon
from napari_rxrx3.gui.words import elided, wrapped_tooltip
from napari_rxrx3.hits.hit import SCORE_NAMES, Hit, Tag, tag_name, tags_in_use
from napari_rxrx3.maps.dose_response.words import acts_from

__all__ = ["HitsModel", "HitsTable"]

_ROW_HEIGHT = 22
_TAG, _NAME, _WELL, _STRENGTH, _CONSISTENCY, _AGREEMENT, _NOTE, _TIME = range(8)
_TITLES = ("", "name", "well", "strength", "consistency", "guide agreement", "note", "when")
_SHORT_TITLES = ("", "name", "well", "strength", "consist.", "guides", "note", "when")
_SHARES = {_NAME: 10, _WELL: 5, _NOTE: 5}
"""How what is left is shared out."""
_LEAST_SHARED = 25
"""Letters that these three have room for, before other columns give way."""
_GIVING_WAY = (
    (_TITLES, 0),
    (_TITLES, 1),
    (_SHORT_TITLES, 1),
    (_SHORT_TITLES, 2),
    (_SHORT_TITLES, 3),
)
"""Titles, and how many of `_LEAST` are left out, in the order in which it is tried."""
_LEAST = (_TIME, _CONSISTENCY, _AGREEMENT)
_TAG_WIDTH, _AROUND_TITLE = 24, 15
_PADDING = 8
_ROOT = QModelIndex()
_NEWEST_FIRST = _TIME, Qt.SortOrder.DescendingOrder


class HitsModel(QAbstractTableModel):
    """Hits as rows, the latest first until the user sorts them by something else."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: tuple[Hit, ...] = ()
        self.hits: list[Hit] = []
        """Those that are listed, from the first row on."""
        self._icons: dict[Tag, QIcon] = {}
        self.titles = _SHORT_TITLES
        self._text, self._tag = "", 0
        self._by: tuple[int, Any] = _NEWEST_FIRST

    def set_hits(self, hits: Iterable[Hit]) -> None:
        """List these, as far as they pass the filter."""
        self._all = tuple(hit for hit in hits if not hit.is_empty)
        self._list()

    def set_filter(self, text: str, tag: int) -> None:
        """List only hits that contain every word of a text and, unless it is 0, have this tag."""
        self._text, self._tag = text, tag
        self._list()

    def refresh(self) -> None:
        """Show other names and colors of tags."""
        self._list()

    @property
    def n_all(self) -> int:
        """How many hits there are, listed or not."""
        return len(self._all)

    def row_of(self, well_id: str | None) -> int | None:
        """Row of a well's hit; None if it is not listed."""
        return next((row for row, hit in enumerate(self.hits) if hit.well_id == well_id), None)

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        self._by = (column, order) if column >= 0 else _NEWEST_FIRST
        self._list()

    def _list(self) -> None:
        column, order = self._by
        words = self._text.casefold().split()
        listed = [hit for hit in self._all if _passes(hit, words, self._tag)]
        listed.sort(key=_SORT_KEYS[_TIME], reverse=True)
        if column != _TIME or order != Qt.SortOrder.DescendingOrder:
            listed.sort(key=_SORT_KEYS[column], reverse=order == Qt.SortOrder.DescendingOrder)
        if column in _SCORE_OF:  # hits without a score come last in either order
            listed.sort(key=lambda hit: math.isnan(getattr(hit, _SCORE_OF[column])))
        self.beginResetModel()
        self.hits = listed
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.hits)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.titles[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return wrapped_tooltip(_TIPS[section])
        return _side(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        hit, column = self.hits[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _texts(hit)[column]
        if role == Qt.ItemDataRole.DecorationRole and column == _TAG and hit.tag:
            return self._icon(tags_in_use()[hit.tag - 1])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return wrapped_tooltip(_in_words(hit))
        if role == Qt.ItemDataRole.AccessibleTextRole and column == _TAG:
            return tag_name(hit.tag) or "no tag"
        return None

    def _icon(self, tag: Tag) -> QIcon:
        if tag not in self._icons:
            self._icons[tag] = tag_icon(tag)
        return self._icons[tag]


class _Well(QStyledItemDelegate):
    """Shows the whole id of a well, or its address alone: an end of an id would say less."""

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        super().initStyleOption(option, index)
        room = option.rect.width() - _PADDING
        if QFontMetrics(option.font).horizontalAdvance(option.text) > room:
            option.text = option.text.rsplit("_", 1)[-1]


class _Name(QStyledItemDelegate):
    """Cuts the name of a compound, never its dose."""

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        super().initStyleOption(option, index)
        option.text = elided(option.font, option.text, option.rect.width() - _PADDING)


class HitsTable(QTableView):
    """Hits; one row can be current."""

    chosen = Signal(object)
    """The `Hit` that became current by the user's doing."""
    note_wanted = Signal(object)
    """The `Hit` on which Enter was pressed, or None where there is none."""

    def __init__(self, model: HitsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hits = model
        self._is_following = False
        self.setModel(model)
        self.setAccessibleName("Hits")
        self.setToolTip("Tagged wells. Arrow keys show them one by one, Enter leads to the note.")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setItemDelegateForColumn(_NAME, _Name(self))
        self.setItemDelegateForColumn(_WELL, _Well(self))
        self.setIconSize(QSize(ICON_SIZE, ICON_SIZE))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setMinimumHeight(2 * _ROW_HEIGHT)  # less than Qt asks for: small screens
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        header.setSortIndicator(*_NEWEST_FIRST)
        self.setSortingEnabled(True)
        header.setSortIndicatorShown(False)  # it would leave no room for the words
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def show_well(self, well_id: str | None) -> None:
        """Make the row of a well current, if it is listed, without telling anybody."""
        row = self._hits.row_of(well_id)
        self._is_following = True
        if row is None:
            self.setCurrentIndex(QModelIndex())
        elif row != self.currentIndex().row():
            self.selectRow(row)
        self._is_following = False

    def show_newest_first(self) -> None:
        self.sortByColumn(*_NEWEST_FIRST)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._share_out()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._share_out()

    def _share_out(self) -> None:
        """Give each title the room that it takes; what is less wanted gives way to names."""
        room = self.viewport().width()
        least = _LEAST_SHARED * QFontMetrics(self.font()).averageCharWidth()
        for titles, n_left_out in _GIVING_WAY:
            widths = self._widths(titles, _LEAST[:n_left_out])
            if room - sum(widths.values()) >= least:
                break
        self._hits.titles = titles
        left = room - sum(widths.values())
        widths |= {
            column: left * share // sum(_SHARES.values()) for column, share in _SHARES.items()
        }
        for column in range(len(titles)):
            self.setColumnHidden(column, column not in widths)
            self.setColumnWidth(column, widths.get(column, 0))

    def _widths(self, titles: Sequence[str], left_out: Sequence[int]) -> dict[int, int]:
        """Of the columns that hold no names, without some of them."""
        metrics = QFontMetrics(self.font())
        columns = {_STRENGTH, _CONSISTENCY, _AGREEMENT, _TIME}.difference(left_out)
        return {_TAG: _TAG_WIDTH} | {
            column: metrics.horizontalAdvance(titles[column]) + _AROUND_TITLE for column in columns
        }

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            row = self.currentIndex().row()
            self.note_wanted.emit(self._hits.hits[row] if row >= 0 else None)
        elif event.text() and not event.text().isspace():
            event.ignore()  # keys of the tab; Qt would look for a row that begins with them
        else:
            super().keyPressEvent(event)

    def _on_current(self, current: QModelIndex) -> None:
        if current.isValid() and not self._is_following:
            self.chosen.emit(self._hits.hits[current.row()])


_SCORE_OF = dict(zip((_STRENGTH, _CONSISTENCY, _AGREEMENT), SCORE_NAMES, strict=True))

_TIPS = (
    "Tag: its number and color. Click on any title to sort by it.",
    "What the well received",
    "The well that was tagged",
    "Strength of the effect, when it was tagged: distance from the controls",
    "Consistency of its wells, when it was tagged",
    "Guide agreement of the gene, when it was tagged",
    "Your note",
    "When tag or note were changed last",
)

_SORT_KEYS: dict[int, Callable[[Hit], Any]] = {
    _TAG: lambda hit: (hit.tag == 0, hit.tag),
    _NAME: lambda hit: hit.perturbation.casefold(),
    _WELL: lambda hit: hit.well_id,
    _STRENGTH: lambda hit: hit.scores.get("strength", 0.0),
    _CONSISTENCY: lambda hit: hit.scores.get("consistency", 0.0),
    _AGREEMENT: lambda hit: hit.scores.get("agreement", 0.0),
    _NOTE: lambda hit: hit.note.casefold(),
    _TIME: lambda hit: hit.time,
}


def _passes(hit: Hit, words: Sequence[str], tag: int) -> bool:
    if tag and hit.tag != tag:
        return False
    if not words:
        return True
    text = f"{hit.perturbation}\n{hit.well_id}\n{hit.note}\n{tag_name(hit.tag)}".casefold()
    return all(word in text for word in words)


def _texts(hit: Hit) -> tuple[str, ...]:
    scores = (_score(getattr(hit, name)) for name in SCORE_NAMES)
    note = " ".join(hit.note.split())
    return "", key_in_words(hit.perturbation), hit.well_id, *scores, note, _when(hit.time)


def _score(value: float) -> str:
    if math.isnan(value):
        return ""
    text = f"{value:.2f}".replace("0.", ".") if abs(value) < 1 else f"{value:.1f}"
    return text.lstrip("-") if text == "-.00" else text


def _local(time: str) -> QDateTime:
    return QDateTime.fromString(time[:19] + "Z", Qt.DateFormat.ISODate).toLocalTime()


def _when(time: str) -> str:
    """The time of today, or the day."""
    at = _local(time)
    is_today = at.date() == QDateTime.currentDateTime().date()
    return str(at.toString("HH:mm" if is_today else "d MMM"))


def _in_words(hit: Hit) -> str:
    about = f"{key_in_words(hit.perturbation) or 'unknown perturbation'}, well {hit.well_id}"
    known = hit.scores
    scores = [f"{name} {known[name]:.2f}" for name in SCORE_NAMES if name in known]
    scores += [acts] if (acts := acts_from(hit.trend_q, hit.lowest_active_dose)) else []
    time = _local(hit.time).toString("yyyy-MM-dd HH:mm")
    lines = (tag_name(hit.tag), about, hit.note, ", ".join(scores), time)
    return "\n".join(line for line in lines if line)


def _side(column: int) -> Any:
    side = Qt.AlignmentFlag.AlignRight if column in _SCORE_OF else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter

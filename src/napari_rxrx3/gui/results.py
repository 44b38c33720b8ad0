"""The table of results that several panels share, and how its text is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QFont, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QFileDialog, QTableView, QWidget

from napari_rxrx3.data.files.local import written_atomically
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.hits.hits_file import why_not

__all__ = ["Column", "ResultTable", "Row", "ask_for_csv", "save_text"]

_ROW_HEIGHT = 22
_NAME_WIDTH, _PADDING = 70, 4
_MEASURED = 8
"""Of texts of nearly one length, any may be the widest."""
_ROOT = QModelIndex()


@dataclass(frozen=True)
class Column:
    """Title of a column, and what it means."""

    title: str
    tip: str
    is_number: bool = True


@dataclass(frozen=True)
class Row:
    """Texts of a row, one a column; italic if it is unlike the others."""

    texts: tuple[str, ...]
    tip: str = ""
    is_italic: bool = False


class ResultTable(QTableView):
    """Rows of text to read, walk through and choose from; the first column takes the room left."""

    chosen = Signal(int)
    """The row that became current by the user's doing."""
    activated_row = Signal(int)
    """The row that was double-clicked, or on which Enter was pressed."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Model(self)
        self.setModel(self._model)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # a dose stands at the end of a name
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.horizontalHeader().setMinimumSectionSize(20)
        self.horizontalHeader().setHighlightSections(False)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(lambda index: self.activated_row.emit(index.row()))

    def set_rows(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        self._model.set_rows(columns, rows)
        self._fit()

    def rows(self) -> tuple[Row, ...]:
        return self._model.rows

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated_row.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def _fit(self) -> None:
        """Give each column what it needs, and the first one the rest."""
        header = self.horizontalHeader()
        others = 0
        for i in range(1, header.count()):
            width = max(header.sectionSizeHint(i), self._width_of(i))
            width += _PADDING * (i == header.count() - 1)  # Qt cuts the last title off
            header.resizeSection(i, width)
            others += width
        if header.count():
            needed = min(_NAME_WIDTH, self._width_of(0))
            header.resizeSection(0, max(self.viewport().width() - others, needed))

    def _width_of(self, column: int) -> int:
        """Width of a column's longest texts; Qt's own way measures every cell, which takes long."""
        lengths = [len(row.texts[column]) for row in self._model.rows]
        longest = nlargest(_MEASURED, range(len(lengths)), key=lengths.__getitem__)
        hints = (self.sizeHintForIndex(self._model.index(row, column)) for row in longest)
        return max((int(hint.width()) for hint in hints), default=0)

    def _on_current(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(current.row())


class _Model(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.columns: tuple[Column, ...] = ()
        self.rows: tuple[Row, ...] = ()

    def set_rows(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        self.beginResetModel()
        self.columns, self.rows = tuple(columns), tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return wrapped_tooltip(column.tip)
        return _aligned(column) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.texts[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _aligned(self.columns[index.column()])
        if role == Qt.ItemDataRole.ToolTipRole and row.tip:
            return wrapped_tooltip(row.tip)
        if role == Qt.ItemDataRole.FontRole and row.is_italic:
            font = QFont()
            font.setItalic(True)
            return font
        return None


def ask_for_csv(parent: QWidget, title: str, name: str) -> Path | None:
    """Let the user say where a table is to be saved."""
    path = QFileDialog.getSaveFileName(parent, title, name, "CSV (*.csv)")[0]
    return Path(path) if path else None


def save_text(path: Path, text: str) -> str:
    """Write a file and return a sentence that says so, or why it cannot be written."""
    try:
        with written_atomically(path) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        return f"{path} cannot be written: {why_not(error)}."
    return f"Saved {path}."


def _aligned(column: Column) -> Any:
    side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter

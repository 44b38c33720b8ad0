"""A small picture of what experiments, plates and places explain of the controls, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_rxrx3.core.words import percent
from napari_rxrx3.gui.inks import ink, legible, paper
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.words import wrapped_tooltip

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BatchPicture"]

_NAMES = {
    "experiment": "experiments",
    "plate": "plates",
    "row": "rows",
    "column": "columns",
    "edge": "edge",
}
"""What is shown of `batch_diagnostics.SOURCES`, which nobody waits for who opens no map."""
_DOUBT, _CALM = (0.835, 0.369, 0.0), (0.0, 0.447, 0.698)
_WIDTH, _LINE, _WORDS, _NUMBERS, _GAP = 320, 18, 84, 96, 6
_LINES, _LETTERS = 5, 45
"""Of the sentence; the menu around it is as high and as wide as it was when it opened."""
_HOW = (
    "How much of what the controls differ by comes from experiments, from plates within an "
    "experiment, and within plates from rows, columns and the edge. Thin: before the alignment. "
    "Thick: after it, of controls that it was not fitted to; orange where that is more than "
    "chance, which is the tick. The length is the square root of the share, so that small ones are "
    "seen. Controls got nothing: whatever is left here may look like what perturbations have in "
    "common."
)


class BatchPicture(QWidget):
    """Shows the diagnostics of a map, or a sentence in their place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars, self.words = _Bars(), _Sentence()
        policy = self.bars.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bars.setSizePolicy(policy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(9, 0, 9, 6)
        layout.setSpacing(2)
        layout.addWidget(self.words)
        layout.addWidget(self.bars)
        self.setToolTip(wrapped_tooltip(_HOW))
        self.say("")

    def say(self, sentence: str) -> None:
        """Show a sentence alone."""
        self.words.setText(sentence)
        self.bars.set_table(None)

    def show_table(self, table: pd.DataFrame, align: str) -> None:
        """Show the diagnostics of a map that is aligned in some way."""
        from napari_rxrx3.maps.evidence.batch_diagnostics import diagnostics_in_words

        self.words.setText(diagnostics_in_words(table, align).replace(" %", "\u00a0%"))
        self.bars.set_table(table)


class _Sentence(QLabel):
    """Has room for the longest that is said, in the font that it gets from napari's style."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._take_room()

    def setText(self, text: str) -> None:
        self.ensurePolished()  # before the menu takes its size
        super().setText(text)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._take_room()

    def _take_room(self) -> None:
        metrics = self.fontMetrics()
        self.setFixedWidth(max(_WIDTH, _LETTERS * metrics.averageCharWidth()))
        self.setMinimumHeight(_LINES * metrics.lineSpacing() + metrics.descent())


class _Bars(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._table: pd.DataFrame | None = None

    def set_table(self, table: pd.DataFrame | None) -> None:
        self._table = None if table is None else table.set_index("source").loc[list(_NAMES)]
        self.setVisible(table is not None)
        words = [] if self._table is None else [_in_words(row) for _, row in self._table.iterrows()]
        self.setAccessibleName("What batches and places explain of the controls")
        self.setAccessibleDescription(
            "\n".join(f"{name}: {said}" for name, said in zip(_NAMES.values(), words, strict=False))
        )
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, _LINE * len(_NAMES) + 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._table is None:
            return
        from napari_rxrx3.maps.evidence.batch_diagnostics import is_more_than_chance

        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small_font(self.font()))
        for line, (name, row) in enumerate(self._table.iterrows()):
            color = legible(_DOUBT if is_more_than_chance(row) else _CALM, paper(self))
            self._draw(painter, line * _LINE, str(name), row, color)
        painter.end()

    def _draw(self, painter: QPainter, y: int, name: str, row: pd.Series, strong: QColor) -> None:
        middle, right = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignRight
        painter.setPen(ink(self))
        painter.drawText(QRect(0, y, _WORDS, _LINE), middle, _NAMES[name])
        numbers = QRect(self.width() - _NUMBERS, y, _NUMBERS, _LINE)
        painter.drawText(numbers, middle | right, _in_words(row))
        room = self.width() - _WORDS - _NUMBERS - _GAP
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink(self, 0.45))
        painter.drawRect(QRectF(_WORDS, y + 3, room * _root(row["before"]), 3))
        painter.setBrush(strong)
        painter.drawRect(QRectF(_WORDS, y + 7, room * _root(row["after"]), 7))
        if np.isfinite(row["chance"]):
            painter.setBrush(ink(self))
            painter.drawRect(QRectF(_WORDS + room * _root(row["chance"]), y + 5, 1.5, 11))


def _root(share: float) -> float:
    return float(np.sqrt(min(max(share, 0.0), 1.0))) if np.isfinite(share) else 0.0


def _in_words(row: pd.Series) -> str:
    if not np.isfinite(row["after"]):
        return "one alone"
    return f"{percent(row['before'])} → {percent(row['after'])}"

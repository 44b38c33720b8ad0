"""The color scale of a heat map and what is said of a cell: below it, or beside a wide one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QFontMetrics, QLinearGradient, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.diverging import diverging
from napari_rxrx3.gui.inks import ink, paper
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.words import elided

if TYPE_CHECKING:
    from napari_rxrx3.gui.map.heat_map.frame import Frame

__all__ = ["is_dark", "legend_room", "paint_legend", "paint_words"]

_LONG, _THICK, _PAD, _GAP = 132.0, 9.0, 4.0, 14.0
_WIDE, _COLUMN, _COLUMN_SHARE = 1.2, 170.0, 0.45
_LINES = 4
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_LOW, _BLANK = "cosine  −1", "cannot be compared"


def is_dark(widget: QWidget) -> bool:
    """Whether the theme gives a widget a dark background."""
    return bool(paper(widget).lightnessF() < 0.5)


def legend_room(widget: QWidget) -> tuple[float, float]:
    """Pixels that the legend takes below the cells, and beside them in a wide widget."""
    if widget.width() > _WIDE * widget.height():
        return 0.0, min(_COLUMN, _COLUMN_SHARE * widget.width())
    return QFontMetrics(small_font(widget.font())).height() + 3 * _PAD, 0.0


def paint_legend(
    painter: QPainter, widget: QWidget, frame: Frame, value: float, has_blank: bool
) -> None:
    """Paint the color scale with a mark at a value, unless that is NaN; and the hatch."""
    line = float(painter.fontMetrics().height())
    bar = _upright(frame, line) if frame.beside else _lying(painter, frame, line)
    _paint_bar(painter, widget, bar)
    painter.setPen(ink(widget, 0.75))
    if frame.beside:
        right = bar.right() + 2 * _PAD
        for text, y in (("1", bar.top()), ("cosine", bar.center().y()), ("−1", bar.bottom())):
            painter.drawText(QRectF(right, y - line / 2, frame.width, line), _LEFT, text)
        swatch = QRectF(right + 28, bar.bottom() - _THICK / 2, 1.5 * _THICK, _THICK)
    else:
        y = bar.center().y() - line / 2
        painter.drawText(QRectF(_PAD, y, bar.left(), line), _LEFT, _LOW)
        painter.drawText(QRectF(bar.right() + _PAD, y, 40, line), _LEFT, "1")
        swatch = QRectF(bar.right() + 24, bar.top(), 1.5 * _THICK, _THICK)
    if has_blank:
        _paint_blank(painter, widget, swatch, line)
    if value == value:
        _paint_mark(painter, widget, bar, value)


def paint_words(
    painter: QPainter, widget: QWidget, frame: Frame, cell: tuple[int, int], words: str
) -> None:
    """Say something of a cell: at the top of what is beside the cells, or at the cell."""
    if frame.beside:
        _paint_column(painter, widget, frame, words)
    else:
        _paint_box(painter, widget, frame, cell, words)


def _lying(painter: QPainter, frame: Frame, line: float) -> QRectF:
    """Where the scale is below the cells."""
    left = 2 * _PAD + painter.fontMetrics().horizontalAdvance(_LOW)
    top = frame.height - frame.below + 2 * _PAD + (line - _THICK) / 2
    return QRectF(left, top, _LONG, _THICK)


def _upright(frame: Frame, line: float) -> QRectF:
    """Where the scale is beside the cells."""
    room = frame.height - frame.top - _LINES * line - 3 * line
    long = max(min(_LONG, room), 2 * line)
    return QRectF(_column(frame), frame.height - line - long, _THICK, long)


def _column(frame: Frame) -> float:
    """The left edge of what is beside the cells."""
    cells = min(frame.place(0, frame.n)[0], frame.left + frame.plot_width)
    return cells + _GAP


def _paint_bar(painter: QPainter, widget: QWidget, bar: QRectF) -> None:
    is_upright = bar.height() > bar.width()
    ends = (bar.bottomLeft(), bar.topLeft()) if is_upright else (bar.topLeft(), bar.topRight())
    gradient = QLinearGradient(*ends)
    colors = diverging(is_dark(widget))[::2]
    for at, color in zip(np.linspace(0, 1, len(colors)).tolist(), colors.tolist(), strict=True):
        gradient.setColorAt(at, QColor(*color))
    painter.fillRect(bar, gradient)
    painter.setPen(ink(widget, 0.5))
    painter.drawRect(bar)


def _paint_blank(painter: QPainter, widget: QWidget, swatch: QRectF, line: float) -> None:
    painter.fillRect(swatch, QBrush(ink(widget, 0.6), Qt.BrushStyle.BDiagPattern))
    left = swatch.right() + _PAD
    words = elided(painter.font(), _BLANK, int(widget.width() - left))
    painter.drawText(QRectF(left, swatch.center().y() - line / 2, 200, line), _LEFT, words)


def _paint_mark(painter: QPainter, widget: QWidget, bar: QRectF, value: float) -> None:
    """Mark a value on the color scale."""
    share = (value + 1) / 2
    if bar.height() > bar.width():
        tip = QPointF(bar.left(), bar.bottom() - share * bar.height())
        corners = [tip, tip + QPointF(-6, -4), tip + QPointF(-6, 4)]
    else:
        tip = QPointF(bar.left() + share * bar.width(), bar.top())
        corners = [tip, tip + QPointF(-4, -6), tip + QPointF(4, -6)]
    painter.setPen(ink(widget))
    painter.setBrush(ink(widget))
    painter.drawPolygon(QPolygonF(corners))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_column(painter: QPainter, widget: QWidget, frame: Frame, words: str) -> None:
    """One thing a line: both names, the cosine, and what p and q are."""
    names, _, rest = words.partition("\n")
    first, times, second = names.partition(" × ")
    value, gap, chance = rest.partition("   ")
    lines = [first, f"× {second}" if times else "", value, chance if gap else ""]
    left, line = _column(frame), float(painter.fontMetrics().height())
    painter.setPen(ink(widget))
    for i, text in enumerate(filter(None, lines)):
        shown = elided(painter.font(), text, int(frame.width - left))
        box = QRectF(left, frame.top + i * line, frame.width - left, line)
        painter.drawText(box, _LEFT, shown)


def _paint_box(
    painter: QPainter, widget: QWidget, frame: Frame, cell: tuple[int, int], words: str
) -> None:
    """A box beside a cell, where there is room for it."""
    lines, metrics = words.split("\n"), painter.fontMetrics()
    width = max(metrics.horizontalAdvance(line) for line in lines) + 4 * _PAD
    height = len(lines) * metrics.height() + 3 * _PAD
    x, y = frame.place(cell[0] + 1, cell[1] + 1)
    left = x + 10 if x + 10 + width <= frame.width else x - frame.scale - 10 - width
    top = y + 10 if y + 10 + height <= frame.height else y - frame.scale - 10 - height
    left, top = max(min(left, frame.width - width), 0.0), max(top, 0.0)
    box, ground = QRectF(left, top, width, height), paper(widget)
    ground.setAlphaF(0.94)
    painter.setPen(QPen(ink(widget, 0.5), 1))
    painter.setBrush(ground)
    painter.drawRoundedRect(box, 3, 3)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(ink(widget))
    painter.drawText(box.adjusted(2 * _PAD, _PAD, -2 * _PAD, -_PAD), _LEFT, words)

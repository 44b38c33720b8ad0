"""What stands around and over a scatter of pairs: axes from -1 to 1, a legend, a caption."""

from __future__ import annotations

import math

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.points.viewport import Viewport
from napari_rxrx3.gui.inks import ink, paper
from napari_rxrx3.gui.words import elided

__all__ = ["paint_axes", "paint_caption", "paint_legend"]

_NICE = (1, 2, 2.5, 5, 10)
_TICKS, _APART = 8, 42
"""Numbers of an axis at most, and pixels between them at least."""
_DOT = 3.4


def paint_axes(
    painter: QPainter,
    widget: QWidget,
    plot: QRectF,
    margin: float,
    view: Viewport,
    names: tuple[str, str],
) -> None:
    """Paint a frame, and around it the numbers and names of both axes: A below, B at the left."""
    line = painter.fontMetrics().height()
    painter.setPen(QPen(ink(widget, 0.4), 1))
    painter.drawRect(plot)
    painter.setPen(ink(widget, 0.75))
    left, bottom, right, top = view.box()
    middle = Qt.AlignmentFlag.AlignCenter
    for value, text in _ticks(left, right, plot.width()):
        x = plot.left() + (value - left) * view.scale
        painter.drawText(QRectF(x - 30, plot.bottom() + 2, 60, line), middle, text)
    side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    for value, text in _ticks(bottom, top, plot.height()):
        y = plot.top() + (top - value) * view.scale
        painter.drawText(QRectF(plot.left() - 44, y - line / 2, 40, line), side, text)
    painter.setPen(ink(widget))
    name_a, name_b = (
        elided(painter.font(), f"{name}: {text}" if text else name, int(plot.width()))
        for name, text in zip("AB", names, strict=True)
    )
    below = QRectF(plot.left(), plot.bottom() + line + 2, plot.width(), line)
    painter.drawText(below, middle, name_a)
    painter.save()
    painter.translate(plot.left() - margin + line / 2 + 2, plot.center().y())
    painter.rotate(-90)
    painter.drawText(QRectF(-plot.width() / 2, -line / 2, plot.width(), line), middle, name_b)
    painter.restore()


def paint_legend(
    painter: QPainter, widget: QWidget, plot: QRectF, color: QColor, words: str
) -> None:
    """Say above the diagonal which pairs are painted on top."""
    line = painter.fontMetrics().height()
    text = elided(painter.font(), words, int(plot.width()) - 24)
    width = painter.fontMetrics().horizontalAdvance(text)
    behind = paper(widget)
    behind.setAlphaF(0.7)
    box = QRectF(plot.left() + 3, plot.top() + 3, width + 17, line)
    painter.fillRect(box, behind)
    painter.setPen(QPen(paper(widget), 0.8))
    painter.setBrush(color)
    painter.drawEllipse(QPointF(box.left() + 6, box.center().y()), _DOT, _DOT)
    painter.setPen(ink(widget, 0.85))
    painter.drawText(QPointF(box.left() + 14, box.top() + painter.fontMetrics().ascent()), text)


def paint_caption(painter: QPainter, widget: QWidget, plot: QRectF, text: str) -> None:
    """Say something below the diagonal."""
    corner = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
    inside = plot.adjusted(0, 0, -5, -3)
    behind = paper(widget)
    behind.setAlphaF(0.7)
    painter.fillRect(painter.boundingRect(inside, corner, text), behind)
    painter.setPen(ink(widget, 0.85))
    painter.drawText(inside, corner, text)


def _ticks(low: float, high: float, pixels: float) -> list[tuple[float, str]]:
    """A few round numbers of an axis, as far as there are cosines, and their words."""
    low, high = max(low, -1.0), min(high, 1.0)
    if high <= low:
        return []
    rough = (high - low) / max(2, min(_TICKS, int(pixels / _APART)))
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in _NICE if n * power >= rough * 0.99)
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [(n * step, f"{n * step:.6g}".replace("-", "−")) for n in numbers]

"""What is painted over the points of a map: names, rings, outlines and words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import cos, pi, sin

from qtpy.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.words import written

__all__ = [
    "BUBBLE",
    "Inked",
    "caption_in",
    "paint_bubble",
    "paint_caption",
    "paint_names",
    "paint_outline",
    "paint_ring",
]

Inked = tuple[QColor, QColor]
"""Colors of text and of the background."""

BUBBLE = 96
"""Width and height of the picture beside a point, at most."""

_CAPTION = int(Qt.AlignmentFlag.AlignLeft) | int(Qt.TextFlag.TextWordWrap)
_CAPTION_SHARE = 0.2
_LOW, _WIDEST = 240.0, 260.0
_HALO, _PAD, _OFFSET = 2.0, 6.0, 14.0
_AROUND = [
    QPointF(reach * cos(turn * pi / 4), reach * sin(turn * pi / 4))
    for reach in (1.0, 1.8)
    for turn in range(8)
]


def paint_ring(painter: QPainter, center: QPointF, radius: float, inks: Inked, wide: bool) -> None:
    """Paint a ring around a point that stands out from whatever is behind it."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    ink, paper = inks
    for color, width in ((paper, 5.0 if wide else 3.4), (ink, 2.2 if wide else 1.4)):
        painter.setPen(QPen(color, width))
        painter.drawEllipse(center, radius, radius)


def paint_names(
    painter: QPainter, names: Sequence[tuple[str, QPointF]], font: QFont, inks: Inked
) -> None:
    """Write names with a halo; the places are their top left corners."""
    scale = painter.device().devicePixelRatioF()
    for text, corner in names:
        image = _name(text, font.toString(), inks[0].rgb(), inks[1].rgb(), scale)
        painter.drawImage(_sharp(corner - QPointF(_HALO, _HALO), scale), image)


def _sharp(place: QPointF, scale: float) -> QPointF:
    """Return the nearest place at which pixels of an image fall on those of the screen."""
    return QPointF(round(place.x() * scale) / scale, round(place.y() * scale) / scale)


@lru_cache(maxsize=1024)
def _name(text: str, font: str, ink: int, paper: int, scale: float) -> QImage:
    """Write a name once: a halo takes longer than all the points of a small map."""
    real = QFont()
    real.fromString(font)
    metrics = QFontMetricsF(real)
    width, height = metrics.horizontalAdvance(text), metrics.height()
    size = QSizeF((width + 2 * _HALO) * scale, (height + 2 * _HALO) * scale).toSize()
    image = QImage(size + QSize(1, 1), QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(scale)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setFont(real)
    halo = QColor(paper)
    halo.setAlphaF(0.4)
    base = QPointF(_HALO, _HALO + metrics.ascent())
    for color, offsets in ((halo, _AROUND), (QColor(ink), [QPointF()])):
        painter.setPen(color)
        for offset in offsets:
            painter.drawText(base + offset, text)
    painter.end()
    return image


def paint_outline(painter: QPainter, outline: Sequence[QPointF], inks: Inked) -> None:
    """Paint the lasso, or the box, that is being drawn."""
    ink, paper = inks
    fill = QColor(ink)
    fill.setAlphaF(0.1)
    shape = QPolygonF(list(outline))
    painter.setPen(QPen(paper, 3))
    painter.setBrush(fill)
    painter.drawPolygon(shape)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(ink, 1.2, Qt.PenStyle.DashLine))
    painter.drawPolygon(shape)


def caption_in(text: str, room: QSizeF, font: QFont) -> tuple[str, QRectF]:
    """Return a caption as it fits into the lower left corner of a room, and what it covers.

    It is wrapped; if that takes too much of the room, its lines are cut short, and the last left
    out.
    """
    metrics = QFontMetricsF(small_font(font))
    width, most = room.width() - 2 * _PAD, _CAPTION_SHARE * room.height()
    rect = metrics.boundingRect(QRectF(0, 0, width, room.height()), _CAPTION, text)
    if rect.height() > most:
        lines = text.split("\n")[: max(1, int(most / metrics.lineSpacing()))]
        text = "\n".join(metrics.elidedText(n, Qt.TextElideMode.ElideRight, width) for n in lines)
        rect = metrics.boundingRect(QRectF(0, 0, 2 * width, room.height()), _CAPTION, text)
    rect.moveBottomLeft(QPointF(_PAD, room.height() - _PAD))
    return text, rect.adjusted(-3, -1, 3, 1)


def paint_caption(painter: QPainter, text: str, rect: QRectF, font: QFont, inks: Inked) -> None:
    """Write what the map shows; `text` and `rect` are those of `caption_in`."""
    back, ink = QColor(inks[1]), QColor(inks[0])
    back.setAlphaF(0.72)
    ink.setAlphaF(0.78)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(back)
    painter.drawRoundedRect(rect, 3, 3)
    painter.setFont(small_font(font))
    painter.setPen(ink)
    painter.drawText(rect.adjusted(3, 1, -2, 1), _CAPTION, text)


def paint_bubble(
    painter: QPainter,
    at: QPointF,
    text: str,
    image: QImage | None,
    room: QRectF,
    font: QFont,
    inks: Inked,
) -> None:
    """Show the name of a point, and a picture of it, beside the point inside `room`.

    The words are below the picture, or to its right where there is little height.
    """
    text, is_low = written(text, font), room.height() < _LOW
    most = QSizeF(BUBBLE, min(BUBBLE, 0.5 * room.height()))
    picture = QSizeF(0, 0)
    if image is not None:
        picture = QSizeF(image.size()).scaled(most, Qt.AspectRatioMode.KeepAspectRatio)
    across = QSizeF(picture.width() + _PAD, 0) if image is not None else QSizeF(0, 0)
    down = QSizeF(0, picture.height() + _PAD / 2) if image is not None else QSizeF(0, 0)
    shift = across if is_low else down
    widest = min(_WIDEST, room.width() - shift.width() - 2 * _PAD)
    limits = QRectF(0, 0, widest, room.height())
    words = QFontMetricsF(font).boundingRect(limits, Qt.TextFlag.TextWordWrap, text).size()
    inner = (words + shift).expandedTo(picture).boundedTo(room.size())
    box = _beside(at, inner + QSizeF(2 * _PAD, 2 * _PAD), room)
    _paint_card(painter, box, inks)
    corner = box.topLeft() + QPointF(_PAD, _PAD)
    if image is not None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(corner, picture), image)
    painter.setFont(font)
    painter.setPen(inks[0])
    place = QRectF(corner + QPointF(shift.width(), shift.height()), words + QSizeF(1, 1))
    painter.drawText(place, Qt.TextFlag.TextWordWrap, text)


def _paint_card(painter: QPainter, box: QRectF, inks: Inked) -> None:
    back, edge = QColor(inks[1]), QColor(inks[0])
    back.setAlphaF(0.97)
    edge.setAlphaF(0.35)
    painter.setPen(QPen(edge, 1))
    painter.setBrush(back)
    painter.drawRoundedRect(box, 5, 5)


def _beside(at: QPointF, size: QSizeF, room: QRectF) -> QRectF:
    """Place a box to the lower right of a point, or where there is room."""
    left, top = at.x() + _OFFSET, at.y() + _OFFSET
    if left + size.width() > room.right():
        left = at.x() - _OFFSET - size.width()
    if top + size.height() > room.bottom():
        top = at.y() - _OFFSET - size.height()
    left = min(max(left, room.left()), max(room.left(), room.right() - size.width()))
    top = min(max(top, room.top()), max(room.top(), room.bottom() - size.height()))
    return QRectF(QPointF(left, top), size)

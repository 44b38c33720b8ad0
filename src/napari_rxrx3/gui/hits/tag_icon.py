"""A tag as a small square of its color, with its number."""

from __future__ import annotations

from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QColor, QFont, QIcon, QPainter, QPixmap

from napari_rxrx3.hits.tags import Tag

__all__ = ["ICON_SIZE", "ink_on", "tag_icon"]

ICON_SIZE = 14
_SHARPNESS = 2  # pixels a point, for screens that have them
_BLACK, _WHITE = QColor(0, 0, 0), QColor(255, 255, 255)


def tag_icon(tag: Tag) -> QIcon:
    """Draw the square of a tag; it looks the same in a selected row."""
    color = QColor(tag.color)
    pixmap = QPixmap(ICON_SIZE * _SHARPNESS, ICON_SIZE * _SHARPNESS)
    pixmap.setDevicePixelRatio(_SHARPNESS)
    pixmap.fill(color)
    painter = QPainter(pixmap)
    font = QFont()
    font.setPixelSize(ICON_SIZE - 3)
    painter.setFont(font)
    painter.setPen(ink_on(color))
    square = QRect(0, 0, ICON_SIZE, ICON_SIZE)
    painter.drawText(square, Qt.AlignmentFlag.AlignCenter, str(tag.number))
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it
    return icon


def ink_on(color: QColor) -> QColor:
    """Black or white, whichever is easier to read on a color."""
    luminance = 0.299 * color.redF() + 0.587 * color.greenF() + 0.114 * color.blueF()
    return _BLACK if luminance > 0.5 else _WHITE

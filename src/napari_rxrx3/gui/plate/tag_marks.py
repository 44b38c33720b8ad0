"""Marks of tagged wells on the plate map."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QRect
from qtpy.QtGui import QColor, QPainter, QPixmap

from napari_rxrx3.core.plate_colors import RGB
from napari_rxrx3.core.plate_view import PlateGrid

__all__ = ["paint_tags"]


def paint_tags(wells: QPixmap, grid: PlateGrid, tags: Mapping[int, str], ink: RGB) -> None:
    """Paint a square into the top right corner of each tagged well.

    Parameters
    ----------
    wells : QPixmap
        The wells of a plate, the first one at its corner.
    tags : mapping of int to str
        Position of a well and color of its tag, as Qt names colors.
    ink : RGB
        Color of the line that parts a mark from its well.
    """
    if not tags:
        return
    size = grid.pitch - grid.gap
    mark = max(3, round(size * 0.5))
    painter = QPainter(wells)
    painter.translate(-grid.left, -grid.top)
    for position, color in tags.items():
        left, top = grid.corner(position)
        square = QRect(left + size - mark, top, mark, mark)
        painter.fillRect(square.adjusted(-1, 0, 0, 1), QColor(*ink))
        painter.fillRect(square, QColor(color))
    painter.end()

"""Tile labels over napari's canvas: always legible, whatever the zoom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QEvent, QObject, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.mosaic import Mosaic
from napari_rxrx3.core.stains import PIXEL_SIZE_UM

__all__ = ["CanvasLabels"]

_PAD = 4


class CanvasLabels(QWidget):
    """A transparent widget over the canvas that names the tiles and says what is missing.

    Drawn by Qt rather than as a layer: a text layer costs napari 0.15 s for each new picture.
    """

    def __init__(self, viewer: Any, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._viewer = viewer
        self._mosaic: Mosaic | None = None
        self._notes: Mapping[str, str] = {}
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.installEventFilter(self)
        for event in (viewer.scene.camera.events.zoom, viewer.scene.camera.events.center):
            event.connect(self._moved)
        self.setGeometry(canvas.rect())
        self.show()

    def set_mosaic(self, mosaic: Mosaic | None, notes: Mapping[str, str]) -> None:
        """Label these tiles; `notes` says for a well what of it cannot be shown."""
        self._mosaic, self._notes = mosaic, notes
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._mosaic is None or self._viewer.dims.ndisplay != 2:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for tile in self._mosaic.tiles:
            note = self._notes.get(tile.well_id or "", "")
            lines = [tile.label] if len(self._mosaic.tiles) > 1 else []
            self._paint(painter, self._place(tile), [*lines, *note.split("\n")] if note else lines)
        painter.end()

    def _place(self, tile: Any) -> QRectF:
        assert self._mosaic is not None
        top, left = self._mosaic.origin(tile)
        height, width = self._mosaic.tile_shape
        zoom = float(self._viewer.scene.camera.zoom)
        center_y, center_x = self._viewer.scene.camera.center[-2:]
        # napari puts the center of the first pixel at 0
        x = (PIXEL_SIZE_UM * (left - 0.5) - center_x) * zoom + self.width() / 2
        y = (PIXEL_SIZE_UM * (top - 0.5) - center_y) * zoom + self.height() / 2
        return QRectF(x, y, PIXEL_SIZE_UM * width * zoom, PIXEL_SIZE_UM * height * zoom)

    def _paint(self, painter: QPainter, place: QRectF, lines: list[str]) -> None:
        metrics = QFontMetrics(painter.font())
        room = int(place.width()) - 4 * _PAD
        if room < 24:
            return
        y = place.top() + _PAD
        for line in lines:
            text = metrics.elidedText(line, Qt.TextElideMode.ElideRight, room)
            width = metrics.horizontalAdvance(text) + 2 * _PAD
            box = QRectF(place.left() + _PAD, y, width, metrics.height() + 2)
            painter.fillRect(box, QColor(0, 0, 0, 170))
            painter.setPen(QColor(255, 255, 255))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
            y += box.height() + 1

    def _moved(self) -> None:
        self.update()

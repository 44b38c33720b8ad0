"""Paints a heat map into a frame."""

from __future__ import annotations

from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QLineF, QPointF, QRectF, Qt
from qtpy.QtGui import (
    QBrush,
    QColor,
    QFont,
    QImage,
    QPainter,
    QPen,
    qRgb,
)
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.diverging import BLANK, color_index, diverging
from napari_rxrx3.core.words import key_in_words
from napari_rxrx3.gui.inks import ink, paper
from napari_rxrx3.gui.map.heat_map.legend import is_dark, paint_legend, paint_words
from napari_rxrx3.gui.words import written

if TYPE_CHECKING:
    from napari_rxrx3.gui.map.heat_map.frame import Frame
    from napari_rxrx3.maps.heat_map import HeatMap

__all__ = ["HeatMapPainter"]

_PAD = 4.0
_GRID_FROM, _NUMBERS_FROM = 12.0, 34.0
_SMALLEST_NAME = 8
_NARROWEST = 1.5
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_CENTER = Qt.AlignmentFlag.AlignCenter

Cell = tuple[int, int]


class HeatMapPainter:
    """Paints one heat map; it keeps what does not change from one picture to the next."""

    def __init__(self, heat_map: HeatMap) -> None:
        self._map = heat_map
        self._blank = np.flatnonzero(heat_map.is_blank)
        self._images: dict[bool, QImage] = {}
        self._reduced: tuple[tuple[bool, int], QImage] | None = None

    def paint(
        self, painter: QPainter, widget: QWidget, frame: Frame, current: Cell | None, words: str
    ) -> None:
        """Paint all of it: cells, names, tree, legend, and what is said of the current cell."""
        painter.save()
        painter.setClipRect(_plot(frame))
        self._paint_cells(painter, widget, frame)
        self._paint_blanks(painter, widget, frame)
        if frame.scale >= _NUMBERS_FROM:
            self._paint_numbers(painter, widget, frame)
        if current is not None:
            self._paint_current(painter, widget, frame, current)
        painter.restore()
        if frame.has_names:
            self._paint_names(painter, widget, frame, current)
        if frame.has_tree:
            self._paint_tree(painter, widget, frame)
        value = float(self._map.matrix[current]) if current is not None else nan
        paint_legend(painter, widget, frame, value, has_blank=len(self._blank) > 0)
        if current is not None and words:
            paint_words(painter, widget, frame, current, written(words, painter.font()))

    # -- cells ------------------------------------------------------------------------------------

    @cached_property
    def _indices(self) -> Any:
        return np.ascontiguousarray(color_index(self._map.matrix))

    def _image(self, dark: bool) -> QImage:
        """A pixel a cell; what has no number is transparent."""
        if dark not in self._images:
            n = len(self._map)
            image = QImage(self._indices.tobytes(), n, n, n, QImage.Format.Format_Indexed8)
            table = [qRgb(*rgb) for rgb in diverging(dark).tolist()]
            image.setColorTable([*table, 0])
            form = QImage.Format.Format_ARGB32_Premultiplied
            self._images[dark] = image.convertToFormat(form)
        return self._images[dark]

    def _paint_cells(self, painter: QPainter, widget: QWidget, frame: Frame) -> None:
        dark, image = is_dark(widget), self._image(is_dark(widget))
        pixels = round(frame.n * frame.scale * widget.devicePixelRatioF())
        if pixels < frame.n:  # of several cells in a pixel, their mean
            if self._reduced is None or self._reduced[0] != (dark, pixels):
                keep, smooth = Qt.AspectRatioMode.IgnoreAspectRatio, _SMOOTH
                self._reduced = (dark, pixels), image.scaled(pixels, pixels, keep, smooth)
            whole = _box(frame, range(frame.n), range(frame.n))
            painter.drawImage(whole, self._reduced[1])
            return
        rows, columns = frame.shown_rows(), frame.shown_columns()
        source = QRectF(columns.start, rows.start, len(columns), len(rows))
        painter.drawImage(_box(frame, rows, columns), image, source)
        if frame.scale >= _GRID_FROM:
            _paint_grid(painter, paper(widget), frame)

    def _paint_blanks(self, painter: QPainter, widget: QWidget, frame: Frame) -> None:
        """Hatch the rows and columns of entries that cannot be compared."""
        brush = QBrush(ink(widget, 0.35), Qt.BrushStyle.BDiagPattern)
        rows, columns = frame.shown_rows(), frame.shown_columns()
        for i in self._blank.tolist():
            if i in rows:
                painter.fillRect(_box(frame, range(i, i + 1), columns), brush)
            if i in columns:
                painter.fillRect(_box(frame, rows, range(i, i + 1)), brush)

    def _paint_numbers(self, painter: QPainter, widget: QWidget, frame: Frame) -> None:
        colors = diverging(is_dark(widget))
        for row in frame.shown_rows():
            for column in frame.shown_columns():
                index = int(self._indices[row, column])
                if index != BLANK:
                    color = QColor(*colors[index].tolist())
                    is_light = color.lightnessF() > 0.5 or color.greenF() > 0.5
                    painter.setPen(QColor("black") if is_light else QColor("white"))
                    box = _box(frame, range(row, row + 1), range(column, column + 1))
                    painter.drawText(box, _CENTER, f"{self._map.matrix[row, column]:.2f}")

    def _paint_current(
        self, painter: QPainter, widget: QWidget, frame: Frame, current: Cell
    ) -> None:
        """Frame the current cell, and its row and column faintly."""
        row, column = current
        painter.setPen(QPen(ink(widget, 0.55), 1))
        cross = (
            _box(frame, range(row, row + 1), range(frame.n)),
            _box(frame, range(frame.n), range(column, column + 1)),
        )
        for band in cross:
            painter.drawRect(band)
        cell = _box(frame, range(row, row + 1), range(column, column + 1))
        for color, wide in ((paper(widget), 4.0), (ink(widget), 2.0)):
            painter.setPen(QPen(color, wide))
            painter.drawRect(cell.adjusted(-1, -1, 1, 1))

    # -- around the cells -------------------------------------------------------------------------

    def _paint_names(
        self, painter: QPainter, widget: QWidget, frame: Frame, current: Cell | None
    ) -> None:
        painter.save()
        plain, bold = _fonts(painter, frame)
        edge = min(frame.place(frame.n, 0)[1], frame.top + frame.plot_height) + _PAD
        left, room = max(frame.place(0, 0)[0], frame.left), frame.left - 2 * _PAD
        for row in frame.shown_rows():
            is_current = current is not None and current[0] == row
            middle = frame.place(row + 0.5, 0)[1]
            if frame.top <= middle <= frame.top + frame.plot_height:
                at = QPointF(left - _PAD - room, middle)
                font = bold if is_current else plain
                _paint_name(
                    painter, widget, key_in_words(self._map.keys[row]), font, at, room, _RIGHT
                )
        room = frame.bottom - 2 * _PAD
        for column in frame.shown_columns():
            is_current = current is not None and current[1] == column
            middle = frame.place(0, column + 0.5)[0]
            if frame.left <= middle <= frame.left + frame.plot_width:
                painter.save()
                painter.translate(middle, edge)
                painter.rotate(90)
                font = bold if is_current else plain
                key = key_in_words(self._map.keys[column])
                _paint_name(painter, widget, key, font, QPointF(0, 0), room, _LEFT)
                painter.restore()
        painter.restore()

    @cached_property
    def _branches(self) -> Any:
        return self._map.branches

    def _paint_tree(self, painter: QPainter, widget: QWidget, frame: Frame) -> None:
        """The tree above the columns: the higher two are joined, the less they are alike."""
        tree = self._branches
        if not len(tree):
            return
        painter.save()
        painter.setClipRect(QRectF(frame.left, 0, frame.plot_width, frame.top))
        painter.setPen(QPen(ink(widget, 0.7), 1))
        high = frame.top - 2 * _PAD
        tallest = max(float(tree[:, 4].max()), 1e-9)
        x = frame.left + (tree[:, :2] - frame.x) * frame.scale
        y = frame.top - 2 - high * tree[:, 2:5] / tallest
        seen = (x[:, 1] >= frame.left) & (x[:, 0] <= frame.left + frame.plot_width)
        seen &= x[:, 1] - x[:, 0] >= _NARROWEST  # else they run into each other
        lines = []
        for (x1, x2), (y1, y2, top) in zip(x[seen].tolist(), y[seen].tolist(), strict=True):
            lines += [QLineF(x1, y1, x1, top), QLineF(x1, top, x2, top), QLineF(x2, top, x2, y2)]
        if lines:
            painter.drawLines(lines)
        painter.restore()


_SMOOTH = Qt.TransformationMode.SmoothTransformation


def _plot(frame: Frame) -> QRectF:
    return QRectF(frame.left, frame.top, frame.plot_width, frame.plot_height)


def _box(frame: Frame, rows: range, columns: range) -> QRectF:
    left, top = frame.place(rows.start, columns.start)
    return QRectF(left, top, len(columns) * frame.scale, len(rows) * frame.scale)


def _paint_grid(painter: QPainter, color: QColor, frame: Frame) -> None:
    painter.setPen(QPen(color, 1))
    rows, columns = frame.shown_rows(), frame.shown_columns()
    box = _box(frame, rows, columns)
    lines = [QLineF(box.left(), y, box.right(), y) for y in _edges(frame, rows, 1)]
    lines += [QLineF(x, box.top(), x, box.bottom()) for x in _edges(frame, columns, 0)]
    painter.drawLines(lines)


def _edges(frame: Frame, cells: range, axis: int) -> list[float]:
    return [frame.place(i, i)[axis] for i in range(cells.start, cells.stop + 1)]


def _fonts(painter: QPainter, frame: Frame) -> tuple[QFont, QFont]:
    """The fonts of names, as large as the cells let them be: plain, and of the current cell."""
    plain = QFont(painter.font())
    most = plain.pixelSize() if plain.pixelSize() > 0 else painter.fontInfo().pixelSize()
    plain.setPixelSize(max(_SMALLEST_NAME, min(most, int(frame.scale * 0.95))))
    bold = QFont(plain)
    bold.setBold(True)
    return plain, bold


def _paint_name(
    painter: QPainter,
    widget: QWidget,
    name: str,
    font: QFont,
    middle: QPointF,
    room: float,
    side: Any,
) -> None:
    painter.setFont(font)
    painter.setPen(ink(widget, 1.0 if font.bold() else 0.85))
    metrics = painter.fontMetrics()
    text = metrics.elidedText(written(name, font), Qt.TextElideMode.ElideMiddle, int(room))
    height = float(metrics.height())
    painter.drawText(QRectF(middle.x(), middle.y() - height / 2, room, height), side, text)

"""Names over napari's canvas: always legible, whatever the zoom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF, QRegion
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.difference import StainPlaces
from napari_rxrx3.core.mosaic import Mosaic, Tile
from napari_rxrx3.core.overview import Block
from napari_rxrx3.core.plate import ROW_NAMES
from napari_rxrx3.gui.canvas.canvas_map import Affine, Box, canvas_map
from napari_rxrx3.gui.canvas.layers import Place, StainLayers
from napari_rxrx3.gui.napari_window import after_drawing

__all__ = ["CanvasLabels"]

_PAD = 4
_TITLE_SIZE = 1.5  # of the usual font
_LEAST_ROOM = 24
_SMALL_TILE, _SMALL_SIZE = 120, 0.8  # points of a tile, and then of the usual font
_LABELED, _NOTED = 0.34, 0.95  # of the height of a tile, at most
_LEAST_TILE, _LEAST_NAMED = 100, 120  # for a name over it, and in the overview for all of it
_FRAME = ((5.0, QColor(0, 0, 0)), (2.0, QColor(255, 255, 255)))
"""Of the current well: dark, and light within it, so that one of them shows on any picture."""


@dataclass(frozen=True)
class _Mapping:
    """Where the picture is in the widget now, from pixels (y, x) to points (y, x)."""

    affine: Affine
    mosaic: Mosaic

    def box(self, tile: Tile) -> Box:
        top, left = self.mosaic.origin(tile)
        height, width = self.mosaic.tile_shape
        return self.affine.box(Box(top, left, top + height, left + width))

    def place(self, tile: Tile) -> QRectF:
        box = self.box(tile)
        height, width = box.size
        return QRectF(box.left, box.top, width, height)

    def outline(self, tile: Tile) -> QPolygonF:
        top, left = self.mosaic.origin(tile)
        bottom, right = (a + b for a, b in zip((top, left), self.mosaic.tile_shape, strict=True))
        corners = self.affine([(top, left), (top, right), (bottom, right), (bottom, left)])
        return QPolygonF([QPointF(float(x), float(y)) for y, x in corners])

    @property
    def tile_width(self) -> float:
        """Points of a tile, at its narrowest."""
        return min(self.mosaic.tile_shape) * self.affine.magnification


class CanvasLabels(QWidget):
    """A transparent widget over the canvas that names the tiles and says what is missing.

    Drawn by Qt rather than as a layer: a text layer costs napari 0.15 s for each new picture.
    napari itself says where a tile is, whatever its camera, its axes and the layers do; where it
    has no answer, in 3D and in its grid, nothing is named but the whole.
    """

    resized = Signal()
    """The canvas has another size."""

    def __init__(self, viewer: Any, canvas: QWidget, layers: StainLayers) -> None:
        super().__init__(canvas)
        self._viewer, self._layers = viewer, layers
        self._mosaic: Mosaic | None = None
        self._notes: Mapping[str, str] = {}
        self._place = Place()
        self._block: Block | None = None
        self._apart: StainPlaces | None = None
        self._current: str | None = None
        self._hovered: Tile | None = None
        self._painted_at: Affine | None = None
        self._title = self._subtitle = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.installEventFilter(self)
        after_drawing(viewer, self._on_drawn)
        self.setGeometry(canvas.rect())
        self.show()

    def set_mosaic(
        self,
        mosaic: Mosaic | None,
        notes: Mapping[str, str],
        place: Place | None = None,
        block: Block | None = None,
        apart: StainPlaces | None = None,
    ) -> None:
        """Label these tiles.

        Parameters
        ----------
        notes : mapping
            Says for a well what of it cannot be shown.
        block : Block, optional
            Which positions of a plate the tiles are: rows and columns are named as well.
        apart : StainPlaces, optional
            Where, in micrometers, the tiles are once for each stain.
        """
        self._mosaic, self._notes, self._apart = mosaic, notes, apart
        self._place, self._block = place or Place(), block
        self._hovered = None
        self.update()

    @property
    def title(self) -> str:
        """What is written in the upper left corner."""
        return self._title

    @property
    def subtitle(self) -> str:
        """What is written below the title."""
        return self._subtitle

    @property
    def title_height(self) -> int:
        """Points that a title takes."""
        return QFontMetrics(self._large_font()).height() + 3 * _PAD

    @property
    def subtitle_height(self) -> int:
        """Points that is written below the title now takes."""
        usual = QFontMetrics(self.font())
        lines = _wrapped(self._subtitle, usual, self.width() - 4 * _PAD, 2)
        return sum(usual.height() + _PAD for line in lines if line)

    @property
    def edge_size(self) -> tuple[int, int]:
        """Height and width of the names of rows and columns beside a plate."""
        metrics = QFontMetrics(self.font())
        return metrics.height() + 2 * _PAD, metrics.horizontalAdvance("00") + 2 * _PAD

    def set_title(self, title: str, subtitle: str = "") -> None:
        """Say in the upper left corner what is shown.

        Napari's own text takes up to 50 ms for letters that it has not drawn before.
        """
        self._title, self._subtitle = title, subtitle
        self.update()

    def set_hovered(self, tile: Tile | None) -> None:
        """Name this tile even if it is too small for a name."""
        if tile != self._hovered:
            self._hovered = tile
            self.update()

    def set_current(self, well_id: str | None) -> None:
        """Frame this well in the overview of a plate."""
        self._current = well_id
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
            self.resized.emit()
        elif event.type() == QEvent.Type.Leave:
            self.set_hovered(None)
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        to_canvas = canvas_map(self._viewer)
        self._painted_at = self._um_to_canvas(to_canvas)
        if self._mosaic is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        title = self._paint_title(painter)
        painter.setClipRegion(QRegion(self.rect()) - title)
        mapping = self._mapping(to_canvas)
        if mapping is not None and to_canvas is not None:
            if self._apart is not None:
                self._paint_stains(painter, self._mosaic, to_canvas)
            elif not mapping.affine.is_upright:
                self._paint_frame(painter, mapping)
            elif self._block is None:
                self._paint_tiles(painter, mapping, mapping.mosaic.tiles)
            else:
                self._paint_plate(painter, mapping, self._block)
            self._paint_hovered(painter, mapping)
        painter.end()

    def _paint_title(self, painter: QPainter) -> QRegion:
        """Write the title and what is below it; returns the room that they take."""
        usual, large = painter.font(), self._large_font()
        taken, y = QRegion(), float(_PAD)
        room = self.width() - 4 * _PAD
        lines = [(self._title, large)]
        lines += [(x, usual) for x in _wrapped(self._subtitle, QFontMetrics(usual), room, 2)]
        for line, font in lines:
            if line:
                painter.setFont(font)
                metrics = QFontMetrics(font)
                text = metrics.elidedText(line, Qt.TextElideMode.ElideRight, room)
                width = metrics.horizontalAdvance(text) + 2 * _PAD
                box = QRectF(_PAD, y, width, metrics.height() + _PAD)
                _write(painter, box, text)
                taken += QRegion(box.toAlignedRect())
                y = box.bottom()
        painter.setFont(usual)
        return taken

    def _large_font(self) -> QFont:
        large = QFont(self.font())
        large.setPointSizeF(_TITLE_SIZE * large.pointSizeF())
        return large

    def _paint_stains(self, painter: QPainter, mosaic: Mosaic, to_canvas: Affine) -> None:
        """Label the tiles once for each stain, and name the stain at the first of them."""
        first, *others = mosaic.tiles
        for stain in self._layers.stains:
            mapping = self._mapping(to_canvas, stain.number)
            if mapping is None or not mapping.affine.is_upright:
                continue
            name, place = f"{stain.number} {stain.name}", mapping.place(first)
            if mapping.tile_width >= _LEAST_TILE:
                label = f"{name}\n{first.label}" if others else name
                self._paint_tiles(painter, mapping, [replace(first, label=label), *others], True)
            else:  # over several tiles, which have no labels
                metrics = QFontMetrics(painter.font())
                width = metrics.horizontalAdvance(name) + 2 * _PAD
                _write(painter, QRectF(place.x(), place.y(), width, metrics.height()), name)

    def _paint_tiles(
        self,
        painter: QPainter,
        mapping: _Mapping,
        tiles: Iterable[Tile],
        labeled: bool | None = None,
    ) -> None:
        if mapping.tile_width < _LEAST_TILE:
            return  # the picture is worth more than its name, which the mouse brings
        labeled = len(mapping.mosaic.tiles) > 1 if labeled is None else labeled
        for tile in tiles:
            note = self._notes.get(tile.well_id or "", "")
            label = tile.label.split("\n") if labeled else []
            self._paint(painter, mapping.place(tile), label, note.split("\n") if note else [])

    def _paint_plate(self, painter: QPainter, mapping: _Mapping, block: Block) -> None:
        mosaic, on_screen = mapping.mosaic, mapping.tile_width
        if on_screen < _LEAST_TILE:
            self._paint_edges(painter, mapping, block)
        else:
            seen = mosaic.tiles_between(*mapping.affine.inverse.box(self._whole_box()))
            if on_screen < _LEAST_NAMED:
                seen = [replace(tile, label=tile.label.split(" ")[0]) for tile in seen]
            self._paint_tiles(painter, mapping, seen, True)
        self._paint_frame(painter, mapping)

    def _paint_frame(self, painter: QPainter, mapping: _Mapping) -> None:
        """Frame the current well of a plate around its picture."""
        if self._block is None:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for tile in mapping.mosaic.tiles:
            if tile.well_id == self._current:
                for width, color in _FRAME:
                    pen = QPen(color, width)
                    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
                    painter.setPen(pen)
                    painter.drawPolygon(_grown(mapping.outline(tile), _FRAME[0][0] / 2))

    def _paint_hovered(self, painter: QPainter, mapping: _Mapping) -> None:
        """Name the tile under the mouse below it, if it is too small for a name of its own."""
        tile = self._hovered
        if tile is None or mapping.tile_width >= _LEAST_TILE or len(mapping.mosaic.tiles) == 1:
            return
        if self._apart is not None:
            return  # in six places
        lines = [*tile.label.split("\n"), *self._notes.get(tile.well_id or "", "").split("\n")]
        lines = [line for line in lines if line]
        metrics, place = QFontMetrics(painter.font()), mapping.place(tile)
        if not lines:
            return
        width = max(map(metrics.horizontalAdvance, lines)) + 2 * _PAD
        height = metrics.height() + 1
        x = min(max(place.center().x() - width / 2, 2.0), self.width() - width - 2.0)
        y = place.bottom() + _PAD
        if y + len(lines) * height > self.height():
            y = place.top() - _PAD - len(lines) * height
        painter.setClipping(False)
        for i, line in enumerate(lines):
            _write(painter, QRectF(x, y + i * height, width, height), line)

    def _paint_edges(self, painter: QPainter, mapping: _Mapping, block: Block) -> None:
        """Name rows and columns at the edges, as far apart as the names need."""
        (height, width), gap = mapping.mosaic.tile_shape, mapping.mosaic.gap
        rows = [(i * (height + gap) + height / 2, width / 2) for i in range(len(block.rows))]
        columns = [(height / 2, i * (width + gap) + width / 2) for i in range(len(block.columns))]
        y, x = len(block.rows) * (height + gap) - gap, len(block.columns) * (width + gap) - gap
        plate, is_turned = mapping.affine.box(Box(0, 0, y, x)), mapping.affine.is_turned
        letters = [(ROW_NAMES[i], at) for i, at in zip(block.rows, rows, strict=True)]
        numbers = [(str(i + 1), at) for i, at in zip(block.columns, columns, strict=True)]
        self._paint_edge(painter, mapping, plate, letters, not is_turned)
        self._paint_edge(painter, mapping, plate, numbers, is_turned)

    def _paint_edge(
        self,
        painter: QPainter,
        mapping: _Mapping,
        plate: Box,
        names: Sequence[tuple[str, tuple[float, float]]],
        is_below_each_other: bool,
    ) -> None:
        """Write names, each with the middle of its wells, on the left of a plate or above it."""
        metrics = QFontMetrics(painter.font())
        height, width = metrics.height(), metrics.horizontalAdvance("00") + 2
        pitch = (mapping.mosaic.tile_shape[0] + mapping.mosaic.gap) * mapping.affine.magnification
        needed = height if is_below_each_other else width + 2
        step = max(1, -int(-needed // max(pitch, 1e-6)))
        # what lies over the margins of the canvas stays in it
        left = min(max(plate.left - width - _PAD, 2.0), self.width() - width)
        above = min(max(plate.top - height - _PAD, 2.0), self.height() - height)
        titles = QRegion(self.rect()) - painter.clipRegion()
        for name, middle in names[::step]:
            y, x = mapping.affine(middle).tolist()
            if is_below_each_other:
                place = QRectF(left, y - height / 2, width, height)
            else:
                place = QRectF(x - width / 2, above, width, height)
            if not titles.intersects(place.toAlignedRect()):  # half a number is another one
                _write(painter, place, name)

    def _um_to_canvas(self, to_canvas: Affine | None) -> Affine | None:
        """From micrometers to points of this widget; None if there is no such map."""
        return None if to_canvas is None else self._layers.to_scene().then(to_canvas)

    def _mapping(self, to_canvas: Affine | None, stain: int | None = None) -> _Mapping | None:
        if self._mosaic is None or to_canvas is None:
            return None
        pixels = self._picture_to_scene(stain).then(to_canvas)
        return _Mapping(pixels, self._mosaic) if pixels.has_inverse else None

    def _picture_to_scene(self, stain: int | None = None) -> Affine:
        place = self._place
        if self._apart is not None:
            stain = stain or 1
            place = place.shifted(self._apart.place(stain))
        return place.to_um.then(self._layers.to_scene(stain))

    def _whole_box(self) -> Box:
        return Box(0, 0, self.height(), self.width())

    def place_of(self, tile: Tile) -> QRectF:
        """Where a tile is in this widget; empty where napari shows it as something else."""
        mapping = self._mapping(canvas_map(self._viewer))
        return QRectF() if mapping is None else mapping.place(tile)

    def tile_at(self, position: Sequence[float]) -> Tile | None:
        """Tile at a position in napari's world."""
        if self._mosaic is None:
            return None
        place = position[-2], position[-1]
        for stain in [None] if self._apart is None else [s.number for s in self._layers.stains]:
            to_scene = self._picture_to_scene(stain)
            if to_scene.has_inverse:
                y, x = to_scene.inverse(place).tolist()
                tile = self._mosaic.tile_at(y, x)
                if tile is not None:
                    return tile
        return None

    def _paint(self, painter: QPainter, place: QRectF, label: list[str], notes: list[str]) -> None:
        """Write as much of a label as leaves most of the tile visible, and notes over the rest."""
        place = place.intersected(QRectF(self.rect()))
        usual = painter.font()
        if place.width() < _SMALL_TILE:
            small = QFont(usual)
            small.setPointSizeF(_SMALL_SIZE * usual.pointSizeF())
            painter.setFont(small)
        metrics = QFontMetrics(painter.font())
        room = int(place.width()) - 3 * _PAD
        if room >= _LEAST_ROOM:
            fitting = place.height() / metrics.height()
            lines = label[: max(1, int(_LABELED * fitting))]
            most = max(1, int(_NOTED * fitting) - len(lines))
            lines += [part for note in notes for part in _wrapped(note, metrics, room, most)][:most]
            self._paint_lines(painter, place, lines, room)
        painter.setFont(usual)

    def _paint_lines(self, painter: QPainter, place: QRectF, lines: list[str], room: int) -> None:
        metrics = QFontMetrics(painter.font())
        y = place.top() + _PAD / 2
        for line in lines:
            text = metrics.elidedText(line, Qt.TextElideMode.ElideRight, room)
            width = metrics.horizontalAdvance(text) + 2 * _PAD
            box = QRectF(place.left() + _PAD / 2, y, width, metrics.height() + 1)
            _write(painter, box, text)
            y += box.height()

    def _on_drawn(self, event: object) -> None:
        """Follow the picture, whatever moved it."""
        if self._mosaic is not None:
            now = self._um_to_canvas(canvas_map(self._viewer))
            if not _are_alike(now, self._painted_at):
                self.update()


def _are_alike(one: Affine | None, other: Affine | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.allclose(one.matrix, other.matrix) and np.allclose(one.offset, other.offset)


def _grown(outline: QPolygonF, by: float) -> QPolygonF:
    """A rectangle, however it is turned, so many points larger on each side."""
    corners = np.array([(corner.x(), corner.y()) for corner in outline])
    sides = np.stack([corners - np.roll(corners, n, axis=0) for n in (1, -1)])
    sides /= np.linalg.norm(sides, axis=2, keepdims=True).clip(1e-6)
    return QPolygonF([QPointF(*map(float, at)) for at in corners + by * sides.sum(axis=0)])


def _wrapped(text: str, metrics: QFontMetrics, room: int, most: int) -> list[str]:
    """Break a text between words into lines that fit, `most` at most; the last may be longer."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        is_last = len(lines) >= most
        if lines and (is_last or metrics.horizontalAdvance(longer) <= room):
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _write(painter: QPainter, box: QRectF, text: str) -> None:
    painter.fillRect(box, QColor(0, 0, 0, 170))
    painter.setPen(QColor(255, 255, 255))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

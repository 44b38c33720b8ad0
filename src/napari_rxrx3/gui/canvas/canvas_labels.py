"""Names over napari's canvas: always legible, whatever the zoom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qtpy.QtCore import QEvent, QObject, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QRegion
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.difference import StainPlaces
from napari_rxrx3.core.mosaic import Mosaic, Tile
from napari_rxrx3.core.overview import Block
from napari_rxrx3.core.plate import ROW_NAMES
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.gui.canvas.layers import Place

__all__ = ["CanvasLabels"]

_PAD = 4
_TITLE_SIZE = 1.5  # of the usual font
_LEAST_ROOM = 24
_SMALL_TILE, _SMALL_SIZE = 120, 0.8  # points of a tile, and then of the usual font
_LABELED, _NOTED = 0.45, 0.95  # of the height of a tile, at most
_LEAST_TILE, _LEAST_NAMED = 64, 120  # for a name of any use, and in the overview for all of it


class CanvasLabels(QWidget):
    """A transparent widget over the canvas that names the tiles and says what is missing.

    Drawn by Qt rather than as a layer: a text layer costs napari 0.15 s for each new picture.
    """

    def __init__(self, viewer: Any, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._viewer = viewer
        self._mosaic: Mosaic | None = None
        self._notes: Mapping[str, str] = {}
        self._place = Place()
        self._block: Block | None = None
        self._apart: StainPlaces | None = None
        self._current: str | None = None
        self._title = self._subtitle = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.installEventFilter(self)
        for event in (viewer.scene.camera.events.zoom, viewer.scene.camera.events.center):
            event.connect(self._moved)
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
        self.update()

    @property
    def title(self) -> str:
        """What is written in the upper left corner."""
        return self._title

    @property
    def subtitle(self) -> str:
        """What is written below the title."""
        return self._subtitle

    def set_title(self, title: str, subtitle: str = "") -> None:
        """Say in the upper left corner what is shown.

        Napari's own text takes up to 50 ms for letters that it has not drawn before.
        """
        self._title, self._subtitle = title, subtitle
        self.update()

    def set_current(self, well_id: str | None) -> None:
        """Frame this well in the overview of a plate."""
        self._current = well_id
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
        title = self._paint_title(painter)
        painter.setClipRegion(QRegion(self.rect()) - title)
        if self._apart is not None:
            self._paint_stains(painter, self._mosaic, self._apart)
        elif self._block is None:
            self._paint_tiles(painter, self._mosaic.tiles, len(self._mosaic.tiles) > 1)
        else:
            self._paint_plate(painter, self._mosaic, self._block)
        painter.end()

    def _paint_title(self, painter: QPainter) -> QRegion:
        """Write the title and what is below it; returns the room that they take."""
        usual, large = painter.font(), QFont(painter.font())
        large.setPointSizeF(_TITLE_SIZE * usual.pointSizeF())
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

    def _paint_stains(self, painter: QPainter, mosaic: Mosaic, apart: StainPlaces) -> None:
        """Label the tiles once for each stain, and name the stain at the first of them."""
        here, labeled = self._place, len(mosaic.tiles) > 1
        first, *others = mosaic.tiles
        for stain in STAINS:
            self._place = here.shifted(apart.place(stain.number))
            name = f"{stain.number} {stain.name}"
            place = self.place_of(first)
            if place.width() < _LEAST_TILE:  # over several tiles, which have no labels
                metrics = QFontMetrics(painter.font())
                width = metrics.horizontalAdvance(name) + 2 * _PAD
                _write(painter, QRectF(place.x(), place.y(), width, metrics.height()), name)
                continue
            named = replace(first, label=f"{name}\n{first.label}" if labeled else name)
            self._paint_tiles(painter, [named, *others] if labeled else [named], True)
        self._place = here

    def _paint_tiles(self, painter: QPainter, tiles: Iterable[Tile], labeled: bool) -> None:
        for tile in tiles:
            note = self._notes.get(tile.well_id or "", "")
            label = tile.label.split("\n") if labeled else []
            self._paint(painter, self.place_of(tile), label, note.split("\n") if note else [])

    def _paint_plate(self, painter: QPainter, mosaic: Mosaic, block: Block) -> None:
        on_screen = mosaic.tile_shape[0] * self._pixel_on_screen
        if on_screen < _LEAST_TILE:
            self._paint_edges(painter, mosaic, block)
        else:
            y, x = self._to_picture(0, 0)
            bottom, right = self._to_picture(self.height(), self.width())
            seen = mosaic.tiles_between(y, x, bottom, right)
            if on_screen < _LEAST_NAMED:
                seen = [replace(tile, label=tile.label.split(" ")[0]) for tile in seen]
            self._paint_tiles(painter, seen, True)
        for tile in mosaic.tiles:
            if tile.well_id == self._current:
                painter.setPen(QColor(255, 255, 255))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(self.place_of(tile).adjusted(-1.5, -1.5, 1.5, 1.5))

    def _paint_edges(self, painter: QPainter, mosaic: Mosaic, block: Block) -> None:
        """Name rows on the left and columns above, as far apart as the names need."""
        metrics = QFontMetrics(painter.font())
        pitch = (mosaic.tile_shape[0] + mosaic.gap) * self._pixel_on_screen
        half = mosaic.tile_shape[0] * self._pixel_on_screen / 2
        left, top = self._to_screen(0, 0)
        height, width = metrics.height(), metrics.horizontalAdvance("00") + 2
        x = min(max(left - width - _PAD, 2.0), self.width() - width)
        for i in range(0, len(block.rows), max(1, -int(-height // pitch))):
            y = top + i * pitch + half - height / 2
            _write(painter, QRectF(x, y, width, height), ROW_NAMES[block.rows[i]])
        y = min(max(top - height - _PAD, 2.0), self.height() - height)
        for i in range(0, len(block.columns), max(1, -int(-(width + 2) // pitch))):
            place = QRectF(left + i * pitch + half - width / 2, y, width, height)
            _write(painter, place, str(block.columns[i] + 1))

    @property
    def _pixel_on_screen(self) -> float:
        return self._place.pixel_um * float(self._viewer.scene.camera.zoom)

    def _to_screen(self, top: float, left: float) -> tuple[float, float]:
        """From the corner of a pixel of the picture to (x, y) in this widget."""
        zoom = float(self._viewer.scene.camera.zoom)
        center_y, center_x = self._viewer.scene.camera.center[-2:]
        (first_y, first_x), pixel = self._place.origin_um, self._place.pixel_um
        # the origin is the middle of the first pixel
        x = (first_x + pixel * (left - 0.5) - center_x) * zoom + self.width() / 2
        y = (first_y + pixel * (top - 0.5) - center_y) * zoom + self.height() / 2
        return x, y

    def _to_picture(self, y: float, x: float) -> tuple[float, float]:
        """From a point of this widget to (y, x) in pixels of the picture."""
        left, top = self._to_screen(0, 0)
        return (y - top) / self._pixel_on_screen, (x - left) / self._pixel_on_screen

    def place_of(self, tile: Tile) -> QRectF:
        """Where a tile is in this widget."""
        assert self._mosaic is not None
        x, y = self._to_screen(*self._mosaic.origin(tile))
        height, width = (extent * self._pixel_on_screen for extent in self._mosaic.tile_shape)
        return QRectF(x, y, width, height)

    def tile_at(self, position: Sequence[float]) -> Tile | None:
        """Tile at a position in the canvas (micrometers)."""
        if self._mosaic is None:
            return None
        if self._apart is not None:
            if not self._apart.holds(position[-2], position[-1]):
                return None
            position = self._apart.within(position[-2], position[-1])
        return self._mosaic.tile_at(*self._place.to_pixels(position))

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

    def _moved(self) -> None:
        self.update()


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

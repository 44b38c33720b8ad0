"""A painted scatter of pairs: how alike they are in screen A, and in screen B."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_rxrx3.core.points.painting import Inks, paint_density
from napari_rxrx3.core.points.viewport import Viewport
from napari_rxrx3.gui.compare.pairs.frame import paint_axes, paint_caption, paint_legend
from napari_rxrx3.gui.inks import ink, legible, paper
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.widgets import OnDestroyed
from napari_rxrx3.gui.words import elided
from napari_rxrx3.gui.work.latest_only import LatestOnly

if TYPE_CHECKING:
    from napari_rxrx3.core.points.cloud import PointCloud

__all__ = ["PairsPlot"]

Key = tuple["PointCloud", Viewport, float, int]
"""What a picture shows: points, what of them is in view, pixels to a point, and their color."""

_ALL = (-1.0, -1.0, 1.0, 1.0)
_CROWD, _LIT = (0.34, 0.71, 0.91), (0.90, 0.62, 0.0)  # sky blue and orange of Okabe and Ito
_REACH, _RING, _DRAG = 8, 6.0, 4
_STEP, _ZOOM = 40, 1.25
_LARGEST, _SMALLEST = 400.0, 0.5
"""How far one can zoom, in times of the whole."""
_RADII = ((2_000, 2.6), (20_000, 1.6), (60_000, 1.0))
"""Points are the smaller, in pixels, the more there are in view."""
_AT_ONCE = 100_000
"""So many points are painted at once, more in a thread."""
_FLOOR = 0.35
_SMALL = 180
"""Pixels of width up to which there is no room for words in the plot."""
_MOST_LIT, _LIT_RADIUS = 5_000, 3.4


class PairsPlot(QWidget):
    """Shows a cloud of pairs between -1 and 1 with its diagonal; pans, zooms, names and chooses."""

    hovered = Signal(object)
    """Index of the pair under the mouse, or None."""
    clicked = Signal(int)
    """Index of the pair that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cloud: PointCloud | None = None
        self._lit = np.zeros(0, dtype=np.intp)
        self._axes = ("", "")
        self._caption = self._lit_words = ""
        self._name_of: Callable[[int], tuple[str, str]] = lambda index: ("", "")
        self._current: int | None = None
        self._hovered: int | None = None
        self._pressed: QPointF | None = None
        self._from = QPointF()
        self._dragged = False
        self._inks: tuple[QColor, Inks] | None = None
        self._picture: tuple[Key, QImage] | None = None
        self._asked: Key | None = None
        self.rendering = LatestOnly(self._on_painted)
        self._at_end = OnDestroyed(self, self.rendering.close)
        self.view = Viewport.fit(_ALL, 100, 100)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Pairs in two screens")
        self.setToolTip("")

    def set_pairs(self, cloud: PointCloud | None, axes: tuple[str, str] = ("", "")) -> None:
        """Show pairs, x in A and y in B; the axes are called so. What is in view stays."""
        self._cloud, self._axes, self._caption = cloud, axes, ""
        self._inks = self._picture = self._asked = None
        self._current = None
        self._lit = np.zeros(0, dtype=np.intp)
        self._set_hovered(None)
        self.update()

    def set_caption(self, text: str) -> None:
        """Say something in the corner below the diagonal."""
        self._caption = text
        self.update()

    def set_names(self, name_of: Callable[[int], tuple[str, str]]) -> None:
        """Say of a pair, by its index, what it is and what its numbers are."""
        self._name_of = name_of

    def set_lit(self, indices: np.ndarray, words: str = "") -> None:
        """Paint these pairs on top, in another color, and say in a corner what they are."""
        self._lit, self._lit_words = indices[:_MOST_LIT], words
        self.update()

    def lit(self) -> np.ndarray:
        """Indices of the pairs that are painted on top."""
        return self._lit

    def set_current(self, index: int | None) -> None:
        """Mark the pair that is looked at."""
        self._current = index
        self.update()

    def show_all(self) -> None:
        """Show everything from -1 to 1."""
        self._show(Viewport.fit(_ALL, self.view.width, self.view.height))

    def show_pairs(self) -> None:
        """Show the pairs as large as they can be, their crowd if a few are far from it."""
        if self._cloud is not None and len(self._cloud):
            self._show(Viewport.fit(self._cloud.home, self.view.width, self.view.height))

    def place_of(self, index: int) -> QPointF:
        """Where a pair is painted."""
        assert self._cloud is not None
        return self._at(self._cloud.positions[index : index + 1])[0]

    def pair_at(self, point: QPointF) -> int | None:
        """The pair that is nearest to a point of the widget, if it is near."""
        if self._cloud is None or not self._plot().contains(point):
            return None
        corner = self._plot().topLeft()
        x, y = self.view.place(point.x() - corner.x(), point.y() - corner.y())
        reach = _REACH / self.view.scale
        near = self._cloud.within((x - reach, y - reach, x + reach, y + reach))
        away = np.hypot(self._cloud.x[near] - x, self._cloud.y[near] - y)
        if not len(near) or away.min() > reach:
            return None
        return int(self._cloud.order[near[away.argmin()]])

    def sizeHint(self) -> QSize:
        return QSize(372, 372)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 100)

    # -- what the user does -----------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        side = int(self._plot().width())
        view = self.view.resized(side, side)
        self._show(view.zoomed(side / max(self.view.width, 1), side / 2, side / 2))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self._from = QPointF(event.pos())
            self._dragged = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = QPointF(event.pos())
        if self._pressed is None:
            self._set_hovered(self.pair_at(place))
            return
        moved = place - self._pressed
        if self._dragged or moved.manhattanLength() > _DRAG:
            self._dragged, self._pressed = True, place
            self._show(self.view.moved(moved.x(), moved.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        place, was_pressed = QPointF(event.pos()), self._pressed is not None
        is_near = (place - self._from).manhattanLength() <= _DRAG
        self._pressed = None
        index = self.pair_at(place) if was_pressed and is_near and not self._dragged else None
        if index is not None:
            self.set_current(index)
            self.clicked.emit(index)

    def leaveEvent(self, event: object) -> None:
        super().leaveEvent(event)
        self._set_hovered(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        corner, place = self._plot().topLeft(), event.position()
        factor = _ZOOM ** (event.angleDelta().y() / 120)
        self._zoom(factor, place.x() - corner.x(), place.y() - corner.y())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (_STEP, 0),
            Qt.Key.Key_Right: (-_STEP, 0),
            Qt.Key.Key_Up: (0, _STEP),
            Qt.Key.Key_Down: (0, -_STEP),
        }
        middle = self.view.width / 2
        if event.key() in moves:
            self._show(self.view.moved(*moves[event.key()]))
        elif event.text() in ("+", "="):
            self._zoom(_ZOOM, middle, middle)
        elif event.text() == "-":
            self._zoom(1 / _ZOOM, middle, middle)
        else:
            super().keyPressEvent(event)

    def _zoom(self, factor: float, x: float, y: float) -> None:
        whole = Viewport.fit(_ALL, self.view.width, self.view.height).scale
        scale = min(max(self.view.scale * factor, _SMALLEST * whole), _LARGEST * whole)
        self._show(self.view.zoomed(scale / self.view.scale, x, y))

    def _show(self, view: Viewport) -> None:
        self.view = view
        self.update()

    def _set_hovered(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.hovered.emit(index)
            self.update()

    # -- painting ---------------------------------------------------------------------------------

    def _plot(self) -> QRectF:
        """The square of the points: names and numbers of the axes are to its left and below."""
        left, below = self._margin(), 2.0 * self.fontMetrics().height() + 6
        side = max(1.0, min(self.width() - left - 6, self.height() - below - 4))
        free = max(0.0, self.width() - left - 6 - side)
        return QRectF(left + free / 2, 4, side, side)

    def _margin(self) -> float:
        """Room for the name and the numbers of the axis at the left."""
        metrics, widest = self.fontMetrics(), "−0.75" if self.width() > _SMALL else "−0.5"
        return float(metrics.height() + metrics.horizontalAdvance(widest) + 4)

    def _at(self, positions: np.ndarray) -> list[QPointF]:
        corner = self._plot().topLeft()
        pixels = self.view.pixels(positions).tolist()
        return [QPointF(corner.x() + x, corner.y() + y) for x, y in pixels]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small_font(self.font()))
        plot = self._plot()
        paint_axes(painter, self, plot, self._margin(), self.view, self._axes)
        painter.setClipRect(plot)
        self._paint_lines(painter, plot)
        if self._cloud is not None:
            self._paint_cloud(painter, self._cloud)
            self._paint_lit(painter, self._cloud)
        for index, width in ((self._current, 2.0), (self._hovered, 1.2)):
            if index is not None:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(ink(self), width))
                painter.drawEllipse(self.place_of(index), _RING, _RING)
        painter.setClipping(False)
        if self._caption and self.width() > _SMALL:
            paint_caption(painter, self, plot, self._caption)
        if len(self._lit) and self.width() > _SMALL:
            paint_legend(painter, self, plot, legible(_LIT, paper(self)), self._lit_words)
        if self._hovered is not None:
            self._paint_name(painter, plot, self._hovered)
        painter.end()

    def _paint_lines(self, painter: QPainter, plot: QRectF) -> None:
        """Paint where either is zero, and where both are the same."""
        (left, bottom, right, top), reach = self.view.box(), 2.0
        painter.setPen(QPen(ink(self, 0.25), 1))
        for one, other in (((left, 0), (right, 0)), ((0, bottom), (0, top))):
            painter.drawLine(*self._at(np.array([one, other])))
        painter.setPen(QPen(ink(self, 0.6), 1, Qt.PenStyle.DashLine))
        painter.drawLine(*self._at(np.array([(-reach, -reach), (reach, reach)])))

    def _paint_cloud(self, painter: QPainter, cloud: PointCloud) -> None:
        """Paint the crowd; a large one is painted in a thread, from the last picture till then."""
        ratio = self.devicePixelRatioF()
        color = legible(_CROWD, paper(self))
        key = (cloud, self.view, ratio, color.rgb())
        if self._picture is None or self._picture[0] != key:
            if self._inks is None or self._inks[0] != color:
                self._inks = color, _one_ink(cloud, color)
            n = cloud.count(self.view.box())
            radius = next((r for most, r in _RADII if n <= most), 0.5)
            job = partial(_painted, key, self._inks[1], radius)
            if n <= _AT_ONCE:
                self._on_painted("", job())
            elif self._asked != key:
                self._asked = key
                self.rendering.ask("pairs", job)
        if self._picture is not None:
            (_, view, *_), image = self._picture
            left, bottom, right, top = view.box()
            corners = self._at(np.array([(left, top), (right, bottom)]))
            painter.drawImage(QRectF(*corners), image)

    def _on_painted(self, kind: str, made: tuple[Key, np.ndarray]) -> None:
        key, pixels = made
        if key[0] is self._cloud:
            self._picture = key, _image_of(pixels)
            if kind:
                self.update()

    def _paint_lit(self, painter: QPainter, cloud: PointCloud) -> None:
        painter.setPen(QPen(paper(self), 0.8))
        painter.setBrush(legible(_LIT, paper(self)))
        plot = self._plot()
        for place in self._at(cloud.positions[self._lit]):
            if plot.contains(place):
                painter.drawEllipse(place, _LIT_RADIUS, _LIT_RADIUS)

    def _paint_name(self, painter: QPainter, plot: QRectF, index: int) -> None:
        """Name a pair in a box beside it."""
        metrics = painter.fontMetrics()
        texts = [elided(painter.font(), text, int(plot.width()) - 16) for text in self.words(index)]
        width = max(metrics.horizontalAdvance(text) for text in texts) + 12
        height = metrics.height() * len(texts) + 8
        place = self.place_of(index)
        x = min(max(place.x() + 10, plot.left()), plot.right() - width)
        y = place.y() - height - 10
        box = QRectF(x, y if y > plot.top() else place.y() + 10, width, height)
        painter.setPen(QPen(ink(self, 0.5), 1))
        painter.setBrush(paper(self))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(ink(self))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "\n".join(texts))

    def words(self, index: int) -> tuple[str, str]:
        """What is said of a pair."""
        return self._name_of(index)


def _one_ink(cloud: PointCloud, color: QColor) -> Inks:
    palette = np.array([color.getRgb()[:3]], dtype=np.uint8)
    return Inks(cloud, np.zeros(cloud.n_points, dtype=np.uint8), palette)


def _painted(key: Key, inks: Inks, radius: float) -> tuple[Key, np.ndarray]:
    """Paint a cloud: key and pixels (side, side); without Qt, for any thread."""
    cloud, view, ratio, _ = key
    width, height = (round(size * ratio) for size in (view.width, view.height))
    sharp = Viewport(view.x, view.y, view.scale * ratio, width, height)
    return key, paint_density(cloud, inks, sharp, radius * ratio, _FLOOR)


def _image_of(pixels: np.ndarray) -> QImage:
    height, width = pixels.shape
    form = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(pixels.tobytes(), width, height, 4 * width, form).copy()

"""A map of points that is moved, zoomed and pointed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QPointF, QRectF, QSizeF, Qt, Signal
from qtpy.QtGui import QFontMetricsF, QImage, QKeyEvent, QMouseEvent, QPainter, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_rxrx3.core.points.cloud import in_box, in_polygon
from napari_rxrx3.core.points.labels import place_labels
from napari_rxrx3.core.points.scene import Scene
from napari_rxrx3.core.words import what_is_spelled
from napari_rxrx3.gui.inks import ink, paper
from napari_rxrx3.gui.map.points.overlay import (
    Inked,
    caption_in,
    paint_bubble,
    paint_caption,
    paint_names,
    paint_outline,
    paint_ring,
)
from napari_rxrx3.gui.map.points.points_view import AT_ONCE, PointsView
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.words import wrapped_tooltip, written

__all__ = ["MODES", "MapView"]

MODES = ("pan", "lasso", "box")

_ROOM_OF_A_NAME = 11_000
"""There are no more names than one to this area: the points are what is to be seen."""
_COUNTED = 50_000
"""Of more points there are some on every side of a name, and a frame has no time to count them."""

_KEPT_PICTURES = 256
_ZOOM, _STEP = 1.25, 60
_STEPS = {
    Qt.Key.Key_Left: (_STEP, 0),
    Qt.Key.Key_Right: (-_STEP, 0),
    Qt.Key.Key_Up: (0, _STEP),
    Qt.Key.Key_Down: (0, -_STEP),
}
_ZOOMS = {Qt.Key.Key_Plus: _ZOOM, Qt.Key.Key_Equal: _ZOOM, Qt.Key.Key_Minus: 1 / _ZOOM}
_HOW = (
    "The wheel zooms, dragging moves; plus, minus and the arrow keys do the same, 0 shows all. "
    "With the lasso or the box, dragging marks points: Shift adds to them, Ctrl takes away."
)
_RING = 5.0
"""Room that the ring around the current point takes, outside of the point."""


class MapView(PointsView):
    """Points with names, one of them current and some of them marked.

    The wheel and the keys zoom, dragging moves the map or, in the modes "lasso" and "box", marks
    points. The middle button always moves.
    """

    hovered = Signal(object)  # index or None
    clicked = Signal(int)
    activated = Signal(int)  # double-click or Enter
    marked = Signal(object)  # ndarray of intp: all indices that are marked now

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: Callable[[int], str] = str
        self._caption = ""
        self._mode = MODES[0]
        self._mouse = QPointF()
        self._grip: QPointF | None = None
        self._is_dragged = False
        self._path: list[QPointF] = []
        self._outline: list[QPointF] = []
        self._forget_points()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Map")
        self.setAccessibleDescription(_HOW)

    def _forget_points(self) -> None:
        self._labels: list[tuple[int, str]] = []
        self._spelled = ""
        self._placed: tuple[object, list[tuple[str, QPointF]]] | None = None
        self._current: int | None = None
        self._hovered: int | None = None
        self._pictures: dict[int, QImage] = {}
        self._end_drag()

    def set_names(self, names: Callable[[int], str]) -> None:
        """Set what gives the words shown beside the point that the mouse is over."""
        self._names = names
        self.update()

    def set_labels(self, labels: Sequence[tuple[int, str]]) -> None:
        """Name points on the map, the strongest first: they are written where there is room."""
        font = small_font(self.font())
        self._labels = [(index, written(name, font)) for index, name in labels]
        self._spelled = what_is_spelled((name for _, name in labels), lambda x: written(x, font))
        self._placed = None
        self._on_caption()

    def set_current(self, index: int | None) -> None:
        """Put a ring around a point."""
        self._current = index
        self.update()

    def set_caption(self, text: str) -> None:
        """Say in the lower left corner what the map shows."""
        self._caption = text
        self._on_caption()

    @property
    def caption(self) -> str:
        """What is said in the lower left corner, also of letters that cannot be shown."""
        return "\n".join(filter(None, (self._caption, self._spelled)))

    def _on_caption(self) -> None:
        text = self.caption
        self.setAccessibleName(f"Map: {text}" if text else "Map")
        self.update()

    def set_picture(self, index: int, image: QImage | None) -> None:
        """Show a picture beside a point while the mouse is over it."""
        self._pictures.pop(index, None)
        if image is not None:
            while len(self._pictures) >= _KEPT_PICTURES:
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[index] = image
        if index == self._hovered:
            self.update()

    @property
    def mode(self) -> str:
        """What dragging does: one of `MODES`."""
        return self._mode

    def set_mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"{mode!r} is none of {', '.join(MODES)}.")
        self._mode = mode
        self._end_drag()
        self._show_cursor()

    def _show_cursor(self, is_grabbing: bool = False) -> None:
        shape = Qt.CursorShape.ArrowCursor if self._mode == "pan" else Qt.CursorShape.CrossCursor
        self.setCursor(Qt.CursorShape.ClosedHandCursor if is_grabbing else shape)

    # -- painting ---------------------------------------------------------------------------------

    def _paint_over(self, painter: QPainter) -> None:
        inks, room = (ink(self), paper(self)), QRectF(self.rect())
        if self._scene is not None and self._camera is not None:
            self._paint_names(painter, inks)
            self._paint_rings(painter, inks)
        if self._outline:
            paint_outline(painter, self._outline, inks)
        if self.caption:
            paint_caption(painter, *self._captioned(), self.font(), inks)
        self._paint_hovered(painter, room.adjusted(2, 2, -2, -2), inks)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(ink(self, 0.5))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _captioned(self) -> tuple[str, QRectF]:
        return caption_in(self.caption, QSizeF(self.size()), self.font())

    def _footer(self) -> float:
        return self.height() - self._captioned()[1].top() if self.caption else 0.0

    def tooltip_at(self, place: QPoint) -> str:
        if self.caption and self._captioned()[1].contains(QPointF(place)):
            return wrapped_tooltip(self.caption)
        return super().tooltip_at(place)

    def _paint_names(self, painter: QPainter, inks: Inked) -> None:
        font = small_font(self.font())
        now = self._camera, self._unit, self._current, self.caption, font.toString()
        if self._placed is None or self._placed[0] != now:
            self._placed = now, self._place_names(QFontMetricsF(font))
        paint_names(painter, self._placed[1], font, inks)

    def _place_names(self, metrics: QFontMetricsF) -> list[tuple[str, QPointF]]:
        assert self._scene is not None
        assert self._camera is not None
        which = np.array([index for index, _ in self._labels], np.intp)
        # the name of the current point begins outside of its ring
        beside = np.where(which == self._current, _RING, 1.0)
        positions, to_pixels = self._scene.positions, self._camera.pixels
        few = len(positions) <= _COUNTED
        placed = place_labels(
            to_pixels(positions[which]) / self._unit,
            lambda n: (
                metrics.horizontalAdvance(self._labels[n][1]) + 2 * beside[n],
                metrics.height(),
            ),
            (float(self.width()), float(self.height())),
            self.radius() + 3,
            self._taken(),
            max(1, self.width() * self.height() // _ROOM_OF_A_NAME),
            to_pixels(positions) / self._unit if few else None,
        )
        return [(self._labels[n][1], QPointF(left + beside[n], top)) for n, left, top in placed]

    def _taken(self) -> list[tuple[float, float, float, float]]:
        """Where no name may be: at the caption and at the current point."""
        rects = []
        if self.caption:
            rects.append(self._captioned()[1])
        place = None if self._current is None else self.place_of(self._current)
        if place is not None:
            reach = self.radius() + 2
            rects.append(QRectF(place.x() - reach, place.y() - reach, 2 * reach, 2 * reach))
        return [(rect.left(), rect.top(), rect.right(), rect.bottom()) for rect in rects]

    def _paint_rings(self, painter: QPainter, inks: Inked) -> None:
        for index, is_current in ((self._hovered, False), (self._current, True)):
            place = None if index is None else self.place_of(index)
            if place is not None:
                away = 4.5 if is_current else 2.5
                paint_ring(painter, place, self.radius() + away, inks, is_current)

    def _paint_hovered(self, painter: QPainter, room: QRectF, inks: Inked) -> None:
        index = self._hovered
        place = None if index is None else self.place_of(index)
        if index is not None and place is not None and room.contains(place):
            text, image = self._names(index), self._pictures.get(index)
            paint_bubble(painter, place, text, image, room, self.font(), inks)

    # -- what the user does -----------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        is_left = event.button() == Qt.MouseButton.LeftButton
        if is_left or event.button() == Qt.MouseButton.MiddleButton:
            self._end_drag()
            self._grip = self._mouse = event.position()
            self._path = [self._grip]
            self._pans = not is_left or self._mode == "pan"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = event.position()
        if self._grip is None:
            self._hover(self.point_at(place))
            return
        self._path.append(place)
        if self._is_dragged or self._is_far(place):
            self._drag(self._grip, place)

    def _is_far(self, place: QPointF) -> bool:
        assert self._grip is not None
        away = (place - self._grip).manhattanLength()
        return bool(away >= QApplication.startDragDistance())

    def _drag(self, grip: QPointF, place: QPointF) -> None:
        way, self._mouse = place - self._mouse, place
        if not self._is_dragged:
            self._is_dragged = True
            self._hover(None)
            self._show_cursor(is_grabbing=self._pans)
        if self._pans:
            self.pan(way.x(), way.y())
        elif self._mode == "box":
            corners = QPointF(place.x(), grip.y()), QPointF(grip.x(), place.y())
            self._outline = [grip, corners[0], place, corners[1]]
        else:
            self._outline = self._path
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._grip is None:
            return
        outline, is_dragged = self._outline, self._is_dragged
        self._end_drag()
        self._show_cursor()
        if len(outline) > 2:
            self._enclose(outline, event.modifiers())
        index = None if is_dragged else self.point_at(event.position())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(index)

    def _end_drag(self) -> None:
        self._grip = None
        self._is_dragged, self._pans = False, True
        self._outline = []
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.point_at(event.position())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self.activated.emit(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom(_ZOOM ** (event.angleDelta().y() / 120), event.position())
        if self._grip is None:
            self._hover(self.point_at(event.position()))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in _STEPS:
            self.pan(*_STEPS[key])
        elif key in _ZOOMS:
            self.zoom(_ZOOMS[key])
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current is not None:
            self.activated.emit(self._current)
        elif key == Qt.Key.Key_Escape and self._grip is not None:
            self._end_drag()
            self._show_cursor()
        else:
            super().keyPressEvent(event)

    def _hover(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.update()
            self.hovered.emit(index)

    def _enclose(self, outline: list[QPointF], modifiers: Any) -> None:
        """Mark the points inside an outline; with a key add them, or take them away."""
        scene, camera, unit = self._scene, self._camera, self._unit
        if scene is None or camera is None or not self._is_sorted(scene):
            return
        corners = np.array([camera.place(p.x() * unit, p.y() * unit) for p in outline])
        combine = None
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            combine = np.union1d
        elif modifiers & Qt.KeyboardModifier.ControlModifier:
            combine = np.setdiff1d
        job = partial(_enclosed, scene, corners, self._mode == "box", combine)
        if len(scene.positions) <= AT_ONCE:
            self._on_made("marks", job())
        else:
            self.rendering.ask("marks", job)

    def _on_made(self, kind: str, result: Any) -> None:
        super()._on_made(kind, result)
        if kind == "marks":
            scene, marked = result
            if self._scene is not None and scene.positions is self._scene.positions:
                self.set_marked(marked)
                self.marked.emit(marked)


def _enclosed(
    scene: Scene,
    corners: NDArray[np.float64],
    is_box: bool,
    combine: Callable[..., NDArray[np.intp]] | None,
) -> tuple[Scene, NDArray[np.intp]]:
    """Return which points are marked once those inside an outline are taken into account."""
    if is_box:
        (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
        inside = in_box(scene.cloud, (left, bottom, right, top))
    else:
        inside = in_polygon(scene.cloud, corners)
    return scene, inside if combine is None else combine(scene.marked, inside)

"""Any number of points as a picture, seen through a camera."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Signal
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_rxrx3.core.points.cloud import nearest
from napari_rxrx3.core.points.scene import Picture, Scene
from napari_rxrx3.core.points.viewport import Viewport
from napari_rxrx3.gui.inks import paper
from napari_rxrx3.gui.widgets import OnDestroyed, TooltipByPlace
from napari_rxrx3.gui.work.latest_only import LatestOnly

__all__ = ["AT_ONCE", "PointsView"]

AT_ONCE = 250_000
"""So many points are sorted, or tested against an outline, in a moment; more in a thread."""

_EFFORT_AT_ONCE = 900_000
"""Pictures of no more effort (see `Scene.effort`) are made at once, others in a thread."""

_NEAR = 8
"""A point is meant by a place that is so near, in points of the screen."""

_DIMMED = 0.35
"""Opacity of the points that are not marked, if some are."""

_LEAST_ZOOM, _MOST_ZOOM = 0.3, 4000.0


class PointsView(TooltipByPlace):
    """Shows points in the plane: a density where they are many, discs where they are few.

    What is drawn already is moved and enlarged at once; a picture that takes longer follows.
    Setters never emit. An index is a row of the positions that were set.
    """

    drawn = Signal()
    """The right picture was painted: `is_sharp`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rendering = LatestOnly(self._on_made)
        self._scene: Scene | None = None
        self._see_nothing()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._at_end = OnDestroyed(self, self.rendering.close)

    def _see_nothing(self) -> None:
        self._camera: Viewport | None = None
        self._is_home = True
        self._picture: Picture | None = None
        self._asked: tuple[Scene, Viewport | None] | None = None

    # -- what it shows ----------------------------------------------------------------------------

    def set_points(self, positions: NDArray[np.float32] | None, keep: bool = False) -> None:
        """Show points, (n, 2); NaN is nowhere. None shows nothing.

        As many points as before keep colors and marks, with `keep` also the camera.
        """
        before, scene = self._scene, None
        if positions is not None:
            scene = Scene.of(np.asarray(positions, np.float32))
        is_alike = bool(scene and before and len(scene.positions) == len(before.positions))
        if scene is not None and before is not None and is_alike:
            scene = scene.colored(before.classes, before.palette).lit(before.marked)
        if not (keep and is_alike):
            self._see_nothing()
        self._scene = scene
        if not is_alike:
            self._forget_points()
        self.update()

    def _forget_points(self) -> None:
        """Drop what is known of points by their index: there are others now."""

    def set_colors(self, classes: NDArray[Any], palette: NDArray[np.uint8]) -> None:
        """Color points: `classes` (n,) are rows of the palette (k, 3)."""
        if self._scene is not None:
            if len(classes) != len(self._scene.positions):
                raise ValueError(f"{len(classes)} colors for {len(self._scene.positions)} points.")
            self._scene = self._scene.colored(np.asarray(classes), np.asarray(palette, np.uint8))
            self.update()

    def set_marked(self, indices: NDArray[np.integer[Any]] | Sequence[int]) -> None:
        """Light up points and dim the others; none at all ends it."""
        if self._scene is not None:
            self._scene = self._scene.lit(np.asarray(indices, np.intp))
            self.update()

    def marks(self) -> NDArray[np.intp]:
        """Return the indices of the points that are marked."""
        return np.empty(0, np.intp) if self._scene is None else self._scene.marked

    # -- the camera -------------------------------------------------------------------------------

    @property
    def viewport(self) -> Viewport | None:
        """The part of the plane that is shown, in pixels of the screen; None if not yet known."""
        return self._camera

    def fit(self) -> None:
        """Show all points."""
        self._is_home = True
        self._camera = self._home()
        self.update()

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Show everything larger by a factor; what is at a place of the widget stays there."""
        camera, home = self._camera, self._home()
        if camera is None or home is None:
            return
        at = QPointF(self.width() / 2, self.height() / 2) if at is None else at
        scale = min(max(camera.scale * factor, home.scale * _LEAST_ZOOM), home.scale * _MOST_ZOOM)
        self._look(camera.zoomed(scale / camera.scale, at.x() * self._unit, at.y() * self._unit))

    def pan(self, dx: float, dy: float) -> None:
        """Move what is shown to the right and down, in points of the widget."""
        if self._camera is not None:
            self._look(self._camera.moved(dx * self._unit, dy * self._unit))

    def place_of(self, index: int) -> QPointF | None:
        """Return where a point is in the widget; None if it is nowhere."""
        if self._scene is None or self._camera is None:
            return None
        x, y = self._camera.pixels(self._scene.positions[index : index + 1])[0].tolist()
        return QPointF(x / self._unit, y / self._unit) if np.isfinite((x, y)).all() else None

    def point_at(self, place: QPointF) -> int | None:
        """Return the index of the point that is nearest to a place of the widget, if it is near."""
        if self._scene is None or self._camera is None or not self._is_sorted(self._scene):
            return None
        x, y = self._camera.place(place.x() * self._unit, place.y() * self._unit)
        return nearest(self._scene.cloud, x, y, _NEAR * self._unit / self._camera.scale)

    def radius(self) -> float:
        """Return how large points are drawn, in points of the screen."""
        if self._scene is None or self._camera is None:
            return 1.0
        return max(1.0, self._scene.radius(self._camera, self._unit) / self._unit)

    def _footer(self) -> float:
        """Return the height of what covers the lower edge, in points of the screen."""
        return 0.0

    def _look(self, camera: Viewport) -> None:
        self._camera = camera
        self._is_home = False
        self.update()

    def _home(self) -> Viewport | None:
        scene = self._scene
        if scene is None or not self._is_sorted(scene):
            return None
        return Viewport.fit(scene.cloud.home, *self._size(), round(self._footer() * self._unit))

    @property
    def _unit(self) -> float:
        """Pixels of the screen to a point of the widget."""
        return float(self.devicePixelRatioF())

    def _size(self) -> tuple[int, int]:
        return max(1, round(self.width() * self._unit)), max(1, round(self.height() * self._unit))

    # -- making pictures --------------------------------------------------------------------------

    @property
    def is_sharp(self) -> bool:
        """Whether the picture is the right one, not one of before that was moved or enlarged."""
        picture, camera = self._picture, self._camera
        if self._scene is None:
            return True
        if picture is None or camera is None:
            return False
        is_right = picture.scene is self._scene and picture.viewport == camera
        return is_right and (camera.width, camera.height) == self._size()

    def _is_sorted(self, scene: Scene) -> bool:
        return scene.is_sorted or len(scene.positions) <= AT_ONCE

    def _prepare(self, scene: Scene) -> None:
        """See that there is a picture of what is to be seen, now or soon."""
        size = self._size()
        if self._camera is None or self._is_home:
            self._camera = self._home()
        elif (self._camera.width, self._camera.height) != size:
            self._camera = self._camera.resized(*size)
        camera, unit = self._camera, self._unit
        if self.is_sharp:
            return
        if camera is not None and scene.effort(camera, unit) <= _EFFORT_AT_ONCE:
            self._picture = scene.paint(camera, unit)
        elif self._asked != (scene, camera):
            self._asked = scene, camera
            footer = round(self._footer() * unit)
            self.rendering.ask("picture", partial(_paint, scene, camera, (*size, footer), unit))

    def _on_made(self, kind: str, result: Any) -> None:
        scene = self._scene
        if isinstance(result, Picture) and scene and result.scene.positions is scene.positions:
            self._picture = result
            self.update()

    # -- painting ---------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(372, 300)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._scene is not None:
            self._prepare(self._scene)
        painter = QPainter(self)
        painter.fillRect(self.rect(), paper(self))
        self._paint_points(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_over(painter)
        painter.end()
        if self.is_sharp:
            self.drawn.emit()

    def _paint_over(self, painter: QPainter) -> None:
        """Paint what is in front of the points."""

    def _paint_points(self, painter: QPainter) -> None:
        camera, picture = self._camera, self._picture
        painter.save()
        painter.scale(1 / self._unit, 1 / self._unit)
        if picture is not None and camera is not None:
            target = _moved(picture.viewport, camera)
            painter.setOpacity(1.0 if picture.lit is None else _DIMMED)
            painter.drawImage(target, _image(picture.base))
            painter.setOpacity(1.0)
            if picture.lit is not None:
                painter.drawImage(target, _image(picture.lit))
        painter.restore()


def _paint(
    scene: Scene, camera: Viewport | None, room: tuple[int, int, int], unit: float
) -> Picture:
    return scene.paint(camera or Viewport.fit(scene.cloud.home, *room), unit)


def _moved(before: Viewport, now: Viewport) -> QRectF:
    """Return where a picture belongs that was made for another part of the plane."""
    factor = now.scale / before.scale
    left = (before.left - now.left) * now.scale
    top = (now.top - before.top) * now.scale
    return QRectF(left, top, before.width * factor, before.height * factor)


def _image(pixels: NDArray[np.uint32]) -> QImage:
    """Wrap pixels, which must live as long as the image."""
    height, width = pixels.shape
    premultiplied = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(pixels.data, width, height, 4 * width, premultiplied)

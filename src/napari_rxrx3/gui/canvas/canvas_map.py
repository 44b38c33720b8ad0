"""Where places are in the canvas: napari is asked, nothing of its camera is computed anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from napari_rxrx3.gui.napari_window import corners_in_scene, is_closed

__all__ = [
    "Affine",
    "Box",
    "camera_place",
    "canvas_map",
    "is_transposed",
    "point_camera",
    "room_of",
    "seen_box",
    "shows_last_axes",
]

Array = np.ndarray[Any, Any]

_NEARLY_UPRIGHT = 1e-3


class Box(NamedTuple):
    """A rectangle along the axes."""

    top: float
    left: float
    bottom: float
    right: float

    @property
    def center(self) -> tuple[float, float]:
        return (self.top + self.bottom) / 2, (self.left + self.right) / 2

    @property
    def size(self) -> tuple[float, float]:
        return self.bottom - self.top, self.right - self.left


@dataclass(frozen=True)
class Affine:
    """From places (y, x) of one plane to those of another: ``matrix @ place + offset``."""

    matrix: Array
    offset: Array

    @classmethod
    def scaling(cls, scale: float | Sequence[float], offset: Sequence[float]) -> Affine:
        return cls(np.diag(np.broadcast_to(np.asarray(scale, float), 2)), np.asarray(offset, float))

    @classmethod
    def through(cls, first: Array, down: Array, right: Array) -> Affine:
        """From where (0, 0), (1, 0) and (0, 1) come to lie."""
        return cls(np.stack([down - first, right - first], axis=1), first)

    def __call__(self, places: Any) -> Array:
        return np.asarray(places, float) @ self.matrix.T + self.offset

    def then(self, after: Affine) -> Affine:
        return Affine(after.matrix @ self.matrix, after(self.offset))

    @property
    def has_inverse(self) -> bool:
        """Whether no direction is lost, as on a plane that is seen from its edge."""
        sides = np.linalg.norm(self.matrix, axis=0)
        return bool(abs(np.linalg.det(self.matrix)) > 1e-9 * max(float(np.prod(sides)), 1e-30))

    @property
    def inverse(self) -> Affine:
        back = np.linalg.inv(self.matrix)
        return Affine(back, -back @ self.offset)

    @property
    def is_upright(self) -> bool:
        """Rectangles stay rectangles along the axes; they may be mirrored or turned by 90°."""
        size = np.abs(self.matrix)
        least = _NEARLY_UPRIGHT * size.max()
        return bool(max(size[0, 1], size[1, 0]) < least or max(size[0, 0], size[1, 1]) < least)

    @property
    def is_turned(self) -> bool:
        """What was beside each other is one below the other."""
        size = np.abs(self.matrix)
        return bool(size[0, 1] > size[0, 0])

    @property
    def magnification(self) -> float:
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    def box(self, box: Box) -> Box:
        """The least rectangle along the axes around where a rectangle comes to lie."""
        corners = self([(y, x) for y in (box.top, box.bottom) for x in (box.left, box.right)])
        (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
        return Box(float(top), float(left), float(bottom), float(right))


def canvas_map(viewer: Any) -> Affine | None:
    """From the last two axes of napari's world to points (y, x) of the canvas.

    None where there is no such map: in 3D, in napari's grid, if other axes are displayed, or after
    the window was closed.
    """
    if is_closed(viewer) or viewer.canvas.grid.enabled or not shows_last_axes(viewer):
        return None
    corners, (height, width) = corners_in_scene(viewer)
    if not (height > 0 and width > 0 and np.isfinite(corners).all()):
        return None
    first, right, down = corners[:, ::-1] if is_transposed(viewer) else corners
    scene = Affine(np.stack([(down - first) / height, (right - first) / width], axis=1), first)
    return scene.inverse if scene.has_inverse else None


def shows_last_axes(viewer: Any) -> bool:
    """Whether the canvas shows a plane, that of the last two axes of the world."""
    ndim = viewer.dims.ndim
    return viewer.dims.ndisplay == 2 and set(viewer.dims.displayed) == {ndim - 2, ndim - 1}


def seen_box(viewer: Any) -> Box:
    """What of the last two axes of the world is in the canvas."""
    mapped = canvas_map(viewer)
    if mapped is not None:
        return mapped.inverse.box(Box(0, 0, *map(float, viewer.canvas.size)))
    zoom = float(viewer.scene.camera.zoom)
    (y, x), (down, right) = camera_place(viewer), (room / zoom / 2 for room in room_of(viewer))
    return Box(y - down, x - right, y + down, x + right)


def room_of(viewer: Any) -> tuple[float, float]:
    """Points of the canvas along the last two axes of the world."""
    height, width = map(float, viewer.canvas.size)
    return (width, height) if is_transposed(viewer) else (height, width)


def is_transposed(viewer: Any) -> bool:
    """The last axis of the world goes down instead of to the right."""
    displayed = viewer.dims.displayed
    return bool(displayed[-2] > displayed[-1])


def camera_place(viewer: Any) -> tuple[float, float]:
    """What the camera looks at, on the last two axes of the world."""
    y, x = (float(at) for at in tuple(viewer.scene.camera.center)[-2:])
    return (x, y) if is_transposed(viewer) else (y, x)


def point_camera(viewer: Any, center: Sequence[float], zoom: float) -> None:
    """Look at a place on the last two axes of the world."""
    y, x = (float(at) for at in center)
    camera = viewer.scene.camera
    camera.center = (0.0, x, y) if is_transposed(viewer) else (0.0, y, x)
    camera.zoom = zoom

"""Points one by one, as crisp discs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_rxrx3.core.points.cloud import PointCloud
from napari_rxrx3.core.points.density import Inks, packed
from napari_rxrx3.core.points.viewport import Viewport

__all__ = ["paint_discs"]

_STEPS = 8
"""Steps of color to a pixel, from the middle of a disc outwards."""

_RIM, _RIM_SHADE = 1.2, 0.62
"""Width in pixels of the darker rim of a large disc, and how bright it is."""

_LEAST_RIMMED = 2.5
_PIECE = 1 << 20  # values at once


def paint_discs(
    cloud: PointCloud, inks: Inks, viewport: Viewport, radius: float
) -> NDArray[np.uint32]:
    """Paint each point as a disc.

    A hairline of what is behind all discs parts large ones that overlap; small ones flow together.

    Returns
    -------
    ndarray of uint32, (height, width)
        As 0xAARRGGBB, the color multiplied by the opacity.
    """
    reach = math.ceil(radius + 0.5)
    pad = 2 * reach + 1
    width, height = viewport.width + 2 * pad, viewport.height + 2 * pad
    near = cloud.within(viewport.box(reach))
    picture = np.zeros(height * width, np.uint32)
    colors = _shades(inks.palette, radius)
    offsets = np.indices((2 * reach + 1,) * 2).reshape(2, -1).T - reach
    offsets = offsets[np.hypot(offsets[:, 0], offsets[:, 1]) < radius + 0.5 + math.sqrt(0.5)]
    size = max(1, _PIECE // len(offsets))
    for start in range(0, len(near), size):
        some = near[start : start + size]
        place = viewport.pixels(np.stack([cloud.x[some], cloud.y[some]], axis=1)) + pad
        away, at = _stamp(place, offsets, width)
        seen = np.flatnonzero(away < radius + 0.5 - 0.5 / _STEPS)
        steps = (away.ravel()[seen] * _STEPS + 0.5).astype(np.uint8)
        owner = np.take(inks.classes[some], seen // len(offsets))
        at = np.take(at.ravel(), seen)
        if radius < _LEAST_RIMMED:  # the middles over the edges, or crowds would have holes
            by_step = np.argsort(steps, kind="stable")[::-1]
            at, steps, owner = at[by_step], steps[by_step], owner[by_step]
        picture[at] = colors[owner, steps]
    inside = slice(pad, -pad)
    return np.ascontiguousarray(picture.reshape(height, width)[inside, inside])


def _stamp(
    place: NDArray[np.float64], offsets: NDArray[np.intp], width: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return for each disc and pixel near it (n, k): how far from the middle, and which pixel."""
    pixel = np.floor(place)
    within = (place - pixel).astype(np.float32)
    off = (offsets + 0.5).astype(np.float32)
    dx = off[None, :, 1] - within[:, :1]
    dy = off[None, :, 0] - within[:, 1:]
    corner = (pixel[:, 1] * width + pixel[:, 0]).astype(np.int32)
    at = corner[:, None] + (offsets[:, 0] * width + offsets[:, 1]).astype(np.int32)
    return np.sqrt(dx * dx + dy * dy), at


def _shades(palette: NDArray[np.uint8], radius: float) -> NDArray[np.uint32]:
    """Return for each color (k, steps) how it looks at a distance from the middle of a disc."""
    last = math.ceil((radius + 0.5) * _STEPS)
    away = np.arange(last + 1) / _STEPS
    alpha = np.clip(radius + 0.5 - away, 0, 1)
    alpha[-1] = 0
    bright = np.ones(len(away))
    if radius >= _LEAST_RIMMED:
        bright -= (1 - _RIM_SHADE) * np.clip(away - (radius - _RIM), 0, 1)
    red, green, blue = palette.astype(np.float64).T[..., None] * (bright * alpha)
    return packed(red, green, blue, np.broadcast_to(alpha, red.shape))

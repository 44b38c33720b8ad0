"""Points as pixels: a crowd as densities in its colors, few of them as crisp discs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_rxrx3.core.points.cloud import PointCloud
from napari_rxrx3.core.points.viewport import Box, Viewport

__all__ = ["Classes", "Inks", "packed", "paint_density", "paint_discs"]

Floats = NDArray[np.float64]
Classes = NDArray[np.unsignedinteger[Any]]
Run = slice | NDArray[np.intp]

_PIECE = 1 << 18
"""Points counted at once: counting holds Python's lock, and the window must go on."""

_GREEN, _COUNT = float(1 << 26), float(1 << 31)
"""Two sums share a float64 of 53 bits: the one counts in ones, the other in these."""

_QUARTERS = 4
"""What covers a pixel in part counts in quarters of a point."""

_FAINTEST = 0.16
"""Opacity of a single point in the midst of the largest crowds."""


class Inks:
    """Color of each point of a cloud, ready to be summed up.

    Parameters
    ----------
    classes : ndarray of uint8 or uint16, (n,)
        Index into the palette for each of the positions that the cloud was made of.
    palette : ndarray of uint8, (k, 3)
    """

    def __init__(
        self,
        cloud: PointCloud,
        classes: NDArray[np.unsignedinteger[Any]],
        palette: NDArray[np.uint8],
    ) -> None:
        self.palette = palette
        self.classes = classes[cloud.order]
        red, green, blue = palette.astype(np.float64).T
        self.red_green: Floats = (red + green * _GREEN)[self.classes]
        self.blue_count: Floats = (blue + _COUNT)[self.classes]


def paint_density(
    cloud: PointCloud, inks: Inks, viewport: Viewport, radius: float, floor: float = 0.0
) -> NDArray[np.uint32]:
    """Paint each pixel in the mean color of its points, the more opaque the more there are.

    Parameters
    ----------
    radius : float
        Of a point, in pixels; less than 0.75 is one pixel.
    floor : float
        Least opacity of a point, from 0 (as faint as it is in a crowd) to 1.

    Returns
    -------
    ndarray of uint32, (height, width)
        As 0xAARRGGBB, the color multiplied by the opacity: what Qt draws fastest.
    """
    canvas = _Canvas(cloud, viewport, radius)
    red_green, blue_count = canvas.sums(inks.red_green, inks.blue_count)
    filled = np.flatnonzero(blue_count > 0)
    count, blue = np.divmod(blue_count[filled], _COUNT)
    if count.max(initial=0) * 255 < _GREEN:
        green, red = np.divmod(red_green[filled], _GREEN)
    else:  # hundreds of thousands at one pixel: two sums do not fit into one number
        green, red = (part[filled] for part in canvas.sums(*np.divmod(inks.red_green, _GREEN)))
    unit = cloud.density(0.9) / viewport.scale**2 * canvas.covered
    alpha = _opacity(count / canvas.one, min(max(unit, 1.0), len(cloud)), floor)
    share = alpha / count
    return canvas.picture(filled, packed(red * share, green * share, blue * share, alpha))


def packed(red: Floats, green: Floats, blue: Floats, alpha: Floats) -> NDArray[np.uint32]:
    """Pack colors of 0..255, multiplied by their opacities of 0..1, into 0xAARRGGBB."""
    pixels = (alpha * 255 + 0.5).astype(np.uint32)
    for channel in (red, green, blue):
        pixels <<= 8
        pixels |= (channel + 0.5).astype(np.uint32)
    return pixels


def _opacity(count: Floats, unit: float, floor: float) -> Floats:
    """Return how opaque pixels are: in steps of the logarithm, wholly so from `unit` points on."""
    steps = np.log1p(count) / math.log1p(unit)
    return np.minimum(count, 1) * np.clip(steps, max(_FAINTEST, floor), 1)


class _Canvas:
    """Adds up, for each pixel of a picture, what the points that cover it are worth.

    The picture is larger than what is in view: its margin takes what lies outside.
    """

    def __init__(self, cloud: PointCloud, viewport: Viewport, radius: float) -> None:
        self._cloud, self._viewport = cloud, viewport
        offsets, self._weights = _kernel(radius)
        self._reach = int(np.abs(offsets).max())
        self._pad = 2 * self._reach + 1
        self._width = viewport.width + 2 * self._pad
        self._height = viewport.height + 2 * self._pad
        self._offsets = offsets[:, 0] * self._width + offsets[:, 1]
        self.one = float(self._weights.max())
        self.covered = float(self._weights.sum()) / self.one

    def sums(self, *values: Floats) -> list[Floats]:
        """Return the sums of several values at each pixel, one row after the other."""
        totals = [np.zeros(self._height * self._width) for _ in values]
        size = _PIECE // len(self._offsets)
        for run in _pieces(self._cloud, self._viewport.box(self._reach + 1), size):
            at = self._pixels(run) + int(self._offsets.min())
            start = int(at.min())
            spread = self._spread(at - start)
            for total, value in zip(totals, values, strict=True):
                added = np.bincount(spread, (value[run][:, None] * self._weights).ravel())
                total[start : start + len(added)] += added
        return totals

    def picture(self, filled: NDArray[np.intp], colors: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return the part in view, with these colors at some pixels."""
        whole = np.zeros(self._height * self._width, np.uint32)
        whole[filled] = colors
        inside = slice(self._pad, -self._pad)
        return np.ascontiguousarray(whole.reshape(self._height, self._width)[inside, inside])

    def _pixels(self, run: Run) -> NDArray[np.int64]:
        left, top = np.float32(self._viewport.left), np.float32(self._viewport.top)
        scale, pad, reach = np.float32(self._viewport.scale), self._pad, self._reach
        column = (self._cloud.x[run] - left) * scale + np.float32(pad)
        row = (top - self._cloud.y[run]) * scale + np.float32(pad)
        np.clip(column, reach, self._width - 1 - reach, out=column)
        np.clip(row, reach, self._height - 1 - reach, out=row)
        at: NDArray[np.int64] = row.astype(np.int64)
        at *= self._width
        at += column.astype(np.int32)
        return at

    def _spread(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return all pixels that points cover, from that of the least offset."""
        if len(self._offsets) == 1:
            return at
        spread: NDArray[np.int64] = at[:, None] + (self._offsets - self._offsets.min())
        return spread.ravel()


def _kernel(radius: float) -> tuple[NDArray[np.intp], Floats]:
    """Return the offsets (k, 2) of the pixels that a point covers, and how much of each."""
    if radius < 0.75:
        return np.zeros((1, 2), np.intp), np.ones(1)
    reach = math.ceil(radius)
    offsets = np.indices((2 * reach + 1,) * 2).reshape(2, -1).T - reach
    away = np.hypot(offsets[:, 0], offsets[:, 1])
    weights = np.rint(_QUARTERS * np.clip(radius + 0.5 - away, 0, 1))
    return offsets[weights > 0], weights[weights > 0]


def _pieces(cloud: PointCloud, box: Box, size: int) -> Iterator[Run]:
    """Yield the points in view, some at a time; short runs together."""
    short: list[NDArray[np.intp]] = []
    waiting = 0
    for run in cloud.slices(box):
        for start in range(run.start, run.stop, size):
            stop = min(start + size, run.stop)
            if stop - start == size:
                yield slice(start, stop)
                continue
            short.append(np.arange(start, stop))
            waiting += stop - start
        if waiting >= size:
            yield np.concatenate(short)
            short, waiting = [], 0
    if short:
        yield np.concatenate(short)


_STEPS = 8
"""Steps of color to a pixel, from the middle of a disc outwards."""

_RIM, _RIM_SHADE = 1.2, 0.62
"""Width in pixels of the darker rim of a large disc, and how bright it is."""

_LEAST_RIMMED = 2.5
_DISC_PIECE = 1 << 20  # values at once


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
    size = max(1, _DISC_PIECE // len(offsets))
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

"""Points sorted into the cells of a grid, so that only those that are near are touched."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_rxrx3.core.points.viewport import Box

__all__ = ["PointCloud", "in_box", "in_polygon", "nearest"]

_PER_CELL = 8
_MAX_CELLS = 1024
_CORE = (0.002, 0.998)
"""Part of the points, along each axis, between which the grid is laid."""

_SAMPLE = 100_000
_FAR = 2.5
"""A picture of all points is one of the core if they lie this many times as far apart."""


class PointCloud:
    """Points in the plane, in the order of the cells they lie in: row by row, from below.

    Points far from all others are in the outermost cells, whatever their distance: a grid over all
    would have nearly every point in one cell.

    Parameters
    ----------
    positions : ndarray of float32, (n, 2)
        A point that is not finite is nowhere.

    Attributes
    ----------
    order : ndarray of int32, (n_placed,)
        The row in `positions` of each sorted point.
    x, y : ndarray of float32, (n_placed,)
        Where the sorted points are.
    """

    def __init__(self, positions: NDArray[np.float32]) -> None:
        self.n_points = len(positions)
        self.positions = np.ascontiguousarray(positions, np.float32)
        placed = np.flatnonzero(np.isfinite(self.positions).all(axis=1)).astype(np.int32)
        x, y = self.positions[placed].T
        self.whole: Box = _bounds(x, y)
        self.core: Box = _core(x, y) if len(x) else self.whole
        self.n_cells = min(_MAX_CELLS, max(1, math.isqrt(len(x) // _PER_CELL)))
        columns, rows = self._column(x), self._row(y)
        by_column = np.argsort(columns, kind="stable")  # 16 bits wide: these sort in linear time
        sorted_ = by_column[np.argsort(rows[by_column], kind="stable")]
        self.order = placed[sorted_]
        self.x, self.y = x[sorted_], y[sorted_]
        cells = rows.astype(np.int32) * self.n_cells + columns
        counts = np.bincount(cells, minlength=self.n_cells**2)
        self._crowds = np.bincount(counts)  # how many cells hold 0, 1, 2 ... points
        self._starts = np.concatenate([[0], np.cumsum(counts)])

    def __len__(self) -> int:
        return len(self.order)

    @property
    def home(self) -> Box:
        """What to show first: all points, or the core if a few are far away."""
        span, core = _span(self.whole), _span(self.core)
        if span[0] > _FAR * core[0] > 0 or span[1] > _FAR * core[1] > 0:
            return self.core
        return self.whole

    def density(self, share: float) -> float:
        """Return how many points there are on a unit of area where the points are.

        Parameters
        ----------
        share : float
            This part of the points lies in cells that are no more crowded.
        """
        if not len(self):
            return 1.0
        crowds = np.arange(len(self._crowds))
        reached = np.searchsorted(np.cumsum(self._crowds * crowds), share * len(self))
        width, height = _span(self.core)
        area = max(width, height * 1e-3, 1e-9) * max(height, width * 1e-3, 1e-9)
        return float(reached) * self.n_cells**2 / area

    def slices(self, box: Box) -> Iterator[slice]:
        """Yield the sorted points of every cell that touches a box."""
        (first, last), (low, high) = self._columns(box), self._rows(box)
        if first == 0 and last == self.n_cells - 1:
            yield self._run(low, first, high, last)
            return
        for row in range(low, high + 1):
            run = self._run(row, first, row, last)
            if run.start < run.stop:
                yield run

    def within(self, box: Box) -> NDArray[np.intp]:
        """Return the sorted points in a box, its edges included."""
        runs = [np.arange(run.start, run.stop) for run in self.slices(box)]
        near = np.concatenate(runs) if runs else np.empty(0, np.intp)
        x, y = self.x[near], self.y[near]
        left, bottom, right, top = np.array(box)  # of 64 bits, or the points' 32 would do
        inside = np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top))
        return np.take(near, inside)

    def count(self, box: Box) -> int:
        """Return how many points the cells hold that touch a box."""
        return sum(run.stop - run.start for run in self.slices(box))

    def _run(self, low: int, first: int, high: int, last: int) -> slice:
        start = self._starts[low * self.n_cells + first]
        return slice(int(start), int(self._starts[high * self.n_cells + last + 1]))

    def _columns(self, box: Box) -> tuple[int, int]:
        first, last = self._column(np.array([box[0], box[2]], np.float32)).tolist()
        return first, last

    def _rows(self, box: Box) -> tuple[int, int]:
        low, high = self._row(np.array([box[1], box[3]], np.float32)).tolist()
        return low, high

    def _column(self, x: NDArray[np.float32]) -> NDArray[np.uint16]:
        return _cell(x, self.core[0], self.core[2], self.n_cells)

    def _row(self, y: NDArray[np.float32]) -> NDArray[np.uint16]:
        return _cell(y, self.core[1], self.core[3], self.n_cells)


def _cell(values: NDArray[np.float32], low: float, high: float, n_cells: int) -> NDArray[np.uint16]:
    width = np.float32(max(high - low, 1e-30) / n_cells)
    cell = (values - np.float32(low)) / width
    np.clip(cell, 0, n_cells - 1, out=cell)
    return cell.astype(np.uint16)


def _bounds(x: NDArray[np.float32], y: NDArray[np.float32]) -> Box:
    if not len(x):
        return -1.0, -1.0, 1.0, 1.0
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _core(x: NDArray[np.float32], y: NDArray[np.float32]) -> Box:
    """Return the box of nearly all points, somewhat widened but no larger than that of all."""
    some: slice | NDArray[np.int64] = slice(None)
    if len(x) > _SAMPLE:  # at random, for points in regular steps may well be all of one kind
        some = np.random.default_rng(0).integers(0, len(x), _SAMPLE)
    (left, right), (bottom, top) = (np.quantile(values[some], _CORE) for values in (x, y))
    wide, high = 0.1 * (right - left), 0.1 * (top - bottom)
    whole = _bounds(x, y)
    return (
        max(float(left - wide), whole[0]),
        max(float(bottom - high), whole[1]),
        min(float(right + wide), whole[2]),
        min(float(top + high), whole[3]),
    )


def _span(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def nearest(cloud: PointCloud, x: float, y: float, reach: float) -> int | None:
    """Return the index of the point that is nearest to a place, no farther than `reach`."""
    near = cloud.within((x - reach, y - reach, x + reach, y + reach))
    if not len(near):
        return None
    away = np.hypot(cloud.x[near].astype(float) - x, cloud.y[near].astype(float) - y)
    best = int(away.argmin())
    return int(cloud.order[near[best]]) if away[best] <= reach else None


def in_box(cloud: PointCloud, box: Box) -> NDArray[np.intp]:
    """Return the indices of the points in a box, in order."""
    return np.sort(cloud.order[cloud.within(box)]).astype(np.intp)


def in_polygon(cloud: PointCloud, outline: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Return the indices of the points inside an outline, in order.

    Parameters
    ----------
    outline : ndarray, (m, 2)
        Corners; the last one is joined to the first. Where the outline crosses itself, what is
        surrounded twice is outside.
    """
    corners = np.asarray(outline, np.float64)
    if len(corners) < 3:
        return np.empty(0, np.intp)
    (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
    near = cloud.within((left, bottom, right, top))
    near = near[np.argsort(cloud.y[near], kind="stable")]
    inside = _crossed(cloud.x[near], cloud.y[near], corners)
    return np.sort(cloud.order[near[inside]]).astype(np.intp)


def _crossed(
    x: NDArray[np.float32], y: NDArray[np.float32], corners: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a ray to the right of each point crosses the outline an odd number of times.

    The points are in order of `y`, so that each edge looks only at those at its height.
    """
    inside = np.zeros(len(x), np.bool_)
    x = x.astype(np.float64)
    y = y.astype(np.float64)
    following = np.roll(corners, -1, axis=0)
    low, high = (
        np.minimum(corners[:, 1], following[:, 1]),
        np.maximum(corners[:, 1], following[:, 1]),
    )
    starts, stops = np.searchsorted(y, low), np.searchsorted(y, high)
    for (x0, y0), (x1, y1), start, stop in zip(corners, following, starts, stops, strict=True):
        if start < stop:
            here = slice(int(start), int(stop))
            inside[here] ^= x[here] < x0 + (y[here] - y0) * ((x1 - x0) / (y1 - y0))
    return inside

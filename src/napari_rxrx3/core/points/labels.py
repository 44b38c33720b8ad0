"""Where to write names beside points, so that none covers another, nor more points than it must."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["place_labels"]

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels; y grows downwards."""

_SIDES = np.array([(1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1)])
"""Right, left, above, below, then the corners: to the right is read most easily."""

_TRIED = 400
"""So many labels in view are tried at most: it is done anew for every frame."""
_CELL = 3.0
"""Pixels of a cell in which points are counted: about as many as a point covers."""
_MOST_COVERED = 5
"""A label that would cover more points than that is left out, but for the first one."""


def place_labels(
    anchors: NDArray[np.floating[Any]],
    size_of: Callable[[int], tuple[float, float]],
    within: tuple[float, float],
    gap: float,
    taken: Sequence[Rect] = (),
    most: int = 80,
    points: NDArray[np.floating[Any]] | None = None,
) -> list[tuple[int, float, float]]:
    """Place labels beside their points where there is room, the first ones first.

    Parameters
    ----------
    anchors : ndarray, (n, 2)
        The points, in pixels.
    size_of : callable
        Gives width and height of a label; asked only for those that are tried.
    within : tuple of float
        Width and height of the picture; labels lie wholly inside.
    gap : float
        Between a point and its label.
    taken : sequence of Rect
        Where there is something else.
    most : int
        How many labels at most.
    points : ndarray, (n, 2), optional
        All that is drawn, in pixels: a label lies where it covers the fewest of these, and is left
        out where it would cover many, but for the first one. What is not finite is not drawn.

    Returns
    -------
    list of (int, float, float)
        Which label, its left and its top.
    """
    rects = np.zeros((len(taken) + most, 4))
    n_rects = len(taken)
    rects[:n_rects] = np.reshape(taken, (-1, 4))
    placed: list[tuple[int, float, float]] = []
    crowd = None if points is None else _Crowd(points, within)
    for which in _in_view(anchors, within).tolist():
        if len(placed) == most:
            break
        beside = _beside(anchors[which], size_of(which), gap)
        free = np.flatnonzero(_is_inside(beside, within) & ~_hit(beside, rects[:n_rects]))
        if crowd is not None and len(free):
            covered = crowd.covered_by(beside[free])
            is_clear = which == 0 or covered.min() <= _MOST_COVERED
            free = free[[np.argmin(covered)]] if is_clear else free[:0]
        if len(free):
            rects[n_rects] = beside[free[0]]
            placed.append((which, *rects[n_rects, :2].tolist()))
            n_rects += 1
    return placed


class _Crowd:
    """How many points lie where."""

    def __init__(self, points: NDArray[np.floating[Any]], within: tuple[float, float]) -> None:
        columns, rows = (int(extent // _CELL) + 1 for extent in within)
        x, y = np.reshape(points, (-1, 2)).T
        seen = (x >= 0) & (x <= within[0]) & (y >= 0) & (y <= within[1])
        cells = (y[seen] // _CELL).astype(np.intp) * columns + (x[seen] // _CELL).astype(np.intp)
        counts = np.bincount(cells, minlength=rows * columns).reshape(rows, columns)
        self._sums = np.zeros((rows + 1, columns + 1), np.intp)
        self._sums[1:, 1:] = counts.cumsum(axis=0).cumsum(axis=1)

    def covered_by(self, rects: NDArray[np.float64]) -> NDArray[np.intp]:
        """How many points are in the cells that each rectangle (n, 4) reaches into."""
        left, top = np.floor(rects[:, :2] / _CELL).astype(np.intp).T
        right, bottom = np.ceil(rects[:, 2:] / _CELL).astype(np.intp).T
        at = self._sums
        covered: NDArray[np.intp] = at[bottom, right] - at[top, right]
        covered += at[top, left] - at[bottom, left]
        return covered


def _in_view(anchors: NDArray[np.floating[Any]], within: tuple[float, float]) -> NDArray[np.intp]:
    x, y = np.reshape(anchors, (-1, 2)).T
    return np.flatnonzero((x >= 0) & (x <= within[0]) & (y >= 0) & (y <= within[1]))[:_TRIED]


def _beside(
    anchor: NDArray[np.floating[Any]], size: tuple[float, float], gap: float
) -> NDArray[np.float64]:
    """Return the rectangles (8, 4) where a label may be, the best first."""
    half = np.array(size) / 2
    away = np.where(_SIDES[:, :1] == 0, [[0.0, gap]], [[gap, 0.0]])
    middle = np.asarray(anchor) + _SIDES * (half + away)
    return np.concatenate([middle - half, middle + half], axis=1)


def _is_inside(rects: NDArray[np.float64], within: tuple[float, float]) -> NDArray[np.bool_]:
    left, top, right, bottom = rects.T
    inside: NDArray[np.bool_] = (left >= 0) & (top >= 0)
    inside &= (right <= within[0]) & (bottom <= within[1])
    return inside


def _hit(rects: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of some rectangles overlaps any of the others."""
    left, top, right, bottom = rects.T[..., None]
    overlap = (left < others[:, 2]) & (right > others[:, 0])
    overlap &= (top < others[:, 3]) & (bottom > others[:, 1])
    hit: NDArray[np.bool_] = overlap.any(axis=1)
    return hit

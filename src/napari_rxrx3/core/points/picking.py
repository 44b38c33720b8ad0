"""Which points are at a place, in a box or inside an outline."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_rxrx3.core.points.cloud import PointCloud
from napari_rxrx3.core.points.viewport import Box

__all__ = ["in_box", "in_polygon", "nearest"]


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

"""A cloud of points, its colors and the points that are lit: what a picture is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_rxrx3.core.points.cloud import PointCloud
from napari_rxrx3.core.points.painting import Classes, Inks, paint_density, paint_discs
from napari_rxrx3.core.points.viewport import Viewport

__all__ = ["Picture", "Scene"]

Indices = NDArray[np.intp]

_ONE_BY_ONE = 20_000
"""Up to so many points in view are discs, more are a density."""

_SMALLEST, _LARGEST = 1.6, 7.0
"""Radius of a disc, in points of the screen."""

_SWOLLEN, _LEAST_LIT = 1.2, 2.2
"""By how much the discs of lit points are larger, and how large they are at least."""

_COVERED = 0.5
"""Part of the area covered by discs where half of the points live."""

_LEAST_COVERED = 0.12
"""Part of a picture covered by discs that are few enough: a few far apart are seen, too."""

_FEW = 300_000
_SPECK = 0.9
"""Least radius of each of few points in a density: more than a pixel, less than four."""

_FAINT = 0.1
"""Points of this radius or less are as faint as can be; they grow bolder up to a disc's."""

_NO_COLOR = np.array([[128, 128, 128]], np.uint8)


@dataclass(frozen=True, eq=False)
class Picture:
    """What a scene looks like: uint32 (height, width), 0xAARRGGBB times the opacity.

    `lit` is what stands out, to be drawn over a fainter `base`; None if nothing does.
    """

    scene: Scene
    viewport: Viewport
    base: NDArray[np.uint32]
    lit: NDArray[np.uint32] | None


class _Sorted:
    """Points in their grid, made when first needed."""

    def __init__(self, positions: NDArray[np.float32]) -> None:
        self._positions = positions

    @cached_property
    def cloud(self) -> PointCloud:
        return PointCloud(self._positions)


class _Colored:
    """The colors of sorted points, made when first needed."""

    def __init__(self, points: _Sorted, classes: Classes, palette: NDArray[np.uint8]) -> None:
        self._points, self.classes, self.palette = points, classes, palette

    @cached_property
    def inks(self) -> Inks:
        return Inks(self._points.cloud, self.classes, self.palette)


class _Lit:
    """Some of the points, as a cloud and colors of their own."""

    def __init__(self, positions: NDArray[np.float32], colors: _Colored, some: Indices) -> None:
        self._positions, self._colors, self.some = positions, colors, some

    @cached_property
    def cloud(self) -> PointCloud:
        return PointCloud(self._positions[self.some])

    @cached_property
    def inks(self) -> Inks:
        return Inks(self.cloud, self._colors.classes[self.some], self._colors.palette)


@dataclass(frozen=True, eq=False)
class Scene:
    """Immutable; scenes that differ in colors or lit points share what is costly to make."""

    positions: NDArray[np.float32]
    _points: _Sorted
    _colors: _Colored
    _lit: _Lit | None = None
    marked: Indices = field(default_factory=lambda: np.empty(0, np.intp))

    @classmethod
    def of(cls, positions: NDArray[np.float32]) -> Scene:
        """Make a scene of gray points at positions, (n, 2)."""
        points = _Sorted(positions)
        classes = np.zeros(len(positions), np.uint8)
        return cls(positions, points, _Colored(points, classes, _NO_COLOR))

    def colored(self, classes: Classes, palette: NDArray[np.uint8]) -> Scene:
        """Return the scene in other colors."""
        changed = replace(self, _colors=_Colored(self._points, classes, palette), _lit=None)
        return changed.lit(self.marked)

    def lit(self, some: Indices) -> Scene:
        """Return the scene with other points lit."""
        lit = _Lit(self.positions, self._colors, some) if len(some) else None
        return replace(self, _lit=lit, marked=some)

    @property
    def cloud(self) -> PointCloud:
        return self._points.cloud

    @property
    def classes(self) -> Classes:
        return self._colors.classes

    @property
    def palette(self) -> NDArray[np.uint8]:
        return self._colors.palette

    @property
    def is_sorted(self) -> bool:
        """Whether `cloud` is there at once."""
        return "cloud" in vars(self._points)

    def radius(self, viewport: Viewport, unit: float = 1.0) -> float:
        """Return the radius of a point in pixels: it grows with the scale, up to a size.

        Parameters
        ----------
        unit : float
            Pixels to a point of the screen.
        """
        density = self.cloud.density(0.5)
        radius = viewport.scale * math.sqrt(_COVERED / math.pi / density)
        if len(self.cloud) <= _ONE_BY_ONE:
            room = viewport.width * viewport.height / max(1, len(self.cloud))
            least = math.sqrt(_LEAST_COVERED * room / math.pi)
            radius = max(radius, min(max(least, _SMALLEST * unit), _LARGEST / 2 * unit))
        return min(radius, _LARGEST * unit)

    def effort(self, viewport: Viewport, unit: float = 1.0) -> int:
        """Return about how many values a picture takes, of points and of pixels."""
        radius = self.radius(viewport, unit)
        if len(self.cloud) <= _FEW:
            radius = max(radius, _SPECK * unit)
        covered = 1 if radius < 0.75 else math.pi * (radius + 0.5) ** 2
        n_points = self.cloud.count(viewport.box()) + len(self.marked)
        return round(n_points * covered) + viewport.width * viewport.height // 4

    def paint(self, viewport: Viewport, unit: float = 1.0) -> Picture:
        """Draw what is in view."""
        radius = self.radius(viewport, unit)
        base = _paint(self.cloud, self._colors.inks, viewport, radius, unit)
        lit = None
        if self._lit is not None:
            radius = min(max(_SWOLLEN * radius, _LEAST_LIT * unit), _LARGEST * unit)
            lit = _paint(self._lit.cloud, self._lit.inks, viewport, radius, unit)
        return Picture(self, viewport, base, lit)


def _paint(
    cloud: PointCloud, inks: Inks, viewport: Viewport, radius: float, unit: float
) -> NDArray[np.uint32]:
    smallest = _SMALLEST * unit
    if radius >= smallest and cloud.count(viewport.box(radius)) <= _ONE_BY_ONE:
        return paint_discs(cloud, inks, viewport, radius)
    nearness = min(max((radius / unit - _FAINT) / (_SMALLEST - _FAINT), 0.0), 1.0)
    if len(cloud) <= _FEW:
        radius = max(radius, _SPECK * unit)
    return paint_density(cloud, inks, viewport, radius, 0.16 + 0.8 * nearness**0.7)

"""How bright the pixels of wells are, against those of controls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

__all__ = ["N_BINS", "N_SD", "Levels", "StainHistogram", "histogram"]

Array = np.ndarray[Any, Any]

N_BINS = 60
"""At most so many bins; levels are never split, so 8-bit images have fewer."""

_PARTS = 10
"""Floating-point pixels of a plane are told apart by 2**10 levels or more."""
_MOST_LEVELS = 1 << 17
"""Of planes that lie far apart, wider levels are counted: there are not more."""

N_SD = 3
"""How far from the controls is outside, in standard deviations: as usual in screening."""

_FEWEST = 3
_TAIL = 0.001
"""Share of the pixels that is left out at either end."""


class _Grid(NamedTuple):
    """Levels that several planes are counted on: the first one, how many, and their width."""

    first: int
    n: int
    step: float


@dataclass(frozen=True, eq=False)
class Levels:
    """How often each gray level occurs in one stain of some wells.

    Pixels of whole numbers have their levels. Floating-point ones are given some: multiples of a
    power of two, so that levels of several planes can be put together.

    Attributes
    ----------
    counts : ndarray of int64
        Pixels of all wells, by gray level.
    means : tuple of float
        The mean of each well's pixels.
    first : int
        The level that `counts` begin with.
    step : float
        Width of a level: level k holds k * step, and what is less than (k + 1) * step.
    """

    counts: Array
    means: tuple[float, ...]
    first: int = 0
    step: float = 1

    @classmethod
    def of(cls, plane: Array) -> Levels:
        """Count the levels of one plane of unsigned integers, or of floating-point numbers."""
        if plane.dtype.kind == "f":
            return cls._of_numbers(plane)
        counts = np.bincount(plane.reshape(-1))
        return cls(counts, (_mean(counts),))

    @classmethod
    def _of_numbers(cls, plane: Array) -> Levels:
        low, high = float(plane.min()), float(plane.max())
        spread = high - low or abs(high) or 1.0
        step = 2.0 ** (math.frexp(spread)[1] - _PARTS - 1)
        level = np.floor(plane.reshape(-1).astype(np.float64) / step).astype(np.int64)
        first = int(level.min())
        return cls(np.bincount(level - first), (float(plane.mean(dtype=float)),), first, step)

    @classmethod
    def together(cls, levels: Sequence[Levels]) -> Levels:
        """Take several as one; at least one."""
        grid = _common_grid(levels)
        counts = sum(each.on(grid) for each in levels)
        means = tuple(mean for each in levels for mean in each.means)
        return cls(np.asarray(counts), means, grid.first, grid.step)

    def on(self, grid: _Grid) -> Array:
        """Counts of the levels of a grid that is as wide as this or wider by a power of two."""
        times = round(grid.step / self.step)
        at = (self.first + np.arange(len(self.counts))) // times - grid.first
        counts = np.zeros(grid.n, dtype=np.int64)
        np.add.at(counts, at, self.counts)
        return counts


def _common_grid(levels: Sequence[Levels]) -> _Grid:
    """The finest grid that all can be counted on, of no more levels than are worth it."""
    step = max(each.step for each in levels)
    while True:
        ends = [(each, round(step / each.step)) for each in levels]
        first = min(each.first // times for each, times in ends)
        last = max((each.first + len(each.counts) - 1) // times for each, times in ends)
        if last - first < _MOST_LEVELS:
            return _Grid(first, last + 1 - first, step)
        step *= 2


@dataclass(frozen=True, eq=False)
class StainHistogram:
    """One stain of the treated wells and of the controls, in the same bins.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        Gray levels, or numbers; a bin holds its lower edge and not its upper one.
    treated, controls : ndarray of float, shape (n,)
        Share of the pixels in each bin.
    treated_mean : float
        Mean level over the treated wells.
    control_means : tuple of float
        The mean level of each control.
    """

    edges: Array
    treated: Array
    controls: Array
    treated_mean: float
    control_means: tuple[float, ...]

    @property
    def control_mean(self) -> float:
        return float(np.mean(self.control_means))

    @property
    def ratio(self) -> float:
        """How many times as bright the treated wells are.

        NaN if the controls are black, or the mean of either is below zero: no number of times is.
        """
        is_told = self.control_mean > 0 and self.treated_mean >= 0
        return self.treated_mean / self.control_mean if is_told else float("nan")

    @property
    def control_sd(self) -> float:
        """Standard deviation of the controls' means; NaN for fewer than three of them."""
        means = self.control_means
        return float(np.std(means, ddof=1)) if len(means) >= _FEWEST else float("nan")

    @property
    def is_outside(self) -> bool:
        """The treated wells are further from the controls than three standard deviations."""
        return abs(self.treated_mean - self.control_mean) > N_SD * self.control_sd


def histogram(treated: Levels, controls: Levels) -> StainHistogram:
    """Compare treated wells with controls, between the levels that nearly all pixels have."""
    grid = _common_grid((treated, controls))
    of_treated, of_controls = treated.on(grid), controls.on(grid)
    pairs = [_nearly_all(counts) for counts in (of_treated, of_controls)]
    low, high = min(low for low, _ in pairs), max(high for _, high in pairs)
    width = max(1, -(-(high + 1 - low) // N_BINS))
    n = -(-(high + 1 - low) // width)
    edges = low + width * np.arange(n + 1)
    return StainHistogram(
        (grid.first + edges) * grid.step,
        _shares(of_treated, edges),
        _shares(of_controls, edges),
        float(np.mean(treated.means)),
        controls.means,
    )


def _nearly_all(counts: Array) -> tuple[int, int]:
    """The lowest and the highest level, without the tails."""
    below = np.cumsum(counts) / max(1, counts.sum())
    low = int(np.searchsorted(below, _TAIL, side="right"))
    high = int(np.searchsorted(below, 1 - _TAIL))
    return min(low, high), high


def _shares(counts: Array, edges: Array) -> Array:
    below = np.concatenate([[0], np.cumsum(counts)])
    at_edges = below[np.minimum(edges, len(counts))]
    return np.asarray(np.diff(at_edges) / max(1, counts.sum()))


def _mean(counts: Array) -> float:
    return float(counts @ np.arange(len(counts)) / max(1, counts.sum()))

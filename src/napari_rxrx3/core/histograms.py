"""How bright the pixels of wells are, against those of controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["N_BINS", "N_SD", "Levels", "StainHistogram", "histogram"]

Array = np.ndarray[Any, Any]

N_BINS = 60
"""At most so many bins; levels are never split, so 8-bit images have fewer."""

N_SD = 3
"""How far from the controls is outside, in standard deviations: as usual in screening."""

_FEWEST = 3
_TAIL = 0.001
"""Share of the pixels that is left out at either end."""


@dataclass(frozen=True, eq=False)
class Levels:
    """How often each gray level occurs in one stain of some wells.

    Attributes
    ----------
    counts : ndarray of int64
        Pixels of all wells, by gray level.
    means : tuple of float
        The mean level of each well.
    """

    counts: Array
    means: tuple[float, ...]

    @classmethod
    def of(cls, plane: Array) -> Levels:
        """Count the levels of one plane of unsigned integers."""
        return cls.counted(np.bincount(plane.reshape(-1)))

    @classmethod
    def counted(cls, counts: Array) -> Levels:
        """The levels of one plane, by how often each occurs."""
        return cls(counts, (_mean(counts),))

    @classmethod
    def together(cls, levels: Sequence[Levels]) -> Levels:
        """Take several as one; at least one."""
        counts = np.zeros(max(len(each.counts) for each in levels), dtype=np.int64)
        for each in levels:
            counts[: len(each.counts)] += each.counts
        return cls(counts, tuple(mean for each in levels for mean in each.means))


@dataclass(frozen=True, eq=False)
class StainHistogram:
    """One stain of the treated wells and of the controls, in the same bins.

    Attributes
    ----------
    edges : ndarray of int, shape (n + 1,)
        Gray levels; a bin holds its lower edge and not its upper one.
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
        """How many times as bright the treated wells are; NaN if the controls are black."""
        return self.treated_mean / self.control_mean if self.control_mean else float("nan")

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
    pairs = [_nearly_all(levels.counts) for levels in (treated, controls)]
    low, high = min(low for low, _ in pairs), max(high for _, high in pairs)
    width = max(1, -(-(high + 1 - low) // N_BINS))
    n = -(-(high + 1 - low) // width)
    edges = low + width * np.arange(n + 1)
    return StainHistogram(
        edges,
        _shares(treated.counts, edges),
        _shares(controls.counts, edges),
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

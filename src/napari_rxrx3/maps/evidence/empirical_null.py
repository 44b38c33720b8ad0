"""What chance makes of a likeness, by the pairs that have none: an empirical null.

Most pairs of perturbations are unrelated, and those that are related lie at one end. So the center
and the other half say what unrelated pairs look like (Efron 2004, "Large-scale simultaneous
hypothesis testing: the choice of a null hypothesis"). Likenesses are put on Fisher's scale, where
those of unrelated pairs are nearly normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["MIN_PAIRS", "EmpiricalNull", "fisher_z", "fit_null"]

Array = np.ndarray[Any, Any]

MIN_PAIRS = 100
"""Fewer pairs show no width."""

_LARGEST = 1 - 1e-12
_TAILS = ((1.6449, 0.05, 0.10), (2.3263, 0.01, 0.03), (3.0902, 0.001, 0.006))
"""Beyond so many widths lies this share of a normal distribution, and at most that one of a null
that fits, but for the chance of counting few."""
_CHANCE = 3.0


@dataclass(frozen=True)
class EmpiricalNull:
    """Center and width of Fisher's z of unrelated pairs, from `n` pairs.

    `fits` is False where the half that shows the width has too many pairs far out: then
    probabilities from it would be too small.
    """

    center: float
    width: float
    n: int
    fits: bool

    def p_values(self, z: Array, opposite: bool) -> Array:
        """How often an unrelated pair is as alike; with `opposite`, as unlike."""
        from scipy.special import ndtr  # takes a while to load

        scaled = (np.asarray(z) - self.center) / self.width
        return np.asarray(ndtr(scaled if opposite else -scaled))


def fisher_z(cosines: Array) -> Array:
    """Fisher's z of cosines: arctanh."""
    return np.asarray(np.arctanh(np.clip(cosines, -_LARGEST, _LARGEST)))


def fit_null(z: Array, opposite: bool) -> EmpiricalNull | None:
    """The null of some pairs, most of which are unrelated; None if they are too few.

    The center is their median, the width the root mean square of the half below it (above it with
    `opposite`), in which no related pairs are.
    """
    if len(z) < MIN_PAIRS:
        return None
    center = float(np.median(z))
    away = (z - center) if opposite else (center - z)
    away = away[away >= 0]
    width = float(np.sqrt(np.mean(away**2)))
    if width <= 0:
        return EmpiricalNull(center, 1.0, len(z), False)
    return EmpiricalNull(center, width, len(z), _fits(away / width))


def _fits(away: Array) -> bool:
    """Whether no more of one half is far out than of a normal distribution."""
    n = 2 * len(away)  # a share of all, whose other half is not looked at
    return all(
        (away > reach).sum() <= most * n + _CHANCE * np.sqrt(share * n)
        for reach, share, most in _TAILS
    )

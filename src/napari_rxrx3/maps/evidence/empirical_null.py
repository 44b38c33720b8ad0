"""What chance makes of a likeness, by the pairs that have none: an empirical null.

Most pairs of perturbations are unrelated, and those that are related lie at one end. So the center
and the other half say what unrelated pairs look like (Efron 2004, "Large-scale simultaneous
hypothesis testing: the choice of a null hypothesis"). Likenesses are put on Fisher's scale, where
those of unrelated pairs are nearly normal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["MIN_PAIRS", "EmpiricalNull", "fisher_z", "fit_null"]

Array = np.ndarray[Any, Any]

MIN_PAIRS = 100
"""Fewer pairs show no width."""

_LARGEST = 1 - 1e-12
_TAILS = ((2.3263, 0.01), (3.0902, 0.001))
"""Beyond so many widths lies this share of a normal distribution."""
_FEWEST = 20
"""As many pairs have to be further out for a tail to be looked at."""
_MEDIAN_AWAY = 0.6745
_LARGEST_EXCESS = 2.0


@dataclass(frozen=True)
class EmpiricalNull:
    """Center and width of Fisher's z of unrelated pairs, from `n` pairs.

    `fits` is False where the half that shows the width is no half of a bell, but a crowd and
    some far out: then probabilities from it would mean nothing.
    """

    center: float
    width: float
    n: int
    fits: bool

    def widened(self, n_entries: int) -> EmpiricalNull:
        """The same null as wide as it may be: a standard error wider than it was found to be.

        Pairs that share an entry go together, so that they tell no more of the width than as many
        independent values as there are entries, or half of the pairs where these are fewer.
        """
        error = 1 / np.sqrt(2 * min(n_entries, self.n / 2))
        return replace(self, width=self.width * (1 + float(error)))

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

    The center is their median. The half below it (above it with `opposite`), in which no related
    pairs are, shows the width: its root mean square, or what its tail needs where that is longer
    than a normal distribution's.
    """
    if len(z) < MIN_PAIRS:
        return None
    center = float(np.median(z))
    away = np.asarray((z - center) if opposite else (center - z), dtype=np.float64)
    away = np.sort(away[away >= 0])[::-1]
    spread = float(np.sqrt(np.mean(away**2)))
    if spread <= 0:
        return EmpiricalNull(center, 1.0, len(z), False)
    width = spread
    for reach, share in _TAILS:
        n_beyond = int(share * len(z))
        if n_beyond >= _FEWEST:
            width = max(width, float(away[n_beyond - 1]) / reach)
    fits = spread <= _LARGEST_EXCESS * float(np.median(away)) / _MEDIAN_AWAY
    return EmpiricalNull(center, width, len(z), fits)

"""Spearman's rank correlation, without what takes scipy.stats a second to load."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

__all__ = ["rank_correlation"]

Array = np.ndarray[Any, Any]


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rank correlation: the correlation of the ranks, ties getting their mean rank.

    Parameters
    ----------
    a, b : (n,)

    Returns
    -------
    float
        NaN if there are fewer than two values, or all of one side are the same.
    """
    if len(a) < 2:
        return float("nan")
    first, second = (rank - rank.mean() for rank in (_ranks(a), _ranks(b)))
    squares = float(first @ first) * float(second @ second)
    return float(first @ second) / sqrt(squares) if squares else float("nan")


def _ranks(values: Array) -> Array:
    """Ranks, those of equals being their mean: float64 (n,)."""
    _, number, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[number])

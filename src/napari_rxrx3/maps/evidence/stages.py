"""Permutations in stages: few for all, more for those that few of these reach.

So p can be small where it has to be (Besag and Clifford 1991), and most are done soon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_rxrx3.maps.evidence.p_values import add_one_p, benjamini_hochberg

__all__ = ["FALSE_SHARE", "p_in_stages"]

Array = np.ndarray[Any, Any]

FALSE_SHARE = 0.05
"""Of what is called to be more than chance, so many may be no more than that."""

_STAGES = (400, 1_000, 2_500, 5_000, 10_000, 20_000, 40_000, 100_000)
_ENOUGH = 10
"""Permutations that are as far: more would not change what p says."""
_SURE = FALSE_SHARE / 5
"""What has this q already is tested no further."""


def p_in_stages(n: int, count: Callable[[Array, int, int], Array]) -> Array:
    """The p of each of `n` things that are tested: float64 (n,).

    Parameters
    ----------
    count : callable
        Given the numbers of some of them, int (k,), and two numbers of permutations, tells for each
        how many permutations from the first to the second are as far as it is: int (k,).
    """
    p, n_as_far, pending, before = np.ones(n), np.zeros(n, dtype=np.int64), np.arange(n), 0
    for upto in _STAGES:
        n_as_far[pending] += count(pending, before, upto)
        p[pending] = add_one_p(n_as_far[pending], upto)
        is_open = (n_as_far < _ENOUGH) & (benjamini_hochberg(p) > _SURE)
        pending, before = pending[is_open[pending]], upto
        if not len(pending):
            break
    return p

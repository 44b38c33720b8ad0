"""Whether what a compound does grows with its dose: a permutation test within plates.

Wells are weighted by the step of their dose, from the middle step on their plate, and their vectors
are added. If the effect grows with the dose, this sum is long; its direction is the one in which it
grows. Doses swap their wells at random within each plate, and the sum is made anew each time, so
that its direction is never one that was fitted to the wells that are judged by it.

Of the squared length, what single wells add by themselves is left out, which would grow with how
far wells scatter: what is left is the sum over pairs of different wells. With vectors of one number
this is the linear-by-linear test of ordered groups (Agresti 2002, Categorical Data Analysis, 3.4),
a rank test of trend as those of Jonckheere and Spearman are. See docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.parallel import cores, side_by_side
from napari_rxrx3.maps.dose_response.compounds import DosedCompound
from napari_rxrx3.maps.evidence.stages import p_in_stages

__all__ = ["trend_products", "trend_ps", "weights"]

Array = np.ndarray[Any, Any]
Pattern = tuple[tuple[int, ...], ...]

_CHUNK = 2_500
_ROUNDING = 1e-9


def weights(steps: Array, plate: Array) -> Array:
    """Of each well, its step less the mean of its plate: float64 (n,)."""
    number = np.unique(plate, return_inverse=True)[1]
    means = np.bincount(number, steps) / np.bincount(number)
    return np.asarray(steps - means[number])


def trend_products(vectors: Array, plate: Array) -> Array:
    """Products of the vectors of different wells, from the middle of each plate: (n, n).

    Parameters
    ----------
    vectors : float64 (n, d)
    plate : int (n,)
    """
    number = np.unique(plate, return_inverse=True)[1]
    means = np.stack([vectors[number == i].mean(axis=0) for i in range(int(number.max()) + 1)])
    centered = vectors - means[number]
    products = centered @ centered.T
    np.fill_diagonal(products, 0)
    return np.asarray(products)


def trend_ps(
    compounds: Sequence[DosedCompound], products: Sequence[Array], progress: Progress
) -> Array:
    """The p of each compound's trend: float64 (compounds,).

    Few permutations are drawn for all, and more for those that few of these reach, until their q
    says that they have a trend anyway (as for `activity`).
    """
    n = len(compounds)
    text = f"looking for trends in the doses of {n:,} compounds"

    def count(pending: Array, before: int, upto: int) -> Array:
        n_as_far = np.zeros(n, dtype=np.int64)

        def compare(some: Array, report: Progress) -> None:
            """Compounds of which no other thread has any."""
            tell = partial(report, n - len(pending), n, text)
            for i in some.tolist():
                n_as_far[i] = _n_as_far(compounds[i].pattern, products[i], before, upto, tell)

        n_jobs = min(cores(), len(pending))
        side_by_side([partial(compare, pending[i::n_jobs]) for i in range(n_jobs)], progress)
        return n_as_far[pending]

    return p_in_stages(n, count)


def _n_as_far(pattern: Pattern, products: Array, start: int, stop: int, tell: Any) -> int:
    """How many permutations, of those from start to stop, have a sum that is at least as long."""
    own = np.concatenate([_centered(steps) for steps in pattern])
    observed = own @ products @ own
    slack = _ROUNDING * float(np.abs(products).sum()) * float((own**2).max(initial=0))
    n = 0
    for begin in range(start, stop, _CHUNK):
        tell()
        drawn = _drawn(pattern, begin, min(_CHUNK, stop - begin))
        n += int((np.einsum("ij,ij->i", drawn @ products, drawn) >= observed - slack).sum())
    return n


def _drawn(pattern: Pattern, start: int, n: int) -> Array:
    """Weights of the wells in some permutations: float64 (n, wells).

    The same for all compounds with the same doses on as many plates.
    """
    parts = [_drawn_on(i, steps, start, n) for i, steps in enumerate(pattern)]
    means = np.concatenate([np.full(len(steps), np.mean(steps)) for steps in pattern])
    drawn: Array = np.concatenate(parts, axis=1) - means
    return drawn


@lru_cache(maxsize=512)  # of some 40 kB each
def _drawn_on(nth: int, steps: tuple[int, ...], start: int, n: int) -> Array:
    """Steps of the wells of a plate in some permutations: int16 (n, wells)."""
    rng = np.random.default_rng([nth, len(steps), start])
    order = np.argsort(rng.random((n, len(steps)), dtype=np.float32), axis=1)
    return np.array(steps, dtype=np.int16)[order]


def _centered(steps: tuple[int, ...]) -> Array:
    return np.asarray(np.array(steps) - np.mean(steps), dtype=np.float64)

"""The lowest dose that acts: tested from the highest dose down, as long as each one acts.

A dose is tested only if all doses above it act, each at 5 %: so the chance that any dose is called
active that is not is 5 % for a compound, whatever the number of doses (a fixed sequence of tests:
Maurer, Hothorn and Lehmacher 1995).

If a dose does what the higher ones do, its wells go where these go, and make their sum longer. So
the length of the sum over this dose and all higher ones is held against the same with controls of
the same plates in place of this dose: its wells and these controls swap places at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_rxrx3.maps.dose_response.compounds import DosedCompound
from napari_rxrx3.maps.dose_response.dose_space import DoseSpace
from napari_rxrx3.maps.evidence.p_values import add_one_p

__all__ = ["lowest_active_dose"]

Array = np.ndarray[Any, Any]

_LEVEL = 0.05
_PERMUTATIONS = 499
_ROUNDING = 1e-9


def lowest_active_dose(compound: DosedCompound, vectors: Array, doses: DoseSpace) -> float:
    """The lowest dose that acts, as do all that are higher; NaN if the highest does not.

    Parameters
    ----------
    vectors : float64 (n, d)
        Of its wells, as `DoseSpace.vectors` gives them.
    """
    wells = _Beside.of(compound, doses.shortened(vectors), doses)
    lowest, higher = np.nan, np.zeros(len(wells.products))
    for step in reversed(range(len(compound.doses))):
        own = np.flatnonzero(compound.step == step)
        if not _chance(wells, own, higher, step) <= _LEVEL:
            break
        lowest = float(compound.doses[step])
        for well in own.tolist():
            beside = wells.controls[int(wells.plate[well])]
            if len(beside):
                higher[well] += 1
                higher[beside] -= 1 / len(beside)
    return lowest


@dataclass(frozen=True, eq=False)
class _Beside:
    """The wells of a compound, then the controls of their plates.

    Sums of vectors are known by how often each is in them: their lengths follow from the products
    of all vectors, which are made once.

    Attributes
    ----------
    plate : int (n,)
        Of the wells of the compound.
    controls : dict of int to int (k,)
        Where the controls of each plate stand.
    products : float64 (n + controls, n + controls)
    """

    plate: Array
    controls: dict[int, Array]
    products: Array

    @classmethod
    def of(cls, compound: DosedCompound, near: Array, doses: DoseSpace) -> _Beside:
        vectors, controls, n = [near], {}, len(near)
        for plate in np.unique(compound.plate).tolist():
            beside = doses.shortened(doses.controls_on(plate))
            controls[plate] = np.arange(n, n + len(beside))
            vectors.append(beside)
            n += len(beside)
        everything = np.concatenate(vectors)
        return cls(compound.plate, controls, everything @ everything.T)


def _chance(wells: _Beside, dose: Array, higher: Array, seed: int) -> float:
    """P of a dose; NaN if there are no controls beside it.

    Parameters
    ----------
    dose : int (m,)
        Its wells.
    higher : float64 (n,)
        How often each well, and control, is in the sum of the higher doses.
    """
    rng = np.random.default_rng(seed)
    base, swapped, drawn = higher.copy(), [], []
    for number in np.unique(wells.plate[dose]).tolist():
        own, beside = dose[wells.plate[dose] == number], wells.controls[number]
        if not len(beside):
            continue
        pool = np.concatenate([own, beside])
        base[pool] -= len(own) / len(pool)  # from the middle of the pool
        swapped.append(own)
        drawn.append(pool[_chosen(rng, len(own), len(pool))])
    if not swapped:
        return np.nan
    own = np.concatenate(swapped)[None]
    squares = _squares(wells.products, base, np.concatenate(drawn, axis=1))
    square = float(_squares(wells.products, base, own)[0])
    n_as_far = int((squares >= square * (1 - _ROUNDING)).sum())
    return float(add_one_p(np.array(n_as_far), _PERMUTATIONS))


def _squares(products: Array, base: Array, chosen: Array) -> Array:
    """Squared lengths of a sum to which the vectors of each row are added: float64 (rows,)."""
    along = products @ base
    squares = base @ along + 2 * along[chosen].sum(axis=1)
    for nth in chosen.T:
        squares += products[nth[:, None], chosen].sum(axis=1)
    return np.asarray(squares)


def _chosen(rng: np.random.Generator, n: int, size: int) -> Array:
    """Different members of a pool in each of the permutations: int (permutations, n)."""
    if n == 1:
        return rng.integers(size, size=(_PERMUTATIONS, 1))
    keys = rng.random((_PERMUTATIONS, size), dtype=np.float32)
    return np.argpartition(keys, n - 1, axis=1)[:, :n]

"""The lowest dose that acts: tested from the highest dose down, as long as each one acts.

A dose is tested only if all doses above it act, each at 5 %: so the chance that any dose is called
active that is not is 5 % for a compound, whatever the number of doses (a fixed sequence of tests:
Maurer, Hothorn and Lehmacher 1995).

If a dose does what the higher ones do, its wells go where these go, and make their sum longer. So
the length of the sum over this dose and all higher ones is held against the same with controls of
the same plates in place of this dose: its wells and these controls swap places at random.
"""

from __future__ import annotations

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
    near = doses.shortened(vectors)
    controls = {
        plate: doses.shortened(doses.controls_on(plate))
        for plate in np.unique(compound.plate).tolist()
    }
    lowest, higher = np.nan, np.zeros(near.shape[1])
    for step in reversed(range(len(compound.doses))):
        own = compound.step == step
        if not _chance(near[own], compound.plate[own], controls, higher, step) <= _LEVEL:
            break
        lowest = float(compound.doses[step])
        for well in np.flatnonzero(own):
            beside = controls[int(compound.plate[well])]
            higher += near[well] - beside.mean(axis=0) if len(beside) else 0
    return lowest


def _chance(
    wells: Array, plate: Array, controls: dict[int, Array], higher: Array, seed: int
) -> float:
    """P of a dose; NaN if there are no controls beside it."""
    rng = np.random.default_rng(seed)
    observed = higher.copy()
    drawn = np.tile(higher, (_PERMUTATIONS, 1))
    n_swapped = 0
    for number in np.unique(plate).tolist():
        own, beside = wells[plate == number], controls[number]
        if not len(beside):
            continue
        pool = np.concatenate([own, beside])
        pool = pool - pool.mean(axis=0)
        observed += pool[: len(own)].sum(axis=0)
        for chosen in _chosen(rng, len(own), len(pool)).T:
            drawn += pool[chosen]
        n_swapped += len(own)
    if not n_swapped:
        return np.nan
    squares, square = np.einsum("ij,ij->i", drawn, drawn), float(observed @ observed)
    n_as_far = int((squares >= square * (1 - _ROUNDING)).sum())
    return float(add_one_p(np.array(n_as_far), _PERMUTATIONS))


def _chosen(rng: np.random.Generator, n: int, size: int) -> Array:
    """Different members of a pool in each of the permutations: int (permutations, n)."""
    if n == 1:
        return rng.integers(size, size=(_PERMUTATIONS, 1))
    keys = rng.random((_PERMUTATIONS, size), dtype=np.float32)
    return np.argpartition(keys, n - 1, axis=1)[:, :n]

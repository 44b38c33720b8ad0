"""Which wells received which dose of which compound, and what can be told of their doses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.space import WellSpace

__all__ = ["LEAST_DOSES", "DosedCompound", "in_blocks", "names_of_compounds", "wells_of_compounds"]

Array = np.ndarray[Any, Any]

LEAST_DOSES = 3
"""Fewer doses make no trend."""

_MOST_OF_DOSE = 48
"""Wells of one dose that are used at most; of more some, whichever."""
_FOLDS = 4
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class DosedCompound:
    """The wells of a compound that have a vector and a known dose, by plate, then by dose.

    Attributes
    ----------
    name : str
    wells, plate : int (n,)
        Places in the `WellSpace`, and numbers of the plates.
    dose : float64 (n,)
        Micromolar.
    n_all : int
        Wells of it in all, also those that are not used because there are very many of a dose.
    """

    name: str
    wells: Array
    plate: Array
    dose: Array
    n_all: int

    @cached_property
    def doses(self) -> Array:
        """The doses, each once, rising: float64 (k,)."""
        return np.unique(self.dose)

    @cached_property
    def step(self) -> Array:
        """Int (n,): the number of each well's dose, from 0 for the lowest.

        Doses are taken in equal steps: screens space them evenly on a logarithmic scale, or nearly.
        """
        return np.searchsorted(self.doses, self.dose)

    @cached_property
    def pattern(self) -> tuple[tuple[int, ...], ...]:
        """The steps of the wells on each plate."""
        ends = np.flatnonzero(np.diff(self.plate)) + 1
        return tuple(tuple(part.tolist()) for part in np.split(self.step, ends))

    @cached_property
    def fold(self) -> Array:
        """Int (n,): wells are parted in folds, of which each has a well of every dose, if it can.

        With one well of each dose, each is a fold of its own.
        """
        nth = np.zeros(len(self.wells), dtype=np.intp)
        for step in range(len(self.doses)):
            own = np.flatnonzero(self.step == step)
            nth[own] = np.arange(len(own))
        n = min(_FOLDS, int(nth.max(initial=0)) + 1)
        return np.arange(len(self.wells)) if n == 1 else nth % n

    @property
    def why_no_trend(self) -> str:
        """Why no trend can be asked for, in a few words; empty if it can."""
        n = len(self.doses)
        if n < LEAST_DOSES:
            return f"{('no dose', 'one dose', 'two doses')[n]}, and a trend takes three"
        if all(len(set(steps)) == 1 for steps in self.pattern):
            return "each of its plates holds one dose, so that doses cannot be told from plates"
        return ""


def names_of_compounds(entries: Entries) -> list[str]:
    """Compounds of a map, in its order; controls are none."""
    labels = entries.labels
    is_compound = np.array(labels["perturbation_type"] == "COMPOUND", dtype=bool)
    names = labels["treatment"].array[is_compound].unique()
    return [name for name in names if _is_compound(name, entries.spec.control)]


def wells_of_compounds(
    space: WellSpace, names: Sequence[str], control: str
) -> dict[str, DosedCompound]:
    """The wells of some compounds; of one without any there is nothing.

    Parameters
    ----------
    control : str
        Treatment that is none of them.
    """
    treatments = space.treatments
    numbers = {name: number for number, name in enumerate(names) if _is_compound(name, control)}
    is_compound = np.array(treatments["perturbation_type"] == "COMPOUND", dtype=bool)
    dose_of = treatments["concentration"].to_numpy(np.float64, na_value=np.nan)
    known = is_compound & (dose_of >= 0)
    number_of = np.array([numbers.get(name, -1) for name in treatments["treatment"]], dtype=np.intp)
    number = np.where(known, number_of, -1)[space.treatment]
    wells = np.flatnonzero(number >= 0)
    number, dose = number[wells], dose_of[space.treatment[wells]]
    n_all = np.bincount(number, minlength=len(names))
    kept = _some_of_each_dose(number, dose)
    wells, number, dose = wells[kept], number[kept], dose[kept]
    order = np.lexsort((wells, dose, space.plate[wells], number))
    wells, number, dose = wells[order], number[order], dose[order]
    found = {}
    for nth in np.unique(number).tolist():
        part = slice(*np.searchsorted(number, (nth, nth + 1)).tolist())
        found[names[nth]] = DosedCompound(
            names[nth], wells[part], space.plate[wells[part]], dose[part], int(n_all[nth])
        )
    return found


def in_blocks(compounds: Sequence[DosedCompound]) -> Iterator[list[DosedCompound]]:
    """Some at a time, as many as have a block of wells together."""
    some: list[DosedCompound] = []
    for compound in compounds:
        some.append(compound)
        if sum(len(each.wells) for each in some) >= _BLOCK:
            yield some
            some = []
    if some:
        yield some


def _is_compound(name: object, control: str) -> bool:
    return isinstance(name, str) and "_control" not in name and name != control


def _some_of_each_dose(number: Array, dose: Array) -> Array:
    """Which wells to use, of very many of a dose: bool (n,)."""
    shuffled = np.random.default_rng(0).permutation(len(number))
    order = shuffled[np.lexsort((dose[shuffled], number[shuffled]))]
    is_new = np.r_[True, (np.diff(number[order]) != 0) | (np.diff(dose[order]) != 0)][: len(order)]
    starts = np.flatnonzero(is_new)
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    kept = np.zeros(len(number), dtype=bool)
    kept[order[place < _MOST_OF_DOSE]] = True
    return kept

"""A map's entries in two halves of their experiments: a screen that was made twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.maps.search import NO_DIRECTION

if TYPE_CHECKING:
    from napari_rxrx3.maps.phenomap import Parts, PhenoMap

__all__ = ["Halves", "Twins", "replicate_experiments"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

_MOST_TWINS, _LEAST_SHARE = 100, 0.2
_HALF_NAMES = ("experiments 1, 3 …", "experiments 2, 4 …")


@dataclass(frozen=True)
class Twins:
    """Two experiments that hold the same entries, and how many of them."""

    a: str
    b: str
    n_entries: int


@dataclass(frozen=True, eq=False)
class Halves:
    """Averages of each entry over some of its experiments (A) and over others (B).

    Attributes
    ----------
    phenomap : PhenoMap
    parts : Parts
        Of the map.
    names : (str, str)
        What A and B are.
    chosen : (bool (m,), bool (m,))
        Which parts are in A and in B; none is in both.
    experiment_names : list of str
    """

    phenomap: PhenoMap
    parts: Parts
    names: tuple[str, str]
    chosen: tuple[Array, Array]
    experiment_names: list[str]

    @classmethod
    def of(
        cls,
        phenomap: PhenoMap,
        experiments: tuple[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Halves:
        """Deal each entry's experiments out in turn, or take one experiment for A and one for B.

        Raises
        ------
        MapError
            If the map is one of single wells, no entry is in both halves, or there is no such
            experiment.
        """
        parts = _parts_of(phenomap)
        names = phenomap.open_space(progress).experiment_names
        if experiments is None:
            turn = np.arange(len(parts.entry)) - np.searchsorted(parts.entry, parts.entry)
            chosen, called = (turn % 2 == 0, turn % 2 == 1), _HALF_NAMES
        else:
            numbers = [_number(name, names) for name in experiments]
            chosen = (parts.experiment == numbers[0], parts.experiment == numbers[1])
            called = experiments
        if not len(np.intersect1d(parts.entry[chosen[0]], parts.entry[chosen[1]])):
            where = f"both {called[0]} and {called[1]}" if experiments else "two experiments"
            raise MapError(f"No entry of this map has wells in {where}: nothing is replicated.")
        return cls(phenomap, parts, called, chosen, names)

    def entries(self, side: int) -> Array:
        """Rows of the entries that are in A (0) or B (1), ascending: int (k,)."""
        return np.unique(self.parts.entry[self.chosen[side]])

    def units(self, side: int, rows: Array) -> Array:
        """Directions of some entries of a half, float32 (k, d); 0 for those that have none.

        Parameters
        ----------
        rows : int (k,)
            Ascending, and all of them in this half.
        """
        wanted = np.zeros(len(self.phenomap.labels), dtype=bool)
        wanted[rows] = True
        here = np.flatnonzero(self.chosen[side] & wanted[self.parts.entry])
        n_wells = self.parts.n_wells[here]
        starts = np.searchsorted(self.parts.entry[here], rows)
        sums = np.add.reduceat(self.parts.vectors[here] * n_wells[:, None], starts, axis=0)
        vectors = sums / np.add.reduceat(n_wells, starts)[:, None]
        lengths = np.linalg.norm(vectors, axis=1)
        shortest = NO_DIRECTION * float(np.sqrt(np.median(self.phenomap.squared_norms)))
        has_direction = lengths > shortest
        vectors[~has_direction] = 0
        return np.asarray(vectors / np.where(has_direction, lengths, 1)[:, None], dtype=np.float32)

    def experiments_of(self, side: int, row: int) -> list[str]:
        """Names of an entry's experiments in A (0) or B (1)."""
        own = self.parts.of(row)
        numbers = self.parts.experiment[own][self.chosen[side][own]]
        return [self.experiment_names[number] for number in numbers.tolist()]


def replicate_experiments(
    phenomap: PhenoMap, progress: Progress | None = None
) -> tuple[Twins, ...]:
    """Pairs of experiments that share entries, those that share most first, at most 100.

    They share a fifth of the entries of the smaller one, and three: controls are in all.

    Raises
    ------
    MapError
        If the map is one of single wells.
    """
    parts = _parts_of(phenomap)
    names = phenomap.open_space(progress).experiment_names
    is_in = np.zeros((len(names), len(phenomap.labels)), dtype=np.float32)
    is_in[parts.experiment, parts.entry] = 1
    shared = np.triu((is_in @ is_in.T).astype(np.int64), k=1)
    n_entries = is_in.sum(axis=1)
    enough = np.maximum(_LEAST_SHARE * np.minimum.outer(n_entries, n_entries), 3)
    a, b = np.nonzero(shared >= enough)
    order = np.lexsort((b, a, -shared[a, b]))[:_MOST_TWINS]
    return tuple(Twins(names[a[i]], names[b[i]], int(shared[a[i], b[i]])) for i in order)


def _parts_of(phenomap: PhenoMap) -> Parts:
    if phenomap.parts is None:
        raise MapError(
            "A single well is not replicated: choose guides, perturbations or compounds to "
            "compare replicate experiments."
        )
    return phenomap.parts


def _number(name: str, names: list[str]) -> int:
    if name not in names:
        raise MapError(f"There is no experiment {name!r} in this map.")
    return names.index(name)

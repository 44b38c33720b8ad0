"""A map's entries in two halves of their experiments: a screen that was made twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.vector_search import NO_DIRECTION

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries, ExperimentAverages

__all__ = [
    "Halves",
    "Screens",
    "Twins",
    "replicate_experiments",
    "screens_of_halves",
    "screens_of_maps",
]

Array = np.ndarray[Any, Any]

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
    phenomap : Entries
    parts : ExperimentAverages
        Of the map.
    names : (str, str)
        What A and B are.
    chosen : (bool (m,), bool (m,))
        Which parts are in A and in B; none is in both.
    experiment_names : list of str
    """

    phenomap: Entries
    parts: ExperimentAverages
    names: tuple[str, str]
    chosen: tuple[Array, Array]
    experiment_names: list[str]

    @classmethod
    def of(
        cls,
        phenomap: Entries,
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


def replicate_experiments(phenomap: Entries, progress: Progress | None = None) -> tuple[Twins, ...]:
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


def _parts_of(phenomap: Entries) -> ExperimentAverages:
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


@dataclass(frozen=True, eq=False)
class Screens:
    """Two screens whose entries are numbered alike.

    A screen's entries have numbers of its own, so that one may have two.

    Attributes
    ----------
    names : (str, str)
    find : callable
        Numbers of some keys in A and in B; -1 for those that are not there.
    everything : callable
        The same of all entries that are in A or in B.
    units : callable
        Directions of entries, float32 (k, d), by side (0 or 1) and number.
    keys : callable
        Keys of entries by their numbers in A.
    """

    names: tuple[str, str]
    find: Callable[[Sequence[str]], tuple[Array, Array]]
    everything: Callable[[], tuple[Array, Array]]
    units: Callable[[int, Array], Array]
    keys: Callable[[Array], pd.Index]


def screens_of_maps(map_a: Entries, map_b: Entries) -> Screens:
    """Two maps as screens A and B.

    Raises
    ------
    MapError
        If they are at different levels.
    """
    if map_a.level != map_b.level:
        raise MapError(f"Pairs are compared at one level, not at {map_a.level} and {map_b.level}.")
    maps = (map_a, map_b)

    def units(side: int, rows: Array) -> Array:
        own = maps[side]
        return np.asarray(own.vectors[rows] * own.inverse_norms[rows, None])

    return Screens(
        (_in_words(map_a), _in_words(map_b)),
        lambda names: (map_a.rows_of(names), map_b.rows_of(names)),
        lambda: _all_of(map_a, map_b),
        units,
        lambda rows: map_a.labels.index[rows],
    )


def screens_of_halves(halves: Halves) -> Screens:
    """Two halves of a map's experiments as screens A and B."""
    whole = halves.phenomap
    everything = np.arange(len(whole.labels))
    is_in = [np.isin(everything, halves.entries(side)) for side in (0, 1)]

    def sides(rows: Array) -> tuple[Array, Array]:
        a, b = (np.where((rows >= 0) & here[rows], rows, -1) for here in is_in)
        return a, b

    return Screens(
        halves.names,
        lambda names: sides(whole.rows_of(names)),
        lambda: sides(everything),
        halves.units,
        lambda rows: whole.labels.index[rows],
    )


def _all_of(map_a: Entries, map_b: Entries) -> tuple[Array, Array]:
    """Rows in A and in B of all entries of either."""
    if map_a.level == "well" and map_a.well_ids is map_b.well_ids:
        rows_b = map_b.entry_of_position[map_a.member_positions]
    else:
        rows_b = np.asarray(map_b.labels.index.get_indexer(map_a.labels.index))
    alone = np.ones(len(map_b.labels), dtype=bool)
    alone[rows_b[rows_b >= 0]] = False
    lone = np.flatnonzero(alone)
    none = np.full(len(lone), -1)
    return np.r_[np.arange(len(map_a.labels)), none], np.r_[rows_b, lone]


def _in_words(phenomap: Entries) -> str:
    spec = phenomap.spec
    made = ["not aligned" if spec.align == "none" else spec.align]
    made += ["median"] if spec.average == "median" else []
    made += ["by plate"] if spec.batch == "plate" else []
    return f"{spec.embedding} ({', '.join(made)})"

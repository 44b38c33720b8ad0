"""Two screens whose entries are numbered alike: two maps, or two halves of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.maps.halves import Halves

if TYPE_CHECKING:
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["Screens", "screens_of_halves", "screens_of_maps"]

Array = np.ndarray[Any, Any]


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


def screens_of_maps(map_a: PhenoMap, map_b: PhenoMap) -> Screens:
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
        lambda names: (_rows_of(map_a, names), _rows_of(map_b, names)),
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
        lambda names: sides(_rows_of(whole, names)),
        lambda: sides(everything),
        halves.units,
        lambda rows: whole.labels.index[rows],
    )


def _rows_of(phenomap: PhenoMap, keys: Sequence[str]) -> Array:
    """Rows of entries, -1 for keys that the map does not have: int (n,)."""
    if phenomap.level != "well":
        return np.asarray(phenomap.labels.index.get_indexer(pd.Index(keys, dtype=object)))
    positions = phenomap.find_wells(keys)  # an index of millions of keys takes seconds
    rows = _entry_of_position(phenomap)[positions]
    return np.where(positions >= 0, rows, -1)


def _all_of(map_a: PhenoMap, map_b: PhenoMap) -> tuple[Array, Array]:
    """Rows in A and in B of all entries of either."""
    if map_a.level == "well" and map_a.well_ids is map_b.well_ids:
        rows_b = _entry_of_position(map_b)[map_a.member_positions]
    else:
        rows_b = np.asarray(map_b.labels.index.get_indexer(map_a.labels.index))
    alone = np.ones(len(map_b.labels), dtype=bool)
    alone[rows_b[rows_b >= 0]] = False
    lone = np.flatnonzero(alone)
    none = np.full(len(lone), -1)
    return np.r_[np.arange(len(map_a.labels)), none], np.r_[rows_b, lone]


def _entry_of_position(phenomap: PhenoMap) -> Array:
    entry = np.full(len(phenomap.well_ids), -1, dtype=np.intp)
    entry[phenomap.member_positions] = phenomap.member_entry
    return entry


def _in_words(phenomap: PhenoMap) -> str:
    spec = phenomap.spec
    made = ["not aligned" if spec.align == "none" else spec.align]
    made += ["median"] if spec.average == "median" else []
    made += ["by plate"] if spec.batch == "plate" else []
    return f"{spec.embedding} ({', '.join(made)})"

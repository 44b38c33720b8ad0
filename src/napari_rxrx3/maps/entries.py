"""The entries of a map: their vectors, the wells behind each, and which are close to which."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import UnknownKey
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.maps.space import WellSpace
from napari_rxrx3.maps.spec import MapSpec
from napari_rxrx3.maps.vector_search import VectorSearch

__all__ = [
    "PERTURBATION_TYPES",
    "Entries",
    "ExperimentAverages",
    "MemberPlaces",
    "NeighborSearch",
]

Array = np.ndarray[Any, Any]

PERTURBATION_TYPES = ("CRISPR", "COMPOUND")

_MANY = 200_000
"""Of so many keys none is looked for by its likeness, which would take seconds."""

_PIECE = 2**17


@dataclass(frozen=True, eq=False)
class NeighborSearch:
    """What is looked for: row of the query, bool (n,) of what is searched, and how."""

    query: int
    searched: Array
    metric: str
    opposite: bool


@dataclass(frozen=True, eq=False)
class ExperimentAverages:
    """Averages of each entry over the wells of one experiment alone.

    Attributes
    ----------
    entry, experiment, n_wells : int (m,)
        Sorted by entry.
    vectors : float32 (m, d)
    """

    entry: Array
    experiment: Array
    n_wells: Array
    vectors: Array

    def of(self, entry: int) -> slice:
        """Where the parts of an entry are."""
        start, stop = np.searchsorted(self.entry, [entry, entry + 1])
        return slice(int(start), int(stop))


@dataclass(frozen=True, eq=False)
class MemberPlaces:
    """Where the wells of the entries are, int (wells,) each, as in `Entries.member_positions`.

    Numbers of plates are unique over experiments, `place` is the position on the plate, `is_edge`
    says that it is at the edge of what the screen uses.
    """

    plate: Array
    place: Array
    experiment: Array
    is_edge: Array


class _OwnCopy:
    """A table of which each who asks has a copy of its own: what is changed in it stays there."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, entries: Any, owner: type) -> Any:
        if entries is None:
            return self
        table: pd.DataFrame = entries.__dict__[self._name]
        return table.copy(deep=False)  # pandas copies what is written to

    def __set__(self, entries: Any, table: pd.DataFrame) -> None:
        entries.__dict__[self._name] = table


@dataclass(frozen=True, eq=False)
class Entries:
    """Vectors of all perturbations at one level.

    Attributes
    ----------
    labels : pandas.DataFrame
        Indexed by key: perturbation_type, gene, treatment, concentration (uM), n_wells.
    vectors : float32 (n, d)
        Rows as in `labels`. Do not write.
    spec : MapSpec
        How the map was made.
    member_positions : int (wells,)
        Places in the table of wells of all wells that went into the map, entry by entry, within
        an entry the most typical well first.
    parts : ExperimentAverages or None
        None at the level of wells.
    left_out : tuple of str
        Batches with too few controls.
    notes : tuple of str
        What the user should know about the map, a sentence each.
    find_wells : callable
        Gives the places in the table of wells of some well ids, -1 for those that are not listed.
    open_space : callable
        Gives the wells with their vectors; takes seconds the first time, and reports them.
    why_absent : callable
        Says why there is no entry of a key, where that is by design; empty elsewhere.
    dataset : object
        What the map was made from, by its `map_of(spec)`.
    cache : DiskCache
        Where what is made of the entries is kept.
    fingerprint : str
        What it is kept by; empty if the wells have no table.
    """

    labels: pd.DataFrame
    vectors: Array
    spec: MapSpec
    member_positions: Array
    parts: ExperimentAverages | None
    well_ids: pd.Index
    find_wells: Callable[[Sequence[str] | pd.Index], Array]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    open_space: Callable[[Progress | None], WellSpace]
    why_absent: Callable[[str], str]
    dataset: Any
    cache: DiskCache
    fingerprint: str

    @property
    def level(self) -> str:
        return self.spec.level

    @property
    def align(self) -> str:
        return self.spec.align

    @property
    def embedding(self) -> str:
        return self.spec.embedding

    @property
    def members(self) -> pd.Index:
        """Ids of all wells that went into the map, in the order of `member_positions`."""
        return self.well_ids[self.member_positions]

    @property
    def space(self) -> WellSpace:
        """The wells with their vectors; opened when first asked for, see `open_space`."""
        return self.open_space(None)

    def search_of(self, key: str, metric: str, opposite: bool, kind: str | None) -> NeighborSearch:
        """What `PhenoMap.nearest` looks for; see there."""
        query = self.row(key)
        return NeighborSearch(query, self.searched(query, kind), metric, opposite)

    def ranked(self, search: NeighborSearch, k: int) -> tuple[Array, Array]:
        """The first `k` entries that answer a search, exactly; ties in the order of labels.

        Returns
        -------
        rows : int
        values : float64, like `rows`
            Similarities (cosine) or distances (Euclidean).
        """
        rows, closeness = self.vector_search.nearest(
            search.query, k, search.metric, search.opposite, search.searched
        )
        return rows, closeness if search.metric == "cosine" else -closeness

    def closeness(self, row: int, metric: str) -> Array:
        """How close all entries are to one, float (n,): cosine, or Euclidean distance negated."""
        return self.vector_search.closeness(row, metric)

    def searched(self, query: int, kind: str | None) -> Array:
        """Which entries are compared with one: bool (n,)."""
        if kind is None:
            searched = np.ones(len(self.labels), dtype=bool)
        elif kind in PERTURBATION_TYPES:
            searched = self._of_kind[kind].copy()
        else:
            known = ", ".join(PERTURBATION_TYPES)
            raise ValueError(f"unknown kind {kind!r}; choose one of {known}")
        searched[query] = False
        return searched

    @cached_property
    def families(self) -> Array:
        """Which entries are doses of one compound, or guides of one gene: int32 (n,).

        Entries of one family have one number; -1 stands alone, as genes and single wells do.
        """
        of = {"perturbation": "treatment", "guide": "gene"}.get(self.level)
        if of is None:
            return np.full(len(self.labels), -1, np.int32)
        numbers: Array = pd.factorize(self.labels[of])[0].astype(np.int32)
        is_compound = np.array(self.labels["perturbation_type"] == "COMPOUND", dtype=bool)
        numbers[is_compound != (of == "treatment")] = -1
        return numbers

    def row(self, key: str) -> int:
        """Row of an entry.

        Raises
        ------
        UnknownKey
        """
        row = self.find(key)
        if row is None:
            raise UnknownKey(key, self.closest_keys(key), self.why_absent(key))
        return row

    def find(self, key: str) -> int | None:
        """Row of an entry, None if there is none."""
        if self.level == "well":  # an index of millions of keys takes seconds
            position = int(self.find_wells([key])[0])
            row = int(self.entry_of_position[position]) if position >= 0 else -1
            return row if row >= 0 else None
        return int(self.labels.index.get_loc(key)) if key in self.labels.index else None

    def rows_of(self, keys: Sequence[str]) -> Array:
        """Rows of entries, int (n,): -1 for keys that are in no map like this."""
        if self.level != "well":
            return np.asarray(self.labels.index.get_indexer(pd.Index(keys, dtype=object)))
        positions = self.find_wells(keys)
        return np.where(positions >= 0, self.entry_of_position[positions], -1)

    def closest_keys(self, text: str, n: int = 5) -> list[str]:
        """Keys that look most like a text, whatever its case."""
        lower = text.casefold()
        keys = self.labels.index
        if len(keys) > _MANY:
            return list(keys[keys.str.lower().str.startswith(lower)][:n])
        starting = [key for key in keys if key.casefold().startswith(lower)]
        if len(starting) >= n:
            return starting[:n]
        folded: dict[str, list[str]] = {}
        for key in keys:
            folded.setdefault(key.casefold(), []).append(key)
        alike = difflib.get_close_matches(lower, list(folded), n=n, cutoff=0.5)
        found = dict.fromkeys(starting + [key for f in alike for key in folded[f]])
        return list(found)[:n]

    def wells_of(self, key: str) -> pd.Index:
        """Ids of the wells that an entry is the average of, the most typical first.

        Raises
        ------
        UnknownKey
        """
        return self.well_ids[self.positions_of(self.row(key))]

    def positions_of(self, row: int) -> Array:
        """Places in the table of wells of an entry's wells, the most typical first."""
        start, stop = self.ends[row] - self.n_wells[row], self.ends[row]
        return self.member_positions[start:stop]

    def key_of_well(self, well_id: str) -> str | None:
        """Key of the entry that a well went into, None if it is not in the map."""
        position = int(self.find_wells([well_id])[0])
        entry = self.entry_of_position[position] if position >= 0 else -1
        return None if entry < 0 else str(self.labels.index[entry])

    @cached_property
    def n_wells(self) -> Array:
        """Int (n,): number of wells of each entry."""
        return np.asarray(self.labels["n_wells"])

    @cached_property
    def ends(self) -> Array:
        """Int (n,): where the wells of each entry end in `member_positions`."""
        return np.cumsum(self.n_wells)

    @cached_property
    def vector_search(self) -> VectorSearch:
        """What finds the nearest vectors; it keeps their lengths."""
        return VectorSearch(self.vectors)

    @property
    def squared_norms(self) -> Array:
        """Float64 (n,)."""
        return self.vector_search.squared_norms

    @property
    def inverse_norms(self) -> Array:
        """Float32 (n,): 0 for an entry that has no direction."""
        return self.vector_search.inverse_norms

    @cached_property
    def member_entry(self) -> Array:
        """Int (wells,): the entry of each of `member_positions`."""
        return np.repeat(np.arange(len(self.labels), dtype=np.int32), self.n_wells)

    @cached_property
    def member_wells(self) -> Array:
        """Int (wells,): where each of `member_positions` is in `space`."""
        place = np.full(len(self.well_ids), -1, dtype=np.intp)
        place[self.space.positions] = np.arange(len(self.space))
        return np.asarray(place[self.member_positions])

    @cached_property
    def has_direction(self) -> Array:
        """Which entries have a direction to compare: bool (n,).

        The controls that a map is aligned by have none, whatever rounding or a median leaves.
        """
        directed = self.inverse_norms > 0
        if self.align != "none" and self.level != "well":
            directed &= np.array(self.labels["treatment"] != self.spec.control, dtype=bool)
        return directed

    def kept(self, name: str, build: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        """What `build` makes of these entries, from the cache if it was made before."""
        if not self.fingerprint:
            return build()
        return self.cache.arrays("nulls", f"{self.fingerprint}|{name}", build)

    def is_kept(self, name: str) -> bool:
        """Whether `kept` has it."""
        if not self.fingerprint:
            return False
        return self.cache.path("nulls", f"{self.fingerprint}|{name}", ".npz").exists()

    @cached_property
    def groups(self) -> Array:
        """Int (n,): what is perturbed in each entry, whatever guide or dose; -1 for controls."""

        def build() -> dict[str, Array]:
            return {"groups": self.space.group[self.member_wells[self.ends - 1]].astype(np.int32)}

        return self.kept("groups", build)["groups"]

    @cached_property
    def member_places(self) -> MemberPlaces:
        """Where the wells are; kept, so that it needs no vectors the next time."""

        def build() -> dict[str, Array]:
            space, wells = self.space, self.member_wells
            return {
                "plate": space.plate[wells].astype(np.int32),
                "place": space.place[wells].astype(np.int32),
                "experiment": space.experiment[wells].astype(np.int32),
                "is_edge": np.asarray(space.layout.is_edge(space.place[wells])),
            }

        return MemberPlaces(**self.kept("places", build))

    @cached_property
    def _of_kind(self) -> dict[str, Array]:
        """For each kind, which entries are of it: bool (n,)."""
        kinds = self.labels["perturbation_type"]
        return {kind: np.array(kinds == kind, dtype=bool) for kind in PERTURBATION_TYPES}

    @cached_property
    def entry_of_position(self) -> Array:
        """For each place in the table of wells, the entry that the well went into, or -1."""
        entry = np.full(len(self.well_ids), -1, dtype=np.int32)
        for start in range(0, len(self.member_entry), _PIECE):  # so that other threads go on
            piece = slice(start, start + _PIECE)
            entry[self.member_positions[piece]] = self.member_entry[piece]
        return entry


Entries.labels = _OwnCopy("labels")

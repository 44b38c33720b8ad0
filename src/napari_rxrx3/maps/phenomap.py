"""A map of perturbations: one vector each, and the ones nearest to any of them."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError, UnknownKey
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.maps.align import ALIGNMENTS
from napari_rxrx3.maps.space import BATCHES, WellSpace

if TYPE_CHECKING:
    from napari_rxrx3.maps.doubts import Judge
    from napari_rxrx3.maps.scores import ScoreStore

__all__ = [
    "AVERAGES",
    "KINDS",
    "LEVELS",
    "METRICS",
    "NO_DIRECTION",
    "MapSpec",
    "Parts",
    "PhenoMap",
    "Question",
]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

LEVELS = ("well", "guide", "perturbation", "compound")
METRICS = ("cosine", "euclidean")
AVERAGES = ("mean", "median")
KINDS = ("CRISPR", "COMPOUND")

NO_DIRECTION = 1e-5
"""Vectors of this part of the median length have no direction: it is all rounding."""
_BLOCK = 262_144


@dataclass(frozen=True)
class MapSpec:
    """What a map is made of; see `Dataset.phenomap`."""

    level: str = "perturbation"
    align: str = "pca-centerscale"
    embedding: str = ""
    average: str = "mean"
    batch: str = "experiment"
    control: str = EMPTY_CONTROL
    leave_out: bool = False

    def check(self) -> None:
        """Refuse a choice that there is not.

        Raises
        ------
        MapError
        """
        choices = {"level": LEVELS, "average": AVERAGES, "batch": BATCHES}
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in known:
                raise MapError(f"There is no {name} {value!r}; choose one of {', '.join(known)}.")
        if self.align not in ALIGNMENTS:
            known_names = ", ".join(ALIGNMENTS)
            raise MapError(f"There is no alignment {self.align!r}; choose one of {known_names}.")


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a map: row of the query, bool (n,) of what is searched, and how."""

    query: int
    searched: Array
    metric: str
    opposite: bool


@dataclass(frozen=True, eq=False)
class Parts:
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
class PhenoMap:
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
    parts : Parts or None
        None at the level of wells.
    left_out : tuple of str
        Batches with too few controls.
    notes : tuple of str
        What the user should know about the map, a sentence each.
    """

    labels: pd.DataFrame
    vectors: Array
    spec: MapSpec
    member_positions: Array
    parts: Parts | None
    well_ids: pd.Index
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    open_space: Callable[[], WellSpace]
    score_store: ScoreStore
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

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

    @cached_property
    def space(self) -> WellSpace:
        """The wells with their vectors."""
        with self._lock:
            return self.open_space()

    @property
    def scores(self) -> pd.DataFrame:
        """How strong and how consistent each entry is; see `napari_rxrx3.maps.scores`."""
        return self.score_store.get(self)

    def nearest(
        self,
        key: str,
        k: int = 20,
        metric: str = "cosine",
        opposite: bool = False,
        *,
        kind: str | None = None,
        judged: bool = True,
        scored: bool = True,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """List the entries most similar to one, or with `opposite` the least similar ones.

        Parameters
        ----------
        metric : {"cosine", "euclidean"}
        kind : {"CRISPR", "COMPOUND"}, optional
            Search these only.
        judged : bool
            Add the columns that say how far to trust each row; see `napari_rxrx3.maps.doubts`.
            The first time takes seconds for a large map.
        scored : bool
            Let the flags include those that need the scores of the map, which take a minute or
            two for the largest, once.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Returns
        -------
        pandas.DataFrame
            At most `k` rows, best first: rank (from 1), key, similarity (cosine) or distance
            (Euclidean), n_wells; if `judged` also p_value, q_value, p_same_plate, n_back, n_alone
            and flags. The query itself is left out.

        Raises
        ------
        UnknownKey
            If the map has no such entry; the closest known keys are named.
        ValueError
            If `metric` or `kind` is unknown.
        """
        query = self.row(key)
        closeness = self.closeness(query, metric)
        searched = self.searched(query, kind)
        found = _best_first(-closeness if opposite else closeness, searched, k)
        value = closeness[found] if metric == "cosine" else -closeness[found]
        table = pd.DataFrame(
            {
                "rank": np.arange(1, len(found) + 1),
                "key": self.labels.index[found],
                "similarity" if metric == "cosine" else "distance": value.astype(np.float64),
                "n_wells": self.labels["n_wells"].to_numpy()[found],
            }
        )
        if not judged:
            return table
        asked = Question(query, searched, metric, opposite)
        verdicts = self.judge.judge(asked, found, closeness, scored, progress)
        return pd.concat([table, verdicts], axis=1)

    def closeness(self, row: int, metric: str) -> Array:
        """How close all entries are to one, float (n,): cosine, or Euclidean distance negated."""
        if metric not in METRICS:
            raise ValueError(f"unknown metric {metric!r}; choose one of {', '.join(METRICS)}")
        products = self.vectors @ self.vectors[row]
        if metric == "cosine":
            cosines = products * (self.inverse_norms * self.inverse_norms[row])
            return np.asarray(np.clip(cosines, -1, 1))
        squared = self.squared_norms + self.squared_norms[row] - 2.0 * products
        return np.asarray(-np.sqrt(np.maximum(squared, 0)))

    def searched(self, query: int, kind: str | None) -> Array:
        """Which entries are compared with one: bool (n,)."""
        if kind is None:
            searched = np.ones(len(self.labels), dtype=bool)
        elif kind in KINDS:
            searched = np.array(self.labels["perturbation_type"] == kind, dtype=bool)
        else:
            raise ValueError(f"unknown kind {kind!r}; choose one of {', '.join(KINDS)}")
        searched[query] = False
        return searched

    def row(self, key: str) -> int:
        """Row of an entry.

        Raises
        ------
        UnknownKey
        """
        if key not in self.labels.index:
            raise UnknownKey(key, self.closest_keys(key))
        return int(self.labels.index.get_loc(key))

    def closest_keys(self, text: str, n: int = 5) -> list[str]:
        """Keys that look most like a text, whatever its case."""
        lower = text.casefold()
        keys = self.labels.index.tolist()
        starting = [key for key in keys if key.casefold().startswith(lower)]
        if len(starting) >= n or len(keys) > 200_000:
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

    def scores_of_wells(self, well_ids: pd.Index) -> pd.DataFrame:
        """Numeric scores of the entries that wells went into, indexed by well; NaN for others."""
        position = self.well_ids.get_indexer(well_ids)
        entry = np.where(position >= 0, self._entry_of_position[position], -1)
        numbers = self.scores.select_dtypes("number")
        rows = numbers.to_numpy()[entry]
        rows[entry < 0] = np.nan
        return pd.DataFrame(rows, index=well_ids, columns=numbers.columns)

    def key_of_well(self, well_id: str) -> str | None:
        """Key of the entry that a well went into, None if it is not in the map."""
        position = int(self.well_ids.get_indexer([well_id])[0])
        entry = self._entry_of_position[position] if position >= 0 else -1
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
    def squared_norms(self) -> Array:
        """Float64 (n,)."""
        blocks = range(0, len(self.vectors), _BLOCK)
        parts = [self.vectors[s : s + _BLOCK] for s in blocks]
        squares = [np.einsum("ij,ij->i", p, p, dtype=np.float64) for p in parts]
        return np.concatenate(squares) if squares else np.zeros(0)

    @cached_property
    def inverse_norms(self) -> Array:
        """Float32 (n,): 0 for an entry that has no direction.

        Alignment puts the controls at the origin: what is left of them is rounding. Their
        cosine to anything is 0.
        """
        norms = np.sqrt(self.squared_norms)
        directed = norms > NO_DIRECTION * np.median(norms) if len(norms) else norms > 0
        return np.where(directed, 1 / np.where(directed, norms, 1), 0).astype(np.float32)

    @cached_property
    def judge(self) -> Judge:
        """What tells how far a similarity can be trusted."""
        from napari_rxrx3.maps.doubts import Judge

        with self._lock:
            return Judge(self)

    @cached_property
    def member_entry(self) -> Array:
        """Int (wells,): the entry of each of `member_positions`."""
        return np.repeat(np.arange(len(self.labels), dtype=np.int32), self.n_wells)

    @cached_property
    def member_wells(self) -> Array:
        """Int (wells,): where each of `member_positions` is in `space`."""
        return np.searchsorted(self.space.positions, self.member_positions)

    @cached_property
    def groups(self) -> Array:
        """Int (n,): what is perturbed in each entry, whatever guide or dose; -1 for controls."""
        return np.asarray(self.space.group[self.member_wells[self.ends - 1]])

    @cached_property
    def _entry_of_position(self) -> Array:
        entry = np.full(len(self.well_ids), -1, dtype=np.int32)
        entry[self.member_positions] = self.member_entry
        return entry


def _best_first(closeness: Array, searched: Array, k: int) -> Array:
    """Searched rows of the `k` largest values; equal values in the order of rows."""
    closeness = np.where(np.isfinite(closeness) & searched, closeness, -np.inf)
    n = int(searched.sum())
    k = max(0, min(k, n))
    if k == 0:
        return np.zeros(0, dtype=np.intp)
    if k < n:
        kth = np.partition(closeness, len(closeness) - k)[len(closeness) - k]
        candidates = np.flatnonzero((closeness >= kth) & searched)
    else:
        candidates = np.flatnonzero(searched)
    order = np.argsort(-closeness[candidates], kind="stable")
    return np.asarray(candidates[order][:k])

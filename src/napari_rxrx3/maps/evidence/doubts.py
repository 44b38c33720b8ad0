"""How far a similarity can be trusted: its p-value, its replicates, and the reasons to doubt it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.maps.evidence.p_values import NullOfPairs, NullOnPlates, benjamini_hochberg
from napari_rxrx3.maps.evidence.replicates import Replicates

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries, NeighborSearch

__all__ = [
    "DOUBTS",
    "Judge",
    "doubts_of_scores",
    "doubts_of_wells",
    "in_order",
    "with_doubts_of_scores",
]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

DOUBTS = {
    "same plate": "All wells of both are on one and the same plate, so that what the plate does "
    "to its wells could be all that they have in common.",
    "same position": "Most wells of both are at positions that both have on their plates, so that "
    "the place on the plate could be all that they have in common.",
    "edge": "Most of its wells are in the two outermost rows or columns that the screen uses, "
    "where cells grow differently whatever they receive.",
    "one experiment": "All wells of both are from one experiment: nothing shows that the likeness "
    "would be seen again.",
    "few wells": "It is the average of fewer than three wells.",
    "guides disagree": "The guides of this gene are no more alike than guides of different genes, "
    "so that their average stands for no common effect.",
    "like controls": "Its wells are no further from the controls than other controls are: there "
    "may be no effect at all.",
    "only unaligned": "The likeness is seen before the batches are aligned and not after it, so "
    "that it is likely to be an effect of the batches.",
}
"""Reasons to doubt a neighbor, each with what it means."""

LEVEL_OF_DOUBT = 0.05
_FEW_WELLS = 3
_MOST = 0.5


class Judge:
    """Judges the neighbors in one map."""

    def __init__(self, phenomap: Entries) -> None:
        self._map = phenomap
        self._lock = Lock()
        self._replicates = Replicates(phenomap)
        self._nulls: dict[str, NullOfPairs] = {}
        self._on_plates: dict[str, NullOnPlates] = {}
        self._other: dict[str, NullOfPairs | None] = {}

    def judge(
        self,
        asked: NeighborSearch,
        found: Array,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Judge some neighbors of an entry by what does not take the scores of all entries.

        Parameters
        ----------
        asked : NeighborSearch
            The q-values are over all that it searches.
        found : int (k,)
            Rows of the neighbors.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Returns
        -------
        pandas.DataFrame
            k rows: p_value, q_value, p_same_plate, n_back, n_alone, flags (tuple of names of
            `DOUBTS`; see `with_doubts_of_scores` for the others).
        """
        report = progress or (lambda done, total, text: None)
        with self._lock:
            self._map.open_space(report)
            closeness = self._map.closeness(asked.query, asked.metric)
            verdicts = self._chances(asked, found, closeness, report)
            verdicts["n_back"], verdicts["n_alone"] = self._replicates.count(asked, found, report)
            flags = self._flags(asked, found, verdicts["p_value"].to_numpy())
        return verdicts.assign(flags=pd.Series(flags, dtype=object))

    def _chances(
        self, asked: NeighborSearch, found: Array, closeness: Array, report: Progress
    ) -> pd.DataFrame:
        """p_value, q_value and p_same_plate of some neighbors."""
        report(0, 0, "comparing with pairs of different perturbations")
        rows = np.flatnonzero(asked.searched)
        p, q = np.full(len(closeness), np.nan), np.full(len(closeness), np.nan)
        null = self._null(asked.metric)
        p[rows] = null.p_values(asked.query, rows, closeness[rows], asked.opposite, report)
        q[rows] = benjamini_hochberg(p[rows])
        report(0, 0, "comparing with pairs on the same plates")
        plates = self._plate_null(asked.metric)
        on_plates = plates.p_values(asked.query, found, closeness[found], asked.opposite)
        return pd.DataFrame({"p_value": p[found], "q_value": q[found], "p_same_plate": on_plates})

    def _null(self, metric: str) -> NullOfPairs:
        if metric not in self._nulls:
            self._nulls[metric] = NullOfPairs(self._map, self._map.space, metric)
        return self._nulls[metric]

    def _plate_null(self, metric: str) -> NullOnPlates:
        if metric not in self._on_plates:
            self._on_plates[metric] = NullOnPlates(self._map, metric)
        return self._on_plates[metric]

    # -- reasons to doubt --------------------------------------------------------------------------

    def _flags(self, asked: NeighborSearch, found: Array, p: Array) -> list[tuple[str, ...]]:
        mine = _Where(self._map, asked.query)
        artifacts = self._only_unaligned(asked, found, p)
        flags = []
        for row, is_artifact in zip(found.tolist(), artifacts, strict=True):
            shared = _Where(self._map, row).shared_with(mine)
            also = ("only unaligned",) if is_artifact else ()
            flags.append(in_order([*shared, *doubts_of_wells(self._map, row), *also]))
        return flags

    def _only_unaligned(self, asked: NeighborSearch, found: Array, p: Array) -> Array:
        """Which neighbors are near without alignment, by their p-value, and not with it."""
        is_raw = self._map.align == "none"
        suspects = (p <= LEVEL_OF_DOUBT) if is_raw else (p > LEVEL_OF_DOUBT)
        artifacts = np.zeros(len(found), dtype=bool)
        if not suspects.any():
            return artifacts
        null = self._other_null(asked.metric)
        if null is None:
            return artifacts
        rows = found[suspects]
        mine = self._average(null, asked.query)
        closeness = [_closeness(mine, self._average(null, int(r)), asked.metric) for r in rows]
        other = null.p_values(asked.query, rows, np.nan_to_num(np.array(closeness)), asked.opposite)
        is_near = other <= LEVEL_OF_DOUBT
        artifacts[suspects] = ~is_near if is_raw else is_near
        return artifacts

    def _other_null(self, metric: str) -> NullOfPairs | None:
        """The null of the unaligned map for an aligned one, and the other way round."""
        if metric not in self._other:
            how = "pca-centerscale" if self._map.align == "none" else "none"
            try:
                space = self._map.space.realigned(how)
            except MapError:  # too few controls: nothing to compare with
                self._other[metric] = None
            else:
                self._other[metric] = NullOfPairs(self._map, space, metric)
        return self._other[metric]

    def _average(self, null: NullOfPairs, row: int) -> Array:
        wells = np.searchsorted(null.space.positions, self._map.positions_of(row)[:2000])
        average = np.median if self._map.spec.average == "median" else np.mean
        aligned = null.space.aligned(np.sort(wells)).astype(np.float64)
        return np.asarray(average(aligned, axis=0))


class _Where:
    """On which plates, positions and experiments the wells of an entry are."""

    def __init__(self, phenomap: Entries, row: int) -> None:
        wells = np.searchsorted(phenomap.space.positions, phenomap.positions_of(row))
        self.plates = np.unique(phenomap.space.plate[wells])
        self.places, counts = np.unique(phenomap.space.place[wells], return_counts=True)
        self._shares = counts / counts.sum()
        self.experiments = np.unique(phenomap.space.experiment[wells])

    def shared_with(self, other: _Where) -> list[str]:
        same = {
            "same plate": np.array_equal(self.plates, other.plates) and len(self.plates) == 1,
            "same position": min(self._share_at(other), other._share_at(self)) > _MOST,
            "one experiment": np.array_equal(self.experiments, other.experiments)
            and len(self.experiments) == 1,
        }
        return [name for name, holds in same.items() if holds]

    def _share_at(self, other: _Where) -> float:
        """Share of the wells that are where the other has some."""
        return float(self._shares[np.isin(self.places, other.places)].sum())


def doubts_of_wells(entries: Entries, row: int) -> tuple[str, ...]:
    """Reasons to doubt an entry for its wells, whatever it is compared with."""
    return (*_doubts_of_place(entries, row), *_doubts_of_size(entries, row))


def _doubts_of_place(entries: Entries, row: int) -> tuple[str, ...]:
    wells = np.searchsorted(entries.space.positions, entries.positions_of(row))
    is_at_edge = entries.space.layout.is_edge(entries.space.place[wells])
    return ("edge",) if is_at_edge.mean() > _MOST else ()


def _doubts_of_size(entries: Entries, row: int) -> tuple[str, ...]:
    """Reasons to doubt an entry for its number of wells, whatever it is compared with."""
    is_doubtful = entries.n_wells[row] < _FEW_WELLS and entries.level != "well"
    return ("few wells",) if is_doubtful else ()


def doubts_of_scores(scores: Mapping[str, Any] | pd.Series) -> tuple[str, ...]:
    """Reasons to doubt an entry for its scores, whatever it is compared with."""
    doubts = {
        "guides disagree": scores["agreement_p"] > LEVEL_OF_DOUBT,
        "like controls": scores["strength_p"] > LEVEL_OF_DOUBT,
    }
    return tuple(name for name, holds in doubts.items() if holds)


def with_doubts_of_scores(
    flags: Iterable[tuple[str, ...]], scores: pd.DataFrame
) -> list[tuple[str, ...]]:
    """Flags of some entries, and those that their scores raise (rows of `ScoreStore.get`)."""
    rows = scores.to_dict("records")
    return [
        in_order([*known, *doubts_of_scores(row)]) for known, row in zip(flags, rows, strict=True)
    ]


def in_order(doubts: Iterable[str]) -> tuple[str, ...]:
    """Names of doubts, each once, in the order of `DOUBTS`."""
    raised = set(doubts)
    return tuple(name for name in DOUBTS if name in raised)


def _closeness(a: Array, b: Array, metric: str) -> float:
    """Like `Entries.closeness`, of two vectors."""
    if metric == "cosine":
        norms = float(np.linalg.norm(a) * np.linalg.norm(b))
        return float(a @ b) / norms if norms else 0.0
    return -float(np.linalg.norm(a - b))

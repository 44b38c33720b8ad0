"""How far a likeness can be trusted: what chance makes, other experiments, reasons to doubt it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.progress import Progress, holding, silent
from napari_rxrx3.maps.evidence.across import Across, AcrossExperiments, rank_across
from napari_rxrx3.maps.evidence.comparable import Nulls
from napari_rxrx3.maps.evidence.other_vectors import OtherVectors, OwnVectors
from napari_rxrx3.maps.evidence.p_values import NullOfPairs, NullOnPlates, lehmann_romano
from napari_rxrx3.maps.evidence.placement import Placement
from napari_rxrx3.maps.sets.genes import gene_at

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries, NeighborSearch
    from napari_rxrx3.maps.sets.arms import GeneArms

__all__ = [
    "DOUBTS",
    "Judge",
    "doubts_of_scores",
    "doubts_of_wells",
    "in_order",
    "with_doubts_of_scores",
]

Array = np.ndarray[Any, Any]

DOUBTS = {
    "same plate": "All wells of both are on one and the same plate, so that what the plate does "
    "to its wells could be all that they have in common.",
    "same position": "Most wells of both are at positions that both have on their plates, so that "
    "the place on the plate could be all that they have in common.",
    "edge": "Most of its wells are in the two outermost rows or columns that the screen uses, "
    "where cells grow differently whatever they receive.",
    "one experiment": "All wells of both are from one experiment: nothing shows that the likeness "
    "would be seen again.",
    "same experiments": "They are alike in the experiments that they share and not across "
    "experiments: what is screened together shares the error of its controls, and looks alike.",
    "same arm": "Both genes are on one arm of a chromosome: a cut may cost a cell the rest of the "
    "arm, so that such genes look alike whatever they do.",
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
        self.across = Across(phenomap)
        self._placement: Placement | None = None
        self._nulls: dict[str, Nulls] = {}
        self._shares: dict[str, NullOfPairs] = {}
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
            k rows, NaN where there is none:

            - percentile, n_percentile: share of the pairs of different perturbations that are as
              close, and how many were compared.
            - p_value, q_value: how often chance makes unrelated pairs as close that share
              experiments and plates as much, and how likely more than one in ten of the list
              searched (of n_searched) are chance, believed down to here; compared_with (those
              pairs in words) and n_compared (how many).
            - p_same_plate, n_same_plate: the same of the pairs that share plates as much.
            - across, across_rank, n_across: likeness across experiments, the share of the
              entries searched that are as alike across them, and the number of these entries.
            - flags: tuple of names of `DOUBTS`; see `with_doubts_of_scores` for the others.
        """
        report = progress or silent
        with holding(self._lock, report):
            if self._placement is None and not self._map.is_kept("places"):
                self._map.open_space(report)  # which takes seconds, and reports them
            closeness = self._map.closeness(asked.query, asked.metric)
            across = self.across.of(asked.query, report)
            verdicts = self._chances(asked, found, closeness, across, report)
            verdicts |= self._across_experiments(asked, found, across)
            verdicts["flags"] = self._flags(asked, found, across, verdicts, report)
        flags = pd.Series(verdicts.pop("flags"), dtype=object)
        return pd.DataFrame(verdicts).assign(flags=flags)

    def _chances(
        self,
        asked: NeighborSearch,
        found: Array,
        closeness: Array,
        across: AcrossExperiments,
        report: Progress,
    ) -> dict[str, Any]:
        """percentile, p_value, q_value, what these compare with, and p_same_plate."""
        query, opposite = asked.query, asked.opposite
        report(0, 0, "comparing with pairs of different perturbations")
        share = self._share(asked.metric, report)
        percentile, n_pairs = np.full(len(found), np.nan), np.zeros(len(found), dtype=np.int64)
        directed = self._map.has_direction
        known = np.flatnonzero(directed[found] & directed[query])
        percentile[known], n_pairs[known] = share.p_values(
            query, found[known], closeness[found[known]], opposite, report
        )
        rows = np.flatnonzero(asked.searched)
        p, n, stratum = np.full(len(closeness), np.nan), *np.zeros((2, len(closeness)), int)
        nulls = self._null(asked.metric)
        p[rows], n[rows], stratum[rows] = nulls.p_values(
            query, rows, closeness[rows], across, opposite, report
        )
        q = lehmann_romano(p)
        report(0, 0, "comparing with pairs on the same plates")
        plates = self._plate_null(asked.metric)
        on_plates = plates.p_values(query, found, closeness[found], opposite, report)
        return {
            "percentile": percentile,
            "n_percentile": n_pairs,
            "p_value": p[found],
            "q_value": q[found],
            "n_searched": len(rows),
            "compared_with": [nulls.in_words(each) for each in stratum[found].tolist()],
            "n_compared": n[found],
            "p_same_plate": on_plates[0],
            "n_same_plate": on_plates[1],
        }

    @staticmethod
    def _across_experiments(
        asked: NeighborSearch, found: Array, across: AcrossExperiments
    ) -> dict[str, Any]:
        comparable = asked.searched & ~np.isnan(across.likeness)
        rank = rank_across(across.likeness, comparable, asked.opposite)
        return {
            "across": across.likeness[found],
            "across_rank": rank[found],
            "n_across": np.where(np.isnan(rank[found]), 0, comparable.sum()),
        }

    @property
    def placement(self) -> Placement:
        """Where the entries of the map are; looked up once."""
        if self._placement is None:
            self._placement = Placement.of(self._map)
        return self._placement

    def _null(self, metric: str) -> Nulls:
        if metric not in self._nulls:
            self._nulls[metric] = Nulls(self._map, self.placement, self.across, metric)
        return self._nulls[metric]

    def _share(self, metric: str, report: Progress) -> NullOfPairs:
        if metric not in self._shares:
            share = NullOfPairs(self._map, OwnVectors(self._map), metric)
            share.prepare(report)
            self._shares[metric] = share
        return self._shares[metric]

    def _plate_null(self, metric: str) -> NullOnPlates:
        if metric not in self._on_plates:
            self._on_plates[metric] = NullOnPlates(self._map, self.placement, metric)
        return self._on_plates[metric]

    # -- reasons to doubt --------------------------------------------------------------------------

    def _flags(
        self,
        asked: NeighborSearch,
        found: Array,
        across: AcrossExperiments,
        verdicts: Mapping[str, Any],
        report: Progress,
    ) -> list[tuple[str, ...]]:
        mine = _Where(self._map, asked.query)
        raised = {
            "same arm": self._same_arm(asked.query, found),
            "only unaligned": self._only_unaligned(asked, found, verdicts["percentile"], report),
            "same experiments": (across.n_shared[found] > 0)
            & (verdicts["percentile"] <= LEVEL_OF_DOUBT)
            & (verdicts["across_rank"] > LEVEL_OF_DOUBT)
            & ~(verdicts["q_value"] <= LEVEL_OF_DOUBT),
        }
        flags = []
        for place, row in enumerate(found.tolist()):
            shared = _Where(self._map, row).shared_with(mine)
            also = [name for name, is_raised in raised.items() if is_raised[place]]
            flags.append(in_order([*shared, *doubts_of_wells(self._map, row), *also]))
        return flags

    def _same_arm(self, query: int, found: Array) -> Array:
        """Which neighbors are other genes on the arm of the query, if a table says where."""
        arms: GeneArms | None = getattr(self._map.dataset, "arms", None)
        mine = gene_at(self._map, query) if arms is not None else None
        if arms is None or mine is None or mine not in arms.arm_of:
            return np.zeros(len(found), dtype=bool)
        genes = [gene_at(self._map, row) or mine for row in found.tolist()]
        arm = arms.arm_of[mine]
        return np.array([g != mine and arms.arm_of.get(g) == arm for g in genes], dtype=bool)

    def _only_unaligned(
        self, asked: NeighborSearch, found: Array, p: Array, report: Progress
    ) -> Array:
        """Which neighbors are near without alignment, by their percentile, and not with it."""
        is_raw = self._map.align == "none"
        suspects = (p <= LEVEL_OF_DOUBT) if is_raw else (p > LEVEL_OF_DOUBT)
        artifacts = np.zeros(len(found), dtype=bool)
        null = self._other_null(asked.metric, report)  # at once, so that it is kept
        if null is None or not suspects.any():
            return artifacts
        rows = found[suspects]
        average = null.vectors.averages
        mine = average(np.array([asked.query]))[0]
        closeness = [_closeness(mine, other, asked.metric) for other in average(rows)]
        close = np.nan_to_num(np.array(closeness))
        other, _ = null.p_values(asked.query, rows, close, asked.opposite)
        is_near = other <= LEVEL_OF_DOUBT
        artifacts[suspects] = ~is_near if is_raw else is_near
        return artifacts

    def _other_null(self, metric: str, report: Progress) -> NullOfPairs | None:
        """The null of the unaligned map for an aligned one, and the other way round."""
        if metric not in self._other:
            how = "pca-centerscale" if self._map.align == "none" else "none"
            try:
                other = NullOfPairs(self._map, OtherVectors(self._map, how, report), metric)
                other.prepare(report)
                self._other[metric] = other
            except MapError:  # too few controls: nothing to compare with
                self._other[metric] = None
        return self._other[metric]


class _Where:
    """On which plates, positions and experiments the wells of an entry are."""

    def __init__(self, phenomap: Entries, row: int) -> None:
        where = phenomap.member_places
        wells = slice(phenomap.ends[row] - phenomap.n_wells[row], phenomap.ends[row])
        self.plates = np.unique(where.plate[wells])
        self.places, counts = np.unique(where.place[wells], return_counts=True)
        self._shares = counts / counts.sum()
        self.experiments = np.unique(where.experiment[wells])

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
    wells = slice(entries.ends[row] - entries.n_wells[row], entries.ends[row])
    return ("edge",) if entries.member_places.is_edge[wells].mean() > _MOST else ()


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
    """Flags of some entries, and those that their scores raise (rows of the scores)."""
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

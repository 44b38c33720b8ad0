"""How far a similarity can be trusted: its p-value, its replicates, and the reasons to doubt it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.maps.evidence.replicates import Replicates
from napari_rxrx3.maps.evidence.significance import NullOfPairs, NullOnPlates, benjamini_hochberg

if TYPE_CHECKING:
    from napari_rxrx3.maps.phenomap import PhenoMap, Question

__all__ = ["DOUBTS", "Judge", "doubts_of_entry"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

DOUBTS = {
    "same plate": "All wells of both are on one and the same plate, so that what the plate does "
    "to its wells could be all that they have in common.",
    "same position": "All wells of both are at the same position of their plates, so that the "
    "place on the plate could be all that they have in common.",
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


class Judge:
    """Judges the neighbors in one map."""

    def __init__(self, phenomap: PhenoMap) -> None:
        self._map = phenomap
        self._lock = threading.Lock()
        self._replicates = Replicates(phenomap)
        self._nulls: dict[str, NullOfPairs] = {}
        self._on_plates: dict[str, NullOnPlates] = {}
        self._other: dict[str, NullOfPairs | None] = {}

    def judge(
        self,
        asked: Question,
        found: Array,
        closeness: Array,
        scored: bool = True,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Judge some neighbors of an entry.

        Parameters
        ----------
        found : int (k,)
            Rows of the neighbors.
        closeness : float (n,)
            How close every entry is, see `PhenoMap.closeness`. The q-values are over all that
            are searched.
        scored : bool
            Raise the flags that need scores as well.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Returns
        -------
        pandas.DataFrame
            k rows: p_value, q_value, p_same_plate, n_back, n_alone, flags (tuple of names of
            `DOUBTS`).
        """
        report = progress or (lambda done, total, text: None)
        with self._lock:
            self._map.open_space(report)
            verdicts = self._chances(asked, found, closeness, report)
            verdicts["n_back"], verdicts["n_alone"] = self._replicates.count(asked, found, report)
            if scored:
                self._map.score_store.get(self._map, progress)
            flags = self._flags(asked, found, verdicts["p_value"].to_numpy(), scored)
        return verdicts.assign(flags=pd.Series(flags, dtype=object))

    def _chances(
        self, asked: Question, found: Array, closeness: Array, report: Progress
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

    def _flags(
        self, asked: Question, found: Array, p: Array, scored: bool
    ) -> list[tuple[str, ...]]:
        mine = _Where(self._map, asked.query)
        artifacts = self._only_unaligned(asked, found, p)
        flags = []
        for row, is_artifact in zip(found.tolist(), artifacts, strict=True):
            shared = _Where(self._map, row).shared_with(mine)
            own = doubts_of_entry(self._map, row, scored)
            also = ("only unaligned",) if is_artifact else ()
            flags.append((*shared, *own, *also))
        return flags

    def _only_unaligned(self, asked: Question, found: Array, p: Array) -> Array:
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
        return np.asarray(average(null.space.aligned(np.sort(wells)), axis=0))


class _Where:
    """On which plates, positions and experiments the wells of an entry are."""

    def __init__(self, phenomap: PhenoMap, row: int) -> None:
        wells = np.searchsorted(phenomap.space.positions, phenomap.positions_of(row))
        self.plates = np.unique(phenomap.space.plate[wells])
        self.places = np.unique(phenomap.space.place[wells])
        self.experiments = np.unique(phenomap.space.experiment[wells])

    def shared_with(self, other: _Where) -> list[str]:
        same = {
            "same plate": np.array_equal(self.plates, other.plates) and len(self.plates) == 1,
            "same position": np.array_equal(self.places, other.places) and len(self.places) == 1,
            "one experiment": np.array_equal(self.experiments, other.experiments)
            and len(self.experiments) == 1,
        }
        return [name for name, holds in same.items() if holds]


def doubts_of_entry(phenomap: PhenoMap, row: int, scored: bool = True) -> tuple[str, ...]:
    """Reasons to doubt an entry whatever it is compared with: names of `DOUBTS`."""
    few = phenomap.n_wells[row] < _FEW_WELLS and phenomap.level != "well"
    doubts = {"few wells": few}
    if scored:
        scores = phenomap.scores.iloc[row]
        doubts["guides disagree"] = scores["agreement_p"] > LEVEL_OF_DOUBT
        doubts["like controls"] = scores["strength_p"] > LEVEL_OF_DOUBT
    return tuple(name for name, holds in doubts.items() if holds)


def _closeness(a: Array, b: Array, metric: str) -> float:
    """Like `PhenoMap.closeness`, of two vectors."""
    if metric == "cosine":
        norms = float(np.linalg.norm(a) * np.linalg.norm(b))
        return float(a @ b) / norms if norms else 0.0
    return -float(np.linalg.norm(a - b))

"""How far each entry of a map is from the controls, and how well its wells and guides agree.

Energy distance and mean pairwise cosine are those of the EFAAR benchmarks (Celik et al. 2022;
recursionpharma/EFAAR_benchmarking). The nulls behind the p-values are our own, see docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.geometry import cosine_distances, mean_distances
from napari_rxrx3.maps.evidence.activity import activity
from napari_rxrx3.maps.evidence.guides import guide_agreement
from napari_rxrx3.maps.evidence.p_values import SIZES, add_one_p, n_as_large, size_below
from napari_rxrx3.maps.evidence.permutation import strength_p
from napari_rxrx3.maps.evidence.plate_nulls import PlateDraws
from napari_rxrx3.maps.space import WellSpace

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["SCORES", "ScoreStore"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

SCORES = (
    "strength",
    "effect",
    "strength_p",
    "strength_cosine",
    "consistency",
    "consistency_p",
    "agreement",
    "agreement_p",
    "odd_guide",
    "activity",
    "activity_p",
    "activity_q",
    "is_active",
)
_OF_ACTIVITY = SCORES[-4:]
_OF_GUIDES = ("agreement", "agreement_p", "odd_guide")

_VERSION = 2
"""Of what is kept of the scores: raise it when a number is computed in another way."""

_MAX_CONTROLS = 1000
_MAX_WELLS = 500
_MIN_WELLS_OF_ENERGY = 5
_DRAWS = 400
_BLOCK = 8192
_REPORTED = 8


@dataclass(eq=False)
class ScoreStore:
    """Computes the scores of all entries once and keeps them."""

    entries: Entries
    _scores: pd.DataFrame | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_ready(self) -> bool:
        return self._scores is not None

    def get(self, progress: Progress | None = None) -> pd.DataFrame:
        """Scores of all entries, indexed by key.

        Columns, NaN where there is none: strength (energy distance from the controls, for 5
        wells and more, as in the reference), effect (the same without what few wells add to it),
        strength_p, strength_cosine (mean cosine distance of the wells from the
        controls of their plates, not aligned), consistency (mean pairwise cosine of the wells),
        consistency_p, agreement (mean pairwise cosine of a gene's guides), agreement_p,
        odd_guide (name of the guide that does not act like the others), activity (normalized mean
        average precision of finding its other wells before controls of the plate), activity_p,
        activity_q, and is_active (bool: a q of at most 0.05).
        """
        with self._lock:
            if self._scores is None:
                self._scores = self._loaded()
            if self._scores is None:
                self._scores = _scored(self.entries, progress or (lambda done, total, text: None))
                self._save(self._scores)
            return self._scores

    def _save(self, scores: pd.DataFrame) -> None:
        if self.entries.fingerprint:
            columns = {name: scores[name].to_numpy() for name in SCORES if name != "odd_guide"}
            odd = np.array(scores["odd_guide"].fillna("").tolist(), dtype=np.str_)
            columns["odd_guide"] = odd
            self.entries.cache.save("scores", self._fingerprint, columns)

    def _loaded(self) -> pd.DataFrame | None:
        entries = self.entries
        if not entries.fingerprint:
            return None
        stored = entries.cache.load("scores", self._fingerprint)
        if stored is None or len(stored["strength"]) != len(entries.labels):
            return None
        odd = pd.array(stored.pop("odd_guide").tolist(), dtype="str")
        table = pd.DataFrame(stored, index=entries.labels.index)
        table["odd_guide"] = odd
        table["odd_guide"] = table["odd_guide"].where(table["odd_guide"] != "")
        return table[list(SCORES)]

    @property
    def _fingerprint(self) -> str:
        return f"{self.entries.fingerprint}|{_VERSION}"


def _scored(phenomap: Entries, progress: Progress) -> pd.DataFrame:
    space, rng = phenomap.open_space(progress), np.random.default_rng(0)
    to_controls = _distance_from_controls(phenomap, space, rng, progress)
    within, consistency = _within_entries(phenomap, space, rng, progress)
    table = pd.DataFrame(index=phenomap.labels.index)
    table["strength"], table["effect"] = _strength(phenomap.n_wells, to_controls, within)
    table["strength_p"] = strength_p(phenomap, progress)
    table["strength_cosine"] = _cosine_strength(phenomap, space, progress)
    table["consistency"] = consistency
    table["consistency_p"] = _consistency_p(phenomap, consistency, progress)
    agreement = guide_agreement(phenomap, progress)
    for name in _OF_GUIDES:
        table[name] = agreement[name].set_axis(table.index)
    active = activity(phenomap, progress)
    for name in _OF_ACTIVITY:
        table[name] = active[name].to_numpy()
    return table


# -- distance from the controls --------------------------------------------------------------------


def _strength(n_wells: Array, to_controls: Array, within: Array) -> tuple[Array, Array]:
    """Energy distance of each entry from a sample of the controls, and without its bias.

    The reference counts the distance of a well from itself, 0, as one of the distances within an
    entry, which makes entries of few wells seem strong. The second number leaves it out.
    """
    energy = to_controls - within
    bias = within / np.maximum(n_wells - 1, 1)
    enough = n_wells >= _MIN_WELLS_OF_ENERGY
    return np.where(enough, energy, np.nan), np.where(enough, energy - bias, np.nan)


def _distance_from_controls(
    phenomap: Entries, space: WellSpace, rng: np.random.Generator, progress: Progress
) -> Array:
    """Twice the mean distance of each entry from a sample of the controls, less that within it."""
    n_wells = phenomap.n_wells
    controls = np.flatnonzero(space.is_control)
    if len(controls) < 2:
        return np.full(len(n_wells), np.nan)
    sampled = np.sort(rng.choice(controls, min(_MAX_CONTROLS, len(controls)), replace=False))
    sample = space.aligned(sampled)
    to_controls = np.empty(len(space))
    for block in _blocks(len(space), _BLOCK):
        progress(block.start, len(space), f"measuring the strength of {len(n_wells):,} entries")
        to_controls[block] = mean_distances(space.aligned(block), sample)
    total = np.bincount(phenomap.member_entry, to_controls[phenomap.member_wells], len(n_wells))
    return np.asarray(2 * total / n_wells - _mean_within(sample))


def _cosine_strength(phenomap: Entries, space: WellSpace, progress: Progress) -> Array:
    """Mean cosine distance of each entry's wells from their plates' controls, before alignment."""
    text = "measuring the distance from each plate's controls"
    centers, lengths = _centers_of_controls(space, progress)
    distance = np.empty(len(space))
    for block in _blocks(len(space), _BLOCK):
        progress(block.start, len(space), text)
        vectors = space.vectors(block)
        distance[block] = cosine_distances(vectors, centers[space.plate[block]])
    distance[(lengths == 0)[space.plate]] = np.nan  # a plate without controls
    known = ~np.isnan(distance[phenomap.member_wells])
    entry = phenomap.member_entry[known]
    n = np.bincount(entry, minlength=len(phenomap.labels))
    total = np.bincount(entry, distance[phenomap.member_wells][known], len(phenomap.labels))
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _centers_of_controls(space: WellSpace, progress: Progress) -> tuple[Array, Array]:
    """Sum of each plate's controls, float64 (plates, d), and its length."""
    centers = np.zeros((int(space.plate.max()) + 1, space.raw.shape[1]))
    controls = np.flatnonzero(space.is_control)
    controls = controls[np.argsort(space.plate[controls], kind="stable")]
    for block in _blocks(len(controls), _BLOCK):
        progress(block.start, len(controls), "averaging each plate's controls")
        plates, starts = np.unique(space.plate[controls[block]], return_index=True)
        vectors = space.vectors(controls[block])
        centers[plates] += np.add.reduceat(vectors, starts, axis=0, dtype=np.float64)
    return centers, np.linalg.norm(centers, axis=1)


# -- agreement of the wells ------------------------------------------------------------------------


def _within_entries(
    phenomap: Entries, space: WellSpace, rng: np.random.Generator, progress: Progress
) -> tuple[Array, Array]:
    """Mean distance (0 for a single well) and mean cosine (NaN) of the wells of each entry."""
    within = np.zeros(len(phenomap.n_wells))
    consistency = np.full(len(phenomap.n_wells), np.nan)
    for row, vectors in _aligned_entries(phenomap, space, progress):
        consistency[row] = _mean_cosine(vectors[None])[0]
        if len(vectors) > _MAX_WELLS:
            vectors = vectors[rng.choice(len(vectors), _MAX_WELLS, replace=False)]
        within[row] = _mean_within(vectors)
    return within, consistency


def _consistency_p(phenomap: Entries, consistency: Array, progress: Progress) -> Array:
    space, n_wells = phenomap.space, phenomap.n_wells
    p = np.full(len(n_wells), np.nan)
    sizes = size_below(n_wells)
    draws = PlateDraws(phenomap, space.group >= 0)
    for done, size in enumerate(np.unique(sizes[n_wells > 1])):
        text = "comparing with sets of different perturbations"
        progress(done, len(SIZES), text)
        sets = draws.draw(int(SIZES[size]), _DRAWS)
        if not len(sets):
            continue
        cosines = np.empty(len(sets))
        for some in _blocks(len(sets), max(1, _BLOCK // sets.shape[1])):
            progress(done, len(SIZES), text)
            part = sets[some]
            cosines[some] = _mean_cosine(space.aligned(part.ravel()).reshape(*part.shape, -1))
        null = np.sort(cosines)
        of_size = np.flatnonzero((sizes == size) & (n_wells > 1))
        p[of_size] = add_one_p(n_as_large(null, consistency[of_size]), len(null))
    return p


def _mean_cosine(sets: Array) -> Array:
    """Mean cosine of all pairs within each set of vectors: (sets, n, d) to (sets,)."""
    n_sets, n, d = sets.shape
    total, n_directed = np.zeros((n_sets, d)), np.zeros(n_sets)
    for block in _blocks(n, _BLOCK):  # there may be very many controls
        vectors = sets[:, block].astype(np.float64)
        lengths = np.sqrt(np.einsum("snd,snd->sn", vectors, vectors))
        weights = (lengths > 0) / np.where(lengths > 0, lengths, 1)
        total += np.einsum("snd,sn->sd", vectors, weights)
        n_directed += (lengths > 0).sum(axis=1)
    return np.asarray(((total**2).sum(axis=1) - n_directed) / (n * (n - 1)))


def _mean_within(vectors: Array) -> float:
    """Mean Euclidean distance of all pairs of vectors, those of each with itself included."""
    return float(mean_distances(vectors, vectors).mean())


def _aligned_entries(
    phenomap: Entries, space: WellSpace, progress: Progress
) -> Iterator[tuple[int, Array]]:
    """Rows of the entries that have more than one well, with the vectors of their wells."""
    n_wells, ends = phenomap.n_wells, phenomap.ends
    text = f"comparing the wells of {len(n_wells):,} entries"
    row = 0
    while row < len(n_wells):
        # as many whole entries at once as a block holds, one at least
        begin = ends[row] - n_wells[row]
        last = max(row + 1, int(np.searchsorted(ends, begin + _BLOCK, side="right")))
        wells = phenomap.member_wells[begin : ends[last - 1]]
        aligned = np.empty((len(wells), space.dimension), dtype=space.raw.dtype)
        for block in _blocks(len(wells), _BLOCK):  # there may be very many controls
            progress(row, len(n_wells), text)
            aligned[block] = space.aligned(wells[block])
        for entry in range(row, last):
            if entry % _REPORTED == 0:
                progress(entry, len(n_wells), text)
            if n_wells[entry] > 1:
                stop = ends[entry] - begin
                yield entry, aligned[stop - n_wells[entry] : stop]
        row = last


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))

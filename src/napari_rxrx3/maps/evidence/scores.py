"""How far each entry of a map is from the controls, and how well its wells and guides agree.

Energy distance and mean pairwise cosine are those of the EFAAR benchmarks (Celik et al. 2022;
recursionpharma/EFAAR_benchmarking). The nulls behind the p-values are our own, see docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.geometry import directions, mean_distances, sums_of
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.parallel import side_by_side
from napari_rxrx3.maps.evidence.activity import ActivityTest
from napari_rxrx3.maps.evidence.guides import guide_agreement
from napari_rxrx3.maps.evidence.kept_table import KeptTable
from napari_rxrx3.maps.evidence.p_values import SIZES, add_one_p, n_as_large, size_below
from napari_rxrx3.maps.evidence.permutation import strength_p
from napari_rxrx3.maps.evidence.plate_nulls import PlateDraws
from napari_rxrx3.maps.space import WellSpace

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["SCORES", "score_store"]

Array = np.ndarray[Any, Any]

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

_VERSION = 3
"""Of what is kept of the scores: raise it when a number is computed in another way."""

_MAX_CONTROLS = 1000
_MAX_MEASURED, _MAX_WELLS = 2000, 500
"""Of an entry, so many wells at most are held against controls, and against each other."""
_MAX_PAIRED = 128
_MIN_WELLS_OF_ENERGY = 5
_DRAWS = 400
_MANY, _DRAWS_OF_MANY = 121, 100
_BLOCK = 4096


def score_store(entries: Entries) -> KeptTable:
    """What computes and keeps the scores of all entries, indexed by key.

    Columns, NaN where there is none: strength (energy distance from the controls, for 5
    wells and more, as in the reference), effect (the same without what few wells add to it),
    strength_p, strength_cosine (mean cosine distance of the wells from the
    controls of their plates, not aligned), consistency (mean pairwise cosine of the wells),
    consistency_p, agreement (mean pairwise cosine of a gene's guides), agreement_p,
    odd_guide (name of the guide that does not act like the others), activity (normalized mean
    average precision of finding its other wells before controls of the plate), activity_p,
    activity_q, and is_active (bool: a q of at most 0.05).
    """
    return KeptTable(entries, "scores", _scored, SCORES, entries.labels.index, _VERSION)


def _scored(phenomap: Entries, progress: Progress) -> pd.DataFrame:
    space, n_wells = phenomap.open_space(progress), phenomap.n_wells
    wells: tuple[Array, Array, Array]
    test: ActivityTest
    wells, strong, agreement, test, cosine, by_chance = side_by_side(
        [  # the longest first
            lambda report: _compared_wells(phenomap, space, report),
            lambda report: strength_p(phenomap, report),
            lambda report: guide_agreement(phenomap, report),
            lambda report: ActivityTest.of(phenomap, report),
            lambda report: _cosine_strength(phenomap, space, report),
            lambda report: _consistency_by_chance(phenomap, report),
        ],
        progress,
    )
    active = test.table(progress)  # which takes all cores by itself
    to_controls, within, consistency = wells
    table = pd.DataFrame(index=phenomap.labels.index)
    table["strength"], table["effect"] = _strength(n_wells, to_controls, within)
    table["strength_p"] = strong
    table["strength_cosine"] = cosine
    table["consistency"] = consistency
    table["consistency_p"] = _consistency_p(n_wells, consistency, by_chance)
    for part in (agreement, active):
        for name in part:
            table[name] = part[name].set_axis(table.index)
    return table[list(SCORES)]


def _compared_wells(
    phenomap: Entries, space: WellSpace, progress: Progress
) -> tuple[Array, Array, Array]:
    """Wells of each entry compared with each other, and with a sample of the controls.

    Returns
    -------
    to_controls : float64 (n,)
        Twice the mean distance from the sample, less that within it.
    within, consistency : float64 (n,)
        Mean distance (0 for a single well) and mean cosine (NaN) of the wells.
    """
    n_wells, rng = phenomap.n_wells, np.random.default_rng(0)
    controls = np.flatnonzero(space.is_control)
    sample = np.sort(rng.choice(controls, min(_MAX_CONTROLS, len(controls)), replace=False))
    aligned = space.aligned(sample)
    to_controls, within = np.full(len(n_wells), np.nan), np.zeros(len(n_wells))
    consistency = np.full(len(n_wells), np.nan)
    for entries, vectors in _aligned_entries(phenomap, space, progress):
        text = f"measuring the strength of {len(n_wells):,} entries"
        sizes = n_wells[entries]
        if len(sample) > 1:
            kept = np.flatnonzero(_some_of_each(sizes, rng))
            distances = np.empty(len(kept))
            for block in _blocks(len(kept), _BLOCK):
                progress(entries.start, len(n_wells), text)
                distances[block] = mean_distances(vectors[kept[block]], aligned)
            of = np.repeat(np.arange(len(sizes)), sizes)[kept]
            to_controls[entries] = 2 * np.bincount(of, distances) / np.bincount(of)
        starts = np.cumsum(sizes) - sizes
        for size in np.unique(sizes[sizes > 1]).tolist():
            rows = np.flatnonzero(sizes == size)
            for few in _blocks(len(rows), max(1, _BLOCK // size)):
                progress(entries.start, len(n_wells), text)
                sets = vectors[starts[rows[few]][:, None] + np.arange(size)]
                consistency[entries][rows[few]] = _mean_cosine(sets)
                if size > _MAX_WELLS:
                    sets = sets[:, rng.choice(size, _MAX_WELLS, replace=False)]
                within[entries][rows[few]] = _mean_within(sets)
    if len(sample) > 1:
        to_controls -= _mean_within(aligned[None])[0]
    return to_controls, within, consistency


def _aligned_entries(
    phenomap: Entries, space: WellSpace, progress: Progress
) -> Iterator[tuple[slice, Array]]:
    """A few entries at a time, with the vectors of their wells."""
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
        yield slice(row, last), aligned
        row = last


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


def _cosine_strength(phenomap: Entries, space: WellSpace, progress: Progress) -> Array:
    """Mean cosine distance of each entry's wells from their plates' controls, before alignment."""
    text = "measuring the distance from each plate's controls"
    middles = directions(_centers_of_controls(space, progress))
    distance = np.empty(len(space))
    for block in _blocks(len(space), _BLOCK):
        progress(block.start, len(space), text)
        away = directions(space.vectors(block))
        has_direction = away.any(axis=1)
        away -= middles[space.plate[block]]
        # half the squared distance of directions: see `cosine_distances`
        distance[block] = np.where(has_direction, np.einsum("ij,ij->i", away, away) / 2, 1.0)
    has_controls = np.asarray(middles.any(axis=1))
    distance[~has_controls[space.plate]] = np.nan  # a plate without controls
    known = ~np.isnan(distance[phenomap.member_wells])
    entry = phenomap.member_entry[known]
    n = np.bincount(entry, minlength=len(phenomap.labels))
    total = np.bincount(entry, distance[phenomap.member_wells][known], len(phenomap.labels))
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _centers_of_controls(space: WellSpace, progress: Progress) -> Array:
    """Sum of each plate's controls, float64 (plates, d)."""
    centers = np.zeros((int(space.plate.max()) + 1, space.raw.shape[1]))
    controls = np.flatnonzero(space.is_control)
    for block in _blocks(len(controls), _BLOCK):
        progress(block.start, len(controls), "averaging each plate's controls")
        sums = sums_of(space.vectors(controls[block]), space.plate[controls[block]])
        centers[: len(sums)] += sums
    return centers


# -- agreement of the wells ------------------------------------------------------------------------


def _consistency_by_chance(phenomap: Entries, progress: Progress) -> dict[int, Array]:
    """Mean cosines, sorted, of sets of wells of different perturbations, by class of size."""
    space, n_wells = phenomap.space, phenomap.n_wells
    draws = PlateDraws(phenomap, space.group >= 0)
    found = {}
    for done, size in enumerate(np.unique(size_below(n_wells)[n_wells > 1]).tolist()):
        text = "comparing with sets of different perturbations"
        progress(done, len(SIZES), text)
        n = int(SIZES[size])
        sets = draws.draw(n, _DRAWS if n <= _MANY else _DRAWS_OF_MANY)
        cosines = np.empty(len(sets))
        for some in _blocks(len(sets), max(1, _BLOCK // SIZES[size])):
            progress(done, len(SIZES), text)
            part = sets[some]
            cosines[some] = _mean_cosine(
                space.aligned_in_single(part.ravel()).reshape(*part.shape, -1)
            )
        found[size] = np.sort(cosines)
    return found


def _consistency_p(n_wells: Array, consistency: Array, by_chance: dict[int, Array]) -> Array:
    p, sizes = np.full(len(n_wells), np.nan), size_below(n_wells)
    for size, null in by_chance.items():
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


def _mean_within(sets: Array) -> Array:
    """Mean Euclidean distance of all pairs within each set of vectors, those of each with itself
    included: (sets, n, d) to (sets,).
    """
    if sets.shape[1] > _MAX_PAIRED:
        return np.array([mean_distances(own, own).mean() for own in sets])
    vectors = sets - sets.mean(axis=1, keepdims=True, dtype=np.float64)
    products = vectors @ vectors.transpose(0, 2, 1)
    squares = np.einsum("sii->si", products).copy()
    products *= -2
    products += squares[:, :, None]
    products += squares[:, None, :]
    np.einsum("sii->si", products)[:] = 0
    return np.asarray(
        np.sqrt(np.maximum(products, 0, out=products), out=products).mean(axis=(1, 2))
    )


def _some_of_each(sizes: Array, rng: np.random.Generator) -> Array:
    """Which wells of entries of these numbers of wells to measure: bool (wells,)."""
    kept = np.ones(int(sizes.sum()), dtype=bool)
    ends = np.cumsum(sizes)
    for large in np.flatnonzero(sizes > _MAX_MEASURED):
        begin = ends[large] - sizes[large]
        kept[begin : ends[large]] = False
        kept[begin + rng.choice(sizes[large], _MAX_MEASURED, replace=False)] = True
    return kept


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))

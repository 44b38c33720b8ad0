"""Whether an entry is further from the controls than its wells would be if they were controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.maps.align import controls_needed
from napari_rxrx3.maps.evidence.p_values import add_one_p, n_as_large
from napari_rxrx3.maps.space import WellSpace

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["strength_p"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

_PERMUTATIONS = 400
_SPARE_ON_A_PLATE, _SPARE_IN_ALL = 16, 256
_MAX_WELLS = 2000
_BLOCK = 4096
_ROUNDING = 1e-9
"""The same wells, added in another order, differ by less than this part."""


def strength_p(phenomap: Entries, progress: Progress) -> Array:
    """p-values of the distance of each entry's average from the controls, float (n,).

    A permutation test: wells and controls of the same plates swap their labels at random. An
    alignment pulls the controls that it was fitted to together, and no other well, so it is
    fitted to one half of the controls, and the wells are compared with the other half. NaN for
    controls, and where no control can be spared.
    """
    text = f"testing the strength of {len(phenomap.labels):,} entries"
    fitted, held_out = _halves_of_controls(phenomap)
    space = phenomap.space.fitted_to(np.flatnonzero(fitted), phenomap.align, progress)
    progress(0, 0, text)
    spare = _Spare(space, held_out)
    p = np.full(len(phenomap.labels), np.nan)
    single = phenomap.n_wells == 1
    wells = phenomap.member_wells[phenomap.ends[single] - 1]
    p[single] = _of_single_wells(space, spare, wells, lambda done, n: progress(done, n, text))
    test = _PermutationTest(space, spare)
    for row, wells, vectors in _aligned_entries(phenomap, space, np.flatnonzero(~single)):
        if row % 8 == 0:
            progress(row, len(p), text)
        p[row] = test.p_value(wells, vectors)
    return p


def _aligned_entries(
    phenomap: Entries, space: WellSpace, rows: Array
) -> Iterator[tuple[int, Array, Array]]:
    """Some entries without controls, with their wells, by plate, and these wells' vectors.

    Wells of many entries are aligned at once: the rotation costs more to load than to do.
    """
    rng = np.random.default_rng(0)
    waiting: list[tuple[int, Array]] = []
    n_waiting = 0
    for row in rows.tolist():
        stop = phenomap.ends[row]
        wells = phenomap.member_wells[stop - phenomap.n_wells[row] : stop]
        if len(wells) > _MAX_WELLS:
            wells = rng.choice(wells, _MAX_WELLS, replace=False)
        if space.is_control[wells].any():
            continue
        waiting.append((row, wells[np.argsort(space.plate[wells], kind="stable")]))
        n_waiting += len(wells)
        if n_waiting >= _BLOCK:
            yield from _with_vectors(space, waiting)
            waiting, n_waiting = [], 0
    yield from _with_vectors(space, waiting)


def _with_vectors(
    space: WellSpace, entries: list[tuple[int, Array]]
) -> Iterator[tuple[int, Array, Array]]:
    if not entries:
        return
    vectors, begin = space.aligned(np.concatenate([wells for _, wells in entries])), 0
    for row, wells in entries:
        yield row, wells, vectors[begin : begin + len(wells)]
        begin += len(wells)


def _halves_of_controls(phenomap: Entries) -> tuple[Array, Array]:
    """Which wells to fit an alignment to, and which controls it then has not seen: bool (n,).

    Every other control of each plate; a batch with too few to spare keeps all for the fit.
    """
    space = phenomap.space
    controls = np.flatnonzero(space.is_control)
    shuffled = np.random.default_rng(0).permutation(controls)
    by_plate = shuffled[np.argsort(space.plate[shuffled], kind="stable")]
    fitted = np.zeros(len(space), dtype=bool)
    fitted[by_plate[::2]] = True
    n_fitted = np.bincount(space.batch[fitted], minlength=len(space.batch_names))
    fitted |= space.is_control & (n_fitted < controls_needed(phenomap.align))[space.batch]
    return fitted, space.is_control & ~fitted


class _Spare:
    """Aligned vectors of a few controls of each plate."""

    def __init__(self, space: WellSpace, held_out: Array) -> None:
        wells = np.random.default_rng(1).permutation(np.flatnonzero(held_out))
        wells = wells[np.argsort(space.plate[wells], kind="stable")]
        n_on = np.bincount(space.plate[wells], minlength=int(space.plate.max()) + 1)
        place = np.arange(len(wells)) - (np.cumsum(n_on) - n_on)[space.plate[wells]]
        wells = wells[place < _SPARE_ON_A_PLATE]
        self.n_on = np.minimum(n_on, _SPARE_ON_A_PLATE)
        self._ends = np.cumsum(self.n_on)
        self._vectors = space.aligned(wells)

    def on(self, plate: int) -> Array:
        """Vectors of the spare controls of a plate, (k, d)."""
        stop = self._ends[plate]
        return self._vectors[stop - self.n_on[plate] : stop]


def _of_single_wells(
    space: WellSpace, spare: _Spare, wells: Array, report: Callable[[int, int], None]
) -> Array:
    """Exact: a single well has only as many permutations as its plate has spare controls."""
    p = np.full(len(wells), np.nan)
    order = np.argsort(space.plate[wells], kind="stable")
    for begin in range(0, len(order), _BLOCK):
        report(begin, len(order))
        rows = order[begin : begin + _BLOCK]
        lengths = _lengths(space.aligned(wells[rows]))
        plates = space.plate[wells[rows]]
        for plate in np.unique(plates):
            null = np.sort(_lengths(spare.on(int(plate))))
            here = plates == plate
            n_as_long = n_as_large(null, lengths[here], lengths[here])
            p[rows[here]] = add_one_p(n_as_long, len(null))
    p[space.is_control[wells]] = np.nan
    return p


def _lengths(vectors: Array) -> Array:
    vectors = vectors.astype(np.float64)
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)))


def _lengths_of_sums(labels: Array, vectors: Array, observed: float) -> Array:
    """Lengths of the sums of labeled vectors (permutations,); those near one in double precision.

    Single precision, which is twice as fast, errs by less than `slack` in the squares. Of few
    vectors the products of all pairs are taken first: there are fewer of these than numbers.
    """
    (n, d), n_ways = vectors.shape, len(labels)
    if n * (d + n_ways) < d * n_ways:
        squares = np.einsum("ij,ij->i", labels @ (vectors @ vectors.T), labels)
    else:
        sums = labels @ vectors
        squares = np.einsum("ij,ij->i", sums, sums)
    lengths: Array = np.sqrt(np.maximum(squares, 0), dtype=np.float64)
    n_labeled, longest = float(labels[0].sum()), float(_lengths(vectors).max())
    slack = (n + d) * 2.0**-23 * (n_labeled * longest) ** 2
    near = np.abs(squares - observed**2) <= slack
    lengths[near] = _lengths(labels[near].astype(np.float64) @ vectors)
    return lengths


class _PermutationTest:
    """Compares the length of the average of some wells with that of permuted ones."""

    def __init__(self, space: WellSpace, spare: _Spare) -> None:
        self._space, self._spare = space, spare
        self._labels: dict[tuple[tuple[int, int], ...], Array] = {}

    def p_value(self, wells: Array, vectors: Array) -> float:
        """Of wells in the order of their plates, and their vectors (n, d)."""
        space, spare = self._space, self._spare
        plates, begin, n_wells = np.unique(
            space.plate[wells], return_index=True, return_counts=True
        )
        # few of each plate, if there are many plates: more would cost time and tell no more
        most = max(2, _SPARE_IN_ALL // len(plates))
        n_spare = np.minimum(spare.n_on[plates], most)
        pattern = tuple(zip(n_wells.tolist(), n_spare.tolist(), strict=True))
        if not n_spare.any():
            return np.nan
        parts = []
        for plate, start, n in zip(plates.tolist(), begin, n_wells, strict=True):
            parts += [vectors[start : start + n], spare.on(plate)[:most]]
        observed = float(np.linalg.norm(vectors.sum(axis=0, dtype=np.float64)))
        null = _lengths_of_sums(self._permuted(pattern), np.concatenate(parts), observed)
        n_as_far = int((null >= observed * (1 - _ROUNDING)).sum())
        return float(add_one_p(np.array(n_as_far), _PERMUTATIONS))

    def _permuted(self, pattern: tuple[tuple[int, int], ...]) -> Array:
        """Which wells are labeled as the entry's, float32 (permutations, wells).

        Many entries have the same numbers of wells and controls on their plates.
        """
        if pattern not in self._labels:
            rng = np.random.default_rng(2)
            parts = []
            for n, n_controls in pattern:
                order = np.argsort(rng.random((_PERMUTATIONS, n + n_controls)), axis=1)
                parts.append((order < n).astype(np.float32))
            if len(self._labels) >= 32:
                self._labels.clear()
            self._labels[pattern] = np.concatenate(parts, axis=1)
        return self._labels[pattern]

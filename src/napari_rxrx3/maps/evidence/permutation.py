"""Whether an entry is further from the controls than its wells would be if they were controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.evidence.against_controls import AgainstControls, SomeControls
from napari_rxrx3.maps.evidence.held_out import halves_of_controls
from napari_rxrx3.maps.evidence.p_values import add_one_p, n_as_large
from napari_rxrx3.maps.space import WellSpace

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["strength_p"]

Array = np.ndarray[Any, Any]

_PERMUTATIONS = 400
_SPARE = SomeControls(of_plate=16, of_few=256, at_least=2, in_all=256)
_MAX_WELLS = 2000
_BLOCK = 4096


def strength_p(phenomap: Entries, progress: Progress) -> Array:
    """p-values of the distance of each entry's average from the controls, float (n,).

    A permutation test: wells and controls of the same plates swap their labels at random. An
    alignment pulls the controls that it was fitted to together, and no other well, so it is
    fitted to one half of the controls, and the wells are compared with the other half. NaN for
    controls, and where no control can be spared.
    """
    text = f"testing the strength of {len(phenomap.labels):,} entries"
    space, held_out = halves_of_controls(phenomap, progress)
    progress(0, 0, text)
    against = AgainstControls(
        space.plate,
        held_out,
        space.aligned_in_single,
        _SPARE,
        lambda done, n: progress(done, n, text),
    )
    p = np.full(len(phenomap.labels), np.nan)
    has_spare = np.zeros(int(space.plate.max()) + 1, dtype=bool)
    has_spare[space.plate[held_out]] = True
    single = phenomap.n_wells == 1
    wells = phenomap.member_wells[phenomap.ends[single] - 1]
    p[single] = _of_single_wells(space, against, wells, lambda done, n: progress(done, n, text))
    for rows, members in _some_entries(phenomap, space, has_spare, np.flatnonzero(~single)):
        for some, together in against.together(rows, members):

            def tell(row: int = int(some[0])) -> None:
                progress(row, len(p), text)

            n_as_far = together.n_as_far(0, _PERMUTATIONS, tell, centered=False)
            p[some] = add_one_p(n_as_far, _PERMUTATIONS)
    return p


def _some_entries(
    phenomap: Entries, space: WellSpace, has_spare: Array, rows: Array
) -> Iterator[tuple[Array, list[Array]]]:
    """Some entries without controls, on plates with spare ones, and their wells by plate."""
    rng = np.random.default_rng(0)
    entries: list[int] = []
    waiting: list[Array] = []
    n_waiting = 0
    for row in rows.tolist():
        stop = phenomap.ends[row]
        wells = phenomap.member_wells[stop - phenomap.n_wells[row] : stop]
        if len(wells) > _MAX_WELLS:
            wells = rng.choice(wells, _MAX_WELLS, replace=False)
        if space.is_control[wells].any() or not has_spare[space.plate[wells]].any():
            continue
        entries.append(row)
        waiting.append(wells[np.argsort(space.plate[wells], kind="stable")])
        n_waiting += len(wells)
        if n_waiting >= _BLOCK:
            yield np.array(entries), waiting
            entries, waiting, n_waiting = [], [], 0
    if entries:
        yield np.array(entries), waiting


def _of_single_wells(
    space: WellSpace, against: AgainstControls, wells: Array, report: Any
) -> Array:
    """Exact: a single well has only as many permutations as its plate has spare controls."""
    p = np.full(len(wells), np.nan)
    order = np.argsort(space.plate[wells], kind="stable")
    for begin in range(0, len(order), _BLOCK):
        report(begin, len(order))
        rows = order[begin : begin + _BLOCK]
        lengths = _lengths(space.aligned_in_single(wells[rows]))
        plates = space.plate[wells[rows]]
        for plate in np.unique(plates):
            null = np.sort(_lengths(against.on(int(plate))))
            here = plates == plate
            n_as_long = n_as_large(null, lengths[here], lengths[here])
            p[rows[here]] = add_one_p(n_as_long, len(null))
    p[space.is_control[wells]] = np.nan
    return p


def _lengths(vectors: Array) -> Array:
    vectors = vectors.astype(np.float64)
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)))

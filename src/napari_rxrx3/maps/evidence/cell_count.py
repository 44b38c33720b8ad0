"""How much of a likeness is cell count: the part along the direction that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_rxrx3.core.progress import Progress, silent

if TYPE_CHECKING:
    from napari_rxrx3.maps.neighbors import Neighbor
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.space import WellSpace

__all__ = [
    "LEAST_WELLS",
    "NO_CHANGE",
    "CountSlopes",
    "count_slopes",
    "partial_cosine",
    "with_cell_count",
]

Array = np.ndarray[Any, Any]

LEAST_WELLS = 48
"""From fewer wells whose nuclei are counted no direction is told."""

NO_CHANGE = "vectors do not change with cell count"
"""How a `count_note` begins that says so."""

_LEAST_FOR_CHANCE = 12.0
"""Variance that the count explains, in parts of what a random number would on average: by chance
it is as large once in a thousand at most, which is when all vectors lie along one line."""


@dataclass(frozen=True, eq=False)
class CountSlopes:
    """What the regression of vectors on cell counts rests on.

    Attributes
    ----------
    products : float64 (d,)
        Sum over wells of the logarithm of the count times the vector, both less the mean of the
        controls of the plate: it points where vectors go when there are more cells.
    log : float (n,)
        That logarithm of each well of the space; NaN of wells that are not used.
    squares, spread : float
        Sums of the squares of the logarithms and of the vectors.
    means : dict of int to float64 (d,)
        Mean of the counted controls by number of the plate.
    """

    products: Array
    log: Array
    squares: float
    spread: float
    means: dict[int, Array]

    @property
    def n_wells(self) -> int:
        return int(np.isfinite(self.log).sum())

    @property
    def explained(self) -> float:
        """Share of the variance of the vectors around controls that the count explains."""
        whole = self.squares * self.spread
        return float(self.products @ self.products) / whole if whole > 0 else 0.0

    @property
    def is_chance(self) -> bool:
        """The count explains no more than a random number might."""
        return self.n_wells * self.explained < _LEAST_FOR_CHANCE

    def products_of(self, space: WellSpace, wells: Array) -> Array:
        """The part of `products` that comes from some wells of the space: float64 (d,)."""
        used = wells[np.isfinite(self.log[wells])]
        if not len(used):
            return np.zeros_like(self.products)
        means = np.array([self.means[plate] for plate in space.plate[used].tolist()])
        part: Array = self.log[used] @ (space.aligned(used).astype(np.float64) - means)
        return part


def count_slopes(
    space: WellSpace, counts: Array, progress: Progress | None = None
) -> CountSlopes | None:
    """Regress vectors on the number of cells.

    Of each well the mean of the counted controls of its plate is subtracted, from its aligned
    vector and from the logarithm of its count plus one; then the vectors are regressed on that
    logarithm, through the origin.

    Parameters
    ----------
    counts : float (wells,)
        Nuclei of each well of the data set; NaN where they are not known.
    progress : callable, optional
        Called with (done, total, text) in plates; may raise to stop.

    Returns
    -------
    CountSlopes or None
        None if fewer than 48 wells are counted on plates with counted controls, or all are alike.
    """
    report = progress or silent
    logs = np.log1p(counts[space.positions])
    known = np.isfinite(logs)
    plates = np.intersect1d(space.plate[known], space.plate[known & space.is_control])
    log, means = np.full(len(space), np.nan), {}
    products, spread = np.zeros(space.dimension), 0.0
    for done, plate in enumerate(plates.tolist()):
        report(done, len(plates), "telling what goes with cell count")
        wells = np.flatnonzero((space.plate == plate) & known)
        is_control = space.is_control[wells]
        vectors = space.aligned(wells).astype(np.float64)
        means[plate] = vectors[is_control].mean(axis=0)
        vectors -= means[plate]
        log[wells] = logs[wells] - logs[wells][is_control].mean()
        products += log[wells] @ vectors
        spread += float((vectors**2).sum())
    squares = float(np.nansum(log**2))
    slopes = CountSlopes(products, log, squares, spread, means)
    return slopes if slopes.n_wells >= LEAST_WELLS and squares > 0 else None


def partial_cosine(one: Array, other: Array, direction: Array) -> float:
    """Cosine of two vectors after a direction was removed from both.

    That is their partial correlation without centering: with the cosines r of the three,
    (r12 - r1d r2d) / sqrt((1 - r1d^2)(1 - r2d^2)).

    Parameters
    ----------
    one, other : (d,)
    direction : float64 (d,)
        Of length 1.

    Returns
    -------
    float
        NaN if nothing is left of one of them.
    """
    parts = []
    for vector in (np.asarray(one, np.float64), np.asarray(other, np.float64)):
        rest = vector - (vector @ direction) * direction
        length = np.linalg.norm(rest)
        if length <= 1e-9 * np.linalg.norm(vector):
            return float("nan")
        parts.append(rest / length)
    return float(parts[0] @ parts[1])


def with_cell_count(
    phenomap: PhenoMap,
    key: str,
    neighbors: Sequence[Neighbor],
    counts: Array,
    progress: Progress | None = None,
) -> list[Neighbor]:
    """A list with the part of each likeness to an entry that goes with cell count.

    The direction of cell count is told by all counted wells but those of the two entries: what
    they look like must not pass for it.

    Parameters
    ----------
    key : str
        Of the entry that was asked for.
    counts : float (wells,)
        Nuclei of each well of the data set; NaN where they are not known.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Returns
    -------
    list of Neighbor
        With `of_count`, the product of the cosines of both with that direction, which is the part
        of their own cosine that lies along it, and `without_count`, their cosine after it was
        removed from both. NaN where nuclei of either were not counted; `count_note` says so.
    """
    if not np.isfinite(counts).any():
        return [replace(each, count_note="no nuclei are counted") for each in neighbors]
    query = phenomap.row(key)
    if not _is_counted(phenomap, query, counts):
        note = _not_counted(key)
        return [replace(each, count_note=note) for each in neighbors]
    space = phenomap.open_space(progress)
    slopes = _slopes_of(phenomap, space, counts, progress)
    if slopes is None:
        note = f"it takes {LEAST_WELLS} counted wells on plates with counted controls"
        return [replace(each, count_note=note) for each in neighbors]
    if slopes.is_chance:
        note = f"{NO_CHANGE}, as far as {slopes.n_wells:,} wells tell"
        return [replace(each, count_note=note) for each in neighbors]
    rest = slopes.products - _products_of(phenomap, space, slopes, query)
    told = []
    for each in neighbors:
        row = phenomap.row(each.key)
        if not _is_counted(phenomap, row, counts):
            told.append(replace(each, count_note=_not_counted(each.key)))
            continue
        direction = rest - _products_of(phenomap, space, slopes, row)
        length = np.linalg.norm(direction)
        told.append(_told(each, phenomap.vectors[[query, row]], direction / max(length, 1e-300)))
    return told


_kept: WeakKeyDictionary[PhenoMap, tuple[Array, CountSlopes | None]] = WeakKeyDictionary()
"""Of each map that is in use: it takes seconds where many plates are counted."""


def _slopes_of(
    phenomap: PhenoMap, space: WellSpace, counts: Array, progress: Progress | None
) -> CountSlopes | None:
    kept = _kept.get(phenomap)
    if kept is None or kept[0] is not counts:
        kept = _kept[phenomap] = counts, count_slopes(space, counts, progress)
    return kept[1]


def _told(neighbor: Neighbor, pair: Array, direction: Array) -> Neighbor:
    """A neighbor with the parts of its likeness: `pair` are the two vectors, (2, d)."""
    one, other = pair.astype(np.float64)
    along = (one @ direction) * (other @ direction)
    of_count = float(along / (np.linalg.norm(one) * np.linalg.norm(other)))
    without = partial_cosine(one, other, direction)
    return replace(neighbor, without_count=without, of_count=of_count, count_note="")


def _products_of(phenomap: PhenoMap, space: WellSpace, slopes: CountSlopes, row: int) -> Array:
    positions = phenomap.positions_of(row)
    wells = np.searchsorted(space.positions, positions).clip(0, len(space) - 1)
    return slopes.products_of(space, wells[space.positions[wells] == positions])


def _is_counted(phenomap: PhenoMap, row: int, counts: Array) -> bool:
    return bool(np.isfinite(counts[phenomap.positions_of(row)]).any())


def _not_counted(key: str) -> str:
    return f"the nuclei of {key} are not counted"

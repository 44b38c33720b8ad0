"""What the place of a well on its plate does to its vector.

A layout that is the same on all plates, as that of RxRx3's gene plates, repeats the place of a
perturbation with each of its replicates: what the place does then looks like what the perturbation
does. Nothing here is in the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_rxrx3.core.geometry import sums_of
from napari_rxrx3.core.plate import N_COLUMNS, N_POSITIONS, N_ROWS, RXRX3_LAYOUT, Layout

__all__ = [
    "TERMS",
    "PlateLayout",
    "PositionEffect",
    "centered_by",
    "fit_position",
    "trend_of_wells",
]

Array = np.ndarray[Any, Any]
Report = Callable[[int, int], None]

TERMS = {"row": (0, 1), "column": (2, 3), "edge": (4,), "position": (0, 1, 2, 3, 4)}
"""Columns of `PlateLayout.terms` that describe each, the last all of it."""

_BLOCK = 32768
_EDGE = 2
"""Wells from the side of a plate of 1536 that count as the edge: 4.5 mm, one well of others."""
_SINGULAR = 1e-9


@dataclass(frozen=True)
class PlateLayout:
    """The part of the plates that a screen uses: its first and last row and column.

    RxRx3 leaves the outermost ones of a plate empty. So many rows and columns count as the `edge`.
    """

    rows: tuple[int, int] = (1, N_ROWS - 2)
    columns: tuple[int, int] = (1, N_COLUMNS - 2)
    edge: int = _EDGE

    @classmethod
    def of(cls, place: Array, layout: Layout = RXRX3_LAYOUT) -> PlateLayout:
        """What all wells of a screen use; a few wells do not tell, and stand for a usual screen.

        That is one of RxRx3, or on smaller plates one that uses all of them.
        """
        row, column = np.divmod(place, N_COLUMNS)
        rows, columns = (int(row.min()), int(row.max())), (int(column.min()), int(column.max()))
        tells = rows[1] - rows[0] >= layout.rows / 2 and columns[1] - columns[0] >= (
            layout.columns / 2
        )
        if layout == RXRX3_LAYOUT:
            return cls(rows, columns) if tells else cls()
        if not tells:
            rows, columns = (0, layout.rows - 1), (0, layout.columns - 1)
        return cls(rows, columns, 1)

    def is_edge(self, place: Array) -> Array:
        """Which positions are in the outermost rows or columns that are used: bool (n,)."""
        row, column = np.divmod(place, N_COLUMNS)
        from_sides = (
            row - self.rows[0],
            self.rows[1] - row,
            column - self.columns[0],
            self.columns[1] - column,
        )
        return np.asarray(np.minimum.reduce(from_sides) < self.edge)

    def terms(self, place: Array) -> Array:
        """Float64 (n, 5): row, its square, column, its square (-1 to 1), and whether an edge."""
        row, column = np.divmod(place, N_COLUMNS)
        y, x = _scaled(row, self.rows), _scaled(column, self.columns)
        return np.stack([y, y**2, x, x**2, self.is_edge(place)], axis=1).astype(np.float64)


@dataclass(frozen=True, eq=False)
class PositionEffect:
    """What each position of a plate adds to a vector, float64 (positions, d).

    `by_controls` says how far the controls alone decided it, from 0 to 1.
    """

    of_place: Array
    by_controls: float

    def subtracted(self, vectors: Array, place: Array) -> Array:
        """Vectors (n, d) of some positions (n,) without it, in their precision."""
        return np.asarray((vectors - self.of_place[place]).astype(vectors.dtype, copy=False))


def trend_of_wells(
    read: Callable[[slice], Array],
    place: Array,
    plate: Array,
    layout: PlateLayout,
    dimension: int,
    report: Report = lambda done, total: None,
) -> Array:
    """How vectors change with `PlateLayout.terms` within plates, by least squares: (5, d).

    Of what the wells do not tell apart, the smallest trend is taken.

    Parameters
    ----------
    read : callable
        Gives the vectors of a piece of the wells.
    place, plate : int (n,)
    """
    terms = centered_by(layout.terms(place), plate)
    products = np.zeros((terms.shape[1], dimension))
    near: Array | None = None
    for start in range(0, len(place), _BLOCK):
        report(start, len(place))
        part = slice(start, min(start + _BLOCK, len(place)))
        vectors = read(part)
        if near is None:  # a large number in common would cost digits
            near = vectors.mean(axis=0, dtype=np.float64)
        products += terms[part].T @ (vectors - near)
    return np.asarray(_inverse(terms) @ products)


def fit_position(
    controls: Array, place: Array, plate: Array, layout: PlateLayout, of_wells: Array
) -> PositionEffect:
    """The effect of the position that controls and all other wells tell, one for all plates.

    The trend over the perturbed wells is known well, but where strong effects lie in one part of
    the plates it is theirs. That over the controls cannot be, but they are few. So the first is
    taken as far as the second does not contradict it by more than its own error (James and Stein
    1961, term by term; features in units of their deviation within plates).

    Parameters
    ----------
    controls : float (n, d)
    place, plate : int (n,)
    of_wells : float (5, d)
        `trend_of_wells` of the perturbed wells; zeros if there are none.
    """
    terms = centered_by(layout.terms(place), plate)
    centered = centered_by(controls, plate)
    inverse = _inverse(terms)
    of_controls = inverse @ (terms.T @ centered)
    n_free = max(len(controls) - len(np.unique(plate)) - terms.shape[1], 1)
    variances = np.square(centered - terms @ of_controls).sum(axis=0) / n_free
    scaled = np.square(of_controls - of_wells) / np.where(variances > 0, variances, np.inf)
    apart, error = scaled.sum(axis=1), np.diag(inverse) * (variances > 0).sum()
    weight = np.where(apart > error, 1 - error / np.where(apart > 0, apart, 1), 0.0)
    trend = of_wells + weight[:, None] * (of_controls - of_wells)
    everywhere = layout.terms(np.arange(N_POSITIONS))
    outside = np.clip(everywhere, -1, 1)  # no well is there, and no parabola may run away
    return PositionEffect(outside @ trend, float(weight.mean()))


def _inverse(terms: Array) -> Array:
    return np.asarray(np.linalg.pinv(terms.T @ terms, rcond=_SINGULAR, hermitian=True))


def centered_by(values: Array, group: Array) -> Array:
    """Values (n, d) less the mean of their group (n,), float64."""
    return np.asarray(values - _means_by(values, group)[group])


def _means_by(values: Array, group: Array) -> Array:
    """Float64 (groups, d)."""
    sums = np.zeros((int(group.max()) + 1, values.shape[1]))
    for start in range(0, len(group), _BLOCK):
        part = slice(start, start + _BLOCK)
        added = sums_of(values[part], group[part])
        sums[: len(added)] += added
    return np.asarray(sums / np.maximum(np.bincount(group), 1)[:, None])


def _scaled(numbers: Array, limits: tuple[int, int]) -> Array:
    """From -1 at the first to 1 at the last."""
    low, high = limits
    return np.asarray((2 * numbers - low - high) / max(high - low, 1))

"""One plate as a grid of wells: what is listed where, which wells are chosen, a well in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_rxrx3.core.perturbation import (
    CONTROL_MEANING,
    CONTROL_NAME,
    CRISPR_CONTROL,
    EMPTY_CONTROL,
    is_blinded,
)
from napari_rxrx3.core.plate import N_COLUMNS, N_POSITIONS, N_ROWS, RXRX3_LAYOUT, Layout

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "VECTORS_NOT_READ",
    "WELL_TYPES",
    "PlateGrid",
    "PlateView",
    "WellSelection",
    "WellState",
    "describe_well",
]

WELL_TYPES: dict[str, str] = {
    EMPTY_CONTROL: "EMPTY_control",
    CRISPR_CONTROL: "CRISPR_control",
    "positive_control": "positive control",
    "cutting_control": "cutting control",
    "guide": "guide",
    "compound": "compound",
}
"""What each well type is called on screen, in the order of a legend."""


VECTORS_NOT_READ = "vectors not read yet"
"""What is said instead of whether a well has an embedding, until that is known."""


class WellState(IntEnum):
    """What there is of a well on disk."""

    EMPTY = 0
    """No well is listed at this position."""
    COMPLETE = 1
    NO_IMAGE = 2
    NO_EMBEDDING = 3
    NEITHER = 4
    FAILED = 5
    """Listed with an image that could not be read; only known once somebody tried."""


@dataclass(frozen=True, eq=False)
class PlateView:
    """The positions of one plate, row by row (position = row * 48 + column, see `core.plate`).

    Attributes
    ----------
    rows : ndarray of int, shape (1536,)
        Row number in the table of wells, or -1 where no well is listed.
    states : ndarray of uint8, shape (1536,)
        A `WellState` a position; never FAILED.
    layout : Layout
        How far the plate goes.
    """

    rows: NDArray[np.intp]
    states: NDArray[np.uint8]
    layout: Layout = RXRX3_LAYOUT

    @classmethod
    def from_wells(cls, wells: pd.DataFrame, layout: Layout = RXRX3_LAYOUT) -> PlateView:
        """Lay out the wells of one plate (rows of ``Dataset.known_wells``).

        As long as it is not known which wells have an embedding, none counts as lacking it.
        """
        positions = (wells["row"] * N_COLUMNS + wells["column"]).to_numpy(np.intp)
        rows = np.full(N_POSITIONS, -1, np.intp)
        rows[positions] = np.arange(len(wells))
        states = np.zeros(N_POSITIONS, np.uint8)
        has_embedding = wells.get("has_embedding")  # not there: it is not known yet
        known = np.ones(len(wells), bool) if has_embedding is None else has_embedding.to_numpy(bool)
        states[positions] = _states(wells["has_image"].to_numpy(bool), known)
        rows.flags.writeable = states.flags.writeable = False
        return cls(rows, states, layout)

    @classmethod
    def empty(cls) -> PlateView:
        """Return a plate on which no well is listed."""
        return cls(np.full(N_POSITIONS, -1, np.intp), np.zeros(N_POSITIONS, np.uint8))

    @cached_property
    def listed(self) -> NDArray[np.intp]:
        """Positions that have a well, in reading order."""
        return np.flatnonzero(self.rows >= 0)

    def is_listed(self, position: int) -> bool:
        return 0 <= position < N_POSITIONS and bool(self.rows[position] >= 0)

    def only_listed(self, positions: Collection[int]) -> frozenset[int]:
        return frozenset(int(p) for p in positions if self.is_listed(int(p)))

    def step(self, position: int, d_row: int, d_column: int) -> int:
        """Return the next listed well in a direction, or `position` if there is none."""
        row, column = divmod(position, N_COLUMNS)
        while True:
            row, column = row + d_row, column + d_column
            if not (0 <= row < N_ROWS and 0 <= column < N_COLUMNS):
                return position
            if self.is_listed(row * N_COLUMNS + column):
                return row * N_COLUMNS + column

    def rectangle(self, corner: int, opposite: int) -> frozenset[int]:
        """Return the listed wells of the rectangle between two positions, both included."""
        (row, column), (row_2, column_2) = divmod(corner, N_COLUMNS), divmod(opposite, N_COLUMNS)
        row, row_2 = sorted((row, row_2))
        column, column_2 = sorted((column, column_2))
        inside = np.zeros((N_ROWS, N_COLUMNS), bool)
        inside[row : row_2 + 1, column : column_2 + 1] = True
        return frozenset(np.flatnonzero(inside.ravel() & (self.rows >= 0)).tolist())


class WellSelection:
    """The wells that a user has chosen on one plate.

    The current well is the one that is looked at; the selection always holds it. To go somewhere
    moves the current well. To extend, toggle or select leaves it where it is as long as it is
    among the selected.

    Attributes
    ----------
    current : int or None
    wells : frozenset of int
        The selected positions, all of them listed.
    """

    def __init__(self, view: PlateView) -> None:
        self.view = view
        self.current: int | None = None
        self.wells: frozenset[int] = frozenset()
        # Corners of the last rectangle: where it began, and the one that moves with Shift.
        self._anchor: int | None = None
        self._lead: int | None = None

    def go(self, position: int | None) -> None:
        """Make a listed well current and the only one selected; None, or an empty one, clears."""
        self.wells = self.view.only_listed([] if position is None else [position])
        self.current = self._anchor = self._lead = next(iter(self.wells), None)

    def span(self, anchor: int, opposite: int) -> None:
        """Select the rectangle between two positions, listed or not, if there are wells in it."""
        wells = self.view.rectangle(anchor, opposite)
        if wells:
            self._anchor, self._lead = anchor, opposite
            self.select(wells)

    def extend(self, opposite: int) -> None:
        """Select the rectangle between a position and where the last one began."""
        self.span(opposite if self._anchor is None else self._anchor, opposite)

    def toggle(self, position: int) -> None:
        """Select a listed well or let go of it; the last one stays."""
        if self.view.is_listed(position):
            self._anchor = self._lead = position
            self.select(self.wells ^ {position})

    def select(self, positions: frozenset[int]) -> None:
        """Select listed wells; one of them becomes current unless the current is among them."""
        if positions:
            candidates = (self.current, self._anchor, min(positions))
            self.current = next(p for p in candidates if p is not None and p in positions)
            self.wells = positions

    def step(self, d_row: int, d_column: int, extend: bool = False) -> None:
        """Go, or extend, to the next listed well in a direction; without a start, to the first."""
        start = self._lead if extend else self.current
        if start is None:
            self.jump(0, extend)
        else:
            self._reach(self.view.step(start, d_row, d_column), extend)

    def jump(self, index: int, extend: bool = False) -> None:
        """Go, or extend, to the first (0) or the last (-1) listed well in reading order."""
        if len(self.view.listed):
            self._reach(int(self.view.listed[index]), extend)

    def _reach(self, position: int, extend: bool) -> None:
        if extend:
            self.extend(position)
        else:
            self.go(position)


@dataclass(frozen=True)
class PlateGrid:
    """Where the wells are drawn: in whole pixels, so that every well is equally sharp.

    Attributes
    ----------
    pitch : int
        Pixels from one well to the next.
    left, top : int
        Corner of the first well.
    gap : int
        Pixels between wells, right of and below each.
    """

    pitch: int
    left: int
    top: int
    gap: int
    layout: Layout = RXRX3_LAYOUT

    @classmethod
    def fit(
        cls,
        width: int,
        height: int,
        left: int,
        top: int,
        line: int,
        layout: Layout = RXRX3_LAYOUT,
    ) -> PlateGrid:
        """Center the largest plate in a box of pixels at (left, top); `line` is a line's width."""
        pitch = max(4, min(width // layout.columns, height // layout.rows))
        left += max(0, width - pitch * layout.columns) // 2
        top += max(0, height - pitch * layout.rows) // 2
        return cls(pitch, left, top, max(line, pitch // 10), layout)

    def labeled_rows(self, space: float, always: int | None = None) -> list[int]:
        """Return the rows to label where a label needs `space` pixels, one of them in any case."""
        every = next((n for n in (1, 2, 4) if n * self.pitch >= space), 8)
        return self._spaced(range(0, self.layout.rows, every), space, always)

    def labeled_columns(self, space: float, always: int | None = None) -> list[int]:
        """Return the columns to label: the first and every 2nd, 6th or 12th by number."""
        every = next((n for n in (1, 2, 6, 12) if n * self.pitch >= space), 24)
        first = [0] if (every - 1) * self.pitch >= space else []
        labeled = [*first, *range(every - 1, self.layout.columns, every)]
        return self._spaced(labeled, space, always)

    def _spaced(self, lines: Sequence[int], space: float, always: int | None) -> list[int]:
        if always is None:
            return list(lines)
        return [always, *(n for n in lines if abs(n - always) * self.pitch >= space)]

    def corner(self, position: int) -> tuple[int, int]:
        """Return the left and top pixel of a well."""
        row, column = divmod(position, N_COLUMNS)
        return self.left + column * self.pitch, self.top + row * self.pitch

    def nearest(self, x: float, y: float) -> int:
        """Return the position closest to a pixel."""
        row = min(max(int(y - self.top) // self.pitch, 0), self.layout.rows - 1)
        column = min(max(int(x - self.left) // self.pitch, 0), self.layout.columns - 1)
        return row * N_COLUMNS + column

    def at(self, x: float, y: float) -> int:
        """Return the position at a pixel, or -1 beside the plate."""
        width, height = self.pitch * self.layout.columns, self.pitch * self.layout.rows
        on_plate = 0 <= x - self.left < width and 0 <= y - self.top < height
        return self.nearest(x, y) if on_plate else -1


def describe_well(row: pd.Series[Any]) -> str:
    """Say in a few plain lines what a well is; `row` is one row of ``Dataset.known_wells``."""
    lines = [f"{row['address']}   {row.name}", _perturbation_words(row), _well_type_words(row)]
    lines += [] if row["has_image"] else ["no image on disk"]
    has_embedding = row.get("has_embedding")
    if has_embedding is None:
        lines.append(VECTORS_NOT_READ)
    elif not has_embedding:
        lines.append("no embedding")
    return "\n".join(line for line in lines if line)


def _states(has_image: NDArray[np.bool_], has_embedding: NDArray[np.bool_]) -> NDArray[np.uint8]:
    with_image = np.where(has_embedding, WellState.COMPLETE, WellState.NO_EMBEDDING)
    without = np.where(has_embedding, WellState.NO_IMAGE, WellState.NEITHER)
    return np.where(has_image, with_image, without).astype(np.uint8)


def _text(value: object) -> str:
    """Return a cell's text; missing text is NaN or None in the table."""
    return value if isinstance(value, str) else ""


def _perturbation_words(row: pd.Series[Any]) -> str:
    treatment, gene = _text(row["treatment"]), _text(row["gene"])
    if treatment in WELL_TYPES:  # a control without a name of its own: the well type says it
        return ""
    if gene:
        return _gene_words(gene, treatment)
    dose = row["concentration"]
    return treatment if isnan(dose) else f"{treatment}, {dose:g} µM"


def _gene_words(gene: str, treatment: str) -> str:
    words = f"blinded gene {gene}" if is_blinded(gene) else gene
    guide = treatment.removeprefix(f"{gene}_guide_")
    return words if treatment in ("", gene) else f"{words}, guide {guide}"


def _well_type_words(row: pd.Series[Any]) -> str:
    well_type = _text(row["well_type"])
    if not well_type:
        return "well type unknown"
    label, meaning = WELL_TYPES.get(well_type, well_type), CONTROL_MEANING.get(well_type)
    if own := _text(row.get(CONTROL_NAME)):
        return f"{own}: the control"
    return f"{label}: {meaning}" if meaning else label

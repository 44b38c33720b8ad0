"""Where the cells of a heat map are on screen: margins, zoom and place."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

__all__ = ["LEGIBLE", "Frame"]

LEGIBLE = 8.0
"""Pixels of a cell from which on the names beside it can be read."""

_LARGEST = 96.0
_NAMES_SHARE = 0.3
_TREE_SHARE, _TREE_MOST = 0.14, 54.0
_GAP = 4.0


@dataclass
class Frame:
    """The window through which a matrix of n x n square cells is seen.

    Attributes
    ----------
    width, height : float
        Pixels that there are for all of it.
    names : float
        Pixels of the longest name.
    below, beside : float
        Pixels at the bottom and at the right that are for other things.
    has_tree : bool
        Whether there is a tree above the cells.
    scale : float
        Pixels of a cell.
    x, y : float
        The cell, and part of it, at the left and upper edge of the window.
    """

    n: int
    width: float
    height: float
    names: float
    below: float
    has_tree: bool
    beside: float = 0.0
    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    @property
    def has_names(self) -> bool:
        named, bare = self._fits()
        return self.scale >= (LEGIBLE if named >= LEGIBLE else max(LEGIBLE, 1.001 * bare))

    @property
    def left(self) -> float:
        return self._margin(self.has_names, self.width)

    @property
    def bottom(self) -> float:
        """Pixels for the names below the cells."""
        return self._margin(self.has_names, self.height)

    @property
    def top(self) -> float:
        return _GAP + (min(_TREE_SHARE * self.height, _TREE_MOST) if self.has_tree else 0.0)

    @property
    def plot_width(self) -> float:
        return self._plot_width(self.has_names)

    @property
    def plot_height(self) -> float:
        return self._plot_height(self.has_names)

    @property
    def is_fitted(self) -> bool:
        return abs(self.scale - self._fitting()) < 1e-6

    def fit(self) -> None:
        """Show all cells."""
        self.scale, self.x, self.y = self._fitting(), 0.0, 0.0
        self._hold()

    def zoom(self, factor: float, at_x: float, at_y: float) -> None:
        """Make cells larger or smaller; the one at a place on screen stays there."""
        column, row = self.column_at(at_x), self.row_at(at_y)
        self.scale = min(max(self.scale * factor, self._fitting()), max(_LARGEST, self._fitting()))
        self.x = column - (at_x - self.left) / self.scale
        self.y = row - (at_y - self.top) / self.scale
        self._hold()

    def move(self, dx: float, dy: float) -> None:
        """Move the cells by so many pixels."""
        self.x -= dx / self.scale
        self.y -= dy / self.scale
        self._hold()

    def reveal(self, row: int, column: int) -> None:
        """Move the cells as little as shows one of them."""
        across, down = self.plot_width / self.scale, self.plot_height / self.scale
        self.x = min(max(self.x, column + 1 - across), float(column))
        self.y = min(max(self.y, row + 1 - down), float(row))
        self._hold()

    def resize(self, width: float, height: float, below: float, beside: float) -> None:
        """Take another size; if all cells were seen they still are."""
        was_fitted = self.is_fitted
        self.width, self.height, self.below, self.beside = width, height, below, beside
        if was_fitted or self.scale < self._fitting():
            self.fit()
        self._hold()

    def column_at(self, x: float) -> float:
        """The column, and part of it, at a place on screen."""
        return self.x + (x - self.left) / self.scale

    def row_at(self, y: float) -> float:
        return self.y + (y - self.top) / self.scale

    def cell_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Row and column of the cell at a place on screen; None beside them."""
        right, bottom = self.left + self.plot_width, self.top + self.plot_height
        if not (self.left <= x < right and self.top <= y < bottom):
            return None
        row, column = floor(self.row_at(y)), floor(self.column_at(x))
        return (row, column) if 0 <= row < self.n and 0 <= column < self.n else None

    def place(self, row: float, column: float) -> tuple[float, float]:
        """Where the upper left corner of a cell is: x and y."""
        return (
            self.left + (column - self.x) * self.scale,
            self.top + (row - self.y) * self.scale,
        )

    def shown_columns(self) -> range:
        """Columns of which at least a part is seen."""
        return self._shown(self.x, self.plot_width)

    def shown_rows(self) -> range:
        return self._shown(self.y, self.plot_height)

    def _shown(self, first: float, pixels: float) -> range:
        return range(max(floor(first), 0), min(floor(first + pixels / self.scale) + 1, self.n))

    def _margin(self, has_names: bool, side: float) -> float:
        """Pixels for names along one side, which is so long."""
        return _GAP + (min(self.names, _NAMES_SHARE * side) + _GAP) * has_names

    def _plot_height(self, has_names: bool) -> float:
        return max(self.height - self.top - self._margin(has_names, self.height) - self.below, 1.0)

    def _plot_width(self, has_names: bool) -> float:
        return max(self.width - self._margin(has_names, self.width) - _GAP - self.beside, 1.0)

    def _fits(self) -> tuple[float, float]:
        """The largest scales at which all cells are seen, with their names and without."""
        named, bare = (
            min(self._plot_width(has), self._plot_height(has)) / max(self.n, 1)
            for has in (True, False)
        )
        return named, bare

    def _fitting(self) -> float:
        """The scale at which all cells are seen, with their names if they can be read."""
        named, bare = self._fits()
        return min(named if named >= LEGIBLE else bare, _LARGEST)

    def _hold(self) -> None:
        """Keep the cells in the window; where they are smaller, beside what is beside them."""
        across, down = self.plot_width / self.scale, self.plot_height / self.scale
        middle = 0.0 if self.beside else (self.n - across) / 2
        self.x = middle if across >= self.n else min(max(self.x, 0), self.n - across)
        self.y = 0.0 if down >= self.n else min(max(self.y, 0), self.n - down)

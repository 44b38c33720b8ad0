"""Any arrangement of wells as one picture: tiles on a grid, all of one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["Mosaic", "Tile", "hatched", "in_grid"]

Plane = np.ndarray[Any, Any]

_NEARLY_AS_LARGE = 0.8
_SMALL = 32


@dataclass(frozen=True)
class Tile:
    """A well in the picture: what it is called there and its place on the grid.

    `well_id` is None where there is no such well, e.g. no control on the plate.
    """

    well_id: str | None
    label: str
    row: int = 0
    column: int = 0


@dataclass(frozen=True)
class Mosaic:
    """Tiles that are shown together, at one size and in one contrast.

    Positions are in pixels of the tiles, (y, x), from the upper left corner.
    """

    tiles: tuple[Tile, ...]
    tile_shape: tuple[int, int]

    @property
    def gap(self) -> int:
        """Pixels between two tiles."""
        return max(1, max(self.tile_shape) // 16) if len(self.tiles) > 1 else 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the whole picture."""
        rows = 1 + max((t.row for t in self.tiles), default=0)
        columns = 1 + max((t.column for t in self.tiles), default=0)
        height, width = self.tile_shape
        return rows * (height + self.gap) - self.gap, columns * (width + self.gap) - self.gap

    def origin(self, tile: Tile) -> tuple[int, int]:
        """Upper left corner of a tile."""
        height, width = self.tile_shape
        return tile.row * (height + self.gap), tile.column * (width + self.gap)

    def tile_at(self, y: float, x: float) -> Tile | None:
        """Tile under a position; None in a gap or outside."""
        height, width = self.tile_shape
        (row, below), (column, right) = divmod(y, height + self.gap), divmod(x, width + self.gap)
        if below < height and right < width:
            return self._by_place.get((int(row), int(column)))
        return None

    def tiles_between(self, top: float, left: float, bottom: float, right: float) -> list[Tile]:
        """Tiles of which something is inside a rectangle."""
        height, width = (extent + self.gap for extent in self.tile_shape)
        rows, columns = (
            range(max(0, int(low // pitch)), int(high // pitch) + 1)
            for low, high, pitch in ((top, bottom, height), (left, right, width))
        )
        if len(rows) * len(columns) > len(self.tiles):
            return [t for t in self.tiles if t.row in rows and t.column in columns]
        found = (self._by_place.get((row, column)) for row in rows for column in columns)
        return [tile for tile in found if tile is not None]

    @cached_property
    def _by_place(self) -> dict[tuple[int, int], Tile]:
        return {(tile.row, tile.column): tile for tile in self.tiles}

    def render(self, planes: Mapping[str, Plane], dtype: np.dtype[Any]) -> Plane:
        """Put one stain's planes in place.

        Parameters
        ----------
        planes : mapping of well_id to (Y, X) array
            A well that is not in it is hatched: missing is never black. A plane of another shape
            is cropped, or hatched where it ends.
        """
        alone = planes.get(self.tiles[0].well_id or "") if len(self.tiles) == 1 else None
        if alone is not None and alone.shape == self.shape and alone.dtype == dtype:
            return alone  # not copied: it has 8 MB at full resolution
        picture = np.zeros(self.shape, dtype=dtype)
        for tile in self.tiles:
            top, left = self.origin(tile)
            target = picture[top : top + self.tile_shape[0], left : left + self.tile_shape[1]]
            plane = planes.get(tile.well_id) if tile.well_id is not None else None
            if plane is None or plane.shape != self.tile_shape:
                target[:] = hatched(self.tile_shape, dtype)
            if plane is not None:
                part = plane[: self.tile_shape[0], : self.tile_shape[1]]
                target[: part.shape[0], : part.shape[1]] = part
        return picture


def in_grid(tiles: Sequence[Tile], aspect: float) -> tuple[Tile, ...]:
    """Put square tiles, in order, on a grid that shows them large.

    Parameters
    ----------
    aspect : float
        Width over height of the canvas.
    """
    n = len(tiles)
    if n == 0:
        return ()

    def tile_size(columns: int) -> float:
        return min(aspect / columns, 1 / -(-n // columns))

    largest = max(range(1, n + 1), key=tile_size)
    # a grid without a hole is easier to read, if its tiles are not much smaller
    whole = [c for c in range(1, n + 1) if n % c == 0]
    best_whole = max(whole, key=tile_size)
    enough = tile_size(best_whole) >= _NEARLY_AS_LARGE * tile_size(largest)
    columns = best_whole if enough else largest
    return tuple(replace(t, row=i // columns, column=i % columns) for i, t in enumerate(tiles))


def hatched(shape: tuple[int, int], dtype: np.dtype[Any]) -> Plane:
    """Thin diagonal lines at the brightest value, so that no contrast hides them."""
    # a small tile has one line: more of them would blind on a plate with few images
    period = max(shape) if max(shape) <= _SMALL else max(6, max(shape) // 16)
    y, x = np.ogrid[: shape[0], : shape[1]]
    lines = (y + x) % period < max(1, period // 12)
    return np.where(lines, np.iinfo(dtype).max, 0).astype(dtype)

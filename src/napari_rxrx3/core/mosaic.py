"""Any arrangement of wells as one picture: tiles on a grid, all of one size."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from napari_rxrx3.core.contrast import limits_of

__all__ = [
    "MOST_PIXELS",
    "Mosaic",
    "Tile",
    "arranged",
    "brightest",
    "cropped",
    "grid_of",
    "hatch_level",
    "hatch_lines",
    "hatched",
    "in_grid",
    "paint_hatch",
    "reduction_for",
]

Plane = np.ndarray[Any, Any]

_NEARLY_AS_LARGE = 0.8
_SMALL = 32
_HATCH = 0.3
"""Of the range of the contrast: dim, and seen on black."""
MOST_PIXELS = 1 << 24
"""Of one stain, in one picture: those of six stains of 16 bits take 200 MB."""
_BRIGHTEST_FLOAT = 1e6
"""Brighter than any image of 16 bits, and any difference of two."""
_FULL = 255.0
"""End of the contrast of differences, as long as nothing is known of it."""


@dataclass(frozen=True)
class Tile:
    """A well in the picture: what it is called there and its place on the grid.

    `well_id` is None where there is no such well, e.g. no control on the plate. `role` says what
    it is there for, if that matters: the query, a control, a neighbor.
    """

    well_id: str | None
    label: str
    row: int = 0
    column: int = 0
    role: str = ""


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
        rows, columns = grid_of(self.tiles)
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

    def render(
        self,
        planes: Mapping[str, Plane],
        dtype: np.dtype[Any],
        waiting: Collection[str] = (),
        *,
        level: float | None = None,
    ) -> Plane:
        """Put one stain's planes in place.

        Parameters
        ----------
        planes : mapping of well_id to (Y, X) array
            A well that is not in it is hatched: missing is never black. A plane of another shape
            is cropped, or hatched where it ends.
        waiting : collection of well_id
            Wells that are still being read: a dot in the middle, unless their plane is there.
        level : float, optional
            Of the hatching, see `hatch_level`; without one, it follows from the planes.
        """
        alone = planes.get(self.tiles[0].well_id or "") if len(self.tiles) == 1 else None
        if alone is not None and alone.shape == self.shape and alone.dtype == dtype:
            return alone  # not copied: it has 8 MB at full resolution
        picture = np.zeros(self.shape, dtype=dtype)
        for tile in self.tiles:
            top, left = self.origin(tile)
            target = picture[top : top + self.tile_shape[0], left : left + self.tile_shape[1]]
            plane = planes.get(tile.well_id) if tile.well_id is not None else None
            if plane is None and tile.well_id in waiting:
                target[:] = _dotted(self.tile_shape, dtype)
            if plane is not None:
                part = plane[: self.tile_shape[0], : self.tile_shape[1]]
                target[: part.shape[0], : part.shape[1]] = part
        lines = self.hatch(planes, waiting)
        if lines.size and level is None and planes:
            level = hatch_level(limits_of(list(planes.values())))
        paint_hatch(picture, lines, level)
        return picture

    def hatch(self, planes: Mapping[str, Plane], waiting: Collection[str] = ()) -> Plane:
        """Which pixels of a stain's picture are the lines of the hatching, as flat indices."""
        found = [np.empty(0, np.intp)]
        for tile in self.tiles:
            plane = planes.get(tile.well_id) if tile.well_id is not None else None
            if plane is None and tile.well_id in waiting:
                continue
            if plane is None or plane.shape != self.tile_shape:
                y, x = np.nonzero(hatch_lines(self.tile_shape))
                if plane is not None:
                    beyond = (y >= plane.shape[0]) | (x >= plane.shape[1])
                    y, x = y[beyond], x[beyond]
                top, left = self.origin(tile)
                found.append((top + y) * self.shape[1] + left + x)
        return np.concatenate(found)


def grid_of(tiles: Sequence[Tile]) -> tuple[int, int]:
    """Rows and columns that tiles take."""
    rows = 1 + max((tile.row for tile in tiles), default=0)
    return rows, 1 + max((tile.column for tile in tiles), default=0)


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
        return _tile_width(columns, -(-n // columns), aspect)

    largest = max(range(1, n + 1), key=tile_size)
    # a grid without a hole is easier to read, if its tiles are not much smaller
    whole = [c for c in range(1, n + 1) if n % c == 0]
    best_whole = max(whole, key=tile_size)
    enough = tile_size(best_whole) >= _NEARLY_AS_LARGE * tile_size(largest)
    columns = best_whole if enough else largest
    return tuple(replace(t, row=i // columns, column=i % columns) for i, t in enumerate(tiles))


def arranged(tiles: Sequence[Tile], aspect: float, *, keep: bool = False) -> tuple[Tile, ...]:
    """Put tiles where they are shown.

    Parameters
    ----------
    aspect : float
        Width over height of the canvas.
    keep : bool
        Rows and columns of the tiles mean something and stay; but rows become columns where that
        shows the tiles much larger.
    """
    if not keep or not tiles:
        return in_grid(tiles, aspect)
    top, left = min(tile.row for tile in tiles), min(tile.column for tile in tiles)
    rows, columns = (n - first for n, first in zip(grid_of(tiles), (top, left), strict=True))
    placed = (replace(t, row=t.row - top, column=t.column - left) for t in tiles)
    if _tile_width(columns, rows, aspect) > _NEARLY_AS_LARGE * _tile_width(rows, columns, aspect):
        return tuple(placed)
    return tuple(replace(tile, row=tile.column, column=tile.row) for tile in placed)


def _tile_width(columns: int, rows: int, aspect: float) -> float:
    """Of square tiles on a grid that fills a canvas of height 1."""
    return min(aspect / columns, 1 / rows)


def reduction_for(well_size: int, grid: tuple[int, int], most: int) -> int:
    """By how much the wells of several tiles are made smaller: 1, 2, 4 ...

    Parameters
    ----------
    well_size : int
        Pixels of a well in one direction.
    grid : (rows, columns)
        Of tiles.
    most : int
        Pixels that a tile may have in one direction, if all of them are not too many even so.
    """
    times = 1
    n = grid[0] * grid[1]
    while well_size // times > most or n * (well_size // times) ** 2 > MOST_PIXELS:
        times *= 2
    return times


def cropped(plane: Plane, crop: int) -> Plane:
    """The square of so many pixels in the middle of a plane, as a copy; 0: all of it.

    A plane that is not larger in one direction keeps what it has there.
    """
    if crop == 0 or (plane.shape[0] <= crop and plane.shape[1] <= crop):
        return plane
    top, left = (max(0, (extent - crop) // 2) for extent in plane.shape)
    return plane[top : top + crop, left : left + crop].copy()  # else all of it stays in memory


def hatch_level(limits: tuple[float, float]) -> float:
    """How bright hatching is in this contrast: plain to see, and dimmer than what is shown.

    Parameters
    ----------
    limits : (low, high)
        Of images, or of differences, which are around zero.
    """
    low, high = max(limits[0], 0.0) if limits[1] > 0 else limits[0], limits[1]
    return low + _HATCH * (high - low)


def hatch_lines(shape: tuple[int, int]) -> Plane:
    """Where the thin diagonal lines of a hatched tile are, as bools."""
    # a small tile has one line: more of them would blind on a plate with few images
    period = max(shape) if max(shape) <= _SMALL else max(6, max(shape) // 16)
    y, x = np.ogrid[: shape[0], : shape[1]]
    lines: Plane = (y + x) % period < max(1, period // 12)
    return lines


def hatched(shape: tuple[int, int], dtype: np.dtype[Any], level: float | None = None) -> Plane:
    """A tile of diagonal lines; see `Mosaic.render` for their level."""
    picture = np.zeros(shape, dtype)
    paint_hatch(picture, np.flatnonzero(hatch_lines(shape)), level)
    return picture


def paint_hatch(picture: Plane, lines: Plane, level: float | None = None) -> None:
    """Draw the lines of the hatching into a picture.

    Parameters
    ----------
    lines : flat indices
    """
    if lines.size:
        top = brightest(picture.dtype)
        if level is None:
            level = hatch_level((0, top if picture.dtype.kind in "iu" else _FULL))
        if picture.dtype.kind in "iu":  # no darker than the first level
            level = round(min(max(level, 1.0), top))
        picture.reshape(-1)[lines] = level


def _dotted(shape: tuple[int, int], dtype: np.dtype[Any]) -> Plane:
    plane = np.zeros(shape, dtype)
    half = max(1, max(shape) // 64)
    y, x = shape[0] // 2, shape[1] // 2
    plane[max(0, y - half) : y + half, max(0, x - half) : x + half] = brightest(dtype)
    return plane


def brightest(dtype: np.dtype[Any]) -> float:
    """The brightest pixel of a type; of floating-point numbers one that is brighter than any."""
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else _BRIGHTEST_FLOAT

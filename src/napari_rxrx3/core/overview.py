"""A whole plate as one picture: where its wells are, and the arrays they are painted into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.mosaic import brightest, hatch_level, hatched
from napari_rxrx3.core.plate import N_CHANNELS, N_COLUMNS, N_ROWS, RXRX3_LAYOUT, Layout

__all__ = ["Block", "PlateFrame", "PlatePicture", "first_of", "shrunk", "tile_size"]

Array = np.ndarray[Any, Any]

_GAP = 1 / 16
"""Between two wells, as a share of a well: a whole number of pixels at every size of tile."""


@dataclass(frozen=True)
class Block:
    """Neighboring positions of a plate: some rows of some columns."""

    rows: range
    columns: range

    @classmethod
    def whole(cls, layout: Layout = RXRX3_LAYOUT) -> Block:
        return cls(range(layout.rows), range(layout.columns))

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __contains__(self, position: int) -> bool:
        row, column = divmod(position, N_COLUMNS)
        return row in self.rows and column in self.columns

    def holds(self, other: Block) -> bool:
        """Whether all positions of another block are in this one."""
        pairs = ((self.rows, other.rows), (self.columns, other.columns))
        return not len(other) or all(
            ours.start <= theirs.start and theirs.stop <= ours.stop for ours, theirs in pairs
        )

    def positions(self) -> list[int]:
        """Positions (row * 48 + column) in reading order."""
        return [row * N_COLUMNS + column for row in self.rows for column in self.columns]

    def grown(self, by: int, layout: Layout = RXRX3_LAYOUT) -> Block:
        """The block with so many more rows and columns on each side, as far as the plate goes."""
        return Block(_within(self.rows, by, layout.rows), _within(self.columns, by, layout.columns))


def _within(indices: range, by: int, n: int) -> range:
    return range(max(0, indices.start - by), min(n, indices.stop + by))


@dataclass(frozen=True)
class PlateFrame:
    """Places of the wells, in micrometers of what the tiles show; A01 begins at (0, 0).

    Attributes
    ----------
    slot_um : float
        Width and height of what is shown of one well.
    """

    slot_um: float
    layout: Layout = RXRX3_LAYOUT

    @property
    def pitch_um(self) -> float:
        """From one well to the next."""
        return self.slot_um * (1 + _GAP)

    @property
    def size_um(self) -> tuple[float, float]:
        """Height and width of the plate."""
        gap = self.slot_um * _GAP
        rows, columns = self.layout.rows, self.layout.columns
        return rows * self.pitch_um - gap, columns * self.pitch_um - gap

    def block_in(self, center: Sequence[float], size: Sequence[float]) -> Block:
        """Positions of which something is inside a rectangle, given by center and size (y, x)."""
        extents = self.layout.rows, self.layout.columns
        rows, columns = (
            range(
                min(n, max(0, int((middle - extent / 2) // self.pitch_um))),
                max(0, min(n, int((middle + extent / 2) // self.pitch_um) + 1)),
            )
            for middle, extent, n in zip(center, size, extents, strict=True)
        )
        return Block(rows, columns)


class PlatePicture:
    """A block of a plate, one array a stain, painted well by well from any thread.

    Parameters
    ----------
    tile : int
        Pixels of a well, in both directions; a multiple of 16.
    listed : bool (1536,)
        Positions that hold a well. The others stay black; a well that was not painted yet has a
        dot in its middle, so that it cannot be taken for a dark image.
    """

    def __init__(
        self,
        block: Block,
        tile: int,
        dtype: np.dtype[Any],
        listed: Array,
        n_stains: int = N_CHANNELS,
    ) -> None:
        self.block = block
        self.tile = tile
        self._gap = int(tile * _GAP)
        pitch = tile + self._gap
        shape = (len(block.rows) * pitch, len(block.columns) * pitch)
        self.stains: tuple[Array, ...] = tuple(np.zeros(shape, dtype) for _ in range(n_stains))
        self.dirty = [False] * n_stains
        """Stains that were painted on since somebody looked."""
        self._listed = np.asarray(listed)
        self._gone = np.zeros((n_stains, N_ROWS * N_COLUMNS), bool)
        self._levels = [hatch_level((0, brightest(dtype)))] * n_stains
        self._lock = Lock()  # wells are painted while the contrast changes
        for channel in range(1, n_stains + 1):
            self._fill(channel, self._listed, self._pending)

    @cached_property
    def _pending(self) -> Array:
        dtype = self.stains[0].dtype
        tile = np.zeros((self.tile, self.tile), dtype)
        dot = slice(
            self.tile // 2 - max(1, self.tile // 64), self.tile // 2 + max(1, self.tile // 64)
        )
        tile[dot, dot] = brightest(dtype)
        return tile

    def set_contrast(self, limits: Limits) -> None:
        """Hatch what is missing as this contrast has it."""
        with self._lock:
            for channel, pair in enumerate(limits, start=1):
                level = hatch_level(pair)
                if level != self._levels[channel - 1]:
                    self._levels[channel - 1] = level
                    if self._gone[channel - 1].any():
                        self._fill(channel, self._gone[channel - 1], self._missing(channel))
                        self.dirty[channel - 1] = True

    def _missing(self, channel: int) -> Array:
        dtype = self.stains[0].dtype
        return hatched((self.tile, self.tile), dtype, self._levels[channel - 1])

    def scale_um(self, frame: PlateFrame) -> float:
        """Micrometers a pixel of `stains`."""
        return frame.slot_um / self.tile

    def origin_um(self, frame: PlateFrame) -> tuple[float, float]:
        """Place (y, x) of the upper left corner of `stains`."""
        return self.block.rows.start * frame.pitch_um, self.block.columns.start * frame.pitch_um

    def paint(self, position: int, channel: int, plane: Array | None) -> None:
        """Put in one plane (tile, tile) of a channel (from 1).

        None, or a plane of another shape, is hatched as missing.
        """
        if position not in self.block:
            return
        if plane is not None and plane.shape != (self.tile, self.tile):
            plane = None
        with self._lock:
            self._gone[channel - 1, position] = plane is None
            if plane is None:
                plane = self._missing(channel)
            elif not np.can_cast(plane.dtype, self.stains[0].dtype):
                plane = np.minimum(plane, brightest(self.stains[0].dtype))
            self._slots(channel)[self._place(position)] = plane
        self.dirty[channel - 1] = True

    def paint_all(self, channel: int, planes: Array, known: Array, missing: Array) -> None:
        """Put in all planes of a channel at once.

        Parameters
        ----------
        planes : (32, 48, n, n)
            Made as small as the tile by area mean; else by taking the nearest pixels.
        known, missing : bool (1536,)
            Which of them to take, and which wells to hatch.
        """
        rows, columns = self._corner_of(self.block)
        part = planes[rows, columns]
        known = known.reshape(N_ROWS, N_COLUMNS)[rows, columns]
        n = part.shape[-1]
        if n % self.tile:
            nearest = np.arange(self.tile) * n // self.tile
            part = part[..., nearest[:, np.newaxis], nearest]
        else:
            part = shrunk(part, n // self.tile)
        with self._lock:
            np.copyto(self._slots(channel), part, where=known[:, :, np.newaxis, np.newaxis])
            self._gone[channel - 1] |= missing
            self._fill(channel, missing, self._missing(channel))
        self.dirty[channel - 1] = True

    def take_dirty(self) -> list[int]:
        """Channels (from 1) that were painted on since the last time."""
        found = [i for i, dirty in enumerate(self.dirty) if dirty]
        for i in found:
            self.dirty[i] = False
        return [i + 1 for i in found]

    def _fill(self, channel: int, positions: Array, tile: Array) -> None:
        rows, columns = self._corner_of(self.block)
        wanted = positions & self._listed
        where = np.nonzero(wanted.reshape(N_ROWS, N_COLUMNS)[rows, columns])
        self._slots(channel)[where] = tile

    def _slots(self, channel: int) -> Array:
        """The array of a channel as (rows, columns, tile, tile), without the gaps."""
        pitch = self.tile + self._gap
        cut = self.stains[channel - 1].reshape(len(self.block.rows), pitch, -1, pitch)
        return cut.transpose(0, 2, 1, 3)[:, :, : self.tile, : self.tile]

    def _place(self, position: int) -> tuple[int, int]:
        row, column = divmod(position, N_COLUMNS)
        return row - self.block.rows.start, column - self.block.columns.start

    @staticmethod
    def _corner_of(block: Block) -> tuple[slice, slice]:
        return (
            slice(block.rows.start, block.rows.stop),
            slice(block.columns.start, block.columns.stop),
        )


def shrunk(planes: Array, times: int) -> Array:
    """Make planes (..., n, n) smaller by area mean; n is a multiple of `times`.

    Means of whole numbers are rounded.
    """
    if times == 1:
        return planes
    n = planes.shape[-1] // times
    if planes.dtype.kind == "f":
        blocks = planes.reshape(*planes.shape[:-2], n, times, n, times)
        means: Array = blocks.mean(axis=(-3, -1), dtype=np.float64).astype(planes.dtype)
        return means
    rows = planes.reshape(*planes.shape[:-2], n, times, n * times)
    # sums of slices: six times as fast as a mean over two axes
    lines: Array = rows[..., 0, :].astype(np.uint32)
    for i in range(1, times):
        lines += rows[..., i, :]
    total: Array = lines[..., ::times] + times * times // 2
    for i in range(1, times):
        total += lines[..., i::times]
    return (total // (times * times)).astype(planes.dtype)


def tile_size(on_screen: float, smallest: int, largest: int) -> int:
    """Pixels of a tile for wells that are so many points wide on screen.

    Twice, four times ... the smallest, but not more than the largest.
    """
    tile = smallest
    while tile < min(on_screen, largest):
        tile *= 2
    return min(tile, largest)


def first_of(
    jobs: Iterable[tuple[int, int]], positions: set[int], channels: set[int]
) -> list[tuple[int, int]]:
    """Sort (position, channel): what is seen first, hidden stains last, else as they are."""

    def rank(job: tuple[int, int]) -> int:
        return 2 * (job[1] not in channels) + (job[0] not in positions)

    return sorted(jobs, key=rank)

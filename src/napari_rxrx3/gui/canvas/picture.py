"""Tiles with their pixels: what the loader hands to the canvas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile, hatch_lines, hatched
from napari_rxrx3.core.stains import STAINS, Stain, in_words
from napari_rxrx3.data.images.tiles import (
    Asked,
    Plane,
    TileReader,
    cause_of,
    common_layout,
)

if TYPE_CHECKING:
    from napari_rxrx3.data.images.plane_layout import PlaneLayout

__all__ = ["Picture", "assembled", "first_picture"]


@dataclass(frozen=True)
class Picture:
    """Tiles with their pixels.

    Attributes
    ----------
    stains : (Y, X) arrays
        The mosaic of each stain.
    planes : mapping of (well id, channel) to (Y, X) array
        What could be read, as it is in the tiles.
    failures : mapping of (well id, channel) to ImageUnavailable
        What could not.
    is_first : bool
        More is to come: of one well only the first rows have been read, and `stains` end before
        the mosaic does; or some wells of several, which are `waiting`, have not been read.
    waiting : frozenset of str
        Wells of which something is still to be read.
    crop : int
        So many pixels in the middle of each well are shown; 0 for all of it.
    reduction : int
        Pixels of the well, in both directions, that make one pixel here.
    hatches : arrays of flat indices
        Which pixels of each stain are lines of the hatching.
    table : tuple of Stain
        What the stains are.
    """

    mosaic: Mosaic
    stains: tuple[Plane, ...]
    planes: dict[Asked, Plane]
    failures: dict[Asked, RxRx3Error]
    is_first: bool = False
    waiting: frozenset[str] = field(default=frozenset())
    crop: int = 0
    reduction: int = 1
    hatches: tuple[Plane, ...] = ()
    table: tuple[Stain, ...] = STAINS

    @property
    def notes(self) -> dict[str, str]:
        """What is to be said of a well: what is still to come, or which stains are not, and why."""
        notes = dict.fromkeys(self.waiting, "reading it …")
        if self.is_first and not self.waiting:
            notes[self.mosaic.tiles[0].well_id or ""] = "reading the rest of it …"
        stains: dict[str, dict[str, list[str]]] = {}
        for (well, channel), error in sorted(self.failures.items()):
            stains.setdefault(well, {}).setdefault(cause_of(error), []).append(
                self.table[channel - 1].name
            )
        return notes | {
            well: "\n".join(
                f"{in_words(names, self.table)}: {cause}" for cause, names in causes.items()
            )
            for well, causes in stains.items()
        }


def assembled(
    tiles: Sequence[Tile],
    planes: Mapping[Asked, Plane],
    failures: Mapping[Asked, RxRx3Error],
    usual: PlaneLayout,
    reader: TileReader,
    waiting: frozenset[str] = frozenset(),
) -> Picture:
    """Render the mosaics of all stains; takes too long for the GUI's thread.

    Parameters
    ----------
    usual : ((height, width), dtype)
        Of wells at full resolution, as which those of which no plane is there are drawn.
    waiting : frozenset of str
        Wells of which some plane was not read yet.
    """
    (height, width), dtype = usual
    extents = reader.extent_of(height), reader.extent_of(width)
    shape, dtype = common_layout(planes.values(), (extents, dtype))
    mosaic = Mosaic(tuple(tiles), shape)
    stains, hatches = [], []
    for channel in reader.dataset.channels:
        of_stain = {w: p for (w, c), p in planes.items() if c == channel}
        pending = {w for w in waiting if (w, channel) not in failures}
        stains.append(mosaic.render(of_stain, dtype, pending))
        hatches.append(mosaic.hatch(of_stain, pending))
    return Picture(
        mosaic,
        tuple(stains),
        dict(planes),
        dict(failures),
        is_first=bool(waiting),
        waiting=waiting,
        crop=reader.crop,
        reduction=reader.reduction,
        hatches=tuple(hatches),
        table=reader.dataset.stains,
    )


def first_picture(
    tiles: tuple[Tile, ...],
    planes: Mapping[Asked, Plane],
    prefixes: Mapping[int, Plane],
    table: tuple[Stain, ...] = STAINS,
) -> Picture:
    """The first rows of a well's planes; they are taken to be square till they are read."""
    prefixes = {channel: plane for (_, channel), plane in planes.items()} | dict(prefixes)
    shape = min((rows.shape for rows in prefixes.values()), key=prod)
    dtype = np.result_type(*{rows.dtype for rows in prefixes.values()})
    stains = tuple(
        prefixes[channel][: shape[0], : shape[1]] if channel in prefixes else hatched(shape, dtype)
        for channel in range(1, len(table) + 1)
    )
    shown = {(tiles[0].well_id or "", channel): rows for channel, rows in prefixes.items()}
    lines = np.flatnonzero(hatch_lines(shape))
    hatches = tuple(
        lines[: 0 if channel in prefixes else None] for channel in range(1, len(table) + 1)
    )
    mosaic = Mosaic(tiles, (shape[1], shape[1]))
    return Picture(mosaic, stains, shown, {}, is_first=True, hatches=hatches, table=table)

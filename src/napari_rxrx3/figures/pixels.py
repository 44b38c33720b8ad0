"""The pixels that the canvas shows, as arrays: for scripts, without any window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.core.contrast import Limits, limits_of
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile, hatch_level
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import silent
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.data.images.controls import Differences
from napari_rxrx3.data.images.tiles import (
    Asked,
    Plane,
    TileReader,
    common_layout,
    read_planes,
)
from napari_rxrx3.figures.look import blended, difference_looks, stain_looks

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = [
    "Pixels",
    "composite_of",
    "difference_image",
    "difference_pixels",
    "plate_pixels",
    "tile_pixels",
]

Planes = dict[Asked, Plane]

_USUAL = (512, 512), np.dtype(np.uint8)
_IN_A_ROW = 3


@dataclass(frozen=True, eq=False)
class Pixels:
    """Wells side by side, as an array a stain.

    Attributes
    ----------
    mosaic : Mosaic
        Which well is where.
    stains : (stains, Y, X)
        What is missing is hatched.
    failures : tuple of str
        A sentence for each plane that is not there.
    """

    mosaic: Mosaic
    stains: Plane
    failures: tuple[str, ...]


def tile_pixels(
    dataset: Dataset, tiles: Sequence[Tile], *, crop: int = 0, reduction: int = 1
) -> Pixels:
    """Read tiles as the canvas shows them.

    Parameters
    ----------
    tiles : sequence of Tile
        With their places.
    crop : int
        So many pixels in the middle of each well; 0 for all of it.
    reduction : int
        Pixels of a well, in both directions, that make one.
    """
    return _put_together(dataset, tiles, *_read(TileReader(dataset, crop, reduction), tiles))


def difference_pixels(
    dataset: Dataset, tiles: Sequence[Tile], *, crop: int = 0, reduction: int = 1
) -> Pixels:
    """Subtract from each well the mean of up to 16 EMPTY_controls of its plate.

    Parameters
    ----------
    crop, reduction : int
        As for `tile_pixels`. Of tiles of more than 1024 pixels, half as many or fewer are left.

    Returns
    -------
    Pixels
        float32. A well without a control to compare with is hatched.
    """
    planes, failures = _read(TileReader(dataset, crop, reduction), tiles)
    found = Differences(dataset, planes, silent, crop=crop, reduction=reduction)
    differences = {
        (well, channel): plane
        for channel in dataset.channels
        for well, plane in found.of_stain(channel).items()
    }
    return _put_together(dataset, tiles, differences, failures)


def plate_pixels(dataset: Dataset, experiment: str, plate: int) -> Pixels:
    """All wells of a plate with images, 64 x 64 pixels each, at their places.

    See `Dataset.preview` for what is shown of large images.
    """
    table = dataset.wells_of_plate(PlateId(experiment, plate))
    table = table[table["has_image"]]
    places = zip(table.index, table["address"], table["row"], table["column"], strict=True)
    tiles = [Tile(str(w), str(address), int(r), int(c)) for w, address, r, c in places]
    read = read_planes(dataset.preview, map(str, table.index), dataset.channels)
    return _put_together(dataset, tiles, *_sorted_out(read))


def composite_of(
    stains: Sequence[Plane] | Plane,
    limits: Limits,
    visible: Sequence[bool] | None = None,
    *,
    alone: int | None = None,
    gamma: Sequence[float] | None = None,
    table: Sequence[Stain] = STAINS,
) -> Plane:
    """Add up the stains as the canvas does.

    Parameters
    ----------
    visible : sequence of bool, optional
        All of them if None.
    alone : int, optional
        Only this stain (from 1), in gray.
    table : sequence of Stain
        ``Dataset.stains``, for data that are not RxRx3.

    Returns
    -------
    numpy.ndarray
        uint8 (Y, X, 3).
    """
    shown = visible if alone is None else [stain.number == alone for stain in table]
    looks = stain_looks(limits, shown=shown, gamma=gamma, in_gray=alone, stains=table)
    return blended(list(stains), looks)


def difference_image(
    stains: Sequence[Plane] | Plane, limits: Limits, table: Sequence[Stain] = STAINS
) -> Plane:
    """The differences of the stains, three in a row: orange is brighter than the controls.

    Parameters
    ----------
    limits : (low, high) each
        Contrast limits of the images, from which those of differences follow.

    Returns
    -------
    numpy.ndarray
        uint8 (Y, X, 3).
    """
    looks = difference_looks(limits, table)
    pictures = [blended([p], [look]) for p, look in zip(stains, looks, strict=True)]
    n_columns = min(_IN_A_ROW, len(pictures))
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % n_columns)
    starts = range(0, len(pictures), n_columns)
    return np.vstack([np.hstack(pictures[at : at + n_columns]) for at in starts])


def _read(reader: TileReader, tiles: Sequence[Tile]) -> tuple[Planes, tuple[str, ...]]:
    wells = (tile.well_id for tile in tiles if tile.well_id is not None)
    return _sorted_out(reader.read_all(wells))


def _sorted_out(
    read: Iterable[tuple[Asked, Plane | RxRx3Error]],
) -> tuple[Planes, tuple[str, ...]]:
    """What could be read, and a sentence for each plane that is not there."""
    planes: Planes = {}
    failures = []
    for asked, plane in read:
        if isinstance(plane, RxRx3Error):
            failures.append(str(plane))
        else:
            planes[asked] = plane
    return planes, tuple(failures)


def _put_together(
    dataset: Dataset, tiles: Sequence[Tile], planes: Planes, failures: tuple[str, ...]
) -> Pixels:
    shape, dtype = common_layout(planes.values(), _USUAL)
    mosaic = Mosaic(tuple(tiles), shape)
    stains = []
    for stain in dataset.stains:
        of_stain = {w: p for (w, c), p in planes.items() if c == stain.number}
        known = list((of_stain or planes).values())  # those of other stains are of like brightness
        level = hatch_level(limits_of(known)) if known else None
        stains.append(mosaic.render(of_stain, dtype, level=level))
    return Pixels(mosaic, np.stack(stains), failures)

"""The pixels that the canvas shows, as arrays: for scripts, without any window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile
from napari_rxrx3.core.plate import N_CHANNELS, PlateId
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.data.images.controls import ControlMeans
from napari_rxrx3.data.images.decode import shrink
from napari_rxrx3.data.images.tiles import read_tile
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.figures.look import blended, difference_looks, stain_looks

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = [
    "Pixels",
    "composite_of",
    "difference_image",
    "difference_pixels",
    "plate_pixels",
    "tile_pixels",
]

Plane = np.ndarray[Any, Any]
Planes = dict[tuple[str, int], Plane]

_LARGEST = 1024
_USUAL = (512, 512), np.dtype(np.uint8)


@dataclass(frozen=True)
class Pixels:
    """Wells side by side, as six arrays.

    Attributes
    ----------
    mosaic : Mosaic
        Which well is where.
    stains : (6, Y, X)
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
        Pixels of a well, in both directions, that make one; without a crop.
    """
    read = partial(read_tile, dataset, crop=crop, reduction=reduction)
    return _put_together(tiles, *_read_all((tile.well_id for tile in tiles), read))


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
    planes, failures = _read_all(
        (tile.well_id for tile in tiles),
        partial(read_tile, dataset, crop=crop, reduction=reduction),
    )
    times = 1
    while max((max(plane.shape) for plane in planes.values()), default=0) // times > _LARGEST:
        times *= 2
    means = ControlMeans(dataset)
    differences: Planes = {}
    for (well, channel), plane in planes.items():
        less = shrink(plane, len(plane) // times) if times > 1 else plane
        plate = dataset.well(well).plate_id
        of_plate = means.get(plate, _unheard, crop=crop, reduction=reduction * times)
        difference = of_plate.stains[channel - 1].difference(well, less)
        if difference is not None:
            differences[well, channel] = difference
    return _put_together(tiles, differences, failures)


def plate_pixels(dataset: Dataset, experiment: str, plate: int) -> Pixels:
    """All wells of a plate with images, 64 x 64 pixels each, at their places.

    See `Dataset.preview` for what is shown of large images.
    """
    table = dataset.wells_of_plate(PlateId(experiment, plate))
    table = table[table["has_image"]]
    places = zip(table.index, table["address"], table["row"], table["column"], strict=True)
    tiles = [Tile(str(w), str(address), int(r), int(c)) for w, address, r, c in places]
    return _put_together(tiles, *_read_all((tile.well_id for tile in tiles), dataset.preview))


def composite_of(
    stains: Sequence[Plane] | Plane,
    limits: Limits,
    visible: Sequence[bool] = (True,) * N_CHANNELS,
    *,
    alone: int | None = None,
    gamma: Sequence[float] = (1.0,) * N_CHANNELS,
) -> Plane:
    """Add up the stains as the canvas does.

    Parameters
    ----------
    alone : int, optional
        Only this stain (1..6), in gray.

    Returns
    -------
    numpy.ndarray
        uint8 (Y, X, 3).
    """
    shown = visible if alone is None else [stain.number == alone for stain in STAINS]
    looks = stain_looks(limits, shown=shown, gamma=gamma, in_gray=alone)
    return blended(list(stains), looks)


def difference_image(stains: Sequence[Plane] | Plane, limits: Limits) -> Plane:
    """The differences of six stains, three in a row: orange is brighter than the controls.

    Parameters
    ----------
    limits : six (low, high)
        Contrast limits of the images, from which those of differences follow.

    Returns
    -------
    numpy.ndarray
        uint8 (Y, X, 3).
    """
    looks = difference_looks(limits)
    pictures = [blended([p], [look]) for p, look in zip(stains, looks, strict=True)]
    return np.vstack([np.hstack(pictures[:3]), np.hstack(pictures[3:])])


def _read_all(
    wells: Iterable[str | None], read: Callable[[str, int], Plane]
) -> tuple[Planes, tuple[str, ...]]:
    """All planes of wells, and a sentence for each that is not there."""

    def try_to_read(asked: tuple[str, int]) -> Plane | RxRx3Error:
        try:
            return read(*asked)
        except RxRx3Error as error:
            return error

    there = [well for well in dict.fromkeys(wells) if well is not None]
    asked = [(well, stain.number) for well in there for stain in STAINS]
    found = dict(zip(asked, in_threads(try_to_read, asked), strict=True))
    failures = tuple(str(error) for error in found.values() if isinstance(error, RxRx3Error))
    return {a: plane for a, plane in found.items() if isinstance(plane, np.ndarray)}, failures


def _put_together(tiles: Sequence[Tile], planes: Planes, failures: tuple[str, ...]) -> Pixels:
    shape, dtype = _USUAL
    if planes:
        shape = max(((p.shape[0], p.shape[1]) for p in planes.values()), key=prod)
        dtype = np.result_type(*{plane.dtype for plane in planes.values()})
    mosaic = Mosaic(tuple(tiles), shape)
    stains = [
        mosaic.render({w: p for (w, c), p in planes.items() if c == stain.number}, dtype)
        for stain in STAINS
    ]
    return Pixels(mosaic, np.stack(stains), failures)


def _unheard(done: int, total: int, text: str) -> None:
    return

"""The pixels of a figure's tiles: read anew, cut, blended, and no larger than they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_rxrx3.core.difference import BRIGHTER, DARKER
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile, hatch_level, in_grid
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import count
from napari_rxrx3.data.images.controls import PlateMeans, control_means
from napari_rxrx3.data.images.tiles import TileReader, cause_of
from napari_rxrx3.figures.layout import ASPECT
from napari_rxrx3.figures.look import StainLook, blended, difference_looks, named

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.figures.record import ViewRecord

__all__ = ["DifferenceTiles", "WellTiles", "fitted", "shape_of"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, int]

_USUAL = (512, 512), np.dtype(np.uint8)


def shape_of(dataset: Dataset, tiles: Sequence[Tile], crop: int) -> tuple[Shape, np.dtype[Any]]:
    """Height, width and type of pixels that the tiles share: those of the largest images.

    Parameters
    ----------
    crop : int
        Only so many pixels in the middle of each well, if it has more; 0: the whole well.
    """
    layouts = []
    for well in dict.fromkeys(tile.well_id for tile in tiles if tile.well_id is not None):
        try:
            layouts.append(dataset.images.layout(dataset.well(well)))
        except RxRx3Error:
            continue  # its tile will say so
    if not layouts:
        (height, width), dtype = _USUAL
    else:
        height, width = max((shape for shape, _ in layouts), key=prod)
        dtype = np.result_type(*{dtype for _, dtype in layouts})
    return ((min(height, crop), min(width, crop)) if crop else (height, width)), dtype


class WellTiles:
    """Draws each well in the looks of its stains."""

    words = ""

    def __init__(
        self, dataset: Dataset, record: ViewRecord, looks: Sequence[StainLook], progress: object
    ) -> None:
        self._reader, self.tiles = TileReader(dataset, record.crop), record.tiles
        self._looks = [look for look in looks if look.is_shown]
        self.shape, self._dtype = shape_of(dataset, record.tiles, record.crop)
        self.legend = tuple((look.stain.name, look.color) for look in self._looks)

    def draw(self, index: int) -> tuple[Array, dict[int, str]]:
        """One tile, and by channel why a stain that is shown is hatched in its color.

        Returns
        -------
        picture : uint8 (Y, X, 3)
        failures : mapping of channel to cause
        """
        well_id = self.tiles[index].well_id
        wanted = [look.stain.number for look in self._looks]
        read = self._reader.read_all([well_id] if well_id is not None else [], wanted)
        found = {channel: plane for (_, channel), plane in read}
        failures = {c: cause_of(e) for c, e in found.items() if isinstance(e, RxRx3Error)}
        mosaic = Mosaic((Tile(well_id, ""),), self.shape)
        planes = []
        for look in self._looks:
            plane = found.get(look.stain.number)
            here = {well_id or "": plane} if isinstance(plane, np.ndarray) else {}
            level = hatch_level(look.limits)
            planes.append(mosaic.render(here, self._dtype, level=level))
        return blended(planes, self._looks), failures


def fitted(picture: Array, shape: Shape) -> Array:
    """A picture of this many pixels: area means where it gets smaller, else mixed linearly."""
    if picture.shape[:2] == shape:
        return picture
    height, width = shape
    is_smaller = height < picture.shape[0]
    kind = Image.Resampling.BOX if is_smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(picture).resize((width, height), kind))


RGB = tuple[float, float, float]

_FLOAT = np.dtype(np.float32)


class DifferenceTiles:
    """Draws a row of stains for each well; the stains of a single well are on a grid."""

    legend: tuple[tuple[str, RGB], ...] = (
        ("brighter than the controls", BRIGHTER),
        ("darker", DARKER),
    )

    def __init__(
        self, dataset: Dataset, record: ViewRecord, looks: list[StainLook], progress: Progress
    ) -> None:
        self._dataset, self._progress = dataset, progress
        self._reader = TileReader(dataset, record.crop)
        self._means: PlateMeans | None = None
        self._n_controls: set[int] = set()
        self.shape, _ = shape_of(dataset, record.tiles, record.crop)
        of_differences = difference_looks(
            tuple(look.limits for look in looks), [look.stain for look in looks]
        )
        self._looks = [
            other for look, other in zip(looks, of_differences, strict=True) if look.is_shown
        ]
        self.tiles = _by_stain(record.tiles, self._looks)

    @property
    def words(self) -> str:
        """What the tiles show, as far as they have been drawn."""
        low, high = min(self._n_controls, default=0), max(self._n_controls, default=0)
        n = count(high, "control") if low == high else f"{low} to {high} controls"
        ranges = "; ".join(f"{named(look.stain)} ±{look.limits[1]:g}" for look in self._looks)
        return (
            f"Difference to the mean of {n} of the same plate, for display only; "
            f"black is no difference. Full color at: {ranges}"
        )

    def draw(self, index: int) -> tuple[Array, dict[int, str]]:
        """One tile, uint8 (Y, X, 3), and by channel why it is hatched."""
        tile, look = self.tiles[index], self._looks[index % len(self._looks)]
        number, why = look.stain.number, ""
        planes = {}
        if tile.well_id is not None:
            try:
                planes[tile.well_id] = self._difference(tile.well_id, number)
            except RxRx3Error as error:
                why = cause_of(error)
        mosaic = Mosaic((replace(tile, row=0, column=0),), self.shape)
        plane = mosaic.render(planes, _FLOAT, level=hatch_level(look.limits))
        picture = blended([plane], [look])
        return picture, {number: why} if why else {}

    def _difference(self, well_id: str, channel: int) -> Array:
        means = self._means_for(well_id)
        plane = self._reader.read(well_id, channel)
        difference = means.stains[channel - 1].difference(well_id, plane)
        if difference is None:
            raise RxRx3Error(means.why or "no control can be compared with it")
        n = len(means.stains[channel - 1].wells - {well_id})
        self._n_controls.add(n)
        return difference

    def _means_for(self, well_id: str) -> PlateMeans:
        plate, crop = self._dataset.well(well_id).plate_id, self._reader.crop
        if self._means is None or self._means.plate != plate:  # however little may be kept
            self._means = control_means(self._dataset, plate, self._progress, crop=crop)
        return self._means


def _by_stain(tiles: tuple[Tile, ...], looks: list[StainLook]) -> tuple[Tile, ...]:
    if len(tiles) == 1:
        return in_grid([replace(tiles[0], label=look.stain.name) for look in looks], ASPECT)
    return tuple(
        replace(tile, label=f"{tile.label}\n{look.stain.name}", row=row, column=column)
        for row, tile in enumerate(tiles)
        for column, look in enumerate(looks)
    )

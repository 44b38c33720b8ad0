"""The pixels of a figure's tiles: read anew, cut, blended, and no larger than they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.data.pixels.tiles import read_tile
from napari_rxrx3.figures.look import StainLook, blended

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset
    from napari_rxrx3.figures.record import ViewRecord

__all__ = ["WellTiles", "fitted", "shape_of"]

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
        self._dataset, self._crop, self.tiles = dataset, record.crop, record.tiles
        self._looks = [look for look in looks if look.is_shown]
        self.shape, self._dtype = shape_of(dataset, record.tiles, record.crop)
        self.legend = tuple((look.stain.name, look.color) for look in self._looks)

    def draw(self, index: int) -> tuple[Array, dict[int, str]]:
        """One tile, and by channel (1..6) why a stain that is shown is hatched in its color.

        Returns
        -------
        picture : uint8 (Y, X, 3)
        failures : mapping of channel to cause
        """
        well_id = self.tiles[index].well_id
        wanted = [look.stain.number for look in self._looks] if well_id is not None else []
        read = in_threads(lambda channel: self._plane(well_id or "", channel), wanted)
        found = dict(zip(wanted, read, strict=True))
        failures = {c: e.cause for c, e in found.items() if isinstance(e, ImageUnavailable)}
        mosaic = Mosaic((Tile(well_id, ""),), self.shape)
        planes = []
        for look in self._looks:
            plane = found.get(look.stain.number)
            here = {well_id or "": plane} if isinstance(plane, np.ndarray) else {}
            planes.append(mosaic.render(here, self._dtype))
        return blended(planes, self._looks), failures

    def _plane(self, well_id: str, channel: int) -> Array | ImageUnavailable:
        try:
            return read_tile(self._dataset, well_id, channel, crop=self._crop)
        except ImageUnavailable as error:
            return error
        except RxRx3Error as error:
            return ImageUnavailable(well_id, channel, self._dataset.root, str(error), missing=True)


def fitted(picture: Array, shape: Shape) -> Array:
    """A picture of this many pixels: area means where it gets smaller, else mixed linearly."""
    if picture.shape[:2] == shape:
        return picture
    height, width = shape
    is_smaller = height < picture.shape[0]
    kind = Image.Resampling.BOX if is_smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(picture).resize((width, height), kind))

"""The one reader of tiles: planes of wells as they are put into a picture."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import Cancelled, ImageUnavailable, RxRx3Error
from napari_rxrx3.core.mosaic import cropped
from napari_rxrx3.data.parallel import in_threads

if TYPE_CHECKING:
    from napari_rxrx3.data.images.plane_layout import PlaneLayout
    from napari_rxrx3.data.welldata import WellData

__all__ = [
    "Asked",
    "Plane",
    "TileReader",
    "cause_of",
    "common_layout",
    "prefix_or_plane",
    "read_planes",
    "reduced",
    "well_size",
]

Plane = np.ndarray[Any, Any]
Asked = tuple[str, int]
"""Well and channel (from 1)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TileReader:
    """Reads the planes of a data set as they are put into one picture.

    Attributes
    ----------
    crop : int
        So many pixels in the middle of each well, at full resolution; 0 for all of it.
    reduction : int
        A pixel is the mean of so many in both directions.
    """

    dataset: WellData
    crop: int = 0
    reduction: int = 1

    def extent_of(self, extent: int) -> int:
        """Pixels that so many of a well become."""
        shown = min(self.crop, extent) if self.crop else extent
        return max(1, shown // self.reduction)

    def read(self, well_id: str, channel: int) -> Plane:
        """One channel (from 1) of a well; not to be written to.

        Raises
        ------
        UnknownWell, ImageUnavailable
            The latter for whatever goes wrong: nobody is left waiting.
        """
        try:
            return self._plane(well_id, channel)
        except RxRx3Error:
            raise
        except Exception as error:
            _log.exception("channel %d of %s cannot be read", channel, well_id)
            cause = f"unexpected {type(error).__name__}: {error}"
            raise ImageUnavailable(well_id, channel, self.dataset.root, cause) from error

    def read_all(
        self, well_ids: Iterable[str], channels: Sequence[int] | None = None
    ) -> Iterator[tuple[Asked, Plane | RxRx3Error]]:
        """Read wells as `read_planes` does, in all channels if none are named."""
        return read_planes(self.read, well_ids, channels or self.dataset.channels)

    def _plane(self, well_id: str, channel: int) -> Plane:
        dataset = self.dataset
        if self.crop or self.reduction == 1:
            return reduced(cropped(dataset.plane(well_id, channel), self.crop), self.reduction)
        if not dataset.is_decoded(well_id, channel):
            well = dataset.well(well_id)
            form = dataset.images.preview_form(well.plate_id, well)
            if form is not None and form.is_square and form.well_size >= self.reduction:
                return dataset.plane(well_id, channel, form.well_size // self.reduction)
        return reduced(dataset.plane(well_id, channel), self.reduction)


def read_planes(
    read: Callable[[str, int], Plane],
    well_ids: Iterable[str],
    channels: Sequence[int],
) -> Iterator[tuple[Asked, Plane | RxRx3Error]]:
    """Read planes in threads, or why they are not there, in the order of wells and channels.

    Leaving the loop early cancels the rest.
    """

    def try_to_read(asked: Asked) -> Plane | RxRx3Error:
        try:
            return read(*asked)
        except Cancelled:
            raise
        except RxRx3Error as error:
            return error

    asked = [(well_id, channel) for well_id in dict.fromkeys(well_ids) for channel in channels]
    yield from zip(asked, in_threads(try_to_read, asked), strict=True)


def prefix_or_plane(dataset: WellData, well_id: str, channel: int) -> Plane:
    """What is enough to measure how bright a plane is: of large images, their first rows.

    Raises
    ------
    UnknownWell, ImageUnavailable
    """
    prefix = dataset.prefix(well_id, channel)
    return dataset.plane(well_id, channel) if prefix is None else prefix


def reduced(plane: Plane, times: int) -> Plane:
    """A plane of which a pixel is the mean of `times` in both directions."""
    from napari_rxrx3.data.images.decode import shrink_to  # loads codecs

    height, width = (max(1, extent // times) for extent in plane.shape)
    return plane if times == 1 else shrink_to(plane, (height, width))


def common_layout(planes: Iterable[Plane], usual: PlaneLayout) -> PlaneLayout:
    """Shape and type of tiles that these planes can share: those of the largest ones."""
    known = list(planes)
    if not known:
        return usual
    shape = max(((plane.shape[0], plane.shape[1]) for plane in known), key=prod)
    return shape, np.result_type(*{plane.dtype for plane in known})


def cause_of(error: RxRx3Error) -> str:
    """Why there is no plane, without the words on which one that is."""
    return error.cause if isinstance(error, ImageUnavailable) else str(error)


def well_size(dataset: WellData, well_ids: Iterable[str]) -> int:
    """Pixels, in one direction, of the largest images on the plates of wells; 0 if unknown."""
    sizes = [0]
    wells = map(dataset.well, _known(dataset, well_ids))
    for plate, well in {well.plate_id: well for well in wells}.items():
        form = dataset.images.preview_form(plate, well)
        if form is not None:
            sizes.append(form.well_size)
    return max(sizes)


def _known(dataset: WellData, well_ids: Iterable[str]) -> Iterable[str]:
    for well_id in well_ids:
        try:
            dataset.well(well_id)
        except RxRx3Error:
            continue
        yield well_id

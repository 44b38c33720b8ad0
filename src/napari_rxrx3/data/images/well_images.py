"""The images of a data set by well: single planes, all of them, and small views of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from napari_rxrx3.core.display import PIXEL_SIZES_UM, display
from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error, UnknownWell
from napari_rxrx3.core.histograms import Levels
from napari_rxrx3.core.plate import (
    N_CHANNELS,
    Layout,
    PlateId,
    WellId,
    parse_well_id,
)
from napari_rxrx3.core.stains import Stain
from napari_rxrx3.data.images.catalog import ImageCatalog
from napari_rxrx3.data.images.plane_layout import PlaneLayout, most_common, odd_layout
from napari_rxrx3.data.parallel import Threads
from napari_rxrx3.data.thumbnails.plate_thumbnails import PlateThumbnails, ThumbnailShelf
from napari_rxrx3.data.wells.well_list import WellList

if TYPE_CHECKING:  # takes as long to load as all else, and opening need not wait for it
    import dask.array as da

__all__ = ["PIECE_UM", "WellImages", "WellPiece"]

Plane = np.ndarray[Any, Any]
ReadPlane = Callable[[int], Plane]
"""Gives one channel (from 1) of a well."""
Locate = Callable[[int], str]
"""Says where one is."""

_readers = Threads(max(N_CHANNELS, os.cpu_count() or 1), "rxrx3-read")

PIECE_UM = 166.4
"""Width in micrometers of the piece of a well that shows what its cells look like."""


class WellPiece(NamedTuple):
    """A square part of a well.

    Attributes
    ----------
    span : int
        Its side, in pixels of the well's image.
    place : {"top", "middle"}
    """

    span: int
    place: str


class WellImages:
    """Reads the images of wells that are asked for by the ids of a table of wells."""

    def __init__(self, images: ImageCatalog, listed: WellList, shelf: ThumbnailShelf) -> None:
        self.images = images
        self.listed = listed
        self._shelf = shelf
        self._of_field = {images.field: (images, shelf)}

    @property
    def layout(self) -> Layout:
        """Rows and columns of the plates."""
        return self.images.plate_layout

    @property
    def pixel_size_um(self) -> float | None:
        """Width of a pixel in micrometers, if the images tell, or ``napari-rxrx3.toml`` does."""
        return self.images.pixel_um

    @property
    def drawn_pixel_um(self) -> float:
        """Width of a pixel in micrometers in windows, figures, files and pieces of wells.

        As the data set tells it; of one that does not, as it is preferred.
        """
        told, (low, high) = self.pixel_size_um, PIXEL_SIZES_UM
        return told if told is not None and low <= told <= high else display.pixel_size_um

    @property
    def stains(self) -> tuple[Stain, ...]:
        """What the channels are, in their order: names, numbers from 1, colors."""
        return self.images.stains

    @property
    def channels(self) -> range:
        """Their numbers, from 1."""
        return self.images.numbers

    @property
    def fields(self) -> range:
        """Numbers of the images, fields or sites, that a well has of each channel: from 1.

        Of RxRx1, RxRx2 and RxRx19 they are the sites, of each well in their order.
        """
        return range(1, self.images.n_fields + 1)

    @property
    def field(self) -> int:
        """The one that everything is read of where no other is asked for, from 1."""
        return self.images.field

    def show_field(self, field: int) -> None:
        """Read another field from now on, for whoever asks for none.

        Raises
        ------
        RxRx3Error
            If no well has it.
        """
        images, shelf = self._at_field(field)
        if images is not self.images:
            self.images, self._shelf = images, shelf
            images.stamps.note_others()

    def at_field(self, field: int) -> Self:
        """The same data set, but what is read of it is another field.

        Raises
        ------
        RxRx3Error
            If no well has it.
        """
        return self if field == self.field else self._with(*self._at_field(field))

    def held(self) -> Self:
        """The same data set, which stays at this field when another one is shown."""
        return self._with(self.images, self._shelf)

    def _with(self, images: ImageCatalog, shelf: ThumbnailShelf) -> Self:
        other = object.__new__(type(self))  # a copy would be opened again
        vars(other).update(vars(self))
        other.images, other._shelf = images, shelf
        return other

    def _at_field(self, field: int | None) -> tuple[ImageCatalog, ThumbnailShelf]:
        if field is None or field == self.field:
            return self.images, self._shelf
        if field not in self._of_field:
            if field not in self.fields:
                there = f"there {'are' if len(self.fields) > 1 else 'is'} 1"
                there += f" to {len(self.fields)}" if len(self.fields) > 1 else " alone"
                raise RxRx3Error(f"There is no field {field}; {there}.")
            images = self.images.at_field(field)
            self._of_field[field] = images, self._shelf.of_images(images)
        return self._of_field[field]

    def well(self, well_id: str) -> WellId:
        """Place of a well.

        Raises
        ------
        UnknownWell
            If neither the metadata nor any container of images knows it.
        """
        position = self.listed.position_of(well_id)
        if position is not None:
            return self.listed.place(position)
        try:
            well = parse_well_id(well_id)
        except ValueError:
            raise UnknownWell(well_id) from None
        images, plate = self.images, well.plate_id
        if plate in images.plates and images.is_seen(plate) and any(images.channels(well)):
            return well
        raise UnknownWell(well_id)

    def plane(
        self, well_id: str, channel: int, size: int | None = None, field: int | None = None
    ) -> Plane:
        """One channel (from 1) of a well: (Y, X), or a (size, size) thumbnail. Read-only.

        Parameters
        ----------
        field : int, optional
            Of several fields another one than `field`.

        Raises
        ------
        UnknownWell, ImageUnavailable
        RxRx3Error
            If no well has this field.
        """
        images, _ = self._at_field(field)
        try:
            return images.plane(self.well(well_id), channel, size)
        except ImageUnavailable as error:
            raise _named(error, well_id) from error

    def fetch(self, well_ids: Iterable[str]) -> list[Future[None]]:
        """Have servers send the images of some wells, see `ImageCatalog.fetch`."""
        wells = []
        for well_id in dict.fromkeys(well_ids):
            with suppress(UnknownWell):  # who reads it says so
                wells.append(self.well(well_id))
        return self.images.fetch(wells)

    def is_decoded(self, well_id: str, channel: int) -> bool:
        """Whether `plane` answers at once; raises UnknownWell."""
        return self.images.is_decoded(self.well(well_id), channel)

    def is_as_read(self, well_id: str, channel: int) -> bool:
        """Whether a plane that was read is still what its file holds; raises UnknownWell."""
        return self.images.is_as_read(self.well(well_id), channel)

    def prefix(self, well_id: str, channel: int) -> Plane | None:
        """The first 192 rows of a large PNG, read from the first part of its file.

        None for other images: nothing less than the whole of them can be had sooner.

        Raises
        ------
        UnknownWell, ImageUnavailable
        """
        try:
            return self.images.prefix(self.well(well_id), channel)
        except ImageUnavailable as error:
            raise _named(error, well_id) from error

    def levels(self, well_id: str, channel: int) -> Levels:
        """How often each gray level occurs in a channel (from 1) of a well.

        The whole image is read and not kept, so that many wells may be counted.

        Raises
        ------
        UnknownWell, ImageUnavailable
        """
        try:
            return self.images.levels(self.well(well_id), channel)
        except ImageUnavailable as error:
            raise _named(error, well_id) from error

    def counts(self, well_id: str, channel: int) -> Plane:
        """How often each of `levels` occurs, by the name that scripts of before know it by."""
        return self.levels(well_id, channel).counts

    def preview(self, well_id: str, channel: int) -> Plane:
        """The quickest honest view of a channel (from 1) of a well, (64, 64), native dtype.

        A well of less than 768 pixels is shown whole, by area mean, or by the level of 64 pixels
        that a JPEG 2000 holds. Of a larger one the piece of 192 x 192 pixels at its top middle is
        shown, made smaller by 3; see `preview_width`. Read-only.

        Raises
        ------
        UnknownWell, ImageUnavailable
        """
        well = self.well(well_id)
        thumbnails = self._shelf.loaded(well.plate_id)
        if thumbnails is not None:
            plane = thumbnails.preview(well.position, channel)
            if plane is not None:
                return plane
        try:
            plane = self.images.preview(well, channel)
        except ImageUnavailable as error:
            raise _named(error, well_id) from error
        if thumbnails is not None:
            thumbnails.add(well.position, channel, plane)
        return plane

    def glimpse(self, well_id: str, channel: int) -> Plane:
        """`preview`, by the name that scripts of before know it by."""
        return self.preview(well_id, channel)

    def piece(self, well_id: str, channel: int, size: int, whole: bool = False) -> Plane:
        """A channel (from 1) of a well, to be looked at closely at (size, size) pixels.

        By default that is a piece of `PIECE_UM`, or of two pixels of the image for each pixel
        shown if that is less: in the middle of the well, or of images whose first rows are had
        sooner than the rest, at the top. `piece_of_well` says which. Made smaller by area mean of
        what has as many pixels or more, never enlarged: where the image has fewer, so has this.
        Native dtype, read-only.

        Parameters
        ----------
        whole : bool
            Show the whole well instead.

        Raises
        ------
        UnknownWell, ImageUnavailable
        """
        well = self.well(well_id)
        try:
            if not whole:
                return self.images.piece(well, channel, self._span(size), size)
            form = self.images.preview_form(well.plate_id, well)
            most = form.well_size if form is not None else size
            return self.images.plane(well, channel, min(size, most))
        except ImageUnavailable as error:
            raise _named(error, well_id) from error

    def piece_of_well(self, well_id: str, size: int) -> WellPiece | None:
        """What `piece` shows of a well at a size; None where that is all of it, or nothing tells.

        Raises
        ------
        UnknownWell
        """
        well = self.well(well_id)
        form = self.images.preview_form(well.plate_id, well)
        span = self._span(size)
        if form is None or span >= form.well_size:
            return None
        return WellPiece(span, "top" if form.is_piece else "middle")

    def preview_width(self, well_id: str) -> int:
        """Side of the square that a preview shows, in pixels of the well; 0 if nothing tells."""
        well = self.well(well_id)
        form = self.images.preview_form(well.plate_id, well)
        return form.span if form is not None else 0

    def thumbnails_of(self, plate: PlateId) -> PlateThumbnails:
        """The previews of a plate, as far as they are known; one object for all who ask."""
        return self._shelf.get(plate)

    def image(self, well_id: str, field: int | None = None) -> da.Array:
        """The planes of a well as a lazy array (channels, Y, X), native dtype, a channel a chunk.

        Parameters
        ----------
        field : int, optional
            Of several fields another one than `field`.

        Raises
        ------
        UnknownWell
            If the data set has no such well.
        ImageUnavailable
            If not one of its channels is there; a single missing one raises when it is computed.
        """
        well, (images, _) = self.well(well_id), self._at_field(field)
        try:
            layout = images.layout(well)
        except ImageUnavailable as error:
            raise _named(error, well_id) from error
        # the field by its number: another one may be shown by the time it is computed
        read = partial(self.plane, well_id, field=images.field)
        locate = partial(self._locate, well_id, field=images.field)
        return _lazy_stack(well_id, read, locate, layout, self.channels)

    def read(self, well_id: str, field: int | None = None) -> Plane:
        """The planes of a well, (channels, Y, X), native dtype, read in parallel.

        Parameters
        ----------
        field : int, optional
            Of several fields another one than `field`.

        Raises
        ------
        UnknownWell
        ImageUnavailable
            Naming the first channel that is missing or cannot be read, its file and the cause.
        """
        read = partial(self.plane, well_id, field=field)
        return _read_stack(
            well_id, read, partial(self._locate, well_id, field=field), self.channels
        )

    def thumbnail(self, well_id: str, size: int = 64) -> Plane:
        """The planes of a well at (channels, size, size), by area mean, native dtype.

        Of an oblong image it is the middle square.

        Raises
        ------
        UnknownWell, ImageUnavailable
        """
        read = partial(self.plane, well_id, size=size)
        return _read_stack(well_id, read, partial(self._locate, well_id), self.channels)

    def _span(self, size: int) -> int:
        """Pixels of the well, on a side, of a piece that is shown at `size` pixels."""
        return max(1, min(round(PIECE_UM / self.drawn_pixel_um), 2 * size))

    def _locate(self, well_id: str, channel: int, field: int | None = None) -> str:
        return self._at_field(field)[0].locate(self.well(well_id), channel)


def _named(error: ImageUnavailable, well_id: str) -> ImageUnavailable:
    """Say the well as the table does, which need not be experiment_plate_address."""
    said = {"missing": error.missing, "may_pass": error.may_pass}
    return ImageUnavailable(well_id, error.channel, error.location, error.cause, **said)


def _read_stack(well_id: str, read: ReadPlane, locate: Locate, channels: range) -> Plane:
    """Read planes in parallel: (channels, Y, X); an odd one is an `ImageUnavailable`."""
    planes = _readers.map(read, channels)
    usual = most_common([_layout(plane) for plane in planes])
    for channel, plane in enumerate(planes, start=1):
        _require_layout(well_id, channel, plane, usual, locate)
    return np.stack(planes)


def _lazy_stack(
    well_id: str, read: ReadPlane, locate: Locate, layout: PlaneLayout, channels: range
) -> da.Array:
    """Planes of a layout that are read when they are computed: (channels, Y, X)."""
    import dask
    import dask.array as da

    checked = partial(_checked, well_id, read, locate, layout)  # which travels by plain pickle
    delayed = dask.delayed(checked, pure=False)
    return da.stack([da.from_delayed(delayed(channel), *layout) for channel in channels])


def _checked(
    well_id: str, read: ReadPlane, locate: Locate, layout: PlaneLayout, channel: int
) -> Plane:
    plane = read(channel)
    _require_layout(well_id, channel, plane, layout, locate)
    return plane


def _require_layout(
    well_id: str, channel: int, plane: Plane, usual: PlaneLayout, locate: Locate
) -> None:
    if _layout(plane) != usual:
        cause = odd_layout(_layout(plane), usual)
        raise ImageUnavailable(well_id, channel, locate(channel), cause)


def _layout(plane: Plane) -> PlaneLayout:
    return (plane.shape[0], plane.shape[1]), plane.dtype

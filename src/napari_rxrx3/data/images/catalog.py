"""All image containers of a data set as one: the bytes and pixels of any plane of any well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.errors import ContainerUnavailable, ImageUnavailable
from napari_rxrx3.core.forking import not_while_forking
from napari_rxrx3.core.histograms import Levels
from napari_rxrx3.core.plate import (
    N_COLUMNS,
    N_POSITIONS,
    RXRX3_LAYOUT,
    Layout,
    PlateId,
    WellId,
)
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.data.cache.budgets import budgets
from napari_rxrx3.data.cache.memory import LruCache
from napari_rxrx3.data.files.remote import MayPass
from napari_rxrx3.data.files.storage import files_at_once
from napari_rxrx3.data.images.change_watch import ChangeWatch, stamp_in, stamps_of
from napari_rxrx3.data.images.decode import UndecodableImage, shrink
from napari_rxrx3.data.images.faults import PlaneFault, may_pass, plain_cause
from napari_rxrx3.data.images.lazy import LazyContainer
from napari_rxrx3.data.images.plane_layout import PlaneLayout, most_common
from napari_rxrx3.data.images.planes import FileSource, ImageSource
from napari_rxrx3.data.images.plate_sources import PlateSources
from napari_rxrx3.data.images.previews import (
    PREVIEW_SIZE,
    PlaneReader,
    PrefixReader,
    PreviewForm,
    piece_of,
)
from napari_rxrx3.data.images.shards import ShardSource
from napari_rxrx3.data.images.zarr_plates import ZarrPlate
from napari_rxrx3.data.problems import Problem

__all__ = ["ImageCatalog"]

Plane = np.ndarray[Any, Any]
Result = TypeVar("Result")

_PROBED, _PROBED_WIDELY = 12, 120
"""Number of planes whose headers say what all the others of their plate are like."""


class ImageCatalog:
    """Finds, reads and decodes planes.

    A plane that several containers hold is read from the first one that can give it.

    Attributes
    ----------
    stains : tuple of Stain
        What the channels are, in their order.
    plate_layout : Layout
        Rows and columns of the plates.
    pixel_um : float or None
        Width of a pixel, if the images tell.
    field : int
        Of several images of a well the one that is read, from 1.
    memory : LruCache
        Whatever is kept of the pixels of the data set: planes, previews, thumbnails of plates and
        means of controls, together up to `budgets.memory_bytes`.
    on_decoded : callable, optional
        Called with (well, channel, plane) for each plane that was decoded whole, from whatever
        thread did it, if its preview can be made of it.
    """

    on_decoded: Callable[[WellId, int, Plane], None] | None = None

    def __init__(
        self,
        sources: list[ImageSource],
        where: str,
        is_local: bool = True,
        lazy: Sequence[LazyContainer] = (),
        stains: tuple[Stain, ...] = STAINS,
        layout: Layout = RXRX3_LAYOUT,
        pixel_um: float | None = None,
        field: int = 1,
    ) -> None:
        self._sources, self.is_local = PlateSources(sources, lazy, field), is_local
        self.stains, self.plate_layout, self.pixel_um = stains, layout, pixel_um
        self._where = where
        self.field = field
        self.memory = LruCache(budgets.memory_bytes)
        budgets.memory_changed.connect(self.memory.resize)
        self._forms: dict[PlateId, PreviewForm] = {}
        self.stamps = ChangeWatch()
        self.stamps.changed.connect(self._on_changed)
        self._prefixes: dict[str, dict[int, int | None]] = {}
        """What the first image of a container taught of how its others are read."""

    def at_field(self, field: int) -> ImageCatalog:
        """The same images, but of each well another field; they share one memory."""
        other = copy(self)
        other.field, other._forms, other.on_decoded = field, {}, None
        other._sources = self._sources.at_field(field)
        other.stamps.changed.connect(other._on_changed)
        return other

    @property
    def n_fields(self) -> int:
        """Images a well has of each channel, at most; of a server, as far as it is known by now."""
        return max([1, *(source.n_fields for source in self.sources)])

    @property
    def n_channels(self) -> int:
        return len(self.stains)

    @property
    def numbers(self) -> range:
        """Of the channels: from 1."""
        return range(1, len(self.stains) + 1)

    @property
    def sources(self) -> list[ImageSource]:
        """All containers of which it is known by now what they hold."""
        return self._sources.all

    @property
    def problems(self) -> list[Problem]:
        """What was wrong with containers that were looked into since the data set was opened."""
        return self._sources.problems

    @property
    def plates(self) -> set[PlateId]:
        """Those of which there are images, or may be."""
        return self._sources.plates

    @property
    def plates_seen(self) -> set[PlateId]:
        """Those that were looked into since the data set was opened, of a server."""
        return self._sources.plates_seen

    def is_seen(self, plate: PlateId) -> bool:
        """Whether it is known, and not only assumed, which images there are of a plate."""
        return self._sources.is_seen(plate)

    @property
    def has_windows(self) -> bool:
        """The file of some plate says contrast limits."""
        return any(self.windows_of(plate) is not None for plate in self.plates)

    def windows_of(self, plate: PlateId) -> Limits | None:
        """Contrast limits that the file of a plate says of all channels; None if it does not."""
        for source in self._sources.known_of_plate(plate):
            if isinstance(source, ZarrPlate) and source.n_channels == self.n_channels:
                said = tuple(c.window for c in source.channels if c.window is not None)
                return said if len(said) == self.n_channels else None
        return None

    def look_into(self, plate: PlateId) -> None:
        """Find out which images there are of a plate; takes its time on a server.

        All that asks for more than some wells of a plate does this first.

        Raises
        ------
        ContainerUnavailable
            The next time it is tried again.
        """
        self._sources.of_plate(plate)

    def _sources_of_well(self, well: WellId, channel: int) -> list[ImageSource]:
        """Containers of a well; of a plate that nobody has looked into, what has this well."""
        try:
            return self._sources.of_well(well, self.numbers)
        except ContainerUnavailable as error:
            where, why, may_pass = error.location, error.cause, error.may_pass
            raise ImageUnavailable(str(well), channel, where, why, may_pass=may_pass) from error

    def _reader(self, source: ImageSource) -> PlaneReader:
        if isinstance(source, ZarrPlate):
            return source
        files = cast("FileSource", source)
        return PrefixReader(files.read, self._prefixes.setdefault(source.path, {}))

    def channels(self, well: WellId) -> tuple[bool, ...]:
        """Which of the channels some container lists for this well."""
        return tuple(bool(self._candidates(well, c)) for c in self.numbers)

    def present(self, plate: PlateId) -> Plane:
        """Bool (1536, channels): the planes that some container lists for a plate."""
        found = np.zeros(N_POSITIONS * self.n_channels, dtype=bool)
        for source in self._sources.of_plate(plate):
            found[source.index.of_plate(plate, self.n_channels)[0]] = True
        planes: Plane = found.reshape(N_POSITIONS, self.n_channels)
        return planes

    def present_wells(self, plate: PlateId) -> Plane:
        """Bool (1536,): the wells of a plate of which some container lists some plane."""
        return np.asarray(self.present(plate).any(axis=1))

    def plane(self, well: WellId, channel: int, size: int | None = None) -> Plane:
        """Decode one plane, whole or as a (size, size) thumbnail; the array is read-only.

        Raises
        ------
        ImageUnavailable
            If no container has the plane, or none can give it undamaged.
        """

        def compute() -> Plane:
            if size is None:
                return _read_only(self._whole(well, channel))
            return _read_only(
                self._first_good(
                    well, channel, lambda source, row: self._reader(source).small(row, size)
                )
            )

        return self.memory.get(self._key(well, channel, size), compute)

    def plane_once(self, well: WellId, channel: int) -> Plane:
        """Like `plane`, whole, without keeping it: for who goes through all of them.

        Raises
        ------
        ImageUnavailable
        """
        known: Plane | None = self.memory.find(self._key(well, channel, None))
        return self._whole(well, channel) if known is None else known

    def _whole(self, well: WellId, channel: int) -> Plane:
        plane, has_preview = self._first_good(
            well, channel, lambda source, row: self._reader(source).whole(row)
        )
        if self.on_decoded is not None and has_preview:
            self.on_decoded(well, channel, plane)
        return plane

    def is_decoded(self, well: WellId, channel: int) -> bool:
        """Whether a whole plane is in memory."""
        if not self._sources.is_well_seen(well, self.numbers):
            return False
        return self._key(well, channel, None) in self.memory

    def is_as_read(self, well: WellId, channel: int) -> bool:
        """Whether a plane that was read is still what its file holds."""
        if not self.is_local:
            return True
        return all(self.stamps.is_same(*found) for found in self._candidates(well, channel))

    def _key(self, well: WellId, channel: int, form: int | str | None) -> tuple[object, ...]:
        """What a decoded plane is kept by: another file is another plane."""
        stamps = [self.stamps.of(*found) for found in self._candidates(well, channel)]
        return well, channel, self.field, form, *stamps

    def _on_changed(self, path: str) -> None:
        self._forms.clear()

    def prefix(self, well: WellId, channel: int) -> Plane | None:
        """The first 192 rows of a large PNG, from the first part of its file; else None.

        Raises
        ------
        ImageUnavailable
        """
        return self._first_good(well, channel, lambda source, row: self._reader(source).prefix(row))

    def fetch(self, wells: Sequence[WellId]) -> list[Future[None]]:
        """Have servers send the images of some wells, all at once: to read them takes less then.

        The first well comes first. Nobody hears here of what goes wrong, but who reads it does.
        """
        if self.is_local:
            return []
        first = [(well, channel) for well in wells[:1] for channel in self.numbers]
        # the stains of one well may lie in one piece
        rest = [(well, channel) for channel in self.numbers for well in wells[1:]]
        return [files_at_once.submit(self._fetch, plane) for plane in first + rest]

    def _fetch(self, plane: tuple[WellId, int]) -> None:
        with suppress(ImageUnavailable):
            self._first_good(*plane, lambda source, row: self._reader(source).fetch(row))

    def fetch_pieces(self, plate: PlateId, positions: Collection[int]) -> list[Future[None]]:
        """Like `fetch`, for wells of a plate whose images lie many in one piece; else nothing."""
        if self.is_local:
            return []
        futures = []
        for source in self._sources.of_plate(plate):
            if isinstance(source, ShardSource):
                codes, rows = source.index.of_plate(plate, self.n_channels)
                rows = rows[np.isin(codes // self.n_channels, list(positions))]
                fetch = partial(_fetch_piece, source)
                futures += [files_at_once.submit(fetch, piece) for piece in source.pieces(rows)]
        return futures

    def are_read_together(self, plate: PlateId) -> bool:
        """Whether to read one image of a plate is to read those beside it, as in shards."""
        return all(isinstance(source, ShardSource) for source in self._sources.of_plate(plate))

    def levels(self, well: WellId, channel: int) -> Levels:
        """How often each gray level occurs in a whole plane; the pixels are not kept.

        Raises
        ------
        ImageUnavailable
        """
        plane = self.memory.find(self._key(well, channel, None))
        if plane is None:
            plane = self._first_good(well, channel, self.decoded)
        return Levels.of(plane)

    def preview(self, well: WellId, channel: int) -> Plane:
        """The quickest honest small view of a plane, (64, 64), see `previews`; read-only.

        Raises
        ------
        ImageUnavailable
        """

        def compute() -> Plane:
            return _read_only(self._new_preview(well, channel))

        return self.memory.get(self._key(well, channel, "preview"), compute)

    def piece(self, well: WellId, channel: int, span: int, size: int) -> Plane:
        """The piece of `span` pixels of a plane at (size, size), or less where it has less.

        See `PrefixReader.piece` for its place; read-only, area means of full resolution.

        Raises
        ------
        ImageUnavailable
        """

        def shrunk() -> Plane:
            full = self.memory.get(self._key(well, channel, f"piece {span}"), cut_out)
            return _read_only(shrink(full, size)) if size < len(full) else full

        def cut_out() -> Plane:
            whole = self.memory.find(self._key(well, channel, None))
            if whole is None:
                return _read_only(self._first_good(well, channel, read))
            form = self.preview_form(well.plate_id, well)
            return _read_only(piece_of(whole, span, form is not None and form.is_piece).copy())

        def read(source: ImageSource, row: int) -> Plane:
            return self._reader(source).piece(row, span)

        return self.memory.get(self._key(well, channel, f"piece {span} at {size}"), shrunk)

    def _new_preview(self, well: WellId, channel: int) -> Plane:
        def read(source: ImageSource, row: int) -> Plane:
            return self._reader(source).preview(row)

        return self._first_good(well, channel, read)

    def new_previews(
        self,
        planes: Sequence[tuple[WellId, int]],
        reduce: Callable[[Sequence[bytes], int], list[Plane | None]],
    ) -> list[Plane | ImageUnavailable]:
        """Make previews and keep nothing; of a plane that has none, why.

        Parameters
        ----------
        planes : sequence of (well, channel)
        reduce : callable
            Decodes many JPEG 2000 to at least so many pixels.
        """
        found = [self._preview_or_file(*plane) for plane in planes]
        files = [each for each in found if isinstance(each, bytes)]
        reduced = iter(reduce(files, PREVIEW_SIZE))
        return [
            self._shrunk(next(reduced), *plane) if isinstance(each, bytes) else each
            for each, plane in zip(found, planes, strict=True)
        ]

    def _preview_or_file(self, well: WellId, channel: int) -> Plane | bytes | ImageUnavailable:
        def read(source: ImageSource, row: int) -> Plane | bytes:
            return self._reader(source).preview_or_file(row)

        try:
            return self._first_good(well, channel, read)
        except ImageUnavailable as error:
            return error

    def _shrunk(
        self, reduced: Plane | None, well: WellId, channel: int
    ) -> Plane | ImageUnavailable:
        """What could not be reduced may be decoded whole, or another copy of it may."""
        try:
            if reduced is None:
                return self._new_preview(well, channel)
            return shrink(reduced, PREVIEW_SIZE)
        except ImageUnavailable as error:
            return error

    def preview_form(self, plate: PlateId, well: WellId | None = None) -> PreviewForm | None:
        """What the previews of most wells of a plate are like; None if no header tells.

        Parameters
        ----------
        well : WellId, optional
            Tells of a plate that nobody has looked into.
        """
        if plate not in self._forms:
            if well is not None and not self.is_seen(plate):
                forms = self._forms_of(well)
            else:
                forms = self._probed_forms(plate)
            if not forms:
                return None
            self._forms[plate] = Counter(forms).most_common(1)[0][0]
        return self._forms[plate]

    def _probed_forms(self, plate: PlateId) -> list[PreviewForm]:
        """Forms of the planes that are read first, or of some from all over the plate."""
        order = self.reading_order(plate).ravel()
        listed = np.flatnonzero(order >= 0)
        listed = listed[np.argsort(order[listed])]
        forms: list[PreviewForm] = []
        for some in (listed[:_PROBED], listed[:: max(1, len(listed) // _PROBED_WIDELY)]):
            for code in some.tolist():
                position, channel = divmod(code, self.n_channels)
                well = WellId(*plate, *divmod(position, N_COLUMNS))
                with suppress(ImageUnavailable):
                    forms.append(self._first_good(well, channel + 1, self._form))
            if forms:
                break
        return forms

    def _forms_of(self, well: WellId) -> list[PreviewForm]:
        forms = []
        for channel in self.numbers:
            with suppress(ImageUnavailable):
                forms.append(self._first_good(well, channel, self._form))
        return forms

    def reading_order(self, plate: PlateId) -> Plane:
        """Int (1536, channels): numbers that rise as planes are best read, -1 for what is not."""
        order = np.full(N_POSITIONS * self.n_channels, -1, dtype=np.int64)
        for number, source in reversed(list(enumerate(self._sources.of_plate(plate)))):
            code, rows = source.index.of_plate(plate, self.n_channels)
            by_place = np.lexsort((source.index.second[rows], source.index.first[rows]))
            order[code[by_place]] = number * len(order) + np.arange(len(rows))
        return order.reshape(N_POSITIONS, self.n_channels)

    def fingerprint(self, plate: PlateId) -> str:
        """Fingerprint of the containers of a plate; raises OSError if one is not known."""
        return "|".join(source.fingerprint() for source in self._sources.of_plate(plate))

    def stamps_of(self, plate: PlateId) -> Plane:
        """Int (1536, channels): numbers that change with the files of a plate; 0: nothing tells."""
        return stamps_of(self._sources.of_plate(plate), plate, self.n_channels)

    def stamp(self, well: WellId, channel: int) -> int:
        """The one of `stamps_of` for a plane."""
        return next((stamp_in(*found) for found in self._candidates(well, channel)), 0)

    def layout(self, well: WellId) -> PlaneLayout:
        """Shape (Y, X) and dtype that most of a well's planes have, from their headers.

        Raises
        ------
        ImageUnavailable
            If no plane tells; it names the first channel.
        """
        layouts: list[PlaneLayout] = []
        failure: ImageUnavailable | None = None
        for channel in self.numbers:
            try:
                layouts.append(self._first_good(well, channel, self._layout))
            except ImageUnavailable as error:
                failure = failure or error
        if not layouts:
            assert failure is not None
            raise failure
        return most_common(layouts)

    def locate(self, well: WellId, channel: int) -> str:
        """Where a plane is or should be, for a person."""
        found = self._candidates(well, channel)
        return found[0][0].locate(found[0][1]) if found else self._where

    def decoded(self, source: ImageSource, row: int) -> Plane:
        """A plane of one container; raises OSError, UndecodableImage or ArrowException."""
        return self._reader(source).whole(row)[0]

    def _form(self, source: ImageSource, row: int) -> PreviewForm:
        return self._reader(source).form(row)

    def _layout(self, source: ImageSource, row: int) -> PlaneLayout:
        return self._reader(source).layout_of(row)

    def verify(self, source: ImageSource, row: int) -> PlaneLayout | PlaneFault:
        """Decode one plane of one container; return its layout, or what is wrong with it."""
        try:
            with not_while_forking():
                plane = self.decoded(source, row)
        except (OSError, UndecodableImage, pa.ArrowException) as error:
            return PlaneFault(plain_cause(error), may_pass(error))
        return (plane.shape[0], plane.shape[1]), plane.dtype

    def _candidates(self, well: WellId, channel: int) -> list[tuple[ImageSource, int]]:
        found = []
        for source in self._sources_of_well(well, channel):
            row = source.index.find(well, channel)
            if row is not None:
                found.append((source, row))
        return found

    def _first_good(
        self,
        well: WellId,
        channel: int,
        use: Callable[[ImageSource, int], Result],
    ) -> Result:
        failure: ImageUnavailable | None = None
        for source, row in self._candidates(well, channel):
            try:
                with not_while_forking():
                    return use(source, row)
            except (OSError, UndecodableImage, pa.ArrowException) as error:
                if failure is None:
                    place, may_pass = source.locate(row), isinstance(error, MayPass)
                    failure = ImageUnavailable(
                        str(well), channel, place, plain_cause(error), may_pass=may_pass
                    )
        raise failure or self._missing(well, channel)

    def _missing(self, well: WellId, channel: int) -> ImageUnavailable:
        holders = self._sources_of_well(well, channel)
        if not holders:
            cause = f"no images of {well.plate_id} are here"
            return ImageUnavailable(str(well), channel, self._where, cause, missing=True)
        places = ", ".join(source.path for source in holders)
        cause = "the image is missing"
        return ImageUnavailable(str(well), channel, places, cause, missing=True)


def _fetch_piece(source: ShardSource, piece: int) -> None:
    with suppress(OSError, pa.ArrowException):  # who reads an image of it says so
        source.fetch(piece)


def _read_only(plane: Plane) -> Plane:
    """Many may be given the same array."""
    plane.flags.writeable = False
    return plane

"""Plates of OME-Zarr: images that are arrays with smaller levels, read without being unpacked.

Of an image with time points the first is read; of one with several planes in depth the middle one:
a maximum would be the brighter the more planes there are. Of several fields the first one is read,
unless another is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.plate import N_COLUMNS, Layout, PlateId
from napari_rxrx3.core.stains import MOST_STAINS
from napari_rxrx3.core.stopping import current_stop
from napari_rxrx3.core.words import count
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.cache.part_store import PartStore
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.decode import UndecodableImage, shrink
from napari_rxrx3.data.images.ome_zarr import (
    MARKERS,
    Channel,
    ImageInfo,
    PlateInfo,
    WellPlace,
    fields_of,
    image_info,
    plate_info,
    read_attributes,
)
from napari_rxrx3.data.images.pixel_types import as_shown, shown_type
from napari_rxrx3.data.images.planes import PlaneIndex, PlaneRecord
from napari_rxrx3.data.images.previews import PREVIEW_SIZE, PreviewForm

if TYPE_CHECKING:
    from zarr import Array as ZarrArray

    from napari_rxrx3.data.images.zarr_store import PlateStore

__all__ = ["ZarrPlate", "open_plate", "read_plate_info"]

Plane = np.ndarray[Any, Any]

_NAMED = 3
_IMAGES_KEPT = 4096
_MOST_PIXELS = 1 << 28
"""Of one plane; what claims more is no image of a well."""
_SMALL_SHARD = 4 << 20
"""Bytes of a server's file that is had as soon as a part of it."""


class _Field(NamedTuple):
    """One image of a well: where its group is, and what it says of itself."""

    path: str
    info: ImageInfo


@dataclass(frozen=True)
class _Found:
    """What was found of the wells of a plate.

    Attributes
    ----------
    fields : dict
        The one that is shown, by place in the list of wells.
    n_fields : dict
        How many a well has, by the same.
    """

    fields: dict[int, _Field]
    notes: list[str]
    n_fields: dict[int, int]


class ZarrPlate:
    """The images of one plate of OME-Zarr.

    Attributes
    ----------
    channels : tuple of Channel
        What its first image says of its channels.
    n_fields : int
        Images a well has, at most.
    pixel_um : float or None
        Width of a pixel, if its first image tells.
    """

    def __init__(
        self,
        storage: Storage,
        path: str,
        info: PlateInfo,
        plate: PlateId,
        cache: DiskCache,
        field: int,
    ) -> None:
        self.path, self.plate, self.info, self.field = path, plate, info, field
        self._storage, self._parts = storage, PartStore(storage, cache)
        self._images = LruCache(_IMAGES_KEPT, one)
        self._shapes = LruCache(_IMAGES_KEPT, one)
        self._marker = _marker(storage, path)
        self._is_old = self._marker.endswith(MARKERS[1])
        self._names = MARKERS[1::-1] if self._is_old else MARKERS[:2]
        self._made_from = storage.fingerprint(self._marker)
        found = self._look_into_wells() if storage.is_local else self._look_into_first()
        known = found.fields.values()
        self._known = found.fields if storage.is_local else {}
        first = next(iter(known), None)
        self.pixel_um = first.info.pixel_um if first is not None else None
        self._n_fields = found.n_fields
        self.n_fields = max(found.n_fields.values(), default=0)
        self.n_channels = self._count_channels(known)
        self.channels = _as_many(first.info.channels if first is not None else (), self.n_channels)
        self.index = self._index(found)

    @property
    def layout(self) -> Layout:
        return self.info.layout

    def at_field(self, field: int) -> ZarrPlate:
        """The same plate, of which another field is read; nothing is read for that."""
        other = copy(self)
        other.field, other._known = field, {}
        other._images = LruCache(_IMAGES_KEPT, one)
        return other

    def has_field(self, row: int) -> bool:
        """Whether the well of a plane is known to have the field that is read."""
        return self.field <= self._n_fields.get(int(self.index.first[row]), self.field)

    # -- what is there -----------------------------------------------------------------------------

    def _look_into_wells(self) -> _Found:
        """Look at the metadata of each well, which a disk gives at once."""
        fields: dict[int, _Field] = {}
        n_fields: dict[int, int] = {}
        missing, notes = [], list(self.info.notes)
        looks = self._storage.look_into_many(self._try_field, self.info.wells)
        for number, (well, found) in enumerate(zip(self.info.wells, looks, strict=True)):
            if isinstance(found, tuple):
                fields[number], n_fields[number] = found
            else:
                missing.append(f"well {well.path}: {found}")
        notes += missing[:_NAMED]
        if more := len(missing) - _NAMED:
            notes += [f"{count(more, 'more well')} cannot be read"] if more > 0 else []
        notes += _uneven(self.info.wells, n_fields)
        return _Found(fields, notes, n_fields)

    def _look_into_first(self) -> _Found:
        """Look at the first well that tells: of a server, others are when they are looked at."""
        notes = list(self.info.notes)
        for well in self.info.wells[:_NAMED]:
            found = self._try_field(well)
            if isinstance(found, tuple):
                field, n_fields = found
                numbers = range(len(self.info.wells))
                return _Found(
                    dict.fromkeys(numbers, field), notes, dict.fromkeys(numbers, n_fields)
                )
            notes.append(f"well {well.path}: {found}")
        return _Found({}, notes, {})

    def _try_field(self, well: WellPlace) -> tuple[_Field, int] | str:
        try:
            return self._field_of(well)
        except OSError as error:
            return _plainly(error)

    def _field_of(self, well: WellPlace) -> tuple[_Field, int]:
        group = f"{self.path}/{well.path}"
        attributes = read_attributes(self._read, group, self._names)
        if attributes is None:
            raise OSError("it is listed, and not there")
        fields = fields_of(attributes, well.path)
        if len(fields) < self.field:
            said = "it has no field" if not fields else f"it has no field {self.field}"
            raise OSError(said)
        path = f"{group}/{fields[self.field - 1]}"
        attributes = read_attributes(self._read, path, self._names)
        if attributes is None:
            raise OSError(f"its field {fields[self.field - 1]} is listed, and not there")
        return _Field(path, image_info(attributes)), len(fields)

    def _count_channels(self, fields: Iterable[_Field]) -> int:
        """How many channels most images have, from the first one that tells."""
        for field in fields:
            try:
                shape, _ = self._shape(field, 0)
            except (OSError, UndecodableImage):
                continue
            axes = field.info.axes
            return min(shape[axes.index("c")] if "c" in axes else 1, MOST_STAINS)
        return 0

    def _index(self, found: _Found) -> PlaneIndex:
        records = []
        for number, field in found.fields.items():
            well = self.info.wells[number]
            position = well.row * N_COLUMNS + well.column
            gone = field.info.missing if self._storage.is_local else {}
            for channel in range(1, self.n_channels + 1):
                if channel not in gone:
                    name = f"{well.path} {channel}"
                    record = PlaneRecord(
                        self.plate, position, channel, 1, name, number, channel - 1
                    )
                    records.append(record)
        return PlaneIndex.of(records, found.notes, max(self.n_channels, 1))

    # -- where it is -------------------------------------------------------------------------------

    def locate(self, row: int) -> str:
        path, channel = self.index.name[row].decode().rsplit(" ", 1)
        field = f", field {self.field}" if self.n_fields > 1 else ""
        return f"{self.path}/{path}{field}, channel {channel}"

    def fingerprint(self) -> str:
        field = f"|field {self.field}" if self.field > 1 else ""
        return f"{self._storage.unless_changed(self._marker, self._made_from)}{field}"

    def contents(self) -> str:
        """Fingerprint of all files of the plate; empty of a server, which would be asked for each.

        Raises OSError.
        """
        return self._storage.tree_fingerprint(self.path) if self._storage.is_local else ""

    def file(self, row: int) -> str:
        """The file that describes a plane's pixels; of a server, its well."""
        number = int(self.index.first[row])
        field = self._known.get(number)
        if field is None:
            well = f"{self.path}/{self.info.wells[number].path}"
            return f"{well}/{self._names[0]}" if self._storage.is_local else well
        name = ".zarray" if self._is_old else MARKERS[0]
        return f"{field.path}/{field.info.levels[0][0]}/{name}"

    def stamp(self, row: int) -> str:
        return self._storage.stamp(self.file(row))

    # -- pixels ------------------------------------------------------------------------------------

    def whole(self, row: int) -> tuple[Plane, bool]:
        """A plane at full resolution; and False: its preview is made of a smaller level."""
        return self._plane(row, 0, None), False

    def small(self, row: int, size: int) -> Plane:
        """The middle square of a plane at (size, size), from the smallest level that does."""
        levels = self._image(row).info.levels
        shape, _ = self.layout_of(row)
        most = max(1.0, min(shape) / size)
        level = max(
            number for number, (_, times) in enumerate(levels) if times <= most or not number
        )
        return shrink(self._plane(row, level, None), size)

    def prefix(self, row: int) -> Plane | None:
        """None: the whole of a plane is had as soon."""
        return None

    def preview(self, row: int) -> Plane:
        """The whole well, small."""
        return self.preview_or_file(row)

    def preview_or_file(self, row: int) -> Plane:
        """The whole well, small."""
        return self.small(row, PREVIEW_SIZE)

    def piece(self, row: int, span: int) -> Plane:
        """The square of `span` pixels in the middle of a plane, at full resolution."""
        (height, width), _ = self.layout_of(row)
        side = min(span, height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return self._plane(row, 0, (slice(top, top + side), slice(left, left + side))).copy()

    def fetch(self, row: int) -> None:
        """Have a server send a plane, which is then kept."""
        self.whole(row)

    def layout_of(self, row: int) -> tuple[tuple[int, int], np.dtype[Any]]:
        """Shape (Y, X) of a plane and the type of its pixels."""
        field = self._image(row)
        shape, dtype = self._shape(field, 0)
        axes = field.info.axes
        return (shape[axes.index("y")], shape[axes.index("x")]), shown_type(dtype)

    def form(self, row: int) -> PreviewForm:
        shape, dtype = self.layout_of(row)
        return PreviewForm(dtype, min(shape), min(shape), shape[0] == shape[1])

    def _image(self, row: int) -> _Field:
        number = int(self.index.first[row])
        if number in self._known:
            return self._known[number]
        field: _Field = self._images.get(number, lambda: self._field_of(self.info.wells[number])[0])
        return field

    def _shape(self, field: _Field, level: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        def look() -> tuple[tuple[int, ...], np.dtype[Any]]:
            array, _ = self._array(field, level)
            return tuple(array.shape), np.dtype(array.dtype)

        found: tuple[tuple[int, ...], np.dtype[Any]] = self._shapes.get((field.path, level), look)
        return found

    def _array(self, field: _Field, level: int) -> tuple[ZarrArray, PlateStore]:
        # here, as it loads zarr, which takes a while
        from napari_rxrx3.data.images.zarr_store import PlateStore

        path = f"{field.path}/{field.info.levels[level][0]}"
        store = PlateStore(self.bytes_of, path, current_stop())
        try:
            array = _opened_array(store, 2 if self._is_old else 3)
        except OSError:
            raise
        except Exception as error:
            raise OSError(f"its array {field.info.levels[level][0]} {_why(error)}") from error
        axes = field.info.axes
        if len(array.shape) != len(axes):
            what = f"it has {len(array.shape)} axes, its metadata say {len(axes)}"
            raise UndecodableImage(what)
        height, width = array.shape[axes.index("y")], array.shape[axes.index("x")]
        if not height * width:
            raise UndecodableImage("it has no pixels")
        if height * width > _MOST_PIXELS:
            raise UndecodableImage(f"it claims {width} x {height} pixels, which no well image has")
        return array, store

    def _plane(self, row: int, level: int, part: tuple[slice, slice] | None) -> Plane:
        field, channel = self._image(row), int(self.index.second[row])
        if why := field.info.missing.get(channel + 1):
            raise OSError(f"whoever wrote it had no image: {why}")
        array, store = self._array(field, level)
        where = tuple(_asked(field.info.axes, array.shape, channel, part))
        try:
            found = np.asarray(array[where])
        except (OSError, RxRx3Error):
            raise
        except Exception as error:
            raise UndecodableImage(f"it cannot be decoded ({_why(error)})") from error
        if not store.n_found:
            raise OSError("nothing is stored of it")
        if field.info.axes.index("y") > field.info.axes.index("x"):
            found = found.T
        return as_shown(found)

    def _read(self, path: str) -> bytes:
        return self._parts.read_file(path)

    def bytes_of(self, path: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Bytes of a file of the plate; raises OSError."""
        if start is None and stop is None:
            return self._read(path)
        if stop is None or (start or 0) < 0:
            size = self._storage.size(path)
            start = size + start if start is not None and start < 0 else start or 0
            stop = size if stop is None else stop
        if self._storage.is_local:
            return self._storage.read(path, start, stop)
        if self._storage.size(path) <= _SMALL_SHARD:  # others of its planes are wanted next
            return self._read(path)[start:stop]
        return self._parts.read(path, self._storage.fingerprint(path), start or 0, stop)


def read_plate_info(storage: Storage, path: str) -> PlateInfo | None:
    """The plate of OME-Zarr that a folder is; None if it is none.

    Raises
    ------
    OSError
        If it is one, and damaged.
    """
    attributes = read_attributes(partial(_whole_file, storage), path.rstrip("/"))
    return plate_info(attributes) if attributes is not None else None


def open_plate(
    storage: Storage, path: str, plate: PlateId, cache: DiskCache, field: int = 1
) -> ZarrPlate:
    """Find out what a plate holds; raises OSError if that cannot be told."""
    info = read_plate_info(storage, path)
    if info is None:
        raise OSError("it is no plate of OME-Zarr any more")
    return ZarrPlate(storage, path.rstrip("/"), info, plate, cache, field)


def _whole_file(storage: Storage, path: str) -> bytes:
    return storage.read(path)


def _marker(storage: Storage, group: str) -> str:
    """The file that holds the attributes of a group."""
    paths = [f"{group}/{name}" for name in MARKERS[:2]]
    return next((path for path in paths if storage.exists(path)), paths[0])


def _uneven(wells: Sequence[WellPlace], n_fields: Mapping[int, int]) -> list[str]:
    """Say that some wells have fewer fields than others."""
    most = max(n_fields.values(), default=0)
    fewer = [number for number, n in n_fields.items() if n < most]
    if not fewer:
        return []
    first = f"well {wells[fewer[0]].path} has {n_fields[fewer[0]]}"
    what = f"{count(len(fewer), 'well')} {'has' if len(fewer) == 1 else 'have'} fewer fields"
    return [f"{what} than the {most} of others: {first}"]


def _as_many(channels: Sequence[Channel], n: int) -> tuple[Channel, ...]:
    return (*channels[:n], *[Channel("", None, None)] * (n - len(channels)))


def _asked(
    axes: Sequence[str],
    shape: Sequence[int],
    channel: int,
    part: tuple[slice, slice] | None,
) -> Iterator[int | slice]:
    """What to read of an image: the first time point, one channel, the middle plane in depth."""
    for axis, extent in zip(axes, shape, strict=True):
        if axis == "y":
            yield part[0] if part is not None else slice(None)
        elif axis == "x":
            yield part[1] if part is not None else slice(None)
        elif axis == "c":
            if channel >= extent:
                raise OSError(f"its image has {count(extent, 'channel')}")
            yield channel
        elif not extent:
            raise OSError(f"its image has no extent along {axis}")
        else:
            yield extent // 2 if axis == "z" else 0


def _why(error: Exception) -> str:
    text = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _plainly(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is listed, and not there"
    return " ".join((error.strerror or str(error)).split())[:200]


def _opened_array(store: PlateStore, version: int) -> Any:
    """An array of the version of its plate; or of another one, if a writer has mixed them."""
    import zarr

    try:
        return zarr.open_array(store, mode="r", zarr_format=version)
    except FileNotFoundError:
        return zarr.open_array(store, mode="r")

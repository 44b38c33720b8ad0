"""Parquet shards of RxRx3-core: one encoded plane a row, found by a key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from napari_rxrx3.core.errors import CHANGED
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.cache.part_store import PartStore
from napari_rxrx3.data.files.remote import KnownParts, RangeFile, many_at_once
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import mended_text
from napari_rxrx3.data.images.container import Container
from napari_rxrx3.data.images.planes import PlaneIndex, PlaneRecord, record_of_name
from napari_rxrx3.data.images.plate_names import plate_of_path

__all__ = ["ShardFile", "ShardSource", "shard_columns"]

Array = np.ndarray[Any, Any]

_GROUPS_KEPT = 4
_END = 256 * 2**10

_Group = tuple[pa.Array, pa.Array]
"""Keys of a row group and the bytes of its images."""


def shard_columns(schema: pa.Schema) -> tuple[str, str] | None:
    """Names of the key and the image column, or None if the table is no shard of images.

    The image column is binary, or a struct with a binary field called ``bytes``.
    """
    images = [f.name for f in schema if _bytes_of(f.type) is not None]
    texts = [f.name for f in schema if pa.types.is_string(f.type) or _is_long_text(f.type)]
    keys = [name for name in texts if "key" in name.lower()] or texts
    return (keys[0], images[0]) if keys and images else None


class ShardFile:
    """One parquet file of images, of which the row groups read last are kept.

    Parameters
    ----------
    footer : bytes, optional
        As `read_footer` gives it, of a file that cannot change meanwhile; else it is read.
    made_from : str, optional
        Fingerprint of the file as it was looked into, whatever is there now.
    parts : PartStore, optional
        Keeps the row groups of a server's file.
    """

    def __init__(
        self,
        storage: Storage,
        path: str,
        footer: bytes | None = None,
        made_from: str | None = None,
        parts: PartStore | None = None,
    ) -> None:
        self.storage, self.path, self._parts = storage, path, parts
        self.made_from = storage.fingerprint(path) if made_from is None else made_from
        self._groups = LruCache(_GROUPS_KEPT, one)
        self._unread = footer
        self._read: tuple[str, pq.FileMetaData | None] = "", None

    @property
    def _footer(self) -> tuple[str, pq.FileMetaData | None]:
        """With the stamp of the file that it is of; a large one takes its time to be read."""
        unread = self._unread
        if unread is not None:
            self._read, self._unread = ("", pq.read_metadata(pa.BufferReader(unread))), None
        return self._read

    @staticmethod
    def read_footer(storage: Storage, path: str) -> bytes:
        """The end of a file that tells where all else is; raises OSError."""
        size = storage.size(path)
        end = storage.read(path, max(0, size - _END), size)
        n_bytes = int.from_bytes(end[-8:-4], "little") + 8
        if end[-4:] != b"PAR1" or n_bytes > size:
            raise OSError("the file has no end of a parquet file")
        if n_bytes > len(end):
            end = storage.read(path, size - n_bytes, size)
        return end[-n_bytes:]

    def bounds(self) -> list[tuple[str, str]] | None:
        """First and last key of each row group, in the order of texts; None if it is not told."""
        footer = self._footer[1]
        columns = shard_columns(footer.schema.to_arrow_schema()) if footer is not None else None
        if footer is None or columns is None:
            return None
        number = _number_of(footer, columns[0])
        found = []
        for group in range(footer.num_row_groups):
            told = footer.row_group(group).column(number).statistics
            if told is None or not told.has_min_max or told.null_count:
                return None
            if not isinstance(told.min, str):
                return None
            found.append((told.min, told.max))
        return found

    def group(self, number: int) -> _Group:
        """Keys and images of a row group; raises OSError, pyarrow.ArrowException."""
        stamp = self._footer[0]
        with suppress(FileNotFoundError):  # of a file that is gone what was read is right
            stamp = self.storage.stamp(self.path)
        return self._groups.get((stamp, number), partial(self._read_group, stamp, number))

    def _read_group(self, stamp: str, number: int) -> _Group:
        # only the footer is kept: an open file would block its folder on some systems
        of, footer = self._footer
        footer = footer if of == stamp else None
        with (
            self._opened(footer, number) as file,
            pq.ParquetFile(file, metadata=footer) as shard,
        ):
            self._read = stamp, shard.metadata
            columns = shard_columns(shard.schema_arrow)
            if columns is None:
                raise OSError("the file is no shard of images any more")
            table = shard.read_row_group(number, columns=list(columns))
        keys, images = (table.column(name).combine_chunks() for name in columns)
        return mended_text(keys), _plain_bytes(images)

    def fetch(self, number: int) -> None:
        """Have a server send a row group, which is kept on disk; raises OSError."""
        footer = self._footer[1]
        if footer is not None and self._parts is not None and self._sends_parts:
            self._part(*_extent_of(footer.row_group(number)))

    @property
    def _sends_parts(self) -> bool:
        return not self.storage.is_local and self.storage.sends_parts(self.path)

    def _opened(self, footer: pq.FileMetaData | None, group: int) -> Any:
        """The file; from a server all of a row group, which is one piece, comes at once."""
        if footer is None or not self._sends_parts:
            return self.storage.open(self.path)
        start, stop = _extent_of(footer.row_group(group))
        data = self._part(start, stop)
        return _with_parts(self.storage, self.path, [start], [data])

    def _part(self, start: int, stop: int) -> bytes:
        if self._parts is None:
            return self.storage.read(self.path, start, stop)
        return self._parts.read(self.path, self.made_from, start, stop)

    def index(
        self,
        groups: Sequence[int] | Array | None,
        plate: PlateId | None,
        with_images: bool = False,
    ) -> PlaneIndex:
        """Where the image of each key lies; of some row groups, or of one plate, alone.

        Parameters
        ----------
        with_images : bool
            Read the images as well: then they are there, and it is one request to a row group.
        """
        footer = self._footer[1]
        if footer is None:
            with self.storage.open(self.path) as file:
                footer = pq.read_metadata(file)
        columns = shard_columns(footer.schema.to_arrow_schema())
        if columns is None:
            raise OSError("not a shard of images")
        chosen = [int(g) for g in (range(footer.num_row_groups) if groups is None else groups)]
        if with_images:
            keys = [key for group in chosen for key in self.group(group)[0].to_pylist()]
        else:
            keys = self._keys(footer, columns[0], chosen)
        places = [
            (group, place) for group in chosen for place in range(footer.row_group(group).num_rows)
        ]
        records: list[PlaneRecord] = []
        notes: list[str] = []
        for key, (group, place) in zip(keys, places, strict=True):
            record = _record(key, group, place)
            if record is None:
                notes.append(f"{str(key)[:80]!r} is no key of an image")
            elif plate is None or record.plate == plate:
                records.append(record)
        return PlaneIndex.of(records, notes)

    def _keys(self, footer: pq.FileMetaData, name: str, groups: Sequence[int]) -> list[str | None]:
        """One column of some row groups. From a server its pieces come many at once."""
        if not self._sends_parts:
            file: Any = self.storage.open(self.path)
        else:
            number = _number_of(footer, name)
            ranges = [_range_of(footer.row_group(group).column(number)) for group in groups]
            starts = [start for start, _ in ranges]
            parts = many_at_once.map(lambda each: self._part(*each), ranges)
            file = _with_parts(self.storage, self.path, starts, parts)
        with file, pq.ParquetFile(file, metadata=footer, pre_buffer=False) as shard:
            if not groups:
                return []
            column = shard.read_row_groups(list(groups), columns=[name]).column(0)
        return [key for chunk in column.chunks for key in mended_text(chunk).to_pylist()]

    def why_not(self, group: int, error: Exception) -> str:
        """Why a row group cannot be read."""
        try:
            self.storage.unless_changed(self.path, self.made_from)
        except OSError as changed:
            return str(changed)
        return f"row group {group} cannot be read ({error})"


class ShardSource(Container):
    """The images in one parquet file, or those of one plate in it."""

    word = "key"

    def __init__(self, file: ShardFile, index: PlaneIndex) -> None:
        super().__init__(file.storage, file.path, index, file.made_from)
        self._file = file

    def read(self, row: int, n_bytes: int | None = None) -> bytes:
        group, place = int(self.index.first[row]), int(self.index.second[row])
        try:
            keys, images = self._file.group(group)
            key, data = keys[place].as_py(), images[place].as_py()
        except (pa.ArrowException, IndexError) as error:
            raise OSError(self._file.why_not(group, error)) from error
        if key is None or _name_of(key) != self.index.name[row]:
            raise OSError(CHANGED)
        if data is None:
            raise OSError("the shard holds no bytes for it")
        return bytes(data)

    def pieces(self, rows: Array) -> list[int]:
        return list(dict.fromkeys(self.index.first[rows].tolist()))

    def fetch(self, piece: int) -> None:
        self._file.fetch(piece)


def _with_parts(storage: Storage, path: str, starts: list[int], parts: list[bytes]) -> RangeFile:
    """A server's file of which some parts, ascending, are in memory."""
    known = KnownParts(starts, parts, partial(storage.read, path))
    return RangeFile(known.read, storage.size(path))


def _number_of(footer: pq.FileMetaData, name: str) -> int:
    return next(i for i in range(len(footer.schema)) if footer.schema.column(i).path == name)


def _range_of(piece: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """Where a column of a row group lies in its file."""
    start = piece.data_page_offset
    if piece.dictionary_page_offset is not None:
        start = min(start, piece.dictionary_page_offset)
    return start, start + piece.total_compressed_size


def _extent_of(row_group: pq.RowGroupMetaData) -> tuple[int, int]:
    """Where all of a row group lies, which is one piece."""
    pieces = [_range_of(row_group.column(i)) for i in range(row_group.num_columns)]
    return min(start for start, _ in pieces), max(stop for _, stop in pieces)


def _record(key: str | None, group: int, place: int) -> PlaneRecord | None:
    if not key or "/" not in key:
        return None
    experiment, number = plate_of_path(key.rsplit("/", 1)[0])
    return record_of_name(key, PlateId(experiment, number or 0), group, place)


def _name_of(key: str) -> bytes:
    """A key as it stands in an index, where an array of bytes has dropped zeros at its end."""
    return key.encode(errors="surrogateescape").rstrip(b"\0")


def _is_long_text(kind: Any) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _bytes_of(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return kind
    if pa.types.is_struct(kind):
        for i in range(kind.num_fields):
            field = kind.field(i)
            if field.name == "bytes" and _bytes_of(field.type) is not None:
                return field.type
    return None


def _plain_bytes(column: pa.Array) -> pa.Array:
    # pc.struct_field, unlike .field, keeps a null struct null
    return pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column

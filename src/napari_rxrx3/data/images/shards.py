"""Parquet shards of RxRx3-core: one encoded plane a row, found by a key."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from napari_rxrx3.core.errors import CHANGED
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.files.remote import KnownParts, RangeFile
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import mended_text
from napari_rxrx3.data.images.planes import PlaneIndex, PlaneRecord, record_of_name
from napari_rxrx3.data.images.plate_names import plate_of_path

__all__ = ["ShardSource", "shard_columns"]

_GROUPS_KEPT = 4

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


class ShardSource:
    """One parquet file of images."""

    def __init__(
        self, storage: Storage, path: str, index: PlaneIndex, made_from: str | None = None
    ) -> None:
        self._storage = storage
        self.path = path
        self.index = index
        # the index tells where things lie in the file as it was then, whatever is there now
        self._made_from = storage.fingerprint(path) if made_from is None else made_from
        self._groups = LruCache(_GROUPS_KEPT, one)
        self._footer: tuple[str, pq.FileMetaData | None] = "", None
        """With the stamp of the file that it is of."""

    def read(self, row: int, n_bytes: int | None = None) -> bytes:
        group, place = int(self.index.first[row]), int(self.index.second[row])
        try:
            keys, images = self._group(group)
            key, data = keys[place].as_py(), images[place].as_py()
        except (pa.ArrowException, IndexError) as error:
            raise OSError(self._why_not(group, error)) from error
        if key is None or _name_of(key) != self.index.name[row]:
            raise OSError(CHANGED)
        if data is None:
            raise OSError("the shard holds no bytes for it")
        return bytes(data)

    def locate(self, row: int) -> str:
        return f"{self.path}, key {self.index.name[row].decode(errors='replace')}"

    def fingerprint(self) -> str:
        return self._storage.unless_changed(self.path, self._made_from)

    def file(self, row: int) -> str:
        return self.path

    def stamp(self, row: int) -> str:
        return self._storage.stamp(self.path)

    def _why_not(self, group: int, error: Exception) -> str:
        try:
            self.fingerprint()
        except OSError as changed:
            return str(changed)
        return f"row group {group} cannot be read ({error})"

    def _group(self, group: int) -> _Group:
        stamp = self._footer[0]
        with suppress(FileNotFoundError):  # of a file that is gone what was read is right
            stamp = self._storage.stamp(self.path)
        return self._groups.get((stamp, group), partial(self._read_group, stamp, group))

    def _read_group(self, stamp: str, group: int) -> _Group:
        # only the footer is kept: an open file would block its folder on some systems
        of, footer = self._footer
        with (
            self._storage.open(self.path) as file,
            pq.ParquetFile(file, metadata=footer if of == stamp else None) as shard,
        ):
            self._footer = stamp, shard.metadata
            columns = shard_columns(shard.schema_arrow)
            if columns is None:
                raise OSError("the file is no shard of images any more")
            table = shard.read_row_group(group, columns=list(columns))
        keys, images = (table.column(name).combine_chunks() for name in columns)
        return mended_text(keys), _plain_bytes(images)

    @staticmethod
    def build_index(storage: Storage, path: str) -> PlaneIndex:
        """Read the key column alone and keep where each key's image lies."""
        with storage.open(path) as file, pq.ParquetFile(file) as shard:
            columns = shard_columns(shard.schema_arrow)
            if columns is None:
                raise OSError("not a shard of images")
            footer = shard.metadata
            sizes = [footer.row_group(g).num_rows for g in range(footer.num_row_groups)]
            column = _column(storage, path, shard, columns[0])
            keys = [key for chunk in column.chunks for key in mended_text(chunk).to_pylist()]
        places = ((group, place) for group, size in enumerate(sizes) for place in range(size))
        records: list[PlaneRecord] = []
        notes: list[str] = []
        for key, (group, place) in zip(keys, places, strict=True):
            record = _record(key, group, place)
            if record is not None:
                records.append(record)
            else:
                notes.append(f"{str(key)[:80]!r} is no key of an image")
        return PlaneIndex.of(records, notes)


def _column(storage: Storage, path: str, shard: pq.ParquetFile, name: str) -> pa.ChunkedArray:
    """Read one column. From a server its pieces, which lie far apart, come many at once."""
    if storage.is_local or not storage.sends_parts(path):
        return shard.read(columns=[name]).column(0)
    footer = shard.metadata
    number = next(i for i in range(len(footer.schema)) if footer.schema.column(i).path == name)
    pieces = [footer.row_group(g).column(number) for g in range(footer.num_row_groups)]
    starts = [
        p.data_page_offset
        if p.dictionary_page_offset is None
        else min(p.dictionary_page_offset, p.data_page_offset)
        for p in pieces
    ]
    ranges = [(s, s + p.total_compressed_size) for s, p in zip(starts, pieces, strict=True)]
    known = KnownParts(starts, storage.parts(path, ranges), partial(storage.read, path))
    file = RangeFile(known.read, storage.size(path))
    with pq.ParquetFile(file, metadata=footer, pre_buffer=False) as again:
        return again.read(columns=[name]).column(0)


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

"""Vectors of an embedding in one file, mapped into memory, with the ids of their wells beside it.

They are written as they are read: neither the vectors nor the number of them need be known or
kept in memory.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.data.cache.disk_cache import DiskCache, load_table, save_table
from napari_rxrx3.data.problems import Problem

__all__ = ["StoredVectors", "VectorRows", "VectorStore"]

Array = np.ndarray[Any, Any]

_HEADER = 128
_BLOCK = 65536
_LISTED_REPEATS = 1000
_SCHEMA = pa.schema([("well_id", pa.string()), ("is_usable", pa.bool_())])


class StoredVectors(NamedTuple):
    """Vectors without repeats: ids (n), float32 (n, d), bool (n), and what was left out."""

    well_ids: pa.Array
    vectors: Array
    is_usable: Array
    problems: list[Problem]


class _CannotWrite(Exception):
    """The disk is full or the folder is locked; not an OSError, which bad tables raise."""


class VectorRows:
    """Takes in vectors block by block and passes them on to a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._ids: list[pa.Array] = []
        self._usable: list[Array] = []
        self._names: list[str] = []
        self._starts: list[int] = []
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def begin(self, name: str) -> None:
        """Say which file the next rows are from."""
        self._names.append(name)
        self._starts.append(self._n)

    def add(self, well_ids: pa.Array, vectors: Array) -> None:
        self._ids.append(well_ids)
        self._usable.append(np.isfinite(vectors).all(axis=1) & (vectors != 0).any(axis=1))
        self._n += len(vectors)
        try:
            self._file.write(np.ascontiguousarray(vectors).data)
        except OSError as error:
            raise _CannotWrite from error

    def finish(self) -> tuple[pa.Array, Array, Array]:
        """Return ids and usability without repeats, and which rows to keep."""
        ids = pa.concat_arrays(self._ids) if self._ids else pa.array([], pa.string())
        keep = _first_occurrences(ids)
        self._note_repeats(ids, np.flatnonzero(~keep))
        usable = np.concatenate([np.zeros(0, dtype=bool), *self._usable])
        return ids.filter(pa.array(keep)), usable[keep], keep

    def _note_repeats(self, ids: pa.Array, repeats: Array) -> None:
        for row in repeats[:_LISTED_REPEATS].tolist():
            name = self._names[int(np.searchsorted(self._starts, row, side="right")) - 1]
            well = ids[row].as_py()
            detail = f"{name} has another vector of {well}; the first one is used"
            self.problems.append(Problem("duplicate_vector", well_id=well, detail=detail))
        if len(repeats) > _LISTED_REPEATS:
            more = len(repeats) - _LISTED_REPEATS
            detail = f"{more:,} more vectors are of wells that have one already"
            self.problems.append(Problem("duplicate_vector", detail=detail))


class VectorStore:
    """The files of one embedding in the cache."""

    def __init__(self, cache: DiskCache, fingerprint: str, dimension: int) -> None:
        self._cache, self._fingerprint = cache, fingerprint
        self._vectors = cache.path("vectors", fingerprint, ".npy")
        self._rows = cache.path("vector-rows", fingerprint, ".arrow")
        self._dimension = dimension

    def open(self) -> StoredVectors | None:
        """Map what was built before; None if it is not there or is damaged."""
        table = load_table(self._rows)
        if table is None:
            return None
        try:
            stored = json.loads(table.schema.metadata[b"problems"])
            problems = [Problem(kind, well_id=well, detail=detail) for kind, well, detail in stored]
            ids, usable = (column.combine_chunks() for column in table.columns)
        except (ValueError, KeyError, TypeError, pa.ArrowException):
            return None
        vectors = self._cache.open_mapped("vectors", self._fingerprint)
        if vectors is None or vectors.shape != (len(ids), self._dimension):
            return None
        return StoredVectors(ids, vectors, usable.to_numpy(zero_copy_only=False), problems)

    def build(self, read: Callable[[VectorRows], None]) -> StoredVectors:
        """Store what `read` adds; where nothing can be written, it is kept in memory.

        `read` is called once more if the disk turns out to be full.
        """
        try:
            self._write(read)
        except (OSError, _CannotWrite):
            return self._in_memory(read)
        return self.open() or self._in_memory(read)

    def _write(self, read: Callable[[VectorRows], None]) -> None:
        with self._cache.writing(self._vectors) as temporary:
            with temporary.open("wb") as file:
                file.write(bytes(_HEADER))
                rows = VectorRows(file)
                read(rows)
            ids, usable, keep = rows.finish()
            if not keep.all():
                _cut_out(temporary, keep, self._dimension)
            with temporary.open("r+b") as file:
                file.write(_header((len(ids), self._dimension)))
        metadata = {"problems": json.dumps([(p.kind, p.well_id, p.detail) for p in rows.problems])}
        table = pa.table([ids, pa.array(usable)], schema=_SCHEMA.with_metadata(metadata))
        save_table(self._cache, self._rows, table)

    def _in_memory(self, read: Callable[[VectorRows], None]) -> StoredVectors:
        buffer = io.BytesIO()
        rows = VectorRows(buffer)
        read(rows)
        ids, usable, keep = rows.finish()
        vectors = np.frombuffer(buffer.getbuffer(), np.float32).reshape(-1, self._dimension)
        _close_gaps(vectors, keep)
        vectors.flags.writeable = False
        return StoredVectors(ids, vectors[: len(ids)], usable, rows.problems)


def _first_occurrences(ids: pa.Array) -> Array:
    """Bool (n): no row before has the same id."""
    if len(pc.unique(ids)) == len(ids):
        return np.ones(len(ids), dtype=bool)
    codes = ids.dictionary_encode().indices.to_numpy()  # counted up as new ids come
    before = np.maximum.accumulate(np.r_[-1, codes[:-1]])
    return np.asarray(codes > before)


def _cut_out(path: Path, keep: Array, dimension: int) -> None:
    """Keep some rows of a file of vectors."""
    vectors = np.memmap(path, np.float32, "r+", _HEADER, (len(keep), dimension))
    _close_gaps(vectors, keep)
    vectors.flush()
    del vectors  # Windows cuts off no file that is mapped
    os.truncate(path, _HEADER + 4 * dimension * int(keep.sum()))


def _close_gaps(vectors: Array, keep: Array) -> None:
    """Move the rows to keep together, in place: they only ever move towards the start."""
    kept = np.flatnonzero(keep)
    for start in range(0, len(kept), _BLOCK):
        rows = kept[start : start + _BLOCK]
        if rows[-1] >= start + len(rows):
            vectors[start : start + len(rows)] = vectors[rows]


def _header(shape: tuple[int, int]) -> bytes:
    """Return the start of a .npy file, always of the same length."""
    text = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    room = _HEADER - 10
    return b"\x93NUMPY\x01\x00" + room.to_bytes(2, "little") + text.ljust(room - 1) + b"\n"

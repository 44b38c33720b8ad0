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
Precision = type[np.float32] | type[np.float64]

_HEADER = 128
_BLOCK = 65536
_LISTED_REPEATS = 1000
_RUNS, _RUN, _BLUR = 16, 64, 1e-5
_SCHEMA = pa.schema([("well_id", pa.string()), ("is_usable", pa.bool_())])


class StoredVectors(NamedTuple):
    """Vectors without repeats: ids (n), vectors (n, d), bool (n), and what was left out."""

    well_ids: pa.Array
    vectors: Array
    is_usable: Array
    problems: list[Problem]


class _CannotWrite(Exception):
    """The disk is full or the folder is locked; not an OSError, which bad tables raise."""


class _NeedsDouble(Exception):
    """In single precision vectors would lose what they differ by."""


class VectorRows:
    """Takes in vectors block by block and passes them on to a file, in one precision."""

    def __init__(self, file: IO[bytes], precision: Precision) -> None:
        self.problems: list[Problem] = []
        self._file, self._precision = file, precision
        self._ids: list[pa.Array] = []
        self._usable: list[Array] = []
        self._names: list[str] = []
        self._starts: list[int] = []
        self._n = self._n_too_large = 0

    def __len__(self) -> int:
        return self._n

    def begin(self, name: str) -> None:
        """Say which file the next rows are from."""
        self._names.append(name)
        self._starts.append(self._n)

    def add(self, well_ids: pa.Array, vectors: Array) -> None:
        with np.errstate(over="ignore"):  # too large for 32 bits is infinite, and so unusable
            single = vectors.astype(np.float32, copy=False)
        usable = np.isfinite(single).all(axis=1) & (single != 0).any(axis=1)
        if self._precision is np.float32 and _is_too_coarse(vectors, single, usable):
            raise _NeedsDouble
        was_usable = np.isfinite(vectors).all(axis=1) & (vectors != 0).any(axis=1)
        self._n_too_large += int((was_usable & ~usable).sum())
        self._ids.append(well_ids)
        self._usable.append(usable)
        self._n += len(vectors)
        kept = single if self._precision is np.float32 else vectors.astype(self._precision)
        try:
            self._file.write(np.ascontiguousarray(kept).data)
        except OSError as error:
            raise _CannotWrite from error

    def finish(self) -> tuple[pa.Array, Array, Array]:
        """Return ids and usability without repeats, and which rows to keep."""
        ids = pa.concat_arrays(self._ids) if self._ids else pa.array([], pa.string())
        keep = _first_occurrences(ids)
        self._note_repeats(ids, np.flatnonzero(~keep))
        usable = np.concatenate([np.zeros(0, dtype=bool), *self._usable])
        if self._n_too_large:
            what = "vectors with numbers that are too large, or too small, for single precision"
            detail = f"{self._names[0]}: {what}: {self._n_too_large:,}"
            self.problems.append(Problem("too_large", detail=detail))
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

        `read` is called once more if the disk turns out to be full, or single precision to be
        too coarse.
        """
        try:
            return self._built(read, np.float32)
        except _NeedsDouble:
            return self._built(read, np.float64)

    def _built(self, read: Callable[[VectorRows], None], precision: Precision) -> StoredVectors:
        try:
            self._write(read, precision)
        except (OSError, _CannotWrite):
            return self._in_memory(read, precision)
        return self.open() or self._in_memory(read, precision)

    def _write(self, read: Callable[[VectorRows], None], precision: Precision) -> None:
        with self._cache.writing(self._vectors) as temporary:
            with temporary.open("wb") as file:
                file.write(bytes(_HEADER))
                rows = VectorRows(file, precision)
                read(rows)
            ids, usable, keep = rows.finish()
            if not keep.all():
                _cut_out(temporary, keep, self._dimension, precision)
            with temporary.open("r+b") as file:
                file.write(_header((len(ids), self._dimension), precision))
        metadata = {"problems": json.dumps([(p.kind, p.well_id, p.detail) for p in rows.problems])}
        table = pa.table([ids, pa.array(usable)], schema=_SCHEMA.with_metadata(metadata))
        save_table(self._cache, self._rows, table)

    def _in_memory(self, read: Callable[[VectorRows], None], precision: Precision) -> StoredVectors:
        buffer = io.BytesIO()
        rows = VectorRows(buffer, precision)
        read(rows)
        ids, usable, keep = rows.finish()
        vectors = np.frombuffer(buffer.getbuffer(), precision).reshape(-1, self._dimension)
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


def _is_too_coarse(vectors: Array, single: Array, usable: Array) -> bool:
    """Whether rounding to single precision blurs what vectors differ by, as large numbers do that
    all of a column have in common.

    Numbers that a batch has in common make other batches differ, and hide what wells do. So rows
    next to each other are compared, which are mostly of one plate; and where they are in another
    order, values that are next to each other.
    """
    if vectors.dtype == single.dtype:
        return False
    rows = np.flatnonzero(usable)
    length = min(len(rows), _RUN)
    if length < 2:
        return False
    starts = np.linspace(0, len(rows) - length, _RUNS).astype(np.intp)
    runs = rows[np.unique(starts)[:, None] + np.arange(length)]
    steps = np.median(np.abs(np.diff(vectors[runs], axis=1)), axis=(0, 1))
    values = np.sort(vectors[np.unique(runs)], axis=0)
    apart = np.median(np.diff(values, axis=0), axis=0) * (len(values) / 2)
    steps = np.where(apart > 0, np.minimum(steps, apart), steps)
    rounding = np.abs(vectors[runs] - single[runs]).max(axis=(0, 1))
    return bool(((rounding > _BLUR * steps) & (steps > 0)).any())


def _cut_out(path: Path, keep: Array, dimension: int, precision: Precision) -> None:
    """Keep some rows of a file of vectors."""
    vectors = np.memmap(path, precision, "r+", _HEADER, (len(keep), dimension))
    _close_gaps(vectors, keep)
    vectors.flush()
    row = vectors.strides[0]
    del vectors  # Windows cuts off no file that is mapped
    os.truncate(path, _HEADER + row * int(keep.sum()))


def _close_gaps(vectors: Array, keep: Array) -> None:
    """Move the rows to keep together, in place: they only ever move towards the start."""
    kept = np.flatnonzero(keep)
    for start in range(0, len(kept), _BLOCK):
        rows = kept[start : start + _BLOCK]
        if rows[-1] >= start + len(rows):
            vectors[start : start + len(rows)] = vectors[rows]


def _header(shape: tuple[int, int], precision: Precision) -> bytes:
    """Return the start of a .npy file, always of the same length."""
    descr = np.dtype(precision).newbyteorder("<").str
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    room = _HEADER - 10
    return b"\x93NUMPY\x01\x00" + room.to_bytes(2, "little") + text.ljust(room - 1) + b"\n"

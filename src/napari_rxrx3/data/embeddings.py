"""Tables of vectors, one a well: read once into one file that is then mapped into memory."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.data.cache import DiskCache, written_atomically
from napari_rxrx3.data.discovery import Contents
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.storage import Storage
from napari_rxrx3.data.tables import feature_columns
from napari_rxrx3.data.tars import iter_members

__all__ = ["EmbeddingFile", "EmbeddingTable", "find_embeddings"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class EmbeddingFile:
    """One parquet table of vectors: a file, or a member of a tar at an offset."""

    path: str
    member: str = ""
    offset: int = 0
    size: int = 0

    @property
    def name(self) -> str:
        return f"{self.path}, member {self.member}" if self.member else self.path

    def open(self, storage: Storage) -> IO[bytes]:
        if self.member:
            return io.BytesIO(storage.read(self.path, self.offset, self.offset + self.size))
        return storage.open(self.path)


@dataclass
class EmbeddingTable:
    """Vectors of one embedding, from one file or from one file a plate.

    Attributes
    ----------
    name : str
        The files' stem, e.g. ``"OpenPhenom_rxrx3_core_embeddings"``.
    dimension : int
    problems : list of Problem
        Files and rows that could not be used; complete once `vectors` was read.
    """

    name: str
    dimension: int
    files: list[EmbeddingFile]
    storage: Storage
    cache: DiskCache
    problems: list[Problem] = field(default_factory=list)
    progress: Progress | None = None

    @property
    def well_ids(self) -> pd.Index:
        """The well of each row, without repeats."""
        return self._loaded[0]

    @property
    def vectors(self) -> Array:
        """float32 (n, dimension), mapped into memory; rows as in `well_ids`. Do not write."""
        return self._loaded[1]

    @property
    def is_usable(self) -> Array:
        """Bool (n,): the vector is finite and not zero."""
        return self._loaded[2]

    @cached_property
    def _loaded(self) -> tuple[pd.Index, Array, Array]:
        prints = [self.storage.fingerprint(p) for p in sorted({f.path for f in self.files})]
        fingerprint = f"{self.name}|{self.dimension}|" + "|".join(prints)
        path = self.cache.path("vectors", fingerprint, ".npy")
        built: list[Array] = []

        def build() -> dict[str, Array]:
            ids, vectors = self._read_all()
            with suppress(OSError), written_atomically(path) as temp, temp.open("wb") as file:
                np.save(file, vectors, allow_pickle=False)
            built.append(vectors)
            return {
                "well_id": np.array([i.encode() for i in ids], dtype=np.bytes_),
                "problem": np.array(
                    [(p.kind, p.well_id, p.detail) for p in self.problems], dtype=np.str_
                ).reshape(-1, 3),
            }

        arrays = self.cache.arrays("vector-rows", fingerprint, build)
        vectors = built[0] if built else self._mapped(path, len(arrays["well_id"]))
        if vectors is None:  # the rows are cached, the vectors are gone or damaged
            self.problems.clear()
            arrays = build()
            vectors = built[0]
        self.problems[:] = [
            Problem(kind, well_id=well_id, detail=detail)
            for kind, well_id, detail in arrays["problem"].tolist()
        ]
        ids = pd.Index(
            pa.array(arrays["well_id"].tolist(), pa.binary()).cast(pa.string()), dtype="str"
        )
        return ids, vectors, _usable(vectors)

    def _mapped(self, path: Any, n_rows: int) -> Array | None:
        try:
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return mapped if mapped.shape == (n_rows, self.dimension) else None

    def _read_all(self) -> tuple[list[str], Array]:
        ids: list[str] = []
        blocks: list[Array] = []
        seen: set[str] = set()
        for i, file in enumerate(self.files):
            if self.progress is not None:
                self.progress(i, len(self.files), f"reading vectors: {file.name}")
            try:
                for new_ids, block in self._read_one(file):
                    keep = [self._is_new(well, seen, file) for well in new_ids]
                    ids += [well for well, new in zip(new_ids, keep, strict=True) if new]
                    blocks.append(block[keep])
            except (pa.ArrowException, OSError, ValueError) as error:
                self._note(file, f"cannot be read ({' '.join(str(error).split())[:200]})")
        if not blocks:
            raise MetadataError(f"No vector of the embedding {self.name!r} can be read.")
        return ids, np.concatenate(blocks)

    def _read_one(self, file: EmbeddingFile) -> Iterator[tuple[list[str], Array]]:
        with file.open(self.storage) as opened, pq.ParquetFile(opened) as table:
            columns = feature_columns(table.schema_arrow)
            if len(columns) != self.dimension:
                raise ValueError(f"{len(columns)} columns of numbers where {self.dimension} belong")
            for batch in table.iter_batches(65536, columns=["well_id", *columns]):
                block = np.empty((batch.num_rows, self.dimension), dtype=np.float32)
                for k, name in enumerate(columns):
                    block[:, k] = batch.column(name).to_numpy(zero_copy_only=False)
                ids = batch.column("well_id").cast(pa.string()).to_pylist()
                named = [k for k, well in enumerate(ids) if well]
                yield [ids[k] for k in named], block[named]

    def _is_new(self, well_id: str, seen: set[str], file: EmbeddingFile) -> bool:
        if well_id in seen:
            self._note(file, f"has another vector of {well_id}; the first one is used", well_id)
            return False
        seen.add(well_id)
        return True

    def _note(self, file: EmbeddingFile, what: str, well_id: str = "") -> None:
        kind = "duplicate_vector" if well_id else "unusable_embedding"
        self.problems.append(Problem(kind, well_id=well_id, detail=f"{file.name} {what}"))


def find_embeddings(
    storage: Storage, contents: Contents, cache: DiskCache, progress: Progress | None = None
) -> tuple[dict[str, EmbeddingTable], list[Problem]]:
    """Group the files that belong to one embedding: same stem and same dimension."""
    problems: list[Problem] = []
    groups: dict[tuple[str, int], list[EmbeddingFile]] = {}
    known: dict[str, int] = {}
    for file in _files(storage, contents, problems):
        stem = posixpath.basename(file.member or file.path).rsplit(".", 1)[0]
        try:
            if file.member == "" or stem not in known:  # a tar's members are alike
                with file.open(storage) as opened:
                    known[stem] = len(feature_columns(pq.read_schema(opened)))
        except (pa.ArrowException, OSError) as error:
            what = f"{file.name} cannot be read ({' '.join(str(error).split())[:200]})"
            problems.append(Problem("unreadable_file", detail=what))
            continue
        groups.setdefault((stem, known[stem]), []).append(file)
    tables: dict[str, EmbeddingTable] = {}
    for (stem, dimension), files in groups.items():
        name = stem if stem not in tables else f"{stem} ({dimension})"
        tables[name] = EmbeddingTable(name, dimension, files, storage, cache, progress=progress)
    return tables, problems


def _files(
    storage: Storage, contents: Contents, problems: list[Problem]
) -> Iterator[EmbeddingFile]:
    for path in contents.embeddings:
        yield EmbeddingFile(path)
    for path in contents.embedding_tars:
        notes: list[str] = []
        try:
            with storage.open(path) as file:
                for member in iter_members(file, notes):
                    if member.name.endswith(".parquet"):
                        yield EmbeddingFile(path, member.name, member.offset_data, member.size)
        except OSError as error:
            notes.append(f"it cannot be read ({error})")
        problems += [Problem("unreadable_file", detail=f"{path}: {note}") for note in notes]


def _usable(vectors: Array) -> Array:
    usable = np.empty(len(vectors), dtype=bool)
    for start in range(0, len(vectors), 65536):
        block = vectors[start : start + 65536]
        usable[start : start + 65536] = np.isfinite(block).all(axis=1) & (block != 0).any(axis=1)
    return usable

"""Which vectors belong to which wells: all embeddings of a data set, read and joined once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from psygnal import Signal

from napari_rxrx3.core.errors import MapError, MetadataError
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.vectors.embeddings import EmbeddingTable, free_name
from napari_rxrx3.data.wells.well_list import WellList

__all__ = ["Joined", "VectorJoin"]

Array = np.ndarray[Any, Any]
Rows = tuple[Array, Array]

_PATIENCE_S = 0.1


class Joined(NamedTuple):
    """What is known once all vectors are read.

    Attributes
    ----------
    has_vector : bool (n,)
        The wells with a usable vector.
    default : str or None
        The embedding that covers most wells; of equal ones, one that came with the data; of
        copies the newest.
    """

    has_vector: Array
    default: str | None


class VectorJoin:
    """Reads each embedding when it is first needed; safe to use from many threads.

    Nobody but those who need vectors ever waits for them: `tables` and `joined` tell at once
    what is known by now.
    """

    changed = Signal()
    """More is known about vectors. Emitted by the thread that found out."""

    def __init__(
        self, tables: dict[str, EmbeddingTable], wells: WellList, cache: DiskCache, wells_print: str
    ) -> None:
        self.tables = tables
        self.joined: Joined | None = None
        self.problems: list[Problem] = []
        self._wells, self._cache, self._wells_print = wells, cache, wells_print
        self._rows: dict[str, Rows] = {}
        self._lock = Lock(threading.RLock)
        self._said = (0, 0, "reading vectors")
        if all(self._take_kept(name) for name in tables):
            self._finish()

    def read(self, progress: Progress | None = None) -> Joined:
        """Read and join all vectors that are not read yet; who comes second waits.

        Parameters
        ----------
        progress : callable, optional
            Called with (done, total, text), also by those who wait; may raise to stop.
        """
        joined = self.joined
        if joined is None:
            with self._alone(progress):
                joined = self.joined or self._read_all(progress)
        return joined

    def rows_of(self, name: str, progress: Progress | None = None) -> Rows:
        """Where the usable vectors of an embedding belong; see `Dataset.rows_of`."""
        if name not in self._rows:
            with self._alone(progress):
                if name not in self._rows:
                    self._rows[name] = self._read_rows(name, progress)
        return self._rows[name]

    def add(self, table: EmbeddingTable, name: str, progress: Progress | None = None) -> str:
        """Take a table that is read as another embedding; return its name.

        It is called `name`, or as it was if that is empty; a taken name gets a number.

        Raises
        ------
        MetadataError
            If it has no usable vector of any well.
        """
        rows = table.rows_in(self._wells.ids)
        if not len(rows[0]):
            raise MetadataError(table.why_none_of(self._wells.ids))
        with self._alone(progress):
            table.name = free_name(name or table.name, self.tables)
            self._rows[table.name] = rows
            self.tables = {**self.tables, table.name: table}
            if self.joined is not None:
                self._finish()
        return table.name

    @contextmanager
    def _alone(self, progress: Progress | None) -> Iterator[None]:
        """Wait for who reads now, in steps: so that a wait can be stopped too."""
        while not self._lock.acquire(timeout=_PATIENCE_S):
            if progress is not None:
                progress(*self._said)
        try:
            yield
        finally:
            self._lock.release()

    def _read_all(self, progress: Progress | None) -> Joined:
        unreadable = set()
        problems = []
        for name in self.tables:
            try:
                self.rows_of(name, progress)
            except MetadataError as error:
                problems.append(Problem("unreadable_file", detail=str(error)))
                unreadable.add(name)
        self.problems += problems  # now that nobody stopped it
        self.tables = {n: t for n, t in self.tables.items() if n not in unreadable}
        pa.default_memory_pool().release_unused()
        return self._finish()

    def _finish(self) -> Joined:
        has_vector = np.zeros(len(self._wells), dtype=bool)
        ranks = {}
        for name, table in self.tables.items():
            positions, _ = self._rows[name]
            has_vector[positions] = True
            ranks[name] = (len(positions), table.layout is None, table.dimension, *table.claim)
        joined = Joined(has_vector, max(ranks, key=ranks.__getitem__, default=None))
        self.joined = joined
        self.changed.emit()
        return joined

    def _read_rows(self, name: str, progress: Progress | None) -> Rows:
        if name not in self.tables:
            known = ", ".join(self.tables) or "none"
            raise MapError(f"There is no embedding {name!r}; there is {known}.")
        table = self.tables[name]

        def say(done: int, total: int, text: str) -> None:
            self._said = done, total, text
            if progress is not None:
                progress(done, total, text)

        table.read(say)
        say(0, 0, f"joining {len(self._wells):,} wells and their vectors")
        rows = self._kept_rows(table) or table.rows_in(self._wells.ids)
        if self._wells_print:
            arrays = {"positions": rows[0].astype(np.int32), "rows": rows[1].astype(np.int32)}
            self._cache.save("joins", self._join_print(table), arrays)
        return rows

    def _take_kept(self, name: str) -> bool:
        """Take from the cache what was read and joined before, if it is there."""
        table = self.tables[name]
        rows = self._kept_rows(table) if table.open_kept() else None
        if rows is not None:
            self._rows[name] = rows
        return rows is not None

    def _kept_rows(self, table: EmbeddingTable) -> Rows | None:
        if not self._wells_print:
            return None
        arrays = self._cache.load("joins", self._join_print(table)) or {}
        found = [arrays.get(name) for name in ("positions", "rows")]
        sizes = len(self._wells), len(table.is_usable)
        if not all(_are_places(a, n) for a, n in zip(found, sizes, strict=True)):
            return None
        positions, rows = (np.asarray(a, dtype=np.intp) for a in found)
        return (positions, rows) if len(positions) == len(rows) else None

    def _join_print(self, table: EmbeddingTable) -> str:
        return f"{self._wells_print}|{table.fingerprint}"


def _are_places(array: Array | None, n: int) -> bool:
    """Whether an array of a file that anything may have happened to can be used as an index."""
    if array is None or array.ndim != 1 or array.dtype != np.int32:
        return False
    return not len(array) or bool(array.min() >= 0 and array.max() < n)


def describe_embedding(table: EmbeddingTable, n_used: int) -> str:
    """One or two sentences about an embedding: how much of it is used, and why not all."""
    n_rows = len(table.is_usable)
    said = f"{table.name}: vectors of {n_used:,} wells"
    if n_used < n_rows:
        said += f", of {n_rows:,} in the file"
    notes = [problem.detail for problem in table.problems]
    more = f" (and {len(notes) - 1:,} more notes)" if len(notes) > 1 else ""
    return f"{said}. {notes[0].rstrip('.')}{more}." if notes else f"{said}."

"""Files kept on disk by fingerprint: written whole or not at all, made anew when damaged."""

from __future__ import annotations

import hashlib
import weakref
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pyarrow as pa
from numpy.typing import DTypeLike

from napari_rxrx3.core.forking import Lock
from napari_rxrx3.data.cache.budgets import budget_of, budgets, note_budget
from napari_rxrx3.data.cache.eviction import KINDS, clean, mark_used
from napari_rxrx3.data.files.local import open_plain, written_atomically
from napari_rxrx3.data.parallel import background, in_threads

__all__ = [
    "DiskCache",
    "default_cache_folder",
    "demo_folder",
    "load_table",
    "save_table",
]

_FORMAT = 6
"""Part of every key: raise it when the meaning of a cached file changes."""
_LASTING = {"files", "wells", "joins", "vector-rows", "tar-index", "shard-index", "shard-footer"}
"""Kinds of which an open data set uses all files that it ever used."""
_PATIENCE = 60.0
"""Seconds to a cleaning: until then an opened data set has used what it needs of old files, and a
budget that is typed digit by digit is complete."""


def default_cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("napari-rxrx3", appauthor=False))


def demo_folder(chosen: str | None = None) -> Path:
    """Where the demo data are kept: a folder of choice, or one in the user's cache."""
    return Path(chosen) if chosen else default_cache_folder() / "demo"


class DiskCache:
    """Arrays in one folder, found by what they were made from.

    A folder that cannot be written costs speed, never a result. The folder keeps to the disk
    budget in `data.cache.budgets`; what was used within the last hour stays nevertheless.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()
        self._lasting: set[Path] = set()
        self._mapped: weakref.WeakValueDictionary[Path, np.ndarray[Any, Any]]
        self._mapped = weakref.WeakValueDictionary()
        budgets.disk_changed.connect(self._on_budget)
        with _living_lock:
            _living.add(self)

    def path(self, kind: str, fingerprint: str, suffix: str) -> Path:
        """Where a file is or will be; to ask is to use it.

        Raises
        ------
        ValueError
            For a kind that is not in `eviction.KINDS`: its files would never be removed.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of file that is kept")
        made_of = f"{_FORMAT}|{kind}|{fingerprint}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(made_of).hexdigest()[:32]
        path = self.folder / kind / f"{digest}{suffix}"
        mark_used(path)
        if kind in _LASTING:
            with self._lock:
                self._lasting.add(path)
        return path

    @contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """Write a file of this cache as `written_atomically` does, and make room for it."""
        with written_atomically(path) as temporary:
            yield temporary
        self.clean_later()

    def clean(self) -> None:
        """Remove what was not used for the longest time until the folder is within its budget."""
        _clean(self.folder)

    def clean_later(self, anew: bool = False) -> None:
        """Clean in the background a minute from now, or when Python ends."""
        background.later(self.folder, partial(_clean, self.folder), _PATIENCE, anew=anew)

    def mark_what_is_open(self) -> None:
        """Count as used now what the data set rests on that this cache belongs to."""
        with self._lock:
            in_use = [*self._lasting, *self._mapped]
        for path in in_use:
            mark_used(path)

    def _on_budget(self) -> None:
        self.clean_later(anew=True)

    def arrays(
        self, kind: str, fingerprint: str, build: Callable[[], dict[str, np.ndarray[Any, Any]]]
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Return what `build` returns, from the cache if it was built before."""
        arrays = self.load(kind, fingerprint)
        if arrays is None:
            arrays = build()
            self.save(kind, fingerprint, arrays)
        return arrays

    def load(self, kind: str, fingerprint: str) -> dict[str, np.ndarray[Any, Any]] | None:
        """Return the arrays that were saved, None if there are none or they are damaged."""
        path = self.path(kind, fingerprint, ".npz")
        try:
            # opened here: numpy does not close a file that it finds damaged
            with open_plain(path) as kept, np.load(kept, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except Exception:  # not there, or damaged, for which numpy and zipfile raise anything
            return None

    def save(self, kind: str, fingerprint: str, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        """Keep arrays for the next time."""
        path = self.path(kind, fingerprint, ".npz")
        # not numpy.savez: on a full disk that of numpy 1.26 leaves its file open
        with suppress(OSError), self.writing(path) as temp, zipfile.ZipFile(temp, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)

    def open_mapped(self, kind: str, fingerprint: str) -> np.ndarray[Any, Any] | None:
        """Map one kept array into memory, read-only; None if there is none or it is damaged."""
        try:
            path = self.path(kind, fingerprint, ".npy")
            return self._map(path)
        except Exception:  # not there, or damaged, for which numpy raises anything
            return None

    def new_mapped(
        self,
        kind: str,
        fingerprint: str,
        shape: tuple[int, ...],
        fill: Callable[[np.ndarray[Any, Any]], None],
        dtype: DTypeLike = np.float32,
    ) -> np.ndarray[Any, Any]:
        """Have an array filled and keep it as a file that is mapped into memory.

        Without a fingerprint, or where the file cannot be written, it stays in memory.
        """
        if fingerprint:
            path = self.path(kind, fingerprint, ".npy")
            try:
                with self.writing(path) as temporary:
                    mapped = _new_file(temporary, shape, dtype)
                    fill(mapped)
                    mapped.flush()
                    del mapped
                return self._map(path)
            except OSError:
                pass
        array = np.empty(shape, dtype)
        fill(array)
        return array

    def _map(self, path: Path) -> np.ndarray[Any, Any]:
        # not numpy.load: it would open a damaged file as whatever kind of its files it looks like
        open_plain(path).close()  # a named pipe in its place would never be opened
        mapped: np.ndarray[Any, Any] = np.lib.format.open_memmap(path, mode="r")
        if mapped.dtype not in (np.float32, np.float64):
            raise ValueError(f"{path} holds {mapped.dtype}")
        with self._lock:
            self._mapped[path] = mapped
        return mapped


_living: weakref.WeakSet[DiskCache] = weakref.WeakSet()
_living_lock = Lock()


def _clean(folder: Path) -> None:
    note_budget(folder)
    with _living_lock:
        caches = [cache for cache in _living if cache.folder == folder]
    for cache in caches:
        cache.mark_what_is_open()
    clean(folder, budget_of(folder))


def _new_file(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> np.memmap[Any, Any]:
    """An array in a file, mapped into memory, with all of its room taken on the disk.

    To write to a mapped file whose room is not there would end the process.
    """
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    block = bytes(1 << 20)
    with path.open("r+b") as file:
        file.seek(mapped.offset)
        for start in range(0, mapped.nbytes, len(block)):
            file.write(block[: mapped.nbytes - start])
    return mapped


_MAPPED_FROM = 2**24
"""Bytes from which on a file is mapped instead of read: small ones are independent of theirs."""


def load_table(path: Path) -> pa.Table | None:
    """The table in a file; None if it is gone or damaged."""
    try:
        open_plain(path).close()
        is_large = path.stat().st_size > _MAPPED_FROM
        with (pa.memory_map if is_large else pa.OSFile)(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        for _ in in_threads(lambda column: column.validate(full=True), table.columns):
            pass
    except (OSError, ValueError, pa.ArrowException):
        return None
    return table


def save_table(cache: DiskCache, path: Path, table: pa.Table) -> None:
    """Keep a table as a file of the cache, in one piece; a disk that is full keeps nothing."""
    with (
        suppress(OSError),
        cache.writing(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table.combine_chunks())

"""Large files of servers, fetched into the cache; a fetch that was stopped or killed goes on later.

A file is written from its beginning on, so its size says where to go on, whoever has written it:
several programs that fetch one file write the same bytes to the same places.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.stopping import Stop, bound, current_stop, result_of
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.cache.eviction import mark_used
from napari_rxrx3.data.files.storage import Storage

__all__ = ["FETCHED_FROM", "Fetch"]

Range = tuple[int, int]

FETCHED_FROM = 8 * 2**20
"""Bytes from which on a file is fetched before it is read."""
_PART, _AT_ONCE = 4 * 2**20, 8


class Fetch:
    """One file of a server and its copy in the cache, which is removed once it was of use."""

    def __init__(self, storage: Storage, path: str, cache: DiskCache) -> None:
        self._storage, self._path = storage, path
        self.size = storage.size(path)
        self._print = storage.fingerprint(path)
        self.copy = cache.path("fetched", self._print, ".copy")

    def run(self, progress: Progress | None = None) -> Path:
        """Fetch what is not there yet; the file as it is then.

        Parameters
        ----------
        progress : callable, optional
            Called with (done, total, text), in bytes; may raise to stop. What came stays.

        Raises
        ------
        OSError
            If it cannot be had, or not be kept.
        """
        self.copy.parent.mkdir(parents=True, exist_ok=True)
        # where nobody tells whether the file is the same, all of it is fetched anew
        begun = os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0)
        begun |= 0 if self._storage.tells_changes(self._path) else os.O_TRUNC
        with os.fdopen(os.open(self.copy, begun, 0o666), "r+b") as file:
            done = file.seek(0, os.SEEK_END)
            if done > self.size:
                done = file.truncate(0)
            for data in _in_order(self._part, _ranges(done, self.size)):
                file.seek(done)
                file.write(data)
                file.flush()
                mark_used(self.copy)
                done += len(data)
                if progress is not None:
                    progress(done, self.size, self._said(done))
        return self.copy

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        try:
            return self.copy.stat().st_size == self.size
        except OSError:
            return False

    def remove(self) -> None:
        with suppress(OSError):  # another program reads it, on Windows
            self.copy.unlink()

    def _part(self, place: Range) -> bytes:
        data = self._storage.read(self._path, *place)
        if len(data) != place[1] - place[0]:
            raise OSError("the server sent less than it has")
        return data

    def _said(self, done: int) -> str:
        name = self._path.rsplit("/", 1)[-1]
        return f"fetching {name}: {done / 1e6:,.0f} of {self.size / 1e6:,.0f} MB"


def _ranges(start: int, stop: int) -> Iterator[Range]:
    return ((at, min(at + _PART, stop)) for at in range(start, stop, _PART))


def _in_order(read: Callable[[Range], bytes], ranges: Iterable[Range]) -> Iterator[bytes]:
    """Read some ranges at once and yield them in their order; what waits is no more than that."""
    stop, waiting = Stop(current_stop()), deque[Future[bytes]]()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rxrx3-fetching") as pool:
        try:
            for place in ranges:
                waiting.append(pool.submit(bound(read, stop), place))
                if len(waiting) == _AT_ONCE:
                    yield result_of(waiting.popleft())
            while waiting:
                yield result_of(waiting.popleft())
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

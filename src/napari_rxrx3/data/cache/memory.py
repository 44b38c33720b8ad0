"""What is kept in memory: the least recently used goes first, and freed memory to the system."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import cache
from typing import Any, TypeVar

from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.forking import renewed_in_children
from napari_rxrx3.core.stopping import result_of

__all__ = ["LruCache", "give_back_memory", "nbytes_of", "one"]

Value = TypeVar("Value")


def nbytes_of(value: Any) -> int:
    """Size of what says its `nbytes`, as arrays do."""
    return int(value.nbytes)


def one(value: Any) -> int:
    """Size of anything in a cache that counts how many it holds."""
    return 1


class LruCache:
    """The most recently used values, up to a size together; safe to use from many threads.

    Threads that ask for the same key at once share one computation.

    Parameters
    ----------
    max_size : int
        In the unit of `size_of`, bytes by default. What is larger by itself is not kept.
    size_of : callable, optional
        Size of a value, which must not change.
    """

    def __init__(self, max_size: int, size_of: Callable[[Any], int] = nbytes_of) -> None:
        self._max_size, self._size_of = max_size, size_of
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        renewed_in_children(self)

    def renew(self) -> None:
        """Go on in a forked child with what was kept; nobody there computes the rest."""
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[Any]] = {}
        self._size = sum(map(self._size_of, self._kept.values()))

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._kept

    @property
    def size(self) -> int:
        """Size of all that is kept."""
        return self._size

    def get(
        self, key: Hashable, compute: Callable[[], Value], *, shares_failure: bool = True
    ) -> Value:
        """Return the value of a key, computed unless it is kept.

        Parameters
        ----------
        shares_failure : bool
            Whether an error of a computation is the answer to all who wait for it; if not, or if
            it was stopped by who asked, each of the others tries it.
        """
        while True:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    kept: Value = self._kept[key]
                    return kept
                running = self._running.get(key)
                if running is None:
                    mine = self._running[key] = Future()
                    break
            try:
                value: Value = result_of(running)
            except Cancelled:
                if not running.done():  # nobody wants it here any more
                    raise
            except BaseException:
                if shares_failure:
                    raise
            else:
                return value
        return self._compute(key, compute, mine)

    def find(self, key: Hashable) -> Any:
        """The value that is kept of a key, which counts as used; else None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value as the one that was used last."""
        size = self._size_of(value)
        with self._lock:
            self._drop(key)
            if size > self._max_size:
                return  # it would push out all others and still not fit
            self._kept[key] = value
            self._size += size
            self._shrink()

    def drop(self, key: Hashable) -> None:
        """Keep nothing of one key."""
        with self._lock:
            self._drop(key)

    def resize(self, max_size: int) -> None:
        """Allow more or less from now on; what is too much goes at once."""
        with self._lock:
            self._max_size = max_size
            self._shrink()

    def clear(self) -> None:
        """Keep nothing of what there is."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    def _compute(self, key: Hashable, compute: Callable[[], Value], mine: Future[Any]) -> Value:
        try:
            value = compute()
            self.put(key, value)
        except BaseException as error:
            with self._lock:
                del self._running[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._running[key]
        mine.set_result(value)
        return value

    def _drop(self, key: Hashable) -> None:
        if key in self._kept:
            self._size -= self._size_of(self._kept.pop(key))

    def _shrink(self) -> None:
        while self._size > self._max_size:
            _, dropped = self._kept.popitem(last=False)
            self._size -= self._size_of(dropped)


def give_back_memory() -> None:
    """Have the C library return what it holds free, where it holds much: on Linux.

    Each thread of glibc has a pool of its own, which keeps freed images of other sizes between
    those that are in use: hundreds of megabytes after some hundred wells. Takes milliseconds.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library
        return None
    return trim

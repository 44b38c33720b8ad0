"""What a forked child makes anew: of all threads of its parent it has only the one that forked.

A lock that another thread held then would never be released in the child, and work that was given
to another thread would never be done. `multiprocessing` forks by default on Linux, and so do data
loaders that rest on it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakSet

__all__ = ["Lock", "Renewed", "not_while_forking", "renewed_in_children"]

_PATIENCE_S = 10.0
"""A fork waits no longer for what goes on."""


class Renewed(Protocol):
    """Something that can be as new in a forked child."""

    def renew(self) -> None: ...


_renewed: WeakSet[Renewed] = WeakSet()


def renewed_in_children(owner: Renewed) -> None:
    """Call `owner.renew()` now, and in each child that is forked from now on."""
    owner.renew()
    _renewed.add(owner)


class Lock:
    """A lock that is free in a forked child, whoever held it in the parent.

    Parameters
    ----------
    make : callable
        Makes a lock of `threading`.
    """

    def __init__(self, make: Callable[[], Any] = threading.Lock) -> None:
        self._make = make
        renewed_in_children(self)

    def renew(self) -> None:
        self._lock = self._make()

    def acquire(self, timeout: float = -1) -> bool:
        return bool(self._lock.acquire(timeout=timeout))

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class _Gate:
    """Lets threads work, or one of them fork: libraries have locks that no child could free."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._changed = threading.Condition()
        self._working: dict[int, int] = {}
        self._is_shut = False

    def enter(self) -> None:
        me = threading.get_ident()
        with self._changed:
            while self._is_shut and me not in self._working:
                self._changed.wait()
            self._working[me] = self._working.get(me, 0) + 1

    def leave(self) -> None:
        me = threading.get_ident()
        with self._changed:
            if me not in self._working:  # it forked in between, and is the child
                return
            self._working[me] -= 1
            if not self._working[me]:
                del self._working[me]
                self._changed.notify_all()

    def shut(self) -> None:
        """Wait until nobody else works, and let nobody begin; a second fork waits for the first."""
        end = time.monotonic() + _PATIENCE_S
        self._changed.acquire()
        self._is_shut = True
        while self._working.keys() - {threading.get_ident()}:
            if not self._changed.wait(max(0.0, end - time.monotonic())):
                break

    def open(self) -> None:
        self._is_shut = False
        self._changed.notify_all()
        self._changed.release()


_gate = _Gate()


@contextmanager
def not_while_forking() -> Iterator[None]:
    """Do something that libraries may lock; a fork waits for its end, and it for the fork's."""
    _gate.enter()
    try:
        yield
    finally:
        _gate.leave()


def _renew_all() -> None:
    _gate.renew()
    _forget_pools_of_dask()
    for owner in list(_renewed):
        owner.renew()


def _forget_pools_of_dask() -> None:
    """Have dask start its threads anew: it would give work to those of the parent, and wait."""
    dask = sys.modules.get("dask.threaded")
    if dask is not None:
        pools: dict[Any, Any] = getattr(dask, "pools", {})
        pools.clear()
        vars(dask).update(default_pool=None, pools_lock=Lock())


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(before=_gate.shut, after_in_parent=_gate.open, after_in_child=_renew_all)

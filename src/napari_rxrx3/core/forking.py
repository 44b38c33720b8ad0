"""What a forked child makes anew: of all threads of its parent it has only the one that forked.

A lock that another thread held then would never be released in the child, and work that was given
to another thread would never be done. `multiprocessing` forks by default on Linux, and so do data
loaders that rest on it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet

__all__ = ["Lock", "Renewed", "renewed_in_children"]


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


def _renew_all() -> None:
    for owner in list(_renewed):
        owner.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_renew_all)

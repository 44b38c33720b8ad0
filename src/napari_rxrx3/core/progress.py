"""How long work says how far it is, and hears that it is to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from napari_rxrx3.core.forking import Lock

__all__ = ["Progress", "holding", "silent"]

Progress = Callable[[int, int, str], None]
"""Called with what is done, of how much (0: not known), and a text; may raise to stop the work."""

_PATIENCE_S = 0.1


def silent(done: int, total: int, text: str) -> None:
    """The progress of work that nobody watches or stops."""


@contextmanager
def holding(lock: Lock, progress: Progress) -> Iterator[None]:
    """Hold a lock; `progress` is called, and may stop the waiting, while another thread has it."""
    while not lock.acquire(timeout=_PATIENCE_S):
        progress(0, 0, "waiting for the same work, begun before")
    try:
        yield
    finally:
        lock.release()

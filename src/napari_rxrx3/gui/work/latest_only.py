"""Results made in a thread of their own, while the window goes on; of those asked, the latest."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from superqt.utils import ensure_main_thread

__all__ = ["LatestOnly"]

_log = logging.getLogger(__name__)
Job = Callable[[], Any]


class LatestOnly:
    """Does one job after the other in a thread; of those of a kind that wait, only the latest.

    What is under way is brought to its end: while the mouse moves on and on, a picture now and
    then is better than none. Call it on the GUI thread.

    Parameters
    ----------
    done : bound method
        Gets kind and result on the GUI thread; its object is not kept alive.
    """

    def __init__(self, done: Callable[[str, Any], None]) -> None:
        self._done = weakref.WeakMethod(done)
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: dict[str, Job] = {}
        self._is_busy = False
        self._is_closed = False

    @property
    def is_idle(self) -> bool:
        return self._is_closed or not (self._is_busy or self._waiting)

    def ask(self, kind: str, job: Job) -> None:
        """Do a job as soon as the one under way is done. It must not hold anything of Qt."""
        if not self._is_closed:
            self._waiting[kind] = job
            self._go_on()

    def close(self, wait: bool = False) -> None:
        """Do nothing any more; what still comes is dropped."""
        self._is_closed = True
        self._waiting.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=True)

    def _go_on(self) -> None:
        if self._is_busy or not self._waiting:
            return
        kind = next(iter(self._waiting))
        self._is_busy = True
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="rxrx3-latest")
        self._pool.submit(_work, weakref.ref(self), kind, self._waiting.pop(kind))

    def _end(self, kind: str, result: Any) -> None:
        self._is_busy = False
        done = self._done()
        if done is not None and not self._is_closed and result is not None:
            done(kind, result)
        self._go_on()


def _work(asker: weakref.ref[LatestOnly], kind: str, job: Job) -> None:
    try:
        result = job()
    except Exception:  # a bug of ours: keep the window alive
        _log.exception("the map could not be drawn")
        result = None
    _deliver(asker, kind, result)


@ensure_main_thread
def _deliver(asker: weakref.ref[LatestOnly], kind: str, result: Any) -> None:
    there = asker()
    if there is not None:
        there._end(kind, result)

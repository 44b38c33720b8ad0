"""Pictures made in a thread of their own, while the window goes on."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from napari_rxrx3.gui.tasks import MainThread

__all__ = ["LatestOnly"]

_log = logging.getLogger(__name__)
Job = Callable[[], Any]


@lru_cache(maxsize=1)
def _main_thread() -> MainThread:
    """The way back to the GUI thread: never destroyed, least of all by a thread."""
    return MainThread()


class LatestOnly:
    """Does one job after the other in a thread; of those of a kind that wait, only the newest.

    What is under way is brought to its end: while the mouse moves on and on, a picture now and
    then is better than none. Call it on the GUI thread.

    Parameters
    ----------
    done : bound method
        Gets kind and result on the GUI thread; its object is not kept alive.
    """

    def __init__(self, done: Callable[[str, Any], None]) -> None:
        self._done = weakref.WeakMethod(done)
        self._main = _main_thread()
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: dict[str, Job] = {}
        self._is_busy = False
        self._is_closed = False

    @property
    def is_idle(self) -> bool:
        return not self._is_busy and not self._waiting

    def ask(self, kind: str, job: Job) -> None:
        """Do a job as soon as the one under way is done. It must not hold anything of Qt."""
        self._waiting[kind] = job
        self._go_on()

    def close(self) -> None:
        """Do nothing any more."""
        self._is_closed = True
        self._waiting.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _go_on(self) -> None:
        if self._is_busy or self._is_closed or not self._waiting:
            return
        kind = next(iter(self._waiting))
        self._is_busy = True
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="rxrx3-map")
        self._pool.submit(_work, self._main, weakref.ref(self), kind, self._waiting.pop(kind))

    def _end(self, kind: str, result: Any) -> None:
        self._is_busy = False
        done = self._done()
        if done is not None and not self._is_closed and result is not None:
            done(kind, result)
        self._go_on()


def _work(main: MainThread, newest: weakref.ref[LatestOnly], kind: str, job: Job) -> None:
    try:
        result = job()
    except Exception:  # a bug of ours: keep the window alive
        _log.exception("the map could not be drawn")
        result = None
    main.call(lambda: _deliver(newest, kind, result))


def _deliver(newest: weakref.ref[LatestOnly], kind: str, result: Any) -> None:
    there = newest()
    if there is not None:
        there._end(kind, result)

"""Work in threads: many things at once, and what can wait in the background."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from napari_rxrx3.core.forking import renewed_in_children
from napari_rxrx3.core.stopping import Stop, bound, current_stop, result_of

__all__ = ["Background", "Threads", "background", "in_threads"]

Job = TypeVar("Job")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)


def in_threads(
    function: Callable[[Job], Result], jobs: Iterable[Job], n: int = 0
) -> Iterator[Result]:
    """Yield the results in the order of the jobs; leaving the loop early cancels the rest.

    Parameters
    ----------
    n : int
        How many at once, if not as many as there are cores.
    """
    stop = Stop(current_stop())
    with ThreadPoolExecutor(n or max(4, os.cpu_count() or 1)) as pool:
        try:
            yield from pool.map(bound(function, stop), jobs)
        finally:
            stop.set()  # who waits for a server need not any more
            pool.shutdown(wait=False, cancel_futures=True)


class Threads:
    """A pool of threads that lasts, and that a forked child has for itself."""

    def __init__(self, n: int, name: str) -> None:
        self._n, self._name = n, name
        renewed_in_children(self)

    def renew(self) -> None:
        self._pool = ThreadPoolExecutor(self._n, thread_name_prefix=self._name)

    def map(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> list[Result]:
        """The results in the order of the jobs, when all are done; raises the first error."""
        stop = Stop(current_stop())
        futures = [self._pool.submit(bound(function, stop), job) for job in jobs]
        try:
            return [result_of(future) for future in futures]
        finally:
            stop.set()
            for future in futures:
                future.cancel()


class Background:
    """Runs work in one thread, one after another; work of the same name waits once only."""

    def __init__(self) -> None:
        renewed_in_children(self)

    def renew(self) -> None:
        """Leave what is waiting to the parent of a forked child."""
        self._changed = threading.Condition()
        self._waiting: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._thread: threading.Thread | None = None

    def later(
        self, name: Hashable, work: Callable[[], None], seconds: float, *, anew: bool = False
    ) -> None:
        """Run work some seconds from now.

        Parameters
        ----------
        anew : bool
            Begin to wait once more if work of that name is waiting, else leave it as it is.
        """
        with self._changed:
            if name in self._waiting and not anew:
                return
            self._waiting[name] = time.monotonic() + seconds, work
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="rxrx3-background", daemon=True
                )
                with suppress(RuntimeError):  # no thread starts while Python ends
                    self._thread.start()
            self._changed.notify()

    def finish(self) -> None:
        """Run now whatever is waiting."""
        with self._changed:
            waiting, self._waiting = self._waiting, {}
        for _, work in waiting.values():
            _run_safely(work)

    def _run(self) -> None:
        while True:
            _run_safely(self._next())

    def _next(self) -> Callable[[], None]:
        """Wait for the next work to be due."""
        with self._changed:
            while True:
                name = min(self._waiting, key=lambda n: self._waiting[n][0], default=None)
                seconds = None if name is None else self._waiting[name][0] - time.monotonic()
                if seconds is not None and seconds <= 0:
                    return self._waiting.pop(name)[1]
                self._changed.wait(seconds)


def _run_safely(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:  # a bug of ours: what else is waiting is done nevertheless
        _log.exception("work in the background failed")


background = Background()
"""The one of this process; what is waiting when Python ends is done then."""
atexit.register(background.finish)

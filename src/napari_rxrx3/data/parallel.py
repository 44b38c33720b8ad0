"""Work in threads: many things at once, and what can wait in the background."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.forking import Lock, renewed_in_children
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.stopping import Stop, bound, current_stop, result_of

__all__ = [
    "Background",
    "Threads",
    "background",
    "cores",
    "in_threads",
    "n_threads",
    "side_by_side",
    "use_cores",
]

Job = TypeVar("Job")
Result = TypeVar("Result")

_REPORTED_S = 0.05

_log = logging.getLogger(__name__)

_told: list[int] = []


def use_cores(n: int) -> None:
    """Use so many cores from now on: other processes use the others.

    Each work uses two threads then, one of which may read while the other one decodes.
    """
    _told[:] = [n]


def cores() -> int:
    """How many this process may use."""
    return _told[0] if _told else os.cpu_count() or 1


def n_threads() -> int:
    """How many threads some work uses: more than there are few cores, as servers answer late."""
    return 2 if _told else max(4, cores())


def in_threads(
    function: Callable[[Job], Result], jobs: Iterable[Job], n: int = 0
) -> Iterator[Result]:
    """Yield the results in the order of the jobs; leaving the loop early cancels the rest.

    Parameters
    ----------
    n : int
        How many at once, if not `n_threads()`.
    """
    stop = Stop(current_stop())
    with ThreadPoolExecutor(n or n_threads()) as pool:
        try:
            yield from pool.map(bound(function, stop), jobs)
        finally:
            stop.set()  # who waits for a server need not any more
            pool.shutdown(wait=False, cancel_futures=True)


def side_by_side(jobs: Sequence[Callable[[Progress], Result]], progress: Progress) -> list[Result]:
    """The results of computations that need nothing of each other, one to a core.

    Libraries of linear algebra use one thread each meanwhile: theirs would be in the way of ours.

    Parameters
    ----------
    jobs : sequence of callable
        Each is given a progress of its own, which raises to stop it.
    progress : callable
        Called in this thread, many times a second and at the end, with the last report of the
        first job that has not ended; may raise to stop all of them.
    """
    n_at_once = min(cores(), len(jobs))
    if n_at_once < 2:
        return [job(progress) for job in jobs]
    reports = [_Reports() for _ in jobs]
    with _one_blas_thread, ThreadPoolExecutor(n_at_once, "rxrx3-compute") as pool:
        futures = [pool.submit(job, report) for job, report in zip(jobs, reports, strict=True)]
        try:
            open_ones = set(futures)
            while open_ones:
                done, open_ones = wait(open_ones, _REPORTED_S, FIRST_COMPLETED)
                for future in done:
                    future.result()
                going_on = (r for f, r in zip(futures, reports, strict=True) if not f.done())
                progress(*next(going_on, reports[-1]).last)
        except BaseException:
            for report in reports:
                report.is_stopped = True
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [future.result() for future in futures]


class _Reports:
    """The progress of a job in another thread: its last report, and whether it is to stop."""

    def __init__(self) -> None:
        self.last, self.is_stopped = (0, 0, "preparing"), False

    def __call__(self, done: int, total: int, text: str) -> None:
        if self.is_stopped:
            raise Cancelled("stopped with the work that this is a part of")
        self.last = done, total, text


class _OneBlasThread:
    """Limits linear algebra to one thread while any thread of this process is within it."""

    def __init__(self) -> None:
        self._lock = Lock()
        renewed_in_children(self)

    def renew(self) -> None:
        self._n_within = 0  # a forked child has none of the threads that were within

    def __enter__(self) -> None:
        from threadpoolctl import threadpool_limits  # looks at all libraries that are loaded

        with self._lock:
            self._n_within += 1
            if self._n_within == 1:
                self._limits = threadpool_limits(1, "blas")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_within -= 1
            if self._n_within == 0:
                self._limits.restore_original_limits()


_one_blas_thread = _OneBlasThread()


class Threads:
    """A pool of threads that lasts, and that a forked child has for itself."""

    def __init__(self, n: int, name: str) -> None:
        self._n, self._name = n, name
        renewed_in_children(self)

    def renew(self) -> None:
        self._pool = ThreadPoolExecutor(self._n, thread_name_prefix=self._name)

    def submit(self, function: Callable[[Job], Result], job: Job) -> Future[Result]:
        """Do something later, as a part of the work that is being done now."""
        return self._pool.submit(bound(function), job)

    def map(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> list[Result]:
        """The results in the order of the jobs, when all are done; raises the first error."""
        return list(self.in_order(function, jobs))

    def in_order(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """Yield the results in the order of the jobs; leaving the loop early cancels the rest."""
        stop = Stop(current_stop())
        futures = [self._pool.submit(bound(function, stop), job) for job in jobs]
        try:
            for future in futures:
                yield result_of(future)
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

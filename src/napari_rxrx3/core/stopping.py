"""Waiting that can be stopped: who waits for a server hears within moments that nobody wants it.

Work is done under a `Stop`, which whoever asked for it sets once it is not wanted any more. What
waits asks for it in between, in whichever thread: `in_threads` and others pass it on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Any, TypeVar

from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.forking import renewed_in_children

__all__ = [
    "Stop",
    "bound",
    "check",
    "current_stop",
    "finished",
    "interruptible",
    "pause",
    "result_of",
    "under",
]

Result = TypeVar("Result")

_PATIENCE_S = 1.0
_LOOK_S = 0.05
"""Who waits looks so often whether he still has to."""


class Stop:
    """Says whether some work is not wanted any more: once set, for ever.

    Parameters
    ----------
    outer : Stop, optional
        Of the work that this is a part of.
    """

    def __init__(self, outer: Stop | None = None) -> None:
        self._set_at, self._outer = inf, outer

    def set(self, in_s: float = 0.0) -> None:
        """Stop the work, or let it have some seconds more: what it has begun may be of use yet."""
        self._set_at = min(self._set_at, time.monotonic() + in_s)

    @property
    def is_set(self) -> bool:
        return time.monotonic() >= self._set_at or (self._outer is not None and self._outer.is_set)


_current: ContextVar[Stop | None] = ContextVar("stop", default=None)


def current_stop() -> Stop | None:
    """Of the work that is being done."""
    return _current.get()


@contextmanager
def under(stop: Stop | None) -> Iterator[None]:
    """Work until `stop` is set; of what is being done already where it is None."""
    before = _current.set(stop if stop is not None else _current.get())
    try:
        yield
    finally:
        _current.reset(before)


def bound(function: Callable[..., Result], stop: Stop | None = None) -> Callable[..., Result]:
    """The function as a part of the work that is being done now, whichever thread calls it."""
    stop = stop or _current.get()

    def call(*arguments: Any) -> Result:
        with under(stop):
            return function(*arguments)

    return call if stop is not None else function


def check() -> None:
    """Raise Cancelled if the work is not wanted any more."""
    stop = _current.get()
    if stop is not None and stop.is_set:
        raise Cancelled("It was stopped.")


def pause(seconds: float) -> None:
    """Wait for so long, unless the work is stopped."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(left, _LOOK_S))
    check()


def result_of(future: Future[Result]) -> Result:
    """What another thread finds out, unless the work is stopped before."""
    while True:
        check()
        try:
            return future.result(_LOOK_S if _current.get() is not None else None)
        except NotDone:
            if future.done():  # the other thread's own error
                raise


def finished(ask: Callable[[], Result]) -> Result:
    """What is answered, unless the work is stopped before; then nobody hears the answer.

    A server may take any time, and what waits for it cannot be ended: so that is done in a thread
    that neither the program nor whoever asked has to wait for.
    """
    check()
    job = _Job(ask)
    _helpers.give(job)
    while not job.is_done.wait(_LOOK_S):
        check()
    return job.result()  # type: ignore[no-any-return]


def interruptible(work: Callable[[], Result]) -> Result:
    """Do something of which Ctrl-C hears at once, whatever it waits for; for the main thread.

    Compiled code that reads a file of a server would keep the main thread from hearing it.
    """
    stop = Stop(_current.get())
    job = _Job(bound(work, stop))
    _helpers.give(job)
    try:
        while not job.is_done.wait(_LOOK_S):
            pass
    except KeyboardInterrupt:
        stop.set()
        job.is_done.wait(_PATIENCE_S)  # what was made so far is being kept
        raise
    return job.result()  # type: ignore[no-any-return]


class _Job:
    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask: Callable[[], Any] | None = ask
        self.is_done = threading.Event()
        self._answer: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        assert self._ask is not None
        try:
            self._answer = self._ask()
        except BaseException as error:
            self._error = error
        self._ask = None
        self.is_done.set()

    def result(self) -> Any:
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._answer


class _Helper:
    """A thread that does one job after the other, and does not keep the program from ending."""

    def __init__(self, on_idle: Callable[[_Helper], bool]) -> None:
        self._on_idle = on_idle
        self._job: _Job | None = None
        self._has_job = threading.Event()
        threading.Thread(target=self._run, name="rxrx3-asking", daemon=True).start()

    def give(self, job: _Job) -> None:
        self._job = job
        self._has_job.set()

    def _run(self) -> None:
        while self._has_job.wait():
            self._has_job.clear()
            job, self._job = self._job, None
            assert job is not None
            job.run()
            del job  # what was answered is the asker's
            if not self._on_idle(self):
                return


class _Helpers:
    """As many as there are jobs at once; some stay for the next ones."""

    _MOST_IDLE = 64

    def __init__(self) -> None:
        renewed_in_children(self)

    def renew(self) -> None:
        self._idle: list[_Helper] = []  # taken from and added to at once, without a lock

    def give(self, job: _Job) -> None:
        try:
            helper = self._idle.pop()
        except IndexError:
            helper = _Helper(self._on_idle)
        helper.give(job)

    def _on_idle(self, helper: _Helper) -> bool:
        stays = len(self._idle) < self._MOST_IDLE
        if stays:
            self._idle.append(helper)
        return stays


_helpers = _Helpers()

"""One thread that does what can wait, a while after it was asked for."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress

__all__ = ["Janitor", "janitor"]

_log = logging.getLogger(__name__)


class Janitor:
    """Runs work in the background, one after another; each name waits once only."""

    def __init__(self) -> None:
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
                self._thread = threading.Thread(target=self._run, name="rxrx3-janitor", daemon=True)
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
        _log.exception("tidying up failed")


janitor = Janitor()
"""The one of this process; what is waiting when Python ends is done then."""
atexit.register(janitor.finish)

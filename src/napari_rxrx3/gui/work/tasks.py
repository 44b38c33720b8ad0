"""Tasks that take longer than a moment, in threads; a newer one of the name replaces the older."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal
from superqt.utils import ensure_main_thread

from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.secrets import without_secrets
from napari_rxrx3.core.stopping import Stop, under
from napari_rxrx3.diagnostics.log import timed

__all__ = ["Progress", "Tasks"]

Status = tuple[int, int, str]

_PAUSE_MS = 250
"""Progress is shown this often: work may report thousands of steps a second."""

_log = logging.getLogger(__name__)


class Tasks(QObject):
    """Starts functions in threads and brings back what they return.

    A function gets a `progress(done, total, text)` that raises `Cancelled` once a newer task of
    the same name was started, or the task was cancelled; so does whatever waits for a server then.
    Results of such tasks are dropped.
    """

    changed = Signal()
    """A task started, moved on or ended: read `status`."""
    stopped = Signal(str)
    """The user stopped the task of this name: nothing else will be heard of it."""

    def __init__(self, parent: QObject | None = None, n_threads: int = 4) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="rxrx3-task")
        self._is_closed = False
        self._current: dict[str, Stop] = {}
        self._status: dict[str, Status] = {}
        self._news: dict[str, tuple[Stop, Status]] = {}
        self._news_lock = threading.Lock()
        self._pause = QTimer(self, interval=_PAUSE_MS, singleShot=True)
        self._pause.timeout.connect(self._move_on)

    @property
    def status(self) -> Status | None:
        """(done, total, text) of the oldest task under way; total 0: unknown. None: all done."""
        return next(iter(self._status.values()), None)

    def run(
        self,
        name: str,
        function: Callable[[Progress], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        text: str = "",
    ) -> None:
        """Start a task; the callbacks run on the GUI thread.

        Parameters
        ----------
        failed : callable
            Gets one sentence.
        text : str
            Shown while the task runs; empty for work that is not worth a word.
        """
        self.cancel(name)
        if self._is_closed:  # a timer or a signal comes late
            return
        token = Stop()
        self._current[name] = token
        if text:
            self._status[name] = (0, 0, without_secrets(text))
            self.changed.emit()

        progress = partial(self._progress, name, token)
        work = partial(function, progress)
        if text:
            work = partial(timed, name, work)
        self._pool.submit(self._work, name, token, work, done, failed)

    def cancel(self, name: str) -> None:
        """Drop the task of this name if there is one."""
        if name in self._current:
            self._current[name].set()
        self._forget(name)

    def _forget(self, name: str) -> None:
        self._current.pop(name, None)
        if self._status.pop(name, None) is not None:
            self.changed.emit()

    def cancel_shown(self) -> None:
        """Drop the tasks that the user is told about; the others nobody would start again."""
        for name in list(self._status):
            self.cancel(name)
            self.stopped.emit(name)

    @property
    def is_idle(self) -> bool:
        return not self._current

    @property
    def running(self) -> list[str]:
        """Names of the tasks that are under way."""
        return list(self._current)

    def is_running(self, name: str) -> bool:
        """Whether the task of this name is under way."""
        return name in self._current

    def close(self, wait: bool = False) -> None:
        """Drop everything, start nothing any more. Works without its Qt part as well."""
        self._is_closed = True
        for stop in self._current.values():
            stop.set()
        self._current.clear()
        self._status.clear()
        # or Python's collector takes it in another thread, where no timer can be stopped
        with suppress(RuntimeError):  # its Qt part is gone
            self._pause.stop()
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _progress(self, name: str, token: Stop, done: int, total: int, text: str) -> None:
        if self._current.get(name) is not token:
            raise Cancelled("A newer request took over.")
        if text:
            status = done, total, without_secrets(text)
            with self._news_lock:
                is_first = not self._news
                self._news[name] = token, status
            if is_first:  # else the GUI thread has yet to look at what is new
                self._look_soon()

    def _work(
        self,
        name: str,
        token: Stop,
        function: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None],
    ) -> None:
        if self._current.get(name) is not token:
            return
        try:
            with under(token):
                end = partial(done, function())
        except Cancelled:
            if self._current.get(name) is not token:
                return
            end = partial(failed, "It was stopped.")  # not by us: say so, or it never ends
        except RxRx3Error as error:
            end = partial(failed, str(error))
        except Exception as error:  # a bug of ours: keep the window alive, and say it
            _log.exception("task %r failed", name)
            said = without_secrets(f"Unexpected {type(error).__name__}: {error}")
            end = partial(failed, said)
        self._end(name, token, end)

    @ensure_main_thread
    def _look_soon(self) -> None:
        if self._current:  # otherwise the Qt part may be gone
            self._pause.start()
        else:
            self._move_on()

    def _move_on(self) -> None:
        with self._news_lock:
            news, self._news = self._news, {}
        current = {n: s for n, (token, s) in news.items() if self._current.get(n) is token}
        if current:
            self._status |= current
            self.changed.emit()

    @ensure_main_thread
    def _end(self, name: str, token: Stop, end: Callable[[], None]) -> None:
        if self._current.get(name) is token:
            self._forget(name)
            end()

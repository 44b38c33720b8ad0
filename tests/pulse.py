"""How long an event loop stands still for nothing: while no thread computes, or would."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from qtpy.QtCore import Qt, QTimer

__all__ = ["Pulse", "idle_clock", "work_of"]

_BEAT_MS = 10


def work_of(pid: int = 0) -> float:
    """Seconds that threads computed, or waited for a processor; from Linux.

    Parameters
    ----------
    pid : int
        Of another process, of which the main thread counts alone; else all of this one do.
    """
    own = Path("/proc/self/task")
    threads = [Path(f"/proc/{pid}/task/{pid}")] if pid else list(own.iterdir())
    total = 0
    for thread in threads:
        with suppress(OSError):  # it has ended meanwhile
            run, waited, _ = (thread / "schedstat").read_text().split()
            total += int(run) + int(waited)
    return total / 1e9


def idle_clock() -> Callable[[], float]:
    """Give a clock that stands while this process works, or would if the machine let it."""
    begin, work = time.monotonic(), work_of()
    return lambda: max(0.0, (time.monotonic() - begin) - (work_of() - work))


class Pulse:
    """Beats in the event loop of this thread while it is entered.

    Attributes
    ----------
    longest : float
        The longest time, in seconds, for which the loop stood still and nothing worked.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._timer = QTimer(interval=_BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> Pulse:
        self._clock: Any = idle_clock()
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        self.longest = max(self.longest, self._clock())
        self._clock = idle_clock()

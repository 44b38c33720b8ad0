"""Other processes that decode JPEG 2000 at reduced resolution."""

from __future__ import annotations

import atexit
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_rxrx3.data.images import reduced as script

__all__ = ["Reducers", "reduce_here", "shared_reducers"]

Plane = np.ndarray[Any, Any]

_MOST = 16
_TEST = b"no image"


def reduce_here(data: bytes, size: int) -> Plane | None:
    """Decode in this process, holding its lock: for few images."""
    return _as_array(script.reduced(data, size))


@cache
def shared_reducers() -> Reducers:
    """The processes that all data sets share; they end with this one."""
    # one more than cores: it decodes while another one's answer is taken
    return Reducers((os.cpu_count() or 1) + 1)


class Reducers:
    """Processes that are started when the first image is asked for.

    Where none can be started, and while none is up, the work is done here. One that fails is
    not used again.
    """

    def __init__(self, n: int) -> None:
        self._n = min(n, _MOST)
        self._lock = threading.Lock()
        self._started: list[subprocess.Popen[bytes]] | None = None
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._n_up = 0

    @property
    def n_up(self) -> int:
        """How many processes take part."""
        return self._n_up

    def reduce(self, data: bytes, size: int) -> Plane | None:
        """Decode the lowest level of a JPEG 2000 of at least `size` pixels; None if damaged."""
        process = self._take()
        if process is None:
            return reduce_here(data, size)
        try:
            answer = _ask(process, data, size)
        except BaseException as error:  # it is dead, or half of an answer is still in the pipe
            self._drop(process)
            if not isinstance(error, (OSError, ValueError)):
                raise
            return reduce_here(data, size)
        self._idle.put(process)
        return _as_array(answer)

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            started, self._started, self._n_up = self._started or [], [], 0
        for process in started:
            _end(process)

    def _take(self) -> subprocess.Popen[bytes] | None:
        if self._started is None:
            with self._lock:
                if self._started is None:
                    self._started = []
                    threading.Thread(target=self._start, name="rxrx3-reducers", daemon=True).start()
        while self._n_up:
            with suppress(queue.Empty):  # the last one may have ended meanwhile
                return self._idle.get(timeout=1)
        return None

    def _start(self) -> None:
        for _ in range(self._n):
            process = _new_process()
            if process is None:
                return
            with self._lock:
                is_wanted = self._started is not None
                if self._started is not None:
                    self._started.append(process)
            if not is_wanted:  # closed meanwhile
                _end(process)
                return
            try:
                _ask(process, _TEST, 64)
            except (OSError, ValueError):
                _end(process)
                return
            with self._lock:
                self._n_up += 1
            self._idle.put(process)

    def _drop(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._n_up = max(0, self._n_up - 1)
        _end(process)


def _new_process() -> subprocess.Popen[bytes] | None:
    if not Path(sys.executable or "").name.lower().startswith("python"):
        return None  # a bundled application, which would open another window
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # no console window on Windows
    try:
        # -P: the modules beside the script are not to stand in for others of the same names
        return subprocess.Popen(
            [sys.executable, "-P", str(Path(script.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=hidden,
        )
    except OSError:
        return None


def _ask(
    process: subprocess.Popen[bytes], data: bytes, size: int
) -> tuple[int, int, int, bytes] | None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(script.REQUEST.pack(len(data), size) + data)
    process.stdin.flush()
    head = process.stdout.read(script.ANSWER.size)
    if len(head) < script.ANSWER.size:
        raise OSError("the process has ended")
    width, height, depth = script.ANSWER.unpack(head)
    pixels = process.stdout.read(width * height * depth)
    if len(pixels) < width * height * depth:
        raise OSError("the process has ended")
    return (width, height, depth, pixels) if depth else None


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        process.kill()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError, ValueError):
            if pipe is not None:
                pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(2)


def _as_array(answer: tuple[int, int, int, bytes] | None) -> Plane | None:
    if answer is None:
        return None
    width, height, depth, pixels = answer
    return np.frombuffer(pixels, np.uint8 if depth == 1 else "<u2").reshape(height, width)


@atexit.register
def _close_shared() -> None:
    if shared_reducers.cache_info().currsize:
        shared_reducers().close()

"""Worker processes that decode JPEG 2000 at reduced resolution."""

from __future__ import annotations

import atexit
import math
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_rxrx3.core.forking import renewed_in_children
from napari_rxrx3.data.images import jpeg2000
from napari_rxrx3.data.parallel import cores
from napari_rxrx3.data.worker_process import Worker, WorkerProcessError

__all__ = ["ReducerPool", "reduce_here", "shared_reducers"]

Plane = np.ndarray[Any, Any]

_MOST = 16
_TEST = b"no image"


def reduce_here(data: bytes, size: int) -> Plane | None:
    """Decode in this process, holding its lock: for few images."""
    found = jpeg2000.reduced(data, size)
    return None if found is None else _as_array(found[:3], found[3])


@cache
def shared_reducers() -> ReducerPool:
    """The processes that all data sets share; they end with this one."""
    # one more than cores: it decodes while another one's answer is taken
    return ReducerPool(cores() + 1)


class ReducerPool:
    """Processes that are started when the first image is asked for.

    Where none can be started, and while none is up, the work is done here. One that fails is
    not used again.
    """

    def __init__(self, n: int) -> None:
        self._n = min(n, _MOST)
        self._of_parent: list[Worker] = []
        self._started: list[Worker] = []
        renewed_in_children(self)

    def renew(self) -> None:
        """Leave the processes to the parent of a forked child, which starts others.

        They are not forgotten: pipes that end write what another thread had begun to send.
        """
        self._of_parent += self._started
        self._lock = threading.Lock()
        self._is_started = self._is_closed = False
        self._started = []
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._n_up = 0

    @property
    def n_up(self) -> int:
        """How many processes take part."""
        return self._n_up

    def reduce(self, files: Sequence[bytes], size: int) -> list[Plane | None]:
        """Decode the lowest levels of JPEG 2000 of at least `size` pixels; None if damaged.

        One process does them all: to ask takes as long as to decode one of 512 pixels.
        """
        worker = self._take() if files else None
        if worker is None:
            return [reduce_here(data, size) for data in files]
        try:
            planes = _ask(worker, files, size)
        except BaseException as error:  # it is dead, or half of an answer is still in the pipe
            self._drop(worker)
            if not isinstance(error, (OSError, ValueError)):
                raise
            return [reduce_here(data, size) for data in files]
        self._idle.put(worker)
        return planes

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._is_closed = True
            started, self._started, self._n_up = self._started, [], 0
        for worker in started:
            worker.end()

    def _take(self) -> Worker | None:
        if not self._is_started:
            with self._lock:
                is_first, self._is_started = not self._is_started, True
            if is_first:
                threading.Thread(target=self._start, name="rxrx3-reducers", daemon=True).start()
        while self._n_up:
            with suppress(queue.Empty):  # the last one may have ended meanwhile
                return self._idle.get(timeout=1)
        return None

    def _start(self) -> None:
        for _ in range(self._n):
            try:
                worker = Worker(Path(jpeg2000.__file__))
            except WorkerProcessError:
                return
            try:
                _ask(worker, [_TEST], 64)
            except (OSError, ValueError):
                worker.end()
                return
            with self._lock:
                if not self._is_closed:
                    self._started.append(worker)
                    self._idle.put(worker)
                    self._n_up += 1
            if self._is_closed:
                worker.end()
                return

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._n_up = max(0, self._n_up - 1)
        worker.end()


def _ask(worker: Worker, files: Sequence[bytes], size: int) -> list[Plane | None]:
    worker.send({"size": size, "lengths": [len(data) for data in files]}, b"".join(files))
    answer = worker.receive()
    planes: list[Plane | None] = []
    start = 0
    for shape in answer.words["shapes"]:
        stop = start + (math.prod(shape) if shape else 0)
        planes.append(_as_array(shape, answer.content[start:stop]) if shape else None)
        start = stop
    return planes


def _as_array(shape: tuple[int, int, int], pixels: bytes) -> Plane:
    width, height, depth = shape
    return np.frombuffer(pixels, np.uint8 if depth == 1 else "<u2").reshape(height, width)


@atexit.register
def _close_shared() -> None:
    if shared_reducers.cache_info().currsize:
        shared_reducers().close()

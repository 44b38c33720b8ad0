"""Has a worker process make a UMAP; it ends at once when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.data.worker_process import Message, Worker, WorkerFailed, WorkerProcessError

__all__ = ["run_umap"]

Array = np.ndarray[Any, Any]

_SCRIPT = Path(__file__).with_name("umap_process.py")
_POLL_S = 0.1


def run_umap(
    blocks: Iterable[Array],
    shape: tuple[int, int],
    settings: dict[str, Any],
    progress: Progress | None = None,
) -> Array:
    """Have another process make a UMAP.

    Parameters
    ----------
    blocks : iterable of float32 (m, d)
        The vectors.
    shape : tuple of int
        (n, d) of all blocks together.
    settings : dict
        n_neighbors, min_dist, seed.
    progress : callable, optional
        Called with (done, total, text); may raise to stop: then the process is gone.

    Returns
    -------
    float32 (n, 2)

    Raises
    ------
    MapError
    """
    report = progress or silent
    n, worker = shape[0], _started()
    try:
        answers = worker.listen(_POLL_S)
        with suppress(OSError):  # it has ended: the answer that does not come tells why
            worker.send({"shape": shape, "settings": settings})
        _wait_for("ready", answers, n, report)
        with suppress(OSError):
            _hand_over(worker, blocks, n, report)
        return _positions(_wait_for("result", answers, n, report), n)
    finally:
        worker.end()


def _started() -> Worker:
    try:
        return Worker(_SCRIPT, ends_with_thread=True)
    except WorkerProcessError as error:
        raise MapError(f"The process that makes a UMAP {error}.") from error


def _hand_over(worker: Worker, blocks: Iterable[Array], n: int, report: Progress) -> None:
    done = 0
    for block in blocks:
        report(done, n, f"UMAP: handing over {n:,} vectors")
        worker.send({}, np.ascontiguousarray(block, dtype="<f4").tobytes())
        done += len(block)


def _wait_for(wanted: str, answers: Iterator[Message | None], n: int, report: Progress) -> Message:
    """Report how far the process is until it says what is wanted."""
    latest = 0, 0, "starting"
    try:
        while True:
            done, total, text = latest
            report(done, total, f"UMAP of {n:,} entries: {text}")
            message = next(answers)
            if message is not None and wanted in message.words:
                return message
            if message is not None:
                words = message.words
                latest = words["done"], words["total"], words["text"]
    except WorkerFailed as error:
        raise MapError(f"UMAP failed in umap-learn ({str(error).rstrip('.')}).") from error
    except WorkerProcessError as error:
        raise MapError(f"The process that made the UMAP of {n:,} entries {error}.") from error


def _positions(message: Message, n: int) -> Array:
    content = message.content
    if len(content) != 8 * n:
        raise MapError(f"UMAP gave {len(content) // 8:,} positions for {n:,} entries.")
    return np.frombuffer(content, dtype="<f4").reshape(n, 2).astype(np.float32)

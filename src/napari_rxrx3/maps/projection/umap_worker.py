"""The process that UMAP runs in: started, listened to, and ended at once."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_rxrx3.core.errors import MapError

__all__ = ["run_umap"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]
Message = dict[str, Any]

_SCRIPT = Path(__file__).with_name("umap_process.py")
_POLL = 0.1


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
    report = progress or (lambda done, total, text: None)
    process = _started()
    listener = _Listener(process)
    try:
        with suppress(OSError):  # it has ended: what it said tells why
            _ask(process, shape, settings)
        _wait_for("ready", listener, shape[0], report)
        with suppress(OSError):
            _hand_over(process, blocks, shape[0], report)
        return _positions(_wait_for("result", listener, shape[0], report), shape[0])
    finally:
        _end(process)
        listener.join()


class _Listener(threading.Thread):
    """Reads what the process says; None at its end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(name="rxrx3-umap", daemon=True)
        self.messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self.process = process
        self.start()

    def run(self) -> None:
        assert self.process.stdout is not None
        with suppress(OSError, ValueError):  # closed under our hands
            for line in self.process.stdout:
                message = json.loads(line)
                if "result" in message:
                    message["positions"] = self.process.stdout.read(8 * message["result"])
                self.messages.put(message)
        self.messages.put(None)


def _started() -> subprocess.Popen[bytes]:
    if not Path(sys.executable or "").name.lower().startswith("python"):
        raise MapError("UMAP runs in a Python of its own, and this application brings none.")
    try:
        # -P: the modules beside the script are not to stand in for others of the same names
        return subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise MapError(f"UMAP cannot be started ({error.strerror}).") from error


def _ask(process: subprocess.Popen[bytes], shape: tuple[int, int], settings: Message) -> None:
    assert process.stdin is not None
    path = [folder for folder in sys.path if folder]
    asked = {"parent": os.getpid(), "path": path, "shape": shape, "settings": settings}
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    process.stdin.flush()


def _hand_over(
    process: subprocess.Popen[bytes], blocks: Iterable[Array], n: int, report: Progress
) -> None:
    assert process.stdin is not None
    done = 0
    for block in blocks:
        report(done, n, f"UMAP: handing over {n:,} vectors")
        process.stdin.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
        done += len(block)
    process.stdin.flush()  # it stays open: its end would tell that nobody waits


def _wait_for(wanted: str, listener: _Listener, n: int, report: Progress) -> Message:
    """Report how far the process is until it says what is wanted."""
    latest = 0, 0, "starting"
    while True:
        done, total, text = latest
        report(done, total, f"UMAP of {n:,} entries: {text}")
        with suppress(queue.Empty):
            message = listener.messages.get(timeout=_POLL)
            if message is None:
                raise MapError(_why_it_ended(listener.process, n))
            if "error" in message:
                raise MapError(f"UMAP failed in umap-learn ({message['error'].rstrip('.')}).")
            if wanted in message:
                return message
            latest = message["done"], message["total"], message["text"]


def _positions(message: Message, n: int) -> Array:
    content = message["positions"]
    if len(content) != 8 * n:
        raise MapError(f"UMAP gave {len(content) // 8:,} positions for {n:,} entries.")
    return np.frombuffer(content, dtype="<f4").reshape(n, 2).astype(np.float32)


def _why_it_ended(process: subprocess.Popen[bytes], n: int) -> str:
    code = process.wait()
    how = f"with code {code}"
    if code < 0:
        with suppress(ValueError):
            how = f"by {signal.Signals(-code).name}"
    hint = "; the memory may be too small" if how == "by SIGKILL" else ""
    return f"The process that made the UMAP of {n:,} entries ended {how}{hint}."


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError, ValueError):
            if pipe is not None:
                pipe.close()

"""Other Python processes that work for this one: started, asked, listened to, and ended.

A worker runs one script: a file with a function `work(channel)` that receives messages and sends
answers. This file is the program that runs it. Both are loaded by their paths and import nothing
of this package, so that a worker holds only what its work needs; `multiprocessing` would load the
user's own program in each of them once more.

A worker ends when this process does: it finds the pipe closed, also while it works if the script
asked for that (`Channel.end_at_eof`), and on Linux even in the middle of compiled code
(`ends_with_thread`).
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import signal
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import subprocess

__all__ = ["Channel", "Message", "Worker", "WorkerFailed", "WorkerProcessError"]

_FRAME = struct.Struct("<IQ")
"""Lengths of the words of a message, and of the bytes that follow them."""
_PATIENCE_S = 10
_DEATH_SIGNAL, _KILL = 1, 9


class WorkerProcessError(OSError):
    """A worker cannot be started, or has ended; the text goes on "the process ...", why."""


class WorkerFailed(WorkerProcessError):
    """The script raised an error: its class and text."""


class Message(NamedTuple):
    words: dict[str, Any]
    content: bytes = b""


class Channel:
    """Messages to and from another process, which has the other ends of two pipes."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink

    def send(self, words: dict[str, Any], content: bytes = b"") -> None:
        """Send plain values by name, and bytes; raises OSError if nobody is there."""
        text = json.dumps(words).encode()
        self._sink.write(b"".join((_FRAME.pack(len(text), len(content)), text, content)))
        self._sink.flush()

    def receive(self) -> Message | None:
        """Wait for a message; None if the other side has closed the pipe, or ended midway."""
        frame = self._source.read(_FRAME.size)
        if len(frame) < _FRAME.size:
            return None
        n_text, n_content = _FRAME.unpack(frame)
        data = self._source.read(n_text + n_content)
        if len(data) < n_text + n_content:
            return None
        return Message(json.loads(data[:n_text]), data[n_text:])

    def end_at_eof(self) -> None:
        """From now on no message is expected: end this process once the pipe is closed."""

        def wait() -> None:
            self._source.read(1)
            os._exit(1)

        threading.Thread(target=wait, daemon=True).start()

    def close(self) -> None:
        for pipe in (self._sink, self._source):
            with suppress(OSError, ValueError):
                pipe.close()


class Worker:
    """A process that was started to run a script.

    Parameters
    ----------
    script : Path
    ends_with_thread : bool
        Have Linux end it with the thread that starts it: for work that stays in compiled code,
        where nothing else is noticed, and is waited for by that thread.

    Raises
    ------
    WorkerProcessError
        If it cannot be started.
    """

    def __init__(self, script: Path, *, ends_with_thread: bool = False) -> None:
        self.process = _started(script)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._name = f"rxrx3-{script.stem}"
        self._channel = Channel(self.process.stdout, self.process.stdin)
        self._listener: threading.Thread | None = None
        path = [folder for folder in sys.path if folder]
        parent = os.getpid() if ends_with_thread else 0
        with suppress(OSError):  # it has ended: the first answer that does not come tells why
            self.send({"path": path, "parent": parent})

    def send(self, words: dict[str, Any], content: bytes = b"") -> None:
        """Send a message; raises OSError if the process has ended."""
        self._channel.send(words, content)

    def receive(self) -> Message:
        """Wait for the next answer.

        Raises
        ------
        WorkerFailed
        WorkerProcessError
            If the process has ended, how.
        """
        return self._checked(self._channel.receive())

    def listen(self, pause: float) -> Iterator[Message | None]:
        """Yield answers as they come, and None whenever one is not there after some seconds.

        Raises
        ------
        WorkerFailed, WorkerProcessError
        """
        heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

        def read() -> None:
            with suppress(OSError, ValueError):  # closed under our hands
                while (message := self._channel.receive()) is not None:
                    heard.put(message)
            heard.put(None)

        self._listener = threading.Thread(target=read, name=self._name, daemon=True)
        self._listener.start()
        while True:
            try:
                message = heard.get(timeout=pause)
            except queue.Empty:
                yield None
            else:
                yield self._checked(message)

    def end(self) -> None:
        """End the process at once, whatever it does."""
        import subprocess

        with suppress(OSError):
            self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE_S)
        if self._listener is not None:
            self._listener.join(_PATIENCE_S)
        self._channel.close()

    def _checked(self, message: Message | None) -> Message:
        if message is None:
            raise WorkerProcessError(_how_it_ended(self.process.wait()))
        if "error" in message.words:
            raise WorkerFailed(message.words["error"])
        return message


def _started(script: Path) -> subprocess.Popen[bytes]:
    import subprocess

    if not Path(sys.executable or "").name.lower().startswith("python"):
        # a bundled application, which would open another window
        raise WorkerProcessError("cannot be started: this application brings no Python of its own")
    try:
        # -P: the modules beside the script are not to stand in for others of the same names
        return subprocess.Popen(
            [sys.executable, "-P", __file__, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # no console on Windows
        )
    except OSError as error:
        raise WorkerProcessError(f"cannot be started ({error.strerror})") from error


def _how_it_ended(code: int) -> str:
    how = f"with code {code}"
    if code < 0:
        with suppress(ValueError):
            how = f"by {signal.Signals(-code).name}"
    hint = "; the memory may be too small" if how == "by SIGKILL" else ""
    return f"ended {how}{hint}"


def _main(script: str) -> None:
    """What a worker does: run the script for the process that has started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is meant for the other process
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever compiled code prints is no answer
    channel = Channel(sys.stdin.buffer, answers)
    begin = channel.receive()
    if begin is not None:
        if begin.words["parent"]:
            _end_with_thread_of(begin.words["parent"])
        sys.path[:] = begin.words["path"]
        try:
            _loaded(script).work(channel)
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            with suppress(OSError):
                channel.send({"error": text})
    os._exit(0)  # a thread that waits for the end of the input holds its lock


def _loaded(script: str) -> Any:
    spec = importlib.util.spec_from_file_location(Path(script).stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def _end_with_thread_of(parent: int) -> None:
    """Have Linux end this process with the thread of another one that has started it."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, _KILL)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    _main(sys.argv[1])

"""Counts the stages of writing that a process goes through, and ends it at one of them.

A stage is just before or just after a call that changes a file: it is opened for writing, written
to, flushed, cut, synced, mapped, moved, removed. Python tells of each, in every thread. What
compiled code writes by itself is ended by the kernel instead, at a byte (`end_at_byte`).
"""

from __future__ import annotations

import io
import mmap
import os
import resource
import signal
import sys
import threading
from itertools import count
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any

__all__ = ["Stages", "end_at_byte"]

_OF_FILES = {"write", "writelines", "flush", "truncate", "close"}
_OF_SYSTEM = {
    *("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "utime", "chmod", "link"),
    *("truncate", "ftruncate", "fsync", "fdatasync", "symlink", "posix_fallocate"),
}
_READING = ("r", "rb")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Stages:
    """The stages of this process below a folder.

    Attributes
    ----------
    passed : list of str
        What they were, in order.
    """

    def __init__(self, top: Path, stop: int) -> None:
        self._top, self._stop, self._count = str(top), stop, count(1)
        self.passed: list[str] = []

    def watch(self) -> None:
        """Count from now on, and end the process at stage number `stop` (from 1)."""
        run, one_by_one = threading.Thread.run, threading.Lock()

        def watched(thread: threading.Thread) -> None:
            with one_by_one:  # two threads at once may not, as `threading.setprofile` has them do
                sys.setprofile(self._on_call)
            run(thread)

        threading.Thread.run = watched  # type: ignore[method-assign]
        sys.addaudithook(self._on_event)
        sys.setprofile(self._on_call)

    def ignore(self) -> None:
        """Count no more."""
        sys.setprofile(None)
        self._stop = 0

    def _reach(self, what: str) -> None:
        self.passed.append(what)
        if next(self._count) == self._stop:
            os.kill(os.getpid(), signal.SIGKILL)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[2] & _WRITING and self._is_below(arguments[0]):
            self._reach("before open")
        elif event in ("mmap.__new__", "fcntl.flock"):
            self._reach(f"before {event.partition('.')[0]}")

    def _on_call(self, frame: Any, event: str, called: Any) -> None:
        if event in ("c_call", "c_return") and self._changes_a_file(called):
            self._reach(f"{'before' if event == 'c_call' else 'after'} {called.__name__}")

    def _changes_a_file(self, called: Any) -> bool:
        if not isinstance(called, BuiltinFunctionType):
            return False
        owner = called.__self__
        if isinstance(owner, mmap.mmap):
            return called.__name__ in ("flush", "close")
        if isinstance(owner, io.IOBase):
            is_written = (
                called.__name__ in _OF_FILES and getattr(owner, "mode", "r") not in _READING
            )
            return is_written and self._is_below(getattr(owner, "name", None))
        return owner is sys.modules[os.name] and called.__name__ in _OF_SYSTEM

    def _is_below(self, path: Any) -> bool:
        if isinstance(path, int):  # opened by its number
            link = Path(f"/proc/self/fd/{path}")
            path = link.readlink() if link.is_symlink() else self._top
        return isinstance(path, str | Path) and str(path).startswith(self._top)


def end_at_byte(n_bytes: int) -> None:
    """Let the kernel end this process when a file is to grow beyond some bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, most))

"""A file that one process at a time writes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

__all__ = ["locked"]

_LOCKED_BYTE = 2**31 - 2
"""Beyond the end of any file that is locked: on Windows a locked byte cannot be read."""


@contextmanager
def locked(file: IO[bytes]) -> Iterator[None]:
    """Hold the file for this process; a file system without locks is trusted to have one user."""
    if sys.platform == "win32":
        import msvcrt

        with suppress(OSError):
            file.seek(_LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        file.seek(0)
        try:
            yield
        finally:
            file.flush()
            with suppress(OSError):
                file.seek(_LOCKED_BYTE)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed
        yield

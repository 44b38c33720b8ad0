"""Opening files of which nobody knows what lies in their place by now."""

from __future__ import annotations

import os
import stat
from typing import IO

__all__ = ["open_plain", "read_plain", "stamp_of"]


def open_plain(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file for reading, unless it is a named pipe or the like: that may never return.

    Raises
    ------
    OSError
    """
    # Path.open knows no opener
    file = open(path, "rb", opener=_opened_at_once)  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is no file any more")
    return file


def read_plain(path: str | os.PathLike[str]) -> bytes:
    """Read a whole file as `open_plain` opens it; raises OSError."""
    with open_plain(path) as file:
        return file.read()


def stamp_of(path: str | os.PathLike[str]) -> str:
    """Text that is another one for a file that was changed or replaced; raises OSError.

    Only to be compared within one program: some file systems number their files anew.
    """
    found = os.stat(path)  # noqa: PTH116
    return f"{found.st_size}|{found.st_mtime_ns}|{found.st_ino}"


def _opened_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

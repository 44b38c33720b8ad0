"""Local files: opened without waiting, written whole or not at all, by one process at a time."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = [
    "ABANDONED",
    "folder_written_atomically",
    "is_unfinished",
    "locked",
    "open_plain",
    "put_in_place",
    "read_plain",
    "stamp_of",
    "written_atomically",
]

ABANDONED = 24 * 60 * 60
"""Seconds after which an unfinished file that has not grown has nobody who writes it."""


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
    """Fingerprint of a file as it is now, from its size, time of change and number.

    Only to be compared within one program: some file systems number their files anew.

    Raises
    ------
    OSError
    """
    found = os.stat(path)  # noqa: PTH116
    return f"{found.st_size}|{found.st_mtime_ns}|{found.st_ino}"


def _opened_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


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


_UNFINISHED = ".rxrx3.part"
_UNFINISHED_NAME = re.compile(r"\.[0-9a-f]{32}(\.rxrx3)?\.part")
"""The shorter form is that of earlier versions."""
_IN_USE = "another program has it open, or you may not replace it"
_PAUSES = (0.005, 0.01, 0.02)
"""Seconds: hits are written on the thread of the window."""
_tidied: set[Path] = set()


def is_unfinished(name: str) -> bool:
    """Whether a file is one that `written_atomically` moves into place when it is written."""
    return _UNFINISHED_NAME.fullmatch(name) is not None


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file made there takes its place on success.

    The first time that a program writes to a folder, it removes what others left unfinished there
    a day ago: they were killed.
    """
    temporary = _beside(path)
    try:
        yield temporary
        put_in_place(temporary, path)
    finally:
        with suppress(OSError):  # the error before it says more; it is tidied up one day
            temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_atomically(path: Path) -> Iterator[Path]:
    """As `written_atomically`, of a folder; nothing may be at `path` yet."""
    temporary = _beside(path)
    try:
        yield temporary
        put_in_place(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def mark_in(folder: Path) -> Iterator[Path | None]:
    """An empty file that whoever sees the folder sees; None where none can be made.

    It is gone in the end; of a program that was killed, a day later. Who needs it for longer
    touches it now and then.
    """
    mark = None
    with suppress(OSError):  # who writes there says so
        mark = _beside(folder.absolute() / "mark")
        mark.touch()
    try:
        yield mark
    finally:
        if mark is not None:
            with suppress(OSError):
                mark.unlink()


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path.parent)
    # not tempfile: its files can be read by their owner only, and stay so when they are moved
    return path.parent / f".{uuid.uuid4().hex}{_UNFINISHED}"


def put_in_place(new: Path, path: Path) -> None:
    """Have a file, or a folder that is not there yet, take the place of another.

    On Windows a file that somebody has open cannot be replaced, and what looks for viruses, or
    another window, opens files for a moment: that is waited for, but no longer than a person
    would not notice.

    Raises
    ------
    OSError
    """
    for pause in _PAUSES:
        try:
            new.replace(path)
            return
        except PermissionError:
            time.sleep(pause)
    try:
        new.replace(path)
    except PermissionError as error:  # the folder itself can be written, for `new` was
        raise OSError(errno.EBUSY, _IN_USE, str(path)) from error


def _tidy(folder: Path) -> None:
    if folder in _tidied:
        return
    _tidied.add(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_UNFINISHED) and is_unfinished(entry.name):
                with suppress(OSError):  # another program was faster, or it may not be removed
                    _remove_if_old(entry)


def _remove_if_old(entry: os.DirEntry[str]) -> None:
    age = time.time() - entry.stat(follow_symlinks=False).st_mtime
    if abs(age) <= ABANDONED:
        return
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path)
    elif entry.is_file(follow_symlinks=False):
        Path(entry.path).unlink()

"""Files that are written whole or not at all, whatever happens to the program that writes them."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_rxrx3.data.kept.cleaning import ABANDONED

__all__ = ["put_in_place", "written_atomically"]

_UNFINISHED = ".rxrx3.part"
_IN_USE = "another program has it open, or you may not replace it"
_PAUSES = (0.005, 0.01, 0.02)
"""Seconds: hits are written on the thread of the window."""
_tidied: set[Path] = set()


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file made there takes its place on success.

    The first time that a program writes to a folder, it removes what others left unfinished there
    a day ago: they were killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path.parent)
    # not tempfile: its files can be read by their owner only, and stay so when they are moved
    temporary = path.parent / f".{uuid.uuid4().hex}{_UNFINISHED}"
    try:
        yield temporary
        put_in_place(temporary, path)
    finally:
        with suppress(OSError):  # the error before it says more; it is tidied up one day
            temporary.unlink(missing_ok=True)


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
            if entry.name.startswith(".") and entry.name.endswith(_UNFINISHED):
                with suppress(OSError):  # another program was faster, or it may not be removed
                    _remove_if_old(entry)


def _remove_if_old(entry: os.DirEntry[str]) -> None:
    age = time.time() - entry.stat(follow_symlinks=False).st_mtime
    if abs(age) > ABANDONED and entry.is_file(follow_symlinks=False):
        Path(entry.path).unlink()

"""The file that keeps the previews of one plate: it only grows, and several programs may add to it.

A header is followed by records of one preview each. To add some, a program locks the file, takes
over what others have added since it last looked, and appends its own; so nothing is lost and
nothing is written twice. A record that was cut off or damaged is known by its checksum.
"""

from __future__ import annotations

import os
import stat
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from napari_rxrx3.data.files.local import locked, open_plain

__all__ = ["PreviewFile", "Records"]

Array = np.ndarray[Any, Any]

_MAGIC = b"rxrx3 previews 1"
_TOKEN = 16
_HEADER = len(_MAGIC) + _TOKEN
_AT_ONCE = 512


class Records(NamedTuple):
    """Previews and where they belong.

    Attributes
    ----------
    slots : int (n,)
    pixels : (n, size, size)
    """

    slots: Array
    pixels: Array


class PreviewFile:
    """One file; not to be used by two threads at once.

    Parameters
    ----------
    path : Path
    n_slots, size : int
        Number of places, and the side of a preview in pixels.
    dtype : numpy.dtype
    """

    def __init__(self, path: Path, n_slots: int, size: int, dtype: np.dtype[Any]) -> None:
        self.path = path
        self._n_slots = n_slots
        pixels = ("pixels", dtype.newbyteorder("<"), (size, size))
        self._record = np.dtype([("slot", "<u4"), ("crc", "<u4"), pixels])
        self._token = b""
        self._n_read = 0

    def load(self) -> Iterator[Records]:
        """Read what others have added since the last time; nothing if there is no such file."""
        with suppress(OSError), open_plain(self.path) as file:
            self._recognize(file)
            yield from self._unread(file)

    def add(self, planes: Array, new: Array, known: Array) -> list[Records]:
        """Append previews and return those that others have added meanwhile.

        Parameters
        ----------
        planes : (n_slots, size, size)
        new : int (n,)
            Slots that were filled since the last time.
        known : int (m,)
            All slots that are filled: the file may have been removed.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        with self._locked() as file:
            ours = new if self._recognize(file) else known
            theirs = list(self._unread(file))
            slots = np.setdiff1d(ours, [slot for part in theirs for slot in part.slots])
            file.seek(_HEADER + self._n_read * self._record.itemsize)
            for start in range(0, len(slots), _AT_ONCE):
                file.write(self._records(planes, slots[start : start + _AT_ONCE]).tobytes())
            file.truncate()  # what was cut off, if we wrote less
            self._n_read += len(slots)
        return theirs

    def _records(self, planes: Array, slots: Array) -> Array:
        records = np.empty(len(slots), self._record)
        records["slot"] = slots
        records["pixels"] = planes[slots]
        records["crc"] = [_crc(record) for record in records]
        return records

    def _recognize(self, file: IO[bytes]) -> bool:
        """Whether it is the same file as the last time; otherwise it is read from its start."""
        head = file.read(_HEADER)
        token = head[len(_MAGIC) :] if head.startswith(_MAGIC) else b""
        is_same = token == self._token
        if not is_same:
            self._token, self._n_read = token, 0
        return is_same

    def _unread(self, file: IO[bytes]) -> Iterator[Records]:
        """Records from where the last reading ended, some at a time: all at once are slower."""
        if len(self._token) < _TOKEN:
            return
        size = self._record.itemsize
        file.seek(_HEADER + self._n_read * size)
        while n_found := len(content := file.read(_AT_ONCE * size)) // size:
            self._n_read += n_found
            yield self._usable(np.frombuffer(content, self._record, n_found))

    def _usable(self, records: Array) -> Records:
        good = [r["slot"] < self._n_slots and r["crc"] == _crc(r) for r in records]
        kept = records if all(good) else records[np.array(good)]
        return Records(kept["slot"].astype(np.int64), kept["pixels"])

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """Open the file, made if need be, when nobody else is adding to it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with _opened(self.path) as file, locked(file):
                if not _is_at(file, self.path):
                    continue  # it was removed before we had the lock
                head = file.read(_HEADER)
                if len(head) < _HEADER or not head.startswith(_MAGIC):
                    file.seek(0)
                    file.write(_MAGIC + uuid.uuid4().bytes)
                    file.truncate()
                file.seek(0)
                yield file
                return


def _opened(path: Path) -> IO[bytes]:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("it is no file")
    return os.fdopen(file, "r+b")


def _is_at(file: IO[bytes], path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _crc(record: Any) -> int:
    return zlib.crc32(record["pixels"].data, int(record["slot"]))

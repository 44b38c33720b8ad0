"""Parts of files of servers, and small files of theirs, kept on disk as they came."""

from __future__ import annotations

import hashlib
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.cache.memory import LruCache
from napari_rxrx3.data.files.local import open_plain
from napari_rxrx3.data.files.remote import Unreachable
from napari_rxrx3.data.files.storage import Storage

__all__ = ["PartStore"]

_DIGEST = 32
_HEAD = struct.Struct("<?H")
"""Of a kept file: whether it is whole, and the length of its fingerprint."""


class PartStore:
    """Reads parts of a server's files, each once; of a local disk nothing is kept.

    What is kept begins with a checksum: what is damaged is read again.
    """

    def __init__(self, storage: Storage, cache: DiskCache) -> None:
        self._storage, self._cache = storage, cache
        self._asked_for = LruCache(0, len)
        """Keeps nothing: who asks for what is on its way waits for it."""

    def read(
        self, path: str, made_from: str, start: int, stop: int, n_bytes: int | None = None
    ) -> bytes:
        """Bytes from a place to another one; raises OSError.

        Parameters
        ----------
        made_from : str
            Fingerprint of the file: of another one other parts are kept.
        n_bytes : int, optional
            So many of them are enough.
        """
        enough = stop if n_bytes is None else min(stop, start + n_bytes)
        if self._storage.is_local:
            return self._storage.read(path, start, enough)
        asked = path, made_from, start, stop, enough
        return self._asked_for.get(asked, lambda: self._part(*asked))

    def _part(self, path: str, made_from: str, start: int, stop: int, enough: int) -> bytes:
        for end in dict.fromkeys((stop, enough)):
            if (kept := _read(self._place(made_from, start, end))) is not None:
                return kept
        data = self._storage.read(path, start, enough)
        if len(data) == enough - start:
            self._write(self._place(made_from, start, enough), data)
        return data

    def read_file(self, path: str, n_bytes: int | None = None) -> bytes:
        """A small file, or at least its first `n_bytes`; raises OSError.

        What is kept of it counts while the server says that it is the same file, and while the
        server is away.
        """
        if self._storage.is_local:
            return self._storage.read(path, 0, n_bytes)
        return self._asked_for.get((path, n_bytes), lambda: self._file(path, n_bytes))

    def _file(self, path: str, n_bytes: int | None) -> bytes:
        place = self._cache.path("parts", f"{self._storage.name}|{path}", ".bin")
        kept = _KeptFile.of(_read(place))
        if kept is not None and kept.has(n_bytes) and self._is_same(path, kept.made_from):
            return kept.data
        data, made_from, is_whole = self._storage.beginning(path, n_bytes)
        if made_from:
            self._write(place, _KeptFile(is_whole, made_from, data).to_bytes())
        return data

    def _is_same(self, path: str, made_from: str) -> bool:
        try:
            return self._storage.is_away or self._storage.fingerprint(path) == made_from
        except Unreachable:  # since the data set was opened
            return True

    def _place(self, made_from: str, start: int, stop: int) -> Path:
        return self._cache.path("parts", f"{made_from}|{start}|{stop}", ".bin")

    def _write(self, place: Path, data: bytes) -> None:
        with suppress(OSError), self._cache.writing(place) as temporary:
            temporary.write_bytes(hashlib.sha256(data).digest() + data)


class _KeptFile(NamedTuple):
    """All of a file, or its first part."""

    is_whole: bool
    made_from: str
    data: bytes

    @classmethod
    def of(cls, kept: bytes | None) -> _KeptFile | None:
        if kept is None:
            return None
        is_whole, length = _HEAD.unpack_from(kept)
        begin = _HEAD.size + length
        return cls(is_whole, kept[_HEAD.size : begin].decode(), kept[begin:])

    def has(self, n_bytes: int | None) -> bool:
        return self.is_whole or (n_bytes is not None and len(self.data) >= n_bytes)

    def to_bytes(self) -> bytes:
        name = self.made_from.encode()
        return _HEAD.pack(self.is_whole, len(name)) + name + self.data


def _read(place: Path) -> bytes | None:
    try:
        with open_plain(place) as file:
            digest, data = file.read(_DIGEST), file.read()
    except OSError:
        return None
    return data if hashlib.sha256(data).digest() == digest else None

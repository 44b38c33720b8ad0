"""Parts of files of servers, kept on disk as they came."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files.local import open_plain
from napari_rxrx3.data.files.storage import Storage

__all__ = ["PartStore"]

_DIGEST = 32


class PartStore:
    """Reads parts of a server's files, each once; of a local disk nothing is kept.

    A kept part begins with a checksum: one that is damaged is read again.
    """

    def __init__(self, storage: Storage, cache: DiskCache) -> None:
        self._storage, self._cache = storage, cache

    def read(
        self, path: str, made_from: str, start: int, stop: int, n_bytes: int | None = None
    ) -> bytes:
        """Bytes from a place to another one; raises OSError.

        Parameters
        ----------
        made_from : str
            Fingerprint of the file: of another one other parts are kept.
        n_bytes : int, optional
            So many of them are enough. A part that is not whole is not kept.
        """
        if self._storage.is_local:
            return self._storage.read(path, start, stop)
        place = self._cache.path("parts", f"{made_from}|{start}|{stop}", ".bin")
        if (kept := _kept(place)) is not None:
            return kept
        if n_bytes is not None and start + n_bytes < stop:
            return self._storage.read(path, start, start + n_bytes)
        data = self._storage.read(path, start, stop)
        if len(data) == stop - start:
            with suppress(OSError), self._cache.writing(place) as temporary:
                temporary.write_bytes(hashlib.sha256(data).digest() + data)
        return data


def _kept(place: Path) -> bytes | None:
    try:
        with open_plain(place) as file:
            digest, data = file.read(_DIGEST), file.read()
    except OSError:
        return None
    return data if hashlib.sha256(data).digest() == digest else None

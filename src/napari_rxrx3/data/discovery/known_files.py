"""What files were found to be, kept until they change."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.discovery.file_kinds import Look
from napari_rxrx3.data.files.storage import Entry, Storage

__all__ = ["KnownFiles"]


class KnownFiles:
    """Kind and dimension of each file of a folder, as long as it does not change.

    A file counts as unchanged while its listing gives the same size and time of change. Where
    a listing gives neither, as on some servers, nothing is remembered. What is kept is one file
    of the cache, with a checksum; if that is damaged, everything is looked at anew.
    """

    def __init__(self, cache: DiskCache, storage: Storage, root: str) -> None:
        self._cache, self._name = cache, f"{storage.name}|{root}"
        self._kept = self._loaded()
        self._seen: dict[str, list[Any]] = {}

    def get(self, entry: Entry) -> Look | None:
        """What a file is; None if it is not known or has changed."""
        kept = self._kept.get(entry.path)
        if not entry.stamp or kept is None or kept[0] != entry.stamp:
            return None
        self._seen[entry.path] = kept
        return Look(*kept[1:])

    def put(self, entry: Entry, look: Look) -> None:
        """Remember what a file was found to be."""
        if entry.stamp:
            self._seen[entry.path] = [entry.stamp, *look]

    def save(self) -> None:
        """Keep what was seen since this was made, and only that, for the next time."""
        if self._seen != self._kept:
            text = json.dumps(self._seen).encode()
            self._cache.save("files", self._name, {"json": np.frombuffer(text, np.uint8)})
            self._kept = dict(self._seen)

    def _loaded(self) -> dict[str, list[Any]]:
        arrays = self._cache.load("files", self._name) or {}
        try:
            kept = json.loads(arrays["json"].tobytes()).items()
            return {
                path: [str(stamp), str(kind), int(n), str(packed), str(holds), str(unread)]
                for path, (stamp, kind, n, packed, holds, unread) in kept
            }
        except (KeyError, ValueError, TypeError, AttributeError):
            return {}

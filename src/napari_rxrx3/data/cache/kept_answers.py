"""What servers said of their files, kept for when they are away."""

from __future__ import annotations

from datetime import date

import numpy as np

from napari_rxrx3.core.secrets import public
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files.storage import Storage

__all__ = ["keep_answers", "take_answers"]


def keep_answers(storage: Storage, root: str, cache: DiskCache) -> None:
    """Keep what a server said while a data set was opened."""
    if not storage.is_local and not storage.answers.day:
        text = storage.answers.to_json(date.today().isoformat()).encode()
        cache.save("answers", _name(storage, root), {"json": np.frombuffer(text, np.uint8)})


def take_answers(storage: Storage, root: str, cache: DiskCache) -> bool:
    """Let a storage go on with what its server said the last time; whether that is known."""
    kept = cache.load("answers", _name(storage, root))
    return kept is not None and "json" in kept and storage.answers.take(kept["json"].tobytes())


def _name(storage: Storage, root: str) -> str:
    return f"{storage.name}|{public(root)}"

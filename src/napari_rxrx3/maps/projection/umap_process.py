"""Runs UMAP in a worker process; this file is its script, see `umap_worker`.

It receives `shape` and `settings`, says that it is `ready`, and receives the vectors in blocks of
float32. It sends how far it is (`done`, `total`, `text`), at last `result` with the positions as
float32.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_rxrx3.data.worker_process import Channel

_STAGES = {
    "Finding Nearest Neighbors": "nearest neighbors",
    "Building RP forest": "nearest neighbors, trees",
    "NN descent": "nearest neighbors, descent",
    "Construct embedding": "layout",
}
_COUNTED = re.compile(r"(\d+)\s*/\s*(\d+)")
_LINE_END = re.compile(r"[\r\n]")
_FEW, _BLOCK = 30_000, 512


def work(channel: Channel) -> None:
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first; with 10, other busy programs leave it nothing
    asked = channel.receive()
    vectors = _vectors(channel, asked.words["shape"]) if asked is not None else None
    if asked is None or vectors is None:
        return
    channel.end_at_eof()
    positions = _projected(vectors, asked.words["settings"], _Spoken(channel))
    channel.send({"result": len(positions)}, positions.tobytes())


def _projected(vectors: Any, settings: dict[str, Any], spoken: _Spoken) -> Any:
    spoken.say(0, 0, "loading umap-learn")
    sys.meta_path.insert(0, _NotNeeded())
    umap = importlib.import_module("umap")

    sys.stdout = spoken
    n_neighbors = min(settings["n_neighbors"], len(vectors) - 1)
    made = umap.UMAP(
        n_neighbors=n_neighbors,
        min_dist=settings["min_dist"],
        random_state=settings["seed"],
        metric="cosine",
        init="pca" if vectors.shape[1] > 1 else "random",
        n_jobs=1,
        precomputed_knn=_nearest(vectors, n_neighbors, spoken),
        verbose=True,
        tqdm_kwds={"file": spoken, "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.2},
    )
    return made.fit_transform(vectors).astype("<f4")


def _nearest(vectors: Any, k: int, spoken: _Spoken) -> tuple[Any, Any, None]:
    """The nearest of few unit vectors, themselves first, and their cosine distances; exactly.

    What umap-learn does for many is compiled first, which takes longer than this.
    """
    import numpy as np

    if len(vectors) > _FEW:
        return None, None, None
    found = np.empty((len(vectors), k), dtype=np.int64)
    distances = np.empty((len(vectors), k), dtype=np.float32)
    units = vectors.astype(np.float64)  # of what is nearly alike, 1 - cosine has few digits
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    for start in range(0, len(vectors), _BLOCK):
        spoken.say(start, len(vectors), "nearest neighbors")
        cosines = units[start : start + _BLOCK] @ units.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = 2
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        closeness = np.take_along_axis(cosines, nearest, axis=1)
        order = np.lexsort((nearest, -closeness))
        block = slice(start, start + len(own))
        found[block] = np.take_along_axis(nearest, order, axis=1)
        distances[block] = 1 - np.take_along_axis(closeness, order, axis=1)
    return found, np.maximum(distances, 0), None


class _NotNeeded:
    """Has a kind of UMAP that is not used here not load what takes many seconds."""

    def find_spec(self, name: str, *_: object) -> None:
        if name in ("tensorflow", "keras"):
            raise ImportError(f"{name} is not needed")


def _vectors(channel: Channel, shape: tuple[int, int]) -> Any:
    """All vectors, which come in blocks; None if nobody waits any more."""
    import numpy as np

    channel.send({"ready": True})  # from now on it reads as fast as it is given
    vectors = np.empty(shape, dtype="<f4")
    done = 0
    while done < len(vectors):
        message = channel.receive()
        if message is None:
            return None
        block = np.frombuffer(message.content, "<f4").reshape(-1, shape[1])
        vectors[done : done + len(block)] = block
        done += len(block)
    return vectors


class _Spoken:
    """What umap-learn prints, as words on how far it is."""

    encoding = "utf-8"

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stage = self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = _LINE_END.split(self._line + text)  # it comes in pieces
        for line in lines:
            self._hear(line)
        return len(text)

    def _hear(self, line: str) -> None:
        stage = next((stage for words, stage in _STAGES.items() if words in line), "")
        counted = _COUNTED.search(line) if self._stage and not stage else None
        self._stage = stage or self._stage
        if counted:
            self.say(int(counted[1]), int(counted[2]), self._stage)
        elif stage:
            self.say(0, 0, stage)

    def say(self, done: int, total: int, text: str) -> None:
        self._channel.send({"done": done, "total": total, "text": text})

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False

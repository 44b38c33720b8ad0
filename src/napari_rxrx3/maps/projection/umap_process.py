"""Runs UMAP in a process of its own; started as a script, see `umap`.

In by the standard input: a line of JSON, then the vectors as float32. Out by the standard output:
lines of JSON that say how far it is, at last one with `result` or `error`; after `result` come the
positions as float32. When the other end of the input is closed, nobody waits for an answer.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import threading
from typing import IO, Any

_STAGES = {
    "Finding Nearest Neighbors": "nearest neighbors",
    "Building RP forest": "nearest neighbors, trees",
    "NN descent": "nearest neighbors, descent",
    "Construct embedding": "layout",
}
_COUNTED = re.compile(r"(\d+)\s*/\s*(\d+)")
_LINE_END = re.compile(r"[\r\n]")
_FEW, _BLOCK = 30_000, 1_024
_DEATH_SIGNAL, _KILL = 1, 9


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever compiled code prints is no answer
    questions = sys.stdin.buffer
    asked = json.loads(questions.readline())
    _end_with(asked["parent"])
    if hasattr(os, "nice"):
        os.nice(10)  # the window comes first
    sys.path[:] = asked["path"]
    vectors = _vectors(questions, asked["shape"], answers)
    threading.Thread(target=_end_at_eof, args=(questions,), daemon=True).start()
    try:
        positions = _projected(vectors, asked["settings"], _Spoken(answers))
    except Exception as error:
        _say(answers, error=" ".join(f"{type(error).__name__}: {error}".split())[:300])
    else:
        _say(answers, result=len(positions))
        answers.write(positions.tobytes())
        answers.flush()
    os._exit(0)  # the thread that reads holds the lock of the standard input


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
    for start in range(0, len(vectors), _BLOCK):
        spoken.say(start, len(vectors), "nearest neighbors")
        cosines = vectors[start : start + _BLOCK] @ vectors.T
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


def _vectors(questions: IO[bytes], shape: tuple[int, int], answers: IO[bytes]) -> Any:
    import numpy as np

    _say(answers, ready=True)  # from now on it reads as fast as it is given
    vectors = np.empty(shape, dtype="<f4")
    rest = vectors.data.cast("B")
    while rest:
        n = questions.readinto(rest)  # type: ignore[attr-defined]
        if not n:
            os._exit(1)
        rest = rest[n:]
    return vectors


class _Spoken:
    """What umap-learn prints, as words on how far it is."""

    encoding = "utf-8"

    def __init__(self, answers: IO[bytes]) -> None:
        self._answers = answers
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
        _say(self._answers, done=done, total=total, text=text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def _say(answers: IO[bytes], **words: Any) -> None:
    answers.write(json.dumps(words).encode() + b"\n")
    answers.flush()


def _end_at_eof(questions: IO[bytes]) -> None:
    questions.read(1)
    os._exit(1)


def _end_with(parent: int) -> None:
    """Have Linux end this process with its parent, also in the middle of compiled code."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, _KILL)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    main()

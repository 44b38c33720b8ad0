"""The exact nearest fifty of up to 2.2 million vectors, beside faiss in the same run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.environments import python_of, why_missing
from benchmarks.parts import Curve, Found
from benchmarks.settings import ROOT, Settings
from benchmarks.timing import Row, Target, interleaved, timed
from napari_rxrx3.maps.phenomap import PhenoMap
from napari_rxrx3.maps.spec import MapSpec

__all__ = ["clustered", "map_of", "search"]

Array = np.ndarray[Any, Any]

_D, _K = 128, 50
_RATIO = 0.6
_CHECKED = 4
_BLOCK = 100_000
_CURVE_QUERIES = 5
_WORKER = ROOT / "benchmarks" / "peer_scripts" / "faiss_flat.py"


def search(settings: Settings) -> Found:
    """Search the sizes of the settings, and sizes between for the curve."""
    rows, lines = [], dict[str, list[tuple[float, float]]]()
    for n in sorted({*settings.vectors, *settings.growth_wells}):
        is_row = n in settings.vectors
        queries = settings.queries if is_row else _CURVE_QUERIES
        with _sized(n, settings.folder) as size:
            found = size.measure(queries)
            if is_row:
                rows.append(size.row(found))
        for name, values in found.items():
            lines.setdefault(name, []).append((n, float(np.median(values))))
    title = f"Exact nearest {_K} of n vectors of {_D} numbers"
    return Found(rows, [Curve("search", title, "vectors", lines)])


def clustered(n: int) -> Array:
    """Clustered vectors, float32 (n, 128), neither centered nor of one length."""
    rng = np.random.default_rng(n)
    vectors = rng.standard_normal((n, _D), np.float32)
    centers = rng.standard_normal((1000, _D), np.float32)
    for start in range(0, n, _BLOCK):
        part = vectors[start : start + _BLOCK]
        part += centers[rng.integers(0, len(centers), len(part))]
    return vectors


def map_of(vectors: Array) -> PhenoMap:
    """A map whose entries are these vectors."""
    n = len(vectors)
    keys = pd.Index(np.char.add("w", np.arange(n).astype(str)))
    kinds = pd.Categorical.from_codes(np.zeros(n, np.int8), ["CRISPR", "COMPOUND"])
    labels = pd.DataFrame({"perturbation_type": kinds, "n_wells": np.ones(n, int)}, index=keys)
    unused = {field.name: None for field in fields(PhenoMap) if field.default_factory is MISSING}
    given = {
        "labels": labels,
        "vectors": vectors,
        "spec": MapSpec(level="well", align="none"),
        "member_positions": np.arange(n),
        "well_ids": keys,
        "find_wells": keys.get_indexer,
    }
    made: Any = PhenoMap
    phenomap: PhenoMap = made(**{**unused, **given})  # scores and doubts are not asked for
    return phenomap


@contextmanager
def _sized(n: int, folder: Path) -> Iterator[_Size]:
    vectors = clustered(n)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"vectors-{n}.npy"
    faiss = None
    try:
        if python_of("faiss") is not None:
            np.save(file, vectors)
            faiss = _Faiss(file)
        yield _Size(vectors, map_of(vectors), faiss)
    finally:
        if faiss is not None:
            faiss.close()
        file.unlink(missing_ok=True)


@dataclass
class _Size:
    vectors: Array
    phenomap: PhenoMap
    faiss: _Faiss | None

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(os.cpu_count())

    def measure(self, n_queries: int) -> dict[str, list[float]]:
        n = len(self.vectors)
        self.queries = np.random.default_rng(1).integers(0, n, n_queries + 1).tolist()
        self._ours(-1)  # norms are measured once
        jobs = {"ours": self._ours, "floor": self._pass, "naive": self._naive}
        if self.faiss is not None:
            self.faiss.ask(self.queries[-1])
            jobs["peer"] = lambda i: self.faiss.ask(self.queries[i])  # type: ignore[union-attr]
        return interleaved(n_queries, jobs)

    def row(self, found: dict[str, list[float]]) -> Row:
        n = len(self.vectors)
        checked = self.queries[:_CHECKED]
        right = sum(set(self._found(q)) == set(_brute_force(self.vectors, q)) for q in checked)
        notes = (f"the same set as brute force in double precision: {right} of {len(checked)}",)
        missing = {} if self.faiss is not None else {"peer": f"faiss: {why_missing('faiss')}"}
        target = Target("median", "peer", _RATIO)
        what = f"exact top {_K} of {n:,} x {_D}"
        return Row.of(f"search {n}", what, "s", found, target, notes, missing)

    def _found(self, query: int) -> list[int]:
        table = self.phenomap.nearest(f"w{query}", _K, judged=False)
        return [int(key[1:]) for key in table["key"]]

    def _ours(self, i: int) -> float:
        return timed(lambda: self.phenomap.nearest(f"w{self.queries[i]}", _K, judged=False))

    def _pass(self, i: int) -> float:
        """Read all of the memory once, on all cores."""
        parts = np.array_split(self.vectors.ravel(), os.cpu_count() or 1)
        return timed(lambda: list(self.pool.map(np.max, parts)))

    def _naive(self, i: int) -> float:
        vectors, query = self.vectors, self.vectors[self.queries[i]]

        def ask() -> Array:
            lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
            return np.argsort(-(vectors @ query) / lengths)[1 : _K + 1]

        return timed(ask)


def _brute_force(vectors: Array, query: int) -> Array:
    wanted = vectors[query].astype(np.float64)
    cosines = []
    for start in range(0, len(vectors), _BLOCK):
        part = vectors[start : start + _BLOCK].astype(np.float64)
        cosines.append(part @ wanted / np.linalg.norm(part, axis=1))
    found = np.concatenate(cosines)
    found[query] = -np.inf
    return np.argsort(-found, kind="stable")[:_K]


class _Faiss:
    """Another process that searches the same vectors with faiss's flat index."""

    def __init__(self, file: Path) -> None:
        python = python_of("faiss")
        assert python is not None
        command: Sequence[str | Path] = [python, _WORKER, file, str(_K)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def ask(self, query: int) -> float:
        """Seconds that faiss took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{query}\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"faiss ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

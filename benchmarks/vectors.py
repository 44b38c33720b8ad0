"""What is computed of vectors: the exact nearest ones, their principal components, a heat map."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.environments import python_of, why_missing
from benchmarks.measuring import interleaved, timed
from benchmarks.results import Curve, PartResult, Peer, Row, Target, Timing
from benchmarks.settings import ROOT, Settings
from napari_rxrx3.maps.heat_map import heat_map
from napari_rxrx3.maps.phenomap import PhenoMap
from napari_rxrx3.maps.projection.pca import pca
from napari_rxrx3.maps.spec import MapSpec

__all__ = ["clustered", "map_numbers", "map_of", "search"]

Array = np.ndarray[Any, Any]

_D, _K = 128, 50
_RATIO = 0.6
_CHECKED = 4
_BLOCK = 100_000
_CURVE_QUERIES = 5
_REPEATS, _HEAT_MAP_REPEATS = 3, 10
_PCA_S = {True: 1.0, False: 5.0}
"""At once for up to 200,000 vectors; a few seconds for 2.2 million."""
_AT_ONCE = 200_000
_WORKER = ROOT / "benchmarks" / "peer_scripts" / "faiss_flat.py"


def search(settings: Settings) -> PartResult:
    """Search the sizes of the settings, and sizes between for the curve."""
    rows, lines = [], dict[str, list[tuple[float, float]]]()
    for n in sorted({*settings.vectors, *settings.growth_wells}):
        is_row = n in settings.vectors
        queries = settings.queries if is_row else _CURVE_QUERIES
        with _sized(n, settings.folder) as size:
            size.prepare()
            found = size.measure(queries)
            if is_row:
                rows.append(size.row(found))
        for name, values in found.items():
            lines.setdefault(name, []).append((n, float(np.median(values))))
    title = f"Exact nearest {_K} of n vectors of {_D} numbers"
    return PartResult(rows, [Curve("search", title, "vectors", lines)])


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
    columns = {"perturbation_type": kinds, "gene": "", "treatment": "", "concentration": np.nan}
    labels = pd.DataFrame({**columns, "n_wells": np.ones(n, int)}, index=keys)
    needed = [field for field in fields(PhenoMap) if field.init]
    unused = {field.name: None for field in needed if field.default_factory is MISSING}
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

    def prepare(self) -> None:
        """Do what depends on no query: each way measures the lengths of all vectors."""
        self.prepared = {
            "ours": timed(lambda: self.phenomap.inverse_norms),
            "straightforward": timed(self._measure),
        }
        if self.faiss is not None:
            self.prepared["faiss"] = self.faiss.prepared

    def measure(self, n_queries: int) -> dict[str, list[float]]:
        """Answer queries by each way in turns."""
        n = len(self.vectors)
        self.queries = np.random.default_rng(1).integers(0, n, n_queries + 1).tolist()
        jobs = {"ours": self._ours, "floor": self._pass, "naive": self._naive}
        if self.faiss is not None:
            jobs["peer"] = self._peer
        for job in jobs.values():  # what is made only once is made
            job(-1)
        return interleaved(n_queries, jobs)

    def row(self, found: dict[str, list[float]]) -> Row:
        n = len(self.vectors)
        checked = self.queries[:_CHECKED]
        right = {
            name: sum(set(search(q)) == set(_brute_force(self.vectors, q)) for q in checked)
            for name, search in (("ours", self._found), ("straightforward", self._nearest))
        }
        before = ", ".join(f"{name} {1000 * took:.0f} ms" for name, took in self.prepared.items())
        notes = (
            "lengths of all vectors are measured before, by all: they depend on no query ("
            + before
            + ")",
            "straightforward: numpy's product with the query divided by the lengths, argpartition",
            "the same set as brute force in double precision: "
            + ", ".join(f"{name} {hits} of {len(checked)}" for name, hits in right.items()),
        )
        peer = (
            Peer(self.faiss.name, Timing.of(found["peer"]))
            if self.faiss is not None
            else Peer("faiss", None, why_missing("faiss"))
        )
        target = Target("median", "peer", _RATIO)
        what = f"exact top {_K} of {n:,} x {_D}"
        return Row.of(f"search {n}", what, "s", found, target, notes, peer)

    def _found(self, query: int) -> list[int]:
        table = self.phenomap.nearest(f"w{query}", _K, judged=False)
        return [int(key[1:]) for key in table["key"]]

    def _ours(self, i: int) -> float:
        return timed(lambda: self.phenomap.nearest(f"w{self.queries[i]}", _K, judged=False))

    def _pass(self, i: int) -> float:
        """Read all of the memory once, on all cores."""
        parts = np.array_split(self.vectors.ravel(), os.cpu_count() or 1)
        return timed(lambda: list(self.pool.map(np.max, parts)))

    def _peer(self, i: int) -> float:
        assert self.faiss is not None
        return self.faiss.ask(self.queries[i])

    def _naive(self, i: int) -> float:
        return timed(lambda: self._nearest(self.queries[i]))

    def _measure(self) -> None:
        self.lengths = np.linalg.norm(self.vectors, axis=1)

    def _nearest(self, query: int) -> Array:
        """As one would write it, the best first."""
        cosines = self.vectors @ self.vectors[query]
        cosines /= self.lengths * self.lengths[query]
        cosines[query] = -np.inf
        best = np.argpartition(cosines, -_K)[-_K:]
        return best[np.argsort(-cosines[best])]


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
        first = self._answer()
        self.name = f"faiss {first['version']}, flat index"
        self.prepared = float(first["seconds"])
        """Seconds to bring all vectors to one length and to put them into the index."""

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


def map_numbers(settings: Settings) -> PartResult:
    """Project maps of the sizes of the settings, and compare entries of the smallest."""
    rows = []
    for n in settings.vectors:
        phenomap = map_of(clustered(n))
        rows.append(_pca(phenomap))
        if n == min(settings.vectors):
            rows.append(_heat_map(phenomap, settings.heat_map))
    fact = "straightforward: PCA of scikit-learn; matrix product and linkage of numpy and scipy"
    return PartResult(rows, facts=[fact])


def _pca(phenomap: PhenoMap) -> Row:
    vectors = phenomap.vectors
    n, d = vectors.shape
    straightforward = import_module("sklearn.decomposition").PCA
    parts = np.array_split(vectors.ravel(), os.cpu_count() or 1)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = interleaved(
            _REPEATS,
            {
                "ours": _each(lambda: pca(phenomap)),
                "floor": _each(lambda: list(pool.map(np.max, parts))),
                "naive": _each(lambda: straightforward(2).fit_transform(vectors)),
            },
        )
    theirs = straightforward(2).fit_transform(vectors)
    note = f"correlation with scikit-learn's: {_likeness(pca(phenomap).positions, theirs):.6f}"
    target = Target("median", "limit", _PCA_S[n <= _AT_ONCE])
    return Row.of(f"pca {n}", f"PCA of {n:,} x {d}", "s", found, target, (note,))


def _likeness(ours: Array, theirs: Array) -> float:
    """The smaller of the correlations of both components, whatever their signs."""
    return min(abs(float(np.corrcoef(ours[:, i], theirs[:, i])[0, 1])) for i in (0, 1))


def _heat_map(phenomap: PhenoMap, n: int) -> Row:
    rng = np.random.default_rng(4)
    rows = np.sort(rng.choice(len(phenomap.vectors), n, replace=False))
    keys = [str(key) for key in phenomap.labels.index[rows]]
    vectors = phenomap.vectors[rows]
    found = interleaved(
        _HEAT_MAP_REPEATS,
        {
            "ours": _each(lambda: heat_map(phenomap, keys)),
            "floor": _each(lambda: vectors @ vectors.T),
            "naive": _each(lambda: _clustered(vectors)),
        },
    )
    what = f"heat map of {n:,} x {n:,}: compared and clustered"
    return Row.of("heat map", what, "s", found)


def _clustered(vectors: Array) -> Array:
    """Cosines in the order of a tree, as one would write it."""
    hierarchy: Any = import_module("scipy.cluster.hierarchy")
    tree = hierarchy.linkage(vectors, "average", metric="cosine")
    order = hierarchy.leaves_list(tree)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines: Array = (units @ units.T)[np.ix_(order, order)]
    return cosines


def _each(work: Callable[[], object]) -> Callable[[int], float]:
    """A job for `interleaved` that does the same in every round."""
    return lambda i: timed(work)

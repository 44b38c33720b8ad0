"""What is computed for the map: the principal components of all vectors, a heat map of some."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.parts import Found
from benchmarks.search import clustered, map_of
from benchmarks.settings import Settings
from benchmarks.timing import Row, Target, interleaved, timed
from napari_rxrx3.maps.heat_map import heat_map
from napari_rxrx3.maps.phenomap import PhenoMap
from napari_rxrx3.maps.projection.pca import pca

__all__ = ["map_numbers"]

Array = np.ndarray[Any, Any]

_REPEATS, _HEAT_MAP_REPEATS = 3, 10
_PCA_S = {True: 1.0, False: 5.0}
"""At once for up to 200,000 vectors; a few seconds for 2.2 million."""
_AT_ONCE = 200_000


def map_numbers(settings: Settings) -> Found:
    """Project maps of the sizes of the settings, and compare entries of the smallest."""
    rows = []
    for n in settings.vectors:
        phenomap = map_of(clustered(n))
        rows.append(_pca(phenomap))
        if n == min(settings.vectors):
            rows.append(_heat_map(phenomap, settings.heat_map))
    fact = "straightforward: PCA of scikit-learn; matrix product and linkage of numpy and scipy"
    return Found(rows, facts=[fact])


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

"""The two directions in which the vectors of a map vary most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.projection.projection import Projection, entries_in_words

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["pca"]

Array = np.ndarray[Any, Any]

_NUMBERS_A_BLOCK = 2**18


def pca(phenomap: Entries, progress: Progress | None = None) -> Projection:
    """Project a map on the first two principal components of its vectors.

    The vectors are read twice, in blocks, and never copied as a whole. The same vectors give the
    same picture: the largest weight of each component is positive.

    Parameters
    ----------
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    MapError
        If no entry has a finite vector that is not zero.
    """
    vectors = np.asarray(phenomap.vectors)  # slices of a memory map cost time
    report = _Steps(2 * len(vectors), progress)
    usable, mean, covariance = _moments(vectors, report)
    if not usable.any():
        raise MapError("This map has no vectors that can be projected.")
    components, shares = _components(covariance)
    positions = np.empty((len(vectors), 2), dtype=np.float32)
    origin, weights = mean.astype(np.float32), components.astype(np.float32)
    for block in _blocks(vectors):
        report(len(vectors) + block.start)
        with np.errstate(invalid="ignore", over="ignore"):
            positions[block] = (vectors[block] - origin) @ weights
    positions[~usable] = np.nan
    first, second = (f"{100 * share:.0f} %" for share in shares)
    n = int(usable.sum())
    return Projection(
        positions,
        "PCA",
        f"PCA of {entries_in_words(phenomap, n)}: {first} + {second} of the variance",
        (f"PC1, {first}", f"PC2, {second}"),
        len(usable) - n,
    )


class _Steps:
    """Tells how far the work is."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress = total, progress

    def __call__(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, self._total, f"PCA of {self._total // 2:,} vectors")


def _moments(vectors: Array, report: _Steps) -> tuple[Array, Array, Array]:
    """Which vectors are usable, and their mean and covariance: bool (n,), (d,), (d, d).

    Sums are of differences from a vector near all others, in double precision: a large mean
    leaves its digits to what varies.
    """
    dimension = vectors.shape[1]
    usable = np.zeros(len(vectors), dtype=bool)
    origin: Array | None = None
    total, products = np.zeros(dimension), np.zeros((dimension, dimension))
    for block in _blocks(vectors):
        report(block.start)
        part = vectors[block]
        squares = np.einsum("ij,ij->i", part, part)
        usable[block] = here = np.isfinite(squares) & (squares > 0)
        if not here.all():
            part = part[here]
        if origin is None and len(part):
            origin = part.mean(axis=0, dtype=np.float64)
        if origin is not None:
            shifted = part - origin
            total += shifted.sum(axis=0)
            products += shifted.T @ shifted
    n = max(1, np.count_nonzero(usable))
    shift = total / n
    mean = shift if origin is None else origin + shift
    return usable, mean, products / n - np.outer(shift, shift)


def _components(covariance: Array) -> tuple[Array, Array]:
    """The first two components, (d, 2), and the share of the variance that each has."""
    variances, vectors = np.linalg.eigh(covariance)
    components, shares = np.zeros((len(covariance), 2)), np.zeros(2)
    n = min(2, len(covariance))
    components[:, :n] = vectors[:, ::-1][:, :n]
    largest = np.abs(components).argmax(axis=0)
    components *= np.where(components[largest, [0, 1]] < 0, -1.0, 1.0)
    whole = np.trace(covariance)
    if whole > 0:
        shares[:n] = np.maximum(variances[::-1][:n], 0) / whole
    return components, shares


def _blocks(vectors: Array) -> Iterator[slice]:
    size = max(1, _NUMBERS_A_BLOCK // max(1, vectors.shape[1]))
    for start in range(0, len(vectors), size):
        yield slice(start, start + size)

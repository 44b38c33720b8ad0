"""Vectors that can be used and are suspicious: the same as another one, or absurdly large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_rxrx3.core.words import some
from napari_rxrx3.data.vectors.embeddings import EmbeddingTable

__all__ = ["odd_vectors"]

Array = np.ndarray[Any, Any]

_BLOCK = 16384
_SAMPLED = 4096
_TIMES = 10_000
"""So many times as far from the median as half of the values of a feature is no measurement."""


def odd_vectors(table: EmbeddingTable) -> Iterator[tuple[str, int, str]]:
    """Yield the kind of each problem, the row of the vectors that it is of, and a sentence."""
    rows = np.flatnonzero(table.is_usable)
    if len(rows) < 2:
        return
    yield from _extreme(table, rows)
    for group in _identical(table.vectors, rows):
        wells = table.well_ids[group].tolist()
        detail = f"{table.name} has one and the same vector for {len(wells):,} wells: {some(wells)}"
        yield "identical_vectors", int(group[0]), detail


def _extreme(table: EmbeddingTable, rows: Array) -> Iterator[tuple[str, int, str]]:
    vectors = table.vectors
    sample = vectors[rows[:: max(1, len(rows) // _SAMPLED)]].astype(np.float64)
    middle = np.median(sample, axis=0)
    usual = np.median(np.abs(sample - middle), axis=0)
    usual = np.maximum(usual, np.median(usual))  # some features are zero in most wells
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        times = np.abs(vectors[part] - middle)
        is_far = (times > _TIMES * usual) & (usual > 0)
        for i in np.flatnonzero(is_far.any(axis=1)).tolist():
            value = float(vectors[part[i], int(np.argmax(is_far[i]))])
            well = str(table.well_ids[part[i]])
            detail = f"the vector of {well} in {table.name} holds {value:.3g}, far from all others"
            yield "extreme_vector", int(part[i]), detail


def _identical(vectors: Array, rows: Array) -> Iterator[Array]:
    """Groups of rows whose vectors are the same to the last digit."""
    weights = np.random.default_rng(0).normal(size=vectors.shape[1])
    products = np.concatenate(
        [
            np.einsum("ij,j->i", vectors[rows[start : start + _BLOCK]], weights)
            for start in range(0, len(rows), _BLOCK)
        ]
    )
    order = np.argsort(products, kind="stable")
    is_next = np.diff(products[order]) == 0
    for run in np.split(order, np.flatnonzero(~is_next) + 1):
        if len(run) > 1:  # the same product, and as a rule the same vector
            alike = np.sort(rows[run])
            same = np.unique(vectors[alike], axis=0, return_inverse=True)[1].reshape(-1)
            for number in range(same.max() + 1):
                if (same == number).sum() > 1:
                    yield alike[same == number]

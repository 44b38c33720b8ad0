"""Directions and distances of vectors, in double precision.

What is a difference of like numbers loses its digits in single precision, and what is left of it
then depends on the order in which a processor adds: all that is subtracted here is subtracted in
double precision, and vectors before their products are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_two_singles", "cosine_distances", "directions", "mean_distances", "sums_of"]

Array = np.ndarray[Any, Any]

_BLOCK = 256


def directions(vectors: Array) -> Array:
    """Vectors (..., d) at length one, float64; zeros where there are only zeros."""
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1))


def as_two_singles(values: Array) -> tuple[Array, Array]:
    """Numbers of double precision, each the sum of two of single precision.

    Subtracted one after the other from vectors in single precision, they cost no digits.
    """
    high = values.astype(np.float32)
    return high, (values - high).astype(np.float32)


def cosine_distances(x: Array, y: Array) -> Array:
    """1 - cosine of vectors (..., d), each with the one of the same place; 1 for zeros.

    Taken as half the squared distance of the directions: of vectors that are nearly alike the
    cosine itself is a 1 with few digits behind it.
    """
    a, b = directions(x), directions(y)
    has_direction = a.any(axis=-1) & b.any(axis=-1)
    a -= b
    return np.where(has_direction, np.einsum("...i,...i->...", a, a) / 2, 1.0)


def sums_of(vectors: Array, group: Array) -> Array:
    """Sums of vectors (n, d) by group (n,), numbered from 0: float64 (groups, d)."""
    from scipy import sparse  # takes a while to load

    n_groups = int(group.max(initial=-1)) + 1
    ones = np.ones(len(group))
    is_of = sparse.csr_array((ones, (group, np.arange(len(group)))), shape=(n_groups, len(group)))
    return np.asarray(is_of @ vectors.astype(np.float64))


def mean_distances(x: Array, y: Array) -> Array:
    """Mean Euclidean distance of each of some vectors (n, d) from others (m, d): float64 (n,)."""
    center = y.mean(axis=0, dtype=np.float64)  # distances stay, and so do their digits
    others = y - center
    squares, minus_twice = np.einsum("ij,ij->i", others, others), -2 * others.T
    means = np.empty(len(x))
    for start in range(0, len(x), _BLOCK):
        part = x[start : start + _BLOCK] - center
        distances = part @ minus_twice
        distances += squares
        distances += np.einsum("ij,ij->i", part, part)[:, None]
        np.sqrt(np.maximum(distances, 0, out=distances), out=distances)
        means[start : start + _BLOCK] = distances.mean(axis=1)
    return means

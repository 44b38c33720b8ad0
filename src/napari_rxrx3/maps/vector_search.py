"""The exact nearest of millions of vectors to one of them.

One pass in single precision, as fast as memory can be read, bounds how near each vector can be;
the few that could be among the nearest are compared again in double precision. So the answer does
not depend on how a library rounds its products: equal vectors tie, wherever they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from napari_rxrx3.maps.spec import METRICS

__all__ = ["NO_DIRECTION", "VectorSearch"]

Array = np.ndarray[Any, Any]

NO_DIRECTION = 1e-5
"""Vectors of this part of the median length have no direction: it is all rounding."""

_BLOCK = 131_072
_EXACT = 4_096
_WIDENED = 2_048
_NEAR = 1e-4


class VectorSearch:
    """Compares any of some vectors with all of them.

    Parameters
    ----------
    vectors : float32 (n, d)
        May be mapped into memory; never copied. Lengths from 1e-15 to 1e15, or 0.
    """

    def __init__(self, vectors: Array) -> None:
        self.vectors = np.asarray(vectors)  # slices of a memory map cost time

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(
        self, query: int, k: int, metric: str, opposite: bool, searched: Array
    ) -> tuple[Array, Array]:
        """Find the vectors nearest to one of them, or those furthest from it.

        Parameters
        ----------
        query : int
            Row of the query.
        metric : {"cosine", "euclidean"}
        opposite : bool
            Find the smallest cosines or the largest distances.
        searched : bool (n,)
            Which rows may be found. The query may find itself, unless it is left out here.

        Returns
        -------
        rows : int
            `k`, or all that are searched if they are fewer. The best first; those that are
            equally near in their order.
        closeness : float64, like `rows`
            Cosines, or Euclidean distances negated, in double precision.

        Raises
        ------
        ValueError
            If `metric` is unknown.
        """
        _check(metric)
        k = max(0, min(k, int(np.count_nonzero(searched))))
        if k == 0 or (metric == "cosine" and not self.inverse_norms[query]):
            return np.flatnonzero(searched)[:k], np.zeros(k)  # to the origin all cosines are 0
        asked, best = _Asked(self, query, metric, opposite), _Best(k)
        for block in _blocks(len(self), _BLOCK):
            _add_best(best, asked, block, searched[block])
        return best.rows, -best.scores if opposite else best.scores

    def closeness(self, query: int, metric: str) -> Array:
        """How close all vectors are to one, float (n,): cosine, or Euclidean distance negated.

        In double precision. The cosine of a vector without direction is 0.

        Raises
        ------
        ValueError
            If `metric` is unknown.
        """
        _check(metric)
        products = self.products(self.vectors[query])
        own = self.squared_norms[query]
        if metric == "cosine":
            directed = (self.inverse_norms > 0) & bool(self.inverse_norms[query])
            lengths = np.sqrt(np.where(directed, self.squared_norms * own, 1))
            return np.asarray(np.where(directed, np.clip(products / lengths, -1, 1), 0))
        squared: Array = self.squared_norms + own - 2 * products
        near = np.flatnonzero(squared < _NEAR * own)  # little is left of their digits
        closeness = -np.sqrt(np.maximum(squared, 0))
        closeness[near] = self.closeness_of_pairs(near, np.full(len(near), query), metric)
        return closeness

    def closeness_of_pairs(self, a: Array, b: Array, metric: str) -> Array:
        """How close the vectors of rows a are to those of rows b, (m,); see `closeness`."""
        closeness = np.empty(len(a))
        for block in _blocks(len(a), _EXACT):
            one, two = (self.vectors[rows[block]].astype(np.float64) for rows in (a, b))
            if metric == "cosine":
                directed = (self.inverse_norms[a[block]] > 0) & (self.inverse_norms[b[block]] > 0)
                squares = self.squared_norms[a[block]] * self.squared_norms[b[block]]
                cosines = np.einsum("ij,ij->i", one, two) / np.sqrt(np.where(directed, squares, 1))
                closeness[block] = np.where(directed, np.clip(cosines, -1, 1), 0)
            else:
                closeness[block] = -np.linalg.norm(one - two, axis=1)
        return closeness

    def products(self, vector: Array) -> Array:
        """Products of all vectors with one, in double precision: float64 (n,)."""
        vector, products = vector.astype(np.float64), np.empty(len(self))
        for block in _blocks(len(self), _WIDENED):
            np.dot(self.vectors[block].astype(np.float64), vector, out=products[block])
        return products

    @cached_property
    def squared_norms(self) -> Array:
        """Float64 (n,)."""
        squares = np.empty(len(self))
        for block in _blocks(len(self), _EXACT):
            part = self.vectors[block].astype(np.float64)
            np.einsum("ij,ij->i", part, part, out=squares[block])
        return squares

    @cached_property
    def single_squares(self) -> Array:
        """`squared_norms` in single precision."""
        return self.squared_norms.astype(np.float32)

    @cached_property
    def inverse_norms(self) -> Array:
        """Float32 (n,): 0 for a vector that has no direction.

        Alignment puts the controls at the origin: what is left of them is rounding. Their
        cosine to anything is 0.
        """
        norms = np.sqrt(self.squared_norms)
        directed = norms > NO_DIRECTION * np.median(norms) if len(norms) else norms > 0
        return np.where(directed, 1 / np.where(directed, norms, 1), 0).astype(np.float32)


class _Asked:
    """One question, and how well vectors answer it: exactly, or quickly by an upper bound.

    The score of an answer is its closeness, or the negative of it where the furthest are asked
    for. What is bounded grows with the score: the cosine, or 2 x.q - x.x, which is q.q minus the
    squared distance; or their negatives.
    """

    def __init__(self, search: VectorSearch, query: int, metric: str, opposite: bool) -> None:
        self._search = search
        self._is_cosine = metric == "cosine"
        self._sign = -1.0 if opposite else 1.0
        self._vector = search.vectors[query].astype(np.float64)
        self._square = float(self._vector @ self._vector)
        scale = 1 / np.sqrt(self._square) if self._is_cosine else 2.0
        self._factors = (self._sign * scale * self._vector).astype(np.float32)
        # single precision errs by this part of the product of the lengths at most; half of the
        # sum of the squares is never less than that
        self._error = (len(self._vector) + 8) * 2.0**-24

    def bounds(self, block: slice) -> Array:
        """Upper bounds for the vectors of a block, float32; `limit` allows for what they lack."""
        bounds = np.dot(self._search.vectors[block], self._factors)
        if self._is_cosine:
            bounds *= self._search.inverse_norms[block]
        else:
            factor = np.float32(self._error - self._sign)
            bounds += self._search.single_squares[block] * factor
        return np.asarray(bounds)

    def limit(self, score: float) -> float:
        """Vectors with a bound below it have a lower score."""
        if not np.isfinite(score):
            return -np.inf
        if self._is_cosine:
            return score - self._error
        return self._sign * (self._square - score**2) - self._error * self._square

    def scores(self, rows: Array) -> Array:
        """Scores of some vectors in double precision, float64 like `rows`."""
        scores = np.empty(len(rows))
        for block in _blocks(len(rows), _EXACT):
            vectors = self._search.vectors[rows[block]].astype(np.float64)
            if self._is_cosine:
                lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors) * self._square)
                cosines = np.einsum("ij,j->i", vectors, self._vector) / np.maximum(lengths, 1e-300)
                has_direction = self._search.inverse_norms[rows[block]] > 0
                scores[block] = np.where(has_direction, np.clip(cosines, -1, 1), 0)
            else:
                vectors -= self._vector
                scores[block] = -np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        return self._sign * scores


class _Best:
    """The best rows so far: those of the largest scores, of equal scores the first."""

    def __init__(self, k: int) -> None:
        self.rows, self.scores = np.zeros(0, dtype=np.intp), np.zeros(0)
        self.k = k

    @property
    def worst(self) -> float:
        """What a row must reach to be one of them."""
        return float(self.scores[-1]) if len(self.scores) == self.k else -np.inf

    def add(self, rows: Array, scores: Array) -> None:
        if len(rows):
            rows, scores = np.append(self.rows, rows), np.append(self.scores, scores)
            order = np.lexsort((rows, -scores))[: self.k]
            self.rows, self.scores = rows[order], scores[order]


def _add_best(best: _Best, asked: _Asked, block: slice, searched: Array) -> None:
    """Compare a block with the query, and add all that may be among the best."""
    bounds = asked.bounds(block)
    hits = np.flatnonzero(~(bounds < asked.limit(best.worst)) & searched)
    if len(hits) > best.k:  # the likely ones first: they rule most of the others out
        split = np.argpartition(bounds[hits], len(hits) - best.k)
        likely, hits = hits[split[-best.k :]], hits[split[: -best.k]]
        best.add(likely + block.start, asked.scores(likely + block.start))
        hits = hits[~(bounds[hits] < asked.limit(best.worst))]
    best.add(hits + block.start, asked.scores(hits + block.start))


def _check(metric: str) -> None:
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; choose one of {', '.join(METRICS)}")


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))

"""How alike two perturbations are across experiments, where they share no well's surroundings.

What is screened together shares the error of its controls' mean and looks alike for no other
reason. Of two entries, a in some experiments and b in some, this compares the average of a in one
with that of b in another, for all ordered pairs of two different experiments, and takes the mean of
the cosines. See docs/maps.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.geometry import directions, sums_of
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.maps.vector_search import NO_DIRECTION, VectorSearch

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["Across", "AcrossExperiments", "rank_across"]

Array = np.ndarray[Any, Any]

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class AcrossExperiments:
    """Likeness of one entry to all others.

    Attributes
    ----------
    likeness : float64 (n,)
        Mean cosine over pairs of different experiments; NaN where there are none.
    n_pairs : int (n,)
        How many ordered pairs of experiments that is the mean of.
    n_shared : int (n,)
        In how many experiments both are.
    """

    likeness: Array
    n_pairs: Array
    n_shared: Array


class Across:
    """Likeness across experiments in one map.

    The sum over all ordered pairs of experiments is the product of the two sums of directions,
    less the products within the experiments that both are in. So a question costs as much as one
    search, and only what shares an experiment is looked at experiment by experiment.
    """

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._sums: VectorSearch | None = None

    @property
    def is_known(self) -> bool:
        """False at the level of wells, each of which is in one experiment."""
        return self._entries.parts is not None

    def of(self, query: int, progress: Progress | None = None) -> AcrossExperiments:
        """Likeness of an entry to all entries (to itself as well, which means nothing).

        `progress` is called with (done, total, text) the first time; it may raise to stop.
        """
        n = len(self._entries.labels)
        parts = self._entries.parts
        if parts is None:
            empty = np.zeros(n, dtype=np.int64)
            return AcrossExperiments(np.full(n, np.nan), empty, empty)
        sums = self._opened(progress or silent)
        total = sums.products(sums.vectors[query])
        n_pairs = self._n_parts * self._n_parts[query]
        n_shared = np.zeros(n, dtype=np.int64)
        for part in self._parts_of(query):
            others = self._in_experiment[int(parts.experiment[part])]
            own = directions(parts.vectors[part])
            total[parts.entry[others]] -= directions(parts.vectors[others]) @ own
            n_shared[parts.entry[others]] += 1
        n_pairs = n_pairs - n_shared
        return AcrossExperiments(_mean(total, n_pairs), n_pairs, n_shared)

    def of_pairs(self, a: Array, b: Array) -> AcrossExperiments:
        """Likeness of the entries a (m,) to the entries b (m,)."""
        assert self._entries.parts is not None
        total = np.empty(len(a))
        sums = self._opened(silent).vectors
        for start in range(0, len(a), _BLOCK):
            block = slice(start, start + _BLOCK)
            total[block] = np.einsum(
                "ij,ij->i", sums[a[block]].astype(np.float64), sums[b[block]], dtype=np.float64
            )
        pair, one, other = self._together(a, b)
        for start in range(0, len(pair), _BLOCK):
            block = slice(start, start + _BLOCK)
            first = directions(self._entries.parts.vectors[one[block]])
            second = directions(self._entries.parts.vectors[other[block]])
            np.subtract.at(total, pair[block], np.einsum("ij,ij->i", first, second))
        n_shared = np.bincount(pair, minlength=len(a))
        n_pairs = self._n_parts[a] * self._n_parts[b] - n_shared
        return AcrossExperiments(_mean(total, n_pairs), n_pairs, n_shared)

    def spread(self, a: Array, b: Array, n_shared: Array) -> Array:
        """How much the likeness of unrelated entries varies: variance of the mean, in units of
        that of one cosine, float64 (m,).

        What does nothing points elsewhere in each experiment, so that more pairs of experiments
        tell more. What does something points the same way in all of them: so do their cosines.
        """
        m, o = self._n_parts[a].astype(np.float64), self._n_parts[b].astype(np.float64)
        own_a, own_b = self._own_likeness[a], self._own_likeness[b]
        n = m * o - n_shared
        # of two ordered pairs of experiments: those that have the first, or the second, in common
        same_a = n_shared * (o - 1) * (o - 2) + (m - n_shared) * o * (o - 1)
        same_b = n_shared * (m - 1) * (m - 2) + (o - n_shared) * m * (m - 1)
        none = n**2 - n - same_a - same_b
        total = n + same_a * own_b + same_b * own_a + none * own_a * own_b
        return np.asarray(total / np.maximum(n, 1) ** 2)

    @cached_property
    def _own_likeness(self) -> Array:
        """Mean cosine of an entry's averages in different experiments, 0 to 1; 0 for a single one:
        float64 (n,).
        """

        def build() -> dict[str, Array]:
            sums = self._opened(silent).squared_norms
            n = self._n_parts * (self._n_parts - 1)
            likeness = np.where(n > 0, (sums - self._n_parts) / np.maximum(n, 1), 0)
            return {"likeness": np.clip(likeness, 0, 1)}

        return self._entries.kept("own likeness", build)["likeness"]

    def _together(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """For each experiment that both of a pair are in: the pair, and the parts of both."""
        parts = self._entries.parts
        assert parts is not None
        width = int(parts.experiment.max(initial=0)) + 1
        known = np.flatnonzero(self._is_directed)
        nothing = np.zeros(0, dtype=np.int64)
        if not len(known):
            return nothing, nothing, nothing
        code = parts.entry[known].astype(np.int64) * width + parts.experiment[known]
        pairs, ones, others = [], [], []
        starts = np.searchsorted(parts.entry, np.arange(len(self._entries.labels) + 1))
        n_of_a = (starts[1:] - starts[:-1])[a]
        for nth in range(int(n_of_a.max(initial=0))):
            pair = np.flatnonzero(n_of_a > nth)
            one = starts[a[pair]] + nth
            wanted = b[pair].astype(np.int64) * width + parts.experiment[one]
            place = np.minimum(np.searchsorted(code, wanted), len(code) - 1)
            found = self._is_directed[one] & (code[place] == wanted)
            pairs.append(pair[found])
            ones.append(one[found])
            others.append(known[place[found]])
        pair, one, other = (np.concatenate(found or [nothing]) for found in (pairs, ones, others))
        return pair, one, other

    def _parts_of(self, entry: int) -> Array:
        parts = self._entries.parts
        assert parts is not None
        span = parts.of(entry)
        return np.arange(span.start, span.stop)[self._is_directed[span]]

    @cached_property
    def _is_directed(self) -> Array:
        """Which parts have a direction: bool (m,). That of the controls is rounding."""
        parts, entries = self._entries.parts, self._entries
        assert parts is not None

        def build() -> dict[str, Array]:
            squares = np.empty(len(parts.entry))
            for start in range(0, len(squares), _BLOCK):
                block = slice(start, start + _BLOCK)
                vectors = parts.vectors[block].astype(np.float64)
                squares[block] = np.einsum("ij,ij->i", vectors, vectors)
            shortest = NO_DIRECTION * np.sqrt(np.median(squares)) if len(squares) else 0.0
            directed = (np.sqrt(squares) > shortest) & entries.has_direction[parts.entry]
            return {"is_directed": np.asarray(directed)}

        return entries.kept("directed parts", build)["is_directed"]

    @cached_property
    def _n_parts(self) -> Array:
        """In how many experiments each entry is, with a direction: int (n,)."""
        parts = self._entries.parts
        assert parts is not None
        counted = parts.entry[self._is_directed]
        return np.bincount(counted, minlength=len(self._entries.labels))

    @cached_property
    def _in_experiment(self) -> dict[int, Array]:
        """The parts in each experiment."""
        parts = self._entries.parts
        assert parts is not None
        known = np.flatnonzero(self._is_directed)
        order = known[np.argsort(parts.experiment[known], kind="stable")]
        experiments, starts = np.unique(parts.experiment[order], return_index=True)
        return dict(zip(experiments.tolist(), np.split(order, starts[1:]), strict=True))

    def _opened(self, progress: Progress) -> VectorSearch:
        """The sum of each entry's directions in its experiments, float32 (n, d)."""
        if self._sums is None:
            entries, parts = self._entries, self._entries.parts
            assert parts is not None
            key = f"{entries.fingerprint}|across experiments" if entries.fingerprint else ""
            kept = entries.cache.open_mapped("nulls", key) if key else None
            if kept is None or len(kept) != len(entries.labels):
                shape = (len(entries.labels), parts.vectors.shape[1])
                kept = entries.cache.new_mapped(
                    "nulls", key, shape, lambda sums: self._fill(sums, progress)
                )
            self._sums = VectorSearch(kept)
        return self._sums

    def _fill(self, sums: Array, progress: Progress) -> None:
        parts = self._entries.parts
        assert parts is not None
        sums[:] = 0
        for start in range(0, len(parts.entry), _BLOCK):
            progress(start, len(parts.entry), "comparing across experiments")
            block = slice(start, start + _BLOCK)
            units = directions(parts.vectors[block]) * self._is_directed[block, None]
            first = int(parts.entry[start])
            added = sums_of(units, parts.entry[block] - first)
            sums[first : first + len(added)] += added.astype(np.float32)


def rank_across(likeness: Array, comparable: Array, opposite: bool) -> Array:
    """The share of comparable entries that are at least as alike as each: float (n,).

    It is NaN for what is not comparable. The first of 500 has .002; with `opposite` the least
    alike is the first.

    Parameters
    ----------
    likeness : float (n,)
    comparable : bool (n,)
        What is searched and has a likeness across experiments.
    """
    rank = np.full(len(likeness), np.nan)
    values = likeness[comparable] if opposite else -likeness[comparable]
    n_as_alike = np.searchsorted(np.sort(values), values, side="right")
    rank[comparable] = n_as_alike / max(len(values), 1)
    return rank


def _mean(total: Array, n: Array) -> Array:
    return np.where(n > 0, np.clip(total / np.maximum(n, 1), -1, 1), np.nan)

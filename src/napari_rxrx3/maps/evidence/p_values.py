"""How often two different perturbations of a map are as alike as these two.

All that is a share of pairs is counted here; what chance alone would make, in which the pairs that
are truly related have no part, is in `comparable`. Shares use the add-one rule (Phipson and Smyth
2010, "Permutation p-values should never be zero"). q-values are those of Benjamini and Hochberg
1995 of what is tested for itself, and by Lehmann and Romano 2005 of lists, in which many values go
together. The rest is our own, see docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.geometry import directions
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.maps.entries import Entries
from napari_rxrx3.maps.evidence.other_vectors import AveragedVectors
from napari_rxrx3.maps.evidence.placement import Placement

if TYPE_CHECKING:
    from napari_rxrx3.maps.space import WellSpace

__all__ = [
    "ROUNDING",
    "SIZES",
    "NullOfPairs",
    "NullOnPlates",
    "add_one_p",
    "benjamini_hochberg",
    "lehmann_romano",
    "n_as_large",
    "size_below",
]

Array = np.ndarray[Any, Any]

SIZES = np.array(
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 41, 51, 63, 78, 97, 121, 151, 188, 235]
)
"""Classes of numbers of wells: others belong to the next one below."""

ROUNDING = 1e-6
"""Values that differ by this part of their size are equal: vectors have seven digits."""

_ONE_FALSE_OF = 10
"""Of so many values that are believed, one may be chance."""

_POOL, _SMALL_POOL = 1500, 600
_COMMON = 0.05
_MIN_GROUPS, _DRAWS_OF_LARGE = 12, 5
_BINS = 1 << 15
_INTO_NEXT_BIN = 0.01
"""How much of a bin is counted to the next, so that rounding does not tear apart what is equal at
the edge between them: the cosines 0 and 1/2 are at one."""

_BLOCK = 4096
_WELLS = 16_384
_PLATE_PAIRS = 200_000


def size_below(n_wells: Array) -> Array:
    """Index into `SIZES` of the largest size that is at most each number of wells."""
    return np.asarray(np.searchsorted(SIZES, n_wells, side="right") - 1)


def add_one_p(n_as_extreme: Array, n_null: Array | int) -> Array:
    """(1 + values of the null that are as extreme) / (1 + values of the null); NaN without any."""
    n_null = np.asarray(n_null)
    return np.where(n_null > 0, (1.0 + n_as_extreme) / (1.0 + n_null), np.nan)


def n_as_large(null: Array, values: Array, scale: Array | float = 1.0) -> Array:
    """How many values of a sorted null are at least as large as each, ties included: int (n,).

    Values are equal that differ by less than `ROUNDING` of `scale`, 1 for cosines.
    """
    below = np.searchsorted(null, values - ROUNDING * np.asarray(scale), side="left")
    return np.asarray(len(null) - below)


def benjamini_hochberg(p: Array) -> Array:
    """q-values of a list of p-values, float (n,): the smallest false discovery rate at which
    each would be called; NaN where p is, which do not count.
    """
    q = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))  # not scipy's, which takes a second to load
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def lehmann_romano(p: Array) -> Array:
    """q-values of a list of p-values, float (n,): the chance that, of the values down to each, more
    than one in ten are chance; NaN where p is, which do not count.

    A false discovery rate is an average over lists. A single list may be far from it, and so may
    be all that go with it: what one member of a complex is like by chance, all of them are. This
    holds in the list itself, whatever chance values have to do with one another (the step-down
    procedure of Lehmann and Romano 2005, "Generalizations of the familywise error rate").
    """
    q = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    rank = np.arange(1, len(order) + 1)
    n_false = rank // _ONE_FALSE_OF + 1
    scaled = p[order] * (len(order) + n_false - rank) / n_false
    q[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return q


@dataclass(frozen=True, eq=False)
class _Pool:
    """Averages of a given number of wells: float64 (m, d), and what was perturbed in each."""

    vectors: Array
    group: Array
    size: int


@dataclass(frozen=True, eq=False)
class _Large:
    """Entries by row, and averages over a part of their wells: float64 (draws, m, d)."""

    rows: Array
    vectors: Array

    def place(self, rows: Array) -> Array:
        return np.searchsorted(self.rows, rows)


@dataclass(eq=False)
class NullOfPairs:
    """Pairs of different perturbations, averaged over as many wells as the pair in question.

    Parameters
    ----------
    phenomap : Entries
    vectors : AveragedVectors
        In another alignment than that of the map, if that is asked for.
    metric : {"cosine", "euclidean"}
    """

    phenomap: Entries
    vectors: AveragedVectors
    metric: str
    _report: Progress = silent
    _pools: dict[int, _Pool] = field(default_factory=dict)
    _counts: dict[tuple[int, int], Array] = field(default_factory=dict)

    def prepare(self, progress: Progress) -> None:
        """Draw what most questions need, so that it is kept for all of them."""
        self._report = progress
        sizes, counts = np.unique(self.phenomap.n_wells, return_counts=True)
        is_common = (counts >= _COMMON * len(self.phenomap.n_wells)) & (sizes <= self._largest)
        common = sizes[is_common].tolist()
        for done, (size, other) in enumerate(combinations_with_replacement(common, 2)):
            progress(done, len(common) * (len(common) + 1) // 2, "averaging fewer wells")
            self._counts_without(size, other, -1)

    def p_values(
        self,
        query: int,
        rows: Array,
        closeness: Array,
        opposite: bool,
        progress: Progress | None = None,
    ) -> tuple[Array, Array]:
        """p-values of the closeness of an entry to some others, and of how many pairs: (n,) each.

        Parameters
        ----------
        query : int
            Row of the entry.
        rows, closeness : (n,)
            Rows of the others, and how close they are; see `Entries.closeness`.
        opposite : bool
            Ask for pairs that are as far apart, not as close.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.
        """
        self._report = progress or silent  # never that of a question that was stopped
        asked = np.append(rows, query)
        if (self.phenomap.n_wells[asked] <= self._largest).all():
            return self._compared(query, rows, closeness, opposite, progress)
        # too few perturbations have as many wells: compare averages over as many as enough have
        draws = []
        for draw in range(_DRAWS_OF_LARGE):
            redrawn = self._redrawn(asked, closeness, draw)
            p, n = self._compared(query, rows, redrawn, opposite, progress)
            draws.append(p)
        return np.asarray(np.median(draws, axis=0)), n

    def _compared(
        self,
        query: int,
        rows: Array,
        closeness: Array,
        opposite: bool,
        progress: Progress | None,
    ) -> tuple[Array, Array]:
        p, n = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=np.int64)
        n_wells = np.minimum(self.phenomap.n_wells, self._largest)
        sizes, mine = n_wells[rows], int(n_wells[query])
        bins = self._bins(closeness)
        present = np.unique(sizes)
        for done, size in enumerate(present):
            if progress is not None:
                progress(done, len(present), "comparing with pairs of different perturbations")
            counts = self._counts_without(mine, int(size), int(self.phenomap.groups[query]))
            tail = np.cumsum(counts) if opposite else np.cumsum(counts[::-1])[::-1]
            of_size = sizes == size
            n[of_size] = counts.sum()
            p[of_size] = add_one_p(tail[bins[of_size]], counts.sum())
        return p, n

    @cached_property
    def _largest(self) -> int:
        """The largest number of wells that enough different perturbations have."""
        groups, n_wells = self.phenomap.groups, self.phenomap.n_wells
        largest = pd.Series(n_wells[groups >= 0]).groupby(groups[groups >= 0]).max()
        ordered = largest.sort_values(ascending=False).to_numpy()
        return int(ordered[min(_MIN_GROUPS, len(ordered)) - 1]) if len(ordered) else 1

    def _redrawn(self, asked: Array, closeness: Array, draw: int) -> Array:
        """Closeness of entries to the last of them, those of too many wells averaged over a part
        of them: float64 (n - 1,).

        Parameters
        ----------
        asked : int (n,)
        closeness : float (n - 1,)
            As it is over all of their wells.
        """
        large = np.flatnonzero(self.phenomap.n_wells[asked] > self._largest)
        drawn = self._comparable(self._large.vectors[draw, self._large.place(asked[large])])
        query = self._comparable(self.vectors.averages(asked[-1:]))
        redrawn = np.array(closeness, dtype=np.float64)
        if large[-1] == len(redrawn):
            query, drawn, large = drawn[-1:], drawn[:-1], large[:-1]
            for start in range(0, len(redrawn), _BLOCK):
                part = slice(start, min(start + _BLOCK, len(redrawn)))
                others = self._comparable(self.vectors.averages(asked[:-1][part]))
                redrawn[part] = self._closeness(query, others)[0]
        redrawn[large] = self._closeness(query, drawn)[0]
        return redrawn

    @cached_property
    def _large(self) -> _Large:
        """The entries of too many wells, drawn over as many wells as enough others have."""
        rows = np.flatnonzero(self.phenomap.n_wells > self._largest)
        kept = self._kept("large", lambda: {"vectors": self._drawn_of(rows)})
        return _Large(rows, kept["vectors"])

    def _drawn_of(self, rows: Array) -> Array:
        space = self.vectors.space()
        drawn = np.empty((_DRAWS_OF_LARGE, len(rows), self.vectors.dimension))
        for draw in range(_DRAWS_OF_LARGE):
            rng = np.random.default_rng(draw)
            for i, row in enumerate(rows.tolist()):
                positions = self.phenomap.positions_of(row)
                positions = rng.choice(positions, self._largest, replace=False)
                wells = np.searchsorted(space.positions, positions)
                drawn[draw, i] = self._averages(space, wells[None], i, len(rows))[0]
        return drawn

    def _comparable(self, vectors: Array) -> Array:
        """Vectors in double precision, at length 1 where cosines are compared."""
        return directions(vectors) if self.metric == "cosine" else vectors.astype(np.float64)

    def _counts_without(self, size: int, other: int, group: int) -> Array:
        """Histogram of the pairs in which a perturbation has no part."""
        a, b = self._pool(size), self._pool(other)
        key = (min(a.size, b.size), max(a.size, b.size))
        if key not in self._counts:
            kept = self._kept(
                f"counts {key}", lambda: {"counts": self._histogram(a, b, same=a is b)}
            )
            self._counts[key] = kept["counts"]
        counts = self._counts[key]
        if group < 0:
            return counts
        in_a, in_b = a.group == group, b.group == group
        if a is b:
            return counts - self._histogram(_some(a, in_a), _some(a, ~in_a), same=False)
        mine = self._histogram(_some(a, in_a), b, same=False)
        return counts - mine - self._histogram(_some(a, ~in_a), _some(b, in_b), same=False)

    def _histogram(self, a: _Pool, b: _Pool, same: bool) -> Array:
        """Count the closeness of all pairs; those of one pool with itself once."""
        counts = np.zeros(_BINS, dtype=np.int64)
        for start in range(0, len(a.vectors), 256):
            part = slice(start, start + 256)
            closeness = self._closeness(a.vectors[part], b.vectors)
            counted = a.group[part, None] != b.group[None, :]
            if same:
                rows = np.arange(start, start + len(closeness))
                counted &= rows[:, None] < np.arange(len(b.vectors))[None, :]
            counts += np.bincount(self._bins(closeness[counted]), minlength=_BINS)
        return counts

    def _closeness(self, a: Array, b: Array) -> Array:
        if self.metric == "cosine":
            return np.asarray(a @ b.T)
        squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * (a @ b.T)
        return np.asarray(-np.sqrt(np.maximum(squared, 0)))

    def _bins(self, closeness: Array) -> Array:
        low, high = (-1.0, 1.0) if self.metric == "cosine" else (-self._reach, 0.0)
        share = (closeness - low) / (high - low)
        return np.clip((share * _BINS + _INTO_NEXT_BIN).astype(np.int64), 0, _BINS - 1)

    @cached_property
    def _reach(self) -> float:
        """A distance that no pair of averages exceeds by much."""
        lengths = np.linalg.norm(self._pool(1).vectors, axis=1)
        longest = max(self.phenomap.squared_norms.max() ** 0.5, lengths.max(initial=1e-9))
        return 2 * float(longest)

    def _pool(self, size: int) -> _Pool:
        """Averages over exactly so many wells of the perturbations that have them.

        Not over fewer: what all averages share, such as the error of the controls' mean, weighs
        the more the more wells there are.
        """
        if size not in self._pools:
            enough = (self.phenomap.n_wells >= size) & (self.phenomap.groups >= 0)
            is_common = (self.phenomap.n_wells == size).mean() >= _COMMON
            most = _POOL if is_common else _SMALL_POOL
            kept = self._kept(
                f"pool {size}", lambda: self._drawn(np.flatnonzero(enough), size, most)
            )
            self._pools[size] = _Pool(kept["vectors"], kept["group"], size)
        return self._pools[size]

    def _kept(self, name: str, build: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        return self.phenomap.kept(f"{name} {self.metric} {self.vectors.align}", build)

    def _drawn(self, entries: Array, n: int, most: int) -> dict[str, Array]:
        rng = np.random.default_rng(n)
        if len(entries) > most:
            entries = np.sort(rng.choice(entries, most, replace=False))
        drawn = [
            rng.choice(self.phenomap.positions_of(int(entry)), n, replace=False)
            for entry in entries
        ]
        positions, space = np.array(drawn, dtype=np.int64).reshape(-1, n), self.vectors.space()
        wells = np.searchsorted(space.positions, positions)
        vectors = np.empty((len(entries), self.vectors.dimension))
        step = max(1, _WELLS // n)
        for start in range(0, len(entries), step):
            part = slice(start, start + step)
            vectors[part] = self._averages(space, wells[part], start, len(entries))
        return {"vectors": self._comparable(vectors), "group": self.phenomap.groups[entries]}

    def _averages(self, space: WellSpace, wells: Array, done: int, total: int) -> Array:
        """Of sets of wells (k, n): float64 (k, d)."""
        k, n = wells.shape

        def report(_: int) -> None:
            self._report(done, total, "averaging fewer wells")

        if self.phenomap.spec.average == "median":
            report(0)
            return np.asarray(np.median(space.aligned(wells.ravel()).reshape(k, n, -1), axis=1))
        return space.averages(wells.ravel(), np.repeat(np.arange(k), n), report)


@dataclass(eq=False)
class NullOnPlates:
    """Pairs of different perturbations that share plates, alike in number of wells to the pair in
    question and sharing at least as many plates.

    All such pairs of a small map, a sample of 200,000 of a large one. Without such a pair there
    is no p-value.
    """

    phenomap: Entries
    placement: Placement
    metric: str
    _pairs: _Pairs | None = None

    def p_values(
        self,
        query: int,
        rows: Array,
        closeness: Array,
        opposite: bool,
        progress: Progress | None = None,
    ) -> tuple[Array, Array]:
        """Like `NullOfPairs.p_values`; NaN, of no pairs, for entries that share no plate."""
        pairs = self._opened(progress or silent)
        groups = self.placement.groups
        without = (groups[pairs.a] != groups[query]) & (groups[pairs.b] != groups[query])
        sizes = size_below(self.phenomap.n_wells)
        mine, shared = sizes[query], self._overlap(np.full(len(rows), query), rows)
        quarters = np.floor(4 * shared + ROUNDING) / 4
        nulls: dict[tuple[int, float], Array] = {}
        p, n = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=np.int64)
        for i in np.flatnonzero(shared > 0).tolist():  # the others share no plate
            key = int(sizes[rows[i]]), float(quarters[i])
            if key not in nulls:
                on_plates = without & (pairs.overlap >= key[1] - ROUNDING)
                nulls[key] = np.sort(pairs.closeness[on_plates & pairs.are_of_sizes(mine, key[0])])
            null = nulls[key]
            rounding = ROUNDING * (1 if self.metric == "cosine" else abs(closeness[i]))
            if opposite:
                n_as_extreme = np.searchsorted(null, closeness[i] + rounding, side="right")
            else:
                n_as_extreme = len(null) - np.searchsorted(null, closeness[i] - rounding)
            p[i], n[i] = add_one_p(n_as_extreme, len(null)), len(null)
        return p, n

    def _overlap(self, a: Array, b: Array) -> Array:
        """How far the wells of two entries are on the same plates, 0 to 1."""
        return self.placement.overlap(self.placement.plates, a, b)

    def _opened(self, progress: Progress) -> _Pairs:
        if self._pairs is None:
            kept = self.phenomap.kept(f"plates {self.metric}", lambda: self._drawn(progress))
            self._pairs = _Pairs(*(kept[field.name] for field in fields(_Pairs)))
        return self._pairs

    def _drawn(self, progress: Progress) -> dict[str, Array]:
        groups, n = self.placement.groups, len(self.phenomap.labels)
        if n <= 1500:
            a, b = np.triu_indices(n, k=1)
        else:
            a, b = self._neighbors_on_plates()
        kept = (groups[a] != groups[b]) & (groups[a] >= 0) & (groups[b] >= 0)
        a, b = a[kept].astype(np.int32), b[kept].astype(np.int32)
        overlap = np.zeros(len(a))
        for start in range(0, len(a), _BLOCK):
            progress(start, len(a), "comparing with pairs on the same plates")
            block = slice(start, start + _BLOCK)
            overlap[block] = self._overlap(a[block], b[block])
        a, b, overlap = a[overlap > 0], b[overlap > 0], overlap[overlap > 0]
        sizes = size_below(self.phenomap.n_wells).astype(np.int8)
        closeness = np.zeros(len(a))
        for start in range(0, len(a), _BLOCK):
            progress(start, len(a), "comparing with pairs on the same plates")
            block = slice(start, start + _BLOCK)
            closeness[block] = self.phenomap.vector_search.closeness_of_pairs(
                a[block], b[block], self.metric
            )
        return {
            "a": a,
            "b": b,
            "overlap": overlap,
            "closeness": closeness,
            "size_a": sizes[a],
            "size_b": sizes[b],
        }

    def _neighbors_on_plates(self) -> tuple[Array, Array]:
        """Entries of two wells of a plate, drawn at random."""
        space, phenomap = self.phenomap.space, self.phenomap
        wells, entry = phenomap.member_wells, phenomap.member_entry
        order = np.argsort(space.plate[wells], kind="stable")
        n_on = np.bincount(space.plate[wells])
        begin = np.cumsum(n_on) - n_on
        rng = np.random.default_rng(0)
        first = rng.integers(len(order), size=_PLATE_PAIRS)
        plate = space.plate[wells[order[first]]]
        second = begin[plate] + rng.integers(n_on[plate])
        return entry[order[first]], entry[order[second]]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Entries a and b (m,), how far they share plates, how close they are, and their sizes."""

    a: Array
    b: Array
    overlap: Array
    closeness: Array
    size_a: Array
    size_b: Array

    def are_of_sizes(self, size: int, other: int) -> Array:
        """Which pairs are of these two sizes, in either order."""
        straight = (self.size_a == size) & (self.size_b == other)
        return np.asarray(straight | ((self.size_a == other) & (self.size_b == size)))


def _some(pool: _Pool, which: Array) -> _Pool:
    return _Pool(pool.vectors[which], pool.group[which], pool.size)

"""Which pairs can be compared with one another, and how often chance makes one as alike.

A pair is compared with pairs of the same kinds (gene or compound), of like numbers of wells, that
share experiments and plates as much: what is screened together shares the error of its controls'
mean. What is compared of a pair depends on that as well:

- pairs without a common experiment by their cosine;
- pairs with one, if there is another to compare across, by their likeness across experiments, in
  units of what it varies by (`Across.spread`);
- the others, most compounds, by their cosine less what their experiment and plates alone make of
  it: the median product of such pairs over the product of the lengths of these two.

See docs/maps.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.evidence.across import Across, AcrossExperiments
from napari_rxrx3.maps.evidence.empirical_null import (
    MIN_PAIRS,
    EmpiricalNull,
    fisher_z,
    fit_null,
)
from napari_rxrx3.maps.evidence.p_values import ROUNDING, add_one_p, size_below
from napari_rxrx3.maps.evidence.placement import Placement

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["Comparable", "Nulls"]

Array = np.ndarray[Any, Any]

_APART = 0
_ACROSS = (1, 2, 3, 4)
"""An experiment is shared, but there are others: 1, 2, 4, 8 or more ordered pairs of them."""
_WITHIN = (5, 6, 7, 8, 9)
"""All is in one experiment, and so many quarters of the plates are shared."""
_N_KINDS = 3

_ALL_PAIRS_OF = 900
_SAMPLE = 200_000
_ENOUGH, _OWN, _FEWEST = 1000, 200, 10
_BLOCK = 16_384

_KINDS_IN_WORDS = ("compounds", "pairs of a gene and a compound", "genes")


@dataclass(frozen=True, eq=False)
class Comparable:
    """What some pairs are to be compared with, (m,) each, and by what.

    Attributes
    ----------
    a, b : int
        Rows of the two.
    stratum : int
        Of the pairs that share experiments and plates as much, and are of the same kinds.
    size, other : int
        Classes of the numbers of wells: the smaller first, or that of the gene.
    value : float
        Fisher's z of what is compared, or the cosine where `inverse` is not 0; or a distance,
        negated.
    inverse : float
        1 over the product of the lengths, for pairs within one experiment; 0 for others.
    """

    a: Array
    b: Array
    stratum: Array
    size: Array
    other: Array
    value: Array
    inverse: Array

    def some(self, which: Array) -> Comparable:
        return Comparable(*(getattr(self, field.name)[which] for field in fields(self)))

    def z(self, product: float) -> Array:
        """What is compared, where unrelated pairs within one experiment have this product."""
        within = self.inverse > 0
        z = np.array(self.value, dtype=np.float64)
        z[within] = fisher_z(z[within] - product * self.inverse[within])
        return z


@dataclass(frozen=True, eq=False)
class _Compared:
    """Pairs of one sort: their median product, what is compared of them in order, and its null;
    None where their shares are counted.
    """

    product: float
    values: Array
    null: EmpiricalNull | None

    def share(self, values: Array, opposite: bool) -> Array:
        """The share of these pairs that are as alike; NaN where they are too few to say that."""
        if len(self.values) < _FEWEST:
            return np.full(len(values), np.nan)
        rounding = ROUNDING * np.maximum(np.abs(values), 1)
        if opposite:
            n = np.searchsorted(self.values, values + rounding, side="right")
        else:
            n = len(self.values) - np.searchsorted(self.values, values - rounding, side="left")
        return add_one_p(n, len(self.values))


class Nulls:
    """Empirical nulls of the strata of one map.

    They rest on all pairs of maps of up to 900 entries, and on 400,000 of others: half of them
    any, half that share an experiment. Pairs of one gene or compound and of controls are left out.
    """

    def __init__(self, entries: Entries, placement: Placement, across: Across, metric: str) -> None:
        self._entries, self._placement = entries, placement
        self._across, self._metric = across, metric
        self._sample: Comparable | None = None
        self._found: dict[tuple[int, int, int, bool], _Compared] = {}

    def p_values(
        self,
        query: int,
        rows: Array,
        closeness: Array,
        across: AcrossExperiments,
        opposite: bool,
        progress: Progress,
    ) -> tuple[Array, Array, Array]:
        """How often unrelated pairs are as alike as an entry and some others are.

        Returns
        -------
        p : float (m,)
            NaN where there are too few pairs to compare with, or no null fits them.
        n : int (m,)
            Pairs that were compared with.
        stratum : int (m,)
            What `in_words` takes; negative where there is no null that fits.
        """
        pairs = self._with_query(query, rows, closeness, across)
        sample = self._opened(progress)
        p, n = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=np.int64)
        scaled, fits = np.full(len(rows), np.nan), np.ones(len(rows), dtype=bool)
        width = int(max(pairs.size.max(initial=0), pairs.other.max(initial=0))) + 1
        code = (pairs.stratum.astype(np.int64) * width + pairs.size) * width + pairs.other
        for each in np.unique(code):
            here = np.flatnonzero(code == each)
            one = pairs.some(here)
            at = int(one.stratum[0]), int(one.size[0]), int(one.other[0])
            with_these = self._compared_with(sample, *at, opposite)
            z, n[here] = one.z(with_these.product), len(with_these.values)
            if with_these.null is None:
                p[here] = with_these.share(z, opposite)
            else:
                scaled[here] = (z - with_these.null.center) / with_these.null.width
                fits[here] = with_these.null.fits
        self._scale_by_own(query, rows, pairs.stratum, scaled, opposite)
        known = ~np.isnan(scaled) & fits
        p[known] = EmpiricalNull(0.0, 1.0, 0, True).p_values(scaled[known], opposite)
        directed = self._entries.has_direction
        p[~(directed[rows] & directed[query])] = np.nan
        return p, n, np.where(fits, pairs.stratum, -1 - pairs.stratum)

    @staticmethod
    def in_words(stratum: int) -> str:
        """The unrelated pairs of a stratum: "genes screened in the same experiments"."""
        sharing, kind = divmod(stratum if stratum >= 0 else -1 - stratum, _N_KINDS)
        kinds = _KINDS_IN_WORDS[kind]
        if sharing == _APART:
            return f"{kinds} of different experiments"
        if sharing in _ACROSS:
            return f"{kinds} screened in the same experiments, across them"
        quarters = sharing - _WITHIN[0]
        plates = ("", " that share some plates", " that share half of their plates")
        more = (" that share most plates", " on the same plates")
        return f"{kinds} of one experiment{(*plates, *more)[quarters]}"

    # -- the pairs that are asked about ------------------------------------------------------------

    def _with_query(
        self, query: int, rows: Array, closeness: Array, across: AcrossExperiments
    ) -> Comparable:
        placement = self._placement
        together = placement.overlap_with(placement.experiments, query)[rows]
        plates = placement.overlap_with(placement.plates, query)[rows]
        of_rows = AcrossExperiments(*(v[rows] for v in _values(across)))
        a = np.full(len(rows), query)
        return self._comparable(a, rows, closeness, together, plates, of_rows)

    def _comparable(
        self,
        a: Array,
        b: Array,
        closeness: Array,
        together: Array,
        plates: Array,
        across: AcrossExperiments,
    ) -> Comparable:
        is_cosine = self._metric == "cosine"
        shares = together > ROUNDING
        has_other = (across.n_pairs > 0) & is_cosine
        sharing = np.where(shares, _WITHIN[0] + np.floor(4 * plates + ROUNDING), _APART)
        sharing = sharing.astype(np.int64)
        n_pairs = np.maximum(across.n_pairs, 1)
        of_pairs = np.minimum(np.floor(np.log2(n_pairs)), 3).astype(np.int64)
        sharing = np.where(shares & has_other, _ACROSS[0] + of_pairs, sharing)
        gene_a, gene_b = self._is_gene[a], self._is_gene[b]
        stratum = sharing * _N_KINDS + gene_a + gene_b
        size_a, size_b = self._sizes[a], self._sizes[b]
        swap = np.where(gene_a == gene_b, size_a > size_b, gene_b)
        size, other = np.where(swap, size_b, size_a), np.where(swap, size_a, size_b)
        inverse = np.zeros(len(a))
        if not is_cosine:
            return Comparable(a, b, stratum, size, other, closeness, inverse)
        within = sharing >= _WITHIN[0]
        norms = np.sqrt(self._entries.squared_norms)
        lengths = norms[a[within]] * norms[b[within]]
        inverse[within] = 1 / np.maximum(lengths, 1e-30)
        is_across = shares & has_other
        cosine = np.where(is_across, across.likeness, closeness)
        value = np.where(within, cosine, fisher_z(cosine))
        if is_across.any():
            pairs = a[is_across], b[is_across], across.n_shared[is_across]
            value[is_across] /= np.sqrt(self._across.spread(*pairs))
        return Comparable(a, b, stratum, size, other, value, inverse)

    def _scale_by_own(
        self, query: int, rows: Array, stratum: Array, scaled: Array, opposite: bool
    ) -> None:
        """Widen the nulls for a query that is alike or unlike to many more than others are.

        Its list shows by itself what is usual for it, where it is long.
        """
        groups = self._placement.groups
        others = (groups[rows] != groups[query]) & (groups[rows] >= 0) & ~np.isnan(scaled)
        for each in np.unique(stratum[others]):
            here = stratum == each
            own = scaled[here & others]
            if len(own) >= _OWN and (null := fit_null(own, opposite)) is not None:
                scaled[here] = (scaled[here] - null.center) / max(1.0, null.width)

    @cached_property
    def _is_gene(self) -> Array:
        kinds = self._entries.labels["perturbation_type"]
        return np.array(kinds != "COMPOUND", dtype=np.int64)

    @cached_property
    def _sizes(self) -> Array:
        return size_below(self._entries.n_wells)

    # -- the nulls ---------------------------------------------------------------------------------

    def _compared_with(
        self, sample: Comparable, stratum: int, size: int, other: int, opposite: bool
    ) -> _Compared:
        key = (stratum, size, other, opposite)
        if key not in self._found:
            pairs = _nearest_sizes(_of_stratum(sample, stratum), size, other)
            within = pairs.inverse > 0
            product = 0.0
            if within.any():
                product = float(np.median(pairs.value[within] / pairs.inverse[within]))
            z = np.sort(pairs.z(product))
            # distances depend on how strong both are: what is unrelated is no bell
            null = fit_null(z, opposite) if self._metric == "cosine" else None
            if null is not None:
                is_in = np.zeros(len(self._sizes), dtype=bool)
                is_in[pairs.a] = is_in[pairs.b] = True
                null = null.widened(int(is_in.sum()))
            self._found[key] = _Compared(product, z, null)
        return self._found[key]

    def _opened(self, progress: Progress) -> Comparable:
        if self._sample is None:
            progress(0, 0, "comparing unrelated pairs")
            name = f"unrelated pairs {self._metric}"
            kept = self._entries.kept(name, lambda: self._drawn(progress))
            self._sample = Comparable(*(kept[field.name] for field in fields(Comparable)))
        return self._sample

    def _drawn(self, progress: Progress) -> dict[str, Array]:
        a, b = self._unrelated()
        found = []
        for start in range(0, max(len(a), 1), _BLOCK):
            progress(start, len(a), "comparing unrelated pairs")
            found.append(self._compared(a[start : start + _BLOCK], b[start : start + _BLOCK]))
        rows = {"a": np.int32, "b": np.int32}
        kinds = rows | {"stratum": np.int16, "size": np.int16, "other": np.int16}
        names = (*kinds, "value", "inverse")
        columns = {name: np.concatenate([getattr(f, name) for f in found]) for name in names}
        return {name: v.astype(kinds.get(name, np.float32)) for name, v in columns.items()}

    def _compared(self, a: Array, b: Array) -> Comparable:
        placement, entries = self._placement, self._entries
        closeness = entries.vector_search.closeness_of_pairs(a, b, self._metric)
        together = placement.overlap(placement.experiments, a, b)
        plates = placement.overlap(placement.plates, a, b)
        if self._across.is_known and self._metric == "cosine":
            across = self._across.of_pairs(a, b)
        else:
            none = np.zeros(len(a), dtype=np.int64)
            across = AcrossExperiments(np.full(len(a), np.nan), none, none)
        return self._comparable(a, b, closeness, together, plates, across)

    def _unrelated(self) -> tuple[Array, Array]:
        """Rows of pairs of different perturbations, each once."""
        entries, groups = self._entries, self._placement.groups
        usable = np.flatnonzero((groups >= 0) & entries.has_direction)
        n = len(entries.labels)
        if len(usable) <= _ALL_PAIRS_OF:
            one, other = np.triu_indices(len(usable), k=1)
            a, b = usable[one], usable[other]
        else:
            rng = np.random.default_rng(0)
            any_two = rng.choice(usable, (2, _SAMPLE))
            both = np.concatenate([any_two, self._sharing_an_experiment(usable, rng)], axis=1)
            low, high = np.sort(both, axis=0).astype(np.int64)
            a, b = np.divmod(np.unique(low * n + high), n)
        kept = groups[a] != groups[b]
        return a[kept], b[kept]

    def _sharing_an_experiment(self, usable: Array, rng: np.random.Generator) -> Array:
        """Entries of one experiment: half drawn evenly from all, half from the experiments."""
        counts = self._placement.experiments[usable].tocsc()
        sizes = np.diff(counts.indptr)
        chances = [weights / weights.sum() for weights in (sizes, (sizes > 1).astype(float))]
        drawn = [rng.choice(len(sizes), _SAMPLE // 2, p=chance) for chance in chances]
        experiment = np.concatenate(drawn)
        place = rng.integers(0, sizes[experiment], size=(2, len(experiment)))
        return np.asarray(usable[counts.indices[counts.indptr[experiment] + place]])


def _of_stratum(pairs: Comparable, stratum: int) -> Comparable:
    """Pairs of a stratum; of those that share as much or more where they are too few."""
    own = pairs.stratum == stratum
    sharing, kind = divmod(stratum, _N_KINDS)
    if own.sum() < MIN_PAIRS and sharing != _APART:
        alike = _ACROSS if sharing in _ACROSS else range(sharing, _WITHIN[-1] + 1)
        own = np.isin(pairs.stratum, [s * _N_KINDS + kind for s in alike])
    return pairs.some(own)


def _nearest_sizes(pairs: Comparable, size: int, other: int) -> Comparable:
    """Enough pairs, those first whose numbers of wells are most like these."""
    if len(pairs.size) <= MIN_PAIRS:
        return pairs
    away = np.abs(pairs.size - size) + np.abs(pairs.other - other)
    nth = min(_ENOUGH, len(away)) - 1
    return pairs.some(away <= np.partition(away, nth)[nth])


def _values(across: AcrossExperiments) -> tuple[Array, Array, Array]:
    return across.likeness, across.n_pairs, across.n_shared

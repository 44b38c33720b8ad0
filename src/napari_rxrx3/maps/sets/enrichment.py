"""Which gene sets are over-represented among some genes of a map.

As `enrichment` of recursionpharma/EFAAR_benchmarking (Celik et al. 2024, PLOS Computational Biology
20(10): e1012463): P of at least as many by the hypergeometric distribution, sets with at least ten
genes in the map. Instead of Bonferroni's correction q is the false discovery rate of Benjamini and
Hochberg (1995) over all sets that were tested.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import false_discovery_control, hypergeom

from napari_rxrx3.core.errors import MapError, UnknownKey
from napari_rxrx3.core.words import are, count, some
from napari_rxrx3.maps.sets.genes import MapGenes, genes_of, nearest_genes
from napari_rxrx3.maps.spec import MIN_GENES

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.sets.gene_sets import GeneSets

__all__ = ["Q_LEVEL", "Enrichment", "SetsOfMap", "enrichment_in_words", "finds_in_words"]

Array = np.ndarray[Any, Any]

Q_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Enrichment:
    """Gene sets, the most surely over-represented first, and what they were compared with.

    Attributes
    ----------
    table : pandas.DataFrame
        set, n_found, n_chosen, n_set, n_background, expected, fold, p_value, q_value, members (the
        genes that were found, in the order in which they were chosen).
    chosen : tuple of str
        The genes that were chosen and count.
    n_background : int
        Genes that could have been chosen.
    n_others : int
        Entries that were chosen and do not count: compounds and controls.
    n_blinded : int
        Blinded genes that were chosen and do not count, as no set names them.
    n_small : int
        Sets with too few genes in the map, which were not tested.
    """

    table: pd.DataFrame
    chosen: tuple[str, ...]
    n_background: int
    n_others: int
    n_blinded: int
    n_small: int
    min_genes: int

    @property
    def n_over(self) -> int:
        """How many sets are over-represented, at a false discovery rate of 5 %."""
        return int((self.table["q_value"] <= Q_LEVEL).sum())


class SetsOfMap:
    """Gene sets as one map has them.

    Parameters
    ----------
    sets : GeneSets
    entries : Entries
        The map.

    Raises
    ------
    MapError
        If none of the genes is in the map.
    """

    def __init__(self, sets: GeneSets, entries: Entries) -> None:
        self.sets, self._entries = sets, entries
        self.genes = genes_of(entries)
        self.names = tuple(sets.members)
        self._holds = _incidence(sets, self.genes)
        is_named = np.asarray(self._holds.sum(axis=0)).ravel() > 0
        if not is_named.any():
            raise MapError(_why_none(sets, self.genes))
        self._counts = is_named | ~self.genes.is_blinded
        """Genes that may be in a set: nobody knows what a blinded one is, unless the file does."""
        self._of_size: tuple[int, Array, csr_array] | None = None

    def keys_of(self, name: str) -> tuple[str, ...]:
        """Keys of all entries of a set, at the level of the map."""
        members = self._holds[[self.names.index(name)]].indices
        rows = self.genes.entries_of(members)
        return tuple(self._entries.labels.index[rows])

    def among(self, keys: Sequence[str], min_genes: int = MIN_GENES) -> Enrichment:
        """Which sets are over-represented among some entries, by their keys.

        Raises
        ------
        UnknownKey
            If the map has no such entry.
        MapError
            If there is nothing to compare.
        """
        rows = self._entries.rows_of(keys)
        if (rows < 0).any():
            unknown = keys[int(np.argmax(rows < 0))]
            raise UnknownKey(unknown, self._entries.closest_keys(unknown))
        of_entry = self.genes.of_entry[rows]
        chosen = pd.unique(of_entry[of_entry >= 0])
        return self._test(chosen, int((of_entry < 0).sum()), np.zeros(0, int), min_genes)

    def near(
        self,
        key: str,
        n: int,
        opposite: bool = False,
        metric: str = "cosine",
        min_genes: int = MIN_GENES,
    ) -> Enrichment:
        """Which sets are over-represented among the genes most, or least, like an entry.

        The gene of the entry itself is left out of everything: it could not be chosen.

        Raises
        ------
        UnknownKey
        MapError
            If there is nothing to compare.
        """
        chosen = nearest_genes(self._entries, self.genes, key, n, opposite, metric)
        own = self.genes.of_entry[[self._entries.row(key)]]
        return self._test(chosen, 0, own[own >= 0], min_genes)

    def _test(self, chosen: Array, n_others: int, left_out: Array, min_genes: int) -> Enrichment:
        counts = self._counts.copy()
        counts[left_out] = False
        kept = chosen[counts[chosen]]
        n_blinded = int((~self._counts[chosen]).sum())
        if not len(kept):
            what = "no gene" if not n_blinded else "no gene but blinded ones that no set names"
            raise MapError(f"Among what was chosen is {what}, so that there is nothing to compare.")
        in_map = np.diff(self._holds.indptr)
        tested, holds = self._at_least(min_genes)
        if not len(tested):
            raise MapError(self._why_too_small(in_map, min_genes))
        is_chosen = np.zeros(len(counts))
        is_chosen[kept] = 1
        n_found, n_set = holds @ is_chosen, holds @ counts.astype(float)
        table = _tested(n_found, n_set, len(kept), int(counts.sum()))
        table.insert(0, "set", [self.names[row] for row in tested])
        order = np.lexsort((-table["fold"], table["p_value"]))
        table["members"] = _members(holds, self.genes.names[kept], kept)
        return Enrichment(
            table.iloc[order].reset_index(drop=True),
            tuple(self.genes.names[kept]),
            int(counts.sum()),
            n_others,
            n_blinded,
            len(self.names) - len(tested),
            min_genes,
        )

    def _at_least(self, min_genes: int) -> tuple[Array, csr_array]:
        """Sets with so many genes in the map, and which these are; kept for the next question."""
        known = self._of_size
        if known is None or known[0] != min_genes:
            tested = np.flatnonzero(np.diff(self._holds.indptr) >= min_genes)
            self._of_size = known = min_genes, tested, self._holds[tested]
        return known[1:]

    def _why_too_small(self, in_map: Array, min_genes: int) -> str:
        largest = int(in_map.argmax())
        sets = f"None of the {count(len(self.names), 'set')} of {self.sets.name}"
        has = f"has {count(min_genes, 'gene')} in this map"
        return f"{sets} {has}; {self.names[largest]} has most, {in_map[largest]:,}."


def _members(holds: csr_array, names: pd.Index, chosen: Array) -> list[tuple[str, ...]]:
    """The chosen genes of each set, in the order in which they were chosen."""
    found = holds[:, chosen].tocsr()
    found.sort_indices()
    genes = names.to_numpy(object)[found.indices].tolist()
    ends = found.indptr.tolist()
    return [tuple(genes[a:b]) for a, b in itertools.pairwise(ends)]


def _incidence(sets: GeneSets, genes: MapGenes) -> csr_array:
    """Which genes each set holds, (sets, genes): 1 or nothing."""
    place = {name: i for i, name in enumerate(genes.names)}
    held = [[place[g] for g in members if g in place] for members in sets.members.values()]
    ends = np.cumsum([0, *map(len, held)])
    # set by set: to make one array of millions of numbers, Python's lock is held for long
    indices = np.concatenate([np.zeros(0, np.int64), *(np.array(g, np.int64) for g in held)])
    return csr_array((np.ones(len(indices)), indices, ends), shape=(len(held), len(place)))


def _tested(n_found: Array, n_set: Array, n_chosen: int, n_background: int) -> pd.DataFrame:
    expected = n_set * n_chosen / n_background
    # of tens of thousands of sets most are of few sizes, and few of their genes are found
    cases, case = np.unique(np.stack([n_found, n_set]), axis=1, return_inverse=True)
    p = hypergeom.sf(cases[0] - 1, n_background, cases[1], n_chosen)[case]
    return pd.DataFrame(
        {
            "n_found": n_found.astype(int),
            "n_chosen": n_chosen,
            "n_set": n_set.astype(int),
            "n_background": n_background,
            "expected": expected,
            "fold": np.divide(n_found, expected, out=np.zeros(len(p)), where=expected > 0),
            "p_value": p,
            "q_value": false_discovery_control(p),
        }
    )


def _why_none(sets: GeneSets, genes: MapGenes) -> str:
    if not len(genes.names):
        return "This map has no genes, so that no gene set can be looked for in it."
    named = dict.fromkeys(gene for members in sets.members.values() for gene in members)
    of = f"{count(len(named), 'gene')} of {sets.name}"
    return f"None of the {of} is in this map: {some(list(named), 3)}."


def enrichment_in_words(found: Enrichment, what: str) -> str:
    """What came out, and what was left out, in a few sentences.

    Parameters
    ----------
    what : str
        The genes that were chosen, e.g. ``"nearest to PLK1"``.
    """
    return " ".join([finds_in_words(found, what), *_left_out(found)])


def finds_in_words(found: Enrichment, what: str) -> str:
    """How many sets are over-represented, in a sentence; see `enrichment_in_words`."""
    n_tested, n_over = len(found.table), found.n_over
    among = f"among {count(len(found.chosen), 'gene')} {what}, of {found.n_background:,}"
    if n_over:
        of = f"{n_over:,} of {count(n_tested, 'set')}"
        return f"{of} {are(n_over)} over-represented {among} (q ≤ 0.05)."
    least = f"the least q is {found.table['q_value'].iloc[0]:.2g}"
    return f"None of {count(n_tested, 'set')} is over-represented {among}: {least}."


def _left_out(found: Enrichment) -> Iterable[str]:
    if found.n_small:
        fewer = f"fewer than {count(found.min_genes, 'gene')} in the map"
        yield f"Not tested: {count(found.n_small, 'set')} with {fewer}."
    if found.n_blinded:
        yield f"Not counted: {count(found.n_blinded, 'blinded gene')} that no set names."
    if found.n_others:
        yield f"Not counted: {count(found.n_others, 'entry')} that {are(found.n_others)} no gene."

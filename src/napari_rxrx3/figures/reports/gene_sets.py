"""What the genes nearest to a perturbation have in common, as its report says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_rxrx3.core.words import are, count, some
from napari_rxrx3.figures.reports.sentence import Sentence
from napari_rxrx3.maps.sets.enrichment import Q_LEVEL, SetsOfMap, finds_in_words

if TYPE_CHECKING:
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.sets.enrichment import Enrichment
    from napari_rxrx3.maps.sets.gene_sets import GeneSets

__all__ = ["AskedSets", "SetsNear", "sets_near"]

_N_GENES = 20
"""As in the window: more than are shown, for of a few no set is told from chance."""
_NAMED_SETS, _NAMED_GENES = 3, 6


@dataclass(frozen=True, eq=False)
class AskedSets:
    """Gene sets, and the fewest genes in the map that one is tested with."""

    sets: GeneSets
    min_genes: int


@dataclass(frozen=True, eq=False)
class SetsNear:
    """Gene sets that were tested among the genes most and least like an entry."""

    similar: Enrichment
    opposite: Enrichment

    def sentences(self) -> Iterator[Sentence]:
        """Which are over-represented; of the least alike only if some are."""
        if self.similar.n_over:
            yield Sentence(_over_in_words(self.similar, "nearest to it"))
        else:
            yield Sentence(finds_in_words(self.similar, "nearest to it"), is_doubt=True)
        if self.opposite.n_over:
            yield Sentence(_over_in_words(self.opposite, "least like it"))


def sets_near(phenomap: PhenoMap, key: str, asked: AskedSets) -> SetsNear:
    """Test the sets of a file among the 20 genes most and least like an entry.

    Raises
    ------
    MapError
        If there is nothing to compare.
    """
    of_map = SetsOfMap(asked.sets, phenomap)
    similar, opposite = (
        of_map.near(key, _N_GENES, is_opposite, min_genes=asked.min_genes)
        for is_opposite in (False, True)
    )
    return SetsNear(similar, opposite)


def _over_in_words(found: Enrichment, which: str) -> str:
    """``Among 20 genes nearest to it, of 300, 1 of 9 gene sets is over-represented: …``."""
    over = found.table[found.table["q_value"] <= Q_LEVEL]
    named = [
        f"{some([str(row.set)])} ({row.n_found} of its {row.n_set:,}, q {row.q_value:.2g}: "
        f"{some(list(row.members), _NAMED_GENES)})"
        for row in over.head(_NAMED_SETS).itertuples()
    ]
    more = len(over) - len(named)
    named += [f"{more:,} more"] if more else []
    among = f"{count(len(found.chosen), 'gene')} {which}, of {found.n_background:,}"
    of = f"{len(over):,} of {count(len(found.table), 'gene set')} {are(len(over))}"
    return f"Among {among}, {of} over-represented: {'; '.join(named)}."

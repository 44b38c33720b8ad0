"""Which gene each entry of a map is of, and the genes nearest to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.perturbation import gene_of_treatment, is_blinded

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["MapGenes", "gene_at", "genes_of", "nearest_genes"]

Array = np.ndarray[Any, Any]

_ASKED = 4
"""So many entries are looked at for one gene, at first: a gene has several guides."""


@dataclass(frozen=True, eq=False)
class MapGenes:
    """The genes of a map.

    Attributes
    ----------
    names : pandas.Index
        Each gene once, (n,).
    of_entry : int (entries,)
        Its number for each entry of the map; -1 for compounds and controls.
    """

    names: pd.Index
    of_entry: Array

    @property
    def is_blinded(self) -> Array:
        """Which genes are known by a number alone, ``RXRX3-43938``: bool (n,)."""
        return np.array([is_blinded(name) for name in self.names], dtype=bool)

    def rows_of(self, names: object) -> Array:
        """Numbers of some genes, -1 for those that are not in the map."""
        return np.asarray(self.names.get_indexer(pd.Index(names, dtype=object)))

    def entries_of(self, genes: Array) -> Array:
        """Rows of all entries of some genes, by their numbers."""
        return np.flatnonzero(np.isin(self.of_entry, genes) & (self.of_entry >= 0))


def genes_of(entries: Entries) -> MapGenes:
    """The genes of a map, whatever its level: of guides and wells, each gene once."""
    labels = entries.labels
    code, treatments = pd.factorize(labels["treatment"])
    gene, names = pd.factorize(
        np.array([gene_of_treatment(name) for name in treatments], dtype=object)
    )
    of_entry = np.where(code >= 0, np.append(gene, -1)[code], -1)
    of_entry[np.asarray(labels["perturbation_type"] != "CRISPR", dtype=bool)] = -1
    used, of_entry_again = np.unique(of_entry, return_inverse=True)
    shift = int(np.searchsorted(used, 0))  # whether -1 is among them
    return MapGenes(pd.Index(names[used[shift:]], dtype=object), of_entry_again - shift)


def gene_at(entries: Entries, row: int) -> str | None:
    """The gene of one entry; None for compounds and controls."""
    label = entries.labels.iloc[row]
    is_gene = label["perturbation_type"] == "CRISPR" and isinstance(label["treatment"], str)
    return gene_of_treatment(label["treatment"]) if is_gene else None


def nearest_genes(
    entries: Entries, genes: MapGenes, key: str, n: int, opposite: bool, metric: str = "cosine"
) -> Array:
    """Numbers of the genes most, or least, like an entry, the closest first; not its own gene.

    Of a gene with several entries in the map, such as guides, the closest one counts.

    Raises
    ------
    UnknownKey
    MapError
        If the entry has no direction in this map, as the controls that it is aligned by.
    """
    search = entries.search_of(key, metric, opposite, "CRISPR")
    if not entries.has_direction[search.query]:
        raise MapError(f"{key} has no direction in this map, so that nothing is near to it.")
    own = genes.of_entry[search.query]
    search.searched[:] &= (genes.of_entry >= 0) & ((genes.of_entry != own) | (own < 0))
    n_asked, n_all = n * _ASKED, int(search.searched.sum())
    while True:
        found = genes.of_entry[entries.ranked(search, n_asked)[0]]
        first = np.sort(np.unique(found, return_index=True)[1])
        if len(first) >= n or n_asked >= n_all:
            return np.asarray(found[first][:n])
        n_asked *= 4

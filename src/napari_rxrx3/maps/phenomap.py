"""A map of perturbations: one vector each, and the ones nearest to any of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError, UnknownKey
from napari_rxrx3.core.perturbation import EMPTY_CONTROL, compound_key, gene_of_guide
from napari_rxrx3.maps.align import align_vectors

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["LEVELS", "METRICS", "PhenoMap", "build_phenomap", "phenomap_or_fallback"]

Array = np.ndarray[Any, Any]

LEVELS = ("well", "guide", "perturbation", "compound")
METRICS = ("cosine", "euclidean")

_NO_DIRECTION = 1e-5


@dataclass(frozen=True)
class PhenoMap:
    """Vectors of all perturbations at one level.

    Attributes
    ----------
    labels : pandas.DataFrame
        Indexed by key: perturbation_type, gene, treatment, concentration (uM), n_wells.
    vectors : float32 (n, d)
        Rows as in `labels`.
    level, align, embedding : str
        How the map was made.
    members : pandas.Index
        Ids of all wells that went into the map, entry by entry in the order of `labels`, within
        an entry the most typical well first.
    """

    labels: pd.DataFrame
    vectors: Array
    level: str
    align: str
    embedding: str
    members: pd.Index

    def nearest(
        self, key: str, k: int = 20, metric: str = "cosine", opposite: bool = False
    ) -> pd.DataFrame:
        """List the entries most similar to one, or with `opposite` the least similar ones.

        Returns
        -------
        pandas.DataFrame
            At most `k` rows, best first: rank (from 1), key, similarity (cosine) or distance
            (Euclidean), n_wells. The query itself is left out.

        Raises
        ------
        UnknownKey
            If the map has no such entry; the closest known keys are named.
        ValueError
            If `metric` is unknown.
        """
        query = self.row(key)
        if metric not in METRICS:
            raise ValueError(f"unknown metric {metric!r}; choose one of {', '.join(METRICS)}")
        if metric == "cosine":
            closeness = self._unit_vectors @ self._unit_vectors[query]
        else:
            closeness = -self._distances(query)
        order = _best_first(-closeness if opposite else closeness, query, k)
        value = closeness[order] if metric == "cosine" else -closeness[order]
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(order) + 1),
                "key": self.labels.index[order],
                "similarity" if metric == "cosine" else "distance": value.astype(np.float64),
                "n_wells": self.labels["n_wells"].to_numpy()[order],
            }
        )

    def row(self, key: str) -> int:
        """Row of an entry.

        Raises
        ------
        UnknownKey
        """
        if key not in self.labels.index:
            raise UnknownKey(key, self.closest_keys(key))
        return int(self.labels.index.get_loc(key))

    def closest_keys(self, text: str, n: int = 5) -> list[str]:
        """Keys that look most like a text, whatever its case."""
        lower = text.casefold()
        keys = self.labels.index.tolist()
        starting = [key for key in keys if key.casefold().startswith(lower)]
        if len(starting) >= n or len(keys) > 200_000:
            return starting[:n]
        folded: dict[str, list[str]] = {}
        for key in keys:
            folded.setdefault(key.casefold(), []).append(key)
        alike = difflib.get_close_matches(lower, list(folded), n=n, cutoff=0.5)
        found = dict.fromkeys(starting + [key for f in alike for key in folded[f]])
        return list(found)[:n]

    def wells_of(self, key: str) -> pd.Index:
        """Ids of the wells that an entry is the mean of, the most typical first.

        Raises
        ------
        UnknownKey
        """
        row = self.row(key)
        return self.members[self._ends[row] - self.labels["n_wells"].iloc[row] : self._ends[row]]

    @cached_property
    def _ends(self) -> Array:
        return np.cumsum(self.labels["n_wells"].to_numpy())

    @cached_property
    def _unit_vectors(self) -> Array:
        norms = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        # Alignment puts the controls at the origin: what is left of them is rounding, which has
        # no direction. Their similarity to anything is 0.
        directed = norms > _NO_DIRECTION * np.median(norms)
        units: Array = np.where(directed, self.vectors / np.where(directed, norms, 1), 0)
        return units

    @cached_property
    def _squared_norms(self) -> Array:
        squares: Array = np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=np.float64)
        return squares

    def _distances(self, query: int) -> Array:
        products = self.vectors @ self.vectors[query]
        squared = self._squared_norms + self._squared_norms[query] - 2.0 * products
        distances: Array = np.sqrt(np.maximum(squared, 0))
        return distances


def build_phenomap(
    dataset: Dataset, level: str, align: str, embedding: str | None = None
) -> PhenoMap:
    """Align the wells' vectors and average them; see `Dataset.phenomap`.

    Batches are experiments and controls are the EMPTY_control wells. The mean is over all wells
    of a perturbation in one step. Controls of compound plates are left out of the map (their
    EMPTY_control wells still align it); EMPTY_control of the CRISPR plates is one of its entries.
    """
    if level not in LEVELS:
        raise MapError(f"There is no level {level!r}; choose one of {', '.join(LEVELS)}.")
    vectors, wells, name = _joined(dataset, embedding)
    batch, batch_names = pd.factorize(wells["experiment_name"])
    is_control = (wells["treatment"] == EMPTY_CONTROL).to_numpy()
    aligned = align_vectors(vectors, batch, is_control, align, list(batch_names))
    if level == "well":
        labels = _labels_of_wells(wells)
        return PhenoMap(labels, aligned, level, align, name, wells.index)
    return _aggregated(aligned, wells, level, align, name)


def phenomap_or_fallback(
    dataset: Dataset, level: str, align: str, embedding: str | None = None
) -> tuple[PhenoMap, str]:
    """Make the map with the alignment asked for, or without one where controls are too few.

    Returns
    -------
    phenomap : PhenoMap
    note : str
        Why the alignment is another one than asked for; empty if it is not.
    """
    try:
        return dataset.phenomap(level, align, embedding), ""
    except MapError as error:
        if align == "none" or not dataset.embeddings:
            raise
        return dataset.phenomap(level, "none", embedding), f"Not aligned: {error}"


def _joined(dataset: Dataset, embedding: str | None) -> tuple[Array, pd.DataFrame, str]:
    name = embedding or dataset.default_embedding
    if name is None:
        raise MapError(f"There are no embeddings in {dataset.root}.")
    if name not in dataset.embeddings:
        known = ", ".join(dataset.embeddings) or "none"
        raise MapError(f"There is no embedding {name!r}; there is {known}.")
    table = dataset.embeddings[name]
    place = dataset.wells.index.get_indexer(table.well_ids)
    rows = np.flatnonzero((place >= 0) & table.is_usable)
    if not len(rows):
        raise MapError(f"The embedding {name!r} has no usable vector of any well listed here.")
    rows = rows[np.argsort(place[rows], kind="stable")]
    return table.vectors[rows], dataset.wells.iloc[place[rows]], name


def _labels_of_wells(wells: pd.DataFrame) -> pd.DataFrame:
    labels = wells[["perturbation_type", "gene", "treatment", "concentration"]].copy()
    labels["n_wells"] = 1
    return labels


def _aggregated(aligned: Array, wells: pd.DataFrame, level: str, align: str, name: str) -> PhenoMap:
    identity = _identities(wells, level)
    in_map = identity["treatment"].notna().to_numpy()
    groups = identity[in_map].groupby(
        ["perturbation_type", "treatment", "concentration"], dropna=False, sort=True
    )
    if not groups.ngroups:
        raise MapError("No well with a vector has a treatment, so there is nothing to map.")
    entry = groups.ngroup().to_numpy()
    n_wells = np.bincount(entry)
    labels = groups.first().reset_index()
    labels["n_wells"] = n_wells
    labels.index = _keys(labels)
    labels = labels[["perturbation_type", "gene", "treatment", "concentration", "n_wells"]]
    grouped = aligned[in_map]
    vectors = _means(grouped, entry, n_wells)
    # Weak guides look like controls: the picture of a gene must not be that of its weakest.
    typicality = np.einsum("ij,ij->i", grouped, vectors[entry])
    members = wells.index[in_map][np.lexsort((-typicality, entry))]
    return PhenoMap(labels, vectors, level, align, name, members)


def _identities(wells: pd.DataFrame, level: str) -> pd.DataFrame:
    """What each well counts as at a level; treatment is NaN where it is left out."""
    identity = wells[["perturbation_type", "gene", "treatment", "concentration"]].copy()
    is_compound = identity["perturbation_type"] == "COMPOUND"
    is_control = identity["treatment"].str.contains("_control", na=False)
    identity.loc[is_compound & is_control, "treatment"] = np.nan
    if level != "guide":
        guides = ~is_compound & identity["treatment"].str.contains(r"_guide_\d+$", na=False)
        names = identity.loc[guides, "treatment"]
        identity.loc[guides, "treatment"] = names.map({t: gene_of_guide(t) for t in names.unique()})
    if level == "compound":
        identity["concentration"] = np.nan
    identity.loc[~is_compound, "concentration"] = np.nan
    return identity


def _keys(labels: pd.DataFrame) -> pd.Index:
    keys = pd.Index(
        [
            compound_key(t, c)
            for t, c in zip(labels["treatment"], labels["concentration"], strict=True)
        ],
        name="key",
    )
    repeated = keys.duplicated(keep=False)  # a gene and a compound of one name
    kinds = labels["perturbation_type"].fillna("unknown")
    return keys.where(~repeated, keys + " (" + kinds.to_numpy(dtype=object) + ")")


def _means(vectors: Array, entry: Array, n_wells: Array) -> Array:
    order = np.argsort(entry, kind="stable")
    starts = np.r_[0, np.cumsum(n_wells)[:-1]]
    sums = np.add.reduceat(vectors[order], starts, axis=0, dtype=np.float64)
    return (sums / n_wells[:, None]).astype(np.float32)


def _best_first(closeness: Array, query: int, k: int) -> Array:
    """Rows of the `k` largest values without the query; equal values in the order of rows."""
    closeness = np.where(np.isfinite(closeness), closeness, -np.inf)
    closeness[query] = -np.inf
    k = max(0, min(k, len(closeness) - 1))
    if k < len(closeness) - 1:
        kth = np.partition(closeness, len(closeness) - k)[len(closeness) - k] if k else np.inf
        candidates = np.flatnonzero(closeness >= kth)
    else:
        candidates = np.flatnonzero(np.arange(len(closeness)) != query)
    order = candidates[np.argsort(-closeness[candidates], kind="stable")]
    return order[:k]

"""On which plates and in which experiments the entries of a map are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["Layout"]

Array = np.ndarray[Any, Any]

_BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class Layout:
    """On which plates and in which experiments entries are.

    Attributes
    ----------
    groups : int (n,)
        What is perturbed, see `Entries.groups`.
    plates, experiments : sparse (n, plates) and (n, experiments)
        Numbers of wells, each row scaled to length 1.
    """

    groups: Array
    plates: sparse.csr_array
    experiments: sparse.csr_array

    @classmethod
    def of(cls, entries: Entries) -> Layout:
        """The layout of a map, from the cache if it was made before."""
        kept = entries.kept("layout", lambda: _counted(entries))
        n = len(entries.labels)
        on_plates = kept["counts"].astype(np.float64), kept["indices"], kept["indptr"]
        experiment = kept["experiment_of_plate"]
        counts = sparse.csr_array(on_plates, shape=(n, len(experiment)))
        into = sparse.csr_array(
            (np.ones(len(experiment)), (np.arange(len(experiment)), experiment)),
        )
        return cls(entries.groups, _scaled(counts), _scaled(sparse.csr_array(counts @ into)))

    def overlap(self, what: sparse.csr_array, a: Array, b: Array) -> Array:
        """How far entries a and b share plates or experiments, 0 to 1: (m,)."""
        found = np.empty(len(a))
        for start in range(0, len(a), _BLOCK):
            block = slice(start, start + _BLOCK)
            products = what[a[block]].multiply(what[b[block]])
            found[block] = np.asarray(products.sum(axis=1)).ravel()
        return found

    @staticmethod
    def overlap_with(what: sparse.csr_array, query: int) -> Array:
        """How far all entries share plates or experiments with one, 0 to 1: (n,)."""
        row = np.zeros(what.shape[1])
        start, stop = what.indptr[query], what.indptr[query + 1]
        row[what.indices[start:stop]] = what.data[start:stop]
        return np.asarray(what @ row)


def _counted(entries: Entries) -> dict[str, Array]:
    """How many wells of each entry are on each plate, from the wells themselves."""
    space, wells = entries.space, entries.member_wells
    plate, n_plates = space.plate[wells], int(space.plate.max()) + 1
    shape = (len(entries.labels), n_plates)
    ones = np.ones(len(wells), dtype=np.int32)
    counts = sparse.csr_array(sparse.coo_array((ones, (entries.member_entry, plate)), shape))
    counts.sum_duplicates()
    experiment = np.zeros(n_plates, dtype=np.int32)
    experiment[space.plate] = space.experiment
    return {
        "counts": counts.data.astype(np.int32),
        "indices": counts.indices.astype(np.int32),
        "indptr": counts.indptr.astype(np.int64),
        "experiment_of_plate": experiment,
    }


def _scaled(counts: sparse.csr_array) -> sparse.csr_array:
    lengths = np.sqrt(counts.multiply(counts).sum(axis=1))
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(lengths, 1e-30)) @ counts)

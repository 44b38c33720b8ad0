"""On which plates and in which experiments the entries of a map are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["Placement"]

Array = np.ndarray[Any, Any]

_BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class Placement:
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
    def of(cls, entries: Entries) -> Placement:
        """The placement of a map, kept with it."""

        def build() -> dict[str, Array]:
            where = entries.member_places
            by = {"plates": where.plate, "experiments": where.experiment}
            return {k: v for name, what in by.items() for k, v in _parts(entries, name, what)}

        kept = entries.kept("layout", build)
        return cls(entries.groups, *(_joined(kept, name) for name in ("plates", "experiments")))

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


def _parts(entries: Entries, name: str, what: Array) -> Iterator[tuple[str, Array]]:
    matrix = _scaled(_counts(entries, what))
    for part in ("data", "indices", "indptr", "shape"):
        yield f"{name}_{part}", np.asarray(getattr(matrix, part))


def _joined(kept: dict[str, Array], name: str) -> sparse.csr_array:
    data, indices, indptr, shape = (
        kept[f"{name}_{part}"] for part in ("data", "indices", "indptr", "shape")
    )
    return sparse.csr_array((data, indices, indptr), shape=tuple(shape.tolist()))


def _counts(entries: Entries, what: Array) -> sparse.csr_array:
    """How many wells of each entry are on each plate, or in each experiment."""
    shape = (len(entries.labels), int(what.max(initial=0)) + 1)
    ones = np.ones(len(what))
    return sparse.csr_array(sparse.coo_array((ones, (entries.member_entry, what)), shape))


def _scaled(counts: sparse.csr_array) -> sparse.csr_array:
    lengths = np.sqrt(counts.multiply(counts).sum(axis=1))
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(lengths, 1e-30)) @ counts)

"""Whether a neighbor comes back when each experiment is used alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.maps.evidence.p_values import ROUNDING
from napari_rxrx3.maps.vector_search import NO_DIRECTION

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries, NeighborSearch

__all__ = ["Replicates"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

_BACK = 0.05


class Replicates:
    """Asks the same question of one experiment after the other.

    To use an experiment alone is to average each entry over its wells there. An entry that has
    no well there, or no other, keeps all of its wells.
    """

    def __init__(self, phenomap: Entries) -> None:
        self._map = phenomap

    def count(self, asked: NeighborSearch, found: Array, report: Progress) -> tuple[Array, Array]:
        """In how many experiments each neighbor is among the nearest 5 % again, and of how many.

        Parameters
        ----------
        found : int (k,)
            Rows of the neighbors.
        report : callable
            Called with (done, total, text); may raise to stop.

        Returns
        -------
        back, alone : int (k,)
            Experiments in which neither the query nor the neighbor changes do not count.
        """
        back, alone = np.zeros(len(found), dtype=int), np.zeros(len(found), dtype=int)
        if self._map.parts is None:
            return back, alone
        mine = self._experiments_of(asked.query)
        theirs = [self._experiments_of(int(row)) for row in found]
        experiments = sorted(mine.union(*theirs))
        products = self._map.vector_search.products(self._map.vectors[asked.query])
        for done, experiment in enumerate(experiments):
            report(done, len(experiments), "asking one experiment after the other")
            changes = np.array([experiment in mine or experiment in own for own in theirs])
            closeness = self._closeness(asked, experiment, products)
            searched = closeness[asked.searched & ~np.isnan(closeness)]
            alone += changes
            if len(searched):
                least = float(np.quantile(searched, 1 - _BACK))
                least -= ROUNDING * (1 if asked.metric == "cosine" else abs(least))
                back += changes & (closeness[found] >= least)
        return back, alone

    def _experiments_of(self, row: int) -> set[int]:
        """Experiments that hold a part of an entry, not all of it."""
        parts = self._map.parts
        assert parts is not None
        experiments = parts.experiment[parts.of(row)].tolist()
        return set(experiments) if len(experiments) > 1 else set()

    def _closeness(self, asked: NeighborSearch, experiment: int, products: Array) -> Array:
        """How close all entries are to the query in an experiment, float (n,); larger is nearer.

        NaN for a cosine of what has no direction, which is close to nothing. `products` are those
        of the query's average over all of its wells with the others.
        """
        phenomap, parts = self._map, self._map.parts
        assert parts is not None
        rows = self._rows_in.get(experiment, np.zeros(0, dtype=int))
        entries = parts.entry[rows]
        place = np.flatnonzero(entries == asked.query)
        query = parts.vectors[rows[place[0]]] if len(place) else phenomap.vectors[asked.query]
        query = query.astype(np.float64)
        products = phenomap.vector_search.products(query) if len(place) else products.copy()
        vectors = parts.vectors[rows].astype(np.float64)
        products[entries] = vectors @ query
        squares = phenomap.squared_norms.copy()
        squares[entries] = np.einsum("ij,ij->i", vectors, vectors)
        own = float(query @ query)
        if asked.metric == "cosine":
            shortest = NO_DIRECTION**2 * float(np.median(phenomap.squared_norms))
            has_direction = (squares > shortest) & (own > shortest)
            closeness = np.full(len(squares), np.nan)
            lengths = np.sqrt(squares[has_direction] * own)
            closeness[has_direction] = products[has_direction] / lengths
        else:
            closeness = -np.sqrt(np.maximum(squares + own - 2.0 * products, 0))
        return -closeness if asked.opposite else closeness

    @cached_property
    def _rows_in(self) -> dict[int, Array]:
        """For each experiment, the parts in it of entries that have other parts as well."""
        parts = self._map.parts
        assert parts is not None
        n_parts = np.bincount(parts.entry)
        several = np.flatnonzero(n_parts[parts.entry] > 1)
        order = several[np.argsort(parts.experiment[several], kind="stable")]
        experiments, starts = np.unique(parts.experiment[order], return_index=True)
        return dict(zip(experiments.tolist(), np.split(order, starts[1:]), strict=True))

"""Averages of the entries of a map, as it is aligned or in another alignment."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.space import WellSpace

from napari_rxrx3.core.progress import Progress

__all__ = ["AveragedVectors", "OtherVectors", "OwnVectors"]

Array = np.ndarray[Any, Any]

_BLOCK = 8_192


class AveragedVectors(Protocol):
    """Vectors of the entries of a map, and of their wells, in one alignment."""

    @property
    def align(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def averages(self, rows: Array) -> Array:
        """Of entries over all of their wells: (k, d)."""

    def space(self) -> WellSpace:
        """The wells with their vectors; takes seconds the first time."""


class OwnVectors:
    """Averages as the map has them."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    @property
    def align(self) -> str:
        return self._entries.align

    @property
    def dimension(self) -> int:
        return int(self._entries.vectors.shape[1])

    def averages(self, rows: Array) -> Array:
        return np.asarray(self._entries.vectors[rows])

    def space(self) -> WellSpace:
        return self._entries.space


class OtherVectors:
    """Averages in another alignment, made when the map is first judged and kept on disk.

    Those of single wells are not kept: they are as many as there are vectors.

    Raises
    ------
    MapError
        If a batch has too few controls for that alignment.
    """

    def __init__(self, entries: Entries, align: str, progress: Progress) -> None:
        self._entries, self.align = entries, align
        self._space: WellSpace | None = None
        self._vectors = None
        if entries.level != "well":
            self._vectors = self._opened(progress)

    @property
    def dimension(self) -> int:
        return self.space().dimension if self._vectors is None else int(self._vectors.shape[1])

    def averages(self, rows: Array) -> Array:
        if self._vectors is not None:
            return np.asarray(self._vectors[rows])
        wells = self._entries.member_wells[self._entries.ends[rows] - 1]
        return self.space().aligned(wells)

    def space(self) -> WellSpace:
        if self._space is None:
            self._space = self._entries.space.realigned(self.align)
        return self._space

    def _opened(self, progress: Progress) -> Array:
        entries = self._entries
        key = f"{entries.fingerprint}|{self.align}" if entries.fingerprint else ""
        kept = entries.cache.open_mapped("nulls", key) if key else None
        if kept is not None and len(kept) == len(entries.labels):
            return kept
        entries.open_space(progress)
        shape = (len(entries.labels), self.space().dimension)
        return entries.cache.new_mapped("nulls", key, shape, lambda out: self._fill(out, progress))

    def _fill(self, vectors: Array, progress: Progress) -> None:
        """Average entry by entry: as many whole entries at once as a block holds, one at least."""
        entries, space = self._entries, self.space()
        median = entries.spec.average == "median"
        first, ends, n_wells = 0, entries.ends, entries.n_wells
        while first < len(ends):
            begin = ends[first] - n_wells[first]
            last = max(first + 1, int(np.searchsorted(ends, begin + _BLOCK, side="right")))
            report = partial(_report, progress, int(begin), int(ends[-1]))
            report(0)
            wells, counts = entries.member_wells[begin : ends[last - 1]], n_wells[first:last]
            if median:
                parts = np.split(space.aligned(wells), np.cumsum(counts)[:-1])
                vectors[first:last] = [np.median(part, axis=0) for part in parts]
            else:
                of_entry = np.repeat(np.arange(last - first), counts)
                vectors[first:last] = space.averages(wells, of_entry, report)
            first = last


def _report(progress: Progress, begin: int, total: int, done: int) -> None:
    progress(begin + done, total, "averaging wells in another alignment")

"""Wells of an entry against controls of their plates: how they rank, and what swaps make of them.

The number is the mean average precision of Kalinin et al. 2025 (Nature Communications 16, 5181),
normalized; the test is a permutation test (Phipson and Smyth 2010) in a space of our own, see
docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.evidence.plate_space import PlateSpace

if TYPE_CHECKING:
    from napari_rxrx3.maps.space import WellSpace

__all__ = ["AgainstControls", "Likeness"]

Array = np.ndarray[Any, Any]
Pattern = tuple[tuple[int, int], ...]
"""Of each plate, how many wells of the entry and how many controls."""

_CHUNK = 2_500

_CONTROLS_OF_FEW, _CONTROLS_AT_LEAST, _CONTROLS_IN_ALL = 64, 16, 192
_CONTROLS_BYTES = 200_000_000
_TOGETHER = 200_000
"""Cosines of so many pairs are held at once."""
_BLOCK = 4096

_ROUNDING = 1e-9
"""The same wells, added in another order, differ by less than this part."""
_SLACK = 1e-5
"""Squared lengths in single precision are known to this part of themselves."""


class AgainstControls:
    """Compares wells with some controls of each plate."""

    def __init__(self, space: WellSpace, plates: PlateSpace, progress: Progress) -> None:
        self._space, self._plates = space, plates
        wells = np.random.default_rng(1).permutation(np.flatnonzero(space.is_control))
        wells = wells[np.argsort(space.plate[wells], kind="stable")]
        n_on = np.bincount(space.plate[wells], minlength=int(space.plate.max()) + 1)
        place = np.arange(len(wells)) - (np.cumsum(n_on) - n_on)[space.plate[wells]]
        d = plates.axes.shape[1]
        most = _CONTROLS_BYTES // (4 * d * len(n_on))
        most = min(max(most, _CONTROLS_AT_LEAST), _CONTROLS_OF_FEW)
        self._n_on = np.minimum(n_on, most)
        self._begin = np.cumsum(self._n_on) - self._n_on
        wells = wells[place < most]
        self._controls = np.empty((len(wells), d), dtype=np.float32)
        for block in _blocks(len(wells)):
            progress(block.start, len(wells), "taking controls of each plate")
            self._controls[block] = plates.moved(space, wells[block])

    def likenesses(
        self, entries: Array, wells: Sequence[Array]
    ) -> Iterator[tuple[Array, Likeness]]:
        """Those of some entries, as many at once as have the same pattern and are not too large.

        Parameters
        ----------
        entries : int (n,)
            What is given back with the likeness of each.
        wells : sequence of int (k,)
            Of each entry, by plate.
        """
        vectors = self._plates.moved(self._space, np.concatenate(wells))
        begin = np.cumsum([0, *(len(of) for of in wells[:-1])])
        alike: dict[Pattern, list[int]] = {}
        plates = []
        for place, of in enumerate(wells):
            on, counts = np.unique(self._space.plate[of], return_counts=True)
            plates.append(on)
            alike.setdefault(self._pattern(on, counts), []).append(place)
        for pattern, places in alike.items():
            n_wells, n_controls = (sum(counts) for counts in zip(*pattern, strict=True))
            step = max(1, _TOGETHER // (n_wells + n_controls) ** 2)
            for start in range(0, len(places), step):
                some = np.array(places[start : start + step])
                own = vectors[begin[some][:, None] + np.arange(n_wells)]
                on = np.stack([plates[place] for place in some])
                yield entries[some], self._likeness(pattern, own, on)

    def _pattern(self, plates: Array, n_wells: Array) -> Pattern:
        # few of each plate, if there are many plates: more would cost time and tell no more
        of_plate = max(_CONTROLS_AT_LEAST, _CONTROLS_OF_FEW // len(plates))
        of_plate = max(2, min(of_plate, _CONTROLS_IN_ALL // len(plates)))
        n_controls = np.minimum(self._n_on[plates], of_plate)
        return tuple(zip(n_wells.tolist(), n_controls.tolist(), strict=True))

    def _likeness(self, pattern: Pattern, own: Array, plates: Array) -> Likeness:
        """Of the wells (entries, n, d) and of controls of their plates (entries, plates)."""
        n_wells, n_controls = np.array(pattern).T
        on_plate, is_own = _places(pattern)
        nth = np.concatenate([np.arange(n) for n in n_controls])
        controls = np.repeat(self._begin[plates], n_controls, axis=1) + nth
        together = np.empty((len(own), len(is_own), own.shape[2]), dtype=np.float32)
        together[:, is_own] = own
        together[:, ~is_own] = self._controls[controls]
        sizes = n_wells + n_controls
        starts = np.cumsum(sizes) - sizes
        centers = np.add.reduceat(together, starts, axis=1) / sizes[:, None].astype(np.float32)
        together -= centers[:, on_plate]
        lengths = np.sqrt(np.einsum("eij,eij->ei", together, together))[..., None]
        together /= np.where(lengths > 0, lengths, 1)
        return Likeness(together, pattern)


class Likeness:
    """Cosines of wells and controls of the same plates, all taken from the middle of their plate.

    The wells of an entry that does something point in one direction: the sum of their directions is
    longer than that of as many others.

    Parameters
    ----------
    units : float32 (entries, n, d)
        Directions of the wells of an entry on its first plate, of controls there, and so on.
    pattern : Pattern
        How many these are, the same for all entries.
    """

    def __init__(self, units: Array, pattern: Pattern) -> None:
        self._units, self._pattern = units, pattern
        self._cosines = units @ units.transpose(0, 2, 1)

    def n_as_far(self, start: int, stop: int, report: Callable[[], None]) -> Array:
        """How many of some permutations have a sum that is as long, those from start to stop.

        Returns
        -------
        numpy.ndarray
            int (entries,).
        """
        own = self._units[:, _places(self._pattern)[1]]
        sums = own.sum(axis=1, dtype=np.float64)
        observed = np.einsum("ei,ei->e", sums, sums)
        slack = _SLACK * (observed + own.shape[1])
        counts = np.zeros(len(observed), dtype=np.int64)
        for begin in range(start, stop, _CHUNK):
            labels = _labels(self._pattern, begin, min(_CHUNK, stop - begin))
            for entry, cosines in enumerate(self._cosines):
                report()
                squares = np.einsum("ij,ij->i", labels @ cosines, labels)
                counts[entry] += (squares > observed[entry] + slack[entry]).sum()
                near = np.flatnonzero(np.abs(squares - observed[entry]) <= slack[entry])
                if len(near):
                    sums = labels[near].astype(np.float64) @ self._units[entry]
                    squares = np.einsum("ij,ij->i", sums, sums)
                    counts[entry] += (squares >= observed[entry] * (1 - _ROUNDING)).sum()
        return counts

    def mean_precision(self) -> Array:
        """Mean over the wells of the normalized average precision of finding the others first.

        What a well is compared with: the other wells of the entry, and controls of its own plate.

        Returns
        -------
        numpy.ndarray
            float64 (entries,).
        """
        on_plate, is_own = _places(self._pattern)
        own, n = np.flatnonzero(is_own), int(is_own.sum())
        # controls first, so that they come first among equals
        order = np.argsort(is_own, kind="stable")
        is_beside = on_plate[order] == on_plate[own][:, None]
        is_other = is_own[order] & (order != own[:, None])
        is_rival = ~is_own[order] & is_beside
        # seen from the middle of a few, these few lie on different sides: wells of other plates
        # would always seem more alike
        sizes = np.bincount(on_plate)[on_plate[own]]
        shift = np.where(is_beside, 1 / np.maximum(sizes - 1, 1)[:, None], 0).astype(np.float32)
        shift[~(is_other | is_rival)] = -np.inf
        cosines = self._cosines[:, own][:, :, order] + shift
        n_ranked = int((is_other | is_rival).sum(axis=1).max())
        ranked = np.argsort(-cosines, axis=2, kind="stable")[:, :, :n_ranked]
        hits = is_other[np.arange(n)[:, None], ranked]
        precision = np.cumsum(hits, axis=2) / np.arange(1, n_ranked + 1)
        average = (precision * hits).sum(axis=2) / (n - 1)
        by_chance = _expected_precision(n - 1, tuple(is_rival.sum(axis=1).tolist()))
        return np.asarray(((average - by_chance) / (1 - by_chance)).mean(axis=1))


@lru_cache(maxsize=256)
def _places(pattern: Pattern) -> tuple[Array, Array]:
    """Of the wells and controls of a pattern, the number of the plate, and which are wells."""
    on_plate = np.repeat(np.arange(len(pattern)), [sum(counts) for counts in pattern])
    kinds = [kind for n, k in pattern for kind in (*[True] * n, *[False] * k)]
    return on_plate, np.array(kinds)


@lru_cache(maxsize=256)
def _expected_precision(n_found: int, n_rivals: tuple[int, ...]) -> Array:
    """Average precision of finding some among rivals by chance, exactly: float64 like `n_rivals`.

    The harmonic formula of Bestgen 2015 ("Exact expected average precision of the random
    baseline for system evaluation").
    """
    n = n_found + np.array(n_rivals)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n.max() + 1))])[n]
    return np.asarray(((n_found - 1) / (n - 1) * (n - harmonic) + harmonic) / n)


# -- permutations ----------------------------------------------------------------------------------


def _labels(pattern: Pattern, start: int, n: int) -> Array:
    """Which wells are labeled as the entry's in some permutations: float32 (n, wells).

    The same for all entries with as many wells and controls on a plate.
    """
    parts = [_drawn_on(nth, *counts, start, n) for nth, counts in enumerate(pattern)]
    return np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")


@lru_cache(maxsize=1024)  # of some 40 kB each
def _drawn_on(nth: int, n_wells: int, n_controls: int, start: int, n: int) -> Array:
    """Permutations on the nth plate: bool (n, wells and controls)."""
    rng = np.random.default_rng([nth, n_wells, n_controls, start])
    size = n_wells + n_controls
    labels = np.zeros((n, size), dtype=bool)
    if n_wells == 1:
        labels[np.arange(n), rng.integers(size, size=n)] = True
    else:
        chosen = np.argsort(rng.random((n, size), dtype=np.float32), axis=1)[:, :n_wells]
        np.put_along_axis(labels, chosen, True, axis=1)
    return labels


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))

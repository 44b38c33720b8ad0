"""Wells of an entry against controls of their plates: how they rank, and what swaps make of them.

The number is the mean average precision of Kalinin et al. 2025 (Nature Communications 16, 5181),
normalized; the test is a permutation test (Phipson and Smyth 2010), see docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from napari_rxrx3.core.geometry import directions

__all__ = ["AgainstControls", "SomeControls", "Together"]

Array = np.ndarray[Any, Any]
Pattern = tuple[tuple[int, int], ...]
"""Of each plate, how many wells of the entry and how many controls."""

_CHUNK = 2_500
_TOGETHER = 200_000
"""Cosines of so many pairs are held at once."""
_BLOCK = 4096

_ROUNDING = 1e-9
"""The same wells, added in another order, differ by less than this part."""
_SLACK = 1e-5
"""Squared lengths in single precision are known to this part of themselves."""
_NOTHING = 1e-6
"""A squared length that is less than this part of it before it was centered is rounding."""


class SomeControls(NamedTuple):
    """How many controls of each plate wells are compared with.

    So many of an entry on few plates in all, but no more than `of_plate` of each; at least so many
    of each, if an entry is on several; and so many in all, if it is on very many.
    """

    of_plate: int
    of_few: int
    at_least: int
    in_all: int

    def of(self, n_plates: int) -> int:
        most = max(self.at_least, self.of_few // n_plates)
        return max(2, min(most, self.in_all // n_plates, self.of_plate))


class AgainstControls:
    """Takes wells together with some controls of their plates.

    Parameters
    ----------
    plate : int (n,)
        Of all wells.
    controls : int (k,)
        Wells to compare with.
    vectors_of : callable
        Gives the vectors of some wells, float32 (m, d).
    some : SomeControls
    report : callable
        Called with (done, total) while the controls' vectors are made; may raise to stop.
    """

    def __init__(
        self,
        plate: Array,
        controls: Array,
        vectors_of: Callable[[Array], Array],
        some: SomeControls,
        report: Callable[[int, int], None],
    ) -> None:
        self._plate, self._vectors_of, self._some = plate, vectors_of, some
        wells = np.random.default_rng(1).permutation(controls)
        wells = wells[np.argsort(plate[wells], kind="stable")]
        n_on = np.bincount(plate[wells], minlength=int(plate.max()) + 1)
        place = np.arange(len(wells)) - (np.cumsum(n_on) - n_on)[plate[wells]]
        wells = wells[place < some.of_plate]
        self._n_on = np.minimum(n_on, some.of_plate)
        self._begin = np.cumsum(self._n_on) - self._n_on
        parts = []
        for start in range(0, len(wells), _BLOCK):
            report(start, len(wells))
            parts.append(vectors_of(wells[start : start + _BLOCK]))
        self._controls = np.concatenate(parts or [vectors_of(wells)])

    def on(self, plate: int) -> Array:
        """Vectors of the controls of a plate: float32 (k, d)."""
        return self._controls[self._begin[plate] : self._begin[plate] + self._n_on[plate]]

    def together(self, entries: Array, wells: Sequence[Array]) -> Iterator[tuple[Array, Together]]:
        """Some entries with controls of their plates, as many at once as have the same pattern and
        are not too large.

        Parameters
        ----------
        entries : int (n,)
            What is given back with each.
        wells : sequence of int (k,)
            Of each entry, by plate.
        """
        vectors = self._vectors_of(np.concatenate(wells))
        begin = np.cumsum([0, *(len(of) for of in wells[:-1])])
        alike: dict[Pattern, list[int]] = {}
        plates = []
        for place, of in enumerate(wells):
            on, counts = _runs(self._plate[of])
            plates.append(on)
            alike.setdefault(self._pattern(on, counts), []).append(place)
        for pattern, places in alike.items():
            n_wells, n_controls = (sum(counts) for counts in zip(*pattern, strict=True))
            step = max(1, _TOGETHER // (n_wells + n_controls) ** 2)
            for start in range(0, len(places), step):
                some = np.array(places[start : start + step])
                own = vectors[begin[some][:, None] + np.arange(n_wells)]
                on = np.stack([plates[place] for place in some])
                yield entries[some], self._joined(pattern, own, on)

    def _pattern(self, plates: Array, n_wells: Array) -> Pattern:
        n_controls = np.minimum(self._n_on[plates], self._some.of(len(plates)))
        return tuple(zip(n_wells.tolist(), n_controls.tolist(), strict=True))

    def _joined(self, pattern: Pattern, own: Array, plates: Array) -> Together:
        """The wells (entries, n, d) and controls of their plates (entries, plates)."""
        is_own = _places(pattern)[1]
        n_controls = [n for _, n in pattern]
        nth = np.concatenate([np.arange(n) for n in n_controls])
        controls = np.repeat(self._begin[plates], n_controls, axis=1) + nth
        vectors = np.empty((len(own), len(is_own), own.shape[2]), dtype=np.float32)
        vectors[:, is_own] = own
        vectors[:, ~is_own] = self._controls[controls]
        return Together(vectors, pattern)


@dataclass(frozen=True, eq=False)
class Together:
    """Vectors of wells and of controls of the same plates.

    The wells of an entry that does something point in one direction: their sum is longer than that
    of as many others.

    Attributes
    ----------
    vectors : float32 (entries, n, d)
        Of the wells of an entry on its first plate, of controls there, and so on.
    pattern : Pattern
        How many these are, the same for all entries.
    """

    vectors: Array
    pattern: Pattern

    @cached_property
    def products(self) -> Array:
        """Of all vectors of an entry with each other: float32 (entries, n, n)."""
        return np.asarray(self.vectors @ self.vectors.transpose(0, 2, 1))

    @cached_property
    def cosines(self) -> Array:
        """The same of directions from the middle of all vectors on the plate; 0 for none.

        Taken from the products: there are fewer of these than numbers in the vectors.
        """
        products, (on_plate, _) = self.products, _places(self.pattern)
        is_on = on_plate == np.arange(len(self.pattern))[:, None]
        to_mean = (is_on / is_on.sum(axis=1, keepdims=True)).astype(np.float32)
        means = to_mean @ products
        shift = (means - (means @ to_mean.T / 2)[:, :, on_plate])[:, on_plate]
        centered = products - shift
        centered -= shift.transpose(0, 2, 1)
        squares = np.einsum("eii->ei", centered).copy()
        squares[squares <= _NOTHING * np.einsum("eii->ei", products)] = np.inf
        scale = 1 / np.sqrt(squares)
        centered *= scale[:, :, None]
        centered *= scale[:, None, :]
        return np.asarray(centered)

    def _units(self, entry: int) -> Array:
        """The directions that the cosines are of: float64 (n, d)."""
        vectors, (on_plate, _) = self.vectors[entry].astype(np.float64), _places(self.pattern)
        for plate in range(len(self.pattern)):
            vectors[on_plate == plate] -= vectors[on_plate == plate].mean(axis=0)
        units = directions(vectors)
        units[self.cosines[entry].diagonal() == 0] = 0
        return units

    def n_as_far(
        self, start: int, stop: int, report: Callable[[], None], *, centered: bool = True
    ) -> Array:
        """How many of some permutations have a sum that is as long, those from start to stop.

        Parameters
        ----------
        centered : bool
            Add directions from the middle of the plate, not the vectors as they are.

        Returns
        -------
        numpy.ndarray
            int (entries,).
        """
        products = self.cosines if centered else self.products
        own = np.flatnonzero(_places(self.pattern)[1])
        observed = products[:, own][:, :, own].sum(axis=(1, 2), dtype=np.float64)
        own_squares = np.einsum("eii->e", products[:, own][:, :, own])
        slack = _SLACK * (np.abs(observed) + own_squares)
        counts = np.zeros(len(observed), dtype=np.int64)
        for begin in range(start, stop, _CHUNK):
            labels = _labels(self.pattern, begin, min(_CHUNK, stop - begin))
            for entry, of_entry in enumerate(products):
                report()
                squares = np.einsum("ij,ij->i", labels @ of_entry, labels)
                counts[entry] += (squares > observed[entry] + slack[entry]).sum()
                near = labels[np.abs(squares - observed[entry]) <= slack[entry]]
                if len(near):
                    exact = self._units(entry) if centered else self.vectors[entry]
                    counts[entry] += _n_as_long(near, exact.astype(np.float64), own)
        return counts

    def mean_precision(self) -> Array:
        """Mean over the wells of the normalized average precision of finding the others first.

        What a well is compared with: the other wells of the entry, and controls of its own plate.

        Returns
        -------
        numpy.ndarray
            float64 (entries,).
        """
        own = np.flatnonzero(_places(self.pattern)[1])
        compared = _compared(self.pattern)
        cosines = self.cosines[:, own[:, None], compared.columns] + compared.shift
        ranked = np.argsort(-cosines, axis=2, kind="stable")
        hits = compared.is_other[np.arange(len(own))[:, None], ranked]
        precision = np.cumsum(hits, axis=2) / np.arange(1, hits.shape[2] + 1)
        n_others = len(own) - 1
        average = (precision * hits).sum(axis=2) / n_others
        by_chance = _expected_precision(n_others, compared.n_rivals)
        return np.asarray(((average - by_chance) / (1 - by_chance)).mean(axis=1))


class _Compared(NamedTuple):
    """What each well of a pattern is compared with: (wells, k) each, and filled up at the end.

    Controls come first, so that they are first among equals. `shift` is to be added to the cosines:
    seen from the middle of a few, these few lie on different sides, and wells of other plates would
    always seem more alike.
    """

    columns: Array
    is_other: Array
    shift: Array
    n_rivals: tuple[int, ...]


@lru_cache(maxsize=256)
def _compared(pattern: Pattern) -> _Compared:
    on_plate, is_own = _places(pattern)
    own, sizes = np.flatnonzero(is_own), np.bincount(on_plate)
    rivals = [np.flatnonzero(~is_own & (on_plate == on_plate[well])) for well in own]
    n_others, n_rivals = len(own) - 1, tuple(len(controls) for controls in rivals)
    shape = len(own), max(n_rivals) + n_others
    columns, is_other = np.zeros(shape, dtype=np.intp), np.zeros(shape, dtype=bool)
    shift = np.full(shape, -np.inf, dtype=np.float32)
    for i, well in enumerate(own):
        n = n_rivals[i] + n_others
        columns[i, :n] = np.concatenate([rivals[i], own[own != well]])
        is_other[i, n_rivals[i] : n] = True
        is_beside = on_plate[columns[i, :n]] == on_plate[well]
        shift[i, :n] = is_beside / max(sizes[on_plate[well]] - 1, 1)
    return _Compared(columns, is_other, shift, n_rivals)


def _runs(values: Array) -> tuple[Array, Array]:
    """Values that come in runs, each once, and how long these are."""
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return values[starts], np.diff(np.append(starts, len(values)))


def _n_as_long(labels: Array, vectors: Array, own: Array) -> int:
    """How many sums of labeled vectors are at least as long as that of `own`, but for rounding."""
    sums, observed = labels.astype(np.float64) @ vectors, vectors[own].sum(axis=0)
    squares = np.einsum("ij,ij->i", sums, sums)
    return int((squares >= (observed @ observed) * (1 - _ROUNDING)).sum())


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
    elif n_controls == 0:
        labels[:] = True
    else:
        keys = rng.random((n, size), dtype=np.float32)
        chosen = np.argpartition(keys, n_wells - 1, axis=1)[:, :n_wells]
        np.put_along_axis(labels, chosen, True, axis=1)
    return labels

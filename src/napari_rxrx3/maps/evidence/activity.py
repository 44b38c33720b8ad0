"""Which entries do anything: whether their wells differ from the controls, and all in one way.

Everything is compared on its own plate, so that it does not hang on the alignment of the map. The
number is the mean average precision of Kalinin et al. 2025 (Nature Communications 16, 5181),
normalized; the test is a permutation test (Phipson and Smyth 2010; stopped early as by Besag and
Clifford 1991) in a space of our own, see docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.maps.evidence.p_values import add_one_p, benjamini_hochberg

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.space import WellSpace

__all__ = ["FALSE_SHARE", "activity", "count_active"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]
Pattern = tuple[tuple[int, int], ...]
"""Of each plate, how many wells of the entry and how many controls."""

FALSE_SHARE = 0.05
"""Of the entries that are called active, so many may be so by chance."""

_STAGES = (400, 2_000, 10_000, 100_000)
_ENOUGH = 10
"""Permutations that are as far: more would not change what p says."""
_SURE = FALSE_SHARE / 5
"""An entry that has this q already is tested no further."""
_CHUNK = 2_500

_MOST_WELLS = 128
_CONTROLS_OF_FEW, _CONTROLS_AT_LEAST, _CONTROLS_IN_ALL = 64, 16, 192
_CONTROLS_BYTES = 200_000_000
_TOGETHER = 200_000
"""Cosines of so many pairs are held at once."""
_BLOCK = 8192

_SAMPLE, _SAMPLE_OF_PLATE = 256, 16
_OF_ITS_OWN = 100
"""So many wells of an experiment count as much as all others where it says how far wells vary."""
_RANKED = 8192
_IQR = 1.349
"""The interquartile range of a normal distribution of deviation 1."""
_ROUNDING = 1e-9
"""The same wells, added in another order, differ by less than this part."""
_SLACK = 1e-5
"""Squared lengths in single precision are known to this part of themselves."""


def activity(phenomap: Entries, progress: Progress) -> pd.DataFrame:
    """How active each entry is, and whether it is more than chance.

    Returns
    -------
    pandas.DataFrame
        Rows as in the map: activity (normalized mean average precision of finding its other wells
        before controls of the plate; 1: always, 0: as by chance), activity_p, activity_q
        (Benjamini and Hochberg over the map) and is_active (q of at most 0.05). NaN, and not
        active, for controls and for entries with fewer than two wells on plates with controls.
    """
    n = len(phenomap.labels)
    table = pd.DataFrame({"activity": np.full(n, np.nan), "activity_p": np.full(n, np.nan)})
    members = _members(phenomap)
    if len(members.rows):
        controls = np.flatnonzero(phenomap.space.is_control)
        space = phenomap.space.fitted_to(controls, "none", progress)
        test = _Test(space, _PlateSpace.of(space, progress), progress)
        found = _tested(members, test, progress)
        table.loc[members.rows, "activity"], table.loc[members.rows, "activity_p"] = found
    table["activity_q"] = benjamini_hochberg(table["activity_p"].to_numpy())
    table["is_active"] = table["activity_q"].to_numpy() <= FALSE_SHARE
    return table


def count_active(scores: pd.DataFrame) -> tuple[int, int]:
    """How many entries are active, and how many could be tested for it."""
    return int(scores["is_active"].sum()), int(scores["activity_q"].notna().sum())


# -- which wells -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Members:
    """Wells of the entries that can be tested: those of `rows[i]` end at `ends[i]`, by plate."""

    rows: Array
    wells: Array
    ends: Array

    def of(self, i: int) -> Array:
        return self.wells[self.ends[i - 1] if i else 0 : self.ends[i]]

    def blocks(self, chosen: Array) -> Iterator[Array]:
        """Some of them at a time, as many as have a block of wells together."""
        n_wells = np.cumsum(np.diff(self.ends, prepend=0)[chosen])
        return iter(np.split(chosen, np.flatnonzero(np.diff(n_wells // _BLOCK)) + 1))


def _members(phenomap: Entries) -> _Members:
    space = phenomap.space
    has_controls = np.zeros(int(space.plate.max()) + 1, dtype=bool)
    has_controls[space.plate[space.is_control]] = True
    wells, entry = phenomap.member_wells, phenomap.member_entry
    is_control = np.zeros(len(phenomap.labels), dtype=bool)
    is_control[entry[space.is_control[wells]]] = True
    kept = has_controls[space.plate[wells]] & ~is_control[entry]
    wells, entry = wells[kept], entry[kept]
    # of very many wells some, whichever
    shuffled = np.random.default_rng(0).permutation(len(wells))
    wells, entry = wells[shuffled], entry[shuffled]
    order = np.argsort(entry, kind="stable")
    wells, entry = wells[order], entry[order]
    n_wells = np.bincount(entry, minlength=len(phenomap.labels))
    place = np.arange(len(entry)) - (np.cumsum(n_wells) - n_wells)[entry]
    kept = (place < _MOST_WELLS) & (n_wells[entry] > 1)
    wells, entry = wells[kept], entry[kept]
    order = np.lexsort((wells, space.plate[wells], entry))
    wells, entry = wells[order], entry[order]
    rows, counts = np.unique(entry, return_counts=True)
    return _Members(rows, wells, np.cumsum(counts))


# -- a space in which wells of a plate can be compared ---------------------------------------------


@dataclass(frozen=True, eq=False)
class _PlateSpace:
    """Turned and scaled so that wells of one plate vary alike in all directions.

    It is made of a sample of all wells, whatever they received: a space that was fitted to the
    controls would pull these together, and everything else would look different from them. The
    scale is a quartile's, which the wells that do something hardly move.
    """

    centers: Array
    axes: Array
    scale: Array

    @classmethod
    def of(cls, space: WellSpace, progress: Progress) -> _PlateSpace:
        wells = _sample(space)
        moved = np.empty((len(wells), space.raw.shape[1]), dtype=np.float32)
        centers = _means_of_plates(space, wells)
        scatter = np.zeros((moved.shape[1], moved.shape[1]))
        for block in _blocks(len(wells)):
            progress(block.start, len(wells), "measuring how far wells of a plate vary")
            own = space.aligned(wells[block]) - centers[space.plate[wells[block]]]
            scatter += own.T @ own
            moved[block] = own
        variances, axes = np.linalg.eigh(scatter / len(wells))
        kept = variances > variances[-1] * len(variances) * np.finfo(np.float64).eps * 16
        if not kept.any():  # all wells of each plate are the same
            kept = np.ones_like(kept)
        axes = axes[:, kept]
        turned = moved @ axes.astype(np.float32)
        return cls(centers, axes, _scales(turned, space.experiment[wells], progress))

    def moved(self, space: WellSpace, wells: Array) -> Array:
        """Vectors of some wells from about the middle of their plates: float32 (k, d')."""
        vectors = (space.aligned(wells) - self.centers[space.plate[wells]]).astype(np.float32)
        turned = vectors @ self.axes.astype(np.float32)
        turned /= self.scale[space.experiment[wells]].astype(np.float32)
        return np.asarray(turned)


def _sample(space: WellSpace) -> Array:
    """Some wells of each experiment, whatever they received."""
    shuffled = np.random.default_rng(0).permutation(len(space))
    order = shuffled[np.argsort(space.experiment[shuffled], kind="stable")]
    experiment = space.experiment[order]
    n_wells = np.bincount(experiment)
    of_plate = np.unique(np.column_stack([space.experiment, space.plate]), axis=0)[:, 0]
    n_plates = np.bincount(of_plate, minlength=len(n_wells))
    place = np.arange(len(order)) - (np.cumsum(n_wells) - n_wells)[experiment]
    most = np.maximum(_SAMPLE, _SAMPLE_OF_PLATE * n_plates)
    return np.sort(order[place < most[experiment]])


def _means_of_plates(space: WellSpace, wells: Array) -> Array:
    """Mean vector of some wells of each plate, of all for plates without: float64 (plates, d)."""
    means = np.zeros((int(space.plate.max()) + 1, space.raw.shape[1]))
    wells = wells[np.argsort(space.plate[wells], kind="stable")]
    for block in _blocks(len(wells)):
        plates, starts = np.unique(space.plate[wells[block]], return_index=True)
        vectors = space.aligned(wells[block])
        means[plates] += np.add.reduceat(vectors, starts, axis=0, dtype=np.float64)
    n_wells = np.bincount(space.plate[wells], minlength=len(means))
    means[n_wells == 0] = means.sum(axis=0) / len(wells)
    return np.asarray(means / np.where(n_wells > 0, n_wells, 1)[:, None])


def _scales(moved: Array, experiment: Array, progress: Progress) -> Array:
    """How far wells of each experiment vary in each dimension: float64 (experiments, d)."""
    everywhere = _quartile_range(moved)
    everywhere[everywhere <= 1e-9 * everywhere.max()] = max(everywhere.max(), 1e-30)
    scales = np.tile(everywhere, (int(experiment.max()) + 1, 1))
    for number in np.unique(experiment):
        progress(int(number), len(scales), "measuring how far wells of a plate vary")
        own = moved[experiment == number]
        if len(own) > 3:
            ratio = np.log(np.maximum(_quartile_range(own) / everywhere, 1e-3))
            # all wells of an experiment may vary more or less, and each dimension for itself
            common = np.median(ratio)
            part = len(own) / (len(own) + _OF_ITS_OWN)
            scales[number] *= np.exp(common + part * (ratio - common))
    return scales


def _quartile_range(values: Array) -> Array:
    values = values[:: max(1, len(values) // _RANKED)]  # more would tell it no better
    low, high = np.percentile(values, (25, 75), axis=0)
    return np.asarray((high - low) / _IQR, dtype=np.float64)


# -- the test --------------------------------------------------------------------------------------


def _tested(members: _Members, test: _Test, progress: Progress) -> tuple[Array, Array]:
    """Activity and p of each of the members.

    All are compared with few permutations, and those that few of these reach with more, until
    their q says that they are active anyway.
    """
    n = len(members.rows)
    precision, n_as_far = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    p, pending, before = np.ones(n), np.arange(n), 0
    for upto in _STAGES:
        text = f"looking for active ones among {n:,} entries"
        done = n - len(pending)
        for block in members.blocks(pending):
            progress(done, n, text)
            for some, likeness in test.likenesses(members, block):
                report = partial(progress, done, n, text)
                report()
                if before == 0:
                    precision[some] = likeness.mean_precision()
                n_as_far[some] += likeness.n_as_far(before, upto, report)
                done += len(some)
        p[pending] = add_one_p(n_as_far[pending], upto)
        is_open = (n_as_far < _ENOUGH) & (benjamini_hochberg(p) > _SURE)
        pending, before = pending[is_open[pending]], upto
        if not len(pending):
            break
    return precision, p


class _Test:
    """Compares wells with some controls of each plate."""

    def __init__(self, space: WellSpace, plates: _PlateSpace, progress: Progress) -> None:
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

    def likenesses(self, members: _Members, chosen: Array) -> Iterator[tuple[Array, _Likeness]]:
        """Those of some entries, as many at once as have the same pattern and are not too large."""
        wells = [members.of(i) for i in chosen.tolist()]
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
                yield chosen[some], self._likeness(pattern, own, on)

    def _pattern(self, plates: Array, n_wells: Array) -> Pattern:
        # few of each plate, if there are many plates: more would cost time and tell no more
        of_plate = max(_CONTROLS_AT_LEAST, _CONTROLS_OF_FEW // len(plates))
        of_plate = max(2, min(of_plate, _CONTROLS_IN_ALL // len(plates)))
        n_controls = np.minimum(self._n_on[plates], of_plate)
        return tuple(zip(n_wells.tolist(), n_controls.tolist(), strict=True))

    def _likeness(self, pattern: Pattern, own: Array, plates: Array) -> _Likeness:
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
        return _Likeness(together, pattern)


class _Likeness:
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

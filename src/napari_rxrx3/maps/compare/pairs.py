"""Two screens against each other: how alike the two of a pair are in one, and in the other.

A screen is a map, or a half of the experiments of one. Pairs share entries, so that n pairs are
not n independent measurements: there are correlations here, and no p-values of them. Spearman's
is that of `napari_rxrx3.maps.compare.lists`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.words import count, some
from napari_rxrx3.maps.compare.screens import Halves, Screens, screens_of_halves, screens_of_maps
from napari_rxrx3.maps.ranks import rank_correlation

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["MOST_PAIRS", "PairTable", "compare_pairs", "compare_replicates"]

Array = np.ndarray[Any, Any]
Ends = Sequence[tuple[str, str]]

MOST_PAIRS = 500_000
"""Pairs that are compared at most: a thousand entries have as many. Of more, some are drawn."""

_BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class PairTable:
    """How alike pairs of entries are in screen A and in screen B.

    Attributes
    ----------
    keys : pandas.Index
        Of the entries that are in a pair.
    one, two : int (n,)
        Rows of `keys`: the ends of each pair.
    similarity_a, similarity_b : float32 (n,)
        Cosines.
    name_a, name_b : str
        What the screens are.
    pearson, spearman : float
        Correlations over the pairs; NaN if there are fewer than two, or all are the same.
    n_only_a, n_only_b : int
        Pairs that were asked for and are in one screen alone.
    notes : tuple of str
        What was left out, a sentence each.
    """

    keys: pd.Index
    one: Array
    two: Array
    similarity_a: Array
    similarity_b: Array
    name_a: str
    name_b: str
    pearson: float
    spearman: float
    n_only_a: int
    n_only_b: int
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.one)

    def pair(self, index: int) -> tuple[str, str]:
        """Keys of a pair."""
        return str(self.keys[self.one[index]]), str(self.keys[self.two[index]])

    def with_entry(self, key: str) -> Array:
        """Which pairs have an entry in them: int (k,)."""
        if key not in self.keys:
            return np.zeros(0, dtype=np.intp)
        row = self.keys.get_loc(key)
        return np.flatnonzero((self.one == row) | (self.two == row))

    @property
    def table(self) -> pd.DataFrame:
        """A row a pair: key_1, key_2, similarity_a, similarity_b."""
        return pd.DataFrame(
            {
                "key_1": self.keys[self.one],
                "key_2": self.keys[self.two],
                "similarity_a": self.similarity_a,
                "similarity_b": self.similarity_b,
            }
        )


def compare_pairs(
    map_a: Entries,
    map_b: Entries,
    keys: Sequence[str] | None = None,
    *,
    pairs: Ends | None = None,
    most: int = MOST_PAIRS,
    seed: int = 0,
    progress: Progress | None = None,
) -> PairTable:
    """Compare the cosines of pairs in two maps of one level: other vectors, another alignment.

    Parameters
    ----------
    keys : sequence of str, optional
        All pairs of these are compared; without it, of all entries.
    pairs : sequence of (str, str), optional
        These pairs and no others are compared.
    most : int
        If there are more pairs, so many are drawn at random, by `seed`.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    MapError
        If the maps are at different levels, or have no pair in common.
    """
    screens = screens_of_maps(map_a, map_b)
    return _compared(screens, keys, pairs, most, seed, progress)


def compare_replicates(
    phenomap: Entries | Halves,
    keys: Sequence[str] | None = None,
    *,
    pairs: Ends | None = None,
    most: int = MOST_PAIRS,
    seed: int = 0,
    progress: Progress | None = None,
) -> PairTable:
    """Compare the cosines of pairs in two halves of a map's experiments, see `compare_pairs`.

    Parameters
    ----------
    phenomap : Entries or Halves
        Of a map each entry's experiments are dealt out in turn, see `Halves.of`.

    Raises
    ------
    MapError
        If no entry is in both halves, or no pair of those asked for.
    """
    halves = phenomap if isinstance(phenomap, Halves) else Halves.of(phenomap, None, progress)
    screens = screens_of_halves(halves)
    return _compared(screens, keys, pairs, most, seed, progress)


# --- which pairs ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Pairs by the numbers of their ends in A and in B, (n, 2) each, and what was left out."""

    a: Array
    b: Array
    n_only_a: int
    n_only_b: int
    notes: tuple[str, ...]


def _of_entries(screens: Screens, keys: Sequence[str] | None, most: int, seed: int) -> _Drawn:
    """All pairs of some entries, or of all, or as many of them as are wanted."""
    names = None if keys is None else list(dict.fromkeys(keys))
    a, b = screens.everything() if names is None else screens.find(names)
    both = np.flatnonzero((a >= 0) & (b >= 0))
    n_a, n_b, n = int(np.sum(a >= 0)), int(np.sum(b >= 0)), len(both)
    unknown = [] if names is None else [names[i] for i in np.flatnonzero((a < 0) & (b < 0))]
    if n < 2:
        raise MapError(
            f"It takes two entries that are in both A and B to make a pair; {n_a:,} of these are "
            f"in A, {n_b:,} in B, {n:,} in both. {_unknown_in_words(unknown)}".strip()
        )
    total = comb(n, 2)
    numbers = np.arange(total) if total <= most else _some_of(total, most, seed)
    ends = both[_ends_of(numbers)]
    notes = _drawn_in_words(total, most, seed), _unknown_in_words(unknown)
    only = comb(n_a, 2) - total, comb(n_b, 2) - total
    return _Drawn(a[ends], b[ends], *only, notes)


def _of_pairs(screens: Screens, pairs: Ends, most: int, seed: int) -> _Drawn:
    """The pairs that were asked for, or as many of them as are wanted."""
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    place = {name: i for i, name in enumerate(names)}
    ends = np.array([[place[one], place[two]] for one, two in pairs], dtype=np.intp).reshape(-1, 2)
    a, b = (rows[ends] for rows in screens.find(names))
    in_a, in_b = (a >= 0).all(axis=1), (b >= 0).all(axis=1)
    both = np.flatnonzero(in_a & in_b)
    if not len(both):
        raise MapError(f"None of the {len(ends):,} pairs is in both A and B.")
    notes = []
    if n_absent := int(np.count_nonzero(~in_a & ~in_b)):
        notes.append(f"In neither A nor B: {n_absent:,} of {len(ends):,} pairs.")
    if len(both) > most:
        notes.append(_drawn_in_words(len(both), most, seed))
        both = both[_some_of(len(both), most, seed)]
    only_a, only_b = int(np.sum(in_a & ~in_b)), int(np.sum(in_b & ~in_a))
    return _Drawn(a[both], b[both], only_a, only_b, tuple(notes))


def _some_of(total: int, n: int, seed: int) -> Array:
    return np.sort(np.random.default_rng(seed).choice(total, n, replace=False))


def _ends_of(numbers: Array) -> Array:
    """Ends of pairs that are numbered (0, 1), (0, 2), (1, 2), (0, 3) …: int (n, 2)."""
    two = ((1 + np.sqrt(1 + 8 * numbers.astype(np.float64))) / 2).astype(np.int64)
    two -= numbers < two * (two - 1) // 2  # a root is rounded
    two += numbers >= two * (two + 1) // 2
    return np.stack([numbers - two * (two - 1) // 2, two], axis=1)


# --- the comparison ------------------------------------------------------------------------------


def _compared(
    screens: Screens,
    keys: Sequence[str] | None,
    pairs: Ends | None,
    most: int,
    seed: int,
    progress: Progress | None,
) -> PairTable:
    report = progress or silent
    most = max(1, min(most, MOST_PAIRS))
    report(0, 0, "choosing pairs")
    if pairs is not None:
        drawn = _of_pairs(screens, pairs, most, seed)
    else:
        drawn = _of_entries(screens, keys, most, seed)
    a, b = (_cosines(screens, side, ends, report) for side, ends in enumerate((drawn.a, drawn.b)))
    known = np.flatnonzero(~np.isnan(a) & ~np.isnan(b))
    involved, ends = np.unique(drawn.a[known], return_inverse=True)
    ends = ends.reshape(-1, 2)
    a, b = a[known], b[known]
    report(0, 0, f"correlating {len(known):,} pairs")
    left_out = _only_in_one(drawn.n_only_a, drawn.n_only_b)
    notes = (*drawn.notes, left_out, _without_direction(len(drawn.a) - len(known)))
    return PairTable(
        screens.keys(involved),
        ends[:, 0],
        ends[:, 1],
        a,
        b,
        *screens.names,
        pearson=_correlation(a, b),
        spearman=rank_correlation(a, b),
        n_only_a=drawn.n_only_a,
        n_only_b=drawn.n_only_b,
        notes=tuple(filter(None, notes)),
    )


def _cosines(screens: Screens, side: int, ends: Array, report: Progress) -> Array:
    """Cosine of the two of each pair, float32 (n,); NaN where one has no direction."""
    rows, place = np.unique(ends, return_inverse=True)
    place = place.reshape(-1, 2)
    units = _units(screens, side, rows, report)
    has_direction = np.asarray(units.any(axis=1))
    cosines = np.empty(len(ends), dtype=np.float32)
    for block in _blocks(len(ends)):
        report(block.start, len(ends), f"comparing {len(ends):,} pairs in {'AB'[side]}")
        one, two = place[block].T
        cosines[block] = np.einsum("ij,ij->i", units[one], units[two])
    cosines[~has_direction[place].all(axis=1)] = np.nan
    return np.clip(cosines, -1, 1)


def _units(screens: Screens, side: int, rows: Array, report: Progress) -> Array:
    """Directions of entries, float32 (k, d); a block at a time, so that it can be stopped."""
    parts = []
    for block in _blocks(len(rows)):
        report(block.start, len(rows), f"averaging {len(rows):,} entries of {'AB'[side]}")
        parts.append(screens.units(side, rows[block]))
    return np.concatenate(parts)


def _correlation(a: Array, b: Array) -> float:
    """Pearson's correlation; NaN if there are fewer than two values, or all are the same."""
    if len(a) < 2 or not np.ptp(a) or not np.ptp(b):
        return float("nan")
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))


# --- words ---------------------------------------------------------------------------------------


def _drawn_in_words(total: int, n: int, seed: int) -> str:
    return f"Drawn at random: {n:,} of {count(total, 'pair')} (seed {seed})." if total > n else ""


def _only_in_one(n_only_a: int, n_only_b: int) -> str:
    lone = [
        f"{count(n, 'pair')} only in {name}" for n, name in ((n_only_a, "A"), (n_only_b, "B")) if n
    ]
    return f"Left out: {' and '.join(lone)}." if lone else ""


def _without_direction(n: int) -> str:
    return f"Left out: {count(n, 'pair')} without a direction, as controls are." if n else ""


def _unknown_in_words(unknown: Sequence[str]) -> str:
    return f"In neither A nor B: {some(unknown)}." if unknown else ""

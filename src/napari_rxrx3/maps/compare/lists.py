"""Two maps' answers to the same question, side by side.

The rank correlation is that of Spearman 1904, "The proof and measurement of association between
two things" (American Journal of Psychology 15: 72-101), with mean ranks for ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError, UnknownKey
from napari_rxrx3.maps.entries import Entries
from napari_rxrx3.maps.ranks import rank_correlation

__all__ = ["Comparison", "compare_lists"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Comparison:
    """How far two maps agree on what is nearest to an entry.

    Attributes
    ----------
    key : str
    k : int
        How many of each list were compared: as many as asked for, if both lists are that long.
    table : pandas.DataFrame
        The first `k` of both lists, ordered by their mean rank: key, rank_a, value_a, rank_b,
        value_b. Ranks count from 1 over all that a map searched; values are similarities (cosine)
        or distances (Euclidean). NaN where an entry is in one map only.
    n_common : int
        Entries that both maps searched.
    overlap : int
        How many are among the first `k` of both lists.
    spearman : float
        Rank correlation over the common entries; NaN if there are fewer than two, or if all of
        them are equally near in one map.
    notes : tuple of str
        A sentence each.
    """

    key: str
    k: int
    table: pd.DataFrame
    n_common: int
    overlap: int
    spearman: float
    notes: tuple[str, ...]


def compare_lists(
    map_a: Entries,
    map_b: Entries,
    key: str,
    k: int = 20,
    metric: str = "cosine",
    opposite: bool = False,
    kind: str | None = None,
) -> Comparison:
    """Ask two maps of one level what is nearest to an entry, see `PhenoMap.nearest`.

    Raises
    ------
    UnknownKey
        If neither map has the entry.
    MapError
        If only one has it, or the maps are at different levels.
    ValueError
        If `metric` or `kind` is unknown.
    """
    _check(map_a, map_b, key)
    a, b = (_List.of(m, key, metric, opposite, kind) for m in (map_a, map_b))
    k = max(0, min(k, len(a.order), len(b.order)))
    rows_a, rows_b = _common(a, b)
    values = a.value[rows_a], b.value[rows_b]
    return Comparison(
        key,
        k,
        _first_of_both(a, b, k),
        n_common=len(rows_a),
        overlap=len(a.first(k).intersection(b.first(k))),
        spearman=rank_correlation(*values),
        notes=(
            *_without_order(key, *values),
            *_only_in_one(len(a.order) - len(rows_a), len(b.order) - len(rows_b)),
        ),
    )


@dataclass(frozen=True, eq=False)
class _List:
    """What one map says.

    Attributes
    ----------
    keys : pandas.Index (n,)
        All entries.
    order : int (m,)
        Rows of those that were searched, nearest (or most opposite) first.
    rank : float (n,)
        From 1; NaN where an entry was not searched.
    value : float (n,)
        Similarity or distance; NaN where an entry was not searched.
    """

    keys: pd.Index
    order: Array
    rank: Array
    value: Array

    @classmethod
    def of(
        cls, phenomap: Entries, key: str, metric: str, opposite: bool, kind: str | None
    ) -> _List:
        keys = phenomap.labels.index
        order, values = phenomap.ranked(phenomap.search_of(key, metric, opposite, kind), len(keys))
        rank, value = np.full(len(keys), np.nan), np.full(len(keys), np.nan)
        rank[order], value[order] = np.arange(1, len(order) + 1), values
        return cls(keys, order, rank, value)

    def first(self, k: int) -> pd.Index:
        """Keys of the first `k`."""
        return self.keys[self.order[:k]]

    def look_up(self, keys: pd.Series) -> tuple[Array, Array]:
        """Ranks and values of entries, NaN for those that were not searched."""
        rows = self.keys.get_indexer(pd.Index(keys))
        here = rows >= 0
        return np.where(here, self.rank[rows], np.nan), np.where(here, self.value[rows], np.nan)


def _first_of_both(a: _List, b: _List, k: int) -> pd.DataFrame:
    """What is among the first `k` of one list or the other, by its mean rank."""
    keys = a.first(k).append(b.first(k).difference(a.first(k), sort=False))
    table = pd.DataFrame({"key": keys})
    for name, ranked in (("a", a), ("b", b)):
        table[f"rank_{name}"], table[f"value_{name}"] = ranked.look_up(table["key"])
    mean_rank = table[["rank_a", "rank_b"]].mean(axis=1)
    return table.iloc[np.lexsort((table["rank_a"], mean_rank))].reset_index(drop=True)


def _common(a: _List, b: _List) -> tuple[Array, Array]:
    """Rows of the entries that were searched in both maps."""
    rows = b.keys.get_indexer(a.keys)
    in_both = (rows >= 0) & ~np.isnan(a.rank) & ~np.isnan(b.rank[rows])
    return np.flatnonzero(in_both), rows[in_both]


def _check(map_a: Entries, map_b: Entries, key: str) -> None:
    if map_a.level != map_b.level:
        raise MapError(
            f"Two lists are compared at one level, not at {map_a.level} and {map_b.level}."
        )
    has_it = [m.find(key) is not None for m in (map_a, map_b)]
    if not any(has_it):
        raise UnknownKey(key, map_a.closest_keys(key), map_a.why_absent(key))
    if not all(has_it):
        here, not_here = (map_a, map_b) if has_it[0] else (map_b, map_a)
        raise MapError(
            f"{key} is in the map of {_in_words(here)} but not in that of {_in_words(not_here)}, "
            "so there is nothing to compare."
        )


def _in_words(phenomap: Entries) -> str:
    align = phenomap.align if phenomap.align != "none" else "not aligned"
    return f"{phenomap.embedding} ({align})"


def _without_order(key: str, near_a: Array, near_b: Array) -> tuple[str, ...]:
    """Say in which map nothing is nearer than the rest: the controls have no direction."""
    alike = [
        name for name, near in (("A", near_a), ("B", near_b)) if len(near) and not np.ptp(near)
    ]
    if not alike:
        return ()
    where = " and in ".join(alike)
    return (f"In {where} all entries are equally near to {key}, so that their order says nothing.",)


def _only_in_one(n_only_a: int, n_only_b: int) -> tuple[str, ...]:
    lone = [f"{n:,} are only in {name}" for n, name in ((n_only_a, "A"), (n_only_b, "B")) if n]
    if not lone:
        return ()
    return (f"Of the entries searched, {' and '.join(lone)}; the rank correlation is without.",)

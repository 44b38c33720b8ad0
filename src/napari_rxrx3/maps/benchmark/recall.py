"""How many of the pairs that are known to belong together a map finds again.

Source: Celik et al. 2024, "Building, benchmarking, and exploring perturbative maps of
transcriptional and morphological data" (PLOS Computational Biology 20(10): e1012463), as
implemented in recursionpharma/EFAAR_benchmarking; for RxRx3-core with the entries of Kraus et al.
2025 (arXiv 2503.20158).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.benchmark.known import distinct_pairs

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = [
    "DOSES",
    "RecallResult",
    "benchmark_in_words",
    "benchmark_rows",
    "directions",
    "pair_recall",
    "pair_recalls",
]

Array = np.ndarray[Any, Any]
Thresholds = Sequence[tuple[float, float]]

DOSES = (0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
"""Concentrations (uM) of RxRx3 that the benchmark counts; a few wells have others."""

_THRESHOLDS = ((0.05, 0.95), (0.1, 0.9))


@dataclass(frozen=True)
class RecallResult:
    """How many known pairs are among the most and the least similar of all pairs.

    Attributes
    ----------
    n_entries : int
        Entries of the map that count, see `benchmark_rows`.
    n_null : int
        Pairs of different entries: what the known ones are ranked among.
    n_known : int
        Different known pairs.
    n_pairs : int
        Those of them whose both ends are in the map.
    recalls : mapping of (low, high) to float
        Share of `n_pairs` whose rank is at most `low` or at least `high`. For pairs picked by
        chance it is low + 1 - high.
    """

    n_entries: int
    n_null: int
    n_known: int
    n_pairs: int
    recalls: Mapping[tuple[float, float], float]

    @property
    def n_absent(self) -> int:
        """Known pairs with an end that is not in the map."""
        return self.n_known - self.n_pairs

    def as_dict(self) -> dict[str, int | float]:
        """All numbers by name, e.g. for JSON; the recalls as ``recall_0.05_0.95``."""
        counts = ("n_entries", "n_null", "n_known", "n_pairs", "n_absent")
        recalls = {f"recall_{low:g}_{high:g}": r for (low, high), r in self.recalls.items()}
        return {**{name: getattr(self, name) for name in counts}, **recalls}


def benchmark_rows(labels: pd.DataFrame) -> Array:
    """Which entries of a map the benchmarks count: bool (n,).

    All but compounds at a concentration that is none of `DOSES`; controls of compound plates are
    in no map. Of RxRx3-core that leaves 14,090 entries, hence 99,257,005 pairs.
    """
    concentration = labels["concentration"]
    counts = concentration.isna() | concentration.isin(DOSES)
    return np.asarray(counts, dtype=bool)


def pair_recall(
    phenomap: Entries,
    pairs: pd.DataFrame,
    thresholds: Thresholds = _THRESHOLDS,
    progress: Progress | None = None,
) -> RecallResult:
    """Rank known pairs among all pairs of entries by their cosine.

    The rank of a known pair is the share of all pairs below it, counted exactly. With q for its
    cosine and n for the number of all pairs, it is found again if (pairs with a cosine <= q) / n
    <= low, or (pairs with a cosine < q) / n >= high.

    Parameters
    ----------
    phenomap : Entries
        At any level but "well".
    pairs : pandas.DataFrame
        entity1, entity2, as from `read_pairs`: gene symbols or other keys of the map.
    thresholds : sequence of (low, high)
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    MapError
        If no known pair has both ends in the map.
    """
    return pair_recalls(phenomap, {"": pairs}, thresholds, progress)[""]


def pair_recalls(
    phenomap: Entries,
    tables: Mapping[str, pd.DataFrame],
    thresholds: Thresholds = _THRESHOLDS,
    progress: Progress | None = None,
) -> dict[str, RecallResult]:
    """Like `pair_recall`, for several tables of pairs in one pass over the map.

    Raises
    ------
    MapError
        If a table has no pair with both ends in the map; the table is named.
    """
    names, units = _entries(phenomap)
    known = {title: distinct_pairs(_pairs(table)) for title, table in tables.items()}
    ends = [_ends(pairs, names, title) for title, pairs in known.items()]
    n_null = len(names) * (len(names) - 1) // 2
    ranks = _count(units, np.concatenate(ends), progress) / n_null
    parts = np.split(ranks, np.cumsum([len(rows) for rows in ends])[:-1], axis=1)
    return {
        title: RecallResult(
            len(names), n_null, len(pairs), part.shape[1], _recalls(part[0], part[1], thresholds)
        )
        for (title, pairs), part in zip(known.items(), parts, strict=True)
    }


def _recalls(
    below: Array, at_most: Array, thresholds: Thresholds
) -> dict[tuple[float, float], float]:
    return {
        (low, high): float(np.mean((at_most <= low) | (below >= high)))
        for low, high in map(sorted, thresholds)
    }


def _entries(phenomap: Entries) -> tuple[pd.Index, Array]:
    """Entries that count: what a table of pairs calls them, and their directions.

    Genes are called by their symbol, all others by their key.
    """
    if phenomap.level == "well":
        raise MapError("The benchmark wants a map of perturbations, not one of single wells.")
    counted = np.flatnonzero(benchmark_rows(phenomap.labels))
    labels = phenomap.labels.iloc[counted]
    is_gene = labels["perturbation_type"] == "CRISPR"
    names = labels["treatment"].where(is_gene, labels.index.to_series())
    return pd.Index(names), directions(phenomap, counted)


def _pairs(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    table = table.dropna(subset=["entity1", "entity2"])
    return zip(table["entity1"].tolist(), table["entity2"].tolist(), strict=True)


def _ends(pairs: pd.DataFrame, names: pd.Index, title: str) -> Array:
    """Rows of both ends, the smaller first, of the pairs that are in the map: int (k, 2)."""
    rows = np.column_stack([names.get_indexer(pairs[c]) for c in ("entity1", "entity2")])
    rows = np.sort(rows[(rows >= 0).all(axis=1)], axis=1)
    if len(rows):
        return rows
    where = f" of {title}" if title else ""
    if pairs.empty:
        raise MapError(f"The table of pairs{where} has no pair of two different names.")
    first = " and ".join(pairs.iloc[0])[:80]
    raise MapError(f"None of the {len(pairs):,} pairs{where} is in this map, e.g. {first}.")


def directions(phenomap: Entries, rows: Array) -> Array:
    """Vectors of some entries at length one, float64 (k, d); zero where there is no direction."""
    vectors = phenomap.vectors[rows].astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    directed = phenomap.inverse_norms[rows, None] > 0
    return np.where(directed, vectors / np.where(directed, norms, 1), 0)


def _count(
    units: Array, pairs: Array, progress: Progress | None, strip_size: int = 4_000_000
) -> Array:
    """How many of all pairs have a cosine below, and at most, that of each known pair: (2, k).

    All cosines are made twice, strip by strip, and never kept: first to look up the known ones,
    then to count. So both come from the same products, and a pair ties with itself.
    """
    height = max(1, strip_size // len(units))
    strips = [(start, start + height) for start in range(0, len(units), height)]
    known = np.empty(len(pairs))
    counts = np.zeros((2, len(pairs)), dtype=np.int64)
    for step in range(2 * len(strips)):
        if progress is not None:
            progress(step, 2 * len(strips), "ranking the known pairs")
        start, stop = strips[step % len(strips)]
        strip = units[start:stop] @ units[start:].T
        if step < len(strips):
            here = np.flatnonzero((start <= pairs[:, 0]) & (pairs[:, 0] < stop))
            known[here] = strip[tuple(pairs[here].T - start)]
        else:
            counts += _below_and_at_most(_above_diagonal(strip), known)
    return counts


def _below_and_at_most(null: Array, known: Array) -> Array:
    null = np.sort(null)
    return np.stack([np.searchsorted(null, known, side) for side in ("left", "right")])


def _above_diagonal(strip: Array) -> Array:
    rows, columns = strip.shape
    above: Array = strip[np.arange(columns) > np.arange(rows)[:, None]]
    return above


_SAME = ("n_null", "n_entries")


def benchmark_in_words(result: dict[str, Any]) -> str:
    """Tables of the recall of known pairs and of the precision of known genes, if asked for."""
    parts = []
    if pairs := result.get("pairs"):
        parts += [
            f"Known pairs among all {pairs[0]['n_null']:,} pairs of {pairs[0]['n_entries']:,} "
            "entries (by chance: 0.1 and 0.2)",
            _table([{k: v for k, v in row.items() if k not in _SAME} for row in pairs]),
        ]
    if known := result.get("interactions"):
        parts += [
            f"Genes of {known['n_compounds']:,} compounds of {known['file']} (left out: "
            f"{known['n_absent']:,} not in the map, {known['n_without_active']:,} without an "
            f"active gene, {known['n_too_few']:,} with too few others)",
            _table(known["doses"]),
        ]
    return "\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> str:
    text: str = pd.DataFrame(rows).to_string(index=False, float_format="{:.4f}".format)
    return text

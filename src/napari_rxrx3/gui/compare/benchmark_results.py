"""How many of the known relationships a map recovers: computed in threads, and put in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_rxrx3.gui.results import Column, Row
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import MapSpec

if TYPE_CHECKING:  # what works it out is loaded by the thread that does
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.benchmark.compound_genes import PrecisionResult
    from napari_rxrx3.maps.benchmark.recall import RecallResult

__all__ = ["BenchmarkResult", "Outcome", "benchmarked"]


@dataclass(frozen=True)
class Outcome:
    """What came out, ready to be shown and saved."""

    sentence: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    frame: pd.DataFrame


@dataclass(frozen=True)
class BenchmarkResult:
    """An outcome, and what it is of; `note` says why the map is another one than asked for."""

    path: str
    asked: MapSpec
    spec: MapSpec
    note: str
    outcome: Outcome


def benchmarked(dataset: Dataset, spec: MapSpec, path: str, progress: Progress) -> BenchmarkResult:
    """Read a table and hold it against a map.

    Raises
    ------
    RxRx3Error
        If the table or the map is not fit for it; why is said.
    """
    from napari_rxrx3.maps.benchmark.compound_genes import compound_gene_precision
    from napari_rxrx3.maps.benchmark.known import kind_of_known, read_interactions, read_pairs
    from napari_rxrx3.maps.benchmark.recall import pair_recall

    if kind_of_known(path) == "pairs":
        pairs = read_pairs(path)
        phenomap, note = dataset.map_or_fallback(spec, progress)
        outcome = _of_pairs(pair_recall(phenomap, pairs, progress=progress))
    else:
        table = read_interactions(path)
        phenomap, note = dataset.map_or_fallback(spec, progress)
        outcome = _of_precision(compound_gene_precision(phenomap, table, progress=progress))
    return BenchmarkResult(path, spec, phenomap.spec, note, outcome)


def _of_pairs(found: RecallResult) -> Outcome:
    import pandas as pd

    counts = {"n_pairs": found.n_pairs, "n_known": found.n_known}
    counts |= {"n_entries": found.n_entries, "n_null": found.n_null}
    frame = pd.DataFrame(
        [
            {"low": low, "high": high, "recall": recall, "chance": low + 1 - high, **counts}
            for (low, high), recall in found.recalls.items()
        ]
    )
    columns = [
        Column(f"{100 * low:g}/{100 * high:g} %", _ENDS.format(100 * low, 100 * (1 - high)))
        for low, high in found.recalls
    ]
    rows = tuple(
        Row((name, *(form.format(value) for value in frame[column])), tip)
        for column, (name, form, tip) in _RECALL_ROWS.items()
    )
    first = Column("number", "What the numbers are: hover over one", False)
    return Outcome(_recall_in_words(found), (first, *columns), rows, frame)


_ENDS = "Counted are the {:g} % least alike and the {:g} % most alike of all pairs"
_RECALL_ROWS = {
    "recall": ("recall", "{:.3f}", "Share of the known pairs used that are counted"),
    "chance": ("recall by chance", "{:.2f}", "The recall of pairs picked at random"),
    "n_pairs": (
        "known pairs used",
        "{:,}",
        "Different pairs of the file with both names in the map",
    ),
    "n_known": ("known pairs in the file", "{:,}", "Different pairs of the file"),
    "n_entries": (
        "entries of the map",
        "{:,}",
        "All but compounds at a dose that is none of the eight usual ones",
    ),
    "n_null": (
        "all pairs",
        "{:,}",
        "All pairs of different entries, which the known ones are ranked among",
    ),
}


def _recall_in_words(found: RecallResult) -> str:
    (low, high), recall = next(iter(found.recalls.items()))
    return (
        f"{round(recall * found.n_pairs):,} of the {found.n_pairs:,} known pairs in this map "
        f"({100 * recall:.0f} %) are among the {100 * (1 - high):g} % most alike or the "
        f"{100 * low:g} % least alike of all pairs; of pairs picked at random, "
        f"{100 * (low + 1 - high):g} % would be."
    )


_PRECISION_COLUMNS = (
    Column("µM", "Dose; max: the largest likeness over all doses", False),
    Column("cpds", "Compounds with this dose in the map"),
    Column(
        "precision",
        "Average precision: 1 if the genes that a compound acts on come before all others, when "
        "genes are ranked by their likeness (the cosine without its sign) to it",
    ),
    Column("chance", "The average precision of a random order"),
    Column(
        "AUC",
        "Area under the ROC curve: how often a gene that the compound acts on comes before one "
        "that it does not act on; 0.5 in a random order",
    ),
)


def _of_precision(found: PrecisionResult) -> Outcome:
    rows = tuple(
        Row(
            (
                str(row.Index),
                f"{row.n_compounds:,}",
                f"{row.average_precision:.3f}",
                f"{row.baseline_average_precision:.3f}",
                f"{row.auc_roc:.3f}",
            )
        )
        for row in found.doses.itertuples()
    )
    frame = found.doses.reset_index()
    return Outcome(_precision_in_words(found), _PRECISION_COLUMNS, rows, frame)


def _precision_in_words(found: PrecisionResult) -> str:
    best = found.doses.iloc[-1]
    left_out = {
        "not in this map": found.n_absent,
        "without an active gene in it": found.n_without_active,
        "with too few other genes": found.n_too_few,
    }
    others = ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)
    sentence = (
        f"The genes that {found.n_compounds:,} compounds act on are ranked among others with an "
        f"average precision of {best['average_precision']:.2f} (max over the doses); in a random "
        f"order it would be {best['baseline_average_precision']:.2f}."
    )
    return f"{sentence} Compounds left out: {others}." if others else sentence

"""The answers of two maps to the same question: computed in threads, and put in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.words import decimals, name_with_dose
from napari_rxrx3.gui.compare.map_choice import map_in_words
from napari_rxrx3.gui.results import Column, Row
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import NEIGHBOR_KINDS, MapSpec

if TYPE_CHECKING:  # what makes maps is loaded by the threads that make them
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.compare.lists import Comparison
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = [
    "TwoAnswers",
    "TwoMaps",
    "as_frame",
    "columns_of",
    "compared",
    "explained",
    "in_words",
    "rows_of",
]

PictureOf = Callable[[np.ndarray], str | None]

_K = 20


@dataclass(frozen=True)
class TwoMaps:
    """A question to two maps; `kind` is a key of `napari_rxrx3.maps.spec.NEIGHBOR_KINDS`."""

    key: str
    metric: str
    opposite: bool
    kind: str
    a: MapSpec
    b: MapSpec


@dataclass(frozen=True)
class TwoAnswers:
    """What the maps say; `a` and `b` are the maps that were asked in the end.

    `names` and `wells` belong to the rows of the comparison's table, `name` is the query's.
    """

    question: TwoMaps
    comparison: Comparison
    a: MapSpec
    b: MapSpec
    name: str
    names: list[str]
    wells: list[str | None]
    notes: tuple[str, ...]


def compared(
    dataset: Dataset,
    question: TwoMaps,
    well: str | None,
    picture_of: PictureOf,
    progress: Progress,
) -> TwoAnswers:
    """Make both maps, or those without alignment in their place, and compare their lists.

    Raises
    ------
    RxRx3Error
        If there is nothing to compare; why is said.
    """
    from napari_rxrx3.maps.compare.lists import compare_lists

    map_a, note_a = dataset.map_or_fallback(question.a, progress)
    map_b, note_b = dataset.map_or_fallback(question.b, progress)
    notes = tuple(f"{name}: {note}" for name, note in (("A", note_a), ("B", note_b)) if note)
    if map_a.spec == map_b.spec:
        raise MapError(" ".join([*notes, "So A and B come out as the same map."]))
    key = question.key
    if well is not None and not any(m.find(key) is not None for m in (map_a, map_b)):
        key = map_a.key_of_well(well) or key
    kind = NEIGHBOR_KINDS[question.kind]
    found = compare_lists(map_a, map_b, key, _K, question.metric, question.opposite, kind)
    names, wells = [], []
    for entry in found.table["key"]:
        phenomap = map_a if map_a.find(entry) is not None else map_b
        names.append(_name(phenomap, entry))
        wells.append(picture_of(phenomap.positions_of(phenomap.row(entry))))
    name = _name(map_a, key)
    return TwoAnswers(question, found, map_a.spec, map_b.spec, name, names, wells, notes)


def _name(phenomap: PhenoMap, key: str) -> str:
    label = phenomap.labels.iloc[phenomap.row(key)]
    treatment, dose = label["treatment"], label["concentration"]
    if not isinstance(treatment, str):
        return key
    name = name_with_dose(treatment, dose)
    return f"{name} ({key})" if phenomap.level == "well" else name


def in_words(answer: TwoAnswers) -> str:
    """How far the two lists agree, in a sentence."""
    found, question = answer.comparison, answer.question
    which = "most opposite to" if question.opposite else "nearest to"
    kind = f"{question.kind} " if NEIGHBOR_KINDS[question.kind] else ""
    shared = {0: "none is the same", 1: "1 is the same"}.get(
        found.overlap, f"{found.overlap} are the same"
    )
    over = f"over {found.n_common:,} entries"
    sentence = f"Of the {found.k} {kind}{which} {answer.name}, {shared}"
    if found.spearman != found.spearman:
        return " ".join([f"{sentence}; there is no rank correlation {over}.", *found.notes])
    return f"{sentence}; rank correlation {over}: {decimals(found.spearman)}."


def explained(answer: TwoAnswers) -> str:
    """Which maps these are and what the numbers mean, a line each."""
    found = answer.comparison
    by_chance = found.k**2 / max(1, found.n_common)
    return "\n".join(
        [
            f"A: {map_in_words(answer.a)}",
            f"B: {map_in_words(answer.b)}",
            f"{found.overlap} entries are among the first {found.k} of both lists; two lists in "
            f"random order would share about {by_chance:.2g}.",
            "The rank correlation (Spearman) is 1 if both maps put all entries in the same order "
            "and 0 if their orders have nothing to do with each other. Most entries have little "
            "to do with the query and their order is chance, so it can be low although the first "
            "ones agree.",
            *found.notes,
        ]
    )


def columns_of(answer: TwoAnswers) -> tuple[Column, ...]:
    cosine = answer.question.metric == "cosine"
    value = "Cosine" if cosine else "Distance"
    first = f"first {answer.comparison.k}"
    return (
        Column("name", "Gene or compound, by its mean rank in A and B", False),
        Column("in", f"Among the {first} of both lists (A+B), or of one only, in italics", False),
        Column("rank A", "Rank among all entries of map A"),
        Column("rank B", "Rank among all entries of map B"),
        Column("cos A" if cosine else "dist A", f"{value} in map A"),
        Column("cos B" if cosine else "dist B", f"{value} in map B"),
    )


def rows_of(answer: TwoAnswers) -> list[Row]:
    found = answer.comparison
    rows = []
    for entry, name, well in zip(
        found.table.itertuples(index=False), answer.names, answer.wells, strict=True
    ):
        inside = [n for n, r in (("A", entry.rank_a), ("B", entry.rank_b)) if r <= found.k]
        ranks = (_rank(entry.rank_a), _rank(entry.rank_b))
        texts = (name, "+".join(inside), *ranks, _value(entry.value_a), _value(entry.value_b))
        rows.append(Row(texts, _tip(entry, well), len(inside) < 2))
    return rows


def _tip(entry: Any, well: str | None) -> str:
    absent = [n for n, r in (("A", entry.rank_a), ("B", entry.rank_b)) if r != r]
    lines = [entry.key, *(f"not in map {name}" for name in absent)]
    return "\n".join([*lines, f"shown: well {well}" if well else "no image of it is here"])


def _rank(rank: float) -> str:
    return "–" if rank != rank else f"{rank:,.0f}"


def _value(value: float) -> str:
    return "–" if value != value else decimals(value)


def as_frame(answer: TwoAnswers) -> pd.DataFrame:
    """The rows as a table, with the question and what came out in each of them."""
    found, question = answer.comparison, answer.question
    frame = found.table.astype({"rank_a": "Int64", "rank_b": "Int64"})
    asked = {
        "query": found.key,
        "metric": question.metric,
        "opposite": question.opposite,
        "kind": question.kind,
        **{f"{name}_a": value for name, value in asdict(answer.a).items()},
        **{f"{name}_b": value for name, value in asdict(answer.b).items()},
        "k": found.k,
        "overlap": found.overlap,
        "n_common": found.n_common,
        "spearman": found.spearman,
    }
    frame.insert(1, "name", answer.names)
    return frame.assign(**asked)

"""Answers to the questions of the neighbors panel, made in threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.card import Card, card_of, scored_card
from napari_rxrx3.maps.neighbors import (
    Neighbor,
    judge_neighbors,
    list_neighbors,
    score_neighbors,
)
from napari_rxrx3.maps.spec import Query, spec_of

if TYPE_CHECKING:  # what makes maps is loaded by the threads that make them
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["Answer", "as_rows", "counted", "first_answer", "in_words", "judged"]


PictureOf = Callable[[np.ndarray], str | None]


@dataclass(frozen=True)
class Answer:
    """What the map says; `note` is why it is not what was asked for.

    `well` is one to show for the query; `is_judged` says that the neighbors were compared with
    chance, `is_scored` that they and the card hold all that takes longer to compute. Cells are
    those of `field`.
    """

    query: Query
    key: str
    phenomap: PhenoMap
    neighbors: list[Neighbor]
    card: Card | None
    note: str = ""
    n_wells: int = 0
    well: str | None = None
    is_judged: bool = False
    is_scored: bool = False
    field: int = 1

    @property
    def is_other_map(self) -> bool:
        """The map is aligned in another way than asked for."""
        return self.phenomap.align != self.query.align


def first_answer(
    dataset: Dataset, query: Query, picture_of: PictureOf, progress: Progress
) -> Answer:
    """The neighbors without anything that takes long."""
    phenomap, note = dataset.map_or_fallback(spec_of(query), progress)
    key = query.key
    if phenomap.find(key) is None and query.well is not None:
        known = phenomap.key_of_well(query.well)
        if known is None:
            return Answer(query, key, phenomap, [], None, _why_not_in_map(dataset, query))
        key = known
    wells = phenomap.positions_of(phenomap.row(key))
    neighbors = list_neighbors(phenomap, replace(query, key=key), picture_of, progress)
    if not neighbors and len(phenomap.labels) > 1:
        note = note or _why_empty(query.order, key)
    card = card_of(dataset, phenomap, key, wells)
    return Answer(query, key, phenomap, neighbors, card, note, len(wells), picture_of(wells))


def judged(answer: Answer, picture_of: PictureOf, progress: Progress) -> Answer:
    """The same answer with what says how far to trust it, as far as that is known by now.

    It is compared with chance once; what takes the scores of the map is added when there are some.
    """
    phenomap, neighbors, card = answer.phenomap, answer.neighbors, answer.card
    if card is None:
        return replace(answer, is_judged=True, is_scored=_is_scored(phenomap))
    if not answer.is_judged:
        query = replace(answer.query, key=answer.key)
        neighbors = judge_neighbors(phenomap, query, neighbors, progress)
    if is_scored := _is_scored(phenomap):
        neighbors = score_neighbors(phenomap, neighbors, progress)
        card = scored_card(card, phenomap, answer.key)
    field = phenomap.dataset.field
    neighbors = counted(answer.key, phenomap, _pictured(phenomap, neighbors, picture_of), progress)
    known = {"neighbors": neighbors, "card": card, "field": field}
    return replace(answer, **known, is_judged=True, is_scored=is_scored)


def _is_scored(phenomap: PhenoMap) -> bool:
    """Whether all that takes long is there without any wait."""
    return phenomap.score_store.is_ready and phenomap.doses.is_ready


def counted(
    key: str, phenomap: PhenoMap, neighbors: list[Neighbor], progress: Progress
) -> list[Neighbor]:
    """The same list with what is known of cell counts; no image is read for it."""
    from napari_rxrx3.maps.evidence.cell_count import with_cell_count

    measured = phenomap.dataset.measured
    listed = with_cell_count(phenomap, key, neighbors, measured.counts(progress), progress)
    shown = [each.well for each in listed if each.well is not None]
    of_well = measured.of_wells(list(dict.fromkeys(shown)))[["n_nuclei", "focus", "saturation"]]
    rows = of_well.to_dict("index")
    return [replace(each, **rows.get(each.well, {})) for each in listed]


def _why_empty(order: str, key: str) -> str:
    if order == "across experiments":
        return f"{key} and the others are in no two experiments that could be compared across."
    if order == "active":
        return "Nothing in this map is active: no wells differ from their controls for certain."
    if order == "clearest dose response":
        return "No compound of this map has an effect that grows with its dose for certain."
    if order in ("similar", "opposite"):
        return ""
    return f"No entry of this map can be ordered by {order}: too few wells each."


def _pictured(
    phenomap: PhenoMap, neighbors: list[Neighbor], picture_of: PictureOf
) -> list[Neighbor]:
    """The same list, by wells of the experiment that is on screen by now."""
    rows = phenomap.rows_of([neighbor.key for neighbor in neighbors]).tolist()
    return [
        replace(neighbor, well=picture_of(phenomap.positions_of(row)))
        for neighbor, row in zip(neighbors, rows, strict=True)
    ]


def in_words(answer: Answer) -> str:
    """What is not as asked for; empty as a rule."""
    return "\n".join(line for line in (answer.note, *answer.phenomap.notes) if line)


def as_rows(answer: Answer) -> list[dict[str, object]]:
    """The list as rows of a table, with the question in each of them."""
    phenomap, query = answer.phenomap, answer.query
    question = {
        "query": answer.key,
        "order": query.order,
        "metric": query.metric,
        "field": answer.field,
        **asdict(phenomap.spec),
    }
    rows = []
    for neighbor in answer.neighbors:
        row = asdict(neighbor) | {"flags": "; ".join(neighbor.flags)}
        if not answer.is_scored:  # no flag would read as no doubt
            row["flags"] = "not checked yet"
        rows.append({**row, **question})
    return rows


def _why_not_in_map(dataset: Dataset, query: Query) -> str:
    row = dataset.row(query.well or "")
    if isinstance(row["treatment"], str) and "_control" in row["treatment"]:
        return "Controls of compound plates are not in this map: compare by well to see them."
    if row["has_embedding"]:
        return f"{query.key} is not in this map."
    return f"{query.key} has no vector, so it has no neighbors."

"""The chosen set of entries: its wells, the typical ones, and its table; computed in threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.words import count
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.dose_response.numbers import beside
from napari_rxrx3.maps.spec import MapSpec

if TYPE_CHECKING:  # what makes maps is loaded by the threads that make them
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.spec import Query

__all__ = ["MOST_WELLS", "Chosen", "ChosenWells", "find_wells", "table_of", "typical_wells"]

Array = np.ndarray[Any, Any]
PictureOf = Callable[[Array], str | None]

MOST_WELLS = 60
"""Wells that are shown side by side at most."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Entries of a map: their keys, what they are, and which map it is."""

    keys: tuple[str, ...]
    title: str
    spec: MapSpec

    def rows(self, dataset: Dataset, progress: Progress) -> tuple[PhenoMap, Array]:
        """The map, and the rows of those entries that it has."""
        phenomap = dataset.map_or_fallback(self.spec, progress)[0]
        rows = phenomap.rows_of(self.keys)
        return phenomap, rows[rows >= 0]


@dataclass(frozen=True, eq=False)
class ChosenWells:
    """All wells of a chosen set, by their places in the table of wells, ascending."""

    dataset: Dataset
    positions: Array

    @property
    def words(self) -> str:
        return f"{count(len(self.positions), 'well')} of what is chosen on the map"

    def on(self, plate: PlateId | None) -> list[str]:
        """Ids of those on one plate."""
        here = self.dataset.listed.slices.get(plate) if plate is not None else None
        if here is None:
            return []
        first, last = np.searchsorted(self.positions, [here.start, here.stop])
        return [str(i) for i in self.dataset.known_wells.index[self.positions[first:last]]]

    def everywhere(self) -> list[str]:
        """Ids of all of them."""
        return [str(i) for i in self.dataset.known_wells.index[self.positions]]


def find_wells(dataset: Dataset, chosen: Chosen, progress: Progress) -> ChosenWells:
    """All wells that the entries of a set were made of."""
    phenomap, rows = chosen.rows(dataset, progress)
    is_chosen = np.zeros(len(phenomap.labels), dtype=bool)
    is_chosen[rows] = True
    positions = phenomap.member_positions[is_chosen[phenomap.member_entry]]
    return ChosenWells(dataset, np.sort(positions))


def typical_wells(
    dataset: Dataset, chosen: Chosen, picture_of: PictureOf, progress: Progress
) -> list[str]:
    """A well with an image of each entry, the entries nearest to the middle of the set first."""
    phenomap, rows = chosen.rows(dataset, progress)
    directions = phenomap.vectors[rows] * phenomap.inverse_norms[rows, None]
    nearness = directions @ directions.mean(axis=0) if len(rows) else np.zeros(0)
    wells: list[str] = []
    for done, row in enumerate(rows[np.argsort(-nearness, kind="stable")]):
        progress(done, len(rows), "looking for images of the chosen set")
        well = picture_of(phenomap.positions_of(int(row)))
        wells += [well] if well is not None else []
        if len(wells) == MOST_WELLS:
            break
    return wells


_SCORES = (
    *("activity", "activity_p", "activity_q", "is_active"),
    *("effect", "strength_p", "consistency", "consistency_p"),
)
"""Scores that are told with the set, where the map is scored."""


def table_of(dataset: Dataset, chosen: Chosen, query: Query, progress: Progress) -> pd.DataFrame:
    """The entries of a set, a row each, with what is known of them and which map they are of."""
    phenomap, rows = chosen.rows(dataset, progress)
    table = phenomap.labels.iloc[rows].rename_axis("key").reset_index()
    asked = phenomap.find(query.key)
    if asked is not None:
        table[f"cosine to {query.key}"] = phenomap.closeness(asked, "cosine")[rows]
    if phenomap.score_store.is_ready:
        scores = phenomap.scores
        for name in _SCORES:
            table[name] = scores[name].to_numpy()[rows]
    if phenomap.doses.is_ready and (table["perturbation_type"] == "COMPOUND").any():
        table = table.join(beside(table, phenomap.doses.store.get()))
    return table.assign(chosen=chosen.title, **asdict(phenomap.spec))

"""What is listed as candidates: neighbors of the map, or wells that belong to the query's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import decimals, name_with_dose
from napari_rxrx3.gui.neighbors.candidates import Candidate
from napari_rxrx3.gui.neighbors.neighbor_table import about, small, small_percent
from napari_rxrx3.maps.dose_response.words import acts_from
from napari_rxrx3.maps.spec import NEIGHBOR_ORDERS, Query
from napari_rxrx3.strips.strip import QUERY, Strip

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.neighbors import Neighbor

__all__ = ["LISTS", "WELLS", "tagged", "well_candidates", "with_neighbors"]

WELLS = {
    "replicates": ("replicates", "The other wells that received the same"),
    "series": ("guides or doses", "All guides of the gene, or all doses of the compound"),
    "position": ("same position", "The wells at the same place of other plates"),
    "wells": ("selected wells", "The wells that are selected on the plate"),
    "found": ("what was found", "The wells that were searched for, or chosen on the map"),
}
"""Lists of single wells: what they are called, and are."""

LISTS = NEIGHBOR_ORDERS | WELLS
"""All lists; the first ones are those that the map answers, by the order of its `Query`."""
_MOST_FOUND = 2_000


def with_neighbors(neighbors: Sequence[Neighbor], value_name: str) -> list[Candidate]:
    """Candidates for the answer of a map, as far as it is known."""
    return [_of_neighbor(neighbor, value_name) for neighbor in neighbors]


def _of_neighbor(neighbor: Neighbor, value_name: str) -> Candidate:
    numbers = [f"{value_name} {decimals(neighbor.value)}"]
    if not isnan(neighbor.q_value):
        numbers.append(f"q {small(neighbor.q_value)}")
    if not isnan(neighbor.across_rank):
        numbers.append(small_percent(neighbor.across_rank))
    if neighbor.other_doses:
        numbers.append(f"+{neighbor.other_doses}")
    doubts: tuple[str, ...] = ()
    if neighbor.flags:
        from napari_rxrx3.maps.evidence.doubts import DOUBTS  # loaded by then

        doubts = tuple(f"{name}: {DOUBTS[name]}" for name in neighbor.flags)
    return Candidate(
        neighbor.rank,
        neighbor.key,
        name_with_dose(neighbor.name, neighbor.dose),
        neighbor.well,
        ("  ".join(numbers), *_of_doses(neighbor)),
        doubts,
        about=tuple(about(neighbor)),
    )


def _of_doses(neighbor: Neighbor) -> tuple[str, ...]:
    """A line about the doses of a compound, which keeps its room until it is known."""
    if neighbor.kind != "COMPOUND":
        return ()
    acts = acts_from(neighbor.trend_q, neighbor.lowest_active_dose)
    return (acts or ("–" if neighbor.dose_response else "…"),)


def well_candidates(
    kind: str,
    dataset: Dataset,
    well: str,
    query: Query,
    wells: Sequence[str],
    progress: Progress,
) -> tuple[list[Candidate], str]:
    """Candidates of one of the lists of `WELLS`, and what is to be said of it.

    Parameters
    ----------
    wells : sequence of str
        Those of the lists "wells" and "found".

    Raises
    ------
    RxRx3Error
        If there is nothing to list.
    """
    from napari_rxrx3.strips import arrange

    if kind == "series":
        kind = "doses" if dataset.row(well)["well_type"] == "compound" else "guides"
    if kind == "found":
        kind, wells = "wells", wells[:_MOST_FOUND]
    strip = arrange(kind, dataset, well, query=query, wells=wells, progress=progress)
    return _of_strip(strip, well), strip.note


def _of_strip(strip: Strip, well: str) -> list[Candidate]:
    shown = [tile for tile in strip.tiles if tile.well_id != well and tile.role != QUERY]
    candidates = []
    for rank, tile in enumerate(shown, start=1):
        name, *lines = tile.label.split("\n")
        key = tile.well_id or f"{rank}: {tile.label}"
        candidates.append(Candidate(rank, key, name, tile.well_id, (" ".join(lines),)))
    return candidates


def tagged(candidates: Sequence[Candidate], tags: Mapping[str, int]) -> list[Candidate]:
    """The same candidates with the tags of their wells.

    Parameters
    ----------
    tags : mapping
        Well id -> number of its tag.
    """
    return [replace(each, tag=tags.get(each.well or "", 0)) for each in candidates]

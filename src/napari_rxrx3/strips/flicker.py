"""The query and its control in each other's place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.strips.strip import CONTROL, QUERY
from napari_rxrx3.strips.wells import nearest_controls

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["swapped"]


def swapped(dataset: Dataset, tiles: tuple[Tile, ...]) -> tuple[Tile, ...] | None:
    """Let the query and a control change places; None if there is nothing to change.

    The first tile counts as the query where none is said to be it. Where no control is among the
    tiles, the one that is nearest to the query on its plate takes the query's place.
    """
    at = next((i for i, tile in enumerate(tiles) if tile.role == QUERY), 0)
    query = tiles[at] if tiles else None
    if query is None or query.well_id is None:
        return None
    other = next((i for i, t in enumerate(tiles) if t.role == CONTROL and t.well_id), None)
    changed = list(tiles)
    if other is not None:
        control = tiles[other]
        changed[other] = replace(query, row=control.row, column=control.column)
        changed[at] = replace(control, row=query.row, column=query.column)
        return tuple(changed)
    for well in nearest_controls(dataset, query.well_id)[:1]:
        label = f"control, {dataset.row(well)['address']}"
        changed[at] = replace(query, well_id=well, label=label, role=CONTROL)
        return tuple(changed)
    return None

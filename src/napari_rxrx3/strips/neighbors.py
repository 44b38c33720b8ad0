"""A query beside what is most like it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.core.errors import UnknownKey
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.words import (
    control_label,
    key_in_words,
    name_of_well,
    name_with_dose,
)
from napari_rxrx3.maps.neighbors import Neighbor, list_neighbors
from napari_rxrx3.maps.spec import Query, spec_of
from napari_rxrx3.strips.request import StripRequest
from napari_rxrx3.strips.strip import CONTROL, NEIGHBOR, QUERY, NothingToCompare, Strip
from napari_rxrx3.strips.wells import nearest_controls, picture_of, plate_of

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["beside_control", "beside_query", "beside_well", "neighbor_strip"]

_SHOWN, _ASKED = 6, 30


def beside_control(dataset: Dataset, well: str, turn: int = 0) -> Strip | None:
    """A well beside a control of its plate, the nearest first; None if it has none with an image.

    Raises
    ------
    UnknownWell
    """
    controls = nearest_controls(dataset, well)
    if not controls:
        return None
    name, chosen = name_of_well(dataset.row(well)), turn % len(controls)
    control = dataset.row(controls[chosen])
    return Strip(
        "control",
        f"{name} and control",
        (
            Tile(well, f"{name}\n{dataset.row(well)['address']}", role=QUERY),
            Tile(controls[chosen], f"{control_label(control)}\n{control['address']}", role=CONTROL),
        ),
        note=f"Control {chosen + 1} of {len(controls)} on this plate, the nearest first.",
    )


def beside_query(dataset: Dataset, query: Query, key: str, well: str | None) -> Strip:
    """The query's well beside the well of one neighbor."""
    neighbor = Tile(well, f"neighbor: {key_in_words(key)}", role=NEIGHBOR)
    if query.well is None:
        label = f"query: {key_in_words(query.key)} (no image of it is here)"
        first = Tile(None, label, role=QUERY)
    else:
        first = Tile(query.well, f"query: {name_of_well(dataset.row(query.well))}", role=QUERY)
    title = f"{key_in_words(query.key)} and {key_in_words(key)}"
    return Strip("neighbors", title, (first, neighbor))


def beside_well(dataset: Dataset, well: str, other: str, label: str) -> Strip:
    """A well beside another one."""
    name, address = name_of_well(dataset.row(well)), dataset.row(well)["address"]
    title = f"{name} and {label.splitlines()[0]}"
    tiles = (Tile(well, f"{name}\n{address}", role=QUERY), Tile(other, label, role=NEIGHBOR))
    return Strip("wells", title, tiles)


def neighbor_strip(request: StripRequest) -> Strip:
    """The well, a control of its plate, and the first neighbors that can be seen."""
    key, note = request.query.key or request.name, ""
    if request.neighbors:
        shown = [_tile(request, k, well, "neighbor") for k, well in request.neighbors[:_SHOWN]]
    else:
        key, found, note = _neighbors(request)
        note = " ".join(filter(None, [_without_order(key, found), note]))
        seen = [n for n in found if n.well is not None][:_SHOWN]
        shown = [
            _tile(request, name_with_dose(n.name, n.dose), n.well, f"{n.rank}: {n.value:.2f}")
            for n in seen
        ]
        if not shown:
            raise NothingToCompare(f"No image of any neighbor of {key_in_words(key)} is here.")
        n_hidden = seen[-1].rank - len(seen)
        if n_hidden:
            left_out = f"{n_hidden} of the first {seen[-1].rank} neighbors have no image here."
            note = f"{note} {left_out}".strip()
    controls = request.controls_of([request.well_id])
    tiles = (request.tile(request.well_id), *controls, *shown)
    return Strip("neighbors", f"{key_in_words(key)} and its neighbors", tiles, note=note)


def _without_order(key: str, found: list[Neighbor]) -> str:
    """The controls of an aligned map have no direction: nothing is nearer to them."""
    if len(found) < 2 or np.ptp([neighbor.value for neighbor in found]) > 0:
        return ""
    return f"All entries are equally near to {key_in_words(key)}, so that their order says nothing."


def _tile(request: StripRequest, name: str, well: str | None, what: str) -> Tile:
    if well is None:
        return Tile(None, f"{name}\n{what}, no image here", role=NEIGHBOR)
    tile = request.tile(well, name, NEIGHBOR)
    return replace(tile, label=f"{tile.label}\n{what}")


def _neighbors(request: StripRequest) -> tuple[str, list[Neighbor], str]:
    """What is most like the query, under which key it was asked for, and what to know of it."""
    dataset, query = request.dataset, request.query
    phenomap, note = dataset.map_or_fallback(spec_of(query), request.progress)
    key = query.key
    if phenomap.find(key) is None:
        known = phenomap.key_of_well(request.well_id)
        if known is None:
            asked = key or str(request.row["treatment"])
            raise NothingToCompare(str(UnknownKey(asked, [], phenomap.why_absent(asked))))
        key = known
    experiment = plate_of(request.row).experiment
    pictured = partial(picture_of, dataset, experiment=experiment)
    question = replace(query, key=key, k=_ASKED)
    return key, list_neighbors(phenomap, question, pictured, request.progress), note

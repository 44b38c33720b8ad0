"""Which wells to show, and what they are called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.perturbation import EMPTY_CONTROL, compound_key, gene_of_guide
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.words import control_label
from napari_rxrx3.strips.strip import CONTROL, QUERY

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = [
    "best_plate",
    "key_of_well",
    "nearest_controls",
    "picture_of",
    "plate_of",
    "swapped",
    "typical_well",
    "well_to_land_on",
    "wells_around",
    "wells_gone_to_next",
]

Array = np.ndarray[Any, Any]

_MOST = 2_000
"""Vectors that are read to find a typical one: a control has hundreds of thousands."""


def key_of_well(row: pd.Series, level: str) -> str:
    """Key under which a map of some level holds a well's perturbation."""
    treatment = row["treatment"]
    if level == "well" or not isinstance(treatment, str):
        return str(row.name)
    if row["perturbation_type"] == "COMPOUND":
        return compound_key(treatment, np.nan if level == "compound" else row["concentration"])
    return treatment if level == "guide" else (gene_of_guide(treatment) or treatment)


def plate_of(row: pd.Series) -> PlateId:
    """The plate of a well."""
    return PlateId(str(row["experiment_name"]), int(row["plate"]))


def best_plate(dataset: Dataset) -> PlateId:
    """The first plate that has images, or the first of all."""
    plates = dataset.known_plates
    row = plates.iloc[int(np.argmax((plates["n_images"] > 0).to_numpy()))]
    return PlateId(row["experiment_name"], int(row["plate"]))


def well_to_land_on(dataset: Dataset, wells: pd.DataFrame, before: str | None) -> str:
    """Of the wells of a plate the one at the address of the well before, else the first image."""
    if before is not None:
        same = wells.index[wells["address"] == dataset.row(before)["address"]]
        if len(same):
            return str(same[0])
    with_image = wells.index[wells["has_image"]]
    return str(with_image[0] if len(with_image) else wells.index[0])


def nearest_controls(dataset: Dataset, well_id: str) -> list[str]:
    """The EMPTY_controls with an image on a well's plate, without the well, nearest first.

    Raises
    ------
    UnknownWell
    """
    row = dataset.row(well_id)
    wells = dataset.wells_of_plate(plate_of(row))
    controls = wells[(wells["treatment"] == EMPTY_CONTROL) & wells["has_image"]]
    controls = controls[controls.index != well_id]
    distance = np.hypot(controls["row"] - row["row"], controls["column"] - row["column"])
    return [str(controls.index[i]) for i in np.argsort(distance.to_numpy(), kind="stable")]


def wells_around(dataset: Dataset, well_id: str) -> list[str]:
    """The wells with an image above, below, left and right of a well on its plate.

    Raises
    ------
    UnknownWell
    """
    row = dataset.row(well_id)
    wells = dataset.wells_of_plate(plate_of(row))
    wells = wells[wells["has_image"]]
    distance = (wells["row"] - row["row"]).abs() + (wells["column"] - row["column"]).abs()
    return [str(well) for well in wells.index[(distance == 1).to_numpy()]]


def wells_gone_to_next(dataset: Dataset, well_id: str) -> list[str]:
    """The wells to which the next arrow key leads, and the controls that they are shown with."""
    near = wells_around(dataset, well_id)
    beside = (nearest_controls(dataset, each)[:1] for each in (well_id, *near))
    return list(dict.fromkeys([*near, *(control for found in beside for control in found)]))


def picture_of(dataset: Dataset, positions: Array, experiment: str | None) -> str | None:
    """The well to show for a perturbation: the first one with images, of an experiment if there
    is one.

    Wells of one experiment were stained together, so they can be compared by eye.

    Parameters
    ----------
    positions : int (n,)
        Places of the perturbation's wells in the table of wells, the best one first.
    """
    wells = dataset.known_wells  # a control has hundreds of thousands: take no rows
    pictured = positions[wells["has_image"].to_numpy()[positions]]
    if not len(pictured):
        return None
    chosen = 0
    if experiment is not None:
        experiments = wells["experiment_name"].array[pictured]
        chosen = int(np.argmax(experiments == experiment))
    return str(wells.index[pictured[chosen]])


def typical_well(
    dataset: Dataset,
    positions: Array,
    plate: PlateId | None = None,
    phenomap: PhenoMap | None = None,
) -> str:
    """The well to show for what was found: of those with an image, if any has one, a typical one.

    It is on a plate if one of them is there, else in the plate's experiment, else anywhere. By a
    map it is the most typical well of the strongest of its entries (a compound has one for each
    dose); else, of the wells with vectors, the one that is nearest to their mean; else the first.

    Parameters
    ----------
    positions : int (n,)
        Places in the table of wells, ascending; at least one.
    plate : PlateId, optional
        Where the wells had better be.
    """
    pictured = positions[dataset.known_wells["has_image"].to_numpy()[positions]]
    near = _nearest_place(dataset, pictured if len(pictured) else positions, plate)
    if len(near) > 1:
        near = _by_map(phenomap, near) if phenomap is not None else near
        near = near if len(near) == 1 else _by_vectors(dataset, near)
    return str(dataset.known_wells.index[near[0]])


def _nearest_place(dataset: Dataset, positions: Array, plate: PlateId | None) -> Array:
    """Those on the plate; if there are none, those of its experiment; if none, all."""
    if plate is None:
        return positions
    piece = dataset.listed.slices.get(plate, slice(0, 0))
    here = positions[(positions >= piece.start) & (positions < piece.stop)]
    if not len(here):
        experiments = dataset.known_wells["experiment_name"].array[positions]
        here = positions[np.asarray(experiments == plate.experiment, dtype=bool)]
    return here if len(here) else positions


def _by_map(phenomap: PhenoMap, positions: Array) -> Array:
    """The most typical well of the strongest entry, alone; all where each well is an entry."""
    entries = np.unique(phenomap.entry_of_position[positions])
    entries = entries[entries >= 0]
    if phenomap.level == "well" or not len(entries):
        return positions
    strongest = int(entries[np.argmax(phenomap.squared_norms[entries])])
    members = phenomap.positions_of(strongest)
    return np.asarray(members[np.isin(members, positions)][:1])


def _by_vectors(dataset: Dataset, positions: Array) -> Array:
    """The well whose vector is nearest to their mean, alone; all where nothing is read yet."""
    name = dataset.known_default if dataset.vectors_are_read else None
    if name is None:
        return positions
    known, rows = dataset.rows_of(name)
    positions = positions[:_MOST]
    places = np.minimum(np.searchsorted(known, positions), max(len(known) - 1, 0))
    has_vector = known[places] == positions if len(known) else np.zeros(len(positions), dtype=bool)
    if not has_vector.any():
        return positions
    vectors = dataset.embeddings[name].vectors[rows[places[has_vector]]].astype(np.float64)
    distance = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
    nearest = int(np.argmin(distance))
    one: Array = positions[has_vector][[nearest]]
    return one


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
        control = dataset.row(well)
        label = f"{control_label(control)}, {control['address']}"
        changed[at] = replace(query, well_id=well, label=label, role=CONTROL)
        return tuple(changed)
    return None

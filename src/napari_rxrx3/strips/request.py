"""What a strip is made of: the well, and everything that was asked about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import control_label, name_of_well
from napari_rxrx3.maps.spec import Query
from napari_rxrx3.strips.distances import FromControls, from_controls
from napari_rxrx3.strips.strip import CONTROL, QUERY
from napari_rxrx3.strips.wells import nearest_controls, plate_of

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset

__all__ = ["StripRequest"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class StripRequest:
    """A question for a strip; see `napari_rxrx3.strips.arrange`."""

    dataset: Dataset
    well_id: str
    query: Query
    wells: tuple[str, ...]
    neighbors: tuple[tuple[str, str | None], ...]
    turn: int
    title: str
    progress: Progress

    @cached_property
    def row(self) -> pd.Series:
        """Metadata of the well."""
        return self.dataset.row(self.well_id)

    @property
    def name(self) -> str:
        """What the well received."""
        return name_of_well(self.row)

    def tile(self, well_id: str, what: str | None = None, role: str = "") -> Tile:
        """A well, named by what it received, or by `what`, and by where it is."""
        row = self.dataset.row(well_id)
        role = QUERY if well_id == self.well_id else role
        return Tile(well_id, f"{what or name_of_well(row)}\n{self.place_of(row)}", role=role)

    def tile_at(self, position: int, what: str | None = None) -> Tile:
        """Like `tile`, of a place in the table of wells."""
        return self.tile(str(self.dataset.known_wells.index[position]), what)

    def controls_of(self, wells: Iterable[str]) -> list[Tile]:
        """For each well a control of its plate, the nearest that is not taken yet."""
        tiles: list[Tile] = []
        taken = {self.well_id}
        for well in wells:
            near = (c for c in nearest_controls(self.dataset, well) if c not in taken)
            control = next(near, None)
            if control is None:
                tiles.append(Tile(None, "control\nno more on this plate", role=CONTROL))
            else:
                taken.add(control)
                tiles.append(self.tile(control, control_label(self.dataset.row(control)), CONTROL))
        return tiles

    def place_of(self, row: pd.Series) -> str:
        """Where a well is, as far as that is not where the well of the request is."""
        own, plate = plate_of(self.row), plate_of(row)
        if plate == own:
            return str(row["address"])
        where = plate if plate.experiment != own.experiment else f"plate {plate.plate}"
        return f"{row['address']}, {where}"

    def from_controls(self, positions: Array) -> FromControls:
        """Distances of wells from the controls of their plates; see there."""
        query = self.query
        return from_controls(self.dataset, positions, query.embedding, query.control, self.progress)

    def where(self, **values: str | float) -> Array:
        """Places in the table of the wells that have some values in its columns: int (n,)."""
        wells = self.dataset.known_wells
        found = np.ones(len(wells), dtype=bool)
        for name, value in values.items():
            found &= (wells[name] == value).to_numpy(bool, na_value=False)
        return np.flatnonzero(found)

    def by_nearness(self, positions: Array) -> Array:
        """Places in the table in an order to show them: the well itself, then those with images,
        of these first the wells of its plate, then of its experiment.
        """
        wells = self.dataset.known_wells
        own, plate = self.dataset.listed.position_of(self.well_id), plate_of(self.row)
        is_near = np.array(wells["experiment_name"].array[positions] == plate.experiment, bool)
        is_same = is_near & (wells["plate"].to_numpy()[positions] == plate.plate)
        has_image = wells["has_image"].to_numpy(bool)[positions]
        order = np.lexsort((positions, ~is_near, ~is_same, ~has_image, positions != own))
        return np.asarray(positions[order])

    def pictured(self, positions: Array) -> Array:
        """Those that have an image, and the well itself, by nearness."""
        near = self.by_nearness(positions)
        own = self.dataset.listed.position_of(self.well_id)
        has_image = self.dataset.known_wells["has_image"].to_numpy(bool)[near]
        return np.asarray(near[has_image | (near == own)])

    def n_pictured(self, positions: Array) -> int:
        """How many of these have an image."""
        return int(self.dataset.known_wells["has_image"].to_numpy(bool)[positions].sum())

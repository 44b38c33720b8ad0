"""The wells of a data set in one order, and the quick ways to find some of them.

A pandas index of millions of texts takes a second and 250 MB when it is first asked, and lets
nothing else run meanwhile: no window may wait for that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.plate import N_COLUMNS, PlateId, WellId, parse_well_id
from napari_rxrx3.core.spelling import normal_well_id
from napari_rxrx3.data.images.catalog import ImageCatalog
from napari_rxrx3.data.wells.readings import normal_ids

__all__ = ["WellList", "count_by_plate", "has_image", "plate_slices"]

Array = np.ndarray[Any, Any]

_LOOKED_AT, _PLATES_ONE_BY_ONE = 4096, 64
_REMEMBERED = 32


class WellList:
    """Wells by id, in the order of experiment, plate, row and column.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a well, indexed by well_id.
    slices : dict
        Where each plate's wells are in it, in its order.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.slices = plate_slices(table)
        self._ids = pa.chunked_array([pa.array(table.index.array, pa.large_string())])
        self._asked: dict[str, int | None] = {}

    def __len__(self) -> int:
        return len(self.table)

    @property
    def ids(self) -> pa.ChunkedArray:
        """The ids of all wells."""
        return self._ids

    def position_of(self, well_id: str) -> int | None:
        """Where a well is in the table; None if it is not listed."""
        # a click asks for the same well several times, and must not wait for other threads
        asked = self._asked
        if well_id not in asked:
            kept = asked if len(asked) < _REMEMBERED else {}
            asked = self._asked = {**kept, well_id: self._look_up(well_id)}
        return asked[well_id]

    def _look_up(self, well_id: str) -> int | None:
        piece = self._plate_of(well_id)
        if piece is not None:
            found = self._find(well_id, piece)
            if found is not None:
                return found
        found = self._find(well_id, slice(0, len(self)))  # an id of another form
        normal = normal_well_id(well_id)
        return self._look_up(normal) if found is None and normal != well_id else found

    def positions_of(self, well_ids: Sequence[str] | pd.Index) -> Array:
        """Where some wells are in the table, int (n,); -1 where one is not listed."""
        asked = pa.array(list(well_ids), pa.large_string())
        place = np.full(len(asked), -1, dtype=np.intp)
        for piece in self._plates_among(asked.to_pylist()):
            found = _index_in(asked, self._ids[piece])
            place = np.where(found >= 0, found + piece.start, place)
        if (place >= 0).all():
            return place
        place = _index_in(asked, self._ids)
        if (place < 0).any():
            place = np.where(place < 0, _index_in(normal_ids(asked), self._ids), place)
        return place

    def place(self, position: int) -> WellId:
        """Experiment, plate, row and column of a well."""
        names = ("experiment_name", "plate", "row", "column")
        experiment, *numbers = (self.table[name].array[position] for name in names)
        return WellId(str(experiment), *map(int, numbers))

    def _plates_among(self, well_ids: list[str]) -> list[slice]:
        """Where the plates of some wells are, if those are few enough to look at one by one."""
        if len(well_ids) > _LOOKED_AT:
            return []
        pieces = {id(p): p for text in well_ids if (p := self._plate_of(text)) is not None}
        return list(pieces.values()) if len(pieces) <= _PLATES_ONE_BY_ONE else []

    def _plate_of(self, well_id: str) -> slice | None:
        try:
            return self.slices.get(parse_well_id(well_id).plate_id)
        except ValueError:
            return None

    def _find(self, well_id: str, piece: slice) -> int | None:
        found = pc.index(self._ids[piece], pa.scalar(well_id, pa.large_string())).as_py()
        return None if found < 0 else piece.start + int(found)


def plate_slices(wells: pd.DataFrame) -> dict[PlateId, slice]:
    """Where each plate's wells are in a table in this order."""
    if wells.empty:
        return {}
    experiment, plate = wells["experiment_name"].array, wells["plate"].to_numpy()
    differs = np.asarray(experiment[1:] != experiment[:-1], dtype=bool) | (np.diff(plate) != 0)
    starts = np.flatnonzero(np.r_[True, differs])
    stops = [*starts[1:].tolist(), len(wells)]
    return {
        PlateId(str(experiment[a]), int(plate[a])): slice(int(a), b)
        for a, b in zip(starts.tolist(), stops, strict=True)
    }


def has_image(listed: WellList, images: ImageCatalog) -> Array:
    """Bool (n,): some container lists some plane of the well.

    True for all wells of a plate that nobody has looked into.
    """
    has = np.zeros(len(listed), dtype=bool)
    return with_plates(has, listed, images, images.plates)


def with_plates(
    has: Array, listed: WellList, images: ImageCatalog, plates: Collection[PlateId]
) -> Array:
    """What `has_image` gives, with these plates as they are known now."""
    has = has.copy()
    row, column = listed.table["row"].to_numpy(), listed.table["column"].to_numpy()
    for plate in plates & listed.slices.keys():
        wells, is_seen = listed.slices[plate], images.is_seen(plate)
        positions = row[wells] * N_COLUMNS + column[wells]
        has[wells] = images.present_wells(plate)[positions] if is_seen else True
    return has


def count_by_plate(listed: WellList, wells: pd.DataFrame) -> pd.DataFrame:
    """One row a plate: its wells, and how many of them have what `wells` knows."""
    plates, pieces = list(listed.slices), listed.slices.values()
    counts = {
        "experiment_name": pd.array([plate.experiment for plate in plates], dtype="str"),
        "plate": np.array([plate.plate for plate in plates], dtype=np.int64),
        "n_wells": np.array([p.stop - p.start for p in pieces], dtype=np.int64),
    }
    starts = [piece.start for piece in pieces]
    for name, of in (("n_images", "has_image"), ("n_embeddings", "has_embedding")):
        if of in wells:
            has = wells[of].to_numpy(dtype=np.int64)
            counts[name] = np.add.reduceat(has, starts)
    return pd.DataFrame(counts)


def _index_in(asked: pa.Array, ids: pa.ChunkedArray) -> Array:
    found = pc.index_in(asked, value_set=ids).fill_null(-1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.intp)

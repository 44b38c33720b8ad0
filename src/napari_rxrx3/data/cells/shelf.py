"""What is known of cell counts and image quality without reading any image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.plate_quality import FOCUS, NUCLEI, OUT_OF_FOCUS, SATURATION
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.data.cells.measuring import asked_of, known_measures

if TYPE_CHECKING:
    from napari_rxrx3.data.welldata import WellData

__all__ = ["MEASURES", "MeasureShelf"]

MEASURES = (NUCLEI, FOCUS, SATURATION, OUT_OF_FOCUS)
"""Columns of what is told of single wells."""


class MeasureShelf:
    """The measures of plates as far as they are kept; every method may be called from any thread.

    They are of the field that is shown by then. A plate on a server that nobody has looked into is
    not asked for.
    """

    def __init__(self, dataset: WellData) -> None:
        self._dataset = dataset
        self._lock = Lock()
        self._tables: dict[tuple[int, PlateId], tuple[object, pd.DataFrame]] = {}
        """By field and plate."""
        self._counts: tuple[object, np.ndarray[Any, Any]] | None = None
        self.generation = 0
        """Another number when more was measured."""

    def of_plate(self, plate: PlateId) -> pd.DataFrame | None:
        """The table of `known_measures`, all stains; None where nothing can be known."""
        return self._of_plate(self._dataset.held(), plate)

    def _of_plate(self, dataset: WellData, plate: PlateId) -> pd.DataFrame | None:
        """At the field of a data set that is held."""
        images = dataset.images
        if plate not in images.plates or not images.is_seen(plate):
            return None
        asked = asked_of(dataset)
        try:
            made_from = asked, images.fingerprint(plate)
        except OSError:
            return None
        place = images.field, plate
        with self._lock:
            kept = self._tables.get(place)
        if kept is None or kept[0] != made_from:
            kept = made_from, known_measures(dataset, [plate], asked)
            with self._lock:
                self._tables[place] = kept
        return kept[1]

    def loaded(self, plate: PlateId) -> pd.DataFrame | None:
        """What `of_plate` told last; never waits."""
        with self._lock:
            kept = self._tables.get((self._dataset.field, plate))
        return kept[1] if kept is not None else None

    def of_wells(self, well_ids: Sequence[str]) -> pd.DataFrame:
        """The `MEASURES` of some wells, in the order given; NaN, and None, where not known."""
        dataset = self._dataset.held()
        positions = dataset.listed.positions_of(well_ids)
        plates = {dataset.listed.place(int(at)).plate_id for at in positions if at >= 0}
        tables = [self._of_plate(dataset, plate) for plate in sorted(plates)]
        columns = list(MEASURES)
        there = [table[columns] for table in tables if table is not None]
        known = pd.concat(there) if there else None
        if known is None:
            known = pd.DataFrame({name: pd.Series(dtype=float) for name in columns})
        found = known.reindex(pd.Index(well_ids, name="well_id"))
        flags = found[OUT_OF_FOCUS].astype(object)
        return found.assign(**{OUT_OF_FOCUS: flags.where(flags.notna(), None)})

    def counts(self, progress: Progress | None = None) -> np.ndarray[Any, Any]:
        """Nuclei of each well of the data set, in its order: float (n,), NaN where not known.

        The same array as long as nothing more is measured; read-only.
        """
        report, dataset = progress or silent, self._dataset.held()
        images = dataset.images
        made_from = self.generation, asked_of(dataset), images.field, images.plates_seen
        kept = self._counts
        if kept is not None and kept[0] == made_from:
            return kept[1]
        found = np.full(len(dataset.listed), np.nan)
        plates = sorted(plate for plate in dataset.images.plates if plate in dataset.listed.slices)
        for done, plate in enumerate(plates):
            report(done, len(plates), "looking for cell counts")
            table = self._of_plate(dataset, plate)
            if table is not None:
                found[dataset.listed.slices[plate]] = table[NUCLEI].to_numpy()
        found.flags.writeable = False
        self._counts = made_from, found
        return found

    def forget(self, plates: Sequence[PlateId], field: int) -> None:
        """Look again at plates of which a field was measured meanwhile."""
        with self._lock:
            self.generation += 1
            for plate in plates:
                self._tables.pop((field, plate), None)

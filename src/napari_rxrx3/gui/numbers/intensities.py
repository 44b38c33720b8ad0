"""Intensities of the wells on screen against the controls of their plate; read in threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.histograms import Levels, StainHistogram, histogram
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.core.words import count
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.gui.strips.choices import without_controls
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session
from napari_rxrx3.strips.strip import CONTROL

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset

__all__ = ["ControlLevels", "Intensities", "IntensityRequest", "asked_of", "compare_intensities"]

_MOST_CONTROLS = 8
_MOST_WELLS = 24
_PLATES_KEPT = 8


@dataclass(frozen=True)
class IntensityRequest:
    """The wells on screen that are looked at, all of one plate, and controls of that plate.

    `field` is that of their images.
    """

    plate: PlateId
    treated: tuple[str, ...]
    controls: tuple[str, ...]
    field: int = 1


@dataclass(frozen=True)
class Intensities:
    """Of each stain the comparison, or None; `note` says what was compared with what.

    `is_whole` is False if only the first rows of large images were measured; `table` says what
    the stains are.
    """

    stains: tuple[StainHistogram | None, ...]
    note: str
    is_whole: bool = True
    table: tuple[Stain, ...] = STAINS


@dataclass(frozen=True)
class _Measured:
    """The levels of some wells together, stain by stain, None if none can be read."""

    stains: tuple[Levels | None, ...]
    is_whole: bool

    @property
    def n_wells(self) -> int:
        return max((len(levels.means) for levels in self.stains if levels is not None), default=0)


def asked_of(session: Session) -> IntensityRequest | str:
    """What there is to compare on screen, or why there is nothing.

    These are the wells on the current plate that received the same as the current well, or all of
    them if wells were chosen one by one. Controls are compared only if nothing else is shown.
    """
    dataset, plate, well = session.dataset, session.plate, session.well
    if dataset is None or plate is None or well is None:
        return "No well is selected."
    wells = dataset.wells_of_plate(plate)
    pictured = wells[wells["has_image"]]
    is_control = (pictured["treatment"] == EMPTY_CONTROL).to_numpy()
    shown = {tile.well_id for tile in session.tiles if tile.well_id and tile.role != CONTROL}
    here = pictured.index.isin(shown)
    if session.strip is None or session.strip.kind != "wells":
        here = here & _received_the_same(pictured, session.well_row(well))
    elif (here & ~is_control).any():
        here = here & ~is_control
    treated = pictured.index[here if here.any() else pictured.index == well]
    if not len(treated):
        return f"{well} has no image."
    controls = pictured.index[is_control & ~pictured.index.isin(treated)]
    if not len(controls):
        return without_controls(session, well)
    spread = np.linspace(0, len(controls) - 1, _MOST_CONTROLS).round().astype(int)
    some = [str(controls[i]) for i in dict.fromkeys(spread.tolist())]
    looked_at = tuple(str(well) for well in treated[:_MOST_WELLS])
    return IntensityRequest(plate, looked_at, tuple(some), dataset.field)


def _received_the_same(wells: pd.DataFrame, row: pd.Series) -> np.ndarray[Any, Any]:
    same = (wells["treatment"] == row["treatment"]).to_numpy(bool, na_value=False)
    dose = row["concentration"]
    return same if isnan(dose) else same & (wells["concentration"] == dose).to_numpy()


class ControlLevels:
    """Remembers what was read of the controls of the last plates."""

    def __init__(self) -> None:
        self._kept = LruCache(_PLATES_KEPT, one)

    def of(
        self, dataset: Dataset, controls: tuple[str, ...], whole: bool, progress: Progress
    ) -> _Measured:
        key = dataset, controls, whole, dataset.images.stamps.n_changed

        def read() -> _Measured:
            return _measured(dataset, controls, whole, progress)

        return self._kept.get(key, read, shares_failure=False)


def compare_intensities(
    dataset: Dataset,
    asked: IntensityRequest,
    kept: ControlLevels,
    progress: Progress,
    *,
    whole: bool = True,
) -> Intensities:
    """Read the wells and the controls and compare them, stain by stain.

    What cannot be read is left out, and counted.

    Parameters
    ----------
    whole : bool
        False: of large images only measure the first rows, where these are had sooner.
    """
    from napari_rxrx3.data.images.previews import PREFIX_ROWS  # loads codecs

    treated = _measured(dataset, asked.treated, whole, progress)
    controls = kept.of(dataset, asked.controls, whole, progress)
    stains = tuple(
        histogram(a, b) if a is not None and b is not None else None
        for a, b in zip(treated.stains, controls.stains, strict=True)
    )
    if not treated.n_wells or not controls.n_wells:
        none = ", ".join(asked.treated) if not treated.n_wells else f"the controls of {asked.plate}"
        return Intensities(stains, f"The images of {none} cannot be read.", table=dataset.stains)
    alone = len(asked.treated) == 1
    name = (
        str(dataset.row(asked.treated[0])["address"]) if alone else count(treated.n_wells, "well")
    )
    note = f"{name} against {count(controls.n_wells, 'control')} of {asked.plate}"
    if treated.is_whole and controls.is_whole:
        return Intensities(stains, note, table=dataset.stains)
    note = f"First {PREFIX_ROWS} rows: {note}"
    return Intensities(stains, note, is_whole=False, table=dataset.stains)


def _measured(dataset: Dataset, wells: Sequence[str], whole: bool, progress: Progress) -> _Measured:
    found: list[Levels | None] = []
    is_whole = True
    for channel in dataset.channels:
        levels = []
        for well in wells:
            progress(channel, len(dataset.channels), "")
            try:
                rows = None if whole else dataset.prefix(well, channel)
                is_whole &= rows is None
                levels.append(dataset.levels(well, channel) if rows is None else Levels.of(rows))
            except Cancelled:
                raise
            except RxRx3Error:
                continue  # the canvas and the map say which, and why
        found.append(Levels.together(levels) if levels else None)
    return _Measured(tuple(found), is_whole)

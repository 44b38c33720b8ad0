"""One contrast for a plate, measured on its controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.core.contrast import DEFAULT_LIMITS, Limits, limits_of
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.core.plate import N_CHANNELS, PlateId

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["control_limits", "some_controls"]

Progress = Callable[[int, int, str], None]

_CONTROLS_SAMPLED = 4


def control_limits(dataset: Dataset, plate: PlateId, progress: Progress) -> Limits | str:
    """Contrast limits of a plate from a few of its EMPTY_control wells, spread over the plate.

    Of large images, their first rows are measured.

    Why there are none, if the plate has no control with images or none can be read, and nothing
    if it has no images at all; a stain that no control has keeps 0..255.
    """
    if not dataset.wells_of_plate(plate)["has_image"].any():
        return ""
    limits = list(DEFAULT_LIMITS)
    why = f"{plate} has no control with images."
    measured = False
    sampled = some_controls(dataset, plate, _CONTROLS_SAMPLED)
    for channel in range(1, N_CHANNELS + 1):
        planes = []
        for well in sampled:
            progress(channel, N_CHANNELS, "")
            try:
                top = dataset.top(well, channel)  # as good for this, in a fraction of the time
                planes.append(dataset.plane(well, channel) if top is None else top)
            except RxRx3Error as error:
                why = str(error)
        if planes:
            limits[channel - 1] = limits_of(planes)
            measured = True
    return tuple(limits) if measured else why


def some_controls(dataset: Dataset, plate: PlateId, most: int) -> list[str]:
    """EMPTY_control wells of a plate that have images, spread over the plate."""
    wells = dataset.wells_of_plate(plate)
    controls = wells.index[(wells["treatment"] == EMPTY_CONTROL) & wells["has_image"]]
    if not len(controls):
        return []
    spread = np.linspace(0, len(controls) - 1, most).round().astype(int)
    return [str(controls[i]) for i in dict.fromkeys(spread.tolist())]

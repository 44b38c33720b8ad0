"""What the controls of a plate give all of its wells: one contrast, and their mean image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_rxrx3.core.contrast import Limits, default_limits, limits_of
from napari_rxrx3.core.difference import ControlMean
from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.images.tiles import (
    Asked,
    Plane,
    TileReader,
    cause_of,
    prefix_or_plane,
    reduced,
)

if TYPE_CHECKING:
    from napari_rxrx3.data.welldata import WellData

__all__ = [
    "N_CONTROLS",
    "Differences",
    "PlateMeans",
    "control_limits",
    "control_means",
    "some_controls",
]

N_CONTROLS = 16
"""Controls of a plate that are averaged, at most."""

_CONTROLS_SAMPLED = 4
_LARGEST = 1024
"""Pixels of a difference in one direction: all stains are shown, and each of them is small."""


def control_limits(dataset: WellData, plate: PlateId, progress: Progress) -> Limits | str:
    """Contrast limits of a plate from a few of its EMPTY_control wells, spread over the plate.

    Of large images, their first rows are measured.

    Why there are none, if the plate has no control with images or none can be read, and nothing
    if it has no images at all; a stain that no control has keeps 0..255.
    """
    if not dataset.wells_of_plate(plate)["has_image"].any():
        return ""
    limits = list(default_limits(len(dataset.stains)))
    why = f"{plate} has no control with images."
    measured = False
    sampled = some_controls(dataset, plate, _CONTROLS_SAMPLED)
    for channel in dataset.channels:
        planes = []
        for well in sampled:
            progress(channel, len(dataset.channels), "")
            try:
                planes.append(prefix_or_plane(dataset, well, channel))
            except Cancelled:
                raise
            except RxRx3Error as error:
                why = str(error)
        if planes:
            limits[channel - 1] = limits_of(planes)
            measured = True
    return tuple(limits) if measured else why


def some_controls(dataset: WellData, plate: PlateId, most: int) -> list[str]:
    """EMPTY_control wells of a plate that have images, spread over the plate."""
    wells = dataset.wells_of_plate(plate)
    controls = wells.index[(wells["treatment"] == EMPTY_CONTROL) & wells["has_image"]]
    if not len(controls):
        return []
    spread = np.linspace(0, len(controls) - 1, most).round().astype(int)
    return [str(controls[i]) for i in dict.fromkeys(spread.tolist())]


class PlateMeans(NamedTuple):
    """Means of a plate's controls, a `ControlMean` for each of the stains.

    `why` is empty, or says why there is none at all.
    """

    plate: PlateId
    stains: tuple[ControlMean, ...]
    why: str

    @property
    def n_controls(self) -> tuple[int, int]:
        """Fewest and most controls in the mean of a stain that has one."""
        counts = [len(mean.wells) for mean in self.stains if mean.wells]
        return (min(counts), max(counts)) if counts else (0, 0)

    @property
    def nbytes(self) -> int:
        return sum(mean.nbytes for mean in self.stains)


def control_means(
    dataset: WellData, plate: PlateId, progress: Progress, *, crop: int = 0, reduction: int = 1
) -> PlateMeans:
    """Means of up to 16 EMPTY_controls, spread over the plate.

    They are kept among the images of the data set.

    Parameters
    ----------
    progress : callable
        Called with (done, total, text); may raise to stop.
    crop, reduction : int
        As for `TileReader`.
    """
    memory = dataset.images.memory
    images = dataset.images
    key = "control means", plate, images.field, crop, reduction, images.stamps.n_changed

    def compute() -> PlateMeans:
        return _averaged(TileReader(dataset, crop, reduction), plate, progress)

    means = memory.get(key, compute, shares_failure=False)
    if means.why:  # a server may answer the next time
        memory.drop(key)
    return means


def _averaged(reader: TileReader, plate: PlateId, progress: Progress) -> PlateMeans:
    controls = some_controls(reader.dataset, plate, N_CONTROLS)
    by_shape: list[dict[tuple[int, ...], ControlMean]] = [{} for _ in reader.dataset.channels]
    why = f"no control with an image is on {plate}"
    text, total = f"averaging the controls of {plate}", len(controls) * len(by_shape)
    for done, ((well_id, channel), plane) in enumerate(reader.read_all(controls)):
        progress(done, total, text)
        if isinstance(plane, RxRx3Error):
            why = f"no control of {plate} can be read: {cause_of(plane)}"
        else:
            mean = by_shape[channel - 1].setdefault(plane.shape, ControlMean())
            mean.add(well_id, plane)
    stains = tuple(_largest(means.values()) for means in by_shape)
    return PlateMeans(plate, stains, "" if any(mean.wells for mean in stains) else why)


def _largest(means: Iterable[ControlMean]) -> ControlMean:
    """An image of an odd size must not be the one that the others are compared with."""
    return max(means, key=lambda mean: len(mean.wells), default=ControlMean())


class Differences:
    """Planes of wells less the mean of the controls of their plates.

    Parameters
    ----------
    planes : mapping of (well id, channel) to (Y, X) array
        As `TileReader` gives them.
    crop, reduction : int
        With which they were read.

    Attributes
    ----------
    times : int
        Pixels of these planes, in both directions, that make one of a difference: of planes of
        more than 1024 pixels, half as many or fewer are left.
    means : mapping of PlateId to PlateMeans
    """

    def __init__(
        self,
        dataset: WellData,
        planes: Mapping[Asked, Plane],
        progress: Progress,
        *,
        crop: int = 0,
        reduction: int = 1,
    ) -> None:
        self.times = 1
        while max((max(plane.shape) for plane in planes.values()), default=0) // self.times > (
            _LARGEST
        ):
            self.times *= 2
        self.plates = {well_id: dataset.well(well_id).plate_id for well_id, _ in planes}
        self.means = {
            plate: control_means(
                dataset, plate, progress, crop=crop, reduction=reduction * self.times
            )
            for plate in dict.fromkeys(self.plates.values())
        }
        self._planes = planes

    def of_stain(self, channel: int) -> dict[str, Plane]:
        """Float32 (Y, X) of each well of which the plane of a channel (from 1) can be compared."""
        found = {}
        for well_id, plate in self.plates.items():
            plane = self._planes.get((well_id, channel))
            if plane is not None:
                mean = self.means[plate].stains[channel - 1]
                difference = mean.difference(well_id, reduced(plane, self.times))
                if difference is not None:
                    found[well_id] = difference
        return found

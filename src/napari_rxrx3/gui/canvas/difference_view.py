"""Shows what differs from the mean of the plate's controls: each stain by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_rxrx3.core.difference import StainPlaces, symmetric
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic
from napari_rxrx3.core.plate import N_CHANNELS, PlateId
from napari_rxrx3.gui.canvas.layers import Place, StainLayers
from napari_rxrx3.gui.canvas.picture import Picture, Plane
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset
    from napari_rxrx3.data.images.controls import ControlMeans, PlateMeans

__all__ = ["Difference", "DifferenceView"]

_TASK = "difference"
_TEXT = "comparing with the controls"
_MOST = 1024
"""Pixels of a tile in one direction: six stains are shown, and each of them is small."""
_MARGIN = 0.18  # two lines are written above the picture
_TOGETHER = "\N{NO-BREAK SPACE}"
_FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class Difference:
    """Tiles as differences to controls.

    Attributes
    ----------
    picture : Picture
        What they were made from.
    mosaic : Mosaic
    stains : six float32 (Y, X) arrays
    reduction : int
        Pixels of the well, in both directions, that make one pixel here.
    notes : mapping of well_id to str
        What cannot be shown of a well, and why.
    text : str
        What they are, in words.
    """

    picture: Picture
    mosaic: Mosaic
    stains: tuple[Plane, ...]
    reduction: int
    notes: dict[str, str]
    text: str


class DifferenceView(QObject):
    """Computes differences in the background and puts them into the layers, each in its place."""

    shown = Signal(object)
    """A `Difference` was put into the layers."""
    failed = Signal(str)
    """There is none, and why."""

    def __init__(
        self, viewer: Any, layers: StainLayers, session: Session, tasks: TaskGroup, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._session, self._tasks = viewer, layers, session, tasks
        self._means: tuple[Dataset, ControlMeans] | None = None
        self.difference: Difference | None = None
        """What is in the layers now."""
        self.places: StainPlaces | None = None
        """Where in the canvas, in micrometers, each stain of it is."""

    def show(self, dataset: Dataset, picture: Picture) -> None:
        """Compute and show the differences of a complete picture."""
        means = self._means_of(dataset)

        def work(progress: Progress) -> Difference:
            return _differences(dataset, picture, means, progress)

        self._tasks.run(_TASK, work, self._show, self.failed.emit, _TEXT)

    def leave(self) -> None:
        """Stop; the layers are left to others."""
        self._tasks.cancel(_TASK)
        self.difference = self.places = None

    def forget(self) -> None:
        """Forget the data set."""
        self.leave()
        self._means = None

    def set_limits(self) -> None:
        """Use limits that follow from those of the images."""
        self._layers.set_limits(symmetric(self._session.shown_limits))

    def _show(self, difference: Difference) -> None:
        place = Place.of_pixels(difference.reduction)
        height, width = (extent * place.pixel_um for extent in difference.mosaic.shape)
        self.difference = difference
        self.places = StainPlaces.fitting((height, width), self._viewer.canvas.size)
        limits = symmetric(self._session.shown_limits)
        self._layers.show(difference.stains, limits, place, self.places)
        self._layers.fit(("difference", self.places), self.places.whole, _MARGIN)
        self.shown.emit(difference)

    def _means_of(self, dataset: Dataset) -> ControlMeans:
        from napari_rxrx3.data.images.controls import ControlMeans

        if self._means is None or self._means[0] is not dataset:
            self._means = dataset, ControlMeans(dataset)
        return self._means[1]


def _differences(
    dataset: Dataset, picture: Picture, means: ControlMeans, progress: Progress
) -> Difference:
    """Subtract from each well the mean of the controls of its plate.

    Raises
    ------
    RxRx3Error
        If none of the wells has a control to be compared with.
    """
    times = 1
    while max(picture.mosaic.tile_shape) // times > _MOST:
        times *= 2
    reduction = times * picture.reduction
    plates = _plates_of(dataset, picture)
    of_plate = {
        plate: means.get(plate, progress, crop=picture.crop, reduction=reduction)
        for plate in dict.fromkeys(plates.values())
    }
    missing = [found.why for found in of_plate.values() if found.why]
    if len(missing) == len(of_plate):
        why = missing[0] if missing else "no well is here"
        raise RxRx3Error(f"There is no difference to show: {why}.")
    height, width = picture.mosaic.tile_shape
    mosaic = Mosaic(picture.mosaic.tiles, (height // times, width // times))
    stains = []
    for channel in range(1, N_CHANNELS + 1):
        progress(channel, N_CHANNELS, _TEXT)
        planes = {
            well_id: _less_the_mean(picture, of_plate[plate], well_id, channel, times)
            for well_id, plate in plates.items()
        }
        found = {well_id: plane for well_id, plane in planes.items() if plane is not None}
        stains.append(mosaic.render(found, _FLOAT))
    notes = {well: of_plate[plate].why for well, plate in plates.items() if of_plate[plate].why}
    text = _in_words([found for found in of_plate.values() if not found.why])
    return Difference(picture, mosaic, tuple(stains), reduction, picture.notes | notes, text)


def _plates_of(dataset: Dataset, picture: Picture) -> dict[str, PlateId]:
    """The plate of each well of which some plane could be read."""
    return {well_id: dataset.well(well_id).plate_id for well_id, _ in picture.planes}


def _less_the_mean(
    picture: Picture, means: PlateMeans, well_id: str, channel: int, times: int
) -> Plane | None:
    from napari_rxrx3.data.images.decode import shrink  # loads codecs

    plane = picture.planes.get((well_id, channel))
    if plane is None:
        return None
    if times > 1:
        plane = shrink(plane, len(plane) // times)
    return means.stains[channel - 1].difference(well_id, plane)


def _in_words(means: list[PlateMeans]) -> str:
    counts = [n for found in means for n in found.n_controls]
    low, high = min(counts), max(counts)
    n = f"{high} control{'s' if high > 1 else ''}" if low == high else f"{low} to {high} controls"
    whose = " a plate" if len(means) > 1 else ""
    colors = "(+ orange, − blue)".replace(" ", _TOGETHER)
    return f"minus the mean of {n}{whose}, display only {colors}"

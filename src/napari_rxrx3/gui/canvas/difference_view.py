"""Shows what differs from the mean of the plate's controls: each stain by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_rxrx3.core.difference import StainPlaces, symmetric
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic
from napari_rxrx3.core.words import count
from napari_rxrx3.data.images.tiles import Plane
from napari_rxrx3.gui.canvas.canvas_map import is_transposed
from napari_rxrx3.gui.canvas.layers import Place, StainLayers
from napari_rxrx3.gui.canvas.picture import Picture
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.data.images.controls import PlateMeans
    from napari_rxrx3.dataset import Dataset

__all__ = ["Difference", "DifferenceView"]

_TASK = "difference"
_TEXT = "comparing with the controls"
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
    stains : float32 (Y, X) arrays
    hatches : arrays of flat indices
        Which of their pixels are lines of the hatching.
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
    hatches: tuple[Plane, ...]
    reduction: int
    notes: dict[str, str]
    text: str


class DifferenceView(QObject):
    """Computes differences in the background and puts them into the layers, each in its place."""

    arranging = Signal(object)
    """A `Difference` is to be put into the layers, in the room that its title leaves."""
    shown = Signal(object)
    """It was put there."""
    failed = Signal(str)
    """There is none, and why."""

    def __init__(
        self, viewer: Any, layers: StainLayers, session: Session, tasks: TaskGroup, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._session, self._tasks = viewer, layers, session, tasks
        self.difference: Difference | None = None
        """What is in the layers now."""
        self.places: StainPlaces | None = None
        """Where in the canvas, in micrometers, each stain of it is."""

    def show(self, dataset: Dataset, picture: Picture) -> None:
        """Compute and show the differences of a complete picture."""

        def work(progress: Progress) -> Difference:
            return _differences(dataset, picture, progress)

        self._tasks.run(_TASK, work, self._show, self.failed.emit, _TEXT)

    def arrange_again(self) -> None:
        """Put the stains where they are largest in a canvas of another size."""
        if self.difference is not None:
            self._show(self.difference)

    def leave(self) -> None:
        """Stop; the layers are left to others."""
        self._tasks.cancel(_TASK)
        self.difference = self.places = None

    def set_limits(self) -> None:
        """Use limits that follow from those of the images."""
        self._layers.set_limits(symmetric(self._session.shown_limits))

    def _show(self, difference: Difference) -> None:
        place = Place.of_pixels(self._session.pixel_um, difference.reduction)
        height, width = (extent * place.pixel_um for extent in difference.mosaic.shape)
        self.difference = difference
        self.arranging.emit(difference)
        room = self._layers.margins.room(self._viewer.canvas.size)
        if is_transposed(self._viewer):
            room = room[::-1]
        n_stains = len(difference.stains)
        self.places = StainPlaces.fitting((height, width), room, n_stains)
        limits = symmetric(self._session.shown_limits)
        self._layers.show(difference.stains, limits, place, self.places, difference.hatches)
        self._layers.fit(("difference", self.places), self.places.whole)
        self.shown.emit(difference)


def _differences(dataset: Dataset, picture: Picture, progress: Progress) -> Difference:
    """Subtract from each well the mean of the controls of its plate.

    Raises
    ------
    RxRx3Error
        If none of the wells has a control to be compared with.
    """
    from napari_rxrx3.data.images.controls import Differences  # loads pandas

    found = Differences(
        dataset, picture.planes, progress, crop=picture.crop, reduction=picture.reduction
    )
    missing = [means.why for means in found.means.values() if means.why]
    if len(missing) == len(found.means):
        why = missing[0] if missing else "no well is here"
        raise RxRx3Error(f"There is no difference to show: {why}.")
    height, width = picture.mosaic.tile_shape
    mosaic = Mosaic(picture.mosaic.tiles, (height // found.times, width // found.times))
    stains, hatches = [], []
    for channel in dataset.channels:
        progress(channel, len(dataset.channels), _TEXT)
        planes = found.of_stain(channel)
        stains.append(mosaic.render(planes, _FLOAT))
        hatches.append(mosaic.hatch(planes))
    why_not = {well: found.means[plate].why for well, plate in found.plates.items()}
    notes = picture.notes | {well: why for well, why in why_not.items() if why}
    text = _in_words([means for means in found.means.values() if not means.why])
    reduction = found.times * picture.reduction
    return Difference(picture, mosaic, tuple(stains), tuple(hatches), reduction, notes, text)


def _in_words(means: list[PlateMeans]) -> str:
    counts = [n for found in means for n in found.n_controls]
    low, high = min(counts), max(counts)
    n = count(high, "control") if low == high else f"{low} to {high} controls"
    whose = " a plate" if len(means) > 1 else ""
    colors = "(+ orange, − blue)".replace(" ", _TOGETHER)
    return f"minus the mean of {n}{whose}, display only {colors}"

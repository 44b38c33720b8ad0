"""The part in view of a strip of large wells, read at the resolution that the screen can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import QObject

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import MOST_PIXELS, Tile, hatch_lines, paint_hatch
from napari_rxrx3.data.images.tiles import Plane, TileReader
from napari_rxrx3.gui.canvas.canvas_map import seen_box
from napari_rxrx3.gui.canvas.layers import Place, StainLayers
from napari_rxrx3.gui.canvas.picture import Picture
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["Part", "Region", "ZoomView"]

_LOOK_MS = 120
_TASK = "zoom"


class Region(NamedTuple):
    """A rectangle of a mosaic, in pixels of the wells at full resolution."""

    top: float
    left: float
    bottom: float
    right: float

    def holds(self, other: Region) -> bool:
        return (
            self.top <= other.top
            and self.left <= other.left
            and self.bottom >= other.bottom
            and self.right >= other.right
        )

    def within(self, height: float, width: float) -> Region:
        """What of it is inside of a picture; perhaps nothing."""
        top, bottom = (min(max(y, 0.0), height) for y in (self.top, self.bottom))
        left, right = (min(max(x, 0.0), width) for x in (self.left, self.right))
        return Region(top, left, bottom, right)

    def grown(self) -> Region:
        """Twice as high and as wide, so that the camera may move a little."""
        y, x = (self.bottom - self.top) / 2, (self.right - self.left) / 2
        return Region(self.top - y, self.left - x, self.bottom + y, self.right + x)

    @property
    def area(self) -> float:
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def is_empty(self) -> bool:
        return self.top >= self.bottom or self.left >= self.right


@dataclass(frozen=True)
class Part:
    """A region of a picture at a better resolution.

    Attributes
    ----------
    region : Region
        What the stains show.
    reduction : int
        Pixels of the well, in both directions, that make one pixel here.
    stains : (Y, X) arrays
    hatches : arrays of flat indices
        Which of their pixels are lines of the hatching.
    failure : str
        What could not be read, and why: a sentence, or nothing.
    """

    region: Region
    reduction: int
    stains: tuple[Plane, ...]
    hatches: tuple[Plane, ...]
    failure: str


class ZoomView(QObject):
    """Shows the part of a picture that is in view at a better resolution than all of it was read.

    A picture whose wells are at full resolution already is left alone.
    """

    def __init__(
        self, viewer: Any, layers: StainLayers, session: Session, tasks: TaskGroup, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._session, self._tasks = viewer, layers, session, tasks
        self._dataset: Dataset | None = None
        self._whole: Picture | None = None
        self.part: Part | None = None
        """What is in the layers in the place of the whole picture."""
        self._timer = tasks.timer(self, _LOOK_MS, self._look)
        camera = viewer.scene.camera
        for event in (camera.events.zoom, camera.events.center):
            event.connect(self._on_camera)
        viewer.events.reset_view.connect(self._on_reset_view)

    def follow(self, dataset: Dataset, picture: Picture) -> None:
        """Look closer at a picture that was just put into the layers."""
        self.leave()
        if picture.reduction > 1 and not picture.is_first:
            self._dataset, self._whole = dataset, picture
            self._timer.start()

    def leave(self) -> None:
        """Stop; the layers are left to others."""
        self._tasks.cancel(_TASK)
        self._timer.stop()
        self._dataset = self._whole = self.part = None

    def _on_camera(self) -> None:
        if self._whole is not None:
            self._timer.start()

    def _on_reset_view(self) -> None:
        """Show all: napari fits what the layers hold, which may be one tile."""
        if self._whole is not None and self.part is not None:
            self._show_whole(self._whole)
            pixel_um = self._whole.reduction * self._session.pixel_um
            height, width = (extent * pixel_um for extent in self._whole.mosaic.shape)
            self._layers.fit(object(), (height, width))

    def _look(self) -> None:
        dataset, whole = self._dataset, self._whole
        if dataset is None or whole is None:
            return
        self._tasks.cancel(_TASK)
        height, width = (extent * whole.reduction for extent in whole.mosaic.shape)
        seen = self._seen().within(height, width)
        times = self._wanted_reduction(whole)
        if times >= whole.reduction or seen.is_empty:
            self._show_whole(whole)
            return
        if self.part is not None and self.part.region.holds(seen):
            if self.part.reduction <= times:
                return
        else:
            self._show_whole(whole)  # at once: it is in memory
        reader = TileReader(dataset, reduction=times)
        region = seen.grown().within(height, width)
        if region.area > times**2 * MOST_PIXELS:
            region = seen

        def work(progress: Progress) -> Part:
            return _read(reader, whole, region, progress)

        def done(part: Part) -> None:
            if self._whole is whole:
                self._show_part(part)

        self._tasks.run(_TASK, work, done, self._session.say)

    def _seen(self) -> Region:
        """What is on screen."""
        box = self._layers.to_scene().inverse.box(seen_box(self._viewer))
        place = Place.of_pixels(self._session.pixel_um)
        top, left = place.to_pixels(box[:2])
        bottom, right = place.to_pixels(box[2:])
        return Region(top, left, bottom, right)

    def _wanted_reduction(self, whole: Picture) -> int:
        """How much smaller wells may be so that there is a pixel for each point of the screen."""
        point = 1 / (self._session.pixel_um * float(self._viewer.scene.camera.zoom))
        times = whole.reduction
        while times > 1 and times > point:
            times //= 2
        return times

    def _show_whole(self, whole: Picture) -> None:
        if self.part is not None:
            self.part = None
            place = Place.of_pixels(self._session.pixel_um, whole.reduction)
            limits = self._session.shown_limits
            self._layers.show(whole.stains, limits, place, hatches=whole.hatches)

    def _show_part(self, part: Part) -> None:
        self.part = part
        corner = part.region.top, part.region.left
        place = Place.of_pixels(self._session.pixel_um, part.reduction, corner)
        limits = self._session.shown_limits
        self._layers.show(part.stains, limits, place, hatches=part.hatches)
        if part.failure:
            self._session.say(part.failure)


def _read(reader: TileReader, whole: Picture, region: Region, progress: Progress) -> Part:
    """A region of a picture at another size; what cannot be read is hatched."""
    top, left, bottom, right = (edge / whole.reduction for edge in region)
    box = floor(top), floor(left), ceil(bottom), ceil(right)
    tiles = whole.mosaic.tiles_between(*box)
    planes: dict[int, dict[str, Plane]] = {channel: {} for channel in reader.dataset.channels}
    failures: list[str] = []
    wells = (tile.well_id for tile in tiles if tile.well_id is not None)
    for (well_id, channel), plane in reader.read_all(wells):
        progress(0, 0, "")
        if isinstance(plane, RxRx3Error):
            failures.append(str(plane))
        else:
            planes[channel][well_id] = plane
    times = whole.reduction // reader.reduction
    painted = [_painted(whole, tiles, of_stain, times, box) for of_stain in planes.values()]
    stains, hatches = zip(*painted, strict=True)
    shown = Region(*(float(edge * whole.reduction) for edge in box))
    return Part(shown, reader.reduction, stains, hatches, min(failures, default=""))


def _painted(
    whole: Picture,
    tiles: Sequence[Tile],
    planes: Mapping[str, Plane],
    times: int,
    box: tuple[int, int, int, int],
) -> tuple[Plane, Plane]:
    """One stain of a box of a picture, `times` as large, and the lines of its hatching.

    The box is in pixels of the picture.
    """
    top, left, bottom, right = (times * edge for edge in box)
    height, width = (times * extent for extent in whole.mosaic.tile_shape)
    picture = np.zeros((bottom - top, right - left), whole.stains[0].dtype)
    lines = np.zeros(picture.shape, bool)
    for tile in tiles:
        y, x = (times * at for at in whole.mosaic.origin(tile))
        rows = slice(max(y, top) - y, max(0, min(y + height, bottom) - y))
        columns = slice(max(x, left) - x, max(0, min(x + width, right) - x))
        plane = planes.get(tile.well_id or "")
        here = np.s_[max(y - top, 0) :, max(x - left, 0) :]
        if plane is None or plane.shape != (height, width):
            _put(lines[here], hatch_lines((height, width))[rows, columns])
        if plane is not None:
            part = plane[rows, columns]
            _put(picture[here], part)
            _put(lines[here], np.zeros(part.shape, bool))
    hatch = np.flatnonzero(lines)
    paint_hatch(picture, hatch)
    return picture, hatch


def _put(target: Plane, part: Plane) -> None:
    target[: part.shape[0], : part.shape[1]] = part

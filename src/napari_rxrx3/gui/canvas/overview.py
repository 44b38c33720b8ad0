"""The whole plate in the canvas: thumbnails, and full pictures where a well is large enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.mosaic import Mosaic, Tile
from napari_rxrx3.core.overview import Block, PlateFrame, PlatePicture, tile_size
from napari_rxrx3.core.plate import N_COLUMNS, PlateId
from napari_rxrx3.core.words import name_of_well
from napari_rxrx3.gui.canvas.canvas_map import room_of, seen_box
from napari_rxrx3.gui.canvas.layers import Place, StainLayers
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.data.thumbnails.plate_fill import PlateFill
    from napari_rxrx3.dataset import Dataset

__all__ = ["PlateOverview", "PlateScene"]

_WHOLE_FROM, _PIECE_FROM = 128, 256
"""Points of the screen from which on a well is shown in full, instead of as the thumbnail of all
of it, or of a piece of it: those of large images take long to read."""
_SMALL = (16, 64)
"""Pixels of a thumbnail from afar, and of the thumbnails as they are kept."""
_LOOK_MS = 120
_REFRESH_MS = 200, 1000
"""What has been read is drawn soon at first, then less and less often: without a graphics card
drawing takes the cores that read."""
_SLOWER = 1.5


@dataclass(frozen=True)
class PlateScene:
    """What the canvas shows of a plate.

    Attributes
    ----------
    mosaic : Mosaic
        Its tiles are labeled with address and perturbation.
    place : Place
    block : Block
        Which positions the tiles are.
    span : int
        Pixels of a well that one tile shows; fewer than the well has in a piece.
    is_piece : bool
    """

    mosaic: Mosaic
    place: Place
    block: Block
    span: int
    is_piece: bool


@dataclass(frozen=True)
class _Plate:
    """One plate and all that is read of it; labels are (well id, text) by position."""

    dataset: Dataset
    plate: PlateId
    fill: PlateFill
    labels: dict[int, tuple[str, str]]
    picture: PlatePicture

    @property
    def whole(self) -> Block:
        """All of the plate."""
        return Block.whole(self.dataset.layout)

    def frame(self, span: int) -> PlateFrame:
        """Where wells are of which so many pixels are shown."""
        return PlateFrame(span * self.dataset.drawn_pixel_um, self.dataset.layout)

    @property
    def well_size(self) -> int:
        return self.fill.thumbnails.well_size

    def span(self, picture: PlatePicture) -> int:
        """Pixels of a well that a tile of a picture shows."""
        thumbnails = self.fill.thumbnails
        return (thumbnails.span if picture.block == self.whole else 0) or self.well_size

    @property
    def is_piece(self) -> bool:
        return self.fill.thumbnails.is_piece


class PlateOverview(QObject):
    """Shows a plate in the layers of the stains, and more of it the closer the camera is."""

    shown = Signal(object)
    """A `PlateScene` was put into the layers."""

    def __init__(
        self, viewer: Any, layers: StainLayers, session: Session, tasks: TaskGroup, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._session, self._tasks = viewer, layers, session, tasks
        self._plate: _Plate | None = None
        self._picture: PlatePicture | None = None
        self.scene: PlateScene | None = None
        """What is in the layers now; None while another view is."""
        self._asked: tuple[Dataset, PlateId] | None = None
        self._look_timer = tasks.timer(self, _LOOK_MS, self._look)
        self._refresh_timer = tasks.timer(self, 0, self._refresh)
        camera = viewer.scene.camera
        for event in (camera.events.zoom, camera.events.center):
            event.connect(self._on_camera)
        viewer.events.reset_view.connect(self._on_reset_view)
        layers.shown_changed.connect(self._on_stains)
        session.limits_changed.connect(self._on_limits)
        tasks.stopped.connect(self._on_stopped)

    def open(self, dataset: Dataset, plate: PlateId) -> None:
        """Fill the canvas with a plate."""
        self.close()
        self._asked = dataset, plate
        text = f"opening the thumbnails of {plate}"
        self._read(dataset, plate, self._opened, text)

    def _read(
        self, dataset: Dataset, plate: PlateId, done: Callable[[_Plate], None], text: str = ""
    ) -> None:
        height, width = PlateFrame(1.0, dataset.layout).size_um
        room_y, room_x = room_of(self._viewer)
        tile = tile_size(min(room_y / height, room_x / width), *_SMALL)

        def work(progress: Progress) -> _Plate:
            return _read_plate(dataset, plate, tile)

        self._tasks.run("overview", work, done, self._session.say, text)

    def close(self) -> None:
        """Stop reading; the layers are left to others."""
        self._tasks.cancel("overview", "overview fill", "overview look")
        self._look_timer.stop()
        self._refresh_timer.stop()
        self._asked = None
        self._plate = self._picture = self.scene = None

    def show_whole(self) -> None:
        """Show all of the plate, and go on reading if that was stopped."""
        if self._plate is not None:
            self._show(self._plate.picture)
            frame = self._plate.frame(self._plate.span(self._plate.picture))
            self._layers.fit(object(), frame.size_um)
            self._look()
        elif self._asked is not None:
            self.open(*self._asked)

    # -- what is shown ----------------------------------------------------------------------------

    def _opened(self, plate: _Plate) -> None:
        self._plate = plate
        self.show_whole()

    def _on_stopped(self, task: str) -> None:
        """Show what is known of the plate, and read no more: the one before would mislead."""
        if task == "overview" and self._asked is not None:
            self._read(*self._asked, self._show_known)

    def _show_known(self, plate: _Plate) -> None:
        self._plate = plate
        self._show(plate.picture)

    def _show(self, picture: PlatePicture) -> None:
        """Put a picture into the layers; what is in the middle of the canvas stays there."""
        assert self._plate is not None
        plate, self._picture = self._plate, picture
        span = plate.span(picture)
        place = _place_of(picture, plate.frame(span))
        before, self.scene = self.scene, None  # the camera's moves are ours
        if before is not None and before.span != span:
            self._magnify(span / before.span)
        picture.set_contrast(self._session.shown_limits)
        picture.take_dirty()
        self._layers.show(picture.stains, self._session.shown_limits, place)
        mosaic = Mosaic(_tiles(plate, picture.block), (picture.tile, picture.tile))
        self.scene = PlateScene(mosaic, place, picture.block, span, span < plate.well_size)
        self.shown.emit(self.scene)

    def _magnify(self, times: float) -> None:
        """Thumbnails that are pieces are fewer micrometers wide than the wells: go along."""
        camera = self._viewer.scene.camera
        camera.center = tuple(times * x for x in camera.center)
        camera.zoom /= times

    # -- looking closer ---------------------------------------------------------------------------

    def _on_camera(self) -> None:
        if self.scene is not None:
            self._look_timer.start()

    def _on_stains(self, shown: object) -> None:
        if self.scene is not None:
            self._look()

    def _on_limits(self, limits: Limits) -> None:
        if self._picture is not None:
            self._picture.set_contrast(limits)
            self._layers.refresh(self._picture.take_dirty())

    def _on_reset_view(self) -> None:
        """Show all of the plate: napari fits what the layers hold, which may be a few wells."""
        if self.scene is None or self._picture is None:
            return  # napari does it for a first layer, in the midst of our own doing
        if self._plate is not None and self._picture.block != self._plate.whole:
            self.show_whole()

    def _look(self) -> None:
        """Read first what is seen, and show pictures as large as the wells are on the screen."""
        plate, scene = self._plate, self.scene
        if plate is None or scene is None:
            return
        box = self._layers.to_scene().inverse.box(seen_box(self._viewer))
        frame = plate.frame(scene.span)
        seen = frame.block_in(box.center, box.size)
        on_screen = frame.slot_um * float(self._viewer.scene.camera.zoom)
        if not len(seen) or on_screen < (_PIECE_FROM if plate.is_piece else _WHOLE_FROM):
            self._change(seen, plate.whole, tile_size(on_screen, *_SMALL))
            return
        tile = tile_size(on_screen, _WHOLE_FROM, plate.well_size)
        around = seen.grown(1, plate.dataset.layout) if tile <= _PIECE_FROM else seen
        self._change(seen, around, tile)

    def _change(self, seen: Block, block: Block, tile: int) -> None:
        """Show a block at some size, unless what is shown does as well."""
        plate, picture = self._plate, self._picture
        assert plate is not None
        assert picture is not None
        self._tasks.cancel("overview look")
        is_whole = block == plate.whole
        if picture.tile == tile and picture.block.holds(block if is_whole else seen):
            self._look_at(seen)
            return
        fill = plate.fill

        def work(progress: Progress) -> PlatePicture:
            return fill.whole(tile) if is_whole else fill.part(block, tile)

        def done(picture: PlatePicture) -> None:
            if self._plate is plate:
                self._show(picture)
                self._look_at(seen)

        self._tasks.run("overview look", work, done, self._session.say)

    def _look_at(self, seen: Block) -> None:
        assert self._plate is not None
        assert self._picture is not None
        channels = {i + 1 for i, shown in enumerate(self._layers.shown) if shown}
        large = None if self._picture.block == self._plate.whole else self._picture
        self._plate.fill.look_at(set(seen.positions()), channels, large)
        self._fill()

    # -- reading and drawing ----------------------------------------------------------------------

    def _fill(self) -> None:
        plate = self._plate
        if plate is None:
            return
        self._refresh_timer.start(_REFRESH_MS[0])
        if plate.fill.left and not self._tasks.is_running("overview fill"):
            text = f"reading the wells of {plate.plate}"
            fill = plate.fill
            self._tasks.run("overview fill", fill.run, self._filled, self._session.say, text)

    def _filled(self, nothing: None) -> None:
        self._fill()  # something may have been added at the last moment
        self._refresh()

    def _refresh(self) -> None:
        """Draw what was read since the last time, and again after a while."""
        if self._picture is None:
            return
        changed = self._picture.take_dirty()
        self._layers.refresh(changed)
        if changed or self._tasks.is_running("overview fill"):
            later = min(_REFRESH_MS[1], round(_SLOWER * self._refresh_timer.interval()))
            self._refresh_timer.start(later)


def _read_plate(dataset: Dataset, plate: PlateId, tile: int) -> _Plate:
    from napari_rxrx3.data.thumbnails.plate_fill import PlateFill

    rows = dataset.wells_of_plate(plate)
    positions = (rows["row"] * N_COLUMNS + rows["column"]).tolist()
    labels = {
        position: (str(well_id), f"{row['address']}  {name_of_well(row)}")
        for position, well_id, row in zip(
            positions, rows.index, rows.to_dict("records"), strict=True
        )
    }
    wells = {position: well_id for position, (well_id, _) in labels.items()}
    fill = PlateFill(dataset, plate, dataset.thumbnails_of(plate), wells)
    return _Plate(dataset, plate, fill, labels, fill.whole(tile))


def _tiles(plate: _Plate, block: Block) -> tuple[Tile, ...]:
    return tuple(
        Tile(well_id, label, row - block.rows.start, column - block.columns.start)
        for (row, column), (well_id, label) in (
            (divmod(position, N_COLUMNS), names) for position, names in plate.labels.items()
        )
        if row in block.rows and column in block.columns
    )


def _place_of(picture: PlatePicture, frame: PlateFrame) -> Place:
    pixel = picture.scale_um(frame)
    top, left = picture.origin_um(frame)
    return Place(pixel, (top + pixel / 2, left + pixel / 2))

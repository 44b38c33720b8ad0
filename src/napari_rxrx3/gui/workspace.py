"""One viewer's session with what serves it: loader, layers, labels, background tasks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.contrast import Limits, limits_of
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import in_grid
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.core.plate import N_CHANNELS, PlateId
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.data.dataset import Dataset, open_dataset
from napari_rxrx3.gui.canvas_labels import CanvasLabels
from napari_rxrx3.gui.layers import StainLayers
from napari_rxrx3.gui.loader import Picture, PictureLoader
from napari_rxrx3.gui.tasks import Progress, Tasks
from napari_rxrx3.gui.widgets import shortcut
from napari_rxrx3.session import CONTRAST_RULES, Session, name_of_well

__all__ = ["Workspace", "workspace_of"]

_CONTROLS_SAMPLED = 4
_DEFAULT_LIMITS: Limits = ((0.0, 255.0),) * N_CHANNELS

_of_viewer: dict[Any, Workspace] = {}


def workspace_of(viewer: Any) -> Workspace:
    """Return the viewer's workspace; made on first use, the same for every dock of the viewer."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins get a proxy
    if viewer not in _of_viewer:
        workspace = _of_viewer[viewer] = Workspace(viewer)
        window = viewer.window._qt_window
        window.destroyed.connect(partial(_end, viewer, workspace.tasks, workspace.loader))
    return _of_viewer[viewer]


def _end(viewer: Any, tasks: Tasks, loader: PictureLoader) -> None:
    """Stop all work of a closed window; what is still running ends unheard."""
    _of_viewer.pop(viewer, None)
    tasks.close()
    loader.close()


class Workspace(QObject):
    """Turns what the session asks for into pictures in the canvas."""

    def __init__(self, viewer: Any) -> None:
        window = viewer.window._qt_window  # the only way to its keys and its closing
        super().__init__(window)
        self.viewer = viewer
        self.session = Session()
        self.tasks = Tasks(self)
        self.loader = PictureLoader(self)
        self.layers = StainLayers(viewer)
        self.labels = CanvasLabels(viewer, _canvas_of(viewer))
        self.picture: Picture | None = None
        self._limits_plate: PlateId | None = None
        self._no_controls = False
        self._connect()
        self._bind_keys(window)

    def open_path(self, path: str) -> None:
        """Open a data set in the background and show its first plate."""
        self.tasks.cancel("demo")

        def work(progress: Progress) -> Dataset:
            dataset = open_dataset(path, progress=progress)
            progress(0, 0, "joining metadata, images and embeddings")
            len(dataset.wells), len(dataset.plates)
            # the first look-up of a well makes an index, which takes a second for all of RxRx3
            dataset.wells.index.get_indexer(dataset.wells.index[:1])
            return dataset

        self.tasks.run("open", work, self._opened, self.session.say, f"opening {path}")

    def open_demo(self, folder: str | None = None) -> None:
        """Write the demo data once, then open them."""
        from napari_rxrx3.data.cache import demo_folder
        from napari_rxrx3.data.demo import write_demo

        def work(progress: Progress) -> str:
            return str(write_demo(demo_folder(folder), progress=progress))

        text = "making the demo data (once)"
        self.tasks.cancel("open")
        self.tasks.run("demo", work, self.open_path, self.session.say, text)

    @property
    def is_idle(self) -> bool:
        """Nothing is being read or computed."""
        return self.tasks.is_idle and self.loader.is_idle

    def show_contrast_from_controls(self) -> None:
        """Measure the plate's controls again and use their limits."""
        if self.session.contrast_rule == CONTRAST_RULES[0]:
            self._limits_plate = None
            self._measure_controls()
        else:
            self.session.set_contrast_rule(CONTRAST_RULES[0])

    def _connect(self) -> None:
        session = self.session
        session.dataset_changed.connect(self._on_dataset)
        session.tiles_changed.connect(self._on_tiles)
        session.contrast_rule_changed.connect(self._on_contrast_rule)
        session.limits_changed.connect(self._on_limits)
        self.tasks.stopped.connect(lambda task: session.say("Stopped."))
        self.loader.ready.connect(self._on_picture)
        self.layers.limits_edited.connect(self._on_limits_edited)
        self.viewer.mouse_double_click_callbacks.append(self._on_double_click)
        self.viewer.mouse_move_callbacks.append(self._on_mouse_move)

    def _bind_keys(self, window: QWidget) -> None:
        for stain in STAINS:
            key = str(stain.number)
            shortcut(window, key, partial(self.layers.toggle, stain.number))
            # Shift+1 arrives as the sign above the 1, which differs from keyboard to keyboard
            for alone in (f"Shift+{key}", "!@#$%^"[stain.number - 1]):
                shortcut(window, alone, partial(self.layers.show_alone, stain.number))

    def _opened(self, dataset: Dataset) -> None:
        self.session.open(dataset)
        unreadable = [p.detail for p in dataset.problems if p.kind == "unreadable_file"]
        more = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
        said = f"{unreadable[0]}{more}. " if unreadable else ""
        self.session.say(f"{said}{dataset.name}: {dataset.describe()}")

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self.tasks.cancel("contrast")
        self.loader.drop()
        self._limits_plate = None
        self.picture = None
        self.labels.set_mosaic(None, {})
        self.layers.clear()
        self._set_title("")

    def _on_tiles(self, tiles: tuple[Any, ...]) -> None:
        if self.session.dataset is None or not tiles:
            self.loader.drop()
            return
        canvas = self.labels.size()
        arranged = in_grid(tiles, canvas.width() / max(1, canvas.height()))
        self.loader.request(self.session.dataset, arranged)
        if self._limits_plate != self.session.plate:
            self._measure_controls()

    def _on_picture(self, picture: Picture) -> None:
        self.picture = picture
        by_well = self.session.contrast_rule == CONTRAST_RULES[1]
        by_controls = self.session.contrast_rule == CONTRAST_RULES[0]
        if by_well or self.session.limits is None or (by_controls and self._no_controls):
            self._use_limits_of(picture)
        self.layers.show(picture.stains, self.session.limits or _DEFAULT_LIMITS)
        self.labels.set_mosaic(picture.mosaic, _notes(picture))
        self._set_title(self._title())
        self._note_failures(picture)
        self._read_ahead()

    def _use_limits_of(self, picture: Picture) -> None:
        """Take the limits from the first tile, the query; a stain it lacks keeps its own."""
        well = picture.mosaic.tiles[0].well_id or ""
        planes = [picture.planes.get((well, c)) for c in range(1, N_CHANNELS + 1)]
        if any(plane is not None for plane in planes):
            before = self.session.limits or _DEFAULT_LIMITS
            limits = (
                limits_of([plane]) if plane is not None else pair
                for plane, pair in zip(planes, before, strict=True)
            )
            self.session.set_limits(tuple(limits))

    def _on_contrast_rule(self, rule: str) -> None:
        if rule == CONTRAST_RULES[0]:
            self._limits_plate = None
            self._measure_controls()
        elif rule == CONTRAST_RULES[1] and self.picture is not None:
            self._use_limits_of(self.picture)

    def _on_limits(self, limits: Limits) -> None:
        self.layers.set_limits(limits)

    def _on_limits_edited(self, limits: Limits) -> None:
        self.session.set_contrast_rule(CONTRAST_RULES[2])
        self.session.set_limits(limits)

    def _measure_controls(self) -> None:
        dataset, plate = self.session.dataset, self.session.plate
        if dataset is None or plate is None or self.session.contrast_rule != CONTRAST_RULES[0]:
            return
        self._limits_plate = plate
        self._no_controls = False

        def done(limits: Limits | str) -> None:
            if self.session.contrast_rule != CONTRAST_RULES[0]:
                return
            self._no_controls = isinstance(limits, str)
            if not isinstance(limits, str):
                self.session.set_limits(limits)
            else:
                self.session.say(f"Contrast from each well: {limits}")
                if self.picture is not None and self.loader.is_idle:
                    self._use_limits_of(self.picture)

        def work(progress: Progress) -> Limits | str:
            return control_limits(dataset, plate, progress)

        self.tasks.run("contrast", work, done, self.session.say)

    def _note_failures(self, picture: Picture) -> None:
        failures: dict[str, str] = {}
        for (well, _), error in sorted(picture.failures.items()):
            if not getattr(error, "missing", False):  # the map shows what is not there
                failures.setdefault(well, str(error))
        if failures:
            self.session.note_failures(failures)
            self.session.say(next(iter(failures.values())))

    def _read_ahead(self) -> None:
        """Read the wells around the current one: the next arrow key leads there."""
        dataset, well = self.session.dataset, self.session.well
        if dataset is None or well is None or self.session.plate is None:
            return
        row = dataset.wells.loc[well]
        wells = dataset.wells_of_plate(self.session.plate)
        wells = wells[wells["has_image"]]
        distance = (wells["row"] - row["row"]).abs() + (wells["column"] - row["column"]).abs()
        near = wells.index[(distance == 1).to_numpy()]
        self.loader.prefetch(dataset, [str(w) for w in near])

    def _title(self) -> str:
        session = self.session
        if session.well is None or session.plate is None:
            return ""
        row = session.well_row(session.well)
        return f"{name_of_well(row)}   {session.plate}, {row['address']}"

    def _set_title(self, text: str) -> None:
        overlay = self.viewer.canvas.overlays.text
        overlay.text = text
        overlay.visible = bool(text)
        overlay.position = "top_left"
        self.viewer.canvas.overlays.scale_bar.visible = bool(text)

    def _tile_under(self, position: Any) -> Any:
        if self.picture is None or self.viewer.dims.ndisplay != 2:
            return None
        y, x = self.layers.to_pixels(position)
        return self.picture.mosaic.tile_at(y, x)

    def _on_double_click(self, viewer: Any, event: Any) -> None:
        tile = self._tile_under(event.position)
        if tile is not None and tile.well_id is not None and tile.well_id != self.session.well:
            self.session.select_well(tile.well_id)
            event.handled = True

    def _on_mouse_move(self, viewer: Any, event: Any) -> None:
        tile = self._tile_under(event.position)
        if tile is not None and tile.well_id is not None and len(self.session.tiles) > 1:
            # napari's status line takes what looks like rich text for rich text
            viewer.status = f"{tile.label}   {tile.well_id}".replace("<", "‹")


def control_limits(dataset: Dataset, plate: PlateId, progress: Progress) -> Limits | str:
    """Contrast limits of a plate from a few of its EMPTY_control wells, spread over the plate.

    Why there are none, if the plate has no control with images or none can be read; a stain that
    no control has keeps 0..255.
    """
    limits = list(_DEFAULT_LIMITS)
    why = f"{plate} has no control with images."
    measured = False
    sampled = _some_controls(dataset, plate)
    for channel in range(1, N_CHANNELS + 1):
        planes = []
        for well in sampled:
            progress(channel, N_CHANNELS, "")
            try:
                planes.append(dataset.plane(well, channel))
            except RxRx3Error as error:
                why = str(error)
        if planes:
            limits[channel - 1] = limits_of(planes)
            measured = True
    return tuple(limits) if measured else why


def _some_controls(dataset: Dataset, plate: PlateId) -> list[str]:
    wells = dataset.wells_of_plate(plate)
    controls = wells.index[(wells["treatment"] == EMPTY_CONTROL) & wells["has_image"]]
    if not len(controls):
        return []
    spread = np.linspace(0, len(controls) - 1, _CONTROLS_SAMPLED).round().astype(int)
    return [str(controls[i]) for i in dict.fromkeys(spread.tolist())]


def _notes(picture: Picture) -> dict[str, str]:
    """For each well with planes that could not be read: which stains, and why."""
    stains: dict[str, dict[str, list[str]]] = {}
    for (well, channel), error in sorted(picture.failures.items()):
        cause = getattr(error, "cause", str(error))
        stains.setdefault(well, {}).setdefault(cause, []).append(STAINS[channel - 1].name)
    return {
        well: "\n".join(
            f"{'all six stains' if len(names) == len(STAINS) else ', '.join(names)}: {cause}"
            for cause, names in causes.items()
        )
        for well, causes in stains.items()
    }


def _canvas_of(viewer: Any) -> QWidget:
    """The widget that napari draws in; napari has no public way to it."""
    return viewer.window._qt_viewer.canvas.native

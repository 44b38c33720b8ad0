"""One viewer's session with what serves it: loader, layers, labels, background tasks."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication, QWidget

from napari_rxrx3.core.contrast import Limits, limits_of
from napari_rxrx3.core.mosaic import Tile, in_grid
from napari_rxrx3.core.plate import N_CHANNELS, PlateId
from napari_rxrx3.core.stains import PIXEL_SIZE_UM, STAINS
from napari_rxrx3.gui.canvas.canvas_labels import CanvasLabels
from napari_rxrx3.gui.canvas.layers import StainLayers
from napari_rxrx3.gui.canvas.loader import Picture, PictureLoader
from napari_rxrx3.gui.canvas.overview import PlateOverview, PlateScene
from napari_rxrx3.gui.canvas.view_switch import ViewSwitch
from napari_rxrx3.gui.preferences import follow_preferences
from napari_rxrx3.gui.tasks import MainThread, Progress, Tasks
from napari_rxrx3.gui.widgets import shortcut
from napari_rxrx3.session import CONTRAST_RULES, Session, name_of_well

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["Workspace", "workspace_of"]

_AHEAD_MS = 150

_of_viewer: dict[Any, Workspace] = {}


def workspace_of(viewer: Any) -> Workspace:
    """Return the viewer's workspace; made on first use, the same for every dock of the viewer."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins get a proxy
    if viewer not in _of_viewer:
        workspace = _of_viewer[viewer] = Workspace(viewer)
        window = viewer.window._qt_window
        window.destroyed.connect(partial(_end, viewer, workspace.tasks, workspace.loader))
        _follow_quitting()
    return _of_viewer[viewer]


@cache
def _follow_quitting() -> None:
    QApplication.instance().aboutToQuit.connect(_end_all)


def _end_all() -> None:
    """End all work before Python does, which waits for its threads."""
    for viewer, workspace in list(_of_viewer.items()):
        _end(viewer, workspace.tasks, workspace.loader)


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
        self._main = MainThread()
        self.loader = PictureLoader(self)
        self.layers = StainLayers(viewer)
        canvas = _canvas_of(viewer)
        self.labels = CanvasLabels(viewer, canvas)
        self.view_switch = ViewSwitch(canvas)
        self.overview = PlateOverview(viewer, self.layers, self.session, self.tasks, self)
        self.picture: Picture | None = None
        self._limits_plate: PlateId | None = None
        self._no_controls = False
        # not while the picture is drawn, nor while a key is held down
        self._ahead_timer = QTimer(self, singleShot=True, interval=_AHEAD_MS)
        self._ahead_timer.timeout.connect(self._read_ahead)
        self._connect()
        self._bind_keys(window)
        follow_preferences()

    def open_path(self, path: str) -> None:
        """Open a data set in the background and show its first plate."""
        self.tasks.cancel("demo")

        def work(progress: Progress) -> Dataset:
            from napari_rxrx3.data.dataset import open_dataset

            dataset = open_dataset(path, progress=progress)
            dataset.progress = None  # that of this task; the vectors are read by another one
            len(dataset.known_plates)
            return dataset

        self.tasks.run("open", work, self._opened, self.session.say, f"opening {path}")

    def open_demo(self, folder: str | None = None) -> None:
        """Write the demo data once, then open them."""
        from napari_rxrx3.data.demo.screen_files import write_demo
        from napari_rxrx3.data.kept.cache import demo_folder

        def work(progress: Progress) -> str:
            return str(write_demo(demo_folder(folder), progress=progress))

        text = "making the demo data (once)"
        self.tasks.cancel("open")
        self.tasks.run("demo", work, self.open_path, self.session.say, text)

    @property
    def is_idle(self) -> bool:
        """Nothing is being read, computed or waiting to be drawn."""
        return self.tasks.is_idle and self.loader.is_idle and self.overview.is_settled

    @property
    def is_reading_ahead(self) -> bool:
        """Wells around the current one are being read, or will be in a moment."""
        return self._ahead_timer.isActive() or self.loader.is_reading_ahead

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
        session.vectors_wanted.connect(self._read_vectors)
        session.plate_changed.connect(self._on_plate)
        session.well_changed.connect(self.labels.set_current)
        session.tiles_changed.connect(self._on_tiles)
        session.view_changed.connect(self._on_view)
        session.contrast_rule_changed.connect(self._on_contrast_rule)
        session.limits_changed.connect(self._on_limits)
        self.tasks.stopped.connect(lambda task: session.say("Stopped."))
        self.loader.ready.connect(self._on_picture)
        self.overview.shown.connect(self._on_scene)
        self.view_switch.chosen.connect(self._choose_view)
        self.layers.limits_edited.connect(self._on_limits_edited)
        self.viewer.mouse_double_click_callbacks.append(self._on_double_click)
        self.viewer.mouse_move_callbacks.append(self._on_mouse_move)

    def _bind_keys(self, window: QWidget) -> None:
        shortcut(window, "0", self._toggle_view)
        for stain in STAINS:
            key = str(stain.number)
            shortcut(window, key, partial(self.layers.toggle, stain.number))
            # Shift+1 arrives as the sign above the 1, which differs from keyboard to keyboard
            for alone in (f"Shift+{key}", "!@#$%^"[stain.number - 1]):
                shortcut(window, alone, partial(self.layers.show_alone, stain.number))

    def _opened(self, dataset: Dataset) -> None:
        self.session.open(dataset)
        self._say_what_is_here(dataset)

    def _say_what_is_here(self, dataset: Dataset) -> None:
        unreadable = [p.detail for p in dataset.problems if p.kind == "unreadable_file"]
        more = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
        said = f"{unreadable[0]}{more}. " if unreadable else ""
        self.session.say(f"{said}{dataset.name}: {dataset.describe()}")

    def _read_vectors(self, dataset: Dataset) -> None:
        """Read vectors in the background; who needs them waits, the rest of the window does not."""

        def done(_: None) -> None:
            self._say_what_is_here(dataset)

        if not self.tasks.is_running("vectors"):
            text = "reading vectors"
            self.tasks.run("vectors", dataset.read_vectors, done, self.session.say, text)

    def _on_vectors(self) -> None:
        """Called by whichever thread has read vectors."""
        self._main.call(self._note_vectors)

    def _note_vectors(self) -> None:
        if self in _of_viewer.values():  # the window is still there
            self.session.note_wells()

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self.tasks.cancel("contrast")
        self.tasks.cancel("vectors")
        if dataset is not None:
            dataset.vectors_changed.connect(self._on_vectors)
            self.session.want_vectors()
        self.loader.drop()
        self._limits_plate = None
        self.picture = None
        self.overview.close()
        self.session.set_view("well")
        self.labels.set_mosaic(None, {})
        self.layers.clear()
        self._set_title("")
        self.view_switch.setVisible(dataset is not None)
        self.view_switch.set_view("well")

    def _on_plate(self, plate: PlateId | None) -> None:
        if self.session.view == "plate" and plate is not None:
            self._open_overview()

    def _on_view(self, view: str) -> None:
        self.view_switch.set_view(view)
        if view == "plate":
            self._open_overview()
        else:
            self.overview.close()
            self.layers.forget_fit()
            self._on_tiles(self.session.tiles)

    def _choose_view(self, view: str) -> None:
        if view == self.session.view == "plate":
            self.overview.show_whole()
        self.session.set_view(view)

    def _toggle_view(self) -> None:
        if self.session.dataset is not None:
            self.session.set_view("well" if self.session.view == "plate" else "plate")

    def _open_overview(self) -> None:
        dataset, plate = self.session.dataset, self.session.plate
        if dataset is None or plate is None:
            return
        self.loader.drop()
        self.overview.open(dataset, plate)
        if self._limits_plate != plate:
            self._measure_controls()

    def _on_scene(self, scene: PlateScene) -> None:
        self.picture = None
        self.labels.set_mosaic(scene.mosaic, self.session.failures, scene.place, scene.block)
        piece = round(scene.span * PIXEL_SIZE_UM)
        what = f"   {piece} µm of each well" if scene.is_piece else ""
        self._set_title(f"{self.session.plate}{what}")

    def _on_tiles(self, tiles: tuple[Any, ...]) -> None:
        if self.session.dataset is None or not tiles:
            self.loader.drop()
            return
        self._ahead_timer.stop()
        if self.session.view == "plate":
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
        self.layers.show(picture.stains, self.session.shown_limits)
        height, width = picture.mosaic.shape
        size_um = height * PIXEL_SIZE_UM, width * PIXEL_SIZE_UM
        self.layers.fit(size_um, size_um)
        self._set_title(self._title_of(picture.mosaic.tiles[0].well_id))
        self.labels.set_mosaic(picture.mosaic, picture.notes)
        if not picture.is_first:
            self._note_failures(picture)
            self._ahead_timer.start()

    def _use_limits_of(self, picture: Picture) -> None:
        """Take the limits from the first tile, the query; a stain it lacks keeps its own."""
        well = picture.mosaic.tiles[0].well_id or ""
        planes = [picture.planes.get((well, c)) for c in range(1, N_CHANNELS + 1)]
        if any(plane is not None for plane in planes):
            before = self.session.shown_limits
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
            from napari_rxrx3.data.pixels.control_limits import control_limits

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
        row = dataset.row(well)
        wells = dataset.wells_of_plate(self.session.plate)
        wells = wells[wells["has_image"]]
        distance = (wells["row"] - row["row"]).abs() + (wells["column"] - row["column"]).abs()
        near = wells.index[(distance == 1).to_numpy()]
        self.loader.prefetch(dataset, [str(w) for w in near])

    def _title_of(self, well_id: str | None) -> str:
        well_id = well_id or self.session.well
        if well_id is None:
            return ""
        row = self.session.well_row(well_id)
        plate = PlateId(row["experiment_name"], int(row["plate"]))
        return f"{name_of_well(row)}   {plate}, {row['address']}"

    def _set_title(self, text: str) -> None:
        self.labels.set_title(text)
        self.viewer.canvas.overlays.scale_bar.visible = bool(text)

    def _tile_under(self, position: Any) -> Tile | None:
        shown = self.overview.scene or self.picture
        if shown is None or self.viewer.dims.ndisplay != 2:
            return None
        return shown.mosaic.tile_at(*self.layers.to_pixels(position))

    def _on_double_click(self, viewer: Any, event: Any) -> None:
        tile = self._tile_under(event.position)
        if tile is None or tile.well_id is None:
            return
        if self.overview.scene is not None or tile.well_id != self.session.well:
            self.session.open_well(tile.well_id)
            event.handled = True

    def _on_mouse_move(self, viewer: Any, event: Any) -> None:
        tile = self._tile_under(event.position)
        if tile is None or tile.well_id is None:
            return
        if self.overview.scene is not None or len(self.session.tiles) > 1:
            # napari's status line takes what looks like rich text for rich text
            viewer.status = f"{tile.label}   {tile.well_id}".replace("<", "‹")


def _canvas_of(viewer: Any) -> QWidget:
    """The widget that napari draws in; napari has no public way to it."""
    return viewer.window._qt_viewer.canvas.native

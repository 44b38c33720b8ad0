"""One viewer's session with what serves it: loader, layers, labels, background tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication, QWidget
from superqt.utils import ensure_main_thread

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import printable
from napari_rxrx3.core.mosaic import Tile, arranged
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.secrets import public
from napari_rxrx3.diagnostics.log import note
from napari_rxrx3.gui.canvas.bottom_row import BottomRow
from napari_rxrx3.gui.canvas.canvas_labels import CanvasLabels
from napari_rxrx3.gui.canvas.canvas_map import Box, is_transposed, shows_last_axes
from napari_rxrx3.gui.canvas.difference_view import Difference, DifferenceView
from napari_rxrx3.gui.canvas.layers import Margins, Place, StainLayers
from napari_rxrx3.gui.canvas.loader import Picture, PictureLoader
from napari_rxrx3.gui.canvas.overview import PlateOverview, PlateScene
from napari_rxrx3.gui.canvas.plate_contrast import PlateContrast
from napari_rxrx3.gui.canvas.titles import crop_in_words, field_in_words, title_of
from napari_rxrx3.gui.canvas.user_layers import CanvasContent, UserLayers, WellPlace
from napari_rxrx3.gui.canvas.zoom_view import ZoomView
from napari_rxrx3.gui.cells.counter import COUNTING, CellCounter
from napari_rxrx3.gui.changed_files import ChangedFiles, failures_of
from napari_rxrx3.gui.docks import Docks
from napari_rxrx3.gui.focus import show_focus
from napari_rxrx3.gui.keys import Keys
from napari_rxrx3.gui.napari_window import canvas_of, drop_target_of, main_window_of, unwrapped
from napari_rxrx3.gui.opening import Opening
from napari_rxrx3.gui.preferences import follow_preferences
from napari_rxrx3.gui.strips.arranger import Arranger
from napari_rxrx3.gui.strips.keys import bind_strip_keys
from napari_rxrx3.gui.strips.well_drag import WellDrop
from napari_rxrx3.gui.widgets import OnDestroyed
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress, Tasks
from napari_rxrx3.session import Session
from napari_rxrx3.strips.wells import wells_gone_to_next

if TYPE_CHECKING:
    from napari_rxrx3.data.screen_file import ScreenFile
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.gui.screen_form import ScreenForm

__all__ = ["Workspace", "workspace_of", "workspaces"]

_AHEAD_MS = 150
_ROOM_MS = 60  # while a dock is dragged, the canvas gets another size many times
_STOPPED = {
    "vectors": "Stopped. What was read of the vectors stays: ask for neighbors, and it goes on.",
    "check": "Stopped. What was checked by then is kept: ask again, and it goes on.",
    COUNTING: "Stopped. What was measured by then is kept: ask again, and it goes on.",
}
_UNREAD = ("unreadable_file", "packed_file")
_SIDE = 8  # points of the canvas on both sides of a picture

_of_viewer: dict[Any, Workspace] = {}


def workspace_of(viewer: Any) -> Workspace:
    """Return the viewer's workspace; made on first use, the same for every dock of the viewer."""
    viewer = unwrapped(viewer)
    if viewer not in _of_viewer:
        _of_viewer[viewer] = Workspace(viewer)
        _follow_quitting()
        show_focus()
    return _of_viewer[viewer]


def workspaces() -> list[Workspace]:
    """Those of all open windows."""
    return list(_of_viewer.values())


@cache
def _follow_quitting() -> None:
    QApplication.instance().aboutToQuit.connect(_end_all)


def _end_all() -> None:
    """End all work before Python does, which waits for its threads."""
    for viewer, workspace in list(_of_viewer.items()):
        _end(viewer, workspace.background)


def _end(viewer: Any, background: TaskGroup) -> None:
    """Stop all work of a closed window; what is still running ends unheard."""
    _of_viewer.pop(viewer, None)
    background.close()


class Workspace(QObject):
    """Turns what the session asks for into pictures in the canvas."""

    def __init__(self, viewer: Any) -> None:
        window = main_window_of(viewer)
        super().__init__(window)
        self.viewer = viewer
        self.session = Session()
        self.session.set_beside_control(True)
        self.tasks, self.loader = Tasks(self), PictureLoader(self)
        self.background = TaskGroup(self.tasks)
        """All that goes on for the window; a dock has a part of it."""
        self._at_end = OnDestroyed(self, partial(_end, viewer, self.background))
        for worker in (self.tasks, self.loader):
            self.background.add(worker)
        self.docks = Docks(viewer)
        self.layers = StainLayers(viewer)
        self.keys = Keys(viewer, window, self.session, self.layers.holds)
        canvas = canvas_of(viewer)
        self.user_layers = UserLayers(viewer, self.layers, self.session)
        self.labels = CanvasLabels(viewer, canvas, self.layers)
        self.bottom_row = BottomRow(canvas)
        self.stains, self.view_switch = self.bottom_row.stains, self.bottom_row.view_switch
        self.overview = PlateOverview(viewer, self.layers, self.session, self.background, self)
        self.arranger = Arranger(self.session, self.background, self)
        self.cells = CellCounter(self.session, self.background, self)
        WellDrop(drop_target_of(viewer), self.session)
        self.opening = Opening(viewer)
        self.zoom_view = ZoomView(viewer, self.layers, self.session, self.background, self)
        self.difference = DifferenceView(viewer, self.layers, self.session, self.background, self)
        self.contrast = PlateContrast(self.session, self.background)
        self.changed_files = ChangedFiles(self.session)
        self.picture: Picture | None = None
        self.screen_form: ScreenForm | None = None
        """The form about a screen of one's own, once it was shown."""
        self._asked_about: set[str] = set()
        self._asked: tuple[tuple[Tile, ...], int] | None = None
        # not while the picture is drawn, nor while a key is held down
        self._ahead_timer = QTimer(self, singleShot=True, interval=_AHEAD_MS)
        self._ahead_timer.timeout.connect(self._read_ahead)
        self._room_timer = self.background.timer(self, _ROOM_MS, self._on_room)
        self._connect()
        self._bind_keys(window)
        follow_preferences()
        self._connections = self.background.connections(window)
        self._follow_display()
        self._connect_stains()

    def open_path(self, path: str) -> None:
        """Open a data set in the background and show its first plate."""
        self.tasks.cancel("demo")

        def work(progress: Progress) -> Dataset:
            from napari_rxrx3.dataset import open_dataset

            return open_dataset(path, progress=progress)

        text = f"opening {public(path)}"
        self.tasks.run("open", work, self._opened, self.session.say, text)

    def open_demo(self, folder: str | None = None) -> None:
        """Write the demo data once, then open them."""
        from napari_rxrx3.data.cache.disk_cache import demo_folder
        from napari_rxrx3.data.demo.screen_files import write_demo

        def work(progress: Progress) -> str:
            return str(write_demo(demo_folder(folder), progress=progress))

        text = "making the demo data (once)"
        self.tasks.cancel("open")
        self.tasks.run("demo", work, self.open_path, self.session.say, text)

    @property
    def is_settled(self) -> bool:
        """Everything that was asked for is on screen, in the canvas and in the docks."""
        return self.background.is_settled

    def close(self, wait: bool = False) -> None:
        """Stop all work of the window; works while Qt destroys it."""
        self.background.close(wait)

    @property
    def is_reading_ahead(self) -> bool:
        """Wells around the current one are being read, or will be in a moment."""
        return self._ahead_timer.isActive() or self.loader.is_reading_ahead

    def show_contrast_from_controls(self) -> None:
        """Measure the plate's controls again and use their limits."""
        self.contrast.measure_again()

    def draw_again(self) -> None:
        """Show the same once more, since a preference changes how it is drawn."""
        if self.session.view == "plate":
            self._open_overview()
        else:
            self._asked = None
            self._on_tiles(self.session.tiles)

    def _connect(self) -> None:
        session = self.session
        session.dataset_changed.connect(self._on_dataset)
        session.vectors_wanted.connect(self._read_vectors)
        session.plate_changed.connect(self._on_plate)
        session.well_changed.connect(self.labels.set_current)
        session.tiles_changed.connect(self._on_tiles)
        session.view_changed.connect(self._on_view)
        session.crop_changed.connect(lambda _: self._on_tiles(session.tiles))
        session.field_changed.connect(self._on_field)
        session.difference_changed.connect(self._on_difference)
        session.message_changed.connect(note)
        session.limits_changed.connect(self._on_limits)
        self.tasks.stopped.connect(self._on_stopped)
        self.loader.ready.connect(self._on_picture)
        self.overview.shown.connect(self._on_scene)
        self.difference.arranging.connect(self._title_difference)
        self.difference.shown.connect(self._label_difference)
        self.difference.failed.connect(self._on_no_difference)
        self.view_switch.chosen.connect(self._choose_view)
        self.bottom_row.fields.stepped.connect(session.step_field)
        self.labels.resized.connect(self._room_timer.start)
        self.viewer.events.reset_view.connect(self._on_reset_view)
        self.layers.limits_edited.connect(self.contrast.take_from_user)
        self.viewer.mouse_double_click_callbacks.append(self._on_double_click)
        self.viewer.mouse_move_callbacks.append(self._on_mouse_move)

    def _connect_stains(self) -> None:
        session, stains, layers = self.session, self.stains, self.layers
        stains.toggled.connect(layers.toggle)
        stains.again_wanted.connect(layers.make_again)
        stains.set_chosen.connect(layers.show_only)
        stains.rule_chosen.connect(session.set_contrast_rule)
        stains.reset_asked.connect(self.show_contrast_from_controls)
        follow = self._connections.connect  # layers may change after their window has gone
        follow(session.contrast_rule_changed, stains.set_rule)
        follow(layers.stains_changed, stains.set_stains)
        follow(layers.shown_changed, stains.set_shown)
        follow(layers.removed_changed, stains.set_removed)
        follow(display.palette_changed, stains.recolor)
        stains.set_rule(session.contrast_rule)

    def _follow_display(self) -> None:
        """Draw as the user prefers, and anew when that changes, until the window is closed."""
        follow = self._connections.connect
        follow(display.palette_changed, self.layers.recolor)
        follow(display.pixel_size_changed, self.draw_again)
        follow(display.tile_size_changed, self.draw_again)
        follow(display.contrast_rule_changed, self.session.set_contrast_rule)
        self.session.set_contrast_rule(display.contrast_rule)

    def _bind_keys(self, window: QWidget) -> None:
        keys = self.keys
        bind_strip_keys(keys, window, self.session)
        for key, act in (("Alt+Left", self.session.back), ("Alt+Right", self.session.forward)):
            keys.bind(window, key, act)
        for key, step in (("PgUp", -1), ("PgDown", 1)):
            keys.bind(window, key, partial(self.session.step_plate, step))
        for key, step in (("F", 1), ("Shift+F", -1)):
            keys.bind(window, key, partial(self.session.step_field, step))
        keys.bind_digit(window, "0", 0, self._toggle_view)
        for number, sign in enumerate("!@#$%^&*(", start=1):
            alone = partial(self._if_stain, number, self.layers.show_alone)
            toggle = partial(self._if_stain, number, self.layers.toggle)
            keys.bind_digit(window, str(number), number, toggle)
            # Shift+1 arrives as the sign above the 1, which differs from keyboard to keyboard,
            # but where digits are above Shift
            keys.bind_digit(window, f"Shift+{number}", number, alone)
            keys.bind(window, sign, alone)

    def _if_stain(self, number: int, act: Callable[[int], None]) -> None:
        """Do something with a stain, if the data set has one of this number."""
        if number <= len(self.session.stains):
            act(number)

    def _opened(self, dataset: Dataset) -> None:
        self.session.open(dataset)
        self.say_what_is_here(dataset)
        if dataset.own_table is not None and not dataset.is_asked:
            self._ask_about(dataset)

    def _ask_about(self, dataset: Dataset) -> None:
        """Have the user say what a table of wells of a screen of one's own says."""
        from napari_rxrx3.gui.screen_form import ScreenForm

        if dataset.address in self._asked_about:
            return
        self._asked_about.add(dataset.address)
        self.screen_form = ScreenForm(dataset, main_window_of(self.viewer))
        self.screen_form.told.connect(partial(self._keep_screen_file, dataset))
        self.screen_form.show()

    def _keep_screen_file(self, dataset: Dataset, said: ScreenFile, beside: bool) -> None:
        """Keep what was said of a data set, and open it again."""

        def work(_: Progress) -> str:
            from napari_rxrx3.data.screen_file import save_screen_file

            save_screen_file(said, dataset.home, beside=beside)
            return dataset.address

        self.tasks.run(
            "screen file", work, self.open_path, self.session.say, "keeping what was said"
        )

    def say_what_is_here(self, dataset: Dataset) -> None:
        unreadable = [p.detail for p in dataset.problems if p.kind in _UNREAD]
        more = f" and {len(unreadable) - 1:,} more" if len(unreadable) > 1 else ""
        said = f"{unreadable[0]}{more}. " if unreadable else ""
        self.session.say(f"{said}{printable(dataset.name)}: {dataset.describe()}")

    def _read_vectors(self, dataset: Dataset) -> None:
        """Read vectors in the background; who needs them waits, the rest of the window does not."""

        def done(_: None) -> None:
            self.say_what_is_here(dataset)

        if not self.tasks.is_running("vectors"):
            text = "reading vectors"
            self.tasks.run("vectors", dataset.read_vectors, done, self.session.say, text)

    def _on_vectors(self) -> None:
        """Called by whichever thread has read vectors."""
        self._note_vectors()

    @ensure_main_thread
    def _note_vectors(self) -> None:
        if self in _of_viewer.values():  # the window is still there
            self.session.note_wells()

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self.tasks.cancel("vectors")
        self.zoom_view.leave()
        self.difference.leave()
        if dataset is not None:
            self._remember(dataset.address)
            dataset.vectors_changed.connect(self._on_vectors)
            self.session.want_vectors()
        self.loader.forget()
        self.layers.set_stains(self.session.stains)
        self.contrast.forget()  # which may tell the layers other limits, of as many stains
        self.stains.offer_file(dataset is not None and dataset.images.has_windows)
        if self.screen_form is not None:  # about what was open before
            self.screen_form.close()
            self.screen_form.deleteLater()
            self.screen_form = None
        self.picture = self._asked = None
        self.overview.close()
        self.labels.set_mosaic(None, {})
        self.user_layers.follow(None)
        self.layers.clear()
        self._set_title("")
        self._offer_fields()
        self.bottom_row.set_visible(dataset is not None)
        self.view_switch.set_view("well")

    def _remember(self, address: str) -> None:
        """Offer an address again the next time."""

        def work(_: Progress) -> None:
            from napari_rxrx3.data.files.addresses import remember_address

            remember_address(address)

        if "://" in address:
            self.tasks.run("remember", work, lambda _: None, self.session.say)

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
        self._asked = None
        self._ahead_timer.stop()
        self.zoom_view.leave()
        self.difference.leave()
        self._set_margins()
        self.overview.open(dataset, plate)
        self.contrast.follow_plate()

    def _on_scene(self, scene: PlateScene) -> None:
        self.keys.look()
        self._offer_fields()
        self.picture = None
        self.labels.set_mosaic(scene.mosaic, self.session.failures, scene.place, scene.block)
        self._follow_content((self.session.plate, scene.span), {}, str(self.session.plate))
        piece = round(scene.span * self.session.pixel_um)
        what = f"   the {piece} µm at the top middle of each well" if scene.is_piece else ""
        self._set_title(f"{self.session.plate}{what}{field_in_words(self.session)}")

    def _on_tiles(self, tiles: tuple[Any, ...]) -> None:
        if self.session.dataset is None or not tiles:
            self.loader.drop()
            self._asked = None
            return
        if self.session.view == "plate":
            self._ahead_timer.stop()
            self.contrast.expect()  # what was shown is not what the session has now
            return
        strip = self.session.strip
        keep = strip is not None and strip.is_arranged
        placed = arranged(tiles, self._aspect, keep=keep)
        asked, self._asked = self._asked, (placed, self.session.crop)
        if asked == self._asked:  # tiles and view may have changed at once
            return
        self._ahead_timer.stop()
        self.contrast.expect()
        self.difference.leave()
        self.zoom_view.leave()
        self.loader.request(self.session.dataset, placed, self.session.crop)
        self.contrast.follow_plate()

    @property
    def _aspect(self) -> float:
        """Width over height of what the canvas has for pictures, if only a title is above them."""
        size = self.labels.height(), self.labels.width()
        height, width = self._margins.room(size)
        return height / width if is_transposed(self.viewer) else width / height

    @property
    def _margins(self) -> Margins:
        return Margins(self.labels.title_height, _SIDE, self.bottom_row.height, _SIDE)

    def _set_margins(self) -> None:
        margins = self._margins
        margins = margins._replace(top=margins.top + self.labels.subtitle_height)
        if self.session.view == "plate":
            above, beside = self.labels.edge_size
            margins = margins._replace(top=margins.top + above, left=margins.left + beside)
        self.layers.margins = margins

    def _on_room(self) -> None:
        """Use the room of a canvas of another size, unless the user looks at a part of it."""
        if self.session.dataset is None:
            return
        self._set_margins()
        if not (self.layers.is_fitted and self.layers.is_in_place):
            return
        if self.session.view != "plate":
            self._on_tiles(self.session.tiles)
            self.difference.arrange_again()
        self.layers.fit_again()

    def _on_reset_view(self) -> None:
        """Napari shows all of the layers; if they are ours, they will fill the canvas as at first.

        Not at once: napari's own export of figures looks at all of them only for a moment.
        """
        is_flat = shows_last_axes(self.viewer) and not self.viewer.canvas.grid.enabled
        if self.labels.title and self.layers.is_alone and is_flat:
            self.layers.note_home()
            self._room_timer.start()

    def _on_picture(self, picture: Picture) -> None:
        self._offer_fields()
        if not picture.is_first:
            self._note_failures(picture)
            self._ahead_timer.start()
        self.contrast.note(picture)
        self.picture = picture
        self._present(picture)

    def _present(self, picture: Picture) -> None:
        if not self.session.difference:
            self._show_picture(picture)
        elif not picture.is_first and self.session.dataset is not None:
            self.difference.show(self.session.dataset, picture)

    def _show_picture(self, picture: Picture) -> None:
        place = Place.of_pixels(self.session.pixel_um, picture.reduction)
        limits, hatches = self.session.shown_limits, picture.hatches
        self.layers.show(picture.stains, limits, place, hatches=hatches)
        self.keys.look()
        height, width = picture.mosaic.shape
        size_um = height * place.pixel_um, width * place.pixel_um
        self._set_title(title_of(self.session, picture), crop_in_words(picture))
        self.layers.fit(size_um, size_um)
        self.labels.set_mosaic(picture.mosaic, picture.notes, place)
        self._follow_picture(picture)
        if self.session.dataset is not None:
            self.zoom_view.follow(self.session.dataset, picture)

    def _on_field(self, field: int) -> None:
        """Show another field in the place of the one that is shown, in the same contrast."""
        dataset = self.session.dataset
        if dataset is not None:
            self._offer_fields()
            self.loader.forget()
            self.draw_again()

    def _offer_fields(self) -> None:
        """Say which field is shown; of a server, how many there are is known once wells are."""
        dataset = self.session.dataset
        n_fields = len(dataset.fields) if dataset is not None else 1
        self.bottom_row.set_field(self.session.field, n_fields)

    def _on_difference(self, difference: bool) -> None:
        if not difference:
            self.difference.leave()
        if not self.session.tiles:  # another data set is being opened
            return
        if self.session.view == "plate":
            if difference:
                self.session.set_view("well")  # asks for the picture
        elif self.picture is not None and self.loader.is_idle:
            self._present(self.picture)

    def _title_difference(self, difference: Difference) -> None:
        picture = difference.picture
        more = ", ".join(filter(None, (difference.text, crop_in_words(picture))))
        self._set_title(title_of(self.session, picture), more)

    def _label_difference(self, difference: Difference) -> None:
        self.zoom_view.leave()
        picture = difference.picture
        place = Place.of_pixels(self.session.pixel_um, difference.reduction)
        places = self.difference.places
        self.labels.set_mosaic(difference.mosaic, difference.notes, place, apart=places)
        self._follow_picture(picture)

    def _follow_picture(self, picture: Picture) -> None:
        mosaic, pixel = picture.mosaic, picture.reduction * self.session.pixel_um
        height, width = (pixel * extent for extent in mosaic.tile_shape)
        wells = {}
        for tile in mosaic.tiles:
            top, left = (pixel * at for at in mosaic.origin(tile))
            place = (tile.well_id, tile.row, tile.column)
            wells[place] = Box(top, left, top + height, left + width)
        self._follow_content((height, width, picture.crop), wells)

    def _follow_content(
        self, of: tuple[object, ...], wells: Mapping[WellPlace, Box], name: str = ""
    ) -> None:
        """Show of the user's layers those that belong to what the canvas shows now."""
        dataset = self.session.dataset
        if dataset is not None:
            of = (dataset.address, dataset.drawn_pixel_um, *of)
            self.user_layers.follow(CanvasContent(of, wells, name))

    def _on_no_difference(self, why: str) -> None:
        self.session.say(why)
        self.session.set_difference(False)

    def _on_stopped(self, task: str) -> None:
        if task == "difference":  # nobody would start it again
            self.session.set_difference(False)
        said = _STOPPED.get(task)
        if (
            said or self.session.message not in _STOPPED.values()
        ):  # what waits for vectors stops too
            self.session.say(said or "Stopped.")

    def _on_limits(self, limits: Limits) -> None:
        if self.layers.is_apart:
            self.difference.set_limits()
        else:
            self.layers.set_limits(limits)

    def _note_failures(self, picture: Picture) -> None:
        failures = failures_of(picture)
        if failures:
            self.session.note_failures(failures)
            self.changed_files.say_failure(next(iter(failures.values())))

    def _read_ahead(self) -> None:
        """Read the wells around the current one: the next arrow key leads there."""
        dataset, well = self.session.dataset, self.session.well
        if dataset is None or well is None:
            return
        self.loader.prefetch(dataset, partial(wells_gone_to_next, dataset, well))

    def _set_title(self, text: str, more: str = "") -> None:
        self.labels.set_title(text, more)
        self._set_margins()
        self.viewer.canvas.overlays.scale_bar.visible = bool(text)

    def _tile_under(self, position: Any) -> Tile | None:
        return self.labels.tile_at(position) if shows_last_axes(self.viewer) else None

    def _on_double_click(self, viewer: Any, event: Any) -> None:
        tile = self._tile_under(event.position)
        if tile is None or tile.well_id is None:
            return
        if self.overview.scene is not None or tile.well_id != self.session.well:
            self.session.open_well(tile.well_id)
            event.handled = True

    def _on_mouse_move(self, viewer: Any, event: Any) -> None:
        tile = self._tile_under(event.position)
        self.labels.set_hovered(tile)
        if tile is None or tile.well_id is None:
            return
        if self.overview.scene is not None or len(self.session.tiles) > 1:
            # napari's status line takes what looks like rich text for rich text
            viewer.status = f"{tile.label}   {tile.well_id}".replace("<", "‹")

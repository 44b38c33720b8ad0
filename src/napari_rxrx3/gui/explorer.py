"""The one dock: data set, search, plate, stains and answers, wired to one session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import printable
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.figures.record import is_record_file
from napari_rxrx3.gui.canvas.stain_bar import StainBar
from napari_rxrx3.gui.cheat_sheet import CheatSheet
from napari_rxrx3.gui.compare.benchmark_panel import BenchmarkPanel
from napari_rxrx3.gui.compare.compare_panel import ComparePanel
from napari_rxrx3.gui.diagnostics import CopyDiagnostics
from napari_rxrx3.gui.find_box import FindBox
from napari_rxrx3.gui.focus import tab_in_reading_order
from napari_rxrx3.gui.found import FoundPanel
from napari_rxrx3.gui.hits.hits_panel import HitsPanel
from napari_rxrx3.gui.hits.reviewing import bind_review_keys
from napari_rxrx3.gui.map.map_panel import MapPanel
from napari_rxrx3.gui.neighbors.neighbors_panel import NeighborsPanel
from napari_rxrx3.gui.plate.plate_panel import PlatePanel
from napari_rxrx3.gui.share.sessions import last_session_file
from napari_rxrx3.gui.share.share_menu import ShareMenu
from napari_rxrx3.gui.status_line import StatusLine
from napari_rxrx3.gui.strips.side_panel import SidePanel
from napari_rxrx3.gui.welcome import Welcome, ask_for_file, ask_for_folder, load_ahead
from napari_rxrx3.gui.widgets import Column, OnDestroyed, call_later, tool_button
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.gui.workspace import workspace_of
from napari_rxrx3.strips.wells import typical_well

if TYPE_CHECKING:
    from napari_rxrx3.data.wells.search import Found, SearchIndex
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.gui.map.chosen_set.entries import ChosenWells

__all__ = ["ExplorerWidget", "dock_explorer"]

_PLUGIN, _DOCK = "napari-rxrx3", "RxRx3 Explorer"
"""The names by which the manifest offers it."""

_WIDTH, _LEAST_TABS = 400, 220

_TABS = {
    "Neighbors": "Perturbations that look most like, or unlike, the one that is asked for",
    "Map": "All entries in one picture, a heat map of some, two screens (M)",
    "Beside": "Side by side: the well beside controls, replicates, guides, doses; numbers",
    "Hits": "Walk through wells, tag them and note what you see (H)",
    "Where it is": "The plates that hold what was found",
    "Compare": "The nearest in two maps: other vectors, another alignment",
    "Benchmark": "How much of what is known a map finds again",
}


def dock_explorer(viewer: Any) -> ExplorerWidget:
    """Return the viewer's explorer, docked; a second call finds the first one."""
    _, widget = viewer.window.add_plugin_dock_widget(_PLUGIN, _DOCK)
    widget.parentWidget().show()
    return widget


class ExplorerWidget(QWidget):
    """RxRx3 Explorer. All docks of one viewer show the same session."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace_of(napari_viewer)
        self.session = self.workspace.session
        self._was_shown = False
        self._found: Found | None = None
        self._lit: Found | ChosenWells | None = None
        self.background = tasks = self.workspace.background.part()
        self._at_end = OnDestroyed(self, self.background.close)
        self._connections = tasks.connections(self)
        self.setAcceptDrops(True)
        # otherwise napari puts an empty stretch below
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.welcome = Welcome()
        self.find = FindBox(tasks)
        self.plate_panel = PlatePanel(self.session, tasks)
        self.stains = StainBar()
        self.neighbors = NeighborsPanel(self.session, tasks)
        self.map = MapPanel(self.session, tasks)
        self.side_by_side = SidePanel(self.session, tasks, self.workspace.arranger)
        self.hits = HitsPanel(self.session, tasks)
        self.found = FoundPanel()
        self.compare = ComparePanel(self.session, tasks)
        self.benchmark = BenchmarkPanel(self.session, tasks)
        self.status = StatusLine()
        self.share = ShareMenu(self.workspace, tasks, self)
        self.diagnostics = CopyDiagnostics(self.workspace, tasks, self)
        self._make_header()
        self._lay_out()
        self._connect()
        self._on_dataset(self.session.dataset)
        self.find.set_plate(self.session.plate)
        self.stains.set_rule(self.session.contrast_rule)
        self.stains.set_shown(self.workspace.layers.shown)
        self._on_tasks()

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, 720)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            call_later(self, self._take_width)
            call_later(self, self.share.start)

    def event(self, event: QEvent) -> bool:
        closed = event.type() == QEvent.Type.ParentChange and self.parent() is None
        if closed and self._was_shown:
            self._end()
        return super().event(event)

    def _end(self) -> None:
        """The dock was closed: napari only orphans its widget, so it ends itself."""
        self.background.end()
        call_later(self, self.deleteLater)  # not in the midst of an event of its own
        if self.cheat_sheet is not None:  # it lies on the window, which stays
            call_later(self.cheat_sheet, self.cheat_sheet.deleteLater)

    def _take_width(self) -> None:
        """Leave most of the window to the canvas: Qt gives a new dock more than it needs."""
        dock = self.parentWidget()
        window = self.window()
        if isinstance(dock, QDockWidget) and isinstance(window, QMainWindow):
            window.resizeDocks([dock], [_WIDTH], Qt.Orientation.Horizontal)

    def open_path(self, path: str) -> None:
        """Open a data set, or what was saved of a session, in the background."""
        if is_record_file(path):
            self.share.sessions.open(path)
        else:
            self.workspace.open_path(path)

    @property
    def is_settled(self) -> bool:
        """Everything that was asked for is on screen."""
        return self.workspace.is_settled

    def _make_header(self) -> None:
        self.open_button = tool_button("folder_open", "Open another data set")
        menu = QMenu(self.open_button)
        menu.setToolTipsVisible(True)
        for words, tip, act in (
            ("Folder …", "A folder of a data set", lambda: self._open(ask_for_folder(self))),
            ("File …", "One file of it, or a session", lambda: self._open(ask_for_file(self))),
            ("Demo", "Synthetic plates, made once", lambda: self.workspace.open_demo()),
            ("Again", "The same data set, as its files are now (F5)", self.share.sessions.reopen),
        ):
            action = menu.addAction(words)
            action.setToolTip(tip)
            action.triggered.connect(act)
        self.open_button.setMenu(menu)
        self.open_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.help_button = tool_button(
            "help_circle_outline", "All keys, and what a bug report needs (?)"
        )
        self.help_button.clicked.connect(self._show_keys)
        self.cheat_sheet: CheatSheet | None = None

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.addWidget(self.find, 1)
        header.addWidget(self.open_button)
        header.addWidget(self.share.button)
        header.addWidget(self.help_button)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setMinimumHeight(_LEAST_TABS)  # whichever is in front
        bar = self.tabs.tabBar()  # else napari's style paints what is left of it like one more tab
        bar.setExpanding(True)
        bar.setDrawBase(False)
        panels = (
            *(self.neighbors, self.map, self.side_by_side, self.hits),
            *(self.found, self.compare, self.benchmark),
        )
        for panel, (name, tip) in zip(panels, _TABS.items(), strict=True):
            self.tabs.setTabToolTip(self.tabs.addTab(panel, name), tip)
        browser = QWidget()
        inner = QVBoxLayout(browser)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addLayout(header)
        inner.addWidget(self.plate_panel)
        inner.addWidget(self.tabs, 1)
        inner.addWidget(self.stains)
        self.pages = QStackedWidget()
        self.pages.addWidget(Column(self.welcome))
        self.pages.addWidget(Column(browser))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.status)
        tab_in_reading_order(self)

    def _connect(self) -> None:
        follow = self._connections.connect
        session, workspace = self.session, self.workspace
        follow(session.dataset_changed, self._on_dataset)
        follow(session.plate_changed, self._on_plate)
        follow(session.highlight_changed, self._on_highlight)
        follow(session.message_changed, self._on_message)
        follow(session.contrast_rule_changed, self.stains.set_rule)
        workspace.tasks.changed.connect(self._on_tasks)
        follow(workspace.layers.shown_changed, self.stains.set_shown)
        follow(display.palette_changed, self._on_palette)
        self.welcome.path_chosen.connect(self._open)
        self.welcome.last_chosen.connect(self.share.sessions.open_last)
        self.welcome.demo_chosen.connect(lambda: workspace.open_demo())
        self.welcome.diagnostics_asked.connect(self.diagnostics.copy)
        self.find.found.connect(self._on_found)
        self.find.not_found.connect(lambda text: session.say(f"Nothing is called {text!r} here."))
        self.find.cleared.connect(self._on_find_cleared)
        self.plate_panel.map.clicked.connect(self._on_clicked)
        self.found.well_chosen.connect(session.select_well)
        self.map.queue_wanted.connect(self._review_chosen)
        self.map.chosen.found.connect(self._on_chosen_wells)
        self.stains.toggled.connect(workspace.layers.toggle)
        self.stains.rule_chosen.connect(session.set_contrast_rule)
        self.stains.reset_asked.connect(workspace.show_contrast_from_controls)
        self.status.cancel_asked.connect(workspace.tasks.cancel_shown)
        bind = workspace.keys.bind
        bind(self, "?", self._show_keys)
        bind(self, "F5", self.share.sessions.reopen)
        bind(self, "Ctrl+F", self._focus_find)
        bind(self, "H", self._show_hits)
        bind(self, "M", self._show_map)
        bind_review_keys(workspace.keys, self, self.hits.reviewing)
        self.hits.follow_keys(workspace.keys)
        bind(self, "PgUp", lambda: session.step_plate(-1))
        bind(self, "PgDown", lambda: session.step_plate(1))
        bind(self, "Alt+Left", session.back)
        bind(self, "Alt+Right", session.forward)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self.pages.setCurrentIndex(0 if dataset is None else 1)
        self.welcome.offer_last(dataset is None and last_session_file().is_file())
        self._on_find_cleared()
        name = f"in {printable(dataset.name)}" if dataset is not None else ""
        self.find.setPlaceholderText(f"Find {name}: gene, compound, well …")
        self.find.set_index(None)
        self.background.cancel("typical")
        if dataset is not None:
            names, say = self.find.set_index, self.session.say
            self.background.run("names", lambda _: _names_of(dataset), names, say)

    def _on_message(self, message: str) -> None:
        self.status.say(message)
        if self.session.dataset is None:
            self.welcome.say(message)

    def _on_tasks(self) -> None:
        self.status.set_work(self.workspace.tasks.status)

    def _open(self, path: str) -> None:
        if path:
            self.open_path(path)

    def _on_found(self, found: Found) -> None:
        self._found = found
        self._light(found)
        self.found.set_found(found)
        self.hits.queue_menu.set_found(found)
        self.tabs.setTabVisible(self.tabs.indexOf(self.found), True)
        self.tabs.setCurrentWidget(self.found)
        self._show_typical(found)

    def _show_typical(self, found: Found) -> None:
        """Show a typical well of what was found, on its plate, and ask for its neighbors."""
        session, dataset = self.session, self.session.dataset
        if dataset is None:
            return
        plate, phenomap = session.plate, session.phenomap

        def work(progress: Progress) -> str:
            return typical_well(dataset, found.positions, plate, phenomap)

        def show(well: str) -> None:
            with session.changing():
                session.select_well(well)
                session.set_view("well")

        self.background.run("typical", work, show, session.say)

    def _on_clicked(self, position: int) -> None:
        """A single well that was found has been seen: nothing else is dimmed for it any more."""
        found = self._found
        if found is not None and self._lit is found and len(found.positions) == 1:
            self._light(None)

    def _on_plate(self, plate: PlateId | None) -> None:
        """Light up what is found or chosen of this plate: all of it can be half of the screen."""
        self.find.set_plate(plate)
        if self._lit is not None:
            self._light(self._lit)

    def _light(self, wells: Found | ChosenWells | None) -> None:
        """Light up wells on the map, on every plate that is gone to, until others take over."""
        self.session.light_up(wells.on(self.session.plate) if wells is not None else ())
        self._lit = wells

    def _on_highlight(self, wells: frozenset[str]) -> None:
        self._lit = None

    def _on_chosen_wells(self, wells: ChosenWells | None) -> None:
        if wells is not None or self._lit is not self._found:
            self._light(wells)

    def _on_palette(self, palette: str) -> None:
        self.stains.recolor()
        self.neighbors.table.viewport().update()  # its pictures are composed when they are drawn

    def _focus_find(self) -> None:
        self.find.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.find.selectAll()

    def _show_map(self) -> None:
        self.tabs.setCurrentWidget(self.map)
        self.map.take_focus()

    def _review_chosen(self) -> None:
        self.hits.queue_menu.use_chosen()
        self._show_hits()

    def _show_hits(self) -> None:
        self.tabs.setCurrentWidget(self.hits)
        self.hits.take_focus()

    def _on_find_cleared(self) -> None:
        if self._lit is self._found:
            self._light(None)
        self._found = None
        self.found.set_found(None)
        self.hits.queue_menu.set_found(None)
        self.tabs.setTabVisible(self.tabs.indexOf(self.found), False)

    def _show_keys(self) -> None:
        """Lay the cheat sheet over the window, which the dock may have left for another one."""
        if self.cheat_sheet is None or self.cheat_sheet.parentWidget() is not self.window():
            self.cheat_sheet = CheatSheet(self.window())
            self.cheat_sheet.diagnostics_asked.connect(self.diagnostics.copy)
        self.cheat_sheet.toggle()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            load_ahead()
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        urls = event.mimeData().urls()
        if urls:
            self.open_path(urls[0].toLocalFile() or urls[0].toString())


def _names_of(dataset: Dataset) -> SearchIndex:
    from napari_rxrx3.data.wells.search import (
        SearchIndex,  # loads pandas, which no window waits for
    )

    return SearchIndex(dataset.known_wells)

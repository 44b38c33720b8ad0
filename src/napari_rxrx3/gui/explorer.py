"""RxRx3 Explorer, the dock at the right: data set, search, plate, hits and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.errors import printable
from napari_rxrx3.data.files.addresses import HUB
from napari_rxrx3.figures.record import is_record_file
from napari_rxrx3.gui.addresses import AddressDialog, HubDialog
from napari_rxrx3.gui.cheat_sheet import CheatSheet
from napari_rxrx3.gui.diagnostics import CopyDiagnostics
from napari_rxrx3.gui.dock_widget import DockWidget
from napari_rxrx3.gui.docks import EXPLORER, WIDTH
from napari_rxrx3.gui.find_box import FindBox
from napari_rxrx3.gui.focus import tab_in_reading_order
from napari_rxrx3.gui.hits.hits_panel import HitsPanel
from napari_rxrx3.gui.hits.reviewing import bind_review_keys
from napari_rxrx3.gui.numbers.numbers_panel import NumbersPanel
from napari_rxrx3.gui.opening import open_in, paths_of
from napari_rxrx3.gui.plate.plate_panel import PlatePanel
from napari_rxrx3.gui.share.sessions import last_session_file
from napari_rxrx3.gui.share.share_menu import ShareMenu
from napari_rxrx3.gui.status_line import StatusLine
from napari_rxrx3.gui.welcome import Welcome, ask_for_file, ask_for_folder, load_ahead
from napari_rxrx3.gui.widgets import Column, add_tabs, call_later, tool_button
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.strips.wells import typical_well

if TYPE_CHECKING:
    from napari_rxrx3.data.search import Found, SearchIndex
    from napari_rxrx3.dataset import Dataset

__all__ = ["TABS", "ExplorerWidget"]

_LEAST_TABS = 220
_SLACK = 40
"""What less width may make the map of a plate lower."""

TABS = {
    "Hits": "Walk through wells, tag them and note what you see (H)",
    "Numbers": "The perturbation in numbers, and the well beside controls, replicates, doses",
}


class ExplorerWidget(DockWidget):
    """RxRx3 Explorer. Opened for the first time it brings the dock of neighbors along."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, EXPLORER, parent)
        tasks = self.background
        self._found: Found | None = None
        # a turn of its own: to lay out and to paint the plate takes as long as to tell of it
        self._page_timer = tasks.timer(self, 0, self._turn_page)
        self.setAcceptDrops(True)
        # otherwise napari puts an empty stretch below
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.welcome = Welcome()
        self.find = FindBox(tasks)
        self.plate_panel = PlatePanel(self.session, tasks)
        self.hits = HitsPanel(self.session, tasks)
        self.numbers = NumbersPanel(self.session, tasks, self.workspace.arranger)
        self.status = StatusLine()
        self.share = ShareMenu(self.workspace, tasks, self)
        self.diagnostics = CopyDiagnostics(self.workspace, tasks, self)
        self._make_header()
        self._lay_out()
        self._connect()
        self._on_dataset(self.session.dataset)
        self._turn_page()
        self.find.set_plate(self.session.plate)
        self._on_tasks()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 720)

    def _end(self) -> None:
        super()._end()
        self.workspace.docks.unfold_layers()
        if self.cheat_sheet is not None:  # it lies on the window, which stays
            call_later(self.cheat_sheet, self.cheat_sheet.deleteLater)

    def _take_place(self) -> None:
        docks = self.workspace.docks
        docks.place(self, EXPLORER, WIDTH)
        docks.open_neighbors()
        self.share.start()

    def open_path(self, path: str) -> None:
        """Open a data set, or what was saved of a session, in the background."""
        if is_record_file(path):
            self.share.sessions.open(path)
        else:
            self.workspace.open_path(path)

    def _make_header(self) -> None:
        self.open_button = tool_button("folder_open", "Open another data set")
        menu = QMenu(self.open_button)
        menu.setToolTipsVisible(True)
        for words, tip, act in (
            ("Folder …", "A folder of a data set", lambda: self._open(ask_for_folder(self))),
            ("File …", "One file of it, or a session", lambda: self._open(ask_for_file(self))),
            ("Address …", "A data set on a server: https, s3, gs, hf", self._ask_for_address),
            ("RxRx3-core on the Hub …", "As it is published, without a download", self._offer_hub),
            ("Demo", "Synthetic plates, made once", lambda: self.workspace.open_demo()),
            ("Reload", "The same data set, as its files are now (F5)", self.share.sessions.reopen),
        ):
            action = menu.addAction(words)
            action.setToolTip(tip)
            action.triggered.connect(act)
        self.address_dialog = AddressDialog(self)
        self.address_dialog.chosen.connect(self._open)
        self.hub_dialog = HubDialog(lambda: self._open(HUB), self)
        self.open_button.setMenu(menu)
        self.open_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.help_button = tool_button(
            "help_circle_outline", "All keys, and what a bug report needs (?)"
        )
        self.help_button.clicked.connect(self._show_keys)
        self.layers_button = tool_button(
            "layers_outline", "napari's panels of layers: show or hide"
        )
        self.layers_button.clicked.connect(self.workspace.docks.toggle_layers)
        self.cheat_sheet: CheatSheet | None = None

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.addWidget(self.find, 1)
        header.addWidget(self.layers_button)
        header.addWidget(self.open_button)
        header.addWidget(self.share.button)
        header.addWidget(self.help_button)
        self.tabs = _Tabs()
        self.tabs.tabBar().setExpanding(True)
        # what is said there may need more room than there is: the plate above stays in place
        add_tabs(self.tabs, (self.hits, Column(self.numbers)), TABS)
        browser = QWidget()
        inner = QVBoxLayout(browser)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addLayout(header)
        inner.addWidget(self.plate_panel)
        inner.addWidget(self.tabs, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(Column(self.welcome))
        self.pages.addWidget(Column(browser, _SLACK))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 2, 6, 2)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.status)
        tab_in_reading_order(self)

    def _connect(self) -> None:
        follow = self._connections.connect
        session, workspace = self.session, self.workspace
        follow(session.dataset_changed, self._on_dataset)
        follow(session.plate_changed, self.find.set_plate)
        follow(session.review_wanted, self._review)
        follow(session.sets_wanted, self._on_sets_wanted)
        follow(session.message_changed, self._on_message)
        workspace.tasks.changed.connect(self._on_tasks)
        self.welcome.path_chosen.connect(self._open)
        self.welcome.address_asked.connect(self._ask_for_address)
        self.welcome.last_chosen.connect(self.share.sessions.open_last)
        self.welcome.demo_chosen.connect(lambda: workspace.open_demo())
        self.welcome.diagnostics_asked.connect(self.diagnostics.copy)
        self.find.found.connect(self._on_found)
        self.find.not_found.connect(lambda text: session.say(f"Nothing is called {text!r} here."))
        self.find.cleared.connect(self._on_find_cleared)
        self.plate_panel.map.clicked.connect(self._on_clicked)
        self.find.well_chosen.connect(session.select_well)
        self.tabs.tabBarClicked.connect(self._on_tab_clicked)
        self.status.cancel_asked.connect(workspace.tasks.cancel_shown)
        bind = workspace.keys.bind
        bind(self, "?", self._show_keys)
        bind(self, "F5", self.share.sessions.reopen)
        bind(self, "Ctrl+F", self._focus_find)
        bind(self, "H", self._show_hits)
        bind_review_keys(workspace.keys, self, self.hits.reviewing)
        self.hits.follow_keys(workspace.keys)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        if dataset is None:
            self._turn_page()
        else:
            self._page_timer.start()
        self.welcome.offer_last(dataset is None and last_session_file().is_file())
        self._on_find_cleared()
        name = f"in {printable(dataset.name)}" if dataset is not None else ""
        self.find.setPlaceholderText(f"Find {name}: gene, compound, well …")
        self.find.set_index(None)
        self.background.cancel("typical")
        if dataset is not None:
            names, say = self.find.set_index, self.session.say
            self.background.run("names", lambda _: _names_of(dataset), names, say)

    def _turn_page(self) -> None:
        self.pages.setCurrentIndex(0 if self.session.dataset is None else 1)

    def _on_message(self, message: str) -> None:
        self.status.say(message)
        if self.session.dataset is None:
            self.welcome.say(message)

    def _on_tasks(self) -> None:
        self.status.set_work(self.workspace.tasks.status)

    def _open(self, path: str) -> None:
        if path:
            self.open_path(path)

    def _ask_for_address(self) -> None:
        load_ahead()
        self.address_dialog.ask()

    def _offer_hub(self) -> None:
        load_ahead()
        self.hub_dialog.open()

    def _on_found(self, found: Found) -> None:
        self._found = found
        self.session.light_up(found)
        self.hits.queue_menu.set_found(found)
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
        if found is not None and self.session.lit is found and len(found.positions) == 1:
            self.session.light_up(())

    def _focus_find(self) -> None:
        self.come_forward()
        self.find.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.find.selectAll()

    def _review(self, wells: tuple[str, ...] | None, title: str) -> None:
        if wells is not None and not title:
            self.hits.queue_menu.add(wells)
            return
        if wells is None:
            self.hits.queue_menu.use_chosen()
        else:
            self.hits.queue_menu.use_wells(wells, title)
        self._show_hits()

    def _on_sets_wanted(self, of: str) -> None:
        """Open the dock that shows gene sets, if it was closed, and ask once more."""
        docks = self.workspace.docks
        if not docks.has_neighbors:
            docks.open_neighbors()
            call_later(self, lambda: self.session.want_sets(of))

    def _on_tab_clicked(self, tab: int) -> None:
        if self.tabs.widget(tab) is self.hits:
            self.hits.turn_to()

    def _show_hits(self) -> None:
        self.come_forward()
        self.tabs.setCurrentWidget(self.hits)
        self.hits.take_focus()

    def _on_find_cleared(self) -> None:
        if self._found is not None and self.session.lit is self._found:
            self.session.light_up(())
        self._found = None
        self.hits.queue_menu.set_found(None)

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
            open_in(self, paths_of(urls))


class _Tabs(QTabWidget):
    """As high at least, whatever is in it: the plate above stays in place."""

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().expandedTo(QSize(0, _LEAST_TABS))


def _names_of(dataset: Dataset) -> SearchIndex:
    from napari_rxrx3.data.search import (
        SearchIndex,  # loads pandas, which no window waits for
    )

    return SearchIndex(dataset.known_wells)

"""The tab of the map: all entries, a heat map of some, and the bar of the chosen set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QSplitter, QVBoxLayout, QWidget

from napari_rxrx3.gui.map.chosen_set.bar import ChosenBar
from napari_rxrx3.gui.map.detached_window import DetachedWindow
from napari_rxrx3.gui.pages import LazyPage, Page, Pages
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.session import Session

if TYPE_CHECKING:  # a page is loaded and made when it is first looked at
    from napari_rxrx3.gui.map.chosen_set.entries import ChosenWells
    from napari_rxrx3.gui.map.gene_sets.panel import GeneSetsPanel
    from napari_rxrx3.gui.map.heat_map.heat_map_page import HeatMapPage
    from napari_rxrx3.gui.map.points.map_page import MapPage

__all__ = ["MapPanel"]

_ALL = "Every entry of the map as a point: alike ones lie near each other"
_HEAT = "How alike the entries of a list or of the chosen set are, pair by pair"
_SETS = "Which gene sets the nearest, the chosen or the tagged genes have in common"
_SETS_WIDTH = 300


class MapPanel(QWidget):
    """Two pictures of the map that the session's query goes to, and a bar for the chosen set.

    Gene sets stand beside them, so that one sees where the genes of a set are.
    """

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._lit: ChosenWells | None = None
        self._connections = tasks.connections(self)
        self.chosen = ChosenBar(session, tasks)
        self.pages = Pages(
            {
                "map": Page("All", _ALL, self._make_map),
                "heat": Page("Heat map", _HEAT, self._make_heat_map),
            }
        )
        self.sets_button = QPushButton("Gene sets")
        self.sets_button.setToolTip(_SETS)
        self.sets_button.setCheckable(True)
        self.sets_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._beside = LazyPage(self._make_sets)
        self.detach_button = tool_button("open_in_new", "Larger: the map in a window of its own")
        self.body = QWidget()
        self._lay_out()
        self.detached = DetachedWindow(self, self.body)
        tasks.at_end(self.detached.bring_back)
        self._connect()

    @property
    def map_page(self) -> MapPage:
        page: MapPage = self.pages.page("map")
        return page

    @property
    def heat_map(self) -> HeatMapPage:
        page: HeatMapPage = self.pages.page("heat")
        return page

    @property
    def sets(self) -> GeneSetsPanel:
        panel: GeneSetsPanel = self._beside.held
        return panel

    def show_sets(self, of: str) -> None:
        """Show the gene sets of some genes beside the map, see `Session.want_sets`."""
        self.sets_button.setChecked(True)
        self.sets.ask_about(of)

    def take_focus(self) -> None:
        """Let keys move the map."""
        self.pages.show_page("map")
        self.map_page.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _make_map(self) -> MapPage:
        from napari_rxrx3.gui.map.points.map_page import MapPage

        return MapPage(self._session, self._tasks)

    def _make_heat_map(self) -> HeatMapPage:
        from napari_rxrx3.gui.map.heat_map.heat_map_page import HeatMapPage

        return HeatMapPage(self._session, self._tasks)

    def _make_sets(self) -> GeneSetsPanel:
        from napari_rxrx3.gui.map.gene_sets.panel import GeneSetsPanel

        panel = GeneSetsPanel(self._session, self._tasks)
        panel.closed.connect(lambda: self.sets_button.setChecked(False))
        return panel

    def _lay_out(self) -> None:
        self.pages.head.addWidget(self.sets_button)
        self.pages.head.addWidget(self.detach_button)
        self._beside.hide()
        self._sides = QSplitter(Qt.Orientation.Horizontal)
        self._sides.setChildrenCollapsible(False)
        for widget in (self.pages, self._beside):
            self._sides.addWidget(widget)
        self._sides.setStretchFactor(0, 1)
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(0, 4, 0, 0)
        inner.setSpacing(4)
        inner.addWidget(self._sides, 1)
        inner.addWidget(self.chosen)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.body)

    def _connect(self) -> None:
        self.sets_button.toggled.connect(self._show_beside)
        self.detach_button.clicked.connect(self.detached.toggle)
        self.chosen.queue_wanted.connect(lambda: self._session.want_review())
        self.chosen.found.connect(self._light)
        self.chosen.heat_map_wanted.connect(self._compare_chosen)

    def _show_beside(self, shown: bool) -> None:
        is_first = shown and not self._beside.is_made
        self._beside.setVisible(shown)
        if is_first:  # from then on it is as wide as the user made it
            self._sides.setSizes([max(1, self._sides.width() - _SETS_WIDTH), _SETS_WIDTH])

    def _light(self, wells: ChosenWells | None) -> None:
        """Light up the wells of the chosen set, until others take over."""
        before, self._lit = self._lit, wells
        if wells is not None:
            self._session.light_up(wells)
        elif before is not None and self._session.lit is before:
            self._session.light_up(())

    def _compare_chosen(self) -> None:
        self.pages.show_page("heat")
        self.heat_map.show_chosen()

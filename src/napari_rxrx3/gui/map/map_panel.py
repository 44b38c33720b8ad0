"""The tab of the map: all entries, a heat map of some, and the bar of the chosen set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_rxrx3.gui.map.chosen_set.bar import ChosenBar
from napari_rxrx3.gui.map.detached_window import DetachedWindow
from napari_rxrx3.gui.pages import Page, Pages
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.session import Session

if TYPE_CHECKING:  # a page is loaded and made when it is first looked at
    from napari_rxrx3.gui.map.chosen_set.entries import ChosenWells
    from napari_rxrx3.gui.map.heat_map.heat_map_page import HeatMapPage
    from napari_rxrx3.gui.map.points.map_page import MapPage

__all__ = ["MapPanel"]

_ALL = "Every entry of the map as a point: alike ones lie near each other"
_HEAT = "How alike the entries of a list or of the chosen set are, pair by pair"


class MapPanel(QWidget):
    """Two pictures of the map that the session's query goes to, and a bar for the chosen set."""

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

    def _lay_out(self) -> None:
        self.pages.head.addWidget(self.detach_button)
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(0, 4, 0, 0)
        inner.setSpacing(4)
        inner.addWidget(self.pages, 1)
        inner.addWidget(self.chosen)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.body)

    def _connect(self) -> None:
        self.detach_button.clicked.connect(self.detached.toggle)
        self.chosen.queue_wanted.connect(lambda: self._session.want_review())
        self.chosen.found.connect(self._light)
        self.chosen.heat_map_wanted.connect(self._compare_chosen)

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

"""The tab of the map: the pages All, Heat map and Two screens, and the bar of the chosen set."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.gui.map.chosen_set.bar import ChosenBar
from napari_rxrx3.gui.map.detached_window import DetachedWindow
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.session import Session

if TYPE_CHECKING:  # a page is loaded and made when it is first looked at
    from napari_rxrx3.gui.map.chosen_set.entries import ChosenWells
    from napari_rxrx3.gui.map.heat_map.heat_map_page import HeatMapPage
    from napari_rxrx3.gui.map.pairs.pairs_page import PairsPage
    from napari_rxrx3.gui.map.points.map_page import MapPage

__all__ = ["MapPanel"]

_PAGES = {
    "map": ("All", "Every entry of the map as a point: alike ones lie near each other"),
    "heat": (
        "Heat map",
        "How alike the entries of a list or of the chosen set are, pair by pair",
    ),
    "pairs": (
        "Two screens",
        "Pairs of entries in two experiments or two maps against each other",
    ),
}


class MapPanel(QWidget):
    """Three pictures of the map that the session's query goes to, and a bar for the chosen set.

    No window waits for what nobody looks at: each page is made when it is first turned to.
    """

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._page = "map"
        self._lit: ChosenWells | None = None
        self._connections = tasks.connections(self)
        self.chosen = ChosenBar(session, tasks)
        self.buttons = {name: _button(word, tip) for name, (word, tip) in _PAGES.items()}
        self.detach_button = tool_button("open_in_new", "Larger: the map in a window of its own")
        self.pages = QStackedWidget()
        self.body = QWidget()
        self._lay_out()
        self.detached = DetachedWindow(self, self.body)
        tasks.at_end(self.detached.bring_back)
        self._connect()

    @cached_property
    def map_page(self) -> MapPage:
        from napari_rxrx3.gui.map.points.map_page import MapPage

        return MapPage(self._session, self._tasks)

    @cached_property
    def heat_map(self) -> HeatMapPage:
        from napari_rxrx3.gui.map.heat_map.heat_map_page import HeatMapPage

        return HeatMapPage(self._session, self._tasks)

    @cached_property
    def pairs(self) -> PairsPage:
        from napari_rxrx3.gui.map.pairs.pairs_page import PairsPage

        return PairsPage(self._session, self._tasks)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.show_page(self._page)

    def show_page(self, name: str) -> None:
        """Turn to a page: "map", "heat" or "pairs"."""
        self._page = name
        self.buttons[name].setChecked(True)
        page = self._page_named(name)
        if self.pages.indexOf(page) < 0:
            self.pages.addWidget(page)
        self.pages.setCurrentWidget(page)

    def _page_named(self, name: str) -> QWidget:
        """The page of this name, made now if it is looked at for the first time."""
        pages: dict[str, Callable[[], QWidget]] = {
            "map": lambda: self.map_page,
            "heat": lambda: self.heat_map,
            "pairs": lambda: self.pairs,
        }
        return pages[name]()

    def take_focus(self) -> None:
        """Let keys move the map."""
        self.show_page("map")
        self.map_page.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(1)
        group = QButtonGroup(self)
        for button in self.buttons.values():
            group.addButton(button)
            head.addWidget(button)
        head.addStretch(1)
        head.addWidget(self.detach_button)
        self.buttons["map"].setChecked(True)
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(0, 4, 0, 0)
        inner.setSpacing(4)
        inner.addLayout(head)
        inner.addWidget(self.pages, 1)
        inner.addWidget(self.chosen)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.body)

    def _connect(self) -> None:
        for name, button in self.buttons.items():
            button.clicked.connect(partial(self._turn_to, name))
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
        self.show_page("heat")
        self.heat_map.show_chosen()

    def _turn_to(self, name: str, checked: bool = False) -> None:
        self.show_page(name)


def _button(word: str, tip: str) -> QPushButton:
    button = QPushButton(word)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setMinimumWidth(1)  # at first, without napari's style, it is wider
    return button

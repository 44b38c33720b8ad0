"""The tab of the map: all entries in one picture, a heat map of some, two screens; and the set."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.gui.map.chosen_bar import ChosenBar
from napari_rxrx3.gui.map.heat_map_page import HeatMapPage
from napari_rxrx3.gui.map.larger import Larger
from napari_rxrx3.gui.map.map_page import MapPage
from napari_rxrx3.gui.map.pairs_page import PairsPage
from napari_rxrx3.gui.tasks import Tasks
from napari_rxrx3.gui.widgets import Following, tool_button
from napari_rxrx3.session import Session

__all__ = ["MapPanel"]

_PAGES = {
    "map": ("All", "Every entry of the map as a point: alike ones lie near each other"),
    "heat": ("Heat map", "How alike the entries of a list or of the chosen set are, pair by pair"),
    "pairs": ("Two screens", "Pairs of entries in two experiments or two maps against each other"),
}


class MapPanel(QWidget):
    """Three pictures of the map that the session's query goes to, and a bar for the chosen set."""

    queue_wanted = Signal()
    """The user wants to review the chosen set."""

    def __init__(self, session: Session, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self.following = Following(self)
        self.map_page = MapPage(session, tasks)
        self.heat_map = HeatMapPage(session, tasks)
        self.pairs = PairsPage(session, tasks)
        self.chosen = ChosenBar(session, tasks)
        self.buttons = {name: _button(*words) for name, words in _PAGES.items()}
        self.larger_button = tool_button("open_in_new", "Larger: the map in a window of its own")
        self.pages = QStackedWidget()
        self.body = QWidget()
        self._lay_out()
        self.larger = Larger(self, self.body)
        self._connect()

    @property
    def is_settled(self) -> bool:
        """Everything that was asked for is on screen."""
        parts = (self.map_page, self.heat_map, self.pairs, self.chosen)
        return all(part.is_settled for part in parts)

    def end(self) -> None:
        """Stop all work of the panel; it is not used any more."""
        self.following.end()
        self.larger.end()
        for part in (self.map_page, self.heat_map, self.pairs, self.chosen):
            part.end()

    def show_page(self, name: str) -> None:
        """Turn to a page: "map", "heat" or "pairs"."""
        self.buttons[name].setChecked(True)
        self.pages.setCurrentIndex(list(_PAGES).index(name))

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
        head.addWidget(self.larger_button)
        for page in (self.map_page, self.heat_map, self.pairs):
            self.pages.addWidget(page)
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
        self.larger_button.clicked.connect(self.larger.toggle)
        self.chosen.queue_wanted.connect(self.queue_wanted)
        self.chosen.heat_map_wanted.connect(self._compare_chosen)

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

"""RxRx3 Neighbors, the dock below the canvas: candidates, and the map of all entries."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QTabWidget, QWidget

from napari_rxrx3.gui.compare.embedding_window import EmbeddingWindow
from napari_rxrx3.gui.dock_widget import DockWidget
from napari_rxrx3.gui.docks import NEIGHBORS
from napari_rxrx3.gui.focus import tab_in_reading_order
from napari_rxrx3.gui.map.map_panel import MapPanel
from napari_rxrx3.gui.neighbors.neighbors_panel import NeighborsPanel
from napari_rxrx3.gui.widgets import add_tabs, call_later

__all__ = ["TABS", "NeighborsWidget"]

TABS = {
    "Neighbors": "Perturbations that look most like, or unlike, the one that is asked for",
    "Map": "All entries in one picture, a heat map of some (M)",
}


_SIDES = {False: 150, True: 200}
"""Points of a picture in a window that is not wide, and in one that is."""
_ABOUT = 12


class NeighborsWidget(DockWidget):
    """RxRx3 Neighbors."""

    _side = _SIDES[False]

    _beside_pictures = 0
    """Height of all that is no picture of a candidate, as the dock was placed."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, NEIGHBORS, parent)
        tasks = self.background
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.panel = NeighborsPanel(self.session, tasks)
        self.map = MapPanel(self.session, tasks)
        self._embedding: EmbeddingWindow | None = None
        self._lay_out()
        self._connect()

    @property
    def embedding(self) -> EmbeddingWindow:
        """The window about the embedding, made when it is first looked at."""
        if self._embedding is None:
            self._embedding = EmbeddingWindow(self.session, self.background, self)
        return self._embedding

    def sizeHint(self) -> QSize:
        return QSize(840, 250)

    def show_map(self) -> None:
        """Turn to the map, and let keys move it."""
        self.come_forward()
        self.tabs.setCurrentWidget(self.map)
        self.map.take_focus()

    def show_embedding(self) -> None:
        """Open the window about the embedding, or bring it to the front."""
        self.embedding.show()
        self.embedding.raise_()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._beside_pictures:
            call_later(self, self._leave_pictures_as_they_are)

    def _take_place(self) -> None:
        self._take_height()
        self.workspace.docks.width_changed.connect(self._on_width)

    def _on_width(self) -> None:
        """Have the size of pictures that suits the window, unless the user chose another one."""
        if abs(self.height() - self._beside_pictures - self._side) <= _ABOUT:
            call_later(self, self._take_height)

    def _take_height(self) -> None:
        self._side = _SIDES[self.workspace.docks.is_wide]
        self._make_room(self._side)

    def _make_room(self, side: int) -> None:
        """Be as high as pictures of this size need it."""
        self._beside_pictures = self.height() - self.panel.candidates.strip.view.room
        self.workspace.docks.place(self, NEIGHBORS, self._beside_pictures + side)

    def _leave_pictures_as_they_are(self) -> None:
        """Take the room for words in another font from the canvas, not from the pictures."""
        self._make_room(self.height() - self._beside_pictures)

    def _lay_out(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setTabPosition(QTabWidget.TabPosition.West)
        add_tabs(self.tabs, (self.panel, self.map), TABS)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 2, 2)
        layout.addWidget(self.tabs)
        tab_in_reading_order(self)

    def _connect(self) -> None:
        self._connections.connect(self.workspace.layers.shown_changed, self._on_shown)
        self._on_shown()
        self.panel.question.embedding_wanted.connect(self.show_embedding)
        self.workspace.keys.bind(self, "M", self.show_map)

    def _on_shown(self, shown: object = None) -> None:
        """Draw the strip as the canvas is drawn."""
        layers = self.workspace.layers
        self.panel.candidates.strip.set_shown(layers.shown, layers.solo)

"""RxRx3 Neighbors, the dock below the canvas: candidates, and the map of all entries."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QTabWidget, QWidget

from napari_rxrx3.gui.compare.arms_file import take_remembered_arms
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
_LAID_OUT_MS = 50
"""After so long everything has taken its size in another font."""


class NeighborsWidget(DockWidget):
    """RxRx3 Neighbors."""

    _side = _SIDES[False]
    """Points of a picture that the dock was placed for."""
    _beside_pictures = 0
    """Height of all else, at that time."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, NEIGHBORS, parent)
        tasks = self.background
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.panel = NeighborsPanel(self.session, tasks)
        self.map = MapPanel(self.session, tasks)
        self._embedding: EmbeddingWindow | None = None
        self._resizing = tasks.timer(self, _LAID_OUT_MS, self._on_laid_out)
        self._lay_out()
        self._connect()
        take_remembered_arms(self.session, tasks)

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

    def show_sets(self, of: str) -> None:
        """Turn to the map with the gene sets of some genes beside it."""
        self.show_map()
        self.map.show_sets(of)

    def show_embedding(self) -> None:
        """Open the window about the embedding, or bring it to the front."""
        self.embedding.show()
        self.embedding.raise_()

    def changeEvent(self, event: QEvent) -> None:
        """Take the room for words in another font from the canvas, not from the pictures."""
        super().changeEvent(event)
        is_placed = self._beside_pictures > 0 and not self._resizing.isActive()
        if event.type() == QEvent.Type.StyleChange and is_placed:
            self._side = self.height() - self._beside_pictures
            self._resizing.start()

    def _take_place(self) -> None:
        self._take_height()
        self.workspace.docks.width_changed.connect(self._on_width)

    def _on_width(self) -> None:
        """Have the size of pictures that suits the window, unless the user chose another one."""
        if abs(self.height() - self._beside_pictures - self._side) <= _ABOUT:
            call_later(self, self._take_height)

    def _take_height(self) -> None:
        self._side = _SIDES[self.workspace.docks.is_wide]
        self._make_room()

    def _on_laid_out(self) -> None:
        if self._height_of_the_rest() != self._beside_pictures:  # it was about the font
            self._make_room()

    def _height_of_the_rest(self) -> int:
        return self.height() - self.panel.candidates.strip.view.room

    def _make_room(self) -> None:
        """Be as high as the pictures need it."""
        self._beside_pictures = self._height_of_the_rest()
        self.workspace.docks.place(self, NEIGHBORS, self._beside_pictures + self._side)

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
        self._connections.connect(self.session.sets_wanted, self.show_sets)
        self._on_shown()
        self.panel.question.embedding_wanted.connect(self.show_embedding)
        self.workspace.keys.bind(self, "M", self.show_map)

    def _on_shown(self, shown: object = None) -> None:
        """Draw the strip as the canvas is drawn."""
        layers = self.workspace.layers
        self.panel.candidates.strip.set_shown(layers.shown, layers.solo)

"""RxRx3 Neighbors, the dock below the canvas: candidates, and the map of all entries."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QTabWidget, QWidget

from napari_rxrx3.gui.compare.embedding_window import EmbeddingWindow
from napari_rxrx3.gui.docks import NEIGHBORS
from napari_rxrx3.gui.focus import tab_in_reading_order
from napari_rxrx3.gui.map.map_panel import MapPanel
from napari_rxrx3.gui.neighbors.neighbors_panel import NeighborsPanel
from napari_rxrx3.gui.widgets import OnDestroyed, call_later
from napari_rxrx3.gui.workspace import workspace_of

__all__ = ["NeighborsWidget"]

_TIPS = {
    "Neighbors": "Perturbations that look most like, or unlike, the one that is asked for",
    "Map": "All entries in one picture, a heat map of some, two screens (M)",
}


class NeighborsWidget(QWidget):
    """RxRx3 Neighbors. It shows the session of the viewer, as the explorer does."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace_of(napari_viewer)
        self.workspace.docks.make_room(NEIGHBORS)
        self.session = self.workspace.session
        self._was_shown = False
        self.background = tasks = self.workspace.background.part()
        self._at_end = OnDestroyed(self, self.background.close)
        self._connections = tasks.connections(self)
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

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            call_later(self, self._take_place)

    def event(self, event: QEvent) -> bool:
        closed = event.type() == QEvent.Type.ParentChange and self.parent() is None
        if closed and self._was_shown:
            self._end()
        return super().event(event)

    def show_map(self) -> None:
        """Turn to the map, and let keys move it."""
        self.tabs.setCurrentWidget(self.map)
        self.map.take_focus()

    def show_embedding(self) -> None:
        """Open the window about the embedding, or bring it to the front."""
        self.embedding.show()
        self.embedding.raise_()

    def _take_place(self) -> None:
        if self.isVisible():  # not closed in the meantime
            side = 200 if self.workspace.docks.is_wide else 150
            height = self.height() + side - self.panel.strip.view.room
            self.workspace.docks.place(self, NEIGHBORS, height)

    def _end(self) -> None:
        """The dock was closed: napari only orphans its widget, so it ends itself."""
        self.background.end()
        call_later(self, self.deleteLater)  # not in the midst of an event of its own

    def _lay_out(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setTabPosition(QTabWidget.TabPosition.West)
        bar = self.tabs.tabBar()  # else napari's style paints what is left of it like one more tab
        bar.setDrawBase(False)
        for panel, (name, tip) in zip((self.panel, self.map), _TIPS.items(), strict=True):
            self.tabs.setTabToolTip(self.tabs.addTab(panel, name), tip)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 2, 2)
        layout.addWidget(self.tabs)
        tab_in_reading_order(self)

    def _connect(self) -> None:
        layers, strip = self.workspace.layers, self.panel.strip
        self._connections.connect(layers.shown_changed, strip.set_shown)
        strip.set_shown(layers.shown)
        self.panel.embedding_wanted.connect(self.show_embedding)
        self.workspace.keys.bind(self, "M", self.show_map)

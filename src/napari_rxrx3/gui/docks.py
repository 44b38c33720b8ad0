"""The two docks of a viewer, and the room that napari's own panels leave them."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_rxrx3.core.display import display
from napari_rxrx3.gui.napari_window import (
    is_closed,
    layer_docks_of,
    main_window_of,
    prefer_dock_area,
)
from napari_rxrx3.gui.preferences import remember_layer_panels
from napari_rxrx3.gui.widgets import Connections, call_later

__all__ = ["EXPLORER", "NEIGHBORS", "WIDTH", "Docks", "dock_of", "docked"]

EXPLORER, NEIGHBORS = "RxRx3 Explorer", "RxRx3 Neighbors"
"""The names by which the manifest offers them."""

WIDE = 1500
"""In a window of this width the dock below may take the whole of it."""
ROOMY = 2020
"""In a window of this width two wells of 600 points have room beside napari's panels and ours."""
_PLUGIN = "napari-rxrx3"
WIDTH = 396
"""Of the explorer: wells of the plate are 6 points wide, also beside a scroll bar."""
_SHOWN_OR_HIDDEN = (QEvent.Type.ShowToParent, QEvent.Type.HideToParent)
_AREAS = {EXPLORER: "right", NEIGHBORS: "bottom"}


def docked(viewer: Any, name: str) -> Any:
    """Return the widget of a dock of ours, opened if it is not, and to be seen."""
    _, widget = viewer.window.add_plugin_dock_widget(_PLUGIN, name)
    widget.parentWidget().show()
    return widget


def dock_of(viewer: Any, name: str) -> QDockWidget | None:
    """Return a dock of ours, if it is open or hidden."""
    widget = viewer.window.dock_widgets.get(f"{name} ({_PLUGIN})")
    dock = widget.parentWidget() if widget is not None else None
    return dock if isinstance(dock, QDockWidget) else None


class Docks(QObject):
    """Gives each dock of ours its place when it is first shown, and the canvas the most room.

    Where pictures would be small beside them, napari's two panels of layers are folded away for as
    long as the explorer is open. Whoever shows or hides them meanwhile has it so the next time.
    """

    width_changed = Signal()
    """The window has become wide, or is wide no more: see `is_wide`."""

    def __init__(self, viewer: Any) -> None:
        window = main_window_of(viewer)
        super().__init__(window)
        self._viewer = viewer
        self._folded: list[str] = []
        self._hears_choices = False
        window.installEventFilter(self)
        for dock in layer_docks_of(viewer):
            dock.installEventFilter(self)
        self._connections = Connections(self)
        self._connections.connect(display.layer_panels_changed, self._on_wanted)
        self._share_corners()

    def make_room(self, name: str) -> None:
        """Before a dock of ours is opened: have napari put it where it belongs.

        In a small window there would not be room for ours and all of napari's for a moment, and it
        would grow.
        """
        if name == EXPLORER:
            self.fold_layers()
        prefer_dock_area(f"{name} ({_PLUGIN})", _AREAS[name])

    @property
    def _window(self) -> QMainWindow:
        """Not kept: its wrapper would keep all of napari's window."""
        return main_window_of(self._viewer)

    @property
    def is_wide(self) -> bool:
        return self._window.width() >= WIDE

    @property
    def has_neighbors(self) -> bool:
        """The dock of neighbors is open, or hidden."""
        return dock_of(self._viewer, NEIGHBORS) is not None

    def open_neighbors(self) -> None:
        """Open the dock of neighbors, if it is not there."""
        docked(self._viewer, NEIGHBORS)

    @property
    def are_layers_shown(self) -> bool:
        """Any of napari's panels of layers is to be seen."""
        return any(dock.isVisible() for dock in layer_docks_of(self._viewer))

    def place(self, widget: QWidget, name: str, size: int) -> None:
        """Give a dock that was just opened its size: a width to the explorer, else a height."""
        dock = widget.parentWidget()
        if not isinstance(dock, QDockWidget) or dock.isFloating():
            return
        ways = {EXPLORER: Qt.Orientation.Horizontal, NEIGHBORS: Qt.Orientation.Vertical}
        self._window.resizeDocks([dock], [size], ways[name])

    def fold_layers(self) -> None:
        """Hide napari's panels of layers, unless there is room for them or they are wanted."""
        if self._are_folded_at(display.layer_panels):
            self._fold()
        self._hears_choices = True

    def unfold_layers(self) -> None:
        """Show what was folded away: the explorer is closed."""
        self._hears_choices = False
        for dock in layer_docks_of(self._viewer) if self._folded else ():
            if dock.objectName() in self._folded:
                dock.show()
        self._folded = []

    def toggle_layers(self) -> None:
        """Show napari's panels of layers, or hide them."""
        if self.are_layers_shown:
            self._fold()
        else:
            for dock in layer_docks_of(self._viewer):
                dock.show()

    def _are_folded_at(self, wanted: str) -> bool:
        return wanted == "folded" or (wanted != "shown" and self._window.width() < ROOMY)

    def _on_wanted(self, wanted: str) -> None:
        """Do as the preferences say, while the explorer is open."""
        if self._hears_choices and self.are_layers_shown == self._are_folded_at(wanted):
            self.toggle_layers()

    def _fold(self) -> None:
        shown = [dock for dock in layer_docks_of(self._viewer) if not dock.isHidden()]
        for dock in shown:
            dock.hide()
        # by name: the docks would keep napari's window, too
        self._folded = [dock.objectName() for dock in shown]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not isinstance(watched, QDockWidget):
            call_later(self, self._share_corners)
        elif self._hears_choices and event.type() in _SHOWN_OR_HIDDEN:
            call_later(self, self._remember_choice)
        return False

    def _remember_choice(self) -> None:
        """Keep whether the user wants napari's panels, however she showed or hid them."""
        if self._hears_choices and not is_closed(self._viewer):
            docks = layer_docks_of(self._viewer)
            remember_layer_panels(any(not dock.isHidden() for dock in docks))

    def _share_corners(self) -> None:
        """Leave the dock at the right its full height; in a wide window the neighbors go first."""
        window, areas, corners = self._window, Qt.DockWidgetArea, Qt.Corner
        bottom, is_wide = areas.BottomDockWidgetArea, self.is_wide
        # at the left napari's panels of layers: in a small window they need all of its height
        wanted = {
            corners.BottomRightCorner: bottom if is_wide else areas.RightDockWidgetArea,
            corners.BottomLeftCorner: bottom if is_wide else areas.LeftDockWidgetArea,
        }
        others = [corner for corner, area in wanted.items() if window.corner(corner) != area]
        for corner in others:
            window.setCorner(corner, wanted[corner])
        if others:
            self.width_changed.emit()

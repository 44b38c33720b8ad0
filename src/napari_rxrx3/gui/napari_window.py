"""The private parts of napari's window that this plugin needs, reached from this module alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # who only makes layers works without Qt
    from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

__all__ = [
    "canvas_of",
    "close_notices",
    "drop_target_of",
    "layer_docks_of",
    "main_window_of",
    "make_current",
    "prefer_dock_area",
    "unwrapped",
]


def unwrapped(model: Any) -> Any:
    """The viewer or layer itself: plugins are given a proxy."""
    return getattr(model, "__wrapped__", model)


def main_window_of(viewer: Any) -> QMainWindow:
    """The main window, which has the keys and tells when it is closed."""
    return viewer.window._qt_window


def drop_target_of(viewer: Any) -> QWidget:
    """The widget in the middle of the window, which takes what is dropped on the canvas."""
    return viewer.window._qt_viewer


def canvas_of(viewer: Any) -> QWidget:
    """The widget that napari draws in."""
    return viewer.window._qt_viewer.canvas.native


def layer_docks_of(viewer: Any) -> list[QDockWidget]:
    """The two panels of layers at the left: their list, and what can be set of one."""
    qt_viewer = viewer.window._qt_viewer
    return [qt_viewer.dockLayerControls, qt_viewer.dockLayerList]


def prefer_dock_area(name: str, area: str) -> None:
    """Have napari put a dock of a plugin somewhere, as long as the user has not moved it.

    Parameters
    ----------
    name : str
        As napari calls the dock.
    area : {"left", "right", "top", "bottom"}
    """
    from napari.settings import get_settings

    # napari does not look at `default_dock_area` of the manifest (0.9)
    application = get_settings().application
    if name not in application.plugin_widget_positions:
        application.plugin_widget_positions = application.plugin_widget_positions | {name: area}


def make_current(viewer: Any) -> None:
    """Have OpenGL answer for the canvas."""
    viewer.window._qt_viewer.canvas._scene_canvas.set_current()


def close_notices(viewer: Any) -> None:
    """Take away napari's notifications, which lie over the window."""
    from qtpy.QtWidgets import QWidget

    for child in main_window_of(viewer).findChildren(QWidget):
        if type(child).__name__ == "NapariQtNotification":
            child.close()

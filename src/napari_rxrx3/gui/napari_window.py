"""The private parts of napari's window that this plugin needs, reached from this module alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakMethod, ref

import numpy as np

if TYPE_CHECKING:  # who only makes layers works without Qt
    from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

__all__ = [
    "OpenCall",
    "after_drawing",
    "canvas_of",
    "close_notices",
    "corners_in_scene",
    "drop_target_of",
    "is_closed",
    "layer_docks_of",
    "main_window_of",
    "make_current",
    "open_call",
    "prefer_dock_area",
    "raise_notices",
    "take_first",
    "unit_scale_of",
    "unwrapped",
]


def unwrapped(model: Any) -> Any:
    """The viewer or layer itself: plugins are given a proxy."""
    return getattr(model, "__wrapped__", model)


def main_window_of(viewer: Any) -> QMainWindow:
    """The main window, which has the keys and tells when it is closed."""
    return viewer.window._qt_window


def is_closed(viewer: Any) -> bool:
    """Whether the window is gone, of which parts may be there for a moment more."""
    return not hasattr(viewer.window, "_qt_window")


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


def after_drawing(viewer: Any, act: Callable[[Any], None]) -> None:
    """Call a method whenever the canvas was drawn and napari's camera says what is seen in it."""
    viewer.window._qt_viewer.canvas.events.draw.connect(act, position="last")


def corners_in_scene(viewer: Any) -> tuple[np.ndarray[Any, Any], tuple[float, float]]:
    """The upper left, upper right and lower left corner of the canvas, and its size (y, x).

    The corners (3, 2) are in napari's world, on the two axes that are displayed.
    """
    view = viewer.window._qt_viewer.canvas.view
    width, height = map(float, view.rect.size)
    # as napari does for each place of the mouse, which takes three times as long for three
    transform = view.transform * view.scene.transform
    corners = transform.imap(np.array([(0, 0), (width, 0), (0, height)], float))
    return np.asarray(corners, float)[:, 1::-1], (height, width)


def unit_scale_of(viewer: Any, layer: Any) -> np.ndarray[Any, Any]:
    """By how much places (y, x) in a layer's unit are multiplied where another layer has another.

    Of all layers napari takes one unit for the world.
    """
    drawn = viewer.window._qt_viewer.canvas.layer_to_visual.get(unwrapped(layer))
    scale = getattr(drawn, "_world_to_layer_units_scale", (1.0, 1.0))
    return np.array(scale[-2:], dtype=float)


def close_notices(viewer: Any) -> None:
    """Take away napari's notifications, which lie over the window."""
    for notice in _notices_in(main_window_of(viewer)):
        notice.close()


def raise_notices(canvas: QWidget) -> None:
    """Have napari's notifications lie over what is put on the canvas after them."""
    for notice in _notices_in(canvas):
        notice.raise_()


def _notices_in(widget: QWidget) -> list[QWidget]:
    from qtpy.QtWidgets import QWidget

    children = widget.findChildren(QWidget)
    return [child for child in children if type(child).__name__ == "NapariQtNotification"]


class OpenCall(NamedTuple):
    """What napari is opening at the moment; `by_hand` if its window asked it to, not a script."""

    viewer: Any
    paths: tuple[str, ...]
    by_hand: bool


def open_call(path: str) -> OpenCall | None:
    """Which call of `viewer.open` a reader is asked for a path by; None if by none.

    napari hands a reader one path after the other, whatever was chosen together, and tells it
    neither the others nor the viewer.
    """
    call: OpenCall | None = None
    frame = sys._getframe(1)
    while frame is not None:
        name, there = frame.f_code.co_name, frame.f_locals
        if call is None and name == "open" and _is_viewer(there.get("self")):
            chosen = there.get("path", ())
            many = [chosen] if isinstance(chosen, str | os.PathLike) else chosen
            paths = tuple(os.fspath(one) for one in many)
            call = OpenCall(there["self"], paths, by_hand=False) if path in paths else None
        elif call is not None and name == "_qt_open":
            return call._replace(by_hand=True)
        frame = frame.f_back  # type: ignore[assignment]
    return call


def _is_viewer(thing: Any) -> bool:
    from napari.components import ViewerModel

    return isinstance(thing, ViewerModel)


def take_first(viewer: Any, take: Callable[[list[str]], list[str]]) -> None:
    """Have a method take what it wants of whatever napari's window opens; it returns the rest.

    That is what the menu File opens, what is dropped, links from the clipboard. napari has no
    place for it: a reader is asked only after the user was, which one it shall be. Where she wants
    to be asked, or a reader is named, nothing is taken.

    Ends with the object whose method it is.
    """
    target = drop_target_of(viewer)
    napari_opens = getattr(type(target), "_qt_open", None)
    if napari_opens is None:  # a later napari: there its own way holds
        return
    # nothing here may keep the window, nor what belongs to it
    target_of, take_of = ref(target), WeakMethod(take)

    def open_rest(
        filenames: Any, stack: Any, choose_plugin: bool = False, plugin: Any = None, **more: Any
    ) -> None:
        rest, takes = filenames, take_of()
        if takes is not None and not (choose_plugin or plugin or isinstance(stack, list)):
            rest = takes([os.fspath(name) for name in filenames])
        if rest:
            napari_opens(target_of(), rest, stack, choose_plugin, plugin, **more)

    target._qt_open = open_rest

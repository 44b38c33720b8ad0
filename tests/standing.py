"""One napari window for many tests: each finds it as new, with an explorer of its own.

A new window takes a second or more, a new dock in one that stands a fifth of that. Tests about
the first start, about two windows and about closing one take new ones (`new_window`).
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import numpy as np
from napari.settings import get_plugin_settings, get_settings
from qtpy.QtCore import QByteArray
from qtpy.QtWidgets import QApplication, QMenu, QWidget

from builders import Screen
from napari_rxrx3.core.contrast import DEFAULT_LIMITS
from napari_rxrx3.core.display import display
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.data.cache.budgets import MEMORY_BYTES, budgets
from napari_rxrx3.gui.canvas.layers import StainLayers, layer_options
from napari_rxrx3.gui.docking import dock_explorer
from napari_rxrx3.gui.explorer import ExplorerWidget
from napari_rxrx3.gui.napari_window import close_notices
from napari_rxrx3.gui.neighbors.neighbors_dock import NeighborsWidget
from napari_rxrx3.gui.preferences import follow_preferences
from napari_rxrx3.gui.workspace import Workspace, workspace_of
from napari_rxrx3.session import CROPS, VIEWS, Query, Session
from window import WINDOW_SIZE, Window, standing_viewer


class Standing:
    """The viewer of this process, made when it is first asked for."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._viewer: Any = None
        self._window: Window | None = None
        self._owner = ""
        self._arrangement = QByteArray()
        self._callbacks: list[int] = []
        self._there: list[QWidget] = []

    def of(self, owner: str, qtbot: Any) -> Window:
        """Return the window with the explorer of a module, whose tests make it as they want it."""
        if self._window is None or self._owner != owner:
            self.clean(qtbot)
            self.dock(qtbot)
            self._owner = owner
        self._window.qtbot, self._window.screen = qtbot, Screen()
        return self._window

    def dock(self, qtbot: Any, screen: Screen | None = None) -> Window:
        """Return the window with a new explorer in it; `clean` afterwards."""
        if self._owner:
            self.clean(qtbot)
        assert self._window is None, "a test that needs two windows takes new ones"
        if self._viewer is None:
            self._begin()
        # tests that have windows of their own leave some to Python's collector
        self._there = [w for w in QApplication.topLevelWidgets() if is_ours(w)]
        explorer = dock_explorer(self._viewer)
        qtbot.waitUntil(explorer.isVisible)
        self._window = Window(self._viewer, explorer, screen or Screen(), qtbot)
        return self._window

    def _begin(self) -> None:
        self._viewer = self._stack.enter_context(standing_viewer())
        workspace_of(self._viewer)
        self._arrangement = self._main.saveState()
        self._callbacks = [len(listed) for listed in callbacks_of(self._viewer)]
        leave_to_itself()

    @property
    def _main(self) -> Any:
        return self._viewer.window._qt_window

    def clean(self, qtbot: Any) -> None:
        """Take everything back that a test may have done. Nothing of it may be left over."""
        if self._window is None:
            return
        self._window, self._owner = None, ""
        try:
            self._clean(qtbot)
        except BaseException:
            self.end()  # the next test shall not suffer
            raise

    def _clean(self, qtbot: Any) -> None:
        viewer, workspace = self._viewer, workspace_of(self._viewer)
        empty(workspace)
        close_notices(viewer)
        viewer.window.remove_dock_widget("all")
        close_windows_but(self._main)
        qtbot.waitUntil(partial(nothing_is_left, self._main, self._there))
        reset_preferences()
        reset_session(workspace.session)
        reset_layers(viewer, workspace.layers)
        reset_viewer(viewer)
        qtbot.waitUntil(lambda: workspace.is_settled)
        assert [len(listed) for listed in callbacks_of(viewer)] == self._callbacks
        self._main.showNormal()
        self._main.restoreState(self._arrangement)
        viewer.window.resize(*WINDOW_SIZE)
        QApplication.clipboard().clear()

    def end(self) -> None:
        """Close the window; who asks next gets a new one."""
        if self._viewer is None:
            return
        gc.unfreeze()
        self._viewer, self._window, self._owner = None, None, ""
        self._stack.close()
        leave_to_itself()


def leave_to_itself() -> None:
    """Let Python's collector look only at what is made from now on.

    Napari calls it for each layer that goes, and half a second each time is what it takes to look
    at all modules and a window.
    """
    gc.collect()
    gc.freeze()


def empty(workspace: Workspace) -> None:
    """Stop what is under way, and close the data set."""
    for name in workspace.tasks.running:
        workspace.tasks.cancel(name)
    if workspace.layers.solo is not None:
        workspace.layers.show_alone(workspace.layers.solo)
    for number, is_shown in enumerate(workspace.layers.shown, start=1):
        if not is_shown:
            workspace.layers.toggle(number)
    workspace.session.open(None)
    workspace.session.want_strip("")
    workspace.session.set_beside_control(True)


def close_windows_but(main: QWidget) -> None:
    for window in QApplication.topLevelWidgets():
        if window is not main and window.isVisible():
            window.close()
            window.deleteLater()


def nothing_is_left(main: QWidget, there: Sequence[QWidget] = ()) -> None:
    """Docks of ours have gone, and their windows with them, but for those that were there before.

    Menus without a parent wait for Python's collector, which is too slow to be called each time.
    """
    ours = [*main.findChildren(ExplorerWidget), *main.findChildren(NeighborsWidget)]
    found = [*ours, *QApplication.topLevelWidgets()]
    left = [type(w).__name__ for w in found if is_ours(w) and not any(w is old for old in there)]
    assert left == []


def is_ours(widget: QWidget) -> bool:
    is_a_menu = isinstance(widget, QMenu) and not widget.isVisible()
    return type(widget).__module__.startswith("napari_rxrx3") and not is_a_menu


def reset_preferences() -> None:
    get_settings().reset()
    with suppress(KeyError):  # a test may have a napari without this plugin
        get_plugin_settings("napari-rxrx3").reset()
    display.reset()
    budgets.disk_bytes, budgets.memory_bytes = None, MEMORY_BYTES
    follow_preferences()


def reset_session(session: Session) -> None:
    """Of a session without a data set."""
    session.set_view(VIEWS[0])
    session.set_crop(CROPS[0])
    session.set_contrast_rule(display.contrast_rule)
    session.ask(**vars(Query()))
    session.choose_entries(())
    session.set_arms(None)
    session.history.clear()
    session.say("")
    new = Session()
    new.set_beside_control(True)
    assert state_of(session) == state_of(new)


def state_of(session: Session) -> dict[str, Any]:
    """All that a session knows."""
    values = {name: value for name, value in vars(session).items() if not callable(value)}
    values["history"] = vars(session.history)
    del values["_n_chosen"]  # counts how often, not what
    return values


def reset_layers(viewer: Any, stains: StainLayers) -> None:
    """Keep the six layers, black: napari takes half a second to make them, and as long to end them.

    They are those of a window in which a data set was open before.
    """
    kept, there = list(map(unwrapped, stains._present())), list(map(unwrapped, viewer.layers))
    if len(kept) < len(STAINS) or [*map(id, kept)] != [*map(id, there[: len(kept)])]:
        viewer.layers.clear()
        return
    for layer in there[len(kept) :]:
        viewer.layers.remove(layer)
    for stain, layer in zip(STAINS, kept, strict=True):
        look = layer_options(stain, DEFAULT_LIMITS[stain.number - 1]) | {"gamma": 1.0}
        for name in look.keys() - {"metadata", "contrast_limits"}:
            if not np.array_equal(getattr(layer, name), look[name]):
                setattr(layer, name, look[name])
    stains.set_limits(DEFAULT_LIMITS)
    viewer.layers.selection.active = kept[-1]


def unwrapped(layer: Any) -> Any:
    return getattr(layer, "__wrapped__", layer)


def reset_viewer(viewer: Any) -> None:
    for model in models_of(viewer).values():
        model.reset()
    viewer.dims.ndisplay = 2  # which their reset leaves
    viewer.theme = get_settings().appearance.theme
    viewer.title = "napari"
    viewer.status = "Ready"
    viewer.scene.camera.reset()


def models_of(viewer: Any) -> dict[str, Any]:
    """What of a viewer a test may change, without its layers."""
    named = {name: getattr(viewer, name) for name in ("dims", "tooltip")}
    named |= {"camera": viewer.scene.camera, "grid": viewer.canvas.grid}
    return named | dict(viewer.canvas.overlays)


def callbacks_of(viewer: Any) -> list[list[Any]]:
    kinds = ("move", "wheel", "drag", "double_click")
    return [getattr(viewer, f"mouse_{kind}_callbacks") for kind in kinds]


def look_of(layer: Any) -> tuple[str, ...]:
    """All about a layer but its pixels."""
    names = ("name", "visible", "opacity", "blending", "contrast_limits", "scale", "translate")
    names += ("rotate", "units", "interpolation2d", "gamma", "colormap")
    return tuple(f"{name} {plain(np.array(getattr(layer, name, None)))}" for name in names)


def plain_model(model: Any) -> dict[str, Any]:
    """What a model holds, but where it is on axes that nobody sees."""
    return {name: plain(value) for name, value in model.model_dump().items() if name != "point"}


def plain(value: Any) -> Any:
    """What can be compared."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def state_of_window(window: Window) -> dict[str, Any]:
    """What two windows that are as new have in common."""
    viewer, main = window.viewer, window.viewer.window._qt_window
    workspace = window.explorer.workspace
    visible = (w for w in QApplication.topLevelWidgets() if w.isVisible())
    return {
        "session": state_of(workspace.session) | {"history": None},
        "layers": [look_of(layer) for layer in viewer.layers],
        "stains": (workspace.layers.shown, workspace.layers.solo, workspace.layers.is_apart),
        **{name: plain_model(model) for name, model in models_of(viewer).items()},
        "words": (viewer.theme, viewer.title, window.title),
        "size": (main.size().width(), main.size().height()),
        "docks": sorted(viewer.window.dock_widgets),
        "windows": sorted(type(w).__name__ for w in visible),
        "clipboard": QApplication.clipboard().text(),
        "display": {k: v for k, v in vars(display).items() if k.startswith("_")},
        "budgets": (budgets.disk_bytes, budgets.memory_bytes),
        "tasks": workspace.tasks.running,
        "page": window.explorer.pages.currentIndex(),
        "tab": window.explorer.tabs.currentIndex(),
    }

"""Real windows driven by mouse and keys: napari with the explorer, bare ones, single widgets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from benchmarks.recorder import Recorder
from napari_rxrx3.core.plate import N_COLUMNS, parse_address
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.data.cache.budgets import budgets

__all__ = [
    "DOCKED",
    "PLOT",
    "SIZE",
    "BareWindow",
    "Shown",
    "Window",
    "forget_planes",
    "pump",
    "same",
]

Plane = np.ndarray[Any, Any]

SIZE = (1280, 800)
PLOT, DOCKED = (800, 700), (380, 420)
"""Size of a plot in points: in a window of its own, and in a tab of the explorer's dock."""

_PATIENCE_S = 300
_BREATH_S = 0.0005  # who watches must not take Python's lock from those that decode
_NOTCH = 120
_NO_BUTTON, _LEFT = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton


def pump(until: Callable[[], bool], patience_s: float = _PATIENCE_S) -> float:
    """Let Qt work until something is so; returns when that was.

    Raises
    ------
    TimeoutError
    """
    deadline = time.perf_counter() + patience_s
    while not until():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{getattr(until, '__qualname__', until)} did not come true")
        time.sleep(_BREATH_S)
    return time.perf_counter()


def same(shown: Sequence[Plane], planes: Sequence[Plane], rows: int | None = None) -> bool:
    """Whether the layers hold these planes, or their first rows: told by a grid of pixels."""
    if len(shown) != len(planes):
        return False
    for a, b in zip(shown, planes, strict=True):
        if a.ndim != 2 or a.shape[1] != b.shape[1] or (rows is None and a.shape != b.shape):
            return False
        if rows is not None and a.shape[0] < rows:
            return False
        if not np.array_equal(a[:rows:7, ::89], b[:rows:7, ::89]):
            return False
    return True


def forget_planes() -> None:
    """Empty the memory of decoded planes, as if no well had been looked at."""
    kept = budgets.memory_bytes
    budgets.memory_bytes = 0
    budgets.memory_bytes = kept


def _canvas_of(viewer: Any) -> QWidget:
    widget: QWidget = viewer.window._qt_viewer.canvas.native
    return widget


class Window:
    """A viewer with the explorer docked, driven as a person drives it."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.viewer = napari.Viewer(show=True, show_welcome_screen=False)
        self.viewer.window.resize(*SIZE)
        _, self.explorer = self.viewer.window.add_plugin_dock_widget(
            "napari-rxrx3", "RxRx3 Explorer"
        )
        # a well alone, as the straightforward way and the peers show one
        self.explorer.session.set_beside_control(False)
        self.recorder.time_own_painting()
        self.recorder.watch(self.viewer.window._qt_window)
        QApplication.processEvents()

    @property
    def session(self) -> Any:
        return self.explorer.session

    @property
    def map(self) -> Any:
        return self.explorer.plate_panel.map

    @property
    def is_drawn(self) -> bool:
        """Whether the window was drawn since pixels were last changed."""
        return self.recorder.drawn > self.recorder.pixels_set

    @property
    def shown(self) -> list[Plane]:
        """The pixels of the stains' layers."""
        layers = [layer for layer in self.viewer.layers if "rxrx3_stain" in str(layer.metadata)]
        return [layer.data for layer in layers]

    @property
    def canvas(self) -> QWidget:
        return _canvas_of(self.viewer)

    @property
    def loader(self) -> Any:
        return self.explorer.workspace.loader

    def open(self, path: Path, *, settled: bool = True) -> float:
        """Open a data set; returns when its first plate was on the map."""
        at = self.change_plate(lambda: self.explorer.open_path(str(path)))
        if settled:
            self.settle()
        return at

    def change_plate(self, act: Callable[[], object]) -> float:
        """Do what leads to another plate; returns when that was on the map."""
        there: list[float] = []

        def changed(plate: object) -> None:
            if plate is not None:
                there.append(time.perf_counter())

        def is_painted() -> bool:
            return bool(there) and self.recorder.painted["PlateMap"][-1:] > [(there[0], 0.0)]

        self.session.plate_changed.connect(changed)
        act()
        pump(is_painted)
        self.session.plate_changed.disconnect(changed)
        return self.recorder.painted["PlateMap"][-1][1]

    def settle(self) -> None:
        """Wait until all that was asked for is shown, and what is read ahead is read."""
        pump(lambda: self.explorer.is_settled)
        pump(lambda: not self.explorer.workspace.is_reading_ahead)
        pump(lambda: self.explorer.is_settled)

    def click(self, address: str) -> float:
        """Click on a well of the plate map; returns when that was."""
        row, column = parse_address(address)
        place = self.map.wellRect(row * N_COLUMNS + column).center()
        start = time.perf_counter()
        QTest.mouseClick(self.map, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        return start

    def press(self, key: Any) -> float:
        """Press a key in the plate map; returns when that was."""
        start = time.perf_counter()
        QTest.keyClick(self.map, key)
        return start

    def wait_drawn(
        self, planes: Sequence[Plane], rows: int | None = None, since: float = 0.0
    ) -> float:
        """Wait until these planes, or their first rows, are in the layers and drawn.

        Other wells may look the same: what was put there before `since` does not count.
        """
        recorder, compared = self.recorder, since

        def are_there() -> bool:
            nonlocal compared
            if recorder.pixels_set <= compared or not self.is_drawn:
                return False  # nothing new
            compared = recorder.pixels_set
            return same(self.shown, planes, rows)

        pump(are_there)
        return recorder.drawn


class BareWindow:
    """A viewer without us, of the same size and with a dock as wide as ours."""

    def __init__(self, beside: Window) -> None:
        self.recorder = beside.recorder
        self.viewer = napari.Viewer(show=True, show_welcome_screen=False)
        self.viewer.window.resize(*SIZE)
        dock = QWidget()
        dock.setFixedWidth(beside.explorer.width())
        self.viewer.window.add_dock_widget(dock, name="empty", area="right")
        self.recorder.watch(self.viewer.window._qt_window)
        QApplication.processEvents()

    @property
    def canvas(self) -> QWidget:
        return _canvas_of(self.viewer)

    def add(self, planes: Sequence[Plane]) -> None:
        """Add six layers like ours."""
        from napari_rxrx3.gui.canvas.layers import layer_options

        for stain, plane in zip(STAINS, planes, strict=True):
            limits = (float(plane.min()), float(plane.max()))
            self.viewer.add_image(plane, **layer_options(stain, limits))

    def set(self, planes: Sequence[Plane]) -> float:
        """Give six standing layers other pixels; returns when that was drawn."""
        for layer, plane in zip(self.viewer.layers, planes, strict=True):
            layer.data = plane
        return self.wait_drawn()

    def wait_drawn(self) -> float:
        """Wait until the window was drawn after now."""
        now = time.perf_counter()
        pump(lambda: self.recorder.drawn > now)
        return self.recorder.drawn


class Shown:
    """A widget driven by mouse and wheel.

    Parameters
    ----------
    is_docked : bool
        Show it beside napari's canvas, where Qt composes all of the window by OpenGL whenever
        anything changes; else in a window of its own.
    """

    def __init__(self, widget: QWidget, recorder: Recorder, *, is_docked: bool = False) -> None:
        self.widget, self._recorder = widget, recorder
        widget.setFixedSize(*(DOCKED if is_docked else PLOT))
        if is_docked:
            self._viewer = napari.Viewer(show=True, show_welcome_screen=False)
            self._viewer.window.resize(*SIZE)
            self._viewer.window.add_dock_widget(widget, name="map", area="right")
        else:
            widget.show()
        recorder.watch(widget.window())
        QApplication.processEvents()

    def wait_drawn(self, since: float) -> float:
        """Wait until the window was drawn after a moment; when that was."""
        pump(lambda: self._recorder.drawn > since)
        return self._recorder.drawn

    def press(self, place: QPointF) -> None:
        self._mouse(QEvent.Type.MouseButtonPress, place, _LEFT, _LEFT)

    def drag(self, place: QPointF) -> None:
        self._mouse(QEvent.Type.MouseMove, place, _NO_BUTTON, _LEFT)

    def release(self, place: QPointF) -> None:
        self._mouse(QEvent.Type.MouseButtonRelease, place, _LEFT, _NO_BUTTON)

    def move(self, place: QPointF) -> None:
        self._mouse(QEvent.Type.MouseMove, place, _NO_BUTTON, _NO_BUTTON)

    def turn(self, place: QPointF, notches: int) -> None:
        """Turn the wheel."""
        there = QPointF(self.widget.mapToGlobal(place.toPoint()))
        phase, way = Qt.ScrollPhase.NoScrollPhase, QPointF(0, _NOTCH * notches).toPoint()
        nothing = QPointF().toPoint()
        none = Qt.KeyboardModifier.NoModifier
        event = QWheelEvent(place, there, nothing, way, _NO_BUTTON, none, phase, False)
        QApplication.sendEvent(self.widget, event)

    def _mouse(
        self, kind: QEvent.Type, place: QPointF, button: Qt.MouseButton, held: Qt.MouseButton
    ) -> None:
        there = QPointF(self.widget.mapToGlobal(place.toPoint()))
        none = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(self.widget, QMouseEvent(kind, place, there, button, held, none))

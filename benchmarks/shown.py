"""A widget in a window of its own or docked in napari's, and when that window was drawn."""

from __future__ import annotations

import napari
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from benchmarks.recorder import Recorder
from benchmarks.window import SIZE, pump

__all__ = ["DOCKED", "PLOT", "Shown"]

PLOT, DOCKED = (800, 700), (380, 420)
"""Size of a plot in points: in a window of its own, and in a tab of the explorer's dock."""

_NOTCH = 120
_NO_BUTTON = Qt.MouseButton.NoButton
_LEFT = Qt.MouseButton.LeftButton


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

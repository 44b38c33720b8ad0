"""The map of all entries driven by mouse and wheel; the same points without us."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.path import Path
from qtpy.QtCore import QPointF
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QApplication, QWidget

from benchmarks.recorder import Pause, Recorder
from benchmarks.synthetic_points import Points
from benchmarks.window import DOCKED, PLOT, Shown, pump
from napari_rxrx3.gui.map.points.view import MapView

__all__ = ["Bare", "Hand", "Scatter"]

_Seconds = TypeVar("_Seconds", float, float | None)

_STEP = 12
_CLOSER = 6
_N_LABELS = 40


class Hand:
    """Drives a `MapView`; every method that returns seconds waits for the right picture.

    Attributes
    ----------
    at_once : list of float
        Seconds until anything was drawn, of each movement since this was cleared.
    pauses : list of Pause
        Of the GUI thread, in all and by our code, since the beginning.
    n_marked : int
        Points in the last lasso.
    """

    def __init__(self, points: Points, recorder: Recorder, *, is_docked: bool = False) -> None:
        self.view = MapView()
        self.at_once: list[float] = []
        self.pauses: list[Pause] = []
        self.n_marked = 0
        self._points, self._recorder = points, recorder
        self._sharp, self._n_hovered = 0.0, 0
        self.view.drawn.connect(self._on_drawn)
        self.view.marked.connect(self._on_marked)
        self.view.hovered.connect(self._on_hovered)
        self._shown = Shown(self.view, recorder, is_docked=is_docked)

    def begin(self, mode: str) -> None:
        """Show all points, and let dragging do one of `MapView`'s modes."""
        self.view.fit()
        self.view.set_mode(mode)
        self._settle()
        self.at_once.clear()

    def show(self) -> float:
        """Show the points, where none were."""
        self.view.set_points(None)
        self._settle()
        return self._heard(self._set)

    def pan(self, turn: int, n: int) -> float:
        """One movement of a drag, to and fro; the second half of `n` turns closer up."""
        middle = QPointF(self.view.width() / 2, self.view.height() / 2)
        if turn == n // 2:
            self._shown.turn(middle, _CLOSER)
        way = _STEP if turn % 2 else -_STEP
        self._shown.press(middle)
        self._shown.drag(QPointF(middle.x() + 2 * way, middle.y()))  # from here on it is a drag
        self._settle()
        place = QPointF(middle.x() + 3 * way, middle.y() + way)
        seconds = self._frame(lambda: self._shown.drag(place))
        self._shown.release(place)
        self._settle()
        return seconds

    def zoom(self, turn: int, n: int) -> float:
        """One notch of the wheel: closer for the first half of `n` turns, then back."""
        place = QPointF(self.view.width() * 0.4, self.view.height() * 0.6)
        return self._frame(lambda: self._shown.turn(place, 1 if turn < n // 2 else -1))

    def point_at(self, index: int) -> float | None:
        """Move the mouse over a point; None if that is the one it was over."""
        place = self.view.place_of(index)
        assert place is not None
        return self._heard(lambda: self._move(place))

    def enclose(self) -> float:
        """Draw the lasso, and wait from its end."""
        self.view.set_marked([])
        self._settle()
        camera: Any = self.view.viewport
        places = [QPointF(x, y) for x, y in camera.pixels(self._points.lasso)]
        self._shown.press(places[0])
        for place in places[1:]:
            self._shown.drag(place)
        self._settle()
        return self._heard(lambda: self._end_lasso(places[-1]))

    def _set(self) -> float:
        start = time.perf_counter()
        self.view.set_points(self._points.positions)
        self.view.set_colors(self._points.classes, self._points.palette)
        self.view.set_labels([(i, f"entry {i}") for i in range(_N_LABELS)])
        return self._until_sharp(start) - start

    def _move(self, place: QPointF) -> float | None:
        n, start = self._n_hovered, time.perf_counter()
        self._shown.move(place)
        return None if self._n_hovered == n else self._shown.wait_drawn(start) - start

    def _end_lasso(self, place: QPointF) -> float:
        self.n_marked, start = 0, time.perf_counter()
        self._shown.release(place)
        pump(lambda: self.n_marked > 0)
        return self._until_sharp(start) - start

    def _frame(self, act: Callable[[], None]) -> float:
        def move() -> float:
            start = time.perf_counter()
            act()
            self.at_once.append(self._shown.wait_drawn(start) - start)
            return self._until_sharp(start) - start

        return self._heard(move)

    def _until_sharp(self, since: float) -> float:
        """Wait until the right picture is on screen; returns when it was."""
        pump(lambda: self._sharp > since and self.view.is_sharp)
        return self._shown.wait_drawn(self._sharp)

    def _settle(self) -> None:
        pump(lambda: self.view.is_sharp)
        QApplication.processEvents()

    def _heard(self, act: Callable[[], _Seconds]) -> _Seconds:
        """Do something while the heart of the window is listened to."""
        with self._recorder.listening() as recorder:
            found = act()
        self.pauses += recorder.pauses()
        return found

    def _on_drawn(self) -> None:
        self._sharp = time.perf_counter()

    def _on_marked(self, indices: Any) -> None:
        self.n_marked = len(indices)

    def _on_hovered(self, index: int | None) -> None:
        self._n_hovered += 1


class Bare(QWidget):
    """The least: each point is counted at its pixel, and a ready picture is shown."""

    def __init__(self, points: Points, recorder: Recorder, *, is_docked: bool = False) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        width, height = size = DOCKED if is_docked else PLOT
        low, high = points.positions.min(axis=0), points.positions.max(axis=0)
        shares = (points.positions - low) / (high - low)
        columns, rows = (shares * (np.array(size, np.float32) - 1)).astype(np.int64).T
        self._pixels, self._n_pixels = rows * width + columns, width * height
        self._positions = points.positions
        self._picture = rng.integers(0, 255, (height, width, 4), np.uint8)
        self._shown = Shown(self, recorder, is_docked=is_docked)

    def count(self) -> float:
        """Seconds to count all points and to show a picture."""
        start = time.perf_counter()
        np.bincount(self._pixels, minlength=self._n_pixels)
        return self._show() - start

    def test(self) -> float:
        """Seconds to compare each point with something and to show a picture."""
        start = time.perf_counter()
        np.flatnonzero(self._positions[:, 0] > 0)
        return self._show() - start

    def show_again(self) -> float:
        """Seconds to show a picture."""
        start = time.perf_counter()
        return self._show() - start

    def paintEvent(self, event: QPaintEvent | None) -> None:
        height, width, _ = self._picture.shape
        image = QImage(self._picture.data, width, height, QImage.Format.Format_RGB32)
        painter = QPainter(self)
        painter.drawImage(0, 0, image)
        painter.end()

    def _show(self) -> float:
        self.update()
        return self._shown.wait_drawn(time.perf_counter())


class Scatter:
    """What one would write: `Axes.scatter`, drawn again whenever something changes."""

    def __init__(self, points: Points, recorder: Recorder) -> None:
        self._points = points
        self.canvas = FigureCanvasQTAgg(Figure())
        self._axes = self.canvas.figure.add_subplot()
        self._shown = Shown(self.canvas, recorder)
        self._colors = points.colors
        self._note = self._axes.text(0, 0, "")

    def first(self) -> float:
        """Seconds until all points are on screen."""
        for old in list(self._axes.collections):
            old.remove()
        start = time.perf_counter()
        x, y = self._points.positions.T
        self._dots = self._axes.scatter(x, y, c=self._colors, s=1)
        return self._draw() - start

    def pan(self) -> float:
        """Seconds until another part of the plane is on screen."""
        return self._look(0.05, 1.0)

    def zoom(self) -> float:
        """Seconds until everything is larger on screen."""
        return self._look(0.0, 0.8)

    def hover(self, index: int) -> float:
        """Seconds to find the point at a place and to have its name on screen."""
        x, y = self._points.positions[index]
        start = time.perf_counter()
        away = np.hypot(*(self._points.positions - (x, y)).T)
        self._note.set_text(str(np.argmin(away)))
        self._note.set_position((x, y))
        return self._draw() - start

    def lasso(self) -> float:
        """Seconds until the points in the lasso have another color on screen."""
        start = time.perf_counter()
        inside = Path(self._points.lasso).contains_points(self._points.positions)
        self._dots.set_facecolor(np.where(inside[:, None], (1.0, 0.0, 0.0), self._colors))
        return self._draw() - start

    def _look(self, step: float, times: float) -> float:
        start = time.perf_counter()
        left, right = self._axes.get_xlim()
        low, high = self._axes.get_ylim()
        middle, half = (left + right) / 2 + step * (right - left), times * (right - left) / 2
        self._axes.set_xlim(middle - half, middle + half)
        self._axes.set_ylim((low + high) / 2 - times * (high - low) / 2, (low + high) / 2 + half)
        return self._draw() - start

    def _draw(self) -> float:
        self.canvas.draw()
        return self._shown.wait_drawn(time.perf_counter())

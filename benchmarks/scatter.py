"""The same points without us: one count and a picture, and matplotlib's scatter."""

from __future__ import annotations

import time

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.path import Path
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QWidget

from benchmarks.points import Points
from benchmarks.recorder import Recorder
from benchmarks.shown import DOCKED, PLOT, Shown

__all__ = ["Bare", "Scatter"]


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

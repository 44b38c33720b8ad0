"""Plots points with napari-clusters-plotter, pans, zooms and selects; runs where that is.

Usage: python clusters_plotter.py POINTS.npz RESULT.json WIDTH HEIGHT FRAMES

POINTS.npz holds positions (n, 2), classes (n,) and the corners (m, 2) of a lasso; WIDTH and HEIGHT
are those of the plot.
"""

import json
import sys
import time
from pathlib import Path

import napari
import numpy as np
import pandas as pd
from napari_clusters_plotter import PlotterWidget
from qtpy.QtWidgets import QApplication

ZOOM = 0.8


def main(points: str, result: str, width: int, height: int, frames: int) -> None:
    """Measure everything once, frames several times."""
    with np.load(points) as file:
        positions, classes, lasso = file["positions"], file["classes"], file["lasso"]
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    start = time.perf_counter()
    viewer.add_points(
        positions,
        size=1,
        features=pd.DataFrame({"class": classes, "x": positions[:, 0], "y": positions[:, 1]}),
    )
    QApplication.processEvents()
    found = {"layer": time.perf_counter() - start}
    plot = Plot(viewer, width, height)
    found["first"] = plot.first()
    found["pan"] = [plot.look(-0.1 if i % 2 else 0.1, 1.0) for i in range(frames)]
    found["zoom"] = [plot.look(0.0, 1 / ZOOM if i % 2 else ZOOM) for i in range(frames)]
    found["lasso"] = plot.select(lasso)
    canvas = plot.canvas
    found["canvas"] = [canvas.width(), canvas.height()]
    Path(result).write_text(json.dumps(found))


class Plot:
    """The peer's widget in a window of its own, with a plot of a given size."""

    def __init__(self, viewer: napari.Viewer, width: int, height: int) -> None:
        self.widget = PlotterWidget(viewer)
        self.canvas = self.widget.plotting_widget.canvas
        self.drawn = 0
        self.canvas.mpl_connect("draw_event", self._count)
        self.widget.show()
        self.widget._selectors["x"].setCurrentText("x")
        self.canvas.setFixedSize(width, height)
        self._settle(0)

    def first(self) -> float:
        """Seconds from choosing the second column until the points are drawn."""
        drawn, start = self.drawn, time.perf_counter()
        self.widget._selectors["y"].setCurrentText("y")
        self._settle(drawn + 1)
        seconds = time.perf_counter() - start
        self.widget._selectors["hue"].setCurrentText("class")
        self._settle(0)
        return seconds

    def look(self, step: float, times: float) -> float:
        """Seconds to show another part of the plane: moved by a step, as wide as before times."""
        axes = self.widget.plotting_widget.axes
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        middle = (left + right) / 2 + step * (right - left)
        drawn, start = self.drawn, time.perf_counter()
        axes.set_xlim(middle - times * (right - left) / 2, middle + times * (right - left) / 2)
        half = times * (high - low) / 2
        axes.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)
        self.canvas.draw_idle()
        self._settle(drawn + 1)
        return time.perf_counter() - start

    def select(self, corners: np.ndarray) -> float:
        """Seconds from the end of a lasso until what is in it has its color, here and in napari."""
        plotting = self.widget.plotting_widget
        plotting.active_selector = "LASSO"
        self._settle(0)
        drawn, start = self.drawn, time.perf_counter()
        plotting.active_selector.on_select(corners)
        self._settle(drawn + 1)
        return time.perf_counter() - start

    def _count(self, event: object) -> None:
        self.drawn += 1

    def _settle(self, drawn: int) -> None:
        """Let Qt work until the plot was drawn so often, and nothing is left to draw."""
        QApplication.processEvents()
        while self.drawn < drawn or self.canvas._draw_pending:
            QApplication.processEvents()
        QApplication.processEvents()


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:6]))

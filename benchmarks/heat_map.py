"""The heat map of chosen entries on screen, zoomed and moved as far as it goes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.qt import get_qapp
from qtpy.QtCore import QPointF

from benchmarks.parts import Found
from benchmarks.recorder import Recorder
from benchmarks.search import clustered, map_of
from benchmarks.settings import Settings
from benchmarks.shown import Shown
from benchmarks.timing import Row, Target, interleaved
from napari_rxrx3.gui.map.heat_map.view import HeatMapView
from napari_rxrx3.maps.heat_map import HeatMap, heat_map

__all__ = ["heat_map_view"]

Array = np.ndarray[Any, Any]

_FRAME_S = 0.033
_FRAMES, _NAIVE_EVERY = 40, 5
_STEP = 12


def heat_map_view(settings: Settings) -> Found:
    """Measure frames of the largest heat map there can be."""
    get_qapp()
    recorder = Recorder()
    n = settings.heat_map
    phenomap = map_of(clustered(4 * n))
    found = heat_map(phenomap, [str(key) for key in phenomap.labels.index[:n]])
    ours, naive = _Ours(found, recorder), _Naive(found.matrix, recorder)
    rows = []
    for name in ("zoom", "pan"):
        times = interleaved(
            _FRAMES,
            {
                "ours": getattr(ours, name),
                "naive": lambda i: naive.zoom(i) if i % _NAIVE_EVERY == 0 else None,
            },
        )
        what = f"heat map of {n:,} x {n:,}: {name}, a frame"
        target = Target("p95", "limit", _FRAME_S)
        rows.append(Row.of(f"heat map {name}", what, "s", times, target))
    return Found(rows)


class _Ours:
    def __init__(self, found: HeatMap, recorder: Recorder) -> None:
        self._view = HeatMapView()
        self._shown = Shown(self._view, recorder)
        self._middle = QPointF(self._view.width() / 2, self._view.height() / 2)
        start = time.perf_counter()
        self._view.set_heat_map(found)
        self._shown.wait_drawn(start)

    def zoom(self, turn: int) -> float:
        """Closer with the first half of the turns, then back."""
        start = time.perf_counter()
        self._shown.turn(self._middle, 1 if turn < _FRAMES // 2 else -1)
        return self._shown.wait_drawn(start) - start

    def pan(self, turn: int) -> float:
        """Four notches closer, moved by a drag to and fro."""
        if turn == 0:
            self._view.fit()
            self._shown.turn(self._middle, 4)
        way = _STEP if turn % 2 else -_STEP
        first, then = (QPointF(self._middle.x() + k * way, self._middle.y()) for k in (2, 3))
        start = time.perf_counter()
        self._shown.press(self._middle)
        self._shown.drag(first)  # from here on it is a drag
        self._shown.wait_drawn(start)
        start = time.perf_counter()
        self._shown.drag(then)
        end = self._shown.wait_drawn(start)
        self._shown.release(then)
        return end - start


class _Naive:
    """`Axes.imshow` of matplotlib."""

    def __init__(self, matrix: Array, recorder: Recorder) -> None:
        self._canvas = FigureCanvasQTAgg(Figure())
        self._axes = self._canvas.figure.add_subplot()
        self._axes.imshow(matrix, cmap="RdBu", vmin=-1, vmax=1)
        self._half = len(matrix) / 2
        self._shown = Shown(self._canvas, recorder)

    def zoom(self, turn: int) -> float:
        start = time.perf_counter()
        half = self._half * 0.95**turn
        self._axes.set_xlim(self._half - half, self._half + half)
        self._axes.set_ylim(self._half + half, self._half - half)
        self._canvas.draw()
        return self._shown.wait_drawn(time.perf_counter()) - start

"""The plate map: repainting, coloring anew, going to another plate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPainter, QPixmap

from benchmarks import datasets
from benchmarks.measuring import interleaved
from benchmarks.results import PartResult, Row, Target, Timing
from benchmarks.settings import Settings
from benchmarks.window import BareWindow, Window, pump
from napari_rxrx3.core.plate_quality import MEASURES_IN_WORDS

__all__ = ["plate_map"]

_REPAINT_S, _RECOLOR_S, _SWITCH_S = 0.004, 0.020, 0.050
_SETTLED_EVERY = 5
_RECOLOR = "plate map: color by another column"


def plate_map(settings: Settings) -> PartResult:
    """Measure what the map of a plate of 1,380 wells costs."""
    window = Window()
    window.open(datasets.core(settings))
    bare = _Bare(window)
    repeats = 4 * settings.repeats
    repaint = interleaved(
        repeats, {"ours": lambda i: _repaint(window), "floor": lambda i: bare.blit()}
    )
    recolored, own_recoloring = _own_beside(lambda i: _recolor(window, i))
    recolor = interleaved(
        repeats,
        {
            "ours": recolored,
            "naive": lambda i: bare.recolor(i) if i % _SETTLED_EVERY == 0 else None,
        },
    )
    switch, own_switching = _own_beside(lambda i: _switch(window, 1 if i % 2 == 0 else -1))
    switched = [switch(i) for i in range(settings.repeats)]
    note = f"until the new plate was on the map, with napari's work: median {_ms(switched)}"
    return PartResult(
        [
            _row("repaint", "plate map: repaint", repaint, _REPAINT_S),
            _row("recolor", f"{_RECOLOR}, our own work", {"ours": own_recoloring}, _RECOLOR_S),
            Row.of("recolor shown", f"{_RECOLOR}, until the window was drawn", "s", recolor),
            Row(
                "plate switch",
                "plate map: go to the next plate",
                "s",
                Timing.of(own_switching),
                target=Target("p95", "limit", _SWITCH_S),
                notes=(note,),
            ),
        ]
    )


def _row(key: str, what: str, columns: dict[str, list[float]], limit: float) -> Row:
    return Row.of(key, what, "s", columns, Target("p95", "limit", limit))


def _repaint(window: Window) -> float:
    """Seconds that the map takes to paint itself, as when the mouse moves over it."""
    spans = window.recorder.painted["PlateMap"]
    n = len(spans)
    window.map.update()
    pump(lambda: len(spans) > n)
    start, end = spans[n]
    return end - start


def _own_beside(
    act: Callable[[int], tuple[float, float]],
) -> tuple[Callable[[int], float], list[float]]:
    """Of what gives seconds in all and those that are ours: a job for the first, and the others."""
    own: list[float] = []

    def job(i: int) -> float:
        whole, ours = act(i)
        own.append(ours)
        return whole

    return job, own


def _recolor(window: Window, turn: int) -> tuple[float, float]:
    """Choose another column; seconds until that is drawn, and those of them that are ours."""
    box = window.explorer.plate_panel.color_by
    box.setCurrentIndex(turn % (box.count() - len(MEASURES_IN_WORDS)))  # the last read images
    spans = window.recorder.painted["PlateMap"]
    n = len(spans)
    start = time.perf_counter()
    box.activated.emit(box.currentIndex())
    pump(lambda: len(spans) > n)
    own = window.recorder.own_time(start, spans[-1][1])
    painted = spans[-1][0]
    pump(lambda: window.recorder.drawn > painted)
    return window.recorder.drawn - start, own


def _switch(window: Window, step: int) -> tuple[float, float]:
    """Turn a page; seconds until the new plate is painted, and those of them that are ours."""
    window.settle()
    key = Qt.Key.Key_PageDown if step > 0 else Qt.Key.Key_PageUp
    with window.recorder.listening() as recorder:
        start = time.perf_counter()
        end = window.change_plate(lambda: window.press(key))
    own = recorder.own_time(start, end)
    window.settle()
    return end - start, own


class _Bare:
    """The same without us: a ready picture copied to a pixmap; a napari Points layer."""

    def __init__(self, window: Window) -> None:
        self._window = BareWindow(window)
        size = window.map.size()
        self._target = QPixmap(size)
        rng = np.random.default_rng(0)
        self._pixels = rng.integers(0, 255, (size.height(), size.width(), 4), np.uint8)
        rows, columns = np.mgrid[1:31, 1:47]
        places = np.column_stack([rows.ravel(), columns.ravel()]).astype(float)
        self._colors = rng.uniform(0, 1, (4, len(places), 4))
        self._points: Any = self._window.viewer.add_points(
            places, size=0.8, face_color=self._colors[0]
        )
        self._window.wait_drawn()

    def blit(self) -> float:
        height, width, _ = self._pixels.shape
        start = time.perf_counter()
        image = QImage(self._pixels.data, width, height, QImage.Format.Format_RGB32)
        painter = QPainter(self._target)
        painter.drawImage(0, 0, image)
        painter.end()
        return time.perf_counter() - start

    def recolor(self, turn: int) -> float:
        start = time.perf_counter()
        self._points.face_color = self._colors[turn % len(self._colors)]
        return self._window.wait_drawn() - start


def _ms(seconds: list[float]) -> str:
    return f"{1000 * float(np.median(seconds)):.0f} ms"

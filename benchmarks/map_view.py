"""The map of all entries and the heat map on screen: first picture, pan, zoom, hover, lasso."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.qt import get_qapp
from qtpy.QtCore import QPointF

from benchmarks.map_drivers import Bare, Hand, Scatter
from benchmarks.measuring import interleaved
from benchmarks.recorder import Recorder
from benchmarks.results import PartResult, Row, Target
from benchmarks.settings import Settings
from benchmarks.synthetic_points import Points, invented
from benchmarks.vectors import clustered, map_of
from benchmarks.window import DOCKED, PLOT, Shown
from napari_rxrx3.gui.map.heat_map.view import HeatMapView
from napari_rxrx3.maps.heat_map import HeatMap, heat_map

__all__ = ["HUGE", "heat_map_view", "keys_of", "map_view"]

Array = np.ndarray[Any, Any]
Times = dict[str, list[float]]

HUGE = 500_000
"""Of so many points, the picture of before is moved at once and the right one follows."""
_FIRST_S, _FRAME_S = {False: 0.3, True: 1.0}, {False: 0.033, True: 0.060}
_HOVER_S, _LASSO_S, _PAUSE_S = 0.030, 0.200, 0.050
_FRAMES = {False: 40, True: 24}
_FEW, _NAIVE_EVERY = 6, 10

_HEAT_MAP_FRAME_S = 0.033
_HEAT_MAP_FRAMES, _HEAT_MAP_NAIVE_EVERY = 40, 5
_STEP = 12


def map_view(settings: Settings) -> PartResult:
    """Measure maps of the sizes of the settings, one after the other."""
    get_qapp()
    recorder = Recorder()
    recorder.time_own_painting()
    rows = [row for n in settings.points for row in _Size(invented(n), recorder).run()]
    facts = [
        "map: {} x {} points in a window of its own, in the dock {} x {}".format(*PLOT, *DOCKED),
        "map: the floor counts every point, also where few are in view, and draws a ready picture; "
        "straightforward: Axes.scatter of matplotlib",
    ]
    return PartResult(rows, facts=facts)


def keys_of(n: int) -> dict[str, str]:
    """Rows of a size that a peer's measurements belong to: those of the right picture."""
    names = {name: name for name in ("first", "pan", "zoom", "hover", "lasso")}
    if n > HUGE:
        names |= {name: f"{name} sharp" for name in ("pan", "zoom")}
    return {name: f"map {n} {row}" for name, row in names.items()}


@dataclass
class _Size:
    points: Points
    recorder: Recorder

    def __post_init__(self) -> None:
        self.is_huge = len(self.points) > HUGE
        self.n_frames = _FRAMES[self.is_huge]

    def run(self) -> list[Row]:
        self.hand = Hand(self.points, self.recorder)
        self.bare = Bare(self.points, self.recorder)
        self.naive = Scatter(self.points, self.recorder)
        rows = [self._first(), *self._frames("pan"), *self._frames("zoom")]
        rows += [self._hover(), self._lasso(), self._docked()]
        rows += [self._pause()] if self.is_huge else []  # others are drawn at once
        for widget in (self.hand.view, self.bare, self.naive.canvas):
            widget.window().close()
        return rows

    def _first(self) -> Row:
        found = interleaved(
            _FEW,
            {
                "ours": lambda i: self.hand.show(),
                "floor": lambda i: self.bare.count(),
                "naive": self._now_and_then(_FEW, self.naive.first),
            },
        )
        target = Target("p95", "limit", _FIRST_S[self.is_huge])
        return self._row("first", "first picture", found, target)

    def _frames(self, name: str) -> list[Row]:
        """Rows of a movement: until the right picture, of huge maps also until any."""
        self.hand.begin("pan")
        n, what = self.n_frames, f"{name}, {'drag' if name == 'pan' else 'wheel'}"
        ours: Callable[[int, int], float] = getattr(self.hand, name)
        found = interleaved(
            n,
            {
                "ours": lambda i: ours(i, n),
                "floor": lambda i: self.bare.count(),
                "naive": self._now_and_then(n, getattr(self.naive, name)),
            },
        )
        target = Target("p95", "limit", _FRAME_S[self.is_huge])
        if not self.is_huge:
            return [self._row(name, f"{what}: a frame", found, target)]
        copies = [self.bare.show_again() for _ in range(n)]
        moved = {"ours": self.hand.at_once, "floor": copies}  # nothing else shows such a picture
        return [
            self._row(name, f"{what}: a frame, the picture of before moved", moved, target),
            self._row(f"{name} sharp", f"{what}: until the right picture", found, None),
        ]

    def _hover(self) -> Row:
        self.hand.begin("pan")
        chosen = np.random.default_rng(3).integers(0, len(self.points), self.n_frames).tolist()
        found = interleaved(
            len(chosen),
            {
                "ours": lambda i: self.hand.point_at(chosen[i]),
                "floor": lambda i: self.bare.test(),
                "naive": self._now_and_then(len(chosen), lambda: self.naive.hover(chosen[0])),
            },
        )
        target = Target("p95", "limit", _HOVER_S)
        return self._row("hover", "from the mouse to a point's name", found, target)

    def _lasso(self) -> Row:
        self.hand.begin("lasso")
        found = interleaved(
            _FEW,
            {
                "ours": lambda i: self.hand.enclose(),
                "floor": lambda i: self.bare.test(),
                "naive": self._now_and_then(_FEW, self.naive.lasso),
            },
        )
        note = f"{self.hand.n_marked:,} points were in it"
        target = Target("p95", "limit", _LASSO_S)
        return self._row("lasso", "from the end of a lasso to its points", found, target, (note,))

    def _docked(self) -> Row:
        """Frames in napari's window, which is composed anew with each of them."""
        hand = Hand(self.points, self.recorder, is_docked=True)
        bare = Bare(self.points, self.recorder, is_docked=True)
        hand.show()
        hand.begin("pan")
        n = self.n_frames
        found = interleaved(
            n, {"ours": lambda i: hand.pan(i, n), "floor": lambda i: bare.show_again()}
        )
        if self.is_huge:
            found["ours"] = hand.at_once
        self.hand.pauses += hand.pauses
        target = Target("p95", "limit", _FRAME_S[self.is_huge])
        return self._row("docked", "pan, drag: a frame in the dock of napari", found, target)

    def _pause(self) -> Row:
        whole, ours = (max(pair[i] for pair in self.hand.pauses) for i in (0, 1))
        note = f"with napari's drawing and Python's search for garbage: {1000 * whole:.0f} ms"
        what = "longest pause of the GUI thread by our code during all this"
        target = Target("p95", "limit", _PAUSE_S)
        return self._row("pause", what, {"ours": [ours]}, target, (note,))

    def _now_and_then(self, n: int, act: Callable[[], float]) -> Callable[[int], float | None]:
        """A job for `interleaved` that is slow: of `n` rounds it sits most out."""
        every = n if self.is_huge else min(n // 2, _NAIVE_EVERY)
        return lambda i: act() if i % every == 0 else None

    def _row(
        self, name: str, what: str, found: Times, target: Target | None, notes: tuple[str, ...] = ()
    ) -> Row:
        n = len(self.points)
        return Row.of(f"map {n} {name}", f"map of {n:,}, {what}", "s", found, target, notes)


def heat_map_view(settings: Settings) -> PartResult:
    """Measure frames of the largest heat map there can be."""
    get_qapp()
    recorder = Recorder()
    n = settings.heat_map
    phenomap = map_of(clustered(4 * n))
    found = heat_map(phenomap, [str(key) for key in phenomap.labels.index[:n]])
    ours, naive = _OurHeatMap(found, recorder), _ImshowHeatMap(found.matrix, recorder)
    rows = []
    for name in ("zoom", "pan"):
        times = interleaved(
            _HEAT_MAP_FRAMES,
            {
                "ours": getattr(ours, name),
                "naive": lambda i: naive.zoom(i) if i % _HEAT_MAP_NAIVE_EVERY == 0 else None,
            },
        )
        what = f"heat map of {n:,} x {n:,}: {name}, a frame"
        target = Target("p95", "limit", _HEAT_MAP_FRAME_S)
        rows.append(Row.of(f"heat map {name}", what, "s", times, target))
    return PartResult(rows)


class _OurHeatMap:
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
        self._shown.turn(self._middle, 1 if turn < _HEAT_MAP_FRAMES // 2 else -1)
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


class _ImshowHeatMap:
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

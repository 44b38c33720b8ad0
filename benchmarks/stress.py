"""Held arrow keys and hundreds of clicks: nothing wrong is shown, and nothing piles up."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest

from benchmarks import datasets
from benchmarks.floor import planes_of
from benchmarks.measuring import resident_mb
from benchmarks.recorder import Pause
from benchmarks.results import PartResult, Row, Target, Timing
from benchmarks.settings import Settings
from benchmarks.synthetic_images import CORE, TARS
from benchmarks.window import Plane, Window, forget_planes, pump, same
from napari_rxrx3.core.plate import format_address
from napari_rxrx3.strips.wells import wells_around

__all__ = ["arrow_key", "soak"]

_LONGEST_S = 0.05
_MOST_MB = 100
_INTERVAL_MS = 33  # keyboards repeat some thirty times a second
_AFTER_S = 1.0
_STAGES = 5


def arrow_key(settings: Settings) -> PartResult:
    """Hold the arrow keys down for as many wells as the settings say, row by row."""
    window = Window()
    window.open(datasets.core(settings))
    path = snake(settings.keys)
    window.click(path[0][1])
    window.settle()
    forget_planes()
    walk = _Walk(window, path[1:], {address: planes_of(CORE, address) for _, address in path})
    walk.run()
    return PartResult(walk.rows())


def snake(n_keys: int) -> list[tuple[Qt.Key, str]]:
    """Keys that lead through the rows of a plate to and fro, and the well that each leads to."""
    row, column, step = 1, 1, 1
    path = [(Qt.Key.Key_Right, format_address(row, column))]
    for _ in range(n_keys):
        if 1 <= column + step <= 46:
            column, key = column + step, Qt.Key.Key_Right if step > 0 else Qt.Key.Key_Left
        else:
            row, step, key = row + 1, -step, Qt.Key.Key_Down
        path.append((key, format_address(row, column)))
    return path


@dataclass
class _Walk:
    window: Window
    path: list[tuple[Qt.Key, str]]
    planes: dict[str, list[Plane]]
    shown: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    reads: list[tuple[float, str]] = field(default_factory=list)
    last_key: float = 0.0
    end: float = 0.0
    pauses: list[Pause] = field(default_factory=list)
    collection: float = 0.0

    def run(self) -> None:
        self._listen()
        left = [key for key, _ in self.path]

        def press() -> None:
            self.last_key = time.perf_counter()
            QTest.keyPress(self.window.map, left.pop(0))
            if not left:
                timer.stop()

        timer = QTimer(self.window.viewer.window._qt_window)
        timer.setInterval(_INTERVAL_MS)
        timer.timeout.connect(press)
        with self.window.recorder.listening() as recorder:
            timer.start()
            pump(lambda: not left)
            self.end = self.window.wait_drawn(self.planes[self.path[-1][1]], since=self.last_key)
        self.pauses = recorder.pauses()
        self.collection = recorder.longest_collection
        self.window.settle()
        settled = time.perf_counter()
        pump(lambda: time.perf_counter() - settled > _AFTER_S)

    def rows(self) -> list[Row]:
        longest = max(pause.ours for pause in self.pauses)
        read = len({well for _, well in self.reads})
        notes = (
            f"one key every {_INTERVAL_MS} ms: {len(set(self.shown))} wells were shown on the way, "
            f"planes of {read} wells were read",
        )
        collected = (f"taken off: Python's search for garbage, {1000 * self.collection:.0f} ms",)
        none, short = Target("p95", "limit", 0), Target("p95", "limit", _LONGEST_S)
        wrong, late, wait = len(self.wrong), self._left_behind(), self.end - self.last_key
        return [
            self._row("wrong", "wrong pictures shown", "", wrong, none, notes),
            self._row(
                "queue", "planes of passed wells read after the last picture", "", late, none
            ),
            self._row("last", "from the last key to its well on screen", "s", wait),
            self._row(
                "pause",
                "longest pause of the GUI thread by our code",
                "s",
                longest,
                short,
                collected,
            ),
        ]

    def _row(
        self,
        key: str,
        what: str,
        unit: str,
        value: float,
        target: Target | None = None,
        notes: tuple[str, ...] = (),
    ) -> Row:
        what = f"holding an arrow key for {len(self.path)} wells: {what}"
        return Row(f"arrow {key}", what, unit, Timing.of([value]), target=target, notes=notes)

    def _listen(self) -> None:
        """Note each picture as it comes, and each plane that is read."""
        dataset = self.window.session.dataset
        before, lock = dataset.plane, threading.Lock()

        def noted(well_id: str, *args: Any, **kwargs: Any) -> Any:
            with lock:
                self.reads.append((time.perf_counter(), well_id))
            return before(well_id, *args, **kwargs)

        dataset.plane = noted
        self.window.loader.ready.connect(self._on_picture)

    def _on_picture(self, picture: Any) -> None:
        """Runs after our own window has put the picture into the layers."""
        address = (picture.mosaic.tiles[0].well_id or "").rsplit("_", 1)[-1]
        self.shown.append(address)
        right = address == self._address_in_title() and same(
            self.window.shown, self.planes[address]
        )
        if not right:
            self.wrong.append(address)

    def _address_in_title(self) -> str:
        return str(self.window.explorer.workspace.labels.title).rsplit(", ", 1)[-1]

    def _left_behind(self) -> int:
        """Planes read after the last picture of wells that no next key or view would show: neither
        the well, nor one beside it, nor the control that any of these is shown with.
        """
        session = self.window.session
        next_ones = {session.well, *wells_around(session.dataset, session.well)}
        next_ones |= {session.control_of(well) for well in next_ones}
        return sum(at > self.end and well not in next_ones for at, well in self.reads)


def soak(settings: Settings) -> PartResult:
    """Click on random wells of 2048 px; every other one is left before its picture is there."""
    names = datasets.block(settings.tar_wells)
    window = Window()
    window.open(datasets.tars(settings))
    window.click(names[0])
    window.settle()
    rng = np.random.default_rng(11)
    for address in names:  # their pixels are no growth
        planes_of(TARS, address)
    before, kept_before = resident_mb(), _kept(window)
    grown = []
    for _ in range(_STAGES):
        for i in range(settings.soak_clicks // _STAGES):
            address = names[int(rng.integers(len(names)))]
            window.click(address)
            if i % 2 == 0:
                window.wait_drawn(planes_of(TARS, address))
        window.settle()
        grown.append(resident_mb() - before - (_kept(window) - kept_before))
    steps = ", ".join(f"{mb:.0f}" for mb in grown)
    what = f"{settings.soak_clicks} random clicks: memory beyond the cache of images"
    notes = (f"after each fifth of the clicks: {steps} MB; the cache held {_kept(window):.0f} MB",)
    limit = Target("p95", "limit", _MOST_MB)
    return PartResult([Row("soak", what, "MB", Timing.of(grown[-1:]), target=limit, notes=notes)])


def _kept(window: Window) -> float:
    """Megabytes of decoded planes that the data set keeps."""
    return float(window.session.dataset.images.memory.size / 1e6)

"""From a click on the plate map to six stains on screen."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import imageio.v3 as iio
import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from benchmarks import datasets
from benchmarks.floor import decode_all, fastest, planes_of, top_all
from benchmarks.measuring import interleaved
from benchmarks.recorder import Pause, Recorder
from benchmarks.results import PartResult, Row, Target, Timing
from benchmarks.settings import Settings
from benchmarks.subprocesses import call
from benchmarks.synthetic_images import CORE, TARS, files_of
from benchmarks.window import SIZE, BareWindow, Window, forget_planes, pump
from napari_rxrx3.core.plate import format_address, parse_address

__all__ = ["core_clicks", "naive_clicks", "tar_clicks"]

_FIRST_ROWS = 150
_RATIO = 1.25
_LONGEST_S, _FIRST_S = 0.05, 0.1
_NAMES = {CORE: "RxRx3-core shard (512 px)", TARS: "RxRx3 tar (2048 px, 16 bits)"}
_NAIVE_EVERY = 8
_NAPARI = "napari's setting and drawing, Python's search for garbage"
_OWN = "all else: reading, decoding, our own widgets"


def core_clicks(settings: Settings) -> PartResult:
    """Clicks in 512 px wells of shards."""
    names = datasets.addresses(settings.core_wells)
    return _Clicks(CORE, datasets.core(settings), names, settings).run()


def tar_clicks(settings: Settings) -> PartResult:
    """Clicks in 2048 px wells of a tar."""
    names = datasets.block(settings.tar_wells)
    return _Clicks(TARS, datasets.tars(settings), names, settings).run()


@dataclass
class _Clicks:
    kind: str
    folder: Path
    names: Sequence[str]
    settings: Settings
    first: list[float] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    own: dict[str, list[float]] = field(
        default_factory=lambda: {"cold": [], "ahead": [], "first": []}
    )
    decoding: list[float] = field(default_factory=list)
    decoding_top: list[float] = field(default_factory=list)
    longest: list[float] = field(default_factory=list)
    collection: float = 0.0

    def run(self) -> PartResult:
        self._open()
        n = self.settings.clicks
        chosen = _in_any_order(self.names, n, seed=3)
        starts = _in_any_order([a for a in self.names if below(a) in self.names], n, seed=4)
        cold = interleaved(
            n,
            {
                "ours": lambda i: self._click(chosen[i]),
                "floor": lambda i: self._floor(chosen[i], decode=True),
                "top": lambda i: self._top(chosen[i]) if self.kind == TARS else None,
            },
        )
        # in a process of its own: on PyQt5, OpenGL does not survive it beside other windows
        cold["naive"] = call("benchmarks.clicks:naive_clicks", self.kind, *chosen[::_NAIVE_EVERY])
        ahead = interleaved(
            n,
            {
                "ours": lambda i: self._arrow(starts[i]),
                "floor": lambda i: self._floor(below(starts[i]), decode=False),
            },
        )
        return PartResult(self._rows(cold, ahead), facts=[self._fact()])

    def _open(self) -> None:
        self.window = Window()
        self.window.open(self.folder)
        self.bare = BareWindow(self.window)
        self.bare.add(planes_of(self.kind, self.names[0]))
        for address in (self.names[0], self.names[-1]):  # what is made only once is made
            self._click(address)
            self._floor(address, decode=True)
            if self.kind == TARS:
                self._top(address)
        self.pauses.clear()
        self.longest.clear()
        for warm in (self.first, self.decoding, self.decoding_top, *self.own.values()):
            warm.clear()

    def _click(self, address: str) -> float:
        planes = planes_of(self.kind, address)
        if str(self.window.session.well).endswith(f"_{address}"):  # a click would change nothing
            self.window.click(next(a for a in self.names if a != address))
            self.window.settle()
        forget_planes()
        with self.window.recorder.listening() as recorder:
            start = self.window.click(address)
            if self.kind == TARS:
                first = self.window.wait_drawn(planes, _FIRST_ROWS, start)
                self.first.append(first - start)
                self.own["first"].append(recorder.own_time(start, first))
            end = self.window.wait_drawn(planes, since=start)
        self._note_times(recorder, "cold", start, end)
        return end - start

    def _arrow(self, address: str) -> float:
        """Go down by one well, after it was read ahead."""
        planes = planes_of(self.kind, below(address))
        self.window.click(address)
        self.window.wait_drawn(planes_of(self.kind, address))
        self.window.settle()
        with self.window.recorder.listening() as recorder:
            start = self.window.press(Qt.Key.Key_Down)
            end = self.window.wait_drawn(planes, since=start)
        self._note_times(recorder, "ahead", start, end)
        return end - start

    def _note_times(self, recorder: Recorder, which: str, start: float, end: float) -> None:
        self.own[which].append(recorder.own_time(start, end))
        self.pauses += recorder.pauses()
        self.longest.append(max(pause.ours for pause in recorder.pauses()))
        self.collection = max(self.collection, recorder.longest_collection)
        self.window.settle()

    def _floor(self, address: str, *, decode: bool) -> float:
        files = files_of(self.kind, address)
        planes = planes_of(self.kind, address)
        start = time.perf_counter()
        if decode:
            planes = decode_all(self.kind, files)
            self.decoding.append(time.perf_counter() - start)
        return self.bare.set(planes) - start

    def _top(self, address: str) -> float:
        """The floor of the first picture: the first rows of six planes, drawn."""
        files = files_of(self.kind, address)
        start = time.perf_counter()
        planes = top_all(self.kind, files)
        self.decoding_top.append(time.perf_counter() - start)
        return self.bare.set(planes) - start

    def _rows(self, cold: dict[str, list[float]], ahead: dict[str, list[float]]) -> list[Row]:
        in_floor, top = Target("p95", "floor", _RATIO), cold.pop("top")
        what = f"click to six stains on screen, {_NAMES[self.kind]}"
        spent = {
            "ours": self._spent(cold["ours"], "cold"),
            "floor": _shares("decoding", self.decoding, cold["floor"], "setting and drawing"),
        }
        note = fastest(self.kind, whole=True).note
        rows = [
            Row.of(
                f"click {self.kind}",
                f"{what}, nothing read ahead",
                "s",
                cold,
                in_floor,
                (note,),
                spent=spent,
            )
        ]
        if self.first:
            found = {"ours": self.first, "floor": top}
            key, in_time = f"first picture {self.kind}", Target("p95", "limit", _FIRST_S)
            note = fastest(self.kind, whole=False).note
            spent = {
                "ours": self._spent(self.first, "first"),
                "floor": _shares("decoding", self.decoding_top, top, "setting and drawing"),
            }
            name = f"{what}: first picture"
            rows.append(Row.of(key, name, "s", found, in_time, (note,), spent=spent))
        spent = {"ours": self._spent(ahead["ours"], "ahead")}
        key = f"ahead {self.kind}"
        row = Row.of(key, f"{what}, read ahead", "s", ahead, in_floor, spent=spent)
        return [*rows, row, self._pause_row()]

    def _spent(self, all_of_it: list[float], which: str) -> dict[str, float]:
        return _shares(_OWN, self.own[which], all_of_it, _NAPARI)

    def _pause_row(self) -> Row:
        whole = max(pause.whole for pause in self.pauses)
        longest = max(self.pauses, key=lambda pause: pause.ours)
        typical = float(np.median(self.longest))
        return Row(
            f"pause {self.kind}",
            f"longest pause of the GUI thread by our code during it, {_NAMES[self.kind]}",
            "s",
            Timing.of([longest.ours]),
            target=Target("p95", "limit", _LONGEST_S),
            notes=(
                f"the longest of {len(self.longest)} clicks and keys; of half of them the longest "
                f"is at most {1000 * typical:.0f} ms",
                f"of it our widgets' own painting: {1000 * longest.painting:.0f} ms",
                f"with napari's setting and drawing of the layers: {1000 * whole:.0f} ms",
                f"taken off: Python's search for garbage, {1000 * self.collection:.0f} ms",
            ),
        )

    def _fact(self) -> str:
        ours, bare = self.window.canvas, self.bare.canvas
        return (
            f"{_NAMES[self.kind]}: canvas of {ours.width()} x {ours.height()} points, of the bare "
            f"window {bare.width()} x {bare.height()}; {self.settings.clicks} clicks"
        )


def naive_clicks(kind: str, *addresses: str) -> list[float]:
    """Seconds for what one would write: read six files one after the other, add six layers."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    recorder = Recorder()
    recorder.watch(viewer.window._qt_window)
    took = []
    for address in addresses:
        files = files_of(kind, address)
        start = time.perf_counter()
        viewer.layers.clear()
        QApplication.processEvents()  # to add layers in the same breath can crash on PyQt5
        for file in files:
            viewer.add_image(iio.imread(io.BytesIO(file)), blending="additive")
        now = time.perf_counter()
        pump(lambda now=now: recorder.drawn > now)  # type: ignore[misc]
        took.append(recorder.drawn - start)
    return took


def _shares(
    name: str, part: Sequence[float], whole: Sequence[float], rest: str
) -> dict[str, float]:
    """Medians of a part that was measured of something, and of what is left of it."""
    left = [all_of_it - own for all_of_it, own in zip(whole, part, strict=True)]
    return {name: float(np.median(part)), rest: float(np.median(left))}


def below(address: str) -> str:
    """The well under a well; an address off the plate's rows stays."""
    row, column = parse_address(address)
    return format_address(min(row + 1, 31), column)


def _in_any_order(names: Sequence[str], n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    rounds = -(-n // len(names))
    return [names[i] for _ in range(rounds) for i in rng.permutation(len(names))][:n]

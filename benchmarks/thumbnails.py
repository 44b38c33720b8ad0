"""Small pictures of many wells: the overview of a plate, and thumbnails of twenty neighbors.

Of 512 px images they show whole wells, of 2048 px ones a piece at the top of each well. All columns
show the same piece.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import imageio.v3 as iio
import numpy as np
import psutil  # type: ignore[import-untyped]
from qtpy.QtWidgets import QApplication

from benchmarks import datasets
from benchmarks.datasets import PLATE
from benchmarks.floor import fastest, small_seconds, what_less_would_cost
from benchmarks.measuring import interleaved, timed
from benchmarks.results import PartResult, Row, Target, Timing
from benchmarks.settings import Settings
from benchmarks.synthetic_images import CORE, TARS, files_of
from benchmarks.window import BareWindow, Window, forget_planes, pump
from napari_rxrx3.core.plate import N_CHANNELS, N_COLUMNS, PlateId, parse_address
from napari_rxrx3.data.images.previews import PREFIX_ROWS, PREVIEW_SIZE
from napari_rxrx3.dataset import open_dataset

__all__ = [
    "core_neighbors",
    "core_overview",
    "straightforward_thumbnail",
    "tar_neighbors",
    "tar_overview",
]

_CORES = os.cpu_count() or 1
_NAMES = {
    CORE: "RxRx3-core, whole wells of 512 px",
    TARS: f"RxRx3 tars, the piece of {PREFIX_ROWS} px at the top of wells of 2048 px",
}

_OVERVIEW_RATIO, _OVERVIEW_CACHED_S, _PAUSE_S = 1.3, 0.5, 0.05
_CHUNKS = 8
_THREADS = max(4, _CORES)  # as many as fill the view of a plate
_SAMPLED, _SAMPLED_SHARE = 40, 10

_NEIGHBORS_S, _NEIGHBORS_CACHED_S = {CORE: 0.5, TARS: 1.0}, 0.05
_NAIVE_EVERY, _NAIVE_WELLS = 5, 4

_WHOLE_UP_TO = 512
"""Pixels of a well on each side."""


def straightforward_thumbnail(file: bytes) -> np.ndarray[Any, Any]:
    """The thumbnail that ours shows, as one would write it: decode the plane, keep some pixels."""
    plane = np.asarray(iio.imread(io.BytesIO(file)))
    if plane.shape[0] > _WHOLE_UP_TO:
        left = (plane.shape[1] - PREFIX_ROWS) // 2
        plane = plane[:PREFIX_ROWS, left : left + PREFIX_ROWS]
    step = plane.shape[0] // PREVIEW_SIZE
    return plane[::step, ::step]


def _straightforward_note(kind: str, n_wells: int) -> str:
    cut = "" if kind == CORE else "the same piece is cut out of each, "
    return (
        f"straightforward: imageio decodes whole planes one after the other, {cut}pixels are left "
        f"out; extrapolated from {n_wells} wells"
    )


def core_overview(settings: Settings) -> PartResult:
    """Overview of a plate in shards."""
    names = datasets.addresses(settings.core_wells)
    return _Overview(CORE, datasets.core(settings), names, settings).run()


def tar_overview(settings: Settings) -> PartResult:
    """Overview of a plate in a tar, of which only the first rows of each image are read."""
    names = datasets.addresses(settings.overview_wells)
    return _Overview(TARS, datasets.tars(settings), names, settings).run()


class _Shown(NamedTuple):
    """How a plate was shown: seconds in all, seconds of napari's, our longest pause, images."""

    seconds: float
    drawing: float
    pause: float
    known: int


@dataclass
class _Overview:
    kind: str
    folder: Path
    names: Sequence[str]
    settings: Settings

    @property
    def plate(self) -> PlateId:
        return PlateId(PLATE[0], 2)

    @property
    def jobs(self) -> int:
        return N_CHANNELS * len(self.names)

    @property
    def what(self) -> str:
        return f"overview of a plate, {len(self.names):,} wells x 6, {_NAMES[self.kind]}"

    def run(self) -> PartResult:
        data = self._fill()
        window = Window()
        window.open(self.folder)
        bare = BareWindow(window)
        shown = self._show(window)
        again = self._from_cache(window, bare)
        naive, floor = self._naive(), Timing.of([sum(data["floor"])])
        rows = [
            self._fill_row(data, floor, naive),
            self._shown_row(shown, floor, naive),
            self._row("overview pause", "longest pause of the GUI thread by our code", shown.pause),
            Row(
                f"overview again {self.kind}",
                f"{self.what}: read from the cache and shown",
                "s",
                Timing.of(again["ours"]),
                Timing.of(again["floor"]),
                target=Target("p95", "limit", _OVERVIEW_CACHED_S),
            ),
        ]
        return PartResult(rows)

    def _fill_row(self, data: dict[str, list[float]], floor: Timing, naive: Timing) -> Row:
        return Row(
            f"fill {self.kind}",
            f"{self.what}: reading it, first time",
            "s",
            Timing.of([sum(data["ours"])]),
            floor,
            naive,
            target=Target("median", "floor", _OVERVIEW_RATIO),
            notes=(
                fastest(self.kind, whole=False).note,
                *self._less(),
                _straightforward_note(self.kind, self._sample()),
            ),
            spent={
                "ours": {
                    "processor time of this process": sum(data["processor"]),
                    "processor time of those that decode for it": sum(data["children"]),
                },
                "floor": {"processor time": _CORES * floor.median},
            },
        )

    def _shown_row(self, shown: _Shown, floor: Timing, naive: Timing) -> Row:
        rest = shown.seconds - shown.drawing
        return Row(
            f"overview {self.kind}",
            f"{self.what}: from the click to the last well drawn, first time",
            "s",
            Timing.of([shown.seconds]),
            floor,
            naive,
            target=Target("median", "floor", _OVERVIEW_RATIO),
            notes=(
                f"{shown.known:,} of {self.jobs:,} images are shown",
                "floor and straightforward only decode, and draw nothing",
            ),
            spent={
                "ours": {
                    "napari's setting and drawing while threads decode": shown.drawing,
                    "all else": rest,
                }
            },
        )

    def _row(self, key: str, what: str, seconds: float) -> Row:
        return Row(
            f"{key} {self.kind}",
            f"{self.what}: {what}",
            "s",
            Timing.of([seconds]),
            target=Target("p95", "limit", _PAUSE_S),
        )

    def _fill(self) -> dict[str, list[float]]:
        """Fill the thumbnails of a plate on all cores, in turns with the raw decoding."""
        with tempfile.TemporaryDirectory() as cache:
            thumbnails = open_dataset(self.folder, cache).thumbnails_of(self.plate)
            positions = [r * N_COLUMNS + c for r, c in map(parse_address, self.names)]
            jobs = thumbnails.todo(positions, range(1, N_CHANNELS + 1))
            chunks = [part.tolist() for part in np.array_split(np.array(jobs), _CHUNKS)]
            files = [self._files(chunk) for chunk in chunks]
            small_seconds(self.kind, files[0][:N_CHANNELS])  # chooses the fastest way
            processor, children = list[float](), list[float]()
            with ThreadPoolExecutor(_THREADS) as pool:

                def fill(i: int) -> float:
                    before = time.process_time(), _processor_time_of_children()
                    n, jobs = thumbnails.n_at_once, chunks[i]
                    parts = [jobs[at : at + n] for at in range(0, len(jobs), n)]
                    took = timed(lambda: list(pool.map(thumbnails.fill, parts)))
                    processor.append(time.process_time() - before[0])
                    children.append(_processor_time_of_children() - before[1])
                    return took

                def decode(i: int) -> float:
                    return small_seconds(self.kind, files[i])

                took = interleaved(_CHUNKS, {"ours": fill, "floor": decode})
                return took | {"processor": processor, "children": children}

    def _files(self, jobs: Sequence[Sequence[int]]) -> list[bytes]:
        places = {r * N_COLUMNS + c: a for a in self.names for r, c in [parse_address(a)]}
        return [files_of(self.kind, places[position])[channel - 1] for position, channel in jobs]

    def _show(self, window: Window) -> _Shown:
        """Open the overview for the first time, and wait for its last well."""
        window.session.go_to_plate(self.plate)
        window.settle()
        with window.recorder.listening() as recorder:
            start = time.perf_counter()
            window.session.set_view("plate")
            pump(lambda: window.explorer.is_settled)
            QApplication.processEvents()
            end = recorder.drawn
        thumbnails = window.session.dataset.thumbnails_of(self.plate)
        known = int(np.count_nonzero(thumbnails.state == 1))
        drawing = sum(done - begun for begun, done in recorder.napari)
        return _Shown(end - start, drawing, max(pause.ours for pause in recorder.pauses()), known)

    def _from_cache(self, window: Window, bare: BareWindow) -> dict[str, list[float]]:
        """Open the data set anew and its overview from what was kept, as on the next day."""
        layers = [np.array(layer.data) for layer in window.viewer.layers]
        bare.add(layers)
        with tempfile.TemporaryDirectory() as folder:
            kept = Path(folder, "kept.npy")
            np.save(kept, np.stack(layers))

            def again(i: int) -> float:
                window.session.set_view("well")
                window.open(self.folder)
                window.session.go_to_plate(self.plate)
                window.settle()
                forget_planes()
                scenes: list[Any] = []
                window.explorer.workspace.overview.shown.connect(scenes.append)
                start = time.perf_counter()
                window.session.set_view("plate")
                pump(lambda: bool(scenes) and window.is_drawn)
                return window.recorder.drawn - start

            def load(i: int) -> float:
                start = time.perf_counter()
                return bare.set(list(np.load(kept))) - start

            return interleaved(max(2, self.settings.opens), {"ours": again, "floor": load})

    def _less(self) -> list[str]:
        return [what_less_would_cost(files_of(self.kind, "B02"))] if self.kind == CORE else []

    def _sample(self) -> int:
        return min(_SAMPLED, max(3, len(self.names) // _SAMPLED_SHARE))

    def _naive(self) -> Timing:
        """Some wells stand for all."""
        files = [file for a in self.names[: self._sample()] for file in files_of(self.kind, a)]
        seconds = timed(lambda: [straightforward_thumbnail(file) for file in files])
        return Timing.of([seconds * self.jobs / len(files)])


def _processor_time_of_children() -> float:
    times = (child.cpu_times() for child in psutil.Process().children())
    return float(sum(one.user + one.system for one in times))


def core_neighbors(settings: Settings) -> PartResult:
    """Wells scattered over a plate in shards."""
    names = datasets.addresses(settings.core_wells)
    return _neighbors(CORE, datasets.core(settings), names, settings)


def tar_neighbors(settings: Settings) -> PartResult:
    """Wells of a tar."""
    names = datasets.block(settings.tar_wells)
    return _neighbors(TARS, datasets.tars(settings), names, settings)


def _neighbors(kind: str, folder: Path, names: Sequence[str], settings: Settings) -> PartResult:
    application = QApplication.instance() or QApplication([])
    rng = np.random.default_rng(5)
    n, repeats = settings.neighbors, settings.repeats
    chosen = [[names[i] for i in rng.permutation(len(names))[:n]] for _ in range(repeats)]
    again: list[float] = []

    def ours(i: int) -> float:
        cold, cached = _request_twice(folder, chosen[i])
        again.append(cached)
        return cold

    def floor(i: int) -> float:
        files = [file for address in chosen[i] for file in files_of(kind, address)]
        return small_seconds(kind, files)

    def naive(i: int) -> float | None:
        if i % _NAIVE_EVERY:
            return None
        some = chosen[i][:_NAIVE_WELLS]
        files = [file for address in some for file in files_of(kind, address)]
        seconds = timed(lambda: [straightforward_thumbnail(file) for file in files])
        return seconds * n / len(some)

    floor(0)
    found = interleaved(repeats, {"ours": ours, "floor": floor, "naive": naive})
    del application
    notes = (fastest(kind, whole=False).note, _straightforward_note(kind, min(n, _NAIVE_WELLS)))
    what = f"thumbnails of {n} neighbors, {_NAMES[kind]}"
    cold = Target("p95", "limit", _NEIGHBORS_S[kind])
    cached = Target("p95", "limit", _NEIGHBORS_CACHED_S)
    return PartResult(
        [
            Row.of(f"neighbors {kind}", f"{what}, cold", "s", found, cold, notes),
            Row(f"neighbors again {kind}", f"{what}, cached", "s", Timing.of(again), target=cached),
        ]
    )


def _request_twice(folder: Path, addresses: Sequence[str]) -> tuple[float, float]:
    """Ask for thumbnails in a data set that has just been opened, and once more."""
    from napari_rxrx3.gui.neighbors.thumbnails import Thumbnails

    with tempfile.TemporaryDirectory() as cache:
        dataset = open_dataset(folder, cache)
        wells = [f"{PLATE[0]}_{PLATE[1]}_{address}" for address in addresses]
        seconds = []
        for _ in range(2):
            thumbnails = Thumbnails()

            def ask(thumbnails: Thumbnails = thumbnails) -> None:
                thumbnails.request(dataset, wells)
                pump(lambda: thumbnails.is_idle)

            seconds.append(timed(ask))
            missing = [w for w in wells if thumbnails.image(w, ((0.0, 255.0),) * 6) is None]
            thumbnails.close(wait=True)
            if missing:
                raise RuntimeError(f"no thumbnail of {missing}")
        return seconds[0], seconds[1]

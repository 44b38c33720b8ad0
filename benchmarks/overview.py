"""A plate of 1,380 wells in six stains at once: read for the first time, and from the cache."""

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
from qtpy.QtWidgets import QApplication

from benchmarks import make_data
from benchmarks.clicks import files_of
from benchmarks.floor import fastest, small_seconds
from benchmarks.make_data import CORE, PLATE, TARS
from benchmarks.parts import Found
from benchmarks.settings import Settings
from benchmarks.timing import Row, Target, Timing, interleaved, timed
from benchmarks.window import BareWindow, Window, forget_planes, pump
from napari_rxrx3.core.plate import N_CHANNELS, N_COLUMNS, PlateId, parse_address
from napari_rxrx3.dataset import open_dataset

__all__ = ["core_overview", "tar_overview"]

_RATIO, _CACHED_S, _LONGEST_S = 1.3, 0.5, 0.05
_CHUNKS = 8
_CORES = os.cpu_count() or 1
_THREADS = max(4, _CORES)  # as many as fill the view of a plate
_SAMPLED = 40
_SAMPLED_SHARE = 10
_NAMES = {CORE: "RxRx3-core (512 px)", TARS: "RxRx3 tar (2048 px)"}


def core_overview(settings: Settings) -> Found:
    """Overview of a plate in shards."""
    names = make_data.addresses(settings.core_wells)
    return _Overview(CORE, make_data.core(settings), names, settings).run()


def tar_overview(settings: Settings) -> Found:
    """Overview of a plate in a tar, of which only the first rows of each image are read."""
    names = make_data.addresses(settings.overview_wells)
    return _Overview(TARS, make_data.tars(settings), names, settings).run()


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

    def run(self) -> Found:
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
                target=Target("p95", "limit", _CACHED_S),
            ),
        ]
        return Found(rows, facts=[f"{self.what}: floor by {fastest(self.kind, whole=False)[0]}"])

    def _fill_row(self, data: dict[str, list[float]], floor: Timing, naive: Timing) -> Row:
        ours, least = (1000 * s / self.jobs for s in (sum(data["cpu"]), _CORES * floor.median))
        return Row(
            f"fill {self.kind}",
            f"{self.what}: reading it, first time",
            "s",
            Timing.of([sum(data["ours"])]),
            floor,
            naive,
            target=Target("median", "floor", _RATIO),
            notes=(
                f"straightforward: extrapolated from {self._sample()} wells",
                f"processor time of this process: {ours:.2f} ms an image; of the floor: "
                f"{least:.2f} ms",
            ),
        )

    def _shown_row(self, shown: _Shown, floor: Timing, naive: Timing) -> Row:
        return Row(
            f"overview {self.kind}",
            f"{self.what}: from the click to the last well drawn, first time",
            "s",
            Timing.of([shown.seconds]),
            floor,
            naive,
            target=Target("median", "floor", _RATIO),
            notes=(
                f"{shown.known:,} of {self.jobs:,} images are shown; for {shown.drawing:.1f} s of "
                "it, napari set and drew them",
            ),
        )

    def _row(self, key: str, what: str, seconds: float) -> Row:
        return Row(
            f"{key} {self.kind}",
            f"{self.what}: {what}",
            "s",
            Timing.of([seconds]),
            target=Target("p95", "limit", _LONGEST_S),
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
            cpu: list[float] = []
            with ThreadPoolExecutor(_THREADS) as pool:

                def fill(i: int) -> float:
                    before = time.process_time()
                    took = timed(
                        lambda: list(pool.map(lambda j: thumbnails.fill_one(*j), chunks[i]))
                    )
                    cpu.append(time.process_time() - before)
                    return took

                def decode(i: int) -> float:
                    return small_seconds(self.kind, files[i])

                return interleaved(_CHUNKS, {"ours": fill, "floor": decode}) | {"cpu": cpu}

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
        return _Shown(end - start, drawing, max(ours for _, ours in recorder.pauses()), known)

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

    def _sample(self) -> int:
        return min(_SAMPLED, max(3, len(self.names) // _SAMPLED_SHARE))

    def _naive(self) -> Timing:
        """Read all files with imageio and keep every eighth pixel; some wells stand for all."""

        def read(file: bytes) -> np.ndarray[Any, Any]:
            return np.asarray(iio.imread(io.BytesIO(file)))[::8, ::8]

        files = [file for a in self.names[: self._sample()] for file in files_of(self.kind, a)]
        seconds = timed(lambda: [read(file) for file in files])
        return Timing.of([seconds * self.jobs / len(files)])

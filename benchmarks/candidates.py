"""The strip of candidates: sharp pictures of twenty of them, and a frame while it is scrolled.

A picture is a piece of 256 pixels at full resolution, in all six stains, made smaller to the size
shown. All columns show the same piece.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from benchmarks import datasets
from benchmarks.datasets import PLATE
from benchmarks.floor import fastest, piece_all
from benchmarks.measuring import interleaved, timed
from benchmarks.results import PartResult, Row, Target, Timing
from benchmarks.settings import Settings
from benchmarks.synthetic_images import CORE, TARS, files_of
from benchmarks.window import pump
from napari_rxrx3.dataset import open_dataset
from napari_rxrx3.gui.neighbors.candidate_strip import CandidateStrip
from napari_rxrx3.gui.neighbors.candidates import Candidate
from napari_rxrx3.gui.neighbors.thumbnails import PictureForm, Thumbnails
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks

__all__ = ["core_candidates", "straightforward_picture", "tar_candidates"]

SIZE, SPAN = 150, 256
"""Pixels of a picture, and of the piece of the well that it shows."""

_NAMES = {
    CORE: f"RxRx3-core, the piece of {SPAN} px in the middle of wells of 512 px",
    TARS: f"RxRx3 tars, the piece of {SPAN} px at the top of wells of 2048 px",
}
_COLD_S, _CACHED_S, _FRAME_S = {CORE: 0.6, TARS: 1.0}, 0.08, 0.05
_NAIVE_EVERY, _NAIVE_WELLS = 5, 4
_LISTED, _FRAMES, _STEP = 10_000, 200, 60
_STRIP = (855, 250)
_LIMITS = ((0.0, 200.0),) * 6


def straightforward_picture(kind: str, file: bytes) -> np.ndarray[Any, Any]:
    """What ours shows of a plane, as one would write it: decode all of it, cut, resize."""
    plane = np.asarray(iio.imread(io.BytesIO(file)))
    left = (plane.shape[1] - SPAN) // 2
    top = left if kind == CORE else 0
    piece = Image.fromarray(plane[top : top + SPAN, left : left + SPAN].astype(np.float32))
    return np.asarray(piece.resize((SIZE, SIZE), Image.Resampling.BOX))


def core_candidates(settings: Settings) -> PartResult:
    """Wells scattered over a plate in shards; and what scrolling through many of them takes."""
    names, folder = datasets.addresses(settings.core_wells), datasets.core(settings)
    application = QApplication.instance() or QApplication([])
    rows = _pictures(CORE, folder, names, settings)
    rows.append(_scrolling(folder, names))
    del application
    return PartResult(rows)


def tar_candidates(settings: Settings) -> PartResult:
    """Wells of a tar."""
    names, folder = datasets.block(settings.tar_wells), datasets.tars(settings)
    application = QApplication.instance() or QApplication([])
    rows = _pictures(TARS, folder, names, settings)
    del application
    return PartResult(rows)


def _pictures(kind: str, folder: Path, names: Sequence[str], settings: Settings) -> list[Row]:
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
        return timed(lambda: piece_all(kind, files, SPAN))

    def naive(i: int) -> float | None:
        if i % _NAIVE_EVERY:
            return None
        some = chosen[i][:_NAIVE_WELLS]
        files = [file for address in some for file in files_of(kind, address)]
        seconds = timed(lambda: [straightforward_picture(kind, file) for file in files])
        return seconds * n / len(some)

    floor(0)
    found = interleaved(repeats, {"ours": ours, "floor": floor, "naive": naive})
    notes = (
        fastest(kind, whole=kind == CORE).note,
        f"floor only decodes what pieces need, from memory; straightforward: imageio decodes whole "
        f"planes one after the other, Pillow makes the same piece smaller; extrapolated from "
        f"{min(n, _NAIVE_WELLS)} wells",
    )
    what = f"pictures of {n} candidates at {SIZE} px x 6 stains, {_NAMES[kind]}"
    cold, cached = Target("p95", "limit", _COLD_S[kind]), Target("p95", "limit", _CACHED_S)
    return [
        Row.of(f"candidates {kind}", f"{what}, cold", "s", found, cold, notes),
        Row(f"candidates again {kind}", f"{what}, cached", "s", Timing.of(again), target=cached),
    ]


def _request_twice(folder: Path, addresses: Sequence[str]) -> tuple[float, float]:
    """Ask for pictures in a data set that has just been opened, and once more."""
    with tempfile.TemporaryDirectory() as cache:
        dataset = open_dataset(folder, cache)
        wells = [f"{PLATE[0]}_{PLATE[1]}_{address}" for address in addresses]
        seconds = []
        for _ in range(2):
            thumbnails = Thumbnails()
            thumbnails.set_form(PictureForm(SIZE))

            def ask(thumbnails: Thumbnails = thumbnails) -> None:
                thumbnails.request(dataset, wells)
                pump(lambda: thumbnails.is_idle)

            seconds.append(timed(ask))
            missing = [w for w in wells if thumbnails.image(w, _LIMITS) is None]
            thumbnails.close(wait=True)
            if missing:
                raise RuntimeError(f"no picture of {missing}")
        return seconds[0], seconds[1]


def _scrolling(folder: Path, names: Sequence[str]) -> Row:
    """Scroll through many candidates, whose pictures are read meanwhile."""
    with tempfile.TemporaryDirectory() as cache, _shown_strip() as strip:
        strip.set_dataset(open_dataset(folder, cache))
        strip.set_limits(_LIMITS)
        wells = [f"{PLATE[0]}_{PLATE[1]}_{name}" for name in names]
        strip.set_candidates(
            [
                Candidate(i + 1, str(i), f"Candidate {i} 2.5 µM", wells[i % len(wells)], ("cos",))
                for i in range(_LISTED)
            ]
        )
        bar, frames = strip.view.horizontalScrollBar(), []
        for i in range(_FRAMES):
            start = time.perf_counter()
            bar.setValue(i * _STEP)
            strip.view.viewport().repaint()
            frames.append(time.perf_counter() - start)
            pump(lambda until=start + 1 / 60: time.perf_counter() > until)  # type: ignore[misc]
    return Row(
        "candidates scroll",
        f"one frame while a strip of {_LISTED:,} candidates is scrolled and read, {_NAMES[CORE]}",
        "s",
        Timing.of(frames),
        target=Target("p95", "limit", _FRAME_S),
    )


@contextmanager
def _shown_strip() -> Iterator[CandidateStrip]:
    tasks = Tasks()
    group = TaskGroup(tasks)
    strip = CandidateStrip(group)
    strip.resize(*_STRIP)
    strip.show()
    QApplication.processEvents()
    yield strip
    group.end(wait=True)
    tasks.close(wait=True)
    strip.close()

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
from qtpy.QtCore import QAbstractListModel, QModelIndex, QSize, Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QApplication, QListView

from benchmarks import datasets
from benchmarks.datasets import PLATE
from benchmarks.floor import fastest, piece_all
from benchmarks.measuring import interleaved, timed
from benchmarks.results import PartResult, Row, Target, Timing
from benchmarks.settings import Settings
from benchmarks.synthetic_images import CORE, TARS, files_of
from benchmarks.window import pump
from napari_rxrx3.core.contrast import composite
from napari_rxrx3.core.plate import PlateId
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
_LISTED, _STEP = 10_000, 60
_BLOCKS, _FRAMES, _NAIVE_FRAMES = 5, 40, 8
"""Frames of both are measured in turns, so many at a time."""
_FRAME_RATE = 60
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
    rows.append(_scrolling(CORE, folder, PlateId(*PLATE), names))
    del application
    return PartResult(rows)


def tar_candidates(settings: Settings) -> PartResult:
    """Wells of a tar; scrolled through are those of a plate with the first part of each image."""
    names, folder = datasets.block(settings.tar_wells), datasets.tars(settings)
    many = datasets.addresses(settings.overview_wells)
    application = QApplication.instance() or QApplication([])
    rows = _pictures(TARS, folder, names, settings)
    rows.append(_scrolling(TARS, folder, PlateId(PLATE[0], 2), many))
    del application
    return PartResult(rows)


def _pictures(kind: str, folder: Path, names: Sequence[str], settings: Settings) -> list[Row]:
    rng = np.random.default_rng(5)
    n, repeats = settings.neighbors, settings.repeats
    chosen = [[names[i] for i in rng.permutation(len(names))[:n]] for _ in range(repeats)]
    again, busy, busy_again = list[float](), list[float](), list[float]()

    def ours(i: int) -> float:
        (cold, spent), (cached, spent_again) = _request_twice(folder, chosen[i])
        again.append(cached)
        busy.append(spent)
        busy_again.append(spent_again)
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
        Row.of(
            f"candidates {kind}", f"{what}, cold", "s", found, cold, notes, spent=_processor(busy)
        ),
        Row(
            f"candidates again {kind}",
            f"{what}, cached",
            "s",
            Timing.of(again),
            target=cached,
            spent=_processor(busy_again),
        ),
    ]


def _processor(seconds: Sequence[float]) -> dict[str, dict[str, float]]:
    return {"ours": {"processor time of this process": float(np.median(seconds))}}


def _request_twice(folder: Path, addresses: Sequence[str]) -> list[tuple[float, float]]:
    """Ask for pictures in a data set that has just been opened, and once more.

    Seconds of each time, and what of the processors they took.
    """
    with tempfile.TemporaryDirectory() as cache:
        dataset = open_dataset(folder, cache)
        wells = [f"{PLATE[0]}_{PLATE[1]}_{address}" for address in addresses]
        took = list[tuple[float, float]]()
        for _ in range(2):
            thumbnails = Thumbnails()
            thumbnails.set_form(PictureForm(SIZE))

            def ask(thumbnails: Thumbnails = thumbnails) -> None:
                thumbnails.request(dataset, wells)
                pump(lambda: thumbnails.is_idle)

            before = time.process_time()
            seconds = timed(ask)
            took.append((seconds, time.process_time() - before))
            missing = [w for w in wells if thumbnails.image(w, _LIMITS) is None]
            thumbnails.close(wait=True)
            if missing:
                raise RuntimeError(f"no picture of {missing}")
        return took


def _scrolling(kind: str, folder: Path, plate: PlateId, names: Sequence[str]) -> Row:
    """Scroll through many candidates, whose pictures are read meanwhile."""
    ours, naive, busy = list[float](), list[float](), 0.0
    listed = [names[i % len(names)] for i in range(_LISTED)]
    with tempfile.TemporaryDirectory() as cache, _shown_strip() as strip:
        strip.set_dataset(open_dataset(folder, cache))
        strip.set_limits(_LIMITS)
        strip.set_candidates(_candidates(plate, listed))
        simple = _StraightforwardStrip(kind, listed)
        for block in range(_BLOCKS):
            before = time.process_time()
            ours += _frames(strip.view, block, _FRAMES)
            pump(lambda: not _without_picture(strip))
            pump(lambda: strip.thumbnails.is_idle and strip.pictures.is_idle)
            busy += time.process_time() - before
            naive += _frames(simple, block, _NAIVE_FRAMES)
        _check_seen(strip)
        simple.close()
    return Row.of(
        f"candidates scroll {kind}",
        f"one frame while a strip of {_LISTED:,} candidates is scrolled and read, {_NAMES[kind]}",
        "s",
        {"ours": ours, "naive": naive},
        Target("p95", "limit", _FRAME_S),
        notes=(
            f"frames {_STEP} points apart, {_FRAME_RATE} a second; straightforward: a list of Qt's "
            f"whose model decodes whole planes by imageio when it is asked for a picture, and "
            f"keeps it; {len(naive)} frames",
        ),
        spent={"ours": {"processor time of this process, a frame": busy / len(ours)}},
    )


def _candidates(plate: PlateId, addresses: Sequence[str]) -> list[Candidate]:
    wells = [f"{plate.experiment}_{plate.plate}_{address}" for address in addresses]
    return [
        Candidate(i, str(i), f"Candidate {i} 2.5 µM", well, ("cos",))
        for i, well in enumerate(wells, start=1)
    ]


def _frames(view: QListView, block: int, n: int) -> list[float]:
    """Seconds of each of some frames, which follow those of the blocks before."""
    seconds = list[float]()
    for i in range(block * n, (block + 1) * n):
        start = time.perf_counter()
        view.horizontalScrollBar().setValue(i * _STEP)
        view.viewport().repaint()
        seconds.append(time.perf_counter() - start)
        pump(lambda until=start + 1 / _FRAME_RATE: time.perf_counter() > until)  # type: ignore[misc]
    return seconds


def _check_seen(strip: CandidateStrip) -> None:
    """Make sure that what was scrolled to is seen: frames of nothing are soon drawn."""
    missing = _without_picture(strip)
    if missing or strip.view.horizontalScrollBar().value() != (_BLOCKS * _FRAMES - 1) * _STEP:
        raise RuntimeError(f"the strip was not scrolled, or no picture of {missing}")


class _StraightforwardStrip(QListView):
    """Candidates in one row as one would write it: a list of Qt's, with icons."""

    def __init__(self, kind: str, addresses: Sequence[str]) -> None:
        super().__init__()
        self.setModel(_StraightforwardModel(kind, addresses, self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(SIZE, SIZE))
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.resize(*_STRIP)
        self.show()
        QApplication.processEvents()


class _StraightforwardModel(QAbstractListModel):
    def __init__(self, kind: str, addresses: Sequence[str], parent: QListView) -> None:
        super().__init__(parent)
        self._kind, self._addresses = kind, addresses
        self._kept: dict[str, QPixmap] = {}

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._addresses)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return f"Candidate {index.row() + 1} 2.5 µM"
        return self._picture(index.row()) if role == Qt.ItemDataRole.DecorationRole else None

    def _picture(self, row: int) -> QPixmap:
        address = self._addresses[row]
        if address not in self._kept:
            files = files_of(self._kind, address)
            rgb = composite([straightforward_picture(self._kind, f) for f in files], _LIMITS)
            image = QImage(rgb.data, SIZE, SIZE, 3 * SIZE, QImage.Format.Format_RGB888)
            self._kept[address] = QPixmap.fromImage(image)
        return self._kept[address]


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


def _without_picture(strip: CandidateStrip) -> list[str]:
    """Wells of the candidates that are seen and not shown yet: what is asked for a moment later."""
    seen = [strip.model.candidates[row] for row in strip.view.seen()]
    return [str(each.well) for each in seen if strip.picture(each) is None]

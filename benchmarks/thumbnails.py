"""The thumbnails of twenty neighbors, as the list of neighbors asks for them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from qtpy.QtWidgets import QApplication

from benchmarks import make_data
from benchmarks.clicks import files_of
from benchmarks.floor import small_seconds
from benchmarks.make_data import CORE, PLATE, TARS
from benchmarks.parts import Found
from benchmarks.settings import Settings
from benchmarks.timing import Row, Target, Timing, interleaved, timed
from benchmarks.window import pump

__all__ = ["core_neighbors", "tar_neighbors"]

_N_NEIGHBORS = 20
_COLD_S = {CORE: 0.5, TARS: 1.0}
_CACHED_S = 0.05
_NAMES = {CORE: "RxRx3-core", TARS: "RxRx3 tars"}
_NAIVE_EVERY, _NAIVE_WELLS = 5, 4


def core_neighbors(settings: Settings) -> Found:
    """Wells scattered over a plate in shards."""
    names = make_data.addresses(settings.core_wells)
    return _neighbors(CORE, make_data.core(settings), names, settings.repeats)


def tar_neighbors(settings: Settings) -> Found:
    """Wells of a tar."""
    names = make_data.block(settings.tar_wells)
    return _neighbors(TARS, make_data.tars(settings), names, settings.repeats)


def _neighbors(kind: str, folder: Path, names: Sequence[str], repeats: int) -> Found:
    application = QApplication.instance() or QApplication([])
    rng = np.random.default_rng(5)
    n = min(_N_NEIGHBORS, len(names))
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
        seconds = timed(lambda: [iio.imread(io.BytesIO(f))[::8, ::8] for f in files])
        return seconds * n / len(some)

    floor(0)
    found = interleaved(repeats, {"ours": ours, "floor": floor, "naive": naive})
    del application
    note = f"straightforward: extrapolated from {min(n, _NAIVE_WELLS)} wells"
    what = f"thumbnails of {n} neighbors, {_NAMES[kind]}"
    cold = Target("p95", "limit", _COLD_S[kind])
    cached = Target("p95", "limit", _CACHED_S)
    return Found(
        [
            Row.of(f"neighbors {kind}", f"{what}, cold", "s", found, cold, (note,)),
            Row(f"neighbors again {kind}", f"{what}, cached", "s", Timing.of(again), target=cached),
        ]
    )


def _request_twice(folder: Path, addresses: Sequence[str]) -> tuple[float, float]:
    """Ask for thumbnails in a data set that has just been opened, and once more."""
    from napari_rxrx3.dataset import open_dataset
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

"""A pass over images: in threads, by one and two workers of a cluster, and what its driver adds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import datasets
from benchmarks.floor import decode_all
from benchmarks.measuring import timed
from benchmarks.results import PartResult, Row, Target
from benchmarks.settings import Settings
from benchmarks.synthetic_images import CORE, files_of
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.image_check import check_images
from napari_rxrx3.data.passes import Done, Task, run_pass
from napari_rxrx3.dataset import Dataset, open_dataset

if TYPE_CHECKING:
    from distributed import Client

    from napari_rxrx3.data.welldata import WellData

__all__ = ["passes"]

_ROUNDS = 3
_N_EMPTY = 200
_TIMES_THREADS = 1.3
_DRIVER_S = 0.05


@dataclass(frozen=True)
class _Nothing:
    """A pass whose tasks do nothing: what is left is the driver."""

    n: int

    def tasks(self, dataset: WellData) -> Sequence[Task]:
        return [Task(f"nothing {k}", k) for k in range(self.n)]

    def folder_of(self, dataset: WellData) -> Path:
        return dataset.cache.folder

    def is_done(self, task: Task) -> bool:
        return False

    def do(self, dataset: WellData, task: Task, progress: Progress) -> Done:
        return Done()


def passes(settings: Settings) -> PartResult:
    """Decode all images of some plates as the full check does."""
    folder = datasets.passes(settings)
    n_planes = settings.pass_plates * settings.pass_wells * 6
    rounds = min(_ROUNDS, settings.repeats)
    with tempfile.TemporaryDirectory() as cache:
        dataset = open_dataset(folder, cache)
        floor = [timed(lambda: _decode(settings)) for _ in range(rounds)]
        threads = [timed(lambda: check_images(dataset, again=True)) for _ in range(rounds)]
        by_workers = {n: _on_workers(dataset, n, rounds) for n in (1, 2)}
        check_images(dataset)
        later = [timed(lambda: check_images(dataset)) for _ in range(rounds)]
    what = f"full check of {settings.pass_plates} plates of 512 px ({n_planes:,} planes)"
    rows = [
        Row.of("pass threads", f"{what}, in threads", "s", {"ours": threads, "floor": floor}),
        Row.of("pass later", f"{what}, nothing has changed", "s", {"ours": later}),
    ]
    for n, measured in by_workers.items():
        workers = "1 worker" if n == 1 else f"{n} workers"
        rows.append(
            Row.of(
                f"pass {n}",
                f"{what}, by {workers} of a dask cluster",
                "s",
                {"ours": measured["pass"], "floor": threads},
                Target("median", "floor", _TIMES_THREADS),
                ("floor: the same in threads of one process",),
            )
        )
    driver = by_workers[1]["empty"]
    what = "what the cluster adds to a task, one that does nothing"
    limit = Target("median", "limit", _DRIVER_S)
    rows.append(Row.of("pass driver", what, "s", {"ours": driver}, limit))
    return PartResult(rows)


def _decode(settings: Settings) -> None:
    """The same planes from memory, by the fastest decoder there is, on all cores."""
    names = datasets.addresses(settings.pass_wells)
    files = [file for address in names for file in files_of(CORE, address)]
    for _ in range(settings.pass_plates):
        decode_all(CORE, files)


def _on_workers(dataset: Dataset, n: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of a check, and of a task that does nothing, by `n` processes."""
    from distributed import Client, LocalCluster

    folder = tempfile.mkdtemp()
    options: dict[str, Any] = {"dashboard_address": None, "local_directory": folder}
    try:
        with (
            LocalCluster(n_workers=n, threads_per_worker=1, **options) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            check_images(dataset, again=True, client=client)  # what is imported once is imported
            check = _repeated(rounds, lambda: check_images(dataset, again=True, client=client))
            return {"pass": check, "empty": _empty(dataset, client, rounds)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _empty(dataset: Dataset, client: Client, rounds: int) -> list[float]:
    work = _Nothing(_N_EMPTY)
    seconds = _repeated(rounds, lambda: run_pass(dataset, work, client=client))
    return [each / _N_EMPTY for each in seconds]


def _repeated(n: int, act: Callable[[], Any]) -> list[float]:
    return [timed(act) for _ in range(n)]

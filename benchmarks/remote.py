"""Data on a server behind a long line: opening, a well, a tar that nobody has looked into."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.request import urlopen

import fsspec
import pyarrow.parquet as pq

from benchmarks import datasets
from benchmarks.measuring import empty_folder, timed
from benchmarks.results import PartResult, Row, Target, Timing
from benchmarks.settings import ROOT, Settings
from benchmarks.slow_line import LATENCY_S, MBIT, REPOSITORY
from napari_rxrx3.core.errors import ImageUnavailable
from napari_rxrx3.core.plate import N_CHANNELS, N_COLUMNS, PlateId
from napari_rxrx3.data.images.tiles import TileReader
from napari_rxrx3.data.thumbnails.plate_fill import PlateFill
from napari_rxrx3.dataset import Dataset, open_dataset

__all__ = ["remote_core", "remote_tar"]

_LINE = f"{1000 * LATENCY_S:.0f} ms, {MBIT} Mbit/s"
_OPEN_S, _AGAIN_S, _CLICK_S, _TAR_WELL_S, _TAR_INDEX_S = 5.0, 1.5, 0.5, 3.0, 25.0
_HUB_S, _STRIP_S, _OVERVIEW_S, _TIMES_FAILING = 8.0, 3.0, 2.5, 3
_STRIP_WELLS, _OVERVIEW_WELLS = 24, 599


class _Server:
    """A line in a process of its own, and what went over it since it was asked last."""

    def __init__(self, url: str) -> None:
        self.url = url

    def fail(self, every: int) -> None:
        """Let each so many-th request fail; 0: none."""
        with urlopen(f"{self.url}/fail/{every}", timeout=60):
            pass

    def counted(self) -> str:
        with urlopen(f"{self.url}/count", timeout=60) as answer:
            n, n_bytes = answer.read().decode().split()
        return f"{int(n):,} requests, {int(n_bytes) / 1e6:.1f} MB"


@contextmanager
def _served(folder: Path) -> Iterator[_Server]:
    command = [sys.executable, "-m", "benchmarks.slow_line", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield _Server(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        finally:
            process.terminate()


def remote_core(settings: Settings) -> PartResult:
    """RxRx3-core on a server: opened for the first time, again, and without the server."""
    folder = datasets.core(settings)
    found = _Found()
    with empty_folder(settings.folder / "cache-remote") as cache:
        with _served(folder) as server:
            for i in range(settings.opens):
                with found.measuring("first", server):
                    dataset = open_dataset(server.url, cache / str(i))
                with found.measuring("click", server):
                    _read_first(dataset)
                found.add("naive click", timed(lambda: _read_with_pyarrow(server.url, folder)))
                server.counted()
                with found.measuring("again", server):
                    dataset = open_dataset(server.url, cache / str(i))
                with found.measuring("kept click", server):
                    _read_first(dataset)
                _measure_many_wells(dataset, server, found)
                server.fail(10)
                with found.measuring("failing", server):
                    _read_first(open_dataset(server.url, cache / f"failing {i}"))
                server.fail(0)
                with found.measuring("hub", server), _as_the_hub(server.url):
                    open_dataset(f"hf://datasets/{REPOSITORY}", cache / f"hub {i}")
        for i in range(settings.opens):
            found.add("away", timed(partial(open_dataset, server.url, cache / str(i))))
    n_wells = f"{settings.core_plates * settings.core_wells:,} wells"
    n_shown = min(_OVERVIEW_WELLS, settings.core_wells)
    rows = [
        found.row("first", f"first opening of RxRx3-core ({n_wells}) on a server", _OPEN_S),
        found.row("again", "later opening of it", _AGAIN_S),
        found.row("away", "later opening of it, the server is away", _AGAIN_S),
        found.row("click", "a well of it, six stains, nothing kept", _CLICK_S, "naive click"),
        found.row("kept click", "a well of it, six stains, kept", _CLICK_S),
        found.row("strip", f"{_STRIP_WELLS} wells of it side by side, nothing kept", _STRIP_S),
        found.row("kept strip", f"{_STRIP_WELLS} wells of it side by side, kept", _STRIP_S),
        found.row("overview", f"overview of a plate of it, {n_shown} wells", _OVERVIEW_S),
        found.row(
            "failing",
            "first opening and a well, each tenth request fails",
            _TIMES_FAILING * (found.longest("first") + found.longest("click")),
        ),
        found.row("hub", "first opening of it on the Hub", _HUB_S),
    ]
    return PartResult(rows)


def _measure_many_wells(dataset: Dataset, server: _Server, found: _Found) -> None:
    """A strip of wells from all over a plate, and the overview of another one."""
    first, second = sorted(dataset.listed.slices)[:2]
    wells = dataset.wells_of_plate(first).index
    some = [str(well) for well in wells[:: max(1, len(wells) // _STRIP_WELLS)][:_STRIP_WELLS]]
    for name in ("strip", "kept strip"):
        dataset.images.memory.clear()
        with found.measuring(name, server):
            dataset.fetch(some)
            for _ in TileReader(dataset).read_all(some):
                pass
    rows = dataset.wells_of_plate(second)[:_OVERVIEW_WELLS]
    places = (rows["row"] * N_COLUMNS + rows["column"]).tolist()
    with found.measuring("overview", server):
        thumbnails = dataset.thumbnails_of(second)
        fill = PlateFill(dataset, second, thumbnails, dict(zip(places, rows.index, strict=True)))
        fill.run(lambda done, total, text: None)


@contextmanager
def _as_the_hub(url: str) -> Iterator[None]:
    """Have the Hub's own package ask a stand-in."""
    constants: Any = import_module("huggingface_hub.constants")
    before = constants.ENDPOINT, constants.HUGGINGFACE_CO_URL_TEMPLATE
    form = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    constants.ENDPOINT, constants.HUGGINGFACE_CO_URL_TEMPLATE = url, form
    os.environ["HF_ENDPOINT"] = url
    hub = fsspec.get_filesystem_class("hf")
    hub.clear_instance_cache()
    try:
        yield
    finally:
        constants.ENDPOINT, constants.HUGGINGFACE_CO_URL_TEMPLATE = before
        del os.environ["HF_ENDPOINT"]
        hub.clear_instance_cache()


def remote_tar(settings: Settings) -> PartResult:
    """A plate tar of full size on a server that nobody has looked into."""
    folder = datasets.listed_sparse(settings)
    found = _Found()
    size = f"{settings.tar_bytes / 1e9:.0f} GB, {settings.tar_members:,} members"
    with _served(folder) as server:
        for i in range(settings.opens):
            with empty_folder(settings.folder / f"cache-remote-{i}") as cache:
                dataset = open_dataset(server.url, cache)
                wells = dataset.known_wells.index
                with found.measuring("tar well", server):
                    _fetch(dataset, str(wells[len(wells) // 2]))
                with found.measuring("tar index", server):
                    for plate in dataset.images.plates:
                        dataset.images.look_into(PlateId(*plate))
    return PartResult(
        [
            found.row("tar well", f"a well of a tar of {size} on a server", _TAR_WELL_S),
            found.row("tar index", "the index of that tar", _TAR_INDEX_S),
        ]
    )


class _Found:
    """Seconds by what was done, and what went over the line the last time."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}
        self._counted: dict[str, str] = {}

    def add(self, name: str, seconds: float) -> None:
        self._seconds.setdefault(name, []).append(seconds)

    @contextmanager
    def measuring(self, name: str, server: _Server) -> Iterator[None]:
        server.counted()
        begin = perf_counter()
        yield
        self.add(name, perf_counter() - begin)
        self._counted[name] = server.counted()

    def longest(self, name: str) -> float:
        return max(self._seconds[name])

    def row(self, name: str, what: str, at_most: float, naive: str = "") -> Row:
        counted = self._counted.get(name)
        notes = [f"the line: {_LINE} a connection"]
        notes += [f"over the line: {counted}"] if counted else []
        return Row(
            f"remote {name}",
            what,
            "s",
            Timing.of(self._seconds[name]),
            naive=Timing.of(self._seconds[naive]) if naive else None,
            target=Target("p95", "limit", at_most),
            notes=tuple(notes),
        )


def _read_first(dataset: Dataset) -> None:
    wells = dataset.known_wells
    dataset.read(str(wells.index[wells["has_image"]][0]))


def _fetch(dataset: Dataset, well: str) -> None:
    """The six images of a well, which are holes here and no pixels."""

    def fetch(channel: int) -> None:
        with suppress(ImageUnavailable):
            dataset.plane(well, channel)

    with ThreadPoolExecutor(N_CHANNELS) as pool:
        list(pool.map(fetch, range(1, N_CHANNELS + 1)))


def _read_with_pyarrow(url: str, folder: Path) -> None:
    """The first row group of the first shard, as one reads parquet from the web."""
    name = sorted((folder / "data").iterdir())[0].name
    with fsspec.open(f"{url}/data/{name}") as file:
        pq.ParquetFile(file).read_row_group(0)

"""Opening: the plugin, all of RxRx3's metadata and vectors, and a plate tar of full size."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import datasets
from benchmarks.measuring import empty_folder, interleaved, timed
from benchmarks.results import Curve, PartResult, Row, Target, Timing
from benchmarks.settings import Settings
from benchmarks.subprocesses import call
from napari_rxrx3.dataset import open_dataset

__all__ = ["activation", "growth", "opening", "tar_index"]

Measured = dict[str, float]

_ACTIVATION_S, _FIRST_S, _LATER_S, _INDEX_S, _PAUSE_S = 0.5, 90, 1.5, 2.0, 0.05
_MOST_MB = 1500
_CHUNK = 1 << 22
_TAR_HEADER = 512


def activation(settings: Settings) -> PartResult:
    """Dock the explorer in a napari that is up, each time in a new process."""
    found = [call("benchmarks.fresh_process:activate") for _ in range(max(2, settings.opens))]
    loaded = sorted({name for one in found for name in one["loaded"]})
    modules = max(one["modules"] for one in found)
    loading = float(np.median([one["loading"] for one in found]))
    docking = float(np.median([one["docking"] for one in found]))
    return PartResult(
        [
            Row(
                "activation",
                "activation of the plugin after napari is up",
                "s",
                Timing.of([one["loading"] + one["docking"] for one in found]),
                Timing.of([one["floor"] for one in found]),
                target=Target("p95", "limit", _ACTIVATION_S),
                notes=(
                    f"it loads {modules} modules, of heavy packages {', '.join(loaded) or 'none'}",
                    "the floor docks an empty widget",
                ),
                spent={"ours": {"loading modules": loading, "making and docking": docking}},
            )
        ]
    )


def opening(settings: Settings) -> PartResult:
    """Open the screen in new processes: with an empty cache, then with a filled one."""
    folder = datasets.screen(settings)
    function = "benchmarks.fresh_process:open_in_window"
    with empty_folder(settings.folder / "cache-opening") as cache:
        first: Measured = call(function, str(folder), str(cache), cache=cache)
        later, floors = list[Measured](), list[float]()
        for _ in range(settings.opens):
            later.append(call(function, str(folder), str(cache), cache=cache))
            floors.append(_pass_over(folder))
    naive = call("benchmarks.fresh_process:open_in_pandas", str(folder))
    return PartResult(
        [
            _first_row(settings, first, floors, naive),
            _later_row(settings, later, floors, naive),
            _pause_row([first, *later]),
            _memory_row(settings, [first, *later], naive),
        ]
    )


def _first_row(settings: Settings, first: Measured, floors: list[float], naive: Measured) -> Row:
    usable = f"the first plate is on the map after {first['map']:.1f} s, and can be used"
    wells = f"{first['wells']:,.0f} wells, {first['vectors']:,.0f} with a vector"
    return Row(
        "first opening",
        f"first opening, until all is in: {_what(settings)}",
        "s",
        Timing.of([first["all"]]),
        Timing.of(floors),
        Timing.of([naive["seconds"]]),
        target=Target("p95", "limit", _FIRST_S),
        notes=(usable, wells),
    )


def _later_row(
    settings: Settings, later: list[Measured], floors: list[float], naive: Measured
) -> Row:
    again = f"{min(one['again'] for one in later):.2f} s"
    return Row(
        "later opening",
        f"later opening, until the first plate is on the map: {_what(settings)}",
        "s",
        Timing.of([one["map"] for one in later]),
        Timing.of(floors),
        Timing.of([naive["seconds"]]),
        target=Target("p95", "limit", _LATER_S),
        notes=(
            f"in a new process, with all imports; once more in the same window: {again}",
            "straightforward keeps nothing: it takes as long every time",
        ),
    )


def _pause_row(runs: list[Measured]) -> Row:
    collection, whole = (1000 * max(one[key] for one in runs) for key in ("collection", "whole"))
    painting = 1000 * max(runs, key=lambda one: one["pause"])["painting"]
    return Row(
        "opening pause",
        "opening: longest pause of the GUI thread by our code",
        "s",
        Timing.of([one["pause"] for one in runs]),
        target=Target("p95", "limit", _PAUSE_S),
        notes=(
            f"of it our widgets' own painting, for the first time: {painting:.0f} ms",
            f"longest of all, with napari's making and drawing of its layers: {whole:.0f} ms",
            f"taken off: Python's search for garbage, {collection:.0f} ms",
        ),
    )


def _memory_row(settings: Settings, runs: list[Measured], naive: Measured) -> Row:
    return Row(
        "memory",
        f"resident memory with {_what(settings)} open, first and later",
        "MB",
        Timing.of([one["memory"] for one in runs]),
        naive=Timing.of([naive["memory"]]),
        target=Target("p95", "limit", _MOST_MB),
        notes=(
            "pages of mapped files of the cache are not counted",
            "ours with napari and its window, straightforward without",
        ),
    )


def _what(settings: Settings) -> str:
    return f"metadata and vectors of {settings.plates:,} plates"


def growth(settings: Settings) -> PartResult:
    """Cost as the work grows: metadata by wells, and metadata with vectors by plates."""
    by_wells = _curve(settings.growth_wells, lambda n: datasets.metadata_only(settings, n))
    by_plates = _curve(settings.growth_plates, lambda n: datasets.screen(settings, n))
    return PartResult(
        curves=[
            Curve("wells", "Opening metadata of n wells", "wells", by_wells),
            Curve("plates", "Opening metadata and vectors of n plates", "plates", by_plates),
        ]
    )


def _curve(
    sizes: Sequence[int], make: Callable[[int], Path]
) -> dict[str, list[tuple[float, float]]]:
    lines: dict[str, list[tuple[float, float]]] = {}
    _first_time(make(min(sizes)))  # what is imported only once is imported
    for n in sizes:
        folder = make(n)
        with tempfile.TemporaryDirectory() as cache:
            measured = {
                "ours, first time": _open(folder, cache),
                "ours, later": min(_open(folder, cache) for _ in range(2)),
                "pandas": _plain(folder),
                "floor": _pass_over(folder),
            }
        for name, seconds in measured.items():
            lines.setdefault(name, []).append((n, seconds))
    return lines


def _first_time(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as cache:
        _open(folder, cache)
        _plain(folder)


def _open(folder: Path, cache: str) -> float:
    """Open a data set and have all of its vectors in."""
    from napari_rxrx3.dataset import open_dataset

    def open_all() -> None:
        dataset = open_dataset(folder, cache)
        dataset.read_vectors()
        len(dataset.plates)

    return timed(open_all)


def _plain(folder: Path) -> float:
    import pandas as pd

    def read() -> Any:
        wells = pd.read_csv(folder / "metadata.csv", low_memory=False)
        parts = [pd.read_parquet(path) for path in sorted(folder.rglob("*.parquet"))]
        return wells.merge(pd.concat(parts), on="well_id", how="left") if parts else wells

    return timed(read)


def _pass_over(folder: Path) -> float:
    """Seconds to read the bytes of all files once."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return timed(lambda: _read_all(paths))


def _read_all(paths: Iterable[Path]) -> None:
    buffer = bytearray(_CHUNK)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def tar_index(settings: Settings) -> PartResult:
    """Open a data set that is one tar: for the first time, and later."""
    folder = datasets.sparse(settings)
    path = next(folder.rglob("*.tar"))
    read: list[int] = []

    def first(i: int) -> float:
        with tempfile.TemporaryDirectory() as cache:
            before = _bytes_read()
            seconds = timed(lambda: open_dataset(folder, cache))
            read.append(_bytes_read() - before)
            return seconds

    with tempfile.TemporaryDirectory() as cache:
        open_dataset(folder, cache)
        found = interleaved(
            max(2, settings.repeats // 3),
            {
                "ours": first,
                "floor": lambda i: timed(lambda: _headers(path)),
                "naive": lambda i: timed(lambda: _members(path)),
                "later": lambda i: timed(lambda: open_dataset(folder, cache)),
            },
        )
    later = Timing.of(found.pop("later"))
    size = settings.tar_bytes / 1e9
    what = f"index of a plate tar of {size:.0f} GB, {settings.tar_members:,} members"
    note = f"{max(read) / 1e6:.1f} MB of it were read"
    target = Target("p95", "limit", _INDEX_S)
    return PartResult(
        [
            Row.of("tar index", f"{what}, first time", "s", found, target, (note,)),
            Row("tar index again", f"{what}, later", "s", later),
        ]
    )


def _bytes_read() -> int:
    """Bytes that this process has had from files, from the disk or the system's memory."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def _headers(path: Path) -> int:
    """Read every header and nothing else, as raw bytes."""
    file, at, n = os.open(path, os.O_RDONLY), 0, 0
    try:
        while True:
            header = os.pread(file, _TAR_HEADER, at)
            if not header.rstrip(b"\0"):
                return n
            size = int(header[124:135], 8)
            at += _TAR_HEADER + -(-size // _TAR_HEADER) * _TAR_HEADER
            n += 1
    finally:
        os.close(file)


def _members(path: Path) -> int:
    with tarfile.open(path) as tar:
        return len(tar.getmembers())

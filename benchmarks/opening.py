"""Opening all of RxRx3's metadata and vectors: the first time and later; time and memory."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import make_data
from benchmarks.memory import resident
from benchmarks.parts import Curve, Found
from benchmarks.settings import Settings
from benchmarks.subprocesses import call
from benchmarks.timing import Row, Target, Timing, timed

__all__ = ["growth", "in_pandas", "in_window", "opening"]

Measured = dict[str, float]
_FIRST_S, _LATER_S, _MOST_MB = 90, 1.5, 1500
_CHUNK = 1 << 22


def opening(settings: Settings) -> Found:
    """Open the screen in new processes: with an empty cache, then with a filled one."""
    folder = make_data.screen(settings)
    with _empty_folder(settings.folder / "cache-opening") as cache:
        first = call("benchmarks.opening:in_window", str(folder), str(cache), cache=cache)
        later: list[dict[str, float]] = []
        floors: list[float] = []
        for _ in range(settings.opens):
            later.append(call("benchmarks.opening:in_window", str(folder), str(cache), cache=cache))
            floors.append(_pass_over(folder))
    naive = call("benchmarks.opening:in_pandas", str(folder))
    return Found(
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
        notes=(f"in a new process, with all imports; once more in the same window: {again}",),
    )


def _pause_row(runs: list[Measured]) -> Row:
    collection = 1000 * max(one["collection"] for one in runs)
    return Row(
        "opening pause",
        "opening: longest pause of the GUI thread by our code",
        "s",
        Timing.of([one["pause"] for one in runs]),
        target=Target("p95", "limit", 0.05),
        notes=(f"taken off: Python's search for garbage, {collection:.0f} ms",),
    )


def _memory_row(settings: Settings, runs: list[Measured], naive: Measured) -> Row:
    return Row(
        "memory",
        f"resident memory with {_what(settings)} open, first and later",
        "MB",
        Timing.of([one["memory"] for one in runs]),
        naive=Timing.of([naive["memory"]]),
        target=Target("p95", "limit", _MOST_MB),
        notes=("pages of mapped files of the cache are not counted",),
    )


def _what(settings: Settings) -> str:
    return f"metadata and vectors of {settings.plates:,} plates"


def in_window(folder: str, cache: str) -> Measured:
    """Open a data set in a napari window with the explorer docked; runs in a new process."""
    from benchmarks.window import Window, pump

    window = Window()
    with window.recorder.listening() as recorder:
        start = time.perf_counter()
        on_map = window.open(Path(folder), settled=False)
        dataset = window.session.dataset
        end = pump(lambda: bool(dataset.vectors_are_read))
        memory = resident(Path(cache))
    wells = dataset.wells
    once_more = time.perf_counter()
    again = window.open(Path(folder), settled=False) - once_more
    return {
        "map": on_map - start,
        "again": again,
        "all": end - start,
        "pause": max(ours for _, ours in recorder.pauses()),
        "collection": recorder.longest_collection,
        "memory": memory,
        "wells": len(wells),
        "vectors": int(wells["has_embedding"].sum()),
    }


def in_pandas(folder: str) -> Measured:
    """What one would write: read all tables into data frames and join them; in a new process."""
    import numpy as np
    import pandas as pd

    start = time.perf_counter()
    wells = pd.read_csv(Path(folder, "metadata.csv"), low_memory=False)
    parts = [pd.read_parquet(path) for path in sorted(Path(folder).rglob("*.parquet"))]
    joined = wells.merge(pd.concat(parts, ignore_index=True), on="well_id", how="left")
    vectors = joined.filter(like="feature_").to_numpy(np.float32)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory": resident(), "vectors": len(vectors)}


def growth(settings: Settings) -> Found:
    """Cost as the work grows: metadata by wells, and metadata with vectors by plates."""
    by_wells = _curve(settings.growth_wells, lambda n: make_data.metadata_only(settings, n))
    by_plates = _curve(settings.growth_plates, lambda n: make_data.screen(settings, n))
    return Found(
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


@contextmanager
def _empty_folder(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

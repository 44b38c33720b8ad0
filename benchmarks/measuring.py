"""How long a call takes, jobs in turns, and how much memory this process has."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["empty_folder", "interleaved", "resident_mb", "timed"]

_MB = 1e6


def timed(function: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@contextmanager
def empty_folder(folder: Path) -> Iterator[Path]:
    """A folder with nothing in it, which is gone afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def interleaved(
    repeats: int, jobs: Mapping[str, Callable[[int], float | None]]
) -> dict[str, list[float]]:
    """Run jobs in turns, so that what else the machine does hits all of them alike.

    Each job gets the number of the round and returns what it measured, or None if it sits this
    round out. Whoever was first in one round is last in the next.
    """
    measured: dict[str, list[float]] = {name: [] for name in jobs}
    order = list(jobs)
    for i in range(repeats):
        for name in order:
            value = jobs[name](i)
            if value is not None:
                measured[name].append(value)
        order.append(order.pop(0))
    return measured


def resident_mb(mapped_in: Path | None = None) -> float:
    """Megabytes of memory that are resident now, as Linux counts them.

    Parameters
    ----------
    mapped_in : Path, optional
        Pages of files in this folder that are mapped into memory are not counted: the system
        takes them back whenever it needs room.
    """
    gc.collect()
    total, counted = 0, True
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            path = rest[4] if len(rest) > 4 else ""
            counted = mapped_in is None or not path.startswith(str(mapped_in))
        elif first == "Rss:" and counted:
            total += int(rest[0]) * 1024
    return total / _MB

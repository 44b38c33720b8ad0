"""Run a function on many things in a few threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_threads"]

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_threads(function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
    """Yield the results in the order of the jobs; leaving the loop early cancels the rest."""
    with ThreadPoolExecutor(max(4, os.cpu_count() or 1)) as pool:
        try:
            yield from pool.map(function, jobs)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

"""Simulations side by side, one to a core; what one found is kept until the code changes."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.settings import ROOT

__all__ = ["Run", "one_by_one", "side_by_side"]

Job = tuple[Any, ...]
Run = Callable[[Callable[..., Any], Sequence[Job]], list[Any]]
"""Gives what a function finds for each job. It is one of a module, and finds what JSON can hold."""

_KEPT = ROOT / ".cache" / "calibration"
_PACKAGE = Path("src") / "napari_rxrx3"
_MAPS = _PACKAGE / "maps"
_CODE = (
    _PACKAGE / "core" / "geometry.py",
    _MAPS,
    _MAPS / "evidence",
    _MAPS / "dose_response",
    _MAPS / "sets",
)
"""What a number hangs on, beside the module that asks for it,"""
_SHOWN = {"card.py", "entry_names.py", "heat_map.py", "neighbors.py", "words.py"}
"""and what only shows numbers."""
_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def one_by_one(function: Callable[..., Any], jobs: Sequence[Job]) -> list[Any]:
    """In this process; nothing is kept."""
    return [function(*job) for job in jobs]


@contextmanager
def side_by_side(n: int = 0) -> Iterator[Run]:
    """In as many processes as there are cores, or `n`; what is found is kept at once."""
    os.environ.update(dict.fromkeys(_BLAS, "1"))  # one core each
    pool = ProcessPoolExecutor(n or os.cpu_count() or 1, get_context("spawn"))

    def run(function: Callable[..., Any], jobs: Sequence[Job]) -> list[Any]:
        paths = [_path_of(function, job) for job in jobs]
        missing = [i for i, path in enumerate(paths) if not path.exists()]
        futures = {pool.submit(_found, function, jobs[i], paths[i]): i for i in missing}
        for done, future in enumerate(as_completed(futures), start=1):
            words = f"{function.__name__}{jobs[futures[future]]}"
            print(f"{done} of {len(missing)}: {future.result():.0f} s, {words}", file=sys.stderr)
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    try:
        yield run
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _found(function: Callable[..., Any], job: Job, path: Path) -> float:
    """Find and keep it; the seconds that it took."""
    began = time.perf_counter()
    text = json.dumps(function(*job))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return time.perf_counter() - began


def _path_of(function: Callable[..., Any], job: Job) -> Path:
    what = f"{function.__module__}.{function.__name__}{job!r}"
    name = hashlib.sha256(what.encode()).hexdigest()[:24]
    return _KEPT / _version(function.__module__) / f"{name}.json"


@cache
def _version(module: str) -> str:
    """Of the code that a number hangs on, comments and docstrings apart."""
    own = Path(*module.split("."))
    files = [own.with_suffix(".py"), own.with_name("screens.py"), *_CODE]
    digest = hashlib.sha256()
    for name in files:
        place = ROOT / name
        paths = [place] if place.is_file() else sorted(place.glob("*.py"))
        for path in paths:
            if path.name in _SHOWN:
                continue
            digest.update(f"{path.name}\n{_bare(path)}\n".encode())
    return digest.hexdigest()[:16]


def _bare(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_text(each)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)

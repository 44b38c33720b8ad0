"""Runs of the past, a line each, and what has become slower since the last one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_name
from benchmarks.results import Row, Run

__all__ = ["append", "entry", "last_of", "slower"]

_SLOWER = 1.25
_LEAST = {"s": 0.001, "MB": 5.0, "": 1.0}
"""Smaller differences are never worth a word."""


def entry(run: Run) -> dict[str, Any]:
    """What is kept of a run.

    Raises
    ------
    ValueError
        If its parts measured more than one commit.
    """
    if len(run.commits) != 1:
        raise ValueError("the code was changed while it was measured")
    (commit,) = run.commits
    return {
        "date": run.description["date"],
        "code": commit.hash if commit is not None else "unknown",
        "dirty": commit is None or commit.is_dirty,
        "machine": machine_name(run.description),
        "settings": run.settings["name"],
        "rows": {row.key: _kept(row) for row in run.rows},
    }


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Add a run to the history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, sort_keys=True) + "\n")


def last_of(path: Path, machine: str, settings: str) -> dict[str, Any] | None:
    """The last run of the same sizes on the same machine."""
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    runs = [json.loads(line) for line in lines if line.strip()]
    same = [run for run in runs if (run["machine"], run["settings"]) == (machine, settings)]
    return same[-1] if same else None


def slower(rows: Sequence[Row], before: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each row that became more than 25 % slower or larger.

    Where both runs know the floor, ours is compared in units of it: a machine that is slower
    today is no fault of ours.
    """
    for row in rows:
        old = before["rows"].get(row.key)
        if old is None:
            continue
        then, now = old["median"], row.ours.median
        drift = 1.0
        if row.floor is not None and old.get("floor") and row.floor.median:
            drift = row.floor.median / old["floor"]
        allowed = _SLOWER * then * drift
        if now > allowed and now - then * drift > _LEAST[row.unit]:
            times = now / (then * drift) if then * drift else float("inf")
            beside = ", beside the floor" if drift != 1.0 else ""
            yield f"{row.what}: {times:.2f} x as much as on {before['date']}{beside}"


def _kept(row: Row) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "unit": row.unit,
        "median": row.ours.median,
        "p95": row.ours.p95,
        "met": row.is_met,
    }
    for name in ("floor", "naive", "peer"):
        timing = row.timing(name)
        if timing is not None:
            kept[name] = timing.median
    return kept

"""What is measured: timings, rows of the table, and the targets they are held against."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["Row", "Target", "Timing", "interleaved", "timed"]


@dataclass(frozen=True)
class Timing:
    """Several measurements of one thing, in the unit of their row."""

    median: float
    p95: float
    n: int

    @staticmethod
    def of(values: Sequence[float]) -> Timing:
        return Timing(float(np.median(values)), float(np.quantile(values, 0.95)), len(values))

    def scaled(self, factor: float) -> Timing:
        return replace(self, median=self.median * factor, p95=self.p95 * factor)


@dataclass(frozen=True)
class Target:
    """At most `at_most` times what stands in another column, or at most `at_most` units.

    `measure` is "median" or "p95" and is taken on both sides; `against` is "floor", "peer" or
    "limit".
    """

    measure: str
    against: str
    at_most: float


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    key : str
        Stays the same from run to run: the history compares by it.
    unit : {"s", "MB", ""}
        "": a count.
    notes : tuple of str
        Facts that were measured beside it, a sentence each.
    missing : mapping of str to str
        Why a column is empty.
    """

    key: str
    what: str
    unit: str
    ours: Timing
    floor: Timing | None = None
    naive: Timing | None = None
    peer: Timing | None = None
    target: Target | None = None
    notes: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(
        key: str,
        what: str,
        unit: str,
        found: Mapping[str, Sequence[float]],
        target: Target | None = None,
        notes: tuple[str, ...] = (),
        missing: Mapping[str, str] | None = None,
    ) -> Row:
        """Make a row of measured values by column."""
        columns = {name: Timing.of(values) for name, values in found.items()}
        floor, naive, peer = (columns.get(name) for name in ("floor", "naive", "peer"))
        ours, missing = columns["ours"], missing or {}
        return Row(key, what, unit, ours, floor, naive, peer, target, notes, missing)

    def ratio(self, column: str, measure: str = "median") -> float | None:
        """Ours divided by a column; None if that is empty or zero."""
        other: Timing | None = getattr(self, column)
        if other is None or getattr(other, measure) == 0:
            return None
        return float(getattr(self.ours, measure) / getattr(other, measure))

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None if there is none or what it needs was not measured."""
        if self.target is None:
            return None
        if self.target.against == "limit":
            return bool(getattr(self.ours, self.target.measure) <= self.target.at_most)
        ratio = self.ratio(self.target.against, self.target.measure)
        return None if ratio is None else ratio <= self.target.at_most

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Row:
        columns = {
            name: Timing(**stored[name]) if stored[name] is not None else None
            for name in ("ours", "floor", "naive", "peer")
        }
        target = Target(**stored["target"]) if stored["target"] else None
        return Row(**{**stored, **columns, "target": target, "notes": tuple(stored["notes"])})


def timed(function: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(
    repeats: int, jobs: Mapping[str, Callable[[int], float | None]]
) -> dict[str, list[float]]:
    """Run jobs in turns, so that what else the machine does hits all of them alike.

    Each job gets the number of the round and returns what it measured, or None if it sits this
    round out. Whoever was first in one
    round is last in the next.
    """
    found: dict[str, list[float]] = {name: [] for name in jobs}
    order = list(jobs)
    for i in range(repeats):
        for name in order:
            measured = jobs[name](i)
            if measured is not None:
                found[name].append(measured)
        order.append(order.pop(0))
    return found

"""What a run measured, and the file that keeps all of it: the page is made from that alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Commit", "Curve", "PartResult", "Peer", "Row", "Run", "Target", "Timing"]

_SHORT = 10


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
class Peer:
    """What another tool took for the same as a row, or why there is no such number.

    `note` says what differs, or why `timing` is not there.
    """

    name: str
    timing: Timing | None
    note: str = ""

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Peer:
        return Peer(stored["name"], _timing(stored["timing"]), stored["note"])


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
    spent : mapping of column to mapping of str to float
        What the time of a column went into, medians: why one is larger than another.
    """

    key: str
    what: str
    unit: str
    ours: Timing
    floor: Timing | None = None
    naive: Timing | None = None
    peer: Peer | None = None
    target: Target | None = None
    notes: tuple[str, ...] = ()
    spent: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @staticmethod
    def of(
        key: str,
        what: str,
        unit: str,
        values: Mapping[str, Sequence[float]],
        target: Target | None = None,
        notes: tuple[str, ...] = (),
        peer: Peer | None = None,
        spent: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Row:
        """Make a row of the values that were measured for "ours", "floor" and "naive"."""
        columns = {name: Timing.of(measured) for name, measured in values.items()}
        floor, naive = columns.get("floor"), columns.get("naive")
        return Row(key, what, unit, columns["ours"], floor, naive, peer, target, notes, spent or {})

    def timing(self, column: str) -> Timing | None:
        """What stands in "ours", "floor", "naive" or "peer"."""
        if column == "peer":
            return self.peer.timing if self.peer is not None else None
        timing: Timing | None = getattr(self, column)
        return timing

    def ratio(self, column: str, measure: str = "median") -> float | None:
        """Ours divided by a column; None if that is empty or zero."""
        other = self.timing(column)
        if other is None or getattr(other, measure) == 0:
            return None
        return float(getattr(self.ours, measure) / getattr(other, measure))

    @property
    def allowed(self) -> float | None:
        """The most that the target allows, in the row's unit; None if that is not known."""
        if self.target is None:
            return None
        if self.target.against == "limit":
            return self.target.at_most
        other = self.timing(self.target.against)
        return None if other is None else self.target.at_most * getattr(other, self.target.measure)

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None if there is none or what it needs was not measured."""
        if self.target is None or self.allowed is None:
            return None
        return bool(getattr(self.ours, self.target.measure) <= self.allowed)

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Row:
        columns = {name: _timing(stored[name]) for name in ("ours", "floor", "naive")}
        target = Target(**stored["target"]) if stored["target"] else None
        peer = Peer.from_dict(stored["peer"]) if stored["peer"] else None
        notes = tuple(stored["notes"])
        return Row(**{**stored, **columns, "target": target, "peer": peer, "notes": notes})


@dataclass(frozen=True)
class Curve:
    """Cost as the work grows: seconds by size, for each line of one plot."""

    key: str
    title: str
    x_label: str
    lines: Mapping[str, list[tuple[float, float]]]

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Curve:
        lines = {name: [(x, y) for x, y in line] for name, line in stored["lines"].items()}
        return Curve(**{**stored, "lines": lines})


@dataclass(frozen=True)
class Commit:
    """The code that was measured: a commit, and whether anything differed from it."""

    hash: str
    is_dirty: bool

    def __str__(self) -> str:
        return self.hash[:_SHORT] + (", with changes that are in no commit" * self.is_dirty)


@dataclass(frozen=True)
class PartResult:
    """What one part of the benchmark measured.

    Attributes
    ----------
    facts : list of str
        How it was measured, a sentence each.
    peers : dict of str to Peer
        By the keys of other parts' rows: what another tool takes for the same.
    commit : Commit, optional
        The code as it was when this part began.
    """

    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    peers: dict[str, Peer] = field(default_factory=dict)
    commit: Commit | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> PartResult:
        return PartResult(
            [Row.from_dict(row) for row in stored["rows"]],
            [Curve.from_dict(curve) for curve in stored["curves"]],
            list(stored["facts"]),
            {key: Peer.from_dict(peer) for key, peer in stored["peers"].items()},
            Commit(**stored["commit"]) if stored["commit"] else None,
        )


@dataclass(frozen=True)
class Run:
    """All that one run measured.

    Attributes
    ----------
    description : mapping of str to str
        Date, machine and versions, in words.
    settings : mapping of str to object
        Sizes and repetitions.
    parts : mapping of str to PartResult
        In the order of the table.
    failed : mapping of str to str
        Parts that did not come to an end, and why.
    """

    description: Mapping[str, str]
    settings: Mapping[str, Any]
    parts: Mapping[str, PartResult]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """All rows, with what the peers took for the same."""
        peers = {key: peer for part in self.parts.values() for key, peer in part.peers.items()}
        rows = [row for part in self.parts.values() for row in part.rows]
        return [replace(row, peer=peers.get(row.key, row.peer)) for row in rows]

    @property
    def curves(self) -> list[Curve]:
        return [curve for part in self.parts.values() for curve in part.curves]

    @property
    def facts(self) -> list[str]:
        return [fact for part in self.parts.values() for fact in part.facts]

    @property
    def commits(self) -> dict[Commit | None, list[str]]:
        """The code that was measured, and the parts that measured it; one, if all is well."""
        commits: dict[Commit | None, list[str]] = {}
        for name, part in self.parts.items():
            commits.setdefault(part.commit, []).append(name)
        return commits

    def commits_of_rows(self) -> Iterator[tuple[Row, Commit | None]]:
        """Each row with the code that was measured."""
        commits = (part.commit for part in self.parts.values() for _ in part.rows)
        return zip(self.rows, commits, strict=True)

    def save(self, path: Path) -> None:
        """Write everything to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: Path) -> Run:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        parts = {name: PartResult.from_dict(part) for name, part in stored["parts"].items()}
        return Run(**{**stored, "parts": parts})


def _timing(stored: Mapping[str, Any] | None) -> Timing | None:
    return Timing(**stored) if stored is not None else None

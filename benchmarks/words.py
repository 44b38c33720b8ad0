"""Measured values and ratios in words."""

from __future__ import annotations

from benchmarks.results import Row

__all__ = ["COLUMNS", "amount", "label", "times"]

COLUMNS = {"ours": "ours", "floor": "floor", "naive": "straightforward", "peer": "peer"}
"""Names of the columns as they are read."""


def amount(value: float, unit: str) -> str:
    """A measured value in words of a handy size, three digits of it."""
    if unit == "s":
        return f"{1000 * value:.3g} ms" if value < 0.9995 else f"{value:.3g} s"
    return f"{value:,.0f} {unit}".strip()


def label(row: Row, column: str) -> str:
    """Name of a column of a row; of the peer's, which it is."""
    return row.peer.name if column == "peer" and row.peer is not None else COLUMNS[column]


def times(ratio: float) -> str:
    """A ratio with two digits or more."""
    if ratio < 0.1:
        return f"{ratio:.2g} x"
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"

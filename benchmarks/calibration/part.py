"""What is found of one claim: a table, what it says in words, and whether it is as held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Bars", "Part"]


@dataclass(frozen=True)
class Bars:
    """Shares to be drawn: (words, value) each, and the range that they are held to."""

    title: str
    values: list[tuple[str, float]]
    low: float
    high: float


@dataclass(frozen=True)
class Part:
    """The section of one claim.

    Attributes
    ----------
    title, words : str
        Its heading, and a paragraph that says what was done and what a row means.
    rows : list of dict
        A table; its keys are the headings, and the same in all rows. "held to" says what a number
        must be, "holds" is a bool.
    bars : Bars, optional
        For the picture.
    """

    title: str
    words: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    bars: Bars | None = None

    @property
    def fails(self) -> list[dict[str, Any]]:
        """Rows that are not as held to."""
        return [row for row in self.rows if row.get("holds") is False]

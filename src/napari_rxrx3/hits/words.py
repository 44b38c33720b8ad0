"""Numbers and names in sentences."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["are", "count", "some"]

_NAMED, _LONGEST = 5, 60


def count(n: int, word: str) -> str:
    """``1 well``, ``2,000 wells``."""
    return f"{n:,} {word}{'s' * (n != 1)}"


def some(names: Sequence[str]) -> str:
    """The names, or the first of many and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    first = (n if len(n) <= _LONGEST else f"{n[:_LONGEST]}…" for n in names[:_NAMED])
    return ", ".join(first) + more


def are(n: int) -> str:
    return "is" if n == 1 else "are"

"""One sentence of evidence."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sentence"]


@dataclass(frozen=True)
class Sentence:
    """One thing that is known; `is_doubt` if it speaks against the perturbation."""

    text: str
    is_doubt: bool = False

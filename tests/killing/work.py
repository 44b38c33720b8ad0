"""A work that is killed, and how to tell whether anything was lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["WORKS", "Answer", "Tell", "Work", "either", "same", "work"]

Answer = dict[str, Any]
"""What is found in a place when it is opened again, as JSON knows it."""
Tell = Callable[[str], None]
"""Called with what may not be lost any more."""
Judge = Callable[[Answer, Answer, Answer, list[str]], list[str]]
"""Called with what was found before, what is there when all is done, what is found after the
process was killed, and what it had told; returns what was lost."""


def same(before: Answer, whole: Answer, found: Answer, told: list[str]) -> list[str]:
    """Whatever was half done is done again, with the same answer."""
    return [name for name in whole if found.get(name) != whole[name]]


def either(before: Answer, whole: Answer, found: Answer, told: list[str]) -> list[str]:
    """Each file is the old one or the new one."""
    names = {*before, *whole, *found}
    kept = [(before.get(name), whole.get(name)) for name in names]
    return [name for name, two in zip(names, kept, strict=True) if found.get(name) not in two]


@dataclass(frozen=True)
class Work:
    """Something that writes files.

    Attributes
    ----------
    make : callable
        Writes the inputs into a folder, once.
    act : callable
        Does it: gets the inputs, a place to write to, and whom to tell.
    answer : callable
        Opens inputs and place again.
    judge : callable
    begin : callable, optional
        What was there in the place before.
    """

    name: str
    make: Callable[[Path], None]
    act: Callable[[Path, Path, Tell], None]
    answer: Callable[[Path, Path], Answer]
    judge: Judge
    begin: Callable[[Path, Path], None] | None = None


WORKS: dict[str, Work] = {}


def work(name: str, **parts: Any) -> None:
    """Enter a work."""
    assert name not in WORKS
    WORKS[name] = Work(name, **parts)

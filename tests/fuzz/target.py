"""A parser, what it may raise, and where its inputs begin."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from napari_rxrx3.core.errors import RxRx3Error
from test_corpus import is_plain

__all__ = ["TARGETS", "Target", "as_file", "check_refusal", "scratch", "target"]


@dataclass(frozen=True)
class Target:
    """A parser that is fed.

    Attributes
    ----------
    parse : callable
        Gets bytes; also checks what comes out.
    seeds : callable
        Returns inputs to begin with.
    refuses : tuple of exception types
        What it may raise; the text must be a plain sentence.
    """

    name: str
    parse: Callable[[bytes], Any]
    seeds: Callable[[], list[bytes]]
    refuses: tuple[type[Exception], ...] = (RxRx3Error,)

    def feed(self, content: bytes) -> bool:
        """Whether it was taken; raises whatever may not be raised."""
        return check_refusal(lambda: self.parse(content), *self.refuses)


TARGETS: dict[str, Target] = {}


def target(
    name: str, seeds: Callable[[], list[bytes]], *refuses: type[Exception]
) -> Callable[[Callable[[bytes], Any]], Callable[[bytes], Any]]:
    """Enter a function as the parser of a target."""

    def enter(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        assert name not in TARGETS
        TARGETS[name] = Target(name, parse, seeds, refuses or (RxRx3Error,))
        return parse

    return enter


@cache
def scratch() -> Path:
    """A folder of this process; in memory where there is one."""
    memory = Path("/dev/shm")
    kept = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="rxrx3-")
    _kept.append(kept)
    return Path(kept.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


def as_file(content: bytes, name: str) -> Path:
    """A file that holds this and nothing else."""
    path = scratch() / name
    path.write_bytes(content)
    return path


def check_refusal(act: Callable[[], Any], *refuses: type[Exception]) -> bool:
    """Whether something succeeds; what it raises of these must be a plain sentence."""
    try:
        act()
    except refuses as error:
        said = str(error)
    else:
        return True
    assert is_plain(said), repr(said[:300])
    return False

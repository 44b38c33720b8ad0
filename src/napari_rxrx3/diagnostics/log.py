"""The last things that happened, kept in memory: what was said, how long it took, what failed.

Errors come by Python's `logging` under the name ``napari_rxrx3``. What is of interest only after
something went wrong is noted with `note`, which leaves the user's own logging alone.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple, TypeVar

from napari_rxrx3.core.redaction import FILE, concealer
from napari_rxrx3.core.secrets import without_secrets

__all__ = ["Event", "error_lines", "keep_log", "note", "recent", "timed"]

_NAME = "napari_rxrx3"
_MOST, _LONGEST = 300, 2000
_MOST_FRAMES = 12
_PACKAGES = "site-packages/"

_log = logging.getLogger(_NAME)
_events: deque[Event] = deque(maxlen=_MOST)

Result = TypeVar("Result")


class Event(NamedTuple):
    """Something that happened.

    Attributes
    ----------
    time : float
        Seconds since 1970.
    level : str
        ``"info"``, ``"warning"``, ``"error"``, as `logging` has it.
    text : str
        As it was said: paths are in it.
    lines : tuple of str
        Of an error: where it came from, without paths.
    """

    time: float
    level: str
    text: str
    lines: tuple[str, ...] = ()


class _Keeper(logging.Handler):
    """Keeps what is logged, and passes it on to the terminal as if nobody had kept it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            error = record.exc_info[1] if record.exc_info else None
            lines = tuple(error_lines(error)) if error is not None else ()
            _keep(Event(record.created, record.levelname.lower(), record.getMessage(), lines))
        except Exception:  # a log must never be what goes wrong
            self.handleError(record)
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and not logging.getLogger().handlers:
            last.handle(record)


@cache
def keep_log() -> None:
    """Begin to keep what is logged; what is said with `note` is kept anyway."""
    _log.addHandler(_Keeper())


def note(text: str) -> None:
    """Keep a message; it goes to Python's logging as well where that is switched on for `info`."""
    text = without_secrets(text)
    is_logged = _log.isEnabledFor(logging.INFO)
    if text and is_logged:
        _log.info("%s", text)
    if text and not (is_logged and _log.handlers):  # else our handler has heard of it
        _keep(Event(time.time(), "info", text))


def timed(what: str, work: Callable[[], Result]) -> Result:
    """Do something and note how long it took, also if it fails."""
    start = time.perf_counter()
    try:
        result = work()
    except BaseException as error:
        seconds = time.perf_counter() - start
        note(f"{what}: {type(error).__name__} after {seconds:.2f} s")
        raise
    note(f"{what}: {time.perf_counter() - start:.2f} s")
    return result


def recent() -> list[Event]:
    """What happened last, oldest first."""
    return list(_events)


def _keep(event: Event) -> None:
    _events.append(event._replace(text=without_secrets(event.text[:_LONGEST])))


def error_lines(error: BaseException) -> Iterator[str]:
    """What kind of error it was and where it came from, causes last; paths are taken out."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        said = concealer.redact(without_secrets(str(following)[:_LONGEST]))
        yield f"{type(following).__name__}: {said}" if said else type(following).__name__
        frames = traceback.extract_tb(following.__traceback__)
        yield from (_where(frame) for frame in frames[-_MOST_FRAMES:])
        following = following.__cause__ or following.__context__


def _where(frame: traceback.FrameSummary) -> str:
    return f"  {_module_of(frame.filename)}:{frame.lineno} in {frame.name}"


def _module_of(path: str) -> str:
    """The part of a file's path that is the same on every computer."""
    slashed = path.replace("\\", "/")
    for mark in (_PACKAGES, "dist-packages/", f"/{_NAME}/"):
        _, found, rest = slashed.rpartition(mark)
        if found:
            return f"{_NAME}/{rest}" if _NAME in mark else rest
    _, found, rest = slashed.rpartition("/lib/python3")
    return f"python3{rest}" if found else FILE

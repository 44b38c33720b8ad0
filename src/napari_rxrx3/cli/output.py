"""What the command line prints, on any terminal, disk or pipe: answers, notes, progress."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.secrets import without_secrets
from napari_rxrx3.core.stopping import check


def take_any_letter() -> None:
    r"""Write what an encoding has no sign for as ``\u03b2``: any answer beats none."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print an answer.

    Raises
    ------
    BrokenPipeError
        If nobody reads it any more.
    RxRx3Error
        If it cannot be written.
    """
    if sys.stdout is None:  # closed before the program began
        raise RxRx3Error("The answer cannot be written (there is no standard output).")
    try:
        print(text, flush=True)  # before anything is said beside it
    except OSError as error:
        raise _unwritten(error) from error
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if text.encode(encoding, "replace").decode(encoding, "replace") != text:
        note(f"Letters that {encoding} does not have are written by their numbers: \\u03b2.")


def flush() -> None:
    """Write what was printed; raises as `say` does."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise _unwritten(error) from error


def _unwritten(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return error
    give_up(sys.stdout)
    return RxRx3Error(f"The answer cannot be written ({error.strerror or error}).")


def note(sentence: str) -> None:
    """Say something beside the answer, which is worth more: no failure ends the program."""
    try:
        if sys.stderr is not None:
            print(f"napari-rxrx3: {without_secrets(sentence)}", file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)


def give_up(stream: TextIO) -> None:
    """Let what cannot be written go nowhere: Python would try again at its end, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show progress on standard error, if a person is watching it."""
    from tqdm import tqdm

    with tqdm(disable=None if sys.stderr is not None else True, leave=False) as bar:

        def progress(done: int, total: int, text: str) -> None:
            check()
            bar.total = total or None
            bar.n = done
            bar.set_description_str(without_secrets(text)[-60:], refresh=True)

        yield progress

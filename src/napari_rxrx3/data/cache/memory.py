"""Gives memory that nothing uses any more back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

__all__ = ["give_back_memory"]


def give_back_memory() -> None:
    """Have the C library return what it holds free, where it holds much: on Linux.

    Each thread of glibc has a pool of its own, which keeps freed images of other sizes between
    those that are in use: hundreds of megabytes after some hundred wells. Takes milliseconds.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library
        return None
    return trim

"""Which of many cases are tried each time; the others are left to `make test-all`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest


def sample(cases: Iterable[Any], every: int) -> list[Any]:
    """Mark all cases as `soak` but the first of each `every`, in their order."""
    return [case if n % every == 0 else soak(case) for n, case in enumerate(cases)]


def sample_unless_finest(factor: str) -> list[str]:
    """What pytest is asked for on a finer screen: of the finest and on PyQt5 all of it."""
    is_all = factor == "2" and os.environ.get("QT_API") == "pyqt5"
    return [] if is_all else ["-m", "not soak"]


def soak(case: Any) -> Any:
    """One case of a parametrized test, marked as `soak`."""
    return pytest.param(case, marks=pytest.mark.soak)

"""Which of many cases are tried each time; the others are left to `make test-all`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sample(cases: Iterable[Any], every: int) -> list[Any]:
    """Mark all cases as `soak` but the first of each `every`, in their order."""
    return [case if n % every == 0 else soak(case) for n, case in enumerate(cases)]


def soak(case: Any) -> Any:
    """One case of a parametrized test, marked as `soak`."""
    return pytest.param(case, marks=pytest.mark.soak)

"""Processes that run tests side by side do not take the keyboard from each other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from displays import take_own_display

pytestmark = pytest.mark.skipif(
    shutil.which("Xvfb") is None or "DISPLAY" not in os.environ, reason="there is no Xvfb here"
)


def test_each_process_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.environ["DISPLAY"]
    monkeypatch.setenv("DISPLAY", before)  # put back afterwards
    ends, taken = [], [before]
    for _ in range(2):
        ends.append(take_own_display())
        taken.append(os.environ["DISPLAY"])
    for end in ends:
        end()
    assert len(set(taken)) == 3


CHILD = """
import os
from displays import take_own_display
take_own_display()
print(os.environ["DISPLAY"].lstrip(":"), flush=True)
os._exit(1)
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv here")
def test_a_display_ends_with_a_process_that_is_killed() -> None:
    paths = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", CHILD]
    run = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths}
    )
    lock = Path(f"/tmp/.X{run.stdout.strip()}-lock")
    deadline = time.monotonic() + 20
    while lock.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not lock.exists()

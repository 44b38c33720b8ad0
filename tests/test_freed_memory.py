"""Memory that was freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import re
from pathlib import Path
from napari_rxrx3.data.cache.memory import give_back_memory

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000

before = resident()
blocks = [b"x" * 100_000 for _ in range(1000)]  # too small to be mapped one by one
blocks = blocks[::100]  # what is in use lies between what is free
freed = resident()
give_back_memory()
print(before, freed, resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only needed on Linux")
def test_what_is_free_between_what_is_in_use_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    before, freed, after = map(float, done.stdout.split())
    assert freed - before > 80
    assert after - before < 20

"""Environments of their own for packages that tests alone use: nothing of them is in ours."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_FOLDER = ROOT / ".cache" / "environments"


def python_with(name: str, wishes: Sequence[str], *, ours: bool = False) -> Path:
    """The interpreter of an environment with some packages; the test is skipped if there is none.

    Parameters
    ----------
    ours : bool
        With what is installed here, and this package itself, below them.
    """
    folder, wanted = _FOLDER / name, " ".join([*wishes, sys.version, str(ours)])
    python, ready = folder / "bin" / "python", folder / "ready.txt"
    if not (ready.is_file() and ready.read_text() == wanted):
        venv.create(folder, with_pip=True, clear=True)
        if ours:
            place = next(folder.glob("lib/python*/site-packages"))
            (place / "ours.pth").write_text("\n".join([*site.getsitepackages(), str(ROOT / "src")]))
        command = [str(python), "-m", "pip", "install", "-q", *wishes]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            pytest.skip(f"pip cannot install {' '.join(wishes)}: {' '.join(said)[:200]}")
        ready.write_text(wanted)
    return python


def run_script(python: Path, script: str, *arguments: object, home: Path) -> str:
    """What a script prints; it fails with what it said if it fails."""
    words = [str(python), "-c", script, *map(str, arguments)]
    folders = dict.fromkeys(("HOME", "HF_HOME", "XDG_CACHE_HOME"), str(home))
    environment = {**os.environ, **folders, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout

"""Environments of their own for what we are compared with; nothing of theirs is installed in ours.

`python -m benchmarks.environments` makes them. It is run outside the private home of the other
scripts, because pip finds its settings by the user's own variables.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from benchmarks.settings import ROOT

__all__ = ["PEERS", "python_of", "why_missing"]

_FOLDER = ROOT / ".cache" / "bench" / "environments"

PEERS = {
    "faiss": ("faiss-cpu", "numpy"),
    "ome-zarr": ("napari-ome-zarr==0.10.0", "napari[pyqt5]==", "imagecodecs"),
    "ome-zarr-py": ("ome-zarr==0.18.0",),
    "ngio": ("ngio==1.1.3",),
    "clusters-plotter": ("napari-clusters-plotter==0.11.0", "napari[pyqt5]=="),
}
"""What each environment holds; a version that ends in == is completed with our own."""


def python_of(name: str) -> Path | None:
    """The interpreter of an environment; None if it could not be made."""
    folder = _FOLDER / name
    done = (folder / "ready.txt").is_file() and _wishes(name) == (folder / "ready.txt").read_text()
    return folder / "bin" / "python" if done else None


def why_missing(name: str) -> str:
    """Say in half a sentence why an environment is not there."""
    log = _FOLDER / f"{name}.log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    errors = [line for line in lines if line.startswith("ERROR")]
    return f"not installed: {errors[-1][:160]}" if errors else "not installed"


def make(name: str) -> bool:
    """Make an environment unless it is there; whether it is there now."""
    if python_of(name) is not None:
        return True
    folder = _FOLDER / name
    venv.create(folder, with_pip=True, clear=True)
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "-q", *_wishes(name).split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (_FOLDER / f"{name}.log").write_text(done.stdout + done.stderr)
    if done.returncode == 0:
        (folder / "ready.txt").write_text(_wishes(name))
    return done.returncode == 0


def _wishes(name: str) -> str:
    return " ".join(
        wish + version(wish[:-2].partition("[")[0]) if wish.endswith("==") else wish
        for wish in PEERS[name]
    )


def main() -> int:
    """Make all environments; a missing one is said, and is no failure."""
    if "--quick" in sys.argv or "--no-peers" in sys.argv:
        return 0
    for name in PEERS:
        there = python_of(name) is not None or make(name)
        print(f"{name}: {'ready' if there else why_missing(name)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The demo data, written once for many test runs: it takes a minute."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import napari_rxrx3.data.demo as writers
from napari_rxrx3.core import errors, plate
from napari_rxrx3.data.demo.screen_files import write_demo

KEPT = Path(__file__).parents[1] / ".cache" / "test-demo"
Call = tuple[int, int, str]


def written_demo() -> tuple[Path, list[Call]]:
    """Return the folder with the demo data, and what was told while they were written.

    They are written anew when any source of their writers changes. Two processes may do so at
    the same time: whoever is first is taken.
    """
    kept = KEPT / key_of_writers()
    if not kept.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT, prefix=".making-") as work:
            write_into(Path(work) / "new")
            put_in_place(Path(work) / "new", kept)
        forget_all_but(kept)
    calls = json.loads((kept / "calls.json").read_text(encoding="utf-8"))
    return kept / "made" / "demo", [(done, total, text) for done, total, text in calls]


def write_into(folder: Path) -> None:
    calls: list[Call] = []
    (folder / "made").mkdir(parents=True)
    write_demo(folder / "made" / "demo", progress=lambda *call: calls.append(call))
    (folder / "calls.json").write_text(json.dumps(calls), encoding="utf-8")


def put_in_place(new: Path, kept: Path) -> None:
    try:
        new.rename(kept)
    except OSError:
        if not kept.is_dir():  # not because another process was faster
            raise


def forget_all_but(kept: Path) -> None:
    for old in KEPT.iterdir():
        if old != kept and not old.name.startswith("."):
            shutil.rmtree(old, ignore_errors=True)


def key_of_writers() -> str:
    """A name for what decides about every byte: our sources, and the libraries they use."""
    digest = hashlib.sha256(sys.version.encode())
    for package in ("numpy", "pandas", "pyarrow", "imagecodecs", "scipy"):
        digest.update(f"{package} {version(package)}".encode())
    folder = Path(writers.__file__).parent
    for source in (*sorted(folder.glob("*.py")), Path(errors.__file__), Path(plate.__file__)):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]

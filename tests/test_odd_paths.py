"""Folders whose names are bytes that are no text, as old disks and other systems leave them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import builders as b
import napari_rxrx3 as rx
from window import Window

ROWS = [b.control_row("gene-001", 1, f"C{c:02d}") for c in range(3, 8)]
ROWS += [
    b.guide_row("gene-001", 1, f"{line}{c:02d}", gene, c - 2)
    for line, gene in (("D", "PLK1"), ("E", "MTOR"))
    for c in range(3, 6)
]


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder that could be made with such a name."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/scr\xe9en\xff"))
    try:
        path.mkdir()
    except (OSError, UnicodeError):
        pytest.skip("this disk takes no names that are not text")
    path.rmdir()
    return path


def core(folder: Path) -> b.Screen:
    screen = b.Screen.of(ROWS, dim=16)
    screen.planes = {well: b.smooth(well, 64) for well in screen.ids}
    screen.write_metadata(folder / "metadata_rxrx3_core.csv")
    screen.write_core(folder, cuts=(30,))
    screen.write_embeddings(folder / "OpenPhenom_rxrx3_core_embeddings.parquet")
    return screen


def full(folder: Path) -> b.Screen:
    screen = b.Screen.of(ROWS, 64, "uint16", dim=16)
    screen.write_rxrx3(folder)
    return screen


def loose(folder: Path) -> b.Screen:
    screen = b.Screen.of(ROWS, 48)
    screen.write_folders(folder)
    return screen


def moved(make: Callable[[Path], b.Screen], odd: Path) -> b.Screen:
    """Write a screen; pyarrow itself writes to no such path."""
    plain = odd.with_name("plain")
    plain.mkdir()
    screen = make(plain)
    plain.rename(odd)
    return screen


@pytest.mark.parametrize("make", [core, full, loose])
def test_its_wells_are_read(make: Callable[[Path], b.Screen], odd: Path, tmp_path: Path) -> None:
    screen = moved(make, odd)
    for _ in range(2):  # the second time by what was kept of the first
        dataset = rx.open_dataset(odd, cache_dir=tmp_path / "cache")
        assert sorted(dataset.wells.index) == sorted(screen.ids)
        well = screen.ids[-1]
        seen, written = dataset.read(well).astype(float), np.stack(screen.planes[well])
        assert np.abs(seen - written).mean() < 0.05 * np.ptp(written)
        assert dataset.check().problems.empty
        if make is not loose:
            assert len(dataset.phenomap(level="guide").nearest("PLK1_guide_1", k=2)) == 2


def test_the_window_shows_it(open_window: Callable[..., Window], odd: Path, tmp_path: Path) -> None:
    moved(core, odd)
    window = open_window()
    window.open(odd)
    window.click_well("D03")
    assert "PLK1" in window.title
    assert window.session.message.isprintable()
    window.title.encode()  # as Qt draws it, and as it is copied


@pytest.mark.soak
def test_the_command_line_names_it(odd: Path, tmp_path: Path) -> None:
    moved(core, odd)
    said = command("check", str(odd))
    assert said.returncode == 0, said.stderr
    assert json.loads(command("check", "--json", str(odd)).stdout)
    gone = command("check", str(odd) + "gone")
    assert gone.returncode != 0
    assert b"Traceback" not in gone.stderr
    assert len(gone.stderr.strip().splitlines()) == 1


def command(*words: str) -> subprocess.CompletedProcess[bytes]:
    program: list[Any] = [sys.executable, "-m", "napari_rxrx3", *words]
    return subprocess.run(program, capture_output=True, check=False, timeout=120)

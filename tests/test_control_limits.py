"""One contrast for a plate, measured on its controls."""

from __future__ import annotations

from pathlib import Path

import pytest

import napari_rxrx3 as rx
from builders import Screen, control_row, guide_row, noise
from napari_rxrx3.core.contrast import limits_of
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.images.controls import control_limits
from napari_rxrx3.data.images.previews import PREFIX_ROWS

PLATE = PlateId("gene-001", 1)
CONTROLS = ("gene-001_1_C03", "gene-001_1_C04")


def quiet(done: int, total: int, text: str) -> None:
    """Hear of progress, and go on."""


def a_screen(size: int) -> Screen:
    rows = [control_row("gene-001", 1, well[-3:]) for well in CONTROLS]
    rows.append(guide_row("gene-001", 1, "D05", "PLK1"))
    screen = Screen.of(rows)
    screen.planes = {row["well_id"]: noise(row["well_id"], size) for row in rows}
    return screen


@pytest.mark.first_example
@pytest.mark.parametrize("size", [64, 1024])
def test_limits_are_those_of_the_controls_pixels(size: int, root: Path, cache: Path) -> None:
    screen = a_screen(size)
    dataset = rx.open_dataset(screen.write_rxrx3(root), cache)
    rows = min(size, PREFIX_ROWS)  # of large images, what is read first
    expected = tuple(
        limits_of([screen.planes[well][channel][:rows] for well in CONTROLS])
        for channel in range(6)
    )
    assert control_limits(dataset, PLATE, quiet) == expected


def test_large_controls_are_not_decoded_as_a_whole(root: Path, cache: Path) -> None:
    dataset = rx.open_dataset(a_screen(1024).write_rxrx3(root), cache)
    control_limits(dataset, PLATE, quiet)
    assert not any(dataset.is_decoded(well, 1) for well in CONTROLS)


def test_without_a_control_it_says_why(root: Path, cache: Path) -> None:
    screen = a_screen(64)
    screen.rows = screen.rows[2:]
    screen.planes = {"gene-001_1_D05": screen.planes["gene-001_1_D05"]}
    screen.vectors = {}
    dataset = rx.open_dataset(screen.write_rxrx3(root), cache)
    assert control_limits(dataset, PLATE, quiet) == "gene-001 plate 1 has no control with images."

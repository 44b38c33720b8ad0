"""Cell counts and image quality in the window: colors, facts, marks, and beside a neighbor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

import builders as b
import zarr_plates as z
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.cells import measuring
from window import Window

PLATE = PlateId("gene-001", 1)
ADDRESSES = [f"{row}{column:02d}" for row in "CDEFG" for column in range(3, 13)]
N_OF = {address: 2 + n % 9 for n, address in enumerate(ADDRESSES)}
SIZE = 96
BLURRED = "gene-001_1_F07"


def nuclei(n: int, seed: int, radius: float = 6, soft: float = 1.0) -> np.ndarray:
    """So many discs, 16 bit."""
    y, x = np.ogrid[:SIZE, :SIZE]
    plane = np.full((SIZE, SIZE), 300.0)
    places = [(top, left) for top in (16, 46, 76) for left in (14, 36, 58, 80)]
    for top, left in places[:n]:
        away = np.hypot(y - top, x - left) - radius
        plane = np.maximum(plane, 300 + 4000 / (1 + np.exp(away / soft)))
    noise = np.random.default_rng(seed).normal(0, 10, plane.shape)
    return (plane + noise).clip(0, 65535).astype(np.uint16)


def a_screen() -> b.Screen:
    """One plate of which one well is out of focus, one has no DNA, and all have other counts."""
    rows = [
        b.control_row("gene-001", 1, address)
        if n % 4 == 0
        else b.guide_row("gene-001", 1, address, f"GENE{n % 5}", n)
        for n, address in enumerate(ADDRESSES)
    ]
    screen = b.Screen.of(rows, dim=12)
    dim = np.full((SIZE, SIZE), 100, np.uint16)
    for well in screen.ids:
        n, soft = N_OF[well[-3:]], 4.0 if well == BLURRED else 1.0
        screen.planes[well] = [nuclei(n, crc32(well.encode()), soft=soft), *[dim] * 5]
    return screen


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    screen = a_screen()
    window = open_window(screen.write_rxrx3(tmp_path / "screen"), screen)
    window.click_well("C03")
    return window


def color_by(window: Window, name: str) -> None:
    """Choose what the plate is colored by, as a click on the list does."""
    box = window.explorer.plate_panel.color_by
    box.setCurrentText(name)
    box.activated.emit(box.currentIndex())
    window.settle()


def test_a_plate_is_counted_when_its_color_is_chosen(window: Window) -> None:
    panel = window.explorer.plate_panel
    offered = [panel.color_by.itemText(i) for i in range(panel.color_by.count())]
    assert offered[-3:] == ["nuclei", "focus", "saturation"]
    assert "nuclei" not in panel.facts.text()
    color_by(window, "nuclei")
    assert panel.color_by.currentText() == "nuclei"
    legend = panel.legend.accessibleDescription()
    assert "choose it again" not in legend
    colors = panel.map._colors.rgba
    positions = {well[-3:]: panel._position[well] for well in panel._position}
    by_count: dict[int, set[tuple[int, ...]]] = {}
    del positions[BLURRED[-3:]]
    for address, position in positions.items():
        by_count.setdefault(N_OF[address], set()).add(tuple(colors[position].tolist()))
    assert all(len(of_count) == 1 for of_count in by_count.values())
    assert len(set.union(*by_count.values())) == len(by_count)
    assert "2 nuclei" in panel.facts.text()
    assert "Measured 50 images" in window.session.message


def test_a_well_out_of_focus_is_said_to_be(window: Window) -> None:
    color_by(window, "focus")
    panel = window.explorer.plate_panel
    window.click_well("F07")
    assert "out of focus" in panel.facts.text()
    assert "out of focus" in panel._describe(panel._position[BLURRED])
    window.click_well("F08")
    assert "out of focus" not in panel.facts.text()


@pytest.mark.soak
def test_saturation_takes_all_stains_and_what_is_kept_is_there_at_once(
    window: Window, open_window: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    color_by(window, "nuclei")
    panel = window.explorer.plate_panel
    assert panel._wells["saturation"].isna().all()
    color_by(window, "saturation")
    assert (panel._wells["saturation"] == 0).all()
    monkeypatch.setattr(measuring, "measure_plane", None)  # nothing is read again
    window.open(Path(window.session.dataset.root))
    sharp = panel._wells["nuclei"].drop(BLURRED)
    assert sharp.tolist() == [N_OF[well[-3:]] for well in sharp.index]


@pytest.mark.soak
def test_a_stop_says_what_is_kept(window: Window) -> None:
    session = window.session
    session.want_measures([PLATE], ["DNA"])
    window.explorer.workspace.tasks.cancel_shown()
    window.settle()
    assert session.message.startswith("Stopped. What was measured by then is kept")
    color_by(window, "nuclei")
    assert window.explorer.plate_panel._wells["nuclei"].notna().all()


@pytest.mark.soak
def test_beside_a_neighbor_it_is_said_how_much_is_cell_count(window: Window) -> None:
    session, panel = window.session, window.neighbors.panel
    window.click_well("C04")
    window.settle()
    window.qtbot.waitUntil(
        lambda: panel.question.answer is not None and panel.question.answer.is_judged
    )
    candidates = panel.candidates.strip.model.candidates
    assert any("cell count is not known: no nuclei are counted" in line for line in _lines(panel))
    assert candidates
    panel.candidates.strip.view.count_wanted.emit(candidates[0])
    window.settle()
    assert session.dataset.measured.loaded(PLATE)["n_nuclei"].notna().all()
    said = [line for line in _lines(panel) if "cell count" in line]
    assert said
    assert not any("no nuclei are counted" in line for line in said)
    assert any("nuclei in the well shown" in line for line in _lines(panel))
    head, *rows = panel.candidates.to_csv().splitlines()
    assert {"without_count", "of_count", "n_nuclei"} <= set(head.split(","))
    assert rows


def _lines(panel: Any) -> list[str]:
    return [line for each in panel.candidates.strip.model.candidates for line in each.about]


@pytest.mark.soak
def test_a_queue_begins_with_the_fewest_nuclei(window: Window) -> None:
    menu = window.explorer.hits.queue_menu
    menu.aboutToShow.emit()
    assert menu.measured["fewest nuclei"].isEnabled()
    menu.measured["fewest nuclei"].trigger()
    window.settle()
    queue = window.session.review.queue
    counts = [N_OF[item.well_id[-3:]] for item in queue.items if item.well_id != BLURRED]
    assert counts == sorted(counts)


# --- wells of several fields ---------------------------------------------------------------------

OF_FIELD = {1: 3, 2: 7}
"""Nuclei of every well in each field."""


@pytest.fixture
def two_fields(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    dim = np.full((SIZE, SIZE), 100, np.uint16)
    wells = {
        address: [np.stack([nuclei(n, seed), dim, dim, dim]) for n in OF_FIELD.values()]
        for seed, address in enumerate(("A1", "A2", "B1"))
    }
    z.write_plate(tmp_path / "screen" / "p.zarr", wells, pixel_um=0.65)
    window = open_window(tmp_path / "screen")
    window.session.select_well("p_1_A01")
    window.settle()
    return window


@pytest.mark.soak
def test_cells_are_those_of_the_field_that_is_shown(two_fields: Window) -> None:
    session, panel = two_fields.session, two_fields.explorer.plate_panel
    color_by(two_fields, "nuclei")
    assert "3 nuclei" in panel.facts.text()
    session.step_field(1)
    assert "nuclei" not in panel.facts.text(), "those of another field are none of this one"
    two_fields.settle()
    assert session.field == 2
    assert panel._wells["nuclei"].isna().all()
    color_by(two_fields, "nuclei")
    assert "7 nuclei" in panel.facts.text()
    session.step_field(1)
    assert "3 nuclei" in panel.facts.text(), "what is kept is there at once"
    two_fields.settle()
    assert panel._wells["nuclei"].tolist() == [3, 3, 3]
    known = session.dataset.at_field(2).cell_counts(compute=False)
    assert known.tolist() == [7, 7, 7]


@pytest.mark.soak
def test_a_field_that_is_counted_is_counted_whole_and_alone(
    two_fields: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The field on screen changes in the midst of counting another one."""
    dataset, measure = two_fields.session.dataset, measuring.measure_plane

    def and_go_on(*asked: Any) -> Any:
        dataset.show_field(2)
        return measure(*asked)

    monkeypatch.setattr(measuring, "measure_plane", and_go_on)
    counts = dataset.cell_counts()
    assert dataset.field == 2
    assert counts.tolist() == [3, 3, 3]
    monkeypatch.undo()
    assert dataset.cell_counts(compute=False).isna().all()
    assert dataset.at_field(1).cell_counts(compute=False).tolist() == [3, 3, 3]


@pytest.mark.soak
def test_what_counts_stops_with_its_field_and_says_so(two_fields: Window) -> None:
    session = two_fields.session
    session.want_measures([PlateId("p", 1)], ["Hoechst"])
    session.step_field(1)
    assert session.message.startswith("Cells of the other field are not counted on")
    two_fields.settle()

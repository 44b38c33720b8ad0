"""What is found is shown: a typical well of it with an image, on its plate, with its neighbors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.search import SearchIndex
from napari_rxrx3.strips.wells import typical_well
from window import Window, rgba_of

Key = Qt.Key
GENE = PlateId("gene-001", 1)
STRENGTH = {"D05": 0.7, "D06": 1.3, "D07": 0.9}
"""How much of what PLK1 does each of its wells shows: a map has the strongest ones first."""


def a_screen() -> b.Screen:
    """PLK1 on two plates, where D06 shows it best but D05 comes first, and more."""
    rows = []
    for plate in (1, 2, 3):
        rows += [b.control_row("gene-001", plate, f"C{c:02d}") for c in range(3, 13)]
    for plate in (1, 2):
        rows += [
            b.guide_row("gene-001", plate, f"D{c:02d}", "PLK1", guide)
            for guide, c in ((1, 5), (2, 6), (3, 7))
        ]
        rows += [b.guide_row("gene-001", plate, f"E{c:02d}", "TUBB", c - 4) for c in (5, 6, 7)]
    rows += [
        b.guide_row("gene-001", 3, "F05", "LONE", 1),
        b.guide_row("gene-001", 3, "F06", "NONE", 1),
    ]
    rows += [b.control_row("compound-001", 1, f"C{c:02d}") for c in range(3, 13)]
    rows += [
        b.dose_row("compound-001", 1, f"D{c:02d}", "Bortezomib", dose)
        for c, dose in ((4, 0.25), (5, 2.5), (6, 10.0))
    ]
    screen = b.Screen.of(rows, dim=16)
    rng = np.random.default_rng(3)
    directions = {name: rng.normal(size=16) * 12 for name in ("PLK1", "TUBB", "LONE", "NONE")}
    directions["Bortezomib"] = directions["TUBB"]
    for row in rows:
        name = row["treatment"].split("_guide_")[0]
        effect = directions.get(name, 0) * (STRENGTH[row["address"]] if name == "PLK1" else 1)
        vector = effect + rng.normal(size=16) * 0.3 + 5
        if name == "Bortezomib":
            vector = vector + effect * row["concentration"]
        screen.vectors[row["well_id"]] = vector.astype("float32")
        if row["treatment"] not in ("NONE_guide_1",) and row["address"] != "D04":
            screen.planes[row["well_id"]] = b.noise(row["well_id"], 32, "uint16")
        else:
            screen.planes.pop(row["well_id"], None)
    return screen


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    screen = a_screen()
    window = open_window(screen.write_rxrx3(tmp_path / "screen"), screen)
    window.click_well("C03")
    return window


def find(window: Window, text: str) -> None:
    """Ctrl+F, a name, Enter: all by keys, with the focus on the plate."""
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
    window.map.setFocus()
    window.qtbot.keyClick(window.map, Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    find = window.explorer.find
    assert find.hasFocus()
    window.qtbot.keyClicks(find, text)
    window.qtbot.keyClick(find, Key.Key_Return)
    window.settle()


def go_to(window: Window, well: str) -> None:
    window.session.select_well(well)
    window.settle()


@pytest.mark.parametrize(
    ("text", "well", "key"),
    [
        ("plk1", "gene-001_1_D06", "PLK1"),
        ("PLK1_guide_3", "gene-001_1_D07", "PLK1"),
        ("PLK1 guide 3", "gene-001_1_D07", "PLK1"),
        ("Bortezomib", "compound-001_1_D06", "Bortezomib@10"),
        ("bortezomib 2.5", "compound-001_1_D05", "Bortezomib@2.5"),
        ("LONE", "gene-001_3_F05", "LONE"),
        ("gene-001_2_E06", "gene-001_2_E06", "TUBB"),
        ("e7", "gene-001_1_E07", "TUBB"),
    ],
)
def test_enter_shows_a_typical_well_with_its_neighbors(
    window: Window, text: str, well: str, key: str
) -> None:
    go_to(window, "gene-001_1_C03")
    find(window, text)
    assert window.session.well == well
    assert window.session.plate == PlateId(*well.split("_")[:1], int(well.split("_")[1]))
    assert window.shows(well)
    assert window.session.query.key == key
    assert window.neighbors.panel.candidates.model.neighbors
    assert window.neighbors.panel.candidates.model.neighbors[0].key != key
    assert well in window.session.highlight


@pytest.mark.soak
def test_what_is_found_is_listed_in_the_colors_of_the_theme(window: Window) -> None:
    find_box, main = window.explorer.find, window.viewer.window._qt_window
    popup = find_box._completer.popup()
    brightness = {}
    for theme in ("dark", "light"):
        window.viewer.theme = theme
        main.activateWindow()
        find_box.setFocus()
        find_box.clear()
        window.qtbot.keyClicks(find_box, "plk")
        window.qtbot.waitUntil(popup.isVisible, timeout=10_000)
        brightness[theme] = rgba_of(popup.viewport().grab().toImage())[..., :3].mean()
        popup.hide()
    assert brightness["dark"] < 110 < 145 < brightness["light"]


@pytest.mark.soak
def test_what_is_found_is_called_as_everywhere_else(window: Window) -> None:
    """PLK1 guide 2, not its key; what is listed can be typed like that."""
    find_box = window.explorer.find
    window.viewer.window._qt_window.activateWindow()
    find_box.setFocus()
    popup = find_box._completer.popup()
    for text in ("plk", "plk1 gui", "plk1_gui", "PLK1 guide 2"):
        find_box.clear()
        assert not popup.isVisible()
        window.qtbot.keyClicks(find_box, text)
        window.qtbot.waitUntil(popup.isVisible, timeout=10_000)
        assert any("PLK1 guide 2 " in row for row in find_box.rows()), text
        assert not any("_guide_" in row for row in find_box.rows())


@pytest.mark.soak
def test_it_is_on_the_plate_where_one_is(window: Window) -> None:
    go_to(window, "gene-001_2_C03")
    find(window, "PLK1")
    assert window.session.well == "gene-001_2_D06"
    go_to(window, "compound-001_1_C03")
    find(window, "PLK1")
    assert window.session.plate.experiment == "gene-001"
    assert window.shows(window.session.well)


@pytest.mark.soak
def test_from_the_overview_it_is_opened(window: Window) -> None:
    window.session.set_view("plate")
    window.settle()
    find(window, "PLK1")
    assert window.session.view == "well"
    assert window.shows(window.session.well)


@pytest.mark.soak
def test_what_has_no_image_is_gone_to_all_the_same(window: Window) -> None:
    find(window, "NONE")
    assert window.session.well == "gene-001_3_F06"


@pytest.mark.soak
def test_names_that_are_unknown_change_nothing(window: Window) -> None:
    well = window.session.well
    find(window, "nothing like that")
    assert window.session.well == well
    assert "nothing like that" in window.session.message


@pytest.mark.soak
def test_a_search_for_one_well_ends_its_dimming_at_the_next_click(window: Window) -> None:
    find(window, "d6")
    assert len(window.session.highlight) == 1
    window.click_well("C05")
    assert not window.session.highlight
    find(window, "PLK1")
    lit = window.session.highlight
    assert len(lit) == 3
    window.click_well("C05")
    assert window.session.highlight == lit, "others of it may be looked at"
    find(window, "gene-001_2_E06")
    window.click_well("B01")
    assert not window.session.highlight, "an empty position is a click as well"


def test_a_click_on_an_empty_position_says_so(window: Window) -> None:
    before = window.session.well
    window.click_well("B07")
    assert window.session.message == "B07: nothing was screened here."
    assert window.explorer.status.message.text() == window.session.message
    assert window.session.well == before
    window.click_well("C05")
    assert window.session.message == ""


# -- without a window -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("typical")
    return rx.open_dataset(a_screen().write_rxrx3(folder / "screen"), folder / "cache")


def positions_of(dataset: Any, name: str) -> Any:
    index = SearchIndex(dataset.known_wells)
    match = index.find(name)
    assert match is not None
    return index.positions_of(match)


def test_until_vectors_are_read_it_is_the_first_with_an_image(tmp_path: Path) -> None:
    dataset = rx.open_dataset(a_screen().write_rxrx3(tmp_path / "screen"), tmp_path / "cache")
    assert not dataset.vectors_are_read
    assert typical_well(dataset, positions_of(dataset, "PLK1"), GENE) == "gene-001_1_D05"
    bortezomib = positions_of(dataset, "Bortezomib")
    assert typical_well(dataset, bortezomib, GENE) == "compound-001_1_D05"


def test_with_vectors_it_is_the_nearest_to_their_mean(dataset: Any) -> None:
    dataset.read_vectors()
    positions = positions_of(dataset, "PLK1")
    wells = dataset.wells_of_plate(GENE)
    here = wells.index[wells["gene"] == "PLK1"]
    vectors = np.array([a_screen().vectors[well] for well in here])
    distance = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
    assert typical_well(dataset, positions, GENE) == here[int(np.argmin(distance))]


def test_with_a_map_it_is_of_the_strongest_entry(dataset: Any) -> None:
    by_dose = dataset.phenomap()
    bortezomib = positions_of(dataset, "Bortezomib")
    assert typical_well(dataset, bortezomib, GENE, by_dose) == "compound-001_1_D06"
    by_guide = dataset.phenomap("guide")
    plk1 = positions_of(dataset, "PLK1")
    keys = [f"PLK1_guide_{guide}" for guide in (1, 2, 3)]
    norms = [by_guide.squared_norms[by_guide.row(key)] for key in keys]
    strongest = dataset.row(typical_well(dataset, plk1, GENE, by_guide))["treatment"]
    assert strongest == keys[int(np.argmax(norms))]


def test_with_a_map_of_wells_it_is_not_the_farthest_out(dataset: Any) -> None:
    by_well = dataset.phenomap("well")
    positions = positions_of(dataset, "PLK1")
    assert typical_well(dataset, positions, GENE, by_well) == typical_well(dataset, positions, GENE)

"""The window, used as a person uses it: real clicks and keys on real files."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication, QFileDialog, QToolButton

from builders import Screen, Store, control_row, dose_row, guide_row, noise, served, smooth
from napari_rxrx3.core.mosaic import hatch_level
from napari_rxrx3.core.stains import PIXEL_SIZE_UM
from napari_rxrx3.gui.explorer import ExplorerWidget
from window import Window

pytestmark = pytest.mark.detail

SIZE = 32
needs_aiohttp = pytest.mark.skipif(
    find_spec("aiohttp") is None, reason="fsspec needs aiohttp to read http:// URLs"
)
GENES = ("PLK1", "PSMB5", "TUBB", "COPG1")


def a_screen() -> Screen:
    """Two gene plates and a compound plate whose vectors follow the perturbation."""
    rows = []
    for plate in (1, 2):
        rows += [control_row("gene-001", plate, f"C{c:02d}") for c in range(3, 13)]
        rows += [
            guide_row("gene-001", plate, f"{line}{c:02d}", gene, guide)
            for line, gene in zip(("D", "E", "AA", "AB"), GENES, strict=True)
            for guide, c in ((1, 5), (2, 6), (3, 7))
        ]
    rows += [control_row("compound-001", 1, f"C{c:02d}") for c in range(3, 13)]
    rows += [
        dose_row("compound-001", 1, f"{line}{c:02d}", name, dose)
        for line, name in (("D", "Bortezomib"), ("E", "Volasertib"))
        for c, dose in ((4, 0.25), (5, 2.5))
    ]
    screen = Screen.of(rows, dim=16)
    rng = np.random.default_rng(1)
    directions = {name: rng.normal(size=16) * 12 for name in GENES}
    directions |= {"Bortezomib": directions["PSMB5"], "Volasertib": directions["PLK1"]}
    for row in rows:
        name = row["treatment"].split("_guide_")[0]
        vector = rng.normal(size=16) + directions.get(name, 0) + 5
        screen.vectors[row["well_id"]] = vector.astype("float32")
        screen.planes[row["well_id"]] = noise(row["well_id"], SIZE, "uint16")
    return screen


@pytest.fixture
def screen() -> Screen:
    return a_screen()


@pytest.fixture
def window(open_window: Callable[..., Window], screen: Screen, tmp_path: Path) -> Window:
    return open_window(screen.write_rxrx3(tmp_path / "screen"), screen)


@pytest.mark.sample
def test_a_first_time_user_is_told_what_to_do(new_window: Callable[..., Window]) -> None:
    window = new_window()
    welcome = window.explorer.welcome
    window.qtbot.waitUntil(welcome.isVisible)
    assert welcome.folder_button.isVisible()
    assert welcome.demo_button.isVisible()


@pytest.mark.sample
def test_opening_shows_a_plate_and_its_first_well(window: Window) -> None:
    assert not window.explorer.welcome.isVisible()
    assert window.session.plate == ("compound-001", 1)
    assert window.shows("compound-001_1_C03")
    assert [layer.name for layer in window.stains] == [
        "1 DNA",
        "2 ER",
        "3 Actin",
        "4 RNA",
        "5 Mito",
        "6 Golgi",
    ]
    assert window.stains[0].scale.tolist() == [PIXEL_SIZE_UM, PIXEL_SIZE_UM]
    assert window.viewer.canvas.overlays.scale_bar.visible


@pytest.mark.sample
def test_a_click_shows_the_well_in_the_right_stains(window: Window) -> None:
    layers = window.stains
    window.click_well("D05")
    assert window.session.well == "compound-001_1_D05"
    assert window.shows("compound-001_1_D05")
    assert window.stains == layers, "the six layers stand; only their pixels change"
    assert "Bortezomib 2.5 µM" in window.title
    assert "D05" in window.title
    window.click_well("A01")
    assert window.session.well == "compound-001_1_D05", "an empty position is no well"


def test_arrows_and_page_keys_walk_wells_and_plates(window: Window) -> None:
    window.click_well("C04")
    for key, address in (
        (Qt.Key.Key_Right, "C05"),
        (Qt.Key.Key_Down, "D05"),
        (Qt.Key.Key_End, "E05"),
    ):
        window.qtbot.keyClick(window.map, key)
        window.settle()
        assert window.shows(f"compound-001_1_{address}")
    window.qtbot.keyClick(window.map, Qt.Key.Key_PageDown)
    window.settle()
    assert window.session.plate == ("gene-001", 1)
    assert window.shows("gene-001_1_E05")
    window.qtbot.keyClick(window.map, Qt.Key.Key_PageUp)
    window.settle()
    assert window.shows("compound-001_1_E05")


def test_holding_an_arrow_ends_at_the_right_well(window: Window) -> None:
    window.click_well("C03")
    for _ in range(9):
        window.qtbot.keyClick(window.map, Qt.Key.Key_Right)
    window.settle()
    assert window.session.well == "compound-001_1_C12"
    assert window.shows("compound-001_1_C12")


def test_several_wells_are_marked_with_control_and_shift(window: Window) -> None:
    window.click_well("D04")
    window.click_well("E05", Qt.KeyboardModifier.ControlModifier)
    assert window.session.selection == {"compound-001_1_D04", "compound-001_1_E05"}
    window.click_well("D04")
    window.click_well("E05", Qt.KeyboardModifier.ShiftModifier)
    assert len(window.session.selection) == 4


def test_keys_toggle_stains_and_show_one_alone(window: Window) -> None:
    canvas = window.viewer.window._qt_viewer.canvas.native
    window.viewer.window._qt_window.activateWindow()
    window.qtbot.waitUntil(window.viewer.window._qt_window.isActiveWindow, timeout=5000)
    window.viewer.window._qt_window.activateWindow()
    window.qtbot.waitUntil(window.viewer.window._qt_window.isActiveWindow, timeout=5000)
    canvas.setFocus()
    window.qtbot.keyClick(canvas, Qt.Key.Key_3)
    assert [layer.visible for layer in window.stains] == [True, True, False, True, True, True]
    window.qtbot.keyClick(canvas, Qt.Key.Key_5, Qt.KeyboardModifier.ShiftModifier)
    assert [layer.visible for layer in window.stains] == [False] * 4 + [True, False]
    assert window.stains[4].colormap.name == "gray"
    window.qtbot.keyClick(canvas, Qt.Key.Key_5, Qt.KeyboardModifier.ShiftModifier)
    assert [layer.visible for layer in window.stains] == [True, True, False, True, True, True]
    assert window.stains[4].colormap.name != "gray"
    button = window.explorer.workspace.stains.buttons[2]
    assert not button.isChecked()
    window.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert window.stains[2].visible
    assert button.isChecked()


def test_a_well_that_is_gone_to_is_the_only_one_marked(window: Window) -> None:
    window.session.select_well("compound-001_1_E04")
    window.settle()
    assert len(window.map.selection()) == 1
    window.session.select_well("gene-001_2_D05")
    window.settle()
    assert len(window.map.selection()) == 1


def test_typing_digits_in_a_text_box_leaves_the_stains_alone(window: Window) -> None:
    window.qtbot.keyClicks(window.explorer.find, "123")
    assert window.explorer.find.text() == "123"
    assert all(layer.visible for layer in window.stains)


def test_contrast_comes_from_the_controls_and_stays(window: Window, screen: Screen) -> None:
    limits = [tuple(layer.contrast_limits) for layer in window.stains]
    pixels = np.concatenate(
        [screen.planes[f"compound-001_1_C{c:02d}"][0].ravel() for c in (3, 6, 9, 12)]
    )
    assert limits[0] == pytest.approx(np.percentile(pixels, (0.5, 99.8)))
    window.click_well("D05")
    assert [tuple(layer.contrast_limits) for layer in window.stains] == limits


def test_contrast_by_hand_is_kept_and_can_be_reset(window: Window) -> None:
    before = tuple(window.stains[1].contrast_limits)
    window.stains[1].contrast_limits = (100, 2000)
    assert window.session.contrast_rule == "by hand"
    window.click_well("D04")
    assert tuple(window.stains[1].contrast_limits) == (100, 2000)
    window.explorer.workspace.stains.reset.trigger()
    window.settle()
    assert tuple(window.stains[1].contrast_limits) == before
    assert window.session.contrast_rule == "from controls"


def test_neighbors_appear_with_pictures(window: Window) -> None:
    window.click_well("D05")
    model = window.neighbors.panel.candidates.model
    names = [neighbor.key for neighbor in model.neighbors]
    assert names[0] == "PSMB5"
    assert not any(name.startswith("Bortezomib") for name in names), "its other doses are its own"
    window.session.ask(all_doses=True)
    window.settle()
    names = [neighbor.key for neighbor in model.neighbors]
    assert set(names[:2]) == {"Bortezomib@0.25", "PSMB5"}
    window.session.ask(all_doses=False)
    window.settle()
    candidates = window.neighbors.panel.candidates
    role = Qt.ItemDataRole.DecorationRole
    assert model.data(model.index(0, 1), role) is None, "nothing is read for a list nobody sees"
    window.click(candidates.as_list)
    window.settle()
    assert not model.data(model.index(0, 1), role).isNull()
    candidates.kind.setCurrentIndex(1)
    candidates.kind.activated.emit(1)
    window.settle()
    assert model.neighbors[0].key == "PSMB5"
    assert all(neighbor.kind == "CRISPR" for neighbor in model.neighbors)


def test_a_chosen_neighbor_takes_the_place_of_the_control(window: Window, screen: Screen) -> None:
    window.click_well("D05")
    query, control = (tile.well_id for tile in window.explorer.workspace.picture.mosaic.tiles)
    assert query == "compound-001_1_D05"
    assert control in {f"compound-001_1_C{c:02d}" for c in range(3, 13)}
    window.neighbors.panel.candidates.table.selectRow(0)
    window.settle()
    tiles = window.explorer.workspace.picture.mosaic
    query, neighbor = (tile.well_id for tile in tiles.tiles)
    assert query == "compound-001_1_D05"
    for tile in tiles.tiles:
        top, left = tiles.origin(tile)
        for layer, plane in zip(window.stains, screen.planes[tile.well_id], strict=True):
            assert np.array_equal(layer.data[top : top + SIZE, left : left + SIZE], plane)
    window.neighbors.panel.candidates.table.activated_neighbor.emit(
        window.neighbors.panel.candidates.model.neighbors[0]
    )
    window.settle()
    assert window.session.well == neighbor
    assert window.shows(neighbor)
    window.qtbot.mouseClick(window.neighbors.panel.question.back, Qt.MouseButton.LeftButton)
    window.settle()
    assert window.session.well == query
    window.qtbot.mouseClick(window.neighbors.panel.question.forward, Qt.MouseButton.LeftButton)
    window.settle()
    assert window.session.well == neighbor


def test_a_typed_perturbation_is_shown_with_its_neighbors(window: Window) -> None:
    key = window.neighbors.panel.question.key
    key.selectAll()
    window.qtbot.keyClicks(key, "PSMB5")
    window.qtbot.keyClick(key, Qt.Key.Key_Return)
    window.settle()
    assert window.session.query.key == "PSMB5"
    assert window.session.well_row(window.session.well)["gene"] == "PSMB5"
    key.selectAll()
    window.qtbot.keyClicks(key, "bortezomib 0.25 µM")
    window.qtbot.keyClick(key, Qt.Key.Key_Return)
    window.settle()
    assert (window.session.query.key, key.text()) == ("Bortezomib@0.25", "Bortezomib 0.25 µM")
    key.selectAll()
    window.qtbot.keyClicks(key, "psmb")
    window.qtbot.keyClick(key, Qt.Key.Key_Return)
    window.settle()
    assert "'psmb' is not in this map" in window.neighbors.panel.candidates.note.text()
    assert "PSMB5" in window.neighbors.panel.candidates.note.text()


def test_every_neighbor_has_the_picture_of_the_well_it_is_shown_by(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    genes = [f"GENE{i}" for i in range(9)]
    rows = [dose_row("compound-001", 1, "B02", "Bortezomib", 1.0)]
    for experiment in ("gene-001", "gene-143"):
        rows += [guide_row(experiment, 1, f"C{i + 2:02d}", g) for i, g in enumerate(genes)]
        rows += [control_row(experiment, 1, f"D{i + 2:02d}") for i in range(4)]
    screen = Screen.of(rows)
    window = open_window(screen.write_rxrx3(tmp_path / "screen"), screen)
    key = window.neighbors.panel.question.key
    key.selectAll()
    window.qtbot.keyClicks(key, "GENE0")
    window.qtbot.keyClick(key, Qt.Key.Key_Return)
    window.settle()
    window.click(window.neighbors.panel.candidates.as_list)
    window.settle()
    model = window.neighbors.panel.candidates.model
    here = window.session.plate.experiment
    for row, neighbor in enumerate(model.neighbors):
        assert neighbor.well.startswith(here if neighbor.kind == "CRISPR" else "compound-001")
        assert model.data(model.index(row, 1), Qt.ItemDataRole.DecorationRole) is not None


def test_levels_change_the_question(window: Window) -> None:
    window.session.select_well("gene-001_1_D06")
    window.settle()
    assert window.session.query.key == "PLK1"
    window.neighbors.panel.question.settings.level.value = "guide"
    window.settle()
    assert window.session.query.key == "PLK1_guide_2"
    keys = [neighbor.key for neighbor in window.neighbors.panel.candidates.model.neighbors]
    assert keys
    assert not any(key.startswith("PLK1_guide_") for key in keys), "nor its gene's other guides"
    window.neighbors.panel.question.settings.level.value = "well"
    window.settle()
    assert window.session.query.key == "gene-001_1_D06"
    assert window.neighbors.panel.candidates.model.neighbors


def test_copy_and_save_the_list(window: Window, tmp_path: Path) -> None:
    import pandas as pd

    window.click_well("D05")
    window.qtbot.mouseClick(window.neighbors.panel.candidates.copy, Qt.MouseButton.LeftButton)
    assert "PSMB5" in QGuiApplication.clipboard().text()
    window.neighbors.panel.candidates.save_csv(tmp_path / "list.csv")
    table = pd.read_csv(tmp_path / "list.csv")
    assert table["query"].unique().tolist() == ["Bortezomib@2.5"]
    assert len(table) == len(window.neighbors.panel.candidates.model.neighbors)
    window.neighbors.panel.candidates.save_csv(tmp_path)
    assert "cannot be written" in window.explorer.status.message.text()


def test_finding_lights_up_wells_and_lists_plates(window: Window) -> None:
    window.qtbot.keyClicks(window.explorer.find, "tub")
    window.qtbot.keyClick(window.explorer.find, Qt.Key.Key_Return)
    window.settle()
    assert window.explorer.find.text() == "TUBB"
    find = window.explorer.find
    button = next(b for b in find.findChildren(QToolButton) if b.defaultAction() is find.where)
    assert "on 2 plates" in button.toolTip()
    popup = find._completer.popup()
    wells = window.session.dataset.wells
    tubb = wells[wells["gene"] == "TUBB"]
    for plate in (1, 2):
        window.click(button)
        window.qtbot.waitUntil(popup.isVisible)
        rows = ["gene-001 plate 1", "gene-001 plate 2"]
        assert [row.split(":")[0] for row in find.rows()] == rows
        place = popup.visualRect(popup.model().index(plate - 1, 0)).center()
        window.qtbot.mouseClick(popup.viewport(), Qt.MouseButton.LeftButton, pos=place)
        window.settle()
        assert window.session.plate == ("gene-001", plate)
        assert window.shows(f"gene-001_{plate}_AA05")
        assert window.session.highlight == set(tubb.index[tubb["plate"] == plate])
    find.clear()
    assert not window.session.highlight
    assert not button.isVisible()


def test_what_is_missing_is_hatched_and_said(
    open_window: Callable[..., Window], screen: Screen, tmp_path: Path
) -> None:
    root = tmp_path / "screen"
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    plate = root / "images" / "compound-001" / "Plate1"
    (plate / "D05_s1_w3.png").write_bytes(b"no image")
    for channel in range(1, 7):
        (plate / f"E04_s1_w{channel}.png").unlink()
    window = open_window(root, screen)
    window.click_well("D05")
    planes = screen.planes["compound-001_1_D05"]
    pixels = window.pixels_of("compound-001_1_D05")
    assert all(np.array_equal(pixels[i], planes[i]) for i in (0, 1, 3, 4, 5))
    hatch = pixels[2]
    level = round(hatch_level(window.stains[2].contrast_limits))
    assert set(np.unique(hatch)) == {0, level}
    assert 0 < (hatch == level).mean() < 0.5
    message = window.explorer.status.message.text()
    for word in ("compound-001_1_D05", "channel 3", "D05_s1_w3.png", "not a PNG"):
        assert word in message
    assert "compound-001_1_D05" in window.session.failures
    window.click_well("E04")
    for layer, pixels in zip(window.stains, window.pixels_of("compound-001_1_E04"), strict=True):
        level = round(hatch_level(layer.contrast_limits))
        assert set(np.unique(pixels)) == {0, level}
    window.click_well("D04")
    assert window.shows("compound-001_1_D04"), "the rest keeps working"


@pytest.mark.sample
def test_without_embeddings_the_list_says_so(
    open_window: Callable[..., Window], screen: Screen, tmp_path: Path
) -> None:
    screen.write_metadata(tmp_path / "screen" / "metadata.csv")
    screen.write_tars(tmp_path / "screen")
    window = open_window(tmp_path / "screen", screen)
    assert window.shows("compound-001_1_C03")
    assert "no embeddings" in window.neighbors.panel.candidates.note.text()


def test_too_few_controls_fall_back_with_a_word(
    open_window: Callable[..., Window], screen: Screen, tmp_path: Path
) -> None:
    for row in screen.rows:
        if row["experiment_name"] == "compound-001" and row["treatment"] == "EMPTY_control":
            row["treatment"] = "Aspirin"
            row["concentration"] = 1.0
    window = open_window(screen.write_rxrx3(tmp_path / "screen"), screen)
    note = window.neighbors.panel.candidates.note.text()
    assert "Not aligned" in note
    assert "compound-001" in note
    assert window.neighbors.panel.candidates.model.neighbors


def test_a_folder_without_data_is_said_and_harmless(window: Window, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    window.explorer.open_path(str(empty))
    window.settle()
    assert "Looked for" in window.explorer.status.message.text()
    assert window.session.dataset.name == "screen"


def test_another_data_set_takes_over(window: Window, tmp_path: Path) -> None:
    other = Screen.of([guide_row("gene-009", 3, "B02", "ABL1")])
    other.planes["gene-009_3_B02"] = smooth("x", 48)
    other.write_rxrx3(tmp_path / "other")
    window.screen = other
    window.explorer.open_path(str(tmp_path / "other"))
    window.qtbot.waitUntil(lambda: window.session.dataset.name == "other", timeout=20_000)
    window.settle()
    assert window.session.plate == ("gene-009", 3)
    assert window.explorer.plate_panel.experiment.count() == 1
    assert window.shows("gene-009_3_B02")


def test_closing_and_reopening_the_dock_keeps_the_state(window: Window) -> None:
    window.click_well("D05")
    window.viewer.window.remove_dock_widget(window.explorer.parentWidget())
    window.qtbot.wait(50)
    _, explorer = window.viewer.window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")
    window.explorer = explorer
    assert window.session.well == "compound-001_1_D05"
    assert explorer.plate_panel.map.current() is not None
    window.click_well("D04")
    assert window.shows("compound-001_1_D04")
    assert len(window.stains) == 6


@pytest.mark.soak
@pytest.mark.sample
def test_a_closed_dock_leaves_nothing_behind(window: Window) -> None:
    before = len(QApplication.topLevelWidgets())
    for _ in range(3):
        closed = window.explorer
        window.viewer.window.remove_dock_widget(closed.parentWidget())
        window.qtbot.waitUntil(lambda gone=closed: is_gone(gone))
        _, window.explorer = window.viewer.window.add_plugin_dock_widget(
            "napari-rxrx3", "RxRx3 Explorer"
        )
        window.click_well("D05")
    assert len(QApplication.topLevelWidgets()) <= before


def is_gone(widget: ExplorerWidget) -> bool:
    try:
        widget.isVisible()
    except RuntimeError:  # the C++ part was deleted
        return True
    return False


def test_an_address_is_found_on_this_plate(window: Window) -> None:
    window.session.select_well("gene-001_2_D05")
    window.qtbot.keyClicks(window.explorer.find, "aa6")
    window.qtbot.keyClick(window.explorer.find, Qt.Key.Key_Return)
    window.settle()
    assert window.session.well == "gene-001_2_AA06"


def test_the_menu_opens_a_folder_in_the_explorer(
    open_window: Callable[..., Window],
    screen: Screen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = open_window()
    root = screen.write_rxrx3(tmp_path / "screen")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(root))
    menus = window.viewer.window._qt_window.menuBar().actions()
    found = [action for action in actions_under(menus) if "Open RxRx3 folder" in action.text()]
    found[0].trigger()
    window.qtbot.waitUntil(lambda: window.session.dataset is not None, timeout=20_000)
    window.settle()
    assert window.session.dataset.name == "screen"


def actions_under(actions: list[Any]) -> Iterator[Any]:
    for action in actions:
        if action.menu() is not None:
            action.menu().aboutToShow.emit()
            yield from actions_under(action.menu().actions())
        else:
            yield action


@pytest.mark.soak
@pytest.mark.sample
def test_two_viewers_are_independent(
    new_window: Callable[..., Window], screen: Screen, tmp_path: Path
) -> None:
    window = new_window(screen.write_rxrx3(tmp_path / "screen"), screen)
    second = new_window()
    assert second.session is not window.session
    assert second.session.dataset is None
    window.click_well("D05")
    assert not second.viewer.layers


def test_a_removed_layer_comes_back_when_it_is_asked_for(window: Window) -> None:
    window.viewer.layers.remove(window.stains[2])
    window.click_well("D05")
    assert "3 Actin" not in [layer.name for layer in window.stains]
    window.viewer.window._qt_window.activateWindow()
    window.qtbot.waitUntil(window.viewer.window._qt_window.isActiveWindow, timeout=5000)
    window.map.setFocus()
    window.qtbot.keyClick(window.map, Qt.Key.Key_3)
    by_name = {layer.name: layer for layer in window.stains}
    assert len(by_name) == 6
    planes = window.screen.planes["compound-001_1_D05"]
    assert np.array_equal(by_name["3 Actin"].data[:SIZE, :SIZE], planes[2])


def test_double_click_in_the_canvas_goes_to_the_tile(window: Window) -> None:
    window.click_well("D05")
    window.neighbors.panel.candidates.table.selectRow(0)
    window.settle()
    mosaic = window.explorer.workspace.picture.mosaic
    tile = mosaic.tiles[1]
    canvas = window.viewer.window._qt_viewer.canvas.native
    place = window.explorer.workspace.labels.place_of(tile).center()
    at = QPoint(round(place.x()), round(place.y()))
    window.qtbot.mouseMove(canvas, at)
    window.qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    window.settle()
    assert window.session.well == tile.well_id


def test_rows_of_another_question_cannot_be_clicked(window: Window) -> None:
    window.click_well("D05")
    assert window.neighbors.panel.candidates.model.neighbors
    window.session.select_well("compound-001_1_E05")
    assert not window.neighbors.panel.candidates.model.neighbors
    window.settle()
    assert window.session.query.key.startswith("Volasertib")
    assert window.neighbors.panel.candidates.model.neighbors


def test_closing_the_dock_while_a_comparison_runs_is_harmless(window: Window) -> None:
    window.session.select_well("gene-001_1_D05")
    window.viewer.window.remove_dock_widget(window.neighbors.parentWidget())
    window.viewer.window.remove_dock_widget(window.explorer.parentWidget())
    window.qtbot.wait(500)
    assert window.explorer.workspace.is_settled


def test_a_perturbation_without_images_is_not_shown_by_another_well(
    open_window: Callable[..., Window], screen: Screen, tmp_path: Path
) -> None:
    root = tmp_path / "screen"
    for well in [w for w in screen.planes if "_D0" in w and w.startswith("gene")]:
        del screen.planes[well]
    screen.write_rxrx3(root)
    window = open_window(root, screen)
    window.click_well("D05")
    window.session.ask(key="PLK1", well=None)
    window.settle()
    window.neighbors.panel.candidates.table.selectRow(0)
    window.settle()
    query = window.explorer.workspace.picture.mosaic.tiles[0]
    assert query.well_id is None
    assert "PLK1" in query.label


def test_a_well_without_images_is_missing_not_failed(
    open_window: Callable[..., Window], screen: Screen, tmp_path: Path
) -> None:
    screen.write_metadata(tmp_path / "screen" / "metadata.csv")
    screen.write_embeddings(tmp_path / "screen" / "embeddings.parquet")
    window = open_window(tmp_path / "screen", screen)
    window.click_well("D05")
    assert not window.session.failures


def test_a_reopened_dock_shows_the_state_of_the_session(window: Window) -> None:
    window.explorer.workspace.layers.toggle(2)
    window.session.set_contrast_rule("by hand")
    window.viewer.window.remove_dock_widget(window.explorer.parentWidget())
    _, explorer = window.viewer.window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")
    assert explorer.workspace.stains.rule == "by hand"
    assert not explorer.workspace.stains.buttons[1].isChecked()


# --- closing the window while something is under way ------------------------------------------


def our_threads() -> set[threading.Thread]:
    """Those of work; what waits for servers keeps its own for the next question."""
    ours = (thread for thread in threading.enumerate() if thread.name.startswith("rxrx3-"))
    lasting = ("rxrx3-ranges", "rxrx3-asking", "rxrx3-files", "rxrx3-background")
    return {thread for thread in ours if not thread.name.startswith(lasting)}


def assert_closes(
    window: Window, let_go: Callable[[], None], before: set[threading.Thread]
) -> None:
    """Close the window, then let its work go on: nothing is heard of it, and it ends."""
    window.viewer.close()
    gc.collect()  # Python's part of the window may go before Qt's
    window.qtbot.wait(50)
    let_go()
    window.qtbot.waitUntil(lambda: our_threads() <= before, timeout=10_000)
    window.qtbot.wait(50)


@needs_aiohttp
@pytest.mark.sample
def test_the_window_can_be_closed_while_a_data_set_is_opened(
    new_window: Callable[..., Window],
    screen: Screen,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    screen.write_rxrx3(tmp_path / "screen")
    store, before = Store(held={"metadata.csv"}), our_threads()
    with served(tmp_path, True, store) as url:
        window = new_window()
        window.explorer.open_path(f"{url}/screen")
        window.qtbot.waitUntil(lambda: store.was_asked("metadata.csv"), timeout=20_000)
        assert our_threads() > before
        assert_closes(window, store.let_go.set, before)
    assert not caplog.records


@needs_aiohttp
def test_the_window_can_be_closed_while_it_measures_contrast_and_makes_a_map(
    new_window: Callable[..., Window],
    screen: Screen,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    root = tmp_path / "screen"
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    screen.write_folders(root)
    store, before = Store(held={"Plate1/C12"}), our_threads()
    with served(tmp_path, True, store) as url:
        window = new_window()
        window.explorer.open_path(f"{url}/screen")
        tasks, model = window.explorer.workspace.tasks, window.neighbors.panel.candidates.model
        window.qtbot.waitUntil(lambda: store.was_asked("Plate1/C12"), timeout=20_000)
        window.qtbot.waitUntil(lambda: model.rowCount() > 0 and tasks.status is None)
        dataset, begun = window.session.dataset, threading.Event()

        def hold(done: int, total: int, text: str) -> None:
            begun.set()
            assert store.let_go.wait(60)

        maker = threading.Thread(target=dataset.phenomap, kwargs={"align": "tvn", "progress": hold})
        maker.start()
        assert begun.wait(20)
        window.session.ask(align="tvn")  # waits for the same map
        window.qtbot.waitUntil(lambda: "comparing" in str(tasks.status))
        assert_closes(window, store.let_go.set, before)
        maker.join()
    assert not caplog.records

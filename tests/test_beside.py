"""A well beside others, as it is asked for in the window: by buttons, keys and drags."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QColor, QDrag, QDragEnterEvent, QDropEvent, QImage, QMouseEvent
from qtpy.QtWidgets import QApplication, QPushButton, QWidget

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.plate import N_COLUMNS, parse_address
from napari_rxrx3.core.progress import silent
from napari_rxrx3.gui.inks import legible
from napari_rxrx3.gui.numbers.dose_curve import DoseCurveView
from napari_rxrx3.gui.numbers.histogram_view import HistogramView
from napari_rxrx3.gui.numbers.intensities import ControlLevels, asked_of, compare_intensities
from napari_rxrx3.gui.numbers.side_panel import SidePanel
from napari_rxrx3.gui.strips.well_drag import mime_of, wells_in
from napari_rxrx3.session import Session
from napari_rxrx3.strips.strip import DoseCurve, DoseFit, Strip, hill_curve
from window import Window, kept_maps

pytestmark = pytest.mark.detail

LEFT, Key = Qt.MouseButton.LeftButton, Qt.Key
GENES = ("PLK1", "TUBB", "COPG1")
DOSES = (0.01, 0.1, 1.0, 2.5)
PLK1 = "gene-001_1_D05"
DRUG = "compound-001_1_D06"
UNPICTURED = "compound-001_1_D04"


def gene_rows(experiment: str, plate: int) -> list[b.Row]:
    rows = [b.control_row(experiment, plate, f"C{c:02d}") for c in range(3, 13)]
    return rows + [
        b.guide_row(experiment, plate, f"{line}{c:02d}", gene, guide)
        for line, gene in zip(("D", "E", "AA"), GENES, strict=True)
        for guide, c in ((1, 5), (2, 6), (3, 7))
    ]


def a_screen() -> b.Screen:
    """Plates of guides, one of doses, and one without a picture of a control."""
    rows = [row for plate in (1, 2) for row in gene_rows("gene-001", plate)]
    rows += [b.control_row("compound-001", 1, f"C{c:02d}") for c in range(3, 13)]
    rows += [
        b.dose_row("compound-001", 1, f"{line}{c:02d}", "Bortezomib", dose)
        for line in ("D", "E")
        for c, dose in enumerate(DOSES, start=4)
    ]
    rows += [b.guide_row("gene-002", 1, "F05", "PLK1")]
    rows += [b.control_row("gene-002", 1, f"G{c:02d}") for c in range(3, 7)]
    screen = b.Screen.of(rows, 32, dim=8)
    rng = np.random.default_rng(3)
    directions = {name: 8 * rng.normal(size=8) for name in (*GENES, "Bortezomib")}
    for row in rows:
        name = row["treatment"].split("_guide_")[0]
        effect = directions.get(name, np.zeros(8)) * (row["concentration"] or 1.0)
        screen.vectors[row["well_id"]] = (rng.normal(size=8) + effect + 5).astype("float32")
    for well in (UNPICTURED, *(f"gene-002_1_G{c:02d}" for c in range(3, 7))):
        del screen.planes[well]
    return screen


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    return a_screen()


@pytest.fixture(scope="module")
def data(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("beside")
    root = screen.write_rxrx3(folder / "screen")
    data = rx.open_dataset(root, cache_dir=folder / "cache")
    data.read_vectors()
    return data


@pytest.fixture
def window(standing_window: Window, screen: b.Screen, data: Any, qtbot: Any) -> Iterator[Window]:
    window = standing_window
    window.qtbot, window.screen = qtbot, screen
    session = window.session
    session.set_crop(0)
    session.say("")
    session.open(data)
    session.select_well(PLK1)
    window.turn_to(window.explorer.numbers.side_by_side)
    window.settle()
    focus(window, window.map)
    yield window
    session.open(None)


def focus(window: Window, widget: QWidget) -> None:
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5000)
    widget.setFocus()


def press(window: Window, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where the focus is."""
    window.qtbot.keyClick(QApplication.focusWidget(), key, modifier)
    window.settle()


def beside(window: Window) -> SidePanel:
    return window.explorer.numbers.side_by_side


def click(window: Window, button: QPushButton) -> None:
    window.qtbot.mouseClick(button, LEFT)
    window.settle()


def wells(window: Window) -> list[str | None]:
    return [tile.well_id for tile in window.session.tiles]


def tip(widget: QWidget) -> str:
    return widget.toolTip()


# --- what is shown -------------------------------------------------------------------------------


@pytest.mark.sample
def test_a_control_stands_beside_the_well_and_then_another_one(window: Window) -> None:
    press(window, Key.Key_C)
    first = wells(window)
    assert first == [PLK1, "gene-001_1_C05"]
    press(window, Key.Key_C)
    second = wells(window)
    assert second[0] == PLK1
    assert second[1] not in first
    assert window.screen.rows[0]["treatment"] == "EMPTY_control"
    window.session.select_well("gene-001_1_E06")
    window.settle()
    press(window, Key.Key_C)
    assert wells(window) == ["gene-001_1_E06", "gene-001_1_C06"], "another well begins anew"


def test_the_button_turns_through_the_controls_too(window: Window) -> None:
    button = beside(window).kinds["control"]
    seen = set()
    for _ in range(10):
        click(window, button)
        assert button.isChecked()
        seen.add(wells(window)[1])
    assert seen == {f"gene-001_1_C{c:02d}" for c in range(3, 13)}
    click(window, button)
    assert wells(window)[1] == "gene-001_1_C05", "after the last comes the first"


@pytest.mark.sample
@pytest.mark.parametrize(
    ("key", "kind", "shown"),
    [
        (Key.Key_R, "replicates", {PLK1, "gene-001_2_D05", "gene-002_1_F05"}),
        (Key.Key_P, "position", {PLK1, "gene-001_2_D05", "compound-001_1_D05"}),
    ],
)
def test_keys_arrange_and_buttons_show_it(
    window: Window, key: Any, kind: str, shown: set[str]
) -> None:
    press(window, key)
    assert set(wells(window)) == shown
    assert wells(window)[0] == PLK1
    assert [k for k, button in beside(window).kinds.items() if button.isChecked()] == [kind]
    press(window, Key.Key_Escape)
    assert wells(window) == [PLK1]
    assert window.shows(PLK1)
    assert not any(button.isChecked() for button in beside(window).kinds.values())


@pytest.mark.sample
def test_neighbors_follow_the_query(window: Window) -> None:
    press(window, Key.Key_N)
    roles = [tile.role for tile in window.session.tiles]
    assert roles[:2] == ["query", "control"]
    assert set(roles[2:]) == {"neighbor"}
    assert wells(window)[0] == PLK1


def test_a_gene_has_guides_and_a_compound_doses_on_the_same_key(window: Window) -> None:
    button = beside(window).kinds["guides"]
    assert button.text() == "Guides"
    press(window, Key.Key_G)
    assert window.session.strip.kind == "guides"
    assert {w for w in wells(window) if "_D" in str(w)} >= {f"gene-001_1_D0{c}" for c in (5, 6, 7)}
    window.session.select_well(DRUG)
    window.settle()
    assert button.text() == "Doses"
    click(window, button)
    assert window.session.strip.kind == "doses"
    assert button.isChecked()
    curve = beside(window).curve.curve()
    assert curve.doses == DOSES
    assert all(curve.distances)


def test_selected_wells_are_shown_in_reading_order(window: Window) -> None:
    button = beside(window).kinds["wells"]
    assert not button.isEnabled()
    assert "Select several wells" in tip(button)
    window.click_well("E06")
    window.click_well("AA07", Qt.KeyboardModifier.ControlModifier)
    window.click_well("C04", Qt.KeyboardModifier.ControlModifier)
    assert button.isEnabled()
    click(window, button)
    assert wells(window) == [f"gene-001_1_{a}" for a in ("C04", "E06", "AA07")]


# --- what makes no sense -------------------------------------------------------------------------


def test_a_control_has_neither_guides_nor_doses(window: Window) -> None:
    window.click_well("C03")
    button = beside(window).kinds["guides"]
    assert not button.isEnabled()
    assert "has no guides" in tip(button)
    press(window, Key.Key_G)
    assert "has no guides" in window.session.message
    assert wells(window) == ["gene-001_1_C03"], "nothing changes"


def test_a_plate_without_a_picture_of_a_control_says_so(window: Window) -> None:
    window.session.select_well("gene-002_1_F05")
    window.settle()
    panel = beside(window)
    for button in (panel.kinds["control"], panel.flicker, panel.difference):
        assert not button.isEnabled()
        assert "has no EMPTY_control with an image" in tip(button)
    for key in (Key.Key_C, Key.Key_B, Key.Key_D):
        window.session.say("")
        press(window, key)
        assert "has no EMPTY_control" in window.session.message
    assert not window.session.difference
    assert "has no EMPTY_control" in panel.histograms.accessibleDescription()


@pytest.mark.sample
def test_without_a_data_set_every_key_is_harmless(window: Window) -> None:
    window.session.open(None)
    for key in "CNRGPWBDX":
        press(window, getattr(Key, f"Key_{key}"))
    press(window, Key.Key_Escape)
    assert window.session.strip is None
    assert window.session.tiles == ()


def test_a_data_set_without_vectors_has_no_neighbors(
    window: Window, screen: b.Screen, tmp_path: Path
) -> None:
    screen.write_metadata(tmp_path / "plain" / "metadata.csv")
    screen.write_tars(tmp_path / "plain")
    data = rx.open_dataset(tmp_path / "plain", cache_dir=tmp_path / "cache")
    data.read_vectors()
    window.session.open(data)
    window.settle()
    button = beside(window).kinds["neighbors"]
    assert not button.isEnabled()
    assert "no embeddings" in tip(button)


# --- looking closer ------------------------------------------------------------------------------


def test_the_crop_goes_round_by_key_and_by_button(window: Window) -> None:
    panel = beside(window)
    for crop in (512, 256, 0):
        press(window, Key.Key_X)
        assert window.session.crop == crop
        assert [c for c, button in panel.crops.items() if button.isChecked()] == [crop]
    click(window, panel.crops[256])
    assert window.session.crop == 256


def test_flicker_by_key_shows_on_its_button(window: Window) -> None:
    press(window, Key.Key_C)
    before = wells(window)
    press(window, Key.Key_B)
    assert wells(window) == before[::-1]
    assert beside(window).flicker.isChecked()
    click(window, beside(window).flicker)
    assert wells(window) == before
    assert not beside(window).flicker.isChecked()


def test_what_flickers_is_seen_even_from_the_plate(window: Window) -> None:
    press(window, Key.Key_0)
    assert window.session.view == "plate"
    press(window, Key.Key_B)
    assert window.session.view == "well"
    assert window.shows("gene-001_1_C05")


def test_the_difference_is_shown_and_ends_with_escape(window: Window) -> None:
    press(window, Key.Key_D)
    assert window.session.difference
    assert beside(window).difference.isChecked()
    press(window, Key.Key_Escape)
    assert not window.session.difference
    click(window, beside(window).difference)
    assert window.session.difference
    click(window, beside(window).alone)
    assert not window.session.difference


def test_a_single_well_that_flickers_goes_back(window: Window) -> None:
    click(window, beside(window).alone)
    assert wells(window) == [PLK1]
    press(window, Key.Key_B)
    window.qtbot.waitUntil(lambda: wells(window) == ["gene-001_1_C05"])
    press(window, Key.Key_Escape)
    window.qtbot.waitUntil(lambda: wells(window) == [PLK1])


def test_escape_keeps_the_question(window: Window) -> None:
    window.session.ask(key="TUBB", well=None)
    window.settle()
    asked = window.session.query
    press(window, Key.Key_R)
    press(window, Key.Key_Escape)
    assert window.session.query == asked


def test_letters_that_are_typed_go_into_the_text(window: Window) -> None:
    find = window.explorer.find
    focus(window, find)
    window.qtbot.keyClicks(find, "crgpwbdxn")
    press(window, Key.Key_Escape)
    assert find.text() == "crgpwbdxn"
    assert window.session.strip is None
    find.clear()


# --- while one goes on ---------------------------------------------------------------------------


def test_kept_arrangements_go_along_until_a_well_is_shown_alone(window: Window) -> None:
    press(window, Key.Key_C)
    click(window, beside(window).keep)
    window.click_well("E06")
    assert wells(window) == ["gene-001_1_E06", "gene-001_1_C06"]
    press(window, Key.Key_R)
    window.click_well("E07")
    assert wells(window) == ["gene-001_1_E07", "gene-001_2_E07"]
    assert beside(window).keep.isChecked()
    press(window, Key.Key_Escape)
    assert wells(window) == ["gene-001_1_E07"]
    assert not beside(window).keep.isChecked()
    window.click_well("E06")
    assert wells(window) == ["gene-001_1_E06"]


def test_what_makes_no_sense_for_a_well_is_taken_up_after_it(window: Window) -> None:
    press(window, Key.Key_G)
    click(window, beside(window).keep)
    window.click_well("C04")
    assert wells(window) == ["gene-001_1_C04"]
    window.click_well("E06")
    assert window.session.strip.kind == "guides"
    assert "TUBB" in window.session.strip.title


def test_a_strip_that_comes_late_is_not_shown(window: Window, data: Any) -> None:
    with kept_maps(data):  # as while another map is made
        window.qtbot.keyClick(QApplication.focusWidget(), Key.Key_N)
        window.qtbot.wait(50)
        window.click_well("E06", settled=False)
    window.settle()
    window.qtbot.wait(100)
    assert wells(window) == ["gene-001_1_E06"]


@pytest.mark.parametrize("key", [Key.Key_Escape, Key.Key_0])
def test_who_goes_elsewhere_meanwhile_is_left_there(window: Window, data: Any, key: Any) -> None:
    view = {Key.Key_Escape: "well", Key.Key_0: "plate"}[key]
    with kept_maps(data):  # as while another map is made
        window.qtbot.keyClick(QApplication.focusWidget(), Key.Key_N)
        window.qtbot.wait(50)
        window.qtbot.keyClick(QApplication.focusWidget(), key)
    window.settle()
    window.qtbot.wait(100)
    assert wells(window) == [PLK1]
    assert window.session.view == view
    press(window, Key.Key_N)
    assert window.session.strip.kind == "neighbors", "asked for again, it comes"


def test_the_last_of_keys_in_quick_succession_wins(window: Window) -> None:
    for key in (Key.Key_C, Key.Key_N, Key.Key_G, Key.Key_C, Key.Key_R):
        window.qtbot.keyClick(QApplication.focusWidget(), key)
    window.settle()
    assert window.session.strip.kind == "replicates"


def test_another_data_set_ends_what_is_being_arranged(
    window: Window, data: Any, screen: b.Screen, tmp_path: Path
) -> None:
    other = rx.open_dataset(screen.write_rxrx3(tmp_path / "other"), tmp_path / "cache")
    with kept_maps(data):
        window.qtbot.keyClick(QApplication.focusWidget(), Key.Key_N)
        window.qtbot.wait(50)
        window.session.open(other)
    window.settle()
    window.qtbot.wait(100)
    assert window.session.strip.kind == "control"
    assert wells(window)[0] == window.session.well


def test_what_was_said_of_a_strip_is_not_said_of_the_next_well(window: Window) -> None:
    press(window, Key.Key_C)
    assert " of 10 on this plate" in window.session.message
    window.click_well("E06")
    assert "Control" not in window.session.message


def test_the_dock_can_be_closed_and_opened_again(window: Window) -> None:
    press(window, Key.Key_C)
    click(window, beside(window).keep)
    viewer = window.viewer
    viewer.window.remove_dock_widget(window.explorer.parentWidget())
    window.qtbot.wait(50)
    _, window.explorer = viewer.window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")
    window.turn_to(beside(window))
    window.settle()
    assert beside(window).kinds["control"].isChecked()
    assert beside(window).keep.isChecked()
    window.click_well("E06")
    assert wells(window) == ["gene-001_1_E06", "gene-001_1_C06"]


def test_plates_are_listed_only_while_something_is_found(window: Window) -> None:
    find = window.explorer.find
    popup = find._completer.popup()
    focus(window, find)
    press(window, Key.Key_Down)
    assert not popup.isVisible()
    window.qtbot.keyClicks(find, "TUBB")
    window.settle()
    press(window, Key.Key_Return)
    press(window, Key.Key_Down)
    assert popup.isVisible()
    assert all(" plate " in row for row in find.rows())
    window.qtbot.keyClick(popup, Key.Key_Escape)
    find.clear()
    window.settle()
    press(window, Key.Key_Down)
    assert not popup.isVisible()


# --- dragging ------------------------------------------------------------------------------------


def center(window: Window, address: str) -> QPoint:
    row, column = parse_address(address)
    return window.map.wellRect(row * N_COLUMNS + column).center()


def move(widget: QWidget, point: QPoint) -> None:
    none, plain = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    place, screen = QPointF(point), QPointF(widget.mapToGlobal(point))
    event = QMouseEvent(QEvent.Type.MouseMove, place, screen, none, LEFT, plain)
    QApplication.sendEvent(widget, event)


def select(window: Window, *addresses: str) -> None:
    window.click_well(addresses[0])
    for address in addresses[1:]:
        window.click_well(address, Qt.KeyboardModifier.ControlModifier)


def drop(target: QWidget, mime: Any) -> bool:
    """Drop something in the middle of a widget, as Qt does; whether it was taken."""
    place, action = target.rect().center(), Qt.DropAction.CopyAction
    plain = Qt.KeyboardModifier.NoModifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Qt makes them so, PySide6 warns
        entering = QDragEnterEvent(place, action, mime, LEFT, plain)
    entering.ignore()
    QApplication.sendEvent(target, entering)
    if not entering.isAccepted():
        return False
    QApplication.sendEvent(target, QDropEvent(QPointF(place), action, mime, LEFT, plain))
    return True


@pytest.fixture
def dragged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is dragged; a real drag would wait for a real mouse."""
    texts: list[str] = []
    monkeypatch.setattr(QDrag, "exec", lambda drag, *_: texts.append(drag.mimeData().text()))
    return texts


def test_selected_wells_are_dragged_as_lines_of_text(window: Window, dragged: list[str]) -> None:
    select(window, "D05", "E06", "AA07")
    selected = window.session.selection
    window.qtbot.mousePress(window.map, LEFT, pos=center(window, "E06"))
    move(window.map, center(window, "E06") + QPoint(1, 0))
    assert dragged == [], "a hand that trembles does not drag"
    move(window.map, center(window, "E12"))
    move(window.map, center(window, "E20"))
    window.qtbot.mouseRelease(window.map, LEFT, pos=center(window, "E20"))
    assert dragged == ["gene-001_1_D05\ngene-001_1_E06\ngene-001_1_AA07"]
    assert window.session.selection == selected


def test_a_click_into_the_selection_still_chooses_one_well(
    window: Window, dragged: list[str]
) -> None:
    select(window, "D05", "E06", "AA07")
    window.click_well("E06")
    assert window.session.selection == {"gene-001_1_E06"}
    assert window.session.well == "gene-001_1_E06"
    assert dragged == []


def test_dragging_from_elsewhere_still_selects(window: Window, dragged: list[str]) -> None:
    select(window, "D05", "E06")
    window.qtbot.mousePress(window.map, LEFT, pos=center(window, "C03"))
    move(window.map, center(window, "C06"))
    window.qtbot.mouseRelease(window.map, LEFT, pos=center(window, "C06"))
    assert window.session.selection == {f"gene-001_1_C0{c}" for c in (3, 4, 5, 6)}
    assert dragged == []


@pytest.mark.parametrize("where", ["canvas", "panel"])
def test_dropped_wells_are_shown_side_by_side(window: Window, where: str) -> None:
    canvas = window.viewer.window._qt_viewer
    target = canvas if where == "canvas" else beside(window)
    assert drop(target, mime_of(["gene-001_1_AA05", "compound-001_1_E05", "no well"]))
    window.settle()
    assert wells(window) == ["gene-001_1_AA05", "compound-001_1_E05"]
    assert "no well" in window.session.message


def test_other_texts_and_files_are_left_to_napari(window: Window) -> None:
    assert not drop(beside(window), mime_of(["some", "words"]))
    files = mime_of([PLK1])
    files.setUrls([QUrl.fromLocalFile("/data/gene-001")])
    assert wells_in(files) == []
    assert wells(window)[0] == PLK1
    assert window.session.strip.kind == "control"


# --- brightness ----------------------------------------------------------------------------------


def session_of(data: Any, well: str) -> Session:
    session = Session()
    session.open(data)
    session.select_well(well)
    return session


def test_the_well_is_held_against_controls_of_its_plate(data: Any, screen: b.Screen) -> None:
    asked = asked_of(session_of(data, PLK1))
    assert asked.treated == (PLK1,)
    assert len(asked.controls) == 8
    assert set(asked.controls) <= {f"gene-001_1_C{c:02d}" for c in range(3, 13)}
    found = compare_intensities(data, asked, ControlLevels(), silent)
    assert found.note == "D05 against 8 controls of gene-001 plate 1"
    for channel, stain in enumerate(found.stains):
        assert stain.treated_mean == pytest.approx(screen.planes[PLK1][channel].mean())
        means = [screen.planes[control][channel].mean() for control in asked.controls]
        assert stain.control_means == pytest.approx(means)


def test_a_control_is_held_against_the_others(data: Any) -> None:
    asked = asked_of(session_of(data, "gene-001_1_C03"))
    assert asked.treated == ("gene-001_1_C03",)
    assert "gene-001_1_C03" not in asked.controls


def test_of_a_strip_the_same_treatment_on_the_plate_is_compared(data: Any) -> None:
    session = session_of(data, DRUG)
    session.show([(w, "") for w in (DRUG, "compound-001_1_E06", "compound-001_1_E07", PLK1)])
    assert asked_of(session).treated == (DRUG, "compound-001_1_E06")


def test_of_chosen_wells_all_are_compared_but_controls(data: Any) -> None:
    from napari_rxrx3.core.mosaic import Tile

    session = session_of(data, PLK1)
    chosen = ("gene-001_1_C03", "gene-001_1_E06", "gene-001_1_AA07", "gene-001_2_E06")
    session.show_strip(Strip("wells", "", tuple(Tile(well, "") for well in chosen)))
    assert asked_of(session).treated == ("gene-001_1_E06", "gene-001_1_AA07")


@pytest.mark.parametrize(("well", "which"), [("B05", "no EMPTY"), ("C05", "no other EMPTY")])
def test_a_plate_of_one_control_has_no_other(tmp_path: Path, well: str, which: str) -> None:
    rows = [b.control_row("gene-001", 1, "C05"), b.guide_row("gene-001", 1, "B05", "PLK1")]
    screen = b.Screen.of(rows)
    if well == "B05":
        del screen.planes["gene-001_1_C05"]
    data = rx.open_dataset(screen.write_rxrx3(tmp_path / "screen"), cache_dir=tmp_path / "cache")
    assert asked_of(session_of(data, f"gene-001_1_{well}")) == (
        f"gene-001 plate 1 has {which}_control with an image."
    )


def test_a_well_without_an_image_is_said(data: Any) -> None:
    assert asked_of(session_of(data, UNPICTURED)) == f"{UNPICTURED} has no image."
    assert asked_of(Session()) == "No well is selected."


def test_broken_images_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [b.control_row("gene-001", 1, f"C{c:02d}") for c in (3, 4, 5)]
    rows += [b.guide_row("gene-001", 1, "D05", "PLK1")]
    screen = b.Screen.of(rows)
    screen.write_metadata(tmp_path / "screen" / "metadata.csv")
    screen.write_folders(tmp_path / "screen")
    plate = tmp_path / "screen" / "images" / "gene-001" / "Plate1"
    for channel in b.CHANNELS:
        (plate / f"C04_s1_w{channel}.png").write_bytes(b"no image")
    (plate / "D05_s1_w2.png").write_bytes(b"no image either")
    data = rx.open_dataset(tmp_path / "screen", cache_dir=tmp_path / "cache")
    asked = asked_of(session_of(data, PLK1))
    found = compare_intensities(data, asked, ControlLevels(), silent)
    assert found.note == "D05 against 2 controls of gene-001 plate 1"
    assert [stain is None for stain in found.stains] == [False, True, *[False] * 4]


def test_large_images_are_measured_whole_and_their_first_rows_before(tmp_path: Path) -> None:
    """A well that is bright below its first rows is bright."""
    rows = [b.control_row("gene-001", 1, f"C{c:02d}") for c in (3, 4)]
    rows += [b.guide_row("gene-001", 1, "D05", "PLK1")]
    screen = b.Screen.of(rows, 768)
    planes = np.array(screen.planes[PLK1])
    planes[:, 400:, :] //= 2
    screen.planes[PLK1] = planes
    data = rx.open_dataset(screen.write_rxrx3(tmp_path / "screen"), cache_dir=tmp_path / "cache")
    asked = asked_of(session_of(data, PLK1))
    first = compare_intensities(data, asked, ControlLevels(), silent, whole=False)
    whole = compare_intensities(data, asked, ControlLevels(), silent)
    assert first.note == "First 192 rows: D05 against 2 controls of gene-001 plate 1"
    assert whole.note == "D05 against 2 controls of gene-001 plate 1"
    assert (first.is_whole, whole.is_whole) == (False, True)
    for channel in range(6):
        mean = planes[channel].mean()
        assert whole.stains[channel].treated_mean == pytest.approx(mean)
        of_rows = planes[channel][:192].mean()
        assert first.stains[channel].treated_mean == pytest.approx(of_rows)
        assert of_rows > 1.2 * mean
    assert not any(data.is_decoded(PLK1, channel) for channel in range(1, 7))


def test_controls_are_read_once_a_plate(data: Any) -> None:
    levels, asked = ControlLevels(), asked_of(session_of(data, PLK1))
    first = compare_intensities(data, asked, levels, silent)
    seen: list[str] = []
    again = compare_intensities(data, asked, levels, lambda *_: seen.append("read"))
    assert len(seen) == 6, "six planes of the well"
    assert again.stains[0].control_means == first.stains[0].control_means


def test_the_panel_shows_the_brightness_of_the_well_on_screen(window: Window) -> None:
    view = beside(window).histograms
    window.click_well("E06")
    assert "E06 against 8 controls" in view.intensities().note
    assert view.intensities().note in view.accessibleDescription()
    window.turn_to(window.explorer.hits)
    window.click_well("E07")
    assert "E06" in view.intensities().note, "nothing is read for what nobody sees"
    window.turn_to(beside(window))
    window.settle()
    assert "E07" in view.intensities().note


def test_hovering_over_a_stain_tells_its_numbers(window: Window) -> None:
    view = beside(window).histograms
    names = set()
    for x in range(10, view.width(), 20):
        for y in range(10, view.height(), 10):
            stain = view.stain_at(QPoint(x, y))
            if stain is not None:
                names.add(view.in_words(stain).split(" ")[0])
    assert names == {"DNA", "ER", "Actin", "RNA", "Mito", "Golgi"}
    shown = view.intensities().stains[0]
    words = next(w for w in view.accessibleDescription().splitlines() if w.startswith("DNA"))
    assert f"{shown.treated_mean:.4g}" in words
    assert f"{shown.control_mean:.4g}" in words


# --- the dose curve ------------------------------------------------------------------------------

CURVE = DoseCurve(
    doses=(0.01, 0.1, 1.0, 10.0),
    distances=((0.1, 0.2), (), (0.5, 0.7), (0.8,)),
    means=(0.15, nan, 0.6, 0.8),
    metric="cosine distance",
    control_spread=(0.05, 0.25),
)


@pytest.fixture
def view(qtbot: Any) -> DoseCurveView:
    view = DoseCurveView()
    qtbot.addWidget(view)
    view.resize(400, 160)
    view.set_curve(CURVE, 1.0)
    with qtbot.waitExposed(view):
        view.show()
    return view


def painted(widget: QWidget) -> QImage:
    image = QImage(widget.size(), QImage.Format.Format_RGB32)
    widget.render(image)
    return image


def test_doses_stand_by_their_logarithm(view: DoseCurveView) -> None:
    x = [view.place_of(dose, 0).x() for dose in CURVE.doses]
    assert np.diff(x) == pytest.approx(np.diff(x)[0])
    y = [view.place_of(1.0, distance).y() for distance in (0, 0.4, 0.8)]
    assert y[0] - y[1] == pytest.approx(y[1] - y[2])
    assert 0 < y[2] < y[0] < view.height()


def test_the_line_has_a_gap_where_nothing_is_known(view: DoseCurveView) -> None:
    line = legible((0.34, 0.71, 0.91), view.palette().window().color())

    def crosses(left: float, right: float) -> bool:
        """Whether the line is seen in the middle between two doses."""
        x = round((view.place_of(left, 0).x() + view.place_of(right, 0).x()) / 2)
        colors = [QColor(image.pixel(x, y)) for y in range(view.height())]
        return any(abs(c.hue() - line.hue()) < 12 and c.saturation() > 60 for c in colors)

    image = painted(view)
    assert crosses(1.0, 10.0)
    assert not crosses(0.01, 0.1)
    assert not crosses(0.1, 1.0)


def test_each_dose_is_told_in_words(view: DoseCurveView) -> None:
    lines = view.accessibleDescription().splitlines()
    assert lines == [
        "0.01 µM: cosine distance 0.15, mean of 2 replicates, 0.1 to 0.2",
        "0.1 µM: no vector here",
        "1 µM: cosine distance 0.6, mean of 2 replicates, 0.5 to 0.7",
        "10 µM: cosine distance 0.8, one replicate",
    ]


def test_the_band_of_the_controls_is_painted(view: DoseCurveView) -> None:
    image, x = painted(view), round(view.place_of(0.1, 0).x()) + 8
    inside, outside = (
        QColor(image.pixel(x, round(view.place_of(0.1, distance).y()))) for distance in (0.18, 0.6)
    )
    assert inside != outside
    view.set_curve(DoseCurve(**{**vars(CURVE), "control_spread": (nan, nan)}))
    image = painted(view)
    assert QColor(image.pixel(x, round(view.place_of(0.1, 0.18).y()))) == outside


FITTED = DoseCurve(
    doses=(0.01, 0.1, 1.0, 10.0),
    distances=((-0.4, 0.3), (0.5, 1.1), (5.5, 6.0), (6.5, 7.0)),
    means=(-0.05, 0.8, 5.75, 6.75),
    metric="effect",
    control_spread=(-1.6, 1.6),
    verdict="dose response: acts from 1 µM, EC50 0.31 µM (0.2 to 0.5), q 0.002",
    fit=DoseFit(0.31, 0.2, nan, 1.5, 0.0, 7.0, 1.0),
)


def test_a_hill_curve_runs_between_the_doses(view: DoseCurveView) -> None:
    """It is seen where the doses have no point: half way of a steep rise."""
    line = legible((0.34, 0.71, 0.91), view.palette().window().color())
    view.set_curve(FITTED, 1.0)
    image = painted(view)
    fit = FITTED.fit
    assert fit is not None
    place = view.place_of(0.2, hill_curve(0.2, fit))
    near = [
        QColor(image.pixel(round(place.x()) + dx, round(place.y()) + dy))
        for dx in (-1, 0, 1)
        for dy in (-1, 0, 1)
    ]
    assert any(abs(c.hue() - line.hue()) < 12 and c.saturation() > 60 for c in near)
    low, high = (view.place_of(1.0, value).y() for value in (-1.6, 7.0))
    assert 0 < high < low < view.height()


def test_half_of_the_effect_and_the_lowest_dose_are_marked(view: DoseCurveView) -> None:
    view.set_curve(FITTED, 1.0)
    with_both = painted(view)
    fit = FITTED.fit
    assert fit is not None
    view.set_curve(replace(FITTED, fit=replace(fit, lowest_active_dose=nan)), 1.0)
    assert painted(view) != with_both
    view.set_curve(replace(FITTED, fit=replace(fit, ec50=nan)), 1.0)
    assert painted(view) != with_both
    assert view.accessibleDescription().splitlines()[0] == FITTED.verdict
    assert FITTED.verdict in view.tooltip_at(QPoint(200, 80))


@pytest.mark.parametrize(
    "curve",
    [
        DoseCurve((1.0,), ((0.3,),), (0.3,), "d", (0.1, 0.2)),
        DoseCurve((1.0, 2.0), ((), ()), (nan, nan), "d", (nan, nan)),
        DoseCurve((), (), (), "d", (nan, nan)),
        DoseCurve((1.0, 2.0), ((0.0,), (0.0,)), (0.0, 0.0), "d", (0.0, 0.0)),
        DoseCurve((0.0, 1.0, 10.0), ((0.1,), (), (0.3,)), (0.1, nan, 0.3), "d", (0.0, 0.2)),
        DoseCurve((0.0,), ((0.1,),), (0.1,), "d", (0.0, 0.2)),
        replace(FITTED, fit=DoseFit(*[nan] * 7)),
        replace(FITTED, fit=DoseFit(0.31, nan, nan, 1.5, 0.0, 7.0, nan)),
    ],
)
def test_poor_curves_are_painted_as_well(view: DoseCurveView, curve: DoseCurve) -> None:
    view.set_curve(curve)
    assert not painted(view).isNull()
    view.resize(161, 84)
    assert not painted(view).isNull()


def test_a_double_click_on_a_dose_goes_to_a_well_of_it(window: Window) -> None:
    window.session.select_well(DRUG)
    window.settle()
    press(window, Key.Key_G)
    curve = beside(window).curve
    assert curve.isVisible()
    place = curve.place_of(0.1, 0).toPoint() - QPoint(0, 10)
    window.qtbot.mouseDClick(curve, LEFT, pos=place)
    window.settle()
    assert window.session.well_row(window.session.well)["concentration"] == 0.1
    assert window.session.strip.kind == "control"
    assert not curve.isVisible()


def test_curve_and_brightness_take_turns(window: Window) -> None:
    panel = beside(window)
    assert not panel.switch.isVisible()
    window.session.select_well(DRUG)
    window.settle()
    press(window, Key.Key_G)
    assert panel.curve.isVisible()
    window.qtbot.mouseClick(panel.switch, LEFT)
    window.settle()
    assert panel.histograms.isVisible()
    assert (
        panel.histograms.intensities().note == "2 wells against 8 controls of compound-001 plate 1"
    )
    press(window, Key.Key_X)
    assert panel.histograms.isVisible(), "what was chosen stays"
    window.qtbot.mouseClick(panel.switch, LEFT)
    assert panel.curve.isVisible()


# --- colors --------------------------------------------------------------------------------------

SHARES = st.floats(0, 1)


@pytest.mark.parametrize("background", ["#262930", "#efebe9", "#000000", "#ffffff"])
@given(color=st.tuples(SHARES, SHARES, SHARES))
def test_lines_stand_out_from_the_background(
    background: str, color: tuple[float, float, float]
) -> None:
    assert ratio(legible(color, QColor(background)), QColor(background)) >= 2.99


def ratio(one: QColor, other: QColor) -> float:
    """Contrast ratio as WCAG 2.1 defines it."""
    values = np.array([[c.redF(), c.greenF(), c.blueF()] for c in (one, other)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return float((high + 0.05) / (low + 0.05))


def test_nothing_to_compare_is_a_sentence(qtbot: Any) -> None:
    view = HistogramView()
    qtbot.addWidget(view)
    view.say("This plate has no other EMPTY_control with an image.")
    assert view.stain_at(QPoint(10, 40)) is None
    view.resize(380, 130)
    before = painted(view)
    view.say("")
    assert painted(view) != before

"""The tab of the map, driven by the mouse: what is chosen there is followed everywhere."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication, QToolButton, QWidget

import builders as b
import napari_rxrx3 as rx
from mouse import drag, hover
from napari_rxrx3.core.display import display
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.plate_colors import WELL_TYPE_COLORS
from napari_rxrx3.gui.map.points.making import strongest
from napari_rxrx3.gui.map.points.map_page import MapPage
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.session import Session
from test_tooltips import silent
from window import Window

pytestmark = pytest.mark.detail

umap_module = import_module("napari_rxrx3.maps.projection.umap")

ALPHA = tuple(f"ALPHA{i}" for i in range(4))
BETA = tuple(f"BETA{i}" for i in range(4))
REST = tuple(f"REST{i:02d}" for i in range(12))
DOSES = (0.25, 2.5)
DIM = 6
LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier


def screen_rows() -> list[b.Row]:
    rows = []
    for plate in (1, 2):
        place = (f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48))
        rows += [b.control_row("gene-001", plate, next(place)) for _ in range(12)]
        for gene in (*ALPHA, *BETA, *REST):
            rows += [b.guide_row("gene-001", plate, next(place), gene, g) for g in (1, 2)]
    place = (f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48))
    rows += [b.control_row("compound-001", 1, next(place)) for _ in range(12)]
    rows += [b.dose_row("compound-001", 1, next(place), "Alphanib", d) for d in DOSES]
    return rows


def made_screen() -> b.Screen:
    """Two groups of genes far from the others, and a compound that acts like the first."""
    screen = b.Screen.of(screen_rows(), 16, dim=DIM)
    random = np.random.default_rng(5)
    for row in screen.rows:
        name = row["treatment"]
        vector = 0.3 * random.normal(size=DIM)
        vector[0] += 6 * name.startswith(("ALPHA", "Alphanib"))
        vector[1] += 6 * name.startswith("BETA")
        screen.vectors[row["well_id"]] = vector.astype("float32")
    return screen


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_screen().write_rxrx3(tmp_path_factory.mktemp("map") / "planted groups")


@pytest.fixture
def window(standing_window: Window, qtbot: Any, root: Path) -> Window:
    """The tab of the map on the standing window, as it is when it is first looked at."""
    window = standing_window
    window.qtbot = qtbot
    window.viewer.window._qt_window.showNormal()
    window.turn_to(window.neighbors.panel)
    window.open(root)
    window.session.ask(level="perturbation", align="none")
    window.session.select_well("gene-001_1_B40")
    page(window).controls.color_by.setCurrentIndex(0)
    click_mode(window, "pan")
    window.neighbors.map.pages.show_page("map")
    window.turn_to(window.neighbors.map)
    window.settle()
    return window


def page(window: Window) -> MapPage:
    return window.neighbors.map.map_page


def keys(window: Window) -> list[str]:
    scene = page(window).scene
    assert scene is not None
    return [scene.key(row) for row in range(len(scene.phenomap.labels))]


def place(window: Window, key: str) -> QPoint:
    at = page(window).view.place_of(keys(window).index(key))
    assert at is not None
    return at.toPoint()


def click_mode(window: Window, mode: str) -> None:
    window.click(page(window).controls.modes[mode])


def enclose(window: Window, names: tuple[str, ...], modifier: Any = NONE) -> None:
    """Draw a lasso closely around the points of some entries."""
    click_mode(window, "lasso")
    view, points = page(window).view, [place(window, name) for name in names]
    left, right = min(p.x() for p in points) - 5, max(p.x() for p in points) + 5
    top, bottom = min(p.y() for p in points) - 5, max(p.y() for p in points) + 5
    corners = [QPoint(x, y) for x, y in ((left, top), (right, top), (right, bottom))]
    corners += [QPoint(left, bottom), QPoint(left, top + 1)]
    drag(view, [QPointF(corner) for corner in corners], modifier=modifier)
    window.settle()


def press(window: Window, widget: QWidget, key: Any) -> None:
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
    window.qtbot.keyClick(widget, key)


# --- what is shown -------------------------------------------------------------------------------


@pytest.mark.sample
def test_every_entry_has_a_point_and_what_is_shown_is_said(window: Window) -> None:
    scene, view = page(window).scene, page(window).view
    assert scene is not None
    assert set(keys(window)) == {*ALPHA, *BETA, *REST, "EMPTY_control", "Alphanib@0.25"} | {
        "Alphanib@2.5"
    }
    words = view.accessibleName()
    for said in ("PCA of 23 perturbations", "not aligned", "mean", "not similarities"):
        assert said in words
    spot = np.array(
        [
            place(window, name).toTuple()
            if hasattr(QPoint, "toTuple")
            else (place(window, name).x(), place(window, name).y())
            for name in (*ALPHA, *BETA, *REST)
        ]
    )
    centers = spot[:4].mean(0), spot[4:8].mean(0), spot[8:].mean(0)
    apart = min(np.linalg.norm(a - c) for a in centers for c in centers if a is not c)
    spread = max(
        np.linalg.norm(group - c, axis=1).max()
        for group, c in zip((spot[:4], spot[4:8], spot[8:]), centers, strict=True)
    )
    assert apart > 2 * spread  # the planted groups are seen


def test_nothing_is_made_while_nobody_looks(window: Window) -> None:
    window.turn_to(window.neighbors.panel)
    before = page(window).scene
    window.session.ask(level="guide")
    window.settle()
    assert page(window).scene is before
    window.turn_to(window.neighbors.map)
    window.settle()
    assert "guides" in page(window).view.accessibleName()


def test_level_and_alignment_are_those_of_the_question(window: Window) -> None:
    window.session.set_level("well")
    window.session.ask(align="centerscale")
    window.settle()
    words = page(window).view.accessibleName()
    assert "wells, centerscale" in words
    assert page(window).scene is not None
    assert keys(window)[0] in {row["well_id"] for row in screen_rows()}


def test_points_have_the_colors_of_what_they_are_colored_by(window: Window) -> None:
    coloring = page(window)._coloring
    assert coloring is not None
    colors = dict(zip(keys(window), coloring.palette[coloring.classes].tolist(), strict=True))
    assert colors["ALPHA0"] == list(WELL_TYPE_COLORS["guide"])
    assert colors["Alphanib@2.5"] == list(WELL_TYPE_COLORS["compound"])
    image = page(window).view.grab().toImage()
    at, near = place(window, "ALPHA0"), range(-2, 3)
    seen = [image.pixelColor(at + QPoint(x, y)).getRgb()[:3] for x in near for y in near]
    assert np.abs(np.subtract(seen, WELL_TYPE_COLORS["guide"])).max(axis=1).min() < 40


# --- one entry -----------------------------------------------------------------------------------


def test_in_a_low_dock_the_picture_has_the_height(window: Window) -> None:
    view, panel = page(window).view, window.neighbors.map
    assert panel.width() > 2 * panel.height()
    assert view.height() > 0.75 * panel.height()
    assert view.x() + view.parentWidget().x() > page(window).controls.width()
    window.click(panel.detach_button)
    QApplication.processEvents()
    assert view.width() > 0.95 * panel.body.width(), "in a window of its own the controls are above"
    window.click(panel.detach_button)


def test_a_click_shows_the_well_its_plate_and_its_neighbors(window: Window) -> None:
    window.click(page(window).view, place(window, "Alphanib@2.5"))
    window.settle()
    session = window.session
    assert session.query.key == "Alphanib@2.5"
    assert session.plate == PlateId("compound-001", 1)
    assert session.well_row(session.well)["treatment"] == "Alphanib"
    assert session.tiles[0].well_id == session.well
    assert window.neighbors.panel.question.key.text() == "Alphanib 2.5 µM"
    assert page(window).view._current == keys(window).index("Alphanib@2.5")


def test_a_question_asked_elsewhere_moves_the_ring_and_is_named(window: Window) -> None:
    window.session.select_well("gene-001_1_B02", key="BETA2")
    window.settle()
    row = keys(window).index("BETA2")
    assert page(window).view._current == row
    assert page(window)._labels[0] == (row, "BETA2")


def test_a_compound_is_named_once_before_its_other_doses_are(root: Path, tmp_path: Path) -> None:
    phenomap = rx.open_dataset(root, tmp_path).phenomap(align="none")  # without scores so far
    names = [str(phenomap.labels.index[row]) for row in strongest(phenomap, 100)]
    doses = [name for name in names if name.startswith("Alphanib")]
    assert len(doses) == len(DOSES)
    assert names.index(doses[0]) < len(ALPHA) + len(BETA) + len(DOSES), "it is strong"
    assert names[-1] == doses[1]


def test_a_double_click_leads_from_the_plate_to_the_well(window: Window) -> None:
    window.session.set_view("plate")
    window.qtbot.mouseDClick(page(window).view, LEFT, NONE, place(window, "BETA1"))
    window.settle()
    assert window.session.view == "well"
    assert window.session.query.key == "BETA1"


def test_hovering_names_an_entry_and_shows_its_picture(window: Window) -> None:
    view, row = page(window).view, keys(window).index("BETA3")
    hover(view, QPointF(place(window, "BETA3")))
    window.qtbot.waitUntil(lambda: row in view._pictures, timeout=10_000)
    words = page(window)._words(row)
    assert words.startswith("BETA3   4 wells   cos ")
    phenomap = page(window).scene.phenomap  # type: ignore[union-attr]
    a, c = phenomap.vectors[[row, phenomap.row(window.session.query.key)]].astype(float)
    cosine = a @ c / np.linalg.norm(a) / np.linalg.norm(c)
    assert f"cos {cosine:.2f}" in words


# --- the chosen set ------------------------------------------------------------------------------


def test_a_lasso_chooses_a_set_that_the_plate_map_lights_up(window: Window) -> None:
    enclose(window, ALPHA)
    session = window.session
    assert set(session.chosen) >= set(ALPHA)
    assert not set(session.chosen) & {*BETA, *REST}
    assert session.chosen_spec.level == "perturbation"
    for plate in (1, 2):
        session.go_to_plate(PlateId("gene-001", plate))
        window.settle()
        lit = {session.well_row(well)["gene"] for well in session.highlight}
        assert lit == set(ALPHA)
        assert len(session.highlight) == 8
        assert {window.session.dataset.row(w)["plate"] for w in session.highlight} == {plate}
    assert "chosen" in window.neighbors.map.chosen.words.text()


def test_shift_adds_and_ctrl_takes_away(window: Window) -> None:
    enclose(window, ALPHA)
    alone = set(window.session.chosen)
    enclose(window, BETA, Qt.KeyboardModifier.ShiftModifier)
    assert set(window.session.chosen) == alone | set(BETA)
    enclose(window, ALPHA, Qt.KeyboardModifier.ControlModifier)
    assert set(window.session.chosen) == set(BETA)
    window.click(window.neighbors.map.chosen.clear)
    window.settle()
    assert (window.session.chosen, window.session.highlight) == ((), frozenset())
    assert len(page(window).view.marks()) == 0
    assert not window.neighbors.map.chosen.isVisible()


def test_a_search_takes_the_light_and_escape_takes_it_away(window: Window) -> None:
    enclose(window, BETA)
    find = window.explorer.find
    find.setFocus()
    window.qtbot.keyClicks(find, "REST03")
    window.qtbot.keyClick(find, Qt.Key.Key_Return)
    window.settle()
    session = window.session
    assert {session.well_row(w)["gene"] for w in session.highlight} == {"REST03"}
    session.step_plate(1)
    assert {session.well_row(w)["gene"] for w in session.highlight} == {"REST03"}
    window.turn_to(window.neighbors.map)
    enclose(window, BETA)
    assert {session.well_row(w)["gene"] for w in session.highlight} == set(BETA)
    find.clear()
    window.settle()
    assert {session.well_row(w)["gene"] for w in session.highlight} == set(BETA)
    press(window, window.map, Qt.Key.Key_Escape)
    window.qtbot.waitUntil(lambda: not session.highlight, timeout=5_000)
    session.step_plate(-1)
    assert not session.highlight
    assert set(session.chosen) == set(BETA)  # the set stays


def test_the_set_becomes_a_strip_of_one_well_each(window: Window) -> None:
    enclose(window, BETA)
    window.click(window.neighbors.map.chosen.side_by_side)
    window.settle()
    strip = window.session.strip
    assert strip is not None
    assert strip.kind == "wells"
    assert strip.title == f"{len(BETA)} chosen on the map: {len(BETA)} wells"
    shown = [window.session.well_row(tile.well_id)["gene"] for tile in strip.tiles]
    assert sorted(shown) == sorted(BETA)


def test_the_set_becomes_a_queue_and_a_tag_on_it_colors_its_point(window: Window) -> None:
    enclose(window, BETA)
    window.click(window.neighbors.map.chosen.queue)
    window.settle()
    explorer, session = window.explorer, window.session
    assert explorer.tabs.currentWidget() is explorer.hits
    assert [item.label for item in session.review.queue.items] == sorted(BETA)
    assert session.review.queue.title.endswith("chosen on the map")
    first = session.review.queue.items[0]
    session.review.tag(first.well_id, 1)
    color_by(window, "tags")
    coloring = page(window)._coloring
    assert coloring is not None
    row = keys(window).index(first.label)
    assert np.flatnonzero(coloring.classes).tolist() == [row]
    red = int(display.tags[0].color[1:3], 16)
    assert coloring.palette[coloring.classes[row]][0] == red
    session.review.tag(first.well_id, 0)
    window.settle()
    assert not page(window)._coloring.classes.any()


def color_by(window: Window, name: str) -> None:
    box = page(window).controls.color_by
    at = box.findText(name)
    assert at >= 0
    box.setCurrentIndex(at)
    box.activated.emit(at)
    window.settle()


def test_the_menu_of_queues_has_the_set_too(window: Window) -> None:
    menu = window.explorer.hits.queue_menu
    menu.aboutToShow.emit()
    assert not menu.chosen.isEnabled()
    enclose(window, ALPHA)
    menu.aboutToShow.emit()
    assert menu.chosen.isEnabled()
    assert "chosen on the map" in menu.chosen.text()
    menu.chosen.trigger()
    window.settle()
    assert {item.label for item in window.session.review.queue.items} >= set(ALPHA)


def test_the_set_becomes_a_heat_map(window: Window) -> None:
    enclose(window, BETA)
    window.click(window.neighbors.map.chosen.heat_map)
    window.settle()
    panel = window.neighbors.map
    assert panel.pages.current == "heat"
    assert panel.pages.buttons["heat"].isChecked()
    assert panel.heat_map._answer is not None
    assert set(panel.heat_map._answer.heat_map.keys) == set(BETA)


def test_the_set_is_listed_copied_and_saved(window: Window, tmp_path: Path) -> None:
    enclose(window, BETA)
    bar = window.neighbors.map.chosen
    window.click(bar.list)
    window.settle()
    assert bar.table is not None
    rows = bar.table.list.rows()
    assert {row.texts[0] for row in rows} == set(BETA)
    cosines = [float(row.texts[3]) for row in rows]
    assert cosines == sorted(cosines, reverse=True)
    assert not silent(bar.table)
    window.click(bar.table.copy)
    window.settle()
    copied = QGuiApplication.clipboard().text().splitlines()
    assert copied[0].startswith("key\tperturbation_type\tgene")
    assert len(copied) == 5
    bar.save_csv(tmp_path / "set.csv")
    window.settle()
    saved = pd.read_csv(tmp_path / "set.csv")
    assert saved["key"].tolist() == sorted(BETA)
    assert (saved["align"] == "none").all()
    path = tmp_path / "new folder" / "set.csv"
    bar.save_csv(path)
    window.settle()
    assert window.session.message == f"Saved {path}."
    assert path.read_bytes() == (tmp_path / "set.csv").read_bytes()
    bar.save_csv(path / "below a file.csv")
    window.settle()
    assert window.session.message.startswith(f"{path / 'below a file.csv'} cannot be written: ")
    bar.table.list.selectRow(1)
    window.settle()
    assert window.session.query.key == bar.table._keys[1]
    window.session.choose_entries(())
    assert bar.table is None


def test_another_data_set_has_no_set_and_no_light(window: Window, root: Path) -> None:
    enclose(window, BETA)
    window.session.open(None)
    window.settle()
    assert page(window).scene is None
    assert window.session.chosen == ()
    assert not window.neighbors.map.chosen.isVisible()


# --- colors --------------------------------------------------------------------------------------


def test_all_colorings_can_be_had_at_every_level(window: Window) -> None:
    for level in ("well", "guide", "perturbation", "compound"):
        window.session.set_level(level)
        window.settle()
        box = page(window).controls.color_by
        for name in [box.itemText(i) for i in range(box.count())]:
            color_by(window, name)
            coloring = page(window)._coloring
            assert coloring is not None
            assert len(coloring.classes) == len(keys(window))
            assert coloring.classes.max() < len(coloring.palette) <= 256
        assert {"kind", "similarity to the query", "tags"} <= {
            box.itemText(i) for i in range(box.count())
        }


def test_similarity_is_told_in_all_dimensions_and_follows_the_question(window: Window) -> None:
    color_by(window, "similarity to the query")
    for key in ("ALPHA1", "BETA1"):
        window.session.ask(key=key, well=None)
        window.settle()
        coloring, phenomap = page(window)._coloring, page(window).scene.phenomap
        cosine = phenomap.closeness(phenomap.row(key), "cosine")
        order = np.argsort(cosine)
        assert (np.diff(coloring.classes[order][:-1].astype(int)) >= 0).all()
        assert coloring.legend.high == pytest.approx(np.sort(cosine)[-2], abs=1e-6)


# --- projections ---------------------------------------------------------------------------------


def test_coordinates_of_a_file_are_shown_and_a_bad_one_changes_nothing(
    window: Window, tmp_path: Path
) -> None:
    table = pd.DataFrame({"key": keys(window), "x": 1.0 * np.arange(23), "y": 2.0})
    table.iloc[:-1].to_csv(tmp_path / "places.csv", index=False)
    page(window).use_file(str(tmp_path / "places.csv"))
    window.settle()
    scene = page(window).scene
    assert scene is not None
    assert scene.method == "file"
    assert scene.projection.positions[3].tolist() == [3.0, 2.0]
    assert "1 have no place" in page(window).view.accessibleName()
    assert page(window).controls.method.currentText() == "From a file …"
    (tmp_path / "bad.csv").write_text("nothing\nof this\n")
    page(window).use_file(str(tmp_path / "bad.csv"))
    window.settle()
    assert page(window).scene is scene
    assert "bad.csv" in page(window).note.text()
    window.session.set_level("guide")  # its names are others
    window.settle()
    assert page(window).scene.method == "pca"


def choose_method(window: Window, number: int) -> None:
    box = page(window).controls.method
    box.setCurrentIndex(number)
    box.activated.emit(number)
    window.settle()


def test_without_umap_the_choice_says_how_to_get_it(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> str:
        raise umap_module.PackageNotFoundError(name)

    monkeypatch.setattr(umap_module, "version", nothing)
    before = page(window).scene
    choose_method(window, 1)
    said = page(window).note.text()
    assert "pip install" in said
    assert sys.executable in said
    assert page(window).scene is before
    assert page(window).controls.method.currentText() == "PCA"


@pytest.mark.soak
@pytest.mark.skipif(not umap_module.has_umap(), reason="umap-learn is not installed")
def test_umap_is_made_in_the_background_and_stops_when_asked(window: Window) -> None:
    box = page(window).controls.method
    box.activated.emit(1)
    window.qtbot.waitUntil(lambda: window.explorer.workspace.tasks.status is not None)
    window.click(window.explorer.status.cancel)
    window.settle()
    assert page(window).controls.method.currentText() == "PCA"
    assert "Stopped" in page(window).note.text()
    page(window).controls.settings.n_neighbors.value = 5
    page(window).controls.settings.make.changed.emit(True)
    window.qtbot.waitUntil(lambda: window.explorer.is_settled, timeout=400_000)
    scene = page(window).scene
    assert scene is not None
    assert scene.method == "umap"
    assert "5 neighbors" in page(window).view.accessibleName()
    assert page(window).controls.settings.isVisible()


# --- the window ----------------------------------------------------------------------------------


def test_m_opens_the_tab_and_the_map_has_its_keys(window: Window) -> None:
    window.turn_to(window.neighbors.panel)
    press(window, window.map, Qt.Key.Key_M)
    window.qtbot.waitUntil(
        lambda: window.neighbors.tabs.currentWidget() is window.neighbors.map, timeout=5_000
    )
    view = page(window).view
    assert view.hasFocus()
    window.settle()
    home = view.viewport
    window.qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.viewport.scale > home.scale
    window.qtbot.keyClick(view, Qt.Key.Key_0)
    window.qtbot.wait(10)
    assert view.viewport == home
    assert window.session.view == "well"  # 0 is the plate elsewhere


def test_larger_is_a_window_of_its_own_that_goes_back_into_the_tab(window: Window) -> None:
    panel = window.neighbors.map
    window.click(panel.detach_button)
    window.settle()
    large = panel.detached.window
    assert large is not None
    assert panel.body.window() is large
    assert panel.detached.back.isVisible()
    window.turn_to(window.neighbors.panel)
    window.qtbot.waitUntil(page(window).view.isVisible)  # the map stays, whatever the tab
    window.click(page(window).view, place(window, "BETA0"))
    window.settle()
    assert window.session.query.key == "BETA0"
    large.close()
    window.turn_to(panel)
    window.settle()
    assert panel.detached.window is None
    assert panel.body.window() is panel.window()
    assert panel.body.isVisible()
    assert not panel.detached.back.isVisible()
    window.click(panel.detach_button)
    window.click(panel.detached.back)
    assert panel.detached.window is None


def test_all_tabs_can_be_read_beside_each_other(window: Window) -> None:
    for tabs in (window.explorer.tabs, window.neighbors.tabs):
        bar = tabs.tabBar()
        assert not [button for button in bar.findChildren(QToolButton) if button.isVisible()]


def test_every_control_says_what_it_is_for(window: Window) -> None:
    assert not silent(window.neighbors.map)
    assert not silent(page(window).controls.settings.form.native)


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_picture_is_saved_as_a_figure(window: Window, tmp_path: Path, ending: str) -> None:
    enclose(window, BETA)
    picture, path = page(window).picture(), tmp_path / f"map{ending}"
    assert picture is not None
    page(window).saving.save(picture, path)
    window.settle()
    assert window.session.message == f"Saved {path}."
    content = path.read_bytes()
    begins = {".png": b"\x89PNG\r\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}
    assert content.startswith(begins[ending])
    page(window).saving.save(picture, path)
    window.settle()
    assert window.session.message == f"{path} exists already."
    assert path.read_bytes() == content
    if ending == ".svg":
        assert "not similarities" in content.decode()


def test_a_session_without_data_and_one_without_vectors_work(
    window: Window, tmp_path: Path
) -> None:
    screen = made_screen()
    screen.write_metadata(tmp_path / "bare" / "metadata.csv")
    screen.write_tars(tmp_path / "bare")
    window.session.open(None)
    window.settle()
    assert page(window).scene is None
    window.open(tmp_path / "bare")
    window.turn_to(window.neighbors.map)
    window.settle()
    assert "no embeddings" in page(window).note.text()
    assert page(window).scene is None
    choose_method(window, 0)
    click_mode(window, "lasso")
    window.click(page(window).controls.fit)
    window.click(page(window).controls.save)
    assert "no map to save" in window.session.message
    assert not silent(window.neighbors.map)


@pytest.mark.sample
def test_a_page_that_is_ended_hears_nothing(qtbot: Any) -> None:
    session, holder = Session(), QWidget()
    tasks = Tasks()
    group = TaskGroup(tasks)
    MapPage(session, group, holder)
    qtbot.addWidget(holder)
    group.end(wait=True)
    session.open(None)
    session.choose_entries(["PLK1"])
    assert group.is_settled
    assert tasks.is_idle
    tasks.close(wait=True)

"""The dock below the canvas: candidates as pictures, beside the query, from every list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.settings import get_plugin_settings, get_settings
from qtpy.QtCore import QAbstractListModel, QPoint, Qt
from qtpy.QtGui import QContextMenuEvent, QGuiApplication
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDockWidget,
    QMenu,
    QStackedWidget,
    QWidget,
)

import builders as b
import screens as s
from napari_rxrx3.core.display import LAYER_PANELS, display
from napari_rxrx3.core.words import key_in_words
from napari_rxrx3.gui.docking import dock_explorer
from napari_rxrx3.gui.docks import NEIGHBORS, ROOMY, docked
from napari_rxrx3.gui.napari_window import canvas_of, layer_docks_of
from napari_rxrx3.gui.widgets import Column
from napari_rxrx3.hits.hit import tags_in_use
from napari_rxrx3.strips import arrange
from window import Window, rgba_of

LEFT, TAB = Qt.MouseButton.LeftButton, Qt.Key.Key_Tab
VERTICAL = Qt.Orientation.Vertical
PLAIN = Qt.KeyboardModifier.NoModifier
SIZE = 64


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    """Twelve genes in two experiments, and a compound at four doses."""
    direction = s.Wells(seed=5, dim=12).direction
    effects = {"PLK1": 5 * direction("a"), "AURKB": 4 * direction("a")}
    genes = [*effects, *s.gene_names(10)]
    wells = s.gene_screen(genes, guides=2, plates=2, controls=12, effects=effects, seed=5, dim=12)
    for plate in (1, 2):
        wells.guide("gene-001", plate, "PLACED", plate, 0.0, address="Z40")
    wells.control("compound-001", 1, 12)
    for dose in (0.1, 1.0, 2.5, 10.0):
        for _ in range(2):
            wells.dose("compound-001", 1, "Bortezomib", dose, 5 * direction("a"))
    planes = {row["well_id"]: b.noise(row["well_id"], SIZE) for row in wells.rows}
    return b.Screen(wells.rows, planes, wells.vectors())


@pytest.fixture(scope="module")
def root(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return screen.write_rxrx3(tmp_path_factory.mktemp("dock") / "screen")


@pytest.fixture
def window(standing_window: Window, screen: b.Screen, root: Path, qtbot: Any) -> Window:
    window = standing_window
    window.qtbot, window.screen = qtbot, screen
    if window.session.dataset is None:
        window.open(root)
    window.session.set_beside_control(True)
    window.session.set_view("well")
    window.neighbors.panel.candidates.show_list("similar")
    window.session.select_well(first_well(window, "PLK1_guide_1"))
    window.settle()
    return window


def first_well(window: Window, treatment: str) -> str:
    wells = window.session.dataset.wells
    return str(wells.index[wells["treatment"] == treatment][0])


def candidates(window: Window) -> list[Any]:
    return window.neighbors.panel.candidates.strip.model.candidates


def shown(window: Window) -> list[str | None]:
    return [tile.well_id for tile in window.explorer.workspace.picture.mosaic.tiles]


def place_of(window: Window, row: int) -> QPoint:
    view = window.neighbors.panel.candidates.strip.view
    return view.visualRect(view.model().index(row, 0)).center()


def click_candidate(window: Window, row: int) -> None:
    view = window.neighbors.panel.candidates.strip.view
    window.qtbot.mouseClick(view.viewport(), LEFT, pos=place_of(window, row))
    window.settle()


def choose_list(window: Window, words: str) -> None:
    """Choose what is listed by arrow keys, as a person does who has reached the box by Tab."""
    box = window.neighbors.panel.candidates.order
    box.setFocus()
    wanted = box.findText(words)
    assert wanted >= 0
    while box.currentIndex() != wanted:
        below = wanted > box.currentIndex()
        window.qtbot.keyClick(box, Qt.Key.Key_Down if below else Qt.Key.Key_Up)
    window.settle()


# --- the pair in the canvas -------------------------------------------------------------------


def test_a_well_that_is_gone_to_stands_beside_its_control(window: Window) -> None:
    well, control = shown(window)
    wells = window.session.dataset.wells
    assert well == window.session.well
    assert wells.loc[control, "treatment"] == "EMPTY_control"
    assert wells.loc[control, "plate"] == wells.loc[well, "plate"]
    assert window.shows(well)
    assert "and control" in window.title


def test_escape_shows_wells_alone_until_a_control_is_asked_for(window: Window) -> None:
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
    window.map.setFocus()
    window.qtbot.keyClick(window.map, Qt.Key.Key_Escape)
    window.settle()
    assert shown(window) == [window.session.well]
    window.session.select_well(first_well(window, "AURKB_guide_1"))
    window.settle()
    assert shown(window) == [window.session.well]
    window.qtbot.keyClick(window.map, Qt.Key.Key_C)
    window.settle()
    assert len(shown(window)) == 2
    window.session.select_well(first_well(window, "PLK1_guide_2"))
    window.settle()
    assert len(shown(window)) == 2


def test_a_click_puts_a_candidate_in_the_place_of_the_control(window: Window) -> None:
    query = window.session.well
    click_candidate(window, 0)
    first = candidates(window)[0]
    assert first.key == "AURKB"
    assert shown(window) == [query, first.well]
    assert window.session.query.key == "PLK1", "the question stays"
    view = window.neighbors.panel.candidates.strip.view
    window.qtbot.keyClick(view, Qt.Key.Key_Right)
    window.settle()
    assert shown(window) == [query, candidates(window)[1].well]


def test_a_double_click_or_enter_makes_a_candidate_the_query(window: Window) -> None:
    query = window.session.well
    view = window.neighbors.panel.candidates.strip.view
    click_candidate(window, 0)
    window.qtbot.mouseDClick(view.viewport(), LEFT, pos=place_of(window, 0))
    window.settle()
    assert window.session.query.key == "AURKB"
    assert candidates(window)[0].key == "PLK1"
    window.click(window.neighbors.panel.question.back)
    window.settle()
    assert window.session.well == query
    click_candidate(window, 1)
    key = candidates(window)[1].key
    window.qtbot.keyClick(view, Qt.Key.Key_Return)
    window.settle()
    assert window.session.query.key == key


# --- the lists --------------------------------------------------------------------------------


def test_neighbors_are_listed_with_their_evidence(window: Window) -> None:
    data = window.session.dataset
    table = data.phenomap().nearest("PLK1", k=50)
    listed = candidates(window)
    genes = [key for key in table["key"] if "@" not in key]
    assert [each.key for each in listed if "@" not in each.key] == genes
    doses = [each for each in listed if "@" in each.key]
    assert [each.name for each in doses] == [
        key_in_words(next(key for key in table["key"] if "@" in key))
    ]
    assert doses[0].lines[0].endswith("+3")
    assert any("3 more doses" in line for line in doses[0].about)
    first = table.iloc[0]
    assert listed[0].lines[0].startswith(f"cos {first['similarity']:.2f}")
    assert f"q {first['q_value']:.1g}".lstrip("0")[:2] in listed[0].lines[0]
    assert [bool(each.doubts) for each in listed if "@" not in each.key] == [
        bool(flags) for flags in table.loc[~table["key"].str.contains("@"), "flags"]
    ]


def test_what_the_numbers_below_pictures_are_is_said_above_them(window: Window) -> None:
    panel = window.neighbors.panel.candidates
    assert panel.note.text() == "cos · q · back"
    explained = [line.split(":")[0] for line in panel.note.toolTip().split("<br>")]
    assert [name.removeprefix("<p>") for name in explained] == ["cos", "q", "back", "+7"]
    window.click(panel.as_list)
    assert panel.note.text() == "", "the list has heads"
    window.click(panel.as_pictures)
    choose_list(window, "replicates")
    assert "cos" not in panel.note.text()
    choose_list(window, "nearest")
    assert panel.note.text() == "cos · q · back"


def test_a_scroll_bar_is_there_where_something_is_out_of_sight(window: Window) -> None:
    view = window.neighbors.panel.candidates.strip.view
    side = view.side
    for listed, scrolls in (("what was found", False), ("replicates", False), ("nearest", True)):
        choose_list(window, listed)
        assert len(candidates(window)) < 5 or scrolls
        assert view.horizontalScrollBar().isVisible() is scrolls
        assert view.side == side


def said_by(widget: Any) -> Iterator[str]:
    """All that a widget shows, and says when the mouse rests on it or to a screen reader."""
    for name in ("text", "toolTip", "accessibleName", "accessibleDescription", "currentText"):
        value = getattr(widget, name, None)
        if callable(value):
            with suppress(TypeError):  # of some it takes a place
                yield str(value())
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        model, roles = widget.model(), Qt.ItemDataRole
        columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount()
        for row in range(min(model.rowCount(), 60)):
            for column in range(columns):
                for role in (roles.DisplayRole, roles.ToolTipRole, roles.AccessibleTextRole):
                    yield str(model.index(row, column).data(role))


@pytest.mark.soak
def test_a_dose_is_never_written_as_in_a_key(window: Window) -> None:
    """It is "1 µM" in the window, and `@1` in files and in Python."""
    panel = window.neighbors.panel.candidates
    window.session.select_well(first_well(window, "Bortezomib"))
    window.settle()
    for name in ("similar", "strongest", "replicates", "series"):
        panel.show_list(name)
        window.settle()
        shown = [w for w in window.explorer.window().findChildren(QWidget) if w.isVisible()]
        said = [text for widget in shown for text in said_by(widget)]
        assert any(" µM" in text for text in said)
        assert [text for text in said if re.search(r"\w@\d", text)] == []


def test_a_new_question_starts_at_its_first_candidate(window: Window) -> None:
    view = window.neighbors.panel.candidates.strip.view
    bar = view.horizontalScrollBar()
    bar.setValue(bar.maximum())
    assert bar.value() > 0
    window.session.select_well(first_well(window, "AURKB_guide_1"))
    window.settle()
    assert bar.value() == 0


@pytest.mark.parametrize(
    ("words", "kind", "treatment"),
    [
        ("replicates", "replicates", "PLK1_guide_1"),
        ("guides or doses", "guides", "PLK1_guide_1"),
        ("same position", "position", "EMPTY_control"),
        ("guides or doses", "doses", "Bortezomib"),
    ],
)
def test_lists_of_wells_follow_the_well(
    window: Window, words: str, kind: str, treatment: str
) -> None:
    choose_list(window, words)
    wells = window.session.dataset.wells
    first = first_well(window, treatment)
    if kind == "position":  # one that there is on several plates
        first = str(wells.index[wells["address"] == "Z40"][0])
    others = [] if kind in ("doses", "position") else [first_well(window, "AURKB_guide_1")]
    for well in (first, *others):
        window.session.select_well(well)
        window.settle()
        strip = arrange(kind, window.session.dataset, well, query=window.session.query)
        expected = [tile.well_id for tile in strip.tiles if tile.well_id != well]
        assert [each.well for each in candidates(window)] == expected
        assert window.neighbors.panel.candidates.order.currentText() == words
    click_candidate(window, 0)
    assert shown(window) == [window.session.well, candidates(window)[0].well]
    choose_list(window, "nearest")
    assert candidates(window)[0].key == window.neighbors.panel.candidates.model.neighbors[0].key


def test_what_was_selected_and_what_was_found_is_listed(window: Window) -> None:
    choose_list(window, "selected wells")
    wells = window.session.dataset.wells_of_plate(window.session.plate).index[:4]
    window.session.select_wells(wells)
    window.settle()
    assert [each.well for each in candidates(window)] == [
        well for well in wells if well != window.session.well
    ]
    choose_list(window, "what was found")
    assert candidates(window) == []
    note = window.neighbors.panel.candidates.note
    assert "Search" in note.text()
    assert not note.isVisible(), "it is said in the place of pictures"
    find = window.explorer.find
    window.qtbot.keyClicks(find, "AURKB")
    window.settle()
    window.qtbot.keyClick(find, Qt.Key.Key_Return)
    window.settle()
    table = window.session.dataset.wells
    found = set(table.index[table["gene"] == "AURKB"]) - {window.session.well}
    assert {each.well for each in candidates(window)} == found
    assert note.text().startswith("AURKB: ")
    assert note.isVisible()
    find.clear()
    window.settle()


def test_where_there_is_nothing_to_list_the_reason_is_said(window: Window) -> None:
    choose_list(window, "guides or doses")
    control = window.session.dataset.wells.index[
        window.session.dataset.wells["treatment"] == "EMPTY_control"
    ][0]
    window.session.select_well(str(control))
    window.settle()
    assert candidates(window) == []
    assert "not a guide of a gene" in window.neighbors.panel.candidates.note.text()


# --- what can be done with a candidate -------------------------------------------------------


def test_candidates_show_their_tags_and_go_into_the_queue(window: Window) -> None:
    window.qtbot.waitUntil(lambda: window.session.review is not None)
    first = candidates(window)[0]
    window.session.review.tag(first.well, 3)
    assert candidates(window)[0].tag == 3
    window.session.review.tag(first.well, 0)
    assert candidates(window)[0].tag == 0
    view = window.neighbors.panel.candidates.strip.view
    before = len(window.session.review.queue)
    for each in candidates(window)[:2]:
        view.queue_wanted.emit(each)
    view.queue_wanted.emit(first)
    queue = window.session.review.queue
    assert [item.well_id for item in queue.items[before:]] == [
        each.well for each in candidates(window)[:2]
    ]
    assert "already" in window.session.message
    view.copy_wanted.emit(first)
    assert first.well in QGuiApplication.clipboard().text()


def menu_of_candidate(window: Window, row: int) -> QMenu:
    """Open the menu of a candidate by the right button."""
    view, reason = window.neighbors.panel.candidates.strip.view, QContextMenuEvent.Reason.Mouse
    at = place_of(window, row)
    QApplication.sendEvent(
        view.viewport(), QContextMenuEvent(reason, at, view.viewport().mapToGlobal(at))
    )
    menu = view.findChildren(QMenu)[-1]
    window.qtbot.waitUntil(menu.isVisible)
    return menu


def choose(window: Window, menu: QMenu, words: str) -> None:
    action = next(action for action in menu.actions() if action.text() == words)
    window.qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())
    window.settle()


def test_a_candidate_is_tagged_by_its_menu_and_the_question_stays(window: Window) -> None:
    window.qtbot.waitUntil(lambda: window.session.review is not None)
    click_candidate(window, 0)
    first, query, well = candidates(window)[0], window.session.query, window.session.well
    before = shown(window)
    name = tags_in_use()[0].name
    for tag in (1, 0):
        choose(window, menu_of_candidate(window, 0), name)
        hit = window.session.review.hits.get(first.well)
        assert (hit.tag if hit is not None else 0) == tag
        assert candidates(window)[0].tag == tag
        assert first.name in window.session.message
        assert (name if tag else "no tag") in window.session.message
        assert (window.session.query, window.session.well) == (query, well)
        assert shown(window) == before


def test_all_candidates_can_be_seen_in_the_canvas(window: Window) -> None:
    query = window.session.well
    window.neighbors.panel.candidates.strip.view.all_wanted.emit()
    window.settle()
    assert shown(window)[0] == query
    wells = [each.well for each in candidates(window) if each.well is not None]
    assert set(shown(window)) & set(wells) == set(wells[:6])


def test_a_stain_alone_is_gray_as_in_the_canvas(window: Window) -> None:
    strip = window.neighbors.panel.candidates.strip
    colored = rgba_of(strip.picture(candidates(window)[0]))
    assert not np.array_equal(colored[..., 0], colored[..., 2])
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
    window.map.setFocus()
    for _ in range(2):
        window.qtbot.keyClick(window.map, Qt.Key.Key_2, Qt.KeyboardModifier.ShiftModifier)
        window.settle()
        pixels = rgba_of(strip.picture(candidates(window)[0]))
        is_gray = bool((pixels[..., :1] == pixels[..., :3]).all())
        assert is_gray == (window.explorer.workspace.layers.solo == 2)
    assert np.array_equal(pixels, colored)


def test_the_list_has_the_same_order(window: Window) -> None:
    panel = window.neighbors.panel
    window.click(panel.candidates.as_list)
    assert panel.candidates.table.isVisible()
    assert not panel.candidates.strip.isVisible()
    assert [n.key for n in panel.candidates.model.neighbors] == [
        each.key for each in candidates(window)
    ]
    window.click(panel.candidates.as_pictures)
    assert panel.candidates.strip.isVisible()


# --- docks ------------------------------------------------------------------------------------


def area_of(window: Window, widget: Any) -> Any:
    dock = widget.parentWidget()
    assert isinstance(dock, QDockWidget)
    return window.viewer.window._qt_window.dockWidgetArea(dock)


def test_the_explorer_brings_the_neighbors_along(
    new_window: Callable[..., Window], root: Path
) -> None:
    window = new_window()
    window.qtbot.waitUntil(lambda: len(window.viewer.window.dock_widgets) == 2)
    assert area_of(window, window.explorer) == Qt.DockWidgetArea.RightDockWidgetArea
    assert area_of(window, window.neighbors) == Qt.DockWidgetArea.BottomDockWidgetArea
    window.qtbot.waitUntil(lambda: not any(d.isVisible() for d in layer_docks_of(window.viewer)))
    window.click(window.explorer.layers_button)
    assert all(dock.isVisible() for dock in layer_docks_of(window.viewer))
    window.click(window.explorer.layers_button)
    assert not any(dock.isVisible() for dock in layer_docks_of(window.viewer))


@pytest.mark.soak
def test_closing_the_explorer_gives_napari_its_panels_back(
    open_window: Callable[..., Window], root: Path
) -> None:
    window = open_window(root)
    window.qtbot.waitUntil(lambda: not any(d.isVisible() for d in layer_docks_of(window.viewer)))
    neighbors = window.neighbors
    window.viewer.window.remove_dock_widget(window.explorer.parentWidget())
    assert all(dock.isVisible() for dock in layer_docks_of(window.viewer))
    assert neighbors.isVisible(), "each dock is closed alone"
    assert neighbors.panel.candidates.strip.model.candidates


@pytest.mark.soak
def test_the_neighbors_can_be_closed_and_opened_again(
    open_window: Callable[..., Window], root: Path
) -> None:
    window = open_window(root)
    listed = [each.key for each in candidates(window)]
    window.viewer.window.remove_dock_widget(window.neighbors.parentWidget())
    window.qtbot.wait(50)
    assert window.explorer.isVisible()
    window.click_well("C03")
    again = docked(window.viewer, NEIGHBORS)
    window.session.back()
    window.settle()
    assert [each.key for each in again.panel.candidates.strip.model.candidates] == listed


def float_or_dock(window: Window, widget: QWidget) -> None:
    """Click on the button of its title."""
    dock = widget.parentWidget()
    before = dock.isFloating()
    window.click(dock.titleBarWidget().float_button)
    window.qtbot.waitUntil(lambda: dock.isFloating() is not before and dock.isVisible())
    window.settle()


def press_in(window: Window, where: QWidget, key: Any, modifier: Any = PLAIN) -> None:
    """Press a key in a widget, in whose window the user works."""
    where.activateWindow()
    window.qtbot.waitUntil(where.isActiveWindow, timeout=5_000)
    where.setFocus()
    window.qtbot.keyClick(where, key, modifier)
    window.settle()


@pytest.mark.soak
def test_docks_that_float_follow_and_have_their_keys(
    open_window: Callable[..., Window], root: Path, screen: b.Screen
) -> None:
    """In their own windows as in the main one, and again when they are docked."""
    window = open_window(root, screen)
    canvas, Key = canvas_of(window.viewer), Qt.Key
    docks = window.explorer, window.neighbors
    window.session.select_well(first_well(window, "PLK1_guide_1"))
    for widget in docks:
        float_or_dock(window, widget)
    for where in (canvas, window.map, window.neighbors.panel.candidates.strip.view, canvas):
        if where is window.map:
            window.click_well("Z40")
            assert window.session.query.key == "PLACED"
        press_in(window, where, Key.Key_H)
        assert window.explorer.tabs.currentWidget() is window.explorer.hits
        window.explorer.tabs.setCurrentIndex(1)
        press_in(window, where, Key.Key_F, Qt.KeyboardModifier.ControlModifier)
        window.qtbot.waitUntil(window.explorer.find.hasFocus, timeout=5_000)
        press_in(window, where, Key.Key_M)
        assert window.neighbors.map.isVisible()
        window.neighbors.tabs.setCurrentIndex(0)
        press_in(window, where, Key.Key_1)
        assert not window.stains[0].visible
        press_in(window, where, Key.Key_1)
        assert window.stains[0].visible
        if where is window.neighbors.panel.candidates.strip.view:
            for widget in docks:
                float_or_dock(window, widget)
    window.click_well(first_well(window, "PLK1_guide_1").split("_")[-1])
    assert window.session.query.key == "PLK1"


@pytest.mark.soak
@pytest.mark.parametrize("area", ["left", "top", "right"])
def test_docks_can_be_moved_to_another_side(
    open_window: Callable[..., Window], root: Path, area: str
) -> None:
    window = open_window(root)
    main, widget = window.viewer.window._qt_window, window.neighbors
    areas = {"left": "Left", "top": "Top", "right": "Right"}
    where = getattr(Qt.DockWidgetArea, f"{areas[area]}DockWidgetArea")
    main.addDockWidget(where, widget.parentWidget())
    window.qtbot.wait(50)
    window.settle()
    assert area_of(window, widget) == where
    click_candidate(window, 1)
    assert shown(window)[1] == candidates(window)[1].well
    view = widget.panel.candidates.strip.view
    assert view.side >= 48
    assert view.viewport().rect().contains(place_of(window, 0))
    assert (main.width(), main.height()) == (1280, 800)


def are_layers_shown(window: Window) -> bool:
    return all(dock.isVisible() for dock in layer_docks_of(window.viewer))


@pytest.mark.soak
def test_where_there_is_room_napari_keeps_its_panels(
    open_window: Callable[..., Window], root: Path
) -> None:
    window = open_window(root)
    open_again(window, ROOMY, 1080)
    assert are_layers_shown(window)
    labels = window.explorer.workspace.labels
    assert all(labels.place_of(tile).width() >= 600 for tile in labels._mosaic.tiles)


@pytest.mark.soak
@pytest.mark.parametrize("way", ["button", "menu"])
def test_whether_layers_are_shown_is_remembered(
    open_window: Callable[..., Window], root: Path, way: str
) -> None:
    """By the button, or by napari's own menu, which has these actions of the docks."""
    window = open_window(root)

    def switch() -> None:
        if way == "button":
            window.click(window.explorer.layers_button)
        else:
            for dock in layer_docks_of(window.viewer):
                dock.toggleViewAction().trigger()
        window.qtbot.wait(20)

    assert not are_layers_shown(window)
    for expected in (True, False):
        switch()
        assert are_layers_shown(window) is expected
        open_again(window, 1280, 800)
        assert are_layers_shown(window) is expected
        assert get_plugin_settings("napari-rxrx3").display.layer_panels == display.layer_panels


@pytest.mark.soak
def test_closing_the_explorer_is_no_choice(open_window: Callable[..., Window], root: Path) -> None:
    window = open_window(root)
    before = display.layer_panels
    window.viewer.window.remove_dock_widget(window.explorer.parentWidget())
    window.qtbot.wait(20)
    assert are_layers_shown(window)
    assert display.layer_panels == before


@pytest.mark.soak
@pytest.mark.parametrize("choice", LAYER_PANELS)
def test_the_preferences_fold_and_unfold_layers_at_once(
    open_window: Callable[..., Window], root: Path, choice: str
) -> None:
    window = open_window(root)
    for start in ("shown", "folded"):
        display.layer_panels = start
        display.layer_panels = choice
        assert are_layers_shown(window) is (choice == "shown")


@pytest.mark.soak
@pytest.mark.parametrize("points", [9, 12])
def test_the_window_can_be_narrow_at_any_font_size(
    open_window: Callable[..., Window], root: Path, points: int
) -> None:
    window = open_window(root)
    get_settings().appearance.font_size = points
    window.qtbot.wait(200)
    window.settle()
    main, view = window.viewer.window._qt_window, window.neighbors.panel.candidates.strip.view
    assert (main.width(), main.height()) == (1280, 800)
    assert main.minimumSizeHint().width() <= 900
    assert main.minimumSizeHint().height() <= 600
    assert window.map.wellRect(0).width() >= 6
    assert view.side >= 150
    window.viewer.window.resize(900, 600)
    window.qtbot.waitUntil(lambda: (main.width(), main.height()) == (900, 600))


def whole_candidates(window: Window) -> list[int]:
    view = window.neighbors.panel.candidates.strip.view
    places = {row: view.visualRect(view.model().index(row, 0)) for row in view.seen()}
    return [row for row, place in places.items() if view.viewport().rect().contains(place)]


def test_at_1280_by_800_likeness_can_be_judged(
    open_window: Callable[..., Window], root: Path
) -> None:
    """Both wells, five candidates and the wells of the plate are large enough, nothing is cut.

    So they are with words of the default size, and with larger ones.
    """
    window = open_window(root)
    main, view = window.viewer.window._qt_window, window.neighbors.panel.candidates.strip.view
    labels = window.explorer.workspace.labels
    for points in (get_settings().appearance.font_size, 12):
        get_settings().appearance.font_size = points
        window.viewer.window.resize(1280, 800)
        window.qtbot.wait(200)
        window.settle()
        assert (main.width(), main.height()) == (1280, 800)
        assert view.side >= 150
        assert len(whole_candidates(window)) >= 5
        note = window.neighbors.panel.candidates.note
        assert note._shown() == "cos · q · back"
        for tile in window.explorer.workspace.picture.mosaic.tiles:
            box = labels.place_of(tile)
            assert min(box.width(), box.height()) >= 360
        assert window.map.wellRect(0).width() >= 6
        for dock in (window.explorer, window.neighbors):
            assert dock.width() >= dock.minimumSizeHint().width()
            assert dock.height() >= dock.minimumSizeHint().height()


@pytest.mark.soak
def test_a_window_that_becomes_wide_has_larger_candidates(
    open_window: Callable[..., Window], root: Path
) -> None:
    """As one has that was opened as wide, and back; a height that the user chose stays."""
    window = open_window(root)
    main, view = window.viewer.window._qt_window, window.neighbors.panel.candidates.strip.view
    for size, side, least in (((1920, 1080), 200, 9), ((1280, 800), 150, 5)):
        window.viewer.window.resize(*size)
        window.qtbot.waitUntil(lambda: view.side == side)  # noqa: B023
        window.settle()
        assert (main.width(), main.height()) == size
        assert len(whole_candidates(window)) >= least
    main.resizeDocks([window.neighbors.parentWidget()], [window.neighbors.height() - 40], VERTICAL)
    window.qtbot.waitUntil(lambda: view.side < 150)
    chosen = window.neighbors.height()
    window.viewer.window.resize(1920, 1080)
    window.qtbot.wait(100)
    window.settle()
    assert window.neighbors.height() == pytest.approx(chosen, abs=4)


def bars_of(window: Window) -> list[Column]:
    """Columns of the explorer that scroll."""
    columns = window.explorer.findChildren(Column)
    return [column for column in columns if column.verticalScrollBar().isVisible()]


@pytest.mark.parametrize("points", [9, 12])
def test_the_numbers_are_seen_without_two_scroll_bars(
    open_window: Callable[..., Window], root: Path, points: int
) -> None:
    """Of a gene, of a compound and its curve; with the usual font without any bar at all."""
    window = open_window(root)
    get_settings().appearance.font_size = points
    window.qtbot.wait(200)
    numbers = window.explorer.numbers
    window.turn_to(numbers)
    shown = ("PLK1_guide_1", "AURKB_guide_1", "Bortezomib")
    for treatment, kind in (*((name, "") for name in shown), ("Bortezomib", "doses")):
        window.session.select_well(first_well(window, treatment))
        window.settle()
        window.session.want_strip(kind)
        window.settle()
        window.qtbot.waitUntil(lambda: len(bars_of(window)) <= (points > 9))
        window.qtbot.waitUntil(lambda: is_whole(window, numbers.side_by_side.pages))
        assert len(bars_of(window)) <= (points > 9), "nor does one come late"


def is_whole(window: Window, pages: QStackedWidget) -> bool:
    """Whether each number and all of the page below is seen, at the end of whatever scrolls."""
    for column in bars_of(window):
        column.verticalScrollBar().setValue(column.verticalScrollBar().maximum())
    page, card = pages.currentWidget(), window.explorer.numbers.card
    rows = [word for word in (*card.numbers, card.of_map) if word.isVisible()]
    if not rows or not all(word.parentWidget().rect().contains(word.geometry()) for word in rows):
        return False
    return page.visibleRegion().boundingRect() == page.rect() and page.height() >= 76


def open_again(window: Window, width: int, height: int) -> None:
    """Close the docks, give the window another size, and open the docks in it."""
    for widget in (window.explorer, window.neighbors):
        window.viewer.window.remove_dock_widget(widget.parentWidget())
    for dock in layer_docks_of(window.viewer):
        dock.show()
    window.viewer.window.resize(width, height)
    window.explorer = dock_explorer(window.viewer)
    window.qtbot.wait(100)
    window.settle()


@pytest.mark.soak
def test_at_1920_by_1080_nine_candidates_of_200_are_seen_below_wells_of_600(
    open_window: Callable[..., Window], root: Path
) -> None:
    window = open_window(root)
    open_again(window, 1920, 1080)
    assert_nine_are_seen(window)
    for tile in window.explorer.workspace.picture.mosaic.tiles:
        box = window.explorer.workspace.labels.place_of(tile)
        assert min(box.width(), box.height()) >= 600


@pytest.mark.soak
@pytest.mark.parametrize("points", [9, 12])
def test_at_1920_by_1080_all_room_beside_unfolded_panels_is_for_the_wells(
    open_window: Callable[..., Window], root: Path, points: int
) -> None:
    """Napari's panels can be no narrower; nor is the plate smaller for them, or for larger words.

    The plate stays as it is, whether or not a scroll bar stands beside it.
    """
    window = open_window(root)
    get_settings().appearance.font_size = points
    open_again(window, 1920, 1080)
    well = window.map.wellRect(0).size()
    window.click(window.explorer.layers_button)
    window.qtbot.waitUntil(lambda: are_layers_shown(window))
    window.qtbot.wait(200)
    window.settle()
    assert_nine_are_seen(window)
    assert window.map.wellRect(0).size() == well
    assert well.width() >= 6
    panels = [*layer_docks_of(window.viewer), window.explorer.parentWidget()]
    assert panels[0].width() == max(dock.minimumSizeHint().width() for dock in panels[:2])
    labels, tiles = window.explorer.workspace.labels, window.explorer.workspace.picture.mosaic.tiles
    boxes = [labels.place_of(tile) for tile in tiles]
    used = boxes[1].right() - boxes[0].left()
    assert used == pytest.approx(canvas_of(window.viewer).width() - 16, abs=2)


def assert_nine_are_seen(window: Window) -> None:
    main, view = window.viewer.window._qt_window, window.neighbors.panel.candidates.strip.view
    assert (main.width(), main.height()) == (1920, 1080)
    assert len(window.explorer.workspace.picture.mosaic.tiles) == 2
    assert view.side == 200
    assert len(whole_candidates(window)) >= 9

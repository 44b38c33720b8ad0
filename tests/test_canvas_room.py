"""What the canvas has room for: pictures that fill it, chips at its edge, layers of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari._qt.dialogs.qt_notification import NapariQtNotification
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

from builders import Screen, control_row, guide_row
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.stains import PIXEL_SIZE_UM, STAIN_SETS, STAINS
from napari_rxrx3.gui.canvas.bottom_row import BottomRow
from napari_rxrx3.gui.canvas.stain_bar import StainBar
from napari_rxrx3.gui.docks import NEIGHBORS
from napari_rxrx3.gui.share.view_record import record_of_window, take_look
from napari_rxrx3.session import CONTRAST_RULES
from napari_rxrx3.strips.strip import Strip
from window import WINDOW_SIZE, Window

pytestmark = pytest.mark.detail

SIZE = 64
PLK1, TUBB, CONTROL = (f"gene-001_1_{address}" for address in ("D05", "E05", "C03"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Screen, Path]:
    rows = [control_row("gene-001", 1, f"C{column:02d}") for column in range(3, 9)]
    rows += [guide_row("gene-001", 1, f"D{n:02d}", "PLK1", n) for n in range(5, 9)]
    rows += [guide_row("gene-001", 1, f"E{n:02d}", "TUBB", n) for n in range(5, 9)]
    screen = Screen.of(rows, size=SIZE)
    return screen, screen.write_rxrx3(tmp_path_factory.mktemp("room") / "screen")


@pytest.fixture
def window(open_window: Callable[..., Window], folder: tuple[Screen, Path]) -> Iterator[Window]:
    window = open_window(folder[1], folder[0])
    window.session.set_beside_control(False)
    window.session.select_well(PLK1)
    window.settle()
    yield window
    for dock in layer_docks(window):
        dock.show()


def stains_of(window: Window) -> StainBar:
    return window.explorer.workspace.stains


def canvas_of(window: Window) -> QWidget:
    return window.viewer.window._qt_viewer.canvas.native


def layer_docks(window: Window) -> list[QDockWidget]:
    viewer = window.viewer.window._qt_viewer
    return [viewer.dockLayerControls, viewer.dockLayerList]


def show_layer_docks(window: Window) -> None:
    for dock in layer_docks(window):
        dock.show()
    QApplication.processEvents()
    window.settle()


def give_canvas(window: Window, width: int, height: int) -> None:
    """Make the window so large that its canvas is."""
    for dock in layer_docks(window):
        dock.hide()
    main, canvas = window.viewer.window._qt_window, canvas_of(window)
    window.explorer.setMinimumHeight(0)
    for _ in range(3):
        main.resize(main.width() + width - canvas.width(), main.height() + height - canvas.height())
        QApplication.processEvents()
    window.settle()


def set_canvas(window: Window, width: int, height: int) -> None:
    """As `give_canvas`, where docks leave no window as low as that: a dock below takes the rest."""
    main = window.viewer.window._qt_window
    for dock in main.findChildren(QDockWidget):
        if NEIGHBORS in dock.windowTitle() or NEIGHBORS in dock.objectName():
            dock.hide()
    below = next((d for d in main.findChildren(QDockWidget) if d.windowTitle() == "below"), None)
    if below is None:
        below = QDockWidget("below", main)
        below.setWidget(QWidget())
        main.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, below)
    main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    give_canvas(window, width, max(height, 600))
    assert canvas_of(window).width() == width
    taken = canvas_of(window).height() - height
    main.resizeDocks([below], [below.height() + taken], Qt.Orientation.Vertical)
    window.settle()
    window.qtbot.waitUntil(lambda: abs(canvas_of(window).height() - height) <= 2, timeout=5000)
    window.settle()


@pytest.fixture
def sized(window: Window) -> Iterator[Callable[[int, int], None]]:
    main = window.viewer.window._qt_window
    yield lambda width, height: set_canvas(window, width, height)
    for dock in main.findChildren(QDockWidget, ""):
        if dock.windowTitle() == "below":
            main.removeDockWidget(dock)
            dock.deleteLater()
    window.viewer.window.resize(*WINDOW_SIZE)


def show(window: Window, n: int) -> None:
    wells = [PLK1, CONTROL, TUBB, *(f"gene-001_1_D0{i}" for i in (6, 7, 8))][:n]
    tiles = tuple(Tile(well, well[-3:]) for well in wells)
    window.session.show_strip(Strip("wells", f"{n} wells", tiles))
    window.settle()


def places(window: Window) -> list[QRect]:
    labels = window.explorer.workspace.labels
    return [labels.place_of(tile).toRect() for tile in labels._mosaic.tiles]


def grid(window: Window) -> list[tuple[int, int]]:
    return [(t.row, t.column) for t in window.explorer.workspace.picture.mosaic.tiles]


# --- pictures fill the canvas ---------------------------------------------------------------------


def test_at_first_both_wells_are_large(window: Window) -> None:
    """In the window as it opens, at 1280 x 800 with both docks."""
    window.session.set_beside_control(True)
    window.click_well("E05")
    assert len(places(window)) == 2
    canvas = canvas_of(window)
    for place in places(window):  # below a title, above the box of the scale bar
        fills = place.height() >= canvas.height() - 90, place.width() >= canvas.width() / 2 - 25
        assert any(fills)
    assert_nothing_overlaps(window)


@pytest.mark.sample
@pytest.mark.parametrize(("canvas", "least"), [((860, 465), 360), ((1500, 715), 600)])
def test_two_wells_fill_the_canvas(
    window: Window, sized: Any, canvas: tuple[int, int], least: int
) -> None:
    sized(*canvas)
    show(window, 2)
    for place in places(window):
        assert min(place.width(), place.height()) >= least
        assert canvas_of(window).rect().contains(place)
    assert_nothing_overlaps(window)


def test_wells_lie_as_the_canvas_does(window: Window, sized: Any) -> None:
    show(window, 2)
    for canvas, expected in (((900, 450), [(0, 0), (0, 1)]), ((560, 800), [(0, 0), (1, 0)])):
        sized(*canvas)
        assert grid(window) == expected
        before = places(window)
        assert all(canvas_of(window).rect().contains(place) for place in before)
        window.session.select_well(TUBB)  # and as before after a click
        window.settle()
        show(window, 2)
        assert (grid(window), places(window)) == (expected, before)


def test_hiding_docks_fits_again_unless_somebody_zoomed(window: Window) -> None:
    show_layer_docks(window)
    show(window, 2)
    narrow = places(window)[0].width()
    for dock in layer_docks(window):
        dock.hide()
    QApplication.processEvents()
    window.settle()
    wide = places(window)[0].width()
    assert wide > narrow + 5
    for dock in layer_docks(window):
        dock.show()
    QApplication.processEvents()
    window.settle()
    assert places(window)[0].width() == pytest.approx(narrow, abs=2)
    window.viewer.scene.camera.zoom *= 2
    window.settle()
    for dock in layer_docks(window):
        dock.hide()
    QApplication.processEvents()
    window.settle()
    assert places(window)[0].width() == pytest.approx(2 * narrow, abs=4)


def test_the_home_button_fits_as_at_first(window: Window) -> None:
    show(window, 2)
    before = places(window)
    window.viewer.scene.camera.zoom *= 3
    window.viewer.window._qt_viewer.viewerButtons.resetViewButton.click()
    window.settle()
    assert places(window) == before


def test_a_plate_fits_beside_its_names(window: Window) -> None:
    window.viewer.window.resize(1280, 1150)  # so high that the width is what there is too little of
    show_layer_docks(window)
    window.session.set_view("plate")
    window.settle()
    canvas, labels = canvas_of(window), window.explorer.workspace.labels
    frame = window.explorer.workspace.layers.fitted_size
    zoom = window.viewer.scene.camera.zoom
    assert frame[1] * zoom <= canvas.width() - labels.edge_size[1]
    for dock in layer_docks(window):
        dock.hide()
    QApplication.processEvents()
    window.settle()
    assert window.viewer.scene.camera.zoom > 1.1 * zoom


# --- the lower edge ---------------------------------------------------------------------------


def scale_bar(window: Window) -> QRect:
    """Where napari draws its scale bar."""
    canvas = window.viewer.window._qt_viewer.canvas
    (drawn,) = canvas._viewer_overlay_to_visual[window.viewer.canvas.overlays.scale_bar]
    x, y = drawn.node.transform.translate[:2]
    return QRect(int(x), int(y), int(drawn.x_size), int(drawn.y_size))


def assert_nothing_overlaps(window: Window) -> None:
    window.viewer.screenshot(canvas_only=True, flash=False)
    workspace = window.explorer.workspace
    boxes = [workspace.stains.geometry(), workspace.view_switch.geometry(), scale_bar(window)]
    for i, box in enumerate(boxes):
        assert canvas_of(window).rect().contains(box)
        assert not any(box.intersects(other) for other in [*boxes[:i], *places(window)])


@pytest.mark.parametrize("width", [420, 560, 700, 860])
def test_nothing_overlaps_at_the_lower_edge(window: Window, sized: Any, width: int) -> None:
    sized(width, 465)
    for zoom in (1.0, 0.7, 0.45):
        show(window, 1)
        window.viewer.scene.camera.zoom *= zoom
        window.settle()
        window.viewer.screenshot(canvas_only=True, flash=False)
        workspace = window.explorer.workspace
        boxes = [workspace.stains.geometry(), workspace.view_switch.geometry(), scale_bar(window)]
        for i, box in enumerate(boxes):
            assert not any(box.intersects(other) for other in boxes[:i])
            assert canvas_of(window).rect().contains(box)


@pytest.mark.sample
def test_what_napari_says_lies_over_the_chips(qtbot: Any) -> None:
    """Also what it said before there were any."""
    canvas = QWidget()
    qtbot.addWidget(canvas)
    canvas.resize(600, 400)
    canvas.show()
    notice = NapariQtNotification("Something to be read. " * 4, "warning", parent=canvas)
    notice.show()
    row = BottomRow(canvas)
    row.set_visible(True)
    shared = notice.geometry() & row.view_switch.geometry()
    assert not shared.isEmpty()
    on_top = canvas.childAt(shared.center())
    assert on_top is notice or notice.isAncestorOf(on_top)


def test_chips_carry_their_names_where_there_is_room(window: Window, sized: Any) -> None:
    sized(860, 465)
    assert [b.text() for b in stains_of(window).buttons] == [f"{s.number} {s.name}" for s in STAINS]
    sized(560, 465)
    assert [b.text() for b in stains_of(window).buttons] == [s.name for s in STAINS]
    sized(430, 465)
    assert [b.text() for b in stains_of(window).buttons] == list("123456")


def test_chips_leave_the_keyboard_to_the_canvas(window: Window) -> None:
    main, canvas = window.viewer.window._qt_window, canvas_of(window)
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5000)
    canvas.setFocus()
    workspace = window.explorer.workspace
    for button in (*workspace.stains.buttons[:2], *workspace.view_switch.buttons.values()):
        window.click(button)
        assert QApplication.focusWidget() is canvas
    window.settle()
    reached = {
        workspace.stains.buttons[0].focusPolicy(),
        workspace.stains.menu_button.focusPolicy(),
    }
    assert reached == {Qt.FocusPolicy.TabFocus}


def test_without_a_data_set_there_are_no_chips(open_window: Callable[..., Window]) -> None:
    window = open_window()
    assert not stains_of(window).isVisible()
    assert not window.explorer.workspace.view_switch.isVisible()


@pytest.mark.parametrize("name", STAIN_SETS)
def test_a_set_of_stains_is_one_click(window: Window, name: str) -> None:
    window.explorer.workspace.layers.show_alone(2)
    stains_of(window).sets[name].trigger()
    assert {n for n, x in enumerate(window.stains, 1) if x.visible} == set(STAIN_SETS[name])
    assert [b.isChecked() for b in stains_of(window).buttons] == [x.visible for x in window.stains]
    assert window.stains[1].colormap.name == "rxrx3 ER"


def test_the_contrast_rule_is_in_the_menu(window: Window) -> None:
    stains = stains_of(window)
    assert stains.rule == window.session.contrast_rule
    assert not stains.rules[CONTRAST_RULES[3]].isVisible(), "files of RxRx3 say nothing of it"
    for rule in CONTRAST_RULES[:3]:
        stains.rules[rule].trigger()
        window.settle()
        assert (window.session.contrast_rule, stains.rule) == (rule, rule)
    assert set(stains.menu_button.menu().actions()) >= {*stains.sets.values(), stains.reset}


# --- stains that were removed ------------------------------------------------------------------


def test_a_removed_stain_is_struck_out_and_comes_back_by_a_click(window: Window) -> None:
    before = [layer.name for layer in window.stains]
    button = stains_of(window).buttons[2]
    plain = button.grab().toImage()
    window.viewer.layers.remove("3 Actin")
    assert button.is_removed
    assert "removed" in button.toolTip()
    assert button.grab().toImage() != plain
    window.click_well("E05")
    assert button.is_removed, "another well does not bring it back"
    assert "3 Actin" not in [layer.name for layer in window.stains]
    before_it = window.stains[0].contrast_limits
    window.stains[0].contrast_limits = [before_it[0], before_it[1] + 50]
    assert window.session.contrast_rule == "by hand", "the others' contrast can be set"
    window.click_well("D05")
    window.click(button)
    assert [layer.name for layer in window.stains] == before
    assert window.shows(PLK1)
    assert not button.is_removed
    assert "Key 3" in button.toolTip()
    assert window.stains[2].contrast_limits == list(window.session.limits[2])


def test_all_stains_that_were_removed_come_back_with_the_next_well(window: Window) -> None:
    window.viewer.layers.clear()
    assert all(button.is_removed for button in stains_of(window).buttons)
    window.click_well("E05")
    assert window.shows(TUBB)
    assert not any(button.is_removed for button in stains_of(window).buttons)


# --- layers of the user's ----------------------------------------------------------------------


def add_points(window: Window, name: str = "spots") -> Any:
    return window.viewer.add_points(np.array([[5.0, 5.0], [9.0, 20.0]]), name=name, size=2)


@pytest.mark.soak
@pytest.mark.sample
def test_points_of_a_well_are_not_shown_over_the_next_one(window: Window) -> None:
    points = add_points(window)
    data = points.data.copy()
    window.click_well("E05")
    assert not points.visible
    assert f"spots (of {PLK1})" in window.session.message
    assert points not in window.viewer.layers.selection
    window.click_well("D05")
    assert points.visible
    assert points in window.viewer.layers
    np.testing.assert_array_equal(points.data, data)


def test_points_stay_with_their_well_beside_others(window: Window) -> None:
    points = add_points(window)
    show(window, 2)
    assert points.visible, "the well is where it was"
    of_pair = add_points(window, "of both")
    away = 5.0 + 1.5 * SIZE * PIXEL_SIZE_UM
    other = [5.0, away] if grid(window)[1] == (0, 1) else [away, 5.0]
    of_pair.data = np.array([[5.0, 5.0], other])
    window.session.flicker()
    window.settle()
    assert (points.visible, of_pair.visible) == (False, False)
    window.session.flicker()
    window.settle()
    assert (points.visible, of_pair.visible) == (True, True)
    window.session.select_well(PLK1)
    window.settle()
    assert (points.visible, of_pair.visible) == (True, False)
    window.session.set_view("plate")
    window.settle()
    assert not points.visible
    window.session.set_view("well")
    window.settle()
    assert points.visible


def test_points_on_a_control_stay_with_it_whatever_is_beside_it(window: Window) -> None:
    sides = (PLK1, CONTROL), (TUBB, CONTROL), (TUBB, PLK1)
    strips = [
        Strip("wells", "a pair", tuple(Tile(w, w, 0, i) for i, w in enumerate(pair)))
        for pair in sides
    ]
    window.session.show_strip(strips[0])
    window.settle()
    points = add_points(window)
    is_wide = places(window)[1].x() > places(window)[0].x()
    points.data = np.array([[9.0, 50.0]]) if is_wide else np.array([[50.0, 9.0]])
    for strip, is_visible in zip(strips[1:] + strips[:1], (True, False, True), strict=True):
        window.session.show_strip(strip)
        window.settle()
        assert points.visible == is_visible
        if not is_visible:
            assert f"spots (of {CONTROL})" in window.session.message


def test_who_makes_points_visible_again_has_them_everywhere(window: Window) -> None:
    points = add_points(window)
    window.click_well("E05")
    points.visible = True
    window.click_well("E06")
    assert points.visible
    window.click_well("D05")
    assert points.visible


def test_what_the_user_hid_stays_hidden(window: Window) -> None:
    points = add_points(window)
    points.visible = False
    window.click_well("E05")
    window.click_well("D05")
    assert not points.visible


def test_layers_from_before_the_data_set_are_left_alone(
    open_window: Callable[..., Window], folder: tuple[Screen, Path]
) -> None:
    window = open_window()
    points = add_points(window)
    window.open(folder[1])
    window.click_well("D05")
    window.click_well("E05")
    assert points.visible


def test_points_that_were_removed_are_forgotten(window: Window) -> None:
    points = add_points(window)
    window.viewer.layers.remove(points)
    window.click_well("E05")
    window.click_well("D05")
    assert points not in window.viewer.layers
    assert window.shows(PLK1)


def test_a_click_on_a_chip_hits_it(window: Window) -> None:
    """The names over the canvas let the mouse through; chips do not."""
    button = stains_of(window).buttons[0]
    at = button.mapTo(canvas_of(window), QPoint(5, 5))
    assert canvas_of(window).childAt(at) is button


@pytest.mark.parametrize("points", [9, 12])
def test_chips_fit_at_other_font_sizes(window: Window, sized: Any, points: int) -> None:
    application = QApplication.instance()
    before = application.font()
    font = application.font()
    font.setPointSize(points)
    try:
        application.setFont(font)
        for width in (560, 860):
            sized(width, 465)
            show(window, 1)
            workspace = window.explorer.workspace
            assert not workspace.stains.geometry().intersects(workspace.view_switch.geometry())
            for button in workspace.stains.buttons:
                assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())
    finally:
        application.setFont(before)


def test_what_filled_the_canvas_fills_another_one_when_it_is_restored(window: Window) -> None:
    workspace = window.explorer.workspace
    show(window, 1)
    record = record_of_window(workspace)
    for dock in layer_docks(window):
        dock.hide()
    QApplication.processEvents()
    window.settle()
    fitted = places(window)
    window.viewer.scene.camera.zoom *= 3
    take_look(workspace, record)
    window.settle()
    assert places(window) == fitted
    window.viewer.scene.camera.zoom *= 3
    closer = record_of_window(workspace)
    workspace.layers.fit_again()
    take_look(workspace, closer)
    assert places(window)[0].width() == pytest.approx(3 * fitted[0].width(), abs=4)


def test_in_a_grid_each_stain_fills_its_cell(window: Window) -> None:
    viewer = window.viewer
    try:
        viewer.canvas.grid.enabled = True
        viewer.screenshot(canvas_only=True, flash=False)
        show(window, 2)
        picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].max(axis=-1)
        edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
        assert not any(edge.max() > 30 for edge in edges), "all of it is seen"
        assert (picture > 30).mean() > 0.2
    finally:
        viewer.canvas.grid.enabled = False

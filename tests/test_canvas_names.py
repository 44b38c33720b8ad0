"""What lies over the canvas agrees with the pixels below it, whatever napari does to them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QImage, QRegion
from qtpy.QtWidgets import QApplication, QWidget

from builders import Screen, control_row, guide_row
from mouse import hover
from napari_rxrx3.core.contrast import STRENGTH
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.gui.canvas.canvas_labels import CanvasLabels
from napari_rxrx3.session import CONTRAST_RULES
from napari_rxrx3.strips.strip import Strip
from samples import sample_unless_finest
from window import Window, rgba_of

SIZE = 64
ADDRESSES = ("A02", "AF02", "B03", "C02", "P24", "Q30", "AF47")
WELLS = [f"gene-001_1_{address}" for address in ADDRESSES]
LEVELS = {well: 6000 * (n + 3) for n, well in enumerate(WELLS)}
LIMITS = (0.0, 60_000.0)
ORIENTATIONS = list(product(("down", "up"), ("right", "left"), (False, True)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Screen, Path]:
    """A plate whose wells are told apart by how bright they are, all over."""
    rows = [control_row("gene-001", 1, ADDRESSES[0])]
    rows += [guide_row("gene-001", 1, a, "PLK1", n + 1) for n, a in enumerate(ADDRESSES[1:])]
    screen = Screen.of(rows, size=SIZE)
    for well, level in LEVELS.items():
        screen.planes[well] = np.full((6, SIZE, SIZE), level, np.uint16)
    return screen, screen.write_rxrx3(tmp_path_factory.mktemp("names") / "screen")


@pytest.fixture
def window(standing_window: Window, folder: tuple[Screen, Path], qtbot: Any) -> Iterator[Window]:
    window = standing_window
    window.qtbot, (window.screen, path) = qtbot, folder
    if window.session.dataset is None:
        window.open(path)
    window.session.set_view("well")
    window.session.set_contrast_rule(CONTRAST_RULES[2])
    window.session.set_limits((LIMITS,) * 6)
    window.explorer.workspace.layers.show_only({4})
    show_strip(window)
    yield window
    as_at_first(window)


def as_at_first(window: Window) -> None:
    viewer = window.viewer
    viewer.canvas.grid.enabled = False
    viewer.dims.ndisplay = 2
    for layer in [layer for layer in viewer.layers if layer not in ours(window)]:
        viewer.layers.remove(layer)
    for layer in ours(window):
        layer.affine = np.eye(3)
    viewer.dims.order = tuple(range(viewer.dims.ndim))
    viewer.scene.camera.orientation2d = ("down", "right")
    window.settle()


def ours(window: Window) -> list[Any]:
    return [layer for layer in window.explorer.workspace.layers._layers if layer is not None]


def show_strip(window: Window, n: int = 4) -> None:
    tiles = tuple(Tile(well, f"{well[-3:]}\nits place") for well in WELLS[:n])
    window.session.show_strip(Strip("wells", "some wells", tiles))
    window.settle()


def labels_of(window: Window) -> CanvasLabels:
    return window.explorer.workspace.labels


def canvas_of(window: Window) -> QWidget:
    return window.viewer.window._qt_viewer.canvas.native


def point_of(window: Window, well: str) -> QPoint:
    """Where the names have the middle of a well."""
    tile = next(t for t in labels_of(window)._mosaic.tiles if t.well_id == well)
    return labels_of(window).place_of(tile).center().toPoint()


def assert_pixel(window: Window, well: str) -> None:
    """Check that the canvas is as bright as a well, where its name is."""
    picture = window.viewer.screenshot(canvas_only=True, flash=False)
    at = point_of(window, well)
    ratio = picture.shape[1] / canvas_of(window).width()
    shown = picture[int(at.y() * ratio), int(at.x() * ratio), :3].astype(float)
    color = np.array(STAINS[3].color) * STRENGTH * LEVELS[well] / LIMITS[1]
    np.testing.assert_allclose(shown, 255 * color, atol=6, err_msg=well)


def double_click(window: Window, at: QPoint) -> None:
    hover(canvas_of(window), QPointF(at))
    window.qtbot.mouseDClick(canvas_of(window), Qt.MouseButton.LeftButton, pos=at)
    window.settle()


def painted(labels: CanvasLabels) -> np.ndarray:
    """What is written and drawn over the canvas, and nothing else (height, width, 4)."""
    image = QImage(labels.size(), QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    labels.render(image, QPoint(), QRegion(), QWidget.RenderFlag(0))
    return rgba_of(image)


def part(picture: np.ndarray, place: QRectF | QRect) -> np.ndarray:
    box = QRectF(place).toAlignedRect().intersected(QRect(0, 0, *picture.shape[1::-1]))
    return picture[box.top() : box.bottom() + 1, box.left() : box.right() + 1]


def look(window: Window, well: str, points: float) -> None:
    """Zoom, so that wells are about so many points wide, and pan that one into the middle."""
    camera = window.viewer.scene.camera
    now = labels_of(window).place_of(labels_of(window)._mosaic.tiles[0]).width()
    camera.zoom *= points / now
    away = point_of(window, well) - labels_of(window).rect().center()
    mouse_pan(window, -away)


def mouse_pan(window: Window, by: QPoint) -> None:
    """Move what is in the canvas by napari's own camera."""
    canvas = window.viewer.window._qt_viewer.canvas
    here, there = (
        canvas._map_canvas2world((0, 0), canvas.view),
        canvas._map_canvas2world((by.x(), by.y()), canvas.view),
    )
    shown = list(window.viewer.dims.displayed)
    center = np.array(window.viewer.scene.camera.center, float)
    center[-2:] -= (np.array(there) - np.array(here))[shown]
    window.viewer.scene.camera.center = tuple(center)
    window.settle()


# --- names, frames, clicks ---------------------------------------------------------------------


@pytest.mark.parametrize(("vertical", "horizontal", "transposed"), ORIENTATIONS)
def test_a_name_lies_on_its_well_in_a_strip(
    window: Window, vertical: str, horizontal: str, transposed: bool
) -> None:
    window.viewer.scene.camera.orientation2d = (vertical, horizontal)
    if transposed:
        window.viewer.window._qt_viewer.viewerButtons.transposeDimsButton.click()
    window.viewer.reset_view()
    window.settle()
    rng = random.Random(f"{vertical}{horizontal}{transposed}")
    for well in WELLS[:4]:
        assert_pixel(window, well)
    for well in rng.sample(WELLS[1:4], 2):
        look(window, well, rng.choice([60, 130, 300]))
        assert_pixel(window, well)
        double_click(window, point_of(window, well))
        assert window.session.well == well
        show_strip(window)


@pytest.mark.soak
@pytest.mark.parametrize(("vertical", "horizontal", "transposed"), ORIENTATIONS)
def test_a_name_lies_on_its_well_in_a_plate(
    window: Window, vertical: str, horizontal: str, transposed: bool
) -> None:
    window.session.set_view("plate")
    window.settle()
    window.viewer.scene.camera.orientation2d = (vertical, horizontal)
    if transposed:
        window.viewer.window._qt_viewer.viewerButtons.transposeDimsButton.click()
    window.viewer.reset_view()
    window.settle()
    rng = random.Random(f"{vertical}{horizontal}{transposed}")
    for well in (WELLS[0], WELLS[1], WELLS[-1]):
        assert_pixel(window, well)
    well = rng.choice(WELLS)
    look(window, well, rng.choice([40, 110, 150, 320]))
    assert_pixel(window, well)
    hover(canvas_of(window), QPointF(point_of(window, well)))
    window.qtbot.waitUntil(lambda: well in str(window.viewer.status))
    double_click(window, point_of(window, well))
    assert (window.session.well, window.session.view) == (well, "well")


@pytest.mark.soak
def test_rows_and_columns_are_named_beside_the_wells(window: Window) -> None:
    """Also where the plate lies on its side: letters are with the rows, wherever they go."""
    window.session.set_view("plate")
    window.settle()
    labels = labels_of(window)
    for transposed in (False, True):
        if transposed:
            window.viewer.dims.transpose()
            window.viewer.reset_view()
            window.settle()
        first, last = (
            labels.place_of(next(t for t in labels._mosaic.tiles if t.well_id == well))
            for well in (WELLS[0], WELLS[1])  # A02 and AF02
        )
        is_below = abs(last.y() - first.y()) > abs(last.x() - first.x())
        assert is_below != transposed
        ink, pitch = painted(labels)[..., 3] > 0, first.height() * 17 / 16
        middle = first.center()  # of A02, the second position: the plate begins one before it
        if transposed:
            letter = ink[round(first.top() - pitch) - 12, round(middle.x())]
            number = ink[round(middle.y() + pitch), : round(first.left()) - 4].any()
        else:
            letter = ink[round(middle.y()), : round(first.left() - pitch) - 4].any()
            number = ink[round(first.top()) - 12, : round(first.right() + 3 * pitch)].any()
        assert letter
        assert number


@pytest.mark.soak
def test_rolled_axes_have_no_names_till_they_are_back(window: Window) -> None:
    window.viewer.add_image(np.zeros((5, 20, 20)), name="a stack")
    window.settle()
    well = WELLS[1]
    window.viewer.dims.roll()
    window.settle()
    tile = labels_of(window)._mosaic.tiles[1]
    assert labels_of(window).place_of(tile).isEmpty()
    while window.viewer.dims.order != (0, 1, 2):
        window.viewer.dims.roll()
    window.viewer.layers["a stack"].visible = False
    window.settle()
    assert_pixel(window, well)


def test_in_three_dimensions_nothing_is_named_and_back_all_is(window: Window) -> None:
    tile = labels_of(window)._mosaic.tiles[1]
    window.viewer.dims.ndisplay = 3
    window.settle()
    assert labels_of(window).place_of(tile).isEmpty()
    window.viewer.dims.ndisplay = 2
    window.viewer.reset_view()
    window.settle()
    for well in WELLS[:4]:
        assert_pixel(window, well)


def test_in_a_grid_nothing_is_named_and_a_click_leads_to_the_well(window: Window) -> None:
    well, viewer = WELLS[2], window.viewer
    viewer.canvas.grid.enabled = True
    viewer.screenshot(canvas_only=True, flash=False)
    window.settle()
    tile = next(t for t in labels_of(window)._mosaic.tiles if t.well_id == well)
    assert labels_of(window).place_of(tile).isEmpty()
    y, x = np.median(np.argwhere(as_bright_as(window, well)), axis=0)
    double_click(window, QPoint(int(x), int(y)))
    assert window.session.well == well


def as_bright_as(window: Window, well: str) -> np.ndarray:
    """Where the canvas is as bright as a well (height, width), wherever napari shows it."""
    picture = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float)
    color = 255 * np.array(STAINS[3].color) * STRENGTH * LEVELS[well] / LIMITS[1]
    return (np.abs(picture - color) < 4).all(axis=-1)


def test_names_go_with_layers_that_the_user_moves(window: Window) -> None:
    for layer in ours(window):
        layer.affine = np.array([[1, 0, 31.0], [0, 1, -12.5], [0, 0, 1]])
    window.viewer.reset_view()
    window.settle()
    for well in WELLS[:4]:
        assert_pixel(window, well)


def test_turned_layers_have_no_names_but_their_clicks(window: Window) -> None:
    turn = np.deg2rad(25)
    for layer in ours(window):
        layer.affine = np.array(
            [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
        )
    window.viewer.reset_view()
    window.settle()
    for well in WELLS[:4]:
        assert_pixel(window, well)
    place = labels_of(window).place_of(labels_of(window)._mosaic.tiles[3])
    assert not part(painted(labels_of(window)), place)[..., 3].any()
    double_click(window, point_of(window, WELLS[3]))
    assert window.session.well == WELLS[3]


@pytest.mark.soak
def test_a_layer_in_another_unit_moves_no_name(window: Window) -> None:
    window.viewer.add_points(np.zeros((1, 2)), name="in mm", units=("mm", "mm"), size=1e-6)
    window.viewer.layers.move(len(window.viewer.layers) - 1, 0)
    window.viewer.reset_view()
    window.settle()
    for well in WELLS[:4]:
        assert_pixel(window, well)
    double_click(window, point_of(window, WELLS[3]))
    assert window.session.well == WELLS[3]


# --- captions that leave the picture visible ------------------------------------------------------


@pytest.mark.parametrize("points", [40, 70, 95])
def test_a_small_tile_is_named_by_the_mouse_only(window: Window, points: int) -> None:
    well = WELLS[3]  # of two rows in the lower one: nothing is below it
    look(window, well, points)
    labels = labels_of(window)
    places = [labels.place_of(tile) for tile in labels._mosaic.tiles]
    assert not any(part(painted(labels), place)[..., 3].any() for place in places)
    hover(canvas_of(window), QPointF(point_of(window, well)))
    window.qtbot.waitUntil(lambda: part_below(labels, well).any())
    assert not part(painted(labels), places[3])[..., 3].any(), "below it, not over it"
    off = beside_all(window, places)
    window.qtbot.waitUntil(lambda: not named_at(window, well, off))
    window.qtbot.waitUntil(lambda: named_at(window, well, QPointF(point_of(window, well))))
    QApplication.sendEvent(canvas_of(window), QEvent(QEvent.Type.Leave))
    window.qtbot.waitUntil(lambda: not part_below(labels, well).any())


def named_at(window: Window, well: str, at: QPointF) -> bool:
    """Whether a well is named with the mouse there; napari hears not each of its moves."""
    hover(canvas_of(window), at)
    return bool(part_below(labels_of(window), well).any())


def beside_all(window: Window, places: list[QRectF]) -> QPointF:
    """A point of the canvas that is clearly on no tile."""
    size = canvas_of(window).size()
    points = (QPointF(x, size.height() / 2) for x in range(2, size.width(), 8))
    around = [place.adjusted(-8, -8, 8, 8) for place in places]
    return next(point for point in points if not any(place.contains(point) for place in around))


def part_below(labels: CanvasLabels, well: str) -> np.ndarray:
    tile = next(t for t in labels._mosaic.tiles if t.well_id == well)
    place = labels.place_of(tile)
    below = QRectF(place.left(), place.bottom() + 5, place.width(), 10)
    return part(painted(labels), below)[..., 3] > 0


@pytest.mark.parametrize("points", [105, 130, 200])
def test_a_caption_takes_no_more_than_a_third_of_its_tile(window: Window, points: int) -> None:
    look(window, WELLS[1], points)
    labels = labels_of(window)
    place = labels.place_of(labels._mosaic.tiles[1])
    rows = part(painted(labels), place)[..., 3].any(axis=1)
    assert 0 < rows.sum() <= 0.36 * place.height() + 3


def test_the_frame_of_the_current_well_shows_on_dark_and_on_light(window: Window) -> None:
    window.session.select_well(WELLS[4])
    window.session.set_view("plate")
    window.settle()
    look(window, WELLS[4], 60)
    labels = labels_of(window)
    place = labels.place_of(next(t for t in labels._mosaic.tiles if t.well_id == WELLS[4]))
    picture = painted(labels).astype(int)
    assert not part(picture, place.adjusted(2, 2, -2, -2))[..., 3].any(), "its color stays"
    row = picture[int(place.center().y()), int(place.left()) - 6 : int(place.left()) + 2]
    solid = row[row[:, 3] > 200][:, :3].mean(axis=1)
    assert solid.max() > 200
    assert solid.min() < 60
    light = np.argwhere(picture[..., :3].min(axis=-1) * (picture[..., 3] > 200) > 200)
    near = light[np.abs(light - [place.center().y(), place.center().x()]).max(axis=1) < 40]
    frame = place.adjusted(-2.5, -2.5, 2.5, 2.5)
    away = [abs(near[:, 0] - edge) for edge in (frame.top(), frame.bottom())]
    away += [abs(near[:, 1] - edge) for edge in (frame.left(), frame.right())]
    assert np.min(away, axis=0).max() < 2, "a rectangle around the well"


# --- other screens --------------------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.parametrize("factor", ["1.5", "2"])
def test_names_lie_on_their_wells_on_finer_screens(factor: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    run = subprocess.run(
        [*command, *sample_unless_finest(factor), "-k", "on_its_well or small_tile"],
        env=os.environ | {"QT_SCALE_FACTOR": factor},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout

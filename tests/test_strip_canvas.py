"""Wells side by side in the canvas: real keys, known pixels, one contrast."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from builders import Screen, control_row, guide_row, noise
from napari_rxrx3.core.display import display
from napari_rxrx3.core.mosaic import Mosaic, Tile, arranged, hatch_level, hatched
from napari_rxrx3.core.stains import PIXEL_SIZE_UM
from napari_rxrx3.gui.canvas.titles import title_of
from napari_rxrx3.session import CONTRAST_RULES
from napari_rxrx3.strips.strip import CONTROL, QUERY, Strip
from window import Window

pytestmark = pytest.mark.detail

SIZE, LARGE = 64, 1024
CONTROLS = tuple(f"C{column:02d}" for column in range(3, 9))
QUERY_WELL, OTHER_PLATE = "gene-001_1_E05", "gene-001_2_E05"
ADDRESSES = ("E05", "E06", "E07", "F05", "F06")


def a_screen(size: int = SIZE, plates: tuple[int, ...] = (1, 2)) -> Screen:
    """Plates of noise, of which only the first one has controls."""
    rows = [control_row("gene-001", 1, address) for address in CONTROLS]
    for plate in plates:
        rows += [
            guide_row("gene-001", plate, address, "PLK1", guide)
            for guide, address in enumerate(ADDRESSES, start=1)
        ]
    screen = Screen.of(rows, size=1, dim=8)
    dtype = "uint16" if size == SIZE else "uint8"
    screen.planes = {well: noise(well, size, dtype) for well in screen.ids}
    return screen


def write(screen: Screen, root: Path) -> Path:
    """Write loose images, so that some of them can go."""
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    screen.write_plate_embeddings(root / "embeddings")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "screen"


def opened(window: Window, screen: Screen, folder: Path, qtbot: Any) -> Window:
    """Open a screen in the window, with nothing of the test before in it."""
    window.qtbot, window.screen = qtbot, screen
    window.session.set_crop(0)
    window.session.set_contrast_rule(CONTRAST_RULES[0])
    for layer in window.stains:
        layer.visible = True
    window.open(folder)
    window.session.select_well(QUERY_WELL)
    window.settle()
    return window


@pytest.fixture
def window(standing_window: Window, folder: Path, qtbot: Any) -> Window:
    screen = a_screen()
    return opened(standing_window, screen, write(screen, folder), qtbot)


@pytest.fixture(scope="module")
def large_screen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Screen, Path]:
    screen = a_screen(LARGE, (1,))
    return screen, write(screen, tmp_path_factory.mktemp("large") / "screen")


@pytest.fixture
def large(standing_window: Window, large_screen: tuple[Screen, Path], qtbot: Any) -> Window:
    """Give a window with six wells of large images side by side, in two rows."""
    window = opened(standing_window, *large_screen, qtbot)
    show_grid(window)
    return window


def show_grid(window: Window) -> None:
    """Show six wells whose rows and columns mean something."""
    places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    wells = [QUERY_WELL, *(f"gene-001_1_{address}" for address in (*ADDRESSES[1:], "C03"))]
    tiles = tuple(
        Tile(well, well[-3:], *place, role=role)
        for well, place, role in zip(wells, places, [QUERY, *[""] * 4, CONTROL], strict=True)
    )
    window.session.show_strip(Strip("wells", "six wells", tiles, is_arranged=True))
    window.settle()


def press(window: Window, key: Any) -> None:
    """Press a key with the canvas in focus, as after a click on it."""
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5000)
    canvas = canvas_of(window)
    canvas.setFocus()
    window.qtbot.keyClick(canvas, key)
    window.settle()


def canvas_of(window: Window) -> Any:
    return window.viewer.window._qt_viewer.canvas.native


def tiles_of(window: Window) -> tuple[Tile, ...]:
    return window.explorer.workspace.picture.mosaic.tiles


def pixels(window: Window, tile: Tile, stain: int, size: int = SIZE) -> np.ndarray:
    """What is where a tile belongs, by the same arithmetic as a ruler on the screen."""
    pitch = size + size // 16
    data = window.stains[stain - 1].data
    top, left = tile.row * pitch, tile.column * pitch
    return data[top : top + size, left : left + size]


def hatching_of(window: Window, stain: int, size: int = SIZE) -> np.ndarray:
    """Hatching as the contrast of a stain has it."""
    layer = window.stains[stain - 1]
    return hatched((size, size), layer.data.dtype, hatch_level(layer.contrast_limits))


def assert_shown(window: Window, size: int = SIZE) -> None:
    """Check that every tile holds all planes of its well, and hatching if there is none."""
    for tile in tiles_of(window):
        hatching = [hatching_of(window, stain, size) for stain in range(1, 7)]
        planes = window.screen.planes.get(tile.well_id, hatching)
        for stain, plane in enumerate(planes, start=1):
            np.testing.assert_array_equal(pixels(window, tile, stain, size), plane)


def looks(window: Window) -> list[Any]:
    return [
        (
            tuple(layer.contrast_limits),
            layer.colormap.name,
            layer.opacity,
            layer.blending,
            layer.visible,
            layer.gamma,
            tuple(layer.translate),
            tuple(layer.scale),
        )
        for layer in window.stains
    ]


def camera(window: Window) -> tuple[Any, ...]:
    camera = window.viewer.scene.camera
    return (*camera.center, camera.zoom)


def zoom_to(window: Window, tile: Tile, points: float) -> None:
    """Look at a large tile of the grid, so close that it is so many points wide."""
    slot = LARGE * PIXEL_SIZE_UM
    pitch = slot * 17 / 16
    camera = window.viewer.scene.camera
    camera.center = (0, tile.row * pitch + slot / 2, tile.column * pitch + slot / 2)
    camera.zoom = points / slot
    window.settle()


def means(plane: np.ndarray, times: int) -> np.ndarray:
    n = len(plane) // times
    return np.rint(plane.reshape(n, times, n, times).mean(axis=(1, 3)))


# --- side by side ----------------------------------------------------------------------------


@pytest.mark.sample
def test_a_key_shows_the_control_beside_the_well_in_the_same_contrast(window: Window) -> None:
    layers, before = window.stains, looks(window)
    press(window, Qt.Key.Key_C)
    query, control = tiles_of(window)
    assert query.well_id == QUERY_WELL
    assert control.well_id == "gene-001_1_C05", "the nearest"
    assert_shown(window)
    assert window.stains == layers, "six layers, whatever the number of wells"
    assert looks(window) == before
    press(window, Qt.Key.Key_C)
    assert tiles_of(window)[1].well_id != control.well_id
    assert_shown(window)
    press(window, Qt.Key.Key_Escape)
    assert window.shows(QUERY_WELL)


@pytest.mark.parametrize("key", [Qt.Key.Key_N, Qt.Key.Key_R, Qt.Key.Key_G, Qt.Key.Key_P])
def test_every_strip_has_the_right_well_in_each_tile(window: Window, key: Any) -> None:
    press(window, key)
    shown = {tile.well_id for tile in tiles_of(window)}
    assert len(shown) > 1
    assert shown == {tile.well_id for tile in window.session.tiles}
    assert_shown(window)
    assert window.title == window.session.strip.title


def test_a_picture_that_comes_late_is_not_called_like_the_next_strip(window: Window) -> None:
    press(window, Qt.Key.Key_C)
    late, title = window.explorer.workspace.picture, window.title
    assert title_of(window.session, late) == title
    press(window, Qt.Key.Key_R)
    assert window.title != title
    assert title_of(window.session, late).endswith("gene-001 plate 1, E05")


def test_rows_and_columns_that_mean_something_stay(window: Window) -> None:
    show_grid(window)
    asked, shown = window.session.tiles, tiles_of(window)
    kept = [(tile.row, tile.column) for tile in asked]
    turned = [(tile.column, tile.row) for tile in asked]
    assert [(tile.row, tile.column) for tile in shown] in (kept, turned)
    assert_shown(window)


def test_a_place_in_a_tile_leads_to_its_well(window: Window) -> None:
    show_grid(window)
    tile = tiles_of(window)[4]
    place = window.explorer.workspace.labels.place_of(tile).center()
    at = QPoint(round(place.x()), round(place.y()))
    window.qtbot.mouseMove(canvas_of(window), at)
    window.qtbot.mouseDClick(canvas_of(window), Qt.MouseButton.LeftButton, pos=at)
    window.settle()
    assert window.session.well == tile.well_id
    assert window.shows(tile.well_id)


def test_wells_whose_images_vanish_are_hatched_and_the_rest_stays(
    window: Window, folder: Path
) -> None:
    gone = folder / "images" / "gene-001" / "Plate2"
    for path in gone.glob("E05_*"):
        path.unlink()
    press(window, Qt.Key.Key_P)
    here, there = tiles_of(window)
    assert (here.well_id, there.well_id) == (QUERY_WELL, OTHER_PLATE)
    for stain, plane in enumerate(window.screen.planes[QUERY_WELL], start=1):
        np.testing.assert_array_equal(pixels(window, here, stain), plane)
        np.testing.assert_array_equal(pixels(window, there, stain), hatching_of(window, stain))
    notes = window.explorer.workspace.picture.notes
    assert notes == {OTHER_PLATE: "all six stains: the file is not there any more"}
    assert OTHER_PLATE in window.session.message
    press(window, Qt.Key.Key_Escape)
    assert window.shows(QUERY_WELL)


# --- large wells -----------------------------------------------------------------------------


def test_large_wells_side_by_side_are_made_smaller(large: Window) -> None:
    assert large.explorer.workspace.picture.reduction == 2
    for tile in tiles_of(large):
        for stain in (1, 6):
            plane = large.screen.planes[tile.well_id][stain - 1]
            np.testing.assert_array_equal(pixels(large, tile, stain, 512), means(plane, 2))
    assert large.stains[0].scale.tolist() == [2 * PIXEL_SIZE_UM] * 2


def test_how_small_is_a_preference(large: Window) -> None:
    try:
        display.tile_size = 256
        large.settle()
        tile = tiles_of(large)[3]
        plane = large.screen.planes[tile.well_id][1]
        np.testing.assert_array_equal(pixels(large, tile, 2, 256), means(plane, 4))
    finally:
        display.reset()
        large.settle()


def where(window: Window, tile: Tile) -> tuple[tuple[int, int], tuple[int, int]]:
    """Top and left of a tile among the pixels of the layers, and their number in a tile."""
    layer = window.stains[0]
    pitch = (LARGE + LARGE // 16) * PIXEL_SIZE_UM
    first, scale = layer.translate, layer.scale[0]
    half = scale / 2 - PIXEL_SIZE_UM / 2  # from the middle of a pixel to its corner
    top, left = (
        round((place * pitch - start + half) / scale)
        for place, start in zip((tile.row, tile.column), first, strict=True)
    )
    return (top, left), (round(LARGE * PIXEL_SIZE_UM / scale),) * 2


def assert_part_of(window: Window, tile: Tile, stain: int, plane: np.ndarray) -> int:
    """Check that the layers hold pixels of a tile in their place; returns how many."""
    (top, left), (height, width) = where(window, tile)
    data = window.stains[stain - 1].data
    y, x = max(top, 0), max(left, 0)
    shown = data[y : max(0, top + height), x : max(0, left + width)]
    rows, columns = shown.shape
    np.testing.assert_array_equal(
        shown, plane[y - top : y - top + rows, x - left : x - left + columns]
    )
    return shown.size


def test_closer_up_what_is_seen_is_shown_at_full_resolution(large: Window) -> None:
    whole = looks(large)
    tile = tiles_of(large)[4]
    zoom_to(large, tile, 1500)
    assert large.stains[0].scale.tolist() == [PIXEL_SIZE_UM] * 2
    canvas = large.explorer.workspace.labels
    seen = canvas.width() * canvas.height() * (LARGE / 1500) ** 2
    for stain, plane in enumerate(large.screen.planes[tile.well_id], start=1):
        assert assert_part_of(large, tile, stain, plane) >= 0.95 * min(seen, LARGE**2)
    assert large.stains[0].data.size < 5 * seen, "not much more than what is seen"
    zoom_to(large, tile, 60)
    assert looks(large) == whole
    assert pixels(large, tile, 3, 512).any()


def test_closer_up_labels_and_clicks_stay_where_they_were(large: Window) -> None:
    large.session.set_beside_control(False)  # of two large wells a smaller picture would do
    tile = tiles_of(large)[1]
    zoom_to(large, tile, 1500)
    assert large.explorer.workspace.zoom_view.part is not None
    place = large.explorer.workspace.labels.place_of(tile)
    assert place.width() == pytest.approx(1500, rel=0.01)
    middle = QPoint(large.explorer.workspace.labels.width() // 2, 200)
    large.qtbot.mouseMove(canvas_of(large), middle)
    large.qtbot.mouseDClick(canvas_of(large), Qt.MouseButton.LeftButton, pos=middle)
    large.settle()
    assert large.session.well == tile.well_id
    assert large.shows(tile.well_id)


def test_between_two_tiles_both_are_read(large: Window) -> None:
    first, second = tiles_of(large)[0], tiles_of(large)[1]
    zoom_to(large, first, 900)
    slot = LARGE * PIXEL_SIZE_UM
    step = slot * 17 / 16 / 2
    y, x = slot / 2, slot / 2
    down, right = second.row - first.row, second.column - first.column
    large.viewer.scene.camera.center = (0, y + down * step, x + right * step)
    large.settle()
    for tile in (first, second):
        for stain in (1, 5):
            plane = large.screen.planes[tile.well_id][stain - 1]
            assert assert_part_of(large, tile, stain, plane) > 1000


def test_the_home_button_shows_all_tiles_again(large: Window) -> None:
    whole = looks(large)
    zoom_to(large, tiles_of(large)[4], 1500)
    large.viewer.reset_view()
    large.settle()
    assert looks(large) == whole
    for tile in tiles_of(large):
        place = large.explorer.workspace.labels.place_of(tile)
        assert large.explorer.workspace.labels.rect().contains(place.toAlignedRect())


def test_a_tile_that_vanished_is_hatched_closer_up_too(large: Window, folder: Path) -> None:
    shutil.copytree(large.session.dataset.root, folder)
    opened(large, large.screen, folder, large.qtbot)
    show_grid(large)
    tile = tiles_of(large)[2]
    address = tile.well_id[-3:]
    for path in (folder / "images" / "gene-001" / "Plate1").glob(f"{address}_*_w4*"):
        path.unlink()
    zoom_to(large, tile, 1500)
    hatching = hatching_of(large, 4, LARGE)
    assert assert_part_of(large, tile, 4, hatching) > 1000
    assert assert_part_of(large, tile, 3, large.screen.planes[tile.well_id][2]) > 1000
    assert tile.well_id in large.session.message


# --- single cells ----------------------------------------------------------------------------


def test_a_key_shows_the_middle_of_each_well(large: Window) -> None:
    press(large, Qt.Key.Key_X)
    for crop, start in ((512, 256), (256, 384)):
        assert f"the middle {crop} pixels" in large.explorer.workspace.labels.subtitle
        assert large.stains[0].scale.tolist() == [PIXEL_SIZE_UM] * 2
        for tile in tiles_of(large):
            plane = large.screen.planes[tile.well_id][4]
            middle = plane[start : start + crop, start : start + crop]
            np.testing.assert_array_equal(pixels(large, tile, 5, crop), middle)
        press(large, Qt.Key.Key_X)
    assert large.explorer.workspace.labels.subtitle == ""
    assert large.explorer.workspace.picture.reduction == 2


def test_of_a_small_well_all_is_the_middle(window: Window) -> None:
    press(window, Qt.Key.Key_X)
    assert window.session.crop == 512
    assert window.shows(QUERY_WELL)


# --- flicker ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", CONTRAST_RULES[:2])
def test_a_key_swaps_query_and_control_in_place(window: Window, rule: str) -> None:
    window.session.set_contrast_rule(rule)
    show_grid(window)
    window.viewer.scene.camera.zoom *= 1.7
    before, at, look = tiles_of(window), camera(window), looks(window)
    press(window, Qt.Key.Key_B)
    after = tiles_of(window)
    assert [t.well_id for t in after] == [
        before[5].well_id, *(t.well_id for t in before[1:5]), QUERY_WELL
    ]  # fmt: skip
    assert [(t.row, t.column) for t in after] == [(t.row, t.column) for t in before]
    assert [after[0].label, after[5].label] == [before[5].label, before[0].label]
    assert_shown(window)
    assert (camera(window), looks(window)) == (at, look)
    press(window, Qt.Key.Key_B)
    assert tiles_of(window) == before
    assert_shown(window)
    assert (camera(window), looks(window)) == (at, look)


def test_a_single_well_turns_into_its_control_from_memory(window: Window, folder: Path) -> None:
    workspace = window.explorer.workspace
    window.qtbot.waitUntil(lambda: not workspace.is_reading_ahead, timeout=20_000)
    shutil.rmtree(folder / "images")
    at, look = camera(window), looks(window)
    press(window, Qt.Key.Key_B)
    assert window.shows("gene-001_1_C05")
    assert window.title.startswith("control: ")
    assert (camera(window), looks(window)) == (at, look)
    press(window, Qt.Key.Key_B)
    assert window.shows(QUERY_WELL)
    assert "control" not in window.title


def test_wells_without_images_are_as_large_as_others(
    standing_window: Window, folder: Path, qtbot: Any
) -> None:
    screen = a_screen(LARGE)
    write(screen, folder)
    for image in (folder / "images").rglob("*"):
        if "Plate2" in str(image) and image.is_file():
            image.unlink()
    large = opened(standing_window, screen, folder, qtbot)
    wells = [f"gene-001_2_{address}" for address in ADDRESSES[:2]]
    tiles = tuple(Tile(well, well[-3:], 0, i) for i, well in enumerate(wells))
    large.session.show_strip(Strip("wells", "no images", tiles))
    large.settle()
    picture = large.explorer.workspace.picture
    assert max(picture.mosaic.tile_shape) <= display.tile_size
    assert picture.mosaic.tile_shape[0] * picture.reduction == LARGE
    large.session.select_well(wells[0])
    large.settle()
    assert large.explorer.workspace.picture.mosaic.tile_shape == (LARGE, LARGE)


# --- difference ------------------------------------------------------------------------------


def mean_of_controls(window: Window, stain: int) -> np.ndarray:
    wells = [f"gene-001_1_{address}" for address in CONTROLS]
    return np.mean([window.screen.planes[well][stain - 1] for well in wells], axis=0)


def test_a_key_shows_what_differs_from_the_mean_of_the_controls(window: Window) -> None:
    window.viewer.layers[2].visible = False
    before, at = looks(window), [layer.data for layer in window.stains]
    limits = window.session.limits
    press(window, Qt.Key.Key_D)
    for stain, layer in enumerate(window.stains, start=1):
        plane = window.screen.planes[QUERY_WELL][stain - 1]
        np.testing.assert_allclose(layer.data, plane - mean_of_controls(window, stain), atol=0.05)
        low, high = layer.contrast_limits
        assert -low == high == (limits[stain - 1][1] - limits[stain - 1][0]) / 2
        zero = layer.colormap.map(np.array([0.5]))[0]
        assert zero[:3].tolist() == [0, 0, 0]
        assert layer.visible is (stain != 3)
    corners = {tuple(layer.translate) for layer in window.stains}
    assert len(corners) == 6
    extent = SIZE * PIXEL_SIZE_UM
    for y, x in corners:
        others = corners - {(y, x)}
        assert all(max(abs(y - v), abs(x - u)) >= extent for v, u in others)
    said = "minus the mean of 6 controls, display only"
    assert said in window.explorer.workspace.labels.subtitle
    press(window, Qt.Key.Key_D)
    assert looks(window) == before
    assert all(np.array_equal(a.data, b) for a, b in zip(window.stains, at, strict=True))
    assert window.session.limits == limits
    assert window.explorer.workspace.labels.subtitle == ""


def test_gamma_waits_while_differences_are_shown(window: Window) -> None:
    layers = window.explorer.workspace.layers
    layers.set_gamma((0.5, 1.5, 1, 1, 1, 1))
    press(window, Qt.Key.Key_D)
    assert [layer.gamma for layer in window.stains] == [1.0] * 6  # no difference is black
    assert layers.gamma[:2] == (0.5, 1.5)
    layers.set_gamma((0.5, 2, 1, 1, 1, 1))  # as a session that is restored
    press(window, Qt.Key.Key_D)
    assert [layer.gamma for layer in window.stains][:2] == [0.5, 2.0]


def test_stop_ends_the_difference_that_is_not_there(window: Window) -> None:
    window.session.set_difference(True)
    window.explorer.workspace.tasks.cancel_shown()
    window.settle()
    assert not window.session.difference
    assert window.shows(QUERY_WELL)


def test_off_the_difference_there_are_no_wells(window: Window) -> None:
    show_grid(window)
    press(window, Qt.Key.Key_D)
    labels = window.explorer.workspace.labels
    down, right = window.explorer.workspace.difference.places.whole
    for place in ((-30.0, 5.0), (5.0, -30.0), (down + 30, 5.0), (5.0, right + 30)):
        assert labels.tile_at(place) is None
    assert labels.tile_at((5.0, 5.0)) is not None


def test_what_is_said_of_differences_covers_none_of_them(window: Window) -> None:
    """At once, also where the title before had no second line."""
    show_grid(window)
    labels = window.explorer.workspace.labels
    assert labels.subtitle == ""
    press(window, Qt.Key.Key_D)
    assert labels.subtitle != ""
    first = labels.place_of(labels._mosaic.tiles[0])
    assert first.top() >= labels.title_height + labels.subtitle_height - 8


def test_leaving_the_difference_in_the_plate_view_stays_there(window: Window) -> None:
    press(window, Qt.Key.Key_D)
    press(window, Qt.Key.Key_0)
    assert window.session.view == "plate"
    press(window, Qt.Key.Key_D)
    assert (window.session.difference, window.session.view) == (False, "plate")
    press(window, Qt.Key.Key_D)
    assert (window.session.difference, window.session.view) == (True, "well")


def test_every_stain_of_a_difference_leads_to_the_well_under_the_mouse(window: Window) -> None:
    show_grid(window)
    press(window, Qt.Key.Key_D)
    workspace = window.explorer.workspace
    tile, half = tiles_of(window)[4], SIZE * PIXEL_SIZE_UM / 2
    pitch = (SIZE + SIZE // 16) * PIXEL_SIZE_UM
    for stain, layer in enumerate(window.stains, start=1):
        y, x = layer.translate
        place = (y + tile.row * pitch + half, x + tile.column * pitch + half)
        assert workspace.labels.tile_at(place) == tile, f"stain {stain}"


def test_in_a_strip_each_well_is_compared_with_its_own_plate(window: Window) -> None:
    press(window, Qt.Key.Key_P)
    press(window, Qt.Key.Key_D)
    here, there = tiles_of(window)
    plane = window.screen.planes[QUERY_WELL][5]
    expected = plane - mean_of_controls(window, 6)
    np.testing.assert_allclose(pixels(window, here, 6), expected, atol=0.05)
    np.testing.assert_array_equal(pixels(window, there, 6), hatching_of(window, 6))
    notes = window.explorer.workspace.difference.difference.notes
    assert notes == {OTHER_PLATE: "no control with an image is on gene-001 plate 2"}


def test_a_control_is_compared_with_the_other_controls(window: Window) -> None:
    press(window, Qt.Key.Key_D)
    press(window, Qt.Key.Key_B)
    control = "gene-001_1_C05"
    own = window.screen.planes[control][0]
    others = [window.screen.planes[f"gene-001_1_{a}"][0] for a in CONTROLS if a != "C05"]
    np.testing.assert_allclose(
        window.stains[0].data, own - np.mean(others, axis=0), rtol=1e-5, atol=0.1
    )


def test_without_controls_the_images_stay_and_it_is_said_why(window: Window) -> None:
    window.session.select_well(OTHER_PLATE)
    window.settle()
    window.session.set_difference(True)
    window.settle()
    assert not window.session.difference
    assert window.shows(OTHER_PLATE)
    expected = "There is no difference to show: no control with an image is on gene-001 plate 2."
    assert window.session.message == expected


def test_limits_of_differences_are_not_taken_for_those_of_images(window: Window) -> None:
    limits = window.session.limits
    press(window, Qt.Key.Key_D)
    window.stains[0].contrast_limits = (-5, 5)
    assert window.session.limits == limits
    assert window.session.contrast_rule == CONTRAST_RULES[0]
    wide = tuple((low, high + 1000) for low, high in limits)
    window.session.set_limits(wide)
    for layer, (low, high) in zip(window.stains, wide, strict=True):
        assert tuple(layer.contrast_limits) == (-(high - low) / 2, (high - low) / 2)
    press(window, Qt.Key.Key_D)
    assert [tuple(layer.contrast_limits) for layer in window.stains] == list(wide)


def test_colors_chosen_during_a_difference_are_there_after_it(window: Window) -> None:
    press(window, Qt.Key.Key_D)
    layers = window.explorer.workspace.layers
    layers.show_alone(2)
    assert [layer.visible for layer in window.stains] == [False, True, *[False] * 4]
    assert window.stains[1].colormap.name == "rxrx3 difference"
    press(window, Qt.Key.Key_D)
    assert window.stains[1].colormap.name == "gray"
    layers.show_alone(2)
    assert window.stains[1].colormap.name == "rxrx3 ER"
    assert all(layer.visible for layer in window.stains)


def test_the_plate_is_shown_in_its_colors_and_the_difference_comes_back(window: Window) -> None:
    before = looks(window)
    press(window, Qt.Key.Key_D)
    press(window, Qt.Key.Key_0)
    names = [layer.colormap.name for layer in window.stains]
    assert names == [look[1] for look in before]
    assert len({tuple(layer.translate) for layer in window.stains}) == 1
    press(window, Qt.Key.Key_0)
    assert window.explorer.workspace.layers.is_apart
    assert "display only" in window.explorer.workspace.labels.subtitle


def test_another_data_set_opens_without_the_difference(window: Window, tmp_path: Path) -> None:
    before = looks(window)
    press(window, Qt.Key.Key_D)
    screen = Screen.of([control_row("gene-007", 1, "B02")], size=SIZE)
    window.screen = screen
    window.open(screen.write_rxrx3(tmp_path / "other"))
    assert not window.session.difference
    assert window.shows("gene-007_1_B02")
    assert [look[1:] for look in looks(window)] == [look[1:] for look in before]
    assert "gene-007 plate 1" in window.title


def test_a_difference_of_the_middle_is_to_the_middle_of_the_controls(large: Window) -> None:
    large.session.set_beside_control(False)
    large.session.select_well(QUERY_WELL)
    large.settle()
    large.session.set_crop(256)
    press(large, Qt.Key.Key_D)
    middle = slice(384, 640)
    expected = large.screen.planes[QUERY_WELL][3] - mean_of_controls(large, 4)
    np.testing.assert_allclose(large.stains[3].data, expected[middle, middle], atol=0.05)
    assert "the middle 256 pixels" in large.explorer.workspace.labels.subtitle


def test_differences_of_large_wells_are_of_what_is_shown(large: Window) -> None:
    press(large, Qt.Key.Key_D)
    controls = [means(large.screen.planes[f"gene-001_1_{a}"][2], 2) for a in CONTROLS]
    for tile in tiles_of(large)[:5]:
        shown = means(large.screen.planes[tile.well_id][2], 2)
        expected = shown - np.mean(controls, axis=0)
        np.testing.assert_allclose(pixels(large, tile, 3, 512), expected, atol=0.05)


# --- without a window ------------------------------------------------------------------------


def test_a_strip_that_is_arranged_is_turned_only_for_much_larger_tiles() -> None:
    wide = [Tile(str(i), "", i // 9, i % 9) for i in range(36)]
    assert arranged(wide, 2.0, keep=True) == tuple(wide)
    upright = arranged(wide, 0.7, keep=True)
    assert [(t.well_id, t.column, t.row) for t in upright] == [
        (t.well_id, t.row, t.column) for t in wide
    ]
    assert Mosaic(upright, (16, 16)).shape[0] > Mosaic(upright, (16, 16)).shape[1]

"""The plate in the canvas, used as a person uses it: real keys, clicks and zooming."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from builders import Screen, control_row, guide_row, noise, smooth
from napari_rxrx3.core.mosaic import hatch_level, hatched
from napari_rxrx3.core.plate import parse_address
from napari_rxrx3.core.stains import PIXEL_SIZE_UM
from window import Window

pytestmark = pytest.mark.detail

ADDRESSES = ("B02", "C03", "C04", "C05", "D05", "AA41", "AE47")
FAR, NEAR = 16, 64
"""Pixels of a thumbnail when the whole plate is on screen, and of one that is kept."""


def a_plate(size: int, plates: tuple[int, ...] = (1, 2)) -> Screen:
    rows = []
    for plate in plates:
        rows += [control_row("gene-001", plate, address) for address in ADDRESSES[:4]]
        rows += [guide_row("gene-001", plate, address, "PLK1") for address in ADDRESSES[4:]]
    screen = Screen.of(rows, dim=8)
    for row in rows:
        screen.planes[row["well_id"]] = smooth(row["well_id"], size)
    return screen


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    screen = a_plate(128)
    return open_window(screen.write_rxrx3(tmp_path / "screen"), screen)


def show_plate(window: Window) -> None:
    window.click(window.explorer.workspace.view_switch.buttons["plate"])
    window.settle()


def slot(window: Window, stain: int, address: str, tile: int = FAR) -> np.ndarray:
    """Pixels where a well belongs in the picture of a whole plate."""
    row, column = parse_address(address)
    pitch = tile + tile // 16
    data = window.stains[stain - 1].data
    return data[row * pitch : row * pitch + tile, column * pitch : column * pitch + tile]


def means(plane: np.ndarray, times: int) -> np.ndarray:
    """Mean of each square of pixels, by hand."""
    n = len(plane) // times
    return plane.reshape(n, times, n, times).mean(axis=(1, 3))


def thumbnail(plane: np.ndarray) -> np.ndarray:
    """What a well is from afar: made small once for the cache, and again for the screen."""
    kept = np.rint(means(plane, len(plane) // NEAR)).astype(plane.dtype)
    return np.floor(means(kept, NEAR // FAR) + 0.5).astype(plane.dtype)


def damage(tar: Path, member: str) -> None:
    """Overwrite some pixels of an image in a tar."""
    content = bytearray(tar.read_bytes())
    at = content.index(b"IDAT", content.index(member.encode())) + 40
    content[at : at + 200] = bytes(200)
    tar.write_bytes(content)


def middle_of(window: Window, address: str) -> QPoint:
    """The place of a well of the plate on the canvas."""
    workspace = window.explorer.workspace
    (tile,) = [
        t for t in workspace.overview.scene.mosaic.tiles if t.label.startswith(f"{address} ")
    ]
    place = workspace.labels.place_of(tile).center()
    return QPoint(round(place.x()), round(place.y()))


def canvas_of(window: Window) -> object:
    return window.viewer.window._qt_viewer.canvas.native


def press(window: Window, key: Qt.Key) -> None:
    """Press a key with the canvas in focus, as after a click on it."""
    main = window.viewer.window._qt_window
    for _ in range(2):
        main.activateWindow()
        window.qtbot.waitUntil(main.isActiveWindow, timeout=5000)
    canvas_of(window).setFocus()
    window.qtbot.keyClick(canvas_of(window), key)
    window.settle()


def zoom_to(window: Window, address: str, points: float) -> None:
    """Look at a well, so close that it is so many points wide."""
    scene = window.explorer.workspace.overview.scene
    row, column = parse_address(address)
    slot_um = scene.span * PIXEL_SIZE_UM
    pitch = slot_um * 17 / 16
    camera = window.viewer.scene.camera
    camera.center = (0, row * pitch + slot_um / 2, column * pitch + slot_um / 2)
    camera.zoom = points / slot_um
    window.settle()


@pytest.mark.sample
def test_the_plate_is_shown_with_each_well_in_its_place(window: Window) -> None:
    show_plate(window)
    assert len(window.viewer.layers) == 6
    for stain in (1, 4, 6):
        for address in ADDRESSES:
            planes = window.screen.planes[f"gene-001_1_{address}"]
            np.testing.assert_array_equal(
                slot(window, stain, address), thumbnail(planes[stain - 1])
            )
        assert not slot(window, stain, "C06").any(), "no well is there"


def test_contrast_and_colors_are_those_of_the_well(window: Window) -> None:
    before = [(x.contrast_limits, x.colormap.name, x.visible) for x in window.stains]
    layers = list(window.viewer.layers)
    show_plate(window)
    assert [(x.contrast_limits, x.colormap.name, x.visible) for x in window.stains] == before
    assert list(window.viewer.layers) == layers


def test_a_key_goes_to_the_plate_and_back(window: Window) -> None:
    well = window.session.well
    press(window, Qt.Key.Key_0)
    assert window.stains[0].data.shape == (32 * 17, 48 * 17)
    assert window.explorer.workspace.view_switch.buttons["plate"].isChecked()
    press(window, Qt.Key.Key_0)
    assert window.shows(well)
    assert window.explorer.workspace.view_switch.buttons["well"].isChecked()


def test_a_double_click_opens_the_well(window: Window) -> None:
    show_plate(window)
    zoom_to(window, "AA41", 60)
    at = middle_of(window, "AA41")
    window.qtbot.mouseMove(canvas_of(window), at)
    window.qtbot.mouseDClick(canvas_of(window), Qt.MouseButton.LeftButton, pos=at)
    window.settle()
    assert window.session.well == "gene-001_1_AA41"
    assert window.session.view == "well"
    assert window.shows("gene-001_1_AA41")


def test_a_double_click_on_the_map_or_enter_opens_the_well(window: Window) -> None:
    show_plate(window)
    window.click_well("D05")
    row, column = parse_address("D05")
    place = window.map.wellRect(row * 48 + column).center()
    window.qtbot.mouseDClick(window.map, Qt.MouseButton.LeftButton, pos=place)
    window.settle()
    assert window.session.view == "well"
    assert window.shows("gene-001_1_D05")
    show_plate(window)
    window.qtbot.keyClick(window.map, Qt.Key.Key_Return)
    window.settle()
    assert window.session.view == "well"


def test_hovering_names_the_well(window: Window) -> None:
    show_plate(window)
    window.qtbot.mouseMove(canvas_of(window), middle_of(window, "D05"))
    window.qtbot.waitUntil(lambda: "D05  PLK1 guide 1" in str(window.viewer.status))
    assert "gene-001_1_D05" in str(window.viewer.status)


def test_a_click_on_the_map_stays_in_the_plate_and_a_neighbor_leaves_it(window: Window) -> None:
    show_plate(window)
    window.click_well("D05")
    assert window.session.well == "gene-001_1_D05"
    assert window.session.view == "plate"
    assert window.stains[0].data.shape == (32 * 17, 48 * 17)
    window.neighbors.panel.candidates.table.selectRow(0)
    window.settle()
    assert window.session.view == "well"
    assert len(window.explorer.workspace.picture.mosaic.tiles) == 2


@pytest.mark.soak
def test_another_plate_is_shown_in_its_turn(window: Window) -> None:
    show_plate(window)
    window.click(window.explorer.plate_panel.next)
    window.settle()
    assert window.session.plate == ("gene-001", 2)
    planes = window.screen.planes["gene-001_2_C04"]
    np.testing.assert_array_equal(slot(window, 2, "C04"), thumbnail(planes[1]))


def test_zooming_in_shows_full_pictures_where_the_thumbnails_were(window: Window) -> None:
    show_plate(window)
    zoom_to(window, "C04", 300)
    scene = window.explorer.workspace.overview.scene
    assert len(scene.mosaic.tiles) < len(ADDRESSES)
    for tile in scene.mosaic.tiles:
        top, left = scene.mosaic.origin(tile)
        for stain, plane in zip(window.stains, window.screen.planes[tile.well_id], strict=True):
            np.testing.assert_array_equal(stain.data[top : top + 128, left : left + 128], plane)
    canvas = canvas_of(window)
    middle = window.explorer.workspace.labels.place_of(
        next(t for t in scene.mosaic.tiles if t.well_id == "gene-001_1_C04")
    ).center()
    assert middle.x() == pytest.approx(canvas.width() / 2, abs=1)
    assert middle.y() == pytest.approx(canvas.height() / 2, abs=1)


def test_zooming_out_and_going_home_show_the_whole_plate(window: Window) -> None:
    show_plate(window)
    whole = window.viewer.scene.camera.zoom
    zoom_to(window, "C04", 300)
    zoom_to(window, "C04", 12)
    assert window.stains[0].data.shape == (32 * 17, 48 * 17)
    zoom_to(window, "C04", 300)
    window.viewer.reset_view()
    window.settle()
    assert window.stains[0].data.shape == (32 * 17, 48 * 17)
    assert window.viewer.scene.camera.zoom == pytest.approx(whole)


def test_missing_and_damaged_wells_are_hatched(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    screen = a_plate(128, (1,))
    root = tmp_path / "screen"
    screen.planes["gene-001_1_C05"] = screen.planes["gene-001_1_C05"][:3]
    del screen.planes["gene-001_1_D05"]
    screen.write_rxrx3(root)
    damage(root / "images" / "gene-001" / "Plate1.tar", "C03_s1_w2")
    window = open_window(root, screen)
    show_plate(window)
    for stain, address in ((1, "D05"), (6, "D05"), (4, "C05"), (2, "C03")):
        level = hatch_level(window.stains[stain - 1].contrast_limits)
        lines = hatched((FAR, FAR), np.dtype("u1"), level)
        np.testing.assert_array_equal(slot(window, stain, address), lines)
    for stain, address in ((3, "C05"), (1, "C03")):
        plane = screen.planes[f"gene-001_1_{address}"][stain - 1]
        np.testing.assert_array_equal(slot(window, stain, address), thumbnail(plane))


@pytest.mark.soak
def test_of_large_images_a_piece_is_shown_and_said(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    screen = a_plate(128, (1,))
    for well in screen.planes:
        screen.planes[well] = noise(well, 1024)
    window = open_window(screen.write_rxrx3(tmp_path / "screen"), screen)
    show_plate(window)
    assert "125 µm at the top middle of each well" in window.title
    plane = screen.planes["gene-001_1_D05"][2]
    np.testing.assert_array_equal(slot(window, 3, "D05"), thumbnail(plane[:192, 416:608]))
    assert window.stains[0].scale[0] == pytest.approx(192 / FAR * PIXEL_SIZE_UM)
    zoom_to(window, "D05", 300)
    scene = window.explorer.workspace.overview.scene
    assert "of each well" not in window.title
    (tile,) = [t for t in scene.mosaic.tiles if t.well_id == "gene-001_1_D05"]
    top, left = scene.mosaic.origin(tile)
    np.testing.assert_array_equal(
        window.stains[2].data[top : top + 512, left : left + 512], np.rint(means(plane, 2))
    )
    assert window.stains[2].scale[0] == pytest.approx(2 * PIXEL_SIZE_UM)
    place = window.explorer.workspace.labels.place_of(tile)
    assert place.width() == pytest.approx(300, rel=0.01)
    assert place.center().x() == pytest.approx(canvas_of(window).width() / 2, abs=2)


def test_what_was_read_before_is_shown_from_the_cache(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    screen = a_plate(128, (1,))
    root = screen.write_rxrx3(tmp_path / "screen")
    window = open_window(root, screen)
    show_plate(window)
    press(window, Qt.Key.Key_0)
    tar = root / "images" / "gene-001" / "Plate1.tar"
    stat = tar.stat()
    damage(tar, "AE47_s1_w5")
    os.utime(tar, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the cache cannot know of it
    window.open(root)
    show_plate(window)
    plane = screen.planes["gene-001_1_AE47"][4]
    np.testing.assert_array_equal(slot(window, 5, "AE47"), thumbnail(plane))


def test_a_stain_that_is_hidden_stays_hidden_in_the_plate(window: Window) -> None:
    press(window, Qt.Key.Key_3)
    show_plate(window)
    assert [layer.visible for layer in window.stains] == [True, True, False, True, True, True]
    press(window, Qt.Key.Key_3)
    planes = window.screen.planes["gene-001_1_C03"]
    np.testing.assert_array_equal(slot(window, 3, "C03"), thumbnail(planes[2]))


def test_opening_another_data_set_leaves_the_plate(window: Window, tmp_path: Path) -> None:
    show_plate(window)
    other = a_plate(64, (1,))
    window.open(other.write_rxrx3(tmp_path / "other"))
    window.screen = other
    assert window.session.view == "well"
    assert window.shows(window.session.well)


def test_stopping_on_the_way_to_a_plate_does_not_leave_the_one_before(window: Window) -> None:
    show_plate(window)
    window.click(window.explorer.plate_panel.next)
    window.explorer.workspace.tasks.cancel_shown()
    window.settle()
    assert window.session.plate == ("gene-001", 2)
    assert window.title.startswith("gene-001 plate 2")
    assert window.explorer.workspace.tasks.is_idle
    window.viewer.reset_view()
    window.settle()
    planes = window.screen.planes["gene-001_2_C03"]
    np.testing.assert_array_equal(slot(window, 3, "C03"), thumbnail(planes[2]))


def test_stopping_leaves_a_usable_plate(window: Window) -> None:
    window.click(window.explorer.workspace.view_switch.buttons["plate"])
    window.explorer.workspace.tasks.cancel_shown()
    window.settle()
    assert window.session.view == "plate"
    window.explorer.workspace.view_switch.buttons["plate"].click()
    window.settle()
    planes = window.screen.planes["gene-001_1_C03"]
    np.testing.assert_array_equal(slot(window, 3, "C03"), thumbnail(planes[2]))

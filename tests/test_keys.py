"""Keys of the window: what they do, where the focus is, and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QApplication, QLineEdit, QTextEdit, QWidget

import builders as b
from napari_rxrx3.gui.keys import is_text
from window import Window

pytestmark = pytest.mark.detail

Key = Qt.Key
PLATES = (1, 2)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test hits of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    rows = [b.control_row("gene-001", plate, f"B{c:02d}") for plate in PLATES for c in range(2, 12)]
    rows += [
        b.guide_row("gene-001", plate, f"C{c:02d}", "PLK1") for plate in PLATES for c in (2, 3)
    ]
    screen = b.Screen.of(rows, dim=8)
    window = open_window(screen.write_rxrx3(tmp_path / "screen"), screen)
    window.qtbot.waitUntil(lambda: window.session.review is not None, timeout=20_000)
    return window


def canvas_of(window: Window) -> QWidget:
    return window.viewer.window._qt_viewer.canvas.native


def press(
    window: Window, where: QWidget, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier
) -> None:
    window.press(where, key, modifier)


def turn_to_hits(window: Window) -> None:
    """Click on their tab."""
    tabs = window.explorer.tabs
    window.click(tabs.tabBar(), tabs.tabBar().tabRect(tabs.indexOf(window.explorer.hits)).center())


def shown(window: Window) -> list[bool]:
    return [layer.visible for layer in window.stains]


# -- digits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["canvas", "map", "table", "experiment"])
def test_digits_tag_with_the_hits_in_front_wherever_the_focus_is(
    window: Window, place: str
) -> None:
    panel = window.explorer.hits
    turn_to_hits(window)
    window.click_well("B03")
    where = {
        "canvas": canvas_of(window),
        "map": window.map,
        "table": panel.table,
        "experiment": window.explorer.plate_panel.experiment,
    }[place]
    press(window, where, Key.Key_2)
    assert window.session.review.hit("gene-001_1_B03").tag == 2
    press(window, where, Key.Key_3, Qt.KeyboardModifier.ShiftModifier)
    assert window.session.review.hit("gene-001_1_B03").tag == 3, "digits above Shift"
    press(window, where, Key.Key_0)
    assert window.session.review.hit("gene-001_1_B03").tag == 0
    assert window.session.view == "well"
    assert shown(window) == [True] * 6
    press(window, where, Key.Key_6)
    assert shown(window) == [True] * 5 + [False], "there are five tags and six stains"


def test_digits_tag_in_the_queue_whatever_is_in_front(window: Window) -> None:
    window.click_well("B02")
    window.explorer.hits.queue_menu.plate.trigger()
    window.settle()
    window.turn_to(window.explorer.numbers)
    window.settle()
    first, review = window.session.well, window.session.review
    press(window, canvas_of(window), Key.Key_1)
    assert review.hit(first).tag == 1
    assert window.session.well != first
    assert "B02" in window.session.message, "the next well does not end what was said of this one"
    assert shown(window) == [True] * 6
    window.click_well("C03")  # not where the reviewer is
    press(window, canvas_of(window), Key.Key_1)
    assert review.hit("gene-001_1_C03").tag == 0
    assert shown(window) == [False] + [True] * 5


def test_digits_are_stains_until_somebody_turns_to_the_hits(window: Window) -> None:
    panel = window.explorer.hits
    assert panel.isVisible(), "it is in front when the dock opens"
    window.click_well("B03")
    press(window, canvas_of(window), Key.Key_1)
    assert shown(window) == [False] + [True] * 5
    assert not panel.tags.buttons[0]._keys_work
    turn_to_hits(window)
    assert panel.tags.buttons[0]._keys_work
    press(window, canvas_of(window), Key.Key_1)
    assert window.session.review.hit("gene-001_1_B03").tag == 1
    window.turn_to(window.explorer.numbers)
    press(window, canvas_of(window), Key.Key_1)
    assert shown(window) == [True] * 6


def test_digits_in_a_text_are_text(window: Window) -> None:
    turn_to_hits(window)
    window.click_well("B03")
    for text in (window.explorer.find, window.explorer.hits.note):
        press(window, text, Key.Key_2)
        assert text.text() == "2"
    assert window.session.review.hit("gene-001_1_B03").tag == 0
    assert shown(window) == [True] * 6


def test_the_numbers_on_the_tags_say_when_digits_are_tags(window: Window) -> None:
    panel = window.explorer.hits
    turn_to_hits(window)
    window.click_well("B03")
    for where, is_key in (
        (canvas_of(window), True),
        (panel.note, False),
        (window.map, True),
        (window.explorer.find, False),
    ):
        press(window, where, Key.Key_Shift)
        assert [button._keys_work for button in panel.tags.buttons] == [is_key] * 5
    window.viewer.add_points(np.zeros((1, 2)))
    press(window, canvas_of(window), Key.Key_Shift)
    assert not panel.tags.buttons[0]._keys_work


# -- whose they are -------------------------------------------------------------------------------


def test_with_a_layer_of_points_active_keys_are_napari_s(window: Window) -> None:
    window.click_well("B03")
    points = window.viewer.add_points(np.full((3, 2), 5.0))
    canvas = canvas_of(window)
    for key, mode in ((Key.Key_2, "add"), (Key.Key_3, "select"), (Key.Key_4, "pan_zoom")):
        press(window, canvas, key)
        assert points.mode == mode
    press(window, canvas, Key.Key_3)
    press(window, canvas, Key.Key_A)
    assert points.selected_data == {0, 1, 2}
    press(window, canvas, Key.Key_1)
    assert len(points.data) == 0
    assert shown(window) == [True] * 6


def test_with_a_layer_of_labels_active_keys_are_napari_s(window: Window) -> None:
    window.click_well("B03")
    labels = window.viewer.add_labels(np.zeros((8, 8), dtype=int))
    canvas, before = canvas_of(window), window.explorer.tabs.currentWidget()
    press(window, canvas, Key.Key_2)
    assert labels.mode == "paint"
    press(window, canvas, Key.Key_6)
    assert labels.mode == "pan_zoom"
    size = labels.brush_size
    press(window, canvas, Key.Key_BracketRight)
    assert labels.brush_size == size + 1
    press(window, canvas, Key.Key_BracketLeft)
    assert labels.brush_size == size
    labels.data[0, 0] = 4
    press(window, canvas, Key.Key_M)
    assert labels.selected_label == 5
    press(window, canvas, Key.Key_X)
    assert labels.selected_label == labels.colormap.background_value
    press(window, canvas, Key.Key_B)
    assert labels.preserve_labels
    assert window.explorer.tabs.currentWidget() is before
    assert window.session.crop == 0
    assert window.session.message != "There is no queue: choose one in the tab Hits."


@pytest.mark.parametrize("key", "XHMCNRGPWBD0[]")
def test_with_shapes_active_no_key_of_ours_acts(window: Window, key: str) -> None:
    window.click_well("B03")
    window.session.say("")
    window.viewer.add_shapes()
    before = window.session.tiles, window.session.view, window.explorer.tabs.currentIndex()
    press(window, canvas_of(window), key)
    now = window.session.tiles, window.session.view, window.explorer.tabs.currentIndex()
    assert now == before
    assert window.session.message == ""


def test_ours_act_again_when_one_of_our_layers_is_chosen(window: Window) -> None:
    window.click_well("B03")
    points = window.viewer.add_points(np.full((3, 2), 5.0))
    window.viewer.layers.selection.active = window.stains[0]
    press(window, canvas_of(window), Key.Key_3)
    assert shown(window)[2] is False
    assert points.mode == "pan_zoom"
    window.viewer.layers.selection.active = points
    press(window, canvas_of(window), Key.Key_3)
    assert shown(window)[2] is False
    window.viewer.layers.remove(points)
    press(window, canvas_of(window), Key.Key_3)
    assert shown(window)[2] is True


def test_a_copy_of_a_layer_of_ours_is_the_user_s(window: Window) -> None:
    window.click_well("B03")
    copy = Image.create(*window.stains[0].as_layer_data_tuple())
    window.viewer.add_layer(copy)
    window.viewer.layers.selection.active = copy
    press(window, canvas_of(window), Key.Key_2)
    assert copy.mode == "transform"
    assert all(layer.visible for layer in window.viewer.layers)


def test_keys_with_ctrl_work_whatever_layer_is_active(window: Window) -> None:
    window.click_well("B03")
    window.viewer.add_points(np.zeros((1, 2)))
    press(window, canvas_of(window), Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert window.explorer.find.hasFocus()


@pytest.mark.sample
def test_no_key_is_bound_twice(window: Window) -> None:
    """Of two shortcuts with one key Qt does neither."""
    bound = [s.key().toString(QKeySequence.SequenceFormat.PortableText) for s in ours(window)]
    assert len(bound) == len(set(bound))


@pytest.mark.sample
def test_keys_act_on_the_first_picture_wherever_the_focus_stays(
    new_window: Callable[..., Window], tmp_path: Path
) -> None:
    """The stain layers become active before they are known as ours: that is looked at again."""
    window = new_window()
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
    canvas_of(window).setFocus()
    rows = [b.control_row("gene-001", 1, f"B{c:02d}") for c in range(2, 6)]
    window.open(b.Screen.of(rows).write_rxrx3(tmp_path / "screen"))
    assert window.explorer.workspace.keys.acts("A")


@pytest.mark.sample
def test_without_a_data_set_no_key_is_taken(open_window: Callable[..., Window]) -> None:
    window = open_window()
    bound = ours(window)
    assert len(bound) > 40
    assert not any(shortcut.isEnabled() for shortcut in bound)
    image = window.viewer.add_image(np.zeros((4, 4)))
    press(window, canvas_of(window), Key.Key_2)
    assert image.mode == "transform"


def test_a_dock_that_is_opened_while_a_data_set_is_open_has_its_keys(window: Window) -> None:
    window.viewer.window.remove_dock_widget(window.explorer.parentWidget())
    QApplication.processEvents()
    _, explorer = window.viewer.window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")
    window.qtbot.waitUntil(explorer.isVisible)
    window.explorer = explorer
    window.settle()
    press(window, canvas_of(window), Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert explorer.find.hasFocus()
    press(window, canvas_of(window), Key.Key_H)
    assert explorer.tabs.currentWidget() is explorer.hits


def test_what_napari_has_for_our_own_layers_was_looked_at(window: Window) -> None:
    """1 and 2 are modes of the mouse, which the buttons of its controls give as well; in the mode
    that moves a layer, one stain would leave the others. C would set the contrast of one stain, and
    of that well alone. X and the other normals are for volumes.
    """
    theirs = get_settings().shortcuts.shortcuts
    of_others = ("labels", "points", "shapes", "vectors", "tracks", "surface", "label", "polygon")
    for_images = {
        str(key)
        for action, keys in theirs.items()
        for key in keys
        if action in _OF_IMAGES or not any(f"_{other}" in action for other in of_others)
    }
    image_keys = {"1", "2", "C", "X", "Y", "Z", "O"}
    assert image_keys <= for_images
    typed = {text for text in names(ours(window)) if len(text) == 1}
    assert typed & image_keys == {"1", "2", "C", "X"}
    assert not typed & {"V", "Space", "Left", "Right"}, "napari's own for any layer"


_OF_IMAGES = {"napari:activate_image_pan_zoom_mode", "napari:activate_image_transform_mode"}


def ours(window: Window) -> list[QShortcut]:
    main = window.viewer.window._qt_window
    return [
        s for s in main.findChildren(QShortcut) if type(s).__module__.startswith("napari_rxrx3")
    ]


def names(shortcuts: list[QShortcut]) -> set[str]:
    text = QKeySequence.SequenceFormat.PortableText
    return {shortcut.key().toString(text) for shortcut in shortcuts}


def test_what_is_a_text(qtbot: Any) -> None:
    texts = [QLineEdit(), QTextEdit()]
    for widget in (*texts, other := QWidget()):
        qtbot.addWidget(widget)
    assert all(map(is_text, texts))
    assert not is_text(other)
    assert not is_text(None)


# -- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["canvas", "map", "button"])
def test_page_keys_change_plates(window: Window, place: str) -> None:
    window.click_well("B03")
    where = {
        "canvas": canvas_of(window),
        "map": window.map,
        "button": window.explorer.help_button,
    }[place]
    press(window, where, Key.Key_PageDown)
    assert window.session.well == "gene-001_2_B03"
    assert window.shows("gene-001_2_B03")
    press(window, where, Key.Key_PageUp)
    assert window.session.well == "gene-001_1_B03"


def test_page_keys_of_a_list_are_its_own(window: Window) -> None:
    window.click_well("B03")
    turn_to_hits(window)
    press(window, window.explorer.hits.table, Key.Key_PageDown)
    assert window.session.plate == ("gene-001", 1)

"""The cheat sheet: it is laid over the window, goes with any key, and says what is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from napari._app_model._app import NapariApplication
from napari.settings import get_settings
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QLabel

import builders as b
from napari_rxrx3.gui.cheat_sheet import CheatSheet
from napari_rxrx3.gui.keys import KEYS
from window import Window

TOUR = Path(__file__).parent.parent / "docs" / "tour.md"
WORDS = {"←": "Left", "→": "Right", "↑": "Up", "↓": "Down", "Escape": "Esc"}
WORDS |= {"Page↑": "PgUp", "Page↓": "PgDown"}
ABOVE_DIGITS = set("!@#$%^&*(")
"""What some keyboards send for Shift and a digit."""
FOCUSED = ("On the plate map", "In lists")
"""Where keys are those of a widget, not of the window."""


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    screen = b.Screen.of(
        [b.control_row("gene-001", 1, "B02"), b.guide_row("gene-001", 1, "B03", "PLK1")]
    )
    return open_window(screen.write_rxrx3(tmp_path / "screen"), screen)


def press(window: Window, text: str) -> None:
    """Press a key where the focus is."""
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
    window.qtbot.keyClick(main.focusWidget(), text)


def sheet(window: Window) -> CheatSheet:
    found = window.explorer.cheat_sheet
    assert found is not None
    return found


def portable(cap: str) -> list[str]:
    """Names of Qt for what stands on a key of the sheet; several for ``1…6``."""
    digits = re.fullmatch(r"(.*)(\d)…(\d)", cap)
    if digits:
        return [f"{digits[1]}{n}" for n in range(int(digits[2]), int(digits[3]) + 1)]
    *modifiers, key = cap.split("+")
    return ["+".join([*modifiers, WORDS.get(key, key)])]


def keys_of_the_window() -> set[str]:
    """What the sheet says to work wherever the focus is."""
    keys = [key for place in KEYS if place.name not in FOCUSED for key in place.keys]
    return {
        name
        for key in keys
        if not key.does.startswith("in Hits")
        for cap in key.caps
        for name in portable(cap)
    }


def names(shortcuts: list[QKeySequence]) -> set[str]:
    return {key.toString(QKeySequence.SequenceFormat.PortableText) for key in shortcuts} - {""}


def test_a_question_mark_shows_all_keys_and_any_key_closes_them(window: Window) -> None:
    window.map.setFocus()
    press(window, "?")
    assert sheet(window).isVisible()
    texts = {label.text() for label in sheet(window).findChildren(QLabel)}
    for place in KEYS:
        assert place.name in texts
        for key in place.keys:
            assert {key.does, *key.caps} <= texts
    assert sheet(window).geometry() == window.viewer.window._qt_window.rect()
    press(window, "1")
    assert not sheet(window).isVisible()
    assert window.explorer.workspace.layers.shown == (True,) * 6  # the key did nothing else
    assert window.map.hasFocus()


@pytest.mark.soak
@pytest.mark.parametrize("key", ["?", Qt.Key.Key_Escape, Qt.Key.Key_Return])
def test_it_closes_with(window: Window, key: str) -> None:
    window.click(window.explorer.help_button)
    assert sheet(window).isVisible()
    press(window, key)
    assert not sheet(window).isVisible()


@pytest.mark.soak
def test_a_click_closes_it_and_a_larger_window_has_a_larger_one(window: Window) -> None:
    window.click(window.explorer.help_button)
    main = window.viewer.window._qt_window
    main.resize(main.width() + 100, main.height() + 50)
    window.qtbot.waitUntil(lambda: sheet(window).size() == main.size())
    window.click(sheet(window), QPoint(3, 3))
    assert not sheet(window).isVisible()
    window.click(window.explorer.help_button)
    assert sheet(window).isVisible()
    assert len(main.findChildren(CheatSheet)) == 1


@pytest.mark.soak
def test_it_goes_with_the_dock(window: Window) -> None:
    main = window.viewer.window._qt_window
    window.click(window.explorer.help_button)
    window.viewer.window.remove_dock_widget(window.explorer.parentWidget())
    window.qtbot.waitUntil(lambda: main.findChildren(CheatSheet) == [])


@pytest.mark.soak
def test_a_question_mark_in_a_text_is_text(window: Window) -> None:
    window.explorer.find.setFocus()
    press(window, "?")
    assert window.explorer.find.text() == "?"
    assert window.explorer.cheat_sheet is None


@pytest.mark.soak
@pytest.mark.parametrize("points", [12, 9])
def test_it_fits_into_a_small_window(window: Window, points: int) -> None:
    get_settings().appearance.font_size = points
    window.click(window.explorer.help_button)
    window.qtbot.wait(100)
    main = window.viewer.window._qt_window
    assert (main.width(), main.height()) == (1280, 800)
    hint = sheet(window).layout().sizeHint()
    assert hint.width() <= 1280
    assert hint.height() <= 800
    for label in sheet(window).findChildren(QLabel):
        if label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width())
        else:
            assert label.width() >= label.sizeHint().width(), label.text()


def test_the_window_binds_the_keys_on_the_sheet_and_no_others(window: Window) -> None:
    main = window.viewer.window._qt_window
    bound = names([shortcut.key() for shortcut in main.findChildren(QShortcut)])
    assert bound - ABOVE_DIGITS - {"Ctrl+M"} == keys_of_the_window()  # Ctrl+M is napari's


def test_no_key_of_ours_is_one_of_napari_s_menus_and_modified_keys(window: Window) -> None:
    """Of two things that are bound to one key, Qt does neither."""
    in_menus = (binding.keybinding for binding in NapariApplication.get_app_model().keybindings)
    in_settings = chain.from_iterable(get_settings().shortcuts.shortcuts.values())
    theirs = {str(key) for key in (*in_menus, *in_settings)}
    assert {"Ctrl+O", "Ctrl+S", "Ctrl+Shift+C", "Ctrl+G"} <= theirs
    ours = {key for key in keys_of_the_window() if len(key) > 1 and key != "Esc"}
    assert len(ours) > 4
    assert not ours & theirs


@pytest.mark.source
def test_no_key_does_two_things() -> None:
    keys = [key for place in KEYS if place.name not in FOCUSED for key in place.keys]
    caps = [cap for key in keys if not key.does.startswith("in Hits") for cap in key.caps]
    assert len(caps) == len(set(caps))


@pytest.mark.source
def test_the_guide_has_the_same_keys() -> None:
    rows = re.findall(r"^\| (`.+?`) \| .", TOUR.read_text(encoding="utf-8"), re.MULTILINE)
    of_guide = [cap for row in rows for cap in re.findall(r"`(.+?)`", row)]
    of_sheet = [cap for place in KEYS for key in place.keys for cap in key.caps]
    assert sorted(of_guide) == sorted(of_sheet)

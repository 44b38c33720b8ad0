"""The focus of the keyboard: it is seen wherever it is, and Tab goes on as one reads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget

import builders as b
from napari_rxrx3.gui.focus import FocusFrame, show_focus
from window import Window, rgba_of

Key = Qt.Key
CONTRAST = 60
"""Levels of 255 by which a frame differs from what was there, at least, in most of its pixels."""


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path, monkeypatch: Any) -> Window:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    rows = [b.control_row("gene-001", 1, f"B{c:02d}") for c in range(2, 12)]
    rows += [b.guide_row("gene-001", 1, "C02", "PLK1"), b.guide_row("gene-001", 1, "C03", "TUBB")]
    screen = b.Screen.of(rows, dim=8)
    window = open_window(screen.write_rxrx3(tmp_path / "screen"), screen)
    window.click_well("C02")
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
    return window


def stops(root: QWidget) -> list[QWidget]:
    """What Tab can reach now."""
    tab = Qt.FocusPolicy.TabFocus
    return [
        w
        for w in root.findChildren(QWidget)
        if w.isVisible()
        and w.isEnabled()
        and (w.focusPolicy() & tab) == tab
        and w.focusProxy() is None
        and not w.visibleRegion().isEmpty()
    ]


def walk(window: Window) -> list[QWidget]:
    """Press Tab from the search on, until the focus leaves the explorer or is back."""
    explorer = window.explorer
    explorer.find.setFocus(Qt.FocusReason.TabFocusReason)
    seen: list[QWidget] = []
    now = QApplication.focusWidget()
    while now is not None and explorer.isAncestorOf(now) and now not in seen:
        seen.append(now)
        window.qtbot.keyClick(now, Key.Key_Tab)
        now = QApplication.focusWidget()
    return seen


def place(widget: QWidget, root: QWidget) -> QRect:
    return QRect(widget.mapTo(root, QPoint()), widget.size())


@pytest.mark.parametrize("tab", ["numbers", "hits"])
def test_tab_goes_on_as_one_reads_and_misses_nothing(window: Window, tab: str) -> None:
    explorer = window.explorer
    explorer.tabs.setCurrentWidget(getattr(explorer, tab))
    window.settle()
    seen = walk(window)
    missed = [w for w in stops(explorer) if w not in seen]
    assert not missed
    places = [place(widget, explorer) for widget in seen]
    for before, after in pairwise(places):
        is_below = after.center().y() > before.center().y()
        is_beside = after.left() >= before.right() - 2 and after.bottom() > before.top()
        assert is_below or is_beside, (before, after)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("tab", ["numbers", "hits"])
def test_the_focus_is_seen_on_every_control(window: Window, theme: str, tab: str) -> None:
    window.viewer.theme = theme
    explorer = window.explorer
    explorer.tabs.setCurrentWidget(getattr(explorer, tab))
    window.settle()
    canvas = window.viewer.window._qt_viewer.canvas.native
    for widget in stops(explorer):
        canvas.setFocus()
        QApplication.processEvents()
        before = rgba_of(explorer.grab().toImage())[..., :3].astype(int)
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        after = rgba_of(explorer.grab().toImage())[..., :3].astype(int)
        changed = np.abs(after - before).max(axis=2) > CONTRAST
        sides = sides_of(changed, shown_place(widget, explorer))
        assert all(side.mean() > 0.6 for side in sides), (type(widget).__name__, theme)


def shown_place(widget: QWidget, root: QWidget) -> QRect:
    shown = widget.visibleRegion().boundingRect()
    return shown.translated(widget.mapTo(root, QPoint()))


def sides_of(changed: Any, rect: QRect) -> list[Any]:
    """The pixels along the four sides of a place, one or two deep: whichever changed more."""
    top, bottom, left, right = rect.top(), rect.bottom(), rect.left(), rect.right()
    across, along = slice(left, right + 1), slice(top, bottom + 1)
    pairs = [
        (changed[top, across], changed[top + 1, across]),
        (changed[bottom, across], changed[bottom - 1, across]),
        (changed[along, left], changed[along, left + 1]),
        (changed[along, right], changed[along, right - 1]),
    ]
    return [first if first.mean() > second.mean() else second for first, second in pairs]


@pytest.mark.soak
def test_what_is_napari_s_has_no_frame_of_ours(window: Window) -> None:
    window.explorer.find.setFocus()
    QApplication.processEvents()
    frame = window.explorer.findChild(FocusFrame)
    assert frame.isVisible()
    canvas = window.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    QApplication.processEvents()
    assert not frame.isVisible()
    assert all(window.explorer.isAncestorOf(f) for f in main_of(window).findChildren(FocusFrame))


def main_of(window: Window) -> QWidget:
    return window.viewer.window._qt_window


@pytest.mark.soak
def test_the_frame_goes_with_the_control_and_lets_the_mouse_through(window: Window) -> None:
    explorer = window.explorer
    explorer.help_button.setFocus()
    QApplication.processEvents()
    frame = explorer.findChild(FocusFrame)
    assert frame.geometry() == place(explorer.help_button, explorer)
    main, dock = main_of(window), explorer.parentWidget()
    main.resizeDocks([dock], [560], Qt.Orientation.Horizontal)
    window.qtbot.waitUntil(lambda: dock.width() > 500)
    assert frame.geometry() == place(explorer.help_button, explorer)
    window.map.setFocus()
    before = window.session.well
    window.click_well("C03")
    assert window.session.well != before
    explorer.tabs.currentWidget().setFocus()
    explorer.hits.note.setFocus()
    window.turn_to(explorer.numbers)
    QApplication.processEvents()
    assert not frame.isVisible() or explorer.isAncestorOf(QApplication.focusWidget())


def test_a_widget_that_goes_with_the_focus_leaves_no_error(qtbot: Any) -> None:
    show_focus()
    root = type("Root", (QWidget,), {"__module__": "napari_rxrx3.test"})()
    qtbot.addWidget(root)
    layout = QVBoxLayout(root)
    buttons = [QPushButton("one"), QPushButton("two")]
    for button in buttons:
        layout.addWidget(button)
    with qtbot.waitExposed(root):
        root.show()
    root.activateWindow()
    qtbot.waitUntil(root.isActiveWindow)
    buttons[0].setFocus()
    qtbot.waitUntil(lambda: root.findChild(FocusFrame) is not None)
    buttons[0].deleteLater()
    qtbot.waitUntil(lambda: buttons[1].hasFocus() or not root.findChild(FocusFrame).isVisible())
    buttons[1].setFocus()
    QApplication.processEvents()
    assert root.findChild(FocusFrame).geometry() == buttons[1].geometry()

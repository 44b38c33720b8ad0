"""A newcomer's task in an open demo, with a hand that counts: what looks like PLK1, and is it so?

Find it, see how far to trust the list, keep three hits, save a figure: twelve clicks and keys.
Which compounds act like it, from which dose on, and is it so: fifteen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QApplication, QMenu, QTabWidget, QWidget

from demo_data import written_demo
from napari_rxrx3.gui.words import Words
from window import Window

Key, Modifier = Qt.Key, Qt.KeyboardModifier
LEFT = Qt.MouseButton.LeftButton
MOST = 12
MOST_FOR_DOSES = 15


class Hand:
    """Clicks and presses keys where the keyboard is, one event each, and counts them."""

    def __init__(self, window: Window) -> None:
        self._window, self._qtbot = window, window.qtbot
        self.n = 0

    def click(self, widget: QWidget, place: QPoint | None = None) -> None:
        assert widget.isVisible()
        self.n += 1
        self._qtbot.mouseClick(widget, LEFT, pos=place or widget.rect().center())
        self._window.settle()

    def double_click(self, widget: QWidget, place: QPoint) -> None:
        self.click(widget, place)
        self._qtbot.mouseDClick(widget, LEFT, pos=place)
        self._window.settle()

    def click_tab(self, tabs: QTabWidget, name: str) -> None:
        number = next(i for i in range(tabs.count()) if tabs.tabText(i) == name)
        self.click(tabs.tabBar(), tabs.tabBar().tabRect(number).center())

    def choose(self, button: QWidget, words: str) -> None:
        """Click on a button with a menu, and on an entry of it."""
        QTimer.singleShot(0, lambda: self._click_entry(words))
        self.click(button)

    def _click_entry(self, words: str) -> None:
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        entry = next(action for action in menu.actions() if action.text().startswith(words))
        self.n += 1
        self._qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry).center())

    def press(self, keys: str, modifier: Any = Modifier.NoModifier) -> None:
        for key in keys:
            self._press(getattr(Key, f"Key_{key}"), modifier)
        self._window.settle()

    def enter(self) -> None:
        self.named("Return")

    def named(self, *keys: str) -> None:
        for key in keys:
            self._press(getattr(Key, f"Key_{key}"), Modifier.NoModifier)
        self._window.settle()

    def _press(self, key: Any, modifier: Any) -> None:
        focus = QApplication.focusWidget()
        assert focus is not None
        self.n += 1
        self._qtbot.keyClick(focus, key, modifier)


@pytest.fixture
def window(
    open_window: Callable[..., Window], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Window:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)  # where figures go at first
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    window = open_window(written_demo()[0])
    activate(window)
    return window


def activate(window: Window) -> None:
    """As whatever manages windows does, also when a dialog is closed."""
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow)


def find(window: Window, hand: Hand) -> list[Any]:
    """Type the beginning of the name; return what is listed, with what tells how far to trust."""
    hand.press("PLK")
    hand.enter()
    panel = window.neighbors.panel
    assert window.session.query.key == "PLK1"
    assert "PLK1" in window.title
    listed = panel.candidates.strip.model.candidates
    assert [each.name for each in listed[:2]] == ["AURKB", "KIF11"]
    assert all("q " in each.lines[0] for each in listed)
    assert not listed[0].doubts
    assert "activity" in panel.question.summary.text()
    return listed


def keep_three(window: Window, hand: Hand, listed: list[Any]) -> None:
    first = [each.well for each in listed if each.well is not None][:3]
    hand.click(window.neighbors.panel.candidates.queue)
    hand.press("111")
    assert {well: hit.tag for well, hit in window.session.review.hits.items()} == dict.fromkeys(
        first, 1
    )
    assert window.explorer.hits.isVisible()
    assert len(window.explorer.hits.model.hits) == 3


def assert_saved(window: Window, folder: Path) -> None:
    window.settle()
    (figure,) = folder.glob("*.png")
    assert figure.stat().st_size > 50_000
    assert figure.name in window.session.message
    activate(window)


@pytest.mark.soak
def test_by_mouse(window: Window, tmp_path: Path) -> None:
    hand, share = Hand(window), window.explorer.share
    hand.click(window.explorer.find)
    listed = find(window, hand)
    hand.choose(share.button, "Save figure")
    window.qtbot.waitUntil(share.figure_dialog.isVisible)
    hand.click(share.figure_dialog.save)
    assert_saved(window, tmp_path)
    keep_three(window, hand, listed)
    assert hand.n <= MOST


@pytest.mark.soak
def test_by_keys_with_the_nearest_beside_it(window: Window, tmp_path: Path) -> None:
    hand, share = Hand(window), window.explorer.share
    hand.press("F", Modifier.ControlModifier)
    listed = find(window, hand)
    view = window.neighbors.panel.candidates.strip.view
    hand.click(view.viewport(), view.visualRect(view.model().index(0, 0)).center())
    shown = [tile.well_id for tile in window.explorer.workspace.picture.mosaic.tiles]
    assert shown == [window.session.well, listed[0].well]
    hand.press("S", Modifier.ControlModifier | Modifier.ShiftModifier)
    window.qtbot.waitUntil(share.figure_dialog.isActiveWindow)
    hand.enter()
    assert_saved(window, tmp_path)
    keep_three(window, hand, listed)
    assert hand.n <= MOST


@pytest.mark.soak
def test_which_compounds_act_like_a_gene_from_which_dose_and_is_it_so(window: Window) -> None:
    hand, panel = Hand(window), window.neighbors.panel
    hand.click(window.explorer.find)
    find(window, hand)
    panel.candidates.kind.setFocus()  # as a click does that opens its list, which Qt shows alone
    hand.n += 1
    hand.named("Down", "Down")
    model, view = panel.candidates.strip.model, panel.candidates.strip.view
    first = model.candidates[0]
    assert all("µM" in each.name for each in model.candidates)
    assert all(each.lines[-1].startswith("acts from 0.0") for each in model.candidates[:3])
    assert "q <" in first.lines[0]
    assert not first.doubts
    assert "EC50" in model.data(model.index(0), Qt.ItemDataRole.ToolTipRole)
    hand.double_click(view.viewport(), view.visualRect(model.index(0)).center())
    assert window.session.query.key == first.key
    hand.click_tab(window.explorer.tabs, "Numbers")
    said = " ".join(words.text() for words in window.explorer.numbers.findChildren(Words))
    assert "acts from" in said
    assert "active" in said or "activity" in said
    assert hand.n <= MOST_FOR_DOSES

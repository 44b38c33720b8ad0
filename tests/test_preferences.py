"""The plugin's page in napari's Preferences sets the budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari.settings
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractSpinBox, QDialog, QLabel

from napari_rxrx3.data.kept.budgets import DISK_BYTES, MEMORY_BYTES, budgets
from napari_rxrx3.gui.preferences import follow_preferences

GB, MB = 10**9, 10**6


@pytest.fixture(autouse=True)
def _budgets_of_the_test() -> Iterator[None]:
    before = budgets.disk_bytes, budgets.memory_bytes
    budgets.disk_bytes, budgets.memory_bytes = None, MEMORY_BYTES
    yield
    budgets.disk_bytes, budgets.memory_bytes = before


@pytest.fixture
def plugin(plugin_settings: None, npe2pm: Any) -> Any:
    """Only this plugin is installed, and its settings are in a folder of the test."""
    npe2pm.register(PluginManifest.from_distribution("napari-rxrx3"))
    return npe2pm


@pytest.fixture
def preferences(
    plugin: Any, make_napari_viewer: Callable[..., Any], qtbot: Any
) -> Callable[[], tuple[QDialog, list[QAbstractSpinBox]]]:
    """Open the plugin's page as its user does; the dialog, and its boxes from top to bottom."""
    viewer = make_napari_viewer(show=True)
    viewer.window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")

    def open_page() -> tuple[QDialog, list[QAbstractSpinBox]]:
        dialog = viewer.window._open_preferences_dialog()
        (item,) = dialog._list.findItems("RxRx3 Explorer", Qt.MatchFlag.MatchExactly)
        qtbot.mouseClick(
            dialog._list.viewport(),
            Qt.MouseButton.LeftButton,
            pos=dialog._list.visualItemRect(item).center(),
        )
        boxes = dialog._stack.currentWidget().findChildren(QAbstractSpinBox)
        return dialog, sorted(boxes, key=lambda box: box.mapTo(dialog, box.rect().center()).y())

    return open_page


def enter(qtbot: Any, box: QAbstractSpinBox, text: str) -> None:
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Tab)


def test_what_is_typed_on_the_page_is_the_budget(preferences: Any, qtbot: Any) -> None:
    dialog, (disk, memory) = preferences()
    assert (budgets.disk_bytes, budgets.memory_bytes) == (DISK_BYTES, MEMORY_BYTES)
    assert (disk.value(), memory.value()) == (2, 512)
    texts = {label.text() for label in dialog._stack.currentWidget().findChildren(QLabel)}
    assert {"On disk (GB)", "Images in memory (MB)"} <= texts
    assert all(len(box.toolTip()) > 40 for box in (disk, memory))
    enter(qtbot, disk, "50")
    enter(qtbot, memory, "1024")
    assert (budgets.disk_bytes, budgets.memory_bytes) == (50 * GB, 1024 * MB)
    qtbot.keyClick(disk, Qt.Key.Key_Up)
    assert budgets.disk_bytes == 51 * GB
    qtbot.mouseClick(dialog._button_ok, Qt.MouseButton.LeftButton)
    assert (budgets.disk_bytes, budgets.memory_bytes) == (51 * GB, 1024 * MB)


def test_cancelling_takes_the_budget_back(preferences: Any, qtbot: Any) -> None:
    dialog, (disk, memory) = preferences()
    enter(qtbot, disk, "7")
    enter(qtbot, memory, "100")
    assert (budgets.disk_bytes, budgets.memory_bytes) == (7 * GB, 100 * MB)
    qtbot.mouseClick(dialog._button_cancel, Qt.MouseButton.LeftButton)
    assert (budgets.disk_bytes, budgets.memory_bytes) == (2 * GB, 512 * MB)


def test_a_budget_that_was_chosen_holds_the_next_time(
    preferences: Any, qtbot: Any, tmp_path: Path
) -> None:
    dialog, (disk, _) = preferences()
    enter(qtbot, disk, "30")
    qtbot.mouseClick(dialog._button_ok, Qt.MouseButton.LeftButton)
    assert "disk_gigabytes: 30" in (tmp_path / "napari-rxrx3.yaml").read_text()
    napari.settings._clear_plugin_settings_cache()  # as when napari starts anew
    budgets.disk_bytes = None
    follow_preferences()
    assert (budgets.disk_bytes, budgets.memory_bytes) == (30 * GB, 512 * MB)


@pytest.mark.parametrize("text", ["cache: 3", "cache: {disk_gigabytes: much}", "[", "cache:"])
def test_settings_that_are_damaged_leave_the_defaults(
    plugin: Any, tmp_path: Path, text: str
) -> None:
    (tmp_path / "napari-rxrx3.yaml").write_text(text)
    follow_preferences()
    assert budgets.memory_bytes == 512 * MB
    assert budgets.disk_bytes in (None, 2 * GB)


def test_without_such_a_page_the_budgets_stay(plugin_settings: None) -> None:
    budgets.memory_bytes = 77 * MB
    follow_preferences()
    assert (budgets.disk_bytes, budgets.memory_bytes) == (None, 77 * MB)


def test_a_disabled_plugin_has_no_page(plugin: Any) -> None:
    plugin.disable("napari-rxrx3")
    follow_preferences()
    assert budgets.disk_bytes is None


def test_many_windows_follow_once(plugin: Any) -> None:
    for _ in range(3):
        follow_preferences()
    heard: list[int] = []
    budgets.memory_changed.connect(heard.append)
    napari.settings.get_plugin_settings("napari-rxrx3").cache.memory_megabytes = 600
    budgets.memory_changed.disconnect(heard.append)
    assert heard == [600 * MB]

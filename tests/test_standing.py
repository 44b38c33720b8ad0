"""The window that tests share is as new for each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication, QDialog, QLabel

import builders as b
from napari_rxrx3.core.display import display
from napari_rxrx3.data.cache.budgets import budgets
from napari_rxrx3.gui.welcome import Welcome
from standing import Standing, nothing_is_left, state_of_window
from window import Window

TRIED = {
    *("session", "layers", "stains", "camera", "dims", "grid", "text", "words", "size", "docks"),
    *("windows", "clipboard", "display", "budgets", "tasks", "page", "tab"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [b.control_row("gene-001", 1, f"B{c:02d}") for c in range(2, 6)]
    rows += [b.guide_row("gene-001", 2, f"C{c:02d}", "PLK1", c) for c in range(2, 6)]
    return b.Screen.of(rows, 32).write_rxrx3(tmp_path / "screen")


def use(window: Window, folder: Path) -> None:
    """Change whatever a test may change, and leave it so."""
    viewer, session = window.viewer, window.session
    session.select_well("gene-001_2_C03")
    window.settle()
    window.explorer.workspace.layers.toggle(2)
    window.explorer.workspace.layers.show_alone(3)
    window.explorer.tabs.setCurrentIndex(1)
    session.set_crop(256)
    session.set_contrast_rule("by hand")
    session.ask(level="guide", order="opposite", k=7)
    session.choose_entries(["PLK1"], "one")
    session.light_up(["gene-001_2_C04"])
    session.set_view("plate")
    window.settle()
    viewer.add_points([[1, 2]], name="mine")
    layer = window.stains[1]
    layer.contrast_limits, layer.gamma, layer.blending = (3, 9), 2.0, "opaque"
    viewer.dims.ndisplay = 3
    viewer.scene.camera.zoom = 17
    viewer.canvas.grid.enabled = True
    viewer.canvas.overlays.text.visible = True
    viewer.theme, viewer.title = "light", "mine"
    viewer.window.resize(900, 700)
    viewer.window.add_dock_widget(QLabel("mine"), name="mine")
    window.click(window.explorer.help_button)
    QDialog(viewer.window._qt_window).show()
    QLabel("alone").show()
    QApplication.clipboard().setText("mine")
    display.palette, display.pixel_size_um = "Okabe-Ito", 2.0
    display.set_tag(1, name="mine")
    budgets.memory_bytes = 10**6
    window.explorer.workspace.tasks.run("mine", lambda _: None, print, print, "mine")


@pytest.mark.soak
def test_what_a_test_did_to_the_window_is_taken_back(
    standing: Standing, qtbot: Any, folder: Path
) -> None:
    window = standing.dock(qtbot)
    first = state_of_window(window)
    window.open(folder)
    opened = state_of_window(window)
    use(window, folder)
    explorer = window.explorer
    used = state_of_window(window)
    assert {name for name, value in first.items() if used[name] != value} >= TRIED
    standing.clean(qtbot)
    again = standing.dock(qtbot)
    assert again.viewer is window.viewer
    assert again.explorer is not explorer
    layers, black = again.viewer.layers, (1, 1)
    assert [layer.data.shape for layer in layers if layer.data.shape != black] == []
    unlike = {"layers": None, "dims": None}  # six of them, which have a size
    assert state_of_window(again) | unlike == first | unlike
    again.open(folder)
    assert differing(state_of_window(again), opened) == {}
    standing.clean(qtbot)


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What differs between two windows that look at the same."""
    # each has its own data set, and the zoom is that of a canvas beside napari's own docks
    names = one.keys() - {"session", "camera"}
    return {name: (one[name], other[name]) for name in names if one[name] != other[name]}


@pytest.mark.soak
def test_it_is_as_a_new_one(
    new_window: Callable[..., Window], standing: Standing, qtbot: Any, folder: Path
) -> None:
    window = new_window()
    qtbot.waitUntil(window.explorer.isVisible)
    new = state_of_window(window)
    window.open(folder)
    opened = state_of_window(window)
    window.viewer.close()
    try:
        window = standing.dock(qtbot)
        assert state_of_window(window) == new
        window.open(folder)
        assert differing(state_of_window(window), opened) == {}
    finally:
        standing.end()


def test_a_test_that_needs_two_windows_is_told_so(open_window: Callable[..., Window]) -> None:
    open_window()
    with pytest.raises(AssertionError, match="takes new ones"):
        open_window()


def test_what_would_be_left_over_is_found(
    open_window: Callable[..., Window], standing: Standing, qtbot: Any
) -> None:
    """A part of ours that keeps a window open is the fault of the test that made it."""
    main = open_window().viewer.window._qt_window
    with pytest.raises(AssertionError, match="ExplorerWidget"):
        nothing_is_left(main, standing._there)
    standing.clean(qtbot)
    nothing_is_left(main, standing._there)  # but for what other tests leave to the collector
    alone = Welcome()
    with pytest.raises(AssertionError, match="Welcome"):
        nothing_is_left(main, standing._there)
    alone.deleteLater()

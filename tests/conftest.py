"""What all tests share: nothing of the user's own folders is read or written."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from builders import Screen
from window import Window, standing_viewer

# What every run tries is the same, so that a run fails only for what was changed. To look for
# more: HYPOTHESIS_PROFILE=explore, where each run tries something else.
settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("user")
    for kind in ("cache", "data", "state"):
        patch.setenv(f"XDG_{kind.upper()}_HOME", str(folder / kind))
    patch.setenv("NAPARI_CONFIG", str(folder / "napari" / "settings.yaml"))
    # napari has looked at the variable already; the settings of plugins are beside its own
    patch.setattr("napari.settings._CFG_PATH", str(folder / "napari" / "settings.yaml"))
    yield
    patch.undo()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a folder for a data set; its name has a blank."""
    folder = tmp_path / "data set"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def open_window(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> Iterator[Callable[..., Window]]:
    def make(path: Path | None = None, screen: Screen | None = None) -> Window:
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1280, 800)
        _, explorer = viewer.window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")
        window = Window(viewer, explorer, screen or Screen(), qtbot)
        if path is not None:
            explorer.open_path(str(path))
            qtbot.waitUntil(lambda: explorer.session.dataset is not None, timeout=20_000)
            window.settle()
        return window

    yield make
    gc.collect()


@pytest.fixture(scope="module")
def standing_window(qapp: Any) -> Iterator[Window]:
    """One window for all tests of a module; each gives it its own `qtbot` and a known state."""
    with standing_viewer() as viewer:
        _, explorer = viewer.window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")
        yield Window(viewer, explorer, Screen(), None)
        del viewer, explorer

"""What all tests share: nothing of the user's own folders is read or written."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("standing", "window")

from displays import take_own_display  # noqa: E402

if TYPE_CHECKING:  # what needs no window starts in a third of the time without napari
    from builders import Screen
    from standing import Standing
    from window import Window

# What every run tries is the same, so that a run fails only for what was changed. To look for
# more: HYPOTHESIS_PROFILE=explore, where each run tries something else.
# How long an example takes says how busy the machine is, not what is wrong.
patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **patient)
settings.register_profile("explore", derandomize=False, **patient)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
PATIENCE_MS = 60_000


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # one of the processes of pytest-xdist
        config.add_cleanup(take_own_display())


@pytest.hookimpl(tryfirst=True)  # before anybody looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `qt` what asks for a fixture of Qt's, or is in a module that uses Qt itself.

    Modules with a window come first: they take longest, and the others fill up what is left. Of
    the examples of one of their tests, and of a test that is marked `first_example`, the first runs
    each time, of one that is marked `each(n)` each nth; the others are for the soak, and so are
    tests of `detail` that are no `sample`.
    """
    for item in items:
        if isinstance(item, pytest.Function) and (
            "qapp" in item.fixturenames or uses_qt(item.module)
        ):
            item.add_marker(pytest.mark.qt)
    windowed = {item for item in items if "standing" in getattr(item, "fixturenames", ())}
    n_examples: Counter[tuple[Path, str]] = Counter()
    for item in items:
        each = one_of_how_many(item, item in windowed)
        test = (item.path, getattr(item, "originalname", item.name))
        is_left_out = item.get_closest_marker("detail") and not item.get_closest_marker("sample")
        if n_examples[test] % each or (is_left_out and item in windowed):
            item.add_marker(pytest.mark.soak)
        n_examples[test] += 1
    slow = {item.path for item in windowed}
    items.sort(key=lambda item: item.path not in slow)


def one_of_how_many(item: pytest.Item, has_window: bool) -> int:
    """Of how many examples of its test one runs in `make test`."""
    if has_window or item.get_closest_marker("first_example"):
        return sys.maxsize
    each = item.get_closest_marker("each")
    return int(each.args[0]) if each else 1


def pytest_collection_finish() -> None:
    gc.freeze()  # the collector need not look at all modules each time


@cache
def uses_qt(module: ModuleType) -> bool:
    owners = (getattr(value, "__module__", "") or "" for value in vars(module).values())
    return any(str(owner).startswith(("PyQt", "PySide", "napari.")) for owner in owners)


@pytest.fixture(autouse=True, scope="session")
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("user")
    patch = kept_in(folder)
    patch.setenv("NAPARI_CONFIG", str(folder / "napari" / "settings.yaml"))
    if "napari.settings" in sys.modules:
        # napari has looked at the variable already; the settings of plugins are beside its own
        patch.setattr("napari.settings._CFG_PATH", str(folder / "napari" / "settings.yaml"))
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="module")
def _own_cache(_own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What one file of tests leaves in the user's folders, no other finds."""
    patch = kept_in(tmp_path_factory.mktemp("user"))
    yield
    patch.undo()


def kept_in(folder: Path) -> pytest.MonkeyPatch:
    patch = pytest.MonkeyPatch()
    for kind in ("cache", "data", "state"):
        patch.setenv(f"XDG_{kind.upper()}_HOME", str(folder / kind))
    return patch


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
def let_go_of_cluster(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When work of the window let go of the cluster that it had asked for, or waited for."""
    from napari_rxrx3.data import passes

    times: list[float] = []
    reach = passes.cluster

    @contextmanager
    def watched(*asked: str) -> Iterator[Any]:
        try:
            with reach(*asked) as client:
                yield client
        finally:
            times.append(time.monotonic())

    monkeypatch.setattr(passes, "cluster", watched)
    return times


@pytest.fixture
def qtbot(qtbot: Any) -> Any:
    """Return pytest-qt's own, more patient: other work on the machine takes time as well."""
    wait_until = qtbot.waitUntil
    qtbot.waitUntil = lambda callback, *, timeout=PATIENCE_MS: wait_until(callback, timeout=timeout)
    return qtbot


@pytest.fixture(scope="session")
def standing(qapp: Any) -> Iterator[Standing]:
    from standing import Standing

    made = Standing()
    yield made
    made.end()


@pytest.fixture
def make_napari_viewer(
    _no_standing_window: None, make_napari_viewer: Callable[..., Any]
) -> Callable[..., Any]:
    """Napari's own, which bears no other window beside those that it makes."""
    return make_napari_viewer


@pytest.fixture
def _no_standing_window(standing: Standing) -> None:
    standing.end()


@pytest.fixture
def open_window(standing: Standing, qtbot: Any) -> Iterator[Callable[..., Window]]:
    """Open a data set in a window that is as new; see `standing` for what that means."""

    def make(path: Path | None = None, screen: Screen | None = None) -> Window:
        window = standing.dock(qtbot, screen)
        if path is not None:
            window.open(path)
        return window

    yield make
    standing.clean(qtbot)


@pytest.fixture
def standing_window(standing: Standing, qtbot: Any, request: pytest.FixtureRequest) -> Window:
    """The same for all tests of a module: each gives it a state that it knows."""
    return standing.of(request.module.__name__, qtbot)


@pytest.fixture
def new_window(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> Iterator[Callable[..., Window]]:
    """Open a new window: for the first start, for several of them, and for closing one."""
    from builders import Screen
    from standing import reset_preferences
    from window import WINDOW_SIZE, Window

    reset_preferences()  # or a new window does what a test before wanted

    def make(path: Path | None = None, screen: Screen | None = None) -> Window:
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(*WINDOW_SIZE)
        _, explorer = viewer.window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")
        window = Window(viewer, explorer, screen or Screen(), qtbot)
        if path is not None:
            window.open(path)
        return window

    yield make
    gc.collect()

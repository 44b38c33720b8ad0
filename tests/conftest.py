"""What all tests share: nothing of the user's own folders is read or written."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("user")
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.setenv("NAPARI_CONFIG", str(folder / "napari" / "settings.yaml"))
    yield
    patch.undo()


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"

"""Killed at every stage of writing: nothing half-written counts, nothing that was told is lost.

``make soak`` tries all stages of all works (KILLS=all) and prints a table of what was lost.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has neither fork nor signals that end a process", allow_module_level=True)

from killing.all_works import WORKS
from killing.trial import Server, Tried, in_a_table, try_work
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.data.files.local import written_atomically
from napari_rxrx3.gui.run import save_window
from samples import sample
from test_cache import disk_full_after
from window import Window

MOST = None if os.environ.get("KILLS") == "all" else int(os.environ.get("KILLS", "6"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.end()


@pytest.fixture(scope="module")
def table() -> Iterator[list[Tried]]:
    tried: list[Tried] = []
    yield tried
    sys.stdout.write(f"\n{in_a_table(tried)}\n")


@pytest.mark.first_example
@pytest.mark.parametrize("name", sample(WORKS, every=8))
def test_nothing_is_lost(name: str, server: Server, table: list[Tried], tmp_path: Path) -> None:
    tried = try_work(server, WORKS[name], tmp_path / "killing", MOST)
    table.append(tried)
    assert tried.at_stages, "it was never killed"
    assert not tried.lost
    assert not tried.left


def test_what_a_killed_program_left_beside_a_file_goes_after_a_day(tmp_path: Path) -> None:
    left = [tmp_path / f".{digit * 32}.rxrx3.part" for digit in "ab"]
    others = tmp_path / f".{'c' * 32}.part"
    for path, hours in zip((*left, others), (25, 23, 25), strict=True):
        path.write_text("half")
        then = time.time() - 3600 * hours
        os.utime(path, (then, then))
    with written_atomically(tmp_path / "list.csv") as temporary:
        temporary.write_text("whole")
    assert [path.exists() for path in (*left, others)] == [False, True, True]


def test_a_picture_of_the_window_that_cannot_be_completed_leaves_the_old_one(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    viewer, path = open_window().viewer, tmp_path / "window.png"
    save_window(viewer, path)
    before = path.read_bytes()
    with disk_full_after(1000), pytest.raises(RxRx3Error, match="cannot be written"):
        save_window(viewer, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]

"""The window before the vectors are in: what works, what is said, and how they can be stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

import napari_rxrx3 as rx
from builders import Screen, Store, control_row, guide_row, noise, served
from napari_rxrx3.core.plate import N_COLUMNS, parse_address
from napari_rxrx3.data.files import storage
from napari_rxrx3.gui.compare.lists_page import ListsPage
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.session import Session
from window import Window, rgba_of

pytestmark = pytest.mark.skipif(find_spec("aiohttp") is None, reason="the server needs aiohttp")

GENES = ("PLK1", "PSMB5", "TUBB", "COPG1")
UNKNOWN, LACKING = "vectors not read yet", "no embedding"
WITHOUT = "gene-001_1_D07"
"""A well that the embedding lacks."""


class VectorsHeld(Store):
    """A server that does not send vectors until it is told to.

    A folder's files are all looked into, the metadata in three parts, before these are read, and
    vectors after that.
    """

    def __call__(self, path: str) -> str:
        n_parts = sum(path.endswith("metadata.csv") for path in self.asked)
        if path.endswith("embeddings.parquet") and n_parts > 3:
            self.held = {"embeddings.parquet"}
        return super().__call__(path)


def a_screen() -> Screen:
    rows = [control_row("gene-001", 1, f"C{c:02d}") for c in range(3, 13)]
    rows += [
        guide_row("gene-001", 1, f"{line}{c:02d}", gene, guide)
        for line, gene in zip(("D", "E", "AA", "AB"), GENES, strict=True)
        for guide, c in ((1, 5), (2, 6), (3, 7))
    ]
    screen = Screen.of(rows, dim=8)
    rng = np.random.default_rng(1)
    for row in rows:
        screen.vectors[row["well_id"]] = rng.normal(size=8).astype("float32")
        screen.planes[row["well_id"]] = noise(row["well_id"], 32, "uint16")
    del screen.vectors[WITHOUT]
    return screen


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in ("_HEAD", "_END"):  # or a small file is all in memory
        monkeypatch.setattr(storage, name, 16)
    return VectorsHeld()


@pytest.fixture
def window(open_window: Callable[..., Window], store: Store, tmp_path: Path) -> Iterator[Window]:
    """Open a data set whose vectors do not come yet."""
    screen = a_screen()
    root = tmp_path / "screen"
    screen.write_metadata(root / "metadata.csv")
    screen.write_tars(root)
    screen.write_plate_embeddings(root)
    with served(root, True, store) as url:
        window = open_window(None, screen)
        window.explorer.open_path(url)
        window.qtbot.waitUntil(lambda: window.session.dataset is not None, timeout=20_000)
        window.qtbot.waitUntil(lambda: window.explorer.workspace.loader.is_idle, timeout=20_000)
        yield window
        store.let_go.set()
        window.settle()


def described(window: Window, address: str) -> str:
    """Return what hovering over a well says."""
    row, column = parse_address(address)
    return window.explorer.plate_panel._describe(row * N_COLUMNS + column)


def facts(window: Window) -> str:
    return window.explorer.plate_panel.facts.text()


def keys_listed(window: Window) -> set[str]:
    return {neighbor.key for neighbor in window.neighbors.panel.candidates.model.neighbors}


def key_of_legend(window: Window) -> str:
    return window.explorer.plate_panel.legend.accessibleDescription()


def test_wells_and_search_work_before_the_vectors_are_in(window: Window) -> None:
    window.click_well("D05", settled=False)
    window.qtbot.waitUntil(lambda: window.shows("gene-001_1_D05"), timeout=20_000)
    window.qtbot.waitUntil(lambda: window.explorer.find.index is not None)
    window.explorer.find.setText("TUBB")
    window.qtbot.keyClick(window.explorer.find, Qt.Key.Key_Return)
    window.qtbot.waitUntil(lambda: window.session.well == "gene-001_1_AA05")
    assert not window.session.dataset.vectors_are_read


@pytest.mark.soak
def test_nothing_claims_that_there_is_no_embedding(window: Window) -> None:
    window.click_well("D07", settled=False)
    for text in (facts(window), described(window, "D05"), key_of_legend(window)):
        assert UNKNOWN in text
        assert LACKING not in text
    candidates = window.neighbors.panel.candidates
    window.qtbot.waitUntil(lambda: "still being read" in candidates.note.text())
    assert not candidates.note.isVisible(), "it is said once"
    strip = candidates.strip.view.viewport()
    said = rgba_of(strip.grab().toImage())
    assert strip.isVisible()
    assert len(np.unique(said.reshape(-1, 4), axis=0)) > 1, "in the place of pictures"


@pytest.mark.soak
def test_all_is_known_once_the_vectors_are_in(window: Window, store: Store) -> None:
    window.click_well("D07", settled=False)
    window.click_well("D05", settled=False)
    store.let_go.set()
    window.settle()
    assert UNKNOWN not in facts(window) + key_of_legend(window)
    assert LACKING in described(window, "D07")
    assert LACKING not in described(window, "D05")
    assert LACKING in key_of_legend(window)
    assert keys_listed(window) >= {"PSMB5", "TUBB", "COPG1"}
    assert "still being read" not in window.neighbors.panel.candidates.note.text()
    assert "embeddings of 21" in window.session.message
    assert window.session.well == "gene-001_1_D05", "the window stays where it was"


def stop(window: Window) -> None:
    status = window.explorer.status
    window.qtbot.waitUntil(status.cancel.isVisible)
    window.click(status.cancel, QPoint(5, 5))
    window.qtbot.waitUntil(lambda: window.explorer.workspace.tasks.is_idle)


@pytest.mark.soak
def test_stopping_leaves_a_window_that_works(window: Window, store: Store) -> None:
    stop(window)
    window.click_well("E06", settled=False)
    store.let_go.set()
    window.settle()
    assert window.shows("gene-001_1_E06")
    assert UNKNOWN in facts(window)
    assert not window.session.dataset.vectors_are_read, "a click does not undo the stop"
    assert "Press Enter" in window.neighbors.panel.candidates.note.text()


@pytest.mark.soak
def test_asking_after_a_stop_reads_the_vectors(window: Window, store: Store) -> None:
    stop(window)
    store.let_go.set()
    window.click_well("E06")
    window.qtbot.keyClick(window.neighbors.panel.question.key, Qt.Key.Key_Return)
    window.settle()
    assert keys_listed(window) >= {"PLK1", "TUBB", "COPG1"}
    assert UNKNOWN not in facts(window) + key_of_legend(window)


@pytest.mark.soak
def test_clicks_while_vectors_are_read_leave_no_queue(window: Window, store: Store) -> None:
    for address in ("D05", "D06", "E05", "E06", "E07", "AA05", "AA06"):
        window.click_well(address, settled=False)
    window.qtbot.waitUntil(lambda: window.shows("gene-001_1_AA06"), timeout=20_000)
    store.let_go.set()
    window.settle()
    assert window.neighbors.panel.question.key.text() == "TUBB"
    assert keys_listed(window) >= {"PLK1", "PSMB5", "COPG1"}


@pytest.mark.soak
def test_another_data_set_may_be_opened_meanwhile(
    window: Window, store: Store, tmp_path: Path
) -> None:
    other: Any = Screen.of([guide_row("gene-009", 1, "C05", "SRC")])
    window.explorer.open_path(str(other.write_rxrx3(tmp_path / "other")))
    window.qtbot.waitUntil(lambda: window.session.plate == ("gene-009", 1), timeout=20_000)
    store.let_go.set()
    window.settle()
    assert window.session.dataset.vectors_are_read
    assert window.session.dataset.name == "other"
    assert UNKNOWN not in facts(window)


def test_maps_of_unknown_vectors_are_not_compared(tmp_path: Path, qtbot: Any) -> None:
    screen = a_screen()
    screen.write_metadata(tmp_path / "data" / "metadata.csv")
    screen.write_plate_embeddings(tmp_path / "data")
    del screen.vectors["gene-001_1_D05"]
    screen.write_embeddings(tmp_path / "data" / "fewer.parquet")
    session, tasks = Session(), Tasks()
    group = TaskGroup(tasks)
    panel = ListsPage(session, group)
    qtbot.addWidget(panel)
    panel.show()
    dataset = rx.open_dataset(tmp_path / "data", tmp_path / "cache")
    session.open(dataset)
    session.ask(key="TUBB", well=None)
    assert panel.note.text() == "The vectors are not read yet."
    assert tasks.is_idle
    dataset.read_vectors()
    session.note_wells()
    qtbot.waitUntil(lambda: tasks.is_idle and bool(panel.table.rows()), timeout=20_000)
    assert panel.maps.a.spec.embedding == "embeddings"
    group.end()
    tasks.close(wait=True)

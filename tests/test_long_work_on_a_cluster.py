"""The window's long work on a dask cluster: the full check and cell counts, with real workers."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from napari.settings import get_plugin_settings
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.data import passes
from napari_rxrx3.gui.cells.counter import COUNTING
from window import Window

distributed = pytest.importorskip("distributed")

WELLS = [f"{row}{column:02d}" for row in "BC" for column in range(2, 8)]
N_PLATES = 5


def a_screen(n_plates: int = N_PLATES) -> b.Screen:
    rows = [
        b.guide_row("gene-001", plate, address, f"GENE{address}")
        for plate in range(1, n_plates + 1)
        for address in WELLS
    ]
    return b.Screen.of(rows, 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A screen of which one tar is cut off."""
    folder = a_screen().write_rxrx3(tmp_path / "screen")
    cut = folder / "images/gene-001/Plate2.tar"
    cut.write_bytes(cut.read_bytes()[:200_000])
    return folder


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler with a worker, a process of its own."""
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        dashboard_address=":0",
        local_directory=str(tmp_path_factory.mktemp("cluster")),
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[str]:
    """Address of a scheduler without workers."""
    with distributed.LocalCluster(
        n_workers=0, dashboard_address=":0", local_directory=str(tmp_path / "nobody")
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(autouse=True)
def on_this_computer() -> Iterator[None]:
    yield
    run_on("")


def run_on(address: str) -> None:
    get_plugin_settings("napari-rxrx3").machines.scheduler = address


@pytest.fixture
def window(open_window: Callable[..., Window], folder: Path) -> Window:
    return open_window(folder)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the user chooses for the list of problems."""
    chosen = tmp_path / "found" / "check.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(chosen), ""))
    return chosen


def start(window: Window) -> None:
    share = window.explorer.share
    share.menu.aboutToShow.emit()
    action: QAction = share.check
    assert action.isEnabled(), action.toolTip()
    action.trigger()


def check(window: Window) -> str:
    start(window)
    window.settle()
    return str(window.session.message)


def rows_of(file: Path) -> list[tuple[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return [(row["kind"], row["detail"]) for row in csv.DictReader(text)]


def rows_here(window: Window, tmp_path: Path) -> list[tuple[str, str]]:
    """What a check in threads finds, with a cache of its own."""
    report = rx.open_dataset(window.session.dataset.address, tmp_path / "here").check()
    return [(row.kind, row.detail) for row in report.problems.itertuples()]


def status(window: Window) -> str:
    told = window.explorer.workspace.tasks.status
    return told[2] if told is not None else ""


# --- on this computer -----------------------------------------------------------------------------


@pytest.mark.soak
def test_the_window_checks_all_images(window: Window, file: Path, tmp_path: Path) -> None:
    said = check(window)
    assert said.startswith(f"{N_PLATES} containers of images: {N_PLATES} checked now.")
    assert said.endswith(f"Saved check.csv in {file.parent}.")
    found = rows_of(file)
    assert found == rows_here(window, tmp_path)
    assert any("Plate2.tar" in detail for _, detail in found)
    assert f"{N_PLATES} checked before" in check(window), "what was checked is kept"


@pytest.mark.soak
def test_what_has_no_images_cannot_be_checked(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    root = tmp_path / "vectors"
    rows = [b.guide_row("gene-001", 1, address, "PLK1") for address in WELLS]
    b.write(root / "metadata_rxrx3.csv", b.csv_bytes(rows))
    window = open_window(root)
    share = window.explorer.share
    share.menu.aboutToShow.emit()
    assert not share.check.isEnabled()
    assert share.check.toolTip() == "There are no images in this data set."


# --- on workers -----------------------------------------------------------------------------------


@pytest.mark.sample
def test_workers_find_what_this_computer_finds(
    window: Window,
    file: Path,
    workers: str,
    tmp_path: Path,
    let_go_of_cluster: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_on(workers)
    told: list[tuple[int, int, str]] = []
    its_own = rx.Dataset.check

    def watched(dataset: rx.Dataset, *, progress: Any, **options: Any) -> Any:
        def report(done: int, total: int, text: str) -> None:
            told.append((done, total, text))
            progress(done, total, text)

        return its_own(dataset, progress=report, **options)

    with monkeypatch.context() as patch:
        patch.setattr(rx.Dataset, "check", watched)
        said = check(window)
    assert len(let_go_of_cluster) == 1, "it was done there"
    assert said.startswith(f"{N_PLATES} containers of images: {N_PLATES} checked now.")
    assert rows_of(file) == rows_here(window, tmp_path)
    n_images = {total for _, total, text in told if text.endswith("parts left")}
    assert len(n_images) == 1, "how far it is was told, in images"


@pytest.mark.soak
def test_a_stop_is_heard_while_workers_are_waited_for(
    window: Window, file: Path, nobody: str, let_go_of_cluster: list[float]
) -> None:
    run_on(nobody)
    start(window)
    waiting = "waiting for workers of the dask scheduler"
    window.qtbot.waitUntil(lambda: status(window) == waiting, timeout=20_000)
    began = time.monotonic()
    window.explorer.workspace.tasks.cancel_shown()
    assert window.session.message.startswith("Stopped. What was checked by then is kept")
    window.qtbot.waitUntil(lambda: bool(let_go_of_cluster))
    assert let_go_of_cluster[0] - began < 0.5
    assert not file.exists()


@pytest.mark.soak
def test_a_stop_is_heard_in_the_middle_and_what_was_checked_stays(
    open_window: Callable[..., Window],
    file: Path,
    workers: str,
    tmp_path: Path,
    let_go_of_cluster: list[float],
) -> None:
    n_plates = 60
    window = open_window(a_screen(n_plates).write_rxrx3(tmp_path / "many"))
    run_on(workers)
    start(window)
    tasks = window.explorer.workspace.tasks
    window.qtbot.waitUntil(lambda: bool(tasks.status and tasks.status[0]), timeout=20_000)
    began = time.monotonic()
    tasks.cancel_shown()
    window.qtbot.waitUntil(lambda: bool(let_go_of_cluster))
    assert let_go_of_cluster[0] - began < 0.5
    run_on("")
    said = check(window)
    assert "checked before" in said
    assert not said.startswith(f"{n_plates} containers of images: {n_plates} checked now")
    assert file.exists()


def test_a_cluster_that_is_away_is_said_and_nothing_is_lost(
    window: Window, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "_PATIENCE_S", 0.3)
    run_on("tcp://127.0.0.1:1")
    assert "The dask scheduler tcp://127.0.0.1:1 does not answer" in check(window)
    assert not file.exists()
    run_on("")
    assert "checked now" in check(window)


@pytest.mark.soak
def test_workers_that_do_not_see_the_data_are_said_once(
    open_window: Callable[..., Window], file: Path, folder: Path, workers: str
) -> None:
    window = open_window()
    window.session.open(rx.open_dataset(b.to_memory(folder, "memory://screen")))
    window.settle()
    run_on(workers)
    said = check(window)
    assert said.startswith("The worker tcp://127.0.0.1:")
    assert "does not see what this computer does" in said
    assert "must have the same path there" in said
    assert not file.exists()


@pytest.mark.soak
def test_workers_that_keep_what_they_find_elsewhere_are_said(
    window: Window, file: Path, workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def elsewhere(folder: Path) -> Iterator[Path]:
        yield tmp_path / "only here" / "mark"

    monkeypatch.setattr(passes, "mark_in", elsewhere)
    run_on(workers)
    said = check(window)
    assert f"{tmp_path / 'only here'} is another folder there, or none" in said
    assert not file.exists()


@pytest.mark.soak
def test_workers_count_cells(window: Window, workers: str, let_go_of_cluster: list[float]) -> None:
    run_on(workers)
    window.session.want_measures([window.session.plate], ["DNA"])
    window.settle()
    assert window.session.message == f"Measured {len(WELLS)} images; kept for the next time."
    assert len(let_go_of_cluster) == 1
    known = window.session.dataset.measures(["gene-001/1"], ["DNA"], compute=False)
    assert known["n_nuclei"].notna().all()
    window.session.want_measures([window.session.plate], ["DNA"])
    window.settle()
    assert window.session.message == "All that can be read is measured already."
    assert len(let_go_of_cluster) == 1, "there was nothing to do"
    assert not window.explorer.workspace.tasks.is_running(COUNTING)

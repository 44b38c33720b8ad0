"""A dask scheduler that is not there, is silent, or goes away: it is said, and nothing is lost."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.stopping import Stop, under
from napari_rxrx3.data import passes
from napari_rxrx3.data.passes import cluster

pytest.importorskip("distributed")


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of a server that takes calls, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("address", ["nowhere", "tcp://127.0.0.1:1", "http://x", "tcp://[", ":"])
def test_one_that_is_not_there_is_said(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "_PATIENCE_S", 0.5)
    with pytest.raises(RxRx3Error, match="does not answer") as caught, cluster(address):
        pass
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_silent_one_is_not_waited_for_once_nobody_wants_it(silent: str) -> None:
    stop = Stop()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with under(stop), pytest.raises(Cancelled), cluster(silent):
        pass
    assert time.monotonic() - began < 0.3 + 0.5


@pytest.fixture
def dataset(tmp_path: Path) -> rx.Dataset:
    rows = [
        b.guide_row("gene-001", plate, f"B{column:02d}", "PLK1")
        for plate in range(1, 7)
        for column in range(2, 8)
    ]
    root = b.Screen.of(rows, 256).write_rxrx3(tmp_path / "data")
    return rx.open_dataset(root, cache_dir=tmp_path / "cache")


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler, which a test may end, with no worker yet."""
    file = tmp_path / "scheduler.json"
    options = ["--no-dashboard", "--no-show", "--scheduler-file", str(file), "--port", "0"]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        yield process, str(file)
    finally:
        process.kill()
        process.wait()


@pytest.mark.soak
def test_one_without_workers_is_waited_for_and_then_lost(
    scheduler: tuple[subprocess.Popen[bytes], str], dataset: rx.Dataset, tmp_path: Path
) -> None:
    process, file = scheduler
    said: list[str] = []

    def end_it(done: int, total: int, text: str) -> None:
        said.append(text)
        if len(said) == 5:
            process.kill()

    with (
        cluster(file=file) as client,
        pytest.raises(RxRx3Error, match="does not answer any more"),
    ):
        rx.export_crops(dataset, tmp_path / "crops", size=64, client=client, progress=end_it)
    assert "waiting for workers" in said[0]
    summary = rx.export_crops(dataset, tmp_path / "crops", size=64)
    assert (summary.n_tasks, summary.n_before, summary.failures) == (6, 0, [])


@pytest.mark.soak
def test_a_stop_does_not_wait_for_one_that_went_silent(
    scheduler: tuple[subprocess.Popen[bytes], str], dataset: rx.Dataset, tmp_path: Path
) -> None:
    process, file = scheduler
    stop = Stop()
    stopped_at = 0.0

    def silence(done: int, total: int, text: str) -> None:
        nonlocal stopped_at
        if not stopped_at:
            process.send_signal(19)  # SIGSTOP: it is there, and answers nothing
            stopped_at = time.monotonic() + 0.3
            stop.set(0.3)

    with under(stop), pytest.raises(Cancelled), cluster(file=file) as client:
        rx.export_crops(dataset, tmp_path / "crops", size=64, client=client, progress=silence)
    assert time.monotonic() - stopped_at < 1.0

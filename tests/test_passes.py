"""Passes over images on a real cluster: what a lost worker had begun is done by another one."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.data.files.local import is_unfinished
from napari_rxrx3.data.parallel import cores, n_threads
from napari_rxrx3.data.passes import PassSummary, Share

distributed = pytest.importorskip("distributed")

N_PLATES = 8


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two workers, a process each."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("cluster")),
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> rx.Dataset:
    rows = [
        b.guide_row("gene-001", plate, f"{row}{column:02d}", f"GENE{column}")
        for plate in range(1, N_PLATES + 1)
        for row in "BC"
        for column in range(2, 12)
    ]
    folder = tmp_path_factory.mktemp("passes")
    screen = b.Screen.of(rows, 256)
    return rx.open_dataset(screen.write_rxrx3(folder / "data"), cache_dir=folder / "cache")


def files_in(folder: Path) -> dict[str, bytes]:
    """What is whole; what a killed process had begun is tidied away a day later."""
    files = (folder / "data").iterdir()
    return {file.name: file.read_bytes() for file in files if not is_unfinished(file.name)}


def cut(dataset: rx.Dataset, folder: Path, **options: Any) -> PassSummary:
    return rx.export_crops(dataset, folder, size=128, per_well=4, **options)


@pytest.mark.soak
def test_workers_write_what_threads_write(dataset: rx.Dataset, client: Any, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    there = cut(dataset, tmp_path / "there", client=client, progress=lambda *s: seen.append(s[:2]))
    here = cut(dataset, tmp_path / "here")
    assert there == here
    assert files_in(tmp_path / "there") == files_in(tmp_path / "here")
    assert all(total == 20 * N_PLATES for _, total in seen)
    assert cut(dataset, tmp_path / "there", client=client).n_before == N_PLATES


@pytest.mark.soak
def test_a_killed_worker_loses_nothing_and_nothing_is_done_twice(
    dataset: rx.Dataset, client: Any, tmp_path: Path
) -> None:
    pids = client.run(os.getpid)
    victim = next(iter(pids.values()))
    is_killed = False

    def kill(done: int, total: int, text: str) -> None:
        nonlocal is_killed
        if done and not is_killed:
            is_killed = True
            os.kill(victim, signal.SIGKILL)  # a worker that this test started

    summary = cut(dataset, tmp_path / "killed", client=client, progress=kill)
    assert is_killed
    assert not summary.failures
    cut(dataset, tmp_path / "here")
    assert files_in(tmp_path / "killed") == files_in(tmp_path / "here")


@pytest.mark.soak
def test_workers_hear_a_stop(dataset: rx.Dataset, client: Any, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled("enough")

    began = time.monotonic()
    with pytest.raises(Cancelled):
        cut(dataset, tmp_path, client=client, progress=stop)
    assert time.monotonic() - began < 5
    deadline = time.monotonic() + 10
    while any(client.processing().values()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(client.processing().values())
    n_then = len(list(tmp_path.rglob("*.parquet")))
    time.sleep(0.3)
    assert len(list(tmp_path.rglob("*.parquet"))) == n_then < N_PLATES


@pytest.mark.soak
def test_a_share_is_done_by_workers_too(dataset: rx.Dataset, client: Any, tmp_path: Path) -> None:
    assert cut(dataset, tmp_path, client=client, share=Share(2, 3)).n_tasks == 3
    assert len(files_in(tmp_path)) == 3


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "3/", "a/b", "-1/3", "1/0"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(rx.RxRx3Error, match="no part such as 3/100"):
        Share.from_text(text)


@pytest.mark.soak
def test_workers_check_as_threads_do(dataset: rx.Dataset, client: Any, tmp_path: Path) -> None:
    root = Path(shutil.copytree(dataset.address, tmp_path / "data"))
    for plate in (2, 5):
        path = root / f"images/gene-001/Plate{plate}.tar"
        path.write_bytes(path.read_bytes()[:200_000])
    there = rx.open_dataset(root, cache_dir=tmp_path / "there").check(client=client)
    here = rx.open_dataset(root, cache_dir=tmp_path / "here").check()
    assert there.counts["unreadable_plane"]
    assert there.checked == here.checked
    assert there.to_json() == here.to_json()
    again = rx.open_dataset(root, cache_dir=tmp_path / "there").check()
    assert f"{N_PLATES} checked before" in again.checked
    assert again.to_json() == here.to_json()


@pytest.mark.soak
def test_workers_measure_what_threads_measure(dataset: rx.Dataset, client: Any) -> None:
    there = dataset.measures(stains=["DNA"], client=client)
    assert there["focus"].notna().all()
    again = rx.open_dataset(dataset.address, cache_dir=dataset.cache.folder.parent / "other")
    here = again.measures(stains=["DNA"])
    assert there.equals(here)


@pytest.mark.soak
def test_a_worker_uses_the_cores_that_it_was_given(dataset: rx.Dataset, client: Any) -> None:
    """As many processes as cores would else start as many threads each."""
    dataset.check(again=True, client=client)
    assert set(client.run(cores_and_threads).values()) == {(1, 2)}
    assert cores() == os.cpu_count(), "this process has all of them"


def cores_and_threads() -> tuple[int, int]:
    return cores(), n_threads()


@pytest.mark.soak
def test_what_all_tasks_share_is_sent_once(
    dataset: rx.Dataset, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a pass over a whole screen would send the ids of all of its wells with each plate."""
    sent: list[int] = []
    submit = client.submit

    def watched(function: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(sum("B02" in repr(each) for each in arguments if is_job(each)))
        return submit(function, *arguments, **options)

    monkeypatch.setattr(client, "submit", watched)
    assert cut(dataset, tmp_path, client=client).n_written == 80 * N_PLATES
    assert sent == [1, *[0] * N_PLATES]


def is_job(argument: Any) -> bool:
    return type(argument).__name__ == "_Job"

"""RxRx3-core on the Hub: wells at once; vectors are fetched, and go on after a stop or a kill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_rxrx3 as rx
from builders import Screen, control_row, guide_row, noise
from hub import ADDRESS, Hub, hub_serving
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.cache.eviction import kept_files
from napari_rxrx3.data.files import fetching, storage
from napari_rxrx3.data.vectors import embeddings

WELL = "gene-001_1_D05"
VECTORS = "OpenPhenom_rxrx3_core_embeddings.parquet"
N_WELLS, DIM = 1056, 512
PART = 1 << 17


def a_screen() -> Screen:
    wells = [f"{line}{c:02d}" for line in "CDEFGHIJKLMNOPQRSTUVWXYZ" for c in range(3, 47)]
    genes = ("PLK1", "TUBB")
    rows = [
        guide_row("gene-001", 1, well, genes[n % 4])
        if n % 4 < 2
        else control_row("gene-001", 1, well)
        for n, well in enumerate(wells)
    ]
    screen = Screen.of(rows, dim=DIM)
    rng = np.random.default_rng(1)
    for well in screen.vectors:
        screen.vectors[well] = rng.normal(size=DIM).astype("float32")
    screen.planes = {WELL: noise(WELL, 32, "uint8")}
    return screen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    screen = a_screen()
    screen.write_metadata(root / "metadata_rxrx3_core.csv")
    screen.write_embeddings(root / VECTORS)
    screen.write_core(root)
    return root


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(fetching, "_PART", PART)
    monkeypatch.setattr(embeddings, "FETCHED_FROM", PART)
    with hub_serving(folder) as hub:
        yield hub


def sent(hub: Hub) -> list[int]:
    """Where the parts of the vectors began that were fetched; at the first everybody looks."""
    starts = (start for name, start, _ in hub.sent if name == VECTORS)
    return sorted(start for start in starts if start and start % PART == 0)


def copies(cache: Path) -> list[Path]:
    return [file.path for file in kept_files(cache) if file.kind == "fetched"]


def stopped_at(share: float) -> Any:
    def progress(done: int, total: int, text: str) -> None:
        if text.startswith("fetching") and done > share * total:
            raise Cancelled("It was stopped.")

    return progress


def test_all_of_it_is_read_with_its_address(hub: Hub, tmp_path: Path, folder: Path) -> None:
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    assert dataset.address == ADDRESS == dataset.root
    assert dataset.read(WELL).shape == (6, 32, 32)
    local = rx.open_dataset(folder, tmp_path / "local")
    dataset.images.look_into(PlateId("gene-001", 1))
    assert dataset.wells.equals(local.wells)
    name = dataset.default_embedding
    assert np.array_equal(dataset.embeddings[name].vectors, local.embeddings[name].vectors)
    assert copies(tmp_path) == [], "what was fetched is not needed beside the vectors"


def test_wells_and_pictures_are_there_before_the_vectors(hub: Hub, tmp_path: Path) -> None:
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    assert len(dataset.known_wells) == N_WELLS
    assert dataset.read(WELL).shape == (6, 32, 32)
    assert not dataset.vectors_are_read
    assert sent(hub) == []


def test_a_fetch_that_was_stopped_goes_on(hub: Hub, tmp_path: Path) -> None:
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    with pytest.raises(Cancelled):
        dataset.read_vectors(stopped_at(0.5))
    [copy] = copies(tmp_path)
    there = copy.stat().st_size
    size = (hub.root / VECTORS).stat().st_size
    assert size / 2 < there < size
    hub.sent.clear()
    again = rx.open_dataset(ADDRESS, tmp_path)
    again.read_vectors()
    assert sent(hub)[0] == there
    assert again.wells["has_embedding"].all()
    assert copies(tmp_path) == []


def test_another_version_is_fetched_from_its_beginning(
    hub: Hub, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(Cancelled):
        rx.open_dataset(ADDRESS, tmp_path).read_vectors(stopped_at(0.5))
    root = tmp_path_factory.mktemp("newer")
    screen = a_screen()
    for well, vector in screen.vectors.items():
        screen.vectors[well] = -vector
    screen.write_metadata(root / "metadata_rxrx3_core.csv")
    screen.write_embeddings(root / VECTORS)
    hub.root = root
    hub.sent.clear()
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    dataset.read_vectors()
    assert sent(hub)[0] == PART
    table = dataset.embeddings[dataset.default_embedding]
    assert np.array_equal(table.vectors[0], screen.vectors[table.well_ids[0]])


def test_a_server_that_fails_in_the_middle_leaves_what_came(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    good, n = hub.signature, [0]

    def progress(done: int, total: int, text: str) -> None:
        if text.startswith("fetching") and done > total / 2:
            n[0] = n[0] or done
            hub.signature = "Signature=another"  # nobody is let in any more

    monkeypatch.setattr("napari_rxrx3.data.files.remote.PAUSES_S", (0.01, 0.01, 0.01))
    dataset.read_vectors(progress)
    hub.signature = good
    if dataset.embeddings:  # all of the rest was under way already
        return
    [copy] = copies(tmp_path)
    assert copy.stat().st_size >= n[0]


KILLED = """
import sys
from napari_rxrx3.data.files import fetching, storage
from napari_rxrx3.data.vectors import embeddings
import napari_rxrx3 as rx
fetching._PART = embeddings.FETCHED_FROM = int(sys.argv[3])
dataset = rx.open_dataset(sys.argv[1], sys.argv[2])
print("open", flush=True)
dataset.read_vectors()
"""


def test_a_fetch_that_was_killed_goes_on_where_it_stood(hub: Hub, tmp_path: Path) -> None:
    size = (hub.root / VECTORS).stat().st_size
    hub.slow, hub.after = VECTORS, size // 2 // PART * PART
    hub.part = PART
    program = [sys.executable, "-c", KILLED, ADDRESS, str(tmp_path), str(PART)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, env={**os.environ})
    try:
        assert process.stdout.readline() == b"open\n"
        give_up = time.monotonic() + 30
        while not any(c.stat().st_size == hub.after for c in copies(tmp_path)):
            assert time.monotonic() < give_up
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    hub.let_go.set()
    hub.slow = ""
    time.sleep(0.2)
    hub.sent.clear()
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    dataset.read_vectors()
    assert sent(hub)[0] == hub.after
    assert dataset.wells["has_embedding"].all()


def test_a_damaged_copy_is_not_kept(hub: Hub, tmp_path: Path) -> None:
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    with pytest.raises(Cancelled):
        dataset.read_vectors(stopped_at(0.5))
    [copy] = copies(tmp_path)
    copy.write_bytes(bytes((hub.root / VECTORS).stat().st_size))
    again = rx.open_dataset(ADDRESS, tmp_path)
    again.read_vectors()
    assert not again.embeddings
    assert copies(tmp_path) == []
    assert rx.open_dataset(ADDRESS, tmp_path).wells["has_embedding"].all()


def test_the_token_is_that_of_the_hub_itself(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_planted_token_1234567890"
    monkeypatch.setattr("napari_rxrx3.data.files.remote.PAUSES_S", (0.01, 0.01, 0.01))
    with pytest.raises(rx.RxRx3Error, match=r"accept|log in|login"):
        rx.open_dataset(ADDRESS, tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    import huggingface_hub

    huggingface_hub.HfFileSystem.clear_instance_cache()
    assert len(rx.open_dataset(ADDRESS, tmp_path).known_wells) == N_WELLS
    assert hub.token in hub.tokens


def test_what_is_kept_of_vectors_needs_no_fetch(hub: Hub, tmp_path: Path) -> None:
    rx.open_dataset(ADDRESS, tmp_path).read_vectors()
    hub.sent.clear()
    again = rx.open_dataset(ADDRESS, tmp_path)
    assert again.vectors_are_read
    assert sent(hub) == []
    assert DiskCache(tmp_path).folder == tmp_path


def resolved(hub: Hub) -> Counter[str]:
    """How often the Hub was asked where a file lies."""
    return Counter(path.rsplit("/", 1)[-1] for path in hub.asked if "/resolve/" in path)


@pytest.fixture
def _no_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_HEAD", "_END"):  # or a small file is all in memory
        monkeypatch.setattr(storage, name, 16)


@pytest.mark.usefixtures("_no_ends")
def test_the_hub_is_asked_once_where_a_file_lies(hub: Hub, tmp_path: Path) -> None:
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    dataset.read(WELL)
    asked = resolved(hub)
    assert asked["train-00000-of-00001.parquet"] == 1
    assert max(asked.values()) == 1, asked


@pytest.mark.usefixtures("_no_ends")
def test_an_address_whose_time_is_over_is_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    dataset = rx.open_dataset(ADDRESS, tmp_path)
    hub.signature = "Signature=another-one"
    assert dataset.read(WELL).shape == (6, 32, 32)
    assert resolved(hub)["train-00000-of-00001.parquet"] == 2

"""What files were found to be is remembered: only those that changed are looked into again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.discovery.discover import discover
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import RULE

PLATES = [("gene-001", 1), ("gene-001", 2), ("gene-002", 1)]


@pytest.fixture
def screen() -> b.Screen:
    rows = [b.guide_row(e, p, f"B{c:02d}", "PLK1") for e, p in PLATES for c in (2, 3, 4)]
    return b.Screen.of(rows, dim=6)


@pytest.fixture
def data(screen: b.Screen, root: Path) -> Path:
    screen.write_metadata(root / "metadata.csv")
    screen.write_plate_embeddings(root)
    screen.write_tars(root)
    return root


def found(path: Path | str, cache: Path, progress: Any = None) -> Contents:
    storage, inner = Storage.of(path)
    return discover(storage, inner, DiskCache(cache), progress)


def blank(path: Path) -> None:
    """Wipe a file out so that only its content tells: size and time of change stay."""
    stat = path.stat()
    path.write_bytes(bytes(stat.st_size))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def embedding_of(root: Path, number: int) -> Path:
    return sorted(root.rglob("*.parquet"))[number]


def test_a_file_that_is_as_it_was_is_not_looked_into(data: Path, cache: Path) -> None:
    before = found(data, cache)
    for path in [p for p in data.rglob("*") if p.is_file()]:
        blank(path)
    assert found(data, cache) == before
    assert len(before.embeddings) == len(before.dimensions) == 3


def test_a_changed_file_alone_is_looked_into(data: Path, cache: Path) -> None:
    before = found(data, cache)
    for path in data.rglob("*.parquet"):
        blank(path)
    changed = embedding_of(data, 1)
    changed.write_bytes(b.embedding_bytes({"gene-001_2_B02": np.ones(9, np.float32)}))
    after = found(data, cache)
    assert after.dimensions == {**before.dimensions, str(changed): 9}


def test_a_file_of_the_same_size_and_another_time_is_looked_into(data: Path, cache: Path) -> None:
    found(data, cache)
    path = embedding_of(data, 0)
    blank(path)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    assert str(path) in found(data, cache).unreadable


def test_files_come_and_go(screen: b.Screen, data: Path, cache: Path) -> None:
    found(data, cache)
    embedding_of(data, 0).unlink()
    new = data / "more.parquet"
    screen.write_embeddings(new)
    after = found(data, cache)
    assert after.embeddings == sorted(str(p) for p in data.rglob("*.parquet"))
    new.unlink()
    assert str(new) not in found(data, cache).embeddings


def test_a_file_that_could_not_be_read_gets_another_chance(data: Path, cache: Path) -> None:
    path = embedding_of(data, 0)
    good, stat = path.read_bytes(), path.stat()
    blank(path)
    assert str(path) in found(data, cache).unreadable
    path.write_bytes(good)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert not found(data, cache).unreadable


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "cut in half": lambda content: content[: len(content) // 2],
    "one bit another": lambda content: flipped(content, len(content) // 2),
    "other content": lambda content: b"\x00\xff" * len(content),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_memory_is_made_anew(damage: str, data: Path, cache: Path) -> None:
    before = found(data, cache)
    (kept,) = [p for p in cache.rglob("*") if p.is_file()]
    kept.write_bytes(DAMAGE[damage](kept.read_bytes()))
    assert found(data, cache) == before
    for path in data.rglob("*.parquet"):
        blank(path)
    assert found(data, cache) == before, "it was kept again"


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 5}', '{"a": ["x", "y"]}', "null"])
def test_a_memory_of_another_form_is_made_anew(text: str, data: Path, cache: Path) -> None:
    before = found(data, cache)
    bytes_ = np.frombuffer(text.encode(), np.uint8)
    DiskCache(cache).save("files", f"|{data}", {"json": bytes_})
    assert found(data, cache) == before


def test_a_locked_cache_costs_only_time(data: Path, tmp_path: Path) -> None:
    locked = b.write(tmp_path / "file", b"in the way") / "cache"
    expected = found(data, tmp_path / "open")
    assert len(expected.embeddings) > 0
    for _ in range(2):
        assert found(data, locked) == expected
    assert not locked.exists()


def test_a_remote_listing_that_tells_times_is_enough(data: Path, cache: Path) -> None:
    url = b.to_memory(data, "memory://known-files")
    before = found(url, cache)
    storage, inner = Storage.of(url)
    kept = DiskCache(cache).load("files", f"{storage.name}|{inner}|{RULE}")
    assert kept is not None
    assert len(json.loads(kept["json"].tobytes())) == 7
    assert found(url, cache) == before


@pytest.mark.skipif(find_spec("aiohttp") is None, reason="the server needs aiohttp")
def test_where_a_listing_tells_no_times_files_are_looked_into(data: Path, cache: Path) -> None:
    with b.served(data, True) as url:
        assert len(found(url, cache).dimensions) == 3
        changed = embedding_of(data, 1)
        changed.write_bytes(b.embedding_bytes({"gene-001_2_B02": np.ones(9, np.float32)}))
        assert sorted(found(url, cache).dimensions.values()) == [6, 6, 9]


def test_looking_reports_and_can_be_stopped(data: Path, cache: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    found(data, cache, lambda *step: seen.append(step))
    assert [done for done, _, _ in seen] == list(range(7))
    assert {total for _, total, _ in seen} == {7}
    assert len({text for _, _, text in seen}) == 7

    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        found(data, cache, stop)


def test_vectors_that_changed_are_joined_anew(screen: b.Screen, data: Path, cache: Path) -> None:
    assert rx.open_dataset(data, cache_dir=cache).wells["has_embedding"].all()
    lacking = screen.ids[0]
    del screen.vectors[lacking]
    screen.write_plate_embeddings(data)
    again = rx.open_dataset(data, cache_dir=cache)
    assert not again.vectors_are_read
    wells = again.wells
    assert wells.index[~wells["has_embedding"]].tolist() == [lacking]


def test_what_was_joined_is_known_at_once_the_next_time(data: Path, cache: Path) -> None:
    first = rx.open_dataset(data, cache_dir=cache)
    assert not first.vectors_are_read
    assert "has_embedding" not in first.known_wells
    assert "n_embeddings" not in first.known_plates
    wells = first.wells
    again = rx.open_dataset(data, cache_dir=cache)
    assert again.vectors_are_read
    pd.testing.assert_frame_equal(again.known_wells, wells)
    pd.testing.assert_frame_equal(again.known_plates, first.plates)
    assert again.known_default == first.default_embedding == "embeddings"


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_join_is_made_anew(damage: str, data: Path, cache: Path) -> None:
    first = rx.open_dataset(data, cache_dir=cache)
    wells, rows = first.wells, first.rows_of("embeddings")
    (kept,) = (cache / "joins").iterdir()
    kept.write_bytes(DAMAGE[damage](kept.read_bytes()))
    again = rx.open_dataset(data, cache_dir=cache)
    pd.testing.assert_frame_equal(again.wells, wells)
    for one, other in zip(again.rows_of("embeddings"), rows, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "positions", [[0, 1, 99], [0, 1, -1], [0.5, 1, 2], [0, 1]], ids=["far", "-1", "float", "few"]
)
def test_a_join_that_cannot_be_is_made_anew(
    positions: list[float], data: Path, cache: Path
) -> None:
    first = rx.open_dataset(data, cache_dir=cache)
    wells = first.wells
    (kept,) = (cache / "joins").iterdir()
    array = np.array(positions)
    array = array.astype(np.int32) if (array % 1 == 0).all() else array
    with kept.open("wb") as file:
        np.savez(file, positions=array, rows=np.arange(3, dtype=np.int32))
    pd.testing.assert_frame_equal(rx.open_dataset(data, cache_dir=cache).wells, wells)


_OPEN = """
import sys, napari_rxrx3 as rx
ds = rx.open_dataset(sys.argv[1], cache_dir=sys.argv[2])
print(len(ds.wells), int(ds.wells["has_embedding"].sum()), int(ds.wells["has_image"].sum()))
print(ds.embeddings["embeddings"].vectors.sum())
"""


@pytest.mark.soak
def test_processes_may_open_with_one_cache_at_once(data: Path, cache: Path) -> None:
    command = [sys.executable, "-c", _OPEN, str(data), str(cache)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120) for process in running]
    assert {errors for _, errors in said} == {""}
    (output,) = {output for output, _ in said}
    assert output.startswith("9 9 9\n")
    again = rx.open_dataset(data, cache_dir=cache)
    assert again.vectors_are_read
    assert not list(cache.rglob("*.part"))


def test_which_of_several_embeddings_is_the_default_takes_the_vectors(
    screen: b.Screen, data: Path, cache: Path
) -> None:
    del screen.vectors[screen.ids[0]]
    screen.write_embeddings(data / "fewer.parquet")
    ds = rx.open_dataset(data, cache_dir=cache)
    assert ds.known_default is None
    assert ds.default_embedding == ds.known_default == "embeddings"

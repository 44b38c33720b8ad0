"""Images of servers that were looked at: kept on the disk, and shown when the server is away."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import napari_rxrx3 as rx
from builders import (
    Screen,
    Store,
    control_row,
    guide_row,
    image_files,
    noise,
    served,
    shard_rows,
    write_folder,
    write_shard,
    write_zip,
)
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.files import remote, storage
from napari_rxrx3.data.files.storage import Storage

pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")

SEEN, OTHER = "gene-001_1_D05", "gene-001_1_D06"


def a_screen(side: int = 32) -> Screen:
    screen = Screen.of(
        [
            control_row("gene-001", 1, "C03"),
            guide_row("gene-001", 1, "D05", "PLK1"),
            guide_row("gene-001", 1, "D06", "TUBB"),
        ],
        dim=4,
    )
    screen.planes = {well: noise(well, side, "uint16") for well in (SEEN, OTHER)}
    return screen


def write(screen: Screen, root: Path, kind: str) -> None:
    screen.write_metadata(root / "metadata.csv")
    if kind == "folder":
        screen.write_folders(root)
        return
    for (experiment, plate), planes in screen.by_plate().items():
        write_zip(root / experiment / f"Plate{plate}.zip", image_files(planes))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0.01,))
    monkeypatch.setattr(remote, "_in_vain", {})
    for name in ("_HEAD", "_END"):  # or a small file is all in memory
        monkeypatch.setattr(storage, name, 16)


@pytest.fixture
def store() -> Store:
    return Store()


def images_asked_for(store: Store) -> list[str]:
    return [path for path in store.asked if "_w" in path or ".zip" in path]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_what_was_looked_at_is_shown_without_the_server(
    tmp_path: Path, store: Store, kind: str
) -> None:
    write(a_screen(), tmp_path / "screen", kind)
    with served(tmp_path, True, store) as url:
        first = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
        store.asked.clear()
        pixels = first.read(SEEN)
        assert len(images_asked_for(store)) == 6, "one request an image"
        again = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
        store.asked.clear()
        assert np.array_equal(again.read(SEEN), pixels)
        store.trouble = {"_w": "cut", ".zip": "cut"}
        assert np.array_equal(again.read(SEEN), pixels)
    since = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
    assert "offline" in since.describe()
    assert np.array_equal(since.read(SEEN), pixels)
    with pytest.raises(rx.ImageUnavailable, match="is not kept; as of "):
        since.read(OTHER)


def test_a_server_that_goes_away_leaves_what_was_looked_at(tmp_path: Path, store: Store) -> None:
    write(a_screen(), tmp_path / "screen", "folder")
    with served(tmp_path, True, store) as url:
        pixels = rx.open_dataset(f"{url}/screen", tmp_path / "cache").read(SEEN)
        dataset = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
    assert np.array_equal(dataset.read(SEEN), pixels)
    with pytest.raises(rx.ImageUnavailable, match="cannot be connected to"):
        dataset.read(OTHER)


def test_first_rows_are_kept_too(tmp_path: Path, store: Store) -> None:
    write(a_screen(1024), tmp_path / "screen", "folder")
    with served(tmp_path, True, store) as url:
        dataset = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
        rows = dataset.prefix(SEEN, 1)
        assert rows is not None
    away = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
    kept = away.prefix(SEEN, 1)
    assert kept is not None
    assert np.array_equal(kept, rows)
    with pytest.raises(rx.ImageUnavailable, match="is not kept"):
        away.plane(SEEN, 1)


def test_another_image_in_its_place_is_shown(tmp_path: Path, store: Store) -> None:
    screen = a_screen()
    write(screen, tmp_path / "screen", "folder")
    with served(tmp_path, True, store) as url:
        rx.open_dataset(f"{url}/screen", tmp_path / "cache").read(SEEN)
        new = noise("another one", 32, "uint16")
        place = tmp_path / "screen" / "images" / "gene-001" / "Plate1"
        write_folder(place, image_files({"D05": new}))
        for path in place.iterdir():
            os.utime(path, (2e9, 2e9))
        dataset = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
        assert np.array_equal(dataset.read(SEEN), np.stack(new))


@pytest.mark.parametrize("damage", [b"", b"no part", bytes(100)])
def test_a_kept_image_that_is_damaged_is_read_again(
    tmp_path: Path, store: Store, damage: bytes
) -> None:
    write(a_screen(), tmp_path / "screen", "folder")
    with served(tmp_path, True, store) as url:
        pixels = rx.open_dataset(f"{url}/screen", tmp_path / "cache").read(SEEN)
        parts = list((tmp_path / "cache" / "parts").iterdir())
        assert len(parts) == 6
        for part in parts:
            part.write_bytes(damage)
        dataset = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
        assert np.array_equal(dataset.read(SEEN), pixels)


def test_what_nobody_can_tell_from_another_is_not_kept(tmp_path: Path, store: Store) -> None:
    """Such a server tells neither a hash nor a time."""
    write(a_screen(), tmp_path / "screen", "folder")
    store.trouble = {"_w": "untold"}
    with served(tmp_path, True, store) as url:
        rx.open_dataset(f"{url}/screen", tmp_path / "cache").read(SEEN)
    assert not (tmp_path / "cache" / "parts").exists()


def test_of_a_local_folder_nothing_is_kept(tmp_path: Path) -> None:
    write(a_screen(), tmp_path / "screen", "folder")
    rx.open_dataset(tmp_path / "screen", tmp_path / "cache").read(SEEN)
    assert not (tmp_path / "cache" / "parts").exists()


# --- many wells at once ---------------------------------------------------------------------------


def test_images_of_many_wells_are_asked_for_at_once(tmp_path: Path, store: Store) -> None:
    write(a_screen(), tmp_path / "screen", "folder")
    with served(tmp_path, True, store) as url:
        dataset = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
        store.asked.clear()
        store.held = {"_w"}
        on_their_way = dataset.fetch([SEEN, OTHER, "no such well"])
        end = time.monotonic() + 20
        while len(images_asked_for(store)) < 12 and time.monotonic() < end:
            time.sleep(0.01)
        assert len(images_asked_for(store)) == 12
        store.let_go.set()
        for each in on_their_way:
            each.result(20)
        for well in (SEEN, OTHER):
            assert dataset.read(well).shape == (6, 32, 32)
        assert len(images_asked_for(store)) == 12, "they are here"


def test_pieces_of_a_plate_are_asked_for_at_once(tmp_path: Path, store: Store) -> None:
    screen, root = a_screen(), tmp_path / "screen"
    screen.planes = {well: noise(well, 32, "uint8") for well in screen.planes}
    screen.write_metadata(root / "metadata.csv")
    write_shard(root / "data" / "train-00000-of-00001.parquet", shard_rows(screen.planes), 6)
    plate = PlateId("gene-001", 1)
    with served(tmp_path, True, store) as url:
        dataset = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
        dataset.images.look_into(plate)
        store.asked.clear()
        positions = [dataset.well(SEEN).position]
        for piece in dataset.images.fetch_pieces(plate, positions):
            piece.result(20)
        assert len(store.asked) == 1, "of these wells alone"
        dataset.read(SEEN)
        assert len(store.asked) == 1
        dataset.read(OTHER)
        assert len(store.asked) == 2


# --- listings -----------------------------------------------------------------------------------


def test_links_that_are_signed_are_asked_for_and_not_said(tmp_path: Path, store: Store) -> None:
    write(a_screen(), tmp_path / "screen", "folder")
    place = tmp_path / "screen" / "images" / "gene-001" / "Plate1"
    names = sorted(path.name for path in place.iterdir())
    links = [f'<a href="{name}?X-Amz-Signature=planted{n}">x</a>' for n, name in enumerate(names)]
    order = '<a href="?C=N;O=D">Name</a><a href="?C=M;O=A">Time</a>'
    (place / "index.html").write_text("\n".join([order, *links]))
    with served(tmp_path, True, store) as url:
        there, root = Storage.of(f"{url}/screen/images/gene-001/Plate1/")
        listed = there.children(root)
        assert [entry.name for entry in listed] == names
        store.asked.clear()
        assert there.read(listed[0].path) == (place / names[0]).read_bytes()
        assert "planted0" in store.asked[-1]
        dataset = rx.open_dataset(f"{url}/screen", tmp_path / "cache")
        assert dataset.read(SEEN).shape == (6, 32, 32)
        said = [dataset.describe(), str(dataset.problems), there.answers.to_json("today")]
        assert "planted" not in " ".join(said)
    shutil.rmtree(tmp_path / "screen")
    for path in (tmp_path / "cache").rglob("*"):
        assert path.is_dir() or b"planted" not in path.read_bytes()

"""Data sets in buckets of S3: read as from a disk, and what fails is said with what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

import napari_rxrx3 as rx
from builders import Screen, control_row, guide_row, noise
from napari_rxrx3.data.files import remote, storage
from s3 import BUCKET, KEY, S3, SECRET, put, s3_serving
from samples import soak
from servers import WELL, seen

OTHER = "gene-001_1_D06"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_serving() as s3:
        yield s3


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch, s3: S3) -> Iterator[None]:
    monkeypatch.setattr(remote, "PAUSES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(remote, "_in_vain", {})
    monkeypatch.setattr(storage, "_END", 1000)  # or a small file is all in memory
    s3.reset()
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield
    s3.reset()


def a_screen() -> Screen:
    rows = [control_row("gene-001", 1, f"C{column:02d}") for column in range(3, 9)]
    rows += [guide_row("gene-001", 1, f"D{c:02d}", gene) for c, gene in ((5, "PLK1"), (6, "TUBB"))]
    screen = Screen.of(rows, dim=4)
    screen.planes = {well: noise(well, 32, "uint8") for well in (WELL, OTHER)}
    return screen


@pytest.fixture(scope="module", params=["shard", soak("tar"), soak("folder")])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(request.param) / request.param
    screen = a_screen()
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    write = {"shard": screen.write_core, "tar": screen.write_tars, "folder": screen.write_folders}
    write[request.param](root)
    return root


@pytest.fixture(scope="module")
def address(s3: S3, folder: Path) -> str:
    return put(folder, folder.name)


STEPS = {
    "listing": r"list-type=2",
    "metadata": r"metadata\.csv$",
    "vectors": r"vectors\.parquet$",
    "images": r"(Plate1|train-).*(tar|parquet|png)$",
}
"""What is asked for at each: the first bytes and the end of a file, its row groups, members."""


def test_a_bucket_is_read_as_a_disk(address: str, folder: Path, tmp_path: Path) -> None:
    assert seen(address, tmp_path / "there") == seen(folder, tmp_path / "here")


@pytest.mark.each(3)
@pytest.mark.parametrize("what", ["503", "cut", soak("500"), soak("429"), soak("drop")])
@pytest.mark.parametrize("step", STEPS)
def test_what_passes_changes_nothing(
    s3: S3, address: str, folder: Path, tmp_path: Path, step: str, what: str
) -> None:
    wanted = seen(folder, tmp_path / "here")
    s3.trouble, s3.times = {STEPS[step]: what}, 3
    assert seen(address, tmp_path / "there") == wanted
    assert s3.times == 0, "it was never in trouble"


def test_what_was_looked_at_is_shown_again(s3: S3, address: str, tmp_path: Path) -> None:
    pixels = rx.open_dataset(address, tmp_path).read(WELL)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    again = rx.open_dataset(address, tmp_path)
    s3.asked.clear()
    assert np.array_equal(again.read(WELL), pixels)
    assert s3.asked == []
    s3.trouble = {BUCKET: "503"}
    assert "offline" in rx.open_dataset(address, tmp_path).describe()


@pytest.mark.each(2)
@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("expired", "the login has expired: log in again"),
        ("unknown", "the server does not take this login: see to AWS_PROFILE"),
        ("403", "this login may not read it: ask its owner"),
        ("500", "the server answered 500"),
    ],
)
def test_what_stays_is_said_with_what_to_do(
    s3: S3, address: str, tmp_path: Path, what: str, why: str
) -> None:
    dataset = rx.open_dataset(address, tmp_path / "cache")
    s3.trouble = {STEPS["images"]: what}
    with pytest.raises(rx.ImageUnavailable, match=rf"{WELL}, channel \d: {why}") as caught:
        dataset.read(WELL)
    assert is_one_sentence(str(caught.value))
    s3.trouble = {BUCKET: what}
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(rx.RxRx3Error, match=rf"{address} cannot be read \({why}") as refused:
        rx.open_dataset(address, tmp_path / "another")
    assert is_one_sentence(str(refused.value))


def is_one_sentence(said: str) -> bool:
    return said.endswith(".") and "\n" not in said and SECRET not in said and KEY not in said


def test_without_a_login_it_is_said_how_to_get_one(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.filesystem("s3").chmod(address, "public-read", recursive=True)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(rx.RxRx3Error, match="takes a login, and none was found: `aws configure`"):
        rx.open_dataset(address, tmp_path)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    monkeypatch.setitem(fsspec.config.conf, "s3", {"anon": True})  # as FSSPEC_S3_ANON does
    assert rx.open_dataset(address, tmp_path).read(WELL).shape == (6, 32, 32)


@pytest.mark.parametrize("path", ["no-such-bucket", "no-such-bucket/screen"])
def test_a_bucket_that_is_not_there_is_not_a_folder_that_is_not_there(
    s3: S3, tmp_path: Path, path: str
) -> None:
    with pytest.raises(rx.RxRx3Error, match="there is no bucket of that name"):
        rx.open_dataset(f"s3://{path}", tmp_path)
    with pytest.raises(rx.RxRx3Error, match=rf"s3://{BUCKET}/nothing does not exist"):
        rx.open_dataset(f"s3://{BUCKET}/nothing", tmp_path)


def test_a_file_of_a_bucket_opens_by_itself(address: str, tmp_path: Path) -> None:
    dataset = rx.open_dataset(f"{address}/metadata.csv", tmp_path)
    assert dataset.read(WELL).shape == (6, 32, 32)


def test_nobody_is_asked_more_often_than_it_takes(s3: S3, address: str, tmp_path: Path) -> None:
    rx.open_dataset(address, tmp_path)
    asked = [re.sub(r"\?.*", "", path) for path in s3.asked if "list-type" not in path]
    assert not [path for path in asked if "_w" in path], "no image"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    s3.asked.clear()
    rx.open_dataset(address, tmp_path)
    assert all("list-type" in path for path in s3.asked), "what is listed is known"

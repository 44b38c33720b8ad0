"""Data sets in buckets of Google: read as from a disk, and what fails is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import napari_rxrx3 as rx
from gs import GS, GS_BUCKET, gs_serving, put_into_gs
from napari_rxrx3.data.files import remote, storage
from samples import soak
from servers import WELL, seen
from test_s3 import folder, is_one_sentence

__all__ = ["folder"]


@pytest.fixture(scope="module")
def gs() -> Iterator[GS]:
    with gs_serving() as gs:
        yield gs


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch, gs: GS) -> Iterator[None]:
    monkeypatch.setattr(remote, "PAUSES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(remote, "_in_vain", {})
    monkeypatch.setattr(storage, "_END", 1000)  # or a small file is all in memory
    gs.reset()
    forget()
    yield
    gs.reset()


def forget() -> None:
    fsspec.get_filesystem_class("gs").clear_instance_cache()


@pytest.fixture(scope="module")
def address(gs: GS, folder: Path) -> str:
    return put_into_gs(folder, folder.name)


def test_a_bucket_is_read_as_a_disk(address: str, folder: Path, tmp_path: Path) -> None:
    assert seen(address, tmp_path / "there") == seen(folder, tmp_path / "here")


STEPS = {
    "listing": r"/o/?\?.*prefix",
    "metadata": r"metadata\.csv.*alt=media",
    "vectors": r"vectors\.parquet.*alt=media",
    "images": r"(Plate1|train-).*(tar|parquet|png).*alt=media",
}


@pytest.mark.parametrize("what", [503, soak("cut"), soak(429)])
@pytest.mark.parametrize("step", [*map(soak, ("listing", "metadata", "vectors")), "images"])
def test_what_passes_changes_nothing(
    gs: GS, address: str, folder: Path, tmp_path: Path, step: str, what: int | str
) -> None:
    wanted = seen(folder, tmp_path / "here")
    gs.trouble, gs.times = {STEPS[step]: what}, 1  # gcsfs waits a second before it asks again
    assert seen(address, tmp_path / "there") == wanted
    assert gs.times <= 0, "it was never in trouble"


def test_what_was_looked_at_is_shown_without_the_server(
    gs: GS, address: str, tmp_path: Path
) -> None:
    pixels = rx.open_dataset(address, tmp_path).read(WELL)
    forget()
    again = rx.open_dataset(address, tmp_path)
    gs.asked.clear()
    assert (again.read(WELL) == pixels).all()
    assert gs.asked == []


def test_what_may_not_be_read_is_said_in_a_sentence(gs: GS, address: str, tmp_path: Path) -> None:
    """(What a server cannot do for now, gcsfs asks for a minute and longer.)"""
    dataset = rx.open_dataset(address, tmp_path / "cache")
    gs.trouble = {STEPS["images"]: 403}
    with pytest.raises(rx.ImageUnavailable, match=rf"{WELL}, channel \d: .*") as caught:
        dataset.read(WELL)
    assert is_one_sentence(str(caught.value))
    gs.trouble = {"": 403}
    forget()
    with pytest.raises(rx.RxRx3Error, match=f"{address} cannot be read") as refused:
        rx.open_dataset(address, tmp_path / "another")
    assert is_one_sentence(str(refused.value))


@pytest.mark.parametrize("place", ["no-such-bucket/screen", f"{GS_BUCKET}/nothing"])
def test_what_is_not_there_is_said_not_to_be(gs: GS, tmp_path: Path, place: str) -> None:
    with pytest.raises(rx.RxRx3Error, match=rf"gs://{place}") as refused:
        rx.open_dataset(f"gs://{place}", tmp_path)
    assert is_one_sentence(str(refused.value))


def test_a_file_of_a_bucket_opens_by_itself(address: str, tmp_path: Path) -> None:
    dataset = rx.open_dataset(f"{address}/metadata.csv", tmp_path)
    assert dataset.read(WELL).shape == (6, 32, 32)

"""Where images lie in large files of a server: as on a disk, in few ways there and back."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from builders import Store, noise, png, served, shard_rows, write, write_shard
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images import tars
from napari_rxrx3.data.images.planes import PlaneIndex
from napari_rxrx3.data.images.shards import ShardFile
from napari_rxrx3.data.images.tars import TarSource

pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")

PLATE = PlateId("gene-001", 1)


def names(n: int = 90) -> list[str]:
    wells = [f"{row}{column:02d}" for row in "BCDEF" for column in range(2, 12)]
    return [f"{well}_s1_w{channel}.png" for well in wells for channel in range(1, 7)][:n]


def a_tar(members: list[str], change: Callable[[int, str], tuple[str, bytes]], form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for number, member in enumerate(members):
            name, data = change(number, member)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def plain(number: int, name: str) -> tuple[str, bytes]:
    return name, png(noise(str(number % 7), 40)[0])


def deep(number: int, name: str) -> tuple[str, bytes]:
    return f"{'a long folder/' * 12}{name}" if number % 3 else name, plain(number, name)[1]


def a_tar_in_it(number: int, name: str) -> tuple[str, bytes]:
    """Hold in places a tar of headers alone, each of which looks like one of the chain."""
    if number % 10 != 4:
        return plain(number, name)
    return f"notes{number}.bin", a_tar(["x.txt"] * 40, lambda n, m: (m, b""), tarfile.GNU_FORMAT)


def as_it_is(data: bytes) -> bytes:
    return data


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def with_a_hole(data: bytes) -> bytes:
    """Make zeros of a header in the middle, which is what the end of a tar looks like."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        at = tar.getmembers()[50].offset
    return data[:at] + bytes(1024) + data[at + 1024 :]


def shard_index(storage: Storage, path: str) -> PlaneIndex:
    return ShardFile(storage, path).index(None, None)


def indexed(path: Path, url: str) -> tuple[PlaneIndex, PlaneIndex]:
    here, inner = Storage.of(path)
    there, inner_there = Storage.of(url)
    build = shard_index if path.suffix == ".parquet" else TarSource.build_index
    options = () if path.suffix == ".parquet" else (PLATE,)
    return build(here, inner, *options), build(there, inner_there, *options)


def assert_same(one: PlaneIndex, other: PlaneIndex) -> None:
    found, wanted = other.to_arrays(), one.to_arrays()
    for name in wanted.keys() - {"notes"}:
        assert np.array_equal(found[name], wanted[name]), name
    assert len(other.notes) == len(one.notes)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "LARGE", 1000)
    monkeypatch.setattr(tars, "_LOOK", 4096)
    monkeypatch.setattr(tars, "N_PLACES", 8)


@pytest.mark.each(4)
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("damage", [as_it_is, cut, with_a_hole])
@pytest.mark.parametrize(
    ("form", "change"),
    [
        (tarfile.USTAR_FORMAT, plain),
        (tarfile.GNU_FORMAT, deep),
        (tarfile.PAX_FORMAT, deep),
        (tarfile.GNU_FORMAT, a_tar_in_it),
    ],
)
def test_a_large_tar_is_known_as_on_a_disk(
    tmp_path: Path,
    form: int,
    change: Callable[[int, str], tuple[str, bytes]],
    damage: Callable[[bytes], bytes],
) -> None:
    path = write(tmp_path / "Plate1.tar", damage(a_tar(names(), change, form)))
    store = Store()
    with served(tmp_path, True, store) as url:
        assert_same(*indexed(path, f"{url}/Plate1.tar"))


@pytest.mark.usefixtures("_small")
def test_the_chain_is_entered_at_many_places(tmp_path: Path) -> None:
    write(tmp_path / "Plate1.tar", a_tar(names(), plain, tarfile.USTAR_FORMAT))
    store = Store()
    with served(tmp_path, True, store) as url:
        storage, inner = Storage.of(f"{url}/Plate1.tar")
        index = TarSource.build_index(storage, inner, PLATE)
        n_asked = len(store.asked)
    assert len(index.code) == 90
    assert n_asked < 90 + 4 * tars.N_PLACES, "one for each header, and few to find the places"


def test_a_shard_is_known_as_on_a_disk(tmp_path: Path) -> None:
    planes = {
        f"gene-001_1_{well}": noise(well, 16, "uint8") for well in ("B02", "B03", "C04", "C05")
    }
    rows = shard_rows(planes)
    path = tmp_path / "train-00000-of-00001.parquet"
    write_shard(path, rows)
    table = pq.read_table(path)
    pq.write_table(table, path, row_group_size=2)
    store = Store()
    with served(tmp_path, True, store) as url:
        here, there = indexed(path, f"{url}/{path.name}")
        assert_same(here, there)
    assert len(here.code) == 24


def test_an_index_of_one_plate_goes_by_any_name_and_of_several_by_none(tmp_path: Path) -> None:
    path = write(tmp_path / "Plate1.tar", a_tar(names(6), plain, tarfile.USTAR_FORMAT))
    index = TarSource.build_index(*Storage.of(path), PLATE)
    other = PlateId("other", 7)
    assert index.called(other).plates == (other,)
    both = replace(index, plates=(PLATE, PlateId("gene-001", 2)))
    assert both.called(other) is both


def test_images_are_of_the_first_field_at_first(tmp_path: Path) -> None:
    path = write(tmp_path / "Plate1.tar", a_tar(names(6), plain, tarfile.USTAR_FORMAT))
    storage, inner = Storage.of(path)
    source = TarSource(storage, inner, TarSource.build_index(storage, inner, PLATE))
    assert source.field == 1
    assert source.at_field(1) is source

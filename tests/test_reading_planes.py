"""Planes come back exactly, from every container; what cannot be read says so."""

from __future__ import annotations

import io
import itertools
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import dask.array as da
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import ImageUnavailable
from napari_rxrx3.data.images.decode import shrink, shrink_to
from napari_rxrx3.data.images.tiles import TileReader

WELLS = {address: f"gene-001_1_{address}" for address in ("B02", "Z47", "AA15", "AF47")}


def write_plate(root: Path, files: dict[str, bytes], tar: bool) -> Path:
    """Write the files of gene-001, plate 1, and return the tar or the folder."""
    if tar:
        return b.write_tar(root / "images/gene-001/Plate1.tar", files)
    return b.write_folder(root / "images/gene-001/Plate1", files)


def assert_planes(ds: Any, well_id: str, planes: np.ndarray) -> None:
    """All three ways to the pixels agree with what was written."""
    found = ds.read(well_id)
    assert found.shape == planes.shape
    assert found.dtype == planes.dtype
    assert (found == planes).all()
    assert (ds.image(well_id).compute() == planes).all()


# --- exact values ------------------------------------------------------------------------------


@pytest.mark.parametrize("tar", [True, False], ids=["tar", "folder"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("suffix", ["png", "tif", "tiff"])
def test_png_and_tiff_are_exact(
    suffix: str, dtype: str, tar: bool, root: Path, cache: Path
) -> None:
    planes = {address: b.noise(address, 16, dtype) for address in WELLS}
    write_plate(root, b.image_files(planes, suffix), tar)
    ds = rx.open_dataset(root, cache_dir=cache)
    for address, well_id in WELLS.items():
        assert_planes(ds, well_id, planes[address])


@pytest.mark.parametrize("tar", [True, False], ids=["tar", "folder"])
def test_jpeg_2000_files_are_what_the_codec_says(tar: bool, root: Path, cache: Path) -> None:
    planes = {address: b.smooth(address, 128) for address in WELLS}
    write_plate(root, b.image_files(planes, "jp2"), tar)
    ds = rx.open_dataset(root, cache_dir=cache)
    for address, well_id in WELLS.items():
        assert_planes(ds, well_id, b.decoded_jp2(planes[address]))


@pytest.mark.parametrize("value", [0, 1, 255, 256, 65535])
def test_extreme_values_survive(value: int, root: Path, cache: Path) -> None:
    planes = np.full((6, 8, 8), value, "uint16")
    write_plate(root, b.image_files({"B02": planes}), tar=True)
    assert_planes(rx.open_dataset(root, cache_dir=cache), "gene-001_1_B02", planes)


def test_a_full_size_well_is_exact(root: Path, cache: Path) -> None:
    steps = np.arange(6)[:, None, None] * 1000
    planes = (steps + np.add.outer(np.arange(2048), 7 * np.arange(2048))).astype("uint16")
    write_plate(root, b.image_files({"B02": planes}), tar=True)
    assert_planes(rx.open_dataset(root, cache_dir=cache), "gene-001_1_B02", planes)


FORMS = {
    "pax": tarfile.PAX_FORMAT,
    "gnu": tarfile.GNU_FORMAT,
    "ustar": tarfile.USTAR_FORMAT,
}
LONG = "/".join(["a-folder-with-a-rather-long-name"] * 4)  # beyond the 100 characters of a header
FOLDERS = ["", ".", "Plate1", "./Plate1", "images/gene-001/Plate1", "elsewhere/Plate7", LONG]


@pytest.mark.parametrize(
    ("folder", "form"),
    [*itertools.product(FOLDERS, ["pax"]), *itertools.product(["", LONG], ["gnu", "ustar"])],
)
def test_members_are_found_below_any_folder(
    folder: str, form: str, root: Path, cache: Path
) -> None:
    planes = {address: b.noise(address) for address in WELLS}
    path = root / "images/gene-001/Plate1.tar"
    b.write_tar(path, b.image_files(planes), folder, FORMS[form])
    ds = rx.open_dataset(root, cache_dir=cache)
    assert sorted(ds.wells.index) == sorted(WELLS.values())
    for address, well_id in WELLS.items():
        assert_planes(ds, well_id, planes[address])


@pytest.mark.parametrize("name", ["B02_s1_w3.png", "Plate1/B02_s1_w3.png"])
def test_of_members_of_one_name_the_last_counts(name: str, root: Path, cache: Path) -> None:
    """To append to a tar is to replace what it holds, as tar itself reads it."""
    planes = b.noise("B02")
    path = write_plate(root, b.image_files({"B02": planes}), tar=True)
    planes[2] = b.noise("another")[2]
    with tarfile.open(path, "a") as tar:
        content = b.png(planes[2])
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    assert_planes(rx.open_dataset(root, cache_dir=cache), "gene-001_1_B02", planes)


def test_names_without_w_and_members_in_any_order(root: Path, cache: Path) -> None:
    planes = {address: b.noise(address) for address in WELLS}
    files = b.image_files(planes)
    turned = {name.replace("_w", "_"): files[name] for name in reversed(files)}
    write_plate(root, turned, tar=True)
    ds = rx.open_dataset(root, cache_dir=cache)
    for address, well_id in WELLS.items():
        assert_planes(ds, well_id, planes[address])


@pytest.mark.parametrize("tar", [True, False], ids=["tar", "folder"])
def test_other_files_beside_the_images_do_no_harm(tar: bool, root: Path, cache: Path) -> None:
    planes = {"B02": b.noise("B02")}
    litter = {
        "._B02_s1_w1.png": b"\x00\x05\x16\x07 AppleDouble",
        ".DS_Store": b"\x00\x00\x00\x01Bud1",
        "Thumbs.db": b"thumbs",
        "B02_s1_w1.png.md5": b"d41d8cd98f00b204e9800998ecf8427e",
        "readme.txt": b"B02_s1_w1.png",
    }
    write_plate(root, b.image_files(planes) | litter, tar)
    ds = rx.open_dataset(root, cache_dir=cache)
    assert list(ds.wells.index) == ["gene-001_1_B02"]
    assert_planes(ds, "gene-001_1_B02", planes["B02"])


@pytest.mark.parametrize("sites", [(1, 2), (2, 1), (2,), (1, 2, 3, 4)])
def test_of_several_sites_all_channels_show_the_first(
    sites: tuple[int, ...], root: Path, cache: Path
) -> None:
    planes = {site: b.noise(f"site {site}", 16, "uint8") for site in sites}
    files: dict[str, bytes] = {}
    for site in sites:
        files |= b.image_files({"M23": planes[site]}, site=site)
    b.write_folder(root / "images/HUVEC-1/Plate1", files)
    ds = rx.open_dataset(root, cache_dir=cache)
    assert list(ds.wells.index) == ["HUVEC-1_1_M23"]
    assert_planes(ds, "HUVEC-1_1_M23", planes[min(sites)])


def test_plates_of_the_same_number_are_not_mixed_up(root: Path, cache: Path) -> None:
    names = [f"{e}_{p}_B02" for e in ("gene-001", "gene-002", "gene-010") for p in (1, 2, 10, 11)]
    screen = b.Screen(planes={name: b.noise(name, 8) for name in names})
    screen.write_tars(root)
    ds = rx.open_dataset(root, cache_dir=cache)
    for name in names:
        assert_planes(ds, name, screen.planes[name])


def test_a_plate_may_lie_half_in_a_tar_and_half_in_a_folder(root: Path, cache: Path) -> None:
    planes = {address: b.noise(address) for address in WELLS}
    in_tar = {address: planes[address] for address in ("B02", "AA15")}
    in_folder = {address: planes[address] for address in ("Z47", "AF47")}
    write_plate(root, b.image_files(in_tar), tar=True)
    write_plate(root, b.image_files(in_folder), tar=False)
    ds = rx.open_dataset(root, cache_dir=cache)
    for address, well_id in WELLS.items():
        assert_planes(ds, well_id, planes[address])


# --- shards ------------------------------------------------------------------------------------

CORE = [f"compound-001_{p}_{a}" for p in (1, 2, 10) for a in ("B02", "AF47")]


def core_planes() -> dict[str, np.ndarray]:
    return {well_id: b.smooth(well_id, 32) for well_id in CORE}


def assert_core(root: Path, cache: Path, planes: dict[str, np.ndarray]) -> None:
    ds = rx.open_dataset(root, cache_dir=cache)
    assert sorted(ds.wells.index) == sorted(planes)
    for well_id, stack in planes.items():
        assert_planes(ds, well_id, b.decoded_jp2(stack))


KINDS: dict[str, tuple[pa.DataType, pa.DataType]] = {
    "struct": (b.STRUCT, pa.string()),
    "path first": (pa.struct([("path", pa.string()), ("bytes", pa.binary())]), pa.string()),
    "binary": (pa.binary(), pa.string()),
    "large": (pa.large_binary(), pa.large_string()),
}


@pytest.mark.parametrize(
    ("kind", "row_group"),
    [*itertools.product(["struct"], [1, 4, 6, 100]), *itertools.product(KINDS, [7])],
)
def test_shards_of_every_kind_are_exact(kind: str, row_group: int, root: Path, cache: Path) -> None:
    planes = core_planes()
    image_type, key_type = KINDS[kind]
    b.write_shard(root / "a.parquet", b.shard_rows(planes), row_group, image_type, key_type)
    assert_core(root, cache, planes)


def test_a_well_may_straddle_row_groups_of_a_hundred(root: Path, cache: Path) -> None:
    names = [f"compound-001_1_{r}{c:02d}" for r in b.ROWS[1:6] for c in range(2, 9)]
    planes = {name: b.smooth(name, 16) for name in names}
    b.write_shards(root / "data", b.shard_rows(planes))
    assert_core(root, cache, planes)


@pytest.mark.parametrize("cuts", [[1], [5, 6, 7], [9, 20], [6, 6]])
def test_a_well_may_straddle_shards(cuts: list[int], root: Path, cache: Path) -> None:
    planes = core_planes()
    b.write_shards(root / "data", b.shard_rows(planes), cuts)
    assert_core(root, cache, planes)


def test_rows_of_a_shard_may_come_in_any_order(root: Path, cache: Path) -> None:
    planes = core_planes()
    rows = b.shard_rows(planes)
    keys = np.random.default_rng(5).permutation(list(rows))
    b.write_shard(root / "a.parquet", {str(key): rows[key] for key in keys}, 10)
    assert_core(root, cache, planes)


# --- dask arrays -------------------------------------------------------------------------------


def test_an_image_is_lazy_with_one_channel_a_chunk(root: Path, cache: Path) -> None:
    planes = b.noise("B02", 20)[:, :, :12]
    write_plate(root, b.image_files({"B02": planes}), tar=True)
    image = rx.open_dataset(root, cache_dir=cache).image("gene-001_1_B02")
    assert isinstance(image, da.Array)
    assert (image.shape, image.dtype) == ((6, 20, 12), np.dtype("uint16"))
    assert image.chunks == ((1,) * 6, (20,), (12,))
    for channel in range(6):
        assert (image[channel].compute() == planes[channel]).all()
    assert (image[2, 3:9, 5].compute() == planes[2, 3:9, 5]).all()


def test_arrays_handed_out_are_the_callers_own(root: Path, cache: Path) -> None:
    planes = b.noise("B02")
    write_plate(root, b.image_files({"B02": planes}), tar=True)
    ds = rx.open_dataset(root, cache_dir=cache)
    for ask in (ds.read, lambda w: ds.image(w).compute(), lambda w: ds.thumbnail(w, size=16)):
        array = ask("gene-001_1_B02")
        if array.flags.writeable:
            array[:] = 0
    assert_planes(ds, "gene-001_1_B02", planes)
    assert (ds.thumbnail("gene-001_1_B02", size=16) == planes).all()


# --- what is missing or broken -----------------------------------------------------------------


def rgb(plane: np.ndarray) -> bytes:
    return b.png(np.dstack([plane.astype("uint8")] * 3))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "50 bytes": lambda content: content[:50],
    "half": lambda content: content[: len(content) // 2],
    "last tenth lost": lambda content: content[: len(content) * 9 // 10],
    "text": lambda _: b"<html>404 Not Found</html>",
    "RGB": lambda _: rgb(b.noise("rgb")[0]),
    "other shape": lambda _: b.png(b.noise("small", 8)[0]),
    "zeros": lambda content: bytes(len(content)),
}


def open_with(root: Path, cache: Path, files: dict[str, bytes], tar: bool = True) -> Any:
    """Open a plate of these files: well B02 with metadata, and a sound well beside it."""
    sound = b.image_files({"C03": b.noise("C03")})
    write_plate(root, files | sound, tar)
    rows = [b.guide_row("gene-001", 1, address, "PLK1") for address in ("B02", "C03")]
    b.write(root / "metadata.csv", b.csv_bytes(rows))
    return rx.open_dataset(root, cache_dir=cache)


def assert_unavailable(
    caught: pytest.ExceptionInfo[ImageUnavailable], channel: int, *places: str
) -> None:
    error = caught.value
    assert (error.well_id, error.channel) == ("gene-001_1_B02", channel)
    assert error.cause
    for place in places:
        assert place in error.location
    for part in (error.well_id, str(error.channel), error.location, error.cause):
        assert part in str(error)


@pytest.mark.each(4)
@pytest.mark.parametrize("tar", [True, False], ids=["tar", "folder"])
@pytest.mark.parametrize("channel", [1, 4])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_plane_is_named_and_the_others_are_read(
    damage: str, channel: int, tar: bool, root: Path, cache: Path
) -> None:
    planes = b.noise("B02")
    files = b.image_files({"B02": planes})
    name = f"B02_s1_w{channel}.png"
    files[name] = DAMAGE[damage](files[name])
    ds = open_with(root, cache, files, tar)
    places = ("Plate1.tar", name) if tar else ("Plate1", name)
    with pytest.raises(ImageUnavailable) as caught:
        ds.read("gene-001_1_B02")
    assert_unavailable(caught, channel, *places)
    image = ds.image("gene-001_1_B02")
    assert (image.shape, image.dtype) == (planes.shape, planes.dtype)
    with pytest.raises(ImageUnavailable) as caught:
        image[channel - 1].compute()
    assert_unavailable(caught, channel, *places)
    if damage != "other shape":  # any shape can be made small
        with pytest.raises(ImageUnavailable):
            ds.thumbnail("gene-001_1_B02", size=8)
    for other in set(b.CHANNELS) - {channel}:
        assert (image[other - 1].compute() == planes[other - 1]).all()
    assert_planes(ds, "gene-001_1_C03", b.noise("C03"))


@pytest.mark.parametrize("tar", [True, False], ids=["tar", "folder"])
@pytest.mark.parametrize("channel", b.CHANNELS)
def test_a_missing_plane_is_named_and_the_others_are_read(
    channel: int, tar: bool, root: Path, cache: Path
) -> None:
    planes = b.noise("B02")
    files = b.image_files({"B02": planes})
    del files[f"B02_s1_w{channel}.png"]
    ds = open_with(root, cache, files, tar)
    with pytest.raises(ImageUnavailable) as caught:
        ds.read("gene-001_1_B02")
    assert_unavailable(caught, channel, "Plate1")
    image = ds.image("gene-001_1_B02")
    assert image.shape == planes.shape
    others = [i for i in range(6) if i != channel - 1]
    assert (image[others].compute() == planes[others]).all()
    with pytest.raises(ImageUnavailable) as caught:
        image.compute()
    assert_unavailable(caught, channel, "Plate1")
    with pytest.raises(ImageUnavailable):
        ds.thumbnail("gene-001_1_B02", size=8)


def test_a_well_without_any_plane_is_unavailable(root: Path, cache: Path) -> None:
    ds = open_with(root, cache, {})
    for ask in (ds.read, lambda well_id: ds.image(well_id).compute(), ds.thumbnail):
        with pytest.raises(ImageUnavailable, match="gene-001_1_B02"):
            ask("gene-001_1_B02")


def test_a_well_of_metadata_alone_is_unavailable(root: Path, cache: Path) -> None:
    b.write(root / "metadata.csv", b.csv_bytes([b.guide_row("gene-001", 1, "B02", "PLK1")]))
    ds = rx.open_dataset(root, cache_dir=cache)
    for ask in (ds.read, lambda well_id: ds.image(well_id).compute(), ds.thumbnail):
        with pytest.raises(ImageUnavailable, match="gene-001_1_B02"):
            ask("gene-001_1_B02")


def pixel_data(content: bytes) -> range:
    """Return where the compressed pixels of a PNG lie, their two-byte header left out."""
    start = content.index(b"IDAT") + 4
    size = int.from_bytes(content[start - 8 : start - 4], "big")
    return range(start + 2, start + size)


def test_no_flipped_bit_of_the_pixels_goes_unseen(root: Path, cache: Path) -> None:
    files = b.image_files({"B02": b.noise("B02")})
    sound = files["B02_s1_w5.png"]
    places = pixel_data(sound)
    spots = np.random.default_rng(1).integers(places.start, places.stop, 40)
    names = [f"B{i:02d}" for i in range(2, 42)]
    for name, spot, bit in zip(names, spots, itertools.cycle(range(8)), strict=False):
        flipped = bytearray(sound)
        flipped[spot] ^= 1 << bit
        for channel in b.CHANNELS:
            files[f"{name}_s1_w{channel}.png"] = files[f"B02_s1_w{channel}.png"]
        files[f"{name}_s1_w5.png"] = bytes(flipped)
    write_plate(root, files, tar=True)
    ds = rx.open_dataset(root, cache_dir=cache)
    for name in names[1:]:
        with pytest.raises(ImageUnavailable) as caught:
            ds.read(f"gene-001_1_{name}")
        assert caught.value.channel == 5


CELLS: dict[str, Callable[[bytes], bytes | None]] = {
    "null": lambda _: None,
    "empty": lambda _: b"",
    "text": lambda _: b"not found",
    "half": lambda content: content[: len(content) // 2],
    "last tenth lost": lambda content: content[: len(content) * 9 // 10],
    "header broken": lambda content: b"\xff" * 40 + content[40:],
    "other shape": lambda _: b.jp2(b.smooth("small", 16)[0]),
    "RGB": lambda _: b.jp2(b.smooth("rgb", 32)[:3].transpose(1, 2, 0).copy()),
}


@pytest.mark.parametrize("kind", ["struct", "binary"])
@pytest.mark.parametrize("damage", CELLS)
def test_a_damaged_cell_of_a_shard_is_named(
    damage: str, kind: str, root: Path, cache: Path
) -> None:
    planes = {"gene-001_1_B02": b.smooth("B02", 32), "gene-001_1_C03": b.smooth("C03", 32)}
    rows = b.shard_rows(planes)
    key = "gene-001/Plate1/B02_s1_3"
    rows[key] = CELLS[damage](rows[key] or b"")
    b.write_shard(root / "train-0.parquet", rows, 4, KINDS[kind][0])
    ds = rx.open_dataset(root, cache_dir=cache)
    with pytest.raises(ImageUnavailable) as caught:
        ds.read("gene-001_1_B02")
    assert_unavailable(caught, 3, "train-0.parquet", key)
    others = [0, 1, 3, 4, 5]
    expected = b.decoded_jp2(planes["gene-001_1_B02"])
    assert (ds.image("gene-001_1_B02")[others].compute() == expected[others]).all()
    assert_planes(ds, "gene-001_1_C03", b.decoded_jp2(planes["gene-001_1_C03"]))


def test_a_row_that_a_shard_lacks_is_named(root: Path, cache: Path) -> None:
    planes = {"gene-001_1_B02": b.smooth("B02", 32), "gene-001_1_C03": b.smooth("C03", 32)}
    rows = b.shard_rows(planes)
    del rows["gene-001/Plate1/B02_s1_3"]
    b.write_shard(root / "train-0.parquet", rows, 5)
    ds = rx.open_dataset(root, cache_dir=cache)
    with pytest.raises(ImageUnavailable) as caught:
        ds.read("gene-001_1_B02")
    assert_unavailable(caught, 3)
    expected = b.decoded_jp2(planes["gene-001_1_B02"])
    assert (ds.image("gene-001_1_B02")[3:].compute() == expected[3:]).all()


def test_a_five_channel_sibling_lacks_channel_six_only(root: Path, cache: Path) -> None:
    planes = b.noise("AA02", 16, "uint8")[:5]
    b.write_folder(root / "images/HRCE-1/Plate1", b.image_files({"AA02": planes}))
    ds = rx.open_dataset(root, cache_dir=cache)
    image = ds.image("HRCE-1_1_AA02")
    assert (image.shape, image.dtype) == ((6, 16, 16), np.dtype("uint8"))
    assert (image[0:5].compute() == planes).all()
    with pytest.raises(ImageUnavailable) as caught:
        ds.read("HRCE-1_1_AA02")
    assert (caught.value.well_id, caught.value.channel) == ("HRCE-1_1_AA02", 6)


@pytest.mark.parametrize("tar", [True, False], ids=["tar", "folder"])
def test_a_file_that_goes_away_after_opening_is_named(tar: bool, root: Path, cache: Path) -> None:
    path = write_plate(root, b.image_files({"B02": b.noise("B02")}), tar)
    ds = rx.open_dataset(root, cache_dir=cache)
    path.rename(path.with_name("gone"))
    with pytest.raises(ImageUnavailable, match="gene-001_1_B02"):
        ds.read("gene-001_1_B02")


def test_a_tar_that_was_cut_off_gives_what_came_before(root: Path, cache: Path) -> None:
    planes = {address: b.noise(address) for address in WELLS}
    path = write_plate(root, b.image_files(planes), tar=True)
    with tarfile.open(path) as archive:
        cut = archive.getmember("AA15_s1_w3.png").offset_data + 100
    path.write_bytes(path.read_bytes()[:cut])
    rows = [b.guide_row("gene-001", 1, address, "PLK1") for address in WELLS]
    b.write(root / "metadata.csv", b.csv_bytes(rows))
    ds = rx.open_dataset(root, cache_dir=cache)
    for address in ("B02", "Z47"):
        assert_planes(ds, WELLS[address], planes[address])
    assert (ds.image(WELLS["AA15"])[:2].compute() == planes["AA15"][:2]).all()
    with pytest.raises(ImageUnavailable) as caught:
        ds.read(WELLS["AA15"])
    assert caught.value.channel == 3
    with pytest.raises(ImageUnavailable):
        ds.read(WELLS["AF47"])


# --- thumbnails --------------------------------------------------------------------------------


def block_mean(planes: np.ndarray, size: int) -> np.ndarray:
    n = planes.shape[-1] // size
    return planes.reshape(6, size, n, size, n).mean(axis=(2, 4))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(("full", "size"), [(64, 8), (64, 32), (128, 64), (16, 16), (60, 20)])
def test_a_png_thumbnail_is_the_mean_of_its_area(
    full: int, size: int, dtype: str, root: Path, cache: Path
) -> None:
    planes = b.noise("B02", full, dtype)
    write_plate(root, b.image_files({"B02": planes}), tar=True)
    thumbnail = rx.open_dataset(root, cache_dir=cache).thumbnail("gene-001_1_B02", size=size)
    assert thumbnail.dtype == dtype
    assert thumbnail.shape == (6, size, size)
    assert np.abs(thumbnail - block_mean(planes, size)).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "jp2", "tif"])
@pytest.mark.parametrize("shape", [(48, 120), (120, 48), (64, 65), (300, 900)])
def test_oblong_images_keep_their_shape(
    shape: tuple[int, int], suffix: str, root: Path, cache: Path
) -> None:
    """A disc in the middle is a disc, in thumbnails, in previews and in strips."""
    y, x = (np.arange(extent) - (extent - 1) / 2 for extent in shape)
    radius = min(shape) * 0.4
    disc = np.where(y[:, None] ** 2 + x**2 < radius**2, 200, 10).astype("uint8")
    write = {"png": b.png, "jp2": b.jp2, "tif": b.tiff}[suffix]
    files = {f"B02_s1_w{channel}.{suffix}": write(disc) for channel in range(1, 7)}
    write_plate(root, files, tar=True)
    dataset = rx.open_dataset(root, cache_dir=cache)
    well = "gene-001_1_B02"
    np.testing.assert_array_equal(dataset.plane(well, 1).shape, shape)
    for small in (dataset.thumbnail(well)[0], dataset.preview(well, 1)):
        rows, columns = np.nonzero(small > 100)
        assert abs(np.ptp(rows) - np.ptp(columns)) <= 2
        assert np.ptp(rows) + 1 == pytest.approx(0.8 * 64, abs=2)
    fresh = rx.open_dataset(root, cache_dir=cache)  # which has decoded nothing yet
    reduced = TileReader(fresh, reduction=2).read(well, 1)
    assert reduced.shape == (shape[0] // 2, shape[1] // 2)
    rows, columns = np.nonzero(reduced > 100)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 2


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_parts_of_any_shape_keep_the_mean(shape: tuple[int, int], parts: tuple[int, int]) -> None:
    plane = np.random.default_rng(shape[0]).integers(0, 60_000, shape, dtype="uint16")
    small = shrink_to(plane, parts)
    assert small.shape == parts
    if shape[0] >= parts[0] and shape[1] >= parts[1]:
        assert abs(small.mean() - plane.mean()) < 2
    assert shrink(plane, 3).shape == (3, 3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("block", [(1, 2), (2, 2), (4, 3), (4, 4), (5, 2), (8, 8)])
def test_parts_of_whole_pixels_have_their_exact_means(block: tuple[int, int], dtype: str) -> None:
    high, wide = block
    plane = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (6 * high, 5 * wide))
    plane[:high, :wide] = np.iinfo(dtype).max
    blocks = plane.reshape(6, high, 5, wide).transpose(0, 2, 1, 3)
    expected = np.rint(blocks.sum(axis=(2, 3)) / (high * wide))
    np.testing.assert_array_equal(shrink_to(plane.astype(dtype), (6, 5)), expected)


def test_a_thumbnail_has_64_pixels_unless_told(root: Path, cache: Path) -> None:
    planes = b.noise("B02", 128)
    write_plate(root, b.image_files({"B02": planes}), tar=True)
    thumbnail = rx.open_dataset(root, cache_dir=cache).thumbnail("gene-001_1_B02")
    assert np.abs(thumbnail - block_mean(planes, 64)).max() <= 1


@pytest.mark.parametrize(("full", "size"), [(100, 64), (50, 7), (16, 64), (33, 32)])
def test_a_thumbnail_has_the_size_asked_for_and_keeps_the_mean(
    full: int, size: int, root: Path, cache: Path
) -> None:
    planes = b.smooth("B02", full, "uint16", peak=10_000)
    write_plate(root, b.image_files({"B02": planes}), tar=True)
    thumbnail = rx.open_dataset(root, cache_dir=cache).thumbnail("gene-001_1_B02", size=size)
    assert (thumbnail.shape, thumbnail.dtype) == ((6, size, size), np.dtype("uint16"))
    means = planes.mean(axis=(1, 2))
    np.testing.assert_allclose(thumbnail.mean(axis=(1, 2)), means, atol=100)


@pytest.mark.parametrize("size", [8, 16, 64, 128])
def test_a_jpeg_2000_thumbnail_is_near_the_mean_of_its_area(
    size: int, root: Path, cache: Path
) -> None:
    planes = {"compound-001_1_B02": b.smooth("B02", 256)}
    b.write_shard(root / "a.parquet", b.shard_rows(planes))
    ds = rx.open_dataset(root, cache_dir=cache)
    thumbnail = ds.thumbnail("compound-001_1_B02", size=size)
    expected = block_mean(b.decoded_jp2(planes["compound-001_1_B02"]), size)
    assert (thumbnail.shape, thumbnail.dtype) == ((6, size, size), np.dtype("uint8"))
    half_a_pixel = np.abs(np.diff(expected)).mean() / 2
    assert np.abs(thumbnail - expected).mean() < half_a_pixel
    means = expected.mean(axis=(1, 2))
    np.testing.assert_allclose(thumbnail.mean(axis=(1, 2)), means, rtol=0.02)


def test_a_thumbnail_of_another_size_is_not_taken_from_the_cache(root: Path, cache: Path) -> None:
    planes = b.noise("B02", 64)
    write_plate(root, b.image_files({"B02": planes}), tar=True)
    for size in (8, 16, 8):
        ds = rx.open_dataset(root, cache_dir=cache)
        thumbnail = ds.thumbnail("gene-001_1_B02", size=size)
        assert np.abs(thumbnail - block_mean(planes, size)).max() <= 1


# --- threads -----------------------------------------------------------------------------------


def read_together(ds: Any, names: list[str], n_threads: int = 8) -> list[dict[str, np.ndarray]]:
    """Read all wells in each of several threads that start at once, each in its own order."""
    barrier = Barrier(n_threads)

    def read_all(seed: int) -> dict[str, np.ndarray]:
        order = np.random.default_rng(seed).permutation(names)
        barrier.wait(timeout=20)
        return {
            str(name): ds.read(str(name)) if seed % 2 else ds.image(str(name)).compute()
            for name in order
        }

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(read_all, range(n_threads)))


@pytest.mark.parametrize("layout", ["tar", "folder", "shard"])
def test_threads_that_read_at_once_get_what_they_asked_for(
    layout: str, root: Path, cache: Path
) -> None:
    names = [f"gene-001_{p}_{a}" for p in (1, 2) for a in WELLS]
    eight = {name: b.smooth(name, 32) for name in names}
    screen = b.Screen(planes=eight if layout == "shard" else {n: b.noise(n, 32) for n in names})
    writers = {"tar": screen.write_tars, "folder": screen.write_folders}
    writers.get(layout, screen.write_core)(root)
    expected = {
        name: b.decoded_jp2(eight[name]) if layout == "shard" else screen.planes[name]
        for name in names
    }
    for found in read_together(rx.open_dataset(root, cache_dir=cache), names):
        for name in names:
            assert (found[name] == expected[name]).all()

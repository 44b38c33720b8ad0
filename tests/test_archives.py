"""Archives that cannot be read in place: named, with what to do, wherever somebody meets them."""

from __future__ import annotations

import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from corpus.archives import PACKINGS
from napari_rxrx3.data.discovery.file_kinds import kind_of_file
from napari_rxrx3.data.files.archives import pieces
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.zips import ZipSource
from napari_rxrx3.data.recognition import looks_like_ours

ROWS = [b.guide_row("gene-001", 1, "B02", "PLK1"), b.control_row("gene-001", 1, "B03")]
MAGIC = {"7-Zip", "RAR", "compress"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data set"
    screen = b.Screen.of(ROWS)
    screen.write_metadata(root / "metadata.csv")
    screen.write_tars(root)
    return root


def said_of(root: Path, cache: Path) -> list[str]:
    problems = rx.open_dataset(root, cache_dir=cache).check().problems
    return problems.loc[problems["kind"] == "packed_file", "detail"].tolist()


def plate(root: Path) -> Path:
    return root / "images" / "gene-001" / "Plate1.tar"


@pytest.mark.each(4)
@pytest.mark.parametrize("ending", [None, ".tar", ".dat", ""])
@pytest.mark.parametrize("name", PACKINGS)
def test_a_packed_plate_is_named_with_what_to_do(
    root: Path, tmp_path: Path, name: str, ending: str | None
) -> None:
    pack, usual = PACKINGS[name]
    data = pack(plate(root).read_bytes())
    plate(root).unlink()
    path = b.write(plate(root).with_suffix(usual if ending is None else ending), data)
    for _ in range(2):  # the second time from what is kept
        (said,) = said_of(root, tmp_path / "cache")
        assert said.startswith(f"{path} is ")
        assert name in said
        assert "unpack it first (" in said
    with pytest.raises(rx.RxRx3Error, match="unpack it first") as error:
        rx.open_dataset(path, cache_dir=tmp_path / "cache")
    assert str(error.value).startswith(f"{path} is ")
    assert kind_of_file(*Storage.of(path)) == "packed"


def test_what_is_dropped_packed_is_ours_to_explain(root: Path) -> None:
    data = PACKINGS["gzip"][0](plate(root).read_bytes())
    for ending in (".tar.gz", ".tgz"):
        assert looks_like_ours(str(b.write(plate(root).with_suffix(ending), data)))


def test_nothing_is_said_of_what_is_sound(root: Path, tmp_path: Path) -> None:
    b.write(root / "metadata.csv.gz", PACKINGS["gzip"][0]((root / "metadata.csv").read_bytes()))
    (root / "metadata.csv").unlink()
    b.write(root / "log.txt.gz", PACKINGS["gzip"][0](b"nothing of use\n" * 9))
    b.write(root / "log.bz2", PACKINGS["bzip2"][0](b"nothing of use\n" * 9))
    b.write(root / "images" / "gene-001" / "._Plate1.tar", b"\0\5\x16\7")
    assert rx.open_dataset(root, cache_dir=tmp_path / "cache").check().is_clean


@pytest.mark.parametrize(
    ("endings", "begin"),
    [(("aa", "ab", "ac"), "a"), (("001", "002", "003"), "00"), (("part1", "part2"), "part")],
)
def test_pieces_are_named_once(
    root: Path, tmp_path: Path, endings: tuple[str, ...], begin: str
) -> None:
    data = plate(root).read_bytes()
    plate(root).unlink()
    size = -(-len(data) // len(endings))
    for i, ending in enumerate(endings):
        piece = data[i * size : (i + 1) * size]
        b.write(plate(root).with_suffix(f".tar.{ending}"), piece)
    (said,) = said_of(root, tmp_path / "cache")
    assert f"Plate1.tar.{endings[0]}" in said
    assert f"cat Plate1.tar.{begin}* > Plate1.tar" in said
    b.write(plate(root), data)  # as it says
    data_set = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    assert data_set.wells["has_image"].all()


@settings(deadline=None)
@given(
    st.binary(max_size=600), st.sampled_from(sorted(PACKINGS.keys() - MAGIC)), st.integers(0, 99)
)
def test_any_damage_to_an_archive_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, name: str, at: int
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    tar = b.write_tar(folder / "plain" / "Plate1.tar", {"B02_s1_w1.png": noise})
    data = bytearray(PACKINGS[name][0](tar.read_bytes()))
    data[at : at + 2] = noise[:2]
    path = b.write(folder / "Plate1.tar.gz", bytes(data))
    with pytest.raises(rx.RxRx3Error) as error:
        rx.open_dataset(path, cache_dir=folder / "cache")
    assert str(path) in str(error.value)


# --- what can be read in place ------------------------------------------------------------------

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
WELL = "gene-001_1_B02"


def zipped(members: dict[str, bytes], methods: list[int]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i, (name, data) in enumerate(members.items()):
            archive.writestr(name, data, methods[i % len(methods)])
    return out.getvalue()


def plane_of(channel: int, size: int = 16) -> np.ndarray:
    return b.noise(f"{channel}", size)[0]


def members_of(wells: list[str], folder: str = "", size: int = 16) -> dict[str, bytes]:
    return {
        f"{folder}{well}_s1_w{channel}.png": b.png(plane_of(channel, size))
        for well in wells
        for channel in range(1, 7)
    }


@pytest.mark.parametrize("name", ["Plate1.zip", "Plate1.tar", "all of it.zip"])
@pytest.mark.parametrize("method", METHODS)
def test_a_zip_of_images_is_read_in_place(
    root: Path, tmp_path: Path, method: int, name: str
) -> None:
    plate(root).unlink()
    folder = "images/gene-001/Plate1/" if name.startswith("all") else ""
    b.write(plate(root).with_name(name), zipped(members_of(["B02", "B03"], folder), [method]))
    for _ in range(2):  # the second time from what is kept
        data = rx.open_dataset(root, cache_dir=tmp_path / "cache")
        assert [problem.kind for problem in data.check().problems.itertuples()] == ["zip_of_images"]
        planes = [plane_of(channel) for channel in range(1, 7)]
        np.testing.assert_array_equal(data.read(WELL), planes)
    alone = rx.open_dataset(plate(root).with_name(name), cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(alone.read(WELL), planes)


def test_a_zip_holds_plates_and_what_is_known_of_them(tmp_path: Path) -> None:
    rows = [b.guide_row("gene-001", plate, "B02", "PLK1") for plate in (1, 2)]
    members = {"metadata.csv": b.csv_bytes(rows)}
    for number in (1, 2):
        members |= members_of(["B02"], f"images/gene-001/Plate{number}/")
    path = b.write(tmp_path / "x" / "all.zip", zipped(members, list(METHODS)))
    for where in (path, path.parent):
        data = rx.open_dataset(where, cache_dir=tmp_path / "cache")
        assert data.wells["has_image"].all()
        assert data.wells["gene"].tolist() == ["PLK1", "PLK1"]


@settings(deadline=None)
@given(st.binary(max_size=3000), st.sampled_from(METHODS), st.integers(1, 4000))
def test_any_part_of_a_member_is_its_beginning(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, method: int, n_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    content = noise * 3
    members = {"a/B02_s1_w1.png": content, "B03_s1_w1.png": b"x"}
    storage, path = Storage.of(b.write(folder / "Plate1.zip", zipped(members, [method])))
    source = ZipSource(storage, path, ZipSource.build_index(storage, path))
    assert source.read(0) == content
    assert source.read(0, n_bytes) == content[:n_bytes]


def test_large_images_of_a_zip_show_their_first_rows(root: Path, tmp_path: Path) -> None:
    plate(root).unlink()
    b.write(plate(root).with_suffix(".zip"), zipped(members_of(["B02"], size=1000), list(METHODS)))
    data = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    for channel in range(1, 7):
        rows = data.prefix(WELL, channel)
        assert rows is not None
        np.testing.assert_array_equal(rows, plane_of(channel, 1000)[: len(rows)])


def test_members_that_no_zip_need_have_are_named(root: Path, tmp_path: Path) -> None:
    plate(root).unlink()
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2]
    b.write(plate(root).with_suffix(".zip"), zipped(members_of(["B02"]), methods))
    data = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    said = [p.detail for p in data.problems if p.kind == "odd_file"]
    assert [f"B02_s1_w{channel}.png is packed" in " ".join(said) for channel in range(1, 7)] == [
        False,
        True,
    ] * 3


def test_another_zip_in_its_place_is_noticed(root: Path, tmp_path: Path) -> None:
    plate(root).unlink()
    path = b.write(plate(root).with_suffix(".zip"), zipped(members_of(["B02"]), [0]))
    data = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    b.write(path, zipped({"more.txt": b"x" * 999} | members_of(["B03"]), [0]))
    with pytest.raises(rx.RxRx3Error, match="changed"):
        data.read(WELL)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.sampled_from([0, 1, 20]))
def test_tars_that_are_joined_are_one(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int], n_blank: int
) -> None:
    folder = tmp_path_factory.mktemp("joined")
    channels = iter(range(1, 10))
    content = b""
    for n in parts:
        members = {
            f"B02_s1_w{c}.png": b.png(plane_of(c)) for _, c in zip(range(n), channels, strict=False)
        }
        tar = b.write_tar(folder / "part.tar", members).read_bytes()
        content += tar + bytes(512 * n_blank)
    path = b.write(folder / "Plate1" / "gene-001" / "Plate1.tar", content)
    data = rx.open_dataset(path, cache_dir=folder / "cache")
    for channel in range(1, min(6, sum(parts)) + 1):
        np.testing.assert_array_equal(data.plane(WELL, channel), plane_of(channel))
    joined = [p for p in data.problems if "several tars are joined" in p.detail]
    assert len(joined) == len(parts) - 1


@pytest.mark.parametrize(
    ("folder", "is_named"),
    [("gene-001/Plate2", True), ("gene-002/Plate1", True), ("Plate2", True)]
    + [(same, False) for same in ("", "Plate1", "GENE_1/P01", "gene-001/Plate1", "pictures")],
)
def test_a_folder_in_a_tar_that_is_of_another_plate_is_named(
    tmp_path: Path, folder: str, is_named: bool
) -> None:
    path = tmp_path / "gene-001" / "Plate1.tar"
    b.write_tar(path, b.image_files({"B02": b.noise(WELL, 4)}), folder)
    data = rx.open_dataset(path, cache_dir=tmp_path / "cache")
    assert list(data.wells.index) == [WELL]
    said = [p.detail for p in data.problems if "not as its folder in it" in p.detail]
    assert len(said) == is_named
    assert all("is taken for gene-001 plate 1" in text and "(6 images)" in text for text in said)


def test_a_tar_of_a_plate_without_an_image_is_named(root: Path, tmp_path: Path) -> None:
    plate(root).write_bytes(bytes(512) + plate(root).read_bytes())
    details = [p.detail for p in rx.open_dataset(root, cache_dir=tmp_path / "cache").problems]
    assert any(f"{plate(root)} is not read: it is called like a plate" in text for text in details)


def test_links_in_a_tar_are_named(root: Path, tmp_path: Path) -> None:
    with tarfile.open(plate(root), "a") as archive:
        link = tarfile.TarInfo("C05_s1_w1.png")
        link.type, link.linkname = tarfile.LNKTYPE, "B02_s1_w1.png"
        archive.addfile(link)
    (problem,) = rx.open_dataset(root, cache_dir=tmp_path / "cache").problems
    assert "C05_s1_w1.png is a link to B02_s1_w1.png, which is not followed" in problem.detail


@pytest.mark.parametrize(
    "ending", [".part", ".crdownload", ".incomplete", ".partial", ".filepart", ".aria2"]
)
@pytest.mark.parametrize("name", ["metadata.csv", "images/gene-001/Plate2.tar", "e.parquet"])
def test_what_is_not_loaded_to_its_end_is_not_read(
    root: Path, tmp_path: Path, name: str, ending: str
) -> None:
    half = b.csv_bytes([b.guide_row("gene-001", 1, "C09", "X")])
    path = b.write(root / f"{name}{ending}", half)
    if ending == ".aria2" and name != "metadata.csv":
        b.write(root / name, half)
    data = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    assert len(data.wells) == len(ROWS) or ending == ".aria2"
    (detail,) = [p.detail for p in data.problems if p.kind == "unfinished_download"]
    assert detail.startswith(f"{path} is not loaded to its end")


@given(st.text("ab/.tarzgip0", max_size=30))
def test_a_whole_file_is_no_piece(path: str) -> None:
    for whole, found in pieces([path], set()).items():
        assert found == [path]
        assert path.startswith(whole)
        assert not pieces([path], {whole})

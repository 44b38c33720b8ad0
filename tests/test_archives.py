"""Archives that cannot be read in place: named, with what to do, wherever somebody meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from corpus.archives import PACKINGS
from napari_rxrx3.data.discovery import kind_of_file
from napari_rxrx3.data.files.archives import pieces
from napari_rxrx3.data.files.storage import Storage
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


@pytest.mark.parametrize("endings", [("aa", "ab", "ac"), ("001", "002", "003"), ("part1", "part2")])
def test_pieces_are_named_once(root: Path, tmp_path: Path, endings: tuple[str, ...]) -> None:
    data = plate(root).read_bytes()
    plate(root).unlink()
    size = -(-len(data) // len(endings))
    for i, ending in enumerate(endings):
        piece = data[i * size : (i + 1) * size]
        b.write(plate(root).with_suffix(f".tar.{ending}"), piece)
    (said,) = said_of(root, tmp_path / "cache")
    assert f"Plate1.tar.{endings[0]}" in said
    assert "cat Plate1.tar?* > Plate1.tar" in said
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


@given(st.text("ab/.tarzgip0", max_size=30))
def test_a_whole_file_is_no_piece(path: str) -> None:
    for whole, found in pieces([path], set()).items():
        assert found == [path]
        assert path.startswith(whole)
        assert not pieces([path], {whole})

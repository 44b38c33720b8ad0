"""`check` names every disagreement and every broken file, and nothing in a sound data set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.data import check
from napari_rxrx3.data.problems import Problem

COLUMNS = ["kind", "experiment_name", "plate", "well_id", "channel", "detail"]
ROWS = [
    b.guide_row("gene-001", 1, "B02", "PLK1"),
    b.guide_row("gene-001", 1, "B03", "MTOR"),
    b.control_row("gene-001", 1, "AA04"),
    b.guide_row("gene-001", 2, "B02", "PLK1"),
    b.dose_row("compound-001", 1, "B02", "Bortezomib", 2.5),
    b.control_row("compound-001", 1, "B03"),
]


@pytest.fixture
def screen() -> b.Screen:
    return b.Screen.of(ROWS)


def problems_of(root: Path, cache: Path) -> pd.DataFrame:
    return rx.open_dataset(root, cache_dir=cache).check().problems


def of_well(problems: pd.DataFrame, well_id: str) -> pd.DataFrame:
    return problems[problems["well_id"] == well_id]


def channels_of(problems: pd.DataFrame, well_id: str) -> list[int]:
    """Return the channels that are named for a well, sorted."""
    return sorted(int(c) for c in of_well(problems, well_id)["channel"].dropna())


def of_planes(problems: pd.DataFrame) -> pd.DataFrame:
    """Return the problems of single planes: not those of plates or files."""
    return problems[problems["channel"].notna()]


def mentions(problems: pd.DataFrame, text: str) -> bool:
    cells = problems[["well_id", "detail"]].fillna("").astype(str)
    return bool((cells["well_id"].eq(text) | cells["detail"].str.contains(text, regex=False)).any())


def plate_files(
    screen: b.Screen, experiment: str = "gene-001", plate: str = "1"
) -> dict[str, bytes]:
    return b.image_files(screen.by_plate()[experiment, plate])


def write_core(screen: b.Screen, root: Path) -> None:
    b.Screen.of(screen.rows, 32, "uint8").write_core(root, cuts=[8])
    screen.write_metadata(root / "metadata_rxrx3_core.csv")
    screen.write_embeddings(root / "OpenPhenom_rxrx3_core_embeddings.parquet")


def write_folders(screen: b.Screen, root: Path) -> None:
    screen.write_folders(root)
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings_tar(root / "embeddings.tar")


LAYOUTS: dict[str, Callable[[b.Screen, Path], object]] = {
    "RxRx3 tars": lambda screen, root: screen.write_rxrx3(root),
    "RxRx3 folders": write_folders,
    "RxRx3-core": write_core,
}


# --- nothing wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sound_data_set_has_no_problem(
    layout: str, screen: b.Screen, root: Path, cache: Path
) -> None:
    LAYOUTS[layout](screen, root)
    report = rx.open_dataset(root, cache_dir=cache).check()
    assert list(report.problems.columns) == COLUMNS
    assert report.problems.empty, report.problems.to_string()
    assert report.summary().strip()
    json.loads(report.to_json(), parse_constant=pytest.fail)


@pytest.mark.parametrize("parts", ["metadata", "images", "embeddings"])
def test_a_part_alone_has_no_problem(parts: str, screen: b.Screen, root: Path, cache: Path) -> None:
    writers = {
        "metadata": lambda: screen.write_metadata(root / "metadata.csv"),
        "images": lambda: screen.write_tars(root),
        "embeddings": lambda: screen.write_plate_embeddings(root),
    }
    writers[parts]()
    found = problems_of(root, cache)
    assert found.empty, found.to_string()


def test_a_plate_of_which_nothing_is_on_disk_is_no_problem(
    screen: b.Screen, root: Path, cache: Path
) -> None:
    elsewhere = [b.guide_row("gene-009", 7, "B02", "PLK1"), b.guide_row("gene-001", 9, "B02", "X")]
    screen.write_rxrx3(root)
    b.write(root / "metadata.csv", b.csv_bytes([*ROWS, *elsewhere]))
    found = problems_of(root, cache)
    assert of_planes(found).empty, found.to_string()
    assert of_well(found, "gene-009_7_B02").empty


# --- vectors -----------------------------------------------------------------------------------


def many(n: int = 24) -> b.Screen:
    return b.Screen.of([b.guide_row("gene-001", 1, f"B{c:02d}", f"G{c}") for c in range(1, n + 1)])


@pytest.mark.parametrize("n", [2, 4])
def test_vectors_that_are_the_same_to_the_last_digit_are_said(
    n: int, root: Path, cache: Path
) -> None:
    screen = many()
    wells = list(screen.vectors)[5 : 5 + n]
    for well in wells:
        screen.vectors[well] = screen.vectors[wells[0]]
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    found = problems_of(root, cache)
    (problem,) = found[found["kind"] == "identical_vectors"].to_dict("records")
    assert len(found) == 1
    assert problem["well_id"] == wells[0]
    assert problem["plate"] == 1
    assert f"{n} wells" in problem["detail"]
    assert all(well in problem["detail"] for well in wells)


@pytest.mark.parametrize("value", [1e30, -1e30, 1e9])
@pytest.mark.parametrize("n_features", [1, 1000])
def test_absurd_values_are_said(value: float, n_features: int, root: Path, cache: Path) -> None:
    screen = many()
    well = list(screen.vectors)[7]
    changed = screen.vectors[well].copy()
    changed[:n_features] = value
    screen.vectors[well] = changed
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    found = problems_of(root, cache)
    (problem,) = found.to_dict("records")
    assert (problem["kind"], problem["well_id"]) == ("extreme_vector", well)
    assert f"{value:.3g}" in problem["detail"]


def test_features_that_are_zero_in_most_wells_are_no_problem(root: Path, cache: Path) -> None:
    screen, rng = many(), np.random.default_rng(0)
    for well, vector in screen.vectors.items():
        sparse = rng.exponential(size=len(vector)) * (rng.random(len(vector)) < 0.3)
        screen.vectors[well] = np.where(np.arange(len(vector)) < 2, sparse, rng.normal()).astype(
            "f4"
        )
        screen.vectors[well][3:] += rng.normal(size=len(vector) - 3).astype("f4")
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    assert problems_of(root, cache).empty


# --- planes ------------------------------------------------------------------------------------


def test_every_missing_plane_is_listed(screen: b.Screen, root: Path, cache: Path) -> None:
    screen.write_rxrx3(root)
    files = plate_files(screen)
    lost = [name for name in files if name.startswith("B03") or name in _LOST_OF_B02]
    for name in lost:
        del files[name]
    b.write_tar(root / "images/gene-001/Plate1.tar", files)
    found = problems_of(root, cache)
    assert channels_of(found, "gene-001_1_B02") == [2, 6]
    assert channels_of(found, "gene-001_1_B03") == [1, 2, 3, 4, 5, 6]
    assert set(found["well_id"]) == {"gene-001_1_B02", "gene-001_1_B03"}
    assert len(found) == len(lost)
    assert set(found["experiment_name"]) == {"gene-001"}
    assert {int(plate) for plate in found["plate"]} == {1}


_LOST_OF_B02 = {"B02_s1_w2.png", "B02_s1_w6.png"}


def test_every_row_that_shards_lack_is_listed(screen: b.Screen, root: Path, cache: Path) -> None:
    rows = b.shard_rows(b.Screen.of(screen.rows, 32, "uint8").planes)
    del rows["gene-001/Plate1/B02_s1_4"]
    b.write_shards(root / "data", rows, [10])
    screen.write_metadata(root / "metadata.csv")
    found = problems_of(root, cache)
    assert channels_of(found, "gene-001_1_B02") == [4]
    assert len(found) == 1


def rgb(_: bytes) -> bytes:
    return b.png(np.dstack([b.noise("rgb", 16, "uint8")[0]] * 3))


def flipped(content: bytes) -> bytes:
    """Flip one bit in the middle of a PNG's compressed pixels."""
    changed = bytearray(content)
    changed[content.index(b"IDAT") + len(content) // 2] ^= 16
    return bytes(changed)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "half": lambda content: content[: len(content) // 2],
    "last tenth lost": lambda content: content[: len(content) * 9 // 10],
    "one bit flipped": flipped,
    "text": lambda _: b"<html>404 Not Found</html>",
    "RGB": rgb,
    "other shape": lambda _: b.png(b.noise("small", 8)[0]),
    "8 bits among 16": lambda _: b.png(b.noise("eight", 16, "uint8")[0]),
}


@pytest.mark.each(4)
@pytest.mark.parametrize("tar", [True, False], ids=["tar", "folder"])
@pytest.mark.parametrize("channel", [1, 5])
@pytest.mark.parametrize("damage", DAMAGE)
def test_every_unreadable_plane_is_listed(
    damage: str, channel: int, tar: bool, screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.write_metadata(root / "metadata.csv")
    files = plate_files(screen)
    name = f"B03_s1_w{channel}.png"
    files[name] = DAMAGE[damage](files[name])
    if tar:
        b.write_tar(root / "images/gene-001/Plate1.tar", files)
    else:
        b.write_folder(root / "images/gene-001/Plate1", files)
    found = of_planes(problems_of(root, cache))
    assert list(zip(found["well_id"], found["channel"], strict=True)) == [
        ("gene-001_1_B03", channel)
    ]
    assert name in found["detail"].iloc[0]


CELLS: dict[str, bytes | None] = {
    "null": None,
    "empty": b"",
    "text": b"not found",
    "half": b.jp2(b.smooth("half", 32)[0])[:200],
    "other shape": b.jp2(b.smooth("small", 16)[0]),
}


@pytest.mark.parametrize("damage", CELLS)
def test_every_unreadable_cell_of_a_shard_is_listed(
    damage: str, screen: b.Screen, root: Path, cache: Path
) -> None:
    rows = b.shard_rows(b.Screen.of(screen.rows, 32, "uint8").planes)
    rows["gene-001/Plate2/B02_s1_2"] = CELLS[damage]
    b.write_shards(root / "data", rows, [10])
    found = problems_of(root, cache)
    assert list(zip(found["well_id"], found["channel"], strict=True)) == [("gene-001_2_B02", 2)]


def test_damage_is_still_seen_at_the_second_opening(
    screen: b.Screen, root: Path, cache: Path
) -> None:
    files = plate_files(screen)
    files["B03_s1_w5.png"] = b"text"
    del files["B02_s1_w1.png"]
    screen.write_metadata(root / "metadata.csv")
    b.write_tar(root / "images/gene-001/Plate1.tar", files)
    first, again = problems_of(root, cache), problems_of(root, cache)
    assert channels_of(first, "gene-001_1_B03") == [5]
    assert channels_of(first, "gene-001_1_B02") == [1]
    pd.testing.assert_frame_equal(first, again)


# --- tables that disagree ----------------------------------------------------------------------


def test_images_without_metadata_are_listed(screen: b.Screen, root: Path, cache: Path) -> None:
    screen.write_rxrx3(root)
    b.write(root / "metadata.csv", b.csv_bytes([r for r in ROWS if r["address"] != "AA04"]))
    assert mentions(problems_of(root, cache), "gene-001_1_AA04")


def test_embeddings_without_metadata_are_listed(screen: b.Screen, root: Path, cache: Path) -> None:
    extra = "compound-001_1_AE40"
    screen.vectors[extra] = np.ones(8, "float32")
    screen.write_rxrx3(root)
    found = problems_of(root, cache)
    assert mentions(found, extra)
    assert len(found) == 1


def test_wells_without_embedding_are_listed(screen: b.Screen, root: Path, cache: Path) -> None:
    del screen.vectors["gene-001_1_B03"]
    screen.write_rxrx3(root)
    found = problems_of(root, cache)
    assert mentions(found, "gene-001_1_B03")
    assert len(found) == 1


@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf])
def test_vectors_that_are_no_vectors_are_listed(
    value: float, screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.vectors["gene-001_1_B03"][:] = value
    screen.write_rxrx3(root)
    found = problems_of(root, cache)
    assert set(found["well_id"]) == {"gene-001_1_B03"}


def test_a_single_nan_spoils_a_vector(screen: b.Screen, root: Path, cache: Path) -> None:
    screen.vectors["gene-001_1_B03"][5] = np.nan
    screen.write_rxrx3(root)
    assert set(problems_of(root, cache)["well_id"]) == {"gene-001_1_B03"}


def test_a_well_listed_twice_is_reported_and_kept_once(
    screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.write_rxrx3(root)
    twin = ROWS[0] | {"gene": "PLK4"}
    b.write(root / "metadata.csv", b.csv_bytes([*ROWS, twin]))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert ds.wells.index.is_unique
    assert sorted(ds.wells.index) == sorted(screen.ids)
    assert mentions(ds.check().problems, ROWS[0]["well_id"])


def test_a_well_with_two_vectors_is_reported(screen: b.Screen, root: Path, cache: Path) -> None:
    screen.write_rxrx3(root)
    again = {name: screen.vectors[name] for name in ("gene-001_2_B02", "gene-001_1_B03")}
    path = root / "embeddings/gene-001/Plate2/embeddings.parquet"
    b.write(path, b.embedding_bytes(again))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert mentions(ds.check().problems, "gene-001_1_B03")
    assert ds.phenomap(level="well", align="none").labels.index.is_unique


@pytest.mark.parametrize("address", ["AG01", "A49", "A00", "AZ12"])
def test_an_impossible_address_is_reported_and_left_out(
    address: str, screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.write_rxrx3(root)
    b.write(root / "metadata.csv", b.csv_bytes([*ROWS, b.guide_row("gene-001", 1, address, "X")]))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert sorted(ds.wells.index) == sorted(screen.ids)
    assert mentions(ds.check().problems, address)


@pytest.mark.parametrize("address", ["AG01", "A49"])
def test_an_image_of_an_impossible_address_is_reported(
    address: str, screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.write_rxrx3(root)
    files = plate_files(screen) | b.image_files({address: b.noise("nowhere")})
    b.write_tar(root / "images/gene-001/Plate1.tar", files)
    assert mentions(problems_of(root, cache), address)


# --- files -------------------------------------------------------------------------------------

BROKEN_FILES = {
    "images/gene-001/Plate5.tar": b"this is no tar" * 100,
    "images/gene-001/Plate6.tar": b"",
    "images/gene-001/Plate2.tar": b"",
    "data/train-00000-of-00001.parquet": b"PAR1 cut off",
    "embeddings/gene-001/Plate7/embeddings.parquet": b"garbage",
    "embeddings/gene-001/Plate8/embeddings.parquet": b"",
    "embeddings/gene-001/Plate2/embeddings.parquet": b"PAR1 cut off",
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_an_unreadable_file_is_reported_and_the_rest_opens(
    name: str, screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.write_rxrx3(root)
    b.write(root / name, BROKEN_FILES[name])
    ds = rx.open_dataset(root, cache_dir=cache)
    assert sorted(ds.wells.index) == sorted(screen.ids)
    assert (ds.read("gene-001_1_B02") == screen.planes["gene-001_1_B02"]).all()
    assert ds.check().problems["detail"].str.contains("/".join(name.split("/")[-2:])).any()


def test_a_tar_that_was_cut_off_is_reported(screen: b.Screen, root: Path, cache: Path) -> None:
    screen.write_rxrx3(root)
    path = root / "images/gene-001/Plate1.tar"
    path.write_bytes(path.read_bytes()[:3000])
    found = problems_of(root, cache)
    for well_id in ("gene-001_1_B03", "gene-001_1_AA04"):
        assert channels_of(found, well_id) == [1, 2, 3, 4, 5, 6]
    assert channels_of(found, "gene-001_1_B02")
    assert of_well(found, "gene-001_2_B02").empty


def test_a_broken_plate_of_the_embeddings_tar_is_reported(
    screen: b.Screen, root: Path, cache: Path
) -> None:
    members = b.plate_embeddings(screen.vectors)
    members["gene-001/Plate2/embeddings.parquet"] = b"garbage"
    b.write_tar(root / "embeddings.tar", members)
    screen.write_metadata(root / "metadata.csv")
    ds = rx.open_dataset(root, cache_dir=cache)
    assert mentions(ds.check().problems, "gene-001/Plate2/embeddings.parquet")
    assert ds.wells["has_embedding"].sum() == len(ROWS) - 1


# --- the report --------------------------------------------------------------------------------


def break_much(screen: b.Screen, root: Path) -> Any:
    screen.vectors["gene-001_1_B03"][:] = np.nan
    screen.vectors["compound-001_1_AE40"] = np.ones(8, "float32")
    screen.write_rxrx3(root)
    files = plate_files(screen)
    files["B03_s1_w5.png"] = b"text"
    del files["B02_s1_w1.png"]
    b.write_tar(root / "images/gene-001/Plate1.tar", files)
    b.write(root / "images/gene-001/Plate5.tar", b"this is no tar" * 100)


def test_the_json_is_valid_and_holds_every_problem(
    screen: b.Screen, root: Path, cache: Path
) -> None:
    break_much(screen, root)
    report = rx.open_dataset(root, cache_dir=cache).check()
    json.loads(report.to_json(), parse_constant=pytest.fail)
    for text in ("gene-001_1_B03", "gene-001_1_B02", "compound-001_1_AE40", "Plate5.tar"):
        assert mentions(report.problems, text)
        assert text in report.to_json()


def test_the_summary_is_plain_text_that_counts(screen: b.Screen, root: Path, cache: Path) -> None:
    break_much(screen, root)
    report = rx.open_dataset(root, cache_dir=cache).check()
    text = report.summary()
    for kind, n in report.problems["kind"].value_counts().items():
        assert str(n) in text, kind


def test_of_many_problems_some_are_listed_and_all_are_counted(
    screen: b.Screen, root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_LISTED", 5)
    for column in range(3, 23):
        screen.vectors[f"gene-001_1_AE{column:02d}"] = np.arange(8, dtype="float32") + column
    screen.write_rxrx3(root)
    report = rx.open_dataset(root, cache_dir=cache).check()
    kind = "embedding_without_metadata"
    assert report.counts == {kind: 20}
    assert report.problems["well_id"].tolist() == [f"gene-001_1_AE{c:02d}" for c in range(3, 8)] + [
        ""
    ]
    assert "15 more" in report.problems["detail"].iloc[-1]
    assert f"{kind}: 20, e.g." in report.summary()
    assert json.loads(report.to_json())["counts"] == {kind: 20}


def test_ten_thousand_of_a_kind_are_listed() -> None:
    counted = check._Counted()
    counted.add(Problem("odd", detail=str(n)) for n in range(10_001))
    details = counted.report("").problems["detail"].tolist()
    assert details[:-1] == [str(n) for n in range(10_000)]
    assert details[-1].startswith("1 more")

"""What `open_dataset` finds, and the tables of wells and plates that it makes of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import (
    DatasetNotFound,
    ImageUnavailable,
    MetadataError,
    RxRx3Error,
    UnknownWell,
)
from napari_rxrx3.core.plate import format_address, parse_address, parse_well_id

WELL_COLUMNS = {
    "experiment_name",
    "plate",
    "address",
    "row",
    "column",
    "gene",
    "treatment",
    "SMILES",
    "concentration",
    "perturbation_type",
    "cell_type",
    "well_type",
    "has_image",
    "has_embedding",
}
TEXT = ("experiment_name", "address", "gene", "treatment", "SMILES", "perturbation_type")
SMILES = "CC1=CC(=NO1)C(=O)N, |c:1,4,t:2|"

MIXED_ROWS = [
    b.guide_row("gene-001", 1, "B02", "PLK1", 3),
    b.control_row("gene-001", 1, "AF47"),
    b.guide_row("gene-001", 2, "AA15", "RXRX3-43938", 6),
    b.guide_row("gene-002", 10, "Z09", "MTOR", 1),
    b.dose_row("compound-001", 1, "C03", "Bortezomib", 2.5, SMILES),
    b.control_row("compound-001", 1, "AB20"),
    b.control_row("compound-001", 1, "D04", "CRISPR_control"),
]


@pytest.fixture
def mixed() -> b.Screen:
    return b.Screen.of(MIXED_ROWS)


def column_of(table: pd.DataFrame, name: str, ids: list[str]) -> list[Any]:
    """Return a column's values, None where missing."""
    return [None if pd.isna(value) else value for value in table.loc[ids, name]]


def assert_wells_equal_rows(wells: pd.DataFrame, rows: list[b.Row]) -> None:
    ids = [row["well_id"] for row in rows]
    assert sorted(wells.index) == sorted(ids)
    for name in (*TEXT, "plate", "concentration", "cell_type"):
        assert column_of(wells, name, ids) == [row[name] for row in rows], name


def write_core(screen: b.Screen, root: Path) -> None:
    """Write the screen as RxRx3-core; its shards hold 8 bits."""
    eight = b.Screen.of(screen.rows, 32, "uint8")
    eight.write_core(root, cuts=[7])
    screen.write_metadata(root / "metadata_rxrx3_core.csv")
    screen.write_embeddings(root / "OpenPhenom_rxrx3_core_embeddings.parquet")


def write_rxrx3_folders(screen: b.Screen, root: Path) -> None:
    screen.write_folders(root)
    b.write_zip(root / "metadata.csv.zip", {"metadata.csv": b.csv_bytes(screen.rows)})
    screen.write_embeddings_tar(root / "embeddings.tar")


def write_odd_names(screen: b.Screen, root: Path) -> None:
    """Write files whose names say nothing, and folders that nobody would guess."""
    shard = b.shard_rows(b.Screen.of(screen.rows, 32, "uint8").planes)
    b.write_shard(root / "a" / "first.parquet", shard)
    b.write(root / "b" / "wells of mine.csv", b.csv_bytes(screen.rows))
    screen.write_embeddings(root / "c" / "vectors.parquet")


def write_mixed_images(screen: b.Screen, root: Path) -> None:
    """Write compounds as shards, one plate as a folder and the other plates as tars."""
    parts: dict[str, b.Screen] = {"core": b.Screen(), "folder": b.Screen(), "tar": b.Screen()}
    for row in screen.rows:
        core, folder = row["experiment_name"] == "compound-001", row["plate"] == 2
        part = parts["core" if core else "folder" if folder else "tar"]
        name = row["well_id"]
        part.planes[name] = b.noise(name, 32, "uint8") if core else screen.planes[name]
    parts["core"].write_core(root)
    parts["folder"].write_folders(root)
    parts["tar"].write_tars(root)
    screen.write_metadata(root / "metadata_rxrx3_public.csv")
    screen.write_plate_embeddings(root)


LAYOUTS: dict[str, Callable[[b.Screen, Path], object]] = {
    "RxRx3 tars": lambda screen, root: screen.write_rxrx3(root),
    "RxRx3 folders": write_rxrx3_folders,
    "RxRx3-core": write_core,
    "odd names": write_odd_names,
    "mixed": write_mixed_images,
}


# --- finding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_table_of_wells(
    layout: str, mixed: b.Screen, root: Path, cache: Path
) -> None:
    LAYOUTS[layout](mixed, root)
    wells = rx.open_dataset(root, cache_dir=cache).wells
    assert wells.index.name == "well_id"
    assert set(wells.columns) >= WELL_COLUMNS
    assert_wells_equal_rows(wells, mixed.rows)
    assert wells["has_image"].all()
    assert wells["has_embedding"].all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_opening_leaves_the_data_folder_as_it_was(
    layout: str, mixed: b.Screen, root: Path, cache: Path
) -> None:
    LAYOUTS[layout](mixed, root)
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    ds = rx.open_dataset(root, cache_dir=cache)
    ds.read("gene-001_1_B02")
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before


def test_columns_have_the_types_that_the_design_names(
    mixed: b.Screen, root: Path, cache: Path
) -> None:
    wells = rx.open_dataset(mixed.write_rxrx3(root), cache_dir=cache).wells
    for name in ("plate", "row", "column"):
        assert pd.api.types.is_integer_dtype(wells[name]), name
    for name in ("has_image", "has_embedding"):
        assert wells[name].dtype == bool, name
    assert wells["concentration"].dtype == np.float64


@pytest.mark.parametrize(
    "parts",
    [
        ("metadata",),
        ("images",),
        ("embeddings",),
        ("metadata", "images"),
        ("metadata", "embeddings"),
        ("images", "embeddings"),
    ],
    ids="+".join,
)
def test_any_part_of_a_data_set_opens(
    parts: tuple[str, ...], mixed: b.Screen, root: Path, cache: Path
) -> None:
    if "metadata" in parts:
        mixed.write_metadata(root / "metadata.csv")
    if "images" in parts:
        mixed.write_tars(root)
    if "embeddings" in parts:
        mixed.write_plate_embeddings(root)
    wells = rx.open_dataset(root, cache_dir=cache).wells
    assert sorted(wells.index) == sorted(mixed.ids)
    assert (wells["has_image"] == ("images" in parts)).all()
    assert (wells["has_embedding"] == ("embeddings" in parts)).all()
    for name in ("experiment_name", "plate", "address"):
        assert column_of(wells, name, mixed.ids) == [row[name] for row in mixed.rows]


def test_a_hidden_folder_is_called_without_its_dot(root: Path, cache: Path) -> None:
    screen = b.Screen.of(MIXED_ROWS[:1])
    screen.write_rxrx3(root / ".demo")
    assert rx.open_dataset(root / ".demo", cache_dir=cache).name == "demo"


def test_without_metadata_the_wells_are_those_of_images_and_embeddings(
    mixed: b.Screen, root: Path, cache: Path
) -> None:
    mixed.planes = {i: mixed.planes[i] for i in mixed.ids[:3]}
    mixed.vectors = {i: mixed.vectors[i] for i in mixed.ids[2:5]}
    mixed.write_tars(root)
    mixed.write_plate_embeddings(root)
    wells = rx.open_dataset(root, cache_dir=cache).wells
    assert sorted(wells.index) == sorted(mixed.ids[:5])
    assert sorted(wells.index[wells["has_image"]]) == sorted(mixed.ids[:3])
    assert sorted(wells.index[wells["has_embedding"]]) == sorted(mixed.ids[2:5])


def test_wells_that_the_metadata_do_not_list_are_left_out(
    mixed: b.Screen, root: Path, cache: Path
) -> None:
    mixed.write_rxrx3(root)
    b.write(root / "metadata.csv", b.csv_bytes(mixed.rows[:4]))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert_wells_equal_rows(ds.wells, mixed.rows[:4])
    well = "compound-001_1_C03"
    assert (ds.read(well) == np.stack(mixed.planes[well])).all()  # for who asks by name
    with pytest.raises(UnknownWell):
        ds.read("compound-001_1_AF01")


@pytest.mark.parametrize("where", ["images", "images/gene-001", "images/gene-001/Plate2"])
def test_a_folder_inside_the_data_set_opens_too(
    where: str, mixed: b.Screen, root: Path, cache: Path
) -> None:
    mixed.write_folders(root)
    ds = rx.open_dataset(root / where, cache_dir=cache)
    assert (ds.read("gene-001_2_AA15") == mixed.planes["gene-001_2_AA15"]).all()


@pytest.mark.parametrize("name", ["zarr.json", ".zattrs"])
def test_a_folder_that_is_called_like_a_file_of_zarr_makes_no_plate(
    mixed: b.Screen, root: Path, cache: Path, name: str
) -> None:
    mixed.write_rxrx3(root)
    (root / name).mkdir()
    assert len(rx.open_dataset(root, cache).wells) == len(mixed.rows)


def test_an_experiment_folder_of_tars_opens(mixed: b.Screen, root: Path, cache: Path) -> None:
    mixed.write_tars(root)
    ds = rx.open_dataset(root / "images" / "gene-001", cache_dir=cache)
    assert sorted(ds.wells.index) == ["gene-001_1_AF47", "gene-001_1_B02", "gene-001_2_AA15"]
    assert (ds.read("gene-001_2_AA15") == mixed.planes["gene-001_2_AA15"]).all()


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.csv.zip"])
def test_a_metadata_file_opens_by_itself(
    name: str, mixed: b.Screen, root: Path, cache: Path
) -> None:
    content = b.csv_bytes(mixed.rows)
    b.write(root / "metadata.csv", content)
    b.write_zip(root / "metadata.csv.zip", {"metadata.csv": content})
    assert_wells_equal_rows(rx.open_dataset(root / name, cache_dir=cache).wells, mixed.rows)


@pytest.mark.parametrize("form", ["str", "trailing slash", "relative", "file URL"])
def test_a_folder_may_be_written_in_many_ways(
    form: str, mixed: b.Screen, root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed.write_rxrx3(root)
    monkeypatch.chdir(root)
    written = {
        "str": str(root),
        "trailing slash": f"{root}{os.sep}",
        "relative": ".",
        "file URL": f"file://{root.as_posix()}",
    }
    ds = rx.open_dataset(written[form], cache_dir=cache)
    assert sorted(ds.wells.index) == sorted(mixed.ids)
    assert (ds.read("gene-001_1_B02") == mixed.planes["gene-001_1_B02"]).all()


# --- nothing there -----------------------------------------------------------------------------


def leave_empty(root: Path) -> None:
    """Put nothing into the folder."""


def add_unrelated_files(root: Path) -> None:
    b.write(root / "notes.txt", b"to do: look for the metadata")
    b.write(root / "cat.png", b.png(b.noise("cat")[0]))
    b.write(root / "prices.csv", b"item,price\nbread,2\n")
    table = pd.DataFrame({"name": ["a", "b"], "x_0": [0.5, 1.5], "x_1": [1.5, 2.5]})
    table.to_parquet(root / "table.parquet")
    b.write_tar(root / "holiday.tar", {"beach.png": b"no image"})


@pytest.mark.parametrize("fill", [leave_empty, add_unrelated_files])
def test_a_folder_without_data_is_an_error_of_one_sentence(
    fill: Callable[[Path], None], root: Path, cache: Path
) -> None:
    fill(root)
    with pytest.raises(DatasetNotFound) as caught:
        rx.open_dataset(root, cache_dir=cache)
    text = str(caught.value)
    assert str(root) in text
    assert "\n" not in text
    assert text.endswith(".")
    for sought in ("metadata", "image", "embedding"):
        assert sought in text.lower()


@pytest.mark.parametrize("place", ["missing folder", "missing.csv"])
def test_a_path_that_does_not_exist_is_named(place: str, root: Path, cache: Path) -> None:
    with pytest.raises(DatasetNotFound, match=place):
        rx.open_dataset(root / place, cache_dir=cache)


def test_an_empty_url_is_named(cache: Path) -> None:
    with pytest.raises(DatasetNotFound, match="nothing-here"):
        rx.open_dataset("memory://nothing-here", cache_dir=cache)


def test_a_url_of_an_unknown_kind_is_our_error(cache: Path) -> None:
    with pytest.raises(RxRx3Error, match="nosuch"):
        rx.open_dataset("nosuch://bucket/folder", cache_dir=cache)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.csv", b""),
        ("metadata.csv", b"\x00\xff\xfe\x80garbage\n\x00"),
        ("metadata.zip", b"PK\x03\x04 cut off"),
        ("embeddings.parquet", b"PAR1 cut off"),
        ("embeddings.tar", b"cut off"),
    ],
)
def test_a_single_broken_file_is_our_error(
    name: str, content: bytes, root: Path, cache: Path
) -> None:
    b.write(root / name, content)
    with pytest.raises(RxRx3Error):
        rx.open_dataset(root, cache_dir=cache)


def test_an_unknown_well_is_a_key_error_that_names_it(
    mixed: b.Screen, root: Path, cache: Path
) -> None:
    ds = rx.open_dataset(mixed.write_rxrx3(root), cache_dir=cache)
    for ask in (ds.read, ds.image, ds.thumbnail):
        with pytest.raises(UnknownWell, match="gene-009_1_B02") as caught:
            ask("gene-009_1_B02")
        assert isinstance(caught.value, KeyError)
        assert isinstance(caught.value, RxRx3Error)


# --- the table of wells ------------------------------------------------------------------------


def test_rows_run_from_a_to_af(root: Path, cache: Path) -> None:
    rows = [b.guide_row("gene-001", 1, f"{name}{c}", "PLK1") for name in b.ROWS for c in ("01", 48)]
    screen = b.Screen.of(rows, size=4)
    screen.write_metadata(root / "metadata.csv")
    screen.write_tars(root)
    ds = rx.open_dataset(root, cache_dir=cache)
    for number, name in enumerate(b.ROWS):
        for column, text in ((0, "01"), (47, "48")):
            well = ds.wells.loc[f"gene-001_1_{name}{text}"]
            assert (well["row"], well["column"]) == (number, column)
            assert (ds.read(f"gene-001_1_{name}{text}") == screen.planes[well.name]).all()


@pytest.mark.parametrize("gene", ["NA", "nan", "NaN", "null", "None", "N/A", "1E5", "007", "True"])
def test_a_gene_is_text_whatever_it_is_called(gene: str, root: Path, cache: Path) -> None:
    rows = [b.guide_row("gene-001", 1, "B02", gene), b.guide_row("gene-001", 1, "B03", "PLK1")]
    b.write(root / "metadata.csv", b.csv_bytes(rows))
    assert_wells_equal_rows(rx.open_dataset(root, cache_dir=cache).wells, rows)


NAMES = ["Voglibose", "voglibose", "atenolol-(+/-)", "Lorlatinib?(PF-6463922)"]
NAMES += ["4-[(7-chloro-2-methoxybenzo[b][1", "β-estradiol", 'say "so"', "a, b", "=SUM(A1)", "#1"]


def test_names_stay_as_they_are(root: Path, cache: Path) -> None:
    rows = [
        b.dose_row("compound-001", 1, f"B{i:02d}", name, 0.0025, SMILES)
        for i, name in enumerate(NAMES, 2)
    ]
    b.write(root / "metadata.csv", b.csv_bytes(rows))
    assert_wells_equal_rows(rx.open_dataset(root, cache_dir=cache).wells, rows)


@pytest.mark.parametrize("dose", b.DOSES)
def test_a_dose_is_the_number_that_the_file_writes(dose: float, root: Path, cache: Path) -> None:
    rows = [b.dose_row("compound-001", 1, "B02", "Bortezomib", dose)]
    b.write(root / "metadata.csv", b.csv_bytes(rows))
    wells = rx.open_dataset(root, cache_dir=cache).wells
    assert wells.loc["compound-001_1_B02", "concentration"] == dose


def test_metadata_tell_the_type_of_each_well_and_a_well_that_received_nothing_has_none(
    root: Path, cache: Path
) -> None:
    plate = ("gene-001", 1)
    rows = {
        "EMPTY_control": b.control_row(*plate, "B02"),
        "CRISPR_control": b.control_row(*plate, "B03", "CRISPR_control"),
        "positive_control": b.guide_row(*plate, "B04", "PLK1", 3),
        "guide": b.guide_row(*plate, "B05", "TUBB", 2),
        "compound": b.dose_row("compound-001", 1, "B06", "Bortezomib", 2.5),
        "": b.well_row(*plate, "B07"),
    }
    b.Screen(list(rows.values())).write_metadata(root / "metadata.csv")
    kinds = rx.open_dataset(root, cache_dir=cache).wells["well_type"].fillna("")
    assert {kind: kinds[row["well_id"]] for kind, row in rows.items()} == {k: k for k in rows}


def test_crispr_controls_are_a_class_of_their_own(mixed: b.Screen, root: Path, cache: Path) -> None:
    kinds = rx.open_dataset(mixed.write_rxrx3(root), cache_dir=cache).wells["well_type"]
    empty, crispr = kinds["compound-001_1_AB20"], kinds["compound-001_1_D04"]
    assert empty == kinds["gene-001_1_AF47"]
    assert len({empty, crispr, kinds["compound-001_1_C03"]}) == 3
    assert kinds.notna().all()


def with_labels(rows: list[b.Row]) -> bytes:
    return b.csv_bytes([row | {"well_type_label": "Query guides"} for row in rows])


def with_index(rows: list[b.Row]) -> bytes:
    return pd.DataFrame(rows, dtype=object).to_csv().encode()


def with_columns_turned(rows: list[b.Row]) -> bytes:
    return b.csv_bytes(pd.DataFrame(rows, dtype=object).iloc[:, ::-1])


VARIANTS: dict[str, Callable[[list[b.Row]], bytes]] = {
    "BOM": lambda rows: b.csv_bytes(rows, bom=True),
    "CRLF": lambda rows: b.csv_bytes(rows, crlf=True),
    "BOM and CRLF": lambda rows: b.csv_bytes(rows, bom=True, crlf=True),
    "no newline at the end": lambda rows: b.csv_bytes(rows).rstrip(b"\n"),
    "blank line at the end": lambda rows: b.csv_bytes(rows) + b"\n",
    "well_type_label": with_labels,
    "index column": with_index,
    "columns turned": with_columns_turned,
    "rows turned": lambda rows: b.csv_bytes(rows[::-1]),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["csv", "zip"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_revisions_of_the_metadata_read_alike(
    variant: str, zipped: bool, root: Path, cache: Path
) -> None:
    content = VARIANTS[variant](MIXED_ROWS)
    if zipped:
        b.write_zip(root / "metadata.csv.zip", {"metadata.csv": content})
    else:
        b.write(root / "metadata.csv", content)
    assert_wells_equal_rows(rx.open_dataset(root, cache_dir=cache).wells, MIXED_ROWS)


def test_a_zip_made_on_a_mac_reads(root: Path, cache: Path) -> None:
    members = {
        "__MACOSX/._metadata.csv": b"\x00\x05\x16\x07",
        "rxrx3/metadata.csv": b.csv_bytes(MIXED_ROWS),
    }
    b.write_zip(root / "metadata.zip", members)
    assert_wells_equal_rows(rx.open_dataset(root, cache_dir=cache).wells, MIXED_ROWS)


def test_metadata_images_and_embeddings_are_joined_by_well_id(root: Path, cache: Path) -> None:
    rows = [b.guide_row("gene-001", 1, f"{r}{c:02d}", r) for r in b.ROWS[1:9] for c in (2, 3)]
    screen = b.Screen.of(rows)
    rng = np.random.default_rng(3)
    screen.rows = [rows[i] for i in rng.permutation(len(rows))]
    screen.vectors = {rows[i]["well_id"]: screen.vectors[rows[i]["well_id"]] for i in (5, 0, 9)}
    screen.planes = {rows[i]["well_id"]: screen.planes[rows[i]["well_id"]] for i in (11, 2, 5)}
    wells = rx.open_dataset(screen.write_rxrx3(root), cache_dir=cache).wells
    assert_wells_equal_rows(wells, rows)
    assert set(wells.index[wells["has_embedding"]]) == set(screen.vectors)
    assert set(wells.index[wells["has_image"]]) == set(screen.planes)


def test_has_embedding_asks_for_a_finite_vector_that_is_not_zero(
    mixed: b.Screen, root: Path, cache: Path
) -> None:
    bad = dict(zip(mixed.ids, [np.nan, np.inf, 0.0], strict=False))
    for well_id, value in bad.items():
        mixed.vectors[well_id][:] = value
    mixed.vectors[mixed.ids[3]][0] = np.nan
    wells = rx.open_dataset(mixed.write_rxrx3(root), cache_dir=cache).wells
    assert sorted(wells.index[wells["has_embedding"]]) == sorted(mixed.ids[4:])


def test_has_image_needs_only_one_channel(mixed: b.Screen, root: Path, cache: Path) -> None:
    files = b.image_files({"B02": mixed.planes[mixed.ids[0]]})
    b.write_tar(root / "images/gene-001/Plate1.tar", {"B02_s1_w4.png": files["B02_s1_w4.png"]})
    mixed.write_metadata(root / "metadata.csv")
    wells = rx.open_dataset(root, cache_dir=cache).wells
    assert list(wells.index[wells["has_image"]]) == ["gene-001_1_B02"]


# --- siblings ----------------------------------------------------------------------------------


def sibling_table(with_ids: bool, sites: int) -> pd.DataFrame:
    """Return metadata as RxRx19a writes it: other column names, a row for every site."""
    rows = [
        {
            "site_id": f"HRCE-{plate}_{plate}_{address}_{site}",
            "well_id": f"HRCE-1_{plate}_{address}",
            "cell_type": "HRCE",
            "experiment": "HRCE-1",
            "plate": plate,
            "well": address,
            "site": site,
            "treatment": "Remdesivir",
            "treatment_conc": 0.3,
            "SMILES": SMILES,
        }
        for plate in (2, 10)
        for address in ("B02", "AA11")
        for site in range(1, sites + 1)
    ]
    table = pd.DataFrame(rows)
    return table if with_ids else table.drop(columns=["well_id", "site_id"])


@pytest.mark.parametrize("sites", [1, 4])
@pytest.mark.parametrize("with_ids", [True, False])
def test_a_sibling_with_other_column_names_opens(
    with_ids: bool, sites: int, root: Path, cache: Path
) -> None:
    b.write(root / "metadata.csv", b.csv_bytes(sibling_table(with_ids, sites)))
    planes = {"AA11": b.noise("AA11", 16, "uint8")[:5]}
    b.write_folder(root / "images/HRCE-1/Plate10", b.image_files(planes))
    ds = rx.open_dataset(root, cache_dir=cache)
    ids = ["HRCE-1_10_AA11", "HRCE-1_10_B02", "HRCE-1_2_AA11", "HRCE-1_2_B02"]
    assert sorted(ds.wells.index) == ids
    well = ds.wells.loc["HRCE-1_10_AA11"]
    assert (well["experiment_name"], well["plate"], well["address"]) == ("HRCE-1", 10, "AA11")
    assert (well["row"], well["column"]) == (26, 10)
    assert (well["treatment"], well["concentration"], well["cell_type"]) == (
        "Remdesivir",
        0.3,
        "HRCE",
    )
    assert column_of(ds.wells, "has_image", ids) == [True, False, False, False]
    assert (ds.image("HRCE-1_10_AA11")[:5].compute() == planes["AA11"]).all()


# --- the table of plates -----------------------------------------------------------------------


def test_plates_are_ordered_by_number(root: Path, cache: Path) -> None:
    rows = [b.guide_row("gene-001", plate, "B02", "PLK1") for plate in (10, 2, 1, 48, 9)]
    b.write(root / "metadata.csv", b.csv_bytes(rows))
    plates = rx.open_dataset(root, cache_dir=cache).plates
    assert list(plates["plate"]) == [1, 2, 9, 10, 48]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_plates_count_wells_images_and_embeddings(
    layout: str, mixed: b.Screen, root: Path, cache: Path
) -> None:
    LAYOUTS[layout](mixed, root)
    plates = rx.open_dataset(root, cache_dir=cache).plates
    counts = pd.DataFrame(mixed.rows).groupby(["experiment_name", "plate"]).size()
    found = plates.set_index(["experiment_name", "plate"])
    assert len(found) == len(counts)
    for name in ("n_wells", "n_images", "n_embeddings"):
        assert found[name].to_dict() == counts.to_dict(), name


def test_plates_count_only_what_is_there(mixed: b.Screen, root: Path, cache: Path) -> None:
    del mixed.planes["gene-001_1_B02"], mixed.vectors["gene-001_1_AF47"]
    mixed.vectors["gene-001_1_B02"][:] = np.nan
    plates = rx.open_dataset(mixed.write_rxrx3(root), cache_dir=cache).plates
    row = plates.query("experiment_name == 'gene-001' and plate == 1").iloc[0]
    assert (row["n_wells"], row["n_images"], row["n_embeddings"]) == (2, 1, 0)


# --- other places than a disk ------------------------------------------------------------------


@pytest.fixture
def memory(root: Path) -> Iterator[Callable[[], str]]:
    url = "memory://rxrx3-outside/data"
    yield lambda: b.to_memory(root, url)
    memory = fsspec.filesystem("memory")
    if memory.exists("/rxrx3-outside"):
        memory.rm("/rxrx3-outside", recursive=True)


def assert_all_there(ds: Any, screen: b.Screen, dtype: str) -> None:
    assert_wells_equal_rows(ds.wells, screen.rows)
    assert ds.wells["has_image"].all()
    assert ds.wells["has_embedding"].all()
    planes = ds.read("gene-001_2_AA15")
    assert planes.dtype == dtype
    expected = screen.planes["gene-001_2_AA15"]
    if dtype == "uint8":
        expected = b.decoded_jp2(b.noise("gene-001_2_AA15", 32, "uint8"))
    assert (planes == expected).all()


@pytest.mark.parametrize(
    ("layout", "dtype"),
    [("RxRx3 tars", "uint16"), ("RxRx3 folders", "uint16"), ("RxRx3-core", "uint8")],
)
def test_a_memory_url_opens(
    layout: str, dtype: str, mixed: b.Screen, root: Path, cache: Path, memory: Callable[[], str]
) -> None:
    LAYOUTS[layout](mixed, root)
    url = memory()
    for _ in range(2):
        assert_all_there(rx.open_dataset(url, cache_dir=cache), mixed, dtype)


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
@pytest.mark.parametrize(
    ("layout", "dtype"),
    [("RxRx3 tars", "uint16"), ("RxRx3 folders", "uint16"), ("RxRx3-core", "uint8")],
)
def test_an_http_url_opens(
    layout: str, dtype: str, ranges: bool, mixed: b.Screen, root: Path, cache: Path
) -> None:
    pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")
    LAYOUTS[layout](mixed, root)
    with b.served(root, ranges) as url:
        for _ in range(2):
            assert_all_there(rx.open_dataset(url, cache_dir=cache), mixed, dtype)


# --- the cache ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_opening_gives_the_same(
    layout: str, mixed: b.Screen, root: Path, cache: Path
) -> None:
    LAYOUTS[layout](mixed, root)
    first = rx.open_dataset(root, cache_dir=cache)
    again = rx.open_dataset(root, cache_dir=cache)
    pd.testing.assert_frame_equal(first.wells, again.wells)
    pd.testing.assert_frame_equal(first.plates, again.plates)
    for well_id in mixed.ids:
        assert (first.read(well_id) == again.read(well_id)).all()


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "garbage": lambda _: b"\x00\xffgarbage" * 9,
    "emptied": lambda _: b"",
    "other JSON": lambda _: b"{}",
    "cut in half": half,
}


@pytest.mark.each(4)
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_damaged_cache_is_rebuilt_silently(
    layout: str, damage: str, mixed: b.Screen, root: Path, cache: Path
) -> None:
    LAYOUTS[layout](mixed, root)
    first = rx.open_dataset(root, cache_dir=cache)
    first.thumbnail("gene-001_1_B02")
    for path in [p for p in cache.rglob("*") if p.is_file()]:
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = rx.open_dataset(root, cache_dir=cache)
        pd.testing.assert_frame_equal(first.wells, again.wells)
        for well_id in mixed.ids:
            assert (first.read(well_id) == again.read(well_id)).all()


def test_threads_may_open_at_once(mixed: b.Screen, root: Path, cache: Path) -> None:
    mixed.write_rxrx3(root)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: rx.open_dataset(root, cache_dir=cache), range(4)))
    for ds in [*opened, rx.open_dataset(root, cache_dir=cache)]:
        pd.testing.assert_frame_equal(ds.wells, opened[0].wells)
        for well_id in mixed.ids:
            assert (ds.read(well_id) == mixed.planes[well_id]).all()


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(
    mixed: b.Screen, root: Path, tmp_path: Path
) -> None:
    blocked = b.write(tmp_path / "file", b"in the way") / "cache"
    ds = rx.open_dataset(mixed.write_rxrx3(root), cache_dir=blocked)
    assert (ds.read("gene-001_1_B02") == mixed.planes["gene-001_1_B02"]).all()


def touch_later(path: Path) -> None:
    later = path.stat().st_mtime + 10
    os.utime(path, (later, later))


def swap_first_two(screen: b.Screen) -> None:
    """Give each of two wells of a plate the other's planes and vector."""
    one, two = screen.ids[:2]
    for part in (screen.planes, screen.vectors):
        part[one], part[two] = part[two], part[one]


@pytest.mark.parametrize("layout", ["RxRx3 tars", "RxRx3 folders"])
def test_a_changed_file_is_indexed_again(
    layout: str, mixed: b.Screen, root: Path, cache: Path
) -> None:
    LAYOUTS[layout](mixed, root)
    rx.open_dataset(root, cache_dir=cache).read("gene-001_1_B02")
    swap_first_two(mixed)
    LAYOUTS[layout](mixed, root)
    for path in [p for p in root.rglob("*") if p.is_file()]:
        touch_later(path)
    ds = rx.open_dataset(root, cache_dir=cache)
    for well_id in mixed.ids:
        assert (ds.read(well_id) == mixed.planes[well_id]).all()
    m = ds.phenomap(level="well", align="none")
    for well_id in mixed.ids:
        vector = m.vectors[m.labels.index.get_loc(well_id)]
        np.testing.assert_array_equal(vector, mixed.vectors[well_id])


def test_a_changed_shard_is_indexed_again(root: Path, cache: Path) -> None:
    names = [f"compound-001_1_B{i:02d}" for i in range(2, 6)]
    path = root / "train-00000-of-00001.parquet"
    for order in (names, names[1:], [*names[1:], "compound-002_1_AA02"]):
        planes = {name: b.smooth(f"{name} {len(order)}", 32) for name in order}
        touch_later(b.write_shard(path, b.shard_rows(planes), row_group=len(order)))
        ds = rx.open_dataset(root, cache_dir=cache)
        assert sorted(ds.wells.index) == sorted(order)
        for name in order:
            assert (ds.read(name) == b.decoded_jp2(planes[name])).all()


def test_a_new_plate_shows_and_a_deleted_one_goes(mixed: b.Screen, root: Path, cache: Path) -> None:
    mixed.write_rxrx3(root)
    tar = root / "images/gene-001/Plate2.tar"
    content = tar.read_bytes()
    for there in (True, False, True):
        tar.write_bytes(content) if there else tar.unlink()
        ds = rx.open_dataset(root, cache_dir=cache)
        assert ds.wells.loc["gene-001_2_AA15", "has_image"] == there
    tar.unlink()
    ds = rx.open_dataset(root, cache_dir=cache)
    with pytest.raises(ImageUnavailable):
        ds.read("gene-001_2_AA15")


def test_changed_metadata_are_read_again(mixed: b.Screen, root: Path, cache: Path) -> None:
    mixed.write_rxrx3(root)
    rx.open_dataset(root, cache_dir=cache)
    mixed.rows[0] = mixed.rows[0] | {"gene": "PLK4", "treatment": "PLK4_guide_3"}
    touch_later(mixed.write_metadata(root / "metadata.csv"))
    assert_wells_equal_rows(rx.open_dataset(root, cache_dir=cache).wells, mixed.rows)


def test_a_file_of_another_size_is_read_again_though_its_time_is_the_same(
    mixed: b.Screen, root: Path, cache: Path
) -> None:
    """As after a copy that keeps times, or two changes within a tick of the file system."""
    mixed.write_rxrx3(root)
    rx.open_dataset(root, cache_dir=cache)
    stat = (root / "metadata.csv").stat()
    mixed.rows[0] = mixed.rows[0] | {"gene": "LONGER", "treatment": "LONGER_guide_3"}
    mixed.write_metadata(root / "metadata.csv")
    os.utime(root / "metadata.csv", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (root / "metadata.csv").stat().st_size != stat.st_size
    assert_wells_equal_rows(rx.open_dataset(root, cache_dir=cache).wells, mixed.rows)


def test_two_data_sets_share_a_cache(mixed: b.Screen, root: Path, cache: Path) -> None:
    mixed.write_rxrx3(root / "one")
    first = rx.open_dataset(root / "one", cache_dir=cache)
    before = {well_id: first.read(well_id) for well_id in mixed.ids}
    swap_first_two(mixed)
    mixed.write_rxrx3(root / "two")
    second = rx.open_dataset(root / "two", cache_dir=cache)
    again = rx.open_dataset(root / "one", cache_dir=cache)
    for well_id in mixed.ids:
        assert (second.read(well_id) == mixed.planes[well_id]).all()
        assert (again.read(well_id) == before[well_id]).all()


# --- addresses ---------------------------------------------------------------------------------

rows_and_columns = st.tuples(st.integers(0, 31), st.integers(0, 47))
experiments = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1
)


@given(rows_and_columns)
def test_an_address_round_trips(place: tuple[int, int]) -> None:
    row, column = place
    text = f"{b.ROWS[row]}{column + 1:02d}"
    assert format_address(row, column) == text
    assert parse_address(text) == place


@given(st.integers(-5, 60), st.integers(-5, 60))
def test_only_the_plate_has_addresses(row: int, column: int) -> None:
    if 0 <= row < 32 and 0 <= column < 48:
        assert parse_address(format_address(row, column)) == (row, column)
    else:
        with pytest.raises(ValueError, match=r"."):
            format_address(row, column)


@given(experiments, st.integers(0, 999_999), rows_and_columns)
def test_a_well_id_round_trips(experiment: str, plate: int, place: tuple[int, int]) -> None:
    text = f"{experiment}_{plate}_{b.ROWS[place[0]]}{place[1] + 1:02d}"
    well = parse_well_id(text)
    assert (well.experiment, well.plate, well.row, well.column) == (experiment, plate, *place)
    assert str(well) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "01",
        "A00",
        "A49",
        "AG01",
        "ZZ01",
        "AAA01",
        "A001",
        "A1x",
        " A01",
        "A01\n",
        "A١٢",
        "Ä01",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gene-001",
        "gene-001_1",
        "gene-001_1_AG01",
        "gene-001_x_A01",
        "_1_A01",
        "gene-001_-1_A01",
    ],
)
def test_what_is_no_well_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_well_id(text)


@given(st.text())
def test_any_text_is_a_well_id_or_a_value_error(text: str) -> None:
    try:
        well = parse_well_id(text)
    except ValueError:
        return
    assert parse_address(well.address) == (well.row, well.column)
    assert parse_well_id(str(well)) == well


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_in_the_folder_is_not_waited_for(root: Path, cache: Path) -> None:
    b.Screen.of([b.guide_row("gene-001", 1, "B02", "PLK1")]).write_rxrx3(root)
    os.mkfifo(root / "pipe")
    assert len(rx.open_dataset(root, cache_dir=cache).wells) == 1


def test_an_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(RxRx3Error, match="No path"):
        rx.open_dataset("")


@pytest.mark.parametrize("write", ["write_tars", "write_folders"])
def test_images_of_another_experiment_are_not_taken_for_this_one(
    root: Path, cache: Path, write: str
) -> None:
    b.Screen.of([b.guide_row("gene-001", 1, "B02", "PLK1")]).write_metadata(root / "metadata.csv")
    getattr(b.Screen.of([b.guide_row("gene-002", 1, "B02", "PLK1")]), write)(root)
    ds = rx.open_dataset(root, cache_dir=cache)
    assert not ds.wells["has_image"].any()
    with pytest.raises(ImageUnavailable):
        ds.read("gene-001_1_B02")
    assert "gene-002_1_B02" in ds.check().problems["well_id"].tolist()


def test_metadata_without_a_row_is_our_error(root: Path, cache: Path) -> None:
    row = b.guide_row("gene-001", 1, "B02", "PLK1")
    b.write(root / "metadata.csv", (",".join(row) + "\n").encode())
    with pytest.raises(MetadataError, match="has names of columns and no row"):
        rx.open_dataset(root, cache_dir=cache)


def test_a_table_with_blanks_in_its_header_loses_nothing(root: Path, cache: Path) -> None:
    row = b.guide_row("gene-001", 1, "B02", "PLK1")
    text = b.csv_bytes([row]).decode().replace(",", ", ", len(row) - 1)
    b.write(root / "metadata.csv", text.encode())
    wells = rx.open_dataset(root, cache_dir=cache).wells
    assert wells.loc["gene-001_1_B02", "gene"] == "PLK1"
    assert wells.loc["gene-001_1_B02", "treatment"] == "PLK1_guide_1"


def test_doses_that_print_alike_are_one_dose(root: Path, cache: Path) -> None:
    rows = [b.dose_row("compound-001", 1, a, "X", 0.1) for a in ("B02", "B03")]
    rows[1]["concentration"] = float(np.float32(0.1))
    screen = b.Screen.of(rows)
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "embeddings.parquet")
    m = rx.open_dataset(root, cache_dir=cache).phenomap(align="none")
    assert m.labels["n_wells"].to_dict() == {"X@0.1": 2}


def test_a_link_to_itself_does_not_hide_its_folder(root: Path, cache: Path) -> None:
    b.Screen.of([b.guide_row("gene-001", 1, "B02", "PLK1")]).write_rxrx3(root)
    (root / "loop").symlink_to(root / "loop")
    assert len(rx.open_dataset(root, cache_dir=cache).wells) == 1


# --- whose images they are -----------------------------------------------------------------------


def two_screens() -> b.Screen:
    rows = [b.control_row("gene-001", 1, "C03"), b.guide_row("gene-001", 1, "D03", "PLK1", 1)]
    rows += [b.control_row("compound-001", 1, "C03")]
    return b.Screen.of(rows, 16, "uint16")


def without(screen: b.Screen, experiment: str) -> b.Screen:
    return b.Screen([row for row in screen.rows if row["experiment_name"] != experiment])


@pytest.mark.parametrize("form", ["tars", "folders"])
def test_images_of_an_experiment_that_is_not_listed_are_nobody_elses(
    tmp_path: Path, form: str
) -> None:
    screen = two_screens()
    if form == "tars":
        screen.write_tars(tmp_path)
    else:
        screen.write_folders(tmp_path)
    without(screen, "compound-001").write_metadata(tmp_path / "metadata.csv")
    ds = rx.open_dataset(tmp_path, cache_dir=tmp_path / "cache")
    well = "gene-001_1_C03"
    assert (ds.read(well) == np.stack(screen.planes[well])).all()
    assert ("image_without_metadata", "compound-001_1_C03") in {
        (p.kind, p.well_id) for p in ds.check().problems.itertuples()
    }


def lone(screen: b.Screen, folder: Path, *parents: str) -> Path:
    """The tar of the compounds in other folders, whose names say nothing."""
    content = b.image_files(screen.by_plate()["compound-001", "1"])
    for parent in parents:
        b.write_tar(folder / parent / "Plate1.tar", content)
    return folder


def test_a_lone_tar_belongs_to_the_only_experiment_with_such_a_plate(tmp_path: Path) -> None:
    screen = two_screens()
    without(screen, "gene-001").write_metadata(tmp_path / "metadata.csv")
    ds = rx.open_dataset(lone(screen, tmp_path, "downloads"), cache_dir=tmp_path / "cache")
    well = "compound-001_1_C03"
    assert (ds.read(well) == np.stack(screen.planes[well])).all()


def strangers(ds: Any) -> set[str]:
    problems = ds.check().problems
    return set(problems.loc[problems["kind"] == "image_without_metadata", "well_id"])


def test_a_tar_that_says_whose_it_is_comes_before_one_that_does_not(tmp_path: Path) -> None:
    screen = two_screens()
    without(screen, "compound-001").write_metadata(tmp_path / "metadata.csv")
    content = b.image_files(screen.by_plate()["gene-001", "1"])
    b.write_tar(lone(screen, tmp_path, "downloads") / "gene-001" / "Plate1.tar", content)
    ds = rx.open_dataset(tmp_path, cache_dir=tmp_path / "cache")
    well = "gene-001_1_C03"
    assert (ds.read(well) == np.stack(screen.planes[well])).all()
    assert strangers(ds) == {"downloads_1_C03"}


def test_of_two_tars_that_could_be_the_plate_none_is_guessed(tmp_path: Path) -> None:
    screen = two_screens()
    without(screen, "gene-001").write_metadata(tmp_path / "metadata.csv")
    ds = rx.open_dataset(
        lone(screen, tmp_path, "downloads", "copies"), cache_dir=tmp_path / "cache"
    )
    assert not ds.wells["has_image"].any()
    assert strangers(ds) == {"downloads_1_C03", "copies_1_C03"}

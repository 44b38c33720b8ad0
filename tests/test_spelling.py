"""However the place of a well is spelled: metadata, vectors and images find each other by it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.plate import ROW_NAMES, WellId
from napari_rxrx3.core.spelling import (
    normal_address,
    normal_experiment,
    normal_well_id,
    plate_in,
)
from napari_rxrx3.data.files.cells import Marks
from napari_rxrx3.data.images.plate_names import PlateNamer, plate_of_path
from napari_rxrx3.data.wells.readings import dose_in, is_spoiled_gene, normal_ids, word_in
from understood import FORMATS, READINGS, with_table

WELLS = ("gene-001_1_B02", "gene-001_1_AA04", "gene-001_2_B03")
FULL_WIDTH = {i: i + 0xFEE0 for i in range(0x21, 0x7F)}
ADDRESSES: dict[str, Callable[[WellId], str]] = {
    "released": lambda w: w.address,
    "not padded": lambda w: f"{ROW_NAMES[w.row]}{w.column + 1}",
    "small": lambda w: w.address.lower(),
    "padded more": lambda w: f"{ROW_NAMES[w.row]}{w.column + 1:03d}",
    "dashed": lambda w: f"{ROW_NAMES[w.row]}-{w.column + 1}",
    "by numbers": lambda w: f"{w.row + 1}-{w.column + 1}",
    "by r and c": lambda w: f"r{w.row + 1:02d}c{w.column + 1:02d}",
    "in words": lambda w: f"Well {w.address}",
    "by row and column": lambda w: f"row {ROW_NAMES[w.row]}, col {w.column + 1}",
    "in brackets": lambda w: f"({w.row + 1},{w.column + 1})",
    "of full width": lambda w: w.address.translate(FULL_WIDTH),
    "with another dash": lambda w: f"{ROW_NAMES[w.row]}\u2011{w.column + 1}",
    "with a blank that does not break": lambda w: f"\u00a0{w.address}\u00a0",
}
PLATES: dict[str, Callable[[int], str]] = {
    "released": str,
    "with a point": lambda n: f"{n}.0",
    "padded": lambda n: f"{n:02d}",
    "in words": lambda n: f"Plate{n}",
    "with a letter": lambda n: f"P{n:02d}",
    "small": lambda n: f"plate {n}",
    "with a sign": lambda n: f"Plate #{n}",
    "abbreviated": lambda n: f"Pl. {n}",
    "of full width": lambda n: str(n).translate(FULL_WIDTH),
}
EXPERIMENTS = {
    "released": "gene-001",
    "capital": "Gene-001",
    "in capitals": "GENE-001",
    "underscore": "gene_001",
    "another dash": "gene\u2013001",
    "another sign": "gene\u2011001",
    "not padded": "gene-1",
    "apart": "gene 001",
}


def spelled(well_id: str, experiment: str, plate: str, address: str) -> tuple[str, str, str]:
    name, number, _ = well_id.split("_")
    assert name == EXPERIMENTS["released"]
    place = b.ROWS.index(well_id.split("_")[2].rstrip("0123456789"))
    well = WellId(name, int(number), place, int(well_id[-2:]) - 1)
    return EXPERIMENTS[experiment], PLATES[plate](int(number)), ADDRESSES[address](well)


ways = st.tuples(*(st.sampled_from(sorted(way)) for way in (EXPERIMENTS, PLATES, ADDRESSES)))


@given(st.sampled_from(WELLS), ways)
def test_every_spelling_has_one_normal_form(well_id: str, way: tuple[str, str, str]) -> None:
    experiment, plate, address = spelled(well_id, *way)
    assert normal_well_id(f"{experiment}_{plate}_{address}") == well_id
    assert f"{normal_experiment(experiment)}_{plate_in(plate)}_{normal_address(address)}" == well_id


def test_ids_of_a_table_have_the_form_that_each_has() -> None:
    """All at once they are told by their looks, of which some are left as they are."""
    texts, wanted = [], []
    for well in WELLS:
        for way in itertools.product(EXPERIMENTS, PLATES, ADDRESSES):
            texts.append("_".join(spelled(well, *way)))
            wanted.append(well)
    others = ["HUVEC-01_1_B02", "huvec-1_1_B02", "MINE-12_1_B02", "COMPOUND-7_1_B02", "x"]
    assert normal_ids(pa.array(texts)).to_pylist() == wanted
    assert normal_ids(pa.chunked_array([texts[:9], texts[9:]])).to_pylist() == wanted
    assert normal_ids(pa.array(others)).to_pylist() == [normal_well_id(text) for text in others]


@pytest.mark.parametrize(
    ("text", "address"),
    [("1-1", "A01"), ("01:48", "A48"), ("32-48", "AF48"), ("r32c01", "AF01"), ("27-2", "AA02")],
)
def test_spelling_in_numbers_reaches_all_rows_of_a_plate(text: str, address: str) -> None:
    assert normal_address(text) == address


@given(st.text())
def test_a_normal_form_is_its_own(text: str) -> None:
    for make in (normal_address, normal_experiment, normal_well_id):
        assert make(make(text)) == make(text)


@pytest.mark.parametrize("text", ["AG01", "A49", "A0", "33-1", "1-49", "B", "", "-", "2.5", "B2x"])
def test_what_is_no_address_is_left_alone(text: str) -> None:
    assert normal_address(text) == text


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(ways, ways, ways, st.booleans())
def test_metadata_vectors_and_images_join(
    tmp_path_factory: pytest.TempPathFactory,
    of_table: tuple[str, str, str],
    of_vectors: tuple[str, str, str],
    of_images: tuple[str, str, str],
    by_id: bool,
) -> None:
    root = tmp_path_factory.mktemp("data set")
    rows = []
    for well in WELLS:
        experiment, plate, address = spelled(well, *of_table)
        place = {"experiment_name": experiment, "plate": plate, "address": address}
        ids = {"well_id": "_".join(place.values())} if by_id else place
        rows.append({**ids, "treatment": "PLK1_guide_1"})
    b.write(root / "metadata.csv", pd.DataFrame(rows).to_csv(index=False).encode())
    ids = ["_".join(spelled(well, *of_vectors)) for well in WELLS]
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    b.write(root / "emb.parquet", b.embedding_bytes(dict(zip(ids, vectors, strict=True))))
    for well in WELLS:
        experiment, plate, address = spelled(well, of_images[0], of_images[1], "not padded")
        b.write_folder(
            root / "images" / experiment / plate, b.image_files({address: b.noise(well)})
        )
    data = rx.open_dataset(root, cache_dir=root / "cache")
    assert sorted(data.wells.index) == sorted(WELLS)
    assert data.wells["has_image"].all()
    assert data.wells["has_embedding"].all()
    for well in WELLS:
        for way in (of_table, of_vectors, ("released",) * 3):
            assert data.row("_".join(spelled(well, *way))).name == well
        np.testing.assert_array_equal(data.plane(well, 1), b.noise(well)[0])
    kinds = set(data.check().problems["kind"])
    assert kinds <= {"interpreted"}


def test_places_of_own_vectors_are_spelled_in_any_way(tmp_path: Path) -> None:
    screen = b.Screen.of([b.guide_row("gene-001", 1, a, "PLK1") for a in ("B02", "B03")])
    screen.write_metadata(tmp_path / "x" / "metadata.csv")
    own = "Experiment,plate,well,a,b\nGene_001,P01,b2,1,2\nGene_001,Plate1,B3,3,5\n"
    path = b.write(tmp_path / "own.csv", own.replace("Experiment", "experiment").encode())
    data = rx.open_dataset(tmp_path / "x", cache_dir=tmp_path / "c")
    assert len(data.rows_of(data.add_embedding(path))[0]) == 2


def test_two_spellings_of_a_well_are_named(tmp_path: Path) -> None:
    rows = "well_id,treatment\ngene-001_1_B02,A\nGene_001_1_b2,B\n"
    b.write(tmp_path / "metadata.csv", rows.encode())
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c")
    assert data.wells["treatment"].tolist() == ["A"]
    (problem,) = data.problems
    assert (problem.kind, problem.well_id) == ("duplicate_well_id", "gene-001_1_B02")


@pytest.mark.parametrize(
    ("path", "plate"),
    [
        ("images/Gene_001/Plate7.tar", ("gene-001", 7)),
        ("images/gene-001/P07.tar", ("gene-001", 7)),
        ("images/gene-001/7", ("gene-001", 7)),
        ("GENE-001_P07.tar", ("gene-001", 7)),
        ("images/HUVEC-1/Plate1", ("HUVEC-1", 1)),
        ("data/2023", ("data", None)),
        ("rxrx3/1", ("rxrx3", None)),
        ("photos/p2", ("photos", None)),
    ],
)
def test_plates_of_paths(path: str, plate: tuple[str, int | None]) -> None:
    assert plate_of_path(path) == plate


def test_names_of_ones_own_experiments_are_told_without_their_case() -> None:
    from napari_rxrx3.core.plate import PlateId

    listed = {PlateId("My_Screen", 1), PlateId("twin-A", 1), PlateId("twin_a", 1)}
    namer = PlateNamer(listed, ["my-screen/Plate1.tar"])
    assert namer("my-screen/Plate1.tar") == PlateId("My_Screen", 1)
    assert namer("TWIN A/Plate1.tar") is None  # it may be either


# --- cells ------------------------------------------------------------------------------------

UNITS = {"pM": 1e-6, "nM": 1e-3, "uM": 1, "µM": 1, "μM": 1, "UM": 1, "mM": 1e3, "M": 1e6}


@given(st.floats(1e-3, 1e4), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " ", "\u00a0"]))
def test_a_dose_with_a_unit_is_micromolar(number: float, unit: str, blank: str) -> None:
    said = f"{number:.4g}"
    assert dose_in(f"{said}{blank}{unit}", Marks(".", ",")) == pytest.approx(
        float(said) * UNITS[unit], rel=1e-5
    )


@pytest.mark.parametrize("text", ["5 ug/ml", "5 MM", "5 m", "1,000 nM", "nM", "low", "5 nM 3", ""])
def test_what_is_no_dose_is_not_guessed(text: str) -> None:
    assert dose_in(text) is None


@given(st.text(), st.sampled_from(["perturbation_type", "treatment"]))
def test_other_words_stay(text: str, column: str) -> None:
    made = word_in(column, text)
    is_guide = re.fullmatch(r"(?s).+_guide_\d{1,4}", made) is not None
    words = ("CRISPR", "COMPOUND", "EMPTY_control", "CRISPR_control")
    assert made == text or made in words or is_guide


@pytest.mark.parametrize("text", ["1-Sep", "Mar-01", "2.31E+13", "2-Dez", "2020-09-01", "01-sep"])
def test_genes_that_a_spreadsheet_made_dates_are_known(text: str) -> None:
    assert is_spoiled_gene(text)


@pytest.mark.parametrize(
    "text", ["SEPTIN1", "MARCHF1", "DEC1", "PLK1", "NaN", "7SK", "HLA-A", "E2F1"]
)
def test_genes_are_left_alone(text: str) -> None:
    assert not is_spoiled_gene(text)


def interpreted(tmp_path: Path, **cells: Any) -> tuple[Any, list[str], list[str]]:
    rows = [b.dose_row("compound-001", 1, f"B{i + 2:02d}", "DrugA", 1) for i in range(3)]
    rows[1].update(cells)
    b.write(tmp_path / "metadata.csv", b.csv_bytes(rows))
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c")
    problems = data.check().problems
    problems = problems[problems["kind"].isin(["interpreted", "not_a_number", "unknown_word"])]
    return data.wells.iloc[1], problems["kind"].tolist(), problems["detail"].tolist()


@pytest.mark.each(3)
@pytest.mark.parametrize(("cells", "kind", "value", "words"), READINGS)
def test_what_is_a_guess_is_listed(
    tmp_path: Path, cells: dict[str, str], kind: str, value: Any, words: list[str]
) -> None:
    row, kinds, details = interpreted(tmp_path, **cells)
    ((column, said),) = cells.items()
    assert kinds == [kind]
    assert (pd.isna(row[column]) and value is None) or row[column] == value
    for word in (said, column, "metadata.csv, line 3", *words):
        assert word in details[0]


@pytest.mark.source
def test_the_documentation_says_what_is_understood() -> None:
    said = FORMATS.read_text(encoding="utf-8")
    assert said == with_table(said), "python tests/understood.py writes it anew"


@pytest.mark.parametrize("gene", ["NA", "NaN", "null"])
def test_a_gene_by_such_a_name_stays(tmp_path: Path, gene: str) -> None:
    rows = [b.guide_row("gene-001", 1, "B02", gene), b.dose_row("gene-001", 1, "B03", "X", 1)]
    b.write(tmp_path / "metadata.csv", b.csv_bytes(rows))
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c")
    assert data.wells["gene"].iloc[0] == gene
    assert data.check().is_clean


@pytest.mark.parametrize("word", ["DMSO", "siRNA", "control", "x"])
def test_a_kind_that_is_none_is_named(tmp_path: Path, word: str) -> None:
    rows = [b.dose_row("compound-001", 1, f"B{i:02d}", "DrugA", 1) for i in (2, 3)]
    rows[1]["perturbation_type"] = word
    b.write(tmp_path / "metadata.csv", b.csv_bytes(rows))
    (problem,) = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c").problems
    assert problem.kind == "unknown_word"
    assert f"line 3: perturbation_type is {word!r}, neither CRISPR nor COMPOUND" in problem.detail


def test_types_of_wells_fill_what_treatments_do_not_tell(tmp_path: Path) -> None:
    said = ["empty control", "GUIDE", "Compound", "Guide"]
    rows = [b.well_row("x-1", 1, f"B{i:02d}", well_type=word) for i, word in enumerate(said, 2)]
    rows[3] |= {"treatment": "PLK1_guide_1", "gene": "PLK1"}
    b.write(tmp_path / "metadata.csv", b.csv_bytes(pd.DataFrame(rows)))
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c")
    types = ["EMPTY_control", "guide", "compound", "positive_control"]
    assert data.wells["well_type"].tolist() == types
    kinds = [problem.kind for problem in data.problems]
    assert kinds.count("disagreement") == 1  # a guide of PLK1 is a positive control
    assert kinds.count("interpreted") == len(said)


@settings(deadline=None)  # it opens a data set
@given(
    st.sampled_from(["B02", "AF48", "C7"]),
    st.sampled_from(["1", "12"]),
    st.sampled_from(["gene-001", "My-Screen"]),
)
def test_an_id_and_the_columns_beside_it_name_one_place(
    tmp_path_factory: pytest.TempPathFactory, address: str, plate: str, experiment: str
) -> None:
    root = tmp_path_factory.mktemp("x")
    text = f"well_id,experiment_name,plate,address,treatment\ngene-001_1_B02,{experiment},{plate},"
    b.write(root / "metadata.csv", f"{text}{address},X\n".encode())
    data = rx.open_dataset(root, cache_dir=root.parent / f"{root.name} cache")
    (row,) = data.wells.itertuples()
    assert (row.experiment_name, row.plate, row.address) == ("gene-001", 1, "B02")
    is_one = (address, plate, experiment) == ("B02", "1", "gene-001")
    assert [p.kind for p in data.problems] == ([] if is_one else ["disagreement"])


def test_experiments_that_differ_by_case_are_named(tmp_path: Path) -> None:
    rows = "experiment_name,plate,address,treatment\nAb-1,1,B02,X\naB-1,1,B02,X\n"
    b.write(tmp_path / "metadata.csv", rows.encode())
    (problem,) = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c").problems
    assert "Ab-1 and aB-1 are read as two experiments" in problem.detail


@pytest.mark.parametrize(("said", "n_listed"), [(["0,25", "2,5", "10"], 1), (["0.25", "2.5"], 0)])
def test_decimal_commas_are_listed(tmp_path: Path, said: list[str], n_listed: int) -> None:
    rows = [f"compound-001_1_B{i + 2:02d};DrugA;{dose}" for i, dose in enumerate(said)]
    text = "\n".join(["well_id;treatment;concentration", *rows, ""])
    b.write(tmp_path / "metadata.csv", text.encode())
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c")
    assert data.wells["concentration"].iloc[:2].tolist() == [0.25, 2.5]
    assert [problem.kind for problem in data.problems] == ["interpreted"] * n_listed


@pytest.mark.parametrize("address", ["B02a", "2B", "2.2", "A49", "\u041202", "Feb-02", "33-1"])
def test_what_is_no_place_is_named_with_its_line(tmp_path: Path, address: str) -> None:
    rows = [b.guide_row("gene-001", 1, "B03", "MTOR"), b.guide_row("gene-001", 1, "C05", "PLK1")]
    rows[1] |= {"well_id": "", "address": address}
    b.write(tmp_path / "metadata.csv", b.csv_bytes(rows))
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c")
    assert data.wells.index.tolist() == ["gene-001_1_B03"]
    ((kind, detail),) = data.check().problems[["kind", "detail"]].to_numpy().tolist()
    assert kind == "impossible_address"
    assert f"metadata.csv, line 3: the place {address} " in detail


def test_two_spellings_of_one_well_are_named_with_the_line(tmp_path: Path) -> None:
    rows = [b.guide_row("gene-001", 1, "B02", gene) for gene in ("PLK1", "MTOR")]
    rows[1] |= {"well_id": "Gene_001_P01_b2", "address": "Well B2"}
    b.write(tmp_path / "metadata.csv", b.csv_bytes(rows))
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c")
    assert data.wells["gene"].tolist() == ["PLK1"]
    details = data.check().problems["detail"].tolist()
    assert any("metadata.csv, line 3 lists gene-001_1_B02 once more" in text for text in details)


@pytest.mark.parametrize(("one", "other"), [("PLK1", "plk1"), ("PLK1", "\u03a1LK1")])
def test_genes_that_look_alike_are_two_and_named(tmp_path: Path, one: str, other: str) -> None:
    rows = [b.guide_row("gene-001", 1, f"B0{i}", gene) for i, gene in enumerate((one, other), 2)]
    b.write(tmp_path / "metadata.csv", b.csv_bytes(rows))
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "c")
    assert data.wells["gene"].nunique() == 2
    details = data.check().problems["detail"].tolist()
    assert any(f"{one} and {other} are read as two genes" in text for text in details)


@pytest.mark.parametrize("name", ["B02-s1-w{c}.png", "b2_s01_w0{c}.PNG", "B02 s1 w{c}.ome.tif"])
def test_images_are_found_by_whatever_spelling(tmp_path: Path, name: str) -> None:
    write = b.png if name.lower().endswith("png") else b.tiff
    planes = b.noise("gene-001_1_B02")
    members = {name.format(c=c): write(plane) for c, plane in enumerate(planes, 1)}
    b.write_folder(tmp_path / "x" / "gene-001" / "Plate1", members)
    b.write_tar(tmp_path / "x" / "gene-001" / "Plate2.tar", members)
    data = rx.open_dataset(tmp_path / "x", cache_dir=tmp_path / "c")
    for plate in (1, 2):
        assert np.array_equal(data.read(f"gene-001_{plate}_B02"), planes)


@pytest.mark.parametrize("write", [b.write_folder, b.write_tar, b.write_zip])
def test_stains_that_are_numbered_from_0_are_not_mixed_up(tmp_path: Path, write: Any) -> None:
    members = {f"B02_s1_w{c}.png": b.png(p) for c, p in enumerate(b.noise("x"))}
    ending = {b.write_folder: "", b.write_tar: ".tar", b.write_zip: ".zip"}[write]
    write(tmp_path / "x" / "gene-001" / f"Plate1{ending}", members)
    rows = [b.guide_row("gene-001", 1, "B02", "PLK1")]
    b.write(tmp_path / "x" / "metadata.csv", b.csv_bytes(rows))
    data = rx.open_dataset(tmp_path / "x", cache_dir=tmp_path / "c")
    with pytest.raises(rx.ImageUnavailable):
        data.plane("gene-001_1_B02", 1)
    details = data.check().problems["detail"].tolist()
    assert any("numbered from 0 (B02_s1_w0.png" in text for text in details)


@pytest.mark.parametrize("place", ["folder", "tar", "zip", "folder a well"])
def test_images_of_other_names_are_named_wherever_they_are(tmp_path: Path, place: str) -> None:
    members = {f"B02_ch{c}.tif": b.tiff(p) for c, p in enumerate(b.noise("x"), 1)}
    top = tmp_path / "x" / "gene-001"
    if place == "folder a well":
        b.write_folder(top / "Plate1" / "B02", members)
    else:
        write = {"folder": b.write_folder, "tar": b.write_tar, "zip": b.write_zip}[place]
        write(top / ("Plate1" if place == "folder" else f"Plate1.{place}"), members)
    b.write(tmp_path / "x" / "metadata.csv", b.csv_bytes([b.guide_row("gene-001", 1, "B02", "A")]))
    data = rx.open_dataset(tmp_path / "x", cache_dir=tmp_path / "c")
    details = data.check().problems["detail"].tolist()
    assert any("not named after a well, such as" in t and "B02_ch1.tif" in t for t in details)

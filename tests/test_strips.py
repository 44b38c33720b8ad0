"""What a well is compared with: which wells, in which order, and what is said about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled, UnknownWell
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.session import Query
from napari_rxrx3.strips import arrange
from napari_rxrx3.strips.strip import STRIP_KINDS, NothingToCompare, Strip
from napari_rxrx3.strips.wells import typical_well

DIM = 16
GENE_1, GENE_2, AGAIN = ("gene-001", 1), ("gene-001", 2), ("gene-143", 1)
BARE_PLATE, COMPOUND, OTHER = ("gene-001", 3), ("compound-001", 1), ("compound-001", 2)

STRENGTHS = {"PLK1_guide_1": 2.0, "PLK1_guide_2": 6.0, "PLK1_guide_10": 4.0, "PLK1_guide_3": 0.5}
EFFECTS = {0.0025: 0.2, 0.01: 0.5, 0.25: 2.0, 1.0: 4.0, 2.5: 6.0}

ROWS = [
    *(
        b.guide_row(*plate, f"{address}{2 + i:02d}", "PLK1", int(name.rpartition("_")[2]))
        for plate, address in ((GENE_1, "B"), (GENE_2, "C"), (AGAIN, "D"), (BARE_PLATE, "B"))
        for i, name in enumerate(STRENGTHS)
    ),
    *(
        b.control_row(*p, f"{row}{20 + i}")
        for p in (GENE_1, GENE_2, AGAIN)
        for row in "BF"
        for i in range(4)
    ),
    *(b.control_row(*BARE_PLATE, f"B2{i}") for i in range(4)),
    *(
        b.guide_row(*plate, f"{'STUVWX'[i]}{3 * guide:02d}", f"GENE{i}", guide)
        for plate in (GENE_1, GENE_2)
        for i in range(6)
        for guide in range(1, 5)
    ),
    b.guide_row(*GENE_1, "G02", "SOLO", 1),
    b.guide_row(*GENE_2, "G03", "SOLO", 1),
    b.guide_row(*BARE_PLATE, "G02", "PLK1X", 1),
    b.well_row(*GENE_1, "H02"),
    *(
        b.dose_row(*COMPOUND, f"{'JKL'[n]}{2 + i:02d}", "Bortezomib", dose)
        for i, dose in enumerate(EFFECTS)
        for n in range(3 if dose == 1.0 else 2)
    ),
    b.dose_row(*OTHER, "J02", "Bortezomib", 1.0),
    b.dose_row(*COMPOUND, "M02", "Aspirin", 0.1),
    b.dose_row(*COMPOUND, "M03", "Aspirin", 0.0025),
    b.dose_row(*COMPOUND, "M04", "Norfloxacin", 0.002),
    b.dose_row(*COMPOUND, "M05", "Norfloxacin", 0.1),
    *(b.dose_row(*COMPOUND, f"N{2 + i:02d}", "Everywhere", 0.1) for i in range(30)),
    *(b.control_row(*COMPOUND, f"P{2 + i:02d}") for i in range(6)),
    b.control_row(*COMPOUND, "Q02", "CRISPR_control"),
]
"""On BARE_PLATE there is no image, on OTHER no control. Of GENE0 to GENE5, each in a direction of
its own, GENE0_guide_4 acts as GENE1 does.
"""

NO_IMAGE = {
    "gene-001_1_B05",
    "gene-001_2_C05",
    "gene-143_1_D05",
    "compound-001_1_J03",
    "compound-001_1_K03",
}
"""PLK1_guide_3, and Bortezomib at 0.01 µM, have none."""


def vector_of(row: b.Row, rng: np.random.Generator) -> np.ndarray:
    """The controls point in one direction; guides and doses away from it, by what they are."""
    vector = rng.normal(scale=0.05, size=DIM)
    vector[0] += 10
    if row["perturbation_type"] == "COMPOUND":
        vector[2] += EFFECTS.get(row["concentration"], 0) * (row["treatment"] == "Bortezomib")
    else:
        vector[1] += STRENGTHS.get(row["treatment"], 0)
        if (row["gene"] or "").startswith("GENE"):
            odd = row["treatment"] == "GENE0_guide_4"
            vector[4 + (1 if odd else int(row["gene"][4]))] += 3
    return vector.astype("float32")


def screen() -> b.Screen:
    made = b.Screen.of(ROWS, size=4)
    rng = np.random.default_rng(3)
    made.vectors = {row["well_id"]: vector_of(row, rng) for row in ROWS}
    del made.vectors["gene-001_2_C02"]
    bare = {well for well in made.ids if well.startswith("gene-001_3")} | NO_IMAGE
    made.planes = {well: planes for well, planes in made.planes.items() if well not in bare}
    return made


SCREEN = screen()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("strips")
    SCREEN.write_rxrx3(folder)
    return rx.open_dataset(folder, folder / "cache")


@pytest.fixture(scope="module")
def without_vectors(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("pictures")
    SCREEN.write_metadata(folder / "metadata.csv")
    SCREEN.write_folders(folder)
    return rx.open_dataset(folder, folder / "cache")


def wells(strip: Strip) -> list[str | None]:
    return [tile.well_id for tile in strip.tiles]


def grid(strip: Strip) -> list[list[str | None]]:
    """Well ids by row and column; no tile at all is a dash."""
    n_rows, n_columns = (
        1 + max(getattr(t, name) for t in strip.tiles) for name in ("row", "column")
    )
    table: list[list[str | None]] = [["-"] * n_columns for _ in range(n_rows)]
    for tile in strip.tiles:
        assert table[tile.row][tile.column] == "-"
        table[tile.row][tile.column] = tile.well_id
    return table


def label(strip: Strip, well: str) -> str:
    return next(tile.label for tile in strip.tiles if tile.well_id == well)


def roles(strip: Strip) -> list[str]:
    return [tile.role for tile in strip.tiles]


def cosine_distance(wells: Sequence[str], controls: Sequence[str]) -> list[float]:
    """From the mean of some controls, each."""
    center = np.mean([SCREEN.vectors[c].astype(float) for c in controls], axis=0)
    found = []
    for well in wells:
        vector = SCREEN.vectors[well].astype(float)
        found.append(1 - vector @ center / np.linalg.norm(vector) / np.linalg.norm(center))
    return found


def controls_on(plate: tuple[str, int]) -> list[str]:
    return [
        row["well_id"]
        for row in ROWS
        if (row["experiment_name"], row["plate"]) == plate and row["treatment"] == "EMPTY_control"
    ]


# --- a control, and more of the same ---------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "control"),
    [(0, "B20"), (1, "F20"), (2, "B21"), (7, "F23"), (8, "B20"), (9, "F20")],
)
def test_a_control_stands_beside_the_well_and_another_one_each_turn(
    dataset: Any, turn: int, control: str
) -> None:
    strip = arrange("control", dataset, "gene-001_1_B02", turn=turn)
    assert strip.title == "PLK1 guide 1 and control"
    assert strip.tiles == (
        Tile("gene-001_1_B02", "PLK1 guide 1\nB02", role="query"),
        Tile(f"gene-001_1_{control}", f"control\n{control}", role="control"),
    )
    assert strip.note.startswith(f"Control {turn % 8 + 1} of 8 on this plate")
    assert not strip.is_arranged


def test_a_control_is_compared_with_another_control(dataset: Any) -> None:
    strip = arrange("control", dataset, "gene-001_1_B20")
    assert wells(strip) == ["gene-001_1_B20", "gene-001_1_B21"]
    assert roles(strip) == ["query", "control"]


@pytest.mark.parametrize("well", ["compound-001_2_J02", "gene-001_3_B02"])
def test_a_plate_without_a_control_to_show_says_so(dataset: Any, well: str) -> None:
    strip = arrange("control", dataset, well)
    assert wells(strip) == [well, None]
    assert strip.tiles[1].label == "no control with an image\non this plate"


def test_replicates_come_with_those_of_the_plate_and_the_experiment_first(dataset: Any) -> None:
    strip = arrange("replicates", dataset, "gene-143_1_D03")
    assert strip.tiles == (
        Tile("gene-143_1_D03", "PLK1 guide 2\nD03", role="query"),
        Tile("gene-001_1_B03", "PLK1 guide 2\nB03, gene-001 plate 1"),
        Tile("gene-001_2_C03", "PLK1 guide 2\nC03, gene-001 plate 2"),
    )
    assert strip.title == "PLK1 guide 2: replicates"
    assert strip.note == "3 of 4 replicates have images here."
    strip = arrange("replicates", dataset, "gene-001_2_C03")
    assert wells(strip) == ["gene-001_2_C03", "gene-001_1_B03", "gene-143_1_D03"]
    assert label(strip, "gene-001_1_B03") == "PLK1 guide 2\nB03, plate 1"


def test_replicates_of_a_compound_have_its_dose(dataset: Any) -> None:
    strip = arrange("replicates", dataset, "compound-001_2_J02")
    assert wells(strip) == ["compound-001_2_J02", *(f"compound-001_1_{row}05" for row in "JKL")]
    assert strip.title == "Bortezomib 1 µM: replicates"
    assert strip.note == ""


def test_of_many_replicates_the_first_are_shown_and_the_well_itself_is_one(dataset: Any) -> None:
    strip = arrange("replicates", dataset, "compound-001_1_N31")
    assert wells(strip) == [
        "compound-001_1_N31",
        *(f"compound-001_1_N{c:02d}" for c in range(2, 25)),
    ]
    assert strip.note == "24 of 30 replicates are shown."


def test_a_well_without_an_image_stays_in_its_own_strip(dataset: Any) -> None:
    strip = arrange("replicates", dataset, "gene-001_3_B03")
    assert wells(strip)[0] == "gene-001_3_B03"
    assert strip.tiles[0].role == "query"
    assert len(strip.tiles) == 4
    assert strip.note == "3 of 4 replicates have images here.", "its own place has none"
    strip = arrange("doses", dataset, "compound-001_1_J03")
    assert "compound-001_1_J03" in wells(strip)
    assert strip.note == "2 of 6 doses have no image here."


@pytest.mark.parametrize(
    ("kind", "well", "why"),
    [
        ("replicates", "gene-001_1_H02", "Nothing says what gene-001_1_H02 received"),
        ("replicates", "gene-001_3_G02", "is the only well of PLK1X guide 1"),
        ("position", "compound-001_1_Q02", "No other plate has a well at Q02"),
        ("guides", "compound-001_1_J02", "Bortezomib 0.0025 µM is not a guide of a gene"),
        ("guides", "gene-001_1_B20", "EMPTY_control (no perturbation) is not a guide of a gene"),
        ("guides", "gene-001_1_H02", "unknown perturbation is not a guide of a gene"),
        ("doses", "gene-001_1_B02", "PLK1 guide 1 is not a compound at a known dose"),
        ("doses", "compound-001_1_P02", "is not a compound at a known dose"),
        ("doses", "gene-001_1_H02", "unknown perturbation is not a compound at a known dose"),
        ("neighbors", "compound-001_1_P02", "is not in this map"),
    ],
)
def test_a_strip_that_there_is_not_says_why(dataset: Any, kind: str, well: str, why: str) -> None:
    with pytest.raises(NothingToCompare) as error:
        arrange(kind, dataset, well)
    assert why in str(error.value)


@pytest.mark.parametrize("kind", STRIP_KINDS)
def test_an_unknown_well_and_none_are_refused(dataset: Any, kind: str) -> None:
    with pytest.raises(UnknownWell, match="gene-001_1_Z40"):
        arrange(kind, dataset, "gene-001_1_Z40", wells=["gene-001_1_B02"])
    with pytest.raises(NothingToCompare, match="No well is selected"):
        arrange(kind, dataset, None)


def test_an_unknown_kind_is_refused(dataset: Any) -> None:
    with pytest.raises(ValueError, match="unknown strip 'plates'; choose one of control, neigh"):
        arrange("plates", dataset, "gene-001_1_B02")


def test_the_same_address_comes_from_the_experiment_first(dataset: Any) -> None:
    strip = arrange("position", dataset, "gene-001_2_F21")
    assert wells(strip) == ["gene-001_2_F21", "gene-001_1_F21", "gene-143_1_F21"]
    assert strip.title == "F21 on 3 plates"
    strip = arrange("position", dataset, "gene-143_1_B21")
    assert wells(strip) == ["gene-143_1_B21", "gene-001_1_B21", "gene-001_2_B21"]
    assert strip.note == "3 of 4 wells at B21 have images here."


def test_of_many_plates_the_first_are_shown(tmp_path: Path) -> None:
    rows = [b.control_row("gene-001", plate, "B02") for plate in range(1, 21)]
    b.Screen.of(rows, size=4).write_rxrx3(tmp_path)
    strip = arrange("position", rx.open_dataset(tmp_path, tmp_path / "c"), "gene-001_15_B02")
    plates = [15, *range(1, 12)]
    assert wells(strip) == [f"gene-001_{plate}_B02" for plate in plates]
    assert strip.note == "12 of 20 wells at B02 are shown."


def test_any_wells_are_shown_in_their_order_and_unknown_ones_are_named(dataset: Any) -> None:
    chosen = ["gene-001_1_B21", "gene-001_1_Z40", "gene-001_1_B02", "x", "gene-001_1_B21"]
    strip = arrange("wells", dataset, "gene-001_1_B02", wells=chosen)
    assert wells(strip) == ["gene-001_1_B21", "gene-001_1_B02"]
    assert roles(strip) == ["", "query"]
    assert (strip.title, strip.note) == ("2 wells", "Not in this data set: gene-001_1_Z40, x.")
    assert wells(arrange("wells", dataset, None, wells=chosen)) == wells(strip)
    named = arrange("wells", dataset, None, wells=chosen, title="proteasome")
    assert named.title == "proteasome: 2 wells"
    with pytest.raises(NothingToCompare, match="Not in this data set: 0, 1, 2, 3, 4 and 2 more"):
        arrange("wells", dataset, None, wells=[str(i) for i in range(7)])
    with pytest.raises(NothingToCompare, match="No wells are selected"):
        arrange("wells", dataset, "gene-001_1_B02")


def test_of_very_many_wells_some_are_shown(dataset: Any) -> None:
    strip = arrange("wells", dataset, None, wells=SCREEN.ids)
    assert wells(strip) == SCREEN.ids[:60]
    assert strip.note == f"60 of {len(ROWS)} wells are shown."


# --- guides ----------------------------------------------------------------------------------


def test_each_guide_has_a_row_the_strongest_first_and_controls_are_last(dataset: Any) -> None:
    strip = arrange("guides", dataset, "gene-001_1_B02")
    assert strip.is_arranged
    assert strip.title == "PLK1: guides by distance from controls"
    assert grid(strip) == [
        ["gene-001_1_B03", "gene-001_2_C03", "gene-143_1_D03"],
        ["gene-001_1_B04", "gene-001_2_C04", "gene-143_1_D04"],
        ["gene-001_1_B02", "gene-001_2_C02", "gene-143_1_D02"],
        [None, "-", "-"],
        ["gene-001_1_B20", "gene-001_2_B20", "gene-143_1_B20"],
    ]
    assert {t.well_id: t.role for t in strip.tiles if t.role} == {
        "gene-001_1_B02": "query",
        **dict.fromkeys(grid(strip)[-1], "control"),
    }
    assert label(strip, "gene-143_1_D04") == "PLK1 guide 10\nD04, gene-143 plate 1"
    assert label(strip, "gene-143_1_B20") == "control\nB20, gene-143 plate 1"
    lines = strip.tiles[9].label.split("\n")
    assert lines[:2] == ["PLK1 guide 3", "no image of it here"]
    assert [line.split(" ")[0] for line in lines[2:]] == ["distance", "alike"]
    sentences = strip.note.split(". ")
    starts = ("The guides agree", "Alike is the cosine", "Distance is the mean cosine distance")
    for sentence, start in zip(sentences, starts, strict=False):
        assert sentence.startswith(start), "what matters most is said first"


def test_the_strength_of_a_guide_is_the_mean_over_all_its_wells(dataset: Any) -> None:
    """Also over those without an image; guide 1 has no vector on plate 2."""
    strip = arrange("guides", dataset, "gene-001_1_B02")
    scores = dataset.phenomap("guide").scores["strength_cosine"]
    for guide, first in (("2", "B03"), ("10", "B04"), ("1", "B02")):
        column = int(first[1:]) - 2
        places = [(GENE_1, "B"), (GENE_2, "C"), (AGAIN, "D"), (BARE_PLATE, "B")]
        distances = [
            distance
            for plate, row in places
            if (well := b.well_name(*plate, f"{row}{column + 2:02d}")) in SCREEN.vectors
            for distance in cosine_distance([well], controls_on(plate))
        ]
        assert len(distances) == (3 if guide == "1" else 4)
        strength = np.mean(distances)
        assert strength == pytest.approx(scores[f"PLK1_guide_{guide}"], rel=1e-6)
        assert label(strip, f"gene-001_1_{first}").split("\n")[2:] == [f"distance {strength:.2g}"]


@pytest.mark.parametrize("align", ["none", "centerscale", "pca-centerscale"])
@pytest.mark.parametrize("well", ["gene-001_1_B02", "gene-001_1_S12"])
def test_agreement_is_that_of_the_map(dataset: Any, align: str, well: str) -> None:
    strip = arrange("guides", dataset, well, query=Query(align=align, level="guide"))
    phenomap = dataset.phenomap(align=align)
    agreement = phenomap.scores.loc[phenomap.key_of_well(well), "agreement"]
    assert re.search(
        rf"The guides agree {agreement:.2f}(,.*)? \(mean cosine of all pairs\)", strip.note
    )


def on_more_plates() -> b.Screen:
    """The genes on six plates instead of two: on two any guide may be odd by chance."""
    rows = [
        row | {"plate": n, "well_id": b.well_name("gene-001", n, row["address"])}
        for row in ROWS
        if row["well_id"].startswith("gene-001_1")
        for n in range(1, 7)
    ]
    rng = np.random.default_rng(3)
    made = b.Screen.of(rows, size=4)
    made.vectors = {row["well_id"]: vector_of(row, rng) for row in rows}
    return made


def test_once_the_scores_are_there_they_tell_which_guide_is_odd(tmp_path: Path) -> None:
    on_more_plates().write_rxrx3(tmp_path)
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    before = arrange("guides", dataset, "gene-001_1_S03")
    phenomap = dataset.phenomap()
    assert not phenomap.score_store.is_ready  # nobody waits for the scores of all entries
    assert before.note.startswith("The guides agree ")
    assert "(mean cosine of all pairs). " in before.note
    scores = phenomap.scores.loc["GENE0"]
    assert scores["odd_guide"] == "GENE0_guide_4"
    after = arrange("guides", dataset, "gene-001_1_S03")
    p = f"{scores['agreement_p']:.2g}"
    assert f", p {p}, but guide 4 is not like the others (mean cosine" in after.note
    assert float(label(after, "gene-001_2_S12").rpartition("\nalike ")[2]) < 0.3
    assert float(label(after, "gene-001_2_S03").rpartition("\nalike ")[2]) > 0.6


def test_a_gene_of_one_guide_has_a_row_and_nothing_to_agree_with(dataset: Any) -> None:
    strip = arrange("guides", dataset, "gene-001_1_G02")
    assert grid(strip) == [
        ["gene-001_1_G02", "gene-001_2_G03"],
        ["gene-001_1_F20", "gene-001_2_F20"],
    ]
    assert "It takes two guides" in strip.note
    assert "Alike" not in strip.note


def test_without_vectors_guides_are_in_the_order_of_their_numbers(without_vectors: Any) -> None:
    strip = arrange("guides", without_vectors, "gene-001_2_C03")
    assert strip.title == "PLK1: guides"
    assert [row[0] for row in grid(strip)] == [
        *("gene-001_2_C02", "gene-001_2_C03", None, "gene-001_2_C04", "gene-001_2_B20"),
    ]
    assert strip.note.startswith("The guides are in the order of their numbers. There are no emb")
    assert label(strip, "gene-001_2_C03") == "PLK1 guide 2\nC03"


@pytest.mark.parametrize("asked", [12, 1])
def test_of_many_guides_and_replicates_some_are_shown_with_the_one_asked_for(
    tmp_path: Path, asked: int
) -> None:
    rows = [
        b.guide_row("gene-001", plate, f"B{guide + 1:02d}", "MANY", guide)
        for guide in range(1, 13)
        for plate in range(1, 9)
    ]
    rows += [b.control_row("gene-001", plate, f"C0{i}") for plate in range(1, 9) for i in (2, 3)]
    made = b.Screen.of(rows, size=4)
    for row in rows:
        strength = int((row["treatment"].rpartition("_")[2] or "0").replace("control", "0"))
        made.vectors[row["well_id"]][:2] = 50, 20 - strength if strength else 0
    made.write_rxrx3(tmp_path)
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    strip = arrange("guides", dataset, f"gene-001_3_B{asked + 1:02d}")
    table = grid(strip)
    assert len(table) == 11
    assert [len(row) for row in table] == [3] * 11
    last = 12 if asked == 12 else 10
    assert table[0][0] == "gene-001_3_B02"
    assert table[9] == [f"gene-001_{plate}_B{last + 1:02d}" for plate in (3, 1, 2)]
    assert table[10] == [f"gene-001_{plate}_C02" for plate in (3, 1, 2)]
    assert "10 of 12 guides are shown." in strip.note
    assert "3 of up to 8 replicates a guide are shown." in strip.note


# --- doses -----------------------------------------------------------------------------------


def test_all_doses_rise_from_left_to_right_after_the_controls(dataset: Any) -> None:
    strip = arrange("doses", dataset, "compound-001_1_K06")
    place = "compound-001_1_{}".format
    assert strip.is_arranged
    assert strip.title == "Bortezomib: 6 doses"
    assert grid(strip) == [
        [*map(place, ("P06", "J02")), None, None, *map(place, ("J04", "J05", "K06"))],
        [*map(place, ("P02", "K02")), "-", "-", *map(place, ("K04", "K05", "J06"))],
        [place("P05"), "-", "-", "-", "-", place("L05"), "-"],
        [None, "-", "-", "-", "-", "compound-001_2_J02", "-"],
    ]
    assert [t.label.split("\n")[0] for t in strip.tiles if t.row == 0] == [
        *("control", "0.0025 µM", "0.01 µM", "0.1 µM", "0.25 µM", "1 µM", "2.5 µM"),
    ]
    assert strip.note == "2 of 6 doses have no image here."
    assert strip.tiles[0].role == "control"


def test_the_curve_holds_every_replicate_of_every_dose(dataset: Any) -> None:
    """Also those without an image; on the other plate there are no controls."""
    curve = arrange("doses", dataset, "compound-001_1_K06").curve
    assert curve is not None
    assert (curve.doses, curve.unit) == ((0.0025, 0.01, 0.1, 0.25, 1.0, 2.5), "µM")
    assert curve.metric == "cosine distance from the controls of the plate"
    controls = controls_on(COMPOUND)
    for dose, distances, mean in zip(curve.doses, curve.distances, curve.means, strict=True):
        treated = [
            row["well_id"]
            for row in ROWS
            if (row["treatment"], row["concentration"]) == ("Bortezomib", dose)
            and row["plate"] == 1
        ]
        assert sorted(distances) == pytest.approx(sorted(cosine_distance(treated, controls)))
        assert np.isnan(mean) if dose == 0.1 else mean == pytest.approx(np.mean(distances))
    assert list(map(len, curve.distances)) == [2, 2, 0, 2, 3, 2]
    own = [cosine_distance([c], [other for other in controls if other != c])[0] for c in controls]
    assert curve.control_spread == pytest.approx(tuple(np.percentile(own, [5, 95])))
    known = [mean for mean in curve.means if not np.isnan(mean)]
    assert known == sorted(known)
    assert known[0] < 0.002 < 0.1 < known[-1]


def test_a_dose_written_in_another_way_is_not_a_missing_one(dataset: Any) -> None:
    strip = arrange("doses", dataset, "compound-001_1_M04")
    assert strip.title == "Norfloxacin: 2 doses"
    assert wells(strip) == [f"compound-001_1_{a}" for a in ("P04", "M04", "M05")]


def test_a_dose_that_few_compounds_have_is_no_gap_of_the_others(dataset: Any) -> None:
    strip = arrange("doses", dataset, "compound-001_1_M02")
    assert wells(strip) == [f"compound-001_1_{a}" for a in ("P02", "M03", "M02")]


@pytest.mark.parametrize(("n_others", "title"), [(3, "X: 2 doses"), (4, "X: 1 dose")])
def test_a_dose_that_half_of_the_compounds_have_is_a_gap_of_the_others(
    n_others: int, title: str, tmp_path: Path
) -> None:
    """Two of four are half, two of five are fewer."""
    places = iter(f"{row}{column:02d}" for row in "BC" for column in range(2, 40))
    names = ["X", *(f"other {i}" for i in range(n_others))]
    treated = [(name, 0.1) for name in names] + [(name, 1.0) for name in names[1:3]]
    rows = [b.control_row("compound-001", 1, next(places)) for _ in range(2)]
    rows += [b.dose_row("compound-001", 1, next(places), *what) for what in treated]
    b.Screen.of(rows, size=4).write_rxrx3(tmp_path)
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    strip = arrange("doses", dataset, rows[2]["well_id"])
    assert strip.title == title
    assert strip.curve is not None
    assert strip.curve.doses == ((0.1, 1.0) if n_others == 3 else (0.1,))


def test_of_many_replicates_of_a_dose_four_are_shown_and_all_are_measured(dataset: Any) -> None:
    strip = arrange("doses", dataset, "compound-001_1_N31")
    table = grid(strip)
    assert [row[-1] for row in table] == [f"compound-001_1_N{c:02d}" for c in (31, 2, 3, 4)]
    assert "4 of up to 30 replicates a dose are shown." in strip.note
    assert strip.curve is not None
    assert len(strip.curve.distances[-1]) == 30


def test_without_vectors_there_are_pictures_but_no_curve(without_vectors: Any) -> None:
    strip = arrange("doses", without_vectors, "compound-001_1_K06")
    assert len(strip.tiles) == 16
    assert strip.curve is None
    assert "There is no dose curve. There are no embeddings in " in strip.note


def test_without_controls_distances_are_not_known(tmp_path: Path) -> None:
    rows = [b.dose_row("compound-001", 1, f"B0{i}", "X", dose) for i, dose in ((2, 0.1), (3, 1.0))]
    rows += [b.guide_row("gene-001", 1, f"B0{i}", "PLK1", i) for i in (2, 3)]
    b.Screen.of(rows, size=4).write_rxrx3(tmp_path)
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    strip = arrange("doses", dataset, "compound-001_1_B02")
    assert (strip.curve, wells(strip)[0]) == (None, None)
    assert "no dose curve: no well of X can be compared with controls" in strip.note
    strip = arrange("guides", dataset, "gene-001_1_B03")
    assert strip.title == "PLK1: guides"
    assert [t.well_id for t in strip.tiles] == ["gene-001_1_B02", "gene-001_1_B03", None]
    assert strip.note.startswith("Not aligned"), "the agreement is to be read with that in mind"
    assert "No guide has a cosine distance from the controls of the plate." in strip.note
    assert "Not aligned" in strip.note


def test_vectors_that_are_centered_on_the_controls_are_measured_by_length(tmp_path: Path) -> None:
    """The mean of the controls is no direction then."""
    made = screen()
    center = np.mean([made.vectors[c] for c in controls_on(COMPOUND)], axis=0)
    made.vectors = {well: vector - center for well, vector in made.vectors.items()}
    made.write_rxrx3(tmp_path)
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    curve = arrange("doses", dataset, "compound-001_1_J02").curve
    assert curve is not None
    assert curve.metric == "Euclidean distance from the controls of the plate"
    assert curve.means[-1] == pytest.approx(6, abs=0.2)
    assert curve.control_spread[1] < 0.5 < curve.means[3] < curve.means[4]
    own = []
    for control in controls_on(COMPOUND):
        others = [made.vectors[c].astype(float) for c in controls_on(COMPOUND) if c != control]
        own.append(np.linalg.norm(made.vectors[control] - np.mean(others, axis=0)))
    assert curve.control_spread == pytest.approx(tuple(np.percentile(own, [5, 95])))


def test_the_query_says_which_vectors_and_controls_are_used(dataset: Any, tmp_path: Path) -> None:
    own = {well: vector[::-1].copy() for well, vector in SCREEN.vectors.items()}
    own["compound-001_1_J02"] = own["compound-001_1_J06"]
    path = b.write(tmp_path / "own.parquet", b.embedding_bytes(own))
    name = dataset.add_embedding(path)
    query = Query(embedding=name)
    curve = arrange("doses", dataset, "compound-001_1_J02", query=query).curve
    usual = arrange("doses", dataset, "compound-001_1_J02").curve
    assert curve is not None
    assert usual is not None
    assert max(curve.distances[0]) == pytest.approx(usual.distances[5][0])
    assert min(curve.distances[0]) == pytest.approx(usual.distances[0][1])
    by_other = Query(control="CRISPR_control")
    curve = arrange("doses", dataset, "compound-001_1_J02", query=by_other).curve
    assert curve is not None
    expected = cosine_distance(["compound-001_1_J02"], ["compound-001_1_Q02"])
    assert curve.distances[0][0] == pytest.approx(expected[0])
    assert np.isnan(curve.control_spread).all()


# --- the well that stands for several --------------------------------------------------------


def typical(
    dataset: Any, wells: Sequence[str], plate: tuple[str, int] | None = None, phenomap: Any = None
) -> str:
    positions = np.sort(dataset.known_wells.index.get_indexer(wells))
    assert positions.min() >= 0
    return typical_well(dataset, positions, PlateId(*plate) if plate else None, phenomap)


@pytest.mark.parametrize(
    ("plate", "shown"),
    [
        (GENE_1, "gene-001_1_B02"),
        (GENE_2, "gene-001_2_C02"),
        (AGAIN, "gene-143_1_D02"),
        (BARE_PLATE, "gene-001_1_B02"),  # of the experiment, as the one there has no image
        (("gene-143", 7), "gene-143_1_D02"),  # there is no such plate
        (COMPOUND, "gene-001_1_B02"),
        (None, "gene-001_1_B02"),
    ],
)
def test_of_the_wells_of_a_guide_one_on_the_plate_is_shown_or_of_the_experiment_or_any(
    plate: tuple[str, int] | None, shown: str, without_vectors: Any
) -> None:
    places = ("gene-001_1_B", "gene-001_2_C", "gene-143_1_D", "gene-001_3_B")
    guide_1, guide_3 = ([f"{place}{column}" for place in places] for column in ("02", "05"))
    assert typical(without_vectors, guide_1, plate) == shown
    without_image = {"gene-001_1_B05": "gene-001_1_B05", "gene-001_2_C02": "gene-001_2_C05"}
    if shown in without_image:  # where no well has an image, one of those without is shown
        assert typical(without_vectors, guide_3, plate) == without_image[shown]


@pytest.mark.parametrize("n_bare", [0, 1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_of_wells_with_vectors_the_nearest_to_their_mean_is_shown(
    seed: int, n_bare: int, tmp_path: Path
) -> None:
    """Wells without a vector have no part in it, wherever they are."""
    names = [f"gene-001_1_C{2 + i:02d}" for i in range(12)]
    rows = [b.guide_row(*GENE_1, name[-3:], "PLK1", 1) for name in names]
    made = b.Screen.of(rows, size=4)
    rng = np.random.default_rng(seed)
    vectors = {name: rng.normal(size=8).astype("float32") for name in names}
    without = {names[-1], names[0], names[5]} if n_bare == 3 else set(names[12 - n_bare :])
    made.vectors = {name: v for name, v in vectors.items() if name not in without}
    made.write_rxrx3(tmp_path)
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    assert typical(dataset, names) == names[0]  # no vector was read so far
    dataset.read_vectors()
    mean = np.mean([v.astype(float) for v in made.vectors.values()], axis=0)
    away = {name: np.linalg.norm(v - mean) for name, v in made.vectors.items()}
    assert typical(dataset, names) == min(away, key=lambda name: away[name])
    for bare in without:
        assert typical(dataset, [bare]) == bare
    if n_bare == 3:
        assert typical(dataset, sorted(without)) == names[0]


def test_by_a_map_the_most_typical_well_of_the_strongest_entry_is_shown(dataset: Any) -> None:
    by_dose, by_well = dataset.phenomap(), dataset.phenomap("well")
    names = [r["well_id"] for r in ROWS if r["treatment"] == "Bortezomib"]
    strongest = names[-3:-1]
    assert {r["concentration"] for r in ROWS if r["well_id"] in strongest} == {2.5}
    members = dataset.wells.index[by_dose.positions_of(by_dose.row("Bortezomib@2.5"))]
    assert typical(dataset, names, COMPOUND, by_dose) == members[0]
    assert typical(dataset, [w for w in names if w != members[0]], COMPOUND, by_dose) == members[1]
    weaker = [w for w in names if w not in strongest]
    members = dataset.wells.index[by_dose.positions_of(by_dose.row("Bortezomib@1"))]
    assert typical(dataset, weaker, COMPOUND, by_dose) == next(
        w for w in members if w.startswith("compound-001_1")
    )
    assert typical(dataset, names, None, by_well) == typical(dataset, names)


# --- neighbors -------------------------------------------------------------------------------


def seen(dataset: Any, planes: Any, query: Query) -> list[tuple[str, str]]:
    """Key and third line of the first six neighbors of which a well has an image."""
    phenomap = dataset.phenomap(query.level)
    kind = {"all": None, "genes": "CRISPR", "compounds": "COMPOUND"}[query.kind]
    found = phenomap.nearest(query.key, 30, opposite=query.order == "opposite", kind=kind)
    lines = [
        (row["key"], f"{row['rank']}: {row['similarity']:.2f}")
        for _, row in found.iterrows()
        if any(well in planes for well in phenomap.wells_of(row["key"]))
    ]
    return lines[:6]


def test_neighbors_follow_the_query_and_its_control_in_the_order_of_the_map(dataset: Any) -> None:
    strip = arrange("neighbors", dataset, "gene-001_1_S03", query=Query(all_doses=True))
    assert strip.title == "GENE0 and its neighbors"
    assert strip.tiles[:2] == (
        Tile("gene-001_1_S03", "GENE0 guide 1\nS03", role="query"),
        Tile("gene-001_1_F20", "control\nF20", role="control"),
    )
    assert roles(strip)[2:] == ["neighbor"] * 6
    expected = seen(dataset, SCREEN.planes, Query("GENE0"))
    for tile, (key, line) in zip(strip.tiles[2:], expected, strict=True):
        assert tile.well_id in dataset.phenomap().wells_of(key)
        assert tile.well_id in SCREEN.planes
        name, place, value = tile.label.split("\n")
        assert name.replace(" µM", "").replace(" ", "@") == key
        assert place.split(",")[0] == str(tile.well_id).rpartition("_")[2]
        assert value == line


def test_a_neighbor_that_cannot_be_seen_is_left_out_and_counted(tmp_path: Path) -> None:
    made = screen()
    of_gene = {row["well_id"] for row in ROWS if row["gene"] == "GENE1"}
    made.planes = {well: planes for well, planes in made.planes.items() if well not in of_gene}
    made.write_rxrx3(tmp_path)
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    asked = Query(key="GENE0", kind="genes")
    strip = arrange("neighbors", dataset, "gene-001_1_S03", query=asked)
    lines = [line for _, line in seen(dataset, made.planes, asked)]
    assert [tile.label.split("\n")[2] for tile in strip.tiles[2:]] == lines
    last = int(lines[-1].split(":")[0])
    assert last > 6
    assert strip.note == f"{last - 6} of the first {last} neighbors have no image here."
    made.planes = {"gene-001_1_S03": made.planes["gene-001_1_S03"]}
    made.write_rxrx3(tmp_path / "bare")
    dataset = rx.open_dataset(tmp_path / "bare", tmp_path / "cache")
    with pytest.raises(NothingToCompare, match="No image of any neighbor of GENE0 is here"):
        arrange("neighbors", dataset, "gene-001_1_S03", query=asked)


def test_the_order_the_kind_and_the_level_are_those_of_the_query(dataset: Any) -> None:
    asked = Query(key="GENE0_guide_2", level="guide", order="opposite", kind="compounds")
    strip = arrange("neighbors", dataset, "gene-001_1_S06", query=asked)
    lines = [line for _, line in seen(dataset, SCREEN.planes, asked)]
    assert [tile.label.split("\n")[2] for tile in strip.tiles[2:]] == lines
    asked = Query(key="not a key of this level", level="guide")
    again = arrange("neighbors", dataset, "gene-001_1_S06", query=asked)
    assert again.title == "GENE0 guide 2 and its neighbors"


def test_what_is_like_everything_has_no_neighbors_and_that_is_said(dataset: Any) -> None:
    strip = arrange("neighbors", dataset, "gene-001_1_B20")
    assert "equally near to EMPTY_control" in strip.note
    assert "equally near" not in arrange("neighbors", dataset, "gene-001_1_B02").note


def test_neighbors_that_are_given_are_shown_as_they_are(without_vectors: Any) -> None:
    strip = arrange(
        "neighbors",
        without_vectors,
        "gene-001_1_S03",
        neighbors=[("MTOR", None), ("GENE1", "gene-001_2_T03")],
    )
    assert strip.tiles[2:] == (
        Tile(None, "MTOR\nneighbor, no image here", role="neighbor"),
        Tile("gene-001_2_T03", "GENE1\nT03, plate 2\nneighbor", role="neighbor"),
    )


# --- all of them -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "well"),
    [
        ("guides", "gene-001_1_B02"),
        ("doses", "compound-001_1_J02"),
        ("neighbors", "gene-001_1_B02"),
    ],
)
def test_what_takes_long_reports_and_can_be_stopped(dataset: Any, kind: str, well: str) -> None:
    told: list[str] = []

    def stop(done: int, total: int, text: str) -> None:
        told.append(text)
        raise Cancelled("stopped")

    # another average is another map, that is not there yet
    query = Query(average="median" if kind == "guides" else "mean", batch="plate", leave_out=True)
    with pytest.raises(Cancelled):
        arrange(kind, dataset, well, query=query, progress=stop)
    assert len(told) == 1
    assert told[0]


KNOWN = [row["well_id"] for row in ROWS]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(kind=st.sampled_from(STRIP_KINDS), well=st.sampled_from(KNOWN), turn=st.integers(0, 40))
def test_every_tile_is_what_its_label_says(dataset: Any, kind: str, well: str, turn: int) -> None:
    query = Query(align="none")
    try:
        strip = arrange(kind, dataset, well, query=query, wells=KNOWN[turn:], turn=turn)
    except NothingToCompare:
        assume(False)
    assert (strip.kind, len(strip.tiles) >= 1, bool(strip.title)) == (kind, True, True)
    shown = [tile.well_id for tile in strip.tiles if tile.well_id is not None]
    assert len(set(shown)) == len(shown)
    places = {(tile.row, tile.column) for tile in strip.tiles}
    assert len(places) == (len(strip.tiles) if strip.is_arranged else 1)
    for tile in strip.tiles:
        if tile.well_id is not None:
            assert (tile.role == "query") == (tile.well_id == well)
            _check_label(tile, dataset.row(tile.well_id), dataset.row(well))
    assert well in shown or (kind == "wells" and well not in KNOWN[turn:][:60])


def _check_label(tile: Tile, row: Any, own: Any) -> None:
    what, place = tile.label.split("\n")[:2]
    assert place.split(", ")[0] == row["address"]
    other_experiment = row["experiment_name"] != own["experiment_name"]
    assert (row["experiment_name"] in place) == other_experiment
    assert (f"plate {row['plate']}" in place) == (other_experiment or row["plate"] != own["plate"])
    if tile.role == "control":
        assert (what, row["treatment"]) == ("control", "EMPTY_control")
    elif "µM" in what:
        assert f"{row['concentration']:g} µM" in what
    elif isinstance(row["treatment"], str):
        assert what.split(" ")[0] == row["treatment"].split("_guide_")[0]


def test_the_pixels_of_a_tile_are_those_of_its_well(dataset: Any) -> None:
    strip = arrange("guides", dataset, "gene-001_1_B02")
    for tile in strip.tiles:
        if tile.well_id is not None:
            assert (dataset.read(tile.well_id) == SCREEN.planes[tile.well_id]).all()

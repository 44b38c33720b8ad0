"""The command line: answers on stdout, one sentence on stderr when there is none."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

import builders as b
import napari_rxrx3 as rx
import screens as s
from napari_rxrx3 import __version__
from napari_rxrx3.cli import main

DIRECTIONS = {"PLK1": (9, 1), "MTOR": (9, 2), "TUBB": (-9, 1), "COPG1": (4, 8)}
EXPERIMENT, COMPOUND = "gene-001", "compound-001"


def a_screen() -> b.Screen:
    """Guides and doses whose vectors lie in known directions from the controls'."""
    rows = [b.control_row(EXPERIMENT, 1, f"C{c:02d}") for c in range(3, 11)]
    rows += [b.control_row(COMPOUND, 1, f"C{c:02d}") for c in range(3, 11)]
    rows += [
        b.guide_row(EXPERIMENT, 1, f"{line}{guide + 4:02d}", gene, guide)
        for line, gene in zip("DEFG", DIRECTIONS, strict=True)
        for guide in (1, 2)
    ]
    rows += [b.dose_row(COMPOUND, 1, f"D0{i}", "Bortezomib", d) for i, d in ((2, 2.5), (3, 0.25))]
    screen = b.Screen.of(rows, 64)
    rng = np.random.default_rng(3)
    for row in rows:
        screen.planes[row["well_id"]] = b.smooth(row["well_id"], 64, "uint16", 9000)
        x, y = DIRECTIONS.get(row["gene"], (2, 8) if row["treatment"] == "Bortezomib" else (0, 0))
        vector = rng.normal(0, 0.2, 6) + [x, y, 0, 0, 0, 0] + 5
        screen.vectors[row["well_id"]] = vector.astype("float32")
    return screen


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(a_screen().write_rxrx3(tmp_path_factory.mktemp("data set")))


@pytest.fixture
def holes(tmp_path: Path) -> str:
    """Return a data set with one plane missing and one damaged."""
    screen = a_screen()
    screen.write_metadata(tmp_path / "metadata.csv")
    screen.write_folders(tmp_path)
    (tmp_path / "images" / EXPERIMENT / "Plate1" / "D05_s1_w3.png").unlink()
    damaged = tmp_path / "images" / COMPOUND / "Plate1" / "D02_s1_w6.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    return str(tmp_path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "napari_rxrx3", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def assert_one_sentence(text: str, *words: str) -> None:
    (line,) = text.splitlines()
    assert line.startswith("napari-rxrx3: ")
    assert line.endswith(".")
    for word in words:
        assert word in line


# --- check -----------------------------------------------------------------------------------


def test_check_lists_missing_and_damaged_planes(
    holes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", holes]) == 0
    out, err = capsys.readouterr()
    (missing,) = [line for line in out.splitlines() if line.strip().startswith("missing_plane ")]
    (damaged,) = [line for line in out.splitlines() if line.strip().startswith("unreadable_plane ")]
    assert missing.split()[1:5] == [EXPERIMENT, "1", "gene-001_1_D05", "3"]
    assert damaged.split()[1:5] == [COMPOUND, "1", "compound-001_1_D02", "6"]
    assert "26 wells on 2 plates, images of 26, no embeddings" in out
    assert err == ""


@pytest.mark.parametrize(
    ("options", "kinds"),
    [([], {"missing_plane", "unreadable_plane"}), (["--quick"], {"missing_plane"})],
)
def test_check_gives_json(
    holes: str, capsys: pytest.CaptureFixture[str], options: list[str], kinds: set[str]
) -> None:
    assert main(["check", holes, "--json", *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert "26 wells" in report["description"]
    assert {problem["kind"] for problem in report["problems"]} == kinds
    assert {problem["well_id"] for problem in report["problems"]} <= {
        "gene-001_1_D05",
        "compound-001_1_D02",
    }
    assert len(report["problems"]) == len(kinds)


def test_check_says_that_all_is_well(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", data]) == 0
    assert capsys.readouterr().out.endswith("No problems found.\n")


# --- nearest ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "first", "n"),
    [
        (["PLK1"], "MTOR", 6),
        (["PLK1", "--opposite"], "TUBB", 6),
        (["PLK1", "-k", "2"], "MTOR", 2),
        (["PLK1", "--metric", "euclidean", "--align", "none"], "MTOR", 6),
        (["PLK1", "--align", "centerscale"], "MTOR", 6),
        (["TUBB_guide_1", "--level", "guide"], "TUBB_guide_2", 10),
        (["Bortezomib@2.5"], "Bortezomib@0.25", 6),
        (["Bortezomib", "--level", "compound", "-k", "1", "--opposite"], "TUBB", 1),
        (["gene-001_1_F05", "--level", "well", "-k", "3"], "gene-001_1_F06", 3),
    ],
)
def test_nearest_lists_the_most_alike(
    data: str, capsys: pytest.CaptureFixture[str], arguments: list[str], first: str, n: int
) -> None:
    assert main(["nearest", data, *arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["rank"] for row in rows] == list(range(1, n + 1))
    assert rows[0]["key"] == first
    assert arguments[0] not in {row["key"] for row in rows}
    assert main(["nearest", data, *arguments]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    value = "distance" if "euclidean" in arguments else "similarity"
    judged = ["percentile", "n_percentile", "p_value", "q_value", "n_searched"]
    judged += ["compared_with", "n_compared", "p_same_plate", "n_same_plate"]
    judged += ["across", "across_rank", "n_across", "flags"]
    assert head.split() == ["rank", "key", value, "n_wells", *judged] == list(rows[0])
    assert [line.split()[1] for line in lines] == [row["key"] for row in rows]
    for line, row in zip(lines, rows, strict=True):
        assert float(line.split()[2]) == pytest.approx(row[value], abs=1e-4)


@pytest.mark.parametrize("typed", ["\u00dcx@1", "U\u0308x@1"])
def test_nearest_finds_letters_with_accents_however_they_are_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    """A letter and its accent are one or two, which depends on the system."""
    rows = [b.dose_row("compound-001", 1, f"B{c:02d}", n, 1) for c, n in ((2, "\u00dcx"), (3, "Y"))]
    screen = b.Screen.of(
        [*rows, *(b.control_row("compound-001", 1, f"C0{c}") for c in range(1, 9))]
    )
    screen.write_rxrx3(tmp_path / "data")
    assert main(["nearest", str(tmp_path / "data"), typed, "--align", "none"]) == 0
    assert "Y@1" in capsys.readouterr().out


def test_nearest_lists_the_most_alike_across_experiments(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["nearest", data, "PLK1", "--across", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    expected = rx.open_dataset(data).phenomap().nearest("PLK1", across=True)
    assert [row["key"] for row in rows] == expected["key"].tolist() != []
    assert [row["similarity"] for row in rows] == [row["across"] for row in rows]


@pytest.mark.parametrize("align", ["pca-centerscale", "tvn-centered"])
def test_batches_says_what_they_explain(
    data: str, capsys: pytest.CaptureFixture[str], align: str
) -> None:
    assert main(["batches", data, "--align", align, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    sources = ["experiment", "plate", "row", "column", "edge", "position"]
    assert [row["source"] for row in rows] == sources
    assert 0 <= rows[0]["after"] <= 1
    assert rows[1]["after"] is None  # an experiment has one plate
    assert main(["batches", data, "--align", align, "--csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert table["source"].tolist() == sources
    assert table["before"][0] == pytest.approx(rows[0]["before"])
    assert main(["batches", data, "--align", align]) == 0
    out = capsys.readouterr().out
    assert "Experiments explain " in out
    assert f"16 controls' variance after {align}" in out


def test_the_position_is_subtracted_on_request(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for options in ([], ["--position"]):
        assert main(["nearest", data, "PLK1", "--json", *options]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] != found[1]


def test_nearest_says_when_it_could_not_align(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b.Screen.of([b.guide_row(EXPERIMENT, 1, "B02", g) for g in ("PLK1",)]).write_rxrx3(tmp_path)
    assert main(["nearest", str(tmp_path), "PLK1"]) == 0
    out, err = capsys.readouterr()
    assert out == "The map holds nothing else.\n"
    assert_one_sentence(err, "Not aligned", EXPERIMENT)


# --- nearest, by another map -----------------------------------------------------------------

ALIKE = {"PLK1": (9, 1), "MTOR": (9, 2), "HCK": (9, 3), "TUBB": (-9, 1), "COPG1": (5, 8)}
OWN = {"PLK1": (9, 1), "MTOR": (-9, 2), "HCK": (-9, 3), "TUBB": (9, 0), "COPG1": (1, 8)}
DOSES = {"Bortezomib": (2, 8), "Volasertib": (8, 2)}


def vector_of(row: b.Row, directions: dict[str, tuple[int, int]]) -> np.ndarray:
    name = row["gene"] or row["treatment"]
    noise = np.random.default_rng([ord(c) for c in row["well_id"]]).normal(0, 0.3, 6)
    return np.array([*(directions | DOSES).get(name, (0, 0)), 0, 0, 0, 0]) + noise + 5


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two gene plates, one of them shifted, and compounds without EMPTY_control.

    Without regard to plates MTOR looks unlike PLK1, and HCK does because of its one odd well.
    """
    rows = [b.control_row(EXPERIMENT, n, f"C{c:02d}") for n in (1, 2) for c in range(3, 11)]
    rows += [
        b.guide_row(EXPERIMENT, 2 if gene == "MTOR" else 1, f"{line}{c:02d}", gene)
        for line, gene in zip("DEFGH", ALIKE, strict=True)
        for c in range(3, 8)
    ]
    rows += [b.control_row(COMPOUND, 1, f"C{c:02d}", "CRISPR_control") for c in range(3, 11)]
    rows += [b.dose_row(COMPOUND, 1, f"D{c:02d}", "Bortezomib", 2.5) for c in range(3, 6)]
    rows += [b.dose_row(COMPOUND, 1, f"E{c:02d}", "Volasertib", 2.5) for c in range(3, 6)]
    screen = b.Screen(rows, {}, {row["well_id"]: vector_of(row, ALIKE) for row in rows})
    for well, vector in screen.vectors.items():
        vector[0] -= 20 * well.startswith("gene-001_2")
        vector[3] -= 400 * (well == "gene-001_1_F03")
    folder = tmp_path_factory.mktemp("plates")
    screen.write_metadata(folder / "data" / "metadata.csv")
    screen.write_embeddings(folder / "data" / "vectors.parquet")
    own = pd.DataFrame({row["well_id"]: vector_of(row, OWN) for row in rows}).T
    own.add_prefix("v").to_csv(folder / "own.csv", index_label="well_id")
    return folder


def listed(
    plates: Path, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[list[str], str]:
    """Return the keys that are listed, and what is said beside."""
    options = [argument.replace("FOLDER", str(plates)) for argument in arguments]
    assert main(["nearest", str(plates / "data"), *options, "--json"]) == 0
    out, err = capsys.readouterr()
    return [row["key"] for row in json.loads(out)], err


def test_batches_without_controls_are_left_out_when_asked(
    plates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = "No EMPTY_control well with a vector to align by in compound-001"
    keys, err = listed(plates, capsys, "PLK1")
    assert "Volasertib@2.5" in keys
    assert_one_sentence(err, f"Not aligned: {lacking}.")
    keys, err = listed(plates, capsys, "PLK1", "--leave-out")
    assert set(keys) == {"MTOR", "HCK", "TUBB", "COPG1", "EMPTY_control"}
    assert_one_sentence(err, f"{lacking}: 14 wells are left out.")


def test_the_control_can_be_chosen(plates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("Volasertib@2.5", "--control", "CRISPR_control")
    keys, err = listed(plates, capsys, *options, "--leave-out")
    assert keys == ["Bortezomib@2.5"]
    assert "in gene-001: 41 wells are left out." in err
    _, err = listed(plates, capsys, *options)
    assert_one_sentence(err, "No CRISPR_control well", "gene-001")
    _, err = listed(plates, capsys, "Volasertib@2.5", "--control", "SRC")
    assert_one_sentence(err, "No SRC well", "gene-001", "compound-001")


def test_plates_can_be_aligned_and_odd_wells_outvoted(
    plates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ("PLK1", "--leave-out", "--align", "centerscale")
    by_experiment, _ = listed(plates, capsys, *known)
    by_plate, _ = listed(plates, capsys, *known, "--batch", "plate")
    by_median, _ = listed(plates, capsys, *known, "--batch", "plate", "--average", "median")
    assert by_experiment[0] != "MTOR"
    assert by_plate[0] == "MTOR"
    assert "HCK" not in by_plate[:2]
    assert by_median[:2] == ["MTOR", "HCK"]


def test_a_kind_can_be_searched(plates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compounds, _ = listed(plates, capsys, "PLK1", "--kind", "COMPOUND")
    assert compounds == ["Volasertib@2.5", "Bortezomib@2.5"]
    genes, _ = listed(plates, capsys, "PLK1", "--kind", "CRISPR")
    assert set(genes) == {"MTOR", "HCK", "TUBB", "COPG1", "EMPTY_control"}


# --- scores --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def active(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A screen of twelve genes, two of which do something."""
    effects = {gene: 8 * s.Wells(5).direction(gene) for gene in ("GENE002", "GENE007")}
    screen = s.gene_screen(12, 3, plates=3, controls=10, effects=effects, seed=5)
    return str(screen.write(tmp_path_factory.mktemp("active")))


def test_scores_tell_what_is_active(active: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scores", active, "-k", "3"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "2 of 12 active at 5 %; 3 of 13 entries are listed."
    first = [line.split()[0] for line in out.splitlines()[1:3]]
    assert sorted(first) == ["GENE002", "GENE007"]


def test_scores_are_given_whole_as_csv_and_as_json(
    active: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scores", active, "--csv"]) == 0
    said = capsys.readouterr()
    table = pd.read_csv(io.StringIO(said.out), index_col="key")
    assert "2 of 12 active at 5 %" in said.err
    expected = rx.open_dataset(active).phenomap().scores
    assert sorted(table.index) == sorted(expected.index)
    for name in ("activity", "activity_p", "activity_q", "strength", "consistency"):
        np.testing.assert_allclose(table[name].reindex(expected.index), expected[name])
    assert main(["scores", active, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["n_active"], report["n_tested"], report["n_entries"]) == (2, 12, 13)
    by_key = {row["key"]: row for row in report["scores"]}
    assert by_key["GENE002"]["is_active"] is True
    assert by_key["EMPTY_control"]["activity"] is None


# --- doses ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dosed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A screen of four compounds, one of which acts from its third dose on."""
    screen = s.Wells(0)
    for plate in range(1, 4):
        screen.control("compound-001", plate, 20)
        for name in ("Acts", "Silent", "Still", "Calm"):
            for step, dose in enumerate((0.01, 0.1, 1, 10)):
                effect = max(0, step - 1) * 5.0 if name == "Acts" else 0.0
                where = effect * screen.direction(name)
                screen.dose("compound-001", plate, name, dose, where)
    return str(screen.write(tmp_path_factory.mktemp("doses")))


def test_doses_are_told_in_a_line_a_compound(
    dosed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doses", dosed, "-k", "2"]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("Acts: dose response: acts from 1 µM, EC50 ")
    assert ", q 0.0" in first
    assert ": no trend with dose (q " in second
    assert last == "1 of 4 compounds with a trend at 5 %; 2 of 4 compounds are listed."


def test_doses_are_given_whole_as_csv_and_as_json(
    dosed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doses", dosed, "--csv"]) == 0
    said = capsys.readouterr()
    assert "1 of 4 compounds with a trend" in said.err
    table = pd.read_csv(io.StringIO(said.out), index_col="compound")
    expected = rx.open_dataset(dosed).phenomap().dose_response
    assert table.index[0] == "Acts"
    for name in ("trend", "trend_p", "trend_q", "ec50", "lowest_active_dose"):
        np.testing.assert_allclose(table[name].reindex(expected.index), expected[name])
    assert main(["doses", dosed, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["n_compounds"], report["n_tested"], report["n_with_trend"]) == (4, 4, 1)
    assert report["doses"][0]["has_trend"] is True
    assert report["doses"][1]["ec50"] is None
    assert main(["scores", dosed, "--csv"]) == 0
    scores = pd.read_csv(io.StringIO(capsys.readouterr().out), index_col="key")
    of = [key.partition("@")[0] for key in scores.index]
    lowest = scores["lowest_active_dose"].groupby(of)
    assert (
        lowest.max()["Acts"] == lowest.min()["Acts"] == expected.loc["Acts", "lowest_active_dose"]
    )
    assert np.isnan(lowest.max()["Silent"])


def test_vectors_can_be_a_file(plates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("PLK1", "--leave-out", "--embedding")
    own, err = listed(plates, capsys, *options, "FOLDER/own.csv")
    assert own[0] == "TUBB"
    assert "own: vectors of 55 wells" in err
    given, _ = listed(plates, capsys, *options, "vectors")
    assert given[0] != "TUBB"


@pytest.mark.parametrize(
    ("embedding", "words"),
    [
        ("nothing", ["There is no embedding 'nothing'; there is vectors."]),
        ("FOLDER/nothing.csv", ["There is no embedding", "nothing.csv"]),
        ("FOLDER/data/metadata.csv", ["metadata.csv", "no column of numbers"]),
    ],
)
def test_vectors_that_are_not_there_are_an_error(
    plates: Path, capsys: pytest.CaptureFixture[str], embedding: str, words: list[str]
) -> None:
    path = embedding.replace("FOLDER", str(plates))
    assert main(["nearest", str(plates / "data"), "PLK1", "--embedding", path]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert_one_sentence(err, *words)


# --- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nearest", "DATA", "plk"], ["'plk'", "Closest: PLK1"]),
        (["nearest", "DATA", "PLK1_guide_1"], ["'PLK1_guide_1'", "PLK1"]),
        (["nearest", "DATA/images", "PLK1"], ["no embeddings"]),
        (["nearest", "DATA/nowhere", "PLK1"], ["nowhere does not exist"]),
        (["check", "DATA/nowhere"], ["nowhere does not exist"]),
        (["thumbnails", "DATA/nowhere"], ["nowhere does not exist"]),
        (["thumbnails", "DATA", "--plates", "gene-001/9"], ["gene-001/9", "gene-001/1"]),
        (["thumbnails", "DATA/metadata.csv", "--plates", "x"], ["'x'", "gene-001/1"]),
        (["check", "DATA/empty"], ["Nothing of RxRx3", "metadata"]),
        (["check", "nosuch://place"], ["nosuch"]),
        (["open", "DATA/nowhere"], ["nowhere does not exist"]),
        (["open", "DATA", "--well", "gene-001_1_B47"], ["No well 'gene-001_1_B47'"]),
        (["open", "DATA", "--size", "large"], ["1280x800", "'large'"]),
    ],
)
def test_an_error_is_one_sentence(
    data: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: list[str],
) -> None:
    Path(data, "empty").mkdir(exist_ok=True)
    monkeypatch.setenv("DISPLAY", ":no-window-is-opened")
    assert main([argument.replace("DATA", data) for argument in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert_one_sentence(err, *words)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["nearest", "path"],
        ["nearest", "path", "PLK1", "-k", "0"],
        ["nearest", "path", "PLK1", "-k", "many"],
        ["nearest", "path", "PLK1", "--level", "organ"],
    ],
)
def test_wrong_usage_is_explained(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: napari-rxrx3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", ["demo", "open", "check", "nearest"]),
        ("demo", ["--well", "--neighbors", "--screenshot"]),
        ("open", ["PATH", "--well", "--neighbors", "--screenshot"]),
        ("check", ["PATH", "--json"]),
        ("thumbnails", ["PATH", "--plates", "gene-001/1"]),
        ("cache", ["--clear", "--json"]),
        ("nearest", ["PATH", "KEY", "-k", "--level", "--align", "--opposite", "--json"]),
    ],
)
def test_every_command_has_help(
    capsys: pytest.CaptureFixture[str], command: str, words: list[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([*command.split(), "--help"])
    assert exit_.value.code == 0
    out = capsys.readouterr().out
    assert all(word in out for word in words)


def test_thumbnails_of_plates_are_made_once(
    holes: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    n_genes, n_compounds = 6 * (8 + 8), 6 * (8 + 2)
    assert main(["thumbnails", holes, "--plates", "gene-001/1"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        f"1 plate: {n_genes - 1} thumbnails made, 0 were there, 1 images missing, 0 damaged.\n"
    )
    assert err == ""
    assert main(["thumbnails", holes]) == 0
    out, err = capsys.readouterr()
    assert out == (
        f"2 plates: {n_compounds - 1} thumbnails made, {n_genes - 1} were there, "
        "1 images missing, 1 damaged.\n"
    )
    assert_one_sentence(err, "D02_s1_w6.png", "channel 6")


def test_the_module_runs_as_a_program(data: str) -> None:
    good = run("nearest", data, "PLK1", "--json")
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)[0]["key"] == "MTOR"
    bad = run("nearest", data, "plk1")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert_one_sentence(bad.stderr, "Closest: PLK1")
    assert run("--version").stdout == f"napari-rxrx3 {__version__}\n"


# --- windows ---------------------------------------------------------------------------------

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="others always have a display")


@on_linux
@pytest.mark.parametrize("command", [["open", "DATA"], ["demo", "--folder", "DATA/demo"]])
def test_without_a_display_it_says_what_to_do(
    data: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main([argument.replace("DATA", data) for argument in command]) == 1
    assert_one_sentence(capsys.readouterr().err, "no display", "xvfb-run")
    assert not Path(data, "demo").exists()


Runs = dict[str, tuple[str, str, int, Path]]
WINDOWS = {
    "well": ["--well", "gene-001_1_F05"],
    "neighbors": ["--neighbors", "PLK1", "--size", "1000x700"],
    "unknown": ["--neighbors", "plk1"],
}


@pytest.fixture(scope="module")
def windows(data: str, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Open all windows at once; stdout, stderr, exit code and folder of pictures of each."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        pytest.skip("windows need a display: run the tests under xvfb-run")
    folder = tmp_path_factory.mktemp("pictures")
    program = [sys.executable, "-m", "napari_rxrx3", "open", data]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = {
        name: subprocess.Popen(
            [*program, *options, "--screenshot", str(folder / f"{name}.png")], **pipes
        )
        for name, options in WINDOWS.items()
    }
    return {
        name: (*process.communicate(timeout=120), process.returncode, folder)
        for name, process in started.items()
    }


@pytest.mark.soak
@pytest.mark.qt
@pytest.mark.parametrize(("name", "size"), [("well", (800, 1280)), ("neighbors", (700, 1000))])
def test_a_screenshot_shows_the_window(windows: Runs, name: str, size: tuple[int, int]) -> None:
    out, err, code, folder = windows[name]
    path = folder / f"{name}.png"
    assert (code, "Traceback" in err) == (0, False)
    assert out.splitlines()[-1] == f"Saved {path}."
    picture = iio.imread(path)
    assert picture.shape == (*size, 3)
    middle = picture[size[0] // 4 : -size[0] // 4, size[1] * 2 // 5 : size[1] * 3 // 5]
    assert len(np.unique(middle.reshape(-1, 3), axis=0)) > 500
    assert middle.max(axis=-1).mean() > 40


@pytest.mark.soak
@pytest.mark.qt
def test_an_unknown_perturbation_closes_the_window_with_a_sentence(
    windows: Runs,
) -> None:
    _, err, code, folder = windows["unknown"]
    assert code == 1
    assert "Traceback" not in err
    assert_one_sentence(err.splitlines()[-1], "'plk1'", "Closest: PLK1")
    assert not (folder / "unknown.png").exists()

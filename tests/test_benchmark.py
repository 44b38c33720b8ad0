"""The benchmarks of the field: counted as if all pairs were listed, and read from any table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import Cancelled, MapError, MetadataError
from napari_rxrx3.maps.benchmark import compound_genes
from napari_rxrx3.maps.benchmark import recall as recall_module
from napari_rxrx3.maps.benchmark.compound_genes import compound_gene_precision
from napari_rxrx3.maps.benchmark.known import read_interactions, read_pairs
from napari_rxrx3.maps.benchmark.recall import benchmark_rows, pair_recall, pair_recalls

DIM = 6
GENES = (*(f"GENE{i}" for i in range(34)), "NA", "nan")
COMPOUNDS = ("Bortezomib", "bortezomib", "atenolol-(+/-)", "Norfloxacin", "DMSO-like")
ODD_DOSE = 0.26
THRESHOLDS = ((0.05, 0.95), (0.1, 0.9))


def screen_rows() -> list[b.Row]:
    """One plate of guides, two a gene, and one of doses, of which one is none of RxRx3's eight."""
    places = [f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48)]
    place = iter(places)
    rows = [b.guide_row("gene-001", 1, next(place), gene, i) for gene in GENES for i in (1, 2)]
    rows += [b.control_row("gene-001", 1, next(place)) for _ in range(12)]
    place = iter(places)
    for name in COMPOUNDS:
        doses = (ODD_DOSE,) if name == "Norfloxacin" else (0.25, 2.5, 10.0)
        rows += [b.dose_row("compound-001", 1, next(place), name, dose) for dose in doses]
    for control in ("EMPTY_control", "CRISPR_control"):
        rows += [b.control_row("compound-001", 1, next(place), control) for _ in range(12)]
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen") / "data set"
    screen = b.Screen.of(screen_rows(), 1, dim=DIM)
    screen.write_metadata(folder / "metadata.csv")
    screen.write_embeddings(folder / "some_vectors.parquet")
    return folder


@pytest.fixture(scope="module")
def phenomap(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rx.open_dataset(data, cache_dir=tmp_path_factory.mktemp("cache")).phenomap()


def table_of(pairs: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["entity1", "entity2"])


def cosines(m: Any) -> pd.DataFrame:
    """Cosines of all entries that count, by key; the controls point nowhere."""
    x = m.vectors[benchmark_rows(m.labels)].astype("float64")
    keys = m.labels.index[benchmark_rows(m.labels)]
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    unit[keys == "EMPTY_control"] = 0
    return pd.DataFrame(unit @ unit.T, keys, keys)


# --- recall of known pairs ---------------------------------------------------------------------


def test_recall_counts_ties_as_the_reference_does() -> None:
    null, query = np.arange(1.0, 6.0), np.array([1.0, 5.0])
    below, at_most = recall_module._below_and_at_most(null, query) / 5
    found = recall_module._recalls(below, at_most, [(0.2, 0.8), (0.9, 0.1)])
    assert found == {(0.2, 0.8): 1.0, (0.1, 0.9): 0.0}


DIGITS = st.integers(-1, 1)


@given(
    directions=arrays(
        "int8", st.tuples(st.integers(2, 30), st.just(4)), elements=st.integers(0, 2)
    ),
    data=st.data(),
    strip_size=st.sampled_from([1, 7, 40, 100, 4_000_000]),
)
def test_counting_in_strips_is_counting_all_pairs(
    directions: np.ndarray, data: st.DataObject, strip_size: int
) -> None:
    """Whole numbers have exact products: every tie is one."""
    units = directions.astype("float64")
    everything = list(combinations(range(len(units)), 2))
    chosen = data.draw(st.lists(st.sampled_from(everything), min_size=1, max_size=20))
    null = np.array([units[i] @ units[j] for i, j in everything])
    known = np.array([units[i] @ units[j] for i, j in chosen])
    below, at_most = recall_module._count(units, np.array(chosen), None, strip_size)
    assert below.tolist() == [(null < value).sum() for value in known]
    assert at_most.tolist() == [(null <= value).sum() for value in known]


@settings(deadline=None)  # a busy machine takes its time
@given(seed=st.integers(0, 1000), n=st.integers(2, 60), strip_size=st.sampled_from([1, 50, 999]))
def test_a_pair_is_counted_at_most_once_and_ties_with_itself(
    seed: int, n: int, strip_size: int
) -> None:
    units = np.random.default_rng(seed).normal(size=(n, 5))
    pairs = np.array(list(combinations(range(n), 2)))
    below, at_most = recall_module._count(units, pairs, None, strip_size)
    assert sorted(below) == list(range(len(pairs)))
    assert (at_most == below + 1).all()


PAIRS = [
    ("GENE0", "GENE1"),
    ("GENE1", "GENE0"),
    ("GENE3", "GENE3"),
    ("GENE2", "NA"),
    ("GENE7", "Bortezomib@2.5"),
    ("bortezomib@10", "Bortezomib@10"),
    ("GENE5", "gene6"),
    ("GENE5", f"Norfloxacin@{ODD_DOSE}"),
    ("EMPTY_control", "nan"),
]
IN_MAP = [PAIRS[i] for i in (0, 3, 4, 5, 8)]


def test_recall_is_that_of_the_whole_list_of_pairs(phenomap: Any) -> None:
    result = pair_recall(phenomap, table_of(PAIRS), [(0.05, 0.95), (0.3, 0.6), (0.5, 0.5)])
    matrix = cosines(phenomap)
    n = len(GENES) + 1 + 3 * 4
    assert len(matrix) == n
    assert (result.n_entries, result.n_null) == (n, n * (n - 1) // 2)
    assert (result.n_known, result.n_pairs, result.n_absent) == (7, 5, 2)
    null = np.sort(matrix.to_numpy()[np.triu_indices(n, 1)])
    query = np.array([matrix.loc[pair] for pair in IN_MAP])
    for (low, high), recall in result.recalls.items():
        right = np.searchsorted(null, query + 1e-12, "right") / len(null)
        left = np.searchsorted(null, query - 1e-12, "left") / len(null)
        assert recall == np.mean((right <= low) | (left >= high))
    assert 0 < result.recalls[0.3, 0.6] < 1


def test_several_tables_in_one_pass_give_what_each_gives(phenomap: Any) -> None:
    tables = {"a": table_of(IN_MAP[:2]), "b": table_of(PAIRS), "c": table_of(IN_MAP[3:])}
    together = pair_recalls(phenomap, tables)
    assert list(together) == ["a", "b", "c"]
    for title, table in tables.items():
        assert together[title] == pair_recall(phenomap, table)


def test_only_the_eight_doses_count(phenomap: Any) -> None:
    counts = pd.Series(benchmark_rows(phenomap.labels), phenomap.labels.index)
    assert counts.index[~counts].tolist() == [f"Norfloxacin@{ODD_DOSE}"]


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("plk1", "GENE0"), ("x", "y")], ["None of the 2 pairs of known.csv", "GENE0 and plk1"]),
        ([("GENE0", "GENE0")], ["known.csv", "no pair of two different names"]),
    ],
)
def test_pairs_that_are_not_in_the_map_are_said(
    phenomap: Any, pairs: list[tuple[str, str]], words: list[str]
) -> None:
    with pytest.raises(MapError) as error:
        pair_recalls(phenomap, {"known.csv": table_of(pairs)})
    assert all(word in str(error.value) for word in words)


def test_a_gene_keeps_its_name_beside_a_compound_of_the_same_name(tmp_path: Path) -> None:
    rows = [b.guide_row("gene-001", 1, f"B0{i}", g) for i, g in enumerate(("X", "Y", "Z"), 2)]
    rows += [b.dose_row("compound-001", 1, "B02", "X", 2.5)]
    screen = b.Screen.of(rows, 1)
    screen.write_metadata(tmp_path / "data/metadata.csv")
    screen.write_embeddings(tmp_path / "data/vectors.parquet")
    ds = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
    result = pair_recall(ds.phenomap("compound", "none"), table_of([("X", "Y"), ("Z", "X")]))
    assert (result.n_entries, result.n_pairs) == (4, 2)


def test_wells_are_no_perturbations(data: Path, tmp_path: Path) -> None:
    m = rx.open_dataset(data, cache_dir=tmp_path).phenomap("well", "none")
    with pytest.raises(MapError, match="not one of single wells"):
        pair_recall(m, table_of([("gene-001_1_B02", "gene-001_1_B03")]))


def test_the_work_tells_how_far_it_is_and_can_be_stopped(phenomap: Any) -> None:
    calls: list[tuple[int, int, str]] = []

    def stop(done: int, total: int, text: str) -> None:
        calls.append((done, total, text))
        if done == 1:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        pair_recall(phenomap, table_of(IN_MAP), progress=stop)
    table = pd.concat([known_genes(), known_genes().assign(treatment="bortezomib")])
    with pytest.raises(Cancelled):
        compound_gene_precision(phenomap, table, progress=stop)
    assert [done for done, _, _ in calls] == [0, 1, 0, 1]
    assert all(done < total and text for done, total, text in calls)


# --- compounds and their genes -----------------------------------------------------------------


def known_genes() -> pd.DataFrame:
    """Bortezomib acts on two of 24 genes, two are in between: 20 are left to draw, all of them."""
    nanomolar = [3.0, 1000.0, 1000.5, 10_000.0, *np.linspace(10_001, 1e6, 20)]
    table = pd.DataFrame({"treatment": "Bortezomib", "gene_symbol": GENES[:24]})
    return table.assign(nM_value=nanomolar)


def expected(m: Any, compound: str, active: list[str], others: list[str]) -> pd.DataFrame:
    doses = [key for key in m.labels.index if key.startswith(f"{compound}@")]
    doses = sorted(doses, key=lambda key: float(key.split("@")[1]))
    scores = cosines(m).loc[doses, [*active, *others]].abs()
    scores.loc["@max"] = scores.max()
    truth = [1] * len(active) + [0] * len(others)
    return pd.DataFrame(
        {
            "average_precision": [average_precision_score(truth, s) for s in scores.to_numpy()],
            "auc_roc": [roc_auc_score(truth, s) for s in scores.to_numpy()],
        },
        index=[key.split("@")[1] for key in scores.index],
    )


def assert_same(found: pd.DataFrame, truth: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found[truth.columns], truth, check_names=False, rtol=1e-9)


def test_genes_in_between_are_left_out(phenomap: Any) -> None:
    result = compound_gene_precision(phenomap, known_genes())
    truth = expected(phenomap, "Bortezomib", list(GENES[:2]), list(GENES[4:24]))
    assert_same(result.doses, truth)
    assert result.doses.index.tolist() == ["0.25", "2.5", "10", "max"]
    assert set(result.doses["n_compounds"]) == {result.n_compounds} == {1}
    assert (result.n_genes, result.n_genes_absent, result.n_draws) == (24, 0, 20)


def test_genes_that_are_called_inactive_are_used_as_they_are(phenomap: Any) -> None:
    rows = [("Bortezomib", gene, gene in GENES[:3]) for gene in GENES[:8]]
    rows += [("bortezomib", gene, gene == "NA") for gene in GENES[18:]]
    rows += [("bortezomib", "NOT-IN-MAP", True)]
    table = pd.DataFrame(rows, columns=["treatment", "gene_symbol", "active"])
    result = compound_gene_precision(phenomap, table.sample(frac=1, random_state=1))
    parts = [
        expected(phenomap, "Bortezomib", list(GENES[:3]), list(GENES[3:8])),
        expected(phenomap, "bortezomib", ["NA"], [g for g in GENES[18:] if g != "NA"]),
    ]
    assert_same(result.doses, (parts[0] + parts[1]) / 2)
    assert (result.n_compounds, result.n_draws, result.n_genes_absent) == (2, 0, 1)


def test_compounds_that_cannot_be_scored_are_counted(phenomap: Any) -> None:
    rows = [
        ("Bortezomib", GENES[0], 1.0),
        ("bortezomib", GENES[1], 20_000.0),
        ("Norfloxacin", GENES[2], 1.0),
        ("unheard of", GENES[3], 1.0),
        ("DMSO-like", "NOT-IN-MAP", 1.0),
        *(("atenolol-(+/-)", gene, 1.0) for gene in GENES[:14]),
        *(("atenolol-(+/-)", gene, 1e9) for gene in GENES),
    ]
    table = pd.DataFrame(rows, columns=["treatment", "gene_symbol", "nM_value"])
    result = compound_gene_precision(phenomap, table)
    counts = (result.n_compounds, result.n_absent, result.n_without_active, result.n_too_few)
    assert counts == (1, 2, 2, 1)


def test_draws_hang_on_the_seed_alone(phenomap: Any) -> None:
    table = pd.concat([known_genes().iloc[:2], known_genes().assign(treatment="bortezomib")])
    table = pd.concat([table, pd.DataFrame({"treatment": ["x"], "gene_symbol": ["NA"]})])
    one = compound_gene_precision(phenomap, table, seed=1)
    again = compound_gene_precision(phenomap, table.sample(frac=1, random_state=2), seed=1)
    other = compound_gene_precision(phenomap, table, seed=2)
    pd.testing.assert_frame_equal(one.doses, again.doses)
    assert not one.doses.equals(other.doses)
    assert (one.doses["average_precision"] - other.doses["average_precision"]).abs().max() < 0.05


def test_targets_without_inactive_genes_get_drawn_ones(phenomap: Any) -> None:
    table = known_genes().assign(active=True)
    table.loc[2:, "treatment"] = "not in the map"
    result = compound_gene_precision(phenomap, table)
    assert (result.n_draws, result.n_compounds, result.n_absent) == (20, 1, 1)


def test_no_compound_at_all_is_an_error(phenomap: Any, data: Path, tmp_path: Path) -> None:
    with pytest.raises(MapError, match="1 are not in this map, 0 have no active gene"):
        compound_gene_precision(phenomap, known_genes().assign(treatment="X"))
    m = rx.open_dataset(data, cache_dir=tmp_path).phenomap("guide", "none")
    with pytest.raises(MapError, match='level "perturbation"'):
        compound_gene_precision(m, known_genes())


scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=12)


@given(active=scores, inactive=scores)
def test_precision_and_area_are_those_of_scikit_learn(
    active: list[float], inactive: list[float]
) -> None:
    truth = [1] * len(active) + [0] * len(inactive)
    found = compound_genes._precision_and_auc(np.array([active]), np.array([[inactive]]))
    wanted = [
        metric(truth, active + inactive) for metric in (average_precision_score, roc_auc_score)
    ]
    np.testing.assert_allclose(np.ravel(found), wanted)


@pytest.mark.each(2)
@pytest.mark.parametrize(("n_active", "n_inactive"), [(1, 20), (15, 30), (3, 1), (2, 0)])
def test_the_baseline_is_the_mean_of_random_scores(n_active: int, n_inactive: int) -> None:
    rng = np.random.default_rng(5)
    truth = [1] * n_active + [0] * n_inactive
    drawn = [average_precision_score(truth, rng.random(len(truth))) for _ in range(600)]
    error = np.std(drawn) / np.sqrt(len(drawn)) + 1e-9
    assert abs(compound_genes._by_chance(n_active, n_inactive) - np.mean(drawn)) < 4 * error


# --- tables of what is known -------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "entity1,entity2\nA,B\nB,A\nC,C\nNA,nan\nA,B\n",
        "\ufeffentity1;note;entity2\r\nA;x,y;B\r\nnan; x ;NA \r\n\r\n",
        "Entity2\tENTITY1\tscore\nB\tA\nNA\tnan\t7\t8\n\t\t\nA\t\n",
        "\tentity1\tentity2\n0\tA\tB\n1\tnan\tNA\n",
        "\r\rentity1,entity2\rA,B\rNA,nan\r",
        '"entity1" , "entity2","why"\n"A", "B","one, two"\n nan,NA,\n,B,\n',
    ],
)
def test_pairs_are_read_from_any_table(tmp_path: Path, content: str) -> None:
    table = read_pairs(b.write(tmp_path / "pairs.csv", content.encode()))
    assert list(table.columns) == ["entity1", "entity2"]
    assert table.to_numpy().tolist() == [["A", "B"], ["NA", "nan"]]


@pytest.mark.parametrize(
    ("content", "active"),
    [
        (
            "compound,gene,active\nX,A,1\nX,B,0\nX,C,True\nX,D,\n,E,1\nX,F, false \nX,G,1.0\n",
            "10101",
        ),
        ("gene_symbol;ACTIVE;treatment;nM_value\nA;1;X;99\nB;0;X;1\n", "10"),
    ],
)
def test_activities_are_read(tmp_path: Path, content: str, active: str) -> None:
    table = read_interactions(b.write(tmp_path / "known.csv", content.encode()))
    assert list(table.columns) == ["treatment", "gene_symbol", "active"]
    assert set(table["treatment"]) == {"X"}
    assert table["active"].dtype == bool
    assert table["active"].tolist() == [digit == "1" for digit in active]


def test_concentrations_are_read(tmp_path: Path) -> None:
    content = 'gene_symbol,nM_value,database,treatment\nBCL2,4.4,"a, b",ABT-199\nNA,1e5,,x\nY,,,x\n'
    table = read_interactions(b.write(tmp_path / "known.csv", content.encode()))
    assert table.to_dict(orient="list") == {
        "treatment": ["ABT-199", "x"],
        "gene_symbol": ["BCL2", "NA"],
        "nM_value": [4.4, 1e5],
    }


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "cannot be read (it is not there)"),
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        (b"entity1,entity2\n", "no rows"),
        (b"entity1,entity2\n , \n,\n", "no rows"),
        (b"\xef\xbb\xbf,\n", "is empty"),
        (b"entity1,name\nA,B\n", "has no column entity2; its first line is 'entity1, name'"),
        (b'entity1,entity2\nA,"' + b"B" * 200_000, "cannot be read (line 2: a cell is longer than"),
        (b'entity1,entity2\nA,B\nA,"C\n', "cannot be read (line 3: a quote is opened that nothing"),
        (b"PAR1\x00\x15\x04", "cannot be read ("),
        (b"entity\x001,entity2\nA,B\n", "neither parquet nor text"),
    ],
)
def test_what_is_no_table_of_pairs_is_said(
    tmp_path: Path, content: bytes | None, cause: str
) -> None:
    path = tmp_path / "known pairs.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MetadataError) as error:
        read_pairs(path)
    assert str(error.value).startswith(f"{path} ")
    assert cause in str(error.value)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("treatment,gene\nX,A\n", "has no column nM_value"),
        ("gene,active\nA,1\n", "has no column treatment"),
        (
            "treatment,gene,active\nX,A,1\n\nX,B,maybe\n",
            "line 4: active is 'maybe', neither 0 nor 1",
        ),
        ("treatment,gene,nM_value\nX,A,>1000\n", "line 2: nM_value is '>1000', not a number"),
        ("treatment,gene,nM_value\nX,A,nan\n", "no row with a compound, a gene and a value"),
        ("treatment,gene,nM_value\nX,A,-3\n", "line 2: nM_value is '-3', not a number"),
        ("treatment,gene,nM_value\nX,,3\n", "no row with a compound, a gene and a value"),
    ],
)
def test_what_is_no_table_of_interactions_is_said(tmp_path: Path, content: str, cause: str) -> None:
    path = b.write(tmp_path / "known.csv", content.encode())
    with pytest.raises(MetadataError) as error:
        read_interactions(path)
    assert str(path) in str(error.value)
    assert cause in str(error.value)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"cannot be read \(.*\)\.$"):
        read_pairs(tmp_path)


# --- the command line --------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Iterator[dict[str, str]]:
    known = known_genes().to_csv(index=False)
    pairs = table_of(PAIRS).to_csv(index=False)
    contents = {"one": pairs, "two": pairs[: pairs.index("GENE7")], "known": known, "empty": ""}
    contents["other"] = "entity1,entity2\nBRCA1,BRCA2\n"
    paths = {name: tmp_path / f"{name}.csv" for name in contents}
    for name, content in contents.items():
        paths[name].write_text(content)
    return {name: str(path) for name, path in paths.items()}


def run(data: Path, *arguments: str) -> int:
    return main(["benchmark", str(data), *arguments])


def test_the_command_gives_a_row_for_each_file(
    data: Path, phenomap: Any, files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--pairs", files["one"], "--pairs", files["two"], "--interactions", files["known"]]
    assert run(data, *arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [row["file"] for row in found["pairs"]] == [files["one"], files["two"]]
    for row in found["pairs"]:
        result = pair_recall(phenomap, read_pairs(row.pop("file")))
        assert row == result.as_dict()
        assert row["recall_0.05_0.95"] == result.recalls[0.05, 0.95]
    doses = compound_gene_precision(phenomap, known_genes()).doses
    assert [row["concentration"] for row in found["interactions"]["doses"]] == list(doses.index)
    assert found["interactions"]["doses"][-1]["auc_roc"] == doses.loc["max", "auc_roc"]
    assert (found["level"], found["align"]) == ("perturbation", "pca-centerscale")
    assert run(data, *arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert f"{found['pairs'][0]['n_null']:,} pairs of 49 entries" in lines[0]
    assert [line.split()[0] for line in lines[2:4]] == [files["one"], files["two"]]
    assert [line.split()[0] for line in lines[-4:]] == ["0.25", "2.5", "10", "max"]


@pytest.mark.parametrize(
    "options",
    [["--level", "compound"], ["--align", "tvn"], ["--embedding", "some_vectors"]],
)
def test_the_command_takes_the_options_of_maps(
    data: Path, files: dict[str, str], capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert run(data, "--pairs", files["two"], *options, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found[options[0][2:]] == options[1]
    assert "interactions" not in found
    assert found["pairs"][0]["n_pairs"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--pairs", "--interactions"]),
        (["--pairs", "nowhere.csv"], ["nowhere.csv cannot be read"]),
        (["--pairs", "ONE", "--pairs", "EMPTY"], ["empty.csv cannot be read (it is empty)"]),
        (["--pairs", "ONE", "--pairs", "OTHER"], ["None of the 1 pairs", "other.csv"]),
        (["--interactions", "ONE"], ["one.csv has no column treatment"]),
        (["--pairs", "ONE", "--embedding", "X"], ["no embedding 'X'"]),
    ],
)
def test_an_error_is_one_sentence(
    data: Path,
    files: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    assert run(data, *(files.get(word.lower(), word) for word in arguments)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("napari-rxrx3: ")
    assert line.endswith(".")
    assert all(word in line for word in words)


def test_the_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["benchmark", "--help"])
    assert exit_.value.code == 0
    out = capsys.readouterr().out
    wanted = ["PATH", "--pairs", "--interactions", "--level", "--align", "--embedding", "--json"]
    assert all(word in out for word in wanted)

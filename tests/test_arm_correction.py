"""The correction of proximity bias: by which genes, of which arms, and what becomes of a map."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtWidgets import QFileDialog, QInputDialog

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import MapError, MetadataError
from napari_rxrx3.figures.caption import vectors_in_words
from napari_rxrx3.figures.record import record_of
from napari_rxrx3.figures.script import python_script
from napari_rxrx3.maps.sets.arms import GeneArms
from napari_rxrx3.maps.sets.expression import UnexpressedGenes, read_unexpressed
from napari_rxrx3.maps.spec import MapSpec
from screens import PAIR, gene_names, gene_screen
from window import Window

BLINDED = ["RXRX3-10000", "RXRX3-10001", "RXRX3-10002"]

MANY = gene_names(108)
FOUR = ("1p", "2q", "3p", "4q")
ARM_OF_MANY = {gene: FOUR[i % 4] for i, gene in enumerate(MANY)}
"""27 genes on each of four arms; of 4q only 20 are not expressed."""
EXPRESSED = {MANY[i] for i in (3, 7, 11, 15, 19, 23, 27)}
RELATED = [MANY[0], MANY[1], MANY[2], MANY[5]]
"""Of three arms, and of one effect."""
EXPRESSED |= set(RELATED)
TABLES = (
    GeneArms("arms.csv", ARM_OF_MANY),
    UnexpressedGenes("silent.txt", frozenset(MANY) - EXPRESSED),
)


def biased(bias: float) -> Any:
    """Genes that do nothing but four, all of them moved by what a cut does to 1p and 4q."""
    wells = gene_screen(0, 1, plates=2, controls=60, dim=32)
    for gene in [*MANY, *BLINDED]:
        effect = np.zeros(32)
        if ARM_OF_MANY.get(gene) in ("1p", "4q"):
            effect = effect + bias * wells.direction(ARM_OF_MANY[gene])
        if gene in RELATED:
            effect = effect + 10 * wells.direction("related")
        for experiment in PAIR:
            for plate in (1, 2):
                wells.guide(experiment, plate, gene, 1, effect)
    return wells


@pytest.fixture(scope="module")
def two_maps(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A map with a planted bias of two arms, and the same map corrected."""
    m = biased(7.0).open(tmp_path_factory.mktemp("biased")).phenomap()
    return m, m.without_arm_bias(*TABLES)


def prob(m: Any) -> pd.Series[float]:
    return m.proximity_bias(TABLES[0]).set_index("arm")["prob"]


def cosines(m: Any, keys: list[str]) -> np.ndarray:
    vectors = m.vectors[m.rows_of(keys)].astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray((vectors @ vectors.T)[np.triu_indices(len(keys), 1)])


def test_a_planted_bias_is_gone_where_there_are_genes_enough(two_maps: Any) -> None:
    before, after = (prob(m) for m in two_maps)
    assert before["1p"] > 0.95
    assert before["4q"] > 0.95
    assert 0.4 < after["1p"] < 0.56, "its bias is gone"
    assert after["4q"] > 0.95, "nothing tells what it is on this arm"
    assert max(abs(before["2q"] - 0.5), abs(after["2q"] - 0.5)) < 0.1


def test_what_was_corrected_and_what_not_is_said(two_maps: Any) -> None:
    plain, corrected = two_maps
    table = corrected.arm_corrections
    assert table["n_unexpressed"].to_dict() == {"1p": 26, "2q": 25, "3p": 26, "4q": 20}
    assert table["is_corrected"].tolist() == [True, True, True, False]
    assert table.loc["1p", "subtracted"] > 0.9
    assert (table.loc[["2q", "3p"], "subtracted"] < 0.6).all(), "chance alone"
    assert np.isnan(table.loc["4q", "subtracted"])
    why = "20 unexpressed genes in the map, and it takes more than 20"
    assert table["why_not"].tolist() == ["", "", "", why]
    assert corrected.notes[-3:] == (
        "3 chromosome arms corrected by 77 unexpressed genes: 1p, 2q, 3p.",
        "Not corrected: 1 arm that has no more than 20 unexpressed genes in the map: 4q (20).",
        "Not corrected: 3 genes that nobody can place: blinded.",
    )
    assert plain.arm_corrections.empty
    assert list(plain.arm_corrections) == list(table)
    left = corrected.rows_of([*BLINDED, *(g for g in MANY if ARM_OF_MANY[g] == "4q")])
    np.testing.assert_array_equal(plain.vectors[left], corrected.vectors[left])


def test_true_relations_are_kept(two_maps: Any) -> None:
    for m in two_maps:
        assert cosines(m, RELATED).min() > 0.8
        nearest = m.nearest(RELATED[1], k=3, judged=False)
        assert set(nearest["key"]) == set(RELATED) - {RELATED[1]}


def test_scores_are_made_of_corrected_wells(two_maps: Any) -> None:
    silent = [g for g in MANY if ARM_OF_MANY[g] == "1p" and g not in EXPRESSED]
    before, after = (m.scores.loc[silent] for m in two_maps)
    assert (before["activity_p"] <= 0.05).mean() > 0.7
    assert (after["activity_p"] <= 0.05).mean() < 0.2
    assert (before["strength_p"] <= 0.05).mean() > 0.9
    assert (after["strength_p"] <= 0.05).mean() < 0.3


def test_it_is_the_mean_of_the_unexpressed_genes_but_for_its_error(two_maps: Any) -> None:
    """Made here from the vectors of the map alone: with as many wells each, genes count alike."""
    plain, corrected = two_maps
    table = corrected.arm_corrections
    for arm in ("1p", "2q"):
        on_arm = [g for g in MANY if ARM_OF_MANY[g] == arm]
        silent = plain.vectors[plain.rows_of([g for g in on_arm if g not in EXPRESSED])]
        mean, n = silent.mean(axis=0, dtype=float), len(silent)
        error = silent.var(axis=0, ddof=1, dtype=float).sum() / n
        share = max(0.0, 1 - error / (mean @ mean))
        assert table.loc[arm, "subtracted"] == pytest.approx(share, abs=1e-5)
        rows = plain.rows_of(on_arm)
        moved = plain.vectors[rows] - corrected.vectors[rows]
        np.testing.assert_allclose(moved, np.tile(share * mean, (len(rows), 1)), atol=1e-4)


@pytest.mark.parametrize("align", ["none", "centerscale", "tvn", "tvn-centered"])
@pytest.mark.parametrize("average", ["mean", "median"])
def test_it_goes_with_every_alignment_and_average(two_maps: Any, align: str, average: str) -> None:
    ds = two_maps[0].dataset
    m = ds.phenomap(align=align, average=average)
    keys = [g for g in MANY if ARM_OF_MANY[g] == "1p" and g not in RELATED]
    vectors = m.without_arm_bias(*TABLES).vectors
    moved = m.vectors[m.rows_of(keys)].astype(float) - vectors[m.rows_of(keys)]
    assert np.ptp(moved, axis=0).max() < 1e-3 * np.abs(moved).max(), "all genes of an arm alike"
    assert np.linalg.norm(moved[0]) > 1


def test_averages_are_those_of_the_wells(two_maps: Any) -> None:
    """Of any wells, as those that chance is told from: whatever arms they are of."""
    space = two_maps[1].space
    wells = np.random.default_rng(0).permutation(len(space))[:200]
    group = np.arange(200) % 7
    expected = [space.aligned(wells[group == i]).mean(axis=0) for i in range(7)]
    np.testing.assert_allclose(space.averages(wells, group, lambda _: None), expected, atol=1e-4)
    np.testing.assert_allclose(space.aligned_in_single(wells), space.aligned(wells), atol=1e-4)


def test_without_a_bias_nothing_gets_worse(tmp_path: Path) -> None:
    m = biased(0.0).open(tmp_path).phenomap()
    corrected = m.without_arm_bias(*TABLES)
    before, after = prob(m), prob(corrected)
    assert (before - 0.5).abs().max() < 0.06
    assert (after - 0.5).abs().max() < 0.06
    assert cosines(corrected, RELATED).min() > cosines(m, RELATED).min() - 0.05
    silent = [g for g in MANY if g not in RELATED]
    shares = [(each.scores.loc[silent, "activity_p"] <= 0.05).mean() for each in (m, corrected)]
    assert shares[1] < shares[0] + 0.03


def test_it_is_kept_apart_and_travels(two_maps: Any) -> None:
    plain, corrected = two_maps
    assert corrected.spec != plain.spec
    assert corrected.fingerprint != plain.fingerprint
    again = pickle.loads(pickle.dumps(corrected))  # noqa: S301
    np.testing.assert_array_equal(again.vectors, corrected.vectors)
    fewer = UnexpressedGenes("silent.txt", TABLES[1].genes - set(MANY[40:44]))
    other = plain.without_arm_bias(TABLES[0], fewer)
    assert other.spec != corrected.spec, "the same names, and another content"
    assert not np.array_equal(other.vectors, corrected.vectors)
    ds = rx.open_dataset(plain.dataset.address, cache_dir=plain.cache.folder)
    with pytest.raises(MapError, match=r"arms\.csv, silent\.txt .* are not open"):
        ds.map_of(corrected.spec)
    kept = ds.phenomap(arm_tables=ds.add_arm_tables(*TABLES))
    np.testing.assert_array_equal(kept.vectors, corrected.vectors)
    assert kept.notes == corrected.notes


@pytest.mark.parametrize(
    ("arms", "silent", "why"),
    [
        (ARM_OF_MANY, set(MANY[:80]), "3p has most in this map, 20|1p has most in this map, 20"),
        ({"X": "1p"}, {"X"}, r"arms\.csv places none of the 111 genes"),
    ],
)
def test_what_cannot_be_corrected_is_said(
    two_maps: Any, arms: dict[str, str], silent: set[str], why: str
) -> None:
    tables = GeneArms("arms.csv", arms), UnexpressedGenes("silent.txt", frozenset(silent))
    with pytest.raises(MapError, match=why):
        two_maps[0].without_arm_bias(*tables)
    ds = two_maps[0].dataset
    spec = MapSpec(arm_tables=ds.add_arm_tables(*tables))
    with pytest.raises(MapError, match="cannot be corrected"):
        ds.map_or_fallback(spec)


def test_blinded_genes_cannot_be_corrected(tmp_path: Path) -> None:
    m = gene_screen(BLINDED, 1, plates=1, controls=8, dim=8).open(tmp_path).phenomap()
    with pytest.raises(MapError, match="all 3 genes of this map are blinded, and nobody can place"):
        m.without_arm_bias(*TABLES)


# --- which genes are not expressed --------------------------------------------------------------


def silent(folder: Path, content: str, below: float | None = None) -> UnexpressedGenes:
    b.write(folder / "silent.txt", content.encode())
    return read_unexpressed(folder / "silent.txt", below)


@pytest.mark.parametrize(
    ("content", "below"),
    [
        ("A\nB\n", None),
        ("gene\nA\nB\n\n", None),
        ("symbol\tname\tchromosome\nA\ta gene\t1\nB\tanother\t2\n", None),
        ("gene,TPM\nA,0\nB,0.5\nC,1\nD,12.5\n", 1),
        ("A\t0\nB\t0.5\nC\t1\n", 1),
        ("nTPM;note;Gene symbol\n0,5;x;B\n0;y;A\n1;z;C\n", 1),
        ("gene,zFPKM\nA,-5\nB,-3.1\nC,-3\nD,\n", -3),
        ("gene,TPM\nA,0\nB,0.2\nC,0.2\nC,3\n", 1),
    ],
)
def test_genes_are_read_however_they_are_written(
    tmp_path: Path, content: str, below: float | None
) -> None:
    assert silent(tmp_path, content, below).genes == {"A", "B"}


def test_what_is_left_out_of_expression_is_said(tmp_path: Path) -> None:
    found = silent(tmp_path, "gene,TPM\nA,0\nB,\nC,much\n", 1)
    assert found.name == "silent.txt below 1"
    assert found.notes == ("silent.txt: 2 genes without a number left out, such as B.",)


@pytest.mark.parametrize(
    ("content", "below", "why"),
    [
        ("gene,TPM\nA,0\nB,2\n", None, "say below which one a gene is not expressed"),
        ("A\nB\n", 1, "has no column of numbers that could be below 1"),
        ("gene,TPM\nA,4\nB,2\n", 1, "says of none of its 2 genes that it is below 1"),
        ("gene\n", None, "names no gene"),
    ],
)
def test_what_is_no_such_list_is_said(
    tmp_path: Path, content: str, below: float | None, why: str
) -> None:
    with pytest.raises(MetadataError, match=why) as error:
        silent(tmp_path, content, below)
    assert "silent.txt" in str(error.value)


def test_the_command_shows_before_and_after(
    two_maps: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.DataFrame(ARM_OF_MANY.items(), columns=["gene", "arm"])
    table.to_csv(tmp_path / "arms.csv", index=False)
    b.write(tmp_path / "silent.txt", "\n".join(sorted(TABLES[1].genes)).encode())
    address = str(two_maps[0].dataset.address)
    files = ["--arms", str(tmp_path / "arms.csv"), "--unexpressed", str(tmp_path / "silent.txt")]
    assert main(["arms", address, *files, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {row["arm"]: row for row in report["arms"]}
    before, after = (prob(m) for m in two_maps)
    assert rows["1p"]["prob"] == before["1p"]
    assert rows["1p"]["prob_after"] == after["1p"]
    assert rows["4q"]["subtracted"] is None
    assert "it takes more than 20" in rows["4q"]["why_not"]
    assert rows["all"]["n_unexpressed"] is None
    assert main(["arms", address, *files]) == 0
    said = capsys.readouterr().out
    assert "prob_after" in said
    assert "Not corrected: 1 arm that has no more than 20 unexpressed genes" in said
    assert main(["arms", address, *files[:2], "--unexpressed-below", "1"]) == 1
    assert "--unexpressed-below takes a table" in capsys.readouterr().err


# --- in the window ------------------------------------------------------------------------------


@pytest.fixture
def window(
    open_window: Callable[..., Window],
    two_maps: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Window:
    """The panel of arms, of a map with a planted bias."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    table = pd.DataFrame(ARM_OF_MANY.items(), columns=["gene", "arm"])
    table.to_csv(tmp_path / "arms.csv", index=False)
    dataset = two_maps[0].dataset
    window = open_window(Path(dataset.address), b.Screen([], {}, {}))
    of_gene = dataset.wells.index[dataset.wells["gene"] == RELATED[0]]
    window.session.select_well(str(of_gene[0]))
    window.settle()
    window.click(window.neighbors.panel.question.embedding)
    window.turn_to(window.neighbors.embedding.arms)
    window.neighbors.embedding.arms.set_file(str(tmp_path / "arms.csv"))
    window.settle()
    return window


def choose(window: Window, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    window.click(window.neighbors.embedding.arms.correct)
    window.settle()


def test_the_window_asks_the_map_without_the_bias(
    window: Window, two_maps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, question = window.neighbors.embedding.arms, window.neighbors.panel.question
    measured = [row.texts for row in panel.table.rows()]
    b.write(tmp_path / "silent.txt", "\n".join(sorted(TABLES[1].genes)).encode())
    choose(window, tmp_path / "silent.txt", monkeypatch)
    corrected = two_maps[1].nearest(RELATED[0], k=50)
    shown = [(each.key, each.value) for each in question.answer.neighbors]
    assert [key for key, _ in shown] == corrected["key"].tolist()
    assert [value for _, value in shown] == pytest.approx(corrected["similarity"].tolist())
    assert "arm bias subtracted" in question.settings.text()
    rows = {row.texts[0]: row.texts for row in panel.table.rows()}
    before, after = (prob(m)["1p"] for m in two_maps)
    assert rows["1p"][3:7] == ("26", rows["1p"][4], f"{before:.3f}", f"{after:.3f}")
    assert rows["4q"][3:5] == ("20", "")
    assert "Not corrected: 1 arm that has no more than 20 unexpressed" in panel.note.text()
    panel.save_csv(tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv").set_index("arm").loc["1p", "prob_after"] == after
    record = record_of(window.session)
    assert "without_arm_bias(rx.read_arms(…)" in python_script(record)
    assert "less the bias of chromosome arms" in vectors_in_words(record.query, record.embedding)
    window.click(panel.correct)
    window.settle()
    assert window.session.query.arm_tables == ""
    assert [row.texts for row in panel.table.rows()] == measured


@pytest.mark.soak
def test_of_a_table_of_numbers_the_limit_is_asked(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {gene: 0.2 if gene in TABLES[1].genes else 9 for gene in MANY} | {"X": None}
    pd.Series(numbers, name="TPM").to_csv(tmp_path / "tpm.csv", index_label="gene")
    answers = [(0.0, False), (1.0, True)]
    monkeypatch.setattr(QInputDialog, "getDouble", lambda *_: answers.pop(0))
    choose(window, tmp_path / "tpm.csv", monkeypatch)
    assert window.session.query.arm_tables == ""
    choose(window, tmp_path / "tpm.csv", monkeypatch)
    assert "tpm.csv below 1" in window.session.query.arm_tables
    left_out = "tpm.csv: 1 gene without a number left out, such as X."
    assert left_out in window.neighbors.embedding.arms.note.text()
    window.neighbors.embedding.arms.set_file("")
    window.settle()
    assert window.session.query.arm_tables == ""


@pytest.mark.soak
def test_the_window_says_why_a_map_cannot_be_corrected(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = window.neighbors.embedding.arms
    b.write(tmp_path / "few.txt", "\n".join(MANY[:80]).encode())
    choose(window, tmp_path / "few.txt", monkeypatch)
    assert "has most in this map, 20" in panel.note.text()
    assert window.session.query.arm_tables == ""
    choose(window, tmp_path / "none.txt", monkeypatch)
    assert "none.txt" in panel.note.text()
    assert panel.correct.isVisible()

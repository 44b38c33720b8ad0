"""Proximity bias: the table of arms, the measure with a bias and without, and the flag."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtWidgets import QFileDialog
from scipy.stats import binomtest, brunnermunzel

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import MapError, MetadataError
from napari_rxrx3.data.files.remembered import remember_file, remembered_file
from napari_rxrx3.maps.evidence.proximity_bias import _measured, bias_in_words, proximity_bias
from napari_rxrx3.maps.sets.arms import GeneArms, read_arms
from screens import gene_names, gene_screen
from window import Window

GENES = gene_names(60)
ARMS = {gene: f"{i // 12 + 1}{'pq'[i // 12 % 2]}" for i, gene in enumerate(GENES)}
"""Five arms of twelve genes: 1p, 2q, 3p, 4q, 5p."""
BLINDED = ["RXRX3-10000", "RXRX3-10001", "RXRX3-10002"]


@pytest.fixture(autouse=True)
def _nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


# --- the table ---------------------------------------------------------------------------------


def read(folder: Path, content: str) -> GeneArms:
    b.write(folder / "arms.csv", content.encode())
    return read_arms(folder / "arms.csv")


@pytest.mark.parametrize(
    "content",
    [
        "gene,arm\nA,17q\nB,1p\nC,Xq\n",
        "arm;other;symbol\n17q;1;A\n1p;2;B\nXq;3;C\n",
        "Gene Symbol\tChromosome arm\nA\tchr17q\nB\tchr1p\nC\tchrXq\n",
        "symbol\tname\tlocation\nA\ta\t17q21.31\nB\tb\t1p36.33\nC\tc\tXq28 and Yq12\n",
    ],
)
def test_arms_are_read_however_they_are_written(tmp_path: Path, content: str) -> None:
    arms = read(tmp_path, content)
    assert dict(arms.arm_of) == {"A": "17q", "B": "1p", "C": "Xq"}
    assert arms.notes == ()


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    arms = read(tmp_path, "gene,arm\nA,1p\nB,1p\nC,1p\nC,1q\nD,\nE,MT\n")
    assert dict(arms.arm_of) == {"A": "1p", "B": "1p"}
    assert arms.notes == (
        "arms.csv: 1 gene on two arms left out, such as C.",
        "arms.csv: 2 genes without an arm left out, such as D.",
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("gene,chromosome,start\nA,17,1000\n", "no column arm"),
        ("name,arm\nA,17q\n", "no column gene"),
        ("gene,arm\nA,17\nB,MT\n", "names no arm"),
        ("gene,arm\n", "names no arm"),
    ],
)
def test_what_is_no_such_table_is_said(tmp_path: Path, content: str, why: str) -> None:
    with pytest.raises(MetadataError, match=why) as error:
        read(tmp_path, content)
    assert "arms.csv" in str(error.value)


# --- the measure -------------------------------------------------------------------------------


def vectors(seed: int, bias: float, dim: int = 24) -> np.ndarray:
    """Genes of five arms, each with a direction of its own that makes up so much of it."""
    rng = np.random.default_rng(seed)
    own, of_arm = rng.normal(size=(60, dim)), rng.normal(size=(5, dim))
    raw = own + bias * np.repeat(of_arm, 12, axis=0)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True))


def measured(seed: int, bias: float) -> pd.DataFrame:
    arm = np.array(list(ARMS.values()), dtype=object)
    return _measured(vectors(seed, bias), arm, lambda *_: None).set_index("arm")


def test_the_measure_is_that_of_brunner_and_munzel() -> None:
    """Counted here pair by pair; p as scipy has it."""
    units = vectors(1, 0.5)
    table = measured(1, 0.5)
    cosines = units @ units.T
    arm = np.array(list(ARMS.values()))
    for name in set(arm):
        own = arm == name
        within = cosines[np.ix_(own, own)][np.triu_indices(12, 1)]
        between = cosines[np.ix_(own, ~own)].ravel()
        assert table.loc[name, "prob"] == pytest.approx(
            np.mean(within[:, None] > between) + np.mean(within[:, None] == between) / 2
        )
        expected = brunnermunzel(between, within, "less", "normal").pvalue
        assert table.loc[name, "bm_p_value"] == pytest.approx(expected)
        assert (table.loc[name, "n_within"], table.loc[name, "n_between"]) == (66, 12 * 48)
    same = (arm[:, None] == arm) & np.triu(np.ones((60, 60), bool), 1)
    other = (arm[:, None] != arm) & np.triu(np.ones((60, 60), bool), 1)
    greater = cosines[same][:, None] > cosines[other]
    assert table.loc["all", "prob"] == pytest.approx(greater.mean())
    assert (table.loc["all", "n_within"], table.loc["all", "n_between"]) == (330, 1440)


def test_a_planted_bias_is_found() -> None:
    for seed in range(5):
        table = measured(seed, 0.7)
        assert table.loc["all", "prob"] > 0.6
        assert table.loc["all", "p_value"] == 0.001
        assert (table["q_value"].drop("all") <= 0.05).sum() >= 3


def crowded(seed: int) -> np.ndarray:
    """Genes without any bias of arms, but in three complexes that lie across them."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(60, 24))
    complexes = rng.permutation(60)[:30].reshape(3, 10)
    for members in complexes:
        raw[members] += 1.5 * rng.normal(size=24)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True))


def toxic(seed: int) -> np.ndarray:
    """Genes without any bias of arms, some of which kill cells, each as much as it does."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(60, 24))
    raw += np.outer(rng.gamma(0.5, 1, 60), rng.normal(size=24))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True))


@pytest.mark.each(3)
@pytest.mark.parametrize("make", [lambda seed: vectors(seed, 0.0), crowded, toxic])
def test_without_a_bias_none_is_found(
    make: Callable[[int], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_rxrx3.maps.evidence.proximity_bias._N_SWAPS", 99)
    arm = np.array(list(ARMS.values()), dtype=object)
    tables = [_measured(make(seed), arm, lambda *_: None) for seed in range(60)]
    p_all = np.array([table["p_value"][0] for table in tables])
    p_arms = np.concatenate([table["p_value"][1:] for table in tables])
    for p in (p_all, p_arms):
        assert binomtest(int((p <= 0.05).sum()), len(p), 0.05, "greater").pvalue > 0.01
    assert np.mean(p_arms <= 0.5) > 0.4, "nor is it always 1"


# --- a map -------------------------------------------------------------------------------------


def a_screen() -> Any:
    effects: dict[str, Any] = {}
    wells = gene_screen([*GENES, *BLINDED], 2, plates=1, controls=30, dim=16, effects=effects)
    for gene in GENES:
        if ARMS[gene] == "3p":
            effects[gene] = 4 * wells.direction("3p")
    return gene_screen([*GENES, *BLINDED], 2, plates=1, controls=30, dim=16, effects=effects)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return a_screen().open(tmp_path_factory.mktemp("arms"))


@pytest.fixture(autouse=True)
def _without_arms(request: pytest.FixtureRequest) -> Any:
    yield
    if "data" in request.fixturenames:
        request.getfixturevalue("data").arms = None


def test_the_arm_of_a_map_that_is_alike_is_found(data: Any) -> None:
    table = data.phenomap().proximity_bias(GeneArms("a", ARMS)).set_index("arm")
    assert table.index[0] == "all"
    assert table.index[1] == "3p"
    assert table.loc["3p", "prob"] > 0.9
    assert table.loc["3p", "q_value"] < 0.01
    assert (table["q_value"].drop(["all", "3p"]) > 0.05).all()


def test_genes_that_cannot_be_placed_are_counted(data: Any) -> None:
    some = {gene: arm for gene, arm in ARMS.items() if gene not in ("GENE000", "GENE001")}
    bias = proximity_bias(data.phenomap(), GeneArms("a", some))
    assert (bias.n_placed, bias.n_unplaced, bias.n_blinded, bias.n_used) == (58, 2, 3, 58)
    words = bias_in_words(bias)
    assert "58 genes of the map have an arm in the table, 2 named ones have none." in words
    assert "3 genes cannot be placed: blinded." in words
    assert "1 of 5 arms has a bias by itself" in words


def test_arms_with_few_pairs_have_no_number(data: Any) -> None:
    few = {**ARMS, **dict.fromkeys(GENES[:6], "9p")}
    table = data.phenomap().proximity_bias(GeneArms("a", few)).set_index("arm")
    assert table.loc["9p", "n_within"] == table.loc["1p", "n_within"] == 15
    for name in ("prob", "p_value", "bm_p_value", "q_value"):
        assert np.isnan(table.loc["9p", name])
    assert not np.isnan(table.loc["all", "p_value"])


def test_what_cannot_be_measured_is_said(data: Any) -> None:
    few = proximity_bias(data.phenomap(), GeneArms("a", dict.fromkeys(GENES[:2], "1p")))
    said = "Too few pairs of genes to measure the bias of chromosome arms: 1 pair within arms, 0"
    assert said in bias_in_words(few)
    assert few.table[["prob", "p_value"]].isna().all(axis=None)
    with pytest.raises(MapError, match="choose the level perturbation"):
        data.phenomap("guide").proximity_bias(GeneArms("a", ARMS))
    with pytest.raises(MapError, match="a places 1 gene of this map, no two of them on one arm"):
        data.phenomap().proximity_bias(GeneArms("a", {"GENE001": "1p", "X": "1p"}))


def test_of_very_many_genes_an_even_choice_is_compared(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_rxrx3.maps.evidence.proximity_bias._MOST_GENES", 40)
    bias = proximity_bias(data.phenomap(), GeneArms("a", ARMS))
    assert (bias.n_placed, bias.n_used) == (60, 40)
    assert bias.table["n_genes"][0] == 40


# --- the flag ----------------------------------------------------------------------------------


def test_neighbors_on_the_arm_of_the_query_are_doubted(data: Any) -> None:
    m = data.phenomap()
    plain = m.nearest("GENE026", k=20)
    assert not any("same arm" in flags for flags in plain["flags"])
    data.arms = GeneArms("a", ARMS)
    listed = m.nearest("GENE026", k=62)
    for key, flags in zip(listed["key"], listed["flags"], strict=True):
        assert ("same arm" in flags) == (ARMS.get(key) == "3p"), key
    blinded = m.nearest(BLINDED[0], k=62)
    assert not any("same arm" in flags for flags in blinded["flags"])
    guides = data.phenomap("guide").nearest("GENE026_guide_1", k=126)
    for key, flags in zip(guides["key"], guides["flags"], strict=True):
        gene = key.partition("_guide")[0]
        assert ("same arm" in flags) == (ARMS.get(gene) == "3p" and gene != "GENE026"), key


# --- the command line --------------------------------------------------------------------------


def arms_csv(folder: Path) -> str:
    table = pd.DataFrame(ARMS.items(), columns=["gene", "arm"])
    table.to_csv(folder / "arms.csv", index=False)
    return str(folder / "arms.csv")


def test_the_command_measures_it(
    data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = arms_csv(tmp_path)
    assert main(["arms", str(data.address), "--arms", path, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    expected = proximity_bias(data.phenomap(), read_arms(path))
    assert [row["prob"] for row in report["arms"]] == expected.table["prob"].tolist()
    assert report["n_blinded"] == 3
    assert report["arms"][0]["q_value"] is None
    assert main(["arms", str(data.address), "--arms", path]) == 0
    assert "cannot be placed: blinded" in capsys.readouterr().out
    assert main(["arms", str(data.address), "--arms", str(tmp_path / "gone.csv")]) == 1
    assert "gone.csv cannot be read" in capsys.readouterr().err


def test_the_command_nearest_flags_by_it(
    data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["nearest", str(data.address), "GENE026", "-k", "5", "--json"]
    assert main([*command, "--arms", arms_csv(tmp_path)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all("same arm" in row["flags"] for row in rows)


def test_they_are_names_of_the_library() -> None:
    assert rx.read_arms is read_arms
    assert rx.GeneArms is GeneArms


# --- the window --------------------------------------------------------------------------------


@pytest.fixture
def window(open_window: Callable[..., Window], tmp_path: Path) -> Window:
    wells = a_screen()
    window = open_window(wells.write(tmp_path / "data"), b.Screen(wells.rows, {}, {}))
    window.session.select_well(next(r["well_id"] for r in wells.rows if r["gene"] == "GENE026"))
    window.settle()
    return window


def flagged(window: Window) -> set[str]:
    answer = window.neighbors.panel.question.answer
    return {each.key for each in answer.neighbors if "same arm" in each.flags}


def test_a_table_is_opened_and_marks_the_list(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert flagged(window) == set()
    panel = window.neighbors.embedding.arms
    window.click(window.neighbors.panel.question.embedding)
    window.turn_to(panel)
    window.settle()
    assert "gene and arm" in panel.note.text()
    path = arms_csv(tmp_path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    window.click(panel.choose)
    window.settle()
    assert flagged(window) == {gene for gene, arm in ARMS.items() if arm == "3p"} - {"GENE026"}
    expected = proximity_bias(window.session.dataset.phenomap(), read_arms(path))
    rows = [row.texts for row in panel.table.rows()]
    assert rows[0][0] == "all"
    assert rows[1][:3] == ("3p", "12", "66")
    assert rows[1][3] == f"{expected.table['prob'][1]:.3f}"
    assert "3 genes cannot be placed: blinded." in panel.note.text()
    panel.save_csv(tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["prob"].tolist() == pytest.approx(
        expected.table["prob"].tolist()
    )
    assert remembered_file("chromosome arms") == path
    window.session.ask(level="guide", key="GENE026_guide_1")
    window.settle()
    assert "choose the level perturbation" in panel.note.text()
    window.session.ask(level="perturbation", key="GENE026")
    window.click(panel.forget)
    window.settle()
    assert flagged(window) == set()
    assert remembered_file("chromosome arms") == ""


@pytest.mark.soak
def test_the_next_start_has_it(open_window: Callable[..., Window], tmp_path: Path) -> None:
    remember_file("chromosome arms", arms_csv(tmp_path))
    wells = a_screen()
    window = open_window(wells.write(tmp_path / "data"), b.Screen(wells.rows, {}, {}))
    window.session.select_well(next(r["well_id"] for r in wells.rows if r["gene"] == "GENE026"))
    window.settle()
    assert len(flagged(window)) == 11

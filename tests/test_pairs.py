"""Pairs in two screens: what is compared, what comes out, and what is left out and said."""

from __future__ import annotations

from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

import builders as b
import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.core.errors import Cancelled, MapError
from napari_rxrx3.maps.compare.pairs import MOST_PAIRS, PairTable, compare_pairs, compare_replicates
from napari_rxrx3.maps.compare.pairs import _ends_of as ends_of
from napari_rxrx3.maps.compare.screens import Halves, replicate_experiments

GENES = s.gene_names(12)
OTHERS = s.gene_names(8, "OTHER")
ONLY_A, ONLY_B = "GENE003", "GENE004"


def wells() -> s.Wells:
    """Two pairs of replicate experiments, a gene in three of them, and one compound."""
    screen = s.Wells(seed=3, dim=6)
    effects = {name: 4 * screen.direction(name[-1]) for name in (*GENES, *OTHERS)}
    screen = s.gene_screen(GENES, 2, 1, 12, effects=effects, seed=3, dim=6)
    for experiment in ("gene-002", "gene-159"):
        screen.control(experiment, 1, 12)
        for gene in OTHERS:
            screen.guide(experiment, 1, gene, 1, effects[gene])
    screen.guide("gene-002", 1, GENES[0], 1, effects[GENES[0]])
    screen.control("compound-001", 1, 12)
    for _ in range(2):
        screen.dose("compound-001", 1, "Aspirin", 2.5, effects["GENE001"])
    return screen


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A screen with two embeddings; of one gene there are no vectors in each."""
    screen = wells()
    folder = tmp_path_factory.mktemp("pairs")
    vectors = screen.vectors()
    b.write(folder / "data" / "metadata.csv", b.csv_bytes(screen.rows))
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(6, 9))
    gene_of = {row["well_id"]: row["gene"] for row in screen.rows}
    for name, without, how in (("wide", ONLY_B, mix), ("flat", ONLY_A, np.eye(6))):
        kept = {w: (v @ how).astype("float32") for w, v in vectors.items() if gene_of[w] != without}
        b.write(folder / "data" / f"{name}.parquet", b.embedding_bytes(kept))
    return rx.open_dataset(folder / "data", cache_dir=folder / "cache")


@pytest.fixture(scope="module")
def maps(data: Any) -> tuple[Any, Any]:
    return data.phenomap(embedding="wide"), data.phenomap(embedding="flat")


def cosine(one: np.ndarray, two: np.ndarray) -> float:
    return float(one @ two / np.linalg.norm(one) / np.linalg.norm(two))


def values(table: PairTable) -> dict[frozenset[str], tuple[float, float]]:
    """Similarities in A and B by pair."""
    both = zip(table.similarity_a.tolist(), table.similarity_b.tolist(), strict=True)
    return {frozenset(table.pair(i)): pair for i, pair in enumerate(both)}


# --- two maps ------------------------------------------------------------------------------------


def test_each_pair_has_its_cosine_in_either_map(maps: tuple[Any, Any]) -> None:
    keys = [*GENES[:3], *OTHERS, "Aspirin@2.5"]
    table = compare_pairs(*maps, keys)
    found = values(table)
    assert found.keys() == {frozenset(pair) for pair in combinations(keys, 2)}
    for pair, similarities in found.items():
        for phenomap, similarity in zip(maps, similarities, strict=True):
            one, two = (phenomap.vectors[phenomap.row(key)] for key in pair)
            assert similarity == pytest.approx(cosine(one, two), abs=1e-5)
    assert not table.notes
    assert (table.name_a, table.name_b) == ("wide (pca-centerscale)", "flat (pca-centerscale)")


def test_the_correlations_are_those_of_scipy(maps: tuple[Any, Any]) -> None:
    table = compare_pairs(*maps)
    a, c = table.similarity_a.astype(float), table.similarity_b.astype(float)
    assert table.pearson == pytest.approx(pearsonr(a, c).statistic)
    assert table.spearman == pytest.approx(spearmanr(a, c).statistic)
    assert 0.5 < table.pearson < 1


def test_two_pairs_rise_or_fall_together_and_one_does_neither(maps: tuple[Any, Any]) -> None:
    pairs = list(combinations([*GENES[:3], *OTHERS], 2))
    rises = set()
    for two in zip(pairs[::2], pairs[1::2], strict=False):
        table = compare_pairs(*maps, pairs=two)
        rise = np.sign(np.diff(table.similarity_a) * np.diff(table.similarity_b)).item()
        assert table.pearson == pytest.approx(rise)
        rises.add(rise)
    assert rises == {-1, 1}
    assert np.isnan(compare_pairs(*maps, pairs=pairs[:1]).pearson)


def test_a_map_against_itself_is_the_diagonal(maps: tuple[Any, Any]) -> None:
    table = compare_pairs(maps[0], maps[0])
    assert np.array_equal(table.similarity_a, table.similarity_b)
    assert table.pearson == pytest.approx(1)
    assert table.spearman == pytest.approx(1)


def test_all_pairs_are_those_of_the_entries_in_both_maps(maps: tuple[Any, Any]) -> None:
    table = compare_pairs(*maps)
    common = [k for k in maps[0].labels.index if maps[1].find(k) is not None]
    common.remove("EMPTY_control")
    assert values(table).keys() == {frozenset(pair) for pair in combinations(common, 2)}
    n_all, n_common = len(maps[0].labels), len(common) + 1
    assert table.n_only_a == table.n_only_b == comb(n_all, 2) - comb(n_common, 2)
    n = f"{table.n_only_a} pairs"
    assert f"Left out: {n} only in A and {n} only in B." in table.notes
    assert f"Left out: {n_common - 1} pairs without a direction, as controls are." in table.notes


def test_what_is_in_one_map_only_or_in_none_is_said(maps: tuple[Any, Any]) -> None:
    table = compare_pairs(*maps, ["GENE000", "GENE001", ONLY_A, "nobody", "GENE001"])
    assert len(table) == 1
    assert (table.n_only_a, table.n_only_b) == (2, 0)
    assert table.notes == ("In neither A nor B: nobody.", "Left out: 2 pairs only in A.")
    assert np.isnan(table.pearson)


def test_a_long_list_of_unknown_names_is_cut(maps: tuple[Any, Any]) -> None:
    table = compare_pairs(*maps, ["GENE000", "GENE001", *(f"nobody {i}" for i in range(9))])
    assert table.notes[0].endswith("nobody 4 and 4 more.")


def test_fewer_than_two_entries_make_no_pair(maps: tuple[Any, Any]) -> None:
    with pytest.raises(MapError, match=r"2 of these are in A, 1 in B, 1 in both\. .*: nobody\."):
        compare_pairs(*maps, ["GENE000", ONLY_A, "nobody"])
    with pytest.raises(MapError, match="two entries"):
        compare_pairs(*maps, [])


def test_given_pairs_are_compared_and_no_others(maps: tuple[Any, Any]) -> None:
    pairs = [
        ("GENE000", "GENE001"),
        ("Aspirin@2.5", "OTHER000"),
        ("GENE000", ONLY_A),
        ("GENE000", ONLY_B),
        (ONLY_A, ONLY_B),
        ("nobody", "GENE000"),
    ]
    table = compare_pairs(*maps, pairs=pairs)
    assert values(table).keys() == {frozenset(pair) for pair in pairs[:2]}
    assert (table.n_only_a, table.n_only_b) == (1, 1)
    assert table.notes == (
        "In neither A nor B: 2 of 6 pairs.",
        "Left out: 1 pair only in A and 1 pair only in B.",
    )
    with pytest.raises(MapError, match="None of the 1 pairs"):
        compare_pairs(*maps, pairs=pairs[-1:])


def test_of_many_pairs_some_are_drawn_by_a_seed(maps: tuple[Any, Any]) -> None:
    table, again, other = (compare_pairs(*maps, most=20, seed=seed) for seed in (1, 1, 2))
    assert values(table) == values(again)
    assert values(table).keys() != values(other).keys()
    assert len(values(table)) == len(table) <= 20
    everything = values(compare_pairs(*maps))
    assert all(everything[pair] == both for pair, both in values(table).items())
    assert "(seed 1)" in table.notes[0]
    assert table.notes[0].startswith("Drawn at random: 20 of ")
    few = compare_pairs(*maps, pairs=list(combinations(GENES[:3], 2)), most=2, seed=5)
    assert len(few) == 2
    assert few.notes == ("Drawn at random: 2 of 3 pairs (seed 5).",)


def test_maps_of_single_wells_are_compared_by_well(data: Any) -> None:
    a, c = (data.phenomap(level="well", embedding=name) for name in ("wide", "flat"))
    table = compare_pairs(a, c)
    n = sum(c.find(well) is not None for well in a.labels.index)
    assert comb(n, 2) == len(table)
    one, two = table.pair(7)
    expected = cosine(a.vectors[a.row(one)], a.vectors[a.row(two)])
    assert table.similarity_a[7] == pytest.approx(expected, abs=1e-5)
    picked = compare_pairs(a, c, [one, two, "nobody"])
    assert values(picked) == {frozenset((one, two)): values(table)[frozenset((one, two))]}
    assert picked.notes == ("In neither A nor B: nobody.",)


def test_only_maps_of_one_level_are_compared(data: Any, maps: tuple[Any, Any]) -> None:
    with pytest.raises(MapError, match="one level, not at perturbation and guide"):
        compare_pairs(maps[0], data.phenomap(level="guide", embedding="flat"))


# --- replicates ----------------------------------------------------------------------------------


def of_experiment(data: Any, phenomap: Any, key: str, names: list[str]) -> np.ndarray:
    """Mean aligned vector of an entry's wells in some experiments."""
    wells = phenomap.wells_of(key)
    here = [w for w in wells if data.wells.loc[w, "experiment_name"] in names]
    positions = data.wells.index.get_indexer(here)
    rows = np.searchsorted(phenomap.space.positions, positions)
    return phenomap.space.aligned(rows).astype(float).mean(axis=0)


def test_replicates_are_compared_half_by_half(data: Any, maps: tuple[Any, Any]) -> None:
    phenomap = maps[1]
    table = compare_replicates(phenomap)
    found = values(table)
    assert not any("Aspirin@2.5" in pair for pair in found)  # it is in one experiment only
    assert table.n_only_a > 0 == table.n_only_b
    halves = {
        "OTHER001": (["gene-002"], ["gene-159"]),
        "GENE001": (["gene-001"], ["gene-143"]),
        "GENE000": (["gene-001", "gene-143"], ["gene-002"]),
    }
    for one, two in combinations(halves, 2):
        for side in (0, 1):
            vectors = (of_experiment(data, phenomap, key, halves[key][side]) for key in (one, two))
            assert found[frozenset((one, two))][side] == pytest.approx(cosine(*vectors), abs=1e-4)
    assert table.pearson > 0.5
    assert (table.name_a, table.name_b) == ("experiments 1, 3 …", "experiments 2, 4 …")


def test_two_replicate_experiments_are_compared(data: Any, maps: tuple[Any, Any]) -> None:
    halves = Halves.of(maps[1], ("gene-159", "gene-002"))
    table = compare_replicates(halves)
    assert (table.name_a, table.name_b) == ("gene-159", "gene-002")
    assert values(table).keys() == {frozenset(pair) for pair in combinations(OTHERS, 2)}
    assert table.n_only_b == len(OTHERS) + 1  # GENE000 with each of them and the controls
    row = maps[1].row("GENE000")
    assert halves.experiments_of(1, row) == ["gene-002"]
    assert halves.experiments_of(0, row) == []


def test_experiments_with_the_same_entries_are_found(data: Any, maps: tuple[Any, Any]) -> None:
    twins = replicate_experiments(maps[1])
    assert [(t.a, t.b, t.n_entries) for t in twins] == [
        ("gene-001", "gene-143", len(GENES)),  # one gene less, and the controls
        ("gene-002", "gene-159", len(OTHERS) + 1),
    ]


def test_a_list_and_given_pairs_are_compared_in_replicates(maps: tuple[Any, Any]) -> None:
    keys = ["GENE000", "OTHER001", "Aspirin@2.5", "nobody"]
    table = compare_replicates(maps[1], keys)
    assert values(table).keys() == {frozenset(keys[:2])}
    assert table.notes == ("In neither A nor B: nobody.", "Left out: 2 pairs only in A.")
    pairs = compare_replicates(maps[1], pairs=[("GENE000", "OTHER001")])
    assert values(pairs) == values(table)


def test_what_is_not_replicated_is_said(data: Any, maps: tuple[Any, Any], tmp_path: Path) -> None:
    with pytest.raises(MapError, match="single well is not replicated"):
        compare_replicates(data.phenomap(level="well", embedding="flat"))
    with pytest.raises(MapError, match="single well"):
        replicate_experiments(data.phenomap(level="well", embedding="flat"))
    with pytest.raises(MapError, match="no experiment 'gene-999'"):
        Halves.of(maps[1], ("gene-001", "gene-999"))
    with pytest.raises(MapError, match="both gene-143 and compound-001"):
        Halves.of(maps[1], ("gene-143", "compound-001"))
    alone = s.gene_screen(4, 1, 1, 8, experiments=["gene-001"], dim=4).open(tmp_path)
    with pytest.raises(MapError, match="in two experiments: nothing is replicated"):
        compare_replicates(alone.phenomap())


def test_medians_are_compared_as_well(data: Any) -> None:
    table = compare_replicates(data.phenomap(embedding="flat", average="median"))
    assert table.pearson > 0.5


# --- the table -----------------------------------------------------------------------------------


def test_the_table_lists_pairs_and_finds_those_of_an_entry(maps: tuple[Any, Any]) -> None:
    table = compare_pairs(*maps, ["GENE000", "GENE001", "OTHER000"])
    frame = table.table
    assert list(frame) == ["key_1", "key_2", "similarity_a", "similarity_b"]
    assert [tuple(row) for row in frame[["key_1", "key_2"]].to_numpy()] == [
        table.pair(i) for i in range(3)
    ]
    with_it = table.with_entry("GENE001")
    assert len(with_it) == 2
    assert all("GENE001" in table.pair(i) for i in with_it)
    assert not len(table.with_entry("nobody"))


def test_it_reports_and_can_be_stopped(maps: tuple[Any, Any]) -> None:
    heard: list[str] = []

    def stop(done: int, total: int, text: str) -> None:
        heard.append(text)
        if "in B" in text:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        compare_pairs(*maps, progress=stop)
    assert heard[0] == "choosing pairs"
    assert any("in A" in text for text in heard)


@given(st.integers(0, comb(3_000_000, 2) - 1))
def test_a_number_stands_for_one_pair(number: int) -> None:
    ((one, two),) = ends_of(np.array([number])).tolist()
    assert 0 <= one < two
    assert comb(two, 2) + one == number


def test_all_numbers_are_all_pairs() -> None:
    pairs = ends_of(np.arange(comb(90, 2)))
    assert {tuple(pair) for pair in pairs.tolist()} == set(combinations(range(90), 2))
    assert comb(1000, 2) <= MOST_PAIRS

"""Likeness across experiments: as its formula says, and blind to what experiments share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import screens as s
from napari_rxrx3.maps.neighbors import list_neighbors
from napari_rxrx3.maps.spec import Query

ALL = 10**6
FIRST, SECOND = s.PAIR
THIRD = "gene-007"

Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return lambda name: tmp_path_factory.mktemp(name)


def answers(m: Any, query: str, **options: Any) -> pd.DataFrame:
    """Return the whole list of a query, indexed by key."""
    return m.nearest(query, k=ALL, scored=False, **options).set_index("key")


@pytest.fixture(scope="module")
def data(new_folder: Folder) -> Any:
    """Genes in two experiments, some in three or one of them, and a pair that is truly alike.

    CAUGHT_A and CAUGHT_B have no effect, but the same accident in each of the two experiments.
    """
    wells = s.Wells(5)
    alike = 4 * wells.direction("alike")
    effects = {"ALIKE_A": alike, "ALIKE_B": alike, "ANTI_A": -alike}
    wells = s.gene_screen([*effects, *s.gene_names(36)], controls=40, effects=effects, seed=5)
    wells.control(THIRD, 1, 40)
    first, second = wells.direction("accident"), wells.direction("another accident")
    second -= (first @ second) * first  # the two have nothing in common
    for experiment, direction in zip(s.PAIR, (first, second), strict=True):
        accident = 4 * direction / np.linalg.norm(direction)
        for gene in ("CAUGHT_A", "CAUGHT_B"):
            for plate in (1, 2):
                for guide in (1, 2, 3):
                    wells.guide(experiment, plate, gene, guide, accident)
    for gene, experiments in (("LONE_A", [FIRST]), ("LONE_B", [FIRST]), ("WIDE", [*s.PAIR, THIRD])):
        for experiment in experiments:
            for _ in range(4):
                wells.guide(experiment, 1, gene, 1)
    return wells.open(new_folder("across"))


def by_the_formula(data: Any, average: str) -> pd.DataFrame:
    """The mean cosine over ordered pairs of two different experiments, from the aligned wells."""
    m = data.phenomap("well", average="mean")
    wells = data.wells.loc[m.labels.index]
    vectors = pd.DataFrame(np.asarray(m.vectors, "float64"), wells.index)
    parts = vectors.groupby([wells["gene"], wells["experiment_name"]]).agg(average)
    parts = parts.drop("EMPTY_control")
    unit = parts.div(np.linalg.norm(parts, axis=1), axis=0)
    genes = parts.index.unique("gene")
    found = pd.DataFrame(np.nan, genes, genes)
    for a in genes:
        for b in genes:
            one, other = unit.loc[a], unit.loc[b]
            cosines = [
                float(one.loc[x] @ other.loc[y]) for x in one.index for y in other.index if x != y
            ]
            found.loc[a, b] = np.mean(cosines) if cosines else np.nan
    return found


@pytest.mark.each(2)
@pytest.mark.parametrize("average", ["mean", "median"])
def test_it_is_the_mean_over_pairs_of_different_experiments(average: str, data: Any) -> None:
    expected, m = by_the_formula(data, average), data.phenomap(average=average)
    for query in ("ALIKE_A", "GENE007", "WIDE", "LONE_A"):
        found = answers(m, query)["across"].drop("EMPTY_control")
        np.testing.assert_allclose(found, expected.loc[query, found.index], atol=2e-6)


def test_pairs_get_what_lists_get(data: Any) -> None:
    m = data.phenomap()
    a, b = np.triu_indices(len(m.labels), k=1)
    of_pairs = m.judge.across.of_pairs(a, b)
    for query in range(0, len(m.labels), 5):
        whole = m.judge.across.of(query)
        for name in ("likeness", "n_pairs", "n_shared"):
            found, listed = getattr(of_pairs, name)[a == query], getattr(whole, name)[b[a == query]]
            np.testing.assert_allclose(found, listed, atol=2e-6)


def test_what_has_no_two_experiments_has_no_likeness_across_them(data: Any) -> None:
    table = answers(data.phenomap(), "LONE_A")
    assert np.isnan(table.loc["LONE_B", "across"])
    assert np.isnan(table.loc["LONE_B", "across_rank"])
    assert table.loc["LONE_B", "n_across"] == 0
    assert table.drop(["LONE_B", "EMPTY_control"])["across"].notna().all()


def test_single_wells_have_none(data: Any) -> None:
    table = data.phenomap("well").nearest(data.wells.index[60], k=20, scored=False)
    assert table[["across", "across_rank"]].isna().all(axis=None)
    assert (table["n_across"] == 0).all()


@pytest.mark.parametrize("opposite", [False, True])
def test_the_rank_is_the_share_of_what_is_as_alike(opposite: bool, data: Any) -> None:
    table = answers(data.phenomap(), "ALIKE_A", opposite=opposite)
    known = table[table["across"].notna()]
    sign = -1 if opposite else 1
    for key, row in known.iterrows():
        share = (sign * known["across"] >= sign * row["across"]).mean()
        assert known.loc[key, "across_rank"] == pytest.approx(share)
        assert row["n_across"] == len(known)
    best = "ANTI_A" if opposite else "ALIKE_B"
    assert known["across_rank"].idxmin() == best
    assert known.loc[best, "across_rank"] == pytest.approx(1 / len(known))


def test_an_accident_of_experiments_is_doubted_and_a_true_likeness_is_not(data: Any) -> None:
    table = answers(data.phenomap(), "CAUGHT_A")
    assert table.index[0] == "CAUGHT_B"
    assert table.loc["CAUGHT_B", "similarity"] > 0.8
    assert "same experiments" in table.loc["CAUGHT_B", "flags"]
    assert table.loc["CAUGHT_B", "across_rank"] > 0.05
    true = answers(data.phenomap(), "ALIKE_A").loc["ALIKE_B"]
    assert "same experiments" not in true["flags"]
    assert true["q_value"] <= 0.05


def test_what_shares_no_experiment_cannot_be_alike_only_in_those_it_shares(data: Any) -> None:
    for query in ("LONE_A", "GENE003"):
        table = answers(data.phenomap(), query)
        is_doubted = table["flags"].map(lambda names: "same experiments" in names)
        known = table["across"].notna()
        assert not is_doubted[~known].any()
        assert (table.loc[is_doubted, "across_rank"] > 0.05).all()
        assert (table.loc[is_doubted, "percentile"] <= 0.05).all()
        assert not (table.loc[is_doubted, "q_value"] <= 0.05).any()


# --- in order ----------------------------------------------------------------------------------


def test_its_spread_is_that_of_cosines_that_go_together(data: Any) -> None:
    """By the definition: the mean over all pairs of ordered pairs of experiments."""
    m = data.phenomap()
    across, parts = m.judge.across, m.parts
    rows = m.rows_of([key for key in m.labels.index if key != "EMPTY_control"])
    found = across.of_pairs(np.repeat(rows, len(rows)), np.tile(rows, len(rows)))
    known = (found.n_pairs > 0) & (np.repeat(rows, len(rows)) != np.tile(rows, len(rows)))
    a, b = np.repeat(rows, len(rows))[known], np.tile(rows, len(rows))[known]
    spread = across.spread(a, b, found.n_shared[known])

    def units(row: int) -> np.ndarray:
        vectors = np.asarray(parts.vectors[parts.of(row)], dtype="float64")
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def own(row: int) -> float:
        of = units(row)
        cosines = (of @ of.T)[~np.eye(len(of), dtype=bool)]
        return float(np.clip(cosines.mean(), 0, 1)) if len(cosines) else 0.0

    for one, other, value in list(zip(a.tolist(), b.tolist(), spread, strict=True))[::7]:
        first, second = (parts.experiment[parts.of(row)].tolist() for row in (one, other))
        pairs = [(x, y) for x in first for y in second if x != y]
        together = [
            (1 if x == u else own(one)) * (1 if y == v else own(other))
            for x, y in pairs
            for u, v in pairs
        ]
        assert value == pytest.approx(np.mean(together), abs=1e-5)
    assert len(np.unique(found.n_pairs[known])) > 1


@pytest.mark.parametrize("opposite", [False, True])
def test_a_list_can_be_ordered_by_it(opposite: bool, data: Any) -> None:
    m = data.phenomap()
    table = m.nearest("ALIKE_A", k=ALL, across=True, opposite=opposite, scored=False)
    expected = answers(m, "ALIKE_A", opposite=opposite)["across"].dropna()
    expected = expected.sort_values(ascending=opposite)
    assert table["key"].tolist() == expected.index.tolist()
    np.testing.assert_array_equal(table["similarity"], table["across"])
    assert table["rank"].tolist() == list(range(1, len(expected) + 1))


def test_a_question_can_ask_for_the_order(data: Any) -> None:
    m = data.phenomap()
    query = Query(key="ALIKE_A", order="across experiments", k=5)
    listed = list_neighbors(m, query, lambda positions: None)
    table = m.nearest("ALIKE_A", k=5, across=True, judged=False)
    assert [each.key for each in listed] == table["key"].tolist()
    assert [each.value for each in listed] == pytest.approx(table["similarity"].tolist())


# --- what has no direction ---------------------------------------------------------------------


@pytest.mark.parametrize("average", ["mean", "median"])
@pytest.mark.parametrize("align", ["centerscale", "pca-centerscale", "tvn"])
def test_the_controls_are_like_nothing(align: str, average: str, data: Any) -> None:
    """A median leaves them a little away from the origin, in no direction that means anything."""
    shares = ["percentile", "p_value", "q_value", "across", "across_rank"]
    m = data.phenomap(align=align, average=average)
    assert answers(m, "EMPTY_control")[shares].isna().all(axis=None)
    assert answers(m, "GENE005").loc["EMPTY_control", shares].isna().all()

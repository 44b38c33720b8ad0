"""Activity: as it is defined, by chance where nothing acts, and found where something does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

import screens as s
from benchmarks.calibration.activity import (
    COMPOUNDS,
    FEW,
    GENES,
    GUIDED,
    active_of_few,
    chance,
    named_guides,
)
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.geometry import directions
from napari_rxrx3.maps.evidence.activity import ActivityTest, count_active
from napari_rxrx3.maps.evidence.against_controls import Together, _expected_precision
from napari_rxrx3.maps.evidence.p_values import benjamini_hochberg
from napari_rxrx3.maps.evidence.scores import score_store
from napari_rxrx3.maps.neighbors import list_neighbors
from napari_rxrx3.maps.spec import Query

Folder = Callable[[str], Path]
ACTIVE = s.gene_names(4)


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return lambda name: tmp_path_factory.mktemp(name)


@pytest.fixture(scope="module")
def wells() -> s.Wells:
    """Four genes of strong effects, twenty without, a single well, and a plate without controls."""
    effects = {gene: 5 * s.Wells(1).direction(gene) for gene in ACTIVE}
    wells = s.gene_screen(24, 2, plates=3, controls=10, effects=effects, seed=1, plate=0.5)
    wells.guide("gene-001", 1, "SINGLE", 1, 9.0)
    for _ in range(4):
        wells.guide("gene-001", 9, "ALONE", 1, 9.0)
    return wells


@pytest.fixture(scope="module")
def dataset(wells: s.Wells, new_folder: Folder) -> Any:
    return wells.open(new_folder("screen"))


def test_what_acts_is_active_and_what_does_not_is_not(dataset: Any) -> None:
    scores = dataset.phenomap().scores
    assert scores["is_active"].dtype == bool
    assert scores.index[scores["is_active"]].tolist() == ACTIVE
    assert scores.loc[ACTIVE, "activity"].min() > 0.7
    assert scores["activity"].drop(ACTIVE).max() < 0.5
    assert scores.loc[ACTIVE, "activity_p"].max() < 0.001
    assert count_active(scores) == (4, 24)


def test_controls_single_wells_and_wells_without_controls_are_not_tested(dataset: Any) -> None:
    scores = dataset.phenomap().scores.loc[["EMPTY_control", "SINGLE", "ALONE"]]
    assert scores[["activity", "activity_p", "activity_q"]].isna().all(axis=None)
    assert not scores["is_active"].any()
    of_wells = dataset.phenomap("well").scores
    assert of_wells["activity_p"].isna().all()
    assert count_active(of_wells) == (0, 0)


def test_q_is_over_all_that_could_be_tested(dataset: Any) -> None:
    scores = dataset.phenomap().scores
    np.testing.assert_array_equal(
        scores["activity_q"], benjamini_hochberg(scores["activity_p"].to_numpy())
    )
    assert scores["is_active"].equals(scores["activity_q"] <= 0.05)


def test_activity_does_not_hang_on_the_alignment(dataset: Any) -> None:
    names = ["activity", "activity_p", "activity_q", "is_active"]
    first = dataset.phenomap(align="none").scores[names]
    for align in ("centerscale", "pca-centerscale", "tvn"):
        left_out = dataset.phenomap(align=align).scores[names]
        pd.testing.assert_frame_equal(left_out, first)


def test_the_precision_is_that_of_finding_the_other_wells_among_the_controls_of_the_plate() -> None:
    rng = np.random.default_rng(0)
    is_own = np.array([True, True, False, False, False, True, False, False])
    on_plate = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    for _ in range(20):
        vectors = rng.normal(size=(8, 3))
        found = Together(vectors[None].astype(np.float32), ((2, 3), (1, 2)))
        middles = np.stack([vectors[on_plate == plate].mean(axis=0) for plate in (0, 1)])
        units = directions(vectors - middles[on_plate])
        expected = []
        for well in np.flatnonzero(is_own):
            others = np.flatnonzero(is_own & (np.arange(8) != well))
            rivals = np.flatnonzero(~is_own & (on_plate == on_plate[well]))
            listed = np.r_[others, rivals]
            truth = np.isin(listed, others)
            beside = on_plate[listed] == on_plate[well]
            # what being seen from the middle of a few takes from the cosines among these few
            likeness = units[listed] @ units[well] + beside / (
                (on_plate == on_plate[well]).sum() - 1
            )
            average = average_precision_score(truth, likeness)
            by_chance = mean_by_chance(len(others), len(rivals))
            expected.append((average - by_chance) / (1 - by_chance))
        assert found.mean_precision() == pytest.approx(np.mean(expected), abs=1e-3)


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_the_cosines_are_those_of_directions_from_the_middle_of_the_plate(offset: float) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(2, 9, 5)) + offset
    vectors[1, 5:] = vectors[1, 5]  # a plate on which all wells are the same
    on_plate = np.repeat([0, 1], [5, 4])
    found = Together(vectors.astype(np.float32), ((2, 3), (1, 3)))
    for entry, of_entry in enumerate(vectors):
        middles = np.stack([of_entry[on_plate == plate].mean(axis=0) for plate in (0, 1)])
        units = directions(of_entry - middles[on_plate])
        if entry == 1:
            units[5:] = 0
        np.testing.assert_allclose(found.cosines[entry], units @ units.T, atol=1e-5)
        np.testing.assert_allclose(found._units(entry), units, atol=1e-5)


@pytest.mark.parametrize("centered", [True, False])
def test_swaps_are_counted_as_their_sums_are_long(centered: bool) -> None:
    """Also those that are as long but for rounding: the same wells are drawn again and again."""
    rng = np.random.default_rng(2)
    pattern, n = ((1, 2), (1, 3)), 4000
    vectors = rng.normal(size=(3, 7, 4)).astype(np.float32)
    found = Together(vectors, pattern).n_as_far(0, n, lambda: None, centered=centered)
    for of_entry, count in zip(vectors.astype(float), found, strict=True):
        added = of_entry
        if centered:
            halves = of_entry[:3], of_entry[3:]
            added = directions(np.concatenate([half - half.mean(axis=0) for half in halves]))
        lengths = np.array([[np.linalg.norm(a + b) for b in added[3:]] for a in added[:3]])
        share = (lengths >= lengths[0, 0] - 1e-9).mean()
        assert count / n == pytest.approx(share, abs=4 * np.sqrt(0.25 / n))


def mean_by_chance(n: int, n_rivals: int) -> float:
    """Average precision over all orders of some and their rivals."""
    from itertools import combinations

    total = [
        np.mean([(i + 1) / (rank + 1) for i, rank in enumerate(ranks)])
        for ranks in combinations(range(n + n_rivals), n)
    ]
    return float(np.mean(total))


@pytest.mark.parametrize(("n", "rivals"), [(1, 4), (3, 5), (5, 2)])
def test_the_precision_by_chance_is_exact(n: int, rivals: int) -> None:
    assert _expected_precision(n, (rivals,))[0] == pytest.approx(mean_by_chance(n, rivals))


def test_the_p_of_activity_counts_the_labels_as_they_are(new_folder: Folder) -> None:
    """A well and two controls on each of two plates: its wells are one pair of nine."""
    wells = s.Wells(7)
    names = [f"GENE{i}" for i in range(40)]
    for plate in (1, 2):
        wells.control("gene-001", plate, 2)
        for gene in names:
            wells.guide("gene-001", plate, gene, 1, 30 * wells.direction(gene))
    p = wells.open(new_folder("three")).phenomap(align="none").scores["activity_p"]
    np.testing.assert_allclose(p[names].min(), 1 / 9, atol=0.02)


# --- on screens of which the truth is known ------------------------------------------------------


@pytest.mark.first_example
@pytest.mark.parametrize(
    ("design", "low", "high"),
    [
        (replace(GENES, plates=3, dimension=64), 0.02, 0.09),
        (replace(GENES, plates=2, controls=116, pairs=2), 0.0, 0.12),
        (replace(COMPOUNDS, compounds=40), 0.02, 0.08),
        (replace(COMPOUNDS, compounds=30, controls=116), 0.02, 0.08),
    ],
)
def test_without_signal_p_is_small_as_often_as_it_says(
    design: Any, low: float, high: float
) -> None:
    shares = [chance(design, seed) for seed in range(3)]
    assert low <= np.mean(shares) <= high, shares


@pytest.mark.soak
def test_eleven_active_ones_among_480_are_found() -> None:
    for seed in range(2):
        found, false = active_of_few(FEW["480 genes"], seed)
        assert found >= 9
        assert false <= 1


@pytest.mark.soak
def test_few_active_ones_among_many_are_found() -> None:
    """A p of 1/401, all that 400 permutations can tell, would call none of them."""
    design = replace(FEW["480 genes"], pairs=8, plates=3, complexes=(1, 1, 1), dimension=64)
    found, false = active_of_few(design, 0)
    assert found == 3
    assert false <= 1


@pytest.mark.soak
def test_of_guides_that_are_alike_hardly_one_is_named_and_a_dead_one_is() -> None:
    design = replace(GUIDED, plates=6, dimension=64)
    named = [*named_guides(replace(design, effect=0.3), 1)]
    named += named_guides(replace(design, effect=0.5), 1)
    assert np.mean([guide != "" for guide in named]) <= 0.09
    one_dead = named_guides(replace(design, effect=1.0, dead_guides=1), 1)
    assert np.mean([guide.endswith("_guide_6") for guide in one_dead]) >= 0.8


# --- kept, stopped, asked for --------------------------------------------------------------------


def test_looking_for_active_ones_can_be_stopped_at_any_time(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # in this thread: all reports are seen
    m = dataset.phenomap()
    m.open_space(None)
    reports: list[str] = []

    def activity(progress: Any) -> pd.DataFrame:
        return ActivityTest.of(m, progress).table(progress)

    expected = activity(lambda done, total, text: reports.append(text))
    assert sum(text == "looking for active ones among 24 entries" for text in reports) > 4
    for last in range(0, len(reports), max(1, len(reports) // 10)):
        left = iter(range(last))

        def stop(done: int, total: int, text: str, left: Any = left) -> None:
            if next(left, None) is None:
                raise Cancelled("stopped by the test")

        with pytest.raises(Cancelled):
            activity(stop)
    pd.testing.assert_frame_equal(activity(lambda *_: None), expected)


def test_activity_is_kept_with_the_scores(dataset: Any) -> None:
    def stop(*args: Any) -> None:
        raise Cancelled("nothing is to be computed")

    m = dataset.phenomap()
    expected = m.scores
    pd.testing.assert_frame_equal(score_store(m).get(stop), expected)


def test_the_active_ones_are_listed_and_only_these(dataset: Any) -> None:
    m = dataset.phenomap()
    listed = list_neighbors(m, Query(order="active", k=50), lambda wells: None)
    assert {neighbor.key for neighbor in listed} == set(ACTIVE)
    values = [neighbor.value for neighbor in listed]
    assert values == sorted(values, reverse=True)
    assert list_neighbors(m, Query(order="active", kind="compounds"), lambda wells: None) == []

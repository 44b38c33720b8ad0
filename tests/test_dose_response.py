"""Dose response: the trend as it is defined, curves that were planted, and none by chance."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from scipy import optimize, stats

import napari_rxrx3 as rx
import screens as s
from benchmarks.calibration.doses import MANY, SILENT, called, halves_found
from benchmarks.calibration.screens import Screen
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.figures.curve import curve_in_words, draw_curve
from napari_rxrx3.figures.record import CurveRecord
from napari_rxrx3.hits.table import scores_of
from napari_rxrx3.maps.dose_response import trend as t
from napari_rxrx3.maps.dose_response.compounds import DosedCompound, wells_of_compounds
from napari_rxrx3.maps.dose_response.hill import fit_hill, hill
from napari_rxrx3.maps.dose_response.lowest_dose import lowest_active_dose
from napari_rxrx3.maps.dose_response.numbers import DOSE_NUMBERS
from napari_rxrx3.maps.dose_response.responses import COLUMNS
from napari_rxrx3.maps.dose_response.words import acts_from, doses_in_words
from napari_rxrx3.maps.evidence.p_values import benjamini_hochberg
from napari_rxrx3.maps.neighbors import judge_neighbors, list_neighbors, score_neighbors
from napari_rxrx3.maps.spec import Query
from napari_rxrx3.strips import arrange
from napari_rxrx3.strips.strip import hill_curve

DOSES = (0.01, 0.1, 1.0, 10.0)
PLANTED = {"Steep": 0.3, "Weak": 1.0}


def compound(steps: Any, plate: Any, doses: Any = DOSES) -> DosedCompound:
    dose = np.array(doses)[np.array(steps)]
    return DosedCompound("X", np.arange(len(dose)), np.array(plate), dose, len(dose))


# --- the trend -------------------------------------------------------------------------------


def longest(vectors: np.ndarray, steps: list[int], plate: list[int]) -> float:
    """The statistic, pair by pair of wells, as docs/maps.md has it."""
    total = 0.0
    for a, b in itertools.permutations(range(len(steps)), 2):
        ends = []
        for i in (a, b):
            beside = [j for j in range(len(steps)) if plate[j] == plate[i]]
            middle = vectors[beside].mean(axis=0)
            ends.append((steps[i] - np.mean([steps[j] for j in beside]), vectors[i] - middle))
        (weight_a, vector_a), (weight_b, vector_b) = ends
        total += weight_a * weight_b * float(vector_a @ vector_b)
    return total


def test_p_is_the_share_of_all_permutations_within_plates() -> None:
    random = np.random.default_rng(3)
    steps, plate = [0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1]
    vectors = random.normal(size=(6, 4)) + np.array(steps)[:, None] * 0.8
    observed = longest(vectors, steps, plate)
    ways = [
        longest(vectors, [*first, *second], plate)
        for first in itertools.permutations([0, 1, 2])
        for second in itertools.permutations([0, 1, 2])
    ]
    exact = float(np.mean(np.array(ways) >= observed - 1e-9))
    products = t.trend_products(vectors, np.array(plate))
    weights = t.weights(np.array(steps), np.array(plate))
    assert weights @ products @ weights == pytest.approx(observed)
    (p,) = t.trend_ps([compound(steps, plate)], [products], lambda *_: None)
    assert p == pytest.approx(exact, abs=3 * np.sqrt(exact * (1 - exact) / 400))


def test_of_single_numbers_it_is_the_test_of_scipy() -> None:
    """One number a well, one plate: the squared weighted sum, less what no permutation changes."""
    random = np.random.default_rng(8)
    steps = np.repeat(np.arange(4), 3)
    values = random.normal(size=12) + 0.4 * steps
    centered = values - values.mean()

    def statistic(x: np.ndarray) -> float:
        weights = x - x.mean()
        return float((weights @ centered) ** 2 - (weights**2 * centered**2).sum())

    found = stats.permutation_test(
        (steps,),
        statistic,
        permutation_type="pairings",
        n_resamples=4_000,
        alternative="greater",
        rng=np.random.default_rng(0),
    )
    one = compound(steps, np.zeros(12, int))
    products = t.trend_products(values[:, None], np.zeros(12, int))
    (p,) = t.trend_ps([one], [products], lambda *_: None)
    assert p == pytest.approx(found.pvalue, abs=0.03)


def test_one_trend_among_hundreds_has_a_p_that_is_small_enough() -> None:
    random = np.random.default_rng(1)
    steps, plate = np.tile(np.arange(8), 4), np.repeat(np.arange(4), 8)
    one = compound(steps, plate, np.arange(8) + 1.0)
    products = [
        t.trend_products(random.normal(size=(32, 16)) + effect * steps[:, None], plate)
        for effect in (1.0, *[0.0] * 300)
    ]
    p = t.trend_ps([one] * len(products), products, lambda *_: None)
    assert benjamini_hochberg(p)[0] <= 0.01
    assert p[0] < 1e-4
    assert benjamini_hochberg(p)[1:].min() > 0.05


# --- Hill curves -----------------------------------------------------------------------------


def test_a_curve_without_noise_is_found_again() -> None:
    dose = np.repeat([0.0025, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10], 4)
    response = 0.5 + 6 * hill(dose, 0.3, 1.7)
    fit = fit_hill(dose, response, np.full(40, 0.5))
    assert fit is not None
    assert (fit.ec50, fit.slope) == pytest.approx((0.3, 1.7), rel=1e-3)
    assert (fit.bottom, fit.top) == pytest.approx((0.5, 6.5), rel=1e-3)
    assert fit.low <= fit.ec50 <= fit.high
    assert fit.in_words().startswith("0.3 µM (")


def test_the_fit_is_the_least_squares_of_scipy() -> None:
    random = np.random.default_rng(1)
    dose = np.repeat([0.0025, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10], 4)
    response = 5 * hill(dose, 0.2, 1.2) + random.normal(size=32)

    def curve(x: np.ndarray, bottom: float, span: float, half: float, slope: float) -> np.ndarray:
        return bottom + span * hill(x, 10.0**half, slope)

    (bottom, span, half, slope), _ = optimize.curve_fit(curve, dose, response, (0, 5, -1, 1))
    fit = fit_hill(dose, response, np.zeros(0))
    assert fit is not None
    assert fit.ec50 == pytest.approx(10.0**half, rel=0.01)
    assert (fit.slope, fit.bottom) == pytest.approx((slope, bottom), rel=0.02, abs=0.02)
    assert fit.top == pytest.approx(bottom + span, rel=0.02)


def test_a_half_outside_of_the_doses_is_not_given() -> None:
    dose = np.repeat([0.0025, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10], 4)
    noise = 0.02 * np.random.default_rng(0).normal(size=32)
    above = fit_hill(dose, 8 * hill(dose, 40.0, 1.5) + noise, np.zeros(40))
    assert above is not None
    assert above.in_words() == "> 10 µM"
    assert np.isnan(above.within(above.ec50))
    below = fit_hill(dose, 8 * hill(dose, 0.0008, 1.0) + noise, np.zeros(40))
    assert below is not None
    assert below.in_words() == "< 0.0025 µM"


def test_what_falls_has_no_curve() -> None:
    dose = np.repeat(DOSES, 3)
    assert fit_hill(dose, 5 - 5 * hill(dose, 0.3, 1.5), np.zeros(0)) is None


# --- the lowest dose -------------------------------------------------------------------------


class Controls:
    """Controls without any effect on each plate."""

    def __init__(self, random: np.random.Generator, dim: int) -> None:
        self.vectors = random.normal(size=(4, 24, dim))

    def controls_on(self, plate: int) -> np.ndarray:
        return self.vectors[plate]

    def shortened(self, vectors: np.ndarray) -> np.ndarray:
        return vectors


def lowest(effects: tuple[float, ...], seed: int) -> float:
    random = np.random.default_rng(seed)
    steps, plate = np.tile(np.arange(4), 4), np.repeat(np.arange(4), 4)
    direction = np.full(16, 0.25)
    vectors = random.normal(size=(16, 16)) + np.array(effects)[steps][:, None] * direction
    doses: Any = Controls(random, 16)
    return lowest_active_dose(compound(steps, plate), vectors, doses)


def test_the_lowest_dose_is_the_last_of_those_that_act() -> None:
    found = [lowest((0, 0, 6, 6), seed) for seed in range(40)]
    assert np.mean(np.array(found) == 1.0) >= 0.85
    assert np.mean(np.array(found) < 1.0) <= 0.15


def test_a_dose_below_one_that_does_nothing_is_not_asked() -> None:
    assert all(not lowest((6, 6, 0, 6), seed) < 1.0 for seed in range(20))


def test_where_nothing_acts_a_dose_is_seldom_found() -> None:
    found = [lowest((0, 0, 0, 0), seed) for seed in range(200)]
    assert np.mean(~np.isnan(found)) <= 0.09


# --- a whole map -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wells() -> s.Wells:
    """Two compounds with curves, six without, one at two doses, one of a dose a plate."""
    wells = s.Wells(4, dim=32, plate=0.5)
    for plate in range(1, 5):
        wells.control("compound-001", plate, 24)
        for name in ("Steep", "Weak", *(f"Silent{i}" for i in range(6))):
            for dose in (0.01, 0.03, 0.1, 0.3, 1, 3, 10):
                size = 12 * hill(np.array(dose), PLANTED.get(name, np.inf), 1.5)
                wells.dose("compound-001", plate, name, dose, float(size) * wells.direction(name))
        for dose in (0.1, 1):
            wells.dose("compound-001", plate, "Twice", dose)
        wells.dose("compound-001", plate, "Apart", 10.0**-plate)
    wells.guide("gene-001", 1, "PLK1", 1, 4 * wells.direction("Steep"))
    wells.control("gene-001", 1, 24)
    return wells


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doses")


@pytest.fixture(scope="module")
def phenomap(wells: s.Wells, folder: Path) -> Any:
    return wells.open(folder).phenomap()


def test_planted_curves_are_found_and_others_are_not(phenomap: Any) -> None:
    table = phenomap.dose_response
    assert list(table.columns) == list(COLUMNS)
    assert table["has_trend"].dtype == bool
    assert set(table.index[table["has_trend"]]) == set(PLANTED)
    for name, half in PLANTED.items():
        assert half / 2 < table.loc[name, "ec50"] < half * 2
        assert table.loc[name, "ec50_low"] < half < table.loc[name, "ec50_high"]
        assert table.loc[name, "lowest_active_dose"] <= half
        assert table.loc[name, "trend"] > 0.7
    silent = table.drop(index=list(PLANTED))
    assert silent[["ec50", "slope", "top", "lowest_active_dose"]].isna().all(axis=None)
    assert silent["ec50_in_words"].isna().all()


def test_what_cannot_be_asked_is_said(phenomap: Any) -> None:
    table = phenomap.dose_response
    assert table.loc["Twice", "why_not"] == "two doses, and a trend takes three"
    assert table.loc["Apart", "why_not"].startswith("each of its plates holds one dose")
    assert table.loc[["Twice", "Apart"], ["trend", "trend_p", "trend_q"]].isna().all(axis=None)
    assert table.loc["Twice", ["n_doses", "n_wells"]].tolist() == [2, 8]
    assert table["why_not"].notna().sum() == 2
    words = doses_in_words(table.loc["Twice"].to_dict())
    assert words == "no dose response: two doses, and a trend takes three"


def test_without_controls_there_is_a_trend_and_nothing_else(tmp_path: Path) -> None:
    wells = s.Wells(6)
    for plate in range(1, 5):
        for step, dose in enumerate(DOSES):
            for name in ("Acts", *(f"Silent{i}" for i in range(8))):
                size = 4.0 * step if name == "Acts" else 0.0
                wells.dose("compound-001", plate, name, dose, size * wells.direction(name))
    dataset = wells.open(tmp_path)
    table = dataset.phenomap(align="none").dose_response
    assert table.index[table["has_trend"]].tolist() == ["Acts"]
    assert table[["trend", "ec50", "lowest_active_dose"]].isna().all(axis=None)
    assert table.loc["Acts", "ec50_in_words"].startswith("unknown without controls")
    well = dataset.wells.index[dataset.wells["treatment"] == "Acts"][0]
    strip = arrange("doses", dataset, well, query=Query(align="none"))
    assert strip.curve is None
    assert "can be compared with controls" in strip.note


def test_q_is_over_the_compounds_that_could_be_tested(phenomap: Any) -> None:
    table = phenomap.dose_response
    known = table["trend_p"].notna()
    expected = stats.false_discovery_control(table.loc[known, "trend_p"])
    np.testing.assert_allclose(table.loc[known, "trend_q"], expected)


def test_it_is_kept_for_the_next_time(phenomap: Any, folder: Path) -> None:
    table = phenomap.dose_response
    again = rx.open_dataset(folder / "data", cache_dir=folder / "cache").phenomap()
    assert not again.doses.is_ready

    def forbid(done: int, total: int, text: str) -> None:
        raise AssertionError(f"computed anew: {text}")

    pd.testing.assert_frame_equal(again.doses.store.get(forbid), table)


def test_it_does_not_hang_on_the_alignment(phenomap: Any) -> None:
    other = phenomap.dataset.phenomap(align="none", level="guide")
    pd.testing.assert_frame_equal(other.dose_response, phenomap.dose_response)


def test_it_stops_when_it_is_told_to(wells: s.Wells, tmp_path: Path) -> None:
    phenomap = wells.open(tmp_path).phenomap()

    def stop(done: int, total: int, text: str) -> None:
        if "what doses of" in text:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        phenomap.doses.store.get(stop)
    assert not phenomap.doses.is_ready
    assert phenomap.dose_response["has_trend"].sum() == len(PLANTED)


@pytest.mark.parametrize("after", [0.0, 0.3, 1.0])
def test_it_stops_soon_and_says_where_it_is(many: Any, after: float) -> None:
    """Asked from another thread, after some of its time."""
    asked, said = threading.Event(), []

    def progress(done: int, total: int, text: str) -> None:
        said.append((done, total, text))
        if asked.is_set():
            raise Cancelled("enough")

    def work() -> float:
        with suppress(Cancelled):
            while True:  # a fast computer may be done before it is asked
                many.doses._computed(many, progress)
        return time.perf_counter()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(work)
        time.sleep(after)
        began = time.perf_counter()
        asked.set()
        took = ended.result(timeout=30) - began
    assert took < 0.5
    assert all(done <= total and text for done, total, text in said)
    if after == 1.0:
        assert any("doses of 120 compounds" in text for _, _, text in said)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """120 compounds, of which a third have curves: some seconds of work."""
    design = replace(MANY["effect 2"], compounds=120, dimension=256)
    return Screen(0, design).open(tmp_path_factory.mktemp("many")).phenomap(align="none")


def test_wells_know_the_trend_of_their_compound(phenomap: Any) -> None:
    table = phenomap.dose_response
    wells = phenomap.dataset.wells
    found = phenomap.doses_at(np.arange(len(wells))).set_axis(wells.index)
    steep = wells.index[wells["treatment"] == "Steep"]
    assert set(found.loc[steep, "lowest_active_dose"]) == {table.loc["Steep", "lowest_active_dose"]}
    is_control = wells["treatment"] == "EMPTY_control"
    assert found[is_control.to_numpy()].isna().all(axis=None)


def test_a_list_can_be_of_the_clearest_doses(phenomap: Any) -> None:
    query = Query(order="clearest dose response", key="PLK1")
    listed = list_neighbors(phenomap, query, lambda wells: None)
    assert sorted(each.key for each in listed) == ["Steep@10", "Weak@10"]
    assert [each.value for each in listed] == phenomap.dose_response.loc[
        [each.name for each in listed], "trend"
    ].tolist()
    judged = score_neighbors(phenomap, judge_neighbors(phenomap, query, listed))
    assert all(each.dose_response.startswith("dose response: acts from ") for each in judged)
    genes = Query(order="clearest dose response", key="PLK1", kind="genes")
    assert list_neighbors(phenomap, genes, lambda wells: None) == []


def test_neighbors_say_from_which_dose_they_act(phenomap: Any) -> None:
    query = Query(key="PLK1")
    listed = list_neighbors(phenomap, query, lambda wells: None)
    scored = score_neighbors(phenomap, judge_neighbors(phenomap, query, listed))
    by_name = {each.name: each for each in scored}
    steep = by_name["Steep"]
    lowest_dose = phenomap.dose_response.loc["Steep", "lowest_active_dose"]
    assert steep.lowest_active_dose == lowest_dose
    assert acts_from(steep.trend_q, steep.lowest_active_dose) == f"acts from {lowest_dose:g} µM"
    silent = by_name["Silent0"]
    assert acts_from(silent.trend_q, silent.lowest_active_dose) == "no dose trend"
    assert silent.dose_response.startswith("no trend with dose (q ")
    expected = phenomap.dose_response.loc["Steep", list(DOSE_NUMBERS)].tolist()
    np.testing.assert_array_equal([getattr(steep, name) for name in DOSE_NUMBERS], expected)


def test_a_tag_takes_the_numbers_of_the_compound(phenomap: Any) -> None:
    table, wells = phenomap.dose_response, phenomap.dataset.wells
    of = {name: wells.index[wells["treatment"] == name][0] for name in ("Steep", "Silent0")}
    steep, silent = (scores_of(phenomap, of[name]) for name in of)
    for name in DOSE_NUMBERS:
        np.testing.assert_array_equal(steep[name], table.loc["Steep", name])
    assert silent["trend_q"] == table.loc["Silent0", "trend_q"]
    gene = scores_of(phenomap, wells.index[wells["gene"] == "PLK1"][0])
    assert np.isnan([silent["ec50"], *(gene[name] for name in DOSE_NUMBERS)]).all()


def test_all_numbers_of_a_map_have_the_doses_of_each_entry(phenomap: Any) -> None:
    table, doses = phenomap.all_numbers(), phenomap.dose_response
    assert list(table.columns) == [*phenomap.scores.columns, *DOSE_NUMBERS]
    names = list(DOSE_NUMBERS)
    for key in ("Steep@0.01", "Steep@10"):
        np.testing.assert_array_equal(
            table.loc[key, names].to_numpy(float), doses.loc["Steep", names].to_numpy(float)
        )
    assert table.loc["PLK1", names].isna().all()


# --- the strip of doses ----------------------------------------------------------------------


def test_a_strip_of_doses_has_the_curve_once_it_is_known(wells: s.Wells, tmp_path: Path) -> None:
    dataset = wells.open(tmp_path)
    well = dataset.wells.index[dataset.wells["treatment"] == "Steep"][0]
    before = arrange("doses", dataset, well)
    assert before.curve is not None
    assert (before.curve.verdict, before.curve.fit) == ("", None)
    assert "distance from the controls" in before.curve.metric
    table = dataset.phenomap().dose_response
    strip = arrange("doses", dataset, well)
    curve, row = strip.curve, table.loc["Steep"]
    assert curve is not None
    assert curve.fit is not None
    assert strip.note.startswith("Dose response: acts from ")
    assert f"acts from {row['lowest_active_dose']:g} µM" in strip.note
    assert curve.fit.ec50 == row["ec50"]
    assert list(map(len, curve.distances)) == [4] * 7
    on_curve = hill_curve(np.array(curve.doses), curve.fit)
    np.testing.assert_allclose(curve.means, on_curve, atol=1.5)
    assert curve.control_spread == pytest.approx((-1.64, 1.64), abs=0.4)


def test_a_fitted_curve_is_put_on_record_and_drawn(phenomap: Any) -> None:
    phenomap.dose_response  # noqa: B018
    wells = phenomap.dataset.wells
    strip = arrange("doses", phenomap.dataset, wells.index[wells["treatment"] == "Steep"][0])
    assert strip.curve is not None
    record = CurveRecord.of(strip.curve)
    assert record.curve() == strip.curve
    words = curve_in_words(record)
    assert "line: a Hill curve" in words
    assert words.endswith(f"{strip.curve.verdict[1:]}.")
    axes = Figure().add_subplot()
    draw_curve(axes, record, FontProperties())
    low, high = axes.get_ylim()
    assert low < min(strip.curve.distances[0]) < max(strip.curve.distances[-1]) < high
    longest = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert longest.get_ydata()[-1] == pytest.approx(hill_curve(10, strip.curve.fit))


def test_a_strip_of_doses_says_that_there_is_no_trend(phenomap: Any) -> None:
    phenomap.dose_response  # noqa: B018
    wells = phenomap.dataset.wells
    strip = arrange("doses", phenomap.dataset, wells.index[wells["treatment"] == "Silent1"][0])
    assert strip.note.startswith("No trend with dose (q ")
    assert strip.curve is not None
    assert strip.curve.fit is None
    assert "distance from the controls" in strip.curve.metric


# --- in the design of RxRx3 ------------------------------------------------------------------


def test_without_any_effect_few_compounds_have_a_trend() -> None:
    n, n_called, _ = called(SILENT["no effect"], 0)
    assert n_called / n <= 0.07


def test_planted_halves_are_found_within_twofold() -> None:
    found = halves_found(MANY["effect 3"], 0)
    assert found["found"] >= 0.9 * found["planted"]
    assert found["within"] >= 0.85 * found["found"]
    assert found["false"] <= 0.07 * found["silent"]


def test_a_screen_without_compounds_has_a_table_without_rows(tmp_path: Path) -> None:
    wells = s.Wells(4)
    wells.control("gene-001", 1, 8)
    wells.guide("gene-001", 1, "PLK1", 1, 4 * wells.direction("PLK1"))
    table = wells.open(tmp_path).phenomap(align="none").dose_response
    assert table.empty
    assert list(table.columns) == list(COLUMNS)


def test_of_very_many_wells_of_a_dose_some_are_used(tmp_path: Path) -> None:
    wells = s.Wells(dim=4)
    for dose, n in ((1.0, 60), (10.0, 20)):
        for _ in range(n):
            wells.dose("compound-001", 1, "Much", dose)
    wells.control("compound-001", 1, 16)
    space = wells.open(tmp_path).phenomap(align="none").space
    found = wells_of_compounds(space, ["Much"], "EMPTY_control")["Much"]
    assert np.unique(found.dose, return_counts=True)[1].tolist() == [48, 20]
    assert found.n_all == 80

"""Shares of pairs: uniform without signal, small with it, and those that counting gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import screens as s
from napari_rxrx3.maps.evidence.other_vectors import OwnVectors
from napari_rxrx3.maps.evidence.p_values import (
    SIZES,
    NullOfPairs,
    add_one_p,
    benjamini_hochberg,
    lehmann_romano,
    size_below,
)

ALL = 10**6
PLACES = [(experiment, plate) for experiment in s.PAIR for plate in (1, 2, 3)]
QUESTIONS = [(m, o) for m in ("cosine", "euclidean") for o in (False, True)]

Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return lambda name: tmp_path_factory.mktemp(name)


def listed(m: Any, query: str, metric: str = "cosine", opposite: bool = False) -> pd.DataFrame:
    """Return the whole list of a query without controls, indexed by key."""
    table = m.nearest(query, k=ALL, metric=metric, opposite=opposite).set_index("key")
    is_control = m.labels["treatment"].str.contains("_control").to_numpy()
    return table.drop(m.labels.index[is_control], errors="ignore")


def perturbations(m: Any) -> list[str]:
    """Return the keys of all entries but controls."""
    return m.labels.index[~m.labels["treatment"].str.contains("_control")].tolist()


def ks(p: Any) -> float:
    """Return the largest distance between the distribution of p-values and a uniform one."""
    return float(stats.kstest(p, "uniform").statistic)


# --- without signal ----------------------------------------------------------------------------


def unequal(seed: int, strengths: dict[int, float], n: int = 24, dim: int = 16) -> s.Wells:
    """`n` genes of each number of wells, named after it, with an effect of its own each."""
    wells = s.Wells(seed, dim)
    for place in PLACES:
        wells.control(*place, 24)
    for n_wells, strength in strengths.items():
        for i in range(n):
            gene = f"N{n_wells:02d}GENE{i:02d}"
            order = wells.random(gene).permutation(len(PLACES))
            for j in range(n_wells):
                place = PLACES[order[j % len(PLACES)]]
                wells.guide(*place, gene, 1, strength * wells.direction(gene))
    return wells


def by_sizes(maps: list[Any], metric: str, opposite: bool) -> dict[tuple[str, str], np.ndarray]:
    """Return p-values of all pairs, by the sizes that begin the names of query and neighbor.

    Without the rest of a list, which takes too long for so many.
    """
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for m in maps:
        null, rows = (
            NullOfPairs(m, OwnVectors(m), metric),
            m.labels.index.get_indexer(perturbations(m)),
        )
        size = m.labels.index.str[:3].to_numpy()
        for query in rows:
            others = rows[rows != query]
            closeness = m.closeness(query, metric)[others]
            p, _ = null.p_values(query, others, closeness, opposite)
            for other in set(size[rows]):
                found.setdefault((size[query], other), []).append(p[size[others] == other])
    return {sizes: np.concatenate(p) for sizes, p in found.items()}


@pytest.fixture(scope="module")
def silent_maps(new_folder: Folder) -> list[Any]:
    sizes = {2: 0.0, 6: 0.0, 18: 0.0}
    return [unequal(seed, sizes).open(new_folder("silent")).phenomap() for seed in range(6)]


@pytest.mark.each(2)
@pytest.mark.parametrize(("metric", "opposite"), QUESTIONS)
def test_without_signal_p_is_uniform_whatever_the_numbers_of_wells(
    metric: str, opposite: bool, silent_maps: list[Any]
) -> None:
    """Distances are longer the fewer the wells; a null of another size would show here.

    All distances from one entry hang together by its length, so that they scatter more.
    """
    found = by_sizes(silent_maps, metric, opposite)
    for sizes, p in found.items():
        assert np.isfinite(p).all()
        assert ks(p) < (0.04 if metric == "cosine" else 0.1), sizes
        assert np.mean(p <= 0.05) < (0.07 if metric == "cosine" else 0.1), sizes


@pytest.mark.parametrize("level", ["guide", "well"])
def test_without_signal_p_is_uniform_at_each_level(level: str, new_folder: Folder) -> None:
    p = []
    for seed in (1, 2, 3):
        wells = s.gene_screen(genes=24, guides=2, plates=1, controls=12, seed=seed)
        m = wells.open(new_folder(level)).phenomap(level)
        p += [listed(m, query)["percentile"] for query in perturbations(m)[::8]]
    pooled = np.concatenate(p)
    assert ks(pooled) < 0.06
    assert 0.03 < np.mean(pooled <= 0.05) < 0.07


@pytest.fixture(scope="module")
def odd_maps(new_folder: Folder) -> list[Any]:
    """9 and 21 wells are numbers without a null of their own."""
    odd = {9: 0.0, 21: 0.0}
    return [unequal(i, odd, dim=64).open(new_folder("odd")).phenomap() for i in (1, 2, 3)]


@pytest.mark.each(2)
@pytest.mark.parametrize(("metric", "opposite"), QUESTIONS)
def test_a_null_of_another_number_of_wells_makes_no_small_p(
    metric: str, opposite: bool, odd_maps: list[Any]
) -> None:
    for sizes, p in by_sizes(odd_maps, metric, opposite).items():
        assert p.mean() > 0.45, sizes
        assert np.mean(p <= 0.05) < 0.08, sizes


@pytest.fixture(scope="module")
def lopsided_maps(new_folder: Folder) -> list[Any]:
    """Too few averages of 18 wells for a null of their own, beside many of two."""
    maps = []
    for seed in range(6):
        wells = unequal(seed, {18: 0.0}, n=6)
        for gene, place in itertools.product(s.gene_names(30, "N02GENE"), PLACES[::3]):
            wells.guide(*place, gene, 1)
        maps.append(wells.open(new_folder("lopsided")).phenomap())
    return maps


@pytest.mark.each(2)
@pytest.mark.parametrize(("metric", "opposite"), QUESTIONS)
def test_a_few_large_entries_are_not_alike_by_their_size(
    metric: str, opposite: bool, lopsided_maps: list[Any]
) -> None:
    for sizes, p in by_sizes(lopsided_maps, metric, opposite).items():
        assert np.isfinite(p).all()
        assert p.mean() > 0.4, sizes
        assert np.mean(p <= 0.05) < 0.1, sizes


@pytest.mark.each(2)
@pytest.mark.parametrize(
    ("silent", "strengths"),
    [
        (("N01", "N02"), {1: 0.0, 2: 0.0, 18: 3.0}),
        (("N18",), {1: 3.0, 2: 3.0, 18: 0.0}),
    ],
    ids=["few wells without signal", "many wells without signal"],
)
def test_a_number_of_wells_cannot_fake_a_likeness(
    silent: tuple[str, ...], strengths: dict[int, float], new_folder: Folder
) -> None:
    maps = [unequal(seed, strengths).open(new_folder("fake")).phenomap() for seed in (1, 2, 3)]
    for sizes, p in by_sizes(maps, "cosine", False).items():
        if set(sizes) & set(silent):
            assert np.mean(p <= 0.05) < 0.07, sizes
            assert np.mean(p <= 0.01) < 0.02, sizes


# --- with signal -------------------------------------------------------------------------------

COMPLEX = ("GENE003", "GENE017", "GENE042", "GENE071")


@pytest.fixture(scope="module")
def planted(new_folder: Folder) -> Any:
    """One complex among 80 genes, about as strong as the noise of one well."""
    wells = s.Wells(9)
    effects = {gene: 5 * wells.direction("complex") for gene in COMPLEX}
    return s.gene_screen(80, effects=effects, seed=9, batch=2.0).open(new_folder("planted"))


@pytest.mark.parametrize("align", ["centerscale", "pca-centerscale"])
def test_members_of_a_complex_are_found_through_the_batches(align: str, planted: Any) -> None:
    m = planted.phenomap(align=align)
    for gene in COMPLEX:
        top = m.nearest(gene, k=3)
        assert set(top["key"]) == set(COMPLEX) - {gene}
        assert (top["q_value"] <= 0.05).all()
        assert (top["p_same_plate"] <= 0.01).all()
    others = [m.nearest(gene, k=1)["q_value"][0] for gene in s.gene_names(80)[20:40]]
    assert np.mean(np.array(others) <= 0.05) <= 0.1


def test_no_p_is_zero(planted: Any) -> None:
    """All that is more alike than any pair of the null gets one over one more than their number."""
    m = planted.phenomap()
    smallest = 1 / (1 + 79 * 78 / 2)
    found = listed(m, COMPLEX[0])["percentile"]
    assert found.min() >= smallest
    # the other members are three of the pairs
    assert (found[list(COMPLEX[1:])] <= 4 * smallest * (1 + 1e-9)).all()


def test_the_strongest_of_all_pairs_gets_the_smallest_p(new_folder: Folder) -> None:
    direction = s.Wells(3).direction("pair")
    effects = dict.fromkeys(("GENE001", "GENE002"), 9 * direction)
    m = s.gene_screen(20, effects=effects, seed=3).open(new_folder("pair")).phenomap()
    top = m.nearest("GENE001", k=1).iloc[0]
    assert top["key"] == "GENE002"
    assert top["percentile"] == pytest.approx(1 / (1 + 19 * 18 / 2))


# --- against counting --------------------------------------------------------------------------


def perturbed(labels: pd.DataFrame) -> pd.Series:
    """What is perturbed, whatever guide or dose; NaN for controls."""
    is_compound = labels["perturbation_type"] == "COMPOUND"
    names = labels["treatment"].where(is_compound, labels["gene"])
    return names.where(~labels["treatment"].str.contains("_control"))


def closeness_of_all(m: Any, metric: str) -> np.ndarray:
    x = np.asarray(m.vectors, dtype="float64")
    if metric == "euclidean":
        return -np.linalg.norm(x[:, None] - x[None], axis=2)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


def counted(null: np.ndarray, values: np.ndarray, opposite: bool) -> np.ndarray:
    as_extreme = null[None] <= values[:, None] if opposite else null[None] >= values[:, None]
    return (1 + as_extreme.sum(axis=1)) / (1 + len(null))


def assert_counted(m: Any, query: str, metric: str, opposite: bool, reach: float) -> None:
    """Compare with the count of all pairs; a p-value may be larger by what lies in one bin."""
    what = perturbed(m.labels).to_numpy(object)
    known = np.array([isinstance(name, str) for name in what])
    closeness = closeness_of_all(m, metric)
    a, c = np.triu_indices(len(what), k=1)
    mine = what[m.row(query)]
    kept = known[a] & known[c] & (what[a] != what[c]) & (what[a] != mine) & (what[c] != mine)
    null = closeness[a[kept], c[kept]]
    found = listed(m, query, metric, opposite)
    values = closeness[m.row(query), m.labels.index.get_indexer(found.index)]
    rounding, sign = 1e-6 * max(1, reach), -1 if opposite else 1
    low = counted(null, values + sign * rounding, opposite)
    high = counted(null, values - sign * (reach / 32768 + rounding), opposite)
    assert (found["n_percentile"] == len(null)).all()
    p = found["percentile"].to_numpy()
    assert (low - 1e-12 <= p).all()
    assert (p <= high + 1e-12).all()
    assert np.mean(high - low) < 0.01  # else the bounds would say nothing


@pytest.fixture(scope="module")
def equal(new_folder: Folder) -> Any:
    """Genes and compounds of strong effects; four wells of each guide and of each dose."""
    wells = s.Wells(5)
    effects = {gene: 3 * wells.direction(gene) for gene in s.gene_names(12)}
    wells = s.gene_screen(12, guides=3, effects=effects, seed=5)
    for plate in (1, 2):
        wells.control("compound-001", plate, 12)
        for i in range(6):
            for dose in (0.25, 1.0, 2.5):
                for _ in range(2):
                    effect = 3 * wells.direction(f"compound {i}")
                    wells.dose("compound-001", plate, f"compound {i}", dose, effect)
    return wells.open(new_folder("equal"))


@pytest.mark.parametrize("average", ["mean", "median"])
@pytest.mark.parametrize(("metric", "opposite"), QUESTIONS)
def test_p_counts_all_pairs_of_different_perturbations(
    metric: str, opposite: bool, average: str, equal: Any
) -> None:
    """Guides of one gene and doses of one compound are no pairs of different perturbations."""
    m = equal.phenomap("guide", average=average)
    assert set(m.labels["n_wells"]) == {4, 48 * 2}
    longest = np.linalg.norm(equal.phenomap("well").vectors, axis=1).max()
    reach = 2 if metric == "cosine" else 2 * longest
    for query in ("GENE004_guide_2", "compound 3@1"):
        assert_counted(m, query, metric, opposite, reach)


@pytest.fixture(scope="module")
def of_two_sizes(new_folder: Folder) -> Any:
    """Genes with a guide of three wells and one of six, which are all alike: so their average is
    the same over any of them.
    """
    wells = s.Wells(8, dim=6)
    effects: dict[str, np.ndarray] = {}
    for gene in s.gene_names(16):
        for guide, n_wells in ((1, 3), (2, 6)):
            # the guides of a gene are alike, so that their pairs would be at the end of the null
            own = wells.direction(gene) + 0.3 * wells.direction(f"{gene} {guide}")
            effects[f"{gene}_guide_{guide}"] = own.astype("float32")
            for i in range(n_wells):
                wells.guide("gene-001", 1 + i % 2, gene, guide)
    vectors = {row["well_id"]: effects[row["treatment"]] for row in wells.rows}
    return wells.open(new_folder("sizes"), vectors)


@pytest.mark.parametrize("opposite", [False, True])
def test_no_pair_of_the_query_is_in_the_null_whichever_of_its_guides_it_is(
    opposite: bool, of_two_sizes: Any
) -> None:
    m = of_two_sizes.phenomap("guide", align="none")
    null = NullOfPairs(m, OwnVectors(m), "cosine")
    closeness, gene = closeness_of_all(m, "cosine"), m.labels["gene"].to_numpy()
    six = np.flatnonzero(m.labels["n_wells"] == 6)
    for query in np.flatnonzero(m.labels["n_wells"] == 3)[:5]:
        others = np.flatnonzero(gene != gene[query])
        # averages of three are known of all guides, averages of six of every second one
        three, of_six = others, np.intersect1d(six, others)
        differ = gene[three][:, None] != gene[of_six][None]
        counted_ones = closeness[np.ix_(three, of_six)][differ]
        values = closeness[query, of_six]
        p, n = null.p_values(query, of_six, values, opposite)
        assert (n == len(counted_ones)).all()
        sign, one_bin = (-1 if opposite else 1), 2 / 32768 + 1e-6
        low = counted(counted_ones, values + sign * 1e-6, opposite)
        high = counted(counted_ones, values - sign * one_bin, opposite)
        assert (low - 1e-12 <= p).all()
        assert (p <= high + 1e-12).all()
        assert (low == high).mean() > 0.8


@pytest.fixture(scope="module")
def tied(new_folder: Folder) -> Any:
    """Twelve genes of two wells on two plates: all wells, also controls, at right angles."""
    wells = s.Wells(2, dim=64)
    for plate in (1, 2):
        wells.control("gene-001", plate, 8)
        for gene in s.gene_names(12):
            for guide in (1, 2):
                wells.guide("gene-001", plate, gene, guide)
    directions = np.eye(64, dtype="float32")
    vectors = {row["well_id"]: directions[i] for i, row in enumerate(wells.rows)}
    return wells.open(new_folder("tied"), vectors)


@pytest.mark.parametrize("level", ["well", "guide", "perturbation"])
@pytest.mark.parametrize(("metric", "opposite"), QUESTIONS)
def test_what_is_exactly_as_close_counts(
    level: str, metric: str, opposite: bool, tied: Any
) -> None:
    """All are equally near to each other: nothing is out of the ordinary."""
    m = tied.phenomap(level, align="none")
    for query in perturbations(m)[:3]:
        found = listed(m, query, metric, opposite)
        assert len(found) > 10
        np.testing.assert_allclose(found["percentile"], 1)
        on_plates = found["p_same_plate"].dropna()
        assert len(on_plates) > 5
        np.testing.assert_allclose(on_plates, 1)


@pytest.mark.parametrize("level", ["well", "guide", "perturbation"])
def test_what_is_exactly_as_strong_or_alike_counts(level: str, tied: Any) -> None:
    scores = tied.phenomap(level, align="none").scores
    is_control = scores.index.isin(tied.wells.index[tied.wells["gene"] == "EMPTY_control"])
    scores = scores[~is_control & (scores.index != "EMPTY_control")]
    np.testing.assert_allclose(scores["strength_p"], 1)
    if level != "well":
        np.testing.assert_allclose(scores["consistency_p"], 1)
    if level == "perturbation":
        np.testing.assert_allclose(scores["agreement_p"], 1)


@pytest.mark.parametrize("kind", ["perturbation", "well"])
def test_p_counts_all_pairs_at_other_levels(kind: str, new_folder: Folder) -> None:
    wells = s.gene_screen(30, guides=2, plates=1, controls=10, seed=6)
    m = wells.open(new_folder("levels")).phenomap(kind)
    for query in perturbations(m)[:3]:
        assert_counted(m, query, "cosine", False, 2)


def test_percentile_never_grows_with_likeness_nor_q_with_p(equal: Any) -> None:
    m = equal.phenomap()
    for metric, opposite in QUESTIONS:
        table = m.nearest("GENE002", k=ALL, metric=metric, opposite=opposite)
        for _, alike in table.groupby("n_wells"):
            assert alike["percentile"].dropna().is_monotonic_increasing
        assert table.sort_values("p_value")["q_value"].dropna().is_monotonic_increasing


# --- false discovery rates ---------------------------------------------------------------------


def naive_q(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg: the smallest of n p_j / rank_j over all p_j that are not below."""
    n = len(p)
    scaled = np.array([n * x / np.sum(p <= x) for x in p])
    return np.array([min(1, scaled[p >= x].min()) for x in p])


def naive_q_of_list(p: np.ndarray) -> np.ndarray:
    """The least level at which Lehmann and Romano's steps come down to each: with s p-values, the
    i-th smallest passes at (floor(i / 10) + 1) a / (s + floor(i / 10) + 1 - i).
    """
    s, q = len(p), np.empty(len(p))
    level = 0.0
    for i, row in enumerate(np.argsort(p), start=1):
        allowed = i // 10 + 1
        level = max(level, p[row] * (s + allowed - i) / allowed)
        q[row] = min(1, level)
    return q


@pytest.mark.parametrize("kind", [None, "CRISPR", "COMPOUND"])
def test_q_is_over_all_that_is_searched(kind: str | None, equal: Any) -> None:
    m = equal.phenomap()
    whole = m.nearest("GENE002", k=ALL, kind=kind)
    few = m.nearest("GENE002", k=3, kind=kind)
    n = (m.labels["perturbation_type"] == kind).sum() if kind else len(m.labels)
    assert len(whole) == n - (kind != "COMPOUND")
    known = whole["p_value"].notna()  # EMPTY_control has more wells than any other entry
    p = whole["p_value"][known].to_numpy()
    np.testing.assert_allclose(whole["q_value"][known], naive_q_of_list(p))
    pd.testing.assert_frame_equal(few, whole.head(3))


def test_what_is_searched_changes_q_and_not_p(equal: Any) -> None:
    m = equal.phenomap()
    everything = m.nearest("GENE002", k=ALL).set_index("key")
    genes = m.nearest("GENE002", k=ALL, kind="CRISPR").set_index("key")
    pd.testing.assert_series_equal(genes["p_value"], everything.loc[genes.index, "p_value"])
    assert not np.allclose(genes["q_value"], everything.loc[genes.index, "q_value"])


def test_p_values_compare_with_sets_of_more_than_four_fifths_of_the_wells() -> None:
    """And never with larger ones: their averages are less noisy."""
    n_wells = np.arange(1, SIZES[-1] + 1)
    classes = SIZES[size_below(n_wells)]
    assert (classes <= n_wells).all()
    assert (classes > 0.8 * n_wells).all()
    assert set(classes) == set(SIZES)


def test_each_class_of_numbers_of_wells_begins_a_quarter_above_the_one_before() -> None:
    assert SIZES[:8].tolist() == list(range(1, 9))
    assert [int(1.25 * size) for size in SIZES[7:-1]] == SIZES[8:].tolist()


@given(st.lists(st.one_of(st.floats(1e-9, 1), st.just(0.5), st.just(np.nan)), max_size=40))
def test_q_by_the_book(values: list[float]) -> None:
    p = np.array(values, dtype=float)
    q = benjamini_hochberg(p)
    known = ~np.isnan(p)
    assert np.isnan(q[~known]).all()
    np.testing.assert_allclose(q[known], naive_q(p[known]))


@given(st.lists(st.one_of(st.floats(1e-9, 1), st.just(0.5), st.just(np.nan)), max_size=40))
def test_q_of_a_list_by_the_book(values: list[float]) -> None:
    p = np.array(values, dtype=float)
    q = lehmann_romano(p)
    known = ~np.isnan(p)
    assert np.isnan(q[~known]).all()
    np.testing.assert_allclose(q[known], naive_q_of_list(p[known]))
    assert (q[known] >= naive_q(p[known]) * (1 - 1e-12)).all()  # no less strict than on average
    for each in np.unique(p[known]):
        assert np.ptp(q[p == each]) == 0


@pytest.mark.parametrize("together", [1, 8])
def test_seldom_is_a_list_more_than_a_tenth_false(together: int) -> None:
    """Also where what is chance comes in groups that are alike, as all members of a complex are."""
    random = np.random.default_rng(0)
    exceeded = {lehmann_romano: 0, benjamini_hochberg: 0}
    lists = 1000
    for _ in range(lists):
        by_chance = np.repeat(random.random(160 // together), together)
        p = np.append(np.full(7, 1e-12), by_chance)
        for q_of in exceeded:
            called = q_of(p) <= 0.05
            assert called[:7].all()
            exceeded[q_of] += called[7:].sum() > 0.1 * called.sum()
    error = np.sqrt(0.05 * 0.95 / lists)
    assert exceeded[lehmann_romano] / lists <= 0.05 + 3 * error
    assert exceeded[benjamini_hochberg] / lists > 0.05 + 3 * error


@given(st.integers(0, 50), st.integers(0, 50))
def test_one_is_added_to_both(n_as_extreme: int, n_others: int) -> None:
    n = n_as_extreme + n_others
    p = add_one_p(np.array([n_as_extreme]), n)[0]
    assert np.isnan(p) if n == 0 else p == (n_as_extreme + 1) / (n + 1)


# --- where there is nothing to compare with ----------------------------------------------------


@pytest.mark.parametrize("genes", [1, 2])
def test_too_few_perturbations_have_no_p(genes: int, new_folder: Folder) -> None:
    m = s.gene_screen(genes, controls=6).open(new_folder("few")).phenomap()
    found = m.nearest("GENE000", k=5)
    assert len(found) == genes  # the others, and the controls
    shares = ["percentile", "p_value", "q_value", "p_same_plate"]
    assert found[shares].isna().all(axis=None)
    assert (found["n_compared"] < 10).all()


# --- pairs on one plate ------------------------------------------------------------------------

PAIR_ON_A_PLATE = ("P2GENE03", "P2GENE07")


def plated(seed: int) -> s.Wells:
    """Six plates of strong effects of their own, 12 genes of four wells on each alone."""
    wells = s.Wells(seed, plate=0.7)
    for number, place in enumerate(PLACES):
        wells.control(*place, 24)
        for i in range(12):
            gene = f"P{number}GENE{i:02d}"
            effect = 14 * wells.direction("pair") if gene in PAIR_ON_A_PLATE else 0.0
            for _ in range(4):
                wells.guide(*place, gene, 1, effect)
    return wells


@pytest.fixture(scope="module")
def plated_maps(new_folder: Folder) -> list[Any]:
    return [plated(seed).open(new_folder("plates")).phenomap() for seed in (1, 2)]


def test_what_a_plate_does_looks_like_biology_until_compared_on_plates(
    plated_maps: list[Any],
) -> None:
    p, on_plates = [], []
    for m in plated_maps:
        for query in perturbations(m)[::4]:
            if query in PAIR_ON_A_PLATE:
                continue
            table = listed(m, query).drop(list(PAIR_ON_A_PLATE))
            here = table[table.index.str[:2] == query[:2]]
            p += here["percentile"].tolist()
            on_plates += here["p_same_plate"].tolist()
    assert np.median(p) < 0.1
    assert ks(on_plates) < 0.1
    assert np.mean(np.array(on_plates) <= 0.05) < 0.09


def test_a_pair_on_one_plate_is_found_all_the_same(plated_maps: list[Any]) -> None:
    for m in plated_maps:
        top = m.nearest(PAIR_ON_A_PLATE[0], k=1).iloc[0]
        assert top["key"] == PAIR_ON_A_PLATE[1]
        assert top["p_same_plate"] <= 0.01
        assert "same plate" in top["flags"]


@pytest.mark.each(2)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_large_entries_of_a_plate_are_not_alike_by_their_size(
    metric: str, new_folder: Folder
) -> None:
    """Averages of many wells show what a plate does most clearly."""
    on_plates = []
    for seed in range(3):
        wells = plated(seed)
        for number, place in enumerate(PLACES):
            for gene, _ in itertools.product(s.gene_names(3, f"P{number}LARGE"), range(24)):
                wells.guide(*place, gene, 1)
        m = wells.open(new_folder("large")).phenomap()
        large = [key for key in m.labels.index if "LARGE" in key]
        for query in large[::3]:
            table = listed(m, query, metric).loc[[key for key in large if key != query]]
            on_plates += table[table.index.str[:2] == query[:2]]["p_same_plate"].tolist()
    assert np.mean(np.array(on_plates) <= 0.05) < 0.2


def test_aligning_plates_takes_away_what_they_do(new_folder: Folder) -> None:
    m = plated(1).open(new_folder("by plate")).phenomap(batch="plate")
    p = []
    for query in perturbations(m)[::6]:
        table = listed(m, query)
        p += table[table.index.str[:2] == query[:2]]["percentile"].tolist()
    assert np.median(p) > 0.2


def test_on_plates_counts_all_pairs_that_share_them(plated_maps: list[Any]) -> None:
    """All have four wells on one plate: no pair is better to compare with than another."""
    m = plated_maps[0]
    closeness = closeness_of_all(m, "cosine")
    keys = np.array(m.labels.index)
    plate = np.array([key[:2] if key.startswith("P") else "" for key in keys])
    a, c = np.triu_indices(len(keys), k=1)
    for query in ("P0GENE00", "P4GENE11"):
        row = m.row(query)
        kept = (plate[a] == plate[c]) & (plate[a] != "") & (a != row) & (c != row)
        null = closeness[a[kept], c[kept]]
        table = listed(m, query)
        here = table[table.index.str[:2] == query[:2]]
        values = closeness[row, m.labels.index.get_indexer(here.index)]
        assert (here["n_same_plate"] == len(null)).all()
        assert (here["p_same_plate"] >= counted(null, values + 1e-6, False) - 1e-12).all()
        assert (here["p_same_plate"] <= counted(null, values - 1e-6, False) + 1e-12).all()


# --- few entries of many wells -------------------------------------------------------------------


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_what_all_share_makes_no_small_p_for_large_entries(shared: float, tmp_path: Path) -> None:
    """What all averages share weighs the more the more wells there are."""
    w = s.Wells(seed=1, dim=32)
    genes, large = s.gene_names(30), [f"CUT{i}" for i in range(6)]

    def effect(gene: str) -> np.ndarray:
        return shared * (w.direction("common") + w.direction(gene))

    for experiment in s.PAIR:
        w.control(experiment, 1, 40)
        for gene in genes:
            for guide in (1, 2, 3):
                w.guide(experiment, 1, gene, guide, effect(gene))
        for gene in large:
            for _ in range(20):
                w.guide(experiment, 1, gene, 1, effect(gene))
    m = w.open(tmp_path).phenomap()
    p = []
    for gene in large:
        table = m.nearest(gene, k=ALL, scored=False).set_index("key")
        p += table.loc[[other for other in large if other != gene], "percentile"].tolist()
    assert np.isfinite(p).all()
    assert np.mean(np.array(p) <= 0.05) <= 0.15


def test_pairs_that_share_no_plate_have_no_p_of_plates(tmp_path: Path) -> None:
    w = s.Wells(seed=2, dim=8)
    for experiment, prefix in (("gene-001", "A"), ("gene-002", "B")):
        w.control(experiment, 1, 12)
        for gene in s.gene_names(8, prefix):
            w.guide(experiment, 1, gene, 1)
            w.guide(experiment, 1, gene, 2)
    table = w.open(tmp_path).phenomap().nearest("A000", k=ALL, scored=False).set_index("key")
    here = [key for key in table.index if key.startswith("A")]
    there = [key for key in table.index if key.startswith("B")]
    assert table.loc[here, "p_same_plate"].notna().all()
    assert table.loc[there, "p_same_plate"].isna().all()
    assert (table.loc[there, "n_same_plate"] == 0).all()

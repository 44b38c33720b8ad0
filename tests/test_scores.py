"""Strength, consistency and agreement: against brute force, without signal and with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import cdist, pdist

import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.maps import space
from napari_rxrx3.maps.evidence import activity as activity_module
from napari_rxrx3.maps.evidence import permutation, plate_space
from napari_rxrx3.maps.evidence import scores as scores_module
from napari_rxrx3.maps.evidence.guides import _odd_ones
from napari_rxrx3.maps.evidence.plate_space import _means_of_plates, _scales
from napari_rxrx3.maps.evidence.scores import score_store
from napari_rxrx3.maps.neighbors import list_neighbors
from napari_rxrx3.maps.spec import Query
from samples import sample, soak

COLUMNS = [
    "strength",
    "effect",
    "strength_p",
    "strength_cosine",
    "consistency",
    "consistency_p",
    "agreement",
    "agreement_p",
    "odd_guide",
    "activity",
    "activity_p",
    "activity_q",
    "is_active",
]
ALIGNMENTS = ("none", "centerscale", "pca-centerscale", "tvn")

Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return lambda name: tmp_path_factory.mktemp(name)


def ks(p: Any) -> float:
    """Return the largest distance between the distribution of p-values and a uniform one."""
    return float(stats.kstest(p, "uniform").statistic)


# --- a screen with everything ------------------------------------------------------------------

STRONG = s.gene_names(8)


@pytest.fixture(scope="module")
def wells() -> s.Wells:
    """Eight genes of strong effects, six without, a compound at two doses of 5 and 3 wells."""
    directions = s.Wells(1)
    effects = {gene: 5 * directions.direction(gene) for gene in STRONG}
    wells = s.gene_screen(14, effects=effects, seed=1)
    wells.control("compound-001", 1, 20)
    wells.control("compound-001", 1, 9, "CRISPR_control")
    for dose, n in ((0.25, 3), (2.5, 5)):
        for _ in range(n):
            wells.dose("compound-001", 1, "Bortezomib", dose, effects["GENE000"])
    return wells


@pytest.fixture(scope="module")
def dataset(wells: s.Wells, new_folder: Folder) -> Any:
    return wells.open(new_folder("screen"))


def aligned_wells(dataset: Any, align: str) -> pd.DataFrame:
    """Return the aligned vectors, indexed by well."""
    m = dataset.phenomap("well", align)
    return pd.DataFrame(np.asarray(m.vectors, dtype="float64"), index=m.labels.index)


def test_scores_are_a_row_for_each_entry(dataset: Any) -> None:
    m = dataset.phenomap()
    assert m.scores.columns.tolist() == COLUMNS
    assert m.scores.index.equals(m.labels.index)


def test_every_well_has_the_scores_of_its_entry(dataset: Any) -> None:
    m, ids = dataset.phenomap(), dataset.wells.index
    places = np.array([5, 0, len(ids) - 1, *range(40, 90)])
    found = m.scores_at(places)
    assert found.columns.tolist() == m.scores.select_dtypes("number").columns.tolist()
    keys = [m.key_of_well(ids[place]) for place in places]
    assert any(key is None for key in keys), "controls of compound plates are in no entry"
    expected = m.scores[found.columns].reindex(keys)
    np.testing.assert_array_equal(found.to_numpy(), expected.to_numpy())


# --- strength ----------------------------------------------------------------------------------


@pytest.mark.parametrize("align", ALIGNMENTS)
def test_strength_is_the_energy_distance_from_the_controls(align: str, dataset: Any) -> None:
    m, x = dataset.phenomap(align=align), aligned_wells(dataset, align)
    wells = dataset.wells
    controls = x.loc[wells.index[wells["treatment"] == "EMPTY_control"]]
    within = cdist(controls, controls).mean()
    for key in ("GENE000", "GENE010", "Bortezomib@2.5"):
        mine = x.loc[m.wells_of(key)]
        energy = 2 * cdist(mine, controls).mean() - cdist(mine, mine).mean() - within
        assert m.scores.loc[key, "strength"] == pytest.approx(energy, abs=1e-6)


def test_fewer_than_five_wells_have_no_energy_distance(dataset: Any) -> None:
    strength = dataset.phenomap().scores["strength"]
    assert np.isnan(strength["Bortezomib@0.25"])
    assert np.isfinite(strength["Bortezomib@2.5"])
    m = dataset.phenomap("guide")
    assert m.scores["strength"].notna().equals(m.labels["n_wells"] >= 5)


def test_the_cosine_strength_is_from_the_controls_of_each_plate(
    dataset: Any, wells: s.Wells
) -> None:
    """Before alignment, so that it is the same for all of them."""
    x = pd.DataFrame(wells.vectors()).T.astype("float64")
    table = wells.table()
    plate = table["experiment_name"] + table["plate"].astype(str)
    is_control = table["treatment"] == "EMPTY_control"
    centers = x[is_control].groupby(plate[is_control]).mean().loc[plate].to_numpy()
    cosine = (x.to_numpy() * centers).sum(axis=1)
    cosine /= np.linalg.norm(x, axis=1) * np.linalg.norm(centers, axis=1)
    distance = pd.Series(1 - cosine, index=x.index)
    for align in ("pca-centerscale", "none"):
        m = dataset.phenomap(align=align)
        expected = [distance[m.wells_of(key)].mean() for key in m.labels.index]
        np.testing.assert_allclose(m.scores["strength_cosine"], expected, rtol=1e-9)


def test_wells_of_a_plate_without_controls_have_no_cosine_strength(new_folder: Folder) -> None:
    wells = s.gene_screen(6, plates=1)
    for gene in ("GENE000", "ALONE"):
        wells.guide("gene-001", 2, gene, 1)
    m = wells.open(new_folder("no controls")).phenomap()
    without = s.gene_screen(6, plates=1).open(new_folder("without")).phenomap()
    strength, expected = m.scores["strength_cosine"], without.scores["strength_cosine"]
    assert np.isnan(strength["ALONE"])
    assert strength["GENE000"] == pytest.approx(expected["GENE000"], rel=1e-9)
    assert strength.drop("ALONE").notna().all()


def test_an_effect_makes_a_small_p_and_none_does_not(dataset: Any) -> None:
    p = dataset.phenomap().scores["strength_p"]
    assert (p[STRONG] <= 0.01).all()
    assert p["Bortezomib@2.5"] <= 0.05
    assert (p[s.gene_names(14)[8:]] > 0.05).mean() >= 0.6


SILENT = {
    "nearly half of the wells are controls": {"genes": 24, "plates": 1, "controls": 60},
    "16 controls and 6 guides a plate": {"genes": 24, "guides": 6, "plates": 3, "controls": 16},
}


@pytest.mark.first_example
@pytest.mark.parametrize("design", sample(SILENT, every=2))
def test_without_effect_the_p_of_strength_is_uniform(design: str, new_folder: Folder) -> None:
    """On average over screens: those of one screen hang together by the controls they share."""
    small = []
    for seed in range(8):
        m = s.gene_screen(seed=seed, **SILENT[design]).open(new_folder("silent")).phenomap()
        p = m.scores["strength_p"].drop("EMPTY_control")
        small.append(np.mean(p <= 0.05))
        assert np.mean(p <= 0.05) < 0.34, seed
    assert np.mean(small) < 0.1


def test_the_p_of_strength_counts_the_labels_as_they_are(new_folder: Folder) -> None:
    """Two wells and one control that can be spared: one in three choices of two is the wells."""
    wells = s.Wells(7)
    for plate in range(1, 9):
        wells.control("gene-001", plate, 2)  # one of them is what the alignment is fitted to
        for _ in range(2):
            wells.guide("gene-001", plate, f"GENE{plate}", 1, 30 * wells.direction("effect"))
    p = wells.open(new_folder("three")).phenomap(align="centerscale").scores["strength_p"]
    # of 400 permutations that are drawn
    np.testing.assert_allclose(p.drop("EMPTY_control"), 1 / 3, atol=0.06)


def test_the_p_of_strength_is_no_smaller_than_the_controls_can_tell(new_folder: Folder) -> None:
    """16 controls cannot tell that a well is one in 400."""
    p = []
    for seed in range(8):
        wells = s.gene_screen(30, 2, plates=1, controls=16, experiments=["gene-001"], seed=seed)
        m = wells.open(new_folder("well")).phenomap("well")
        p.append(m.scores["strength_p"][m.labels["treatment"] != "EMPTY_control"])
    assert np.mean(np.concatenate(p) <= 0.02) < 0.05


# --- consistency -------------------------------------------------------------------------------


@pytest.mark.parametrize("align", ALIGNMENTS)
def test_consistency_is_the_mean_cosine_of_the_wells(align: str, dataset: Any) -> None:
    m, x = dataset.phenomap(align=align), aligned_wells(dataset, align)
    for key in m.labels.index.drop("EMPTY_control"):
        expected = np.mean(1 - pdist(x.loc[m.wells_of(key)], "cosine"))
        assert m.scores.loc[key, "consistency"] == pytest.approx(expected, abs=1e-6)


def test_a_single_well_is_neither_consistent_nor_not(new_folder: Folder) -> None:
    wells = s.gene_screen(8, 1, plates=1, experiments=["gene-001"])
    scores = wells.open(new_folder("single")).phenomap().scores.drop("EMPTY_control")
    assert scores[["consistency", "consistency_p", "strength"]].isna().all(axis=None)


def test_an_effect_makes_wells_consistent(dataset: Any) -> None:
    p = dataset.phenomap().scores["consistency_p"]
    assert (p[STRONG] <= 0.01).all()
    assert (p[s.gene_names(14)[8:]] > 0.05).sum() >= 4


@pytest.mark.parametrize("plate", [soak(0.0), 1.0])
def test_without_effect_the_p_of_consistency_is_uniform(plate: float, new_folder: Folder) -> None:
    """What plates do to their wells makes no perturbation consistent: the null has it too."""
    p = []
    for seed in range(4):
        wells = s.gene_screen(40, 2, seed=seed, plate=plate)
        m = wells.open(new_folder("silent")).phenomap()
        p.append(m.scores["consistency_p"].drop("EMPTY_control"))
    pooled = np.concatenate(p)
    assert ks(pooled) < 0.1
    assert np.mean(pooled <= 0.05) < 0.1


def test_a_gene_on_one_plate_is_not_consistent_for_it(new_folder: Folder) -> None:
    p = []
    for seed in range(5):
        wells = s.Wells(seed, plate=1.5)
        for experiment in s.PAIR:
            for plate in (1, 2, 3):
                wells.control(experiment, plate, 16)
                for i in range(8):
                    for _ in range(4):
                        wells.guide(experiment, plate, f"{experiment}P{plate}N{i}", 1)
        m = wells.open(new_folder("plates")).phenomap()
        assert m.scores["consistency"].drop("EMPTY_control").mean() > 0.2
        p.append(m.scores["consistency_p"].drop("EMPTY_control"))
    assert np.mean(np.concatenate(p) <= 0.05) < 0.1


# --- the space of the plates ---------------------------------------------------------------------


def test_plate_space_puts_a_plate_without_a_sample_at_the_mean_of_all(dataset: Any) -> None:
    space = dataset.phenomap().space
    assert space.plate.max() > 1
    wells = np.flatnonzero(space.plate != 1)
    means = _means_of_plates(space, wells, lambda: None)
    vectors = space.aligned(wells).astype(float)
    for plate in range(space.plate.max() + 1):
        own = vectors if plate == 1 else vectors[space.plate[wells] == plate]
        if plate != 1:
            np.testing.assert_allclose(means[plate], own.mean(axis=0), atol=1e-5)
    sums = [vectors[space.plate[wells] == plate].sum(axis=0) for plate in range(len(means))]
    np.testing.assert_allclose(means[1], np.sum(sums, axis=0) / len(wells), atol=1e-5)


def test_plate_space_has_a_scale_for_what_does_not_vary_in_an_experiment() -> None:
    moved = np.random.default_rng(1).normal(size=(60, 3)).astype("float32")
    moved[30:, 1] = 0
    scales = _scales(moved, np.repeat([0, 1], 30), lambda done, total, text: None)
    assert np.isfinite(scales).all()
    assert (scales > 0).all()
    assert scales[1, 1] < scales[0, 1]


# --- agreement ---------------------------------------------------------------------------------

OFF_TARGET, WEAK = "GENE003_guide_2", "GENE006_guide_4"
ACTIVE = s.gene_names(10)


@pytest.fixture(scope="module")
def guided(new_folder: Folder) -> Any:
    """Ten genes of four guides that agree but for two of them, and thirty without effect."""
    wells = s.Wells(2)
    effects: dict[str, s.Effect] = {gene: 6 * wells.direction(gene) for gene in ACTIVE}
    effects[OFF_TARGET] = 6 * wells.direction("another gene")
    effects[WEAK] = 0.0
    return s.gene_screen(40, guides=4, effects=effects, seed=2).open(new_folder("guided"))


def test_agreement_is_the_mean_cosine_of_the_guides(guided: Any) -> None:
    m, x = guided.phenomap(), aligned_wells(guided, "pca-centerscale")
    treatment = guided.wells["treatment"]
    for gene in ("GENE000", "GENE003", "GENE020"):
        wells = m.wells_of(gene)
        guides = x.loc[wells].groupby(treatment[wells]).mean()
        assert len(guides) == 4
        expected = np.mean(1 - pdist(guides, "cosine"))
        assert m.scores.loc[gene, "agreement"] == pytest.approx(expected, abs=1e-6)


def test_guides_that_act_alike_have_a_small_p(guided: Any) -> None:
    p = guided.phenomap().scores["agreement_p"]
    assert (p[ACTIVE] <= 0.01).all()
    assert (p[s.gene_names(40)[10:]] > 0.05).mean() > 0.8


def test_the_odd_guide_is_named(guided: Any) -> None:
    odd = guided.phenomap().scores["odd_guide"]
    assert odd["GENE003"] == OFF_TARGET
    assert odd["GENE006"] == WEAK
    assert odd[ACTIVE].drop(["GENE003", "GENE006"]).isna().all()


def test_a_guide_that_is_like_the_others_at_the_very_level_is_not_the_odd_one() -> None:
    """One in twenty counts as small, as it does where the others agree."""
    rest, odd = np.eye(3)[[0, 0, 0]], np.array([[0.6, 0.8, 0.0]])
    units = np.concatenate([rest, odd])
    guides: Any = SimpleNamespace(of=lambda rows: units[rows])
    together = np.arange(4)[None]
    at_level = np.linspace(-0.9, 0.5, 19)  # as like as that is one in twenty, by the add-one rule
    assert _odd_ones(guides, together, at_level, at_level) == [-1]
    below_level = np.append(at_level, 0.7)
    assert _odd_ones(guides, together, at_level, below_level) == [3]
    assert _odd_ones(guides, together, np.append(at_level, 1.0), below_level) == [-1]


@pytest.mark.soak
def test_without_effect_no_guide_is_the_odd_one(new_folder: Folder) -> None:
    """More often than by the chance of one in twenty."""
    named = []
    for seed, guides in enumerate((3, 4, 6, 3, 4, 6)):
        wells = s.gene_screen(40, guides, plates=1, seed=seed)
        scores = wells.open(new_folder("no odd one")).phenomap().scores.drop("EMPTY_control")
        named.append(scores["odd_guide"].notna().mean())
        assert np.mean(scores["agreement_p"] <= 0.05) < 0.16
    assert np.mean(named) < 0.09


def test_agreement_is_a_matter_of_genes(dataset: Any) -> None:
    for level in ("guide", "perturbation", "compound"):
        m = dataset.phenomap(level)
        is_gene = m.labels["gene"].notna() & (m.labels["gene"] != "EMPTY_control")
        known = is_gene & (level != "guide")
        assert m.scores["agreement"].notna().equals(known)
        assert m.scores["agreement_p"].notna().equals(known)


def test_a_gene_of_one_guide_has_no_agreement(new_folder: Folder) -> None:
    scores = s.gene_screen(6, 1).open(new_folder("one guide")).phenomap().scores
    assert scores[["agreement", "agreement_p", "odd_guide"]].isna().all(axis=None)


# --- kept for the next time --------------------------------------------------------------------


def stop(*args: Any) -> None:
    raise Cancelled("stopped by the test")


def test_scores_are_computed_once(guided: Any) -> None:
    first = guided.phenomap()
    expected = first.scores
    again = rx.open_dataset(guided.root, cache_dir=guided.cache.folder).phenomap()
    assert again is not first
    found = again.score_store.get(stop)  # which any computing would call
    pd.testing.assert_frame_equal(found, expected)


def test_scores_are_of_the_vectors_that_are_there(new_folder: Folder) -> None:
    folder, wells = new_folder("changed"), s.gene_screen(6, plates=1)
    before = wells.open(folder).phenomap(align="none").scores
    longer = {well: 1.5 * vector for well, vector in wells.vectors().items()}
    after = wells.open(folder, longer).phenomap(align="none").scores
    expected = 1.5 * before["strength"]
    # 1.5 times a number of single precision is rounded once more
    np.testing.assert_allclose(after["strength"], expected, rtol=1e-6, atol=1e-6)


def test_of_very_many_wells_some_are_held_against_the_controls(
    new_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wells = s.gene_screen(4, guides=3, plates=4, seed=2)
    exact = wells.open(new_folder("all")).phenomap().scores
    monkeypatch.setattr(scores_module, "_MAX_MEASURED", 12)
    monkeypatch.setattr(scores_module, "_MAX_WELLS", 10)
    some = wells.open(new_folder("some")).phenomap().scores
    pd.testing.assert_series_equal(some["consistency"], exact["consistency"])
    assert not np.allclose(some["strength"], exact["strength"])
    np.testing.assert_allclose(some["effect"], exact["effect"], atol=1.0)


def test_stopping_leaves_scores_for_later(new_folder: Folder) -> None:
    m = s.gene_screen(6, plates=1).open(new_folder("stopped")).phenomap()
    with pytest.raises(Cancelled):
        m.score_store.get(stop)
    assert m.scores["consistency"].drop("EMPTY_control").notna().all()


def test_every_long_loop_reports_and_can_be_stopped(
    new_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With blocks of a few wells, as many reports come as blocks; each of them may stop."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # one after the other: all reports are seen
    for module in (scores_module, permutation, space, activity_module, plate_space):
        monkeypatch.setattr(module, "_BLOCK", 16)
    m = s.gene_screen(6, plates=1).open(new_folder("reported")).phenomap()
    reports: list[str] = []
    expected = m.score_store.get(lambda done, total, text: reports.append(text))
    n_of = Counter(text.rstrip(" 0123456789,") for text in reports)
    n_blocks = len(m.space) // 16
    for begin, at_least in (
        ("measuring the strength of", n_blocks),
        ("comparing the wells of", n_blocks),
        ("measuring the distance from each plate's controls", n_blocks),
        ("averaging each plate's controls", 1),
        ("fitting the alignment to", 1),
        ("testing the strength of", len(m.labels) // 8),
        ("averaging", n_blocks // 2),
        ("measuring how far wells", n_blocks),
        ("looking for active ones", len(m.labels) - 1),
    ):
        n = sum(count for text, count in n_of.items() if text.startswith(begin))
        assert n >= at_least, (begin, n_of)
    unkept = replace(m, fingerprint="")
    for last in range(0, len(reports), max(1, len(reports) // 12)):
        left = iter(range(last))

        def stop_at_last(done: int, total: int, text: str, left: Any = left) -> None:
            if next(left, None) is None:
                raise Cancelled("stopped by the test")

        store = score_store(unkept)
        with pytest.raises(Cancelled):
            store.get(stop_at_last)
        assert not store.is_ready
    pd.testing.assert_frame_equal(score_store(unkept).get(), expected)


def test_few_wells_without_effect_are_not_stronger_than_many_with(tmp_path: Path) -> None:
    w = s.Wells(seed=3, dim=64)
    strong, silent = s.gene_names(4, "STRONG"), s.gene_names(20, "SILENT")
    for experiment in s.PAIR:
        w.control(experiment, 1, 60)
        for gene in strong:
            for _ in range(20):
                w.guide(experiment, 1, gene, 1, 4 * w.direction(gene))
        for gene in silent:
            for guide in (1, 2, 3):
                w.guide(experiment, 1, gene, guide)
    m = w.open(tmp_path).phenomap()
    few, many = m.scores.loc[silent], m.scores.loc[strong]
    bias = [few["strength"] - few["effect"], many["strength"] - many["effect"]]
    assert bias[0].min() > 5 * bias[1].max()
    listed = list_neighbors(m, Query(order="strongest", k=24), lambda wells: None)
    assert {neighbor.key for neighbor in listed[:4]} == set(strong)

"""What batches and places on the plate do: how much is seen of it, and how much is taken away."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import screens as s
from benchmarks.calibration.position import of_alignments, of_positions
from benchmarks.calibration.screens import Design
from napari_rxrx3.core.errors import Cancelled, MapError
from napari_rxrx3.core.plate import N_COLUMNS
from napari_rxrx3.maps.evidence.batch_diagnostics import (
    SOURCES,
    diagnostics_in_words,
    diagnostics_store,
    is_more_than_chance,
)
from napari_rxrx3.maps.position import PlateLayout, fit_position, trend_of_wells

DIM = 32
RNG = np.random.default_rng(3)
Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return lambda name: tmp_path_factory.mktemp(name)


def moved(wells: s.Wells, size: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the vectors of a screen whose wells are moved by their place, `size` on average."""
    directions = np.random.default_rng(seed).normal(size=(3, wells.dim))
    vectors = wells.vectors()
    for well in vectors:
        row, column = place_of(well)
        y, x = row / 15.5 - 1, column / 23.5 - 1
        edge = row in (1, 2, 29, 30) or column in (1, 2, 45, 46)
        own = (y * directions[0] + x**2 * directions[1] + edge * directions[2]) / 0.95
        _, scale = wells.batch_effect(well.split("_")[0])
        vectors[well] = (vectors[well] + scale * size * own).astype(np.float32)
    return vectors


def place_of(well: str) -> tuple[int, int]:
    address = well.split("_")[2]
    return s.b.ROWS.index(address[:-2]), int(address[-2:]) - 1


def fixed_layout(seed: int, genes: int = 30, controls: int = 32, **options: Any) -> s.Wells:
    """Return silent genes, each guide at one place of all plates, in two experiments."""
    wells = s.Wells(seed, dim=DIM, **options)
    places = np.random.default_rng(seed).permutation(s.ADDRESSES).tolist()
    for experiment in s.PAIR:
        for plate in (1, 2, 3, 4):
            free = iter(places)
            for gene in s.gene_names(genes):
                for guide in (1, 2, 3):
                    wells.guide(experiment, plate, gene, guide, address=next(free))
            for _ in range(controls):
                address = wells.place(experiment, plate, next(free))
                wells.put(s.b.control_row(experiment, plate, address), 0.0)
    return wells


# --- the fit -----------------------------------------------------------------------------------


def test_the_edge_is_that_of_what_the_screen_uses() -> None:
    rows, columns = np.mgrid[1:31, 1:47]
    layout = PlateLayout.of((rows * N_COLUMNS + columns).ravel())
    assert (layout.rows, layout.columns) == ((1, 30), (1, 46))
    inner = np.array([3 * N_COLUMNS + 3, 28 * N_COLUMNS + 44, 15 * N_COLUMNS + 20])
    outer = np.array([N_COLUMNS + 20, 2 * N_COLUMNS + 20, 15 * N_COLUMNS + 45, 15 * N_COLUMNS + 1])
    assert not layout.is_edge(inner).any()
    assert layout.is_edge(outer).all()


def test_a_few_wells_do_not_tell_where_the_edge_is() -> None:
    assert PlateLayout.of(np.array([5, 6, 7]) * N_COLUMNS + 9) == PlateLayout()
    assert PlateLayout() == PlateLayout((1, 30), (1, 46))


@pytest.mark.parametrize(
    ("rows", "columns", "do_tell"),
    [
        ((3, 28), (2, 44), True),
        ((8, 24), (12, 36), True),  # half of the plate each way
        ((8, 23), (2, 44), False),
        ((3, 28), (12, 35), False),
        ((8, 23), (12, 35), False),
    ],
)
def test_wells_tell_a_layout_that_reach_over_half_of_the_plate_in_both_directions(
    rows: tuple[int, int], columns: tuple[int, int], do_tell: bool
) -> None:
    corners = np.array([row * N_COLUMNS + column for row in rows for column in columns])
    assert PlateLayout.of(corners) == (PlateLayout(rows, columns) if do_tell else PlateLayout())


def plates_of(n: int, size: float, strong: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return vectors, places and plates; wells in the last columns are moved by `strong`."""
    place = RNG.permutation(1536)[:n]
    plate = np.arange(n) % 4
    terms = PlateLayout((0, 31), (0, 47)).terms(place)
    vectors = RNG.normal(size=(n, DIM)) + 7 * RNG.normal(size=(4, DIM))[plate]
    vectors += size * terms @ TREND
    vectors[place % N_COLUMNS > 40] += strong
    return vectors, place, plate


TREND = RNG.normal(size=(5, DIM))
LAYOUT = PlateLayout((0, 31), (0, 47))


def trend(vectors: np.ndarray, place: np.ndarray, plate: np.ndarray) -> np.ndarray:
    return trend_of_wells(lambda part: vectors[part], place, plate, LAYOUT, DIM)


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_wells_and_controls_that_agree_are_taken_together(size: float) -> None:
    of_wells = trend(*plates_of(1500, size))
    vectors, place, plate = plates_of(200, size)
    fitted = fit_position(vectors, place, plate, LAYOUT, of_wells)
    truth = size * LAYOUT.terms(np.arange(1536)) @ TREND
    alone = fit_position(vectors, place, plate, LAYOUT, np.full((5, DIM), 1e6))
    assert alone.by_controls > 0.99
    assert fitted.by_controls < 0.4

    def error(effect: Any) -> float:
        off = effect.of_place - truth
        return float(np.square(off - off.mean(axis=0)).mean())

    assert error(fitted) < error(alone) / 2


def test_strong_effects_in_one_part_of_the_plates_are_not_taken_for_the_place() -> None:
    of_wells = trend(*plates_of(1500, 0.0, strong=3.0))
    vectors, place, plate = plates_of(300, 0.0)
    fitted = fit_position(vectors, place, plate, LAYOUT, of_wells)
    blind = LAYOUT.terms(np.arange(1536)) @ of_wells
    assert np.square(fitted.of_place).mean() < np.square(blind).mean() / 20


def test_without_any_effect_and_other_wells_next_to_nothing_is_subtracted() -> None:
    vectors, place, plate = plates_of(200, 0.0)
    fitted = fit_position(vectors, place, plate, LAYOUT, np.zeros((5, DIM)))
    alone = fit_position(vectors, place, plate, LAYOUT, np.full((5, DIM), 1e6))
    assert np.square(fitted.of_place).mean() < np.square(alone.of_place).mean() / 4


# --- maps --------------------------------------------------------------------------------------


def false_share(m: Any) -> float:
    p = m.scores["strength_p"].drop("EMPTY_control")
    return float((p <= 0.05).mean())


@pytest.mark.soak
def test_a_place_that_passes_as_a_phenotype_is_subtracted(new_folder: Folder) -> None:
    wells = fixed_layout(1)
    moved_ = wells.open(new_folder("moved"), moved(wells, 1.0))
    still = wells.open(new_folder("still"))
    before, after = moved_.phenomap(), moved_.phenomap(position=True)
    assert false_share(before) > 0.3
    assert false_share(after) <= false_share(still.phenomap()) + 0.1
    assert after.spec.position
    rows = [m.diagnostics.set_index("source").loc["position"] for m in (before, after)]
    assert rows[0]["p"] <= 0.01 < rows[1]["p"]
    assert rows[1]["after"] < rows[0]["after"] / 2


def test_the_position_is_subtracted_before_all_else(new_folder: Folder) -> None:
    wells = fixed_layout(2, genes=8)
    dataset = wells.open(new_folder("first"), moved(wells, 1.0))
    plain, other = dataset.phenomap(align="none"), dataset.phenomap(align="none", position=True)
    space = other.space
    expected = plain.space.aligned(slice(None)) - space.position.of_place[space.place]
    np.testing.assert_allclose(space.aligned(slice(None)), expected, atol=1e-5)
    again = dataset.phenomap(align="none", position=True)
    np.testing.assert_array_equal(again.vectors, other.vectors)
    assert not np.allclose(plain.vectors, other.vectors, atol=0.1)


def test_without_controls_no_position_is_told(new_folder: Folder) -> None:
    wells = s.Wells(1, dim=8)
    for gene in s.gene_names(6):
        wells.guide("gene-001", 1, gene)
    dataset = wells.open(new_folder("none"))
    with pytest.raises(MapError, match=r"position .* cannot be told"):
        dataset.phenomap(align="none", position=True)
    spec = dataset.phenomap(align="none").spec
    m, note = dataset.map_or_fallback(replace(spec, position=True))
    assert not m.spec.position
    assert "position" in note


# --- diagnostics -------------------------------------------------------------------------------


EXPERIMENTS = ("gene-001", "gene-002", "gene-143", "gene-144")


@pytest.fixture(scope="module")
def batched(new_folder: Folder) -> Any:
    """Four experiments that differ much, and plates that differ a little."""
    screen = s.gene_screen(10, plates=3, controls=30, experiments=EXPERIMENTS, dim=DIM, plate=0.5)
    return screen.open(new_folder("batched"))


def share_of(dataset: Any, m: Any, by: list[str]) -> float:
    """Return SS between / SS total of the controls in vectors as they come."""
    wells = dataset.wells.reset_index()
    controls = wells[wells["treatment"] == "EMPTY_control"]
    x = pd.DataFrame(
        m.space.vectors(np.arange(len(m.space))).astype(float), index=m.space.positions
    )
    x = x.loc[controls.index]
    means = x.groupby([controls[name] for name in by]).transform("mean")
    return float(((means - x.mean()) ** 2).sum().sum() / ((x - x.mean()) ** 2).sum().sum())


def test_shares_before_are_those_of_the_controls_as_they_come(batched: Any) -> None:
    m = batched.phenomap()
    table = m.diagnostics.set_index("source")
    assert tuple(table.index) == SOURCES
    of_experiments = share_of(batched, m, ["experiment_name"])
    of_both = share_of(batched, m, ["experiment_name", "plate"])
    assert table.loc["experiment", "before"] == pytest.approx(of_experiments)
    assert table.loc["plate", "before"] == pytest.approx(of_both - of_experiments)
    assert table.loc["experiment", "n_groups"] == 4
    assert table.loc["plate", "n_groups"] == 12
    assert (table["n_controls"] == 360).all()


def test_what_is_due_to_chance_is_told_where_plates_are_aligned_one_by_one(batched: Any) -> None:
    table = batched.phenomap(align="centerscale", batch="plate").diagnostics.set_index("source")
    left = table.loc[["experiment", "plate"], "after"]
    assert (left < 3 * table.loc[["experiment", "plate"], "chance"]).all()


def test_tvn_leaves_the_means_of_experiments_and_our_variant_does_not(batched: Any) -> None:
    after = {}
    for align in ("none", "centerscale", "pca-centerscale", "tvn", "tvn-centered"):
        row = batched.phenomap(align=align).diagnostics.set_index("source").loc["experiment"]
        after[align] = row["after"]
        if align in ("centerscale", "pca-centerscale", "tvn-centered"):
            assert row["after"] < 2 * row["chance"], align
    assert after["none"] > 0.5
    assert after["tvn"] > 0.1
    assert after["tvn-centered"] < 0.05


def test_centered_tvn_puts_the_controls_of_each_batch_at_the_origin(batched: Any) -> None:
    space = batched.phenomap(align="tvn-centered").space
    for batch in np.unique(space.batch):
        controls = np.flatnonzero(space.is_control & (space.batch == batch))
        aligned = space.aligned(controls).astype(float)
        assert np.abs(aligned.mean(axis=0)).max() < 1e-4
        assert 0.3 < aligned.var(axis=0).mean() < 3


def test_centered_tvn_is_tvn_where_nothing_is_to_be_centered(new_folder: Folder) -> None:
    wells = s.gene_screen(6, plates=1, controls=40, experiments=("gene-001",), dim=8)
    dataset = wells.open(new_folder("one"))
    plain, centered = (dataset.phenomap(align=how).vectors for how in ("tvn", "tvn-centered"))
    np.testing.assert_allclose(plain @ plain.T, centered @ centered.T, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_position_effect_of_a_tenth_of_the_noise_is_found(seed: int, new_folder: Folder) -> None:
    wells = fixed_layout(seed, genes=6, controls=100)
    dataset = wells.open(new_folder(f"tenth{seed}"), moved(wells, 0.1, seed))
    table = dataset.phenomap().diagnostics.set_index("source")
    assert table.loc["position", "p"] <= 0.01


def test_where_there_is_no_position_effect_none_is_found(new_folder: Folder) -> None:
    p = []
    for seed in range(8):
        dataset = fixed_layout(seed, genes=2).open(new_folder(f"nothing{seed}"))
        p.append(dataset.phenomap().diagnostics.set_index("source").loc["position", "p"])
    assert min(p) > 0.004
    assert np.median(p) > 0.2


def test_diagnostics_are_kept(batched: Any, tmp_path: Path) -> None:
    m = batched.phenomap(align="tvn")
    first = m.diagnostics

    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled("nothing is to be computed")

    pd.testing.assert_frame_equal(diagnostics_store(m).get(stop), first)


def test_what_cannot_be_told_is_missing(new_folder: Folder) -> None:
    wells = s.Wells(1, dim=8)
    for gene in s.gene_names(6):
        wells.guide("gene-001", 1, gene)
    none = wells.open(new_folder("no controls")).phenomap(align="none").diagnostics
    assert none[["before", "after", "p"]].isna().all().all()
    assert diagnostics_in_words(none, "none").startswith("There are too few controls")
    assert not any(is_more_than_chance(row) for _, row in none.iterrows())
    alone = s.gene_screen(6, plates=1, experiments=("gene-001",)).open(new_folder("alone"))
    table = alone.phenomap().diagnostics.set_index("source")
    assert table.loc[["experiment", "plate"], "after"].isna().all()
    assert np.isfinite(table.loc["position", "p"])


@pytest.mark.first_example
@pytest.mark.parametrize("batch", ["experiment", "plate"])
def test_batch_diagnostics_know_what_chance_leaves_of_centered_batches(
    batch: str, new_folder: Folder
) -> None:
    """Where nothing is to be found, what is left is what chance leaves, whatever is centered."""
    left = []
    for seed in range(6):
        wells = s.gene_screen(2, plates=3, controls=12, experiments=EXPERIMENTS, dim=DIM, seed=seed)
        m = wells.open(new_folder(f"{batch}{seed}")).phenomap(align="centerscale", batch=batch)
        table = m.diagnostics.set_index("source").loc[["experiment", "plate"]]
        left.append(table[["after", "chance"]])
    mean = sum(left) / len(left)
    np.testing.assert_allclose(mean["after"], mean["chance"], rtol=0.25)


def test_batch_diagnostics_of_controls_that_are_all_alike_have_no_shares(
    new_folder: Folder,
) -> None:
    wells = s.gene_screen(4, plates=2, controls=6, dim=4)
    alike = {
        row["well_id"]: np.full(4, 3, "float32") if "EMPTY" in row["treatment"] else vector
        for row, vector in zip(wells.rows, wells.vectors().values(), strict=True)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = wells.open(new_folder("alike"), alike).phenomap(align="none").diagnostics
    assert table[["before", "after"]].isna().all(axis=None)
    assert table["p"].isna().all()


def test_the_sentence_says_what_is_left(batched: Any) -> None:
    table = batched.phenomap(align="tvn").diagnostics
    share = table["after"][0]
    said = diagnostics_in_words(table, "tvn")
    assert said.startswith(f"Experiments explain {share:.0%}".replace("%", " %"))
    assert "of 360 controls' variance after tvn" in said
    assert is_more_than_chance(table.loc[0])
    calm = batched.phenomap(align="tvn-centered").diagnostics
    assert not is_more_than_chance(calm.loc[0])
    assert "after tvn-centered" in diagnostics_in_words(calm, "tvn-centered")
    assert "without alignment" in diagnostics_in_words(calm, "none")


# --- calibration, small ------------------------------------------------------------------------

SMALL = Design(dimension=32, controls=16, pairs=2, genes=30, guides=3, plates=4, effect=0.0)


@pytest.mark.soak
def test_positions_are_found_and_subtracted_on_screens_of_known_truth() -> None:
    (row,) = of_positions([1], SMALL, [0.5])
    assert row["position found at p <= .01"] == 1
    assert row["found after subtraction"] == 0
    assert row["with position=True"] <= row["silent genes of strength_p <= .05"]


def test_what_an_alignment_leaves_of_experiments_is_what_silent_genes_share() -> None:
    rows = {row["alignment"]: row for row in of_alignments([1], SMALL)}
    alike = "mean cosine of silent genes of one pair of experiments"
    assert rows["none"]["after"] == rows["none"]["experiments before"] > 0.5
    assert rows["tvn"]["after"] > 2 * rows["tvn"]["by chance"]
    assert rows["tvn"][alike] > rows["tvn-centered"][alike] + 0.1
    assert rows["tvn-centered"]["after"] < 2 * rows["tvn-centered"]["by chance"]

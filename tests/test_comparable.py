"""p and q by empirical nulls: right in each class of pairs, and said where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import napari_rxrx3 as rx
import screens as s
from benchmarks.calibration.lists import (
    CLASSES,
    FALSE_IN_ANY,
    POWER,
    SHARE,
    found_complexes,
    unrelated_shares,
)
from benchmarks.calibration.screens import Design, Screen
from napari_rxrx3.core.geometry import directions
from napari_rxrx3.maps.evidence.empirical_null import MIN_PAIRS, fisher_z, fit_null

ALL = 10**6


# --- the null of some numbers ------------------------------------------------------------------


@pytest.mark.parametrize("opposite", [False, True])
def test_center_and_width_are_those_of_what_is_unrelated(opposite: bool) -> None:
    """5 % that are related, at one end, hardly move either."""
    sign = -1 if opposite else 1
    z = np.random.default_rng(0).normal(0.2, 0.1, 20_000)
    z[:1000] += sign * 0.8
    null = fit_null(z, opposite)
    assert null.center == pytest.approx(0.2, abs=0.01)
    assert null.width == pytest.approx(0.1, abs=0.01)
    assert null.fits
    p = null.p_values(z[1000:], opposite)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.015)
    assert null.p_values(z[:1000], opposite).max() < 1e-4


def test_a_null_with_long_tails_does_not_fit() -> None:
    random = np.random.default_rng(1)
    assert fit_null(random.normal(size=5000), False).fits
    assert not fit_null(random.standard_t(2, size=5000), False).fits
    assert not fit_null(np.zeros(500), False).fits


def test_too_few_pairs_are_no_null() -> None:
    z = np.random.default_rng(2).normal(size=MIN_PAIRS)
    assert fit_null(z, False).n == MIN_PAIRS
    assert fit_null(z[1:], False) is None


def test_a_width_that_is_known_from_few_entries_is_seldom_too_small() -> None:
    """Cosines of all pairs of a few directions: those with one in common go together."""
    widths = []
    for seed in range(60):
        units = directions(np.random.default_rng(seed).normal(size=(40, 16)))
        null = fit_null(fisher_z((units @ units.T)[np.triu_indices(40, k=1)]), False)
        assert null is not None
        widths.append((null.width, null.widened(40).width))
    many = directions(np.random.default_rng(99).normal(size=(2000, 16)))
    exact = fisher_z((many @ many.T)[np.triu_indices(2000, k=1)]).std()
    as_found, widened = (np.array(w) for w in zip(*widths, strict=True))
    assert (as_found < exact).mean() > 0.25
    assert (widened < exact).mean() < 0.1
    assert widened.max() < 1.3 * exact


def test_the_scale_is_fisher_s() -> None:
    np.testing.assert_allclose(
        fisher_z(np.array([0, 0.5, -0.5])), [0, 0.549306, -0.549306], atol=1e-6
    )
    assert np.isfinite(fisher_z(np.array([1.0, -1.0]))).all()


# --- simulated screens -------------------------------------------------------------------------

SMALL = {"pairs": 4, "genes": 16, "guides": 3, "plates": 4}


@pytest.mark.parametrize(
    ("controls", "dimension", "effect"),
    [
        (16, 64, 0.0),
        *(pytest.param(*each, marks=pytest.mark.soak) for each in ((16, 64, 1.0), (48, 32, 0.5))),
    ],
)
def test_of_unrelated_pairs_5_percent_have_a_small_p_in_each_class(
    controls: int, dimension: int, effect: float
) -> None:
    design = Design(**SMALL, compounds=12, dimension=dimension, controls=controls, effect=effect)
    shares = unrelated_shares(design, range(3), queries=12)
    assert shares.index.tolist() == list(CLASSES)
    assert (shares["n"] > 500).all()
    assert shares["p"].between(*SHARE).all(), shares
    assert (shares["no_p"] == 0).all()
    if effect == 0:  # what all pairs together would say
        assert shares.loc[CLASSES[0], "percentile"] > 0.1


@pytest.mark.soak
def test_of_strong_genes_among_silent_ones_no_more_have_a_small_p(tmp_path: Path) -> None:
    """What points the same way in all experiments is as alike across them as in a single one; what
    does nothing is less so, and most of a screen does nothing.
    """
    design = Design(
        **{**SMALL, "genes": 20, "guides": 2},
        dimension=64,
        controls=40,
        effect=0.0,
        complexes=(1,) * 20,
        related=2.0,
        together=True,
    )
    p: dict[str, list[float]] = {"strong": [], "silent": []}
    for seed in range(6):
        screen = Screen(seed, design)
        m, truth = screen.open(tmp_path / str(seed)).phenomap(), screen.truth
        for key in truth.index[: 2 * design.genes]:
            found = m.nearest(key, ALL, scored=False).set_index("key")["p_value"]
            together = truth.index[(truth["first"] == truth["first"][key])].drop(key)
            p["strong" if truth["is_active"][key] else "silent"] += found[together].tolist()
    shares = {name: np.mean(np.array(values) <= 0.05) for name, values in p.items()}
    assert all(0.02 <= share <= 0.075 for share in shares.values()), shares


@pytest.mark.each(2)
@pytest.mark.parametrize("together", [False, True])
def test_complexes_are_called_and_hardly_anything_else(together: bool) -> None:
    design = Design(
        **SMALL, dimension=128, effect=0.3, related=1.5, complexes=(2, 4, 8), together=together
    )
    found = [found_complexes(Screen(seed, design), others=12) for seed in range(2)]
    assert np.mean([each.n_perfect for each in found]) > 10
    assert np.mean([each.power for each in found]) >= POWER
    assert max(each.false for each in found) <= FALSE_IN_ANY


def test_what_is_like_one_member_by_chance_is_not_called_by_all_of_them() -> None:
    """On average lists may be right and in one screen not: members of a complex point one way, and
    this screen has genes that happen to point there too.
    """
    design = Design(**SMALL, dimension=128, effect=0.3, related=1.5, complexes=(8,), together=True)
    found = found_complexes(Screen(10, design), others=0)
    assert found.n_perfect == 8
    assert found.power >= POWER
    assert 0 < found.false <= FALSE_IN_ANY


# --- in a list ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    design = Design(**SMALL, compounds=8, dimension=32, complexes=(4,), related=2.0)
    return Screen(3, design).write(tmp_path_factory.mktemp("screen") / "data")


@pytest.fixture(scope="module")
def data(screen: Path) -> Any:
    return rx.open_dataset(screen, cache_dir=screen.parent / "cache")


def test_it_is_said_what_a_pair_was_compared_with(data: Any) -> None:
    m = data.phenomap()
    table = m.nearest("GENE0000", k=ALL, scored=False).set_index("key")
    said = table["compared_with"]
    assert said["GENE0001"] == "genes screened in the same experiments, across them"
    assert said["GENE0050"] == "genes of different experiments"
    assert said["Compound0001@10"] == "pairs of a gene and a compound of different experiments"
    known = table["p_value"].notna()
    assert (table.loc[known, "n_compared"] >= MIN_PAIRS).all()
    compounds = m.nearest("Compound0000@10", k=ALL, scored=False).set_index("key")
    of_one = compounds.loc["Compound0001@10", "compared_with"]
    assert of_one.startswith("compounds of one experiment")


def test_the_cache_answers_as_the_first_process_did(
    data: Any, screen: Path, tmp_path: Path
) -> None:
    first = data.phenomap().nearest("GENE0003", k=40, scored=False)
    again = rx.open_dataset(screen, cache_dir=screen.parent / "cache").phenomap()
    pd.testing.assert_frame_equal(again.nearest("GENE0003", k=40, scored=False), first)
    anew = rx.open_dataset(screen, cache_dir=tmp_path).phenomap()
    pd.testing.assert_frame_equal(anew.nearest("GENE0003", k=40, scored=False), first)


def test_where_no_null_fits_the_percentile_is_left(tmp_path: Path) -> None:
    """Most are silent, and a few point two opposite ways: no half of that is half of a bell."""
    wells = s.Wells(4, dim=96)
    ways = {gene: (-1) ** i * 40 * wells.direction("way") for i, gene in enumerate(s.gene_names(9))}
    m = s.gene_screen(40, controls=150, effects=ways, seed=4, dim=96).open(tmp_path).phenomap()
    table = m.nearest("GENE020", k=10, scored=False)
    assert table[["p_value", "q_value"]].isna().all(axis=None)
    assert table["percentile"].notna().all()
    assert (table["n_compared"] >= MIN_PAIRS).all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("opposite", [False, True])
def test_the_other_end_and_the_other_metric_have_a_null_too(
    metric: str, opposite: bool, data: Any
) -> None:
    p = []
    for query in [f"GENE{i:04d}" for i in range(10, 40, 3)]:
        table = data.phenomap().nearest(query, ALL, metric, opposite, scored=False)
        p.append(table["p_value"])
    pooled = pd.concat(p).dropna()
    assert len(pooled) > 1000
    # the screen has a complex, and what is weak is near to all that is weak
    assert 0.01 < (pooled <= 0.05).mean() < 0.1

"""What alignment takes away, what it must not touch, and what is kept of a map."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.core.errors import Cancelled, MapError

FIRST, SECOND = s.PAIR
ALIGNMENTS = ("centerscale", "pca-centerscale", "tvn")

Table = dict[str, np.ndarray]
Folder = Callable[[str], Path]

few_examples = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return lambda name: tmp_path_factory.mktemp(name)


def small_screen(**options: Any) -> s.Wells:
    directions = s.Wells(3, dim=6)
    effects = {gene: 3 * directions.direction(gene) for gene in s.gene_names(8)}
    return s.gene_screen(8, 2, 2, controls=14, effects=effects, seed=3, dim=6, **options)


WELLS = small_screen()
VECTORS = WELLS.vectors()
TABLE = WELLS.table()


def cosines(m: Any) -> pd.DataFrame:
    """Return the cosines of all entries but the controls, whose average points nowhere."""
    keys = m.labels.index.drop("EMPTY_control", errors="ignore")
    x = np.asarray(m.vectors, dtype="float64")[m.labels.index.get_indexer(keys)]
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return pd.DataFrame(unit @ unit.T, keys, keys)


def assert_same_cosines(found: Any, expected: Any) -> None:
    pd.testing.assert_frame_equal(cosines(found), cosines(expected), rtol=0, atol=1e-5)


def differ(found: Any, other: Any) -> bool:
    return float(np.abs(cosines(found) - cosines(other)).to_numpy().max()) > 0.05


def moved(
    where: pd.Series | bool, shift: np.ndarray | float = 0.0, scale: np.ndarray | float = 1.0
) -> Table:
    """Return the vectors of the small screen, some of them shifted and scaled."""
    chosen = pd.Series(where, index=TABLE.index)
    return {
        well: (vector * scale + shift).astype("float32") if chosen[well] else vector
        for well, vector in VECTORS.items()
    }


@pytest.fixture(scope="module")
def unmoved(new_folder: Folder) -> Any:
    return WELLS.open(new_folder("unmoved"))


# --- what is taken away ------------------------------------------------------------------------

shifts = st.lists(st.floats(-20, 20), min_size=6, max_size=6).map(np.array)
scales = st.lists(st.floats(0.2, 5), min_size=6, max_size=6).map(np.array)


@few_examples
@given(batch=st.sampled_from(s.PAIR), shift=shifts, scale=scales)
def test_centering_and_scaling_takes_away_what_a_batch_adds(
    batch: str, shift: np.ndarray, scale: np.ndarray, unmoved: Any, new_folder: Folder
) -> None:
    vectors = moved(TABLE["experiment_name"] == batch, shift, scale)
    dataset = WELLS.open(new_folder("moved"), vectors)
    for level in ("perturbation", "well"):
        options = {"level": level, "align": "centerscale"}
        assert_same_cosines(dataset.phenomap(**options), unmoved.phenomap(**options))


@few_examples
@given(shift=shifts, scale=st.floats(0.2, 5), seed=st.integers(0, 99))
def test_principal_components_do_not_depend_on_the_axes(
    shift: np.ndarray, scale: float, seed: int, unmoved: Any, new_folder: Folder
) -> None:
    """The whole screen is turned, shifted and made longer."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 6)))
    vectors = {w: (scale * (v @ turn) + shift).astype("float32") for w, v in VECTORS.items()}
    dataset = WELLS.open(new_folder("turned"), vectors)
    for level in ("perturbation", "well"):
        assert_same_cosines(dataset.phenomap(level), unmoved.phenomap(level))


@few_examples
@given(shift=shifts, scale=scales)
def test_tvn_does_not_depend_on_the_units_of_features(
    shift: np.ndarray, scale: np.ndarray, unmoved: Any, new_folder: Folder
) -> None:
    dataset = WELLS.open(new_folder("units"), moved(True, shift, scale))
    for level in ("perturbation", "well"):
        assert_same_cosines(dataset.phenomap(level, "tvn"), unmoved.phenomap(level, "tvn"))


@few_examples
@given(batch=st.sampled_from(s.PAIR), shift=shifts, scale=scales)
def test_the_controls_of_each_batch_come_to_lie_on_each_other(
    batch: str, shift: np.ndarray, scale: np.ndarray, new_folder: Folder
) -> None:
    """Each has mean 0 and standard deviation 1 in all features, whatever the batch does."""
    vectors = moved(TABLE["experiment_name"] == batch, shift, scale)
    dataset = WELLS.open(new_folder("controls"), vectors)
    for align in ("centerscale", "pca-centerscale"):
        m = dataset.phenomap("well", align)
        for experiment in s.PAIR:
            x = aligned(m, "EMPTY_control", experiment)
            np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
            np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-5)


def aligned(m: Any, treatment: str, experiment: str) -> np.ndarray:
    chosen = (m.labels["treatment"] == treatment) & m.labels.index.str.startswith(experiment)
    return np.asarray(m.vectors, dtype="float64")[chosen.to_numpy()]


def test_tvn_gives_the_controls_of_each_batch_the_same_covariance(new_folder: Folder) -> None:
    """Up to the ridge: with it, the covariance C becomes C / (C + 1/2)."""
    wells = small_screen(batch=2.0)
    m = wells.open(new_folder("tvn")).phenomap("well", "tvn")
    for experiment in s.PAIR:
        covariance = np.cov(aligned(m, "EMPTY_control", experiment), rowvar=False)
        values, axes = np.linalg.eigh(covariance)
        assert (values > 0).all()
        assert (values < 1).all()
        before = axes * (values / (2 * (1 - values))) @ axes.T
        ridge = before + np.eye(6) / 2
        again, turn = np.linalg.eigh(ridge)
        root = turn / np.sqrt(again) @ turn.T
        np.testing.assert_allclose(root @ before @ root, covariance, atol=1e-5)


@pytest.mark.parametrize("align", ["centerscale", "pca-centerscale"])
def test_plates_as_batches_lose_what_plates_add(
    align: str, unmoved: Any, new_folder: Folder
) -> None:
    on_plate = (TABLE["experiment_name"] == FIRST) & (TABLE["plate"] == 2)
    dataset = WELLS.open(new_folder("plate"), moved(on_plate, np.linspace(-9, 9, 6), 1.0))
    by_plate = dataset.phenomap("well", align, batch="plate")
    for experiment, plate in itertools.product(s.PAIR, (1, 2)):
        x = aligned(by_plate, "EMPTY_control", f"{experiment}_{plate}_")
        np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    if align == "centerscale":
        assert_same_cosines(by_plate, unmoved.phenomap("well", align, batch="plate"))
    assert differ(dataset.phenomap("well", align), unmoved.phenomap("well", align))


# --- whose controls ----------------------------------------------------------------------------


def compound_screen() -> s.Wells:
    wells = s.Wells(6, dim=6)
    for experiment in ("compound-001", "compound-004"):
        wells.control(experiment, 1, 14)
        wells.control(experiment, 1, 14, "CRISPR_control")
        for name in ("Bortezomib", "digitoxin", "inert"):
            for dose in b.DOSES[4:]:
                for _ in range(2):
                    effect = 0 if name == "inert" else 4 * wells.direction(name)
                    wells.dose(experiment, 1, name, dose, effect)
    return wells


@pytest.fixture(scope="module")
def compounds(new_folder: Folder) -> Any:
    return compound_screen().open(new_folder("compounds"))


@pytest.fixture(scope="module")
def crispr_moved(new_folder: Folder) -> Any:
    """The same compounds, the CRISPR_control wells of one experiment far away."""
    wells = compound_screen()
    table, vectors = wells.table(), wells.vectors()
    is_other = table["treatment"] == "CRISPR_control"
    for well in table.index[is_other & (table["experiment_name"] == "compound-001")]:
        vectors[well] = 3 * vectors[well] + np.float32(7)
    return wells.open(new_folder("crispr moved"), vectors)


@pytest.mark.parametrize("align", ALIGNMENTS)
def test_crispr_controls_align_nothing_unless_they_are_chosen(
    align: str, compounds: Any, crispr_moved: Any
) -> None:
    maps = [d.phenomap("perturbation", align) for d in (compounds, crispr_moved)]
    np.testing.assert_array_equal(maps[0].vectors, maps[1].vectors)
    chosen = [
        d.phenomap("perturbation", align, control="CRISPR_control")
        for d in (compounds, crispr_moved)
    ]
    assert differ(*chosen)


@pytest.mark.parametrize("control", ["EMPTY_control", "CRISPR_control", "inert"])
def test_the_chosen_controls_are_those_at_the_origin(control: str, crispr_moved: Any) -> None:
    m = crispr_moved.phenomap("well", "centerscale", control=control)
    assert m.spec.control == control
    for name in ("EMPTY_control", "CRISPR_control", "inert"):
        x = aligned(m, name, "compound-001")
        assert (np.abs(x.mean(axis=0)).max() < 1e-4) == (name == control)


def test_controls_that_there_are_not_are_named(compounds: Any) -> None:
    with pytest.raises(MapError, match="DMSO") as caught:
        compounds.phenomap(control="DMSO")
    assert str(caught.value).endswith(".")


# --- batches without controls ------------------------------------------------------------------


def uncontrolled(n_left: int, batch: str = SECOND, plate: int | None = None) -> s.Wells:
    """Return the small screen with few controls left in a batch."""
    wells = small_screen()
    kept, n = [], 0
    for i, row in enumerate(wells.rows):
        here = row["experiment_name"] == batch and plate in (None, row["plate"])
        is_control = row["treatment"] == "EMPTY_control"
        n += here and is_control
        if not (here and is_control) or n <= n_left:
            kept.append(i)
    wells.rows = [wells.rows[i] for i in kept]
    wells.effects = [wells.effects[i] for i in kept]
    return wells


@pytest.mark.parametrize(
    ("align", "n_left"), [("centerscale", 0), ("pca-centerscale", 0), ("tvn", 0), ("tvn", 1)]
)
def test_a_batch_without_controls_is_named_or_left_out(
    align: str, n_left: int, new_folder: Folder
) -> None:
    wells = uncontrolled(n_left)
    dataset = wells.open(new_folder("left out"))
    with pytest.raises(MapError, match=SECOND) as caught:
        dataset.phenomap(align=align)
    assert FIRST not in str(caught.value)
    m = dataset.phenomap("well", align, leave_out=True)
    table = wells.table()
    expected = table.index[table["experiment_name"] == FIRST]
    assert set(m.labels.index) == set(expected)
    assert m.left_out == (SECOND,)
    n_lost = len(table) - len(expected)
    assert any(SECOND in note and str(n_lost) in note for note in m.notes)
    assert_same_as_alone(dataset.phenomap(align=align, leave_out=True), wells, align, new_folder)


def assert_same_as_alone(m: Any, wells: s.Wells, align: str, new_folder: Folder) -> None:
    """What is left out has no part in the alignment of the rest."""
    vectors = wells.vectors()
    wells.rows = [row for row in wells.rows if row["experiment_name"] == FIRST]
    wells.effects = wells.effects[: len(wells.rows)]
    kept = {row["well_id"]: vectors[row["well_id"]] for row in wells.rows}
    alone = wells.open(new_folder("alone"), kept).phenomap(align=align)
    assert not alone.left_out
    assert_same_cosines(m, alone)


def test_a_plate_without_controls_is_named_or_left_out(new_folder: Folder) -> None:
    dataset = uncontrolled(0, SECOND, 2).open(new_folder("plate left out"))
    with pytest.raises(MapError, match=rf"{SECOND}.*2"):
        dataset.phenomap(batch="plate")
    m = dataset.phenomap("well", batch="plate", leave_out=True)
    assert len(m.left_out) == 1
    assert SECOND in m.left_out[0]
    plates = {well.rsplit("_", 1)[0] for well in m.labels.index}
    assert plates == {f"{FIRST}_1", f"{FIRST}_2", f"{SECOND}_1"}
    assert not dataset.phenomap(batch="experiment").left_out


def test_leaving_out_leaves_all_in_that_has_controls(unmoved: Any) -> None:
    for align in ("none", *ALIGNMENTS):
        m = unmoved.phenomap("well", align, leave_out=True)
        assert len(m.labels) == len(TABLE)
        assert (m.left_out, m.notes) == ((), ())


def test_without_alignment_no_controls_are_needed(new_folder: Folder) -> None:
    dataset = s.gene_screen(4, controls=0).open(new_folder("none"))
    assert len(dataset.phenomap(align="none").labels) == 4
    for leave_out in (False, True):
        with pytest.raises(MapError, match="EMPTY_control"):
            dataset.phenomap(leave_out=leave_out)


def test_a_single_control_is_noted(new_folder: Folder) -> None:
    m = uncontrolled(1).open(new_folder("one control")).phenomap("well", "centerscale")
    (note,) = m.notes
    assert SECOND in note
    assert FIRST not in note
    assert note.endswith(".")
    np.testing.assert_allclose(aligned(m, "EMPTY_control", SECOND), 0, atol=1e-5)


# --- averages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("average", "expected"), [("mean", np.mean), ("median", np.median)])
@pytest.mark.parametrize("align", ["none", *ALIGNMENTS])
def test_an_entry_is_the_average_of_its_aligned_wells(
    align: str, average: str, expected: Any, unmoved: Any
) -> None:
    wells = unmoved.phenomap("well", align)
    x = pd.DataFrame(np.asarray(wells.vectors), index=wells.labels.index)
    for level in ("guide", "perturbation"):
        m = unmoved.phenomap(level, align, average=average)
        for key in m.labels.index:
            mine = x.loc[m.wells_of(key)].to_numpy(dtype="float64")
            np.testing.assert_allclose(
                m.vectors[m.row(key)], expected(mine, axis=0), rtol=1e-4, atol=1e-5
            )


# --- kept for the next time --------------------------------------------------------------------


def fails(*args: Any) -> None:
    raise AssertionError("a map from the cache has nothing to report")


def files_of(folder: Path) -> tuple[Path, Path]:
    return folder / "data", folder / "cache"


@pytest.mark.parametrize("level", ["well", "perturbation"])
def test_a_kept_map_is_the_map(level: str, new_folder: Folder) -> None:
    folder = new_folder("kept")
    first = WELLS.open(folder).phenomap(level, average="median")
    root, cache = files_of(folder)
    again = rx.open_dataset(root, cache_dir=cache)
    found = again.phenomap(level, average="median", progress=fails)
    np.testing.assert_array_equal(found.vectors, first.vectors)
    pd.testing.assert_frame_equal(found.labels, first.labels)
    assert found.members.equals(first.members)
    expected = first.nearest(first.labels.index[3], k=9)
    pd.testing.assert_frame_equal(found.nearest(first.labels.index[3], k=9), expected)


def test_what_is_left_out_and_noted_is_kept(new_folder: Folder) -> None:
    folder = new_folder("kept notes")
    first = uncontrolled(0).open(folder).phenomap(leave_out=True)
    root, cache = files_of(folder)
    again = rx.open_dataset(root, cache_dir=cache).phenomap(leave_out=True, progress=fails)
    assert (again.left_out, again.notes) == (first.left_out, first.notes)
    assert first.left_out == (SECOND,)


def test_each_choice_has_a_map_of_its_own(new_folder: Folder) -> None:
    folder = new_folder("choices")
    WELLS.open(folder)
    root, cache = files_of(folder)
    choices: list[Mapping[str, Any]] = [
        {},
        {"level": "guide"},
        {"align": "tvn"},
        {"average": "median"},
        {"batch": "plate"},
        {"control": "GENE000_guide_1"},
    ]
    maps = []
    for _ in range(2):
        dataset = rx.open_dataset(root, cache_dir=cache)
        maps.append([dataset.phenomap(**choice) for choice in choices])
    for built, kept in zip(*maps, strict=True):
        np.testing.assert_array_equal(built.vectors, kept.vectors)
    for one, other in itertools.combinations(maps[1], 2):
        same_shape = one.vectors.shape == other.vectors.shape
        assert not (same_shape and np.allclose(one.vectors, other.vectors))


def test_a_map_is_made_anew_from_new_vectors(new_folder: Folder) -> None:
    folder = new_folder("new vectors")
    before = WELLS.open(folder).phenomap(align="centerscale")
    vectors = moved(TABLE["gene"] == "GENE002", 4.0)
    after = WELLS.open(folder, vectors).phenomap(align="centerscale")
    assert differ(after, before)
    expected = WELLS.open(new_folder("expected"), vectors).phenomap(align="centerscale")
    np.testing.assert_array_equal(after.vectors, expected.vectors)


def test_a_map_is_made_anew_from_new_metadata(new_folder: Folder) -> None:
    """Two genes of equally long names change places: only the time of the file tells."""
    folder = new_folder("new metadata")
    before = WELLS.open(folder).phenomap(align="centerscale")
    root, cache = files_of(folder)
    swap = {"GENE001": "GENE005", "GENE005": "GENE001"}
    rows = [
        row
        | {"gene": swap.get(row["gene"], row["gene"])}
        | {"treatment": swap.get(row["treatment"][:7], row["treatment"][:7]) + row["treatment"][7:]}
        for row in WELLS.rows
    ]
    time = (root / "metadata.csv").stat().st_mtime
    b.write(root / "metadata.csv", b.csv_bytes(rows))
    os.utime(root / "metadata.csv", (time + 10, time + 10))
    after = rx.open_dataset(root, cache_dir=cache).phenomap(align="centerscale")
    for old, new in (swap | {"GENE000": "GENE000"}).items():
        np.testing.assert_allclose(
            after.vectors[after.row(new)], before.vectors[before.row(old)], atol=1e-5
        )
    assert differ(after, before)


@pytest.mark.parametrize("level", ["well", "perturbation"])
@pytest.mark.parametrize("average", ["mean", "median"])
def test_a_stopped_map_can_be_made_later(level: str, average: str, new_folder: Folder) -> None:
    """Whichever report it was stopped at."""
    dataset = WELLS.open(new_folder("stopped"))
    n_stopped = 0
    while True:
        left = iter(range(n_stopped))  # one report more each time

        def stop(done: int, total: int, text: str, left: Iterator[int] = left) -> None:
            assert 0 <= done <= total
            assert text
            if next(left, None) is None:
                raise Cancelled("stopped by the test")

        try:
            m = dataset.phenomap(level, average=average, progress=stop)
        except Cancelled:
            n_stopped += 1
        else:
            break
    assert n_stopped > 0
    expected = WELLS.open(new_folder("whole")).phenomap(level, average=average)
    np.testing.assert_array_equal(m.vectors, expected.vectors)


# --- a screen with planted complexes -----------------------------------------------------------

COMPLEXES = {
    "proteasome": ("GENE003", "GENE011", "GENE024", "GENE038"),
    "ribosome": ("GENE007", "GENE015", "GENE029"),
    "coatomer": ("GENE001", "GENE020", "GENE033", "GENE036"),
}
MIMIC, ACTIVE_DOSES = "drug 04", (0.25, 1.0, 2.5, 10.0)
LIKE_THE_PROTEASOME = [f"{MIMIC}@{dose:g}" for dose in ACTIVE_DOSES]


def hidden_screen(batch: float) -> s.Wells:
    """40 genes x 6 guides x 2 experiments x 3 plates, 30 compounds x 8 doses x 2 x 2.

    Of the guides of each gene one is weak and one in five genes has one that is off target. One
    compound acts like a complex at its higher doses, ten act each in a way of their own.
    """
    wells = s.Wells(8, dim=32, batch=batch, plate=0.2)
    effects: dict[str, s.Effect] = {}
    for name, members in COMPLEXES.items():
        for gene in members:
            own = 1.5 * wells.direction(gene)
            effects[gene] = 6 * wells.direction(name) + own
            effects[f"{gene}_guide_1"] = 0.0
            effects[f"{gene}_guide_2"] = effects[gene] / 2
    effects["GENE015_guide_5"] = 6 * wells.direction("elsewhere")
    for gene in s.gene_names(40)[30::3]:
        effects.setdefault(gene, 4 * wells.direction(gene))
    wells = s.gene_screen(
        40, 6, 3, controls=16, effects=effects, seed=8, dim=32, batch=batch, plate=0.2
    )
    for experiment, plate in itertools.product(("compound-001", "compound-004"), (1, 2)):
        wells.control(experiment, plate, 64)
        wells.control(experiment, plate, 20, "CRISPR_control")
        for number, dose in itertools.product(range(30), b.DOSES):
            name = f"drug {number:02d}"
            effect = dose_effect(wells, name, number, dose)
            wells.dose(experiment, plate, name, dose, effect)
    return wells


def dose_effect(wells: s.Wells, name: str, number: int, dose: float) -> s.Effect:
    if dose not in ACTIVE_DOSES:
        return 0.0
    if name == MIMIC:
        return 7 * wells.direction("proteasome")
    return 5 * wells.direction(name) if number % 3 == 0 else 0.0


@pytest.fixture(scope="module")
def hidden(new_folder: Folder) -> Any:
    return hidden_screen(batch=1.5).open(new_folder("hidden"))


def recovered(m: Any) -> list[float]:
    """Return, for each member, which share of its complex is on top of its list."""
    shares = []
    for name, members in COMPLEXES.items():
        complex_ = {*members, *(LIKE_THE_PROTEASOME if name == "proteasome" else ())}
        for member in sorted(complex_):
            others = complex_ - {member}
            if member.startswith(MIMIC):  # its own doses are not asked for
                others -= set(LIKE_THE_PROTEASOME)
                top = m.nearest(member, k=len(others), kind="CRISPR", judged=False)
            else:
                top = m.nearest(member, k=len(others), judged=False)
            shares.append(len(others & set(top["key"])) / len(others))
    return shares


@pytest.mark.parametrize("align", ["centerscale", "pca-centerscale"])
def test_planted_complexes_are_found_in_a_whole_screen(align: str, hidden: Any) -> None:
    assert recovered(hidden.phenomap(align=align)) == [1.0] * 15


def test_without_alignment_they_are_not(hidden: Any) -> None:
    assert np.mean(recovered(hidden.phenomap(align="none"))) < 0.8


def test_neighbors_of_a_complex_can_be_trusted(hidden: Any) -> None:
    m = hidden.phenomap()
    for members in COMPLEXES.values():
        table = m.nearest(members[0], k=10**6).set_index("key").loc[list(members[1:])]
        assert (table["p_value"] <= 0.02).all()
        assert (table["q_value"] <= 0.05).all()
        most = 3 + len(LIKE_THE_PROTEASOME)  # so many are like it, and nothing else is nearer
        assert (table["across_rank"] * table["n_across"] <= most + 1e-9).all()
        doubts = {flag for flags in table["flags"] for flag in flags}
        assert doubts == set()
    scores = m.scores
    everyone = [gene for members in COMPLEXES.values() for gene in members]
    assert (scores.loc[everyone, ["strength_p", "consistency_p", "agreement_p"]] <= 0.05).all(
        axis=None
    )


@pytest.mark.soak
def test_the_compound_of_a_complex_is_found_over_its_doses(hidden: Any) -> None:
    m = hidden.phenomap("compound")
    assert set(m.nearest(MIMIC, k=4)["key"]) == set(COMPLEXES["proteasome"])
    guides = hidden.phenomap("guide")
    top = guides.nearest("GENE003_guide_4", k=12)["key"].str.split("_").str[0]
    others = {*COMPLEXES["proteasome"], *LIKE_THE_PROTEASOME}
    assert set(top) <= others


@pytest.mark.parametrize("level", ["guide", "perturbation", "compound"])
def test_genes_that_are_only_in_a_left_out_batch_are_in_no_entry(
    level: str, tmp_path: Path
) -> None:
    w = s.Wells(seed=4)
    for experiment, genes in {"gene-001": "ACE", "gene-002": "BDF"}.items():
        w.control(experiment, 1, 8 if experiment == "gene-001" else 0)
        for gene in genes:
            for guide in (1, 2, 3):
                w.guide(experiment, 1, gene, guide)
    m = w.open(tmp_path).phenomap(level, leave_out=True)
    assert m.left_out == ("gene-002",)
    assert {key[0] for key in m.labels.index if "control" not in key} == {"A", "C", "E"}
    assert (m.labels["n_wells"] > 0).all()
    assert np.isfinite(m.vectors).all()
    key = m.labels.index[0]
    assert set(m.wells_of(key)) <= set(w.table().query("experiment_name == 'gene-001'").index)
    assert len(m.nearest(key)) == len(m.labels) - 1

"""Maps of perturbations: alignment and aggregation against plain numpy, keys, neighbors."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import MapError, RxRx3Error, UnknownKey
from napari_rxrx3.maps.entries import Entries

Table = dict[str, np.ndarray]
ALIGNMENTS = ("none", "centerscale", "pca-centerscale", "tvn")
DIM = 12


# --- a screen with batch effects ---------------------------------------------------------------

GENES = ("PLK1", "MTOR", "NA", "nan", "RXRX3-43938", "EIF3H")
COMPOUNDS = ("Bortezomib", "Voglibose", "voglibose", "atenolol-(+/-)", "Lorlatinib?(PF-6463922)")


def addresses() -> list[str]:
    return [f"{name}{c:02d}" for name in b.ROWS[1:31] for c in range(2, 48)]


def gene_plate(experiment: str, plate: int) -> list[b.Row]:
    place = iter(addresses())
    rows = [
        b.guide_row(experiment, plate, next(place), gene, guide)
        for gene in GENES
        for guide in (1, 2, 10)
    ]
    return rows + [b.control_row(experiment, plate, next(place)) for _ in range(16)]


def compound_plate(experiment: str, plate: int) -> list[b.Row]:
    place = iter(addresses())
    rows = [
        b.dose_row(experiment, plate, next(place), name, dose)
        for name in COMPOUNDS
        for dose in b.DOSES
    ]
    for name, n in (("EMPTY_control", 18), ("CRISPR_control", 7)):
        rows += [b.control_row(experiment, plate, next(place), name) for _ in range(n)]
    return rows


PLATES = [("gene-001", 1), ("gene-001", 2), ("gene-143", 1)]
SCREEN_ROWS = [
    *(row for experiment, plate in PLATES for row in gene_plate(experiment, plate)),
    *compound_plate("compound-001", 1),
    *compound_plate("compound-004", 43),
]


def embed(rows: Sequence[b.Row], dim: int = DIM) -> Table:
    """Give each well its perturbation's direction, its batch's shift and scale, and noise."""
    rng = np.random.default_rng(11)
    effect: dict[tuple[str, Any], np.ndarray] = {}
    batch: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    vectors = {}
    for row in rows:
        what = (row["treatment"], row["concentration"])
        strength = 0 if row["treatment"] == "EMPTY_control" else 2
        effect.setdefault(what, strength * rng.normal(size=dim))
        shift = (rng.normal(scale=3, size=dim), rng.uniform(0.5, 2, size=dim))
        offset, scale = batch.setdefault(row["experiment_name"], shift)
        vector = 5 + offset + scale * (effect[what] + rng.normal(size=dim))
        vectors[row["well_id"]] = vector.astype("float32")
    return vectors


def open_screen(root: Path, cache: Path, rows: Sequence[b.Row], vectors: Table) -> Any:
    b.write(root / "metadata.csv", b.csv_bytes(list(rows)))
    b.write(root / "embeddings.parquet", b.embedding_bytes(vectors))
    return rx.open_dataset(root, cache_dir=cache)


@pytest.fixture(scope="module")
def vectors() -> Table:
    return embed(SCREEN_ROWS)


@pytest.fixture(scope="module")
def screen(vectors: Table, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("screen")
    (folder / "data").mkdir()
    return open_screen(folder / "data", folder / "cache", SCREEN_ROWS, vectors)


# --- the reference: the formulas, written down once more ----------------------------------------


def center_scale(x: np.ndarray, controls: np.ndarray) -> np.ndarray:
    spread = controls.std(axis=0)
    return (x - controls.mean(axis=0)) / np.where(spread == 0, 1, spread)


def rotate(x: np.ndarray, controls: np.ndarray) -> np.ndarray:
    mean = controls.mean(axis=0)
    _, _, axes = np.linalg.svd(controls - mean, full_matrices=False)
    return (x - mean) @ axes.T


def whiten(x: np.ndarray, controls: np.ndarray) -> np.ndarray:
    covariance = np.cov(controls, rowvar=False) + 0.5 * np.eye(x.shape[1])
    values, axes = np.linalg.eigh(covariance)
    return x @ (axes / np.sqrt(values)) @ axes.T


def by_batch(x: np.ndarray, batch: np.ndarray, control: np.ndarray, step: Any) -> np.ndarray:
    out = np.empty_like(x)
    for name in np.unique(batch):
        here = batch == name
        out[here] = step(x[here], x[here & control])
    return out


def aligned(x: np.ndarray, batch: np.ndarray, control: np.ndarray, how: str) -> np.ndarray:
    if how == "centerscale":
        return by_batch(x, batch, control, center_scale)
    if how == "pca-centerscale":
        return by_batch(rotate(x, x[control]), batch, control, center_scale)
    if how == "tvn":
        for step in (center_scale, rotate, center_scale):
            x = step(x, x[control])
        return by_batch(x, batch, control, whiten)
    return x


def key_of(row: b.Row, level: str) -> str | None:
    """Return a well's key, None where the well is not part of the map."""
    name, compound = row["treatment"], row["perturbation_type"] == "COMPOUND"
    if level == "well":
        return str(row["well_id"])
    if compound and name.endswith("_control"):
        return None
    if compound:
        return name if level == "compound" else f"{name}@{row['concentration']:g}"
    if level == "guide" or name == "EMPTY_control":
        return str(name)
    return str(name.split("_")[0])


def reference(
    rows: Sequence[b.Row], vectors: Table, level: str, how: str
) -> tuple[Table, dict[str, int]]:
    """Return key -> vector and key -> number of wells."""
    rows = [row for row in rows if row["well_id"] in vectors]
    x = np.array([vectors[row["well_id"]] for row in rows], "float64")
    batch = np.array([row["experiment_name"] for row in rows])
    control = np.array([row["treatment"] == "EMPTY_control" for row in rows])
    parts: dict[str, list[np.ndarray]] = {}
    for row, vector in zip(rows, aligned(x, batch, control, how), strict=True):
        key = key_of(row, level)
        if key is not None:
            parts.setdefault(key, []).append(vector)
    means = {key: np.mean(part, axis=0) for key, part in parts.items()}
    return means, {key: len(part) for key, part in parts.items()}


def cosines(x: np.ndarray) -> np.ndarray:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


def distances(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[:, None] - x[None], axis=2)


def assert_same_cosines(m: Any, expected: Table) -> None:
    """Compare the cosines of all entries but those whose vector is zero up to rounding.

    The mean of centered controls is zero: of it only that is asserted.
    """
    keys = [key for key, vector in expected.items() if np.linalg.norm(vector) > 1e-9]
    truth = np.array([expected[key] for key in keys])
    np.testing.assert_allclose(cosines(vectors_of(m, keys)), cosines(truth), atol=1e-6)
    zero = [key for key in expected if key not in keys]
    assert set(zero) <= {"EMPTY_control"}
    assert np.abs(vectors_of(m, zero)).max(initial=0) < 1e-5


def vectors_of(m: Any, keys: list[str]) -> np.ndarray:
    return np.asarray(m.vectors, "float64")[[m.labels.index.get_loc(key) for key in keys]]


# --- against the reference ---------------------------------------------------------------------


@pytest.mark.parametrize("level", ["guide", "perturbation", "compound", "well"])
@pytest.mark.parametrize("align", ALIGNMENTS)
def test_a_map_is_what_the_formulas_say(
    align: str, level: str, screen: Any, vectors: Table
) -> None:
    expected, n_wells = reference(SCREEN_ROWS, vectors, level, align)
    m = screen.phenomap(level=level, align=align)
    keys = list(expected)
    assert sorted(m.labels.index) == sorted(keys)
    assert m.vectors.dtype == np.float32
    assert m.vectors.shape == (len(keys), DIM)
    assert m.labels["n_wells"].to_dict() == n_wells
    assert_same_cosines(m, expected)


@pytest.mark.parametrize("align", ALIGNMENTS)
def test_distances_are_those_of_the_aligned_space(align: str, screen: Any, vectors: Table) -> None:
    expected, _ = reference(SCREEN_ROWS, vectors, "perturbation", align)
    m = screen.phenomap(level="perturbation", align=align)
    truth = distances(np.array(list(expected.values())))
    np.testing.assert_allclose(
        distances(vectors_of(m, list(expected))), truth, rtol=1e-5, atol=1e-5
    )


def test_the_defaults_are_perturbations_aligned_by_pca(screen: Any, vectors: Table) -> None:
    expected, _ = reference(SCREEN_ROWS, vectors, "perturbation", "pca-centerscale")
    m = screen.phenomap()
    assert sorted(m.labels.index) == sorted(expected)
    assert_same_cosines(m, expected)


def test_raw_wells_keep_their_vectors(screen: Any, vectors: Table) -> None:
    m = screen.phenomap(level="well", align="none")
    np.testing.assert_array_equal(
        m.vectors, np.array([vectors[well_id] for well_id in m.labels.index])
    )


def test_alignment_removes_what_the_batches_add(screen: Any) -> None:
    """Wells of one perturbation in two batches are nearer to each other after alignment."""
    likeness = {}
    for align in ALIGNMENTS:
        m = screen.phenomap(level="well", align=align)
        pairs = [("gene-001_1_B02", "gene-143_1_B02"), ("gene-001_1_B05", "gene-143_1_B05")]
        likeness[align] = [cosines(vectors_of(m, list(pair)))[0, 1] for pair in pairs]
    for align in ALIGNMENTS[1:]:
        assert min(likeness[align]) > 0.3


def test_a_constant_feature_is_no_division_by_zero(root: Path, cache: Path) -> None:
    vectors = embed(SCREEN_ROWS)
    for vector in vectors.values():
        vector[3] = 1.5
    m = open_screen(root, cache, SCREEN_ROWS, vectors).phenomap(align="centerscale")
    expected, _ = reference(SCREEN_ROWS, vectors, "perturbation", "centerscale")
    assert_same_cosines(m, expected)


@pytest.mark.parametrize("align", ["centerscale", "pca-centerscale", "tvn"])
def test_fewer_controls_than_dimensions_do_not_make_all_alike(
    align: str, root: Path, cache: Path
) -> None:
    """One CRISPR plate of RxRx3-core has 16 controls and 384 features."""
    rows = gene_plate("gene-001", 1)
    m = open_screen(root, cache, rows, embed(rows, 64)).phenomap(level="guide", align=align)
    assert np.isfinite(m.vectors).all()
    likeness = np.abs(cosines(np.asarray(m.vectors, "float64")))
    others = likeness[np.triu_indices(len(likeness), 1)]
    assert (others > 0.99).mean() < 0.05


# --- keys and labels ---------------------------------------------------------------------------


def test_keys_of_perturbations(screen: Any) -> None:
    keys = set(screen.phenomap(level="perturbation", align="none").labels.index)
    assert {*GENES, "EMPTY_control", "Bortezomib@2.5", "Bortezomib@0.0025"} <= keys
    assert {"Bortezomib@1", "Bortezomib@10", "atenolol-(+/-)@0.25"} <= keys
    assert not {"Bortezomib", "CRISPR_control", "PLK1_guide_1"} & keys
    assert len(keys) == len(GENES) + 1 + len(COMPOUNDS) * len(b.DOSES)


def test_keys_of_guides(screen: Any) -> None:
    keys = set(screen.phenomap(level="guide", align="none").labels.index)
    assert {"PLK1_guide_1", "RXRX3-43938_guide_10", "EMPTY_control", "Bortezomib@2.5"} <= keys
    assert not {"PLK1", "Bortezomib", "CRISPR_control"} & keys


def test_keys_of_compounds(screen: Any) -> None:
    keys = set(screen.phenomap(level="compound", align="none").labels.index)
    assert keys == {*GENES, *COMPOUNDS, "EMPTY_control"}


def test_keys_of_wells(screen: Any, vectors: Table) -> None:
    assert set(screen.phenomap(level="well", align="none").labels.index) == set(vectors)


def test_names_that_differ_by_case_stay_apart(screen: Any) -> None:
    labels = screen.phenomap(level="perturbation", align="none").labels
    for name in ("Voglibose", "voglibose"):
        row = labels.loc[f"{name}@2.5"]
        assert (row["treatment"], row["n_wells"]) == (name, 2)


def test_labels_say_what_a_key_is(screen: Any) -> None:
    labels = screen.phenomap(level="perturbation", align="none").labels
    wanted = {"perturbation_type", "gene", "treatment", "concentration", "n_wells"}
    assert set(labels.columns) >= wanted
    gene, compound = labels.loc["NA"], labels.loc["Lorlatinib?(PF-6463922)@0.01"]
    assert (gene["perturbation_type"], gene["gene"]) == ("CRISPR", "NA")
    assert pd.isna(gene["concentration"])
    assert compound["perturbation_type"] == "COMPOUND"
    assert (compound["treatment"], compound["concentration"]) == ("Lorlatinib?(PF-6463922)", 0.01)
    assert pd.isna(compound["gene"])


def test_controls_of_compound_plates_make_no_entry(root: Path, cache: Path) -> None:
    rows = compound_plate("compound-001", 1)
    m = open_screen(root, cache, rows, embed(rows)).phenomap(align="centerscale")
    assert not [key for key in m.labels.index if "control" in key]


# --- nearest -----------------------------------------------------------------------------------


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize(
    ("key", "align"),
    [
        ("PLK1", "pca-centerscale"),
        ("Voglibose@2.5", "pca-centerscale"),
        ("nan", "centerscale"),
        ("EMPTY_control", "none"),
    ],
)
def test_nearest_by_cosine_is_sorted_and_complete(
    key: str, align: str, opposite: bool, screen: Any, vectors: Table
) -> None:
    expected, n_wells = reference(SCREEN_ROWS, vectors, "perturbation", align)
    found = screen.phenomap(align=align).nearest(key, k=len(expected), opposite=opposite)
    assert list(found["rank"]) == list(range(1, len(expected)))
    assert set(found["key"]) == set(expected) - {key}
    assert found["n_wells"].tolist() == [n_wells[k] for k in found["key"]]
    if align != "none":  # the mean of centered controls is zero: it has no direction
        del expected["EMPTY_control"]
        found = found[found["key"] != "EMPTY_control"]
    row = cosines(np.array(list(expected.values())))[list(expected).index(key)]
    truth = dict(zip(expected, row, strict=True))
    del truth[key]
    assert found["key"].tolist() == sorted(truth, key=lambda k: truth[k], reverse=not opposite)
    np.testing.assert_allclose(found["similarity"], [truth[k] for k in found["key"]], atol=1e-6)


@pytest.mark.parametrize("opposite", [False, True])
def test_nearest_by_distance_is_sorted(opposite: bool, screen: Any, vectors: Table) -> None:
    expected, _ = reference(SCREEN_ROWS, vectors, "perturbation", "centerscale")
    keys = list(expected)
    row = distances(np.array(list(expected.values())))[keys.index("PLK1")]
    truth = dict(zip(keys, row, strict=True))
    del truth["PLK1"]
    m = screen.phenomap(align="centerscale")
    found = m.nearest("PLK1", k=9, metric="euclidean", opposite=opposite)
    assert found["key"].tolist() == sorted(truth, key=lambda k: truth[k], reverse=opposite)[:9]
    np.testing.assert_allclose(found["distance"], [truth[k] for k in found["key"]], rtol=1e-5)


def test_twenty_neighbors_unless_told(screen: Any) -> None:
    m = screen.phenomap()
    assert len(m.nearest("PLK1")) == 20
    assert len(m.nearest("PLK1", k=1)) == 1


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [10_000, 46, 47, 48])
def test_more_neighbors_than_entries_are_all_of_them(k: int, metric: str, screen: Any) -> None:
    m = screen.phenomap()
    found = m.nearest("PLK1", k=k, metric=metric)
    assert len(found) == min(k, len(m.labels) - 1)
    assert "PLK1" not in set(found["key"])
    assert found["key"].is_unique


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_twin_is_found_and_the_query_is_not(metric: str, root: Path, cache: Path) -> None:
    rows = gene_plate("gene-001", 1)
    vectors = embed(rows)
    wells = {row["treatment"]: row["well_id"] for row in rows}
    vectors[wells["NA_guide_1"]] = vectors[wells["nan_guide_1"]].copy()
    m = open_screen(root, cache, rows, vectors).phenomap(level="guide", align="centerscale")
    for query, twin in (("NA_guide_1", "nan_guide_1"), ("nan_guide_1", "NA_guide_1")):
        found = m.nearest(query, k=3, metric=metric)
        assert found["key"].iloc[0] == twin
        assert query not in set(found["key"])


@pytest.mark.parametrize("level", ["well", "guide"])
def test_nearest_works_at_other_levels(level: str, screen: Any) -> None:
    m = screen.phenomap(level=level)
    query = m.labels.index[3]
    found = m.nearest(query, k=5)
    row = m.labels.index.get_loc(query)
    truth = cosines(np.asarray(m.vectors, "float64"))[row]
    truth[row] = -2
    best = np.argsort(-truth)[:5]
    assert found["key"].tolist() == [m.labels.index[i] for i in best]


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("PLK2", "PLK1"),
        ("plk1", "PLK1"),
        ("VOGLIBOSE@2.5", "oglibose@2.5"),
        ("Bortezomib", "Bortezomib@"),
        ("Bortezomib@2.50", "Bortezomib@2.5"),
    ],
)
def test_an_unknown_key_names_the_closest_known(key: str, known: str, screen: Any) -> None:
    with pytest.raises(UnknownKey) as caught:
        screen.phenomap().nearest(key)
    assert isinstance(caught.value, KeyError)
    text = str(caught.value)
    assert key in text
    assert known in text.replace(repr(key), "")


def test_a_key_like_nothing_known_is_named(screen: Any) -> None:
    with pytest.raises(UnknownKey, match="qqqqqqqq"):
        screen.phenomap().nearest("qqqqqqqq")


@pytest.mark.parametrize("level", ["guide", "perturbation", "compound"])
def test_why_controls_of_compound_plates_are_in_no_map_is_said(level: str, screen: Any) -> None:
    with pytest.raises(UnknownKey, match=r"'CRISPR_control' is not in this map\. Controls of") as e:
        screen.phenomap(level=level).nearest("CRISPR_control")
    assert str(e.value).endswith("choose the level well to compare them.")


def test_a_treatment_that_is_in_the_map_under_another_key_is_only_suggested(screen: Any) -> None:
    with pytest.raises(UnknownKey) as caught:
        screen.phenomap().nearest("Voglibose")
    assert "Controls" not in str(caught.value)
    assert "Voglibose@" in str(caught.value)


def test_why_a_well_is_in_no_map_is_said(root: Path, cache: Path) -> None:
    rows = without_controls("gene-143")
    vectors = embed(rows)
    lost = next(row["well_id"] for row in rows if row["experiment_name"] == "gene-001")
    left_out = next(row["well_id"] for row in rows if row["experiment_name"] == "gene-143")
    vectors[lost][:] = np.nan
    m = open_screen(root, cache, rows, vectors).phenomap("well", leave_out=True)
    for well, why in ((lost, "no usable vector"), (left_out, "too few controls")):
        assert m.find(well) is None
        with pytest.raises(UnknownKey, match=why):
            m.nearest(well)
    with pytest.raises(UnknownKey) as caught:
        m.nearest("gene-001_1_B03x")
    assert "Closest: gene-001_1_B03" in str(caught.value)


@pytest.mark.parametrize("level", ["well", "guide", "perturbation", "compound"])
def test_every_key_is_found_in_its_row(level: str, screen: Any) -> None:
    m = screen.phenomap(level=level)
    assert [m.find(key) for key in m.labels.index] == list(range(len(m.labels)))
    assert m.find("nothing") is None


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_equal_entries_come_in_the_order_of_labels(
    metric: str, opposite: bool, root: Path, cache: Path
) -> None:
    rows = gene_plate("gene-001", 1)
    vectors = embed(rows)
    wells = [row["well_id"] for row in rows]
    for twin in wells[3:12]:
        vectors[twin] = vectors[wells[2]]
    m = open_screen(root, cache, rows, vectors).phenomap("well", "centerscale")
    found = m.nearest(wells[0], 100, metric, opposite, judged=False)
    value = "similarity" if metric == "cosine" else "distance"
    twins = found[found["key"].isin(wells[2:12])]
    assert twins["key"].tolist() == sorted(wells[2:12], key=m.labels.index.get_loc)
    assert twins[value].nunique() == 1
    assert twins["rank"].tolist() == list(range(twins["rank"].iloc[0], twins["rank"].iloc[0] + 10))
    for k in range(1, 20):
        first = m.nearest(wells[0], k, metric, opposite, judged=False)
        pd.testing.assert_frame_equal(first, found[:k])


# --- what cannot be mapped ---------------------------------------------------------------------


def without_controls(experiment: str) -> list[b.Row]:
    return [
        row
        for row in SCREEN_ROWS
        if (row["experiment_name"], row["treatment"]) != (experiment, "EMPTY_control")
    ]


@pytest.mark.parametrize("align", ["centerscale", "pca-centerscale", "tvn"])
@pytest.mark.parametrize("experiment", ["gene-143", "compound-004"])
def test_a_batch_without_controls_is_named(
    experiment: str, align: str, root: Path, cache: Path
) -> None:
    rows = without_controls(experiment)
    ds = open_screen(root, cache, rows, embed(rows))
    with pytest.raises(MapError, match=experiment):
        ds.phenomap(align=align)
    assert "PLK1" in ds.phenomap(align="none").labels.index


def test_controls_without_a_usable_vector_are_no_controls(root: Path, cache: Path) -> None:
    vectors = embed(SCREEN_ROWS)
    for row in SCREEN_ROWS:
        if (row["experiment_name"], row["treatment"]) == ("gene-143", "EMPTY_control"):
            vectors[row["well_id"]][0] = np.nan
    ds = open_screen(root, cache, SCREEN_ROWS, vectors)
    with pytest.raises(MapError, match="gene-143"):
        ds.phenomap(align="centerscale")


def test_tvn_asks_for_two_controls_a_batch(root: Path, cache: Path) -> None:
    rows = [*without_controls("gene-143"), b.control_row("gene-143", 1, "AE40")]
    with pytest.raises(MapError, match="gene-143"):
        open_screen(root, cache, rows, embed(rows)).phenomap(align="tvn")


def test_a_data_set_without_embeddings_has_no_map(root: Path, cache: Path) -> None:
    b.write(root / "metadata.csv", b.csv_bytes(SCREEN_ROWS))
    with pytest.raises(RxRx3Error, match=r"(?i)embedding"):
        rx.open_dataset(root, cache_dir=cache).phenomap()


@pytest.mark.parametrize("wrong", [{"level": "plate"}, {"align": "magic"}, {"embedding": "none"}])
def test_an_unknown_choice_is_refused_by_name(wrong: dict[str, str], screen: Any) -> None:
    with pytest.raises((ValueError, RxRx3Error), match=next(iter(wrong.values()))):
        screen.phenomap(**wrong)


def test_an_unknown_metric_is_refused_by_name(screen: Any) -> None:
    with pytest.raises((ValueError, RxRx3Error), match="manhattan"):
        screen.phenomap().nearest("PLK1", metric="manhattan")


@pytest.mark.parametrize("align", ALIGNMENTS)
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_vectors_that_are_no_vectors_never_enter(
    value: float, align: str, root: Path, cache: Path
) -> None:
    vectors = embed(SCREEN_ROWS)
    sound = dict(vectors)
    controls = [row["well_id"] for row in SCREEN_ROWS if row["treatment"] == "EMPTY_control"]
    for well_id in ["gene-001_1_B02", "compound-001_1_B02", *controls[::9]]:
        vectors[well_id] = np.full(DIM, value, "float32")
        del sound[well_id]
    m = open_screen(root, cache, SCREEN_ROWS, vectors).phenomap(align=align)
    expected, n_wells = reference(SCREEN_ROWS, sound, "perturbation", align)
    assert m.labels["n_wells"].to_dict() == n_wells
    assert_same_cosines(m, expected)


def test_a_perturbation_with_no_usable_vector_has_no_entry(root: Path, cache: Path) -> None:
    vectors = embed(SCREEN_ROWS)
    for row in SCREEN_ROWS:
        if row["gene"] == "PLK1":
            vectors[row["well_id"]][:] = np.nan
    m = open_screen(root, cache, SCREEN_ROWS, vectors).phenomap()
    assert "PLK1" not in m.labels.index
    assert np.isfinite(m.vectors).all()


# --- where the vectors lie ---------------------------------------------------------------------


def write_one(vectors: Table, root: Path) -> None:
    b.write(root / "OpenPhenom_rxrx3_core_embeddings.parquet", b.embedding_bytes(vectors))


def write_double(vectors: Table, root: Path) -> None:
    b.write(root / "x.parquet", b.embedding_bytes(vectors, "emb", "float64"))


def write_turned(vectors: Table, root: Path) -> None:
    """Write plates of which one has its columns in another order."""
    files = b.plate_embeddings(vectors)
    name = "gene-001/Plate2/embeddings.parquet"
    table = pq.read_table(io.BytesIO(files[name]))
    files[name] = b.parquet_bytes(table.select(table.column_names[::-1]))
    b.write_folder(root, files)


def write_shuffled(vectors: Table, root: Path) -> None:
    order = np.random.default_rng(2).permutation(list(vectors))
    write_one({str(well_id): vectors[str(well_id)] for well_id in order}, root)


def write_indexed(vectors: Table, root: Path) -> None:
    """Write what pandas makes of a table whose index are the wells."""
    frame = b.embedding_table(vectors).to_pandas().set_index("well_id")
    frame.to_parquet(root / "embeddings.parquet")


def write_extra(vectors: Table, root: Path) -> None:
    """Write more wells than the metadata list, as the real embeddings have."""
    extra = {f"compound-001_9_{a}": np.full(DIM, 100, "float32") for a in addresses()[:300]}
    write_one(extra | vectors, root)


SOURCES = {
    "one parquet": write_one,
    "doubles": write_double,
    "columns turned": write_turned,
    "shuffled": write_shuffled,
    "index": write_indexed,
    "extra wells": write_extra,
    "plates": lambda vectors, root: b.write_folder(root, b.plate_embeddings(vectors)),
    "tar": lambda v, root: b.write_tar(root / "embeddings.tar", b.plate_embeddings(v)),
    "tar with folder": lambda v, root: b.write_tar(
        root / "embeddings.tar", b.plate_embeddings(v), "./embeddings"
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_vectors_are_the_same_wherever_they_lie(
    source: str, vectors: Table, root: Path, cache: Path
) -> None:
    SOURCES[source](vectors, root)
    b.write(root / "metadata.csv", b.csv_bytes(SCREEN_ROWS))
    for _ in range(2):
        m = rx.open_dataset(root, cache_dir=cache).phenomap(level="well", align="none")
        assert set(m.labels.index) == set(vectors)
        found = vectors_of(m, list(vectors))
        np.testing.assert_array_equal(found, np.array(list(vectors.values())))


def test_wells_without_metadata_map_raw(vectors: Table, root: Path, cache: Path) -> None:
    write_one(vectors, root)
    ds = rx.open_dataset(root, cache_dir=cache)
    m = ds.phenomap(level="well", align="none")
    assert set(m.labels.index) == set(vectors)
    assert len(m.nearest("gene-001_1_B02", k=5)) == 5
    with pytest.raises(RxRx3Error):
        ds.phenomap(level="well", align="centerscale")


def test_two_embeddings_are_not_mixed(vectors: Table, root: Path, cache: Path) -> None:
    wide = embed(SCREEN_ROWS, 20)
    write_one(vectors, root)
    b.write(root / "Phenom-1_embeddings.parquet", b.embedding_bytes(wide))
    b.write(root / "metadata.csv", b.csv_bytes(SCREEN_ROWS))
    m = rx.open_dataset(root, cache_dir=cache).phenomap(level="well", align="none")
    written = vectors if m.vectors.shape[1] == DIM else wide
    np.testing.assert_array_equal(vectors_of(m, list(written)), np.array(list(written.values())))


def test_entries_of_millions_of_wells_are_found_in_a_moment() -> None:
    """The window asks for them, and RxRx3 has 2.2 million wells."""
    n = 2_000_000
    places = np.random.default_rng(1).permutation(n)[: n - 7]
    listed: Any = SimpleNamespace(
        well_ids=range(n),
        member_positions=places,
        member_entry=np.arange(len(places), dtype=np.int32) // 3,
    )
    started = time.thread_time()
    entry = Entries.entry_of_position.func(listed)
    assert time.thread_time() - started < 0.5
    assert np.array_equal(entry[places], listed.member_entry)
    assert (entry == -1).sum() == 7

"""Numbers keep their digits: whatever all vectors have in common, and however near they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.spatial.distance import cdist

import builders as b
import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.core.geometry import (
    as_two_singles,
    cosine_distances,
    directions,
    mean_distances,
    sums_of,
)
from napari_rxrx3.core.progress import silent
from napari_rxrx3.maps import space as space_module
from napari_rxrx3.maps.evidence.p_values import n_as_large
from napari_rxrx3.maps.heat_map import heat_map
from napari_rxrx3.maps.vector_search import VectorSearch
from napari_rxrx3.strips.distances import from_controls

RNG = np.random.default_rng(11)


# --- single steps ------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-6, 1e-9])
def test_the_cosine_distance_of_what_is_nearly_alike_keeps_its_digits(apart: float) -> None:
    x = RNG.normal(size=(50, 64))
    y = x + apart * RNG.normal(size=(50, 64))
    a, c = (np.asarray(v, np.longdouble) for v in (x, y))
    a, c = (v / np.sqrt((v**2).sum(axis=1, keepdims=True)) for v in (a, c))
    expected = ((a - c) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(cosine_distances(x, y), expected.astype(float), rtol=1e-5)
    np.testing.assert_allclose(cosine_distances(y, x), cosine_distances(x, y), rtol=1e-12)


def test_the_cosine_distance_from_what_has_no_direction_is_one() -> None:
    x, none = RNG.normal(size=(3, 4)), np.zeros((3, 4))
    np.testing.assert_array_equal(cosine_distances(x, none), 1)
    np.testing.assert_array_equal(cosine_distances(none, x), 1)
    np.testing.assert_array_equal(cosine_distances(x, x), 0)
    np.testing.assert_array_equal(directions(none), 0)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e7])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_mean_distances_are_those_of_every_pair(kind: str, offset: float) -> None:
    """Also from a vector to itself, which is where little is left of two products."""
    x = (RNG.normal(size=(600, 32)) + offset).astype(kind)
    expected = cdist(x.astype(float), x[:300].astype(float)).mean(axis=1)
    np.testing.assert_allclose(mean_distances(x, x[:300]), expected, rtol=1e-9)


def test_two_numbers_of_single_precision_hold_one_of_double() -> None:
    values = RNG.normal(size=(50, 8)) * 10.0 ** RNG.integers(-6, 7, size=(50, 1))
    high, low = as_two_singles(values)
    assert high.dtype == low.dtype == np.float32
    np.testing.assert_allclose(high.astype(float) + low, values, rtol=1e-13)


def test_sums_of_groups_are_in_double_precision_and_in_any_order() -> None:
    vectors = (RNG.normal(size=(500, 3)) + 1e4).astype(np.float32)
    group = RNG.integers(7, size=500)
    group[group == 3] = 4  # one is empty
    expected = [vectors[group == g].sum(axis=0, dtype=float) for g in range(7)]
    np.testing.assert_allclose(sums_of(vectors, group), expected, rtol=1e-13)
    assert sums_of(vectors[:0], group[:0]).shape == (0, 3)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_closeness_is_that_of_the_vectors_in_double_precision(metric: str, offset: float) -> None:
    vectors = (RNG.normal(size=(900, 48)) + offset).astype(np.float32)
    vectors[1] = np.nextafter(vectors[0], np.float32(np.inf))
    vectors[2] = vectors[0]
    exact = vectors.astype(float)
    expected = 1 - cdist(exact[:1], exact, metric)[0] if metric == "cosine" else None
    if expected is None:
        expected = -cdist(exact[:1], exact)[0]
    search = VectorSearch(vectors)
    found = search.closeness(0, metric)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)
    pairs = search.closeness_of_pairs(np.arange(900), np.zeros(900, int), metric)
    np.testing.assert_allclose(pairs, expected, rtol=1e-9, atol=1e-12)


def test_values_that_differ_by_rounding_alone_are_ties() -> None:
    null = np.array([-0.2, 0.1, 0.3, 0.3, 0.7])
    values = np.array([0.3, 0.3 + 1e-8, 0.3 - 1e-8, 0.3001, 0.8, -1.0])
    np.testing.assert_array_equal(n_as_large(null, values), [3, 3, 3, 1, 0, 5])
    np.testing.assert_array_equal(n_as_large(1e6 * null, 1e6 * values, 1e6), [3, 3, 3, 1, 0, 5])


# --- a large number that all have in common ----------------------------------------------------

Vectors = dict[str, np.ndarray]


def columns(vectors: Vectors) -> tuple[str, bytes]:
    return "embeddings.parquet", b.embedding_bytes(vectors, dtype="float64")


def lists(vectors: Vectors) -> tuple[str, bytes]:
    values = pa.array(list(vectors.values()), pa.list_(pa.float64()))
    table = pa.table({"well_id": list(vectors), "embedding": values})
    return "embeddings.parquet", b.parquet_bytes(table)


def text(vectors: Vectors) -> tuple[str, bytes]:
    table = pd.DataFrame(vectors).T.add_prefix("feature_").rename_axis("well_id").reset_index()
    return "embeddings.csv", table.to_csv(index=False).encode()


FORMS = {"columns": columns, "lists": lists, "CSV": text}


def opened(wells: s.Wells, folder: Path, name: str, content: bytes) -> Any:
    b.write(folder / "data" / "metadata.csv", b.csv_bytes(wells.rows))
    b.write(folder / "data" / name, content)
    return rx.open_dataset(folder / "data", cache_dir=folder / "cache")


@pytest.fixture(scope="module")
def wells() -> s.Wells:
    return s.gene_screen(12, plates=1, effects={"GENE000": 3.0}, seed=4)


@pytest.fixture(scope="module")
def plain(wells: s.Wells, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return wells.open(tmp_path_factory.mktemp("plain"))


def raised(wells: s.Wells, one: float, two: float) -> Vectors:
    """Return the vectors with a number added to all features, another one in each experiment."""
    offsets = dict(zip(s.PAIR, (one, two), strict=True))
    vectors = {well: v.astype("float64") for well, v in wells.vectors().items()}
    return {well: v + offsets[well.split("_")[0]] for well, v in vectors.items()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("offsets", [(1e7, 1e7), (3e8, -2e6)], ids=["one", "one a batch"])
def test_a_large_offset_takes_no_digits_from_what_is_centered(
    form: str, offsets: tuple[float, float], wells: s.Wells, plain: Any, tmp_path: Path
) -> None:
    dataset = opened(wells, tmp_path, *FORMS[form](raised(wells, *offsets)))
    for align in ("centerscale", "tvn") if offsets[0] == offsets[1] else ("centerscale",):
        expected, found = plain.phenomap(align=align), dataset.phenomap(align=align)
        np.testing.assert_allclose(found.vectors, expected.vectors, rtol=0, atol=1e-5)
        for name in ("strength", "consistency", "agreement"):
            np.testing.assert_allclose(found.scores[name], expected.scores[name], atol=1e-5)


@pytest.mark.parametrize("align", ["none", "centerscale", "pca-centerscale", "tvn", "tvn-centered"])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_wells_are_aligned_in_single_precision_nearly_as_well(
    align: str, offset: float, wells: s.Wells, tmp_path: Path
) -> None:
    vectors = {well: v.astype(np.float32) for well, v in raised(wells, offset, offset).items()}
    space = wells.open(tmp_path, vectors).phenomap(align=align).space
    some = RNG.permutation(len(space))[:70]
    exact, found = space.aligned(some), space.aligned_in_single(some)
    assert exact.dtype == found.dtype == np.float32
    scale = np.abs(exact).max()
    np.testing.assert_allclose(found, exact, atol=2e-5 * scale)


@pytest.mark.parametrize("align", ["none", "pca-centerscale", "tvn"])
@pytest.mark.parametrize("position", [False, True])
def test_averages_of_groups_are_those_of_their_aligned_wells(
    align: str, position: bool, plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space_module, "_BLOCK", 16)  # groups lie in several blocks
    space = plain.phenomap(align=align, position=position).space
    some = RNG.permutation(len(space))[:90]
    group = RNG.permutation(np.arange(90) % 4)
    aligned = space.aligned(some).astype(float)
    expected = [aligned[group == g].mean(axis=0) for g in range(4)]
    found = space.averages(some, group, lambda done: None)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_distances_need_no_alignment_to_keep_their_digits(
    wells: s.Wells, plain: Any, tmp_path: Path
) -> None:
    dataset = opened(wells, tmp_path, *columns(raised(wells, 1e7, 1e7)))
    expected, found = plain.phenomap(align="none").scores, dataset.phenomap(align="none").scores
    np.testing.assert_allclose(found["strength"], expected["strength"], atol=1e-5)


def test_the_distance_from_the_controls_of_the_plate_keeps_its_digits(
    wells: s.Wells, tmp_path: Path
) -> None:
    vectors = raised(wells, 1e6, 1e6)
    dataset = opened(wells, tmp_path, *columns(vectors))
    found = from_controls(dataset, np.arange(len(vectors)), "", "EMPTY_control", silent)
    table = wells.table()
    x = pd.DataFrame(vectors).T.loc[table.index].astype(np.longdouble)
    plate = table["experiment_name"] + table["plate"].astype(str)
    is_control = table["treatment"] == "EMPTY_control"
    means = x[is_control].groupby(plate[is_control]).mean().loc[plate].to_numpy()
    a, c = (v / np.sqrt((v**2).sum(axis=1, keepdims=True)) for v in (x.to_numpy(), means))
    expected = pd.Series((((a - c) ** 2).sum(axis=1) / 2).astype(float), table.index)
    np.testing.assert_allclose(found.distances, expected[dataset.wells.index], rtol=1e-3)


def kept(dataset: Any) -> Any:
    (table,) = dataset.embeddings.values()
    return table.vectors


@pytest.mark.parametrize("form", FORMS)
def test_double_precision_is_kept_only_where_it_tells_more(
    form: str, wells: s.Wells, tmp_path: Path
) -> None:
    vectors = raised(wells, 0, 0)
    ordinary = opened(wells, tmp_path / "ordinary", *FORMS[form](vectors))
    assert kept(ordinary).dtype == np.float32
    vectors = raised(wells, 1e6, 1e6)
    large = opened(wells, tmp_path / "large", *FORMS[form](vectors))
    assert kept(large).dtype == np.float64
    np.testing.assert_array_equal(kept(large), np.array(list(vectors.values())))
    again = rx.open_dataset(tmp_path / "large" / "data", cache_dir=tmp_path / "large" / "cache")
    np.testing.assert_array_equal(kept(again), kept(large))


@pytest.mark.parametrize("n_batches", [2, 40])
def test_an_offset_a_batch_is_seen_in_whatever_order_wells_are(
    n_batches: int, wells: s.Wells, tmp_path: Path
) -> None:
    """Wells next to each other are of other batches, which are worlds apart."""
    rng = np.random.default_rng(0)
    offsets = 1e8 * rng.normal(size=n_batches)
    vectors = {
        well: v + offsets[i % n_batches] for i, (well, v) in enumerate(raised(wells, 0, 0).items())
    }
    dataset = opened(wells, tmp_path, *columns(vectors))
    assert kept(dataset).dtype == np.float64


def test_single_precision_in_the_file_stays_so(wells: s.Wells, tmp_path: Path) -> None:
    vectors = {well: v.astype(np.float32) for well, v in raised(wells, 1e6, 1e6).items()}
    dataset = wells.open(tmp_path, vectors)
    assert kept(dataset).dtype == np.float32


def test_one_column_of_large_numbers_is_enough(wells: s.Wells, tmp_path: Path) -> None:
    vectors = raised(wells, 0, 0)
    for vector in vectors.values():
        vector[3] += 1e7
    assert kept(opened(wells, tmp_path, *columns(vectors))).dtype == np.float64


def test_repeats_and_unusable_vectors_are_left_out_in_double_precision_too(
    wells: s.Wells, tmp_path: Path
) -> None:
    vectors = raised(wells, 1e7, 1e7)
    ids = list(vectors)
    vectors[ids[3]][2] = np.nan
    vectors[ids[4]][0] = 1e39  # too large for single precision, as ever
    table = b.embedding_table(vectors, dtype="float64")
    twice = pa.concat_tables([table.slice(0, 9), table])
    dataset = opened(wells, tmp_path, "embeddings.parquet", b.parquet_bytes(twice))
    (embedding,) = dataset.embeddings.values()
    assert embedding.well_ids.tolist() == ids
    np.testing.assert_array_equal(embedding.vectors, np.array(list(vectors.values())))
    assert np.flatnonzero(~embedding.is_usable).tolist() == [3, 4]


def test_later_rows_of_large_numbers_are_kept_in_double_precision(
    wells: s.Wells, tmp_path: Path
) -> None:
    """Though the first block that is read does not ask for it, nor the first file."""
    vectors = raised(wells, 0, 1e7)
    for experiment in s.PAIR:
        own = {well: v for well, v in vectors.items() if well.startswith(experiment)}
        name = f"data/{experiment}/Plate1/embeddings.parquet"
        b.write(tmp_path / name, b.embedding_bytes(own, dtype="float64"))
    b.write(tmp_path / "data" / "metadata.csv", b.csv_bytes(wells.rows))
    dataset = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
    (embedding,) = dataset.embeddings.values()
    assert embedding.vectors.dtype == np.float64
    found = dict(zip(embedding.well_ids, np.asarray(embedding.vectors), strict=True))
    assert found.keys() == vectors.keys()
    for well, vector in vectors.items():
        np.testing.assert_array_equal(found[well], vector)


# --- what is exactly as close ------------------------------------------------------------------


def test_vectors_that_are_alike_are_clustered_first(tmp_path: Path) -> None:
    """Their distances are a millionth of the others, and told apart."""
    wells = s.Wells(3, dim=32, batch=0.0)
    base = {name: wells.direction(name) for name in "AB"}
    near = {"A1": 1e-5, "A2": 3e-5, "A3": 9e-5}
    wells.control("gene-001", 1, 2)
    for gene in ("A0", *near, "B0"):
        wells.guide("gene-001", 1, gene, 1)
    vectors = {}
    for row in wells.rows:
        gene = str(row["gene"])
        off = near.get(gene, 0.0) * wells.direction("off")
        vectors[row["well_id"]] = (base["B" if gene == "B0" else "A"] + off).astype(np.float32)
    phenomap = wells.open(tmp_path, vectors).phenomap(align="none")
    made = heat_map(phenomap, ["A3", "B0", "A0", "A2", "A1"])
    assert made.linkage is not None
    ordered = made.linkage[:, 2]
    exact = {str(r["gene"]): vectors[r["well_id"]].astype(float) for r in wells.rows}
    first = 1 - (exact["A0"] @ exact["A1"]) / np.sqrt(
        (exact["A0"] @ exact["A0"]) * (exact["A1"] @ exact["A1"])
    )
    assert ordered[0] == pytest.approx(first, rel=1e-3)
    assert 0 < ordered[0] < ordered[1] < ordered[2] < 1e-7 < ordered[3]

"""Agreement with the field's own code: the package efaar_benchmarking 1.0, fetched for the test.

It is published by Recursion with Celik et al. 2024; neither its code nor its tables of known pairs
are part of this repository. Without a network these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.utils import Bunch

import builders as b
import napari_rxrx3 as rx
from fetched import fetch, imported
from napari_rxrx3.maps.align import align_vectors
from napari_rxrx3.maps.benchmark.known import read_pairs
from napari_rxrx3.maps.benchmark.recall import benchmark_rows, pair_recall, pair_recalls
from napari_rxrx3.maps.sets.gene_sets import read_gene_sets

PACKAGE = "efaar_benchmarking==1.0"
NEVER_USED = {"scvi.model": "SCVI", "geomloss": "SamplesLoss", "torch": "from_numpy"}
"""What the package imports at its top, gigabytes of it, for functions that no test calls."""

METADATA = Path(__file__).parents[2] / "shared" / "data" / "metadata_rxrx3_trimmed.parquet"
DIM = 12
ALIGNMENTS = ("centerscale", "pca-centerscale", "tvn")


# --- the package -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch(tmp_path_factory.mktemp("reference"), PACKAGE)


@pytest.fixture(scope="session")
def annotations(package: Path) -> Path:
    return package / "efaar_benchmarking" / "benchmark_annotations"


@pytest.fixture(scope="session")
def efaar(package: Path) -> Any:
    return imported(package, "efaar_benchmarking.efaar", NEVER_USED)


@pytest.fixture(scope="session")
def benchmarking(package: Path) -> Any:
    return imported(package, "efaar_benchmarking.benchmarking", NEVER_USED)


# --- a screen with batches ---------------------------------------------------------------------


def screen_rows() -> list[b.Row]:
    """Three experiments, each with more controls than dimensions, and doses on the third."""
    rows = []
    for experiment in ("gene-001", "gene-143", "compound-001"):
        places = (f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48))
        rows += [b.control_row(experiment, 1, next(places)) for _ in range(40)]
        if experiment.startswith("gene"):
            genes = [f"GENE{i}" for i in range(30)]
            rows += [b.guide_row(experiment, 1, next(places), g, i) for g in genes for i in (1, 2)]
        else:
            names = ("Bortezomib", "bortezomib", "x_1")
            rows += [b.dose_row(experiment, 1, next(places), n, d) for n in names for d in b.DOSES]
    return rows


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    """Vectors with the shift and the spread of their batch, and correlated features."""
    rng = np.random.default_rng(4)
    screen = b.Screen.of(screen_rows(), 1, dim=DIM)
    mixing = rng.normal(size=(DIM, DIM))
    batches = {row["experiment_name"] for row in screen.rows}
    batch = {name: (rng.normal(0, 3, DIM), rng.uniform(0.5, 2, DIM)) for name in sorted(batches)}
    effect: dict[str, np.ndarray] = {}
    for row in screen.rows:
        shift, spread = batch[row["experiment_name"]]
        strength = 0 if row["treatment"] == "EMPTY_control" else 2
        what = effect.setdefault(key_of(row), strength * rng.normal(size=DIM))
        vector = 5 + shift + spread * ((what + rng.normal(size=DIM)) @ mixing)
        screen.vectors[row["well_id"]] = vector.astype("float32")
    return screen


@pytest.fixture(scope="module")
def dataset(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("screen")
    screen.write_metadata(folder / "data/metadata.csv")
    screen.write_embeddings(folder / "data/vectors.parquet")
    return rx.open_dataset(folder / "data", cache_dir=folder / "cache")


def key_of(row: b.Row) -> str:
    if row["perturbation_type"] == "COMPOUND" and row["concentration"] is not None:
        return f"{row['treatment']}@{row['concentration']:g}"
    return str(row["treatment"] if "_control" in row["treatment"] else row["gene"])


def table_of(screen: b.Screen) -> pd.DataFrame:
    """Metadata as the package wants them: what was perturbed, and the batch."""
    table = pd.DataFrame(screen.rows)
    return table.assign(perturbation=[key_of(row) for row in screen.rows])


def stack_of(screen: b.Screen) -> np.ndarray:
    return np.array([screen.vectors[row["well_id"]] for row in screen.rows], dtype="float64")


def aligned_there(efaar: Any, screen: b.Screen, how: str) -> np.ndarray:
    table, x = table_of(screen), stack_of(screen)
    names = {"pert_col": "perturbation", "control_key": "EMPTY_control"}
    if how == "tvn":
        return np.asarray(efaar.tvn_on_controls(x, table, **names, batch_col="experiment_name"))
    if how == "pca-centerscale":  # as in the package's notebook on RxRx3-core
        controls = (table["perturbation"] == "EMPTY_control").to_numpy()
        x = PCA().fit(x[controls]).transform(x)
    return np.asarray(efaar.centerscale_on_controls(x, table, **names, batch_col="experiment_name"))


def in_map_of(screen: b.Screen) -> np.ndarray:
    """Return which wells the field puts into a map: all but controls of compound plates."""
    table = table_of(screen)
    is_control = table["treatment"] == "EMPTY_control"
    return np.asarray(~(is_control & (table["perturbation_type"] == "COMPOUND")))


def cosines(x: np.ndarray) -> np.ndarray:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


# --- alignment and aggregation -----------------------------------------------------------------


@pytest.mark.parametrize("how", ALIGNMENTS)
def test_wells_are_aligned_as_there(efaar: Any, screen: b.Screen, how: str) -> None:
    table = table_of(screen)
    batch, names = pd.factorize(table["experiment_name"])
    controls = (table["treatment"] == "EMPTY_control").to_numpy()
    here = align_vectors(stack_of(screen), batch, controls, how, list(names))
    there = aligned_there(efaar, screen, how)
    np.testing.assert_allclose(cosines(here.astype("float64")), cosines(there), atol=1e-5)


@pytest.mark.parametrize("average", ["mean", "median"])
@pytest.mark.parametrize("how", ALIGNMENTS)
def test_a_map_is_the_one_made_there(
    efaar: Any, screen: b.Screen, dataset: Any, how: str, average: str
) -> None:
    """Where the average of centered controls is at the origin, it points nowhere."""
    in_map = in_map_of(screen)
    there = efaar.aggregate(
        aligned_there(efaar, screen, how)[in_map],
        table_of(screen)[in_map],
        "perturbation",
        method=average,
    )
    vectors = there.features.set_index(there.metadata["perturbation"])
    m = dataset.phenomap("perturbation", how, average=average)
    assert sorted(m.labels.index) == sorted(vectors.index)
    vectors = vectors[np.linalg.norm(vectors, axis=1) > 1e-9]
    assert len(vectors) >= len(m.labels) - 1
    here = m.vectors[m.labels.index.get_indexer(vectors.index)].astype("float64")
    np.testing.assert_allclose(cosines(here), cosines(vectors.to_numpy()), atol=1e-5)


# --- how well wells agree ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ALIGNMENTS)
def test_consistency_is_that_computed_there(
    efaar: Any, benchmarking: Any, screen: b.Screen, dataset: Any, how: str
) -> None:
    aligned = pd.DataFrame(aligned_there(efaar, screen, how), table_of(screen)["perturbation"])
    aligned = aligned[in_map_of(screen)]
    here = dataset.phenomap("perturbation", how).scores["consistency"]
    there = {
        key: benchmarking.pert_signal_consistency_metric(wells.to_numpy())
        for key, wells in aligned.groupby(level=0)
    }
    assert set(here.index) == set(there)
    for key, consistency in here.items():
        assert consistency == pytest.approx(there[key], abs=1e-5, nan_ok=True), key
    assert here.isna().sum() == 3 * len(b.DOSES)  # of a dose there is a single well


# --- recall ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["none", *ALIGNMENTS])
def test_recall_is_that_computed_there(
    benchmarking: Any, dataset: Any, tmp_path: Path, how: str
) -> None:
    """One map and one file, through the package's whole benchmark and through ours."""
    m = dataset.phenomap("perturbation", how)
    vectors = pd.DataFrame(m.vectors.astype("float64"), m.labels.index)
    if "centerscale" in how:
        vectors.loc["EMPTY_control"] = 0  # rather than rounding, which has a cosine there
    rng = np.random.default_rng(1)
    names = np.array([*m.labels.index, "BRCA1", "brca1"])
    pairs = pd.DataFrame(rng.choice(names, (120, 2)), columns=["entity1", "entity2"])
    pairs.to_csv(tmp_path / "known.txt", index=False)
    thresholds = [(0.05, 0.95), (0.1, 0.9), (0.4, 0.5)]
    there = benchmarking.known_relationship_benchmark(
        Bunch(metadata=m.labels.reset_index(), features=vectors.reset_index(drop=True)),
        pert_col="key",
        benchmark_sources=["known"],
        recall_thr_pairs=thresholds,
        benchmark_data_dir=str(tmp_path),
    ).iloc[0]
    here = pair_recall(m, read_pairs(tmp_path / "known.txt"), thresholds)
    assert here.n_null == there["null_distribution_size"]
    assert here.n_pairs == there["query_distribution_size"] < here.n_known
    for low, high in thresholds:
        assert here.recalls[low, high] == pytest.approx(there[f"recall_{low}_{high}"])


SOURCES = {"CORUM": 1209, "HuMAP": 958, "Reactome": 569, "SIGNOR": 495, "StringDB": 1737}
"""Files of known pairs, and how many of those are in RxRx3-core (published by Recursion)."""


@pytest.mark.parametrize("source", ["Reactome", "SIGNOR"])
def test_files_of_pairs_are_read_as_there(
    benchmarking: Any, annotations: Path, source: str
) -> None:
    there = benchmarking.get_benchmark_relationships(str(annotations), source)
    here = read_pairs(annotations / f"{source}.txt")
    assert len(here) == len(there) > 1000
    assert set(here.itertuples(index=False, name=None)) == set(
        there.itertuples(index=False, name=None)
    )


# --- gene sets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("min_genes", [3, 10])
def test_gene_sets_are_tested_as_there(
    benchmarking: Any, dataset: Any, tmp_path: Path, min_genes: int
) -> None:
    """Its p is that of the same table; q, and what is said of small sets, are ours."""
    m, rng = dataset.phenomap(), np.random.default_rng(3)
    genes = [f"GENE{i}" for i in range(30)]
    known = [*genes, *(f"ELSE{i}" for i in range(30))]
    sizes = rng.integers(2, 40, 60)
    lines = [f"set {i}\t{' '.join(rng.choice(known, k, False))}" for i, k in enumerate(sizes)]
    path = tmp_path / "CORUM_clusters.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    chosen = rng.choice(genes, 12, replace=False).tolist()
    there = benchmarking.enrichment(
        chosen, genes, "CORUM", str(tmp_path), min_genes, pval_thr=1, corrected=False
    ).set_index("cluster")
    here = m.enrichment(chosen, read_gene_sets(path), min_genes=min_genes).set_index("set")
    assert set(here.index) == set(there.index)
    assert 5 < len(here) < 60
    there = there.loc[here.index]
    np.testing.assert_allclose(here["p_value"], there["pval"], rtol=1e-12)
    assert here["n_set"].tolist() == there["cluster_size"].tolist()
    assert [set(genes) for genes in here["members"]] == there["intersection"].tolist()


def test_its_file_of_complexes_is_read_as_there(benchmarking: Any, annotations: Path) -> None:
    here = read_gene_sets(annotations / "CORUM_clusters.tsv")
    everything = sorted({gene for genes in here.members.values() for gene in genes})
    there = benchmarking.get_benchmark_clusters(str(annotations), "CORUM", 1, everything)
    assert len(here) == len(there) > 2000
    assert {name: sorted(genes) for name, genes in here.members.items()} == there


# --- bookkeeping on the real names and doses -----------------------------------------------------


@pytest.fixture(scope="module")
def real_map(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a map of all real treatments, of random vectors, on plates that are made up."""
    if not METADATA.exists():
        pytest.skip("the real metadata (licensed, not shipped) are not beside the repository")
    table = pd.read_parquet(METADATA)
    places = np.array([f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48)])
    nth = table.groupby("experiment_name").cumcount().to_numpy()
    table["plate"], table["address"] = nth // len(places) + 1, places[nth % len(places)]
    number = table["plate"].astype("str")
    table["well_id"] = table["experiment_name"] + "_" + number + "_" + table["address"]
    root = tmp_path_factory.mktemp("real")
    b.write(root / "data/metadata.csv", b.csv_bytes(table))
    vectors = np.random.default_rng(0).normal(size=(len(table), 4)).astype("float32")
    content = b.embedding_bytes(dict(zip(table["well_id"], vectors, strict=True)))
    b.write(root / "data/vectors.parquet", content)
    return rx.open_dataset(root / "data", cache_dir=root / "cache").phenomap(align="none")


def test_the_published_number_of_entries_counts(real_map: Any) -> None:
    counts = benchmark_rows(real_map.labels)
    assert counts.sum() == 14_090
    odd = real_map.labels[~counts]
    assert set(odd["treatment"]) == {"Norfloxacin"}
    assert not set(odd["concentration"]) & set(b.DOSES)


@pytest.mark.soak
def test_the_published_numbers_of_pairs_are_ranked(real_map: Any, annotations: Path) -> None:
    """Random vectors find again as many pairs as chance does."""
    pairs = {source: read_pairs(annotations / f"{source}.txt") for source in SOURCES}
    results = pair_recalls(real_map, pairs)
    assert {source: result.n_pairs for source, result in results.items()} == SOURCES
    for source, result in results.items():
        assert (result.n_entries, result.n_null) == (14_090, 99_257_005)
        assert result.n_known == len(pairs[source])
        for low, high in result.recalls:
            by_chance = low + 1 - high
            error = np.sqrt(by_chance * (1 - by_chance) / result.n_pairs)
            assert abs(result.recalls[low, high] - by_chance) < 5 * error

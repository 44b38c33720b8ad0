"""What is listed as neighbors: each compound once, and nothing of the query's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import builders as b
from napari_rxrx3.dataset import open_dataset
from napari_rxrx3.maps.neighbors import list_neighbors
from napari_rxrx3.maps.spec import Query

DOSES = (0.1, 1.0, 10.0)
COMPOUNDS = tuple(f"drug {letter}" for letter in "ABCDEFGHIJKLMNOP")
GENES = ("PLK1", "MTOR", "TUBB")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Sixteen compounds at three doses and three genes with two guides, at random."""
    root = tmp_path_factory.mktemp("lists")
    wells = iter(f"{row}{column:02d}" for row in "BCDEFGHIJKLMNO" for column in range(2, 48))
    rows = [b.control_row("gene-001", 1, next(wells)) for _ in range(12)]
    for compound in COMPOUNDS:
        rows += [b.dose_row("gene-001", 1, next(wells), compound, dose) for dose in DOSES]
    for gene in GENES:
        rows += [b.guide_row("gene-001", 1, next(wells), gene, guide) for guide in (1, 2)]
    rng = np.random.default_rng(3)
    vectors = {str(row["well_id"]): rng.normal(size=8).astype("f4") for row in rows}
    b.write(root / "metadata.csv", b.csv_bytes(rows))
    b.write(root / "vectors.parquet", b.embedding_bytes(vectors))
    return open_dataset(root, root / "cache")


def listed(data: Any, level: str = "perturbation", **asked: Any) -> Any:
    return list_neighbors(
        data.phenomap(level=level, align="none"), Query(level=level, **asked), lambda _: None
    )


@pytest.mark.parametrize("order", ["similar", "opposite"])
@pytest.mark.parametrize("kind", ["all", "compounds"])
@pytest.mark.parametrize("key", ["PLK1", "drug C@1"])
@pytest.mark.parametrize("k", [1, 5, 50])
def test_each_compound_is_listed_once_by_its_most_alike_dose(
    data: Any, key: str, kind: str, order: str, k: int
) -> None:
    whole = data.phenomap(align="none").nearest(key, 10_000, opposite=order == "opposite")
    seen, expected = {key.split("@")[0]}, []
    for other in whole["key"]:
        name = other.split("@")[0]
        if name not in seen and (kind == "all" or "@" in other):
            expected.append(other)
        if "@" in other:
            seen.add(name)
    neighbors = listed(data, key=key, order=order, kind=kind, k=k)
    assert [n.key for n in neighbors] == expected[:k]
    assert [n.rank for n in neighbors] == list(range(1, len(neighbors) + 1))
    assert {n.other_doses for n in neighbors if "@" in n.key} <= {len(DOSES) - 1}
    assert {n.other_doses for n in neighbors if "@" not in n.key} <= {0}
    values = dict(zip(whole["key"], whole["similarity"], strict=True))
    assert [n.value for n in neighbors] == [values[n.key] for n in neighbors]


def test_all_doses_are_listed_when_they_are_asked_for(data: Any) -> None:
    neighbors = listed(data, key="drug C@1", k=10_000, all_doses=True)
    whole = data.phenomap(align="none").nearest("drug C@1", 10_000)
    assert [n.key for n in neighbors] == whole["key"].tolist()
    assert {n.other_doses for n in neighbors} == {0}


def test_no_guide_of_the_own_gene_is_listed(data: Any) -> None:
    keys = [n.key for n in listed(data, "guide", key="PLK1_guide_1", k=10_000)]
    assert "PLK1_guide_2" not in keys
    assert {"MTOR_guide_1", "MTOR_guide_2"} <= set(keys)
    everything = listed(data, "guide", key="PLK1_guide_1", k=10_000, all_doses=True)
    assert "PLK1_guide_2" in [n.key for n in everything]


def test_wells_of_the_own_perturbation_stay(data: Any) -> None:
    """At the level of wells that they come first is what is looked for."""
    wells = data.wells.index[data.wells["gene"] == "PLK1"]
    keys = [n.key for n in listed(data, "well", key=wells[0], k=10_000)]
    assert wells[1] in keys

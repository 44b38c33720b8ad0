"""A map as a file of its own, and the raw vectors in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import builders as b
import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import MapError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return s.gene_screen(6, plates=1).open(tmp_path_factory.mktemp("exported"))


@pytest.mark.parametrize("level", ["well", "guide", "perturbation", "compound"])
def test_a_map_leaves_with_all_that_it_knows(dataset: Any, tmp_path: Path, level: str) -> None:
    m = dataset.phenomap(level=level)
    m.to_parquet(tmp_path / "map.parquet")
    table = pq.read_table(tmp_path / "map.parquet")
    frame = table.to_pandas()
    keys = frame["well_id" if level == "well" else "key"]
    assert list(keys) == list(m.labels.index)
    np.testing.assert_array_equal(np.stack(frame["vector"]), m.vectors)
    for column in m.labels:
        pd.testing.assert_series_equal(
            frame[column], m.labels[column].reset_index(drop=True), check_dtype=False
        )
    new = m.scores.columns.difference(m.labels.columns)
    assert set(new) <= set(frame.columns)
    made = json.loads(table.schema.metadata[b"napari_rxrx3"])
    assert (made["level"], made["align"], made["plugin"]) == (level, m.spec.align, rx.__version__)


def test_a_map_of_wells_comes_back_as_vectors_of_ones_own(dataset: Any, tmp_path: Path) -> None:
    m = dataset.phenomap(level="well")
    m.to_parquet(tmp_path / "aligned.parquet", scores=False)
    again = rx.open_dataset(dataset.address, cache_dir=tmp_path / "cache")
    name = again.add_embedding(tmp_path / "aligned.parquet")
    ids, vectors = again.vectors(name)
    assert set(ids) == set(m.labels.index)
    np.testing.assert_array_equal(vectors, m.vectors[m.labels.index.get_indexer(ids)])


def test_a_map_that_cannot_be_written_leaves_nothing(dataset: Any, tmp_path: Path) -> None:
    b.write(tmp_path / "file", b"")
    with pytest.raises(OSError, match="file"):
        dataset.phenomap().to_parquet(tmp_path / "file" / "map.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_maps_by_command(dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "map.parquet"
    assert main(["export", "map", dataset.address, str(file), "--level", "guide"]) == 0
    n = len(dataset.phenomap(level="guide").labels)
    assert f"{n} entries written to {file}." in capsys.readouterr().out
    assert pq.read_metadata(file).num_rows == n
    assert main(["export", "map", dataset.address, str(file / "map.parquet")]) == 1
    said = capsys.readouterr().err
    assert "map.parquet" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("order", ["as the wells", "another"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_raw_vectors_are_in_the_order_of_the_wells(tmp_path: Path, order: str, dtype: str) -> None:
    rows = [b.guide_row("gene-001", 1, f"B{column:02d}", "PLK1") for column in range(2, 20)]
    random = np.random.default_rng(1)
    offset = 1e9 if dtype == "float64" else 0  # single precision would lose what they differ by
    vectors = {row["well_id"]: offset + random.normal(size=5).astype(dtype) for row in rows}
    vectors[rows[3]["well_id"]][:] = np.nan
    listed = list(vectors.items())
    given = dict(reversed(listed)) if order == "another" else dict(listed)
    b.write(tmp_path / "data" / "metadata.csv", b.csv_bytes(rows))
    b.write(tmp_path / "data" / "vectors.parquet", b.embedding_bytes(given, dtype=dtype))
    for _ in range(2):  # the second time from the cache
        dataset = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
        ids, found = dataset.vectors()
        wells = dataset.wells
        assert list(ids) == list(wells.index[wells["has_embedding"]])
        assert len(ids) == len(rows) - 1
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, [vectors[well] for well in ids])
        assert not found.flags.writeable
        assert isinstance(found, np.memmap)
    with pytest.raises(rx.RxRx3Error, match="no embedding 'other'"):
        dataset.vectors("other")


def test_without_anndata_it_is_said_what_it_takes(
    dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "anndata", None)
    assert main(["export", "map", dataset.address, str(tmp_path / "map.h5ad")]) == 1
    assert "pip install 'napari-rxrx3[anndata]'" in capsys.readouterr().err
    with pytest.raises(MapError, match="takes anndata"):
        dataset.phenomap().to_anndata(scores=False)
    assert not (tmp_path / "map.h5ad").exists()
    file = tmp_path / "map.other"
    assert main(["export", "map", dataset.address, str(file), "--format", "parquet"]) == 0
    assert pq.read_metadata(file).num_rows

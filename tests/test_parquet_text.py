"""Text in parquet that is no UTF-8: the rest is read, in every kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.data.files.tables import mended_text

ROWS = [b.guide_row("gene-001", 1, f"B{column:02d}", "PLK1") for column in range(2, 6)]
IDS = [row["well_id"] for row in ROWS]
BAD, SEEN = b"gene-001_1_B\x80", "gene-001_1_B\ufffd"


def text(cells: list[bytes | None], kind: pa.DataType) -> pa.Array:
    """Make a column of text without a look at its bytes, as parquet files hold it."""
    binary = pa.large_binary() if pa.types.is_large_string(kind) else pa.binary()
    return pa.array(cells, binary).view(kind)


def with_bad_first(table: pa.Table, name: str) -> pa.Table:
    cells = [None if c is None else c.encode() for c in table[name].to_pylist()]
    column = text([BAD, *cells[1:]], pa.string())
    return table.set_column(table.schema.get_field_index(name), name, column)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_only_what_is_no_text_is_replaced(kind: pa.DataType) -> None:
    good = pa.array(["a", None, "µ"], kind)
    assert mended_text(good) is good
    mended = mended_text(text([b"a", None, b"\xc2\xb5", b"x\xff"], kind))
    assert mended.type == kind
    assert mended.to_pylist() == ["a", None, "µ", "x\ufffd"]
    named = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), text([b"a", b"\xff"], kind))
    assert mended_text(named).to_pylist() == ["a", "\ufffd", None]


def test_other_columns_are_left_alone() -> None:
    for column in (pa.array([1.5, None]), pa.array([b"\xff", None]), pa.array([[1.0], None])):
        assert mended_text(column) is column


def test_metadata(root: Path, cache: Path) -> None:
    wells = b.Screen.of(ROWS)
    table = pa.Table.from_pylist([dict(row) for row in wells.rows])
    pq.write_table(with_bad_first(table, "gene"), root / "metadata.parquet")
    data = rx.open_dataset(root, cache_dir=cache)
    assert data.wells["gene"].tolist() == [SEEN, "PLK1", "PLK1", "PLK1"]


def test_vectors(root: Path, cache: Path) -> None:
    b.write(root / "metadata.csv", b.csv_bytes(ROWS))
    values: Any = {well: np.full(3, i, np.float32) for i, well in enumerate(IDS, 1)}
    table = with_bad_first(b.embedding_table(values), "well_id")
    b.write(root / "vectors.parquet", b.parquet_bytes(table))
    data = rx.open_dataset(root, cache_dir=cache)
    assert data.wells["has_embedding"].tolist() == [False, True, True, True]


def test_keys_of_images(root: Path, cache: Path) -> None:
    planes = {well: b.smooth(well, 16) for well in IDS[:2]}
    path = b.write_shard(root / "a.parquet", b.shard_rows(planes))
    pq.write_table(with_bad_first(pq.read_table(path), "__key__"), path)
    data = rx.open_dataset(root, cache_dir=cache)
    np.testing.assert_array_equal(data.read(IDS[1]), b.decoded_jp2(planes[IDS[1]]))
    assert SEEN in " ".join(data.check().problems["detail"])

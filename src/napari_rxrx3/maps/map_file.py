"""A map as one file for other tools: keys, labels, aligned vectors, scores, and how it was made."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from napari_rxrx3.core.secrets import public
from napari_rxrx3.core.version import __version__
from napari_rxrx3.data.files.local import written_atomically

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["PROVENANCE", "write_map"]

PROVENANCE = b"napari_rxrx3"
_AT_ONCE = 65536


def write_map(
    entries: Entries, path: str | os.PathLike[str], scores: pd.DataFrame | None = None
) -> None:
    """Write a map as parquet: a row an entry, its vector as one column of lists.

    The first column is ``key``, or ``well_id`` of a map of wells, which can so be opened as vectors
    of one's own. How it was made stands, as JSON, in the metadata ``napari_rxrx3`` of the schema.

    Raises
    ------
    OSError
        If it cannot be written. Nothing is then left of it.
    """
    name = "well_id" if entries.spec.level == "well" else "key"
    table = entries.labels.rename_axis(name).reset_index()
    if scores is not None:
        new = [column for column in scores if column not in table]
        table = table.join(scores[new].reset_index(drop=True))
    schema = _schema(entries, table)
    with written_atomically(Path(path)) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for start in range(0, len(table), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            part = pa.Table.from_pandas(table.iloc[rows], preserve_index=False)
            part = part.append_column(schema.field("vector"), _lists(entries.vectors[rows]))
            writer.write_table(part.cast(schema))


def _lists(vectors: np.ndarray[Any, Any]) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def _schema(entries: Entries, table: pd.DataFrame) -> pa.Schema:
    told = pa.Schema.from_pandas(table, preserve_index=False).remove_metadata()
    vector = pa.field("vector", pa.list_(pa.float32(), entries.vectors.shape[1]))
    return told.append(vector).with_metadata({PROVENANCE: json.dumps(_made(entries))})


def _made(entries: Entries) -> dict[str, Any]:
    return {
        "plugin": __version__,
        "data": public(str(getattr(entries.dataset, "address", ""))),
        **asdict(entries.spec),
        "left_out": list(entries.left_out),
        "notes": list(entries.notes),
    }

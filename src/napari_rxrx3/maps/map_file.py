"""A map as one file for other tools: keys, labels, aligned vectors, scores, and how it was made.

As parquet, or as AnnData, which scanpy and its kin work on.
"""

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

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.secrets import public
from napari_rxrx3.core.version import __version__
from napari_rxrx3.data.files.local import written_atomically

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_rxrx3.maps.entries import Entries

__all__ = ["PROVENANCE", "anndata_of", "write_h5ad", "write_map"]

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
    table = _table(entries, scores).reset_index()
    schema = _schema(entries, table)
    with written_atomically(Path(path)) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for start in range(0, len(table), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            part = pa.Table.from_pandas(table.iloc[rows], preserve_index=False)
            part = part.append_column(schema.field("vector"), _lists(entries.vectors[rows]))
            writer.write_table(part.cast(schema))


def anndata_of(entries: Entries, scores: pd.DataFrame | None = None) -> AnnData:
    """A map as AnnData: vectors as ``X``, float32, labels and scores as ``obs``.

    How the map was made is JSON in ``uns["napari_rxrx3"]``.

    Raises
    ------
    MapError
        If anndata is not installed.
    """
    try:
        from anndata import AnnData
    except ImportError:
        raise MapError(
            "To make AnnData takes anndata: pip install 'napari-rxrx3[anndata]'"
        ) from None
    table = _table(entries, scores)
    # text that is no object has no form that all versions of h5ad know
    table.index = pd.Index(table.index.astype(object), name=table.index.name)
    for name in table:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = pd.Categorical(table[name].astype(object).where(table[name].notna()))
    vectors = np.ascontiguousarray(entries.vectors, dtype=np.float32)
    dimensions = pd.Index([str(i) for i in range(vectors.shape[1])], dtype=object)
    made = {PROVENANCE.decode(): json.dumps(_made(entries))}
    return AnnData(vectors, obs=table, var=pd.DataFrame(index=dimensions), uns=made)


def write_h5ad(
    entries: Entries, path: str | os.PathLike[str], scores: pd.DataFrame | None = None
) -> None:
    """Write a map as AnnData, see `anndata_of`.

    Raises
    ------
    MapError
        If anndata is not installed.
    OSError
        If it cannot be written. Nothing is then left of it.
    """
    made = anndata_of(entries, scores)
    with written_atomically(Path(path)) as temporary:
        made.write_h5ad(temporary)


def _table(entries: Entries, scores: pd.DataFrame | None) -> pd.DataFrame:
    """Labels, and what scores add to them, by ``key`` or ``well_id``."""
    table = entries.labels.rename_axis("well_id" if entries.spec.level == "well" else "key")
    if scores is not None:
        new = [column for column in scores if column not in table]
        table = table.join(scores[new].set_axis(table.index))
    return table.copy()


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

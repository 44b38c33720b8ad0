"""The table of wells: from metadata, or from what images and embeddings name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.plate import N_COLUMNS, PlateId, format_address, natural_key
from napari_rxrx3.data.cache import DiskCache, written_atomically
from napari_rxrx3.data.discovery import Contents
from napari_rxrx3.data.embeddings import EmbeddingTable
from napari_rxrx3.data.images import ImageCatalog
from napari_rxrx3.data.metadata import read_metadata, wells_from_ids
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.storage import Storage

__all__ = ["listed_wells", "named_wells", "plate_slices"]


def listed_wells(
    storage: Storage, contents: Contents, cache: DiskCache
) -> tuple[pd.DataFrame | None, list[Problem], str]:
    """Wells that the metadata list, in the order of experiment, plate, row, column.

    What was read before comes from the cache.

    Returns
    -------
    wells : pandas.DataFrame or None
        None if there are no metadata that can be read.
    problems : list of Problem
    fingerprint : str
        What identifies the files as they were when they were read; empty if they cannot be told.

    Raises
    ------
    MetadataError
        If they cannot be read and there is nothing else.
    """
    if not contents.metadata:
        return None, [], ""
    try:
        fingerprint = "|".join(storage.fingerprint(path) for path in contents.metadata)
    except OSError:  # gone since they were found: reading them says so
        return (*_read(storage, contents), "")
    path = cache.path("wells", fingerprint, ".arrow")
    kept = _kept(path)
    if kept is not None:
        return (*kept, fingerprint)
    wells, problems = _read(storage, contents)
    if wells is not None:
        _keep(path, wells, problems)
    return wells, problems, fingerprint


def _read(storage: Storage, contents: Contents) -> tuple[pd.DataFrame | None, list[Problem]]:
    tables: list[pd.DataFrame] = []
    problems: list[Problem] = []
    failure: MetadataError | None = None
    for path in contents.metadata:
        try:
            wells, found = read_metadata(storage, path)
        except MetadataError as error:
            failure = failure or error
            problems.append(Problem("unreadable_file", detail=str(error)))
            continue
        tables.append(wells)
        problems += found
    if not tables:
        if failure is not None and _holds_metadata_only(contents):
            raise failure
        return None, problems
    wells = pd.concat(tables) if len(tables) > 1 else tables[0]
    return _in_plate_order(wells[~wells.index.duplicated()]), problems


def _kept(path: Path) -> tuple[pd.DataFrame, list[Problem]] | None:
    """The table in a file of the cache, mapped into memory; None if it is gone or damaged."""
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        problems = [Problem(*p) for p in json.loads(table.schema.metadata[b"problems"])]
        return table.to_pandas().set_index("well_id"), problems
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def _keep(path: Path, wells: pd.DataFrame, problems: list[Problem]) -> None:
    table = pa.Table.from_pandas(wells.reset_index(), preserve_index=False)
    metadata = {**table.schema.metadata, b"problems": json.dumps(problems).encode()}
    table = table.replace_schema_metadata(metadata)
    with (
        suppress(OSError),
        written_atomically(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table)


def named_wells(images: ImageCatalog, embeddings: Iterable[EmbeddingTable]) -> pd.DataFrame:
    """Wells of the images and the embeddings, for want of metadata, in the same order.

    Raises
    ------
    MetadataError
        If no embedding can be read and there are no images.
    """
    ids: list[str] = []
    for plate in images.plates:
        positions = np.flatnonzero(images.present_wells(plate))
        ids += [
            f"{plate.experiment}_{plate.plate}_{format_address(*divmod(int(p), N_COLUMNS))}"
            for p in positions
        ]
    index = pd.Index(ids, dtype="str")
    failure: MetadataError | None = None
    for table in embeddings:
        try:
            index = index.append(table.well_ids)
        except MetadataError as error:  # `Dataset.wells` says so
            failure = error
    if failure is not None and index.empty:
        raise failure
    return _in_plate_order(wells_from_ids(index.unique()))


def plate_slices(wells: pd.DataFrame) -> dict[PlateId, slice]:
    """Where each plate's wells are in a table in this order."""
    codes = wells.groupby(["experiment_name", "plate"], sort=False).ngroup().to_numpy()
    first = np.ones(len(codes), dtype=bool)
    first[1:] = codes[1:] != codes[:-1]
    starts = np.flatnonzero(first)
    stops = [*starts[1:], len(codes)][: len(starts)]
    names = wells[["experiment_name", "plate"]].iloc[starts].itertuples(index=False)
    return {
        PlateId(experiment, int(plate)): slice(int(a), int(b))
        for (experiment, plate), a, b in zip(names, starts, stops, strict=True)
    }


def _holds_metadata_only(contents: Contents) -> bool:
    c = contents
    return not (c.tars or c.folders or c.shards or c.embeddings or c.embedding_tars)


def _in_plate_order(wells: pd.DataFrame) -> pd.DataFrame:
    names = sorted(wells["experiment_name"].unique(), key=natural_key)
    rank = wells["experiment_name"].map({name: i for i, name in enumerate(names)})
    order = np.lexsort((wells["column"], wells["row"], wells["plate"], rank))
    return wells.iloc[order]

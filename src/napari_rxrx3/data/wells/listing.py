"""The table of wells: from metadata, or from what images and embeddings name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.plate import N_COLUMNS, format_address, natural_key
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.data.cache.disk_cache import DiskCache, load_table, save_table
from napari_rxrx3.data.claims import is_copy
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import RULE
from napari_rxrx3.data.images.catalog import ImageCatalog
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.vectors.embeddings import EmbeddingTable
from napari_rxrx3.data.wells.metadata import read_metadata, repeated, wells_from_ids
from napari_rxrx3.data.wells.well_list import WellList

__all__ = ["in_plate_order", "listed_wells", "named_wells", "newest_first"]

Array = np.ndarray[Any, Any]

_NAMED = 4
_SAID = ("gene", "treatment", "SMILES", "concentration", "perturbation_type", "cell_type")
"""What tables may say differently of one well."""


def listed_wells(
    storage: Storage, contents: Contents, cache: DiskCache, progress: Progress | None = None
) -> tuple[WellList | None, list[Problem], str]:
    """Wells that the metadata list, in the order of experiment, plate, row, column.

    What was read before comes from the cache.

    Returns
    -------
    wells : WellList or None
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
        return (*_in_a_list(*_read(storage, contents, progress)), "")
    path = cache.path("wells", f"{RULE}|{fingerprint}", ".arrow")
    kept = _kept(path) or _read_and_kept(storage, contents, cache, path, progress)
    return (*_in_a_list(*kept), fingerprint)


def _read_and_kept(
    storage: Storage, contents: Contents, cache: DiskCache, path: Path, progress: Progress | None
) -> tuple[pd.DataFrame | None, list[Problem]]:
    wells, problems = _read(storage, contents, progress)
    # a table that cannot be read now may be there the next time
    if wells is None or any(problem.kind == "unreadable_file" for problem in problems):
        return wells, problems
    if progress is not None:
        progress(0, 0, f"keeping {len(wells):,} wells for the next time")
    _keep(cache, path, wells, problems)
    kept = _kept(path)  # a large table that is mapped from its file takes no memory
    if kept is None:
        return wells, problems
    del wells
    pa.default_memory_pool().release_unused()
    return kept


def _in_a_list(
    wells: pd.DataFrame | None, problems: list[Problem]
) -> tuple[WellList | None, list[Problem]]:
    return WellList(wells) if wells is not None else None, problems


def _read(
    storage: Storage, contents: Contents, progress: Progress | None
) -> tuple[pd.DataFrame | None, list[Problem]]:
    tables: list[pd.DataFrame] = []
    paths: list[str] = []
    problems: list[Problem] = []
    failure: MetadataError | None = None
    for path in newest_first(storage, contents.metadata):
        try:
            wells, found = read_metadata(storage, path, progress)
        except MetadataError as error:
            failure = failure or error
            problems.append(Problem("unreadable_file", detail=str(error)))
            continue
        problems += found
        for used, used_path in zip(tables, paths, strict=True):
            problems += _disagreement(used, used_path, wells, path)
        tables.append(wells)
        paths.append(path)
    if not tables:
        if failure is not None and _holds_metadata_only(contents):
            raise failure
        return None, problems
    wells = pd.concat(tables) if len(tables) > 1 else tables[0]
    if len(tables) > 1:
        is_used = ~repeated(wells.index)
        problems += _joined(paths, np.split(is_used, np.cumsum([len(t) for t in tables])[:-1]))
        wells = wells[is_used]
    return in_plate_order(wells, progress), problems


def _joined(paths: Sequence[str], is_used: Sequence[Array]) -> list[Problem]:
    """Say that wells of several tables are taken for one data set, as they need not be."""
    counts = {path: int(used.sum()) for path, used in zip(paths, is_used, strict=True)}
    parts = [f"{n:,} of {path}" for path, n in counts.items() if n]
    if len(parts) < 2:
        return []
    more = f" and of {len(parts) - _NAMED:,} more tables" if len(parts) > _NAMED else ""
    what = f"wells of several tables are read as one data set: {', '.join(parts[:_NAMED])}{more}"
    return [Problem("interpreted", detail=f"{what}; open one of these to see its wells alone")]


def newest_first(storage: Storage, paths: Iterable[str]) -> list[str]:
    """Of tables that list the same wells the newest holds; of equally old ones, what is no copy."""

    def rank(path: str) -> tuple[object, ...]:
        return -storage.changed_at(path), is_copy(path), path

    return sorted(paths, key=rank)


def _disagreement(
    used: pd.DataFrame, used_path: str, other: pd.DataFrame, path: str
) -> list[Problem]:
    """Say of how many wells a table says something else than one that is used before it."""
    place = pc.index_in(_ids(other), value_set=_ids(used)).fill_null(-1).to_numpy()
    rows = np.flatnonzero(place >= 0)
    here, there = used.iloc[place[rows]], other.iloc[rows]
    differs = np.zeros(len(rows), dtype=bool)
    for name in _SAID:
        a, b = here[name].array, there[name].array
        said = np.asarray(here[name].notna()) & np.asarray(there[name].notna())
        of_column = said & np.asarray(pd.Series(a).ne(pd.Series(b)))
        if of_column.any() and not differs.any():
            first = int(np.flatnonzero(of_column)[0])
            one, two = (str(values[first])[:40] for values in (b, a))
            example = f"{there.index[first]}: {name} is {one!r}, not {two!r}"
        differs |= of_column
    if not differs.any():
        return []
    what = f"{path} says something else of {int(differs.sum()):,} wells than {used_path}"
    return [Problem("disagreement", detail=f"{what}, the newer table, which is used; {example}")]


def _ids(wells: pd.DataFrame) -> pa.Array:
    return pa.array(wells.index.array, pa.large_string())


def _kept(path: Path) -> tuple[pd.DataFrame, list[Problem]] | None:
    """The wells in a file of the cache; None if it is gone or damaged."""
    table = load_table(path)
    if table is None:
        return None
    try:
        problems = [Problem(*p) for p in json.loads(table.schema.metadata[b"problems"])]
        # without `split_blocks` numbers are copied
        return table.to_pandas(split_blocks=True).set_index("well_id"), problems
    except (ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def _keep(cache: DiskCache, path: Path, wells: pd.DataFrame, problems: list[Problem]) -> None:
    table = pa.Table.from_pandas(wells.reset_index(), preserve_index=False)
    metadata = {**table.schema.metadata, b"problems": json.dumps(problems).encode()}
    save_table(cache, path, table.replace_schema_metadata(metadata))


def named_wells(
    images: ImageCatalog, embeddings: Iterable[EmbeddingTable], progress: Progress | None = None
) -> pd.DataFrame:
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
            table.read(progress)
            index = index.append(table.well_ids)
        except MetadataError as error:  # `Dataset.wells` says so
            failure = error
    if failure is not None and index.empty:
        raise failure
    return in_plate_order(wells_from_ids(index.unique()))


def _holds_metadata_only(contents: Contents) -> bool:
    c = contents
    images = c.tars or c.zips or c.folders or c.shards or c.plates
    return not (images or c.embeddings or c.embedding_tars)


def in_plate_order(wells: pd.DataFrame, progress: Progress | None = None) -> pd.DataFrame:
    """Sort a table, which is used up: column by column, for want of room for two of them."""
    columns = list(wells.columns)
    say = progress or silent
    text = f"sorting {len(wells):,} wells"
    say(0, len(columns), text)
    codes, names = pd.factorize(wells["experiment_name"])
    rank = np.argsort(sorted(range(len(names)), key=lambda i: natural_key(names[i])))[codes]
    places = [wells[name].to_numpy() for name in ("column", "row", "plate")]
    order = np.lexsort((*places, rank))
    ordered = pd.DataFrame(index=wells.index.take(order))
    for done, name in enumerate(columns):
        say(done, len(columns), text)
        ordered[name] = wells.pop(name).array.take(order)
    return ordered

"""Places of entries that another program computed, from a table."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.projection.projection import Projection

if TYPE_CHECKING:
    from napari_rxrx3.data.files.table import Block, Column, Table
    from napari_rxrx3.maps.entries import Entries

__all__ = ["read_coordinates"]

Array = np.ndarray[Any, Any]

_NAMES = ("key", "well_id", "index", "__index_level_0__", "", "unnamed: 0", "level_0")
_PAIRS = (("x", "y"), ("1", "2"), ("0", "1"))
_ENDING = re.compile(r"(.*?)[ _.\-]*(x|y|\d{1,9})\Z", re.DOTALL)
_COUNTS = {"n_wells", "n", "count", "cluster", "label"}
_LARGEST = 1e12
_ROWS_A_BLOCK = 65_536


class _Columns(NamedTuple):
    """The columns that hold the names of entries and their coordinates."""

    names: str
    x: str
    y: str


class _Found(NamedTuple):
    """What a file says of the entries of a map: rows int (m,), places float64 (m, 2)."""

    rows: Array
    places: Array
    n_strangers: int


def read_coordinates(
    path: str | os.PathLike[str], phenomap: Entries, progress: Progress | None = None
) -> Projection:
    """Read where each entry of a map lies.

    Parameters
    ----------
    path : str or path-like
        A table, or the URL of one: CSV in any form, packed or not, or parquet. Entries are
        named by a column ``key`` or ``well_id``, by the index, or else by the first column of
        text. The coordinates are
        columns called ``x`` and ``y``, ``UMAP_1`` and ``UMAP_2``, ``PC1`` and ``PC2`` or the
        like, or else the first two columns of numbers. Rows that name no entry of the map are
        left out, and counted.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    MetadataError
        If the file cannot be read, names no entry of the map or one of them twice, or a
        coordinate is no number or too large; the file, the entry and the cause are named.
    """
    from napari_rxrx3.data.files.storage import Storage
    from napari_rxrx3.data.files.tables import open_table

    storage, inner = Storage.of(path)
    with open_table(storage, inner) as table:
        columns = _columns(table.columns, inner)
        found = _found(table, columns, phenomap, progress)
        notes = list(table.notes)
    return _projection(found, columns, notes, phenomap, inner)


def _projection(
    found: _Found, columns: _Columns, notes: Sequence[str], phenomap: Entries, path: str
) -> Projection:
    _refuse_two_places(found, phenomap, path)
    n = len(phenomap.labels)
    positions = np.full((n, 2), np.nan, dtype=np.float32)
    positions[found.rows] = found.places
    n_missing = int(np.isnan(positions[:, 0]).sum())
    if n_missing == n:
        raise MetadataError(f"{path} has no coordinates of any {phenomap.level} of this map.")
    words = [f"{posixpath.basename(path)}: {columns.x}, {columns.y} of {n - n_missing:,} of "]
    words[0] += f"{n:,} {phenomap.level}s"
    if found.n_strangers:
        words.append(f"{found.n_strangers:,} rows name none of them")
    return Projection(
        positions, "file", "; ".join([*words, *notes[:1]]), (columns.x, columns.y), n_missing
    )


def _refuse_two_places(found: _Found, phenomap: Entries, path: str) -> None:
    order = np.argsort(found.rows, kind="stable")
    rows, places = found.rows[order], found.places[order]
    same = (places[1:] == places[:-1]) | (np.isnan(places[1:]) & np.isnan(places[:-1]))
    twice = np.flatnonzero((rows[1:] == rows[:-1]) & ~same.all(axis=1))
    if len(twice):
        key = phenomap.labels.index[rows[twice[0]]]
        raise MetadataError(f"{path} has {key!r} twice, at different places.")


# --- which columns -----------------------------------------------------------------------------


def _columns(columns: Sequence[Column], path: str) -> _Columns:
    from napari_rxrx3.data.wells.columns import describes_wells

    names = _names_column(columns)
    if names is None:
        raise MetadataError(f"{path} has no column that names entries, such as key or well_id.")
    rest = [column for column in columns if column.name != names]
    pair = _called_as_a_pair([column.name for column in rest if column.kind != "list"])
    if pair is None:
        numbers = [
            column.name
            for column in rest
            if column.kind in ("float", "integer")
            and not describes_wells(column.name)
            and column.name.lower() not in _COUNTS
        ]
        pair = (numbers[0], numbers[1]) if len(numbers) > 1 else None
    if pair is None:
        shown = ", ".join(column.name for column in columns)[:80]
        raise MetadataError(f"{path} has no two columns of coordinates; its columns are: {shown}.")
    return _Columns(names, *pair)


def _names_column(columns: Sequence[Column]) -> str | None:
    texts = [column.name for column in columns if column.kind == "text"]
    known = {name.strip().lower(): name for name in texts[::-1]}
    return next((known[name] for name in _NAMES if name in known), texts[0] if texts else None)


def _called_as_a_pair(names: Sequence[str]) -> tuple[str, str] | None:
    """The two columns whose names differ in their ends alone: of x and y, of UMAP, or any."""
    stems: dict[str, dict[str, str]] = {}
    for name in names:
        match = _ENDING.match(name.strip().lower())
        if match:
            stems.setdefault(match[1], {}).setdefault(match[2], name)
    for stem in sorted(stems, key=lambda stem: (stem != "", "umap" not in stem)):
        for one, two in _PAIRS if stem else _PAIRS[:1]:
            if stems[stem].keys() >= {one, two}:
                return stems[stem][one], stems[stem][two]
    return None


# --- what they hold ----------------------------------------------------------------------------


def _found(table: Table, columns: _Columns, phenomap: Entries, progress: Progress | None) -> _Found:
    from napari_rxrx3.data.files.table import As

    all_rows, all_places, n_strangers, first = [], [], 0, ""
    wanted = list(zip(columns, (As.NAME, As.NUMBER, As.NUMBER), strict=True))
    for block in table.blocks(wanted, _ROWS_A_BLOCK):
        if progress is not None:
            progress(*table.done(), f"reading {posixpath.basename(table.name)}")
        names = [name or "" for name in block.columns[0].to_pylist()]
        first = first or next(filter(None, names), "")
        rows = phenomap.rows_of(names)
        is_entry = rows >= 0
        _refuse_odd(table, columns, block, is_entry)
        places = np.column_stack(block.columns[1:])[is_entry]
        places[np.isnan(places).any(axis=1)] = np.nan
        all_rows.append(rows[is_entry])
        all_places.append(places)
        n_strangers += int((~is_entry).sum())
    if not sum(map(len, all_rows)):
        begins = f"its column {columns.names!r} begins with {first[:40]!r}" if first else "no names"
        raise MetadataError(f"{table.name} names no {phenomap.level} of this map; {begins}.")
    return _Found(np.concatenate(all_rows), np.concatenate(all_places), n_strangers)


def _refuse_odd(table: Table, columns: _Columns, block: Block, is_entry: Array) -> None:
    """Name the first entry whose place is no number, or one that cannot be drawn."""
    from napari_rxrx3.data.files.table import misread, where

    for i in (1, 2):
        said = {row: text for row, text in block.odd.get(i, ()) if is_entry[row]}
        large = np.flatnonzero(is_entry & (np.abs(block.columns[i]) > _LARGEST)).tolist()
        for row in sorted({*said, *large}):
            name, line = block.columns[0][row].as_py(), block.lines[row]
            value = said[row] if row in said else f"{block.columns[i][row]:g}"
            what = "not a number" if row in said else "too large to draw"
            place = f"{where(table, line)}, {name!r}"
            raise MetadataError(f"{misread(place, columns[i], value, what)}.")

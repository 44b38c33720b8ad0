"""Vectors in one file: which of its columns they are, and their numbers, block by block."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import Table, opened_table
from napari_rxrx3.data.wells.columns import describes_wells, found_features, id_columns, is_missing

__all__ = ["EmbeddingFile", "Layout", "found_layout", "own_layout", "vector_blocks"]

Array = np.ndarray[Any, Any]

_CELLS_A_BLOCK = 2**22


@dataclass(frozen=True)
class EmbeddingFile:
    """One table of vectors: a file, or a member of a tar at an offset."""

    path: str
    member: str = ""
    offset: int = 0
    size: int = 0

    @property
    def name(self) -> str:
        return f"{self.path}, member {self.member}" if self.member else self.path

    @contextmanager
    def table(self, storage: Storage) -> Iterator[Table]:
        """Open it to be read in blocks; raises one of `READ_ERRORS`."""
        with self._opened(storage) as file, opened_table(file) as table:
            yield table

    def _opened(self, storage: Storage) -> IO[bytes]:
        if self.member:
            return io.BytesIO(storage.read(self.path, self.offset, self.offset + self.size))
        return storage.open(self.path)


@dataclass(frozen=True)
class Layout:
    """Which columns of a table name the well and which hold its vector.

    `features` is one column of lists, or one column a number.
    """

    ids: tuple[str, ...]
    features: tuple[str, ...]
    dimension: int
    left_out: tuple[str, ...] = ()


def found_layout(table: Table) -> Layout:
    """Layout of a table that a folder holds; see `found_features`."""
    features = tuple(found_features(table.columns))
    if not features:
        raise ValueError("it has no well_id column with columns of numbers")
    return Layout(("well_id",), features, _dimension(table, features))


def own_layout(table: Table, path: str, tick: Callable[[], None]) -> Layout:
    """Layout of a table that the user calls an embedding: every column of numbers is a feature.

    `tick` is called now and then while the table is read; it may raise to stop.

    Raises
    ------
    MetadataError
        If no column names the wells, or no column holds numbers.
    """
    names = [column.name for column in table.columns]
    ids = id_columns(names)
    if not ids:
        raise MetadataError(f"{path} has neither a well_id column nor experiment, plate, address.")
    candidates = [c for c in table.columns if c.name not in ids and not describes_wells(c.name)]
    features = tuple(c.name for c in candidates if c.kind == "list")
    if len(features) != 1:
        numbers = {c.name for c in candidates if c.kind in ("float", "integer")}
        numbers |= _with_numbers(table, [c.name for c in candidates if c.kind == "text"], tick)
        features = tuple(c.name for c in candidates if c.name in numbers)
    if not features:
        raise MetadataError(f"{path} has no column of numbers beside those that describe wells.")
    used = {*ids, *features}  # a table may have tens of thousands of columns
    left_out = tuple(n for n in names if n not in used)
    return Layout(ids, features, _dimension(table, features), left_out)


def vector_blocks(table: Table, layout: Layout) -> Iterator[tuple[pa.Array, Array]]:
    """Yield well ids and float32 vectors, block by block.

    Rows without an id are left out. A cell that is no number is NaN, and so is the whole vector
    where a list has another length. What was left out is in the table's `notes` at the end.
    """
    nameless = odd_lists = 0
    n_ids = len(layout.ids)
    n_rows = int(np.clip(_CELLS_A_BLOCK // layout.dimension, 256, 65536))
    for columns in table.blocks([*layout.ids, *layout.features], n_rows):
        ids = _well_ids(columns[:n_ids])
        vectors, odd = _vectors(columns[n_ids:], layout.dimension, table.decimal)
        odd_lists += odd
        if ids.null_count:
            nameless += ids.null_count
            vectors = vectors[ids.is_valid().to_numpy(zero_copy_only=False)]
            ids = ids.drop_null()
        yield ids, vectors
    if nameless:
        table.notes.append(f"rows without a well id, which are left out: {nameless:,}")
    if odd_lists:
        what = f"lists of {layout.features[0]} that are not {layout.dimension} long"
        table.notes.append(f"{what}, which are no usable vectors: {odd_lists:,}")


def _dimension(table: Table, features: tuple[str, ...]) -> int:
    kinds = {column.name: column.kind for column in table.columns}
    if kinds[features[0]] != "list":
        return len(features)
    for (column,) in table.blocks(features, 1024):
        lengths = pc.list_value_length(column).drop_null().to_numpy()
        if lengths.any():
            return int(np.bincount(lengths[lengths > 0]).argmax())
    raise ValueError(f"the lists of {features[0]} are empty")


def _with_numbers(table: Table, names: list[str], tick: Callable[[], None]) -> set[str]:
    """Return those columns of text that are numbers, but for cells that say n/a or the like."""
    counts = np.zeros((len(names), 2), dtype=np.int64)
    if names:
        for columns in table.blocks(names, 65536):
            tick()
            counts += [_numbers_and_texts(column, table.decimal) for column in columns]
    return {
        n for n, (numbers, texts) in zip(names, counts, strict=True) if numbers >= max(texts, 1)
    }


def _numbers_and_texts(column: pa.Array, decimal: str) -> tuple[int, int]:
    texts = pd.Series(_text(column).drop_null().to_pandas(), dtype="str")
    distinct = pd.Series(texts.unique(), dtype="str")
    missing = distinct[[is_missing(text) for text in distinct]]
    present = texts[~texts.isin(missing)].str.replace(decimal, ".", regex=False)
    numbers = int(pd.to_numeric(present, errors="coerce").notna().sum())
    return numbers, len(present) - numbers


def _well_ids(columns: list[pa.Array]) -> pa.Array:
    if len(columns) == 1:
        return _text(columns[0])
    experiment, plate, address = columns
    number = pd.Series(_numbers(plate, "."))
    whole = number.where((number % 1 == 0) & (number >= 0)).astype("Int64")
    numbered = pa.array(whole).cast(pa.string())
    return pc.binary_join_element_wise(_text(experiment), numbered, _text(address), "_")


def _vectors(columns: list[pa.Array], dimension: int, decimal: str) -> tuple[Array, int]:
    if len(columns) == 1 and pa.types.is_nested(columns[0].type):
        return _unpacked(columns[0], dimension)
    block = np.empty((len(columns[0]), dimension), dtype=np.float32)
    with np.errstate(over="ignore"):  # too large for 32 bits is infinite, and so unusable
        for k, column in enumerate(columns):
            block[:, k] = _numbers(column, decimal)
    return block, 0


def _unpacked(lists: pa.Array, dimension: int) -> tuple[Array, int]:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    fits = lengths == dimension
    block = np.full((len(lists), dimension), np.nan, dtype=np.float32)
    with np.errstate(over="ignore"):
        flat = _numbers(lists.filter(pa.array(fits)).flatten(), ".").astype(np.float32)
    block[fits] = flat.reshape(-1, dimension)
    return block, int((~fits & (lengths > 0)).sum())


def _numbers(column: pa.Array, decimal: str) -> Array:
    """Return the numbers of a column, NaN where it holds none."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        number = column.cast(pa.float64(), safe=False)
        return np.asarray(number.to_numpy(zero_copy_only=False))
    text = column.cast(pa.string())
    if decimal != ".":
        text = pc.replace_substring(text, decimal, ".")
    try:
        return np.asarray(text.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:  # some cell is no number
        cells = pd.Series(text.to_pandas(), dtype="str")
        return np.asarray(pd.to_numeric(cells, errors="coerce").to_numpy(np.float64))


def _text(column: pa.Array) -> pa.Array:
    """Return the texts of a column without the blanks around them; null where nothing is left."""
    text = pc.ascii_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.equal(text, ""), None, text)

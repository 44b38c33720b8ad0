"""Vectors in one file: which of its columns they are, and their numbers, block by block."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.spelling import plate_in
from napari_rxrx3.data.files.arrays import numbers_in
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import As, Block, Table, TableError, Wanted, reason
from napari_rxrx3.data.files.tables import open_table, opened_table
from napari_rxrx3.data.wells.columns import describes_wells, found_features, id_columns, siblings
from napari_rxrx3.data.wells.readings import normal_ids

__all__ = [
    "EmbeddingFile",
    "NameWells",
    "VectorLayout",
    "found_layout",
    "own_layout",
    "vector_blocks",
]

Array = np.ndarray[Any, Any]

NameWells = Callable[[pa.Array, pa.Array], pa.Array]
"""Gives ids of wells by what a screen of one's own calls plates and wells."""

_CELLS_A_BLOCK = 2**22
_IDS = {
    1: (As.NAME,),
    2: (As.NAME, As.NAME),
    3: (As.NAME, As.NUMBER, As.NAME),
}
"""What names a well: its id; plate and well of a screen of one's own; or its whole place."""
_LARGEST_PLATE = 2**53


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
    def table(self, storage: Storage, copy: Path | None = None) -> Iterator[Table]:
        """Open it, or a copy of it on the disk, to be read in blocks; raises TableError."""
        if copy is not None:
            with copy.open("rb") as raw, opened_table(raw, self.name, _names_wells) as table:
                yield table
            return
        if not self.member:
            with open_table(storage, self.path, _names_wells) as table:
                yield table
            return
        try:
            content = storage.read(self.path, self.offset, self.offset + self.size)
        except OSError as error:
            raise TableError(self.name, reason(error)) from error
        with opened_table(io.BytesIO(content), self.name) as table:
            yield table


def _names_wells(names: Sequence[str]) -> bool:
    return bool(id_columns(names))


@dataclass(frozen=True)
class VectorLayout:
    """Which columns of a table name the well and which hold its vector.

    `features` is one column of lists, or one column a number.
    """

    ids: tuple[str, ...]
    features: tuple[str, ...]
    dimension: int
    left_out: tuple[str, ...] = ()


def found_layout(table: Table) -> VectorLayout:
    """Layout of a table that a folder holds; see `found_features`."""
    features = tuple(found_features(table.columns))
    if not features:
        raise TableError(table.name, "it has no well_id column with columns of numbers")
    unsure = sorted(set(features) & set(table.unsure()))
    if unsure:
        without = set(unsure) - _with_numbers(table, unsure, lambda: None)
        features = tuple(name for name in features if name not in without) or features
    ids = id_columns([column.name for column in table.columns])
    left_out = siblings(table.columns, features)
    return VectorLayout(ids, features, _dimension(table, features), left_out)


def own_layout(table: Table, path: str, tick: Callable[[], None]) -> VectorLayout:
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
        numbers = {c.name for c in candidates if c.kind in ("float", "integer", "text")}
        unsure = numbers & set(table.unsure())
        numbers -= unsure - _with_numbers(table, sorted(unsure), tick)
        features = tuple(c.name for c in candidates if c.name in numbers)
    if not features:
        raise MetadataError(f"{path} has no column of numbers beside those that describe wells.")
    used = {*ids, *features}  # a table may have tens of thousands of columns
    left_out = tuple(n for n in names if n not in used)
    return VectorLayout(ids, features, _dimension(table, features), left_out)


def vector_blocks(
    table: Table, layout: VectorLayout, name_wells: NameWells | None = None
) -> Iterator[tuple[pa.Array, Array]]:
    """Yield well ids and vectors, block by block: float32, or float64 where the file has more.

    Rows without an id are left out. A cell that is no number is NaN, and so is the whole vector
    where a list has another length. What was left out is in the table's `notes` at the end.
    """
    nameless = odd_lists = 0
    odd = _OddCells(table)
    ids = list(zip(layout.ids, _IDS[len(layout.ids)], strict=True))
    kind = As.LIST if _kind(table, layout.features[0]) == "list" else As.NUMBER
    wanted = [*ids, *((name, kind) for name in layout.features)]
    n_rows = int(np.clip(_CELLS_A_BLOCK // layout.dimension, 256, 65536))
    for block in table.blocks(wanted, n_rows):
        if len(ids) == 2 and name_wells is not None:
            well_ids = name_wells(block.columns[0], block.columns[1])
        else:
            well_ids = _well_ids(block, len(ids))
        if kind is As.LIST:
            vectors, n_odd = _unpacked(block.columns[-1], layout.dimension)
            odd_lists += n_odd
        else:
            vectors = _stacked(block.columns[len(ids) :])
            odd.note(block, wanted, len(ids))
        if well_ids.null_count:
            nameless += well_ids.null_count
            vectors = vectors[well_ids.is_valid().to_numpy(zero_copy_only=False)]
            well_ids = well_ids.drop_null()
        yield well_ids, vectors
    if nameless:
        table.notes.append(f"rows without a well id, which are left out: {nameless:,}")
    if odd_lists:
        what = f"lists of {layout.features[0]} that are not {layout.dimension} long"
        table.notes.append(f"{what}, which are no usable vectors: {odd_lists:,}")
    if odd.n:
        table.notes.append(f"cells that are no numbers: {odd.n:,}, the first is {odd.first}")


class _OddCells:
    """Counts the cells of features that are no numbers."""

    def __init__(self, table: Table) -> None:
        self._row_word = table.row_word
        self.n = 0
        self.first = ""

    def note(self, block: Block, wanted: Wanted, n_ids: int) -> None:
        for place, cells in block.odd.items():
            if place >= n_ids:
                self.n += len(cells)
                line, name = block.lines[cells[0].row], str(wanted[place][0])
                said = f"{cells[0].text[:40]!r} in {self._row_word} {line:,}, column {name[:40]}"
                self.first = self.first or said


def _kind(table: Table, name: str) -> str:
    return next(column.kind for column in table.columns if column.name == name)


def _dimension(table: Table, features: tuple[str, ...]) -> int:
    if _kind(table, features[0]) != "list":
        return len(features)
    for block in table.blocks([(features[0], As.LIST)], 1024):
        lengths = pc.list_value_length(block.columns[0]).drop_null().to_numpy()
        if lengths.any():
            return int(np.bincount(lengths[lengths > 0]).argmax())
    raise TableError(table.name, f"the lists of {features[0]} are empty")


def _with_numbers(table: Table, names: list[str], tick: Callable[[], None]) -> set[str]:
    """Return those columns that are numbers, but for cells that say n/a or the like."""
    counts = np.zeros((len(names), 2), dtype=np.int64)
    wanted = [(name, As.NUMBER) for name in names]
    for block in table.blocks(wanted, 65536) if names else ():
        tick()
        for i, column in enumerate(block.columns):
            counts[i] += (~np.isnan(column)).sum(), len(block.odd.get(i, ()))
    return {
        n for n, (numbers, texts) in zip(names, counts, strict=True) if numbers >= max(texts, 1)
    }


def _well_ids(block: Block, n_ids: int) -> pa.Array:
    """Ids in the one form that all wells are joined by."""
    if n_ids == 1:
        return normal_ids(block.columns[0])
    experiment, plate, address = block.columns[:n_ids]
    for row, text in block.odd.get(1, ()):
        if (number := plate_in(text)) is not None:
            plate[row] = number
    is_number = np.isfinite(plate) & (plate % 1 == 0) & (plate >= 0) & (plate < _LARGEST_PLATE)
    number = pa.array(np.where(is_number, plate, 0).astype(np.int64), mask=~is_number)
    ids = pc.binary_join_element_wise(experiment, number.cast(pa.string()), address, "_")
    return normal_ids(ids)


def _stacked(columns: list[Array]) -> Array:
    """Vectors in the precision of the columns."""
    block = np.empty((len(columns[0]), len(columns)), dtype=np.result_type(np.float32, *columns))
    for k, column in enumerate(columns):
        block[:, k] = column
    return block


def _unpacked(lists: pa.Array, dimension: int) -> tuple[Array, int]:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    fits = lengths == dimension
    flat = numbers_in(lists.filter(pa.array(fits)).flatten()).values
    block = np.full((len(lists), dimension), np.nan, dtype=np.result_type(np.float32, flat))
    block[fits] = flat.reshape(-1, dimension)
    return block, int((~fits & (lengths > 0)).sum())

"""A user's tables of what is known: pairs that belong together, and compounds with their genes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import As, Block, Table, TableError, misread, where
from napari_rxrx3.data.files.tables import open_table

__all__ = ["distinct_pairs", "kind_of_known", "read_interactions", "read_pairs"]

_Wanted = tuple[tuple[str, ...], As]
"""Names of a column, the usual one first, and what it is read as."""

_ENTITIES: tuple[_Wanted, _Wanted] = ((("entity1",), As.NAME), (("entity2",), As.NAME))
_TREATMENT: _Wanted = (("treatment", "compound"), As.NAME)
_GENE: _Wanted = (("gene_symbol", "gene"), As.NAME)
_ACTIVE: _Wanted = (("active",), As.TEXT)
_VALUE: _Wanted = (("nM_value",), As.NUMBER)
_TRUTH = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_ROWS_A_BLOCK = 65_536


def kind_of_known(path: str | os.PathLike[str]) -> str:
    """Whether a table is one of ``"pairs"`` or ``"interactions"``, by the names of its columns.

    Raises
    ------
    MetadataError
        If it cannot be read, or has the columns of neither.
    """
    with _opened(path) as table:
        if any(_place(table, names) is not None for names, _ in _ENTITIES):
            return "pairs"
        if any(_place(table, names) is not None for names, _ in (_TREATMENT, _GENE)):
            return "interactions"
        neither = "neither the columns entity1 and entity2 nor treatment and gene_symbol"
        raise MetadataError(f"{table.name} has {neither}.")


def read_pairs(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of pairs that are known to belong together.

    Parameters
    ----------
    path : path-like
        A table, or the URL of one: CSV in any form, packed or not, or parquet. Columns other
        than ``entity1`` and ``entity2`` are ignored.

    Returns
    -------
    pandas.DataFrame
        entity1, entity2: each pair once, whatever the order inside it; no pair of a name with
        itself.

    Raises
    ------
    MetadataError
        If there is no such table; the file and the cause are named.
    """
    with _opened(path) as table:
        rows = list(_rows(table, *_ENTITIES))
    return distinct_pairs((str(one), str(two)) for _, (one, two) in rows if one and two)


def distinct_pairs(pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Each pair once, whatever the order inside it, without pairs of a name with itself."""
    ordered = dict.fromkeys((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])
    return pd.DataFrame(list(ordered), columns=["entity1", "entity2"], dtype="str")


def read_interactions(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of compounds and the genes whose products they act on.

    Parameters
    ----------
    path : path-like
        A table, or the URL of one: CSV in any form, packed or not, or parquet. Columns:
        ``treatment`` (or ``compound``), ``gene_symbol`` (or ``gene``), and ``active`` (1, 0,
        true, false) or ``nM_value`` (an IC50 or EC50 in nM); ``active`` counts if both are there.
        Rows that lack a name or the value are left out.

    Returns
    -------
    pandas.DataFrame
        treatment, gene_symbol, and either active (bool) or nM_value (float64).

    Raises
    ------
    MetadataError
        If there is no such table, or a value cannot be read; the file and the cause are named.
    """
    with _opened(path) as table:
        is_stated = _place(table, _ACTIVE[0]) is not None
        rows = list(_rows(table, _TREATMENT, _GENE, _ACTIVE if is_stated else _VALUE))
    filled = [(place, cells) for place, cells in rows if "" not in cells]
    if not filled:
        raise MetadataError(f"{path} has no row with a compound, a gene and a value.")
    named = [cells[:2] for _, cells in filled]
    made = pd.DataFrame(named, columns=["treatment", "gene_symbol"]).astype("str")
    if is_stated:
        made["active"] = [_truth(place, str(cells[2])) for place, cells in filled]
    else:
        made["nM_value"] = [_concentration(place, cells[2]) for place, cells in filled]
    return made


def _truth(place: str, text: str) -> bool:
    if text.casefold() not in _TRUTH:
        raise MetadataError(f"{misread(place, 'active', text, 'neither 0 nor 1')}.")
    return _TRUTH[text.casefold()]


def _concentration(place: str, said: str | float) -> float:
    if isinstance(said, str) or not said >= 0:
        text = said if isinstance(said, str) else f"{said:g}"
        raise MetadataError(f"{misread(place, 'nM_value', text, 'not a number from 0 on')}.")
    return said


def _opened(path: str | os.PathLike[str]) -> AbstractContextManager[Table]:
    return open_table(*Storage.of(path), ragged=True)


def _place(table: Table, names: Sequence[str]) -> int | None:
    """Number of the column that has one of some names, in any case."""
    called = [column.name.casefold() for column in table.columns]
    return next((called.index(n.casefold()) for n in names if n.casefold() in called), None)


def _rows(table: Table, *columns: _Wanted) -> Iterator[tuple[str, list[str | float]]]:
    """Yield where each row is, and its cells: a number or what is said in its place, else ""."""
    wanted = []
    for names, kind in columns:
        place = _place(table, names)
        if place is None:
            shown = ", ".join(column.name for column in table.columns)[:80]
            raise MetadataError(
                f"{table.name} has no column {names[0]}; its first line is {shown!r}."
            )
        wanted.append((place, kind))
    has_rows = False
    for block in table.blocks(wanted, _ROWS_A_BLOCK):
        cells = [_cells(block, i) for i in range(len(wanted))]
        for line, row in zip(block.lines, zip(*cells, strict=True), strict=True):
            has_rows = True
            yield where(table, line), list(row)
    if table.notes:
        raise TableError(table.name, table.notes[0])
    if not has_rows:
        raise MetadataError(f"{table.name} has a first line with names of columns, but no rows.")


def _cells(block: Block, place: int) -> list[str | float]:
    column = block.columns[place]
    if not isinstance(column, np.ndarray):
        return ["" if text is None else text for text in column.to_pylist()]
    cells: list[str | float] = ["" if np.isnan(number) else number for number in column.tolist()]
    for row, text in block.odd.get(place, ()):
        cells[row] = text
    return cells

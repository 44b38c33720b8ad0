"""What a table is to those who read it: columns, blocks of rows, and one error."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.data.files.arrays import names_in, numbers_in, texts_in
from napari_rxrx3.data.files.cells import Marks

__all__ = [
    "As",
    "Block",
    "Column",
    "Odd",
    "Table",
    "TableError",
    "Wanted",
    "block_of",
    "in_words",
    "misread",
    "places_of",
    "reason",
    "where",
]

Array = np.ndarray[Any, Any]

_DAMAGE = (
    pa.ArrowException,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # a zip with a password
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged file raises."""


class TableError(MetadataError):
    """A table cannot be read; `why` says it without the file's name."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} cannot be read ({why}).")
        self.name, self.why = name, why

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.name, self.why)


class As(Enum):
    """What a column is asked for as, and what comes of it.

    NAME gives a string array whose words are names, whatever they are; TEXT one in which words
    such as NA are null; NUMBER gives float64 with NaN for what is missing or no number; LIST
    gives the column of a parquet file as it is.
    """

    NAME = "name"
    TEXT = "text"
    NUMBER = "number"
    LIST = "list"


class Column(NamedTuple):
    """A column; `kind` is float, integer, text, list (of numbers) or other."""

    name: str
    kind: str


class Odd(NamedTuple):
    """A cell that says something, but no number."""

    row: int
    text: str


class Block:
    """Some rows: the values of the columns that were asked for, in that order."""

    def __init__(
        self,
        columns: list[Any],
        odd: Mapping[int, list[Odd]],
        lines: Sequence[int] | Array,
        guessed: Mapping[int, Mapping[str, Array]] = MappingProxyType({}),
    ) -> None:
        self.columns = columns
        self.odd = odd
        self.guessed = guessed
        """Rows whose number is a guess, by column and by what the cells say."""
        self.lines = lines
        """The line of each row in the file; of parquet, its number from 1."""

    def __len__(self) -> int:
        return len(self.lines)


Wanted = Sequence[tuple[str | int, As]]


class Table(Protocol):
    """A table that is read in blocks of rows; `notes` say what of it was left out so far.

    Attributes
    ----------
    name : str
        How sentences call it.
    columns : list of Column
    row_word : str
        What the number of a row counts: "line" or "row".
    decimal : str
        The mark in its numbers that are not whole.
    marks : Marks
        That one, and the one between thousands, as far as they are known.
    guesses : list of str
        What was taken for something that it need not be.
    """

    name: str
    columns: list[Column]
    row_word: str
    decimal: str
    marks: Marks
    notes: list[str]
    guesses: list[str]

    def blocks(self, wanted: Wanted, n_rows: int) -> Iterator[Block]:
        """Yield columns, by name or number, for about so many rows at a time.

        Rows in which none of them says anything are left out.

        Raises
        ------
        TableError
        """

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line of each row and all of its cells, first what the columns are called.

        For texts whose first line may be a row like any other, and whose rows may have more cells
        than it has. There a tab separates cells wherever the first line holds one.

        Raises
        ------
        TableError
        """

    def unsure(self) -> list[str]:
        """Columns of text or numbers that may turn out to hold no number at all."""

    def done(self) -> tuple[int, int]:
        """How much has been read, and of how much."""


@contextmanager
def in_words(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise TableError(name, reason(error)) from error


def reason(error: BaseException) -> str:
    """Say an error in one line, for the end of a sentence."""
    if isinstance(error, TableError):
        return error.why
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200].rstrip(". ") or type(error).__name__


def where(table: Table, line: int) -> str:
    """The file and the line, for the start of a sentence."""
    return f"{table.name}, {table.row_word} {line:,}"


def misread(where: str, column: str, said: str, what: str) -> str:
    """Say what a cell says and what it is not, in a sentence without its end."""
    return f"{where}: {column[:40]} is {said[:40]!r}, {what}"


def places_of(columns: Sequence[Column], wanted: Wanted) -> list[int]:
    """Numbers of the columns that are wanted."""
    counts = Counter(column.name for column in columns)
    place = {column.name: i for i, column in enumerate(columns)}
    for name, _ in wanted:
        if isinstance(name, str) and counts[name] > 1:
            raise ValueError(f"it has two columns of the same name, {name[:40]!r}")
        if isinstance(name, str) and not counts[name]:
            raise ValueError(f"it has no column {name[:40]!r}")
    return [name if isinstance(name, int) else place[name] for name, _ in wanted]


def block_of(
    arrays: list[Any], wanted: Wanted, marks: Marks, lines: Sequence[int] | Array
) -> Block:
    """Make values of columns; drop the rows in which nothing is said."""
    columns: list[Any] = []
    odd: dict[int, list[Odd]] = {}
    guessed: dict[int, Mapping[str, Array]] = {}
    for i, (array, (_, kind)) in enumerate(zip(arrays, wanted, strict=True)):
        if kind is As.NUMBER:
            numbers = numbers_in(array, marks)
            columns.append(numbers.values)
            if len(numbers.odd):
                odd[i] = list(map(Odd, numbers.odd.tolist(), numbers.texts))
            if numbers.guessed:
                guessed[i] = numbers.guessed
        else:
            make = {As.NAME: names_in, As.TEXT: texts_in}.get(kind)
            columns.append(array if make is None else make(array))
    return _without_empty_rows(Block(columns, odd, lines, guessed))


def _without_empty_rows(block: Block) -> Block:
    is_empty = np.ones(len(block), dtype=bool)
    for i, column in enumerate(block.columns):
        if isinstance(column, np.ndarray):
            is_empty &= np.isnan(column)
            is_empty[[cell.row for cell in block.odd.get(i, ())]] = False
        else:
            is_empty &= column.is_null().to_numpy(zero_copy_only=False)
        if not is_empty.any():
            return block
    keep = ~is_empty
    mask, place = pa.array(keep), np.cumsum(keep) - 1
    columns = [c[keep] if isinstance(c, np.ndarray) else c.filter(mask) for c in block.columns]
    odd = {
        i: [Odd(int(place[cell.row]), cell.text) for cell in cells]
        for i, cells in block.odd.items()
    }
    guessed = {
        i: {cell: place[rows] for cell, rows in cells.items()} for i, cells in block.guessed.items()
    }
    return Block(columns, odd, np.asarray(block.lines)[keep], guessed)

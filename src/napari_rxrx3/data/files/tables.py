"""The one reader of tables: parquet, or text however it is written; packed or not; in blocks.

A reader of a format above says which columns it wants and as what (`As`); it gets their values,
the line of each row, and which cells could not be understood. How a table is written is decided
here, once for all:

encoding
    What a mark at the start says, or UTF-16 by its zeros, else UTF-8; bytes that cannot be UTF-8
    are read as cp1252.
lines
    End in LF, CRLF or CR. Rows without any cell are left out, also above the names of the columns.
separator
    What a first line ``sep=;`` says, else the most frequent of comma, semicolon, tab and ``|``
    outside of quotes in the line with the names; blanks where it has none of these. Cells in
    quotes may hold it, and line ends.
names
    Of the columns are in the first line, or in the first of some that says what columns are
    called: what stands above that is a title.
rows
    A row with more or fewer cells than there are names is left out and noted, unless it is asked
    for `ragged` rows: then cells are missing, or too many.
cells
    See `napari_rxrx3.data.files.cells` for one, `arrays` for a column of them: words for what is
    missing, and numbers. Where a table quotes its texts, as R does, NA without quotes is missing
    among names too.
packing
    gzip, or the first table in a zip that suits.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from napari_rxrx3.data.files.archives import is_companion, packing_of
from napari_rxrx3.data.files.arrays import may_be_text, names_in
from napari_rxrx3.data.files.cells import Marks
from napari_rxrx3.data.files.foreign import binary_form
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import (
    As,
    Block,
    Column,
    Table,
    Wanted,
    block_of,
    in_words,
    places_of,
)
from napari_rxrx3.data.files.text_form import TEXT_SAMPLE, text_form
from napari_rxrx3.data.files.text_table import TextTable

__all__ = [
    "RULE",
    "columns_without_numbers",
    "mended_text",
    "open_table",
    "opened_table",
    "schema_columns",
    "text_members",
]

_HEAD = 32
_ROWS_A_BLOCK = 65_536
RULE = 9
"""Goes up when the same file is read as something else than before: what is kept is made anew."""


@contextmanager
def open_table(
    storage: Storage,
    path: str,
    suits: Callable[[Sequence[str]], bool] | None = None,
    *,
    ragged: bool = False,
) -> Iterator[Table]:
    """Open a table in a file; see `opened_table`."""
    with ExitStack() as stack:
        with in_words(path):
            raw = stack.enter_context(storage.open(path))
        yield stack.enter_context(opened_table(raw, path, suits, ragged=ragged))


@contextmanager
def opened_table(
    raw: IO[bytes],
    name: str,
    suits: Callable[[Sequence[str]], bool] | None = None,
    *,
    ragged: bool = False,
) -> Iterator[Table]:
    """Open a table, told by its first bytes.

    Parameters
    ----------
    name : str
        How sentences call it.
    suits : callable, optional
        Tells by the names of its columns whether a table is the one to take of a zip.
    ragged : bool
        Take rows that are too short or too long: for lists that people type.

    Raises
    ------
    TableError
    """
    with ExitStack() as stack:
        with in_words(name):
            head = raw.read(_HEAD)
            raw.seek(0)
            table: Table
            if head[:4] == b"PAR1":
                table = _ParquetTable(name, stack.enter_context(pq.ParquetFile(raw)))
            else:
                file, others = _unpacked(raw, head, suits, stack)
                table = TextTable(name, file, raw, ragged=ragged)
                table.guesses += others
        yield table


def _unpacked(
    raw: IO[bytes],
    head: bytes,
    suits: Callable[[Sequence[str]], bool] | None,
    stack: ExitStack,
) -> tuple[IO[bytes], list[str]]:
    """The text itself, and which tables beside it are not read."""
    if form := binary_form(head):
        raise ValueError(f"it is {form}")
    if head.startswith(b"PK\x03\x04"):
        archive = stack.enter_context(zipfile.ZipFile(raw))
        chosen, others = _member(archive, suits)
        said = [f"of the tables in it, {chosen} is read and {name} is not" for name in others]
        return stack.enter_context(archive.open(chosen)), said
    if head.startswith(b"\x1f\x8b"):
        unpacked: Any = stack.enter_context(gzip.GzipFile(fileobj=raw))
        return unpacked, []
    if packing := packing_of(head):
        raise ValueError(f"it is packed with {packing}: unpack it first")
    return raw, []


def text_members(archive: zipfile.ZipFile) -> list[str]:
    """Names of the tables in a zip."""
    names = archive.namelist()
    tables = [name for name in names if name.lower().endswith((".csv", ".tsv"))]
    return [name for name in tables if not is_companion(name)]


def _member(
    archive: zipfile.ZipFile, suits: Callable[[Sequence[str]], bool] | None
) -> tuple[str, list[str]]:
    """The first table of a zip that suits, and others that would."""
    names = text_members(archive)
    if not names:
        all_names = archive.namelist()
        if "[Content_Types].xml" in all_names or "mimetype" in all_names:
            raise ValueError("it is an Excel or LibreOffice file: save it as CSV first")
        raise ValueError("it holds no CSV")
    found = []
    for name in names if suits is not None else ():
        with archive.open(name) as member:
            try:
                form = text_form(member.read(TEXT_SAMPLE))
            except ValueError:
                continue
        if suits is not None and suits(form.names):
            found.append(name)
    return (found or names)[0], found[1:]


class _ParquetTable:
    row_word = "row"
    decimal = "."
    marks = Marks()

    def __init__(self, name: str, file: pq.ParquetFile) -> None:
        self.name = name
        self._file = file
        self._rows_read = 0
        schema = file.schema_arrow  # made anew each time it is asked for
        self._names: list[str] = schema.names
        self.columns = schema_columns(schema)
        self.notes: list[str] = []
        self.guesses: list[str] = []

    def blocks(self, wanted: Wanted, n_rows: int) -> Iterator[Block]:
        self._rows_read = 0
        with in_words(self.name):
            places = places_of(self.columns, wanted)
            names = [self._names[place] for place in places]
            for batch in self._file.iter_batches(n_rows, columns=names):
                first = self._rows_read + 1
                self._rows_read += batch.num_rows
                read = dict(zip(batch.schema.names, batch.columns, strict=True))
                arrays = [mended_text(read[name]) for name in names]
                self._note_no_texts(names, arrays, wanted)
                yield block_of(arrays, wanted, Marks(), range(first, self._rows_read + 1))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        yield 0, list(self._names)
        wanted = [(place, As.NAME) for place in range(len(self._names))]
        for block in self.blocks(wanted, _ROWS_A_BLOCK):
            columns = [column.to_pylist() for column in block.columns]
            for line, cells in zip(block.lines, zip(*columns, strict=True), strict=True):
                yield int(line), ["" if cell is None else cell for cell in cells]

    def _note_no_texts(
        self, names: Sequence[str], arrays: Sequence[pa.Array], wanted: Wanted
    ) -> None:
        """Say of columns of lists and the like that they are no names."""
        for name, array, (_, kind) in zip(names, arrays, wanted, strict=True):
            if kind not in (As.NAME, As.TEXT) or may_be_text(array.type):
                continue
            said = f"the column {name[:40]!r} is of {str(array.type)[:40]}, and is not read"
            is_lost = names_in(array).null_count > array.null_count
            self.guesses += [said] if is_lost and said not in self.guesses else []

    def unsure(self) -> list[str]:
        with in_words(self.name):
            texts = [column.name for column in self.columns if column.kind == "text"]
            return texts + columns_without_numbers(self._file.metadata, self.columns)

    def done(self) -> tuple[int, int]:
        return self._rows_read, self._file.metadata.num_rows


def columns_without_numbers(about: pq.FileMetaData, columns: Sequence[Column]) -> list[str]:
    """Columns of numbers of a parquet file in which there is none, as far as its footer tells."""
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    place = {about.schema.column(i).path.strip(): i for i in range(about.num_columns)}

    def has_number(name: str) -> bool:
        cells = (group.column(place[name]).statistics for group in groups)
        return any(known is not None and known.has_min_max for known in cells)

    numbers = [column.name for column in columns if column.kind in ("float", "integer")]
    return [name for name in numbers if name in place and not has_number(name)]


def schema_columns(schema: pa.Schema) -> list[Column]:
    return [Column(field.name.strip(), _kind_of_type(field.type)) for field in schema]


def _kind_of_type(kind: pa.DataType) -> str:
    types = pa.types
    if types.is_dictionary(kind):
        return _kind_of_type(kind.value_type)
    if types.is_floating(kind) or types.is_decimal(kind):
        return "float"
    if types.is_integer(kind):
        return "integer"
    if _is_text(kind):
        return "text"
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if is_list and _kind_of_type(kind.value_type) in ("float", "integer"):
        return "list"
    return "other"


def mended_text(column: pa.Array) -> pa.Array:
    """Replace what is not UTF-8 in a column of text by U+FFFD; other columns are left alone.

    Arrow takes the bytes as they are, and whoever makes text of them later meets the error.
    """
    if not _is_text(column.type):
        return column
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        cells = column.cast(pa.large_string()).cast(pa.large_binary()).to_pylist()
        texts = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
        return pa.array(texts, column.type)
    return column


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)

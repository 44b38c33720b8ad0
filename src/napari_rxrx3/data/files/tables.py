"""The one reader of tables: parquet, or text however it is written; packed or not; in blocks.

A reader of a format above says which columns it wants and as what (`As`); it gets their values,
the line of each row, and which cells could not be understood. How a table is written is decided
here, once for all:

encoding
    What a mark at the start says, else UTF-8; bytes that are not UTF-8 are read as cp1252.
lines
    End in LF, CRLF or CR. Rows without any cell are left out, also above the names of the columns.
separator
    What a first line ``sep=;`` says, else the most frequent of comma, semicolon and tab outside
    of quotes in the line with the names. Cells in quotes may hold it, and line ends.
rows
    A row with more or fewer cells than there are names is left out and noted, unless it is asked
    for `ragged` rows: then cells are missing, or too many.
cells
    See `napari_rxrx3.data.files.cells`: words for what is missing, and numbers. Where a table
    quotes its texts, as R does, NA without quotes is missing among names too.
packing
    gzip, or the first table in a zip that suits.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from itertools import chain, islice
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.data.files.arrays import Numbers, is_plain, names_in, numbers_in, texts_in
from napari_rxrx3.data.files.cells import (
    MISSING_AS_WRITTEN,
    Marks,
    as_number,
    is_missing,
    marks_of,
)
from napari_rxrx3.data.files.storage import Storage

__all__ = [
    "READ_ERRORS",
    "TEXT_SAMPLE",
    "As",
    "Block",
    "Column",
    "Table",
    "TableError",
    "TextForm",
    "Wanted",
    "mended_text",
    "open_table",
    "opened_table",
    "reason",
    "schema_columns",
    "text_form",
    "text_members",
]

Array = np.ndarray[Any, Any]

READ_ERRORS = (
    pa.ArrowException,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # a zip with a password
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged file raises."""

TEXT_SAMPLE = 2**20
"""Bytes of a table of text that are enough to tell how it is written."""

_CHUNK = 2**22
_LONGEST_LINE = 2**26
_NOTED = 20
_MOST_OPEN_QUOTES = 1000


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
        self, columns: list[Any], odd: Mapping[int, list[Odd]], lines: Sequence[int] | Array
    ) -> None:
        self.columns = columns
        self.odd = odd
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
    """

    name: str
    columns: list[Column]
    row_word: str
    notes: list[str]

    def blocks(self, wanted: Wanted, n_rows: int) -> Iterator[Block]:
        """Yield columns, by name or number, for about so many rows at a time.

        Rows in which none of them says anything are left out.

        Raises
        ------
        TableError
        """

    def done(self) -> tuple[int, int]:
        """How much has been read, and of how much."""


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
        with _in_words(path):
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
        with _in_words(name):
            head = raw.read(8)
            raw.seek(0)
            table: Table
            if head[:4] == b"PAR1":
                table = _ParquetTable(name, stack.enter_context(pq.ParquetFile(raw)))
            else:
                file = _unpacked(raw, head, suits, stack)
                table = _TextTable(name, file, raw, ragged=ragged)
        yield table


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    try:
        yield
    except READ_ERRORS as error:
        raise TableError(name, reason(error)) from error


def reason(error: BaseException) -> str:
    """Say an error in one line, for the end of a sentence."""
    if isinstance(error, TableError):
        return error.why
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200].rstrip(". ") or type(error).__name__


def _unpacked(
    raw: IO[bytes],
    head: bytes,
    suits: Callable[[Sequence[str]], bool] | None,
    stack: ExitStack,
) -> IO[bytes]:
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValueError("it is an Excel file: save it as CSV first")
    if head.startswith(b"PK\x03\x04"):
        archive = stack.enter_context(zipfile.ZipFile(raw))
        return stack.enter_context(archive.open(_member(archive, suits)))
    if head.startswith(b"\x1f\x8b"):
        unpacked: Any = stack.enter_context(gzip.GzipFile(fileobj=raw))
        return unpacked  # type: ignore[no-any-return]
    return raw


def text_members(archive: zipfile.ZipFile) -> list[str]:
    """Names of the tables in a zip."""
    names = archive.namelist()
    tables = [name for name in names if name.lower().endswith((".csv", ".tsv"))]
    return [name for name in tables if not name.startswith("__MACOSX")]


def _member(archive: zipfile.ZipFile, suits: Callable[[Sequence[str]], bool] | None) -> str:
    names = text_members(archive)
    if not names:
        all_names = archive.namelist()
        if "[Content_Types].xml" in all_names or "mimetype" in all_names:
            raise ValueError("it is an Excel or LibreOffice file: save it as CSV first")
        raise ValueError("it holds no CSV")
    for name in names if suits is not None else ():
        with archive.open(name) as member:
            try:
                form = text_form(member.read(TEXT_SAMPLE))
            except ValueError:
                continue
        if suits is not None and suits(form.names):
            return name
    return names[0]


# --- what was asked for ---------------------------------------------------------------------------


def _places(columns: Sequence[Column], wanted: Wanted) -> list[int]:
    """Numbers of the columns that are wanted."""
    counts = Counter(column.name for column in columns)
    place = {column.name: i for i, column in enumerate(columns)}
    for name, _ in wanted:
        if isinstance(name, str) and counts[name] > 1:
            raise ValueError(f"it has two columns of the same name, {name[:40]!r}")
        if isinstance(name, str) and not counts[name]:
            raise ValueError(f"it has no column {name[:40]!r}")
    return [name if isinstance(name, int) else place[name] for name, _ in wanted]


def _block(arrays: list[Any], wanted: Wanted, marks: Marks, lines: Sequence[int] | Array) -> Block:
    """Make values of columns; drop the rows in which nothing is said."""
    columns: list[Any] = []
    odd: dict[int, list[Odd]] = {}
    for i, (array, (_, kind)) in enumerate(zip(arrays, wanted, strict=True)):
        if kind is As.NUMBER:
            numbers = array if isinstance(array, Numbers) else numbers_in(array, marks)
            columns.append(numbers.values)
            if len(numbers.odd):
                odd[i] = list(map(Odd, numbers.odd.tolist(), numbers.texts))
        else:
            make = {As.NAME: names_in, As.TEXT: texts_in}.get(kind)
            columns.append(array if make is None else make(array))
    return _without_empty_rows(Block(columns, odd, lines))


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
    return Block(columns, odd, np.asarray(block.lines)[keep])


# --- parquet --------------------------------------------------------------------------------------


class _ParquetTable:
    row_word = "row"

    def __init__(self, name: str, file: pq.ParquetFile) -> None:
        self.name = name
        self._file = file
        self._rows_read = 0
        self.columns = schema_columns(file.schema_arrow)
        self.notes: list[str] = []

    def blocks(self, wanted: Wanted, n_rows: int) -> Iterator[Block]:
        self._rows_read = 0
        with _in_words(self.name):
            places = _places(self.columns, wanted)
            names = [self._file.schema_arrow.names[place] for place in places]
            for batch in self._file.iter_batches(n_rows, columns=names):
                first = self._rows_read + 1
                self._rows_read += batch.num_rows
                arrays = [mended_text(batch.column(name)) for name in names]
                yield _block(arrays, wanted, Marks(), range(first, self._rows_read + 1))

    def done(self) -> tuple[int, int]:
        return self._rows_read, self._file.metadata.num_rows


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


# --- how a text is written ------------------------------------------------------------------------

_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # begins like the next
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r"\s*sep=([,;\t|:^~])\s*\Z", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_NO_CELL = re.compile(r'[\s,;"]*\Z')
_INTEGER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_HEAD, _MOST_CONTROLS = 4096, 0.02
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE_ROWS = 50
_END_OF_LINES = "\0\0"
_OPEN = "a quote is opened that nothing closes"
_LONG = f"a cell is longer than {csv.field_size_limit():,} characters, as if its quote had no end"
_NOT_UTF_8 = "napari_rxrx3.cp1252"


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_NOT_UTF_8, _as_cp1252)


@dataclass(frozen=True)
class TextForm:
    """How a table of text is written, as its first bytes tell.

    Attributes
    ----------
    n_above : int
        Lines above the first row, those of the names included.
    quotes_texts : bool
        All names are in quotes: texts are, and what is not may be missing.
    """

    encoding: str
    separator: str
    names: tuple[str, ...]
    n_above: int
    quotes_texts: bool
    _lines: list[str] = field(repr=False, compare=False)

    @cached_property
    def marks(self) -> Marks:
        """The marks in numbers, as the first rows show them."""
        return marks_of((cell for cells in self._cells for cell in cells), self.separator)

    @cached_property
    def columns(self) -> list[Column]:
        """Names and kinds, as the first rows show them."""
        return list(map(Column, self.names, map(self._kind, self._cells)))

    @cached_property
    def _cells(self) -> list[list[str]]:
        """Some cells of each column."""
        records = (row for _, row in _records(self._lines, self.separator))
        filled = (row for row in records if isinstance(row, list) and any(row))
        rows = list(islice(filled, _SAMPLE_ROWS))
        return [[row[i].strip() for row in rows if i < len(row)] for i in range(len(self.names))]

    def _kind(self, cells: Sequence[str]) -> str:
        present = [cell for cell in cells if not is_missing(cell)]
        numbers = [cell for cell in present if as_number(cell, self.marks) is not None]
        if 2 * len(numbers) < len(present) or not numbers:
            return "text"
        return "integer" if all(_INTEGER.match(cell) for cell in numbers) else "float"


def text_form(sample: bytes) -> TextForm:
    """Tell how a text is written from its first bytes, `TEXT_SAMPLE` of them, fewer, or all.

    Raises
    ------
    ValueError
        If it is no text, or is empty.
    """
    encoding = _encoding(sample)
    if encoding == "utf-8" and _is_binary(sample):
        raise ValueError("it is neither parquet nor text")
    lines = _lines_of(_decoder(encoding).decode(sample).removeprefix("\ufeff"))
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    said = _SEPARATOR_LINE.match(lines[first])
    n_above = first + 1 if said else 0
    separator = said[1] if said else _separator(lines)
    for begin, row in _records(lines[n_above:], separator):
        if isinstance(row, str):
            raise ValueError(f"line {n_above + begin + 1}: {row}")
        if any(map(str.strip, row)):
            end = n_above + begin + _n_lines(row)
            above, below = lines[n_above + begin : end], lines[end:]
            return TextForm(
                encoding,
                separator,
                tuple(map(str.strip, row)),
                end,
                _is_quoted(above[0], separator),
                # the last line may be cut off
                below[:-1] if len(sample) >= TEXT_SAMPLE else below,
            )
    raise ValueError("it is empty")


def _encoding(sample: bytes) -> str:
    for mark, encoding in _BOMS.items():
        if sample.startswith(mark):
            return encoding
    first, second = sample[:64:2], sample[1:64:2]
    if len(sample) > 3 and (any(first), any(second)) in ((True, False), (False, True)):
        return "utf-16-le" if any(first) else "utf-16-be"
    return "utf-8"


def _is_binary(sample: bytes) -> bool:
    head = sample[:_HEAD]
    many = len(_CONTROLS.findall(head)) > max(1, _MOST_CONTROLS * len(head))
    return many or b"\0" in re.split(rb"[\r\n]", head.lstrip(), maxsplit=1)[0]


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    errors = _NOT_UTF_8 if encoding == "utf-8" else "replace"
    return codecs.getincrementaldecoder(encoding)(errors)


def _lines_of(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _separator(lines: Iterable[str]) -> str:
    line = next((line for line in lines if not _NO_CELL.match(line)), "")
    return max(_SEPARATORS, key=_QUOTED.sub("", line).count)


def _is_quoted(line: str, separator: str) -> bool:
    """Whether all cells of a line are in quotes, without blanks around them."""
    return '"' in line and not _QUOTED.sub("", line).replace(separator, "")


def _n_lines(row: Iterable[str]) -> int:
    return 1 + sum(cell.count("\n") for cell in row)


def _records(lines: Sequence[str], separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the cells of each row and, from 0, the line where it begins; or what is wrong there.

    Raises
    ------
    ValueError
        If too much is wrong.
    """
    begin = n_wrong = 0
    while begin < len(lines):
        start = begin
        ended = (f"{line}\n" for line in islice(lines, start, None))
        reader = csv.reader(
            chain(ended, [_END_OF_LINES]), delimiter=separator, skipinitialspace=True
        )
        wrong = ""
        try:
            for row in reader:
                if start + reader.line_num > len(lines):
                    wrong = "" if row == [_END_OF_LINES] else _OPEN
                    break
                yield begin, row
                begin = start + reader.line_num
        except csv.Error:
            wrong = _LONG
        if not wrong:
            return
        yield begin, wrong
        begin, n_wrong = begin + 1, n_wrong + 1
        if n_wrong > _MOST_OPEN_QUOTES:
            raise ValueError(f"more than {_MOST_OPEN_QUOTES:,} quotes have no end")


# --- text -----------------------------------------------------------------------------------------


class _TextTable:
    row_word = "line"

    def __init__(self, name: str, file: IO[bytes], raw: IO[bytes], *, ragged: bool) -> None:
        self.name = name
        self._file, self._raw, self._ragged = file, raw, ragged
        self._form = _form_of(file)
        self._size = _size(raw)
        self._untidy: set[int] = set()
        self.columns = self._form.columns
        self.notes: list[str] = []

    def blocks(self, wanted: Wanted, n_rows: int) -> Iterator[Block]:
        bad_rows = _BadRows(self.columns)
        with _in_words(self.name):
            places = _places(self.columns, wanted)
            kinds = {place: kind for place, (_, kind) in zip(places, wanted, strict=True)}
            try:
                for arrays, lines in self._rows(kinds, n_rows, bad_rows):
                    chosen = [arrays[place] for place in places]
                    yield _block(chosen, wanted, self._form.marks, lines)
            finally:
                self.notes = bad_rows.in_words()

    def done(self) -> tuple[int, int]:
        return min(self._raw.tell(), self._size), self._size

    def _rows(
        self, kinds: Mapping[int, As], n_rows: int, bad_rows: _BadRows
    ) -> Iterator[tuple[dict[int, pa.Array], Sequence[int] | Array]]:
        """Yield some columns of text or numbers, and the lines where their rows begin."""
        line, left = 1, ""
        for text, is_last in _whole_lines(self._file, self._form):
            first = line - left.count("\n")
            line += text.count(b"\n")
            if left:
                text, left = left.encode() + text, ""
            read = None if self._ragged else self._by_arrow(text, first, line - first, kinds)
            if read is not None:
                arrays, lines = read
                for start in range(0, len(lines), n_rows):
                    part = {place: a.slice(start, n_rows) for place, a in arrays.items()}
                    yield part, lines[start : start + n_rows]
                continue
            slow = _ByLine(text.decode(), first, self._form, self._ragged, bad_rows)
            for rows, lines in slow.parts(min(n_rows, _ROWS_BY_LINE), is_last):
                yield {place: _texts_at(rows, place) for place in kinds}, lines
            left = slow.left

    def _by_arrow(
        self, text: bytes, first: int, n_lines: int, kinds: Mapping[int, As]
    ) -> tuple[dict[int, pa.Array], Sequence[int] | Array] | None:
        """Read lines as fast as it goes; None if they are not all sound."""
        if not text:
            return {}, ()
        if _is_quoted_oddly(text, self._form.separator):
            return None
        numbers = {place for place, kind in kinds.items() if kind is As.NUMBER} - self._untidy
        arrays = self._parsed(text, kinds, numbers)
        if arrays is None and numbers:
            arrays = self._parsed(text, kinds, set())
            if arrays is not None:
                self._untidy |= {place for place in numbers if not is_plain(arrays[place])}
        if arrays is None:
            return None
        n_rows = len(next(iter(arrays.values())))
        lines = _lines_with_rows(text, first, n_lines, n_rows)
        return (arrays, lines) if len(lines) == n_rows else None

    def _parsed(
        self, text: bytes, kinds: Iterable[int], numbers: Collection[int]
    ) -> dict[int, pa.Array] | None:
        # Columns go by number: no name is too odd to be read.
        types = {str(place): pa.float64() if place in numbers else pa.string() for place in kinds}
        quotes_texts = self._form.quotes_texts
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(text),
                read_options=pa_csv.ReadOptions(
                    column_names=list(map(str, range(len(self.columns)))),
                    block_size=len(text) + 1,
                    use_threads=False,
                ),
                parse_options=pa_csv.ParseOptions(delimiter=self._form.separator),
                convert_options=pa_csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=MISSING_AS_WRITTEN,
                    strings_can_be_null=quotes_texts,
                    quoted_strings_can_be_null=not quotes_texts,
                    decimal_point=self._form.marks.decimal,
                ),
            )
        except pa.ArrowInvalid:
            return None
        return {place: table.column(str(place)).combine_chunks() for place in kinds}


_ROWS_BY_LINE = 4096


class _BadRows:
    """Rows that are left out; the first are named, all are counted."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._n_columns = len(columns)
        self._named: list[str] = []
        self._n = 0

    def add(self, line: int, row: list[str] | str) -> None:
        self._n += 1
        if self._n <= _NOTED:
            says = f": {row}" if isinstance(row, str) else f" has {len(row)} columns"
            not_these = "" if isinstance(row, str) else f", not {self._n_columns}"
            self._named.append(f"line {line:,}{says}{not_these}")

    def in_words(self) -> list[str]:
        more = self._n - len(self._named)
        return [*self._named, *([f"{more:,} more rows are like that"] if more else [])]


class _ByLine:
    """Reads lines one by one, whatever is in them; what goes on in the next ones is `left`."""

    def __init__(
        self, text: str, first: int, form: TextForm, ragged: bool, bad_rows: _BadRows
    ) -> None:
        self._lines = text.removesuffix("\n").split("\n")
        self._first, self._form, self._ragged, self._bad = first, form, ragged, bad_rows
        if form.quotes_texts:
            said = "\n".join(self._lines)
            self._read = _without_missing(said, form.separator).split("\n")
        else:
            self._read = self._lines
        self.left = ""

    def parts(self, n_rows: int, is_last: bool) -> Iterator[tuple[list[list[str]], list[int]]]:
        rows: list[list[str]] = []
        lines: list[int] = []
        for begin, row in _records(self._read, self._form.separator):
            if row == _OPEN and not is_last:
                self.left = "\n".join([*self._lines[begin:], ""])
                break
            if isinstance(row, list) and not any(map(str.strip, row)):
                continue
            if isinstance(row, str) or not self._fits(row):
                self._bad.add(self._first + begin, row)
                continue
            rows.append(row)
            lines.append(self._first + begin)
            if len(rows) == n_rows:
                yield rows, lines
                rows, lines = [], []
        if rows:
            yield rows, lines

    def _fits(self, row: Sequence[str]) -> bool:
        n_columns = len(self._form.names)
        return self._ragged or (len(row) >= n_columns and not any(row[n_columns:]))


def _without_missing(text: str, separator: str) -> str:
    """Take out what says outside of quotes that there is nothing."""
    words = "|".join(map(re.escape, filter(None, MISSING_AS_WRITTEN)))
    ends = re.escape(separator)
    pattern = rf'"(?:[^"]|"")*"|(?<![^{ends}\n])(?:{words})(?![^{ends}\n])'
    return re.sub(pattern, lambda found: found[0] if found[0][0] == '"' else "", text)


def _texts_at(rows: Sequence[Sequence[str]], place: int) -> pa.Array:
    return pa.array([row[place] if place < len(row) else None for row in rows], pa.string())


def _is_quoted_oddly(text: bytes, separator: str) -> bool:
    """Whether a cell holds a line end or a stray quote, or blanks stand before a quote."""
    if b'"' not in text:
        return False
    data = np.frombuffer(text, np.uint8)
    quotes, ends = np.flatnonzero(data == ord('"')), np.flatnonzero(data == ord("\n"))
    is_open = np.searchsorted(quotes, ends) % 2
    before = rf'(?:^|[{re.escape(separator)}\n]) +"'
    return bool(is_open.any()) or re.search(before.encode(), text) is not None


def _lines_with_rows(text: bytes, first: int, n_lines: int, n_rows: int) -> Sequence[int] | Array:
    """Numbers of the lines that are not empty."""
    if n_lines == n_rows:
        return range(first, first + n_lines)
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    return first + np.flatnonzero(np.diff(ends, prepend=-1) > 1)


def _form_of(file: IO[bytes]) -> TextForm:
    sample = file.read(TEXT_SAMPLE)
    while not (b"\n" in sample or b"\r" in sample) and (more := file.read(len(sample))):
        sample += more
        if len(sample) > _LONGEST_LINE:
            raise ValueError(f"its first line is longer than {_LONGEST_LINE // 2**20} MB")
    return text_form(sample)


def _whole_lines(file: IO[bytes], form: TextForm) -> Iterator[tuple[bytes, bool]]:
    """Yield many lines at a time, and whether they are the last; those above all rows are empty."""
    n_above, rest = form.n_above, b""
    for text, is_last in _as_utf_8(file, form.encoding):
        end = text.rfind(b"\n") + 1
        if not end and len(rest) > _LONGEST_LINE:
            raise ValueError(f"a line is longer than {_LONGEST_LINE // 2**20} MB")
        last = b"\n" if is_last and (rest or text) and end < max(len(text), 1) else b""
        if last:
            end = len(text)
        if end or last:
            text, rest = b"".join((rest, memoryview(text)[:end], last)), text[end:]
        else:
            text, rest = b"", rest + text
        if n_above and text:
            emptied = min(n_above, text.count(b"\n"))
            text = b"\n" * emptied + text.split(b"\n", emptied)[-1]
            n_above -= emptied
        if text or is_last:
            yield text, is_last


def _as_utf_8(file: IO[bytes], encoding: str) -> Iterator[tuple[bytes, bool]]:
    """Yield a text in UTF-8 with LF ends and without a mark at its start, cut anywhere."""
    file.seek(0)
    decoder = _decoder(encoding)
    mark, held = codecs.BOM_UTF8, b""
    while True:
        chunk = file.read(_CHUNK)
        is_plain = encoding == "utf-8" and chunk.isascii() and not decoder.getstate()[0]
        text = chunk if is_plain else decoder.decode(chunk, final=not chunk).encode()
        text, mark = text.removeprefix(mark), b"" if text else mark
        text, held = held + text, b""
        if text.endswith(b"\r") and chunk:  # one half of a line end, or a whole one
            text, held = text[:-1], b"\r"
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield text, not chunk
        if not chunk:
            return


def _size(file: IO[bytes]) -> int:
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    return size

"""Tables in files: parquet or CSV, packed or not, read in blocks and never as a whole."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from napari_rxrx3.data.wells.columns import (
    CSV_SAMPLE,
    Column,
    id_columns,
    read_csv_head,
    schema_columns,
)

__all__ = [
    "READ_ERRORS",
    "Table",
    "csv_members",
    "mended_batch",
    "mended_text",
    "opened_table",
    "reason",
]

READ_ERRORS = (
    pa.ArrowException,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # a zip with a password
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged table raises."""

_CSV_BLOCK = 2**23
_NOTED_LINES = 20


class Table(Protocol):
    """A table that is read in blocks of rows; `notes` grows while it is read."""

    columns: list[Column]
    decimal: str
    notes: list[str]

    def blocks(self, names: Sequence[str], n_rows: int) -> Iterator[list[pa.Array]]:
        """Yield the columns of these names for about so many rows at a time."""

    def done(self) -> tuple[int, int]:
        """How much has been read, and of how much."""


class _ParquetTable:
    decimal = "."

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self._names = {name.strip(): name for name in file.schema_arrow.names}
        self._rows_read = 0
        self.columns = schema_columns(file.schema_arrow)
        self.notes: list[str] = []

    def blocks(self, names: Sequence[str], n_rows: int) -> Iterator[list[pa.Array]]:
        self._rows_read = 0
        wanted = [self._names[name] for name in names]
        for batch in self._file.iter_batches(n_rows, columns=wanted):
            self._rows_read += batch.num_rows
            yield [mended_text(batch.column(name)) for name in wanted]

    def done(self) -> tuple[int, int]:
        return self._rows_read, self._file.metadata.num_rows


class _CsvTable:
    def __init__(self, file: IO[bytes], raw: IO[bytes]) -> None:
        self._file, self._raw = file, raw
        start = file.read(CSV_SAMPLE)
        self._head = read_csv_head(start)
        if not start:
            raise ValueError("it is empty")
        if self._head.encoding != "utf-16" and b"\x00" in start:
            raise ValueError("it is neither parquet nor text")
        self._size = _size(raw)
        self.columns = self._head.columns
        self.decimal = self._head.decimal
        self.notes: list[str] = []

    def blocks(self, names: Sequence[str], n_rows: int) -> Iterator[list[pa.Array]]:
        bad_lines: list[str] = []

        def skip(row: Any) -> str:
            bad_lines.append(
                f"row {row.number} has {row.actual_columns} columns, not {row.expected_columns}"
            )
            return "skip"

        self._file.seek(0)
        try:
            with self._reader(names, skip) as reader:
                for batch in reader:
                    for start in range(0, batch.num_rows, n_rows):
                        yield batch.slice(start, n_rows).columns
        finally:
            self.notes = bad_lines[:_NOTED_LINES]
            if len(bad_lines) > _NOTED_LINES:
                self.notes.append(f"{len(bad_lines) - _NOTED_LINES:,} more rows are like that")

    def _reader(self, names: Sequence[str], skip: Any) -> pa_csv.CSVStreamingReader:
        # Columns go by number: no name is too odd to be read.
        number = {column.name: str(i) for i, column in enumerate(self.columns)}
        wanted = [number[name] for name in names]
        return pa_csv.open_csv(
            pa.PythonFile(_AsUtf8(self._file, self._head.encoding), "r"),
            read_options=pa_csv.ReadOptions(
                column_names=list(number.values()),
                skip_rows=1,
                block_size=_CSV_BLOCK,
                use_threads=False,  # else broken rows are not numbered
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self._head.separator, invalid_row_handler=skip
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )

    def done(self) -> tuple[int, int]:
        return min(self._raw.tell(), self._size), self._size


class _AsUtf8(io.RawIOBase):
    """Text of a file as UTF-8, whatever its bytes: pyarrow stumbles over the smallest fault."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._pass_on = encoding != "utf-16"

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while chunk := self._file.read(size):
            whole = self._pass_on and chunk.isascii() and not self._decoder.getstate()[0]
            text = chunk if whole else self._decoder.decode(chunk).encode()
            if text:
                return text
        return self._decoder.decode(b"", final=True).encode()


@contextmanager
def opened_table(raw: IO[bytes]) -> Iterator[Table]:
    """Read a parquet table, or a CSV that may be in a zip or gzip, told by its first bytes.

    Raises
    ------
    One of `READ_ERRORS`.
    """
    with ExitStack() as stack:
        head = raw.read(4)
        raw.seek(0)
        table: Table
        if head == b"PAR1":
            table = _ParquetTable(stack.enter_context(pq.ParquetFile(raw)))
        elif head == b"PK\x03\x04":
            archive = stack.enter_context(zipfile.ZipFile(raw))
            table = _CsvTable(stack.enter_context(archive.open(_member_with_wells(archive))), raw)
        elif head[:2] == b"\x1f\x8b":
            unpacked: Any = stack.enter_context(gzip.GzipFile(fileobj=raw))
            table = _CsvTable(unpacked, raw)
        else:
            table = _CsvTable(raw, raw)
        names = [column.name for column in table.columns]
        if len(set(names)) < len(names):
            raise ValueError("it has two columns of the same name")
        yield table


def csv_members(archive: zipfile.ZipFile) -> list[str]:
    """Names of the tables in a zip."""
    names = archive.namelist()
    tables = [name for name in names if name.lower().endswith((".csv", ".tsv"))]
    return [name for name in tables if not name.startswith("__MACOSX")]


def _member_with_wells(archive: zipfile.ZipFile) -> str:
    names = csv_members(archive)
    for name in names:
        with archive.open(name) as member:
            columns = read_csv_head(member.read(CSV_SAMPLE)).columns
        if id_columns(column.name for column in columns):
            return name
    raise ValueError("the zip holds no CSV of wells")


def reason(error: BaseException) -> str:
    """Say an error in one line, for the end of a sentence."""
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200].rstrip(". ") or type(error).__name__


def _size(file: IO[bytes]) -> int:
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    return size


def mended_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Mend all columns of text; see `mended_text`."""
    columns = [mended_text(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


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

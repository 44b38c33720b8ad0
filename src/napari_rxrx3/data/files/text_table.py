"""Tables of text, read many lines at a time: as fast as it goes, or line by line where need be."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from napari_rxrx3.data.files.arrays import is_plain, names_in
from napari_rxrx3.data.files.cells import MISSING_AS_WRITTEN
from napari_rxrx3.data.files.table import As, Block, Column, Wanted, block_of, in_words, places_of
from napari_rxrx3.data.files.text_form import (
    LONGEST_LINE,
    OPEN_QUOTE,
    TextForm,
    decoder_of,
    form_of,
    records,
    with_tabs,
)

__all__ = ["TextTable"]

Array = np.ndarray[Any, Any]

_CHUNK = 2**22
_NOTED = 20


class TextTable:
    row_word = "line"

    def __init__(self, name: str, file: IO[bytes], raw: IO[bytes], *, ragged: bool) -> None:
        self.name = name
        self._file, self._raw, self._ragged = file, raw, ragged
        self._form = form_of(file)
        self._size = _size(raw)
        self._untidy: set[int] = set()
        self.columns = self._form.columns
        self.marks = self._form.marks
        self.decimal = self.marks.decimal
        self.notes: list[str] = []
        self.guesses: list[str] = []
        if self._form.title:
            said = repr(self._form.title[:40])
            self.guesses.append(f"what stands above the names of the columns is a title: {said}")
        if self._form.is_spaced:
            self.guesses.append("blanks are read as what separates its columns")

    def blocks(self, wanted: Wanted, n_rows: int) -> Iterator[Block]:
        bad_rows = _BadRows(self.columns)
        with in_words(self.name):
            places = places_of(self.columns, wanted)
            kinds = {place: kind for place, (_, kind) in zip(places, wanted, strict=True)}
            try:
                for arrays, lines in self._rows(kinds, n_rows, bad_rows):
                    chosen = [arrays[place] for place in places]
                    yield block_of(chosen, wanted, self._form.marks, lines)
            finally:
                self.notes = bad_rows.in_words()

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        bad_rows = _BadRows(self.columns)
        with in_words(self.name):
            form = replace(self._form, n_above=self._form.n_above - 1)
            if "\t" in self._form.head:  # what a set is called may hold more commas than tabs
                form = replace(form, separator="\t")
            try:
                for part, lines in self._by_line(form, bad_rows):
                    yield from zip(lines, _as_names(part), strict=True)
            finally:
                self.notes = bad_rows.in_words()

    def _by_line(
        self, form: TextForm, bad_rows: _BadRows
    ) -> Iterator[tuple[list[list[str]], list[int]]]:
        line, left = 1, ""
        notes = self._note_other_bytes, self._note_zero_bytes
        for text, is_last in _whole_lines(self._file, form, *notes):
            first = line - left.count("\n")
            line += text.count(b"\n")
            slow = _ByLine(left + text.decode(), first, form, True, bad_rows)
            yield from slow.parts(_ROWS_BY_LINE, is_last)
            left = slow.left

    def unsure(self) -> list[str]:
        return [column.name for column in self.columns if column.kind == "text"]

    def done(self) -> tuple[int, int]:
        return min(self._raw.tell(), self._size), self._size

    def _rows(
        self, kinds: Mapping[int, As], n_rows: int, bad_rows: _BadRows
    ) -> Iterator[tuple[dict[int, pa.Array], Sequence[int] | Array]]:
        """Yield some columns of text or numbers, and the lines where their rows begin."""
        line, left = 1, ""
        notes = self._note_other_bytes, self._note_zero_bytes
        for text, is_last in _whole_lines(self._file, self._form, *notes):
            self._note_odd_marks(line, text)
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

    def _note_odd_marks(self, line: int, text: bytes) -> None:
        """Say the first time that quotes are marked by backslashes."""
        if b'\\"' not in text or any("backslash" in guess for guess in self.guesses):
            return
        ends = re.escape(self._form.separator).encode()
        if found := re.search(rb'\\"(?![\n"' + ends + rb"])", text):
            at = line + text.count(b"\n", 0, found.start())
            what = f"line {at:,} has a backslash before a quote, which is read as a letter"
            self.guesses.append(f"{what}: quotes in cells are to be doubled")

    def _note_zero_bytes(self, line: int) -> None:
        if not any("zero bytes" in guess for guess in self.guesses):
            self.guesses.append(f"line {line:,} holds zero bytes, which are left out")

    def _note_other_bytes(self, line: int, text: str) -> None:
        what = f"line {line:,} is not UTF-8, and is read as Windows-1252: {text[:60]!r}"
        if not any("is not UTF-8" in guess for guess in self.guesses):
            self.guesses.append(what)

    def _by_arrow(
        self, text: bytes, first: int, n_lines: int, kinds: Mapping[int, As]
    ) -> tuple[dict[int, pa.Array], Sequence[int] | Array] | None:
        """Read lines as fast as it goes; None if they are not all sound."""
        if not text:
            return {}, ()
        if _is_quoted_oddly(text, self._form.separator):
            return None
        numbers = {place for place, kind in kinds.items() if kind is As.NUMBER} - self._untidy
        if not self._form.marks.thousands:  # whether 1.000 is a thousand is to be asked
            numbers = set()
        arrays = self._parsed(text, kinds, numbers)
        if arrays is None and numbers:
            arrays = self._parsed(text, kinds, set())
            if arrays is not None:
                quoted = self._form.quotes_texts  # pyarrow takes "" for no number
                self._untidy |= {p for p in numbers if quoted or not is_plain(arrays[p])}
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
        self._n_named = max((i for i, name in enumerate(form.names, 1) if name), default=0)
        self.left = ""

    def parts(self, n_rows: int, is_last: bool) -> Iterator[tuple[list[list[str]], list[int]]]:
        rows: list[list[str]] = []
        lines: list[int] = []
        for begin, row in records(self._read, self._form.separator):
            if row == OPEN_QUOTE and not is_last:
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
        return self._ragged or (len(row) >= self._n_named and not any(row[len(self._form.names) :]))


def _without_missing(text: str, separator: str) -> str:
    """Take out what says outside of quotes that there is nothing."""
    words = "|".join(map(re.escape, filter(None, MISSING_AS_WRITTEN)))
    ends = re.escape(separator)
    pattern = rf'"(?:[^"]|"")*"|(?<![^{ends}\n])(?:{words})(?![^{ends}\n])'
    return re.sub(pattern, lambda found: found[0] if found[0][0] == '"' else "", text)


def _texts_at(rows: Sequence[Sequence[str]], place: int) -> pa.Array:
    return pa.array([row[place] if place < len(row) else None for row in rows], pa.string())


def _as_names(rows: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """The cells of rows as names have them, "" where there is none."""
    cells = pa.array([cell for row in rows for cell in row], pa.string())
    names = iter(names_in(cells).fill_null("").to_pylist())
    return (list(islice(names, len(row))) for row in rows)


def _is_quoted_oddly(text: bytes, separator: str) -> bool:
    """Whether a cell holds a line end or a stray quote, or blanks stand before a quote."""
    if b'"' not in text:
        return False
    data = np.frombuffer(text, np.uint8)
    quotes, ends = np.flatnonzero(data == ord('"')), np.flatnonzero(data == ord("\n"))
    is_open = np.searchsorted(quotes, ends) % 2
    if is_open.any():
        return True
    before = rf'(?:^|[{re.escape(separator)}\n]) +"'
    return b' "' in text and re.search(before.encode(), text) is not None


def _lines_with_rows(text: bytes, first: int, n_lines: int, n_rows: int) -> Sequence[int] | Array:
    """Numbers of the lines that are not empty."""
    if n_lines == n_rows:
        return range(first, first + n_lines)
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    return first + np.flatnonzero(np.diff(ends, prepend=-1) > 1)


Note = Callable[[int, str], None]


def _whole_lines(
    file: IO[bytes], form: TextForm, note: Note, note_zeros: Callable[[int], None]
) -> Iterator[tuple[bytes, bool]]:
    """Yield many lines at a time, and whether they are the last; those above all rows are empty."""
    n_above, rest, n_lines, n_zeros = form.n_above, b"", 1, 0
    for text, is_last in _as_utf_8(file, form.encoding, note):
        if b"\0" in text:
            note_zeros(n_lines + text.count(b"\n", 0, text.index(b"\0")))
            n_zeros += text.count(b"\0")
            if n_zeros > LONGEST_LINE:
                raise ValueError(f"it holds more than {LONGEST_LINE // 2**20} MB of zero bytes")
            text = text.replace(b"\0", b"")
        n_lines += text.count(b"\n")
        end = text.rfind(b"\n") + 1
        if not end and len(rest) > LONGEST_LINE:
            raise ValueError(f"a line is longer than {LONGEST_LINE // 2**20} MB")
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
        if form.is_spaced:
            text = with_tabs(text.decode()).encode()
        if text or is_last:
            yield text, is_last


def _as_utf_8(file: IO[bytes], encoding: str, note: Note) -> Iterator[tuple[bytes, bool]]:
    """Yield a text in UTF-8 with LF ends and without a mark at its start, cut anywhere.

    `note` is told the first line that is not UTF-8, and what is made of it.
    """
    n_lines, is_known = 1, False
    file.seek(0)
    decoder = decoder_of(encoding)
    mark, held = codecs.BOM_UTF8, b""
    while True:
        chunk = file.read(_CHUNK)
        is_plain = encoding == "utf-8" and chunk.isascii() and not decoder.getstate()[0]
        begun = decoder.getstate()[0]
        text = chunk if is_plain else decoder.decode(chunk, final=not chunk).encode()
        if not is_known and encoding == "utf-8":
            whole = begun + chunk
            if not is_plain and (at := _not_utf_8(whole)) is not None:
                is_known = True
                said = re.split(rb"[\r\n]", whole[:at])[-1] + re.split(rb"[\r\n]", whole[at:])[0]
                note(n_lines + _n_ends(whole[:at]), said.decode("cp1252", "replace"))
            n_lines += _n_ends(chunk)
        text, mark = text.removeprefix(mark), b"" if text else mark
        text, held = held + text, b""
        if text.endswith(b"\r") and chunk:  # one half of a line end, or a whole one
            text, held = text[:-1], b"\r"
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield text, not chunk
        if not chunk:
            return


def _not_utf_8(data: bytes) -> int | None:
    """Where bytes are that are no UTF-8; None if there are none, but for a letter that is cut."""
    try:
        codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _n_ends(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")


def _size(file: IO[bytes]) -> int:
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    return size

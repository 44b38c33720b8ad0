"""How a table of text is written: encoding, separator, quotes, marks in numbers, names."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import IO

from napari_rxrx3.data.files.cells import Marks, as_number, is_missing, marks_of
from napari_rxrx3.data.files.table import Column

__all__ = [
    "LONGEST_LINE",
    "OPEN_QUOTE",
    "TEXT_SAMPLE",
    "TextForm",
    "decoder_of",
    "form_of",
    "plain_name",
    "records",
    "text_form",
    "with_tabs",
]

TEXT_SAMPLE = 2**20
"""Bytes of a table of text that are enough to tell how it is written."""

LONGEST_LINE = 2**26
"""Bytes."""

_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # begins like the next
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'[ \ufeff]*"?sep=([,;\t|:^~ ]?)"?\s*\Z', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_BLANKS = re.compile(r'("[^"]*")|^ +| +$|( +)', re.MULTILINE)
_NO_CELL = re.compile(r'[\s,;"]*\Z')
_NO_WORD = re.compile(r"[\W_]+")
_INTEGER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_SURE_NAMES = {"wellid", "perturbationtype", "entity1"}
_NAMES = {"experiment", "experimentname", "plate", "well", "address", "gene", "treatment"} | {
    *("smiles", "concentration", "celltype", "entity2", "genesymbol")
}
"""What columns are called; two of them are in no title."""
_MOST_TITLES = 200
_ID = re.compile(r".+_[^_]+_[A-Za-z]{1,2}\d{1,2}\Z", re.DOTALL)
_HEAD, _MOST_CONTROLS = 4096, 0.02
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE_ROWS = 50
_END_OF_LINES = "\0\0"
_MOST_OPEN_QUOTES = 1000
OPEN_QUOTE = "a quote is opened that nothing closes"
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
    title: str
    """What stands above the names and is no row of the table, in one line."""
    is_spaced: bool
    """Blanks separate cells: they are read as tabs, which `separator` then is."""
    head: str
    """The line of the names."""
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
        read = (row for _, row in records(self._lines, self.separator))
        filled = (row for row in read if isinstance(row, list) and any(row))
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
    text = decoder_of(encoding).decode(sample).removeprefix("\ufeff").replace("\0", "")
    lines = _lines_of(text)
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    said = _SEPARATOR_LINE.match(lines[first])
    n_above = first + 1 if said else 0
    title = _title(lines[n_above:])
    n_above += len(title)
    separator = said[1].strip(" ") if said else ""
    if not separator or not _is_in_names(separator, lines[n_above:]):
        separator = _separator(lines[n_above:])
    is_spaced = separator == " "
    if is_spaced:
        separator, lines = "\t", with_tabs("\n".join(lines)).split("\n")
    for begin, row in records(lines[n_above:], separator):
        if isinstance(row, str):
            raise ValueError(f"line {n_above + begin + 1}: {row}")
        if not all(map(_NO_CELL.match, row)):
            end = n_above + begin + _n_lines(row)
            above, below = lines[n_above + begin : end], lines[end:]
            return TextForm(
                encoding,
                separator,
                _with_row_names(tuple(map(str.strip, row)), below, separator),
                end,
                _is_quoted(above[0], separator),
                " ".join(" ".join(title).split()),
                is_spaced,
                above[0],
                # the last line may be cut off
                below[:-1] if len(sample) >= TEXT_SAMPLE else below,
            )
    raise ValueError("it is empty")


def form_of(file: IO[bytes]) -> TextForm:
    sample = file.read(TEXT_SAMPLE)
    while not (b"\n" in sample or b"\r" in sample) and (more := file.read(len(sample))):
        sample += more
        if len(sample) > LONGEST_LINE:
            raise ValueError(f"its first line is longer than {LONGEST_LINE // 2**20} MB")
    return text_form(sample)


def _encoding(sample: bytes) -> str:
    for mark, encoding in _BOMS.items():
        if sample.startswith(mark):
            return encoding
    first, second = sample[:64:2], sample[1:64:2]
    if len(sample) > 3 and (any(first), any(second)) in ((True, False), (False, True)):
        return "utf-16-le" if any(first) else "utf-16-be"
    return "utf-8"


def _is_binary(sample: bytes) -> bool:
    head = sample.rstrip(b"\0")[:_HEAD]  # a disk that was full leaves zeros at the end
    many = len(_CONTROLS.findall(head)) > max(1, _MOST_CONTROLS * len(head))
    return many or b"\0" in re.split(rb"[\r\n]", head.lstrip(), maxsplit=1)[0]


def decoder_of(encoding: str) -> codecs.IncrementalDecoder:
    errors = _NOT_UTF_8 if encoding == "utf-8" else "replace"
    return codecs.getincrementaldecoder(encoding)(errors)


def _lines_of(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _title(lines: Sequence[str]) -> Sequence[str]:
    """Lines above the one that says what columns are called, if that is not the first one."""
    n_blank = next((i for i, line in enumerate(lines) if not _NO_CELL.match(line)), 0)
    for i, line in enumerate(lines[n_blank : n_blank + _MOST_TITLES], n_blank):
        separator = _separator([line])
        names = set(map(plain_name, line.split(separator)))
        if separator == " " or names & _SURE_NAMES or len(names & _NAMES) > 1:
            return lines[:i] if i > n_blank else ()
    return ()


def plain_name(name: str) -> str:
    """What a column is called, however people spell it: ``wellid`` for ``Well ID``."""
    return _NO_WORD.sub("", name.casefold())


def _with_row_names(
    names: tuple[str, ...], lines: Sequence[str], separator: str
) -> tuple[str, ...]:
    """R writes names of rows, and no name above them."""
    read = (row for _, row in records(lines[:_SAMPLE_ROWS], separator))
    rows = [row for row in read if isinstance(row, list) and any(row)]
    is_longer = bool(rows) and all(len(row) == len(names) + 1 for row in rows)
    if is_longer and plain_name(names[0]) == "wellid" and all(_ID.match(row[0]) for row in rows):
        return names  # then what is too much stands at the end
    return ("", *names) if is_longer and all(names) and any(row[-1] for row in rows) else names


def _separator(lines: Iterable[str]) -> str:
    line = next((line for line in lines if not _NO_CELL.match(line)), "")
    plain = _QUOTED.sub("", line)
    if not any(mark in plain for mark in _SEPARATORS):
        names = set(map(plain_name, with_tabs(line).split("\t")))
        if len(names) > 1 and (names & _SURE_NAMES or len(names & _NAMES) > 2):
            return " "
    return max(_SEPARATORS, key=plain.count)


def _is_in_names(separator: str, lines: Iterable[str]) -> bool:
    """A line that says the separator may be wrong: somebody changed the others."""
    return separator in next((line for line in lines if not _NO_CELL.match(line)), separator)


def with_tabs(text: str) -> str:
    """Lines with tabs for the blanks between cells, but for those in quotes."""
    return _BLANKS.sub(lambda found: found[1] or ("\t" if found[2] else ""), text)


def _is_quoted(line: str, separator: str) -> bool:
    """Whether all cells of a line are in quotes, without blanks around them."""
    return '"' in line and not _QUOTED.sub("", line).replace(separator, "")


def _n_lines(row: Iterable[str]) -> int:
    return 1 + sum(cell.count("\n") for cell in row)


def records(lines: Sequence[str], separator: str) -> Iterator[tuple[int, list[str] | str]]:
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
                    wrong = "" if row == [_END_OF_LINES] else OPEN_QUOTE
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

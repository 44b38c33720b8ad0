"""Tables of text as spreadsheet programs save them, and text that they must not compute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.hits.hits_file import unreadable, why_not, write_text

__all__ = ["Sheet", "as_number", "disarmed", "read_sheet", "rearmed", "write_sheet"]

_SEPARATORS = ",;\t"
_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")
"""What a spreadsheet program may compute, or what we made of it."""
_WITHOUT_TEXT = {
    b"PK\x03\x04": "an Excel or LibreOffice file",
    b"\xd0\xcf\x11\xe0": "an Excel file",
}
_SEPARATOR_LINE = re.compile(r"\s*sep=(.)\s*?(?:\r\n|\r|\n)", re.IGNORECASE)
_LARGEST = 256 * 2**20


class Sheet(NamedTuple):
    """Rows of cells; the first may or may not be names of columns. Rows may differ in length."""

    rows: list[list[str]]

    @property
    def columns(self) -> list[str]:
        """The cells of the first row, in lower case."""
        return [name.casefold() for name in self.rows[0]] if self.rows else []

    def named(self) -> list[dict[str, str]]:
        """The rows after the first one, by its names in lower case; cells without one are gone."""
        names = self.columns
        return [
            {name: cell for name, cell in zip(names, row, strict=False) if name}
            for row in self.rows[1:]
        ]


def read_sheet(path: Path) -> Sheet:
    """Read a CSV, whichever separator, encoding and line ends it has; empty rows are left out.

    Raises
    ------
    HitsError
        If it cannot be read, or is no text.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise HitsError(f"{path} is too large for a list of wells.")
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        return Sheet(_rows(_decoded(path, content)))
    except csv.Error as error:
        raise HitsError(f"{path} cannot be read as a CSV: {error}.") from error


def _decoded(path: Path, content: bytes) -> str:
    for start, what in _WITHOUT_TEXT.items():
        if content.startswith(start):
            raise HitsError(f"{path} is {what}: save it as CSV first.")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        raise HitsError(f"{path} is no text.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _rows(text: str) -> list[list[str]]:
    said = _SEPARATOR_LINE.match(text)
    text = text[said.end() :] if said else text
    first = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    unquoted = re.sub(r'"[^"]*"', "", first)
    separator = said[1] if said else max(_SEPARATORS, key=unquoted.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    cells = ([rearmed(cell.strip()) for cell in row] for row in rows)
    return [row for row in cells if any(row)]


def write_sheet(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV that spreadsheet programs open as it is; texts in it are not computed.

    Raises
    ------
    HitsError
        If it cannot be written; what was there before stays.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in (columns, *rows):
        writer.writerow(disarmed(cell) if isinstance(cell, str) else cell for cell in row)
    try:
        # the mark at the start makes Excel read it as UTF-8
        write_text(path, "\ufeff" + text.getvalue())
    except OSError as error:
        raise HitsError(f"{path} cannot be written: {why_not(error)}.") from error


def disarmed(text: str) -> str:
    """A text that no spreadsheet program takes for a formula: an apostrophe comes before it."""
    return f"'{text}" if _FORMULA.match(text) else text


def rearmed(text: str) -> str:
    """The text that `disarmed` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def as_number(cell: str) -> float | None:
    """A number, also one with a decimal comma; None if it is none."""
    cell = cell.strip().replace("\u2212", "-").replace("\u00a0", "")
    if "," in cell and cell.rfind(",") > cell.rfind("."):
        cell = cell.replace(".", "").replace(",", ".")
    else:
        cell = cell.replace(",", "")
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None

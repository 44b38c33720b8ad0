"""Tables of text as spreadsheet programs save them, and text that they must not compute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.hits.hits_file import why_not, write_text

__all__ = ["Sheet", "disarmed", "read_sheet", "rearmed", "write_sheet"]

_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")
"""What a spreadsheet program may compute, or what we made of it."""
_MOST_ROWS = 1_000_000
_ROWS_A_BLOCK = 16_384


class Sheet(NamedTuple):
    """Rows of cells; the first may or may not be names of columns."""

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
    """Read a list in any form that `napari_rxrx3.data.files.tables` reads.

    Raises
    ------
    HitsError
        If it cannot be read, or is no list.
    """
    from napari_rxrx3.data.files.storage import Storage
    from napari_rxrx3.data.files.table import As, TableError
    from napari_rxrx3.data.files.tables import open_table

    rows: list[list[str]] = []
    try:
        with open_table(*Storage.of(path), ragged=True) as table:
            names = [column.name for column in table.columns]
            wanted = [(place, As.NAME) for place in range(len(names))]
            for block in table.blocks(wanted, _ROWS_A_BLOCK):
                texts = [column.to_pylist() for column in block.columns]
                rows += [[rearmed(cell or "") for cell in row] for row in zip(*texts, strict=True)]
                if len(rows) > _MOST_ROWS:
                    raise HitsError(f"{path} is too large for a list of wells.")
            notes = table.notes
    except TableError as error:
        raise HitsError(str(error)) from error
    if notes:
        raise HitsError(f"{path} cannot be read ({notes[0]}).")
    return Sheet([[rearmed(name) for name in names], *rows])


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

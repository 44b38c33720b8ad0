"""A user's file of gene sets: GMT, or a table of two columns."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath
from typing import TYPE_CHECKING

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.words import count
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import open_table
from napari_rxrx3.data.files.text_form import plain_name

if TYPE_CHECKING:
    from napari_rxrx3.data.files.table import Table

__all__ = ["GENE_NAMES", "GeneSets", "cell_at", "place_of", "read_gene_sets"]

_SET_NAMES = {"set", "geneset", "setname", "genesetname", "gsname", "term", "termname"} | {
    *("pathway", "pathwayname", "complex", "complexname", "cluster", "group", "module")
}
GENE_NAMES = {"gene", "genes", "symbol", "genesymbol", "hgncsymbol", "member", "members"}
"""What a column of genes is called, see `plain_name`."""
_PAIRS = {"entity1", "entity2"}
_APART = re.compile(r"[\s,;|]+")
"""What stands between the genes of a set where one cell holds several."""
_FIRST_GENE = 2
"""A line of a GMT begins with the name of the set and a description."""

_Row = tuple[int, list[str]]


@dataclass(frozen=True, eq=False)
class GeneSets:
    """Named sets of genes.

    Attributes
    ----------
    name : str
        Of the file they come from.
    members : mapping of str to tuple of str
        Genes of each set, each once, in the order of the file.
    notes : tuple of str
        What of the file was left out, a sentence each.
    """

    name: str
    members: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.members)


def read_gene_sets(path: str | os.PathLike[str]) -> GeneSets:
    """Read sets of genes.

    Parameters
    ----------
    path : path-like
        A file, or the URL of one, packed by gzip or not:

        - GMT: on each line the name of a set, a description, and the genes, with tabs between.
        - A table with a column for the set and one for the gene, in any form that tables may have,
          also parquet. They are known by their names (``set``, ``term``, ``pathway``, ``complex``;
          ``gene``, ``symbol``); a table of just two columns needs none. A cell may hold several
          genes, between blanks, commas, semicolons or ``|``.

        Sets of one name are one set. Lines without a set or without a gene are left out and noted.

    Raises
    ------
    MetadataError
        If there are no gene sets in it; the file and the cause are named.
    """
    with open_table(*Storage.of(path), ragged=True) as table:
        made = _Made(table.name)
        rows = table.rows()
        first = next(rows, None)
        if first is not None:
            made.take(first, rows)
        return made.done(table)


class _Made:
    """Gene sets as they are read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._members: dict[str, tuple[str, ...]] = {}
        self._bare: list[int] = []
        """Lines that lack a set or a gene."""

    def take(self, first: _Row, others: Iterator[_Row]) -> None:
        """Take in all rows, by what the first of them are."""
        names = [plain_name(cell) for cell in first[1]]
        if set(names) >= _PAIRS:
            said = "it holds pairs of genes (entity1, entity2), no sets"
            raise MetadataError(f"{self._name} cannot be read as gene sets: {said}.")
        columns = place_of(names, _SET_NAMES), place_of(names, GENE_NAMES)
        if columns[0] is not None and columns[1] is not None:
            self._take_columns(others, columns[0], columns[1])
            return
        short, rows = [], chain([first], others)
        for row in rows:  # as they come: all cells of a large file take much memory
            short.append(row)
            if _n_cells(row[1]) > _FIRST_GENE:
                self._take_gmt(chain(short, rows))
                return
        self._take_columns(short, 0, 1)

    def done(self, table: Table) -> GeneSets:
        if not self._members:
            forms = "neither lines of a GMT nor a column of sets and one of genes"
            raise MetadataError(f"{self._name} has no gene sets: {forms}.")
        notes = [*table.notes, *self._bare_in_words(table.row_word)]
        name = PurePath(self._name).name
        return GeneSets(name, self._members, tuple(f"{name}: {each}." for each in notes))

    def _take_columns(self, rows: Sequence[_Row] | Iterator[_Row], of_set: int, gene: int) -> None:
        members: dict[str, dict[str, None]] = {}
        for line, cells in rows:
            name, genes = cell_at(cells, of_set), _APART.split(cell_at(cells, gene))
            if found := self._named(line, name, genes):
                members.setdefault(name, {}).update(found)
        self._members = {name: tuple(genes) for name, genes in members.items()}

    def _take_gmt(self, rows: Iterator[_Row]) -> None:
        for line, cells in rows:
            genes = cells[_FIRST_GENE:]
            if "," in "\t".join(genes):  # weights
                genes = [cell.partition(",")[0] for cell in genes]
            if found := self._named(line, cells[0], genes):
                before = self._members.get(cells[0], ())
                self._members[cells[0]] = tuple(dict.fromkeys((*before, *found)))

    def _named(self, line: int, name: str, genes: Sequence[str]) -> dict[str, None]:
        """The genes of a line, each once; a line without a set or without a gene is noted."""
        # a gene is in many sets, and its name in memory once
        found = dict.fromkeys(map(sys.intern, filter(None, genes)))
        if not name or not found:
            self._bare.append(line)
            return {}
        return found

    def _bare_in_words(self, row_word: str) -> list[str]:
        if not self._bare:
            return []
        first = f"{row_word} {self._bare[0]:,}"
        where = f"({first})" if len(self._bare) == 1 else f"(the first is {first})"
        return [f"{count(len(self._bare), row_word)} without a set or a gene left out {where}"]


def place_of(names: Sequence[str], wanted: set[str]) -> int | None:
    """Number of the first column that is called one of some names; None if there is none."""
    return next((place for place, name in enumerate(names) if name in wanted), None)


def _n_cells(cells: Sequence[str]) -> int:
    """How many cells there are up to the last that says something."""
    return max((place for place, cell in enumerate(cells, 1) if cell), default=0)


def cell_at(cells: Sequence[str], place: int | None) -> str:
    """The cell in a column; empty where a short row, or the table, has none."""
    return cells[place] if place is not None and place < len(cells) else ""

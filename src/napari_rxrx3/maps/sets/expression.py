"""A user's list of genes that the cells do not express, or a table of how much they do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.words import count
from napari_rxrx3.data.files.cells import Marks, as_number, is_missing
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import open_table
from napari_rxrx3.data.files.text_form import plain_name
from napari_rxrx3.maps.sets.gene_sets import GENE_NAMES, cell_at, place_of

__all__ = ["LimitNeeded", "UnexpressedGenes", "read_unexpressed"]

_AMOUNTS = {"expression", "tpm", "fpkm", "rpkm", "zfpkm", "cpm", "ntpm", "ptpm", "counts", "count"}
_AMOUNTS |= {f"log2{name}" for name in _AMOUNTS} | {f"mean{name}" for name in _AMOUNTS}


class LimitNeeded(MetadataError):
    """A table has numbers, and nobody said below which one a gene is not expressed."""


@dataclass(frozen=True, eq=False)
class UnexpressedGenes:
    """Genes that cells do not express.

    Attributes
    ----------
    name : str
        Of the file that says so, and below which value a gene counts.
    genes : frozenset of str
    notes : tuple of str
        What of the file was left out, a sentence each.
    """

    name: str
    genes: frozenset[str]
    notes: tuple[str, ...] = ()


def read_unexpressed(path: str | os.PathLike[str], below: float | None = None) -> UnexpressedGenes:
    """Read which genes cells do not express.

    Parameters
    ----------
    path : path-like
        A file, or the URL of one, in any form that tables may have: one gene a line, or a table
        with a column ``gene`` (or ``symbol``) and one of numbers, ``expression`` (or ``TPM``,
        ``FPKM``, ``zFPKM``; of a table of two columns, the other one).
    below : float, optional
        Genes with less than this number are not expressed, in the unit of the table; for a table
        of numbers alone. A gene that is there twice counts with its largest number.

    Raises
    ------
    MetadataError
        If there are no such genes in it, or it is not clear which; the file and the cause are
        named.
    """
    with open_table(*Storage.of(path), ragged=True) as table:
        name = PurePath(table.name).name
        rows = [cells for _, cells in table.rows()]
        head = [plain_name(cell) for cell in rows[0]] if rows else []
        gene, amount = place_of(head, GENE_NAMES), place_of(head, _AMOUNTS)
        rows = rows[1:] if gene is not None or amount is not None else rows
        gene = int(amount == 0) if gene is None else gene
        if amount is None and max((len(cells) for cells in rows), default=0) == 2:
            amount = 1 - gene
        marks, notes = table.marks, list(table.notes)
    said = [(cell_at(cells, gene), cell_at(cells, amount)) for cells in rows]
    said = [(symbol, cell) for symbol, cell in said if symbol]
    if not said:
        raise MetadataError(f"{name} names no gene.")
    if amount is None:
        if below is not None:
            raise MetadataError(f"{name} has no column of numbers that could be below {below:g}.")
        return UnexpressedGenes(name, frozenset(symbol for symbol, _ in said), _noted(name, notes))
    if below is None:
        what = "has a number for each gene: say below which one a gene is not expressed"
        raise LimitNeeded(f"{name} {what}.")
    return _below(name, said, marks, below, notes)


def _below(
    name: str, said: Iterable[tuple[str, str]], marks: Marks, below: float, notes: list[str]
) -> UnexpressedGenes:
    largest: dict[str, float] = {}
    odd: dict[str, None] = {}
    for symbol, cell in said:
        number = None if is_missing(cell) else as_number(cell, marks)
        if number is None:
            odd[symbol] = None
        else:
            largest[symbol] = max(number, largest.get(symbol, number))
    bare = [symbol for symbol in odd if symbol not in largest]
    if bare:
        notes.append(f"{count(len(bare), 'gene')} without a number left out, such as {bare[0]}")
    genes = frozenset(symbol for symbol, number in largest.items() if number < below)
    if not genes:
        of = f"none of its {count(len(largest), 'gene')}"
        raise MetadataError(f"{name} says of {of} that it is below {below:g}.")
    return UnexpressedGenes(f"{name} below {below:g}", genes, _noted(name, notes))


def _noted(name: str, notes: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{name}: {each}." for each in notes)

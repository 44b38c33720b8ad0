"""A user's table of genes and the chromosome arms that they are on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.words import count
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import open_table
from napari_rxrx3.data.files.text_form import plain_name
from napari_rxrx3.maps.sets.gene_sets import GENE_NAMES, cell_at, place_of

__all__ = ["GeneArms", "read_arms"]

_ARM_NAMES = {"arm", "chromosomearm", "chromarm", "chromarmname", "location"} | {
    *("map", "band", "cytoband", "maplocation")
}
_ARM = re.compile(r"(?:chr(?:omosome)?)?\s*0?(\d{1,2}|X|Y)\s*([pq])", re.ASCII | re.IGNORECASE)
"""``17q`` of ``17q``, ``chr17q``, ``17q21.31``."""


@dataclass(frozen=True, eq=False)
class GeneArms:
    """On which arm of which chromosome genes are.

    Attributes
    ----------
    name : str
        Of the file that says so.
    arm_of : mapping of str to str
        ``{"PLK1": "16p"}``.
    notes : tuple of str
        What of the file was left out, a sentence each.
    """

    name: str
    arm_of: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_arms(path: str | os.PathLike[str]) -> GeneArms:
    """Read a table of genes and chromosome arms.

    Parameters
    ----------
    path : path-like
        A table, or the URL of one, in any form that tables may have. Columns: ``gene`` (or
        ``symbol``), and ``arm`` (or ``location``, ``cytoband``), such as 17q, chr17q or 17q21.31.
        Chromosome and position alone do not tell the arm.

    Raises
    ------
    MetadataError
        If there is no such table; the file and the cause are named.
    """
    with open_table(*Storage.of(path), ragged=True) as table:
        rows = table.rows()
        _, head = next(rows, (0, []))
        names = [plain_name(cell) for cell in head]
        gene, arm = place_of(names, GENE_NAMES), place_of(names, _ARM_NAMES)
        if gene is None or arm is None:
            missing = "gene" if gene is None else "arm"
            shown = ", ".join(head)[:80]
            why = f"has no column {missing}; its first line is {shown!r}"
            raise MetadataError(f"{table.name} {why}.")
        said = [(cell_at(cells, gene), cell_at(cells, arm)) for _, cells in rows]
        return _arms_of(PurePath(table.name).name, said, table.notes)


def _arms_of(name: str, said: list[tuple[str, str]], noted: list[str]) -> GeneArms:
    arms: dict[str, set[str]] = {}
    odd = set()
    for gene, where in said:
        if found := _ARM.match(where):
            arms.setdefault(gene, set()).add(f"{found[1].upper()}{found[2].lower()}")
        else:
            odd.add(gene)
    arms.pop("", None)
    odd.discard("")
    twice = [gene for gene, places in arms.items() if len(places) > 1]
    arm_of = {gene: next(iter(places)) for gene, places in arms.items() if len(places) == 1}
    if not arm_of:
        raise MetadataError(f"{name} names no arm, such as 17q or 17q21.31, for any gene.")
    notes = list(noted)
    if twice:
        notes.append(f"{count(len(twice), 'gene')} on two arms left out, such as {twice[0]}")
    if bare := odd - arms.keys():
        notes.append(f"{count(len(bare), 'gene')} without an arm left out, such as {min(bare)}")
    return GeneArms(name, arm_of, tuple(f"{name}: {each}." for each in notes))

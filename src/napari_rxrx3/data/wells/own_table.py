"""A table of the wells of a screen of one's own: its columns are called anything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.perturbation import CONTROL_NAME, EMPTY_CONTROL
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.spelling import normal_address, plate_in
from napari_rxrx3.data.files.arrays import names_in
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import As, Block, Table
from napari_rxrx3.data.files.tables import open_table
from napari_rxrx3.data.images.plate_names import plate_called
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.vectors.vector_files import VectorLayout
from napari_rxrx3.data.wells.columns import describes_wells, dose_unit
from napari_rxrx3.data.wells.metadata import WellParts
from napari_rxrx3.data.wells.own_columns import Roles, guess_roles

__all__ = [
    "OwnTable",
    "PlateFinder",
    "look_at_table",
    "read_own_table",
    "require_columns",
    "vectors_in",
]

Array = np.ndarray[Any, Any]

_LOOKED_AT, _AT_ONCE = 20_000, 100_000
_MOST_VALUES, _MOST_COLUMNS = 200, 64
_FEWEST_FEATURES = 8
"""So many columns of numbers are no counts of something."""
_READ_AS = {"dose": As.NUMBER, "smiles": As.TEXT, "treatment": As.NAME, "gene": As.NAME}
_OTHERS = {"dose": "concentration", "smiles": "SMILES"}
_TREATED = ("treatment", "gene")


class OwnTable(NamedTuple):
    """A table of wells, and what was made of it.

    Attributes
    ----------
    roles : Roles
    values : dict
        What each column says, the most frequent first.
    """

    path: str
    roles: Roles
    values: dict[str, tuple[str, ...]]


class PlateFinder:
    """Finds the plate that a table means, by any of the names that a plate has.

    Parameters
    ----------
    plates : iterable of (PlateId, path, name)
        Those of the images: where each is, and what it says that it is called.
    """

    def __init__(self, plates: Iterable[tuple[PlateId, str, str]]) -> None:
        by_name: dict[str, set[PlateId]] = {}
        self.plates: list[PlateId] = []
        self.names: list[str] = []
        for plate, path, name in plates:
            self.plates.append(plate)
            stem = path.rstrip("/").rpartition("/")[2]
            stem = re.sub(r"(?:\.ome)?\.zarr\Z", "", stem, flags=re.IGNORECASE)
            said = (plate.experiment, f"{plate.experiment} {plate.plate}", stem, name)
            self.names += [each for each in (stem, name) if each]
            for each in (*said, str(plate.plate)):
                if folded := _folded(each):
                    by_name.setdefault(folded, set()).add(plate)
        self._by_name = {n: next(iter(p)) for n, p in by_name.items() if len(p) == 1}

    @property
    def only(self) -> PlateId | None:
        """The plate, if there is but one."""
        return self.plates[0] if len(self.plates) == 1 else None

    def find(self, text: str) -> PlateId:
        """The plate that is called so; one of which there are no images is called as it is."""
        known = self._by_name.get(_folded(text))
        if known is None and (number := plate_in(text)) is not None:
            known = self._by_name.get(str(number))
        return known or plate_called(text.replace("/", "-"))

    def name_wells(self, plates: pa.Array, wells: pa.Array) -> pa.Array:
        """Ids of wells by what a table calls their plates and the wells on them."""
        known: dict[str, str] = {}
        ids: list[str | None] = []
        for plate, well in zip(plates.to_pylist(), wells.to_pylist(), strict=True):
            if well is None or (plate is None and self.only is None):
                ids.append(None)
                continue
            if plate not in known:
                found = self.only or self.find(str(plate))
                known[plate] = f"{found.experiment}_{found.plate}"
            ids.append(f"{known[plate]}_{normal_address(str(well))}")
        return pa.array(ids, pa.string())


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def look_at_table(storage: Storage, path: str, said: Roles, finder: PlateFinder) -> OwnTable:
    """Which columns of a table say what: as the user has said, and else as it looks.

    Raises
    ------
    MetadataError
        If it cannot be read, or has no column that the user names.
    """
    with open_table(storage, path) as table:
        said = said.of_table([column.name for column in table.columns])
        wanted = _worth_a_look(table)
        names = [table.columns[i].name for i in wanted]
        blocks = table.blocks([(i, As.TEXT) for i in wanted], _LOOKED_AT)
        block = next(iter(blocks), None)
    columns = block.columns if block is not None else [pa.nulls(0, pa.string())] * len(names)
    cells = {
        name: ["" if text is None else str(text).strip() for text in column.to_pylist()]
        for name, column in zip(names, columns, strict=True)
    }
    roles = said.over(guess_roles(cells, finder.names))
    values = {
        name: tuple(text for text, _ in Counter(filter(None, texts)).most_common(_MOST_VALUES))
        for name, texts in cells.items()
    }
    return OwnTable(path, roles, values)


def _worth_a_look(table: Table) -> list[int]:
    """Columns that may name something, and the first ones of numbers: vectors have thousands."""
    kinds = [column.kind for column in table.columns]
    numbers = [i for i, kind in enumerate(kinds) if kind in ("float", "integer")]
    texts = [i for i, kind in enumerate(kinds) if kind not in ("float", "integer", "list")]
    return sorted([*texts[:_MOST_COLUMNS], *numbers[:_MOST_COLUMNS]])


def vectors_in(
    storage: Storage, path: str, table: OwnTable, finder: PlateFinder
) -> VectorLayout | None:
    """Where a table that names plates and wells holds vectors; None if it holds none.

    It need not have the columns that say what wells received: the table of wells has them.

    Raises
    ------
    MetadataError
        If it cannot be read.
    """
    roles = table.roles
    if not roles.well or not (roles.plate or finder.only):
        return None
    with open_table(storage, path) as opened:
        columns = opened.columns
    ours = {roles.plate, roles.well, roles.dose, roles.treatment, roles.gene, roles.control_column}
    features = tuple(
        column.name
        for column in columns
        if column.kind in ("float", "integer")
        and column.name not in ours
        and not describes_wells(column.name)
    )
    if len(features) < _FEWEST_FEATURES or len(set(features)) < len(features):
        return None
    ids = (roles.plate or roles.well, roles.well)
    left_out = tuple(c.name for c in columns if c.name not in {*features, *ids})
    return VectorLayout(ids, features, len(features), left_out)


def require_columns(storage: Storage, path: str, said: Roles) -> None:
    """See that a table of wells has all columns that the user names; raises MetadataError."""
    with open_table(storage, path) as table:
        names = [column.name for column in table.columns]
    for field in fields(said):
        value = getattr(said, field.name)
        if isinstance(value, str) and value and value not in names:
            listed = ", ".join(repr(name[:40]) for name in names[:8])
            what = f"has no column {value!r}, which napari-rxrx3.toml names; it has {listed}"
            raise MetadataError(f"{path} {what}.")


def read_own_table(
    storage: Storage,
    path: str,
    roles: Roles,
    finder: PlateFinder,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read a table of wells as RxRx3's are read, see `metadata.read_metadata`.

    Wells of a control are given the treatment that marks controls everywhere here.

    Raises
    ------
    MetadataError
        If it cannot be read, or names no well.
    """
    if not roles.names_wells:
        raise MetadataError(f"{path} has no column of wells, such as B02.")
    if not roles.plate and finder.only is None:
        raise MetadataError(f"{path} has no column that says which of the plates a well is on.")
    with open_table(storage, path) as table:
        wanted = _wanted(table, roles)
        doses = roles.dose and dose_unit(roles.dose)
        parts = WellParts(path, doses or _unit_in_name(roles.dose), table.marks)
        names = _names(wanted)
        parts.add(names, Block([names_in(pa.nulls(0))] * len(names), {}, ()))
        for block in table.blocks([(i, kind) for _, i, kind in wanted], _AT_ONCE):
            if progress is not None:
                progress(*table.done(), f"reading wells: {path}")
            parts.add(names, _as_ours(block, wanted, roles, finder), table.row_word)
        notes = list(table.notes)
    wells, problems = parts.joined()
    problems.insert(0, Problem("interpreted", detail=f"{path}: {roles.in_words}"))
    problems += [Problem("malformed_row", detail=f"{path}: {note}") for note in notes]
    return wells, problems


def _unit_in_name(name: str) -> str:
    """``uM`` for ``conc_uM``: a unit that stands at the end of the name of a column."""
    found = re.search(r"[ _(\[]((?:[fpnum\u00b5]|\u03bc)M|[fpnu]m)[)\]]?\Z", name)
    return found[1][0] + "M" if found else ""


def _wanted(table: Table, roles: Roles) -> list[tuple[str, int, As]]:
    """Each role that a column has, with the column's place and what it is read as."""
    place = {column.name: i for i, column in enumerate(table.columns)}
    wanted = []
    for role in ("plate", "well", "row", "column", "treatment", "gene", "dose", "smiles"):
        if name := getattr(roles, role):
            wanted.append((role, place[name], _READ_AS.get(role, As.TEXT)))
    if roles.control_column and roles.control_column != roles.treatment:
        wanted.append(("control", place[roles.control_column], As.NAME))
    return wanted


def _names(wanted: Collection[tuple[str, int, As]]) -> list[str]:
    others = [_OTHERS[role] for role, _, _ in wanted if role in _OTHERS]
    places = ("experiment_name", "plate", "address", "perturbation_type")
    return [*places, *others, *_TREATED, CONTROL_NAME]


def _as_ours(
    block: Block, wanted: Sequence[tuple[str, int, As]], roles: Roles, finder: PlateFinder
) -> Block:
    """Columns as a table of RxRx3 has them."""
    by_role = {role: column for (role, _, _), column in zip(wanted, block.columns, strict=True)}
    n = len(block)
    plates = _plates(by_role.get("plate"), n, finder)
    treatment = by_role.get("treatment")
    gene = by_role.get("gene")
    if treatment is None:
        treatment = gene if gene is not None else pa.nulls(n, pa.string())
    is_control = _is_control(by_role.get("control", treatment), roles)
    called = _names_of_controls(treatment, by_role.get("control"), is_control)
    treatment = pc.if_else(is_control, EMPTY_CONTROL, treatment.cast(pa.string()))
    is_treated = pc.and_(treatment.is_valid(), pc.invert(is_control))
    nothing = pa.scalar(None, pa.string())
    kind = pc.if_else(is_treated, "CRISPR" if roles.is_of_genes else "COMPOUND", nothing)
    gene = treatment if gene is None and roles.is_of_genes else gene
    if gene is not None:
        gene = pc.if_else(is_control, nothing, gene.cast(pa.string()))
    columns: list[Any] = [
        pa.array([plate.experiment if plate else None for plate in plates], pa.string()),
        np.array([plate.plate if plate else np.nan for plate in plates], dtype=float),
        _addresses(by_role, n),
        kind,
    ]
    odd, guessed = {}, {}
    for number, (role, _, _) in enumerate(wanted):
        if role not in _OTHERS:
            continue
        if number in block.odd:
            odd[len(columns)] = block.odd[number]
        if number in block.guessed:
            guessed[len(columns)] = block.guessed[number]
        columns.append(by_role[role])
    columns += [treatment, gene if gene is not None else pa.nulls(n, pa.string()), called]
    return Block(columns, odd, block.lines, guessed)


def _plates(column: Any, n: int, finder: PlateFinder) -> list[PlateId | None]:
    if column is None:
        return [finder.only] * n
    known: dict[str, PlateId] = {}
    found: list[PlateId | None] = []
    for text in column.to_pylist():
        if text is not None and text not in known:
            known[text] = finder.find(str(text))
        found.append(known.get(text) if text is not None else None)
    return found


def _is_control(column: Any, roles: Roles) -> Any:
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    is_in = pc.is_in(texts, value_set=pa.array(roles.controls, pa.string()))
    return pc.and_(is_in, texts.is_valid())


def _names_of_controls(treatment: Any, marks: Any, is_control: Any) -> Any:
    """What controls are called: their treatment, or what marks them if they have none."""
    called = pc.utf8_trim_whitespace(treatment.cast(pa.string()))
    if marks is not None:
        called = pc.coalesce(called, pc.utf8_trim_whitespace(marks.cast(pa.string())))
    return pc.if_else(is_control, called, pa.scalar(None, pa.string()))


def _addresses(by_role: dict[str, Any], n: int) -> Any:
    if "well" in by_role:
        return by_role["well"]
    rows, columns = (by_role[key].to_pylist() for key in ("row", "column"))
    joined = [
        None if row is None or column is None else _joined(str(row), str(column))
        for row, column in zip(rows, columns, strict=True)
    ]
    return pa.array(joined, pa.string())


def _joined(row: str, column: str) -> str:
    """``B-2`` or ``2-2``, which are both read as addresses."""
    row, column = (re.sub(r"\.0*\Z", "", text.strip()) for text in (row, column))
    return f"{row}-{column}"

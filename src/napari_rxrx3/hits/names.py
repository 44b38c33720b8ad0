"""Names in lists and in sentences: from well ids and keys of perturbations to wells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.plate import format_address, parse_address
from napari_rxrx3.data.files.cells import as_number
from napari_rxrx3.hits.sheet import Sheet

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.data.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["Resolver", "are", "count", "listed_names", "some"]

Array = np.ndarray[Any, Any]

_WELL = ("well_id", "well id")
_PLACE = (("experiment", "experiment_name"), ("plate",), ("address", "well"))
_KEY = ("key", "perturbation", "treatment", "guide", "compound", "gene", "name")
_DOSE = ("concentration", "dose")
_NAMED, _LONGEST = 5, 60
_SHOWN_DOSE = re.compile(r"(.+?)[ @]([\d.,]+) ?[µμu]M\Z")
_NONE = np.zeros(0, dtype=np.intp)


def listed_names(sheet: Sheet) -> list[str]:
    """Well ids and keys that a table lists, a row each.

    The first row may name the columns: ``well_id``, or experiment, plate and address, or what
    the wells received, with a dose beside it. If it names none of these, the first cell of every
    row is a name.
    """
    columns = set(sheet.columns)
    has_place = all(columns & set(names) for names in _PLACE)
    if has_place or columns & {*_WELL, "well", *_KEY}:
        names = [_name(row) for row in sheet.named()]
    else:
        names = [row[0] for row in sheet.rows]
    return [name for name in names if name]


def _name(row: dict[str, str]) -> str:
    """Name of what a row is about; empty if it says nothing."""
    if well := _first(row, _WELL):
        return well
    place = [_first(row, names) for names in _PLACE]
    if all(place):
        return _well_at(*place)
    if row.get("well"):
        return row["well"]
    key, dose = _first(row, _KEY), as_number(_first(row, _DOSE))
    return key if not key or dose is None or "@" in key else f"{key}@{dose:g}"


def _well_at(experiment: str, plate: str, address: str) -> str:
    """Id of a well by its place, also where plates became ``1.0`` and addresses are ``B2``."""
    number = as_number(plate)
    with suppress(ValueError):
        address = format_address(*parse_address(address.upper()))
    return f"{experiment}_{plate if number is None else f'{number:g}'}_{address}"


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _key_of_shown(name: str) -> str:
    """Key of a name as the window shows it: ``PLK1 guide 1``, ``Bortezomib 2.5 µM``."""
    dosed = _SHOWN_DOSE.match(name)
    return f"{dosed[1]}@{dosed[2]}" if dosed else name.replace(" guide ", "_guide_")


class Resolver:
    """Finds what names stand for: a well id, or a key as maps have it (``Bortezomib@2.5``).

    With a map, the wells of a perturbation come in its order, the most typical first. A key that
    it does not hold, or all of them without a map, are looked for in the metadata.
    """

    def __init__(self, dataset: Dataset, phenomap: PhenoMap | None = None) -> None:
        self._dataset = dataset
        self._phenomap = phenomap if phenomap is not None and phenomap.level != "well" else None

    def positions(self, names: Sequence[str]) -> list[Array]:
        """Places in the table of wells of each name, the best first; none where it is unknown."""
        wells = self._dataset.listed.positions_of(names).tolist()
        return [
            np.array([well]) if well >= 0 else self._of_text(name)
            for name, well in zip(names, wells, strict=True)
        ]

    def _of_text(self, name: str) -> Array:
        found, key = self._of_key(name), _key_of_shown(name)
        return found if len(found) or key == name else self._of_key(key)

    def _of_key(self, key: str) -> Array:
        row = self._phenomap.find(key) if self._phenomap is not None else None
        if self._phenomap is not None and row is not None:
            return self._phenomap.positions_of(row)
        found = self._of_name(key)
        name, at, dose = key.rpartition("@")
        return self._of_dose(name, as_number(dose)) if at and not len(found) else found

    def _of_dose(self, name: str, dose: float | None) -> Array:
        positions = self._of_name(name)
        doses = self._dataset.known_wells["concentration"].to_numpy()[positions]
        is_wanted = np.isclose(doses, np.nan if dose is None else dose, rtol=1e-3, atol=0)
        chosen: Array = positions[is_wanted]
        return chosen

    def _of_name(self, name: str) -> Array:
        """Wells of a treatment or gene of this name; else of the only one that differs in case."""
        for column in self._columns:
            if name in column.codes:
                return column.rows(name)
        folded = name.casefold()
        alike = [(c, other) for c in self._columns for other in c.folded.get(folded, ())]
        is_one = len({other for _, other in alike}) == 1
        return alike[0][0].rows(alike[0][1]) if is_one else _NONE

    @cached_property
    def _columns(self) -> tuple[_Column, ...]:
        wells = self._dataset.known_wells
        return tuple(_Column(wells[name]) for name in ("treatment", "gene"))


class _Column:
    """The rows in which each text of a column is."""

    def __init__(self, column: pd.Series) -> None:
        codes, names = column.factorize()
        self.codes = {name: code for code, name in enumerate(names)}
        self.folded: dict[str, list[str]] = {}
        for name in self.codes:
            self.folded.setdefault(name.casefold(), []).append(name)
        self._rows = np.argsort(codes, kind="stable")
        self._starts = np.searchsorted(codes[self._rows], np.arange(len(names) + 1))

    def rows(self, name: str) -> Array:
        code = self.codes[name]
        rows: Array = self._rows[self._starts[code] : self._starts[code + 1]]
        return rows


def count(n: int, word: str) -> str:
    """``1 well``, ``2,000 wells``."""
    return f"{n:,} {word}{'s' * (n != 1)}"


def some(names: Sequence[str]) -> str:
    """The names, or the first of many and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    first = (n if len(n) <= _LONGEST else f"{n[:_LONGEST]}…" for n in names[:_NAMED])
    return ", ".join(first) + more


def are(n: int) -> str:
    return "is" if n == 1 else "are"

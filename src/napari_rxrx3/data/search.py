"""Find genes, guides, compounds and wells by any part of their names."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.names import name_and_dose, resolve
from napari_rxrx3.core.perturbation import CONTROL_NAME, EMPTY_CONTROL, gene_of_guide
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.words import count, name_with_dose

__all__ = ["Found", "FoundPlate", "Match", "SearchIndex"]

Array = np.ndarray[Any, Any]

_KINDS = ("gene", "guide", "compound", "control", "well")
_BLOCK = 1 << 18
_SAME_DOSE = 1e-3


class Match(NamedTuple):
    """Something that a search found.

    Attributes
    ----------
    kind : str
        One of gene, guide, compound, control, well.
    dose : float, optional
        Of a compound, if only its wells at this dose are meant.
    """

    name: str
    kind: str
    n_wells: int
    dose: float | None = None

    @property
    def words(self) -> str:
        """What it is called."""
        return name_with_dose(self.name, math.nan if self.dose is None else self.dose)


class FoundPlate(NamedTuple):
    """A plate with found wells; `first` is one of them, with an image if there is one."""

    plate: PlateId
    n_wells: int
    n_images: int
    first: str


@dataclass(frozen=True, eq=False)
class Found:
    """Where the wells of a match are.

    Attributes
    ----------
    positions : int (n,)
        Places in the table of wells, ascending.
    plates : tuple of FoundPlate
        In the order of the table.
    starts : int (plates,)
        Where each plate's wells begin among the `positions`.
    """

    match: Match
    positions: Array
    plates: tuple[FoundPlate, ...]
    starts: Array
    well_ids: pa.Array

    @property
    def words(self) -> str:
        """What was found, and on how many plates."""
        wells, plates = count(len(self.positions), "well"), count(len(self.plates), "plate")
        return f"{self.match.words}: {wells} on {plates}"

    @cached_property
    def _number(self) -> dict[PlateId, int]:
        return {found.plate: number for number, found in enumerate(self.plates)}

    def plate(self, plate: PlateId | None) -> FoundPlate | None:
        """What was found on a plate, None if that is nothing."""
        number = self._number.get(plate) if plate is not None else None
        return None if number is None else self.plates[number]

    def on(self, plate: PlateId | None) -> list[str]:
        """Ids of the found wells of one plate."""
        number = self._number.get(plate) if plate is not None else None
        if number is None:
            return []
        start = int(self.starts[number])
        here = self.positions[start : start + self.plates[number].n_wells]
        return [str(i) for i in self.well_ids.take(pa.array(here)).to_pylist()]

    def everywhere(self) -> list[str]:
        """Ids of all found wells, in the order of the table."""
        return [str(i) for i in self.well_ids.take(pa.array(self.positions)).to_pylist()]


class SearchIndex:
    """All names of a table of wells. The search ignores case; names keep it.

    The long columns are kept as numbers and searched by pyarrow, which lets other threads run.
    """

    def __init__(self, wells: pd.DataFrame) -> None:
        self._wells = wells
        self._ids = _text(wells.index)
        self._treatments, self._treatment = _coded(wells["treatment"])
        self._genes, self._gene = _coded(wells["gene"])
        types, kind_of_type = _coded(wells["perturbation_type"])
        is_other = np.array([name != "COMPOUND" for name in types] + [False])
        self._is_no_compound = is_other[kind_of_type]  # some tables say no type
        names = _ordered(self._count())
        self._names = names
        self._text = pa.array(names["name"], pa.large_string())
        self._folded = pa.array(names["name"].str.casefold(), pa.large_string())
        # as `guide_in_words` has it, which is how guides are called in the window
        in_words = pc.replace_substring_regex(self._folded, r"_guide_(\d+)$", r" guide \1")
        if CONTROL_NAME in wells:  # which is what people call it who never heard of EMPTY_control
            called = " / ".join(wells[CONTROL_NAME].dropna().unique()).casefold()
            in_words = pc.if_else(pc.equal(self._text, EMPTY_CONTROL), called, in_words)
        self._in_words = in_words

    def search(
        self, text: str, limit: int = 20, go_on: Callable[[], None] = lambda: None
    ) -> list[Match]:
        """Names that hold a text, the ones that start with it first, wells last.

        `go_on` is called now and then and may raise to stop.
        """
        folded = text.strip().casefold()
        if not folded:
            return []
        contained, first = (
            pc.or_(holds(self._folded, folded), holds(self._in_words, folded))
            for holds in (pc.match_substring, pc.starts_with)
        )
        other = pc.and_not(contained, first)
        rows = [*_places(first, limit), *_places(other, limit)][:limit]
        matches = [self._match(row) for row in rows]
        return matches + self._wells_like(folded, limit - len(matches), go_on)

    def at(self, plate: PlateId, row: int, column: int) -> Match | None:
        """The well at a position of a plate."""
        number = self._plate_numbers.get(plate)
        if number is None:
            return None
        start, stop = self._plate_starts[number : number + 2].tolist()
        here = self._wells[["row", "column"]].iloc[start:stop].to_numpy()
        found = np.flatnonzero((here == (row, column)).all(axis=1))
        return Match(self._id(start + int(found[0])), "well", 1) if len(found) else None

    def positions_of(self, match: Match) -> Array:
        """Places in the table of all wells that a match stands for, ascending: int (n,)."""
        if match.kind == "well":
            return np.array([self._place(match.name)])
        if match.kind == "gene":
            return np.flatnonzero(self._gene == self._genes[match.name])
        rows: Array = np.flatnonzero(self._treatment == self._treatments[match.name])
        if match.kind == "control" or gene_of_guide(match.name) is not None:
            return rows
        is_other = self._is_no_compound[rows]
        chosen: Array = rows[is_other if match.kind == "guide" else ~is_other]
        if match.dose is not None:
            doses = self._wells["concentration"].to_numpy()[chosen]
            chosen = chosen[np.isclose(doses, match.dose, rtol=_SAME_DOSE, atol=0)]
        return chosen

    def wells_of(self, match: Match) -> pd.DataFrame:
        """Rows of all wells that a match stands for."""
        return self._wells.iloc[self.positions_of(match)]

    def where(self, match: Match) -> Found:
        """The plates that hold the wells of a match."""
        positions = self.positions_of(match)
        plate = np.searchsorted(self._plate_starts, positions, side="right") - 1
        numbers, starts, counts = np.unique(plate, return_index=True, return_counts=True)
        has_image = self._wells["has_image"].to_numpy()[positions]
        n_images = np.add.reduceat(has_image, starts, dtype=int) if len(starts) else starts
        first = positions[starts]
        pictured, first_pictured = np.unique(plate[has_image], return_index=True)
        first[np.isin(numbers, pictured)] = positions[has_image][first_pictured]
        ids = self._ids.take(pa.array(first)).to_pylist()
        names = list(self._plate_numbers)
        plates = tuple(
            FoundPlate(names[number], int(n), int(images), str(well))
            for number, n, images, well in zip(numbers, counts, n_images, ids, strict=True)
        )
        return Found(match, positions, plates, starts, self._ids)

    def find(self, name: str) -> Match | None:
        """What exactly has a name, as `napari_rxrx3.core.names` reads it; None if nothing does."""
        return resolve([name.strip()], self._exactly, self._alike)[0]

    def _exactly(self, keys: list[str]) -> dict[str, Match]:
        found = {}
        for key in keys:
            match = self._named(key) or self._at_dose(key)
            if match is None and self._place(key) >= 0:
                match = Match(key, "well", 1)
            if match is not None:
                found[key] = match
        return found

    def _named(self, name: str) -> Match | None:
        rows = self._rows_named(name)
        return self._match(rows[0]) if rows else None

    def _rows_named(self, name: str) -> list[int]:
        return _places(pc.equal(self._text, name), len(_KINDS))

    def _at_dose(self, key: str) -> Match | None:
        """A compound at a dose, if it has wells there."""
        parts = name_and_dose(key)
        rows = self._rows_named(parts[0]) if parts is not None else []
        match = next((m for m in map(self._match, rows) if m.kind == "compound"), None)
        if parts is None or match is None:
            return None
        match = match._replace(dose=parts[1])
        n = len(self.positions_of(match))
        return match._replace(n_wells=n) if n else None

    def _alike(self, folded: set[str]) -> dict[str, set[str]]:
        """Keys that differ from folded ones only in their case."""
        found = {}
        for text in folded:
            found[text] = self._written(text)
            if parts := name_and_dose(text):
                found[text] |= {f"{name}@{parts[1]:g}" for name in self._written(parts[0])}
        return found

    def _written(self, folded: str) -> set[str]:
        rows = _places(pc.equal(self._folded, folded), len(self._folded))
        return {self._match(row).name for row in rows}

    @cached_property
    def _plate_starts(self) -> Array:
        """Where the wells of each plate begin in the table, and where the last ones end."""
        _, experiment = _coded(self._wells["experiment_name"])
        plate = self._wells["plate"].to_numpy()
        new = (experiment[1:] != experiment[:-1]) | (plate[1:] != plate[:-1])
        return np.concatenate([[0], np.flatnonzero(new) + 1, [len(plate)]])

    @cached_property
    def _plate_numbers(self) -> dict[PlateId, int]:
        firsts = self._wells[["experiment_name", "plate"]].iloc[self._plate_starts[:-1]]
        pairs = firsts.itertuples(index=False)
        return {PlateId(name, int(plate)): n for n, (name, plate) in enumerate(pairs)}

    def _count(self) -> list[Match]:
        """All names but those of wells, in no order."""
        kinds: dict[tuple[str, str], int] = {}
        for is_other in (False, True):
            codes = self._treatment[self._is_no_compound == is_other]
            counts = np.bincount(codes[codes >= 0], minlength=len(self._treatments))
            for name, n in zip(self._treatments, counts.tolist(), strict=True):
                key = name, _kind(name, is_other)
                if n:
                    kinds[key] = kinds.get(key, 0) + n
        genes = np.bincount(self._gene[self._gene >= 0], minlength=len(self._genes)).tolist()
        controls = {name for name, kind in kinds if kind == "control"}
        matches = [Match(name, kind, n) for (name, kind), n in kinds.items()]
        for name, n in zip(self._genes, genes, strict=True):
            if name not in controls:
                matches.append(Match(name, "gene", n))
        return matches

    def _match(self, row: int) -> Match:
        found = self._names.iloc[row]
        return Match(str(found["name"]), str(found["kind"]), int(found["n_wells"]))

    def _place(self, well_id: str) -> int:
        """Where a well is in the table, -1 if it is not there; pandas would make an index first."""
        return int(pc.index(self._ids, well_id).as_py())

    def _id(self, position: int) -> str:
        return str(self._ids[position].as_py())

    def _wells_like(self, folded: str, limit: int, go_on: Callable[[], None]) -> list[Match]:
        matches: list[Match] = []
        for start in range(0, len(self._ids), _BLOCK):
            if len(matches) >= limit:
                break
            go_on()
            block = self._ids.slice(start, _BLOCK)
            contained = pc.match_substring(pc.utf8_lower(block), folded)
            places = _places(contained, limit - len(matches))
            matches += [Match(self._id(start + place), "well", 1) for place in places]
        return matches


def _text(column: pd.Series | pd.Index) -> pa.Array:
    text = pa.array(column.array, pa.large_string())  # of a Series, pandas would index its ids
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def _coded(column: pd.Series) -> tuple[dict[str, int], Array]:
    """The different texts of a column with a number each, and each row's: -1 where it has none."""
    coded = _text(column).dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return {name: code for code, name in enumerate(coded.dictionary.to_pylist())}, codes


def _kind(treatment: str, is_other: bool) -> str:
    """What a treatment is; `is_other` says that the table has it as no compound."""
    if "_control" in treatment:
        return "control"
    return "guide" if is_other or gene_of_guide(treatment) is not None else "compound"


def _ordered(matches: list[Match]) -> pd.DataFrame:
    """Name, kind and n_wells of each: genes first, of a kind the shortest first."""
    names = pd.DataFrame(matches, columns=Match._fields)
    names["name"] = names["name"].astype("str")
    names["order"] = names["kind"].map(_KINDS.index)
    names["length"] = names["name"].str.len()
    names = names.sort_values(["order", "length", "name"])
    return names.reset_index(drop=True)[["name", "kind", "n_wells"]]


def _places(matches: pa.Array, limit: int) -> list[int]:
    places: list[int] = pc.indices_nonzero(matches)[:limit].to_pylist()
    return places

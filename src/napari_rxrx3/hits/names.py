"""The names that a list has, and the wells that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.names import alike_among, name_and_dose, resolve, rows_with
from napari_rxrx3.core.spelling import normal_well_id
from napari_rxrx3.data.files.cells import as_number
from napari_rxrx3.hits.sheet import Sheet

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["find_wells", "listed_names"]

Array = np.ndarray[Any, Any]

_WELL = ("well_id", "well id")
_PLACE = (("experiment", "experiment_name"), ("plate",), ("address", "well"))
_KEY = ("key", "perturbation", "treatment", "guide", "compound", "gene", "name")
_DOSE = ("concentration", "dose")
_SAME_DOSE = 1e-3
_NONE = np.zeros(0, dtype=np.intp)


# --- names in a table -----------------------------------------------------------------------------


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
    plate = plate if number is None else f"{number:g}"
    return normal_well_id(f"{experiment}_{plate}_{address}")


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


# --- the wells of names ---------------------------------------------------------------------------


def find_wells(
    dataset: Dataset, names: Sequence[str], phenomap: PhenoMap | None = None
) -> list[Array]:
    """Places in the table of wells that names stand for, int (m,) each; none where one is unknown.

    A name is a well id, or a key in any way that `napari_rxrx3.core.names` knows; also a treatment
    or a gene. With a map, the wells of an entry come in its order, the most typical first.
    """
    of_map = phenomap if phenomap is not None and phenomap.level != "well" else None

    def find(keys: list[str]) -> dict[str, Array]:
        wells = dataset.listed.positions_of(keys).tolist()
        found = {key: np.array([well]) for key, well in zip(keys, wells, strict=True) if well >= 0}
        return _received(dataset, keys) | _entries(of_map, keys) | found

    def alike(folded: set[str]) -> dict[str, set[str]]:
        return _alike(dataset, folded)

    return [_NONE if wells is None else wells for wells in resolve(names, find, alike)]


def _entries(phenomap: PhenoMap | None, keys: list[str]) -> dict[str, Array]:
    """The wells of entries of a map."""
    if phenomap is None:
        return {}
    rows = zip(keys, phenomap.rows_of(keys).tolist(), strict=True)
    return {key: phenomap.positions_of(row) for key, row in rows if row >= 0}


def _received(dataset: Dataset, keys: list[str]) -> dict[str, Array]:
    """The wells with a treatment or gene of these names, or with a treatment at a dose."""
    wells = dataset.known_wells
    at_dose = {key: parts for key in keys if (parts := name_and_dose(key)) is not None}
    names = {*keys, *(name for name, _ in at_dose.values())}
    found = rows_with(wells["gene"], names) | rows_with(wells["treatment"], names)
    doses = wells["concentration"].to_numpy()
    for key, (name, dose) in at_dose.items():
        rows = found.get(name, _NONE)
        rows = rows[np.isclose(doses[rows], dose, rtol=_SAME_DOSE, atol=0)]
        if key not in found and len(rows):
            found[key] = rows
    return {key: found[key] for key in keys if key in found}


def _alike(dataset: Dataset, folded: set[str]) -> dict[str, set[str]]:
    """Keys that differ from folded ones only in their case: of treatments, genes and doses."""
    at_dose = {text: parts for text in folded if (parts := name_and_dose(text)) is not None}
    names = {*folded, *(name for name, _ in at_dose.values())}
    wells = dataset.known_wells
    texts = (text for name in ("treatment", "gene") for text in wells[name].unique())
    found = alike_among(texts, names)
    for text, (name, dose) in at_dose.items():
        keys = {f"{each}@{dose:g}" for each in found.get(name, ())}
        found[text] = found.get(text, set()) | keys
    return found

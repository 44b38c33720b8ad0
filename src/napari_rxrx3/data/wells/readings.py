"""What is made of cells and ids that say what belongs there, but in a way of their own."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.spelling import NORMAL_WELL_ID, normal_well_id
from napari_rxrx3.data.files.cells import as_number

__all__ = ["MAY_BE_OTHERS", "dose_in", "is_mass", "is_spoiled_gene", "normal_ids", "word_in"]

_UM_OF = {"pm": 1e-6, "nm": 1e-3, "um": 1.0, "\u00b5m": 1.0, "\u03bcm": 1.0}
_LARGE_UNITS = {"mM": 1e3, "M": 1e6}
"""Here the case matters: mM is no MM, and m is no unit of concentration."""
_WITH_UNIT = re.compile(
    r"([-+\u2212]?[\d.,'\u2019 \u00a0\u202f]*\d[.,]?(?:[eE][+-]?\d+)?)\s*(\D+)\Z"
)
_GUESSED_THOUSAND = re.compile(r"\D*[1-9]\d{0,2}[.,]\d{3}\Z")
_MASS = re.compile(r"\d\s*(?:[pn\u00b5\u03bcumk]?g\s*/\s*[\u00b5\u03bcum]?l|%)", re.IGNORECASE)

_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mrz|mai|okt|dez)t?"
_SPOILED = re.compile(
    rf"(?:\d{{1,2}}[-./ ]{_MONTH}\.?|{_MONTH}[-./ ]\d{{1,4}}|\d{{4}}-\d\d-\d\d.*"
    r"|\d+(?:[.,]\d+)?e\+?\d\d)\Z",
    re.IGNORECASE,
)

_WORDS = {
    "perturbation_type": ("CRISPR", "COMPOUND"),
    "treatment": ("EMPTY_control", "CRISPR_control"),
}
_SPELLINGS = {
    "compounds": "compound",
    "cmpd": "compound",
    "smallmolecule": "compound",
} | dict.fromkeys(("crisprko", "crisprcas9", "sgrna", "guide", "knockout"), "crispr")

MAY_BE_OTHERS = {"treatment": r"(?i)controls?$", "gene": rf"(?i)^(?:[0-9]|{_MONTH}[-./ ])"}
"""What to look at closely of a column that has a hundred thousand names."""


def normal_ids(ids: pa.Array) -> pa.Array:
    """Ids of wells as RxRx3 writes them; what is no such id is left as it is."""
    is_normal = pc.fill_null(pc.match_substring_regex(ids, NORMAL_WELL_ID), True)
    if pc.all(is_normal, min_count=0).as_py():
        return ids
    others = ids.filter(pc.invert(is_normal))
    made = pa.array([normal_well_id(text) for text in others.to_pylist()], ids.type)
    return pc.replace_with_mask(ids, pc.invert(is_normal), made)


def dose_in(text: str) -> float | None:
    """Micromoles a liter of a cell with a unit, ``100 nM``; None if that cannot be told.

    ``1,000 nM`` is not taken for one nor for a thousand: nothing tells which mark it is.
    """
    found = _WITH_UNIT.match(text.strip())
    if found is None or _GUESSED_THOUSAND.match(found[1]):
        return None
    unit = found[2].strip()
    factor = _LARGE_UNITS.get(unit) or _UM_OF.get(unit.lower())
    number = as_number(found[1])
    return None if factor is None or number is None else float(f"{number * factor:.6g}")


def is_mass(text: str) -> bool:
    """Whether a cell says a mass in a volume, of which only the weight of a molecule makes uM."""
    return _MASS.search(text) is not None


def word_in(column: str, text: str) -> str:
    """The word that RxRx3 uses, of one in another case or spelling; else the text."""
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    plain = _SPELLINGS.get(plain, plain) if column == "perturbation_type" else plain
    words = {re.sub(r"[^a-z0-9]", "", word.lower()): word for word in _WORDS.get(column, ())}
    return words.get(plain, text)


def is_spoiled_gene(text: str) -> bool:
    """Whether a gene looks like what a spreadsheet makes of a name: ``1-Sep``, ``2.31E+13``."""
    return _SPOILED.match(text) is not None

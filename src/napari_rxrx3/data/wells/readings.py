"""What is made of cells and ids that say what belongs there, but in a way of their own."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.spelling import NORMAL_WELL_ID, normal_well_id
from napari_rxrx3.data.files.cells import as_number

__all__ = [
    "KINDS",
    "MAY_BE_OTHERS",
    "WELL_TYPES",
    "dose_in",
    "is_mass",
    "is_spoiled_gene",
    "micromolar",
    "normal_ids",
    "word_in",
]

_UM_OF = {"p": 1e-6, "n": 1e-3, "u": 1.0, "\u00b5": 1.0, "\u03bc": 1.0, "m": 1e3, "": 1e6}
_WORDS_OF = {"pico": "p", "nano": "n", "micro": "u", "milli": "m", "": ""}
_UNIT = re.compile(r"(?:([pnu\u00b5\u03bcPNU]?)[Mm]|([m]?)M|([pnu\u00b5\u03bcm]?)mol/[lL])\Z")
"""Here the case matters: mM is no MM, and m is no unit of concentration."""
_UNIT_IN_WORDS = re.compile(r"(pico|nano|micro|milli|)molar\Z", re.IGNORECASE)
_WITH_UNIT = re.compile(
    r"([-+\u2212]?[\d.,'\u2019 \u00a0\u202f]*\d[.,]?(?:[eE][+-]?\d+)?)\s*(\D+)\Z"
)
_GUESSED_THOUSAND = re.compile(r"\D*[1-9]\d{0,2}[.,]\d{3}\Z")
_MASS = re.compile(r"\d\s*(?:[pn\u00b5\u03bcumk]?g\s*/\s*[\u00b5\u03bcum]?l|%)", re.IGNORECASE)

_MONTH = (
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mrz|m\u00e4r|m\u00e4rz|mai|okt|dez|mars|avr|set"
    "|sept?|march|april)t?"
)
_SPOILED = re.compile(
    rf"(?:\d{{1,2}}[-./ ]+{_MONTH}\.?(?:[-./ ]+\d{{2,4}})?|{_MONTH}[-./ ]+\d{{1,4}}"
    r"|\d{4}-\d\d-\d\d.*|\d{1,2}([-./])\d{1,2}\1(?:\d\d|\d{4})|[34]\d{4}|\d+(?:[.,]\d+)?e\+?\d\d)\Z",
    re.IGNORECASE,
)
"""Days, numbers of days since 1900 (of the last decades), and numbers with an exponent."""

KINDS = ("CRISPR", "COMPOUND")
WELL_TYPES = (
    *("EMPTY_control", "CRISPR_control", "cutting_control", "positive_control"),
    *("guide", "compound"),
)
_WORDS = {
    "perturbation_type": KINDS,
    "well_type": WELL_TYPES,
    "cell_type": ("HUVEC", "HepG2", "U2OS", "RPE", "HRCE", "VERO"),
    "treatment": ("EMPTY_control", "CRISPR_control"),
}
_SPELLINGS = {
    "compounds": "compound",
    "cmpd": "compound",
    "smallmolecule": "compound",
    "smallmolecules": "compound",
    "drug": "compound",
    "chemical": "compound",
} | dict.fromkeys(("crisprko", "crisprcas9", "sgrna", "guide", "knockout", "ko"), "crispr")
_EMPTY = {"empty": "EMPTY_control", "emptywell": "EMPTY_control", "untreated": "EMPTY_control"}
_GUIDE = re.compile(r"(.*\S)[ _-]+guide[ _-]*0*(\d{1,4})\Z", re.IGNORECASE | re.ASCII | re.DOTALL)

_NOTHING = r"(?i:^(?:na|n/a|n\.a\.|#n/a|#nv|<na>|nan|null|none|-)$)"
MAY_BE_OTHERS = {
    "treatment": rf"{_NOTHING}|"
    r"(?i:controls?|^empty.{0,5}|^untreated)$|(?i:[ -]guide[ _-]*\d+|guide[ -]+\d+"
    r"|_guide_?0\d*|_guide\d+)$|_(?:Guide|GUIDE)_\d+$",
    "gene": rf"{_NOTHING}|(?i:^(?:[0-9]|{_MONTH}[-./ ]))",
}
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
    factor = micromolar(found[2].strip())
    number = as_number(found[1])
    return None if factor is None or number is None else float(f"{number * factor:.6g}")


def micromolar(unit: str) -> float | None:
    """How many uM a unit of concentration is; None if it is none."""
    unit = unit.removeprefix("(").removesuffix(")").strip() if unit[:1] == "(" else unit
    if (word := _UNIT_IN_WORDS.match(unit)) is not None:
        return _UM_OF[_WORDS_OF[word[1].lower()]]
    found = _UNIT.match(unit)
    prefix = "".join(part or "" for part in found.groups()) if found is not None else ""
    if found is None or unit in ("m", "mm"):
        return None
    return _UM_OF[prefix.lower()]


def is_mass(text: str) -> bool:
    """Whether a cell says a mass in a volume, of which only the weight of a molecule makes uM."""
    return _MASS.search(text) is not None


def word_in(column: str, text: str) -> str:
    """The word that RxRx3 uses, of one in another case or spelling; else the text."""
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    plain = _SPELLINGS.get(plain, plain) if column == "perturbation_type" else plain
    if column == "treatment" and (found := _GUIDE.match(text)) is not None:
        return f"{found[1]}_guide_{found[2]}"
    if column in ("treatment", "well_type") and plain in _EMPTY:
        return _EMPTY[plain]
    words = {re.sub(r"[^a-z0-9]", "", word.lower()): word for word in _WORDS.get(column, ())}
    return words.get(plain, text)


def is_spoiled_gene(text: str) -> bool:
    """Whether a gene looks like what a spreadsheet makes of a name: ``1-Sep``, ``2.31E+13``."""
    return _SPOILED.match(text) is not None

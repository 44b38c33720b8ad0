"""What is made of cells and ids that say what belongs there, but in a way of their own."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.spelling import NORMAL_WELL_ID, normal_well_id
from napari_rxrx3.data.files.cells import MISSING, Marks, as_number

__all__ = [
    "KINDS",
    "MAY_BE_OTHERS",
    "WELL_TYPES",
    "dose_in",
    "is_error",
    "is_like_control",
    "is_marked",
    "is_mass",
    "is_spoiled_gene",
    "micromolar",
    "normal_ids",
    "word_in",
]

_UM_OF = {"f": 1e-9, "p": 1e-6, "n": 1e-3, "m": 1e3, "": 1e6} | dict.fromkeys("u\u00b5\u03bc", 1.0)
_WORDS_OF = {"femto": "f", "pico": "p", "nano": "n", "micro": "u", "milli": "m", "": ""}
_UNKNOWN = Marks()
_UNIT = re.compile(
    r"(?:([fpnu\u00b5\u03bcPNU]?)[Mm]|(m?)M"
    r"|([fpnu\u00b5\u03bcm]?)mol(?:ar| ?/ ?(?:[lL]|dm3)|[ \u00b7*.]?[lL]\^?(?:-1|\u207b\u00b9)))\Z"
)
"""Here the case matters: mM is no MM, and m is no unit of concentration."""
_UNIT_IN_WORDS = re.compile(r"(femto|pico|nano|micro|milli|)molar\Z", re.IGNORECASE)
_WITH_UNIT = re.compile(
    r"([-+\u2212]?[\d.,'\u2019 \u00a0\u202f]*\d[.,]?(?:[eE][+-]?\d+)?)\s*(\D.*)\Z"
)
_GUESSED_THOUSAND = re.compile(r"\D*[1-9]\d{0,2}[.,]\d{3}\Z")
_MASS = re.compile(r"\d\s*(?:[pn\u00b5\u03bcumk]?g\s*/\s*[\u00b5\u03bcum]?l|%)", re.IGNORECASE)

_MONTH = (
    "(?:jan(?:uary|vier)?|feb(?:ruary|ruar)?|mar(?:ch|s|zo)?|apr(?:il)?|ma[yi]|jun[ei]?|jul[iy]?"
    "|aug(?:ust)?|sep(?:t|tember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[czk](?:ember)?|mrz|m\u00e4r[zt]?|mrt|maj|mag"
    "|gen|set|ott|dic|ene|abr|ago|out|fev|f\u00e9vr?|avr(?:il)?|juin|juil|ao\u00fbt|d\u00e9c|mar\u00e7o?"
    "|\u044f\u043d\u0432|\u0444\u0435\u0432|\u043c\u0430\u0440|\u0430\u043f\u0440|\u043c\u0430\u0439|\u0438\u044e\u043d|\u0438\u044e\u043b"
    "|\u0430\u0432\u0433|\u0441\u0435\u043d|\u043e\u043a\u0442|\u043d\u043e\u044f|\u0434\u0435\u043a)"
)
"""As spreadsheets of Europe shorten them."""
_SPOILED = re.compile(
    rf"(?:\d{{1,4}}[-./ ]+{_MONTH}\.?(?:[-./ ]+\d{{2,4}})?|{_MONTH}\.?[-./ ]+\d{{1,4}}"
    r"|\d{1,2}[-./ ][^\W\d_]{3,5}\.?(?:[-./ ]\d{2,4})?|\d{1,2}\.\d{1,2}\."
    r"|\d{4}([-./])\d\d?\1\d\d?(?!\d).*|\d{1,2}([-./])\d{1,2}\2(?:\d\d|\d{4})|\d{1,2}/\d{1,2}"
    r"|\d{1,2}[\u6708\uc6d4]\s?\d{1,2}[\u65e5\uc77c]"
    r"|[-+]?\d+(?:[.,]\d*)?(?:e[-+]?\d+)?|true|false|wahr|falsch|vrai|faux)\Z",
    re.IGNORECASE,
)
"""Days, and numbers: of days since 1900, of levels of a factor, or with an exponent.

A number before some letters is a day in whatever language: no gene is called so.
"""
_ERROR = re.compile(r"#[A-Z\u00c4\u00d6\u00dc\u00c9\u00d1/0_]+[!?]?\Z")
_LIKE_CONTROL = re.compile(
    r"(?:dmso|vehicle|mock|ntc?|nc|scrambled?|non[ _-]?targeting|untransfected|blank"
    r"|(?:(?:neg(?:ative)?|pos(?:itive)?|dmso|vehicle|mock|solvent|non[ _-]?targeting)[ _-]*)?"
    r"(?:controls?|ctrls?|ctls?))\Z",
    re.IGNORECASE,
)

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

_NOTHING = f"(?i:^(?:{'|'.join(map(re.escape, sorted(filter(None, MISSING))))})$)"
MAY_BE_OTHERS = {
    "treatment": rf"{_NOTHING}|^['=+@]|^(?i:[0-9].*|{_MONTH}\.?[-./ ].*)_guide_|"
    r"(?i:controls?|ctrls?|ctls?|^dmso|^vehicle|^mock|^ntc?|^nc|^scrambled?|^non.?targeting"
    r"|^untransfected|^blank|^empty.{0,5}|^untreated)$|(?i:[ -]guide[ _-]*\d+|guide[ -]+\d+"
    r"|_guide_?0\d*|_guide\d+)$|_(?:Guide|GUIDE)_\d+$",
    "gene": rf"{_NOTHING}|^['=+@]|"
    rf"(?i:^(?:[-+]?[0-9]|{_MONTH}\.?[-./ ]|(?:true|false|wahr|falsch|vrai|faux)$))",
}
"""What to look at closely of a column that has a hundred thousand names."""


def normal_ids(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids of wells as RxRx3 writes them; what is no such id is left as it is."""
    if isinstance(ids, pa.ChunkedArray):  # as columns are that pandas has put together
        ids = ids.combine_chunks()
    is_normal = pc.fill_null(pc.match_substring_regex(ids, NORMAL_WELL_ID), True)
    if pc.all(is_normal, min_count=0).as_py():
        return ids
    others = ids.filter(pc.invert(is_normal))
    made = pa.array([normal_well_id(text) for text in others.to_pylist()], ids.type)
    return pc.replace_with_mask(ids, pc.invert(is_normal), made)


def dose_in(text: str, marks: Marks = _UNKNOWN) -> float | None:
    """Micromoles a liter of a cell with a unit, ``100 nM``; None if that cannot be told.

    ``1,000 nM`` is not taken for one nor for a thousand unless the table tells its marks.
    """
    found = _WITH_UNIT.match(text.strip())
    if found is None or (not marks.thousands and _GUESSED_THOUSAND.match(found[1])):
        return None
    factor = micromolar(found[2].strip())
    number = as_number(found[1], marks)
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


def is_error(text: str) -> bool:
    """Whether a cell says that a spreadsheet could not compute it: ``#NAME?``, ``#REF!``."""
    return _ERROR.match(text) is not None


def is_marked(text: str) -> bool:
    """Whether a name begins as formulas and texts do in a spreadsheet: ``=PLK1``, ``'PLK1``."""
    return text.startswith(("'", "=", "+", "@"))


def is_like_control(text: str) -> bool:
    """Whether a treatment is called as others call their controls."""
    return _LIKE_CONTROL.match(text) is not None


def is_spoiled_gene(text: str) -> bool:
    """Whether a gene looks like what a spreadsheet makes of a name: ``1-Sep``, ``2.31E+13``."""
    return _SPOILED.match(text) is not None

"""What one cell of a table says: words for what is missing, and numbers as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

__all__ = [
    "MISSING",
    "MISSING_AS_WRITTEN",
    "Marks",
    "as_number",
    "is_guessed",
    "is_missing",
    "marks_of",
]

MISSING = frozenset(
    {"", "na", "n/a", "n.a.", "#n/a", "#nv", "<na>", "nan", "null", "none", "-"}
    | {"n.d.", "--", "\u2013", "\u2014", ".", "?"}  # also of SAS, and of people
    | {"\\n", "(null)", "[null]", "<null>"}  # of databases
    | {'""', "''"}  # quotes around nothing, in quotes themselves
)
"""What a cell says, in lower case, that says that there is nothing."""

MISSING_AS_WRITTEN = sorted(
    {form for word in MISSING for form in (word, word.upper(), word.capitalize())} | {"NaN"}
)
"""The words for what is missing, in the cases that programs write."""

_SPACE_IN_NUMBER = re.compile("(?<=\\d)[ \u00a0\u2009\u202f'\u2019](?=\\d{3}(?!\\d))")
_NUMBER = re.compile(r"([+-]?)([\d.,]*\d[.,]?)([eE][+-]?\d+)?\Z", re.ASCII)
_INFINITE = re.compile(r"([+-]?)inf(inity)?\Z", re.IGNORECASE)
_GROUPED = {mark: re.compile(rf"[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+\Z", re.ASCII) for mark in ",."}


_ENOUGH = 20


class Marks(NamedTuple):
    """The marks in the numbers of a table; `thousands` is empty where a mark may be either."""

    decimal: str = "."
    thousands: str = ""


_UNKNOWN = Marks()


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is nothing."""
    return cell.strip().lower() in MISSING


def as_number(cell: str, marks: Marks = _UNKNOWN) -> float | None:
    """The number that a cell says; None if it says none.

    A decimal comma is as good as a point. Of two different marks the last is the decimal one; one
    that is there twice groups thousands; a single one does if it is the table's mark for them and
    three digits follow.
    """
    if "," not in cell and marks.thousands != ".":
        with suppress(ValueError):  # nearly all numbers, in a tenth of the time
            number = float(cell)
            return number if number == number and "_" not in cell else None
    text = _SPACE_IN_NUMBER.sub("", cell.strip().replace("\u2212", "-"))
    if found := _INFINITE.match(text):
        return float(f"{found[1]}inf")
    found = _NUMBER.match(text)
    digits = _with_point(found[2], marks) if found is not None else None
    if found is None or digits is None:
        return None
    return float(f"{found[1]}{digits}{found[3] or ''}")


def is_guessed(cell: str, marks: Marks) -> bool:
    """Whether a number is written so that it takes the table's marks, or a habit, to read it.

    Decimal marks of the table are none of these: of all of them together it can be said once.
    """
    text = cell.strip()
    if _SPACE_IN_NUMBER.search(text):
        return True
    found = _NUMBER.match(text)
    digits = found[2] if found is not None else ""
    if digits.count(",") + digits.count(".") > 1:
        return True
    mark = next((mark for mark in ",." if mark in digits), marks.decimal)
    return mark != marks.decimal or (
        not marks.thousands and _GROUPED[mark].match(digits) is not None
    )


def _with_point(digits: str, marks: Marks) -> str | None:
    """Digits with a decimal point and nothing between thousands; None if they are no number."""
    place = max(digits.rfind(","), digits.rfind("."))
    if place < 0:
        return digits
    mark, whole, part = digits[place], digits[:place], digits[place + 1 :]
    other = "." if mark == "," else ","
    if mark in whole:
        return digits.replace(mark, "") if _GROUPED[mark].match(digits) else None
    if other in whole:
        return f"{whole.replace(other, '')}.{part}" if _GROUPED[other].match(whole) else None
    if mark == marks.thousands and _GROUPED[mark].match(digits):
        return digits.replace(mark, "")
    return f"{whole}.{part}"


def marks_of(cells: Iterable[str], separator: str) -> Marks:
    """Tell the marks of a table from some of its cells.

    A mark that cannot group thousands (``0,25``, ``1.5``) is a decimal one, and the other then
    groups them. Where both are seen as decimal marks, neither groups. Where none is, a comma that
    does not separate cells may be either.
    """
    counts = {",": 0, ".": 0}
    for cell in cells:
        mark = "," if cell.rfind(",") > cell.rfind(".") else "."
        if mark in cell and counts[mark] < _ENOUGH and (found := _NUMBER.match(cell)):
            digits = found[2]
            is_both = "," in digits and "." in digits
            is_decimal = digits.count(mark) == 1 and (is_both or not _GROUPED[mark].match(digits))
            counts[mark] += is_decimal
    decimal = "," if counts[","] > counts["."] else "."
    if counts[","] and counts["."]:
        return Marks(decimal)
    if any(counts.values()) or separator == ",":
        return Marks(decimal, "." if decimal == "," else ",")
    return Marks()

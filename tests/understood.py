"""What cells of metadata are understood as: for the tests, and for the documentation.

    python tests/understood.py

writes the table in docs/formats.md anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["FORMATS", "READINGS", "with_table"]

FORMATS = Path(__file__).parents[1] / "docs" / "formats.md"
_BEGIN, _END = "<!-- by tests/understood.py -->\n", "<!-- end -->\n"

READINGS: list[tuple[dict[str, str], str, Any, list[str]]] = [
    ({"concentration": "100 nM"}, "interpreted", 0.1, ["100 nM", "0.1 uM"]),
    ({"concentration": "5 ug/ml"}, "not_a_number", None, ["5 ug/ml", "converted"]),
    ({"perturbation_type": "compound"}, "interpreted", "COMPOUND", ["COMPOUND"]),
    ({"treatment": "Empty Control"}, "interpreted", "EMPTY_control", ["EMPTY_control"]),
    ({"gene": "1-Sep"}, "interpreted", "1-Sep", ["1-Sep", "spreadsheet"]),
    ({"address": "2-3"}, "interpreted", "B03", ["2-3", "B03"]),
    ({"concentration": "1,000"}, "interpreted", 1000, ["1000 uM"]),
    ({"concentration": "1 000"}, "interpreted", 1000, ["1000 uM"]),
    ({"concentration": "1'000.5"}, "interpreted", 1000.5, ["1000.5 uM"]),
    ({"concentration": "3 \u00b5mol/L"}, "interpreted", 3, ["3 uM"]),
    ({"concentration": "5 nanomolar"}, "interpreted", 0.005, ["0.005 uM"]),
    ({"concentration": "10 (nM)"}, "interpreted", 0.01, ["0.01 uM"]),
    ({"concentration": "-1"}, "not_a_number", None, ["no dose"]),
    ({"concentration": "inf"}, "not_a_number", None, ["no dose"]),
    ({"concentration": ">10"}, "not_a_number", None, ["not a number"]),
    ({"concentration": "TRUE"}, "not_a_number", None, ["not a number"]),
    ({"perturbation_type": "small molecule"}, "interpreted", "COMPOUND", ["COMPOUND"]),
    ({"treatment": "PLK1-Guide 02"}, "interpreted", "PLK1_guide_2", ["PLK1_guide_2"]),
    ({"treatment": "EMPTY"}, "interpreted", "EMPTY_control", ["EMPTY_control"]),
    ({"treatment": "N/A"}, "interpreted", None, ["missing"]),
    ({"gene": "NA"}, "interpreted", None, ["missing"]),
    ({"gene": "None"}, "interpreted", None, ["missing"]),
    ({"gene": "\\N"}, "interpreted", None, ["missing"]),
    ({"gene": "(null)"}, "interpreted", None, ["missing"]),
    ({"treatment": "\u2014"}, "interpreted", None, ["missing"]),
    ({"gene": "1. Sep"}, "interpreted", "1. Sep", ["spreadsheet"]),
    ({"gene": "01/03/2021"}, "interpreted", "01/03/2021", ["spreadsheet"]),
    ({"gene": "43891"}, "interpreted", "43891", ["spreadsheet"]),
    ({"cell_type": "huvec"}, "interpreted", "HUVEC", ["HUVEC"]),
    ({"experiment_name": "compound.0001"}, "interpreted", "compound-001", ["compound-001"]),
    ({"experiment_name": "compound\u2011001"}, "interpreted", "compound-001", ["compound-001"]),
    ({"concentration": "10 fM"}, "interpreted", 1e-8, ["1e-08 uM"]),
    ({"concentration": "3 \u00b5mol\u00b7L\u207b\u00b9"}, "interpreted", 3, ["3 uM"]),
    ({"concentration": "5 %"}, "not_a_number", None, ["converted"]),
    ({"concentration": "1-3"}, "not_a_number", None, ["not a number"]),
    ({"concentration": "#REF!"}, "not_a_number", None, ["not a number"]),
    ({"gene": "#NAME?"}, "interpreted", None, ["missing", "spreadsheet"]),
    ({"gene": "1-dic"}, "interpreted", "1-dic", ["spreadsheet"]),
    ({"gene": "9\u67089\u65e5"}, "interpreted", "9\u67089\u65e5", ["spreadsheet"]),
    ({"gene": "2021/03/01"}, "interpreted", "2021/03/01", ["spreadsheet"]),
    ({"gene": "17"}, "interpreted", "17", ["spreadsheet"]),
    ({"gene": "2-Eyl"}, "interpreted", "2-Eyl", ["spreadsheet"]),
    ({"gene": "01.09."}, "interpreted", "01.09.", ["spreadsheet"]),
    ({"gene": "2021-09-01T00:00:00"}, "interpreted", "2021-09-01T00:00:00", ["spreadsheet"]),
    ({"treatment": "DMSO"}, "unknown_word", "DMSO", ["EMPTY_control"]),
    ({"perturbation_type": "siRNA"}, "unknown_word", "siRNA", ["COMPOUND"]),
    ({"address": "(2,3)"}, "interpreted", "B03", ["B03"]),
]
"""A cell, the kind of problem that lists it, what comes of it, and words of the sentence."""


def _outcome(column: str, said: str, kind: str, value: Any) -> str:
    if kind == "not_a_number":
        return "missing, listed as `not_a_number`"
    if value is None:
        return "missing"
    if kind == "unknown_word":
        return "left as it is, listed as `unknown_word`"
    if value == said:
        return "left as it is, as a spreadsheet may have made it of the name of a gene"
    return f"{value:g} \u00b5M" if column == "concentration" else f"`{value}`"


def _table() -> str:
    lines = ["| column | a cell says | which is read as |", "|---|---|---|"]
    for cells, kind, value, _ in sorted(READINGS, key=lambda reading: next(iter(reading[0]))):
        ((column, said),) = cells.items()
        lines.append(f"| `{column}` | `{said}` | {_outcome(column, said, kind, value)} |")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{_table()}\n{_END}{after}"


if __name__ == "__main__":
    FORMATS.write_text(with_table(FORMATS.read_text(encoding="utf-8")), encoding="utf-8")

"""How to tell a metadata table from an embedding table, by their columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa

__all__ = [
    "ALIASES",
    "CSV_SAMPLE",
    "Column",
    "CsvHead",
    "describes_wells",
    "feature_columns",
    "found_features",
    "header_names",
    "id_columns",
    "is_metadata_header",
    "is_missing",
    "read_csv_head",
    "schema_columns",
]

ALIASES = {
    "experiment": "experiment_name",
    "well": "address",
    "treatment_conc": "concentration",
    "smiles": "SMILES",
}
"""Columns that sibling data sets (RxRx1, RxRx2, RxRx19) call otherwise."""

CSV_SAMPLE = 2**20
"""Bytes of a CSV that are enough to tell which of its columns hold numbers."""

_PLACE = ("experiment_name", "plate", "address")
_TREATED = {"gene", "treatment", "SMILES"}
_DESCRIBING = {
    *("well_id", *_PLACE, "experiment", "well", "row", "column", "col", "site", "channel", "batch"),
    *("gene", "guide", "treatment", "smiles", "concentration", "treatment_conc", "dose"),
    *("perturbation_type", "cell_type", "well_type", "well_type_label", "disease_condition"),
    *("has_image", "has_embedding", "index", "level_0", "__index_level_0__", ""),
}
_DESCRIBING_PREFIXES = ("metadata_", "unnamed:")
_MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "-"}
_NUMBERED = re.compile(r"(.*?)(\d{1,9})\Z", re.ASCII | re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")
_INTEGER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?\Z", re.ASCII)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MIN_FEATURES = 2
_SAMPLE_ROWS = 50


class Column(NamedTuple):
    """A column; `kind` is float, integer, text, list (of numbers) or other."""

    name: str
    kind: str


class CsvHead(NamedTuple):
    """How a CSV is written, and its columns as its first rows show them."""

    columns: list[Column]
    separator: str
    decimal: str
    encoding: str


_OF_HITS = {"tag", "tag_name", "reviewer"}
"""A table of hits that was exported into the folder of its data set is no metadata."""


def header_names(line: str) -> list[str]:
    """Column names of a CSV's first line, by the names that RxRx3 uses."""
    return [ALIASES.get(name, name) for name in _names(line, _separator(line))]


def is_metadata_header(line: str) -> bool:
    names = set(header_names(line))
    if names >= _OF_HITS:
        return False
    return bool(id_columns(names) and names & {"treatment", "gene", "experiment_name"})


def id_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that name a well: its id, or experiment, plate and address."""
    called = {ALIASES.get(name, name): name for name in names}
    if "well_id" in called:
        return ("well_id",)
    return tuple(called[name] for name in _PLACE) if called.keys() >= set(_PLACE) else ()


def describes_wells(name: str) -> bool:
    """Whether a column of this name says something about wells, whatever it holds."""
    lower = name.strip().lower()
    return lower in _DESCRIBING or lower.startswith(_DESCRIBING_PREFIXES)


def schema_columns(schema: pa.Schema) -> list[Column]:
    return [Column(field.name.strip(), _kind_of_type(field.type)) for field in schema]


def feature_columns(schema: pa.Schema) -> list[str]:
    """Columns of an embedding, in the order of their numbers; empty if the table holds none."""
    return found_features(schema_columns(schema))


def found_features(columns: Sequence[Column]) -> list[str]:
    """Features of a table that nobody called an embedding; empty if it does not look like one.

    An embedding table has a ``well_id`` column and either columns of numbers that share a prefix
    or one column of lists, whatever the prefix and the dimension. A table that names treatments
    is metadata, unless most of its columns are features.
    """
    names = {ALIASES.get(column.name, column.name) for column in columns}
    if "well_id" not in names:
        return []
    features = _largest_group(columns)
    if not features:
        lists = [column.name for column in columns if column.kind == "list"]
        return lists if len(lists) == 1 and not names & _TREATED else []
    return [] if names & _TREATED and 2 * len(features) <= len(columns) else features


def read_csv_head(head: bytes) -> CsvHead:
    """Look at the first bytes of a CSV, `CSV_SAMPLE` of them or all; nothing is too odd for it."""
    encoding = _encoding(head)
    first, *lines = _LINE_END.split(head.decode(encoding, errors="replace").lstrip("\ufeff"))
    separator = _separator(first)
    if len(head) >= CSV_SAMPLE and lines:  # the last cell may be cut off
        lines[-1] = lines[-1].rpartition(separator)[0]
    rows = _cells(lines[:_SAMPLE_ROWS], separator)
    names = _names(first, separator)
    cells = [[row[i] for row in rows if i < len(row)] for i in range(len(names))]
    decimal = "." if separator == "," or not _some_match(cells, _DECIMAL_COMMA) else ","
    kinds = [_kind_of_cells([cell.replace(decimal, ".") for cell in column]) for column in cells]
    return CsvHead([*map(Column, names, kinds)], separator, decimal, encoding)


def is_missing(cell: str) -> bool:
    """Whether a text stands for a number that is not there."""
    return cell.strip().lower() in _MISSING


def _kind_of_type(kind: pa.DataType) -> str:
    types = pa.types
    if types.is_dictionary(kind):
        return _kind_of_type(kind.value_type)
    if types.is_floating(kind) or types.is_decimal(kind):
        return "float"
    if types.is_integer(kind):
        return "integer"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if is_list and _kind_of_type(kind.value_type) in ("float", "integer"):
        return "list"
    return "other"


def _kind_of_cells(cells: list[str]) -> str:
    present = [cell for cell in cells if not is_missing(cell)]
    numbers = [cell for cell in present if _is_number(cell)]
    if 2 * len(numbers) < len(present) or not numbers:
        return "text"
    return "integer" if all(_INTEGER.match(cell) for cell in numbers) else "float"


def _largest_group(columns: Sequence[Column]) -> list[str]:
    """Names of the columns of numbers that share a prefix, in the order of their numbers."""
    groups: dict[str, list[tuple[int, str, str]]] = {}
    for name, kind in columns:
        match = _NUMBERED.match(name)
        if match and kind in ("float", "integer") and not describes_wells(name):
            groups.setdefault(match[1], []).append((int(match[2]), name, kind))
    largest = max(groups.values(), key=len, default=[])
    if len(largest) < _MIN_FEATURES or all(kind != "float" for _, _, kind in largest):
        return []
    return [name for _, name, _ in sorted(largest)]


def _encoding(head: bytes) -> str:
    if head[:2] in _UTF_16:
        return "utf-16"
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _separator(line: str) -> str:
    return max(",;\t", key=line.count)


def _names(line: str, separator: str) -> list[str]:
    rows = _cells([line], separator)
    return rows[0] if rows else []


def _cells(lines: Iterable[str], separator: str) -> list[list[str]]:
    filled = [line for line in lines if line.strip()] or [""]
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(filled, delimiter=separator)]
    except csv.Error:
        return []


def _some_match(cells: list[list[str]], pattern: re.Pattern[str]) -> bool:
    return any(pattern.match(cell) for column in cells for cell in column)


def _is_number(cell: str) -> bool:
    try:
        number = float(cell)
    except ValueError:
        return False
    return number == number and "_" not in cell

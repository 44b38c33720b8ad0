"""How to tell a metadata table from an embedding table, by their columns."""

from __future__ import annotations

import re

import pyarrow as pa

__all__ = ["ALIASES", "feature_columns", "header_names", "is_metadata_header"]

ALIASES = {
    "experiment": "experiment_name",
    "well": "address",
    "treatment_conc": "concentration",
    "smiles": "SMILES",
}
"""Columns that sibling data sets (RxRx1, RxRx2, RxRx19) call otherwise."""

_NUMBERED = re.compile(r"(.*?)(\d+)\Z", re.ASCII)
_MIN_FEATURES = 2


def header_names(line: str) -> list[str]:
    """Column names of a CSV's first line, by the names that RxRx3 uses."""
    separator = max(",;\t", key=line.count)
    names = [name.strip().strip('"') for name in line.split(separator)]
    return [ALIASES.get(name, name) for name in names]


def is_metadata_header(line: str) -> bool:
    names = set(header_names(line))
    placed = "well_id" in names or {"experiment_name", "plate", "address"} <= names
    return placed and bool(names & {"treatment", "gene", "experiment_name"})


def feature_columns(schema: pa.Schema) -> list[str]:
    """Columns of an embedding, in the order of their numbers; empty if the table holds none.

    An embedding table has a ``well_id`` column and float columns that share a prefix, whatever
    the prefix and the dimension.
    """
    if "well_id" not in schema.names:
        return []
    groups: dict[str, list[tuple[int, str]]] = {}
    for column in schema:
        match = _NUMBERED.match(column.name)
        if match and pa.types.is_floating(column.type):
            groups.setdefault(match[1], []).append((int(match[2]), column.name))
    largest = max(groups.values(), key=len, default=[])
    return [name for _, name in sorted(largest)] if len(largest) >= _MIN_FEATURES else []

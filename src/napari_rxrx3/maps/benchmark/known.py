"""A user's tables of what is known: pairs that belong together, and compounds with their genes."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MetadataError

__all__ = ["distinct_pairs", "read_interactions", "read_pairs"]

_Line = tuple[int, list[str]]

_PAIR_COLUMNS = {"entity1": ("entity1",), "entity2": ("entity2",)}
_TREATMENT = {"treatment": ("treatment", "compound")}
_GENE = {"gene_symbol": ("gene_symbol", "gene")}
_TRUTH = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


def read_pairs(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of pairs that are known to belong together.

    Parameters
    ----------
    path : path-like
        Text in UTF-8 whose fields are separated by commas, semicolons or tabs. Columns other
        than ``entity1`` and ``entity2`` are ignored.

    Returns
    -------
    pandas.DataFrame
        entity1, entity2: each pair once, whatever the order inside it; no pair of a name with
        itself.

    Raises
    ------
    MetadataError
        If there is no such table; the file and the cause are named.
    """
    rows = _rows(path, _lines(path), _PAIR_COLUMNS)
    return distinct_pairs((one, two) for _, (one, two) in rows if one and two)


def distinct_pairs(pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Each pair once, whatever the order inside it, without pairs of a name with itself."""
    ordered = dict.fromkeys((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])
    return pd.DataFrame(list(ordered), columns=["entity1", "entity2"], dtype="str")


def read_interactions(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of compounds and the genes whose products they act on.

    Parameters
    ----------
    path : path-like
        Text in UTF-8 whose fields are separated by commas, semicolons or tabs. Columns:
        ``treatment`` (or ``compound``), ``gene_symbol`` (or ``gene``), and ``active`` (1, 0,
        true, false) or ``nM_value`` (an IC50 or EC50 in nM); ``active`` counts if both are there.
        Rows that lack a name or the value are left out.

    Returns
    -------
    pandas.DataFrame
        treatment, gene_symbol, and either active (bool) or nM_value (float64).

    Raises
    ------
    MetadataError
        If there is no such table, or a value cannot be read; the file and the cause are named.
    """
    lines = _lines(path)
    is_stated = "active" in (name.casefold() for name in lines[0][1])
    value, read = ("active", _truth) if is_stated else ("nM_value", _concentration)
    columns = {**_TREATMENT, **_GENE, value: (value.casefold(),)}
    rows = [row for row in _rows(path, lines, columns) if all(row[1])]
    if not rows:
        raise MetadataError(f"{path} has no row with a compound, a gene and a value.")
    table = pd.DataFrame([fields[:2] for _, fields in rows], columns=["treatment", "gene_symbol"])
    table[value] = [read(f"{path}, line {line}", fields[2]) for line, fields in rows]
    return table.astype({"treatment": "str", "gene_symbol": "str"})


def _truth(where: str, text: str) -> bool:
    if text.casefold() not in _TRUTH:
        raise MetadataError(f"{where}: active is {text[:40]!r}, neither 0 nor 1.")
    return _TRUTH[text.casefold()]


def _concentration(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not value >= 0:
        raise MetadataError(f"{where}: nM_value is {text[:40]!r}, not a number from 0 on.")
    return value


def _rows(
    path: str | os.PathLike[str], lines: list[_Line], columns: Mapping[str, tuple[str, ...]]
) -> list[_Line]:
    """The wanted fields of each row below the first line, "" for those that are missing."""
    (_, header), *rows = lines
    names = [name.casefold() for name in header]
    places = []
    for column, aliases in columns.items():
        found = [names.index(alias) for alias in aliases if alias in names]
        if not found:
            shown = ", ".join(header)[:80]
            raise MetadataError(f"{path} has no column {column}; its first line is {shown!r}.")
        places.append(found[0])
    if not rows:
        raise MetadataError(f"{path} has a first line with names of columns, but no rows.")
    return [
        (line, [fields[place] if place < len(fields) else "" for place in places])
        for line, fields in rows
    ]


def _lines(path: str | os.PathLike[str]) -> list[_Line]:
    """Number and fields of each line that is not blank; there is one at least."""
    text = _text(path)
    first = text.lstrip().partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=None),
        delimiter=max(",;\t", key=first.count),
        skipinitialspace=True,
    )
    try:
        rows = [(reader.line_num, [field.strip() for field in row]) for row in reader]
    except csv.Error as error:
        raise MetadataError(f"{path} cannot be read ({error}).") from error
    filled = [(line, fields) for line, fields in rows if any(fields)]
    if not filled:
        raise MetadataError(f"{path} is empty.")
    return filled


def _text(path: str | os.PathLike[str]) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise MetadataError(f"{path} cannot be read ({error.strerror}).") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise MetadataError(f"{path} is not a table in plain text (UTF-8).")
    return text

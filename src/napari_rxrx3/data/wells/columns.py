"""What the columns of a table are, by their names: metadata, vectors, or what describes wells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from napari_rxrx3.data.files.table import Column

__all__ = [
    "canonical",
    "describes_wells",
    "found_features",
    "id_columns",
    "is_metadata",
]

_ALIASES = {
    "experiment": "experiment_name",
    "well": "address",
    "treatment_conc": "concentration",
    "smiles": "SMILES",
}
"""Columns that sibling data sets (RxRx1, RxRx2, RxRx19) call otherwise."""

_PLACE = ("experiment_name", "plate", "address")
_TREATED = {"gene", "treatment", "SMILES"}
_DESCRIBING = {
    *("well_id", *_PLACE, "experiment", "well", "row", "column", "col", "site", "channel", "batch"),
    *("gene", "guide", "treatment", "smiles", "concentration", "treatment_conc", "dose"),
    *("perturbation_type", "cell_type", "well_type", "well_type_label", "disease_condition"),
    *("has_image", "has_embedding", "index", "level_0", "__index_level_0__", ""),
}
_DESCRIBING_PREFIXES = ("metadata_", "unnamed:")
_OF_HITS = {"tag", "tag_name", "reviewer"}
"""A table of hits that was exported into the folder of its data set is no metadata."""
_NUMBERED = re.compile(r"(.*?)(\d{1,9})\Z", re.ASCII | re.DOTALL)
_MIN_FEATURES = 2


def canonical(name: str) -> str:
    """The name that RxRx3 uses for a column."""
    return _ALIASES.get(name, name)


def is_metadata(names: Iterable[str]) -> bool:
    """Whether a table with these columns says what wells received."""
    called = set(map(canonical, names))
    if called >= _OF_HITS:
        return False
    return bool(id_columns(called) and called & {"treatment", "gene", "experiment_name"})


def id_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that name a well: its id, or experiment, plate and address."""
    called = {canonical(name): name for name in names}
    if "well_id" in called:
        return ("well_id",)
    return tuple(called[name] for name in _PLACE) if called.keys() >= set(_PLACE) else ()


def describes_wells(name: str) -> bool:
    """Whether a column of this name says something about wells, whatever it holds."""
    lower = name.strip().lower()
    return lower in _DESCRIBING or lower.startswith(_DESCRIBING_PREFIXES)


def found_features(columns: Sequence[Column]) -> list[str]:
    """Features of a table that nobody called an embedding; empty if it does not look like one.

    An embedding table has a ``well_id`` column and either columns of numbers that share a prefix
    or one column of lists, whatever the prefix and the dimension. A table that names treatments
    is metadata, unless most of its columns are features.
    """
    names = {canonical(column.name) for column in columns}
    if "well_id" not in names:
        return []
    features = _largest_group(columns)
    if not features:
        lists = [column.name for column in columns if column.kind == "list"]
        return lists if len(lists) == 1 and not names & _TREATED else []
    return [] if names & _TREATED and 2 * len(features) <= len(columns) else features


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

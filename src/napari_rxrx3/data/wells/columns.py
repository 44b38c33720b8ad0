"""What the columns of a table are, by their names: metadata, vectors, or what describes wells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from napari_rxrx3.data.files.table import Column
from napari_rxrx3.data.files.text_form import plain_name
from napari_rxrx3.data.wells.readings import micromolar

__all__ = [
    "canonical",
    "describes_wells",
    "dose_unit",
    "found_features",
    "id_columns",
    "is_metadata",
    "siblings",
    "unread_columns",
    "why_unread",
]

_ALIASES = {
    "experiment": "experiment_name",
    "well": "address",
    "treatment_conc": "concentration",
    "smiles": "SMILES",
    "dose": "concentration",
    "conc": "concentration",
}
"""Columns that sibling data sets (RxRx1, RxRx2, RxRx19) call otherwise."""

_PLACE = ("experiment_name", "plate", "address")
_NAMES = {
    *("well_id", *_PLACE, "gene", "treatment", "SMILES", "concentration", "perturbation_type"),
    *("cell_type", "well_type", "well_type_label", "concentration_unit"),
}
_UNIT = "concentration_unit"
_OF_PROFILES = "metadata"
"""What tables of profiles put before the names of all columns that describe: ``Metadata_Well``."""
_BY_PLAIN = (
    {plain_name(name): name for name in _NAMES}
    | {plain_name(other): name for other, name in _ALIASES.items()}
    | {
        f"{dose}{unit}": _UNIT
        for dose in ("concentration", "treatmentconc", "conc", "dose", "")
        for unit in ("unit", "units")
    }
)
_DOSE = re.compile(
    r"(?:concentration|treatment[ _.]?conc(?:entration)?|conc|dose)(?![a-z0-9])\.?(.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_LIKE = {
    "concentration": re.compile(r"(?i:conc|dos[ei]|konz|molar)|[npu\u00b5\u03bcm]M\Z"),
    "treatment": re.compile(
        r"compound|drug|treat|pert|guide|sgrna|behandl|reagent|substance|molecule", re.IGNORECASE
    ),
    "gene": re.compile(r"gene|symbol|target", re.IGNORECASE),
    "SMILES": re.compile(r"smiles|structure", re.IGNORECASE),
}
"""What else people call columns: said where there is none of the name that is read."""
_TREATED = {"gene", "treatment", "SMILES"}
_DESCRIBING = {
    *("well_id", *_PLACE, "experiment", "well", "row", "column", "col", "site", "channel", "batch"),
    *("gene", "guide", "treatment", "smiles", "concentration", "treatment_conc", "dose"),
    *("perturbation_type", "cell_type", "well_type", "well_type_label", "disease_condition"),
    *("has_image", "has_embedding", "index", "level_0", "__index_level_0__", ""),
}
_DESCRIBING_PREFIXES = ("metadata_", "unnamed:")
_RECEIVED = {*_TREATED, "concentration", "perturbation_type", "cell_type", "well_type"}
_MIN_RECEIVED = 3
_OF_HITS = {"tag", "tag_name", "reviewer"}
"""A table of hits that was exported into the folder of its data set is no metadata."""
_NUMBERED = re.compile(r"(.*?)(\d{1,9})\Z", re.ASCII | re.DOTALL)
_MIN_FEATURES, _MIN_GROUP, _MIN_WHOLE_FEATURES = 2, 4, 16
"""So many columns of whole numbers are no counts of something."""
_OF_LISTS = {"tag", "tag_name", "note", "reviewer", "label", "fold"}
_NAMED = 5


def canonical(name: str) -> str:
    """The name that RxRx3 uses for a column, in whatever case or spelling."""
    if name in _NAMES:
        return name
    found = _DOSE.match(name.strip())
    if found is not None:
        rest = _unit_in(found[1])
        if not rest or micromolar(rest) is not None:
            return "concentration"
        return _UNIT if _BY_PLAIN.get(plain_name(name)) == _UNIT else name
    plain = plain_name(name)
    return _BY_PLAIN.get(plain) or _BY_PLAIN.get(plain.removeprefix(_OF_PROFILES), name)


def dose_unit(name: str) -> str:
    """The unit that a column of doses says: ``nM`` for ``Concentration (nM)``; else nothing."""
    found = _DOSE.match(name.strip())
    rest = _unit_in(found[1]) if found is not None else ""
    return rest if micromolar(rest) is not None else ""


def _unit_in(rest: str) -> str:
    """What a name says behind that it is a dose; a fraction keeps its stroke."""
    plain = rest.strip(" _,:;/[](){}.\t\n")
    return re.sub(r"\Ain\s+", "", plain, flags=re.IGNORECASE)


def unread_columns(names: Sequence[str]) -> list[str]:
    """Say of what a table lacks that columns of other names look like it, and are not read."""
    there = set(map(canonical, names))
    others = [name for name in names if canonical(name) not in _NAMES]
    said = []
    for column, pattern in _LIKE.items():
        alike = [name for name in others if pattern.search(name)]
        if alike and column not in there and not (column == "gene" and "treatment" in there):
            listed = ", ".join(repr(name[:40]) for name in alike[:_NAMED])
            said.append(f"it has no column called {column}; {listed} may be that, and is not read")
    return said


def is_metadata(names: Iterable[str]) -> bool:
    """Whether a table with these columns says what wells received."""
    called = set(map(canonical, names))
    if called >= _OF_HITS:
        return False
    return bool(id_columns(called) and called & {"treatment", "gene", "experiment_name"})


def id_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that name a well: its id, or experiment, plate and address."""
    called: dict[str, str] = {}
    for name in names:
        column = canonical(name)
        if column not in called or name == column:
            called[column] = name
    if "well_id" in called:
        return (called["well_id"],)
    return tuple(called[name] for name in _PLACE) if called.keys() >= set(_PLACE) else ()


def describes_wells(name: str) -> bool:
    """Whether a column of this name says something about wells, whatever it holds."""
    lower = name.strip().lower()
    return (
        lower in _DESCRIBING or canonical(name) in _NAMES or lower.startswith(_DESCRIBING_PREFIXES)
    )


def found_features(columns: Sequence[Column]) -> list[str]:
    """Features of a table that nobody called an embedding; empty if it does not look like one.

    An embedding table names its wells and has either columns of numbers that share a prefix
    or one column of lists, whatever the prefix and the dimension. A table that names treatments
    is metadata, unless most of its columns are features.
    """
    names = {canonical(column.name) for column in columns}
    if not id_columns(names):
        return []
    features = _largest_group(columns)
    if not features:
        lists = [column.name for column in columns if column.kind == "list"]
        return lists if len(lists) == 1 and not names & _TREATED else []
    return [] if names & _TREATED and 2 * len(features) <= len(columns) else features


def siblings(columns: Sequence[Column], features: Sequence[str]) -> tuple[str, ...]:
    """Columns that may have been meant as features too: of the same prefix, or of another group."""
    found = _NUMBERED.match(features[0]) if len(features) > 1 else None
    if found is None:
        return ()
    own = set(features)
    others = [(c, _NUMBERED.match(c.name)) for c in columns if c.name not in own]
    sizes = Counter(match[1] for column, match in others if match and column.kind == "float")
    return tuple(
        column.name
        for column, match in others
        if match
        and (
            match[1] == found[1]
            or (sizes[match[1]] >= _MIN_GROUP and not describes_wells(column.name))
        )
    )


def why_unread(columns: Sequence[Column]) -> str:
    """Why a table that names wells is of no use; empty if it is, or need not be."""
    names = [column.name for column in columns]
    if not id_columns(names) and len(_largest_group(columns)) >= _MIN_WHOLE_FEATURES // 2:
        texts = [column.name for column in columns if column.kind == "text"]
        if len(texts) == 1:
            said = repr(texts[0][:40]) if texts[0] else "that without a name"
            return (
                f"it looks like vectors, but names no wells: call a column well_id, such as {said}"
            )
    received = set(map(canonical, names)) & _RECEIVED
    if not id_columns(names) and len(received) > _MIN_RECEIVED:
        listed = ", ".join(sorted(received))
        return f"it says what wells received ({listed}), but not which: call a column well_id"
    if not id_columns(names) or set(map(plain_name, names)) & set(map(plain_name, _OF_LISTS)):
        return ""
    others = [column for column in columns if not describes_wells(column.name)]
    if is_metadata(names) or found_features(columns) or not others:
        return ""
    listed = ", ".join(column.name[:40] for column in others[:_NAMED])
    more = " and more" if len(others) > _NAMED else ""
    return (
        f"it names wells, but its columns ({listed}{more}) neither say what they received nor are "
        "vectors: fractions in columns that share a prefix, or one column of lists"
    )


def _largest_group(columns: Sequence[Column]) -> list[str]:
    """Names of the columns of numbers that share a prefix, in the order of their numbers."""
    groups: dict[str, list[tuple[int, str, str]]] = {}
    for name, kind in columns:
        match = _NUMBERED.match(name)
        if match and kind in ("float", "integer") and not describes_wells(name):
            groups.setdefault(match[1], []).append((int(match[2]), name, kind))
    largest = max(groups.values(), key=len, default=[])
    is_whole = all(kind != "float" for _, _, kind in largest)
    if len(largest) < (_MIN_WHOLE_FEATURES if is_whole else _MIN_FEATURES):
        return []
    return [name for _, name, _ in sorted(largest)]

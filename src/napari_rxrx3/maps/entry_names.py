"""Names as people type and paste them, and the entries of a map that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.perturbation import compound_key

if TYPE_CHECKING:  # loads pandas, for which no window waits
    from napari_rxrx3.maps.entries import Entries

__all__ = ["find_entries", "names_in"]

Array = np.ndarray[Any, Any]

_ENDS = re.compile(r"[\n\r;\t]+")
_DOSED = re.compile(r"(.+?)(?: |@)([\d.]+) ?(?:[µμu]M)?\Z")
_GUIDE = re.compile(r"(.+)[ _]guide[ _](\d+)\Z", re.IGNORECASE)
_MANY = 200_000
"""Of so many keys none is looked for in another case, which would take seconds."""
_NONE = np.zeros(0, dtype=np.intp)


def names_in(text: str, is_known: Callable[[str], bool] | None = None) -> list[str]:
    """Split a list that was typed or pasted: by lines, semicolons, tabs and commas.

    Parameters
    ----------
    is_known : callable, optional
        Says of a text with commas whether it is one name: chemical names may have some.
    """
    names: list[str] = []
    for part in map(_bare, _ENDS.split(text)):
        is_one = "," not in part or (is_known is not None and is_known(part))
        names += [part] if is_one else map(_bare, part.split(","))
    return list(dict.fromkeys(filter(None, names)))


def _bare(text: str) -> str:
    return text.strip().strip("\"'").strip()


def find_entries(phenomap: Entries, names: Sequence[str]) -> list[Array]:
    """Rows of a map that names stand for, int (m,) each; none where a name is unknown.

    A name is a key, also as the window shows it (``PLK1 guide 1``, ``Bortezomib 2.5 µM``) or in
    another case if there is but one; else all that was done to a gene, or all doses of a
    compound.
    """
    found = [_row_of(phenomap, name) for name in names]
    lacking = [name for name, rows in zip(names, found, strict=True) if not len(rows)]
    if lacking:
        more = _series(phenomap, lacking)
        more |= _in_any_case(phenomap, [name for name in lacking if name not in more])
        found = [
            rows if len(rows) else more.get(name, _NONE)
            for name, rows in zip(names, found, strict=True)
        ]
    return found


def _row_of(phenomap: Entries, name: str) -> Array:
    """The row of a key, in any of the ways in which it is written."""
    rows = (phenomap.find(way) for way in _ways(name))
    return next((np.array([row]) for row in rows if row is not None), _NONE)


def _ways(name: str) -> list[str]:
    """A name, and the keys that it may be another way to write of."""
    ways = [name]
    if guide := _GUIDE.match(name):
        ways.append(f"{guide[1]}_guide_{guide[2]}")
    if (dosed := _DOSED.match(name)) and dosed[2].count(".") < 2 and dosed[2] != ".":
        ways.append(compound_key(dosed[1], float(dosed[2])))
    return ways


def _series(phenomap: Entries, names: list[str]) -> dict[str, Array]:
    """All entries of treatments and genes, the lowest dose first."""
    found: dict[str, Array] = {}
    labels = phenomap.labels
    for column in ("gene", "treatment"):
        values = labels[column]
        rows = np.flatnonzero(values.isin(names).to_numpy(bool))
        doses = labels["concentration"].to_numpy(np.float64)[rows]
        rows = rows[np.argsort(doses, kind="stable")]
        of = np.asarray(values.array[rows], dtype=object)
        found |= {str(name): rows[of == name] for name in dict.fromkeys(of.tolist())}
    return found


def _in_any_case(phenomap: Entries, names: list[str]) -> dict[str, Array]:
    """Entries whose key differs from a name only by case, if there is but one way to write it."""
    labels = phenomap.labels
    if not names or len(labels) > _MANY:
        return {}
    wanted = {way.casefold() for name in names for way in _ways(name)}
    written: dict[str, set[str]] = {}
    for column in (labels.index, labels["gene"].unique(), labels["treatment"].unique()):
        for text in column:
            if isinstance(text, str) and text.casefold() in wanted:
                written.setdefault(text.casefold(), set()).add(text)
    sure = {}
    for name in names:
        known = set().union(*(written.get(way.casefold(), set()) for way in _ways(name)))
        if len(known) == 1:
            sure[name] = known.pop()
    return dict(zip(sure, find_entries(phenomap, list(sure.values())), strict=True))

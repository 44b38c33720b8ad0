"""Names as people type and paste them, and how they lead to what they stand for.

A name is looked for as it is; then in the ways in which people write keys (``PLK1 guide 1``,
``Bortezomib 2.5 µM``); and if it is still not found, in another case, but only where a single name
differs by nothing else. So no case is ever folded in an identity that is there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_rxrx3.core.perturbation import compound_key

if TYPE_CHECKING:  # loads slowly, and no window waits for it
    import pandas as pd

__all__ = ["alike_among", "name_and_dose", "resolve", "rows_with", "split_names", "ways_to_read"]

Array = np.ndarray[Any, Any]
T = TypeVar("T")

_ENDS = re.compile(r"[\n\r;\t]+")
_DOSED = re.compile(r"(.+?)[ @](\d[\d.,]*|[.,]\d+) ?(?:[µμu]M)?\Z", re.ASCII | re.DOTALL)
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?\Z", re.ASCII)
_KEY_WITH_DOSE = re.compile(r"(.+)@([^@]+)\Z", re.DOTALL)
_GUIDE = re.compile(r"(.+)[ _]guide[ _](\d+)\Z", re.IGNORECASE)


def split_names(text: str, is_known: Callable[[str], bool] | None = None) -> list[str]:
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


def ways_to_read(name: str) -> list[str]:
    """A name, and the keys that it may be another way to write of."""
    ways, name = [name], unicodedata.normalize("NFC", name)  # as tables are read
    ways.append(name)
    if guide := _GUIDE.match(name):
        ways.append(f"{guide[1]}_guide_{guide[2]}")
    if dosed := _DOSED.match(name):
        ways += [compound_key(dosed[1], dose) for dose in _doses(dosed[2])]
    return list(dict.fromkeys(ways))


def name_and_dose(key: str) -> tuple[str, float] | None:
    """The two parts of a key such as ``Bortezomib@2.5``; None for other keys."""
    parts = _KEY_WITH_DOSE.match(key)
    try:
        return (parts[1], float(parts[2])) if parts else None
    except ValueError:
        return None


def resolve(
    names: Sequence[str],
    find: Callable[[list[str]], Mapping[str, T]],
    alike: Callable[[set[str]], Mapping[str, Collection[str]]],
) -> list[T | None]:
    """What each name stands for; None where nothing does, or more than one thing may.

    Parameters
    ----------
    find : callable
        What there is of these very keys, by key.
    alike : callable
        The keys that there are, by their folded case, for some folded texts.
    """
    ways = {name: ways_to_read(name) for name in names}
    found = dict(find(list(dict.fromkeys(way for each in ways.values() for way in each))))
    known = {name: _first(each, found) for name, each in ways.items()}
    lacking = [name for name, what in known.items() if what is None]
    if lacking:
        meant = _meant(lacking, ways, alike)
        found = dict(find(list(dict.fromkeys(meant.values()))))
        known |= {name: found.get(key) for name, key in meant.items()}
    return [known[name] for name in names]


def _first(ways: Sequence[str], found: Mapping[str, T]) -> T | None:
    return next((found[way] for way in ways if way in found), None)


def _meant(
    names: Sequence[str],
    ways: Mapping[str, Sequence[str]],
    alike: Callable[[set[str]], Mapping[str, Collection[str]]],
) -> dict[str, str]:
    """The only key that differs from a name in its case, of those names that have one."""
    known = alike({way.casefold() for name in names for way in ways[name]})
    keys = {n: {k for way in ways[n] for k in known.get(way.casefold(), ())} for n in names}
    return {name: each.pop() for name, each in keys.items() if len(each) == 1}


def alike_among(texts: Iterable[object], folded: Collection[str]) -> dict[str, set[str]]:
    """The texts that are one of these when their case is folded, by that."""
    found: dict[str, set[str]] = {}
    for text in texts:
        if isinstance(text, str) and text.casefold() in folded:
            found.setdefault(text.casefold(), set()).add(text)
    return found


def rows_with(column: pd.Series, texts: Collection[str]) -> dict[str, Array]:
    """The rows in which each of these texts is, ascending: int (n,); those that there are."""
    rows = np.flatnonzero(column.isin(list(texts)).to_numpy(bool))
    numbers, different = column.iloc[rows].factorize()
    in_order = rows[np.argsort(numbers, kind="stable")]
    parts = np.split(in_order, np.cumsum(np.bincount(numbers, minlength=len(different)))[:-1])
    return {str(text): part for text, part in zip(different, parts, strict=False)}


def _doses(text: str) -> list[float]:
    """What a dose that is typed may be: with a decimal comma, before that with thousands."""
    whole = text.replace(",", "") if _GROUPED.match(text) else ""
    decimal = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    found = []
    for each in filter(None, (whole, decimal)):
        with suppress(ValueError):
            found.append(float(each))
    return found

"""How numbers, names, doses and lists are written wherever a person reads them.

In tables, files and scripts a perturbation has its key (``Bortezomib@2.5``, ``PLK1_guide_1``);
people read and write ``Bortezomib 2.5 µM`` and ``PLK1 guide 1``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from napari_rxrx3.core.perturbation import CONTROL_NAME, EMPTY_CONTROL, OWN_CONTROL

__all__ = [
    "DOSES_IN_WORDS",
    "KINDS_IN_WORDS",
    "SCORES_IN_WORDS",
    "are",
    "control_label",
    "count",
    "decimals",
    "dose_in_words",
    "file_name",
    "guide_in_words",
    "key_in_words",
    "kind_in_words",
    "name_of_well",
    "name_with_dose",
    "not_found",
    "percent",
    "sentence",
    "shown_of",
    "some",
    "spelled",
    "what_is_spelled",
]

KINDS_IN_WORDS = {"all": "all kinds", "genes": "genes", "compounds": "compounds"}
"""What a list may be narrowed to: keys of `napari_rxrx3.maps.neighbors.KINDS`."""

SCORES_IN_WORDS = {
    "activity": "activity",
    "effect": "strength",
    "strength_cosine": "distance from controls",
    "consistency": "consistency",
    "agreement": "guide agreement",
}
"""Scores of perturbations by their columns in `PhenoMap.scores`, as they are called on screen."""

DOSES_IN_WORDS = {"trend": "dose trend", "lowest_active_dose": "lowest active dose"}
"""Columns of `PhenoMap.dose_response` that plates are colored by, as they are called on screen."""

_KINDS = {"CRISPR": "gene", "COMPOUND": "compound"}
_NAMED, _LONGEST = 5, 60
_DOSED = re.compile(r"(.+)@(\d+(?:\.\d+)?(?:e[+-]\d+)?)\Z", re.ASCII | re.DOTALL)
_GUIDE = re.compile(r"(.+)_guide_(\d+)\Z", re.ASCII | re.DOTALL)
_NO_FILE_NAME = re.compile(r"[^\w .,+@()-]+")
_LONGEST_FILE_NAME = 80


# --- numbers --------------------------------------------------------------------------------------


def count(n: int, word: str) -> str:
    """``1 well``, ``2,000 wells``, ``3 entries``."""
    if n == 1:
        return f"1 {word}"
    many = f"{word[:-1]}ies" if re.search(r"[^aeiou]y\Z", word) else f"{word}s"
    return f"{n:,} {many}"


def are(n: int) -> str:
    """``is`` for one thing, ``are`` for any other number of them."""
    return "is" if n == 1 else "are"


def shown_of(n: int, total: int, what: str) -> str:
    """How many are shown, in a sentence; empty if all are."""
    return f"{n:,} of {total:,} {what} are shown." if n < total else ""


def percent(share: float) -> str:
    """``31 %``, and ``0.4 %`` below ten."""
    return f"{share:.0%}".replace("%", " %") if share >= 0.0995 else f"{100 * share:.1f} %"


def decimals(value: float) -> str:
    """A score or cosine with two digits behind the point, never ``-0.00``; empty for NaN."""
    return "" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}"


# --- perturbations --------------------------------------------------------------------------------


def dose_in_words(concentration: float) -> str:
    """``2.5 µM``."""
    return f"{concentration:g} µM"


def name_with_dose(name: str, concentration: float) -> str:
    """``Bortezomib 2.5 µM``, ``PLK1 guide 1``; the concentration is NaN where there is none."""
    name = guide_in_words(name)
    return name if math.isnan(concentration) else f"{name} {dose_in_words(concentration)}"


def guide_in_words(treatment: str) -> str:
    """``PLK1 guide 1`` of ``PLK1_guide_1``; other names as they are."""
    return _GUIDE.sub(r"\1 guide \2", treatment)


def key_in_words(key: str) -> str:
    """``Bortezomib 2.5 µM`` of ``Bortezomib@2.5``, ``PLK1 guide 1`` of ``PLK1_guide_1``."""
    dosed = _DOSED.match(key)
    return f"{guide_in_words(dosed[1])} {dosed[2]} µM" if dosed else guide_in_words(key)


def name_of_well(well: Mapping[Any, Any]) -> str:
    """What a well received, of its row in the table of wells."""
    treatment, concentration = well["treatment"], well["concentration"]
    if not isinstance(treatment, str):
        return "unknown perturbation"
    if treatment == EMPTY_CONTROL:
        own = well.get(CONTROL_NAME)
        if isinstance(own, str):
            return own + OWN_CONTROL
        return "EMPTY_control (no perturbation)"
    if well["perturbation_type"] == "COMPOUND":
        return treatment if math.isnan(concentration) else name_with_dose(treatment, concentration)
    return guide_in_words(treatment)


def control_label(well: Mapping[Any, Any]) -> str:
    """What a control is called beside other wells: ``control``, and its own name if it has one."""
    own = well.get(CONTROL_NAME)
    return f"control: {own}" if isinstance(own, str) else "control"


def kind_in_words(perturbation_type: str) -> str:
    """``gene`` of CRISPR, ``compound`` of COMPOUND; what else a table has in lower case."""
    return _KINDS.get(perturbation_type, perturbation_type.lower())


# --- lists and sentences --------------------------------------------------------------------------


def some(names: Sequence[str], most: int = _NAMED) -> str:
    """The names, or the first of many and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    first = (n if len(n) <= _LONGEST else f"{n[:_LONGEST]}…" for n in names[:most])
    return ", ".join(first) + more


def not_found(names: Sequence[str], where: str = "in this data set") -> str:
    """A sentence about names that nothing is known of; empty without any."""
    return f"Not {where}: {some(names)}." if names else ""


def sentence(text: str) -> str:
    """A text with a capital letter at its start and a point at its end."""
    text = f"{text[:1].upper()}{text[1:]}"
    return text if text.endswith((".", "!", "?", "…")) or not text else f"{text}."


def file_name(title: str) -> str:
    """A title as part of the name of a file, on any system: signs that it cannot have are gone."""
    name = " ".join(_NO_FILE_NAME.sub(" ", title).split()).strip(" .")
    return name[:_LONGEST_FILE_NAME].rstrip(" .") or "untitled"


# --- letters that nothing here can draw -----------------------------------------------------------


def spelled(text: str, letters: Iterable[str]) -> str:
    r"""A text with ``\u7d2b`` for some letters, which would be empty boxes."""
    for letter in letters:
        text = text.replace(letter, letter.encode("ascii", "backslashreplace").decode())
    return text


def what_is_spelled(texts: Iterable[str], written: Callable[[str], str]) -> str:
    """A sentence where letters of some texts are `spelled`; empty where none are.

    Parameters
    ----------
    written : callable
        Gives a text, or a letter, as it is shown.
    """
    for text in texts:
        if written(text) != text:
            sign = written(next(letter for letter in text if written(letter) != letter))
            return f"Letters that no font here has are written by their numbers, such as {sign}."
    return ""

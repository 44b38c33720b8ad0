"""Hits as a table, as a CSV, and back again, also after a spreadsheet program has saved it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.core.perturbation import gene_of_guide
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.core.version import __version__
from napari_rxrx3.core.words import are, count, some
from napari_rxrx3.data.files.cells import as_number
from napari_rxrx3.hits.hit import (
    DEFAULT_TAGS,
    NUMBER_NAMES,
    Hit,
    clean_note,
    tag_name,
    tags_in_use,
    utc_time,
)
from napari_rxrx3.hits.owner import keys_at
from napari_rxrx3.hits.sheet import read_sheet, write_sheet
from napari_rxrx3.maps.dose_response.numbers import DOSE_NUMBERS

if TYPE_CHECKING:  # the window needs the names below before any table
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.hits.review import Review
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = [
    "COLUMNS",
    "Imported",
    "export_csv",
    "hits_table",
    "import_hits",
    "read_hits_csv",
    "scores_of",
]

COLUMNS = (
    *("well_id", "experiment", "plate", "address", "perturbation", "guide", "dose", "SMILES"),
    *(*NUMBER_NAMES, "tag", "tag_name", "note", "reviewer", "time"),
    *("n_nuclei", "focus", "saturation", "out_of_focus", "field"),
    *("contrast_limits", "plugin_version"),
)
"""What a table of hits tells of each; docs/hits.md says what each means."""

_PAIR = re.compile(r"(-?\d[\d.]*(?:e[+-]?\d+)?) to (-?\d[\d.]*(?:e[+-]?\d+)?)", re.IGNORECASE)
_TIMES = (
    *("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d"),
    *("%d.%m.%Y %H:%M", "%d.%m.%y %H:%M", "%d.%m.%Y"),
)
"""How spreadsheet programs rewrite times, without their seconds."""
_OF_DAY = (" %H:%M", " %I:%M %p", "")
_MONTH_FIRST = tuple(f"%m/%d/{year}{time}" for year in ("%Y", "%y") for time in _OF_DAY)
_DAY_FIRST = tuple(f"%d/%m/{year}{time}" for year in ("%Y", "%y") for time in _OF_DAY)
_MONTHS = 12
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/\d")
_DAY_ZERO, _DAYS = datetime(1899, 12, 30, tzinfo=UTC), (30_000, 80_000)
"""Of the numbers that they keep times as."""


def scores_of(phenomap: PhenoMap | None, well_id: str) -> dict[str, float]:
    """The `NUMBER_NAMES` of a well's perturbation in a map that are known by now; never waits."""
    if phenomap is None:
        return {}
    position = phenomap.find_wells([well_id])
    if position[0] < 0:
        return {}
    tables = [phenomap.scores_at(position)] if phenomap.score_store.is_ready else []
    tables += [phenomap.doses_at(position, DOSE_NUMBERS)] if phenomap.doses.is_ready else []
    return {str(name): float(each[name].iloc[0]) for each in tables for name in each.columns}


def hits_table(hits: Iterable[Hit], dataset: Dataset, reviewer: str) -> pd.DataFrame:
    """One row a hit, in the order given, with what the data set knows of its well.

    Returns
    -------
    pandas.DataFrame
        The `COLUMNS`. Texts that are not known are empty, numbers NaN; dose in µM.
    """
    import pandas as pd

    hits = list(hits)
    positions = dataset.listed.positions_of([hit.well_id for hit in hits])
    wells = dataset.known_wells.iloc[positions].reset_index(drop=True)
    if (positions < 0).any():
        wells = wells.reindex(np.where(positions >= 0, np.arange(len(hits)), -1))
        wells = wells.reset_index(drop=True)
    treatment = wells["treatment"].fillna("")
    is_guide = [gene_of_guide(text) is not None for text in treatment]
    table = pd.DataFrame({"well_id": [hit.well_id for hit in hits]}, dtype="str")
    table["experiment"] = wells["experiment_name"].fillna("")
    table["plate"], table["address"] = wells["plate"].astype("Int64"), wells["address"].fillna("")
    table["perturbation"] = [hit.perturbation for hit in hits]
    table["guide"] = treatment.where(is_guide, "")
    table["dose"], table["SMILES"] = wells["concentration"], wells["SMILES"].fillna("")
    for name in (*NUMBER_NAMES, "tag"):
        table[name] = [getattr(hit, name) for hit in hits]
    table["tag_name"] = [tag_name(hit.tag) for hit in hits]
    table["note"], table["reviewer"] = [hit.note for hit in hits], reviewer
    table["time"] = [hit.time for hit in hits]
    measured = dataset.measured.of_wells(table["well_id"].tolist())
    for name in ("n_nuclei", "focus", "saturation", "out_of_focus"):
        table[name] = measured[name].to_numpy()
    table["field"] = dataset.field
    table["contrast_limits"] = [_limits_in_text(hit.limits, dataset.stains) for hit in hits]
    table["plugin_version"] = __version__
    return table


def export_csv(hits: Iterable[Hit], dataset: Dataset, reviewer: str, path: Path) -> int:
    """Write hits as a CSV, replacing what is there; how many they are.

    Raises
    ------
    HitsError
        If it cannot be written; what was there before stays.
    """
    table = hits_table(hits, dataset, reviewer)
    filled = table.astype(object).where(table.notna(), "")
    write_sheet(path, COLUMNS, filled.itertuples(index=False))
    return len(table)


def _limits_in_text(limits: Limits | None, stains: Sequence[Stain]) -> str:
    """Contrast limits in a form that no spreadsheet program takes for a date or number."""
    pairs = zip(stains, limits or (), strict=False)
    return "; ".join(f"{s.name} {_number(low)} to {_number(high)}" for s, (low, high) in pairs)


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _limits_from_text(text: str) -> Limits | None:
    """The limits that `_limits_in_text` wrote; None if they are not all there."""
    try:
        limits = tuple((float(low), float(high)) for low, high in _PAIR.findall(text))
    except ValueError:
        return None
    said = [part.strip().split(" ")[0] for part in text.split(";")]
    is_rxrx3 = set(said) <= {stain.name for stain in STAINS}
    return limits if len(limits) == (len(STAINS) if is_rxrx3 else len(said)) else None


@dataclass(frozen=True)
class Imported:
    """What a CSV of hits holds.

    Attributes
    ----------
    hits : dict of str to Hit
        By well id. A hit without a readable time has none.
    reviewers : tuple of str
        Whose hits they are, as far as the file says so.
    unknown : tuple of str
        Wells that are not in the data set.
    unreadable : tuple of str
        What else could not be used, a few words each: ``"B02: tag 'x'"``.
    guessed : str
        A time of which nothing in the file tells whether the month or the day comes first; all of
        them are read month first. Empty if there is none.
    """

    hits: Mapping[str, Hit]
    reviewers: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    guessed: str = ""


def read_hits_csv(path: Path, dataset: Dataset) -> Imported:
    """Read the hits of a CSV on wells of a data set.

    Only the columns well_id, tag (or tag_name), note, reviewer, time, contrast_limits and the
    scores are read, whatever their order and whichever others there are.

    Raises
    ------
    HitsError
        If the file cannot be read, has no column of wells, or is about another data set.
    """
    rows = [row for row in read_sheet(path).named() if row.get("well_id")]
    if not rows:
        raise HitsError(f"{path} lists no hits: it has no column well_id, or nothing in it.")
    if not rows[0].keys() & {"tag", "tag_name", "note"}:
        raise HitsError(f"{path} lists wells, but no hits: it has no column tag or note.")
    positions = dataset.listed.positions_of([row["well_id"] for row in rows])
    keys = keys_at(dataset.listed.table, positions)
    known = [(row, key) for row, key, at in zip(rows, keys, positions, strict=True) if at >= 0]
    unknown = [row["well_id"] for row, at in zip(rows, positions, strict=True) if at < 0]
    _check_dataset(path, known, unknown)
    return _imported(known, unknown)


def _check_dataset(path: Path, known: list[tuple[dict[str, str], str]], unknown: list[str]) -> None:
    """Names that a spreadsheet program made numbers or dates of, e.g. ``2-Sep``, say nothing."""
    if not known:
        none = f"this one has none of its wells ({some(unknown)})"
        raise HitsError(f"{path} is of another data set: {none}.")
    named = [(row.get("perturbation", ""), key) for row, key in known]
    said = [(text, key) for text, key in named if text and not text[0].isdigit()]
    wrong = [(text, key) for text, key in said if text != key]
    if 2 * len(wrong) > len(said):
        text, key = wrong[0]
        raise HitsError(f"{path} is of another data set: it says {text} where this one has {key}.")


def _imported(known: list[tuple[dict[str, str], str]], unknown: list[str]) -> Imported:
    hits: dict[str, Hit] = {}
    reviewers: Counter[str] = Counter()
    unreadable = []
    order = _DayAndMonth.of(row.get("time", "") for row, _ in known)
    for row, key in known:
        tag = _tag(row)
        if tag is None:
            unreadable.append(f"{row['well_id']}: tag {row.get('tag') or row.get('tag_name')!r}")
            continue
        hits[row["well_id"]] = _hit(row, key, tag, order)
        reviewers[row.get("reviewer", "")] += 1
    named = tuple(name for name, _ in reviewers.most_common() if name)
    return Imported(hits, named, tuple(unknown), tuple(unreadable), order.guessed)


def _hit(row: Mapping[str, str], key: str, tag: int, order: _DayAndMonth) -> Hit:
    limits = _limits_from_text(row.get("contrast_limits", ""))
    note, time = clean_note(row.get("note", "")), _time(row.get("time", ""), order)
    scores = {name: as_number(row.get(name, "")) for name in NUMBER_NAMES}
    known = {name: math.nan if value is None else value for name, value in scores.items()}
    return Hit(row["well_id"], key, tag, note, time, limits).scored(known)


def _tag(row: Mapping[str, str]) -> int | None:
    """Number of a row's tag, by its number or its name; None if there is no such tag."""
    text, name = row.get("tag", ""), row.get("tag_name", "")
    if not text and not name:
        return 0
    number = as_number(text)
    if number is not None and number in range(len(DEFAULT_TAGS) + 1):
        return int(number)
    named = {tag.name.casefold(): tag.number for tag in (*DEFAULT_TAGS, *tags_in_use())}
    return named.get(text.casefold()) if text else named.get(name.casefold())


@dataclass(frozen=True)
class _DayAndMonth:
    """Which comes first in times with slashes, as all times of a file tell together.

    A time that can only be read the other way is. `guessed` is one of which that cannot be told;
    then it is the month, as in most of them.
    """

    forms: tuple[str, ...] = (*_MONTH_FIRST, *_DAY_FIRST)
    guessed: str = ""

    @classmethod
    def of(cls, times: Iterable[str]) -> _DayAndMonth:
        found = [(int(m[1]), int(m[2]), m.string) for text in times if (m := _SLASHES.match(text))]
        if any(first > _MONTHS for first, _, _ in found):
            return cls((*_DAY_FIRST, *_MONTH_FIRST))
        if any(second > _MONTHS for _, second, _ in found):
            return cls()
        return cls(guessed=next((text for a, b, text in found if a != b), ""))


def _time(text: str, order: _DayAndMonth) -> str:
    """A time as files of hits have it; empty if it cannot be told."""
    days = as_number(text)
    if days is not None and _DAYS[0] < days < _DAYS[1]:
        return utc_time(_DAY_ZERO + timedelta(days=days))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        forms = (*_TIMES, *order.forms)
        return next(filter(None, (_rewritten(text, form) for form in forms)), "")
    return utc_time(time if time.tzinfo is not None else time.replace(tzinfo=UTC))


def _rewritten(text: str, form: str) -> str:
    for seconds in ("", ":%S"):
        try:
            time = datetime.strptime(text, form.replace("%M", f"%M{seconds}"))
        except ValueError:
            continue
        return utc_time(time.replace(tzinfo=UTC))
    return ""


@dataclass
class _Report:
    """What became of the hits of a CSV, by well id."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    older: list[str] = field(default_factory=list)


def import_hits(review: Review, imported: Imported) -> str:
    """Take the hits of a CSV into a review, as one step that can be undone.

    A hit that says something else than the one here takes its place, unless the one here was
    changed later, as far as the times in the file tell.

    Returns
    -------
    str
        What was taken and what was not, in sentences.
    """
    report, taken = _Report(), []
    for well, hit in imported.hits.items():
        here = review.hit(well)
        if hit.says_as(here):
            report.same.append(well)
        elif here.is_empty and not here.time:
            report.new.append(well)
            taken.append(hit)
        elif _is_older(hit, here):
            report.older.append(well)
        else:
            report.changed.append(well)
            taken.append(hit)
    review.decide(taken)
    return _told(report, imported, review.reviewer)


def _is_older(hit: Hit, here: Hit) -> bool:
    """Whether a hit of a file was made before the one here, as far as its time tells."""
    if not hit.time:
        return False
    time, now = datetime.fromisoformat(hit.time), datetime.fromisoformat(here.time)
    return time + _precision(time) < now


def _precision(time: datetime) -> timedelta:
    """What a spreadsheet program has cut off: hours, seconds, or less."""
    if (time.hour, time.minute, time.second) == (0, 0, 0):
        return timedelta(days=1)
    return timedelta(minutes=1) if time.second == 0 else timedelta(seconds=1)


def _told(report: _Report, imported: Imported, reviewer: str) -> str:
    counts = {
        "new": report.new,
        "changed": report.changed,
        "as they are here": report.same,
        "older than here and left as they are": report.older,
    }
    taken = ", ".join(f"{len(wells):,} {what}" for what, wells in counts.items() if wells)
    sentences = [f"{count(len(imported.hits), 'hit')}: {taken or 'nothing to take'}."]
    own = normalize("NFC", reviewer).casefold()  # as tables are read
    others = [name for name in imported.reviewers if name.casefold() != own]
    if others:
        sentences.append(f"They are by {some(others)}.")
    if n := len(imported.unknown):
        wells = f"{count(n, 'well')} {are(n)} not in this data set"
        sentences.append(f"{wells}: {some(imported.unknown)}.")
    if imported.guessed:
        sentences.append(f"Times such as {imported.guessed} are read with the month first.")
    if imported.unreadable:
        sentences.append(f"Not understood: {some(imported.unreadable)}.")
    return " ".join(sentences)

"""One decision about one well, the tags it can be, and how two versions of it become one."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.display import DEFAULT_TAGS as _LOOKS
from napari_rxrx3.core.display import TagLook, display
from napari_rxrx3.core.stains import MOST_STAINS
from napari_rxrx3.maps.dose_response.numbers import DOSE_NUMBERS

__all__ = [
    "DEFAULT_TAGS",
    "NO_TAG",
    "NUMBER_NAMES",
    "SCORE_NAMES",
    "Hit",
    "Tag",
    "clean_note",
    "merged",
    "tag_name",
    "tags_in_use",
    "time_after",
    "utc_time",
]

SCORE_NAMES = ("strength", "consistency", "agreement")
"""Scores of a well's perturbation that are kept with a hit, see docs/maps.md."""
NUMBER_NAMES = (*SCORE_NAMES, *DOSE_NUMBERS)
"""All numbers that are: of a compound also what its doses do."""

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_TIME_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z", re.ASCII)
_LONGEST_NOTE = 30_000
"""Cells of spreadsheets hold little more."""
_NO_PLAIN_BLANKS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\x85\xa0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]"
)
_AROUND = re.compile(r"\A[\s\u200b\u2060\ufeff]+|[\s\u200b\u2060\ufeff]+\Z")

NO_TAG = 0
"""Number of a hit that has a note but no tag."""


class Tag(NamedTuple):
    """A tag: its number 1..5, which is its key and what files hold, its name and its color."""

    number: int
    name: str
    color: str


def _numbered(looks: Sequence[TagLook]) -> tuple[Tag, ...]:
    return tuple(Tag(number, *look) for number, look in enumerate(looks, start=1))


DEFAULT_TAGS: tuple[Tag, ...] = _numbered(_LOOKS)


def tags_in_use() -> tuple[Tag, ...]:
    """The tags as the preferences have them; `display.tags_changed` says when they change."""
    return _numbered(display.tags)


def tag_name(number: int) -> str:
    """What a tag is called; empty for `NO_TAG`."""
    return "" if number == NO_TAG else display.tags[number - 1].name


@dataclass(frozen=True)
class Hit:
    """What was decided about a well.

    Attributes
    ----------
    well_id : str
    perturbation : str
        Key of what the well received: ``PLK1``, ``Bortezomib@2.5``; empty if it is not known.
    tag : int
        1..5, or 0 for none.
    note : str
    time : str
        When tag or note were changed last: UTC, ``2026-11-22T17:14:16.123456Z``.
    limits : Limits or None
        Contrast limits of the stains at which it was tagged.
    strength, consistency, agreement : float
        Scores of the perturbation when it was tagged, NaN where there was none.
    trend_p, trend_q, ec50, ec50_low, ec50_high, lowest_active_dose : float
        What the doses of the compound did when it was tagged, see `DOSE_NUMBERS`.
    """

    well_id: str
    perturbation: str = ""
    tag: int = 0
    note: str = ""
    time: str = ""
    limits: Limits | None = None
    strength: float = math.nan
    consistency: float = math.nan
    agreement: float = math.nan
    trend_p: float = math.nan
    trend_q: float = math.nan
    ec50: float = math.nan
    ec50_low: float = math.nan
    ec50_high: float = math.nan
    lowest_active_dose: float = math.nan

    @property
    def is_empty(self) -> bool:
        """Neither tag nor note: what is left of a hit that was taken back."""
        return not self.tag and not self.note

    def scored(self, scores: Mapping[str, float]) -> Hit:
        """The same with these scores; what is not among them, or no number, is not known."""
        known: dict[str, Any] = {
            name: _known_score(scores.get(name, math.nan)) for name in NUMBER_NAMES
        }
        return replace(self, **known)

    @property
    def scores(self) -> dict[str, float]:
        """The scores that there are, and what doses do, by name."""
        scores = {name: float(getattr(self, name)) for name in NUMBER_NAMES}
        return {name: score for name, score in scores.items() if not math.isnan(score)}

    def says_as(self, other: Hit) -> bool:
        """Whether two hits have the same tag and note."""
        return (self.tag, self.note) == (other.tag, other.note)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file of hits; what is not known is left out."""
        limits = [list(pair) for pair in self.limits] if self.limits is not None else None
        every = {
            "perturbation": self.perturbation,
            "tag": self.tag,
            "note": self.note,
            "time": self.time,
            "limits": limits,
            "scores": self.scores,
        }
        return {name: value for name, value in every.items() if value or name == "tag"}

    @classmethod
    def from_json(cls, well_id: str, kept: Mapping[str, Any]) -> Hit:
        """The hit that `to_json` wrote.

        Raises
        ------
        ValueError
            If it is none; the message says what is wrong with it.
        """
        tag, limits = kept.get("tag", 0), kept.get("limits")
        texts = [kept.get(name, "") for name in ("perturbation", "note", "time")]
        if type(tag) is not int or not 0 <= tag <= len(DEFAULT_TAGS):
            raise ValueError(f"its tag is {tag!r}")
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("its perturbation, note or time is no text")
        if texts[2] != "" and not _is_time(texts[2]):
            raise ValueError(f"its time is {texts[2]!r}")
        perturbation, note, time = texts
        known = _limits(limits) if limits is not None else None
        try:
            return cls(well_id, perturbation, tag, note, time, known).scored(kept.get("scores", {}))
        except (TypeError, ValueError, AttributeError):
            raise ValueError("one of its scores is no number") from None


def _is_time(text: str) -> bool:
    try:
        return _TIME_TEXT.match(text) is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _limits(kept: Any) -> Limits:
    try:
        limits = tuple((float(low), float(high)) for low, high in kept)
    except (TypeError, ValueError):
        limits = ()
    is_number = 0 < len(limits) <= MOST_STAINS
    if not is_number or not all(-math.inf < a < b < math.inf for a, b in limits):
        raise ValueError("its contrast limits are not pairs of numbers, one a stain")
    return limits


def _known_score(score: float) -> float:
    # always the same NaN: hits that hold it are then equal
    return float(score) if math.isfinite(score) else math.nan


def utc_time(time: datetime | None = None) -> str:
    """A time, the current one if None, as files of hits have it: they sort as texts."""
    time = datetime.now(UTC) if time is None else time.astimezone(UTC)
    return time.strftime(_TIME)


def time_after(time: str) -> str:
    """The current time, or the next microsecond after one that a clock running ahead wrote."""
    now = utc_time()
    if now > time:
        return now
    return utc_time(datetime.strptime(time, _TIME).replace(tzinfo=UTC) + timedelta(microseconds=1))


def clean_note(text: str) -> str:
    """A note as it is kept: without what no text file or spreadsheet would give back."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = _NO_PLAIN_BLANKS.sub(" ", unicodedata.normalize("NFC", lines))
    return _AROUND.sub("", _AROUND.sub("", plain)[:_LONGEST_NOTE])


def merged(base: Hit | None, mine: Hit, theirs: Hit) -> Hit:
    """One hit of two that were both made from `base`, so that neither change is lost.

    What only one of them changed is taken from that one. Where both changed the tag, or the
    note, the later one is right.
    """
    base = base or Hit(mine.well_id)
    later, earlier = (mine, theirs) if mine.time >= theirs.time else (theirs, mine)
    tagged = earlier if later.tag == base.tag and earlier.tag != base.tag else later
    noted = earlier if later.note == base.note and earlier.note != base.note else later
    return replace(tagged, note=noted.note, time=later.time)

"""Where files of hits are, and what the user chose about it."""

from __future__ import annotations

import getpass
import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path

import platformdirs

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.hits.hits_file import why_not, write_text
from napari_rxrx3.hits.owner import Owner

__all__ = [
    "choose_place",
    "choose_reviewer",
    "chosen_place",
    "chosen_reviewer",
    "default_place",
    "files_of_reviewers",
    "hits_path",
    "queue_path",
    "reachable_place",
]

_CHOICES = "choices.json"
_QUEUE = ".queue.json"
_UNSAFE = re.compile(r"[^\w-]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|)\Z", re.ASCII)
"""Names that Windows does not let a file have."""
_LONGEST = 60


def default_place() -> Path:
    """The folder of all hits, among the user's data; its default."""
    return Path(platformdirs.user_data_dir("napari-rxrx3", appauthor=False)) / "hits"


def chosen_place() -> Path:
    """The folder of all hits: the one chosen last, else the default."""
    place = _choices().get("place")
    return Path(place) if place else default_place()


def reachable_place() -> Path:
    """`chosen_place`, if it is there or can be made: a shared disk may not be connected.

    Raises
    ------
    HitsError
        If it is not there; another one made in its place would seem to have lost all hits.
    """
    place = chosen_place()
    if place != default_place() and not place.is_dir():
        raise HitsError(f"The folder of the hits, {place}, is not there: connect its disk.")
    return place


def chosen_reviewer() -> str:
    """Who reviews: the name chosen last, else that of the user of this computer."""
    return _choices().get("reviewer") or _user()


def choose_place(place: Path | None) -> None:
    """Keep hits in another folder from the next `open_review` on, in all sessions; None: default.

    Raises
    ------
    HitsError
        If the folder cannot be made or the choice not be remembered.
    """
    try:
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HitsError(f"{place} cannot be made: {why_not(error)}.") from error
    _choose("place", str(place.absolute()) if place is not None else "")


def choose_reviewer(name: str) -> None:
    """Review under another name from the next `open_review` on, in all sessions.

    Raises
    ------
    HitsError
        If the choice cannot be remembered.
    """
    _choose("reviewer", " ".join(name.split()))


def hits_path(place: Path, owner: Owner) -> Path:
    """The file of a reviewer's hits: a folder for the data set, a file for the reviewer."""
    folder = f"{_safe(owner.dataset_name)}-{owner.dataset_id[:8]}"
    return place / folder / f"{_safe(owner.reviewer)}.json"


def queue_path(hits: Path) -> Path:
    """The file beside a reviewer's hits that says what is being reviewed."""
    return hits.with_name(hits.stem + _QUEUE)


def files_of_reviewers(hits: Path) -> list[Path]:
    """The files of all reviewers beside one of them, which need not be there."""
    with suppress(OSError):
        beside = sorted(hits.parent.glob("*.json"))
        return [path for path in beside if not path.name.endswith(_QUEUE)]
    return []


def _safe(name: str) -> str:
    """A name as part of a path, on any system. Two names give one only if they differ in case."""
    folded = name.casefold()
    clean = _UNSAFE.sub("_", folded)[:_LONGEST]
    if clean == folded and not _RESERVED.match(clean):
        return clean
    return f"{clean}-{hashlib.sha256(folded.encode('utf-8', 'replace')).hexdigest()[:6]}"


def _choices() -> dict[str, str]:
    try:
        kept = json.loads((default_place() / _CHOICES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    kept = kept if isinstance(kept, dict) else {}
    return {name: value for name, value in kept.items() if isinstance(value, str)}


def _choose(name: str, value: str) -> None:
    path = default_place() / _CHOICES
    try:
        write_text(path, json.dumps({**_choices(), name: value}) + "\n")
    except OSError as error:
        raise HitsError(f"{path} cannot be written: {why_not(error)}.") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # who has no name on this computer
        return "reviewer"

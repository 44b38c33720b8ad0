"""How hits are written as a file, and read from one; the format is described in docs/hits.md."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from napari_rxrx3 import __version__
from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.data.kept.cache import written_atomically
from napari_rxrx3.hits.hit import Hit, utc_time
from napari_rxrx3.hits.owner import Owner, misplaced
from napari_rxrx3.hits.tags import tags_in_use

__all__ = [
    "Stored",
    "check_dataset",
    "hit_line",
    "owned_hits",
    "read_stored",
    "stored_text",
    "unreadable",
    "why_not",
    "write_text",
]

_FORMAT, _VERSION = "napari-rxrx3 hits", 1
_LEFT = "it is left as it is"

_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
}


class Stored(NamedTuple):
    """What a file of hits holds: by well id, also those that were taken back."""

    reviewer: str
    dataset_name: str
    dataset_id: str
    hits: dict[str, Hit]


def read_stored(path: Path) -> Stored:
    """Read a file of hits, whoever's it is.

    Raises
    ------
    HitsError
        If it cannot be read, is none, is damaged, or was written by a newer version.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise HitsError(f"{path} is damaged or no file of hits ({error}); {_LEFT}.") from None
    if not isinstance(kept, dict) or kept.get("format") != _FORMAT:
        raise HitsError(f"{path} is no file of hits; {_LEFT}.")
    version = kept.get("version")
    if version != _VERSION:
        newer = f"was written by a newer version of napari-rxrx3 (format {version})"
        raise HitsError(f"{path} {newer}; {_LEFT}.")
    return _stored(path, kept)


def _stored(path: Path, kept: dict[str, Any]) -> Stored:
    dataset, reviewer, hits = (kept.get(name) for name in ("dataset", "reviewer", "hits"))
    if not (isinstance(dataset, dict) and isinstance(reviewer, str) and isinstance(hits, dict)):
        raise HitsError(
            f"{path} is damaged: its data set, reviewer or hits are not there; {_LEFT}."
        )
    named = str(dataset.get("name", "")), str(dataset.get("id", ""))
    return Stored(reviewer, *named, {well: _hit(path, well, hit) for well, hit in hits.items()})


def _hit(path: Path, well: str, kept: Any) -> Hit:
    try:
        if not isinstance(kept, dict):
            raise ValueError("it is no hit")
        return Hit.from_json(well, kept)
    except ValueError as error:
        raise HitsError(f"{path} is damaged at well {well}: {error}; {_LEFT}.") from None


def owned_hits(path: Path, owner: Owner) -> dict[str, Hit]:
    """The hits of a file that must be the owner's.

    Raises
    ------
    HitsError
        As `read_stored`, and if the file is another reviewer's or of another data set.
    """
    stored = read_stored(path)
    if not owner.is_called(stored.reviewer):
        raise HitsError(
            f"{path} holds the hits of {stored.reviewer}, not {owner.reviewer}; {_LEFT}."
        )
    check_dataset(path, stored, owner)
    return stored.hits


def check_dataset(path: Path, stored: Stored, owner: Owner) -> None:
    """Raise HitsError if a file's hits are not on wells of the owner's data set.

    The id may be another one, for instance where a part of the metadata was used before: then
    the wells tell.
    """
    if stored.dataset_id == owner.dataset_id:
        return
    if wrong := misplaced(owner.dataset, stored.hits.values()):
        name = stored.dataset_name or "another data set"
        example = f"e.g. {wrong[0].well_id} with {wrong[0].perturbation or 'no perturbation'}"
        raise HitsError(
            f"{path} holds hits of {name}, not of this data set: {len(wrong):,} of "
            f"{len(stored.hits):,} are on wells that are not in it ({example}); {_LEFT}."
        )


def hit_line(hit: Hit) -> str:
    """One hit as it stands in the file."""
    return f"  {_text(hit.well_id)}: {_text(hit.to_json())}"


def stored_text(owner: Owner, lines: Iterable[str]) -> str:
    """A whole file of the lines of its hits."""
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "dataset": {
            "name": owner.dataset_name,
            "id": owner.dataset_id,
            "path": owner.dataset_path,
        },
        "reviewer": owner.reviewer,
        "saved": utc_time(),
        "plugin": __version__,
        "tags": {str(tag.number): tag.name for tag in tags_in_use()},
    }
    first = "".join(f" {_text(name)}: {_text(value)},\n" for name, value in head.items())
    return "{\n" + first + ' "hits": {\n' + ",\n".join(lines) + "\n }\n}\n"


_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole, or not at all, and have it on the disk when this returns."""
    with written_atomically(path) as temporary, temporary.open("wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())  # what is moved into place unwritten may be empty after a crash
    if os.name == "posix":
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # and so that it has been moved
            finally:
                os.close(folder)


def unreadable(path: Path, error: OSError) -> HitsError:
    """What to raise when a file cannot be read."""
    return HitsError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.")


def why_not(error: OSError) -> str:
    """Why something could not be written, in plain words."""
    return _CAUSES.get(error.errno or 0, (error.strerror or str(error)).lower())

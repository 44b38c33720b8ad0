"""The file that keeps the hits of one data set and one reviewer; docs/hits.md has its format."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.core.version import __version__
from napari_rxrx3.data.files.local import locked, read_plain, written_atomically
from napari_rxrx3.hits.hit import Hit, merged, tags_in_use, utc_time
from napari_rxrx3.hits.owner import Owner, misplaced

__all__ = [
    "HitsFile",
    "Stored",
    "check_dataset",
    "read_stored",
    "unreadable",
    "why_not",
    "write_text",
]

_FORMAT, _VERSION = "napari-rxrx3 hits", 1
_LEFT = "it is left as it is"
_Stamp = tuple[int, int, int]

_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
}


class HitsFile:
    """Hits in memory and in a file that several windows may write; not to be used by two threads.

    A hit that was put in is safe when `save` returns. Until then it stays in memory, so that a
    disk that is full or read-only costs nothing once it is not.

    Attributes
    ----------
    path : Path
        Need not exist, nor its folder.
    owner : Owner
    hits : dict of str to Hit
        By well id, in the order in which they were first made; also those that were taken back.
    """

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path = path
        self.owner = owner
        self.hits: dict[str, Hit] = {}
        self._saved: dict[str, Hit] = {}
        self._unsaved: set[str] = set()
        self._lines: dict[str, str] = {}
        self._stamp: _Stamp | None = None

    @property
    def is_saved(self) -> bool:
        """Nothing of it is in memory only."""
        return not self._unsaved

    def put(self, hit: Hit) -> None:
        """Add a hit or a new version of one."""
        self.hits[hit.well_id] = hit
        self._unsaved.add(hit.well_id)
        self._lines.pop(hit.well_id, None)

    def load(self) -> None:
        """Take in what the file holds, if there is one.

        Raises
        ------
        HitsError
            If it cannot be read or is not ours.
        """
        try:
            self._take_in()
            self._make_lines()
        except OSError as error:
            raise unreadable(self.path, error) from error

    def save(self) -> frozenset[str]:
        """Take in what others wrote into the file, and write what it does not hold yet.

        Returns
        -------
        frozenset of str
            Wells whose hits were changed by others.

        Raises
        ------
        HitsError
            If the file cannot be written or is not ours; it is left as it is, the hits stay in
            memory, and the next call tries again.
        """
        place = self.path.parent.parent
        if self._stamp is not None and not place.is_dir():  # a disk that was taken away
            raise HitsError(f"The folder of the hits, {place}, is not there any more.")
        try:
            changed = self._take_in() if self.is_saved else frozenset()
            if not self.is_saved:
                with self._held():
                    changed |= self._take_in()
                    self._write()
            return changed
        except OSError as error:
            raise HitsError(f"Hits cannot be saved in {self.path}: {why_not(error)}.") from error

    def move_to(self, path: Path) -> frozenset[str]:
        """Keep the hits in another file from now on, together with those that it holds.

        The old file stays as it is.

        Returns
        -------
        frozenset of str
            Wells whose hits were changed by what the new file holds.

        Raises
        ------
        HitsError
            If the new file cannot be used; the old one is used as before.
        """
        moved = HitsFile(path, self.owner)
        for hit in self.hits.values():
            moved.put(hit)
        changed = moved.save()
        vars(self).update(vars(moved))
        return changed

    def _take_in(self) -> frozenset[str]:
        stamp = _stamp(self.path)
        if stamp is None:  # removed by someone: it is written again as a whole
            self._unsaved |= self.hits.keys()
        if stamp is None or stamp == self._stamp:
            return frozenset()
        theirs = _owned_hits(self.path, self.owner)
        changed = {well for well, hit in theirs.items() if self._merge(hit)}
        self._unsaved |= self.hits.keys() - theirs.keys()
        self._saved, self._stamp = theirs, stamp
        return frozenset(changed)

    def _merge(self, theirs: Hit) -> bool:
        """Take in a hit of the file; whether that changed the one in memory."""
        mine, saved = self.hits.get(theirs.well_id), self._saved.get(theirs.well_id)
        if theirs == saved:
            return False
        both = theirs if mine is None else merged(saved, mine, theirs)
        if both != mine:
            self.put(both)
        if both == theirs:
            self._unsaved.discard(theirs.well_id)
        return both != mine

    def _make_lines(self) -> None:
        for well, hit in self.hits.items():
            if well not in self._lines:
                self._lines[well] = _hit_line(hit)

    def _write(self) -> None:
        self._make_lines()
        write_text(self.path, _stored_text(self.owner, map(self._lines.__getitem__, self.hits)))
        self._stamp = _stamp(self.path)
        self._saved = dict(self.hits)
        self._unsaved.clear()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Let no other window write meanwhile. The file is replaced, so another one is locked."""
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = lock.open("ab")
        except OSError:  # a read-only folder or a full disk: whoever writes will say so
            yield
            return
        with file, locked(file):
            yield


def _stamp(path: Path) -> _Stamp | None:
    """What changes whenever the file does; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


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
        kept = json.loads(read_plain(path).decode("utf-8"))
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


def _owned_hits(path: Path, owner: Owner) -> dict[str, Hit]:
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


def _hit_line(hit: Hit) -> str:
    """One hit as it stands in the file."""
    return f"  {_text(hit.well_id)}: {_text(hit.to_json())}"


def _stored_text(owner: Owner, lines: Iterable[str]) -> str:
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
        file.write(text.encode("utf-8", errors="replace"))  # names of files may be no text
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

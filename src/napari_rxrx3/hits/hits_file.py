"""The file that keeps the hits of one data set and one reviewer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.data.kept.locks import locked
from napari_rxrx3.hits.hit import Hit, merged
from napari_rxrx3.hits.owner import Owner
from napari_rxrx3.hits.stored import (
    hit_line,
    owned_hits,
    stored_text,
    unreadable,
    why_not,
    write_text,
)

__all__ = ["HitsFile"]

_Stamp = tuple[int, int, int]


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
        theirs = owned_hits(self.path, self.owner)
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
                self._lines[well] = hit_line(hit)

    def _write(self) -> None:
        self._make_lines()
        write_text(self.path, stored_text(self.owner, map(self._lines.__getitem__, self.hits)))
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

"""A review: what was decided about wells, what is still to be looked at, and undo without end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.display import DEFAULT_TAGS
from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.hits.hit import Hit, clean_note, time_after
from napari_rxrx3.hits.hits_file import HitsFile
from napari_rxrx3.hits.owner import key_of, owner_of
from napari_rxrx3.hits.places import chosen_reviewer, hits_path, queue_path, reachable_place
from napari_rxrx3.hits.queue import Queue, QueueFile, QueueItem

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["Review", "open_review"]

_Step = tuple[tuple[Hit, Hit], ...]
"""Hits before and after one change."""


class Review:
    """One reviewer's hits of one data set, and the queue that is being walked.

    Every change is on the disk when the method that makes it returns. If it cannot be written,
    `trouble` says why in one sentence, everything stays in memory, and each further change (and
    `save`) tries again. No method raises because of the disk. Not to be used by two threads.
    """

    changed = Signal(object)
    """Wells (frozenset of ids) whose hits are others now, by us or by another window."""
    moved = Signal(object)
    """The queue's current item (QueueItem or None), after a step or with another queue."""
    trouble_changed = Signal(str)
    """Why hits cannot be saved, in one sentence; empty when they can again."""

    def __init__(self, dataset: Dataset, file: HitsFile, queue_file: QueueFile) -> None:
        self.dataset = dataset
        self.queue = Queue()
        self.trouble = ""
        self._file, self._queue_file = file, queue_file
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        self._shown: dict[str, Hit] | None = None

    # -- what there is ---------------------------------------------------------------------------

    @property
    def reviewer(self) -> str:
        return self._file.owner.reviewer

    @property
    def path(self) -> Path:
        """The file that keeps the hits."""
        return self._file.path

    @property
    def hits(self) -> Mapping[str, Hit]:
        """All wells with a tag or a note, in the order in which they got the first one."""
        if self._shown is None:
            self._shown = {w: hit for w, hit in self._file.hits.items() if not hit.is_empty}
        return self._shown

    def hit(self, well_id: str) -> Hit:
        """What was decided about a well; a hit that `is_empty` if nothing was."""
        return self._file.hits.get(well_id) or Hit(well_id)

    def counts(self) -> dict[int, int]:
        """How many wells have each tag, by its number 1..5."""
        found = Counter(hit.tag for hit in self.hits.values())
        return {number: found[number] for number in range(1, len(DEFAULT_TAGS) + 1)}

    # -- decisions -------------------------------------------------------------------------------

    def tag(
        self,
        well_id: str,
        number: int,
        limits: Limits | None = None,
        scores: Mapping[str, float] | None = None,
    ) -> None:
        """Give a well a tag, 1..5, or take it away, 0. The tag that it has already is no change.

        Parameters
        ----------
        limits : Limits, optional
            Contrast limits at which it was looked at.
        scores : mapping, optional
            Those of `napari_rxrx3.hits.table.scores_of`.

        Raises
        ------
        UnknownWell
        ValueError
            If there is no such tag.
        """
        if not 0 <= number <= len(DEFAULT_TAGS):
            raise ValueError(f"There is no tag {number}, only 1 to {len(DEFAULT_TAGS)}.")
        key, before = key_of(self.dataset.row(well_id)), self.hit(well_id)
        after = replace(before, tag=number, perturbation=key, limits=limits)
        self.decide([after.scored(scores or {})])

    def set_note(self, well_id: str, note: str) -> None:
        """Write something about a well; an empty text takes the note away.

        Raises
        ------
        UnknownWell
        """
        key, before = key_of(self.dataset.row(well_id)), self.hit(well_id)
        self.decide([replace(before, note=clean_note(note), perturbation=key)])

    def decide(self, hits: Iterable[Hit]) -> frozenset[str]:
        """Change several hits in one step, which is undone as one.

        Hits that say the same as before are left out; the others get the current time, unless
        they are of wells that had none and bring their own.

        Returns
        -------
        frozenset of str
            The wells whose hits were changed.
        """
        pairs = [(self.hit(hit.well_id), hit) for hit in hits]
        step = tuple((old, _timed(old, new)) for old, new in pairs if not new.says_as(old))
        if step:
            self._undone.clear()
            self._done.append(step)
            self._put([new for _, new in step])
        return frozenset(new.well_id for _, new in step)

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    def undo(self) -> frozenset[str]:
        """Take the last change back, and go to its well if the queue has it.

        What another window has changed meanwhile stays.

        Returns
        -------
        frozenset of str
            The wells of the change; none if there was nothing to undo.
        """
        return self._walk(self._done, self._undone, lambda pair: pair)

    def redo(self) -> frozenset[str]:
        """Make the change again that was taken back last."""
        return self._walk(self._undone, self._done, lambda pair: (pair[1], pair[0]))

    def _walk(
        self,
        source: list[_Step],
        target: list[_Step],
        ordered: Callable[[tuple[Hit, Hit]], tuple[Hit, Hit]],
    ) -> frozenset[str]:
        if not source:
            return frozenset()
        step = source.pop()
        target.append(step)
        hits = [_taken_back(*ordered(pair), self.hit(pair[0].well_id)) for pair in step]
        self._put(hits)
        place = self.queue.find(hits[0].well_id) if len(hits) == 1 else None
        if place is not None:
            self.go_to(place)
        return frozenset(hit.well_id for hit in hits)

    def _put(self, hits: Sequence[Hit]) -> None:
        for hit in hits:
            self._file.put(hit)
        self._shown = None
        self._save(frozenset(hit.well_id for hit in hits))

    # -- the file --------------------------------------------------------------------------------

    def save(self) -> bool:
        """Write what is not on the disk yet, take in what others wrote; whether that worked.

        To be called when the window becomes active, when it closes, and to try again.
        """
        return self._save(frozenset())

    def _save(self, changed: frozenset[str]) -> bool:
        trouble, others = "", frozenset[str]()
        try:
            others = self._file.save()
        except HitsError as error:
            trouble = f"{error} What you change stays in memory until it works."
        if changed | others:
            self._shown = None
            self.changed.emit(changed | others)
        self._note(trouble)
        return not trouble

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self.trouble_changed.emit(trouble)

    def move_to(self, place: Path) -> None:
        """Keep the hits in another folder from now on, with those of the reviewer that are there.

        The old file stays as it is.

        Raises
        ------
        HitsError
            If the hits cannot be kept there; they are kept where they were.
        """
        path = hits_path(place, self._file.owner)
        changed = self._file.move_to(path)
        self._queue_file = QueueFile(queue_path(path), self._file.owner.dataset_id)
        self._shown = None
        self.changed.emit(changed)
        self._note("")
        self._keep_queue()

    # -- the queue -------------------------------------------------------------------------------

    def set_queue(self, queue: Queue) -> None:
        """Review another list, from where it stands."""
        self.queue = queue
        self._keep_queue()
        self.moved.emit(queue.current)

    def go_to(self, position: int) -> QueueItem | None:
        """Go to a place in the queue, counted from 0, as far as it reaches; gives its item."""
        queue = self.queue.at(position)
        if queue is not self.queue:
            self.queue = queue
            self._keep_queue()
            self.moved.emit(queue.current)
        return queue.current

    def next(self) -> QueueItem | None:
        """Go on by one; at the end it stays."""
        return self.go_to(self.queue.position + 1)

    def previous(self) -> QueueItem | None:
        """Go back by one; at the start it stays."""
        return self.go_to(self.queue.position - 1)

    def _keep_queue(self) -> None:
        try:
            self._queue_file.save(self.queue)
        except HitsError as error:
            self._note(self.trouble or str(error))


def open_review(dataset: Dataset, reviewer: str | None = None, place: Path | None = None) -> Review:
    """Go on with a review, or begin one.

    Reads a file and looks at some wells: for the background. Nothing is written before the first
    change.

    Parameters
    ----------
    reviewer : str, optional
        Whose hits; the name chosen last if None.
    place : Path, optional
        The folder of all hits; the one chosen last if None.

    Raises
    ------
    HitsError
        If the reviewer's file is damaged, not readable, or a newer version's; it is left as it
        is. Also if the folder that was chosen is not there. Another name or place is the way out.
    """
    owner = owner_of(dataset, reviewer or chosen_reviewer())
    path = hits_path(place or reachable_place(), owner)
    file = HitsFile(path, owner)
    file.load()
    queue_file = QueueFile(queue_path(path), owner.dataset_id)
    review = Review(dataset, file, queue_file)
    review.queue = queue_file.load()
    return review


def _taken_back(before: Hit, after: Hit, now: Hit) -> Hit:
    """What a hit was before a change; a tag or note that someone has changed since stays."""
    tagged = before if now.tag == after.tag else now
    note = before.note if now.note == after.note else now.note
    return replace(tagged, note=note, time=time_after(now.time))


def _timed(old: Hit, new: Hit) -> Hit:
    return new if new.time and not old.time else replace(new, time=time_after(old.time))

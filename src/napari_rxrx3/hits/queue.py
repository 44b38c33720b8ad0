"""A list of wells to look at one after the other, and the file that keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.data.kept.whole_files import written_atomically
from napari_rxrx3.data.plain_files import read_plain
from napari_rxrx3.hits.hits_file import why_not

__all__ = ["Queue", "QueueFile", "QueueItem"]

_FORMAT, _VERSION = "napari-rxrx3 queue", 1


class QueueItem(NamedTuple):
    """A well to look at, and what it stands for: a perturbation, ``PLK1 guide 1``."""

    well_id: str
    label: str


@dataclass(frozen=True)
class Queue:
    """Wells in an order, and the place where the reviewer is.

    Made by the functions of `napari_rxrx3.hits.queues`. Every change gives a new one.

    Attributes
    ----------
    items : tuple of QueueItem
    position : int
        From 0; meaningless without items.
    title : str
        Where the list came from: "strongest 50 compounds".
    note : str
        One or two sentences about what is not in it, and why; empty if all is.
    """

    items: tuple[QueueItem, ...] = ()
    position: int = 0
    title: str = ""
    note: str = ""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def current(self) -> QueueItem | None:
        """Where the reviewer is; None in an empty queue."""
        return self.items[self.position] if self.items else None

    @property
    def progress(self) -> str:
        """``"17 of 240"``; empty without items."""
        return f"{self.position + 1:,} of {len(self.items):,}" if self.items else ""

    @property
    def has_next(self) -> bool:
        return self.position + 1 < len(self.items)

    @property
    def has_previous(self) -> bool:
        return self.position > 0

    def at(self, position: int) -> Queue:
        """The same queue with the reviewer elsewhere, but never outside."""
        inside = min(max(position, 0), max(len(self.items) - 1, 0))
        return self if inside == self.position else replace(self, position=inside)

    def find(self, well_id: str) -> int | None:
        """Position of a well, the one in hand first; None if it is not in the queue."""
        current = self.current
        if current is not None and current.well_id == well_id:
            return self.position
        return self._places.get(well_id)

    @cached_property
    def _places(self) -> dict[str, int]:
        """The first position of each well."""
        return {item.well_id: i for i, item in reversed(list(enumerate(self.items)))}


class QueueFile:
    """One file; it is written as a whole at every step, from a text that is made once."""

    def __init__(self, path: Path, dataset_id: str) -> None:
        self.path = path
        self._dataset_id = dataset_id
        self._items: tuple[QueueItem, ...] | None = None
        self._text = ""

    def save(self, queue: Queue) -> None:
        """Keep a queue with its position.

        Raises
        ------
        HitsError
        """
        if queue.items is not self._items:
            self._items, self._text = queue.items, json.dumps(queue.items, ensure_ascii=False)
        head = {
            "format": _FORMAT,
            "version": _VERSION,
            "dataset": self._dataset_id,
            "title": queue.title,
            "note": queue.note,
            "position": queue.position,
        }
        start = json.dumps(head, ensure_ascii=False)[:-1]
        try:
            with written_atomically(self.path) as temporary:
                text = f'{start}, "items": {self._text}}}\n'
                temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        except OSError as error:
            why = why_not(error)
            raise HitsError(
                f"The place in the queue cannot be kept in {self.path}: {why}."
            ) from error

    def load(self) -> Queue:
        """The queue that was kept; an empty one if there is none, or it is another data set's."""
        try:
            return self._queue(json.loads(read_plain(self.path).decode("utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return Queue()

    def _queue(self, kept: Any) -> Queue:
        known = kept["format"], kept["version"], kept["dataset"]
        if known != (_FORMAT, _VERSION, self._dataset_id):
            return Queue()
        items = tuple(QueueItem(str(well), str(label)) for well, label in kept["items"])
        queue = Queue(items, 0, str(kept["title"]), str(kept["note"]))
        return queue.at(int(kept["position"]))

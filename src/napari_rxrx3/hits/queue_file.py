"""The list that is being reviewed, kept beside the hits, so that a review goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.data.kept.cache import written_atomically
from napari_rxrx3.hits.queue import Queue, QueueItem
from napari_rxrx3.hits.stored import why_not

__all__ = ["QueueFile"]

_FORMAT, _VERSION = "napari-rxrx3 queue", 1


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
                temporary.write_text(f'{start}, "items": {self._text}}}\n', encoding="utf-8")
        except OSError as error:
            why = why_not(error)
            raise HitsError(
                f"The place in the queue cannot be kept in {self.path}: {why}."
            ) from error

    def load(self) -> Queue:
        """The queue that was kept; an empty one if there is none, or it is another data set's."""
        try:
            return self._queue(json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return Queue()

    def _queue(self, kept: Any) -> Queue:
        known = kept["format"], kept["version"], kept["dataset"]
        if known != (_FORMAT, _VERSION, self._dataset_id):
            return Queue()
        items = tuple(QueueItem(str(well), str(label)) for well, label in kept["items"])
        queue = Queue(items, 0, str(kept["title"]), str(kept["note"]))
        return queue.at(int(kept["position"]))

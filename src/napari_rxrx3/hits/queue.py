"""A list of wells to look at one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

__all__ = ["Queue", "QueueItem"]


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

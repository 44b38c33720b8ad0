"""The questions that were asked before, as a browser keeps its pages."""

from __future__ import annotations

from napari_rxrx3.maps.query import Query

__all__ = ["History"]


class History:
    """Questions before and after the one that is asked now."""

    def __init__(self) -> None:
        self._past: list[Query] = []
        self._future: list[Query] = []

    @property
    def can_go_back(self) -> bool:
        return bool(self._past)

    @property
    def can_go_forward(self) -> bool:
        return bool(self._future)

    def clear(self) -> None:
        self._past, self._future = [], []

    def leave(self, query: Query) -> None:
        """Remember a question that another one takes the place of."""
        self._past.append(query)
        self._future.clear()

    def back(self, query: Query) -> Query | None:
        """The question before this one; None if there is none."""
        return _step(query, self._past, self._future)

    def forward(self, query: Query) -> Query | None:
        """The question that `back` led away from; None if there is none."""
        return _step(query, self._future, self._past)


def _step(query: Query, source: list[Query], target: list[Query]) -> Query | None:
    if not source:
        return None
    target.append(query)
    return source.pop()

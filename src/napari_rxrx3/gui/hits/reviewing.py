"""Actions of a review: tag the well on screen, write a note, walk the queue."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.errors import UnknownWell
from napari_rxrx3.core.words import name_of_well
from napari_rxrx3.gui.widgets import shortcut
from napari_rxrx3.hits.hit import NO_TAG, tag_name
from napari_rxrx3.hits.queue import QueueItem
from napari_rxrx3.hits.table import scores_of
from napari_rxrx3.session import Session

__all__ = ["Reviewing", "bind_review_keys"]


class Reviewing:
    """Acts on the review of a session, and brings the well in question on screen."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tag(self, number: int) -> None:
        """Tag the well on screen; if it is the queue's current one, go on to the next."""
        review, well = self._session.review, self._session.well
        if review is None or well is None:
            return
        is_current = self._is_current(well)
        scores = scores_of(self._session.phenomap, well) if number != NO_TAG else None
        review.tag(well, number, self._session.limits, scores)
        self._say(well, number)
        if is_current and number != NO_TAG:
            self.step(1)

    def step(self, step: int) -> None:
        """Go on (+1) or back (-1) in the queue; from a well beside it, back to its current one."""
        session, review = self._session, self._session.review
        if review is None or review.queue.current is None:
            session.say("There is no queue: choose one in the tab Hits.")
            return
        queue = review.queue
        if not self._is_current(session.well):
            self.show(queue.current)
        elif queue.has_next if step > 0 else queue.has_previous:
            self.show(review.go_to(queue.position + step))
        else:
            end = "last" if step > 0 else "first"
            session.say(f"This is the {end} of {len(queue):,}: {queue.title}.")

    def undo(self) -> None:
        """Take the last decision back and show its well."""
        if self._session.review is not None:
            self._show_one(self._session.review.undo(), "Nothing to undo.")

    def redo(self) -> None:
        """Make again what was taken back last, and show its well."""
        if self._session.review is not None:
            self._show_one(self._session.review.redo(), "Nothing to redo.")

    def show(self, item: QueueItem | None) -> None:
        """Bring a well of the queue on screen."""
        if item is not None:
            self.show_well(item.well_id)

    def show_well(self, well: str) -> None:
        try:
            self._session.open_well(well)
        except UnknownWell as error:
            self._session.say(str(error))

    def _is_current(self, well: str | None) -> bool:
        review = self._session.review
        current = review.queue.current if review is not None else None
        return current is not None and current.well_id == well

    def _show_one(self, wells: frozenset[str], otherwise: str) -> None:
        if len(wells) == 1:
            self.show_well(next(iter(wells)))
        said = f"{len(wells):,} hits changed." if len(wells) > 1 else ""
        self._session.say(said if wells else otherwise)

    def _say(self, well: str, number: int) -> None:
        row = self._session.well_row(well)
        name = f"{name_of_well(row)}, {row['address']}"
        said = f"{name}: {tag_name(number)}" if number != NO_TAG else f"{name}: no tag"
        self._session.say(said)


def bind_review_keys(window: QWidget, reviewing: Reviewing) -> None:
    """Let [ and ] walk the queue, wherever in the window the focus is."""
    shortcut(window, "[", lambda: reviewing.step(-1))
    shortcut(window, "]", lambda: reviewing.step(1))

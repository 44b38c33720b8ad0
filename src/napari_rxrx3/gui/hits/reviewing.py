"""Actions of a review: tag the well on screen, write a note, walk the queue."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.errors import UnknownWell
from napari_rxrx3.core.words import name_of_well
from napari_rxrx3.gui.keys import Keys
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
        well = self._session.well
        if self._session.review is None or well is None:
            return
        is_current = self._is_current(well)
        self._give(well, number)
        said = self._decision(well, number)
        if is_current and number != NO_TAG:
            said = f"{said}. {why}" if (why := self._go_on(1)) else said
        self._session.say(said)  # last: the next well ends what was said before

    def tag_beside(self, well: str, number: int) -> None:
        """Tag a well that is seen beside the one in question, which stays."""
        if self._session.review is None:
            self._session.say("Hits are not open yet.")
            return
        self._give(well, number)
        self._session.say(self._decision(well, number))

    def _give(self, well: str, number: int) -> None:
        review = self._session.review
        assert review is not None
        scores = scores_of(self._session.phenomap, well) if number != NO_TAG else None
        review.tag(well, number, self._session.limits, scores)

    def step(self, step: int) -> None:
        """Go on (+1) or back (-1) in the queue; from a well beside it, back to its current one."""
        if why := self._go_on(step):
            self._session.say(why)

    def _go_on(self, step: int) -> str:
        """Do that, or tell why not."""
        review = self._session.review
        if review is None or review.queue.current is None:
            return "There is no queue: choose one in the tab Hits."
        queue = review.queue
        if not self.is_in_queue:
            self.show(queue.current)
        elif queue.has_next if step > 0 else queue.has_previous:
            self.show(review.go_to(queue.position + step))
        else:
            end = "last" if step > 0 else "first"
            return f"This is the {end} of {len(queue):,}: {queue.title}."
        return ""

    @property
    def is_in_queue(self) -> bool:
        """The well on screen is the one of the queue where the reviewer is."""
        return self._is_current(self._session.well)

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

    def _decision(self, well: str, number: int) -> str:
        row = self._session.well_row(well)
        name = f"{name_of_well(row)}, {row['address']}"
        return f"{name}: {tag_name(number)}" if number != NO_TAG else f"{name}: no tag"


def bind_review_keys(keys: Keys, window: QWidget, reviewing: Reviewing) -> None:
    """Let [ and ] walk the queue, wherever in the window the focus is."""
    keys.bind(window, "[", lambda: reviewing.step(-1))
    keys.bind(window, "]", lambda: reviewing.step(1))

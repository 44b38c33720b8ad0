"""Opens the hits of the data set on screen, in the background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.hits.review import Review

__all__ = ["HitsOpener"]

_TASK = "hits"


class HitsOpener(QObject):
    """Gives a session its review. What is not saved yet is never let go for another one."""

    trouble = Signal(str)
    """Why there are no hits, in one sentence; empty if there are."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks

    def open(self, reviewer: str = "", place: Path | None = None) -> None:
        """Open a reviewer's hits in a folder; those chosen last if nothing is said.

        A name or a folder that worked is remembered.
        """
        session, dataset = self._session, self._session.dataset
        if dataset is None or not self._is_saved():
            return

        def work(progress: Progress) -> Review:
            from napari_rxrx3.hits.review import open_review

            return open_review(dataset, reviewer or None, place)

        def done(review: Review) -> None:
            self.trouble.emit("")
            session.set_review(review)
            self._remember(reviewer, place)

        self._tasks.run(_TASK, work, done, self._on_failed)

    def move_to(self, place: Path) -> None:
        """Keep the hits in another folder from now on."""
        review = self._session.review
        if review is None:  # none could be opened where they were
            self.open(place=place)
            return
        try:
            review.move_to(place)
        except HitsError as error:
            self._session.say(str(error))
        else:
            self._remember("", place)
            self._session.say(f"The hits are kept in {review.path}.")

    def _is_saved(self) -> bool:
        """Whether the review on screen may go; says why if not."""
        review = self._session.review
        if review is None or review.save():
            return True
        self._session.say(f"Not changed: {review.trouble}")
        return False

    def _on_failed(self, sentence: str) -> None:
        if self._session.review is None:
            self.trouble.emit(sentence)
        self._session.say(sentence)

    def _remember(self, reviewer: str, place: Path | None) -> None:
        from napari_rxrx3.hits.places import choose_place, choose_reviewer

        try:
            if reviewer:
                choose_reviewer(reviewer)
            if place is not None:
                choose_place(place)
        except HitsError as error:
            self._session.say(str(error))

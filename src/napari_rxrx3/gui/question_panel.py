"""What panels have in common that ask something of the map of the session's query."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget

from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["QuestionPanel"]

T = TypeVar("T")


class QuestionPanel(QWidget):
    """Asks in the background, by one task, and follows the query and the data set of a session.

    Whether there is something to ask is decided in `_refresh`, whenever the session tells of a
    change or the panel is looked at. Nothing is computed while it is hidden: `_seen_dataset`. A
    panel calls `_follow_session` when it is laid out.
    """

    def __init__(
        self, session: Session, tasks: TaskGroup, task: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._task = session, tasks, task
        self._connections = tasks.connections(self)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    def _follow_session(self) -> None:
        follow, session = self._connections.connect, self._session
        follow(session.dataset_changed, self._on_dataset)
        follow(session.wells_changed, self._on_wells)
        follow(session.query_changed, self._on_query)
        self._tasks.stopped.connect(self._hear_stopped)
        self._on_dataset(session.dataset)

    @property
    def _seen_dataset(self) -> Dataset | None:
        """The data set, if somebody sees the panel."""
        return self._session.dataset if self.isVisible() else None

    def _ask(
        self,
        work: Callable[[Progress], T],
        done: Callable[[T], None],
        failed: Callable[[str], None],
        text: str,
    ) -> None:
        """Start the task; a question that waits for a thread is dropped when another overtakes."""

        def begin(progress: Progress) -> T:
            progress(0, 0, text)
            return work(progress)

        self._tasks.run(self._task, begin, done, failed, text)

    def _hear_stopped(self, task: str) -> None:
        if task == self._task:
            self._on_stopped()

    # -- what a panel does ------------------------------------------------------------------------

    def _on_dataset(self, dataset: Dataset | None) -> None:
        """Forget what was asked of the one before."""
        raise NotImplementedError

    def _on_wells(self, dataset: Dataset | None) -> None:
        """By now it is known which vectors are the default."""
        self._on_query(self._session.query)

    def _on_query(self, query: Query) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Ask, if somebody sees the panel and it is another question than the last one."""

    def _on_stopped(self) -> None:
        """The user stopped the task."""
        raise NotImplementedError

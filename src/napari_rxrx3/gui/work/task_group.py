"""The registry of what goes on for one part of the window: whether all is done, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from qtpy.QtCore import QObject, QTimer

from napari_rxrx3.gui.widgets import Connections
from napari_rxrx3.gui.work.tasks import Progress, Tasks

__all__ = ["TaskGroup", "Worker"]


class Worker(Protocol):
    """Who has threads of its own, or puts calls off."""

    @property
    def is_idle(self) -> bool: ...

    def close(self, wait: bool = False) -> None:
        """Do nothing any more. Must work when Qt has destroyed its part of it."""


W = TypeVar("W", bound=Worker)


class TaskGroup:
    """The registry of who works for a part of the window that ends as one: a dock, or all of it.

    Its widgets start their tasks by it and register what else they have going on, once. Nobody
    else has to know: the group tells whether all of it is done, and ends it.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._names: set[str] = set()
        self._workers: list[Worker] = []
        self._timers: list[QTimer] = []
        self._conditions: list[Callable[[], bool]] = []
        self._connections: list[Connections] = []
        self._last: list[Callable[[], Any]] = []
        self._parts: list[TaskGroup] = []

    def part(self) -> TaskGroup:
        """A group within this one, which may end before."""
        part = TaskGroup(self._tasks)
        self._parts.append(part)
        part.at_end(lambda: self._parts.remove(part))
        return part

    # -- tasks ------------------------------------------------------------------------------------

    def run(
        self,
        name: str,
        function: Callable[[Progress], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        text: str = "",
    ) -> None:
        """Start a task of the group, as `Tasks.run` does."""
        self._names.add(name)
        self._tasks.run(name, function, done, failed, text)

    def cancel(self, *names: str) -> None:
        """Drop the tasks of these names that there are."""
        for name in names:
            self._tasks.cancel(name)

    def is_running(self, name: str) -> bool:
        """Whether the task of this name is under way."""
        return self._tasks.is_running(name)

    @property
    def stopped(self) -> Any:
        """Emitted with the name of a task that the user stopped."""
        return self._tasks.stopped

    # -- what else goes on ------------------------------------------------------------------------

    def add(self, worker: W) -> W:
        """Wait for a worker, and close it at the end."""
        self._workers.append(worker)
        return worker

    def timer(self, owner: QObject, pause_ms: int, act: Callable[[], Any]) -> QTimer:
        """A single shot, which `start` puts off; while it is awaited, the group is not settled."""
        timer = QTimer(owner, interval=pause_ms, singleShot=True)
        timer.timeout.connect(act)
        self._timers.append(timer)
        return timer

    def settled_if(self, condition: Callable[[], bool]) -> None:
        """Take the group as settled only while this holds, too."""
        self._conditions.append(condition)

    def connections(self, owner: QObject) -> Connections:
        """Connections of a widget, which must keep them, that are undone at the end."""
        made = Connections(owner)
        self._connections.append(made)
        return made

    def at_end(self, act: Callable[[], Any]) -> None:
        """Do something before all else, when the group is ended while its widgets are there."""
        self._last.append(act)

    # -- all of it --------------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Everything that was asked for is done and on screen."""
        return (
            not any(map(self._tasks.is_running, self._names))
            and all(worker.is_idle for worker in self._workers)
            and not any(timer.isActive() for timer in self._timers)
            and all(condition() for condition in self._conditions)
            and all(part.is_settled for part in self._parts)
        )

    def end(self, wait: bool = False) -> None:
        """Stop all work of widgets that are not used any more; again, it does nothing."""
        for part in list(self._parts):
            part.end(wait)
        last, self._last = self._last, []
        for act in last:
            act()
        for made in self._connections:
            made.end()
        for timer in self._timers:
            timer.stop()
        self.cancel(*self._names)
        self.close(wait)

    def close(self, wait: bool = False) -> None:
        """Close the workers and forget the rest, as its widgets are being destroyed."""
        for part in self._parts:
            part.close(wait)
        for worker in self._workers:
            worker.close(wait)
        for made in self._connections:
            made.end()  # what is told from now on finds no widget any more
        for kept in (self._names, self._workers, self._timers, self._conditions):
            kept.clear()
        for kept in (self._connections, self._last, self._parts):
            kept.clear()

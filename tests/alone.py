"""A part of the window by itself, outside of napari, with a session and tasks of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from qtpy.QtWidgets import QWidget

from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.session import Session

W = TypeVar("W", bound=QWidget)


class Around(NamedTuple):
    """What a part has around it."""

    session: Session
    tasks: Tasks
    group: TaskGroup


@contextmanager
def shown_alone(
    make: Callable[[Session, TaskGroup], W], qtbot: Any, size: tuple[int, int]
) -> Iterator[tuple[W, Around]]:
    """Show a part; its work is ended behind the block."""
    tasks = Tasks()
    around = Around(Session(), tasks, TaskGroup(tasks))
    part = make(around.session, around.group)
    qtbot.addWidget(part)
    part.resize(*size)
    part.show()
    try:
        yield part, around
    finally:
        around.group.end()
        tasks.close(wait=True)

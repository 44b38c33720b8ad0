"""The table of chromosome arms: opened once, and taken again at the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_rxrx3.data.files.remembered import remember_file, remembered_file
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.maps.sets.arms import GeneArms

__all__ = ["arms_file", "remember_arms", "take_remembered_arms"]

_WHAT = "chromosome arms"


def arms_file() -> str:
    """The path of the table that was opened last; empty if there is none."""
    return remembered_file(_WHAT)


def remember_arms(path: str) -> None:
    """Take a table again at the next start; an empty path: none."""
    remember_file(_WHAT, path)


def take_remembered_arms(session: Session, tasks: TaskGroup) -> None:
    """Read the table of before, so that neighbors on one arm are doubted from the start."""
    path = arms_file()
    if not path or session.arms is not None:
        return

    def work(progress: Progress) -> GeneArms:
        from napari_rxrx3.maps.sets.arms import read_arms

        return read_arms(path)

    tasks.run("arms of genes", work, session.set_arms, session.say, f"reading {path}")

"""What both docks have in common: how they open, take their place, and end."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget

from napari_rxrx3.gui.widgets import OnDestroyed, call_later
from napari_rxrx3.gui.workspace import workspace_of

__all__ = ["DockWidget"]


class DockWidget(QWidget):
    """A dock of a viewer. All docks of one viewer show the same session.

    Attributes
    ----------
    background : TaskGroup
        What goes on for it, which ends with it.
    """

    def __init__(self, napari_viewer: Any, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace_of(napari_viewer)
        self.workspace.docks.make_room(name)
        self.session = self.workspace.session
        self.background = self.workspace.background.part()
        self._connections = self.background.connections(self)
        self._at_end = OnDestroyed(self, self.background.close)
        self._was_shown = False

    @property
    def is_settled(self) -> bool:
        """Everything that was asked for is on screen."""
        return self.workspace.is_settled

    def come_forward(self) -> None:
        """Be seen, and have the keyboard, where other docks lie over it or where it floats."""
        self.parentWidget().raise_()
        self.activateWindow()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            call_later(self, self._start)

    def event(self, event: QEvent) -> bool:
        closed = event.type() == QEvent.Type.ParentChange and self.parent() is None
        if closed and self._was_shown:
            self._end()
        return super().event(event)

    def _start(self) -> None:
        if self.isVisible():  # not closed in the meantime
            self._take_place()

    def _take_place(self) -> None:
        """Take its size, as it is shown for the first time."""
        raise NotImplementedError

    def _end(self) -> None:
        """The dock was closed: napari only orphans its widget, so it ends itself."""
        self.background.end()
        call_later(self, self.deleteLater)  # not in the midst of an event of its own

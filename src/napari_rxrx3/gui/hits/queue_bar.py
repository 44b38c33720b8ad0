"""The row above the tags: the queue, where in it the reviewer is, undo and redo."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from napari_rxrx3.core.words import key_in_words
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.hits.queue import Queue

__all__ = ["QueueBar"]

_NO_QUEUE = "no queue: choose one"


class QueueBar(QWidget):
    """Shows a queue and how far it is; asks to step through it, to undo and to redo."""

    stepped = Signal(int)
    """One item on (+1) or back (-1)."""
    undo_asked = Signal()
    redo_asked = Signal()

    def __init__(self, queue_menu: QMenu, more_menu: QMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choose = QPushButton("Queue")
        self.choose.setToolTip("Choose the wells to look at one after the other")
        self.choose.setMenu(queue_menu)
        self.previous = tool_button("chevron_left", "Previous well of the queue ( [ )")
        self.next = tool_button("chevron_right", "Next well of the queue ( ] )")
        self.place = Line()
        self.undo = tool_button("undo", "Take the last tag or note back (Ctrl+Z)")
        self.redo = tool_button("redo", "Do it again (Ctrl+Shift+Z)")
        self.more = tool_button("dots_vertical", "Export, import, reviewer and place of the hits")
        self.more.setMenu(more_menu)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.choose)
        layout.addWidget(self.previous)
        layout.addWidget(self.next)
        layout.addWidget(self.place, 1)
        for button in (self.undo, self.redo, self.more):
            layout.addWidget(button)
        self.previous.clicked.connect(lambda: self.stepped.emit(-1))
        self.next.clicked.connect(lambda: self.stepped.emit(1))
        self.undo.clicked.connect(self.undo_asked)
        self.redo.clicked.connect(self.redo_asked)
        self.set_queue(Queue(), None)

    def set_queue(self, queue: Queue, well: str | None) -> None:
        """Show where in a queue the reviewer is, and whether the well on screen is that one."""
        words = f"{queue.progress} · {queue.title}" if len(queue) else queue.title or _NO_QUEUE
        current = queue.current
        is_elsewhere = current is not None and current.well_id != well
        words = f"] back to {words}" if is_elsewhere else words
        self.place.setText(words)
        label = f"now: {key_in_words(current.label)}" if current is not None else ""
        tip = "\n".join(line for line in (words, label, queue.note) if line)
        self.place.setToolTip(wrapped_tooltip(tip))
        self.previous.setEnabled(is_elsewhere or queue.has_previous)
        self.next.setEnabled(is_elsewhere or queue.has_next)

    def set_history(self, can_undo: bool, can_redo: bool) -> None:
        self.undo.setEnabled(can_undo)
        self.redo.setEnabled(can_redo)

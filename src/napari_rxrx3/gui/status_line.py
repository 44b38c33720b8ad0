"""One line that says what was done, and what is being done."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip

__all__ = ["StatusLine"]


class StatusLine(QWidget):
    """A message, and under work a progress bar with a cancel button."""

    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.message, self.work = Line(), Line()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(80, 10)
        self.cancel = tool_button("close", "Stop this")
        self.cancel.clicked.connect(self.cancel_asked)
        self._work_row = QWidget()
        policy = self._work_row.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # or everything above would jump at each click
        self._work_row.setSizePolicy(policy)
        row = QHBoxLayout(self._work_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.work, 1)
        row.addWidget(self.bar)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.message)
        layout.addWidget(self._work_row)
        self.set_work(None)
        self.say("")

    def say(self, message: str) -> None:
        """Show a message until the next one; the whole of it is in the tooltip."""
        self.message.setText(message)
        self.message.setToolTip(wrapped_tooltip(message) if message else "")
        self.message.setVisible(bool(message))

    def set_work(self, status: tuple[int, int, str] | None) -> None:
        """Show (done, total, text) of what is under way; total 0: how long is not known."""
        if (status is None) != self._work_row.isHidden():
            self._work_row.setVisible(status is not None)
        if status is not None:
            done, total, text = status
            self.work.setText(text)
            self.bar.setUpdatesEnabled(False)  # it would paint the whole window at once, not later
            self.bar.setRange(0, total)
            self.bar.setValue(done)
            self.bar.setUpdatesEnabled(True)

"""The line in which a note on the well in hand is written."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtWidgets import QLineEdit, QWidget

from napari_rxrx3.gui.widgets import is_key_override

__all__ = ["NoteLine"]

_PAUSE_MS = 1000


class NoteLine(QLineEdit):
    """Gives back what was typed: in a pause, on Enter, on leaving, and when the well changes."""

    written = Signal(str, str)
    """A well and the note on it."""
    left = Signal()
    """Enter or Escape: the focus may go elsewhere."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._well: str | None = None
        self._kept = ""
        self._pause = QTimer(self, interval=_PAUSE_MS, singleShot=True)
        self._pause.timeout.connect(self.keep)
        self.setPlaceholderText("note on this well")
        self.setToolTip(
            "A note on this well; it is kept as you type. Enter leads back to the table, Escape "
            "takes back what was typed. In the table, Enter leads here."
        )
        self.setAccessibleName("Note on this well")
        self.textEdited.connect(self._pause.start)

    @property
    def is_settled(self) -> bool:
        """What was typed has been given back."""
        return not self._pause.isActive()

    def show_note(self, well: str | None, note: str) -> None:
        """Show the note on a well; what is being typed on the same well stays."""
        self.setEnabled(well is not None)
        if well != self._well:
            self.keep()
        elif self._pause.isActive() or note == self.text().strip():
            self._kept = note
            return
        self._well, self._kept = well, note
        self.setText(note)
        self.setCursorPosition(0)

    def keep(self) -> None:
        """Give back what was typed, if anything was."""
        self._pause.stop()
        if self.isModified() and self._well is not None:
            self.setModified(False)
            self.written.emit(self._well, self.text())

    def event(self, event: QEvent) -> bool:
        if is_key_override(event) and event.key() == Qt.Key.Key_Escape:
            event.accept()  # otherwise the window takes it
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._pause.stop()
            self.setText(self._kept)
            self.left.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.keep()
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.keep()

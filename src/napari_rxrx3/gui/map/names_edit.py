"""A small box for a list of names, typed or pasted."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QPlainTextEdit, QWidget

from napari_rxrx3.gui.inks import ink
from napari_rxrx3.gui.words import wrapped_tooltip

__all__ = ["NamesEdit"]

_MOST_LINES = 4
_PADDING = 4
"""That the style of napari adds."""

_LIST_TIP = (
    "Genes, guides, compounds, or a compound at a dose (Bortezomib 2.5 µM), separated by commas, "
    "semicolons or lines. Enter shows them, Shift+Enter starts a new line."
)


class NamesEdit(QPlainTextEdit):
    """A line for a list, or a few: Enter is the end of it."""

    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText("PLK1, AURKB …")
        self.setToolTip(wrapped_tooltip(_LIST_TIP))
        self.setAccessibleName("List of perturbations to compare")
        self.setTabChangesFocus(True)
        self.textChanged.connect(self._take_height)
        self._take_height()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_end = event.key() in (_RETURN, _ENTER) and event.modifiers() != _SHIFT
        if is_end:
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self.viewport())  # napari's style takes the frame away
        painter.setPen(ink(self, 0.6 if self.hasFocus() else 0.3))
        painter.drawRect(self.viewport().rect().adjusted(0, 0, -1, -1))
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._take_height()

    def _take_height(self) -> None:
        """Be as high as the lines, up to a few: more would be taken from the heat map."""
        n = min(self.document().blockCount(), _MOST_LINES)
        around = 2 * (self.frameWidth() + int(self.document().documentMargin())) + _PADDING
        height = n * QFontMetrics(self.font()).lineSpacing() + around
        if height != self.height():
            self.setFixedHeight(height)


_RETURN, _ENTER = Qt.Key.Key_Return, Qt.Key.Key_Enter
_SHIFT = Qt.KeyboardModifier.ShiftModifier

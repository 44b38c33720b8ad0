"""One line of text that can change at any time without the window being laid out again."""

from __future__ import annotations

from qtpy.QtCore import QSize
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_rxrx3.gui.words import elided

__all__ = ["Line"]


class Line(QWidget):
    """Plain text, elided at the end.

    A label asks for a new layout whenever its text changes, and all windows around it do: in
    napari that takes longer than to show a well.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def text(self) -> str:
        return self._text

    def setText(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self.setAccessibleName(text)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(0, QFontMetrics(self.font()).height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        baseline = QFontMetrics(self.font()).ascent()
        text = " ".join(self._text.splitlines())
        painter.drawText(0, baseline, elided(self.font(), text, self.width()))
        painter.end()

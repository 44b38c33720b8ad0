"""One line of text that can change at any time without the window being laid out again."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QSize
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_rxrx3.gui.widgets import TooltipByPlace
from napari_rxrx3.gui.words import elided, wrapped_tooltip

__all__ = ["Line"]


class Line(TooltipByPlace):
    """Plain text, elided at the end; the tooltip has all of it, where it has nothing else to say.

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

    def tooltip_at(self, place: QPoint) -> str:
        is_cut = self._shown() != self._in_one_line()
        return self.toolTip() or (wrapped_tooltip(self._text) if is_cut else "")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(0, QFontMetrics(self.font()).ascent(), self._shown())
        painter.end()

    def _in_one_line(self) -> str:
        return " ".join(self._text.splitlines())

    def _shown(self) -> str:
        """What there is room for."""
        return elided(self.font(), self._in_one_line(), self.width())

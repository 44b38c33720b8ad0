"""What hands do at a window: mouse, keys and things that are dropped."""

from __future__ import annotations

import random
from typing import Any

from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QLineEdit, QWidget

from window import Window

__all__ = ["Hands"]

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


class Hands:
    """Clicks, drags, drops and types, where the dice say it."""

    def __init__(self, window: Window, dice: random.Random) -> None:
        self.window, self.dice = window, dice

    @property
    def bot(self) -> Any:
        return self.window.qtbot

    def click(
        self,
        widget: QWidget,
        place: QPoint | None = None,
        modifier: Any = PLAIN,
        *,
        twice: bool = False,
    ) -> None:
        self.bot.mouseClick(widget, LEFT, modifier, place or QPoint())
        if twice:
            self.bot.mouseDClick(widget, LEFT, modifier, place or QPoint())

    def drag(self, widget: QWidget, start: QPoint, end: QPoint, modifier: Any = PLAIN) -> None:
        self.bot.mousePress(widget, LEFT, modifier, start)
        self.bot.mouseMove(widget, (start + end) / 2)
        self.bot.mouseMove(widget, end)
        self.bot.mouseRelease(widget, LEFT, modifier, end)

    def drop(self, widget: QWidget, mime: QMimeData) -> bool:
        """Drop something on a widget; whether it was taken."""
        action = Qt.DropAction.CopyAction
        place = self.a_point_in(widget)
        enter = QDragEnterEvent(place, action, mime, LEFT, PLAIN)
        enter.ignore()
        QApplication.sendEvent(widget, enter)
        if enter.isAccepted():
            QApplication.sendEvent(widget, QDropEvent(QPointF(place), action, mime, LEFT, PLAIN))
        return bool(enter.isAccepted())

    def press(self, widget: QWidget, key: Any, modifier: Any = PLAIN) -> None:
        """Press a key with the focus in a widget of the window."""
        widget.window().activateWindow()
        QApplication.processEvents()
        widget.setFocus()
        self.bot.keyClick(widget, key, modifier)

    def type(self, line: QLineEdit, text: str) -> None:
        """Replace what a line holds, key by key; what is on no key is pasted."""
        line.setFocus()
        line.selectAll()
        if text.isascii() and text.isprintable():
            self.bot.keyClicks(line, text)
        else:
            line.insert(text)
            line.textEdited.emit(line.text())

    def a_point_in(self, widget: QWidget) -> QPoint:
        width, height = max(2, widget.width()), max(2, widget.height())
        return QPoint(self.dice.randrange(1, width), self.dice.randrange(1, height))

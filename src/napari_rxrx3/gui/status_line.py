"""One line at a fixed place that says what was done, and what is being done."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QResizeEvent
from qtpy.QtWidgets import QFrame, QLabel, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip

__all__ = ["MessageLine", "StatusLine"]

_BAR = QSize(60, 10)
_GAP, _PADDING = 6, 2
_WIDEST_WORK = 0.5
"""What is being done takes so much of the line at most, if there is a message as well."""
_POPUP_WIDTH = 480
_OPENS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


class StatusLine(QWidget):
    """A message, and under work a progress bar with a cancel button.

    Its children have no layout: one that changes lays out all of the window, at each click.
    """

    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.message, self.work = MessageLine(self), Line(self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(_BAR)
        self.cancel = tool_button("close", "Stop this", self)
        self.cancel.clicked.connect(self.cancel_asked)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_work(None)
        self.say("")

    def say(self, message: str) -> None:
        """Show a message until the next one; a click shows the whole of it."""
        self.message.setText(message)
        self._arrange()

    def set_work(self, status: tuple[int, int, str] | None) -> None:
        """Show (done, total, text) of what is under way; total 0: how long is not known."""
        for widget in (self.work, self.bar, self.cancel):
            if widget.isHidden() != (status is None):
                widget.setVisible(status is not None)
        if status is not None:
            done, total, text = status
            self.work.setText(text)
            self.work.setToolTip(wrapped_tooltip(text))
            self.bar.setUpdatesEnabled(False)  # it would paint the whole window at once, not later
            self.bar.setRange(0, total)
            self.bar.setValue(done)
            self.bar.setUpdatesEnabled(True)
        self._arrange()

    def sizeHint(self) -> QSize:
        line = QFontMetrics(self.font()).height() + 2 * _PADDING
        return QSize(0, max(line, self.cancel.sizeHint().height()))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()

    def _arrange(self) -> None:
        """Let the message have what the work leaves of the line."""
        room = self.rect()
        if not self.cancel.isHidden():
            for widget, width in (
                (self.cancel, self.cancel.sizeHint().width()),
                (self.bar, _BAR.width()),
                (self.work, self._width_of_work()),
            ):
                _put(widget, QRect(room.right() - width + 1, 0, width, room.height()))
                room.setRight(room.right() - width - _GAP)
        _put(self.message, room)

    def _width_of_work(self) -> int:
        rest = self.width() - self.cancel.sizeHint().width() - _BAR.width() - 3 * _GAP
        if not self.message.text():
            return max(0, rest)
        wanted = QFontMetrics(self.work.font()).horizontalAdvance(self.work.text()) + 1
        return max(0, min(wanted, round(_WIDEST_WORK * rest)))


class MessageLine(Line):
    """A message, elided; a click or Enter shows all of it, where it can be copied."""

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(wrapped_tooltip(text))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if text else Qt.FocusPolicy.NoFocus)
        if text:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.unsetCursor()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.pos()):
            self._open()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _OPENS:
            self._open()
        else:
            super().keyPressEvent(event)

    def _open(self) -> None:
        if self.text():
            _Popup(self.text(), self).open_above(self)


class _Popup(QFrame):
    """All of a text; selected, so that it can be copied at once. Goes with Escape or a click."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.label = QLabel(text)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        flags = Qt.TextInteractionFlag
        self.label.setTextInteractionFlags(
            flags.TextSelectableByMouse | flags.TextSelectableByKeyboard
        )
        self.label.setFixedWidth(_POPUP_WIDTH)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self.label)

    def open_above(self, line: QWidget) -> None:
        self.adjustSize()
        screen = line.screen().availableGeometry()
        place = line.mapToGlobal(QPoint(0, -self.height() - 2))
        left = min(place.x(), screen.right() - self.width())
        self.move(max(screen.left(), left), max(screen.top(), place.y()))
        self.show()
        self.label.setFocus()
        self.label.setSelection(0, len(self.label.text()))


def _put(widget: QWidget, room: QRect) -> None:
    """Place a widget in the middle of what it has of the line."""
    height = min(room.height(), widget.sizeHint().height())
    if widget.minimumHeight() == widget.maximumHeight():
        height = widget.maximumHeight()
    top = room.top() + (room.height() - height) // 2
    widget.setGeometry(room.left(), top, max(0, room.width()), height)

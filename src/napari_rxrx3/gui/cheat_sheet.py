"""The cheat sheet of keys, laid over the window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from weakref import ref

from qtpy.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_rxrx3.gui.diagnostics import copy_button
from napari_rxrx3.gui.keys import KEYS, RULE, Key, KeyScope
from napari_rxrx3.gui.plate.legend import small_font, window_inks

__all__ = ["CheatSheet"]

_N_LEFT = 4
"""Places in the left column."""
_CAPS_WIDTH = 182
_SHADE = QColor(0, 0, 0, 130)
_MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta)


class CheatSheet(QWidget):
    """Covers its window with the table of keys, until a key or the mouse is pressed."""

    diagnostics_asked = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._before: ref[QWidget] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Keys")
        layout = QVBoxLayout(self)
        card = _Card()
        self.diagnostics_button = card.diagnostics_button
        self.diagnostics_button.clicked.connect(self._ask_for_diagnostics)
        layout.addWidget(card, 0, Qt.AlignmentFlag.AlignCenter)
        window.installEventFilter(self)
        self.hide()

    def toggle(self) -> None:
        """Show the sheet; if it is shown, go back to what was worked with."""
        if self.isVisible():
            self._leave()
        else:
            before = self.window().focusWidget()
            self._before = None if before is None else ref(before)
            self.setGeometry(self.parentWidget().rect())
            self.show()
            self.raise_()
            self.setFocus(Qt.FocusReason.PopupFocusReason)

    def _leave(self) -> None:
        self.hide()
        before = self._before() if self._before is not None else None
        if before is not None:
            with suppress(RuntimeError):  # it was closed meanwhile
                before.setFocus(Qt.FocusReason.PopupFocusReason)

    def _ask_for_diagnostics(self) -> None:
        self._leave()
        self.diagnostics_asked.emit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # what the key means elsewhere, it does not mean here
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in _MODIFIERS:
            self._leave()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._leave()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), _SHADE)
        painter.end()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self.parentWidget().rect())
        return False


class _Card(QWidget):
    """Two columns of places, on the background of the theme."""

    def __init__(self) -> None:
        super().__init__()
        columns = QHBoxLayout()
        columns.setSpacing(24)
        for places in (KEYS[:_N_LEFT], KEYS[_N_LEFT:]):
            columns.addLayout(_column(places), 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(columns)
        foot = _label(RULE)
        foot.setWordWrap(True)
        foot.setFont(small_font(self.font()))
        self.diagnostics_button = copy_button()
        self.diagnostics_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # any key closes the sheet
        below = QHBoxLayout()
        below.addWidget(foot, 1)
        below.addWidget(self.diagnostics_button)
        layout.addLayout(below)

    def paintEvent(self, event: QPaintEvent) -> None:
        ink, paper = (QColor(*color) for color in window_inks(self))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink.setAlpha(90)
        painter.setPen(ink)
        painter.setBrush(paper)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.end()


def _column(places: Sequence[KeyScope]) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(14)
    for place in places:
        column.addLayout(_table(place))
    column.addStretch(1)
    return column


def _table(place: KeyScope) -> QGridLayout:
    table = QGridLayout()
    table.setHorizontalSpacing(12)
    table.setVerticalSpacing(4)
    table.setColumnMinimumWidth(0, _CAPS_WIDTH)
    table.setColumnStretch(1, 1)
    name = _label(place.name)
    font = QFont(name.font())
    font.setBold(True)
    name.setFont(font)
    table.addWidget(name, 0, 0, 1, 2)
    for row, key in enumerate(place.keys, start=1):
        table.addLayout(_caps(key), row, 0)
        table.addWidget(_label(key.does), row, 1)
    return table


def _caps(key: Key) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setContentsMargins(4, 0, 0, 0)  # as far as napari indents words
    line.setSpacing(4)
    for cap in key.caps:
        line.addWidget(_Cap(cap))
    line.addStretch(1)
    return line


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


class _Cap(QLabel):
    """A key as it looks on a keyboard."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(max(hint.width() + 10, 22), hint.height() + 3)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QColor(*window_inks(self)[0])
        line.setAlpha(120)
        painter.setPen(line)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.end()
        super().paintEvent(event)

"""Small pieces that several widgets use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fonticon_mdi7 import MDI7
from psygnal import SignalInstance
from qtpy.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer
from qtpy.QtGui import (
    QHelpEvent,
    QKeyEvent,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QShowEvent,
)
from qtpy.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QTabWidget,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)
from superqt.fonticon import icon

__all__ = [
    "Column",
    "Connections",
    "FoldingRow",
    "OnDestroyed",
    "ShrinkingBox",
    "TooltipByPlace",
    "accept_and_reject",
    "add_tabs",
    "call_later",
    "form_menu",
    "is_key_override",
    "tool_button",
]

_LEAST_HEIGHT = 160
_SPARE = 4
"""Pixels that a button can be narrower without its word being cut."""


def tool_button(glyph: str, tip: str, parent: QWidget | None = None) -> QToolButton:
    """Make a flat button with an icon, named for people and screen readers by its tooltip.

    Parameters
    ----------
    glyph : str
        A name of the Material Design icons, e.g. ``"folder_open"``.
    """
    button = _ThemedButton(glyph, parent)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button


def accept_and_reject(
    accept: tuple[str, str], reject: tuple[str, str]
) -> tuple[QDialogButtonBox, QPushButton, QPushButton]:
    """Make the two buttons of a dialog, each by what it says and its tooltip.

    Returns
    -------
    box : QDialogButtonBox
        Its signals are `accepted` and `rejected`.
    accept, reject : QPushButton
    """
    box, role = QDialogButtonBox(), QDialogButtonBox.ButtonRole
    accepting = box.addButton(accept[0], role.AcceptRole)
    rejecting = box.addButton(reject[0], role.RejectRole)
    accepting.setToolTip(accept[1])
    rejecting.setToolTip(reject[1])
    return box, accepting, rejecting


class ShrinkingBox(QComboBox):
    """A combo box that can be narrower than its longest entry, whose words are elided then."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    def shown_text(self) -> str:
        """What there is room for of the current entry; a number at its end stays."""
        option = self._option()
        parts = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        field = self.style().subControlRect(parts[0], option, parts[1], self)
        middle = Qt.TextElideMode.ElideMiddle
        return str(self.fontMetrics().elidedText(self.currentText(), middle, field.width() - 2))

    def paintEvent(self, event: QPaintEvent) -> None:
        """As Qt paints it, which would cut a letter in two."""
        option = self._option()
        option.currentText = self.shown_text()
        painter = QStylePainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.Text))
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return option


def add_tabs(tabs: QTabWidget, panels: Sequence[QWidget], tips: Mapping[str, str]) -> None:
    """Fill tabs with panels, with the name of each and what its tooltip says."""
    tabs.setDocumentMode(True)
    tabs.tabBar().setDrawBase(False)  # else napari's style paints the rest like one more tab
    for panel, (name, tip) in zip(panels, tips.items(), strict=True):
        tabs.setTabToolTip(tabs.addTab(panel, name), tip)


def call_later(owner: QObject, act: Callable[[], Any], pause_ms: int = 0) -> None:
    """Do something when Qt has nothing else to do, or after a pause, unless `owner` is gone.

    A single shot of Qt's own calls, on PySide6, a method of a widget that was destroyed meanwhile.
    """
    timer = QTimer(owner, interval=pause_ms, singleShot=True)
    timer.timeout.connect(act)
    timer.timeout.connect(timer.deleteLater)
    timer.start()


def form_menu(form: QWidget, parent: QWidget) -> QMenu:
    """Make a menu that holds a form of magicgui.

    The form lies in a widget of its own: at the end of a menu Qt takes out what it holds, and
    magicgui, half of which Python's collector may have taken by then, must not hear of that.
    """
    menu = QMenu(parent)
    holder = QWidget(menu)
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(form)
    action = QWidgetAction(menu)
    action.setDefaultWidget(holder)
    menu.addAction(action)
    return menu


def is_key_override(event: QEvent) -> bool:
    """Whether an event asks, before shortcuts, who wants a key.

    Its type is not enough: while somebody keeps an event that is gone, as napari's canvas keeps
    the last press of the mouse, Python may take a new one at the same address for that one.
    """
    return event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)


class Column(QScrollArea):
    """Scrolls what is higher than the room there is, so that no window has to be.

    It is as wide as what it holds at least, and lets it fill it. Of two, one in the other, only one
    scrolls: the inner one gets all the height that it needs where the outer one has to scroll.

    Parameters
    ----------
    held : QWidget
    slack : int
        By how much less width may make it lower: with so much room to spare, it scrolls no more.
    """

    def __init__(self, held: QWidget, slack: int = 0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slack = slack
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scrolls = False
        self._held = _Held(held)
        self.setWidget(self._held)

    def sizeHint(self) -> QSize:
        return self.widget().sizeHint()

    def minimumSizeHint(self) -> QSize:
        room = self.maximumViewportSize()
        beside = self.width() - room.width()  # a frame, where the theme has one
        if self._scrolls:
            beside += self.verticalScrollBar().sizeHint().width()
        height = self._held.minimumSizeHint().height() if self._lies_in_what_scrolls() else 0
        width = self.widget().minimumSizeHint().width()
        return QSize(width + beside, max(height, _LEAST_HEIGHT))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().height() != event.oldSize().height():
            self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()  # what it holds is laid out by now

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()  # what it holds may need another width
        return bool(super().event(event))

    def _fit(self) -> None:
        """Scroll if there is too little room, until there is more than enough.

        The bar takes width, which may make what is held lower: Qt's own would come and go for ever.
        """
        least, room = self._held.minimumSizeHint().height(), self.maximumViewportSize().height()
        scrolls = least > (room - self._slack if self._scrolls else room)
        scrolls = scrolls and not self._lies_in_what_scrolls()
        if scrolls != self._scrolls:
            self._scrolls = scrolls
            policy = Qt.ScrollBarPolicy
            self.setVerticalScrollBarPolicy(
                policy.ScrollBarAlwaysOn if scrolls else policy.ScrollBarAlwaysOff
            )
            for inner in self.findChildren(Column):
                inner._fit()
        self.updateGeometry()

    def _lies_in_what_scrolls(self) -> bool:
        around = self.parentWidget()
        while around is not None and not isinstance(around, Column):
            around = around.parentWidget()
        return around is not None and around._scrolls


class FoldingRow(QWidget):
    """Parts of a row beside each other, or below each other where there is no room for that.

    Parameters
    ----------
    parts : sequence of sequences of widgets
        What stays together.
    apart : int
        Pixels between two parts.
    """

    def __init__(
        self, parts: Sequence[Sequence[QWidget]], apart: int = 1, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._parts = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._parts.setContentsMargins(0, 0, 0, 0)
        self._parts.setSpacing(apart)
        self._spare = sum(map(len, parts)) * _SPARE
        for widgets in parts:
            part = QHBoxLayout()
            part.setSpacing(1)
            for widget in widgets:
                part.addWidget(widget)
            self._parts.addLayout(part)

    def minimumSizeHint(self) -> QSize:
        """Not as wide as its parts beside each other: it can fold."""
        widths = [self._parts.itemAt(i).minimumSize().width() for i in range(self._parts.count())]
        return QSize(max(widths), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        parts, direction = self._parts, QBoxLayout.Direction
        hints = [parts.itemAt(i).sizeHint().width() for i in range(parts.count())]
        needed = sum(hints) + (len(hints) - 1) * parts.spacing() - self._spare
        fits = needed <= event.size().width()
        parts.setDirection(direction.LeftToRight if fits else direction.TopToBottom)


class _Held(QWidget):
    """Gives a widget all room, and asks for as much as it needs at least.

    It has no layout: of one with words that wrap a scroll area takes the height that it would like
    to have, and scrolls although there is room enough.
    """

    def __init__(self, held: QWidget) -> None:
        super().__init__()
        self._held = held
        held.setParent(self)

    def sizeHint(self) -> QSize:
        return self._held.sizeHint()

    def minimumSizeHint(self) -> QSize:
        least, layout = self._held.minimumSizeHint(), self._held.layout()
        if layout is not None and layout.hasHeightForWidth():  # as words have that wrap
            height = layout.minimumHeightForWidth(max(self.width(), least.width()))
            return least.expandedTo(QSize(0, height))
        return least

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()  # a layout would pass it on
        return bool(super().event(event))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._held.setGeometry(self.rect())
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


class TooltipByPlace(QWidget):
    """A widget that is painted, and has something else to say at each place."""

    def tooltip_at(self, place: QPoint) -> str:
        """What to say at a place, as a tooltip has it; empty for nothing."""
        return str(self.toolTip())

    def event(self, event: QEvent) -> bool:
        # its type is not enough, see `is_key_override`
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.tooltip_at(event.pos()), self)
            return True
        return bool(super().event(event))


class OnDestroyed:
    """Calls a function when Qt destroys `owner`, which must keep this object.

    Never connect a lambda or a local function to `destroyed`: Python's collector may have emptied
    it by then, and calling it ends the process. Of a method Qt's bindings keep a weak reference,
    which the collector clears first.
    """

    def __init__(self, owner: QObject, act: Callable[[], Any]) -> None:
        self._act = act
        owner.destroyed.connect(self._on_destroyed)

    def _on_destroyed(self) -> None:
        self._act()


class Connections:
    """Connections of a widget to what outlives it, as the session does; undone together.

    napari orphans the widget of a dock that is closed, so nothing else would end them. They end
    with their `owner` at the latest, which must keep this object.
    """

    def __init__(self, owner: QObject) -> None:
        self._made: list[tuple[SignalInstance, Callable[..., Any]]] = []
        self._at_end = OnDestroyed(owner, self.end)

    def connect(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        signal.connect(slot)
        self._made.append((signal, slot))

    def end(self) -> None:
        for signal, slot in self._made:
            signal.disconnect(slot, missing_ok=True)
        self._made.clear()


class _ThemedButton(QToolButton):
    def __init__(self, glyph: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._glyph = getattr(MDI7, glyph)
        self._color = ""
        self.setAutoRaise(True)
        self.setIconSize(QSize(18, 18))

    def paintEvent(self, event: object) -> None:
        # napari's style sheet sets the palette late and changes it with the theme
        color = self.palette().color(QPalette.ColorRole.WindowText).name()
        if color != self._color:
            self._color = color
            self.setIcon(icon(self._glyph, color=color))
        super().paintEvent(event)

"""The focus of the keyboard: it is seen on each control of ours, and goes on as one reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise

from qtpy.QtCore import QEvent, QObject, QRect, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import (
    QApplication,
    QGridLayout,
    QLayout,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QWidget,
)

__all__ = ["FocusFrame", "show_focus", "tab_in_reading_order"]

_MOVES = (
    QEvent.Type.Move,
    QEvent.Type.Resize,
    QEvent.Type.Show,
    QEvent.Type.Hide,
    QEvent.Type.ParentChange,
)


@cache
def show_focus() -> None:
    """Frame whichever widget of ours has the focus: napari's style shows it on few of them."""
    QApplication.instance().focusChanged.connect(_on_focus)


def _on_focus(before: QWidget | None, now: QWidget | None) -> None:
    old, new = _root_of(before), _root_of(now)
    if old is not None and old is not new and (frame := _frame_of(old)) is not None:
        frame.leave()
    if new is None or now is None:
        return
    if new is now:  # nothing beside it to tell it from
        return
    (_frame_of(new) or FocusFrame(new)).put_around(now)


def _root_of(widget: QWidget | None) -> QWidget | None:
    """The outermost widget of ours around one, in its window."""
    root = None
    while widget is not None:
        if type(widget).__module__.startswith("napari_rxrx3."):
            root = widget
        widget = None if widget.isWindow() else widget.parentWidget()
    return root


def _frame_of(root: QWidget) -> FocusFrame | None:
    return next((child for child in root.children() if isinstance(child, FocusFrame)), None)


class FocusFrame(QWidget):
    """A frame over all else, in the color of what is selected with one of the paper within.

    It lies in the outermost widget of ours, so that no layout and no style has to know of it.
    """

    def __init__(self, root: QWidget) -> None:
        super().__init__(root)
        self._around: list[QWidget] = []
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def put_around(self, widget: QWidget) -> None:
        """Frame a widget, wherever it goes, until `leave`."""
        self.leave()
        inner: QWidget | None = widget
        while inner is not None and inner is not self.parentWidget():
            self._around.append(inner)
            inner.installEventFilter(self)
            inner = inner.parentWidget()
        self._place()

    def leave(self) -> None:
        around, self._around = self._around, []
        for widget in around:
            with suppress(RuntimeError):  # it is gone, and the focus with it
                widget.removeEventFilter(self)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _MOVES:
            self._place()
        return False

    def _place(self) -> None:
        """Take the place of what can be seen of the widget, but for what it is scrolled out of."""
        root, seen = self.parentWidget(), QRect()
        for n, widget in enumerate(self._around):
            rect = QRect(widget.mapTo(root, widget.rect().topLeft()), widget.size())
            seen = rect if n == 0 else seen.intersected(rect)
        is_seen = bool(self._around) and self._around[0].isVisible() and not seen.isEmpty()
        if is_seen:
            self.setGeometry(seen)
            self.raise_()
        self.setVisible(is_seen)

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = self.palette()
        paper = palette.color(QPalette.ColorRole.Window)
        painter = QPainter(self)
        for inset, color in ((0, _seen_on(palette)), (1, _seen_on(palette)), (2, paper)):
            painter.setPen(color)
            painter.drawRect(self.rect().adjusted(inset, inset, -1 - inset, -1 - inset))
        painter.end()


def _seen_on(palette: QPalette) -> QColor:
    """The color of text, which a theme makes sure can be told from the paper."""
    return QColor(palette.color(QPalette.ColorRole.WindowText))


# -- the order of Tab ------------------------------------------------------------------------------


def tab_in_reading_order(root: QWidget) -> None:
    """Let Tab go from control to control as they are laid out: line by line, from left to right."""
    stops = [w for w in _laid_out(root) if _is_stop(w)]
    for before, after in pairwise(stops):
        QWidget.setTabOrder(before, after)


def _is_stop(widget: QWidget) -> bool:
    tab = Qt.FocusPolicy.TabFocus
    return (widget.focusPolicy() & tab) == tab and widget.focusProxy() is None


def _laid_out(widget: QWidget) -> Iterator[QWidget]:
    """A widget and all within it, in the order of their layouts."""
    yield widget
    if isinstance(widget, QTabWidget):
        yield widget.tabBar()
    if isinstance(widget, QTabWidget | QStackedWidget | QSplitter):
        for n in range(widget.count()):
            yield from _laid_out(widget.widget(n))
    elif isinstance(widget, QScrollArea):
        if widget.widget() is not None:
            yield from _laid_out(widget.widget())
    elif (layout := widget.layout()) is not None:
        yield from _of_layout(layout)
    elif type(widget).__module__.startswith("napari_rxrx3."):  # places its children itself
        for child in widget.children():
            if isinstance(child, QWidget) and not child.isWindow():
                yield from _laid_out(child)


def _of_layout(layout: QLayout) -> Iterator[QWidget]:
    numbers = list(range(layout.count()))
    if isinstance(layout, QGridLayout):
        numbers.sort(key=lambda n: tuple(layout.getItemPosition(n)[:2]))
    for number in numbers:
        item = layout.itemAt(number)
        if item.widget() is not None:
            yield from _laid_out(item.widget())
        elif item.layout() is not None:
            yield from _of_layout(item.layout())

"""Pages, one of which is seen: made when somebody first looks at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, NamedTuple

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

__all__ = ["LazyPage", "Page", "Pages"]


class LazyPage(QWidget):
    """Makes what it holds when it is first looked at, or asked for."""

    def __init__(self, make: Callable[[], QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make = make
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    @cached_property
    def held(self) -> Any:
        """What was made."""
        widget = self._make()
        self._layout.addWidget(widget)
        return widget

    @property
    def is_made(self) -> bool:
        return "held" in vars(self)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.held.show()


class Page(NamedTuple):
    """A page: the word on its button, what the button's tooltip says, and who makes it."""

    word: str
    tip: str
    make: Callable[[], QWidget]


class Pages(QWidget):
    """A row of buttons, and below it the page of the one that is pressed.

    Attributes
    ----------
    head : QHBoxLayout
        The row; others may add to it.
    """

    def __init__(self, pages: Mapping[str, Page], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[str, QPushButton] = {}
        self._pages: dict[str, LazyPage] = {}
        self._stack = QStackedWidget()
        self.head = QHBoxLayout()
        self.head.setSpacing(1)
        group = QButtonGroup(self)
        for name, page in pages.items():
            button = self.buttons[name] = _button(page.word, page.tip)
            button.clicked.connect(partial(self._turn_to, name))
            group.addButton(button)
            self.head.addWidget(button)
            self._pages[name] = LazyPage(page.make)
            self._stack.addWidget(self._pages[name])
        self.head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self.head)
        layout.addWidget(self._stack, 1)
        self.show_page(next(iter(pages)))

    @property
    def current(self) -> str:
        """The name of the page that is turned to."""
        return list(self._pages)[self._stack.currentIndex()]

    def page(self, name: str) -> Any:
        """What a page holds, made now if nobody has looked at it."""
        return self._pages[name].held

    def is_made(self, name: str) -> bool:
        """Whether somebody has looked at a page."""
        return self._pages[name].is_made

    def show_page(self, name: str) -> None:
        """Turn to a page."""
        self.buttons[name].setChecked(True)
        self._stack.setCurrentWidget(self._pages[name])

    def _turn_to(self, name: str, checked: bool = False) -> None:
        self.show_page(name)


def _button(word: str, tip: str) -> QPushButton:
    button = QPushButton(word)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setMinimumWidth(1)  # at first, without napari's style, it is wider
    return button

"""The keys of the window: when they act, and the table of them for the cheat sheet and the guide.

Who answers a key binds it by `Keys.bind`; tests hold what is bound against the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from napari_rxrx3.session import Session

__all__ = ["KEYS", "RULE", "Key", "KeyScope", "Keys", "is_text"]

RULE = (
    "These keys act while a data set is open. In a text they are typed, and while a layer of your "
    "own is chosen, letters, digits and signs are napari's. Any key closes this."
)

_TEXTS = (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox)
_WITH_PAGES = (QAbstractScrollArea, QAbstractSlider, QComboBox)
_CHORD = re.compile(r"(Ctrl|Alt|Meta)\+|F\d+$")
_PAGES = ("PgUp", "PgDown")
_SHOWN_OR_HIDDEN = (QEvent.Type.Show, QEvent.Type.Hide)


def is_text(widget: QWidget | None) -> bool:
    """Whether what is typed there is text."""
    return isinstance(widget, _TEXTS) or (isinstance(widget, QComboBox) and widget.isEditable())


class Keys(QObject):
    """Binds the keys of one window, and lets them act while they are ours.

    They are if a data set is open, the focus is in no text, and no layer of the user's is active:
    napari has keys of its own for each kind of layer. Keys with Ctrl or Alt, and F keys, act
    whatever is active: a test holds that napari has none of them. Page keys are left to lists.
    """

    changed = Signal()
    """Other keys act now."""

    def __init__(
        self, viewer: Any, window: QWidget, session: Session, is_ours: Callable[[Any], bool]
    ) -> None:
        super().__init__(window)
        self._viewer, self._session, self._is_ours = viewer, session, is_ours
        self.takes_digit: Callable[[int], bool] | None = None
        """Is asked first what a digit means, and says whether it meant something."""
        self._acting = self._who_acts(None)
        session.dataset_changed.connect(self.look)
        viewer.layers.selection.events.active.connect(self.look)
        QApplication.instance().focusChanged.connect(self.look)

    def bind(self, owner: QWidget, key: str, act: Callable[[], Any]) -> None:
        """Call a function when a key is pressed anywhere in the window, while `owner` is shown.

        Parameters
        ----------
        key : str
            As Qt writes it: ``"Ctrl+F"``, ``"PgUp"``.
        """
        bound = _Bound(self, key, owner)
        bound.setContext(Qt.ShortcutContext.WindowShortcut)
        bound.activated.connect(act)
        if owner is not self.parent():
            owner.installEventFilter(self)
            owner.destroyed.connect(bound.deleteLater)

    def bind_digit(self, owner: QWidget, key: str, number: int, act: Callable[[], Any]) -> None:
        """Like `bind`, unless the digit means something else at the time: see `takes_digit`."""

        def press() -> None:
            if self.takes_digit is None or not self.takes_digit(number):
                act()

        self.bind(owner, key, press)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A dock that floats is a window of its own, but its keys are those of the main one."""
        main = self.parent()
        if event.type() in _SHOWN_OR_HIDDEN and main is not None:
            for bound in main.findChildren(_Bound):
                with suppress(RuntimeError):  # its owner, or the window, is being taken down
                    bound.take_place(main)
        return False

    def acts(self, key: str = "A") -> bool:
        """Whether a key acts now."""
        return self._acting[_kind(key)]

    def look(self, *what: object) -> None:
        """Find out anew who acts, as when layers have become ours after they became active."""
        acting = self._who_acts(QApplication.focusWidget())
        if acting != self._acting:
            self._acting = acting
            self.changed.emit()

    def _who_acts(self, focus: QWidget | None) -> dict[str, bool]:
        """Which kinds of keys do."""
        is_open = self._session.dataset is not None
        active = self._viewer.layers.selection.active
        typed = is_open and not is_text(focus) and (active is None or self._is_ours(active))
        pages = typed and not isinstance(focus, _WITH_PAGES)
        return {"chord": is_open, "typed": typed, "page": pages}


class _Bound(QShortcut):
    """Switched off where its key is somebody else's, who then gets it."""

    def __init__(self, keys: Keys, key: str, owner: QWidget) -> None:
        super().__init__(QKeySequence(key), owner)
        self._keys, self._key, self._owner = keys, key, owner
        keys.changed.connect(self._follow)
        self._follow()

    def take_place(self, main: QObject) -> None:
        """Belong to the main window while the owner floats: there a key acts in both windows."""
        floats = self._owner.isVisible() and self._owner.window() is not main
        belongs_to = main if floats else self._owner
        if self.parent() is not belongs_to:
            self.setParent(belongs_to)

    def _follow(self) -> None:
        self.setEnabled(self._keys.acts(self._key))


def _kind(key: str) -> str:
    if key in _PAGES:
        return "page"
    return "chord" if _CHORD.match(key) else "typed"


@dataclass(frozen=True)
class Key:
    """Keys, or clicks, that do something.

    Attributes
    ----------
    caps : tuple of str
        What is written on them, e.g. ``("Alt+←", "Alt+→")``.
    does : str
    """

    caps: tuple[str, ...]
    does: str


@dataclass(frozen=True)
class KeyScope:
    """Where some keys work, and their table."""

    name: str
    keys: tuple[Key, ...]


def _place(name: str, *keys: tuple[str, str]) -> KeyScope:
    """Put a place together; keys that belong to one thing are separated by blanks."""
    return KeyScope(name, tuple(Key(tuple(caps.split()), does) for caps, does in keys))


KEYS: tuple[KeyScope, ...] = (
    _place(
        "Anywhere in the window",
        ("Ctrl+F", "find a gene, a compound or a well"),
        ("Alt+← Alt+→", "back to what was asked before, forward"),
        ("M", "the map of all perturbations"),
        ("0", "all wells of the plate, and back"),
        ("Page↑ Page↓", "previous, next plate; in lists a page"),
        ("1…9", "show or hide a stain"),
        ("Shift+1…9", "one stain alone in gray, and back"),
        ("F Shift+F", "next, previous field of a well"),
        ("F5", "open the data set again, as its files are now"),
        ("?", "this sheet"),
    ),
    _place(
        "On the plate map",
        ("← ↑ ↓ →", "next well"),
        ("Home End", "first, last well"),
        ("Enter", "open the well, as a double-click does"),
        ("Shift+click Ctrl+click", "several wells; also drag, Shift+arrows"),
    ),
    _place(
        "In lists",
        ("↑ ↓", "look at the next one"),
        ("Enter", "ask for the neighbor, as a double-click does"),
    ),
    _place(
        "Sharing",
        ("Ctrl+Shift+S", "save a figure"),
        ("Ctrl+Shift+Y", "copy what is shown as Python"),
    ),
    _place(
        "Side by side",
        ("C", "a control of the plate; again: another one"),
        ("N", "control and nearest neighbors"),
        ("R", "replicates"),
        ("G", "guides of the gene, doses of the compound"),
        ("P", "the same position on other plates"),
        ("W", "the selected wells"),
        ("B", "swap well and control in place"),
        ("D", "difference to the controls, and back"),
        ("X", "whole wells, middle 512, middle 256 pixels"),
        ("Escape", "the well alone"),
    ),
    _place(
        "Hits",
        ("H", "the tab Hits"),
        ("[ ]", "previous, next in the queue"),
        ("1…5", "in Hits or a queue: tag the well, go on"),
        ("0", "in Hits or a queue: take the tag away"),
        ("Enter", "in Hits: write a note"),
        ("Ctrl+Z Ctrl+Shift+Z", "in Hits: undo, redo"),
    ),
)

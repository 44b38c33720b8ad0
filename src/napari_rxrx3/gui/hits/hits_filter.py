"""The row above the table of hits: which of them are listed."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QActionGroup, QIcon
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QToolButton, QWidget

from napari_rxrx3.core.words import count
from napari_rxrx3.gui.hits.tag_buttons import tag_icon
from napari_rxrx3.gui.words import in_menu
from napari_rxrx3.hits.hit import NO_TAG, Tag

__all__ = ["HitsFilter"]

_ALL = "all tags"


class HitsFilter(QWidget):
    """A line for words and a button with a menu of tags."""

    changed = Signal(str, int)
    """Words that a hit must contain, and the tag that it must have; 0: any or none."""
    newest_asked = Signal()
    """List the hits by time again."""

    def __init__(self, tags: Sequence[Tag], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = QLineEdit()
        self.words.setClearButtonEnabled(True)
        self.words.setToolTip("List only the hits that contain these words: gene, well, note, tag")
        self.words.setAccessibleName("Filter of the hits")
        self.tag = QToolButton()
        self.tag.setToolTip("List only the hits with one tag")
        self.tag.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.tag.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.tag.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self.tag.setMenu(QMenu(self.tag))
        self._number = NO_TAG
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.tag)
        self.words.textChanged.connect(self._tell)
        self.set_tags(tags)
        self.set_count(0)

    def set_tags(self, tags: Sequence[Tag]) -> None:
        """Offer these tags; the one that is chosen stays so."""
        menu = self.tag.menu()
        menu.clear()
        group = QActionGroup(menu)
        for number, name, icon in ((NO_TAG, _ALL, QIcon()), *(_entry(tag) for tag in tags)):
            action = group.addAction(menu.addAction(icon, name))
            action.setCheckable(True)
            action.setChecked(number == self._number)
            action.setData(number)
            if number == self._number:
                self._label(name, icon)
        group.triggered.connect(lambda action: self.choose(action.data()))
        menu.addSeparator()
        menu.addAction("Newest first").triggered.connect(self.newest_asked)

    def set_count(self, n_hits: int) -> None:
        """Say how many hits there are."""
        self.words.setPlaceholderText(f"filter {count(n_hits, 'hit')}")

    def choose(self, number: int) -> None:
        """List only this tag; 0: all."""
        self._number = number
        for action in self.tag.menu().actions():
            if action.data() == number:
                action.setChecked(True)
                self._label(action.text(), action.icon())
        self._tell()

    def _label(self, name: str, icon: QIcon) -> None:
        self.tag.setText(f"{name} ")
        self.tag.setIcon(icon)
        self.tag.setAccessibleName(f"Tag of the listed hits: {name}")

    def _tell(self) -> None:
        self.changed.emit(self.words.text(), self._number)


def _entry(tag: Tag) -> tuple[int, str, QIcon]:
    return tag.number, in_menu(tag.name), tag_icon(tag)

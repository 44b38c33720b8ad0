"""The row that says why hits cannot be kept, and what can be done about it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.words import wrapped_tooltip

__all__ = ["TroubleRow"]


class TroubleRow(QWidget):
    """A sentence with two ways out; hidden as long as there is no trouble."""

    retry_asked = Signal()
    place_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.retry = tool_button("refresh", "Try again to read or write the file of hits")
        self.place = tool_button("folder_outline", "Keep the hits in another folder from now on")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.retry)
        layout.addWidget(self.place)
        self.retry.clicked.connect(self.retry_asked)
        self.place.clicked.connect(self.place_asked)
        self.say("")

    @property
    def sentence(self) -> str:
        """What is wrong; empty if nothing is."""
        return self.words.text().replace("\u200b", "")

    def say(self, sentence: str) -> None:
        """Show what is wrong; nothing is if the sentence is empty."""
        self.words.setFont(small_font(self.font()))
        # Qt breaks lines at blanks only, and a path has none
        self.words.setText(sentence.replace("/", "/\u200b"))
        self.words.setToolTip(wrapped_tooltip(sentence))
        self.setVisible(bool(sentence))

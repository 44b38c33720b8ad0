"""Two buttons over the canvas: one well, or the whole plate."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

__all__ = ["ViewSwitch"]

_BUTTONS = {
    "well": ("Well", "The chosen wells at full resolution (0)"),
    "plate": (
        "Plate",
        "All wells of the plate; zoom in for full pictures, double-click opens a well (0)",
    ),
}


class ViewSwitch(QWidget):
    """Says which of the two is shown; a click leaves the keyboard to the canvas."""

    chosen = Signal(str)
    """The view whose button was clicked, also if it is the one that is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for view, (text, tip) in _BUTTONS.items():
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _, view=view: self.chosen.emit(view))
            group.addButton(button)
            layout.addWidget(button)
            self.buttons[view] = button

    def set_view(self, view: str) -> None:
        """Press the button of a view."""
        self.buttons[view].setChecked(True)

"""Two buttons in a corner of the canvas: one well, or the whole plate."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

__all__ = ["ViewSwitch"]

_MARGIN = 8
_BUTTONS = {
    "well": ("Well", "The chosen wells at full resolution (0)"),
    "plate": (
        "Plate",
        "All wells of the plate; zoom in for full pictures, double-click opens a well (0)",
    ),
}


class ViewSwitch(QWidget):
    """Stays in the lower left corner of the canvas, where napari and we write nothing."""

    chosen = Signal(str)
    """The view whose button was clicked, also if it is the one that is shown."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for view, (text, tip) in _BUTTONS.items():
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda _, view=view: self.chosen.emit(view))
            group.addButton(button)
            layout.addWidget(button)
            self.buttons[view] = button
        canvas.installEventFilter(self)
        self.hide()

    def set_view(self, view: str) -> None:
        """Press the button of a view."""
        self.buttons[view].setChecked(True)

    def showEvent(self, event: QEvent) -> None:
        self._to_corner()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._to_corner()
        return False

    def _to_corner(self) -> None:
        self.adjustSize()
        canvas = self.parentWidget()
        if canvas is not None:
            self.move(_MARGIN, canvas.height() - self.height() - _MARGIN)

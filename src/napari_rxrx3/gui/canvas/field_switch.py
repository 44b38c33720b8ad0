"""Which field of the wells is shown, over the canvas: one back, one on."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

__all__ = ["FieldSwitch"]

_BACK, _ON = "\u2039", "\u203a"


class FieldSwitch(QWidget):
    """Two buttons, and between them which field it is; not there where wells have but one."""

    stepped = Signal(int)
    """-1 or 1: the field before, the next one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        self.back = _button(_BACK, "The field before, of all wells (Shift+F)")
        self.label = _button("", "Of several images of a well the one that is shown (F: the next)")
        self.on = _button(_ON, "The next field, of all wells (F)")
        for button in (self.back, self.label, self.on):
            layout.addWidget(button)
        self.back.clicked.connect(lambda: self.stepped.emit(-1))
        for button in (self.label, self.on):
            button.clicked.connect(lambda: self.stepped.emit(1))
        self._field = self._n = 0
        self.set_field(1, 1)

    @property
    def is_needed(self) -> bool:
        return self._n > 1

    def set_field(self, field: int, n: int) -> bool:
        """Say which of how many is shown; whether that is new."""
        if (field, n) == (self._field, self._n):
            return False
        self._field, self._n = field, n
        self.label.setText(f"Field {field}/{n}")
        self.label.setAccessibleName(f"Field {field} of {n}")
        self.adjustSize()
        return True


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keyboard to the canvas
    return button

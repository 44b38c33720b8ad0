"""Which stains are shown, and where their contrast comes from."""

from __future__ import annotations

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QAbstractButton, QComboBox, QHBoxLayout, QWidget

from napari_rxrx3.core.display import stain_color
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.gui.widgets import let_shrink, tool_button
from napari_rxrx3.session import CONTRAST_RULES

__all__ = ["StainBar"]


class StainBar(QWidget):
    """Six buttons, the contrast rule and its reset."""

    toggled = Signal(int)
    rule_chosen = Signal(str)
    reset_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons = [_StainButton(stain) for stain in STAINS]
        self.rule = QComboBox()
        self.rule.addItems([f"contrast {rule}" for rule in CONTRAST_RULES])
        self.rule.setToolTip(
            "Where the contrast limits come from. 'from controls': the plate's EMPTY_control "
            "wells, so that all wells of a plate can be compared by eye."
        )
        self.reset = tool_button("restore", "Contrast from the plate's controls again")
        let_shrink(self.rule)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for button in self.buttons:
            layout.addWidget(button)
            button.clicked.connect(self._on_click)
        layout.addSpacing(6)
        layout.addWidget(self.rule, 1)
        layout.addWidget(self.reset)
        self.rule.activated.connect(lambda i: self.rule_chosen.emit(CONTRAST_RULES[i]))
        self.reset.clicked.connect(self.reset_asked)

    def set_shown(self, shown: tuple[bool, ...]) -> None:
        """Draw the buttons of hidden stains hollow."""
        for button, show in zip(self.buttons, shown, strict=True):
            button.setChecked(show)

    def set_rule(self, rule: str) -> None:
        self.rule.setCurrentIndex(CONTRAST_RULES.index(rule))

    def recolor(self) -> None:
        """Take the colors that the user prefers by now."""
        for button in self.buttons:
            button.update()

    def _on_click(self) -> None:
        button = self.sender()
        button.setChecked(not button.isChecked())  # the layers say what is shown
        self.toggled.emit(button.stain.number)


class _StainButton(QAbstractButton):
    """A square in the stain's color with its number, hollow when the stain is hidden."""

    def __init__(self, stain: Stain) -> None:
        super().__init__()
        self.stain = stain
        self.setCheckable(True)
        self.setChecked(True)
        self.setFixedSize(QSize(22, 22))
        self.setAccessibleName(stain.name)
        self.setToolTip(
            f"{stain.name}: {stain.structure} ({stain.dye}). Key {stain.number} shows or hides it, "
            f"Shift+{stain.number} shows it alone in gray."
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = QColor.fromRgbF(*stain_color(self.stain))
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        painter.setPen(color)
        if self.isChecked():
            painter.setBrush(color)
        painter.drawRoundedRect(box, 4, 4)
        on_color = QColor(0, 0, 0) if _is_light(color) else QColor(255, 255, 255)
        plain = self.palette().color(QPalette.ColorRole.WindowText)
        painter.setPen(on_color if self.isChecked() else plain)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(self.stain.number))
        if self.hasFocus():
            painter.setPen(plain)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()


def _is_light(color: QColor) -> bool:
    """Whether black has more contrast to a color than white, by their relative luminance."""
    red, green, blue = (channel**2.2 for channel in (color.redF(), color.greenF(), color.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18

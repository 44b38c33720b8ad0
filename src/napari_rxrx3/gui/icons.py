"""Material Design icons in the theme's text color."""

from __future__ import annotations

from fonticon_mdi7 import MDI7
from qtpy.QtCore import QSize
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QToolButton, QWidget
from superqt.fonticon import icon

__all__ = ["tool_button"]


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

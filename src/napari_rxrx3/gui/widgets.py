"""Small pieces that several widgets use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fonticon_mdi7 import MDI7
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeySequence, QPalette, QShortcut
from qtpy.QtWidgets import QComboBox, QToolButton, QWidget
from superqt.fonticon import icon

__all__ = ["let_shrink", "shortcut", "tool_button"]


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


def let_shrink(box: QComboBox) -> None:
    """Let a combo box be narrower than its longest entry, so that the dock can be narrow."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)


def shortcut(widget: QWidget, key: str, act: Callable[[], Any]) -> None:
    """Call a function when a key is pressed anywhere in the widget's window."""
    bound = QShortcut(QKeySequence(key), widget)
    bound.setContext(Qt.ShortcutContext.WindowShortcut)
    bound.activated.connect(act)


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

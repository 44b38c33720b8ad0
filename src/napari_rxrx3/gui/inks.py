"""Colors that can be told from the background of any theme."""

from __future__ import annotations

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

from napari_rxrx3.gui.plate.legend import window_inks

__all__ = ["ink", "legible", "paper"]

_CONTRAST = 3.0
"""Least ratio of luminances of a line and its background (WCAG 2.1, criterion 1.4.11)."""

_STEPS = 20


def ink(widget: QWidget, alpha: float = 1.0) -> QColor:
    """The color of a widget's text, or a fainter one."""
    color = QColor(*window_inks(widget)[0])
    color.setAlphaF(alpha)
    return color


def paper(widget: QWidget) -> QColor:
    """The color of a widget's background."""
    return QColor(*window_inks(widget)[1])


def legible(color: tuple[float, float, float], background: QColor) -> QColor:
    """Mix black or white into a color (RGB 0..1) until it stands out from the background."""
    dark = _luminance(background) < 0.18
    towards = 1.0 if dark else 0.0
    for step in range(_STEPS + 1):
        share = step / _STEPS
        mixed = QColor.fromRgbF(*(share * towards + (1 - share) * value for value in color))
        if _ratio(mixed, background) >= _CONTRAST:
            break
    return mixed


def _ratio(one: QColor, other: QColor) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: QColor) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (color.redF(), color.greenF(), color.blueF())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

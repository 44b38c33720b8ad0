"""Small histograms, a stain each: the wells on screen against controls of their plate."""

from __future__ import annotations

from math import isnan

import numpy as np
from qtpy.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_rxrx3.core.display import stain_color
from napari_rxrx3.core.histograms import N_SD, StainHistogram
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.gui.inks import ink, legible, paper
from napari_rxrx3.gui.numbers.intensities import Intensities
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.widgets import TooltipByPlace
from napari_rxrx3.gui.words import elided, wrapped_tooltip

__all__ = ["HistogramView"]

_COLUMNS, _COLUMNS_OF_MANY = 3, 5
"""Of histograms; the latter where there are more stains than RxRx3 has."""
_GAP, _SWATCH = 6, 12
_HOW = (
    "Gray: controls of the plate, spread over it. Line: the wells on screen. From dark to bright; "
    "the height is the square root of the share of the pixels, so that rare bright ones are seen. "
    "The number says how many times as bright the wells are on average; it is bold where that is "
    f"more than {N_SD} standard deviations of the controls away from them. Of large images the "
    "first rows are measured at first, and then the whole of them."
)


class HistogramView(TooltipByPlace):
    """Shows `Intensities`; hovering over a stain gives its numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Intensities | None = None
        self._said = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTip(wrapped_tooltip(_HOW))
        self.setAccessibleName("Brightness of each stain against the controls")

    def intensities(self) -> Intensities | None:
        return self._shown

    def set_intensities(self, intensities: Intensities) -> None:
        self._shown = intensities
        words = (self.in_words(stain) for stain in intensities.table)
        self.setAccessibleDescription("\n".join([intensities.note, *words]))
        self.update()

    def say(self, sentence: str) -> None:
        """Show a sentence in the place of the histograms."""
        self._shown, self._said = None, sentence
        self.setAccessibleDescription(sentence)
        self.update()

    def in_words(self, stain: Stain) -> str:
        """What the histogram of a stain comes to."""
        shown = self._shown.stains[stain.number - 1] if self._shown is not None else None
        if shown is None:
            return f"{stain.name}: nothing to compare"
        low, high = min(shown.control_means), max(shown.control_means)
        words = (
            f"{_named(stain)}: mean level {shown.treated_mean:.4g}, of the "
            f"controls {shown.control_mean:.4g} (each of them from {low:.4g} to {high:.4g})"
        )
        far = f"; more than {N_SD} standard deviations of the controls away"
        return words + far * shown.is_outside

    def sizeHint(self) -> QSize:
        return QSize(372, 130)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 76)

    def stain_at(self, point: QPoint) -> Stain | None:
        """The stain whose histogram is under a point."""
        if self._shown is None:
            return None
        places = zip(self._shown.table, self._places(), strict=True)
        return next((stain for stain, place in places if place.contains(point)), None)

    def tooltip_at(self, place: QPoint) -> str:
        stain = self.stain_at(place)
        if stain is None:
            return super().tooltip_at(place)
        return wrapped_tooltip(f"{self.in_words(stain)}.")

    # -- painting ---------------------------------------------------------------------------------

    def _line(self) -> int:
        """Height of a line of text."""
        return self.fontMetrics().height() - 1

    def _places(self) -> list[QRect]:
        """Where the histogram of each stain is, below the legend."""
        top = self._line() + 2
        n = len(self._shown.table) if self._shown is not None else len(STAINS)
        n_columns = min(n, _COLUMNS if n <= len(STAINS) else _COLUMNS_OF_MANY)
        n_rows = -(-n // n_columns)
        width = (self.width() - (n_columns - 1) * _GAP) / n_columns
        height = (self.height() - top - (n_rows - 1) * _GAP) / n_rows
        places = []
        for i in range(n):
            row, column = divmod(i, n_columns)
            x, y = column * (width + _GAP), top + row * (height + _GAP)
            places.append(QRectF(x, y, width, height).toRect())
        return places

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(small_font(self.font()))
        if self._shown is None:
            painter.setPen(ink(self, 0.65))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect(), flags, self._said)
        else:
            self._paint_legend(painter, self._shown.note)
            for stain, place in zip(self._shown.table, self._places(), strict=True):
                self._paint_stain(painter, place, stain, self._shown.stains[stain.number - 1])
        painter.end()

    def _paint_legend(self, painter: QPainter, note: str) -> None:
        """Say what the line and the gray are: both stand before their words in the note."""
        line = self._line()
        wells, against, controls = note.partition(" against ")
        painter.setPen(ink(self))
        x = 0
        for words, is_line in ((wells, True), (controls, False))[: 2 if against else 0]:
            swatch = QRect(x, line // 2 - 4, _SWATCH, 8)
            if is_line:
                painter.fillRect(swatch.adjusted(0, 3, 0, -3), ink(self))
            else:
                painter.fillRect(swatch, ink(self, 0.3))
            x += _SWATCH + 4
            room = self.width() - x
            text = elided(painter.font(), words, room)
            painter.drawText(QRect(x, 0, room, line), Qt.AlignmentFlag.AlignVCenter, text)
            x += painter.fontMetrics().horizontalAdvance(text) + 12
        if not against:
            painter.drawText(0, painter.fontMetrics().ascent(), note)

    def _paint_stain(
        self, painter: QPainter, place: QRect, stain: Stain, shown: StainHistogram | None
    ) -> None:
        painter.setPen(ink(self, 0.3))
        painter.drawLine(place.bottomLeft(), place.bottomRight())
        if shown is not None:
            top = max(shown.treated.max(), shown.controls.max())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink(self, 0.3))
            painter.drawPolygon(_steps(shown.controls, top, place))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(legible(stain_color(stain), paper(self)), 1.5))
            painter.drawPolyline(_steps(shown.treated, top, place))
        self._write_over(painter, place, stain.name, shown)

    def _write_over(
        self, painter: QPainter, place: QRect, name: str, shown: StainHistogram | None
    ) -> None:
        """Write the name and the ratio to the right, where histograms are low."""
        font = painter.font()
        line = QRect(place.left(), place.top(), place.width() - 1, self._line())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
        painter.setPen(ink(self))
        painter.drawText(line, right, name)
        font.setBold(shown is not None and shown.is_outside)
        painter.setFont(font)
        painter.setPen(ink(self, 1.0 if font.bold() else 0.65))
        painter.drawText(line.translated(0, self._line() - 2), right, _ratio(shown))
        font.setBold(False)
        painter.setFont(font)


def _named(stain: Stain) -> str:
    return f"{stain.name} ({stain.structure})" if stain.structure else stain.name


def _steps(shares: np.ndarray, top: float, place: QRect) -> QPolygonF:
    """The outline of a histogram, from its lower left to its lower right."""
    heights = np.sqrt(shares / top) * (place.height() - 2) if top else np.zeros(len(shares))
    x = np.linspace(place.left(), place.right(), len(shares) + 1)
    bottom = place.bottom()
    points = [QPointF(x[0], bottom)]
    for left, right, height in zip(x[:-1], x[1:], heights, strict=True):
        points += [QPointF(left, bottom - height), QPointF(right, bottom - height)]
    return QPolygonF([*points, QPointF(x[-1], bottom)])


def _ratio(shown: StainHistogram | None) -> str:
    if shown is None:
        return "no image"
    return "" if isnan(shown.ratio) else f"×{shown.ratio:.2f}"

"""How far each dose of a compound is from the controls, as a painted curve."""

from __future__ import annotations

from itertools import pairwise
from math import isnan, log10

from qtpy.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_rxrx3.gui.inks import ink, legible, paper
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.widgets import TooltipByPlace
from napari_rxrx3.gui.words import elided, wrapped_tooltip
from napari_rxrx3.strips.strip import DoseCurve, DoseFit, hill_curve

__all__ = ["DoseCurveView"]

_LINE_COLOR = (0.34, 0.71, 0.91)  # sky blue of Okabe and Ito
_RIGHT, _POINT, _MEAN = 14, 2.2, 3.4
_HEADROOM = 1.12
_ZERO = 0.15
"""How far from the others the dose 0 stands, as a part of their range."""
_HOW = "Distance to the controls by dose: hover for numbers, double-click to go to a well"
_PIECES = 80
"""That a curve is painted in."""
_CAP = 3
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


class DoseCurveView(TooltipByPlace):
    """Shows a `DoseCurve`: replicates as points, their means as a line, controls as a band.

    If there is a fit, the line is its Hill curve, with half of the effect and its interval; the
    axis is thick from the lowest dose that acts.

    The axis of doses is logarithmic, with 0 apart. Doses without a distance are gaps in the line,
    crossed out on the axis. Hovering over a dose gives its numbers, a double-click chooses it.
    """

    chosen = Signal(float)
    """The dose that was double-clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curve: DoseCurve | None = None
        self._current: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Distance to the controls by dose")
        self.setToolTip(_HOW)
        self.setMouseTracking(True)

    def curve(self) -> DoseCurve | None:
        return self._curve

    def set_curve(self, curve: DoseCurve | None, current: float | None = None) -> None:
        """Show a curve; `current` is the dose that is looked at."""
        self._curve, self._current = curve, current
        doses = range(len(curve.doses)) if curve is not None else ()
        words = [curve.verdict] if curve is not None and curve.verdict else []
        self.setAccessibleDescription("\n".join([*words, *(self.in_words(i) for i in doses)]))
        self.update()

    def in_words(self, index: int) -> str:
        """What there is of one dose."""
        curve = self._curve
        assert curve is not None
        name, values = f"{curve.doses[index]:g} {curve.unit}", curve.distances[index]
        if not values:
            return f"{name}: no vector here"
        mean = f"{name}: {curve.metric} {curve.means[index]:.3g}"
        if len(values) == 1:
            return f"{mean}, one replicate"
        return f"{mean}, mean of {len(values)} replicates, {min(values):.3g} to {max(values):.3g}"

    def sizeHint(self) -> QSize:
        return QSize(372, 150)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 76)

    def place_of(self, dose: float, distance: float) -> QPointF:
        """Where a distance at a dose is drawn."""
        plot = self._plot()
        low, high = self._decades()
        x = plot.left() + plot.width() * (self._exponent(dose) - low) / (high - low)
        lowest, highest = self._lowest(), self._highest()
        return QPointF(x, plot.bottom() - plot.height() * (distance - lowest) / (highest - lowest))

    def dose_at(self, point: QPoint) -> int | None:
        """The index of the dose that is nearest to a point; None outside the plot."""
        curve = self._curve
        if curve is None or not curve.doses or not self.rect().contains(point):
            return None
        away = [abs(self.place_of(dose, 0).x() - point.x()) for dose in curve.doses]
        return away.index(min(away))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.dose_at(event.pos())
        if event.button() == Qt.MouseButton.LeftButton and index is not None:
            assert self._curve is not None
            self.chosen.emit(self._curve.doses[index])

    def tooltip_at(self, place: QPoint) -> str:
        index = self.dose_at(place)
        words = _HOW if index is None else f"{self.in_words(index)}."
        verdict = self._curve.verdict if self._curve is not None else ""
        return wrapped_tooltip(f"{words}\n{verdict}" if verdict else words)

    # -- scales -----------------------------------------------------------------------------------

    def _line(self) -> int:
        return int(self.fontMetrics().height()) - 1

    def _plot(self) -> QRectF:
        left = max(self.fontMetrics().horizontalAdvance(_number(t)) for t in self._ticks()) + 6
        box = QRectF(self.rect()).adjusted(left, self._line() + 2, -_RIGHT, -self._line() - 3)
        return box if box.isValid() else QRectF(left, 0, 1, 1)

    def _decades(self) -> tuple[float, float]:
        assert self._curve is not None
        exponents = [self._exponent(dose) for dose in self._curve.doses] or [0.0]
        low, high = min(exponents), max(exponents)
        margin = 0.04 * (high - low) or 0.5
        return low - margin, high + margin

    def _exponent(self, dose: float) -> float:
        """The logarithm of a dose; 0 has none and stands to the left of all others."""
        if dose > 0:
            return log10(dose)
        assert self._curve is not None
        known = [log10(other) for other in self._curve.doses if other > 0] or [0.0]
        return min(known) - (_ZERO * (max(known) - min(known)) or 0.5)

    def _highest(self) -> float:
        return _HEADROOM * (max([0.0, *self._values()]) or 1.0)

    def _lowest(self) -> float:
        """No distance is below 0, but an effect may be."""
        return _HEADROOM * min([0.0, *self._values()])

    def _values(self) -> list[float]:
        assert self._curve is not None
        values = [value for values in self._curve.distances for value in values]
        return values + [value for value in self._curve.control_spread if not isnan(value)]

    def _ticks(self) -> list[float]:
        """A few round numbers, 0 among them."""
        highest = self._highest() if self._curve is not None else 1.0
        lowest = self._lowest() if self._curve is not None else 0.0
        rough = (highest - lowest) / 3
        power = 10.0 ** int(log10(rough) // 1)
        step = next(n * power for n in _NICE if n * power >= rough * 0.99)
        return [i * step for i in range(-int(-lowest / step), int(highest / step) + 1)]

    # -- painting ---------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._curve is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small_font(self.font()))
        plot = self._plot()
        self._paint_band(painter, plot, self._curve)
        self._paint_axes(painter, plot, self._curve)
        fit = self._curve.fit
        has_line = fit is not None and not isnan(fit.ec50)
        self._paint_points(painter, self._curve, not has_line)
        if fit is not None:
            self._paint_lowest_dose(painter, plot, fit)
        if fit is not None and has_line:
            self._paint_fit(painter, plot, fit)
        painter.end()

    def _paint_band(self, painter: QPainter, plot: QRectF, curve: DoseCurve) -> None:
        """Paint where controls are, which is no more than noise."""
        low, high = curve.control_spread
        if isnan(low) or isnan(high):
            return
        top, bottom = (self.place_of(1.0, value).y() for value in (high, low))
        band = QRectF(QPointF(plot.left(), top), QPointF(plot.right(), bottom))
        painter.fillRect(band, ink(self, 0.2))
        painter.setPen(ink(self, 0.65))
        line = QRectF(plot.left() + 3, top - self._line(), plot.width(), self._line())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, "controls")

    def _paint_axes(self, painter: QPainter, plot: QRectF, curve: DoseCurve) -> None:
        metrics, line = painter.fontMetrics(), self._line()
        faint = ink(self, 0.65)
        painter.setPen(ink(self))
        title = elided(painter.font(), curve.metric, self.width())
        painter.drawText(QRect(0, 0, self.width(), line), Qt.AlignmentFlag.AlignLeft, title)
        for tick in self._ticks():
            y = self.place_of(1.0, tick).y()
            painter.setPen(ink(self, 0.15))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(faint)
            label = QRectF(0, y - line / 2, plot.left() - 4, line)
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(label, flags, _number(tick))
        free = 0.0
        for dose, values in zip(curve.doses, curve.distances, strict=True):
            x = self.place_of(dose, 0).x()
            text = f"{dose:g}" if dose != curve.doses[-1] else f"{dose:g} {curve.unit}"
            width = metrics.horizontalAdvance(text)
            left = min(x - width / 2, self.width() - width)
            self._paint_tick(painter, QPointF(x, plot.bottom()), bool(values))
            if left >= free:
                painter.setPen(ink(self) if dose == self._current else faint)
                painter.drawText(QPointF(left, plot.bottom() + 3 + metrics.ascent()), text)
                free = left + width + 3

    def _paint_tick(self, painter: QPainter, foot: QPointF, is_there: bool) -> None:
        """Mark a dose on the axis, with a cross if nothing is known of it."""
        painter.setPen(QPen(ink(self, 0.65), 1))
        if is_there:
            painter.drawLine(foot, foot + QPointF(0, 3))
        else:
            for d in (QPointF(3, 3), QPointF(3, -3)):
                painter.drawLine(foot - d, foot + d)

    def _paint_fit(self, painter: QPainter, plot: QRectF, fit: DoseFit) -> None:
        """Paint the curve, and half of the effect with its interval, open where it has no end."""
        curve = self._curve
        assert curve is not None
        known = [dose for dose in curve.doses if dose > 0]
        low, high = log10(known[0]), log10(known[-1])
        along = [10 ** (low + (high - low) * i / _PIECES) for i in range(_PIECES + 1)]
        painter.setPen(QPen(legible(_LINE_COLOR, paper(self)), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([self.place_of(d, hill_curve(d, fit)) for d in along]))
        half = hill_curve(fit.ec50, fit)
        middle = self.place_of(fit.ec50, half)
        painter.setPen(QPen(ink(self), 1.2))
        ends = [
            QPointF(edge if isnan(dose) else self.place_of(dose, half).x(), middle.y())
            for dose, edge in ((fit.low, plot.left()), (fit.high, plot.right()))
        ]
        painter.drawLine(*ends)
        for end, dose in zip(ends, (fit.low, fit.high), strict=True):
            if not isnan(dose):
                painter.drawLine(end - QPointF(0, _CAP), end + QPointF(0, _CAP))
        painter.drawLine(middle - QPointF(0, 2 * _CAP), QPointF(middle.x(), plot.bottom()))
        text = f"EC50 {fit.ec50:.2g}"
        metrics = painter.fontMetrics()
        left = middle.x() + 4  # below the curve, as it rises
        if left + metrics.horizontalAdvance(text) > plot.right():
            left = middle.x() - metrics.horizontalAdvance(text) - 4
        painter.drawText(QPointF(left, middle.y() + _CAP + metrics.ascent()), text)

    def _paint_lowest_dose(self, painter: QPainter, plot: QRectF, fit: DoseFit) -> None:
        """Make the axis thick from the lowest dose that acts."""
        if isnan(fit.lowest_active_dose):
            return
        x = self.place_of(fit.lowest_active_dose, 0).x()
        painter.setPen(QPen(legible(_LINE_COLOR, paper(self)), 3))
        painter.drawLine(QPointF(x, plot.bottom()), plot.bottomRight())
        painter.setPen(ink(self, 0.65))
        # at the right end, where the points of a compound with a trend are high above it
        text, metrics = "acts", painter.fontMetrics()
        left = plot.right() - metrics.horizontalAdvance(text)
        painter.drawText(QPointF(max(left, x), plot.bottom() - 3), text)

    def _paint_points(self, painter: QPainter, curve: DoseCurve, joined: bool) -> None:
        color = legible(_LINE_COLOR, paper(self))
        means = [
            None if isnan(mean) else self.place_of(dose, mean)
            for dose, mean in zip(curve.doses, curve.means, strict=True)
        ]
        painter.setPen(QPen(color, 1.5))
        for dose, (one, next_one) in zip(curve.doses, pairwise(means), strict=False):
            if joined and one is not None and next_one is not None and dose > 0:
                painter.drawLine(one, next_one)
        for dose, values, mean in zip(curve.doses, curve.distances, means, strict=True):
            if mean is not None:
                self._paint_mean(painter, mean, color, dose == self._current)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink(self, 0.6))
            for value in values:
                painter.drawEllipse(self.place_of(dose, value), _POINT, _POINT)

    def _paint_mean(
        self, painter: QPainter, place: QPointF, color: QColor, is_current: bool
    ) -> None:
        painter.setPen(QPen(color, 1.5))
        painter.setBrush(color)
        painter.drawEllipse(place, _MEAN, _MEAN)
        if is_current:
            painter.setPen(QPen(ink(self), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(place, _MEAN + 4, _MEAN + 4)


def _number(value: float) -> str:
    return f"{value:.3g}"

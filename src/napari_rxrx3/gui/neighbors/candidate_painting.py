"""How a candidate is painted: its picture, and below it what it is and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fonticon_mdi7 import MDI7
from qtpy.QtCore import QModelIndex, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QBrush, QColor, QFontMetrics, QIcon, QImage, QPainter
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QWidget
from superqt.fonticon import icon

from napari_rxrx3.gui.hits.tag_buttons import ICON_SIZE, tag_icon
from napari_rxrx3.gui.inks import ink, paper
from napari_rxrx3.gui.neighbors.candidates import Candidate, CandidateModel
from napari_rxrx3.gui.words import elided
from napari_rxrx3.hits.hit import Tag, tags_in_use

__all__ = ["CandidateDelegate", "fitting", "in_lines", "paint_picture"]

_MARGIN, _GAP = 1, 1
_BLACK = QColor(0, 0, 0)
_HATCH, _QUIET, _WAITING = QColor(105, 105, 105), QColor(150, 150, 150), QColor(90, 90, 90)
_MIDDLE, _END = Qt.TextElideMode.ElideMiddle, Qt.TextElideMode.ElideRight
_NARROW = 100
"""Points of a line in which a letter from each end of a name would say nothing."""
_LONG_NUMBERS = "cos 0.84  q <.001  0.35 %"
_ROOM = 34
"""Points for the numbers below a name, whatever is listed: pictures keep their size."""
_APART = 4
"""Points between a number at the right end of a candidate and the next one."""
_SINGLE = Qt.TextFlag.TextSingleLine
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | _SINGLE
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | _SINGLE
_WRAPPED = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap


class CandidateDelegate(QStyledItemDelegate):
    """Paints the candidates of a model, all of one size."""

    def __init__(self, model: CandidateModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model, self._view = model, parent
        self.side = 0
        """Points of the screen on a side of a picture."""
        self._warnings: dict[str, QIcon] = {}
        self._tags: dict[Tag, QIcon] = {}

    def size(self) -> QSize:
        """Room that a candidate takes."""
        return QSize(self.side + 2 * _MARGIN, self.side + self.height_of_words())

    def height_of_words(self) -> int:
        """Height of a candidate without its picture."""
        line = QFontMetrics(self._view.font()).height()
        return 2 * _MARGIN + line * (1 + self._n_lines())

    def _n_lines(self) -> int:
        """Lines of numbers below a name: of large letters one, or pictures would be small."""
        return max(1, min(2, _ROOM // QFontMetrics(self._view.font()).height()))

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        return self.size()

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        candidate = self._model.candidates[index.row()]
        box = QRect(option.rect.left() + _MARGIN, option.rect.top() + _MARGIN, self.side, self.side)
        painter.save()
        room = QRect(option.rect.topLeft(), self.size())
        is_current = bool(option.state & QStyle.StateFlag.State_Selected)
        if is_current:
            painter.fillRect(room, ink(self._view, 0.16))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(room, ink(self._view, 0.07))
        self._paint_picture(painter, box, candidate)
        if candidate.tag:
            self._tag(candidate.tag).paint(
                painter, QRect(box.right() - ICON_SIZE - 2, box.top() + 4, ICON_SIZE, ICON_SIZE)
            )
        if is_current:
            self._paint_frame(painter, box)
        self._paint_words(painter, box, candidate)
        painter.restore()

    def _paint_picture(self, painter: QPainter, box: QRect, candidate: Candidate) -> None:
        painter.fillRect(box, _BLACK)
        if candidate.well is None:
            self._paint_note(painter, box, "no image here", _QUIET)
            return
        picture = self._model.pictures.picture(candidate.well)
        if picture is not None:
            paint_picture(painter, box, picture)
        elif self._model.is_missing(candidate):
            painter.fillRect(box, QBrush(_HATCH, Qt.BrushStyle.BDiagPattern))
        else:
            self._paint_note(painter, box, "…", _WAITING)

    def _paint_note(self, painter: QPainter, box: QRect, text: str, color: QColor) -> None:
        painter.setPen(color)
        painter.drawRect(box.adjusted(0, 0, -1, -1))
        painter.setFont(self._view.font())
        painter.drawText(box.adjusted(8, 8, -8, -8), _WRAPPED, text)

    def _paint_frame(self, painter: QPainter, box: QRect) -> None:
        """Two tones, one of which is seen on any picture; thicker with the focus."""
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(paper(self._view))
        painter.drawRect(box.adjusted(0, 0, -1, -1))
        painter.setPen(ink(self._view))
        for i in range(1, 4 if self._view.hasFocus() else 3):
            painter.drawRect(box.adjusted(-i, -i, i - 1, i - 1))

    def _paint_words(self, painter: QPainter, box: QRect, candidate: Candidate) -> None:
        font = self._view.font()
        height = QFontMetrics(font).height()
        line = QRect(box.left(), box.bottom() + 1, box.width() - _GAP, height)
        painter.setFont(font)
        painter.setPen(ink(self._view, 0.65))
        rank = str(candidate.rank)
        painter.drawText(line, _LEFT, rank)
        room = line.adjusted(QFontMetrics(font).horizontalAdvance(f"{rank} ") + 2, 0, 0, 0)
        painter.setPen(ink(self._view))
        mode = _MIDDLE if room.width() > _NARROW else _END
        painter.drawText(room, _LEFT, elided(font, candidate.name, room.width(), mode))
        painter.setPen(ink(self._view, 0.8))
        line.translate(0, height)
        room = QRect(line)
        if candidate.doubts:
            room.setRight(self._paint_doubts(painter, line, len(candidate.doubts)))
        lines = in_lines(QFontMetrics(font), candidate.lines, room.width(), line.width())
        for text in lines[: self._n_lines()]:
            painter.drawText(room, _LEFT, text)
            room = line.translated(0, height)  # the sign of doubt stands beside the first alone

    def _paint_doubts(self, painter: QPainter, line: QRect, n: int) -> int:
        """Paint a sign of doubt at the end of a line, with the number of several; its left edge.

        What is beside it is the first number of the next candidate: it keeps away from that.
        """
        line = line.adjusted(0, 0, -_APART, 0)
        left = line.right() - line.height()
        if n > 1:
            painter.drawText(line, _RIGHT, str(n))
            left -= QFontMetrics(painter.font()).horizontalAdvance(str(n))
        color = ink(self._view).name()
        if color not in self._warnings:
            self._warnings[color] = icon(MDI7.alert_outline, color=color)
        square = QRect(left, line.top(), line.height(), line.height()).adjusted(1, 1, -1, -1)
        self._warnings[color].paint(painter, square)
        return left - 2

    def _tag(self, number: int) -> QIcon:
        tag = tags_in_use()[number - 1]
        if tag not in self._tags:
            self._tags[tag] = tag_icon(tag)
        return self._tags[tag]


def in_lines(
    metrics: QFontMetrics, lines: Sequence[str], width: int, below: int | None = None
) -> tuple[str, ...]:
    """What stands below a name: where there is one line only, what does not fit is the second.

    The lines after the first have a width of their own, `below`.
    """
    below = width if below is None else below
    rooms = [width, *[below] * len(lines)]
    shown = tuple(fitting(metrics, text, room) for text, room in zip(lines, rooms, strict=False))
    if len(lines) != 1:
        return shown
    parts, n_shown = lines[0].split("  "), len(shown[0].split("  "))
    if n_shown == len(parts):
        return shown
    return (shown[0], _as_many_as_fit(metrics, parts[n_shown:], below))


def fitting(metrics: QFontMetrics, text: str, width: int) -> str:
    """What there is room for of numbers that stand two spaces apart: each of them, or none of it.

    Where not all of them fit, the first one goes without its name, the same for all.
    """
    parts = text.split("  ")
    if len(parts) == 1:
        return metrics.elidedText(text, _END, width)
    if metrics.horizontalAdvance(_LONG_NUMBERS) > width:
        parts[0] = parts[0].rsplit(" ", 1)[-1]
    return _as_many_as_fit(metrics, parts, width)


def _as_many_as_fit(metrics: QFontMetrics, parts: list[str], width: int) -> str:
    while len(parts) > 1 and metrics.horizontalAdvance("  ".join(parts)) > width:
        parts.pop()
    return "  ".join(parts) if len(parts) > 1 else metrics.elidedText(parts[0], _END, width)


def paint_picture(painter: QPainter, box: QRect, picture: QImage) -> None:
    """Pixel by pixel where a picture was made for this size of this screen, else scaled."""
    scale = painter.device().devicePixelRatioF()
    if picture.width() == round(box.width() * scale):
        exact = QImage(picture)
        exact.setDevicePixelRatio(scale)
        painter.drawImage(box.topLeft(), exact)
    else:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(box), picture)

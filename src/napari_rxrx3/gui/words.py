"""Words that may be longer than the room there is for them; `core.words` says which they are."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from unicodedata import category

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QFocusEvent, QFont, QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QToolTip, QWidget
from superqt.fonticon import icon

from napari_rxrx3.core.words import spelled
from napari_rxrx3.gui.plate.legend import small_font, window_inks
from napari_rxrx3.gui.widgets import call_later

__all__ = ["Words", "elided", "in_menu", "wrapped_tooltip", "written"]

_GAP, _MIN_WIDTH, _MAX_HINT = 5, 40, 280
_LEAST_NAME = "Abc…"
"""What there is room for before a dose; with less, the dose is left out."""
_FLAGS = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
_DOSE = re.compile(r" [\d.]+ µM\Z")
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""Kinds of letters that have no shape."""


def wrapped_tooltip(text: str) -> str:
    """Return markup that shows `text` as it is, whatever it looks like, in lines of some width."""
    breakable = re.sub(r"(\S{40})(?=\S)", "\\1\u200b", text)
    return f"<p>{html.escape(breakable).replace(chr(10), '<br>')}</p>" if text else ""


def in_menu(text: str) -> str:
    """A text as it is: Qt takes one ampersand for the mark of a key, two for one."""
    return text.replace("&", "&&")


def written(text: str, font: QFont) -> str:
    r"""A text with ``\u7d2b`` for letters that neither a font nor any other here has."""
    if text.isascii():
        return text
    return spelled(text, {x for x in text if not x.isascii() and not _can_draw(font.key(), x)})


@lru_cache(maxsize=4096)
def _can_draw(font: str, letter: str) -> bool:
    real = QFont()
    real.fromString(font)
    return category(letter) in _UNSEEN or bool(QFontMetrics(real).inFontUcs4(ord(letter)))


class Words(QLabel):
    """Elided words in the text color and dim ones; the tooltip is also shown on Tab.

    The dim words stand behind a bold name, or else before the others, and give way first.
    """

    def __init__(self, parent: QWidget, bold: bool = False, glyph: str = "") -> None:
        super().__init__(parent)
        self._strong, self._dim = "", ""
        self._bold, self._glyph = bold, glyph
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus if bold else Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_words(self, strong: str, dim: str, tip: str) -> None:
        self._strong, self._dim = strong, dim
        words = (strong, dim) if self._bold else (dim, strong)
        self.setText(" ".join(word for word in words if word))
        self.setAccessibleName(self.text())
        self.setAccessibleDescription(tip)
        self.setToolTip(wrapped_tooltip(tip))

    def sizeHint(self) -> QSize:
        strong, dim = (
            QSize(_advance(font, text) + 2, QFontMetrics(font).height() if text else 0)
            for font, text in zip(self._fonts(), (self._strong, self._dim), strict=True)
        )
        gap = _GAP if self._strong and self._dim else 0
        width = strong.width() + gap + dim.width() + self._indent()
        height = max(strong.height(), dim.height())
        return QSize(min(width, _MAX_HINT), height + 2 if self._bold else height)

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(min(hint.width(), _MIN_WIDTH), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        ink, paper = (QColor(*color) for color in window_inks(self))
        if self._glyph:
            size = self._indent() - 2
            icon(self._glyph, color=ink.name()).paint(painter, QRect(0, 0, size, size))
        strong, dim = self._boxes()
        strong_font, dim_font = self._fonts()
        _draw(painter, strong, strong_font, ink, self._strong)
        _draw(painter, dim, dim_font, _mixed(ink, paper), self._dim)
        if self.hasFocus():
            painter.setPen(ink)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            call_later(self, self._show_tip)  # the change of focus would hide it at once

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        QToolTip.hideText()

    def _show_tip(self) -> None:
        QToolTip.showText(self.mapToGlobal(self.rect().bottomLeft()), self.toolTip(), self)

    def _boxes(self) -> tuple[QRect, QRect]:
        """Where the words in the text color and the dim ones go."""
        box = self.rect().adjusted(self._indent(), 0, 0, 0)
        if self._bold:
            after = _advance(self._fonts()[0], self._strong) + 2 + _GAP
            rest = box.adjusted(min(after, box.width()), 0, 0, 0)
            return box, rest if rest.width() >= _MIN_WIDTH else QRect()  # a letter says nothing
        strong, dim = (
            _advance(font, text) + 2 if text else 0
            for font, text in zip(self._fonts(), (self._strong, self._dim), strict=True)
        )
        room = min(dim, max(0, box.width() - strong - _GAP)) if strong else box.width()
        left = QRect(box.topLeft(), QSize(room, box.height()))
        return box.adjusted(room + _GAP if room else 0, 0, 0, 0), left

    def _fonts(self) -> tuple[QFont, QFont]:
        strong = QFont(self.font())
        strong.setBold(self._bold)
        return strong, self.font() if self._bold else small_font(self.font())

    def _indent(self) -> int:
        return QFontMetrics(self.font()).height() + _GAP // 2 if self._glyph else 0


def elided(
    font: QFont, text: str, width: int, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight
) -> str:
    """Cut a text to a width in pixels, but never a dose at its end: 2.5 µM must not read 5 µM."""
    metrics = QFontMetrics(font)
    if metrics.horizontalAdvance(text) <= width:
        return text
    dose = _DOSE.search(text)
    room = width - metrics.horizontalAdvance(dose[0]) if dose else 0
    if dose is None:
        return metrics.elidedText(text, mode, width)
    if room < metrics.horizontalAdvance(_LEAST_NAME):
        return metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
    return metrics.elidedText(text[: dose.start()], mode, room) + dose[0]


def _draw(painter: QPainter, box: QRect, font: QFont, color: QColor, text: str) -> None:
    if box.isEmpty():
        return
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(box, _FLAGS, elided(font, text, box.width()))


def _advance(font: QFont, text: str) -> int:
    return QFontMetrics(font).horizontalAdvance(text)


def _mixed(ink: QColor, paper: QColor) -> QColor:
    """A dim ink that can still be read: three parts of ink, one of paper."""
    channels = zip(ink.getRgb()[:3], paper.getRgb()[:3], strict=True)
    return QColor(*((3 * a + b) // 4 for a, b in channels))

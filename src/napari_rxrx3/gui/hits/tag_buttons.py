"""The five tags as a row of buttons, with their keys, names, colors and counts, and as icons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from qtpy.QtCore import QEvent, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from napari_rxrx3.core.words import count
from napari_rxrx3.gui.plate.legend import small_font, window_inks
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.hits.hit import NO_TAG, Tag

__all__ = ["ICON_SIZE", "TagButton", "TagButtons", "tag_icon"]

ICON_SIZE = 14
_SHARPNESS = 2  # pixels a point, for screens that have them
_BLACK, _WHITE = QColor(0, 0, 0), QColor(255, 255, 255)

_MARGIN, _GAP, _MIN_WIDTH = 4, 3, 44
_PAPER, _HOVERED_PAPER = 26, 52  # how opaque, of 255
_CENTER = Qt.AlignmentFlag.AlignCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TagButtons(QWidget):
    """Shows the tags, how often each was given, and which one the well in hand has."""

    chosen = Signal(int)
    """Number of the tag to give; 0 to take away the one that the well has."""

    def __init__(self, tags: Sequence[Tag], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_GAP)
        self.buttons = tuple(TagButton(tag) for tag in tags)
        for button in self.buttons:
            layout.addWidget(button)
            button.clicked.connect(partial(self._choose, button))

    def set_tags(self, tags: Sequence[Tag]) -> None:
        """Show other names and colors."""
        for button, tag in zip(self.buttons, tags, strict=True):
            button.set_tag(tag)

    def set_counts(self, counts: Mapping[int, int]) -> None:
        """Show how many wells have each tag."""
        for button in self.buttons:
            button.set_count(counts.get(button.tag.number, 0))

    def set_current(self, number: int) -> None:
        """Mark the tag of the well in hand; 0: it has none."""
        for button in self.buttons:
            button.setChecked(button.tag.number == number)

    def set_keys_work(self, keys_work: bool) -> None:
        """Show whether the keys 1 to 5 give tags now."""
        for button in self.buttons:
            button.set_keys_work(keys_work)

    def _choose(self, button: TagButton) -> None:
        had_it = not button.isChecked()  # Qt has turned it over by now
        button.setChecked(had_it)  # what becomes of it, whoever holds the tags says
        self.chosen.emit(NO_TAG if had_it else button.tag.number)


class TagButton(QAbstractButton):
    """One tag; filled with its color if the well in hand has it."""

    def __init__(self, tag: Tag, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tag, self.count = tag, 0
        self._keys_work = False
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._tell()

    def set_tag(self, tag: Tag) -> None:
        self.tag = tag
        self._tell()
        self.updateGeometry()

    def set_count(self, count: int) -> None:
        if count != self.count:
            self.count = count
            self._tell()

    def set_keys_work(self, keys_work: bool) -> None:
        if keys_work != self._keys_work:
            self._keys_work = keys_work
            self.update()

    def sizeHint(self) -> QSize:
        name = QFontMetrics(small_font(self.font())).horizontalAdvance(self.tag.name)
        return QSize(max(_MIN_WIDTH, name + 2 * _MARGIN + 2), 2 * self._line() + 2 * _MARGIN)

    def minimumSizeHint(self) -> QSize:
        return QSize(_MIN_WIDTH, self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setOpacity(1.0 if self.isEnabled() else 0.4)
        ink = self._paint_paper(painter)
        box = self.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        line = self._line()
        self._paint_key(painter, QRect(box.left(), box.top(), line, line))
        font = small_font(self.font())
        painter.setFont(font)
        painter.setPen(ink)
        painter.drawText(QRect(box.left(), box.top(), box.width(), line), _RIGHT, f"{self.count:,}")
        name = QFontMetrics(font).elidedText(
            self.tag.name, Qt.TextElideMode.ElideRight, box.width()
        )
        painter.drawText(QRect(box.left(), box.top() + line, box.width(), line), _LEFT, name)
        painter.end()

    def _paint_paper(self, painter: QPainter) -> QColor:
        """Fill the button and return the ink that can be read on it."""
        color, ink = QColor(self.tag.color), QColor(*window_inks(self)[0])
        if self.isChecked():
            painter.fillRect(self.rect(), color)
            ink = _ink_on(color)
        else:
            paper = QColor(ink)
            hovered = self.underMouse() and self.isEnabled()
            paper.setAlpha(_HOVERED_PAPER if hovered else _PAPER)
            painter.fillRect(self.rect(), paper)
        if self.hasFocus():
            painter.setPen(ink)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        return ink

    def _paint_key(self, painter: QPainter, square: QRect) -> None:
        """Paint a box of the tag's color, with the number in it if its key works now."""
        color = QColor(self.tag.color)
        color = _ink_on(color) if self.isChecked() else color
        painter.fillRect(square.adjusted(0, 1, -2, -1), color)
        if self._keys_work:
            painter.setPen(_ink_on(color))
            painter.setFont(small_font(self.font()))
            painter.drawText(square.adjusted(0, 0, -2, 0), _CENTER, str(self.tag.number))

    def _line(self) -> int:
        return int(QFontMetrics(small_font(self.font())).height())

    def _tell(self) -> None:
        number, name = self.tag.number, self.tag.name
        wells = count(self.count, "well")
        self.setAccessibleName(f"{number} {name}, {wells}")
        self.setToolTip(
            wrapped_tooltip(
                f"Tag this well as “{name}” and go on to the next one of the queue "
                f"(key {number}). Click again to take the tag away. "
                f"{wells} of this data set have it."
            )
        )
        self.update()


def tag_icon(tag: Tag) -> QIcon:
    """Draw the square of a tag; it looks the same in a selected row."""
    color = QColor(tag.color)
    pixmap = QPixmap(ICON_SIZE * _SHARPNESS, ICON_SIZE * _SHARPNESS)
    pixmap.setDevicePixelRatio(_SHARPNESS)
    pixmap.fill(color)
    painter = QPainter(pixmap)
    font = QFont()
    font.setPixelSize(ICON_SIZE - 3)
    painter.setFont(font)
    painter.setPen(_ink_on(color))
    square = QRect(0, 0, ICON_SIZE, ICON_SIZE)
    painter.drawText(square, Qt.AlignmentFlag.AlignCenter, str(tag.number))
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it
    return icon


def _ink_on(color: QColor) -> QColor:
    """Black or white, whichever is easier to read on a color."""
    luminance = 0.299 * color.redF() + 0.587 * color.greenF() + 0.114 * color.blueF()
    return _BLACK if luminance > 0.5 else _WHITE

"""What the colors and hatches of a plate map mean, in a few painted lines."""

from __future__ import annotations

import html
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt
from qtpy.QtGui import (
    QColor,
    QFont,
    QFontInfo,
    QFontMetrics,
    QImage,
    QLinearGradient,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
)
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_rxrx3.core.plate_colors import RGB, CategoricalLegend, NumericLegend, paint_wells
from napari_rxrx3.core.plate_view import WellState
from napari_rxrx3.core.words import count
from napari_rxrx3.gui.widgets import TooltipByPlace

__all__ = ["Legend", "pixmap_from", "plain_tooltip", "small_font", "window_inks"]

_SWATCH, _SPACE, _ITEM_GAP, _LINE_GAP = 9, 4, 11, 2
_MAX_NAME, _BAR = 100, 110
_STATE_WORDS = {
    WellState.NO_IMAGE: ("no image", "no image on disk"),
    WellState.NO_EMBEDDING: ("no embedding", "no embedding"),
    WellState.NEITHER: ("neither", "neither an image nor an embedding"),
    WellState.FAILED: ("failed to read", "an image that failed to read"),
}


def plain_tooltip(text: str) -> str:
    """Return markup that shows `text` as it is, whatever it looks like, without wrapping."""
    return f"<p style='white-space:pre'>{html.escape(text)}</p>"


def window_inks(widget: QWidget) -> tuple[RGB, RGB]:
    """Return the text and the background color that the theme gives a widget now."""
    palette = widget.palette()
    text, background = (
        palette.color(role) for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Window)
    )
    return text.getRgb()[:3], background.getRgb()[:3]


def small_font(font: QFont) -> QFont:
    """Return a font somewhat smaller than a widget's own, still legible."""
    small = QFont(font)
    small.setPixelSize(max(9, round(0.9 * QFontInfo(font).pixelSize())))
    return small


def pixmap_from(pixels: NDArray[np.uint8], scale: float) -> QPixmap:
    """Make a pixmap of RGBA pixels, (height, width, 4), for a screen of `scale` pixels a point."""
    height, width = pixels.shape[:2]
    image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
    pixmap = QPixmap.fromImage(image)
    pixmap.setDevicePixelRatio(scale)
    return pixmap


@dataclass(frozen=True)
class _Item:
    """One entry: a swatch (RGBA and state), a name and what to say of it on hovering."""

    name: str
    detail: str
    count: str = ""
    color: tuple[int, int, int, int] | None = None
    state: WellState = WellState.COMPLETE


class Legend(TooltipByPlace):
    """Names, counts and color scale of a plate map, wrapped to the width there is.

    Parameters
    ----------
    counted : str
        What has colors: "well", or "entry" of a map.
    n_lines : int, optional
        It has as many lines whatever it says, so that nothing around it moves; of names that do
        not fit it says how many there are, and lists them on hovering. None: as many as it needs.
    """

    def __init__(
        self, counted: str = "well", n_lines: int | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._counted, self._n_lines = counted, n_lines
        self._names: list[_Item] = []
        self._keys: list[_Item] = []
        self._n_more = 0
        self._laid_out: tuple[object, list[_Item], list[QRect]] | None = None
        self._scale: NumericLegend | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        if n_lines is not None:
            policy.setVerticalPolicy(QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(n_lines is None)
        self.setSizePolicy(policy)
        self.setAccessibleName(f"Legend of the {'plate ' * (counted == 'well')}map")

    def setLegend(
        self,
        legend: CategoricalLegend | NumericLegend | None,
        states_present: Collection[int] = (),
        failed: bool = False,
        note: str = "",
    ) -> None:
        """Show a legend, a key to the hatches of the states that occur, and a note at its end.

        None clears it.
        """
        height = self.heightForWidth(self.width())
        self._scale = legend if isinstance(legend, NumericLegend) else None
        self._names, self._keys, self._n_more, self._laid_out = [], [], 0, None
        if isinstance(legend, CategoricalLegend):
            self._names, self._n_more = _name_items(legend, self._counted), legend.n_more
        if legend is not None:
            self._keys = _key_items(legend.n_without, {*states_present}, failed, self._counted)
            self._keys += [_Item(note, note)] if note else []
        items = self._items(len(self._names))
        self.setAccessibleDescription(", ".join(item.detail for item in items))
        if self.heightForWidth(self.width()) != height:  # or the whole window is laid out again
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(372, self.heightForWidth(372))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._line_height() * (self._n_lines or 1))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return self._n_lines is None

    def heightForWidth(self, width: int) -> int:
        if self._n_lines is not None:
            return self._n_lines * self._line_height()
        _, places = self._lay_out(width)
        return places[-1].bottom() + 1 if places else self._line_height()

    def tooltip_at(self, place: QPoint) -> str:
        item = self.item_at(place)
        return plain_tooltip(item) if item else ""

    def item_at(self, point: QPoint) -> str:
        """Return what the entry at a point says in full, or an empty text."""
        items, places = self._lay_out(self.width())
        found = zip(items, places[len(places) - len(items) :], strict=True)
        return next((item.detail for item, place in found if place.contains(point)), "")

    # -- layout and painting ----------------------------------------------------------------------

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(small_font(self.font()))

    def _line_height(self) -> int:
        return int(self._metrics().height()) + _LINE_GAP

    def _items(self, n_names: int) -> list[_Item]:
        """The first names, how many more there are, and the key to what is not data."""
        n_more = self._n_more + len(self._names) - n_names
        more = [_more_item(n_more, self._names[n_names:], self._counted)] if n_more else []
        return [*self._names[:n_names], *more, *self._keys]

    def _lay_out(self, width: int) -> tuple[list[_Item], list[QRect]]:
        """What is shown, and the places of the color scale, if there is one, and of that."""
        asked = width, self.font().key()
        if self._laid_out is None or self._laid_out[0] != asked:
            items, places = self._fitting(width)
            self._laid_out = asked, items, places
        return self._laid_out[1], self._laid_out[2]

    def _fitting(self, width: int) -> tuple[list[_Item], list[QRect]]:
        """As many names as there are lines for, and the key in any case."""
        n_names = len(self._names)
        while True:
            items = self._items(n_names)
            places = self._places(items, width)
            if not n_names or not places or self._n_lines is None:
                return items, places
            if places[-1].bottom() < self._n_lines * self._line_height():
                return items, places
            n_names -= 1

    def _places(self, items: list[_Item], width: int) -> list[QRect]:
        """Lay out the color scale, if there is one, and the items, line by line."""
        widths = [self._scale_width()] if self._scale else []
        widths += [self._item_width(item) for item in items]
        x, y, height, places = 0, 0, self._line_height(), []
        for item_width in widths:
            if x and x + item_width > width:
                x, y = 0, y + height
            places.append(QRect(x, y, item_width, height))
            x += item_width + _ITEM_GAP
        return places

    def _name(self, item: _Item) -> str:
        return str(self._metrics().elidedText(item.name, Qt.TextElideMode.ElideRight, _MAX_NAME))

    def _item_width(self, item: _Item) -> int:
        advance = self._metrics().horizontalAdvance
        width = advance(self._name(item)) + (_SWATCH + _SPACE if item.color else 0)
        return int(width + (_SPACE + advance(item.count) if item.count else 0))

    def _scale_width(self) -> int:
        title, low, high = self._scale_words()
        advance = self._metrics().horizontalAdvance
        bar = _BAR + 2 * _SPACE if high else 0
        return int(advance(title) + 2 * _SPACE + advance(low) + advance(high) + bar)

    def _scale_words(self) -> tuple[str, str, str]:
        """Return the title and the texts at both ends of the bar (no bar if the last is empty)."""
        scale = self._scale
        assert scale is not None
        title = self._metrics().elidedText(scale.title, Qt.TextElideMode.ElideRight, _MAX_NAME)
        if np.isnan(scale.low):
            return title, "no value on this plate" if self._counted == "well" else "no value", ""
        if scale.low == scale.high:
            return title, f"{scale.low:.4g} in every {self._counted}", ""
        return title, f"{scale.low:.4g}", f"{scale.high:.4g}"

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(small_font(self.font()))
        items, places = self._lay_out(self.width())
        if self._scale:
            self._paint_scale(painter, self._scale, places[0])
        for item, place in zip(items, places[len(places) - len(items) :], strict=True):
            self._paint_item(painter, item, place)
        painter.end()

    def _paint_text(self, painter: QPainter, x: int, place: QRect, text: str, faint: bool) -> int:
        """Write a text at `x` and return where it ends."""
        color = QColor(*window_inks(self)[0])
        color.setAlphaF(0.65 if faint else 1.0)
        painter.setPen(color)
        painter.drawText(
            QRect(x, place.y(), self.width(), place.height()),
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            text,
        )
        return x + int(painter.fontMetrics().horizontalAdvance(text))

    def _paint_item(self, painter: QPainter, item: _Item, place: QRect) -> None:
        x = place.x()
        if item.color:
            top = place.y() + (place.height() - _SWATCH) // 2
            painter.drawPixmap(QPointF(x, top), self._swatch(item.color, item.state))
            x += _SWATCH + _SPACE
        x = self._paint_text(painter, x, place, self._name(item), faint=not item.color)
        if item.count:
            self._paint_text(painter, x + _SPACE, place, item.count, faint=True)

    def _paint_scale(self, painter: QPainter, scale: NumericLegend, place: QRect) -> None:
        title, low, high = self._scale_words()
        x = self._paint_text(painter, place.x(), place, title, faint=False)
        x = self._paint_text(painter, x + 2 * _SPACE, place, low, faint=True) + _SPACE
        if not high:
            return
        bar = QRect(x, place.y() + (place.height() - _SWATCH) // 2, _BAR, _SWATCH)
        gradient = QLinearGradient(QPointF(bar.topLeft()), QPointF(bar.topRight()))
        for at, rgb in zip(np.linspace(0, 1, len(scale.colors)), scale.colors, strict=True):
            gradient.setColorAt(float(at), QColor(*rgb))
        painter.fillRect(bar, gradient)
        self._paint_text(painter, x + _BAR + _SPACE, place, high, faint=True)

    def _swatch(self, color: tuple[int, int, int, int], state: WellState) -> QPixmap:
        """Draw one well as the plate map does."""
        scale = self.devicePixelRatioF()
        size = round(_SWATCH * scale)
        colors, states = np.array([color], np.uint8), np.array([state], np.uint8)
        return pixmap_from(paint_wells(colors, states, size, 0, window_inks(self))[0], scale)


def _name_items(legend: CategoricalLegend, counted: str) -> list[_Item]:
    return [
        _Item(name, f"{name}: {count(n, counted)}", f"{n:,}", (*rgb, 255))
        for name, rgb, n in legend.entries
    ]


def _more_item(n: int, names: list[_Item], counted: str) -> _Item:
    """Stand for names that are not shown: some of them have a color of their own."""
    hover = f"Hover over {'an' if counted == 'entry' else 'a'} {counted} for its name"
    listed = [item.detail for item in names]
    return _Item(f"and {n:,} more", "\n".join([*listed, hover] if n > len(names) else listed))


def _key_items(n_without: int, states: set[int], failed: bool, counted: str) -> list[_Item]:
    """Explain what is not data: outlined and hatched wells (on gray, which no data color is)."""
    items = []
    if n_without:
        detail = f"no value: {count(n_without, counted)}"
        items.append(_Item("no value", detail, f"{n_without:,}", (0, 0, 0, 0)))
    shown = [s for s in _STATE_WORDS if s in states or (failed and s == WellState.FAILED)]
    for state in shown:
        name, detail = _STATE_WORDS[state]
        is_lone = state == WellState.NEITHER and len(shown) == 1
        name = "no image or embedding" if is_lone else name
        items.append(_Item(name, detail, "", (120, 120, 120, 255), state))
    return items

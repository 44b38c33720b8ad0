"""The painted heat map: cells, names, tree and legend; zoom, pan and a cell to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPoint, QPointF, QSize, Qt, Signal
from qtpy.QtGui import (
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QApplication, QSizePolicy, QWidget

from napari_rxrx3.core.words import key_in_words, what_is_spelled
from napari_rxrx3.gui.inks import ink
from napari_rxrx3.gui.map.heat_map.frame import Frame
from napari_rxrx3.gui.map.heat_map.legend import legend_room
from napari_rxrx3.gui.map.heat_map.painter import HeatMapPainter
from napari_rxrx3.gui.plate.legend import small_font
from napari_rxrx3.gui.words import written

if TYPE_CHECKING:
    from napari_rxrx3.maps.heat_map import HeatMap

__all__ = ["HeatMapView"]

_ZOOM, _NOTCH = 1.25, 120.0
_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_IN, _OUT = (Qt.Key.Key_Plus, Qt.Key.Key_Equal), (Qt.Key.Key_Minus, Qt.Key.Key_Underscore)
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)

Cell = tuple[int, int]


class HeatMapView(QWidget):
    """Shows a `HeatMap`.

    The wheel zooms around the pointer, dragging moves. The pointer or the arrow keys make a cell
    the current one; a click on it or Enter chooses it.
    """

    hovered = Signal(object)
    """The current cell, (row, column), or None."""
    chosen = Signal(int, int)
    """Row and column."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._map: HeatMap | None = None
        self._painter: HeatMapPainter | None = None
        self._frame = Frame(0, 1, 1, 0, 0, False)
        self._hint, self._words = "", ""
        self._current: Cell | None = None
        self._pressed: QPointF | None = None
        self._dragged: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Heat map")

    def set_heat_map(self, heat_map: HeatMap | None) -> None:
        """Show all of a heat map, or the hint if there is none."""
        self._map = heat_map
        self._painter = HeatMapPainter(heat_map) if heat_map is not None else None
        self._new_frame()
        self._go_to(None)
        self.update()

    def set_hint(self, text: str) -> None:
        """What is said where there is no heat map."""
        self._hint = text
        self.setAccessibleDescription(text)
        self.update()

    def set_words(self, text: str) -> None:
        """What is said of the current cell, beside it."""
        if text != self._words:
            self._words = text
            self.setAccessibleDescription(text)
            self.update()

    @property
    def words(self) -> str:
        return self._words

    @property
    def hint(self) -> str:
        return self._hint

    @property
    def heat_map(self) -> HeatMap | None:
        return self._map

    def what_is_spelled(self) -> str:
        """A sentence where letters of names cannot be shown; empty where all can."""
        keys, font = (self._map.keys if self._map is not None else ()), small_font(self.font())
        return what_is_spelled(map(key_in_words, keys), lambda text: written(text, font))

    @property
    def current(self) -> Cell | None:
        return self._current

    @property
    def frame(self) -> Frame:
        """Where the cells are."""
        return self._frame

    def fit(self) -> None:
        """Show all cells."""
        self._frame.fit()
        self.update()

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Make the cells larger or smaller around a place, or the current cell, or the middle."""
        place = at or self._focus()
        self._frame.zoom(factor, place.x(), place.y())
        if at is None and self._current is not None:
            self._frame.reveal(*self._current)
        self.update()

    def middle_of(self, row: int, column: int) -> QPoint:
        """The middle of a cell."""
        x, y = self._frame.place(row + 0.5, column + 0.5)
        return QPoint(int(x), int(y))

    def cell_at(self, place: QPointF) -> Cell | None:
        return self._frame.cell_at(place.x(), place.y())

    def sizeHint(self) -> QSize:
        return QSize(372, 372)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(small_font(self.font()))
        if self._painter is not None:
            self._painter.paint(painter, self, self._frame, self._current, self._words)
        elif self._hint:
            painter.setPen(ink(self, 0.75))
            wrapped = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 8, -16, -8), wrapped, self._hint)
        if self.hasFocus() and self._current is None:
            painter.setPen(ink(self, 0.4))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    # -- what the user does -----------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._frame.resize(self.width(), self.height(), *legend_room(self))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._new_frame()

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / _NOTCH
        if self._map is not None and notches:
            self.zoom(_ZOOM**notches, event.position())
            self._go_to(self.cell_at(event.position()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pressed = QPointF(event.pos())
            self._dragged = None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = QPointF(event.pos())
        if self._pressed is None:
            self._go_to(self.cell_at(place))
            return
        away = (place - self._pressed).manhattanLength()
        if self._dragged is None and away >= QApplication.startDragDistance():
            self._dragged = self._pressed
        if self._dragged is not None:
            step = place - self._dragged
            self._frame.move(step.x(), step.y())
            self._dragged = place
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        is_click = self._pressed is not None and self._dragged is None
        self._pressed = self._dragged = None
        place = QPointF(event.pos())
        self._go_to(self.cell_at(place))
        if is_click and event.button() == Qt.MouseButton.LeftButton:
            self._choose()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._go_to(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if self._map is None:
            super().keyPressEvent(event)
        elif key in _ARROWS:
            self._step(*_ARROWS[key])
        elif key in _ENTER:
            self._choose()
        elif key in _IN or key in _OUT:
            self.zoom(_ZOOM if key in _IN else 1 / _ZOOM)
        elif key == Qt.Key.Key_Home:
            self.fit()
        else:
            super().keyPressEvent(event)

    # -- parts ------------------------------------------------------------------------------------

    def _new_frame(self) -> None:
        heat_map, font = self._map, small_font(self.font())
        if heat_map is None:
            self._frame = Frame(0, self.width(), self.height(), 0, 0, False)
            return
        keys = (written(key_in_words(key), font) for key in heat_map.keys)
        longest = sorted(keys, key=len)[-8:]  # of texts of nearly one length, any
        names = max(QFontMetrics(font).horizontalAdvance(key) for key in longest)
        has_tree = heat_map.linkage is not None
        below, beside = legend_room(self)
        size = len(heat_map), self.width(), self.height()
        self._frame = Frame(*size, names + 2, below, has_tree, beside)
        self._frame.fit()

    def _focus(self) -> QPointF:
        """What is zoomed into with the keys."""
        if self._current is not None:
            return QPointF(self.middle_of(*self._current))
        frame = self._frame
        return QPointF(frame.left + frame.plot_width / 2, frame.top + frame.plot_height / 2)

    def _step(self, down: int, right: int) -> None:
        """Go to the next cell; from nowhere, to the first that is seen."""
        frame = self._frame
        if self._current is None:
            cell = frame.shown_rows().start, frame.shown_columns().start
        else:
            row, column = self._current
            cell = (
                min(max(row + down, 0), frame.n - 1),
                min(max(column + right, 0), frame.n - 1),
            )
        frame.reveal(*cell)
        self._go_to(cell)

    def _go_to(self, cell: Cell | None) -> None:
        if cell != self._current:
            self._current = cell
            self._words = ""
            self.hovered.emit(cell)
            self.update()

    def _choose(self) -> None:
        if self._current is not None:
            self.chosen.emit(*self._current)

"""A plate as one painted widget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil

from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QRegion,
)
from qtpy.QtWidgets import QApplication, QSizePolicy, QWidget

from napari_rxrx3.core.plate import N_COLUMNS, ROW_NAMES, format_address
from napari_rxrx3.core.plate_colors import RGB, PlateColors, paint_plate
from napari_rxrx3.core.plate_view import PlateGrid, PlateView, WellSelection
from napari_rxrx3.gui.plate.legend import pixmap_from, plain_tooltip, small_font, window_inks
from napari_rxrx3.gui.plate.tag_marks import paint_tags
from napari_rxrx3.gui.widgets import TooltipByPlace

__all__ = ["PlateMap"]

_LEFT, _TOP, _RIGHT, _BOTTOM = 20, 15, 8, 4  # around the wells; labels stand left and above
_LEAST_HEIGHT = 179
_STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_JUMPS = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: -1}
_PLATES = {Qt.Key.Key_PageDown: 1, Qt.Key.Key_PageUp: -1}
_KEYS = (
    "{rows} rows and {columns} columns of wells. Arrow keys move to the next well, with Shift they "
    "select; Home and End go to the first and last; Page Up and Page Down change the plate."
)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


class PlateMap(TooltipByPlace):
    """Shows one plate; click, drag or use the keys to choose wells.

    A plain click or an arrow key moves the current well. With Shift, Ctrl or by dragging, wells are
    selected and the current well stays as long as it is among them (see `WellSelection`). Several
    selected wells can be dragged elsewhere. Setters never emit. Positions are row * 48 + column.
    """

    currentChanged = Signal(int)
    selectionChanged = Signal(object)  # frozenset of positions
    clicked = Signal(int)  # any position, with a well or not; once for each click, at its end
    activated = Signal(int)  # double-click or Enter
    plateStepped = Signal(int)  # Page Down (+1) or Page Up (-1)
    dragged = Signal(object)  # frozenset of positions that the mouse has begun to take elsewhere

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._describer: Callable[[int], str] | None = None
        self._hovered = self._pressed = -1
        self._contours: tuple[object, QPixmap] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.clear()

    def clear(self) -> None:
        """Show no plate."""
        self.setPlate(PlateView.empty(), None)

    def setPlate(self, view: PlateView, colors: PlateColors | None) -> None:
        """Show a plate; what was current, selected, highlighted, tagged or failed is gone."""
        self._view, self._colors = view, colors
        layout = view.layout
        self.setAccessibleDescription(_KEYS.format(rows=layout.rows, columns=layout.columns))
        self._chosen = WellSelection(view)
        self._highlighted: frozenset[int] = frozenset()
        self._failed: frozenset[int] = frozenset()
        self._tags: dict[int, str] = {}
        self._band: tuple[int, int] | None = None  # where a drag began and where it is
        self._grip: QPoint | None = None  # where the mouse took hold of the selection
        self._repaint_wells()
        self._tell_current()

    def setColors(self, colors: PlateColors) -> None:
        self._colors = colors
        self._repaint_wells()

    def setFailed(self, positions: Collection[int]) -> None:
        """Mark wells whose images could not be read."""
        self._failed = self._view.only_listed(positions)
        self._repaint_wells()

    def setHighlighted(self, positions: Collection[int]) -> None:
        """Dim all wells but these; none at all ends it."""
        self._highlighted = self._view.only_listed(positions)
        self._repaint_wells()

    def setTags(self, tags: Mapping[int, str]) -> None:
        """Mark the corner of wells in these colors."""
        listed = self._view.only_listed(tags)
        self._tags = {position: color for position, color in tags.items() if position in listed}
        self._repaint_wells()

    def setDescriber(self, describer: Callable[[int], str] | None) -> None:
        """Set what gives the plain text that is shown on hovering over a position."""
        self._describer = describer

    def current(self) -> int | None:
        return self._chosen.current

    def setCurrent(self, position: int | None) -> None:
        """Make a well current; a position without a well means none.

        A selection that holds the well stays, any other is replaced by that well alone.
        """
        selected = self._chosen.wells
        self._chosen.go(position)
        if self._chosen.current in selected:
            self._chosen.wells = selected
        self._tell_current()
        self.update()

    def selection(self) -> frozenset[int]:
        """Return the selected positions, the current one among them."""
        return self._chosen.wells

    def setSelection(self, positions: Collection[int]) -> None:
        """Select wells beside the current one."""
        current = [] if self._chosen.current is None else [self._chosen.current]
        self._chosen.wells = self._view.only_listed([*positions, *current])
        self.update()

    def _tell_current(self) -> None:
        current = self._chosen.current
        where = "no plate" if self._colors is None else "no well"
        if current is not None:
            where = f"well {format_address(*divmod(current, N_COLUMNS))}"
        self.setAccessibleName(f"Plate map, {where}")

    # -- what the user does -----------------------------------------------------------------------

    def _act(self, act: Callable[..., None], *args: int | bool) -> None:
        """Change what is chosen on behalf of the user: tell the others."""
        current, wells = self._chosen.current, self._chosen.wells
        act(*args)
        self._tell_current()
        self.update()
        new_current, new_wells = self._chosen.current, self._chosen.wells
        if new_current != current:
            self.currentChanged.emit(new_current)
        if new_wells != wells:
            self.selectionChanged.emit(new_wells)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        position = self._position(event.pos())
        if event.button() != Qt.MouseButton.LeftButton or position < 0:
            return
        self._pressed = position
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._act(self._chosen.extend, position)
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._act(self._chosen.toggle, position)
        elif position in self._chosen.wells and len(self._chosen.wells) > 1:
            self._grip = event.pos()
        else:
            self._start_band(position)

    def _start_band(self, position: int) -> None:
        self._band = (position, position)
        if self._view.is_listed(position):
            self._act(self._chosen.go, position)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._position(event.pos()))
        if self._grip is not None:
            self._take_along(event.pos() - self._grip)
        elif self._band is not None:
            self._band = (self._band[0], self._grid().nearest(*self._pixel(event.pos())))
            self.update()

    def _take_along(self, way: QPoint) -> None:
        if way.manhattanLength() >= QApplication.startDragDistance():
            self._grip, self._pressed = None, -1
            self.dragged.emit(self._chosen.wells)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._grip is not None:
            grip, self._grip = self._grip, None  # a click: the one well is meant
            self._act(self._chosen.go, self._position(grip))
        elif event.button() == Qt.MouseButton.LeftButton and self._band is not None:
            band, self._band = self._band, None
            self._act(self._chosen.span, *band)
        self._end_click(event)

    def _end_click(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            pressed, self._pressed = self._pressed, -1
            if pressed >= 0 and pressed == self._position(event.pos()):
                self.clicked.emit(pressed)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        position = self._position(event.pos())
        if event.button() == Qt.MouseButton.LeftButton and self._view.is_listed(position):
            self.activated.emit(position)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)

    def _hover(self, position: int) -> None:
        position = position if self._view.is_listed(position) else -1
        if position != self._hovered:
            grid = self._grid()
            for place in (self._hovered, position):
                self.update(self._around(grid, place))
            self._hovered = position

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, current = event.key(), self._chosen.current
        extend = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in _STEPS:
            self._act(self._chosen.step, *_STEPS[key], extend)
        elif key in _JUMPS:
            self._act(self._chosen.jump, _JUMPS[key], extend)
        elif key in _PLATES:
            self.plateStepped.emit(_PLATES[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current is not None:
            self.activated.emit(current)
        else:
            super().keyPressEvent(event)

    def tooltip_at(self, place: QPoint) -> str:
        position = self._position(place)
        if self._describer and self._view.is_listed(position):
            return plain_tooltip(self._describer(position))
        return ""

    # -- size -------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(372, self.heightForWidth(372))

    def minimumSizeHint(self) -> QSize:
        return QSize(300, _LEAST_HEIGHT)

    def heightForWidth(self, width: int) -> int:
        """Height in which wells are as large as the width allows; who holds the map gives it."""
        scale, layout = self.devicePixelRatioF(), self._view.layout
        pitch = max(5, (width - _LEFT - _RIGHT) // layout.columns)
        as_drawn = int(pitch * scale) / scale  # in whole pixels of the screen
        return max(_LEAST_HEIGHT, _TOP + ceil(as_drawn * layout.rows) + _BOTTOM)

    def _grid(self) -> PlateGrid:
        """Fit the plate into the widget, in pixels of the screen."""
        scale = self.devicePixelRatioF()
        width, height = self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM
        width, height, left, top = (round(n * scale) for n in (width, height, _LEFT, _TOP))
        gap = max(1, int(scale))  # takes no more room than it must
        return PlateGrid.fit(width, height, left, top, gap, self._view.layout)

    def _pixel(self, point: QPoint) -> tuple[float, float]:
        scale = self.devicePixelRatioF()
        return point.x() * scale, point.y() * scale

    def _position(self, point: QPoint) -> int:
        return self._grid().at(*self._pixel(point))

    def wellRect(self, position: int) -> QRect:
        """Return the square of a well in points of the widget."""
        scale, rect = self.devicePixelRatioF(), _square(self._grid(), position)
        corner = QPoint(round(rect.x() / scale), round(rect.y() / scale))
        return QRect(corner, QSize(round(rect.width() / scale), round(rect.height() / scale)))

    def _around(self, grid: PlateGrid, position: int) -> QRect:
        """Return what a ring around a well covers, in points of the widget."""
        if position < 0:
            return QRect()
        scale, ring = self.devicePixelRatioF(), _square(grid, position, 2 * grid.gap)
        left, top = int(ring.left() / scale) - 1, int(ring.top() / scale) - 1
        size = int(ring.width() / scale) + 3
        return QRect(left, top, size, size)

    # -- painting ---------------------------------------------------------------------------------

    def _repaint_wells(self) -> None:
        self._wells: tuple[object, QPixmap] | None = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        text = QColor(*window_inks(self)[0])
        text.setAlphaF(0.6)
        painter.setPen(text)
        if self.hasFocus():
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        if self._colors is None:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No plate")
        else:
            self._paint_plate(painter, self._colors)
        painter.end()

    def _paint_plate(self, painter: QPainter, colors: PlateColors) -> None:
        inks, scale, grid = window_inks(self), self.devicePixelRatioF(), self._grid()
        current = self._chosen.current
        selected = self._view.rectangle(*self._band) if self._band else self._chosen.wells
        contoured = selected if selected - {current} else frozenset()
        if self._wells is None or self._wells[0] != (grid, inks):
            self._wells = (grid, inks), self._draw_wells(grid, colors, inks)
        if self._contours is None or self._contours[0] != (grid, inks, contoured):
            self._contours = (grid, inks, contoured), _draw_contours(grid, inks, contoured)
        self._paint_labels(painter, grid, inks)
        painter.scale(1 / scale, 1 / scale)
        if contoured:
            margin = 2 * grid.gap
            painter.drawPixmap(grid.left - margin, grid.top - margin, self._contours[1])
        painter.drawPixmap(grid.left, grid.top, self._wells[1])
        if self._view.is_listed(self._hovered):
            _ring(painter, grid, self._hovered, inks)
        if current is not None:
            _ring(painter, grid, current, (_BLACK, _WHITE, _WHITE, _BLACK))

    def _draw_wells(self, grid: PlateGrid, colors: PlateColors, inks: tuple[RGB, RGB]) -> QPixmap:
        """Draw what stays while the user moves about."""
        failed, highlighted = self._failed, self._highlighted
        view, pitch, gap = self._view, grid.pitch, grid.gap
        wells = pixmap_from(paint_plate(view, colors, pitch, gap, inks, failed, highlighted), 1)
        paint_tags(wells, grid, self._tags, inks[0])
        return wells

    def _paint_labels(self, painter: QPainter, grid: PlateGrid, inks: tuple[RGB, RGB]) -> None:
        """Name rows and columns as they fit, and always those of the current well."""
        painter.setFont(small_font(self.font()))
        scale, current = self.devicePixelRatioF(), self._chosen.current
        line = painter.fontMetrics().height() * scale
        row, column = (None, None) if current is None else divmod(current, N_COLUMNS)
        middle = (grid.pitch - grid.gap) / 2
        gutter, above = grid.left / scale - _LEFT / 2, (grid.top - line / 2) / scale
        for n in grid.labeled_rows(0.8 * line, row):
            y = (grid.corner(n * N_COLUMNS)[1] + middle) / scale
            _write(painter, QPointF(gutter, y), ROW_NAMES[n], inks, n == row)
        for n in grid.labeled_columns(1.5 * line, column):
            x = (grid.corner(n)[0] + middle) / scale
            _write(painter, QPointF(x, above), str(n + 1), inks, n == column)


def _square(grid: PlateGrid, position: int, margin: int = 0) -> QRect:
    size = grid.pitch - grid.gap
    return QRect(*grid.corner(position), size, size).adjusted(-margin, -margin, margin, margin)


def _draw_contours(grid: PlateGrid, inks: tuple[RGB, RGB], positions: frozenset[int]) -> QPixmap:
    """Draw contours around wells, transparent elsewhere, with a margin of two gaps."""
    if not positions:
        return QPixmap()
    margin = 2 * grid.gap
    size = QSize(grid.layout.columns, grid.layout.rows) * grid.pitch + 2 * QSize(margin, margin)
    pixmap = QPixmap(size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.translate(margin - grid.left, margin - grid.top)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*inks[0]))
    painter.drawRects([_square(grid, p, margin) for p in positions])
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
    painter.drawRects([_square(grid, p, grid.gap) for p in positions])
    painter.end()
    return pixmap


def _ring(painter: QPainter, grid: PlateGrid, position: int, colors: Sequence[RGB]) -> None:
    """Paint frames around a well, from the outside in; the well itself stays."""
    frames = [_square(grid, position, n * grid.gap) for n in range(len(colors), 0, -1)]
    painter.setClipRegion(QRegion(frames[0]) - QRegion(_square(grid, position)))
    for frame, color in zip(frames, colors, strict=True):
        painter.fillRect(frame, QColor(*color))
    painter.setClipping(False)


def _write(
    painter: QPainter, center: QPointF, text: str, inks: tuple[RGB, RGB], emphasized: bool
) -> None:
    metrics = painter.fontMetrics()
    place = QRectF(0, 0, metrics.horizontalAdvance(text) + 4, metrics.height() - 1)
    place.moveCenter(center)
    if emphasized:
        painter.fillRect(place, QColor(*inks[0]))
    painter.setPen(QColor(*inks[1]) if emphasized else QColor(*inks[0], 170))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

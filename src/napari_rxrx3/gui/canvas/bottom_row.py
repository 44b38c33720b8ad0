"""What lies over the canvas along its lower edge: stains on the left, fields, views and scale bar
right.
"""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_rxrx3.gui.canvas.field_switch import FieldSwitch
from napari_rxrx3.gui.canvas.stain_bar import StainBar
from napari_rxrx3.gui.canvas.view_switch import ViewSwitch
from napari_rxrx3.gui.napari_window import raise_notices

__all__ = ["BottomRow"]

_MARGIN = 8
_SCALE_BAR, _SCALE_BAR_HEIGHT = 172, 48
"""Points that napari's scale bar takes at most, in the lower right corner, with its margin."""


_OF_CANVAS = (QEvent.Type.Resize,)
_OF_OURS = (QEvent.Type.Show, QEvent.Type.FontChange, QEvent.Type.StyleChange)


class BottomRow(QObject):
    """Keeps the stains and the switch of views beside each other, and off napari's scale bar."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.stains, self.view_switch = StainBar(canvas), ViewSwitch(canvas)
        self.fields = FieldSwitch(canvas)
        self._is_visible = False
        for widget in (canvas, self.stains, self.view_switch, self.fields):
            widget.installEventFilter(self)
        self.set_visible(False)

    def set_visible(self, visible: bool) -> None:
        self._is_visible = visible
        for widget in (self.stains, self.view_switch):
            widget.setVisible(visible)
        self.fields.setVisible(visible and self.fields.is_needed)
        raise_notices(self._canvas)
        self._arrange()

    def set_field(self, field: int, n: int) -> None:
        """Say which of how many fields is shown; of one alone, nothing."""
        if self.fields.set_field(field, n):
            self.set_visible(self._is_visible)

    @property
    def height(self) -> int:
        """Points along the lower edge that pictures leave free."""
        heights = (self.stains.sizeHint().height(), self.view_switch.sizeHint().height())
        return max(max(heights) + 2 * _MARGIN, _SCALE_BAR_HEIGHT)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (_OF_CANVAS if watched is self._canvas else _OF_OURS):
            self._arrange()
        return False

    def _arrange(self) -> None:
        """Side by side; the switches above the stains where the canvas is too narrow for that."""
        stains, switch, fields = self.stains, self.view_switch, self.fields
        width, height = self._canvas.width(), self._canvas.height()
        switch.adjustSize()
        fields.adjustSize()
        taken = fields.width() + _MARGIN if fields.is_needed else 0
        room = width - _SCALE_BAR - switch.width() - taken - 3 * _MARGIN
        stains.fit(room)
        bottom = height - _MARGIN
        stains.move(_MARGIN, bottom - stains.height())
        if stains.width() <= room:
            switch.move(width - _SCALE_BAR - switch.width(), bottom - switch.height())
        else:
            switch.move(_MARGIN + taken, stains.y() - _MARGIN // 2 - switch.height())
        fields.move(switch.x() - taken, switch.y())

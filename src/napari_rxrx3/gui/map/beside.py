"""Controls above a picture, or beside it in a low dock."""

from __future__ import annotations

from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

__all__ = ["BesideOrAbove"]

_LOW = 1.6
"""Of what is this much wider than high, the picture gets all of the height."""
_COLUMN = 250
"""Width of controls beside a picture, if they do not need more."""
_MOST = 16_777_215  # of Qt's own


class BesideOrAbove(QWidget):
    """Puts controls where they leave their picture the most room.

    Attributes
    ----------
    column : QVBoxLayout
        Holds the controls, one below the other.
    """

    turned = Signal(bool)
    """Whether the controls are beside the picture by now, in a narrow column."""

    def __init__(self, picture: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_beside = False
        self._picture = picture
        self._side = QWidget()
        self.column = QVBoxLayout(self._side)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(4)
        self._layout = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addWidget(self._side)
        self._layout.addWidget(picture, 1)

    def minimumSizeHint(self) -> QSize:
        """As much as it needs in the one way or the other."""
        side, picture = self._side.minimumSizeHint(), self._picture.minimumSizeHint()
        height = super().minimumSizeHint().height()
        return QSize(max(side.width(), picture.width()), height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_low = self.width() > _LOW * self.height()
        is_beside = is_low and self.width() > 2 * _COLUMN
        if is_beside != self._is_beside:
            self._is_beside = is_beside
            self.turned.emit(is_beside)
            self._arrange()

    def _arrange(self) -> None:
        direction, column = QBoxLayout.Direction, self.column
        if self._is_beside:
            column.addStretch(1)
            column.activate()
            self._side.setFixedWidth(max(_COLUMN, self._side.minimumSizeHint().width()))
            self._layout.setDirection(direction.LeftToRight)
        else:
            column.takeAt(column.count() - 1)
            self._side.setMinimumWidth(0)
            self._side.setMaximumWidth(_MOST)
            self._layout.setDirection(direction.TopToBottom)

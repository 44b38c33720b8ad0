"""Takes a part of a panel into a window of its own, and back."""

from __future__ import annotations

from qtpy.QtCore import QObject, QSize, Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

__all__ = ["DetachedWindow"]

_SIZE = QSize(980, 820)
_TITLE = "RxRx3: map"


class DetachedWindow(QObject):
    """Moves `part` between its `home`, which lays it out, and a window beside the viewer's."""

    def __init__(self, home: QWidget, part: QWidget) -> None:
        super().__init__(home)
        self._home, self._part = home, part
        self.window: _Window | None = None
        self.back = QPushButton("The map is in a window of its own: bring it back")
        self.back.setToolTip("Close that window and show the map here again")
        self.back.clicked.connect(self.bring_back)
        self.back.hide()
        layout = home.layout()
        assert layout is not None
        layout.addWidget(self.back)

    def toggle(self) -> None:
        """Take the part out, or bring it back."""
        if self.window is None:
            self.take_out()
        else:
            self.bring_back()

    def take_out(self) -> None:
        """Show the part in a window, which goes with the viewer's and passes its keys on."""
        if self.window is not None:
            self.window.raise_()
            return
        self.window = _Window(self._home.window(), self)
        layout = self.window.layout()
        assert layout is not None
        layout.addWidget(self._part)
        self.back.show()
        self.window.show()

    def bring_back(self) -> None:
        """Show the part where it belongs."""
        window, self.window = self.window, None
        layout = self._home.layout()
        if window is None or layout is None:
            return
        layout.addWidget(self._part)
        self.back.hide()
        window.hide()
        window.deleteLater()


class _Window(QWidget):
    def __init__(self, parent: QWidget, detached: DetachedWindow) -> None:
        # keys of the viewer's window work in its tool windows
        flags = Qt.WindowType.Tool | Qt.WindowType.WindowMaximizeButtonHint
        super().__init__(parent, flags | Qt.WindowType.WindowCloseButtonHint)
        self._detached = detached
        self.setWindowTitle(_TITLE)
        self.resize(_SIZE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._detached.bring_back()
        super().closeEvent(event)

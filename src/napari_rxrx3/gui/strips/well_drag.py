"""Wells that are dragged from the map, as lines of text, and dropped to be shown side by side."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QMimeData, QObject, QPoint, QRect, Qt
from qtpy.QtGui import QDrag, QFontMetrics, QPainter, QPixmap
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.words import count
from napari_rxrx3.gui.inks import ink, paper
from napari_rxrx3.session import Session

__all__ = ["WellDrop", "drag_wells", "mime_of", "wells_in"]

_ENTERING = (QEvent.Type.DragEnter, QEvent.Type.DragMove)
_PAD = 6


def mime_of(wells: Sequence[str]) -> QMimeData:
    """Wells as what is dragged: their ids, a line each, so that any text takes them."""
    mime = QMimeData()
    mime.setText("\n".join(wells))
    return mime


def wells_in(mime: QMimeData) -> list[str]:
    """The lines of what is dragged, each once; none if it is files."""
    if mime.hasUrls() or not mime.hasText():
        return []
    lines = (line.strip() for line in mime.text().splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def drag_wells(source: QWidget, wells: Sequence[str]) -> None:
    """Let the user drag wells away from a widget; returns when they were dropped."""
    drag = QDrag(source)
    drag.setMimeData(mime_of(wells))
    drag.setPixmap(_badge(source, count(len(wells), "well")))
    drag.setHotSpot(QPoint(-8, -8))
    drag.exec(Qt.DropAction.CopyAction)


class WellDrop(QObject):
    """Lets wells be dropped onto a widget, whatever else it takes."""

    def __init__(self, target: QWidget, session: Session) -> None:
        super().__init__(target)
        self._session = session
        target.setAcceptDrops(True)
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in (*_ENTERING, QEvent.Type.Drop):
            return False
        wells = wells_in(event.mimeData())
        if not self._is_known(wells):
            return False
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self._session.want_strip("wells", wells=wells)
        return True

    def _is_known(self, wells: Sequence[str]) -> bool:
        """Whether a well of the data set is among them: else it is some other text."""
        dataset = self._session.dataset
        if dataset is None:
            return False
        return any(dataset.listed.position_of(well) is not None for well in wells)


def _badge(widget: QWidget, text: str) -> QPixmap:
    """What hangs at the pointer."""
    metrics = QFontMetrics(widget.font())
    scale = widget.devicePixelRatioF()
    box = QRect(0, 0, metrics.horizontalAdvance(text) + 2 * _PAD, metrics.height() + _PAD)
    pixmap = QPixmap(box.size() * scale)
    pixmap.setDevicePixelRatio(scale)
    pixmap.fill(ink(widget))
    painter = QPainter(pixmap)
    painter.setFont(widget.font())
    painter.setPen(paper(widget))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    return pixmap

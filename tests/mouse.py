"""The mouse, by events sent straight to a widget: the real pointer may not obey a test."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

__all__ = ["click", "drag", "drop", "hover", "send_mouse", "wheel"]

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
PLAIN = Qt.KeyboardModifier.NoModifier


def send_mouse(
    widget: QWidget, kind: Any, place: QPointF, button: Any, held: Any, modifier: Any = PLAIN
) -> None:
    on_screen = QPointF(widget.mapToGlobal(place.toPoint()))
    QApplication.sendEvent(widget, QMouseEvent(kind, place, on_screen, button, held, modifier))


def hover(widget: QWidget, place: QPointF) -> None:
    send_mouse(widget, QEvent.Type.MouseMove, place, NONE, NONE)


def drag(
    widget: QWidget, way: Sequence[QPointF], button: Any = LEFT, modifier: Any = PLAIN
) -> None:
    """Press at the first place, move over the others, let go at the last."""
    send_mouse(widget, QEvent.Type.MouseButtonPress, way[0], button, button, modifier)
    for place in way[1:]:
        send_mouse(widget, QEvent.Type.MouseMove, place, NONE, button, modifier)
    send_mouse(widget, QEvent.Type.MouseButtonRelease, way[-1], button, NONE, modifier)


def click(widget: QWidget, place: QPointF, button: Any = LEFT) -> None:
    drag(widget, [place], button)


def wheel(widget: QWidget, place: QPointF, notches: float, modifier: Any = PLAIN) -> None:
    on_screen = QPointF(widget.mapToGlobal(place.toPoint()))
    turn, phase = QPoint(0, round(120 * notches)), Qt.ScrollPhase.NoScrollPhase
    QApplication.sendEvent(
        widget, QWheelEvent(place, on_screen, QPoint(), turn, NONE, modifier, phase, False)
    )


def drop(target: QWidget, paths: list[Path]) -> None:
    """Drop files in the middle of a widget, as Qt does."""
    mime, action = QMimeData(), Qt.DropAction.CopyAction
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place = target.rect().center()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Qt makes them so, PySide6 warns
        entering = QDragEnterEvent(place, action, mime, LEFT, PLAIN)
    QApplication.sendEvent(target, entering)
    assert entering.isAccepted()
    QApplication.sendEvent(target, QDropEvent(QPointF(place), action, mime, LEFT, PLAIN))

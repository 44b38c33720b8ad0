"""Copies what a bug report should say about the window, the computer and the data."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import qtpy
from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QGuiApplication, QIcon, QPixmap
from qtpy.QtWidgets import QApplication, QToolButton, QWidget

from napari_rxrx3.diagnostics.facts import Facts, of_dataset
from napari_rxrx3.diagnostics.log import keep_log
from napari_rxrx3.diagnostics.report import as_text, report_of
from napari_rxrx3.gui.napari_window import main_window_of, make_current
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks

if TYPE_CHECKING:
    from napari_rxrx3.gui.workspace import Workspace

__all__ = ["CopyDiagnostics", "copy_button", "window_facts"]

_TIP = "For a bug report: versions, graphics, what is open and the last messages, without paths"
_MOST_ERRORS = 10


class CopyDiagnostics(QObject):
    """Puts the diagnostics of a window on the clipboard.

    It has a thread of its own: those of the window may be what is stuck.
    """

    def __init__(self, workspace: Workspace, tasks: TaskGroup, parent: QWidget) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._tasks = tasks.add(Tasks(self, n_threads=1))
        keep_log()

    def copy(self) -> None:
        """Gather everything and copy it; the status line says when that is done."""
        session = self._workspace.session
        window, dataset, errors = window_facts(self._workspace), session.dataset, _errors()

        def work(_: object) -> str:
            return as_text(report_of(window, of_dataset(dataset), errors))

        self._tasks.run("diagnostics", work, self._copy, session.say)

    def _copy(self, text: str) -> None:
        QApplication.clipboard().setText(text)
        n = len(text.splitlines())
        self._workspace.session.say(
            f"{n} lines about this window were copied, without paths: paste them into your report."
        )


def copy_button() -> QToolButton:
    """A button that offers the copy, for places where people look for help."""
    button = tool_button("bug_outline", _TIP)
    button.setText("Copy diagnostics")
    button.setIcon(
        QIcon(QPixmap(button.iconSize()))
    )  # its room; the right one comes with the theme
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    return button


def window_facts(workspace: Workspace) -> dict[str, Facts]:
    """What only the window knows."""
    return {
        "Qt": _of_qt(),
        "Graphics": _of_graphics(workspace.viewer),
        "Window": _of_window(workspace),
    }


def _of_qt() -> Facts:
    screens = [
        f"{screen.size().width()} x {screen.size().height()} at {screen.devicePixelRatio():g}, "
        f"{screen.logicalDotsPerInch():.0f} dpi"
        for screen in QGuiApplication.screens()
    ]
    return {
        "Qt": f"{qtpy.QT_VERSION} by {qtpy.API_NAME}",
        "Platform": str(QGuiApplication.platformName()),
        "Screens": "; ".join(screens),
    }


def _of_graphics(viewer: Any) -> Facts:
    """Who draws, as OpenGL says it."""
    from vispy.gloo import gl

    try:
        make_current(viewer)
        asked = {"Vendor": gl.GL_VENDOR, "Renderer": gl.GL_RENDERER, "OpenGL": gl.GL_VERSION}
        facts = {name: str(gl.glGetParameter(what)) for name, what in asked.items()}
        return {**facts, "Largest texture": str(gl.glGetParameter(gl.GL_MAX_TEXTURE_SIZE))}
    except Exception as error:  # a driver or napari that is unlike those we know: say so
        return {"OpenGL": f"cannot be asked ({type(error).__name__})"}


def _of_window(workspace: Workspace) -> Facts:
    from napari.settings import get_settings

    viewer, session = workspace.viewer, workspace.session
    window = main_window_of(viewer)
    query = session.query
    return {
        "Size": f"{window.width()} x {window.height()}, theme {viewer.theme}",
        "Layers": str(len(viewer.layers)),
        "Drawn in the background": str(get_settings().experimental.async_),
        "Shown": f"{session.view}, {len(session.tiles)} tiles, crop {session.crop}",
        "Contrast": session.contrast_rule,
        "Map": f"{query.level}, {query.align}, {query.average} by {query.batch}",
        "Under way": ", ".join(workspace.tasks.running) or "nothing",
        "Threads": str(threading.active_count()),
    }


def _errors() -> list[BaseException]:
    """What napari has shown as errors: it hears of those that nobody caught."""
    from napari.utils.notifications import notification_manager

    found = [getattr(record, "exception", None) for record in notification_manager.records]
    return [error for error in found if isinstance(error, BaseException)][-_MOST_ERRORS:]

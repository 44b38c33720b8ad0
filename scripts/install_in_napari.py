"""Install the wheel as a user of napari would, open the plugin, and uninstall it again.

Usage: python scripts/install_in_napari.py install WHEEL | open | uninstall

Each step is a napari of its own, as its plugin manager asks to restart. Runs in an environment
that has napari and its plugin manager, and nothing of ours. The plugin manager's own dialog does
the work: its line for files, its button, its list.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari
from napari_plugin_manager.qt_plugin_dialog import QtPluginDialog
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu

NAME, TITLE = "napari-rxrx3", "RxRx3 Explorer"
PATIENCE = 300.0
"""Seconds: a plugin's dependencies may have to come over a slow line."""


def main(step: str, wheel: str = "") -> int:
    """Go through one step; the first thing that fails ends it."""
    viewer = napari.Viewer()
    if step == "install":
        install(viewer, Path(wheel))
    elif step == "open":
        open_explorer(viewer)
    else:
        uninstall(viewer)
    viewer.close()
    print(f"napari's plugin manager: {step} is done")
    return 0


def install(viewer: napari.Viewer, wheel: Path) -> None:
    """Name the file in the dialog and press its button."""
    require(not is_installed(), f"{NAME} is here already")
    dialog = opened_dialog(viewer)
    dialog.direct_entry_edit.setText(str(wheel.resolve()))
    run(dialog, dialog.direct_entry_btn)
    require(is_installed(), "the plugin was not installed")


def open_explorer(viewer: napari.Viewer) -> None:
    """Choose the explorer in the menu Plugins and see that it comes up, then close it."""
    menu = viewer.window.plugins_menu
    wait_for(lambda: TITLE in actions_of(menu), f"{TITLE} is not in the menu Plugins")
    actions_of(menu)[TITLE].trigger()
    wait_for(lambda: explorer_of(viewer) is not None, f"{TITLE} does not open")
    explorer = explorer_of(viewer)
    wait_for(explorer.isVisible, f"{TITLE} opens, but is not seen")
    viewer.window.remove_dock_widget(explorer)
    QApplication.processEvents()


def uninstall(viewer: napari.Viewer) -> None:
    """Find the plugin in the dialog's list and press the button beside it."""
    dialog = opened_dialog(viewer)
    wait_for(lambda: row_of(dialog) is not None, f"{NAME} is not in the list of the dialog")
    run(dialog, row_of(dialog).action_button)
    require(not is_installed(), "the plugin is still there")


def opened_dialog(viewer: napari.Viewer) -> QtPluginDialog:
    dialog = QtPluginDialog(viewer.window._qt_window)
    dialog.show()
    QApplication.processEvents()
    return dialog


def run(dialog: QtPluginDialog, button: Any) -> None:
    """Press a button, and wait until the installer has done all it was told."""
    codes: list[int] = []
    finished: list[bool] = []
    dialog.installer.processFinished.connect(lambda job: codes.append(job["exit_code"]))
    dialog.installer.allFinished.connect(lambda _: finished.append(True))
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    log = dialog.stdout_text
    wait_for(lambda: bool(finished), "the installer does not come to an end", log.toPlainText)
    # Closing the dialog would ask, in a window of its own, to restart napari: that is next.
    require(codes == [0], f"the installer failed:\n{log.toPlainText()}")


def row_of(dialog: QtPluginDialog) -> Any:
    """The plugin's row in the list of those that are installed, None if it has none."""
    rows = (dialog.installed_list.item(i).widget for i in range(dialog.installed_list.count()))
    return next((row for row in rows if row.name == NAME), None)


def explorer_of(viewer: napari.Viewer) -> Any:
    docked = viewer.window.dock_widgets
    return next((docked[title] for title in docked if title.startswith(TITLE)), None)


def is_installed() -> bool:
    """Whether another process that starts now finds it."""
    ask = f"import importlib.metadata as m; m.version({NAME!r})"
    command = [sys.executable, "-c", ask]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def actions_of(menu: QMenu) -> dict[str, Any]:
    """All entries of a menu and of those in it, as they are written."""
    menu.aboutToShow.emit()
    return dict(_entries(menu))


def _entries(menu: QMenu) -> Iterator[tuple[str, Any]]:
    for action in menu.actions():
        if action.menu() is not None:
            yield from _entries(action.menu())
        else:
            yield action.text().replace("&", "").partition(" (")[0], action


def wait_for(
    condition: Callable[[], bool], problem: str, more: Callable[[], str] = lambda: ""
) -> None:
    """Let Qt work until something is so."""
    stop = time.monotonic() + PATIENCE
    while not condition():
        QTest.qWait(50)
        require(time.monotonic() < stop, f"{problem}\n{more()}".rstrip())


def require(holds: bool, problem: str) -> None:
    if not holds:
        raise SystemExit(f"install_in_napari: {problem}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

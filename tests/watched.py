"""Run as a script: does what a user does, while Python's audit hook writes down who is called.

    python tests/watched.py SCENARIO FOLDER ANSWER

writes to the file ANSWER, as JSON, what was reached for: addresses, and programs that were started.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NETWORK = (
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
    *("socket.getnameinfo", "socket.sendto", "socket.sendmsg", "urllib.Request"),
    *("http.client.connect", "ftplib.connect", "smtplib.connect", "imaplib.open"),
)
PROGRAMS = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"),
    *("webbrowser.open", "os.fork", "os.forkpty", "pty.spawn"),
)
reached: list[tuple[str, str]] = []
clicked: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what leaves the process; the X server is reached by a file."""
    if event in NETWORK and not is_a_file(arguments):
        reached.append((event, repr(arguments[1:] if event.startswith("socket.") else arguments)))
    elif event in PROGRAMS:
        reached.append((event, repr(arguments[:2])))


def is_a_file(arguments: tuple[Any, ...]) -> bool:
    return len(arguments) == 2 and isinstance(arguments[1], str | bytes)


def spin(condition: Callable[[], Any] = lambda: False, seconds: float = 0.1) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        QApplication.processEvents()
        time.sleep(0.005)


def window(folder: str) -> None:
    """Start napari, open everything, click through it; last of all, click a link."""
    import napari
    from qtpy.QtCore import QEvent, QObject, QPoint, QPointF, Qt, Slot
    from qtpy.QtGui import QDesktopServices, QMouseEvent
    from qtpy.QtWidgets import QApplication, QWidget

    from napari_rxrx3.gui.docking import dock_explorer, dock_neighbors
    from napari_rxrx3.gui.explorer import TABS
    from napari_rxrx3.gui.run import close_window

    class Browser(QObject):
        @Slot("QUrl")
        def take(self, url: Any) -> None:
            clicked.append(url.toString())

    def click(widget: QWidget, place: QPoint | None = None) -> None:
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        at = QPointF(place or widget.rect().center())
        there = QPointF(widget.mapToGlobal(at.toPoint()))
        for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
            QApplication.sendEvent(widget, QMouseEvent(kind, at, there, left, left, none))
        settle()

    def settle() -> None:
        spin(lambda: explorer.is_settled, 60)
        spin()

    browser = Browser()
    viewer = napari.Viewer(show=False)
    viewer.show()
    QDesktopServices.setUrlHandler("https", browser.take)
    explorer = dock_explorer(viewer)
    neighbors = dock_neighbors(viewer)
    spin()
    explorer.open_path(folder)
    spin(lambda: explorer.session.dataset is not None, 60)
    settle()
    explorer.session.select_well(explorer.session.dataset.known_wells.index[-3])
    settle()
    neighbors.show_embedding()
    for tabs in (explorer.tabs, neighbors.tabs, neighbors.embedding.tabs):
        for number in range(tabs.count()):
            tabs.setCurrentIndex(number)
            settle()
        tabs.setCurrentIndex(0)
    neighbors.embedding.close()
    explorer.session.ask(key="PLK1", well=None)
    explorer.tabs.setCurrentIndex(list(TABS).index("Numbers"))
    settle()
    neighbors.panel.candidates.table.selectRow(0)
    settle()
    for kind in ("guides", "neighbors"):
        explorer.session.want_strip(kind)
        settle()
    for view in ("plate", "well"):
        explorer.session.set_view(view)
        settle()
    explorer.share.copy_script()
    click(explorer.help_button)
    click(explorer.cheat_sheet.diagnostics_button)
    preferences = viewer.window._open_preferences_dialog()
    spin()
    preferences.close()
    done(
        "the window was used",
        explorer.session.message,
        len(neighbors.panel.candidates.model.neighbors),
    )
    before = list(clicked)
    links = [button for button in explorer.numbers.card.links if button.isVisible()]
    click(links[0])
    done("links", len(links), before, list(clicked))
    close_window(viewer, explorer)


def commands(folder: str) -> None:
    """Everything that the command line offers but its windows."""
    from napari_rxrx3.cli import main

    for arguments in (
        ["check", folder],
        ["check", folder, "--quick", "--json"],
        ["nearest", folder, "PLK1", "--json"],
        ["thumbnails", folder],
        ["cache"],
        ["diagnostics", folder],
        ["cache", "--clear"],
    ):
        done(arguments[0], main(arguments))


def library(folder: str) -> None:
    """Some lines as a notebook has them, with images of all layouts."""
    import napari_rxrx3 as rx
    from napari_rxrx3._reader import get_reader

    data = rx.open_dataset(folder)
    wells = list(data.wells.index)
    done("library", data.read(wells[0]).shape, data.image(wells[0]).compute().shape)
    data.thumbnail(wells[1])
    data.check()
    reader = get_reader(folder)
    done("map", len(data.phenomap().nearest("PLK1")), callable(reader))


def asked(address: str) -> None:
    """Open an address, as somebody may have asked for."""
    import napari_rxrx3 as rx

    try:
        rx.open_dataset(address)
    except rx.RxRx3Error as error:
        done("asked", str(error))


def program(_: str) -> None:
    """Start a program that has no business here."""
    import subprocess

    done("program", subprocess.run(["true"], check=False).returncode)


said: list[tuple[Any, ...]] = []


def done(*what: Any) -> None:
    said.append(what)


if __name__ == "__main__":
    sys.addaudithook(watch)
    scenario, folder, answer = sys.argv[1:]
    {f.__name__: f for f in (window, commands, library, asked, program)}[scenario](folder)
    text = json.dumps({"reached": reached, "said": said, "modules": sorted(sys.modules)})
    Path(answer).write_text(text, encoding="utf-8")

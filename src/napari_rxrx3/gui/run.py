"""Open a real window on a data set, for the command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import imageio.v3 as iio
import napari
from qtpy.QtWidgets import QApplication

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.data.files.local import written_atomically
from napari_rxrx3.dataset import Dataset
from napari_rxrx3.gui.docking import dock_explorer, dock_neighbors
from napari_rxrx3.gui.explorer import ExplorerWidget
from napari_rxrx3.gui.napari_window import close_notices

if TYPE_CHECKING:
    from napari_rxrx3.figures.record import ViewRecord

__all__ = ["WindowRequest", "close_window", "run_window", "wait_until"]

_PATIENCE_S = 300


@dataclass(frozen=True)
class WindowRequest:
    """What to show: a well, a perturbation beside its nearest, or a plate, of the data set or of a
    saved session; and whether to save a picture of it.
    """

    well: str | None = None
    neighbors: str | None = None
    screenshot: Path | None = None
    size: tuple[int, int] = (1280, 800)
    theme: str | None = None
    view: str = "well"
    record: ViewRecord | None = None


def run_window(dataset: Dataset, request: WindowRequest) -> None:
    """Show a data set; returns when the window is closed, or the screenshot is saved.

    Raises
    ------
    RxRx3Error
        If the well or the perturbation is unknown, or the picture cannot be written.
    """
    viewer = napari.Viewer(title="napari-rxrx3", show=False)
    viewer.show()
    if request.theme:
        viewer.theme = request.theme
    viewer.window.resize(*request.size)
    explorer = dock_explorer(viewer)
    try:
        _fill(explorer, dataset, request)
        if request.screenshot is None:
            napari.run()
        else:
            wait_until(lambda: explorer.is_settled)
            save_window(viewer, request.screenshot)
    finally:
        close_window(viewer, explorer)


def _fill(explorer: ExplorerWidget, dataset: Dataset, request: WindowRequest) -> None:
    explorer.session.open(dataset)
    if request.record is not None:
        explorer.share.sessions.show(request.record, dataset)
    if request.well:
        explorer.session.select_well(request.well)
    if request.neighbors:
        show_neighbors(explorer, request.neighbors)
    if request.record is None:
        explorer.session.set_view(request.view)


def close_window(viewer: napari.Viewer, explorer: ExplorerWidget) -> None:
    """End all threads before Qt goes: one that is late would take the process down with it."""
    explorer.share.sessions.flush()
    explorer.workspace.close(wait=True)
    with suppress(RuntimeError):  # the user closed the window
        viewer.close()
    QApplication.processEvents()


def show_neighbors(explorer: ExplorerWidget, key: str) -> None:
    """Ask for a perturbation and show its nearest neighbor beside it.

    Raises
    ------
    RxRx3Error
        If the map does not hold it.
    """
    explorer.session.ask(key=key, well=None)
    wait_until(lambda: explorer.is_settled)
    panel = dock_neighbors(explorer.workspace.viewer).panel
    if not panel.candidates.model.neighbors:
        raise RxRx3Error(panel.candidates.note.text())
    panel.candidates.table.selectRow(0)


def save_window(viewer: napari.Viewer, path: Path) -> None:
    """Save the whole window as it is on screen.

    Raises
    ------
    RxRx3Error
        If the file cannot be written.
    """
    close_notices(viewer)
    QApplication.processEvents()
    picture = viewer.window.screenshot(canvas_only=False, flash=False)
    try:
        with written_atomically(path) as temporary:
            iio.imwrite(temporary, picture[..., :3], extension=path.suffix)
    except (OSError, ValueError) as error:
        raise RxRx3Error(f"{path} cannot be written ({error}).") from error


def wait_until(condition: Callable[[], bool]) -> None:
    """Run the event loop until a condition holds, and what it led to is drawn.

    Raises
    ------
    RxRx3Error
        If it does not hold for minutes.
    """
    give_up = time.monotonic() + _PATIENCE_S
    held_since: float | None = None
    while held_since is None or time.monotonic() - held_since < 0.5:
        QApplication.processEvents()
        time.sleep(0.005)
        if not condition():
            held_since = None
        elif held_since is None:
            held_since = time.monotonic()
        if time.monotonic() > give_up:
            raise RxRx3Error("The window did not settle within five minutes.")

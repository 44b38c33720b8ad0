"""Saves what the view of a map shows as a figure, in the background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_rxrx3.figures.files import FIGURES, with_ending
from napari_rxrx3.gui.map.points.coloring import Coloring
from napari_rxrx3.gui.map.points.making import MapScene
from napari_rxrx3.gui.map.points.view import MapView
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.figures.map_picture import MapPicture

__all__ = ["MapSaving", "picture_of"]

_TASK = "map-picture"


class MapSaving(QObject):
    """Asks for a file, and draws a picture into it."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._parent = session, tasks, parent

    def ask(self, picture: MapPicture | None) -> None:
        """Save a picture where the user wants it."""
        if picture is None:
            self._session.say("There is no map to save yet.")
            return
        name = "map.png"
        chosen = QFileDialog.getSaveFileName(self._parent, "Save the picture", name, FIGURES)[0]
        if chosen:  # the dialog has asked whether to replace this very file
            path = with_ending(Path(chosen), ".png")
            self.save(picture, path, overwrite=path == Path(chosen))

    def save(self, picture: MapPicture, path: Path, overwrite: bool = False) -> None:
        """Draw a figure; what goes wrong is said in the window."""

        def work(progress: Progress) -> str:
            from napari_rxrx3.figures.map_picture import save_map

            save_map(path, picture, overwrite=overwrite, progress=progress)
            return f"Saved {path}."

        say = self._session.say
        self._tasks.run(_TASK, work, say, say, f"drawing {path}")


def picture_of(
    scene: MapScene | None,
    coloring: Coloring | None,
    view: MapView,
    labels: list[tuple[int, str]],
    current: int | None,
) -> MapPicture | None:
    """What a view shows, to be drawn elsewhere; None as long as that is nothing."""
    from napari_rxrx3.figures.map_picture import MapPicture

    viewport = view.viewport
    if scene is None or coloring is None or viewport is None:
        return None
    return MapPicture(
        positions=scene.projection.positions,
        classes=coloring.classes,
        palette=coloring.palette,
        legend=coloring.legend,
        marked=view.marks(),
        current=current,
        labels=labels,
        viewport=viewport,
        title=f"{scene.dataset.name}: map by {scene.phenomap.level}",
        caption="; ".join(scene.caption.splitlines()) + f" Data: {scene.dataset.name}.",
    )

"""Thumbnails of the entry under the mouse, on a map."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_rxrx3.gui.map.points.making import MapScene
from napari_rxrx3.gui.map.points.view import MapView
from napari_rxrx3.gui.neighbors.thumbnails import Thumbnails
from napari_rxrx3.session import Session

__all__ = ["HoverPictures"]


class HoverPictures(QObject):
    """Gives a view a composite of a typical well, in the contrast of the session."""

    def __init__(self, session: Session, view: MapView) -> None:
        super().__init__(view)
        self._session, self._view = session, view
        self._scene: MapScene | None = None
        self._hovered: tuple[int, str] | None = None
        self.thumbnails = Thumbnails(self)
        self.thumbnails.arrived.connect(self._on_thumbnail)
        view.hovered.connect(self._on_hovered)

    def set_scene(self, scene: MapScene | None) -> None:
        """What the points are; None: there are none."""
        self._scene, self._hovered = scene, None
        self.thumbnails.request(scene.dataset if scene is not None else None, [])

    def show_again(self, limits: object = None) -> None:
        """Show the picture in the contrast that there is now."""
        if self._hovered is not None:
            row, well = self._hovered
            self._view.set_picture(row, self.thumbnails.image(well, self._session.shown_limits))

    def _on_hovered(self, row: int | None) -> None:
        self._hovered = None
        scene = self._scene
        if row is None or scene is None or scene.dataset is not self._session.dataset:
            return
        well = self._session.picture_of(scene.phenomap.positions_of(row))
        if well is not None:
            self._hovered = row, well
            self.thumbnails.request(scene.dataset, [well])
            self.show_again()

    def _on_thumbnail(self, well: str) -> None:
        if self._hovered is not None and self._hovered[1] == well:
            self.show_again()

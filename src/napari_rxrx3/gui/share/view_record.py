"""Records what the window shows, and restores it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_rxrx3.core.display import display
from napari_rxrx3.gui.canvas.canvas_map import point_camera, room_of, seen_box

if TYPE_CHECKING:
    from napari_rxrx3.core.mosaic import Tile
    from napari_rxrx3.figures.record import Camera, ViewRecord
    from napari_rxrx3.gui.workspace import Workspace

__all__ = ["record_of_window", "shows_picture", "take_look"]


def record_of_window(workspace: Workspace, *, with_review: bool = True) -> ViewRecord:
    """Put on record what the session shows, and how the canvas shows it."""
    from napari_rxrx3.figures.record import record_of

    picture = workspace.picture
    return record_of(
        workspace.session,
        workspace.layers,
        tiles=_tiles_of(workspace),
        camera=_camera_of(workspace),
        reduction=picture.reduction if picture is not None else 1,
        with_review=with_review,
    )


def shows_picture(workspace: Workspace) -> bool:
    """Whether what the session wants is on screen, in its contrast."""
    if workspace.session.view == "plate":
        shown = workspace.overview.scene is not None
    else:
        picture = workspace.picture
        shown = picture is not None and not picture.is_first and workspace.loader.is_idle
    return shown and not any(map(workspace.tasks.is_running, ("contrast", "difference")))


def take_look(workspace: Workspace, record: ViewRecord) -> None:
    """Draw what is on screen as it was on record: colors, stains, contrast, camera."""
    session, layers, stains = workspace.session, workspace.layers, record.stains
    display.palette = stains.palette
    if session.dataset is None or session.dataset.pixel_size_um is None:  # which no image tells
        display.pixel_size_um = stains.pixel_size_um
    if len(stains.table) != len(session.stains):  # of other data: theirs would mean nothing here
        return
    if record.limits is not None and session.limits != record.limits:  # the controls have changed
        session.set_contrast_rule("by hand")
        session.set_limits(record.limits)
    if layers.solo is not None:
        layers.show_alone(layers.solo)
    if stains.alone is not None:
        layers.show_alone(stains.alone)
    for number, (wanted, shown) in enumerate(zip(stains.visible, layers.shown, strict=True), 1):
        if stains.alone is None and wanted != shown:
            layers.toggle(number)
    layers.set_gamma(stains.gamma)
    is_laid_out_alike = _places(_tiles_of(workspace)) == _places(record.tiles)
    if record.camera is not None and is_laid_out_alike:
        _point(workspace, record.camera)


def _tiles_of(workspace: Workspace) -> tuple[Tile, ...]:
    """The session's tiles, at their places in the canvas if they are there."""
    picture, tiles = workspace.picture, workspace.session.tiles
    shown = picture.mosaic.tiles if picture is not None else ()
    is_same = [(t.well_id, t.label) for t in shown] == [(t.well_id, t.label) for t in tiles]
    return tuple(shown) if is_same else tiles


def _places(tiles: tuple[Tile, ...]) -> list[tuple[int, int]]:
    return [(tile.row, tile.column) for tile in tiles]


def _camera_of(workspace: Workspace) -> Camera | None:
    from napari_rxrx3.figures.record import Camera

    if not workspace.viewer.scene.camera.zoom > 0:
        return None
    seen = seen_box(workspace.viewer)
    return Camera(seen.center, seen.size) if min(seen.size) > 0 else None


def _point(workspace: Workspace, camera: Camera) -> None:
    """Look at what the camera on record saw; what was all of the picture fills this canvas."""
    sides = zip(camera.center, camera.span, workspace.layers.fitted_size, strict=True)
    if all(at - span / 2 <= 0 and at + span / 2 >= whole > 0 for at, span, whole in sides):
        workspace.layers.fit_again()
        return
    rooms = zip(room_of(workspace.viewer), camera.span, strict=True)
    point_camera(workspace.viewer, camera.center, min(room / span for room, span in rooms))

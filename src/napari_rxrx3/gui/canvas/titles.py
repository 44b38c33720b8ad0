"""What is written above a picture."""

from __future__ import annotations

from collections.abc import Iterable

from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.words import name_of_well
from napari_rxrx3.gui.canvas.picture import Picture
from napari_rxrx3.session import Session

__all__ = ["crop_in_words", "field_in_words", "title_of"]


def title_of(session: Session, picture: Picture) -> str:
    """What is compared, or which well is shown, and where it is."""
    tiles, strip = picture.mosaic.tiles, session.strip
    # a picture that comes late is not of the strip that has been asked for since
    if strip is not None and len(tiles) > 1 and _wells(tiles) == _wells(strip.tiles):
        if strip.kind != "control" or session.well is None:
            return f"{strip.title}{field_in_words(session)}"
        return f"{strip.title}   {_place_of(session, session.well)}{field_in_words(session)}"
    well_id = tiles[0].well_id or session.well
    if well_id is None:
        return ""
    flickered = "control: " if session.is_flickered else ""
    name = name_of_well(session.well_row(well_id))
    return f"{flickered}{name}   {_place_of(session, well_id)}{field_in_words(session)}"


def field_in_words(session: Session) -> str:
    """Which field is shown, behind what else a title says; nothing where there is but one."""
    n = len(session.dataset.fields) if session.dataset is not None else 1
    return f"   field {session.field} of {n}" if n > 1 else ""


def _place_of(session: Session, well_id: str) -> str:
    row = session.well_row(well_id)
    return f"{PlateId(row['experiment_name'], int(row['plate']))}, {row['address']}"


def crop_in_words(picture: Picture) -> str:
    """How much of each well is shown, if it is not all of it."""
    is_part = 0 < picture.crop <= max(picture.mosaic.tile_shape)  # else the images are smaller
    return f"the middle {picture.crop} pixels of each well" if is_part else ""


def _wells(tiles: Iterable[Tile]) -> set[str | None]:
    return {tile.well_id for tile in tiles}

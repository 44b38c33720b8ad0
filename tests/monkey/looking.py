"""Whether the canvas shows what it says: each tile against the images that were written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from monkey.world import World
from napari_rxrx3.core.mosaic import Mosaic, Tile
from napari_rxrx3.gui.canvas.layers import Place
from napari_rxrx3.gui.workspace import Workspace

__all__ = ["wrong_pixels", "wrong_words"]

Plane = np.ndarray[Any, Any]

_COARSE = 8
_CLOSE = 0.06
"""Of the range of a plane: so far apart two coarse pictures may be that are of the same well, one
of which was made smaller or is in a lossy format."""


def wrong_words(workspace: Workspace) -> Iterator[str]:
    """What is named other than it is."""
    session, labels = workspace.session, workspace.labels
    if session.dataset is None or not session.tiles:
        return
    if session.view == "plate":
        if str(session.plate) not in labels.title:
            yield f"the title of {session.plate} is {labels.title!r}"
        return
    mosaic = labels._mosaic
    shown = [] if mosaic is None else [tile.well_id for tile in mosaic.tiles]
    asked = [tile.well_id for tile in session.tiles]
    if shown != asked:
        yield f"{asked} were asked for, {shown} are named"
    elif len(shown) == 1 and shown[0] is not None:
        row = session.well_row(shown[0])
        for word in (str(row["address"]), str(row["experiment_name"])):
            if word not in labels.title:
                yield f"the title of {shown[0]} is {labels.title!r}"


def wrong_pixels(workspace: Workspace, world: World) -> Iterator[str]:
    """Tiles whose pixels are not those of the well they are named by."""
    layers, labels = workspace.layers, workspace.labels
    if layers.is_apart or labels._mosaic is None or workspace.session.dataset is None:
        return
    standing = [layer for layer in layers._layers if layer is not None]
    if len(standing) < 6:  # the user took one away
        return
    is_plate = workspace.session.view == "plate"
    crop = 0 if is_plate else workspace.session.crop
    for tile in labels._mosaic.tiles:
        if tile.well_id is None:
            continue
        planes = world.planes_of(tile.well_id)
        for channel, layer in enumerate(standing):
            seen = _cut(layer, labels._mosaic, tile, labels._place)
            if seen is None:
                continue
            if world.is_disturbed and _is_drawn(seen):
                continue
            plane = None if planes is None else planes[channel]
            wrong = _is_wrong(seen, plane, crop, world.is_exact)
            if wrong:
                shape = workspace.labels._mosaic.tile_shape
                yield f"channel {channel + 1} of {tile.well_id} {wrong} (tiles of {shape})"
                return


def _cut(layer: Any, mosaic: Mosaic, tile: Tile, place: Place) -> Plane | None:
    """What a layer has where a tile is, by micrometers; None if that is not all there."""
    edges = []
    for at, extent, first, shift, scale in zip(
        mosaic.origin(tile),
        mosaic.tile_shape,
        place.origin_um,
        layer.translate[-2:],
        layer.scale[-2:],
        strict=True,
    ):
        low, high = (
            (first + (edge - 0.5) * place.pixel_um - shift) / scale + 0.5
            for edge in (at, at + extent)
        )
        edges += [round(low), round(high)]
    top, bottom, left, right = edges
    height, width = layer.data.shape[-2:]
    if top < 0 or left < 0 or bottom > height or right > width:
        return None
    return np.asarray(layer.data[top:bottom, left:right])


def _is_wrong(seen: Plane, plane: Plane | None, crop: int, is_exact: bool) -> str:
    """How a tile differs from a plane; nothing if it does not."""
    if plane is None:
        return "" if _is_drawn(seen) else "has pixels, but there is no image"
    if _is_drawn(seen):
        return "is not shown"
    wanted = _middle(plane, crop)
    if is_exact and seen.shape == wanted.shape:
        return "" if np.array_equal(seen, wanted) else "has other pixels"
    apart = np.abs(_coarse(seen) - _coarse(wanted)).max() / max(1.0, float(np.ptp(wanted)))
    return f"is {apart:.0%} off" if apart > _CLOSE else ""


def _is_drawn(seen: Plane) -> bool:
    """Hatched or dotted, rather than an image."""
    values = np.unique(seen)
    return len(values) == 2 and values[0] == 0 and bool(np.mean(seen > 0) < 0.5)


def _middle(plane: Plane, crop: int) -> Plane:
    if crop == 0 or crop >= max(plane.shape):
        return plane
    top, left = ((extent - crop) // 2 for extent in plane.shape)
    return plane[top : top + crop, left : left + crop]


def _coarse(plane: Plane) -> Plane:
    """Means of 8 x 8 parts."""
    n = min(plane.shape) // _COARSE
    part = plane[: n * _COARSE, : n * _COARSE].astype(float)
    return part.reshape(_COARSE, n, _COARSE, n).mean(axis=(1, 3))

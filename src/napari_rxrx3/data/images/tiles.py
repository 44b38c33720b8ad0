"""Planes of wells as tiles of a picture: whole, made smaller, or their middle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import cropped
from napari_rxrx3.data.images.decode import shrink

if TYPE_CHECKING:
    from napari_rxrx3.data.welldata import WellData

__all__ = ["read_tile", "well_size"]

Plane = np.ndarray[Any, Any]


def read_tile(
    dataset: WellData, well_id: str, channel: int, *, crop: int = 0, reduction: int = 1
) -> Plane:
    """One channel (1..6) of a well as it is put into a picture; not to be written to.

    Parameters
    ----------
    crop : int
        So many pixels in the middle of the well, at full resolution; 0 for all of it.
    reduction : int
        Without a crop: a pixel is the mean of so many in both directions. Images are taken to be
        square.

    Raises
    ------
    UnknownWell, ImageUnavailable
    """
    if crop or reduction == 1 or dataset.is_decoded(well_id, channel):
        plane = dataset.plane(well_id, channel)
        is_whole = crop > 0 or reduction == 1
        return cropped(plane, crop) if is_whole else shrink(plane, len(plane) // reduction)
    size = well_size(dataset, [well_id]) // reduction
    if size == 0:  # no header tells
        plane = dataset.plane(well_id, channel)
        return shrink(plane, len(plane) // reduction)
    return dataset.plane(well_id, channel, size)


def well_size(dataset: WellData, well_ids: Iterable[str]) -> int:
    """Pixels, in one direction, of the largest images on the plates of wells; 0 if unknown."""
    sizes = [0]
    for plate in {dataset.well(well_id).plate_id for well_id in _known(dataset, well_ids)}:
        form = dataset.images.preview_form(plate)
        if form is not None:
            sizes.append(form.well_size)
    return max(sizes)


def _known(dataset: WellData, well_ids: Iterable[str]) -> Iterable[str]:
    for well_id in well_ids:
        try:
            dataset.well(well_id)
        except RxRx3Error:
            continue
        yield well_id

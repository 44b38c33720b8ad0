"""The pictures of a report: pieces of wells at full resolution, all in one contrast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.contrast import Limits, default_limits, limits_of
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile, hatch_level
from napari_rxrx3.data.images.controls import control_limits
from napari_rxrx3.data.images.tiles import Asked, Plane, cause_of, common_layout, read_planes
from napari_rxrx3.data.images.well_images import PIECE_UM
from napari_rxrx3.figures.caption import limits_in_words, missing_in_words
from napari_rxrx3.figures.look import StainLook, blended, stain_looks
from napari_rxrx3.strips.wells import plate_of

if TYPE_CHECKING:
    from napari_rxrx3.core.progress import Progress
    from napari_rxrx3.dataset import Dataset

__all__ = ["Pictures", "read_pictures"]

Array = np.ndarray[Any, Any]

_USUAL = (128, 128), np.dtype(np.uint8)


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is seen of some wells.

    Attributes
    ----------
    of : mapping of well to uint8 (Y, X, 3)
        All of one size; stains that could not be read are hatched, wells without any are left out.
    looks : tuple of StainLook
        The contrast, the same in all of them.
    rule : str
        Where its limits come from.
    width_um : float
        Width of a picture.
    failures : mapping of well to mapping of channel (from 1) to cause
        What could not be read.
    """

    of: Mapping[str, Array]
    looks: tuple[StainLook, ...]
    rule: str
    width_um: float
    failures: Mapping[str, Mapping[int, str]]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Sentences on what is shown of the wells, in which contrast, and on what is missing."""
        if not self.of and not self.failures:
            return ()
        limits = "; ".join(map(limits_in_words, self.looks))
        piece = f"{self.width_um:.0f} µm wide pieces of wells" if self.of else "No piece of a well"
        stains = tuple(look.stain for look in self.looks)
        shown = f"Contrast limits, the same in all pictures, {self.rule}: {limits}."
        missing = [f"{sentence}." for sentence in missing_in_words(self.failures, stains)]
        return (f"Pictures are {piece}.", shown, *missing) if self.of else tuple(missing)


def read_pictures(dataset: Dataset, wells: Sequence[str], progress: Progress) -> Pictures:
    """Read a piece of each well (see `Dataset.piece`) and blend its stains.

    Parameters
    ----------
    wells : sequence of str
        The contrast is that of the controls on the plate of the first one.
    progress : callable
        Called with (done, total, text); may raise to stop.
    """
    size = max(1, round(PIECE_UM / dataset.drawn_pixel_um))
    planes: dict[Asked, Plane] = {}
    failures: dict[str, dict[int, str]] = {}
    total = len(wells) * len(dataset.channels)

    def read(well: str, channel: int) -> Plane:
        return dataset.piece(well, channel, size)

    for done, (asked, plane) in enumerate(read_planes(read, wells, dataset.channels)):
        progress(done, total, "reading the pictures")
        if isinstance(plane, RxRx3Error):
            well, channel = asked
            failures.setdefault(well, {})[channel] = cause_of(plane)
        else:
            planes[asked] = plane
    limits, rule = _limits(dataset, wells, planes, progress)
    looks = tuple(stain_looks(limits, stains=dataset.stains))
    shape, dtype = common_layout(planes.values(), _USUAL)
    there = dict.fromkeys(well for well, _ in planes)
    pictures = {well: _blended(well, planes, looks, shape, dtype) for well in there}
    width = shape[1] * _shrunk(dataset, wells, shape[1], size) * dataset.drawn_pixel_um
    return Pictures(pictures, looks, rule, width, failures)


def _shrunk(dataset: Dataset, wells: Sequence[str], width: int, size: int) -> float:
    """How many pixels of a well one of its piece stands for, which is one as a rule."""
    for well in wells:
        try:
            piece = dataset.piece_of_well(well, size)
        except RxRx3Error:
            continue
        return piece.span / width if piece is not None else 1.0
    return 1.0


def _limits(
    dataset: Dataset, wells: Sequence[str], planes: Mapping[Asked, Plane], progress: Progress
) -> tuple[Limits, str]:
    """Contrast limits, and where they come from."""
    usual = default_limits(len(dataset.stains))
    if not planes:
        return usual, "as long as nothing is measured"
    plate = plate_of(dataset.row(wells[0]))
    measured = control_limits(dataset, plate, progress)
    if not isinstance(measured, str):
        return measured, f"from EMPTY_control wells of {plate}"
    first = next(iter(planes))[0]
    own = {channel: plane for (well, channel), plane in planes.items() if well == first}
    limits = [
        limits_of([own[stain.number]]) if stain.number in own else pair
        for stain, pair in zip(dataset.stains, usual, strict=True)
    ]
    return tuple(limits), "from the first of them"


def _blended(
    well: str,
    planes: Mapping[Asked, Plane],
    looks: Sequence[StainLook],
    shape: tuple[int, int],
    dtype: np.dtype[Any],
) -> Array:
    mosaic = Mosaic((Tile(well, ""),), shape)
    layers = []
    for look in looks:
        plane = planes.get((well, look.stain.number))
        here = {well: plane} if plane is not None else {}
        layers.append(mosaic.render(here, dtype, level=hatch_level(look.limits)))
    return blended(layers, looks)

"""A space in which wells can be compared with other wells of their plate.

It does not depend on the alignment of a map: vectors are taken as they come, from the middle of
their plates. See docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.geometry import as_two_singles, sums_of
from napari_rxrx3.core.progress import Progress

if TYPE_CHECKING:
    from napari_rxrx3.maps.space import WellSpace

__all__ = ["PlateSpace"]

Array = np.ndarray[Any, Any]

_SAMPLE, _SAMPLE_OF_PLATE = 256, 16
_OF_ITS_OWN = 100
"""So many wells of an experiment count as much as all others where it says how far wells vary."""
_RANKED = 8192
_IQR = 1.349
"""The interquartile range of a normal distribution of deviation 1."""
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class PlateSpace:
    """Turned and scaled so that wells of one plate vary alike in all directions.

    It is made of a sample of all wells, whatever they received: a space that was fitted to the
    controls would pull these together, and everything else would look different from them. The
    scale is a quartile's, which the wells that do something hardly move.
    """

    centers: Array
    axes: Array
    scale: Array

    @classmethod
    def of(cls, space: WellSpace, progress: Progress) -> PlateSpace:
        wells = _sample(space)
        text = "measuring how far wells of a plate vary"
        centers = _means_of_plates(space, wells, lambda: progress(0, len(wells), text))
        moved = np.empty((len(wells), space.raw.shape[1]), dtype=np.float32)
        scatter = np.zeros((moved.shape[1], moved.shape[1]))
        for block in _blocks(len(wells)):
            progress(block.start, len(wells), text)
            own = space.aligned(wells[block]) - centers[space.plate[wells[block]]]
            scatter += own.T @ own
            moved[block] = own
        variances, axes = np.linalg.eigh(scatter / len(wells))
        kept = variances > variances[-1] * len(variances) * np.finfo(np.float64).eps * 16
        if not kept.any():  # all wells of each plate are the same
            kept = np.ones_like(kept)
        axes = axes[:, kept]
        turned = np.empty((len(moved), axes.shape[1]), dtype=np.float32)
        for block in _blocks(len(wells)):
            progress(block.start, len(wells), text)
            turned[block] = moved[block] @ axes.astype(np.float32)
        return cls(centers, axes, _scales(turned, space.experiment[wells], progress))

    def moved(self, space: WellSpace, wells: Array) -> Array:
        """Vectors of some wells from about the middle of their plates: float32 (k, d')."""
        plate = space.plate[wells]
        vectors = space.aligned(wells)
        if vectors.dtype == np.float32:
            high, low, axes, factor = self._in_single
            vectors -= high[plate]
            vectors -= low[plate]
        else:
            axes, factor = self._in_single[2:]
            vectors = (vectors - self.centers[plate]).astype(np.float32)
        turned = vectors @ axes
        turned *= factor[space.experiment[wells]]
        return np.asarray(turned)

    @cached_property
    def _in_single(self) -> tuple[Array, Array, Array, Array]:
        """The centers in two parts, the axes, and 1 / scale."""
        factor = (1 / self.scale).astype(np.float32)
        return *as_two_singles(self.centers), self.axes.astype(np.float32), factor


def _sample(space: WellSpace) -> Array:
    """Some wells of each experiment, whatever they received."""
    shuffled = np.random.default_rng(0).permutation(len(space))
    order = shuffled[np.argsort(space.experiment[shuffled], kind="stable")]
    experiment = space.experiment[order]
    n_wells = np.bincount(experiment)
    of_plate = np.full(int(space.plate.max()) + 1, -1)
    of_plate[space.plate] = space.experiment
    n_plates = np.bincount(of_plate[of_plate >= 0], minlength=len(n_wells))
    place = np.arange(len(order)) - (np.cumsum(n_wells) - n_wells)[experiment]
    most = np.maximum(_SAMPLE, _SAMPLE_OF_PLATE * n_plates)
    return np.sort(order[place < most[experiment]])


def _means_of_plates(space: WellSpace, wells: Array, report: Callable[[], None]) -> Array:
    """Mean vector of some wells of each plate, of all for plates without: float64 (plates, d)."""
    n_wells = np.bincount(space.plate[wells], minlength=int(space.plate.max()) + 1)
    means = np.zeros((len(n_wells), space.raw.shape[1]))
    for block in _blocks(len(wells)):
        report()
        sums = sums_of(space.aligned(wells[block]), space.plate[wells[block]])
        means[: len(sums)] += sums
    means[n_wells == 0] = means.sum(axis=0) / len(wells)
    return np.asarray(means / np.where(n_wells > 0, n_wells, 1)[:, None])


def _scales(moved: Array, experiment: Array, progress: Progress) -> Array:
    """How far wells of each experiment vary in each dimension: float64 (experiments, d)."""
    everywhere = _quartile_range(moved)
    everywhere[everywhere <= 1e-9 * everywhere.max()] = max(everywhere.max(), 1e-30)
    scales = np.tile(everywhere, (int(experiment.max()) + 1, 1))
    for number in np.unique(experiment):
        progress(int(number), len(scales), "measuring how far wells of a plate vary")
        own = moved[experiment == number]
        if len(own) > 3:
            ratio = np.log(np.maximum(_quartile_range(own) / everywhere, 1e-3))
            # all wells of an experiment may vary more or less, and each dimension for itself
            common = np.median(ratio)
            part = len(own) / (len(own) + _OF_ITS_OWN)
            scales[number] *= np.exp(common + part * (ratio - common))
    return scales


def _quartile_range(values: Array) -> Array:
    values = values[:: max(1, len(values) // _RANKED)]  # more would tell it no better
    low, high = np.percentile(values, (25, 75), axis=0)
    return np.asarray((high - low) / _IQR, dtype=np.float64)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))

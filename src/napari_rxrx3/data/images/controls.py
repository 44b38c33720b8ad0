"""What the controls of a plate give all of its wells: one contrast, and their mean image."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_rxrx3.core.contrast import DEFAULT_LIMITS, Limits, limits_of
from napari_rxrx3.core.difference import ControlMean
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.core.plate import N_CHANNELS, PlateId
from napari_rxrx3.data.images.tiles import read_tile
from napari_rxrx3.data.parallel import in_threads

if TYPE_CHECKING:
    import numpy as np

    from napari_rxrx3.data.welldata import WellData

__all__ = ["N_CONTROLS", "ControlMeans", "PlateMeans", "control_limits", "some_controls"]

Progress = Callable[[int, int, str], None]

_CONTROLS_SAMPLED = 4


def control_limits(dataset: WellData, plate: PlateId, progress: Progress) -> Limits | str:
    """Contrast limits of a plate from a few of its EMPTY_control wells, spread over the plate.

    Of large images, their first rows are measured.

    Why there are none, if the plate has no control with images or none can be read, and nothing
    if it has no images at all; a stain that no control has keeps 0..255.
    """
    if not dataset.wells_of_plate(plate)["has_image"].any():
        return ""
    limits = list(DEFAULT_LIMITS)
    why = f"{plate} has no control with images."
    measured = False
    sampled = some_controls(dataset, plate, _CONTROLS_SAMPLED)
    for channel in range(1, N_CHANNELS + 1):
        planes = []
        for well in sampled:
            progress(channel, N_CHANNELS, "")
            try:
                top = dataset.top(well, channel)  # as good for this, in a fraction of the time
                planes.append(dataset.plane(well, channel) if top is None else top)
            except RxRx3Error as error:
                why = str(error)
        if planes:
            limits[channel - 1] = limits_of(planes)
            measured = True
    return tuple(limits) if measured else why


def some_controls(dataset: WellData, plate: PlateId, most: int) -> list[str]:
    """EMPTY_control wells of a plate that have images, spread over the plate."""
    wells = dataset.wells_of_plate(plate)
    controls = wells.index[(wells["treatment"] == EMPTY_CONTROL) & wells["has_image"]]
    if not len(controls):
        return []
    spread = np.linspace(0, len(controls) - 1, most).round().astype(int)
    return [str(controls[i]) for i in dict.fromkeys(spread.tolist())]


N_CONTROLS = 16
"""Controls of a plate that are averaged, at most."""

_KEPT_BYTES = 256 * 2**20


class PlateMeans(NamedTuple):
    """Means of a plate's controls, a `ControlMean` for each of the six stains.

    `why` is empty, or says why there is none at all.
    """

    plate: PlateId
    stains: tuple[ControlMean, ...]
    why: str

    @property
    def n_controls(self) -> tuple[int, int]:
        """Fewest and most controls in the mean of a stain that has one."""
        counts = [len(mean.wells) for mean in self.stains if mean.wells]
        return (min(counts), max(counts)) if counts else (0, 0)

    @property
    def nbytes(self) -> int:
        return sum(mean.nbytes for mean in self.stains)


class ControlMeans:
    """Averages the controls of the plates of one data set; safe to use from many threads.

    The plates that were used last are kept, up to a number of bytes.
    """

    def __init__(self, dataset: WellData, kept_bytes: int = _KEPT_BYTES) -> None:
        self._dataset, self._kept_bytes = dataset, kept_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[PlateId, int, int], PlateMeans] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """What is kept."""
        return sum(means.nbytes for means in self._kept.values())

    def get(
        self, plate: PlateId, progress: Progress, *, crop: int = 0, reduction: int = 1
    ) -> PlateMeans:
        """Means of up to 16 EMPTY_controls, spread over the plate.

        Parameters
        ----------
        progress : callable
            Called with (done, total, text); may raise to stop.
        crop, reduction : int
            As for `napari_rxrx3.data.images.tiles.read_tile`.
        """
        key = plate, crop, reduction
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        means = self._compute(plate, progress, crop, reduction)
        if not means.why:
            self._keep(key, means)
        return means

    def _compute(self, plate: PlateId, progress: Progress, crop: int, reduction: int) -> PlateMeans:
        controls = some_controls(self._dataset, plate, N_CONTROLS)
        jobs = [(well_id, c) for well_id in controls for c in range(1, N_CHANNELS + 1)]
        by_shape: list[dict[tuple[int, ...], ControlMean]] = [{} for _ in range(N_CHANNELS)]
        why = f"no control with an image is on {plate}"

        def read(job: tuple[str, int]) -> np.ndarray | RxRx3Error:
            try:
                return read_tile(self._dataset, *job, crop=crop, reduction=reduction)
            except RxRx3Error as error:
                return error

        text = f"averaging the controls of {plate}"
        for done, ((well_id, channel), plane) in enumerate(
            zip(jobs, in_threads(read, jobs), strict=True)
        ):
            progress(done, len(jobs), text)
            if isinstance(plane, RxRx3Error):
                why = f"no control of {plate} can be read: {getattr(plane, 'cause', plane)}"
            else:
                mean = by_shape[channel - 1].setdefault(plane.shape, ControlMean())
                mean.add(well_id, plane)
        stains = tuple(_largest(means.values()) for means in by_shape)
        return PlateMeans(plate, stains, "" if any(mean.wells for mean in stains) else why)

    def _keep(self, key: tuple[PlateId, int, int], means: PlateMeans) -> None:
        with self._lock:
            self._kept[key] = means
            while len(self._kept) > 1 and self.nbytes > self._kept_bytes:
                self._kept.popitem(last=False)


def _largest(means: Iterable[ControlMean]) -> ControlMean:
    """An image of an odd size must not be the one that the others are compared with."""
    return max(means, key=lambda mean: len(mean.wells), default=ControlMean())

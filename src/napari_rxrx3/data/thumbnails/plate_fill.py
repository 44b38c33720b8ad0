"""Reads the wells of a plate for its overview: what is looked at first, the rest after it."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.overview import Block, PlatePicture, first_of, shrunk
from napari_rxrx3.core.plate import N_COLUMNS, N_POSITIONS, PlateId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.stopping import Stop, bound, current_stop, under
from napari_rxrx3.data.parallel import n_threads
from napari_rxrx3.data.thumbnails.plate_thumbnails import DAMAGED, KNOWN, MISSING, PlateThumbnails

if TYPE_CHECKING:
    from napari_rxrx3.data.welldata import WellData

__all__ = ["PlateFill"]

Job = tuple[int, int]
"""Position and channel (1..6)."""

_SAVED_EVERY_S = 3.0
_WATCHED_EVERY_S = 0.05


class PlateFill:
    """Paints the previews of a plate, and larger pictures of some of its wells.

    Parameters
    ----------
    wells : mapping of position to well id
        The wells of the plate.
    """

    def __init__(
        self,
        dataset: WellData,
        plate: PlateId,
        thumbnails: PlateThumbnails,
        wells: dict[int, str],
    ) -> None:
        self.thumbnails = thumbnails
        self.listed = np.zeros(N_POSITIONS, dtype=bool)
        self.listed[list(wells)] = True
        self._pictures: dict[int, PlatePicture] = {}
        self._dataset, self._plate, self._wells = dataset, plate, wells
        self._lock = Lock()
        self._large: PlatePicture | None = None
        self._large_jobs: list[Job] = []
        self._stop = Stop()
        self._small_jobs = list(reversed(thumbnails.todo(wells, dataset.channels)))
        self._total = len(self._small_jobs)

    @property
    def left(self) -> int:
        """Planes still to be read."""
        return len(self._large_jobs) + len(self._small_jobs)

    def whole(self, tile: int) -> PlatePicture:
        """The whole plate at so many pixels a well, a divisor of a preview's."""
        if tile not in self._pictures:
            dtype = self.thumbnails.planes.dtype
            block = Block.whole(self._dataset.layout)
            n_stains = len(self._dataset.stains)
            picture = PlatePicture(block, tile, dtype, self.listed, n_stains)
            self._pictures[tile] = picture  # first: what is read from now on is painted, too
            _paint_known(picture, self.thumbnails)
        return self._pictures[tile]

    def part(self, block: Block, tile: int) -> PlatePicture:
        """Some wells, larger: till they are read, previews of whole wells stand for them."""
        dtype, n_stains = self.thumbnails.planes.dtype, len(self._dataset.stains)
        picture = PlatePicture(block, tile, dtype, self.listed, n_stains)
        _paint_known(picture, self.thumbnails, only_missing=self.thumbnails.is_piece)
        return picture

    def look_at(
        self, positions: set[int], channels: set[int], large: PlatePicture | None = None
    ) -> None:
        """Read these positions and channels first; of `large`, all its wells before anything."""
        with self._lock:
            if large is not self._large:
                self._large = large
                block = [] if large is None else large.block.positions()
                present = self._dataset.images.present(self._plate)
                self._large_jobs = [
                    (position, channel + 1)
                    for position in block
                    if position in self._wells
                    for channel in np.flatnonzero(present[position]).tolist()
                ]
            # taken from the end
            for jobs in (self._large_jobs, self._small_jobs):
                jobs[:] = reversed(first_of(reversed(jobs), positions, channels))

    def run(self, progress: Progress) -> None:
        """Read until nothing is left.

        Parameters
        ----------
        progress : callable
            Called with (done, total, text) many times a second; it may raise to stop.
        """
        self._stop = Stop(current_stop())
        n = n_threads()
        with under(self._stop):
            left = {position for position, _ in self._small_jobs}
            fetched = self._dataset.images.fetch_pieces(self._plate, left)
        try:
            with ThreadPoolExecutor(n, thread_name_prefix="rxrx3-overview") as pool:
                futures = [pool.submit(bound(self._work, self._stop)) for _ in range(n)]
                self._watch(futures, progress)
        finally:
            for piece in fetched:
                piece.cancel()
            self.thumbnails.save()  # after the threads: what they had begun is kept, too
        for future in futures:
            future.result()  # a bug of ours is not to be passed over

    def _watch(self, futures: list[Future[None]], progress: Progress) -> None:
        text = f"reading the wells of {self._plate}"
        saved = time.monotonic()
        try:
            while not all(future.done() for future in futures):
                progress(self._total - len(self._small_jobs), self._total, text)
                if time.monotonic() - saved > _SAVED_EVERY_S:
                    self.thumbnails.save()
                    saved = time.monotonic()
                time.sleep(_WATCHED_EVERY_S)
        finally:
            self._stop.set()

    def _work(self) -> None:
        while not self._stop.is_set:
            with self._lock:
                large = self._large if self._large_jobs else None
                left = self._large_jobs or self._small_jobs
                n = 1 if large is not None else self.thumbnails.n_at_once
                jobs, left[-n:] = left[-n:], []
            if not jobs:
                return
            try:
                self._read(jobs, large)
            except Cancelled:
                with self._lock:  # they are read the next time
                    if large is None or large is self._large:
                        (self._small_jobs if large is None else self._large_jobs).extend(jobs)
                return

    def _read(self, jobs: list[Job], large: PlatePicture | None) -> None:
        if large is not None:
            for job in jobs:
                large.paint(*job, self._plane(*job, large.tile))
            return
        self.thumbnails.fill(reversed(jobs))
        for job in jobs:
            self._paint_small(*job)

    def _paint_small(self, position: int, channel: int) -> None:
        row, column = divmod(position, N_COLUMNS)
        known = self.thumbnails.state[channel - 1, position] == KNOWN
        preview = self.thumbnails.planes[channel - 1, row, column]
        for tile, picture in list(self._pictures.items()):
            plane = shrunk(preview, len(preview) // tile) if known else None
            picture.paint(position, channel, plane)

    def _plane(self, position: int, channel: int, size: int) -> np.ndarray | None:
        whole = size == self.thumbnails.well_size  # then it is kept for the well's own picture
        try:
            plane = self._dataset.plane(self._wells[position], channel, None if whole else size)
            if plane.shape != (size, size):  # this well is of another size than most
                plane = self._dataset.plane(self._wells[position], channel, size)
            return plane
        except Cancelled:
            raise
        except RxRx3Error:  # hatched; the well's own picture says why
            return None


def _paint_known(
    picture: PlatePicture, thumbnails: PlateThumbnails, only_missing: bool = False
) -> None:
    """Paint all previews that were read before, and hatch what is known to be missing."""
    for channel in range(1, len(thumbnails.planes) + 1):
        state = thumbnails.state[channel - 1]
        missing = (state == MISSING) | (state == DAMAGED)
        known = (state == KNOWN) & (not only_missing)
        picture.paint_all(channel, thumbnails.planes[channel - 1], known, missing)

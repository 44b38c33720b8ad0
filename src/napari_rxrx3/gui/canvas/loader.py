"""Fetches the pictures of wells in parallel; what is not wanted any more is dropped."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile, hatched
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.gui.tasks import MainThread

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset
    from napari_rxrx3.data.pixels.images import Layout

__all__ = ["Picture", "PictureLoader"]

Plane = np.ndarray[Any, Any]
Asked = tuple[str, int]

_log = logging.getLogger(__name__)

_USUAL: Layout = (512, 512), np.dtype(np.uint8)


@dataclass(frozen=True)
class Picture:
    """Tiles with their pixels.

    Attributes
    ----------
    stains : six (Y, X) arrays
        The mosaic of each stain.
    planes : mapping of (well id, channel) to (Y, X) array
        What could be read.
    failures : mapping of (well id, channel) to ImageUnavailable
        What could not.
    is_first : bool
        Only the top of the wells has been read: `stains` end before the mosaic does.
    """

    mosaic: Mosaic
    stains: tuple[Plane, ...]
    planes: dict[Asked, Plane]
    failures: dict[Asked, RxRx3Error]
    is_first: bool = False

    @property
    def notes(self) -> dict[str, str]:
        """What is to be said of a well: what is still to come, or which stains are not, and why."""
        if self.is_first:
            return {self.mosaic.tiles[0].well_id or "": "reading the rest of it …"}
        stains: dict[str, dict[str, list[str]]] = {}
        for (well, channel), error in sorted(self.failures.items()):
            cause = getattr(error, "cause", str(error))
            stains.setdefault(well, {}).setdefault(cause, []).append(STAINS[channel - 1].name)
        return {
            well: "\n".join(
                f"{'all six stains' if len(names) == len(STAINS) else ', '.join(names)}: {cause}"
                for cause, names in causes.items()
            )
            for well, causes in stains.items()
        }


class PictureLoader(QObject):
    """Reads tiles' planes in a pool of threads; only the newest request is answered."""

    ready = Signal(object)
    """A `Picture`; of large images, the top of a well comes before the whole of it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._main = MainThread()
        self._pool = ThreadPoolExecutor(
            max(2, os.cpu_count() or 1), thread_name_prefix="rxrx3-image"
        )
        self._request: _Request | None = None
        self._dataset: Dataset | None = None
        self._usual = _USUAL
        """Layout of the last picture: a well without any image is drawn like its neighbors."""
        self._ahead: list[Future[None]] = []
        # one thread: what is read ahead must not hold up what is asked for
        self._ahead_pool = ThreadPoolExecutor(1, thread_name_prefix="rxrx3-ahead")

    @property
    def is_idle(self) -> bool:
        return self._request is None

    def request(self, dataset: Dataset, tiles: Sequence[Tile]) -> None:
        """Fetch tiles; `ready` brings a `Picture`, unless another request came meanwhile."""
        self.drop()
        if dataset is not self._dataset:
            self._dataset, self._usual = dataset, _USUAL
        request = _Request(tuple(tiles), self._usual)
        self._request = request
        asked = [
            (tile.well_id, channel)
            for tile in tiles
            if tile.well_id is not None
            for channel in range(1, N_CHANNELS + 1)
        ]
        request.left = len(asked)
        if not asked:
            self._main.call(lambda: self._deliver(request))
        work = [(self._fetch, place) for place in asked]
        if len(tiles) == 1:
            request.tops_left = len(asked)
            work = [(self._fetch_top, place) for place in asked] + work
        for fetch, place in work:
            request.futures.append(self._pool.submit(fetch, request, dataset, *place))

    def prefetch(self, dataset: Dataset, well_ids: Sequence[str]) -> None:
        """Read wells that are likely to be asked for next, once everything else is done."""
        for well_id in well_ids:
            for channel in range(1, N_CHANNELS + 1):
                future = self._ahead_pool.submit(_try_plane, dataset, well_id, channel)
                self._ahead.append(future)

    def drop(self) -> None:
        """Forget the current request and everything that was to be read ahead."""
        for future in self._ahead:
            future.cancel()
        self._ahead.clear()
        if self._request is not None:
            for future in self._request.futures:
                future.cancel()
            self._request = None

    def close(self, wait: bool = False) -> None:
        """Stop reading; works without its Qt part as well."""
        self.drop()
        for pool in (self._pool, self._ahead_pool):
            pool.shutdown(wait=wait, cancel_futures=True)

    def _fetch_top(self, request: _Request, dataset: Dataset, well_id: str, channel: int) -> None:
        """Read what comes first in the file; where that fails, the whole of it says why."""
        if self._request is not request:
            return
        try:
            top = None
            if dataset.is_decoded(well_id, channel):
                request.planes[well_id, channel] = dataset.plane(well_id, channel)
            else:
                top = dataset.top(well_id, channel)
        except RxRx3Error:
            pass
        except Exception:
            _log.exception("the top of %s, channel %d, cannot be read", well_id, channel)
        if top is not None:
            request.tops[channel] = top
        if request.one_top_less() and request.tops:
            picture = _first_picture(request, well_id)
            self._main.call(lambda: self._deliver_first(request, picture))

    def _deliver_first(self, request: _Request, picture: Picture) -> None:
        if self._request is request:
            self.ready.emit(picture)

    def _fetch(self, request: _Request, dataset: Dataset, well_id: str, channel: int) -> None:
        if self._request is not request:
            return
        try:
            request.planes[well_id, channel] = dataset.plane(well_id, channel)
        except RxRx3Error as error:
            request.failures[well_id, channel] = error
        except Exception as error:  # never leave the window waiting
            request.failures[well_id, channel] = ImageUnavailable(
                well_id, channel, dataset.root, f"unexpected {type(error).__name__}: {error}"
            )
        if request.one_less():
            request.picture = _assemble(request)
            self._main.call(lambda: self._deliver(request))

    def _deliver(self, request: _Request) -> None:
        if self._request is request:
            self._request = None
            picture = request.picture or _assemble(request)
            self._usual = picture.mosaic.tile_shape, picture.stains[0].dtype
            self.ready.emit(picture)


class _Request:
    def __init__(self, tiles: tuple[Tile, ...], usual: Layout) -> None:
        self.tiles = tiles
        self.usual = usual
        self.planes: dict[Asked, Plane] = {}
        self.failures: dict[Asked, RxRx3Error] = {}
        self.futures: list[Future[None]] = []
        self.left = 0
        self.tops: dict[int, Plane] = {}
        self.tops_left = 0
        self.picture: Picture | None = None
        self._lock = threading.Lock()

    def one_less(self) -> bool:
        with self._lock:
            self.left -= 1
            return self.left == 0

    def one_top_less(self) -> bool:
        with self._lock:
            self.tops_left -= 1
            return self.tops_left == 0


def _assemble(request: _Request) -> Picture:
    """Render the six mosaics; done in the last reading thread, not on the GUI's."""
    planes = request.planes
    shape, dtype = request.usual
    if planes:
        shape = max(((p.shape[0], p.shape[1]) for p in planes.values()), key=prod)
        dtype = np.result_type(*{p.dtype for p in planes.values()})
    mosaic = Mosaic(request.tiles, shape)
    stains = tuple(
        mosaic.render({w: p for (w, c), p in planes.items() if c == channel}, dtype)
        for channel in range(1, N_CHANNELS + 1)
    )
    return Picture(mosaic, stains, planes, request.failures)


def _first_picture(request: _Request, well_id: str) -> Picture:
    """The tops of a well's six planes; its images are taken to be square until they are read."""
    tops = {channel: plane for (_, channel), plane in dict(request.planes).items()}
    tops |= request.tops
    shape = min((top.shape for top in tops.values()), key=prod)
    dtype = np.result_type(*{top.dtype for top in tops.values()})
    stains = tuple(
        tops[channel][: shape[0], : shape[1]] if channel in tops else hatched(shape, dtype)
        for channel in range(1, N_CHANNELS + 1)
    )
    planes = {(well_id, channel): top for channel, top in tops.items()}
    mosaic = Mosaic(request.tiles, (shape[1], shape[1]))
    return Picture(mosaic, stains, planes, {}, is_first=True)


def _try_plane(dataset: Dataset, well_id: str, channel: int) -> None:
    try:
        dataset.plane(well_id, channel)
    except RxRx3Error:
        return  # said when the well is looked at

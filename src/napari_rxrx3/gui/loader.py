"""Fetches the pictures of wells in parallel; what is not wanted any more is dropped."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.data.dataset import Dataset
from napari_rxrx3.data.images import Layout
from napari_rxrx3.gui.tasks import MainThread

__all__ = ["Picture", "PictureLoader"]

Plane = np.ndarray[Any, Any]
Asked = tuple[str, int]

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
    """

    mosaic: Mosaic
    stains: tuple[Plane, ...]
    planes: dict[Asked, Plane]
    failures: dict[Asked, RxRx3Error]


class PictureLoader(QObject):
    """Reads tiles' planes in a pool of threads; only the newest request is answered."""

    ready = Signal(object)

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
        for well_id, channel in asked:
            request.futures.append(
                self._pool.submit(self._fetch, request, dataset, well_id, channel)
            )

    def prefetch(self, dataset: Dataset, well_ids: Sequence[str]) -> None:
        """Read wells that are likely to be asked for next, once everything else is done."""
        for well_id in well_ids:
            for channel in range(1, N_CHANNELS + 1):
                self._ahead.append(self._pool.submit(_try_plane, dataset, well_id, channel))

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
        self._pool.shutdown(wait=wait, cancel_futures=True)

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
        self.picture: Picture | None = None
        self._lock = threading.Lock()

    def one_less(self) -> bool:
        with self._lock:
            self.left -= 1
            return self.left == 0


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


def _try_plane(dataset: Dataset, well_id: str, channel: int) -> None:
    try:
        dataset.plane(well_id, channel)
    except RxRx3Error:
        return  # said when the well is looked at

"""Fetches the pictures of wells in parallel; what is not wanted any more is dropped."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error
from napari_rxrx3.core.mosaic import Mosaic, Tile, hatched
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.data.kept.freed_memory import give_back_memory
from napari_rxrx3.gui.tasks import MainThread

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset
    from napari_rxrx3.data.pixels.images import Layout

__all__ = ["Picture", "PictureLoader"]

Plane = np.ndarray[Any, Any]
Asked = tuple[str, int]

_log = logging.getLogger(__name__)

_USUAL: Layout = (512, 512), np.dtype(np.uint8)
_BURST_S = 0.15
"""Between two requests of a key that is held down; between two pictures that are then shown."""
_MOMENT_S = 0.04
_DRAWING_MS = 20


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
    """Reads tiles' planes in a pool of threads; only the newest request is answered.

    Of a well of large images its top is read first, and shown before the rest is begun: two cores
    cannot decode and draw at once.
    """

    ready = Signal(object)
    """A `Picture`; of large images, the top of a well comes before the whole of it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._main = MainThread()
        self._pool = ThreadPoolExecutor(
            max(2, os.cpu_count() or 1), thread_name_prefix="rxrx3-image"
        )
        self._request: _Request | None = None
        self._usual = _USUAL
        """Layout of the last picture: a well without any image is drawn like its neighbors."""
        self._dataset: Dataset | None = None
        self._has_tops = False
        """The last well had some: another one is likely to have them, too."""
        self._asked_at = self._shown_at = -inf
        self._ahead: list[Future[None]] = []
        # one thread: what is read ahead must not hold up what is asked for
        self._ahead_pool = ThreadPoolExecutor(1, thread_name_prefix="rxrx3-ahead")

    @property
    def is_idle(self) -> bool:
        return self._request is None

    @property
    def is_reading_ahead(self) -> bool:
        return not all(future.done() for future in self._ahead)

    def request(self, dataset: Dataset, tiles: Sequence[Tile]) -> None:
        """Fetch tiles; `ready` brings a `Picture`, unless another request came meanwhile.

        A picture that is there within a moment comes before this returns: so the window is drawn
        once, not twice.
        """
        now = time.monotonic()
        is_alone, self._asked_at = now - self._asked_at > _BURST_S, now
        if now - self._shown_at > _BURST_S and self._request is not None:
            self._show(self._request)  # done just now: while a key is held, show what comes
        self.drop()
        is_new = dataset is not self._dataset
        if is_new:
            self._dataset, self._usual = dataset, _USUAL
        request = self._request = _Request(dataset, tuple(tiles), self._usual)
        request.comes_after_drawing = is_new
        if not request.asked:
            self._main.call(lambda: self._show(request))
            return
        if len(tiles) == 1:
            self._submit(request, self._fetch_top)
        if len(tiles) > 1 or not self._has_tops:
            self._submit(request, self._fetch)
        if is_alone and not is_new and request.something_to_show.wait(_MOMENT_S):
            self._show(request)

    def prefetch(self, dataset: Dataset, well_ids: Sequence[str]) -> None:
        """Read wells that are likely to be asked for next, and tidy up meanwhile."""
        submit = self._ahead_pool.submit
        for well_id in well_ids:
            for channel in range(1, N_CHANNELS + 1):
                self._ahead.append(submit(_try_plane, dataset, well_id, channel))
            self._ahead.append(submit(give_back_memory))

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

    def _submit(self, request: _Request, fetch: Callable[[_Request, str, int], None]) -> None:
        is_whole = fetch == self._fetch
        request.is_begun = request.is_begun or is_whole
        for well_id, channel in request.asked:
            request.futures.append(self._pool.submit(fetch, request, well_id, channel))

    def _fetch_top(self, request: _Request, well_id: str, channel: int) -> None:
        """Read what comes first in the file; where that fails, the whole of it says why."""
        if self._request is not request:
            return
        try:
            if request.dataset.is_decoded(well_id, channel):
                request.planes[well_id, channel] = request.dataset.plane(well_id, channel)
            elif (top := request.dataset.top(well_id, channel)) is not None:
                request.tops[channel] = top
            else:
                request.is_small = True
        except RxRx3Error:
            pass
        except Exception:
            _log.exception("the top of %s, channel %d, cannot be read", well_id, channel)
        if request.one_top_less():
            if request.tops:
                request.first = _first_picture(request, well_id)
                request.something_to_show.set()
            elif len(request.planes) == len(request.asked):  # all was in memory
                request.picture = request.picture or _assemble(request)
                request.something_to_show.set()
            self._main.call(lambda: self._show(request))

    def _fetch(self, request: _Request, well_id: str, channel: int) -> None:
        if self._request is not request:
            return
        try:
            request.planes[well_id, channel] = request.dataset.plane(well_id, channel)
        except RxRx3Error as error:
            request.failures[well_id, channel] = error
        except Exception as error:  # never leave the window waiting
            request.failures[well_id, channel] = ImageUnavailable(
                well_id,
                channel,
                request.dataset.root,
                f"unexpected {type(error).__name__}: {error}",
            )
        if request.one_less():
            request.picture = _assemble(request)
            request.something_to_show.set()
            self._main.call(lambda: self._show(request))

    def _show(self, request: _Request) -> None:
        """Show what there is of a request, if it is still wanted; on the GUI thread."""
        if self._request is not request:
            return
        if request.comes_after_drawing:
            # napari takes half a second to make layers: the plate map is not to wait for that
            request.comes_after_drawing = False
            QTimer.singleShot(_DRAWING_MS, lambda: self._show(request))
            return
        if request.picture is None and request.asked:
            first, request.first = request.first, None
            if request.tops_left == 0:
                self._has_tops = bool(request.tops) or (self._has_tops and not request.is_small)
                # after the drawing, which takes all cores where there is no graphics card
                delay = _DRAWING_MS if first is not None else 0
                QTimer.singleShot(delay, lambda: self._begin(request))
            if first is not None:
                self._shown_at = time.monotonic()
                self.ready.emit(first)
            return
        self._request = None
        picture = request.picture or _assemble(request)
        self._usual = picture.mosaic.tile_shape, picture.stains[0].dtype
        self._shown_at = time.monotonic()
        self.ready.emit(picture)

    def _begin(self, request: _Request) -> None:
        """Read all of the images, unless that was begun."""
        if self._request is request and not request.is_begun:
            self._submit(request, self._fetch)


class _Request:
    def __init__(self, dataset: Dataset, tiles: tuple[Tile, ...], usual: Layout) -> None:
        self.dataset = dataset
        self.tiles = tiles
        self.usual = usual
        self.asked: list[Asked] = [
            (tile.well_id, channel)
            for tile in tiles
            if tile.well_id is not None
            for channel in range(1, N_CHANNELS + 1)
        ]
        self.planes: dict[Asked, Plane] = {}
        self.failures: dict[Asked, RxRx3Error] = {}
        self.tops: dict[int, Plane] = {}
        self.futures: list[Future[None]] = []
        self.left = self.tops_left = len(self.asked)
        self.is_begun = False
        self.is_small = False
        self.comes_after_drawing = False
        self.first: Picture | None = None
        self.picture: Picture | None = None
        self.something_to_show = threading.Event()
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

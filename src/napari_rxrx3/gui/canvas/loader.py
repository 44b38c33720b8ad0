"""Fetches the pictures of wells in parallel; what is not wanted any more is dropped."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal
from superqt.utils import ensure_main_thread

from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Tile, grid_of, reduction_for
from napari_rxrx3.core.stopping import Stop, bound
from napari_rxrx3.data.cache.memory import give_back_memory
from napari_rxrx3.data.images.tiles import Asked, Plane, TileReader, well_size
from napari_rxrx3.gui.canvas.picture import Picture, assembled, first_picture
from napari_rxrx3.gui.widgets import call_later

if TYPE_CHECKING:
    from napari_rxrx3.data.images.plane_layout import PlaneLayout
    from napari_rxrx3.data.welldata import WellData
    from napari_rxrx3.dataset import Dataset

__all__ = ["Picture", "PictureLoader"]

Planes = dict[Asked, Plane]
Form = tuple[int, int]
"""Crop and reduction of planes."""

_log = logging.getLogger(__name__)

_USUAL: PlaneLayout = (512, 512), np.dtype(np.uint8)
_BURST_S = 0.15
"""Between two requests of a key that is held down; between two pictures that are then shown."""
_MOMENT_S = 0.04
_DRAWING_MS = 20
_GRACE_S = 5.0
"""What is not wanted any more has so long to be there: wells that are looked at one after the other
often lie in the same part of a file."""
_SOME_FROM, _SOME_OF_S, _SOME_SHARE = 4, 0.4, 0.3
"""Of so many wells and more, those that were read are shown after so many seconds, and again when
so much of the time that went by has passed once more: to draw them takes time, too."""


class PictureLoader(QObject):
    """Reads tiles' planes in a pool of threads; only the newest request is answered.

    Of a well of large images the first rows are read first, and shown before the rest is begun:
    two cores cannot decode and draw at once.
    """

    ready = Signal(object)
    """A `Picture`; of large images, the first rows of a well come before the whole of it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(
            max(2, os.cpu_count() or 1), thread_name_prefix="rxrx3-image"
        )
        self._request: _Request | None = None
        self._usual = _USUAL
        """Layout of the wells in the last picture, at full resolution: one without any image is
        drawn like its neighbors."""
        self._dataset: Dataset | None = None
        self._known: dict[Form, Planes] = {}
        """Of the wells that were shown last: they may change places, or be cropped and back."""
        self._n_changed = 0
        self._has_prefixes = False
        """The last well had some: another one is likely to have them, too."""
        self._asked_at = self._shown_at = -inf
        self._ahead: Future[None] | None = None
        self._ahead_end = Stop()
        self._stops: list[Stop] = []
        # one thread: what is read ahead must not hold up what is asked for
        self._ahead_pool = ThreadPoolExecutor(1, thread_name_prefix="rxrx3-ahead")

    @property
    def is_idle(self) -> bool:
        return self._request is None

    @property
    def is_reading_ahead(self) -> bool:
        return self._ahead is not None and not self._ahead.done()

    def request(self, dataset: Dataset, tiles: Sequence[Tile], crop: int = 0) -> None:
        """Fetch tiles; `ready` brings a `Picture`, unless another request came meanwhile.

        A picture that is there within a moment comes before this returns: so the window is drawn
        once, not twice. Several large wells are read smaller, see `display.tile_size`; of a large
        strip, what was read comes from time to time.

        Parameters
        ----------
        crop : int
            Show so many pixels in the middle of each well; 0 for all of it.
        """
        now = time.monotonic()
        is_alone, self._asked_at = now - self._asked_at > _BURST_S, now
        if now - self._shown_at > _BURST_S and self._request is not None:
            self._show(self._request)  # done just now: while a key is held, show what comes
        self.drop()
        is_new = dataset is not self._dataset
        if is_new:
            self.forget()
            self._dataset = dataset
        if dataset.images.stamps.n_changed != self._n_changed:
            self._n_changed, self._known = dataset.images.stamps.n_changed, {}
        request = _Request(TileReader(dataset, crop), tuple(tiles), self._usual, self._known)
        request.comes_after_drawing = is_new
        self._request, request.stop = request, self._new_stop()
        if not request.asked:
            self._show(request)
            return
        if not dataset.images.is_local:
            request.futures.append(self._pool.submit(bound(_fetch_ahead, request.stop), request))
        if len(tiles) > 1:
            request.futures.append(self._pool.submit(bound(self._plan, request.stop), request))
        elif not crop:
            self._submit(request, self._fetch_prefix)
        if len(tiles) == 1 and (crop or not self._has_prefixes):
            self._submit(request, self._fetch)
        if is_alone and not is_new and request.something_to_show.wait(_MOMENT_S):
            self._show(request)

    def prefetch(self, dataset: Dataset, find: Callable[[], Sequence[str]]) -> None:
        """Read wells that are likely to be asked for next, and tidy up meanwhile.

        Parameters
        ----------
        find : callable
            Gives their ids, in the thread that reads: it may look through a plate.
        """
        self._end_ahead()
        self._ahead_end = Stop()
        read = bound(_read_ahead, self._new_stop())
        self._ahead = self._ahead_pool.submit(read, dataset, find, self._ahead_end)

    def drop(self) -> None:
        """Forget the current request and everything that was to be read ahead."""
        self._end_ahead()
        self._give_up(_GRACE_S)
        if self._request is not None:
            for future in self._request.futures:
                future.cancel()
            self._request = None

    def forget(self) -> None:
        """Forget the data set."""
        self.drop()
        self._give_up()
        self._dataset, self._usual, self._known = None, _USUAL, {}

    def close(self, wait: bool = False) -> None:
        """Stop reading; works without its Qt part as well."""
        self.drop()
        self._give_up()
        for pool in (self._pool, self._ahead_pool):
            pool.shutdown(wait=wait, cancel_futures=True)

    def _end_ahead(self) -> None:
        self._ahead_end.set()
        self._ahead = None

    def _give_up(self, in_s: float = 0.0) -> None:
        """Wait for no server any more, of what was asked for up to now."""
        for stop in self._stops:
            stop.set(in_s)
        self._stops = [stop for stop in self._stops if not stop.is_set]

    def _new_stop(self) -> Stop:
        self._stops.append(Stop())
        return self._stops[-1]

    def _submit(self, request: _Request, fetch: Callable[[_Request, str, int], None]) -> None:
        is_whole = fetch == self._fetch
        request.is_begun = request.is_begun or is_whole
        for well_id, channel in request.asked:
            bound_fetch = bound(fetch, request.stop)
            request.futures.append(self._pool.submit(bound_fetch, request, well_id, channel))

    def _plan(self, request: _Request) -> None:
        """Find out how large the wells are, hence how small they are to be read."""
        if self._request is not request:
            return
        try:
            size = well_size(request.dataset, {well_id for well_id, _ in request.asked})
        except Exception:
            _log.exception("the size of the images is unknown")
            size = 0
        size = size or max(request.usual[0])
        if not request.reader.crop:
            times = reduction_for(size, grid_of(request.tiles), display.tile_size)
            request.reader = replace(request.reader, reduction=times)
        self._submit(request, self._fetch)

    def _fetch_prefix(self, request: _Request, well_id: str, channel: int) -> None:
        """Read what comes first in the file; where that fails, the whole of it says why."""
        if self._request is not request:
            return
        try:
            if request.dataset.is_decoded(well_id, channel):
                request.planes[well_id, channel] = request.dataset.plane(well_id, channel)
            elif (rows := request.dataset.prefix(well_id, channel)) is not None:
                request.prefixes[channel] = rows
            else:
                request.is_small = True
        except RxRx3Error:
            pass
        except Exception:
            _log.exception("the first rows of %s, channel %d, cannot be read", well_id, channel)
        if request.one_prefix_less():
            if request.prefixes:
                request.first = first_picture(
                    request.tiles,
                    dict(request.planes),
                    request.prefixes,
                    request.reader.dataset.stains,
                )
                request.something_to_show.set()
            elif len(request.planes) == len(request.asked):  # all was in memory
                request.picture = request.picture or request.assemble()
                request.something_to_show.set()
            self._show(request)

    def _fetch(self, request: _Request, well_id: str, channel: int) -> None:
        if self._request is not request:
            return
        try:
            request.planes[well_id, channel] = request.plane(well_id, channel)
        except RxRx3Error as error:
            request.failures[well_id, channel] = error
        if request.one_less():
            request.picture = request.assemble()
            request.something_to_show.set()
            self._show(request)
        elif request.is_time_for_some():
            request.offer(request.assemble())
            self._show(request)

    @ensure_main_thread
    def _show(self, request: _Request) -> None:
        """Show what there is of a request, if it is still wanted; on the GUI thread."""
        if self._request is not request:
            return
        if request.comes_after_drawing:
            # napari takes half a second to make layers: the plate map is not to wait for that
            request.comes_after_drawing = False
            call_later(self, lambda: self._show(request), _DRAWING_MS)
            return
        if request.picture is None and request.asked:
            first, request.first = request.first, None
            if request.prefixes_left == 0 and len(request.tiles) == 1:
                self._has_prefixes = bool(request.prefixes) or (
                    self._has_prefixes and not request.is_small
                )
                # after the drawing, which takes all cores where there is no graphics card
                delay = _DRAWING_MS if first is not None else 0
                call_later(self, lambda: self._begin(request), delay)
            if first is not None:
                self._shown_at = time.monotonic()
                self.ready.emit(first)
            return
        self._request = None
        picture = request.picture or request.assemble()
        self._keep(picture)
        height, width = (picture.reduction * extent for extent in picture.mosaic.tile_shape)
        if not picture.crop:
            self._usual = (height, width), picture.stains[0].dtype
        self._shown_at = time.monotonic()
        self.ready.emit(picture)

    def _keep(self, picture: Picture) -> None:
        """Keep the planes of these wells, and no others."""
        wells = {tile.well_id for tile in picture.mosaic.tiles}
        self._known = {
            form: {asked: plane for asked, plane in planes.items() if asked[0] in wells}
            for form, planes in self._known.items()
        }
        self._known[picture.crop, picture.reduction] = picture.planes

    def _begin(self, request: _Request) -> None:
        """Read all of the images, unless that was begun."""
        if self._request is request and not request.is_begun:
            self._submit(request, self._fetch)


class _Request:
    def __init__(
        self,
        reader: TileReader,
        tiles: tuple[Tile, ...],
        usual: PlaneLayout,
        known: Mapping[Form, Planes],
    ) -> None:
        self.reader = reader
        self.tiles = tiles
        self.stop = Stop()
        self.asked: list[Asked] = [
            (well_id, channel)
            for well_id in dict.fromkeys(tile.well_id for tile in tiles)
            if well_id is not None
            for channel in reader.dataset.channels
        ]
        self.planes: dict[Asked, Plane] = {}
        self.failures: dict[Asked, RxRx3Error] = {}
        self.prefixes: dict[int, Plane] = {}
        self.futures: list[Future[None]] = []
        self.left = self.prefixes_left = len(self.asked)
        self.is_begun = False
        self.is_small = False
        self.comes_after_drawing = False
        self.first: Picture | None = None
        self.picture: Picture | None = None
        self.something_to_show = threading.Event()
        self.usual = usual
        self._known = known
        self._begun_at = self._shown_some_at = time.monotonic()
        self._offered = 0
        self._lock = threading.Lock()

    @property
    def dataset(self) -> WellData:
        return self.reader.dataset

    def plane(self, well_id: str, channel: int) -> Plane:
        """One plane as it is shown; raises RxRx3Error."""
        known = self._known.get((self.reader.crop, self.reader.reduction), {})
        plane = known.get((well_id, channel))
        if plane is not None and self.dataset.is_as_read(well_id, channel):
            return plane
        return self.reader.read(well_id, channel)

    def assemble(self) -> Picture:
        """What was read as a picture; done in a reading thread, not in the GUI's."""
        planes, failures = dict(self.planes), dict(self.failures)
        waiting = {
            well_id
            for well_id, channel in self.asked
            if (well_id, channel) not in planes and (well_id, channel) not in failures
        }
        usual = self.usual
        return assembled(self.tiles, planes, failures, usual, self.reader, frozenset(waiting))

    def is_time_for_some(self) -> bool:
        """Whether what was read so far is to be shown now, by the thread that asks."""
        if len(self.tiles) < _SOME_FROM:
            return False
        with self._lock:
            now = time.monotonic()
            pause = max(_SOME_OF_S, _SOME_SHARE * (now - self._begun_at))
            is_time = now - self._shown_some_at > pause
            if is_time:
                self._shown_some_at = now
            return is_time

    def offer(self, some: Picture) -> None:
        """Have some of the wells shown, unless another thread was faster with more of them."""
        with self._lock:
            if len(some.planes) + len(some.failures) > self._offered:
                self._offered = len(some.planes) + len(some.failures)
                self.first = some

    def one_less(self) -> bool:
        with self._lock:
            self.left -= 1
            return self.left == 0

    def one_prefix_less(self) -> bool:
        with self._lock:
            self.prefixes_left -= 1
            return self.prefixes_left == 0


def _fetch_ahead(request: _Request) -> None:
    """Ask a server for everything at once; what is not wanted any more is not begun."""
    request.futures += request.dataset.fetch(well_id for well_id, _ in request.asked)


def _read_ahead(dataset: Dataset, find: Callable[[], Sequence[str]], end: Stop) -> None:
    """Read wells plane by plane, till something else is wanted."""
    if end.is_set:
        return
    for well_id in find():
        for channel in dataset.channels:
            if end.is_set:
                return
            with suppress(RxRx3Error):  # said when the well is looked at
                dataset.plane(well_id, channel)
        give_back_memory()

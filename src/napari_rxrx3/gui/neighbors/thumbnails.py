"""Small composites of wells, read in the background and kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QImage
from superqt.utils import ensure_main_thread

from napari_rxrx3.core.contrast import Limits, composite
from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.images.tiles import cause_of
from napari_rxrx3.diagnostics.log import note
from napari_rxrx3.gui.widgets import OnDestroyed

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["Thumbnails"]

_log = logging.getLogger(__name__)

Planes = list[np.ndarray[Any, Any] | None]

_KEPT = 300
"""Wells whose pictures stay at hand; the data set keeps more of them."""
_THREADS = min(4, max(2, os.cpu_count() or 2))


class _Thumbnail(NamedTuple):
    planes: Planes
    note: str


class Thumbnails(QObject):
    """Reads the wells that were asked for last; limits can change without reading again."""

    arrived = Signal(str)
    """The thumbnail of this well can be drawn, or it is known that there is none."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="rxrx3-thumbnail")
        self._kept = LruCache(_KEPT, one)
        self._causes: set[str] = set()
        self._wanted: object = None
        self._dataset: Dataset | None = None
        self._n_changed = 0
        self._left = 0
        self._at_end = OnDestroyed(self, self.close)

    @property
    def is_idle(self) -> bool:
        """All thumbnails that were asked for have arrived."""
        return self._left == 0

    def request(self, dataset: Dataset | None, well_ids: Sequence[str]) -> None:
        """Read these wells next, first one first; what was asked for before is dropped."""
        state = dataset, dataset.images.stamps.n_changed if dataset is not None else 0
        if state != (self._dataset, self._n_changed):
            self._kept.clear()
            self._causes = set()
            self._dataset, self._n_changed = state
        wanted = self._wanted = object()
        asked = list(dict.fromkeys(well_ids))
        new = [well_id for well_id in asked if self._kept.find(well_id) is None]
        self._kept.resize(max(_KEPT, len(asked)))
        self._left = 0
        if dataset is None:
            return
        self._left = len(new)
        for well_id in new:
            self._pool.submit(self._read, wanted, dataset, well_id)

    def image(self, well_id: str, limits: Limits) -> QImage | None:
        """Composite of a well in the given contrast; None if it is not there (yet)."""
        kept: _Thumbnail | None = self._kept.find(well_id)
        if kept is None or all(plane is None for plane in kept.planes):
            return None
        rgb = np.ascontiguousarray(composite(kept.planes, limits))
        height, width, _ = rgb.shape
        return QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()

    def note(self, well_id: str | None) -> str:
        """What is to be said of a picture that does not show the whole well; else nothing."""
        kept: _Thumbnail | None = self._kept.find(well_id)
        return kept.note if kept is not None else ""

    def close(self, wait: bool = False) -> None:
        """Stop reading; what still comes is dropped. Works without its Qt part as well."""
        self._wanted = self._dataset = None
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _read(self, wanted: object, dataset: Dataset, well_id: str) -> None:
        if self._wanted is not wanted:
            return
        planes: Planes = []
        for channel in range(1, N_CHANNELS + 1):
            try:
                planes.append(dataset.preview(well_id, channel))
            except Exception as error:  # a missing picture is shown as missing, whatever the cause
                planes.append(None)
                self._log_once(error)
        self._keep(wanted, dataset, well_id, _Thumbnail(planes, _note(dataset, well_id)))

    def _log_once(self, error: Exception) -> None:
        """Log why a picture is missing, once for all wells of which the cause is the same."""
        said = cause_of(error) if isinstance(error, RxRx3Error) else str(error)
        cause = f"{type(error).__name__}: {said}"
        if cause in self._causes:
            return
        self._causes.add(cause)
        if isinstance(error, RxRx3Error):
            note(f"There is no picture: {error}")
        else:
            _log.error("a picture cannot be made", exc_info=error)

    @ensure_main_thread
    def _keep(self, wanted: object, dataset: Dataset, well_id: str, read: _Thumbnail) -> None:
        if dataset is not self._dataset:
            return
        if self._wanted is wanted:
            self._left -= 1
        self._kept.put(well_id, read)
        self.arrived.emit(well_id)


def _note(dataset: Dataset, well_id: str) -> str:
    try:
        form = dataset.images.preview_form(dataset.well(well_id).plate_id)
    except Exception:  # there is no picture to say anything of
        return ""
    if form is None or not form.is_piece:
        return ""
    return f"a piece of {form.span * display.pixel_size_um:.0f} µm at the top of the well"

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
from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.core.stopping import Stop, bound
from napari_rxrx3.data.cache.memory import LruCache
from napari_rxrx3.data.images.tiles import cause_of
from napari_rxrx3.diagnostics.log import note
from napari_rxrx3.gui.widgets import OnDestroyed

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["PictureForm", "Thumbnails"]

_log = logging.getLogger(__name__)

Planes = list[np.ndarray[Any, Any] | None]

_UNMEASURED = (0.0, 255.0)
_KEPT_BYTES = 64 * 2**20
"""Planes that stay at hand, at least; the data set keeps more of them."""
_SMALLEST = 1024
"""Size of what is known of a well without a picture."""
_STAND_INS = 4
"""So many sizes before are looked through for a picture until there is one of the right size."""
_GRACE_S = 5.0
"""What is not wanted any more has so long to be there: the next pictures are often from the same
part of a file."""
_THREADS = min(4, max(2, os.cpu_count() or 2))


class PictureForm(NamedTuple):
    """What pictures are like: pixels on a side, and whether they show whole wells."""

    size: int
    whole: bool = False


class _Thumbnail(NamedTuple):
    planes: Planes
    note: str
    failures: dict[str, list[str]]
    """The stains that are not there, by the cause."""

    @property
    def nbytes(self) -> int:
        return max(_SMALLEST, sum(plane.nbytes for plane in self.planes if plane is not None))


class Thumbnails(QObject):
    """Reads the wells that were asked for last; limits can change without reading again.

    Without a form it gives previews (see `Dataset.preview`), with one what `Dataset.piece` shows.
    """

    arrived = Signal(str)
    """The thumbnail of this well can be drawn, or it is known that there is none."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="rxrx3-thumbnail")
        self._kept = LruCache(_KEPT_BYTES)
        self._largest = 0
        self._causes: set[str] = set()
        self._form: PictureForm | None = None
        self._forms_before: list[PictureForm | None] = []
        self._asked: list[str] = []
        self._wanted = Stop()
        """Of the wells that were asked for last."""
        self._dataset: Dataset | None = None
        self._n_changed = 0
        self._left = 0
        self._is_closed = False
        self._at_end = OnDestroyed(self, self.close)

    @property
    def is_idle(self) -> bool:
        """All thumbnails that were asked for have arrived."""
        return self._left == 0

    @property
    def form(self) -> PictureForm | None:
        """What is read from the next request on; None: previews."""
        return self._form

    def set_form(self, form: PictureForm | None) -> None:
        """Read other pictures from the next request on; till they arrive others stand in."""
        if form == self._form:
            return
        before = [each for each in (self._form, *self._forms_before) if each != form]
        self._forms_before, self._form = before[:_STAND_INS], form

    def forget(self) -> None:
        """Read everything anew from the next request on: a pixel has another width by now."""
        self._kept.clear()

    def request(self, dataset: Dataset | None, well_ids: Sequence[str]) -> None:
        """Read these wells next, first one first; what was asked for before is dropped."""
        state = dataset, dataset.images.stamps.n_changed if dataset is not None else 0
        if state != (self._dataset, self._n_changed):
            self._kept.clear()
            self._causes, self._largest = set(), 0
            self._dataset, self._n_changed = state
        self._wanted.set(_GRACE_S)
        wanted = self._wanted = Stop()
        self._asked = list(dict.fromkeys(well_ids))
        form = self._form
        new = [well_id for well_id in self._asked if self._kept.find((well_id, form)) is None]
        self._make_room()
        self._left = 0
        if dataset is None or self._is_closed:  # a scroll may come late
            return
        self._left = len(new)
        for well_id in new:
            self._pool.submit(bound(self._read, wanted), wanted, dataset, well_id, form)

    def image(
        self,
        well_id: str,
        limits: Limits | None,
        shown: Sequence[bool] | None = None,
        alone: int | None = None,
    ) -> QImage | None:
        """Composite of a well (see `core.contrast`); None if it is not there (yet)."""
        kept, stains = self._find(well_id), self._stains
        shown = _for(stains, shown, True)
        if kept is None or not _has_any(kept.planes, shown):
            return None
        limits = tuple(_for(stains, limits, _UNMEASURED))
        rgb = np.ascontiguousarray(composite(kept.planes, limits, shown, alone, stains))
        height, width, _ = rgb.shape
        return QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()

    @property
    def _stains(self) -> tuple[Stain, ...]:
        return self._dataset.stains if self._dataset is not None else STAINS

    def is_sharp(self, well_id: str) -> bool:
        """What is known of a well is of the form asked for: nothing stands in for it."""
        return (well_id, self._form) in self._kept

    def note(self, well_id: str | None) -> str:
        """What is to be said of a picture that does not show the whole well; else nothing."""
        kept = self._find(well_id)
        return kept.note if kept is not None else ""

    def why_missing(self, well_id: str | None) -> str:
        """Which stains of a well are not there, and why; empty if none is known to be missing."""
        kept = self._find(well_id)
        if kept is None:
            return ""
        return "\n".join(_missing(names, why, self._stains) for why, names in kept.failures.items())

    def _find(self, well_id: str | None) -> _Thumbnail | None:
        kept: _Thumbnail | None = self._kept.find((well_id, self._form))
        if kept is not None:
            return kept
        for form in self._forms_before:
            if _is_alike(form, self._form):
                kept = self._kept.find((well_id, form))
                if kept is not None:
                    return kept
        return None

    def _make_room(self) -> None:
        """What was asked for stays, however large it is."""
        self._kept.resize(max(_KEPT_BYTES, len(self._asked) * self._largest))

    def close(self, wait: bool = False) -> None:
        """Stop reading; what still comes is dropped. Works without its Qt part as well."""
        self._is_closed = True
        self._wanted.set()
        self._wanted, self._dataset = Stop(), None
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _read(self, wanted: Stop, dataset: Dataset, well_id: str, form: PictureForm | None) -> None:
        planes: Planes = []
        failures: dict[str, list[str]] = {}
        for stain in dataset.stains:
            if self._wanted is not wanted:  # what is read already, the data set keeps
                return
            try:
                planes.append(_plane(dataset, well_id, stain.number, form))
            except Cancelled:
                return
            except Exception as error:  # a missing picture is shown as missing, whatever the cause
                planes.append(None)
                failures.setdefault(_said(error), []).append(stain.name)
                self._log_once(error)
        read = _Thumbnail(_as_large(planes), _note(dataset, well_id, form), failures)
        self._keep(wanted, dataset, well_id, form, read)

    def _log_once(self, error: Exception) -> None:
        """Log why a picture is missing, once for all wells of which the cause is the same."""
        cause = f"{type(error).__name__}: {_said(error)}"
        if cause in self._causes:
            return
        self._causes.add(cause)
        if isinstance(error, RxRx3Error):
            note(f"There is no picture: {error}")
        else:
            _log.error("a picture cannot be made", exc_info=error)

    @ensure_main_thread
    def _keep(
        self,
        wanted: Stop,
        dataset: Dataset,
        well_id: str,
        form: PictureForm | None,
        read: _Thumbnail,
    ) -> None:
        if dataset is not self._dataset:
            return
        if self._wanted is wanted:
            self._left -= 1
        if read.nbytes > self._largest:
            self._largest = read.nbytes
            self._make_room()
        self._kept.put((well_id, form), read)
        self.arrived.emit(well_id)


def _plane(
    dataset: Dataset, well_id: str, channel: int, form: PictureForm | None
) -> np.ndarray[Any, Any]:
    if form is None:
        return dataset.preview(well_id, channel)
    return dataset.piece(well_id, channel, form.size, form.whole)


def _as_large(planes: Planes) -> Planes:
    """Planes of one well that can be put over each other: an odd one is as large as the others."""
    sizes = {len(plane) for plane in planes if plane is not None}
    if len(sizes) < 2:
        return planes
    from napari_rxrx3.data.images.decode import shrink  # loads codecs

    return [None if plane is None else shrink(plane, max(sizes)) for plane in planes]


def _has_any(planes: Planes, shown: Sequence[bool]) -> bool:
    return any(
        show and plane is not None and plane.size for plane, show in zip(planes, shown, strict=True)
    )


def _is_alike(one: PictureForm | None, other: PictureForm | None) -> bool:
    """Whether two forms show the same of a well, but for the size."""
    return one is not None and other is not None and one.whole == other.whole


def _said(error: Exception) -> str:
    return cause_of(error) if isinstance(error, RxRx3Error) else str(error)


def _for(stains: tuple[Stain, ...], said: Sequence[Any] | None, usual: Any) -> Sequence[Any]:
    """What is said of each stain, unless nothing is, or only of another data set's."""
    return said if said is not None and len(said) == len(stains) else (usual,) * len(stains)


def _missing(names: Sequence[str], why: str, stains: tuple[Stain, ...]) -> str:
    what = "no stain" if len(names) == len(stains) else f"no {' and no '.join(names)}"
    return f"{what}: {why}"


def _note(dataset: Dataset, well_id: str, form: PictureForm | None) -> str:
    """Where in its well a picture lies, if it does not show all of it."""
    try:
        if form is not None:
            piece = None if form.whole else dataset.piece_of_well(well_id, form.size)
            return _of_piece(dataset, *piece) if piece is not None else ""
        well = dataset.well(well_id)
        preview = dataset.images.preview_form(well.plate_id, well)
    except Exception:  # there is no picture to say anything of
        return ""
    if preview is None or (preview.is_square and not preview.is_piece):
        return ""
    return _of_piece(dataset, preview.span, "top" if preview.is_piece else "middle")


def _of_piece(dataset: Dataset, span: int, place: str) -> str:
    where = {"top": "at the top", "middle": "in the middle"}[place]
    return f"a piece of {span * dataset.drawn_pixel_um:.0f} µm {where} of the well"

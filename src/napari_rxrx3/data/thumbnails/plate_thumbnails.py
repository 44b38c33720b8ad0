"""The previews of all wells of a plate: filled one by one, kept from one time to the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from napari_rxrx3.core.errors import ImageUnavailable
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.plate import N_COLUMNS, N_POSITIONS, N_ROWS, PlateId, WellId
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.images.catalog import ImageCatalog
from napari_rxrx3.data.images.jpeg2000_pool import shared_reducers
from napari_rxrx3.data.images.previews import PREVIEW_SIZE, PreviewForm, preview_of
from napari_rxrx3.data.parallel import background
from napari_rxrx3.data.thumbnails.preview_file import PreviewFile, Records

__all__ = ["DAMAGED", "KNOWN", "MISSING", "UNKNOWN", "PlateThumbnails", "ThumbnailShelf"]

Array = np.ndarray[Any, Any]
Plane = Array
Job = tuple[int, int]
"""Position and channel (1..6)."""

UNKNOWN, KNOWN, MISSING, DAMAGED = range(4)

_VERSION = 2
"""Raise it when previews are made in another way."""
_AT_ONCE = 48
"""To ask a process for one small image takes as long as to decode it."""
_SAVED_AFTER_S = 60.0
"""What is learned of a plate from wells that are looked at is kept on disk some time later."""
_NO_FORM = PreviewForm(np.dtype(np.uint16), 512, 0)  # its hatching is bright in any contrast


class PlateThumbnails:
    """Previews of one plate; every method may be called from any thread.

    Attributes
    ----------
    planes : (channels, 32, 48, 64, 64)
        By channel, row and column; native dtype, zeros where nothing is known. What is KNOWN
        does not change any more.
    state : uint8 (channels, 1536)
        UNKNOWN, KNOWN, MISSING (no container lists the image) or DAMAGED.
    failures : dict
        Why it is DAMAGED: (position, channel) -> sentence.
    size : int
        Side of a preview in its own pixels.
    span : int
        Side of the square that a preview shows, in pixels of the well's image; 0 if no image of
        the plate can be read.
    well_size : int
        Smaller side of a well's image in pixels.
    """

    size = PREVIEW_SIZE

    def __init__(self, catalog: ImageCatalog, plate: PlateId, cache: DiskCache) -> None:
        self._stamps, self._made_from = catalog.stamps_of(plate), ""
        form = catalog.preview_form(plate) or _NO_FORM
        self.plate = plate
        self.well_size, self.span = form.well_size, form.span
        shape = (catalog.n_channels, N_ROWS, N_COLUMNS, self.size, self.size)
        self.planes: Array = np.zeros(shape, form.dtype)
        order = catalog.reading_order(plate)
        self.state: Array = np.full(order.shape[::-1], UNKNOWN, dtype=np.uint8)
        self.state[order.T < 0] = MISSING
        self.failures: dict[Job, str] = {}
        self._catalog, self._order = catalog, order
        self._lock, self._saving = Lock(), Lock()
        self._new: set[int] = set()
        self._cache = cache
        self._file = self._open_file(form)
        if self._file is not None:
            for records in self._file.load():
                self._take_over(records)

    @classmethod
    def open(cls, dataset: Any, plate: PlateId) -> PlateThumbnails:
        """Load what is kept of a plate's previews, or begin without any."""
        return cls(dataset.images, plate, dataset.cache)

    @property
    def nbytes(self) -> int:
        return self.planes.nbytes

    @property
    def is_piece(self) -> bool:
        """A preview shows a piece at the top middle of its well at full resolution."""
        return 0 < self.span < self.well_size

    @property
    def n_at_once(self) -> int:
        """So many are best made by one thread at once."""
        return _AT_ONCE if self._catalog.are_read_together(self.plate) else 1

    def forget_changed(self) -> bool:
        """Forget the previews of files that are others by now; whether they were not all."""
        now = self._catalog.stamps_of(self.plate)
        with self._lock:
            is_other = (now != self._stamps) & (now != 0)
            self._stamps[is_other] = now[is_other]
            self.state[is_other.T & (self.state != MISSING)] = UNKNOWN
            self.failures = {job: why for job, why in self.failures.items() if self._is_bad(job)}
        return not is_other.any() or not is_other[self._order >= 0].all()

    def _is_bad(self, job: Job) -> bool:
        position, channel = job
        return bool(self.state[channel - 1, position] == DAMAGED)

    def _is_of_what_is_there(self) -> bool:
        """Whether the images are those that these previews are of; a server is not asked."""
        try:
            is_local = self._catalog.is_local
            return not is_local or self._catalog.fingerprint(self.plate) == self._made_from
        except OSError:
            return False

    def todo(self, positions: Iterable[int], channels: Iterable[int]) -> list[Job]:
        """What is unknown of these positions and channels (1..6), as it is read fastest."""
        wanted = np.zeros(self._order.shape, dtype=bool)
        columns = np.fromiter(channels, dtype=np.intp) - 1
        wanted[np.ix_(np.fromiter(positions, dtype=np.intp), columns)] = True
        at, of = np.nonzero(wanted & (self.state.T == UNKNOWN))
        best = np.argsort(self._order[at, of])
        return list(zip(at[best].tolist(), (of[best] + 1).tolist(), strict=True))

    def fill(self, jobs: Iterable[Job]) -> None:
        """Make previews, but for what is known or known not to be there."""
        jobs = [(at, channel) for at, channel in jobs if self.state[channel - 1, at] == UNKNOWN]
        planes = [(WellId(*self.plate, *divmod(at, N_COLUMNS)), of) for at, of in jobs]
        previews = self._catalog.new_previews(planes, shared_reducers().reduce)
        for job, preview in zip(jobs, previews, strict=True):
            if isinstance(preview, ImageUnavailable):
                self._note_failure(*job, preview)
            else:
                self.add(*job, preview)

    def preview(self, position: int, channel: int) -> Plane | None:
        """One preview, read-only; None unless it is known, and of the file that is there."""
        if self.state[channel - 1, position] != KNOWN:
            return None
        stamp = self._catalog.stamp(WellId(*self.plate, *divmod(position, N_COLUMNS)), channel)
        if stamp and stamp != self._stamps[position, channel - 1]:
            return None
        plane: Plane = self._flat[_slot(position, channel)].copy()
        plane.flags.writeable = False
        return plane

    def add(self, position: int, channel: int, plane: Plane) -> None:
        """Take a preview that was made elsewhere."""
        with self._lock:
            if self.state[channel - 1, position] == KNOWN:
                return
            if not np.can_cast(plane.dtype, self.planes.dtype):
                self.state[channel - 1, position] = DAMAGED
                self.failures[position, channel] = self._odd(position, channel, plane)
                return
            slot = _slot(position, channel)
            self._flat[slot] = plane
            self._new.add(slot)
            self.failures.pop((position, channel), None)
            self.state[channel - 1, position] = KNOWN
        background.later(("thumbnails", id(self)), self.save, _SAVED_AFTER_S)

    def forget_failures(self) -> None:
        """Let what could not be read be tried again: a server may answer by now."""
        with self._lock:
            self.state[self.state == DAMAGED] = UNKNOWN
            self.failures = {}

    def save(self) -> None:
        """Keep what is new, and take over what another program has kept meanwhile.

        A cache that cannot be written costs speed, never a result.
        """
        if self._file is None or not self._is_of_what_is_there():
            return
        with self._saving:
            with self._lock:
                new, self._new = self._new, set()
            if not new:
                return
            known = np.flatnonzero(self.state == KNOWN)
            try:
                theirs = self._file.add(self._flat, np.array(sorted(new)), known)
            except OSError:
                with self._lock:
                    self._new |= new
                return
            for records in theirs:
                self._take_over(records)
        self._cache.clean_later()

    @property
    def _flat(self) -> Array:
        return self.planes.reshape(-1, self.size, self.size)

    def _take_over(self, records: Records) -> None:
        with self._lock:
            state = self.state.reshape(-1)
            wanted = state[records.slots] == UNKNOWN
            slots = records.slots[wanted]
            self._flat[slots] = records.pixels if wanted.all() else records.pixels[wanted]
            state[slots] = KNOWN

    def _open_file(self, form: PreviewForm) -> PreviewFile | None:
        try:
            made_from = self._made_from = self._catalog.fingerprint(self.plate)
        except OSError:  # without it nobody would know whether the images have changed
            return None
        fingerprint = f"{_VERSION}|{self.plate}|{self.size}|{form}|{made_from}"
        path = self._cache.path("thumbnails", fingerprint, ".previews")
        return PreviewFile(path, self.state.size, self.size, form.dtype)

    def _note_failure(self, position: int, channel: int, error: ImageUnavailable) -> None:
        with self._lock:
            if self.state[channel - 1, position] == UNKNOWN:
                self.failures[position, channel] = str(error)
                self.state[channel - 1, position] = MISSING if error.missing else DAMAGED

    def _odd(self, position: int, channel: int, plane: Plane) -> str:
        well = WellId(*self.plate, *divmod(position, N_COLUMNS))
        cause = f"its pixels are {plane.dtype} where those of its sisters are {self.planes.dtype}"
        return str(ImageUnavailable(str(well), channel, self._catalog.locate(well, channel), cause))


class ThumbnailShelf:
    """The thumbnails of plates, one object a plate as long as anybody uses it.

    Those that were used last are kept among the images of the data set.
    """

    def __init__(self, catalog: ImageCatalog, cache: DiskCache) -> None:
        self._catalog, self._cache = catalog, cache
        self._lock = Lock()
        self._alive: WeakValueDictionary[PlateId, PlateThumbnails] = WeakValueDictionary()
        catalog.on_decoded = self._on_decoded

    def of_images(self, catalog: ImageCatalog) -> ThumbnailShelf:
        """Another shelf, for other images of the same data set."""
        return ThumbnailShelf(catalog, self._cache)

    def get(self, plate: PlateId) -> PlateThumbnails:
        """The thumbnails of a plate, loaded if they are not; what has failed is forgotten."""
        with self._lock:
            thumbnails = self._alive.get(plate)
            if thumbnails is None or not thumbnails.forget_changed():
                thumbnails = PlateThumbnails(self._catalog, plate, self._cache)
                if thumbnails.span == 0:  # nothing can be read, perhaps only now
                    return thumbnails
                self._alive[plate] = thumbnails
            thumbnails.forget_failures()
        self._catalog.memory.put(self._key(plate), thumbnails)
        return thumbnails

    def loaded(self, plate: PlateId) -> PlateThumbnails | None:
        """The thumbnails of a plate if they are loaded; that is to use them."""
        self._catalog.memory.find(self._key(plate))
        return self._alive.get(plate)

    def _key(self, plate: PlateId) -> tuple[str, PlateId, int]:
        return "thumbnails", plate, self._catalog.field

    def _on_decoded(self, well: WellId, channel: int, plane: Plane) -> None:
        thumbnails = self.loaded(well.plate_id)
        if thumbnails is not None and thumbnails.state[channel - 1, well.position] == UNKNOWN:
            thumbnails.add(well.position, channel, preview_of(plane))


def _slot(position: int, channel: int) -> int:
    return (channel - 1) * N_POSITIONS + position

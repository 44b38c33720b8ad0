"""Composites of candidates as they are drawn: made when they are seen, and not too many at once."""

from __future__ import annotations

from time import perf_counter
from typing import NamedTuple

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtGui import QImage

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.data.cache.memory import LruCache
from napari_rxrx3.gui.neighbors.thumbnails import PictureForm, Thumbnails

__all__ = ["CandidatePictures"]

_KEPT_BYTES = 64 * 2**20
_AT_ONCE_S = 0.015
"""Composites that take longer are left for the next turn of the event loop: the window answers."""


class _Composite(NamedTuple):
    version: int
    image: QImage

    @property
    def nbytes(self) -> int:
        return int(self.image.sizeInBytes())


class CandidatePictures(QObject):
    """Composites in the contrast and the stains of the window.

    Where one is not made yet in the contrast of the moment, the one before stands in for it.
    """

    arrived = Signal(str)
    """The picture of this well can be drawn, or it is known that there is none."""
    more = Signal()
    """Pictures that had to wait can be drawn."""

    def __init__(self, thumbnails: Thumbnails, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.thumbnails = thumbnails
        self._limits: Limits | None = None
        self._shown: tuple[bool, ...] | None = None
        self._alone: int | None = None
        self._made = LruCache(_KEPT_BYTES)
        self._version = 0
        self._spent = 0.0
        self._turn = QTimer(self, interval=0, singleShot=True)
        self._turn.timeout.connect(self._on_turn)
        self._waiting: set[str] = set()
        thumbnails.arrived.connect(self._on_arrived)

    @property
    def is_idle(self) -> bool:
        """Nothing that was to be drawn waits to be composed."""
        return not self._waiting

    def drop_waiting(self) -> None:
        """What had to wait need not be in sight any more: who still draws it asks again."""
        self._waiting.clear()

    def set_limits(self, limits: Limits) -> None:
        """Draw in another contrast, without reading again."""
        self._limits = limits
        self.renew()

    def set_shown(self, shown: tuple[bool, ...], alone: int | None) -> None:
        """Draw these of the stains, one of them perhaps in gray, without reading again."""
        self._shown, self._alone = shown, alone
        self.renew()

    def set_form(self, form: PictureForm) -> None:
        """Show other pictures once they were read; those of another size stand in till then."""
        before = self.thumbnails.form
        if form == before:
            return
        self.thumbnails.set_form(form)
        if before is not None and before.whole != form.whole:
            self._made.clear()
        self.renew()

    def renew(self) -> None:
        """Compose everything once more, as with other colors."""
        self._version += 1

    def forget(self) -> None:
        """Read everything once more."""
        self.thumbnails.forget()
        self._made.clear()

    def picture(self, well_id: str) -> QImage | None:
        """What can be drawn of a well now; None if it is not read yet, or not there."""
        made: _Composite | None = self._made.find(well_id)
        if made is not None and made.version == self._version:
            return made.image
        if self._spent > _AT_ONCE_S:
            self._waiting.add(well_id)
            return made.image if made is not None else None
        self._waiting.discard(well_id)
        begun = perf_counter()
        image = self.thumbnails.image(well_id, self._limits, self._shown, self._alone)
        self._spent += perf_counter() - begun
        self._turn.start()
        if image is not None:
            self._made.put(well_id, _Composite(self._version, image))
        return image

    def _on_arrived(self, well_id: str) -> None:
        made: _Composite | None = self._made.find(well_id)
        if made is not None:
            self._made.put(well_id, made._replace(version=-1))
        self.arrived.emit(well_id)

    def _on_turn(self) -> None:
        self._spent = 0.0
        if self._waiting:
            self.more.emit()

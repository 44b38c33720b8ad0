"""Notices when files of images are changed or replaced while a data set is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from psygnal import Signal

from napari_rxrx3.core.plate import N_CHANNELS, N_POSITIONS, PlateId
from napari_rxrx3.data.images.planes import ImageSource

__all__ = ["ChangeWatch", "stamp_in", "stamps_of"]

Array = np.ndarray[Any, Any]


def stamp_in(source: ImageSource, row: int) -> int:
    """Number that is another one for another file; 0 if it is gone, or only a server could tell.

    Only to be compared within one program.
    """
    try:
        stamp = source.stamp(row)
    except OSError:
        return 0
    return (hash(stamp) or 1) if stamp else 0


def stamps_of(
    sources: Sequence[ImageSource], plate: PlateId, n_channels: int = N_CHANNELS
) -> Array:
    """`stamp_in` of the file that each plane of a plate is read from first, (1536, channels)."""
    stamps = np.zeros(N_POSITIONS * n_channels, dtype=np.int64)
    for source in reversed(sources):
        codes, rows = source.index.of_plate(plate, n_channels)
        known: dict[str, int] = {}
        for code, row in zip(codes.tolist(), rows.tolist(), strict=True):
            file = source.file(row)
            if file not in known:
                known[file] = stamp_in(source, row)
            stamps[code] = known[file]
    return stamps.reshape(N_POSITIONS, n_channels)


class ChangeWatch:
    """What the files were like when they were read last; any thread may ask.

    A file that is gone is no other file: what was read of it is as right as before.

    Attributes
    ----------
    n_changed : int
        How often a file was another one than before, or all images became others.
    """

    changed = Signal(str)
    """The path of a file that is another one than before; told by whichever thread asked."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self.n_changed = 0

    def of(self, source: ImageSource, row: int) -> str:
        """Stamp of the file that holds a plane, empty where only a server could tell."""
        path = source.file(row)
        before = self._seen.get(path)
        try:
            now = source.stamp(row)
        except OSError:
            return before or ""
        self._seen[path] = now
        if before is not None and before != now:
            self.n_changed += 1
            self.changed.emit(path)
        return now

    def note_others(self) -> None:
        """Other images than before are shown of all wells: what was made of those is not theirs."""
        self.n_changed += 1

    def is_same(self, source: ImageSource, row: int) -> bool:
        """Whether the file is the one that was asked about last, or is gone."""
        before = self._seen.get(source.file(row))
        try:
            return before is None or source.stamp(row) == before
        except OSError:
            return True

"""Which image planes a container holds, and where in it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from napari_rxrx3.core.plate import (
    N_CHANNELS,
    N_COLUMNS,
    N_POSITIONS,
    PlateId,
    WellId,
    parse_image_name,
)

__all__ = ["FileSource", "ImageSource", "PlaneIndex", "PlaneRecord", "record_of_name"]

Array = np.ndarray[Any, Any]

_NAMED = 3


class PlaneRecord(NamedTuple):
    """One plane as found in a container; `first` and `second` say where, as the source likes."""

    plate: PlateId
    position: int
    channel: int
    site: int
    name: str
    first: int
    second: int


@dataclass(frozen=True, eq=False)
class PlaneIndex:
    """The planes of a container, sorted so that one is found by bisection.

    Attributes
    ----------
    plates : tuple of PlateId
    code : int64 (n,)
        ``(plate index * 1536 + position) * n_channels + channel - 1``, ascending, without repeats.
    first, second : int64 (n,)
        Where the plane lies, as the source likes (offset and size, row group and row).
    name : bytes (n,)
        The member's or file's name (UTF-8).
    notes : tuple of str
        What was wrong with the container itself.
    """

    plates: tuple[PlateId, ...]
    code: Array
    first: Array
    second: Array
    name: Array
    notes: tuple[str, ...] = ()
    n_channels: int = N_CHANNELS

    @classmethod
    def of(
        cls,
        records: Iterable[PlaneRecord],
        notes: Iterable[str] = (),
        n_channels: int = N_CHANNELS,
    ) -> PlaneIndex:
        """Index records; of several sites the first is kept, of repeated members the last."""
        records = list(records)
        found = [r for r in records if 1 <= r.channel <= n_channels]
        notes = [*notes, *_other_stains(records)]
        if _counts_from_0(records):
            found = []
        plates = tuple(sorted({r.plate for r in found}))
        number = {plate: i for i, plate in enumerate(plates)}
        best: dict[int, PlaneRecord] = {}
        twice: list[str] = []
        for record in found:
            code = (number[record.plate] * N_POSITIONS + record.position) * n_channels
            code += record.channel - 1
            if code in best and record.site == best[code].site:
                twice.append(f"{record.name} is read and {best[code].name} is not: one image")
            if code not in best or record.site <= best[code].site:
                best[code] = record
        codes = sorted(best)
        more = max(0, len(twice) - _NAMED)
        return cls(
            plates,
            np.array(codes, dtype=np.int64),
            np.array([best[c].first for c in codes], dtype=np.int64),
            np.array([best[c].second for c in codes], dtype=np.int64),
            np.array(
                [best[c].name.encode(errors="surrogateescape") for c in codes], dtype=np.bytes_
            ),
            (*notes, *twice[:_NAMED], *([f"{more:,} more are there twice"] if more else [])),
            n_channels,
        )

    def find(self, well: WellId, channel: int) -> int | None:
        """Row of a plane in this index, or None if the container does not hold it."""
        if well.plate_id not in self.plates or not 1 <= channel <= self.n_channels:
            return None
        base = self.plates.index(well.plate_id) * N_POSITIONS + well.position
        code = base * self.n_channels + channel - 1
        row = int(np.searchsorted(self.code, code))
        return row if row < len(self.code) and self.code[row] == code else None

    def of_plate(self, plate: PlateId, n_channels: int = N_CHANNELS) -> tuple[Array, Array]:
        """The planes of one plate: ``position * n_channels + channel - 1``, and their rows here.

        Parameters
        ----------
        n_channels : int
            Of the data set, in which other containers may have more.
        """
        n_codes = N_POSITIONS * self.n_channels
        base = self.plates.index(plate) * n_codes
        start, stop = np.searchsorted(self.code, (base, base + n_codes))
        codes = self.code[start:stop] - base
        if n_channels != self.n_channels:
            position, channel = np.divmod(codes, self.n_channels)
            codes = position * n_channels + channel
        return codes, np.arange(start, stop)

    def plane(self, row: int) -> tuple[WellId, int]:
        """Well and channel (from 1) of a row."""
        rest, channel = divmod(int(self.code[row]), self.n_channels)
        number, position = divmod(rest, N_POSITIONS)
        return WellId(*self.plates[number], *divmod(position, N_COLUMNS)), channel + 1

    def to_arrays(self) -> dict[str, Array]:
        return {
            "experiment": np.array([p.experiment for p in self.plates], dtype=np.str_),
            "plate": np.array([p.plate for p in self.plates], dtype=np.int64),
            "code": self.code,
            "first": self.first,
            "second": self.second,
            "name": self.name,
            "notes": np.array(self.notes, dtype=np.str_),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> PlaneIndex:
        plates = zip(arrays["experiment"].tolist(), arrays["plate"].tolist(), strict=True)
        return cls(
            tuple(PlateId(experiment, plate) for experiment, plate in plates),
            arrays["code"],
            arrays["first"],
            arrays["second"],
            arrays["name"],
            tuple(arrays["notes"].tolist()),
        )


def _counts_from_0(records: Iterable[PlaneRecord]) -> bool:
    """Whether stains are numbered 0 to 5: to read them by these names would mix them up."""
    channels = {record.channel for record in records}
    return 0 in channels and max(channels) < N_CHANNELS


def _other_stains(records: Sequence[PlaneRecord]) -> list[str]:
    """Name images whose stain has another number than 1 to 6."""
    others = [r for r in records if not 1 <= r.channel <= N_CHANNELS]
    if not others:
        return []
    named = f"{others[0].name} and {len(others) - 1:,} more" if others[1:] else others[0].name
    if _counts_from_0(records):
        return [f"stains are numbered from 0 ({named}): none is read; call them 1 to {N_CHANNELS}"]
    return [f"stains are numbered 1 to {N_CHANNELS}: not read are {named}"]


class ImageSource(Protocol):
    """A container of images. Another way to store them is a new class of this form.

    It is a `FileSource`, or reads its planes itself, as a `previews.PlaneReader`.
    """

    path: str
    index: PlaneIndex

    def locate(self, row: int) -> str:
        """Where a plane is, for a person."""
        ...

    def fingerprint(self) -> str:
        """Fingerprint of the container: another one once it has changed.

        Where the index holds places in a file, that of the file as it was indexed.

        Raises
        ------
        OSError
            If it is not known: also once another file is in the place of the one indexed.
        """
        ...

    def file(self, row: int) -> str:
        """Path of the file that holds a plane."""
        ...

    def stamp(self, row: int) -> str:
        """`Storage.stamp` of this file; raises OSError."""
        ...


class FileSource(ImageSource, Protocol):
    """A container of image files."""

    def read(self, row: int, n_bytes: int | None = None) -> bytes:
        """Bytes of the image file in this row of the index; raises OSError when that fails.

        With `n_bytes`, at least so many of them from the start, if there are so many.
        """
        ...


def record_of_name(path: str, plate: PlateId, first: int, second: int) -> PlaneRecord | None:
    """Record of a member or file, by its base name; None if that is no image's name."""
    image = parse_image_name(posixpath.basename(path))
    if image is None:
        return None
    position = image.row * N_COLUMNS + image.column
    return PlaneRecord(plate, position, image.channel, image.site, path, first, second)

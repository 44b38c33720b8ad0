"""Which image planes a container holds, and where in it."""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from napari_rxrx3.core.plate import (
    N_CHANNELS,
    N_COLUMNS,
    N_POSITIONS,
    PlateId,
    WellId,
    parse_image_name,
)
from napari_rxrx3.core.words import count

__all__ = [
    "FileSource",
    "ImageSource",
    "PlaneIndex",
    "PlaneRecord",
    "WithFields",
    "places_by_field",
    "record_of_name",
]

Array = np.ndarray[Any, Any]

_NAMED = 3
_SEVERAL = 2


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
    others : tuple of PlaneIndex
        Of wells with several sites the others, in their order; this one is of the first of each.
    """

    plates: tuple[PlateId, ...]
    code: Array
    first: Array
    second: Array
    name: Array
    notes: tuple[str, ...] = ()
    n_channels: int = N_CHANNELS
    others: tuple[PlaneIndex, ...] = ()

    @classmethod
    def of(
        cls,
        records: Iterable[PlaneRecord],
        notes: Iterable[str] = (),
        n_channels: int = N_CHANNELS,
    ) -> PlaneIndex:
        """Index records, those of several sites apart; of repeated members the last is kept."""
        records = list(records)
        found = [r for r in records if 1 <= r.channel <= n_channels]
        notes = [*notes, *_other_stains(records)]
        if _counts_from_0(records):
            found = []
        plates = tuple(sorted({r.plate for r in found}))
        twice: list[str] = []
        first, *others = (
            cls._of_field(each, plates, n_channels, twice) for each in _by_field(found)
        )
        more = max(0, len(twice) - _NAMED)
        notes += twice[:_NAMED] + ([f"{more:,} more are there twice"] if more else [])
        notes += _uneven(found) if others else []
        return replace(first, notes=tuple(notes), others=tuple(others))

    @classmethod
    def _of_field(
        cls,
        records: Iterable[PlaneRecord],
        plates: tuple[PlateId, ...],
        n_channels: int,
        twice: list[str],
    ) -> PlaneIndex:
        """Index records of one site a well; what is there twice goes to `twice`."""
        number = {plate: i for i, plate in enumerate(plates)}
        best: dict[int, PlaneRecord] = {}
        for record in records:
            code = (number[record.plate] * N_POSITIONS + record.position) * n_channels
            code += record.channel - 1
            if code in best:
                twice.append(f"{record.name} is read and {best[code].name} is not: one image")
            best[code] = record
        codes = sorted(best)
        names = [best[c].name.encode(errors="surrogateescape") for c in codes]
        return cls(
            plates,
            np.array(codes, dtype=np.int64),
            np.array([best[c].first for c in codes], dtype=np.int64),
            np.array([best[c].second for c in codes], dtype=np.int64),
            np.array(names, dtype=np.bytes_),
            n_channels=n_channels,
        )

    def at_field(self, field: int) -> PlaneIndex:
        """The index of another site of each well, from 1; of one that no well has, an empty one."""
        if field == 1:
            return self
        if field <= len(self.others) + 1:
            return self.others[field - 2]
        nothing = {name: getattr(self, name)[:0] for name in _PLACES}
        return replace(self, **nothing, notes=(), others=())

    def called(self, plate: PlateId) -> PlaneIndex:
        """The same of a plate by another name; that of one plate alone is changed."""
        if len(self.plates) != 1:
            return self
        return replace(self, plates=(plate,), others=tuple(o.called(plate) for o in self.others))

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
        """By name; of the second site on, names end with its number, as in ``code_2``."""
        arrays = {
            "experiment": np.array([p.experiment for p in self.plates], dtype=np.str_),
            "plate": np.array([p.plate for p in self.plates], dtype=np.int64),
            "notes": np.array(self.notes, dtype=np.str_),
        }
        for field, index in enumerate((self, *self.others), start=1):
            arrays |= {f"{name}{_ending(field)}": getattr(index, name) for name in _PLACES}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> PlaneIndex:
        named = zip(arrays["experiment"].tolist(), arrays["plate"].tolist(), strict=True)
        plates = tuple(PlateId(experiment, plate) for experiment, plate in named)
        first, *others = (cls(plates, *places) for places in places_by_field(arrays))
        return replace(first, notes=tuple(arrays["notes"].tolist()), others=tuple(others))


_PLACES = ("code", "first", "second", "name")
"""What an index holds of each plane."""


def _ending(field: int) -> str:
    return f"_{field}" if field > 1 else ""


def places_by_field(arrays: Mapping[str, Array]) -> list[tuple[Array, Array, Array, Array]]:
    """``code``, ``first``, ``second`` and ``name`` of each site of `PlaneIndex.to_arrays`."""
    found: list[tuple[Array, Array, Array, Array]] = []
    while not found or f"code{_ending(len(found) + 1)}" in arrays:
        of = _ending(len(found) + 1)
        code, first, second, name = (arrays[f"{each}{of}"] for each in _PLACES)
        found.append((code, first, second, name))
    return found


def _sites(records: Iterable[PlaneRecord]) -> dict[tuple[PlateId, int], list[int]]:
    """Those of each well of which there are images, in their order."""
    found: dict[tuple[PlateId, int], set[int]] = defaultdict(set)
    for record in records:
        found[record.plate, record.position].add(record.site)
    return {well: sorted(sites) for well, sites in found.items()}


def _by_field(records: Sequence[PlaneRecord]) -> list[list[PlaneRecord]]:
    """Records of the first site of each well, of the second one and so on; one list at least.

    By well, not by the number: of a well of which only site 2 is here, that is what can be shown.
    """
    if len({record.site for record in records}) < _SEVERAL:
        return [list(records)]
    sites = _sites(records)
    fields: list[list[PlaneRecord]] = [[] for _ in range(max(map(len, sites.values())))]
    for record in records:
        fields[sites[record.plate, record.position].index(record.site)].append(record)
    return fields


def _uneven(records: Iterable[PlaneRecord]) -> list[str]:
    """Say that wells have fewer sites than others, or fewer stains of one site than of another."""
    stains: dict[tuple[PlateId, int], Counter[int]] = defaultdict(Counter)
    for record in records:
        stains[record.plate, record.position][record.site] += 1
    most = max(map(len, stains.values()))
    fewer = [well for well, found in stains.items() if len(found) < most]
    uneven = [well for well, found in stains.items() if len(set(found.values())) > 1]
    notes = []
    if fewer:
        what = f"{_have(fewer)} fewer sites than the {most} of others"
        notes.append(f"{what}: {_called(fewer[0])} has {len(stains[fewer[0]])}")
    if uneven:
        what = f"{_have(uneven)} fewer images of one site than of another"
        notes.append(f"{what}: {_called(uneven[0])}")
    return notes


def _have(wells: Sequence[object]) -> str:
    return f"{count(len(wells), 'well')} {'has' if len(wells) == 1 else 'have'}"


def _called(well: tuple[PlateId, int]) -> str:
    plate, position = well
    return str(WellId(*plate, *divmod(position, N_COLUMNS)))


class WithFields:
    """Images by an index that may be of several sites of each well, called fields."""

    def __init__(self, index: PlaneIndex) -> None:
        self.index = self._every = index
        self.field = 1

    @property
    def n_fields(self) -> int:
        """How many images a well has of each channel, at most."""
        return len(self._every.others) + 1

    def at_field(self, field: int) -> Self:
        """The same images, of which another field is read; nothing is read for that."""
        if field == self.field:
            return self
        other = copy(self)
        other.field = field
        other.index = replace(self._every.at_field(field), notes=self._every.notes)
        return other

    @property
    def _field_in_print(self) -> str:
        """What a fingerprint says of the field."""
        return f"|field {self.field}" if self.field > 1 else ""


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
    field: int
    """Of several images of a well the one that the index is of, from 1."""

    @property
    def n_fields(self) -> int:
        """How many images a well has of each channel, at most."""
        ...

    def at_field(self, field: int) -> Self:
        """The same container, of which another field is read."""
        ...

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

"""Plate tars, read in place: an index of their headers says where each image lies."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from typing import IO

from napari_rxrx3.core.errors import CHANGED
from napari_rxrx3.core.plate import IMAGE_ENDINGS, PlateId, parse_image_name
from napari_rxrx3.data.files.archives import is_companion
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.planes import PlaneIndex, PlaneRecord, record_of_name
from napari_rxrx3.data.images.plate_names import plate_of_path

__all__ = ["CUT_OFF", "TarSource", "iter_members"]

CUT_OFF = "the tar cannot be read to its end"
"""Begins the note on a tar of which only the first part could be indexed."""

_MOST_BYTES = 1 << 50


class TarSource:
    """One plate's tar of images."""

    def __init__(
        self, storage: Storage, path: str, index: PlaneIndex, made_from: str | None = None
    ) -> None:
        self._storage = storage
        self.path = path
        self.index = index
        # the index tells where things lie in the file as it was then, whatever is there now
        self._made_from = storage.fingerprint(path) if made_from is None else made_from

    def read(self, row: int, n_bytes: int | None = None) -> bytes:
        start, size = int(self.index.first[row]), int(self.index.second[row])
        size = min(size, n_bytes or size)
        found = self._storage.read(self.path, start - tarfile.BLOCKSIZE, start + size)
        head, data = found[: tarfile.BLOCKSIZE], found[tarfile.BLOCKSIZE :]
        if len(head) == tarfile.BLOCKSIZE and not self._is_head_of(head, row):
            raise OSError(CHANGED)
        if len(data) < size:
            raise OSError(f"the tar ends after {len(data)} of the image's {size} bytes")
        return data

    def _is_head_of(self, head: bytes, row: int) -> bool:
        """Whether the header before an image is still its own: another tar may be there now."""
        try:
            member = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return False
        name = self.index.name[row].decode(errors="surrogateescape")
        # a longer name stands in a header of its own, and is cut off here in any way
        is_short = len(name) < tarfile.LENGTH_NAME and name.isascii()
        return member.size == self.index.second[row] and (member.name == name or not is_short)

    def locate(self, row: int) -> str:
        return f"{self.path}, member {self.index.name[row].decode(errors='replace')}"

    def fingerprint(self) -> str:
        return self._storage.unless_changed(self.path, self._made_from)

    def file(self, row: int) -> str:
        return self.path

    def stamp(self, row: int) -> str:
        return self._storage.stamp(self.path)

    @staticmethod
    def build_index(storage: Storage, path: str, plate: PlateId | None = None) -> PlaneIndex:
        """Read the headers of all members; a damaged tar gives what comes before the damage."""
        records: list[PlaneRecord] = []
        notes: list[str] = []
        with storage.open(path) as file:
            for member in iter_members(file, notes):
                if parse_image_name(posixpath.basename(member.name)) is None:
                    notes.extend(_odd_image(member))
                    continue
                at = plate or _plate_of_member(path, member.name)
                record = record_of_name(member.name, at, member.offset_data, member.size)
                if record is not None:
                    records.append(record)
        return PlaneIndex.of(records, notes)


def iter_members(file: IO[bytes], notes: list[str]) -> Iterator[tarfile.TarInfo]:
    """Plain files of an uncompressed tar, in order; what stops the reading goes to `notes`."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                if member.size > _MOST_BYTES:
                    raise ValueError(f"{member.name} claims to have {member.size} bytes")
                if member.isfile() and not member.issparse() and not is_companion(member.name):
                    yield member
    except (tarfile.TarError, OSError, ValueError) as error:
        notes.append(f"{CUT_OFF} ({error})")


def _plate_of_member(path: str, member: str) -> PlateId:
    """The tar's own path names the plate; failing that, the member's folder."""
    experiment, number = plate_of_path(path)
    if number is None:
        inner_experiment, inner_number = plate_of_path(posixpath.dirname(member))
        if inner_number is not None:
            return PlateId(inner_experiment or experiment, inner_number)
    return PlateId(experiment, number or 0)


def _odd_image(member: tarfile.TarInfo) -> list[str]:
    if member.name.lower().endswith(IMAGE_ENDINGS):
        return [f"{member.name} is not named like an image of a 1536-well plate"]
    return []

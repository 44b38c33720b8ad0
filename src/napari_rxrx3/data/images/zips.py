"""Zips of images, read in place: each member is packed by itself, and its list says where it is."""

from __future__ import annotations

import posixpath
import struct
import zipfile
import zlib

from napari_rxrx3.core.errors import CHANGED
from napari_rxrx3.core.plate import PlateId, parse_image_name
from napari_rxrx3.data.files.archives import is_companion, is_readable_member, name_in_folder
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.container import Container
from napari_rxrx3.data.images.planes import PlaneIndex, PlaneRecord, record_of_name
from napari_rxrx3.data.images.plate_names import plate_of_path

__all__ = ["ZipSource"]

_HEAD = struct.Struct("<4s5H3I2H")
_EXTRA = 256  # more than anybody writes ahead of a member's bytes
_DEFLATED = 8
_MOST_TIMES, _ANY_BYTES = 100, 16 << 20
"""No image becomes so much larger when it is unpacked, unless it is small."""


class ZipSource(Container):
    """A zip of the images of one plate or of more, packed or just put together."""

    word = "member"

    def read(self, row: int, n_bytes: int | None = None) -> bytes:
        size = int(self.index.second[row])
        if n_bytes is not None:
            # deflate makes nothing longer by more than a few bytes in each 16 kB
            part = self._packed(row, min(size, n_bytes + n_bytes // 1000 + 64))
            if len(data := self._unpacked(*part, n_bytes)) >= n_bytes:
                return data
        return self._unpacked(*self._packed(row, size), n_bytes or _most_bytes(size))

    def _packed(self, row: int, n_bytes: int) -> tuple[int, bytes]:
        """How a member is packed, and its first bytes as they are in the file."""
        start = int(self.index.first[row])
        ahead = _HEAD.size + len(self.index.name[row]) + _EXTRA
        stop = start + ahead + int(self.index.second[row])
        end = self._storage.size(self.path) or stop
        found = self._part(start, min(stop, end), ahead + n_bytes)
        if len(found) < _HEAD.size:
            raise OSError("the zip ends before the image")
        sign, _, _, method, _, _, _, _, _, n_name, n_extra = _HEAD.unpack_from(found)
        name = found[_HEAD.size : _HEAD.size + n_name]
        told = self.index.name[row]
        if sign != b"PK\x03\x04" or (told.isascii() and name != told):
            raise OSError(CHANGED)
        begin = _HEAD.size + n_name + n_extra
        data = found[begin : begin + n_bytes]
        if len(data) < n_bytes:
            data = self._storage.read(self.path, start + begin, start + begin + n_bytes)
        if len(data) < n_bytes:
            raise OSError(f"the zip ends after {len(data)} of the image's {n_bytes} bytes")
        return method, data

    def _unpacked(self, method: int, data: bytes, n_bytes: int) -> bytes:
        if method != _DEFLATED:
            return data[:n_bytes]
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, n_bytes)
        except zlib.error as error:
            raise OSError(f"its bytes in the zip are damaged ({error})") from error

    @staticmethod
    def build_index(storage: Storage, path: str, plate: PlateId | None = None) -> PlaneIndex:
        """Read the list at the end of a zip; what is packed otherwise than by deflate is noted.

        Raises
        ------
        OSError
        """
        records: list[PlaneRecord] = []
        notes: list[str] = []
        try:
            with storage.open(path) as file, zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise OSError(f"the list of the zip is damaged: {error}") from error
        for member in members:
            name = member.filename
            if parse_image_name(name_in_folder(name)) is None or is_companion(name):
                continue
            if not is_readable_member(member):
                notes.append(f"{name} is packed in a way, or with a password, that is not read")
                continue
            if member.file_size > _most_bytes(member.compress_size):
                notes.append(f"{name} unpacks to {member.file_size:,} bytes, as no image does")
                continue
            plain = name.replace("\\", "/")
            at = _plate_of_member(path, plain, plate)
            record = record_of_name(plain, at, member.header_offset, member.compress_size)
            if record is not None:
                records.append(record._replace(name=name))
        return PlaneIndex.of(records, notes)


def _most_bytes(packed: int) -> int:
    return _ANY_BYTES + _MOST_TIMES * packed


def _plate_of_member(path: str, member: str, plate: PlateId | None) -> PlateId:
    """The member's folder names the plate; failing that, the zip's own path."""
    experiment, number = plate_of_path(path) if plate is None else plate
    inner_experiment, inner_number = plate_of_path(posixpath.dirname(member))
    if inner_number is not None:
        return PlateId(inner_experiment or experiment, inner_number)
    return PlateId(experiment, number or 0)

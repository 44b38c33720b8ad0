"""The first rows of a PNG from the first part of its file.

A PNG is one compressed stream of rows from the top. So much of it as holds the wanted rows is
inflated here and handed to libpng as a shorter image, which takes care of the filters. No setting
of a library is touched, and the long steps run outside of Python's lock.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple

import imagecodecs
import numpy as np

__all__ = ["PNG", "PngHeader", "bytes_for_rows", "first_rows", "png_header"]

Plane = np.ndarray[Any, Any]

PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS_FROM = 33
_GRAY = 0


class PngHeader(NamedTuple):
    width: int
    height: int
    bits: int
    color: int
    is_interlaced: bool

    @property
    def is_plain(self) -> bool:
        """Rows of gray pixels of 8 or 16 bits, one after the other."""
        return self.color == _GRAY and self.bits in (8, 16) and not self.is_interlaced

    @property
    def row_bytes(self) -> int:
        """Length of a plain image's row with the byte that names its filter."""
        return 1 + self.width * self.bits // 8


def png_header(data: bytes) -> PngHeader:
    """Read the header of a PNG.

    Raises
    ------
    ValueError
        If it is cut off or damaged.
    """
    if len(data) < _CHUNKS_FROM:
        raise ValueError("truncated header")
    length, kind, width, height, bits, color, _, _, interlace, crc = struct.unpack_from(
        ">I4sIIBBBBBI", data, len(PNG)
    )
    if length != 13 or kind != b"IHDR":
        raise ValueError("cannot identify the header")
    if zlib.crc32(data[12:29]) != crc:
        raise ValueError("CRC error in the header")
    if not (width and height):
        raise ValueError("its header says that it has no pixels")
    return PngHeader(width, height, bits, color, bool(interlace))


def bytes_for_rows(header: PngHeader, n_rows: int) -> int:
    """How much of a plain PNG's file holds its first rows, though they cannot be compressed."""
    return 8192 + int(1.005 * n_rows * header.row_bytes)


def first_rows(data: bytes, header: PngHeader, n_rows: int) -> Plane | None:
    """Decode the first rows of a PNG; None if only the whole file can be decoded.

    Parameters
    ----------
    data : bytes
        The file, or its first part.

    Returns
    -------
    numpy.ndarray
        (Y, X): `n_rows` rows, or the whole image, or as many as this part of the file holds.

    Raises
    ------
    ValueError, zlib.error
        If this part of the file is damaged.
    """
    if not header.is_plain:
        return None
    wanted = min(n_rows, header.height)
    rows = _inflated(data, wanted * header.row_bytes)
    if rows is None:
        return None
    n_found = len(rows) // header.row_bytes
    if not n_found:
        return np.empty((0, header.width), np.uint8 if header.bits == 8 else np.uint16)
    image = _stored(header, n_found, rows[: n_found * header.row_bytes])
    return np.asarray(imagecodecs.png_decode(image))


def _inflated(data: bytes, wanted: int) -> bytes | None:
    """So many bytes of the filtered rows, fewer if the data are cut off."""
    stream = zlib.decompressobj()
    parts: list[bytes] = []
    found, at = 0, _CHUNKS_FROM
    while found < wanted and at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"tRNS":  # a transparent gray level makes it no gray image
            return None
        if kind == b"IEND" or stream.eof:
            raise ValueError("truncated: it holds fewer rows than its header says")
        if kind == b"IDAT":
            _check_crc(data, at, length)
            parts.append(stream.decompress(data[at + 8 : at + 8 + length], wanted - found))
            found += len(parts[-1])
        at += 12 + length
    return b"".join(parts)


def _check_crc(data: bytes, at: int, length: int) -> None:
    """Compare the checksum of a chunk, unless the data end before it."""
    end = at + 8 + length
    if end + 4 <= len(data):
        body = memoryview(data)[at + 4 : end]
        if zlib.crc32(body) != struct.unpack_from(">I", data, end)[0]:
            raise ValueError("CRC error")


def _stored(header: PngHeader, n_rows: int, rows: bytes) -> bytes:
    """Make a PNG of filtered rows that are not compressed."""
    size = struct.pack(">IIBBBBB", header.width, n_rows, header.bits, _GRAY, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    parts = [PNG]
    for kind, body in chunks:
        crc = zlib.crc32(body, zlib.crc32(kind))
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", crc)]
    return b"".join(parts)

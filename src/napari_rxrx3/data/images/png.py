"""Plain gray PNGs faster than libpng by itself, and their first rows from the first part of a file.

A PNG is one compressed stream of rows from the top. What is wanted of it is inflated here and
handed to libpng as an image that is not compressed, which takes care of the filters. libdeflate
inflates in a third of zlib's time, also the first part of a stream. No setting of a library is
touched, and the long steps run outside of Python's lock.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import imagecodecs
import numpy as np

__all__ = [
    "PNG",
    "PngHeader",
    "all_rows",
    "bytes_for_rows",
    "check_bulk",
    "first_rows",
    "opaque",
    "png_header",
]

Plane = np.ndarray[Any, Any]

PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS_FROM = 33
_GRAY = 0
_LARGE = 1 << 20  # below, libpng by itself is as fast
_MOST_PIXEL_BYTES = 8  # red, green, blue and opacity in 16 bits
_BLOCK = 0xFFFF  # the most that deflate stores without compressing it
_END = b"\0\0\0\0IEND\xaeB`\x82"
_SLACK = 1 << 16  # libdeflate writes no part of a block that is not compressed: 65,535 bytes
_NO_ROOM = "INSUFFICIENT_SPACE"

_crc32: Callable[..., int] = imagecodecs.deflate_crc32
_adler32: Callable[..., int] = imagecodecs.deflate_adler32


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
    if _crc32(data[12:29]) != crc:
        raise ValueError("CRC error in the header")
    if not (width and height):
        raise ValueError("its header says that it has no pixels")
    return PngHeader(width, height, bits, color, bool(interlace))


def bytes_for_rows(header: PngHeader, n_rows: int) -> int:
    """How much of a plain PNG's file holds its first rows, though they cannot be compressed."""
    return 8192 + int(1.005 * n_rows * header.row_bytes)


def all_rows(data: bytes, header: PngHeader) -> Plane | None:
    """Decode a large PNG; None for one that libpng is to decode by itself.

    That is a small one, an unusual one, and a damaged one, of which libpng knows what is wrong.

    Returns
    -------
    numpy.ndarray
        (Y, X), exactly as libpng gives it.
    """
    size = header.height * header.row_bytes
    if not header.is_plain or size < _LARGE or not data.endswith(_END):
        return None
    try:
        stream = b"".join(body for _, body in _chunks(data))
        rows = bytes(imagecodecs.deflate_decode(stream, out=size))
    except (ValueError, RuntimeError, imagecodecs.DeflateError):
        return None
    return _unfiltered(header, rows) if len(rows) == size else None


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
    return _unfiltered(header, _inflated(data, min(n_rows, header.height) * header.row_bytes))


def opaque(data: bytes, header: PngHeader) -> bytes:
    """A gray PNG without the chunk that says which of its levels is to be seen through.

    The levels themselves are the same; libpng would give a plane of opacity with them.
    """
    at = _CHUNKS_FROM
    while header.color == _GRAY and at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            break
        if kind == b"tRNS":
            return data[:at] + data[at + 12 + length :]
        at += 12 + length
    return data


def check_bulk(data: bytes, header: PngHeader) -> None:
    """See that a PNG does not hold far more than its header says, all of which would be inflated.

    Raises
    ------
    ValueError
    """
    most = 2 * header.height * (header.width + 1) * _MOST_PIXEL_BYTES + _LARGE // 16
    at = _CHUNKS_FROM
    found = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        found += length if kind == b"IDAT" else 0
        at += 12 + length
    if found > most:
        raise ValueError("it holds more pixels than its header says")


def _inflated(data: bytes, wanted: int) -> bytes:
    """So many bytes of the filtered rows, fewer if the data are cut off."""
    rows = _inflated_into_room(data, wanted) if _leaves_what_it_had() else None
    return _inflated_as_stream(data, wanted) if rows is None else rows


def _inflated_into_room(data: bytes, wanted: int) -> bytes | None:
    """Have libdeflate inflate till its room is full: it knows no streams.

    None if that is not all there is to it: zlib tells what is wrong.
    """
    room = bytearray(wanted + _SLACK)
    try:
        found = imagecodecs.deflate_decode(b"".join(body for _, body in _chunks(data)), out=room)
    except imagecodecs.DeflateError as error:
        return bytes(memoryview(room)[:wanted]) if _NO_ROOM in str(error) else None
    except (ValueError, RuntimeError):
        return None
    return bytes(memoryview(found)[:wanted]) if len(found) >= wanted else None


@cache
def _leaves_what_it_had() -> bool:
    """Whether libdeflate leaves what it had inflated when its room is full.

    It does, from the first byte on, but nobody promises that: it is tried once.
    """
    plain = b"".join(n.to_bytes(2, "big") * (1 + n * n % 97) for n in range(2500))
    return all(_leaves(plain, level, wanted) for level in (0, 1, 9) for wanted in (1, 999, 70_000))


def _leaves(plain: bytes, level: int, wanted: int) -> bool:
    room = bytearray(wanted + _SLACK)
    try:
        imagecodecs.deflate_decode(zlib.compress(plain, level), out=room)
    except imagecodecs.DeflateError as error:
        return _NO_ROOM in str(error) and room[:wanted] == plain[:wanted]
    return False


def _inflated_as_stream(data: bytes, wanted: int) -> bytes:
    stream = zlib.decompressobj()
    parts: list[bytes] = []
    found = 0
    for kind, body in _chunks(data):
        if kind == b"IEND" or stream.eof:
            raise ValueError("truncated: it holds fewer rows than its header says")
        parts.append(stream.decompress(body, wanted - found))
        found += len(parts[-1])
        if found >= wanted:
            break
    return b"".join(parts)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Parts of the compressed rows, the last one of which may be cut off, and the end."""
    at, view = _CHUNKS_FROM, memoryview(data)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in (b"IDAT", b"IEND"):
            _check_crc(data, at, length)
            yield kind, view[at + 8 : at + 8 + length]
        at += 12 + length


def _check_crc(data: bytes, at: int, length: int) -> None:
    """Compare the checksum of a chunk, unless the data end before it."""
    end = at + 8 + length
    if end + 4 <= len(data):
        body = memoryview(data)[at + 4 : end]
        if _crc32(body) != struct.unpack_from(">I", data, end)[0]:
            raise ValueError("CRC error")


def _unfiltered(header: PngHeader, rows: bytes) -> Plane:
    """Have libpng undo the filters of whole rows."""
    n_rows = len(rows) // header.row_bytes
    if not n_rows:
        return np.empty((0, header.width), np.uint8 if header.bits == 8 else np.uint16)
    image = _stored(header, n_rows, memoryview(rows)[: n_rows * header.row_bytes])
    return np.asarray(imagecodecs.png_decode(image))


def _stored(header: PngHeader, n_rows: int, rows: memoryview) -> bytes:
    """Make a PNG of filtered rows that are not compressed, a block a chunk."""
    size = struct.pack(">IIBBBBB", header.width, n_rows, header.bits, _GRAY, 0, 0, 0)
    parts: list[bytes | memoryview] = [PNG, *_chunk(b"IHDR", size), *_chunk(b"IDAT", b"\x78\x01")]
    for at in range(0, len(rows), _BLOCK):
        block = rows[at : at + _BLOCK]
        is_last = at + _BLOCK >= len(rows)
        head = struct.pack("<BHH", is_last, len(block), len(block) ^ _BLOCK)
        parts += _chunk(b"IDAT", head, block)
    checksum = struct.pack(">I", _adler32(rows))
    return b"".join([*parts, *_chunk(b"IDAT", checksum), *_chunk(b"IEND")])


def _chunk(kind: bytes, *bodies: bytes | memoryview) -> list[bytes | memoryview]:
    length, checksum = 0, _crc32(kind)
    for body in bodies:
        length, checksum = length + len(body), _crc32(body, checksum)
    return [struct.pack(">I", length), kind, *bodies, struct.pack(">I", checksum)]

"""Small data that unpack to gigabytes."""

from __future__ import annotations

import gzip
import zlib
from functools import cache

__all__ = ["gzip_bomb", "zlib_bomb"]

_PIECE = 10_000_000


def zlib_bomb(n: int) -> bytes:
    """So many times 10 MB of zeros, as zlib writes them."""
    checksum = (n * _PIECE % 65521) << 16 | 1
    return b"\x78\x9c" + _zeros() * n + b"\x03\x00" + checksum.to_bytes(4, "big")


def gzip_bomb(start: bytes, n: int) -> bytes:
    """Some bytes and so many times 10 MB of zeros, in a gzip whose checksum is wrong."""
    packed = zlib.compressobj(wbits=-15)
    head = packed.compress(start) + packed.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + head + _zeros() * n + b"\x03\x00" + bytes(8)


@cache
def _zeros() -> bytes:
    """A piece of a deflated stream that may be repeated."""
    packed = zlib.compressobj(wbits=-15)
    return packed.compress(bytes(_PIECE)) + packed.flush(zlib.Z_FULL_FLUSH)

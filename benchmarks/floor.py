"""The least that this machine can take: raw decoding by the fastest library, on all cores."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from benchmarks.make_data import CORE, TARS, encoded
from benchmarks.timing import timed

__all__ = ["decode_all", "fastest", "small_seconds", "top_all"]

Plane = np.ndarray[Any, Any]
Decoder = Callable[[bytes], Plane]

_CORES = os.cpu_count() or 1
_POOL = ThreadPoolExecutor(_CORES)
_ROWS = 192
_PNG_START = 8


def decode_all(kind: str, files: Sequence[bytes]) -> list[Plane]:
    """Decode whole planes on all cores."""
    return list(_POOL.map(fastest(kind, whole=True)[1], files))


def top_all(kind: str, files: Sequence[bytes]) -> list[Plane]:
    """Decode the first rows of PNGs on all cores."""
    return list(_POOL.map(fastest(kind, whole=False)[1], files))


def small_seconds(kind: str, files: Sequence[bytes]) -> float:
    """Seconds to decode the least that an overview needs of each file, divided by the cores.

    Measured on one thread: Pillow holds Python's lock while it decodes, so its threads would
    wait for each other.
    """
    decode = fastest(kind, whole=False)[1]
    return timed(lambda: [decode(file) for file in files]) / _CORES


@cache
def fastest(kind: str, whole: bool) -> tuple[str, Decoder]:
    """Name and function of the fastest way to decode whole planes on all cores, or an overview's.

    For an overview, JPEG 2000 is decoded to 64 px from its own pyramid, a PNG only as far as its
    first 192 rows.
    """
    files = [encoded(kind, 0, channel) for channel in (1, 2, 3, 4)]
    decoders = _DECODERS[kind, whole]
    seconds = {name: _best_of_three(decode, files) for name, decode in decoders.items()}
    best = min(seconds, key=seconds.__getitem__)
    return best, decoders[best]


def _best_of_three(decode: Decoder, files: Sequence[bytes]) -> float:
    return min(timed(lambda: list(_POOL.map(decode, files))) for _ in range(3))


def _pillow(data: bytes) -> Plane:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _pillow_reduced(data: bytes) -> Plane:
    with Image.open(io.BytesIO(data)) as image:
        image.reduce = 3  # type: ignore[method-assign, assignment]
        return np.asarray(image)


def _png_top(data: bytes) -> Plane:
    """Inflate the first rows only, and have libpng undo the filters of these."""
    width = int.from_bytes(data[16:20], "big")
    raw = _inflated(data, _ROWS * (1 + 2 * width))
    header = data[16:20] + _ROWS.to_bytes(4, "big") + data[24:29]
    stored = _chunk(b"IDAT", zlib.compress(raw, 0))
    start = data[:_PNG_START] + _chunk(b"IHDR", header)
    return np.asarray(imagecodecs.png_decode(start + stored + _chunk(b"IEND", b"")))


def _inflated(data: bytes, wanted: int) -> bytes:
    stream, parts, at = zlib.decompressobj(), [], _PNG_START
    while wanted > 0 and at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if name == b"IDAT":
            parts.append(stream.decompress(data[at + 8 : at + 8 + size], wanted))
            wanted -= len(parts[-1])
        at += 12 + size
    return b"".join(parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


_DECODERS: dict[tuple[str, bool], dict[str, Decoder]] = {
    (CORE, True): {"imagecodecs (OpenJPEG)": imagecodecs.jpeg2k_decode, "Pillow": _pillow},
    (TARS, True): {"imagecodecs (libpng)": imagecodecs.png_decode, "Pillow": _pillow},
    (CORE, False): {"Pillow, reduced 8 x": _pillow_reduced},
    (TARS, False): {"zlib and libpng, first 192 rows": _png_top},
}

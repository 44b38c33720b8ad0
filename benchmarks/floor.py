"""The least that this machine can take: decoding by the fastest way there is, on all cores.

Which way that is, is measured in each process anew. What the plugin itself does is one of them.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from benchmarks.measuring import interleaved, timed
from benchmarks.synthetic_images import CORE, TARS, encoded, files_of, kind_of_well
from napari_rxrx3.core.plate import N_CHANNELS, parse_address
from napari_rxrx3.data.images.decode import decode, decode_prefix
from napari_rxrx3.data.images.jpeg2000 import reduced_image
from napari_rxrx3.data.images.previews import PREFIX_ROWS, PREVIEW_SIZE

__all__ = [
    "DECODERS",
    "Fastest",
    "decode_all",
    "fastest",
    "piece_all",
    "planes_of",
    "small_seconds",
    "top_all",
    "what_less_would_cost",
]

Plane = np.ndarray[Any, Any]
Decoder = Callable[[bytes], Plane]

_CORES = os.cpu_count() or 1
_POOL = ThreadPoolExecutor(_CORES)
_ROUNDS = 5
_PNG_START = 8
_LEVELS, _MOST_LEVELS = 3, 6
"""An eighth of 512 pixels are the 64 of a thumbnail; of 8 pixels there is next to nothing."""
_LAYERS = 3
"""Quality layers of RxRx3-core's images."""


def decode_all(kind: str, files: Sequence[bytes]) -> list[Plane]:
    """Decode whole planes on all cores."""
    return list(_POOL.map(fastest(kind, whole=True).decode, files))


def top_all(kind: str, files: Sequence[bytes]) -> list[Plane]:
    """Decode the first rows of PNGs on all cores."""
    return list(_POOL.map(fastest(kind, whole=False).decode, files))


def piece_all(kind: str, files: Sequence[bytes], n_rows: int) -> list[Plane]:
    """Decode as little of each file as a piece of it at full resolution needs, on all cores.

    That is all of a JPEG 2000, and of a PNG its first rows.
    """
    if kind == CORE:
        return decode_all(kind, files)
    way = _TOPS[fastest(kind, whole=False).name]
    return list(_POOL.map(partial(way, n_rows=n_rows), files))


def small_seconds(kind: str, files: Sequence[bytes]) -> float:
    """Seconds to decode the least that an overview needs of each file, divided by the cores.

    Measured on one thread: Pillow holds Python's lock while it decodes, so its threads would
    wait for each other.
    """
    small = fastest(kind, whole=False).decode
    return timed(lambda: [small(file) for file in files]) / _CORES


def what_less_would_cost(files: Sequence[bytes]) -> str:
    """Say what smaller or rougher thumbnails of JPEG 2000 would take, and what they would lose."""

    def decoded(data: bytes, levels: int, layers: int) -> Plane:
        with Image.open(io.BytesIO(data)) as image:
            image.reduce = levels  # type: ignore[method-assign, assignment]
            image.layers = layers  # type: ignore[attr-defined]
            return np.asarray(image)

    ways = {"all": (_LEVELS, 0), "least": (_MOST_LEVELS, 0)}
    ways |= {f"{n} of {_LAYERS} quality layers": (_LEVELS, n) for n in range(_LAYERS - 1, 0, -1)}

    def run(way: tuple[int, int], i: int) -> float:
        return timed(lambda: [decoded(file, *way) for file in files]) / len(files)

    took = interleaved(_ROUNDS, {name: partial(run, way) for name, way in ways.items()})
    best = {name: f"{1000 * min(values):.2f} ms" for name, values in took.items()}
    whole = np.array([decoded(file, *ways["all"]) for file in files], dtype=float)
    rougher = [
        f"by {name} {best[name]}, with gray levels that are "
        f"{np.abs(np.array([decoded(f, *ways[name]) for f in files]) - whole).mean():.1f} off"
        for name in list(ways)[2:]
    ]
    side = PREVIEW_SIZE >> (_MOST_LEVELS - _LEVELS)
    return (
        f"decoding alone takes {best['all']} an image, at {side} px still {best['least']}, as all "
        f"parts of its code are gone through; {', '.join(rougher)}, which is not done"
    )


def planes_of(kind: str, address: str) -> list[Plane]:
    """What the six layers of a well should hold, decoded by a library and not by us."""
    return _planes_of_well(kind, kind_of_well(kind, *parse_address(address)))


@cache
def _planes_of_well(kind: str, well: int) -> list[Plane]:
    by_a_library = next(iter(DECODERS[kind, True].values()))
    files = [encoded(kind, well, c) for c in range(1, N_CHANNELS + 1)]
    return list(_POOL.map(by_a_library, files))


@dataclass(frozen=True)
class Fastest:
    """The fastest of some ways to decode.

    Attributes
    ----------
    seconds : mapping of str to float
        An image, for each way that was tried, on all cores at once where it is for whole planes.
    """

    name: str
    decode: Decoder
    seconds: Mapping[str, float]

    @property
    def note(self) -> str:
        """Say which it is, and what the others took."""
        ways = sorted(self.seconds, key=self.seconds.__getitem__)
        took = ", ".join(f"{way} {1000 * self.seconds[way]:.2f} ms" for way in ways)
        return f"floor decoded by {self.name}, the fastest of all in this run ({took} an image)"


@cache
def fastest(kind: str, whole: bool) -> Fastest:
    """Find the fastest way to decode whole planes on all cores, or what an overview needs.

    For an overview that is JPEG 2000 at 64 px from its own pyramid, and of a PNG its first rows;
    these are timed on one thread.

    Raises
    ------
    RuntimeError
        If they do not all give the same pixels.
    """
    files = files_of(kind, "B02")
    ways = DECODERS[kind, whole]
    _check_same(ways, files[0])
    run = _POOL.map if whole else map

    def decode_by(way: Decoder, i: int) -> float:
        return timed(lambda: list(run(way, files))) / len(files)

    took = interleaved(_ROUNDS, {name: partial(decode_by, way) for name, way in ways.items()})
    seconds = {name: min(values) for name, values in took.items()}
    best = min(seconds, key=seconds.__getitem__)
    return Fastest(best, ways[best], seconds)


def _check_same(ways: Mapping[str, Decoder], file: bytes) -> None:
    first, *others = (way(file) for way in ways.values())
    if not all(np.array_equal(first, other) for other in others):
        raise RuntimeError(f"not the same pixels by {', '.join(ways)}")


def _pillow(data: bytes) -> Plane:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _pillow_reduced(data: bytes) -> Plane:
    with Image.open(io.BytesIO(data)) as image:
        image.reduce = _LEVELS  # type: ignore[method-assign, assignment]
        return np.asarray(image)


def _our_reduced(data: bytes) -> Plane:
    return np.asarray(reduced_image(data, PREVIEW_SIZE))


def _our_top(data: bytes, n_rows: int = PREFIX_ROWS) -> Plane:
    return decode_prefix(data, n_rows)


def _png_top(data: bytes, n_rows: int = PREFIX_ROWS) -> Plane:
    """Inflate the first rows only, and have libpng undo the filters of these."""
    width = int.from_bytes(data[16:20], "big")
    raw = _inflated(data, n_rows * (1 + 2 * width))
    header = data[16:20] + n_rows.to_bytes(4, "big") + data[24:29]
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


_TOPS: dict[str, Callable[..., Plane]] = {
    "zlib and libpng": _png_top,
    "our own decoder": _our_top,
}

DECODERS: dict[tuple[str, bool], dict[str, Decoder]] = {
    (CORE, True): {
        "imagecodecs (OpenJPEG)": imagecodecs.jpeg2k_decode,
        "Pillow": _pillow,
        "our own decoder": decode,
    },
    (TARS, True): {
        "imagecodecs (libpng)": imagecodecs.png_decode,
        "Pillow": _pillow,
        "our own decoder (libdeflate and libpng)": decode,
    },
    (CORE, False): {"Pillow, reduced 8 x": _pillow_reduced, "our own decoder": _our_reduced},
    (TARS, False): _TOPS,
}
"""Ways to decode, for each kind of image whole or as little of it as an overview needs."""

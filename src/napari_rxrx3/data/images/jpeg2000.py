"""JPEG 2000 at reduced resolution: here, or as the script of a worker process.

Pillow decodes JPEG 2000 without letting go of Python's lock, so that threads cannot share the
work. As a script this file imports nothing else of this package.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

if TYPE_CHECKING:
    from napari_rxrx3.data.worker_process import Channel

__all__ = ["MAX_PIXELS", "components_of", "reduced", "reduced_image", "work"]

MAX_PIXELS = 16384 * 16384 // 4
"""No image of a well is larger."""

_BYTES = {"L": 1, "I;16": 2}
_CODE_BEGINS = b"\xff\x4f\xff\x51"
_N_COMPONENTS, _DEPTH = 40, 42
"""Where in the code, after its beginning, they are said."""


def reduced_image(data: bytes, size: int) -> Image.Image:
    """Decode the lowest level of a JPEG 2000 whose smaller side has `size` pixels or more.

    Only of one component of 8 or 16 bits without a sign: of all others Pillow changes the values.
    """
    if not _is_plain(data):
        raise ValueError("not one component of 8 or 16 bits")
    image = Jpeg2KImageFile(io.BytesIO(data))  # Image.open would try other formats too
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"claims {width} x {height} pixels")
    levels = 0
    while min(width, height) >> (levels + 1) >= size and levels < 5:
        levels += 1
    image.reduce = levels
    image.load()
    return image


def _is_plain(data: bytes) -> bool:
    return components_of(data) in ((1, 8, False), (1, 16, False))


def components_of(data: bytes) -> tuple[int, int, bool] | None:
    """How many components there are, bits of the first, and whether it has a sign, by the code."""
    begin = data.find(_CODE_BEGINS)
    if begin < 0 or len(data) <= begin + _DEPTH:
        return None
    n_components = int.from_bytes(data[begin + _N_COMPONENTS : begin + _DEPTH], "big")
    depth = data[begin + _DEPTH]
    return n_components, (depth & 0x7F) + 1, depth > 0x7F  # one less is written


def reduced(data: bytes, size: int) -> tuple[int, int, int, bytes] | None:
    """Width, height, bytes a pixel and the pixels of `reduced_image`; None if that fails."""
    try:
        image = reduced_image(data, size)
        if image.mode not in _BYTES:
            return None
        return (*image.size, _BYTES[image.mode], image.tobytes())
    except Exception:  # a codec raises whatever it likes; a full decode will tell what is wrong
        return None


def work(channel: Channel) -> None:
    """Answer images with their pixels, some at a time, of each its shape or None if it fails."""
    while (asked := channel.receive()) is not None:
        shapes: list[tuple[int, int, int] | None] = []
        pixels: list[bytes] = []
        start = 0
        for length in asked.words["lengths"]:
            found = reduced(asked.content[start : start + length], asked.words["size"])
            start += length
            shapes.append(None if found is None else found[:3])
            pixels.append(b"" if found is None else found[3])
        channel.send({"shapes": shapes}, b"".join(pixels))

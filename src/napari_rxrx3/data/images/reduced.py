"""JPEG 2000 at reduced resolution; run as a script, this file does it for another process.

Pillow decodes JPEG 2000 without letting go of Python's lock, so that threads cannot share the
work. As a script it is loaded by its path and imports nothing else of this package.
"""

from __future__ import annotations

import io
import signal
import struct
import sys

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

__all__ = ["ANSWER", "MAX_PIXELS", "REQUEST", "reduced", "reduced_image"]

MAX_PIXELS = 16384 * 16384 // 4
"""No image of a well is larger."""
REQUEST = struct.Struct("<II")
"""Number of bytes that follow, and the size that is wanted."""
ANSWER = struct.Struct("<IIB")
"""Width, height and bytes a pixel of what follows; all 0 if it cannot be decoded."""

_BYTES = {"L": 1, "I;16": 2}


def reduced_image(data: bytes, size: int) -> Image.Image:
    """Decode the lowest level of a JPEG 2000 whose smaller side has `size` pixels or more."""
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


def reduced(data: bytes, size: int) -> tuple[int, int, int, bytes] | None:
    """Width, height, bytes a pixel and the pixels of `reduced_image`; None if that fails."""
    try:
        image = reduced_image(data, size)
        if image.mode not in _BYTES:
            return None
        return (*image.size, _BYTES[image.mode], image.tobytes())
    except Exception:  # a codec raises whatever it likes; a full decode will tell what is wrong
        return None


def _serve() -> None:
    """Answer requests until the other process closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is meant for the other process
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(REQUEST.size)) == REQUEST.size:
        n_bytes, size = REQUEST.unpack(head)
        width, height, depth, pixels = reduced(source.read(n_bytes), size) or (0, 0, 0, b"")
        sink.write(ANSWER.pack(width, height, depth) + pixels)
        sink.flush()


if __name__ == "__main__":
    _serve()

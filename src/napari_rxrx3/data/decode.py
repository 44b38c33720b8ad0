"""From the bytes of one image file to one plane."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

__all__ = ["UndecodableImage", "decode", "decode_small", "image_layout"]

Plane = np.ndarray[Any, Any]

_MAX_PIXELS = 16384 * 16384 // 4
_PNG = b"\x89PNG\r\n\x1a\n"
_JP2 = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


class UndecodableImage(Exception):
    """The bytes are no gray image that this library reads; the text says why."""


def decode(data: bytes) -> Plane:
    """Decode a gray PNG, JPEG 2000 or TIFF.

    Returns
    -------
    numpy.ndarray
        (Y, X), uint8 or uint16.

    Raises
    ------
    UndecodableImage
        If the bytes are damaged, of another kind, or not one gray plane of 8 or 16 bits.
    """
    kind = _kind(data)
    _check_size(data, kind)
    try:
        if kind == "PNG":
            plane = imagecodecs.png_decode(data)
        elif kind == "JPEG 2000":
            plane = imagecodecs.jpeg2k_decode(data)
        else:
            plane = tifffile.imread(io.BytesIO(data))
    except Exception as error:  # codecs raise whatever they like on damaged bytes
        raise _damaged(kind, error) from error
    return _gray(np.asarray(plane))


def decode_small(data: bytes, size: int) -> Plane:
    """Decode to a (size, size) thumbnail, by area mean; dtype as in the file.

    JPEG 2000 stores a pyramid: only the levels that `size` needs are decoded.
    """
    if _kind(data) == "JPEG 2000":
        return _shrink(_decode_reduced(data, size), size)
    return _shrink(decode(data), size)


def image_layout(data: bytes) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Shape (Y, X) and dtype of an image, from its header; `data` may end early.

    Raises
    ------
    UndecodableImage
        If that tells that it is no gray image of 8 or 16 bits.
    """
    kind = _kind(data)
    if kind == "TIFF":
        return _tiff_layout(data)
    width, height, mode = _check_size(data, kind)
    if mode not in ("L", "I;16", "I;16B", "I"):
        raise UndecodableImage(f"not a gray image of 8 or 16 bits (mode {mode})")
    return (height, width), np.dtype(np.uint8 if mode == "L" else np.uint16)


def _tiff_layout(data: bytes) -> tuple[tuple[int, int], np.dtype[Any]]:
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            page = tiff.pages.first
            plane = np.empty(page.shape, dtype=page.dtype)
    except Exception as error:
        raise _damaged("TIFF", error) from error
    return (_gray(plane).shape[0], plane.shape[1]), plane.dtype


def _kind(data: bytes) -> str:
    if not data:
        raise UndecodableImage("the file is empty")
    if data.startswith(_PNG):
        return "PNG"
    if data.startswith(_JP2):
        return "JPEG 2000"
    if data.startswith(_TIFF):
        return "TIFF"
    raise UndecodableImage("not a PNG, JPEG 2000 or TIFF image")


def _check_size(data: bytes, kind: str) -> tuple[int, int, str]:
    """Read the header only, so that a file cannot ask for more memory than an image needs."""
    try:
        if kind == "TIFF":
            with tifffile.TiffFile(io.BytesIO(data)) as tiff:
                page = tiff.pages.first
                width, height, mode = page.imagewidth, page.imagelength, ""
        else:
            with Image.open(io.BytesIO(data)) as header:
                (width, height), mode = header.size, header.mode
    except Exception as error:
        raise _damaged(kind, error) from error
    if width * height > _MAX_PIXELS:
        raise UndecodableImage(f"claims {width} x {height} pixels, which no well image has")
    return width, height, mode


def _gray(plane: Plane) -> Plane:
    if plane.ndim != 2:
        raise UndecodableImage(f"not one gray plane (shape {plane.shape})")
    if plane.dtype not in (np.uint8, np.uint16):
        raise UndecodableImage(f"not an image of 8 or 16 bits ({plane.dtype})")
    return plane


def _decode_reduced(data: bytes, size: int) -> Plane:
    width, height, _ = _check_size(data, "JPEG 2000")
    try:
        with Image.open(io.BytesIO(data)) as image:
            levels = 0
            # twice the size: the reduced image is sharper than a mean, and half a pixel off
            while min(width, height) >> (levels + 1) >= 2 * size and levels < 5:
                levels += 1
            image.reduce = levels  # type: ignore[method-assign, assignment]
            return _gray(np.asarray(image))
    except UndecodableImage:
        raise
    except Exception:  # fewer levels in the file than asked for, or damage: the full decode tells
        return decode(data)


def _shrink(plane: Plane, size: int) -> Plane:
    if plane.shape == (size, size):
        return plane
    image = Image.fromarray(plane.astype(np.float32))
    small = np.asarray(image.resize((size, size), Image.Resampling.BOX))
    info = np.iinfo(plane.dtype)
    shrunk: Plane = np.clip(np.rint(small), info.min, info.max).astype(plane.dtype)
    return shrunk


def _damaged(kind: str, error: Exception) -> UndecodableImage:
    """Say it in plain words where the codec's own are about its code."""
    text = " ".join(str(error).split())
    for sign, words in _PLAIN_WORDS.items():
        if sign in text:
            return UndecodableImage(f"damaged {kind} image: {words}")
    return UndecodableImage(f"damaged {kind} image ({text[:160] or type(error).__name__})")


_PLAIN_WORDS = {
    "too small": "it is cut off",
    "truncated": "it is cut off",
    "CRC": "a checksum is wrong",
    "opj_": "it cannot be decoded",
    "cannot identify": "its header is wrong",
}

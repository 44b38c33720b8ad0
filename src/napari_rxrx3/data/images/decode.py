"""From the bytes of one image file to one plane."""

from __future__ import annotations

import io
from functools import reduce
from itertools import islice
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from PIL import Image

from napari_rxrx3.data.images.jpeg2000 import MAX_PIXELS, components_of, reduced_image
from napari_rxrx3.data.images.pixel_types import UndecodableImage, as_shown, shown_type
from napari_rxrx3.data.images.png import (
    PNG,
    all_rows,
    bytes_for_rows,
    check_bulk,
    first_rows,
    opaque,
    png_header,
)

if TYPE_CHECKING:  # most images are none
    import tifffile

__all__ = [
    "UndecodableImage",
    "bytes_for_prefix",
    "decode",
    "decode_prefix",
    "decode_small",
    "image_kind",
    "image_layout",
    "shrink",
    "shrink_to",
]

Plane = np.ndarray[Any, Any]

_MOST_BITS = 16
_JP2 = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")
_SMALL_BLOCK = 4
"""Pixels on a side up to which the rows of blocks are added one by one."""
_GRAYS = (1, 34892)  # black is zero; numbers of a sensor
_ORIENTATION, _LOOKED_AT = 274, 8
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def decode(data: bytes) -> Plane:
    """Decode a gray PNG, JPEG 2000 or TIFF.

    Returns
    -------
    numpy.ndarray
        (Y, X), uint8 or uint16; float32 of a TIFF of other numbers.

    Raises
    ------
    UndecodableImage
        If the bytes are damaged, of another kind, or not one gray plane.
    """
    kind = image_kind(data)
    _check_size(data, kind)
    try:
        if kind == "PNG":
            header = png_header(data)
            plane = all_rows(data, header)
            if plane is None:
                check_bulk(data, header)
                plane = imagecodecs.png_decode(opaque(data, header))
        elif kind == "JPEG 2000":
            plane = imagecodecs.jpeg2k_decode(data)
        else:
            plane = as_shown(_of_numbers(_tiff_plane(data)))
    except UndecodableImage:
        raise
    except Exception as error:  # codecs raise whatever they like on damaged bytes
        raise _damaged(kind, error) from error
    return _gray(np.asarray(plane))


def decode_small(data: bytes, size: int) -> Plane:
    """Decode to a (size, size) thumbnail of the middle square, by area mean; dtype as in the file.

    JPEG 2000 stores a pyramid: only the levels that `size` needs are decoded.
    """
    if image_kind(data) == "JPEG 2000":
        return shrink(_decode_reduced(data, size), size)
    return shrink(decode(data), size)


def decode_prefix(data: bytes, n_rows: int) -> Plane:
    """Decode the first rows of a gray image, of a PNG from the first part of its file.

    Returns
    -------
    numpy.ndarray
        (Y, X), exactly as `decode` gives them. Fewer than `n_rows` if the image is not so high,
        or if `data` are the first part of a PNG and hold no more.

    Raises
    ------
    UndecodableImage
    """
    if image_kind(data) != "PNG":
        return decode(data)[:n_rows]
    try:
        header = png_header(data)
        _check_pixels(header.width, header.height)
        rows = first_rows(data, header, n_rows)
    except UndecodableImage:
        raise
    except Exception as error:  # of zlib, of libpng, or for what the header says
        raise _damaged("PNG", error) from error
    return decode(data)[:n_rows] if rows is None else rows


def bytes_for_prefix(data: bytes, n_rows: int, smallest: int) -> int | None:
    """How much of a file holds its first rows, from the first bytes; None for all of it.

    An image whose smaller side is below `smallest` is wanted whole.
    """
    if image_kind(data) != "PNG":
        return None
    try:
        header = png_header(data)
    except ValueError as error:
        raise _damaged("PNG", error) from error
    if not header.is_plain or min(header.width, header.height) < smallest:
        return None
    return bytes_for_rows(header, n_rows)


def image_layout(data: bytes) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Shape (Y, X) and dtype of an image, from its header; `data` may end early.

    Raises
    ------
    UndecodableImage
        If that tells that it is no gray image, or of another depth than `decode` reads.
    """
    kind = image_kind(data)
    if kind == "TIFF":
        return _tiff_layout(data)
    width, height, mode = _check_size(data, kind)
    if mode not in ("1", "L", "I;16", "I;16B", "I"):
        raise UndecodableImage(f"not a gray image of 8 or 16 bits (mode {mode})")
    is_wide = mode not in ("1", "L")
    if kind == "JPEG 2000" and (told := components_of(data)) is not None:
        _, bits, has_sign = told
        if has_sign or bits > _MOST_BITS:
            stored = next(n for n in (8, 16, 32, 64) if bits <= n)
            name = f"{'' if has_sign else 'u'}int{stored}"
            raise UndecodableImage(f"not an image of 8 or 16 bits ({name})")
        is_wide = bits > _MOST_BITS // 2
    return (height, width), np.dtype(np.uint16 if is_wide else np.uint8)


def _tiff_layout(data: bytes) -> tuple[tuple[int, int], np.dtype[Any]]:
    try:
        with _tiff(data) as tiff:
            page = _gray_page(tiff)
            plane = np.empty(page.shape, dtype=page.dtype)
    except UndecodableImage:
        raise
    except Exception as error:
        raise _damaged("TIFF", error) from error
    height, width = _of_numbers(plane).shape
    _check_pixels(width, height)
    return (height, width), shown_type(plane.dtype)


def image_kind(data: bytes) -> str:
    """``"PNG"``, ``"JPEG 2000"`` or ``"TIFF"``; raises UndecodableImage if it is none of them."""
    if not data:
        raise UndecodableImage("the file is empty")
    if data.startswith(PNG):
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
            with _tiff(data) as tiff:
                page = _gray_page(tiff)
                width, height, mode = page.imagewidth, page.imagelength, ""
        else:
            with Image.open(io.BytesIO(data)) as header:
                (width, height), mode = header.size, header.mode
    except UndecodableImage:
        raise
    except Exception as error:
        raise _damaged(kind, error) from error
    _check_pixels(width, height)
    return width, height, mode


def _tiff(data: bytes) -> tifffile.TiffFile:
    import tifffile

    return tifffile.TiffFile(io.BytesIO(data))


def _tiff_plane(data: bytes) -> Plane:
    with _tiff(data) as tiff:
        page = _gray_page(tiff)
        # a series knows of planes that no page tells of
        whole = next((s for s in tiff.series if s.keyframe.index == page.index), page)
        return _one_plane(whole.asarray())


def _gray_page(tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """The only page that is no smaller copy and no mask, if its numbers are levels of gray."""
    import tifffile

    pages = list(islice(tiff.pages, _LOOKED_AT))
    whole = [page for page in pages if not (page.is_reduced or page.is_mask)]
    if len(whole) > 1:
        raise UndecodableImage("not one gray plane: the file has several pages")
    page = (whole or pages)[0]
    photometric = page.photometric
    if photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        raise UndecodableImage("its gray levels are inverted: white is zero in it (MinIsWhite)")
    if photometric == tifffile.PHOTOMETRIC.PALETTE:
        raise UndecodableImage("not a gray image: its numbers are places in a table of colors")
    if page.samplesperpixel == 1 and photometric not in _GRAYS:
        raise UndecodableImage(f"not a gray image: its numbers are {_called(photometric)}")
    turned = page.tags.valueof(_ORIENTATION, default=1)
    if turned not in (0, 1):
        how = _called(tifffile.ORIENTATION(turned)) if 1 <= turned <= 8 else "nothing known"
        raise UndecodableImage(f"it is to be turned (Orientation {turned}, {how}): save it upright")
    return page


def _called(member: Any) -> str:
    return str(getattr(member, "name", member)).lower().replace("_", " ")


def _one_plane(pixels: Plane) -> Plane:
    """Leave out axes of length 1 that stand before or after those of a plane."""
    lengths = [n for n in pixels.shape if n > 1]
    return pixels.reshape(lengths) if len(lengths) == 2 else pixels


def _check_pixels(width: int, height: int) -> None:
    if not (width and height):
        raise UndecodableImage("its header says that it has no pixels")
    if width * height > MAX_PIXELS:
        raise UndecodableImage(f"claims {width} x {height} pixels, which no well image has")


def _of_two_axes(plane: Plane) -> Plane:
    if plane.ndim != 2:
        raise UndecodableImage(f"not one gray plane (shape {plane.shape})")
    return plane


def _of_numbers(plane: Plane) -> Plane:
    if _of_two_axes(plane).dtype == np.bool_:
        raise UndecodableImage("not an image of 8 bits or more: it is a mask")
    return plane


def _gray(plane: Plane) -> Plane:
    if _of_two_axes(plane).dtype not in (np.uint8, np.uint16, np.float32):
        raise UndecodableImage(f"not an image of 8 or 16 bits ({plane.dtype})")
    return plane


def _decode_reduced(data: bytes, size: int) -> Plane:
    width, height, _ = _check_size(data, "JPEG 2000")
    if min(width, height) < 8 * size:  # no more work, and it lets go of Python's lock
        return decode(data)
    try:
        # twice the size: the reduced image is sharper than a mean, and half a pixel off
        return _gray(np.asarray(reduced_image(data, 2 * size)))
    except UndecodableImage:
        raise
    except Exception:  # fewer levels in the file than asked for, or damage: the full decode tells
        return decode(data)


def shrink(plane: Plane, size: int) -> Plane:
    """Area means of the middle square of a plane, (size, size), as `shrink_to` has them.

    So an oblong image keeps its shape, and loses its ends.
    """
    side = min(plane.shape)
    top, left = ((extent - side) // 2 for extent in plane.shape)
    return shrink_to(plane[top : top + side, left : left + side], (size, size))


def shrink_to(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Area mean of equal parts of a plane, as many as `shape` says; dtype as it is.

    Means of whole numbers are rounded.

    Where parts are no whole pixels, those at their edges count as far as they are inside.
    """
    height, width = shape
    if plane.shape == shape:
        return plane
    if plane.shape[0] % height == 0 and plane.shape[1] % width == 0:
        return _binned(plane, plane.shape[0] // height, plane.shape[1] // width)
    if plane.shape[0] < height or plane.shape[1] < width:
        return _enlarged(plane, shape)
    high, wide = plane.shape[0] / height, plane.shape[1] / width
    sums = _sums_of_rows(_sums_of_rows(plane, height).T, width).T
    return _in_type(sums / np.float32(high * wide), plane.dtype)


def _in_type(means: Plane, dtype: np.dtype[Any]) -> Plane:
    return (np.rint(means) if dtype.kind in "iu" else means).astype(dtype)


def _sums_of_rows(plane: Plane, n: int) -> Plane:
    """Sums of `n` equal parts of a plane's rows: float32 (n, X)."""
    edges = np.arange(n + 1) * (len(plane) / n)
    first = edges.astype(np.intp)
    inside = (edges - first).astype(np.float32)[1:-1, None]
    rows = np.ascontiguousarray(plane, dtype=np.float32)
    sums: Plane = np.add.reduceat(rows, first[:-1], axis=0)
    divided = inside * rows[first[1:-1]]  # rows that an edge goes through
    sums[:-1] += divided
    sums[1:] -= divided
    return sums


def _enlarged(plane: Plane, shape: tuple[int, int]) -> Plane:
    image = Image.fromarray(plane.astype(np.float32))
    enlarged = np.asarray(image.resize(shape[::-1], Image.Resampling.BOX))
    return _in_type(enlarged, plane.dtype)


def _binned(plane: Plane, high: int, wide: int) -> Plane:
    """Exact means of blocks of `high` x `wide` pixels."""
    height, width = plane.shape
    narrow: np.dtype[Any]
    broad: np.dtype[Any]
    is_count = plane.dtype.kind == "u"
    narrow, broad = (np.dtype(name) for name in (("u4", "u8") if is_count else ("f8", "f8")))
    if max(high, wide) <= _SMALL_BLOCK:  # numpy takes four times as long along so short axes
        whole = plane.astype(narrow)
        rows = reduce(np.add, [whole[i::high] for i in range(high)])
        sums = reduce(np.add, [rows[:, i::wide] for i in range(wide)])
    else:
        rows = plane.reshape(height // high, high, width).sum(axis=1, dtype=narrow)
        sums = rows.reshape(height // high, width // wide, wide).sum(axis=2, dtype=broad)
    return _in_type(sums / (high * wide), plane.dtype)


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

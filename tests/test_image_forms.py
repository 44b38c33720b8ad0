"""Every depth and form of gray image: all ways to read it agree, or all say why there is none."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.data.images.decode import (
    UndecodableImage,
    decode,
    decode_prefix,
    decode_small,
    image_layout,
    shrink,
)
from napari_rxrx3.data.images.previews import PREFIX_ROWS

WELL = "gene-001_1_B02"
SMALL, LARGE = 96, 1024
"""Sides below and above that of which a preview is a piece, and fewer bytes are read."""


def waves(size: int, bits: int) -> np.ndarray:
    """Levels from darkest to brightest, without sharp edges."""
    y, x = np.mgrid[:size, :size] / size
    levels = (1 + np.sin(9 * x) * np.cos(7 * y)) / 2 * (2**bits - 1)
    return levels.round().astype("uint8" if bits <= 8 else "uint16")


def gray_png(size: int, bits: int, *extra: tuple[bytes, bytes]) -> bytes:
    """Of any depth, with further chunks."""
    rows = waves(size, bits)
    if bits < 8:
        packed = rows.reshape(size, -1, 8 // bits) << np.arange(8 - bits, -1, -bits, dtype="uint8")
        lines = np.bitwise_or.reduce(packed, axis=2).astype("uint8")
    else:
        lines = rows.astype(">u2") if bits == 16 else rows
    stream = imagecodecs.zlib_encode(b"".join(b"\0" + line.tobytes() for line in lines))
    header = struct.pack(">IIBBBBB", size, size, bits, 0, 0, 0, 0)
    return b.png_of_chunks([(b"IHDR", header), *extra, (b"IDAT", stream), (b"IEND", b"")])


def jp2(plane: np.ndarray, bits: int) -> bytes:
    return imagecodecs.jpeg2k_encode(
        plane, bitspersample=bits, codecformat="jp2", reversible=True, level=0
    )


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def pyramid(size: int) -> bytes:
    buffer, plane = io.BytesIO(), waves(size, 16)
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(plane, subifds=1)
        writer.write(plane[::2, ::2], subfiletype=1)
    return buffer.getvalue()


def pillow(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


Form = tuple[str, Callable[[int], np.ndarray], Callable[[int], bytes]]


def form(name: str, bits: int, write: Callable[[int], bytes], scale: int = 1) -> Any:
    return pytest.param(lambda size: waves(size, bits) * np.uint8(scale), write, id=name)


def numbers(name: str, dtype: str, times: float = 1) -> Any:
    def shown(size: int) -> np.ndarray:
        return (waves(size, 8).astype("float32") - 9) * np.float32(times)

    return pytest.param(shown, lambda size: tiff(shown(size).astype(dtype)), id=name)


READ = [
    form("png of 1 bit", 1, lambda n: gray_png(n, 1), 255),
    form("png of 2 bits", 2, lambda n: gray_png(n, 2), 85),
    form("png of 4 bits", 4, lambda n: gray_png(n, 4), 17),
    form("png of 8 bits", 8, lambda n: gray_png(n, 8)),
    form("png of 16 bits", 16, lambda n: gray_png(n, 16)),
    form("png with a clear level of 8 bits", 8, lambda n: gray_png(n, 8, (b"tRNS", b"\0\x10"))),
    form("png with a clear level of 16 bits", 16, lambda n: gray_png(n, 16, (b"tRNS", b"\0\0"))),
    form("png with a gamma", 16, lambda n: gray_png(n, 16, (b"gAMA", struct.pack(">I", 22000)))),
    form("png with 12 bits of 16", 16, lambda n: gray_png(n, 16, (b"sBIT", b"\x0c"))),
    form("jp2 of 4 bits", 4, lambda n: jp2(waves(n, 4), 4)),
    form("png with a gamma", 16, lambda n: gray_png(n, 16, (b"gAMA", b"\0\0\xb1\x8f"))),
    form("png that is said to be sRGB", 8, lambda n: gray_png(n, 8, (b"sRGB", b"\0"))),
    form("png with a background", 8, lambda n: gray_png(n, 8, (b"bKGD", b"\0\5"))),
    form("jp2 of 1 bit", 1, lambda n: jp2(waves(n, 1), 1)),
    form("jp2 of 7 bits", 7, lambda n: jp2(waves(n, 7), 7)),
    form("jp2 of 9 bits", 9, lambda n: jp2(waves(n, 9), 9)),
    form("jp2 of 14 bits", 14, lambda n: jp2(waves(n, 14), 14)),
    form("jp2 of 8 bits", 8, lambda n: jp2(waves(n, 8), 8)),
    form("jp2 of 10 bits", 10, lambda n: jp2(waves(n, 10), 10)),
    form("jp2 of 12 bits", 12, lambda n: jp2(waves(n, 12), 12)),
    form("jp2 of 16 bits", 16, lambda n: jp2(waves(n, 16), 16)),
    form("tiff of 8 bits", 8, lambda n: tiff(waves(n, 8))),
    form("tiff of 16 bits", 16, lambda n: tiff(waves(n, 16))),
    form("tiff, big-endian", 16, lambda n: tiff(waves(n, 16), byteorder=">")),
    form("tiff of 64-bit places", 16, lambda n: tiff(waves(n, 16), bigtiff=True)),
    form("tiff, LZW", 8, lambda n: tiff(waves(n, 8), compression="lzw")),
    form("tiff of 12 bits", 12, lambda n: tiff(waves(n, 12), bitspersample=12)),
    form("tiff, packed", 16, lambda n: tiff(waves(n, 16), compression="zlib", predictor=True)),
    form("tiff of tiles", 16, lambda n: tiff(waves(n, 16), tile=(32, 32))),
    form("tiff with axes of length 1", 16, lambda n: tiff(waves(n, 16)[None, :, :, None])),
    form("tiff with a smaller level", 16, pyramid),
    numbers("tiff of numbers", "float32", 0.25),
    numbers("tiff of small numbers", "float16", 0.25),
    numbers("tiff with a sign", "int16"),
    numbers("tiff of 32 bits", "int32", 5),
]

REFUSED = [
    pytest.param(write, why, id=name)
    for name, why, write in (
        ("png with opacity", "not one gray plane", lambda n: pillow(np.dstack([waves(n, 8)] * 2))),
        ("png in color", "not one gray plane", lambda n: pillow(np.dstack([waves(n, 8)] * 3))),
        ("jp2 with a sign", "int16", lambda n: jp2(waves(n, 16).astype("int16"), 16)),
        ("jp2 in color", "not one gray plane", lambda n: jp2(np.dstack([waves(n, 8)] * 3), 8)),
        ("tiff of complex numbers", "complex", lambda n: tiff(waves(n, 8).astype("complex64"))),
        ("tiff with NaN", "finite", lambda n: tiff(np.where(waves(n, 8) > 9, 1.5, np.nan))),
        ("tiff, white is 0", "inverted", lambda n: tiff(waves(n, 8), photometric="miniswhite")),
        (
            "tiff with a table of colors",
            "table of colors",
            lambda n: tiff(
                waves(n, 8), photometric="palette", colormap=np.zeros((3, 256), "uint16")
            ),
        ),
        (
            "tiff of three planes",
            "not one gray plane",
            lambda n: tiff(np.stack([waves(n, 8)] * 3), photometric="minisblack"),
        ),
    )
]


def opened(root: Path, data: bytes) -> rx.Dataset:
    for channel in range(1, 7):
        b.write(root / "images" / "gene-001" / "Plate1" / f"B02_s1_w{channel}.png", data)
    return rx.open_dataset(root, cache_dir=root / "cache")


@pytest.mark.each(6)
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(("plane_of", "write"), READ)
def test_all_ways_to_read_it_agree(
    tmp_path: Path,
    plane_of: Callable[[int], np.ndarray],
    write: Callable[[int], bytes],
    size: int,
) -> None:
    plane, data = plane_of(size), write(size)
    dataset = opened(tmp_path, data)
    assert image_layout(data) == (plane.shape, plane.dtype)
    np.testing.assert_array_equal(dataset.read(WELL)[0], plane)
    np.testing.assert_array_equal(dataset.image(WELL)[0].compute(), plane)
    fraction = 64 / dataset.preview_width(WELL)
    seen = plane if fraction * size < 65 else plane[:PREFIX_ROWS, 416:608]
    # a level of a JPEG 2000 is sharper than means, and half of a pixel off
    slack = 0.05 * plane.max() if b"jP  " in data[:12] else 0
    for small, whole in (
        (dataset.preview(WELL, 1), seen),
        (dataset.thumbnail(WELL)[0], plane),
    ):
        assert small.dtype == plane.dtype
        np.testing.assert_allclose(small, shrink(whole, 64).astype(float), atol=slack)
    prefix = dataset.prefix(WELL, 1)
    assert prefix is None or np.array_equal(prefix, plane[:PREFIX_ROWS])
    piece = dataset.piece_of_well(WELL, 64)
    assert piece is not None or size < 128
    assert not len(dataset.check().problems)


WAYS: dict[str, Callable[[np.ndarray, int], bytes]] = {
    "png": lambda plane, bits: b.png(plane),
    "png, filtered": lambda plane, bits: b.filtered_png(plane, chunk=999),
    "png, interlaced": lambda plane, bits: b.interlaced_png(plane),
    "jp2": jp2,
    "tiff": lambda plane, bits: tiff(plane),
    "tiff, big-endian": lambda plane, bits: tiff(plane, byteorder=">"),
    "tiff of tiles": lambda plane, bits: tiff(plane, tile=(16, 16)),
    "tiff, packed": lambda plane, bits: tiff(plane, compression="zlib", rowsperstrip=3),
}


@settings(deadline=None, max_examples=80)
@given(
    way=st.sampled_from(sorted(WAYS)),
    bits=st.integers(1, 16),
    shape=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    seed=st.integers(0, 9),
    n_rows=st.integers(1, 60),
)
def test_any_plane_in_any_form_is_read_alike(
    way: str, bits: int, shape: tuple[int, int], seed: int, n_rows: int
) -> None:
    dtype = "uint8" if bits <= 8 else "uint16"
    plane = np.random.default_rng(seed).integers(0, 2**bits, shape).astype(dtype)
    data = WAYS[way](plane, bits)
    assert image_layout(data) == (plane.shape, plane.dtype)
    np.testing.assert_array_equal(decode(data), plane)
    np.testing.assert_array_equal(decode_prefix(data, n_rows), plane[:n_rows])
    if way != "jp2" or min(shape) < 8 * 8:
        np.testing.assert_array_equal(decode_small(data, 8), shrink(plane, 8))


@pytest.mark.each(4)
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(("write", "why"), REFUSED)
def test_all_ways_to_read_it_say_why_not(
    tmp_path: Path, write: Callable[[int], bytes], why: str, size: int
) -> None:
    dataset = opened(tmp_path, write(size))
    for look in (
        lambda: dataset.read(WELL),
        lambda: dataset.image(WELL).compute(),
        lambda: dataset.thumbnail(WELL),
        lambda: dataset.preview(WELL, 1),
        lambda: dataset.piece(WELL, 1, 64),
    ):
        with pytest.raises(rx.ImageUnavailable, match=rf"{WELL}, channel \d: .*(gray|{why})"):
            look()
    problems = dataset.check().problems
    assert list(problems["kind"]) == ["unreadable_plane"] * 6
    assert problems["detail"].str.contains(why).all()


def pages(*planes: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for plane in planes:
            writer.write(plane, **options)
    return buffer.getvalue()


def thumbnail_first(size: int) -> bytes:
    buffer, plane = io.BytesIO(), waves(size, 16)
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(plane[::4, ::4], subfiletype=1)
        writer.write(plane)
    return buffer.getvalue()


def with_mask(size: int) -> bytes:
    buffer, plane = io.BytesIO(), waves(size, 16)
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(plane)
        writer.write(plane > 9, photometric="mask", subfiletype=4)
    return buffer.getvalue()


@pytest.mark.parametrize("write", [thumbnail_first, with_mask, pyramid])
def test_of_a_tiff_that_holds_more_the_plane_is_read(
    tmp_path: Path, write: Callable[[int], bytes]
) -> None:
    dataset = opened(tmp_path, write(SMALL))
    for plane in (dataset.read(WELL)[0], dataset.image(WELL)[0].compute()):
        np.testing.assert_array_equal(plane, waves(SMALL, 16))
    np.testing.assert_array_equal(dataset.thumbnail(WELL)[0], shrink(waves(SMALL, 16), 64))


def turned(size: int, how: int) -> bytes:
    return tiff(waves(size, 16), extratags=[(274, 3, 1, how, True)])


@pytest.mark.parametrize("how", range(2, 9))
def test_a_tiff_that_is_to_be_turned_says_so(how: int) -> None:
    data = turned(SMALL, how)
    for look in (decode, image_layout, lambda data: decode_small(data, 8)):
        with pytest.raises(UndecodableImage, match=rf"to be turned \(Orientation {how}, "):
            look(data)
    upright = turned(SMALL, 1)
    np.testing.assert_array_equal(decode(upright), waves(SMALL, 16))


SEVERAL: dict[str, Callable[[], bytes]] = {
    "two": lambda: pages(waves(64, 16), waves(64, 16), contiguous=False),
    "two of other sizes": lambda: pages(waves(64, 16), waves(32, 16)),
    "a stack of ImageJ": lambda: tiff(np.stack([waves(64, 16)] * 3), imagej=True),
    "a mosaic of colors": lambda: tiff(waves(64, 16), photometric="cfa"),
    "one bit": lambda: tiff(waves(64, 8) > 9, photometric="minisblack"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_what_is_no_single_gray_plane_is_refused(name: str) -> None:
    for look in (decode, lambda data: decode_small(data, 8)):
        with pytest.raises(UndecodableImage, match=r"gray|bits"):
            look(SEVERAL[name]())

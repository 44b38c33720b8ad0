"""Images that are not what they say: PNG, JPEG 2000 and TIFF, in folders and in tars."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import builders as b
from corpus.bombs import zlib_bomb
from corpus.case import case, sound_members

WELL = "gene-001_1_B02"
PLANE = b.noise(WELL)[2]

Spoil = Callable[[bytes], bytes]


def flipped(data: bytes, at: float) -> bytes:
    """Turn one bit over, so far into the file."""
    i = int(len(data) * at)
    return data[:i] + bytes([data[i] ^ 0x10]) + data[i + 1 :]


def _png_with(kind: bytes, body: bytes) -> bytes:
    """A PNG with another chunk ahead of its pixels."""
    return b.filtered_png(PLANE, before=[(kind, body)])


def _bomb() -> bytes:
    """A small file whose pixels unpack to far more than the header says."""
    size = (16).to_bytes(4, "big") * 2 + bytes([16, 0, 0, 0, 0])
    return b.png_of_chunks([(b"IHDR", size), (b"IDAT", zlib_bomb(120)), (b"IEND", b"")])


def _length_of_a_chunk(data: bytes) -> bytes:
    """A chunk that claims to be longer than the file."""
    return data[:33] + b"\x7f\xff\xff\xff" + data[37:]


BYTES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "cut after the signature": lambda: b.png(PLANE)[:8],
    "cut in the header": lambda: b.png(PLANE)[:20],
    "cut in the pixels": lambda: b.png(PLANE)[:200],
    "cut before the end": lambda: b.png(PLANE)[:-12],
    "one bit of the pixels": lambda: flipped(b.png(PLANE), 0.5),
    "one bit of the header": lambda: flipped(b.png(PLANE), 0.03),
    "100,000 x 100,000": lambda: b.claiming(b.png(PLANE), 100_000, 100_000),
    "2,147,483,647 x 1": lambda: b.claiming(b.png(PLANE), 1, 2**31 - 1),
    "no pixel": lambda: b.claiming(b.png(PLANE), 0, 0),
    "a bomb": _bomb,
    "a chunk longer than the file": lambda: _length_of_a_chunk(b.png(PLANE)),
    "a bomb of text": lambda: _png_with(b"zTXt", b"x\0\0" + zlib_bomb(120)),
    "a color profile that is none": lambda: _png_with(b"iCCP", b"x\0\0" + b"\xff" * 40),
    "a page of HTML": lambda: b"<html><body>404 Not Found</body></html>",
    "JPEG 2000 by the name of PNG": lambda: b.jp2(b.smooth("x", 32)[0])[:100],
    "of another size": lambda: b.png(np.zeros((7, 900), "uint16")),
    "in colors": lambda: b.png(np.zeros((16, 16, 3), "uint8")),
}


def _in_folder(data: Callable[[], bytes], root: Path, screen: b.Screen) -> None:
    (root / "images" / "gene-001" / "Plate1.tar").unlink()
    folder = root / "images" / "gene-001" / "Plate1"
    b.write_folder(folder, sound_members(screen) | {"B02_s1_w3.png": data()})


def _in_tar(data: Callable[[], bytes], root: Path, screen: b.Screen) -> None:
    path = root / "images" / "gene-001" / "Plate1.tar"
    b.write_tar(path, sound_members(screen) | {"B02_s1_w3.png": data()})


def _only(suffix: str, data: Callable[[], bytes], root: Path, screen: b.Screen) -> None:
    """A plate of another format, of which one image is spoiled."""
    tar = root / "images" / "gene-001" / "Plate1.tar"
    kept = {k: v for k, v in sound_members(screen).items() if not k.startswith("B02")}
    of_well = {f"B02_s1_w{c}.{suffix}": _whole(suffix) for c in range(1, 7)}
    b.write_tar(tar, kept | of_well | {f"B02_s1_w3.{suffix}": data()})


def _whole(suffix: str) -> bytes:
    plane = b.smooth("x", 32)[0] if suffix == "jp2" else PLANE
    return b.ENCODERS[suffix](plane)


def _large_jp2() -> bytes:
    """A JPEG 2000 whose SIZ marker claims 100,000 x 100,000."""
    data = _whole("jp2")
    at = data.index(b"\xff\x51") + 6
    large = (100_000).to_bytes(4, "big") * 2
    return data[:at] + large + data[at + 8 :]


def _tiff_that_points_to_itself() -> bytes:
    """The next directory of a TIFF is the first one."""
    data = bytearray(_whole("tif"))
    first = int.from_bytes(data[4:8], "little")
    n = int.from_bytes(data[first : first + 2], "little")
    end = first + 2 + 12 * n
    data[end : end + 4] = first.to_bytes(4, "little")
    return bytes(data)


def _tiff_without_height() -> bytes:
    """The number of rows, tag 257, is zero."""
    data = bytearray(_whole("tif"))
    at = data.index((257).to_bytes(2, "little") + (4).to_bytes(2, "little")) + 8
    data[at : at + 4] = bytes(4)
    return bytes(data)


def _tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


OTHERS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JPEG 2000 that is empty": ("jp2", lambda: b""),
    "JPEG 2000 cut in the header": ("jp2", lambda: _whole("jp2")[:60]),
    "JPEG 2000 cut in the pixels": ("jp2", lambda: _whole("jp2")[:-100]),
    "JPEG 2000 with a flipped bit": ("jp2", lambda: flipped(_whole("jp2"), 0.2)),
    "JPEG 2000 of 100,000 x 100,000": ("jp2", _large_jp2),
    "TIFF that is empty": ("tif", lambda: b""),
    "TIFF cut in the pixels": ("tif", lambda: _whole("tif")[:-100]),
    "TIFF cut in the header": ("tif", lambda: _whole("tif")[:6]),
    "TIFF with a flipped bit": ("tif", lambda: flipped(_whole("tif"), 0.1)),
    "TIFF that points to itself": ("tif", _tiff_that_points_to_itself),
    "TIFF without a row": ("tif", _tiff_without_height),
    "PNG by the name of TIFF": ("tif", lambda: b.png(PLANE)),
    "TIFF that is to be turned": ("tif", lambda: _tiff(PLANE, extratags=[(274, 3, 1, 6, True)])),
    "TIFF of several pages": ("tif", lambda: _tiff(np.stack([PLANE] * 3))),
    "TIFF of ImageJ's stacks": ("tif", lambda: _tiff(np.stack([PLANE] * 3), imagej=True)),
    "TIFF of a mosaic of colors": ("tif", lambda: _tiff(PLANE, photometric="cfa")),
    "TIFF of one bit": ("tif", lambda: _tiff(PLANE > 9)),
    "TIFF of fractions": ("tif", lambda: _tiff(PLANE.astype("float32"))),
}

for _name, _data in BYTES.items():
    case(f"PNG in a folder, {_name}", lost=(WELL,))(partial(_in_folder, _data))
    case(f"PNG in a tar, {_name}", lost=(WELL,))(partial(_in_tar, _data))
for _name, (_suffix, _data) in OTHERS.items():
    case(_name, lost=(WELL,))(partial(_only, _suffix, _data))

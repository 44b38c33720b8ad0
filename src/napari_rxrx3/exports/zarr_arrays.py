"""Arrays of OME-Zarr, written whole and at once.

zarr says how an array describes itself, once for all arrays of a shape; chunks are packed by
numcodecs, as zarr does, and written as files. A well with its levels is 24 small chunks, for each
of which zarr's way through stores and event loops takes longer than to pack it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["write_array"]

Planes = np.ndarray[Any, Any]

_LARGEST_CHUNK = 1024
_GAP = 2**64 - 1
"""Place and size, in the index of a shard, of a chunk that is not there."""


class _Form(NamedTuple):
    """What arrays of one shape have in common."""

    about: dict[str, bytes]
    """Files that describe it."""
    chunk: tuple[int, int]
    grid: tuple[int, int, int]
    codec: Any


def write_array(path: Path, planes: Planes, version: str) -> None:
    """Write (channels, Y, X) as an array of OME-Zarr; chunks that are all zero stay gaps.

    Parameters
    ----------
    version : {"0.5", "0.4"}
        All chunks in one file, a shard, or a file each.
    """
    form = _form(planes.shape, planes.dtype.str, version)
    path.mkdir(parents=True)
    for name, content in form.about.items():
        (path / name).write_bytes(content)
    files: dict[tuple[int, ...], bytes | None]
    files = {at: _packed(planes, form, at) for at in np.ndindex(form.grid)}
    if version == "0.5":
        folder, files = path / "c", {(0, 0, 0): _shard(list(files.values()))}
    else:
        folder = path
    for at, packed in files.items():
        if packed is not None:
            file = folder.joinpath(*map(str, at))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(packed)


@lru_cache(64)
def _form(shape: tuple[int, int, int], dtype: str, version: str) -> _Form:
    import zarr
    from numcodecs import Blosc
    from zarr.storage import MemoryStore

    n_channels, *sides = shape
    chunk = tuple(min(side, _LARGEST_CHUNK) for side in sides)
    n = tuple(-(-side // piece) for side, piece in zip(sides, chunk, strict=True))
    is_new = version == "0.5"
    about: dict[str, Any] = {}
    # bits of one weight together: noise of the camera is in the lowest ones
    codec = Blosc("zstd", clevel=3, shuffle=Blosc.BITSHUFFLE)
    zarr.create_array(
        MemoryStore(about),
        shape=shape,
        dtype=dtype,
        chunks=(1, *chunk),
        shards=(n_channels, n[0] * chunk[0], n[1] * chunk[1]) if is_new else None,
        compressors=_named_codec() if is_new else codec,
        zarr_format=3 if is_new else 2,
        dimension_names=("c", "y", "x") if is_new else None,
        chunk_key_encoding={"name": "default" if is_new else "v2", "separator": "/"},
    )
    files = {name: content.to_bytes() for name, content in about.items()}
    return _Form(files, (chunk[0], chunk[1]), (n_channels, n[0], n[1]), codec)


def _named_codec() -> Any:
    from zarr.codecs import BloscCodec

    return BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle")


def _packed(planes: Planes, form: _Form, at: tuple[int, ...]) -> bytes | None:
    (height, width), (channel, row, column) = form.chunk, at
    piece = planes[
        channel, row * height : (row + 1) * height, column * width : (column + 1) * width
    ]
    if not piece.any():
        return None
    if piece.shape != form.chunk:  # chunks at the edges are whole, too
        whole = np.zeros(form.chunk, piece.dtype)
        whole[: piece.shape[0], : piece.shape[1]] = piece
        piece = whole
    return bytes(form.codec.encode(np.ascontiguousarray(piece)))


def _shard(chunks: list[bytes | None]) -> bytes | None:
    """Chunks one after the other, then where each lies, and a checksum of that.

    As in version 1.0 of zarr's codec ``sharding_indexed``, with its index at the end.
    """
    if not any(chunks):
        return None
    index: list[tuple[int, int]] = []
    start = 0
    for chunk in chunks:
        index.append((_GAP, _GAP) if chunk is None else (start, len(chunk)))
        start += len(chunk or b"")
    table = np.array(index, dtype="<u8").tobytes()
    checksum = _crc32c(table).to_bytes(4, "little")
    return b"".join([*filter(None, chunks), table, checksum])


def _crc32c(content: bytes) -> int:
    """Castagnoli's checksum (RFC 3720), bit-reflected; an index has some hundred bytes."""
    table, crc = _crc32c_table(), 0xFFFFFFFF
    for byte in content:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@lru_cache(1)
def _crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table

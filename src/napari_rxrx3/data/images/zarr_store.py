"""What gives zarr the files of a plate. Loads zarr, so that it is imported when a plate is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype

from napari_rxrx3.core.stopping import Stop, under

__all__ = ["PlateStore"]

ReadPart = Callable[[str, "int | None", "int | None"], bytes]
"""Gives the bytes of a file from a place to another one; all of them if both are None."""


class PlateStore(Store):
    """Files of a plate, to be read through its storage alone: with its errors, and its stop."""

    supports_writes = supports_deletes = supports_partial_writes = False
    supports_listing = False

    def __init__(self, read: ReadPart, root: str, stop: Stop | None) -> None:
        super().__init__(read_only=True)
        self._read, self._root, self._stop = read, root, stop
        self.n_found = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlateStore):
            return NotImplemented
        return (other._read, other._root) == (self._read, self._root)

    def __hash__(self) -> int:
        return hash(self._root)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        data = await asyncio.to_thread(self._found, key, byte_range)
        return None if data is None else prototype.buffer.from_bytes(data)

    def _found(self, key: str, asked: ByteRequest | None) -> bytes | None:
        start, stop = None, None
        if isinstance(asked, RangeByteRequest):
            start, stop = asked.start, asked.end
        elif isinstance(asked, OffsetByteRequest):
            start = asked.offset
        elif isinstance(asked, SuffixByteRequest):
            start = -asked.suffix
        with under(self._stop):
            try:
                data = self._read(f"{self._root}/{key}", start, stop)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
        if key.rpartition("/")[2] not in ("zarr.json", ".zarray", ".zattrs", ".zgroup"):
            self.n_found += 1
        return data

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        asked = [self.get(key, prototype, part) for key, part in key_ranges]
        return list(await asyncio.gather(*asked))

    async def exists(self, key: str) -> bool:
        return await asyncio.to_thread(self._found, key, None) is not None

    async def set(self, key: str, value: Buffer) -> None:
        raise OSError("a plate is not written to")

    async def delete(self, key: str) -> None:
        raise OSError("a plate is not written to")

    async def list(self) -> AsyncIterator[str]:
        async for key in _none():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        async for key in _none():
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        async for key in _none():
            yield key


async def _none() -> AsyncIterator[str]:
    """What lies in a plate is never listed: its metadata say it."""
    nothing: tuple[str, ...] = ()
    for key in nothing:
        yield key

"""Tables in files of the cache; large ones are mapped into memory, where they take none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from napari_rxrx3.data.kept.cache import DiskCache
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.data.plain_files import open_plain

__all__ = ["load_table", "save_table"]

_MAPPED_FROM = 2**24
"""Bytes from which on a file is mapped instead of read: small ones are independent of theirs."""


def load_table(path: Path) -> pa.Table | None:
    """The table in a file; None if it is gone or damaged."""
    try:
        open_plain(path).close()
        is_large = path.stat().st_size > _MAPPED_FROM
        with (pa.memory_map if is_large else pa.OSFile)(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        for _ in in_threads(lambda column: column.validate(full=True), table.columns):
            pass
    except (OSError, ValueError, pa.ArrowException):
        return None
    return table


def save_table(cache: DiskCache, path: Path, table: pa.Table) -> None:
    """Keep a table as a file of the cache, in one piece; a disk that is full keeps nothing."""
    with (
        suppress(OSError),
        cache.writing(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table.combine_chunks())

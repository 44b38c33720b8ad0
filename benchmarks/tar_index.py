"""The index of a plate tar of full size, made from its headers."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path

from benchmarks import make_data
from benchmarks.parts import Found
from benchmarks.settings import Settings
from benchmarks.timing import Row, Target, Timing, interleaved, timed
from napari_rxrx3.dataset import open_dataset

__all__ = ["tar_index"]

_FIRST_S = 2.0
_HEADER = 512


def tar_index(settings: Settings) -> Found:
    """Open a data set that is one tar: for the first time, and later."""
    folder = make_data.sparse(settings)
    path = next(folder.rglob("*.tar"))
    read: list[int] = []

    def first(i: int) -> float:
        with tempfile.TemporaryDirectory() as cache:
            before = _bytes_read()
            seconds = timed(lambda: open_dataset(folder, cache))
            read.append(_bytes_read() - before)
            return seconds

    with tempfile.TemporaryDirectory() as cache:
        open_dataset(folder, cache)
        found = interleaved(
            max(2, settings.repeats // 3),
            {
                "ours": first,
                "floor": lambda i: timed(lambda: _headers(path)),
                "naive": lambda i: timed(lambda: _members(path)),
                "later": lambda i: timed(lambda: open_dataset(folder, cache)),
            },
        )
    later = Timing.of(found.pop("later"))
    size = settings.tar_bytes / 1e9
    what = f"index of a plate tar of {size:.0f} GB, {settings.tar_members:,} members"
    note = f"{max(read) / 1e6:.1f} MB of it were read"
    target = Target("p95", "limit", _FIRST_S)
    return Found(
        [
            Row.of("tar index", f"{what}, first time", "s", found, target, (note,)),
            Row("tar index again", f"{what}, later", "s", later),
        ]
    )


def _bytes_read() -> int:
    """Bytes that this process has had from files, from the disk or the system's memory."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def _headers(path: Path) -> int:
    """Read every header and nothing else, as raw bytes."""
    file, at, n = os.open(path, os.O_RDONLY), 0, 0
    try:
        while True:
            header = os.pread(file, _HEADER, at)
            if not header.rstrip(b"\0"):
                return n
            size = int(header[124:135], 8)
            at += _HEADER + -(-size // _HEADER) * _HEADER
            n += 1
    finally:
        os.close(file)


def _members(path: Path) -> int:
    with tarfile.open(path) as tar:
        return len(tar.getmembers())

"""Which files of a cache folder go, and when: those that were not used for the longest time.

A file's time of change says when it was last used. Several programs may use and clean one folder
at the same time: what is gone already, or cannot be removed, is passed over.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from napari_rxrx3.data.files.local import ABANDONED, is_unfinished

__all__ = [
    "KINDS",
    "KeptFile",
    "clean",
    "described",
    "empty",
    "kept_files",
    "mark_used",
    "sizes",
]

KINDS = {
    "files": "what files are",
    "joins": "which vectors belong to which wells",
    "wells": "tables of wells",
    "tar-index": "indexes of tars",
    "shard-index": "indexes of shards",
    "shard-footer": "ends of shards, which tell where their images lie",
    "parts": "images of servers as they came",
    "answers": "what servers said of their files",
    "fetched": "files that are being fetched from servers",
    "vectors": "vectors of embeddings",
    "vector-rows": "wells of the vectors",
    "vectors-in-order": "vectors in the order of the wells",
    "map": "entries of maps",
    "map-vectors": "vectors of maps",
    "scores": "scores of maps",
    "nulls": "what neighbors are compared with",
    "doses": "what doses of compounds do",
    "diagnostics": "what batches and places do to maps",
    "projections": "projections of maps",
    "thumbnails": "thumbnails of plates",
    "checks": "what checks found in images",
    "measures": "cell counts and image quality",
}
"""All that is kept: the name of a subfolder, and what its files are for a person."""

RECENT = 60 * 60
"""Seconds for which a file that was used is not removed, whatever the budget."""

_FILE = re.compile(r"[0-9a-f]{32}\.[a-z]+")


class KeptFile(NamedTuple):
    path: Path
    kind: str
    n_bytes: int
    used_ns: int
    """When it was last used, in nanoseconds since 1970."""

    @property
    def is_unfinished(self) -> bool:
        """Someone is writing it, or was stopped while writing it."""
        return self.path.suffix == ".part"

    def unused_for(self, now_ns: int) -> float:
        """Seconds; a time in the future is the mistake of a clock, and as far from now as any."""
        return abs(now_ns - self.used_ns) / 1e9


def mark_used(path: Path) -> None:
    """Make a file, if it is there, the last one to go."""
    with suppress(OSError):
        os.utime(path)


def kept_files(folder: Path) -> list[KeptFile]:
    """All files that a cache made in a folder; nothing else that may lie there."""
    return [file for kind in KINDS for file in _files_of(folder, kind)]


def clean(folder: Path, max_bytes: int) -> None:
    """Remove what was not used for the longest time until the rest is within a budget."""
    now = time.time_ns()
    files = kept_files(folder)
    total = sum(file.n_bytes for file in files)
    for file in sorted(files, key=lambda f: (-f.unused_for(now), f.path)):
        if file.is_unfinished:
            goes = file.unused_for(now) > ABANDONED
        else:
            goes = total > max_bytes and file.unused_for(now) > RECENT
        if goes and _remove(file):
            total -= file.n_bytes


def empty(folder: Path) -> list[KeptFile]:
    """Remove everything but what someone may be writing; return what is left."""
    now = time.time_ns()
    for file in kept_files(folder):
        if not file.is_unfinished or file.unused_for(now) > RECENT:
            _remove(file)
    return kept_files(folder)


def sizes(files: list[KeptFile]) -> dict[str, dict[str, int]]:
    """How many files of each kind there are, and of how many bytes."""
    found = {kind: [f.n_bytes for f in files if f.kind == kind] for kind in KINDS}
    return {kind: {"files": len(n), "bytes": sum(n)} for kind, n in found.items() if n}


def described(files: list[KeptFile], budget: int) -> str:
    """Lines for a person: how large each kind is, and all of them."""
    width = max(len(words) for words in KINDS.values())
    lines = [
        f"{KINDS[kind]:{width}}{of_kind['files']:8,} {_in_words(of_kind['bytes']):>10}"
        for kind, of_kind in sizes(files).items()
    ]
    total = sum(file.n_bytes for file in files)
    lines.append(f"{'all':{width}}{len(files):8,} {_in_words(total):>10} of {_in_words(budget)}")
    return "\n".join(lines)


def _in_words(n_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} B"


def _files_of(folder: Path, kind: str) -> Iterator[KeptFile]:
    with suppress(OSError), os.scandir(folder / kind) as entries:
        for entry in entries:
            if not (_FILE.fullmatch(entry.name) or is_unfinished(entry.name)):
                continue
            with suppress(OSError):  # removed by another program meanwhile
                if entry.is_file(follow_symlinks=False):
                    status = Path(entry.path).stat()
                    yield KeptFile(Path(entry.path), kind, status.st_size, status.st_mtime_ns)


def _remove(file: KeptFile) -> bool:
    """Whether a file is gone; one that was used since it was listed stays."""
    try:
        if file.path.stat().st_mtime_ns != file.used_ns:
            return False
        file.path.unlink()
    except FileNotFoundError:  # by another program
        return True
    except OSError:  # not ours to remove, or Windows, where a mapped file stays
        return False
    return True

"""Writes indexes beside all tars and shards of a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.cache.disk_cache import DiskCache, default_cache_folder
from napari_rxrx3.data.discovery.discover import discover
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.lazy import made_index
from napari_rxrx3.data.images.sidecars import read_sidecar, write_sidecar
from napari_rxrx3.data.images.tars import CUT_OFF

__all__ = ["Written", "write_indexes"]


@dataclass
class Written:
    """What `write_indexes` has done."""

    written: int = 0
    there_before: int = 0
    failures: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line for a person."""
        many = f"{self.written:,} indexes" if self.written != 1 else "1 index"
        return f"{many} written, {self.there_before:,} were there, {len(self.failures):,} failed."


def write_indexes(path: str, to: str | None, progress: Progress) -> Written:
    """Write an index of each tar and shard; those that are there and fit stay as they are.

    Parameters
    ----------
    to : str, optional
        A folder to write to, in the same folders as the containers; beside them if None.
    progress : callable
        Called with (done, total, text); may raise to stop: what is written stays.

    Raises
    ------
    RxRx3Error
        If there is nothing to index, or it is on a server and `to` is not given.
    """
    storage, root = Storage.of(path)
    if to is None and not storage.is_local:
        raise RxRx3Error(f"{path} is on a server: name a folder to write to (--to FOLDER).")
    contents = discover(storage, root, DiskCache(default_cache_folder()), progress)
    jobs = [*((p, "tar") for p in contents.tars), *((p, "shard") for p in contents.shards)]
    if not jobs:
        raise RxRx3Error(f"There are no tars or shards of images in {path}.")
    done = Written()
    for number, (container, kind) in enumerate(jobs):
        progress(number, len(jobs), f"indexing {container}")
        place = Path(container) if to is None else Path(to) / _inside(container, root)
        _write_one(storage, container, kind, place, done)
    progress(len(jobs), len(jobs), "done")
    return done


def _write_one(storage: Storage, container: str, kind: str, place: Path, done: Written) -> None:
    here, inner = Storage.of(place)
    try:
        size = storage.size(container)
        if _is_there(here, inner, kind, size):
            done.there_before += 1
            return
        index = made_index(storage, container, kind, None)
    except (OSError, pa.ArrowException, ValueError) as error:
        done.failures.append(f"{container} cannot be read ({' '.join(str(error).split())}).")
        return
    if cut := [note for note in index.notes if note.startswith(CUT_OFF)]:
        done.failures.append(f"{container}: {cut[0]}.")
        return
    try:
        write_sidecar(place, kind, size, index)
    except OSError as error:
        why = error.strerror or str(error)
        done.failures.append(f"The index of {place} cannot be written ({why}).")
        return
    done.written += 1


def _is_there(here: Storage, place: str, kind: str, size: int) -> bool:
    try:
        return read_sidecar(here, place, kind, None, size) is not None
    except (OSError, ValueError):
        return False


def _inside(container: str, root: str) -> str:
    """The path of a container within the folder that was named; its name if that is itself."""
    inside = container.removeprefix(root.rstrip("/")).lstrip("/")
    return inside or container.rsplit("/", 1)[-1]

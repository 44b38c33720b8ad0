"""What a folder holds, found out by looking into the files, not by their names."""

from __future__ import annotations

import lzma
import posixpath
import shlex
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from napari_rxrx3.core.errors import DatasetNotFound
from napari_rxrx3.core.plate import ImageName, parse_image_name
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.claims import equal_files
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.discovery.file_kinds import OWN_TABLES, TABLE, Look, look_into
from napari_rxrx3.data.discovery.folder_walk import FolderWalk
from napari_rxrx3.data.discovery.known_files import KnownFiles
from napari_rxrx3.data.discovery.nothing_found import why_empty
from napari_rxrx3.data.files.archives import advice, is_unfinished, pieces
from napari_rxrx3.data.files.storage import Entry, Storage
from napari_rxrx3.data.files.tables import RULE
from napari_rxrx3.data.images.ome_zarr import ENDINGS
from napari_rxrx3.data.images.sidecars import SIDECAR
from napari_rxrx3.data.images.zarr_plates import read_plate_info
from napari_rxrx3.data.problems import Problem

__all__ = ["discover"]

_BESIDE = 200
_DAMAGE = (
    OSError,
    pa.ArrowException,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # a zip with a password
)


def discover(
    storage: Storage, path: str, cache: DiskCache, progress: Progress | None = None
) -> Contents:
    """Find metadata, images and embeddings under a folder, or around one file.

    A metadata file brings all that is in its folder, an image the other stains of its well, a
    tar or shard only itself. A file that was looked into before is only if it has changed.

    Parameters
    ----------
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    DatasetNotFound
        If the path does not exist, cannot be read, or holds nothing of use.
    """
    contents = Contents()
    if (path.lower().endswith(ENDINGS) and _is_plate(storage, path)) or _is_folder(storage, path):
        contents = _look_around(storage, path, cache, progress)
        is_lone_plate = storage.is_local and path in contents.plates
        if is_lone_plate and not (contents.metadata or contents.tables):
            _take_tables_beside(storage, path, contents)
    elif (image := parse_image_name(posixpath.basename(path))) is not None:
        _take_sisters(storage, path, image, contents)
    else:
        entry = Entry(path, is_folder=False)
        _sort_in(entry, _look_at(storage, None, entry), contents)
        _note_pieces([path], contents)
        _settle_tables(contents)
        if contents.metadata:
            around = _look_around(storage, posixpath.dirname(path), cache, progress)
            around.metadata = contents.metadata
            contents = around
    if contents.is_empty:
        raise DatasetNotFound(why_empty(storage, path, contents))
    return contents


def _look_around(
    storage: Storage, folder: str, cache: DiskCache, progress: Progress | None
) -> Contents:
    contents = Contents()
    walk = FolderWalk(storage, contents)
    walk.into(folder, ())
    files = walk.ended()
    _note_unfinished(storage, folder, files, contents)
    contents.indexed |= {e.path.removesuffix(SIDECAR) for e in files if e.name.endswith(SIDECAR)}
    files = [entry for entry in files if not entry.name.endswith(SIDECAR)]
    begun = {f"{e.path.removesuffix('.aria2')}" for e in files if e.name.endswith(".aria2")}
    files = [entry for entry in files if entry.path not in begun]
    known = KnownFiles(cache, storage, f"{folder}|{RULE}")
    files = storage.stamped(files)
    found = {entry.path: known.get(entry) for entry in files}
    new = [entry for entry in files if found[entry.path] is None]
    looks = storage.look_into_many(partial(_look_at, storage, known), new)
    for done, entry in enumerate(files):
        if progress is not None:
            progress(done, len(files), f"looking into {entry.path}")
        _sort_in(entry, found[entry.path] or next(looks), contents)
    known.save()
    _note_pieces([entry.path for entry in files], contents)
    _settle_tables(contents)
    _leave_out_copies(storage, files, contents, cache)
    return contents


def _settle_tables(contents: Contents) -> None:
    """Name the tables that only a screen of one's own could have read, where there is none."""
    if contents.plates:
        return
    for path, unread in contents.tables.items():
        if unread:
            detail = f"{path} is not read: {unread}"
            contents.notes.append(Problem("odd_file", detail=detail))
    contents.tables.clear()


def _note_unfinished(
    storage: Storage, folder: str, files: Iterable[Entry], contents: Contents
) -> None:
    """Name what a program has begun to load and not finished: it may end anywhere."""
    paths = [entry.path for entry in files if is_unfinished(entry.name)]
    if storage.is_local:  # where huggingface_hub keeps what it loads into a folder of one's own
        hidden = Path(folder, ".cache", "huggingface", "download")
        paths += [path.as_posix() for path in sorted(hidden.rglob("*.incomplete"))]
    contents.notes += [
        Problem("unfinished_download", detail=f"{path} is not loaded to its end, and is not read")
        for path in paths
    ]


def _leave_out_copies(
    storage: Storage, files: Sequence[Entry], contents: Contents, cache: DiskCache
) -> None:
    """Take tables that hold the same bytes once."""

    def is_known(one: Entry, other: Entry, find_out: Callable[[], bool]) -> bool:
        name = "|".join(("same", one.path, one.stamp, other.path, other.stamp))
        kept = cache.load("files", name)
        if kept is not None and "same" in kept:
            return bool(kept["same"].any())
        found = find_out()
        cache.save("files", name, {"same": np.array([found])})
        return found

    for paths in (contents.metadata, contents.embeddings):
        listed = set(paths)
        equal = equal_files(storage, (f for f in files if f.path in listed), is_known)
        paths[:] = [path for path in paths if path not in equal]
        contents.notes += [
            Problem(
                "copy", detail=f"{path} holds the same, byte for byte, as {other}, which is read"
            )
            for path, other in equal.items()
        ]


def _is_plate(storage: Storage, path: str) -> bool:
    """Whether a path is a plate of OME-Zarr, which a web server need not list."""
    try:
        return read_plate_info(storage, path) is not None
    except OSError:
        return False


def _take_tables_beside(storage: Storage, plate: str, contents: Contents) -> None:
    """Take the tables that lie in the folder of a plate that was opened by itself."""
    with suppress(OSError):
        for entry in storage.children(posixpath.dirname(plate))[:_BESIDE]:
            if entry.is_folder or not entry.name.lower().endswith(OWN_TABLES):
                continue
            look = _look_at(storage, None, entry)
            if not isinstance(look, str) and look.kind in (TABLE, "metadata", "embedding"):
                _sort_in(entry, look, contents)


def _is_folder(storage: Storage, path: str) -> bool:
    try:
        if not storage.exists(path):
            raise DatasetNotFound(f"{path} does not exist.")
        return storage.is_folder(path)
    except OSError as error:
        raise DatasetNotFound(f"{path} cannot be read ({error}).") from error


def _take_sisters(storage: Storage, path: str, image: ImageName, contents: Contents) -> None:
    """Of the folder of one loose image, take the images of the same well only."""
    folder = posixpath.dirname(path)
    names = [entry.name for entry in storage.children(folder)]
    parsed = ((name, parse_image_name(name)) for name in names)
    contents.folders[folder] = [n for n, p in parsed if p is not None and p[:3] == image[:3]]


def _look_at(storage: Storage, known: KnownFiles | None, entry: Entry) -> Look | str:
    """What a file is, or why it cannot be read."""
    if is_unfinished(entry.name) and known is not None:
        return Look()  # it is named as what it is
    try:
        look = look_into(storage, entry.path)
    except _DAMAGE as error:
        return " ".join(str(error).split())[:200]
    if known is not None:
        known.put(entry, look)
    return look


def _sort_in(entry: Entry, look: Look | str, contents: Contents) -> None:
    path = entry.path
    if isinstance(look, str):
        contents.unreadable[path] = look
        return
    if look.kind == TABLE:
        contents.tables[path] = look.unread
        return
    if look.packed:
        contents.packed[path] = advice(path, look.packed, look.holds)
    places = {
        "metadata": contents.metadata,
        "tar": contents.tars,
        "zip": contents.zips,
        "shard": contents.shards,
        "embedding": contents.embeddings,
        "embedding tar": contents.embedding_tars,
    }
    for kind in look.kind.split("+"):
        if kind in places:
            places[kind].append(path)
    if look.unread:
        said = "is read, but not" if look.kind else "is not read:"
        contents.notes.append(Problem("odd_file", detail=f"{path} {said} {look.unread}"))
    if look.dimension:
        contents.dimensions[path] = look.dimension


def _note_pieces(paths: Sequence[str], contents: Contents) -> None:
    """Say once what is to be done with the pieces of a file; each by itself is damaged."""
    for whole, found in pieces(paths, set(paths)).items():
        for path in found:
            contents.packed.pop(path, None)
            contents.unreadable.pop(path, None)
        for kind in (contents.tars, contents.zips, contents.metadata):
            kind[:] = [path for path in kind if path not in found]
        name = shlex.quote(posixpath.basename(whole))
        names = [posixpath.basename(path) for path in found]
        begin = posixpath.commonprefix(names) if len(names) > 1 else f"{names[0][:-1]}?"
        how = f"cat {shlex.quote(begin)}* > {name}"
        if whole in paths:  # the last piece of a zip is called as if it were all of it
            contents.packed.pop(whole, None)
            contents.unreadable.pop(whole, None)
            contents.zips[:] = [path for path in contents.zips if path != whole]
            how = f"zip -s 0 {name} --out whole.zip"
        said = "is a piece" if len(found) == 1 else f"is the first of {len(found)} pieces"
        contents.packed[found[0]] = (
            f"{found[0]} {said} of a file that was split; join them all first ({how})."
        )

"""What a folder holds, found out by looking into the files, not by their names."""

from __future__ import annotations

import io
import json
import lzma
import posixpath
import re
import shlex
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from napari_rxrx3.core.errors import DatasetNotFound
from napari_rxrx3.core.plate import IMAGE_ENDINGS, ImageName, parse_image_name
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.claims import (
    chosen_revision,
    equal_files,
    missing_revision,
    once,
    other_revisions,
)
from napari_rxrx3.data.files.archives import (
    advice,
    content_of,
    is_companion,
    is_readable_member,
    is_tar,
    is_unfinished,
    name_in_folder,
    packing_of,
    pieces,
    unpacked,
)
from napari_rxrx3.data.files.foreign import (
    foreign_form,
    names_wells,
    why_foreign,
    why_foreign_zip,
)
from napari_rxrx3.data.files.storage import Entry, Storage
from napari_rxrx3.data.files.tables import (
    RULE,
    columns_without_numbers,
    schema_columns,
    text_members,
)
from napari_rxrx3.data.files.text_form import TEXT_SAMPLE, TextForm, text_form
from napari_rxrx3.data.images.ome_zarr import ENDINGS, MARKERS
from napari_rxrx3.data.images.plate_names import plate_of_path
from napari_rxrx3.data.images.shards import shard_columns
from napari_rxrx3.data.images.sidecars import SIDECAR
from napari_rxrx3.data.images.zarr_plates import read_plate_info
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.screen_file import NAME as SCREEN_FILE
from napari_rxrx3.data.wells.columns import (
    canonical,
    describes_wells,
    found_features,
    id_columns,
    is_metadata,
    why_unread,
)

__all__ = ["Contents", "discover", "kind_of_file", "next_step"]

Progress = Callable[[int, int, str], None]

_MAX_DEPTH = 6
_MAX_FILES = 50_000
_SAID = 3
_HEAD = 4096
_TABLE = "table"
_BESIDE = 200
_FEWEST, _OWN_TABLES = 2, (".csv", ".tsv", ".txt", ".parquet")
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
_LOOKED_FOR = (
    "a metadata table with a well_id column, plate tars or folders of images such as "
    "AA02_s1_w3.png, parquet shards of images, plates of OME-Zarr, or embeddings"
)


@dataclass
class Contents:
    """Paths of everything of use under a folder.

    `plates` are folders of OME-Zarr, with what they say that they are called; `tables` those that
    may say of their wells what they received, and why nobody else reads them.

    `dimensions` holds those of the embeddings whose columns tell it, `packed` a sentence for each
    archive that cannot be read in place: what it holds, and what to do. `notes` say which of
    several files that claim to be one thing was taken. `indexed` are the tars and shards beside
    which an index lies.
    """

    metadata: list[str] = field(default_factory=list)
    tars: list[str] = field(default_factory=list)
    zips: list[str] = field(default_factory=list)
    folders: dict[str, list[str]] = field(default_factory=dict)
    shards: list[str] = field(default_factory=list)
    plates: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    embeddings: list[str] = field(default_factory=list)
    embedding_tars: list[str] = field(default_factory=list)
    dimensions: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    packed: dict[str, str] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)
    indexed: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        return not (
            self.metadata
            or self.tars
            or self.zips
            or self.folders
            or self.shards
            or self.plates
            or self.embeddings
            or self.embedding_tars
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
        raise DatasetNotFound(_why_empty(storage, path, contents))
    return contents


def _why_empty(storage: Storage, path: str, contents: Contents) -> str:
    """Name the path and the cause, and say what to do next."""
    unreadable = contents.unreadable
    if path in contents.packed:
        return contents.packed[path]
    if path in unreadable:
        return f"{path} cannot be read: {unreadable[path].rstrip('.')}. Copy or download it again."
    broken = "".join(f" {p} cannot be read: {why.rstrip('.')}." for p, why in unreadable.items())
    broken += "".join(f" {note.detail.rstrip('.')}." for note in contents.notes[:_SAID])
    if contents.packed:
        first, n_more = next(iter(contents.packed.values())), len(contents.packed) - 1
        more = f" (And {n_more:,} more like that.)" if n_more else ""
        return f"Nothing that can be read in place was found in {path}. {first}{more}{broken}"
    return (
        f"Nothing of RxRx3 was found in {path}. {next_step(storage, path)} Looked for "
        f"{_LOOKED_FOR}.{broken}"
    )


def _look_around(
    storage: Storage, folder: str, cache: DiskCache, progress: Progress | None
) -> Contents:
    contents = Contents()
    walk = _Walk(storage, contents)
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
            if entry.is_folder or not entry.name.lower().endswith(_OWN_TABLES):
                continue
            look = _look_at(storage, None, entry)
            if not isinstance(look, str) and look.kind in (_TABLE, "metadata", "embedding"):
                _sort_in(entry, look, contents)


def _is_folder(storage: Storage, path: str) -> bool:
    try:
        if not storage.exists(path):
            raise DatasetNotFound(f"{path} does not exist.")
        return storage.is_folder(path)
    except OSError as error:
        raise DatasetNotFound(f"{path} cannot be read ({error}).") from error


class _Walk:
    """Notes the folders of images and lists all other files, each once."""

    def __init__(self, storage: Storage, contents: Contents) -> None:
        self._storage, self._contents = storage, contents
        self._files: list[Entry] = []
        self._others: dict[str, tuple[int, str]] = {}
        self._folders: list[Entry] = []

    def into(self, folder: str, above: tuple[str, ...], same: str = "") -> None:
        """List a folder and those below; `above` are what tells those that it lies in."""
        if folder.lower().endswith(ENDINGS) and self._took_store(folder):
            return
        try:
            entries = self._storage.children(folder, broken=True)
            entries = [entry for entry in entries if entry.name != "__MACOSX"]
            entries = self._without_revisions(folder, self._without_broken(entries))
        except OSError as error:
            self._contents.unreadable[folder] = error.strerror or str(error)
            return
        if self._is_group(folder, entries) and self._took_store(folder):
            return
        images = [e.name for e in entries if not e.is_folder and _is_image_file(e)]
        if images:
            self._contents.folders[folder] = images
            self._folders.append(Entry(folder, is_folder=True, same=same))
        self._note_other_images(folder, entries, images)
        images_seen = set(images)
        if len(above) < _MAX_DEPTH:
            self._storage.list_ahead([entry.path for entry in entries if entry.is_folder])
        for entry in entries:
            if entry.is_folder:
                if entry.name.lower().endswith(_STORES):
                    self._took_store(entry.path)
                elif len(above) < _MAX_DEPTH and (not entry.same or entry.same not in above):
                    self.into(entry.path, (*above, entry.same), entry.same)
            elif entry.name not in images_seen:
                if len(self._files) >= _MAX_FILES:
                    said = f"more than {_MAX_FILES} files; the rest was left out"
                    self._contents.unreadable[folder] = said
                    return
                self._files.append(entry)

    def _is_group(self, folder: str, entries: Sequence[Entry]) -> bool:
        if any(entry.name in MARKERS for entry in entries):
            return True
        is_local = self._storage.is_local
        return is_local and any(self._storage.exists(f"{folder}/{name}") for name in MARKERS[1:])

    def _took_store(self, folder: str) -> bool:
        """Note a plate of OME-Zarr, with what lies beside its wells, or that it is none."""
        try:
            plate = read_plate_info(self._storage, folder)
        except OSError as error:
            self._contents.unreadable[folder] = error.strerror or str(error)
            return True
        if plate is None:
            what = f"{folder} is a store of arrays (Zarr, N5) and no plate of OME-Zarr"
            note = Problem("odd_file", detail=f"{what}: it is not read. {_IMAGE}")
            self._contents.notes.append(note)
            return True
        self._contents.plates[folder] = plate.name
        with suppress(OSError):  # a web server that lists nothing
            beside = self._storage.children(folder)
            self._files += [e for e in beside if not e.is_folder and e.name not in MARKERS]
        return True

    def _without_broken(self, entries: Sequence[Entry]) -> list[Entry]:
        """Name the links that lead nowhere, as those of a hub's cache do to what is not there."""
        broken = [entry for entry in entries if entry.is_broken]
        self._contents.notes += [
            Problem("broken_link", detail=f"{entry.path} is a link to a file that is not there")
            for entry in broken
        ]
        return [entry for entry in entries if not entry.is_broken]

    def _note_other_images(
        self, folder: str, entries: Iterable[Entry], images: Sequence[str]
    ) -> None:
        """Count images in the folder of a plate, and below, under names that say no well."""
        names = [e.name for e in entries if e.name.lower().endswith(_PICTURES)]
        others = [] if images else names
        plate = next((f for f in (folder, *_above(folder)) if plate_of_path(f)[1] is not None), "")
        if others and plate:
            n, example = self._others.get(plate, (0, posixpath.join(folder, others[0])))
            self._others[plate] = n + len(others), example

    def _named_others(self) -> list[Problem]:
        return [
            Problem(
                "odd_file",
                detail=f"{plate} holds {n:,} images that are not named after a well, such as "
                f"{posixpath.relpath(example, plate)}. {_IMAGE}",
            )
            for plate, (n, example) in self._others.items()
        ]

    def ended(self) -> list[Entry]:
        """All files but those in folders of images; whatever links lead to, once."""
        self._contents.notes += self._named_others()
        kept = {entry.path for entry in once(self._folders)}
        folders = self._contents.folders
        self._contents.folders = {p: names for p, names in folders.items() if p in kept}
        return once(self._files)

    def _without_revisions(self, folder: str, entries: list[Entry]) -> list[Entry]:
        """Of the cache of a hub, only the revision to read, and not what its links lead to."""
        names = {entry.name for entry in entries if entry.is_folder}
        if "snapshots" in names and names & {"blobs", "refs"}:
            blobs = next((entry for entry in entries if entry.name == "blobs"), None)
            for blob in self._storage.children(blobs.path) if blobs is not None else ():
                if is_unfinished(blob.name):
                    what = f"{blob.path} is not loaded to its end, and is not read"
                    self._contents.notes.append(Problem("unfinished_download", detail=what))
            return [entry for entry in entries if entry.name not in ("blobs", "refs")]
        chosen, why = chosen_revision(self._storage, folder, entries)
        if chosen is None:
            return entries
        others = [entry for entry in entries if entry.is_folder]
        if missing := missing_revision(self._storage, folder, others):
            what = f"{posixpath.dirname(folder)}: refs/main names the revision {missing[:10]}"
            detail = f"{what}, which is not here; {chosen.name[:10]} is read"
            self._contents.notes.append(Problem("missing_revision", detail=detail))
        if len(others) > 1:
            files = {e.name: dict(_files_below(self._storage, e.path)) for e in others}
            said = other_revisions(folder, chosen.name, why, files)
            self._contents.notes += [Problem("other_revision", detail=text) for text in said]
        return [chosen]


def _above(folder: str) -> list[str]:
    """The folders that one lies in, the nearest first."""
    parts = folder.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts) - 1, max(1, len(parts) - 4), -1)]


def _files_below(storage: Storage, folder: str, inside: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each file, in a folder and its folders, and what tells it from others."""
    for entry in storage.children(folder):
        name = f"{inside}{entry.name}"
        if not entry.is_folder:
            yield name, entry.same or entry.stamp
        elif name.count("/") < _MAX_DEPTH:
            yield from _files_below(storage, entry.path, f"{name}/")


def _take_sisters(storage: Storage, path: str, image: ImageName, contents: Contents) -> None:
    """Of the folder of one loose image, take the images of the same well only."""
    folder = posixpath.dirname(path)
    names = [entry.name for entry in storage.children(folder)]
    parsed = ((name, parse_image_name(name)) for name in names)
    contents.folders[folder] = [n for n, p in parsed if p is not None and p[:3] == image[:3]]


def _is_image_file(entry: Entry) -> bool:
    name = entry.name
    if name.lower().endswith(IMAGE_ENDINGS):
        # AG01_s1_w1.png is off the plate: the folder's index says so
        return parse_image_name(name) is not None or re.search(r"[-_ ]s\d+[-_ ]", name) is not None
    return "." not in name and parse_image_name(name) is not None


def _look_at(storage: Storage, known: KnownFiles | None, entry: Entry) -> _Look | str:
    """What a file is, or why it cannot be read."""
    if is_unfinished(entry.name) and known is not None:
        return _Look()  # it is named as what it is
    try:
        look = _look_into(storage, entry.path)
    except _DAMAGE as error:
        return " ".join(str(error).split())[:200]
    if known is not None:
        known.put(entry, look)
    return look


def _sort_in(entry: Entry, look: _Look | str, contents: Contents) -> None:
    path = entry.path
    if isinstance(look, str):
        contents.unreadable[path] = look
        return
    if look.kind == _TABLE:
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


class _Look(NamedTuple):
    """What a file is: its kind; of an embedding, the dimension if its columns tell it.

    `packed` and `holds` are the arguments of `advice` if some of it cannot be read in place,
    `unread` says why a table that names wells is of no use. Of a zip that holds a table and
    images there are two kinds, ``metadata+zip``.
    """

    kind: str = ""
    dimension: int = 0
    packed: str = ""
    holds: str = ""
    unread: str = ""


def kind_of_file(storage: Storage, path: str) -> str:
    """Say what a file is: metadata, tar, zip, shard, embedding, embedding tar, packed, or "".

    Raises
    ------
    OSError, pyarrow.ArrowException, tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError,
    lzma.LZMAError
        If it is damaged: then only its name tells what it was to be.
    """
    look = _look_into(storage, path)
    if look.kind == _TABLE:
        return ""
    return look.kind.split("+")[0] or ("packed" if look.packed else "")


def _look_into(storage: Storage, path: str) -> _Look:
    if posixpath.basename(path) == SCREEN_FILE:
        return _Look()
    head = storage.read(path, 0, _HEAD)
    if head[:4] == b"PAR1":
        return _kind_of_parquet(storage, path)
    if foreign_form(head):
        return _kind_of_foreign(storage, path, head)
    if path.endswith((".parquet", ".tar")) and not head:
        raise OSError("the file is empty")
    if head[:4] == b"PK\x03\x04":
        return _kind_of_zip(storage, path)
    if packing := packing_of(head):
        return _kind_of_packed(storage, path, packing)
    if path.endswith(".parquet"):
        raise OSError("not a parquet file")
    if head[257:262] == b"ustar" or (path.endswith(".tar") and head) or is_tar(head):
        return _kind_of_tar(storage, path)
    form = _form_of(head)
    names_end = b"\n" in head or b"\r" in head or b"\0" in head
    if (form is not None and id_columns(form.names)) or (len(head) == _HEAD and not names_end):
        form = _form_of(storage.read(path, 0, TEXT_SAMPLE))  # rows, or the rest of many names
    if form is None and _is_called_like_a_plate(path):
        return _Look(unread=f"it is called like a plate, and is none that is read. {_IMAGE}")
    return _or_table(_kind_of_text(form), path, len(form.names) if form is not None else 0)


def _or_table(look: _Look, path: str, n_columns: int) -> _Look:
    """A table that is nothing of RxRx3 may be one of wells of a screen of one's own."""
    if look.kind or look.packed or n_columns < _FEWEST or not path.lower().endswith(_OWN_TABLES):
        return look
    return look._replace(kind=_TABLE)


def _is_called_like_a_plate(path: str) -> bool:
    """Whether a file that nobody can tell is called like one, and not like what lies beside it."""
    name = posixpath.basename(path)
    is_beside = ".tar" in name and not name.endswith(".tar") and not _ODDLY_PACKED.search(name)
    return plate_of_path(path)[1] is not None and not (is_beside or is_companion(name))


def _kind_of_foreign(storage: Storage, path: str, head: bytes) -> _Look:
    """What is not read, unless it is a table that looks so by chance."""
    look = _kind_of_text(_form_of(head))
    if look.kind:
        return look
    why = why_foreign(path, head) or why_foreign(path, storage.read(path, 0, TEXT_SAMPLE))
    if not why and _is_called_like_a_plate(path):
        why = f"it is {foreign_form(head)}"
    return _Look(unread=why)


def _kind_of_parquet(storage: Storage, path: str) -> _Look:
    try:
        with storage.open(path) as file:
            about = pq.read_metadata(file)
            schema = about.schema.to_arrow_schema()
    except UnicodeDecodeError as error:
        raise OSError("the name of a column is no text") from error
    columns = schema_columns(schema)
    names = [column.name for column in columns]
    of_images = shard_columns(schema)
    if of_images is not None and not (is_metadata(names) and describes_wells(of_images[1])):
        return _Look("shard")
    if features := found_features(columns):
        is_flat = all(column.kind != "list" for column in columns if column.name in features)
        is_sure = is_flat and not set(features) & set(columns_without_numbers(about, columns))
        return _Look("embedding", len(features) if is_sure else 0)
    if is_metadata(names):
        return _Look("metadata")
    return _or_table(_Look(unread=why_unread(columns)), path, len(names))


def _kind_of_zip(storage: Storage, path: str) -> _Look:
    with storage.open(path) as file, zipfile.ZipFile(file) as archive:
        look = _Look()
        for name in text_members(archive):
            with archive.open(name) as member:
                look = _kind_of_text(_form_of(member.read(TEXT_SAMPLE)))
            if look.kind:
                break
        members = [m for m in archive.infolist() if not is_companion(m.filename)]
        if not look.kind and (why := why_foreign_zip(path, archive)):
            return _Look(unread=why)
    images = [m for m in members if parse_image_name(name_in_folder(m.filename)) is not None]
    if any(map(is_readable_member, images)):
        return look._replace(kind="+".join(filter(None, (look.kind, "zip"))))
    holds = _of_use(member.filename for member in members)
    if images:
        holds = "images that are packed otherwise than by deflate, or with a password"
    if not holds and not look.kind:
        return look._replace(unread=look.unread or _why_no_wells(m.filename for m in members))
    return look._replace(packed="zip", holds=holds) if holds else look


def _of_use(members: Iterable[str], tables: tuple[str, ...] = ()) -> str:
    """What members of an archive are, by their names, that it is no place for."""
    for name in members:
        if parse_image_name(name_in_folder(name)) is not None:
            return "images"
        if name.lower().endswith((*_PACKED, *tables)):
            return "other files"
    return ""


def _kind_of_packed(storage: Storage, path: str, packing: str) -> _Look:
    with storage.open(path) as file:
        head = unpacked(file, packing, TEXT_SAMPLE)
    if head is None:
        return _Look(packed=packing)
    if what := content_of(head):
        return _Look(packed=packing, holds=what)
    look = _kind_of_text(_form_of(head))
    if packing == "gzip" or not look.kind:
        return look
    return _Look(packed=packing, holds="a table")


def _form_of(sample: bytes) -> TextForm | None:
    """How a table of text is written; None if it is none."""
    try:
        return text_form(sample)
    except ValueError:
        return None


def _kind_of_text(form: TextForm | None) -> _Look:
    """Tell by the names of the columns, or by the first rows where the names are not enough."""
    if form is None:
        return _Look()
    names = set(map(canonical, form.names))
    if len(form.names) == 1 and names_wells(form.names[0].encode()) and len(form.names[0]) > 8:
        return _Look(unread=_UNSEPARATED)
    if id_columns(form.names) and sum(name[-1:].isdigit() for name in names) > 1:
        features = found_features(form.columns)
        if features:
            return _Look("embedding", len(features))
    return _Look("metadata") if is_metadata(names) else _Look(unread=why_unread(form.columns))


def _kind_of_tar(storage: Storage, path: str) -> _Look:
    others: list[str] = []
    with storage.open(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for _ in range(1000):
            member = tar.next()
            if member is None:
                break
            if member.type == _CONTINUED:
                return _Look(unread=_VOLUME)
            if not member.isfile() or is_companion(member.name):
                continue
            if parse_image_name(posixpath.basename(member.name)) is not None:
                beside = next((n for n in others if n.lower().endswith(_TABLES_IN_TAR)), "")
                return _Look("tar", unread=f"{beside} in it: take it out" if beside else "")
            if _holds_embeddings(tar, member):
                return _Look("embedding tar")
            others.append(member.name)
    if holds := _of_use(others, _TABLES):
        return _Look(packed="tar", holds=holds)
    why = _why_no_wells(others)
    if not why and _is_called_like_a_plate(path):
        why = f"it is called like a plate, and has no image in it. {_IMAGE}"
    return _Look(unread=why)


def _why_no_wells(members: Iterable[str]) -> str:
    """Say of an archive that holds images that no name of them says a well."""
    first = next((name for name in members if name.lower().endswith(_PICTURES)), "")
    return f"its images are not named after a well, such as {first}. {_IMAGE}" if first else ""


def _holds_embeddings(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    file = tar.extractfile(member)
    if file is None or file.read(4) != b"PAR1":
        return False
    file.seek(0)
    return bool(found_features(schema_columns(pq.read_schema(io.BytesIO(file.read())))))


_PACKED = (".tar", ".parquet", ".zip", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".lz4")
_TABLES = (".csv", ".tsv")
_TABLES_IN_TAR = (*_TABLES, ".parquet", ".csv.gz")
_PICTURES = (
    *(*IMAGE_ENDINGS, ".jpg", ".jpeg", ".gif", ".bmp", ".webp"),
    *(".npy", ".dcm", ".czi", ".nd2"),
)
_CONTINUED = b"M"
_VOLUME = "it goes on with what another volume begins: unpack them all at once (tar -xM)"
_ODDLY_PACKED = re.compile(r"\.tar\.(?:br|sz|zz|lrz|zpaq|rz|lzfse)\Z", re.IGNORECASE)
_STORES = (".zarr", ".n5")
_FOLDER = "Open the folder that holds what you downloaded"
_SHEET = "It is a file of Excel or LibreOffice: save the table in it as CSV."
_HITS = "It holds hits: open their data set, then see the menu … of the tab Hits."
_KNOWN = "It tells what is known: open a data set, then choose it in the tab Benchmark."
_UNSEPARATED = (
    "it names wells, but its columns are not separated by commas, semicolons, tabs, bars or blanks"
)
_IMAGE = "An image of a well is named after it, such as AA02_s1_w3.png."


def next_step(storage: Storage, path: str) -> str:
    """One sentence: what a file looks like and where it belongs, or what to open instead.

    `path` is a folder or a file of which it is known that it is no part of a data set.
    """
    if storage.is_folder(path):
        return f"{_FOLDER}, or the one above it."
    name = posixpath.basename(path).lower()
    return _step_by_content(storage, path) or (
        f"{_IMAGE} {_FOLDER}." if name.endswith(_PICTURES) else f"{_FOLDER}, or a file of it."
    )


def _step_by_content(storage: Storage, path: str) -> str:
    try:
        head = storage.read(path, 0, _HEAD)
    except OSError:
        return ""
    if head[:4] == b"PK\x03\x04" and (b"[Content_Types].xml" in head or b"mimetype" in head):
        return _SHEET
    if head.lstrip()[:1] == b"{":
        return _HITS if b'"napari-rxrx3 hits"' in head else ""
    form = _form_of(head)
    names = {canonical(name).lower() for name in form.names} if form is not None else set()
    if {"entity1", "entity2"} <= names or ("gene_symbol" in names and "treatment" in names):
        return _KNOWN
    return _HITS if "well_id" in names and names & {"tag", "tag_name", "note"} else ""


class KnownFiles:
    """Kind and dimension of each file of a folder, as long as it does not change.

    A file counts as unchanged while its listing gives the same size and time of change. Where
    a listing gives neither, as on some servers, nothing is remembered. What is kept is one file
    of the cache, with a checksum; if that is damaged, everything is looked at anew.
    """

    def __init__(self, cache: DiskCache, storage: Storage, root: str) -> None:
        self._cache, self._name = cache, f"{storage.name}|{root}"
        self._kept = self._loaded()
        self._seen: dict[str, list[Any]] = {}

    def get(self, entry: Entry) -> _Look | None:
        """What a file is; None if it is not known or has changed."""
        kept = self._kept.get(entry.path)
        if not entry.stamp or kept is None or kept[0] != entry.stamp:
            return None
        self._seen[entry.path] = kept
        return _Look(*kept[1:])

    def put(self, entry: Entry, look: _Look) -> None:
        """Remember what a file was found to be."""
        if entry.stamp:
            self._seen[entry.path] = [entry.stamp, *look]

    def save(self) -> None:
        """Keep what was seen since this was made, and only that, for the next time."""
        if self._seen != self._kept:
            text = json.dumps(self._seen).encode()
            self._cache.save("files", self._name, {"json": np.frombuffer(text, np.uint8)})
            self._kept = dict(self._seen)

    def _loaded(self) -> dict[str, list[Any]]:
        arrays = self._cache.load("files", self._name) or {}
        try:
            kept = json.loads(arrays["json"].tobytes()).items()
            return {
                path: [str(stamp), str(kind), int(n), str(packed), str(holds), str(unread)]
                for path, (stamp, kind, n, packed, holds, unread) in kept
            }
        except (KeyError, ValueError, TypeError, AttributeError):
            return {}

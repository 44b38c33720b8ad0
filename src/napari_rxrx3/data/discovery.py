"""What a folder holds, found out by looking into the files, not by their names."""

from __future__ import annotations

import gzip
import io
import json
import posixpath
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from napari_rxrx3.core.errors import DatasetNotFound
from napari_rxrx3.core.plate import IMAGE_ENDINGS, ImageName, parse_image_name
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files.storage import Entry, Storage
from napari_rxrx3.data.files.tables import RULE, schema_columns, text_members
from napari_rxrx3.data.files.text_form import TEXT_SAMPLE, TextForm, text_form
from napari_rxrx3.data.images.shards import shard_columns
from napari_rxrx3.data.wells.columns import canonical, found_features, is_metadata

__all__ = ["Contents", "discover", "kind_of_file", "next_step"]

Progress = Callable[[int, int, str], None]

_MAX_DEPTH = 6
_MAX_FILES = 50_000
_HEAD = 4096
_DAMAGE = (
    OSError,
    pa.ArrowException,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,  # a zip with a password
)
_LOOKED_FOR = (
    "a metadata table with a well_id column, plate tars or folders of images such as "
    "AA02_s1_w3.png, parquet shards of images, or embeddings"
)


@dataclass
class Contents:
    """Paths of everything of use under a folder.

    `dimensions` holds those of the embeddings whose columns tell it.
    """

    metadata: list[str] = field(default_factory=list)
    tars: list[str] = field(default_factory=list)
    folders: dict[str, list[str]] = field(default_factory=dict)
    shards: list[str] = field(default_factory=list)
    embeddings: list[str] = field(default_factory=list)
    embedding_tars: list[str] = field(default_factory=list)
    dimensions: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (
            self.metadata
            or self.tars
            or self.folders
            or self.shards
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
    if _is_folder(storage, path):
        contents = _look_around(storage, path, cache, progress)
    elif (image := parse_image_name(posixpath.basename(path))) is not None:
        _take_sisters(storage, path, image, contents)
    else:
        _sort_in(storage, Entry(path, is_folder=False), contents, None)
        if contents.metadata:
            around = _look_around(storage, posixpath.dirname(path), cache, progress)
            around.metadata = contents.metadata
            contents = around
    if contents.is_empty:
        raise DatasetNotFound(_why_empty(storage, path, contents.unreadable))
    return contents


def _why_empty(storage: Storage, path: str, unreadable: Mapping[str, str]) -> str:
    """Name the path and the cause, and say what to do next."""
    if path in unreadable:
        return f"{path} cannot be read: {unreadable[path].rstrip('.')}. Copy or download it again."
    broken = "".join(f" {p} cannot be read: {why.rstrip('.')}." for p, why in unreadable.items())
    return (
        f"Nothing of RxRx3 was found in {path}. {next_step(storage, path)} Looked for "
        f"{_LOOKED_FOR}.{broken}"
    )


def _look_around(
    storage: Storage, folder: str, cache: DiskCache, progress: Progress | None
) -> Contents:
    contents = Contents()
    files: list[Entry] = []
    _walk(storage, folder, contents, files, 0)
    known = KnownFiles(cache, storage, f"{folder}|{RULE}")
    for done, entry in enumerate(files):
        if progress is not None:
            progress(done, len(files), f"looking into {entry.path}")
        _sort_in(storage, entry, contents, known)
    known.save()
    return contents


def _is_folder(storage: Storage, path: str) -> bool:
    try:
        if not storage.exists(path):
            raise DatasetNotFound(f"{path} does not exist.")
        return storage.is_folder(path)
    except OSError as error:
        raise DatasetNotFound(f"{path} cannot be read ({error}).") from error


def _walk(
    storage: Storage, folder: str, contents: Contents, files: list[Entry], depth: int
) -> None:
    """Note the folders of images, and list all other files."""
    try:
        entries = storage.children(folder)
    except OSError as error:
        contents.unreadable[folder] = error.strerror or str(error)
        return
    images = [e.name for e in entries if not e.is_folder and _is_image_file(e)]
    if images:
        contents.folders[folder] = images
    images_seen = set(images)
    for entry in entries:
        if entry.is_folder:
            if depth < _MAX_DEPTH:
                _walk(storage, entry.path, contents, files, depth + 1)
        elif entry.name not in images_seen:
            if len(files) >= _MAX_FILES:
                contents.unreadable[folder] = f"more than {_MAX_FILES} files; the rest was left out"
                return
            files.append(entry)


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
        return parse_image_name(name) is not None or re.search(r"_s\d+_", name) is not None
    return "." not in name and parse_image_name(name) is not None


def _sort_in(storage: Storage, entry: Entry, contents: Contents, known: KnownFiles | None) -> None:
    path = entry.path
    found = known.get(entry) if known is not None else None
    try:
        kind, dimension = found or _look_into(storage, path)
    except _DAMAGE as error:
        contents.unreadable[path] = " ".join(str(error).split())[:200]
        return
    if known is not None and found is None:
        known.put(entry, kind, dimension)
    place = {
        "metadata": contents.metadata,
        "tar": contents.tars,
        "shard": contents.shards,
        "embedding": contents.embeddings,
        "embedding tar": contents.embedding_tars,
    }.get(kind)
    if place is not None:
        place.append(path)
    if dimension:
        contents.dimensions[path] = dimension


def kind_of_file(storage: Storage, path: str) -> str:
    """Say what a file is: metadata, tar, shard, embedding, embedding tar, or "" for other.

    Raises
    ------
    OSError, pyarrow.ArrowException, tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError
        If it is damaged: then only its name tells what it was to be.
    """
    return _look_into(storage, path)[0]


def _look_into(storage: Storage, path: str) -> tuple[str, int]:
    """Return the kind of a file and, of an embedding, the dimension if its columns tell it."""
    head = storage.read(path, 0, _HEAD)
    if head[:4] == b"PAR1":
        return _kind_of_parquet(storage, path)
    if path.endswith((".parquet", ".tar")) and not head:
        raise OSError("the file is empty")
    if path.endswith(".parquet"):
        raise OSError("not a parquet file")
    if head[:4] == b"PK\x03\x04":
        return _kind_of_zip(storage, path)
    if head[:2] == b"\x1f\x8b":
        return _kind_of_gzip(storage, path)
    if head[257:262] == b"ustar" or (path.endswith(".tar") and head):
        return _kind_of_tar(storage, path), 0
    form = _form_of(head)
    names_end = b"\n" in head or b"\r" in head or b"\0" in head
    if (form is not None and "well_id" in form.names) or (len(head) == _HEAD and not names_end):
        form = _form_of(storage.read(path, 0, TEXT_SAMPLE))  # rows, or the rest of many names
    return _kind_of_text(form)


def _kind_of_parquet(storage: Storage, path: str) -> tuple[str, int]:
    try:
        with storage.open(path) as file:
            schema = pq.read_schema(file)
    except UnicodeDecodeError as error:
        raise OSError("the name of a column is no text") from error
    if shard_columns(schema) is not None:
        return "shard", 0
    columns = schema_columns(schema)
    if features := found_features(columns):
        is_flat = all(column.kind != "list" for column in columns if column.name in features)
        return "embedding", len(features) if is_flat else 0
    return "metadata" if is_metadata(column.name for column in columns) else "", 0


def _kind_of_zip(storage: Storage, path: str) -> tuple[str, int]:
    with storage.open(path) as file, zipfile.ZipFile(file) as archive:
        for name in text_members(archive):
            with archive.open(name) as member:
                found = _kind_of_text(_form_of(member.read(TEXT_SAMPLE)))
            if found[0]:
                return found
    return "", 0


def _kind_of_gzip(storage: Storage, path: str) -> tuple[str, int]:
    with storage.open(path) as file, gzip.GzipFile(fileobj=file) as unpacked:
        return _kind_of_text(_form_of(unpacked.read(TEXT_SAMPLE)))


def _form_of(sample: bytes) -> TextForm | None:
    """How a table of text is written; None if it is none."""
    try:
        return text_form(sample)
    except ValueError:
        return None


def _kind_of_text(form: TextForm | None) -> tuple[str, int]:
    """Tell by the names of the columns, or by the first rows where the names are not enough."""
    if form is None:
        return "", 0
    names = set(map(canonical, form.names))
    if "well_id" in names and sum(name[-1:].isdigit() for name in names) > 1:
        features = found_features(form.columns)
        if features:
            return "embedding", len(features)
    return "metadata" if is_metadata(names) else "", 0


def _kind_of_tar(storage: Storage, path: str) -> str:
    with storage.open(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for _ in range(1000):
            member = tar.next()
            if member is None:
                break
            name = posixpath.basename(member.name)
            if member.isfile() and parse_image_name(name) is not None:
                return "tar"
            if member.isfile() and _holds_embeddings(tar, member):
                return "embedding tar"
    return ""


def _holds_embeddings(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    file = tar.extractfile(member)
    if file is None or file.read(4) != b"PAR1":
        return False
    file.seek(0)
    return bool(found_features(schema_columns(pq.read_schema(io.BytesIO(file.read())))))


_PICTURES = (*IMAGE_ENDINGS, ".jpg", ".jpeg", ".gif", ".bmp")
_FOLDER = "Open the folder that holds what you downloaded"
_HITS = "It holds hits: open their data set, then see the menu … of the tab Hits."
_KNOWN = "It tells what is known: open a data set, then choose it in the tab Benchmark."
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

    def get(self, entry: Entry) -> tuple[str, int] | None:
        """Kind and dimension of a file; None if it is not known or has changed."""
        kept = self._kept.get(entry.path)
        if not entry.stamp or kept is None or kept[0] != entry.stamp:
            return None
        self._seen[entry.path] = kept
        return kept[1], kept[2]

    def put(self, entry: Entry, kind: str, dimension: int) -> None:
        """Remember what a file was found to be."""
        if entry.stamp:
            self._seen[entry.path] = [entry.stamp, kind, dimension]

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
            return {path: [str(stamp), str(kind), int(n)] for path, (stamp, kind, n) in kept}
        except (KeyError, ValueError, TypeError, AttributeError):
            return {}

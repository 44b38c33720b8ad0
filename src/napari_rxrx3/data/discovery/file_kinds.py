"""What a file is, told by what is in it."""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
import zipfile
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow.parquet as pq

from napari_rxrx3.core.plate import IMAGE_ENDINGS, parse_image_name
from napari_rxrx3.data.files.archives import (
    content_of,
    is_companion,
    is_readable_member,
    is_tar,
    name_in_folder,
    packing_of,
    unpacked,
)
from napari_rxrx3.data.files.foreign import (
    foreign_form,
    names_wells,
    why_foreign,
    why_foreign_zip,
)
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import (
    columns_without_numbers,
    schema_columns,
    text_members,
)
from napari_rxrx3.data.files.text_form import TEXT_SAMPLE, TextForm, text_form
from napari_rxrx3.data.images.plate_names import plate_of_path
from napari_rxrx3.data.images.shards import shard_columns
from napari_rxrx3.data.screen_file import NAME as SCREEN_FILE
from napari_rxrx3.data.wells.columns import (
    canonical,
    describes_wells,
    found_features,
    id_columns,
    is_metadata,
    why_unread,
)

__all__ = [
    "HEAD",
    "NAMED_AFTER_WELL",
    "OWN_TABLES",
    "PICTURE_ENDINGS",
    "TABLE",
    "Look",
    "form_of",
    "kind_of_file",
    "look_into",
]

HEAD = 4096
"""Bytes of a file that tell what it is."""
TABLE = "table"
"""The kind of what may be a table of wells of a screen of one's own."""
_FEWEST, OWN_TABLES = 2, (".csv", ".tsv", ".txt", ".parquet")
_PACKED = (".tar", ".parquet", ".zip", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".lz4")
_TABLES = (".csv", ".tsv")
_TABLES_IN_TAR = (*_TABLES, ".parquet", ".csv.gz")
PICTURE_ENDINGS = (
    *(*IMAGE_ENDINGS, ".jpg", ".jpeg", ".gif", ".bmp", ".webp"),
    *(".npy", ".dcm", ".czi", ".nd2"),
)
"""Of files that hold images, whether they are read or not."""
_CONTINUED = b"M"
_VOLUME = "it goes on with what another volume begins: unpack them all at once (tar -xM)"
_ODDLY_PACKED = re.compile(r"\.tar\.(?:br|sz|zz|lrz|zpaq|rz|lzfse)\Z", re.IGNORECASE)
_UNSEPARATED = (
    "it names wells, but its columns are not separated by commas, semicolons, tabs, bars or blanks"
)
NAMED_AFTER_WELL = "An image of a well is named after it, such as AA02_s1_w3.png."


class Look(NamedTuple):
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
    look = look_into(storage, path)
    if look.kind == TABLE:
        return ""
    return look.kind.split("+")[0] or ("packed" if look.packed else "")


def look_into(storage: Storage, path: str) -> Look:
    if posixpath.basename(path) == SCREEN_FILE:
        return Look()
    head = storage.read(path, 0, HEAD)
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
    form = form_of(head)
    names_end = b"\n" in head or b"\r" in head or b"\0" in head
    if (form is not None and id_columns(form.names)) or (len(head) == HEAD and not names_end):
        form = form_of(storage.read(path, 0, TEXT_SAMPLE))  # rows, or the rest of many names
    if form is None and _is_called_like_a_plate(path):
        return Look(
            unread=f"it is called like a plate, and is none that is read. {NAMED_AFTER_WELL}"
        )
    return _or_table(_kind_of_text(form), path, len(form.names) if form is not None else 0)


def _or_table(look: Look, path: str, n_columns: int) -> Look:
    """A table that is nothing of RxRx3 may be one of wells of a screen of one's own."""
    if look.kind or look.packed or n_columns < _FEWEST or not path.lower().endswith(OWN_TABLES):
        return look
    return look._replace(kind=TABLE)


def _is_called_like_a_plate(path: str) -> bool:
    """Whether a file that nobody can tell is called like one, and not like what lies beside it."""
    name = posixpath.basename(path)
    is_beside = ".tar" in name and not name.endswith(".tar") and not _ODDLY_PACKED.search(name)
    return plate_of_path(path)[1] is not None and not (is_beside or is_companion(name))


def _kind_of_foreign(storage: Storage, path: str, head: bytes) -> Look:
    """What is not read, unless it is a table that looks so by chance."""
    look = _kind_of_text(form_of(head))
    if look.kind:
        return look
    why = why_foreign(path, head) or why_foreign(path, storage.read(path, 0, TEXT_SAMPLE))
    if not why and _is_called_like_a_plate(path):
        why = f"it is {foreign_form(head)}"
    return Look(unread=why)


def _kind_of_parquet(storage: Storage, path: str) -> Look:
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
        return Look("shard")
    if features := found_features(columns):
        is_flat = all(column.kind != "list" for column in columns if column.name in features)
        is_sure = is_flat and not set(features) & set(columns_without_numbers(about, columns))
        return Look("embedding", len(features) if is_sure else 0)
    if is_metadata(names):
        return Look("metadata")
    return _or_table(Look(unread=why_unread(columns)), path, len(names))


def _kind_of_zip(storage: Storage, path: str) -> Look:
    with storage.open(path) as file, zipfile.ZipFile(file) as archive:
        look = Look()
        for name in text_members(archive):
            with archive.open(name) as member:
                look = _kind_of_text(form_of(member.read(TEXT_SAMPLE)))
            if look.kind:
                break
        members = [m for m in archive.infolist() if not is_companion(m.filename)]
        if not look.kind and (why := why_foreign_zip(path, archive)):
            return Look(unread=why)
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


def _kind_of_packed(storage: Storage, path: str, packing: str) -> Look:
    with storage.open(path) as file:
        head = unpacked(file, packing, TEXT_SAMPLE)
    if head is None:
        return Look(packed=packing)
    if what := content_of(head):
        return Look(packed=packing, holds=what)
    look = _kind_of_text(form_of(head))
    if packing == "gzip" or not look.kind:
        return look
    return Look(packed=packing, holds="a table")


def form_of(sample: bytes) -> TextForm | None:
    """How a table of text is written; None if it is none."""
    try:
        return text_form(sample)
    except ValueError:
        return None


def _kind_of_text(form: TextForm | None) -> Look:
    """Tell by the names of the columns, or by the first rows where the names are not enough."""
    if form is None:
        return Look()
    names = set(map(canonical, form.names))
    if len(form.names) == 1 and names_wells(form.names[0].encode()) and len(form.names[0]) > 8:
        return Look(unread=_UNSEPARATED)
    if id_columns(form.names) and sum(name[-1:].isdigit() for name in names) > 1:
        features = found_features(form.columns)
        if features:
            return Look("embedding", len(features))
    return Look("metadata") if is_metadata(names) else Look(unread=why_unread(form.columns))


def _kind_of_tar(storage: Storage, path: str) -> Look:
    others: list[str] = []
    with storage.open(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for _ in range(1000):
            member = tar.next()
            if member is None:
                break
            if member.type == _CONTINUED:
                return Look(unread=_VOLUME)
            if not member.isfile() or is_companion(member.name):
                continue
            if parse_image_name(posixpath.basename(member.name)) is not None:
                beside = next((n for n in others if n.lower().endswith(_TABLES_IN_TAR)), "")
                return Look("tar", unread=f"{beside} in it: take it out" if beside else "")
            if _holds_embeddings(tar, member):
                return Look("embedding tar")
            others.append(member.name)
    if holds := _of_use(others, _TABLES):
        return Look(packed="tar", holds=holds)
    why = _why_no_wells(others)
    if not why and _is_called_like_a_plate(path):
        why = f"it is called like a plate, and has no image in it. {NAMED_AFTER_WELL}"
    return Look(unread=why)


def _why_no_wells(members: Iterable[str]) -> str:
    """Say of an archive that holds images that no name of them says a well."""
    first = next((name for name in members if name.lower().endswith(PICTURE_ENDINGS)), "")
    return (
        f"its images are not named after a well, such as {first}. {NAMED_AFTER_WELL}"
        if first
        else ""
    )


def _holds_embeddings(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    file = tar.extractfile(member)
    if file is None or file.read(4) != b"PAR1":
        return False
    file.seek(0)
    return bool(found_features(schema_columns(pq.read_schema(io.BytesIO(file.read())))))

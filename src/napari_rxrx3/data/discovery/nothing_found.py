"""What is said of a path that holds nothing of RxRx3: why, and what to open instead."""

from __future__ import annotations

import posixpath

from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.discovery.file_kinds import HEAD, NAMED_AFTER_WELL, PICTURE_ENDINGS, form_of
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.wells.columns import canonical

__all__ = ["why_empty"]

_SAID = 3
_LOOKED_FOR = (
    "a metadata table with a well_id column, plate tars or folders of images such as "
    "AA02_s1_w3.png, parquet shards of images, plates of OME-Zarr, or embeddings"
)
_FOLDER = "Open the folder that holds what you downloaded"
_SHEET = "It is a file of Excel or LibreOffice: save the table in it as CSV."
_HITS = "It holds hits: open their data set, then see the menu … of the tab Hits."
_KNOWN = "It tells what is known: open a data set, then choose it in the tab Benchmark."


def why_empty(storage: Storage, path: str, contents: Contents) -> str:
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
        f"Nothing of RxRx3 was found in {path}. {_next_step(storage, path)} Looked for "
        f"{_LOOKED_FOR}.{broken}"
    )


def _next_step(storage: Storage, path: str) -> str:
    """One sentence: what a file looks like and where it belongs, or what to open instead.

    `path` is a folder or a file of which it is known that it is no part of a data set.
    """
    if storage.is_folder(path):
        return f"{_FOLDER}, or the one above it."
    name = posixpath.basename(path).lower()
    return _step_by_content(storage, path) or (
        f"{NAMED_AFTER_WELL} {_FOLDER}."
        if name.endswith(PICTURE_ENDINGS)
        else f"{_FOLDER}, or a file of it."
    )


def _step_by_content(storage: Storage, path: str) -> str:
    try:
        head = storage.read(path, 0, HEAD)
    except OSError:
        return ""
    if head[:4] == b"PK\x03\x04" and (b"[Content_Types].xml" in head or b"mimetype" in head):
        return _SHEET
    if head.lstrip()[:1] == b"{":
        return _HITS if b'"napari-rxrx3 hits"' in head else ""
    form = form_of(head)
    names = {canonical(name).lower() for name in form.names} if form is not None else set()
    if {"entity1", "entity2"} <= names or ("gene_symbol" in names and "treatment" in names):
        return _KNOWN
    return _HITS if "well_id" in names and names & {"tag", "tag_name", "note"} else ""

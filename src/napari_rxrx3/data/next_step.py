"""What to do with a path that holds no part of a data set."""

from __future__ import annotations

import posixpath

from napari_rxrx3.core.plate import IMAGE_ENDINGS
from napari_rxrx3.data.storage import Storage
from napari_rxrx3.data.wells.tables import header_names

__all__ = ["next_step"]

_HEAD = 4096
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
    line = head.split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").strip()
    names = {name.lower() for name in header_names(line)}
    if {"entity1", "entity2"} <= names or ("gene_symbol" in names and "treatment" in names):
        return _KNOWN
    return _HITS if "well_id" in names and names & {"tag", "tag_name", "note"} else ""

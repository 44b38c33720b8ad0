"""What is of RxRx3 among paths that a user has chosen, and which of them belong together.

napari asks for whatever is dropped on it, so nothing heavy is loaded before a file has to be
looked into.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from napari_rxrx3.core.plate import natural_key, parse_image_name

__all__ = [
    "TABLE_OR_ARCHIVE",
    "belong_together",
    "looks_like_ours",
    "stands_for",
    "with_pixels_first",
]

_OUR_FOLDER = re.compile(r"(plate[ _-]?\d|images\Z|gene-\d|compound-\d|data\Z)", re.IGNORECASE)
TABLE_OR_ARCHIVE = (
    *(".tar", ".parquet", ".csv", ".tsv", ".zip", ".csv.gz", ".tsv.gz"),
    *(".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"),  # to be told what to do with them
)
_OUR_TABLE = re.compile(r"metadata|rxrx|embedding|phenom|-of-\d+\.parquet\Z")
"""What a file behind a URL is called: only its name can tell."""

_LISTED, _OPENED, _DEPTH = 2000, 50, 3
_METADATA = 4 << 20
_FAR = 3
"""Levels that a folder may lie above what was chosen, to be opened in its place."""


def looks_like_ours(path: str) -> bool:
    """Whether a file or folder is of use; a URL is judged by its name, as a server can be slow.

    May raise whatever the path is good for.
    """
    if "://" in path:
        return _name_looks_like_ours(path)
    if os.path.isdir(path):  # noqa: PTH112
        return _folder_looks_like_ours(path)
    return os.path.isfile(path) and _file_looks_like_ours(path)  # noqa: PTH113


def belong_together(paths: Sequence[str]) -> list[list[str]]:
    """Sort paths that were chosen at once into what is shown at once, in the order they came.

    The image files of a well are one, as each brings the others; a folder is one; all tables, tars
    and shards are one data set. Tables that were chosen with images only describe them.
    """
    parts: dict[object, list[str]] = {}
    for path in paths:
        key = _well_of_image(path) or (path if os.path.isdir(path) else "")  # noqa: PTH112
        parts.setdefault(key, []).append(path)
    files = parts.get("")
    if files and len(parts) > 1 and not any(map(_may_hold_pixels, files)):
        first = next(key for key in parts if key)
        del parts[""]
        parts[first] += files
    return list(parts.values())


def with_pixels_first(paths: Sequence[str]) -> list[str]:
    """The same paths in the order of their names, those first that may hold pixels themselves."""
    return sorted(paths, key=lambda path: (not _may_hold_pixels(path), natural_key(path)))


def stands_for(paths: Sequence[str]) -> tuple[str, list[str]]:
    """The one path to open for several that were chosen at once, and those it does not bring."""
    first = paths[0]
    if len(paths) == 1 or len({_well_of_image(path) or path for path in paths}) == 1:
        return first, []
    folder = _folder_of(paths)
    tables = [path for path in paths if not _may_hold_pixels(path) and _is_metadata(path)]
    if folder and len(tables) == 1 and _holder(tables[0]) == folder:
        return tables[0], []  # it brings what is beside it, and no other table is asked
    if folder:
        return folder, []
    first = tables[0] if tables else first
    return first, [path for path in paths if path != first]


def _folder_of(paths: Sequence[str]) -> str:
    """The folder that holds all of them; empty if it holds who knows what beside."""
    if any("://" in path for path in paths):
        folders = {posixpath.dirname(path) for path in paths}
        return folders.pop() if len(folders) == 1 else ""
    holders = [_holder(path) for path in paths]
    try:
        folder = Path(os.path.commonpath(holders))
    except ValueError:  # on several drives
        return ""
    levels = max(len(Path(holder).parts) for holder in holders) - len(folder.parts)
    is_too_much = levels > _FAR or folder in (Path.home(), Path(folder.anchor))
    return "" if is_too_much else str(folder)


def _holder(path: str) -> str:
    """The folder that a path lies in, whatever it is."""
    return posixpath.dirname(path) if "://" in path else str(Path(path).absolute().parent)


def _may_hold_pixels(path: str) -> bool:
    if path.lower().endswith(".parquet"):
        return "://" in path or _kind_of(path) == "shard"
    is_image = path.lower().endswith(".tar") or _well_of_image(path) is not None
    return is_image or os.path.isdir(path)  # noqa: PTH112


def _is_metadata(path: str) -> bool:
    return _kind_of(path) == "metadata"


def _kind_of(path: str) -> str:
    """Kind of a file by what is in it; empty for any other, and for a damaged one."""
    if not path.lower().endswith(TABLE_OR_ARCHIVE):
        return ""
    from napari_rxrx3.data.discovery.file_kinds import kind_of_file
    from napari_rxrx3.data.files.storage import Storage

    try:
        return kind_of_file(*Storage.of(path))
    except Exception:  # damaged, or not what its name says
        return ""


def _well_of_image(path: str) -> tuple[str, int, int, int] | None:
    """Folder, row, column and site of an image file, by its name."""
    folder, name = os.path.split(path)
    image = parse_image_name(name)
    return (folder, *image[:3]) if image is not None else None


def _name_looks_like_ours(url: str) -> bool:
    name = posixpath.basename(url).lower()
    if name.endswith(TABLE_OR_ARCHIVE):
        return name.endswith(".tar") or _OUR_TABLE.search(name) is not None
    return _well_of_image(url) is not None


def _folder_looks_like_ours(path: str) -> bool:
    """Look at some names and into a few files: napari asks for every folder dropped on it."""
    if _is_plate(path) or _holds_plates(path):
        return True
    files = list(islice(_files_below(path), _LISTED))
    if any(_well_of_image(file) is not None for file in files):
        return True
    to_open = [file for file in files if file.lower().endswith(TABLE_OR_ARCHIVE)]
    return any(_file_looks_like_ours(file) for file in to_open[:_OPENED])


def _is_plate(folder: str) -> bool:
    """Whether a folder is a plate of OME-Zarr; an image of it is left to others."""
    for name in ("zarr.json", ".zattrs"):
        with suppress(OSError), open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123
            said = file.read(_METADATA)
            return b'"plate"' in said and b'"wells"' in said
    return False


def _holds_plates(folder: str) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        found = (e for e in islice(entries, _LISTED) if e.name.lower().endswith(".zarr"))
        return any(_is_plate(entry.path) for entry in islice(found, _OPENED))
    return False


def _files_below(folder: str) -> Iterator[str]:
    """List a folder, then its subfolders, first those that are called as RxRx3 calls them.

    A subfolder is listed as an empty name, so that there is an end to folders without files.
    """
    waiting = [(folder, 0)]
    while waiting:
        here, depth = waiting.pop()
        subfolders = []
        with suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                is_folder = entry.is_dir()
                if is_folder and not entry.name.startswith(".") and depth < _DEPTH:
                    subfolders.append(entry)
                yield "" if is_folder else entry.path
        subfolders.sort(key=lambda e: (_OUR_FOLDER.match(e.name) is not None, e.name))
        waiting += [(e.path, depth + 1) for e in subfolders]


def _file_looks_like_ours(path: str) -> bool:
    return _well_of_image(path) is not None or _kind_of(path) != ""

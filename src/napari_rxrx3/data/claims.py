"""Where several files claim to be one thing: revisions in a hub's cache, links, and copies.

No name decides alone: of revisions the one that the hub calls the main one is taken, else the
newest; a file that two paths lead to is one file; of copies that differ the newest is used first.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from napari_rxrx3.data.files.storage import Entry, Storage
from napari_rxrx3.data.images.plate_names import plate_of_path

__all__ = [
    "chosen_revision",
    "equal_files",
    "is_copy",
    "missing_revision",
    "name_without_copy",
    "once",
    "other_revisions",
]

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_HASH = re.compile(r"[0-9a-f]{32,}\Z")
_COPY = re.compile(
    r"(?:[ _]?\(\d{1,3}\)|[ _-]+(?:copy|kopie|copie|copia)(?:[ _]?\(?\d{1,3}\)?)?)\Z", re.IGNORECASE
)
_COPY_OF = re.compile(r"(?:copy of|kopie von|copie de|copia di|copia de) ", re.IGNORECASE)
_CHUNK = 2**20


def name_without_copy(stem: str) -> str:
    """``metadata`` for ``metadata (1)``, ``metadata - Copy`` or ``Copy of metadata``."""
    shorter = _COPY.sub("", _COPY_OF.sub("", stem))
    return name_without_copy(shorter) if shorter and shorter != stem else stem


def is_copy(path: str) -> bool:
    """Whether a file is a copy by its name."""
    stem = path.rsplit("/", 1)[-1].split(".")[0]
    return name_without_copy(stem) != stem


# --- revisions --------------------------------------------------------------------------------


def chosen_revision(
    storage: Storage, folder: str, entries: Sequence[Entry]
) -> tuple[Entry | None, str]:
    """Of the folders of a hub's ``snapshots``, the one to read, and why; None if it is no such.

    Raises
    ------
    OSError
    """
    commits = {entry.name: entry for entry in entries if entry.is_folder}
    is_ours = posixpath.basename(folder) == "snapshots" and all(map(_COMMIT.match, commits))
    if not commits or not is_ours:
        return None, ""
    named = commits.get(_main_revision(storage, folder))
    if named is not None:
        return named, "which refs/main names"
    newest = max(commits.values(), key=lambda entry: (storage.changed_at(entry.path), entry.name))
    return newest, "the newest"


def _main_revision(storage: Storage, folder: str) -> str:
    """The commit that a hub called the main one when something was loaded; empty if unknown."""
    main = b""
    with suppress(OSError):
        main = storage.read(posixpath.join(posixpath.dirname(folder), "refs", "main"), 0, 100)
    return main.decode("ascii", "replace").strip()


def missing_revision(storage: Storage, folder: str, entries: Iterable[Entry]) -> str:
    """The main revision if it is none of the folders here; else empty."""
    main = _main_revision(storage, folder)
    is_missing = _COMMIT.match(main) and main not in {entry.name for entry in entries}
    return main if is_missing else ""


def other_revisions(
    folder: str, chosen: str, why: str, files_of: dict[str, dict[str, str]]
) -> list[str]:
    """A sentence for each revision that is left out: how much of it is other than what is read.

    `files_of` has the files of each revision, by their paths in it, and what tells them apart.
    """
    read = files_of[chosen]
    sentences = []
    for commit, files in files_of.items():
        if commit == chosen or not files:
            continue
        n_other = sum(name in read and read[name] != is_ for name, is_ in files.items())
        n_more = sum(name not in read for name in files)
        if not (n_other or n_more):
            continue
        sentences.append(
            f"{folder} holds {len(files_of)} revisions: {chosen[:10]}, {why}, is read, "
            f"{commit[:10]} is not; it has {n_other:,} other files of the same names and "
            f"{n_more:,} more"
        )
    return sentences


# --- links ------------------------------------------------------------------------------------


def once(entries: Iterable[Entry]) -> list[Entry]:
    """Each file or folder once, whatever links lead to it, unless they say different plates of it.

    Of several paths that is kept which names a plate, and is no hash, nor a copy, nor long.
    """
    by_file: dict[object, list[Entry]] = {}
    for entry in entries:
        by_file.setdefault(entry.same or entry.path, []).append(entry)
    kept: list[Entry] = []
    for paths in by_file.values():
        if len(paths) == 1:
            kept += paths
            continue
        best: dict[object, Entry] = {}
        for entry in sorted(paths, key=_rank):
            best.setdefault(_plate(entry.path), entry)
        if len(best) > 1:
            best.pop(None, None)
        kept += best.values()
    return sorted(kept, key=lambda entry: entry.path)


def _plate(path: str) -> object:
    experiment, number = plate_of_path(path)
    return None if number is None else (experiment, number)


def _rank(entry: Entry) -> tuple[object, ...]:
    is_hash = _HASH.match(entry.name) is not None
    return is_hash, is_copy(entry.name), entry.path.count("/"), entry.path


# --- copies -----------------------------------------------------------------------------------


def equal_files(
    storage: Storage,
    entries: Iterable[Entry],
    is_known: Callable[[Entry, Entry, Callable[[], bool]], bool],
) -> dict[str, str]:
    """Copies, by their names, on a local disk that hold the same bytes as another file, and that.

    What is called otherwise is left: somebody may have chosen it by its name. One file a plate is
    as large as its sisters are, and not looked at. `is_known` remembers whether two files are
    equal, and finds it out if it does not know yet.
    """
    groups: dict[object, list[Entry]] = {}
    for entry in entries if storage.is_local else ():
        if entry.stamp:
            size, (stem, *ending) = entry.stamp.split("|")[0], entry.name.split(".")
            key = size, name_without_copy(stem), *ending, _plate(posixpath.dirname(entry.path))
            groups.setdefault(key, []).append(entry)
    equal: dict[str, str] = {}
    for group in groups.values():
        originals: list[Entry] = []
        for entry in sorted(group, key=_rank):
            for other in originals:
                if is_known(other, entry, lambda a=other, b=entry: _are_equal(storage, a, b)):  # type: ignore[misc]
                    equal[entry.path] = other.path
                    break
            else:
                originals.append(entry)
    return equal


def _are_equal(storage: Storage, one: Entry, other: Entry) -> bool:
    try:
        with storage.open(one.path) as a, storage.open(other.path) as b:
            while (chunk := a.read(_CHUNK)) == b.read(_CHUNK):
                if not chunk:
                    return True
    except OSError:
        pass
    return False

"""All files below a folder, each once.

Folders of images are taken whole, plates of OME-Zarr as one, of the cache of a hub one revision.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from napari_rxrx3.core.plate import IMAGE_ENDINGS, parse_image_name
from napari_rxrx3.data.claims import (
    chosen_revision,
    missing_revision,
    once,
    other_revisions,
)
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.discovery.file_kinds import NAMED_AFTER_WELL, PICTURE_ENDINGS
from napari_rxrx3.data.files.archives import is_unfinished
from napari_rxrx3.data.files.storage import Entry, Storage
from napari_rxrx3.data.images.ome_zarr import ENDINGS, MARKERS
from napari_rxrx3.data.images.plate_names import plate_of_path
from napari_rxrx3.data.images.zarr_plates import read_plate_info
from napari_rxrx3.data.problems import Problem

__all__ = ["FolderWalk"]

_MAX_DEPTH = 6
_MAX_FILES = 50_000
_STORES = (".zarr", ".n5")


class FolderWalk:
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
        if any(entry.name in MARKERS and not entry.is_folder for entry in entries):
            return True
        storage, hidden = self._storage, (f"{folder}/{name}" for name in MARKERS[1:])
        return storage.is_local and any(
            storage.exists(p) and not storage.is_folder(p) for p in hidden
        )

    def _took_store(self, folder: str) -> bool:
        """Note a plate of OME-Zarr, with what lies beside its wells, or that it is none."""
        try:
            plate = read_plate_info(self._storage, folder)
        except OSError as error:
            self._contents.unreadable[folder] = error.strerror or str(error)
            return True
        if plate is None:
            what = f"{folder} is a store of arrays (Zarr, N5) and no plate of OME-Zarr"
            note = Problem("odd_file", detail=f"{what}: it is not read. {NAMED_AFTER_WELL}")
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
        names = [e.name for e in entries if e.name.lower().endswith(PICTURE_ENDINGS)]
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
                f"{posixpath.relpath(example, plate)}. {NAMED_AFTER_WELL}",
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


def _is_image_file(entry: Entry) -> bool:
    name = entry.name
    if name.lower().endswith(IMAGE_ENDINGS):
        # AG01_s1_w1.png is off the plate: the folder's index says so
        return parse_image_name(name) is not None or re.search(r"[-_ ]s\d+[-_ ]", name) is not None
    return "." not in name and parse_image_name(name) is not None

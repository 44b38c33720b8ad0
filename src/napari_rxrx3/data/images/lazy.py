"""Containers of a server, looked into when a plate of theirs is first looked at."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from napari_rxrx3.core.plate import PlateId, WellId, format_address
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.cache.part_store import PartStore
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.planes import ImageSource, PlaneIndex
from napari_rxrx3.data.images.plate_names import plate_of_path
from napari_rxrx3.data.images.shards import ShardFile, ShardSource
from napari_rxrx3.data.images.sidecars import read_sidecar
from napari_rxrx3.data.images.tar_search import TarSearch
from napari_rxrx3.data.images.tars import CUT_OFF, TarSource
from napari_rxrx3.data.images.zips import ZipSource

__all__ = ["LazyContainer", "LazyShard", "LazyTar", "kept_index", "made_index"]


Array = np.ndarray[Any, Any]

_MOST_GROUPS = 16
"""A well that may lie in more row groups is not looked for in them."""
_LAST = "\U0010ffff"
"""Comes after all that a key may go on with."""
_INDEX_FORMAT = 3
"""Raise it when other members of a container are indexed."""


class LazyContainer(Protocol):
    """A container of which no more is known than which plates may lie in it."""

    path: str

    @property
    def plates(self) -> Collection[PlateId]:
        """Those that may lie in it."""
        ...

    def source(self, plate: PlateId) -> ImageSource:
        """All that it has of a plate; raises OSError, pyarrow.ArrowException."""
        ...

    def source_of_well(self, well: WellId) -> ImageSource | None:
        """Where a well must be, if that can be had much sooner than all of its plate.

        That it is not there does not say that it is nowhere.
        """
        ...

    def known_source_of_well(self, well: WellId) -> ImageSource | None:
        """Like `source_of_well`, where no server has to be asked."""
        ...


class LazyTar:
    """One plate's tar on a server."""

    def __init__(
        self,
        storage: Storage,
        path: str,
        cache: DiskCache,
        plate: PlateId,
        named: PlateId | None,
        has_sidecar: bool,
    ) -> None:
        self.path, self.plates = path, [plate]
        self._storage, self._cache, self._named = storage, cache, named
        self._has_sidecar = has_sidecar
        self._search = TarSearch(storage, path, plate)
        self._parts = PartStore(storage, cache)
        self._wells = LruCache(10_000, one)

    def source(self, plate: PlateId) -> ImageSource:
        return TarSource(
            self._storage,
            self.path,
            *kept_index(
                self._storage, self.path, "tar", self._cache, self._named, self._has_sidecar
            ),
            self._parts,
        )

    def source_of_well(self, well: WellId) -> ImageSource | None:
        is_indexed = self._has_sidecar or is_kept(
            self._storage, self.path, "tar", self._cache, self._named
        )
        if is_indexed and self._wells.find(well) is None:
            return None
        found: TarSource | None = self._wells.get(well, lambda: self._found(well))
        return found

    def known_source_of_well(self, well: WellId) -> ImageSource | None:
        found: TarSource | None = self._wells.find(well)
        return found

    def _found(self, well: WellId) -> TarSource | None:
        records = self._search.find(well)
        if records is None:
            return None
        made_from = self._storage.fingerprint(self.path)
        index = PlaneIndex.of(records)
        return TarSource(self._storage, self.path, index, made_from, self._parts)


class LazyShard:
    """A shard on a server; the footer tells between which keys each of its row groups lies."""

    def __init__(
        self, file: ShardFile, bounds: tuple[Array, Array], plates: Collection[PlateId]
    ) -> None:
        self.path, self._file, self._bounds = file.path, file, bounds
        self._wells = LruCache(10_000, one)
        self._groups = _groups_of_plates(*bounds, plates)
        self.plates = self._groups.keys()

    @classmethod
    def of(
        cls, storage: Storage, path: str, cache: DiskCache, plates: Collection[PlateId]
    ) -> LazyShard | None:
        """None if the shard has to be looked into at once, as its footer does not tell enough.

        Parameters
        ----------
        plates : collection of PlateId
            All that may lie in it.
        """
        if not storage.is_local and not storage.sends_parts(path):
            return None
        made_from = storage.fingerprint(path)
        kept = cache.load("shard-footer", made_from)
        if kept is None or not {"footer", "first", "last"} <= kept.keys():
            footer = ShardFile.read_footer(storage, path)
            bounds = _bounds(ShardFile(storage, path, footer, made_from)) or []
            kept = {
                "footer": np.frombuffer(footer, np.uint8),
                "first": np.array([low for low, _ in bounds], dtype=np.str_),
                "last": np.array([high for _, high in bounds], dtype=np.str_),
            }
            cache.save("shard-footer", made_from, kept)
        if not len(kept["first"]):
            return None
        parts = PartStore(storage, cache)
        file = ShardFile(storage, path, kept["footer"].tobytes(), made_from, parts)
        return cls(file, (kept["first"], kept["last"]), plates)

    def source(self, plate: PlateId) -> ImageSource:
        return ShardSource(self._file, self._file.index(self._groups[plate], plate))

    def source_of_well(self, well: WellId) -> ImageSource | None:
        found: ShardSource | None = self._wells.get(well, lambda: self._found(well))
        return found

    def known_source_of_well(self, well: WellId) -> ImageSource | None:
        found: ShardSource | None = self._wells.find(well)
        return found

    def _found(self, well: WellId) -> ShardSource | None:
        """What lies where its name must be, if anything does; None if that is too much to read."""
        first, last = self._bounds
        name = f"{_folder(well.plate_id)}/{format_address(well.row, well.column)}_"
        groups = np.flatnonzero((last >= name) & (first < name + _LAST))
        if len(groups) > _MOST_GROUPS:
            return None
        index = self._file.index(groups, well.plate_id, with_images=len(groups) == 1)
        return ShardSource(self._file, index)


def _bounds(file: ShardFile) -> list[tuple[str, str]] | None:
    """First and last key of each row group; None unless plates are found by their names."""
    bounds = file.bounds()
    if bounds is None or not all(map(_is_plainly_named, {k for pair in bounds for k in pair})):
        return None
    return bounds


def _is_plainly_named(key: str) -> bool:
    folder = posixpath.dirname(key)
    experiment, number = plate_of_path(folder)
    return number is not None and folder == _folder(PlateId(experiment, number))


def _folder(plate: PlateId) -> str:
    return f"{plate.experiment}/Plate{plate.plate}"


def _groups_of_plates(
    first: Array, last: Array, plates: Collection[PlateId]
) -> dict[PlateId, Array]:
    """The row groups in which keys of each plate may lie, by the first and last key of each."""
    low, high = min(first.tolist()), max(last.tolist())
    inside = {f"{_folder(plate)}/": plate for plate in plates}
    folders = sorted(f for f in inside if f <= high and f"{f}{_LAST}" > low)
    ends = np.array([f"{folder}{_LAST}" for folder in folders], dtype=np.str_)
    begin = np.searchsorted(ends, first, "right")
    end = np.searchsorted(np.array(folders, dtype=np.str_), last, "right")
    found: dict[PlateId, list[int]] = {}
    for group, (start, stop) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        for folder in folders[start:stop]:
            found.setdefault(inside[folder], []).append(group)
    return {plate: np.array(groups) for plate, groups in found.items()}


def kept_index(
    storage: Storage,
    path: str,
    kind: str,
    cache: DiskCache,
    plate: PlateId | None,
    has_sidecar: bool = False,
) -> tuple[PlaneIndex, str]:
    """Index of a container, and what identifies the file that it is of.

    It comes from the cache, else from beside the container, else it is made.
    """
    made_from = storage.fingerprint(path)
    named = _named(made_from, kind, plate)
    arrays = cache.load(*named)
    if arrays is not None:
        return PlaneIndex.from_arrays(arrays), made_from
    why_not = ""
    if has_sidecar:
        try:
            index = read_sidecar(storage, path, kind, plate, storage.size(path))
            cache.save(*named, index.to_arrays())
            return index, made_from
        except (OSError, ValueError) as error:
            why_not = f"the index beside it is not used: {error}"
    index = made_index(storage, path, kind, plate, made_from)
    # what stopped the reading may be a network that is back the next time
    if not any(note.startswith(CUT_OFF) for note in index.notes):
        cache.save(*named, index.to_arrays())
    if why_not:
        index = replace(index, notes=(*index.notes, why_not))
    return index, made_from


def made_index(
    storage: Storage, path: str, kind: str, plate: PlateId | None, made_from: str | None = None
) -> PlaneIndex:
    """Look into a container; raises OSError, pyarrow.ArrowException, ValueError."""
    if kind == "tar":
        return TarSource.build_index(storage, path, plate)
    if kind == "zip":
        return ZipSource.build_index(storage, path, plate)
    return ShardFile(storage, path, made_from=made_from).index(None, None)


def is_kept(
    storage: Storage, path: str, kind: str, cache: DiskCache, plate: PlateId | None
) -> bool:
    """Whether `kept_index` answers at once."""
    return cache.path(*_named(storage.fingerprint(path), kind, plate), ".npz").exists()


def _named(made_from: str, kind: str, plate: PlateId | None) -> tuple[str, str]:
    folder = "shard-index" if kind == "shard" else "tar-index"
    return folder, f"{made_from}|{plate}|{_INDEX_FORMAT}"

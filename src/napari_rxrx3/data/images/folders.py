"""Folders of loose image files, one folder a plate."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from napari_rxrx3.core.plate import IMAGE_ENDINGS, PlateId
from napari_rxrx3.data.cache.part_store import PartStore
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.planes import PlaneIndex, PlaneRecord, WithFields, record_of_name
from napari_rxrx3.data.images.plate_names import plate_of_path

__all__ = ["FolderSource"]


class FolderSource(WithFields):
    """One plate's images as files such as ``Plate7/AA02_s1_w3.png``."""

    def __init__(
        self, storage: Storage, path: str, index: PlaneIndex, parts: PartStore | None = None
    ) -> None:
        super().__init__(index)
        self._storage, self._parts = storage, parts
        self.path = path

    def read(self, row: int, n_bytes: int | None = None) -> bytes:
        if self._parts is not None:
            return self._parts.read_file(self.locate(row), n_bytes)
        return self._storage.read(self.locate(row), 0, n_bytes)

    def locate(self, row: int) -> str:
        return posixpath.join(self.path, self.index.name[row].decode(errors="surrogateescape"))

    def fingerprint(self) -> str:
        every = [self._every, *self._every.others]
        names = {n.decode(errors="surrogateescape") for each in every for n in each.name.tolist()}
        return f"{self._storage.folder_fingerprint(self.path, names)}{self._field_in_print}"

    def file(self, row: int) -> str:
        return self.locate(row)

    def stamp(self, row: int) -> str:
        return self._storage.stamp(self.file(row))

    @staticmethod
    def build_index(path: str, names: Iterable[str], plate: PlateId | None = None) -> PlaneIndex:
        """Index the file names of a plate's folder."""
        if plate is None:
            experiment, number = plate_of_path(path)
            plate = PlateId(experiment, number or 0)
        records: list[PlaneRecord] = []
        notes: list[str] = []
        for name in names:
            record = record_of_name(name, plate, 0, 0)
            if record is not None:
                records.append(record)
            elif name.lower().endswith(IMAGE_ENDINGS):
                notes.append(f"{name} is not named like an image of a 1536-well plate")
        return PlaneIndex.of(records, notes)

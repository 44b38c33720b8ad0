"""A file that holds many images: what tars, zips and shards have in common."""

from __future__ import annotations

from typing import ClassVar

from napari_rxrx3.data.cache.part_store import PartStore
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.planes import PlaneIndex, WithFields

__all__ = ["Container"]


class Container(WithFields):
    """Images in one file, and where in it each of them lies.

    Parameters
    ----------
    made_from : str, optional
        Fingerprint of the file as it was indexed: the index tells where things lie in that one,
        whatever is there now.
    parts : PartStore, optional
        Keeps what is read of a server's file.
    """

    word: ClassVar[str]
    """What one of the images is called in such a file."""

    def __init__(
        self,
        storage: Storage,
        path: str,
        index: PlaneIndex,
        made_from: str | None = None,
        parts: PartStore | None = None,
    ) -> None:
        super().__init__(index)
        self.path = path
        self._storage, self._parts = storage, parts
        self._made_from = storage.fingerprint(path) if made_from is None else made_from

    def _part(self, start: int, stop: int, n_bytes: int | None = None) -> bytes:
        """Bytes from a place to another one, or at least the first `n_bytes` of them."""
        if self._parts is not None:
            return self._parts.read(self.path, self._made_from, start, stop, n_bytes)
        return self._storage.read(
            self.path, start, stop if n_bytes is None else min(stop, start + n_bytes)
        )

    def locate(self, row: int) -> str:
        return f"{self.path}, {self.word} {self.index.name[row].decode(errors='replace')}"

    def fingerprint(self) -> str:
        made_from = self._storage.unless_changed(self.path, self._made_from)
        return f"{made_from}{self._field_in_print}"

    def file(self, row: int) -> str:
        return self.path

    def stamp(self, row: int) -> str:
        return self._storage.stamp(self.path)

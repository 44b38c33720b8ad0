"""Wells of a screen of one's own: the tables beside its plates of OME-Zarr, all of them."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

import pandas as pd

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import RULE
from napari_rxrx3.data.images.plate_names import named_plates
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.screen_file import ScreenFile
from napari_rxrx3.data.vectors.embeddings import EmbeddingTable, free_name
from napari_rxrx3.data.vectors.vector_files import EmbeddingFile, VectorLayout
from napari_rxrx3.data.wells.listing import in_plate_order, newest_first
from napari_rxrx3.data.wells.metadata import repeated
from napari_rxrx3.data.wells.own_columns import Roles
from napari_rxrx3.data.wells.own_table import (
    OwnTable,
    PlateFinder,
    look_at_table,
    read_own_table,
    require_columns,
    vectors_in,
)
from napari_rxrx3.data.wells.well_list import WellList

__all__ = ["OwnWells", "own_wells"]


class OwnWells(NamedTuple):
    """What tables beside plates of OME-Zarr say.

    Attributes
    ----------
    wells, problems, fingerprint
        As of `listed_wells`.
    table : OwnTable or None
        The table of wells, and what was read as what.
    vectors : dict
        Tables of vectors by name.
    """

    wells: WellList | None
    problems: list[Problem]
    fingerprint: str
    table: OwnTable | None
    vectors: dict[str, EmbeddingTable]


def own_wells(
    storage: Storage,
    contents: Contents,
    cache: DiskCache,
    said: ScreenFile,
    text: str,
    progress: Progress | None = None,
) -> OwnWells:
    """Wells that tables beside plates of OME-Zarr list, whatever their columns are called.

    Parameters
    ----------
    said, text
        What the user says of these tables, and the file that says it.
    """
    tables = _OwnTables(storage, contents, cache, said, progress)
    for path in newest_first(storage, [*contents.metadata, *contents.tables]):
        tables.take(path)
    return tables.joined(text)


class _OwnTables:
    """The tables that were read so far: where two list a well, the one that came first holds."""

    def __init__(
        self,
        storage: Storage,
        contents: Contents,
        cache: DiskCache,
        said: ScreenFile,
        progress: Progress | None,
    ) -> None:
        self._storage, self._contents, self._cache = storage, contents, cache
        self._said, self._progress = said, progress
        named = named_plates(contents.plates)
        plates = {path: (named[path], path, name) for path, name in contents.plates.items()}
        self._of_all = PlateFinder(plates.values())
        self._of_one = {path: PlateFinder([plate]) for path, plate in plates.items()}
        self._wells: list[pd.DataFrame] = []
        self._problems: list[Problem] = []
        self._fingerprints: list[str] = []
        self._first: OwnTable | None = None
        self._vectors: dict[str, EmbeddingTable] = {}

    def take(self, path: str) -> None:
        """Read wells or vectors of a table; of one that has neither, or is damaged, say so."""
        try:
            self._read(path)
        except (MetadataError, OSError) as error:
            self._problems.append(Problem("unreadable_file", detail=str(error).rstrip(".")))

    def joined(self, text: str) -> OwnWells:
        """What all tables say together; `text` is what the user has said of them."""
        problems, first, vectors = self._problems, self._first, self._vectors
        if not self._wells:
            return OwnWells(None, problems, "", first, vectors)
        wells = pd.concat(self._wells) if len(self._wells) > 1 else self._wells[0]
        wells = wells[~repeated(wells.index)]
        if not len(wells):
            return OwnWells(None, problems, "", first, vectors)
        made_of = "|".join([f"own {RULE}", *self._fingerprints, text])
        listed = WellList(in_plate_order(wells, self._progress))
        return OwnWells(listed, problems, made_of, first, vectors)

    def _read(self, path: str) -> None:
        storage, finder = self._storage, self._finder_for(path)
        table = look_at_table(storage, path, self._said.roles, finder)
        of_vectors = None
        if path in self._contents.tables:
            of_vectors = vectors_in(storage, path, table, finder)
        if of_vectors is not None:
            self._take_vectors(path, of_vectors, finder)
        else:
            require_columns(storage, path, self._said.roles)
        if not _lists_wells(table.roles):
            if (why := self._contents.tables.get(path, "")) and of_vectors is None:
                self._problems.append(Problem("odd_file", detail=f"{path} is not read: {why}"))
            return
        wells, found = read_own_table(storage, path, table.roles, finder, self._progress)
        self._fingerprints.append(storage.fingerprint(path))
        self._problems += found
        self._wells.append(self._of_what_was_opened(wells))
        self._first = self._first or table

    def _finder_for(self, path: str) -> PlateFinder:
        """A table inside of a plate speaks of this plate alone."""
        inside = next((p for p in self._contents.plates if path.startswith(f"{p}/")), None)
        return self._of_all if inside is None else self._of_one[inside]

    def _take_vectors(self, path: str, layout: VectorLayout, finder: PlateFinder) -> None:
        name = free_name(posixpath.basename(path).split(".")[0], self._vectors)
        self._vectors[name] = EmbeddingTable(
            *(name, layout.dimension, [EmbeddingFile(path)], self._storage, self._cache),
            layout=layout,
            name_wells=finder.name_wells,
            named_by="|".join(map(str, finder.plates)),
        )

    def _of_what_was_opened(self, wells: pd.DataFrame) -> pd.DataFrame:
        """Without the other plates of a screen of which one plate was opened."""
        only = self._of_all.only
        if only is None:
            return wells
        wells = wells[wells["experiment_name"] == only.experiment]
        return wells[wells["plate"] == only.plate]


def _lists_wells(roles: Roles) -> bool:
    """Whether a table says which wells there are, and something of what they received."""
    return bool(roles.names_wells and (roles.treatment or roles.gene or roles.controls))

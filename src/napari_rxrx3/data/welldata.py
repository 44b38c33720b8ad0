"""What is known of wells: metadata, images and embeddings, joined by well."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import DatasetNotFound, MapError, UnknownWell
from napari_rxrx3.core.plate import Layout, PlateId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.catalog import ImageCatalog
from napari_rxrx3.data.images.find_images import find_images
from napari_rxrx3.data.images.plate_names import PlateNamer, named_plates
from napari_rxrx3.data.images.well_images import WellImages
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.screen_file import read_screen_file
from napari_rxrx3.data.thumbnails.plate_thumbnails import ThumbnailShelf
from napari_rxrx3.data.vectors.embeddings import (
    EmbeddingTable,
    find_embeddings,
    free_name,
    own_embedding,
)
from napari_rxrx3.data.vectors.vector_join import Joined, VectorJoin, describe_embedding
from napari_rxrx3.data.wells.listing import listed_wells, named_wells
from napari_rxrx3.data.wells.own_table import OwnTable
from napari_rxrx3.data.wells.own_wells import own_wells
from napari_rxrx3.data.wells.well_list import WellList, count_by_plate, has_image, with_plates

__all__ = ["WellData"]

Array = np.ndarray[Any, Any]

_ROWS_AT_ONCE = 65536


class WellData(WellImages):
    """Wells with their metadata, images and embeddings; knows no map of them.

    `address` is the path or URL that opens it again.
    """

    def __init__(
        self,
        storage: Storage,
        root: str,
        contents: Contents,
        cache: DiskCache,
        progress: Progress | None = None,
    ) -> None:
        self.root, self.contents, self.cache = root, contents, cache
        self.address = storage.address(root)
        self.home = _folder_of(storage, root)
        """Path or URL of the folder of the data."""
        self._as_of = storage.answers.day
        self._problems = _of_files(contents, self._as_of)
        self.screen_file, said = read_screen_file(storage, self.home)
        self.is_asked = bool(said)
        """The user has said how a screen of one's own is read."""
        self.own_table: OwnTable | None = None
        """The table of wells, if its columns are not called as those of RxRx3, and its reading."""
        listed, own_vectors = self._list_wells(storage, said, progress)
        images = self._find_images(storage, listed, progress)
        tables, problems = find_embeddings(storage, contents, cache)
        tables |= {free_name(name, tables): table for name, table in own_vectors.items()}
        self._problems += problems
        self.has_metadata = listed is not None
        listed = listed or WellList(named_wells(images, tables.values(), progress))
        super().__init__(images, listed, ThumbnailShelf(images, cache))
        if not len(listed):
            why = next((f" {p.detail.rstrip('.')}." for p in self._problems), "")
            raise DatasetNotFound(f"{root} lists no well of a plate.{why}")
        self._layout = _layout_of(listed, images.plate_layout)
        self._has_image = has_image(self.listed, self.images), frozenset[PlateId]()
        """With the plates that were looked into since."""
        self._join = VectorJoin(tables, self.listed, cache, self.fingerprint)
        self.vectors_changed = self._join.changed
        self._known = self._with_all_known(self._join.joined)
        self._plates = self._known[-1], count_by_plate(self.listed, self._known[-1])

    def _list_wells(
        self, storage: Storage, said: str, progress: Progress | None
    ) -> tuple[WellList | None, dict[str, EmbeddingTable]]:
        """The wells that tables list, None if none does; with vectors of a screen of one's own.

        `said` is the text of the screen file.
        """
        contents, cache = self.contents, self.cache
        listed, problems, self.fingerprint = listed_wells(storage, contents, cache, progress)
        vectors: dict[str, EmbeddingTable] = {}
        if contents.plates and not _is_about(listed, contents):
            own = own_wells(storage, contents, cache, self.screen_file, said, progress)
            listed, problems, self.fingerprint = own.wells, own.problems, own.fingerprint
            self.own_table, vectors = own.table, own.vectors
        self._problems += problems
        return listed, vectors

    def _find_images(
        self, storage: Storage, listed: WellList | None, progress: Progress | None
    ) -> ImageCatalog:
        contents = self.contents
        plates = set(listed.slices) if listed is not None else set()
        paths = [*contents.tars, *contents.zips, *contents.folders, *contents.shards]
        namer = PlateNamer(plates, [*paths, *contents.plates])
        images, problems = find_images(
            *(storage, contents, self.root, self.cache, namer, plates, progress, self.screen_file)
        )
        self._problems += problems
        return images

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.root}: {self.describe()}>"

    @property
    def layout(self) -> Layout:
        return self._layout

    @property
    def name(self) -> str:
        """The last part of the path, as people say it: a folder that is hidden without its dot."""
        return self.root.rstrip("/").rsplit("/", 1)[-1].lstrip(".") or self.root

    @property
    def wells(self) -> pd.DataFrame:
        """One row a well, indexed by well_id, in the order of experiment, plate, row, column.

        Columns: experiment_name, plate, address, row, column (0-based), gene, treatment, SMILES,
        concentration (uM), perturbation_type, cell_type, well_type, has_image (some channel is
        there, or on a server may be, until somebody looks into the plate), has_embedding (a finite
        vector that is not zero). Text that is missing is NaN.
        Vectors that are not read yet are read.
        """
        self.read_vectors()
        return self.known_wells

    @property
    def known_wells(self) -> pd.DataFrame:
        """Like `wells`, but never waits: without has_embedding while vectors are not read yet."""
        return self._wells_as_known().copy(deep=False)  # who changes it changes that one alone

    def _wells_as_known(self) -> pd.DataFrame:
        """The table itself, the same one as long as no more is known."""
        has_image, joined, wells = self._known
        if joined is not self._join.joined or has_image is not self._images_known():
            self._known = self._with_all_known(self._join.joined)
            wells = self._known[-1]
        return wells

    def _with_all_known(self, joined: Joined | None) -> tuple[Array, Joined | None, pd.DataFrame]:
        wells, has = self.listed.table.copy(deep=False), self._images_known()
        wells["has_image"] = has
        if joined is not None:
            wells["has_embedding"] = joined.has_vector
        return has, joined, wells

    def _images_known(self) -> Array:
        has, seen = self._has_image
        if new := self.images.plates_seen - seen:
            has = with_plates(has, self.listed, self.images, new)
            self._has_image = has, seen | new
        return has

    @property
    def vectors_are_read(self) -> bool:
        """All vectors were read and joined with the wells, or there are none."""
        return self._join.joined is not None

    def read_vectors(self, progress: Progress | None = None) -> None:
        """Read the vectors that were not read yet, so that everything is known of every well.

        Parameters
        ----------
        progress : callable, optional
            Called with (done, total, text), also while another thread reads; may raise to stop.
        """
        if not self.vectors_are_read:
            self._join.read(progress)

    @property
    def embeddings(self) -> dict[str, EmbeddingTable]:
        """The tables of vectors by name; those that turned out not to be readable are left out."""
        return dict(self._join.tables)

    @property
    def problems(self) -> list[Problem]:
        """What could not be read or used, as far as it is known by now."""
        return self._problems + self.images.problems + self._join.problems

    @property
    def plates(self) -> pd.DataFrame:
        """One row a plate: experiment_name, plate, n_wells, n_images, n_embeddings."""
        self.read_vectors()
        return self.known_plates

    @property
    def known_plates(self) -> pd.DataFrame:
        """Like `plates`, but never waits: without n_embeddings while vectors are not read yet."""
        wells, counted = self._wells_as_known(), self._plates
        if counted[0] is not wells:
            counted = self._plates = wells, count_by_plate(self.listed, wells)
        return counted[1].copy(deep=False)

    @property
    def default_embedding(self) -> str | None:
        """The embedding that covers most wells; of equal ones, one that came with the data."""
        self.read_vectors()
        return self.known_default

    @property
    def known_default(self) -> str | None:
        """Like `default_embedding`, but never waits: None while it takes the vectors to tell."""
        joined, names = self._join.joined, list(self.embeddings)
        if joined is not None:
            return joined.default
        return names[0] if len(names) == 1 else None

    def add_embedding(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> str:
        """Take vectors of one's own as another embedding.

        Parameters
        ----------
        path : str or path-like
            A parquet or CSV file (also in a zip or gzip) that names its wells, by well_id or by
            experiment, plate and address, and has columns of numbers, or one of lists of them,
            called anything. Text, and what describes wells, is left out.
        name : str, optional
            The file's name if None. A name that is taken gets a number.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Returns
        -------
        str
            Its name in `embeddings`; its `problems` list what could not be used.

        Raises
        ------
        MetadataError
            If the file cannot be read, has no usable vector, or matches no well listed here.
        """
        table = own_embedding(*Storage.of(path), self.cache, progress)
        return self._join.add(table, (name or "").strip(), progress)

    def vectors(self, embedding: str | None = None) -> tuple[pd.Index, Array]:
        """The raw vectors of all wells that have one.

        Parameters
        ----------
        embedding : str, optional
            A name of `embeddings`; the one that covers most wells if None.

        Returns
        -------
        well_ids : pandas.Index (n,)
            In the order of `wells`.
        vectors : float32 or float64 (n, d)
            As the file has them, mapped into memory, read-only.

        Raises
        ------
        MapError
            If there is no such embedding.
        MetadataError
            If it cannot be read.
        """
        name = self.embedding_named(embedding or "")
        positions, rows = self.rows_of(name)
        table = self.embeddings[name]
        return self.known_wells.index[positions], self._in_order(table, rows)

    def _in_order(self, table: EmbeddingTable, rows: Array) -> Array:
        first, n = int(rows[0]), len(rows)
        if np.array_equal(rows, np.arange(first, first + n)):
            return table.vectors[first : first + n]
        both = table.fingerprint and self.fingerprint
        made_of = f"{table.fingerprint}|{self.fingerprint}" if both else ""
        kept = self.cache.open_mapped("vectors-in-order", made_of) if both else None
        if kept is None:
            shape, dtype = (n, table.dimension), table.vectors.dtype

            def fill(array: Array) -> None:
                for start in range(0, n, _ROWS_AT_ONCE):
                    some = slice(start, start + _ROWS_AT_ONCE)
                    array[some] = table.vectors[rows[some]]

            kept = self.cache.new_mapped("vectors-in-order", made_of, shape, fill, dtype)
        kept.flags.writeable = False
        return kept

    def describe_embedding(self, name: str) -> str:
        """One or two sentences about an embedding: how much of it is used, and why not all."""
        return describe_embedding(self.embeddings[name], len(self.rows_of(name)[0]))

    def wells_of_plate(self, plate: PlateId) -> pd.DataFrame:
        """The rows of `known_wells` on one plate, in reading order."""
        return self._wells_as_known().iloc[self.listed.slices.get(plate, slice(0))]

    def row(self, well_id: str) -> pd.Series:
        """The row of `known_wells` of one well, found at once in any number of wells.

        Raises
        ------
        UnknownWell
            If it is not listed.
        """
        position = self.listed.position_of(well_id)
        if position is None:
            raise UnknownWell(well_id)
        return self._wells_as_known().iloc[position]

    def rows(self, well_ids: Sequence[str] | pd.Index) -> pd.DataFrame:
        """The rows of `known_wells` of some wells, in the order given; all must be listed."""
        return self._wells_as_known().iloc[self.listed.positions_of(well_ids)]

    def embedding_named(self, name: str) -> str:
        """The embedding of this name, or the default one if it is empty.

        Raises
        ------
        MapError
            If there is none.
        """
        if not name and self.default_embedding is None:
            raise MapError(f"There are no embeddings in {self.root}.")
        name = name or str(self.default_embedding)
        if name not in self.embeddings:
            known = ", ".join(self.embeddings) or "none"
            raise MapError(f"There is no embedding {name!r}; there is {known}.")
        return name

    def rows_of(self, name: str) -> tuple[Array, Array]:
        """Where the usable vectors of an embedding belong.

        Returns
        -------
        positions : int (n,)
            Places in `wells`, ascending.
        rows : int (n,)
            The row of the embedding's table for each.

        Raises
        ------
        MapError
            If there is no embedding of this name.
        MetadataError
            If it cannot be read.
        """
        return self._join.rows_of(name)

    def describe(self) -> str:
        """One line that says what is here and what is not, as far as it is known by now."""
        wells = self.known_wells
        n_images = int(wells["has_image"].sum())
        parts = [f"{len(wells):,} wells on {len(self.listed.slices):,} plates"]
        parts.append(f"images of {n_images:,}" if n_images else "no images")
        if not all(map(self.images.is_seen, self.listed.slices)):
            parts[-1] += " at most (a plate is looked into when it is opened)"
        parts.append(self._vectors_in_words(wells))
        if not self.has_metadata:
            parts.append("no metadata")
        if self._as_of:
            parts.append(f"offline, as of {self._as_of}")
        return ", ".join(parts)

    def _vectors_in_words(self, wells: pd.DataFrame) -> str:
        if "has_embedding" not in wells:
            return "embeddings that are not read yet"
        n_vectors = int(wells["has_embedding"].sum())
        return f"embeddings of {n_vectors:,}" if n_vectors else "no embeddings"


def _of_files(contents: Contents, as_of: str) -> list[Problem]:
    """What is wrong with the files that were found.

    `as_of` is the day on which a server, which cannot be reached, said what is known of it.
    """
    problems = [
        Problem("unreadable_file", detail=f"{path} cannot be read ({why})")
        for path, why in contents.unreadable.items()
    ]
    problems += [Problem("packed_file", detail=s.rstrip(".")) for s in contents.packed.values()]
    problems += contents.notes
    if as_of:
        said = f"the server cannot be reached: what is kept is shown, as of {as_of}"
        problems.append(Problem("offline", detail=said))
    return problems


def _folder_of(storage: Storage, root: str) -> str:
    """Where the data are: of a file that was opened, its folder."""
    is_file = storage.is_local and not storage.is_folder(root)
    return posixpath.dirname(root) if is_file else root


def _is_about(listed: WellList | None, contents: Contents) -> bool:
    """Whether wells that are listed as those of RxRx3 are on the plates that there are."""
    if listed is None or not len(listed):
        return False
    plates = set(listed.slices)
    namer = PlateNamer(plates, contents.plates)
    return bool(plates & set(named_plates(contents.plates, namer).values()))


def _layout_of(listed: WellList, of_images: Layout) -> Layout:
    """The plates of the images; a larger one, if wells are listed beyond them."""
    if not len(listed):
        return of_images
    rows, columns = (int(listed.table[name].max()) + 1 for name in ("row", "column"))
    if rows <= of_images.rows and columns <= of_images.columns:
        return of_images
    return Layout.holding(max(rows, of_images.rows), max(columns, of_images.columns))

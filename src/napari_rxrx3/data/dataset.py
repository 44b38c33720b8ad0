"""The data set: metadata, images and embeddings joined by well."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import (
    DatasetNotFound,
    ImageUnavailable,
    MapError,
    MetadataError,
    UnknownWell,
)
from napari_rxrx3.core.plate import (
    N_CHANNELS,
    N_COLUMNS,
    PlateId,
    WellId,
    parse_well_id,
)
from napari_rxrx3.data.cache import DiskCache, default_cache_folder
from napari_rxrx3.data.discovery import Contents, discover
from napari_rxrx3.data.embeddings import find_embeddings, free_name, own_embedding
from napari_rxrx3.data.images import (
    Layout,
    find_images,
    most_common,
    namer_for,
    odd_layout,
)
from napari_rxrx3.data.listing import listed_wells, named_wells, plate_slices
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.storage import Storage

if TYPE_CHECKING:
    from napari_rxrx3.data.check import CheckReport
    from napari_rxrx3.maps.kept import KeptMaps
    from napari_rxrx3.maps.phenomap import MapSpec, PhenoMap

__all__ = ["Dataset", "open_dataset"]

Array = np.ndarray[Any, Any]
Plane = Array
Progress = Callable[[int, int, str], None]

_POOL = ThreadPoolExecutor(max(4, os.cpu_count() or 1), thread_name_prefix="rxrx3-read")


def open_dataset(
    path: str | os.PathLike[str],
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    progress: Progress | None = None,
) -> Dataset:
    """Open whatever part of RxRx3 or RxRx3-core is at a path.

    Parameters
    ----------
    path : str or path-like
        A folder, a metadata file (its folder is searched for the rest), one plate tar or shard,
        or a URL that fsspec can open. What is there is found out from the files' contents.
    cache_dir : path-like, optional
        Where indexes and vectors are kept for the next time; the user's cache folder if None.
    progress : callable, optional
        Called with (done, total, text) from the calling thread; may raise to stop.

    Raises
    ------
    DatasetNotFound
        If nothing of use is there; the message says what was looked for.
    MetadataError
        If the only metadata there are cannot be read.
    """
    storage, root = Storage.of(path)
    cache = DiskCache(Path(cache_dir) if cache_dir is not None else default_cache_folder())
    return Dataset(storage, root, discover(storage, root), cache, progress)


class Dataset:
    """Wells with their metadata, images and embeddings; made by `open_dataset`."""

    def __init__(
        self,
        storage: Storage,
        root: str,
        contents: Contents,
        cache: DiskCache,
        progress: Progress | None = None,
    ) -> None:
        self.root = root
        self.contents = contents
        self.cache = cache
        self.problems: list[Problem] = [
            Problem("unreadable_file", detail=f"{path} cannot be read ({why})")
            for path, why in contents.unreadable.items()
        ]
        listed, problems, self.fingerprint = listed_wells(storage, contents, cache)
        self.problems += problems
        plates: set[PlateId] = set()
        if listed is not None:
            pairs = listed[["experiment_name", "plate"]].drop_duplicates()
            plates = {PlateId(e, p) for e, p in pairs.itertuples(index=False)}
        namer = namer_for({p.experiment for p in plates}, plates)
        self.images, problems = find_images(storage, contents, root, cache, namer, progress)
        self.problems += problems
        self.embeddings, problems = find_embeddings(storage, contents, cache, progress)
        self.problems += problems
        self.has_metadata = listed is not None
        self._lock = threading.RLock()
        self._rows: dict[str, tuple[Array, Array]] = {}
        self._wells: pd.DataFrame | None = None
        self._maps: KeptMaps | None = None
        self._plates: tuple[pd.DataFrame, pd.DataFrame] | None = None
        if listed is None:
            listed = named_wells(self.images, self.embeddings.values())
        self._listed = listed
        if self._listed.empty:
            raise DatasetNotFound(f"{root} lists no well of a 1536-well plate.")

    def __repr__(self) -> str:
        return f"<Dataset {self.root}: {self.describe()}>"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.root.rstrip("/").rsplit("/", 1)[-1] or self.root

    @property
    def wells(self) -> pd.DataFrame:
        """One row a well, indexed by well_id, in the order of experiment, plate, row, column.

        Columns: experiment_name, plate, address, row, column (0-based), gene, treatment, SMILES,
        concentration (uM), perturbation_type, cell_type, well_type, has_image (some channel is
        there), has_embedding (a finite vector that is not zero). Text that is missing is NaN.
        """
        if self._wells is None:
            with self._lock:  # one joins, the others wait for it
                if self._wells is None:
                    self._wells = self._joined_wells()
        return self._wells

    def _joined_wells(self) -> pd.DataFrame:
        wells = self._listed.copy()
        wells["has_image"] = self._has_image(wells)
        has_embedding = np.zeros(len(wells), dtype=bool)
        unreadable = set()
        for name in self.embeddings:
            try:
                has_embedding[self.rows_of(name)[0]] = True
            except MetadataError as error:
                self.problems.append(Problem("unreadable_file", detail=str(error)))
                unreadable.add(name)
        self.embeddings = {n: t for n, t in self.embeddings.items() if n not in unreadable}
        wells["has_embedding"] = has_embedding
        return wells

    @property
    def plates(self) -> pd.DataFrame:
        """One row a plate: experiment_name, plate, n_wells, n_images, n_embeddings."""
        wells, counted = self.wells, self._plates
        if counted is None or counted[0] is not wells:
            groups = wells.groupby(["experiment_name", "plate"], sort=False)
            plates = groups.agg(
                n_wells=("address", "size"),
                n_images=("has_image", "sum"),
                n_embeddings=("has_embedding", "sum"),
            )
            counted = self._plates = wells, plates.reset_index()
        return counted[1]

    @property
    def default_embedding(self) -> str | None:
        """The embedding that covers most wells; of equal ones, one that came with the data."""
        _ = self.wells  # drops the embeddings that cannot be read
        ranks = {
            name: (len(self.rows_of(name)[0]), table.layout is None, table.dimension, name)
            for name, table in self.embeddings.items()
        }
        return max(ranks, key=ranks.__getitem__, default=None)

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
        rows = table.rows_in(self._listed.index)
        if not len(rows[0]):
            raise MetadataError(table.why_none_of(self._listed.index))
        with self._lock:
            table.name = free_name((name or "").strip() or table.name, self.embeddings)
            self._rows[table.name] = rows
            self.embeddings = {**self.embeddings, table.name: table}
            self._wells = self._joined_wells()
        return table.name

    def describe_embedding(self, name: str) -> str:
        """One or two sentences about an embedding: how much of it is used, and why not all."""
        table = self.embeddings[name]
        n_used, n_rows = len(self.rows_of(name)[0]), len(table.well_ids)
        said = f"{name}: vectors of {n_used:,} wells"
        if n_used < n_rows:
            said += f", of {n_rows:,} in the file"
        notes = [problem.detail for problem in table.problems]
        more = f" (and {len(notes) - 1:,} more notes)" if len(notes) > 1 else ""
        return f"{said}. {notes[0].rstrip('.')}{more}." if notes else f"{said}."

    def wells_of_plate(self, plate: PlateId) -> pd.DataFrame:
        """The rows of `wells` on one plate, in reading order."""
        start = self._plate_slices.get(plate)
        return self.wells.iloc[start] if start is not None else self.wells.iloc[:0]

    def well(self, well_id: str) -> WellId:
        """Place of a well.

        Raises
        ------
        UnknownWell
            If neither the metadata nor any container of images knows it.
        """
        if well_id in self._listed.index:
            row = self._listed.loc[well_id, ["experiment_name", "plate", "row", "column"]]
            return WellId(row.iloc[0], int(row.iloc[1]), int(row.iloc[2]), int(row.iloc[3]))
        try:
            well = parse_well_id(well_id)
        except ValueError:
            raise UnknownWell(well_id) from None
        if well.plate_id in self.images.plates and any(self.images.channels(well)):
            return well
        raise UnknownWell(well_id)

    def plane(self, well_id: str, channel: int, size: int | None = None) -> Plane:
        """One channel (1..6) of a well: (Y, X), or a (size, size) thumbnail. Read-only.

        Raises
        ------
        UnknownWell, ImageUnavailable
        """
        try:
            return self.images.plane(self.well(well_id), channel, size)
        except ImageUnavailable as error:
            raise _named(error, well_id) from error

    def image(self, well_id: str) -> da.Array:
        """The six planes of a well as a lazy array (6, Y, X), native dtype, a channel a chunk.

        Raises
        ------
        UnknownWell
            If the data set has no such well.
        ImageUnavailable
            If not one of its channels is there; a single missing one raises when it is computed.
        """
        well = self.well(well_id)
        try:
            layout = self.images.layout(well)
        except ImageUnavailable as error:
            raise _named(error, well_id) from error
        read = dask.delayed(self._checked_plane, pure=False)
        planes = [
            da.from_delayed(read(well_id, channel, layout), *layout)
            for channel in range(1, N_CHANNELS + 1)
        ]
        return da.stack(planes)

    def read(self, well_id: str) -> Plane:
        """The six planes of a well, (6, Y, X), native dtype, read in parallel.

        Raises
        ------
        UnknownWell
        ImageUnavailable
            Naming the first channel that is missing or cannot be read, its file and the cause.
        """
        return self._stack(well_id, None)

    def thumbnail(self, well_id: str, size: int = 64) -> Plane:
        """The six planes of a well at (6, size, size), by area mean, native dtype.

        Raises
        ------
        UnknownWell, ImageUnavailable
        """
        return self._stack(well_id, size)

    def check(self, *, decode: bool = True, progress: Progress | None = None) -> CheckReport:
        """List every disagreement between metadata, images and embeddings.

        Parameters
        ----------
        decode : bool
            Decode every plane to find the damaged ones; False only compares the lists.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.
        """
        from napari_rxrx3.data.check import check_dataset

        return check_dataset(self, decode=decode, progress=progress)

    def phenomap(
        self,
        level: str = "perturbation",
        align: str = "pca-centerscale",
        embedding: str | None = None,
        *,
        average: str = "mean",
        batch: str = "experiment",
        control: str = "EMPTY_control",
        leave_out: bool = False,
        progress: Progress | None = None,
    ) -> PhenoMap:
        """Average the wells' aligned vectors to one vector a perturbation.

        Parameters
        ----------
        level : {"well", "guide", "perturbation", "compound"}
        align : {"none", "centerscale", "pca-centerscale", "tvn"}
            Batch correction, see `napari_rxrx3.maps.align`.
        embedding : str, optional
            A name of `embeddings`; the one that covers most wells if None.
        average : {"mean", "median"}
        batch : {"experiment", "plate"}
            What is aligned to what.
        control : str
            Treatment of the wells to align by.
        leave_out : bool
            Leave out batches with too few controls to align by. If False they are an error.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Raises
        ------
        MapError
            If there is no embedding, or it cannot be aligned; the batch is named.
        """
        from napari_rxrx3.maps.phenomap import MapSpec

        spec = MapSpec(level, align, embedding or "", average, batch, control, leave_out)
        return self.map_of(spec, progress)

    def map_of(self, spec: MapSpec, progress: Progress | None = None) -> PhenoMap:
        """Like `phenomap`, with all choices in one; an empty embedding is the default one."""
        from napari_rxrx3.maps.kept import KeptMaps

        spec = replace(spec, embedding=self.embedding_named(spec.embedding))
        with self._lock:
            if self._maps is None:
                self._maps = KeptMaps(self)
        return self._maps.get(spec, progress)

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
        with self._lock:
            if name not in self._rows:
                table = self.embeddings[self.embedding_named(name)]
                self._rows[name] = table.rows_in(self._listed.index)
            return self._rows[name]

    def describe(self) -> str:
        """One line that says what is here and what is not."""
        n_images = int(self.wells["has_image"].sum())
        parts = [f"{len(self.wells):,} wells on {len(self.plates):,} plates"]
        parts.append(f"images of {n_images:,}" if n_images else "no images")
        vectors = int(self.wells["has_embedding"].sum())
        parts.append(f"embeddings of {vectors:,}" if vectors else "no embeddings")
        if not self.has_metadata:
            parts.append("no metadata")
        return ", ".join(parts)

    def _stack(self, well_id: str, size: int | None) -> Plane:
        futures = [
            _POOL.submit(self.plane, well_id, channel, size) for channel in range(1, N_CHANNELS + 1)
        ]
        planes = [future.result() for future in futures]
        usual = most_common([_layout(plane) for plane in planes])
        for channel, plane in enumerate(planes, start=1):
            self._require_layout(well_id, channel, plane, usual)
        return np.stack(planes)

    def _checked_plane(self, well_id: str, channel: int, usual: Layout) -> Plane:
        plane = self.plane(well_id, channel)
        self._require_layout(well_id, channel, plane, usual)
        return plane

    def _require_layout(self, well_id: str, channel: int, plane: Plane, usual: Layout) -> None:
        if _layout(plane) != usual:
            place = self.images.locate(self.well(well_id), channel)
            raise ImageUnavailable(well_id, channel, place, odd_layout(_layout(plane), usual))

    @cached_property
    def _plate_slices(self) -> dict[PlateId, slice]:
        return plate_slices(self._listed)

    def _has_image(self, wells: pd.DataFrame) -> np.ndarray[Any, Any]:
        has = np.zeros(len(wells), dtype=bool)
        position = (wells["row"] * N_COLUMNS + wells["column"]).to_numpy()
        for plate, rows in self._plate_slices.items():
            if plate in self.images.plates:
                has[rows] = self.images.present_wells(plate)[position[rows]]
        return has


def _layout(plane: Plane) -> Layout:
    return (plane.shape[0], plane.shape[1]), plane.dtype


def _named(error: ImageUnavailable, well_id: str) -> ImageUnavailable:
    """Say the well as the table does, which need not be experiment_plate_address."""
    cause, missing = error.cause, error.missing
    return ImageUnavailable(well_id, error.channel, error.location, cause, missing=missing)

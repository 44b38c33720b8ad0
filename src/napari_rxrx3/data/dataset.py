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
    format_address,
    natural_key,
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
from napari_rxrx3.data.metadata import read_metadata, wells_from_ids
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.storage import Storage

if TYPE_CHECKING:
    from napari_rxrx3.data.check import CheckReport
    from napari_rxrx3.maps.phenomap import MapSpec, PhenoMap

__all__ = ["Dataset", "open_dataset"]

Array = np.ndarray[Any, Any]
Plane = Array
Progress = Callable[[int, int, str], None]

_MAPS_KEPT = 8
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
        listed = self._read_metadata(storage)
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
        self._plates: tuple[pd.DataFrame, pd.DataFrame] | None = None
        self._listed = listed if listed is not None else self._wells_without_metadata()
        if self._listed.empty:
            raise DatasetNotFound(f"{root} lists no well of a 1536-well plate.")
        self._maps: dict[MapSpec, PhenoMap] = {}
        self._maps_lock = threading.Lock()

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
        from napari_rxrx3.maps.build import build_phenomap

        spec = replace(spec, embedding=self.embedding_named(spec.embedding))
        with self._maps_lock:  # one builds, the others wait for it
            if spec not in self._maps:
                self._maps[spec] = build_phenomap(self, spec, progress)
                while len(self._maps) > _MAPS_KEPT:
                    del self._maps[next(iter(self._maps))]
            return self._maps[spec]

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

    def fingerprint(self, embedding: str) -> str:
        """What identifies the wells and the vectors of an embedding: files, sizes and times.

        Empty if the wells come from no table, so that they cannot be told by a file.
        """
        if not self.has_metadata:
            return ""
        table = self.embeddings[embedding]
        paths = [*self.contents.metadata, *sorted({file.path for file in table.files})]
        try:
            return "|".join([embedding, *(table.storage.fingerprint(path) for path in paths)])
        except OSError:  # a file has gone since
            return ""

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

    def _read_metadata(self, storage: Storage) -> pd.DataFrame | None:
        tables = []
        failure: MetadataError | None = None
        for path in self.contents.metadata:
            try:
                wells, problems = read_metadata(storage, path)
            except MetadataError as error:
                failure = failure or error
                self.problems.append(Problem("unreadable_file", detail=str(error)))
                continue
            tables.append(wells)
            self.problems += problems
        if not tables:
            if failure is not None and self._only_metadata:
                raise failure
            return None
        wells = pd.concat(tables) if len(tables) > 1 else tables[0]
        return _in_plate_order(wells[~wells.index.duplicated()])

    @property
    def _only_metadata(self) -> bool:
        c = self.contents
        return not (c.tars or c.folders or c.shards or c.embeddings or c.embedding_tars)

    def _wells_without_metadata(self) -> pd.DataFrame:
        ids: list[str] = []
        for plate in self.images.plates:
            positions = np.flatnonzero(self.images.present_wells(plate))
            ids += [
                f"{plate.experiment}_{plate.plate}_{format_address(*divmod(int(p), N_COLUMNS))}"
                for p in positions
            ]
        index = pd.Index(ids, dtype="str")
        failure: MetadataError | None = None
        for table in self.embeddings.values():
            try:
                index = index.append(table.well_ids)
            except MetadataError as error:  # `wells` says so
                failure = error
        if failure is not None and index.empty:
            raise failure
        return _in_plate_order(wells_from_ids(index.unique()))

    @cached_property
    def _plate_slices(self) -> dict[PlateId, slice]:
        codes = self._listed.groupby(["experiment_name", "plate"], sort=False).ngroup().to_numpy()
        first = np.ones(len(codes), dtype=bool)
        first[1:] = codes[1:] != codes[:-1]
        starts = np.flatnonzero(first)
        stops = [*starts[1:], len(codes)][: len(starts)]
        names = self._listed[["experiment_name", "plate"]].iloc[starts].itertuples(index=False)
        return {
            PlateId(experiment, int(plate)): slice(int(a), int(b))
            for (experiment, plate), a, b in zip(names, starts, stops, strict=True)
        }

    def _has_image(self, wells: pd.DataFrame) -> np.ndarray[Any, Any]:
        has = np.zeros(len(wells), dtype=bool)
        position = (wells["row"] * N_COLUMNS + wells["column"]).to_numpy()
        for plate, rows in self._plate_slices.items():
            if plate in self.images.plates:
                has[rows] = self.images.present_wells(plate)[position[rows]]
        return has


def _in_plate_order(wells: pd.DataFrame) -> pd.DataFrame:
    names = sorted(wells["experiment_name"].unique(), key=natural_key)
    rank = wells["experiment_name"].map({name: i for i, name in enumerate(names)})
    order = np.lexsort((wells["column"], wells["row"], wells["plate"], rank))
    return wells.iloc[order]


def _layout(plane: Plane) -> Layout:
    return (plane.shape[0], plane.shape[1]), plane.dtype


def _named(error: ImageUnavailable, well_id: str) -> ImageUnavailable:
    """Say the well as the table does, which need not be experiment_plate_address."""
    cause, missing = error.cause, error.missing
    return ImageUnavailable(well_id, error.channel, error.location, cause, missing=missing)

"""The data set: what is known of its wells, its maps, and the check of its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_rxrx3.core.errors import DatasetNotFound, MapError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.cache.disk_cache import DiskCache, default_cache_folder
from napari_rxrx3.data.cache.kept_answers import keep_answers, take_answers
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.cells.shelf import MeasureShelf
from napari_rxrx3.data.check import CheckReport, check_wells
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.discovery.discover import discover
from napari_rxrx3.data.files.remote import Unreachable
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.passes import ALL_OF_IT, Share
from napari_rxrx3.data.welldata import WellData
from napari_rxrx3.maps.spec import MapSpec

if TYPE_CHECKING:  # scipy is loaded with the first map, which opening need not wait for
    import pandas as pd
    from distributed import Client

    from napari_rxrx3.core.plate import PlateId
    from napari_rxrx3.maps.arm_correction import ArmTables
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.sets.arms import GeneArms
    from napari_rxrx3.maps.sets.expression import UnexpressedGenes

__all__ = ["Dataset", "open_dataset"]

_KEPT_MAPS = 8
_KEPT_DATASETS = 4


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
        Called with (done, total, text) until the data set is open; may raise to stop. What is
        read later on takes its own.

    Raises
    ------
    DatasetNotFound
        If nothing of use is there; the message says what was looked for.
    MetadataError
        If the only metadata there are cannot be read.
    """
    storage, root = Storage.of(path)
    cache = DiskCache(Path(cache_dir) if cache_dir is not None else default_cache_folder())
    try:
        contents = discover(storage, root, cache, progress)
    except DatasetNotFound as error:
        if not isinstance(error.__cause__, Unreachable) or not take_answers(storage, root, cache):
            raise
        contents = discover(storage, root, cache, progress)
    dataset = Dataset(storage, root, contents, cache, progress)
    keep_answers(storage, root, cache)
    cache.clean_later()
    return dataset


_sent = LruCache(_KEPT_DATASETS, one)
"""Data sets that came from other processes."""


def _opened_again(address: str, cache_dir: Path, field: int) -> Dataset:
    """Open what another process has sent; all tasks that bring one data set share it."""

    def opened() -> Dataset:
        dataset = open_dataset(address, cache_dir)
        dataset.show_field(field)
        return dataset

    return _sent.get((address, cache_dir, field), opened)


class Dataset(WellData):
    """Wells with their metadata, images, embeddings and maps; made by `open_dataset`.

    `address` is the path or URL that opens it again. `arms` may be set to a table of genes and
    chromosome arms (`napari_rxrx3.read_arms`): neighbors on the arm of a query are then doubted.
    """

    arms: GeneArms | None = None

    def __init__(
        self,
        storage: Storage,
        root: str,
        contents: Contents,
        cache: DiskCache,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(storage, root, contents, cache, progress)
        self._maps = LruCache(_KEPT_MAPS, one)
        self.arm_tables: dict[str, ArmTables] = {}
        """By which maps can be corrected, see `add_arm_tables`; by their names."""
        self.measured = MeasureShelf(self)
        """Cell counts and image quality, as far as they are known without reading any image."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as an address: another process opens what is there, once for all that it is sent.

        What the address says travels with it, such as the signature of a link.
        """
        return _opened_again, (self.address, self.cache.folder, self.field)

    def check(
        self,
        *,
        decode: bool = True,
        again: bool = False,
        client: Client | None = None,
        share: Share = ALL_OF_IT,
        progress: Progress | None = None,
    ) -> CheckReport:
        """List every disagreement between metadata, images and embeddings.

        Parameters
        ----------
        decode : bool
            Decode every plane to find the damaged ones; False only compares the lists. What was
            found in a container of images is kept in the cache, and looked up there as long as its
            files have the same size and time of change.
        again : bool
            Decode also what was checked before and has not changed since.
        client : distributed.Client, optional
            Where to decode, if not here; workers must see the data and the cache's folder.
        share : Share
            Decode this part of the containers, and tell of them alone.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.
        """
        return check_wells(
            self, decode=decode, again=again, client=client, share=share, progress=progress
        )

    def measures(
        self,
        plates: Sequence[str | PlateId] = (),
        stains: Sequence[str] | None = None,
        *,
        dna: str | None = None,
        compute: bool = True,
        client: Client | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Cell counts and image quality of wells, measured once and kept.

        Parameters
        ----------
        plates : sequence of str or PlateId
            Such as ``"gene-001/1"``; all that have images if there are none.
        stains : sequence of str, optional
            Whose images are read; all if None. Nuclei and focus take the DNA stain alone.
        dna : str, optional
            The stain of the nuclei, if none is called so (DNA, nuclei, Hoechst, DAPI and the like).
        compute : bool
            Measure what is not measured yet; False only tells what is known.
        client : distributed.Client, optional
            Where to do it, if not here. Its workers must see the cache folder.
        progress : callable, optional
            Called with (done, total, text), in images; may raise to stop. What was measured by then
            is kept.

        Returns
        -------
        pandas.DataFrame
            By well_id, in the order of the plates. n_nuclei; focus, a slope, lower where blurred
            (`napari_rxrx3.data.cells.quality`); saturation, the share of pixels at the top value of
            the depth, the largest of the stains, and saturation_DNA and so on, one a stain;
            out_of_focus; why. Numbers that are not known are NaN, never 0; `why` says why there is
            no count.

        Raises
        ------
        RxRx3Error
            If there is no such plate or stain.
        """
        from napari_rxrx3.data.cells.measuring import asked_of, known_measures, measure_plates
        from napari_rxrx3.data.thumbnails.prepare import plates_named

        held = self.held()
        named, asked = plates_named(held, plates), asked_of(held, stains, dna)
        if compute:
            try:
                measure_plates(held, named, asked, client=client, progress=progress)
            finally:
                self.measured.forget(named, held.field)
        return known_measures(held, named, asked)

    def cell_counts(
        self,
        plates: Sequence[str | PlateId] = (),
        *,
        dna: str | None = None,
        compute: bool = True,
        progress: Progress | None = None,
    ) -> pd.Series[float]:
        """Nuclei of each well, by well_id, NaN where they are not known; see `measures`.

        Raises
        ------
        RxRx3Error
            If no stain is called DNA and none is named, or there is no such plate or stain.
        """
        from napari_rxrx3.core.plate_quality import NUCLEI
        from napari_rxrx3.data.cells.measuring import named_dna

        name = named_dna(self, dna)
        counts = self.measures(plates, [name], dna=name, compute=compute, progress=progress)
        return counts[NUCLEI]

    def nuclei(
        self, plate: str | PlateId, *, dna: str | None = None, progress: Progress | None = None
    ) -> pd.DataFrame:
        """Where the nuclei of a plate are: well_id, y and x in pixels from the top left.

        The table can be given to `napari_rxrx3.export_crops` as `centers`. Parameters and errors
        as of `cell_counts`.
        """
        from napari_rxrx3.data.cells.measuring import asked_of, named_dna, nuclei_of
        from napari_rxrx3.data.thumbnails.prepare import plates_named

        held, name = self.held(), named_dna(self, dna)
        held.measures([plate], [name], dna=name, progress=progress)
        return nuclei_of(held, plates_named(held, [plate])[0], asked_of(held, [name], name))

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
        position: bool = False,
        arm_tables: str = "",
        progress: Progress | None = None,
    ) -> PhenoMap:
        """Average the wells' aligned vectors to one vector a perturbation.

        Parameters
        ----------
        level : {"well", "guide", "perturbation", "compound"}
        align : {"none", "centerscale", "pca-centerscale", "tvn", "tvn-centered"}
            Batch correction, see `napari_rxrx3.maps.align`. The last is ours.
        embedding : str, optional
            A name of `embeddings`; the one that covers most wells if None.
        average : {"mean", "median"}
        batch : {"experiment", "plate"}
            What is aligned to what.
        control : str
            Treatment of the wells to align by.
        leave_out : bool
            Leave out batches with too few controls to align by. If False they are an error.
        position : bool
            First subtract what the position on the plate does to the controls, see
            `napari_rxrx3.maps.position`. Ours.
        arm_tables : str
            Subtract what unexpressed genes of a chromosome arm have in common from all genes of the
            arm: the name of the tables that say which these are, see `add_arm_tables`.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Raises
        ------
        MapError
            If there is no embedding, or it cannot be aligned; the batch is named.
        """
        spec = MapSpec(
            level=level,
            align=align,
            embedding=embedding or "",
            average=average,
            batch=batch,
            control=control,
            leave_out=leave_out,
            position=position,
            arm_tables=arm_tables,
        )
        return self.map_of(spec, progress)

    def add_arm_tables(self, arms: GeneArms, unexpressed: UnexpressedGenes) -> str:
        """Take tables by which the bias of chromosome arms can be corrected in maps.

        Parameters
        ----------
        arms : GeneArms
            From `napari_rxrx3.read_arms`.
        unexpressed : UnexpressedGenes
            From `napari_rxrx3.read_unexpressed`.

        Returns
        -------
        str
            Their name, for `phenomap`.
        """
        from napari_rxrx3.maps.arm_correction import ArmTables

        tables = ArmTables(arms, unexpressed)
        self.arm_tables[tables.name] = tables
        return tables.name

    def _tables_of(self, spec: MapSpec) -> ArmTables | None:
        if not spec.arm_tables:
            return None
        tables = self.arm_tables.get(spec.arm_tables)
        if tables is None:
            what = f"The tables of chromosome arms {spec.arm_tables!r} are not open"
            raise MapError(f"{what}: open them with add_arm_tables.")
        return tables

    def map_of(self, spec: MapSpec, progress: Progress | None = None) -> PhenoMap:
        """Like `phenomap`, with all choices in one; an empty embedding is the default one."""
        self.read_vectors(progress)
        spec = replace(spec, embedding=self.embedding_named(spec.embedding))
        tables = self._tables_of(spec)

        def build() -> PhenoMap:
            from napari_rxrx3.maps.build import build_phenomap

            return build_phenomap(self, spec, progress, tables)

        return self._maps.get(spec, build, shares_failure=False)  # who builds it may stop

    def known_map(self, spec: MapSpec) -> PhenoMap | None:
        """What `map_or_fallback` would answer, if that map was made before; never waits.

        Raises
        ------
        MapError
            If there are no such vectors.
        """
        if not self.vectors_are_read:
            return None
        spec = replace(spec, embedding=self.embedding_named(spec.embedding))
        found: PhenoMap | None = self._maps.find(spec)
        if found is None:
            found = self._maps.find(replace(spec, align="none", position=False))
        return found

    def map_or_fallback(
        self, spec: MapSpec, progress: Progress | None = None
    ) -> tuple[PhenoMap, str]:
        """The map with the alignment asked for, or without one where controls are too few.

        Returns
        -------
        phenomap : PhenoMap
        note : str
            Why the alignment is another one than asked for; empty if it is not.
        """
        try:
            return self.map_of(spec, progress), ""
        except MapError as error:
            plain = replace(spec, align="none", position=False)
            if spec == plain or spec.arm_tables or not self.embeddings:
                raise
            return self.map_of(plain, progress), f"Not aligned: {error}"

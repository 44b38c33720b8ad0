"""From what a folder holds to its catalog of images: what each container has, and which holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial

import pyarrow as pa

from napari_rxrx3.core.plate import RXRX3_LAYOUT, Layout, PlateId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.stains import STAINS, Stain, stains_called
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.cache.part_store import PartStore
from napari_rxrx3.data.claims import is_copy
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.catalog import ImageCatalog
from napari_rxrx3.data.images.faults import plain_cause
from napari_rxrx3.data.images.folders import FolderSource
from napari_rxrx3.data.images.lazy import LazyContainer, LazyShard, LazyTar, kept_index
from napari_rxrx3.data.images.planes import ImageSource
from napari_rxrx3.data.images.plate_names import PlateNamer, named_plates, plate_of_path
from napari_rxrx3.data.images.plate_sources import odd_files
from napari_rxrx3.data.images.shards import ShardFile, ShardSource
from napari_rxrx3.data.images.tars import TarSource
from napari_rxrx3.data.images.zarr_plates import ZarrPlate, open_plate
from napari_rxrx3.data.images.zips import ZipSource
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.screen_file import NOTHING_SAID, ScreenFile

__all__ = ["find_images"]


def find_images(
    storage: Storage,
    contents: Contents,
    where: str,
    cache: DiskCache,
    name_plate: PlateNamer,
    listed: Collection[PlateId] = (),
    progress: Progress | None = None,
    said: ScreenFile = NOTHING_SAID,
) -> tuple[ImageCatalog, list[Problem]]:
    """Find out what every container of images holds.

    Those of a server are looked into when a plate of theirs is first looked at, if that can be
    told from the outside.

    Parameters
    ----------
    name_plate : PlateNamer
        Says which plate a path belongs to.
    listed : collection of PlateId
        The plates of the metadata.
    said : ScreenFile
        What the user says of plates of OME-Zarr.
    """
    folders = _folders(storage, contents, cache, name_plate)
    containers, lazy, problems = _containers(storage, contents, cache, name_plate, listed, progress)
    plates, unread = _zarr_plates(storage, contents, cache, name_plate, said, progress)
    sources = _in_order_of_claim(storage, [*folders, *containers, *plates])
    problems += unread
    problems += [problem for source in sources for problem in odd_files(source)]
    has_others = len(plates) < len(sources) or bool(lazy)
    stains, disagreements = _stains_of(plates, has_others)
    problems += disagreements
    stains = said.stains_over(stains)
    layout = said.layout or (RXRX3_LAYOUT if has_others else _layout_of(plates))
    pixel = said.pixel_um or next((plate.pixel_um for plate in plates if plate.pixel_um), None)
    field = said.field
    sources = [source.at_field(field) if source.field != field else source for source in sources]
    images = ImageCatalog(sources, where, storage.is_local, lazy, stains, layout, pixel, field)
    return images, problems


def _folders(
    storage: Storage, contents: Contents, cache: DiskCache, name_plate: PlateNamer
) -> list[FolderSource]:
    sources = []
    for folder, names in contents.folders.items():
        index = FolderSource.build_index(folder, names, name_plate(folder))
        sources.append(FolderSource(storage, folder, index, PartStore(storage, cache)))
    return sources


def _containers(
    storage: Storage,
    contents: Contents,
    cache: DiskCache,
    name_plate: PlateNamer,
    listed: Collection[PlateId],
    progress: Progress | None,
) -> tuple[list[ImageSource], list[LazyContainer], list[Problem]]:
    """Tars, zips and shards: those that were looked into, and those that will be."""
    jobs = [
        *((path, "tar") for path in contents.tars),
        *((path, "zip") for path in contents.zips),
        *((path, "shard") for path in contents.shards),
    ]
    look = partial(_look_into, storage, cache, name_plate, listed, contents.indexed)
    sources: list[ImageSource] = []
    lazy: list[LazyContainer] = []
    problems: list[Problem] = []
    for done, (path, found) in enumerate(storage.look_into_many(look, jobs)):
        if progress is not None:
            progress(done + 1, len(jobs), f"indexing {path}")
        if isinstance(found, Exception):
            what = f"{path} cannot be read ({plain_cause(found)})"
            problems.append(Problem("unreadable_file", detail=what))
        elif isinstance(found, LazyTar | LazyShard):
            lazy.append(found)
        else:
            sources.append(found)
            if isinstance(found, ZipSource):
                what = f"{path} is a zip of images, which are read where they are"
                problems.append(Problem("zip_of_images", detail=what))
    lazy.sort(key=lambda container: (isinstance(container, LazyShard), is_copy(container.path)))
    return sources, lazy, problems


def _layout_of(plates: Sequence[ZarrPlate]) -> Layout:
    if not plates:
        return RXRX3_LAYOUT
    rows, columns = ([getattr(p.layout, name) for p in plates] for name in ("rows", "columns"))
    return Layout.holding(max(rows), max(columns))


def _zarr_plates(
    storage: Storage,
    contents: Contents,
    cache: DiskCache,
    name_plate: PlateNamer,
    said: ScreenFile,
    progress: Progress | None,
) -> tuple[list[ZarrPlate], list[Problem]]:
    """Plates of OME-Zarr, each under a name of its own."""
    plates: list[ZarrPlate] = []
    problems: list[Problem] = []
    named = named_plates(contents.plates, name_plate)
    for done, (path, plate) in enumerate(named.items()):
        if progress is not None:
            progress(done, len(contents.plates), f"looking into {path}")
        try:
            found = open_plate(storage, path, plate, cache, said.field)
        except OSError as error:
            what = f"{path} cannot be read ({plain_cause(error)})"
            problems.append(Problem("unreadable_file", detail=what))
            continue
        plates.append(found)
    return plates, problems


def _stains_of(
    plates: Sequence[ZarrPlate], has_others: bool
) -> tuple[tuple[Stain, ...], list[Problem]]:
    """What the channels of a data set are, and which plates say something else.

    Those of RxRx3 where there are other images, which do not say, or no plate does.
    """
    known = [plate for plate in plates if plate.n_channels]
    if not known:
        return STAINS, []
    first = max(known, key=lambda plate: plate.n_channels)
    called = [channel.name for channel in first.channels]
    stains = stains_called(called, [channel.color for channel in first.channels])
    if has_others:
        stains = (*STAINS, *stains[len(STAINS) :])
    elif called == [stain.name for stain in STAINS]:
        stains = STAINS
    problems = []
    for plate in known:
        theirs = [channel.name for channel in plate.channels]
        if theirs != called[: len(theirs)] or len(theirs) != len(called):
            listed = ", ".join(name or "without a name" for name in theirs)
            what = f"{plate.path} has the channels {listed}; {first.path} has {', '.join(called)}"
            detail = f"{what}, by which all are called"
            problems.append(Problem("disagreement", *plate.plate, detail=detail))
    return stains, problems


def _look_into(
    storage: Storage,
    cache: DiskCache,
    name_plate: PlateNamer,
    listed: Collection[PlateId],
    indexed: Collection[str],
    job: tuple[str, str],
) -> tuple[str, TarSource | ZipSource | ShardSource | LazyTar | LazyShard | Exception]:
    """A container; one of a server of which the plates are known is looked into later."""
    path, kind = job
    named = name_plate(path)
    try:
        if not storage.is_local and listed:
            if kind == "shard":
                if (shard := LazyShard.of(storage, path, cache, listed)) is not None:
                    return path, shard
            elif kind == "tar":
                experiment, number = plate_of_path(path)
                plate = named or (PlateId(experiment, number) if number is not None else None)
                if plate is not None and plate in listed:
                    return path, LazyTar(storage, path, cache, plate, named, path in indexed)
        index, made_from = kept_index(storage, path, kind, cache, named, path in indexed)
    except (OSError, pa.ArrowException, ValueError) as error:
        return path, error
    parts = PartStore(storage, cache)
    if kind == "tar":
        return path, TarSource(storage, path, index, made_from, parts)
    if kind == "zip":
        return path, ZipSource(storage, path, index, made_from, parts)
    return path, ShardSource(ShardFile(storage, path, None, made_from, parts), index)


def _in_order_of_claim(storage: Storage, sources: Sequence[ImageSource]) -> list[ImageSource]:
    """Put ahead whose images hold where two have the same: loose files, tars, zips, shards.

    Of the same kind the newer goes first, of equally old ones what is no copy by its name.
    """
    counts = Counter(plate for source in sources for plate in source.index.plates)
    kinds = [FolderSource, TarSource, ZipSource, ShardSource, ZarrPlate]

    def rank(source: ImageSource) -> tuple[object, ...]:
        kind = kinds.index(type(source))
        if all(counts[plate] == 1 for plate in source.index.plates) or kind == len(kinds) - 1:
            return kind, 0.0, False, ""
        return kind, -storage.changed_at(source.path), is_copy(source.path), source.path

    return sorted(sources, key=rank)

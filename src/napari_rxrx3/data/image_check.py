"""The check of every image as a pass: container by container, kept until a file changes.

What was found in a container is one small file in the data set's cache, under the container's
fingerprint. So a check that was stopped goes on where it stood, machines that see that folder share
it, and the next one decodes what has changed since.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import combinations, groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.stopping import check as check_stop
from napari_rxrx3.core.words import count
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files.local import read_plain
from napari_rxrx3.data.images.decode import UndecodableImage
from napari_rxrx3.data.images.faults import PlaneFault, may_pass
from napari_rxrx3.data.images.plane_layout import PlaneLayout, most_common, odd_layout
from napari_rxrx3.data.images.planes import ImageSource
from napari_rxrx3.data.images.zarr_plates import ZarrPlate
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.data.passes import ALL_OF_IT, Done, PassSummary, Share, Task, run_pass
from napari_rxrx3.data.problems import Problem

if TYPE_CHECKING:
    from distributed import Client

    from napari_rxrx3.data.welldata import WellData

__all__ = ["CheckedImages", "check_images", "overlaps"]

_VERSION = 2
"""Raise it when a check finds other things, or says them in other words."""
_SEVERAL = 2

Plates = tuple[PlateId, ...]


class _Container(NamedTuple):
    """A container as another process finds it, and its fingerprint, if it is known."""

    path: str
    plates: Plates
    stamp: str

    @classmethod
    def of(cls, source: ImageSource) -> _Container:
        return cls(source.path, source.index.plates, _stamp(source))

    def source(self, dataset: WellData) -> ImageSource:
        """Raises RxRx3Error if it is not the one that was planned with."""
        for plate in self.plates:
            dataset.images.look_into(plate)
        for source in dataset.images.sources:
            if (source.path, source.index.plates) == (self.path, self.plates):
                if self.stamp and _stamp(source) != self.stamp:
                    raise RxRx3Error(f"{self.path} has changed since the check began.")
                return source
        raise RxRx3Error(f"{self.path} is not there any more.")


@dataclass(frozen=True)
class _ContainerTask(Task):
    """All planes of one container are decoded; of two, those of a plate are compared."""

    containers: tuple[_Container, ...]
    plate: PlateId | None
    kept: Path | None
    """File of what was found; None where nothing would tell that it is out of date."""


@dataclass(frozen=True)
class _ImageCheck:
    """The pass."""

    again: bool

    def tasks(self, dataset: WellData) -> list[_ContainerTask]:
        plan = _Plan(dataset)
        return [*plan.comparisons(), *plan.decodings()]

    def folder_of(self, dataset: WellData) -> Path:
        return dataset.cache.folder

    def is_done(self, task: _ContainerTask) -> bool:
        return not self.again and task.kept is not None and _load(task.kept) is not None

    def do(self, dataset: WellData, task: _ContainerTask, progress: Progress) -> Done:
        sources = [container.source(dataset) for container in task.containers]
        if task.plate is not None:
            used, other = sources
            found = _compared(dataset, used, other, task, progress)
        else:
            found = _decoded(dataset, sources[0], task, progress)
        for container in task.containers:  # which may have changed meanwhile
            container.source(dataset)
        is_kept = found.lasts and _keep(dataset.cache, task.kept, found.problems)
        # what is kept is read from there: all of a screen that is damaged would fill the memory
        return Done(1, found={} if is_kept else {task: found.problems})


class CheckedImages(NamedTuple):
    """What `check_images` found, and what it did for that."""

    problems: Iterable[Problem]
    summary: PassSummary

    def words(self) -> str:
        """One line for a person."""
        done = self.summary
        n_pairs = sum(task.plate is not None for task in done.tasks)
        said = f"{count(done.n_tasks - n_pairs, 'container')} of images"
        if n_pairs:
            said += f" and {count(n_pairs, 'pair')} of them to compare"
        before = f"{done.n_before:,} checked before and the same since, " if done.n_before else ""
        said += f": {before}{done.n_written:,} checked now"
        if done.n_open:
            said += f", {done.n_open:,} not checked, to be tried again"
        return f"{said}."


def check_images(
    dataset: WellData,
    *,
    again: bool = False,
    client: Client | None = None,
    share: Share = ALL_OF_IT,
    progress: Progress | None = None,
) -> CheckedImages:
    """Decode every plane of every container, and compare those that hold the same images.

    Parameters
    ----------
    again : bool
        Also what was checked before and has not changed since.
    client, share, progress
        See `napari_rxrx3.data.passes.run_pass`. Workers keep what they find in the cache folder of
        the data set, which they must see.
    """
    summary = run_pass(dataset, _ImageCheck(again), client=client, share=share, progress=progress)
    return CheckedImages(_problems(summary), summary)


def _problems(summary: PassSummary) -> Iterator[Problem]:
    """In the order of the containers, whoever was done first; last, what was not checked."""
    for task in summary.tasks:
        found = summary.found.get(task)
        if found is None and task.kept is not None:
            found = _load(task.kept)
        yield from found or ()
    for failure in summary.failures:
        yield Problem("not_checked", detail=failure.rstrip("."))


class _Plan:
    """The tasks of a check."""

    def __init__(self, dataset: WellData) -> None:
        self._sources = list(dataset.images.sources)
        self._cache, self._n_channels = dataset.cache, dataset.images.n_channels
        self._known: dict[int, _Container] = {}

    def comparisons(self) -> Iterator[_ContainerTask]:
        for plate, used, other, rows in overlaps(self._sources, self._n_channels):
            words = f"comparing {other.path}"
            yield self._task(words, 2 * len(rows[0]), (used, other), plate)

    def decodings(self) -> Iterator[_ContainerTask]:
        for source in self._sources:
            words = f"decoding {source.path}"
            yield self._task(words, len(source.index.code), (source,), None)

    def _task(
        self, words: str, n_images: int, sources: tuple[ImageSource, ...], plate: PlateId | None
    ) -> _ContainerTask:
        check_stop()
        containers = tuple(self._container(source) for source in sources)
        kept = self._kept(containers, plate)
        return _ContainerTask(words, n_images, containers, plate, kept)

    def _container(self, source: ImageSource) -> _Container:
        if id(source) not in self._known:
            self._known[id(source)] = _Container.of(source)
        return self._known[id(source)]

    def _kept(self, containers: Sequence[_Container], plate: PlateId | None) -> Path | None:
        if not all(container.stamp for container in containers):
            return None
        made_from = repr((_VERSION, self._n_channels, plate, *map(tuple, containers)))
        return self._cache.path("checks", made_from, ".json").absolute()


def overlaps(
    sources: Iterable[ImageSource], n_channels: int
) -> Iterator[tuple[PlateId, ImageSource, ImageSource, tuple[list[int], list[int]]]]:
    """Containers that hold the same images as one that goes before.

    Yields
    ------
    plate, used, other, rows
        `used` goes first; the rows of what both hold, in the one and in the other.
    """
    by_plate: dict[PlateId, list[ImageSource]] = {}
    for source in sources:
        for plate in source.index.plates:
            by_plate.setdefault(plate, []).append(source)
    for plate, holders in by_plate.items():
        for used, other in combinations(holders, 2):
            codes, rows = used.index.of_plate(plate, n_channels)
            more, places = other.index.of_plate(plate, n_channels)
            _, here, there = np.intersect1d(codes, more, return_indices=True)
            if len(here):
                yield plate, used, other, (rows[here].tolist(), places[there].tolist())


# --- what one task finds -------------------------------------------------------------------------


class _Found(NamedTuple):
    problems: list[Problem]
    lasts: bool
    """Whether the next one would find the same: nothing failed that may pass."""


def _compared(
    dataset: WellData,
    used: ImageSource,
    other: ImageSource,
    task: _ContainerTask,
    progress: Progress,
) -> _Found:
    assert task.plate is not None
    ((plate, _, _, rows),) = (
        found
        for found in overlaps((used, other), dataset.images.n_channels)
        if found[0] == task.plate
    )
    n, n_differ, lasts = len(rows[0]), 0, True
    pairs = list(zip(*rows, strict=True))
    differ = in_threads(partial(_images_differ, dataset, used, other), pairs)
    for number, (is_other, stays) in enumerate(differ, 1):
        progress(2 * number, 2 * n, task.words)
        n_differ += is_other
        lasts = lasts and stays
    what = f"{other.path} and {used.path} both hold {n:,} images of {plate}"
    if n_differ:
        detail = f"{what}, {n_differ:,} of them differ; those of {used.path} are read"
        return _Found([Problem("disagreement", *plate, detail=detail)], lasts)
    detail = f"{what}, and they are the same"
    return _Found([Problem("images_twice", *plate, detail=detail)], lasts)


def _images_differ(
    dataset: WellData, used: ImageSource, other: ImageSource, rows: tuple[int, int]
) -> tuple[bool, bool]:
    """Whether two images differ in a pixel, and whether that is sure to stay so.

    One that cannot be read is named elsewhere.
    """
    try:
        here, there = (
            dataset.images.decoded(source, row)
            for source, row in zip((used, other), rows, strict=True)
        )
    except (OSError, UndecodableImage, pa.ArrowException) as error:
        return False, not may_pass(error)
    return not np.array_equal(here, there), True


def _decoded(
    dataset: WellData, source: ImageSource, task: _ContainerTask, progress: Progress
) -> _Found:
    """What is wrong with the planes of a container: of wells with several fields, of each."""
    parts = [_decoded_field(dataset, each, task, progress) for each in _fields_of(source)]
    return _Found([p for part in parts for p in part.problems], all(part.lasts for part in parts))


def _fields_of(source: ImageSource) -> list[ImageSource]:
    if source.n_fields < _SEVERAL:
        return [source]
    return [source.at_field(field) for field in range(1, source.n_fields + 1)]


def _decoded_field(
    dataset: WellData, source: ImageSource, task: _ContainerTask, progress: Progress
) -> _Found:
    problems: list[Problem] = []
    lasts = True
    rows: Sequence[int] = range(len(source.index.code))
    if isinstance(source, ZarrPlate):
        rows = [row for row in rows if source.has_field(row)]  # that some have fewer is noted
    checked = in_threads(partial(dataset.images.verify, source), rows)
    for first, found in _by_well(source, zip(rows, checked, strict=True)):
        progress(first, len(rows), task.words)
        layouts = [layout for layout in found.values() if not isinstance(layout, PlaneFault)]
        usual = most_common(layouts) if layouts else None
        for row, result in found.items():
            if isinstance(result, PlaneFault):
                cause, lasts = result.cause, lasts and not result.may_pass
            elif result != usual:
                cause = odd_layout(result, usual)
            else:
                continue
            well, channel = source.index.plane(row)
            detail = f"{well}, channel {channel}: {cause} ({source.locate(row)})"
            where = *well.plate_id, str(well), channel
            problems.append(Problem("unreadable_plane", *where, detail))
    return _Found(problems, lasts)


def _by_well(
    source: ImageSource, checked: Iterable[tuple[int, PlaneLayout | PlaneFault]]
) -> Iterator[tuple[int, dict[int, PlaneLayout | PlaneFault]]]:
    """Group what was found by well: the planes of a well are neighbors in an index."""
    n_channels = source.index.n_channels
    for _, group in groupby(checked, key=lambda item: source.index.code[item[0]] // n_channels):
        found = dict(group)
        yield min(found), found


# --- what is kept --------------------------------------------------------------------------------


def _stamp(source: ImageSource) -> str:
    """Fingerprint of all that a container holds; empty where nothing tells that it has changed."""
    try:
        if isinstance(source, ZarrPlate):
            stamp = source.contents()
        else:
            stamp = source.at_field(1).fingerprint()  # whichever is shown, all are checked
    except OSError:
        return ""
    return "" if stamp.endswith("|") else stamp


def _load(path: Path) -> list[Problem] | None:
    try:
        return [Problem(*problem) for problem in json.loads(read_plain(path))]
    except (OSError, ValueError, TypeError):  # not there, or damaged
        return None


def _keep(cache: DiskCache, path: Path | None, problems: Sequence[Problem]) -> bool:
    if path is None:
        return False
    with suppress(OSError), cache.writing(path) as temporary:
        temporary.write_text(json.dumps(problems), encoding="ascii", newline="\n")
    return _load(path) is not None

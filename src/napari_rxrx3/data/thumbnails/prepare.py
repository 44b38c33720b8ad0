"""Makes the thumbnails of whole plates ahead of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.plate import N_COLUMNS, PlateId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.spelling import normal_experiment, plate_in
from napari_rxrx3.core.words import count
from napari_rxrx3.data.cache.budgets import budget_of
from napari_rxrx3.data.images.previews import PREVIEW_SIZE
from napari_rxrx3.data.passes import ALL_OF_IT, Done, Share, Task, run_pass
from napari_rxrx3.data.thumbnails.plate_fill import PlateFill
from napari_rxrx3.data.thumbnails.plate_thumbnails import KNOWN, MISSING, PlateThumbnails

if TYPE_CHECKING:
    from distributed import Client

    from napari_rxrx3.data.welldata import WellData

__all__ = ["Prepared", "more_than_fits", "plates_named", "prepare"]


@dataclass
class Prepared:
    """What `prepare` has done: numbers of planes, by what is known of them."""

    n_plates: int = 0
    made: int = 0
    there_before: int = 0
    missing: int = 0
    failures: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line for a person."""
        plates = count(self.n_plates, "plate")
        return (
            f"{plates}: {self.made:,} thumbnails made, {self.there_before:,} were there, "
            f"{self.missing:,} images missing, {len(self.failures):,} damaged."
        )


def plates_named(dataset: WellData, names: Sequence[str | PlateId]) -> list[PlateId]:
    """Plates, or called like ``gene-001/1``; all that have images if none are named.

    Raises
    ------
    RxRx3Error
        If there are no images of a plate, or of any.
    """
    known = sorted(dataset.images.plates)
    if not known:
        raise RxRx3Error(f"There are no images in {dataset.root}.")
    if not names:
        return known
    return list(dict.fromkeys(_plate_named(name, known) for name in names))


def _plate_named(name: str | PlateId, known: list[PlateId]) -> PlateId:
    name = name if isinstance(name, str) else f"{name.experiment}/{name.plate}"
    experiment, _, number = name.rpartition("/")
    spelled = [(each, plate_in(number)) for each in (experiment, normal_experiment(experiment))]
    plate = next((plate for plate in known if plate in spelled), None)
    if plate is None:
        some = ", ".join(f"{p.experiment}/{p.plate}" for p in known[:3])
        more = ", ..." if len(known) > 3 else ""
        raise RxRx3Error(f"There are no images of a plate {name!r}; there is {some}{more}.")
    return plate


def more_than_fits(dataset: WellData, plates: Sequence[PlateId]) -> str:
    """Say so if the thumbnails of so many plates are more than the cache may hold; else ``""``."""
    form = dataset.images.preview_form(plates[0])
    if form is None:
        return ""
    n_planes = int(dataset.images.present(plates[0]).sum())
    need = len(plates) * n_planes * PREVIEW_SIZE**2 * form.dtype.itemsize / 1e9
    room = budget_of(dataset.cache.folder) / 1e9
    if need <= room:
        return ""
    some = count(len(plates), "plate")
    return (
        f"Thumbnails of {some} take about {need:,.1f} GB, the cache may hold "
        f"{room:g} GB: those not used for the longest time will go. Its size can be changed in "
        "napari's Preferences, RxRx3 Explorer."
    )


def prepare(
    dataset: WellData,
    plates: Sequence[PlateId],
    progress: Progress,
    *,
    client: Client | None = None,
    share: Share = ALL_OF_IT,
) -> Prepared:
    """Make and keep the thumbnails of plates that are not kept yet.

    What was made is kept every few seconds, and if this is stopped.

    Parameters
    ----------
    progress : callable
        Called with (done, total, text), both in images; may raise to stop.
    client, share
        See `napari_rxrx3.data.passes.run_pass`. Workers keep them in the cache folder of the data
        set, which they must see.
    """
    work = _Thumbnails(tuple(plates))
    done = run_pass(dataset, work, client=client, share=share, progress=progress)
    there, missing = done.counts["there before"], done.counts["missing"]
    return Prepared(done.n_tasks, done.n_written, there, missing, done.failures)


@dataclass(frozen=True)
class _PlateTask(Task):
    plate: PlateId


@dataclass(frozen=True)
class _Thumbnails:
    """The pass. A plate is looked at each time: what is kept of it tells what is left to do."""

    plates: tuple[PlateId, ...]

    def tasks(self, dataset: WellData) -> list[_PlateTask]:
        present = dataset.images.present
        return [
            _PlateTask(f"thumbnails of {plate}", int(present(plate).sum()), plate)
            for plate in self.plates
        ]

    def folder_of(self, dataset: WellData) -> Path:
        return dataset.cache.folder

    def is_done(self, task: _PlateTask) -> bool:
        return False

    def do(self, dataset: WellData, task: _PlateTask, progress: Progress) -> Done:
        plate = task.plate
        thumbnails = dataset.thumbnails_of(plate)
        wells = dataset.wells_of_plate(plate)
        positions = (wells["row"] * N_COLUMNS + wells["column"]).tolist()
        before = _count(thumbnails, positions, KNOWN)

        def of_plate(done: int, total: int, text: str) -> None:
            share = done / total if total else 1
            progress(round(share * task.n_images), task.n_images, task.words)

        names = dict(zip(positions, wells.index, strict=True))
        PlateFill(dataset, plate, thumbnails, names).run(of_plate)
        wanted = set(positions)
        return Done(
            _count(thumbnails, positions, KNOWN) - before,
            Counter({"there before": before, "missing": _count(thumbnails, positions, MISSING)}),
            [text for (at, _), text in sorted(thumbnails.failures.items()) if at in wanted],
        )


def _count(thumbnails: PlateThumbnails, positions: list[int], state: int) -> int:
    """Number of planes in a state; a channel that no well of the plate has is not missing."""
    taken = (thumbnails.state != MISSING).any(axis=1)
    return int((thumbnails.state[taken][:, positions] == state).sum())

"""Cell counts and image quality: measured plate by plate, kept, and told as a table of wells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error
from napari_rxrx3.core.plate import N_COLUMNS, PlateId, WellId
from napari_rxrx3.core.plate_quality import (
    FOCUS,
    NUCLEI,
    OUT_OF_FOCUS,
    SATURATION,
    out_of_focus,
    saturation_of_stain,
)
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.stains import Stain, dna_stain
from napari_rxrx3.core.stopping import check
from napari_rxrx3.data.cells.kept import How, KeptMeasures, PlaneMeasure
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.data.passes import ALL_OF_IT, Done, PassSummary, Share, Task, run_pass

if TYPE_CHECKING:
    from distributed import Client

    from napari_rxrx3.data.welldata import WellData

__all__ = [
    "Asked",
    "asked_of",
    "known_measures",
    "measure_plane",
    "measure_plates",
    "named_dna",
    "nuclei_of",
    "todo",
]

Array = np.ndarray[Any, Any]

_MOST_SATURATED = 0.5
"""Nuclei in a plane of which more is saturated cannot be counted."""


class Asked(NamedTuple):
    """What is measured: the channels, and how."""

    channels: tuple[int, ...]
    how: How


def asked_of(
    dataset: WellData, stains: Sequence[str] | None = None, dna: str | None = None
) -> Asked:
    """What is meant by the names of stains.

    Parameters
    ----------
    stains : sequence of str, optional
        Whose planes are read: all if None.
    dna : str, optional
        The stain of the nuclei, if none is called so.

    Raises
    ------
    RxRx3Error
        If there is no stain of a name.
    """
    known = dataset.stains
    called = [_called(known, name) for name in stains] if stains is not None else known
    nuclei = _called(known, dna) if dna else dna_stain(known)
    how = How(float(dataset.drawn_pixel_um), nuclei.number if nuclei is not None else 0)
    return Asked(tuple(dict.fromkeys(stain.number for stain in called)), how)


def named_dna(dataset: WellData, dna: str | None = None) -> str:
    """The name of the stain of the nuclei.

    Raises
    ------
    RxRx3Error
        If none is called so, or there is none of the name that is given.
    """
    stain = _called(dataset.stains, dna) if dna else dna_stain(dataset.stains)
    if stain is None:
        there = ", ".join(stain.name for stain in dataset.stains)
        raise RxRx3Error(
            f"No stain of {dataset.root} is called DNA, nuclei, Hoechst or DAPI: say which of them "
            f"shows the nuclei ({there})."
        )
    return stain.name


def _called(stains: Sequence[Stain], name: str) -> Stain:
    found = next((s for s in stains if s.name.casefold() == name.strip().casefold()), None)
    if found is None:
        there = ", ".join(stain.name for stain in stains)
        raise RxRx3Error(f"There is no stain {name!r}; there is {there}.")
    return found


def measure_plane(plane: Array, is_dna: bool, pixel_um: float) -> PlaneMeasure:
    """Measure one plane (Y, X); nuclei and focus in the DNA stain alone."""
    from napari_rxrx3.data.cells.nuclei import find_nuclei  # scipy: nobody else waits for it
    from napari_rxrx3.data.cells.quality import focus_of, saturation_of

    saturation = saturation_of(plane)
    if not is_dna:
        return PlaneMeasure(saturation=saturation)
    if saturation > _MOST_SATURATED:
        why = f"{saturation:.0%} of the DNA plane is saturated"
        return PlaneMeasure(saturation=saturation, why=why)
    middles = find_nuclei(plane, pixel_um)
    focus = focus_of(plane, pixel_um)
    return PlaneMeasure(float(len(middles)), focus, saturation, middles=middles)


# --- the pass ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _PlateTask(Task):
    plate: PlateId


@dataclass(frozen=True)
class _Measuring:
    """The pass. A plate is looked at each time: what is kept of it tells what is left to do."""

    plates: tuple[PlateId, ...]
    asked: Asked

    def tasks(self, dataset: WellData) -> list[_PlateTask]:
        columns = [channel - 1 for channel in self.asked.channels]
        return [
            _PlateTask(
                f"cells of {plate}",
                int(dataset.images.present(plate)[:, columns].sum()),
                plate,
            )
            for plate in self.plates
        ]

    def folder_of(self, dataset: WellData) -> Path:
        return dataset.cache.folder

    def is_done(self, task: _PlateTask) -> bool:
        return False

    def do(self, dataset: WellData, task: _PlateTask, progress: Progress) -> Done:
        plate, how = task.plate, self.asked.how
        kept = _kept(dataset, plate, self.asked)
        jobs = _jobs(dataset, plate, kept)
        before = task.n_images - len(jobs)
        done = Done()
        done.counts["there before"] = before

        def measure(job: _Job) -> PlaneMeasure | ImageUnavailable:
            try:
                plane = dataset.images.plane_once(job.well, job.channel)
            except ImageUnavailable as error:
                return error
            check()  # a plane more may take half a second
            return measure_plane(plane, job.channel == how.dna, how.pixel_um)

        try:
            for number, found in enumerate(in_threads(measure, jobs)):
                job = jobs[number]
                if isinstance(found, ImageUnavailable):
                    done.failures.append(str(found))
                    if found.may_pass:
                        done.is_whole = False  # the rest is measured another time
                        continue
                    found = PlaneMeasure(why=found.cause)
                else:
                    done.n_written += 1
                kept[job.channel].found[job.well.position] = found
                progress(before + number + 1, task.n_images, task.words)
        finally:
            for of_channel in kept.values():
                of_channel.save()
        return done


class _Job(NamedTuple):
    well: WellId
    channel: int


def _kept(dataset: WellData, plate: PlateId, asked: Asked) -> dict[int, KeptMeasures]:
    images, cache = dataset.images, dataset.cache
    return {c: KeptMeasures(images, cache, plate, c, asked.how) for c in asked.channels}


def _jobs(dataset: WellData, plate: PlateId, kept: dict[int, KeptMeasures]) -> list[_Job]:
    """What is not measured yet, as it is read fastest."""
    order = dataset.images.reading_order(plate)
    jobs = [
        (int(order[position, channel - 1]), position, channel)
        for channel, of_channel in kept.items()
        for position in np.flatnonzero(order[:, channel - 1] >= 0).tolist()
        if position not in of_channel.found
    ]
    return [
        _Job(WellId(*plate, *divmod(position, N_COLUMNS)), channel)
        for _, position, channel in sorted(jobs)
    ]


def measure_plates(
    dataset: WellData,
    plates: Sequence[PlateId],
    asked: Asked,
    *,
    client: Client | None = None,
    share: Share = ALL_OF_IT,
    progress: Progress | None = None,
) -> PassSummary:
    """Measure what is not measured yet of some plates, and keep it.

    What was measured is kept also if this is stopped. Parameters as of `data.passes.run_pass`.
    """
    work = _Measuring(tuple(plates), asked)
    return run_pass(dataset, work, client=client, share=share, progress=progress or silent)


def todo(dataset: WellData, plates: Iterable[PlateId], asked: Asked) -> int:
    """How many planes would have to be read."""
    return sum(len(_jobs(dataset, plate, _kept(dataset, plate, asked))) for plate in plates)


# --- what is known -------------------------------------------------------------------------------


def known_measures(dataset: WellData, plates: Sequence[PlateId], asked: Asked) -> pd.DataFrame:
    """What is kept of the wells of some plates, whatever was measured.

    Returns
    -------
    pandas.DataFrame
        By well_id, in the order of the plates: n_nuclei, focus, saturation (the largest of
        the stains asked for), saturation_DNA and so on, one a stain, out_of_focus (True, False, or
        None where that is not known), and why: why there is no count; empty where there is one.
    """
    parts = [_of_plate(dataset, plate, asked) for plate in plates]
    if not parts:
        parts = [_numbers(dataset, pd.Index([], name="well_id"), {}, [], asked)]
    return pd.concat(parts)


def _of_plate(dataset: WellData, plate: PlateId, asked: Asked) -> pd.DataFrame:
    wells = dataset.wells_of_plate(plate)
    positions = (wells["row"] * N_COLUMNS + wells["column"]).tolist()
    has_images = plate in dataset.images.plates
    kept = _kept(dataset, plate, asked) if has_images else {}
    found = {channel: of_channel.found for channel, of_channel in kept.items()}
    table = _numbers(dataset, wells.index, found, positions, asked)
    if has_images:
        table.loc[~_is_whole(dataset, plate, found, positions, asked), SATURATION] = np.nan
    dna = asked.how.dna
    if not dna:
        table["why"] = "no stain is called DNA"
    elif dna in asked.channels:
        present = dataset.images.present(plate)[positions, dna - 1] if has_images else None
        table["why"] = [
            _why(found.get(dna, {}).get(position), present is not None and bool(present[n]))
            for n, position in enumerate(positions)
        ]
    return table


def _is_whole(
    dataset: WellData,
    plate: PlateId,
    found: dict[int, dict[int, PlaneMeasure]],
    positions: list[int],
    asked: Asked,
) -> Array:
    """Bool (wells,): no plane that is there is left to be read, so that the largest is known."""
    present = dataset.images.present(plate)
    left = [
        [present[position, c - 1] and position not in found[c] for position in positions]
        for c in asked.channels
    ]
    return ~np.asarray(np.any(np.array(left, dtype=bool), axis=0))


def _why(found: PlaneMeasure | None, is_present: bool) -> str:
    if found is not None:
        return found.why
    return "not measured yet" if is_present else "no image of the DNA stain"


def _numbers(
    dataset: WellData,
    index: pd.Index,
    found: dict[int, dict[int, PlaneMeasure]],
    positions: list[int],
    asked: Asked,
) -> pd.DataFrame:
    nothing = PlaneMeasure()
    of_dna = [found.get(asked.how.dna, {}).get(position, nothing) for position in positions]
    columns: dict[str, Any] = {
        NUCLEI: np.array([each.nuclei for each in of_dna], dtype=float),
        FOCUS: np.array([each.focus for each in of_dna], dtype=float),
    }
    by_stain = {
        saturation_of_stain(dataset.stains[channel - 1].name): np.array(
            [found.get(channel, {}).get(p, nothing).saturation for p in positions], dtype=float
        )
        for channel in asked.channels
    }
    stacked = np.array([*by_stain.values()]).reshape(len(by_stain), len(positions))
    known = np.isfinite(stacked)
    largest = np.where(known, stacked, -np.inf).max(axis=0, initial=-np.inf)
    columns[SATURATION] = np.where(known.any(axis=0), largest, np.nan)
    is_out = out_of_focus(columns[FOCUS]).astype(object)
    is_out[~np.isfinite(columns[FOCUS])] = None
    return pd.DataFrame({**columns, **by_stain, OUT_OF_FOCUS: is_out, "why": ""}, index=index)


def nuclei_of(dataset: WellData, plate: PlateId, asked: Asked) -> pd.DataFrame:
    """The middles of the nuclei of a plate that are known: well_id, y and x, one row each."""
    dna, wells = asked.how.dna, dataset.wells_of_plate(plate)
    found = KeptMeasures(dataset.images, dataset.cache, plate, dna, asked.how).found
    positions = (wells["row"] * N_COLUMNS + wells["column"]).tolist()
    empty = np.zeros((0, 2), np.float32)
    middles = [(found[p].middles if p in found else None) for p in positions]
    listed = [empty if each is None else each for each in middles]
    places = np.concatenate([empty, *listed])
    well_ids = np.repeat(wells.index.to_numpy(object), [len(each) for each in listed])
    return pd.DataFrame({"well_id": well_ids, "y": places[:, 0], "x": places[:, 1]})

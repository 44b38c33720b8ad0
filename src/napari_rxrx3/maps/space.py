"""The wells of a map: where each is, what it received, and its vector, aligned when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.geometry import sums_of
from napari_rxrx3.core.perturbation import gene_of_guide
from napari_rxrx3.core.plate import N_COLUMNS
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.words import some
from napari_rxrx3.maps.align import (
    Alignment,
    controls_needed,
    fit_alignment,
    lacking_controls,
    lacking_in_words,
)
from napari_rxrx3.maps.arm_correction import (
    ARM_COLUMNS,
    ArmCorrection,
    ArmOffsets,
    ArmTables,
    correction_of,
)
from napari_rxrx3.maps.position import PlateLayout, PositionEffect, fit_position, trend_of_wells
from napari_rxrx3.maps.spec import MapSpec

if TYPE_CHECKING:
    from napari_rxrx3.data.welldata import WellData

__all__ = ["WellSpace", "open_space"]

Array = np.ndarray[Any, Any]

_TREATMENT = ["perturbation_type", "gene", "treatment", "concentration"]
_BLOCK = 8_192


@dataclass(frozen=True, eq=False)
class WellSpace:
    """Wells that have a usable vector, in the order of the table of wells.

    Attributes
    ----------
    well_ids : pandas.Index
        Of all wells of the data set.
    positions : int (n,)
        Place of each well among them.
    treatments : pandas.DataFrame
        One row for each kind of treatment: perturbation_type, gene, treatment, concentration.
    treatment : int (n,)
        Row of `treatments` of each well.
    experiment, plate, place : int (n,)
        Numbers of the experiment, of the plate (unique over experiments) and of the position on
        the plate.
    raw : float (rows, d)
        Vectors as they were read, see `EmbeddingTable.vectors`; do not write.
    rows : int (n,)
        Row of `raw` of each well.
    batch : int (n,)
    batch_names : list of str
    is_control : bool (n,)
        The well is one to align by.
    alignment : Alignment
    layout : PlateLayout
        The part of the plates that the whole screen uses.
    position_trend : float (5, d) or None
        How the position changes perturbed wells, see `maps.position`; None if that is not to be
        subtracted.
    position : PositionEffect or None
        What is subtracted before vectors are aligned.
    arm_correction : ArmCorrection or None
        Which wells are corrected for the bias of their chromosome arm.
    arm_offsets : ArmOffsets or None
        What is subtracted from these after vectors are aligned.
    left_out : tuple of str
        Batches with too few controls, whose wells are not among these.
    notes : tuple of str
        What the user should know, a sentence each.
    """

    well_ids: pd.Index
    positions: Array
    treatments: pd.DataFrame
    treatment: Array
    experiment: Array
    experiment_names: list[str]
    plate: Array
    place: Array
    raw: Array
    rows: Array
    batch: Array
    batch_names: list[str]
    is_control: Array
    alignment: Alignment
    layout: PlateLayout
    position_trend: Array | None = None
    position: PositionEffect | None = None
    arm_correction: ArmCorrection | None = None
    arm_offsets: ArmOffsets | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dimension(self) -> int:
        """Of the aligned vectors."""
        return int(self.alignment.center.shape[1])

    def vectors(self, wells: Array | slice) -> Array:
        """Vectors of some wells as they were read: (k, d), in the precision of `raw`."""
        return self.raw[self.rows[wells]]

    def aligned(self, wells: Array | slice) -> Array:
        """Aligned vectors of some wells: (k, d'), in the precision of `raw`."""
        vectors = self._without_position(self.position, wells)
        return self._without_arms(self.alignment.transform(vectors, self.batch[wells]), wells)

    def aligned_in_single(self, wells: Array | slice) -> Array:
        """The same to about six digits, float32, in half the time."""
        vectors = self._without_position(self.position, wells)
        aligned = self.alignment.transform_in_single(vectors, self.batch[wells])
        return self._without_arms(aligned, wells)

    def averages(self, wells: Array, group: Array, report: Callable[[int], None]) -> Array:
        """Averages of the aligned vectors of groups of wells: float64 (groups, d').

        All wells of a batch are moved alike, so that what is aligned are their averages, which are
        few, in double precision.

        Parameters
        ----------
        wells, group : int (m,)
            Groups are numbered from 0, and none is empty.
        report : callable
            Called with how many wells are done; may raise to stop.
        """
        order = np.lexsort((wells, self.batch[wells], group))
        wells, group = wells[order], group[order]
        batch = self.batch[wells]
        starts = np.flatnonzero(np.r_[True, _changes(group) | _changes(batch)][: len(wells)])
        n_wells = np.diff(np.append(starts, len(wells)))
        means = np.zeros((len(starts), self.raw.shape[1]))
        part = np.repeat(np.arange(len(starts)), n_wells)
        for begin in range(0, len(wells), _BLOCK):
            report(begin)
            block = slice(begin, begin + _BLOCK)
            first, last = part[block][[0, -1]]
            vectors = self._without_position(self.position, wells[block])
            means[first : last + 1] += sums_of(vectors, part[block] - first)
        means /= n_wells[:, None]
        aligned = self.alignment.transform(means, batch[starts]) * n_wells[:, None]
        sums = sums_of(aligned, group[starts]) - self._sums_of_arms(wells, group)
        return np.asarray(sums / np.bincount(group)[:, None])

    @property
    def arm_corrections(self) -> pd.DataFrame:
        """What is subtracted from chromosome arms; see `PhenoMap.arm_corrections`."""
        if self.arm_correction is None or self.arm_offsets is None:
            return pd.DataFrame(columns=list(ARM_COLUMNS), index=pd.Index([], name="arm"))
        return self.arm_correction.described(self.arm_offsets)

    @cached_property
    def group(self) -> Array:
        """Int (n,): what was perturbed, whatever guide or dose; -1 for controls of any kind."""
        names = [_perturbed(t) for t in self.treatments["treatment"]]
        kinds = self.treatments["perturbation_type"].to_numpy(object)
        pairs = pd.MultiIndex.from_arrays([pd.Series(names, dtype="str"), kinds])
        codes = pd.factorize(pairs)[0]
        is_control = np.array([not name or "_control" in name for name in names])
        return np.where(is_control, -1, codes)[self.treatment]

    def realigned(self, how: str) -> WellSpace:
        """The same wells, aligned in another way.

        Raises
        ------
        MapError
            If a batch has too few controls for it.
        """
        lacking = lacking_controls(
            self.batch, self.is_control, len(self.batch_names), controls_needed(how)
        )
        if len(lacking):
            names = [self.batch_names[b] for b in lacking]
            raise MapError(lacking_in_words(names, how, "control"))
        return self.fitted_to(np.flatnonzero(self.is_control), how)

    def fitted_to(self, controls: Array, how: str, progress: Progress | None = None) -> WellSpace:
        """The same wells, aligned by some of them: int (k,), enough in every batch.

        The effect of the position is told by the same controls.
        """
        n_batches = len(self.batch_names)
        position = self._fitted_position(controls)
        if how == "none":
            alignment = fit_alignment(self.raw[:1], np.zeros(1, int), n_batches, how)
        else:
            vectors = self._without_position(position, controls)
            alignment = fit_alignment(vectors, self.batch[controls], n_batches, how, progress)
        fitted = replace(self, alignment=alignment, position=position, arm_offsets=None)
        if self.arm_correction is None:
            return fitted
        return replace(fitted, arm_offsets=fitted._fitted_arms(controls, progress or silent))

    def _fitted_arms(self, controls: Array, report: Progress) -> ArmOffsets:
        """What unexpressed genes have in common, from the middle of the controls of their batch.

        In most alignments that is 0.
        """
        correction = self.arm_correction
        assert correction is not None
        number = correction.gene[self.treatment]
        wells = np.flatnonzero(number >= 0)
        batches, of_control = np.unique(self.batch[controls], return_inverse=True)
        wells = wells[np.isin(self.batch[wells], batches)]
        if not len(wells):
            return correction.nothing(self.dimension)
        text = f"averaging {len(wells):,} wells of unexpressed genes"
        gene, numbers = pd.factorize(number[wells])
        means = self.averages(wells, gene, lambda done: report(done, len(wells), text))
        middles = self.averages(controls, of_control, lambda done: report(0, len(wells), text))
        batch = np.searchsorted(batches, self.batch[wells])
        shape = len(means), len(middles)
        n_wells = sparse.coo_array((np.ones(len(wells)), (gene, batch)), shape=shape).tocsr()
        means -= n_wells @ middles / np.bincount(gene)[:, None]
        return correction.offsets(means, numbers)

    def _fitted_position(self, controls: Array) -> PositionEffect | None:
        if self.position_trend is None:
            return None
        place, plate = self.place[controls], self.plate[controls]
        vectors = self.vectors(controls)
        return fit_position(vectors, place, plate, self.layout, self.position_trend)

    def with_position_trend(self, progress: Progress) -> WellSpace:
        """The same wells, from which the effect of the position is to be subtracted."""
        wells = np.flatnonzero(self.group >= 0)
        text = f"fitting the effect of the position to {len(wells):,} wells"
        trend = trend_of_wells(
            lambda part: self.vectors(wells[part]),
            self.place[wells],
            self.plate[wells],
            self.layout,
            self.raw.shape[1],
            lambda done, total: progress(done, total, text),
        )
        return replace(self, position_trend=trend)

    def _without_position(self, position: PositionEffect | None, wells: Array | slice) -> Array:
        vectors = self.vectors(wells)
        return vectors if position is None else position.subtracted(vectors, self.place[wells])

    def _arm(self, wells: Array | slice) -> Array:
        """The corrected arm of each well, -1 for none."""
        assert self.arm_correction is not None
        return np.asarray(self.arm_correction.arm[self.treatment[wells]])

    def _without_arms(self, aligned: Array, wells: Array | slice) -> Array:
        if self.arm_offsets is None:
            return aligned
        arm = self._arm(wells)
        on_one = arm >= 0
        aligned[on_one] = aligned[on_one] - self.arm_offsets.vectors[arm[on_one]]
        return aligned

    def _sums_of_arms(self, wells: Array, group: Array) -> Array | float:
        """What is subtracted from the wells of each group, in all: float64 (groups, d')."""
        if self.arm_offsets is None:
            return 0.0
        arm, offsets = self._arm(wells), self.arm_offsets.vectors
        on_one = arm >= 0
        places = group[on_one], arm[on_one]
        shape = int(group.max(initial=-1)) + 1, len(offsets)
        n_wells = sparse.coo_array((np.ones(len(places[0])), places), shape=shape).tocsr()
        return np.asarray(n_wells @ offsets)


def open_space(
    dataset: WellData,
    spec: MapSpec,
    progress: Progress | None = None,
    tables: ArmTables | None = None,
) -> WellSpace:
    """Join wells and vectors, and fit the alignment to the controls.

    Parameters
    ----------
    spec : MapSpec
        Wells of batches with too few controls are left out if it says so, else an error.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.
    tables : ArmTables, optional
        By which the bias of chromosome arms is corrected.

    Raises
    ------
    MapError
        If there is nothing to join, batches have too few controls (they are named), or no arm can
        be corrected.
    """
    spec.check()
    report = progress or silent
    how, control, needed = spec.align, spec.control, controls_needed(spec.align)
    space = _joined(dataset, spec, report)
    lacking = lacking_controls(space.batch, space.is_control, len(space.batch_names), needed)
    if len(lacking):
        names = [space.batch_names[b] for b in lacking]
        if not spec.leave_out:
            raise MapError(lacking_in_words(names, how, control))
        space = _without(space, lacking, names, how, control)
    if needed:
        space = replace(space, notes=space.notes + _lone_controls(space, control))
    if spec.position:
        if not _tells_position(space):
            what = f"no plate has two {control} wells with a vector"
            raise MapError(f"The effect of the position on the plate cannot be told: {what}.")
        space = space.with_position_trend(report)
    if tables is not None:
        if not space.is_control.any():
            what = f"no {control} well has a vector, from which a bias could be told"
            raise MapError(f"The bias of chromosome arms cannot be corrected: {what}.")
        present = np.bincount(space.treatment, minlength=len(space.treatments)) > 0
        correction = correction_of(tables, space.treatments, present)
        notes = (*space.notes, *correction.notes)
        space = replace(space, arm_correction=correction, notes=notes)
    return space.fitted_to(np.flatnonzero(space.is_control), how, progress)


def _joined(dataset: WellData, spec: MapSpec, report: Progress) -> WellSpace:
    report(0, 0, "joining wells and vectors")
    positions, rows = dataset.rows_of(spec.embedding)
    if not len(rows):
        what = f"The embedding {spec.embedding!r}"
        raise MapError(f"{what} has no usable vector of any well listed here.")
    wells = dataset.wells
    treatments, treatment = _treatments(wells, report)
    experiment, names = pd.factorize(wells["experiment_name"])
    # numbers are picked, not rows of the table: millions of texts take a second
    treatment, experiment = treatment[positions], experiment[positions]
    numbers = wells["plate"].to_numpy(np.int64)[positions]
    place = wells["row"].to_numpy(np.int32) * N_COLUMNS + wells["column"].to_numpy(np.int32)
    width = int(numbers.max()) + 1
    plate, plates = pd.factorize(experiment * width + numbers)
    plate_names = [f"{names[code // width]} plate {code % width}" for code in plates.tolist()]
    is_control = (treatments["treatment"] == spec.control).to_numpy(bool)[treatment]
    raw = dataset.embeddings[spec.embedding].vectors
    by_experiment = spec.batch == "experiment"
    return WellSpace(
        well_ids=wells.index,
        positions=positions,
        treatments=treatments,
        treatment=treatment,
        experiment=experiment,
        experiment_names=[str(name) for name in names],
        plate=plate,
        place=place[positions],
        raw=raw,
        rows=rows,
        batch=experiment if by_experiment else plate,
        batch_names=[str(name) for name in names] if by_experiment else plate_names,
        is_control=is_control,
        alignment=fit_alignment(raw[:1], np.zeros(1, int), 1, "none"),
        layout=PlateLayout.of(place, dataset.layout),
    )


def _treatments(wells: pd.DataFrame, report: Progress) -> tuple[pd.DataFrame, Array]:
    """The different treatments, and the one of each well.

    Texts are compared once each, as numbers: grouping millions of texts takes seconds.
    """
    code = np.zeros(len(wells), dtype=np.int64)
    for done, name in enumerate(_TREATMENT):
        report(done, len(_TREATMENT), "joining wells and vectors")
        codes, unique = pd.factorize(wells[name])
        # densely numbered after each column, so that the numbers cannot grow too large
        code = pd.factorize(code * (len(unique) + 1) + codes + 1)[0]
    first = np.zeros(code.max() + 1, dtype=np.intp)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return wells[_TREATMENT].iloc[first].reset_index(drop=True), code


def _tells_position(space: WellSpace) -> bool:
    return bool((np.bincount(space.plate[space.is_control]) > 1).any())


def _without(
    space: WellSpace, lacking: Array, names: list[str], how: str, control: str
) -> WellSpace:
    kept = ~np.isin(space.batch, lacking)
    if not kept.any():
        raise MapError(lacking_in_words(names, how, control))
    n_lost = int(len(space) - kept.sum())
    note = f"{lacking_in_words(names, how, control)[:-1]}: {n_lost:,} wells are left out."
    by_well = ("positions", "treatment", "experiment", "plate", "place")
    parts = {name: getattr(space, name)[kept] for name in (*by_well, "rows", "batch", "is_control")}
    return replace(space, **parts, left_out=tuple(names), notes=(*space.notes, note))


def _lone_controls(space: WellSpace, control: str) -> tuple[str, ...]:
    n_controls = np.bincount(space.batch[space.is_control], minlength=len(space.batch_names))
    lone = [space.batch_names[b] for b in np.flatnonzero(n_controls == 1)]
    if not lone:
        return ()
    shown = some(lone)
    return (f"Only one {control} well in {shown}: centered on it, but not scaled.",)


def _changes(values: Array) -> Array:
    """Where a value is another one than that before: bool (n - 1,)."""
    return np.asarray(values[1:] != values[:-1])


def _perturbed(treatment: object) -> str:
    """The gene of a guide, the name of a compound; empty for a treatment that is not known."""
    return (gene_of_guide(treatment) or treatment) if isinstance(treatment, str) else ""

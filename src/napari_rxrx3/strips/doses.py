"""A compound at all of its doses, beside controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.words import count, dose_in_words, sentence
from napari_rxrx3.maps.spec import spec_of
from napari_rxrx3.strips.distances import NOISE
from napari_rxrx3.strips.request import StripRequest
from napari_rxrx3.strips.strip import DoseCurve, DoseFit, NothingToCompare, Strip

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.maps.dose_response.responses import ResponseCurve

__all__ = ["dose_strip"]

Array = np.ndarray[Any, Any]

_MOST_ROWS = 4
_MEASURED = 200
_RESPONSE = "effect in the direction of the doses, SD of controls"
_SAME_DOSE = 1.3
"""Doses whose ratio is below this are two ways to write one dose."""


@dataclass(frozen=True, eq=False)
class _Dose:
    """Wells of a compound at a dose, by nearness; none where the dose is missing."""

    dose: float
    positions: Array
    pictured: Array

    @property
    def name(self) -> str:
        return dose_in_words(self.dose)


def dose_strip(request: StripRequest) -> Strip:
    """Controls, then a column a dose in rising order, a row a replicate."""
    doses = _doses(request)
    curve, note = _curve(request, doses)
    n_rows = max(1, min(_MOST_ROWS, max(len(dose.pictured) for dose in doses)))
    columns = [_column(request, dose, n_rows) for dose in doses]
    beside = [_first_in_row(columns, row) or request.well_id for row in range(n_rows)]
    columns.insert(0, request.controls_of(beside))
    tiles = tuple(
        replace(tile, row=row, column=column)
        for column, wells in enumerate(columns)
        for row, tile in enumerate(wells)
    )
    verdict = sentence(curve.verdict) if curve is not None and curve.verdict else ""
    notes = [verdict, _missing_in_words(request, doses), _left_out(doses, n_rows), note]
    return Strip(
        "doses",
        f"{request.row['treatment']}: {count(len(doses), 'dose')}",
        tiles,
        is_arranged=True,
        note=" ".join(filter(None, notes)),
        curve=curve,
    )


def _doses(request: StripRequest) -> list[_Dose]:
    row = request.row
    name, kind = row["treatment"], row["perturbation_type"]
    if kind != "COMPOUND" or not isinstance(name, str) or np.isnan(row["concentration"]):
        raise NothingToCompare(f"{request.name} is not a compound at a known dose.")
    positions = request.where(treatment=name, perturbation_type=kind)
    wells = request.dataset.known_wells
    concentrations = wells["concentration"].to_numpy(np.float64)[positions]
    doses = []
    for dose in _series(wells, positions, concentrations):
        at_dose = positions[concentrations == dose]
        doses.append(_Dose(dose, request.by_nearness(at_dose), request.pictured(at_dose)))
    return doses


def _series(wells: pd.DataFrame, positions: Array, own: Array) -> list[float]:
    """The doses of a compound and those that it lacks of what its experiments used, rising.

    A dose belongs to an experiment's series if half of its compounds have it.
    """
    doses = sorted(set(own[~np.isnan(own)].tolist()))
    experiments = set(wells["experiment_name"].array[positions])
    others = wells.loc[
        wells["experiment_name"].isin(experiments) & wells["concentration"].notna(),
        ["treatment", "concentration"],
    ].drop_duplicates()
    n_compounds = others["treatment"].nunique()
    counts = others["concentration"].value_counts()
    usual = [float(dose) for dose, n in counts.items() if 2 * n >= n_compounds]
    lacking = [dose for dose in usual if not any(_is_same(dose, known) for known in doses)]
    return sorted([*doses, *lacking])


def _is_same(a: float, b: float) -> bool:
    return a == b or (min(a, b) > 0 and max(a, b) / min(a, b) < _SAME_DOSE)


def _column(request: StripRequest, dose: _Dose, n_rows: int) -> list[Tile]:
    if not len(dose.pictured):
        why = "no image of it here" if len(dose.positions) else "no well of it"
        return [Tile(None, f"{dose.name}\n{why}")]
    return [request.tile_at(position, dose.name) for position in dose.pictured[:n_rows]]


def _first_in_row(columns: list[list[Tile]], row: int) -> str | None:
    """The well of a row to which its control is the nearest: that of the request, or the first."""
    wells = [column[row] for column in columns if len(column) > row]
    chosen = sorted(wells, key=lambda tile: not tile.role)
    return next((tile.well_id for tile in chosen if tile.well_id), None)


def _missing_in_words(request: StripRequest, doses: list[_Dose]) -> str:
    missing = sum(not request.n_pictured(dose.positions) for dose in doses)
    return f"{missing} of {len(doses)} doses have no image here." if missing else ""


def _left_out(doses: list[_Dose], n_rows: int) -> str:
    most = max(len(dose.pictured) for dose in doses)
    return f"{n_rows} of up to {most:,} replicates a dose are shown." if most > n_rows else ""


def _curve(request: StripRequest, doses: list[_Dose]) -> tuple[DoseCurve | None, str]:
    """What the doses do, as far as it is known by now, or why it is not known."""
    verdict, fitted = _fitted(request, doses)
    if fitted is not None:
        return fitted, ""
    curve, note = _distances(request, doses)
    return (replace(curve, verdict=verdict) if curve is not None else None), note


def _fitted(request: StripRequest, doses: list[_Dose]) -> tuple[str, DoseCurve | None]:
    """Whether there is a trend, in words, and the curve if there is one.

    The answer of a map whose compounds were compared; that takes a while, and is not waited for.
    """
    from napari_rxrx3.maps.dose_response.words import doses_in_words

    name = request.row["treatment"]
    try:
        phenomap = request.dataset.known_map(spec_of(request.query))
    except RxRx3Error:  # the distances will say why
        return "", None
    if phenomap is None or not phenomap.doses.is_ready:
        return "", None
    table = phenomap.doses.store.get()
    if name not in table.index:
        return "", None
    row = table.loc[name].to_dict()
    told = phenomap.doses.curve_of(name, request.progress) if row["has_trend"] else None
    verdict = doses_in_words(row)
    return verdict, None if told is None else _curve_of(told, doses, row, verdict)


def _curve_of(
    told: ResponseCurve, doses: list[_Dose], row: dict[str, Any], verdict: str
) -> DoseCurve | None:
    """The responses of a compound that has a trend, and its Hill curve; None without controls."""
    rising = tuple(dose.dose for dose in doses)
    values = told.response.values
    is_known = ~np.isnan(values)
    if not is_known.any():
        return None
    responses = tuple(
        tuple(values[is_known & (told.compound.dose == dose)].tolist()) for dose in rising
    )
    means = tuple(float(np.mean(part)) if part else np.nan for part in responses)
    low, high = np.percentile(told.response.controls, NOISE)
    numbers = ("ec50", "ec50_low", "ec50_high", "slope", "bottom", "top", "lowest_active_dose")
    fit = DoseFit(*(float(row[number]) for number in numbers))
    spread = float(low), float(high)
    return DoseCurve(rising, responses, means, _RESPONSE, spread, verdict=verdict, fit=fit)


def _distances(request: StripRequest, doses: list[_Dose]) -> tuple[DoseCurve | None, str]:
    """The distances of the doses from the controls, or why they are not known."""
    measured = [dose.positions[:_MEASURED] for dose in doses]
    try:
        far = request.from_controls(np.concatenate(measured))
    except Cancelled:
        raise
    except RxRx3Error as error:
        return None, f"There is no dose curve. {error}"
    ends = np.cumsum([len(wells) for wells in measured])[:-1]
    distances = tuple(
        tuple(part[~np.isnan(part)].tolist()) for part in np.split(far.distances, ends)
    )
    if not any(distances):
        what = request.row["treatment"]
        return None, f"There is no dose curve: no well of {what} can be compared with controls."
    means = tuple(float(np.mean(part)) if part else np.nan for part in distances)
    rising = tuple(dose.dose for dose in doses)
    return DoseCurve(rising, distances, means, far.metric, far.spread), ""

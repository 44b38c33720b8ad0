"""What was measured of the cells of a perturbation, as its report says it. No image is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.plate_quality import FOCUS, OUT_OF_FOCUS, SATURATION, facts_of
from napari_rxrx3.core.words import are, count, decimals, name_with_dose, some
from napari_rxrx3.figures.reports.sentence import Sentence

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.neighbors import Neighbor

__all__ = ["CellCounts", "counts_beside", "of_likeness", "of_pictures"]

Array = np.ndarray[Any, Any]

_LEAST_CONTROLS = 20
"""From so many on it can be said that something is rarer than one in twenty."""
_MIDDLE = 5, 95


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Nuclei of the wells of a perturbation, and of the controls on their plates.

    Attributes
    ----------
    own, controls : float (n,), float (m,)
        Of those wells that are counted.
    n_wells : int
        How many wells it has.
    field : str
        Which field of them they are of; empty if there is but one.
    """

    own: Array
    controls: Array
    n_wells: int
    field: str = ""

    def sentences(self) -> Iterator[Sentence]:
        """How many cells it has beside the controls; a doubt if these seldom have so few."""
        counted = count(self.n_wells, "well")
        if len(self.own) < self.n_wells:
            counted = f"{len(self.own):,} of {counted}"
        median = float(np.median(self.own))
        nuclei = f"Nuclei{self.field}: {median:,.0f} a well (median of {counted})"
        if not len(self.controls):
            yield Sentence(f"{nuclei}; no control on its plates is counted.")
            return
        of_controls = f"{np.median(self.controls):,.0f} in the controls of its plates"
        controls = f"{of_controls} ({count(len(self.controls), 'well')}"
        if len(self.controls) < _LEAST_CONTROLS:
            yield Sentence(f"{nuclei}, {controls}).")
            return
        low, high = np.percentile(self.controls, _MIDDLE)
        numbers = f"{nuclei}, {controls}, 90 % of them {low:,.0f} to {high:,.0f})"
        if median < low:
            yield Sentence(f"{numbers}. Few cells alone can make wells look alike.", is_doubt=True)
        else:
            yield Sentence(f"{numbers}.")


def counts_beside(
    dataset: Dataset, positions: Array, control: str, counts: Array
) -> CellCounts | None:
    """Nuclei of some wells and of the controls on their plates, as far as they are counted.

    Parameters
    ----------
    positions : int (n,)
        Places of the wells in the table of wells.
    control : str
        The treatment of the controls.
    counts : float (wells,)
        Nuclei of each well of the data set; NaN where they are not known.

    Returns
    -------
    CellCounts or None
        None if none of the wells is counted.
    """
    counted = positions[np.isfinite(counts[positions])]
    if not len(counted):
        return None
    plates = {dataset.listed.place(int(at)).plate_id for at in counted}
    treatments = dataset.known_wells["treatment"]
    of_controls = [np.zeros(0)]
    for plate in sorted(plates):
        here = dataset.listed.slices[plate]
        is_control = (treatments.iloc[here] == control).to_numpy(bool, na_value=False)
        of_controls.append(counts[here][is_control])
    controls = np.concatenate(of_controls)
    field = f" in field {dataset.field} of {len(dataset.fields)}" if len(dataset.fields) > 1 else ""
    known = controls[np.isfinite(controls)]
    return CellCounts(counts[counted], known, len(positions), field)


def of_likeness(nearest: Sequence[Neighbor]) -> Iterator[Sentence]:
    """How much of the likeness to the nearest goes with cell count, where that is known."""
    from napari_rxrx3.maps.evidence.cell_count import NO_CHANGE

    known = [each for each in nearest if not isnan(each.of_count)]
    if not known:
        notes = {each.count_note for each in nearest if each.count_note.startswith(NO_CHANGE)}
        for note in notes:
            yield Sentence(f"The likeness is not for cell count: {note}.")
        return
    most = [each for each in known if 2 * each.of_count >= each.value]
    if most:
        told = [
            f"{name_with_dose(each.name, each.dose)} ({decimals(each.of_count)} of "
            f"{decimals(each.value)})"
            for each in most
        ]
        yield Sentence(f"Half or more of the cosine goes with cell count: {some(told)}.", True)
        return
    without = [each.without_count for each in known if not isnan(each.without_count)]
    if without:
        which = f"{len(known)} of the {len(nearest)} nearest"
        which = f"the {len(known)} nearest" if len(known) == len(nearest) else which
        yield Sentence(
            f"Less than half of the cosine with {which} goes with cell count; without that "
            f"direction it is {_range(without)}, with it {_range([n.value for n in known])}."
        )


def _range(values: Sequence[float]) -> str:
    low, high = decimals(min(values)), decimals(max(values))
    return low if low == high else f"{low} to {high}"


def of_pictures(
    named: Sequence[tuple[str, str]], measures: Mapping[str, Mapping[Any, Any]]
) -> Iterator[Sentence]:
    """Which of the wells that are shown are out of focus or too bright, where that is measured.

    Parameters
    ----------
    named : sequence of (name, well)
    measures : mapping of well to row
        With the `MEASURES` of each.
    """
    rows = [(name, measures[well]) for name, well in dict.fromkeys(named)]
    known = [(name, row) for name, row in rows if not isnan(row[FOCUS])]
    told = [
        f"{name} ({', '.join(facts)})"
        for name, row in rows
        if (facts := facts_of(nan, row[OUT_OF_FOCUS], row[SATURATION]))
    ]
    if told:
        yield Sentence(f"Of the wells shown: {some(told, 9)}.", is_doubt=True)
    elif known:
        are_bright = all(not isnan(row[SATURATION]) for _, row in known)
        what = "out of focus or saturated" if are_bright else "out of focus"
        shown = f"the {count(len(rows), 'well')} shown"
        if len(known) == len(rows):
            yield Sentence(f"None of {shown} is {what}.")
        else:
            measured = f"{len(known):,} {are(len(known))} measured"
            yield Sentence(f"Of {shown} {measured}: none is {what}.")

"""How much of what controls differ by comes from experiments, plates and places on the plate.

Controls got nothing, so nothing of it is biology. Shares are sums of squares over all dimensions;
those after alignment are of controls that the alignment was not fitted to, which it pulls together
more than any other well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from napari_rxrx3.core.plate import N_COLUMNS
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import percent
from napari_rxrx3.maps.align import centers_batches, controls_needed
from napari_rxrx3.maps.evidence.held_out import halves_of_controls
from napari_rxrx3.maps.evidence.kept_table import KeptTable
from napari_rxrx3.maps.evidence.p_values import add_one_p
from napari_rxrx3.maps.position import TERMS, centered_by
from napari_rxrx3.maps.space import WellSpace

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["SOURCES", "diagnostics_in_words", "diagnostics_store", "is_more_than_chance"]

Array = np.ndarray[Any, Any]

SOURCES = ("experiment", "plate", *TERMS)
"""What controls may differ by; plates within their experiment, places within their plate."""

_VERSION = 1
"""Of what is kept: raise it when a number is computed in another way."""

_PERMUTATIONS = 400
_AT_ONCE = 8
_ENOUGH, _MOST = 4_000, 12_000
"""Controls from which on one half of them is measured, not both in turn; and at most."""
_LEVEL = 0.05
_SEED = 0


def diagnostics_store(entries: Entries) -> KeptTable:
    """What computes and keeps the diagnostics of a map: one row for each of `SOURCES`.

    Columns: source; n_groups (experiments, plates, or rows, columns, sides of the edge and
    positions that controls are at); n_controls; before and after (share of the controls'
    variance, without and with what the map does to vectors: of all for experiments and for
    plates within their experiment, of that within plates for the others); chance (what
    `after` is where there is no such effect); p (of the places, by permuting the controls
    within their plates). NaN where nothing can be told.
    """
    columns = ("source", "n_groups", "n_controls", "before", "after", "chance", "p")
    index = pd.RangeIndex(len(SOURCES))
    return KeptTable(entries, "diagnostics", _diagnosed, columns, index, _VERSION)


class _Half(NamedTuple):
    """Controls that are measured, in a space fitted to others.

    `doubled` is how many times as large the chance of the places is, where the fit took away what
    they do: its own error lies in the same places.
    """

    wells: Array
    space: WellSpace
    doubled: float = 1.0


def _diagnosed(phenomap: Entries, progress: Progress) -> pd.DataFrame:
    space = phenomap.open_space(progress)
    text = "measuring what experiments, plates and places do to the controls"

    def report(done: int = 0, total: int = 0) -> None:
        progress(done, total, text)

    report()
    controls = np.flatnonzero(space.is_control)
    table = pd.DataFrame({"source": SOURCES})
    table["n_groups"] = _groups(space, controls)
    table["n_controls"] = len(controls)
    shown = _thinned(space, controls, _MOST)
    before = _shares(space, shown, space.vectors(shown), report) if len(shown) else np.nan
    table["before"] = before
    halves = _halves(phenomap, controls, progress)
    shares, chances, nulls = [], [], []
    for wells, fitted, doubled in halves:
        report()
        aligned = fitted.aligned(wells).astype(np.float64)
        shares.append(_shares(space, wells, aligned, report))
        chances.append(_chances(phenomap, fitted, wells))
        null = _permuted(space, wells, aligned, report)
        nulls.append(null * doubled)
    weights = [len(half.wells) for half in halves]
    table["after"], table["chance"], table["p"] = np.nan, np.nan, np.nan
    if weights:
        after = np.average(shares, axis=0, weights=weights)
        null = np.average(nulls, axis=0, weights=weights)
        table["after"], table["chance"] = after, np.average(chances, axis=0, weights=weights)
        of_places = slice(len(SOURCES) - len(TERMS), len(SOURCES))
        is_as_large = null >= after[None, of_places] * (1 - 1e-9)
        p = add_one_p(is_as_large.sum(axis=0), _PERMUTATIONS)
        is_told = np.isfinite(after[of_places]) & (null > 0).any(axis=0)
        table.loc[2:, "p"] = np.where(is_told, p, np.nan)
        table.loc[2:, "chance"] = np.where(is_told, null.mean(axis=0), np.nan)
    return table


def _groups(space: WellSpace, controls: Array) -> list[int]:
    place = space.place[controls]
    row, column = np.divmod(place, N_COLUMNS)
    of = (space.experiment[controls], space.plate[controls], row, column)
    return [len(np.unique(g)) for g in (*of, space.layout.is_edge(place), place)]


def _halves(phenomap: Entries, controls: Array, progress: Progress) -> list[_Half]:
    """Controls that something is fitted without, every other one of each plate, and the rest."""
    space, needed = phenomap.space, controls_needed(phenomap.align)
    if needed == 0 and space.position_trend is None:
        wells = _thinned(space, controls, _MOST)
        return [_Half(wells, space)] if len(wells) > 1 else []
    found = []
    for turn in range(2 if len(controls) < _ENOUGH else 1):
        fitted, others = halves_of_controls(phenomap, progress, turn=turn)
        wells = _thinned(space, others, _MOST)
        if len(wells) > 1:
            n_fitted = len(controls) - len(others)
            found.append(_Half(wells, fitted, _error_of_fit(fitted, len(wells), n_fitted)))
    return found


def _error_of_fit(fitted: WellSpace, n_measured: int, n_fitted: int) -> float:
    """How many times as much the places explain by chance where an effect was fitted to others."""
    if fitted.position is None:
        return 1.0
    weight = fitted.position.by_controls
    by_controls = weight**2 / n_fitted
    by_wells = (1 - weight) ** 2 / max(1, int((fitted.group >= 0).sum()))
    return float(1 + n_measured * (by_controls + by_wells))


def _thinned(space: WellSpace, wells: Array, most: int) -> Array:
    """Some wells of each plate, in order; all if there are few."""
    if len(wells) <= most:
        return wells
    shuffled = np.random.default_rng(_SEED).permutation(wells)
    plate = space.plate[shuffled]
    order = np.argsort(plate, kind="stable")
    n_on = np.bincount(plate)
    turn = np.arange(len(order)) - (np.cumsum(n_on) - n_on)[plate[order]]
    kept = order[turn < max(2, most // max(1, int((n_on > 0).sum())))]
    return np.sort(shuffled[kept])


# -- shares of the variance ------------------------------------------------------------------------


def _shares(space: WellSpace, wells: Array, vectors: Array, report: Callable[[], None]) -> Array:
    """Share of each of `SOURCES`, float (sources,); NaN where there is no variance at all."""
    experiment = np.unique(space.experiment[wells], return_inverse=True)[1]
    plate = np.unique(space.plate[wells], return_inverse=True)[1]
    everywhere = np.zeros(len(wells), dtype=np.intp)
    total = centered_by(vectors, everywhere)  # which also spares digits in the next step
    report()
    in_experiment = _squares(centered_by(total, experiment))
    report()
    of_plate = centered_by(total, plate)
    all_, in_plate = _squares(total), _squares(of_plate)
    report()
    explained = _Positions(space, wells, of_plate).explained()
    shares = [
        all_ - in_experiment if experiment.any() else np.nan,
        in_experiment - in_plate if plate.max() > experiment.max() else np.nan,
    ]
    return np.concatenate([_part(np.array(shares), all_), _part(explained, in_plate)])


def _part(squares: Array, of: float) -> Array:
    return np.asarray(np.maximum(squares, 0) / of) if of > 0 else np.full(len(squares), np.nan)


def _squares(vectors: Array) -> float:
    return float(np.einsum("ij,ij->", vectors, vectors))


def _chances(phenomap: Entries, fitted: WellSpace, wells: Array) -> Array:
    """Shares of experiments and plates where they have none: those of means of few wells.

    Where batches are centered, also those of the means that were fitted to the other controls.
    """
    n = len(wells)
    experiment = np.unique(fitted.experiment[wells], return_inverse=True)[1]
    plate = np.unique(fitted.plate[wells], return_inverse=True)[1]
    n_experiments, n_plates = experiment.max() + 1, plate.max() + 1
    of_experiments, of_plates = n_experiments - 1.0, float(n_plates - n_experiments)
    if centers_batches(phenomap.align):
        is_other = fitted.is_control.copy()
        is_other[wells] = False
        n_others = np.bincount(fitted.batch[is_other], minlength=len(fitted.batch_names))
        batch = fitted.batch[wells]
        error = 1 / np.maximum(n_others, 1)
        in_both = pd.DataFrame({"experiment": experiment, "batch": batch}).value_counts()
        e, b = (in_both.index.get_level_values(i).to_numpy() for i in (0, 1))
        n_both = in_both.to_numpy()
        between = np.bincount(e, n_both**2 * error[b]) / np.bincount(experiment)
        of_experiments += between.sum()
        of_plates += (n_both * error[b]).sum() - between.sum()
    by_chance = np.array([of_experiments, of_plates]) / max(n - 1, 1)
    return np.concatenate([by_chance, np.zeros(len(TERMS))])


# -- places on the plate ---------------------------------------------------------------------------


class _Positions:
    """Fits places to controls that are centered by plate: how much of their squares they explain.

    All of it comes from a few products of the terms with each other and with the vectors.
    """

    def __init__(self, space: WellSpace, wells: Array, centered: Array) -> None:
        plate = np.unique(space.plate[wells], return_inverse=True)[1]
        order = np.argsort(plate, kind="stable")
        self._vectors = centered[order]
        self._plate = plate[order]
        self._terms = centered_by(space.layout.terms(space.place[wells[order]]), self._plate)
        self._gram = self._terms.T @ self._terms
        self._inverses = [
            np.linalg.pinv(self._gram[np.ix_(t, t)], rcond=1e-9, hermitian=True)
            for t in TERMS.values()
        ]

    def explained(self) -> Array:
        """Sums of squares, float (len(TERMS),)."""
        return np.asarray(self._of((self._terms.T @ self._vectors)[None])[0])

    def permuted(self, rng: np.random.Generator, n: int) -> Array:
        """The same with the terms permuted within plates: (n, len(TERMS))."""
        keys = self._plate + rng.random((n, len(self._plate)))
        order = np.argsort(keys, axis=1)  # plates stay where they are
        terms = self._terms[order].transpose(0, 2, 1).reshape(-1, len(self._plate))
        return self._of((terms @ self._vectors).reshape(n, self._terms.shape[1], -1))

    def _of(self, products: Array) -> Array:
        found = []
        for columns, inverse in zip(TERMS.values(), self._inverses, strict=True):
            part = products[:, list(columns)]
            found.append(np.einsum("kid,ij,kjd->k", part, inverse, part, optimize=True))
        return np.stack(found, axis=1)


def _permuted(
    space: WellSpace, wells: Array, aligned: Array, report: Callable[[int, int], None]
) -> Array:
    """Shares of the places with controls permuted within plates: (permutations, terms)."""
    plate = np.unique(space.plate[wells], return_inverse=True)[1]
    centered = centered_by(aligned, plate)
    positions, rng = _Positions(space, wells, centered), np.random.default_rng(_SEED)
    found = []
    for done in range(0, _PERMUTATIONS, _AT_ONCE):
        report(done, _PERMUTATIONS)
        found.append(positions.permuted(rng, _AT_ONCE))
    return np.concatenate(found) / max(_squares(centered), np.finfo(float).tiny)


# -- in words --------------------------------------------------------------------------------------


def is_more_than_chance(row: pd.Series) -> bool:
    """Whether a source explains more in the map than chance does: by p, or twice as much."""
    if np.isfinite(row["p"]):
        return bool(row["p"] <= _LEVEL)
    return bool(row["after"] > max(_LEVEL, 2 * row["chance"]))


def diagnostics_in_words(table: pd.DataFrame, align: str) -> str:
    """What experiments, and what places on the plate explain, a sentence each."""
    rows = table.set_index("source")
    said = [_batches_in_words(rows, align), _places_in_words(rows.loc["position"])]
    return " ".join(filter(None, said)) or _NOTHING_TOLD


_NOTHING_TOLD = "There are too few controls to tell what experiments, plates and places explain."


def _batches_in_words(rows: pd.DataFrame, align: str) -> str:
    name = "experiment" if np.isfinite(rows.loc["experiment", "after"]) else "plate"
    row = rows.loc[name]
    if not np.isfinite(row["after"]):
        return ""
    how = "without alignment" if align == "none" else f"after {align}"
    n = f"{int(row['n_controls']):,} controls' variance"
    chance = percent(row["chance"])
    return f"{name.title()}s explain {percent(row['after'])} of {n} {how} ({chance} by chance)."


def _places_in_words(row: pd.Series) -> str:
    if not np.isfinite(row["p"]):
        return ""
    n = f"{int(row['n_controls']):,} controls' variance within plates"
    explained = f"Places on the plate explain {percent(row['after'])} of {n}"
    end = ": they may pass as phenotypes." if row["p"] <= _LEVEL else "."
    return f"{explained} ({percent(row['chance'])} by chance, p = {row['p']:.3f}){end}"

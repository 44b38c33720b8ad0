"""What the doses of all compounds of a map do: one table, and the curve of any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.progress import Progress, holding, silent
from napari_rxrx3.data.parallel import cores, side_by_side
from napari_rxrx3.maps.dose_response.compounds import (
    DosedCompound,
    in_blocks,
    names_of_compounds,
)
from napari_rxrx3.maps.dose_response.dose_space import DoseSpace
from napari_rxrx3.maps.dose_response.hill import HillFit, fit_hill
from napari_rxrx3.maps.dose_response.lowest_dose import lowest_active_dose
from napari_rxrx3.maps.dose_response.trend import trend_products, trend_ps
from napari_rxrx3.maps.dose_response.well_response import Response, response_of
from napari_rxrx3.maps.evidence.kept_table import KeptTable
from napari_rxrx3.maps.evidence.p_values import benjamini_hochberg
from napari_rxrx3.maps.evidence.stages import FALSE_SHARE
from napari_rxrx3.maps.ranks import rank_correlation

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["COLUMNS", "DoseResponses", "ResponseCurve"]

Array = np.ndarray[Any, Any]
T = TypeVar("T")

_NUMBERS = ("trend", "trend_p", "trend_q")
_OF_CURVE = ("ec50", "ec50_low", "ec50_high", "slope", "bottom", "top", "lowest_active_dose")
COLUMNS = (*("n_doses", "n_wells", *_NUMBERS, "has_trend", *_OF_CURVE, "ec50_in_words", "why_not"),)

_VERSION = 2
"""Of what is kept: raise it when a number is computed in another way."""
_NO_CURVE = "unknown, no rising curve fits"
_NO_CONTROLS = "unknown without controls on its plates"


class ResponseCurve(NamedTuple):
    """A compound, and the responses of its wells."""

    compound: DosedCompound
    response: Response


class DoseResponses:
    """The dose response of all compounds of a map, made when it is first asked for."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._space: DoseSpace | None = None
        self._lock = Lock()

    @cached_property
    def names(self) -> list[str]:
        """The compounds; of a map of single wells it takes a while to list them."""
        return names_of_compounds(self._entries)

    @cached_property
    def store(self) -> KeptTable:
        """What computes and keeps the table, indexed by compound; see `PhenoMap.dose_response`."""
        index = pd.Index(self.names, name="compound", dtype="str")
        return KeptTable(self._entries, "doses", self._computed, COLUMNS, index, _VERSION)

    @property
    def is_ready(self) -> bool:
        """Whether the table is there without any wait."""
        return "store" in self.__dict__ and self.store.is_ready

    def curve_of(self, name: str, progress: Progress = silent) -> ResponseCurve | None:
        """The responses of the wells of a compound; None if no trend can be asked for."""
        doses = self._dose_space(progress)
        compound = doses.compounds.get(name)
        if compound is None or compound.why_no_trend:
            return None
        (vectors,) = doses.vectors([compound])
        return ResponseCurve(compound, response_of(compound, vectors, doses))

    def _dose_space(self, progress: Progress) -> DoseSpace:
        with holding(self._lock, progress):
            if self._space is None:
                self._space = DoseSpace.of(self._entries, self.names, progress)
            return self._space

    def _computed(self, _: Entries, progress: Progress) -> pd.DataFrame:
        return _responses(self._dose_space(progress), self.names, progress)


def _responses(doses: DoseSpace, names: Sequence[str], progress: Progress) -> pd.DataFrame:
    table = _empty(names)
    reasons = [_why_not(doses.compounds.get(name)) for name in names]
    table["why_not"] = pd.array(reasons, dtype="str")
    all_of = list(doses.compounds.values())
    _fill(table, all_of, ["n_doses", "n_wells"], [[len(c.doses), c.n_all] for c in all_of])
    tested = [each for each in all_of if not each.why_no_trend]
    if not tested:
        return table
    products, trends = _products(doses, tested, progress)
    p = trend_ps(tested, products, progress)
    _fill(table, tested, ["trend", "trend_p"], np.stack([trends, p], axis=1))
    table["trend_q"] = benjamini_hochberg(table["trend_p"].to_numpy())
    table["has_trend"] = table["trend_q"].to_numpy() <= FALSE_SHARE
    held = set(table.index[table["has_trend"]])
    _add_curves(doses, [each for each in tested if each.name in held], table, progress)
    return table


def _fill(
    table: pd.DataFrame, compounds: Sequence[DosedCompound], columns: list[str], values: Any
) -> None:
    """Set some columns of some compounds: at once, as one by one takes a millisecond each."""
    if len(compounds):
        rows = table.index.get_indexer([each.name for each in compounds])
        table.iloc[rows, table.columns.get_indexer(columns)] = np.asarray(values)


def _empty(names: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(index=pd.Index(names, name="compound", dtype="str"))
    table[["n_doses", "n_wells"]] = 0
    for name in (*_NUMBERS, *_OF_CURVE):
        table[name] = np.nan
    table["has_trend"] = False
    table["ec50_in_words"] = pd.Series(pd.NA, index=table.index, dtype="str")
    table["why_not"] = pd.Series(pd.NA, index=table.index, dtype="str")
    return table[list(COLUMNS)]


def _why_not(compound: DosedCompound | None) -> Any:
    why = compound.why_no_trend if compound is not None else "no well of it has a dose and a vector"
    return why or pd.NA


def _each(
    doses: DoseSpace,
    compounds: Sequence[DosedCompound],
    work: Callable[[DosedCompound, Array], T],
    text: str,
    progress: Progress,
) -> list[T]:
    """What is found of each compound and the vectors of its wells, on all cores."""
    n = min(cores(), len(compounds))

    def some(first: int, report: Progress) -> list[T]:
        found: list[T] = []
        for block in in_blocks(compounds[first::n]):
            for compound, vectors in zip(block, doses.vectors(block), strict=True):
                report(len(found) * n, len(compounds), text)
                found.append(work(compound, vectors))
        return found

    parts = side_by_side([partial(some, first) for first in range(n)], progress)
    return [parts[nth % n][nth // n] for nth in range(len(compounds))]


def _products(
    doses: DoseSpace, tested: list[DosedCompound], progress: Progress
) -> tuple[list[Array], Array]:
    """What trends are told from, and the rank correlations, which are told on the way."""

    def work(compound: DosedCompound, vectors: Array) -> tuple[Array, float]:
        values = response_of(compound, vectors, doses).values
        known = ~np.isnan(values)
        products = trend_products(doses.shortened(vectors), compound.plate)
        return products, rank_correlation(compound.step[known], values[known])

    text = f"measuring what doses of {len(tested):,} compounds do"
    found = _each(doses, tested, work, text, progress)
    return [products for products, _ in found], np.array([trend for _, trend in found])


def _add_curves(
    doses: DoseSpace, held: list[DosedCompound], table: pd.DataFrame, progress: Progress
) -> None:
    def work(compound: DosedCompound, vectors: Array) -> tuple[list[float], str]:
        lowest = lowest_active_dose(compound, vectors, doses)
        response = response_of(compound, vectors, doses)
        fit = fit_hill(compound.dose, response.values, response.controls)
        no_half = _NO_CURVE if len(response.controls) else _NO_CONTROLS
        return [*_of_fit(fit), lowest], no_half if fit is None else fit.in_words()

    text = f"fitting the curves of {len(held):,} compounds"
    found = _each(doses, held, work, text, progress)
    _fill(table, held, list(_OF_CURVE), [numbers for numbers, _ in found])
    table.loc[[each.name for each in held], "ec50_in_words"] = [words for _, words in found]


def _of_fit(fit: HillFit | None) -> list[float]:
    if fit is None:
        return [np.nan] * 6
    halves = [fit.within(each) for each in (fit.ec50, fit.low, fit.high)]
    return [*halves, fit.slope, fit.bottom, fit.top]

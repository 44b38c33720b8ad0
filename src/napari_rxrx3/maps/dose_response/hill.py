"""A Hill curve through the responses of a compound, its half, and how sure that is.

The curve has four parameters (Hill 1910): bottom + (top - bottom) / (1 + (EC50 / dose) ** slope).
It depends on the wells of a dose through their mean alone, so least squares are of means, weighted
by wells. The controls of the plates count as one more dose, 0. For the interval the wells of each
dose are drawn again, from themselves (Efron 1979): of few wells, deviations are made larger by the
square root of n / (n - 1), which else would be too small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["HillFit", "fit_hill", "hill"]

Array = np.ndarray[Any, Any]

_SLOPES = (0.4, 5.0)
_DECADE = 0.04
"""Steps of the EC50 that are tried, in powers of ten."""
_BEYOND = 1.0
"""So many powers of ten beyond the doses that were tested an EC50 is looked for."""
_DRAWS = 200
_INTERVAL = (2.5, 97.5)
_NOTHING = 1e-9
_LN10 = float(np.log(10))


@dataclass(frozen=True)
class HillFit:
    """A fitted curve.

    Attributes
    ----------
    ec50, low, high : float
        Half of the effect, micromolar, and the ends of its 95 % interval; they may lie outside of
        the doses, where none can be told: see `within`.
    slope : float
    bottom, top : float
        In units of the response.
    tested : (float, float)
        The lowest and the highest dose above 0.
    """

    ec50: float
    low: float
    high: float
    slope: float
    bottom: float
    top: float
    tested: tuple[float, float]

    def within(self, dose: float) -> float:
        """An EC50 as it is if the doses hold it, else NaN."""
        low, high = self.tested
        return dose if low <= dose <= high else np.nan

    def in_words(self) -> str:
        """``0.31 µM (0.2 to 0.5)``, ``> 10 µM``."""
        low, high = self.tested
        if self.low < low and self.high > high:
            return "not settled by these doses"
        if np.isnan(self.within(self.ec50)):
            return f"{self._said(self.ec50)} µM"
        return f"{self.ec50:.2g} µM ({self._said(self.low)} to {self._said(self.high)})"

    def _said(self, dose: float) -> str:
        low, high = self.tested
        if dose < low:
            return f"< {low:g}"
        return f"> {high:g}" if dose > high else f"{dose:.2g}"


def hill(dose: Any, ec50: Any, slope: Any) -> Array:
    """The part of the effect that a dose has, 0 to 1."""
    dose = np.asarray(dose, dtype=np.float64)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(1 / (1 + (ec50 / dose) ** slope))


def fit_hill(dose: Array, response: Array, controls: Array) -> HillFit | None:
    """Fit a rising curve.

    Parameters
    ----------
    dose, response : float64 (n,)
        Of each well.
    controls : float64 (k,)
        Responses of controls.

    Returns
    -------
    HillFit or None
        None where no rising curve fits better than a flat line.
    """
    known = ~np.isnan(response)
    dose, response = dose[known], response[known]
    doses = np.unique(dose)
    sets = [response[dose == each] for each in doses]
    if len(controls):
        doses = np.r_[0.0, doses]
        sets = [controls, *sets]
    n = np.array([len(each) for each in sets], dtype=np.float64)
    if len(controls):
        n[0] = np.median(n[1:])
    positive = doses[doses > 0]
    if len(positive) < 2:
        return None
    grid = _grid(tuple(doses.tolist()), tuple((n / n.sum()).tolist()))
    means = np.array([each.mean() for each in sets])
    best = int(grid.best(means[:, None])[0])
    if best < 0:
        return None
    ec50, slope, bottom, top = _refined(grid, best, means)
    low, high = _interval(grid, sets)
    tested = float(positive[0]), float(positive[-1])
    return HillFit(ec50, min(low, ec50), max(high, ec50), slope, bottom, top, tested)


@dataclass(frozen=True, eq=False)
class _Grid:
    """Curves that are tried, (curves, doses), and how doses are weighted."""

    doses: Array
    weights: Array
    ec50: Array
    slope: Array
    shapes: Array
    lengths: Array
    units: Array
    """Shapes of length 1, by the weights; 0 where a curve is flat at these doses."""

    def best(self, means: Array) -> Array:
        """The curve that fits best to each column of means (doses, m): int (m,), -1 for none."""
        along = self.units @ (self.weights[:, None] * means)
        best = along.argmax(axis=0)
        return np.where(along[best, np.arange(len(best))] > 0, best, -1)


@lru_cache(maxsize=32)
def _grid(doses: tuple[float, ...], shares: tuple[float, ...]) -> _Grid:
    """Curves to try for some doses, and shares of the wells that these have."""
    rising, weights = np.array(doses), np.array(shares)
    exponents = np.log10(rising[rising > 0])
    low, high = exponents[0] - _BEYOND, exponents[-1] + _BEYOND
    tried = 10 ** np.linspace(low, high, round((high - low) / _DECADE) + 1)
    ec50, slopes = (each.ravel() for each in np.meshgrid(tried, np.geomspace(*_SLOPES, 7)))
    shapes = hill(rising[None, :], ec50[:, None], slopes[:, None])
    shapes -= shapes @ weights[:, None]
    lengths = shapes**2 @ weights
    usable = np.where(lengths > _NOTHING, lengths, np.inf)
    units = shapes / np.sqrt(usable)[:, None]
    return _Grid(rising, weights, ec50, slopes, shapes, lengths, units)


def _refined(grid: _Grid, best: int, means: Array) -> tuple[float, float, float, float]:
    """EC50, slope, bottom and top of the curve that fits best, from the nearest that was tried."""
    from scipy.optimize import least_squares

    shape = hill(grid.doses, grid.ec50[best], grid.slope[best])
    span = grid.shapes[best] @ (grid.weights * means) / grid.lengths[best]
    bottom = means @ grid.weights - span * (shape @ grid.weights)
    root = np.sqrt(grid.weights)

    def away(x: Array) -> Array:
        part = hill(grid.doses, 10.0 ** x[0], 10.0 ** x[1])
        return np.asarray(root * (x[2] + x[3] * part - means))

    def slopes(x: Array) -> Array:
        """Derivatives of `away`; by differences they take most of the time."""
        ec50, slope = 10.0 ** x[0], 10.0 ** x[1]
        part = hill(grid.doses, ec50, slope)
        bend = x[3] * part * (1 - part) * slope * _LN10
        with np.errstate(divide="ignore", invalid="ignore"):  # at dose 0 nothing bends
            by_slope = np.where(part > 0, -bend * np.log(ec50 / grid.doses), 0.0)
        columns = np.stack([-bend, by_slope, np.ones_like(part), part], axis=1)
        return np.asarray(root[:, None] * columns)

    exponents = np.log10(grid.ec50[[0, -1]])
    low = [exponents[0] - _DECADE, np.log10(_SLOPES[0]) - _NOTHING, -np.inf, 0.0]
    high = [exponents[1] + _DECADE, np.log10(_SLOPES[1]) + _NOTHING, np.inf, np.inf]
    start = [np.log10(grid.ec50[best]), np.log10(grid.slope[best]), bottom, max(span, _NOTHING)]
    found = least_squares(away, start, slopes, bounds=(low, high), x_scale=[0.1, 0.1, 1, 1])
    x = found.x if found.success and found.cost <= (away(np.array(start)) ** 2).sum() / 2 else start
    return float(10 ** x[0]), float(10 ** x[1]), float(x[2]), float(x[2] + x[3])


def _interval(grid: _Grid, sets: list[Array]) -> tuple[float, float]:
    """The EC50s that the wells, drawn again, have at the two ends."""
    rng = np.random.default_rng(0)
    single = _spread_of_doses(sets)
    drawn = np.stack([_means_drawn(rng, values, single) for values in sets])
    best = grid.best(drawn)
    found = np.log10(grid.ec50[best[best >= 0]])
    if 2 * len(found) < _DRAWS:
        return 0.0, np.inf
    low, high = np.percentile(found, _INTERVAL)
    return float(10**low), float(10**high)


def _spread_of_doses(sets: list[Array]) -> float:
    """Standard deviation of the wells of one dose."""
    n_free = sum(len(values) - 1 for values in sets)
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in sets)
    return float(np.sqrt(squares / n_free)) if n_free else 0.0


def _means_drawn(rng: np.random.Generator, values: Array, single: float) -> Array:
    """Means of the wells of a dose, drawn again: float64 (draws,)."""
    n = len(values)
    if n == 1:
        return np.asarray(values[0] + single * rng.normal(size=_DRAWS))
    chosen = values[rng.integers(n, size=(_DRAWS, n))].mean(axis=1)
    return np.asarray(values.mean() + (chosen - values.mean()) * np.sqrt(n / (n - 1)))

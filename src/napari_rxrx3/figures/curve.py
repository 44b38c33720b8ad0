"""The curve of a dose strip: how far each dose is from the controls."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.words import sentence
from napari_rxrx3.strips.strip import DoseFit, hill_curve

if TYPE_CHECKING:
    from napari_rxrx3.figures.record import CurveRecord, ViewRecord

__all__ = ["curve_in_words", "curve_of", "draw_curve"]

_BAND, _LINE, _INK = "#d9d9d9", "#0072b2", "#1a1a1a"
_HEADROOM = 1.08
_APART, _APART_SHARE = 3.0, 0.15
"""How many times lower than the lowest dose 0 stands, at least, and as a part of their range."""


def curve_of(record: ViewRecord) -> CurveRecord | None:
    """The curve to draw: that of a dose strip, if some dose has a distance."""
    curve = record.strip.curve if record.strip is not None else None
    return curve if curve is not None and any(curve.distances) else None


def curve_in_words(curve: CurveRecord) -> str:
    """What is on the two axes, and what the signs mean."""
    _, high = curve.control_spread
    band = "; gray: nine in ten of the controls" if high is not None else ""
    metric = curve.metric[:1].upper() + curve.metric[1:]
    line = "line: a Hill curve" if _drawn_fit(curve) else "line: their mean"
    verdict = f" {sentence(curve.verdict)}" if curve.verdict else ""
    return f"{metric}, by dose in {curve.unit}. Points: replicates; {line}{band}.{verdict}"


def draw_curve(axes: Any, curve: CurveRecord, font: Any) -> None:
    """Draw replicates as points and means as a line over a logarithmic axis of doses.

    The line has a gap where a dose is missing; its mark stays on the axis. Dose 0 stands apart.
    """
    doses = np.asarray(curve.doses, float)
    places = _places(doses)
    low, high = curve.control_spread
    if low is not None and high is not None:
        axes.axhspan(low, high, color=_BAND, linewidth=0)
    means = np.asarray([np.nan if m is None else m for m in curve.means], float)
    fit = _drawn_fit(curve)
    for part in (doses == 0, doses > 0):
        look = {"color": _LINE, "linewidth": 0 if fit else 1, "marker": "_", "markersize": 7}
        axes.plot(places[part], means[part], **look)
    if fit is not None:
        _draw_fit(axes, doses[doses > 0], fit)
    for place, distances in zip(places, curve.distances, strict=True):
        values = [d for d in distances if d is not None and isfinite(d)]
        axes.plot([place] * len(values), values, "o", markersize=2.2, color=_INK, markeredgewidth=0)
    _scale(axes, places)
    _write(axes, doses, places, font)


def _drawn_fit(curve: CurveRecord) -> DoseFit | None:
    """The Hill curve, if its half is within the doses."""
    fit = curve.curve().fit
    return fit if fit is not None and isfinite(fit.ec50) else None


def _draw_fit(axes: Any, doses: Any, fit: DoseFit) -> None:
    """The curve, its half with the interval, and from which dose on doses act."""
    along = np.geomspace(doses.min(), doses.max(), 200)
    axes.plot(along, hill_curve(along, fit), color=_LINE, linewidth=1)
    low = fit.low if isfinite(fit.low) else doses.min()
    high = fit.high if isfinite(fit.high) else doses.max()
    half = float(hill_curve(fit.ec50, fit))
    axes.plot([low, high], [half, half], color=_LINE, linewidth=0.7, linestyle=":")
    axes.plot([fit.ec50], [half], marker="|", color=_LINE, markersize=7)
    if isfinite(fit.lowest_active_dose):
        across = axes.get_xaxis_transform()
        ends = [fit.lowest_active_dose, doses.max()]
        axes.plot(ends, [0, 0], color=_LINE, linewidth=2, transform=across, clip_on=False)


def _places(doses: Any) -> Any:
    """Where doses are on a logarithmic axis: 0 as far below the lowest as makes it stand apart."""
    positive = doses[doses > 0]
    if not len(positive):
        return np.ones_like(doses)
    apart = max(_APART, (positive.max() / positive.min()) ** _APART_SHARE)
    return np.where(doses > 0, doses, positive.min() / apart)


def _scale(axes: Any, places: Any) -> None:
    axes.set_xscale("log")
    axes.set_xlim(places.min() / 1.5, places.max() * 1.5)
    low, high = axes.get_ylim()
    axes.set_ylim(min(0, low), high * _HEADROOM)
    axes.minorticks_off()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_linewidth(0.5)


def _write(axes: Any, doses: Any, places: Any, font: Any) -> None:
    axes.set_xticks(places, [f"{dose:g}" for dose in doses])
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(width=0.5, length=2.5, pad=2)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(font)

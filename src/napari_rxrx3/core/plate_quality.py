"""Which wells of a plate are out of focus, and what the numbers of measured wells are called."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FOCUS",
    "MEASURES_IN_WORDS",
    "NUCLEI",
    "OUT_OF_FOCUS",
    "SATURATION",
    "facts_of",
    "nuclei_in_words",
    "out_of_focus",
    "saturation_of_stain",
]

NUCLEI, FOCUS, SATURATION = "n_nuclei", "focus", "saturation"
"""Columns of a table of wells; the last is the largest of all stains."""

OUT_OF_FOCUS = "out_of_focus"

MEASURES_IN_WORDS = {NUCLEI: "nuclei", FOCUS: "focus", SATURATION: "saturation"}
"""What wells can be colored by, and what that is called on screen."""

_LEAST_WELLS = 12
_FAR, _CLEARLY = 5.0, 0.4
"""Robust standard deviations below the plate's median, and the slope that is at least lost."""
_MUCH_SATURATED = 0.01
"""From this share on it is said of a well; below, the brightest debris does it."""
_TO_DEVIATION = 1.4826


def saturation_of_stain(stain: str) -> str:
    """The column of the saturation of a stain, by its name."""
    return f"{SATURATION}_{stain}"


def nuclei_in_words(n: float) -> str:
    """``117 nuclei``."""
    return "1 nucleus" if n == 1 else f"{n:,.0f} nuclei"


def facts_of(n_nuclei: float, is_out_of_focus: object, saturation: float) -> list[str]:
    """What is said of a well that was measured: ``["117 nuclei", "out of focus"]``."""
    facts = [] if isnan(n_nuclei) else [nuclei_in_words(n_nuclei)]
    facts += ["out of focus"] if is_out_of_focus is True else []
    if saturation >= _MUCH_SATURATED:
        facts.append(f"{100 * saturation:.2g} % saturated")
    return facts


def out_of_focus(focus: Any) -> NDArray[np.bool_]:
    """Which wells of a plate are much less sharp than most of it.

    A well is, if its focus lies more than 5 robust standard deviations (1.4826 times the median
    absolute deviation) and more than 0.4 below the median of its plate. Of fewer than 12 wells
    none is: nobody knows what is usual.

    Parameters
    ----------
    focus : float (n,)
        See `data.cells.quality.focus_of`; NaN where it is not known.

    Returns
    -------
    bool (n,)
    """
    values = np.asarray(focus, dtype=float)
    known = values[np.isfinite(values)]
    if len(known) < _LEAST_WELLS:
        return np.zeros(len(values), dtype=bool)
    median = np.median(known)
    spread = _TO_DEVIATION * np.median(np.abs(known - median))
    below: NDArray[np.bool_] = median - values > max(_FAR * spread, _CLEARLY)
    return below

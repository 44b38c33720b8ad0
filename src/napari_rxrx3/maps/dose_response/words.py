"""What is said of the doses of a compound, wherever a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

from napari_rxrx3.core.words import dose_in_words

__all__ = ["about_doses", "acts_from", "doses_in_words"]


def doses_in_words(row: Mapping[Any, Any]) -> str:
    """A row of `PhenoMap.dose_response` as a phrase.

    ``dose response: acts from 0.1 µM, EC50 0.31 µM (0.2 to 0.5), q 0.002``, or ``no trend with dose
    (q 0.4)``, or why that could not be asked.
    """
    if isinstance(row["why_not"], str):
        return f"no dose response: {row['why_not']}"
    if not row["has_trend"]:
        return f"no trend with dose (q {row['trend_q']:.2g})"
    acts = acts_from(row["trend_q"], row["lowest_active_dose"])
    return f"dose response: {acts}, EC50 {row['ec50_in_words']}, q {row['trend_q']:.2g}"


def acts_from(trend_q: float, lowest_active_dose: float) -> str:
    """In as few words as there is room for below a picture; empty where nothing is known."""
    from napari_rxrx3.maps.evidence.stages import FALSE_SHARE

    if isnan(trend_q):
        return ""
    if trend_q > FALSE_SHARE:
        return "no dose trend"
    if isnan(lowest_active_dose):
        return "no dose acts by itself"
    return f"acts from {dose_in_words(lowest_active_dose)}"


def about_doses(row: Mapping[Any, Any]) -> str:
    """What the words mean, in a few sentences."""
    if isinstance(row["why_not"], str):
        return f"No trend could be asked for: {row['why_not']}."
    text = (
        f"Whether what its {row['n_wells']:,} wells at {row['n_doses']} doses show grows with the "
        f"dose: rank correlation {row['trend']:.2f}. Of 400 to 100,000 random swaps of its doses "
        f"within plates {100 * row['trend_p']:.2g} % give as much, which is p; q "
        f"{row['trend_q']:.2g} is the share of compounds called so that may have no trend. "
    )
    if not row["has_trend"]:
        return text + "No EC50 is fitted without a trend."
    lowest = row["lowest_active_dose"]
    acts = "No dose by itself is told from the controls of its plates. "
    if not isnan(lowest):
        acts = (
            f"{dose_in_words(lowest)} and every dose above it differ from the controls of their "
            "plates. "
        )
    half = f"EC50, half of the effect of a fitted Hill curve: {row['ec50_in_words']}"
    return f"{text}{acts}{half}, with its 95 % interval."

"""Wells that are arranged to be compared, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Tile

__all__ = [
    "CONTROL",
    "NEIGHBOR",
    "QUERY",
    "STRIP_KINDS",
    "DoseCurve",
    "DoseFit",
    "NothingToCompare",
    "Strip",
    "hill_curve",
]

STRIP_KINDS = ("control", "neighbors", "replicates", "guides", "doses", "position", "wells")
"""What a well can be compared with: see `napari_rxrx3.strips.arrange`."""

QUERY, CONTROL, NEIGHBOR = "query", "control", "neighbor"
"""What a tile may be there for, in `Tile.role`; empty for every other."""


class NothingToCompare(RxRx3Error):
    """A well has no strip of the kind that was asked for."""


@dataclass(frozen=True)
class DoseFit:
    """The Hill curve of a compound with a trend; see `PhenoMap.dose_response`.

    Attributes
    ----------
    ec50, low, high : float
        Half of the effect and the ends of its 95 % interval; NaN outside of the doses.
    slope, bottom, top : float
        Of the curve; NaN if none fits.
    lowest_active_dose : float
        NaN if no dose is told from the controls by itself.
    """

    ec50: float
    low: float
    high: float
    slope: float
    bottom: float
    top: float
    lowest_active_dose: float


def hill_curve(dose: Any, fit: DoseFit) -> Any:
    """The effect of a dose above 0, or of several, on a fitted curve."""
    return fit.bottom + (fit.top - fit.bottom) / (1 + (fit.ec50 / dose) ** fit.slope)


@dataclass(frozen=True)
class DoseCurve:
    """How far each dose of a compound is from the controls.

    Where the effect grows with the dose, that is measured along the direction in which it does, in
    standard deviations of the controls; else it is a distance.

    Attributes
    ----------
    doses : tuple of float
        Micromolar, rising; all doses of the series, also those without a well or a vector.
    distances : tuple of tuples of float
        For each dose, one distance a replicate; empty where there is none.
    means : tuple of float
        For each dose, the mean of its distances; NaN where there is none.
    metric : str
        What the distance is, in words.
    control_spread : (float, float)
        Nine in ten of the controls' own distances lie between these two: no more than noise.
        NaN, NaN if there are too few controls.
    unit : str
        Of the doses.
    verdict : str
        Whether the effect grows with the dose, in words; empty as long as that is not known.
    fit : DoseFit, optional
        If it does.
    """

    doses: tuple[float, ...]
    distances: tuple[tuple[float, ...], ...]
    means: tuple[float, ...]
    metric: str
    control_spread: tuple[float, float]
    unit: str = "µM"
    verdict: str = ""
    fit: DoseFit | None = None


@dataclass(frozen=True)
class Strip:
    """Wells side by side.

    Attributes
    ----------
    kind : str
        One of `STRIP_KINDS`.
    title : str
        What is compared, e.g. ``"PLK1: guides by distance from controls"``.
    tiles : tuple of Tile
        The query first, unless the order says otherwise; `Tile.role` says which it is.
    is_arranged : bool
        Rows and columns of the tiles mean something, e.g. a row a guide. Otherwise the tiles may
        be laid out as the canvas has room.
    note : str
        What to know about it in a sentence or two, e.g. how many wells are not shown; may be
        empty.
    curve : DoseCurve, optional
        Of a dose strip: how far each dose is from the controls.
    """

    kind: str
    title: str
    tiles: tuple[Tile, ...]
    is_arranged: bool = False
    note: str = ""
    curve: DoseCurve | None = None

"""Colors of a plate map: by well type, by name, by dose or by any number."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_rxrx3.core.perturbation import CONTROL_NAME, EMPTY_CONTROL, OWN_CONTROL
from napari_rxrx3.core.plate import N_COLUMNS, N_POSITIONS, N_ROWS
from napari_rxrx3.core.plate_view import WELL_TYPES, PlateView, WellState
from napari_rxrx3.core.words import DOSES_IN_WORDS

if TYPE_CHECKING:  # the window paints its empty plate before any table is open
    import pandas as pd

__all__ = [
    "RGB",
    "SCALE",
    "WELL_TYPE_COLORS",
    "CategoricalLegend",
    "NumericLegend",
    "PlateColors",
    "color_choices",
    "color_plate",
    "hatch_mask",
    "name_color",
    "paint_plate",
    "paint_wells",
]

RGB = tuple[int, int, int]

# Colors of Okabe and Ito, told apart with any color vision; no yellow, which is lost on white.
_TYPE_COLORS: dict[str, RGB] = {
    "EMPTY_control": (86, 180, 233),
    "CRISPR_control": (204, 121, 167),
    "positive_control": (213, 94, 0),
    "cutting_control": (230, 159, 0),
    "guide": (0, 158, 115),
    "compound": (0, 114, 178),
}
WELL_TYPE_COLORS: dict[str, RGB] = {WELL_TYPES[t]: color for t, color in _TYPE_COLORS.items()}
_CONTROLS = tuple(t for t in _TYPE_COLORS if t.endswith("_control"))
_CATEGORICAL = ("well type", "perturbation", "gene", "compound")
_NOT_A_VALUE = {"row", "column", "plate", "concentration", *_CATEGORICAL, "dose"}
_LOWEST_DOSE = DOSES_IN_WORDS["lowest_active_dose"]
_LISTED_NAMES = 7
_FAINT_HATCH = 0.35  # opacity of a hatch that all wells have
_DIM = 5  # opacity is divided by this where other wells are highlighted
_FAINT, _MUTED = 70, 130  # opacity of what is not data, of 255


@dataclass(frozen=True)
class CategoricalLegend:
    """Names and colors: `entries` are (label, color, number of wells); `n_more` are not listed."""

    entries: tuple[tuple[str, RGB, int], ...]
    n_more: int
    n_without: int = 0


@dataclass(frozen=True)
class NumericLegend:
    """A color scale from `low` to `high` (NaN when no well has a value)."""

    title: str
    low: float
    high: float
    colors: tuple[RGB, ...]
    n_without: int = 0


@dataclass(frozen=True, eq=False)
class PlateColors:
    """Color of each position: `rgba` is uint8, (1536, 4), transparent where there is no value."""

    rgba: NDArray[np.uint8]
    legend: CategoricalLegend | NumericLegend


def color_choices(wells: pd.DataFrame) -> list[str]:
    """List what the wells of a plate can be colored by, the most general first."""
    choices = ["well type"]
    tested = ~wells["well_type"].isin(["EMPTY_control", "CRISPR_control"])
    if (tested & wells["gene"].notna()).any():
        choices += ["gene", "perturbation"]
    if (tested & (wells["perturbation_type"] == "COMPOUND") & wells["treatment"].notna()).any():
        choices.append("compound")
    if (wells["concentration"] > 0).any():
        choices.append("dose")
    return choices + [str(name) for name in wells.columns if _is_value(wells, name)]


def color_plate(view: PlateView, wells: pd.DataFrame, by: str) -> PlateColors:
    """Color a plate.

    Parameters
    ----------
    view : PlateView
        Made from the same `wells`.
    wells : DataFrame
        The rows of one plate.
    by : str
        "well type", "perturbation", "gene", "compound", "dose" or the name of a numeric column.

    Raises
    ------
    ValueError
        If `by` is none of these.
    """
    legend: CategoricalLegend | NumericLegend
    if by in _CATEGORICAL:
        colors, legend = _color_names(_names(wells, by))
    elif by == "dose":
        colors, legend = _color_values(wells["concentration"], "dose, µM (log)", log=True)
    elif by == _LOWEST_DOSE and by in wells.columns:
        colors, legend = _color_values(wells[by], f"{by}, µM (log)", log=True)
    elif by in wells.columns and _kind(wells[by]) in "biufc":
        colors, legend = _color_values(wells[by], by)
    else:
        raise ValueError(f"Wells cannot be colored by {by!r}: it is no column of numbers.")
    rgba = np.zeros((N_POSITIONS, 4), np.uint8)
    rgba[view.listed] = colors[view.rows[view.listed]]
    return PlateColors(rgba, legend)


def _is_value(wells: pd.DataFrame, name: str) -> bool:
    column = wells[name]
    is_number = _kind(column) in "iufc"
    return is_number and name not in _NOT_A_VALUE and bool(column.notna().any())


def _kind(column: pd.Series[Any]) -> str:
    """The letter that numpy has for the kind of values in a column."""
    return str(getattr(column.dtype, "kind", "O"))


# -- names ----------------------------------------------------------------------------------------


def _names(wells: pd.DataFrame, by: str) -> pd.Series[str]:
    """Return a name for each well; a control goes by its well type whatever is asked."""
    well_type = wells["well_type"].astype(object)
    label = well_type.replace(WELL_TYPES)
    if CONTROL_NAME in wells:
        label = (wells[CONTROL_NAME].astype(object) + OWN_CONTROL).fillna(label)
    if by == "well type":
        return label
    column = wells["gene" if by == "gene" else "treatment"].astype(object)
    if by == "compound":
        column = column.where(wells["perturbation_type"] == "COMPOUND")
    return column.mask(well_type.isin(_CONTROLS), label)


def _color_names(names: pd.Series[str]) -> tuple[NDArray[np.uint8], CategoricalLegend]:
    codes, unique = names.factorize()
    palette = np.array([(*name_color(name), 255) for name in unique] + [(0, 0, 0, 0)], np.uint8)
    counts = np.bincount(codes[codes >= 0], minlength=len(unique)).tolist()
    return palette[codes], _name_legend(dict(zip(unique, counts, strict=True)), len(names))


def _name_legend(counts: dict[str, int], n_wells: int) -> CategoricalLegend:
    types = [label for label in WELL_TYPE_COLORS if label in counts]
    others = sorted(counts.keys() - set(types), key=lambda name: (-counts[name], name))
    listed = types + others[: max(0, _LISTED_NAMES - len(types))]
    return CategoricalLegend(
        tuple((name, name_color(name), counts[name]) for name in listed),
        n_more=len(counts) - len(listed),
        n_without=n_wells - sum(counts.values()),
    )


def name_color(name: str) -> RGB:
    """Color a name the same on every plate, paler than the well types.

    No palette tells hundreds of names apart: three lightnesses and any hue keep neighbors on a
    plate apart in most cases, and hovering gives the name.
    """
    if name in WELL_TYPE_COLORS:
        return WELL_TYPE_COLORS[name]
    if name.endswith(OWN_CONTROL):
        return WELL_TYPE_COLORS[WELL_TYPES[EMPTY_CONTROL]]
    code = zlib.crc32(name.encode())
    return _oklch((0.48, 0.64, 0.8)[code // 360 % 3], 0.08, code % 360)


@lru_cache(maxsize=2048)  # a plate has hundreds of names
def _oklch(lightness: float, chroma: float, hue: float) -> RGB:
    """Convert a color of the perceptual space OKLCH (hue in degrees) to sRGB."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _srgb(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _srgb(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _srgb(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _srgb(linear: float) -> int:
    linear = min(max(linear, 0.0), 1.0)
    encoded = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * encoded)


# -- numbers --------------------------------------------------------------------------------------

# Equal steps of lightness, so that order is seen with any color vision; neither end is lost on a
# dark or a light window.
SCALE: tuple[RGB, ...] = tuple(
    _oklch(0.40 + 0.49 * t, 0.105 + 0.2 * (t - 0.5) ** 2, 300 - 195 * t)
    for t in (n / 32 for n in range(33))
)


def _color_values(
    column: pd.Series[float], title: str, log: bool = False
) -> tuple[NDArray[np.uint8], NumericLegend]:
    values = column.to_numpy(float, na_value=np.nan)
    known = np.isfinite(values) & ((values > 0) | (not log))
    colors = np.zeros((len(values), 4), np.uint8)
    n_without = int(len(values) - known.sum())
    if not known.any():
        return colors, NumericLegend(title, np.nan, np.nan, SCALE, n_without)
    shown = values[known]
    colors[known] = _scale_colors(np.log10(shown) if log else shown)
    return colors, NumericLegend(title, float(shown.min()), float(shown.max()), SCALE, n_without)


def _scale_colors(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = values.min(), values.max()
    t = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    knots = np.linspace(0, 1, len(SCALE))
    rgb = [np.interp(t, knots, channel) for channel in np.transpose(SCALE)]
    rgba: NDArray[np.float64] = np.stack([*rgb, np.full(len(t), 255.0)], axis=1)
    return np.rint(rgba).astype(np.uint8)


# -- pixels ---------------------------------------------------------------------------------------


def hatch_mask(state: int, size: int) -> NDArray[np.bool_]:
    """Return the pixels, (size, size), of the hatch that marks a state; none for a whole well."""
    y, x = np.indices((size, size))
    period = size if size < 9 else (size + 1) // 2
    width = max(1, size // 9)
    rising = (x + y - (size - 1)) % period < width
    falling = (x - y) % period < width
    level = (y - size // 4) % max(3, size // 2) < max(1, size // 6)
    masks = {
        WellState.NO_IMAGE: rising,
        WellState.NO_EMBEDDING: falling,
        WellState.NEITHER: rising | falling,
        WellState.FAILED: level,
    }
    return masks.get(WellState(state), np.zeros((size, size), np.bool_))


def paint_plate(
    view: PlateView,
    colors: PlateColors,
    pitch: int,
    gap: int,
    inks: tuple[RGB, RGB],
    failed: Collection[int] = (),
    highlighted: Collection[int] = (),
) -> NDArray[np.uint8]:
    """Draw a whole plate, RGBA of (rows * pitch, columns * pitch); the rest as for `paint_wells`.

    Wells that are not among the `highlighted` are dimmed, if there are any.
    """
    states = view.states.copy()
    states[list(failed)] = WellState.FAILED
    divisor = np.ones(N_POSITIONS, np.uint8)
    if highlighted:
        divisor[view.states != WellState.EMPTY] = _DIM
        divisor[list(highlighted)] = 1
    rows, columns = view.layout.rows, view.layout.columns
    on_plate = np.arange(N_POSITIONS).reshape(N_ROWS, N_COLUMNS)[:rows, :columns].ravel()
    pixels = np.zeros((rows, pitch, columns, pitch), np.uint32)
    wells = pixels.transpose(0, 2, 1, 3)[..., : pitch - gap, : pitch - gap]
    _fill(wells, colors.rgba[on_plate], states[on_plate], inks, divisor[on_plate])
    return pixels.reshape(rows * pitch, columns * pitch, 1).view(np.uint8)


def paint_wells(
    colors: NDArray[np.uint8],
    states: NDArray[np.uint8],
    pitch: int,
    gap: int,
    inks: tuple[RGB, RGB],
) -> NDArray[np.uint8]:
    """Draw wells as small pictures.

    A well without a value is an outline, a position without a well a dot. Hatches stand out, but
    faintly if all wells have the same: a plate without embeddings can still be read.

    Parameters
    ----------
    colors, states : ndarray of uint8, (n, 4) and (n,)
    pitch, gap : int
        Pixels from one well to the next, and how many of them stay clear.
    inks : tuple of RGB
        The window's text and background color.

    Returns
    -------
    ndarray of uint8, (n, pitch, pitch, 4)
        RGBA, transparent around the wells.
    """
    pixels = np.zeros((len(colors), pitch, pitch, 1), np.uint32)
    wells = pixels[:, : pitch - gap, : pitch - gap, 0]
    _fill(wells, colors, states, inks, np.ones(len(colors), np.uint8))
    return pixels.view(np.uint8)


def _fill(
    wells: NDArray[np.uint32],
    colors: NDArray[np.uint8],
    states: NDArray[np.uint8],
    inks: tuple[RGB, RGB],
    divisor: NDArray[np.uint8],
) -> None:
    """Draw wells into (..., size, size), all at once: their color, then two kinds of marks.

    The opacity of each well is divided by its `divisor`.
    """
    size, grid = wells.shape[-1], wells.shape[:-2]
    marks = _marks(size)
    wells[:] = _packed(colors, divisor).reshape(*grid, 1, 1)
    hatch = _hatch_inks(colors, inks)
    if _all_alike(states):
        hatch = (_FAINT_HATCH * hatch + (1 - _FAINT_HATCH) * colors).astype(np.uint8)
    is_empty, has_value = states == WellState.EMPTY, colors[:, 3] > 0
    frame = np.where(is_empty, _DOT, np.where(has_value, _NO_MARK, _OUTLINE))
    faint = np.array([[*inks[0], _MUTED]], np.uint8).repeat(len(colors), axis=0)
    faint[is_empty, 3] = _FAINT
    for mark, ink in ((frame, faint), (np.where(is_empty, _NO_MARK, states), hatch)):
        if (mark != _NO_MARK).any():
            where = marks[mark].reshape(*grid, size, size)
            np.copyto(wells, _packed(ink, divisor).reshape(*grid, 1, 1), where=where)


_NO_MARK = int(WellState.COMPLETE)
_DOT, _OUTLINE = len(WellState), len(WellState) + 1


@lru_cache(maxsize=16)
def _marks(size: int) -> NDArray[np.bool_]:
    """Return the pixels of all marks, (marks, size, size): hatches by state, dot and outline."""
    hatches = [hatch_mask(state, size) for state in WellState]
    return np.stack([*hatches, _dot(size), _outline(size)])


def _packed(rgba: NDArray[np.uint8], divisor: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return each color as one number, its opacity divided."""
    dimmed = rgba.copy()
    dimmed[:, 3] //= divisor
    return dimmed.view(np.uint32)[:, 0]


def _all_alike(states: NDArray[np.uint8]) -> bool:
    """Whether all wells, of two at least, are in one state (failures aside)."""
    known = states[(states != WellState.EMPTY) & (states != WellState.FAILED)]
    return len(known) > 1 and bool((known == known[0]).all())


def _hatch_inks(colors: NDArray[np.uint8], inks: tuple[RGB, RGB]) -> NDArray[np.uint8]:
    """Choose for each color the one of two inks (RGBA) that differs more in lightness."""
    weights = np.array([0.299, 0.587, 0.114])
    lightness = colors[:, :3] @ weights
    dark, light = sorted(inks, key=lambda rgb: float(rgb @ weights))
    is_light = lightness > (dark @ weights + light @ weights) / 2
    ink = np.where(is_light[:, None], dark, light)
    ink[colors[:, 3] == 0] = inks[0]
    return np.column_stack([ink, np.full(len(ink), 255)]).astype(np.uint8)


def _dot(size: int) -> NDArray[np.bool_]:
    width = max(1 + size % 2, size // 5)
    near: NDArray[np.bool_] = np.abs(np.arange(size) - (size - 1) / 2) <= width / 2
    return np.logical_and.outer(near, near)


def _outline(size: int) -> NDArray[np.bool_]:
    outline = np.ones((size, size), np.bool_)
    outline[1:-1, 1:-1] = False
    return outline

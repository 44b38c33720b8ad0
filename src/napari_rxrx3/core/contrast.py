"""Contrast limits from pixels, and the composite that the window and the thumbnails share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_rxrx3.core.display import stain_color
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.core.stains import STAINS, Stain

__all__ = [
    "DEFAULT_LIMITS",
    "STRENGTH",
    "Limits",
    "composite",
    "default_limits",
    "limits_of",
    "suits",
]

Array = np.ndarray[Any, Any]
Limits = tuple[tuple[float, float], ...]
"""Lower and upper contrast limit of each of the stains."""

DEFAULT_LIMITS: Limits = ((0.0, 255.0),) * N_CHANNELS
"""For 8-bit images of RxRx3, as long as nothing was measured."""


def default_limits(n_stains: int) -> Limits:
    """For 8-bit images of so many stains, as long as nothing was measured."""
    return ((0.0, 255.0),) * n_stains


STRENGTH = 0.5
"""Share of full brightness at which each stain is added: the stains overlap so much that six of
them at full brightness turn cells white."""

_WHITE = (1 / STRENGTH,) * 3
"""Of a stain alone, which is not halved."""
_LOW, _HIGH = 0.5, 99.8
_SAMPLED = 1 << 16
_REACH = 5.0
_NARROWEST = 1e-6
"""Range of pixels that are all one floating-point number, as a share of it."""


def limits_of(planes: Sequence[Array]) -> tuple[float, float]:
    """Contrast limits of one stain: the 0.5th and 99.8th percentile of the pixels of its planes.

    Parameters
    ----------
    planes : sequence of (Y, X) arrays
        At least one.

    Returns
    -------
    (low, high) with low < high.
    """
    # an odd step: an even one would meet the same few columns of the image again and again
    samples = [p.reshape(-1)[:: max(1, p.size // _SAMPLED) | 1] for p in planes]
    pixels = np.concatenate(samples)
    low, high = (float(limit) for limit in np.percentile(pixels, (_LOW, _HIGH)))
    if pixels.dtype.kind in "iu":  # less than a level is no range
        return low, max(high, low + 1)
    return low, high if high > low else low + max(abs(low), 1.0) * _NARROWEST


def suits(windows: Limits, measured: Limits) -> bool:
    """Whether limits that a file says make something seen of pixels whose own limits are known.

    Of each stain they begin below the middle of the range that was measured, end above it, and
    reach no further beyond it than five times its width: the range of a type of pixels, such as 0
    to 65,535, seldom does.
    """

    def fits(window: tuple[float, float], limits: tuple[float, float]) -> bool:
        (start, end), (low, high) = window, limits
        middle, reach = (low + high) / 2, _REACH * (high - low)
        return low - reach <= start < middle < end <= high + reach

    return len(windows) == len(measured) and all(map(fits, windows, measured))


def composite(
    planes: Sequence[Array | None],
    limits: Limits,
    shown: Sequence[bool] | None = None,
    alone: int | None = None,
    stains: Sequence[Stain] = STAINS,
) -> Array:
    """Add up the stains in their colors; a plane that is None is left out.

    Parameters
    ----------
    shown : sequence of bool, optional
        Which of the stains are drawn; all of them if None.
    alone : int, optional
        A stain (from 1) that is drawn in gray at full strength, as it is when it is shown alone.

    Returns
    -------
    numpy.ndarray
        uint8 (Y, X, 3).
    """
    shape = next(p.shape for p in planes if p is not None)
    total = np.zeros((3, *shape), dtype=np.float32)  # color by color: twice as fast
    shown = shown if shown is not None else (True,) * len(stains)
    for plane, (low, high), stain, show in zip(planes, limits, stains, shown, strict=True):
        if plane is not None and show:
            scaled = np.clip((plane.astype(np.float32) - low) / (high - low), 0, 1)
            color_of = _WHITE if stain.number == alone else stain_color(stain)
            for color, share in zip(total, color_of, strict=True):
                color += scaled * np.float32(share)
    pixels = (np.clip(total * STRENGTH, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(pixels, 0, -1))

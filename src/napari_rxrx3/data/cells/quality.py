"""How sharp a plane is, and how much of it is too bright for the camera."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import fft

__all__ = ["focus_of", "saturation_of"]

Array = np.ndarray[Any, Any]

_TILE = 256
_COARSEST_UM, _FINEST_UM = 42.0, 5.2
"""Periods that tell the slope: larger ones depend on where cells lie, smaller ones on noise."""
_LEAST_RINGS = 4
_DEPTHS = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))


def focus_of(plane: Array, pixel_um: float) -> float:
    """Slope of the logarithm of power over the logarithm of frequency: the lower, the more blurred.

    The measure that Bray et al. 2012 (J Biomol Screen 17:266) found to tell best which fields of
    a screen are out of focus. It depends on neither brightness nor contrast. Here the power is the
    mean of tiles of up to 256 pixels, each under a Hann window, summed over rings of one
    frequency, between periods of 42 and 5.2 um.

    Parameters
    ----------
    plane : (Y, X)
    pixel_um : float
        Width of a pixel in micrometers.

    Returns
    -------
    float
        NaN of a plane that is all of one value, or too small to tell.
    """
    tile = min(_TILE, *plane.shape)
    power = np.zeros((tile, tile // 2 + 1))
    hann = np.hanning(tile + 2)[1:-1].astype(np.float32)
    window = hann[:, None] * hann
    for top in range(0, plane.shape[0] - tile + 1, tile):
        for left in range(0, plane.shape[1] - tile + 1, tile):
            piece = plane[top : top + tile, left : left + tile].astype(np.float32)
            power += np.abs(fft.rfft2((piece - piece.mean()) * window)) ** 2
    ring = np.rint(np.hypot(fft.fftfreq(tile, 1 / tile)[:, None], np.arange(tile // 2 + 1)))
    summed = np.bincount(ring.astype(int).ravel(), power.ravel())
    period_um = tile * pixel_um / np.arange(1, len(summed))
    used = (period_um <= _COARSEST_UM) & (period_um >= max(_FINEST_UM, 2 * pixel_um))
    if used.sum() < _LEAST_RINGS or not (summed[1:][used] > 0).all():
        return float("nan")
    return float(np.polyfit(-np.log(period_um[used]), np.log(summed[1:][used]), 1)[0])


def saturation_of(plane: Array) -> float:
    """Share of the pixels that have the top value of the camera's depth.

    That is 255, 1023, 4095, 16383 or 65535, whichever is the plane's largest value; a plane whose
    largest value is none of these has no such pixels.
    """
    top = int(plane.max())
    return float(np.count_nonzero(plane == top) / plane.size) if top in _DEPTHS else 0.0

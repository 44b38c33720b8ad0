"""Colors of numbers from -1 to 1: blue below zero, orange above, for all people to tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["BLANK", "N_COLORS", "color_index", "diverging"]

Array = np.ndarray[Any, Any]

N_COLORS = 255
"""An odd number: zero has a color of its own."""
BLANK = N_COLORS
"""Index of what is no number."""

# Blue and vermilion of Okabe and Ito 2008, with darker and paler ones of their hues, as light as
# each other on both sides of zero. Zero is close to the paper of a light or a dark window.
_ON_LIGHT = (
    *((0, 50, 93), (0, 114, 178), (133, 187, 221), (247, 247, 247)),
    *((238, 168, 124), (192, 84, 0), (102, 34, 0)),
)
_ON_DARK = (
    *((205, 233, 250), (86, 180, 233), (36, 96, 137), (40, 42, 46)),
    *((142, 76, 30), (237, 143, 77), (255, 220, 192)),
)


def diverging(is_dark: bool) -> Array:
    """Colors from -1 to 1, uint8 (`N_COLORS`, 3), for a dark or a light background."""
    anchors = np.array(_ON_DARK if is_dark else _ON_LIGHT, dtype=np.float64)
    knots, places = np.linspace(-1, 1, len(anchors)), np.linspace(-1, 1, N_COLORS)
    channels = [np.interp(places, knots, channel) for channel in anchors.T]
    return np.asarray(np.rint(np.stack(channels, axis=1)), dtype=np.uint8)


def color_index(values: Array) -> Array:
    """Index of the color of each number, uint8; `BLANK` for NaN."""
    places = np.rint((np.clip(values, -1, 1) + 1) * ((N_COLORS - 1) / 2))
    return np.asarray(np.nan_to_num(places, nan=BLANK), dtype=np.uint8)

"""How stains are drawn: contrast, color and brightness, added up as the canvas adds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_rxrx3.core.contrast import STRENGTH, Limits
from napari_rxrx3.core.difference import BRIGHTER, DARKER, symmetric
from napari_rxrx3.core.display import stain_color
from napari_rxrx3.core.stains import STAINS, Stain

__all__ = ["StainLook", "blended", "difference_looks", "named", "stain_looks"]

Array = np.ndarray[Any, Any]
RGB = tuple[float, float, float]

_BLACK: RGB = (0.0, 0.0, 0.0)
_WHITE: RGB = (1.0, 1.0, 1.0)
_BY_TABLE = (np.dtype(np.uint8), np.dtype(np.uint16))


@dataclass(frozen=True)
class StainLook:
    """How one stain is drawn.

    Attributes
    ----------
    limits : (low, high)
        Contrast limits.
    colors : tuple of RGB (0..1)
        From the lower limit to the upper one, equally far apart; between them they are mixed.
    opacity : float
        Share of its brightness at which the stain is added to the others.
    """

    stain: Stain
    limits: tuple[float, float]
    colors: tuple[RGB, ...]
    opacity: float = STRENGTH
    gamma: float = 1.0
    is_shown: bool = True

    @property
    def color(self) -> RGB:
        """The color at full brightness."""
        return self.colors[-1]

    def of(self, values: Array) -> Array:
        """What pixels of these values add to the picture: float32 (..., 3), 1 is full."""
        low, high = self.limits
        level = np.clip((values.astype(np.float32) - low) / (high - low), 0, 1) ** self.gamma
        stops = np.linspace(0, 1, len(self.colors))
        parts = [np.interp(level, stops, channel) for channel in zip(*self.colors, strict=True)]
        return (np.stack(parts, axis=-1) * self.opacity).astype(np.float32)


def stain_looks(
    limits: Limits,
    colors: Sequence[RGB] | None = None,
    *,
    shown: Sequence[bool] | None = None,
    gamma: Sequence[float] | None = None,
    in_gray: int | None = None,
    stains: Sequence[Stain] = STAINS,
) -> list[StainLook]:
    """The stains, from black to their colors.

    Parameters
    ----------
    colors : RGB (0..1) each, optional
        Those that the user prefers, if none are given.
    in_gray : int, optional
        This stain (from 1) is shown in gray, at its full brightness.
    """
    colors = colors if colors is not None else [stain_color(stain) for stain in stains]
    shown = shown if shown is not None else (True,) * len(stains)
    gamma = gamma if gamma is not None else (1.0,) * len(stains)
    looks = [
        StainLook(stain, pair, (_BLACK, color), gamma=g, is_shown=show)
        for stain, pair, color, g, show in zip(stains, limits, colors, gamma, shown, strict=True)
    ]
    if in_gray is not None:
        looks[in_gray - 1] = replace(looks[in_gray - 1], colors=(_BLACK, _WHITE), opacity=1.0)
    return looks


def difference_looks(limits: Limits, stains: Sequence[Stain] = STAINS) -> list[StainLook]:
    """The stains of differences to controls: black is none, orange is brighter.

    Parameters
    ----------
    limits : (low, high) each
        Contrast limits of the images, from which those of differences follow.
    """
    colors = (DARKER, _BLACK, BRIGHTER)
    pairs = zip(stains, symmetric(limits), strict=True)
    return [StainLook(stain, pair, colors, opacity=1.0) for stain, pair in pairs]


def named(stain: Stain) -> str:
    """A stain and its dye, if that is known."""
    return f"{stain.name} ({stain.dye})" if stain.dye else stain.name


def blended(planes: Sequence[Array], looks: Sequence[StainLook]) -> Array:
    """Add up planes of one shape, each in its look; what is not shown is left out.

    Returns
    -------
    numpy.ndarray
        uint8 (Y, X, 3).
    """
    total = np.zeros((*planes[0].shape, 3), dtype=np.float32)
    for plane, look in zip(planes, looks, strict=True):
        if look.is_shown:
            total += _added(plane, look)
    picture: Array = np.rint(np.clip(total, 0, 1) * 255).astype(np.uint8)
    return picture


def _added(plane: Array, look: StainLook) -> Array:
    if plane.dtype not in _BY_TABLE:
        return look.of(plane)
    # a plane has millions of pixels, but few different ones
    table = look.of(np.arange(np.iinfo(plane.dtype).max + 1))
    part: Array = table[plane]
    return part

"""The part of the plane that a picture shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Viewport"]

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

_MARGIN = 0.06


@dataclass(frozen=True)
class Viewport:
    """A picture of `width` x `height` pixels around a place; y grows upwards in the plane.

    `scale` is in pixels per unit, the same along x and y.
    """

    x: float
    y: float
    scale: float
    width: int
    height: int

    @classmethod
    def fit(cls, box: Box, width: int, height: int, footer: int = 0) -> Viewport:
        """Show all of a box, in the middle above a footer, with a margin around it."""
        left, bottom, right, top = box
        room = 1 - 2 * _MARGIN
        across = max(right - left, (top - bottom) * 1e-3, 1e-9)
        upward = max(top - bottom, (right - left) * 1e-3, 1e-9)
        scale = room * min(width / across, max(height - footer, 1) / upward)
        below = footer / 2 / scale
        return cls((left + right) / 2, (bottom + top) / 2 - below, scale, width, height)

    @property
    def left(self) -> float:
        return self.x - self.width / 2 / self.scale

    @property
    def top(self) -> float:
        return self.y + self.height / 2 / self.scale

    def box(self, margin: float = 0.0) -> Box:
        """What is in view, with `margin` pixels more on each side."""
        across = (self.width / 2 + margin) / self.scale
        upward = (self.height / 2 + margin) / self.scale
        return self.x - across, self.y - upward, self.x + across, self.y + upward

    def place(self, px: float, py: float) -> tuple[float, float]:
        """Return the place in the plane at a pixel."""
        return self.left + px / self.scale, self.top - py / self.scale

    def pixels(self, positions: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the pixels (n, 2) at places (n, 2)."""
        across = (np.asarray(positions[:, 0], np.float64) - self.left) * self.scale
        downward = (self.top - np.asarray(positions[:, 1], np.float64)) * self.scale
        return np.stack([across, downward], axis=1)

    def moved(self, dx: float, dy: float) -> Viewport:
        """Move what is shown by pixels, to the right and down."""
        return replace(self, x=self.x - dx / self.scale, y=self.y + dy / self.scale)

    def zoomed(self, factor: float, px: float, py: float) -> Viewport:
        """Show everything `factor` times as large; what is at a pixel stays there."""
        x, y = self.place(px, py)
        scale = self.scale * factor
        left, top = x - px / scale, y + py / scale
        return replace(
            self, x=left + self.width / 2 / scale, y=top - self.height / 2 / scale, scale=scale
        )

    def resized(self, width: int, height: int) -> Viewport:
        """Show the same place in a picture of another size, as large as before."""
        return replace(self, width=width, height=height)

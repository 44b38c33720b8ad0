"""What differs from the mean of the controls, and where six stains of it are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.plate import N_CHANNELS

__all__ = ["BRIGHTER", "DARKER", "ControlMean", "StainPlaces", "symmetric"]

Array = np.ndarray[Any, Any]

BRIGHTER, DARKER = (1.0, 0.6, 0.15), (0.25, 0.65, 1.0)
"""Colors (RGB 0..1) of what is brighter and darker than the controls; what is equal is black.
Orange and blue are told apart with any color vision."""

_SHARE = 0.5
_GAP = 1 / 16


def symmetric(limits: Limits) -> Limits:
    """Contrast limits of differences: half of the range of the images, around zero."""
    return tuple((-_SHARE * (high - low), _SHARE * (high - low)) for low, high in limits)


class ControlMean:
    """Mean of one stain over some controls of a plate; `wells` are those that are in it."""

    def __init__(self) -> None:
        self.wells: set[str] = set()
        self._total: Array | None = None

    def add(self, well_id: str, plane: Array) -> None:
        """Take in one more control; all must have one shape."""
        if self._total is None:
            self._total = np.zeros(plane.shape, np.float32)  # exact for 256 images of 16 bits
        self._total += plane
        self.wells.add(well_id)

    @property
    def nbytes(self) -> int:
        return 0 if self._total is None else self._total.nbytes

    def difference(self, well_id: str, plane: Array) -> Array | None:
        """What of a well's plane differs from the mean, float32 (Y, X).

        A control is compared with the others. None if there is nothing to compare with.
        """
        total, n = self._total, len(self.wells)
        if total is None or total.shape != plane.shape:
            return None
        if well_id in self.wells:
            total, n = total - plane, n - 1
        if n == 0:
            return None
        return plane.astype(np.float32) - total / n


@dataclass(frozen=True)
class StainPlaces:
    """Pictures of one size, a stain each, side by side.

    Attributes
    ----------
    size : (height, width)
        Of one picture; in any unit, which is that of all places.
    columns : int
    """

    size: tuple[float, float]
    columns: int
    n_stains: int = N_CHANNELS

    @classmethod
    def fitting(
        cls, size: tuple[float, float], room: Sequence[float], n_stains: int = N_CHANNELS
    ) -> StainPlaces:
        """Choose the number of columns that shows the pictures largest in a room (y, x)."""

        def zoom(places: StainPlaces) -> float:
            return min(have / need for have, need in zip(room, places.whole, strict=True))

        # of columns that show them as large, those without a hole, and three before two
        columns = sorted(range(1, n_stains + 1), key=lambda n: (n_stains % n > 0, abs(n - 3)))
        return max((cls(size, n, n_stains) for n in columns), key=zoom)

    @property
    def whole(self) -> tuple[float, float]:
        """Height and width of all."""
        down, right = self._pitch
        rows = -(-self.n_stains // self.columns)
        return rows * down - self._gap, self.columns * right - self._gap

    def place(self, number: int) -> tuple[float, float]:
        """Where (y, x) the picture of a stain (from 1) begins."""
        row, column = divmod(number - 1, self.columns)
        return row * self._pitch[0], column * self._pitch[1]

    def holds(self, y: float, x: float) -> bool:
        """Whether a place is in the rectangle that all pictures take."""
        height, width = self.whole
        return 0 <= y < height and 0 <= x < width

    def within(self, y: float, x: float) -> tuple[float, float]:
        """From a place to the place in the picture that it is in."""
        return y % self._pitch[0], x % self._pitch[1]

    @property
    def _gap(self) -> float:
        return _GAP * max(self.size)

    @property
    def _pitch(self) -> tuple[float, float]:
        return self.size[0] + self._gap, self.size[1] + self._gap

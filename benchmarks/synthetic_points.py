"""Points as a map in two dimensions has them: clumps of all sizes, and a mist between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Points", "invented"]

Array = np.ndarray[Any, Any]

_N_CLUMPS, _SPREAD = 300, 10.0
_MIST = 0.2
_IN_LASSO, _CORNERS = 50_000, 120
_PALETTE = (
    (0, 114, 178),
    (86, 180, 233),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
)


@dataclass(frozen=True)
class Points:
    """Positions float32 (n, 2), classes uint8 (n,), and the corners (m, 2) of a lasso."""

    positions: Array
    classes: Array
    palette: Array
    lasso: Array

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def colors(self) -> Array:
        """Color of each point, float64 (n, 3), 0 to 1."""
        colors: Array = self.palette[self.classes] / 255
        return colors

    def save(self, file: Path) -> None:
        """Write what the peer reads."""
        np.savez(file, positions=self.positions, classes=self.classes, lasso=self.lasso)


def invented(n: int) -> Points:
    """Make points, the same every time; the lasso holds 50,000 of them, or half."""
    rng = np.random.default_rng(n)
    centers = rng.normal(0, _SPREAD, (_N_CLUMPS, 2))
    share = rng.pareto(1.5, _N_CLUMPS) + 0.1
    clump = rng.choice(_N_CLUMPS, n, p=share / share.sum())
    positions = (
        centers[clump] + rng.standard_normal((n, 2)) * rng.uniform(0.2, 1.5, _N_CLUMPS)[clump, None]
    )
    mist = rng.random(n) < _MIST
    positions[mist] = rng.normal(0, _SPREAD, (np.count_nonzero(mist), 2))
    classes = (clump % len(_PALETTE)).astype(np.uint8)
    lasso = _circle(positions, min(_IN_LASSO, n // 2))
    palette = np.array(_PALETTE, np.uint8)
    return Points(positions.astype(np.float32), classes, palette, lasso)


def _circle(positions: Array, n: int) -> Array:
    """Corners of a circle around the middle that holds `n` points."""
    middle = np.median(positions, axis=0)
    away = np.hypot(*(positions - middle).T)
    radius = np.partition(away, n)[n]
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    circle: Array = middle + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return circle

"""A data set on disk, of which the monkey knows what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from builders import Screen

__all__ = ["World"]


@dataclass(eq=False)
class World:
    """A data set on disk, and what is in it."""

    path: Path
    screen: Screen
    unreadable: frozenset[str] = frozenset()
    """Wells with an image of which nothing can be shown."""
    is_exact: bool = True
    """The files keep every pixel."""
    is_disturbed: bool = False
    """Files were taken away or cut short since it was opened: anything may be missing."""

    def planes_of(self, well_id: str) -> np.ndarray | None:
        """The six images of a well; None if there are none that can be shown."""
        return None if well_id in self.unreadable else self.screen.planes.get(well_id)

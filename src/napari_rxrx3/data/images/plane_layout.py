"""Shape and type of the pixels of planes, and which of them is odd among its sisters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["PlaneLayout", "most_common", "odd_layout"]

PlaneLayout = tuple[tuple[int, int], np.dtype[Any]]
"""Shape (Y, X) and dtype of a plane."""


def odd_layout(layout: PlaneLayout, usual: PlaneLayout | None) -> str:
    """Say in which way a plane differs from its sisters."""
    assert usual is not None
    (shape, dtype), (usual_shape, usual_dtype) = layout, usual
    return (
        f"it has {shape[1]} x {shape[0]} pixels of {dtype} where its sisters have "
        f"{usual_shape[1]} x {usual_shape[0]} of {usual_dtype}"
    )


def most_common(layouts: Sequence[PlaneLayout]) -> PlaneLayout:
    """The layout that most planes of a well have: an odd one must not make the others odd."""
    return Counter(layouts).most_common(1)[0][0]

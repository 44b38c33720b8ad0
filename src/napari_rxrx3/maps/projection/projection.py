"""Where each entry of a map lies in a picture of two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["METHODS", "Projection", "entries_in_words"]

Array = np.ndarray[Any, Any]

METHODS = ("PCA", "UMAP", "file")


@dataclass(frozen=True, eq=False)
class Projection:
    """Where each entry of a map lies in a picture of two dimensions.

    Distances in it are not similarities: neighbors come from all dimensions.

    Attributes
    ----------
    positions : float32 (n, 2)
        Rows as in `Entries.labels`; NaN where an entry has no place.
    method : {"PCA", "UMAP", "file"}
    words : str
        How it was made, in one line.
    axes : tuple of str
        What the two dimensions are called.
    n_missing : int
        How many entries have no place.
    """

    positions: Array
    method: str
    words: str
    axes: tuple[str, str]
    n_missing: int = 0


def entries_in_words(phenomap: Entries, n: int) -> str:
    """Say what is projected, e.g. "102,705 wells, tvn"."""
    aligned = "not aligned" if phenomap.align == "none" else phenomap.align
    return f"{n:,} {phenomap.level}{'' if n == 1 else 's'}, {aligned}"

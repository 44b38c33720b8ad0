"""The entries of a map that names stand for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.names import alike_among, resolve, rows_with

if TYPE_CHECKING:  # loads pandas, for which no window waits
    from napari_rxrx3.maps.entries import Entries

__all__ = ["find_entries"]

Array = np.ndarray[Any, Any]

_MANY = 200_000
"""Of so many keys none is looked for in another case, which would take seconds."""
_NONE = np.zeros(0, dtype=np.intp)


def find_entries(phenomap: Entries, names: Sequence[str]) -> list[Array]:
    """Rows of a map that names stand for, int (m,) each; none where a name is unknown.

    A name is a key in any way that `napari_rxrx3.core.names` knows; else all that was done to a
    gene, or all doses of a compound, the lowest first.
    """

    def find(keys: list[str]) -> dict[str, Array]:
        rows = phenomap.rows_of(keys).tolist()
        found = {key: np.array([row]) for key, row in zip(keys, rows, strict=True) if row >= 0}
        return _series(phenomap, [key for key in keys if key not in found]) | found

    def alike(folded: Collection[str]) -> dict[str, set[str]]:
        labels = phenomap.labels
        if len(labels) > _MANY:
            return {}
        columns = labels.index, labels["gene"].unique(), labels["treatment"].unique()
        return alike_among((text for column in columns for text in column), folded)

    return [_NONE if rows is None else rows for rows in resolve(names, find, alike)]


def _series(phenomap: Entries, names: list[str]) -> dict[str, Array]:
    """All entries of genes and treatments, the lowest dose first."""
    if not names:
        return {}
    labels = phenomap.labels
    doses = labels["concentration"].to_numpy(np.float64)
    found = rows_with(labels["gene"], names) | rows_with(labels["treatment"], names)
    return {n: rows[np.argsort(doses[rows], kind="stable")] for n, rows in found.items()}

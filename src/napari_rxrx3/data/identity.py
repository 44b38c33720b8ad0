"""Tells a data set from others, wherever it lies."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from napari_rxrx3.data.welldata import WellData

__all__ = ["dataset_id"]

_SAMPLED = 2048
_told: WeakKeyDictionary[WellData, str] = WeakKeyDictionary()
"""Of data sets that were asked: of many plates it takes a moment, and it stays what it is."""


def dataset_id(dataset: WellData) -> str:
    """What every copy of a data set has in common, however much of it is on disk.

    A hash of its plates, their numbers of wells, and what some wells received. Without metadata
    the wells are those that happen to be there, so the path takes their place.
    """
    if (told := _told.get(dataset)) is None:
        told = _told[dataset] = _computed(dataset)
    return told


def _computed(dataset: WellData) -> str:
    if not dataset.has_metadata:
        return _hash([_place(dataset.root)])
    listed = dataset.listed
    plates = [f"{p.experiment}|{p.plate}|{w.stop - w.start}" for p, w in listed.slices.items()]
    n = len(listed.table)
    wells = listed.table.iloc[np.unique(np.linspace(0, n - 1, min(n, _SAMPLED), dtype=int))]
    received = zip(wells.index, wells["treatment"], wells["concentration"], strict=True)
    return _hash([*plates, *(f"{well}|{what}|{dose:g}" for well, what, dose in received)])


def _place(root: str) -> str:
    scheme, is_address, place = root.partition("://")
    return place if is_address and scheme not in ("http", "https") else root


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:16]

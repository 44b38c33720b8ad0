"""Whose hits they are, and of which data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.perturbation import compound_key, gene_of_guide
from napari_rxrx3.data.identity import dataset_id
from napari_rxrx3.hits.hit import Hit

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset

__all__ = ["RECEIVED", "Owner", "key_of", "keys_at", "misplaced", "owner_of"]

Array = np.ndarray[Any, Any]

RECEIVED = ["treatment", "perturbation_type", "concentration"]


@dataclass(frozen=True)
class Owner:
    """One reviewer of one data set.

    Attributes
    ----------
    reviewer : str
        As it is shown; case does not matter.
    dataset_name, dataset_id, dataset_path : str
        The id is that of `napari_rxrx3.data.identity.dataset_id`; name and path tell a reader
        which one was meant.
    """

    reviewer: str
    dataset_name: str
    dataset_id: str
    dataset_path: str
    dataset: Dataset = field(repr=False, compare=False)

    def is_called(self, reviewer: str) -> bool:
        return reviewer.casefold() == self.reviewer.casefold()


def owner_of(dataset: Dataset, reviewer: str) -> Owner:
    """The owner of what a reviewer says about a data set."""
    return Owner(reviewer, dataset.name, dataset_id(dataset), dataset.root, dataset)


def key_of(row: pd.Series) -> str:
    """Key of a well's gene, or compound at its dose, as maps have it; empty if not known."""
    return _key(*row[RECEIVED])


def keys_at(wells: pd.DataFrame, positions: Array) -> list[str]:
    """`key_of` the wells at some places of a table of wells."""
    columns = (wells[name].array[positions].tolist() for name in RECEIVED)
    return [_key(*needed) for needed in zip(*columns, strict=True)]


def misplaced(dataset: Dataset, hits: Iterable[Hit]) -> list[Hit]:
    """The hits on wells that the data set does not have, or that received something else in it."""
    hits = list(hits)
    positions = dataset.listed.positions_of([hit.well_id for hit in hits])
    keys = keys_at(dataset.listed.table, positions)
    found = zip(hits, positions.tolist(), keys, strict=True)
    return [
        hit
        for hit, position, key in found
        if position < 0 or (hit.perturbation and hit.perturbation != key)
    ]


def _key(treatment: object, kind: object, dose: float) -> str:
    if not isinstance(treatment, str):
        return ""
    if kind == "COMPOUND":
        return compound_key(treatment, float(dose))
    return gene_of_guide(treatment) or treatment

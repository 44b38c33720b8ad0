"""Which data set it was: told again wherever it lies, and told that it has changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["DatasetIdentity", "identity_of"]

_SAMPLED = 1000


@dataclass(frozen=True)
class DatasetIdentity:
    """A data set, by what is in it.

    Attributes
    ----------
    address : str
        The path or URL at which it was opened.
    fingerprint : str
        A hash of its plates, of how many wells each has, and of a thousand wells with what they
        received: the same for every copy.
    embeddings : dict
        Dimension of each embedding by its name.
    """

    address: str
    name: str
    fingerprint: str
    n_wells: int
    n_plates: int
    n_images: int
    embeddings: dict[str, int]


def identity_of(dataset: Dataset) -> DatasetIdentity:
    """Tell which data set it is; takes a moment for any number of wells."""
    listed = dataset.listed
    return DatasetIdentity(
        dataset.address,
        dataset.name,
        _fingerprint(dataset),
        len(listed),
        len(listed.slices),
        int(dataset.known_plates["n_images"].sum()),
        {name: int(table.dimension) for name, table in dataset.embeddings.items()},
    )


def _fingerprint(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for plate, wells in dataset.listed.slices.items():
        digest.update(f"{plate.experiment}|{plate.plate}|{wells.stop - wells.start}\n".encode())
    table = dataset.known_wells
    table = table.iloc[:: max(1, len(table) // _SAMPLED)]
    received = zip(table.index, table["treatment"], table["concentration"], strict=True)
    for well_id, treatment, dose in received:
        digest.update(f"{well_id}|{treatment}|{dose:g}\n".encode())
    return digest.hexdigest()[:16]

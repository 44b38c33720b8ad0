"""Which data set it was: told again wherever it lies, and told that it has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_rxrx3.data.identity import dataset_id

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["DatasetIdentity", "identity_of"]


@dataclass(frozen=True)
class DatasetIdentity:
    """A data set, by what is in it.

    Attributes
    ----------
    address : str
        The path or URL at which it was opened.
    fingerprint : str
        That of `napari_rxrx3.data.identity.dataset_id`: the same for every copy.
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
        dataset_id(dataset),
        len(listed),
        len(listed.slices),
        int(dataset.known_plates["n_images"].sum()),
        {name: int(table.dimension) for name, table in dataset.embeddings.items()},
    )

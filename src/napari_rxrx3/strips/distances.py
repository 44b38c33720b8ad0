"""How far wells are from the controls of their plates, and how far controls are by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.geometry import cosine_distances
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import Progress

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["NOISE", "FromControls", "from_controls"]

Array = np.ndarray[Any, Any]

_CENTERED = 0.5
"""The mean of the controls is shorter than this part of them: it has no direction to speak of."""

NOISE = (5, 95)
"""Percentiles of the controls between which is no more than noise."""


@dataclass(frozen=True, eq=False)
class FromControls:
    """Distances of wells from the mean of the controls of their plates.

    Attributes
    ----------
    distances : float64 (n,)
        NaN for a well without a vector, or on a plate without controls.
    spread : (float, float)
        The 5th and 95th percentile of the distances of the controls of these plates, each from
        the mean of the others on its plate; NaN, NaN if no plate has two.
    metric : str
        What the distance is, in words.
    """

    distances: Array
    spread: tuple[float, float]
    metric: str


def from_controls(
    dataset: Dataset, positions: Array, embedding: str, control: str, progress: Progress
) -> FromControls:
    """Measure the distance of wells from the controls of their plates, in vectors as they come.

    Cosine distances, as long as the controls point in one direction. Vectors that someone has
    centered on the controls do not, and Euclidean distances are taken.

    Parameters
    ----------
    positions : int (n,)
        Places in the table of wells.
    embedding : str
        Empty for the default one.
    control : str
        Treatment of the wells that are the controls.

    Raises
    ------
    MapError, MetadataError
        If there are no vectors, or they cannot be read.
    """
    dataset.read_vectors(progress)
    vectors = _Vectors(dataset, dataset.embedding_named(embedding), control)
    plates = [dataset.listed.place(int(position)).plate_id for position in positions]
    different = list(dict.fromkeys(plates))
    controls = {}
    for done, plate in enumerate(different):
        progress(done, len(different), "measuring the distance from the controls")
        controls[plate] = vectors.of(vectors.controls_on(plate))[1]
    is_cosine = _has_direction(np.concatenate(list(controls.values())))
    means = {plate: v.mean(axis=0) for plate, v in controls.items() if len(v)}
    distances = np.full(len(positions), np.nan)
    for place, vector in zip(*vectors.of(positions), strict=True):
        if plates[place] in means:
            distances[place] = _distances(vector, means[plates[place]], is_cosine)
    spread = _spread(list(controls.values()), is_cosine)
    kind = "cosine distance" if is_cosine else "Euclidean distance"
    return FromControls(distances, spread, f"{kind} from the controls of the plate")


@dataclass(frozen=True, eq=False)
class _Vectors:
    """The usable vectors of an embedding by place in the table of wells."""

    dataset: Dataset
    name: str
    control: str

    def of(self, positions: Array) -> tuple[Array, Array]:
        """Which of these have a vector, and these vectors in double precision: (k,), (k, d)."""
        known, rows = self.dataset.rows_of(self.name)
        at = np.minimum(np.searchsorted(known, positions), len(known) - 1)
        there = np.flatnonzero(known[at] == positions)
        raw = self.dataset.embeddings[self.name].vectors
        return there, np.asarray(raw[rows[at[there]]], dtype=np.float64)

    def controls_on(self, plate: PlateId) -> Array:
        """Places in the table of a plate's controls."""
        wells = self.dataset.wells_of_plate(plate)
        is_control = (wells["treatment"] == self.control).to_numpy(bool, na_value=False)
        start = self.dataset.listed.slices[plate].start
        return np.asarray(start + np.flatnonzero(is_control))


def _has_direction(controls: Array) -> bool:
    if not len(controls):
        return True
    length = np.linalg.norm(controls, axis=1).mean()
    return bool(np.linalg.norm(controls.mean(axis=0)) >= _CENTERED * length)


def _distances(x: Array, y: Array, is_cosine: bool) -> Array:
    """Distances of vectors (..., d), each from the one of the same place."""
    return cosine_distances(x, y) if is_cosine else np.asarray(np.linalg.norm(x - y, axis=-1))


def _spread(plates: list[Array], is_cosine: bool) -> tuple[float, float]:
    own = [
        _distances(vectors, (vectors.sum(axis=0) - vectors) / (len(vectors) - 1), is_cosine)
        for vectors in plates
        if len(vectors) > 1
    ]
    low, high = np.percentile(np.concatenate(own), NOISE) if own else (np.nan, np.nan)
    return float(low), float(high)

"""How far each well of a compound goes in the direction in which its doses go.

The direction is the sum of the wells, weighted by their doses as for the trend. A well is measured
along a direction that was made of other wells, with all doses among them alike, so that its own
noise is no response and no dose is favored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_rxrx3.maps.dose_response.compounds import DosedCompound
from napari_rxrx3.maps.dose_response.dose_space import DoseSpace
from napari_rxrx3.maps.dose_response.trend import weights

__all__ = ["Response", "response_of"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Response:
    """Responses of the wells of a compound.

    Attributes
    ----------
    values : float64 (n,)
        Like the wells of the compound: distance from the mean of the plate's controls, along the
        direction of the compound, in standard deviations of the controls. NaN on plates without
        controls, and where there is no direction.
    controls : float64 (k,)
        The same of the controls of these plates.
    """

    values: Array
    controls: Array


def response_of(compound: DosedCompound, vectors: Array, doses: DoseSpace) -> Response:
    """The responses of the wells of a compound.

    Parameters
    ----------
    vectors : float64 (n, d)
        Of its wells, as `DoseSpace.vectors` gives them.
    """
    near = doses.shortened(vectors)
    along = _along(vectors, compound, near)
    whole = _direction(compound, near, np.ones(len(near), dtype=bool))
    middle, spread, controls = _of_controls(compound, doses, whole)
    return Response((along - middle) / spread, controls)


def _along(vectors: Array, compound: DosedCompound, near: Array) -> Array:
    """Places of the wells along directions of the others: float64 (n,)."""
    along = np.full(len(vectors), np.nan)
    for fold in np.unique(compound.fold).tolist():
        own = compound.fold == fold
        if not own.all():
            along[own] = vectors[own] @ _direction(compound, near, ~own)
    return along


def _direction(compound: DosedCompound, near: Array, used: Array) -> Array:
    """The direction in which some of the wells go with their dose: float64 (d,), NaN for none."""
    total = weights(compound.step[used], compound.plate[used]) @ near[used]
    length = np.linalg.norm(total)
    return np.asarray(total / length) if length > 0 else np.full(near.shape[1], np.nan)


def _of_controls(
    compound: DosedCompound, doses: DoseSpace, direction: Array
) -> tuple[Array, float, Array]:
    """Of each well the middle of the controls of its plate; the controls' spread, and they."""
    middle, centered, n_free = np.full(len(compound.wells), np.nan), [], 0
    for plate in np.unique(compound.plate).tolist():
        places = doses.controls_on(plate) @ direction
        if len(places):
            middle[compound.plate == plate] = places.mean()
            centered.append(places - places.mean())
            n_free += len(places) - 1
    controls = np.concatenate(centered) if centered else np.zeros(0)
    spread = float(np.sqrt(controls @ controls / n_free)) if n_free else np.nan
    spread = spread if spread > 0 else np.nan
    return middle, spread, controls / spread

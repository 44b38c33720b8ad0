"""Wells of compounds and controls of their plates, in a space that treats both alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.dose_response.compounds import DosedCompound, wells_of_compounds
from napari_rxrx3.maps.evidence.activity import controls_beside
from napari_rxrx3.maps.evidence.against_controls import AgainstControls
from napari_rxrx3.maps.evidence.plate_space import PlateSpace

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.space import WellSpace

__all__ = ["DoseSpace"]

Array = np.ndarray[Any, Any]

_LONGEST = 2.0
"""A well that is further from its plate's middle than so many typical ones counts as that far: a
single spoiled well, or a dead one, is not to outweigh all others."""


@dataclass(frozen=True, eq=False)
class DoseSpace:
    """The wells of compounds, of their plates alone; made once for all of them.

    It is the space of `activity`: the vectors as they come, from the middle of their plates, scaled
    by how far wells vary. So it does not depend on the alignment of the map.
    """

    compounds: dict[str, DosedCompound]
    space: WellSpace
    plates: PlateSpace | None
    controls: AgainstControls | None
    longest: float

    @classmethod
    def of(cls, entries: Entries, names: Sequence[str], progress: Progress) -> DoseSpace:
        """The wells of some compounds of a map."""
        control = entries.spec.control
        compounds = wells_of_compounds(entries.space, names, control)
        if not compounds:
            return cls({}, entries.space, None, None, np.inf)
        space = _on_plates_of(entries.space, compounds)
        compounds = wells_of_compounds(space, names, control)
        controls = np.flatnonzero(space.is_control)
        space = space.fitted_to(controls, "none", progress)
        plates = PlateSpace.of(space, progress)
        against = controls_beside(space, plates, controls, progress)
        some = [against.on(int(plate)) for plate in np.unique(space.plate[controls])]
        some = some or [plates.moved(space, next(iter(compounds.values())).wells)]
        lengths = np.linalg.norm(np.concatenate(some), axis=1)
        return cls(compounds, space, plates, against, _LONGEST * float(np.median(lengths)))

    def vectors(self, compounds: Sequence[DosedCompound]) -> list[Array]:
        """Vectors of the wells of each: float64 (n, d)."""
        assert self.plates is not None
        moved = self.plates.moved(self.space, np.concatenate([each.wells for each in compounds]))
        ends = np.cumsum([len(each.wells) for each in compounds])[:-1]
        return np.split(moved.astype(np.float64), ends)

    def controls_on(self, plate: int) -> Array:
        """Vectors of controls of a plate: float64 (k, d), of none if there are none."""
        assert self.controls is not None
        return self.controls.on(plate).astype(np.float64)

    def shortened(self, vectors: Array) -> Array:
        """Vectors none of which is longer than the longest that counts."""
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        shortened: Array = vectors * np.minimum(1, self.longest / np.maximum(lengths, 1e-30))
        return shortened


def _on_plates_of(space: WellSpace, compounds: dict[str, DosedCompound]) -> WellSpace:
    """The wells of plates that hold compounds, and no others: genes are far more."""
    has_compounds = np.zeros(int(space.plate.max()) + 1, dtype=bool)
    for compound in compounds.values():
        has_compounds[compound.plate] = True
    kept = has_compounds[space.plate]
    by_well = ("positions", "treatment", "experiment", "plate", "place", "rows", "batch")
    parts = {name: getattr(space, name)[kept] for name in (*by_well, "is_control")}
    # genes are corrected for their arms, and compounds have none
    return replace(space, **parts, arm_correction=None, arm_offsets=None)

"""Controls that an alignment is fitted to, and others, which it has not seen, to compare with.

An alignment pulls the controls that it was fitted to together, and no other well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.align import controls_needed

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.space import WellSpace

__all__ = ["halves_of_controls"]

Array = np.ndarray[Any, Any]


def halves_of_controls(
    phenomap: Entries, progress: Progress, *, turn: int = 0
) -> tuple[WellSpace, Array]:
    """The wells in the alignment of the map, fitted to half of the controls, and the other half.

    Every other control of each plate; a batch with too few to spare keeps all for the fit.

    Parameters
    ----------
    turn : {0, 1}
        Which half it is fitted to.
    """
    space, needed = phenomap.space, controls_needed(phenomap.align)
    controls = np.flatnonzero(space.is_control)
    shuffled = np.random.default_rng(0).permutation(controls)
    by_plate = shuffled[np.argsort(space.plate[shuffled], kind="stable")]
    is_fitted = np.zeros(len(space), dtype=bool)
    is_fitted[by_plate[turn::2]] = True
    n_fitted = np.bincount(space.batch[is_fitted], minlength=len(space.batch_names))
    is_fitted |= space.is_control & (n_fitted < needed)[space.batch]
    fitted = space.fitted_to(np.flatnonzero(is_fitted), phenomap.align, progress)
    return fitted, np.flatnonzero(space.is_control & ~is_fitted)

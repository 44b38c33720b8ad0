"""Wells side by side: what to compare a well with, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from napari_rxrx3.strips.arrangement import arrange
    from napari_rxrx3.strips.strip import DoseCurve, NothingToCompare, Strip

__all__ = ["DoseCurve", "NothingToCompare", "Strip", "arrange"]

# napari imports every plugin at start: what is heavy waits until a name is used.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "arrangement": ["arrange"],
        "strip": ["DoseCurve", "NothingToCompare", "Strip"],
    },
)

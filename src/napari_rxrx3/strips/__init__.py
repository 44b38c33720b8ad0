"""Wells side by side: what to compare a well with, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_rxrx3._lazy import loads_from

if TYPE_CHECKING:
    from napari_rxrx3.strips.kinds import arrange
    from napari_rxrx3.strips.strip import DoseCurve, NothingToCompare, Strip

__all__ = ["DoseCurve", "NothingToCompare", "Strip", "arrange"]

__getattr__ = loads_from(
    __name__,
    {
        "arrange": "strips.kinds",
        "DoseCurve": "strips.strip",
        "NothingToCompare": "strips.strip",
        "Strip": "strips.strip",
    },
)

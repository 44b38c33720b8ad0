"""The six stains of RxRx3: one table that names, colors and orders them everywhere.

Source: Figure 1 of Fay et al. 2023, bioRxiv 2023.02.07.527350.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PIXEL_SIZE_UM", "STAINS", "Stain"]

PIXEL_SIZE_UM = 0.65
"""Width of a pixel in micrometers (10X): the 512 px images of RxRx3-core are crops."""


@dataclass(frozen=True)
class Stain:
    """One channel: `number` 1..6, the structure it marks, its dye and display color (RGB 0..1)."""

    number: int
    name: str
    structure: str
    dye: str
    color: tuple[float, float, float]


STAINS: tuple[Stain, ...] = (
    Stain(1, "DNA", "nuclei", "Hoechst 33342", (0.25, 0.45, 1.0)),
    Stain(2, "ER", "endoplasmic reticulum", "Alexa Fluor 488 Concanavalin A", (0.0, 1.0, 0.25)),
    Stain(3, "Actin", "actin cytoskeleton", "Alexa Fluor 568 Phalloidin", (1.0, 0.15, 0.1)),
    Stain(4, "RNA", "nucleoli and cytoplasmic RNA", "SYTO 14", (0.0, 0.9, 1.0)),
    Stain(5, "Mito", "mitochondria", "MitoTracker Deep Red FM", (1.0, 0.1, 1.0)),
    Stain(6, "Golgi", "Golgi and plasma membrane", "Alexa Fluor 555 WGA", (1.0, 0.9, 0.0)),
)

"""Maps in two dimensions: where each entry lies in a picture of all of them."""

from __future__ import annotations

from napari_rxrx3.maps.projection.coordinates import read_coordinates
from napari_rxrx3.maps.projection.pca import pca
from napari_rxrx3.maps.projection.project import project
from napari_rxrx3.maps.projection.projection import METHODS, Projection
from napari_rxrx3.maps.projection.umap import (
    HOW_TO_GET_UMAP,
    UmapSettings,
    has_umap,
    how_long,
    umap,
)

__all__ = [
    "HOW_TO_GET_UMAP",
    "METHODS",
    "Projection",
    "UmapSettings",
    "has_umap",
    "how_long",
    "pca",
    "project",
    "read_coordinates",
    "umap",
]

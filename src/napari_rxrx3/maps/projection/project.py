"""One door to all projections."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.maps.projection.coordinates import read_coordinates
from napari_rxrx3.maps.projection.pca import pca
from napari_rxrx3.maps.projection.projection import Projection
from napari_rxrx3.maps.projection.umap import UmapSettings, umap_with

if TYPE_CHECKING:
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["project"]

Progress = Callable[[int, int, str], None]


def project(
    phenomap: PhenoMap,
    method: str = "pca",
    *,
    settings: UmapSettings | None = None,
    path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Projection:
    """Place all entries of a map in a picture of two dimensions.

    Parameters
    ----------
    method : {"pca", "umap", "file"}
    settings : UmapSettings, optional
        Of UMAP.
    path : str or path-like, optional
        The file of coordinates.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    MapError, MetadataError
    """
    if method == "pca":
        return pca(phenomap, progress)
    if method == "umap":
        return umap_with(phenomap, phenomap.score_store.cache, settings, progress)
    if method != "file":
        raise MapError(f"There is no projection {method!r}; choose one of pca, umap, file.")
    if path is None:
        raise MapError("A projection from a file needs its path.")
    return read_coordinates(path, phenomap, progress)

"""See RxRx3: plate maps, six-stain images in one contrast, and the nearest perturbations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from napari_rxrx3.core.version import __version__

if TYPE_CHECKING:
    from napari_rxrx3.core.display import display
    from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error, UnknownKey, UnknownWell
    from napari_rxrx3.core.mosaic import Tile
    from napari_rxrx3.core.stains import STAINS
    from napari_rxrx3.dataset import Dataset, open_dataset
    from napari_rxrx3.exports.crops import export_crops
    from napari_rxrx3.exports.plates_zarr import export_zarr
    from napari_rxrx3.figures.reports.saving import report
    from napari_rxrx3.gui.canvas.layers import layer_options
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.sets.arms import GeneArms, read_arms
    from napari_rxrx3.maps.sets.expression import UnexpressedGenes, read_unexpressed
    from napari_rxrx3.maps.sets.gene_sets import GeneSets, read_gene_sets

__all__ = [
    "STAINS",
    "Dataset",
    "GeneArms",
    "GeneSets",
    "ImageUnavailable",
    "PhenoMap",
    "RxRx3Error",
    "Tile",
    "UnexpressedGenes",
    "UnknownKey",
    "UnknownWell",
    "__version__",
    "display",
    "export_crops",
    "export_zarr",
    "layer_options",
    "open_dataset",
    "read_arms",
    "read_gene_sets",
    "read_unexpressed",
    "report",
]

# napari imports every plugin at start: what is heavy waits until a name is used.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "core.display": ["display"],
        "core.errors": ["ImageUnavailable", "RxRx3Error", "UnknownKey", "UnknownWell"],
        "core.mosaic": ["Tile"],
        "core.stains": ["STAINS"],
        "dataset": ["Dataset", "open_dataset"],
        "exports.crops": ["export_crops"],
        "exports.plates_zarr": ["export_zarr"],
        "figures.reports.saving": ["report"],
        "gui.canvas.layers": ["layer_options"],
        "maps.phenomap": ["PhenoMap"],
        "maps.sets.arms": ["GeneArms", "read_arms"],
        "maps.sets.expression": ["UnexpressedGenes", "read_unexpressed"],
        "maps.sets.gene_sets": ["GeneSets", "read_gene_sets"],
    },
)

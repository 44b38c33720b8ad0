"""See RxRx3: plate maps, six-stain images in one contrast, and the nearest perturbations."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from napari_rxrx3._lazy import loads_from

if TYPE_CHECKING:
    from napari_rxrx3.core.display import display
    from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error, UnknownKey, UnknownWell
    from napari_rxrx3.core.mosaic import Tile
    from napari_rxrx3.core.stains import STAINS
    from napari_rxrx3.dataset import Dataset, open_dataset
    from napari_rxrx3.gui.canvas.layers import layer_options
    from napari_rxrx3.maps.phenomap import PhenoMap

try:
    __version__ = version("napari-rxrx3")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "STAINS",
    "Dataset",
    "ImageUnavailable",
    "PhenoMap",
    "RxRx3Error",
    "Tile",
    "UnknownKey",
    "UnknownWell",
    "__version__",
    "display",
    "layer_options",
    "open_dataset",
]

__getattr__ = loads_from(
    __name__,
    {
        "Dataset": "dataset",
        "open_dataset": "dataset",
        "PhenoMap": "maps.phenomap",
        "STAINS": "core.stains",
        "Tile": "core.mosaic",
        "display": "core.display",
        "layer_options": "gui.canvas.layers",  # the only one that loads napari
        "ImageUnavailable": "core.errors",
        "RxRx3Error": "core.errors",
        "UnknownKey": "core.errors",
        "UnknownWell": "core.errors",
    },
)

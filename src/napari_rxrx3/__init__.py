"""See RxRx3: plate maps, six-stain images in one contrast, and the nearest perturbations."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error, UnknownKey, UnknownWell
    from napari_rxrx3.dataset import Dataset, open_dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

try:
    __version__ = version("napari-rxrx3")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "Dataset",
    "ImageUnavailable",
    "PhenoMap",
    "RxRx3Error",
    "UnknownKey",
    "UnknownWell",
    "__version__",
    "open_dataset",
]

_HOME = {
    "Dataset": "dataset",
    "open_dataset": "dataset",
    "PhenoMap": "maps.phenomap",
    "ImageUnavailable": "core.errors",
    "RxRx3Error": "core.errors",
    "UnknownKey": "core.errors",
    "UnknownWell": "core.errors",
}


def __getattr__(name: str) -> Any:
    # napari imports every plugin at start: pandas and dask must wait for the first use.
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

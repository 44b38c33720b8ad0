"""napari's reader: RxRx3 data as six lazy image layers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerData]]

_WELL_IMAGE = re.compile(r"[A-Z]{1,2}\d{1,2}_s\d+_w?\d+\.(png|jp2|tiff?)\Z", re.ASCII)
_FOLDER = re.compile(r"(plate[ _-]?\d|images\Z|gene-\d|compound-\d|data\Z)", re.IGNORECASE)
_TABLE_OR_ARCHIVE = (".tar", ".parquet", ".csv", ".zip")


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader if the path looks like RxRx3 data, None otherwise; never raises."""
    first = path if isinstance(path, str) else (path[0] if path else "")
    try:
        return read if _looks_like_ours(str(first)) else None
    except Exception:  # napari must be able to ask the next plugin, whatever this path is
        return None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read one well as six lazy layers: the well of an image file, or the first with images.

    Raises
    ------
    RxRx3Error
        If nothing can be shown; the sentence says why.
    """
    from napari_rxrx3.core.errors import DatasetNotFound
    from napari_rxrx3.data.dataset import open_dataset

    first = str(path if isinstance(path, str) else path[0])
    dataset = open_dataset(first)
    with_images = dataset.wells.index[dataset.wells["has_image"]]
    if not len(with_images):
        raise DatasetNotFound(
            f"{first} has no images; open it in the RxRx3 Explorer to see its plates."
        )
    return layers_of_well(dataset, str(with_images[0]))


def layers_of_well(dataset: Dataset, well_id: str) -> list[LayerData]:
    """Six lazy layers with the stains' names and colors; a missing channel is left out."""
    from napari_rxrx3.core.contrast import limits_of
    from napari_rxrx3.core.errors import ImageUnavailable
    from napari_rxrx3.core.stains import STAINS
    from napari_rxrx3.gui.layers import layer_options

    image = dataset.image(well_id)
    layers: list[LayerData] = []
    for stain in STAINS:
        try:
            limits = limits_of([dataset.plane(well_id, stain.number)])
        except ImageUnavailable as error:
            _warn(str(error))
            continue
        options = layer_options(stain, limits)
        options["name"] = f"{well_id} {stain.name}"
        options["cache"] = False  # the data set keeps decoded planes itself
        options["metadata"]["well_id"] = well_id
        layers.append((image[stain.number - 1], options, "image"))
    return layers


def _looks_like_ours(path: str) -> bool:
    name = _base_name(path)
    if _WELL_IMAGE.search(name):
        return True
    if "://" in path:
        return name.lower().endswith(_TABLE_OR_ARCHIVE)
    if os.path.isdir(path):  # noqa: PTH112
        return _folder_looks_like_ours(path)
    if not name.lower().endswith(_TABLE_OR_ARCHIVE):
        return False
    from napari_rxrx3.data.discovery import kind_of_file
    from napari_rxrx3.data.storage import Storage

    storage, inner = Storage.of(path)
    return kind_of_file(storage, inner) in ("metadata", "tar", "shard")


def _folder_looks_like_ours(path: str) -> bool:
    """Look at a few names only: napari asks for every folder that is dropped on it."""
    with os.scandir(path) as entries:
        for _, entry in zip(range(200), entries, strict=False):
            if _WELL_IMAGE.search(entry.name):
                return True
            if entry.is_file() and _looks_like_ours(entry.path):
                return True
            if entry.is_dir() and _FOLDER.match(entry.name):
                return True
    return False


def _base_name(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("/\\"))[-1]


def _warn(message: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(message)

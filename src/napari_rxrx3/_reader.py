"""napari's reader: RxRx3 data as six lazy image layers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from napari_rxrx3.core.plate import parse_image_name

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerData]]

_OUR_FOLDER = re.compile(r"(plate[ _-]?\d|images\Z|gene-\d|compound-\d|data\Z)", re.IGNORECASE)
_TABLE_OR_ARCHIVE = (".tar", ".parquet", ".csv", ".zip")
_LISTED, _OPENED, _DEPTH = 2000, 50, 3


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader if the path looks like RxRx3 data, None otherwise; never raises."""
    try:
        return read if _looks_like_ours(_as_list(path)[0]) else None
    except Exception:  # napari must be able to ask the next plugin, whatever this path is
        return None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read wells as six lazy layers each: the wells of image files, else the first with images.

    Raises
    ------
    RxRx3Error
        If nothing can be shown; the sentence says why.
    """
    chosen: dict[object, str] = {}
    for one in _as_list(path):
        chosen.setdefault(_well_of_image(one) or one, one)  # files of one well bring each other
    return [layer for one in chosen.values() for layer in _first_well(one)]


def _first_well(path: str) -> list[LayerData]:
    from napari_rxrx3.core.errors import DatasetNotFound
    from napari_rxrx3.dataset import open_dataset

    dataset = open_dataset(path)
    with_images = dataset.known_wells.index[dataset.known_wells["has_image"]]
    if not len(with_images):
        raise DatasetNotFound(
            f"{path} has no images; open it in the RxRx3 Explorer to see its plates."
        )
    return layers_of_well(dataset, str(with_images[0]))


def layers_of_well(dataset: Dataset, well_id: str) -> list[LayerData]:
    """Six lazy layers with the stains' names and colors; a missing channel is left out."""
    from napari_rxrx3.core.contrast import limits_of
    from napari_rxrx3.core.errors import ImageUnavailable
    from napari_rxrx3.core.stains import STAINS
    from napari_rxrx3.gui.canvas.layers import layer_options
    from napari_rxrx3.gui.preferences import follow_preferences

    follow_preferences()
    image = dataset.image(well_id)
    layers: list[LayerData] = []
    for stain in STAINS:
        plane = image[stain.number - 1]
        try:
            limits = limits_of([plane.compute()])
        except ImageUnavailable as error:
            _warn(str(error))
            continue
        options = layer_options(stain, limits)
        options["name"] = f"{well_id} {stain.name}"
        options["cache"] = False  # the data set keeps decoded planes itself
        options["metadata"]["well_id"] = well_id
        layers.append((plane, options, "image"))
    return layers


def _as_list(path: str | Sequence[str]) -> list[str]:
    return [os.fspath(path)] if isinstance(path, str | os.PathLike) else [str(p) for p in path]


def _well_of_image(path: str) -> tuple[str, int, int, int] | None:
    """Folder, row, column and site of an image file, by its name."""
    folder, name = os.path.split(path)
    image = parse_image_name(name)
    return (folder, *image[:3]) if image is not None else None


def _looks_like_ours(path: str) -> bool:
    if "://" in path:  # not opened: a server can be slow
        return path.lower().endswith(_TABLE_OR_ARCHIVE) or _well_of_image(path) is not None
    if os.path.isdir(path):  # noqa: PTH112
        return _folder_looks_like_ours(path)
    return os.path.isfile(path) and _file_looks_like_ours(path)  # noqa: PTH113


def _folder_looks_like_ours(path: str) -> bool:
    """Look at some names and into a few files: napari asks for every folder dropped on it."""
    files = list(islice(_files_below(path), _LISTED))
    if any(_well_of_image(file) is not None for file in files):
        return True
    to_open = [file for file in files if file.lower().endswith(_TABLE_OR_ARCHIVE)]
    return any(_file_looks_like_ours(file) for file in to_open[:_OPENED])


def _files_below(folder: str) -> Iterator[str]:
    """List a folder, then its subfolders, first those that are called as RxRx3 calls them.

    A subfolder is listed as an empty name, so that there is an end to folders without files.
    """
    waiting = [(folder, 0)]
    while waiting:
        here, depth = waiting.pop()
        subfolders = []
        with suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                is_folder = entry.is_dir()
                if is_folder and not entry.name.startswith(".") and depth < _DEPTH:
                    subfolders.append(entry)
                yield "" if is_folder else entry.path
        subfolders.sort(key=lambda e: (_OUR_FOLDER.match(e.name) is not None, e.name))
        waiting += [(e.path, depth + 1) for e in subfolders]


def _file_looks_like_ours(path: str) -> bool:
    if _well_of_image(path) is not None:
        return True
    if not path.lower().endswith(_TABLE_OR_ARCHIVE):
        return False
    from napari_rxrx3.data.discovery import kind_of_file
    from napari_rxrx3.data.files.storage import Storage

    try:
        return kind_of_file(*Storage.of(path)) != ""
    except Exception:  # damaged, or not what its name says
        return False


def _warn(message: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(message)

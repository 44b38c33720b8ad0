"""Indexes that lie beside tars and shards, so that a lab makes them once for all who read there."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from napari_rxrx3.core.plate import N_CHANNELS, N_POSITIONS, PlateId
from napari_rxrx3.data.files.local import written_atomically
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.planes import PlaneIndex, places_by_field

__all__ = ["SIDECAR", "read_sidecar", "write_sidecar"]

SIDECAR = ".rxrx3-index"
"""What the name of a container is followed by."""
_FORMAT, _FORMAT_OF_SITES = 1, 2
"""The second one is of wells with several sites, which the first one does not know."""
_MOST_BYTES = 256 << 20

Array = np.ndarray[Any, Any]


def write_sidecar(container: Path, kind: str, size: int, index: PlaneIndex) -> Path:
    """Write the index of a tar or shard beside it, whole or not at all.

    Parameters
    ----------
    container : Path
        It need not be there: what is written can be put beside it later.
    kind : {"tar", "shard"}
    size : int
        Of the container, in bytes.

    Raises
    ------
    OSError
    """
    path = container.with_name(container.name + SIDECAR)
    form = _FORMAT_OF_SITES if index.others else _FORMAT
    head = {"format": np.array(form), "kind": np.array(kind), "size": np.array(size)}
    with written_atomically(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **{**head, **index.to_arrays()})  # type: ignore[arg-type]
    return path


def read_sidecar(
    storage: Storage, path: str, kind: str, plate: PlateId | None, size: int
) -> PlaneIndex:
    """The index that lies beside a container of so many bytes.

    What it says of each image is checked once more when that is read.

    Raises
    ------
    OSError, ValueError
        Why it is not to be believed.
    """
    data = storage.read(path + SIDECAR)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
                raise ValueError("it is too large")
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if int(arrays["format"]) not in (_FORMAT, _FORMAT_OF_SITES):
            raise ValueError("another version wrote it")
        if str(arrays["kind"]) != kind or int(arrays["size"]) != size:
            raise ValueError("it is of another file")
        _require_sense(arrays, kind)
        index = PlaneIndex.from_arrays(arrays)
    except (KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError("it is damaged") from error
    return index if plate is None else index.called(plate)


def _require_sense(arrays: dict[str, Array], kind: str) -> None:
    for places in places_by_field(arrays):
        _require_sense_of_field(arrays, kind, *places)


def _require_sense_of_field(
    arrays: dict[str, Array], kind: str, code: Array, first: Array, second: Array, name: Array
) -> None:
    n_plates, size = len(arrays["plate"]), int(arrays["size"])
    are_alike = len({len(each) for each in (code, first, second, name)}) == 1
    are_numbers = all(
        array.dtype == np.int64 and array.ndim == 1 for array in (code, first, second)
    )
    if not (are_alike and are_numbers and len(arrays["experiment"]) == n_plates):
        raise ValueError("it is damaged")
    if not len(code):
        return
    ends = first + second if kind == "tar" else first
    is_ordered = code[0] >= 0 and (np.diff(code) > 0).all()
    is_inside = code[-1] < n_plates * N_POSITIONS * N_CHANNELS and ends.max() <= size
    if not (is_ordered and is_inside and min(first.min(), second.min()) >= 0):
        raise ValueError("it is damaged")

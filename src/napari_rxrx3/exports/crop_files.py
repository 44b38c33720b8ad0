"""Files of crops: parquet in the form of the Hub, and tars of webdataset.

Planes of 8 and 16 bits are PNG. Floating-point ones are what holds them and is read by whoever
reads the file: TIFF in parquet, npy in a tar.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["LABELS", "Crop", "EncodedPlane", "encoded", "planes_called", "write_crops"]

Crop = dict[str, Any]
"""What a crop is called, what it shows, where it lies, and its planes, each an `EncodedPlane`."""


class EncodedPlane(NamedTuple):
    """One plane of a crop as a file: its ending, and its bytes."""

    ending: str
    data: bytes


LABELS = {
    "well_id": pa.string(),
    "experiment_name": pa.string(),
    "plate": pa.int32(),
    "address": pa.string(),
    "perturbation_type": pa.string(),
    "gene": pa.string(),
    "treatment": pa.string(),
    "SMILES": pa.string(),
    "concentration": pa.float64(),
    "well_type": pa.string(),
}
"""What is said of the well of a crop."""

_KEY = "__key__"
_PLACE = {"is_control": pa.bool_(), "split": pa.string(), "top": pa.int32(), "left": pa.int32()}
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_DTYPES = {pa.float64(): "float64"}
"""Where `datasets` and Arrow call a kind of number by other names."""
_AT_ONCE = 96
"""Crops of a row group: a reader that shuffles wants them small."""


def encoded(plane: np.ndarray[Any, Any], form: str) -> EncodedPlane:
    """A plane (Y, X) of a crop without loss, as files of a form hold it."""
    plane = np.ascontiguousarray(plane)
    if plane.dtype.kind == "u":
        return EncodedPlane("png", bytes(imagecodecs.png_encode(plane, 1)))
    data = io.BytesIO()
    if form == "webdataset":
        np.save(data, plane, allow_pickle=False)
        return EncodedPlane("npy", data.getvalue())
    import tifffile

    tifffile.imwrite(data, plane, photometric="minisblack")
    return EncodedPlane("tif", data.getvalue())


def planes_called(channels: Iterable[int]) -> list[str]:
    """What the planes of a crop are called: w1, w2 and so on."""
    return [f"w{channel}" for channel in channels]


def write_crops(path: Path, form: str, crops: Iterable[Crop], planes: Sequence[str]) -> int:
    """Write crops, each with these planes, as they come; return how many there were."""
    write = _write_parquet if form == "parquet" else _write_tar
    return write(path, crops, planes)


def _write_parquet(path: Path, crops: Iterable[Crop], planes: Sequence[str]) -> int:
    n = 0
    schema = _schema(planes)
    with pq.ParquetWriter(path, schema, compression="none") as writer:  # PNG is packed already
        for some in _batches(crops):
            rows = [{**crop, **{name: _image(crop, name) for name in planes}} for crop in some]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            n += len(rows)
    return n


def _image(crop: Crop, plane: str) -> dict[str, Any]:
    ending, data = crop[plane]
    return {"bytes": data, "path": f"{crop[_KEY]}.{plane}.{ending}"}


def _schema(planes: Sequence[str]) -> pa.Schema:
    """The columns, and beside them what tells `datasets` that the planes are images."""
    columns = {_KEY: pa.string(), **LABELS, **_PLACE}
    features: dict[str, dict[str, str]] = {plane: {"_type": "Image"} for plane in planes}
    for name, kind in columns.items():
        features[name] = {"dtype": _DTYPES.get(kind, str(kind)), "_type": "Value"}
    told = json.dumps({"info": {"features": features}})
    fields = [*columns.items(), *((plane, _IMAGE) for plane in planes)]
    return pa.schema(fields, {"huggingface": told})


def _batches(crops: Iterable[Crop]) -> Iterator[list[Crop]]:
    some: list[Crop] = []
    for crop in crops:
        some.append(crop)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _write_tar(path: Path, crops: Iterable[Crop], planes: Sequence[str]) -> int:
    n = 0
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for crop in crops:
            n += 1
            name = crop[_KEY].replace(".", "_")  # webdataset cuts names at their first point
            said = {key: value for key, value in crop.items() if key not in planes}
            for plane in planes:
                ending, data = crop[plane]
                _add(tar, f"{name}.{plane}.{ending}", data)
            _add(tar, f"{name}.json", json.dumps(said, ensure_ascii=False).encode())
    return n


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))

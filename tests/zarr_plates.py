"""Writes plates of OME-Zarr with zarr alone: nothing of the package under test is used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

Planes = np.ndarray
Channel = tuple[str, str, tuple[float, float]]

FOUR: tuple[Channel, ...] = (
    ("Hoechst", "0000FF", (0, 900)),
    ("Tubulin", "00FF00", (10, 800)),
    ("Actin", "FF0000", (0, 700)),
    ("pH3", "FFFFFF", (5, 600)),
)


def row_name(row: int) -> str:
    return chr(65 + row) if row < 26 else f"A{chr(65 + row - 26)}"


def planes_of(name: str, n_channels: int = 4, size: int = 64) -> Planes:
    """Planes that tell wells and channels apart: uint16 (channels, size, size)."""
    rng = np.random.default_rng(sum(map(ord, name)) * 97 + len(name))
    noise = rng.integers(1, 300, (n_channels, size, size))
    return (noise + 100 * np.arange(1, n_channels + 1)[:, None, None]).astype(np.uint16)


def write_plate(
    path: Path,
    wells: Mapping[str, Sequence[Planes] | Planes],
    *,
    rows: int = 16,
    columns: int = 24,
    version: str = "0.5",
    axes: str = "cyx",
    channels: Sequence[Channel] | None = FOUR,
    levels: int = 2,
    padded: bool = False,
    sharded: bool = False,
    pixel_um: float | None = 0.325,
    name: str = "",
) -> Path:
    """Write a plate; of a well that is given several images, each is a field.

    Parameters
    ----------
    wells : mapping of address (``B3``) to (c, y, x), or to whatever `axes` says
    """
    listed = []
    for address, images in wells.items():
        letters = address.rstrip("0123456789")
        number = int(address[len(letters) :])
        at = f"{letters}/{number:02d}" if padded else f"{letters}/{number}"
        row = next(r for r in range(32) if row_name(r) == letters)
        listed.append({"path": at, "rowIndex": row, "columnIndex": number - 1})
        fields = [images] if isinstance(images, np.ndarray) else list(images)
        about = {"well": {"images": [{"path": str(n)} for n in range(len(fields))]}}
        group(path / at, about, version)
        for n, image in enumerate(fields):
            write_image(
                path / at / str(n),
                image,
                version=version,
                axes=axes,
                channels=channels,
                levels=levels,
                sharded=sharded,
                pixel_um=pixel_um,
            )
    plate = {
        "name": name or path.name.split(".")[0],
        "rows": [{"name": row_name(r)} for r in range(rows)],
        "columns": [{"name": f"{c:02d}" if padded else str(c)} for c in range(1, columns + 1)],
        "wells": listed,
        "field_count": 1,
    }
    group(path, {"plate": plate}, version)
    return path


def write_image(
    path: Path,
    image: Planes,
    *,
    version: str,
    axes: str,
    channels: Sequence[Channel] | None,
    levels: int,
    sharded: bool = False,
    pixel_um: float | None = None,
) -> None:
    datasets = []
    kinds = {"c": "channel", "t": "time"}
    for n in range(levels):
        step = 2**n
        small = image[..., ::step, ::step]
        options: dict[str, Any] = {"zarr_format": 3 if version == "0.5" else 2}
        side = min(small.shape[-1], 32)
        chunks = (*([1] * (small.ndim - 2)), min(small.shape[-2], 32), side)
        if sharded:
            whole = tuple(-(-s // c) * c for s, c in zip(small.shape, chunks, strict=True))
            options["shards"] = whole
        if version == "0.4":
            options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
        array = zarr.create_array(
            path / str(n), shape=small.shape, dtype=small.dtype, chunks=chunks, **options
        )
        array[...] = small
        scale = [1.0 if a not in "yx" else step * (pixel_um or 1.0) for a in axes]
        datasets.append(
            {
                "path": str(n),
                "coordinateTransformations": [{"type": "scale", "scale": scale}],
            }
        )
    named = []
    for axis in axes:
        said = {"name": axis, "type": kinds.get(axis, "space")}
        if axis in "zyx" and pixel_um is not None:
            said["unit"] = "micrometer"
        named.append(said)
    about: dict[str, Any] = {"multiscales": [{"axes": named, "datasets": datasets}]}
    if channels is not None:
        about["omero"] = {
            "channels": [
                {"label": label, "color": color, "window": {"start": low, "end": high}}
                for label, color, (low, high) in channels
            ]
        }
    group(path, about, version)


def group(path: Path, about: Mapping[str, Any], version: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if version == "0.5":
        said = {"zarr_format": 3, "node_type": "group"}
        said["attributes"] = {"ome": {"version": "0.5", **about}}
        (path / "zarr.json").write_text(json.dumps(said))
    else:
        (path / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
        (path / ".zattrs").write_text(json.dumps(dict(about)))

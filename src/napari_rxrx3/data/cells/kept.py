"""What was measured of the planes of a plate in one stain, kept from one time to the next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.cache.disk_cache import DiskCache, load_table, save_table
from napari_rxrx3.data.images.catalog import ImageCatalog

__all__ = ["How", "KeptMeasures", "PlaneMeasure"]

Array = np.ndarray[Any, Any]

_VERSION = 1
"""Raise it when something is measured in another way."""
_NAN = float("nan")
_SCHEMA = pa.schema(
    [
        ("position", pa.int32()),
        ("nuclei", pa.float64()),
        ("focus", pa.float64()),
        ("saturation", pa.float64()),
        ("why", pa.string()),
        ("y", pa.list_(pa.float32())),
        ("x", pa.list_(pa.float32())),
    ]
)


class How(NamedTuple):
    """Width of a pixel in micrometers, and the channel of the nuclei (0: none)."""

    pixel_um: float
    dna: int


@dataclass(frozen=True, eq=False)
class PlaneMeasure:
    """What was measured of a plane.

    Attributes
    ----------
    nuclei, focus : float
        NaN in stains other than DNA.
    saturation : float
        Share of pixels, 0 to 1.
    why : str
        Why numbers are NaN, in plain words.
    middles : float32 (n, 2)
        Rows and columns of the nuclei.
    """

    nuclei: float = _NAN
    focus: float = _NAN
    saturation: float = _NAN
    why: str = ""
    middles: Array | None = None


class KeptMeasures:
    """The measures of a plate in one channel, by position; a file in the cache.

    Attributes
    ----------
    found : dict of int to PlaneMeasure
        What is known by now.
    """

    def __init__(
        self, images: ImageCatalog, cache: DiskCache, plate: PlateId, channel: int, how: How
    ) -> None:
        self._cache = cache
        self._path = _path(images, cache, plate, channel, how)
        table = load_table(self._path) if self._path is not None else None
        is_ours = table is not None and table.schema.equals(_SCHEMA)
        self.found = _from_table(table) if is_ours else {}
        self._n_kept = len(self.found)

    def save(self) -> None:
        """Keep what is new; a cache that cannot be written costs time, never a result."""
        if self._path is not None and len(self.found) > self._n_kept:
            save_table(self._cache, self._path, _to_table(self.found))
            self._n_kept = len(self.found)


def _path(
    images: ImageCatalog, cache: DiskCache, plate: PlateId, channel: int, how: How
) -> Path | None:
    """Where they are kept; None if nobody would know whether the images have changed."""
    try:
        made_from = images.fingerprint(plate)
    except OSError:
        return None
    by = how if channel == how.dna else ""
    fingerprint = f"{_VERSION}|{plate}|{channel}|{images.field}|{by}|{made_from}"
    return cache.path("measures", fingerprint, ".arrow")


def _to_table(found: dict[int, PlaneMeasure]) -> pa.Table:
    positions = sorted(found)
    rows = [found[position] for position in positions]
    middles = [row.middles if row.middles is not None else np.zeros((0, 2)) for row in rows]
    columns = {
        "position": positions,
        "nuclei": [row.nuclei for row in rows],
        "focus": [row.focus for row in rows],
        "saturation": [row.saturation for row in rows],
        "why": [row.why for row in rows],
        "y": [of_well[:, 0] for of_well in middles],
        "x": [of_well[:, 1] for of_well in middles],
    }
    return pa.table(columns, schema=_SCHEMA)


def _from_table(table: pa.Table) -> dict[int, PlaneMeasure]:
    columns = [table[name].combine_chunks() for name in _SCHEMA.names]
    position, nuclei, focus, saturation = (
        column.to_numpy(zero_copy_only=False).tolist() for column in columns[:4]
    )
    why = columns[4].to_pylist()
    ends = columns[5].offsets.to_numpy()
    y, x = (column.flatten().to_numpy() for column in columns[5:])
    both = np.column_stack([y, x])
    middles = [both[start:end] for start, end in pairwise(ends)]
    rows = zip(position, nuclei, focus, saturation, why, middles, strict=True)
    return {place: PlaneMeasure(*rest) for place, *rest in rows}

"""Invented planes that look like cells to a codec: encoded they are as large as real ones.

There are a few dozen wells of each kind of image; each file is drawn once, then kept.
"""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.settings import ROOT
from napari_rxrx3.core.plate import N_CHANNELS, parse_address
from napari_rxrx3.data.files.local import written_atomically

__all__ = ["CORE", "TARS", "VERSION", "encode_all", "encoded", "files_of", "kind_of_well"]

Plane = np.ndarray[Any, Any]

CORE = "512 px"
TARS = "2048 px"

VERSION = 2
"""Of all that is written: what an older one wrote is written anew."""

_N_WELLS = {CORE: 16, TARS: 2}
"""How many different wells there are of each kind."""
_ENCODED = ROOT / ".cache" / "bench" / "encoded"

_CELLS_PER_PIXEL = 1 / 6000
_SIZES = (7, 16, 14, 12, 10, 15)
"""How wide the light of a cell spreads in each stain, in pixels."""


def kind_of_well(kind: str, row: int, column: int) -> int:
    """Which of the invented wells is shown at a place; neighbors differ."""
    return (row * 7 + column) % _N_WELLS[kind]


@lru_cache(maxsize=256)
def encoded(kind: str, well: int, channel: int) -> bytes:
    """The file of one plane; drawn once, then kept beside the data."""
    path = _ENCODED / f"{VERSION}-{kind[:-3]}-{well}-{channel}"
    if not path.is_file():
        with written_atomically(path) as temporary:
            temporary.write_bytes(_encode(kind, well, channel))
    return path.read_bytes()


def files_of(kind: str, address: str) -> list[bytes]:
    """The six image files of a well."""
    well = kind_of_well(kind, *parse_address(address))
    return [encoded(kind, well, channel) for channel in range(1, N_CHANNELS + 1)]


def _encode(kind: str, well: int, channel: int) -> bytes:
    seed = 1000 * well + channel
    if kind == CORE:
        return _jpeg2000(_plane(well, channel, 512), seed)
    return _png(_plane(well, channel, 2048), seed)


def encode_all(kind: str) -> None:
    """Draw all files of a kind."""
    jobs = [(kind, w, c) for w in range(_N_WELLS[kind]) for c in range(1, N_CHANNELS + 1)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: encoded(*job), jobs))


def _plane(seed: int, channel: int, size: int) -> Plane:
    """Cells on a dim background, float32 (size, size), about 0 to 1.

    Channels of one seed share their cells.
    """
    rng = np.random.default_rng(seed)
    n_cells = max(4, round(size * size * _CELLS_PER_PIXEL))
    cells = np.zeros((size, size), np.float32)
    cells[tuple(rng.integers(0, size, (2, n_cells)))] = rng.uniform(0.4, 1, n_cells)
    rng = np.random.default_rng([seed, channel])
    width = _SIZES[channel - 1]
    light = ndimage.gaussian_filter(cells, width, mode="wrap") * (4 * width * width)
    texture = ndimage.gaussian_filter(
        rng.standard_normal((size, size), np.float32), 1.5, mode="wrap"
    )
    picture: Plane = np.clip(0.06 + light * (1 + 2.5 * texture), 0, 1)
    return picture


def _png(light: Plane, seed: int) -> bytes:
    """16 bits with the noise of a camera; 2048 px take about 5 MB, like RxRx3's."""
    noise = np.random.default_rng(seed).standard_normal(light.shape, np.float32)
    counts = 250 + 8_000 * light
    plane = np.clip(counts + 0.7 * np.sqrt(counts) * noise, 0, 65_535).astype(np.uint16)
    return bytes(imagecodecs.png_encode(plane, level=6))


def _jpeg2000(light: Plane, seed: int) -> bytes:
    """8 bits, dark, as RxRx3-core encodes them: 512 px take about 13 kB."""
    noise = np.random.default_rng(seed).standard_normal(light.shape, np.float32)
    plane = np.clip(3 + 90 * light + 2.0 * noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(plane).save(
        file,
        "JPEG2000",
        quality_mode="rates",
        quality_layers=[80, 40, 20],
        irreversible=True,
        num_resolutions=8,
    )
    return file.getvalue()

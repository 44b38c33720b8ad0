"""Invented planes that look like cells to a codec: encoded they are as large as real ones."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from scipy import ndimage

__all__ = ["jpeg2000", "plane", "png"]

Plane = np.ndarray[Any, Any]

_CELLS_PER_PIXEL = 1 / 6000
_SIZES = (7, 16, 14, 12, 10, 15)
"""How wide the light of a cell spreads in each stain, in pixels."""


def plane(seed: int, channel: int, size: int) -> Plane:
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


def png(light: Plane, seed: int) -> bytes:
    """16 bits with the noise of a camera; 2048 px take about 5 MB, like RxRx3's."""
    noise = np.random.default_rng(seed).standard_normal(light.shape, np.float32)
    counts = 250 + 8_000 * light
    plane = np.clip(counts + 0.7 * np.sqrt(counts) * noise, 0, 65_535).astype(np.uint16)
    return bytes(imagecodecs.png_encode(plane, level=6))


def jpeg2000(light: Plane, seed: int) -> bytes:
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

"""Nuclei in a plane of the DNA stain: found by Otsu's threshold, split by distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

__all__ = ["NUCLEUS_UM", "find_nuclei", "otsu"]

Array = np.ndarray[Any, Any]

NUCLEUS_UM = 12.0
"""Diameter of a typical nucleus in micrometers; half and twice as much are found as well."""

_WORK_UM = 1.3
"""A pixel in which nuclei are looked for: finer ones only cost time."""
_SMOOTHED_UM = 1.2
_BLOCK_UM, _FIELD_UM = 20.0, 140.0
"""The background is told by blocks, each from a field around it that is wider than a clump."""
_BACKGROUND_PERCENT = 20
_NOISE_TIMES, _LEAST_STEPS = 8.0, 1.5
"""So many standard deviations of the noise, and gray levels, above the background are something."""
_OF_OTSU = 0.7
"""Dim nuclei are nuclei: of the threshold that parts values best, this share."""
_SMALLEST, _APART = 0.35, 0.42
"""Diameter of the smallest nucleus, and the least distance of two middles, in diameters."""
_WHOLE = 0.6
"""What is cut by an edge counts if its radius is this share of the usual: its middle is inside."""
_BINS, _TURNS = 256, 5


def find_nuclei(plane: Array, pixel_um: float) -> Array:
    """Middles of the nuclei in a plane of the DNA stain.

    The plane is reduced to pixels of about 1.3 um and smoothed, and its background, a low
    percentile of a wide field around each place, is subtracted. What is above 0.7 of Otsu's
    threshold of the square root, and well above the noise, is nucleus; touching ones are split at
    the maxima of the distance to the background. Of those that an edge cuts only those count of
    which more than half is seen, so that a count goes with the area of the picture.

    Parameters
    ----------
    plane : (Y, X)
        Any depth; where nothing stands out, there are no nuclei.
    pixel_um : float
        Width of a pixel in micrometers.

    Returns
    -------
    float32 (n, 2)
        Rows and columns in pixels of the plane, from the top.
    """
    times = min(max(1, round(_WORK_UM / pixel_um)), *plane.shape)
    width = pixel_um * times
    small = _reduced(plane, times)
    sigma = _SMOOTHED_UM / width
    smooth = ndimage.gaussian_filter(small, sigma)
    noise = _noise_of(small - smooth) / (2 * np.sqrt(np.pi) * max(sigma, 0.5))
    signal = smooth - _background(smooth, width)
    middles = _middles(signal > _threshold(signal, noise), NUCLEUS_UM / width)
    found: Array = ((middles + 0.5) * times - 0.5).astype(np.float32)
    return found


def otsu(values: Array) -> float:
    """The threshold that parts values best: Otsu 1979, IEEE Trans. Syst. Man Cybern. 9:62.

    The variance between both parts is the largest there; the middle of one of 256 bins.
    """
    counts, edges = np.histogram(values, _BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = sums / below - (sums[-1] - sums) / above
    between = np.nan_to_num(below * above.astype(float) * apart**2)
    return float(middles[between[:-1].argmax()])


def _reduced(plane: Array, times: int) -> Array:
    """Means of blocks as float32; what is left over at the lower and right edge is cut off."""
    if times == 1:
        return plane.astype(np.float32)
    height, width = (extent // times for extent in plane.shape)
    total = np.zeros((height, width), np.float32)
    for top in range(times):
        for left in range(times):
            total += plane[top : height * times : times, left : width * times : times]
    total /= times**2
    return total


def _noise_of(rest: Array) -> float:
    """Standard deviation of what smoothing took away, from its median: nuclei are few."""
    return 1.4826 * float(np.median(np.abs(rest)))


def _background(smooth: Array, width: float) -> Array:
    """A low percentile of the field around each place, as a smooth surface."""
    times = min(max(1, round(_BLOCK_UM / width)), *smooth.shape)
    blocks = _reduced(smooth, times)
    slope = _slope_of(blocks)
    size = max(3, round(_FIELD_UM / (width * times)))
    blocks = blocks - _plane(slope, *map(np.arange, blocks.shape))
    low = ndimage.percentile_filter(blocks, _BACKGROUND_PERCENT, size, mode="nearest")
    low = ndimage.gaussian_filter(low, size / 4, mode="nearest")
    down, across = (
        _between(n_blocks, times, extent)
        for n_blocks, extent in zip(low.shape, smooth.shape, strict=True)
    )
    places = [_in_blocks(extent, times) for extent in smooth.shape]
    surface: Array = down @ low @ across.T + _plane(slope, *places)
    return surface


def _slope_of(blocks: Array) -> Array:
    """How much the light grows a block down and a block to the right.

    By least squares of the darker half of the blocks, again and again: nuclei are bright.
    """
    y, x = (index.ravel() for index in np.indices(blocks.shape))
    terms = np.stack([np.ones(len(y)), y, x], axis=1)
    light = blocks.ravel().astype(np.float64)
    used = light <= np.median(light)
    for _ in range(_TURNS):
        fitted = np.linalg.lstsq(terms[used], light[used], rcond=None)[0]
        rest = light - terms @ fitted
        used = rest <= np.median(rest)
    slope: Array = fitted[1:]
    return slope


def _plane(slope: Array, down: Array, across: Array) -> Array:
    plane: Array = (slope[0] * down)[:, None] + slope[1] * across
    return plane.astype(np.float32)


def _in_blocks(extent: int, times: int) -> Array:
    """Where pixels lie, counted in the middles of blocks."""
    places: Array = (np.arange(extent) + 0.5) / times - 0.5
    return places


def _between(n_blocks: int, times: int, extent: int) -> Array:
    """Weights (extent, n_blocks) that draw lines between the middles of blocks."""
    places = _in_blocks(extent, times).clip(0, n_blocks - 1)
    distance = np.abs(places[:, None] - np.arange(n_blocks))
    weights: Array = np.maximum(0, 1 - distance).astype(np.float32)
    return weights


def _threshold(signal: Array, noise: float) -> float:
    """A share of Otsu's, if that is above the noise; nothing is above it where all is noise."""
    least = max(_NOISE_TIMES * noise, _LEAST_STEPS)
    roots = np.sqrt(np.maximum(signal, 0))  # nuclei differ in brightness by factors
    return max(least, _OF_OTSU * otsu(roots) ** 2)


def _middles(mask: Array, diameter: float) -> Array:
    """Maxima of the distance to the background, no two of them closer than nuclei can be."""
    labels, _ = ndimage.label(mask)
    is_small = np.bincount(labels.ravel()) < np.pi / 4 * (_SMALLEST * diameter) ** 2
    is_small[0] = True
    mask = ~is_small[labels]
    if not mask.any():
        return np.zeros((0, 2))
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1].astype(np.float32)
    hills = ndimage.gaussian_filter(distance, diameter / 10)
    highest = ndimage.maximum_filter(hills, 2 * max(1, round(_APART * diameter)) + 1)
    peaks, n = ndimage.label((hills == highest) & mask, np.ones((3, 3)))
    places = np.nonzero(peaks)
    number = peaks[places] - 1  # a summit may be several pixels wide
    sums = [np.bincount(number, place, n) for place in places]
    middles = np.stack(sums, axis=1) / np.bincount(number, minlength=n)[:, None]
    return middles[_is_inside(middles, distance)]


def _is_inside(middles: Array, distance: Array) -> Array:
    """Which nuclei are not cut by an edge, or so little that their middle is inside."""
    radius = distance[tuple(np.rint(middles).astype(int).T)]
    room = np.minimum(middles, np.array(distance.shape) - 1 - middles).min(axis=1) + 1
    is_cut = room <= radius + 1
    usual = np.median(radius[~is_cut]) if not is_cut.all() else np.median(radius)
    inside: Array = ~is_cut | (radius >= _WHOLE * usual)
    return inside

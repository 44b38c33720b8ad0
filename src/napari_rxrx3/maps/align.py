"""Batch correction of embedding vectors by the controls of each batch.

Formulas: Celik et al. 2022 ("Biological cartography", the EFAAR steps), as implemented in
recursionpharma/EFAAR_benchmarking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_rxrx3.core.errors import MapError

__all__ = ["ALIGNMENTS", "align_vectors"]

Array = np.ndarray[Any, Any]

ALIGNMENTS = ("none", "centerscale", "pca-centerscale", "tvn")

_RIDGE = 0.5
"""Added to the diagonal of each batch's covariance by TVN."""


def align_vectors(
    vectors: Array, batch: Array, is_control: Array, how: str, batch_names: Sequence[str]
) -> Array:
    """Align vectors so that the controls of all batches coincide.

    Parameters
    ----------
    vectors : float (n, d)
    batch : int (n,)
        Index into `batch_names`.
    is_control : bool (n,)
    how : {"none", "centerscale", "pca-centerscale", "tvn"}
        ``centerscale``: per batch, subtract the controls' mean and divide by their population
        standard deviation (a deviation of 0 counts as 1). ``pca-centerscale``: rotate onto the
        principal components of all controls first. ``tvn``: center and scale over all batches,
        rotate, center and scale again, then give the controls of each batch the same covariance.
        Components along which the controls do not vary at all are left out.

    Returns
    -------
    numpy.ndarray
        float32 (n, d'), d' <= d.

    Raises
    ------
    MapError
        If a batch has no control (for ``tvn``: fewer than two; it is named), or `how` is unknown.
    """
    if how not in ALIGNMENTS:
        raise MapError(f"There is no alignment {how!r}; choose one of {', '.join(ALIGNMENTS)}.")
    if how == "none":
        return np.asarray(vectors, dtype=np.float32)
    _require_controls(batch, is_control, batch_names, 2 if how == "tvn" else 1)
    if how == "centerscale":
        return _centerscale(vectors, batch, is_control)
    if how == "pca-centerscale":
        return _centerscale(_onto_principal_components(vectors, is_control), batch, is_control)
    everywhere = np.zeros_like(batch)
    scaled = _centerscale(vectors, everywhere, is_control)
    rotated = _onto_principal_components(scaled, is_control)
    return _whitened(_centerscale(rotated, everywhere, is_control), batch, is_control)


def _require_controls(batch: Array, is_control: Array, names: Sequence[str], n_needed: int) -> None:
    n_controls = np.bincount(batch[is_control], minlength=len(names))
    lacking = [names[b] for b in np.unique(batch) if n_controls[b] < n_needed]
    if lacking:
        shown = ", ".join(lacking[:5]) + (" and more" if len(lacking) > 5 else "")
        needed = "No" if n_needed == 1 else f"Fewer than {n_needed}"
        wells = "well" if n_needed == 1 else "wells"
        raise MapError(f"{needed} EMPTY_control {wells} with a vector to align by in {shown}.")


def _onto_principal_components(vectors: Array, is_control: Array) -> Array:
    """Rotate onto the components of the controls, strongest first: float32 (n, d')."""
    controls = vectors[is_control].astype(np.float64)
    mean = controls.mean(axis=0)
    covariance = np.atleast_2d(np.cov(controls - mean, rowvar=False, ddof=0))
    variances, components = np.linalg.eigh(covariance)
    # Fewer controls than dimensions leave directions of no variance: noise over noise
    # if they were scaled to 1 like the others.
    kept = variances > variances[-1] * len(variances) * np.finfo(np.float64).eps * 16
    if not kept.any():
        kept = np.ones_like(kept)
    components = components[:, kept][:, ::-1]
    return np.concatenate(
        [((block - mean) @ components).astype(np.float32) for block in _blocks(vectors)]
    )


def _centerscale(vectors: Array, batch: Array, is_control: Array) -> Array:
    aligned = np.empty(vectors.shape, dtype=np.float32)
    for b in np.unique(batch):
        rows = np.flatnonzero(batch == b)
        block = vectors[rows].astype(np.float64)
        controls = block[is_control[rows]]
        center, spread = controls.mean(axis=0), controls.std(axis=0)
        spread[spread <= 10 * np.finfo(np.float64).eps * np.abs(center)] = 1
        aligned[rows] = (block - center) / spread
    return aligned


def _whitened(vectors: Array, batch: Array, is_control: Array) -> Array:
    """Multiply each batch by the symmetric inverse root of its controls' covariance."""
    aligned = np.empty(vectors.shape, dtype=np.float32)
    for b in np.unique(batch):
        rows = np.flatnonzero(batch == b)
        block = vectors[rows].astype(np.float64)
        covariance = np.atleast_2d(np.cov(block[is_control[rows]], rowvar=False, ddof=1))
        variances, axes = np.linalg.eigh(covariance + _RIDGE * np.eye(block.shape[1]))
        aligned[rows] = block @ ((axes / np.sqrt(variances)) @ axes.T)
    return aligned


def _blocks(vectors: Array) -> list[Array]:
    """Views of a few rows each: a whole screen in double precision would not fit in memory."""
    return [vectors[start : start + 65536] for start in range(0, len(vectors), 65536)]

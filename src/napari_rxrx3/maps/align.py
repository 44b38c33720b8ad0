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

ALIGNMENTS = ("none", "centerscale", "pca-centerscale")


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
    how : {"none", "centerscale", "pca-centerscale"}
        ``centerscale``: per batch, subtract the controls' mean and divide by their population
        standard deviation (a deviation of 0 counts as 1). ``pca-centerscale``: rotate onto the
        principal components of all controls first; components along which the controls do not
        vary at all are left out.

    Returns
    -------
    numpy.ndarray
        float32 (n, d'), d' <= d.

    Raises
    ------
    MapError
        If a batch has no control (it is named), or `how` is unknown.
    """
    if how not in ALIGNMENTS:
        raise MapError(f"There is no alignment {how!r}; choose one of {', '.join(ALIGNMENTS)}.")
    if how == "none":
        return np.asarray(vectors, dtype=np.float32)
    _require_controls(batch, is_control, batch_names)
    if how == "centerscale":
        return _centerscale(vectors, batch, is_control, np.eye(0), np.zeros(0))
    mean, components = _principal_components(vectors[is_control])
    return _centerscale(vectors, batch, is_control, components, mean)


def _require_controls(batch: Array, is_control: Array, names: Sequence[str]) -> None:
    n_controls = np.bincount(batch[is_control], minlength=len(names))
    without = [names[b] for b in np.unique(batch) if n_controls[b] == 0]
    if without:
        shown = ", ".join(without[:5]) + (" and more" if len(without) > 5 else "")
        raise MapError(f"No EMPTY_control well with a vector to align by in {shown}.")


def _principal_components(controls: Array) -> tuple[Array, Array]:
    """Mean (d,) and components (d, d') of the controls, strongest first."""
    controls = controls.astype(np.float64)
    mean = controls.mean(axis=0)
    covariance = np.atleast_2d(np.cov(controls - mean, rowvar=False, ddof=0))
    variances, components = np.linalg.eigh(covariance)
    # Fewer controls than dimensions leave directions of no variance: noise over noise
    # if they were scaled to 1 like the others.
    kept = variances > variances[-1] * len(variances) * np.finfo(np.float64).eps * 16
    if not kept.any():
        kept = np.ones_like(kept)
    return mean, components[:, kept][:, ::-1]


def _centerscale(
    vectors: Array, batch: Array, is_control: Array, components: Array, mean: Array
) -> Array:
    """Rotate (if components are given), then center and scale batch by batch."""
    n_out = components.shape[1] or vectors.shape[1]
    aligned = np.empty((len(vectors), n_out), dtype=np.float32)
    for b in np.unique(batch):
        rows = np.flatnonzero(batch == b)
        block = vectors[rows].astype(np.float64)
        if components.size:
            block = (block - mean) @ components
        controls = block[is_control[rows]]
        center, spread = controls.mean(axis=0), controls.std(axis=0)
        spread[spread <= 10 * np.finfo(np.float64).eps * np.abs(center)] = 1
        aligned[rows] = (block - center) / spread
    return aligned

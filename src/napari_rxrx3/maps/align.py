"""Batch correction of embedding vectors by the controls of each batch.

Formulas: Celik et al. 2022 ("Biological cartography", the EFAAR steps), as implemented in
recursionpharma/EFAAR_benchmarking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.geometry import as_two_singles
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import some

__all__ = [
    "ALIGNMENTS",
    "OUR_ALIGNMENTS",
    "Alignment",
    "align_vectors",
    "centers_batches",
    "controls_needed",
    "fit_alignment",
    "lacking_controls",
    "lacking_in_words",
]

Array = np.ndarray[Any, Any]
Report = Callable[[int, int], None]

ALIGNMENTS = ("none", "centerscale", "pca-centerscale", "tvn", "tvn-centered")

OUR_ALIGNMENTS = ("tvn-centered",)
"""Those that the reference does not have."""

_RIDGE = 0.5
"""Added to the diagonal of each batch's covariance by TVN."""

_BLOCK, _FITTED = 32768, 8192


@dataclass(frozen=True, eq=False)
class Alignment:
    """How vectors are moved, batch by batch: ``((x - mean) @ rotation - center) / scale @ root``.

    Attributes
    ----------
    mean : float64 (d,)
    rotation : float64 (d, d')
        Or None, for none.
    center, scale : float64 (batches, d')
    root : float32 (batches, d', d')
        Or None, for none.
    """

    mean: Array
    rotation: Array | None
    center: Array
    scale: Array
    root: Array | None = None

    def transform(self, vectors: Array, batch: Array) -> Array:
        """Align vectors (n, d) of the given batches (n,): (n, d'), in the vectors' precision."""
        if self._moves_nothing:
            return np.array(vectors, dtype=_precision(vectors))
        aligned = np.empty((len(vectors), self.center.shape[1]), dtype=_precision(vectors))
        # in blocks: a whole screen in double precision would not fit in memory
        for start in range(0, len(vectors), _BLOCK):
            part = slice(start, start + _BLOCK)
            aligned[part] = self._transformed(vectors[part], batch[part])
        return aligned

    def transform_in_single(self, vectors: Array, batch: Array) -> Array:
        """Align vectors with products in single precision, which takes half the time: float32.

        What is nearly equal, a vector and the center of its batch, is subtracted before.
        """
        if vectors.dtype != np.float32 or self._moves_nothing:
            return self.transform(vectors, batch).astype(np.float32, copy=False)
        high, low, rotation, factor = self._in_single
        moved = vectors - high[batch]
        moved -= low[batch]
        if rotation is not None:
            moved = moved @ rotation
        moved *= factor[batch]
        if self.root is not None:
            for b in np.unique(batch):
                moved[batch == b] = moved[batch == b] @ self.root[b]
        return moved

    @cached_property
    def _in_single(self) -> tuple[Array, Array, Array | None, Array]:
        """What is subtracted before the rotation, in two parts, the rotation, and 1 / scale."""
        if self.rotation is None:
            rotation, center = None, self.mean + self.center
        else:
            rotation = self.rotation.astype(np.float32)
            center = self.mean + self.center @ np.linalg.pinv(self.rotation)
        high, low = as_two_singles(center)
        return high, low, rotation, (1 / self.scale).astype(np.float32)

    @cached_property
    def _moves_nothing(self) -> bool:
        is_turned = self.rotation is not None or self.root is not None
        return not (is_turned or self.mean.any() or self.center.any() or (self.scale != 1).any())

    def _transformed(self, vectors: Array, batch: Array) -> Array:
        moved = vectors - self.mean
        if self.rotation is not None:
            moved = moved @ self.rotation
        moved = (moved - self.center[batch]) / self.scale[batch]
        if self.root is not None:
            for b in np.unique(batch):
                moved[batch == b] = moved[batch == b] @ self.root[b]
        return moved


def controls_needed(how: str) -> int:
    """How many controls an alignment needs in each batch.

    Raises
    ------
    MapError
        If there is no such alignment.
    """
    if how not in ALIGNMENTS:
        raise MapError(f"There is no alignment {how!r}; choose one of {', '.join(ALIGNMENTS)}.")
    return {"none": 0, "tvn": 2, "tvn-centered": 2}.get(how, 1)


def centers_batches(how: str) -> bool:
    """Whether the controls of each batch have the mean zero after an alignment."""
    return how in ("centerscale", "pca-centerscale", "tvn-centered")


def fit_alignment(
    controls: Array, batch: Array, n_batches: int, how: str, progress: Progress | None = None
) -> Alignment:
    """Find how to move the vectors so that the controls of all batches coincide.

    Parameters
    ----------
    controls : float (n, d)
        Vectors of the controls of all batches.
    batch : int (n,)
        The batch of each, below `n_batches`; see `controls_needed`.
    how : {"none", "centerscale", "pca-centerscale", "tvn", "tvn-centered"}
        ``centerscale``: per batch, subtract the controls' mean and divide by their population
        standard deviation (a deviation of 0 counts as 1). ``pca-centerscale``: rotate onto the
        principal components of all controls first. ``tvn``: center and scale over all batches,
        rotate, center and scale again, then give the controls of each batch the same covariance;
        their means stay where they are. ``tvn-centered`` (not in the reference): subtract the
        mean of each batch's controls first, then do as ``tvn`` does.
        Components along which the controls do not vary at all are left out.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.
    """
    controls_needed(how)
    report = _reporter(progress, f"fitting the alignment to {len(controls):,} controls")
    stay = _unmoved(controls.shape[1], n_batches)
    if how == "none":
        return stay
    if how == "centerscale":
        return _centered_and_scaled(stay, controls, batch, report)
    if how == "pca-centerscale":
        mean, rotation = _principal_components(controls, report)
        rotated = replace(stay, mean=mean, rotation=rotation, **_neutral(rotation, n_batches))
        return _centered_and_scaled(rotated, controls, batch, report)
    if how == "tvn-centered":
        return _centered_typical_variation(controls, batch, n_batches, report)
    return _typical_variation(controls, batch, n_batches, report)


def _centered_typical_variation(
    controls: Array, batch: Array, n_batches: int, report: Report
) -> Alignment:
    means = np.zeros((n_batches, controls.shape[1]))
    centered = np.empty_like(controls)
    for b in np.unique(batch):
        here = batch == b
        means[b] = controls[here].mean(axis=0, dtype=np.float64)
        centered[here] = controls[here] - means[b]
    fitted = _typical_variation(centered, batch, n_batches, report)
    assert fitted.rotation is not None
    # the batches' means are a part of their centers; what all have in common is subtracted first,
    # so that a large number costs no digits
    common = means[np.unique(batch)].mean(axis=0)
    center = fitted.center + (means - common) @ fitted.rotation
    return replace(fitted, mean=fitted.mean + common, center=center)


def _typical_variation(controls: Array, batch: Array, n_batches: int, report: Report) -> Alignment:
    everywhere = np.zeros_like(batch)
    first = _centered_and_scaled(_unmoved(controls.shape[1], 1), controls, everywhere, report)
    shift, rotation = _principal_components(first.transform(controls, everywhere), report)
    # both scalings are the same for all batches, so they become part of mean and rotation
    mean, rotation = first.center[0] + shift * first.scale[0], rotation / first.scale[0][:, None]
    rotated = replace(first, mean=mean, rotation=rotation, **_neutral(rotation, 1))
    second = _centered_and_scaled(rotated, controls, everywhere, report)
    scaled = replace(
        second,
        center=np.repeat(second.center, n_batches, axis=0),
        scale=np.repeat(second.scale, n_batches, axis=0),
    )
    return replace(scaled, root=_inverse_roots(scaled, controls, batch, n_batches, report))


def align_vectors(
    vectors: Array, batch: Array, is_control: Array, how: str, batch_names: Sequence[str]
) -> Array:
    """Align vectors by the controls among them, see `fit_alignment`.

    Parameters
    ----------
    vectors : float (n, d)
    batch : int (n,)
        Index into `batch_names`.
    is_control : bool (n,)

    Returns
    -------
    numpy.ndarray
        float32 (n, d'), d' <= d.

    Raises
    ------
    MapError
        If a batch has no control (for ``tvn``: fewer than two; it is named), or `how` is unknown.
    """
    if how == "none":
        return np.asarray(vectors, dtype=np.float32)
    lacking = lacking_controls(batch, is_control, len(batch_names), controls_needed(how))
    if len(lacking):
        raise MapError(lacking_in_words([batch_names[b] for b in lacking], how, "EMPTY_control"))
    controls = np.asarray(vectors)[is_control]
    alignment = fit_alignment(controls, batch[is_control], len(batch_names), how)
    return alignment.transform(np.asarray(vectors), batch).astype(np.float32)


def lacking_controls(batch: Array, is_control: Array, n_batches: int, n_needed: int) -> Array:
    """Batches that have wells but fewer controls than needed."""
    n_controls = np.bincount(batch[is_control], minlength=n_batches)
    n_wells = np.bincount(batch, minlength=n_batches)
    return np.flatnonzero((n_wells > 0) & (n_controls < n_needed))


def lacking_in_words(names: Sequence[str], how: str, control: str) -> str:
    shown = some(names)
    needed = controls_needed(how)
    count = f"No {control} well" if needed == 1 else f"Fewer than {needed} {control} wells"
    return f"{count} with a vector to align by in {shown}."


def _precision(vectors: Array) -> type[np.floating[Any]]:
    return np.float32 if vectors.dtype == np.float32 else np.float64


def _unmoved(d: int, n_batches: int) -> Alignment:
    return Alignment(np.zeros(d), None, np.zeros((n_batches, d)), np.ones((n_batches, d)))


def _neutral(rotation: Array, n_batches: int) -> dict[str, Array]:
    """Center and scale that change nothing, of as many dimensions as are left."""
    shape = (n_batches, rotation.shape[1])
    return {"center": np.zeros(shape), "scale": np.ones(shape)}


def _principal_components(controls: Array, report: Report) -> tuple[Array, Array]:
    """Mean (d,) of the controls, and their components (d, d'), the strongest first."""
    mean = controls.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((controls.shape[1], controls.shape[1]))
    for start in range(0, len(controls), _FITTED):
        report(start, len(controls))
        centered = controls[start : start + _FITTED] - mean
        scatter += centered.T @ centered
    variances, components = np.linalg.eigh(scatter / len(controls))
    # Fewer controls than dimensions leave directions of no variance: noise over noise
    # if they were scaled to 1 like the others.
    kept = variances > variances[-1] * len(variances) * np.finfo(np.float64).eps * 16
    if not kept.any():
        kept = np.ones_like(kept)
    return mean, components[:, kept][:, ::-1]


def _centered_and_scaled(
    alignment: Alignment, controls: Array, batch: Array, report: Report
) -> Alignment:
    """Center and scale each batch by its controls, after what the alignment does already."""
    center, scale = alignment.center.copy(), alignment.scale.copy()
    batches = np.unique(batch)
    for done, b in enumerate(batches):
        report(done, len(batches))
        block = alignment._transformed(controls[batch == b], batch[batch == b])
        center[b], scale[b] = block.mean(axis=0), block.std(axis=0)
        scale[b][scale[b] <= 10 * np.finfo(np.float64).eps * np.abs(center[b])] = 1
    return replace(alignment, center=center, scale=scale)


def _inverse_roots(
    alignment: Alignment, controls: Array, batch: Array, n_batches: int, report: Report
) -> Array:
    """Symmetric inverse roots of the covariances of the batches' controls: (batches, d', d')."""
    d = alignment.center.shape[1]
    roots = np.tile(np.eye(d, dtype=np.float32), (n_batches, 1, 1))
    batches = np.unique(batch)
    for done, b in enumerate(batches):
        report(done, len(batches))
        block = alignment._transformed(controls[batch == b], batch[batch == b])
        covariance = np.atleast_2d(np.cov(block, rowvar=False, ddof=1))
        variances, axes = np.linalg.eigh(covariance + _RIDGE * np.eye(d))
        roots[b] = (axes / np.sqrt(variances)) @ axes.T
    return roots


def _reporter(progress: Progress | None, text: str) -> Report:
    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, text)

    return report

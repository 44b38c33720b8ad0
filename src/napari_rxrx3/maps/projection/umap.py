"""UMAP of a map: made by umap-learn in a process of its own, and kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.projection.projection import Projection, entries_in_words
from napari_rxrx3.maps.projection.umap_worker import run_umap

if TYPE_CHECKING:
    from napari_rxrx3.data.cache.disk_cache import DiskCache
    from napari_rxrx3.maps.entries import Entries

__all__ = ["HOW_TO_GET_UMAP", "UmapSettings", "has_umap", "how_long", "umap"]

Array = np.ndarray[Any, Any]

_PACKAGE = "umap-learn"
_python = f'"{sys.executable}"' if " " in sys.executable else sys.executable or "python"
HOW_TO_GET_UMAP = (
    f"UMAP needs the package {_PACKAGE}, which is not installed. To install it: "
    f'{_python} -m pip install "napari-rxrx3[umap]"'
)

_LONG = 200_000
_ENTRIES_A_MINUTE = 40_000
_FEWEST = 3
_MOST_NEIGHBORS = 1000
_NUMBERS_A_BLOCK = 2**20


@dataclass(frozen=True, kw_only=True)
class UmapSettings:
    """Parameters of UMAP (McInnes, Healy and Melville 2018); the metric is the cosine."""

    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 0

    def check(self) -> None:
        """Refuse what UMAP cannot use.

        Raises
        ------
        MapError
        """
        if not 2 <= self.n_neighbors <= _MOST_NEIGHBORS:
            raise MapError(f"UMAP takes 2 to {_MOST_NEIGHBORS} neighbors, not {self.n_neighbors}.")
        if not 0 <= self.min_dist <= 1:
            raise MapError(f"UMAP takes a minimum distance of 0 to 1, not {self.min_dist:g}.")
        if not 0 <= self.seed < 2**32:
            raise MapError(f"The seed of UMAP is a number from 0 to {2**32 - 1}, not {self.seed}.")

    @property
    def words(self) -> str:
        return (
            f"cosine, {self.n_neighbors} neighbors, min. distance {self.min_dist:g}, "
            f"seed {self.seed}"
        )


def has_umap() -> bool:
    """Whether umap-learn is installed; it is not loaded."""
    return bool(_umap_version())


def how_long(n_entries: int) -> str:
    """A sentence on how long UMAP may take; empty where that is a few minutes."""
    if n_entries <= _LONG:
        return ""
    minutes = n_entries / _ENTRIES_A_MINUTE
    about = f"{10 * round(minutes / 10)} minutes" if minutes < 90 else f"{minutes / 60:.0f} hours"
    return f"UMAP of {n_entries:,} entries may take {about} or more; it can be stopped at any time."


def umap(
    phenomap: Entries, settings: UmapSettings | None = None, progress: Progress | None = None
) -> Projection:
    """Project a map by UMAP: entries that are alike in all dimensions are drawn near each other.

    It starts from the principal components, and the same seed gives the same picture. The work is
    done by another process, which ends at once when `progress` raises. The result is kept in the
    cache of the data set.

    Parameters
    ----------
    settings : UmapSettings, optional
    progress : callable, optional
        Called with (done, total, text), ten times a second; may raise to stop.

    Raises
    ------
    MapError
        If umap-learn is not installed, fails, or there are fewer than three entries with a
        direction.
    """
    settings = settings or UmapSettings()
    settings.check()
    installed = _umap_version()
    if not installed:
        raise MapError(HOW_TO_GET_UMAP)
    has_direction = phenomap.inverse_norms > 0
    key = (
        f"{phenomap.fingerprint}|umap-learn {installed}|{settings}" if phenomap.fingerprint else ""
    )
    positions = _kept(phenomap.cache, key, len(has_direction))
    if positions is None:
        positions = _computed(phenomap, has_direction, settings, progress)
        if key:
            phenomap.cache.save("projections", key, {"positions": positions})
    n = int(has_direction.sum())
    words = f"UMAP of {entries_in_words(phenomap, n)}, {settings.words}"
    n_missing = int(np.isnan(positions[:, 0]).sum())
    return Projection(positions, "UMAP", words, ("UMAP 1", "UMAP 2"), n_missing)


def _umap_version() -> str:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return ""


def _kept(cache: DiskCache, key: str, n: int) -> Array | None:
    stored = cache.load("projections", key) if key else None
    positions = None if stored is None else stored.get("positions")
    if positions is None or positions.shape != (n, 2) or positions.dtype != np.float32:
        return None
    return positions


def _computed(
    phenomap: Entries, has_direction: Array, settings: UmapSettings, progress: Progress | None
) -> Array:
    n = int(has_direction.sum())
    if n < _FEWEST:
        raise MapError(
            f"UMAP needs at least {_FEWEST} entries with a vector, and this map has {n}; "
            "choose PCA."
        )
    positions = np.full((len(has_direction), 2), np.nan, dtype=np.float32)
    shape = n, phenomap.vectors.shape[1]
    blocks = _directions(phenomap, has_direction)
    positions[has_direction] = run_umap(blocks, shape, asdict(settings), progress)
    return positions


def _directions(phenomap: Entries, has_direction: Array) -> Iterator[Array]:
    """The vectors that have a direction, as unit vectors, block by block."""
    vectors = np.asarray(phenomap.vectors)
    size = max(1, _NUMBERS_A_BLOCK // vectors.shape[1])
    for start in range(0, len(vectors), size):
        here = np.flatnonzero(has_direction[start : start + size]) + start
        yield vectors[here] * phenomap.inverse_norms[here, None]

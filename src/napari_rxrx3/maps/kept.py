"""The maps of a data set that were asked for last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_rxrx3.maps.build import build_phenomap
from napari_rxrx3.maps.phenomap import MapSpec, PhenoMap

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["KeptMaps"]

Progress = Callable[[int, int, str], None]

_KEPT = 8


class KeptMaps:
    """Builds each map once while it is among the last few; safe to use from many threads."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._maps: dict[MapSpec, PhenoMap] = {}
        self._building: dict[MapSpec, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, spec: MapSpec, progress: Progress | None = None) -> PhenoMap:
        """The map of a spec whose embedding is named."""
        with self._lock:
            alone = self._building.setdefault(spec, threading.Lock())
        with alone:  # one builds this map, who else wants it waits
            phenomap = self._taken(spec) or build_phenomap(self._dataset, spec, progress)
            self._keep(spec, phenomap)
            return phenomap

    def _taken(self, spec: MapSpec) -> PhenoMap | None:
        with self._lock:
            return self._maps.pop(spec, None)

    def _keep(self, spec: MapSpec, phenomap: PhenoMap) -> None:
        with self._lock:
            self._maps[spec] = phenomap
            while len(self._maps) > _KEPT:
                del self._maps[next(iter(self._maps))]

"""The parts of the benchmark: each runs in a process of its own and gives rows and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.settings import SETTINGS, Settings
from benchmarks.timing import Row, Timing

__all__ = ["PARTS", "Curve", "Found", "run"]


@dataclass(frozen=True)
class Curve:
    """Cost as the work grows: seconds by size, for each line of one plot."""

    key: str
    title: str
    x_label: str
    lines: Mapping[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Found:
    """What a part measured.

    Attributes
    ----------
    facts : list of str
        How it was measured, a sentence each.
    peers : dict of str to Timing
        By the keys of other parts' rows: how long a peer takes for the same.
    peer_notes : dict of str to str
        Why there is no such number.
    """

    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    peers: dict[str, Timing] = field(default_factory=dict)
    peer_notes: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows": [row.as_dict() for row in self.rows],
            "curves": [vars(curve) for curve in self.curves],
            "facts": self.facts,
            "peers": {key: vars(timing) for key, timing in self.peers.items()},
            "peer_notes": self.peer_notes,
        }

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Found:
        return Found(
            [Row.from_dict(row) for row in stored["rows"]],
            [Curve(**curve) for curve in stored["curves"]],
            list(stored["facts"]),
            {key: Timing(**timing) for key, timing in stored["peers"].items()},
            dict(stored["peer_notes"]),
        )


PARTS = {
    "activation": "benchmarks.activation:activation",
    "core-clicks": "benchmarks.clicks:core_clicks",
    "tar-clicks": "benchmarks.clicks:tar_clicks",
    "plate-map": "benchmarks.plate_map:plate_map",
    "arrow-key": "benchmarks.arrow_key:arrow_key",
    "core-overview": "benchmarks.overview:core_overview",
    "tar-overview": "benchmarks.overview:tar_overview",
    "core-neighbors": "benchmarks.thumbnails:core_neighbors",
    "tar-neighbors": "benchmarks.thumbnails:tar_neighbors",
    "opening": "benchmarks.opening:opening",
    "growth": "benchmarks.opening:growth",
    "tar-index": "benchmarks.tar_index:tar_index",
    "search": "benchmarks.search:search",
    "map-numbers": "benchmarks.map_numbers:map_numbers",
    "map-view": "benchmarks.map_view:map_view",
    "heat-map": "benchmarks.heat_map:heat_map_view",
    "soak": "benchmarks.soak:soak",
    "ome-zarr": "benchmarks.ome_zarr:ome_zarr",
    "clusters-plotter": "benchmarks.clusters_plotter:clusters_plotter",
}
"""In the order of the table."""


def run(name: str, settings: str) -> dict[str, Any]:
    """Run a part in this process."""
    module, _, function = PARTS[name].partition(":")
    part: Callable[[Settings], Found] = getattr(import_module(module), function)
    return part(SETTINGS[settings]).as_dict()

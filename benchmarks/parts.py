"""The parts of the benchmark: each runs in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from benchmarks.machine import current_commit
from benchmarks.results import PartResult
from benchmarks.settings import SETTINGS, Settings

__all__ = ["PARTS", "PEER_PARTS", "run"]

PARTS = {
    "activation": "benchmarks.opening:activation",
    "core-clicks": "benchmarks.clicks:core_clicks",
    "tar-clicks": "benchmarks.clicks:tar_clicks",
    "plate-map": "benchmarks.plate_map:plate_map",
    "arrow-key": "benchmarks.stress:arrow_key",
    "core-overview": "benchmarks.thumbnails:core_overview",
    "tar-overview": "benchmarks.thumbnails:tar_overview",
    "core-neighbors": "benchmarks.thumbnails:core_neighbors",
    "tar-neighbors": "benchmarks.thumbnails:tar_neighbors",
    "core-candidates": "benchmarks.candidates:core_candidates",
    "tar-candidates": "benchmarks.candidates:tar_candidates",
    "opening": "benchmarks.opening:opening",
    "growth": "benchmarks.opening:growth",
    "tar-index": "benchmarks.opening:tar_index",
    "remote-core": "benchmarks.remote:remote_core",
    "remote-tar": "benchmarks.remote:remote_tar",
    "passes": "benchmarks.passes:passes",
    "zarr-export": "benchmarks.plates_zarr:zarr_export",
    "zarr-reading": "benchmarks.plates_zarr:zarr_reading",
    "cells": "benchmarks.cells:cells",
    "search": "benchmarks.vectors:search",
    "map-numbers": "benchmarks.vectors:map_numbers",
    "gene-sets": "benchmarks.evidence:gene_sets",
    "dose-response": "benchmarks.evidence:dose_response",
    "map-view": "benchmarks.map_view:map_view",
    "heat-map": "benchmarks.map_view:heat_map_view",
    "soak": "benchmarks.stress:soak",
    "ome-zarr": "benchmarks.peers:ome_zarr",
    "clusters-plotter": "benchmarks.peers:clusters_plotter",
}
"""In the order of the table."""

PEER_PARTS = ("ome-zarr", "clusters-plotter")
"""Parts that measure nothing of ours."""


def run(name: str, settings: str) -> dict[str, Any]:
    """Run a part in this process."""
    commit = current_commit()
    module, _, function = PARTS[name].partition(":")
    part: Callable[[Settings], PartResult] = getattr(import_module(module), function)
    return replace(part(SETTINGS[settings]), commit=commit).as_dict()

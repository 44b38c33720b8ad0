"""What is installed, what it runs on, what is open and what was chosen, without any path."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from napari_rxrx3.core.display import DEFAULT_TAGS, display
from napari_rxrx3.data.cache.budgets import budgets

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["Facts", "of_computer", "of_dataset", "of_settings", "of_versions"]

Facts = dict[str, str]

_PACKAGES = (
    *("napari-rxrx3", "napari", "npe2", "vispy", "qtpy", "superqt", "PyQt5", "PyQt6", "PySide6"),
    *("numpy", "pandas", "dask", "pyarrow", "scipy", "imagecodecs", "pillow", "tifffile"),
    *("fsspec", "psygnal", "pydantic", "magicgui", "matplotlib", "rdkit", "umap-learn"),
)
_PUBLISHED = re.compile(r"embeddings|(?:OpenPhenom|Phenom\w*)_rxrx3(?:_core)?_embeddings", re.I)
"""Names of vectors that came with a data set; others are names of files of a user."""
_KINDS = ("gene", "compound")


def of_versions() -> Facts:
    """The versions of Python and of what matters here, as far as it is installed."""
    found = {"Python": f"{platform.python_version()} ({platform.python_implementation()})"}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def of_computer() -> Facts:
    """The system and its processor; no name of the computer."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    with suppress(OSError, AttributeError):
        system = f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {system}"
    bits = "64" if sys.maxsize > 2**32 else "32"
    return {
        "System": system,
        "Python": f"{bits} bit, {_kind_of_python()}",
        "Cores": str(os.cpu_count() or "unknown"),
        "Encoding of files": sys.getfilesystemencoding(),
    }


def _kind_of_python() -> str:
    if getattr(sys, "frozen", False):
        return "in an application"
    if os.environ.get("CONDA_PREFIX"):
        return "of conda"
    return "in a virtual environment" if sys.prefix != sys.base_prefix else "of the system"


def of_dataset(dataset: Dataset | None) -> Facts:
    """How large a data set is and what it consists of; nothing is read for it."""
    if dataset is None:
        return {"Open": "nothing"}
    contents, wells, plates = dataset.contents, dataset.known_wells, dataset.listed.slices
    scheme, is_remote, _ = dataset.address.partition("://")
    return {
        "Place": scheme if is_remote else "local",
        "Wells": f"{len(wells):,} on {len(plates):,} plates",
        "Experiments": _counted(Counter(map(_kind, {plate.experiment for plate in plates}))),
        "Wells with images": f"{int(wells['has_image'].sum()):,}",
        "Tables of metadata": str(len(contents.metadata)) if dataset.has_metadata else "none",
        "Images in": _counted(
            {
                "tar": len(contents.tars),
                "zip": len(contents.zips),
                "folder": len(contents.folders),
                "shard": len(contents.shards),
            }
        ),
        "Vectors": _of_vectors(dataset),
        "Files that cannot be read": str(len(contents.unreadable)),
        "Problems": _counted(Counter(problem.kind for problem in dataset.problems)),
    }


def _kind(experiment: str) -> str:
    kind = experiment.partition("-")[0]
    return kind if kind in _KINDS else "other"


def _of_vectors(dataset: Dataset) -> str:
    """Their dimensions, by names that say nothing of the user."""
    found = [
        f"{name if _PUBLISHED.fullmatch(name) else f'table {number}'}: {table.dimension}"
        for number, (name, table) in enumerate(dataset.embeddings.items(), start=1)
    ]
    state = "" if dataset.vectors_are_read else " (not read yet)"
    return ", ".join(found) + state if found else "none"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {kind}" for kind, n in sorted(counts.items()) if n) or "none"


def of_settings() -> Facts:
    """What was chosen in the preferences; of the tags only whether they are others."""
    disk = budgets.disk_bytes
    return {
        "Colors": display.palette,
        "Contrast at the start": display.contrast_rule,
        "Wells side by side": f"{display.tile_size} pixels",
        "Candidates": f"{display.candidate_size} points, "
        + ("whole wells" if display.shows_whole_candidates else "pieces of wells"),
        "Width of a pixel where no image tells": f"{display.pixel_size_um:g} µm",
        "Tags": "as they come" if display.tags == DEFAULT_TAGS else "renamed or recolored",
        "Room on disk": "as chosen last, or 2 GB" if disk is None else f"{disk / 1e9:g} GB",
        "Images in memory": f"{budgets.memory_bytes / 1e6:g} MB",
    }

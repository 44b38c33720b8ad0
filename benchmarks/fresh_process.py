"""What is measured in a process of its own from the first import on.

Nothing heavy is imported at the top, so that no import is left out of what is measured.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.measuring import resident_mb, timed

__all__ = ["HEAVY", "activate", "open_in_pandas", "open_in_window"]

HEAVY = ("pandas", "pyarrow", "dask", "scipy", "imagecodecs", "sklearn", "rdkit", "matplotlib")

_PLUGIN, _WIDGET = "napari-rxrx3", "RxRx3 Explorer"


def activate() -> dict[str, object]:
    """Dock an empty widget, then our explorer; until Qt has nothing more to do."""
    import napari
    from npe2 import PluginManager
    from qtpy.QtWidgets import QApplication, QWidget

    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    QApplication.processEvents()
    window = viewer.window
    offered = PluginManager.instance().get_manifest(_PLUGIN).contributions
    command = next(one.command for one in offered.widgets if one.display_name == _WIDGET)
    module = next(one.python_name for one in offered.commands if one.id == command).split(":")[0]

    def dock_nothing() -> None:
        window.add_dock_widget(QWidget(), name="empty", area="right")
        QApplication.processEvents()

    def dock_explorer() -> None:
        window.add_plugin_dock_widget(_PLUGIN, _WIDGET)
        QApplication.processEvents()

    floor = timed(dock_nothing)
    before = set(sys.modules)
    loading = timed(lambda: import_module(module))
    docking = timed(dock_explorer)
    new = set(sys.modules) - before
    return {
        "loading": loading,
        "docking": docking,
        "floor": floor,
        "modules": len(new),
        "loaded": [name for name in HEAVY if name in new],
    }


def open_in_window(folder: str, cache: str) -> dict[str, float]:
    """Open a data set in a napari window with the explorer docked."""
    from benchmarks.window import Window, pump

    window = Window()
    with window.recorder.listening() as recorder:
        start = time.perf_counter()
        on_map = window.open(Path(folder), settled=False)
        dataset = window.session.dataset
        end = pump(lambda: bool(dataset.vectors_are_read))
        memory = resident_mb(Path(cache))
    longest = max(recorder.pauses(), key=lambda pause: pause.ours)
    wells = dataset.wells
    once_more = time.perf_counter()
    again = window.open(Path(folder), settled=False) - once_more
    return {
        "map": on_map - start,
        "again": again,
        "all": end - start,
        "pause": longest.ours,
        "painting": longest.painting,
        "whole": max(pause.whole for pause in recorder.pauses()),
        "collection": recorder.longest_collection,
        "memory": memory,
        "wells": len(wells),
        "vectors": int(wells["has_embedding"].sum()),
    }


def open_in_pandas(folder: str) -> dict[str, float]:
    """What one would write: read all tables into data frames and join them."""
    import numpy as np
    import pandas as pd

    start = time.perf_counter()
    wells = pd.read_csv(Path(folder, "metadata.csv"), low_memory=False)
    parts = [pd.read_parquet(path) for path in sorted(Path(folder).rglob("*.parquet"))]
    joined = wells.merge(pd.concat(parts, ignore_index=True), on="well_id", how="left")
    vectors = joined.filter(like="feature_").to_numpy(np.float32)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory": resident_mb(), "vectors": len(vectors)}

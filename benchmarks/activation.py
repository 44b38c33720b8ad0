"""What it takes to bring up the plugin in a napari that is running already."""

from __future__ import annotations

import sys

from benchmarks.parts import Found
from benchmarks.settings import Settings
from benchmarks.subprocesses import call
from benchmarks.timing import Row, Target, Timing, timed

__all__ = ["activation", "once"]

_LIMIT_S = 0.5
_HEAVY = ("pandas", "pyarrow", "dask", "scipy", "imagecodecs", "sklearn", "rdkit", "matplotlib")


def activation(settings: Settings) -> Found:
    """Each time in a new process."""
    found = [call("benchmarks.activation:once") for _ in range(max(2, settings.opens))]
    loaded = sorted({name for one in found for name in one["loaded"]})
    note = f"heavy packages that it loads: {', '.join(loaded) or 'none'}"
    return Found(
        [
            Row(
                "activation",
                "activation of the plugin after napari is up",
                "s",
                Timing.of([one["ours"] for one in found]),
                Timing.of([one["floor"] for one in found]),
                target=Target("p95", "limit", _LIMIT_S),
                notes=(note,),
            )
        ]
    )


def once() -> dict[str, object]:
    """Dock an empty widget, then our explorer; until Qt has nothing more to do."""
    import napari
    from qtpy.QtWidgets import QApplication, QWidget

    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    QApplication.processEvents()
    window = viewer.window

    def dock_nothing() -> None:
        window.add_dock_widget(QWidget(), name="empty", area="right")
        QApplication.processEvents()

    def dock_explorer() -> None:
        window.add_plugin_dock_widget("napari-rxrx3", "RxRx3 Explorer")
        QApplication.processEvents()

    floor = timed(dock_nothing)
    before = set(sys.modules)
    ours = timed(dock_explorer)
    loaded = [name for name in _HEAVY if name in sys.modules and name not in before]
    return {"ours": ours, "floor": floor, "loaded": loaded}

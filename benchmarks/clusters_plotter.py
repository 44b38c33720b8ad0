"""napari-clusters-plotter on the points of our map, in an environment of its own."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.environments import PEERS, python_of, why_missing
from benchmarks.map_view import HUGE, keys_of
from benchmarks.parts import Found
from benchmarks.points import invented
from benchmarks.settings import ROOT, Settings
from benchmarks.shown import PLOT
from benchmarks.subprocesses import PartFailed, run_python
from benchmarks.timing import Timing

__all__ = ["clusters_plotter"]

_SCRIPT = "benchmarks/peer_scripts/clusters_plotter.py"
_MEASURED = ("first", "pan", "zoom", "lasso")
_NO_HOVER = "it names no point"
_FRAMES = {False: 4, True: 1}


def clusters_plotter(settings: Settings) -> Found:
    """Have the peer plot, move and select the same points."""
    found = Found()
    python = python_of("clusters-plotter")
    for n in settings.points:
        keys = keys_of(n)
        found.peer_notes.update(dict.fromkeys(keys["hover"], _NO_HOVER))
        try:
            if python is None:
                raise PartFailed(why_missing("clusters-plotter"))
            _take_down(found, n, _measure(python, n))
        except PartFailed as error:
            why = str(error).splitlines()[-1][:200]
            for name in _MEASURED:
                found.peer_notes.update(dict.fromkeys(keys[name], why))
    return found


def _take_down(found: Found, n: int, measured: dict[str, Any]) -> None:
    for name in _MEASURED:
        seconds = measured[name] if isinstance(measured[name], list) else [measured[name]]
        found.peers.update(dict.fromkeys(keys_of(n)[name], Timing.of(seconds)))
    width, height = measured["canvas"]
    found.facts.append(
        f"{PEERS['clusters-plotter'][0]}: a plot of {width} x {height} points; before it can plot "
        f"{n:,} points they are added to napari as a layer, in {measured['layer']:.1f} s; its "
        "lasso colors that layer as well"
    )


def _measure(python: Path, n: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        points, result = Path(temporary, "points.npz"), Path(temporary, "result.json")
        invented(n).save(points)
        arguments = [ROOT / _SCRIPT, points, result, *PLOT, _FRAMES[n > HUGE]]
        run_python(python, ["-W", "ignore", *map(str, arguments)])
        measured: dict[str, Any] = json.loads(result.read_text())
        return measured

"""Other napari plugins on the same pixels and points, in environments of their own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import datasets
from benchmarks.environments import PEERS, python_of, why_missing
from benchmarks.floor import planes_of
from benchmarks.map_view import HUGE, keys_of
from benchmarks.results import PartResult, Peer, Timing
from benchmarks.settings import ROOT, Settings
from benchmarks.subprocesses import PartFailed, run_python
from benchmarks.synthetic_images import CORE, kind_of_well
from benchmarks.synthetic_points import invented
from benchmarks.window import PLOT, Window
from napari_rxrx3.core.plate import parse_address

__all__ = ["clusters_plotter", "ome_zarr"]

_SCRIPTS = ROOT / "benchmarks" / "peer_scripts"
_ROWS = {"open": f"overview {CORE}", "jumps": f"click {CORE}"}
"""What is measured of napari-ome-zarr, and the rows of ours that it belongs to."""
_NOTES = {
    "open": "until the window was painted with all of the plate, as ours; it opens the plate's "
    "metadata in that time, which ours has open",
    "jumps": "until the window was painted with the well, as ours; going there is moving the "
    "camera, with a canvas of about the same size",
}
_MEASURED = ("first", "pan", "zoom", "lasso")
_FRAMES = {False: 4, True: 1}


def ome_zarr(settings: Settings) -> PartResult:
    """Have napari-ome-zarr open the same plate and go to wells of it."""
    name = _name("ome-zarr")
    try:
        measured = _measure_plate(_python("ome-zarr"), settings)
    except PartFailed as error:
        return PartResult(peers={key: Peer(name, None, _why(error)) for key in _ROWS.values()})
    width, height = measured["canvas"]
    fact = (
        f"{name}: the same {settings.core_wells:,} wells as OME-Zarr 0.4 with four levels; it "
        f"makes {measured['layers']} layers; canvas of {width} x {height} points; wells were shown "
        f"at level {', '.join(map(str, measured['levels']))}"
    )
    took = {"open": [measured["open"]], "jumps": measured["jumps"]}
    peers = {_ROWS[key]: Peer(name, Timing.of(took[key]), note) for key, note in _NOTES.items()}
    return PartResult(facts=[fact], peers=peers)


def _measure_plate(python: Path, settings: Settings) -> dict[str, Any]:
    names = datasets.addresses(settings.core_wells)
    kind_of = {a: kind_of_well(CORE, *parse_address(a)) for a in names}
    example = {kind: address for address, kind in kind_of.items()}
    plate, width = settings.folder / "plate.zarr", _dock_width()
    with tempfile.TemporaryDirectory() as temporary:
        kinds, wells = Path(temporary, "kinds.npy"), Path(temporary, "wells.json")
        np.save(kinds, np.stack([planes_of(CORE, example[k]) for k in sorted(example)]))
        order = {kind: i for i, kind in enumerate(sorted(example))}
        wells.write_text(json.dumps({address: order[kind] for address, kind in kind_of.items()}))
        return _run(python, "ome_zarr_plate.py", [kinds, wells, plate], [width])


def _dock_width() -> int:
    """Width of the explorer beside napari's canvas."""
    window = Window()
    width = int(window.explorer.width())
    window.viewer.close()
    return width


def clusters_plotter(settings: Settings) -> PartResult:
    """Have napari-clusters-plotter plot, move and select the same points."""
    peers, facts = dict[str, Peer](), list[str]()
    for n in settings.points:
        try:
            measured = _measure_points(_python("clusters-plotter"), n)
        except PartFailed as error:
            peers |= _peers_of_map(n, {}, _why(error))
        else:
            peers |= _peers_of_map(n, measured, "")
            facts.append(_plot_fact(n, measured))
    return PartResult(facts=facts, peers=peers)


def _peers_of_map(n: int, measured: Mapping[str, Any], note: str) -> dict[str, Peer]:
    name, keys = _name("clusters-plotter"), keys_of(n)
    peers = {keys["hover"]: Peer(name, None, "it names no point")}
    for what in _MEASURED:
        took = measured.get(what)
        timing = Timing.of(np.atleast_1d(took).tolist()) if took is not None else None
        peers[keys[what]] = Peer(name, timing, note)
    return peers


def _plot_fact(n: int, measured: Mapping[str, Any]) -> str:
    width, height = measured["canvas"]
    return (
        f"{_name('clusters-plotter')}: a plot of {width} x {height} points; before it can plot "
        f"{n:,} points they are added to napari as a layer, in {measured['layer']:.1f} s; its "
        "lasso colors that layer as well"
    )


def _measure_points(python: Path, n: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        points = Path(temporary, "points.npz")
        invented(n).save(points)
        return _run(python, "clusters_plotter.py", [points], [*PLOT, _FRAMES[n > HUGE]])


def _run(
    python: Path, script: str, files: Sequence[Path], numbers: Sequence[int]
) -> dict[str, Any]:
    """Run a script on some files; the result is written into another one."""
    with tempfile.TemporaryDirectory() as temporary:
        result = Path(temporary, "result.json")
        arguments = [_SCRIPTS / script, *files, result, *numbers]
        run_python(python, ["-W", "ignore", *map(str, arguments)])
        measured: dict[str, Any] = json.loads(result.read_text())
        return measured


def _name(key: str) -> str:
    """Name and version of what an environment holds."""
    return PEERS[key][0].replace("==", " ")


def _python(name: str) -> Path:
    python = python_of(name)
    if python is None:
        raise PartFailed(why_missing(name))
    return python


def _why(error: PartFailed) -> str:
    return str(error).splitlines()[-1][:200]

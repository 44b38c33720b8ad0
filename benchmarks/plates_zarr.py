"""Plates of OME-Zarr, out and in, beside what others write and read of the same planes."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import datasets
from benchmarks.environments import PEERS, python_of, why_missing
from benchmarks.floor import planes_of
from benchmarks.measuring import timed
from benchmarks.results import PartResult, Peer, Row, Target, Timing
from benchmarks.settings import ROOT, Settings
from benchmarks.subprocesses import PartFailed, run_python
from benchmarks.synthetic_images import CORE
from napari_rxrx3.core.plate import N_COLUMNS
from napari_rxrx3.core.progress import silent
from napari_rxrx3.data.thumbnails.plate_fill import PlateFill
from napari_rxrx3.dataset import open_dataset
from napari_rxrx3.exports.plates_zarr import export_zarr, levels_of
from napari_rxrx3.exports.zarr_arrays import write_array

__all__ = ["zarr_export", "zarr_reading"]

_SCRIPTS = ROOT / "benchmarks" / "peer_scripts"
_ROUNDS = 3
_WELL_S = 0.045
"""Of one core, for a well of 512 px."""
_PEERS = {"ome-zarr-py": "ome_zarr_py.py", "ngio": "ngio_plate.py"}
_NO_PEERS = "left out on small data"
_PLATE = f"{datasets.PLATE[0]}/{datasets.PLATE[1]}"


def zarr_export(settings: Settings) -> PartResult:
    """Processor time a well: the whole export, and the writing of planes that are in memory."""
    dataset = open_dataset(datasets.passes(settings))
    wells = datasets.addresses(settings.pass_wells)
    planes = [np.stack(planes_of(CORE, address)) for address in wells]
    rounds = min(_ROUNDS, settings.repeats)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        whole = [
            _processor_time(partial(export_zarr, dataset, folder / f"whole {i}", [_PLATE]))
            for i in range(rounds)
        ]
        size = _size_of(folder / "whole 0")
        ours = [_each(_write, planes, folder) for _ in range(rounds)]
        naive = [_each(_write_with_yaozarrs, planes, folder) for _ in range(rounds)]
        floor = [_processor_time(partial(_pack_all, planes)) for _ in range(rounds)]
        peers = {name: _written_by(name, planes, folder, settings) for name in _PEERS}
    n = len(wells)
    note = (
        "processor time of one core; planes of 8 bits with four levels",
        f"a well is {size[0] / n:.1f} files, {size[1] / n / 1000:.0f} kB",
    )
    columns = {"ours": _by(ours, n), "floor": _by(floor, n), "naive": _by(naive, n)}
    what = "a well of 512 px written as OME-Zarr 0.5, its planes in memory"
    notes = (*note, "straightforward: yaozarrs alone; floor: shrinking and packing, no file")
    rows = [
        Row.of(
            "zarr export",
            "a well of 512 px exported as OME-Zarr 0.5, read from its shard",
            "s",
            {"ours": _by(whole, n)},
            Target("median", "limit", _WELL_S),
            note,
        ),
        Row.of("zarr write", what, "s", columns, notes=notes, peer=peers["ome-zarr-py"]),
        Row.of(
            "zarr write ngio", f"{what} (as above)", "s", columns, notes=note, peer=peers["ngio"]
        ),
    ]
    return PartResult(rows)


def zarr_reading(settings: Settings) -> PartResult:
    """Open an exported plate and read a well of it; read all of it for its overview."""
    dataset = open_dataset(datasets.passes(settings))
    rounds = min(_ROUNDS, settings.repeats)
    with tempfile.TemporaryDirectory() as temporary:
        export_zarr(dataset, temporary, [_PLATE], ngff="0.4")
        (plate,) = Path(temporary).iterdir()
        (plate / "wells.csv").unlink()
        first, overview = [], []
        for i in range(rounds):
            cache = Path(temporary, f"cache {i}")
            first.append(timed(partial(_open_and_read, plate, cache)))
            overview.append(_overview(plate, cache))
        peers = {name: _read_by(name, plate, settings) for name in _PEERS}
    n = settings.pass_wells
    rows = []
    for name, seconds, what in (
        ("first", first, f"a plate of OME-Zarr ({n} wells of 512 px) opened, and its first well"),
        ("overview", overview, "all wells of it, small, for its overview"),
    ):
        for peer, measured in peers.items():
            key, again = f"zarr {name} {peer}", "" if peer == "ome-zarr-py" else " (as above)"
            row = Row.of(key, f"{what}{again}", "s", {"ours": seconds}, peer=measured[name])
            rows.append(row)
    return PartResult(rows)


# --- ours, and what one would write without us ---------------------------------------------------


def _write(path: Path, planes: np.ndarray[Any, Any]) -> None:
    for number, level in enumerate(levels_of(planes)):
        write_array(path / str(number), level, "0.5")


def _pack_all(wells: Sequence[np.ndarray[Any, Any]]) -> None:
    from numcodecs import Blosc

    codec = Blosc("zstd", clevel=3, shuffle=Blosc.BITSHUFFLE)
    for planes in wells:
        for level in levels_of(planes):
            for plane in level:
                codec.encode(np.ascontiguousarray(plane))


def _write_with_yaozarrs(path: Path, planes: np.ndarray[Any, Any]) -> None:
    from yaozarrs import v05
    from yaozarrs.write.v05 import write_image

    levels = levels_of(planes)
    scales = [len(planes[0]) / len(level[0]) for level in levels]
    levels_said = [
        v05.Dataset(
            path=str(i), coordinateTransformations=[v05.ScaleTransformation(scale=[1, s, s])]
        )
        for i, s in enumerate(scales)
    ]
    axes = [v05.ChannelAxis(name="c"), *(v05.SpaceAxis(name=name) for name in "yx")]
    image = v05.Image(multiscales=[v05.Multiscale(axes=axes, datasets=levels_said)])
    chunks = (1, *planes.shape[1:])
    write_image(path, image, levels, writer="zarr", chunks=chunks, shards=planes.shape)


def _open_and_read(plate: Path, cache: Path) -> None:
    dataset = open_dataset(plate, cache)
    dataset.read(str(dataset.known_wells.index[0]))


def _overview(plate: Path, cache: Path) -> float:
    dataset = open_dataset(plate, cache)
    (name,) = dataset.images.plates
    rows = dataset.wells_of_plate(name)
    places = (rows["row"] * N_COLUMNS + rows["column"]).tolist()
    thumbnails = dataset.thumbnails_of(name)
    wells = dict(zip(places, rows.index, strict=True))
    return timed(lambda: PlateFill(dataset, name, thumbnails, wells).run(silent))


# --- peers ---------------------------------------------------------------------------------------


def _written_by(
    name: str, planes: Sequence[np.ndarray[Any, Any]], folder: Path, settings: Settings
) -> Peer:
    file = folder / "planes.npy"
    np.save(file, np.stack(planes))
    try:
        said = _asked(name, ["write", file, folder / f"by {name}"], settings)
    except PartFailed as error:
        return Peer(_called(name), None, str(error).splitlines()[-1][:200])
    note = f"{said['files']:.1f} files and {said['bytes'] / 1000:.0f} kB a well"
    return Peer(_called(name, said["version"]), Timing.of(said["seconds"]), note)


def _read_by(name: str, plate: Path, settings: Settings) -> dict[str, Peer]:
    try:
        said = _asked(name, ["read", plate], settings)
    except PartFailed as error:
        missing = Peer(_called(name), None, str(error).splitlines()[-1][:200])
        return {"first": missing, "overview": missing}
    called = _called(name, said["version"])
    note = "the smallest level of each well, from arrays to memory"
    return {
        "first": Peer(called, Timing.of(said["first"])),
        "overview": Peer(called, Timing.of(said["overview"]), note),
    }


def _asked(name: str, arguments: Sequence[str | Path], settings: Settings) -> dict[str, Any]:
    if settings.name == "quick":
        raise PartFailed(_NO_PEERS)
    python = python_of(name)
    if python is None:
        raise PartFailed(why_missing(name))
    with tempfile.TemporaryDirectory() as temporary:
        result = Path(temporary, "result.json")
        script = _SCRIPTS / _PEERS[name]
        run_python(python, ["-W", "ignore", *map(str, [script, result, *arguments])])
        measured: dict[str, Any] = json.loads(result.read_text())
    return measured


def _called(name: str, version: str = "") -> str:
    return f"{name} {version}" if version else PEERS[name][0].replace("==", " ")


# --- measuring -----------------------------------------------------------------------------------


def _processor_time(act: Callable[[], Any]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def _each(
    write: Callable[[Path, np.ndarray[Any, Any]], None],
    planes: Sequence[np.ndarray[Any, Any]],
    folder: Path,
) -> float:
    """Processor time to write each well into a folder of its own."""
    out = folder / "one by one"
    shutil.rmtree(out, ignore_errors=True)

    def all_of_them() -> None:
        for number, each in enumerate(planes):
            write(out / str(number), each)

    return _processor_time(all_of_them)


def _by(seconds: Sequence[float], n: int) -> list[float]:
    return [each / n for each in seconds]


def _size_of(folder: Path) -> tuple[int, int]:
    """Files and bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)

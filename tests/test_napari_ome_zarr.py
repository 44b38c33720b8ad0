"""Exported plates in napari-ome-zarr, which is in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import builders as b
import napari_rxrx3 as rx
from benchmarks import environments

SIZE = 128
ADDRESSES = ("B02", "C05", "AA15", "AF48")
PLACES = {"B02": (1, 1), "C05": (2, 4), "AA15": (26, 14), "AF48": (31, 47)}
WITHOUT = (0, 0)
"""A place of no well."""

READ = """
import json, sys
import numpy as np
from napari_ome_zarr._reader import napari_get_reader
path, out, size, *places = sys.argv[1:]
size, found, names = int(size), [], []
for data, options, kind in napari_get_reader(path)(path):
    assert kind == "image", kind
    whole = data[0] if isinstance(data, list) else data
    axis = options.get("channel_axis")
    names.append(options.get("name"))
    channels = range(whole.shape[axis]) if axis is not None else [None]
    for channel in channels:
        plane = whole if channel is None else whole[(slice(None),) * axis + (channel,)]
        rows = [tuple(map(int, p.split(","))) for p in places]
        found.append([
            np.asarray(plane[..., r * size:(r + 1) * size, c * size:(c + 1) * size]).squeeze()
            for r, c in rows
        ])
np.save(out, np.array(found))
flat = [n for name in names for n in (name if isinstance(name, list) else [name])]
open(out + ".json", "w").write(json.dumps(flat))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    if not environments.make("ome-zarr"):
        pytest.skip(f"napari-ome-zarr is {environments.why_missing('ome-zarr')}")
    found = environments.python_of("ome-zarr")
    assert found is not None
    return found


@pytest.mark.soak
@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_all_stains_of_each_well_are_at_its_place(
    version: str, python: Path, tmp_path: Path
) -> None:
    rows = [b.guide_row("gene-001", 1, address, "PLK1") for address in ADDRESSES]
    screen = b.Screen.of(rows, SIZE, "uint16")
    dataset = rx.open_dataset(screen.write_rxrx3(tmp_path / "data"), cache_dir=tmp_path / "cache")
    rx.export_zarr(dataset, tmp_path / "out", ngff=version)
    (plate,) = (tmp_path / "out").iterdir()
    found, names = seen(python, plate, tmp_path / "found.npy")
    assert found.shape == (6, len(ADDRESSES) + 1, SIZE, SIZE)
    for number, address in enumerate(ADDRESSES):
        planes = screen.planes[f"gene-001_1_{address}"]
        np.testing.assert_array_equal(found[:, number], np.stack(planes))
    assert not found[:, -1].any()
    assert names == [stain.name for stain in rx.STAINS]


def seen(python: Path, plate: Path, out: Path) -> tuple[np.ndarray, Any]:
    """What napari would be given: (channels, places, Y, X), and the names of the layers."""
    places = [f"{row},{column}" for row, column in [*PLACES.values(), WITHOUT]]
    command = [str(python), "-c", READ, str(plate), str(out), str(SIZE), *places]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(out), json.loads(Path(f"{out}.json").read_text())

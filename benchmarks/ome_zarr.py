"""napari-ome-zarr on the pixels of our plate, in an environment of its own."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import make_data
from benchmarks.clicks import planes_of
from benchmarks.environments import PEERS, python_of, why_missing
from benchmarks.make_data import CORE, kind_of_well
from benchmarks.parts import Found
from benchmarks.settings import ROOT, Settings
from benchmarks.subprocesses import PartFailed, run_python
from benchmarks.timing import Timing
from napari_rxrx3.core.plate import parse_address

__all__ = ["ome_zarr"]

_SCRIPT = "benchmarks/peer_scripts/ome_zarr_plate.py"
_ROWS = {"open": f"overview {CORE}", "jumps": f"click {CORE}"}
"""What it measures, and the rows of ours that it belongs to."""


def ome_zarr(settings: Settings) -> Found:
    """Have the peer open the same plate and go to wells of it."""
    python = python_of("ome-zarr")
    if python is None:
        return Found(peer_notes=dict.fromkeys(_ROWS.values(), why_missing("ome-zarr")))
    try:
        measured = _measure(python, settings)
    except PartFailed as error:
        why = f"it failed: {str(error).splitlines()[-1][:200]}"
        return Found(peer_notes=dict.fromkeys(_ROWS.values(), why))
    fact = (
        f"{PEERS['ome-zarr'][0]}: the same {settings.core_wells:,} wells as OME-Zarr 0.4 with four "
        f"levels; it makes {measured['layers']} layers; to go to a well is to move the camera"
    )
    values = {"open": [measured["open"]], "jumps": measured["jumps"]}
    return Found(
        facts=[fact], peers={_ROWS[name]: Timing.of(seconds) for name, seconds in values.items()}
    )


def _measure(python: Path, settings: Settings) -> dict[str, Any]:
    names = make_data.addresses(settings.core_wells)
    kind_of = {a: kind_of_well(CORE, *parse_address(a)) for a in names}
    example = {kind: address for address, kind in kind_of.items()}
    plate = settings.folder / "plate.zarr"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(
            folder / "kinds.npy", np.stack([planes_of(CORE, example[k]) for k in sorted(example)])
        )
        order = {kind: i for i, kind in enumerate(sorted(example))}
        wells = {address: order[kind] for address, kind in kind_of.items()}
        (folder / "wells.json").write_text(json.dumps(wells))
        result = folder / "result.json"
        files = [folder / "kinds.npy", folder / "wells.json", plate, result]
        run_python(python, [str(ROOT / _SCRIPT), *map(str, files)])
        measured: dict[str, Any] = json.loads(result.read_text())
        return measured

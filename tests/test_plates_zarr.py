"""Plates as OME-Zarr: valid, each well at its place, nothing made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaozarrs
import zarr

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.data.images.decode import shrink_to

ADDRESSES = ("B02", "AA15", "AE47")


def screen_of(size: int, dtype: str) -> b.Screen:
    rows = [b.guide_row("gene-001", 1, address, "PLK1") for address in ADDRESSES]
    rows += [b.control_row("gene-001", 2, address) for address in ADDRESSES[:2]]
    return b.Screen.of(rows, size, dtype)


def opened(screen: b.Screen, folder: Path) -> rx.Dataset:
    return rx.open_dataset(screen.write_rxrx3(folder / "data"), cache_dir=folder / "cache")


def attributes(path: Path, version: str) -> dict[str, Any]:
    if version == "0.5":
        return json.loads((path / "zarr.json").read_text())["attributes"]
    return json.loads((path / ".zattrs").read_text())


@pytest.mark.parametrize("version", ["0.5", "0.4"])
@pytest.mark.parametrize(("size", "dtype", "n_levels"), [(160, "uint8", 2), (256, "uint16", 3)])
def test_plates_are_valid_and_hold_the_planes_as_they_are(
    tmp_path: Path, version: str, size: int, dtype: str, n_levels: int
) -> None:
    screen = screen_of(size, dtype)
    summary = rx.export_zarr(opened(screen, tmp_path), tmp_path / "out", ngff=version)
    assert (summary.n_tasks, summary.n_written, summary.failures) == (2, 5, [])
    plate = tmp_path / "out" / "gene-001-Plate1.ome.zarr"
    yaozarrs.validate_zarr_store(plate)
    about = attributes(plate, version)
    about = about["ome"] if version == "0.5" else about
    assert len(about["plate"]["rows"]) == 32
    assert len(about["plate"]["columns"]) == 48
    places = {w["path"]: (w["rowIndex"], w["columnIndex"]) for w in about["plate"]["wells"]}
    assert places == {"B/02": (1, 1), "AA/15": (26, 14), "AE/47": (30, 46)}
    for address, path in zip(ADDRESSES, ("B/02", "AA/15", "AE/47"), strict=True):
        image = plate / path / "0"
        planes = np.stack(screen.planes[f"gene-001_1_{address}"])
        levels = sorted(p.name for p in image.iterdir() if p.is_dir())
        assert len(levels) == n_levels
        for number, level in enumerate(levels):
            side = size >> number
            expected = [shrink_to(plane, (side, side)) for plane in planes]
            stored = zarr.open_array(image / level, mode="r")
            assert stored.dtype == dtype
            np.testing.assert_allclose(stored[:], expected, atol=1 if number > 1 else 0)
        omero = attributes(image, version)
        omero = (omero["ome"] if version == "0.5" else omero)["omero"]
        for channel, plane in zip(omero["channels"], planes, strict=True):
            assert channel["window"]["end"] == pytest.approx(int(plane.max()), rel=0.05)
        names = [channel["label"] for channel in omero["channels"]]
        assert names == [stain.name for stain in rx.STAINS]
    wells = pd.read_csv(plate / "wells.csv").set_index("well_id")
    assert set(wells["treatment"]) == {"PLK1_guide_1"}


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_what_is_missing_is_a_gap_and_is_named(tmp_path: Path, version: str) -> None:
    screen = screen_of(128, "uint16")
    root = screen.write_rxrx3(tmp_path / "data")
    files = b.image_files(screen.by_plate()["gene-001", "1"])
    gone = [n for n in files if n.startswith(("AA15", "B02_s1_w3"))]
    for name in gone:
        del files[name]
    files["AE47_s1_w2.png"] = files["AE47_s1_w2.png"][:60]
    b.write_tar(root / "images" / "gene-001" / "Plate1.tar", files)
    dataset = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    summary = rx.export_zarr(dataset, tmp_path / "out", ["gene-001/1"], ngff=version)
    said = "\n".join(summary.failures)
    for words in ("gene-001_1_B02", "channel 3", "gene-001_1_AE47", "channel 2"):
        assert words in said
    plate = tmp_path / "out" / "gene-001-Plate1.ome.zarr"
    yaozarrs.validate_zarr_store(plate)
    assert not (plate / "AA").exists()
    image = plate / "B" / "02" / "0"
    assert "3" in attributes(image, version)["napari_rxrx3"]["missing_channels"]
    stored = zarr.open_array(image / "0", mode="r")
    assert not stored[2].any()
    if version == "0.4":
        assert stored.nchunks_initialized == 5
    np.testing.assert_array_equal(stored[3], screen.planes["gene-001_1_B02"][3])
    assert list(pd.read_csv(plate / "wells.csv")["address"]) == ["B02", "AE47"]


def test_a_plate_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    dataset = opened(screen_of(64, "uint8"), tmp_path)

    def stop(done: int, total: int, text: str) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rx.export_zarr(dataset, tmp_path / "out", progress=stop)
    assert not list((tmp_path / "out").iterdir())
    assert rx.export_zarr(dataset, tmp_path / "out").n_written == 5
    assert rx.export_zarr(dataset, tmp_path / "out").n_before == 2


def test_plates_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = opened(screen_of(64, "uint8"), tmp_path)
    asked = ["export", "zarr", dataset.address, str(tmp_path / "out"), "--plates", "gene-001/2"]
    assert main(asked) == 0
    assert "1 plate: 2 wells written." in capsys.readouterr().out
    assert main([*asked[:-1], "gene-009/1"]) == 1
    assert "gene-009/1" in capsys.readouterr().err

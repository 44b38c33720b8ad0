"""A screen that is not RxRx3, in the window: 384 wells, four stains, a table of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog

import zarr_plates as z
from napari_rxrx3.core.display import display
from napari_rxrx3.core.plate import N_COLUMNS
from napari_rxrx3.core.stains import PIXEL_SIZE_UM, STAINS
from window import Window

ADDRESSES = ("A1", "A2", "B3", "H12", "P23", "P24")
DRUGS = ("DMSO", "DMSO", "taxol", "taxol", "nocodazole", "nocodazole")
NAMES = ["Hoechst", "Tubulin", "Actin", "pH3"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "screen"
    for plate in ("BR001", "BR002"):
        z.write_plate(
            root / f"{plate}.zarr", {a: z.planes_of(plate + a) for a in ADDRESSES}, padded=True
        )
    rows = [(p, a, d) for p in ("BR001", "BR002") for a, d in zip(ADDRESSES, DRUGS, strict=True)]
    pd.DataFrame(rows, columns=["Barcode", "Position", "Drug"]).to_csv(
        root / "layout.csv", index=False
    )
    return root


@pytest.fixture
def window(standing_window: Window, folder: Path, qtbot: Any) -> Window:
    standing_window.qtbot = qtbot
    standing_window.open(folder)
    return standing_window


def planes_shown(window: Window, well_id: str) -> list[np.ndarray]:
    return window.pixels_of(well_id)


def test_it_is_asked_once_what_the_columns_say(window: Window, folder: Path) -> None:
    form = window.explorer.workspace.screen_form
    assert form is not None
    assert isinstance(form, QDialog)
    assert form.isVisible()
    assert form.columns["treatment"].currentText() == "Drug"
    assert form.columns["plate"].currentText() == "Barcode"
    ticked = [
        form.controls.item(i).text()
        for i in range(form.controls.count())
        if form.controls.item(i).checkState() == Qt.CheckState.Checked
    ]
    assert ticked == ["DMSO"]
    before = window.session.dataset
    window.click(form.use)
    window.qtbot.waitUntil(lambda: window.session.dataset is not before, timeout=60_000)
    window.settle()
    text = (folder / "napari-rxrx3.toml").read_text()
    assert 'treatment = "Drug"' in text
    assert 'values = ["DMSO"]' in text
    assert window.explorer.workspace.screen_form is None
    assert window.session.dataset.is_asked


def test_the_plate_has_its_rows_and_columns(window: Window) -> None:
    grid = window.map._grid()
    assert (grid.layout.rows, grid.layout.columns) == (16, 24)
    last = window.map.wellRect(15 * N_COLUMNS + 23)
    assert window.map.rect().contains(last)
    window.click_well("P24")
    assert window.session.well == "BR001_1_P24"


def test_stains_have_their_own_names_and_colors(window: Window) -> None:
    window.click_well("B03")
    layers = window.stains
    assert [layer.metadata["stain"] for layer in layers] == NAMES
    np.testing.assert_allclose(layers[0].colormap.colors[-1], (0, 0, 1, 1))
    buttons = window.explorer.workspace.stains.buttons
    assert [button.stain.name for button in buttons] == NAMES
    window.click(buttons[1])
    assert [layer.visible for layer in layers] == [True, False, True, True]
    window.click(buttons[1])


def test_a_well_stands_beside_its_control(window: Window) -> None:
    window.click_well("B03")
    shown = [tile.well_id for tile in window.session.tiles]
    assert shown[0] == "BR001_1_B03"
    assert shown[1] in ("BR001_1_A01", "BR001_1_A02")
    for well in shown[:2]:
        address = {"BR001_1_A01": "A1", "BR001_1_A02": "A2"}.get(well, "B3")
        for got, plane in zip(
            planes_shown(window, well), z.planes_of(f"BR001{address}"), strict=True
        ):
            np.testing.assert_array_equal(got, plane)
    assert len(window.session.limits) == 4


def test_the_whole_plate_the_difference_and_replicates(window: Window) -> None:
    window.click_well("B03")
    window.session.set_view("plate")
    window.settle()
    scene = window.explorer.workspace.overview.scene
    assert (len(scene.block.rows), len(scene.block.columns)) == (16, 24)
    window.session.set_view("well")
    window.settle()
    window.session.want_strip("replicates")
    window.settle()
    shown = {tile.well_id for tile in window.session.tiles}
    assert {"BR001_1_B03", "BR001_1_H12", "BR002_1_B03"} <= shown
    window.session.set_difference(True)
    window.settle()
    assert len(window.explorer.workspace.difference.difference.stains) == 4
    window.session.set_difference(False)
    window.settle()


def test_rxrx3_comes_back_as_it_was(window: Window) -> None:
    assert display.pixel_size_um == pytest.approx(0.325)
    window.session.open(None)
    window.settle()
    assert display.pixel_size_um == PIXEL_SIZE_UM
    assert window.explorer.workspace.layers.stains == STAINS
    assert len(window.explorer.workspace.stains.buttons) == 6


def test_a_figure_of_it_is_drawn_and_its_view_comes_back(window: Window, tmp_path: Path) -> None:
    from napari_rxrx3.figures.figure import save_figure
    from napari_rxrx3.figures.record import read_record
    from napari_rxrx3.gui.share.view_record import record_of_window

    window.click_well("B03")
    record = record_of_window(window.explorer.workspace, with_review=False)
    path = tmp_path / "figure.png"
    assert save_figure(path, window.session.dataset, record) == []
    kept = read_record(Path(f"{path}.json"))
    assert [stain.name for stain in kept.stains.table] == NAMES
    assert len(kept.limits) == 4

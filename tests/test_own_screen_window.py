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
from napari_rxrx3.data.search import SearchIndex
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


@pytest.mark.soak
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


def test_contrast_begins_as_the_file_says_where_that_suits(window: Window) -> None:
    session, stains = window.session, window.explorer.workspace.stains
    windows = tuple(limits for _, _, limits in z.FOUR)
    assert (session.contrast_rule, session.limits) == ("as its file says", windows)
    assert stains.rule == "as its file says"
    stains.rules["from controls"].trigger()
    window.settle()
    low, high = session.limits[0]
    controls = np.concatenate([z.planes_of(f"BR001{a}")[0].ravel() for a in ("A1", "A2")])
    assert (low, high) == pytest.approx(np.percentile(controls, (0.5, 99.8)))
    stains.rules["as its file says"].trigger()
    window.settle()
    assert session.limits == windows
    session.step_plate(1)
    window.settle()
    assert (str(session.plate), session.limits) == ("BR002 plate 1", windows)


@pytest.mark.soak
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
    assert window.session.pixel_um == pytest.approx(0.325)
    window.session.open(None)
    window.settle()
    assert window.session.pixel_um == display.pixel_size_um == PIXEL_SIZE_UM
    assert window.explorer.workspace.layers.stains == STAINS
    assert len(window.explorer.workspace.stains.buttons) == 6


@pytest.mark.soak
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


# --- with vectors, floating-point numbers and two fields ------------------------------------------

WELLS = [f"{row}{column}" for row in "ABC" for column in range(1, 13)]
RECEIVED = dict(zip(WELLS, ["DMSO"] * 12 + ["taxol"] * 12 + ["nocodazole"] * 12, strict=True))


def field_of(address: str, field: int) -> np.ndarray:
    """Planes around zero, as after a background was taken off: float32 (4, 64, 64)."""
    return (z.planes_of(f"{address}{'x' * field}").astype("float32") - 300) / 1000


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rich") / "screen"
    fields = {a: [field_of(a, n) for n in (1, 2)] for a in WELLS}
    z.write_plate(root / "BR003.zarr", fields)
    table = pd.DataFrame({"Position": WELLS, "Drug": [RECEIVED[a] for a in WELLS]})
    table.assign(conc_uM=1.0).to_csv(root / "wells.csv", index=False)
    random = np.random.default_rng(0)
    center = {name: random.normal(0, 3, 8) for name in ("taxol", "nocodazole")} | {"DMSO": 0}
    vectors = np.stack([center[RECEIVED[a]] + random.normal(size=8) for a in WELLS])
    named = pd.DataFrame(vectors, columns=[f"f{i}" for i in range(8)])
    named.insert(0, "Position", WELLS)
    named.to_csv(root / "profiles.csv", index=False)
    (root / "napari-rxrx3.toml").write_text(
        '[columns]\nwell = "Position"\ntreatment = "Drug"\n[controls]\nvalues = ["DMSO"]\n'
    )
    return root


@pytest.fixture
def screen(standing_window: Window, rich: Path, qtbot: Any) -> Window:
    standing_window.qtbot = qtbot
    standing_window.open(rich)
    standing_window.click_well("B3")
    return standing_window


def shows_field(window: Window, address: str, field: int) -> bool:
    well_id = f"BR003_1_{address[0]}{int(address[1:]):02d}"
    return all(map(np.array_equal, window.pixels_of(well_id), field_of(address, field)))


def test_numbers_of_any_kind_are_shown_in_the_contrast_of_the_controls(screen: Window) -> None:
    assert shows_field(screen, "B3", 1)
    assert screen.session.contrast_rule == "from controls", "0 to 900 would be black"
    for layer, (low, high) in zip(screen.stains, screen.session.limits, strict=True):
        assert -0.3 <= low < high < 0.6
        assert tuple(layer.contrast_limits) == pytest.approx((low, high))
        least, most = layer.contrast_limits_range
        assert least <= low
        assert high < most < 10, "a slider of 0 to 255 could not be used"
    screen.session.set_difference(True)
    screen.settle()
    controls = [f"A{n}" for n in range(1, 13)]
    mean = np.mean([field_of(a, 1)[0] for a in controls], axis=0)
    difference = screen.explorer.workspace.difference.difference
    (height, width) = difference.mosaic.tile_shape
    np.testing.assert_allclose(
        difference.stains[0][:height, :width], field_of("B3", 1)[0] - mean, atol=1e-5
    )
    screen.session.set_difference(False)
    screen.settle()


@pytest.mark.soak
def test_fields_are_browsed_by_button_and_key(screen: Window, tmp_path: Path) -> None:
    workspace = screen.explorer.workspace
    fields = workspace.bottom_row.fields
    assert fields.isVisible()
    assert fields.label.text() == "Field 1/2"
    limits = screen.session.limits
    screen.click(fields.on)
    screen.settle()
    assert shows_field(screen, "B3", 2)
    assert "field 2 of 2" in screen.title
    assert screen.session.limits == limits, "one contrast for all that is shown"
    for field in (1, 2):
        screen.press(screen.map, Qt.Key.Key_F)
        screen.settle()
        assert shows_field(screen, "B3", field)
    saved = tmp_path / "session.json"
    screen.explorer.share.sessions.save(str(saved))
    screen.press(screen.map, Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    screen.settle()
    assert screen.session.field == 1
    screen.explorer.share.sessions.open(str(saved))
    screen.qtbot.waitUntil(lambda: screen.session.field == 2, timeout=60_000)
    screen.settle()
    assert shows_field(screen, "B3", 2)


@pytest.mark.soak
def test_what_has_one_field_shows_no_switch(window: Window) -> None:
    assert not window.explorer.workspace.bottom_row.fields.isVisible()
    window.press(window.map, Qt.Key.Key_F)
    assert window.session.field == 1


@pytest.mark.soak
def test_keys_are_those_of_the_stains_there_are(screen: Window) -> None:
    shown = [layer.visible for layer in screen.stains]
    assert shown == [True] * 4
    screen.press(screen.map, Qt.Key.Key_4)
    assert [layer.visible for layer in screen.stains] == [True, True, True, False]
    screen.press(screen.map, Qt.Key.Key_4)
    for key in (Qt.Key.Key_5, Qt.Key.Key_6, Qt.Key.Key_9):
        screen.press(screen.map, key)
    assert [layer.visible for layer in screen.stains] == [True] * 4
    screen.press(screen.map, Qt.Key.Key_3, Qt.KeyboardModifier.ShiftModifier)
    assert [layer.visible for layer in screen.stains] == [False, False, True, False]
    screen.press(screen.map, Qt.Key.Key_3, Qt.KeyboardModifier.ShiftModifier)
    assert [layer.visible for layer in screen.stains] == [True] * 4


@pytest.mark.soak
def test_a_control_is_called_as_the_table_calls_it(screen: Window) -> None:
    assert screen.session.tiles[1].label.startswith("control: DMSO")
    assert "DMSO (control)" in screen.explorer.plate_panel.legend.accessibleDescription()
    screen.click_well("A1")
    assert screen.title.startswith("DMSO (control)")
    data = screen.session.dataset
    assert data.row("BR003_1_A01")["treatment"] == "EMPTY_control"
    (match,) = SearchIndex(data.known_wells).search("dmso")
    assert (match.kind, match.n_wells) == ("control", 12)


@pytest.mark.soak
def test_neighbors_come_from_a_table_without_treatments(screen: Window) -> None:
    data = screen.session.dataset
    assert list(data.embeddings) == ["profiles"]
    assert [p.kind for p in data.problems] == ["interpreted"]
    assert data.wells["has_embedding"].all()
    screen.session.want_strip("neighbors")
    screen.settle()
    names = " ".join(tile.label for tile in screen.session.tiles)
    assert "nocodazole" in names
    m = data.phenomap(level="perturbation", align="centerscale", leave_out=True)
    assert set(m.labels.index) == {"taxol@1", "nocodazole@1"}


@pytest.mark.soak
def test_hits_crops_and_a_script_leave_the_window(
    screen: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtWidgets import QApplication, QFileDialog

    from napari_rxrx3 import export_crops

    share, review = screen.explorer.share, screen.session.review
    screen.press(screen.map, Qt.Key.Key_H)
    screen.press(screen.explorer.hits.table, Qt.Key.Key_1)
    screen.settle()
    assert [hit.well_id for hit in review.hits.values()] == ["BR003_1_B03"]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "crops"))
    monkeypatch.setattr(export_crops, "__kwdefaults__", {**export_crops.__kwdefaults__, "size": 16})
    share.menu.aboutToShow.emit()
    assert not share.queue_crops.isEnabled()
    share.crops.trigger()
    screen.settle()
    assert screen.session.message == "1 plate: 4 crops written."
    screen.session.want_review(["BR003_1_C01", "BR003_1_C02"], "two")
    screen.settle()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "queue"))
    share.menu.aboutToShow.emit()
    share.queue_crops.trigger()
    screen.settle()
    assert screen.session.message == "1 plate: 8 crops written."
    screen.session.ask(level="perturbation", align="none")
    screen.session.choose_entries(["taxol@1"], "one")
    screen.settle()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "set"))
    share.menu.aboutToShow.emit()
    share.chosen_crops.trigger()
    screen.settle()
    assert screen.session.message == "1 plate: 48 crops written."
    screen.session.choose_entries(())
    screen.session.set_field(2)
    screen.click_well("B3")
    share.copy_script()
    script = QApplication.clipboard().text()
    assert "dataset.show_field(2)" in script
    names: dict[str, Any] = {}
    exec(script.partition("# the same in napari")[0], names)
    np.testing.assert_array_equal(names["pixels"].stains[0][:64, :64], field_of("B3", 2)[0])
    assert names["image"].dtype == np.uint8
    review.tag("BR003_1_B03", 0)

"""A store that is slow, refuses or hangs up: what the window says and does meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer

import builders as b
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.files import remote, storage
from pulse import Pulse, idle_clock
from window import Window

pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")

COMPOUND, GENE = "compound-001", "gene-001"
CONTROLS = [f"X{c:02d}" for c in range(30, 36)]


def some_rows() -> list[b.Row]:
    """Two compound plates with controls far from the rest, and a gene plate."""
    rows = []
    for plate in (1, 2):
        rows += [b.dose_row(COMPOUND, plate, f"D{c:02d}", "Aspirin", 1.0) for c in (5, 6, 7)]
        rows += [b.control_row(COMPOUND, plate, address) for address in CONTROLS]
    rows += [b.guide_row(GENE, 1, f"E{c:02d}", "PLK1", c) for c in (5, 6, 7)]
    return rows + [b.control_row(GENE, 1, address) for address in CONTROLS]


AT_MOST = "at most (a plate is looked into when it is opened)"


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    """Each plate is brighter than the one before."""
    screen = b.Screen.of(some_rows(), 32)
    for well, stack in screen.planes.items():
        plate = 2 if "_2_" in well else 3 if well.startswith(GENE) else 1
        screen.planes[well] = [plane // 4 * plate for plane in stack]
    return screen


@pytest.fixture(scope="module")
def folder(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write compound plates as loose files, the gene plate as a tar."""
    root = tmp_path_factory.mktemp("store") / "screen"
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    for (experiment, plate), planes in screen.by_plate().items():
        place = root / "images" / experiment / f"Plate{plate}"
        if experiment == GENE:
            b.write_tar(place.with_suffix(".tar"), b.image_files(planes))
        else:
            b.write_folder(place, b.image_files(planes))
    return root


@pytest.fixture
def store(folder: Path) -> Iterator[b.Store]:
    """Serve it, at an address of its own each time: no answer of the test before is remembered."""
    store = b.Store()
    with b.served(folder.parent, True, store) as url:
        store.url = f"{url}/screen"
        yield store
        store.let_go.set()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0.01, 0.01, 0.01))
    for name in ("_HEAD", "_END"):  # or a small file is all in memory
        monkeypatch.setattr(storage, name, 16)


@pytest.fixture
def window(standing_window: Window, screen: b.Screen, qtbot: Any) -> Window:
    standing_window.qtbot, standing_window.screen = qtbot, screen
    standing_window.session.open(None)
    standing_window.session.set_contrast_rule("from controls")
    standing_window.session.say("")
    return standing_window


def message(window: Window) -> str:
    return window.explorer.status.message.text()


def limits(window: Window) -> list[tuple[float, float]]:
    return [tuple(layer.contrast_limits) for layer in window.stains]


def limits_of_plate(screen: b.Screen, experiment: str, plate: int) -> list[tuple[float, float]]:
    """Return the percentiles of four controls spread over the plate, by stain."""
    stacks = [screen.planes[b.well_name(experiment, plate, CONTROLS[i])] for i in (0, 2, 3, 5)]
    return [
        pytest.approx(np.percentile(np.stack(planes), (0.5, 99.8)))
        for planes in zip(*stacks, strict=True)
    ]


# --- images ----------------------------------------------------------------------------------


@pytest.mark.soak
def test_files_that_cannot_be_read_are_named_and_the_rest_is_shown(
    window: Window, store: b.Store, screen: b.Screen
) -> None:
    well = "compound-001_1_D07"
    broken = {2: "500", 4: "drop", 5: "cut"}
    store.trouble = {f"Plate1/D07_s1_w{c}": what for c, what in broken.items()}
    window.open(store.url)
    assert window.shows("compound-001_1_D05")
    window.click_well("D07")
    for channel, (shown, plane) in enumerate(
        zip(window.pixels_of(well), screen.planes[well], strict=True), 1
    ):
        assert np.array_equal(shown, plane) == (channel not in broken)
    failures = window.explorer.workspace.picture.failures
    assert {channel for _, channel in failures} == set(broken)
    causes = {
        2: "the server answered 500 Internal Server Error",
        4: "isconnected",
        5: "not complet",
    }
    for (_, channel), error in failures.items():
        assert str(error).startswith(f"{well}, channel {channel}: ")
        assert causes[channel] in str(error)
        assert f"{store.url}/images/compound-001/Plate1/D07_s1_w{channel}.png" in str(error)
    assert message(window) == str(failures[well, 2])
    assert set(window.session.failures) == {well}
    window.click_well("D06")
    assert window.shows("compound-001_1_D06")
    store.trouble.clear()
    window.click_well("D07")
    assert window.shows(well), "it is asked again"


@pytest.mark.soak
def test_a_tar_that_is_refused_is_named_and_the_rest_works(window: Window, store: b.Store) -> None:
    window.open(store.url)
    store.trouble = {"Plate1.tar": "500"}
    window.session.go_to_plate(PlateId(GENE, 1))
    window.settle()
    for well in window.session.dataset.wells_of_plate(PlateId(GENE, 1)).index:
        window.session.select_well(well)
        window.settle()
        if well in window.session.failures:  # others were read before, as neighbors
            break
    assert window.session.failures[well].startswith(
        f"{well}, channel 1: the server answered 500 Internal Server Error "
        f"({store.url}/images/gene-001/Plate1.tar"
    )
    told = message(window).removeprefix("Contrast from each well: ")
    assert told.startswith("gene-001_1_")
    assert "the server answered 500 Internal Server Error" in told
    assert f"({store.url}/images/gene-001/Plate1.tar" in told
    assert len(window.neighbors.panel.candidates.model.neighbors) == 2, "vectors are there"
    window.qtbot.keyClick(window.map, Qt.Key.Key_PageUp)
    window.settle()
    assert window.shows("compound-001_2_D05")


# --- a server that is silent -----------------------------------------------------------------

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="Linux tells how long threads have waited"
)


@on_linux
def test_a_window_that_waits_is_noticed(qtbot: Any) -> None:
    with Pulse() as pulse:
        QTimer.singleShot(50, lambda: time.sleep(0.2))
        qtbot.wait(400)
    assert 0.1 < pulse.longest < 0.3


@on_linux
def test_a_silent_server_leaves_the_window_usable(
    window: Window, store: b.Store, screen: b.Screen, folder: Path, qtbot: Any
) -> None:
    window.open(store.url)
    store.held = {"images"}
    with Pulse() as pulse:
        for address in ("D06", "D07"):
            window.click_well(address, settled=False)
            qtbot.wait(200)
        assert store.was_asked("Plate1/D06"), "it is waited for"
        for key in (Qt.Key.Key_Right, Qt.Key.Key_PageDown, Qt.Key.Key_PageDown):
            qtbot.keyClick(window.map, key)
            qtbot.wait(200)
        assert window.session.plate == (GENE, 1), "keys are heard"
        window.explorer.open_path(f"{store.url}/images/nowhere")
        status = window.explorer.status  # what began before is told before
        qtbot.waitUntil(lambda: status.work.text().startswith("opening "))
        qtbot.wait(300)
        window.click(status.cancel)
        assert message(window) == "Stopped."
        window.explorer.open_path(str(folder))
        clock = idle_clock()
        qtbot.waitUntil(lambda: window.shows("compound-001_1_D05"), timeout=20_000)
        assert clock() < 0.5, "no thread waits for the server any more"
    assert pulse.longest < 0.05
    store.let_go.set()


# --- opening ---------------------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.parametrize(
    ("part", "what", "left"),
    [
        ("vectors.parquet", "500", f"images of 27 {AT_MOST}, no embeddings"),
        ("images/gene-001/Plate1.tar", "drop", "images of 18, embeddings of 27"),
    ],
)
def test_what_cannot_be_read_at_opening_is_named(
    window: Window, store: b.Store, part: str, what: str, left: str
) -> None:
    store.trouble = {part: what}
    window.open(store.url)
    assert message(window).startswith(f"{store.url}/{part} cannot be read (")
    assert message(window).endswith(f"screen: 27 wells on 3 plates, {left}")
    assert window.shows("compound-001_1_D05")


@pytest.mark.soak
@pytest.mark.parametrize("what", ["500", "cut"])
def test_a_store_that_gives_nothing_leaves_what_is_open(
    window: Window, store: b.Store, what: str
) -> None:
    window.open(store.url)
    store.trouble = {"/": what}
    nowhere = store.url.replace("screen", "else")
    window.explorer.open_path(nowhere)
    window.settle()
    assert message(window).startswith(f"{nowhere} cannot be read (")
    assert message(window).endswith(").")
    assert "nexpected" not in message(window)
    store.trouble.clear()
    window.click_well("D06")
    assert window.shows("compound-001_1_D06")


def test_no_server_and_no_folder_are_two_things(window: Window, store: b.Store) -> None:
    window.explorer.open_path("http://127.0.0.1:1/screen")
    window.settle()
    assert message(window).startswith("http://127.0.0.1:1/screen cannot be read (")
    assert "onnect" in message(window)
    window.explorer.open_path(f"{store.url}/nowhere")
    window.settle()
    assert message(window) == f"{store.url}/nowhere does not exist."


@pytest.mark.soak
def test_opening_can_be_stopped(window: Window, store: b.Store) -> None:
    window.open(store.url)
    status = window.explorer.status
    store.held = {"else"}
    window.explorer.open_path(store.url.replace("screen", "else"))
    window.qtbot.waitUntil(lambda: store.was_asked("else"))
    assert status.work.text().startswith("opening ")
    assert status.cancel.isVisible()
    window.click(status.cancel)
    assert not status.cancel.isVisible()
    assert message(window) == "Stopped."
    store.let_go.set()
    window.click_well("D06")
    assert window.shows("compound-001_1_D06")
    assert message(window) == "", "what was said ends with the next well"
    assert window.session.dataset.root == store.url


# --- contrast --------------------------------------------------------------------------------


@pytest.mark.soak
def test_contrast_is_that_of_the_plate_on_screen(
    window: Window, store: b.Store, screen: b.Screen
) -> None:
    store.held = {"Plate1/X"}
    window.explorer.open_path(store.url)
    window.qtbot.waitUntil(lambda: store.was_asked("Plate1/X"), timeout=20_000)
    window.qtbot.keyClick(window.map, Qt.Key.Key_PageDown)
    window.settle()
    assert limits(window) == limits_of_plate(screen, COMPOUND, 2)
    store.let_go.set()
    window.qtbot.wait(500)  # a measurement that is too late would come in a few ms
    assert window.session.plate == (COMPOUND, 2)
    assert limits(window) == limits_of_plate(screen, COMPOUND, 2)


@pytest.mark.soak
def test_contrast_follows_fast_steps_through_the_plates(
    window: Window, folder: Path, screen: b.Screen
) -> None:
    window.open(folder)
    down, up = Qt.Key.Key_PageDown, Qt.Key.Key_PageUp
    for keys, plate in (
        ([down, down], (GENE, 1)),
        ([up, down, up, up], (COMPOUND, 1)),
        ([down, up, down], (COMPOUND, 2)),
    ):
        for key in keys:
            window.qtbot.keyClick(window.map, key)
        window.settle()
        assert window.session.plate == plate
        assert limits(window) == limits_of_plate(screen, *plate)

"""The share menu: scripts, planes and sessions, by real clicks, keys and files."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from napari.settings import get_plugin_settings
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QAction, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog, QLineEdit, QMessageBox

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3._writer import write_planes
from napari_rxrx3.core.display import display
from napari_rxrx3.data import passes
from napari_rxrx3.figures.ome_tiff import PlanesError
from napari_rxrx3.figures.record import RecordError, read_record
from napari_rxrx3.gui.share.reopening import reopens_last, set_reopens_last
from napari_rxrx3.gui.share.sessions import last_session_file
from napari_rxrx3.gui.share.share_menu import ShareMenu
from napari_rxrx3.gui.strips.choices import show_alone
from napari_rxrx3.gui.work.machines import scheduler, where_in_words
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.hits.queue import Queue, QueueItem
from napari_rxrx3.hits.review import open_review
from samples import soak
from window import Window

pytestmark = pytest.mark.detail

SIZE = 64
PLK1, MTOR, CONTROL = "gene-001_1_D05", "gene-001_1_D06", "gene-001_1_C03"
OTHER = "gene-002_1_D05"
CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def a_screen(experiment: str = "gene-001") -> b.Screen:
    rows = [b.control_row(experiment, 1, f"C{c:02d}") for c in range(3, 9)]
    for column, gene in ((5, "PLK1"), (6, "MTOR"), (7, "TUBB")):
        rows.append(b.guide_row(experiment, 1, f"D{column:02d}", gene))
    return b.Screen.of(rows, SIZE)


SCREEN = a_screen()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SCREEN.write_rxrx3(tmp_path_factory.mktemp("share") / "screen")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_screen("gene-002").write_rxrx3(tmp_path_factory.mktemp("share") / "other")


@pytest.fixture
def window(standing_window: Window, folder: Path, qtbot: Any) -> Iterator[Window]:
    window = standing_window
    window.qtbot, window.screen = qtbot, SCREEN
    window.session.open(rx.open_dataset(folder))
    window.session.select_well(PLK1)
    window.settle()
    yield window
    to_start(window)


def to_start(window: Window) -> None:
    """Everything that tests change, but for the data set."""
    layers, session = window.explorer.workspace.layers, window.session
    if layers.solo is not None:
        layers.show_alone(layers.solo)
    for number, is_shown in enumerate(layers.shown, 1):
        if not is_shown:
            layers.toggle(number)
    layers.set_gamma((1.0,) * 6)
    session.set_crop(0)
    session.set_difference(False)
    session.set_contrast_rule("from controls")
    session.set_review(None)
    display.reset()
    session.open(None)
    window.settle()


@pytest.fixture
def share(window: Window) -> ShareMenu:
    return window.explorer.share


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the user chooses in file dialogs."""
    files = {"save": "", "open": "", "suggested": ""}

    def save(parent: Any, title: str, name: str, kinds: str) -> tuple[str, str]:
        files["suggested"] = name
        return files["save"], ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", save)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (files["open"], ""))
    return files


def choose(share: ShareMenu, action: QAction, window: Window) -> None:
    """Open the menu and click an entry, as far as it can be clicked."""
    share.menu.aboutToShow.emit()
    assert action.isEnabled(), action.toolTip()
    action.trigger()
    window.settle()


def look(window: Window) -> dict[str, Any]:
    """What is on screen."""
    session, workspace = window.session, window.explorer.workspace
    camera = window.viewer.scene.camera
    return {
        "tiles": session.tiles,
        "strip": session.strip,
        "view": session.view,
        "query": session.query,
        "limits": session.limits,
        "rule": session.contrast_rule,
        "selection": session.selection,
        "crop": session.crop,
        "difference": session.difference,
        "title": window.title,
        "palette": display.palette,
        "shown": workspace.layers.shown,
        "solo": workspace.layers.solo,
        "gamma": workspace.layers.gamma,
        "layers": [tuple(layer.contrast_limits) for layer in window.stains],
        "center": [round(float(x), 3) for x in camera.center],
        "zoom": round(float(camera.zoom), 4),
    }


def set_the_scene(window: Window) -> None:
    """Change as much as there is to change."""
    session, layers = window.session, window.explorer.workspace.layers
    session.want_strip("control")
    window.settle()
    assert session.tiles[0].well_id == PLK1
    session.select_wells([PLK1, MTOR])
    session.ask(k=2, metric="euclidean", level="guide", key="PLK1_guide_1")
    session.set_contrast_rule("by hand")
    session.set_limits(tuple((100.0 + i, 30_000.5 + i) for i in range(6)))
    layers.toggle(2)
    layers.toggle(5)
    layers.set_gamma((1.0, 1.0, 0.5, 1.0, 1.0, 1.0))
    display.palette = "Okabe-Ito"
    window.settle()
    window.viewer.scene.camera.zoom *= 2.5
    window.viewer.scene.camera.center = (0.0, 20.0, 30.0)
    window.settle()


# --- the menu ------------------------------------------------------------------------------------


def test_without_a_data_set_the_menu_says_what_is_missing(window: Window, share: ShareMenu) -> None:
    window.session.open(None)
    share.menu.aboutToShow.emit()
    for action in (share.figure, share.report, share.script, share.planes, share.save):
        assert not action.isEnabled()
        assert action.toolTip() == "Open a data set first."
    assert share.open.isEnabled()
    of_nothing = share.copy_script, share.save_planes, share.save_session, share.save_figure
    for act in (*of_nothing, share.save_report):
        act()
        assert window.session.message.endswith(".")


def test_of_a_plate_there_are_no_planes_and_no_figure(window: Window, share: ShareMenu) -> None:
    window.session.set_view("plate")
    window.settle()
    share.menu.aboutToShow.emit()
    assert not share.planes.isEnabled()
    assert "rather than their plate" in share.planes.toolTip()
    assert not share.figure.isEnabled()
    assert share.script.isEnabled()
    window.session.set_view("well")
    share.menu.aboutToShow.emit()
    assert share.planes.isEnabled()
    assert share.planes.toolTip().startswith("The pixels of the wells")


def test_every_entry_says_what_it_does(share: ShareMenu) -> None:
    actions = [action for action in share.menu.actions() if not action.isSeparator()]
    assert len(actions) == 13
    assert all(len(action.toolTip()) > 20 for action in actions)
    assert share.menu.toolTipsVisible()
    assert len(share.button.toolTip()) > 20


def test_a_key_copies_the_script(window: Window) -> None:
    window.session.show([(PLK1, "query"), (CONTROL, "control")])
    window.settle()
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5000)
    QApplication.clipboard().setText("before")
    window.map.setFocus()
    window.qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Y, CTRL_SHIFT)
    script = QApplication.clipboard().text()
    assert f"Tile({PLK1!r}, 'query', 0, 0)" in script
    assert f"Tile({CONTROL!r}, 'control', " in script
    assert "lines of Python were copied" in window.session.message


RUN = """
import runpy, sys
import napari, numpy as np
from napari.qt import get_qapp
from qtpy.QtCore import QTimer

def look():
    viewer = napari.current_viewer()
    layers = list(viewer.layers)
    np.savez(
        sys.argv[2],
        pixels=np.stack([layer.data for layer in layers]),
        limits=np.array([layer.contrast_limits for layer in layers]),
        visible=np.array([layer.visible for layer in layers]),
        gamma=np.array([layer.gamma for layer in layers]),
        colors=np.array([layer.colormap.colors[-1] for layer in layers]),
    )
    viewer.close()

app = get_qapp()
QTimer.singleShot(0, look)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("difference", [False, soak(True)])
def test_the_script_shows_the_same_six_layers(
    window: Window, tmp_path: Path, difference: bool
) -> None:
    window.session.set_crop(256)
    window.session.set_difference(difference)
    if difference:
        window.settle()
    else:
        set_the_scene(window)
    window.explorer.share.copy_script()
    source, result = tmp_path / "script.py", tmp_path / "layers.npz"
    source.write_text(QApplication.clipboard().text(), encoding="utf-8")
    command = [sys.executable, "-c", RUN, str(source), str(result)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    with np.load(result) as there:
        for i, layer in enumerate(window.stains):
            np.testing.assert_allclose(there["pixels"][i], layer.data, rtol=1e-5)
            np.testing.assert_allclose(there["limits"][i], layer.contrast_limits)
            assert there["visible"][i] == layer.visible
            assert there["gamma"][i] == layer.gamma
            np.testing.assert_allclose(there["colors"][i], layer.colormap.colors[-1])


# --- sessions ------------------------------------------------------------------------------------


@pytest.mark.sample
@pytest.mark.parametrize("difference", [soak(False), True])
def test_a_saved_session_brings_everything_back(
    window: Window,
    share: ShareMenu,
    answers: dict[str, str],
    other: Path,
    tmp_path: Path,
    difference: bool,
) -> None:
    window.session.set_crop(512)
    window.session.set_difference(difference)
    set_the_scene(window)
    before = look(window)
    answers["save"] = str(tmp_path / "mine")
    choose(share, share.save, window)
    saved = tmp_path / "mine.json"
    assert answers["suggested"] == "screen-session.json"
    assert window.session.message == f"Saved the session as {saved}."
    to_start(window)
    window.open(other)
    assert window.session.plate.experiment == "gene-002"
    answers["open"] = str(saved)
    choose(share, share.open, window)
    window.qtbot.waitUntil(lambda: window.session.well == PLK1, timeout=10_000)
    window.settle()
    assert look(window) == before
    assert len(window.session.tiles) == 2
    assert window.session.message.startswith("Shown as on 20")


def test_a_session_is_opened_like_a_data_set(
    window: Window, folder: Path, other: Path, tmp_path: Path, answers: dict[str, str]
) -> None:
    window.session.set_view("plate")
    window.settle()
    saved = tmp_path / "plate.json"
    window.explorer.share.sessions.save(str(saved))
    window.open(other)
    window.explorer.open_path(str(saved))
    window.qtbot.waitUntil(lambda: window.session.dataset.root == str(folder), timeout=10_000)
    window.settle()
    assert window.session.view == "plate"
    assert window.explorer.workspace.overview.scene is not None
    window.open(other)
    drop(window, saved)
    window.qtbot.waitUntil(lambda: window.session.dataset.root == str(folder), timeout=10_000)
    window.settle()
    assert window.session.view == "plate"


def drop(window: Window, path: Path) -> None:
    """Drop a file on the dock."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    place = QPointF(5, 5) if hasattr(QDropEvent, "position") else QPoint(5, 5)
    place = QPointF(5, 5) if not isinstance(place, QPointF) else place
    event = QDropEvent(
        place,
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.explorer.dropEvent(event)


def test_one_stain_in_gray_comes_back(window: Window, other: Path, tmp_path: Path) -> None:
    layers = window.explorer.workspace.layers
    layers.show_alone(4)
    window.explorer.share.sessions.save(str(tmp_path / "a.json"))
    layers.show_alone(4)
    layers.toggle(1)
    window.explorer.open_path(str(tmp_path / "a.json"))
    window.qtbot.waitUntil(lambda: layers.solo == 4, timeout=10_000)
    assert layers.shown == (False, False, False, True, False, False)
    assert window.stains[3].colormap.name == "gray"


@pytest.mark.sample
def test_a_file_that_cannot_be_opened_changes_nothing(
    window: Window, share: ShareMenu, answers: dict[str, str], tmp_path: Path
) -> None:
    before = look(window)
    newer = b'{"format": "napari-rxrx3 view", "version": 99}'
    for content, words in ((newer, "newer"), (b"{}", "no saved session"), (b"{", "damaged")):
        answers["open"] = str(b.write(tmp_path / "a.json", content))
        choose(share, share.open, window)
        assert words in window.session.message
        assert look(window) == before


def test_a_data_set_that_another_has_taken_the_place_of_changes_nothing(
    window: Window, other: Path, tmp_path: Path
) -> None:
    place = a_screen("gene-003").write_rxrx3(tmp_path / "place")
    window.open(place)
    window.explorer.share.sessions.save(str(tmp_path / "a.json"))
    window.open(other)
    before = look(window)
    shutil.rmtree(place)
    a_screen("gene-004").write_rxrx3(place)
    window.explorer.open_path(str(tmp_path / "a.json"))
    window.settle()
    assert look(window) == before
    assert window.session.dataset.root == str(other)
    assert "place has none of the wells that were saved" in window.session.message


def test_what_is_not_restored_stays_to_be_read(window: Window, other: Path, tmp_path: Path) -> None:
    place = a_screen("gene-003").write_rxrx3(tmp_path / "place")
    window.open(place)
    window.session.show([("gene-003_1_D06", "one"), ("gene-003_1_D07", "two")])
    window.settle()
    window.explorer.share.sessions.save(str(tmp_path / "a.json"))
    window.open(other)
    fewer = a_screen("gene-003")
    shutil.rmtree(place)
    b.Screen.of(fewer.rows[:-1], SIZE).write_rxrx3(place)
    window.explorer.open_path(str(tmp_path / "a.json"))
    window.qtbot.waitUntil(lambda: window.session.dataset.root == str(place), timeout=10_000)
    window.settle()
    said = "Not in this data set any more: gene-003_1_D07."
    window.qtbot.waitUntil(lambda: said in window.session.message, timeout=5000)
    assert window.session.dataset.vectors_are_read


def test_limits_are_those_on_record_even_if_the_controls_have_changed(
    window: Window, tmp_path: Path
) -> None:
    saved = tmp_path / "a.json"
    window.explorer.share.sessions.save(str(saved))
    text = saved.read_text()
    low = window.session.limits[0][0]
    assert str(low) in text
    saved.write_text(text.replace(str(low), "123.25", 1))
    window.session.open(None)
    window.explorer.open_path(str(saved))
    window.qtbot.waitUntil(lambda: window.session.well == PLK1, timeout=10_000)
    window.settle()
    assert window.session.limits[0][0] == 123.25
    assert window.stains[0].contrast_limits[0] == 123.25
    assert window.session.contrast_rule == "by hand"


def test_what_is_done_while_a_session_opens_wins(window: Window, tmp_path: Path) -> None:
    set_the_scene(window)
    saved = tmp_path / "a.json"
    window.explorer.share.sessions.save(str(saved))
    record = read_record(saved)
    to_start(window)
    window.session.open(rx.open_dataset(record.dataset.address))
    window.explorer.share.sessions.show(record, window.session.dataset)
    window.session.select_well(MTOR)
    window.settle()
    assert window.shows(MTOR)
    assert window.explorer.workspace.layers.shown == (True,) * 6


def test_a_list_under_review_is_part_of_a_session(window: Window, tmp_path: Path) -> None:
    review = open_review(window.session.dataset, "Ada", tmp_path / "hits")
    window.session.set_review(review)
    queue = Queue((QueueItem(MTOR, "one"), QueueItem(PLK1, "two")), 1, "two wells")
    review.set_queue(queue)
    window.explorer.share.sessions.save(str(tmp_path / "a.json"))
    review.set_queue(Queue())
    window.explorer.open_path(str(tmp_path / "a.json"))
    window.qtbot.waitUntil(lambda: bool(review.queue.items), timeout=10_000)
    assert review.queue == queue
    window.settle()


# --- the last session ---------------------------------------------------------------------------


@pytest.fixture
def last(window: Window) -> Path:
    path = last_session_file()
    path.unlink(missing_ok=True)
    return path


@pytest.mark.sample
def test_the_last_session_is_kept_a_moment_after_each_change(window: Window, last: Path) -> None:
    window.session.select_well(MTOR)
    window.qtbot.waitUntil(last.is_file, timeout=10_000)
    assert read_record(last).well == MTOR
    window.session.set_limits(tuple((1.0, 2.0 + i) for i in range(6)))
    window.qtbot.waitUntil(lambda: read_record(last).limits[5] == (1.0, 7.0), timeout=10_000)


def test_a_session_that_cannot_be_kept_is_said_once_and_tried_again(
    window: Window, last: Path
) -> None:
    folder = last.parent
    folder.rename(folder.with_name("away"))
    folder.write_text("no folder")
    said: list[str] = []
    window.session.message_changed.connect(said.append)
    try:
        for well in (MTOR, PLK1, MTOR):
            window.session.select_well(well)
            window.qtbot.wait(1300)
            window.settle()
        complaints = [text for text in said if "cannot be kept" in text]
        assert len(complaints) == 1
        assert complaints[0].endswith(".")
        assert window.session.well == MTOR
    finally:
        folder.unlink()
        window.session.message_changed.disconnect(said.append)
    window.session.select_well(PLK1)
    window.qtbot.waitUntil(last.is_file, timeout=10_000)
    assert read_record(last).well == PLK1


def test_the_welcome_page_offers_to_go_on(window: Window, last: Path) -> None:
    welcome = window.explorer.welcome
    window.session.select_well(MTOR)
    window.qtbot.waitUntil(lambda: last.is_file() and MTOR in last.read_text("utf-8"))
    assert not welcome.last_button.isVisible()
    window.session.open(None)
    assert welcome.last_button.isVisible()
    window.click(welcome.last_button)
    window.qtbot.waitUntil(lambda: window.session.well == MTOR)
    window.settle()
    assert window.shows(MTOR)
    last.unlink()
    window.session.open(None)
    assert not welcome.last_button.isVisible()


@pytest.fixture
def reopening(window: Window) -> Iterator[None]:
    assert reopens_last() is False
    yield
    set_reopens_last(False)


def test_the_last_session_is_opened_on_start_if_that_is_chosen(
    window: Window, share: ShareMenu, last: Path, reopening: None
) -> None:
    share.start()
    window.session.show([(MTOR, "mine"), (PLK1, "its neighbor")])
    window.settle()
    share.menu.aboutToShow.emit()
    assert not share.reopen.isChecked()
    share.reopen.trigger()
    assert reopens_last() is True
    assert [tile.well_id for tile in read_record(last).tiles] == [MTOR, PLK1]
    share.start()
    assert window.explorer.workspace.tasks.is_idle, "a data set is open: it stays"
    window.session.open(None)
    share.start()
    window.qtbot.waitUntil(lambda: len(window.session.tiles) == 2, timeout=10_000)
    window.settle()
    assert [tile.label for tile in window.session.tiles] == ["mine", "its neighbor"]
    share.menu.aboutToShow.emit()
    assert share.reopen.isChecked()


def test_no_session_is_opened_before_there_was_one(
    window: Window, share: ShareMenu, last: Path, reopening: None
) -> None:
    set_reopens_last(True)
    window.session.open(None)
    last.unlink(missing_ok=True)
    share.start()
    window.settle()
    assert window.session.dataset is None


KILLED = """
import sys
import napari
import napari_rxrx3 as rx
from napari_rxrx3.gui.docking import dock_explorer
from napari_rxrx3.gui.run import wait_until
from napari_rxrx3.gui.share.sessions import last_session_file

viewer = napari.Viewer()
explorer = dock_explorer(viewer)
explorer.session.open(rx.open_dataset(sys.argv[1]))
explorer.session.select_well(sys.argv[2])
explorer.session.show([(sys.argv[2], "one"), (None, "two")])
wait_until(lambda: explorer.is_settled and last_session_file().is_file())
print("kept", flush=True)
napari.run()
"""


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="needs a signal that cannot be caught")
def test_a_killed_program_has_kept_its_session(folder: Path, tmp_path: Path) -> None:
    places = {f"XDG_{k}_HOME": str(tmp_path / k) for k in ("STATE", "CACHE", "DATA")}
    places["NAPARI_CONFIG"] = str(tmp_path / "settings.yaml")
    command = [sys.executable, "-c", KILLED, str(folder), PLK1]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | places)
    assert process.stdout is not None
    assert any(line.startswith("kept") for line in process.stdout)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    record = read_record(tmp_path / "STATE" / "napari-rxrx3" / "last-session.json")
    assert [(tile.well_id, tile.label) for tile in record.tiles] == [(PLK1, "one"), (None, "two")]
    assert record.dataset.address == str(folder)


@pytest.mark.soak
def test_the_command_line_opens_a_session(window: Window, tmp_path: Path) -> None:
    window.session.show([(MTOR, "mine"), (PLK1, "its neighbor")])
    window.settle()
    window.explorer.workspace.layers.show_alone(1)
    saved, picture = tmp_path / "a.json", tmp_path / "a.png"
    window.explorer.share.sessions.save(str(saved))
    command = [sys.executable, "-m", "napari_rxrx3", "open", str(saved)]
    command += ["--screenshot", str(picture), "--size", "1000x700", "--theme", "dark"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    shown = iio.imread(picture)
    middle = shown[120:280, 60:500].astype(int)  # of the canvas, above the chips of the stains
    assert middle.max() > 100, "no cell is seen"
    assert np.ptp(middle, axis=-1).max() <= 40, "it is not in gray"
    saved.write_text('{"format": "napari-rxrx3 view", "version": 99}')
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 1
    assert "newer napari-rxrx3" in done.stderr


# --- reports -------------------------------------------------------------------------------------


def test_the_report_of_the_query_is_written(
    window: Window, share: ShareMenu, answers: dict[str, str], tmp_path: Path
) -> None:
    window.session.set_level("perturbation")
    window.session.select_well(PLK1)
    window.settle()
    answers["save"] = str(tmp_path / "mine")
    choose(share, share.report, window)
    assert share.report.text() == "Report of PLK1 …"
    assert answers["suggested"] == "PLK1-report.html"
    assert "<h1>PLK1</h1>" in (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert window.session.message.startswith(f"Saved mine.html in {tmp_path}.")


def test_the_card_asks_for_the_same_report(
    window: Window, answers: dict[str, str], tmp_path: Path
) -> None:
    window.session.ask(key="MTOR")
    window.turn_to(window.explorer.numbers)
    window.settle()
    answers["save"] = str(tmp_path / "mine.png")
    window.explorer.numbers.card.report.click()
    window.settle()
    assert answers["suggested"] == "MTOR-report.html"
    assert iio.imread(tmp_path / "mine.png").shape[2] >= 3


def test_of_a_single_well_its_perturbation_is_reported(
    window: Window, share: ShareMenu, answers: dict[str, str], tmp_path: Path
) -> None:
    window.session.set_level("well")
    window.settle()
    answers["save"] = str(tmp_path / "mine.html")
    choose(share, share.report, window)
    assert "<h1>PLK1</h1>" in (tmp_path / "mine.html").read_text(encoding="utf-8")


def test_what_cannot_be_reported_is_said_and_nothing_is_written(
    window: Window, share: ShareMenu, answers: dict[str, str], tmp_path: Path
) -> None:
    answers["save"] = str(tmp_path / "mine.docx")
    choose(share, share.report, window)
    assert "has no ending of a figure" in window.session.message
    assert not list(tmp_path.iterdir())


# --- planes --------------------------------------------------------------------------------------


@pytest.mark.sample
def test_the_planes_of_the_shown_wells_are_saved(
    window: Window, share: ShareMenu, answers: dict[str, str], tmp_path: Path
) -> None:
    window.session.show([(PLK1, "one"), (None, "none"), (MTOR, "two"), (PLK1, "again")])
    window.settle()
    answers["save"] = str(tmp_path / "mine.ome.tif")
    choose(share, share.planes, window)
    assert answers["suggested"] == "wells.ome.tif"
    for well in (PLK1, MTOR):
        planes = tifffile.imread(tmp_path / f"mine_{well}.ome.tif")
        np.testing.assert_array_equal(planes, SCREEN.planes[well])
    assert window.session.message == f"Saved 2 files in {tmp_path}."


def test_the_plate_is_saved_as_zarr(
    window: Window, share: ShareMenu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    choose(share, share.plate, window)
    (plate,) = tmp_path.iterdir()
    assert plate.name == "gene-001-Plate1.ome.zarr"
    assert window.session.message == f"1 plate: {len(SCREEN.rows)} wells written."
    choose(share, share.plate, window)
    assert "1 was there" in window.session.message


def test_crops_of_tagged_wells_are_saved(
    window: Window, share: ShareMenu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    share.menu.aboutToShow.emit()
    assert not share.crops.isEnabled()
    assert share.crops.toolTip().startswith("Tag wells first")
    window.session.review.tag(PLK1, 1)
    window.session.review.tag(MTOR, 2)
    choose(share, share.crops, window)
    message = window.session.message
    assert "2 left out" in message, "wells of 64 pixels have no crop of 256"
    assert PLK1 in message
    assert (tmp_path / "README.md").exists()
    for well in (PLK1, MTOR):
        window.session.review.tag(well, 0)


# --- where exports are made ----------------------------------------------------------------------


@pytest.fixture
def on_machines() -> Iterator[None]:
    """Napari keeps the choice; in the end it is this computer."""
    yield
    _keep_scheduler("")


def _keep_scheduler(address: str) -> None:
    get_plugin_settings("napari-rxrx3").machines.scheduler = address


def answer_scheduler(window: Window, text: str, is_agreed: bool = True) -> None:
    """Type an address into the dialog that is about to open."""

    def answer() -> None:
        (dialog,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QInputDialog)]
        dialog.findChild(QLineEdit).setText(text)
        (dialog.accept if is_agreed else dialog.reject)()

    QTimer.singleShot(50, answer)


def test_where_exports_are_made_is_asked_and_kept(
    window: Window, share: ShareMenu, on_machines: None
) -> None:
    share.menu.aboutToShow.emit()
    assert share.machines.text() == "Run on: this computer …"
    answer_scheduler(window, " tcp://10.0.0.5:8786 ")
    choose(share, share.machines, window)
    assert scheduler() == "tcp://10.0.0.5:8786"
    share.menu.aboutToShow.emit()
    assert share.machines.text() == "Run on: tcp://10.0.0.5:8786 …"
    answer_scheduler(window, "elsewhere", is_agreed=False)
    choose(share, share.machines, window)
    assert scheduler() == "tcp://10.0.0.5:8786"
    answer_scheduler(window, "")
    choose(share, share.machines, window)
    assert where_in_words() == "this computer"


def test_a_scheduler_that_does_not_answer_is_said_and_nothing_is_lost(
    window: Window,
    share: ShareMenu,
    on_machines: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(passes, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    _keep_scheduler("tcp://127.0.0.1:1")
    choose(share, share.plate, window)
    assert "The dask scheduler tcp://127.0.0.1:1 does not answer" in window.session.message
    assert not list(tmp_path.iterdir())
    _keep_scheduler("")
    choose(share, share.plate, window)
    assert "wells written" in window.session.message


def test_to_cancel_does_not_wait_for_a_scheduler(
    window: Window,
    share: ShareMenu,
    on_machines: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    let_go_of_cluster: list[float],
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes calls, and says nothing
        _keep_scheduler(f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        share.plate.trigger()
        window.qtbot.waitUntil(lambda: "reaching tcp" in (tasks_of(window).status or ("",) * 3)[2])
        began = time.monotonic()
        tasks_of(window).cancel_shown()
        window.qtbot.waitUntil(lambda: bool(let_go_of_cluster))
        assert let_go_of_cluster[0] - began < 0.5
    assert not list(tmp_path.iterdir())


@pytest.mark.soak
def test_workers_write_the_plate(
    window: Window,
    share: ShareMenu,
    on_machines: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=str(tmp_path / "cluster"),
    ) as cluster:
        _keep_scheduler(cluster.scheduler_address)
        choose(share, share.plate, window)
    assert window.session.message == f"1 plate: {len(SCREEN.rows)} wells written."
    assert (tmp_path / "out" / "gene-001-Plate1.ome.zarr" / "wells.csv").exists()


def tasks_of(window: Window) -> Tasks:
    return window.explorer.workspace.tasks


def test_files_that_the_dialog_has_not_asked_about_are_asked_about(
    window: Window,
    share: ShareMenu,
    answers: dict[str, str],
    tmp_path: Path,
) -> None:
    asked: list[tuple[str, Any]] = []
    reply = [QMessageBox.StandardButton.No]

    def answer() -> None:
        (box,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox)]
        asked.append((box.text(), box.textFormat()))
        window.click(box.button(reply[0]))

    window.session.show([(PLK1, "one"), (MTOR, "two")])
    window.settle()
    there = b.write(tmp_path / f"<b>mine_{MTOR}.ome.tif", b"old")
    answers["save"] = str(tmp_path / "<b>mine.ome.tif")
    QTimer.singleShot(50, answer)
    choose(share, share.planes, window)
    assert asked == [(f"{there.name} exists already. Replace it?", Qt.TextFormat.PlainText)]
    assert there.read_bytes() == b"old"
    reply[0] = QMessageBox.StandardButton.Yes
    QTimer.singleShot(50, answer)
    choose(share, share.planes, window)
    np.testing.assert_array_equal(tifffile.imread(there), SCREEN.planes[MTOR])


def test_napari_saves_the_planes_of_the_shown_wells_and_reads_them(
    window: Window, tmp_path: Path
) -> None:
    window.session.set_crop(0)
    show_alone(window.session)
    window.session.select_well(MTOR)
    window.settle()
    for layer in window.stains:
        layer.contrast_limits = (0, 9)
    path = tmp_path / "well.ome.tif"
    assert window.viewer.layers.save(str(path), plugin="napari-rxrx3") == [str(path)]
    with tifffile.TiffFile(path) as file:
        np.testing.assert_array_equal(file.asarray(), SCREEN.planes[MTOR])
        assert tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Name"] == MTOR
    (read,) = window.viewer.open(str(path), plugin="napari")
    np.testing.assert_array_equal(read.data, SCREEN.planes[MTOR])
    window.viewer.layers.remove(read)


def test_napari_s_writer_saves_wells_not_their_mosaic(window: Window, tmp_path: Path) -> None:
    window.session.show([(PLK1, "one"), (MTOR, "two")])
    window.settle()
    layers = [layer.as_layer_data_tuple() for layer in window.stains[:2]]
    files = write_planes(str(tmp_path / "a.ome.tif"), layers)
    assert [Path(file).name for file in files] == [f"a_{PLK1}.ome.tif", f"a_{MTOR}.ome.tif"]
    np.testing.assert_array_equal(tifffile.imread(files[1]), SCREEN.planes[MTOR])
    with pytest.raises(PlanesError, match=f"a_{PLK1}.ome.tif exists already"):
        write_planes(str(tmp_path / "a.ome.tif"), layers)
    window.session.set_view("plate")
    window.settle()
    layers = [layer.as_layer_data_tuple() for layer in window.stains]
    with pytest.raises(PlanesError, match="No well is shown"):
        write_planes(str(tmp_path / "b.ome.tif"), layers)


def test_layers_of_the_reader_are_written_as_they_are(folder: Path, tmp_path: Path) -> None:
    from napari_rxrx3._reader import read

    path = folder / "images" / "gene-001" / "Plate1.tar"
    layers = read(str(path))
    (file,) = write_planes(str(tmp_path / "a.ome.tif"), layers[1:4])
    with tifffile.TiffFile(file) as tiff:
        image = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
        well = image["Name"]
        np.testing.assert_array_equal(tiff.asarray(), SCREEN.planes[well][1:4])
    assert [c["Name"] for c in image["Pixels"]["Channel"]] == ["ER", "Actin", "RNA"]
    odd = (np.zeros((4, 4), "u2"), {"name": "odd"}, "image")
    with pytest.raises(PlanesError, match="Only images of one size"):
        write_planes(str(tmp_path / "b.ome.tif"), [layers[0], odd])


@pytest.mark.parametrize(
    ("shape", "is_rgb"), [((3, 4, 5), False), ((6, 4, 3), True), ((2, 6, 4, 4), True)]
)
def test_images_that_are_no_wells_can_be_saved_with_this_ending(
    window: Window, tmp_path: Path, shape: tuple[int, ...], is_rgb: bool
) -> None:
    image = np.arange(np.prod(shape), dtype="u1").reshape(shape)
    layer = window.viewer.add_image(image, name="<b>mine</b>", rgb=is_rgb)
    path = str(tmp_path / "mine.ome.tif")
    try:
        assert layer.save(path) == [path]
    finally:
        window.viewer.layers.remove(layer)
    np.testing.assert_array_equal(tifffile.imread(path), image)
    (read,) = window.viewer.open(path, plugin="napari")
    window.viewer.layers.remove(read)
    assert read.data.shape == shape


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.zeros((2, 3, 4), "i8"), "data type 'int64' not supported"),
        (np.zeros((1,) * 6, "u1"), "An image of 6 dimensions has no place in an OME-TIFF"),
    ],
)
def test_an_image_that_ome_does_not_know_is_said(tmp_path: Path, image: Any, why: str) -> None:
    with pytest.raises(PlanesError, match=why):
        write_planes(str(tmp_path / "a.ome.tif"), [(image, {"name": "odd"}, "image")])
    assert list(tmp_path.iterdir()) == []


def test_the_errors_are_ours() -> None:
    assert issubclass(RecordError, rx.RxRx3Error)
    assert issubclass(PlanesError, rx.RxRx3Error)

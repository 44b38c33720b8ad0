"""What napari opens, by its menu and by drops: with the explorer open, and without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari._qt.dialogs.qt_reader_dialog as reader_dialog
import numpy as np
import pytest
import tifffile
from PIL import Image
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog

import builders as b
from mouse import drop
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.figures.record import record_of, write_record
from napari_rxrx3.gui.explorer import ExplorerWidget
from napari_rxrx3.session import Session
from window import Window

ROWS = [
    *(b.guide_row("gene-001", plate, "B02", "PLK1") for plate in range(1, 7)),
    *(b.control_row("gene-001", plate, "B03") for plate in range(1, 7)),
]
SCREEN = b.Screen.of(ROWS, 32)
CORE = b.Screen(ROWS, {row["well_id"]: b.smooth(row["well_id"], 32) for row in ROWS})
FIRST, SECOND = "gene-001_1_B02", "gene-001_1_B03"
UNRELATED = ("photo.png", "labels.tif", "points.csv")
PLATE = "png/images/gene-001/Plate1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all that one may open."""
    folder = tmp_path_factory.mktemp("to open")
    SCREEN.write_rxrx3(folder / "tars")
    SCREEN.write_metadata(folder / "tars" / "images" / "gene-001" / "metadata.csv")
    SCREEN.write_folders(folder / "png")
    SCREEN.write_metadata(folder / PLATE / "metadata.csv")
    CORE.write_core(folder / "core", cuts=range(12, 72, 12))
    SCREEN.write_metadata(folder / "core" / "data" / "metadata_rxrx3_core.csv")
    SCREEN.write_metadata(folder / "alone" / "metadata.csv")
    SCREEN.write_embeddings(folder / "alone" / "embeddings.parquet")
    SCREEN.write_folders(folder / "other")
    others = folder / "unrelated"
    others.mkdir()
    Image.fromarray(np.zeros((9, 9, 3), "u1")).save(others / "photo.png")
    tifffile.imwrite(others / "labels.tif", np.zeros((9, 9), "u2"))
    (others / "points.csv").write_text("index,axis-0,axis-1\n0,1,2\n")
    return folder


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What napari offers to open a file with, whenever it asks; a person takes this plugin."""
    asked: list[list[str]] = []

    def choose(dialog: Any, *_: Any) -> int:
        buttons = dialog.reader_btn_group.buttons()
        asked.append([button.text() for button in buttons])
        for button in buttons:
            if "RxRx3" in button.text():
                button.click()
        return 1

    for name in ("exec", "exec_"):
        monkeypatch.setattr(reader_dialog.QtReaderDialog, name, choose)
    return asked


Way = Callable[[Any, list[Path]], None]


def by_drop(viewer: Any, paths: list[Path]) -> None:
    """Drop files on the canvas."""
    drop(viewer.window._qt_viewer, paths)


def by_menu(viewer: Any, paths: list[Path]) -> None:
    """Choose them in the dialog of napari's menu File."""
    is_folder = paths[0].is_dir()
    with pytest.MonkeyPatch.context() as patch:
        chosen = [str(path) for path in paths]
        patch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: (chosen, ""))
        patch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: chosen[0])
        menu_entry(viewer, "Open Folder" if is_folder else "Open File(s)").trigger()


def menu_entry(viewer: Any, words: str) -> QAction:
    menus = [action.menu() for action in viewer.window._qt_window.menuBar().actions()]
    (file,) = [menu for menu in menus if menu.title().replace("&", "") == "File"]
    (entry,) = [a for a in file.actions() if a.text().replace("&", "").startswith(words)]
    return entry


SOME_KINDS = ["a folder", "a tar", "six images", "six tars"]
WAYS = pytest.mark.parametrize("open_by", [by_drop, by_menu])


def sorted_files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def chosen(folder: Path, which: str) -> list[Path]:
    tars, shards = folder / "tars" / "images" / "gene-001", folder / "core" / "data"
    images = sorted_files(folder / PLATE, "B02*")
    return {
        "a folder": [folder / "tars"],
        "a folder of images": [folder / PLATE],
        "a tar": [tars / "Plate1.tar"],
        "metadata": [folder / "tars" / "metadata.csv"],
        "an image": images[2:3],
        "six images": images,
        "twelve images": sorted_files(folder / PLATE, "*.png"),
        "images and metadata": [*images, folder / PLATE / "metadata.csv"],
        "six shards": sorted_files(shards, "*.parquet"),
        "six tars": sorted_files(tars, "*.tar"),
        "metadata and shards": sorted_files(shards, "*"),
        "shards, then metadata": sorted_files(shards, "*")[::-1],
        "metadata and tars": sorted_files(tars, "*")[::-1],
        "embeddings": [folder / "alone" / "embeddings.parquet"],
        "metadata alone": [folder / "alone" / "metadata.csv"],
    }[which]


IN_EXPLORER = {
    **{"a folder": 12, "a folder of images": 2, "a tar": 2, "metadata": 12, "an image": 1},
    **{"six images": 1, "twelve images": 2, "images and metadata": 2},
    **{"six shards": 12, "six tars": 12, "metadata and shards": 12},
    **{"shards, then metadata": 12, "metadata and tars": 12},
    **{"embeddings": 0, "metadata alone": 0},
}
"""What a user may choose, and how many wells with images there are in what opens."""

AS_LAYERS = [
    *("a folder", "a tar", "six images", "twelve images", "images and metadata", "six shards"),
    *("six tars", "metadata and shards", "shards, then metadata"),
]


def opened(window: Window, act: Callable[[], None]) -> None:
    """Wait until another data set is open."""
    before = window.session.dataset
    act()
    window.qtbot.waitUntil(lambda: window.session.dataset is not before)
    window.settle()


# -- while the explorer is open -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("open_by", "kinds"),
    [(by_drop, SOME_KINDS), (by_drop, list(IN_EXPLORER)), (by_menu, SOME_KINDS)],
)
def test_what_is_of_rxrx3_goes_to_the_open_explorer(
    open_window: Callable[..., Window],
    folder: Path,
    questions: list[list[str]],
    open_by: Way,
    kinds: list[str],
) -> None:
    """As one data set, however many files of it were chosen."""
    window = open_window(folder / "other", SCREEN)
    layers = [layer.name for layer in window.viewer.layers]
    for which in kinds:
        paths = chosen(folder, which)
        opened(window, lambda: open_by(window.viewer, paths))  # noqa: B023
        wells = window.session.dataset.wells
        assert wells.index[0] == FIRST, which
        assert wells["has_image"].sum() == IN_EXPLORER[which], which
        assert [layer.name for layer in window.viewer.layers] == layers, which
        assert "elsewhere" not in window.session.message
    assert questions == []


@pytest.mark.soak
def test_several_files_can_be_dropped_on_the_dock_as_well(
    open_window: Callable[..., Window], folder: Path
) -> None:
    window = open_window(folder / "other", SCREEN)
    opened(window, lambda: drop(window.explorer, chosen(folder, "six tars")))
    assert len(window.session.dataset.plates) == 6


@pytest.mark.soak
def test_files_that_lie_far_apart_are_not_one_data_set(
    open_window: Callable[..., Window], folder: Path, tmp_path: Path
) -> None:
    window = open_window(folder / "other", SCREEN)
    far = tmp_path / "a" / "b" / "c" / "d" / "e" / "metadata.csv"
    SCREEN.write_metadata(far)
    paths = [chosen(folder, "a tar")[0], far]
    opened(window, lambda: by_drop(window.viewer, paths))
    assert window.session.dataset.root == far.as_posix()


@pytest.mark.soak
@WAYS
def test_a_saved_session_goes_to_the_open_explorer(
    open_window: Callable[..., Window], folder: Path, tmp_path: Path, open_by: Way
) -> None:
    window = open_window(folder / "tars", SCREEN)
    window.session.select_well(SECOND)
    window.settle()
    saved = tmp_path / "what I saw.json"
    window.explorer.share.sessions.save(str(saved))
    window.open(folder / "other")
    window.session.select_well(FIRST)
    window.settle()
    opened(window, lambda: open_by(window.viewer, [saved]))
    window.qtbot.waitUntil(lambda: window.session.well == SECOND)
    assert window.session.dataset.root == (folder / "tars").as_posix()


@pytest.mark.soak
@WAYS
def test_everything_else_stays_naparis(
    open_window: Callable[..., Window],
    folder: Path,
    questions: list[list[str]],
    open_by: Way,
) -> None:
    window = open_window(folder / "other", SCREEN)
    dataset = window.session.dataset
    for name in UNRELATED:
        open_by(window.viewer, [folder / "unrelated" / name])
    window.settle()
    added = [layer.name for layer in window.viewer.layers][6:]
    assert added == ["photo", "labels", "points"]
    assert window.session.dataset is dataset
    assert questions == []


@pytest.mark.soak
def test_of_a_mixture_each_takes_its_own(
    open_window: Callable[..., Window], folder: Path, questions: list[list[str]]
) -> None:
    window = open_window(folder / "other", SCREEN)
    paths = [folder / "unrelated" / "photo.png", chosen(folder, "a tar")[0]]
    opened(window, lambda: by_drop(window.viewer, paths))
    assert [layer.name for layer in window.viewer.layers][6:] == ["photo"]
    assert window.session.dataset.root.endswith("Plate1.tar")
    assert questions == []


def test_who_chooses_this_plugin_gets_the_explorer(
    open_window: Callable[..., Window], folder: Path, questions: list[list[str]]
) -> None:
    """With Alt, napari asks for the plugin in any case."""
    window = open_window(folder / "other", SCREEN)
    names = [str(path) for path in chosen(folder, "six images")]
    canvas = window.viewer.window._qt_viewer
    opened(window, lambda: canvas._qt_open(names, stack=False, choose_plugin=True))
    assert len(questions) == 1
    assert len(window.viewer.layers) == 6
    assert list(window.session.dataset.wells.index) == [FIRST]


@pytest.mark.soak
def test_a_script_gets_layers_while_the_explorer_is_open(
    open_window: Callable[..., Window], folder: Path
) -> None:
    window = open_window(folder / "other", SCREEN)
    dataset = window.session.dataset
    window.viewer.open(chosen(folder, "a tar"), plugin="napari-rxrx3")
    assert len(window.viewer.layers) == 12
    assert window.session.dataset is dataset


@pytest.mark.soak
@pytest.mark.parametrize("end", ["closed", "hidden"])
def test_napari_has_its_own_way_again_without_the_explorer(
    open_window: Callable[..., Window], folder: Path, questions: list[list[str]], end: str
) -> None:
    window = open_window(folder / "other", SCREEN)
    dataset, dock = window.session.dataset, window.explorer.parentWidget()
    if end == "closed":
        window.viewer.window.remove_dock_widget(dock)
    else:
        dock.close()
    by_drop(window.viewer, chosen(folder, "six images"))
    assert len(questions) == 1
    assert len(window.viewer.layers) == 12
    assert window.session.dataset is dataset


# -- without the explorer -------------------------------------------------------------------------


def explorers(viewer: Any) -> list[ExplorerWidget]:
    return viewer.window._qt_window.findChildren(ExplorerWidget)


@pytest.fixture
def bare(make_napari_viewer: Callable[..., Any]) -> Any:
    """Return a window of napari's own, in which nothing of ours was opened yet."""
    return make_napari_viewer(show=True)


@pytest.mark.soak
def test_files_that_are_opened_together_are_one_well(
    bare: Any, folder: Path, questions: list[list[str]]
) -> None:
    names = [f"{FIRST} {stain.name}" for stain in STAINS]
    second = [f"{SECOND} {stain.name}" for stain in STAINS]
    for open_by, kinds in ((by_drop, AS_LAYERS), (by_menu, ["a folder", "six images"])):
        for which in kinds:
            open_by(bare, chosen(folder, which))
            wanted = names + second if which == "twelve images" else names
            assert [layer.name for layer in bare.layers] == wanted, which
            bare.layers.clear()
    assert questions
    assert explorers(bare) == []


@pytest.mark.soak
def test_napari_does_not_ask_about_other_files(
    bare: Any, folder: Path, questions: list[list[str]]
) -> None:
    for name in UNRELATED:
        by_drop(bare, [folder / "unrelated" / name])
    assert len(bare.layers) == 3
    assert questions == []


@pytest.mark.parametrize("which", ["embeddings", "metadata alone", "a session"])
def test_what_has_no_images_opens_the_explorer(
    bare: Any,
    folder: Path,
    questions: list[list[str]],
    qtbot: Any,
    tmp_path: Path,
    which: str,
) -> None:
    paths = [saved_session(folder, tmp_path)] if which == "a session" else chosen(folder, which)
    by_menu(bare, paths)
    (explorer,) = explorers(bare)
    qtbot.waitUntil(lambda: explorer.session.dataset is not None)
    qtbot.waitUntil(lambda: explorer.is_settled)
    assert FIRST in explorer.session.dataset.known_wells.index
    if which == "a session":
        assert explorer.session.well == SECOND


def saved_session(folder: Path, place: Path) -> Path:
    import napari_rxrx3 as rx

    session = Session()
    session.open(rx.open_dataset(folder / "tars", place / "cache"))
    session.select_well(SECOND)
    path = place / "tars-session.json"
    write_record(path, record_of(session))
    return path

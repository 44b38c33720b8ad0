"""Faults while wells are looked at: the window says what is wrong, and everything else works."""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QAction

import builders as b
from napari_rxrx3.core.errors import CHANGED
from napari_rxrx3.core.plate import PlateId
from samples import soak
from test_faults import (
    ADDRESSES,
    ELSEWHERE,
    FIRST,
    GENE,
    Place,
    blank,
    cut,
    delete,
    fill_with_zeros,
    make_folder,
    make_pipe,
    some,
    undo,
    well_of,
)
from window import Window

pytestmark = pytest.mark.detail

WAY_OUT = "F5 opens the data set again."


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache, hits and a last session of its own."""
    for kind in ("cache", "data", "state"):
        monkeypatch.setenv(f"XDG_{kind.upper()}_HOME", str(tmp_path / "home" / kind))
    return tmp_path / "home"


@pytest.fixture
def window(standing_window: Window, qtbot: Any) -> Iterator[Window]:
    standing_window.qtbot = qtbot
    standing_window.session.open(None)
    standing_window.session.say("")
    yield standing_window
    standing_window.settle()
    standing_window.session.open(None)


@pytest.fixture(params=["tar", soak("folder"), "shard"])
def place(request: pytest.FixtureRequest, root: Path) -> Place:
    return Place(root, request.param)


def open_place(window: Window, place: Place) -> None:
    window.screen = place.screen
    window.open(place.root)
    assert window.shows(well_of(FIRST))


def message(window: Window) -> str:
    return window.explorer.status.message.text()


def press(window: Window, key: Any) -> None:
    """Press a key of the window, and wait for what comes of it."""
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
    window.map.setFocus()
    window.qtbot.keyClick(window.map, key)
    window.settle()


def reopen(window: Window) -> None:
    press(window, Qt.Key.Key_F5)


def hatched(window: Window, well: str) -> bool:
    """Whether no pixel of the well's own is in the layers."""
    planes = window.screen.planes[well]
    shown = zip(window.stains, planes, strict=True)
    return not any(np.array_equal(layer.data, plane) for layer, plane in shown)


# --- images -----------------------------------------------------------------------------------


@pytest.mark.first_example
@pytest.mark.sample
@pytest.mark.parametrize(
    ("kind", "fault"),
    some(
        [
            *(("tar", fault) for fault in (delete, cut, make_pipe, make_folder, fill_with_zeros)),
            *(("folder", fault) for fault in (delete, make_pipe)),
            *(("shard", fault) for fault in (fill_with_zeros, cut)),
        ]
    ),
)
def test_a_click_on_a_well_whose_file_broke_says_so(
    window: Window, root: Path, tmp_path: Path, kind: str, fault: Callable[[Path], None]
) -> None:
    place = Place(root, kind)
    open_place(window, place)
    file, well = place.file_of("X40"), well_of("X40")
    kept = shutil.copy2(file, tmp_path / "kept")
    fault(file)
    window.click_well("X40")
    assert window.session.well == well
    assert message(window).startswith(f"{well}, channel 1: ")
    assert file.as_posix() in message(window)
    assert WAY_OUT in message(window) or CHANGED not in message(window)
    assert "nexpected" not in message(window)
    assert well in window.session.failures
    assert not np.array_equal(window.stains[0].data, place.screen.planes[well][0])
    window.session.go_to_plate(PlateId(GENE, 2))
    window.settle()
    assert window.shows(ELSEWHERE)
    undo(file, Path(kept))
    window.session.go_to_plate(PlateId(GENE, 1))
    for address in ("Z44", "X40"):
        window.click_well(address)
        assert window.shows(well_of(address))


def test_wells_that_moved_within_their_file_are_right_after_f5(
    window: Window, place: Place
) -> None:
    open_place(window, place)
    window.click_well("X40")
    place.write(order=-1)
    for address in ("Z44", "M30", "X40", "B02"):
        window.click_well(address)
        shows = window.shows(well_of(address))
        assert shows or CHANGED in message(window)
        assert shows or hatched(window, well_of(address))
        assert shows or message(window).endswith(WAY_OUT)
    window.click_well("Z44")
    reopen(window)
    assert window.session.well == well_of("Z44")
    assert window.shows(well_of("Z44"))
    assert message(window).startswith("data set: 7 wells on 2 plates")
    for address in ADDRESSES:
        window.click_well(address)
        assert window.shows(well_of(address))


def test_other_pixels_are_shown_and_said(window: Window, place: Place) -> None:
    open_place(window, place)
    window.click_well("X40")
    window.click_well("Z44")
    place.give_other_pixels()
    window.click_well("X40")
    assert window.shows(well_of("X40"))
    assert message(window).endswith(f" has changed since it was opened. {WAY_OUT}")
    assert place.path.as_posix() in message(window)


def test_a_strip_of_a_well_on_screen_has_no_pixels_of_the_old_file(
    window: Window, root: Path
) -> None:
    place = Place(root, "folder")
    open_place(window, place)
    window.click_well("X40")
    place.give_other_pixels()
    window.session.show([(well_of("X40"), "one"), (well_of("Z44"), "other")])
    window.settle()
    new = place.screen.planes
    for stain, x40, z44 in zip(
        window.stains, new[well_of("X40")], new[well_of("Z44")], strict=True
    ):
        found = {name: contains(stain.data, plane) for name, plane in (("X", x40), ("Z", z44))}
        assert found == {"X": True, "Z": True}


def contains(mosaic: np.ndarray, plane: np.ndarray) -> bool:
    views = np.lib.stride_tricks.sliding_window_view(mosaic, plane.shape)
    return bool((views == plane).all(axis=(2, 3)).any())


def test_the_overview_of_a_plate_that_was_replaced_is_of_the_new_files(
    window: Window, root: Path
) -> None:
    place = Place(root, "tar")
    open_place(window, place)
    for _ in range(2):
        press(window, Qt.Key.Key_0)
        assert window.session.view == "plate"
        thumbnails = window.session.dataset.thumbnails_of(PlateId(GENE, 1))
        position = 2 * 48 + 19  # C20
        for channel, plane in enumerate(place.screen.planes[well_of("C20")], 1):
            larger = plane.repeat(4, axis=0).repeat(4, axis=1)
            np.testing.assert_array_equal(thumbnails.preview(position, channel), larger)
        press(window, Qt.Key.Key_0)
        place.give_other_pixels()


# --- opening again ----------------------------------------------------------------------------


@pytest.mark.sample
def test_f5_keeps_what_is_looked_at_and_finds_what_is_new(window: Window, root: Path) -> None:
    place = Place(root, "folder")
    open_place(window, place)
    window.click_well("X40")
    window.session.light_up([well_of("X40")])
    window.session.set_crop(512)
    window.settle()
    members = b.image_files({"D05": b.noise("new"), "E05": b.noise("too")}, "tif")
    b.write_tar(place.plates / "Plate2.tar", members)
    before = window.session.dataset
    reopen(window)
    assert window.session.dataset is not before
    assert (window.session.well, window.session.crop) == (well_of("X40"), 512)
    window.session.set_crop(0)
    window.session.go_to_plate(PlateId(GENE, 2))
    window.settle()
    assert np.array_equal(window.stains[0].data, b.noise("new")[0])


def test_the_menu_opens_again_as_f5_does(window: Window, root: Path) -> None:
    open_place(window, Place(root, "tar"))
    before = window.session.dataset
    entry = next(a for a in window.explorer.open_button.menu().actions() if a.text() == "Reload")
    assert isinstance(entry, QAction)
    assert "F5" in entry.toolTip()
    entry.trigger()
    window.settle()
    assert window.session.dataset is not before
    assert window.shows(well_of(FIRST))


def test_f5_with_nothing_open_does_nothing(window: Window) -> None:
    window.explorer.share.sessions.reopen()
    window.settle()
    assert window.session.dataset is None


def test_a_data_set_that_is_gone_stays_open_as_it_was(window: Window, root: Path) -> None:
    place = Place(root, "tar")
    open_place(window, place)
    before = window.session.dataset
    away = root.with_name("away")
    root.rename(away)
    reopen(window)
    assert window.session.dataset is before
    assert message(window) == f"{root.as_posix()} does not exist."
    assert window.shows(well_of(FIRST))
    away.rename(root)
    reopen(window)
    assert window.session.dataset is not before
    assert message(window).startswith("data set: 7 wells on 2 plates")


# --- metadata and vectors ---------------------------------------------------------------------


def with_vectors(root: Path) -> Place:
    place = Place(root, "tar")
    place.screen.write_embeddings(root / "vectors.parquet")
    return place


@pytest.mark.parametrize(
    ("name", "fault"),
    some(
        [
            *(("metadata.csv", fault) for fault in (cut, delete, make_pipe)),
            *(("vectors.parquet", fault) for fault in (make_folder, blank, cut)),
        ]
    ),
)
def test_tables_that_break_later_change_nothing_and_are_said_at_f5(
    window: Window, root: Path, tmp_path: Path, name: str, fault: Callable[[Path], None]
) -> None:
    place = with_vectors(root)
    open_place(window, place)
    kept = shutil.copy2(root / name, tmp_path / "kept")
    fault(root / name)
    window.click_well("X40")
    assert window.shows(well_of("X40"))
    assert len(window.neighbors.panel.candidates.model.neighbors) > 3
    assert window.session.well_row(well_of("X40"))["gene"] == "GENE2"
    heard: list[str] = []
    window.session.message_changed.connect(heard.append)
    reopen(window)
    said = " ".join(heard)
    assert "nexpected" not in said
    has_vectors = name != "vectors.parquet"
    assert window.session.dataset.vectors_are_read
    assert bool(window.session.dataset.embeddings) == has_vectors
    assert (f"{name} cannot be read" in said) == (fault in (cut, blank))
    assert window.shows(well_of("X40")), "its images are as they were"
    undo(root / name, Path(kept))
    reopen(window)
    window.click_well("Z44")
    assert window.shows(well_of("Z44"))
    assert len(window.neighbors.panel.candidates.model.neighbors) > 3


# --- hits -------------------------------------------------------------------------------------


def damage(path: Path) -> None:
    path.write_text(
        '{"format": "napari-rxrx3 hits", "version": 1, "hits": {"gene', encoding="utf-8"
    )


@pytest.mark.sample
@pytest.mark.parametrize(
    "fault",
    some([damage, blank, make_pipe, make_folder, delete, cut]),
    ids=lambda fault: fault.__name__,
)
def test_no_tag_is_lost_whatever_happens_to_their_file(
    window: Window, root: Path, fault: Callable[[Path], None]
) -> None:
    place = Place(root, "tar")
    open_place(window, place)
    window.qtbot.waitUntil(lambda: window.session.review is not None, timeout=20_000)
    review = window.session.review
    review.tag(well_of("X40"), 1)
    assert review.trouble == ""
    fault(review.path)
    review.tag(well_of("Z44"), 2)
    window.settle()
    if fault is not delete:
        assert str(review.path) in review.trouble
        assert review.trouble.endswith("What you change stays in memory until it works.")
        assert window.explorer.hits.trouble.isVisibleTo(window.explorer.hits)
        review.path.rmdir() if fault is make_folder else review.path.unlink()
    review.tag(well_of("M30"), 3)
    assert review.trouble == ""
    reopen(window)
    window.qtbot.waitUntil(lambda: window.session.review is not None, timeout=20_000)
    tags = {well: hit.tag for well, hit in window.session.review.hits.items()}
    assert tags == {well_of("X40"): 1, well_of("Z44"): 2, well_of("M30"): 3}


# --- the cache --------------------------------------------------------------------------------


def remove_cache(folder: Path) -> None:
    shutil.rmtree(folder)


def garble_cache(folder: Path) -> None:
    for file in cached_files(folder):
        content = b"garbage" * 40
        file.unlink()
        file.write_bytes(content)


def cut_cache(folder: Path) -> None:
    """Cut all files off, as another file under the same name: what is mapped stays."""
    for file in cached_files(folder):
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content[: len(content) // 2])


def put_folders_into_cache(folder: Path) -> None:
    for file in cached_files(folder):
        make_folder(file)


def put_pipes_into_cache(folder: Path) -> None:
    for file in cached_files(folder):
        make_pipe(file)


def put_file_into_place_of_cache(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder")


def cached_files(folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} >= {"files", "wells", "tar-index", "thumbnails"}
    assert {path.parent.name for path in files} >= {"vectors", "vector-rows", "map-vectors"}
    return files


@pytest.mark.parametrize(
    "fault",
    some(
        [
            remove_cache,
            put_folders_into_cache,
            cut_cache,
            garble_cache,
            put_pipes_into_cache,
            put_file_into_place_of_cache,
        ]
    ),
    ids=lambda fault: fault.__name__,
)
def test_a_cache_that_breaks_costs_time_only(
    window: Window, root: Path, home: Path, fault: Callable[[Path], None]
) -> None:
    place = with_vectors(root)
    open_place(window, place)
    press(window, Qt.Key.Key_0)
    press(window, Qt.Key.Key_0)
    window.click_well("X40")
    before = nearest(window)
    window.session.dataset.thumbnails_of(PlateId(GENE, 1)).save()  # as it does after a pause
    fault(home / "cache" / "napari-rxrx3")
    look_around(window, before)
    reopen(window)
    assert message(window).startswith("data set: 7 wells on 2 plates")
    look_around(window, before)


def look_around(window: Window, expected: list[tuple[str, float]]) -> None:
    window.click_well("Z44")
    assert window.shows(well_of("Z44"))
    press(window, Qt.Key.Key_0)
    press(window, Qt.Key.Key_0)
    window.click_well("X40")
    assert window.shows(well_of("X40"))
    assert nearest(window) == expected


def nearest(window: Window) -> list[tuple[str, float]]:
    found = window.neighbors.panel.candidates.model.neighbors
    return [(neighbor.key, round(neighbor.value, 5)) for neighbor in found]


# --- a slow disk ------------------------------------------------------------------------------


class SlowStore(b.Store):
    """A store that waits before it gives an image."""

    delay = 0.0

    def __call__(self, path: str) -> str:
        if path.endswith(".tif"):
            time.sleep(self.delay)
        return super().__call__(path)


class Heartbeat(QTimer):
    """Takes down the longest time for which the window did nothing else."""

    def __init__(self) -> None:
        super().__init__(interval=10)
        self.longest, self._last = 0.0, time.monotonic()
        self.timeout.connect(self._beat)
        self.start()

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest, self._last = max(self.longest, now - self._last), now


@pytest.fixture
def slow(root: Path) -> Iterator[tuple[Place, SlowStore]]:
    pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")
    place, store = Place(root, "folder"), SlowStore()
    with b.served(root, True, store) as store.url:
        yield place, store
        store.delay = 0.0


def open_slowly(window: Window, slow: tuple[Place, SlowStore]) -> SlowStore:
    """Open what a store serves, which is quick till then."""
    place, store = slow
    window.screen = place.screen
    window.explorer.open_path(store.url)
    window.qtbot.waitUntil(lambda: window.session.dataset is not None, timeout=20_000)
    window.settle()
    return store


def test_a_slow_disk_holds_nothing_up_and_only_the_last_well_counts(
    window: Window, slow: tuple[Place, SlowStore]
) -> None:
    store = open_slowly(window, slow)
    workspace = window.explorer.workspace
    window.qtbot.waitUntil(lambda: not workspace.is_reading_ahead, timeout=20_000)
    store.asked.clear()
    store.delay = 1.5
    beat = Heartbeat()
    for address in ("X40", "Z44", "M30"):
        window.click_well(address, settled=False)
        window.qtbot.wait(40)
        assert window.session.well == well_of(address)
        assert not window.shows(well_of(address))
    window.click_well(FIRST, settled=False)  # which is in memory
    window.qtbot.waitUntil(lambda: window.shows(well_of(FIRST)), timeout=20_000)
    window.click_well("C20", settled=False)
    window.qtbot.wait(100)
    store.delay = 0.0
    window.settle()
    beat.stop()
    assert window.shows(well_of("C20"))
    assert beat.longest < 1.5, "the window waited for the disk"
    overtaken = [path for path in store.asked if "X40" in path or "Z44" in path or "M30" in path]
    assert len(overtaken) < 3 * 6, "what was overtaken was read nevertheless"


@pytest.mark.soak
def test_reading_a_plate_from_a_slow_disk_can_be_stopped(
    window: Window, slow: tuple[Place, SlowStore]
) -> None:
    store = open_slowly(window, slow)
    store.delay = 0.5
    window.session.set_view("plate")
    status = window.explorer.status
    window.qtbot.waitUntil(lambda: "reading the wells" in status.work.text(), timeout=20_000)
    window.click(status.cancel)
    window.settle()
    assert message(window) == "Stopped."
    store.delay = 0.0
    window.session.set_view("well")
    window.click_well("M30")
    assert window.shows(well_of("M30"))


def test_a_packed_plate_is_said_with_what_to_do(window: Window, root: Path) -> None:
    place = with_vectors(root)
    plain = b.write_tar(root.parent / "plain.tar", {"B02_s1_w1.png": b"x"})
    b.write(root / "images" / "gene-009" / "Plate9.tar.gz", gzip.compress(plain.read_bytes()))
    heard: list[str] = []
    window.session.message_changed.connect(heard.append)
    open_place(window, place)
    assert any("unpack it first (gunzip Plate9.tar.gz)" in text for text in heard)

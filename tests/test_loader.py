"""Pictures of wells: the first rows first, the newest request only."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_rxrx3 as rx
from builders import Screen, control_row, noise
from napari_rxrx3.core.mosaic import Tile, hatched
from napari_rxrx3.data.images.previews import PREFIX_ROWS
from napari_rxrx3.dataset import Dataset
from napari_rxrx3.gui.canvas import loader as loader_module
from napari_rxrx3.gui.canvas.loader import Picture, PictureLoader

pytestmark = pytest.mark.detail

WELLS = tuple(f"gene-001_1_C{c:02d}" for c in range(3, 9))


def a_screen(size: int) -> Screen:
    screen = Screen.of([control_row("gene-001", 1, well[-3:]) for well in WELLS])
    screen.planes = {well: noise(well, size) for well in WELLS}
    return screen


@pytest.fixture
def loader(qtbot: Any) -> Any:
    loader = PictureLoader()
    yield loader
    loader.close(wait=True)


def pictures_of(loader: PictureLoader, dataset: Dataset, wells: list[str], qtbot: Any) -> list[Any]:
    """All pictures that come for one request."""
    came: list[Picture] = []
    loader.ready.connect(came.append)
    loader.request(dataset, [Tile(well, well, 0, i) for i, well in enumerate(wells)])
    qtbot.waitUntil(lambda: loader.is_idle, timeout=20_000)
    loader.ready.disconnect(came.append)
    return came


def opened(screen: Screen, root: Path, cache: Path) -> Dataset:
    return rx.open_dataset(screen.write_rxrx3(root), cache)


@pytest.mark.sample
def test_of_a_large_well_the_top_comes_first(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    screen = a_screen(1024)
    first, whole = pictures_of(loader, opened(screen, root, cache), [WELLS[0]], qtbot)
    assert first.is_first
    assert not whole.is_first
    assert first.mosaic == whole.mosaic
    for stain, plane in zip(first.stains, screen.planes[WELLS[0]], strict=True):
        assert len(stain) == PREFIX_ROWS
        np.testing.assert_array_equal(stain, plane[: len(stain)])
    for stain, plane in zip(whole.stains, screen.planes[WELLS[0]], strict=True):
        np.testing.assert_array_equal(stain, plane)


@pytest.mark.soak
def test_a_well_that_was_read_before_comes_at_once_as_a_whole(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    dataset = opened(a_screen(1024), root, cache)
    dataset.read(WELLS[1])
    (whole,) = pictures_of(loader, dataset, [WELLS[1]], qtbot)
    assert not whole.is_first


@pytest.mark.soak
def test_small_wells_and_several_wells_come_once(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    large = opened(a_screen(1024), root / "large", cache)
    small = opened(a_screen(64), root / "small", cache)
    assert [p.is_first for p in pictures_of(loader, large, [*WELLS[:2]], qtbot)] == [False]
    assert [p.is_first for p in pictures_of(loader, small, [WELLS[0]], qtbot)] == [False]


@pytest.mark.soak
def test_a_stain_that_is_missing_is_hatched_in_the_first_picture_too(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    screen = a_screen(1024)
    screen.planes[WELLS[0]] = screen.planes[WELLS[0]][:4]
    first, whole = pictures_of(loader, opened(screen, root, cache), [WELLS[0]], qtbot)
    assert first.is_first
    shape = first.stains[0].shape
    np.testing.assert_array_equal(first.stains[5], hatched(shape, np.dtype("u2")))
    assert set(whole.failures) == {(WELLS[0], 5), (WELLS[0], 6)}


@pytest.mark.soak
@pytest.mark.sample
def test_overtaken_requests_are_not_answered(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    screen = a_screen(1024)
    dataset = opened(screen, root, cache)
    came: list[Picture] = []
    loader.ready.connect(came.append)
    for well in WELLS:
        loader.request(dataset, [Tile(well, well)])
    qtbot.waitUntil(lambda: loader.is_idle, timeout=20_000)
    shown = [picture.mosaic.tiles[0].well_id for picture in came]
    assert set(shown) <= {WELLS[0], WELLS[-1]}, "the first one may be there at once"
    assert shown == sorted(shown)
    np.testing.assert_array_equal(came[-1].stains[2], screen.planes[WELLS[-1]][2])


def test_while_a_key_is_held_pictures_that_are_done_are_shown(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    screen = a_screen(64)
    dataset = opened(screen, root, cache)
    for well in WELLS:
        dataset.read(well)
    came: list[Picture] = []
    loader.ready.connect(came.append)
    for well in WELLS * 6:
        loader.request(dataset, [Tile(well, well)])
        time.sleep(0.03)  # Qt gets no time in between: the next key is there already
    qtbot.waitUntil(lambda: loader.is_idle, timeout=20_000)
    assert len(came) > 4
    for picture in came:
        planes = screen.planes[picture.mosaic.tiles[0].well_id or ""]
        np.testing.assert_array_equal(picture.stains[4], planes[4])


@pytest.mark.soak
def test_what_is_read_ahead_is_there_when_it_is_asked_for(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    dataset = opened(a_screen(1024), root, cache)
    loader.prefetch(dataset, lambda: [WELLS[3]])
    qtbot.waitUntil(
        lambda: all(dataset.is_decoded(WELLS[3], channel) for channel in range(1, 7)),
        timeout=20_000,
    )
    (picture,) = pictures_of(loader, dataset, [WELLS[3]], qtbot)
    assert not picture.is_first


def test_what_is_read_ahead_is_looked_for_elsewhere_and_dropped_for_what_is_asked_for(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    dataset = opened(a_screen(64), root, cache)
    let_go = threading.Event()

    def find() -> list[str]:
        assert let_go.wait(20)
        return [WELLS[5]]

    loader.prefetch(dataset, find)  # which does not wait for it
    assert loader.is_reading_ahead
    pictures_of(loader, dataset, [WELLS[0]], qtbot)
    assert not loader.is_reading_ahead
    let_go.set()
    loader.prefetch(dataset, lambda: [WELLS[4]])  # one thread: after what is left of the first
    qtbot.waitUntil(lambda: not loader.is_reading_ahead, timeout=20_000)
    assert dataset.is_decoded(WELLS[4], 6)
    assert not dataset.is_decoded(WELLS[5], 1)


def test_a_request_that_is_overtaken_between_first_rows_and_whole_reads_no_more(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    dataset = opened(a_screen(1024), root, cache)
    pictures_of(loader, dataset, [WELLS[1]], qtbot)  # that there are first rows is known by now
    came: list[Picture] = []

    def leave(picture: Picture) -> None:
        came.append(picture)
        if len(came) == 1:
            loader.drop()

    loader.ready.connect(leave)
    loader.request(dataset, [Tile(WELLS[0], "it")])
    qtbot.waitUntil(lambda: bool(came), timeout=20_000)
    qtbot.wait(200)
    assert [picture.is_first for picture in came] == [True]
    assert not any(dataset.is_decoded(WELLS[0], channel) for channel in range(1, 7))


def test_of_many_wells_those_that_are_read_are_shown_meanwhile(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_module, "_SOME_OF_S", 0.0)
    monkeypatch.setattr(loader_module, "_SOME_SHARE", 0.0)
    screen = a_screen(64)
    dataset = opened(screen, root, cache)
    last, let_go = WELLS[-1], threading.Event()

    def late() -> np.ndarray:
        assert let_go.wait(20)
        return screen.planes[last][5]

    key = dataset.images._key(dataset.well(last), 6, None)
    reading = threading.Thread(target=lambda: dataset.images.memory.get(key, late))
    reading.start()
    came: list[Picture] = []
    loader.ready.connect(came.append)
    loader.request(dataset, [Tile(well, well, 0, i) for i, well in enumerate(WELLS)])
    qtbot.waitUntil(lambda: bool(came) and len(came[-1].planes) == 35, timeout=20_000)
    assert came[-1].notes == {last: "reading it …"}
    assert came[-1].waiting == {last}
    let_go.set()
    qtbot.waitUntil(lambda: loader.is_idle, timeout=20_000)
    reading.join()
    assert [picture.is_first for picture in came] == [True] * (len(came) - 1) + [False]
    assert came[-1].notes == {}
    for picture in came:
        for well, channel in picture.planes:
            tile = next(t for t in picture.mosaic.tiles if t.well_id == well)
            top, left = picture.mosaic.origin(tile)
            shown = picture.stains[channel - 1][top : top + 64, left : left + 64]
            np.testing.assert_array_equal(shown, screen.planes[well][channel - 1])


def test_tiles_that_change_places_are_not_read_again(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any
) -> None:
    screen = a_screen(64)
    dataset = opened(screen, root, cache)
    pictures_of(loader, dataset, list(WELLS), qtbot)
    dataset.images.memory.resize(0)  # as if the cache were too small for them
    (root / "images" / "gene-001" / "Plate1.tar").unlink()
    turned = WELLS[::-1]
    picture = pictures_of(loader, dataset, list(turned), qtbot)[-1]
    assert not picture.failures
    for tile in picture.mosaic.tiles:
        top, left = picture.mosaic.origin(tile)
        np.testing.assert_array_equal(
            picture.stains[3][top : top + 64, left : left + 64], screen.planes[tile.well_id][3]
        )


@pytest.mark.parametrize("n", [1, 3])
def test_a_crop_is_read_as_a_whole_and_shown_as_its_middle(
    loader: PictureLoader, root: Path, cache: Path, qtbot: Any, n: int
) -> None:
    screen = a_screen(1024)
    dataset = opened(screen, root, cache)
    came: list[Picture] = []
    loader.ready.connect(came.append)
    loader.request(dataset, [Tile(well, well, 0, i) for i, well in enumerate(WELLS[:n])], 256)
    qtbot.waitUntil(lambda: loader.is_idle, timeout=20_000)
    (picture,) = came
    assert (picture.crop, picture.mosaic.tile_shape) == (256, (256, 256))
    plane = screen.planes[WELLS[n - 1]][1]
    np.testing.assert_array_equal(picture.planes[WELLS[n - 1], 2], plane[384:640, 384:640])

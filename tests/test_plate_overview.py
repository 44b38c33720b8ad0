"""Geometry of the plate overview, and the pictures its wells are painted into."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_rxrx3.core.mosaic import Mosaic, Tile, hatched
from napari_rxrx3.core.overview import Block, PlateFrame, PlatePicture, first_of, shrunk, tile_size
from napari_rxrx3.core.plate import N_COLUMNS, N_POSITIONS, N_ROWS

ALL = np.ones(N_POSITIONS, dtype=bool)
NONE = ~ALL


def pictured(block: Block, tile: int, listed: np.ndarray = ALL, dtype: str = "u1") -> PlatePicture:
    return PlatePicture(block, tile, np.dtype(dtype), listed)


def tile_of(picture: PlatePicture, channel: int, row: int, column: int) -> np.ndarray:
    """Cut a well out of a picture by the same arithmetic as a ruler on the screen."""
    pitch = picture.tile + picture.tile // 16
    top = (row - picture.block.rows.start) * pitch
    left = (column - picture.block.columns.start) * pitch
    return picture.stains[channel - 1][top : top + picture.tile, left : left + picture.tile]


@given(
    row=st.integers(0, N_ROWS - 1),
    column=st.integers(0, N_COLUMNS - 1),
    slot=st.floats(1, 5000),
    inside=st.tuples(st.floats(0.01, 0.95), st.floats(0.01, 0.95)),
)
def test_a_point_in_a_well_is_seen_as_that_well(
    row: int, column: int, slot: float, inside: tuple[float, float]
) -> None:
    frame = PlateFrame(slot)
    y, x = (
        i * frame.pitch_um + share * slot for i, share in zip((row, column), inside, strict=True)
    )
    block = frame.block_in((y, x), (slot * 1e-6, slot * 1e-6))
    assert block.positions() == [row * N_COLUMNS + column]


def test_all_wells_are_seen_from_afar_and_none_beside_the_plate() -> None:
    frame = PlateFrame(100.0)
    assert frame.block_in((1500.0, 2000.0), (1e6, 1e6)) == Block.whole()
    assert len(frame.block_in((-5000.0, 0.0), (10.0, 10.0))) == 0
    assert len(frame.block_in((0.0, 99_999.0), (10.0, 10.0))) == 0


def test_a_block_grows_as_far_as_the_plate_goes() -> None:
    assert Block(range(3), range(46, 48)).grown(2) == Block(range(5), range(44, 48))


def test_a_block_knows_what_it_holds() -> None:
    block = Block(range(2, 4), range(5, 7))
    assert block.positions() == [101, 102, 149, 150]
    assert [p for p in range(N_POSITIONS) if p in block] == block.positions()
    assert block.holds(Block(range(3, 4), range(5, 7)))
    assert not block.holds(Block(range(1, 4), range(5, 7)))
    assert block.holds(Block(range(0), range(0)))


@pytest.mark.parametrize("tile", [16, 64, 512])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_each_well_is_painted_into_its_own_place(tile: int, dtype: str) -> None:
    block = Block(range(4, 7), range(10, 14))
    picture = pictured(block, tile, dtype=dtype)
    rng = np.random.default_rng(0)
    planes = {
        (p, c): rng.integers(0, 255, (tile, tile)).astype(dtype)
        for p in block.positions()
        for c in (1, 6)
    }
    for (position, channel), plane in planes.items():
        picture.paint(position, channel, plane)
    for (position, channel), plane in planes.items():
        row, column = divmod(position, N_COLUMNS)
        np.testing.assert_array_equal(tile_of(picture, channel, row, column), plane)


def test_what_the_picture_says_of_its_place_agrees_with_the_frame() -> None:
    frame = PlateFrame(512 * 0.65)
    for tile in (16, 64, 128, 512):
        picture = pictured(Block(range(7, 9), range(40, 44)), tile)
        scale, (top, left) = picture.scale_um(frame), picture.origin_um(frame)
        pitch = (tile + tile // 16) * scale
        assert pitch == pytest.approx(frame.pitch_um)
        seen = frame.block_in((top + 1.5 * pitch, left + 3.5 * pitch), (1.0, 1.0))
        assert seen.positions() == [8 * N_COLUMNS + 43]


def test_a_well_that_was_not_read_yet_is_neither_black_nor_hatched() -> None:
    listed = NONE.copy()
    listed[50] = True
    picture = pictured(Block.whole(), 64, listed)
    waiting = tile_of(picture, 3, 1, 2)
    assert waiting.max() == 255
    assert 0 < (waiting > 0).sum() < 0.01 * waiting.size
    assert not tile_of(picture, 3, 1, 3).any(), "no well is there"


def test_missing_wells_are_hatched() -> None:
    picture = pictured(Block.whole(), 64)
    picture.paint(50, 2, None)
    picture.paint(51, 2, np.ones((64, 65), "u1"))
    missing = NONE.copy()
    missing[200] = True
    picture.paint_all(5, np.zeros((32, 48, 64, 64), "u1"), NONE, missing)
    expected = hatched((64, 64), np.dtype("u1"))
    for channel, position in ((2, 50), (2, 51), (5, 200)):
        np.testing.assert_array_equal(
            tile_of(picture, channel, *divmod(position, N_COLUMNS)), expected
        )


def test_where_there_is_no_well_nothing_is_missing() -> None:
    listed = NONE.copy()
    listed[50] = True
    picture = pictured(Block.whole(), 64, listed)
    picture.paint_all(1, np.zeros((32, 48, 64, 64), "u1"), NONE, ALL)
    assert tile_of(picture, 1, 1, 2).any()
    assert not tile_of(picture, 1, 1, 3).any()


def test_all_previews_are_painted_at_once_also_into_larger_tiles() -> None:
    planes = np.random.default_rng(1).integers(0, 255, (32, 48, 64, 64)).astype("u1")
    known = ALL.copy()
    known[5 * N_COLUMNS + 6] = False
    picture = pictured(Block.whole(), 16)
    picture.paint_all(4, planes, known, NONE)
    np.testing.assert_array_equal(tile_of(picture, 4, 6, 7), shrunk(planes[6, 7], 4))
    for tile, block in ((64, Block.whole()), (256, Block(range(5, 7), range(6, 8)))):
        picture = pictured(block, tile)
        picture.paint_all(4, planes, known, NONE)
        times = tile // 64
        np.testing.assert_array_equal(
            tile_of(picture, 4, 6, 7), planes[6, 7].repeat(times, 0).repeat(times, 1)
        )
        assert not (
            tile_of(picture, 4, 5, 6) == planes[5, 6].repeat(times, 0).repeat(times, 1)
        ).all()


@given(st.integers(1, 150), st.sampled_from([16, 48, 64]))
def test_previews_are_painted_into_tiles_of_any_size(tile: int, n: int) -> None:
    """Images may be smaller than a preview of them, and no power of two."""
    picture = pictured(Block(range(1), range(2)), tile)
    planes = np.broadcast_to(np.uint8(7), (32, 48, n, n))
    picture.paint_all(1, planes, ALL, NONE)
    assert (tile_of(picture, 1, 0, 1) == 7).all()


def test_positions_outside_of_the_block_are_left_alone() -> None:
    picture = pictured(Block(range(2), range(2)), 64, NONE)
    picture.paint(2, 1, np.ones((64, 64), "u1"))
    assert not any(stain.any() for stain in picture.stains)
    assert picture.take_dirty() == []


def test_pixels_of_more_bits_are_clipped_not_wrapped() -> None:
    picture = pictured(Block(range(1), range(1)), 64)
    picture.paint(0, 1, np.full((64, 64), 256, "u2"))
    assert (tile_of(picture, 1, 0, 0) == 255).all()


def test_what_changed_is_told_once() -> None:
    picture = pictured(Block.whole(), 64)
    picture.take_dirty()
    picture.paint(0, 4, None)
    picture.paint(7, 2, None)
    assert picture.take_dirty() == [2, 4]
    assert picture.take_dirty() == []


def test_many_threads_paint_at_once() -> None:
    picture = pictured(Block.whole(), 64)

    def work(offset: int) -> None:
        for position in range(offset, N_POSITIONS, 4):
            picture.paint(position, 1, np.full((64, 64), position % 251, "u1"))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for position in range(0, N_POSITIONS, 37):
        assert (tile_of(picture, 1, *divmod(position, N_COLUMNS)) == position % 251).all()


@pytest.mark.parametrize(
    ("on_screen", "sizes", "expected"),
    [
        (9, (16, 64), 16), (17, (16, 64), 32), (900, (16, 64), 64),
        (129, (128, 512), 256), (900, (128, 512), 512), (900, (128, 2048), 1024),
    ],
)  # fmt: skip
def test_tiles_are_as_large_as_the_screen_can_show(
    on_screen: float, sizes: tuple[int, int], expected: int
) -> None:
    assert tile_size(on_screen, *sizes) == expected


@given(st.sampled_from([1, 2, 3, 4]), st.integers(1, 5), st.sampled_from(["u1", "u2"]), st.data())
def test_shrinking_gives_the_mean_of_each_square(
    times: int, n: int, dtype: str, data: st.DataObject
) -> None:
    top = np.iinfo(dtype).max
    seed = data.draw(st.integers(0, 1000))
    planes = np.random.default_rng(seed).integers(0, top + 1, (2, n * times, n * times))
    small = shrunk(planes.astype(dtype), times)
    assert small.dtype == np.dtype(dtype)
    for i in range(n):
        for j in range(n):
            square = planes[:, i * times : (i + 1) * times, j * times : (j + 1) * times]
            np.testing.assert_allclose(small[:, i, j], square.mean(axis=(1, 2)), atol=0.5)


def test_what_is_seen_comes_first_and_hidden_stains_last() -> None:
    jobs = [(p, c) for p in range(4) for c in (1, 2)]
    assert first_of(jobs, {1, 3}, {2}) == [
        (1, 2), (3, 2), (0, 2), (2, 2), (1, 1), (3, 1), (0, 1), (2, 1),
    ]  # fmt: skip


@given(
    st.floats(-50, 3000), st.floats(-50, 3000), st.floats(0, 800), st.floats(0, 800),
    st.sampled_from([1, 7, 64]),
)  # fmt: skip
def test_tiles_between_two_corners_are_those_that_a_search_of_all_finds(
    top: float, left: float, height: float, width: float, size: int
) -> None:
    tiles = tuple(Tile(f"{r}-{c}", "", r, c) for r in range(5) for c in range(7) if r != c)
    mosaic = Mosaic(tiles, (size, size))
    found = mosaic.tiles_between(top, left, top + height, left + width)
    pitch = size + mosaic.gap
    for tile in tiles:
        y, x = mosaic.origin(tile)
        inside = y < top + height and y + size > top and x < left + width and x + size > left
        near = y <= top + height and y + pitch >= top and x <= left + width and x + pitch >= left
        assert not inside or tile in found
        assert near or tile not in found
    for y, x in ((top, left), (top + height, left + width)):
        by_search = [
            t
            for t in tiles
            if 0 <= y - mosaic.origin(t)[0] < size and 0 <= x - mosaic.origin(t)[1] < size
        ]
        assert mosaic.tile_at(y, x) == (by_search[0] if by_search else None)

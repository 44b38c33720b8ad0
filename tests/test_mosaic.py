"""Tiles in one picture: where they are, what is in them, and that missing is never black."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_rxrx3.core.mosaic import (
    Mosaic,
    Tile,
    cropped,
    hatch_level,
    hatched,
    in_grid,
    reduction_for,
)

SIZES = st.tuples(st.integers(1, 70), st.integers(1, 70))
UINT8, UINT16 = np.dtype(np.uint8), np.dtype(np.uint16)


def tiles(n: int) -> list[Tile]:
    return [Tile(f"gene-001_1_B{i + 2:02d}", f"tile {i}") for i in range(n)]


def row_of(n: int, shape: tuple[int, int]) -> Mosaic:
    return Mosaic(in_grid(tiles(n), aspect=1000), shape)


def part_of(picture: np.ndarray, mosaic: Mosaic, tile: Tile) -> np.ndarray:
    top, left = mosaic.origin(tile)
    return picture[top : top + mosaic.tile_shape[0], left : left + mosaic.tile_shape[1]]


# --- the grid --------------------------------------------------------------------------------


@given(n=st.integers(1, 60), aspect=st.floats(0.05, 20))
def test_the_grid_shows_the_tiles_large_and_in_order(n: int, aspect: float) -> None:
    placed = in_grid(tiles(n), aspect)
    assert [replace(tile, row=0, column=0) for tile in placed] == tiles(n)
    assert sorted(placed, key=lambda t: (t.row, t.column)) == list(placed)
    assert len({(tile.row, tile.column) for tile in placed}) == n

    def tile_size(columns: int, rows: int) -> float:
        return min(aspect / columns, 1 / rows)

    columns = 1 + max(tile.column for tile in placed)
    rows = 1 + max(tile.row for tile in placed)
    best = max(tile_size(c, math.ceil(n / c)) for c in range(1, n + 1))
    allowed = 1 if n < rows * columns else 0.8  # a grid without holes may be a little smaller
    assert allowed * best - 1e-9 <= tile_size(columns, rows) <= best + 1e-9


@pytest.mark.parametrize(
    ("n", "aspect", "grid"),
    [
        (1, 1, (1, 1)),
        (3, 3, (1, 3)),
        (3, 0.3, (3, 1)),
        (4, 1, (2, 2)),
        (5, 1.3, (2, 3)),
        (9, 1.2, (3, 3)),
        (14, 2, (2, 7)),  # not 3 x 6 with four holes
    ],
)
def test_typical_numbers_of_tiles(n: int, aspect: float, grid: tuple[int, int]) -> None:
    placed = in_grid(tiles(n), aspect)
    assert (1 + max(t.row for t in placed), 1 + max(t.column for t in placed)) == grid


def test_no_tiles_make_no_grid() -> None:
    assert in_grid([], 1) == ()


# --- places ----------------------------------------------------------------------------------


@given(n=st.integers(1, 12), aspect=st.floats(0.2, 5), shape=SIZES, data=st.data())
def test_every_pixel_belongs_to_the_tile_it_is_drawn_in(
    n: int, aspect: float, shape: tuple[int, int], data: st.DataObject
) -> None:
    mosaic = Mosaic(in_grid(tiles(n), aspect), shape)
    tile = data.draw(st.sampled_from(mosaic.tiles))
    top, left = mosaic.origin(tile)
    y = data.draw(st.floats(0, shape[0], exclude_max=True))
    x = data.draw(st.floats(0, shape[1], exclude_max=True))
    assert mosaic.tile_at(top + int(y), left + int(x)) == tile
    assert top + shape[0] <= mosaic.shape[0]
    assert left + shape[1] <= mosaic.shape[1]
    for outside in ((top - 0.01, left + x), (top + y, left - 0.01)):
        assert mosaic.tile_at(*outside) is None
    if mosaic.gap:
        assert mosaic.tile_at(top + shape[0] + mosaic.gap / 2, left) is None
        assert mosaic.tile_at(top, left + shape[1] + mosaic.gap / 2) is None


@given(n=st.integers(1, 12), aspect=st.floats(0.2, 5), shape=SIZES)
def test_the_picture_is_as_large_as_its_tiles_need(
    n: int, aspect: float, shape: tuple[int, int]
) -> None:
    mosaic = Mosaic(in_grid(tiles(n), aspect), shape)
    origins = [mosaic.origin(tile) for tile in mosaic.tiles]
    assert mosaic.shape[0] == max(top for top, _ in origins) + shape[0]
    assert mosaic.shape[1] == max(left for _, left in origins) + shape[1]
    assert (mosaic.gap > 0) == (n > 1)


def test_one_tile_fills_the_picture() -> None:
    mosaic = row_of(1, (512, 512))
    assert mosaic.gap == 0
    assert mosaic.shape == (512, 512)
    assert mosaic.tile_at(511.9, 0) == mosaic.tiles[0]
    assert mosaic.tile_at(512, 0) is None


def test_a_gap_is_seen_at_every_size() -> None:
    assert [row_of(2, (size, size)).gap for size in (1, 64, 512, 2048)] == [1, 4, 32, 128]


# --- pixels ----------------------------------------------------------------------------------


@given(
    n=st.integers(1, 8), aspect=st.floats(0.2, 5), shape=SIZES, missing=st.sets(st.integers(0, 7))
)
def test_each_tile_shows_its_plane_and_a_missing_one_is_hatched(
    n: int, aspect: float, shape: tuple[int, int], missing: set[int]
) -> None:
    mosaic = Mosaic(in_grid(tiles(n), aspect), shape)
    rng = np.random.default_rng(n)
    planes = {
        str(tile.well_id): rng.integers(0, 65536, shape, dtype=np.uint16)
        for i, tile in enumerate(mosaic.tiles)
        if i not in missing
    }
    picture = mosaic.render(planes, UINT16, level=900)
    assert (picture.shape, picture.dtype) == (mosaic.shape, UINT16)
    between = np.ones(picture.shape, dtype=bool)
    for tile in mosaic.tiles:
        part_of(between, mosaic, tile)[:] = False
        expected = planes.get(str(tile.well_id))
        if expected is None:
            expected = hatched(shape, UINT16, 900)
        np.testing.assert_array_equal(part_of(picture, mosaic, tile), expected)
    assert not picture[between].any()


@given(
    shape=st.tuples(st.integers(1, 600), st.integers(1, 600)),
    dtype=st.sampled_from([UINT8, UINT16]),
)
def test_hatching_is_thin_and_crosses_the_whole_tile(
    shape: tuple[int, int], dtype: np.dtype
) -> None:
    picture = hatched(shape, dtype, 90)
    assert (picture.shape, picture.dtype) == (shape, dtype)
    assert set(np.unique(picture)) <= {0, 90}
    assert picture.any()
    if min(shape) >= 100:
        assert 0.02 < (picture > 0).mean() < 0.25
        for corner in (picture[:50, :50], picture[-50:, -50:], picture[:50, -50:]):
            assert corner.any()


@given(low=st.floats(-500, 60_000), width=st.floats(5, 60_000))
def test_hatching_is_seen_in_every_contrast_and_is_dimmer_than_data(
    low: float, width: float
) -> None:
    level = hatched((40, 40), UINT16, hatch_level((low, low + width))).max()
    at = (level - low) / width
    assert level >= 1
    if low >= 0 and low + width < 65_535:
        assert 0.05 < at < 0.5


def test_hatching_among_wells_follows_from_their_pixels() -> None:
    planes = {"gene-001_1_B02": np.full((40, 40), 50, np.uint16)}
    planes["gene-001_1_B02"][::2] = 150
    mosaic = row_of(2, (40, 40))
    lines = part_of(mosaic.render(planes, UINT16), mosaic, mosaic.tiles[1])
    assert 50 < lines.max() < 150


def test_a_tile_without_a_well_is_hatched_whatever_else_is_there() -> None:
    mosaic = Mosaic((Tile("gene-001_1_B02", "query"), Tile(None, "no control", column=1)), (40, 40))
    picture = mosaic.render({"gene-001_1_B02": np.full((40, 40), 7, np.uint8)}, UINT8, level=9)
    np.testing.assert_array_equal(picture[:, -40:], hatched((40, 40), UINT8, 9))


@pytest.mark.parametrize("shape", [(20, 30), (50, 60), (20, 60), (1, 1)])
def test_a_plane_of_another_shape_is_cropped_and_hatched_where_it_ends(
    shape: tuple[int, int],
) -> None:
    mosaic = row_of(2, (40, 40))
    plane = np.full(shape, 7, np.uint8)
    picture = mosaic.render({"gene-001_1_B02": plane}, UINT8, level=9)
    part = part_of(picture, mosaic, mosaic.tiles[0])
    expected = hatched((40, 40), UINT8, 9)
    expected[: shape[0], : shape[1]] = 7
    np.testing.assert_array_equal(part, expected)


def test_eight_bits_among_sixteen_keep_their_values() -> None:
    mosaic = row_of(2, (4, 4))
    planes = {"gene-001_1_B02": np.full((4, 4), 200, np.uint8)}
    planes["gene-001_1_B03"] = np.full((4, 4), 60000, np.uint16)
    picture = mosaic.render(planes, UINT16)
    assert [part_of(picture, mosaic, tile).max() for tile in mosaic.tiles] == [200, 60000]


# --- what is still to come, and pieces ---------------------------------------------------------


@given(shape=st.tuples(st.integers(1, 300), st.integers(1, 300)))
def test_a_well_that_is_still_read_is_neither_black_nor_hatched(shape: tuple[int, int]) -> None:
    mosaic = row_of(2, shape)
    here, there = mosaic.tiles
    planes = {here.well_id: np.full(shape, 7, np.uint8)}
    picture = mosaic.render(planes, UINT8, waiting={here.well_id, there.well_id})
    assert (part_of(picture, mosaic, here) == 7).all(), "what is there is shown"
    dotted = part_of(picture, mosaic, there)
    assert dotted.max() == 255
    if min(shape) > 20:
        assert (dotted > 0).mean() < 0.02


@given(
    shape=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    crop=st.integers(0, 100),
    data=st.data(),
)
def test_a_crop_is_the_middle(shape: tuple[int, int], crop: int, data: st.DataObject) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    part = cropped(1000 * y + x, crop)
    expected = tuple(min(extent, crop or extent) for extent in shape)
    assert part.shape == expected
    for got, want in zip(divmod(int(part[0, 0]), 1000), shape, strict=True):
        n = min(want, crop or want)
        assert got == (want - n) // 2
    np.testing.assert_array_equal(part - part[0, 0], (1000 * y + x)[: expected[0], : expected[1]])


def test_a_crop_does_not_keep_the_whole_in_memory() -> None:
    assert cropped(np.zeros((64, 64)), 8).base is None


@given(
    size=st.integers(1, 4096),
    grid=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    most=st.integers(64, 4096),
)
def test_tiles_are_as_large_as_allowed(size: int, grid: tuple[int, int], most: int) -> None:
    times = reduction_for(size, grid, most)
    assert times & (times - 1) == 0, "a power of two"
    n = grid[0] * grid[1]
    assert size // times <= most
    assert n * (size // times) ** 2 <= 2**24
    if times > 1:
        larger = size // (times // 2)
        assert larger > most or n * larger**2 > 2**24


def test_wells_as_they_come_are_shown_in_full_up_to_the_usual_size() -> None:
    assert reduction_for(512, (5, 5), 512) == 1
    assert reduction_for(2048, (1, 3), 512) == 4
    assert reduction_for(2048, (2, 2), 2048) == 1

"""Clouds of points: what is in view, how it looks, what is where."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Outline

from napari_rxrx3.core.points.cloud import PointCloud, in_box, in_polygon, nearest
from napari_rxrx3.core.points.labels import place_labels
from napari_rxrx3.core.points.painting import Inks, packed, paint_density, paint_discs
from napari_rxrx3.core.points.scene import Scene
from napari_rxrx3.core.points.viewport import Viewport

RED, GREEN, BLUE = (213, 94, 0), (0, 158, 115), (0, 114, 178)
PALETTE = np.array([RED, GREEN, BLUE], np.uint8)


def crowd(n: int, seed: int = 0, far: int = 0) -> np.ndarray:
    """Points around three places, some of them far from all others."""
    rng = np.random.default_rng(seed)
    positions = rng.normal(0, 1, (n, 2)) + 6 * (np.arange(n) % 3)[:, None] * [1, 0.3]
    positions[:far] *= 1000
    return positions.astype(np.float32)


def channels(picture: np.ndarray) -> np.ndarray:
    """Return red, green, blue (as multiplied by opacity) and opacity: (height, width, 4)."""
    return np.stack([picture >> shift & 255 for shift in (16, 8, 0, 24)], axis=-1).astype(int)


def painted(positions: Any, classes: Any, view: Viewport, radius: float = 0.5) -> np.ndarray:
    cloud = PointCloud(np.asarray(positions, np.float32))
    inks = Inks(cloud, np.asarray(classes, np.uint8), PALETTE)
    return channels(paint_density(cloud, inks, view, radius))


# -- viewport -------------------------------------------------------------------------------------

FINITE = st.floats(-1e3, 1e3)


@given(FINITE, FINITE, st.floats(0.01, 1e3), st.floats(0.1, 10), st.floats(0, 400))
def test_zooming_keeps_what_is_under_the_pointer(
    x: float, y: float, scale: float, factor: float, at: float
) -> None:
    before = Viewport(x, y, scale, 400, 300)
    after = before.zoomed(factor, at, at / 2)
    assert after.place(at, at / 2) == pytest.approx(
        before.place(at, at / 2), abs=1e-6 + 1e-6 / scale
    )
    assert after.scale == pytest.approx(scale * factor)


@given(FINITE, FINITE, st.floats(0.01, 1e3), st.floats(-500, 500), st.floats(-500, 500))
def test_pixels_and_places_are_each_others_inverse(
    x: float, y: float, scale: float, px: float, py: float
) -> None:
    view = Viewport(x, y, scale, 400, 300)
    there = np.array([view.place(px, py)])
    np.testing.assert_allclose(view.pixels(there)[0], (px, py), atol=1e-6)


def test_moving_takes_what_is_shown_along_and_y_grows_upwards() -> None:
    view = Viewport(0, 0, 10, 400, 300)
    origin = np.zeros((1, 2))
    assert view.pixels(origin)[0].tolist() == [200, 150]
    assert view.moved(30, -20).pixels(origin)[0].tolist() == [230, 130]
    assert view.place(200, 0) == (0, 15)


@pytest.mark.parametrize("box", [(0, 0, 4, 2), (-1, -5, 1, 5), (3, 3, 3, 3), (0, 1, 5, 1)])
def test_what_is_fitted_is_wholly_in_view_in_the_middle(box: Any) -> None:
    left, bottom, right, top = Viewport.fit(box, 400, 300).box()
    assert left < box[0] <= box[2] < right
    assert bottom < box[1] <= box[3] < top
    assert (left + right, bottom + top) == pytest.approx((box[0] + box[2], box[1] + box[3]))


@pytest.mark.parametrize(
    ("box", "window"),
    [((0, 0, 4, 1), (400, 300)), ((0, 5000, 4, 5002), (400, 300)), ((-1, -9, 0, 1), (50, 300))],
)
def test_what_is_fitted_is_as_large_as_there_is_room(
    box: tuple[float, float, float, float], window: tuple[int, int]
) -> None:
    scale = Viewport.fit(box, *window).scale
    shares = (box[2] - box[0]) * scale / window[0], (box[3] - box[1]) * scale / window[1]
    square = Viewport.fit((0, 0, 1, 1), 100, 100).scale / 100
    assert max(shares) == pytest.approx(square)


def test_what_is_fitted_stands_above_a_footer() -> None:
    view = Viewport.fit((0, 0, 4, 4), 400, 300, footer=100)
    corners = view.pixels(np.array([(0, 0), (4, 4)]))
    assert (corners[:, 1] > 0).all()
    assert (corners[:, 1] < 200).all()
    assert corners.mean(axis=0) == pytest.approx((200, 100))


# -- cloud ----------------------------------------------------------------------------------------

POSITIONS = arrays(
    np.float32,
    st.tuples(st.integers(0, 300), st.just(2)),
    elements=st.floats(-100, 100, width=32) | st.just(float("nan")) | st.just(np.float32(1e7)),
)
BOX = st.tuples(*[st.floats(-120, 120)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


def inside(positions: np.ndarray, box: tuple[float, ...]) -> list[int]:
    x, y = positions.astype(np.float64).T
    left, bottom, right, top = box
    return np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top)).tolist()


@given(POSITIONS, BOX)
@settings(deadline=None)
def test_a_box_holds_the_points_that_are_in_it_and_no_other(
    positions: np.ndarray, box: tuple[float, float, float, float]
) -> None:
    cloud = PointCloud(positions)
    assert in_box(cloud, box).tolist() == inside(positions, box)
    assert cloud.count(box) >= len(inside(positions, box))


@pytest.mark.parametrize("far", [0, 20])
def test_a_small_box_in_a_large_cloud_touches_few_points(far: int) -> None:
    cloud = PointCloud(crowd(60_000, far=far))
    box = (5.9, 1.7, 6.1, 1.9)
    assert 0 < len(cloud.within(box)) <= cloud.count(box) < 1500
    assert cloud.count(cloud.whole) == len(cloud) == 60_000


def test_a_point_without_a_place_is_nowhere() -> None:
    positions = crowd(100)
    positions[3, 0], positions[7, 1], positions[9] = np.nan, np.inf, np.nan
    cloud = PointCloud(positions)
    assert sorted(set(range(100)) - set(cloud.order.tolist())) == [3, 7, 9]
    assert len(cloud) == 97
    assert cloud.n_points == 100


@pytest.mark.parametrize(
    "positions",
    [np.empty((0, 2)), np.full((3, 2), np.nan), np.ones((5, 2)), [[0, 1]], [[0, 0], [5, 0]]],
)
def test_clouds_of_hardly_anything_can_be_drawn(positions: Any) -> None:
    scene = Scene.of(np.asarray(positions, np.float32))
    view = Viewport.fit(scene.cloud.home, 60, 40)
    picture = scene.paint(view)
    n_placed = int(np.isfinite(np.asarray(positions)).all(axis=1).sum()) if len(positions) else 0
    assert picture.base.shape == (40, 60)
    assert picture.base.any() == (n_placed > 0)


def test_a_few_points_far_away_do_not_make_all_others_a_speck() -> None:
    all_near, some_far = PointCloud(crowd(5000)), PointCloud(crowd(5000, far=5))
    assert all_near.home == all_near.whole
    left, _, right, _ = some_far.home
    assert right - left < 60
    assert some_far.whole[2] - some_far.whole[0] > 500


def test_all_of_a_large_cloud_is_shown_whatever_the_order_of_its_points() -> None:
    positions = crowd(300_000)  # each third point is around one of three places
    assert PointCloud(positions).home == PointCloud(positions).whole
    assert PointCloud(positions).core[2] > 13


# -- pictures -------------------------------------------------------------------------------------


def test_pixels_count_the_points_at_them() -> None:
    positions, view = crowd(40_000), Viewport(6, 2, 20, 200, 160)
    picture = painted(positions, np.zeros(len(positions)), view)
    x, y = np.floor(view.pixels(positions)).astype(int).T
    seen = (x >= 0) & (x < 200) & (y >= 0) & (y < 160)
    counts = np.zeros((160, 200), int)
    np.add.at(counts, (y[seen], x[seen]), 1)
    alpha = picture[..., 3]
    differ = (alpha > 0) != (counts > 0)  # a point at the very edge of a pixel may fall beside it
    assert differ.mean() < 1e-3
    for few, more in ((1, 3), (3, 9)):
        assert alpha[counts == few].mean() < alpha[counts == more].mean() < 256


def test_a_pixel_has_the_mean_color_of_its_points() -> None:
    positions = np.array([[0.5, 0.5]] * 4 + [[10.5, 5.5]] * 2, np.float32)
    view = Viewport(10, 5, 1, 20, 10)
    picture = painted(positions, [0, 0, 0, 1, 2, 2], view)
    mixed = (3 * np.array(RED) + GREEN) / 4
    alpha = picture[9, 0, 3] / 255
    np.testing.assert_allclose(picture[9, 0, :3], mixed * alpha, atol=1.5)
    np.testing.assert_allclose(
        picture[4, 10, :3], np.array(BLUE) * picture[4, 10, 3] / 255, atol=1.5
    )


def test_hundreds_of_thousands_of_points_at_one_pixel_keep_their_color() -> None:
    n = 400_000
    positions = np.zeros((n, 2), np.float32)
    picture = painted(positions, np.arange(n) % 2, Viewport(0.5, 0.5, 1, 5, 5))
    np.testing.assert_allclose(picture[3, 2, :3], np.add(RED, GREEN) / 2, atol=1.5)
    assert picture[3, 2, 3] == 255


@pytest.mark.parametrize("is_one_place", [False, True])
def test_painting_of_many_points_takes_little_memory(is_one_place: bool) -> None:
    """They are spread over their pixels some at a time: all at once they would take 265 MB."""
    n = 600_000
    cloud = PointCloud(np.full((n, 2), [6, 2], np.float32) if is_one_place else crowd(n))
    inks = Inks(cloud, np.zeros(n, np.uint8), PALETTE)
    tracemalloc.start()
    try:
        paint_density(cloud, inks, Viewport(6, 2, 20, 200, 160), 2.5)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40e6


@pytest.mark.parametrize("radius", [0.5, 0.9, 2.0])
def test_what_is_out_of_view_leaves_no_trace_at_the_edges(radius: float) -> None:
    around = [[-9, 0], [9, 0], [0, -9], [0, 9], [-9, 9], [900, -900]]
    picture = painted(around, [0] * 6, Viewport(0, 0, 4, 30, 30), radius)
    assert not picture.any()
    cloud = PointCloud(np.array(around, np.float32))
    inks = Inks(cloud, np.zeros(6, np.uint8), PALETTE)
    assert not paint_discs(cloud, inks, Viewport(0, 0, 4, 30, 30), radius).any()


def test_a_point_just_outside_is_seen_as_far_as_it_reaches_in() -> None:
    cloud = PointCloud(np.array([[-5.2, 0.0]], np.float32))
    inks = Inks(cloud, np.zeros(1, np.uint8), PALETTE)
    view = Viewport(0, 0, 10, 100, 60)  # the left edge is at -5
    picture = channels(paint_discs(cloud, inks, view, 6))[..., 3]
    assert picture[30, 0] == 255
    assert not picture[:, 6:].any()
    assert not picture[:20].any()


@given(st.floats(1.6, 7), st.floats(-1, 1), st.floats(-1, 1))
@settings(deadline=None, max_examples=30)
def test_a_disc_is_round_crisp_and_of_its_color(radius: float, x: float, y: float) -> None:
    cloud = PointCloud(np.array([[x, y]], np.float32))
    view = Viewport(0, 0, 1, 40, 40)
    picture = channels(
        paint_discs(cloud, Inks(cloud, np.array([1], np.uint8), PALETTE), view, radius)
    )
    center = view.pixels(np.array([[x, y]]))[0]
    rows, columns = np.indices((40, 40)) + 0.5
    away = np.hypot(columns - center[0], rows - center[1])
    assert (picture[away < radius - 0.6, 3] == 255).all()
    assert not picture[away > radius + 0.7].any()
    middle = picture[away < radius - 2]
    assert (middle == [*GREEN, 255]).all()
    assert picture[..., 3].sum() / 255 == pytest.approx(np.pi * radius**2, rel=0.08)


def test_packed_colors_are_never_brighter_than_their_opacity() -> None:
    alpha = np.linspace(0, 1, 50)
    pixels = channels(packed(255 * alpha, 114 * alpha, 0 * alpha, alpha))
    assert (pixels[:, 0] == pixels[:, 3]).all()
    assert (pixels[:, :3] <= pixels[:, 3:]).all()


def test_points_grow_with_the_scale_from_a_haze_to_discs() -> None:
    scene = Scene.of(crowd(60_000)).colored(np.zeros(60_000, np.uint8), PALETTE)
    view = Viewport.fit(scene.cloud.home, 300, 240)
    radii, alphas = [], []
    for zoom in (1, 4, 16, 64, 4096):
        closer = view.zoomed(zoom, 150, 120)
        radii.append(scene.radius(closer))
        alpha = scene.paint(closer).base >> 24
        alphas.append(np.median(alpha[alpha > 0]) if alpha.any() else 255)
    assert radii == sorted(radii)
    assert radii[0] < 0.5 < radii[-1] <= 8
    assert alphas[0] < 255 == alphas[3]


def test_lit_points_are_a_picture_of_their_own_in_their_colors() -> None:
    positions = crowd(300)
    scene = Scene.of(positions).colored((np.arange(300) % 3).astype(np.uint8), PALETTE)
    view = Viewport.fit(scene.cloud.home, 200, 150)
    assert scene.paint(view).lit is None
    lit = scene.lit(np.array([4, 7])).paint(view).lit
    assert lit is not None
    for index, color in ((4, GREEN), (7, GREEN)):
        x, y = np.floor(view.pixels(positions[index : index + 1])[0]).astype(int)
        assert channels(lit)[y, x].tolist() == [*color, 255]
    assert (lit > 0).sum() < 120
    recolored = scene.lit(np.array([4])).colored(np.zeros(300, np.uint8), PALETTE).paint(view).lit
    assert recolored is not None
    x, y = np.floor(view.pixels(positions[4:5])[0]).astype(int)
    assert channels(recolored)[y, x].tolist() == [*RED, 255]


# -- picking --------------------------------------------------------------------------------------


@given(POSITIONS, st.floats(-110, 110), st.floats(-110, 110), st.floats(0.1, 50))
@settings(deadline=None)
def test_the_nearest_point_is_found_if_it_is_in_reach(
    positions: np.ndarray, x: float, y: float, reach: float
) -> None:
    found = nearest(PointCloud(positions), x, y, reach)
    away = np.hypot(*(positions.astype(np.float64) - (x, y)).T)
    away[~np.isfinite(away)] = np.inf
    best = away.min(initial=np.inf)
    if found is None:
        assert best > reach
    else:
        assert away[found] == best <= reach


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("far", [0, 30])
def test_an_outline_holds_what_matplotlib_says(seed: int, far: int) -> None:
    rng = np.random.default_rng(seed)
    positions = crowd(20_000, seed, far)
    turn = np.linspace(0, 2 * np.pi, 300)
    wild = (2 + rng.random(300)) * (1 + 0.5 * np.sin(3 * turn))
    corners = np.stack([wild * np.cos(turn) + 5, wild * np.sin(turn) + 1.5], axis=1)
    expected = np.flatnonzero(Outline(corners).contains_points(positions.astype(float)))
    assert len(expected) > 1000
    assert in_polygon(PointCloud(positions), corners).tolist() == expected.tolist()


def test_what_an_outline_surrounds_twice_is_outside() -> None:
    star = [(np.cos(a), np.sin(a)) for a in 2 * np.pi * np.array([0, 2, 4, 1, 3]) / 5]
    cloud = PointCloud(np.array([[0, 0], [0.6, 0.0], [2, 2]], np.float32))
    assert in_polygon(cloud, np.array(star)).tolist() == [1]


@pytest.mark.parametrize("corners", [np.empty((0, 2)), [[0, 0]], [[0, 0], [1, 1]]])
def test_an_outline_of_fewer_than_three_corners_holds_nothing(corners: Any) -> None:
    assert not len(in_polygon(PointCloud(crowd(50)), np.asarray(corners, float)))


# -- labels ---------------------------------------------------------------------------------------


@given(
    arrays(np.float64, st.tuples(st.integers(0, 40), st.just(2)), elements=st.floats(-20, 320)),
    st.integers(1, 30),
)
@settings(deadline=None)
def test_labels_never_cover_each_other_and_lie_in_the_picture(
    anchors: np.ndarray, most: int
) -> None:
    taken = [(0.0, 180.0, 300.0, 200.0)]
    placed = place_labels(anchors, lambda n: (30 + n, 12), (300, 200), 4, taken, most)
    rects = [(left, top, left + 30 + n, top + 12) for n, left, top in placed] + taken
    assert len(placed) <= most
    assert [n for n, _, _ in placed] == sorted(n for n, _, _ in placed)
    for i, (left, top, right, bottom) in enumerate(rects):
        assert left >= 0
        assert top >= 0
        assert right <= 300
        assert bottom <= 200
        for other in rects[:i]:
            assert right <= other[0] or left >= other[2] or bottom <= other[1] or top >= other[3]


def test_the_first_label_gets_the_best_place_and_the_next_another() -> None:
    anchors = np.array([[100, 100], [100, 100], [290, 100]], float)
    placed = place_labels(anchors, lambda n: (40, 12), (300, 200), 5)
    assert placed == [(0, 105, 94), (1, 55, 94), (2, 245, 94)]


@pytest.mark.parametrize("side", [(1, 0), (-1, 0), (0, -1), (0, 1)])
def test_a_label_keeps_its_distance_on_each_side_of_its_point(side: tuple[int, int]) -> None:
    width, height, gap = 40, 12, 5
    x, y = 100, 100
    sides = {
        (1, 0): (x + gap, y - height / 2),
        (-1, 0): (x - gap - width, y - height / 2),
        (0, -1): (x - width / 2, y - gap - height),
        (0, 1): (x - width / 2, y + gap),
    }
    taken = [
        (left + width / 2, top + height / 2, left + width / 2 + 1, top + height / 2 + 1)
        for key, (left, top) in sides.items()
        if key != side
    ]
    point = np.array([[x, y]], float)
    placed = place_labels(point, lambda n: (width, height), (300, 200), gap, taken)
    assert placed == [(0, *sides[side])]


@pytest.mark.parametrize("n_points", [1, 30])
@pytest.mark.parametrize("side", [(1, 0), (-1, 0), (0, -1), (0, 1)])
def test_a_label_covers_as_few_points_as_can_be(side: tuple[int, int], n_points: int) -> None:
    """On the side where there are none; where there are some on each, where they are the fewest."""
    rng, anchor = np.random.default_rng(3), np.array([150.0, 100.0])
    ways = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)])
    for fewest in (0, n_points):
        crowd = [
            anchor
            + way * (26, 13)
            + rng.uniform(-2, 2, (fewest if tuple(way) == side else 2 * n_points, 2))
            for way in ways
        ]
        points = np.concatenate([anchor[None], [[np.nan, np.nan], [900, 50]], *crowd])
        placed = place_labels(points[:1], lambda n: (40, 12), (300, 200), 6, points=points)
        _, left, top = placed[0]
        assert np.sign(np.round([left + 20 - 150, top + 6 - 100])).tolist() == list(side)
    placed = place_labels(points[:1], lambda n: (40, 12), (300, 200), 6, points=points[:1])
    assert placed == [(0, 156, 94)], "to the right, where it makes no difference"


def test_a_label_in_a_crowd_is_left_out_but_for_the_first() -> None:
    points = np.random.default_rng(4).uniform((100, 50), (200, 150), (900, 2))
    anchors = np.array([[150, 100], [150, 90], [90, 100]], float)
    placed = place_labels(anchors, lambda n: (40, 12), (300, 200), 6, points=points)
    assert [n for n, _, _ in placed] == [0, 2]


@pytest.mark.parametrize("point", [(-0.5, 50), (50, -0.5), (300.5, 50), (50, 200.5)])
def test_a_point_out_of_view_has_no_label(point: tuple[float, float]) -> None:
    assert not place_labels(np.array([point]), lambda n: (40, 12), (300, 200), 5)


@pytest.mark.parametrize("point", [(0, 50), (50, 0), (300, 50), (50, 200)])
def test_a_point_at_the_edge_of_the_view_has_a_label(point: tuple[int, int]) -> None:
    assert place_labels(np.array([point], float), lambda n: (40, 12), (300, 200), 5)

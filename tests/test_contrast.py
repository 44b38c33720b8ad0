"""Contrast limits from pixels, and the composite of six stains."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_rxrx3.core.contrast import STRENGTH, composite, limits_of, suits
from napari_rxrx3.core.stains import STAINS

REAL_WELL = Path(__file__).parents[2] / "shared" / "data" / "real-well"
LIMITS = ((10.0, 110.0),) * 6


def only(number: int, plane: np.ndarray) -> list[np.ndarray | None]:
    """Six planes of which only one, 1..6, is there."""
    return [plane if i + 1 == number else None for i in range(6)]


# --- limits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "is_suitable"),
    [
        ((100, 400), True),
        ((0, 900), True),
        ((150, 300), True),
        ((0, 65535), False),
        ((0, 1), False),
        ((260, 400), False),
        ((100, 240), False),
    ],
)
def test_limits_of_a_file_suit_what_they_show(
    window: tuple[float, float], is_suitable: bool
) -> None:
    measured = ((100.0, 400.0), (0.0, 1.0))
    assert suits((window, (0.0, 2.0)), measured) == is_suitable
    assert not suits((window,), measured)


@given(
    data=st.data(),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    shapes=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=3),
)
def test_low_is_always_below_high(
    data: st.DataObject, dtype: type, shapes: list[tuple[int, int]]
) -> None:
    top = data.draw(st.integers(0, np.iinfo(dtype).max))
    rng = np.random.default_rng(top)
    planes = [rng.integers(0, top, shape, dtype, endpoint=True) for shape in shapes]
    low, high = limits_of(planes)
    assert low < high
    assert min(p.min() for p in planes) <= low
    assert high <= max(max(p.max() for p in planes), low + 1)


@pytest.mark.parametrize("value", [0, 7, 255, 65535])
def test_a_constant_plane_has_limits(value: int) -> None:
    low, high = limits_of([np.full((64, 64), value, np.uint16)])
    assert low == value
    assert high > low


def test_limits_leave_out_the_ends_and_nothing_else() -> None:
    ramp = np.arange(1000, dtype=np.uint16).reshape(20, 50)
    assert limits_of([ramp]) == pytest.approx((5, 997), abs=1.5)
    assert limits_of([ramp[:, ::-1], ramp]) == pytest.approx((5, 997), abs=1.5)


@pytest.mark.parametrize("size", [512, 1024, 2048])
def test_limits_of_large_planes_see_all_of_their_columns(size: int) -> None:
    plane = np.zeros((size, size), np.uint8)
    plane[:, 1::8] = 100
    assert limits_of([plane]) == (0, 100)
    noisy = np.random.default_rng(0).normal(1000, 100, (size, size)).astype(np.uint16)
    assert limits_of([noisy]) == pytest.approx(np.percentile(noisy, (0.5, 99.8)), abs=15)


def test_every_plane_has_a_say() -> None:
    dark, bright = np.full((30, 30), 10, np.uint8), np.full((30, 30), 200, np.uint8)
    assert limits_of([dark, bright, dark]) == (10, 200)


# --- composite -------------------------------------------------------------------------------


@pytest.mark.parametrize("stain", STAINS, ids=lambda stain: stain.name)
def test_a_stain_shines_in_its_color_at_part_of_full_brightness(stain: object) -> None:
    picture = composite(only(stain.number, np.full((3, 5), 110, np.uint8)), LIMITS)
    assert (picture.shape, picture.dtype) == ((3, 5, 3), np.uint8)
    np.testing.assert_allclose(picture[0, 0], np.array(stain.color) * STRENGTH * 255, atol=1)


def test_stains_are_added_up() -> None:
    planes = [np.full((2, 2), 40 + 5 * i, np.uint16) for i in range(6)]
    each = sum(composite(only(i + 1, p), LIMITS).astype(int) for i, p in enumerate(planes))
    np.testing.assert_allclose(composite(planes, LIMITS), np.minimum(each, 255), atol=6)


@pytest.mark.parametrize(("value", "share"), [(0, 0), (10, 0), (60, 0.5), (110, 1), (65535, 1)])
def test_values_outside_the_limits_are_clipped(value: int, share: float) -> None:
    picture = composite(only(4, np.full((1, 1), value, np.uint16)), LIMITS)
    np.testing.assert_allclose(picture[0, 0], np.array(STAINS[3].color) * share * 127.5, atol=1)


def test_bright_stains_end_at_white_and_do_not_wrap_around() -> None:
    picture = composite([np.full((2, 2), 65535, np.uint16)] * 6, LIMITS)
    assert (picture == 255).all()


def test_hidden_and_missing_stains_add_nothing() -> None:
    planes = [np.full((2, 2), 90, np.uint8)] * 6
    one = composite(only(2, planes[0]), LIMITS)
    shown = [stain.number == 2 for stain in STAINS]
    np.testing.assert_array_equal(composite(planes, LIMITS, shown), one)
    assert one.any()
    assert not composite(planes, LIMITS, [False] * 6).any()


def test_the_planes_are_left_as_they_are() -> None:
    plane = np.arange(9, dtype=np.uint8).reshape(3, 3)
    plane.flags.writeable = False
    composite([plane] * 6, LIMITS)
    np.testing.assert_array_equal(plane.ravel(), np.arange(9))


@pytest.mark.skipif(
    not REAL_WELL.is_dir(), reason="the real well (licensed, not shipped) is not at hand"
)
def test_a_real_well_is_neither_washed_out_nor_dark() -> None:
    planes = [
        imagecodecs.jpeg2k_decode((REAL_WELL / f"AA41_s1_{c}.jp2").read_bytes())
        for c in range(1, 7)
    ]
    picture = composite(planes, tuple(limits_of([plane]) for plane in planes))
    assert (picture == 255).any(axis=-1).mean() < 0.02
    assert 30 < picture.max(axis=-1).mean() < 180
    assert picture.max() > 200

"""Brightness of wells against controls, held against counting the pixels one by one."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_rxrx3.core.histograms import N_BINS, N_SD, Levels, histogram

PLANES = arrays(np.uint16, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def flat(level: int, size: int = 8) -> np.ndarray:
    return np.full((size, size), level, dtype=np.uint8)


@given(st.lists(PLANES, min_size=1, max_size=4))
def test_levels_are_counted_over_all_wells(planes: list[np.ndarray]) -> None:
    levels = Levels.together([Levels.of(plane) for plane in planes])
    pixels = np.concatenate([plane.reshape(-1) for plane in planes])
    counted = dict(zip(*np.unique(pixels, return_counts=True), strict=True))
    assert {level: n for level, n in enumerate(levels.counts) if n} == counted
    assert levels.means == pytest.approx([plane.mean() for plane in planes])


@given(PLANES, PLANES)
def test_every_bin_holds_its_share_of_the_pixels(a: np.ndarray, b: np.ndarray) -> None:
    found = histogram(Levels.of(a), Levels.of(b))
    assert len(found.treated) == len(found.controls) <= N_BINS
    widths = np.diff(found.edges)
    assert (widths == widths[0]).all()
    assert widths[0] >= 1
    for plane, shares in ((a, found.treated), (b, found.controls)):
        for left, right, share in zip(found.edges[:-1], found.edges[1:], shares, strict=True):
            inside = (plane >= left) & (plane < right)
            assert share == pytest.approx(inside.mean())


@given(PLANES, PLANES)
def test_small_images_are_shown_to_the_last_pixel(a: np.ndarray, b: np.ndarray) -> None:
    found = histogram(Levels.of(a), Levels.of(b))
    assert found.treated.sum() == pytest.approx(1)
    assert found.controls.sum() == pytest.approx(1)


def test_a_rare_bright_pixel_does_not_squeeze_all_others() -> None:
    plane = np.arange(10_000, dtype=np.uint16).reshape(100, 100) % 50
    plane[0, 0] = 60_000
    found = histogram(Levels.of(plane), Levels.of(plane))
    assert found.edges[-1] <= 51
    assert found.treated.sum() == pytest.approx(0.9999)


def test_no_level_of_an_image_of_8_bits_is_split() -> None:
    plane = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = histogram(Levels.of(plane), Levels.of(plane))
    assert len(found.treated) == 52  # 256 levels, five a bin
    assert found.treated[:-1] == pytest.approx(5 / 256)


def test_means_are_those_of_wells() -> None:
    treated = Levels.together([Levels.of(flat(30)), Levels.of(flat(50))])
    controls = Levels.together([Levels.of(flat(level)) for level in (19, 20, 21)])
    found = histogram(treated, controls)
    assert (found.treated_mean, found.control_mean, found.ratio) == (40, 20, 2)
    assert found.control_means == (19, 20, 21)
    assert found.control_sd == 1


@pytest.mark.parametrize(("level", "outside"), [(20, False), (22, False), (24, True), (16, True)])
def test_outside_is_three_standard_deviations_away(level: int, outside: bool) -> None:
    controls = Levels.together([Levels.of(flat(each)) for each in (19, 20, 21)])
    assert N_SD == 3
    assert histogram(Levels.of(flat(level)), controls).is_outside is outside


def test_two_controls_do_not_say_what_is_usual() -> None:
    controls = Levels.together([Levels.of(flat(each)) for each in (20, 21)])
    found = histogram(Levels.of(flat(200)), controls)
    assert isnan(found.control_sd)
    assert not found.is_outside


def test_black_images_are_no_error() -> None:
    found = histogram(Levels.of(flat(0)), Levels.of(flat(0)))
    assert isnan(found.ratio)
    assert found.treated.tolist() == [1]

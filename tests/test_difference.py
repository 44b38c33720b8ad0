"""Differences to controls: what is averaged, what is subtracted, and where six stains are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.difference import (
    BRIGHTER,
    DARKER,
    ControlMean,
    StainPlaces,
    symmetric,
)
from napari_rxrx3.core.errors import Cancelled, UnknownWell
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.images import controls
from napari_rxrx3.data.images.controls import N_CONTROLS, Differences, control_means
from napari_rxrx3.data.images.tiles import TileReader, cause_of

PLATE, FEW, NONE = PlateId("gene-001", 1), PlateId("gene-001", 2), PlateId("gene-001", 3)
CONTROLS = [f"{row}{column:02d}" for row in "BCDEF" for column in range(2, 10)]
SIZES = st.floats(1, 1000)


def quiet(done: int, total: int, text: str) -> None:
    assert 0 <= done <= total


def a_screen() -> b.Screen:
    rows = [b.control_row(*PLATE, address) for address in CONTROLS]
    rows += [b.control_row(*FEW, address) for address in CONTROLS[:3]]
    rows += [b.guide_row(*NONE, "B02", "PLK1")]
    return b.Screen.of(rows, size=32)


@pytest.fixture
def screen() -> b.Screen:
    return a_screen()


def opened(screen: b.Screen, folder: Path) -> Any:
    return rx.open_dataset(screen.write_rxrx3(folder / "data"), folder / "cache")


# --- arithmetic ------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=30), st.integers(0, 65535))
def test_the_difference_is_to_the_mean(values: list[int], own: int) -> None:
    mean = ControlMean()
    for i, value in enumerate(values):
        mean.add(f"control {i}", np.full((2, 3), value, np.uint16))
    difference = mean.difference("well", np.full((2, 3), own, np.uint16))
    assert difference is not None
    assert difference.dtype == np.float32
    np.testing.assert_allclose(difference, own - np.mean(values), rtol=1e-5, atol=0.01)


def test_a_control_of_another_size_has_no_difference() -> None:
    mean = ControlMean()
    for i in range(3):
        mean.add(f"control {i}", np.full((4, 4), i, np.uint16))
    assert mean.difference("control 1", np.zeros((2, 2), np.uint16)) is None
    assert mean.difference("well", np.zeros((2, 2), np.uint16)) is None


@given(st.lists(st.integers(0, 65535), min_size=2, max_size=16))
def test_a_control_is_compared_with_the_others(values: list[int]) -> None:
    mean = ControlMean()
    planes = [np.full((2, 2), value, np.uint16) for value in values]
    for i, plane in enumerate(planes):
        mean.add(f"control {i}", plane)
    difference = mean.difference("control 1", planes[1])
    assert difference is not None
    others = values[:1] + values[2:]
    np.testing.assert_allclose(difference, values[1] - np.mean(others), rtol=1e-5, atol=0.02)


def test_where_there_is_nothing_to_compare_with_there_is_no_difference() -> None:
    plane = np.ones((4, 4), np.uint8)
    mean = ControlMean()
    assert mean.difference("well", plane) is None
    mean.add("control", plane)
    assert mean.difference("control", plane) is None, "it is the only one"
    assert mean.difference("well", np.ones((4, 5), np.uint8)) is None


def test_limits_are_around_zero_and_as_wide_as_those_of_the_images() -> None:
    assert symmetric(((10.0, 110.0),) * 6) == ((-50.0, 50.0),) * 6


# --- places ----------------------------------------------------------------------------------


@given(size=st.tuples(SIZES, SIZES), room=st.tuples(SIZES, SIZES), share=st.floats(0.01, 0.99))
def test_each_stain_has_a_place_of_its_own(
    size: tuple[float, float], room: tuple[float, float], share: float
) -> None:
    places = StainPlaces.fitting(size, room)
    boxes = []
    for number in range(1, 7):
        y, x = places.place(number)
        boxes.append((y, x))
        assert places.within(y + share * size[0], x + share * size[1]) == pytest.approx(
            (share * size[0], share * size[1]), rel=1e-6, abs=1e-6
        )
        assert y + size[0] <= places.whole[0] * (1 + 1e-9)
        assert x + size[1] <= places.whole[1] * (1 + 1e-9)
    for i, (y, x) in enumerate(boxes):
        for other_y, other_x in boxes[:i]:
            assert abs(y - other_y) >= size[0] or abs(x - other_x) >= size[1]


@pytest.mark.parametrize(("room", "columns"), [((700, 560), 2), ((600, 900), 3), ((100, 900), 6)])
def test_stains_are_placed_as_the_canvas_has_room(room: tuple[int, int], columns: int) -> None:
    assert StainPlaces.fitting((100, 100), room).columns == columns


def test_a_place_is_in_the_rectangle_of_all_pictures_or_not() -> None:
    places = StainPlaces((10, 20), 3)
    height, width = places.whole
    for y, x in ((0, 0), (height - 0.1, 0), (0, width - 0.1)):
        assert places.holds(y, x)
    for y, x in ((-0.1, 0), (0, -0.1), (height, 0), (0, width)):
        assert not places.holds(y, x)


def test_what_is_brighter_or_darker_has_a_color_that_screens_can_show() -> None:
    assert all(0 <= part <= 1 for part in (*BRIGHTER, *DARKER))


# --- controls of a plate ---------------------------------------------------------------------


def test_controls_from_all_over_the_plate_are_averaged(screen: b.Screen, tmp_path: Path) -> None:
    dataset = opened(screen, tmp_path)
    means = control_means(dataset, PLATE, quiet)
    assert means.n_controls == (N_CONTROLS, N_CONTROLS)
    wells = means.stains[0].wells
    assert {well.rsplit("_", 1)[1][0] for well in wells} == set("BCDEF"), "every row"
    treated = b.noise("treated", 32)
    for channel in range(6):
        mean = np.mean([screen.planes[well][channel] for well in sorted(wells)], axis=0)
        difference = means.stains[channel].difference("treated", treated[channel])
        np.testing.assert_allclose(difference, treated[channel] - mean, atol=0.05)


@pytest.mark.parametrize(("crop", "reduction", "shape"), [(8, 1, (8, 8)), (0, 4, (8, 8))])
def test_means_are_of_what_is_shown(
    screen: b.Screen, tmp_path: Path, crop: int, reduction: int, shape: tuple[int, int]
) -> None:
    means = control_means(opened(screen, tmp_path), FEW, quiet, crop=crop, reduction=reduction)
    planes = [screen.planes[b.well_name(*FEW, address)][2] for address in CONTROLS[:3]]
    if crop:
        shown = [plane[12:20, 12:20] for plane in planes]
    else:
        shown = [np.rint(plane.reshape(8, 4, 8, 4).mean(axis=(1, 3))) for plane in planes]
    difference = means.stains[2].difference("none", np.zeros(shape, np.uint16))
    np.testing.assert_allclose(difference, -np.mean(shown, axis=0), atol=0.05)
    assert means.n_controls == (3, 3)


def test_a_plate_without_controls_says_so(screen: b.Screen, tmp_path: Path) -> None:
    means = control_means(opened(screen, tmp_path), NONE, quiet)
    assert means.why == "no control with an image is on gene-001 plate 3"
    assert means.n_controls == (0, 0)


def test_controls_that_cannot_be_read_are_left_out(screen: b.Screen, tmp_path: Path) -> None:
    first, second = (b.well_name(*FEW, address) for address in CONTROLS[:2])
    screen.planes[first] = [np.zeros((2, 2), np.uint16), *screen.planes[first][1:5]]
    screen.planes[second] = screen.planes[second][:5]
    means = control_means(opened(screen, tmp_path), FEW, quiet)
    assert [len(mean.wells) for mean in means.stains] == [2, 3, 3, 3, 3, 1]
    assert means.n_controls == (1, 3)
    assert not means.why


def test_a_plate_is_averaged_once(screen: b.Screen, tmp_path: Path) -> None:
    dataset = opened(screen, tmp_path)
    first = control_means(dataset, PLATE, quiet)
    (tmp_path / "data" / "images" / "gene-001" / "Plate1.tar").unlink()
    assert control_means(dataset, PLATE, quiet) is first


def test_a_plate_whose_file_is_another_one_is_averaged_anew(
    screen: b.Screen, tmp_path: Path
) -> None:
    dataset = opened(screen, tmp_path)
    first = control_means(dataset, FEW, quiet)
    screen.planes = {well: [p // 2 for p in planes] for well, planes in screen.planes.items()}
    tar = tmp_path / "data" / "images" / "gene-001" / f"Plate{FEW.plate}.tar"
    tar.unlink()
    screen.write_tars(tmp_path / "data")
    dataset.read(b.well_name(*FEW, CONTROLS[0]))  # which notices it
    again = control_means(dataset, FEW, quiet)
    zeros = np.zeros((32, 32), np.uint16)
    before, now = (means.stains[1].difference("none", zeros) for means in (first, again))
    np.testing.assert_allclose(now, before / 2, atol=1)


def test_plates_without_a_mean_are_tried_again(screen: b.Screen, tmp_path: Path) -> None:
    dataset = opened(screen, tmp_path)
    tar = tmp_path / "data" / "images" / "gene-001" / f"Plate{FEW.plate}.tar"
    away = tar.rename(tar.with_suffix(".away"))
    assert "can be read" in control_means(dataset, FEW, quiet).why
    away.rename(tar)
    assert not control_means(dataset, FEW, quiet).why


@pytest.mark.parametrize(("crop", "reduction"), [(0, 1), (0, 2), (20, 1)])
def test_large_planes_are_compared_with_less_detail(
    screen: b.Screen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    crop: int,
    reduction: int,
) -> None:
    monkeypatch.setattr(controls, "_LARGEST", 10)
    dataset = opened(screen, tmp_path)
    well = b.well_name(*FEW, CONTROLS[0])
    plane = TileReader(dataset, crop, reduction).read(well, 3)
    found = Differences(dataset, {(well, 3): plane}, quiet, crop=crop, reduction=reduction)
    assert found.times == (2 if crop or reduction == 2 else 4)
    difference = found.of_stain(3)[well]
    assert difference.shape == (len(plane) // found.times,) * 2
    assert found.of_stain(4) == {}


def test_differences_by_themselves_are_of_whole_planes_in_full_detail(
    screen: b.Screen, tmp_path: Path
) -> None:
    dataset = opened(screen, tmp_path)
    well = b.well_name(*FEW, CONTROLS[0])
    plane = TileReader(dataset).read(well, 3)
    found = Differences(dataset, {(well, 3): plane}, quiet).of_stain(3)[well]
    expected = control_means(dataset, FEW, quiet).stains[2].difference(well, plane)
    assert found.shape == screen.planes[well][2].shape
    np.testing.assert_array_equal(found, expected)


def test_controls_that_cannot_be_read_are_told_by_their_cause_alone(
    screen: b.Screen, tmp_path: Path
) -> None:
    """Which ones is said before it: no well and no channel is named again."""
    dataset = opened(screen, tmp_path)
    tar = tmp_path / "data" / "images" / "gene-001" / f"Plate{FEW.plate}.tar"
    tar.unlink()
    why = control_means(dataset, FEW, quiet).why
    assert why.startswith(f"no control of {FEW} can be read: ")
    cause = why.partition(": ")[2]
    assert cause
    assert "channel" not in cause
    assert b.well_name(*FEW, CONTROLS[0]) not in cause
    assert cause_of(UnknownWell("a well")) == str(UnknownWell("a well"))


def test_no_more_is_kept_than_allowed(screen: b.Screen, tmp_path: Path) -> None:
    dataset = opened(screen, tmp_path)
    dataset.images.memory.resize(6 * 4 * 32 * 32)
    first = control_means(dataset, PLATE, quiet)
    assert dataset.images.memory.size == 6 * 4 * 32 * 32, "means count as images do"
    control_means(dataset, FEW, quiet)
    assert dataset.images.memory.size == 6 * 4 * 32 * 32
    assert control_means(dataset, PLATE, quiet) is not first


def test_averaging_can_be_stopped(screen: b.Screen, tmp_path: Path) -> None:
    dataset = opened(screen, tmp_path)
    seen = []

    def stop(done: int, total: int, text: str) -> None:
        seen.append((done, total, text))
        if done == 5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        control_means(dataset, PLATE, stop)
    assert seen[-1] == (5, 6 * N_CONTROLS, "averaging the controls of gene-001 plate 1")
    assert control_means(dataset, PLATE, quiet).n_controls == (16, 16), "half of a mean is none"

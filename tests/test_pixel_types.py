"""Images of floating-point numbers, and of whole numbers of other depths, shown and measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import napari_rxrx3 as rx
import zarr_plates as z
from napari_rxrx3.core.contrast import limits_of
from napari_rxrx3.core.histograms import Levels, histogram
from napari_rxrx3.core.mosaic import hatch_level, hatched
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import silent
from napari_rxrx3.data.images.controls import control_limits, control_means
from napari_rxrx3.data.images.decode import shrink
from napari_rxrx3.figures.ome_tiff import save_planes

WELLS = ("A1", "A2", "B3", "B4")
PLATE = PlateId("floats", 1)


def planes_of(address: str) -> np.ndarray:
    """Planes around zero, as after a background was taken off: float32 (4, 64, 64)."""
    return (z.planes_of(address).astype("float32") - 300) / 1000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> rx.Dataset:
    root = tmp_path_factory.mktemp("floats")
    z.write_plate(root / "data" / "floats.zarr", {a: planes_of(a) for a in WELLS})
    table = pd.DataFrame({"Well": WELLS, "Drug": ["DMSO", "DMSO", "taxol", "taxol"]})
    table.to_csv(root / "data" / "wells.csv", index=False)
    return rx.open_dataset(root / "data", root / "cache")


def test_they_are_read_as_they_are(dataset: rx.Dataset) -> None:
    np.testing.assert_array_equal(dataset.read("floats_1_B03"), planes_of("B3"))
    assert dataset.check().problems["kind"].tolist() == ["interpreted"]


def test_small_views_are_means_that_are_not_rounded(dataset: rx.Dataset) -> None:
    whole = planes_of("B3")
    means = whole.reshape(4, 16, 4, 16, 4).mean(axis=(2, 4), dtype=np.float64)
    small = dataset.thumbnail("floats_1_B03", 16)
    assert small.dtype == np.float32
    # the smaller level in the file was made by taking each other pixel
    np.testing.assert_allclose(shrink(whole[0], 16), means[0], rtol=1e-5, atol=1e-7)
    assert len(np.unique(small)) > 100


def test_contrast_is_that_of_the_controls(dataset: rx.Dataset) -> None:
    limits = control_limits(dataset, PLATE, silent)
    for channel, (low, high) in enumerate(limits):
        pixels = np.stack([planes_of(a)[channel] for a in ("A1", "A2")])
        assert (low, high) == pytest.approx(np.percentile(pixels, (0.5, 99.8)), abs=1e-6)
        assert -0.3 < low < high < 0.5
    assert limits[0][0] < 0, "the first of them lies around zero"


def test_a_difference_is_in_the_same_numbers(dataset: rx.Dataset) -> None:
    mean = control_means(dataset, PLATE, silent).stains[1]
    found = mean.difference("floats_1_B03", dataset.plane("floats_1_B03", 2))
    controls = (planes_of("A1")[1] + planes_of("A2")[1]) / 2
    np.testing.assert_allclose(found, planes_of("B3")[1] - controls, atol=1e-6)


def test_brightness_is_measured_with_and_without_a_sign(dataset: rx.Dataset) -> None:
    treated = dataset.levels("floats_1_B03", 1)
    assert treated.means[0] == pytest.approx(planes_of("B3")[0].mean(dtype=float))
    controls = Levels.together([dataset.levels(f"floats_1_A0{n}", 1) for n in (1, 2)])
    found = histogram(treated, controls)
    assert found.treated.sum() == pytest.approx(1, abs=0.01)
    assert found.edges[0] == pytest.approx(planes_of("A1")[0].min(), abs=0.01)
    assert found.edges[-1] == pytest.approx(planes_of("A1")[0].max(), abs=0.02)
    assert np.isnan(found.ratio), "no number of times: the means are below zero"


def test_one_that_is_not_finite_is_named(tmp_path: Path) -> None:
    planes = planes_of("A1")
    planes[2, 5, 5:8] = np.nan
    path = z.write_plate(tmp_path / "p.zarr", {"A1": planes})
    dataset = rx.open_dataset(path, tmp_path / "cache")
    assert dataset.plane("p_1_A01", 2).any()
    with pytest.raises(
        rx.ImageUnavailable, match=r"channel 3: it has 3 pixels of no finite number"
    ):
        dataset.read("p_1_A01")
    problems = dataset.check().problems
    assert problems["channel"].tolist() == [3]


def test_complex_numbers_are_refused_in_words(tmp_path: Path) -> None:
    path = z.write_plate(tmp_path / "p.zarr", {"A1": planes_of("A1").astype("complex64")})
    with pytest.raises(rx.ImageUnavailable, match="its pixels are complex64"):
        rx.open_dataset(path, tmp_path / "cache").read("p_1_A01")


def test_hatching_is_within_the_contrast() -> None:
    for low, high in ((-0.3, 0.4), (0.0, 0.001), (-3.0, -1.0)):
        lines = hatched((64, 64), np.dtype("float32"), hatch_level((low, high)))
        drawn = lines[lines != 0]
        assert drawn.size
        assert (drawn > low).all()
        assert (drawn < high).all()


def test_pixels_that_are_all_one_number_have_a_range() -> None:
    for number in (0.0, 1e-4, -7.5, 1e6):
        low, high = limits_of([np.full((8, 8), number, "float32")])
        assert low == pytest.approx(number)
        assert high > low


@given(
    planes=st.lists(
        hnp.arrays(
            np.float32, (5, 7), elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
        ),
        min_size=1,
        max_size=3,
    )
)
def test_levels_of_numbers_count_each_pixel_where_it_is(planes: list[np.ndarray]) -> None:
    levels = Levels.together([Levels.of(plane) for plane in planes])
    pixels = np.concatenate([plane.ravel() for plane in planes]).astype(float)
    edges = (levels.first + np.arange(len(levels.counts) + 1)) * levels.step
    inside = np.floor(pixels / levels.step).astype(int) - levels.first
    counted = np.bincount(inside, minlength=len(levels.counts))
    np.testing.assert_array_equal(levels.counts, counted)
    assert edges[0] <= pixels.min()
    assert pixels.max() < edges[-1]
    assert len(levels.counts) <= 1 << 17
    np.testing.assert_allclose(levels.means, [p.mean(dtype=float) for p in planes], rtol=1e-6)


def test_crops_of_them_are_without_loss(dataset: rx.Dataset, tmp_path: Path) -> None:
    rx.export_crops(dataset, tmp_path, size=16, per_well=1)
    rows = pq.read_table(next((tmp_path / "data").glob("*.parquet"))).to_pylist()
    crop = next(row for row in rows if row["well_id"] == "floats_1_B03")
    top, left = crop["top"], crop["left"]
    for channel, plane in enumerate(planes_of("B3"), start=1):
        path = tmp_path / "plane.tif"
        path.write_bytes(crop[f"w{channel}"]["bytes"])
        assert crop[f"w{channel}"]["path"].endswith(".tif")
        np.testing.assert_array_equal(
            tifffile.imread(path), plane[top : top + 16, left : left + 16]
        )


def test_an_export_of_the_plate_is_the_same_again(dataset: rx.Dataset, tmp_path: Path) -> None:
    rx.export_zarr(dataset, tmp_path)
    again = rx.open_dataset(tmp_path / "floats-Plate1.ome.zarr", tmp_path / "cache")
    assert again.pixel_size_um == dataset.pixel_size_um == pytest.approx(0.325), "not RxRx3's"
    np.testing.assert_array_equal(again.read("floats_1_B03"), planes_of("B3"))


def test_planes_leave_as_they_are_with_the_size_of_their_pixels(
    dataset: rx.Dataset, tmp_path: Path
) -> None:
    save_planes(tmp_path / "planes.ome.tif", dataset, ["floats_1_B03"])
    with tifffile.TiffFile(tmp_path / "planes.ome.tif") as file:
        np.testing.assert_array_equal(file.asarray(), planes_of("B3"))
        assert 'PhysicalSizeX="0.325"' in file.ome_metadata

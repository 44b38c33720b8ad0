"""Pieces of wells that candidates are shown by: where they lie, and how sharp they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import ImageUnavailable, UnknownWell
from napari_rxrx3.data.images.decode import shrink
from napari_rxrx3.data.images.previews import PrefixReader

EXACT = 0.55
"""Most gray levels between a mean and what is shown: rounding, and sums in single precision."""
SIZES = (96, 150, 211, 256, 320, 640)


def pattern(name: str, size: int, dtype: str) -> np.ndarray:
    """Return six planes of stripes and checks one to three pixels wide, under noise."""
    y, x = np.mgrid[:size, :size]
    top = np.iinfo(dtype).max
    waves = [x % 2, (x + y) % 2, (y // 2) % 2, (x // 3) % 2, (x * y) % 3 / 2, (x // 2 + y // 2) % 2]
    planes = np.stack(waves) * 0.6 * top + 0.4 * b.noise(name, size, dtype)
    return planes.astype(dtype)


def area_mean(plane: np.ndarray, size: int) -> np.ndarray:
    """Return exact means of (size, size) equal parts: differences of the integral between edges."""
    for _ in range(2):
        sums = np.vstack([np.zeros((1, plane.shape[1])), np.cumsum(plane.astype(float), axis=0)])
        edges = np.linspace(0, len(plane), size + 1)
        below = np.minimum(edges.astype(int), len(plane) - 1)
        at = sums[below] + (edges - below)[:, None] * (sums[below + 1] - sums[below])
        plane = (np.diff(at, axis=0) * size / len(plane)).T
    return plane


def wells(experiment: str, n: int) -> list[b.Row]:
    return [b.guide_row(experiment, 1, f"C{c:02d}", "PLK1") for c in range(2, 2 + n)]


def screen_of(size: int, dtype: str, n: int = 2) -> b.Screen:
    screen = b.Screen(wells("gene-001", n))
    screen.planes = {i: pattern(i, size, dtype) for i in screen.ids}
    return screen


def write(kind: str, root: Path) -> b.Screen:
    """Write two wells as RxRx3-core, as RxRx3, or as RxRx1 comes."""
    screen = screen_of(*{"core": (512, "uint8"), "tars": (900, "uint16")}.get(kind, (512, "uint8")))
    screen.write_metadata(root / "metadata.csv")
    {"core": screen.write_core, "tars": screen.write_tars, "folders": screen.write_folders}[kind](
        root
    )
    return screen


@pytest.fixture(scope="module", params=["core", "tars", "folders"])
def data(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, b.Screen]:
    root = tmp_path_factory.mktemp(request.param)
    screen = write(request.param, root)
    return request.param, rx.open_dataset(root, tmp_path_factory.mktemp("cache")), screen


@pytest.fixture(autouse=True)
def _usual_pixels() -> Iterator[None]:
    yield
    display.reset()


def planes_in_files(kind: str, screen: b.Screen, well: str) -> np.ndarray:
    """Return what the files hold, at full resolution."""
    return b.decoded_jp2(screen.planes[well]) if kind == "core" else screen.planes[well]


def shown_part(kind: str, plane: np.ndarray, size: int) -> np.ndarray:
    """Return the part that a picture of a size shows: 256 pixels, or two for each on screen."""
    span = min(256, 2 * size)
    left = (len(plane) - span) // 2
    top = 0 if kind == "tars" else left
    return plane[top : top + span, left : left + span]


@pytest.mark.each(4)
@pytest.mark.parametrize("size", SIZES)
def test_a_piece_is_the_mean_of_its_pixels_at_full_resolution(data: Any, size: int) -> None:
    kind, dataset, screen = data
    well = screen.ids[0]
    for channel, plane in enumerate(planes_in_files(kind, screen, well), 1):
        part = shown_part(kind, plane, size)
        shown = dataset.piece(well, channel, size)
        assert shown.dtype == plane.dtype
        assert shown.shape == (min(size, len(part)),) * 2
        assert np.abs(shown - area_mean(part, len(shown))).max() <= EXACT


@pytest.mark.each(4)
@pytest.mark.parametrize("size", SIZES)
def test_a_whole_well_is_the_mean_of_its_pixels_at_full_resolution(data: Any, size: int) -> None:
    kind, dataset, screen = data
    well = screen.ids[1]
    for channel, plane in enumerate(planes_in_files(kind, screen, well), 1):
        shown = dataset.piece(well, channel, size, whole=True)
        assert shown.dtype == plane.dtype
        assert shown.shape == (min(size, len(plane)),) * 2
        assert np.abs(shown - area_mean(plane, len(shown))).max() <= EXACT


def test_a_piece_lies_where_it_is_said_to_be(data: Any) -> None:
    kind, dataset, screen = data
    place = "top" if kind == "tars" else "middle"
    assert dataset.piece_of_well(screen.ids[0], 150) == (256, place)
    assert dataset.piece_of_well(screen.ids[0], 96) == (192, place)


def test_a_piece_has_as_many_micrometers_whatever_a_pixel_has(data: Any) -> None:
    _, dataset, screen = data
    display.pixel_size_um = 1.3
    assert dataset.piece_of_well(screen.ids[0], 150).span == 128
    assert dataset.piece(screen.ids[0], 1, 150).shape == (128, 128)
    display.pixel_size_um = 0.1
    assert dataset.piece_of_well(screen.ids[0], 150).span == 300


def test_a_well_that_is_no_larger_than_a_piece_is_shown_whole(root: Path, cache: Path) -> None:
    screen = b.Screen.of(wells("gene-001", 1), 100)
    dataset = rx.open_dataset(screen.write_rxrx3(root), cache)
    well = screen.ids[0]
    assert dataset.piece_of_well(well, 150) is None
    for whole in (False, True):
        assert np.array_equal(dataset.piece(well, 2, 150, whole), screen.planes[well][1])


def test_a_piece_of_a_plane_in_memory_is_the_same(data: Any, cache: Path) -> None:
    _, dataset, screen = data
    well = screen.ids[0]
    again = rx.open_dataset(dataset.root, cache)
    again.plane(well, 3)
    assert np.array_equal(again.piece(well, 3, 150), dataset.piece(well, 3, 150))


def test_what_is_missing_is_said(data: Any) -> None:
    _, dataset, screen = data
    with pytest.raises(UnknownWell):
        dataset.piece("gene-001_1_AF48", 1, 150)
    with pytest.raises(ImageUnavailable, match=screen.ids[0]):
        dataset.piece(screen.ids[0], 7, 150)


def test_of_a_large_png_only_the_rows_of_the_piece_are_read() -> None:
    planes = b.noise("several", 1024, "uint16")[:3]
    files = [b.png(plane) for plane in planes]
    asked: list[int | None] = []

    def read(row: int, n_bytes: int | None) -> bytes:
        asked.append(n_bytes)
        return files[row][:n_bytes]

    reader = PrefixReader(read)
    for row, plane in enumerate(planes):
        assert np.array_equal(reader.piece(row, 256), plane[:256, 384:640])
    assert len(asked) == 4  # the header, then the rows
    assert all(n is not None and n < 0.27 * planes[0].nbytes for n in asked)
    assert reader.prefix(0) is not None  # which takes other rows


def test_an_image_lower_than_the_piece_is_cut_to_a_square() -> None:
    plane = b.noise("wide", 1024)[0][:800]
    reader = PrefixReader(lambda row, n_bytes: b.png(plane)[:n_bytes])
    assert np.array_equal(reader.piece(0, 900), plane[:800, 112:912])


@given(st.integers(1, 60), st.integers(0, 40), st.sampled_from(["uint8", "uint16"]))
def test_a_plane_is_made_smaller_by_exact_means(size: int, more: int, dtype: str) -> None:
    plane = b.noise(f"{size} {more}", size + more, dtype)[0]
    small = shrink(plane, size)
    assert small.dtype == plane.dtype
    assert np.abs(small - area_mean(plane, size)).max() <= EXACT

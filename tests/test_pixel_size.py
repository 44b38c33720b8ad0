"""The width of a pixel is the data set's own: of several that are open, each has its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tifffile
import zarr

import builders as b
import napari_rxrx3 as rx
import zarr_plates as z
from napari_rxrx3.core.display import display
from napari_rxrx3.core.stains import PIXEL_SIZE_UM
from napari_rxrx3.data.images.well_images import PIECE_UM
from napari_rxrx3.exports.plates_zarr import export_zarr
from napari_rxrx3.figures.ome_tiff import save_planes
from napari_rxrx3.figures.record import record_of
from napari_rxrx3.session import Session
from window import Window

SIZE = 256
FINE, COARSE = 0.325, 1.3
WELL = {"fine": "fine_1_B03", "coarse": "coarse_1_B03", "rxrx3": "gene-001_1_B03"}
WIDTH = {"fine": FINE, "coarse": COARSE, "rxrx3": PIXEL_SIZE_UM}


@pytest.fixture(autouse=True)
def as_preferred() -> Iterator[None]:
    yield
    display.reset()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two plates that tell how wide a pixel is, and images of RxRx3, which do not."""
    root = tmp_path_factory.mktemp("widths")
    for name in ("fine", "coarse"):
        wells = {a: z.planes_of(f"{name}{a}", size=SIZE) for a in ("B3", "B4")}
        z.write_plate(root / name / f"{name}.zarr", wells, pixel_um=WIDTH[name])
    rows = [b.guide_row("gene-001", 1, a, "PLK1") for a in ("B03", "B04")]
    b.Screen.of(rows, SIZE).write_rxrx3(root / "rxrx3")
    return {name: root / name for name in WELL}


@pytest.fixture
def datasets(folders: dict[str, Path], cache: Path) -> dict[str, rx.Dataset]:
    """All of them, open at the same time."""
    return {name: rx.open_dataset(folder, cache / name) for name, folder in folders.items()}


def test_each_has_its_own_and_the_preference_stays(datasets: dict[str, rx.Dataset]) -> None:
    for name, dataset in datasets.items():
        assert dataset.drawn_pixel_um == pytest.approx(WIDTH[name])
        piece = dataset.piece_of_well(WELL[name], 400)
        span = min(SIZE, round(PIECE_UM / WIDTH[name]))
        assert (piece.span if piece is not None else SIZE) == span
    display.pixel_size_um = 0.5
    widths = {name: dataset.drawn_pixel_um for name, dataset in datasets.items()}
    assert widths == {"fine": FINE, "coarse": COARSE, "rxrx3": 0.5}, "only what does not tell"


def test_what_leaves_has_the_width_of_its_data_set(
    datasets: dict[str, rx.Dataset], tmp_path: Path
) -> None:
    for name, dataset in datasets.items():
        session = Session()
        session.open(dataset)
        session.select_well(WELL[name])
        assert session.pixel_um == pytest.approx(WIDTH[name])
        assert record_of(session).stains.pixel_size_um == pytest.approx(WIDTH[name])
        (tiff,) = save_planes(tmp_path / f"{name}.ome.tif", dataset, [WELL[name]]).files
        with tifffile.TiffFile(tiff) as file:
            pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert pixels["PhysicalSizeX"] == pytest.approx(WIDTH[name])
        export_zarr(dataset, tmp_path / name)
        (plate,) = (tmp_path / name).glob("*.zarr")
        (image,) = plate.glob("B/*3/0")
        about = zarr.open_group(image, mode="r").attrs["ome"]
        scale = about["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
        assert scale[-2:] == pytest.approx([WIDTH[name]] * 2)


def test_layers_of_scripts_and_of_the_reader_have_it(folders: dict[str, Path]) -> None:
    from napari_rxrx3._reader import read

    stain, limits = rx.STAINS[0], (0, 10)
    assert rx.layer_options(stain, limits, pixel_um=0.2)["scale"] == (0.2, 0.2)
    assert rx.layer_options(stain, limits)["scale"] == (PIXEL_SIZE_UM, PIXEL_SIZE_UM)
    tar = folders["rxrx3"] / "images/gene-001/Plate1.tar"
    assert {layer[1]["scale"] for layer in read(str(tar))[1:]} == {(PIXEL_SIZE_UM, PIXEL_SIZE_UM)}


def test_ones_own_file_says_it_of_one_data_set(folders: dict[str, Path], tmp_path: Path) -> None:
    rows = [b.guide_row("gene-001", 1, "B03", "PLK1")]
    root = b.Screen.of(rows, 32).write_rxrx3(tmp_path / "other")
    (root / "napari-rxrx3.toml").write_text("[images]\npixel_um = 0.5\n")
    assert rx.open_dataset(root, tmp_path / "cache").drawn_pixel_um == 0.5
    assert rx.open_dataset(folders["rxrx3"], tmp_path / "cache").drawn_pixel_um == PIXEL_SIZE_UM


def shown(window: Window) -> float:
    """Width of a pixel of the wells, as the layers have it."""
    (width,) = {round(float(side), 6) for layer in window.stains for side in layer.scale[-2:]}
    return width / window.explorer.workspace.picture.reduction


def open_well(window: Window, name: str, folders: dict[str, Path]) -> None:
    window.session.open(rx.open_dataset(folders[name]))
    window.session.select_well(WELL[name])
    window.settle()


def scale_bar(window: Window) -> float:
    """Micrometers a point of the canvas, by which napari draws its scale bar."""
    return 1 / float(window.viewer.scene.camera.zoom)


def test_one_after_the_other_each_shows_its_own(
    open_window: Callable[..., Window], folders: dict[str, Path]
) -> None:
    window = open_window()
    bars: dict[str, float] = {}
    for name in ("fine", "rxrx3", "coarse", "fine"):
        open_well(window, name, folders)
        assert shown(window) == pytest.approx(WIDTH[name])
        assert display.pixel_size_um == PIXEL_SIZE_UM, "which is the user's"
        bars[name] = scale_bar(window)
    assert bars["coarse"] / bars["fine"] == pytest.approx(COARSE / FINE, rel=0.02)
    widths = {}
    for name in ("fine", "coarse"):
        open_well(window, name, folders)
        window.session.set_view("plate")
        window.settle()
        widths[name] = window.explorer.workspace.overview.scene.place.pixel_um
    assert widths["coarse"] / widths["fine"] == pytest.approx(COARSE / FINE)


@pytest.mark.soak
def test_a_saved_session_brings_no_width_to_other_data(
    open_window: Callable[..., Window], folders: dict[str, Path], tmp_path: Path
) -> None:
    window = open_window()
    open_well(window, "fine", folders)
    saved = tmp_path / "session.json"
    window.explorer.share.sessions.save(str(saved))
    open_well(window, "rxrx3", folders)
    window.explorer.share.sessions.open(str(saved))
    window.qtbot.waitUntil(lambda: window.session.well == WELL["fine"], timeout=60_000)
    window.settle()
    assert shown(window) == pytest.approx(FINE)
    assert display.pixel_size_um == PIXEL_SIZE_UM
    open_well(window, "rxrx3", folders)
    assert shown(window) == pytest.approx(PIXEL_SIZE_UM)


@pytest.mark.soak
def test_two_windows_show_two_widths(
    new_window: Callable[..., Window], folders: dict[str, Path]
) -> None:
    fine, coarse = new_window(), new_window()
    open_well(fine, "fine", folders)
    open_well(coarse, "coarse", folders)
    for window in (fine, coarse):
        window.session.set_view("plate")
        window.settle()
        window.session.set_view("well")
        window.settle()
    assert (shown(fine), shown(coarse)) == (pytest.approx(FINE), pytest.approx(COARSE))
    display.pixel_size_um = 0.5
    for window in (fine, coarse):
        window.settle()
    assert (shown(fine), shown(coarse)) == (pytest.approx(FINE), pytest.approx(COARSE))

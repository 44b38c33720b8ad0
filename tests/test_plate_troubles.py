"""Plates whose images are odd, unreadable or replaced: what is shown of them is right."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import napari_rxrx3 as rx
from builders import Screen, control_row, noise, png, write, write_tar
from napari_rxrx3.core.mosaic import hatch_level
from napari_rxrx3.core.overview import Block
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.thumbnails.plate_fill import PlateFill
from napari_rxrx3.data.thumbnails.plate_thumbnails import DAMAGED, KNOWN
from napari_rxrx3.dataset import Dataset

PLATE = PlateId("gene-001", 1)
ADDRESSES = tuple(f"B{column:02d}" for column in range(2, 9))


def a_screen(size: int = 64, dtype: str = "uint16") -> Screen:
    rows = [control_row("gene-001", 1, address) for address in ADDRESSES]
    screen = Screen.of(rows)
    screen.planes = {row["well_id"]: noise(row["well_id"], size, dtype) for row in rows}
    return screen


def filled(dataset: Dataset) -> PlateFill:
    """Read a whole plate for its overview."""
    wells = dataset.wells_of_plate(PLATE)
    positions = (wells["row"] * 48 + wells["column"]).tolist()
    fill = PlateFill(
        dataset, PLATE, dataset.thumbnails_of(PLATE), dict(zip(positions, wells.index, strict=True))
    )
    fill.whole(64)
    fill.run(lambda done, total, text: None)
    return fill


def slot(fill: PlateFill, channel: int, address: str) -> np.ndarray:
    row, column = 1, int(address[1:]) - 1
    stain = fill.whole(64).stains[channel - 1]
    return stain[row * 68 : row * 68 + 64, column * 68 : column * 68 + 64]


def test_a_tar_that_is_replaced_leaves_no_wrong_thumbnails(root: Path, cache: Path) -> None:
    screen = a_screen()
    screen.write_rxrx3(root)
    dataset = rx.open_dataset(root, cache)
    tar = root / "images" / "gene-001" / "Plate1.tar"
    members = {
        f"{address}_s1_w{channel + 1}.png": png(screen.planes[f"gene-001_1_{address}"][channel])
        for address in reversed(ADDRESSES)
        for channel in range(6)
    }
    write_tar(tar, members)  # the same images at other places
    os.utime(tar, (1e9, 1e9))
    filled(dataset)
    anew = rx.open_dataset(root, cache)
    fill = filled(anew)
    for address in ADDRESSES:
        well = f"gene-001_1_{address}"
        np.testing.assert_array_equal(slot(fill, 3, address), screen.planes[well][2])


def test_unreadable_wells_do_not_take_the_others_with_them(root: Path, cache: Path) -> None:
    screen = a_screen()
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    for address in ADDRESSES[:3]:
        for channel in range(1, 7):
            write(root / "images/gene-001/Plate1" / f"{address}_s1_w{channel}.png", b"")
    fill = filled(rx.open_dataset(root, cache))
    state = fill.thumbnails.state
    assert (state == DAMAGED).sum() == 18
    assert (state == KNOWN).sum() == 24
    well = f"gene-001_1_{ADDRESSES[-1]}"
    np.testing.assert_array_equal(slot(fill, 6, ADDRESSES[-1]), screen.planes[well][5])


def test_a_plate_without_images_is_hatched_in_any_contrast(root: Path, cache: Path) -> None:
    screen = a_screen()
    screen.planes = {}
    screen.write_rxrx3(root)
    fill = filled(rx.open_dataset(root, cache))
    for limits in ((0, 40), (200, 3000), (9000, 65000)):
        fill.whole(64).set_contrast((limits,) * 6)
        level = int(slot(fill, 1, ADDRESSES[0]).max())
        assert level == round(hatch_level(limits))
        assert limits[0] < level < sum(limits) / 2


def test_pixels_of_another_depth_and_size_are_shown_close_up(root: Path, cache: Path) -> None:
    screen = a_screen(256)
    shallow, small = f"gene-001_1_{ADDRESSES[-2]}", f"gene-001_1_{ADDRESSES[-1]}"
    screen.planes[shallow] = noise(shallow, 256, "uint8")
    screen.planes[small] = noise(small, 128)
    fill = filled(rx.open_dataset(screen.write_rxrx3(root), cache))
    part = fill.part(Block(range(1, 2), range(6, 8)), 256)
    fill.look_at(set(), set(range(1, 7)), part)
    fill.run(lambda done, total, text: None)
    np.testing.assert_array_equal(part.stains[0][:256, :256], screen.planes[shallow][0])
    larger = screen.planes[small][0].repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(part.stains[0][:256, 272 : 272 + 256], larger)


def test_what_else_lies_in_a_folder_does_not_change_its_images(root: Path) -> None:
    write(root / "B02_s1_w1.png", b"1")
    write(root / "B02_s1_w2.png", b"2")
    storage, path = Storage.of(root)
    names = {"B02_s1_w1.png", "B02_s1_w2.png"}
    before = storage.folder_fingerprint(path, names)
    write(root / "Thumbs.db", b"3")
    (root / "gone").symlink_to(root / "nowhere")
    assert storage.folder_fingerprint(path, names) == before
    write(root / "B02_s1_w1.png", b"11")
    assert storage.folder_fingerprint(path, names) != before


def test_change_watch_counts_how_often_a_file_was_another_one(root: Path, cache: Path) -> None:
    screen = a_screen()
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    dataset = rx.open_dataset(root, cache)
    well, folder = screen.ids[0], root / "images" / "gene-001" / "Plate1"
    watch = dataset.images.stamps
    told: list[str] = []
    watch.changed.connect(told.append)
    for number in range(3):
        dataset.plane(well, 1)
        dataset.plane(well, 2)
        assert watch.n_changed == len(told) == number
        write(folder / "B02_s1_w1.png", png(noise(f"new {number}", 64)[0]))
        os.utime(folder / "B02_s1_w1.png", (1e9 + number, 1e9 + number))
    assert set(map(os.path.basename, told)) == {"B02_s1_w1.png"}


def test_the_catalog_says_of_several_files_of_a_plane_the_one_that_is_read(
    root: Path, cache: Path
) -> None:
    screen = a_screen()
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    plate = screen.by_plate()["gene-001", "1"]
    members = {f"{a}_s1_w{c}.png": png(plate[a][c - 1]) for a in ADDRESSES[::-1] for c in (6, 2)}
    write_tar(root / "images" / "gene-001" / "Plate1.tar", members)
    dataset = rx.open_dataset(root, cache)
    for address in ADDRESSES:
        well = dataset.well(f"gene-001_1_{address}")
        for channel in (2, 6):
            assert len(dataset.images._candidates(well, channel)) == 2
            said = dataset.images.locate(well, channel)
            assert f"{address}_s1_w{channel}.png" in said


def test_plate_fill_keeps_wells_that_it_showed_in_full_for_their_own_pictures(
    root: Path, cache: Path
) -> None:
    screen = a_screen(128)
    screen.write_rxrx3(root)
    dataset = rx.open_dataset(root, cache)
    fill = filled(dataset)
    block = Block(range(1, 2), range(1, 3))
    wells = [f"gene-001_1_{address}" for address in ADDRESSES[:2]]
    for tile, is_kept in ((64, False), (128, True)):
        large = fill.part(block, tile)
        fill.look_at(set(block.positions()), {1}, large)
        fill.run(lambda done, total, text: None)
        assert [dataset.is_decoded(well, 1) for well in wells] == [is_kept] * 2
    np.testing.assert_array_equal(large.stains[0][:128, :128], screen.planes[wells[0]][0])

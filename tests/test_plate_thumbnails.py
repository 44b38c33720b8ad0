"""The previews of a plate: made once, kept in one file, shared by threads and programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled, ImageUnavailable, RxRx3Error, UnknownWell
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.images.jpeg2000_pool import ReducerPool, reduce_here, shared_reducers
from napari_rxrx3.data.images.previews import PREFIX_ROWS
from napari_rxrx3.data.thumbnails.plate_thumbnails import (
    DAMAGED,
    KNOWN,
    MISSING,
    UNKNOWN,
    PlateThumbnails,
)
from napari_rxrx3.data.thumbnails.prepare import plates_named, prepare
from napari_rxrx3.dataset import Dataset
from samples import soak

GENE, COMPOUND = "gene-001", "compound-001"
PLATE, CORE_PLATE = PlateId(GENE, 1), PlateId(COMPOUND, 1)
ADDRESSES = ("B02", "C03", "C04", "AD47")
POSITIONS = (1 * 48 + 1, 2 * 48 + 2, 2 * 48 + 3, 29 * 48 + 46)
CHANNELS = range(1, 7)
LARGE = 800


def a_screen(size: int, experiment: str = GENE, dtype: str = "uint16") -> b.Screen:
    screen = b.Screen([b.guide_row(experiment, 1, address, "PLK1") for address in ADDRESSES])
    screen.planes = {i: b.smooth(i, size, dtype, 200) for i in screen.ids}
    return screen


def large(root: Path) -> b.Screen:
    """Write a plate tar of images so large that a preview is a piece of them."""
    screen = a_screen(LARGE)
    screen.write_metadata(root / "metadata.csv")
    screen.write_tars(root)
    return screen


def core(root: Path, cuts: tuple[int, ...] = ()) -> b.Screen:
    """Write shards of a plate like those of RxRx3-core, of smaller images."""
    screen = a_screen(256, COMPOUND, "uint8")
    screen.write_metadata(root / "metadata_rxrx3_core.csv")
    screen.write_core(root, cuts)
    return screen


def fill(thumbnails: PlateThumbnails, n_threads: int = 3) -> None:
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(lambda job: thumbnails.fill([job]), jobs_of(thumbnails)))


def jobs_of(thumbnails: PlateThumbnails) -> list[tuple[int, int]]:
    return thumbnails.todo(range(1536), CHANNELS)


def piece(plane: np.ndarray) -> np.ndarray:
    left = (plane.shape[1] - 192) // 2
    part = plane[:192, left : left + 192].astype(float)
    return np.rint(part.reshape(64, 3, 64, 3).mean(axis=(1, 3)))


def kept_file(cache: Path) -> Path:
    (path,) = (cache / "thumbnails").iterdir()
    return path


@pytest.fixture
def tars(root: Path, cache: Path) -> tuple[Dataset, b.Screen]:
    screen = large(root)
    return rx.open_dataset(root, cache), screen


# --- filling ---------------------------------------------------------------------------------


def test_a_plate_of_large_images_is_filled_with_pieces(tars: tuple[Dataset, b.Screen]) -> None:
    dataset, screen = tars
    thumbnails = dataset.thumbnails_of(PLATE)
    assert (thumbnails.span, thumbnails.well_size, thumbnails.size) == (192, LARGE, 64)
    assert thumbnails.is_piece
    assert thumbnails.planes.shape == (6, 32, 48, 64, 64)
    assert thumbnails.planes.dtype == np.uint16
    assert Counter(thumbnails.state[:, POSITIONS].ravel().tolist()) == {UNKNOWN: 24}
    assert (np.delete(thumbnails.state, POSITIONS, axis=1) == MISSING).all()
    assert len(jobs_of(thumbnails)) == 24
    fill(thumbnails)
    assert jobs_of(thumbnails) == []
    assert (thumbnails.state[:, POSITIONS] == KNOWN).all()
    for well_id, position in zip(screen.ids, POSITIONS, strict=True):
        found = thumbnails.planes[:, position // 48, position % 48]
        assert np.array_equal(found, [piece(plane) for plane in screen.planes[well_id]])
    rest = np.delete(thumbnails.planes.reshape(6, 1536, -1), POSITIONS, axis=1)
    assert not rest.any()


def test_a_plate_of_jpeg_2000_is_filled_with_whole_wells(root: Path, cache: Path) -> None:
    screen = core(root, cuts=(8,))
    dataset = rx.open_dataset(root, cache)
    thumbnails = dataset.thumbnails_of(CORE_PLATE)
    assert (thumbnails.span, thumbnails.well_size) == (256, 256)
    assert not thumbnails.is_piece
    fill(thumbnails)
    for well_id, position in zip(screen.ids, POSITIONS, strict=True):
        expected = [reduce_here(b.jp2(plane), 64) for plane in screen.planes[well_id]]
        assert np.array_equal(thumbnails.planes[:, position // 48, position % 48], expected)


def test_missing_and_damaged_images_are_told_apart(root: Path, cache: Path) -> None:
    screen = a_screen(LARGE)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    folder = root / "images" / GENE / "Plate1"
    (folder / "B02_s1_w2.png").unlink()
    damaged = folder / "C03_s1_w4.png"
    damaged.write_bytes(damaged.read_bytes()[:9000])
    (folder / "C04_s1_w5.png").write_bytes(b"no image")
    thumbnails = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    fill(thumbnails)
    assert thumbnails.state[1, POSITIONS[0]] == MISSING
    assert thumbnails.state[3, POSITIONS[1]] == DAMAGED
    assert thumbnails.state[4, POSITIONS[2]] == DAMAGED
    assert (thumbnails.state == KNOWN).sum() == 21
    assert set(thumbnails.failures) == {(POSITIONS[1], 4), (POSITIONS[2], 5)}
    sentence = thumbnails.failures[POSITIONS[1], 4]
    assert sentence.startswith("gene-001_1_C03, channel 4: damaged PNG image: it is cut off")
    assert sentence.endswith("C03_s1_w4.png).")
    assert not thumbnails.planes[3, 2, 2].any()


def test_the_first_good_copy_is_used(root: Path, cache: Path) -> None:
    screen = large(root)
    screen.write_folders(root)
    for file in (root / "images" / GENE / "Plate1").iterdir():
        file.write_bytes(file.read_bytes()[:5000])
    dataset = rx.open_dataset(root, cache)
    thumbnails = dataset.thumbnails_of(PLATE)
    fill(thumbnails)
    assert (thumbnails.state == KNOWN).sum() == 24
    plane = screen.planes[screen.ids[0]][2]
    assert np.array_equal(dataset.preview(screen.ids[0], 3), piece(plane))
    top = dataset.prefix(screen.ids[0], 3)
    assert top is not None
    assert np.array_equal(top, plane[:PREFIX_ROWS])


def test_an_image_of_more_bits_than_its_sisters_is_said(root: Path, cache: Path) -> None:
    screen = a_screen(100, dtype="uint8")
    odd = screen.ids[3]
    screen.planes[odd] = [*screen.planes[odd][:5], b.noise("odd", 100)[0]]
    screen.write_metadata(root / "metadata.csv")
    screen.write_tars(root)
    thumbnails = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    fill(thumbnails)
    assert thumbnails.state[5, POSITIONS[3]] == DAMAGED
    assert "uint16 where those of its sisters are uint8" in thumbnails.failures[POSITIONS[3], 6]
    assert (thumbnails.state == KNOWN).sum() == 23


def test_a_plate_without_a_readable_image_has_no_span(root: Path, cache: Path) -> None:
    screen = a_screen(16)
    screen.write_metadata(root / "metadata.csv")
    images = dict.fromkeys(b.image_files({"B02": b.noise("x")}), b"spoilt")
    b.write_folder(root / "images" / GENE / "Plate1", images)
    dataset = rx.open_dataset(root, cache)
    thumbnails = dataset.thumbnails_of(PLATE)
    assert thumbnails.span == 0
    assert dataset.preview_width(screen.ids[0]) == 0
    fill(thumbnails)
    assert (thumbnails.state[:, POSITIONS[0]] == DAMAGED).all()
    assert len(thumbnails.failures) == 6


def test_a_plate_without_images_is_all_missing(root: Path, cache: Path) -> None:
    large(root)
    thumbnails = rx.open_dataset(root, cache).thumbnails_of(PlateId("gene-999", 3))
    assert (thumbnails.state == MISSING).all()
    assert jobs_of(thumbnails) == []
    thumbnails.save()


# --- the order of reading --------------------------------------------------------------------


def test_a_tar_is_read_from_front_to_back(root: Path, cache: Path) -> None:
    screen = a_screen(64)
    screen.write_metadata(root / "metadata.csv")
    files = b.image_files({i.rsplit("_")[-1]: p for i, p in screen.planes.items()})
    names = sorted(files, key=lambda name: name[::-1])
    b.write_tar(root / "images" / GENE / "Plate1.tar", {name: files[name] for name in names})
    thumbnails = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    place = dict(zip(ADDRESSES, POSITIONS, strict=True))
    expected = [(place[name.split("_")[0]], int(name[-5])) for name in names]
    assert jobs_of(thumbnails) == expected
    some = thumbnails.todo(POSITIONS[1:3], (2, 6))
    assert some == [job for job in expected if job[0] in POSITIONS[1:3] and job[1] in (2, 6)]


def test_each_row_group_is_read_once_whatever_the_number_of_threads(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = b.Screen([b.guide_row(COMPOUND, 1, f"C{c:02d}", "G") for c in range(2, 42)])
    screen.planes = {i: b.smooth(i, 64) for i in screen.ids}
    rows = b.shard_rows(screen.planes)
    b.write_shard(root / "data" / "train-00000-of-00001.parquet", rows, row_group=20)
    thumbnails = rx.open_dataset(root, cache).thumbnails_of(CORE_PLATE)
    jobs = jobs_of(thumbnails)
    read: list[int] = []
    read_row_group = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, i: int, **options: object) -> object:
        read.append(i)
        return read_row_group(self, i, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda job: thumbnails.fill([job]), jobs))
    assert (thumbnails.state == KNOWN).sum() == 240
    assert max(Counter(read).values()) == 1
    assert len(read) in (11, 12)  # the first may have been read to see what the plate is like


# --- keeping ---------------------------------------------------------------------------------


def test_what_was_saved_is_there_the_next_time(
    tars: tuple[Dataset, b.Screen], root: Path, cache: Path
) -> None:
    thumbnails = tars[0].thumbnails_of(PLATE)
    fill(thumbnails)
    thumbnails.save()
    size = kept_file(cache).stat().st_size
    again = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    assert jobs_of(again) == []
    assert np.array_equal(again.planes, thumbnails.planes)
    assert np.array_equal(again.state, thumbnails.state)
    again.save()
    thumbnails.save()
    assert kept_file(cache).stat().st_size == size  # nothing new, nothing written


def test_filling_goes_on_where_it_stopped(
    tars: tuple[Dataset, b.Screen], root: Path, cache: Path
) -> None:
    first = PlateThumbnails.open(tars[0], PLATE)
    jobs = jobs_of(first)
    for job in jobs[:10]:
        first.fill([job])
    first.save()
    for job in jobs[10:15]:
        first.fill([job])
    second = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    assert jobs_of(second) == jobs[10:]
    fill(second)
    second.save()
    third = PlateThumbnails.open(tars[0], PLATE)
    assert jobs_of(third) == []
    assert np.array_equal(third.planes, second.planes)


def test_changed_files_are_read_anew(root: Path, cache: Path) -> None:
    screen = large(root)
    thumbnails = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    fill(thumbnails)
    thumbnails.save()
    for well_id in screen.ids:
        screen.planes[well_id] = screen.planes[well_id] + 7
    screen.write_tars(root)
    tar = root / "images" / GENE / "Plate1.tar"
    os.utime(tar, ns=(0, tar.stat().st_mtime_ns + 10**9))
    again = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    assert len(jobs_of(again)) == 24


def test_a_changed_file_of_a_folder_is_read_anew(root: Path, cache: Path) -> None:
    screen = a_screen(64)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    thumbnails = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    fill(thumbnails)
    thumbnails.save()
    assert jobs_of(rx.open_dataset(root, cache).thumbnails_of(PLATE)) == []
    b.write(root / "images" / GENE / "Plate1" / "C03_s1_w4.png", b.png(b.noise("new", 64)[0]))
    assert len(jobs_of(rx.open_dataset(root, cache).thumbnails_of(PLATE))) == 24


@pytest.mark.soak
def test_two_programs_lose_nothing(tars: tuple[Dataset, b.Screen], root: Path, cache: Path) -> None:
    one = tars[0].thumbnails_of(PLATE)
    other = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    jobs = jobs_of(one)
    for mine, theirs in zip(jobs[:12:2], jobs[1:14:2], strict=False):
        one.fill([mine])
        other.fill([theirs])
        one.fill([jobs[13]])  # both have this one
        other.fill([jobs[13]])
        other.save()
        one.save()
    expected = set(jobs[:12]) | {jobs[13]}
    assert {job for job in jobs if one.state[job[1] - 1, job[0]] == KNOWN} == expected
    third = rx.open_dataset(root, cache).thumbnails_of(PLATE)
    assert set(jobs) - set(jobs_of(third)) == expected
    record = 64 * 64 * 2 + 8
    assert kept_file(cache).stat().st_size < (len(expected) + 1) * record  # nothing twice


@pytest.mark.parametrize("spoil", ["cut off", *map(soak, ("flipped", "empty", "of another kind"))])
def test_a_damaged_file_costs_no_more_than_what_is_damaged(
    tars: tuple[Dataset, b.Screen], root: Path, cache: Path, spoil: str
) -> None:
    thumbnails = tars[0].thumbnails_of(PLATE)
    fill(thumbnails)
    thumbnails.save()
    file = kept_file(cache)
    content = bytearray(file.read_bytes())
    if spoil == "cut off":
        del content[-100:]
    elif spoil == "flipped":
        content[-5000] ^= 1
    else:
        content = bytearray(b"" if spoil == "empty" else b"quite another kind of file" * 1000)
    file.write_bytes(content)
    lost = 1 if spoil in ("cut off", "flipped") else 24
    for _ in range(2):
        again = rx.open_dataset(root, cache).thumbnails_of(PLATE)
        assert len(jobs_of(again)) == lost
        fill(again)
        again.save()
        assert np.array_equal(again.planes, thumbnails.planes)
        lost = 0


def test_what_the_cache_removed_is_written_again(
    tars: tuple[Dataset, b.Screen], root: Path, cache: Path
) -> None:
    thumbnails = tars[0].thumbnails_of(PLATE)
    jobs = jobs_of(thumbnails)
    for job in jobs[:8]:
        thumbnails.fill([job])
    thumbnails.save()
    kept_file(cache).unlink()
    thumbnails.fill([jobs[8]])
    thumbnails.save()
    assert jobs_of(rx.open_dataset(root, cache).thumbnails_of(PLATE)) == jobs[9:]


@pytest.mark.soak
def test_a_cache_that_cannot_be_written_costs_nothing_but_time(root: Path, tmp_path: Path) -> None:
    large(root)
    blocked = b.write(tmp_path / "file", b"where a folder should be")
    thumbnails = rx.open_dataset(root, blocked).thumbnails_of(PLATE)
    fill(thumbnails)
    thumbnails.save()
    assert (thumbnails.state == KNOWN).sum() == 24


# --- the data set's views of it --------------------------------------------------------------


def test_a_data_set_gives_previews_without_a_plate(root: Path, cache: Path) -> None:
    screen = large(root)
    dataset = rx.open_dataset(root, cache)
    well_id = screen.ids[1]
    assert dataset.preview_width(well_id) == 192
    preview = dataset.preview(well_id, 5)
    assert np.array_equal(preview, piece(screen.planes[well_id][4]))
    assert not preview.flags.writeable
    assert np.array_equal(dataset.glimpse(well_id, 5), preview), "the name in scripts of before"
    assert not (cache / "thumbnails").exists()
    with pytest.raises(UnknownWell):
        dataset.preview("gene-001_1_AF48", 1)
    with pytest.raises(ImageUnavailable):
        dataset.preview(well_id, 7)


def test_a_plate_that_is_loaded_answers_and_learns(tars: tuple[Dataset, b.Screen]) -> None:
    dataset, screen = tars
    thumbnails = dataset.thumbnails_of(PLATE)
    assert dataset.thumbnails_of(PLATE) is thumbnails
    first, second, third, fourth = screen.ids
    dataset.preview(first, 1)
    dataset.plane(second, 2)
    dataset.prefix(third, 3)
    dataset.plane(fourth, 4, 64)
    known = np.argwhere(thumbnails.state == KNOWN).tolist()
    assert known == [[0, POSITIONS[0]], [1, POSITIONS[1]]]
    found = thumbnails.planes[1, POSITIONS[1] // 48, POSITIONS[1] % 48]
    assert np.array_equal(found, piece(screen.planes[second][1]))
    (dataset.root and Path(dataset.root) / "images" / GENE / "Plate1.tar").unlink()
    assert np.array_equal(dataset.preview(second, 2), found)


def test_the_top_is_the_first_part_of_the_plane(tars: tuple[Dataset, b.Screen]) -> None:
    dataset, screen = tars
    top = dataset.prefix(screen.ids[2], 6)
    assert top is not None
    assert np.array_equal(top, screen.planes[screen.ids[2]][5][:PREFIX_ROWS])
    with pytest.raises(ImageUnavailable):
        dataset.prefix(screen.ids[2], 7)


def test_there_is_no_top_of_what_is_small(root: Path, cache: Path) -> None:
    screen = core(root)
    assert rx.open_dataset(root, cache).prefix(screen.ids[0], 1) is None


def test_what_failed_is_tried_again_when_the_plate_is_asked_for(root: Path, cache: Path) -> None:
    screen = a_screen(64)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    file = root / "images" / GENE / "Plate1" / "C03_s1_w4.png"
    good = file.read_bytes()
    file.write_bytes(b"")
    dataset = rx.open_dataset(root, cache)
    fill(dataset.thumbnails_of(PLATE))
    file.write_bytes(good)
    thumbnails = dataset.thumbnails_of(PLATE)
    assert jobs_of(thumbnails) == [(POSITIONS[1], 4)]
    assert thumbnails.failures == {}
    fill(thumbnails)
    assert (thumbnails.state == KNOWN).sum() == 24


@pytest.mark.parametrize("ranges", [True, soak(False)])
def test_a_plate_on_a_server(root: Path, cache: Path, ranges: bool) -> None:
    screen = a_screen(LARGE)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    with b.served(root, ranges) as url:
        thumbnails = rx.open_dataset(url, cache).thumbnails_of(PLATE)
        fill(thumbnails)
        thumbnails.save()
        assert jobs_of(rx.open_dataset(url, cache).thumbnails_of(PLATE)) == []
    found = thumbnails.planes[4, 2, 3]
    assert np.array_equal(found, piece(screen.planes[screen.ids[2]][4]))


def test_few_plates_stay_in_memory(root: Path, cache: Path) -> None:
    for number in range(1, 8):
        screen = a_screen(64)
        files = b.image_files({i.rsplit("_")[-1]: p for i, p in screen.planes.items()})
        b.write_tar(root / "images" / GENE / f"Plate{number}.tar", files)
    dataset = rx.open_dataset(root, cache)
    first = dataset.thumbnails_of(PLATE)
    first.fill([jobs_of(first)[0]])
    others = [dataset.thumbnails_of(PlateId(GENE, number)) for number in range(2, 8)]
    assert dataset.thumbnails_of(PLATE) is first  # somebody holds it
    assert dataset.images.plates == {PlateId(GENE, number) for number in range(1, 8)}
    del first, others
    for number in range(2, 8):
        dataset.thumbnails_of(PlateId(GENE, number))
    assert len(jobs_of(dataset.thumbnails_of(PLATE))) == 23  # it was saved when it had to go


# --- other processes that decode -------------------------------------------------------------


def test_other_processes_decode_the_same() -> None:
    reducers = ReducerPool(2)
    data = [b.jp2(plane) for plane in b.smooth("many", 256)]
    expected = [reduce_here(one, 64) for one in data]
    assert reducers.reduce(data[:1], 64)[0] is not None  # which starts them
    wait_for(lambda: reducers.n_up == 2)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: reducers.reduce(data[:n], 64), [6, 1, 4, 2] * 10))
    for planes, n in zip(found, [6, 1, 4, 2] * 10, strict=True):
        np.testing.assert_array_equal(planes, expected[:n])
    one, none, other = reducers.reduce([data[0], b"damaged", data[2]], 64)
    assert none is None
    np.testing.assert_array_equal([one, other], [expected[0], expected[2]])
    assert reducers.reduce([], 64) == []
    assert reducers.n_up == 2
    reducers.close()
    np.testing.assert_array_equal(reducers.reduce(data, 64), expected)
    reducers.close()


def test_a_process_that_ends_is_done_without() -> None:
    reducers = ReducerPool(1)
    data = b.jp2(b.smooth("one", 256)[0])
    expected = reduce_here(data, 64)
    reducers.reduce([data], 64)
    wait_for(lambda: reducers.n_up == 1)
    (worker,) = reducers._started
    worker.process.kill()
    assert np.array_equal(reducers.reduce([data], 64)[0], expected)
    assert reducers.n_up == 0
    assert np.array_equal(reducers.reduce([data], 64)[0], expected)
    reducers.close()


@pytest.mark.parametrize(("cores", "n"), [(1, 2), (3, 4), (None, 2)])
def test_jpeg2000_pool_has_a_process_more_than_there_are_cores(
    cores: int | None, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One decodes while the answer of another is taken."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    reducers = shared_reducers.__wrapped__()
    try:
        reducers.reduce([b.jp2(b.smooth("one", 64)[0])], 32)
        wait_for(lambda: reducers.n_up >= n)
        time.sleep(0.3)
        assert reducers.n_up == n
    finally:
        reducers.close()


def test_jpeg2000_pool_that_is_being_started_keeps_no_program_from_ending() -> None:
    reducers = ReducerPool(2)
    reducers.reduce([b.jp2(b.smooth("one", 64)[0])], 32)
    starting = [t for t in threading.enumerate() if t.name == "rxrx3-reducers" and t.is_alive()]
    try:
        assert starting
        assert all(thread.daemon for thread in starting)
    finally:
        reducers.close()


def wait_for(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- ahead of time ---------------------------------------------------------------------------


def test_plates_are_prepared(root: Path, cache: Path) -> None:
    screen = a_screen(64)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    folder = root / "images" / GENE / "Plate1"
    (folder / "B02_s1_w2.png").unlink()
    (folder / "C03_s1_w4.png").write_bytes(b"no image")
    dataset = rx.open_dataset(root, cache)
    seen: list[tuple[int, int]] = []
    prepared = prepare(dataset, plates_named(dataset, []), lambda i, n, _: seen.append((i, n)))
    assert prepared.summary() == (
        "1 plate: 22 thumbnails made, 0 were there, 1 images missing, 1 damaged."
    )
    assert "C03_s1_w4.png" in prepared.failures[0]
    assert seen == sorted(seen)
    assert seen[-1] == (23, 23)
    again = prepare(rx.open_dataset(root, cache), [PLATE], lambda *_: None)
    assert (again.made, again.there_before, again.missing) == (0, 22, 1)
    assert len(again.failures) == 1


def test_plates_are_named_by_experiment_and_number(root: Path, cache: Path) -> None:
    large(root)
    dataset = rx.open_dataset(root, cache)
    names = ["gene-001/1", "gene-001/Plate1", "Gene_1/P01", "GENE-001/plate 1"]
    assert plates_named(dataset, names) == [PLATE]
    for name in ("gene-001/2", "gene-001", "gene-002/1", ""):
        with pytest.raises(RxRx3Error, match="there is gene-001/1"):
            plates_named(dataset, [name])
    b.write(root / "alone" / "metadata.csv", b.csv_bytes([b.guide_row(GENE, 1, "B02", "PLK1")]))
    with pytest.raises(RxRx3Error, match="no images"):
        plates_named(rx.open_dataset(root / "alone", cache), [])


def test_a_stopped_preparation_keeps_what_it_made(
    tars: tuple[Dataset, b.Screen], root: Path, cache: Path
) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if dataset.thumbnails_of(PLATE).state[:, POSITIONS].any():
            raise Cancelled

    dataset = tars[0]
    with pytest.raises(Cancelled):
        prepare(dataset, [PLATE], stop)
    made = int((dataset.thumbnails_of(PLATE).state == KNOWN).sum())
    assert made
    assert len(jobs_of(rx.open_dataset(root, cache).thumbnails_of(PLATE))) == 24 - made


def program(path: str, cache_home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "napari_rxrx3", "thumbnails", path]
    environment = os.environ | {"XDG_CACHE_HOME": str(cache_home)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=pipe, text=True, preexec_fn=hear_ctrl_c
    )


def hear_ctrl_c() -> None:
    """Undo what a shell does to the programs that it runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="the cache folder is set by a variable")
@pytest.mark.parametrize("end", [signal.SIGKILL, soak(signal.SIGINT)])
def test_a_program_that_is_ended_loses_little(root: Path, tmp_path: Path, end: int) -> None:
    screen = a_screen(64)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    store = b.Store(held={"C04_s1_w3"})
    kept = tmp_path / "home" / "napari-rxrx3" / "thumbnails"
    with b.served(root, True, store) as url:
        running = program(url, tmp_path / "home")
        record = 64 * 64 * 2 + 8
        sizes = [0]

        def all_but_one() -> bool:
            sizes.append(sum(file.stat().st_size for file in kept.glob("*.previews")))
            return sizes[-1] >= 23 * record

        wait_for(all_but_one)
        running.send_signal(end)
        _, said = running.communicate(timeout=60)
        store.let_go.set()
        assert running.returncode in (-signal.SIGKILL, 130)
        assert ("made so far are kept" in said) == (end == signal.SIGINT)
        again = program(url, tmp_path / "home")
        said, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    # what a server holds back is not waited for
    assert said == "1 plate: 1 thumbnails made, 23 were there, 0 images missing, 0 damaged.\n"


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="the cache folder is set by a variable")
def test_two_programs_prepare_one_plate_at_once(root: Path, tmp_path: Path) -> None:
    core(root)
    home = tmp_path / "home"
    both = [program(str(root), home) for _ in range(2)]
    for running in both:
        said, error = running.communicate(timeout=120)
        assert running.returncode == 0, error
        assert "0 images missing, 0 damaged" in said
    dataset = rx.open_dataset(root, home / "napari-rxrx3")
    thumbnails = dataset.thumbnails_of(CORE_PLATE)
    assert jobs_of(thumbnails) == []
    shutil.rmtree(home)
    fresh = rx.open_dataset(root, home / "napari-rxrx3").thumbnails_of(CORE_PLATE)
    fill(fresh)
    assert np.array_equal(fresh.planes, thumbnails.planes)

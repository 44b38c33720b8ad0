"""Faults under an open data set: what is shown is right, and what cannot be shown is said."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import CHANGED, ImageUnavailable
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.tars import TarSource
from napari_rxrx3.data.thumbnails.plate_fill import PlateFill
from permissions import locked, reachable_folder

GENE = "gene-001"
FAR = ("X40", "Z44", "M30", "C20")
"""Wells that nobody reads before they are asked for."""
FIRST, CONTROL = "B02", "B12"
ADDRESSES = (FIRST, CONTROL, *FAR)
KINDS = ("tar", "folder", "shard")
ELSEWHERE = b.well_name(GENE, 2, "D05")
"""A well on a plate in a file of its own, which no fault befalls."""


def well_of(address: str) -> str:
    return b.well_name(GENE, 1, address)


def channel_file(address: str, channel: int = 1) -> str:
    return f"{address}_s1_w{channel}.tif"


class Place:
    """A data set whose first plate lies in one file, or in a folder; all images are as large."""

    def __init__(self, root: Path, kind: str) -> None:
        self.root, self.kind = root, kind
        rows = [b.guide_row(GENE, 1, a, f"GENE{i}") for i, a in enumerate(ADDRESSES)]
        rows[1] = b.control_row(GENE, 1, CONTROL)
        self.screen = b.Screen.of([*rows, b.guide_row(GENE, 2, "D05", "PLK1")])
        self.screen.write_metadata(root / "metadata.csv")
        self.plates = root / "images" / GENE
        b.write_tar(self.plates / "Plate2.tar", self.members({"D05": ELSEWHERE}))
        ending = {"tar": ".tar", "folder": "", "shard": ".parquet"}[kind]
        self.path = self.plates / f"Plate1{ending}"
        self.write()

    def file_of(self, address: str) -> Path:
        """The file that holds a well's first channel."""
        return self.path / channel_file(address) if self.kind == "folder" else self.path

    def write(self, order: int = 1) -> None:
        members = self.members({a: well_of(a) for a in ADDRESSES})
        members = dict(list(members.items())[::order])
        if self.kind == "tar":
            b.write_tar(self.path, members)
        elif self.kind == "folder":
            b.write_folder(self.path, members)
        else:
            keys = {n: f"{GENE}/Plate1/{n[:-4].replace('w', '')}" for n in members}
            b.write_shard(self.path, {keys[n]: c for n, c in members.items()}, row_group=6)

    def give_other_pixels(self) -> None:
        """Let all images of the plate be others from now on."""
        for address in ADDRESSES:
            self.screen.planes[well_of(address)] = b.noise(f"other {address}")
        self.write()

    def members(self, wells: dict[str, str]) -> dict[str, bytes]:
        return b.image_files({a: self.screen.planes[w] for a, w in wells.items()}, "tif")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, root: Path) -> Place:
    return Place(root, request.param)


# --- what may happen to a file ----------------------------------------------------------------


def delete(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, 40)


def fill_with_zeros(path: Path) -> None:
    """Keep size and time of change: so do copies that were never finished."""
    stat = path.stat()
    path.write_bytes(bytes(stat.st_size))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def blank(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes in folders here")
    path.unlink()
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def some(cases: Sequence[Any]) -> Sequence[Any]:
    """Every second one of the cases; all of them with FAULTS=all, as ``make soak`` has it."""
    return cases if os.environ.get("FAULTS") == "all" else cases[::2]


FAULTS = (delete, cut, fill_with_zeros, make_folder, make_pipe, make_loop)
faults = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)


def undo(path: Path, kept: Path) -> None:
    """Put a file back as it was."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    shutil.copy2(kept, path)


# --- the library ------------------------------------------------------------------------------


@pytest.mark.each(3)
@faults
def test_a_file_that_breaks_is_named_and_read_again_when_it_is_back(
    place: Place, cache: Path, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    dataset = rx.open_dataset(place.root, cache)
    kept = shutil.copy2(place.file_of("X40"), tmp_path / "kept")
    fault(place.file_of("X40"))
    with pytest.raises(ImageUnavailable) as caught:
        dataset.read(well_of("X40"))
    said = str(caught.value)
    assert said.startswith(f"{well_of('X40')}, channel 1: ")
    assert place.file_of("X40").as_posix() in said
    assert said.endswith(").")
    assert "\n" not in said
    np.testing.assert_array_equal(dataset.read(ELSEWHERE), place.screen.planes[ELSEWHERE])
    undo(place.file_of("X40"), kept)
    for address in FAR:
        right = place.screen.planes[well_of(address)]
        np.testing.assert_array_equal(dataset.read(well_of(address)), right)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions as Unix has them")
@pytest.mark.parametrize("kind", KINDS)
def test_a_locked_file_is_named_and_read_again_when_it_is_open(kind: str, cache: Path) -> None:
    with reachable_folder() as folder:
        place = Place(folder, kind)
        dataset = rx.open_dataset(place.root, cache)
        with locked(place.file_of("X40"), 0):
            with pytest.raises(ImageUnavailable) as caught:
                dataset.read(well_of("X40"))
            assert str(caught.value).startswith(f"{well_of('X40')}, channel 1: ")
            assert place.file_of("X40").as_posix() in str(caught.value)
            elsewhere = place.screen.planes[ELSEWHERE]
            np.testing.assert_array_equal(dataset.read(ELSEWHERE), elsewhere)
        for address in FAR:
            right = place.screen.planes[well_of(address)]
            np.testing.assert_array_equal(dataset.read(well_of(address)), right)


def test_another_order_in_a_file_of_the_same_size_and_time_mixes_no_wells_up(
    place: Place, cache: Path
) -> None:
    dataset = rx.open_dataset(place.root, cache)
    for address in ADDRESSES[:3]:
        dataset.read(well_of(address))  # these are in memory
    files = [place.path] if place.path.is_file() else sorted(place.path.iterdir())
    stats = [file.stat() for file in files]
    place.write(order=-1)
    for file, stat in zip(files, stats, strict=True):
        assert place.kind == "shard" or file.stat().st_size == stat.st_size
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    for address in ADDRESSES:
        assert_right_or_said(dataset, place, address)
    if place.kind != "shard":  # whose keys are where they were only by chance
        again = rx.open_dataset(place.root, place.root.parent / "another cache")
        for address in ADDRESSES:
            right = place.screen.planes[well_of(address)]
            np.testing.assert_array_equal(again.read(well_of(address)), right)


@pytest.mark.parametrize("n_bytes", [1500, 2500], ids=["shorter", "longer"])
def test_a_member_of_another_size_in_the_same_place_is_noticed(
    n_bytes: int, tmp_path: Path
) -> None:
    """By its header alone: what is read would be cut off, or end in another member."""
    path = tmp_path / "Plate1.tar"
    b.write_tar(path, {"B02_s1_w1.png": b"a" * 2000, "B02_s1_w2.png": b"b" * 2000})
    storage, inner = Storage.of(path)
    source = TarSource(storage, inner, TarSource.build_index(storage, inner))
    assert source.read(0) == b"a" * 2000
    b.write_tar(path, {"B02_s1_w1.png": b"c" * n_bytes, "B02_s1_w2.png": b"d" * 2000})
    with pytest.raises(OSError, match=CHANGED):
        source.read(0)
    with pytest.raises(OSError, match=CHANGED):
        source.read(0, 1000)


def assert_right_or_said(dataset: Any, place: Place, address: str) -> None:
    for channel, right in enumerate(place.screen.planes[well_of(address)], 1):
        try:
            plane = dataset.plane(well_of(address), channel)
        except ImageUnavailable as error:
            plane, cause, said = None, error.cause, str(error)
        if plane is None:
            assert cause == CHANGED
            assert place.path.as_posix() in said
        else:
            np.testing.assert_array_equal(plane, right)


@pytest.mark.parametrize("read_before", [True, False], ids=["shown before", "not shown before"])
def test_other_pixels_in_the_same_place_are_those_that_are_read(
    place: Place, cache: Path, read_before: bool
) -> None:
    dataset = rx.open_dataset(place.root, cache)
    if read_before:
        dataset.read(well_of("X40"))
        dataset.preview(well_of("X40"), 1)
    place.give_other_pixels()
    right = place.screen.planes[well_of("X40")]
    np.testing.assert_array_equal(dataset.read(well_of("X40")), right)
    np.testing.assert_array_equal(dataset.thumbnail(well_of("X40"), 16), right)


def test_who_listens_hears_which_file_has_changed(place: Place, cache: Path) -> None:
    dataset = rx.open_dataset(place.root, cache)
    heard: list[str] = []
    dataset.images.stamps.changed.connect(heard.append)
    dataset.read(well_of("X40"))
    assert heard == []
    place.give_other_pixels()
    dataset.read(well_of("X40"))
    assert set(heard) >= {place.file_of("X40").as_posix()}
    heard.clear()
    dataset.read(well_of("X40"))
    assert heard == []


def test_what_is_in_memory_outlives_its_file(place: Place, cache: Path) -> None:
    dataset = rx.open_dataset(place.root, cache)
    before = dataset.read(well_of("X40"))
    if place.kind == "folder":
        shutil.rmtree(place.path)
    else:
        place.path.unlink()
    np.testing.assert_array_equal(dataset.read(well_of("X40")), before)


def test_previews_are_those_of_the_files_that_are_there(place: Place, cache: Path) -> None:
    dataset = rx.open_dataset(place.root, cache)
    old = previews(dataset)
    place.give_other_pixels()
    alone = dataset.preview(well_of("X40"), 1)
    new = previews(dataset)
    assert new.keys() == old.keys()
    assert not any(np.array_equal(new[address], old[address]) for address in ADDRESSES)
    np.testing.assert_array_equal(alone, new["X40"])
    again = previews(rx.open_dataset(place.root, cache))
    for address in ADDRESSES:
        np.testing.assert_array_equal(again[address], new[address])


def test_one_new_image_in_a_folder_costs_one_new_preview(root: Path, cache: Path) -> None:
    place = Place(root, "folder")
    dataset = rx.open_dataset(root, cache)
    previews(dataset)
    file = place.file_of("X40")
    b.write(file, b.tiff(b.noise("another")[0]))
    todo = dataset.thumbnails_of(PlateId(GENE, 1)).todo(range(1536), range(1, 7))
    assert len(todo) == 1


def previews(dataset: Any) -> dict[str, np.ndarray]:
    """Read the whole first plate as its overview does; gives the first channel."""
    plate = PlateId(GENE, 1)
    wells = dataset.wells_of_plate(plate)
    positions = (wells["row"] * 48 + wells["column"]).tolist()
    thumbnails = dataset.thumbnails_of(plate)
    PlateFill(dataset, plate, thumbnails, dict(zip(positions, wells.index, strict=True))).run(
        lambda *_: None
    )
    found = zip(positions, wells["address"], strict=True)
    planes = {address: thumbnails.preview(position, 1) for position, address in found}
    assert all(plane is not None for plane in planes.values())
    return planes


class Listed(MemoryFileSystem):
    """A store that remembers its listings, as those of clouds do."""

    protocol = "listed"
    _listings: ClassVar[dict[str, Any]] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("listed://", "memory://")))

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        key = path, detail
        if key not in self._listings:
            self._listings[key] = super().ls(path, detail, **options)
        return self._listings[key]

    def invalidate_cache(self, path: str | None = None) -> None:
        self._listings.clear()


def test_what_a_store_has_got_since_is_there_when_it_is_opened_again(
    root: Path, cache: Path
) -> None:
    fsspec.register_implementation("listed", Listed, clobber=True)
    place = Place(root, "tar")
    b.to_memory(root, "memory://faults")
    assert len(rx.open_dataset("listed://faults", cache).images.plates) == 2
    new = b.write_tar(root.parent / "Plate3.tar", place.members({FIRST: well_of(FIRST)}))
    fsspec.filesystem("memory").pipe_file(f"/faults/images/{GENE}/Plate3.tar", new.read_bytes())
    assert len(rx.open_dataset("listed://faults", cache).images.plates) == 3


def test_long_and_odd_names_of_members_are_known_again(root: Path, cache: Path) -> None:
    planes = {address: b.noise(address) for address in FAR}
    for number, folder in enumerate(("f" * 120, "Bilder ü", "a/" * 40 + "b", "f" * 100)):
        path = b.write_tar(root / f"{GENE}_Plate{number}.tar", b.image_files(planes), folder)
        dataset = rx.open_dataset(path, cache)
        assert isinstance(dataset.images.sources[0], TarSource)
        for address, right in planes.items():
            well = b.well_name(GENE, number, address)
            np.testing.assert_array_equal(dataset.read(well), right)

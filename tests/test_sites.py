"""Wells of several sites, as RxRx1 has them: each site is a field, whatever holds the images."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import Qt

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.indexing import write_indexes
from napari_rxrx3.data.images.planes import PlaneIndex, record_of_name
from napari_rxrx3.data.images.sidecars import read_sidecar
from window import Window

SIZE = 48
WELLS = ("B02", "B03", "AA15", "AF48")
PLATE = PlateId("HUVEC-1", 1)


def site_of(address: str, site: int) -> np.ndarray:
    """Planes that tell wells, sites and stains apart: uint8 (6, SIZE, SIZE)."""
    return b.noise(f"{address} site {site}", SIZE, "uint8")


def files(sites: int = 2, suffix: str = "png") -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for site in range(1, sites + 1):
        members |= b.image_files({a: site_of(a, site) for a in WELLS}, suffix, site)
    return dict(sorted(members.items()))


def as_folder(root: Path) -> None:
    b.write_folder(root / "images/HUVEC-1/Plate1", files())


def as_tar(root: Path) -> None:
    b.write_tar(root / "images/HUVEC-1/Plate1.tar", files())


def as_zip(root: Path) -> None:
    b.write_zip(root / "rxrx1.zip", {f"HUVEC-1/Plate1/{n}": data for n, data in files().items()})


def as_shard(root: Path) -> None:
    members = files(suffix="jp2").items()
    keys = {f"HUVEC-1/Plate1/{n.removesuffix('.jp2').replace('_w', '_')}": d for n, d in members}
    b.write_shard(root / "train-00000-of-00001.parquet", keys, row_group=7)


FORMS: dict[str, Callable[[Path], None]] = {
    "folder": as_folder,
    "tar": as_tar,
    "zip": as_zip,
    "shard": as_shard,
}


def well_of(address: str) -> str:
    return f"HUVEC-1_1_{address}"


def assert_sites(dataset: rx.Dataset, form: str = "folder") -> None:
    """What both fields show is the planes of that site; a JPEG 2000 is within its quality."""
    assert list(dataset.fields) == [1, 2]
    for address in WELLS:
        for site in (1, 2):
            shown = dataset.read(well_of(address), field=site)
            wanted = site_of(address, site)
            if form == "shard":
                wanted = b.decoded_jp2(wanted)
            np.testing.assert_array_equal(shown, wanted)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_site_is_a_field(form: str, root: Path, cache: Path) -> None:
    FORMS[form](root)
    for _ in ("looked into", "kept"):
        dataset = rx.open_dataset(root, cache_dir=cache)
        assert len(dataset.wells) == len(WELLS)
        assert_sites(dataset, form)
    dataset.show_field(2)
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    np.testing.assert_array_equal(again.read(well_of("AA15")), dataset.read(well_of("AA15")))
    with pytest.raises(rx.RxRx3Error, match=r"no field 3; there are 1 to 2\."):
        dataset.show_field(3)


def test_all_views_are_of_the_site_that_is_shown(root: Path, cache: Path) -> None:
    as_tar(root)
    dataset = rx.open_dataset(root, cache_dir=cache)
    for site in (1, 2, 1):
        dataset.show_field(site)
        wanted = site_of("B03", site)[0]
        np.testing.assert_array_equal(dataset.piece(well_of("B03"), 1, 64, whole=True), wanted)
        assert dataset.levels(well_of("B03"), 1).means[0] == pytest.approx(wanted.mean())
        thumbnails = dataset.thumbnails_of(PLATE)
        thumbnails.fill(thumbnails.todo(range(1536), [1]))
        thumbnails.save()
    kept = [file.name for file in cache.rglob("*.previews")]
    assert len(kept) == 2, "each site has previews of its own"


def test_a_field_of_ones_own_file_is_shown_first(root: Path, cache: Path) -> None:
    as_zip(root)
    (root / "napari-rxrx3.toml").write_text("[images]\nfield = 2\n")
    dataset = rx.open_dataset(root, cache_dir=cache)
    assert dataset.field == 2
    np.testing.assert_array_equal(dataset.read(well_of("B02")), site_of("B02", 2))
    assert_sites(dataset)


def test_stains_of_two_sites_are_not_shown_as_one_image(root: Path, cache: Path) -> None:
    members = files()
    del members["B02_s1_w3.png"], members["AF48_s2_w1.png"]
    for name in [name for name in members if name.startswith("B03_s1")]:
        del members[name]
    b.write_tar(root / "images/HUVEC-1/Plate1.tar", members)
    dataset = rx.open_dataset(root, cache_dir=cache)
    with pytest.raises(rx.ImageUnavailable, match=r"B02, channel 3: .*the image is missing"):
        dataset.read(well_of("B02"))
    np.testing.assert_array_equal(dataset.read(well_of("B03")), site_of("B03", 2), "all it has")
    with pytest.raises(rx.ImageUnavailable, match="B03, channel 1"):
        dataset.read(well_of("B03"), field=2)
    details = dataset.check().problems["detail"].tolist()
    told = [each for each in details if "fewer" in each]
    assert [each.split(": ", 1)[1] for each in told] == [
        "1 well has fewer sites than the 2 of others: HUVEC-1_1_B03 has 1",
        "2 wells have fewer images of one site than of another: HUVEC-1_1_AF48",
    ]


def test_a_damaged_image_of_another_site_is_found(root: Path, cache: Path) -> None:
    as_folder(root)
    damaged = root / "images/HUVEC-1/Plate1/B03_s2_w5.png"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    problems = rx.open_dataset(root, cache_dir=cache).check().problems
    found = problems[problems["kind"] == "unreadable_plane"]
    assert found[["well_id", "channel"]].values.tolist() == [[well_of("B03"), 5]]
    assert "B03_s2_w5.png" in found["detail"].iloc[0]


# --- of a server, and beside the data -------------------------------------------------------------


@pytest.fixture
def served(root: Path) -> Iterator[tuple[Path, str]]:
    rows = [b.well_row("HUVEC-1", 1, address) for address in WELLS]
    b.write(root / "metadata_rxrx3.csv", b.csv_bytes(rows))
    with b.served(root, ranges=True) as url:
        yield root, url


@pytest.mark.parametrize("form", ["tar", "shard"])
def test_of_a_server_they_are_known_once_a_plate_was_looked_at(
    form: str, served: tuple[Path, str], cache: Path
) -> None:
    root, url = served
    FORMS[form](root)
    dataset = rx.open_dataset(url, cache_dir=cache)
    dataset.images.look_into(PLATE)
    assert_sites(dataset, form)
    other = rx.open_dataset(url, cache_dir=cache).at_field(1)
    other.images.look_into(PLATE)
    other.show_field(2)
    shown = dataset.read(well_of("B02"), field=2)
    np.testing.assert_array_equal(other.read(well_of("B02")), shown)


def test_an_index_beside_a_tar_knows_them(root: Path, cache: Path) -> None:
    as_tar(root)
    write_indexes(str(root), None, lambda *_: None)
    (tar,) = root.rglob("Plate1.tar")
    storage, path = Storage.of(tar)
    index = read_sidecar(storage, path, "tar", PlateId("other", 7), tar.stat().st_size)
    assert [each.plates for each in (index, *index.others)] == [(PlateId("other", 7),)] * 2
    assert_sites(rx.open_dataset(root, cache_dir=cache))


# --- the index ------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from(WELLS), st.integers(1, 4), st.integers(1, 6), st.sampled_from([1, 2])
        ),
        max_size=60,
        unique=True,
    )
)
def test_no_image_is_lost_and_none_is_of_another_site(
    images: list[tuple[str, int, int, int]],
) -> None:
    records = []
    for number, (address, site, channel, plate) in enumerate(images):
        name = f"{address}_s{site}_w{channel}.png"
        record = record_of_name(name, PlateId("HUVEC-1", plate), number, 1)
        assert record is not None
        records.append(record)
    index = PlaneIndex.from_arrays(PlaneIndex.of(records).to_arrays())
    fields = [index, *index.others]
    assert sum(len(field.code) for field in fields) == len(images)
    sites: dict[tuple[int, str], set[int]] = {}
    for address, site, _, plate in images:
        sites.setdefault((plate, address), set()).add(site)
    for number, field in enumerate(fields):
        assert field.plates == index.plates
        for row in range(len(field.code)):
            well, channel = field.plane(row)
            address, site, of, plate = images[int(field.first[row])]
            assert (well.plate, well.address, channel) == (plate, address, of)
            assert sorted(sites[plate, address])[number] == site


# --- in the window --------------------------------------------------------------------------------


@pytest.fixture
def window(open_window: Callable[..., Window], root: Path) -> Window:
    as_folder(root)
    return open_window(root)


def shows_site(window: Window, address: str, site: int) -> bool:
    shown: list[Any] = window.pixels_of(well_of(address))
    return all(map(np.array_equal, shown, site_of(address, site)))


def test_sites_are_browsed_as_fields(window: Window) -> None:
    window.click_well("B03")
    fields = window.explorer.workspace.bottom_row.fields
    assert fields.label.text() == "Field 1/2"
    assert shows_site(window, "B03", 1)
    window.press(window.map, Qt.Key.Key_F)
    window.settle()
    assert "field 2 of 2" in window.title
    assert shows_site(window, "B03", 2)
    window.click_well("AA15")
    assert shows_site(window, "AA15", 2)
    window.click(fields.back)
    window.settle()
    assert shows_site(window, "AA15", 1)

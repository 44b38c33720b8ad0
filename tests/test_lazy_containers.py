"""Containers of a server, of which no more is read than what is asked for needs."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_rxrx3 as rx
from builders import (
    Screen,
    Store,
    control_row,
    guide_row,
    noise,
    served,
    shard_rows,
    write_shard,
)
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import DatasetNotFound
from napari_rxrx3.core.plate import N_COLUMNS, PlateId, WellId, format_address
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files import storage as storage_module
from napari_rxrx3.data.files.answers import Answers
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images import tar_search
from napari_rxrx3.data.images.catalog import ImageCatalog
from napari_rxrx3.data.images.lazy import LazyShard
from napari_rxrx3.data.images.shards import ShardFile
from napari_rxrx3.data.images.tar_search import TarSearch
from napari_rxrx3.data.images.tars import TarSource

PLATE = PlateId("gene-001", 1)


# --- a well of a large tar ----------------------------------------------------------------------


class Counted:
    """A tar in memory, and how often it is read."""

    def __init__(self, data: bytes) -> None:
        fsspec.filesystem("memory").pipe_file("/searched/Plate1.tar", data)
        self.storage, self.path = Storage.of("memory://searched/Plate1.tar")
        self.n_read = 0
        read = self.storage.read

        def counted(path: str, start: int | None = None, stop: int | None = None) -> bytes:
            self.n_read += 1
            return read(path, start, stop)

        self.storage.read = counted  # type: ignore[method-assign]


def tar_of(names: list[str], sizes: list[int]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            else:
                info.size = sizes[number % len(sizes)]
            tar.addfile(info, io.BytesIO(bytes([number % 251]) * info.size))
    return buffer.getvalue()


def members_of(positions: list[int]) -> list[str]:
    return [
        f"{format_address(*divmod(position, N_COLUMNS))}_s1_w{channel}.png"
        for position in positions
        for channel in range(1, 7)
    ]


def by_name(positions: list[int]) -> list[int]:
    return sorted(positions, key=lambda p: format_address(*divmod(p, N_COLUMNS)))


def well_at(position: int) -> WellId:
    return WellId(*PLATE, *divmod(position, N_COLUMNS))


def assert_found_as_by_the_index(data: bytes, positions: list[int]) -> None:
    """Each well that the search finds is where the whole index says; what it leaves is allowed."""
    tar = Counted(data)
    whole = TarSource.build_index(tar.storage, tar.path, PLATE)
    search = TarSearch(tar.storage, tar.path, PLATE)
    for position in positions:
        found = search.find(well_at(position))
        rows = [whole.find(well_at(position), channel) for channel in range(1, 7)]
        wanted = [
            (int(whole.first[row]), int(whole.second[row])) for row in rows if row is not None
        ]
        if found is not None:
            last = {record.channel: (record.first, record.second) for record in found}
            assert list(last.values()) == wanted, position


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_search, "LARGE", 1)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("order", [sorted, by_name])
@pytest.mark.parametrize("folder", ["", "gene-001/Plate1/"])
def test_a_well_is_found_in_few_ways(order: object, folder: str) -> None:
    positions = order([p for p in range(49, 1487) if p % N_COLUMNS not in (0, 47)])  # type: ignore[operator]
    names = [f"{folder}{name}" for name in members_of(positions)]
    tar = Counted(tar_of([folder] * bool(folder) + names, [900, 1000, 1100, 950]))
    search = TarSearch(tar.storage, tar.path, PLATE)
    for position in (positions[0], positions[700], positions[701], positions[-1], 1201, 60):
        before = tar.n_read
        found = search.find(well_at(position))
        assert found is not None
        assert [record.name for record in found] == [
            f"{folder}{name}" for name in members_of([position])
        ]
        assert tar.n_read - before < 40, "of 8,280 members"


@pytest.mark.usefixtures("_small")
@given(
    positions=st.lists(st.integers(0, 1535), min_size=1, max_size=60, unique=True),
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=9),
    order=st.sampled_from([sorted, by_name, list]),
    asked=st.lists(st.integers(0, 1535), max_size=5),
    twice=st.booleans(),
)
def test_what_is_found_is_what_the_whole_tar_says(
    positions: list[int], sizes: list[int], order: object, asked: list[int], twice: bool
) -> None:
    written = order(positions)  # type: ignore[operator]
    names = members_of(written) + (members_of(written[:1]) if twice else [])
    assert_found_as_by_the_index(tar_of(names, sizes), [*written[:8], *written[-4:], *asked])


@pytest.mark.usefixtures("_small")
def test_a_well_that_is_not_there_takes_the_whole_index() -> None:
    tar = Counted(tar_of(members_of(list(range(100, 300, 2))), [1000]))
    search = TarSearch(tar.storage, tar.path, PLATE)
    assert search.find(well_at(151)) is None
    assert search.find(well_at(1)) is None
    assert search.find(well_at(1500)) is None


def test_a_small_tar_is_read_as_a_whole() -> None:
    tar = Counted(tar_of(members_of([60, 61]), [1000]))
    assert TarSearch(tar.storage, tar.path, PLATE).find(well_at(60)) is None
    assert tar.n_read == 0


# --- a plate of a shard -------------------------------------------------------------------------

PLATES = [PlateId("gene-001", 1), PlateId("gene-001", 10), PlateId("gene-001", 2)]


def rows_of_plates() -> dict[str, bytes | None]:
    return shard_rows(
        {
            f"{plate.experiment}_{plate.plate}_{well}": noise(well, 8, "uint8")
            for plate in PLATES
            for well in ("B02", "C03", "AA04")
        }
    )


def late(path: Path, cache: Path) -> LazyShard | None:
    return LazyShard.of(*Storage.of(path), DiskCache(cache), PLATES)


@pytest.mark.parametrize("row_group", [1, 4, 7, 100])
@pytest.mark.parametrize("is_sorted", [True, False])
def test_a_plate_is_known_as_in_the_whole_shard(
    tmp_path: Path, row_group: int, is_sorted: bool
) -> None:
    rows = rows_of_plates()
    if not is_sorted:
        rows = dict(sorted(rows.items(), key=lambda item: hash(item[0][::-1]) % 97))
    path = write_shard(tmp_path / "train-00000-of-00001.parquet", rows, row_group)
    whole = ShardFile(*Storage.of(path)).index(None, None)
    shard = late(path, tmp_path / "cache")
    assert shard is not None
    assert set(shard.plates) == set(PLATES)
    for plate in PLATES:
        index = shard.source(plate).index
        assert index.plates == (plate,)
        codes, at = whole.of_plate(plate)
        assert index.of_plate(plate)[0].tolist() == codes.tolist()
        assert index.first.tolist() == whole.first[at].tolist()
        assert index.second.tolist() == whole.second[at].tolist()


def test_only_row_groups_of_the_plate_are_read(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.parquet", rows_of_plates(), 6)
    shard = late(path, tmp_path / "cache")
    assert shard is not None
    groups = {int(g) for g in shard.source(PLATES[1]).index.first}
    assert len(groups) == 3
    assert pq.ParquetFile(path).metadata.num_row_groups == 9


def test_a_well_of_a_shard_takes_the_row_group_that_holds_it(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.parquet", rows_of_plates(), 6)
    shard = late(path, tmp_path / "cache")
    assert shard is not None
    well = WellId("gene-001", 10, 2, 2)
    source = shard.source_of_well(well)
    assert source is not None
    assert len({int(group) for group in source.index.first}) == 1
    whole = shard.source(PLATES[1])
    for channel in range(1, 7):
        row, of_plate = source.index.find(well, channel), whole.index.find(well, channel)
        assert row is not None
        assert of_plate is not None
        assert source.read(row) == whole.read(of_plate)
    assert shard.known_source_of_well(well) is source
    absent = WellId("gene-001", 10, 9, 9)
    assert shard.known_source_of_well(absent) is None
    nothing = shard.source_of_well(absent)
    assert nothing is not None
    assert nothing.index.find(absent, 1) is None


def test_a_well_under_another_name_is_found_with_its_plate(tmp_path: Path) -> None:
    """As AA4 stands for AA04 it does not lie where that would."""
    rows = {key.replace("/AA04_", "/AA4_"): data for key, data in rows_of_plates().items()}
    path = write_shard(tmp_path / "a.parquet", dict(sorted(rows.items())), 6)
    shard = late(path, tmp_path / "cache")
    assert shard is not None
    well = WellId("gene-001", 1, 26, 3)
    catalog = ImageCatalog([], "", is_local=False, lazy=[shard])
    assert catalog.channels(well) == (True,) * 6


def test_a_well_of_a_plate_in_two_shards_takes_no_more(tmp_path: Path) -> None:
    rows = list(rows_of_plates().items())
    shards = []
    for name, part in (("a", rows[:15]), ("b", rows[15:])):  # in the middle of a well
        path = write_shard(tmp_path / f"{name}.parquet", dict(part), 6)
        shards.append(late(path, tmp_path / "cache"))
    catalog = ImageCatalog([], "", is_local=False, lazy=[s for s in shards if s is not None])
    for well in (WellId("gene-001", 1, row, column) for row, column in ((26, 3), (1, 1), (2, 2))):
        assert catalog.channels(well) == (True,) * 6
        assert not catalog.is_seen(PLATES[0])


@pytest.mark.parametrize("kind", ["no statistics", "other spelling"])
def test_a_shard_that_tells_too_little_is_read_at_once(tmp_path: Path, kind: str) -> None:
    rows = rows_of_plates()
    if kind == "other spelling":
        rows = {key.replace("Plate", "plate_0"): data for key, data in rows.items()}
    path = write_shard(tmp_path / "a.parquet", rows, 6)
    if kind == "no statistics":
        pq.write_table(pq.read_table(path), path, row_group_size=6, write_statistics=False)
    assert late(path, tmp_path / "cache") is None


# --- a data set behind a server -----------------------------------------------------------------

WELLS = ("D05", "D06", "E07")


@pytest.fixture(params=["tar", "shard"])
def screen(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    rows = [control_row("gene-001", plate, "C03") for plate in (1, 2)]
    rows += [guide_row("gene-001", plate, well, "PLK1") for plate in (1, 2) for well in WELLS]
    screen = Screen.of(rows, dim=4)
    screen.planes = {
        f"gene-001_{plate}_{well}": noise(f"{plate}{well}", 32, "uint8")
        for plate in (1, 2)
        for well in WELLS[:-plate]  # of the last well of each plate there is none
    }
    root = tmp_path / "served" / "screen"
    screen.write_metadata(root / "metadata.csv")
    (screen.write_tars if request.param == "tar" else screen.write_core)(root)
    return root


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    pytest.importorskip("aiohttp", reason="fsspec needs aiohttp to read http:// URLs")
    for name in ("_HEAD", "_END"):  # or a small file is all in memory
        monkeypatch.setattr(storage_module, name, 16)
    return Store()


@pytest.fixture
def url(screen: Path, store: Store) -> Iterator[str]:
    with served(screen.parent, True, store) as url:
        yield f"{url}/screen"


def test_what_is_there_is_assumed_until_a_plate_is_looked_into(
    url: str, screen: Path, tmp_path: Path
) -> None:
    dataset = rx.open_dataset(url, cache_dir=tmp_path / "cache")
    assert dataset.known_wells["has_image"].all()
    assert dataset.known_plates["n_images"].tolist() == [4, 4]
    assert "images of 8 at most" in dataset.describe()
    dataset.images.look_into(PlateId("gene-001", 1))
    there = dataset.known_wells["has_image"]
    assert there[there].index.tolist() == [
        *("gene-001_1_D05", "gene-001_1_D06"),
        *(f"gene-001_2_{well}" for well in ("C03", *WELLS)),
    ]
    assert dataset.known_plates["n_images"].tolist() == [2, 4]
    here = rx.open_dataset(screen, cache_dir=tmp_path / "here")
    dataset.images.look_into(PlateId("gene-001", 2))
    assert dataset.known_wells["has_image"].equals(here.known_wells["has_image"])
    assert "at most" not in dataset.describe()


def test_pixels_and_gaps_are_those_of_the_disk(url: str, screen: Path, tmp_path: Path) -> None:
    here = rx.open_dataset(screen, cache_dir=tmp_path / "here")
    there = rx.open_dataset(url, cache_dir=tmp_path / "cache")
    for well in here.known_wells.index[here.known_wells["has_image"]]:
        assert np.array_equal(here.read(well), there.read(well))
    with pytest.raises(rx.ImageUnavailable, match="gene-001_1_E07, channel 1") as caught:
        there.read("gene-001_1_E07")
    assert caught.value.missing


def test_a_check_looks_into_everything(url: str, screen: Path, tmp_path: Path) -> None:
    here = rx.open_dataset(screen, cache_dir=tmp_path / "here").check()
    there = rx.open_dataset(url, cache_dir=tmp_path / "cache").check()
    assert there.counts == here.counts
    assert there.description == here.description


def test_a_plate_that_cannot_be_looked_into_is_named_and_tried_again(
    url: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_rxrx3.data.files.remote.PAUSES_S", (0.01,))
    dataset = rx.open_dataset(url, cache_dir=tmp_path / "cache")
    store.trouble = {".tar": "503", "data/": "503"}
    report = dataset.check()
    assert report.counts["unreadable_file"] == 2
    assert "missing_plane" not in report.counts, "nobody knows"
    with pytest.raises(rx.ImageUnavailable, match=r"gene-001_1_D05, channel 1: .*503"):
        dataset.read("gene-001_1_D05")
    store.trouble.clear()
    assert "unreadable_file" not in dataset.check().counts


def test_opening_asks_for_no_image(
    url: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    rx.open_dataset(url, cache_dir=tmp_path / "cache")
    n_containers = 2 if any(".tar" in path for path in store.asked) else 1
    asked = [path for path in store.asked if ".tar" in path or ".parquet" in path]
    assert len(asked) == 2 * n_containers, "its first bytes and its last ones"


# --- what is kept -------------------------------------------------------------------------------


def asked_for_images(store: Store) -> list[str]:
    return [path for path in store.asked if ".tar" in path or ".parquet" in path]


def test_what_was_shown_is_shown_again_without_a_request(
    url: str, store: Store, tmp_path: Path
) -> None:
    first = rx.open_dataset(url, cache_dir=tmp_path / "cache")
    pixels = first.read("gene-001_1_D05")
    again = rx.open_dataset(url, cache_dir=tmp_path / "cache")
    again.images.look_into(PlateId("gene-001", 1))
    store.asked.clear()
    assert np.array_equal(again.read("gene-001_1_D05"), pixels)
    assert asked_for_images(store) == []
    again.read("gene-001_1_D06")


@pytest.mark.parametrize("damage", [b"", b"no part", bytes(100)])
def test_a_damaged_part_is_read_again(url: str, tmp_path: Path, damage: bytes) -> None:
    pixels = rx.open_dataset(url, cache_dir=tmp_path / "cache").read("gene-001_1_D05")
    parts = list((tmp_path / "cache" / "parts").iterdir())
    assert parts
    for part in parts:
        part.write_bytes(damage)
    again = rx.open_dataset(url, cache_dir=tmp_path / "cache")
    assert np.array_equal(again.read("gene-001_1_D05"), pixels)


def test_without_its_server_a_data_set_shows_what_is_kept(
    screen: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_rxrx3.data.files.remote.PAUSES_S", (0.01,))
    with served(screen.parent, True, store) as url:
        here = rx.open_dataset(f"{url}/screen", cache_dir=tmp_path / "cache")
        pixels = here.read("gene-001_1_D05")
    away = rx.open_dataset(f"{url}/screen", cache_dir=tmp_path / "cache")
    today = date.today().isoformat()
    assert away.describe().endswith(f"offline, as of {today}")
    assert [p.detail for p in away.problems if p.kind == "offline"] == [
        f"the server cannot be reached: what is kept is shown, as of {today}"
    ]
    assert away.known_wells.index.equals(here.known_wells.index)
    assert np.array_equal(away.read("gene-001_1_D05"), pixels)
    shutil.rmtree(tmp_path / "cache" / "parts")
    away = rx.open_dataset(f"{url}/screen", cache_dir=tmp_path / "cache")
    with pytest.raises(rx.ImageUnavailable, match=f"is not kept; as of {today}"):
        away.read("gene-001_1_D05")


@pytest.mark.parametrize("what", ["404", "403", "401"])
def test_a_server_that_refuses_is_not_away(
    url: str, store: Store, tmp_path: Path, what: str
) -> None:
    rx.open_dataset(url, cache_dir=tmp_path / "cache")
    store.trouble = {"/screen": what}
    with pytest.raises(DatasetNotFound):
        rx.open_dataset(url, cache_dir=tmp_path / "cache")


def test_an_address_that_was_never_opened_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound, match="cannot be connected to"):
        rx.open_dataset("http://127.0.0.1:9/screen", cache_dir=tmp_path / "cache")


def test_nothing_secret_is_kept() -> None:
    answers = Answers()
    address = "https://ann:planted@host/a?X-Amz-Signature=planted"
    answers.note("listing", address, [[address, False, 3, "stamp"]])
    answers.note("head", address, [3, "stamp", True])
    assert "planted" not in answers.to_json("2026-05-03")
    assert answers.find("head", "https://bob:other@host/a?X-Amz-Signature=new") is not None
    assert answers.find("head", "https://host/b") is None


def test_what_is_in_memory_of_a_well_is_known_before_its_plate_is(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_search, "LARGE", 1)
    dataset = rx.open_dataset(url, cache_dir=tmp_path / "cache")
    assert not dataset.is_decoded("gene-001_1_D05", 1)
    dataset.read("gene-001_1_D05")
    assert not dataset.images.is_seen(PlateId("gene-001", 1))
    assert dataset.is_decoded("gene-001_1_D05", 1)
    assert not dataset.is_decoded("gene-001_1_D06", 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99, "said": {}}', '{"format": 1}'])
def test_answers_that_are_damaged_are_not_taken(text: str) -> None:
    answers = Answers()
    assert not answers.take(text)
    assert not answers.day


# --- indexes beside the containers --------------------------------------------------------------


def indexes_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.rxrx3-index"))


def test_an_index_beside_a_container_is_all_that_is_asked_for(
    screen: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["index", str(screen)]) == 0
    n_containers = len(indexes_of(screen))
    said = capsys.readouterr().out.strip()
    assert (
        said
        == f"{'2 indexes' if n_containers == 2 else '1 index'} written, 0 were there, 0 failed."
    )
    main(["index", str(screen)])
    assert f"0 indexes written, {n_containers} were there" in capsys.readouterr().out
    here = rx.open_dataset(screen, cache_dir=tmp_path / "here")
    with served(screen.parent, True, store) as url:
        there = rx.open_dataset(f"{url}/screen", cache_dir=tmp_path / "cache")
        store.asked.clear()
        for plate in (1, 2):
            there.images.look_into(PlateId("gene-001", plate))
        if any(path.endswith(".rxrx3-index") for path in store.asked):
            assert not [path for path in store.asked if path.endswith(".tar")]
        assert there.known_wells["has_image"].equals(here.known_wells["has_image"])
        assert np.array_equal(there.read("gene-001_1_D05"), here.read("gene-001_1_D05"))
        assert there.check().counts == here.check().counts == here_counts(screen, tmp_path)


def here_counts(screen: Path, tmp_path: Path) -> dict[str, int]:
    """What a check finds without any index beside the containers."""
    for path in indexes_of(screen):
        path.unlink()
    return rx.open_dataset(screen, cache_dir=tmp_path / "bare").check().counts


@pytest.mark.parametrize("what", ["of another file", "cut off", "no index", "nonsense"])
def test_an_index_that_is_not_to_be_believed_is_named_and_not_used(
    screen: Path, tmp_path: Path, what: str
) -> None:
    main(["index", str(screen)])
    path = indexes_of(screen)[0]
    data = path.read_bytes()
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    if what in ("of another file", "nonsense"):
        if what == "of another file":
            arrays["size"] = arrays["size"] + 1
        else:
            arrays["first"] = -arrays["first"] - 1
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)
    else:
        path.write_bytes(data[: len(data) // 2] if what == "cut off" else b"no index")
    dataset = rx.open_dataset(screen, cache_dir=tmp_path / "cache")
    said = [p.detail for p in dataset.problems if "the index beside it is not used" in p.detail]
    assert len(said) == 1
    assert path.with_suffix("").name in said[0]
    assert dataset.read("gene-001_1_D05").shape == (6, 32, 32)


def test_what_is_on_a_server_is_indexed_to_a_folder(
    url: str, screen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["index", url]) == 1
    assert "--to FOLDER" in capsys.readouterr().err
    assert main(["index", url, "--to", str(tmp_path / "out")]) == 0
    written = [path.relative_to(tmp_path / "out") for path in indexes_of(tmp_path / "out")]
    assert main(["index", str(screen)]) == 0
    assert written == [path.relative_to(screen) for path in indexes_of(screen)]


def test_a_folder_that_cannot_be_written_is_named(
    screen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["index", str(screen), "--to", str(tmp_path / "file")]) == 1
    said = capsys.readouterr()
    assert "cannot be written" in said.err
    assert "0 indexes written" in said.out

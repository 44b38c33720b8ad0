"""napari's reader: what it takes, what it leaves to others, and the six layers that it makes."""

from __future__ import annotations

import gzip
import ntpath
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest

import builders as b
from napari_rxrx3._reader import get_reader, read
from napari_rxrx3.core.errors import DatasetNotFound, ImageUnavailable
from napari_rxrx3.core.plate import IMAGE_ENDINGS, parse_image_name
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.data.recognition import TABLE_OR_ARCHIVE, stands_for

SIZE = 32
FIRST, SECOND = "gene-001_1_B02", "gene-001_1_B03"
ROWS = [
    b.guide_row("gene-001", 1, "B02", "PLK1"),
    b.guide_row("gene-001", 1, "B03", "MTOR"),
    b.guide_row("gene-002", 1, "B02", "TUBB"),
]
SCREEN = b.Screen.of(ROWS, SIZE)
CORE = b.Screen(ROWS, {row["well_id"]: b.smooth(row["well_id"], SIZE) for row in ROWS})
PLATE = "images/gene-001/Plate1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder with the screen in each of its forms."""
    folder = tmp_path_factory.mktemp("reader")
    SCREEN.write_rxrx3(folder / "tars")
    SCREEN.write_folders(folder / "png")
    SCREEN.write_folders(folder / "tif", "tif")
    CORE.write_folders(folder / "jp2", "jp2")
    CORE.write_core(folder / "core")
    SCREEN.write_tars(folder / "bare")
    SCREEN.write_plate_embeddings(folder / "bare" / "embeddings")
    return folder


def layers_of(path: Path | list[Path]) -> list[tuple[Any, dict[str, Any], str]]:
    paths = [str(p) for p in path] if isinstance(path, list) else str(path)
    reader = get_reader(paths)
    assert reader is not None
    return reader(paths)


def assert_shows(layers: list[tuple[Any, dict[str, Any], str]], well: str, core: bool) -> None:
    expected = b.decoded_jp2(CORE.planes[well]) if core else SCREEN.planes[well]
    assert [options["name"] for _, options, _ in layers] == [f"{well} {s.name}" for s in STAINS]
    for (data, _, kind), plane in zip(layers, expected, strict=True):
        assert kind == "image"
        assert data.dtype == plane.dtype
        np.testing.assert_array_equal(data.compute(), plane)


_events: list[tuple[str, str]] | None = None


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if _events is not None and event in ("open", "os.scandir", "os.listdir"):
        _events.append((event, str(arguments[0])))


sys.addaudithook(_record)


@contextmanager
def touched_below(folder: Path) -> Iterator[list[str]]:
    """List, when the block is over, all that the interpreter opened or listed in a folder."""
    global _events
    found: list[str] = []
    _events = []
    try:
        yield found
    finally:
        events, _events = _events, None
        found += [path for _, path in events if path.startswith(f"{folder}{os.sep}")]


# --- what it takes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "well"),
    [
        ("tars", FIRST),
        ("tars/metadata.csv", FIRST),
        (f"tars/{PLATE}.tar", FIRST),
        ("tars/images/gene-002", "gene-002_1_B02"),
        ("bare", FIRST),
        ("png", FIRST),
        ("png/images", FIRST),
        (f"png/{PLATE}", FIRST),
        (f"png/{PLATE}/B03_s1_w3.png", SECOND),
        (f"tif/{PLATE}/B03_s1_w6.tif", SECOND),
        (f"jp2/{PLATE}/B03_s1_w1.jp2", SECOND),
        ("core", FIRST),
        ("core/data", FIRST),
        ("core/data/train-00000-of-00001.parquet", FIRST),
    ],
)
def test_each_form_of_the_data_gives_six_layers(folder: Path, path: str, well: str) -> None:
    layers = layers_of(folder / path)
    assert_shows(layers, well, core=path.startswith(("core", "jp2")))


def test_layers_are_lazy_lie_to_scale_and_add_up(folder: Path) -> None:
    colors = set()
    for (data, options, _), stain in zip(layers_of(folder / "tars"), STAINS, strict=True):
        assert isinstance(data, da.Array)
        assert data.numblocks == (1, 1)
        assert options["blending"] == "additive"
        assert options["scale"] == (0.65, 0.65)
        assert options["units"] == ("um", "um")
        low, high = options["contrast_limits"]
        assert low < high
        top = options["colormap"].map(np.array([1.0]))[0, :3]
        np.testing.assert_allclose(top, stain.color, atol=1e-6)
        colors.add(tuple(top))
        assert options["metadata"]["well_id"] == FIRST
        assert options["metadata"]["stain"] == stain.name
    assert len(colors) == 6


def test_a_list_of_files_gives_each_well_once_and_in_order(folder: Path) -> None:
    plate = folder / "png" / PLATE
    names = ("B03_s1_w2.png", "B02_s1_w1.png", "B03_s1_w1.png", "B02_s1_w6.png")
    layers = layers_of([plate / name for name in names])
    assert_shows(layers[:6], SECOND, core=False)
    assert_shows(layers[6:], FIRST, core=False)


def test_of_a_list_of_folders_each_is_read(folder: Path) -> None:
    layers = layers_of([folder / "png" / PLATE, folder / "tars" / "images" / "gene-002"])
    assert_shows(layers[:6], FIRST, core=False)
    assert_shows(layers[6:], "gene-002_1_B02", core=False)


def test_one_image_brings_its_sisters_and_touches_nothing_else(tmp_path: Path) -> None:
    plate = tmp_path / "Plate1"
    b.write_folder(plate, b.image_files({"B02": SCREEN.planes[FIRST], "AB02": [b.noise("x")[0]]}))
    b.write_folder(plate / "B02", b.image_files({"B02": SCREEN.planes[SECOND]}))
    b.write(plate / "metadata.csv", b.csv_bytes(ROWS))
    with touched_below(plate) as touched:
        layers = layers_of(plate / "B02_s1_w4.png")
        data = [data.compute() for data, _, _ in layers]
    np.testing.assert_array_equal(data, SCREEN.planes[FIRST])
    looked_at = {Path(path).name for path in touched}
    looked_at.discard("napari-rxrx3.toml")  # looked for: it may tell the width of a pixel
    assert looked_at == {f"B02_s1_w{c}.png" for c in b.CHANNELS}


def test_a_damaged_file_does_not_hide_the_others(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "tars" / "metadata.csv", tmp_path / "z.csv")
    b.write(tmp_path / "a.parquet", b"cut off")
    b.write(tmp_path / "b.zip", b"PK\x03\x04 cut off")
    assert get_reader(str(tmp_path)) is not None


@pytest.mark.parametrize("url", ["memory://x/metadata.csv", "s3://bucket/a/AA02_s1_w3.png"])
def test_urls_are_taken_by_their_names(url: str) -> None:
    assert get_reader(url) is not None


@pytest.mark.parametrize(
    ("paths", "opened", "left"),
    [
        (["s3://b/Plate1/B02_s1_w1.png", "s3://b/Plate1/C02_s1_w1.png"], "s3://b/Plate1", []),
        (["s3://b/a.parquet", "s3://b/b.parquet"], "s3://b", []),
        (["s3://b/one/a.parquet", "s3://b/two/b.parquet"], "s3://b/one/a.parquet", [1]),
    ],
)
def test_what_is_chosen_of_one_folder_of_a_server_is_opened_as_that_folder(
    paths: list[str], opened: str, left: list[int]
) -> None:
    """Of several folders the first is: nobody knows what else lies above them."""
    assert stands_for(paths) == (opened, [paths[i] for i in left])


def test_data_behind_a_url_are_read(folder: Path) -> None:
    url = b.to_memory(folder / "core" / "data", "memory://reader")
    assert_shows(read(f"{url}/train-00000-of-00001.parquet"), FIRST, core=True)


# --- several at once -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which one can choose several files that belong together."""
    folder = tmp_path_factory.mktemp("many")
    rows = [b.guide_row("gene-001", plate, "B02", "PLK1") for plate in range(1, 7)]
    screen = b.Screen(rows, {row["well_id"]: SCREEN.planes[FIRST] for row in rows})
    screen.write_tars(folder)
    shards = b.Screen(
        rows,
        {row["well_id"]: CORE.planes[FIRST] for row in rows},
        {row["well_id"]: SCREEN.vectors[FIRST] for row in rows},
    )
    shards.write_core(folder, cuts=range(6, 36, 6))
    for place in (folder, folder / "data", folder / "images" / "gene-001"):
        screen.write_metadata(place / "metadata.csv")
    SCREEN.write_folders(folder / "png")
    SCREEN.write_metadata(folder / "png" / PLATE / "metadata.csv")
    shards.write_embeddings(folder / "data" / "embeddings.parquet")
    return folder


def files_of(many: Path, which: str) -> list[Path]:
    plate, tars = many / "png" / PLATE, many / "images" / "gene-001"
    shards = sorted((many / "data").glob("train-*.parquet"))
    first = sorted(plate.glob("B02*"))
    return {
        "an image": first[2:3],
        "five images": first[1:],
        "six images": first,
        "six images from the last": first[::-1],
        "images and metadata": [plate / "metadata.csv", *first],
        "images, then metadata": [*first, plate / "metadata.csv"],
        "two shards": shards[:2],
        "six shards": shards,
        "six tars": sorted(tars.glob("*.tar")),
        "metadata and tars": [tars / "metadata.csv", *sorted(tars.glob("*.tar"))],
        "metadata and shards": [many / "data" / "metadata.csv", *shards],
        "shards, then metadata": [*shards, many / "data" / "metadata.csv"],
        "embeddings and shards": [many / "data" / "embeddings.parquet", *shards],
    }[which]


TOGETHER = [
    *("an image", "five images", "six images", "six images from the last"),
    *("images and metadata", "images, then metadata", "two shards", "six shards", "six tars"),
    *("metadata and tars", "metadata and shards", "shards, then metadata"),
    "embeddings and shards",
]


@pytest.mark.each(3)
@pytest.mark.parametrize("which", TOGETHER)
def test_files_that_are_opened_together_give_one_well(many: Path, viewer: Any, which: str) -> None:
    """Napari hands them to the reader one after the other."""
    viewer.open(files_of(many, which), plugin="napari-rxrx3")
    assert [layer.name for layer in viewer.layers] == [f"{FIRST} {s.name}" for s in STAINS]
    core = "shard" in which
    expected = b.decoded_jp2(CORE.planes[FIRST]) if core else SCREEN.planes[FIRST]
    for layer, plane in zip(viewer.layers, expected, strict=True):
        np.testing.assert_array_equal(layer.data, plane)


@pytest.mark.parametrize("which", ["six images", "six shards", "six tars", "images and metadata"])
def test_a_stack_of_them_is_one_well_too(many: Path, viewer: Any, which: str) -> None:
    paths = [str(path) for path in files_of(many, which)]
    reader = get_reader(paths)
    assert reader is not None
    assert len(reader(paths)) == 6
    if which != "images and metadata":  # npe2 stacks files of one ending
        viewer.open(paths, plugin="napari-rxrx3", stack=True)
        assert len(viewer.layers) == 6


def test_twelve_files_of_two_wells_give_both(many: Path, viewer: Any) -> None:
    files = sorted((many / "png" / PLATE).glob("B0?_*"), key=lambda p: p.name[-5:] + p.name)
    assert len(files) == 12
    viewer.open(files, plugin="napari-rxrx3")
    names = [f"{well} {stain.name}" for well in (FIRST, SECOND) for stain in STAINS]
    assert [layer.name for layer in viewer.layers] == names


def test_two_folders_give_a_well_each(folder: Path, viewer: Any) -> None:
    paths = [folder / "png" / PLATE, folder / "tars" / "images" / "gene-002"]
    viewer.open(paths, plugin="napari-rxrx3")
    assert len(viewer.layers) == 12


def test_what_is_opened_again_is_added_again(many: Path, viewer: Any) -> None:
    """As napari does with any file: only within one choice do files bring each other."""
    files = files_of(many, "six images")
    viewer.open(files, plugin="napari-rxrx3")
    viewer.open(files, plugin="napari-rxrx3")
    viewer.open(files[0], plugin="napari-rxrx3")
    viewer.open(files[1], plugin="napari-rxrx3")
    assert len(viewer.layers) == 24


def test_a_broken_one_of_several_does_not_hide_the_others(
    many: Path, viewer: Any, tmp_path: Path
) -> None:
    paths = [tmp_path / path.name for path in files_of(many, "six tars")]
    for source, path in zip(files_of(many, "six tars"), paths, strict=True):
        shutil.copy(source, path)
    b.write(paths[0], paths[0].read_bytes()[:10_000])
    viewer.open(paths, plugin="napari-rxrx3")
    assert len(viewer.layers) > 0
    assert len({layer.metadata["well_id"] for layer in viewer.layers}) == 1


@pytest.mark.soak
def test_napari_begins_anew_when_a_later_file_has_two_readers(many: Path, viewer: Any) -> None:
    """Shards have one reader, tables two: the user is asked when the shards are open already."""
    from napari.errors import MultipleReaderError

    files = files_of(many, "shards, then metadata")
    for _ in range(2):
        with pytest.raises(MultipleReaderError):
            viewer.open(files, plugin=None)
        assert len(viewer.layers) == 6
    viewer.open(files, plugin="napari-rxrx3")
    assert len(viewer.layers) == 6
    viewer.open(files, plugin="napari-rxrx3")
    assert len(viewer.layers) == 12
    viewer.layers.clear()
    with pytest.raises(MultipleReaderError):
        viewer.open(files, plugin=None)
    assert len(viewer.layers) == 6
    viewer.layers.clear()
    viewer.open(files, plugin="napari-rxrx3")
    assert len(viewer.layers) == 6


# --- what is not there -----------------------------------------------------------------------


def remove(path: Path) -> None:
    path.unlink()


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def reshape(path: Path) -> None:
    path.write_bytes(b.png(b.noise("other", SIZE // 2)[0]))


@pytest.mark.parametrize("spoil", [remove, damage, reshape])
@pytest.mark.parametrize("channel", [3, 6])
def test_five_layers_are_left_without_a_stain_and_the_sixth_is_named(
    tmp_path: Path, spoil: Callable[[Path], None], channel: int
) -> None:
    from napari.utils.notifications import notification_manager

    plate = b.write_folder(tmp_path / "Plate1", b.image_files({"B02": SCREEN.planes[FIRST]}))
    spoil(plate / f"B02_s1_w{channel}.png")
    notification_manager.records.clear()
    layers = layers_of(plate)
    kept = [stain.number for stain in STAINS if stain.number != channel]
    assert [options["metadata"]["stain"] for _, options, _ in layers] == [
        STAINS[number - 1].name for number in kept
    ]
    for (data, _, _), number in zip(layers, kept, strict=True):
        np.testing.assert_array_equal(data.compute(), SCREEN.planes[FIRST][number - 1])
    (warning,) = notification_manager.records
    assert str(warning.severity) == "warning"
    assert f"channel {channel}" in warning.message


def test_a_well_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    b.write_folder(tmp_path / "Plate1", {f"B02_s1_w{c}.png": b"" for c in b.CHANNELS})
    with pytest.raises(ImageUnavailable, match=r"B02_s1_w1\.png"):
        layers_of(tmp_path / "Plate1")


def test_metadata_without_images_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    SCREEN.write_metadata(tmp_path / "metadata.csv")
    with pytest.raises(DatasetNotFound, match=r"no images.*RxRx3 Explorer"):
        layers_of(tmp_path / "metadata.csv")


# --- what it leaves to others ----------------------------------------------------------------

CAT = b.png(b.noise("cat", 8)[0])
UNRELATED: dict[str, Callable[[Path], Any]] = {
    "notes.txt": lambda p: b.write(p, b"well_id,treatment\n"),
    "cat.png": lambda p: b.write(p, CAT),
    "cat_AA02_s1_w3.png": lambda p: b.write(p, CAT),
    "AG02_s1_w3.png": lambda p: b.write(p, CAT),
    "AA02_s1_w3.png.bak": lambda p: b.write(p, CAT),
    "table.csv": lambda p: b.write(p, b"name,value\na,1\n"),
    "empty.csv": lambda p: b.write(p, b""),
    "binary.csv": lambda p: b.write(p, bytes(range(256)) * 20),
    "table.parquet": lambda p: pd.DataFrame({"well_id": ["a"], "value": [1]}).to_parquet(p),
    "broken.parquet": lambda p: b.write(p, b"PAR1 and then nothing"),
    "cats.zip": lambda p: b.write_zip(p, {"cat.png": CAT}),
    "broken.zip": lambda p: b.write(p, b"PK\x03\x04 and then nothing"),
    "cats.tar": lambda p: b.write_tar(p, {"cat.png": CAT}),
    "broken.tar": lambda p: b.write(p, b"x" * 2000),
    "empty": lambda p: p.mkdir(),
    "project/data": lambda p: b.write_folder(p, {"cat.png": CAT, "table.csv": b"name\na\n"}),
    "images": lambda p: b.write_folder(p, {"Plate1/cat.png": CAT}),
    "pipe.csv": lambda p: os.mkfifo(p) if hasattr(os, "mkfifo") else pytest.skip("no pipes"),
    "missing/AA02_s1_w3.png": lambda p: None,
    "missing.tar": lambda p: None,
}


@pytest.mark.parametrize("name", UNRELATED)
def test_everything_else_is_left_to_other_readers(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    UNRELATED[name](tmp_path / name)
    assert get_reader(str(tmp_path / name)) is None
    assert get_reader([str(tmp_path / name)]) is None


@pytest.mark.parametrize("path", ["", [], "\0", None, 7, ["\0"], "nowhere://x/y.png"])
def test_what_is_no_path_is_no_error(path: Any) -> None:
    assert get_reader(path) is None


def test_a_huge_unrelated_folder_is_turned_down_after_a_look_at_a_few_files(tmp_path: Path) -> None:
    for i in range(120):
        b.write(tmp_path / f"photos {i}.csv", b"name\n")
        b.write(tmp_path / "deep" / "er" / str(i) / "more" / "data" / "cat.png", CAT)
    for i in range(3000):
        b.write(tmp_path / "data" / f"{i}.png", b"")
    with touched_below(tmp_path) as touched:
        assert get_reader(str(tmp_path)) is None
    assert 0 < len(set(touched)) < 100


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """Yield a data set in a folder that this process may not list, whoever runs it."""
    place = Path(tempfile.mkdtemp())
    SCREEN.write_metadata(place / "locked" / "metadata.csv")
    place.chmod(0o755)
    (place / "locked").chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)  # root may list anything
        # not Path.is_dir, which raises on Python 3.11 where a parent is locked as well
        if not os.path.isdir(place / "locked"):  # noqa: PTH112
            pytest.skip("another user cannot even reach the folder for temporary files")
        yield place / "locked"
    finally:
        os.seteuid(user)
        (place / "locked").chmod(0o755)
        shutil.rmtree(place)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions as Unix has them")
def test_a_folder_without_permission_is_left_to_others(locked_folder: Path) -> None:
    assert locked_folder.is_dir()
    assert get_reader(str(locked_folder)) is None
    assert get_reader(str(locked_folder.parent)) is None


# --- whom napari asks ------------------------------------------------------------------------

OTHERS = [
    *("photo.png", "screenshot_2026-01-01.png", "stack.tif", "labels.tiff", "cells.ome.tif"),
    *("img_s1_w2.png", "Exp_A01_s1_w1.TIF", "well_t1_z2.png", "DSC01234.png", "slide.jp2"),
    *("points.csv", "measurements.csv", "cell_metadata.csv", "hits.csv", "umap.csv"),
    *("cats.zip", "pictures.zip", "table.parquet", "data.json", "settings.json", "a.npy"),
    *("https://host/metadata/points.csv", "https://host/rxrx3/points.csv", "s3://a/photo.png"),
    *("template1.zip", "code.tar.gz", "plates.zip", "points.tsv", "my embeddings of text.csv"),
]
OURS = [
    *("metadata.csv", "metadata.CSV", "Metadata.csv", "metadata_rxrx3.csv", "metadata.csv.gz"),
    *("metadata_rxrx3_core.csv", "metadata_rxrx3_public.csv", "metadata_rxrx3.csv.zip"),
    *("metadata.zip", "metadata_rxrx3.zip", "rxrx3_core_metadata.csv", "RxRx3_metadata.csv"),
    *("train-00000-of-00035.parquet", "train-00034-of-00035.parquet"),
    *("Plate1.tar", "Plate48.tar", "plate.TAR", "embeddings.tar", "embeddings.parquet"),
    *("OpenPhenom_rxrx3_core_embeddings.parquet", "phenom1.parquet", "metadata_trimmed.parquet"),
    *("AA02_s1_w3.png", "AF48_s1_w1.PNG", "B02_s1_w6.tif", "B02_s2_w6.tiff", "A1_s1_w3.png"),
    *("AA15_s1_1.jp2", "M23_s2_w3.png", "rxrx3-session.json", "demo-session.json"),
    *("Plate1.zip", "gene-001_Plate7.zip", "plate 7.tar", "embeddings.csv", "embeddings.csv.gz"),
    *("Plate1.tgz", "Plate1.tar.gz", "gene-001-Plate7.tar.bz2", "Plate7.tar.xz", "Plate7.tar.zst"),
    *("metadata.tsv", "metadata_rxrx3.tsv", "rxrx3_metadata.tsv.gz", "metadata.tsv.gz"),
]
AWAY = [f"s3://bucket/folder/{name}" for name in OURS if name == name.lower()]


PLACES = ("B2", "b02", "B02", "AA2", "aa02", "AF48", "A-1", "aa-01", "Z-9")
GAPS = ("_", "-", " ", "__", "--")
CHANNELS = ("w1", "w6", "1", "3")
ENDINGS = ("", *IMAGE_ENDINGS, ".PNG", ".ome.tif", ".ome.tiff", ".OME.TIF", ".J2K")
SPELLED = [
    f"{place}{gap}s{site}{gap}{channel}{ending}"
    for place in PLACES
    for gap in GAPS
    for site in ("1", "12")
    for channel in CHANNELS
    for ending in ENDINGS
]
"""An image as people name it: whatever the code takes for one is in here in each part."""
NO_IMAGES = [
    *("B02_s1_w1_mask.png", "B02_s1_w1_cp_masks.tif", "A1_s1_z3.png", "t1_z2_c3.png", "A01_w1.tif"),
    *("B02_s1_w1.jpg", "B02_s1_w1.csv", "B02_s1_w1.npy", "B02_s1_w1.png.json", "cells_s1_w1.png"),
    *("s1_w1.png", "A1_s1.png", "123_s1_w1.png", "B02_s1_w1 (copy).png", "AAA02_s1_w1.png"),
]


@cache
def manager() -> Any:
    import npe2

    found = npe2.PluginManager.instance()
    found.discover()
    return found


def asked_for(path: str) -> list[str]:
    return [reader.plugin_name for reader in manager().iter_compatible_readers([path])]


@pytest.mark.parametrize("name", OTHERS)
def test_napari_does_not_ask_this_plugin_for_other_files(name: str) -> None:
    assert "napari-rxrx3" not in asked_for(name if "://" in name else f"/a folder/rxrx3/{name}")


@pytest.mark.each(3)
@pytest.mark.parametrize("name", [*OURS, *AWAY, "s3://bucket/AA02_s1_w3.png"])
def test_napari_asks_this_plugin_for_what_people_have(name: str) -> None:
    assert "napari-rxrx3" in asked_for(name if "://" in name else f"/a folder/{name}")


def test_napari_asks_for_images_however_the_code_knows_their_names() -> None:
    assert all(parse_image_name(name) is not None for name in SPELLED)
    assert all(parse_image_name(name) is None for name in NO_IMAGES)
    missed = [n for n in SPELLED if "napari-rxrx3" not in asked_for(f"/a folder/{n}")]
    assert missed == []
    far = [f"s3://bucket/a folder/{n}" for n in SPELLED if n == n.lower()]
    assert [url for url in far if "napari-rxrx3" not in asked_for(url)] == []
    for name in NO_IMAGES:
        assert "napari-rxrx3" not in asked_for(f"/a folder/{name}")
        assert "napari-rxrx3" not in asked_for(f"s3://bucket/a folder/{name}")


@pytest.mark.parametrize("stem", ["metadata", "embeddings", "Plate1"])
def test_what_it_is_asked_for_by_its_ending_it_also_takes(stem: str) -> None:
    """Of each ending of tables and archives that the code knows, the names that people use."""
    endings = [e for e in TABLE_OR_ARCHIVE if e in MEANT[stem]]
    assert set(endings) == set(MEANT[stem])
    assert {e for stem in MEANT for e in MEANT[stem]} == set(TABLE_OR_ARCHIVE)
    for ending in endings:
        assert "napari-rxrx3" in asked_for(f"/a folder/{stem}{ending}"), ending
        assert "napari-rxrx3" in asked_for(f"s3://bucket/{stem.lower()}{ending}"), ending


MEANT = {
    "metadata": (".parquet", ".csv", ".tsv", ".zip", ".csv.gz", ".tsv.gz"),
    "embeddings": (".parquet", ".csv", ".tsv", ".tar", ".csv.gz", ".tsv.gz"),
    "Plate1": (".tar", ".zip", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"),
}


@pytest.mark.parametrize("name", ["b2-s1-w3.png", "AA2 s1 1.jp2", "B-2_s1_w3.j2k", "B2_s1_w3"])
def test_images_of_other_spellings_are_read(tmp_path: Path, name: str) -> None:
    plane = CORE.planes[FIRST][2]
    is_png = name.endswith(("png", "3"))
    b.write(tmp_path / "Plate1" / name, b.png(plane) if is_png else b.jp2(plane))
    (data,) = [data for data, _, _ in layers_of(tmp_path / "Plate1" / name)]
    np.testing.assert_array_equal(data.compute(), plane if is_png else b.decoded_jp2([plane])[0])


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz"])
def test_tables_between_tabs_are_taken(tmp_path: Path, ending: str) -> None:
    content = b.csv_bytes(ROWS).replace(b",", b"\t")
    b.write(tmp_path / f"metadata{ending}", gzip.compress(content) if "gz" in ending else content)
    assert get_reader(str(tmp_path / f"metadata{ending}")) is not None
    b.write(tmp_path / f"points{ending}", b"name\tvalue\na\t1\n")
    assert get_reader(str(tmp_path / f"points{ending}")) is None


def patterns() -> list[str]:
    (reader,) = manager().get_manifest("napari-rxrx3").contributions.readers or []
    return list(reader.filename_patterns)


@pytest.mark.each(3)
@pytest.mark.parametrize("name", [*OTHERS, *OURS])
def test_the_same_is_asked_on_windows(name: str) -> None:
    """There, npe2 takes the drive for the scheme of a URL, and compares the whole path."""
    if "://" in name:
        return
    path = ntpath.normcase(f"C:\\Users\\Ada\\rxrx3\\metadata\\{name}")
    matches = [fnmatchcase(path, ntpath.normcase(pattern.lower())) for pattern in patterns()]
    assert any(matches) == (name in OURS)


@pytest.mark.parametrize("url", ["https://host/points.csv", "s3://a/cats.zip", "s3://a/b.parquet"])
def test_other_urls_are_left_to_others(url: str) -> None:
    assert get_reader(url) is None


# --- within napari ---------------------------------------------------------------------------


@pytest.fixture
def viewer() -> Any:
    from napari.components import ViewerModel
    from npe2 import PluginManager

    PluginManager.instance().discover()
    return ViewerModel()


@pytest.mark.parametrize(
    ("path", "plugin"),
    [
        ("tars", "napari-rxrx3"),
        ("tars/metadata.csv", "napari-rxrx3"),
        (f"png/{PLATE}/B02_s1_w5.png", "napari-rxrx3"),
        (f"tars/{PLATE}.tar", None),  # as when it is dropped: no other plugin reads it
    ],
)
def test_napari_opens_a_well(folder: Path, viewer: Any, path: str, plugin: str | None) -> None:
    viewer.open(str(folder / path), plugin=plugin)
    assert [layer.name for layer in viewer.layers] == [f"{FIRST} {s.name}" for s in STAINS]
    for layer, plane in zip(viewer.layers, SCREEN.planes[FIRST], strict=True):
        np.testing.assert_array_equal(layer.data, plane)
        assert isinstance(layer.data, da.Array)
        assert layer.source.reader_plugin == "napari-rxrx3"
        assert layer.blending == "additive"
        assert tuple(layer.scale) == (0.65, 0.65)
        assert [f"{unit:~}" for unit in layer.units] == ["µm", "µm"]
        assert layer.contrast_limits[0] < layer.contrast_limits[1]


def test_napari_keeps_other_pictures_to_itself(tmp_path: Path, viewer: Any) -> None:
    b.write(tmp_path / "cat.png", CAT)
    viewer.open(str(tmp_path / "cat.png"))
    assert [layer.source.reader_plugin for layer in viewer.layers] == ["napari"]

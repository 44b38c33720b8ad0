"""Views on record: as files that come back the same, as scripts that run, as raw planes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import UnknownWell
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.figures.ome_tiff import PlanesError, files_for, save_planes
from napari_rxrx3.figures.pixels import composite_of, difference_pixels, tile_pixels
from napari_rxrx3.figures.record import (
    Camera,
    RecordError,
    ViewRecord,
    is_record_file,
    read_record,
    record_of,
    write_record,
)
from napari_rxrx3.figures.restore import is_of, open_record, restore, restore_queue
from napari_rxrx3.figures.script import python_script
from napari_rxrx3.hits.queue import Queue, QueueItem
from napari_rxrx3.hits.review import Review, open_review
from napari_rxrx3.session import Session
from napari_rxrx3.strips.strip import CONTROL, QUERY, DoseCurve, Strip
from test_cache import disk_full_after

SIZE = 32
PLK1, MTOR, CONTROL_WELL = "gene-001_1_D05", "gene-001_1_D06", "gene-001_1_C03"
SECOND, DOSE = "gene-001_2_D05", "compound-001_1_D02"
LIMITS = tuple((float(i), 1000.5 + 7 * i) for i in range(6))
CURVE = DoseCurve((0.25, 2.5), ((0.1, 0.2), ()), (0.15, math.nan), "cosine", (0.0, 0.4))


def a_screen() -> b.Screen:
    rows = [b.control_row("gene-001", plate, f"C{c:02d}") for plate in (1, 2) for c in range(3, 9)]
    for plate in (1, 2):
        for column, gene in ((5, "PLK1"), (6, "MTOR"), (7, "TUBB")):
            rows.append(b.guide_row("gene-001", plate, f"D{column:02d}", gene))
    rows += [b.control_row("compound-001", 1, f"C{c:02d}") for c in range(3, 9)]
    rows += [b.dose_row("compound-001", 1, "D02", "Bortezomib", 2.5)]
    return b.Screen.of(rows, SIZE)


SCREEN = a_screen()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SCREEN.write_rxrx3(tmp_path_factory.mktemp("record") / "data set")


@pytest.fixture
def dataset(folder: Path, cache: Path) -> Any:
    return rx.open_dataset(folder, cache_dir=cache)


@pytest.fixture
def session(dataset: Any) -> Session:
    session = Session()
    session.open(dataset)
    return session


class Shown:
    """Which stains are visible, as the six layers would say."""

    def __init__(self, shown: tuple[bool, ...], solo: int | None = None) -> None:
        self.shown, self.solo = shown, solo
        self.gamma = (1.0, 0.5, 1.0, 1.0, 1.0, 2.0)


def a_strip() -> Strip:
    tiles = (
        Tile(PLK1, "query: <b>PLK1</b>", 0, 0, QUERY),
        Tile(None, "2.5 µM\nnot on disk", 0, 1),
        Tile(CONTROL_WELL, "control", 1, 1, CONTROL),
    )
    return Strip("doses", "PLK1: doses", tiles, True, "1 of 2 doses is not on disk.", CURVE)


def one_well(session: Session) -> None:
    session.select_well(PLK1)


def a_plate(session: Session) -> None:
    session.select_well(SECOND)
    session.set_view("plate")


def side_by_side(session: Session) -> None:
    session.select_well(PLK1)
    session.ask(key="PLK1_guide_1", level="guide", order="opposite", kind="genes", k=7)
    session.ask(metric="euclidean", align="none", average="median", batch="plate")
    session.select_wells([PLK1, MTOR])
    session.show_strip(a_strip())


def by_hand(session: Session) -> None:
    session.select_well(DOSE)
    session.show([(DOSE, "one"), (CONTROL_WELL, "other")])
    session.set_contrast_rule("by hand")
    session.set_limits(LIMITS)
    session.set_crop(256)
    session.set_difference(True)


STATES = [one_well, a_plate, side_by_side, by_hand]


def differing(one: ViewRecord, other: ViewRecord) -> list[str]:
    """Names of what differs between two records, but for when they were made."""
    fields = set(vars(one)) - {"saved"}
    return sorted(n for n in fields if repr(getattr(one, n)) != repr(getattr(other, n)))


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_a_record_that_was_written_is_read_as_it_was(
    session: Session, tmp_path: Path, state: Callable[[Session], None]
) -> None:
    state(session)
    camera = Camera((12.5, -3.0), (100.0, 80.0))
    record = record_of(session, Shown((True, False) * 3), camera=camera, reduction=4)
    write_record(tmp_path / "a.json", record)
    assert read_record(tmp_path / "a.json") == record
    assert is_record_file(tmp_path / "a.json")
    assert record.stains.visible == (True, False) * 3
    assert record.stains.gamma[1] == 0.5


@pytest.mark.parametrize("state", STATES)
def test_another_session_is_brought_to_the_same_state(
    session: Session, folder: Path, tmp_path: Path, state: Callable[[Session], None]
) -> None:
    state(session)
    record = record_of(session)
    write_record(tmp_path / "a.json", record)
    other = Session()
    other.open(rx.open_dataset(folder, cache_dir=tmp_path / "cache of its own"))
    other.select_well(DOSE)
    other.ask(k=3)
    assert restore(read_record(tmp_path / "a.json"), other) == ()
    assert differing(record_of(other), record) == []
    assert repr(other.strip) == repr(session.strip)


def test_a_record_says_what_made_it(session: Session) -> None:
    session.select_well(PLK1)
    record = json.loads(record_of(session).to_json())
    assert record["software"]["napari-rxrx3"] == rx.__version__
    assert {"python", "numpy", "napari"} <= set(record["software"])
    assert record["dataset"]["n_wells"] == len(SCREEN.rows)
    assert record["plate"] == ["gene-001", 1]
    assert record["query"]["align"] == "pca-centerscale"
    assert record["align"] == "pca-centerscale"
    assert record["saved"].endswith("Z")


def test_a_session_without_a_data_set_goes_on_record_too(tmp_path: Path) -> None:
    record = record_of(Session())
    write_record(tmp_path / "a.json", record)
    assert read_record(tmp_path / "a.json") == record
    assert restore(record, Session()) == ()
    with pytest.raises(RecordError, match="saved without a data set"):
        open_record(tmp_path / "a.json")
    with pytest.raises(RecordError, match="No data set is open"):
        python_script(record)


_CURVE = (
    '"strip": {"kind": "doses", "title": "", "curve": {"doses": [%s], "distances": [[0.1]], '
    '"means": [0.1], "metric": "", "control_spread": [0.0, 1.0], "unit": ""}}'
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged, or no saved session"),
        (b"{", "damaged, or no saved session"),
        (b"\xff\xfe", "damaged, or no saved session"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1, 2]", "no saved session"),
        (b'{"format": "something else"}', "no saved session"),
        (b'{"format": "napari-rxrx3 view"}', "version: None"),
        (b'{"format": "napari-rxrx3 view", "version": 2}', "newer napari-rxrx3 .its format is 2"),
        (
            b'{"format": "napari-rxrx3 view", "version": 9, "software": {"napari-rxrx3": "7.1"}}',
            r"newer napari-rxrx3 .7\.1.; update",
        ),
        (b'{"format": "napari-rxrx3 view", "version": 1, "tiles": 3}', "damaged .tiles"),
        (b'{"format": "napari-rxrx3 view", "version": 1, "crop": 77}', "damaged .crop: 77"),
        (b'{"format": "napari-rxrx3 view", "version": 1, "limits": [[1, 0]]}', "six pairs"),
        *(
            (f'{{"format": "napari-rxrx3 view", "version": 1, {part}}}'.encode(), words)
            for part, words in (
                (_CURVE % "1.0, 2.0", "has not a distance for each dose"),
                (_CURVE % "-1.0", "doses of the curve"),
                ('"review": {"position": -1}', "position: -1"),
                ('"query": {"k": 10000000000}', "k: 10000000000"),
                ('"camera": {"center": [NaN, 0.0], "span": [1.0, 1.0]}', "camera"),
            )
        ),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=words) as caught:
        read_record(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith(".")
    assert path.read_bytes() == content


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"nowhere\.json cannot be read \(No such file"):
        read_record(tmp_path / "nowhere.json")
    assert not is_record_file(tmp_path / "nowhere.json")
    assert not is_record_file(tmp_path)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else []
    inner = enumerate(value) if isinstance(value, list) else inner
    return [path, *(p for key, part in inner for p in _paths(part, (*path, key)))]


EXAMPLE = ViewRecord(
    plate=("gene-001", 1),
    well=PLK1,
    tiles=a_strip().tiles,
    limits=LIMITS,
    camera=Camera((0.0, 0.0), (9.0, 9.0)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_changed_in_a_file_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    kept = json.loads(EXAMPLE.to_json())
    *outer, last = data.draw(st.sampled_from(_paths(kept)[1:]))
    place = kept
    for key in outer:
        place = place[key]
    place[last] = data.draw(JSON)
    path = tmp_path_factory.getbasetemp() / "changed.json"
    path.write_text(json.dumps(kept))
    try:
        record = read_record(path)
    except RecordError:
        return  # any other error would be one of ours
    write_record(path, record)
    assert read_record(path) == record


def test_a_file_that_cannot_be_written_leaves_the_old_one(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    session.select_well(PLK1)
    write_record(path, record_of(session))
    before = path.read_bytes()
    session.select_well(MTOR)
    with disk_full_after(100), pytest.raises(RecordError, match=r"cannot be written \(File too"):
        write_record(path, record_of(session))
    assert path.read_bytes() == before
    assert list(tmp_path.glob(".*.part")) == []
    with pytest.raises(RecordError, match=r"below\.json cannot be written"):
        write_record(path / "below.json", record_of(session))


# --- other data sets than the one on record ---------------------------------------------------


def test_a_copy_of_the_data_set_is_the_same_wherever_it_lies(
    session: Session, tmp_path: Path
) -> None:
    session.select_well(PLK1)
    record = record_of(session)
    write_record(
        tmp_path / "a.json", replace(record, dataset=replace(record.dataset, address="/x"))
    )
    SCREEN.write_metadata(tmp_path / "copy" / "metadata.csv")
    copy = rx.open_dataset(tmp_path / "copy", cache_dir=tmp_path / "cache")
    assert open_record(tmp_path / "a.json", copy)[1] is copy
    with pytest.raises(RecordError, match="If it was moved, open it where it is now") as caught:
        open_record(tmp_path / "a.json")
    assert "/x" in str(caught.value)


@pytest.mark.parametrize("rows", [SCREEN.rows[:-1], SCREEN.rows])
def test_a_data_set_that_was_moved_and_changed_is_taken_where_it_is_now(
    session: Session, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    session.select_well(PLK1)
    record = record_of(session)
    gone = replace(record.dataset, address="/x")
    write_record(tmp_path / "a.json", replace(record, dataset=gone))
    moved = b.Screen.of(rows, SIZE)
    if rows is SCREEN.rows:
        moved.write_folders(tmp_path / "copy")  # without metadata, which is as good as changed
    else:
        moved.write_metadata(tmp_path / "copy" / "metadata.csv")
    now = rx.open_dataset(tmp_path / "copy", cache_dir=tmp_path / "cache")
    assert open_record(tmp_path / "a.json", now)[1] is now
    session.open(now)
    notes = restore(record, session)
    is_said = any("The wells listed in copy have changed since." in note for note in notes)
    assert is_said == now.has_metadata
    assert session.well == PLK1
    b.Screen.of([b.control_row("gene-009", 1, "B02")]).write_metadata(tmp_path / "b" / "m.csv")
    other = rx.open_dataset(tmp_path / "b", cache_dir=tmp_path / "cache")
    with pytest.raises(RecordError, match="If it was moved"):
        open_record(tmp_path / "a.json", other)


def test_another_data_set_is_told(session: Session, tmp_path: Path) -> None:
    other = b.Screen.of(SCREEN.rows[:-1], SIZE)
    other.write_metadata(tmp_path / "metadata.csv")
    assert is_of(record_of(session), session.dataset)
    assert not is_of(record_of(session), rx.open_dataset(tmp_path, cache_dir=tmp_path / "c"))
    assert not is_of(record_of(session), None)


def test_wells_that_are_gone_are_named_and_the_others_shown(
    session: Session, tmp_path: Path
) -> None:
    session.select_well(PLK1)
    session.select_wells([PLK1, MTOR])
    session.show_strip(a_strip())
    record = record_of(session)
    b.Screen.of([r for r in SCREEN.rows if r["well_id"] != PLK1], SIZE).write_rxrx3(
        tmp_path / "new"
    )
    session.open(rx.open_dataset(tmp_path / "new", cache_dir=tmp_path / "cache"))
    notes = " ".join(restore(record, session))
    assert f"Not in this data set any more: {PLK1}." in notes
    assert "have changed since" in notes
    first, _, control = session.tiles
    assert first.well_id is None
    assert f"({PLK1}: not here)" in first.label
    assert control == a_strip().tiles[2]
    assert session.selection == {MTOR}
    assert session.plate == PlateId("gene-001", 1)


def test_a_data_set_with_none_of_the_wells_is_refused_and_nothing_changes(
    session: Session, tmp_path: Path
) -> None:
    session.show_strip(a_strip())
    session.select_well(PLK1)
    record = record_of(session)
    b.Screen.of([b.guide_row("gene-009", 1, "B02", "XYZ")]).write_rxrx3(tmp_path / "other")
    session.open(rx.open_dataset(tmp_path / "other", cache_dir=tmp_path / "cache"))
    before = record_of(session)
    with pytest.raises(RecordError, match="other has none of the wells that were saved"):
        restore(record, session)
    assert differing(record_of(session), before) == []
    session.open(None)
    with pytest.raises(RecordError, match="data set is not open"):
        restore(record, session)


def test_vectors_that_are_not_here_are_said(session: Session) -> None:
    session.select_well(PLK1)
    record = record_of(session)
    record = replace(record, query=replace(record.query, embedding="my own"))
    (note,) = restore(record, session)
    assert note == "The vectors 'my own' are not here: others are used."
    assert session.query.embedding == ""


def test_tables_of_chromosome_arms_that_are_not_open_are_said(session: Session) -> None:
    session.select_well(PLK1)
    record = record_of(session)
    record = replace(record, query=replace(record.query, arm_tables="arms.csv, silent.txt (1)"))
    (note,) = restore(record, session)
    assert note.startswith("The bias of chromosome arms was subtracted, by arms.csv, silent.txt")
    assert session.query.arm_tables == ""


# --- the list under review --------------------------------------------------------------------


@pytest.fixture
def review(session: Session, tmp_path: Path) -> Review:
    return open_review(session.dataset, "Ada", tmp_path / "hits")


def a_queue(position: int) -> Queue:
    items = tuple(QueueItem(well, f"{i}") for i, well in enumerate((PLK1, MTOR, DOSE, SECOND)))
    return Queue(items, position, "four wells", "none is missing")


def test_a_list_under_review_comes_back_at_its_place(session: Session, review: Review) -> None:
    session.set_review(review)
    review.set_queue(a_queue(2))
    record = record_of(session)
    assert record.review is not None
    assert Path(record.review.file) == review.path
    review.set_queue(Queue())
    assert restore_queue(record, review) == ""
    assert review.queue == a_queue(2)
    assert record_of(session, with_review=False).review is None


def test_a_list_without_wells_that_are_gone_stands_where_it_stood(
    session: Session, review: Review
) -> None:
    session.set_review(review)
    items = (QueueItem("gene-001_1_Z40", "gone"), *a_queue(0).items)
    review.set_queue(Queue(items, 3, "five wells"))
    record = record_of(session)
    review.set_queue(Queue())
    restore_queue(record, review)
    assert review.queue.current == QueueItem(DOSE, "2")
    assert len(review.queue) == 4


def test_somebody_else_s_list_is_not_taken(
    session: Session, review: Review, tmp_path: Path
) -> None:
    session.set_review(review)
    review.set_queue(a_queue(2))
    other = open_review(session.dataset, "Grace", tmp_path / "hits")
    note = restore_queue(record_of(session), other)
    assert note == "The list was reviewed by Ada, not by Grace."
    assert len(other.queue) == 0


# --- scripts ----------------------------------------------------------------------------------

RUN = """
import code, sys
from pathlib import Path
console = code.InteractiveConsole({"__name__": "__main__"})
source = Path(sys.argv[1]).read_text(encoding="utf-8")
source = source.split("# the same in napari")[0]
for line in source.splitlines():
    console.push(line)
console.push("")
import numpy as np
names = console.locals
extra = {"neighbors": names["neighbors"]["key"].to_numpy(str)} if "neighbors" in names else {}
np.savez(sys.argv[2], image=names["image"], stains=names["pixels"].stains, **extra)
"""


def pasted(record: ViewRecord, folder: Path) -> dict[str, np.ndarray]:
    """Paste a script, line by line, into a Python of its own, as far as its window."""
    source, result = folder / "script.py", folder / "result.npz"
    source.write_text(python_script(record), encoding="utf-8")
    run = [sys.executable, "-c", RUN, str(source), str(result)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert "Error" not in done.stderr, done.stderr
    with np.load(result) as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_a_script_makes_the_same_picture_where_it_is_pasted(
    session: Session, tmp_path: Path
) -> None:
    session.select_well(PLK1)
    session.show_strip(a_strip())
    session.set_limits(LIMITS)
    shown = Shown((True, True, False, True, True, False))
    arrays = pasted(record_of(session, shown), tmp_path)
    height, gap = SIZE, 2
    assert arrays["stains"].shape == (6, 2 * height + gap, 2 * height + gap)
    np.testing.assert_array_equal(arrays["stains"][:, :height, :height], SCREEN.planes[PLK1])
    low = slice(height + gap, None)
    np.testing.assert_array_equal(arrays["stains"][:, low, low], SCREEN.planes[CONTROL_WELL])
    expected = composite_of(arrays["stains"], LIMITS, shown.shown, gamma=shown.gamma)
    np.testing.assert_array_equal(arrays["image"], expected)
    assert arrays["image"].any()


def test_a_script_asks_the_same_question(session: Session, tmp_path: Path) -> None:
    session.select_well(PLK1)
    session.ask(level="guide", align="none", order="opposite", kind="genes", k=2)
    session.ask(key="PLK1_guide_1", metric="euclidean")
    arrays = pasted(record_of(session), tmp_path)
    dataset = session.dataset
    expected = dataset.phenomap("guide", "none").nearest(
        "PLK1_guide_1", 2, "euclidean", opposite=True, kind="CRISPR"
    )
    assert arrays["neighbors"].tolist() == expected["key"].tolist()


@pytest.mark.each(2)
@pytest.mark.parametrize("solo", [None, 3])
def test_a_script_crops_and_shows_one_stain_in_gray(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solo: int | None
) -> None:
    session.select_well(PLK1)
    session.set_limits(LIMITS)
    monkeypatch.setattr(display, "_palette", "Okabe-Ito")
    only = (False, False, True, False, False, False)
    record = replace(record_of(session, Shown(only, solo)), crop=256)
    arrays = pasted(record, tmp_path)
    red, green, blue = np.moveaxis(arrays["image"], -1, 0)
    assert arrays["image"].any()
    assert np.array_equal(red, green) == np.array_equal(red, blue) == (solo is not None)
    assert "display.palette = 'Okabe-Ito'" in python_script(record)


@pytest.mark.soak
def test_a_script_of_many_wells_makes_them_as_small_as_they_are_shown(
    session: Session, tmp_path: Path
) -> None:
    session.select_well(PLK1)
    arrays = pasted(record_of(session, reduction=4), tmp_path)
    blocks = SCREEN.planes[PLK1].reshape(6, SIZE // 4, 4, SIZE // 4, 4)
    np.testing.assert_allclose(arrays["stains"], blocks.mean(axis=(2, 4)), atol=1)


@pytest.mark.soak
def test_a_script_of_a_plate_shows_each_well_in_its_place(session: Session, tmp_path: Path) -> None:
    session.select_well(PLK1)
    session.set_view("plate")
    arrays = pasted(record_of(session), tmp_path)
    row, column, pitch = 3, 4, 64 + 4
    tile = arrays["stains"][:, row * pitch : row * pitch + 64, column * pitch : column * pitch + 64]
    expected = np.stack([session.dataset.preview(PLK1, c) for c in range(1, 7)])
    np.testing.assert_array_equal(tile, expected)


@pytest.mark.soak
def test_a_script_of_differences_subtracts_the_controls(session: Session, tmp_path: Path) -> None:
    session.select_well(PLK1)
    session.set_difference(True)
    arrays = pasted(record_of(session), tmp_path)
    controls = [w for w in SCREEN.ids if w.startswith("gene-001_1_C")]
    mean = np.mean([SCREEN.planes[w].astype("float64") for w in controls], axis=0)
    expected = SCREEN.planes[PLK1] - mean
    np.testing.assert_allclose(arrays["stains"], expected, atol=0.05)
    assert arrays["image"].shape == (2 * SIZE, 3 * SIZE, 3)


NAPARI = """
from types import SimpleNamespace

class Viewer:
    def __init__(self):
        self.layers = []
        self.grid = SimpleNamespace(enabled=False)

    def add_image(self, plane, **options):
        looks = {"visible": True, "gamma": 1.0, "opacity": 1.0, **options}
        self.layers.append(SimpleNamespace(plane=plane, **looks))

def run():
    pass
"""


def layers_of_script(record: ViewRecord, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The layers that a script makes in what stands for napari here."""
    napari = ModuleType("napari")
    exec(NAPARI, vars(napari))
    monkeypatch.setitem(sys.modules, "napari", napari)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(python_script(record), names)
    return list(names["viewer"].layers)


@pytest.mark.parametrize("solo", [None, 5])
def test_a_script_shows_layers_that_look_as_those_of_the_record(
    session: Session, monkeypatch: pytest.MonkeyPatch, solo: int | None
) -> None:
    session.select_well(PLK1)
    session.set_limits(LIMITS)
    shown = Shown((True, False, True, True, True, False), solo)
    layers = layers_of_script(record_of(session, shown), monkeypatch)
    assert tuple(layer.visible for layer in layers) == shown.shown
    assert tuple(layer.gamma for layer in layers) == shown.gamma
    assert [layer.contrast_limits for layer in layers] == list(LIMITS)
    for i, (layer, plane) in enumerate(zip(layers, SCREEN.planes[PLK1], strict=True), 1):
        assert (layer.colormap == "gray") == (i == solo)
        np.testing.assert_array_equal(layer.plane, plane)


def test_a_script_of_an_untouched_view_changes_no_layer(session: Session) -> None:
    session.select_well(PLK1)
    script = python_script(record_of(session))
    assert "layer.visible" not in script
    assert "layer.gamma" not in script


@pytest.mark.soak
def test_names_that_look_like_code_stay_names(session: Session, tmp_path: Path) -> None:
    session.select_well(PLK1)
    label = 'it\'s "quoted" \\ # and\nbroken'
    strip = replace(a_strip(), title=label, tiles=(Tile(PLK1, label),))
    session.show_strip(strip)
    script = python_script(record_of(session))
    assert repr(label) in script
    assert pasted(record_of(session), tmp_path)["image"].shape == (SIZE, SIZE, 3)


def test_pixels_that_are_missing_are_hatched_and_said(folder: Path, tmp_path: Path) -> None:
    SCREEN.write_metadata(tmp_path / "metadata.csv")
    SCREEN.write_folders(tmp_path)
    gone = tmp_path / "images" / "gene-001" / "Plate1" / "D05_s1_w3.png"
    gone.unlink()
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "cache")
    pixels = tile_pixels(data, [Tile(PLK1, ""), Tile("gene-001_9_Z99", "", 0, 1)])
    (first, *rest) = pixels.failures
    assert first.startswith(f"{PLK1}, channel 3: ")
    assert len(rest) == 6
    low, level = np.unique(pixels.stains[2, :SIZE, :SIZE])
    assert low == 0 < level < pixels.stains[1, :SIZE, :SIZE].max() / 2
    np.testing.assert_array_equal(pixels.stains[1, :SIZE, :SIZE], SCREEN.planes[PLK1][1])
    less = difference_pixels(data, [Tile(PLK1, "")])
    assert len(less.failures) == 1


# --- raw planes -------------------------------------------------------------------------------


def test_planes_come_back_as_they_were_read(dataset: Any, tmp_path: Path) -> None:
    saved = save_planes(tmp_path / "well.ome.tif", dataset, [PLK1])
    assert saved.files == (tmp_path / "well.ome.tif",)
    assert saved.summary() == f"Saved {saved.files[0]}."
    with tifffile.TiffFile(saved.files[0]) as file:
        assert file.is_ome
        (series,) = file.series
        assert series.axes == "CYX"
        assert series.dtype == np.uint16
        np.testing.assert_array_equal(series.asarray(), SCREEN.planes[PLK1])
        about = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
    assert about["Name"] == PLK1
    pixels = about["Pixels"]
    for axis in "XY":
        size, unit = pixels[f"PhysicalSize{axis}"], pixels[f"PhysicalSize{axis}Unit"]
        assert (size, unit) == (0.65, "µm"), axis
    assert [c["Name"] for c in pixels["Channel"]] == [stain.name for stain in STAINS]
    assert [c["Fluor"] for c in pixels["Channel"]] == [stain.dye for stain in STAINS]
    red = pixels["Channel"][2]["Color"] & 0xFFFFFFFF
    assert [red >> shift & 255 for shift in (24, 16, 8, 0)] == [255, 38, 26, 255]
    np.testing.assert_array_equal(iio.imread(saved.files[0]), SCREEN.planes[PLK1])


def test_no_two_wells_share_a_file() -> None:
    files = files_for("a.ome.tif", ["gé_1", "gè_1", "g"])
    assert [file.name for file in files.values()] == [
        "a_g__1.ome.tif",
        "a_g__1_2.ome.tif",
        "a_g.ome.tif",
    ]


def test_several_wells_have_a_file_each(dataset: Any, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    wells = [PLK1, DOSE, PLK1]
    saved = save_planes(tmp_path / "a.tiff", dataset, wells, progress=lambda *s: steps.append(s))
    assert [file.name for file in saved.files] == [f"a_{PLK1}.ome.tif", f"a_{DOSE}.ome.tif"]
    for file, well in zip(saved.files, (PLK1, DOSE), strict=True):
        np.testing.assert_array_equal(tifffile.imread(file), SCREEN.planes[well])
    assert [step[:2] for step in steps] == [(0, 2), (1, 2)]
    assert saved.summary() == f"Saved 2 files in {tmp_path}."


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a", "a.ome.tif"),
        ("a.tif", "a.ome.tif"),
        ("a.OME.TIFF", "a.OME.TIFF"),
        ("v1.2", "v1.2.ome.tif"),
    ],
)
def test_a_file_gets_the_ending_that_readers_look_for(path: str, name: str) -> None:
    assert files_for(path, ["x"])["x"] == Path(name)
    both = files_for(path, ["a/b", "c"])
    assert all(len(file.parts) == 1 and "/" not in file.name for file in both.values())


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_missing_planes_are_said_and_never_filled_in(tmp_path: Path, dtype: str) -> None:
    screen = b.Screen.of([b.guide_row("gene-001", 1, "B02", "PLK1")], SIZE, dtype)
    screen.write_metadata(tmp_path / "metadata.csv")
    screen.write_folders(tmp_path)
    well, images = screen.ids[0], tmp_path / "images" / "gene-001" / "Plate1"
    (images / "B02_s1_w2.png").unlink()
    b.write(images / "B02_s1_w4.png", b"no picture")
    b.write(images / "B02_s1_w5.png", b.png(b.noise("odd", 8, dtype)[0]))
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "cache")
    saved = save_planes(tmp_path / "a.ome.tif", data, [well])
    with tifffile.TiffFile(saved.files[0]) as file:
        left = np.stack([screen.planes[well][i] for i in (0, 2, 5)])
        assert file.series[0].axes == "CYX"
        np.testing.assert_array_equal(file.asarray(), left)
        channels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]["Channel"]
        said = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Description"]
    assert [channel["Name"] for channel in channels] == ["DNA", "Actin", "Golgi"]
    assert len(saved.missing) == 3
    for channel, sentence in zip((2, 4, 5), sorted(saved.missing), strict=True):
        assert f"{well}, channel {channel}: " in sentence
        assert sentence in said
    assert "not in it: " in saved.summary()
    assert "(2 more are missing)" in saved.summary()


def test_a_well_with_no_plane_at_all_makes_no_file(tmp_path: Path) -> None:
    SCREEN.write_metadata(tmp_path / "metadata.csv")
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "cache")
    with pytest.raises(PlanesError, match=f"{PLK1}, channel 1"):
        save_planes(tmp_path / "a.ome.tif", data, [PLK1])
    assert not (tmp_path / "a.ome.tif").exists()
    with pytest.raises(PlanesError, match="No well is shown"):
        save_planes(tmp_path / "a.ome.tif", data, [])
    with pytest.raises(UnknownWell):
        save_planes(tmp_path / "a.ome.tif", data, ["nowhere"])


def test_files_that_are_there_are_replaced_only_if_that_is_asked_for(
    dataset: Any, tmp_path: Path
) -> None:
    there = tmp_path / f"a_{DOSE}.ome.tif"
    there.write_text("mine")
    with pytest.raises(PlanesError, match=f"{there} exists already."):
        save_planes(tmp_path / "a", dataset, [PLK1, DOSE])
    assert [path.name for path in tmp_path.glob("a*")] == [there.name]
    save_planes(tmp_path / "a", dataset, [PLK1, DOSE], overwrite=True)
    np.testing.assert_array_equal(tifffile.imread(there), SCREEN.planes[DOSE])


def test_a_full_disk_leaves_nothing_half_written(dataset: Any, tmp_path: Path) -> None:
    with disk_full_after(2000), pytest.raises(PlanesError, match="cannot be written"):
        save_planes(tmp_path / "a.ome.tif", dataset, [PLK1])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []

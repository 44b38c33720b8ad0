"""A full disk, a clock that goes backwards, several programs at once: nothing is lost or wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import builders as b
import napari_rxrx3 as rx
from disks import fill_up, mounted
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.cache.eviction import clean, kept_files
from napari_rxrx3.dataset import Dataset
from napari_rxrx3.figures.figure import save_figure
from napari_rxrx3.figures.files import Paper
from napari_rxrx3.figures.heat_map import save_heat_map
from napari_rxrx3.figures.ome_tiff import save_planes
from napari_rxrx3.figures.record import record_of, write_record
from napari_rxrx3.gui.results import save_text
from napari_rxrx3.hits.places import choose_reviewer
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.hits.table import export_csv
from napari_rxrx3.maps.heat_map import heat_map
from napari_rxrx3.session import Session

GENE, PLATE = "gene-001", PlateId("gene-001", 1)
GENES = tuple(f"GENE{i}" for i in range(6))


def a_screen() -> b.Screen:
    rows = [b.control_row(*PLATE, f"C{c:02d}") for c in range(3, 11)]
    rows += [b.guide_row(*PLATE, f"D{c:02d}", gene) for c, gene in enumerate(GENES, 3)]
    return b.Screen.of(rows, 64)


WELLS = [b.well_name(*PLATE, f"D{c:02d}") for c in range(3, 9)]


# --- a full disk ------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as folder:
        yield folder


def a_session(dataset: Dataset, turn: int) -> Session:
    session = Session()
    session.open(dataset)
    session.select_well(WELLS[turn])
    return session


def session_file(dataset: Dataset, folder: Path, turn: int) -> None:
    write_record(folder / "session.json", record_of(a_session(dataset, turn)))


def figure(dataset: Dataset, folder: Path, turn: int) -> None:
    record = replace(record_of(a_session(dataset, turn)), limits=((0.0, 60_000.0),) * 6)
    save_figure(folder / "figure.png", dataset, record, paper=Paper(dpi=72), overwrite=True)


def heat(dataset: Dataset, folder: Path, turn: int) -> None:
    made = heat_map(dataset.phenomap("guide", align="none"), [f"{g}_guide_1" for g in GENES])
    save_heat_map(folder / "heat.svg", made, f"Turn {turn}", overwrite=True)


def planes(dataset: Dataset, folder: Path, turn: int) -> None:
    save_planes(folder / "planes.ome.tiff", dataset, [WELLS[turn]], overwrite=True)


def hits_csv(dataset: Dataset, folder: Path, turn: int) -> None:
    review = open_review(dataset, "Ada", folder / "place")
    review.tag(WELLS[turn], 1 + turn)
    export_csv(review.hits.values(), dataset, "Ada", folder / "hits.csv")


def table(dataset: Dataset, folder: Path, turn: int) -> None:
    said = save_text(folder / "neighbors.csv", f"key,similarity\nGENE{turn},1\n" * 50)
    if not said.startswith("Saved"):
        raise RxRx3Error(said)


WRITERS = (session_file, figure, heat, planes, hits_csv, table)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_full_disk_is_said_and_leaves_the_old_file(
    small_disk: Path, root: Path, cache: Path, write: Callable[[Dataset, Path, int], None]
) -> None:
    dataset = rx.open_dataset(a_screen().write_rxrx3(root), cache)
    out = small_disk / "out"
    out.mkdir()
    write(dataset, out, 0)
    before = contents(out)
    assert before
    fill_up(small_disk / "of others")
    if write is hits_csv:  # the decision stays in memory, the old file is as it was
        review = open_review(dataset, "Ada", out / "place")
        review.tag(WELLS[3], 4)
        assert "the disk is full" in review.trouble
        assert contents(out) == before
    with pytest.raises(RxRx3Error, match=r"full|[Nn]o space left") as caught:
        write(dataset, out, 1)
    assert out.name in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert contents(out) == before
    (small_disk / "of others").unlink()
    write(dataset, out, 1)
    assert contents(out).keys() == before.keys()
    assert contents(out) != before


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but locks, whose content is nothing."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_choice_that_cannot_be_kept_leaves_the_one_before(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(small_disk / "data"))
    choose_reviewer("Ada")
    fill_up(small_disk / "of others")
    with pytest.raises(RxRx3Error, match="the disk is full"):
        choose_reviewer("Bo")
    kept = [json.loads(content) for content in contents(small_disk / "data").values()]
    assert kept == [{"reviewer": "Ada"}]


def test_everything_is_shown_from_a_full_disk(small_disk: Path, root: Path) -> None:
    screen = a_screen()
    screen.write_rxrx3(root)
    fill_up(small_disk / "of others")
    dataset = rx.open_dataset(root, small_disk / "cache")
    for well in WELLS:
        np.testing.assert_array_equal(dataset.read(well), screen.planes[well])
    thumbnails = dataset.thumbnails_of(PLATE)
    thumbnails.fill([(3 * 48 + 2, 1)])
    thumbnails.save()
    (small_disk / "of others").unlink()
    thumbnails.save()
    again = rx.open_dataset(root, small_disk / "cache").thumbnails_of(PLATE)
    np.testing.assert_array_equal(again.preview(3 * 48 + 2, 1), screen.planes[WELLS[0]][0])


# --- the clock --------------------------------------------------------------------------------

AT_ANOTHER_TIME = """
import datetime, sys, time
from napari_rxrx3.hits import hit
real, real_ns, days = time.time, time.time_ns, float(sys.argv[1])

class Moved(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(time.time(), tz)

time.time = lambda: real() + 86400 * days
time.time_ns = lambda: real_ns() + round(86400 * days) * 10**9
hit.datetime = Moved  # in the place of the standard library's it would crash numpy
"""

REVIEWER = (
    AT_ANOTHER_TIME
    + """
import json
from pathlib import Path
import napari_rxrx3 as rx
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.hits.review import open_review

root, home, well, tag = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], int(sys.argv[5])
dataset = rx.open_dataset(root, home / "cache")
thumbnails = dataset.thumbnails_of(PlateId("gene-001", 1))
known = int((thumbnails.state == 1).sum())
for position in range(3 * 48 + 2, 3 * 48 + 8):
    thumbnails.fill([(position, 1)])
thumbnails.save()
review = open_review(dataset, "Ada", home / "hits")
review.tag(well, tag)
assert review.trouble == "", review.trouble
dataset.cache.clean()
hits = {well: [hit.tag, hit.time] for well, hit in review.hits.items()}
print(json.dumps([known, hits, dataset.read(well).tolist(), float(time.time())]))
"""
)


def at_another_time(days: float, root: Path, home: Path, well: str, tag: int) -> list[Any]:
    """Let a program whose clock is so many days off look at a data set and tag a well."""
    arguments = [str(days), str(root), str(home), well, str(tag)]
    done = subprocess.run(
        [sys.executable, "-c", REVIEWER, *arguments], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.soak
def test_a_clock_that_goes_backwards_loses_nothing(root: Path, tmp_path: Path) -> None:
    screen = a_screen()
    screen.write_rxrx3(root)
    turns = ((0, WELLS[0], 1), (4000, WELLS[1], 2), (-4000, WELLS[1], 3), (-0.01, WELLS[2], 4))
    last = ""
    read_before: set[str] = set()
    for number, (days, well, tag) in enumerate(turns):
        known, hits, pixels, _ = at_another_time(days, root, tmp_path, well, tag)
        np.testing.assert_array_equal(pixels, screen.planes[well])
        assert known == (6 + 5 * len(read_before) if number else 0), "what was kept is found"
        read_before.add(well)  # whole, its first plane is among the six
        assert hits[well][0] == tag
        if well == WELLS[1]:
            assert hits[well][1] > last, "a later decision is a later one, whatever the clock says"
            last = hits[well][1]
    dataset = rx.open_dataset(root, tmp_path / "cache")
    tags = {w: hit.tag for w, hit in open_review(dataset, "Ada", tmp_path / "hits").hits.items()}
    assert tags == {WELLS[0]: 1, WELLS[1]: 3, WELLS[2]: 4}


@pytest.mark.parametrize("seconds", [4e9, 1.0, -1e8], ids=["2096", "1970", "1966"])
def test_files_of_odd_times_are_read_kept_and_cleaned_as_others(
    seconds: float, root: Path, cache: Path
) -> None:
    screen = a_screen()
    screen.write_rxrx3(root)
    for path in [root, *root.rglob("*")]:
        os.utime(path, (seconds, seconds))
    for _ in range(2):
        dataset = rx.open_dataset(root, cache)
        np.testing.assert_array_equal(dataset.read(WELLS[0]), screen.planes[WELLS[0]])
        assert dataset.problems == []
        thumbnails = dataset.thumbnails_of(PLATE)
        thumbnails.fill([(3 * 48 + 2, 1)])
        thumbnails.save()
        for file in kept_files(cache):
            os.utime(file.path, (seconds, seconds))
    assert thumbnails.preview(3 * 48 + 2, 1) is not None
    del dataset, thumbnails
    clean(cache, 0)
    assert kept_files(cache) == []


# --- several programs -------------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.qt
def test_two_windows_and_a_batch_share_one_cache(root: Path, tmp_path: Path) -> None:
    screen = a_screen()
    screen.write_rxrx3(root)
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "napari_rxrx3"]
    look = [*command, "open", str(root), "--well", WELLS[0], "--screenshot"]
    (tmp_path / "cache" / "napari-rxrx3").mkdir(parents=True)
    note = {"disk_bytes": 100_000}
    (tmp_path / "cache" / "napari-rxrx3" / "budget.json").write_text(json.dumps(note))
    running = [
        started([*look, str(tmp_path / f"{name}.png")], tmp_path / name, own) for name in ("a", "b")
    ]
    running.append(started([*command, "thumbnails", str(root)], tmp_path / "batch", own))
    ended = [(*child.communicate(timeout=300), child.returncode) for child in running]
    assert [code for *_, code in ended] == [0, 0, 0], ended
    made, there, missing, damaged = map(int, re.findall(r"(\d+) (?!plate)", ended[2][0]))
    # the windows, which make some as well, may have come first
    assert (made + there, missing, damaged) == (84, 0, 0), ended[2][0]
    assert not list((tmp_path / "cache").rglob("*.part"))
    a, other = ((tmp_path / f"{name}.png").read_bytes() for name in ("a", "b"))
    assert len(a) > 10_000
    assert len(other) > 10_000
    folder = tmp_path / "cache" / "napari-rxrx3"
    dataset = rx.open_dataset(root, folder)
    thumbnails = dataset.thumbnails_of(PLATE)
    for well, stack in screen.planes.items():
        position = dataset.well(well).position
        for channel, plane in enumerate(stack, 1):
            np.testing.assert_array_equal(thumbnails.preview(position, channel), plane)
    old = 1e9
    for file in kept_files(folder):
        os.utime(file.path, (old, old))
    clean(folder, note["disk_bytes"])
    assert sum(file.n_bytes for file in kept_files(folder)) <= note["disk_bytes"]


def started(command: list[str], home: Path, own: dict[str, str]) -> subprocess.Popen[str]:
    """Start a program with settings of its own."""
    home.mkdir()
    environment = os.environ | own | {"NAPARI_CONFIG": str(home / "napari.yaml"), "HOME": str(home)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )

"""A review: tags and notes, undo, the file that keeps them, and what can happen to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import HitsError, UnknownWell
from napari_rxrx3.data.identity import dataset_id
from napari_rxrx3.dataset import Dataset
from napari_rxrx3.hits.hit import (
    DEFAULT_TAGS,
    Hit,
    clean_note,
    merged,
    tag_name,
    tags_in_use,
    time_after,
    utc_time,
)
from napari_rxrx3.hits.hits_file import read_stored
from napari_rxrx3.hits.places import (
    choose_place,
    choose_reviewer,
    chosen_place,
    chosen_reviewer,
    default_place,
    files_of_reviewers,
)
from napari_rxrx3.hits.queue import Queue, QueueItem
from napari_rxrx3.hits.review import Review, open_review
from permissions import locked, reachable_folder
from samples import soak
from test_cache import disk_full_after

PLATE = ("gene-001", 1)
ROWS = [
    b.guide_row(*PLATE, "B02", "PLK1", 1),
    b.guide_row(*PLATE, "B03", "MTOR", 3),
    b.well_row(*PLATE, "C03"),
    b.control_row(*PLATE, "C04"),
    b.dose_row("compound-001", 7, "D05", "Bortezomib", 2.5),
]
PLK1, MTOR, BARE, CONTROL, BORTEZOMIB = WELLS = tuple(row["well_id"] for row in ROWS)
DOCUMENT = Path(__file__).parents[1] / "docs" / "hits.md"
LIMITS = tuple((float(low), 100.5 + low) for low in range(6))
Open = Callable[..., Review]


def dataset_of(folder: Path, rows: list[b.Row]) -> Dataset:
    b.Screen(rows).write_metadata(folder / "metadata.csv")
    return rx.open_dataset(folder, folder.parent / "cache")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset_of(tmp_path_factory.mktemp("hits") / "screen", ROWS)


@pytest.fixture
def review_of(dataset: Dataset, tmp_path: Path) -> Open:
    """Open a review in a folder of its own, as a window does."""

    def opened(reviewer: str = "Ann", of: Dataset = dataset) -> Review:
        return open_review(of, reviewer, tmp_path / "hits")

    return opened


def on_disk(review: Review) -> dict[str, Any]:
    return dict(json.loads(review.path.read_text(encoding="utf-8")))


# --- tags and notes ---------------------------------------------------------------------------


def test_a_tag_and_a_note_are_in_the_file_when_the_call_returns(review_of: Open) -> None:
    review = review_of()
    assert not review.path.parent.exists()  # nothing is written before there is something to keep
    before = utc_time()
    review.tag(PLK1, 3, LIMITS, {"strength": 4.5, "consistency": float("nan"), "effect": 1.0})
    assert before <= on_disk(review)["hits"][PLK1].pop("time") <= utc_time()
    review.set_note(PLK1, "round cells")
    kept = on_disk(review)
    assert (kept["format"], kept["version"], kept["reviewer"]) == ("napari-rxrx3 hits", 1, "Ann")
    assert kept["dataset"]["name"] == "screen"
    hit = kept["hits"][PLK1]
    assert hit["tag"] == 3
    assert hit["note"] == "round cells"
    assert hit["perturbation"] == "PLK1"
    assert hit["limits"] == [list(pair) for pair in LIMITS]
    assert hit["scores"] == {"strength": 4.5}


def test_a_review_goes_on_where_it_was(review_of: Open) -> None:
    review = review_of()
    review.tag(PLK1, 3, LIMITS, {"agreement": 0.25})
    review.tag(BORTEZOMIB, 5)
    review.set_note(BARE, "=1+1\nsecond line")
    again = review_of()
    assert dict(again.hits) == dict(review.hits)
    assert again.hit(BORTEZOMIB).perturbation == "Bortezomib@2.5"
    assert again.counts() == {1: 0, 2: 0, 3: 1, 4: 0, 5: 1}
    assert not again.can_undo


def test_a_hit_that_was_taken_back_is_no_hit(review_of: Open) -> None:
    review = review_of()
    review.tag(PLK1, 1)
    review.tag(PLK1, 0)
    assert not review.hits
    assert not review_of().hits
    assert review.hit(PLK1).is_empty


@pytest.mark.parametrize("number", [-1, 6])
def test_there_are_five_tags(review_of: Open, number: int) -> None:
    with pytest.raises(ValueError, match="only 1 to 5"):
        review_of().tag(PLK1, number)


def test_a_well_must_be_known(review_of: Open) -> None:
    with pytest.raises(UnknownWell, match="gene-009_9_Z09"):
        review_of().tag("gene-009_9_Z09", 1)


def test_who_listens_hears_of_each_change_once(review_of: Open) -> None:
    review, heard = review_of(), []
    review.changed.connect(heard.append)
    review.tag(PLK1, 2)
    review.tag(PLK1, 2)  # no change
    review.set_note(MTOR, "  ")  # nothing to note
    review.undo()
    assert heard == [frozenset({PLK1})] * 2


def test_tags_are_called_as_the_user_prefers() -> None:
    try:
        display.set_tag(2, "weird", "#123456")
        assert tags_in_use()[1] == (2, "weird", "#123456")
        assert tag_name(2) == "weird"
    finally:
        display.reset()
    assert tags_in_use() == DEFAULT_TAGS
    assert tag_name(0) == ""


def test_a_note_is_kept_without_what_no_file_would_give_back(review_of: Open) -> None:
    review = review_of()
    review.set_note(PLK1, "\r\na\x00b\r\nc\ud800d\u2028e\x1b \n")
    assert review.hit(PLK1).note == "a b\nc d e"
    assert review_of().hit(PLK1).note == "a b\nc d e"


@given(st.text(st.characters(), max_size=50))
def test_a_clean_note_stays_as_it_is(text: str) -> None:
    assert clean_note(clean_note(text)) == clean_note(text)
    clean_note(text).encode("utf-8")


# --- undo -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_tags", [40, soak(300)])
def test_undo_and_redo_reach_as_far_as_one_likes(review_of: Open, n_tags: int) -> None:
    review = review_of()
    wells = [WELLS[i % 5] for i in range(n_tags)]
    for i, well in enumerate(wells):
        review.tag(well, i % 5 + 1 if i < 5 else (i // 5) % 5 + 1)
    last = dict(review.hits)
    n_steps = 0
    while review.can_undo:
        review.undo()
        n_steps += 1
    assert n_steps > n_tags * 2 / 3  # to tag as before is no step
    assert not review.hits
    assert not review_of().hits
    while review.can_redo:
        review.redo()
    assert [(h.well_id, h.tag) for h in review.hits.values()] == [
        (h.well_id, h.tag) for h in last.values()
    ]
    assert review_of().hits == review.hits
    assert review.undo() == {wells[-1]}
    assert not review.redo().isdisjoint({wells[-1]})
    assert review.redo() == frozenset()


def test_a_new_change_ends_what_could_be_made_again(review_of: Open) -> None:
    review = review_of()
    review.tag(PLK1, 1)
    review.undo()
    review.tag(MTOR, 2)
    assert not review.can_redo


def test_undo_brings_note_limits_and_scores_back(review_of: Open) -> None:
    review = review_of()
    review.tag(PLK1, 1, LIMITS, {"strength": 2.0})
    review.set_note(PLK1, "first")
    review.tag(PLK1, 4, None, {"strength": 3.0})
    review.set_note(PLK1, "second")
    review.undo()
    assert review.hit(PLK1).note == "first"
    review.undo()
    hit = review.hit(PLK1)
    assert (hit.tag, hit.limits, hit.strength, hit.note) == (1, LIMITS, 2.0, "first")


def test_several_hits_that_came_together_go_together(review_of: Open) -> None:
    review = review_of()
    review.tag(PLK1, 1)
    step = [Hit(PLK1, "PLK1", 2), Hit(MTOR, "MTOR", 3), Hit(CONTROL, "EMPTY_control", 0)]
    assert review.decide(step) == {PLK1, MTOR}
    assert review.undo() == {PLK1, MTOR}
    assert {well: hit.tag for well, hit in review.hits.items()} == {PLK1: 1}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tag"), st.sampled_from(WELLS), st.integers(0, 5)),
        st.tuples(st.just("note"), st.sampled_from(WELLS), st.sampled_from(["", "a", "b\nc"])),
        st.tuples(st.just("undo"), st.just(""), st.just(0)),
        st.tuples(st.just("redo"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_whatever_is_done_the_file_says_what_the_window_says(
    dataset: Dataset, tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    place = tmp_path_factory.mktemp("steps")
    review = open_review(dataset, "Ann", place)
    states, future = [said(review)], []
    for what, well, value in steps:
        if what in ("undo", "redo"):
            source, target = (states, future) if what == "undo" else (future, states)
            if getattr(review, what)():
                target.append(source.pop())
        else:
            review.tag(well, value) if what == "tag" else review.set_note(well, value)
            if said(review) != states[-1]:
                states.append(said(review))
                future = []
        assert said(review) == states[-1]
    assert said(open_review(dataset, "Ann", place)) == states[-1]


def said(review: Review) -> dict[str, tuple[int, str]]:
    return {well: (hit.tag, hit.note) for well, hit in review.hits.items()}


# --- two windows ------------------------------------------------------------------------------


def test_two_windows_on_one_file_lose_nothing(review_of: Open) -> None:
    one, two = review_of(), review_of()
    one.tag(PLK1, 1)
    two.tag(MTOR, 2)
    one.set_note(CONTROL, "from one")
    assert said(review_of()) == {PLK1: (1, ""), MTOR: (2, ""), CONTROL: (0, "from one")}
    two.save()
    assert said(two) == said(one) == said(review_of())


def test_a_tag_and_a_note_of_two_windows_on_one_well_are_both_kept(review_of: Open) -> None:
    one, two = review_of(), review_of()
    heard: list[frozenset[str]] = []
    two.changed.connect(heard.append)
    one.tag(PLK1, 4, LIMITS)
    two.set_note(PLK1, "from two")
    assert said(two) == said(review_of()) == {PLK1: (4, "from two")}
    assert review_of().hit(PLK1).limits == LIMITS
    assert heard == [frozenset({PLK1})]


def test_of_two_tags_for_one_well_the_later_one_is_kept(review_of: Open) -> None:
    one, two = review_of(), review_of()
    one.tag(PLK1, 1)
    two.tag(PLK1, 2)
    one.save()
    assert said(one) == said(two) == {PLK1: (2, "")}


def test_undo_leaves_what_another_window_has_changed_since(review_of: Open) -> None:
    one, two = review_of(), review_of()
    one.tag(PLK1, 1)
    two.save()
    two.tag(PLK1, 5)
    two.set_note(PLK1, "mine")
    one.save()
    one.undo()
    assert said(one) == {PLK1: (5, "mine")}


def test_hits_come_back_when_someone_removes_the_file(review_of: Open) -> None:
    review = review_of()
    review.tag(PLK1, 1)
    review.path.unlink()
    review.tag(MTOR, 2)
    assert said(review_of()) == {PLK1: (1, ""), MTOR: (2, "")}


HITS = st.builds(
    Hit,
    st.just("w"),
    tag=st.integers(0, 5),
    note=st.sampled_from(["", "a", "b"]),
    time=st.integers(0, 99).map(lambda s: f"2026-11-22T17:00:00.0000{s:02d}Z"),
)


@given(HITS, HITS, HITS)
def test_merging_takes_no_side_and_keeps_what_only_one_has_changed(
    base: Hit, mine: Hit, theirs: Hit
) -> None:
    both = merged(base, mine, theirs)
    if mine.time != theirs.time:
        assert both == merged(base, theirs, mine)
    assert both.time == max(mine.time, theirs.time)
    for what in ("tag", "note"):
        was, a, c, got = (getattr(hit, what) for hit in (base, mine, theirs, both))
        assert got in (a, c)
        if a == was or c == was:
            assert got == (c if a == was else a)


def test_a_clock_that_runs_ahead_does_not_stop_the_next_change() -> None:
    ahead = "2999-12-31T23:59:59.999999Z"
    assert time_after(ahead) == "3000-01-01T00:00:00.000000Z"
    assert time_after("") <= utc_time()


# --- kill -9 ----------------------------------------------------------------------------------

REVIEWER = """
import sys
from pathlib import Path
import napari_rxrx3 as rx
from napari_rxrx3.hits.queue import queue_of_plate
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.core.plate import PlateId

folder, cache, place = map(Path, sys.argv[1:4])
dataset = rx.open_dataset(folder, cache)
review = open_review(dataset, "Ann", place)
if not len(review.queue):
    review.set_queue(queue_of_plate(dataset, PlateId("gene-001", 1)))
while True:
    place = review.queue.position
    review.tag(review.queue.current.well_id, place % 5 + 1)
    last = not review.queue.has_next
    review.next()
    print(place, flush=True)
    if last:
        break
"""


@pytest.mark.soak
def test_a_review_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    addresses = [f"{row}{column:02d}" for row in "BCDEF" for column in range(2, 42)]
    rows = [b.guide_row("gene-001", 1, address, f"GENE{address}") for address in addresses]
    dataset = dataset_of(tmp_path / "screen", rows)
    script = b.write(tmp_path / "review.py", REVIEWER.encode())
    arguments = [tmp_path / "screen", tmp_path / "cache", tmp_path / "hits"]
    told: list[int] = []
    for stop_after in (60, 71, 200):
        with subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told += map(int, islice(process.stdout, stop_after))
            process.kill()
        review = open_review(dataset, "Ann", tmp_path / "hits")
        kept = {well: hit.tag for well, hit in review.hits.items()}
        assert {f"gene-001_1_{addresses[i]}": i % 5 + 1 for i in told}.items() <= kept.items()
        assert review.queue.position >= min(max(told) + 1, 199)
    assert list(kept) == [f"gene-001_1_{address}" for address in addresses]
    assert max(told) == 199
    review.tag(f"gene-001_1_{addresses[0]}", 5)  # nobody holds the file
    assert review.trouble == ""


TWO_REVIEWERS = """
import sys
from pathlib import Path
import napari_rxrx3 as rx
from napari_rxrx3.hits.review import open_review

folder, cache, place = map(Path, sys.argv[1:4])
dataset = rx.open_dataset(folder, cache)
review = open_review(dataset, "Ann", place)
for number, well in enumerate(dataset.known_wells.index):
    if sys.argv[4] == "tags":
        review.tag(well, number % 5 + 1)
    else:
        review.set_note(well, f"note {number}")
    assert not review.trouble
"""


def test_two_programs_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    addresses = [f"{row}{column:02d}" for row in "BC" for column in range(2, 32)]
    rows = [b.guide_row("gene-001", 1, address, f"GENE{address}") for address in addresses]
    dataset = dataset_of(tmp_path / "screen", rows)
    script = b.write(tmp_path / "review.py", TWO_REVIEWERS.encode())
    arguments = [script, *(tmp_path / name for name in ("screen", "cache", "hits"))]
    programs = [
        subprocess.Popen([sys.executable, *map(str, arguments), what]) for what in ("tags", "notes")
    ]
    assert [program.wait(120) for program in programs] == [0, 0]
    review = open_review(dataset, "Ann", tmp_path / "hits")
    assert said(review) == {
        f"gene-001_1_{address}": (number % 5 + 1, f"note {number}")
        for number, address in enumerate(addresses)
    }


# --- the disk ---------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_made_up_for(review_of: Open) -> None:
    review = review_of()
    review.tag(PLK1, 1)
    before = review.path.read_bytes()
    told: list[str] = []
    review.trouble_changed.connect(told.append)
    with disk_full_after(len(before) // 2):
        review.tag(MTOR, 2)
        review.set_note(MTOR, "in memory")
        assert not review.save()
        assert review.path.read_bytes() == before
    assert said(review) == {PLK1: (1, ""), MTOR: (2, "in memory")}
    assert len(told) == 1
    assert f"Hits cannot be saved in {review.path}: " in told[0]
    review.tag(CONTROL, 3)
    assert told[1:] == [""]
    assert said(review_of()) == said(review)
    assert {path.name for path in review.path.parent.iterdir()} == {"ann.json", ".ann.json.lock"}


def test_a_folder_that_cannot_be_made_is_told_and_made_up_for(
    dataset: Dataset, tmp_path: Path
) -> None:
    review = open_review(dataset, "Ann", tmp_path / "hits")
    in_the_way = b.write(tmp_path / "hits", b"a file")
    review.tag(PLK1, 1)
    assert review.trouble.startswith("Hits cannot be saved in ")
    assert review.trouble.count(". ") == 1
    with pytest.raises(HitsError, match="cannot be read: not a directory"):
        open_review(dataset, "Ann", in_the_way)
    in_the_way.unlink()
    assert review.save()
    assert review.trouble == ""
    assert said(open_review(dataset, "Ann", in_the_way)) == {PLK1: (1, "")}


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions as Unix has them")
def test_a_read_only_folder_is_told(dataset: Dataset) -> None:
    with reachable_folder() as folder:
        review = open_review(dataset, "Ann", folder / "hits")
        review.tag(PLK1, 1)
        with locked(review.path.parent, 0o555):
            review.tag(MTOR, 2)
            assert "you may not write there" in review.trouble
        assert review.save()
        assert review.trouble == ""


# --- files that are not ours ------------------------------------------------------------------


def changed(review: Review, **values: Any) -> bytes:
    """Put other values into the file, as another program might have; gives what it holds now."""
    text = json.dumps(on_disk(review) | values)
    review.path.write_text(text, encoding="utf-8")
    return text.encode()


SPOILED: list[tuple[dict[str, Any], str]] = [
    ({"version": 2}, r"newer version of napari-rxrx3 \(format 2\)"),
    ({"format": "something"}, "is no file of hits"),
    ({"hits": []}, "is damaged"),
    ({"hits": {PLK1: {"tag": 9}}}, f"damaged at well {PLK1}: its tag is 9"),
    ({"hits": {PLK1: {"tag": True}}}, "its tag is True"),
    ({"hits": {PLK1: {"tag": 1, "time": "yesterday"}}}, "its time is 'yesterday'"),
    ({"hits": {PLK1: {"tag": 1, "note": 5}}}, "no text"),
    ({"hits": {PLK1: {"tag": 1, "limits": [[2, 1]]}}}, "not pairs of numbers, one a stain"),
    ({"hits": {PLK1: {"tag": 1, "limits": []}}}, "not pairs of numbers, one a stain"),
    ({"hits": {PLK1: {"tag": 1, "limits": [[1, 2]] * 21}}}, "not pairs of numbers, one a stain"),
    ({"hits": {PLK1: {"tag": 1, "scores": {"strength": "x"}}}}, "no number"),
    ({"hits": {PLK1: 1}}, "no hit"),
    ({"reviewer": "Bo"}, "holds the hits of Bo, not Ann"),
]


@pytest.mark.parametrize(("values", "why"), SPOILED)
def test_a_file_that_is_not_ours_is_refused_and_left(
    review_of: Open, values: dict[str, Any], why: str
) -> None:
    review = review_of()
    review.tag(PLK1, 1)
    content = changed(review, **values)
    with pytest.raises(HitsError, match=why) as caught:
        review_of()
    assert str(review.path) in str(caught.value)
    assert str(caught.value).endswith("it is left as it is.")
    review.tag(MTOR, 2)  # in the window that was open all the time
    assert "left as it is" in review.trouble
    assert said(review) == {PLK1: (1, ""), MTOR: (2, "")}
    assert review.path.read_bytes() == content


def test_a_file_that_was_cut_off_is_refused_and_left(review_of: Open) -> None:
    review = review_of()
    review.tag(PLK1, 1)
    half = review.path.read_bytes()[:200]
    review.path.write_bytes(half)
    with pytest.raises(HitsError, match="is damaged or no file of hits"):
        review_of()
    assert review.path.read_bytes() == half


def test_a_folder_in_the_place_of_the_file_is_told(review_of: Open) -> None:
    review_of().path.mkdir(parents=True)
    with pytest.raises(HitsError, match=r"ann\.json cannot be read: is a directory"):
        review_of()


def test_another_data_sets_file_is_refused_and_left(review_of: Open, tmp_path: Path) -> None:
    rows = [b.guide_row(*PLATE, "B02", "TUBB"), *ROWS[1:]]
    other = review_of(of=dataset_of(tmp_path / "screen", rows))
    mine = review_of()
    mine.tag(PLK1, 1)
    assert other.path != mine.path
    other.path.parent.mkdir(parents=True)
    other.path.write_bytes(mine.path.read_bytes())
    with pytest.raises(HitsError, match=f"of screen, not of this data set: .* {PLK1} with PLK1"):
        review_of(of=other.dataset)
    assert other.path.read_bytes() == mine.path.read_bytes()


def test_hits_of_a_part_of_the_metadata_are_good_for_all_of_them(
    review_of: Open, dataset: Dataset, tmp_path: Path
) -> None:
    part = review_of(of=dataset_of(tmp_path / "screen", ROWS[:2]))
    part.tag(PLK1, 1)
    whole = review_of()
    whole.path.parent.mkdir(parents=True)
    whole.path.write_bytes(part.path.read_bytes())
    again = review_of()
    assert said(again) == {PLK1: (1, "")}
    again.tag(BORTEZOMIB, 2)
    assert read_stored(again.path).dataset_id == dataset_id(dataset)


def test_the_file_that_the_documents_show_can_be_read(tmp_path: Path) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert shown
    stored = read_stored(b.write(tmp_path / "ann.json", shown[1].encode()))
    assert (stored.reviewer, stored.dataset_name) == ("Ann", "rxrx3-core")
    hit, back = stored.hits.values()
    assert hit.scores == {"strength": 15.6, "consistency": 0.45, "agreement": 0.71}
    assert hit.limits is not None
    assert back.is_empty


# --- places and names -------------------------------------------------------------------------


def test_a_data_set_is_known_again_wherever_it_lies(dataset: Dataset, tmp_path: Path) -> None:
    copy = dataset_of(tmp_path / "elsewhere", ROWS)
    assert dataset_id(copy) == dataset_id(dataset)
    other = dataset_of(tmp_path / "other", [*ROWS[:-1], b.dose_row(*PLATE, "D05", "X", 1)])
    assert dataset_id(other) != dataset_id(dataset)


def test_without_metadata_more_images_are_still_the_same_data_set(tmp_path: Path) -> None:
    screen = b.Screen.of(ROWS, size=4)
    every = dict(screen.planes)
    screen.planes = {PLK1: every[PLK1]}
    screen.write_folders(tmp_path / "images only")
    review = open_review(rx.open_dataset(tmp_path / "images only", tmp_path / "cache"), "Ann")
    review.tag(PLK1, 1)
    screen.planes = every
    screen.write_folders(tmp_path / "images only")
    again = open_review(rx.open_dataset(tmp_path / "images only", tmp_path / "cache"), "ann")
    assert len(again.dataset.known_wells) == len(ROWS)
    assert again.path == review.path
    assert said(again) == {PLK1: (1, "")}


def test_each_reviewer_has_a_file_whatever_the_name(review_of: Open) -> None:
    names = ["Ann", "Bo B", "../Bo", "CON", "", "Åse", "x" * 300, "a.queue", "Bo_B"]
    reviews = [review_of(name) for name in names if name]
    for number, review in enumerate(reviews):
        review.tag(PLK1, number % 5 + 1)
        review.set_queue(Queue((QueueItem(MTOR, "MTOR"),)))
    paths = [review.path for review in reviews]
    assert len({str(path).casefold() for path in paths}) == len(paths)
    assert {path.parent for path in paths} == {paths[0].parent}
    assert files_of_reviewers(paths[0]) == sorted(paths)
    for number, review in enumerate(reviews):
        assert review.trouble == ""
        assert said(review_of(review.reviewer)) == {PLK1: (number % 5 + 1, "")}
    assert review_of("ANN").path == paths[0]


def test_place_and_name_are_remembered(dataset: Dataset, tmp_path: Path) -> None:
    assert chosen_place() == default_place()
    assert chosen_reviewer()
    try:
        choose_reviewer(" Jo  Doe ")
        choose_place(tmp_path / "shared")
        review = open_review(dataset)
        assert review.reviewer == "Jo Doe"
        assert review.path.is_relative_to(tmp_path / "shared")
        choose_place(None)
        assert open_review(dataset).path.is_relative_to(default_place())
        (default_place() / "choices.json").write_text("[")
        assert chosen_place() == default_place()
    finally:
        (default_place() / "choices.json").unlink(missing_ok=True)


def test_moving_takes_the_hits_along_and_finds_older_ones(
    review_of: Open, dataset: Dataset, tmp_path: Path
) -> None:
    there = open_review(dataset, "Ann", tmp_path / "shared")
    there.tag(MTOR, 2)
    review = review_of()
    review.tag(PLK1, 1)
    review.set_queue(Queue((QueueItem(MTOR, "MTOR"),), 0, "one"))
    old, heard = review.path, []
    review.changed.connect(heard.append)
    review.move_to(tmp_path / "shared")
    assert said(review) == {PLK1: (1, ""), MTOR: (2, "")}
    assert review.path == there.path
    assert heard == [frozenset({MTOR})]
    assert set(read_stored(old).hits) == {PLK1}
    again = open_review(dataset, "Ann", tmp_path / "shared")
    assert said(again) == said(review)
    assert again.queue.title == "one"


def test_a_place_that_cannot_be_used_changes_nothing(review_of: Open, tmp_path: Path) -> None:
    review = review_of()
    review.tag(PLK1, 1)
    path = review.path
    with pytest.raises(HitsError, match="cannot be saved"):
        review.move_to(b.write(tmp_path / "file", b""))
    assert review.path == path
    review.tag(MTOR, 2)
    assert said(review_of()) == {PLK1: (1, ""), MTOR: (2, "")}

"""What a user keeps: hits, sessions, figures, planes, tables, choices, the demo data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders as b
from killing.caching import PLATE, digest, gene_screen, opened
from killing.work import Answer, Tell, either, work
from napari_rxrx3.data.files.remembered import remember_file, remembered_file
from napari_rxrx3.figures import Paper, save_figure
from napari_rxrx3.figures.ome_tiff import save_planes
from napari_rxrx3.figures.record import ViewRecord, read_record, record_of, write_record
from napari_rxrx3.hits.places import choose_reviewer, chosen_reviewer
from napari_rxrx3.hits.queue import queue_of_plate
from napari_rxrx3.hits.review import Review, open_review
from napari_rxrx3.hits.table import export_csv
from napari_rxrx3.session import Session

__all__: list[str] = []

Act = Callable[..., None]
N_TAGS = 5


def make_wells(inputs: Path) -> None:
    screen = gene_screen()
    screen.write_metadata(inputs / "metadata.csv")
    screen.write_folders(inputs)


def files_in(place: Path) -> Answer:
    """The files that a user sees, by name, with what they hold."""
    found = sorted((place / "mine").rglob("*"))
    return {
        path.relative_to(place).as_posix(): digest(path.read_bytes())
        for path in found
        if path.is_file() and not path.name.startswith(".")
    }


# --- hits --------------------------------------------------------------------------------------


def review_in(inputs: Path, place: Path) -> Review:
    return open_review(opened(inputs, place), "Ann", place / "mine")


def tag_a_few(inputs: Path, place: Path) -> None:
    review = review_in(inputs, place)
    review.set_queue(queue_of_plate(opened(inputs, place), PLATE))
    for item in review.queue.items[-3:]:
        review.tag(item.well_id, 1)
        review.set_note(item.well_id, "an old note")


def tag(inputs: Path, place: Path, tell: Tell) -> None:
    review = review_in(inputs, place)
    review.go_to(0)
    for number in range(N_TAGS):
        item = review.queue.current
        assert item is not None
        review.tag(item.well_id, number % 5 + 1)
        assert not review.trouble
        tell(f"tag {item.well_id}\t{number % 5 + 1}")
        review.set_note(item.well_id, f"note {number}")
        assert not review.trouble
        tell(f"note {item.well_id}\tnote {number}")
        review.next()
        tell(f"position\t{number + 1}")


def tags(inputs: Path, place: Path) -> Answer:
    review = review_in(inputs, place)
    found: Answer = {"position": review.queue.position, "queue": len(review.queue)}
    for well, hit in review.hits.items():
        found |= {f"tag {well}": hit.tag, f"note {well}": hit.note}
    return found


def told_is_kept(before: Answer, whole: Answer, found: Answer, told: list[str]) -> list[str]:
    """What was told is there, what was there before too, and nothing that nobody did."""
    promised = dict(line.split("\t") for line in told)
    is_far = found["position"] >= int(promised.pop("position", 0))
    missing = [name for name in before if name not in found]
    wrong = [name for name, value in promised.items() if str(found.get(name)) != value]
    odd = [
        name
        for name, value in found.items()
        if name != "position" and value not in (before.get(name), whole.get(name), "")
    ]
    return [*missing, *wrong, *odd, *([] if is_far else ["position"])]


work(
    "hits and the queue",
    make=make_wells,
    begin=tag_a_few,
    act=tag,
    answer=tags,
    judge=told_is_kept,
)


# --- sessions ----------------------------------------------------------------------------------


def record_in(inputs: Path, place: Path, well: str) -> tuple[Any, ViewRecord]:
    dataset, session = opened(inputs, place), Session()
    session.open(dataset)
    session.set_limits(((0, 60_000),) * 6)
    session.select_well(well)
    return dataset, replace(record_of(session), saved="2026-01-02T03:04:05Z")


def save_session(well: str) -> Act:
    def act(inputs: Path, place: Path, tell: Tell | None = None) -> None:
        (place / "mine").mkdir(exist_ok=True)
        write_record(place / "mine" / "last-session.json", record_in(inputs, place, well)[1])

    return act


def session_in(inputs: Path, place: Path) -> Answer:
    read_record(place / "mine" / "last-session.json")  # or it raises
    return files_in(place)


work(
    "session",
    make=make_wells,
    begin=save_session("gene-001_1_D05"),
    act=save_session("gene-001_1_E06"),
    answer=session_in,
    judge=either,
)


# --- what is exported --------------------------------------------------------------------------


def save_a_figure(well: str) -> Act:
    def act(inputs: Path, place: Path, tell: Tell | None = None) -> None:
        dataset, record = record_in(inputs, place, well)
        (place / "mine").mkdir(exist_ok=True)
        path, paper = place / "mine" / "figure.png", Paper(50, 40.0, False)
        save_figure(path, dataset, record, paper=paper, overwrite=True)

    return act


def save_wells(*wells: str) -> Act:
    def act(inputs: Path, place: Path, tell: Tell | None = None) -> None:
        (place / "mine").mkdir(exist_ok=True)
        path = place / "mine" / "wells.ome.tif"
        save_planes(path, opened(inputs, place), wells, overwrite=True)

    return act


def export_hits(n: int) -> Act:
    def act(inputs: Path, place: Path, tell: Tell | None = None) -> None:
        dataset = opened(inputs, place)
        review = open_review(dataset, "Ann", place / "reviews")
        if not review.hits:
            for well in dataset.known_wells.index[:4]:
                review.tag(str(well), 2)
        (place / "mine").mkdir(exist_ok=True)
        hits = list(review.hits.values())[:n]
        export_csv(hits, dataset, "Ann", place / "mine" / "hits.csv")

    return act


def only_files(inputs: Path, place: Path) -> Answer:
    return files_in(place)


def sound_planes(inputs: Path, place: Path) -> Answer:
    for path in (place / "mine").glob("[!.]*.tif"):
        assert b.tifffile.imread(path).shape == (6, 16, 16)
    # each has an identifier of its own
    return dict.fromkeys(files_in(place), True)


work(
    "figure with its record",
    make=make_wells,
    begin=save_a_figure("gene-001_1_D05"),
    act=save_a_figure("gene-001_1_E06"),
    answer=only_files,
    judge=either,
)
work(
    "planes as OME-TIFF",
    make=make_wells,
    begin=save_wells("gene-001_1_D05", "gene-001_1_E06"),
    act=save_wells("gene-001_1_D05", "gene-001_1_E06", "gene-001_1_F05"),
    answer=sound_planes,
    judge=either,
)
work(
    "hits as CSV",
    make=make_wells,
    begin=export_hits(2),
    act=export_hits(4),
    answer=only_files,
    judge=either,
)


# --- choices -----------------------------------------------------------------------------------


def choose(name: str) -> Act:
    def act(inputs: Path, place: Path, tell: Tell | None = None) -> None:
        os.environ["XDG_DATA_HOME"] = str(place / "mine")
        choose_reviewer(name)

    return act


def chosen(inputs: Path, place: Path) -> Answer:
    os.environ["XDG_DATA_HOME"] = str(place / "mine")
    return {"reviewer": chosen_reviewer()}


def remember(path: str) -> Act:
    def act(inputs: Path, place: Path, tell: Tell | None = None) -> None:
        os.environ["XDG_STATE_HOME"] = str(place / "mine")
        remember_file("gene sets", path)

    return act


def remembered(inputs: Path, place: Path) -> Answer:
    os.environ["XDG_STATE_HOME"] = str(place / "mine")
    return {"gene sets": remembered_file("gene sets")}


work(
    "file of gene sets",
    make=lambda inputs: None,
    begin=remember("old.gmt"),
    act=remember("new.gmt"),
    answer=remembered,
    judge=either,
)


work(
    "name of the reviewer",
    make=lambda inputs: None,
    begin=choose("Ann"),
    act=choose("Bo"),
    answer=chosen,
    judge=either,
)

"""The list of wells that is being reviewed, and where it comes from."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import builders as b
import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.search import SearchIndex
from napari_rxrx3.dataset import Dataset
from napari_rxrx3.hits.queue import (
    MOST,
    Queue,
    QueueItem,
    queue_by_score,
    queue_from_csv,
    queue_of_found,
    queue_of_names,
    queue_of_neighbors,
    queue_of_plate,
    queue_of_wells,
)
from napari_rxrx3.hits.review import Review, open_review
from napari_rxrx3.maps.neighbors import list_neighbors
from napari_rxrx3.maps.spec import Query
from napari_rxrx3.strips.wells import picture_of

ONE, TWO = PlateId("gene-001", 1), PlateId("gene-002", 1)
DRUGS = PlateId("compound-001", 1)
ROWS = [
    *(b.control_row(*ONE, f"D{n:02d}") for n in range(2, 10)),
    *(b.control_row(*TWO, f"D{n:02d}") for n in range(2, 10)),
    *(b.control_row(*DRUGS, f"D{n:02d}") for n in range(2, 4)),
    *(b.guide_row(*ONE, f"B{n + 1:02d}", "PLK1", n) for n in (1, 2, 3)),
    *(b.guide_row(*TWO, f"B{n + 1:02d}", "PLK1", n) for n in (1, 2, 3)),
    *(b.guide_row(*ONE, f"C{n + 1:02d}", "MTOR", n) for n in (1, 2, 3)),
    *(b.guide_row(*TWO, f"C{n + 1:02d}", "MTOR", n) for n in (1, 2, 3)),
    b.guide_row(*ONE, "AA02", "TUBB", 1),
    b.dose_row(*DRUGS, "B02", "Bortezomib", 2.5),
    b.dose_row(*DRUGS, "B03", "Bortezomib", 0.0025),
    b.dose_row(*DRUGS, "B04", "1,2-odd; name", 10),
    b.dose_row(*DRUGS, "B05", "voglibose", 1),
    b.dose_row(*DRUGS, "B06", "Voglibose", 1),
]
STRENGTH = {"PLK1": 9.0, "MTOR": 3.0}
BARE = {"gene-001_1_B02", "gene-001_1_AA02"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("queue")
    screen = b.Screen.of(ROWS, size=4)
    screen.planes = {well: planes for well, planes in screen.planes.items() if well not in BARE}
    rng = np.random.default_rng(3)
    for row in ROWS:  # guide 2 is what the gene does, the others do it less
        strength = STRENGTH.get(row["gene"], 0.0)
        effect = np.eye(8)[0 if row["gene"] == "PLK1" else 1] * strength
        share = 1.0 if str(row["treatment"]).endswith("_2") else 0.7
        vector = 5 + share * effect + rng.normal(scale=0.3, size=8)
        screen.vectors[row["well_id"]] = vector.astype("float32")
    screen.write_rxrx3(folder)
    return rx.open_dataset(folder, folder / "cache")


@pytest.fixture(scope="module")
def phenomap(dataset: Dataset) -> Any:
    return dataset.phenomap(align="centerscale")


def wells(queue: Queue) -> list[str]:
    return [item.well_id for item in queue.items]


def labels(queue: Queue) -> list[str]:
    return [item.label for item in queue.items]


# --- walking ----------------------------------------------------------------------------------


def test_a_queue_knows_where_it_is() -> None:
    queue = Queue(tuple(QueueItem(well, well.upper()) for well in "abcab"))
    assert (queue.progress, queue.has_previous, queue.has_next) == ("1 of 5", False, True)
    last = queue.at(99)
    assert (last.progress, last.has_previous, last.has_next) == ("5 of 5", True, False)
    assert [queue.at(n).has_previous for n in range(5)] == [False, True, True, True, True]
    assert [queue.at(n).has_next for n in range(5)] == [True, True, True, True, False]
    assert last.at(-3).position == 0
    assert queue.find("b") == 1
    assert last.find("b") == 4  # where one is
    assert last.find("a") == 0
    assert queue.find("z") is None
    empty = Queue()
    assert (empty.progress, empty.current, empty.at(3)) == ("", None, empty)
    assert not empty.has_next


@pytest.fixture
def review(dataset: Dataset, tmp_path: Path) -> Review:
    review = open_review(dataset, "Ann", tmp_path)
    review.set_queue(queue_of_plate(dataset, TWO))
    return review


def test_a_review_walks_the_queue_and_stops_at_its_ends(review: Review) -> None:
    heard: list[QueueItem] = []
    review.moved.connect(heard.append)
    items = review.queue.items
    assert review.previous() == items[0]
    assert review.next() == items[1]
    assert review.go_to(99) == items[-1]
    assert review.next() == items[-1]
    assert heard == [items[1], items[-1]]


def test_the_place_in_the_queue_is_kept(review: Review, dataset: Dataset, tmp_path: Path) -> None:
    review.go_to(7)
    again = open_review(dataset, "Ann", tmp_path)
    assert again.queue == review.queue
    assert not open_review(dataset, "Bo", tmp_path).queue.items


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": "napari-rxrx3 queue"}'])
def test_a_queue_that_cannot_be_read_is_an_empty_one(
    review: Review, dataset: Dataset, tmp_path: Path, content: bytes
) -> None:
    (path,) = review.path.parent.glob("*.queue.json")
    path.write_bytes(content)
    assert open_review(dataset, "Ann", tmp_path).queue == Queue()


def test_a_place_that_cannot_be_kept_is_told(review: Review) -> None:
    (path,) = review.path.parent.glob("*.queue.json")
    path.unlink()
    path.mkdir()
    review.next()
    assert review.trouble.startswith("The place in the queue cannot be kept in ")
    path.rmdir()
    review.tag(review.queue.items[0].well_id, 1)
    assert review.trouble == ""


def test_undo_goes_back_to_the_well(review: Review) -> None:
    first, second = review.queue.items[:2]
    for item in (first, second):
        review.tag(item.well_id, 1)
        review.next()
    assert review.queue.position == 2
    review.undo()
    assert review.queue.current == second
    review.undo()
    assert review.queue.current == first
    review.redo()
    review.redo()
    assert review.queue.current == second


# --- where queues come from -------------------------------------------------------------------


def test_a_plate_in_reading_order_without_what_has_no_image(dataset: Dataset) -> None:
    queue = queue_of_plate(dataset, ONE)
    assert wells(queue) == [
        f"gene-001_1_{address}"
        for address in ("B03", "B04", "C02", "C03", "C04", *(f"D{n:02d}" for n in range(2, 10)))
    ]
    assert labels(queue)[:3] == ["PLK1 guide 2", "PLK1 guide 3", "MTOR guide 1"]
    assert queue.note == "2 wells without an image are left out."
    assert (queue.title, queue.position) == ("gene-001 plate 1", 0)
    assert not len(queue_of_plate(dataset, PlateId("gene-009", 9)))


def test_wells_without_any_image_are_reviewed_all_the_same(dataset: Dataset) -> None:
    queue = queue_of_wells(dataset, sorted(BARE), "two")
    assert wells(queue) == sorted(BARE)
    assert queue.note == "None of these wells has an image here."


def test_wells_that_are_unknown_are_counted_and_named(dataset: Dataset) -> None:
    asked = ["gene-001_1_C03", "X", "gene-001_1_C02", "gene-001_1_C03", *"ABCDEF"]
    queue = queue_of_wells(dataset, asked, "some")
    assert wells(queue) == ["gene-001_1_C03", "gene-001_1_C02"]
    assert queue.note == "Not in this data set: X, A, B, C, D and 2 more."


def test_every_well_can_be_reviewed(dataset: Dataset) -> None:
    for well in dataset.wells.index:
        assert wells(queue_of_wells(dataset, [well], "one")) == [well]


def test_what_was_found(dataset: Dataset) -> None:
    index = SearchIndex(dataset.known_wells)
    hit = index.find("PLK1")
    assert hit is not None
    queue = queue_of_found(dataset, index.where(hit))
    assert wells(queue) == [
        *("gene-001_1_B03", "gene-001_1_B04"),
        *("gene-002_1_B02", "gene-002_1_B03", "gene-002_1_B04"),
    ]
    assert queue.title == "all wells of PLK1"


def test_a_list_of_neighbors(dataset: Dataset, phenomap: Any) -> None:
    def picture(positions: np.ndarray) -> str | None:
        return picture_of(dataset, positions, None)

    listed = list_neighbors(phenomap, Query(key="PLK1", k=10), picture)
    queue = queue_of_neighbors(dataset, listed, "neighbors of PLK1")
    assert labels(queue) == [n.key for n in listed if n.key != "TUBB"]
    assert wells(queue) == [n.well for n in listed if n.key != "TUBB"]
    assert queue.note == "No image of 1 perturbation is here (TUBB)."


@pytest.mark.parametrize("order", ["strongest", "most consistent"])
def test_the_perturbations_with_the_largest_score(
    dataset: Dataset, phenomap: Any, order: str
) -> None:
    queue = queue_by_score(dataset, phenomap, order, "genes", k=2)
    assert labels(queue) == ["PLK1", "MTOR"]
    assert queue.title == f"{order} 2 genes"
    typical = next(w for w in phenomap.wells_of("PLK1") if w not in BARE)
    assert wells(queue)[0] == typical
    other = queue_by_score(dataset, phenomap, order, "genes", k=1, experiment="gene-002")
    assert wells(other)[0].startswith("gene-002_1_B")


def test_a_queue_of_the_active_ones_holds_no_others(tmp_path: Path) -> None:
    screen = s.Wells(3)
    effects = {gene: 6 * screen.direction(gene) for gene in ("GENE001", "GENE004")}
    screen = s.gene_screen(8, 3, plates=3, controls=10, effects=effects, seed=3)
    dataset = screen.open(tmp_path)
    queue = queue_by_score(dataset, dataset.phenomap(), "active", k=50)
    assert {item.label for item in queue.items} == {"GENE001", "GENE004"}
    assert queue.title == "active 2 perturbations"


def test_without_images_the_strongest_are_reviewed_all_the_same(tmp_path: Path) -> None:
    controls = [b.control_row(*ONE, f"D{n:02d}") for n in range(2, 9)]
    guides = [b.guide_row(*ONE, f"E{n:02d}", "PLK1", n % 3 + 1) for n in range(2, 9)]
    screen = b.Screen.of([*controls, *guides])
    screen.write_metadata(tmp_path / "metadata.csv")
    screen.write_plate_embeddings(tmp_path / "embeddings")
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    phenomap = dataset.phenomap()
    queue = queue_by_score(dataset, phenomap, "strongest", "genes")
    typical = phenomap.wells_of("PLK1")[0]
    assert QueueItem(typical, "PLK1") in queue.items
    assert queue.note == "None of these wells has an image here."


NAMES = {
    "PLK1": "gene-001_1_B03",  # the first with an image
    "PLK1_guide_1": "gene-002_1_B02",  # the only one with an image
    "gene-001_1_C04": "gene-001_1_C04",
    "Bortezomib@2.5": "compound-001_1_B02",
    "Bortezomib@0.0025": "compound-001_1_B03",
    "Bortezomib@2,5": "compound-001_1_B02",
    "1,2-odd; name@10": "compound-001_1_B04",
    "voglibose": "compound-001_1_B05",
    "Voglibose@1": "compound-001_1_B06",
    "bortezomib": "compound-001_1_B02",
    "EMPTY_control": "compound-001_1_D02",
    "plk1": "gene-001_1_B03",
    "PLK1 guide 1": "gene-002_1_B02",
    "Bortezomib 2.5 µM": "compound-001_1_B02",
    "bortezomib 0,0025 uM": "compound-001_1_B03",
    "empty_CONTROL": "compound-001_1_D02",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_for_a_well(dataset: Dataset, name: str) -> None:
    queue = queue_of_names(dataset, [name], "one")
    assert wells(queue) == [NAMES[name]]


@pytest.mark.parametrize(
    "name", ["Bortezomib@10", "Bortezomib@", "@2.5", "gene-001_1_Z01", "VOGLIBOSE"]
)
def test_a_name_that_is_not_known_stands_for_none(dataset: Dataset, name: str) -> None:
    assert not wells(queue_of_names(dataset, [name], "none"))


def test_with_a_map_a_name_stands_for_its_most_typical_well(
    dataset: Dataset, phenomap: Any
) -> None:
    queue = queue_of_names(dataset, ["MTOR", "Bortezomib@2.5"], "two", phenomap)
    assert wells(queue) == [phenomap.wells_of("MTOR")[0], "compound-001_1_B02"]
    assert labels(queue) == ["MTOR", "Bortezomib@2.5"]
    second = queue_of_names(dataset, ["MTOR"], "one", phenomap, "gene-002")
    assert wells(second)[0].startswith("gene-002_1_C")


def test_a_very_long_list_is_cut_and_says_so(tmp_path: Path) -> None:
    plates = range(1, 1 + -(-(MOST + 1) // 1380))
    addresses = [f"{row}{column:02d}" for row in b.ROWS[1:31] for column in range(2, 48)]
    rows = [b.control_row("gene-001", plate, a) for plate in plates for a in addresses]
    b.Screen(rows).write_metadata(tmp_path / "metadata.csv")
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    index = SearchIndex(dataset.known_wells)
    hit = index.find("EMPTY_control")
    assert hit is not None
    queue = queue_of_found(dataset, index.where(hit))
    assert len(queue) == MOST
    assert f"Only the first {MOST:,} are listed, {len(rows) - MOST:,} are not." in queue.note


# --- lists in files ---------------------------------------------------------------------------

LISTS = {
    "well ids": b"note,well_id\nx,gene-001_1_C02\ny,gene-001_1_C03\n",
    "a plain list": b"gene-001_1_C02\n\ngene-001_1_C03",
    "a plain list with a head": b"my wells\ngene-001_1_C02\ngene-001_1_C03\n",
    "places as people write them": b"Experiment,Plate,Well\ngene-001,1.0,C2\ngene-001,1,c03\n",
    "places": b"Experiment,Plate,Well\ngene-001,1,C02\ngene-001,1,C03\n",
    "perturbations": b"perturbation\nMTOR_guide_1\nMTOR_guide_2\n",
    "some of both": b"well_id,perturbation\n,MTOR_guide_1\ngene-001_1_C03,PLK1\n",
    "quotes and blanks": b'"well_id"\n" gene-001_1_C02 "\n"gene-001_1_C03"\n',
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_file_lists_wells_in_many_ways(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    path = b.write(tmp_path / "list.csv", LISTS[kind])
    queue = queue_from_csv(path, dataset)
    assert wells(queue) == ["gene-001_1_C02", "gene-001_1_C03"]
    assert queue.title == "list.csv"
    assert ("my wells" in queue.note) == (kind == "a plain list with a head")


def test_a_file_may_give_doses_beside_the_compounds(dataset: Dataset, tmp_path: Path) -> None:
    text = 'treatment;concentration\nBortezomib;0,0025\n"1,2-odd; name";10\nBortezomib;\nNone;1\n'
    queue = queue_from_csv(b.write(tmp_path / "doses.csv", text.encode("cp1252")), dataset)
    assert wells(queue) == [f"compound-001_1_B0{n}" for n in (3, 4, 2)]
    assert queue.note == "Not in this data set: None@1."


def excel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"well_id\n\n", "lists no well and no perturbation"),
        (excel(), "is an Excel or LibreOffice file: save it as CSV first"),
        (b"\xd0\xcf\x11\xe0rest", "is a file of Excel or LibreOffice: save the table in it as CSV"),
        (b"PK\x03\x04rest", "cannot be read"),
        (b"a\0b", "is neither parquet nor text"),
        (b"X\nY\n", r"lists nothing that is here\. Not in this data set: X, Y\."),
        (b'"' + b"x" * 200_000, r"cannot be read \(line 1: .* quote"),
        (None, r"cannot be read \(it is not there\)"),
    ],
)
def test_a_file_that_is_no_list_is_refused(
    dataset: Dataset, tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "list.csv"
    if content is not None:
        b.write(path, content)
    with pytest.raises(HitsError, match=why) as caught:
        queue_from_csv(path, dataset)
    assert str(path) in str(caught.value)

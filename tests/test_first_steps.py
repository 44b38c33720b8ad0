"""What is dropped on the dock opens, or the window says what to do next."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import builders as b
import napari_rxrx3 as rx
from mouse import drop
from napari_rxrx3.core.errors import DatasetNotFound
from napari_rxrx3.figures.record import record_of, write_record
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.hits.table import export_csv
from napari_rxrx3.session import Session
from window import Window

PLK1 = "gene-001_1_B02"
HITS, KNOWN, FOLDER, AGAIN = "tab Hits", "tab Benchmark", "Open the folder", "download it again"


def a_screen() -> b.Screen:
    rows = [b.guide_row("gene-001", 1, "B02", "PLK1"), b.control_row("gene-001", 1, "C03")]
    return b.Screen.of(rows, 32)


@pytest.fixture
def desk(root: Path, cache: Path) -> Path:
    """A folder with one of each kind of file that a user may have."""
    screen = a_screen()
    screen.write_rxrx3(root / "screen")
    screen.write_core(root / "core")
    screen.write_metadata(root / "table" / "metadata.csv")
    b.write_zip(root / "table.zip", {"metadata.csv": b.csv_bytes(screen.rows)})
    screen.write_embeddings(root / "vectors" / "vectors.parquet")
    dataset = rx.open_dataset(root / "screen", cache)
    write_hits(root, dataset)
    session = Session()
    session.open(dataset)
    session.select_well(PLK1)
    write_record(root / "view.json", record_of(session))
    write_others(root)
    return root


def write_hits(root: Path, dataset: Any) -> None:
    review = open_review(dataset, "Ada", root / "kept")
    review.tag(PLK1, 1)
    next((root / "kept").rglob("ada.json")).rename(root / "ada.json")
    export_csv(review.hits.values(), dataset, "Ada", root / "hits.csv")


def write_others(root: Path) -> None:
    Image.new("RGB", (8, 8)).save(root / "photo.jpg")
    Image.new("L", (8, 8)).save(root / "figure.png")
    (root / "empty").mkdir()
    texts = {
        "pairs.csv": "entity1,entity2\nPLK1,MTOR\n",
        "targets.csv": "treatment,gene_symbol,active\nBortezomib,PSMB5,1\n",
        "marked.csv": f"well_id,note\n{PLK1},round\n",
        "numbers.csv": "a,b\n1,2\n",
        "other.json": json.dumps({"a": 1}),
        "notes.txt": "round cells",
        "void.parquet": "",
        "broken.tar": "x" * 2000,
    }
    for name, text in texts.items():
        b.write(root / name, text.encode())


NOT_OURS = [
    ("hits.csv", HITS),
    ("ada.json", HITS),
    ("marked.csv", HITS),
    ("pairs.csv", KNOWN),
    ("targets.csv", KNOWN),
    ("photo.jpg", "AA02_s1_w3.png"),
    ("figure.png", FOLDER),
    ("empty", FOLDER),
    ("numbers.csv", FOLDER),
    ("other.json", FOLDER),
    ("notes.txt", FOLDER),
    ("void.parquet", AGAIN),
    ("broken.tar", AGAIN),
]


@pytest.mark.parametrize(("name", "step"), NOT_OURS, ids=[name for name, _ in NOT_OURS])
def test_what_is_no_data_set_is_said_with_the_next_step(
    name: str, step: str, desk: Path, cache: Path
) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        rx.open_dataset(desk / name, cache)
    said = str(caught.value)
    assert name in said
    assert step in said
    assert said.endswith(".")
    assert ".." not in said


def test_a_table_of_hits_beside_the_data_is_no_metadata(desk: Path, cache: Path) -> None:
    (desk / "hits.csv").rename(desk / "screen" / "hits.csv")
    dataset = rx.open_dataset(desk / "screen", cache)
    assert len(dataset.wells) == 2
    assert dataset.problems == []


@pytest.mark.soak
def test_every_kind_can_be_dropped_on_the_dock(
    desk: Path, open_window: Callable[..., Window]
) -> None:
    window = open_window()
    explorer = window.explorer
    drop(explorer, [desk / "photo.jpg"])
    window.settle()
    assert window.session.dataset is None
    assert explorer.welcome.trouble.isVisible()
    assert FOLDER in explorer.welcome.trouble.text()
    opened = ("screen", "core/data", "table/metadata.csv", "table.zip", "vectors/vectors.parquet")
    for name in (*opened, "screen/images/gene-001/Plate1.tar", "view.json"):
        before = window.session.dataset
        drop(explorer, [desk / name])
        window.qtbot.waitUntil(lambda: window.session.dataset is not before, timeout=20_000)  # noqa: B023
        window.settle()
        assert PLK1 in window.session.dataset.known_wells.index, name
    assert window.session.well == PLK1
    kept = window.session.dataset
    drop(explorer, [desk / "hits.csv"])
    window.settle()
    assert HITS in window.session.message
    assert window.session.dataset is kept


def test_metadata_alone_are_described_and_nothing_is_missed(
    desk: Path, open_window: Callable[..., Window]
) -> None:
    """Without any image there is no contrast to speak of."""
    window = open_window(desk / "table")
    assert "no images" in window.session.message

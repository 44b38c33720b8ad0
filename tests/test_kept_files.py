"""What was saved with version 0.1.0 still opens: sessions, a figure's record, hits, scripts.

The files in `kept_from_0_1` were written by that version, for the data set of `test_record`; only
the folder's name was made `/data/data set`. They are never written again.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import napari_rxrx3 as rx
from napari_rxrx3.figures.record import ViewRecord, is_record_file, read_record
from napari_rxrx3.figures.restore import open_record, restore, restore_queue
from napari_rxrx3.hits.hits_file import HitsFile
from napari_rxrx3.hits.owner import owner_of
from napari_rxrx3.hits.places import hits_path, queue_path
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.hits.table import import_hits, read_hits_csv
from napari_rxrx3.session import Session
from samples import sample
from test_record import CURVE, DOSE, LIMITS, MTOR, PLK1, SCREEN, SECOND

KEPT = Path(__file__).with_name("kept_from_0_1")
SAVED = sorted(path.name for path in KEPT.glob("*.json") if not path.name.startswith("ada"))
SCRIPTS = sorted(path.name for path in KEPT.glob("script-*.txt"))
IN_NAPARI = "# the same in napari"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("kept")
    return rx.open_dataset(SCREEN.write_rxrx3(folder / "data set"), folder / "cache")


def kept(name: str, dataset: Any, folder: Path) -> Path:
    """A kept file whose data set is the one here."""
    text = (KEPT / name).read_text(encoding="utf-8")
    path = folder / name
    path.write_text(text.replace("/data/data set", dataset.address), encoding="utf-8")
    return path


def restored(name: str, dataset: Any, folder: Path) -> tuple[ViewRecord, Session]:
    path = kept(name, dataset, folder)
    assert is_record_file(path)
    record, opened = open_record(path)
    assert opened.address == dataset.address
    session = Session()
    session.open(dataset)
    assert restore(record, session) == ()
    return record, session


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_view_opens_whole(dataset: Any, tmp_path: Path, name: str) -> None:
    assert len(SAVED) == 6
    record, session = restored(name, dataset, tmp_path)
    assert session.well == record.well
    assert (session.view, session.crop, session.difference) == (
        (record.view, record.crop, record.difference)
    )
    assert [tile.well_id for tile in session.tiles] == [tile.well_id for tile in record.tiles]
    assert session.query == record.query


def test_a_saved_view_has_the_values_of_then(dataset: Any, tmp_path: Path) -> None:
    by_hand = restored("session-by-hand.json", dataset, tmp_path)[1]
    assert (by_hand.well, by_hand.crop, by_hand.difference) == (DOSE, 256, True)
    assert (by_hand.contrast_rule, by_hand.limits) == ("by hand", LIMITS)
    record, beside = restored("session-side-by-side.json", dataset, tmp_path)
    assert beside.selection == {PLK1, MTOR}
    assert (beside.query.level, beside.query.order, beside.query.kind) == (
        ("guide", "opposite", "genes")
    )
    assert (beside.query.key, beside.query.k, beside.query.average) == (
        ("PLK1_guide_1", 7, "median")
    )
    assert beside.strip is not None
    assert repr(beside.strip.curve) == repr(CURVE)
    assert record.stains.visible == (True, True, False, True, True, True)


def test_hits_and_their_queue_are_gone_on_with(dataset: Any, tmp_path: Path) -> None:
    owner = owner_of(dataset, "Ada")
    path = hits_path(tmp_path, owner)
    path.parent.mkdir(parents=True)
    for name, there in (("ada.json", path), ("ada.queue.json", queue_path(path))):
        shutil.copy(KEPT / name, there)
    review = open_review(dataset, "Ada", tmp_path)
    assert {well: hit.tag for well, hit in review.hits.items() if hit.tag} == (
        {PLK1: 1, MTOR: 5, SECOND: 3}
    )
    assert review.hits[PLK1].note == "rounded; =1+1"
    assert review.queue is not None
    assert [item.well_id for item in review.queue.items] == [PLK1, MTOR, SECOND]
    assert review.queue.position == 1
    review.tag(DOSE, 2)
    again = HitsFile(path, owner)
    again.load()
    assert {well for well, hit in again.hits.items() if hit.tag} == {PLK1, MTOR, SECOND, DOSE}


def test_a_session_brings_its_review_back(dataset: Any, tmp_path: Path) -> None:
    record = read_record(kept("session-reviewed.json", dataset, tmp_path))
    review = open_review(dataset, "Ada", tmp_path)
    assert record.review is not None
    assert restore_queue(record, review) == ""
    assert review.queue is not None
    assert review.queue.title == "three"


def test_exported_hits_come_back(dataset: Any, tmp_path: Path) -> None:
    review = open_review(dataset, "Grace", tmp_path)
    import_hits(review, read_hits_csv(KEPT / "hits.csv", dataset))
    assert {well: hit.tag for well, hit in review.hits.items()} == {PLK1: 1, MTOR: 5, SECOND: 3}
    assert review.hits[PLK1].note == "rounded; =1+1"


@pytest.mark.parametrize("name", sample(SCRIPTS, every=4))
def test_a_saved_script_still_runs(dataset: Any, tmp_path: Path, name: str) -> None:
    """All of it but the window: what that needs is imported."""
    assert len(SCRIPTS) == 4
    text = kept(name, dataset, tmp_path).read_text(encoding="utf-8")
    reading, showing = text.split(IN_NAPARI)
    imports = re.findall(r"^(?:from|import) .*$", showing, flags=re.MULTILINE)
    code = "\n".join([reading, *imports, "print(image.shape, image.dtype, len(neighbors))"])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "uint8" in run.stdout

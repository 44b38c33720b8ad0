"""The neighbors panel in the window: what the list says, how it is asked, and what it hands out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QEvent, QPoint, QRect, Qt, QTimer, QUrl
from qtpy.QtGui import QGuiApplication, QHelpEvent, QImage, QTextDocument
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QToolTip

import builders as b
import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.core.links import links_for
from napari_rxrx3.core.perturbation import is_blinded
from napari_rxrx3.core.plate import N_COLUMNS, PlateId, parse_address
from napari_rxrx3.core.words import key_in_words, percent
from napari_rxrx3.gui.neighbors.map_settings import MapSettings
from napari_rxrx3.gui.neighbors.neighbor_table import small_percent
from napari_rxrx3.maps.evidence.batch_diagnostics import diagnostics_in_words
from napari_rxrx3.maps.evidence.doubts import DOUBTS, Judge
from napari_rxrx3.maps.evidence.kept_table import KeptTable
from napari_rxrx3.maps.vector_search import VectorSearch
from napari_rxrx3.session import Query
from window import Window, own_browser

pytestmark = pytest.mark.detail

BOLD, BLINDED = "<b>MTOR</b>", "RXRX3-43938"
SMILES = "CC(C)C[C@H](NC(=O)c1cnccn1)B(O)O |r,c:0|"
RANK, _, NAME, VALUE, Q, BACK, DOUBT = range(7)
OTHER = "other_vectors"
DISPLAY, TIP = Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole


def some_wells() -> s.Wells:
    """Genes in two experiments and a few compounds; one plate has no controls."""
    direction = s.Wells(seed=5, dim=12).direction
    effects = {
        "PLK1": 5 * direction("a"),
        BOLD: 4 * direction("a") + direction("b"),
        BLINDED: 4 * direction("c"),
        "ODD": 5 * direction("c"),
        "TWIN": 5 * direction("d"),
    }
    genes = [*effects, *s.gene_names(16)]
    effects["ODD_guide_4"] = 5 * direction("e")
    wells = s.gene_screen(genes, guides=4, plates=2, controls=12, effects=effects, seed=5, dim=12)
    for gene in ("LONE1", "LONE1", "LONE2"):
        wells.guide("gene-001", 1, gene, 1, 4 * direction("a"))
    for guide in (1, 2):
        wells.guide("gene-143", 3, "PLK1", guide, 5 * direction("a"))
    wells.control("compound-001", 1, 12)
    wells.control("compound-001", 1, 4, "CRISPR_control")
    for name, dose, effect in (
        ("Bortezomib", 0.25, 5 * direction("a")),
        ("Bortezomib", 2.5, 5 * direction("a")),
        ("TWIN", None, -5 * direction("a")),
        ("Aspirin", 1.0, 0.0),
    ):
        for _ in range(3):
            wells.dose("compound-001", 1, name, dose, effect)
            wells.rows[-1]["SMILES"] = SMILES
    return wells


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    return some_wells().with_images()


@pytest.fixture(scope="module")
def root(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = screen.write_rxrx3(tmp_path_factory.mktemp("neighbors") / "screen")
    b.write(folder / f"{OTHER}.parquet", b.embedding_bytes(own_vectors(screen)))
    return folder


@pytest.fixture(scope="module")
def data(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the same data set, opened beside the window."""
    return rx.open_dataset(root, cache_dir=tmp_path_factory.mktemp("cache"))


def own_vectors(screen: b.Screen) -> dict[str, np.ndarray]:
    """Return vectors in which Aspirin is as PLK1 is, and which the compounds' doses lack."""
    rng = np.random.default_rng(3)
    alike = np.array([9, -9, 9, -9, 9])
    return {
        row["well_id"]: rng.normal(size=5) + alike * is_like_plk1(row["treatment"])
        for row in screen.rows
        if row["treatment"] != "Bortezomib"
    }


def is_like_plk1(treatment: str) -> bool:
    return treatment.startswith("PLK1_") or treatment == "Aspirin"


@pytest.fixture
def window(standing_window: Window, screen: b.Screen, root: Path, qtbot: Any) -> Window:
    """Return the window of the module with nothing of the test before in it."""
    window = standing_window
    window.qtbot, window.screen = qtbot, screen
    if window.session.dataset is None:
        window.open(root)
    window.turn_to(window.explorer.numbers)
    window.neighbors.panel.candidates.table.sortByColumn(RANK, Qt.SortOrder.AscendingOrder)
    named = {field.name: field.default for field in fields(Query)}
    del named["key"], named["well"]
    window.session.set_level(named.pop("level"))
    window.session.ask(**named | {"all_doses": True})
    window.session.say("")
    return window


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Addresses that Qt was asked to open."""
    with own_browser() as opened:
        yield opened


def well_of(screen: b.Screen, treatment: str, dose: float | None = None) -> str:
    """Return the first well of a treatment."""
    return next(
        row["well_id"]
        for row in screen.rows
        if row["treatment"] == treatment and dose in (None, row["concentration"])
    )


def click(window: Window, treatment: str, dose: float | None = None) -> None:
    """Go to the plate of a treatment and click its first well."""
    well = well_of(window.screen, treatment, dose)
    experiment, plate = window.session.well_row(well)[["experiment_name", "plate"]]
    window.session.go_to_plate(PlateId(experiment, int(plate)))
    window.click_well(well.rsplit("_", 1)[1])


def pick(window: Window, box: QComboBox, text: str) -> None:
    """Choose from a combo box by arrow keys, as a person does who has reached it by Tab."""
    box.setFocus()
    wanted = box.findText(text)
    assert wanted >= 0
    while box.currentIndex() != wanted:
        is_below = wanted > box.currentIndex()
        window.qtbot.keyClick(box, Qt.Key.Key_Down if is_below else Qt.Key.Key_Up)


def choose(window: Window, name: str, text: str) -> None:
    """Open the form of the map with a click and choose something in it by keys."""
    in_form(window, lambda form: pick(window, form.form[name].native, text))


def in_form(window: Window, act: Callable[[MapSettings], None], settled: bool = True) -> None:
    """Open the form of the map with a click, do something in it and close it."""
    settings = window.neighbors.panel.question.settings
    left = [act]

    def act_once() -> None:
        try:
            left.pop()(settings)
        finally:
            settings.menu().close()

    QTimer.singleShot(0, act_once)  # on some platforms the menu has an event loop of its own
    window.click(settings)
    window.qtbot.waitUntil(lambda: not left and not settings.menu().isVisible())
    if settled:
        window.settle()


def rows(window: Window) -> list[tuple[str, ...]]:
    """Return what is written in the table."""
    model = window.neighbors.panel.candidates.table.model()
    return [
        tuple(model.data(model.index(row, column), DISPLAY) for column in range(7))
        for row in range(model.rowCount())
    ]


def names(window: Window) -> list[str]:
    return [row[NAME].split("\n")[0] for row in rows(window)]


def keys(window: Window) -> list[str]:
    return [neighbor.key for neighbor in window.neighbors.panel.candidates.model.neighbors]


def column(window: Window, number: int) -> list[str]:
    return [row[number] for row in rows(window)]


def click_heading(window: Window, number: int) -> None:
    header = window.neighbors.panel.candidates.table.horizontalHeader()
    x = header.sectionViewportPosition(number) + header.sectionSize(number) // 2
    window.click(header.viewport(), QPoint(x, header.height() // 2))


def click_row(window: Window, key: str) -> None:
    table = window.neighbors.panel.candidates.table
    index = table.model().index(keys(window).index(key), NAME)
    table.scrollTo(index)
    window.click(table.viewport(), table.visualRect(index).center())
    window.settle()


def current_key(window: Window) -> str:
    return keys(window)[window.neighbors.panel.candidates.table.currentIndex().row()]


def plain(markup: str) -> str:
    """Return a tooltip as a person reads it."""
    document = QTextDocument()
    document.setHtml(markup)
    return document.toPlainText()


def tip_of(window: Window, key: str, number: int) -> str:
    """Return the tooltip of a cell, after hovering over it."""
    table = window.neighbors.panel.candidates.table
    index = table.model().index(keys(window).index(key), number)
    table.scrollTo(index)
    place = table.visualRect(index).center()
    event = QHelpEvent(QEvent.Type.ToolTip, place, table.viewport().mapToGlobal(place))
    QApplication.sendEvent(table.viewport(), event)
    return plain(QToolTip.text())


def expected(data: Any, key: str, k: int = 50, **options: Any) -> pd.DataFrame:
    """Return what the library answers, by key."""
    asking = {name: options.pop(name) for name in ("metric", "kind") if name in options}
    return data.phenomap(**options).nearest(key, k, **asking).set_index("key")


def as_number(text: str) -> float:
    return float(text.replace("<", ""))


# --- the verdicts ----------------------------------------------------------------------------


@pytest.mark.sample
def test_verdicts_arrive_in_the_list(window: Window, data: Any) -> None:
    click(window, "PLK1_guide_1")
    table = expected(data, "PLK1")
    assert keys(window) == table.index.tolist()
    assert column(window, VALUE) == [f"{value:.2f}" for value in table["similarity"]]
    ranks = table["across_rank"]
    assert column(window, BACK) == ["–" if rank != rank else small_percent(rank) for rank in ranks]
    assert ranks.notna().any()
    assert ranks.isna().any()
    shown = [as_number(text) if text else float("nan") for text in column(window, Q)]
    assert shown == pytest.approx(table["q_value"].tolist(), rel=0.07, abs=0.051, nan_ok=True)
    assert column(window, DOUBT) == [
        str(len(flags)) if len(flags) > 1 else "" for flags in table["flags"]
    ]


@pytest.mark.sample
def test_a_doubt_is_told_in_a_sentence(window: Window) -> None:
    click(window, "LONE1_guide_1")
    sentences = [f"{name}: {DOUBTS[name]}" for name in ("same plate", "one experiment")]
    told = tip_of(window, "LONE2", DOUBT).split("\n")
    assert told[:2] == sentences
    assert any(line.startswith("few wells: ") for line in told)
    model = window.neighbors.panel.candidates.model
    index = model.index(keys(window).index("LONE2"), DOUBT)
    assert not model.data(index, Qt.ItemDataRole.DecorationRole).isNull()
    spoken = model.data(index, Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("same plate, one experiment, few wells")


def test_numbers_are_told_beside_the_name_whatever_it_looks_like(window: Window, data: Any) -> None:
    click(window, "PLK1_guide_1")
    row = expected(data, "PLK1").loc[BOLD]
    lines = tip_of(window, BOLD, NAME).split("\n")
    assert lines[0] == BOLD
    assert lines[1].startswith("shown: well gene-001_")
    share = small_percent(row["percentile"])
    close = f"of all pairs of different perturbations {share} are as close"
    assert f"{close} (n = {row['n_percentile']:,})" in lines
    unrelated = f"of unrelated {row['compared_with']}, {small_percent(row['p_value'])} are as alike"
    assert f"p {row['p_value']:.2g}: {unrelated} (n = {row['n_compared']:,})" in lines
    assert any(line.startswith(f"q {row['q_value']:.2g}: of the list of") for line in lines)
    top = f"comes back: top {small_percent(row['across_rank'])} of {row['n_across']:,}"
    assert f"{top}, cosine {row['across']:.2f} across experiments" in lines
    assert any(line.startswith("consistency 0.5") for line in lines)
    assert names(window)[0] == BOLD


def test_doubts_are_seen_and_no_number_is_cut(window: Window) -> None:
    click(window, "PLK1_guide_1")
    candidates = window.neighbors.panel.candidates
    window.click(candidates.as_list)
    table, model = candidates.table, candidates.model
    picture = table.viewport().grab().toImage()
    ratio = picture.devicePixelRatio()
    seen = {True: 0, False: 0}
    for row, neighbor in enumerate(model.neighbors):
        cell = table.visualRect(model.index(row, DOUBT))
        if not table.viewport().rect().contains(cell):
            continue
        inside = cell.adjusted(2, 3, -2, -3)
        corner, size = inside.topLeft() * ratio, inside.size() * ratio
        n_inked = inked(picture.copy(QRect(corner, size)))
        assert (n_inked > 20) == bool(neighbor.flags), neighbor
        seen[bool(neighbor.flags)] += 1
        for column_, text in ((Q, "<.001"), (BACK, "0.09 %")):
            width = table.fontMetrics().horizontalAdvance(text)
            assert table.columnWidth(column_) >= width + 6
    assert all(seen.values()), seen


def test_a_heading_says_what_its_column_means(window: Window) -> None:
    model = window.neighbors.panel.candidates.model
    tips = [model.headerData(i, Qt.Orientation.Horizontal, TIP) for i in (Q, BACK, DOUBT)]
    for words, tip in zip(("false finds", "across experiments", "doubt"), tips, strict=True):
        assert words in plain(tip)


def test_a_new_question_drops_verdicts_that_are_still_awaited(window: Window, data: Any) -> None:
    panel, said = window.neighbors.panel, []
    click(window, "PLK1_guide_1")
    phenomap = window.session.dataset.phenomap()

    def note(*_: object) -> None:
        key = window.session.query.key
        listed = panel.candidates.model.neighbors
        said.extend((key, n.key, n.p_value) for n in listed if n.compared_with)

    with held(lambda hold: phenomap.nearest("GENE003", progress=hold)):
        window.click_well(address_of(window, f"{BOLD}_guide_1"), settled=False)
        window.qtbot.waitUntil(lambda: panel.candidates.model.rowCount() > 0)
        assert set(column(window, Q)) == {"…"}
        assert "…" in window.explorer.numbers.card.numbers[0].text()
        panel.candidates.model.dataChanged.connect(note)
        window.click_well(address_of(window, "TWIN_guide_1"), settled=False)
        window.qtbot.waitUntil(lambda: panel.candidates.model.rowCount() > 0)
        assert set(column(window, Q)) == {"…"}
    window.settle()
    panel.candidates.model.dataChanged.disconnect(note)
    right = expected(data, "TWIN (CRISPR)")["p_value"]
    assert {key for key, _, _ in said} == {"TWIN"}
    assert all(right[key] == pytest.approx(p, nan_ok=True) for _, key, p in said)
    assert {key for _, key, _ in said} == set(right.index)
    assert "TWIN" in window.explorer.numbers.card.head.text()
    assert "…" not in window.explorer.numbers.card.numbers[0].text()


def test_the_list_does_not_jump_when_work_begins_and_ends(window: Window) -> None:
    status = window.explorer.status
    click(window, "PLK1_guide_1")
    window.session.say("A message.")
    window.qtbot.wait(50)
    below = window.explorer.tabs.geometry()
    phenomap = window.session.dataset.phenomap()
    with held(lambda hold: phenomap.nearest("GENE003", progress=hold)):
        window.click_well(address_of(window, f"{BOLD}_guide_1"), settled=False)
        window.qtbot.waitUntil(status.cancel.isVisible)
        window.qtbot.wait(50)
        assert window.explorer.tabs.geometry() == below
    window.settle()
    assert not status.cancel.isVisible()
    assert window.explorer.tabs.geometry() == below


@pytest.mark.sample
def test_judging_can_be_stopped(window: Window) -> None:
    status = window.explorer.status
    click(window, "PLK1_guide_1")
    phenomap = window.session.dataset.phenomap()
    with held(lambda hold: phenomap.nearest("GENE003", progress=hold)):
        window.click_well(address_of(window, f"{BOLD}_guide_1"), settled=False)
        wait_for_work(window, "waiting for the same work")
        window.click(status.cancel)
        assert not status.cancel.isVisible()
        assert status.message.text() == "Stopped: how far to trust the list was not checked."
        assert "…" not in "".join(numbers(window).values())
        window.settle()
    window.qtbot.wait(200)  # verdicts that are too late would come in a few ms
    assert keys(window)[0] == "PLK1"
    assert set(column(window, Q)) == {""}
    click(window, "PLK1_guide_1")
    assert column(window, BACK)[0].endswith(" %")
    assert "strength" in numbers(window)
    assert window.explorer.numbers.card.head.text().startswith("PLK1 gene")


def test_a_comparison_can_be_stopped_and_asked_again(window: Window, data: Any) -> None:
    panel, status = window.neighbors.panel, window.explorer.status
    asked = {"average": "median", "align": "centerscale"}
    click(window, "PLK1_guide_1")
    choose(window, "average", "median")
    with held(lambda hold: window.session.dataset.phenomap(**asked, progress=hold)):
        in_form(window, lambda form: pick(window, form.align.native, "centerscale"), settled=False)
        wait_for_work(window, "comparing PLK1")
        window.click(status.cancel)
        assert not status.cancel.isVisible()
        assert panel.candidates.note.text().startswith("Stopped.")
        assert keys(window) == []
    window.qtbot.wait(200)
    assert keys(window) == []
    window.qtbot.keyClick(panel.question.key, Qt.Key.Key_Return)
    window.settle()
    assert keys(window) == expected(data, "PLK1", **asked).index.tolist()
    assert "Stopped" not in panel.candidates.note.text()


def test_the_form_says_what_batches_explain(window: Window, data: Any) -> None:
    click(window, "PLK1_guide_1")
    window.session.ask(position=True)  # a map that no other test makes
    for words, align in (("tvn", "tvn"), ("tvn-centered (ours)", "tvn-centered")):
        choose(window, "align", words)
        assert window.session.query.align == align
        assert align in window.neighbors.panel.question.settings.text()
        said = []

        def look(form: MapSettings, said: list[str] = said) -> None:
            bars = form.batches.bars
            window.qtbot.waitUntil(bars.isVisible)
            assert inked(bars.grab().toImage()) > 50
            said += [form.batches.words.text(), bars.accessibleDescription()]

        in_form(window, look)
        table = data.phenomap(align=align, position=True).diagnostics
        assert said[0].replace("\u00a0", " ") == diagnostics_in_words(table, align)
        share = table.set_index("source").loc["experiment", "after"]
        assert said[1].splitlines()[0].endswith(f"→ {percent(share)}")


def inked(image: QImage) -> int:
    """Return how many pixels are of another color than the corner."""
    corner = image.pixel(image.width() - 1, image.height() - 1)
    places = ((x, y) for x in range(image.width()) for y in range(image.height()))
    return sum(image.pixel(*place) != corner for place in places)


def test_the_position_is_subtracted_on_request(window: Window, data: Any) -> None:
    click(window, "PLK1_guide_1")
    in_form(window, lambda form: window.click(form.position.native))
    assert window.session.query.position
    assert "position subtracted" in window.neighbors.panel.question.settings.text()
    assert keys(window) == expected(data, "PLK1", position=True).index.tolist()
    assert table_of(window.neighbors.panel.candidates.to_csv())[0]["position"] is True


def test_verdicts_do_not_bring_back_the_question_before(window: Window, data: Any) -> None:
    panel = window.neighbors.panel
    click(window, "PLK1_guide_1")
    dataset = window.session.dataset
    phenomap = dataset.phenomap()
    with held(lambda hold: dataset.phenomap(align="tvn", progress=hold)):
        with held(lambda hold: phenomap.nearest("GENE003", progress=hold)):
            window.click_well(address_of(window, f"{BOLD}_guide_1"), settled=False)
            window.qtbot.waitUntil(lambda: keys(window)[:1] == ["PLK1"])
            in_form(window, lambda form: pick(window, form.align.native, "tvn"), settled=False)
            window.click_well(address_of(window, "ODD_guide_1"), settled=False)
            assert keys(window) == []
        window.qtbot.wait(300)  # verdicts that are too late would come in a few ms
        assert keys(window) == []
        assert not window.explorer.numbers.card.head.isVisible()
        assert panel.candidates.to_csv() == ""
    window.settle()
    assert keys(window) == expected(data, "ODD", align="tvn").index.tolist()
    assert window.explorer.numbers.card.head.text().startswith("ODD gene")


def test_scores_may_come_later_than_the_answers(window: Window) -> None:
    panel = window.neighbors.panel
    click(window, "PLK1_guide_1")
    phenomap = window.session.dataset.phenomap(align="centerscale")
    with held(lambda hold: phenomap.score_store.get(hold)):
        in_form(window, lambda form: pick(window, form.align.native, "centerscale"), settled=False)
        head = window.explorer.numbers.card.head
        window.qtbot.waitUntil(lambda: head.text().endswith(", centerscale"))
        for key, near in (("PLK1", BOLD), (BOLD, "PLK1")):
            window.click_well(address_of(window, f"{key}_guide_1"), settled=False)
            window.qtbot.waitUntil(lambda near=near: keys(window)[:1] == [near])
            window.qtbot.waitUntil(lambda: "…" not in column(window, Q))
            assert column(window, BACK)[0].endswith(" %")
            assert column(window, DOUBT)[0] == "…"
            assert set(numbers(window).values()) <= {"…", ""}
            assert table_of(panel.candidates.to_csv())[0]["flags"] == "not checked yet"
    window.settle()
    flags = phenomap.nearest(BOLD, 50)["flags"]
    assert column(window, DOUBT) == [str(len(f)) if len(f) > 1 else "" for f in flags]
    assert "strength" in numbers(window)
    assert [row["flags"] for row in table_of(panel.candidates.to_csv())] == flags.map(
        "; ".join
    ).tolist()


@pytest.mark.sample
def test_one_question_is_searched_and_judged_once(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(window, "PLK1_guide_1")
    phenomap = window.session.dataset.phenomap(align="tvn", average="median")
    assert not phenomap.score_store.is_ready  # so that flags come later than p and q
    counted: Counter[str] = Counter()

    def count(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def counting(*args: Any, **options: Any) -> Any:
            counted[name] += 1
            return real(*args, **options)

        monkeypatch.setattr(owner, name, counting)

    scores, doses = phenomap.score_store, phenomap.doses.store
    for owner, name in ((VectorSearch, "nearest"), (Judge, "judge"), (KeptTable, "_loaded")):
        count(owner, name)
    window.session.ask(align="tvn", average="median")
    window.settle()
    assert "strength" in numbers(window)  # all there is to know has come
    assert "…" not in column(window, Q) + column(window, DOUBT)
    assert counted == {"nearest": 1, "judge": 1, "_loaded": len([scores, doses])}


@contextmanager
def held(work: Callable[[Callable[..., None]], Any]) -> Iterator[None]:
    """Keep what the work has locked from everybody else meanwhile."""
    begun, may_end = threading.Event(), threading.Event()

    def hold(done: int, total: int, text: str) -> None:
        begun.set()
        assert may_end.wait(60)

    thread = threading.Thread(target=work, args=(hold,))
    thread.start()
    assert begun.wait(20)
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def wait_for_work(window: Window, text: str) -> None:
    """Wait until the line below says so of work under way: it keeps the words of the last one."""
    status = window.explorer.status
    window.qtbot.waitUntil(
        lambda: status.cancel.isVisible() and status.work.text().startswith(text)
    )


def address_of(window: Window, treatment: str) -> str:
    """Return the first address of a treatment on the plate that is shown."""
    wells = window.session.dataset.wells_of_plate(window.session.plate)
    return wells.loc[wells["treatment"] == treatment, "address"].iloc[0]


# --- order -----------------------------------------------------------------------------------


def test_a_click_on_a_heading_sorts_and_keeps_the_current_row(window: Window, data: Any) -> None:
    click(window, "PLK1_guide_1")
    table = expected(data, "PLK1")
    click_row(window, "GENE005")
    by = {
        NAME: [key.split("@")[0].split(" (")[0].casefold() for key in table.index],
        VALUE: table["similarity"],
        Q: table["q_value"],
        DOUBT: table["flags"].map(len),
        RANK: table["rank"],
    }
    for number, values in by.items():
        in_order = pd.Series(list(values), table.index).sort_values()
        click_heading(window, number)
        np.testing.assert_array_equal([in_order[key] for key in keys(window)], in_order)
        assert current_key(window) == "GENE005"
        click_heading(window, number)
        np.testing.assert_array_equal([in_order[key] for key in keys(window)], in_order[::-1])
        assert current_key(window) == "GENE005"
    assert window.explorer.workspace.picture.mosaic.tiles[1].label == "neighbor: GENE005"


@pytest.mark.parametrize(
    ("order", "score", "p"),
    [
        ("active", "activity", "activity_q"),
        ("strongest", "effect", "strength_p"),
        ("most consistent", "consistency", "consistency_p"),
    ],
)
def test_the_whole_map_is_listed_by_a_score(
    window: Window, data: Any, order: str, score: str, p: str
) -> None:
    click(window, "PLK1_guide_1")
    panel = window.neighbors.panel
    pick(window, panel.candidates.order, order)
    window.settle()
    phenomap = data.phenomap()
    known = phenomap.scores.dropna(subset=score)
    known = known.assign(is_chance=~(known[p] <= 0.05), less=-known[score])
    known["weaker"] = -known["effect"].fillna(-np.inf)
    if order == "active":
        known = known[known["is_active"]]
        assert len(known)
    scores = known.sort_values(["is_chance", "less", "weaker"], kind="stable")[score]
    assert keys(window) == scores.index.tolist()
    assert "PLK1" in keys(window)[:3]
    assert column(window, VALUE) == [f"{value:.2f}" for value in scores]
    assert set(column(window, Q)) == {""}
    heading = panel.candidates.model.headerData(VALUE, Qt.Orientation.Horizontal, DISPLAY)
    assert heading == "score"
    pick(window, panel.candidates.kind, "genes")
    window.settle()
    is_gene = (phenomap.labels["perturbation_type"] == "CRISPR")[scores.index]
    assert keys(window) == scores.index[is_gene].tolist()
    assert column(window, RANK) == [str(i + 1) for i in range(int(is_gene.sum()))]


# --- the map that is asked -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("level", "guide", "PLK1_guide_1"),
        ("align", "none", "PLK1"),
        ("average", "median", "PLK1"),
        ("metric", "euclidean", "PLK1"),
        ("embedding", OTHER, "PLK1"),
    ],
)
def test_each_setting_changes_the_answer(
    window: Window, data: Any, name: str, value: str, key: str
) -> None:
    click(window, "PLK1_guide_1")
    before = list(zip(keys(window), column(window, VALUE), strict=True))
    choose(window, name, value)
    table = expected(data, key, **{name: value})
    values = table["distance" if value == "euclidean" else "similarity"]
    after = list(zip(keys(window), column(window, VALUE), strict=True))
    assert after != before
    assert after == [(key, f"{value:.2f}") for key, value in values.items()]
    assert window.neighbors.panel.question.key.text() == key_in_words(key)
    assert not window.neighbors.panel.candidates.leave_out.isVisible()


def test_a_batch_without_controls_is_named_and_can_be_left_out(window: Window, data: Any) -> None:
    panel = window.neighbors.panel
    click(window, "PLK1_guide_1")
    assert not panel.candidates.leave_out.isVisible()
    choose(window, "batch", "plate")
    assert panel.candidates.note.isVisible()
    assert panel.candidates.note.text() == (
        "Not aligned: No EMPTY_control well with a vector to align by in gene-143 plate 3."
    )
    assert "not aligned" in window.explorer.numbers.card.head.text()
    assert keys(window) == expected(data, "PLK1", align="none", batch="plate").index.tolist()
    assert panel.candidates.leave_out.isVisible()
    window.click(panel.candidates.leave_out)
    window.settle()
    assert not panel.candidates.leave_out.isVisible()
    assert "gene-143 plate 3: 2 wells are left out." in panel.candidates.note.text()
    assert "16 wells, pca-centerscale" in window.explorer.numbers.card.head.text()
    table = expected(data, "PLK1", batch="plate", leave_out=True)
    assert column(window, VALUE) == [f"{value:.2f}" for value in table["similarity"]]


def test_other_controls_can_be_chosen(window: Window, data: Any) -> None:
    panel = window.neighbors.panel
    click(window, "Bortezomib", 2.5)
    choose(window, "control", "CRISPR_control")
    assert "No CRISPR_control well" in panel.candidates.note.text()
    assert "gene-001, gene-143" in panel.candidates.note.text()
    window.click(panel.candidates.leave_out)
    window.settle()
    table = expected(data, "Bortezomib@2.5", control="CRISPR_control", leave_out=True)
    assert keys(window) == table.index.tolist()
    assert set(keys(window)) == {"Bortezomib@0.25", "Aspirin@1", "TWIN"}
    n_left_out = sum(row["experiment_name"] != "compound-001" for row in window.screen.rows)
    assert f"{n_left_out} wells are left out" in panel.candidates.note.text()


def test_vectors_of_ones_own_are_added_by_the_file_dialog(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = window.neighbors.panel
    path = tmp_path / "mine & <b>yours.csv"
    table = pd.DataFrame(own_vectors(window.screen)).T.rename_axis("well_id")
    table.add_prefix("v").assign(remark="text").to_csv(path)
    click(window, "PLK1_guide_1")
    assert keys(window)[0] == BOLD
    add_vectors(window, path, monkeypatch)
    assert keys(window)[0] == "Aspirin@1"
    assert "Bortezomib@2.5" not in keys(window)
    assert window.session.query.embedding == "mine & <b>yours"
    assert panel.question.settings.embedding.value == "mine & <b>yours"
    assert window.explorer.status.message.text().startswith(
        f"mine & <b>yours: vectors of {len(table)} wells. "
    )
    assert "mine & <b>yours" in panel.question.settings.text()


def add_vectors(window: Window, path: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Click "Add vectors" in the form; the dialog gives a file."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    in_form(window, lambda form: window.click(form.add_vectors.native))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("well_id,v0\nsomewhere_1_B02,1\n", "is about other wells"),
        ("name,v0\nPLK1,1\n", "neither a well_id column"),
        ("well_id,name\ngene-001_1_B02,PLK1\n", "no column of numbers"),
        ("", "cannot be read"),
        (None, "is not there"),
    ],
)
def test_a_file_without_vectors_is_refused_with_a_sentence(
    window: Window,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    words: str,
) -> None:
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_text(content)
    click(window, "PLK1_guide_1")
    before, listed = rows(window), list(window.session.dataset.embeddings)
    add_vectors(window, path, monkeypatch)
    message = window.explorer.status.message.text()
    assert str(path) in message
    assert words in message
    assert message.endswith(".")
    assert rows(window) == before
    assert list(window.session.dataset.embeddings) == listed
    assert window.session.query.embedding == ""


def test_no_file_chosen_changes_nothing(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    click(window, "PLK1_guide_1")
    before = rows(window)
    add_vectors(window, "", monkeypatch)
    assert rows(window) == before
    assert window.explorer.status.message.text() == ""


# --- the card --------------------------------------------------------------------------------


LABELS = ("activity", "strength", "distance from controls", "consistency", "guide agreement")


def numbers(window: Window) -> dict[str, str]:
    """Return label and text of the numbers on the card."""
    lines = [line for line in window.explorer.numbers.card.numbers if line.isVisible()]
    texts = [line.text() for line in lines]
    labels = [next((n for n in LABELS if text.startswith(n)), "") for text in texts]
    return {n: text.removeprefix(n).strip() for n, text in zip(labels, texts, strict=True)}


def test_the_card_has_the_numbers_and_names_the_odd_guide(window: Window, data: Any) -> None:
    click(window, "ODD_guide_1")
    all_scores = data.phenomap().scores
    scores = all_scores.loc["ODD"]
    assert scores["odd_guide"] == "ODD_guide_4"
    n_active, n_tested = all_scores["is_active"].sum(), all_scores["activity_q"].notna().sum()
    assert n_active > 1
    assert numbers(window) == {
        "activity": f"{scores['activity']:.2f}",
        "strength": f"{scores['strength']:.2f}",
        "distance from controls": f"{scores['strength_cosine']:.2g}",
        "consistency": f"{scores['consistency']:.2f}",
        "guide agreement": f"{scores['agreement']:.2f}, not 4",
    }
    card = window.explorer.numbers.card
    assert card.of_map.text() == f"{n_active} of {n_tested} active at 5 %"
    assert "It is active: q " in plain(card.numbers[0].toolTip())
    assert "The odd one out: ODD_guide_4." in plain(card.numbers[3].toolTip())
    assert "of all pairs of its 16 wells" in plain(card.numbers[2].toolTip())
    assert "of all pairs of its 4 guides" in plain(card.numbers[3].toolTip())
    assert card.head.text() == "ODD gene, 16 wells, pca-centerscale"
    assert not card.doubts.isVisible()


@pytest.mark.sample
def test_the_card_tells_chance_and_what_is_missing(window: Window, data: Any) -> None:
    click(window, "GENE000_guide_1")
    scores = data.phenomap().scores.loc["GENE000"]
    assert scores["strength_p"] > 0.05
    assert numbers(window)["strength"] == f"{scores['strength']:.2f} (chance)"
    card = window.explorer.numbers.card
    flags = expected(data, "PLK1").loc["GENE000", "flags"]
    assert card.doubts.text() == ", ".join(flags)
    assert plain(card.doubts.toolTip()) == "\n".join(f"{flag}: {DOUBTS[flag]}" for flag in flags)
    click(window, "LONE2_guide_1")
    assert numbers(window)["consistency"] == numbers(window)["activity"] == "–"
    assert "guide agreement" not in numbers(window)


def test_links_open_on_click_only(window: Window, opened: list[str]) -> None:
    card = window.explorer.numbers.card
    click(window, "PLK1_guide_1")
    click_row(window, "Bortezomib@2.5")
    assert opened == []
    for link in card.links:
        window.click(link)
    assert opened == [link.url for link in links_for("CRISPR", "PLK1", "PLK1_guide_1", "")]
    click(window, "Bortezomib", 2.5)
    assert len(opened) == 2
    window.click(card.links[1])
    assert QUrl(opened[-1]).host() == "pubchem.ncbi.nlm.nih.gov"
    assert opened[-1].endswith("CC%28C%29C%5BC%40H%5D%28NC%28%3DO%29c1cnccn1%29B%28O%29O")


def test_a_blinded_gene_is_said_to_be_blinded(window: Window, opened: list[str]) -> None:
    click(window, f"{BLINDED}_guide_1")
    card = window.explorer.numbers.card
    assert is_blinded(BLINDED)
    assert card.head.text() == f"{BLINDED} blinded gene, 16 wells, pca-centerscale"
    assert not any(link.isVisible() for link in card.links)
    assert "guide agreement" in numbers(window)


# --- the plate by score ----------------------------------------------------------------------


def lightness(window: Window) -> pd.Series:
    """Return how light each well of the plate is drawn, by well; NaN if it has no color."""
    image, found = window.map.grab().toImage(), {}
    for well, address in window.session.dataset.wells_of_plate(window.session.plate)[
        "address"
    ].items():
        row, column = parse_address(address)
        place = window.map.wellRect(row * N_COLUMNS + column).center()
        color = image.pixelColor(place)
        found[well] = 0.299 * color.red() + 0.587 * color.green() + 0.114 * color.blue()
    return pd.Series(found)


def assert_drawn_by(window: Window, scores: pd.Series) -> None:
    """The larger the score of a well's perturbation, the lighter the well."""
    drawn = lightness(window)
    values = pd.Series(
        {
            row["well_id"]: scores.get(row["treatment"].split("_guide_")[0], np.nan)
            for row in window.screen.rows
            if row["well_id"] in drawn
        }
    ).dropna()
    wells = values.index.drop(window.session.well)
    assert len(wells) > 50
    assert values[wells].corr(drawn[wells], method="spearman") > 0.99


SCORE_WORDS = {
    "effect": "strength",
    "strength_cosine": "distance from controls",
    "consistency": "consistency",
    "agreement": "guide agreement",
}


def test_the_plate_is_colored_by_each_score_of_the_map_that_is_asked(
    window: Window, data: Any
) -> None:
    click(window, "PLK1_guide_1")
    box = window.explorer.plate_panel.color_by
    try:
        for score, word in SCORE_WORDS.items():
            pick(window, box, word)
            assert_drawn_by(window, data.phenomap().scores[score])
        choose(window, "align", "none")
        assert box.currentText() == word
        assert_drawn_by(window, data.phenomap(align="none").scores[score])
        window.session.go_to_plate(PlateId("gene-143", 2))
        window.settle()
        assert box.currentText() == word
        assert_drawn_by(window, data.phenomap(align="none").scores[score])
    finally:
        pick(window, box, "well type")


# --- the list as a file ----------------------------------------------------------------------

QUESTION = {
    "query": "PLK1",
    "order": "similar",
    "metric": "euclidean",
    "level": "perturbation",
    "align": "pca-centerscale",
    "average": "median",
    "batch": "experiment",
    "control": "EMPTY_control",
    "leave_out": False,
}


def test_the_list_is_copied_and_saved_with_verdicts_and_question(
    window: Window, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = window.neighbors.panel
    click(window, "PLK1_guide_1")
    choose(window, "average", "median")
    choose(window, "metric", "euclidean")
    path, asked = tmp_path / "list.csv", []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *args: asked.append(args[2]) or (str(path), "")
    )
    window.click(panel.candidates.save)
    assert asked == ["neighbors of PLK1.csv"]
    assert window.explorer.status.message.text() == f"Saved {path}."
    window.click(panel.candidates.copy)
    assert window.explorer.status.message.text() == f"Copied {len(keys(window))} rows."
    table = expected(data, "PLK1", average="median", metric="euclidean")
    for saved in (
        pd.read_csv(path),
        pd.read_csv(StringIO(QGuiApplication.clipboard().text()), sep="\t"),
    ):
        assert saved["key"].tolist() == table.index.tolist()
        assert saved["value"].to_numpy() == pytest.approx(table["distance"].to_numpy())
        for name in ("p_value", "q_value", "across", "across_rank", "n_compared", "n_wells"):
            assert saved[name].to_numpy() == pytest.approx(table[name].to_numpy(), nan_ok=True)
        assert saved["flags"].fillna("").tolist() == table["flags"].map("; ".join).tolist()
        for name, value in QUESTION.items():
            assert saved[name].unique().tolist() == [value]
        assert saved["embedding"].unique().tolist() == [data.default_embedding]


# --- names -----------------------------------------------------------------------------------


def test_a_gene_and_a_compound_of_one_name_are_told_apart(window: Window, data: Any) -> None:
    panel = window.neighbors.panel
    for treatment, key in (("TWIN_guide_1", "TWIN (CRISPR)"), ("TWIN", "TWIN (COMPOUND)")):
        click(window, treatment)
        assert keys(window) == expected(data, key).index.tolist()
        assert key not in keys(window)
        assert {row["query"] for row in table_of(panel.candidates.to_csv())} == {key}
    window.qtbot.keyClicks(panel.question.key, "x")
    panel.question.key.selectAll()
    window.qtbot.keyClicks(panel.question.key, "TWIN (CRISPR)")
    window.qtbot.keyClick(panel.question.key, Qt.Key.Key_Return)
    window.settle()
    assert window.session.well_row(window.session.well)["gene"] == "TWIN"
    click(window, "PLK1_guide_1")
    click_row(window, "TWIN (COMPOUND)")
    window.qtbot.keyClick(panel.candidates.table, Qt.Key.Key_Return)
    window.settle()
    assert window.session.well_row(window.session.well)["treatment"] == "TWIN"
    assert keys(window) == expected(data, "TWIN (COMPOUND)").index.tolist()


def table_of(text: str) -> list[dict[str, Any]]:
    return pd.read_csv(StringIO(text), keep_default_na=False).to_dict("records")

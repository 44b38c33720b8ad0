"""The hits tab, used as a person uses it: mouse, keys, real files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QColor, QFont, QFontMetrics
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QInputDialog,
    QSpinBox,
    QToolTip,
    QWidget,
)

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.display import DEFAULT_TAGS, display
from napari_rxrx3.core.plate import N_COLUMNS
from napari_rxrx3.gui.hits.hits_panel import HitsPanel
from napari_rxrx3.gui.hits.hits_table import HitsModel
from napari_rxrx3.gui.hits.reviewers import AgreementWindow
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks
from napari_rxrx3.hits.hit import Hit
from napari_rxrx3.session import Session
from samples import soak
from test_plate_map import cut, image_of
from window import Window

GENES = tuple(f"GENE{i:02d}" for i in range(36))
Key = Qt.Key
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def screen_rows() -> list[b.Row]:
    """A gene plate of 228 wells and a compound plate of 26."""
    place = (f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48))
    rows = [b.guide_row("gene-001", 1, next(place), g, i) for g in GENES for i in range(1, 7)]
    rows += [b.control_row("gene-001", 1, next(place)) for _ in range(12)]
    place = (f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48))
    for name in ("Bortezomib", "Volasertib", "Ispinesib"):
        rows += [b.dose_row("compound-001", 1, next(place), name, d) for d in (0.025, 0.25, 2.5)]
        rows.append(b.dose_row("compound-001", 1, next(place), name, 10.0))
    rows += [b.control_row("compound-001", 1, next(place)) for _ in range(14)]
    return rows


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    screen = b.Screen.of(screen_rows(), 8, dim=6)
    for row in screen.rows:  # the higher its number, the stronger a gene
        if str(row["gene"]).startswith("GENE"):
            strength = int(row["gene"][-2:]) / 4
            screen.vectors[row["well_id"]] += np.array([strength, 0, -strength, 0, 0, 0], "float32")
    return screen


@pytest.fixture(scope="module")
def root(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return screen.write_rxrx3(tmp_path_factory.mktemp("hits") / "screen")


@pytest.fixture(scope="module")
def data(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rx.open_dataset(root, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test hits of its own, and the tags their own names back."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    display.reset()


@dataclass
class Side:
    """The panel with a session of its own."""

    panel: HitsPanel
    session: Session
    tasks: Tasks
    qtbot: Any

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: self.tasks.is_idle, timeout=20_000)

    def open(self, data: Any) -> None:
        self.session.open(data)
        self.settle()

    def click(self, widget: Any) -> None:
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def press(self, keys: str) -> None:
        for key in keys:
            self.qtbot.keyClick(self.panel.table, getattr(Key, f"Key_{key}"))

    def choose(self, entry: Any) -> None:
        """Choose an entry of the queue's menu, which must be on offer."""
        self.panel.queue_menu.aboutToShow.emit()
        assert entry.isEnabled()
        entry.trigger()
        self.settle()

    def write(self, note: str) -> None:
        self.panel.note.setFocus()
        self.panel.note.selectAll()
        self.qtbot.keyClicks(self.panel.note, note)

    @property
    def review(self) -> Any:
        return self.session.review

    @property
    def tags(self) -> dict[str, int]:
        return {well: hit.tag for well, hit in self.review.hits.items()}

    @property
    def counts(self) -> list[int]:
        return [button.count for button in self.panel.tags.buttons]

    @property
    def checked(self) -> list[int]:
        return [b.tag.number for b in self.panel.tags.buttons if b.isChecked()]

    @property
    def listed(self) -> list[str]:
        return [hit.well_id for hit in self.panel.model.hits]

    @property
    def place(self) -> str:
        return self.panel.bar.place.text()


@pytest.fixture
def empty_side(qtbot: Any) -> Iterator[Side]:
    session, tasks = Session(), Tasks()
    group = TaskGroup(tasks)
    panel = HitsPanel(session, group)
    qtbot.addWidget(panel)
    panel.resize(390, 400)
    panel.show()
    yield Side(panel, session, tasks, qtbot)
    group.end()
    tasks.close(wait=True)


@pytest.fixture
def side(empty_side: Side, data: Any) -> Side:
    empty_side.open(data)
    return empty_side


def gene_wells(data: Any) -> list[str]:
    wells = data.known_wells
    return wells.index[wells["experiment_name"] == "gene-001"].tolist()


# -- tags -----------------------------------------------------------------------------------------


def test_without_a_data_set_there_is_nothing_to_do(empty_side: Side, data: Any) -> None:
    panel = empty_side.panel
    assert not panel.tags.isEnabled()
    assert not panel.note.isEnabled()
    empty_side.press("1")
    empty_side.open(data)
    assert panel.tags.isEnabled()
    assert empty_side.tags == {}
    assert "no queue" in empty_side.place
    empty_side.session.open(None)
    assert not panel.tags.isEnabled()


def test_a_click_on_a_tag_tags_the_well_on_screen(side: Side) -> None:
    well = side.session.well
    side.click(side.panel.tags.buttons[2])
    assert side.tags == {well: 3}
    assert (side.counts, side.checked) == ([0, 0, 1, 0, 0], [3])
    assert side.listed == [well]
    side.click(side.panel.tags.buttons[0])
    assert (side.tags, side.checked) == ({well: 1}, [1])
    side.click(side.panel.tags.buttons[0])
    assert (side.tags, side.checked, side.listed) == ({}, [], [])


def test_a_tag_is_on_the_disk_at_once_with_limits_and_scores(side: Side, data: Any) -> None:
    scores = data.phenomap().scores_at(np.arange(len(data.known_wells)))
    side.session.set_phenomap(data.phenomap())
    limits = tuple((float(i), 100.0 + i) for i in range(6))
    side.session.set_limits(limits)
    well = gene_wells(data)[60]
    side.session.select_well(well)
    side.press("4")
    kept = json.loads(side.review.path.read_text(encoding="utf-8"))["hits"][well]
    assert (kept["tag"], kept["perturbation"]) == (4, "GENE10")
    assert kept["limits"] == [list(pair) for pair in limits]
    expected = scores["strength"].iloc[data.listed.position_of(well)]
    assert kept["scores"]["strength"] == pytest.approx(expected)
    texts = [side.panel.model.index(0, c).data() for c in range(4)]
    assert texts == ["", "GENE10", well, pytest.approx(texts[3])]
    assert float(texts[3]) == pytest.approx(expected, abs=0.05)


def test_keys_tag_untag_undo_and_redo(side: Side) -> None:
    well = side.session.well
    side.press("5")
    assert side.tags == {well: 5}
    side.press("0")
    assert side.tags == {}
    for modifier, tags in ((CTRL, {well: 5}), (CTRL, {}), (CTRL | SHIFT, {well: 5})):
        side.qtbot.keyClick(side.panel.table, Key.Key_Z, modifier)
        assert side.tags == tags
    side.click(side.panel.bar.redo)
    assert side.tags == {}
    assert not side.panel.bar.redo.isEnabled()
    side.click(side.panel.bar.undo)
    assert side.tags == {well: 5}


def test_digits_above_shift_are_tags_too(side: Side) -> None:
    side.qtbot.keyClick(side.panel.table, Key.Key_2, SHIFT)
    assert side.tags == {side.session.well: 2}


def test_undo_shows_the_well_it_is_about(side: Side, data: Any) -> None:
    first, second = gene_wells(data)[:2]
    for well, key in ((first, "1"), (second, "2")):
        side.session.select_well(well)
        side.press(key)
    side.session.select_well(gene_wells(data)[30])
    for well in (second, first):
        side.click(side.panel.bar.undo)
        assert side.session.well == well
        assert side.checked == []
    assert not side.panel.bar.undo.isEnabled()


def test_every_tag_says_its_name_key_and_count(side: Side) -> None:
    side.press("2")
    names = [button.accessibleName() for button in side.panel.tags.buttons]
    assert names == [
        f"{number} {tag.name}, {'1 well' if number == 2 else '0 wells'}"
        for number, tag in enumerate(DEFAULT_TAGS, start=1)
    ]
    display.set_tag(2, "<b>odd<", "#102030")
    button = side.panel.tags.buttons[1]
    assert button.accessibleName() == "2 <b>odd<, 1 well"
    assert "&lt;b&gt;odd" in button.toolTip()
    pixels = image_of(button)
    assert (pixels[1, -2] == (0x10, 0x20, 0x30)).all(), "the tag of the well fills its button"
    assert side.panel.filter.tag.menu().actions()[2].text() == "<b>odd<"


# -- the queue ------------------------------------------------------------------------------------


def take(side: Side, text: str) -> None:
    """Choose from the queue's menu, which is open, by keys."""
    menu = side.panel.queue_menu
    for _ in menu.actions():
        if menu.activeAction() is not None and menu.activeAction().text() == text:
            break
        side.qtbot.keyClick(menu, Key.Key_Down)
    side.qtbot.keyClick(menu, Key.Key_Return)
    menu.close()


@pytest.mark.parametrize("n_wells", [40, soak(200)])
def test_many_wells_by_keyboard_only(side: Side, data: Any, n_wells: int) -> None:
    side.session.select_well(gene_wells(data)[0])
    side.panel.bar.choose.setFocus()
    QTimer.singleShot(0, lambda: take(side, "This plate: gene-001 plate 1"))
    side.qtbot.keyClick(side.panel.bar.choose, Key.Key_Space)
    side.qtbot.waitUntil(lambda: side.place == "1 of 228 · gene-001 plate 1", timeout=20_000)
    given = {}
    for i in range(n_wells):
        given[side.session.well] = i % 5 + 1
        side.press(str(i % 5 + 1))
    assert len(given) == n_wells
    assert side.place.startswith(f"{n_wells + 1} of 228")
    assert side.tags == given
    assert side.counts == [n_wells / 5] * 5
    for _ in range(n_wells):
        side.qtbot.keyClick(side.panel.table, Key.Key_Z, CTRL)
    assert side.tags == {}
    assert side.place.startswith("1 of 228"), "undo leads back through the queue"


def test_the_queue_goes_on_where_it_was(side: Side, data: Any, qtbot: Any) -> None:
    side.session.select_well(gene_wells(data)[0])
    side.choose(side.panel.queue_menu.plate)
    side.press("123")
    well = side.session.well
    session, group = Session(), TaskGroup(side.tasks)
    other = Side(HitsPanel(session, group), session, side.tasks, qtbot)
    qtbot.addWidget(other.panel)
    other.open(data)
    assert side.place == "4 of 228 · gene-001 plate 1"
    assert other.place == "] back to 4 of 228 · gene-001 plate 1"
    assert other.tags == side.tags
    assert other.session.well != well, "what is on screen is left alone"
    other.click(other.panel.bar.next)
    assert other.session.well == well, "to go on begins where it was"
    assert other.place == side.place
    group.end()


def test_steps_end_at_the_ends(side: Side) -> None:
    said: list[str] = []
    side.session.message_changed.connect(said.append)
    side.panel.reviewing.step(1)
    assert "no queue" in said[-1]
    side.choose(side.panel.queue_menu.plate)
    assert not side.panel.bar.previous.isEnabled()
    side.panel.reviewing.step(-1)
    assert "the first of 26" in said[-1]
    for _ in range(25):
        side.click(side.panel.bar.next)
    assert side.place.startswith("26 of 26")
    assert not side.panel.bar.next.isEnabled()
    side.press("1")
    assert "the last of 26" in said[-1]
    assert side.tags == {side.session.well: 1}


def test_who_looks_elsewhere_does_not_lose_the_place(side: Side, data: Any) -> None:
    side.choose(side.panel.queue_menu.plate)
    wells = [item.well_id for item in side.review.queue.items]
    menu = side.panel.queue_menu
    menu.aboutToShow.emit()
    assert not menu.here.isEnabled()
    for elsewhere in (wells[7], gene_wells(data)[0]):
        side.session.select_well(elsewhere)
        side.press("1")
        assert side.session.well == elsewhere, "there is no next one to go on to"
        assert side.place.startswith("] back to 1 of 26")
        side.click(side.panel.bar.next)
        assert side.session.well == wells[0]
    side.session.select_well(wells[7])
    side.choose(menu.here)
    assert side.place.startswith("8 of 26")
    side.press("2")
    assert side.session.well == wells[8]
    side.session.select_well(gene_wells(data)[0])
    menu.aboutToShow.emit()
    assert not menu.here.isEnabled()


def test_lists_that_become_queues(side: Side, data: Any) -> None:
    menu, wells = side.panel.queue_menu, gene_wells(data)
    menu.aboutToShow.emit()
    offered = (menu.found, menu.selected, menu.listed, menu.end)
    assert not any(entry.isEnabled() for entry in offered)
    side.session.select_well(wells[3])
    side.session.select_wells([wells[9], wells[3], wells[5]])
    side.choose(menu.selected)
    assert [item.well_id for item in side.review.queue.items] == [wells[3], wells[5], wells[9]]
    side.press("12")
    side.choose(menu.listed)
    assert [item.well_id for item in side.review.queue.items] == [wells[5], wells[3]]
    side.session.ask(all_doses=True)
    side.choose(menu.neighbors)
    expected = data.phenomap().nearest("GENE00", 50)["key"].tolist()
    assert [item.label for item in side.review.queue.items] == expected
    assert "similar to GENE00" in side.place
    assert side.session.key_of_well(side.session.well) == expected[0]
    side.choose(menu.end)
    assert len(side.review.queue) == 0
    assert "no queue" in side.place


@pytest.mark.parametrize("order", ["strongest", "most consistent"])
def test_the_best_of_the_map_become_a_queue(side: Side, data: Any, order: str) -> None:
    menu = side.panel.queue_menu.scores[order]
    box = menu.findChild(QSpinBox)
    box.setValue(7)
    genes = next(action for action in menu.actions() if action.text() == "Genes")
    side.choose(genes)
    scores = data.phenomap().scores
    column = "effect" if order == "strongest" else "consistency"
    labels = [item.label for item in side.review.queue.items]
    assert len(labels) == 7
    assert scores.loc[labels, column].is_monotonic_decreasing, "as the neighbor list orders them"
    assert set(labels) <= set(GENES)
    if order == "strongest":
        assert labels[0] in GENES[-6:]


def test_a_file_becomes_a_queue_and_what_is_unknown_is_named(
    side: Side, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    side.session.message_changed.connect(said.append)
    path = tmp_path / "my list.csv"
    well = gene_wells(data)[100]
    path.write_text(f"name\nGENE07\n{well}\nNOSUCH\nBortezomib@2.5\n", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    side.choose(side.panel.queue_menu.file)
    items = side.review.queue.items
    assert [side.session.key_of_well(item.well_id) for item in items][::2] == [
        "GENE07",
        "Bortezomib@2.5",
    ]
    assert items[1].well_id == well
    assert "NOSUCH" in said[-1]
    assert "NOSUCH" in side.panel.bar.place.toolTip()
    path.write_text("name\nNOSUCH\n", encoding="utf-8")
    side.choose(side.panel.queue_menu.file)
    assert "NOSUCH" in said[-1]
    assert side.review.queue.items == items, "the queue that there is stays"


def test_from_elsewhere_both_arrows_lead_back_to_the_last_well(side: Side, data: Any) -> None:
    side.choose(side.panel.queue_menu.plate)
    side.review.go_to(len(side.review.queue) - 1)
    last = side.review.queue.current.well_id
    for arrow in (side.panel.bar.next, side.panel.bar.previous):
        side.session.select_well(gene_wells(data)[0])
        side.click(arrow)
        assert side.session.well == last


# -- notes ----------------------------------------------------------------------------------------


def test_a_note_is_kept_and_digits_in_it_are_text(side: Side) -> None:
    well = side.session.well
    side.qtbot.keyClick(side.panel.table, Key.Key_Return)
    assert side.panel.window().focusWidget() is side.panel.note
    side.qtbot.keyClicks(side.panel.note, "1 of 2 cells")
    side.qtbot.keyClick(side.panel.note, Key.Key_Return)
    assert side.review.hit(well).note == "1 of 2 cells"
    assert side.tags == {well: 0}
    assert side.panel.window().focusWidget() is side.panel.table
    side.press("3")
    assert side.review.hit(well).note == "1 of 2 cells"
    assert "1 of 2 cells" in side.review.path.read_text(encoding="utf-8")


def test_what_is_typed_is_kept_in_a_pause(side: Side) -> None:
    well = side.session.well
    side.write("round ")
    side.qtbot.waitUntil(lambda: side.review.hit(well).note == "round", timeout=5000)
    assert side.panel.note.text() == "round ", "whoever types on finds it as it was"
    side.qtbot.keyClicks(side.panel.note, "cells")
    side.panel.hide()
    assert side.review.hit(well).note == "round cells"


def test_what_is_typed_belongs_to_the_well_it_was_typed_for(side: Side, data: Any) -> None:
    before, after = side.session.well, gene_wells(data)[4]
    side.write("of the first")
    side.session.select_well(after)
    assert side.review.hit(before).note == "of the first"
    assert side.review.hit(after).note == ""
    assert side.panel.note.text() == ""
    side.write("nonsense")
    side.qtbot.keyClick(side.panel.note, Key.Key_Escape)
    assert side.panel.note.text() == ""
    side.session.select_well(before)
    assert side.review.hit(after).note == ""
    assert side.panel.note.text() == "of the first"
    side.click(side.panel.bar.undo)
    assert side.panel.note.text() == ""


def test_what_is_being_typed_outlives_the_data_set_on_screen(side: Side) -> None:
    well, review = side.session.well, side.review
    side.write("just typed")
    side.session.open(None)
    assert review.hit(well).note == "just typed"
    assert "just typed" in review.path.read_text(encoding="utf-8")


def test_what_is_being_typed_is_not_the_next_reviewers(side: Side) -> None:
    well, first = side.session.well, side.review
    side.panel.opener.open(reviewer="Ben")
    side.write("of the first")
    side.settle()
    assert side.review.reviewer == "Ben"
    assert first.hit(well).note == "of the first"
    assert side.review.hit(well).note == ""


def test_a_note_of_several_lines_stays_so(side: Side) -> None:
    well = side.session.well
    QApplication.clipboard().setText("=1+1\n<b>round</b> \U0001f9ec")
    side.panel.note.setFocus()
    side.panel.note.paste()
    side.qtbot.keyClicks(side.panel.note, "!")
    side.panel.note.keep()
    assert side.review.hit(well).note == "=1+1\n<b>round</b> \U0001f9ec!"
    assert "&lt;b&gt;round" in side.panel.model.index(0, 1).data(Qt.ItemDataRole.ToolTipRole)


# -- the table ------------------------------------------------------------------------------------


def test_filter_and_sort(side: Side, data: Any) -> None:
    wells = gene_wells(data)
    decided = ((wells[0], "1", "b dark"), (wells[60], "2", ""), (wells[120], "1", "a dark"))
    for well, tag, note in decided:
        side.session.select_well(well)
        side.press(tag)
        if note:
            side.write(note)
    side.panel.note.keep()
    newest_first = [wells[120], wells[60], wells[0]]
    assert side.listed == newest_first
    words = side.panel.filter.words
    for text, expected in (
        ("dark", [wells[120], wells[0]]),
        ("DARK gene20", [wells[120]]),
        ("maybe", [wells[60]]),
        ("no such", []),
        ("", newest_first),
    ):
        words.setText(text)
        assert side.listed == expected
    menu = {action.text(): action for action in side.panel.filter.tag.menu().actions()}
    menu["hit"].trigger()
    assert side.listed == [wells[120], wells[0]]
    assert side.panel.filter.tag.text().strip() == "hit"
    menu["all tags"].trigger()
    header = side.panel.table.horizontalHeader()
    for column, expected in (
        (0, [wells[120], wells[0], wells[60]]),
        (1, [wells[0], wells[60], wells[120]]),
        (6, [wells[60], wells[120], wells[0]]),
    ):
        side.panel.table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
        assert side.listed == expected
        assert header.sortIndicatorSection() == column
    menu["Newest first"].trigger()
    assert side.listed == newest_first
    assert words.placeholderText() == "filter 3 hits"


def test_hits_without_a_score_come_last_in_either_order(qtbot: Any) -> None:
    model = HitsModel()
    hits = [Hit(f"w{i}", "G", 1, strength=s) for i, s in enumerate((0.5, np.nan, 7.0, -1.0))]
    model.set_hits([*hits, Hit("gone")])
    for order, expected in (
        (Qt.SortOrder.AscendingOrder, ["w3", "w0", "w2", "w1"]),
        (Qt.SortOrder.DescendingOrder, ["w2", "w0", "w3", "w1"]),
    ):
        model.sort(3, order)
        assert [hit.well_id for hit in model.hits] == expected
    assert [model.index(row, 3).data() for row in range(4)] == ["7.0", ".50", "-1.0", ""]
    assert model.n_all == 4


def test_rows_lead_to_their_wells_and_follow_them(side: Side, data: Any) -> None:
    wells = gene_wells(data)[:3]
    for well in wells:
        side.session.select_well(well)
        side.press("1")
    table = side.panel.table
    assert table.currentIndex().row() == 0
    for row in (1, 2):
        side.qtbot.keyClick(table, Key.Key_Down)
        assert table.currentIndex().row() == row
        assert side.session.well == wells[2 - row]
    side.session.select_well(wells[1])
    assert table.currentIndex().row() == 1
    side.session.select_well(gene_wells(data)[40])
    assert not table.currentIndex().isValid()


@pytest.mark.parametrize("points", [9, 12])
@pytest.mark.parametrize("width", [330, 376, 520, 700])
def test_titles_are_whole_and_leave_names_room(side: Side, points: int, width: int) -> None:
    side.press("1")
    font = QFont(side.panel.font())
    font.setPointSize(points)
    table = side.panel.table
    for widget in (side.panel, *side.panel.findChildren(QWidget)):
        widget.setFont(font)
    side.panel.resize(width, 400)
    side.qtbot.waitUntil(lambda: side.panel.width() == width)
    header, model, metrics = table.horizontalHeader(), side.panel.model, QFontMetrics(font)
    shown = [c for c in range(model.columnCount()) if not table.isColumnHidden(c)]
    titles = {c: model.headerData(c, Qt.Orientation.Horizontal) for c in shown}
    for column in shown:
        assert header.sectionSize(column) >= metrics.horizontalAdvance(titles[column])
    assert {"name", "well", "strength", "note"} <= set(titles.values())
    assert table.columnWidth(1) >= metrics.horizontalAdvance("Bortezomib")
    assert table.columnWidth(2) >= metrics.horizontalAdvance("AF48")
    assert sum(map(table.columnWidth, shown)) <= table.viewport().width()
    for button in side.panel.tags.buttons:
        assert button.width() >= button.sizeHint().width()


def test_a_dose_is_never_cut(side: Side, data: Any) -> None:
    wells = data.known_wells
    well = wells.index[(wells["treatment"] == "Bortezomib") & (wells["concentration"] == 0.025)][0]
    side.session.select_well(well)
    side.press("1")
    assert side.panel.model.index(0, 1).data() == "Bortezomib 0.025 µM"
    assert side.panel.table.horizontalScrollBar().maximum() == 0


def test_every_column_is_explained(side: Side) -> None:
    side.press("1")
    model = side.panel.model
    tips = [
        model.headerData(c, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        for c in range(model.columnCount())
    ]
    assert len(set(tips)) == model.columnCount()
    assert "hit" in model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "hit"


# -- files, reviewers, places ---------------------------------------------------------------------


def test_export_and_import(
    side: Side, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    side.session.message_changed.connect(said.append)
    menu = side.panel.more_menu
    menu.aboutToShow.emit()
    assert not menu.export.isEnabled()
    well = side.session.well
    side.press("2")
    side.write('=odd, "quoted"')
    side.panel.note.keep()
    path = tmp_path / "out.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    menu.aboutToShow.emit()
    menu.export.trigger()
    side.settle()
    assert "1 hit" in said[-1]
    assert pd.read_csv(path)["well_id"].tolist() == [well]
    for _ in range(2):
        side.click(side.panel.bar.undo)
    assert side.tags == {}
    menu.imports.trigger()
    side.settle()
    assert side.tags == {well: 2}
    assert side.review.hit(well).note == '=odd, "quoted"'
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    menu.imports.trigger()
    side.settle()
    assert "well_id" in said[-1]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path), ""))
    menu.export.trigger()
    side.settle()
    assert str(tmp_path) in said[-1]
    assert "cannot be written" in said[-1]


def test_an_import_is_undone_as_one_and_says_so(side: Side, data: Any, tmp_path: Path) -> None:
    wells = gene_wells(data)[:2]
    rows = "".join(f"{well},3\n" for well in wells)
    path = b.write(tmp_path / "in.csv", f"well_id,tag\n{rows}".encode())
    side.panel.more_menu.import_csv(str(path))
    side.settle()
    assert side.tags == dict.fromkeys(wells, 3)
    side.click(side.panel.bar.undo)
    assert side.tags == {}
    assert side.session.message == "2 hits changed."


def test_each_reviewer_has_hits_of_their_own(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    well = side.session.well
    names = iter([("Anna Ä", True), ("", False), ("Ben", True), ("anna ä", True)])
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: next(names))
    menu = side.panel.more_menu
    menu.reviewer.trigger()
    side.settle()
    side.press("1")
    for reviewer, tags in (("Anna Ä", {well: 1}), ("Ben", {}), ("anna ä", {well: 1})):
        if reviewer == "Ben":
            menu.reviewer.trigger()  # nothing is chosen, nothing changes
            assert side.review.reviewer == "Anna Ä"
        if reviewer != "Anna Ä":
            menu.reviewer.trigger()
            side.settle()
        assert (side.review.reviewer, side.tags) == (reviewer, tags)
        menu.aboutToShow.emit()
        assert menu.reviewer.text() == f"Reviewer: {reviewer} …"


def test_another_folder(
    side: Side, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side.press("1")
    old = side.review.path
    assert home in old.parents
    shared = tmp_path / "shared folder"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(shared))
    side.panel.more_menu.place.trigger()
    assert shared in side.review.path.parents
    assert old.exists()
    side.press("2")
    dataset, tags = side.session.dataset, side.tags
    side.open(None)
    side.open(dataset)
    assert shared in side.review.path.parents, "it is remembered"
    assert side.tags == tags
    side.panel.more_menu.aboutToShow.emit()
    assert side.panel.more_menu.usual.isVisible()
    side.panel.more_menu.usual.trigger()
    assert side.review.path == old
    assert side.tags == tags


def test_a_folder_on_a_disk_that_is_away_is_not_made_anew(
    side: Side, data: Any, tmp_path: Path
) -> None:
    shared, away = tmp_path / "disk" / "hits", tmp_path / "away"
    side.panel.opener.move_to(shared)
    side.press("1")
    shared.parent.rename(away)
    well, place = side.session.well, str(shared)
    side.press("2")
    assert place in side.panel.trouble.sentence
    assert side.tags == {well: 2}
    side.open(None)
    side.open(data)
    assert side.review is None
    assert place in side.panel.trouble.sentence
    assert not shared.parent.exists()
    away.rename(shared.parent)
    side.click(side.panel.trouble.retry)
    side.settle()
    assert side.tags == {well: 2}, "what was decided meanwhile too"


def test_a_disk_that_cannot_be_written_costs_nothing(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    well, path = side.session.well, side.review.path
    path.mkdir(parents=True)  # where the file should be
    side.press("1")
    assert str(path) in side.panel.trouble.sentence
    assert side.panel.trouble.isVisible()
    assert (side.tags, side.checked) == ({well: 1}, [1])
    side.click(side.panel.trouble.retry)
    assert side.panel.trouble.isVisible()
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("Ben", True))
    side.panel.more_menu.reviewer.trigger()
    side.settle()
    assert "Not changed" in side.session.message
    assert side.tags == {well: 1}, "what is not saved is not let go"
    path.rmdir()
    side.click(side.panel.trouble.retry)
    assert not side.panel.trouble.isVisible()
    assert json.loads(path.read_text(encoding="utf-8"))["hits"][well]["tag"] == 1
    path.unlink()
    path.mkdir()
    side.press("2")
    assert side.panel.trouble.isVisible()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "other"))
    side.click(side.panel.trouble.place)
    assert not side.panel.trouble.isVisible()
    assert json.loads(side.review.path.read_text(encoding="utf-8"))["hits"][well]["tag"] == 2


def test_hits_of_a_closed_data_set_that_could_not_be_saved_are_not_forgotten(
    side: Side, data: Any
) -> None:
    well, path = side.session.well, side.review.path
    path.mkdir(parents=True)
    side.press("1")
    side.open(None)
    assert str(path) in side.panel.trouble.sentence
    path.rmdir()
    side.click(side.panel.trouble.retry)
    assert not side.panel.trouble.isVisible()
    assert json.loads(path.read_text(encoding="utf-8"))["hits"][well]["tag"] == 1
    side.open(data)
    assert side.tags == {well: 1}


def test_a_file_of_a_newer_version_is_left_alone(side: Side, tmp_path: Path) -> None:
    side.press("1")
    path, dataset = side.review.path, side.session.dataset
    kept = json.loads(path.read_text(encoding="utf-8")) | {"version": 99}
    path.write_text(json.dumps(kept), encoding="utf-8")
    side.open(None)
    side.open(dataset)
    assert side.review is None
    assert str(path) in side.panel.trouble.sentence
    assert "newer" in side.panel.trouble.sentence
    assert not side.panel.tags.isEnabled()
    assert json.loads(path.read_text(encoding="utf-8")) == kept
    kept["version"] = 1
    path.write_text(json.dumps(kept), encoding="utf-8")
    side.click(side.panel.trouble.retry)
    side.settle()
    assert side.tags == {side.session.well: 1}
    assert not side.panel.trouble.isVisible()


def test_two_windows_see_what_the_other_does(side: Side, data: Any, qtbot: Any) -> None:
    session, group = Session(), TaskGroup(side.tasks)
    other = Side(HitsPanel(session, group), session, side.tasks, qtbot)
    qtbot.addWidget(other.panel)
    other.open(data)
    wells = gene_wells(data)[:2]
    for each, well, key in ((side, wells[0], "1"), (other, wells[1], "2")):
        each.session.select_well(well)
        each.press(key)
    assert other.tags == {wells[0]: 1, wells[1]: 2}
    side.panel.activateWindow()
    qtbot.waitUntil(lambda: side.tags == other.tags, timeout=5000)
    assert side.counts == [1, 1, 0, 0, 0]
    group.end()


# -- two reviewers --------------------------------------------------------------------------------


@pytest.fixture
def two(side: Side, data: Any, monkeypatch: pytest.MonkeyPatch) -> Side:
    """Ben and Anna have tagged the first four wells; they differ on two of them."""
    for name, keys in (("Ben", "1122"), ("Anna", "1134")):
        monkeypatch.setattr(QInputDialog, "getText", lambda *_, name=name, **__: (name, True))
        side.panel.more_menu.reviewer.trigger()
        side.settle()
        for well, key in zip(gene_wells(data)[:4], keys, strict=True):
            side.session.select_well(well)
            side.press(key)
    side.session.select_well(gene_wells(data)[2])
    side.write("=sick & <b>round<")
    side.panel.note.keep()
    return side


def compare(side: Side) -> AgreementWindow:
    menu = side.panel.more_menu
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.others.actions()][-1] == "A file …"
    next(a for a in menu.others.actions() if "ben" in a.text().casefold()).trigger()
    side.settle()
    return side.panel.findChild(AgreementWindow)


def test_how_far_two_reviewers_agree(two: Side, data: Any, tmp_path: Path) -> None:
    wells, window = gene_wells(data)[:4], compare(two)
    assert window.isVisible()
    assert window.windowTitle() == "Anna and Ben"
    assert "2 of 4 wells have the same tag" in window.words.text()
    assert "Cohen's kappa is 0.33" in window.words.text()  # (1/2 - 1/4) / (1 - 1/4)
    texts = [row.texts for row in window.table.rows()]
    assert texts == [
        ("GENE00", wells[2], "look again", "maybe"),
        ("GENE00", wells[3], "toxic", "maybe"),
    ]
    assert "=sick & <b>round<" in window.table.rows()[0].tip
    window.table.setFocus()
    two.qtbot.keyClick(window.table, Key.Key_Down)
    two.qtbot.keyClick(window.table, Key.Key_Down)
    assert two.session.well == wells[3]
    window.save_csv(tmp_path / "differ.csv")
    saved = pd.read_csv(tmp_path / "differ.csv")
    assert saved["Anna"].tolist() == [3, 4]
    assert saved["Ben"].tolist() == [2, 2]
    assert saved["note of Anna"][0] == "'=sick & <b>round<", "no formula"
    two.click(window.review)
    assert [item.well_id for item in two.review.queue.items] == wells[2:]
    assert two.session.well == wells[2]
    two.session.open(None)
    two.qtbot.waitUntil(lambda: two.panel.findChild(AgreementWindow) is None)


def test_a_file_that_is_no_reviewers_is_said(
    two: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "else.json"
    path.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    two.panel.more_menu.aboutToShow.emit()
    two.panel.more_menu.others.actions()[-1].trigger()
    two.settle()
    assert str(path) in two.session.message
    assert two.panel.findChild(AgreementWindow) is None


# -- in the window --------------------------------------------------------------------------------


@pytest.fixture
def window(open_window: Callable[..., Window], screen: b.Screen, root: Path) -> Window:
    window = open_window(root, screen)
    window.qtbot.waitUntil(lambda: window.session.review is not None, timeout=20_000)
    return window


def press(window: Window, key: str) -> None:
    """Press a key where the focus is."""
    window.qtbot.keyClick(QApplication.focusWidget(), getattr(Key, f"Key_{key}"))
    window.settle()


def test_keys_walk_and_tag_wherever_they_should(window: Window) -> None:
    main, panel = window.viewer.window._qt_window, window.explorer.hits
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5000)
    window.click_well("B02")
    window.map.setFocus()
    press(window, "H")
    assert window.explorer.tabs.currentWidget() is panel
    panel.queue_menu.plate.trigger()
    window.settle()
    shown = [layer.visible for layer in window.stains]
    review, wells = window.session.review, []
    for key in "1230":
        wells.append(window.session.well)
        press(window, key)
        assert window.shows(window.session.well)
    assert [review.hit(well).tag for well in wells] == [1, 2, 3, 0]
    assert window.session.well == wells[3], "who takes a tag away stays"
    assert [layer.visible for layer in window.stains] == shown, "digits were tags"
    window.map.setFocus()
    for key, well in (("BracketLeft", wells[2]), ("BracketRight", wells[3])):
        press(window, key)
        assert window.shows(well)
    window.turn_to(window.explorer.numbers)
    window.click_well("B06")
    press(window, "2")
    assert [layer.visible for layer in window.stains] != shown, "elsewhere they are stains"
    assert review.hit(window.session.well).tag == 0


@pytest.mark.soak
def test_the_numbers_of_tags_are_shown_where_they_are_keys(window: Window) -> None:
    main, panel = window.viewer.window._qt_window, window.explorer.hits
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5000)
    window.click_well("B02")
    window.map.setFocus()
    press(window, "H")
    with_number = image_of(panel.tags.buttons[0])
    for widget, is_key in ((panel.note, False), (panel.tags.buttons[3], True), (window.map, True)):
        widget.setFocus()
        is_alike = np.array_equal(image_of(panel.tags.buttons[0]), with_number)
        assert is_alike == is_key


@pytest.mark.soak
def test_the_map_marks_tagged_wells(window: Window) -> None:
    panel, plate_map = window.explorer.hits, window.map
    window.click_well("B03")
    well = window.session.well
    plain = cut(image_of(plate_map), plate_map, N_COLUMNS + 2)
    panel.tags.buttons[3].click()
    window.click_well("C05")
    marked = cut(image_of(plate_map), plate_map, N_COLUMNS + 2)
    corner = QColor(DEFAULT_TAGS[3].color).getRgb()[:3]
    assert tuple(marked[1, -2]) == corner
    assert (marked[-1, 0] == plain[-1, 0]).all(), "the color of the well can still be seen"
    display.set_tag(4, "dead", "#123456")
    marked = cut(image_of(plate_map), plate_map, N_COLUMNS + 2)
    assert tuple(marked[1, -2]) == (0x12, 0x34, 0x56)
    window.session.review.set_note(well, "few cells")
    assert "\ndead\nfew cells" in window.explorer.plate_panel._describe(N_COLUMNS + 2)
    window.session.review.tag(well, 0)
    unmarked = cut(image_of(plate_map), plate_map, N_COLUMNS + 2)
    assert tuple(unmarked[1, -2]) == tuple(unmarked[-1, 0])
    QToolTip.hideText()


@pytest.mark.soak
def test_what_was_found_becomes_a_queue(window: Window) -> None:
    window.explorer.find.setText("GENE05")
    window.qtbot.keyClick(window.explorer.find, Key.Key_Return)
    window.settle()
    menu = window.explorer.hits.queue_menu
    menu.aboutToShow.emit()
    assert "GENE05" in menu.found.text()
    menu.found.trigger()
    window.settle()
    items = window.session.review.queue.items
    assert [item.label for item in items] == [f"GENE05 guide {i}" for i in range(1, 7)]
    window.explorer.find.clear()
    menu.aboutToShow.emit()
    assert not menu.found.isEnabled()


@pytest.mark.soak
def test_the_tab_fits_the_dock_and_a_closed_one_is_quiet(window: Window, tmp_path: Path) -> None:
    panel = window.explorer.hits
    window.turn_to(panel)
    window.click_well("B03")
    panel.tags.buttons[0].click()
    window.settle()
    assert panel.width() <= 400
    assert panel.table.horizontalScrollBar().maximum() == 0
    review = window.session.review
    window.viewer.window.remove_dock_widget("all")
    QApplication.processEvents()
    review.tag(window.session.well, 2)
    assert review.counts()[2] == 1
